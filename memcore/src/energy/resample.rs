//! From samples to buckets, and from samples to the times of a grid.

use super::fold::{BucketFold, Fold};
use super::instant::{first_after, rising};
use super::integral::Holding;
use super::{Aggregate, Every, GapRule, Gaps, Instant, Rule};
use crate::error::{Error, Result};
use crate::model::{Quality, Span, Timestamp};

/// So many readings before a range tell what its first reading of a counter rises from: several, to tell a glitch from a reset.
pub(crate) const READINGS_BEFORE: usize = 8;

/// What shall become of samples: in which buckets, by which aggregates, and for how long a value holds. A query of the store
/// asks for the same, and gets the same answer bit for bit.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Resampling {
    pub(crate) every: Option<Every>,
    pub(crate) aggregates: Vec<Aggregate>,
    pub(crate) rule: Rule,
    pub(crate) gaps: Option<GapRule>,
    pub(crate) fill: Gaps,
    pub(crate) from: Option<Timestamp>,
    pub(crate) to: Option<Timestamp>,
    pub(crate) width: Option<f64>,
    pub(crate) turned: bool,
}

impl Resampling {
    /// One row a bucket. Buckets without a number are absent unless [`fill`](Self::fill) says otherwise.
    #[must_use]
    pub fn every(every: Every) -> Self {
        Self { every: Some(every), ..Self::default() }
    }

    /// One row: everything is one bucket.
    #[must_use]
    pub fn whole() -> Self {
        Self::default()
    }

    /// Adds a column; [`Aggregate::Mean`] where none is asked for.
    #[must_use]
    pub fn aggregate(mut self, aggregate: Aggregate) -> Self {
        if !self.aggregates.contains(&aggregate) {
            self.aggregates.push(aggregate);
        }
        self
    }

    /// How a value goes over into the next, in aggregates over time.
    #[must_use]
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rule = rule;
        self
    }

    /// How long a value holds: needed for aggregates over time, and for filling.
    #[must_use]
    pub fn gaps(mut self, gaps: GapRule) -> Self {
        self.gaps = Some(gaps);
        self
    }

    /// What becomes of buckets without a number.
    #[must_use]
    pub fn fill(mut self, fill: Gaps) -> Self {
        self.fill = fill;
        self
    }

    /// Only from this instant on. Samples before it give context: what holds into the range, and what counters rise from.
    #[must_use]
    pub fn from(mut self, from: Timestamp) -> Self {
        self.from = Some(from);
        self
    }

    /// Only before this instant. The first sample behind it says how long the last in it held.
    #[must_use]
    pub fn to(mut self, to: Timestamp) -> Self {
        self.to = Some(to);
        self
    }

    /// At which reading the register of a counter starts anew from 0, in the unit of the readings: a rollover. For
    /// [`Aggregate::Increase`].
    #[must_use]
    pub fn width(mut self, width: f64) -> Self {
        self.width = Some(width);
        self
    }

    /// The register's readings have their sign turned round, as those of a source of the generator convention have in a store: what
    /// it counted is negative then. For [`Aggregate::Increase`].
    #[must_use]
    pub fn turned(mut self) -> Self {
        self.turned = true;
        self
    }

    /// The half-open range as its first and last microsecond; None where it is empty.
    pub(crate) fn range(&self) -> Option<(i64, i64)> {
        first_and_last(self.from, self.to)
    }

    fn check(&self) -> Result<()> {
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from > to
        {
            return Err(Error::invalid(format!("range is from {from} to {to}, expected the earlier instant first")));
        }
        super::counter::check_width(self.width)?;
        if self.fill != Gaps::Absent && self.every.is_none() {
            return Err(Error::invalid(
                "fill is given without `every`, expected both: only buckets can be without a number",
            ));
        }
        let fills = matches!(self.fill, Gaps::Previous | Gaps::Linear);
        if self.gaps.is_none() && (fills || self.aggregates.iter().any(|aggregate| aggregate.is_over_time())) {
            return Err(Error::invalid("nothing says how long a value holds, expected a gap rule such as max_gap 15m"));
        }
        self.every.as_ref().map_or(Ok(()), Every::check)
    }
}

/// A half-open range as its first and last microsecond; None where it is empty.
pub(crate) fn first_and_last(from: Option<Timestamp>, to: Option<Timestamp>) -> Option<(i64, i64)> {
    let first = from.map_or(i64::MIN, Timestamp::as_micros);
    let last = match to {
        Some(to) => to.as_micros().checked_sub(1)?,
        None => i64::MAX,
    };
    (first <= last).then_some((first, last))
}

/// What [`resample`] found: one row a bucket, in order of time.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Resampled {
    /// Where each bucket starts. Without `every`: the start of the range, else the first sample.
    pub starts: Vec<Timestamp>,
    /// A column for each aggregate, in the order they were asked for; NaN where a bucket has no such value.
    pub columns: Vec<(Aggregate, Vec<f64>)>,
}

impl Resampled {
    /// The column of that aggregate, where it was asked for.
    #[must_use]
    pub fn column(&self, aggregate: Aggregate) -> Option<&[f64]> {
        self.columns.iter().find(|(of, _)| *of == aggregate).map(|(_, values)| values.as_slice())
    }
}

/// Gathers samples into buckets: the answer of a store that holds these samples to the same question, bit for bit. Times rise;
/// NaN is no number, and nothing is known from it on until the next.
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid) where times do not rise or are not as many as the values, the range is reversed, nothing
/// says how long a value holds and an aggregate or the filling needs it, or a length is not more than zero;
/// [`LimitReached`](crate::ErrorKind::LimitReached) for more than ten million buckets.
pub fn resample<T: Instant>(times: &[T], values: &[f64], resampling: &Resampling) -> Result<Resampled> {
    resample_with(times, values, None, resampling)
}

/// As [`resample`], of samples with a quality each, for [`Aggregate::Measured`] to [`Aggregate::Quality`]. A NaN of
/// [`Quality::Invalid`] is what the source called invalid.
///
/// # Errors
/// As there, and [`Invalid`](crate::ErrorKind::Invalid) where the qualities are not as many as the values.
pub fn resample_with_quality<T: Instant>(
    times: &[T],
    values: &[f64],
    qualities: &[Quality],
    resampling: &Resampling,
) -> Result<Resampled> {
    if values.len() != qualities.len() {
        let (values, qualities) = (values.len(), qualities.len());
        return Err(Error::invalid(format!("{qualities} qualities for {values} values, expected as many")));
    }
    resample_with(times, values, Some(qualities), resampling)
}

fn resample_with<T: Instant>(
    times: &[T],
    values: &[f64],
    qualities: Option<&[Quality]>,
    resampling: &Resampling,
) -> Result<Resampled> {
    resampling.check()?;
    let times = rising(times, values.len())?;
    let mut resampling = resampling.clone();
    if resampling.aggregates.is_empty() {
        resampling.aggregates.push(Aggregate::Mean);
    }
    let (aggregates, reach) = (resampling.aggregates.clone(), resampling.gaps.map_or_else(Span::default, GapRule::reach));
    let counts = aggregates.contains(&Aggregate::Increase);
    let range = resampling.range();
    let mut fold = BucketFold::new(resampling);
    if let Some(qualities) = qualities {
        let told = times.iter().zip(qualities).filter(|(_, quality)| **quality != Quality::Measured);
        let (times, numbers) = told.map(|(time, quality)| (*time, quality.number())).unzip();
        fold.qualify(times, numbers);
    }
    if let (Some((first, last)), false) = (range, times.is_empty()) {
        fold.reserve((times[0], times[times.len() - 1]), times.len());
        let start = times.partition_point(|time| *time < first);
        if counts {
            let seed = start.saturating_sub(READINGS_BEFORE)..start;
            fold.samples(&times[seed.clone()], &values[seed])?;
        }
        let reached = times.partition_point(|time| *time < first.saturating_sub(reach.as_micros()));
        let end = times.partition_point(|time| *time <= last.saturating_add(reach.as_micros()));
        fold.samples(&times[reached..end], &values[reached..end])?;
    }
    let rows = fold.finish()?;
    let number = |column: Vec<Option<f64>>| column.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect();
    let columns = aggregates.into_iter().zip(rows.columns.into_iter().map(number)).collect();
    Ok(Resampled { starts: rows.starts.into_iter().map(Timestamp::from_micros).collect(), columns })
}

/// The values at the times of a grid: of samples further apart than the grid, or beside it. By [`Rule::Step`] a value stands until
/// the next sample; by [`Rule::Trapezoid`] values lie on a straight line between two samples. NaN where nothing is known:
/// before the first sample, in a gap (but for one cadence after a sample, where `gaps` knows one), after a NaN, and
/// later than the longest gap after the last sample.
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid) where the times of the samples or of the grid do not rise, or there are not as many
/// values as times.
pub fn at<T: Instant, G: Instant>(times: &[T], values: &[f64], grid: &[G], rule: Rule, gaps: GapRule) -> Result<Vec<f64>> {
    let times = rising(times, values.len())?;
    let grid = rising(grid, grid.len()).map_err(|e| e.context("grid"))?;
    let mut found = vec![f64::NAN; grid.len()];
    // The place of the first sample behind each instant.
    let mut next = 0;
    for (found, instant) in found.iter_mut().zip(grid.iter()) {
        next = first_after(&times, next, *instant);
        let Some(before) = next.checked_sub(1).filter(|before| !values[*before].is_nan()) else { continue };
        let Some(later) = times.get(next) else {
            if gaps.bridges(instant.saturating_sub(times[before])) {
                *found = values[before];
            }
            continue;
        };
        let mut holding = Holding::new(rule, gaps);
        holding.next(times[before], values[before]);
        if let Some(stretch) = holding.next(*later, values[next]).filter(|stretch| *instant < stretch.end) {
            *found = stretch.at(*instant);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minutes(of: &[i64]) -> Vec<Timestamp> {
        of.iter().map(|minute| Timestamp::from_seconds(minute * 60)).collect()
    }

    fn values_at(rule: Rule, cadence: Option<i64>, grid: &[i64]) -> Vec<Option<f64>> {
        let gaps = GapRule::new(Span::from_seconds(600), cadence.map(Span::from_seconds)).unwrap();
        let samples = (minutes(&[0, 10, 60, 70]), [100.0, 200.0, 50.0, f64::NAN]);
        let found = at(&samples.0, &samples.1, &minutes(grid), rule, gaps).unwrap();
        found.into_iter().map(|value| Some(value).filter(|value| !value.is_nan())).collect()
    }

    #[test]
    fn values_stand_or_lie_on_a_line_between_samples_and_gaps_are_unknown() {
        let grid = [-1, 0, 5, 10, 11, 12, 59, 60, 65, 70, 75];
        let step = values_at(Rule::Step, None, &grid);
        let known = |values: [f64; 3]| {
            [None, Some(values[0]), Some(values[1]), None, None, None, None, Some(50.0), Some(values[2]), None, None]
        };
        assert_eq!(step, known([100.0, 100.0, 50.0]));
        assert_eq!(values_at(Rule::Trapezoid, None, &grid), known([100.0, 150.0, 50.0]));
        let minute = values_at(Rule::Step, Some(120), &grid);
        assert_eq!(minute[3..6], [Some(200.0), Some(200.0), None]);
    }

    #[test]
    fn the_last_sample_holds_as_long_as_a_gap_is_bridged() {
        // C8, C11: a value that is frozen is none once it is too old.
        let gaps = GapRule::new(Span::from_seconds(600), None).unwrap();
        let found = at(&minutes(&[0]), &[7.0], &minutes(&[0, 10, 11]), Rule::Step, gaps).unwrap();
        assert_eq!(found[..2], [7.0, 7.0]);
        assert!(found[2].is_nan());
    }

    #[test]
    fn what_a_question_lacks_is_named() {
        let (times, values) = (minutes(&[0]), [1.0]);
        let refused = |resampling: &Resampling| resample(&times, &values, resampling).unwrap_err().to_string();
        assert!(refused(&Resampling::whole().aggregate(Aggregate::Integral)).contains("expected a gap rule"));
        assert!(refused(&Resampling::whole().fill(Gaps::Null)).contains("without `every`"));
        assert!(refused(&Resampling::whole().width(-1.0)).contains("more than zero"));
        let reversed = Resampling::whole().from(minutes(&[1])[0]).to(minutes(&[0])[0]);
        assert!(refused(&reversed).contains("the earlier instant first"));
        assert_eq!(resample::<Timestamp>(&[], &[], &Resampling::whole()).unwrap().starts, []);
    }
}
