//! What is known of the site now: the last reading of everything that is measured, and whether it still stands for the present.
//!
//! A reading stands until its meter has been silent for three periods, by the monotonic clock and by arrival. Rows that come late are
//! history: see `timeline`.

mod demand;
#[cfg(test)]
mod tests;
mod timeline;

use std::time::Duration;

pub use demand::Demand;
use demand::Interval;
use timeline::{Row, Timeline};

use super::planted::{Planted, planted};
use super::{CheckedAsset, CheckedModel, Moment, Role};
use crate::model::{Sample, SeriesName, Span, Timestamp};

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

/// After how much silence a state of charge, a temperature or a plug is lost, where three periods are less: they change slowly, and
/// many devices report them by the minute.
const SLOW_SILENCE: Duration = Duration::from_secs(120);

/// After how much silence it is unknown whether the grid is there.
const GRID_SILENCE: Duration = Duration::from_secs(60);

/// The interval of a demand charge where the tariff says nothing.
const QUARTER_HOUR: Span = Span::from_seconds(900);

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

/// Whether something runs, and since when, as it was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Whether it runs.
    pub on: bool,
    /// Since when, by the monotonic clock; where it was never seen to change, since it was first seen.
    pub since: Duration,
}

/// What is known of one measure at one place.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    live: Option<Live>,
    /// Since when the value is the same.
    same_since: Duration,
    timeline: Timeline,
}

/// The last readings of a site.
#[derive(Debug, Clone, Default)]
pub struct Situation {
    /// By place and then by measure.
    slots: Vec<[Slot; MEASURES]>,
    runs: Vec<Option<Run>>,
    demand: Interval,
}

impl Situation {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(model: &CheckedModel) -> Self {
        let places = model.assets.len().max(model.externals.len()).max(1);
        Self { slots: vec![[Slot::default(); MEASURES]; places], runs: vec![None; places], demand: Interval::default() }
    }

    /// Takes a reading in, and says whether its series is one that control needs. What is not of the present, no number, or no state
    /// of charge is left: a meter that brings nothing else is silent.
    pub fn read(&mut self, model: &CheckedModel, series: &SeriesName, sample: Sample, now: Moment) -> bool {
        let Some(inputs) = model.inputs.get(series) else { return false };
        for (measure, place) in inputs {
            if sample.value.is_finite() && plausible(*measure, sample.value) {
                self.take(model, *place, *measure, sample, now);
            }
        }
        true
    }

    fn take(&mut self, model: &CheckedModel, place: usize, measure: Measure, sample: Sample, now: Moment) {
        if model.grid == Some(place) && measure == Measure::Power {
            // What was known stood until now.
            let (power_w, length) = (self.grid_w(model, now), demand_interval(model));
            self.demand.advance(power_w, length, now);
        }
        let silent_after = silent_after(model, place, measure);
        let slot = &mut self.slots[place][measure as usize];
        let row = slot.timeline.judge(sample.time, now, silent_after);
        let same = slot.live.is_some_and(|known| known.value.to_bits() == sample.value.to_bits());
        // A row that only repeats the last one says nothing of the present.
        let newer = slot.live.is_none_or(|known| sample.time > known.time || (sample.time == known.time && !same));
        if row == Row::History || (row == Row::Present && !newer) {
            return;
        }
        slot.live = Some(Live { value: sample.value, time: sample.time, seen: now.elapsed });
        if !same {
            slot.same_since = now.elapsed;
        }
        if let (Measure::Power, Some(asset)) = (measure, model.assets.get(place)) {
            self.runs[place] = Some(run(asset, self.runs[place], sample.value, now));
        }
    }

    /// The last reading, however old.
    #[must_use]
    pub fn last(&self, place: usize, measure: Measure) -> Option<Live> {
        self.slots.get(place)?[measure as usize].live
    }

    /// The value that stands for the present; None where it never came, its meter has been silent for too long, or hangs.
    #[must_use]
    pub fn fresh(&self, model: &CheckedModel, place: usize, measure: Measure, now: Moment) -> Option<f64> {
        let live = self.last(place, measure)?;
        let silent = now.elapsed.saturating_sub(live.seen) > silent_after(model, place, measure)
            && !planted(Planted::SilenceIgnored);
        let lost = silent || (measure == Measure::Power && self.hangs(model, place, now));
        (!lost).then_some(live.value)
    }

    /// Whether a power has been the same to the last bit for too long, while others moved.
    fn hangs(&self, model: &CheckedModel, place: usize, now: Moment) -> bool {
        let Some(frozen_after) = model.assets.get(place).and_then(|asset| asset.described.frozen_after) else {
            return false;
        };
        let since = self.slots[place][Measure::Power as usize].same_since;
        let powers = Measure::Power as usize..=Measure::Power as usize;
        let currents = Measure::CurrentL1 as usize..=Measure::CurrentL3 as usize;
        let moved = |slot: &Slot| slot.live.is_some() && slot.same_since > since;
        let others = || {
            self.slots.iter().enumerate().any(|(other, slots)| other != place && slots[powers.clone()].iter().any(moved))
        };
        now.elapsed.saturating_sub(since) >= frozen_after.to_duration()
            && (self.slots[place][currents].iter().any(moved) || others())
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

    /// What arrays and gensets give, in W, as a positive number; None where one of them is unknown.
    #[must_use]
    pub fn source_w(&self, model: &CheckedModel, now: Moment) -> Option<f64> {
        Some(-(self.role_w(model, Role::Pv, now)? + self.role_w(model, Role::Genset, now)?))
    }

    /// What flows in from the grid less what is controlled, in W: loads and sources that nobody moves. None where a part is unknown.
    #[must_use]
    pub fn uncontrolled_w(&self, model: &CheckedModel, now: Moment) -> Option<f64> {
        let controlled = (0..model.assets.len()).filter(|place| model.assets[*place].setpoint.is_some());
        let controlled_w = controlled.map(|place| self.power_w(model, place, now)).sum::<Option<f64>>()?;
        Some(self.grid_w(model, now)? - controlled_w)
    }

    /// Whether an asset runs, as it was measured; None where it was never seen.
    #[must_use]
    pub fn run(&self, place: usize) -> Option<Run> {
        self.runs.get(place).copied().flatten()
    }

    /// The running interval of the demand charge; None where nothing of it was measured.
    #[must_use]
    pub fn demand(&self, model: &CheckedModel, now: Moment) -> Option<Demand> {
        let (mut interval, length) = (self.demand, demand_interval(model));
        interval.advance(self.grid_w(model, now), length, now);
        interval.demand(length)
    }
}

/// Whether a value can be what is measured: 95 is no state of charge.
fn plausible(measure: Measure, value: f64) -> bool {
    measure != Measure::Soc || (-0.05..=1.05).contains(&value)
}

/// After how much silence a reading is lost.
fn silent_after(model: &CheckedModel, place: usize, measure: Measure) -> Duration {
    let of_asset = model.assets.get(place).map_or(Duration::ZERO, |asset| asset.silent_after);
    match measure {
        Measure::External => model.externals.get(place).map_or(Duration::ZERO, |limit| limit.silent_after),
        Measure::GridPresent => GRID_SILENCE,
        Measure::Soc | Measure::Connected | Measure::Temperature => of_asset.max(SLOW_SILENCE),
        _ => of_asset,
    }
}

fn demand_interval(model: &CheckedModel) -> Span {
    model.model.tariff.as_ref().and_then(|tariff| tariff.demand_interval).unwrap_or(QUARTER_HOUR)
}

/// It runs above half of its least power or a fiftieth of its range, at least 20 W, and rests below half of that.
fn run(asset: &CheckedAsset, known: Option<Run>, power_w: f64, now: Moment) -> Run {
    let most = asset.low_w.abs().max(asset.high_w.abs());
    let fiftieth = if most.is_finite() { most / 50.0 } else { 0.0 };
    let running_w = if asset.least_w > 0.0 { asset.least_w / 2.0 } else { fiftieth.max(20.0) };
    let was_on = known.is_some_and(|run| run.on);
    let on = power_w.abs() > if was_on { running_w / 2.0 } else { running_w };
    known.filter(|run| run.on == on).unwrap_or(Run { on, since: now.elapsed })
}
