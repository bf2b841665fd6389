//! Whether a forecast is to be believed before a plan uses it: its age, its reach, and what cannot be.

use super::super::{Asset, Profile, Site};
use super::clear_sky::{Sun, sun_at};
use super::made::Forecast;
use crate::error::{Error, Result};
use crate::model::{Span, Timestamp};

/// The sun's elevation from which on an array gives something, in degrees.
const DAYLIGHT_DEG: f64 = 10.0;

/// What must hold of a forecast.
#[derive(Debug, Clone, PartialEq)]
pub struct Trust {
    /// How old it may be: from when it was issued until the plan begins. A day unless told.
    pub max_age: Span,
    /// Latitude and longitude of the site in degrees, to tell day from night.
    pub position: Option<(f64, f64)>,
}

impl Default for Trust {
    fn default() -> Self {
        Self { max_age: Span::from_seconds(86_400), position: None }
    }
}

impl Trust {
    /// Refuses a forecast that is too old, or that was issued after the plan begins.
    ///
    /// # Errors
    /// Invalid, saying how old it is and how old it may be.
    pub fn believe(&self, part: &str, forecast: &Forecast, now: Timestamp) -> Result<()> {
        let age = now.since(forecast.issued);
        let Forecast { issued, made_of, .. } = forecast;
        if age.as_micros() < 0 {
            return Err(Error::invalid(format!("the forecast of {part} ({made_of}) was issued at {issued}, after {now}")));
        }
        if age > self.max_age {
            let (age, most) = (hours(age), hours(self.max_age));
            return Err(Error::invalid(format!(
                "the forecast of {part} ({made_of}) is {age} old, issued at {issued}: expected at most {most}"
            )));
        }
        Ok(())
    }

    /// What in a forecast of a source cannot be: nothing at all by day.
    fn doubts(&self, part: &str, forecast: &Forecast) -> Result<Option<String>> {
        if forecast.values.iter().any(|value| *value > 0.0) {
            return Ok(None);
        }
        let starts = forecast.horizon.starts();
        let reaches = forecast.horizon.end().since(forecast.horizon.start());
        let by_day = match self.position {
            Some(position) => {
                let suns = starts.iter().map(|start| sun_at(*start, position)).collect::<Result<Vec<Sun>>>()?;
                suns.iter().filter(|sun| sun.elevation_deg > DAYLIGHT_DEG).count()
            }
            // Nowhere outside the polar circles is it night for a day.
            None if reaches >= Span::from_seconds(86_400) => starts.len(),
            None => 0,
        };
        Ok((by_day > 0).then(|| {
            format!(
                "the forecast of {part} ({}) is zero throughout, also in {by_day} steps by day: it looks filled with zeros",
                forecast.made_of
            )
        }))
    }
}

impl Site {
    /// The site with a forecast as what a load takes, a source gives or a grid charges, and what is to be said about it: values below
    /// zero of a source are clamped, a forecast of a source that is zero by day is flagged, and one that ends before the horizon
    /// shortens the horizon.
    ///
    /// # Errors
    /// Invalid where the forecast is too old or does not begin by the horizon's start, or the site has no such load, source or grid.
    pub fn with_forecast(&self, part: &str, forecast: &Forecast, trust: &Trust) -> Result<(Self, Vec<String>)> {
        let start = self.horizon.start();
        trust.believe(part, forecast, start)?;
        let (mut site, mut said) = self.as_far_as(part, forecast)?;
        let steps = site.horizon.clone();
        let asset = site.assets.iter_mut().find(|asset| asset.name() == part);
        let mut values = Vec::with_capacity(steps.len());
        for start in steps.starts() {
            let place = forecast.horizon.starts().partition_point(|of| of <= start) - 1;
            values.push(forecast.values[place]);
        }
        match asset {
            Some(Asset::Pv(source)) => {
                said.extend(trust.doubts(part, forecast)?);
                said.extend(clamp(part, &mut values));
                source.available_w = Profile::Steps(values);
            }
            Some(Asset::Load(load)) => load.power_w = Profile::Steps(values),
            Some(Asset::Grid(grid)) => grid.buy_per_kwh = Profile::Steps(values),
            _ => {
                return Err(Error::invalid(format!(
                    "forecast of {part:?}, expected a load, a source or a grid of the site"
                )));
            }
        }
        Ok((site, said))
    }

    /// The site as far as a forecast reaches.
    fn as_far_as(&self, part: &str, forecast: &Forecast) -> Result<(Self, Vec<String>)> {
        let (start, begins, ends) = (self.horizon.start(), forecast.horizon.start(), forecast.horizon.end());
        let reached = self.horizon.steps_within(start, ends);
        if begins > start || reached.is_empty() {
            return Err(Error::invalid(format!(
                "the forecast of {part} is of {begins} to {ends}, expected the horizon's first step at {start} to lie within"
            )));
        }
        if reached.end == self.horizon.len() {
            return Ok((self.clone(), Vec::new()));
        }
        let (asked, got) = (self.horizon.len(), reached.end);
        let said = format!("the forecast of {part} ends at {ends}: the horizon is shortened from {asked} to {got} steps");
        Ok((self.part(reached)?, vec![said]))
    }
}

/// What is below zero of a source is nothing.
fn clamp(part: &str, values: &mut [f64]) -> Option<String> {
    let below = values.iter().filter(|value| **value < 0.0).count();
    let lowest = values.iter().copied().fold(0.0, f64::min);
    values.iter_mut().for_each(|value| *value = value.max(0.0));
    (below > 0).then(|| format!("the forecast of {part} is below zero in {below} steps, down to {lowest} W: taken as zero"))
}

fn hours(span: Span) -> String {
    format!("{:.1} h", span.as_seconds() / 3_600.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Currency;
    use crate::optimize::{Grid, Horizon, Load, Source};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn day() -> Horizon {
        Horizon::even(at("2026-06-21T00:00:00Z"), Span::from_seconds(3_600), 24).unwrap()
    }

    fn home() -> Site {
        let assets = [Grid::new("grid", 0.3).into(), Load::new("load", 500.0).into(), Source::new("pv", 0.0).into()];
        Site::new(Currency::EUR, day(), assets)
    }

    fn forecast(values: Vec<f64>, issued: &str) -> Forecast {
        let horizon = Horizon::even(at("2026-06-21T00:00:00Z"), Span::from_seconds(3_600), values.len()).unwrap();
        Forecast::new(horizon, values, at(issued), "service").unwrap()
    }

    fn berlin() -> Trust {
        Trust { position: Some((52.5, 13.4)), max_age: Span::from_seconds(6 * 3_600) }
    }

    #[test]
    fn a_stale_forecast_is_refused_with_its_age() {
        // D12.
        let stale = forecast(vec![0.0; 24], "2026-06-19T22:00:00Z");
        let refused = home().with_forecast("pv", &stale, &berlin()).unwrap_err().to_string();
        assert_eq!(
            refused,
            "the forecast of pv (service) is 26.0 h old, issued at 2026-06-19T22:00:00Z: expected at most 6.0 h"
        );
        let early = forecast(vec![0.0; 24], "2026-06-21T01:00:00Z");
        assert!(home().with_forecast("pv", &early, &berlin()).unwrap_err().to_string().contains("after"));
    }

    #[test]
    fn zeros_by_day_are_flagged_and_what_is_below_zero_is_nothing() {
        // D12.
        let (_, said) = home().with_forecast("pv", &forecast(vec![0.0; 24], "2026-06-20T23:00:00Z"), &berlin()).unwrap();
        assert!(said[0].contains("looks filled with zeros"), "{said:?}");
        let mut values = vec![100.0; 24];
        values[3] = -150.0;
        let (site, said) = home().with_forecast("pv", &forecast(values, "2026-06-20T23:00:00Z"), &berlin()).unwrap();
        assert_eq!(said, ["the forecast of pv is below zero in 1 steps, down to -150 W: taken as zero"]);
        let Asset::Pv(pv) = &site.assets[2] else { panic!("{site:?}") };
        assert_eq!((pv.available_w.at(3), pv.available_w.at(4)), (0.0, 100.0));
        // A night without sun is no doubt.
        let night = forecast(vec![0.0; 3], "2026-06-20T23:00:00Z");
        let (_, said) = home().with_forecast("pv", &night, &berlin()).unwrap();
        assert!(!said.iter().any(|said| said.contains("zeros")), "{said:?}");
    }

    #[test]
    fn a_forecast_that_ends_early_shortens_the_horizon_and_says_so() {
        // D13.
        let short = forecast(vec![700.0; 10], "2026-06-20T23:00:00Z");
        let (site, said) = home().with_forecast("load", &short, &berlin()).unwrap();
        assert_eq!((site.horizon.len(), said.len()), (10, 1));
        assert!(said[0].contains("shortened from 24 to 10 steps"), "{said:?}");
        assert!(home().with_forecast("battery", &short, &berlin()).unwrap_err().to_string().contains("\"battery\""));
    }
}
