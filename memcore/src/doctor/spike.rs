//! One to three values far from both of their neighbours, and far from anything the series does.

use super::finding::{Place, Subject, counted, instant};
use super::points::Sorted;
use super::report::{Finding, FindingKind, Severity};

/// How many values a spike has at most.
const WIDEST: usize = 3;
/// More spikes than that share are a habit.
const HABIT: f64 = 0.002;

/// A kettle is no spike: what switches may jump anywhere within its range. So a spike leaves the range of the series by more
/// than its width; or, where a series moves smoothly, jumps and returns by a multiple of its largest ordinary step.
pub(super) fn spikes(subject: &Subject<'_>) -> Option<Finding> {
    let points = &subject.points;
    if !subject.is_gauge() || subject.is_of_a_market() || points.len() < 100 {
        return None;
    }
    let limits = Limits::of(subject);
    let mut places: Vec<Place> = Vec::new();
    let mut at = 1;
    while at + 1 < points.len() {
        match limits.spike_at(&points.values, at) {
            Some(last) => {
                places.push(Place::of(at, last));
                at = last + 2;
            }
            None => at += 1,
        }
    }
    places.retain(|place| !subject.is_told(place));
    let count: usize = places.iter().map(|place| place.points()).sum();
    if places.is_empty() || count as f64 > (HABIT * points.len() as f64).max(4.0) {
        return None;
    }
    let height = |place: &Place| (points.values[place.first] - points.values[place.first - 1]).abs();
    let worst = (0..places.len()).max_by(|a, b| height(&places[*a]).total_cmp(&height(&places[*b])))?;
    let place = &places[worst];
    let message = format!(
        "{} far from both neighbours, the largest {} at {} between {} and {}",
        counted(count, "value", "values"),
        subject.said(points.values[place.first]),
        instant(points.times[place.first]),
        subject.said(points.values[place.first - 1]),
        subject.said(points.values[(place.last + 1).min(points.len() - 1)])
    );
    let finding = Finding::new(FindingKind::Spike, Severity::Warning, 0.9, message).of(subject.name());
    let finding = finding.counting(count).at(subject, &places, worst);
    let finding = match limits.range() {
        Some(range) if subject.series.range.is_none() => finding.declare(subject.name(), "range", range.to_vec()),
        _ => finding,
    };
    Some(finding.repair("declare the range that makes sense, so that such values are refused; or leave these rows out"))
}

/// What a series does ordinarily.
struct Limits {
    low: f64,
    high: f64,
    /// The largest ordinary step, where the series moves in small ones.
    smooth: Option<f64>,
}

impl Limits {
    fn of(subject: &Subject<'_>) -> Self {
        let values = &subject.points.values;
        let (low, high) = (subject.sorted.at(0.001), subject.sorted.at(0.999));
        let steps = Sorted::of((1..values.len()).map(|at| (values[at] - values[at - 1]).abs()));
        let (step, spread) = (steps.at(0.998), subject.sorted.at(0.995) - subject.sorted.at(0.005));
        let smooth = (step > 0.0 && step < 0.12 * spread).then_some(step);
        Self { low, high, smooth }
    }

    /// Where the spike that begins there ends.
    fn spike_at(&self, values: &[f64], first: usize) -> Option<usize> {
        let (before, value) = (values[first - 1], values[first]);
        let jump = value - before;
        if !self.is_far(value) && !self.smooth.is_some_and(|step| jump.abs() > 12.0 * step) {
            return None;
        }
        let last = (first..(first + WIDEST).min(values.len() - 1)).find(|at| {
            let back = values[at + 1] - before;
            back.abs() < 0.25 * jump.abs()
        })?;
        let together = values[first..=last].iter().all(|v| (v - before).signum() == jump.signum());
        let calm = self.smooth.is_none_or(|step| (values[last + 1] - before).abs() < 8.0 * step);
        (together && calm && !self.is_far(before)).then_some(last)
    }

    /// Whether a value lies outside of the range by more than its width.
    fn is_far(&self, value: f64) -> bool {
        let width = (self.high - self.low).max(self.high.abs() * 1e-6);
        value > self.high + 1.5 * width || value < self.low - 1.5 * width
    }

    /// The range, with room on either side, in few digits.
    fn range(&self) -> Option<[f64; 2]> {
        let width = self.high - self.low;
        if width <= 0.0 {
            return None;
        }
        let digit = 10f64.powf(width.log10().floor());
        let low = if self.low >= 0.0 { 0.0 } else { ((self.low - width / 2.0) / digit).floor() * digit };
        Some([low, ((self.high + width / 2.0) / digit).ceil() * digit])
    }
}
