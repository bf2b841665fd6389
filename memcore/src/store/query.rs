//! What may be asked: which series, from when to when, raw or in buckets.

use jiff::tz::TimeZone;

pub use super::result::{QueryResult, SeriesResult};
use crate::error::{Error, Result};
use crate::model::{Selection, Span, Timestamp, shorten};

/// What becomes of the values of a bucket. NaN is no number here: it is left out, and a bucket without a number is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Aggregate {
    /// The mean of the numbers, each weighing the same.
    Mean,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// The sum.
    Sum,
    /// How many numbers there are.
    Count,
    /// The earliest.
    First,
    /// The latest.
    Last,
}

impl Aggregate {
    /// Every aggregate.
    pub const ALL: [Self; 7] = [Self::Mean, Self::Min, Self::Max, Self::Sum, Self::Count, Self::First, Self::Last];

    /// The name of the result's column.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Min => "min",
            Self::Max => "max",
            Self::Sum => "sum",
            Self::Count => "count",
            Self::First => "first",
            Self::Last => "last",
        }
    }
}

impl std::str::FromStr for Aggregate {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|aggregate| aggregate.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(" ");
            let text = shorten(text);
            Error::invalid(format!("aggregate is {text:?}, expected one of {names}"))
        })
    }
}

/// A length on the calendar of a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CalendarUnit {
    /// So many minutes, counted from each midnight of the zone; the last bucket of a day ends with the day.
    Minutes(u32),
    /// So many hours, counted likewise.
    Hours(u32),
    /// From midnight to midnight: 23 or 25 hours where the clocks change.
    Day,
    /// From Monday to Monday.
    Week,
    /// From the first of a month to the first of the next.
    Month,
    /// From January 1st to January 1st.
    Year,
}

/// The buckets of a query. They are half open and labelled by their start.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Every {
    /// Of one length, aligned to 1970-01-01T00:00:00Z.
    Fixed(Span),
    /// As the clocks and calendars of a zone have them.
    Calendar {
        /// How long.
        unit: CalendarUnit,
        /// Where.
        zone: TimeZone,
    },
}

impl Every {
    /// Calendar buckets in a zone by its name, such as `Europe/Berlin`.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where the zone is not known.
    pub fn calendar(unit: CalendarUnit, zone: &str) -> Result<Self> {
        let zone = TimeZone::get(zone)
            .map_err(|e| Error::invalid(format!("zone is {zone:?}, expected a name such as Europe/Berlin")).caused_by(e))?;
        Ok(Self::Calendar { unit, zone })
    }
}

/// A question to a store. Without an aggregate it gives raw samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    pub(super) selection: Selection,
    pub(super) from: Option<Timestamp>,
    pub(super) to: Option<Timestamp>,
    pub(super) every: Option<Every>,
    pub(super) aggregates: Vec<Aggregate>,
    pub(super) limit: Option<usize>,
    pub(super) last: Option<usize>,
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
            limit: None,
            last: None,
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

    /// One row a bucket; by [`Aggregate::Mean`] where no aggregate is asked for. Buckets without a number are absent.
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
            true => vec!["value".to_owned()],
            false => self.columns().iter().map(|aggregate| aggregate.name().to_owned()).collect(),
        }
    }

    /// Whether samples are asked for as they are.
    #[must_use]
    pub fn is_raw(&self) -> bool {
        self.aggregates.is_empty() && self.every.is_none()
    }

    pub(super) fn columns(&self) -> Vec<Aggregate> {
        if self.aggregates.is_empty() { vec![Aggregate::Mean] } else { self.aggregates.clone() }
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
        match &self.every {
            Some(Every::Fixed(span)) if span.as_micros() <= 0 => {
                Err(Error::invalid(format!("every is {span}, expected more than zero")))
            }
            Some(Every::Calendar { unit: CalendarUnit::Minutes(0) | CalendarUnit::Hours(0), .. }) => {
                Err(Error::invalid("every is zero, expected at least one minute"))
            }
            _ => Ok(()),
        }
    }
}
