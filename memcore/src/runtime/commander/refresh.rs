//! Values that a device would forget: set again in time, where its description says how long it remembers them (P48).
//!
//! memcore's own SDK does that by itself and keeps quiet about it; this is for devices of others.

use std::collections::HashMap;
use std::time::Duration;

use crate::model::{Command, SeriesName, Span};

/// How long a refresh may be on its way, and so how much longer than its lease a value may hold.
pub(crate) const WITHIN: Duration = Duration::from_secs(1);

/// A wish that is to be sent again under an id of its own.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refresh {
    /// The command that it repeats, with the rest of its lease.
    pub(crate) of: Command,
}

/// A command that stands: it is done, and no other has come for its channel.
#[derive(Debug)]
struct Standing {
    command: Command,
    hold: Duration,
    /// When its lease ends, counted from when it was sent: no later than at the device.
    ends: Option<Duration>,
    next: Duration,
}

/// What stands on channels that forget. As many as channels were commanded that say so.
#[derive(Debug, Default)]
pub(super) struct Refreshes {
    standing: HashMap<SeriesName, Standing>,
}

impl Refreshes {
    /// A command that was sent at `sent` is done.
    pub(super) fn stands(&mut self, command: &Command, hold: Span, sent: Duration) {
        let hold = hold.to_duration();
        let ends = command.lease.map(|lease| sent.saturating_add(lease.to_duration()));
        let standing = Standing { command: command.clone(), hold, ends, next: sent.saturating_add(hold / 2) };
        self.standing.insert(command.target.clone(), standing);
    }

    /// It was set again by what was sent at `sent`.
    pub(super) fn refreshed(&mut self, target: &SeriesName, sent: Duration) {
        if let Some(standing) = self.standing.get_mut(target) {
            standing.next = sent.saturating_add(standing.hold / 2);
        }
    }

    /// Nothing that is known stands there any more.
    pub(super) fn dropped(&mut self, target: &SeriesName) {
        self.standing.remove(target);
    }

    /// What is to be sent again now; `free` says whether a channel's device is there and has nothing newer to do. What is not
    /// answered is sent again, a while later.
    pub(super) fn due(&mut self, now: Duration, free: impl Fn(&SeriesName) -> bool) -> Vec<Refresh> {
        self.standing.retain(|_, standing| standing.ends.is_none_or(|ends| ends > now));
        let mut due = Vec::new();
        for (target, standing) in &mut self.standing {
            let rest = standing.ends.map(|ends| ends.saturating_sub(now));
            if standing.next > now || rest.is_some_and(|rest| rest <= WITHIN) || !free(target) {
                continue;
            }
            standing.next = now.saturating_add((standing.hold / 8).max(WITHIN));
            due.push(Refresh { of: Command { lease: rest.map(Span::from), ..standing.command.clone() } });
        }
        due
    }
}
