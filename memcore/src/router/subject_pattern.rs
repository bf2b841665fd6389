//! Patterns over subjects: who wants which messages.

use std::fmt;
use std::str::FromStr;

use super::subject::{DEAD, LENGTH_MAX, LIVE, ROOT, Subject};
use crate::error::{Error, Result};
use crate::model::{DeviceName, OPERATOR_DEFAULT, Pattern, shorten};

/// Selects subjects with the wildcards of NATS: `*` is one part between dots, a closing `>` is one or more.
///
/// It starts with `mem.` (the living), `dead.` (what was set aside) or `live.` (what is only shown).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SubjectPattern {
    text: String,
}

impl SubjectPattern {
    /// Every message of every device.
    #[must_use]
    pub fn all() -> Self {
        Self { text: "mem.>".into() }
    }

    /// Every message that was set aside.
    #[must_use]
    pub fn dead() -> Self {
        Self { text: "dead.>".into() }
    }

    /// Every message of one device.
    #[must_use]
    pub fn of_device(device: &DeviceName) -> Self {
        let DeviceName { operator, site, device } = device;
        Self { text: format!("{ROOT}{operator}.{site}.{device}.>") }
    }

    /// The narrowest pattern that covers the data of all series that `pattern` selects. Data travels per device with all
    /// channels together, so the channel part of `pattern` is left to the receiver.
    #[must_use]
    pub fn data_of(pattern: &Pattern) -> Self {
        Self::series_of(pattern, ROOT, "data")
    }

    /// As [`data_of`](Self::data_of), of what is only shown.
    #[must_use]
    pub fn live_of(pattern: &Pattern) -> Self {
        Self::series_of(pattern, LIVE, "live")
    }

    fn series_of(pattern: &Pattern, root: &str, kind: &str) -> Self {
        let text = pattern.to_string();
        let (operator, rest) = text.split_once('/').unwrap_or((OPERATOR_DEFAULT, &text));
        let mut parts = rest.split('.').take_while(|part| *part != ">");
        let mut part = || parts.next().unwrap_or("*");
        let (site, device) = (part(), part());
        Self { text: format!("{root}{operator}.{site}.{device}.{kind}") }
    }

    /// Whether the subject is selected.
    #[must_use]
    pub fn matches(&self, subject: &Subject) -> bool {
        let mut have = subject.as_str().split('.');
        for part in self.text.split('.') {
            match (part, have.next()) {
                (">", Some(_)) => return true,
                ("*", Some(_)) => {}
                (word, Some(text)) if word == text => {}
                _ => return false,
            }
        }
        have.next().is_none()
    }

    /// Whether it selects what was set aside.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.text.starts_with(DEAD)
    }

    /// Whether it selects what is only shown.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.text.starts_with(LIVE)
    }

    /// The pattern as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for SubjectPattern {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let refuse = |what: &str| {
            Error::invalid(format!(
                "subject pattern is {:?}: {what}, expected such as `mem.local.home1.*.data` or `mem.>`",
                shorten(text)
            ))
        };
        if text.len() > LENGTH_MAX {
            return Err(refuse("too long"));
        }
        if ![ROOT, DEAD, LIVE].iter().any(|root| text.starts_with(root)) {
            return Err(refuse("it starts with neither `mem.`, `dead.` nor `live.`"));
        }
        let word = |part: &str| part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        let mut parts = text.split('.').peekable();
        while let Some(part) = parts.next() {
            match part {
                "" => return Err(refuse("a part is empty")),
                ">" if parts.peek().is_some() => return Err(refuse("`>` stands before the end")),
                "*" | ">" => {}
                part if word(part) => {}
                part => return Err(refuse(&format!("{:?} is neither a name nor a wildcard", shorten(part)))),
            }
        }
        Ok(Self { text: text.into() })
    }
}

impl From<&Subject> for SubjectPattern {
    fn from(subject: &Subject) -> Self {
        Self { text: subject.as_str().to_owned() }
    }
}

impl fmt::Display for SubjectPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for SubjectPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_nats() {
        for (pattern, subject, expected) in [
            ("mem.>", "mem.local.home1.pv.data", true),
            ("mem.>", "dead.mem.local.home1.pv.data", false),
            ("dead.>", "dead.mem.local.home1.pv.data", true),
            ("mem.local.home1.*.data", "mem.local.home1.pv.data", true),
            ("mem.local.home1.*.data", "mem.local.home1.pv.data.power", false),
            ("mem.local.home1.*.data.>", "mem.local.home1.pv.data", false),
            ("mem.local.home1.*.data.>", "mem.local.home1.pv.data.node3.power", true),
            ("mem.*.*.*.command.>", "mem.acme.home1.pv.command.power", true),
            ("mem.local.home1.pv.data", "mem.local.home1.pv.data", true),
            ("mem.local.home1.pv", "mem.local.home1.pv.data", false),
        ] {
            let (pattern, subject): (SubjectPattern, Subject) = (pattern.parse().unwrap(), subject.parse().unwrap());
            assert_eq!(pattern.matches(&subject), expected, "{pattern} on {subject}");
        }
        for text in
            ["", ">", "*.>", "mem", "mem.", "mem..x", "mem.>.x", "mem.a b", "mem.p*", "mem.a.>.", "$JS.>", "mem.a\n"]
        {
            assert!(text.parse::<SubjectPattern>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_pattern_over_series_becomes_the_narrowest_over_subjects() {
        for (series, subjects) in [
            ("home1.pv.power", "mem.local.home1.pv.data"),
            ("home1.*.power", "mem.local.home1.*.data"),
            ("home1.hem.>", "mem.local.home1.hem.data"),
            ("home1.>", "mem.local.home1.*.data"),
            ("*/>", "mem.*.*.*.data"),
            ("acme/*.meter.power", "mem.acme.*.meter.data"),
        ] {
            assert_eq!(SubjectPattern::data_of(&series.parse().unwrap()).as_str(), subjects, "{series}");
        }
    }
}
