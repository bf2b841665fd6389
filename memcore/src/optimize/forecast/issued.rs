//! Forecasts that were issued at the time, by a service or another model, as a forecaster for walks.

use super::made::Forecast;
use super::trust::Trust;
use super::{Asked, Forecaster};
use crate::error::{Error, Result};

/// Forecasts as they were issued: at each step of a walk the latest that was there by then is used.
#[derive(Debug, Clone, Default)]
pub struct IssuedForecasts {
    /// The asset, the field, and the forecasts of it in order of issue.
    of: Vec<(String, &'static str, Vec<Forecast>)>,
    trust: Trust,
}

impl IssuedForecasts {
    /// With what must hold of each forecast before a plan uses it.
    #[must_use]
    pub fn new(trust: Trust) -> Self {
        Self { of: Vec::new(), trust }
    }

    /// With forecasts of an asset's field: `power_w` of a load, `available_w` of a source, `buy_per_kwh` of a grid.
    #[must_use]
    pub fn with(mut self, part: impl Into<String>, field: &'static str, mut forecasts: Vec<Forecast>) -> Self {
        forecasts.sort_by_key(|forecast| forecast.issued);
        self.of.push((part.into(), field, forecasts));
        self
    }
}

impl Forecaster for IssuedForecasts {
    /// # Errors
    /// Invalid where no forecast was issued by then, the latest is too old, or it does not reach the first step. Where it ends before
    /// the last, its last value goes on.
    fn forecast(&mut self, asked: &Asked<'_>, values: &mut [f64]) -> Result<bool> {
        let found = self.of.iter().find(|(part, field, _)| part == asked.part && *field == asked.field);
        let Some((part, _, forecasts)) = found else { return Ok(false) };
        let now = asked.horizon.starts()[asked.first];
        let issued = forecasts.partition_point(|forecast| forecast.issued <= now);
        let forecast = issued.checked_sub(1).and_then(|latest| forecasts.get(latest)).ok_or_else(|| {
            Error::invalid(format!("no forecast of {part} was issued by {now}, expected one for the first step"))
        })?;
        self.trust.believe(part, forecast, now)?;
        let source = asked.field == "available_w";
        for (value, start) in values.iter_mut().zip(&asked.horizon.starts()[asked.first..]) {
            let place = forecast.horizon.starts().partition_point(|of| of <= start);
            let Some(place) = place.checked_sub(1) else {
                let begins = forecast.horizon.start();
                return Err(Error::invalid(format!("the forecast of {part} begins at {begins}, expected {start}")));
            };
            let expected = forecast.values[place];
            *value = if source { expected.max(0.0) } else { expected };
        }
        Ok(true)
    }
}
