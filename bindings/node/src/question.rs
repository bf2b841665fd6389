//! What is asked for.

use memcore::Query;
use memcore::store::{Aggregate, Chart, ChartMethod, Every, Gaps, Rule};
use napi::bindgen_prelude::BigInt;
use napi_derive::napi;

use crate::channel::span;
use crate::error::{Result, ToNode};
use crate::time::instant;

/// The question of a query.
#[napi(object)]
pub struct QueryOptions {
    /// Only from this instant on, in microseconds.
    pub start: Option<BigInt>,
    /// Only before this instant, in microseconds.
    pub end: Option<BigInt>,
    /// The length of the buckets.
    pub every: Option<String>,
    /// The aggregates, one a column.
    pub agg: Option<Vec<String>>,
    /// The zone whose calendar the buckets follow.
    pub tz: Option<String>,
    /// What becomes of buckets without a number.
    pub gaps: Option<String>,
    /// The longest silence over which a value holds.
    pub max_gap: Option<String>,
    /// How a value goes over into the next.
    pub rule: Option<String>,
    /// What was known at this instant, in microseconds.
    pub as_of: Option<BigInt>,
    /// How many pixels wide a chart is.
    pub chart_width: Option<u32>,
    /// How it picks its points.
    pub chart_method: Option<String>,
    /// At most so many rows of each series, the first ones.
    pub limit: Option<u32>,
    /// At most so many rows of each series, the last ones.
    pub last: Option<u32>,
    /// The quality of each raw reading beside its value.
    pub quality: Option<bool>,
}

impl QueryOptions {
    pub(crate) fn query(&self, selection: &str) -> Result<Query> {
        let mut query = Query::of(selection).to_node()?;
        if let Some(start) = &self.start {
            query = query.from(instant(start).to_node()?);
        }
        if let Some(end) = &self.end {
            query = query.to(instant(end).to_node()?);
        }
        match (&self.every, &self.tz) {
            (Some(every), zone) => query = query.every(Every::parse(every, zone.as_deref()).to_node()?),
            (None, Some(_)) => {
                return Err(memcore::Error::invalid("tz without every: expected the buckets that follow it")).to_node();
            }
            (None, None) => {}
        }
        for aggregate in self.agg.iter().flatten() {
            query = query.aggregate(aggregate.parse::<Aggregate>().to_node()?);
        }
        if let Some(gaps) = &self.gaps {
            query = query.gaps(gaps.parse::<Gaps>().to_node()?);
        }
        if let Some(max_gap) = &self.max_gap {
            query = query.max_gap(span("maxGap", max_gap).to_node()?);
        }
        if let Some(rule) = &self.rule {
            query = query.rule(rule.parse::<Rule>().to_node()?);
        }
        if let Some(as_of) = &self.as_of {
            query = query.as_of(instant(as_of).to_node()?);
        }
        if let Some(width) = self.chart_width {
            let method = self.chart_method.as_deref().map_or(Ok(ChartMethod::default()), str::parse).to_node()?;
            query = query.chart(Chart { width: width as usize, method });
        }
        if self.quality == Some(true) {
            query = query.with_quality();
        }
        if let Some(limit) = self.limit {
            query = query.limit(limit as usize);
        }
        if let Some(last) = self.last {
            query = query.last(last as usize);
        }
        Ok(query)
    }
}
