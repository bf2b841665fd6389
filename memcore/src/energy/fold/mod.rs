//! What becomes of the samples of one series in buckets: all aggregates that are asked for, in one pass.
//!
//! Besides the bucket that is open a fold keeps one row a bucket; quantiles keep the numbers of the open bucket, 8 bytes each.

mod counting;
mod fill;
mod quality;

use self::counting::Counting;
pub(crate) use self::fill::BucketRows;
use self::quality::QualityFold;
use super::calendar::{Borders, Bucket, MAX_BUCKETS};
use super::exact::Wholes;
use super::instant::first_after;
use super::integral::{Area, Holding, Stretch};
use super::{Aggregate, Every, Gaps, Resampling, Summary, Whole};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Quality, Timestamp};

/// So many samples are looked at together.
const BLOCK: usize = 1024;

/// Consecutive samples of one series that are known by their summary only.
pub(crate) struct Run<'a> {
    pub(crate) first: i64,
    pub(crate) last: i64,
    /// Some where all rows are evenly spaced by it and none is absent.
    pub(crate) step: Option<i64>,
    pub(crate) summary: &'a Summary,
}

impl Run<'_> {
    /// Whether every row is a number.
    pub(crate) fn is_full(&self) -> bool {
        self.summary.rows > 0 && self.summary.count == self.summary.rows
    }
}

/// Takes in the samples of one series in order of time.
pub(crate) trait Fold: Send {
    /// Rising samples. Those outside the range give context.
    fn samples(&mut self, times: &[i64], values: &[f64]) -> Result<()>;
    /// Whether the run may be given by its summary. Asked in order of time, of every run that could be, before its samples or
    /// its summary are given; several may be asked of in advance.
    fn takes(&mut self, run: &Run<'_>) -> Result<bool>;
    fn run(&mut self, run: &Run<'_>) -> Result<()>;
    /// The last instant up to which samples from `time` on, inside the range, could be one run; None where none is taken.
    fn border(&mut self, time: i64) -> Result<Option<i64>>;
}

/// Gathers samples into buckets.
pub(crate) struct BucketFold {
    resampling: Resampling,
    range: (i64, i64),
    /// None: everything is one bucket.
    borders: Option<Borders>,
    /// The same again for runs that are asked of in advance.
    ahead: Option<Borders>,
    holding: Option<Holding>,
    counting: Option<Counting>,
    /// The numbers of the open bucket, where an aggregate needs all of them. Bound: those of one bucket.
    numbers: Option<Vec<f64>>,
    /// Tells the qualities of the samples, where any has one; else all were measured.
    qualities: Option<QualityFold>,
    open: Option<Open>,
    rows: BucketRows,
    /// Where values stand as whole numbers, block by block.
    room: Vec<i64>,
    /// The last number before the range.
    before: Option<(i64, f64)>,
    /// Up to where time is measured, for the bucket of a range without an end.
    reached: i64,
    /// A sample behind the range was seen: what the last one in it counts for is known.
    ended: bool,
}

/// The bucket that samples go to now.
struct Open {
    bucket: Bucket,
    summary: Summary,
    area: Area,
    /// The times of its first and last number.
    span: Option<(i64, i64)>,
}

impl BucketFold {
    pub(crate) fn new(resampling: Resampling) -> Self {
        let over_time = resampling.aggregates.iter().any(|asked| asked.is_over_time() || asked.is_of_quality());
        let borders = || resampling.every.as_ref().map(Borders::new);
        let asks_for = |asked: fn(&Aggregate) -> bool| resampling.aggregates.iter().any(asked);
        Self {
            range: resampling.range().unwrap_or((0, -1)),
            borders: borders(),
            ahead: borders(),
            holding: resampling.gaps.filter(|_| over_time).map(|gaps| Holding::new(resampling.rule, gaps)),
            counting: asks_for(|asked| *asked == Aggregate::Increase)
                .then(|| Counting::new(resampling.width, resampling.turned)),
            numbers: asks_for(|asked| asked.quantile().is_some()).then(Vec::new),
            qualities: None,
            open: None,
            rows: BucketRows::new(resampling.aggregates.len(), resampling.fill != Gaps::Absent),
            room: Vec::new(),
            before: None,
            reached: i64::MIN,
            ended: false,
            resampling,
        }
    }

    /// The qualities of the samples that will be given: rising times, and the number of the quality of the sample at each, or of
    /// what the source called invalid then. Memory: that of these.
    pub(crate) fn qualify(&mut self, times: Vec<i64>, numbers: Vec<f64>) {
        let asked = self.resampling.aggregates.iter().any(|aggregate| aggregate.is_of_quality());
        if asked && !times.is_empty() {
            self.qualities = Some(QualityFold::new(&self.resampling, times, numbers));
        }
    }

    /// Makes room for the rows of samples between two times, both included; not more than so many.
    pub(crate) fn reserve(&mut self, (first, last): (i64, i64), most: usize) {
        let Some(every) = &self.resampling.every else { return };
        let length = last.min(self.range.1).saturating_sub(first.max(self.range.0));
        let buckets = (length / every.shortest()).max(0) as usize + 2;
        self.rows.reserve(buckets.min(most));
    }

    /// The rows, once everything was given.
    pub(crate) fn finish(mut self) -> Result<BucketRows> {
        if let (Some(holding), Some(gaps), false) = (&mut self.holding, self.resampling.gaps, self.ended)
            && let Some((time, _)) = holding.previous()
        {
            // A range without an end has no next value: the last sample counts for its cadence.
            let end = self.resampling.to.map_or(gaps.cadence_end(time), Timestamp::as_micros);
            let stretch = holding.finish(end);
            self.spread(stretch)?;
        }
        self.close();
        if let Some(qualities) = self.qualities.take() {
            let mut told = qualities.finish()?;
            // Where everything is one bucket, it is the same one, whatever its first event was.
            if let (None, Some(start), Some((told, _))) = (&self.borders, self.rows.starts.first(), told.first_mut()) {
                *told = *start;
            }
            self.rows = self.rows.join(&told, &self.resampling.aggregates);
        }
        if self.resampling.fill == Gaps::Absent {
            return Ok(self.rows);
        }
        fill::fill(self.rows, &self.resampling, self.before)
    }

    /// Samples before the range: what holds into it, and what counters rise from.
    fn give_context(&mut self, times: &[i64], values: &[f64]) {
        if let Some(counting) = &mut self.counting {
            counting.context(times, values);
        }
        let (Some(time), Some(value)) = (times.last(), values.last()) else { return };
        self.before = (!value.is_nan()).then_some((*time, *value));
        if let Some(holding) = &mut self.holding {
            holding.next(*time, *value);
        }
    }

    /// The first sample behind the range says how long the last in it held.
    fn end_range(&mut self, times: &[i64], values: &[f64]) -> Result<()> {
        let (Some(time), Some(value), false) = (times.first(), values.first(), self.ended) else { return Ok(()) };
        self.ended = true;
        let stretch = self.holding.as_mut().and_then(|holding| holding.next(*time, *value));
        self.spread(stretch)
    }

    /// Goes on to a sample: what the one before counts for is known now, and the sample's bucket is open.
    fn enter(&mut self, time: i64, value: f64) -> Result<Bucket> {
        if let Some(holding) = &mut self.holding {
            let stretch = holding.next(time, value);
            self.spread(stretch)?;
            self.reached = self.reached.max(time);
        }
        Ok(self.open(time)?.bucket)
    }

    /// Gives each bucket its part of what a value counts for.
    fn spread(&mut self, stretch: Option<Stretch>) -> Result<()> {
        let Some(stretch) = stretch else { return Ok(()) };
        let end = stretch.end.min(self.range.1.saturating_add(1));
        let mut from = stretch.start.max(self.range.0);
        self.reached = self.reached.max(end);
        if let Some(every) = &self.resampling.every
            && every.makes_too_many(from, end)
        {
            return Err(self.too_many());
        }
        while from < end {
            let open = self.open(from)?;
            let border = open.bucket.last.saturating_add(1).min(end);
            open.area.add(&stretch, from, border);
            from = border;
        }
        Ok(())
    }

    /// The bucket of an instant, opened.
    fn open(&mut self, time: i64) -> Result<&mut Open> {
        if self.open.as_ref().is_none_or(|open| !open.bucket.contains(time)) {
            self.close();
            if self.rows.starts.len() >= MAX_BUCKETS {
                return Err(self.too_many());
            }
            let bucket = match &mut self.borders {
                Some(borders) => borders.of(time)?,
                None => Bucket { start: self.resampling.from.map_or(time, Timestamp::as_micros), last: i64::MAX },
            };
            self.open = Some(Open { bucket, summary: Summary::EMPTY, area: Area::default(), span: None });
        }
        // It was made above where there was none.
        self.open.as_mut().ok_or_else(|| Error::new(ErrorKind::Internal, "a bucket did not open"))
    }

    /// Samples of the open bucket, of which the first was entered.
    fn take(&mut self, times: &[i64], values: &[f64], wholes: Option<Wholes<'_>>) {
        let Some(open) = &mut self.open else { return };
        match wholes.and_then(|wholes| Some(Summary::of_whole(&Whole::of(wholes.numbers)?, wholes.exponent()))) {
            Some(summary) => open.summary.merge(&summary),
            None => open.summary.extend(values),
        }
        if let Some(holding) = &mut self.holding {
            holding.through(times, values, wholes, &mut open.area, |_| {});
            self.reached = self.reached.max(times[times.len() - 1]);
        }
        if let Some(counting) = &mut self.counting {
            counting.samples(times, values);
        }
        if let Some(numbers) = &mut self.numbers {
            numbers.extend(values.iter().filter(|value| !value.is_nan()));
        }
        if self.resampling.fill != Gaps::Absent {
            let is_number = |value: &f64| !value.is_nan();
            if let (Some(first), Some(last)) = (values.iter().position(is_number), values.iter().rposition(is_number)) {
                open.widen(times[first], times[last]);
            }
        }
    }

    /// Closes the open bucket: a row, where there is anything to say of it.
    fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        let increase = self.counting.as_mut().and_then(Counting::take);
        let mut numbers = self.numbers.take();
        if open.summary.count > 0 || open.area.covered() > 0 {
            for (at, aggregate) in self.resampling.aggregates.iter().enumerate() {
                let value = match aggregate {
                    Aggregate::Increase => increase,
                    Aggregate::Coverage => self.share(&open, open.area.covered()),
                    Aggregate::Held => self.share(&open, open.area.held()),
                    Aggregate::Measured => self.share(&open, open.area.covered() - open.area.held()),
                    Aggregate::Estimated | Aggregate::Substituted | Aggregate::Invalid => self.share(&open, 0),
                    Aggregate::Quality => {
                        Some(if open.area.held() > 0 { Quality::Held } else { Quality::Measured }.number())
                    }
                    _ => open.value(*aggregate, numbers.as_deref_mut().unwrap_or_default()),
                };
                self.rows.columns[at].push(value);
            }
            self.rows.push(open.bucket.start, open.span);
        }
        // The next bucket needs room for about as many.
        numbers.as_mut().into_iter().for_each(Vec::clear);
        self.numbers = numbers;
    }

    fn too_many(&self) -> Error {
        // Without `every` there is one bucket.
        self.resampling
            .every
            .as_ref()
            .map_or_else(|| Error::new(ErrorKind::Internal, "more than one bucket"), Every::too_many)
    }

    /// So much time as a share of the part of the bucket that lies in the range.
    fn share(&self, open: &Open, time: i64) -> Option<f64> {
        let first = open.bucket.start.max(self.range.0);
        let last = open.bucket.last.min(self.range.1);
        let end = if last == i64::MAX { self.reached } else { last + 1 };
        let length = end.saturating_sub(first);
        (length > 0).then(|| time as f64 / length as f64)
    }
}

impl Fold for BucketFold {
    fn samples(&mut self, times: &[i64], values: &[f64]) -> Result<()> {
        if let Some(qualities) = &mut self.qualities {
            qualities.samples(times, values)?;
        }
        let (first, last) = self.range;
        let start = times.partition_point(|time| *time < first);
        let end = start + times[start..].partition_point(|time| *time <= last);
        self.give_context(&times[..start], &values[..start]);
        let mut room = std::mem::take(&mut self.room);
        for block in (start..end).step_by(BLOCK) {
            let (from, to) = (block, (block + BLOCK).min(end));
            let wholes = Wholes::of(&values[from..to], &mut room);
            let mut at = from;
            while at < to {
                let bucket = self.enter(times[at], values[at])?;
                let until = first_after(&times[..to], at, bucket.last);
                self.take(
                    &times[at..until],
                    &values[at..until],
                    wholes.map(|wholes| wholes.slice(at - from..until - from)),
                );
                at = until;
            }
        }
        self.room = room;
        self.end_range(&times[end..], &values[end..])
    }

    fn takes(&mut self, run: &Run<'_>) -> Result<bool> {
        let (first, last) = self.range;
        // Asked in any case: it remembers where the run ends.
        let counted = self.counting.as_mut().is_none_or(|counting| counting.takes(run));
        // Otherwise rows at its ends may be absent, and where its samples lie is not known.
        let dated = run.is_full() && (run.step.is_some() || run.first == run.last);
        let timed = self.holding.is_none() || (dated && run.step.is_none_or(|step| self.bridges(step)));
        // A bucket that begins with its first sample needs the time of that.
        let labels = self.borders.is_none() && self.resampling.from.is_none() && self.open.is_none();
        let placed = dated || (self.resampling.fill == Gaps::Absent && !labels);
        if !(counted && timed && placed)
            || self.numbers.is_some()
            || self.qualities.is_some()
            || run.first < first
            || run.last > last
        {
            return Ok(false);
        }
        self.ahead.as_mut().map_or(Ok(true), |borders| Ok(borders.of(run.first)?.contains(run.last)))
    }

    fn border(&mut self, time: i64) -> Result<Option<i64>> {
        if self.numbers.is_some() || self.qualities.is_some() {
            return Ok(None);
        }
        let last = self.ahead.as_mut().map_or(Ok(i64::MAX), |borders| borders.of(time).map(|bucket| bucket.last))?;
        Ok(Some(last.min(self.range.1)))
    }

    fn run(&mut self, run: &Run<'_>) -> Result<()> {
        let (first, last) = ((run.first, run.summary.first), (run.last, run.summary.last));
        self.enter(run.first, run.summary.first)?;
        let Some(open) = &mut self.open else { return Ok(()) };
        open.summary.merge(run.summary);
        open.widen(run.first, run.last);
        if let (Some(holding), Some(step)) = (&mut self.holding, run.step) {
            holding.run(&run.summary.exact(), step, (first, last), &mut open.area);
            self.reached = self.reached.max(run.last);
        }
        if let Some(counting) = &mut self.counting {
            // Of a single reading both ends are the same one: given twice it would seem to follow itself.
            let ends = if run.first == run.last { 1 } else { 2 };
            counting.samples(&[run.first, run.last][..ends], &[run.summary.first, run.summary.last][..ends]);
        }
        Ok(())
    }
}

impl BucketFold {
    fn bridges(&self, step: i64) -> bool {
        self.holding.as_ref().is_none_or(|holding| holding.bridges(step))
    }
}

impl Open {
    fn widen(&mut self, first: i64, last: i64) {
        self.span = Some((self.span.map_or(first, |(start, _)| start), last));
    }

    /// None where the bucket has no such value.
    fn value(&self, aggregate: Aggregate, numbers: &mut [f64]) -> Option<f64> {
        let summary = &self.summary;
        let number = |value: f64| (summary.count > 0).then_some(value);
        match aggregate {
            Aggregate::Mean => number(summary.mean()),
            Aggregate::TimeWeightedMean => self.area.mean(),
            Aggregate::Min => number(summary.min),
            Aggregate::Max => number(summary.max),
            Aggregate::Sum => number(summary.sum()),
            Aggregate::Count => Some(summary.count as f64),
            Aggregate::First => number(summary.first),
            Aggregate::Last => number(summary.last),
            // Of numbers that hold for no known time it is zero: that much was measured.
            Aggregate::Integral => (summary.count > 0 || self.area.covered() > 0).then(|| self.area.amount()),
            Aggregate::Median | Aggregate::Percentile(_) => quantile(numbers, aggregate.quantile()?),
            // These need to know more than the bucket.
            Aggregate::Increase | Aggregate::Coverage | Aggregate::Held => None,
            Aggregate::Measured | Aggregate::Estimated | Aggregate::Substituted => None,
            Aggregate::Invalid | Aggregate::Quality => None,
        }
    }
}

/// The value that the share `of` of the numbers is not above, on a line between the two beside it, as numpy's default.
fn quantile(numbers: &mut [f64], of: f64) -> Option<f64> {
    let place = numbers.len().checked_sub(1)? as f64 * of;
    let (_, low, above) = numbers.select_nth_unstable_by(place as usize, f64::total_cmp);
    let (low, share) = (*low, place.fract());
    let high = above.iter().copied().min_by(f64::total_cmp).unwrap_or(low);
    let rise = high - low;
    // From the nearer side, so that the ends come out exact.
    Some(match share {
        0.0 => low,
        _ if share < 0.5 => low + rise * share,
        _ => high - rise * (1.0 - share),
    })
}

#[cfg(test)]
mod tests;
