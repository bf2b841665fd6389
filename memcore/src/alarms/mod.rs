//! Alarms: what is watched, when an alarm is raised, when it clears, and when who is told; pure, time is an argument.
//!
//! [`RuleSettings`] are what a person says, a [`Rule`] is what was checked, a [`Watcher`] holds what devices say against rules, and a
//! [`Herald`] says who is to be told of what.

mod alarm;
mod herald;
mod judge;
mod moment;
mod notifier;
mod presence;
mod quiet;
mod rule;
mod said;
mod track;
mod watcher;

pub use alarm::{Acknowledgement, Alarm, AlarmState};
pub use herald::{Bundle, Herald, Note, Pace, Telling};
pub use moment::Moment;
pub use notifier::{Notifier, NotifierSettings, Way};
pub use quiet::Quiet;
pub use rule::Rule;
pub use said::{QuietSettings, RuleSettings, Severity, WatchSettings};
pub use track::{AlarmChange, What};
pub use watcher::{SeriesFacts, TRACKS_MAX, Watcher};
