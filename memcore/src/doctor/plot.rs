//! Pictures: the few hundred points around what was found.

use super::finding::{SECOND, Subject};
use super::report::{Line, Mark, Plot};

/// How many points a line has at most.
const POINTS: usize = 300;
/// How many points on each side of the worst place are shown.
const AROUND: usize = 60;

/// The series around the worst of the marked stretches; their times are shared.
pub(super) fn around(subjects: &[&Subject<'_>], marks: &[(i64, i64)], worst: usize, text: &str) -> Plot {
    let Some(first) = subjects.first() else { return Plot::default() };
    let Some((from, to)) = marks.get(worst).copied() else { return Plot::default() };
    let points = &first.points;
    if points.len() == 0 {
        return Plot::default();
    }
    let (start, end) = (points.at_or_after(from), points.at_or_after(to));
    let margin = AROUND.max((end - start) / 3);
    let from = points.times[start.saturating_sub(margin).min(points.len() - 1)];
    let to = points.times[(end + margin).min(points.len() - 1)];
    let mut plot = over(subjects, from, to);
    let shown = marks.iter().filter(|(begin, end)| *end >= from && *begin <= to);
    plot.marks = shown.map(|(from, to)| Mark { from: *from, to: *to, text: text.to_owned() }).collect();
    plot
}

/// The series over a stretch of time.
pub(super) fn over(subjects: &[&Subject<'_>], from: i64, to: i64) -> Plot {
    let Some(first) = subjects.first() else { return Plot::default() };
    let times = times(first, from, to);
    let names: Vec<&str> = subjects.iter().map(|subject| subject.name()).collect();
    let lines =
        subjects.iter().map(|subject| Line { name: subject.name().to_owned(), values: values(subject, &times) }).collect();
    Plot { title: names.join(", "), unit: first.series.symbol().to_owned(), times, lines, marks: Vec::new() }
}

/// All of a series.
pub(super) fn whole(subject: &Subject<'_>) -> Plot {
    let times = &subject.points.times;
    let (Some(from), Some(to)) = (times.first(), times.last()) else { return Plot::default() };
    over(&[subject], *from, *to)
}

/// How long after the one before each of the first values comes, in seconds.
pub(super) fn distances(subject: &Subject<'_>) -> Plot {
    let shown = &subject.points.times[..subject.points.len().min(POINTS)];
    let seconds = |pair: &[i64]| Some((pair[1] - pair[0]) as f64 / SECOND as f64);
    let name = format!("{}: time since the value before", subject.name());
    let line = Line { name: name.clone(), values: shown.windows(2).map(seconds).collect() };
    let times = shown.get(1..).unwrap_or_default().to_vec();
    Plot { title: name, unit: "s".into(), times, lines: vec![line], marks: Vec::new() }
}

/// Adds a line of values that are none of the series: each at the time of the picture that lies nearest.
pub(super) fn add_beside(plot: &mut Plot, name: &str, beside: &[(i64, f64)]) {
    let (Some(from), Some(to)) = (plot.times.first().copied(), plot.times.last().copied()) else { return };
    let mut values = vec![None; plot.times.len()];
    for (time, value) in beside.iter().filter(|(time, _)| (from..=to).contains(time)) {
        let after = plot.times.partition_point(|known| known < time);
        let is_nearer = |at: &usize| plot.times[*at] - time < time - plot.times[at - 1];
        let at = if after == 0 || is_nearer(&after) { after } else { after - 1 };
        values[at] = Some(*value);
    }
    plot.lines.push(Line { name: name.to_owned(), values });
}

/// Of each stretch of equal length its lowest and its highest, so that what is short stays visible.
fn times(subject: &Subject<'_>, from: i64, to: i64) -> Vec<i64> {
    let points = &subject.points;
    let range = points.between(from, to.saturating_add(1));
    if range.len() <= POINTS {
        return with_holes(subject, points.times[range].to_vec());
    }
    let mut kept = Vec::with_capacity(POINTS);
    let parts = POINTS / 2;
    for part in 0..parts {
        let start = range.start + range.len() * part / parts;
        let end = range.start + range.len() * (part + 1) / parts;
        let by_value = |a: &usize, b: &usize| points.values[*a].total_cmp(&points.values[*b]);
        let low = (start..end).min_by(by_value).unwrap_or(start);
        let high = (start..end).max_by(by_value).unwrap_or(start);
        kept.extend([low.min(high), low.max(high)]);
    }
    kept.dedup();
    with_holes(subject, kept.into_iter().map(|at| points.times[at]).collect())
}

/// A time without a value stands in each gap, so that no line is drawn over it.
fn with_holes(subject: &Subject<'_>, times: Vec<i64>) -> Vec<i64> {
    let Some(cadence) = subject.cadence else { return times };
    let points = &subject.points;
    let mut whole = Vec::with_capacity(times.len() + 8);
    for pair in times.windows(2) {
        whole.push(pair[0]);
        let next = points.times.get(points.at_or_after(pair[0]) + 1).copied().unwrap_or(pair[1]);
        if next - pair[0] > 3 * cadence && pair[0] + cadence < pair[1] {
            whole.push(pair[0] + cadence);
        }
    }
    whole.extend(times.last());
    whole
}

fn values(subject: &Subject<'_>, times: &[i64]) -> Vec<Option<f64>> {
    let points = &subject.points;
    let value = |time: &i64| {
        let at = points.at_or_after(*time);
        (points.times.get(at) == Some(time)).then(|| points.values[at])
    };
    times.iter().map(value).collect()
}
