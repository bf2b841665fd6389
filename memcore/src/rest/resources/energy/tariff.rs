//! What energy cost at the grid connection, by the tariff of the site model.

use crate::control::CheckedModel;
use crate::error::Result;
use crate::model::{SeriesName, Span, Timestamp};
use crate::runtime::{Memcore, Query};

/// A price holds until the next, but no longer than this; as for plans.
const HOLDS: Span = Span::from_seconds(86_400);

/// Prices of a kWh in some time.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Price {
    Unknown,
    Same(f64),
    /// In order of time.
    Series(Vec<(i64, f64)>),
}

/// What is bought and what is sold.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Prices {
    pub(super) buy: Price,
    pub(super) sell: Price,
}

impl Prices {
    pub(super) fn none() -> Self {
        Self { buy: Price::Unknown, sell: Price::Unknown }
    }

    /// Those of a model, in that time.
    pub(super) fn read(memcore: &Memcore, model: &CheckedModel, range: (Timestamp, Timestamp)) -> Result<Self> {
        let tariff = model.model().tariff.as_ref();
        let price = |series: Option<&SeriesName>, same: Option<f64>| match (series, same) {
            (Some(series), _) => read(memcore, series, range),
            (None, Some(same)) => Ok(Price::Same(same)),
            (None, None) => Ok(Price::Unknown),
        };
        Ok(Self {
            buy: price(model.buy_series(), tariff.and_then(|tariff| tariff.buy_per_kwh))?,
            sell: price(model.sell_series(), tariff.and_then(|tariff| tariff.sell_per_kwh))?,
        })
    }

    /// Whether they differ from time to time.
    pub(super) fn vary(&self) -> bool {
        matches!(self.buy, Price::Series(_)) || matches!(self.sell, Price::Series(_))
    }
}

impl Price {
    /// The price that holds at that time, in microseconds.
    pub(super) fn at(&self, time: i64) -> Option<f64> {
        match self {
            Self::Unknown => None,
            Self::Same(price) => Some(*price),
            Self::Series(prices) => {
                let behind = prices.partition_point(|(start, _)| *start <= time);
                let (start, price) = prices.get(behind.checked_sub(1)?)?;
                (time - start < HOLDS.as_micros()).then_some(*price)
            }
        }
    }

    /// What amounts of energy cost, each in Wh and from a time on; of those that are known. None where none has a price.
    pub(super) fn of(&self, amounts: impl Iterator<Item = (i64, f64)>) -> Option<f64> {
        let mut cost = None;
        for (time, amount) in amounts.filter(|(_, amount)| amount.is_finite()) {
            if let Some(price) = self.at(time) {
                cost = Some(cost.unwrap_or(0.0) + amount / 1000.0 * price);
            }
        }
        cost
    }
}

fn read(memcore: &Memcore, series: &SeriesName, (from, to): (Timestamp, Timestamp)) -> Result<Price> {
    if memcore.store().channel(series).is_none() {
        return Ok(Price::Unknown);
    }
    let from = from.saturating_add(Span::from_micros(-HOLDS.as_micros()));
    let found = memcore.query(&Query::new(series).from(from).to(to))?;
    let rows = found.series().first().and_then(|found| {
        let rows = found.times().values().iter().copied().zip(found.values()?.values().iter().copied());
        Some(rows.filter(|(_, price)| price.is_finite()).collect())
    });
    Ok(Price::Series(rows.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_holds_until_the_next_and_a_day_at_most() {
        let hour = 3_600_000_000;
        let price = Price::Series(vec![(0, 0.2), (hour, 0.4)]);
        for (time, expected) in [
            (-1, None),
            (0, Some(0.2)),
            (hour - 1, Some(0.2)),
            (hour, Some(0.4)),
            (24 * hour, Some(0.4)),
            (25 * hour, None),
        ] {
            assert_eq!(price.at(time), expected, "{time}");
        }
    }

    #[test]
    fn energy_costs_what_it_cost_when_it_flowed() {
        let price = Price::Series(vec![(0, 0.2), (10, 0.4)]);
        assert_eq!(price.of([(0, 1000.0), (10, 500.0), (20, f64::NAN)].into_iter()), Some(0.4));
        assert_eq!(price.of([(-5, 1000.0)].into_iter()), None);
        assert_eq!(Price::Same(0.3).of([(0, 2000.0)].into_iter()), Some(0.6));
    }
}
