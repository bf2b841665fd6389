//! What is simulated, for how long, and with what.

use std::sync::Arc;

use super::prices::Prices;
use super::scenario::Event;
use crate::control::{Actor, CheckedModel};
use crate::error::{Error, Result};
use crate::model::{Name, Span, Timestamp};
use crate::sim::Location;

/// Makes the actors of a site; asked again after each power cut.
pub type ActorsOf = Arc<dyn Fn(&CheckedModel) -> Result<Vec<Box<dyn Actor>>> + Send + Sync>;

/// The most steps: a year of seconds.
const STEPS_MAX: i64 = 366 * 86_400;

/// A power that was once measured, in place of an emulated device.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedPower {
    /// The asset that it is of.
    pub asset: Name,
    /// When each value began to hold, ascending.
    pub times: Vec<Timestamp>,
    /// In W, passive sign; as many as there are times.
    pub watts: Vec<f64>,
}

/// What is simulated. The same options give the same result.
#[derive(Clone)]
#[non_exhaustive]
pub struct SimulationOptions {
    /// When it begins.
    pub from: Timestamp,
    /// How long it lasts.
    pub length: Span,
    /// From one decision to the next. Lease and periods of the model are stretched to fit it (a lease to ten of them).
    pub step: Span,
    /// Of all chance in it.
    pub seed: u64,
    /// What energy costs.
    pub prices: Prices,
    /// Where the site lies; its zone is the model's.
    pub location: Location,
    /// Recorded series in place of emulated devices.
    pub recorded: Vec<RecordedPower>,
    /// States of charge of batteries at first, 0..1. Half unless told.
    pub socs: Vec<(Name, f64)>,
    /// What happens meanwhile.
    pub events: Vec<Event>,
    /// Whether it is controlled at all; without it devices do what they do by themselves.
    pub control: bool,
    /// Whether plans are made, where the model asks for them.
    pub plans: bool,
    /// Cars come and go by events alone, and not by the habits of their drivers.
    pub cars_by_events: bool,
    /// Whether devices keep their minimum times themselves as well, as the SDK does where a channel declares them.
    pub device_rules: bool,
    /// The share of reports that are lost on the way, 0..1.
    pub loss: f64,
    /// How late reports come.
    pub delay: Span,
    /// The length of the rows of the table; a minute, or a step where that is longer, unless told.
    pub row: Option<Span>,
    /// Actors beside the strategies of the model.
    pub actors: Option<ActorsOf>,
}

impl std::fmt::Debug for SimulationOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { from, length, step, seed, control, plans, .. } = self;
        let mut debug = f.debug_struct("SimulationOptions");
        debug.field("from", from).field("length", length).field("step", step).field("seed", seed);
        debug.field("control", control).field("plans", plans).finish_non_exhaustive()
    }
}

impl SimulationOptions {
    /// A simulation of that length in steps of a minute, at Central European prices and weather.
    #[must_use]
    pub fn new(from: Timestamp, length: Span) -> Self {
        Self {
            from,
            length,
            step: Span::from_seconds(60),
            seed: 1,
            prices: Prices::default(),
            location: Location::default(),
            recorded: Vec::new(),
            socs: Vec::new(),
            events: Vec::new(),
            control: true,
            plans: true,
            cars_by_events: false,
            device_rules: true,
            loss: 0.0,
            delay: Span::default(),
            row: None,
            actors: None,
        }
    }

    /// In steps of that length.
    #[must_use]
    pub fn step(mut self, step: Span) -> Self {
        self.step = step;
        self
    }

    /// With that seed.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The same site without control: devices do what they do by themselves.
    #[must_use]
    pub fn without_control(mut self) -> Self {
        self.control = false;
        self
    }

    pub(super) fn row_length(&self) -> Span {
        self.row.unwrap_or(Span::from_seconds(60)).max(self.step)
    }

    /// # Errors
    /// Invalid, naming the field, its value and what was expected.
    pub(super) fn check(&self) -> Result<()> {
        let refuse = |what: String| Err(Error::invalid(what));
        let (step, length) = (self.step.as_micros(), self.length.as_micros());
        if !(100_000..=3_600_000_000).contains(&step) {
            return refuse(format!("step is {}, expected 100ms to 1h", self.step));
        }
        if length < step || length / step > STEPS_MAX {
            return refuse(format!("length is {}, expected 1 to {STEPS_MAX} steps of {}", self.length, self.step));
        }
        let row = self.row_length();
        if row.as_micros() % step != 0 {
            return refuse(format!("row is {row}, expected a multiple of the step of {}", self.step));
        }
        if !(0.0..1.0).contains(&self.loss) {
            return refuse(format!("loss is {}, expected a share from 0 to below 1", self.loss));
        }
        if self.delay.as_micros() < 0 || self.delay > Span::from_seconds(3_600) {
            return refuse(format!("delay is {}, expected 0s to 1h", self.delay));
        }
        match self.socs.iter().find(|(_, soc)| !(0.0..=1.0).contains(soc)) {
            Some((name, soc)) => refuse(format!("soc of {name} is {soc}, expected a share from 0 to 1")),
            None => Ok(()),
        }
    }
}
