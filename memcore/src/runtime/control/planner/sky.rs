//! Sources under the sky of their place: what a clear sky would give, times how clear it has been.

use std::collections::VecDeque;

use crate::control::PlanningGrid;
use crate::error::Result;
use crate::model::{Name, Span, Timestamp};
use crate::optimize::{ClearSky, Horizon, RollingPast};

/// So long it is looked back at how clear it was.
const BACK: Span = Span::from_seconds(7 * 86_400);
/// How clear it is taken to be where nothing was measured yet.
const UNKNOWN: f64 = 0.5;

/// Arrays with their places.
#[derive(Debug)]
pub(super) struct Skies {
    grid: PlanningGrid,
    arrays: Vec<Array>,
}

#[derive(Debug)]
struct Array {
    name: Name,
    sky: ClearSky,
    /// The start of the first step that is kept, and what a clear sky gives in each. Full-policy: what lies before the week that is
    /// looked back at goes.
    first: Timestamp,
    clear_w: VecDeque<f64>,
}

impl Skies {
    pub(super) fn new(skies: Vec<(Name, ClearSky)>, grid: PlanningGrid) -> Self {
        let array = |(name, sky)| Array { name, sky, first: Timestamp::from_micros(0), clear_w: VecDeque::new() };
        Self { grid, arrays: skies.into_iter().map(array).collect() }
    }

    /// What is expected of a source; None where its place is not known.
    ///
    /// # Errors
    /// Invalid for a place or an array that cannot be.
    pub(super) fn expect(
        &mut self,
        name: &Name,
        past: &RollingPast,
        horizon: &Horizon,
        said: &mut Vec<String>,
    ) -> Result<Option<Vec<f64>>> {
        let step = self.grid.step();
        let Some(array) = self.arrays.iter_mut().find(|array| array.name == *name) else { return Ok(None) };
        let floor = self.grid.floor(horizon.start());
        let back = BACK.as_micros() / step.as_micros();
        let from = Timestamp::from_micros(floor.as_micros() - back * step.as_micros());
        array.reach(from, back as usize + horizon.len(), step)?;
        let clearness = array.clearness(past, back as usize, step);
        if clearness.is_none() {
            said.push(format!("how clear the sky over {name} was is not known: half of a clear sky is expected"));
        }
        let clear = array.clear_w.iter().skip(back as usize).take(horizon.len());
        Ok(Some(clear.map(|clear| clear * clearness.unwrap_or(UNKNOWN)).collect()))
    }
}

impl Array {
    /// Keeps so many steps from a time on, of which only the new ones are looked up.
    fn reach(&mut self, from: Timestamp, count: usize, step: Span) -> Result<()> {
        let gone = from.since(self.first).as_micros() / step.as_micros();
        match usize::try_from(gone).ok().filter(|gone| *gone <= self.clear_w.len()) {
            Some(gone) => drop(self.clear_w.drain(..gone)),
            None => self.clear_w.clear(),
        }
        self.first = from;
        let known = self.clear_w.len();
        if known < count {
            let start = Timestamp::from_micros(from.as_micros() + known as i64 * step.as_micros());
            self.clear_w.extend(self.sky.power_w(&Horizon::even(start, step, count - known)?)?);
        }
        Ok(())
    }

    /// What was measured over what a clear sky would have given.
    fn clearness(&self, past: &RollingPast, back: usize, step: Span) -> Option<f64> {
        let (mut came, mut clear) = (0.0, 0.0);
        for (place, clear_w) in self.clear_w.iter().take(back).enumerate() {
            let start = Timestamp::from_micros(self.first.as_micros() + place as i64 * step.as_micros());
            if let Some(came_w) = past.at(start).filter(|_| *clear_w > 0.0) {
                came += came_w.max(0.0);
                clear += clear_w;
            }
        }
        (clear > 0.0).then(|| (came / clear).min(1.2))
    }
}
