//! Alarms: what is watched, when an alarm is raised, when it clears, and when who is told; pure, time is an argument.
//!
//! [`RuleSettings`] are what a person says; a [`Rule`] is what was checked.

mod alarm;
mod notifier;
mod said;

pub use alarm::{Acknowledgement, Alarm, AlarmState};
pub use notifier::{Notifier, NotifierSettings, Way};
pub use said::{QuietSettings, RuleSettings, Severity, WatchSettings};
