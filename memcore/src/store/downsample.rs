//! As few samples as a chart needs: each one a sample with its own time, gaps left as gaps.

use super::query::{Chart, ChartMethod, Query};

/// Samples of each pixel among which [`ChartMethod::MinMaxLttb`] chooses: as many as [`extremes`] gives.
const RATIO: usize = 4;

impl Chart {
    /// The samples that the chart draws, out of rising ones. The range of the query is as wide as the chart; an end that it
    /// leaves open is that of the samples.
    pub(super) fn pick(self, query: &Query, times: Vec<i64>, values: Vec<f64>) -> (Vec<i64>, Vec<f64>) {
        let (Some(first), Some(last)) = (times.first(), times.last()) else { return (times, values) };
        let start = query.from.map_or(*first, |from| from.as_micros());
        let end = query.to.map_or(*last, |to| to.as_micros().saturating_sub(1));
        let picked = match self.method {
            ChartMethod::MinMax => extremes(&times, &values, Pixels::new(start, end, self.width)),
            ChartMethod::MinMaxLttb => shapes(&times, &values, (start, end), self.width),
        };
        (picked.iter().map(|at| times[*at]).collect(), picked.iter().map(|at| values[*at]).collect())
    }
}

/// A range of time as so many pixels.
#[derive(Clone, Copy)]
struct Pixels {
    start: i128,
    length: i128,
    width: i128,
}

impl Pixels {
    fn new(start: i64, end: i64, width: usize) -> Self {
        let (start, width) = (i128::from(start), width as i128);
        Self { start, length: i128::from(end) - start + 1, width }
    }

    fn of(self, time: i64) -> i128 {
        (i128::from(time) - self.start) * self.width / self.length
    }

    /// The places of the samples of each pixel that has any.
    fn groups(self, times: &[i64]) -> impl Iterator<Item = std::ops::Range<usize>> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let pixel = self.of(*times.get(at)?);
            // The first instant of the next pixel, so that the end is found by halves.
            let next = self.start + ((pixel + 1) * self.length + self.width - 1) / self.width;
            let group = at..at + times[at..].partition_point(|time| i128::from(*time) < next);
            at = group.end;
            Some(group)
        })
    }
}

/// Of each pixel the first, the lowest, the highest and the last sample. NaN is neither low nor high: a first or last one is
/// the end of a gap.
fn extremes(times: &[i64], values: &[f64], pixels: Pixels) -> Vec<usize> {
    let mut picked = Vec::new();
    for group in pixels.groups(times) {
        let mut four = [group.start, group.start, group.start, group.end - 1];
        let lowest_and_highest = lowest_and_highest(values, group);
        (four[1], four[2]) = lowest_and_highest.unwrap_or((four[0], four[0]));
        four.sort_unstable();
        for at in four {
            if picked.last() != Some(&at) {
                picked.push(at);
            }
        }
    }
    picked
}

/// The places of the lowest and the highest number, the earliest of equal ones.
fn lowest_and_highest(values: &[f64], of: std::ops::Range<usize>) -> Option<(usize, usize)> {
    const LANES: usize = 8;
    let start = of.start;
    let values = &values[of];
    // Beside each other, so that none waits for the one before. NaN compares as neither less nor more.
    let (mut lows, mut highs) = ([f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES]);
    let (blocks, rest) = values.as_chunks::<LANES>();
    for block in blocks {
        for lane in 0..LANES {
            lows[lane] = if block[lane] < lows[lane] { block[lane] } else { lows[lane] };
            highs[lane] = if block[lane] > highs[lane] { block[lane] } else { highs[lane] };
        }
    }
    let low = lows.iter().chain(rest).copied().fold(f64::INFINITY, f64::min);
    let high = highs.iter().chain(rest).copied().fold(f64::NEG_INFINITY, f64::max);
    let place = |of: f64| values.iter().position(|value| *value == of).map(|at| start + at);
    place(low).zip(place(high))
}

/// At most one sample a pixel, by the largest triangle with its neighbours (Steinarsson 2013) among the extremes of each
/// pixel (MinMaxLTTB, Van Der Donckt and others 2023). The lowest, the highest and the last of all are there in any case.
fn shapes(times: &[i64], values: &[f64], (start, end): (i64, i64), width: usize) -> Vec<usize> {
    let kept = if times.len() > RATIO * width {
        extremes(times, values, Pixels::new(start, end, width))
    } else {
        (0..times.len()).collect()
    };
    let ends = lowest_and_highest(values, 0..values.len());
    // Three pixels' worth is left for those that are there in any case.
    let chosen = largest_triangles(times, values, &kept, Pixels::new(start, end, width - 3));
    let ends = ends.into_iter().flat_map(|(low, high)| [low, high]).chain([times.len() - 1]);
    let mut picked: Vec<usize> = chosen.into_iter().chain(ends).collect();
    picked.sort_unstable();
    picked.dedup();
    picked
}

fn largest_triangles(times: &[i64], values: &[f64], kept: &[usize], pixels: Pixels) -> Vec<usize> {
    let kept_times: Vec<i64> = kept.iter().map(|at| times[*at]).collect();
    let groups: Vec<&[usize]> = pixels.groups(&kept_times).map(|group| &kept[group]).collect();
    let mut picked: Vec<usize> = Vec::with_capacity(groups.len());
    for (number, group) in groups.iter().enumerate() {
        let is_number = |at: &usize| !values[*at].is_nan();
        let numbers = || group.iter().copied().filter(|at| !values[*at].is_nan());
        let chosen = match picked.last().copied().filter(is_number) {
            // The first of all, or of what follows a gap.
            None => numbers().next(),
            Some(_) if number + 1 == groups.len() => numbers().next_back(),
            Some(before) => {
                let after = centre(times, values, groups[number + 1]);
                largest(times, values, before, after, numbers())
            }
        };
        // A pixel without a number is a gap.
        picked.push(chosen.unwrap_or(group[0]));
    }
    picked
}

/// The mean time, counted from `times[0]`, and the mean of the numbers.
fn centre(times: &[i64], values: &[f64], of: &[usize]) -> Option<(f64, f64)> {
    let numbers = || of.iter().filter(|at| !values[**at].is_nan());
    let count = numbers().count() as f64;
    let sums = numbers().fold((0.0, 0.0), |(x, y), at| (x + since(times, *at), y + values[*at]));
    (count > 0.0).then(|| (sums.0 / count, sums.1 / count))
}

fn since(times: &[i64], at: usize) -> f64 {
    (i128::from(times[at]) - i128::from(times[0])) as f64
}

fn largest(
    times: &[i64],
    values: &[f64],
    before: usize,
    after: Option<(f64, f64)>,
    among: impl Iterator<Item = usize>,
) -> Option<usize> {
    let (ax, ay) = (since(times, before), values[before]);
    let area = |at: usize| {
        let (x, y) = (since(times, at), values[at]);
        // Before a gap there is no neighbour behind: what differs most from the one in front.
        after.map_or((y - ay).abs(), |(bx, by)| ((ax - bx) * (y - ay) - (ax - x) * (by - ay)).abs())
    };
    among.max_by(|a, b| area(*a).total_cmp(&area(*b)).then(b.cmp(a)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A noisy day, sampled unevenly, with one spike up and one down that last a single sample.
    fn day() -> (Vec<i64>, Vec<f64>) {
        let times: Vec<i64> = (0..50_000i64).map(|i| i * 1_728_000 + i * 7919 % 1_000_003).collect();
        let mut values: Vec<f64> =
            (0..50_000i64).map(|i| (i as f64 / 4000.0).sin() * 100.0 + (i * 31 % 17) as f64).collect();
        (values[12_345], values[12_346]) = (9_999.0, -9_999.0);
        (times, values)
    }

    fn query() -> Query {
        Query::of("home1.pv.power").unwrap()
    }

    fn pick(method: ChartMethod, width: usize, times: &[i64], values: &[f64]) -> (Vec<i64>, Vec<f64>) {
        Chart { width, method }.pick(&query(), times.to_vec(), values.to_vec())
    }

    #[test]
    fn no_chart_is_wider_than_asked_and_every_extreme_survives() {
        let (times, values) = day();
        for width in [4, 5, 100, 1000, 1_000_000] {
            for (method, points) in [(ChartMethod::MinMax, 4), (ChartMethod::MinMaxLttb, 1)] {
                let (picked_times, picked) = pick(method, width, &times, &values);
                assert!(picked.len() <= (points * width).min(times.len()), "{method:?} {width}: {}", picked.len());
                assert!(picked.contains(&9_999.0) && picked.contains(&-9_999.0), "{method:?} {width}");
                assert_eq!((picked_times[0], *picked_times.last().unwrap()), (times[0], times[49_999]));
                assert!(picked_times.is_sorted_by(|a, b| a < b));
                let real = |(time, value): (&i64, &f64)| values[times.binary_search(time).unwrap()] == *value;
                assert!(picked_times.iter().zip(&picked).all(real), "every point is a sample");
            }
        }
    }

    #[test]
    fn each_pixel_has_its_extremes() {
        let (times, values) = day();
        let width = 97;
        let (picked_times, picked) = pick(ChartMethod::MinMax, width, &times, &values);
        let pixels = Pixels::new(times[0], times[49_999], width);
        for pixel in 0..width as i128 {
            let of = |times: &[i64], values: &[f64]| -> Vec<f64> {
                let inside = times.iter().zip(values).filter(|(time, _)| pixels.of(**time) == pixel);
                inside.map(|(_, value)| *value).collect()
            };
            let (all, few) = (of(&times, &values), of(&picked_times, &picked));
            let range = |values: &[f64]| {
                (values.iter().copied().fold(f64::MAX, f64::min), values.iter().copied().fold(f64::MIN, f64::max))
            };
            assert_eq!(range(&all), range(&few));
            assert_eq!((all.first(), all.last()), (few.first(), few.last()));
        }
    }

    #[test]
    fn gaps_stay_gaps() {
        let times: Vec<i64> = (0..10_000).collect();
        let value = |i: i64| if (4_000..6_000).contains(&i) { f64::NAN } else { i as f64 };
        let values: Vec<f64> = times.iter().map(|time| value(*time)).collect();
        for method in [ChartMethod::MinMax, ChartMethod::MinMaxLttb] {
            let (picked_times, picked) = pick(method, 50, &times, &values);
            let gap: Vec<i64> = picked_times.iter().zip(&picked).filter(|(_, v)| v.is_nan()).map(|(t, _)| *t).collect();
            assert!(!gap.is_empty() && gap.iter().all(|time| (4_000..6_000).contains(time)), "{method:?}");
            assert!(picked_times.iter().any(|time| *time < 4_000) && picked_times.iter().any(|time| *time >= 6_000));
        }
        // Nothing is drawn where there are no samples.
        let (two_times, two_values) = ([0, 1_000_000], [1.0, 2.0]);
        assert_eq!(pick(ChartMethod::MinMax, 100, &two_times, &two_values).0, two_times);
        assert_eq!(pick(ChartMethod::MinMaxLttb, 100, &two_times, &two_values).0, two_times);
        assert!(pick(ChartMethod::MinMaxLttb, 100, &[], &[]).0.is_empty());
    }

    #[test]
    fn the_ends_of_time_are_drawn_too() {
        let times = [i64::MIN, 0, i64::MAX];
        assert_eq!(pick(ChartMethod::MinMax, 1_000_000, &times, &[1.0, 2.0, 3.0]).0, times);
    }
}
