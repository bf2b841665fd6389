//! A forecast as a value: what is expected when, by what, as of when, and how sure.

use serde::Serialize;

use super::super::Horizon;
use super::grid::LocalGrid;
use super::method::{Method, Naive};
use crate::energy::zone_of;
use crate::error::{Error, Result};
use crate::model::Timestamp;

/// So many days of past errors make quantiles.
const DAYS_OF_ERRORS: i64 = 28;
/// Fewer than so many make none.
const FEWEST_ERRORS: usize = 5;

/// What is expected in each of some steps.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Forecast {
    /// The steps.
    pub horizon: Horizon,
    /// What is expected in each; W for power.
    pub values: Vec<f64>,
    /// How much may come instead.
    pub quantiles: Vec<Quantile>,
    /// As of when: what came later is not in it.
    pub issued: Timestamp,
    /// What it was made of: `weekday:4`, `clear_sky`, the name of a service.
    pub made_of: String,
}

/// What comes is below with the probability of the level.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Quantile {
    /// From 0 to 1.
    pub level: f64,
    /// One for each step.
    pub values: Vec<f64>,
}

impl Forecast {
    /// A forecast from elsewhere.
    ///
    /// # Errors
    /// Invalid where there are not as many values as steps, or one is not a number.
    pub fn new(horizon: Horizon, values: Vec<f64>, issued: Timestamp, made_of: impl Into<String>) -> Result<Self> {
        let made_of = made_of.into();
        if values.len() != horizon.len() {
            let (values, steps) = (values.len(), horizon.len());
            return Err(Error::invalid(format!(
                "forecast {made_of} has {values} values for {steps} steps, expected as many"
            )));
        }
        if let Some(step) = values.iter().position(|value| !value.is_finite()) {
            let (value, start) = (values[step], horizon.starts()[step]);
            return Err(Error::invalid(format!("forecast {made_of} is {value} at {start}, expected a number")));
        }
        Ok(Self { horizon, values, quantiles: Vec::new(), issued, made_of })
    }

    /// A forecast of the steps of `ahead` from what came in the steps of `past`, with quantiles at those levels from the errors that
    /// the same method made at the same time of the last four weeks, as far ahead. Nothing comes below zero that never did.
    ///
    /// # Errors
    /// Invalid where the values are not as many as the steps of the past, the past does not end where the steps ahead begin, or for a
    /// zone that is not known or a level outside 0 to 1.
    pub fn from_past(
        method: Method,
        zone: &str,
        past: &Horizon,
        came: &[f64],
        ahead: &Horizon,
        levels: &[f64],
    ) -> Result<Self> {
        if came.len() != past.len() || past.end() > ahead.start() {
            let (values, steps, end, start) = (came.len(), past.len(), past.end(), ahead.start());
            return Err(Error::invalid(format!(
                "{values} values for {steps} steps of the past until {end}, expected as many, until {start} at the latest"
            )));
        }
        if let Some(level) = levels.iter().find(|level| !(0.0..=1.0).contains(*level)) {
            return Err(Error::invalid(format!("quantile {level}, expected a share from 0 to 1")));
        }
        let starts = [past.starts(), ahead.starts()].concat();
        let grid = LocalGrid::new(&starts, &zone_of(zone)?)?;
        let mut naive = Naive::on(method, grid.clone());
        let mut values = vec![came.iter().rev().find(|value| !value.is_nan()).copied().unwrap_or(0.0); ahead.len()];
        naive.predict(came, past.len(), &mut values);
        let errors = past_errors(&mut naive, grid, came, ahead.len());
        let quantiles = levels.iter().filter_map(|level| quantile(*level, &values, &errors, came)).collect();
        Ok(Self { horizon: ahead.clone(), values, quantiles, issued: past.end(), made_of: method.to_string() })
    }
}

/// For each step ahead, what came less what was expected, at the same time of earlier days.
fn past_errors(naive: &mut Naive, mut grid: LocalGrid, came: &[f64], ahead: usize) -> Vec<Vec<f64>> {
    let mut errors = vec![Vec::new(); ahead];
    let mut values = vec![0.0; ahead];
    for days in 1..=DAYS_OF_ERRORS {
        let Some(first) = grid.before(came.len(), days).filter(|first| *first > 0) else { break };
        let values = &mut values[..ahead.min(came.len() - first)];
        naive.predict(&came[..first], first, values);
        for ((errors, expected), came) in errors.iter_mut().zip(values.iter()).zip(&came[first..]) {
            errors.extend(Some(came - expected).filter(|error| !error.is_nan()));
        }
    }
    errors
}

fn quantile(level: f64, values: &[f64], errors: &[Vec<f64>], came: &[f64]) -> Option<Quantile> {
    if errors.iter().any(|errors| errors.len() < FEWEST_ERRORS) {
        return None;
    }
    let never_below = if came.iter().any(|value| *value < 0.0) { f64::NEG_INFINITY } else { 0.0 };
    let at = |(value, errors): (&f64, &Vec<f64>)| {
        let mut sorted = errors.clone();
        sorted.sort_by(f64::total_cmp);
        // Linear between the order statistics, as in numpy and R's type 7.
        let place = level * (sorted.len() - 1) as f64;
        let (low, part) = (place.floor() as usize, place.fract());
        let high = (low + 1).min(sorted.len() - 1);
        (value + sorted[low] + part * (sorted[high] - sorted[low])).max(never_below)
    };
    Some(Quantile { level, values: values.iter().zip(errors).map(at).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Span;

    #[test]
    fn quantiles_are_as_wide_as_the_method_was_wrong() {
        let start: Timestamp = "2026-01-05T00:00:00Z".parse().unwrap();
        let past = Horizon::even(start, Span::from_seconds(3_600), 30 * 24).unwrap();
        // Every second day is 100 W higher.
        let came: Vec<f64> = (0..30 * 24).map(|hour| if (hour / 24) % 2 == 0 { 500.0 } else { 600.0 }).collect();
        let ahead = Horizon::even(past.end(), Span::from_seconds(3_600), 12).unwrap();
        let forecast = Forecast::from_past(Method::Yesterday, "UTC", &past, &came, &ahead, &[0.0, 1.0]).unwrap();
        assert_eq!(forecast.values, [600.0; 12]);
        assert_eq!(forecast.quantiles[0].values, [500.0; 12]);
        assert_eq!(forecast.quantiles[1].values, [700.0; 12]);
        assert_eq!((forecast.issued, forecast.made_of.as_str()), (past.end(), "yesterday"));
        let few =
            Forecast::from_past(Method::Yesterday, "UTC", &past.part(0..48).unwrap(), &came[..48], &ahead, &[0.5]).unwrap();
        assert!(few.quantiles.is_empty(), "two days make no quantile");
        assert!(Forecast::from_past(Method::Yesterday, "UTC", &past, &came[1..], &ahead, &[]).is_err());
    }
}
