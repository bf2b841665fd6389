//! What is asked for, as the Python side gives it.

use memcore::model::{Span, Timestamp};
use memcore::store::{Aggregate, Chart, ChartMethod, Every, Gaps, Rule};
use memcore::{Query, Result};
use pyo3::prelude::*;

use crate::errors::raised;

/// The items of a dictionary; what is `None` is as the core has it by default.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Question {
    start: Option<i64>,
    end: Option<i64>,
    every: Option<String>,
    zone: Option<String>,
    aggregates: Vec<String>,
    gaps: Option<String>,
    max_gap_us: Option<i64>,
    rule: Option<String>,
    as_of: Option<i64>,
    chart: Option<(usize, String)>,
    limit: Option<usize>,
    last: Option<usize>,
    quality: bool,
}

impl Question {
    pub(crate) fn query(&self, selection: &str) -> PyResult<Query> {
        self.of(Query::of(selection).map_err(raised)?).map_err(raised)
    }

    fn of(&self, mut query: Query) -> Result<Query> {
        if let Some(start) = self.start {
            query = query.from(Timestamp::from_micros(start));
        }
        if let Some(end) = self.end {
            query = query.to(Timestamp::from_micros(end));
        }
        if let Some(every) = &self.every {
            query = query.every(Every::parse(every, self.zone.as_deref())?);
        }
        for aggregate in &self.aggregates {
            query = query.aggregate(aggregate.parse::<Aggregate>()?);
        }
        if let Some(gaps) = &self.gaps {
            query = query.gaps(gaps.parse::<Gaps>()?);
        }
        if let Some(max_gap) = self.max_gap_us {
            query = query.max_gap(Span::from_micros(max_gap));
        }
        if let Some(rule) = &self.rule {
            query = query.rule(rule.parse::<Rule>()?);
        }
        if let Some(instant) = self.as_of {
            query = query.as_of(Timestamp::from_micros(instant));
        }
        if let Some((width, method)) = &self.chart {
            query = query.chart(Chart { width: *width, method: method.parse::<ChartMethod>()? });
        }
        if self.quality {
            query = query.with_quality();
        }
        query = self.limit.into_iter().fold(query, Query::limit);
        Ok(self.last.into_iter().fold(query, Query::last))
    }
}
