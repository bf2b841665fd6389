//! A device that says one thing again and again does not push everything else out of the history.

use std::collections::HashMap;

use crate::model::{DeviceName, EventKind, Span, Timestamp};

/// How long one counts.
const WINDOW: Span = Span::from_seconds(60);

/// Refusals, reports and connections of a device that are kept in that time. Full-policy: the rest is counted and not kept.
const KEPT: u32 = 120;

/// What each device has used up. As many entries as devices spoke within the window.
#[derive(Debug, Default)]
pub(super) struct Ration {
    since: Option<Timestamp>,
    used: HashMap<DeviceName, u32>,
    left_out: u64,
}

impl Ration {
    /// Whether an event is to be kept.
    pub(super) fn admits(&mut self, time: Timestamp, kind: &EventKind) -> bool {
        let (EventKind::Rejected { device, .. }
        | EventKind::Reported { device, .. }
        | EventKind::Connected { device, .. }
        | EventKind::Disconnected { device, .. }) = kind
        else {
            return true;
        };
        // A clock that was set back begins anew, too.
        if self.since.is_none_or(|since| time < since || time.since(since) >= WINDOW) {
            self.since = Some(time);
            self.used.clear();
        }
        let used = self.used.entry(device.clone()).or_default();
        *used += 1;
        let admitted = *used <= KEPT;
        self.left_out += u64::from(!admitted);
        admitted
    }

    /// How many were left out since the last time.
    pub(super) fn take_left_out(&mut self) -> u64 {
        std::mem::take(&mut self.left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_device_that_chatters_is_cut_short_and_the_others_are_heard() {
        let rejected = |device: &str| {
            let (code, detail) = ("out_of_range".to_owned(), String::new());
            EventKind::Rejected { device: device.parse().unwrap(), code, detail }
        };
        let mut ration = Ration::default();
        let kept = (0..1000).filter(|_| ration.admits(Timestamp::from_seconds(10), &rejected("home1.pv"))).count();
        assert_eq!((kept, ration.take_left_out(), ration.take_left_out()), (120, 880, 0));
        assert!(ration.admits(Timestamp::from_seconds(11), &rejected("home1.meter")));
        assert!(ration.admits(Timestamp::from_seconds(11), &EventKind::Writable), "what is rare is always kept");
        assert!(ration.admits(Timestamp::from_seconds(70), &rejected("home1.pv")), "a minute later");
    }
}
