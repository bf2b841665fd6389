//! Forecasts from nothing but a site's own past: the last value, the same time yesterday, the same weekday. Whatever claims to be
//! better must beat these.

use std::fmt;
use std::str::FromStr;

use jiff::tz::TimeZone;

use super::super::Horizon;
use super::grid::LocalGrid;
use super::{Asked, Forecaster};
use crate::energy::zone_of;
use crate::error::{Error, Result};

/// How far back a day is looked for that is known.
const DAYS_BACK: i64 = 14;

/// How a forecast is made from the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// The last value goes on.
    Persistence,
    /// As at the same time of the last day that is known.
    Yesterday,
    /// As at the same time of the last days: the mean of so many.
    Days {
        /// How many days are looked at.
        days: usize,
    },
    /// As at the same time of the last weeks: the mean, or the median, of so many same weekdays.
    Weekday {
        /// How many weeks are looked at.
        weeks: usize,
        /// Whether it is the median of them.
        median: bool,
    },
}

impl Method {
    /// The mean of the last four same weekdays.
    pub const WEEKDAY: Self = Self::Weekday { weeks: 4, median: false };

    fn looks_back(self) -> bool {
        self != Self::Persistence
    }

    /// The same for a source: the sun and the wind know no weekdays, so that the last week stands for it.
    fn of_source(self) -> Self {
        if matches!(self, Self::Weekday { .. }) { Self::Days { days: 7 } } else { self }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Persistence => f.write_str("persistence"),
            Self::Yesterday => f.write_str("yesterday"),
            Self::Days { days } => write!(f, "days:{days}"),
            Self::Weekday { weeks, median: false } => write!(f, "weekday:{weeks}"),
            Self::Weekday { weeks, median: true } => write!(f, "weekday-median:{weeks}"),
        }
    }
}

impl FromStr for Method {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, weeks) = text.split_once(':').map_or((text, "4"), |(name, weeks)| (name, weeks));
        let weeks = weeks.parse().ok().filter(|weeks| (1..=52).contains(weeks));
        match (name, weeks) {
            ("persistence", Some(_)) => Ok(Self::Persistence),
            ("yesterday", Some(_)) => Ok(Self::Yesterday),
            ("days", Some(days)) => Ok(Self::Days { days }),
            ("weekday", Some(weeks)) => Ok(Self::Weekday { weeks, median: false }),
            ("weekday-median", Some(weeks)) => Ok(Self::Weekday { weeks, median: true }),
            _ => Err(Error::invalid(format!(
                "forecast is {text:?}, expected persistence, yesterday, days, weekday or weekday-median, the latter with a number \
                 from 1 to 52 such as weekday:4"
            ))),
        }
    }
}

/// A [`Method`] as a forecaster of loads and sources, on the wall clocks of a zone. What it is not asked of for long enough yet falls
/// back on less: from the weekday to yesterday to the last value; without any past, the first value stands, as if just measured.
#[derive(Debug, Clone)]
pub struct Naive {
    method: Method,
    zone: TimeZone,
    grid: Option<LocalGrid>,
}

impl Naive {
    /// By a method, with days and weekdays of a zone such as `Europe/Berlin`.
    ///
    /// # Errors
    /// Invalid for a zone that is not known.
    pub fn new(method: Method, zone: &str) -> Result<Self> {
        Ok(Self { method, zone: zone_of(zone)?, grid: None })
    }

    pub(super) fn on(method: Method, grid: LocalGrid) -> Self {
        Self { method, zone: TimeZone::UTC, grid: Some(grid) }
    }

    /// What is expected from the step `first` on, by the steps before it; NaN in the past is passed over.
    pub(super) fn predict(&mut self, history: &[f64], first: usize, values: &mut [f64]) {
        self.predict_by(self.method, history, first, values);
    }

    fn predict_by(&mut self, method: Method, history: &[f64], first: usize, values: &mut [f64]) {
        let Self { grid, .. } = self;
        let last = history.iter().rev().find(|value| !value.is_nan()).copied();
        let Some(last) = last.or_else(|| values.first().copied()) else { return };
        let Some(grid) = grid else { return };
        for (ahead, value) in values.iter_mut().enumerate() {
            let step = first + ahead;
            let known = match method {
                Method::Persistence => None,
                Method::Yesterday => yesterday(grid, history, step),
                Method::Days { days } => same_time(grid, history, step, (days, 1), false),
                Method::Weekday { weeks, median } => same_time(grid, history, step, (weeks, 7), median),
            };
            let known = known.or_else(|| yesterday(grid, history, step).filter(|_| method.looks_back()));
            *value = known.unwrap_or(last);
        }
    }
}

impl Forecaster for Naive {
    fn begin(&mut self, horizon: &Horizon) -> Result<()> {
        self.grid = Some(LocalGrid::new(horizon.starts(), &self.zone)?);
        Ok(())
    }

    fn forecast(&mut self, asked: &Asked<'_>, values: &mut [f64]) -> Result<bool> {
        if !asked.is_uncertain() {
            return Ok(false);
        }
        if self.grid.is_none() {
            self.begin(asked.horizon)?;
        }
        let method = if asked.field == "available_w" { self.method.of_source() } else { self.method };
        self.predict_by(method, asked.history, asked.first, values);
        Ok(true)
    }
}

fn known(grid: &mut LocalGrid, history: &[f64], step: usize, days: i64) -> Option<f64> {
    let before = grid.before(step, days)?;
    history.get(before).copied().filter(|value| !value.is_nan())
}

fn yesterday(grid: &mut LocalGrid, history: &[f64], step: usize) -> Option<f64> {
    (1..=DAYS_BACK).find_map(|days| known(grid, history, step, days))
}

/// The mean or median of the same time in so many days, each so far from the next.
fn same_time(
    grid: &mut LocalGrid,
    history: &[f64],
    step: usize,
    (count, apart): (usize, i64),
    median: bool,
) -> Option<f64> {
    let mut same = [0.0; 52];
    let mut found = 0;
    for back in 1..=count.min(same.len()) as i64 {
        if let Some(value) = known(grid, history, step, apart * back) {
            same[found] = value;
            found += 1;
        }
    }
    let same = &mut same[..found];
    if same.is_empty() {
        return None;
    }
    if !median {
        return Some(same.iter().sum::<f64>() / found as f64);
    }
    same.sort_by(f64::total_cmp);
    Some((same[(found - 1) / 2] + same[found / 2]) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Span, Timestamp};

    /// Two weeks and a day of hours, from a Monday on.
    fn hours(count: usize) -> Horizon {
        let monday: Timestamp = "2026-01-05T00:00:00Z".parse().unwrap();
        Horizon::even(monday, Span::from_seconds(3_600), count).unwrap()
    }

    fn expected(method: &str, history: &[f64], ahead: usize) -> Vec<f64> {
        let horizon = hours(history.len() + ahead);
        let mut naive = Naive::new(method.parse().unwrap(), "UTC").unwrap();
        let mut values = vec![7.0; ahead];
        let asked = Asked { part: "load", field: "power_w", horizon: &horizon, first: history.len(), history };
        assert!(naive.forecast(&asked, &mut values).unwrap());
        values
    }

    #[test]
    fn each_method_looks_where_it_says() {
        let day = |hour: usize| hour / 24;
        let history: Vec<f64> = (0..15 * 24).map(|hour| (100 * day(hour) + hour % 24) as f64).collect();
        assert_eq!(expected("persistence", &history, 2), [1_423.0, 1_423.0]);
        // Beyond a day ahead, yesterday is not known yet, but the day before it.
        assert_eq!(expected("yesterday", &history, 25)[0..25], [&history[14 * 24..], &history[14 * 24..][..1]].concat());
        // Tuesday: those of days 8 and 1.
        assert_eq!(expected("weekday:2", &history, 1), [450.0]);
        assert_eq!(expected("days:2", &history, 1), [1_350.0]);
        assert_eq!(expected("weekday-median:4", &history, 1), [450.0]);
    }

    #[test]
    fn what_is_missing_falls_back_on_less() {
        let mut history = vec![1.0; 24];
        history[3] = f64::NAN;
        assert_eq!(expected("weekday", &history, 4), [1.0; 4]);
        assert_eq!(expected("yesterday", &[], 3), [7.0; 3]);
        let prices = hours(4);
        let asked = Asked { part: "grid", field: "buy_per_kwh", horizon: &prices, first: 2, history: &[0.1, 0.2] };
        let mut values = [0.3, 0.4];
        assert!(!Naive::new(Method::Persistence, "UTC").unwrap().forecast(&asked, &mut values).unwrap());
        assert_eq!(values, [0.3, 0.4], "prices are published");
    }

    #[test]
    fn methods_are_named_and_others_refused() {
        for text in ["persistence", "yesterday", "days:7", "weekday:4", "weekday-median:8"] {
            assert_eq!(text.parse::<Method>().unwrap().to_string(), text);
        }
        assert!("weekday:0".parse::<Method>().unwrap_err().to_string().contains("from 1 to 52"));
        assert!("arima".parse::<Method>().unwrap_err().to_string().contains("\"arima\""));
    }
}
