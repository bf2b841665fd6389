//! What is expected to come: forecasts from a site's own past, from the sun, or given from elsewhere; how good they were; and whether
//! one is to be believed before a plan uses it.

mod clear_sky;
mod grid;
mod issued;
mod made;
mod method;
mod rolling;
mod score;
mod trust;

pub use clear_sky::{ClearSky, Sun, sun_at};
pub use issued::IssuedForecasts;
pub use made::{Forecast, Quantile};
pub use method::{Method, Naive};
pub use rolling::RollingPast;
pub use score::{Score, score, score_method};
pub use trust::Trust;

use super::Horizon;
use crate::error::Result;

/// Says what is expected, while a site's history is walked.
pub trait Forecaster {
    /// Told once before a walk: all the steps that will be asked of, history included.
    ///
    /// # Errors
    /// Where it cannot forecast on such steps.
    fn begin(&mut self, horizon: &Horizon) -> Result<()> {
        let _ = horizon;
        Ok(())
    }

    /// Puts what is expected into `values`, one for each step from `asked.first` on, and says whether it did. Of what it leaves
    /// alone, plans know what will come: prices that are published a day ahead, limits, comfort.
    ///
    /// # Errors
    /// Where it cannot say, or its forecast is not to be believed.
    fn forecast(&mut self, asked: &Asked<'_>, values: &mut [f64]) -> Result<bool>;
}

/// What a forecaster is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The asset.
    pub part: &'a str,
    /// The field whose profile it is: `power_w` of a load, `available_w` of a source, `buy_per_kwh` of a grid.
    pub field: &'static str,
    /// All steps, those of the history included.
    pub horizon: &'a Horizon,
    /// The first step asked for; now is its start.
    pub first: usize,
    /// What came in the steps before.
    pub history: &'a [f64],
}

impl Asked<'_> {
    /// Whether it is about load or a source, which nobody knows before.
    #[must_use]
    pub fn is_uncertain(&self) -> bool {
        matches!(self.field, "power_w" | "available_w")
    }
}

/// Perfect foresight: plans know all that will come.
#[derive(Debug, Clone, Copy, Default)]
pub struct Foresight;

impl Forecaster for Foresight {
    fn forecast(&mut self, _: &Asked<'_>, _: &mut [f64]) -> Result<bool> {
        Ok(false)
    }
}
