//! Counters that fall: started anew, rolled over, glitched, or running backwards.

use super::finding::{Place, Subject, counted, instant, number};
use super::points::Sorted;
use super::report::{Finding, FindingKind, Severity};
use crate::model::Kind;

/// For how many readings a glitch may last.
const GLITCH: usize = 3;
/// How many usual rises lie within what is no leap.
const NEAR: f64 = 60.0;
/// How many usual rises a register may make through its end: of two to some power, or of decimal digits, where a reset may
/// come close to such a number by chance.
const THROUGH: [f64; 2] = [20.0, 4.0];

/// Where a register ends: two to the power of its bits, and displays of so many digits, times the scale of the value.
const WIDTHS: [f64; 8] = [65_536.0, 16_777_216.0, 4_294_967_296.0, 1e5, 1e6, 1e7, 1e8, 1e9];
/// How many of them are of bits.
const BINARY: usize = 3;
const SCALES: [f64; 7] = [1.0, 0.1, 0.01, 0.001, 10.0, 100.0, 1000.0];

/// Where a counter falls, by what it was.
#[derive(Debug, Default)]
struct Falls {
    resets: Vec<Place>,
    glitches: Vec<Place>,
    /// With the width of the register.
    rollovers: Vec<(Place, f64)>,
    other: Vec<Place>,
}

pub(super) fn falls(subject: &Subject<'_>) -> Vec<Finding> {
    if !subject.is_counter() || subject.points.len() < 3 {
        return Vec::new();
    }
    let mut falls = classified(subject);
    falls.glitches.retain(|place| !subject.is_told(place));
    let backwards = backwards(subject, &mut falls);
    let mut found = Vec::from_iter(rollover(subject, &falls.rollovers));
    found.extend(glitch(subject, &falls.glitches));
    found.extend(reset(subject, &falls.resets));
    found.extend(backwards);
    if subject.series.kind != Some(Kind::Counter) {
        found = found.into_iter().map(|finding| finding.declare(subject.name(), "kind", "counter")).collect();
    }
    found
}

/// A rise that is usual between two readings; the largest of most, so that a rare event is not taken for one.
fn typical_rise(values: &[f64]) -> f64 {
    let rises: Vec<f64> = values.windows(2).map(|pair| pair[1] - pair[0]).filter(|rise| *rise > 0.0).collect();
    Sorted::of(rises.into_iter()).at(0.9)
}

fn classified(subject: &Subject<'_>) -> Falls {
    let values = &subject.points.values;
    let times = &subject.points.times;
    let typical = typical_rise(values);
    let mut falls = Falls::default();
    let mut at = 1;
    while at < values.len() {
        let (before, value) = (values[at - 1], values[at]);
        if value >= before {
            at += 1;
            continue;
        }
        let cadences =
            subject.cadence.map_or(1.0, |cadence| ((times[at] - times[at - 1]) as f64 / cadence as f64).max(1.0));
        let usual = typical * NEAR * cadences;
        if before - value < typical {
            falls.other.push(Place::of(at - 1, at));
        } else if let Some(first) = leapt(values, at, usual) {
            falls.glitches.push(Place::of(first, at - 1));
        } else if let Some(width) = rolled(before, value, typical * cadences) {
            falls.rollovers.push((Place::of(at - 1, at), width));
        } else if falls.other.last().is_some_and(|last| last.last + GLITCH >= at) {
            falls.other.push(Place::of(at - 1, at));
        } else if let Some(back) = came_back(values, at, usual) {
            falls.glitches.push(Place::of(at, back - 1));
            at = back;
        } else if value.abs() <= (0.02 * before.abs()).max(typical * 2.0) && before - value > typical * 2.0 {
            falls.resets.push(Place::of(at - 1, at));
        } else {
            falls.other.push(Place::of(at - 1, at));
        }
        at += 1;
    }
    falls
}

/// The first reading of a leap upwards that ended with the fall at `at`.
fn leapt(values: &[f64], at: usize, usual: f64) -> Option<usize> {
    (1..=GLITCH.min(at - 1)).map(|width| at - width).find(|first| {
        let before = values[first - 1];
        let is_high = values[*first..at].iter().all(|value| value - before > 3.0 * usual);
        is_high && values[at] >= before && values[at] - before <= usual
    })
}

/// The reading at which the register is back after a fall.
fn came_back(values: &[f64], at: usize, usual: f64) -> Option<usize> {
    let before = values[at - 1];
    let end = (at + GLITCH + 1).min(values.len());
    (at + 1..end)
        .find(|next| values[*next] >= before)
        .filter(|next| values[*next] - before <= usual.max(1e-9 * before.abs()))
}

/// The width of the register, where the rise through its end is an ordinary one.
fn rolled(before: f64, value: f64, usual: f64) -> Option<f64> {
    let widths = SCALES.iter().flat_map(|scale| WIDTHS.iter().enumerate().map(move |(n, width)| (n, width * scale)));
    let fits = |(n, width): &(usize, f64)| {
        let rise = width - before + value;
        let most = usual * THROUGH[usize::from(*n >= BINARY)];
        before < *width && value >= 0.0 && before > 0.9 * width && rise <= most.min(0.05 * width)
    };
    widths.filter(fits).map(|(_, width)| width).min_by(|a, b| (a - before).total_cmp(&(b - before)))
}

fn rollover(subject: &Subject<'_>, rollovers: &[(Place, f64)]) -> Option<Finding> {
    let (first, width) = *rollovers.first()?;
    let places: Vec<Place> = rollovers.iter().map(|(place, _)| *place).collect();
    let values = &subject.points.values;
    let message = format!(
        "the register passes its end at {} and goes on from zero: {}, the first from {} to {} at {}",
        subject.said(width),
        counted(places.len(), "time", "times"),
        number(values[first.first]),
        number(values[first.last]),
        instant(subject.points.times[first.last])
    );
    let agree = rollovers.iter().all(|(_, known)| *known == width);
    let confidence = if agree && places.len() > 1 { 0.98 } else { 0.9 };
    let finding = Finding::new(FindingKind::Rollover, Severity::Fault, confidence, message).of(subject.name());
    Some(finding.counting(places.len()).at(subject, &places, 0).declare(subject.name(), "rollover", width))
}

fn glitch(subject: &Subject<'_>, places: &[Place]) -> Option<Finding> {
    let first = places.first()?;
    let values = &subject.points.values;
    let message = format!(
        "leaves its place and comes back: {}, the first {} between {} and {} at {}",
        counted(places.len(), "time", "times"),
        number(values[first.first]),
        number(values[first.first - 1]),
        number(values[(first.last + 1).min(values.len() - 1)]),
        instant(subject.points.times[first.first])
    );
    let finding = Finding::new(FindingKind::Glitch, Severity::Warning, 0.95, message).of(subject.name());
    let finding = finding.counting(places.len()).at(subject, places, 0);
    Some(
        finding.repair("nothing where it falls and comes back: increases leave that out. Leave rows out that leap upwards"),
    )
}

fn reset(subject: &Subject<'_>, places: &[Place]) -> Option<Finding> {
    let first = places.first()?;
    let values = &subject.points.values;
    let message = format!(
        "starts anew {}, the first from {} to {} at {}",
        counted(places.len(), "time", "times"),
        number(values[first.first]),
        subject.said(values[first.last]),
        instant(subject.points.times[first.last])
    );
    let declared = subject.series.kind == Some(Kind::Counter);
    let severity = if declared { Severity::Note } else { Severity::Warning };
    let finding = Finding::new(FindingKind::Reset, severity, 0.95, message).of(subject.name());
    let finding = finding.counting(places.len()).at(subject, places, 0);
    Some(
        finding.repair("as a counter, increases start a new segment there; what was counted around the reset is not known"),
    )
}

/// Falls that are neither: many in a row are a register that runs backwards; one by much is another meter.
fn backwards(subject: &Subject<'_>, falls: &mut Falls) -> Option<Finding> {
    let values = &subject.points.values;
    let typical = typical_rise(values);
    let mut places: Vec<Place> = Vec::new();
    let mut count = 0;
    for cluster in clusters(&falls.other) {
        let size = |place: &Place| values[place.first] - values[place.last];
        if let [only] = cluster
            && size(only) > 10.0 * typical
        {
            falls.resets.push(*only);
            continue;
        }
        count += cluster.len();
        places.push(Place::of(cluster[0].first, cluster[cluster.len() - 1].last));
    }
    let drop = |place: &Place| values[place.first] - values[place.last];
    let worst = (0..places.len()).max_by(|a, b| drop(&places[*a]).total_cmp(&drop(&places[*b])))?;
    // A last digit that flickers is not worth an alarm.
    let serious = count >= 3 && drop(&places[worst]) > typical;
    let message = format!(
        "{}: {} lower than the one before, by up to {} in a stretch from {}",
        if serious { "runs backwards" } else { "falls by less than it usually rises" },
        counted(count, "reading is", "readings are"),
        subject.said(drop(&places[worst]).max(0.0)),
        instant(subject.points.times[places[worst].first])
    );
    let (severity, confidence) = if serious { (Severity::Fault, 0.95) } else { (Severity::Note, 0.8) };
    let finding = Finding::new(FindingKind::CounterBackwards, severity, confidence, message).of(subject.name());
    let finding = finding.counting(count).at(subject, &places, worst);
    Some(
        finding.repair(
            "a register of net energy is no counter: declare kind gauge, or use its registers of import and export",
        ),
    )
}

/// Falls that follow each other closely.
fn clusters(places: &[Place]) -> Vec<&[Place]> {
    places.chunk_by(|a, b| b.first <= a.last + 10).collect()
}

/// Whether values that nobody described are those of a counter: they only rise, but for a few falls, or for falls to zero.
pub(super) fn counts(values: &[f64]) -> bool {
    let (mut rises, mut falls, mut risen) = (0_usize, 0_usize, 0.0);
    let (mut fallen, mut to_zero) = (0.0, 0.0);
    for pair in values.windows(2) {
        let step = pair[1] - pair[0];
        if step > 0.0 {
            rises += 1;
            risen += step;
        } else if step < 0.0 {
            falls += 1;
            fallen -= step;
            to_zero -= if pair[1].abs() <= 0.02 * pair[0].abs() { step } else { 0.0 };
        }
    }
    let highest = values.iter().copied().fold(0.0, f64::max);
    let small = rises >= 50 && risen / rises as f64 <= 0.02 * highest;
    let rarely = falls * 200 <= rises && fallen <= risen;
    let resets = falls * 6 <= rises && to_zero >= 0.98 * fallen;
    small && (rarely || resets)
}
