//! One series made ready for the detectors: what is there, in order of time, once, and its habits.

use std::borrow::Cow;

/// Values in order of time, each time once. Where the file had them so already, nothing is copied.
#[derive(Debug, Clone)]
pub(super) struct Points<'a> {
    pub(super) times: Cow<'a, [i64]>,
    pub(super) values: Cow<'a, [f64]>,
    /// The index in the file of each; the same index where there is none.
    index: Option<Vec<u32>>,
}

impl<'a> Points<'a> {
    /// Columns that are in order and complete as they stand.
    pub(super) fn whole(times: &'a [i64], values: &'a [f64]) -> Self {
        Self { times: Cow::Borrowed(times), values: Cow::Borrowed(values), index: None }
    }

    /// Those at these indices of the file, which are in order of time.
    pub(super) fn gathered(times: &[i64], values: &[f64], index: Vec<u32>) -> Self {
        Self {
            times: index.iter().map(|at| times[*at as usize]).collect(),
            values: index.iter().map(|at| values[*at as usize]).collect(),
            index: Some(index),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.times.len()
    }

    /// Where in the file a point stands.
    pub(super) fn in_file(&self, at: usize) -> usize {
        self.index.as_ref().map_or(at, |index| index[at] as usize)
    }

    /// Without the points for which that holds; nothing is copied where it holds for none.
    pub(super) fn without(&mut self, drop: impl Fn(f64) -> bool) {
        if !self.values.iter().any(|value| drop(*value)) {
            return;
        }
        let kept: Vec<usize> = (0..self.len()).filter(|at| !drop(self.values[*at])).collect();
        self.index = Some(kept.iter().map(|at| self.in_file(*at) as u32).collect());
        self.times = kept.iter().map(|at| self.times[*at]).collect();
        self.values = kept.iter().map(|at| self.values[*at]).collect();
    }

    /// The first point at or after that time.
    pub(super) fn at_or_after(&self, time: i64) -> usize {
        self.times.partition_point(|known| *known < time)
    }

    /// The points of `[from, to)`.
    pub(super) fn between(&self, from: i64, to: i64) -> std::ops::Range<usize> {
        let start = self.at_or_after(from);
        start..self.at_or_after(to).max(start)
    }
}

/// Values in order of size, a sample of them where there are many.
#[derive(Debug, Clone, Default)]
pub(super) struct Sorted(Vec<f64>);

/// How many values a [`Sorted`] keeps at most.
const SAMPLE: usize = 20_000;

impl Sorted {
    /// Of all values, or of every nth. NaN must not occur among them.
    pub(super) fn of(values: impl ExactSizeIterator<Item = f64>) -> Self {
        // An odd step, so that it does not fall in with the minutes of an hour or the hours of a day.
        let step = (values.len() / SAMPLE) | 1;
        let mut kept: Vec<f64> = values.step_by(step).collect();
        kept.sort_unstable_by(f64::total_cmp);
        Self(kept)
    }

    /// The value below which that share lies; 0 where there is none.
    pub(super) fn at(&self, share: f64) -> f64 {
        let last = self.0.len().saturating_sub(1) as f64;
        self.0.get((share * last).round() as usize).copied().unwrap_or(0.0)
    }

    pub(super) fn median(&self) -> f64 {
        self.at(0.5)
    }
}

/// The median of a few values, which are reordered; 0 where there are none.
pub(super) fn median(values: &mut [f64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

/// How often the most common distances occur.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rhythm {
    /// The most common distance of two neighbours, microseconds.
    pub(super) step: i64,
    /// The share of distances that are exactly that.
    pub(super) exact: f64,
    /// The share of distances within a tenth of it.
    pub(super) near: f64,
}

impl Rhythm {
    /// That of times in order; none where there are fewer than three, or where no length is common.
    pub(super) fn of(times: &[i64]) -> Option<Self> {
        let mut steps = sampled_steps(times);
        if steps.len() < 2 {
            return None;
        }
        steps.sort_unstable();
        let step = most_common(&steps)?;
        let share = |low: i64, high: i64| {
            let found = steps.partition_point(|s| *s <= high) - steps.partition_point(|s| *s < low);
            found as f64 / steps.len() as f64
        };
        let tenth = step / 10;
        Some(Self { step, exact: share(step, step), near: share(step - tenth, step + tenth) })
    }

    /// Whether it is regular enough to be called a cadence.
    pub(super) fn is_cadence(&self) -> bool {
        self.near >= 0.6
    }
}

/// Distances of neighbours: all of a short series, blocks of a long one.
fn sampled_steps(times: &[i64]) -> Vec<i64> {
    const BLOCK: usize = 64;
    let blocks = times.len() / BLOCK + 1;
    let every = (blocks * BLOCK / SAMPLE).max(1);
    let mut steps = Vec::with_capacity(times.len().min(2 * SAMPLE));
    for start in (0..times.len()).step_by(BLOCK * every) {
        let end = (start + BLOCK + 1).min(times.len());
        steps.extend(times[start..end].windows(2).map(|pair| pair[1] - pair[0]));
    }
    steps
}

/// The middle of the densest cluster of steps in order of size: an exact repetition where there is one, else the median of
/// the narrowest half.
fn most_common(steps: &[i64]) -> Option<i64> {
    let (mut best, mut best_count, mut at) = (steps[0], 0, 0);
    while at < steps.len() {
        let end = at + steps[at..].partition_point(|s| *s == steps[at]);
        if end - at > best_count {
            (best, best_count) = (steps[at], end - at);
        }
        at = end;
    }
    if best_count * 5 >= steps.len() {
        return (best > 0).then_some(best);
    }
    let half = steps.len() / 2;
    let start = (0..steps.len() - half).min_by_key(|start| steps[start + half] - steps[*start])?;
    let middle = steps[start + half / 2];
    (middle > 0).then_some(middle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rhythm_is_found_through_jitter_and_holes() {
        let minute = 60_000_000;
        let mut times: Vec<i64> = (0..1000).map(|n| n * minute + (n * 7919 % 11) * 100_000).collect();
        times.drain(300..420);
        let rhythm = Rhythm::of(&times).unwrap();
        assert!((rhythm.step - minute).abs() < minute / 50 && rhythm.is_cadence(), "{rhythm:?}");
        let irregular: Vec<i64> = (0..200).map(|n: i64| n * n * n).collect();
        assert!(!Rhythm::of(&irregular).unwrap().is_cadence());
        assert_eq!(Rhythm::of(&[5]), None);
    }

    #[test]
    fn quantiles_stand_where_they_should() {
        let sorted = Sorted::of((0..101).map(f64::from).rev());
        assert_eq!((sorted.at(0.0), sorted.median(), sorted.at(0.99), sorted.at(1.0)), (0.0, 50.0, 99.0, 100.0));
    }
}
