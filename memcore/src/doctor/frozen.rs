//! Values that stand still although their series never does.

use std::collections::HashMap;

use super::finding::{HOUR, MINUTE, Place, Subject, counted, instant, length};
use super::points::Sorted;
use super::report::{Finding, FindingKind, Severity};
use crate::model::Quantity;

/// How many values in a row are too few to say anything.
const LEAST: usize = 12;
/// How much longer than its habit a series must stand still.
const BEYOND: usize = 6;
/// A value at which a series stands still for so much of the time, over and over, is one at which it rests.
const RESTING: f64 = 0.01;
/// How near to an end of its range a series may well stand, as a share of the range: an inverter at its limit; and a battery
/// that is empty or full.
const END: f64 = 0.002;
const END_OF_CHARGE: f64 = 0.015;

/// A run of equal values counts only against the habit of the series: how long its runs usually are, and whether this value is
/// one at which it rests, as an idle appliance, PV at night or a full battery does.
pub(super) fn frozen(subject: &Subject<'_>) -> Option<Finding> {
    if !subject.is_gauge() || subject.is_of_a_market() || subject.points.len() < 200 {
        return None;
    }
    let runs = runs(subject);
    let resting = Resting::of(subject, &runs);
    let habit = habit(subject, &runs, &resting);
    let times = &subject.points.times;
    let lasting = |place: &Place| times[place.last] - times[place.first];
    let mut places: Vec<Place> = runs
        .iter()
        .filter(|run| run.points() >= LEAST.max(BEYOND * habit) && lasting(run) >= HOUR)
        .filter(|run| !resting.at(subject.points.values[run.first], run.points()))
        .filter(|run| resting.longest_other(subject.points.values[run.first], run.points()) * 3 < run.points())
        .copied()
        .collect();
    places.retain(|place| without_gap(subject, place) && !subject.is_told(place));
    // What happens all the time is a habit after all.
    if places.is_empty() || places.len() * 400 > subject.points.len() {
        return None;
    }
    let worst = (0..places.len()).max_by_key(|at| lasting(&places[*at]))?;
    let still: i64 = places.iter().map(lasting).sum();
    let place = &places[worst];
    let message = format!(
        "stands still for {} from {} at {}; as a rule no value lasts longer than {}{}",
        length(lasting(place)),
        instant(times[place.first]),
        subject.said(subject.points.values[place.first]),
        length((habit.max(1) as i64) * subject.cadence.unwrap_or(MINUTE)),
        if places.len() > 1 {
            format!(" ({}, {} in all)", counted(places.len(), "stretch", "stretches"), length(still))
        } else {
            String::new()
        }
    );
    let confidence = if place.points() > 20 * habit.max(1) { 0.95 } else { 0.85 };
    let finding = Finding::new(FindingKind::Frozen, Severity::Warning, confidence, message).of(subject.name());
    let finding = finding.counting(places.len()).at(subject, &places, worst);
    Some(finding.repair("leave these rows out, or mark them as held: the source repeated its last value"))
}

/// Stretches of equal values, those of a single one left out.
pub(super) fn runs(subject: &Subject<'_>) -> Vec<Place> {
    let values = &subject.points.values;
    let mut runs = Vec::new();
    let mut first = 0;
    for at in 1..=values.len() {
        if at == values.len() || values[at] != values[first] {
            if at - first > 1 {
                runs.push(Place::of(first, at - 1));
            }
            first = at;
        }
    }
    runs
}

/// The length below which nearly all runs stay: that of the 50th longest of a long series, of the 4th of a short one. Runs at
/// values at which the series rests do not count: the nights of an array say nothing of its days.
fn habit(subject: &Subject<'_>, runs: &[Place], resting: &Resting) -> usize {
    let rests = |run: &Place| resting.at(subject.points.values[run.first], 0);
    let lengths: Vec<f64> = runs.iter().filter(|run| !rests(run)).map(|run| run.points() as f64).collect();
    let still: usize = runs.iter().map(|run| run.points()).sum();
    let moves = (subject.points.len() - still) * 5 >= subject.points.len();
    let runs = lengths.len();
    if runs <= 2 && moves {
        // Where it does not rest, no two values are ever the same, but for what is looked for.
        return 1;
    }
    let lengths = Sorted::of(lengths.into_iter());
    if runs < 20 {
        // The longest two may be what is looked for.
        return lengths.at(0.5 * (1.0 - 3.0 / runs.max(3) as f64)).max(1.0) as usize;
    }
    let top = (runs / 200).clamp(4, 50);
    lengths.at(1.0 - top as f64 / runs as f64).max(1.0) as usize
}

/// At which values a series rests: the ends of its range, zero, and those at which it stands still over and over.
struct Resting {
    low: f64,
    high: f64,
    near: f64,
    points: usize,
    /// Long runs by value: their points, the longest, and the second longest.
    still: HashMap<u64, (usize, usize, usize)>,
}

impl Resting {
    fn of(subject: &Subject<'_>, runs: &[Place]) -> Self {
        let mut still = HashMap::new();
        for run in runs.iter().filter(|run| run.points() >= LEAST) {
            let points = run.points();
            let (all, longest, second) = still.entry(subject.points.values[run.first].to_bits()).or_insert((0, 0, 0));
            *all += points;
            *second = (*second).max(points.min(*longest));
            *longest = points.max(*longest);
        }
        let of = |share: f64| subject.sorted.at(share);
        let end = if subject.quantity == Some(Quantity::StateOfCharge) { END_OF_CHARGE } else { END };
        // One spike must not make the range so wide that everything lies at its end.
        let (low, high) = (of(0.002), of(0.998));
        let is_far = |beyond: f64| beyond > 2.0 * (high - low);
        let low = if is_far(low - of(0.0)) { low } else { of(0.0) };
        let high = if is_far(of(1.0) - high) { high } else { of(1.0) };
        Self { low, high, near: (high - low) * end, points: subject.points.len(), still }
    }

    /// Whether it rests at that value, apart from so many points of one run.
    fn at(&self, value: f64, apart: usize) -> bool {
        let others = self.still.get(&value.to_bits()).map_or(0, |(points, ..)| points - apart.min(*points));
        let at_end = (value - self.low).abs() <= self.near || (value - self.high).abs() <= self.near;
        value == 0.0 || at_end || others as f64 > RESTING * self.points as f64
    }
}

impl Resting {
    /// The longest other run at the value of a run of so many points.
    fn longest_other(&self, value: f64, points: usize) -> usize {
        let (_, longest, second) = self.still.get(&value.to_bits()).copied().unwrap_or_default();
        if longest == points { second } else { longest }
    }
}

/// A stretch that a gap interrupts is no stretch of reports.
pub(super) fn without_gap(subject: &Subject<'_>, place: &Place) -> bool {
    let times = &subject.points.times[place.first..=place.last];
    let lasting = times[times.len() - 1] - times[0];
    subject.cadence.is_none_or(|cadence| lasting <= 3 * cadence * times.len() as i64)
}
