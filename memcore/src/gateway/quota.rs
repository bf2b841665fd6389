//! How many points a device may send: a bucket that fills at its rate. Time is an argument.

use std::time::Duration;

use crate::model::PointRate;

/// What a device may send at this moment.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Allowance {
    /// Points sent beyond the sustained rate; negative never. A new session begins with none.
    ahead: f64,
    at: Duration,
}

impl Allowance {
    /// The device has sent so many points: for how long it is not to be read. What has arrived is taken whatever it was.
    pub(super) fn spend(&mut self, rate: PointRate, points: usize, now: Duration) -> Duration {
        let passed = now.saturating_sub(self.at).as_secs_f64();
        self.at = now;
        self.ahead = (self.ahead - passed * rate.per_second).max(0.0) + points as f64;
        let wait = (self.ahead - rate.burst).max(0.0) / rate.per_second;
        Duration::try_from_secs_f64(wait).unwrap_or(Duration::MAX)
    }
}

/// How a connection keeps to what its device may send: by not reading it for a while.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Quota {
    allowance: Allowance,
    held_until: Option<Duration>,
    told: bool,
}

impl Quota {
    /// The device has sent so many points; true where it has sent more than it may for the first time.
    pub(super) fn spend(&mut self, rate: PointRate, points: usize, now: Duration) -> bool {
        let wait = self.allowance.spend(rate, points, now);
        if wait.is_zero() {
            return false;
        }
        self.held_until = Some(now.saturating_add(wait));
        !std::mem::replace(&mut self.told, true)
    }

    /// For how long the device is still not to be read, if it is not.
    pub(super) fn held(&self, now: Duration) -> Option<Duration> {
        self.held_until.map(|until| until.saturating_sub(now)).filter(|left| !left.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_burst_passes_and_then_the_sustained_rate_holds() {
        let rate = PointRate::new(100.0, Some(1000.0)).unwrap();
        let mut allowance = Allowance::default();
        assert_eq!(allowance.spend(rate, 1000, s(0)), s(0));
        assert_eq!(allowance.spend(rate, 100, s(0)), s(1));
        // It waits as it was told, and sends the next hundred.
        assert_eq!(allowance.spend(rate, 100, s(1)), s(1));
        assert_eq!(allowance.spend(rate, 0, s(60)), s(0));
        assert_eq!(allowance.spend(rate, 1000, s(60)), s(0), "rested, it may run ahead again");
    }

    #[test]
    fn it_is_told_once_and_the_device_is_held_for_as_long_as_it_has_run_ahead() {
        let (mut quota, rate) = (Quota::default(), PointRate::new(10.0, Some(10.0)).unwrap());
        assert!(!quota.spend(rate, 10, s(0)));
        assert_eq!(quota.held(s(0)), None);
        assert!(quota.spend(rate, 20, s(0)));
        assert_eq!((quota.held(s(0)), quota.held(s(1)), quota.held(s(2))), (Some(s(2)), Some(s(1)), None));
        assert!(!quota.spend(rate, 20, s(2)), "told already");
    }

    #[test]
    fn over_a_day_no_more_than_the_rate_comes_through_however_it_is_cut() {
        let rate = PointRate::new(8.0, Some(64.0)).unwrap();
        let (mut allowance, mut now, mut sent) = (Allowance::default(), Duration::ZERO, 0);
        for points in [1, 500, 3, 64, 8, 2000].iter().cycle() {
            if now >= s(86_400) {
                break;
            }
            now += allowance.spend(rate, *points, now).max(Duration::from_millis(1));
            sent += points;
        }
        let most = 8.0 * now.as_secs_f64() + 64.0 + 2000.0;
        let sent = sent as f64;
        assert!(sent <= most && sent >= 8.0 * 86_400.0, "{sent} of {most}");
    }

    #[test]
    fn a_clock_that_stands_or_a_rate_of_almost_nothing_overflows_nothing() {
        let rate = PointRate { per_second: f64::MIN_POSITIVE, burst: 1.0 };
        assert_eq!(Allowance::default().spend(rate, usize::MAX, s(0)), Duration::MAX);
    }
}
