//! Where the past comes from that forecasts are made of: the store of a site, or columns in memory that a simulation fills.

use std::collections::{BTreeMap, HashMap};

use crate::error::{ErrorKind, Result};
use crate::model::{Channel, ChannelName, DeviceName, Quantity, Sample, SeriesName, Span, Timestamp, Unit};
use crate::runtime::{Aggregate, Column, Every, Memcore, Query};

/// A step of which less than this share was measured is not known.
const ENOUGH: f64 = 0.5;

/// The history of a site, as far as plans need it, and where plans are written down.
pub trait PlanningHistory: Send {
    /// The mean of a series over each of so many steps, in its base unit; NaN where less than a half of a step was measured. A value
    /// holds for at most `max_gap`. A series that does not exist is nowhere measured.
    ///
    /// # Errors
    /// Those of the store.
    fn means(&mut self, series: &SeriesName, steps: Steps, max_gap: Span) -> Result<Vec<f64>>;

    /// The values of a series from a time on and before another, in order of time; also of times to come, such as prices.
    ///
    /// # Errors
    /// Those of the store.
    fn values(&mut self, series: &SeriesName, from: Timestamp, to: Timestamp) -> Result<Vec<(Timestamp, f64)>>;

    /// Writes values down, also of times to come.
    ///
    /// # Errors
    /// Those of the store.
    fn write(&mut self, device: &DeviceName, times: &[Timestamp], columns: &[Written<'_>]) -> Result<()>;

    /// Whether values may come late, such as those of a device whose link was down for hours: what was not known may be known by now.
    fn comes_late(&self) -> bool;

    /// A reading came. A store has its own recorder, and leaves it.
    fn measured(&mut self, series: &SeriesName, sample: Sample) {
        let _ = (series, sample);
    }
}

/// A column that is written down.
#[derive(Debug, Clone)]
pub struct Written<'a> {
    /// The channel of its device.
    pub channel: ChannelName,
    /// One value for each time.
    pub values: &'a [f64],
    /// Their unit.
    pub unit: Unit,
}

/// Even steps, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steps {
    /// When the first one starts.
    pub start: Timestamp,
    /// How long each is.
    pub step: Span,
    /// How many there are.
    pub count: usize,
}

impl Steps {
    /// When the last one ends.
    #[must_use]
    pub fn end(self) -> Timestamp {
        self.start_of(self.count)
    }

    /// When a step starts.
    #[must_use]
    pub fn start_of(self, step: usize) -> Timestamp {
        Timestamp::from_micros(self.start.as_micros() + step as i64 * self.step.as_micros())
    }
}

impl PlanningHistory for Memcore {
    fn means(&mut self, series: &SeriesName, steps: Steps, max_gap: Span) -> Result<Vec<f64>> {
        let mut means = vec![f64::NAN; steps.count];
        // Buckets count from the epoch, steps from the midnight of the site: where they differ, steps are put together from parts.
        let every = part_of(steps.step, steps.start.as_micros().rem_euclid(steps.step.as_micros()));
        let parts = steps.step.as_micros() / every.as_micros();
        let query = Query::new(series)
            .from(steps.start)
            .to(steps.end())
            .every(Every::Fixed(every))
            .aggregate(Aggregate::TimeWeightedMean)
            .aggregate(Aggregate::Coverage)
            .max_gap(max_gap);
        let found = match self.query(&query) {
            Ok(found) => found,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(means),
            Err(error) => return Err(error),
        };
        let Some(found) = found.series().first() else { return Ok(means) };
        let columns = found.column(Aggregate::TimeWeightedMean.name().as_ref()).zip(found.column("coverage"));
        let Some((mean, coverage)) = columns else { return Ok(means) };
        let mut shares = vec![0.0; steps.count];
        for (row, time) in found.times().values().iter().enumerate() {
            let place = (time - steps.start.as_micros()).div_euclid(steps.step.as_micros());
            let Some(place) = usize::try_from(place).ok().filter(|place| *place < steps.count) else { continue };
            let (value, share) = (mean.value(row), coverage.value(row) / parts as f64);
            if value.is_finite() && share > 0.0 {
                let before = if shares[place] > 0.0 { means[place] * shares[place] } else { 0.0 };
                means[place] = (before + value * share) / (shares[place] + share);
                shares[place] += share;
            }
        }
        for (mean, share) in means.iter_mut().zip(shares) {
            *mean = if share < ENOUGH { f64::NAN } else { *mean };
        }
        Ok(means)
    }

    fn values(&mut self, series: &SeriesName, from: Timestamp, to: Timestamp) -> Result<Vec<(Timestamp, f64)>> {
        let found = match self.query(&Query::new(series).from(from).to(to)) {
            Ok(found) => found,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let Some((found, values)) = found.series().first().and_then(|found| Some((found, found.column("value")?))) else {
            return Ok(Vec::new());
        };
        let times = found.times().values().iter().map(|time| Timestamp::from_micros(*time));
        Ok(times.zip(values.values().iter().copied()).filter(|(_, value)| value.is_finite()).collect())
    }

    fn write(&mut self, device: &DeviceName, times: &[Timestamp], columns: &[Written<'_>]) -> Result<()> {
        for Written { channel, unit, .. } in columns {
            let series = device.channel(channel.clone());
            // A share may be of many things: what it is of has to be said.
            if *unit == Unit::Fraction && self.series(&series).is_empty() {
                self.register(&series, &Channel::of(channel.as_str(), Quantity::Ratio, *unit)?.build()?)?;
            }
        }
        let values: Vec<Vec<_>> = columns.iter().map(|column| column.values.iter().copied().map(Some).collect()).collect();
        let columns = columns.iter().zip(&values);
        let columns: Vec<_> =
            columns.map(|(column, values)| Column::plain(column.channel.clone(), values, Some(column.unit))).collect();
        self.write_rows(device, times, &columns).map(drop)
    }

    fn comes_late(&self) -> bool {
        true
    }
}

/// The longest length that divides both a step and what it is shifted by.
fn part_of(step: Span, shift: i64) -> Span {
    let (mut a, mut b) = (step.as_micros(), shift);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    Span::from_micros(a)
}

/// Columns in memory, for a simulation that reads a year of history once, or makes it as it goes.
#[derive(Debug, Clone)]
pub struct Columns {
    /// What was measured, in order of time. Full-policy: what is older than `keep` goes when something new comes.
    measured: HashMap<SeriesName, std::collections::VecDeque<(i64, f64)>>,
    /// What was written down, and what is known of times to come.
    written: HashMap<SeriesName, BTreeMap<i64, f64>>,
    keep: Span,
}

impl Default for Columns {
    /// Keeps what was measured for two days: forecasts keep their own means.
    fn default() -> Self {
        Self { measured: HashMap::new(), written: HashMap::new(), keep: Span::from_seconds(2 * 86_400) }
    }
}

impl Columns {
    /// Keeps what was measured for so long.
    #[must_use]
    pub fn keeping(keep: Span) -> Self {
        Self { keep, ..Self::default() }
    }

    /// Takes a measured value in. One that is not later than the last is left.
    pub fn measure(&mut self, series: &SeriesName, time: Timestamp, value: f64) {
        let column = match self.measured.get_mut(series) {
            Some(column) => column,
            None => self.measured.entry(series.clone()).or_default(),
        };
        let time = time.as_micros();
        if value.is_nan() || column.back().is_some_and(|(last, _)| *last >= time) {
            return;
        }
        column.push_back((time, value));
        while column.front().is_some_and(|(first, _)| time - first > self.keep.as_micros()) {
            column.pop_front();
        }
    }
}

impl PlanningHistory for Columns {
    fn means(&mut self, series: &SeriesName, steps: Steps, max_gap: Span) -> Result<Vec<f64>> {
        let Some(column) = self.measured.get(series) else { return Ok(vec![f64::NAN; steps.count]) };
        let (start, step) = (steps.start.as_micros(), steps.step.as_micros());
        let mut sums = vec![(0.0, 0_i64); steps.count];
        let first = column.partition_point(|(time, _)| *time + max_gap.as_micros() <= start);
        for place in first..column.len() {
            let (time, value) = column[place];
            let next = column.get(place + 1).map_or(i64::MAX, |(next, _)| *next);
            let (begins, ends) = (time.max(start), next.min(time + max_gap.as_micros()).min(steps.end().as_micros()));
            if begins >= steps.end().as_micros() {
                break;
            }
            let mut at = begins;
            while at < ends {
                let of = ((at - start) / step) as usize;
                let until = ends.min(start + (of as i64 + 1) * step);
                sums[of].0 += value * (until - at) as f64;
                sums[of].1 += until - at;
                at = until;
            }
        }
        let mean =
            |(sum, known): (f64, i64)| if known as f64 >= ENOUGH * step as f64 { sum / known as f64 } else { f64::NAN };
        Ok(sums.into_iter().map(mean).collect())
    }

    fn values(&mut self, series: &SeriesName, from: Timestamp, to: Timestamp) -> Result<Vec<(Timestamp, f64)>> {
        let Some(column) = self.written.get(series) else { return Ok(Vec::new()) };
        let range = column.range(from.as_micros()..to.as_micros().max(from.as_micros()));
        Ok(range.map(|(time, value)| (Timestamp::from_micros(*time), *value)).collect())
    }

    fn write(&mut self, device: &DeviceName, times: &[Timestamp], columns: &[Written<'_>]) -> Result<()> {
        for Written { channel, values, .. } in columns {
            let column = self.written.entry(device.channel(channel.clone())).or_default();
            column.extend(times.iter().map(|time| time.as_micros()).zip(values.iter().copied()));
        }
        Ok(())
    }

    fn comes_late(&self) -> bool {
        false
    }

    fn measured(&mut self, series: &SeriesName, sample: Sample) {
        self.measure(series, sample.time, sample.value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_seconds(1_767_571_200 + 60 * minute)
    }

    fn series() -> SeriesName {
        "home1.house.power".parse().unwrap()
    }

    /// A value a minute, with an hour of silence.
    fn measured() -> Vec<(Timestamp, f64)> {
        (0..240).filter(|minute| !(100..160).contains(minute)).map(|minute| (at(minute), minute as f64)).collect()
    }

    /// The same questions of both.
    fn each(question: impl Fn(&mut dyn PlanningHistory)) {
        let mut columns = Columns::default();
        measured().iter().for_each(|(time, value)| columns.measure(&series(), *time, *value));
        question(&mut columns);
        let memcore = Memcore::in_memory();
        let (times, values): (Vec<_>, Vec<_>) = measured().into_iter().map(|(time, value)| (time, Some(value))).unzip();
        memcore.write(&series(), &times, &values, Some(Unit::Watt)).unwrap();
        question(&mut memcore.clone());
    }

    #[test]
    fn means_over_steps_are_the_same_of_both() {
        each(|history| {
            for (start, step, means) in [
                (0, 900, vec![7.0, 22.0, 37.0]),
                // Steps that begin at no multiple of their length, as those of a zone half an hour off.
                (30, 3_600, vec![59.5]),
                // Silent from 1:40 on; a store counts nothing beyond the last value, columns three minutes of it.
                (90, 900, vec![94.6, f64::NAN]),
                (-60, 1_800, vec![f64::NAN, f64::NAN, 14.5]),
            ] {
                let steps = Steps { start: at(start), step: Span::from_seconds(step), count: means.len() };
                let found = history.means(&series(), steps, Span::from_seconds(180)).unwrap();
                let same = |(a, b): (&f64, &f64)| (a.is_nan() && b.is_nan()) || (a - b).abs() < 1.0;
                assert!(found.iter().zip(&means).all(same), "{start} {step}: {found:?}, expected {means:?}");
            }
            let steps = Steps { start: at(0), step: Span::from_seconds(900), count: 2 };
            let nowhere = history.means(&"home1.shed.power".parse().unwrap(), steps, Span::from_seconds(180)).unwrap();
            assert!(nowhere.iter().all(|mean| mean.is_nan()));
        });
    }

    #[test]
    fn prices_of_tomorrow_are_written_and_read() {
        each(|history| {
            let price: SeriesName = "home1.market.buy".parse().unwrap();
            assert_eq!(history.values(&price, at(0), at(10_000)).unwrap(), []);
            let unit = "EUR/kWh".parse().unwrap();
            let mut write = |times: &[Timestamp], values: &[f64]| {
                history.write(&price.device, times, &[Written { channel: price.channel.clone(), values, unit }]).unwrap();
            };
            write(&[at(5_000), at(5_060)], &[0.2, 0.3]);
            write(&[at(5_060)], &[0.4]);
            assert_eq!(history.values(&price, at(0), at(5_060)).unwrap(), [(at(5_000), 0.2)]);
            assert_eq!(history.values(&price, at(5_001), at(9_999)).unwrap(), [(at(5_060), 0.4)]);
        });
    }

    #[test]
    fn columns_forget_what_is_too_old() {
        let mut columns = Columns::keeping(Span::from_seconds(3_600));
        (0..1_000).for_each(|minute| columns.measure(&series(), at(minute), 1.0));
        assert_eq!(columns.measured[&series()].len(), 61);
    }
}
