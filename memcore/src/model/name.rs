//! Names: operator / site / device / channel.
//!
//! A name is 1 to 64 of `[A-Za-z0-9_-]`; a channel is one or more names joined by dots (`node3.power`), 128 bytes at most.
//! A series is written `site.device.channel`, or `operator/site.device.channel` where the operator is not `local`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The operator of an installation that never names one.
pub const OPERATOR_DEFAULT: &str = "local";

const NAME_MAX: usize = 64;
const CHANNEL_MAX: usize = 128;

fn check_name(field: &str, text: &str) -> Result<()> {
    let fits = !text.is_empty() && text.len() <= NAME_MAX;
    if fits && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') {
        return Ok(());
    }
    Err(Error::invalid(format!("{field} is {:?}, expected 1 to {NAME_MAX} of A-Z a-z 0-9 _ -", shorten(text))))
}

/// What is quoted back to a sender stays short, whatever was sent.
pub(crate) fn shorten(text: &str) -> &str {
    match text.char_indices().nth(80) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

macro_rules! text_type {
    ($type:ident) => {
        impl $type {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Debug::fmt(&*self.0, f)
            }
        }
        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
        impl std::borrow::Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
        impl std::str::FromStr for $type {
            type Err = Error;
            fn from_str(text: &str) -> Result<Self> {
                Self::new(text)
            }
        }
        impl TryFrom<String> for $type {
            type Error = Error;
            fn try_from(text: String) -> Result<Self> {
                Self::new(&text)
            }
        }
        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0.to_string()
            }
        }
    };
}
pub(super) use text_type;

/// One part of a device's name: 1 to 64 of `[A-Za-z0-9_-]`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(Arc<str>);

impl Name {
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where the text is empty, longer than 64 or has another character.
    pub fn new(text: &str) -> Result<Self> {
        check_name("name", text)?;
        Ok(Self(text.into()))
    }
}
text_type!(Name);

/// The name of a channel within its device: names joined by dots, such as `power` or `node3.power`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ChannelName(Arc<str>);

impl ChannelName {
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where a part between dots is no name, or the whole exceeds 128 bytes.
    pub fn new(text: &str) -> Result<Self> {
        if text.len() > CHANNEL_MAX {
            return Err(Error::invalid(format!("channel has {} bytes, expected at most {CHANNEL_MAX}", text.len())));
        }
        text.split('.').try_for_each(|part| check_name("channel", part))?;
        Ok(Self(text.into()))
    }
}
text_type!(ChannelName);

/// Which device: operator, site and the device's own name. Written `site.device` or `operator/site.device`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DeviceName {
    /// The operator (MGO) that the site belongs to.
    pub operator: Name,
    /// The site (homegrid).
    pub site: Name,
    /// The device at the site.
    pub device: Name,
}

impl DeviceName {
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid), naming the part that is no [`Name`].
    pub fn new(operator: &str, site: &str, device: &str) -> Result<Self> {
        check_name("operator", operator)?;
        check_name("site", site)?;
        check_name("device", device)?;
        Ok(Self { operator: Name(operator.into()), site: Name(site.into()), device: Name(device.into()) })
    }

    /// The series of one of this device's channels.
    #[must_use]
    pub fn channel(&self, channel: ChannelName) -> SeriesName {
        SeriesName { device: self.clone(), channel }
    }
}

impl FromStr for DeviceName {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let (operator, rest) = text.split_once('/').unwrap_or((OPERATOR_DEFAULT, text));
        match rest.split_once('.') {
            Some((site, device)) => Self::new(operator, site, device),
            None => Err(Error::invalid(format!(
                "device is {:?}, expected `site.device` or `operator/site.device`",
                shorten(text)
            ))),
        }
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.operator.as_str() != OPERATOR_DEFAULT {
            write!(f, "{}/", self.operator)?;
        }
        write!(f, "{}.{}", self.site, self.device)
    }
}

/// Which series: a device's channel. Written `site.device.channel` or `operator/site.device.channel`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SeriesName {
    /// The device that the channel belongs to.
    pub device: DeviceName,
    /// The channel of the device.
    pub channel: ChannelName,
}

impl FromStr for SeriesName {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let (operator, rest) = text.split_once('/').unwrap_or((OPERATOR_DEFAULT, text));
        let mut parts = rest.splitn(3, '.');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(site), Some(device), Some(channel)) => {
                Ok(Self { device: DeviceName::new(operator, site, device)?, channel: ChannelName::new(channel)? })
            }
            _ => Err(Error::invalid(format!(
                "series is {:?}, expected `site.device.channel` such as `home1.pv.power`",
                shorten(text)
            ))),
        }
    }
}

impl fmt::Display for SeriesName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.device, self.channel)
    }
}

macro_rules! composed_text {
    ($type:ident) => {
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "\"{self}\"")
            }
        }
        impl TryFrom<String> for $type {
            type Error = Error;
            fn try_from(text: String) -> Result<Self> {
                text.parse()
            }
        }
        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.to_string()
            }
        }
    };
}
composed_text!(DeviceName);
composed_text!(SeriesName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_read_as_it_is_written() {
        for text in ["home1.pv.power", "acme/home1.hem-1.node3.power"] {
            assert_eq!(text.parse::<SeriesName>().unwrap().to_string(), text);
        }
        assert_eq!("local/home1.pv.power".parse::<SeriesName>().unwrap().to_string(), "home1.pv.power");
        let hem: SeriesName = "home1.hem.node3.power".parse().unwrap();
        assert_eq!((hem.device.device.as_str(), hem.channel.as_str()), ("hem", "node3.power"));
    }

    #[test]
    fn what_is_no_name_is_refused_and_quoted() {
        let long = "x".repeat(65);
        for (text, quoted) in [
            ("home1.pv", "site.device.channel"),
            ("home1..power", "\"\""),
            ("home1.pv.a..b", "channel is \"\""),
            ("home 1.pv.power", "site is \"home 1\""),
            ("home1.*.power", "device is \"*\""),
            ("../etc.pv.power", "operator is \"..\""),
            (&format!("{long}.pv.power"), "expected 1 to 64"),
            ("home1.pv.p\0", "channel is \"p\\0\""),
        ] {
            let e = text.parse::<SeriesName>().unwrap_err();
            assert!(e.message().contains(quoted), "{text:?}: {e}");
        }
    }
}
