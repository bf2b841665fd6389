//! The `[store]` section of the configuration.
//!
//! ```toml
//! [store]
//! keep = "2y"
//! max_size = "10GB"
//! reserve = "256MB"
//! [[store.retention]]
//! devices = "home1.*"
//! keep = "90d"
//! ```

use std::fmt::Display;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

use super::sizes;
use crate::error::{Error, Result};
use crate::model::{Span, shorten, written};
use crate::store::{DevicePattern, StoreOptions, SyncPolicy};

/// A store that is smaller would hold little but its log.
const SIZE_MIN: u64 = 16_000_000;

/// When what was stored is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sync {
    /// Before it is acknowledged.
    #[default]
    Each,
    /// Once a second; a power cut may lose what was acknowledged in between.
    Interval,
    /// When the operating system pleases.
    Os,
}

/// The `[store]` section.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct StoreConfig {
    /// `each`, `interval` or `os`.
    pub sync: Sync,
    /// How long data are kept: `36h`, `90d`, `8w`, `2y`, of weeks of 7 and years of 365 days; for ever where it is absent.
    #[serde(deserialize_with = "keep", serialize_with = "written::span::serialize")]
    pub keep: Option<Span>,
    /// The most that the store takes of the disk, `10GB`; beyond it the oldest data go. At least `16MB`.
    #[serde(deserialize_with = "max_size", serialize_with = "sizes::serialize_maybe")]
    pub max_size: Option<u64>,
    /// What the store leaves free, `256MB`; at most 5 % of the file system.
    #[serde(with = "sizes")]
    pub reserve: u64,
    /// The most devices that may be registered.
    pub max_devices: usize,
    /// Rules for some devices. The first that matches holds, in place of `keep`.
    pub retention: Vec<RetentionRule>,
}

impl Default for StoreConfig {
    fn default() -> Self {
        let StoreOptions { reserve_bytes, max_devices, .. } = StoreOptions::default();
        let (sync, reserve) = (Sync::default(), reserve_bytes);
        Self { sync, keep: None, max_size: None, reserve, max_devices, retention: Vec::new() }
    }
}

/// How long data of some devices are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RetentionRule {
    /// Which devices: `home1.*`.
    #[serde(deserialize_with = "devices", serialize_with = "said")]
    pub devices: DevicePattern,
    /// How long.
    #[serde(deserialize_with = "rule_keep", serialize_with = "written::length::serialize")]
    pub keep: Span,
}

impl StoreConfig {
    pub(crate) fn options(&self) -> StoreOptions {
        let sync = match self.sync {
            Sync::Each => SyncPolicy::Each,
            Sync::Interval => SyncPolicy::Interval(std::time::Duration::from_secs(1)),
            Sync::Os => SyncPolicy::Os,
        };
        let options = StoreOptions::default().sync(sync).keep(self.keep).max_bytes(self.max_size);
        let options = options.reserve_bytes(self.reserve).max_devices(self.max_devices);
        let rules = self.retention.iter();
        rules.fold(options, |options, rule| options.keep_for(rule.devices.clone(), rule.keep))
    }
}

fn parsed<'de, T, E: Display, D: Deserializer<'de>>(
    deserializer: D,
    parse: impl Fn(&str) -> std::result::Result<T, E>,
) -> std::result::Result<T, D::Error> {
    parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

/// As it is written in a file.
fn said<T: Display, S: serde::Serializer>(value: &T, to: S) -> std::result::Result<S::Ok, S::Error> {
    to.collect_str(value)
}

fn keep<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<Span>, D::Error> {
    parsed(deserializer, read_keep).map(Some)
}

fn rule_keep<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Span, D::Error> {
    parsed(deserializer, read_keep)
}

fn devices<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<DevicePattern, D::Error> {
    parsed(deserializer, DevicePattern::from_str)
}

fn max_size<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<u64>, D::Error> {
    sizes::at_least(deserializer, SIZE_MIN).map(Some)
}

/// Weeks and years beside the units of a span; they do not follow a calendar.
fn read_keep(text: &str) -> Result<Span> {
    let days = |number: &str, days: i64| number.parse::<i64>().ok()?.checked_mul(days)?.checked_mul(86_400_000_000);
    let span = match text.strip_suffix('y').map(|number| (number, 365)).or(text.strip_suffix('w').map(|n| (n, 7))) {
        Some((number, each)) => days(number, each).map(Span::from_micros),
        None => text.parse().ok(),
    };
    match span {
        Some(span) if span > Span::from_micros(0) => Ok(span),
        Some(_) => Err(Error::invalid(format!("time to keep is {text:?}, expected more than nothing"))),
        None => {
            let text = shorten(text);
            Err(Error::invalid(format!(
                "time to keep is {text:?}, expected such as 36h, 90d, 8w (of 7 days) or 2y (of 365)"
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_section_becomes_the_options_of_the_store() {
        let text = "keep = \"2y\"\nmax_size = \"10GB\"\nreserve = \"256 MiB\"\nmax_devices = 70\n\
                    [[retention]]\ndevices = \"home1.*\"\nkeep = \"8w\"\n[[retention]]\ndevices = \">\"\nkeep = \"36h\"";
        let options = toml::from_str::<StoreConfig>(text).unwrap().options();
        let days = |days: i64| Span::from_seconds(days * 86_400);
        assert_eq!((options.keep, options.max_bytes), (Some(days(730)), Some(10_000_000_000)));
        assert_eq!((options.reserve_bytes, options.max_devices), (256 << 20, 70));
        let rules: Vec<(String, Span)> =
            options.retention.iter().map(|(devices, span)| (devices.to_string(), *span)).collect();
        assert_eq!(rules, [("home1.*".into(), days(56)), (">".into(), Span::from_seconds(36 * 3600))]);
        assert_eq!(StoreConfig::default().options(), StoreOptions::default());
    }
}
