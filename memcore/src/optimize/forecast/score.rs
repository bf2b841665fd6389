//! How good forecasts were: errors as values.

use serde::Serialize;

use super::super::Horizon;
use super::method::{Method, Naive};
use super::{Asked, Forecaster};
use crate::error::{Error, Result};

/// The errors of forecasts against what came.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Score {
    /// Mean of the absolute errors.
    pub mae: f64,
    /// Root of the mean of the squared errors.
    pub rmse: f64,
    /// Mean of `forecast - came`: above zero where too much was expected.
    pub bias: f64,
    /// Mean pinball loss of the quantile at `level`; of a plain forecast it is that of the median, half the MAE.
    pub pinball: f64,
    /// The level of the quantile that was scored; 0.5 of a plain forecast.
    pub level: f64,
    /// How many values were compared; NaN on either side is left out.
    pub count: usize,
}

/// The errors of a forecast against what came, as the quantile at a level from 0 to 1 (0.5: the value itself).
///
/// Pinball loss: R. Koenker and G. Bassett, "Regression Quantiles", Econometrica 46(1), 33 (1978).
///
/// # Errors
/// Invalid where there are not as many values, or none that can be compared, or for a level outside 0 to 1.
pub fn score(forecast: &[f64], came: &[f64], level: f64) -> Result<Score> {
    if forecast.len() != came.len() {
        let (forecast, came) = (forecast.len(), came.len());
        return Err(Error::invalid(format!("{forecast} forecast values for {came} that came, expected as many")));
    }
    if !(0.0..=1.0).contains(&level) {
        return Err(Error::invalid(format!("level is {level}, expected a share from 0 to 1")));
    }
    let mut sums = Sums { level, ..Sums::default() };
    forecast.iter().zip(came).for_each(|(forecast, came)| sums.add(*forecast, *came));
    sums.score()
}

/// The errors of a method over a history: at every `every`-th step it forecasts `ahead` steps, from what came before.
///
/// # Errors
/// Invalid where the values are not as many as the steps, or too few to compare anything.
pub fn score_method(
    method: Method,
    zone: &str,
    horizon: &Horizon,
    came: &[f64],
    ahead: usize,
    every: usize,
) -> Result<Score> {
    if came.len() != horizon.len() || ahead == 0 || every == 0 {
        let (values, steps) = (came.len(), horizon.len());
        return Err(Error::invalid(format!(
            "{values} values for {steps} steps, {ahead} ahead and each {every}: expected as many values, and at least 1"
        )));
    }
    let mut naive = Naive::new(method, zone)?;
    naive.begin(horizon)?;
    let mut sums = Sums { level: 0.5, ..Sums::default() };
    let mut values = vec![0.0; ahead];
    for first in (every..horizon.len()).step_by(every) {
        let values = &mut values[..ahead.min(horizon.len() - first)];
        let asked = Asked { part: "history", field: "power_w", horizon, first, history: &came[..first] };
        naive.forecast(&asked, values)?;
        values.iter().zip(&came[first..]).for_each(|(forecast, came)| sums.add(*forecast, *came));
    }
    sums.score()
}

#[derive(Default)]
struct Sums {
    absolute: f64,
    squared: f64,
    signed: f64,
    pinball: f64,
    level: f64,
    count: usize,
}

impl Sums {
    fn add(&mut self, forecast: f64, came: f64) {
        let error = forecast - came;
        if error.is_nan() {
            return;
        }
        self.absolute += error.abs();
        self.squared += error * error;
        self.signed += error;
        self.pinball += if error < 0.0 { -self.level * error } else { (1.0 - self.level) * error };
        self.count += 1;
    }

    fn score(self) -> Result<Score> {
        if self.count == 0 {
            return Err(Error::invalid("no forecast value can be compared with one that came, expected at least one"));
        }
        let mean = |sum: f64| sum / self.count as f64;
        Ok(Score {
            mae: mean(self.absolute),
            rmse: mean(self.squared).sqrt(),
            bias: mean(self.signed),
            pinball: mean(self.pinball),
            level: self.level,
            count: self.count,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Span, Timestamp};

    #[test]
    fn errors_are_those_of_a_pocket_calculator() {
        let found = score(&[3.0, 1.0, f64::NAN], &[1.0, 2.0, 5.0], 0.9).unwrap();
        assert_eq!((found.mae, found.bias, found.count), (1.5, 0.5, 2));
        assert_eq!(found.rmse, 2.5_f64.sqrt());
        // Too high by 2 costs 0.1 of it, too low by 1 costs 0.9 of it.
        assert!((found.pinball - (0.2 + 0.9) / 2.0).abs() < 1e-12);
        assert!(score(&[1.0], &[], 0.5).is_err());
        assert!(score(&[f64::NAN], &[1.0], 0.5).is_err());
        assert!(score(&[1.0], &[1.0], 1.5).is_err());
    }

    #[test]
    fn a_site_that_is_the_same_every_day_is_forecast_by_yesterday_without_error() {
        let start: Timestamp = "2026-01-05T00:00:00Z".parse().unwrap();
        let horizon = Horizon::even(start, Span::from_seconds(3_600), 240).unwrap();
        let came: Vec<f64> = (0..240).map(|hour| if hour < 24 { f64::NAN } else { f64::from(hour % 24) }).collect();
        let by = |method| score_method(method, "UTC", &horizon, &came, 24, 24).unwrap();
        // The first day that is compared has nothing before it but gaps.
        assert!(by(Method::Yesterday).mae < by(Method::Persistence).mae);
        let later = score_method(Method::Yesterday, "UTC", &horizon, &came, 24, 48).unwrap();
        assert_eq!((later.mae, later.bias), (0.0, 0.0));
    }
}
