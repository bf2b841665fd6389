//! What is known of the site now: the last reading of everything that is measured, and whether it still stands for the present.

use std::time::Duration;

use super::{CheckedModel, Moment, Role};
use crate::model::{Sample, SeriesName, Timestamp};

/// What is measured of an asset or of the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Measure {
    /// Power in W, passive sign.
    Power,
    /// State of charge, 0..1.
    Soc,
    /// Whether a vehicle is connected.
    Connected,
    /// Current of the first phase, in A.
    CurrentL1,
    /// Current of the second phase, in A.
    CurrentL2,
    /// Current of the third phase, in A.
    CurrentL3,
    /// Voltage, in V.
    Voltage,
    /// Frequency, in Hz.
    Frequency,
    /// Temperature, in degrees Celsius.
    Temperature,
    /// The signal of the external limit at that place.
    External,
    /// Whether the grid is there.
    GridPresent,
}

const MEASURES: usize = 11;

/// A reading, and when it came.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Live {
    /// In the base unit of what is measured.
    pub value: f64,
    /// When it was measured, by the device's clock.
    pub time: Timestamp,
    /// When it came, by the monotonic clock.
    pub seen: Duration,
}

/// The last readings of a site.
#[derive(Debug, Clone, Default)]
pub struct Situation {
    /// By measure and then by place.
    live: Vec<[Option<Live>; MEASURES]>,
}

impl Situation {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(model: &CheckedModel) -> Self {
        let places = model.assets.len().max(model.model.externals.len()).max(1);
        Self { live: vec![[None; MEASURES]; places] }
    }

    /// Takes a reading in, and says whether it was one that control needs. One that is older than what is known is left.
    pub fn read(&mut self, model: &CheckedModel, series: &SeriesName, sample: Sample, now: Moment) -> bool {
        let Some(inputs) = model.inputs.get(series) else { return false };
        for (measure, place) in inputs {
            let known = &mut self.live[*place][*measure as usize];
            if sample.value.is_finite() && known.is_none_or(|known| known.time <= sample.time) {
                *known = Some(Live { value: sample.value, time: sample.time, seen: now.elapsed });
            }
        }
        true
    }

    /// The last reading, however old.
    #[must_use]
    pub fn last(&self, place: usize, measure: Measure) -> Option<Live> {
        self.live.get(place)?[measure as usize]
    }

    /// Whether anything was ever heard of the asset: nothing is ordered before.
    #[must_use]
    pub fn exists(&self, place: usize) -> bool {
        let external = [Measure::External as usize, Measure::GridPresent as usize];
        self.live
            .get(place)
            .is_some_and(|live| live.iter().enumerate().any(|(i, live)| live.is_some() && !external.contains(&i)))
    }

    /// The value that stands for the present; None where it never came or its meter has been silent for too long.
    #[must_use]
    pub fn fresh(&self, model: &CheckedModel, place: usize, measure: Measure, now: Moment) -> Option<f64> {
        let live = self.last(place, measure)?;
        let silent_after = model.assets.get(place)?.silent_after;
        (now.elapsed.saturating_sub(live.seen) <= silent_after).then_some(live.value)
    }

    /// The power of an asset, in W.
    #[must_use]
    pub fn power_w(&self, model: &CheckedModel, place: usize, now: Moment) -> Option<f64> {
        self.fresh(model, place, Measure::Power, now)
    }

    /// What flows in from the grid, in W; below zero what flows out.
    #[must_use]
    pub fn grid_w(&self, model: &CheckedModel, now: Moment) -> Option<f64> {
        self.power_w(model, model.grid?, now)
    }

    /// The power of all assets of a role, in W; None where one of them is unknown.
    #[must_use]
    pub fn role_w(&self, model: &CheckedModel, role: Role, now: Moment) -> Option<f64> {
        let places = (0..model.assets.len()).filter(|place| model.assets[*place].role == role);
        places.map(|place| self.power_w(model, place, now)).sum()
    }
}
