//! What energy cost in the last day, to tell what is cheap.

use std::collections::VecDeque;

use crate::model::Timestamp;

/// One price is remembered of each quarter of an hour, those of a day: the oldest gives way.
const QUARTER: i64 = 900_000_000;
const QUARTERS: usize = 96;
/// Quantiles of fewer prices say nothing.
const QUARTERS_LEAST: usize = 24;

/// The prices of the last day.
#[derive(Debug, Default)]
pub(super) struct PriceHistory(VecDeque<(i64, f64)>);

impl PriceHistory {
    pub(super) fn note(&mut self, price: f64, now: Timestamp) {
        let quarter = now.as_micros().div_euclid(QUARTER);
        self.0.retain(|(at, _)| *at < quarter && quarter - at < QUARTERS as i64);
        self.0.push_back((quarter, price));
    }

    /// The price below which a share of them are; None where too few are known, or all are the same.
    pub(super) fn quantile(&self, share: f64) -> Option<f64> {
        let mut prices: Vec<f64> = self.0.iter().map(|(_, price)| *price).collect();
        prices.sort_by(f64::total_cmp);
        let rises = prices.len() >= QUARTERS_LEAST && prices.first() < prices.last();
        rises.then(|| prices[((prices.len() - 1) as f64 * share).round() as usize])
    }
}
