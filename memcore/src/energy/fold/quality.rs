//! How the values came about that count in a bucket: how much of its time by quality, and the worst of them.
//!
//! Each instant is of one quality at most: that of the latest sample, or of what the source called invalid since, as long as
//! that holds. An invalid reading has no value, so the one before may go on to hold; the time is the invalid reading's all the same.

use crate::energy::calendar::{Borders, Bucket, MAX_BUCKETS};
use crate::energy::integral::{Holding, Stretch};
use crate::energy::{Aggregate, Every, GapRule, Resampling, Rule};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Quality, Timestamp};

/// What a bucket's time is made of.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct QualityRow {
    /// As shares, by the number of the quality.
    shares: [f64; Quality::ALL.len()],
    worst: Option<f64>,
}

impl QualityRow {
    pub(super) fn value(&self, aggregate: Aggregate) -> Option<f64> {
        let share = |quality: Quality| Some(self.shares[quality as usize]);
        match aggregate {
            Aggregate::Measured => share(Quality::Measured),
            Aggregate::Held => share(Quality::Held),
            Aggregate::Estimated => share(Quality::Estimated),
            Aggregate::Substituted => share(Quality::Substituted),
            Aggregate::Invalid => share(Quality::Invalid),
            Aggregate::Quality => self.worst,
            _ => None,
        }
    }
}

/// The bucket that time goes to now.
struct Tally {
    bucket: Bucket,
    /// Microseconds, by the number of the quality.
    time: [i64; Quality::ALL.len()],
    worst: Option<f64>,
}

/// Gathers the qualities of samples into the buckets that the samples themselves go to.
pub(super) struct QualityFold {
    every: Option<Every>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    range: (i64, i64),
    gaps: Option<GapRule>,
    borders: Option<Borders>,
    /// None where nothing says how long values hold: then only samples count, and no time.
    holding: Option<Holding>,
    /// The times that have a quality, rising, and its number.
    times: Vec<i64>,
    numbers: Vec<f64>,
    /// How many of them were taken in.
    taken: usize,
    /// The latest sample: what comes before a range may be given twice.
    seen: Option<i64>,
    open: Option<Tally>,
    rows: Vec<(i64, QualityRow)>,
    reached: i64,
    ended: bool,
}

impl QualityFold {
    pub(super) fn new(resampling: &Resampling, times: Vec<i64>, mut numbers: Vec<f64>) -> Self {
        // What is no quality was written past the edge: nothing is known of such a value.
        numbers.iter_mut().filter(|number| Quality::of_number(**number).is_none()).for_each(|number| {
            *number = Quality::Invalid.number();
        });
        Self {
            every: resampling.every.clone(),
            from: resampling.from,
            to: resampling.to,
            range: resampling.range().unwrap_or((0, -1)),
            gaps: resampling.gaps,
            borders: resampling.every.as_ref().map(Borders::new),
            holding: resampling.gaps.map(|gaps| Holding::new(Rule::Step, gaps)),
            times,
            numbers,
            taken: 0,
            seen: None,
            open: None,
            rows: Vec::new(),
            reached: i64::MIN,
            ended: false,
        }
    }

    /// Samples of the series, in order of time.
    pub(super) fn samples(&mut self, times: &[i64], values: &[f64]) -> Result<()> {
        let fresh = times.partition_point(|time| self.seen.is_some_and(|seen| *time <= seen));
        self.seen = self.seen.max(times.last().copied());
        for (time, value) in times[fresh..].iter().zip(&values[fresh..]) {
            self.invalid_before(*time)?;
            let told = self.times.get(self.taken).is_some_and(|told| told == time);
            let number = if told { self.numbers[self.taken] } else { Quality::Measured.number() };
            self.taken += usize::from(told);
            // Of a NaN nothing is known, unless it is known to be invalid.
            let unknown = value.is_nan() && number != Quality::Invalid.number();
            self.event(*time, if unknown { f64::NAN } else { number })?;
        }
        Ok(())
    }

    /// What the source called invalid before that time. A quality without a value says nothing else.
    fn invalid_before(&mut self, time: i64) -> Result<()> {
        while let Some(told) = self.times.get(self.taken).copied().filter(|told| *told < time) {
            let number = self.numbers[self.taken];
            self.taken += 1;
            if number == Quality::Invalid.number() {
                self.event(told, number)?;
            }
        }
        Ok(())
    }

    fn event(&mut self, time: i64, number: f64) -> Result<()> {
        if self.ended {
            return Ok(());
        }
        let stretch = self.holding.as_mut().and_then(|holding| holding.next(time, number));
        self.spread(stretch)?;
        self.ended = time > self.range.1;
        if time >= self.range.0 && !self.ended && !number.is_nan() {
            self.reached = self.reached.max(time);
            self.tally(time)?.see(number);
        }
        Ok(())
    }

    /// Gives each bucket its part of the time that a quality counts for.
    fn spread(&mut self, stretch: Option<Stretch>) -> Result<()> {
        let Some(stretch) = stretch else { return Ok(()) };
        let end = stretch.end.min(self.range.1.saturating_add(1));
        let mut from = stretch.start.max(self.range.0);
        self.reached = self.reached.max(end);
        if let Some(every) = self.every.as_ref().filter(|every| every.makes_too_many(from, end)) {
            return Err(every.too_many());
        }
        while from < end {
            let tally = self.tally(from)?;
            let border = tally.bucket.last.saturating_add(1).min(end);
            tally.add(&stretch, from, border);
            from = border;
        }
        Ok(())
    }

    /// The bucket of an instant, opened.
    fn tally(&mut self, time: i64) -> Result<&mut Tally> {
        if self.open.as_ref().is_none_or(|open| !open.bucket.contains(time)) {
            self.close();
            if let Some(every) = self.every.as_ref().filter(|_| self.rows.len() >= MAX_BUCKETS) {
                return Err(every.too_many());
            }
            let bucket = match &mut self.borders {
                Some(borders) => borders.of(time)?,
                None => Bucket { start: self.from.map_or(time, Timestamp::as_micros), last: i64::MAX },
            };
            self.open = Some(Tally { bucket, time: [0; Quality::ALL.len()], worst: None });
        }
        // It was made above where there was none.
        self.open.as_mut().ok_or_else(|| Error::new(ErrorKind::Internal, "a bucket did not open"))
    }

    fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        let first = open.bucket.start.max(self.range.0);
        let last = open.bucket.last.min(self.range.1);
        let end = if last == i64::MAX { self.reached } else { last + 1 };
        let length = end.saturating_sub(first).max(1) as f64;
        let row = QualityRow { shares: open.time.map(|time| time as f64 / length), worst: open.worst };
        self.rows.push((open.bucket.start, row));
    }

    /// The buckets with their starts, once all samples were given.
    pub(super) fn finish(mut self) -> Result<Vec<(i64, QualityRow)>> {
        self.invalid_before(i64::MAX)?;
        if let (Some(holding), Some(gaps), false) = (&mut self.holding, self.gaps, self.ended)
            && let Some((time, _)) = holding.previous()
        {
            let end = self.to.map_or(gaps.cadence_end(time), Timestamp::as_micros);
            let stretch = holding.finish(end);
            self.spread(stretch)?;
        }
        self.close();
        Ok(self.rows)
    }
}

impl Tally {
    fn see(&mut self, number: f64) {
        self.worst = Some(self.worst.map_or(number, |worst| worst.max(number)));
    }

    fn add(&mut self, stretch: &Stretch, from: i64, to: i64) {
        let number = stretch.value();
        // What is invalid does not come to be held.
        let held = if number == Quality::Invalid.number() { 0 } else { stretch.held(from, to) };
        for (quality, time) in
            [(number as usize, to.saturating_sub(from).saturating_sub(held)), (Quality::Held as usize, held)]
        {
            self.time[quality] = self.time[quality].saturating_add(time);
        }
        self.see(number);
        if held > 0 {
            self.see(Quality::Held.number());
        }
    }
}
