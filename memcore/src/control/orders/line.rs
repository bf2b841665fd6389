//! One channel that takes orders: when the next is due, and what became of the last.

use std::time::Duration;

use crate::model::CommandState;

/// The longest back-off.
const BACK_OFF_MAX: Duration = Duration::from_secs(60);

/// What became of an order, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Waiting,
    Confirmed,
    Failed,
    Unknown,
}

/// What a channel was told last.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    pub(super) number: u64,
    pub(super) value: f64,
    pub(super) at: Duration,
    /// Since when it has been told this value, renewals aside.
    pub(super) since: Duration,
    /// Whether it was confirmed since then.
    pub(super) taken: bool,
    pub(super) answer: Answer,
}

/// One channel that takes orders.
#[derive(Debug, Clone, Default)]
pub(super) struct Line {
    pub(super) told: Option<Told>,
    /// Since one was confirmed.
    pub(super) failures: u32,
    retry_at: Duration,
    pub(super) fault: Option<String>,
}

/// What an asset is to be told now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) value: f64,
    /// A rise by less is left.
    pub(super) resolution: f64,
    pub(super) safety: bool,
    /// Whether what is measured since the last order agrees with it, where something was.
    pub(super) agrees: Option<bool>,
    pub(super) lease: Duration,
}

impl Line {
    /// Whether an order is due.
    pub(super) fn due(&self, wanted: &Wanted, now: Duration) -> bool {
        let Some(told) = self.told else { return true };
        let since = now.saturating_sub(told.at);
        if differs(told.value, wanted.value, wanted.resolution) {
            return wanted.safety || self.failures == 0 || now >= self.retry_at;
        }
        match (told.answer, wanted.agrees) {
            (Answer::Waiting | Answer::Confirmed, _) | (Answer::Unknown, Some(true)) => since >= wanted.lease / 3,
            (Answer::Failed, _) | (Answer::Unknown, Some(false)) => now >= self.retry_at,
            (Answer::Unknown, None) => since >= wanted.lease,
        }
    }

    /// Takes what became of the order of that number, where it is the last.
    pub(super) fn answered(&mut self, number: u64, state: &CommandState, tolerance: f64, now: Duration) {
        let Some(told) = self.told.as_mut().filter(|told| told.number == number) else { return };
        let wrong = |read: f64| (read - told.value).abs() > tolerance.max(0.01 * told.value.abs());
        let failed = match state {
            CommandState::Done { read_back: Some(read) } | CommandState::Unknown { read_back: Some(read) }
                if wrong(*read) =>
            {
                format!("it reads back {read} instead of {}", told.value)
            }
            CommandState::Done { .. } | CommandState::Unknown { read_back: Some(_) } => {
                (told.answer, told.taken, self.failures, self.fault) = (Answer::Confirmed, true, 0, None);
                return;
            }
            CommandState::Refused { code, reason } => format!("it refused {}: {code}, {reason}", told.value),
            CommandState::Expired => format!("{} did not reach it in time", told.value),
            CommandState::Unknown { read_back: None } => {
                (told.answer, self.retry_at) = (Answer::Unknown, now + Duration::from_secs(1));
                self.fault = Some(format!("whether it took {} is not known", told.value));
                return;
            }
            CommandState::Queued | CommandState::Sent | CommandState::Accepted => return,
        };
        (told.answer, told.taken) = (Answer::Failed, false);
        self.failures = self.failures.saturating_add(1);
        let back_off = Duration::from_secs(1 << (self.failures - 1).min(6)).min(BACK_OFF_MAX);
        (self.retry_at, self.fault) = (now + back_off, Some(failed));
    }
}

/// Whether a value must be told: every fall in size, a change of sign, and a rise beyond the resolution.
fn differs(told: f64, value: f64, resolution: f64) -> bool {
    value * told < 0.0 || value.abs() < told.abs() * (1.0 - 1e-6) || (value - told).abs() > resolution
}
