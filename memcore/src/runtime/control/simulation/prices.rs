//! What energy costs in a simulation: flat, an invented day-ahead market, or a recorded series.

use std::path::Path;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::model::{Span, Timestamp};
use crate::sim::RandomStream;

const HOUR: i64 = 3_600_000_000;

/// What a kWh costs over time.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub enum Prices {
    /// The tariff of the site model where it says numbers, else [`Invented`](Self::Invented).
    #[default]
    OfModel,
    /// The same at all times.
    Flat {
        /// Bought.
        buy: f64,
        /// Sold.
        sell: f64,
    },
    /// An invented day-ahead market, hour by hour: cheap at night and at noon, dear in the morning and the evening, dearer in
    /// winter, cheaper on weekends; some hours around noon in summer are below zero. Bought with 0.16 of fees and taxes on top.
    Invented,
    /// Recorded.
    Series(PriceSeries),
}

/// Prices that hold from their time until the next.
#[derive(Debug, Clone, PartialEq)]
pub struct PriceSeries {
    times: Arc<[Timestamp]>,
    buy: Arc<[f64]>,
    sell: Option<Arc<[f64]>>,
}

impl PriceSeries {
    /// # Errors
    /// Invalid for lists of unequal length, none at all, times that do not rise, or a price that is no number.
    pub fn new(times: Vec<Timestamp>, buy: Vec<f64>, sell: Option<Vec<f64>>) -> Result<Self> {
        let prices = buy.len();
        if times.is_empty() || times.len() != prices || sell.as_ref().is_some_and(|sell| sell.len() != prices) {
            return Err(Error::invalid(format!("{} times and {prices} prices, expected as many, and some", times.len())));
        }
        if let Some(at) = times.windows(2).position(|pair| pair[0] >= pair[1]) {
            return Err(Error::invalid(format!("time {} is not later than the one before it", times[at + 1])));
        }
        if let Some(at) = buy.iter().chain(sell.iter().flatten()).position(|price| !price.is_finite()) {
            return Err(Error::invalid(format!("price {} is not a finite number", at % prices + 1)));
        }
        Ok(Self { times: times.into(), buy: buy.into(), sell: sell.map(Into::into) })
    }

    /// Reads a CSV file: a column of times (RFC 3339) and then one of prices a kWh bought, perhaps one of prices a kWh sold.
    ///
    /// # Errors
    /// Io and Invalid, naming the file, the line and what was expected.
    pub fn read(path: &Path) -> Result<Self> {
        let wrong = |what: String| Error::invalid(format!("{}: {what}", path.display()));
        let mut reader = csv::Reader::from_path(path).map_err(|e| wrong(e.to_string()))?;
        let columns = reader.headers().map_err(|e| wrong(e.to_string()))?.len();
        if !(2..=3).contains(&columns) {
            return Err(wrong(format!("{columns} columns, expected a time, a price bought, and perhaps a price sold")));
        }
        let (mut times, mut buy, mut sell) = (Vec::new(), Vec::new(), Vec::new());
        for (row, record) in reader.records().enumerate() {
            let record = record.map_err(|e| wrong(e.to_string()))?;
            let cell = |at: usize| record.get(at).unwrap_or_default().trim();
            let number = |at: usize| {
                let text = cell(at);
                text.parse::<f64>().map_err(|_| wrong(format!("line {}: price is {text:?}, expected a number", row + 2)))
            };
            times.push(cell(0).parse().map_err(|e: Error| wrong(format!("line {}: {}", row + 2, e.message())))?);
            buy.push(number(1)?);
            if columns == 3 {
                sell.push(number(2)?);
            }
        }
        Self::new(times, buy, (columns == 3).then_some(sell)).map_err(|e| wrong(e.message().to_owned()))
    }
}

/// Prices as a simulation asks for them.
#[derive(Debug, Clone)]
pub(super) struct PriceWalk {
    times: Arc<[Timestamp]>,
    buy: Arc<[f64]>,
    sell: Arc<[f64]>,
}

/// What is paid for energy that is fed in, where nothing says so.
const SELL: f64 = 0.08;

impl PriceWalk {
    /// The prices from a day before `from` to two days after its end.
    pub(super) fn new(
        prices: &Prices,
        tariff: (Option<f64>, Option<f64>),
        seed: u64,
        from: Timestamp,
        length: Span,
    ) -> Self {
        let flat = |buy: f64, sell: f64| Self { times: [from].into(), buy: [buy].into(), sell: [sell].into() };
        let sold = tariff.1.unwrap_or(SELL);
        match (prices, tariff) {
            (Prices::Flat { buy, sell }, _) => flat(*buy, *sell),
            (Prices::OfModel, (Some(buy), _)) => flat(buy, sold),
            (Prices::OfModel | Prices::Invented, _) => {
                let first = (from.as_micros() - 24 * HOUR).div_euclid(HOUR);
                let hours = length.as_micros() / HOUR + 73;
                let times: Vec<_> = (0..hours).map(|hour| Timestamp::from_micros((first + hour) * HOUR)).collect();
                let mut stream = RandomStream::new(seed, "day-ahead market");
                let spot: Vec<f64> = times.iter().map(|time| spot(*time, &mut stream)).collect();
                let buy: Vec<f64> = spot.iter().map(|spot| spot.max(-0.05) * 1.19 + 0.16).collect();
                let sell = vec![sold; spot.len()];
                Self { times: times.into(), buy: buy.into(), sell: sell.into() }
            }
            (Prices::Series(series), _) => {
                let sell = series.sell.clone().unwrap_or_else(|| vec![sold; series.buy.len()].into());
                Self { times: series.times.clone(), buy: series.buy.clone(), sell }
            }
        }
    }

    /// All of them that matter from that time on for so long and two days more: when each begins, bought, sold.
    pub(super) fn columns(&self, from: Timestamp, length: Span) -> (&[Timestamp], &[f64], &[f64]) {
        let end = from.saturating_add(length).saturating_add(Span::from_micros(48 * HOUR));
        let first = self.times.partition_point(|begins| *begins <= from).saturating_sub(1);
        let last = self.times.partition_point(|begins| *begins < end).max(first);
        (&self.times[first..last], &self.buy[first..last], &self.sell[first..last])
    }

    /// A kWh bought, and one sold, at that time. Before the first the first holds.
    pub(super) fn at(&self, time: Timestamp) -> (f64, f64) {
        let at = self.times.partition_point(|begins| *begins <= time).saturating_sub(1);
        (self.buy[at], self.sell[at])
    }
}

/// The shape of a day, in EUR/kWh against its mean, hour by hour in UTC: two humps, as Central European day-ahead prices have them.
const DAY: [f64; 24] = [
    -0.020, -0.025, -0.028, -0.028, -0.020, 0.000, 0.030, 0.045, 0.030, 0.000, -0.020, -0.035, -0.040, -0.038, -0.020,
    0.005, 0.035, 0.060, 0.070, 0.050, 0.025, 0.005, -0.005, -0.015,
];

fn spot(time: Timestamp, stream: &mut RandomStream) -> f64 {
    let hours = time.as_micros().div_euclid(HOUR);
    let (day, hour) = (hours.div_euclid(24), hours.rem_euclid(24) as usize);
    // Warm in July: less is used and more is produced. Day 0 was in January.
    let season = libm::cos(std::f64::consts::TAU * (day as f64 - 15.0) / 365.2425);
    let noon = if season < 0.0 { 1.0 - season } else { 1.0 - 0.6 * season };
    let shape = if (9..16).contains(&hour) { DAY[hour] * noon * 1.4 } else { DAY[hour] };
    let weekend = if (day + 3).rem_euclid(7) >= 5 { -0.02 } else { 0.0 };
    0.085 + 0.02 * season + shape + weekend + 0.012 * stream.normal()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invented_market_is_the_same_for_the_same_seed_and_looks_like_one() {
        let from: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let year = Span::from_seconds(365 * 86_400);
        let walk = |seed| PriceWalk::new(&Prices::Invented, (None, None), seed, from, year);
        let (one, other) = (walk(1), walk(2));
        assert_eq!(one.buy, walk(1).buy);
        assert_ne!(one.buy, other.buy);
        let mean = one.buy.iter().sum::<f64>() / one.buy.len() as f64;
        assert!((0.22..0.32).contains(&mean), "{mean}");
        let at = |text: &str| one.at(text.parse().unwrap()).0;
        assert!(at("2026-01-20T18:30:00Z") > at("2026-01-20T03:30:00Z") + 0.05);
        assert!(at("2026-06-21T12:30:00Z") < at("2026-06-21T18:30:00Z") - 0.05);
    }

    #[test]
    fn a_series_holds_from_its_times_on_and_is_refused_by_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("prices.csv");
        std::fs::write(&file, "time,buy\n2026-01-01T00:00:00Z,0.2\n2026-01-01T01:00:00Z,0.3\n").unwrap();
        let series = Prices::Series(PriceSeries::read(&file).unwrap());
        let walk = PriceWalk::new(&series, (None, Some(0.1)), 1, Timestamp::from_seconds(0), Span::from_seconds(60));
        assert_eq!(walk.at("2026-01-01T00:59:59Z".parse().unwrap()), (0.2, 0.1));
        assert_eq!(walk.at("2026-01-01T01:00:00Z".parse().unwrap()), (0.3, 0.1));
        std::fs::write(&file, "time,buy\n2026-01-01T00:00:00Z,cheap\n").unwrap();
        assert!(PriceSeries::read(&file).unwrap_err().message().contains("line 2: price is \"cheap\""));
        std::fs::write(&file, "time,buy\n2026-01-01T01:00:00Z,1\n2026-01-01T00:00:00Z,1\n").unwrap();
        assert!(PriceSeries::read(&file).unwrap_err().message().contains("not later"));
    }
}
