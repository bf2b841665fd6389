//! What comes from outside: the grid operator's signals, and whether the grid is there.

use crate::control::{CheckedModel, Measure};
use crate::model::{Name, SeriesName};
use crate::sim::World;

/// A power that limits nothing, in W.
const UNLIMITED_W: f64 = 1e6;

/// A signal of an external limit.
struct Signal {
    series: SeriesName,
    place: usize,
    /// What it says when it limits nothing, and what now.
    idle: f64,
    now: f64,
    silent: bool,
}

/// Channels that no asset brings.
pub(super) struct Outside {
    signals: Vec<Signal>,
    grid_present: Vec<SeriesName>,
}

impl Outside {
    pub(super) fn new(model: &CheckedModel) -> Self {
        let mut outside = Self { signals: Vec::new(), grid_present: Vec::new() };
        let inputs = model.inputs().flat_map(|(series, brings)| brings.iter().map(move |input| (series, *input)));
        for (series, (measure, place)) in inputs {
            match measure {
                Measure::External => {
                    let external = &model.model().externals[place];
                    // With a limit of its own it is a state; else it is the limit itself.
                    let idle = if external.limit_w.is_some() { 0.0 } else { UNLIMITED_W };
                    outside.signals.push(Signal { series: series.clone(), place, idle, now: idle, silent: false });
                }
                Measure::GridPresent => outside.grid_present.push(series.clone()),
                _ => {}
            }
        }
        // In an order of their own, whatever that of a map is.
        outside.signals.sort_by_key(|signal| signal.place);
        outside
    }

    pub(super) fn dim(&mut self, model: &CheckedModel, of: &Name, value: Option<f64>, begins: bool) {
        for signal in &mut self.signals {
            let external = &model.model().externals[signal.place];
            if external.name == *of {
                let limit = if external.limit_w.is_some() { 1.0 } else { value.unwrap_or(external.failsafe_w) };
                signal.now = if begins { limit } else { signal.idle };
            }
        }
    }

    pub(super) fn silence(&mut self, model: &CheckedModel, of: Option<&Name>, silent: bool) {
        let named = |place: usize| of.is_none_or(|of| model.model().externals[place].name == *of);
        self.signals.iter_mut().filter(|signal| named(signal.place)).for_each(|signal| signal.silent = silent);
    }

    /// The limit that a signal demands now, in W.
    pub(super) fn limit_w(&self, model: &CheckedModel, place: usize) -> Option<f64> {
        let signal = self.signals.iter().find(|signal| signal.place == place)?;
        let external = &model.model().externals[place];
        match external.limit_w {
            _ if signal.silent => None,
            Some(limit) => (signal.now != 0.0).then_some(limit),
            None => (signal.now < UNLIMITED_W).then_some(signal.now),
        }
    }

    pub(super) fn report(&self, world: &World, mut tell: impl FnMut(&SeriesName, f64)) {
        for signal in self.signals.iter().filter(|signal| !signal.silent) {
            tell(&signal.series, signal.now);
        }
        for series in &self.grid_present {
            tell(series, f64::from(u8::from(world.grid_present())));
        }
    }
}
