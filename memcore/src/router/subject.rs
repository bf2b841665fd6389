//! Subjects: where a message belongs, as text that NATS routes unchanged.
//!
//! `mem.<operator>.<site>.<device>.<kind>[.<channel>]`; a message that was set aside stands under `dead.` and its subject. What
//! is only shown, and nowhere kept, stands under `live.` in the place of `mem.`.
//! A subject is built from checked names or parsed with the same checks, so a wildcard, a space or an empty part from
//! outside never reaches the routing.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::model::{ChannelName, DeviceName, shorten};

pub(super) const ROOT: &str = "mem.";
pub(super) const DEAD: &str = "dead.";
pub(super) const LIVE: &str = "live.";
/// Longer than any subject that names can form (4 names, a kind, a channel, two roots).
pub(super) const LENGTH_MAX: usize = 384;

/// What a message is about; the part of the subject after the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// Measured values.
    Data,
    /// Something that happened at the device.
    Event,
    /// An order to the device.
    Command,
    /// What became of an order.
    Result,
    /// A device introduces itself.
    Hello,
    /// Measured values for those who look now, ahead of older ones that are still to come as data. For viewers alone.
    Live,
}

impl MessageKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [Self::Data, Self::Event, Self::Command, Self::Result, Self::Hello, Self::Live];

    /// The word in the subject.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Event => "event",
            Self::Command => "command",
            Self::Result => "result",
            Self::Hello => "hello",
            Self::Live => "live",
        }
    }

    /// What a subject of this kind begins with.
    const fn root(self) -> &'static str {
        if matches!(self, Self::Live) { LIVE } else { ROOT }
    }
}

impl FromStr for MessageKind {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| {
            Error::invalid(format!("kind is {:?}, expected data, event, command, result, hello or live", shorten(text)))
        })
    }
}

/// Where one message belongs. Cheap to clone: a sender makes it once per device and kind and keeps it.
#[derive(Clone)]
pub struct Subject {
    text: Arc<str>,
    kind: MessageKind,
    dead: bool,
}

impl Subject {
    /// The subject of a device's messages of one kind, where needed for one channel.
    #[must_use]
    pub fn new(device: &DeviceName, kind: MessageKind, channel: Option<&ChannelName>) -> Self {
        let DeviceName { operator, site, device } = device;
        let (root, word) = (kind.root(), kind.as_str());
        let text = match channel {
            Some(channel) => format!("{root}{operator}.{site}.{device}.{word}.{channel}"),
            None => format!("{root}{operator}.{site}.{device}.{word}"),
        };
        Self { text: text.into(), kind, dead: false }
    }

    /// The subject under which a device's measured values travel, all channels together.
    #[must_use]
    pub fn data(device: &DeviceName) -> Self {
        Self::new(device, MessageKind::Data, None)
    }

    /// The subject under which a device's newest values are shown while older ones are still to come.
    #[must_use]
    pub fn live(device: &DeviceName) -> Self {
        Self::new(device, MessageKind::Live, None)
    }

    /// What the message is about.
    #[must_use]
    pub fn kind(&self) -> MessageKind {
        self.kind
    }

    /// Whether this is the place of a message that was set aside.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.dead
    }

    /// Where this message goes when it is set aside; a dead subject stays as it is, and so does what is only shown.
    #[must_use]
    pub fn to_dead(&self) -> Self {
        if self.dead || self.kind == MessageKind::Live {
            return self.clone();
        }
        Self { text: format!("{DEAD}{}", self.text).into(), kind: self.kind, dead: true }
    }

    /// The device that the message comes from or goes to.
    #[must_use]
    pub fn device(&self) -> DeviceName {
        let mut parts = self.parts();
        let mut next = || parts.next().unwrap_or_default();
        DeviceName::new(next(), next(), next()).expect("a subject holds checked names")
    }

    /// `operator.site.device`: the same text for all messages of a device.
    #[cfg(feature = "nats")]
    pub(super) fn device_part(&self) -> &str {
        let below = self.below_root();
        below.match_indices('.').nth(2).map_or(below, |(end, _)| &below[..end])
    }

    /// The channel, where the subject names one.
    #[must_use]
    pub fn channel(&self) -> Option<ChannelName> {
        self.below_root().splitn(5, '.').nth(4).map(|text| ChannelName::new(text).expect("a subject holds checked names"))
    }

    /// The subject as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn below_root(&self) -> &str {
        let dead = if self.dead { DEAD.len() } else { 0 };
        &self.text[dead + self.kind.root().len()..]
    }

    fn parts(&self) -> impl Iterator<Item = &str> {
        self.below_root().split('.')
    }
}

impl FromStr for Subject {
    type Err = Error;

    /// The text as it came from outside, checked part by part.
    fn from_str(text: &str) -> Result<Self> {
        let refuse = |what: String| {
            Error::invalid(format!(
                "subject is {:?}: {what}, expected `mem.operator.site.device.kind` or that with `.channel`",
                shorten(text)
            ))
        };
        if text.len() > LENGTH_MAX {
            return Err(refuse(format!("{} bytes, at most {LENGTH_MAX} are allowed", text.len())));
        }
        let (dead, rest) = text.strip_prefix(DEAD).map_or((false, text), |rest| (true, rest));
        let (root, below) = match rest.strip_prefix(ROOT) {
            Some(below) => (ROOT, below),
            None if dead => return Err(refuse("it does not start with `dead.mem.`".into())),
            None => {
                (LIVE, rest.strip_prefix(LIVE).ok_or_else(|| refuse("it does not start with `mem.` or `live.`".into()))?)
            }
        };
        let parts: Vec<&str> = below.splitn(5, '.').collect();
        let [operator, site, device, kind, channel @ ..] = parts.as_slice() else {
            return Err(refuse("too few parts".into()));
        };
        DeviceName::new(operator, site, device).map_err(|e| refuse(e.message().to_owned()))?;
        let kind = kind.parse::<MessageKind>().map_err(|e| refuse(e.message().to_owned()))?;
        if kind.root() != root {
            return Err(refuse(format!("{kind:?} stands under `{}`", kind.root())));
        }
        if let [channel] = channel {
            ChannelName::new(channel).map_err(|e| refuse(e.message().to_owned()))?;
        }
        Ok(Self { text: text.into(), kind, dead })
    }
}

impl PartialEq for Subject {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}
impl Eq for Subject {}

impl std::hash::Hash for Subject {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

/// A subject is found in a map by its text.
impl std::borrow::Borrow<str> for Subject {
    fn borrow(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.text, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_read_as_it_was_built() {
        let device: DeviceName = "acme/home1.hem-1".parse().unwrap();
        let channel = ChannelName::new("node3.power").unwrap();
        for kind in MessageKind::ALL {
            for channel in [None, Some(&channel)] {
                let built = Subject::new(&device, kind, channel);
                let read: Subject = built.as_str().parse().unwrap();
                assert_eq!((read.kind(), read.device(), read.channel().as_ref()), (kind, device.clone(), channel));
                assert_eq!(read, built);
            }
        }
        assert_eq!(Subject::data(&device).as_str(), "mem.acme.home1.hem-1.data");
    }

    #[test]
    fn what_was_set_aside_still_tells_its_device() {
        let subject: Subject = "mem.local.home1.pv.event.power".parse().unwrap();
        let dead = subject.to_dead();
        assert_eq!(dead.as_str(), "dead.mem.local.home1.pv.event.power");
        assert_eq!(dead.as_str().parse::<Subject>().unwrap(), dead);
        assert_eq!((dead.device(), dead.channel()), (subject.device(), subject.channel()));
        assert_eq!(dead.to_dead(), dead);
    }

    #[test]
    fn subjects_from_outside_carry_no_wildcards_spaces_or_holes() {
        let long = format!("mem.a.b.c.data.{}", "x".repeat(400));
        for text in [
            "",
            "mem",
            "mem.",
            ">",
            "mem.>",
            "mem.a.b.c",
            "mem.a.b.c.",
            "mem.a.b.c.data.",
            "mem.a..c.data",
            "mem.*.b.c.data",
            "mem.a.b.c.*",
            "mem.a.b.c.data.>",
            "mem.a.b c.d.data",
            "mem.a.b.c.data ",
            " mem.a.b.c.data",
            "mem.a.b.c.data.x..y",
            "mem...a.data",
            "mem.a.b.../etc.data",
            "mem.a.b.c.secret",
            "mem.a.b.c.data.\r\nPUB x",
            "mem.a.b.c.live",
            "live.a.b.c.data",
            "dead.live.a.b.c.live",
            "dead.dead.mem.a.b.c.data",
            "$JS.API.STREAM.DELETE.MEM",
            "mem.ä.b.c.data",
            &long,
        ] {
            let e = text.parse::<Subject>().expect_err(text);
            assert!(e.message().starts_with("subject is") && e.message().len() < 500, "{e}");
        }
    }
}
