//! The present, told by both clocks.

use std::time::Duration;

use crate::model::{Clock, Span, Timestamp};

/// The present. What lasts is told by `elapsed`, which never jumps; calendars go by `wall`, which may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The wall clock.
    pub wall: Timestamp,
    /// The monotonic clock: time since any fixed moment.
    pub elapsed: Duration,
}

impl Moment {
    /// The present of a clock.
    #[must_use]
    pub fn of(clock: &dyn Clock) -> Self {
        Self { wall: clock.now(), elapsed: clock.monotonic() }
    }

    /// So much later, by both clocks.
    #[must_use]
    pub fn after(self, span: Span) -> Self {
        Self { wall: self.wall.saturating_add(span), elapsed: self.elapsed + span.to_duration() }
    }

    /// How long ago that was, by the clock that never jumps.
    #[must_use]
    pub fn since(self, earlier: Duration) -> Span {
        Span::from(self.elapsed.saturating_sub(earlier))
    }
}
