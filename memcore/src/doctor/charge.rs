//! A state of charge that stands still: at full or empty for a good reason, or because nobody reads it any more.

use super::finding::{DAY, HOUR, Place, Subject, instant, length, number, percent};
use super::frozen::runs;
use super::points::Sorted;
use super::report::{Finding, FindingKind, Severity};
use super::unit::hours;

/// Shorter than that, a state of charge may well stand still.
const SHORTEST: i64 = 2 * HOUR;
/// The share of the battery that must have flowed: more than its last digit and the losses of a day hide.
const FLOWED: f64 = 0.15;
/// Where the capacity cannot be told: hours at its largest power.
const FLOWED_HOURS: f64 = 0.5;
/// The share of the largest power that is a battery's own consumption.
const TRICKLE: f64 = 0.03;
/// How long nothing but the state of charge itself may stand at full, and how much longer than ever else.
const FULL: i64 = 2 * DAY;
const LONGER: i64 = 3;
/// From which share of full on a battery is full.
const NEARLY_FULL: f64 = 0.98;

/// A battery's power against a charge that stands still. `passive` says whether charging is positive, where that is known.
pub(super) fn still_while_working(soc: &Subject<'_>, power: &Subject<'_>, passive: Option<bool>) -> Option<Finding> {
    let largest = largest(power);
    let capacity = capacity(soc, power);
    let enough = capacity.map_or(FLOWED_HOURS * largest, |capacity| FLOWED * capacity);
    if enough <= 0.0 {
        return None;
    }
    let mut places: Vec<(Place, f64)> = Vec::new();
    for place in long_runs(soc, SHORTEST) {
        let flow = Flow::over(soc, power, place, largest);
        let moved = flow.moved(soc, place, passive);
        if moved > enough && !stands_too(soc, power, place) {
            places.push((place, moved));
        }
    }
    let worst = (0..places.len()).max_by(|a, b| places[*a].1.total_cmp(&places[*b].1))?;
    let (place, moved) = places[worst];
    let times = &soc.points.times;
    let message = format!(
        "stands still for {} from {} at {}, while {} kWh flow through {}{}",
        length(times[place.last] - times[place.first]),
        instant(times[place.first]),
        soc.said(soc.points.values[place.first]),
        number((moved / 100.0).round() / 10.0),
        power.name(),
        capacity.map_or(String::new(), |capacity| format!(" ({} of what the battery holds)", percent(moved / capacity)))
    );
    let confidence = if moved > 3.0 * enough { 0.95 } else { 0.85 };
    let finding = Finding::new(FindingKind::Frozen, Severity::Warning, confidence, message).of(soc.name());
    let all: Vec<Place> = places.iter().map(|(place, _)| *place).collect();
    let finding = finding.counting(all.len()).at(soc, &all, worst);
    Some(finding.repair("leave these rows out: the source repeated its last value"))
}

/// W at most in either direction.
fn largest(power: &Subject<'_>) -> f64 {
    let sizes = Sorted::of(power.points.values.iter().map(|value| value.abs()));
    sizes.at(0.99) * power.series.scale()
}

/// Whether a power is all that flows: charging and discharging, and not only one of them.
pub(super) fn goes_both_ways(power: &Subject<'_>) -> bool {
    let trickle = TRICKLE * largest(power) / power.series.scale();
    power.sorted.at(0.01) < -trickle && power.sorted.at(0.99) > trickle
}

/// What a value of a series is as a share of full.
fn scale(soc: &Subject<'_>) -> f64 {
    match soc.series.unit {
        None if soc.sorted.at(1.0) > 2.0 => 0.01,
        _ => soc.series.scale(),
    }
}

/// A charge that says full for days, of a battery that moves on all other days. Without its power that is not sure.
pub(super) fn full_for_days(soc: &Subject<'_>) -> Option<Finding> {
    let times = &soc.points.times;
    let full = soc.sorted.at(1.0);
    let unit = 1.0 / scale(soc);
    if full < NEARLY_FULL * unit {
        return None;
    }
    let lasting = |place: &Place| times[place.last] - times[place.first];
    let mut still: Vec<Place> =
        long_runs(soc, HOUR).into_iter().filter(|place| soc.points.values[place.first] >= NEARLY_FULL * unit).collect();
    still.sort_by_key(|place| -lasting(place));
    let place = *still.first()?;
    let second = still.get(1).map_or(0, lasting);
    let rest = times[times.len() - 1] - times[0] - lasting(&place);
    if lasting(&place) < FULL.max(LONGER * second) || !moves_daily(soc, place) || rest < 5 * DAY {
        return None;
    }
    let message = format!(
        "stands still for {} from {} at {}, on all other days it moves",
        length(lasting(&place)),
        instant(times[place.first]),
        soc.said(soc.points.values[place.first])
    );
    let finding = Finding::new(FindingKind::Frozen, Severity::Warning, 0.7, message).of(soc.name());
    let finding = finding.at(soc, &[place], 0);
    Some(finding.repair("see whether the battery was used in these days: if it was, leave these rows out"))
}

/// Whether the power itself stands still for most of a stretch: then it is that which is frozen.
fn stands_too(soc: &Subject<'_>, power: &Subject<'_>, place: Place) -> bool {
    let range = power.points.between(soc.points.times[place.first], soc.points.times[place.last] + 1);
    let values = &power.points.values[range];
    let longest = values.chunk_by(|a, b| a == b).filter(|run| run[0] != 0.0).map(<[f64]>::len).max();
    longest.is_some_and(|longest| longest * 2 > values.len())
}

/// Stretches of one value that last so long and that no gap interrupts.
fn long_runs(soc: &Subject<'_>, least: i64) -> Vec<Place> {
    let times = &soc.points.times;
    let mut runs = runs(soc);
    runs.retain(|run| {
        times[run.last] - times[run.first] >= least && super::frozen::without_gap(soc, run) && !soc.is_told(run)
    });
    runs
}

/// Whether the charge moves by a tenth on nearly every day outside of a stretch.
fn moves_daily(soc: &Subject<'_>, apart: Place) -> bool {
    let points = &soc.points;
    let tenth = 0.1 / scale(soc);
    let (mut days, mut moving) = (0, 0);
    let mut start = points.times[0];
    while start + DAY <= points.times[points.len() - 1] {
        let day = points.between(start, start + DAY);
        start += DAY;
        if day.len() < 4 || (day.start <= apart.last && apart.first < day.end) {
            continue;
        }
        let values = &points.values[day];
        let (low, high) = values.iter().fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(*v), high.max(*v)));
        days += 1;
        moving += usize::from(high - low >= tenth);
    }
    days >= 5 && moving * 10 >= days * 8
}

/// Energy in Wh that fills the battery, from all stretches in which the charge moves one way; none where there are few.
fn capacity(soc: &Subject<'_>, power: &Subject<'_>) -> Option<f64> {
    let block = HOUR.max(2 * soc.cadence?);
    let (first, last) = (*soc.points.times.first()?, *soc.points.times.last()?);
    let mut sizes: Vec<f64> = Vec::new();
    for start in (first..last).step_by(block as usize) {
        let charge = soc.points.between(start, start + block + 1);
        if charge.len() < 2 {
            continue;
        }
        let values = &soc.points.values[charge.clone()];
        let change = (values[values.len() - 1] - values[0]).abs() * scale(soc);
        let energy = energy(power, soc.points.times[charge.start], soc.points.times[charge.end - 1]).abs();
        // Small changes are mostly their last digit.
        if change >= 0.05 && energy > 0.0 {
            sizes.push(energy / change);
        }
    }
    (sizes.len() >= 8).then(|| super::points::median(&mut sizes))
}

/// Wh that flow from one time to another, each value held until the next.
fn energy(power: &Subject<'_>, from: i64, to: i64) -> f64 {
    let points = &power.points;
    let held = |at: usize| points.times.get(at + 1).map_or(0, |next| next - points.times[at]).min(HOUR);
    let range = points.between(from, to);
    range.map(|at| points.values[at] * hours(held(at))).sum::<f64>() * power.series.scale()
}

/// The farthest that the content moved from where it was, in Wh, in each direction of the power's sign.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
struct Flow {
    up: f64,
    down: f64,
}

impl Flow {
    fn over(soc: &Subject<'_>, power: &Subject<'_>, place: Place, largest: f64) -> Self {
        let points = &power.points;
        let (mut sum, mut lowest, mut highest, mut flow) = (0.0_f64, 0.0_f64, 0.0_f64, Self::default());
        for at in points.between(soc.points.times[place.first], soc.points.times[place.last]) {
            // A spike moves no charge.
            let value = (points.values[at] * power.series.scale()).clamp(-largest, largest);
            let held = points.times.get(at + 1).map_or(0, |next| next - points.times[at]).min(HOUR);
            sum += if value.abs() > TRICKLE * largest { value * hours(held) } else { 0.0 };
            (lowest, highest) = (lowest.min(sum), highest.max(sum));
            flow = Self { up: flow.up.max(sum - lowest), down: flow.down.max(highest - sum) };
        }
        flow
    }

    /// What no battery does that stands where it says: a full one gives nothing, an empty one takes nothing. What a full one
    /// takes may be its losses. Where the sign is not known, it must have gone both ways.
    fn moved(self, soc: &Subject<'_>, place: Place, passive: Option<bool>) -> f64 {
        let Some(passive) = passive else { return self.up.min(self.down) };
        let (taken, given) = if passive { (self.up, self.down) } else { (self.down, self.up) };
        let share = soc.points.values[place.first] * scale(soc);
        match share {
            0.9.. => given,
            0.3..0.9 => given.max(taken),
            _ => taken,
        }
    }
}
