//! What may be asked: which series, from when to when, raw, in buckets or as a chart.

pub use super::result::{QueryResult, SeriesResult};
use crate::energy::{self, GapRule, Resampling};
pub use crate::energy::{Aggregate, CalendarUnit, Every, Gaps, Percentile, Rule};
use crate::error::{Error, Result};
use crate::model::{Channel, Selection, SignConvention, Span, Timestamp, shorten};

/// A chart wider than this is none.
const CHART_WIDTH: std::ops::RangeInclusive<usize> = 4..=1_000_000;

/// How a chart picks its points. Every one is a sample with its own time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum ChartMethod {
    /// Of each pixel the first, the lowest, the highest and the last sample: the line is drawn as all samples would draw it.
    #[default]
    MinMax,
    /// One sample a pixel, chosen for the shape of the line among those of [`MinMax`](Self::MinMax); the lowest and the
    /// highest of all are there.
    MinMaxLttb,
}

impl ChartMethod {
    const NAMES: [(&'static str, Self); 2] = [("minmax", Self::MinMax), ("minmaxlttb", Self::MinMaxLttb)];
}

impl std::str::FromStr for ChartMethod {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        by_name("method", text, &Self::NAMES)
    }
}

/// As few raw samples of each series as a chart of so many pixels needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Chart {
    /// How many pixels wide: from 4 to 1,000,000. [`MinMax`](ChartMethod::MinMax) gives at most four samples a pixel,
    /// [`MinMaxLttb`](ChartMethod::MinMaxLttb) at most one.
    pub width: usize,
    /// Which samples.
    pub method: ChartMethod,
}

fn by_name<T: Copy>(field: &str, text: &str, names: &[(&str, T)]) -> Result<T> {
    names.iter().find(|(name, _)| *name == text).map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
        Error::invalid(format!("{field} is {:?}, expected one of {}", shorten(text), names.join(" ")))
    })
}

/// A question to a store. Without an aggregate it gives raw samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    pub(super) selection: Selection,
    pub(super) from: Option<Timestamp>,
    pub(super) to: Option<Timestamp>,
    pub(super) every: Option<Every>,
    pub(super) aggregates: Vec<Aggregate>,
    pub(super) gaps: Gaps,
    pub(super) max_gap: Option<Span>,
    pub(super) rule: Rule,
    pub(super) as_of: Option<Timestamp>,
    pub(super) chart: Option<Chart>,
    pub(super) limit: Option<usize>,
    pub(super) last: Option<usize>,
    pub(super) with_quality: bool,
}

impl Query {
    /// Everything of the series that are selected.
    #[must_use]
    pub fn new(selection: impl Into<Selection>) -> Self {
        Self {
            selection: selection.into(),
            from: None,
            to: None,
            every: None,
            aggregates: Vec::new(),
            gaps: Gaps::default(),
            max_gap: None,
            rule: Rule::default(),
            as_of: None,
            chart: None,
            limit: None,
            last: None,
            with_quality: false,
        }
    }

    /// As [`new`](Self::new), from the text of a selection such as `home1.*.power{phase=L1}`.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where the text is no selection.
    pub fn of(selection: &str) -> Result<Self> {
        selection.parse::<Selection>().map(Self::new)
    }

    /// Only from this instant on.
    #[must_use]
    pub fn from(mut self, from: Timestamp) -> Self {
        self.from = Some(from);
        self
    }

    /// Only before this instant.
    #[must_use]
    pub fn to(mut self, to: Timestamp) -> Self {
        self.to = Some(to);
        self
    }

    /// One row a bucket; by [`Aggregate::Mean`] where no aggregate is asked for. Buckets without a number are absent unless
    /// [`gaps`](Self::gaps) says otherwise.
    #[must_use]
    pub fn every(mut self, every: Every) -> Self {
        self.every = Some(every);
        self
    }

    /// Adds a column with this aggregate; without [`every`](Self::every) the whole range is one bucket.
    #[must_use]
    pub fn aggregate(mut self, aggregate: Aggregate) -> Self {
        if !self.aggregates.contains(&aggregate) {
            self.aggregates.push(aggregate);
        }
        self
    }

    /// What becomes of buckets without a number; only with [`every`](Self::every).
    #[must_use]
    pub fn gaps(mut self, gaps: Gaps) -> Self {
        self.gaps = gaps;
        self
    }

    /// The longest silence over which a value holds, for aggregates over time and for filling; otherwise the channel's
    /// max-age, else three times its cadence. A channel with neither needs it.
    #[must_use]
    pub fn max_gap(mut self, longest: Span) -> Self {
        self.max_gap = Some(longest);
        self
    }

    /// How a value goes over into the next in aggregates over time; [`Rule::Step`] by default.
    #[must_use]
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rule = rule;
        self
    }

    /// Only what was known at this instant: rows that arrived later are left out, and what they replaced is there. Arrivals
    /// are kept to the minute, rounded up.
    #[must_use]
    pub fn as_of(mut self, instant: Timestamp) -> Self {
        self.as_of = Some(instant);
        self
    }

    /// As few raw samples as a chart needs.
    #[must_use]
    pub fn chart(mut self, chart: Chart) -> Self {
        self.chart = Some(chart);
        self
    }

    /// At most so many rows of each series, the first ones.
    #[must_use]
    pub fn limit(mut self, rows: usize) -> Self {
        self.limit = Some(rows);
        self
    }

    /// At most so many rows of each series, the last ones.
    #[must_use]
    pub fn last(mut self, rows: usize) -> Self {
        self.last = Some(rows);
        self
    }

    /// Raw samples with a column `quality` beside `value`: the number of the [`Quality`](crate::model::Quality) of each.
    #[must_use]
    pub fn with_quality(mut self) -> Self {
        self.with_quality = true;
        self
    }

    /// The same question about other series.
    #[must_use]
    pub fn select(mut self, selection: impl Into<Selection>) -> Self {
        self.selection = selection.into();
        self
    }

    /// Which series are asked for.
    #[must_use]
    pub fn selection(&self) -> &Selection {
        &self.selection
    }

    /// The range as it was given: from, included, and to, not included.
    #[must_use]
    pub fn range(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        (self.from, self.to)
    }

    /// The names of the columns beside series and time that the answer will have.
    #[must_use]
    pub fn column_names(&self) -> Vec<String> {
        match self.is_raw() {
            true if self.with_quality => vec!["value".to_owned(), "quality".to_owned()],
            true => vec!["value".to_owned()],
            false => self.columns().iter().map(|aggregate| aggregate.name().into_owned()).collect(),
        }
    }

    /// Whether its answers over the parts of a range are, one after the other, its answer over the whole.
    #[must_use]
    pub fn may_be_cut(&self) -> bool {
        self.is_raw() && self.chart.is_none() && self.limit.is_none() && self.last.is_none()
    }

    /// Whether samples are asked for as they are.
    #[must_use]
    pub fn is_raw(&self) -> bool {
        self.aggregates.is_empty() && self.every.is_none()
    }

    pub(super) fn columns(&self) -> Vec<Aggregate> {
        if self.aggregates.is_empty() { vec![Aggregate::Mean] } else { self.aggregates.clone() }
    }

    /// How long values of that channel hold, where the query needs to know.
    pub(super) fn gap_rule(&self, channel: &Channel) -> Result<Option<GapRule>> {
        let fills = matches!(self.gaps, Gaps::Previous | Gaps::Linear);
        if fills || self.aggregates.iter().any(|aggregate| aggregate.is_over_time()) {
            return GapRule::of(channel, self.max_gap).map(Some);
        }
        // Without one only the samples of a bucket count for its quality, not what holds into it.
        let helps = self.aggregates.iter().any(|aggregate| aggregate.is_of_quality());
        Ok(if helps { GapRule::of(channel, self.max_gap).ok() } else { None })
    }

    /// Whether it needs to know the qualities of values.
    pub(super) fn asks_for_quality(&self) -> bool {
        if self.is_raw() { self.with_quality } else { self.aggregates.iter().any(|aggregate| aggregate.is_of_quality()) }
    }

    /// How far before and behind the range samples of that channel matter within it.
    pub(super) fn context(&self, channel: &Channel) -> Result<(Span, Span)> {
        let reach = self.gap_rule(channel)?.map_or_else(Span::default, GapRule::reach);
        Ok((reach, reach))
    }

    /// What becomes of the samples of that channel.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where nothing says how long a value of the channel holds, and the query needs it.
    pub(super) fn resampling(&self, channel: &Channel) -> Result<Resampling> {
        let resampling = Resampling { aggregates: self.columns(), every: self.every.clone(), ..Resampling::default() };
        Ok(Resampling {
            from: self.from,
            to: self.to,
            rule: self.rule,
            fill: self.gaps,
            gaps: self.gap_rule(channel)?,
            width: channel.rollover_width(),
            turned: channel.sign == SignConvention::Generator,
            ..resampling
        })
    }

    /// The half-open range as its first and last microsecond; None where it is empty.
    pub(super) fn micros(&self) -> Option<(i64, i64)> {
        energy::first_and_last(self.from, self.to)
    }

    /// What is to be read first where increases are asked for: the readings that the first one in the range rises from,
    /// however long ago they were.
    pub(super) fn seed(&self) -> Option<Self> {
        let from = self.from.filter(|_| self.aggregates.contains(&Aggregate::Increase))?;
        let seed = Self::new(&self.selection).to(from).last(energy::READINGS_BEFORE);
        Some(Self { as_of: self.as_of, ..seed })
    }

    pub(super) fn check(&self) -> Result<()> {
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from > to
        {
            return Err(Error::invalid(format!("range is from {from} to {to}, expected the earlier instant first")));
        }
        if self.limit.is_some() && self.last.is_some() {
            return Err(Error::invalid("query has both `limit` and `last`, expected one of them"));
        }
        if let Some(longest) = self.max_gap.filter(|longest| longest.as_micros() <= 0) {
            return Err(Error::invalid(format!("max_gap is {longest}, expected more than zero")));
        }
        if self.gaps != Gaps::Absent && self.every.is_none() {
            return Err(Error::invalid(
                "query has `gaps` without `every`, expected both: only buckets can be without a number",
            ));
        }
        if self.with_quality && !self.is_raw() {
            return Err(Error::invalid(
                "query has `with_quality` with `every` or an aggregate, expected the aggregate `quality` instead",
            ));
        }
        self.every.as_ref().map_or(Ok(()), Every::check)?;
        self.check_chart()
    }

    fn check_chart(&self) -> Result<()> {
        let Some(chart) = self.chart else { return Ok(()) };
        if !CHART_WIDTH.contains(&chart.width) {
            let (least, most) = (CHART_WIDTH.start(), CHART_WIDTH.end());
            return Err(Error::invalid(format!("chart width is {}, expected {least} to {most} pixels", chart.width)));
        }
        if !self.is_raw() {
            return Err(Error::invalid("query has `chart` with `every` or an aggregate, expected one of them"));
        }
        if self.limit.or(self.last).is_some() {
            return Err(Error::invalid("query has `chart` with `limit` or `last`, expected one of them"));
        }
        Ok(())
    }
}
