//! Labels: what else a channel is known by, such as `phase=L1` or `room=kitchen`. They select series and mean nothing else.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::name::{shorten, text_type};
use crate::error::{Error, Result};

/// The labels of a channel, in order of their names.
pub type Labels = BTreeMap<LabelName, LabelValue>;

/// How many labels a channel may have.
pub const LABELS_MAX: usize = 32;

const NAME_MAX: usize = 64;
const VALUE_MAX: usize = 128;

/// What every channel can be selected by without a label, see [`Selection`](super::Selection).
pub(super) const OWN: [&str; 10] =
    ["operator", "site", "device", "channel", "series", "quantity", "unit", "kind", "sign", "writable"];

/// The name of a label: `[a-z][a-z0-9_]{0,63}`, and none of what every channel has anyway, such as `quantity` or `device`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LabelName(std::sync::Arc<str>);

impl LabelName {
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where the text is no such name.
    pub fn new(text: &str) -> Result<Self> {
        check_name(text)?;
        if OWN.contains(&text) {
            return Err(Error::invalid(format!("label is {text:?}, which every channel has: expected another name")));
        }
        Ok(Self(text.into()))
    }
}
text_type!(LabelName);

/// The value of a label: 1 to 128 characters, none of them a control character.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LabelValue(std::sync::Arc<str>);

impl LabelValue {
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where the text is empty, too long or has a control character.
    pub fn new(text: &str) -> Result<Self> {
        if !text.is_empty() && text.chars().count() <= VALUE_MAX && !text.chars().any(char::is_control) {
            return Ok(Self(text.into()));
        }
        let quoted = shorten(text);
        Err(Error::invalid(format!(
            "label value is {quoted:?}, expected 1 to {VALUE_MAX} characters without control characters"
        )))
    }
}
text_type!(LabelValue);

pub(super) fn check_name(text: &str) -> Result<()> {
    let rest = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    if text.starts_with(|c: char| c.is_ascii_lowercase()) && text.len() <= NAME_MAX && text.bytes().all(rest) {
        return Ok(());
    }
    let quoted = shorten(text);
    Err(Error::invalid(format!("label is {quoted:?}, expected 1 to {NAME_MAX} of a-z 0-9 _, a letter first")))
}

/// Labels from pairs of texts, as languages and files have them.
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid), naming the label.
pub fn labels<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Labels> {
    let label = |(name, value): (&str, &str)| {
        let value = LabelValue::new(value).map_err(|e| e.context(format_args!("label {}", shorten(name))))?;
        Ok((LabelName::new(name)?, value))
    };
    pairs.into_iter().map(label).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_label_is_named() {
        let long = "x".repeat(129);
        for (name, value, word) in [
            ("Phase", "L1", "\"Phase\""),
            ("1phase", "L1", "a letter first"),
            ("", "L1", "\"\""),
            ("quantity", "power", "every channel has"),
            ("room", "", "label room"),
            ("room", "a\nb", "control characters"),
            ("room", &long, "1 to 128"),
        ] {
            let e = labels([(name, value)]).unwrap_err();
            assert!(e.message().contains(word), "{name}={value}: {e}");
        }
        assert_eq!(labels([("phase", "L1"), ("room", "Küche 2")]).unwrap().len(), 2);
        assert!(LabelName::new(&"x".repeat(65)).is_err() && LabelName::new(&"x".repeat(64)).is_ok());
    }
}
