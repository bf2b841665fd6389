//! How often values come, and where they stay away.

use super::daylight::Changes;
use super::finding::{DAY, HOUR, Place, Subject, counted, instant, length, percent, span};
use super::plot;
use super::report::{Finding, FindingKind, Severity};
use crate::energy::GapRule;
use crate::model::Kind;

/// Points of one window in which the rhythm is looked at by itself: fewer in a short series.
const WINDOW: usize = 240;
const SHORT_WINDOW: usize = 60;
const WINDOWS: usize = 40;

/// What is wrong with the rhythm of a series: none, several, or another than the declared.
pub(super) fn sampling(subject: &Subject<'_>) -> Vec<Finding> {
    let Some(rhythm) = subject.rhythm.filter(|_| comes_in_time(subject)) else { return Vec::new() };
    if !rhythm.is_cadence() {
        return Vec::from_iter(irregular(subject));
    }
    let mut found = Vec::from_iter(other_than_declared(subject, rhythm.step));
    found.extend(mixed(subject, rhythm.step));
    if found.is_empty() && rhythm.exact < 0.5 {
        let message = format!(
            "values come about every {}, with jitter: {} of the distances are exactly that",
            length(rhythm.step),
            percent(rhythm.exact)
        );
        let finding = Finding::new(FindingKind::Sampling, Severity::Note, 0.95, message).of(subject.name());
        found.push(rhythm_of(finding, subject));
    }
    found
}

/// States and events are told where they change: only a declared cadence says that they should have come.
fn comes_in_time(subject: &Subject<'_>) -> bool {
    !matches!(subject.kind, Kind::State | Kind::Event) || subject.series.cadence.is_some()
}

fn irregular(subject: &Subject<'_>) -> Option<Finding> {
    let times = &subject.points.times;
    let [first, .., last] = times[..] else { return None };
    let message = format!(
        "values come at no fixed cadence: {} in {}. A value holds until the next only as far as max_age says",
        counted(times.len(), "value", "values"),
        length(last - first)
    );
    let finding = Finding::new(FindingKind::Sampling, Severity::Note, 0.95, message).of(subject.name());
    let finding = rhythm_of(finding.spanning(first, last), subject);
    Some(finding.repair("declare max_age: how long a value of this source is still true"))
}

fn other_than_declared(subject: &Subject<'_>, step: i64) -> Option<Finding> {
    let declared = subject.series.cadence?.as_micros();
    let ratio = step as f64 / declared as f64;
    if (0.8..1.25).contains(&ratio) {
        return None;
    }
    let message = format!("values come every {}, declared is a cadence of {}", length(step), length(declared));
    let finding = Finding::new(FindingKind::Sampling, Severity::Warning, 0.95, message).of(subject.name());
    Some(rhythm_of(finding, subject).declare(subject.name(), "cadence", span(step)))
}

/// With a picture of distances, in seconds: that of the values says nothing of their rhythm.
fn rhythm_of(mut finding: Finding, subject: &Subject<'_>) -> Finding {
    finding.plot = plot::distances(subject);
    finding
}

/// Stretches whose rhythm is another than that of the most.
fn mixed(subject: &Subject<'_>, step: i64) -> Option<Finding> {
    let times = &subject.points.times;
    let mut places: Vec<Place> = Vec::new();
    let mut other_step = 0;
    let window = (times.len() / WINDOWS).clamp(SHORT_WINDOW, WINDOW);
    for start in (0..times.len().saturating_sub(window / 2)).step_by(window) {
        let end = (start + window).min(times.len() - 1);
        let Some(own) = median_step(&times[start..=end]) else { continue };
        if (0.67..1.5).contains(&(own as f64 / step as f64)) {
            continue;
        }
        other_step = own;
        match places.last_mut() {
            Some(place) if place.last == start => place.last = end,
            _ => places.push(Place::of(start, end)),
        }
    }
    // A single window may be an outage that was filled in pieces.
    places.retain(|place| place.points() > 2 * window - 2);
    let longest = (0..places.len()).max_by_key(|at| places[*at].points())?;
    let points: usize = places.iter().map(|place| place.points()).sum();
    let message = format!(
        "two cadences: mostly every {}, but {} of the values come about every {}",
        length(step),
        percent(points as f64 / times.len() as f64),
        length(other_step)
    );
    let finding = Finding::new(FindingKind::Sampling, Severity::Warning, 0.95, message).of(subject.name());
    let finding = finding.counting(places.len()).at(subject, &places, longest);
    Some(finding.repair("resample to one cadence before values are added up or compared"))
}

fn median_step(times: &[i64]) -> Option<i64> {
    let mut steps: Vec<i64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    if steps.len() < 8 {
        return None;
    }
    let middle = steps.len() / 2;
    Some(*steps.select_nth_unstable(middle).1)
}

/// Silences longer than the cadence allows.
pub(super) fn gaps(subject: &Subject<'_>, changes: &Changes) -> Vec<Finding> {
    let times = &subject.points.times;
    if !comes_in_time(subject) {
        return Vec::new();
    }
    let Some(cadence) = subject.cadence.filter(|_| subject.rhythm.is_some_and(|rhythm| rhythm.is_cadence())) else {
        return Vec::new();
    };
    let longest_bridged = cadence.saturating_mul(GapRule::CADENCES);
    let places: Vec<Place> = (1..times.len())
        .filter(|at| times[*at] - times[at - 1] > longest_bridged)
        .filter(|at| !changes.is_hole(times[at - 1], times[*at], cadence))
        .map(|at| Place::of(at - 1, at))
        .collect();
    let (nights, others) = if sleeps(times, &places) {
        places.into_iter().partition(|place| is_night(times, place))
    } else {
        (Vec::new(), places)
    };
    [(nights, true), (others, false)]
        .into_iter()
        .filter_map(|(places, nightly)| gap(subject, &places, cadence, nightly))
        .collect()
}

fn gap(subject: &Subject<'_>, places: &[Place], cadence: i64, nightly: bool) -> Option<Finding> {
    let times = &subject.points.times;
    let silence = |place: &Place| times[place.last] - times[place.first] - cadence;
    let worst = (0..places.len()).max_by_key(|at| silence(&places[*at]))?;
    let missing: i64 = places.iter().map(silence).sum();
    let whole = (times[times.len() - 1] - times[0]).max(1) + cadence;
    let share = missing as f64 / whole as f64;
    let longest = silence(&places[worst]);
    let severity = match nightly {
        false if share > 0.001 || longest >= 6 * HOUR => Severity::Warning,
        _ => Severity::Note,
    };
    let message = format!(
        "{} longer than {}: {} missing in all ({}), the longest {} from {}{}",
        counted(places.len(), "gap", "gaps"),
        length(GapRule::CADENCES * cadence),
        length(missing),
        percent(share),
        length(longest),
        instant(times[places[worst].first] + cadence),
        if nightly { ". One nearly every night, as of an inverter that sleeps" } else { "" }
    );
    let finding = Finding::new(FindingKind::Gap, severity, 0.99, message).of(subject.name());
    let finding = finding.counting(places.len()).at(subject, places, worst);
    let finding = match subject.series.cadence {
        Some(_) => finding,
        None => finding.declare(subject.name(), "cadence", span(cadence)),
    };
    Some(finding.repair("gaps stay gaps: energy over them is not known. Fill them only where you know what was there"))
}

/// Whether most days with values have one silence of hours.
fn sleeps(times: &[i64], places: &[Place]) -> bool {
    let nights = places.iter().filter(|place| is_night(times, place)).count();
    let silent: i64 = places.iter().map(|place| times[place.last] - times[place.first]).filter(|long| *long > DAY).sum();
    let days = (times[times.len() - 1] - times[0] - silent) as f64 / DAY as f64;
    days > 2.0 && nights as f64 > 0.6 * days
}

fn is_night(times: &[i64], place: &Place) -> bool {
    (4 * HOUR..20 * HOUR).contains(&(times[place.last] - times[place.first]))
}
