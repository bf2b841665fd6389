//! What is asked for: the arguments that `query` and `export` share.

use clap::Args;

use crate::error::{Error, Result};
use crate::model::{Selection, Span, Timestamp};
use crate::runtime::{Aggregate, Every, Gaps, Query, Rule};

/// What is asked for, of whatever command.
#[derive(Debug, Args)]
pub(super) struct Question {
    /// Which series: `home1.pv.power`, `home1.*.power`, `home1.>`, `home1.>{quantity=power,phase=L1}`; all by default
    #[arg(default_value = "*/>", hide_default_value = true)]
    pub(super) selection: Selection,
    /// From this instant on: 2026-11-25T00:00:00Z, or so long ago: 24h
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Before this instant, or so long ago
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// One row a bucket: 15m, 1h, 1d, 1w, 1mo, 1y
    #[arg(long, value_name = "LENGTH")]
    every: Option<String>,
    /// What to say of each bucket: mean time_weighted_mean min max sum count first last integral increase coverage median p99; several by commas
    #[arg(long = "agg", value_name = "NAMES", value_delimiter = ',')]
    aggregates: Vec<Aggregate>,
    /// The zone whose clocks and calendar the buckets follow, such as Europe/Berlin
    #[arg(long, value_name = "ZONE", requires = "every")]
    tz: Option<String>,
    /// What becomes of buckets without a number: absent null previous linear
    #[arg(long, requires = "every")]
    gaps: Option<Gaps>,
    /// The longest silence over which a value holds, for what counts time: 15m
    #[arg(long, value_name = "LENGTH")]
    max_gap: Option<Span>,
    /// How a value goes over into the next, for what counts time: step trapezoid
    #[arg(long)]
    rule: Option<Rule>,
    /// Only what was known at this instant, or so long ago
    #[arg(long, value_name = "TIME")]
    as_of: Option<String>,
}

impl Question {
    pub(super) fn query(&self, now: Timestamp) -> Result<Query> {
        let mut query = Query::new(&self.selection);
        if let Some(from) = &self.from {
            query = query.from(instant("--from", from, now)?);
        }
        if let Some(to) = &self.to {
            query = query.to(instant("--to", to, now)?);
        }
        if let Some(every) = &self.every {
            query = query.every(Every::parse(every, self.tz.as_deref())?);
        }
        query = self.gaps.into_iter().fold(query, Query::gaps);
        query = self.max_gap.into_iter().fold(query, Query::max_gap);
        query = self.rule.into_iter().fold(query, Query::rule);
        if let Some(instant_of) = &self.as_of {
            query = query.as_of(instant("--as-of", instant_of, now)?);
        }
        Ok(self.aggregates.iter().fold(query, |query, aggregate| query.aggregate(*aggregate)))
    }
}

/// An instant, or a length before now.
pub(super) fn instant(flag: &str, text: &str, now: Timestamp) -> Result<Timestamp> {
    if text == "now" {
        return Ok(now);
    }
    match text.parse::<Span>() {
        Ok(ago) => Ok(now.saturating_add(Span::from_micros(-ago.as_micros()))),
        Err(_) => text.parse().map_err(|e: Error| e.context(format!("{flag} (or a length before now, such as 24h)"))),
    }
}
