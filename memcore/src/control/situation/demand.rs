//! The mean import of the running interval of a demand charge. Its ends are those of the wall clock, its length is measured by the
//! monotonic one: a clock that is set moves the ends, and does not invent energy.

use std::time::Duration;

use crate::control::Moment;
use crate::model::Span;

/// How far the ends may seem to move before a clock was set, in seconds.
const SET_S: f64 = 1.0;

/// The running interval of a demand charge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Demand {
    /// The mean so far, in W; below zero where more flowed out than in.
    pub mean_w: f64,
    /// How much of it was measured.
    pub measured: Duration,
    /// How much of it is left.
    pub left: Duration,
}

/// What flowed in since the interval began.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Interval {
    /// When it began, in seconds of the monotonic clock; before that clock began where it is below zero.
    began_s: f64,
    /// Up to when it is counted.
    until_s: f64,
    joules: f64,
    measured_s: f64,
    running: bool,
}

impl Interval {
    /// Counts what has flowed until now at that power; None where it is not known.
    pub(super) fn advance(&mut self, power_w: Option<f64>, length: Span, now: Moment) {
        let (length_s, at_s) = (length.as_micros() as f64 / 1e6, now.elapsed.as_secs_f64());
        let since_s = now.wall.as_micros().rem_euclid(length.as_micros().max(1)) as f64 / 1e6;
        if !self.running {
            *self = Self { began_s: at_s - since_s, until_s: at_s, running: true, ..Self::default() };
        }
        self.count(power_w, at_s.min(self.began_s + length_s));
        if at_s >= self.began_s + length_s {
            let began_s = self.began_s + ((at_s - self.began_s) / length_s).floor() * length_s;
            *self = Self { began_s, until_s: began_s, running: true, ..Self::default() };
            self.count(power_w, at_s);
        }
        self.set(at_s - since_s, at_s, length_s);
    }

    fn count(&mut self, power_w: Option<f64>, until_s: f64) {
        let length_s = (until_s - self.until_s).max(0.0);
        if let Some(power_w) = power_w {
            self.joules += power_w * length_s;
            self.measured_s += length_s;
        }
        self.until_s = self.until_s.max(until_s);
    }

    /// The ends as the wall clock has them now. Where it was set, no more is kept than the new interval can have had.
    fn set(&mut self, began_s: f64, at_s: f64, length_s: f64) {
        let off_s = (began_s - self.began_s).rem_euclid(length_s);
        if off_s.min(length_s - off_s) <= SET_S {
            return;
        }
        let kept = if self.measured_s > 0.0 { ((at_s - began_s) / self.measured_s).clamp(0.0, 1.0) } else { 0.0 };
        (self.began_s, self.joules, self.measured_s) = (began_s, self.joules * kept, self.measured_s * kept);
    }

    /// None where nothing of it was measured.
    pub(super) fn demand(&self, length: Span) -> Option<Demand> {
        let left_s = (self.began_s + length.as_micros() as f64 / 1e6 - self.until_s).max(0.0);
        let known = self.running && self.measured_s > 0.0;
        known.then(|| Demand {
            mean_w: self.joules / self.measured_s,
            measured: Duration::from_secs_f64(self.measured_s),
            left: Duration::from_secs_f64(left_s),
        })
    }
}
