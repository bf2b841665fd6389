//! Days on which clocks change, and what a file of local times shows there: an hour that is missing, doubled, or made up.

use jiff::civil::{Date, Weekday};
use jiff::tz::{Offset, TimeZone};
use jiff::{Span as Length, Timestamp as Instant};

use super::finding::{DAY, HOUR, MINUTE, Place, Subject, counted, instant};
use super::points::Points;
use super::report::{Finding, FindingKind, Severity};
use super::series::Examination;
use super::zones;
use crate::error::{Error, Result};

/// A change of the clocks, on an axis of local times as if they were UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Change {
    /// Whose clocks.
    pub(super) family: &'static str,
    /// From where local times are skipped or repeated.
    pub(super) from: i64,
    pub(super) to: i64,
    /// Skipped, in spring; else repeated.
    pub(super) forward: bool,
}

impl Change {
    /// The local hour that is skipped or repeated.
    pub(super) fn hour(self) -> i64 {
        self.from.rem_euclid(DAY) / HOUR
    }
}

/// All changes that a range of times may have seen: those of the zone that is given, else those of the three common rules.
#[derive(Debug, Clone)]
pub(super) struct Changes {
    all: Vec<Change>,
    pub(super) zone: Option<String>,
    clock: Option<TimeZone>,
    naive: bool,
    /// Degrees east, where the site's position is known.
    pub(super) longitude: Option<f64>,
}

/// More years are no telemetry but a broken clock.
const YEARS: i16 = 60;

impl Changes {
    pub(super) fn new(options: &Examination, first: i64, last: i64) -> Result<Self> {
        let zone = options.zone.as_deref().map(named).transpose()?;
        let all = match &zone {
            Some(zone) => of_zone(zone, first, last),
            None => of_rules(first, last),
        };
        Ok(Self {
            all,
            zone: options.zone.clone(),
            clock: zone,
            naive: options.naive,
            longitude: options.position.map(|(_, east)| east),
        })
    }

    /// Whether times are local ones without a zone.
    pub(super) fn naive(&self) -> bool {
        self.naive
    }

    /// How far the times of the file are ahead of UTC at that time, as far as is known; microseconds.
    pub(super) fn to_utc_offset(&self, time: i64) -> i64 {
        let Some(zone) = self.clock.as_ref().filter(|_| self.naive) else { return 0 };
        let offset = Instant::from_microsecond(time).map_or(0, |at| zone.to_offset(at).seconds());
        i64::from(offset) * 1_000_000
    }

    /// Whether a silence is just the hour that clocks skip.
    pub(super) fn is_hole(&self, before: i64, after: i64, cadence: i64) -> bool {
        self.hole(before, after, cadence).is_some()
    }

    fn hole(&self, before: i64, after: i64, cadence: i64) -> Option<&Change> {
        let fits = |change: &&Change| {
            let size = change.to - change.from;
            before < change.from && after >= change.to && after - before <= size + cadence + cadence / 2
        };
        self.all.iter().filter(|change| change.forward).find(fits)
    }

    /// The repeated hour that holds all times of a stretch.
    pub(super) fn repeated(&self, from: i64, to: i64) -> Option<&Change> {
        self.all.iter().filter(|change| !change.forward).find(|change| change.from <= from && to < change.to)
    }

    /// Whether some clocks change between two times, with a month on either side.
    pub(super) fn spans_both(&self, first: i64, last: i64) -> bool {
        self.all.iter().any(|change| change.from > first + 30 * DAY && change.from < last - 30 * DAY)
    }

    /// The rule by which clocks changed within a day and a half of that time, in that direction.
    pub(super) fn near(&self, time: i64, forward: bool) -> Option<&Change> {
        let close = |change: &&Change| change.forward == forward && (change.from - time).abs() <= DAY * 3 / 2;
        self.all.iter().find(close)
    }
}

pub(super) fn named(zone: &str) -> Result<TimeZone> {
    TimeZone::get(zone)
        .map_err(|e| Error::invalid(format!("zone is {zone:?}, expected a name such as Europe/Berlin")).caused_by(e))
}

fn of_zone(zone: &TimeZone, first: i64, last: i64) -> Vec<Change> {
    let Ok(start) = Instant::from_microsecond(first.saturating_sub(DAY)) else { return Vec::new() };
    let mut before = zone.to_offset(start).seconds();
    let mut all = Vec::new();
    for transition in zone.following(start).take(2 * YEARS as usize) {
        let at = transition.timestamp().as_microsecond();
        if at > last.saturating_add(DAY) {
            break;
        }
        let after = transition.offset().seconds();
        let local = |offset: i32| at + i64::from(offset) * 1_000_000;
        let (from, to) = (local(before.min(after)), local(before.max(after)));
        if from < to {
            all.push(Change { family: "the zone", from, to, forward: after > before });
        }
        before = after;
    }
    all
}

/// The rules of Europe (at one to three o'clock), North America and south-east Australia.
fn of_rules(first: i64, last: i64) -> Vec<Change> {
    let year = |micros: i64| Instant::from_microsecond(micros).map_or(1970, |t| Offset::UTC.to_datetime(t).year());
    let (from, to) = (year(first), year(last));
    let mut all = Vec::new();
    for year in from..=to.min(from.saturating_add(YEARS)) {
        let mut add = |family, month, nth, hour: i64, forward| {
            if let Some(day) = sunday(year, month, nth) {
                all.push(Change { family, from: day + hour * HOUR, to: day + (hour + 1) * HOUR, forward });
            }
        };
        // Central Europe first: the others of Europe share its days.
        for hour in [2, 1, 3] {
            add("Europe", 3, -1, hour, true);
            add("Europe", 10, -1, hour, false);
        }
        add("North America", 3, 2, 2, true);
        add("North America", 11, 1, 1, false);
        add("Australia", 10, 1, 2, true);
        add("Australia", 4, 1, 2, false);
    }
    all
}

/// Midnight of the nth Sunday of a month, counted from its end where negative, in microseconds as if it were UTC.
fn sunday(year: i16, month: i8, nth: i8) -> Option<i64> {
    let day = Date::new(year, month, 1).ok()?.nth_weekday_of_month(nth, Weekday::Sunday).ok()?;
    Offset::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok().map(Instant::as_microsecond)
}

/// Local hours that came twice, told by the order of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fold {
    /// Indices in the file, both included.
    pub(super) first: usize,
    pub(super) last: usize,
    /// The local time at which the second hour begins.
    pub(super) from: i64,
}

/// What the hours of changing clocks show.
pub(super) fn hours(subject: &Subject<'_>, changes: &Changes, folds: &[Fold]) -> Vec<Finding> {
    let mut found = Vec::from_iter(skipped_or_repeated(subject, changes, folds));
    found.extend(made_up(subject, changes));
    if found.is_empty() {
        found.extend(not_skipped(subject, changes));
    }
    found
}

/// The points before and after each hour that is missing.
fn holes(points: &Points<'_>, changes: &Changes, cadence: i64) -> Vec<(Place, Change)> {
    let times = &points.times;
    let hole = |change: &Change| {
        let after = points.at_or_after(change.from);
        let before = after.checked_sub(1)?;
        let (start, end) = (*times.get(before)?, *times.get(after)?);
        // Where values come so seldom on either side, nothing is missing.
        let step = |at: usize| points.times.get(at + 1).map_or(0, |next| next - points.times[at]);
        let usual = before == 0 || step(before - 1) <= cadence * 3 / 2;
        let is_long = end - start > cadence * 3 / 2 && usual && step(after) <= cadence * 3 / 2;
        let found = changes.hole(start, end, cadence).filter(|found| *found == change && is_long)?;
        Some((Place::of(before, after), *found))
    };
    changes.all.iter().filter(|change| change.forward).filter_map(hole).collect()
}

fn skipped_or_repeated(subject: &Subject<'_>, changes: &Changes, folds: &[Fold]) -> Option<Finding> {
    let cadence = subject.cadence?;
    let holes = if cadence <= HOUR { holes(&subject.points, changes, cadence) } else { Vec::new() };
    let seen = holes.len() + folds.len();
    // One missing hour on a certain day may be an outage.
    if seen == 0 || (folds.is_empty() && holes.len() == 1 && changes.zone.is_none() && cadence < MINUTE) {
        return None;
    }
    let of_fold = |fold: &Fold| changes.repeated(fold.from, fold.from).copied();
    let rule = holes.first().map(|(_, change)| *change).or_else(|| folds.iter().find_map(of_fold));
    let expected = changes.naive && changes.zone.is_some();
    let confidence = if expected || seen > 2 || (!holes.is_empty() && !folds.is_empty()) { 0.97 } else { 0.8 };
    let message = format!(
        "clocks change in these times, by the rule of {}: {} skipped, {} doubled. They are local times{}",
        rule.map_or("an unknown zone", |change| change.family),
        counted(holes.len(), "hour", "hours"),
        counted(folds.len(), "hour", "hours"),
        if changes.naive { "" } else { " that were taken for UTC" }
    );
    let severity = if expected { Severity::Note } else { Severity::Warning };
    let mut finding = Finding::new(FindingKind::DaylightSaving, severity, confidence, message).of(subject.name());
    let places: Vec<Place> = holes.iter().map(|(place, _)| *place).collect();
    finding = if places.is_empty() {
        let from = folds.iter().map(|fold| fold.from).min()?;
        let to = folds.iter().map(|fold| fold.from).max()?;
        let at = subject.points.at_or_after(from).min(subject.points.len().checked_sub(1)?);
        finding.at(subject, &[Place::of(at, at)], 0).spanning(from, to)
    } else {
        finding.at(subject, &places, 0)
    };
    let rows = folds.iter().map(|fold| (fold.first, fold.last));
    let mut in_folds = Finding::clone(&finding).at_rows(&subject.series, rows).rows;
    in_folds.append(&mut finding.rows);
    finding.rows = in_folds;
    let finding = match rule {
        Some(rule) => zones::advised(finding, changes, rule.family, Some(rule.hour())),
        None => finding,
    };
    Some(zones::add(finding.counting(seen), "rows of the doubled hour are told apart by their order"))
}

/// Hours that clocks skip, filled with a copy of the hour after or before.
fn made_up(subject: &Subject<'_>, changes: &Changes) -> Option<Finding> {
    let mut copies: Vec<(Place, Change)> = Vec::new();
    for change in changes.all.iter().filter(|change| change.forward) {
        let hour = change.to - change.from;
        let range = subject.points.between(change.from, change.to);
        let is_copy = [hour, -hour].iter().any(|shift| repeats(&subject.points, range.clone(), *shift));
        if is_copy && !copies.iter().any(|(_, known)| (known.from - change.from).abs() < DAY) {
            copies.push((Place::of(range.start, range.end - 1), *change));
        }
    }
    let (_, change) = copies.first()?;
    let places: Vec<Place> = copies.iter().map(|(place, _)| *place).collect();
    let message = format!(
        "{} that clocks skip ({}, from {}) {} filled with a copy of the hour beside: these are local times with daylight \
         saving, these rows were never measured, and where an hour came twice in autumn only one is there",
        counted(copies.len(), "hour", "hours"),
        change.family,
        instant(change.from),
        if copies.len() == 1 { "is" } else { "are" }
    );
    let confidence = if copies.len() > 1 { 0.99 } else { 0.9 };
    let finding = Finding::new(FindingKind::DaylightSaving, Severity::Warning, confidence, message).of(subject.name());
    let finding = finding.counting(copies.len()).at(subject, &places, 0);
    let finding = zones::advised(finding, changes, change.family, Some(change.hour()));
    Some(zones::add(finding, "leave the rows of skipped hours out: they name no instant"))
}

/// Whether the points of a stretch come again bit for bit after that time, and are not just one value that stands still.
fn repeats(points: &Points<'_>, range: std::ops::Range<usize>, shift: i64) -> bool {
    if range.len() < 4 {
        return false;
    }
    let again = |at: usize| {
        let other = points.at_or_after(points.times[at] + shift);
        points.times.get(other) == Some(&(points.times[at] + shift)) && points.values[other] == points.values[at]
    };
    let changes = range.clone().skip(1).filter(|at| points.values[*at] != points.values[at - 1]).count();
    // Where intervals are labelled by their end, the point on the hour belongs to the hour before.
    let allowed = range.len() / 20;
    changes * 4 >= range.len() && changes >= 3 && range.filter(|at| !again(*at)).count() <= allowed
}

/// Local times that do not exist in the zone that is given.
fn not_skipped(subject: &Subject<'_>, changes: &Changes) -> Option<Finding> {
    let zone = changes.zone.as_deref().filter(|_| changes.naive)?;
    let places: Vec<Place> = changes
        .all
        .iter()
        .filter(|change| change.forward)
        .map(|change| subject.points.between(change.from, change.to))
        .filter(|range| !range.is_empty())
        .map(|range| Place::of(range.start, range.end - 1))
        .collect();
    let first = places.first()?;
    let points: usize = places.iter().map(|place| place.points()).sum();
    let message = format!(
        "{} at local times that do not exist in {zone}, the first at {}: the source's clock keeps one offset all the year",
        counted(points, "value", "values"),
        instant(subject.points.times[first.first])
    );
    let confidence = if places.len() > 1 { 0.9 } else { 0.75 };
    let finding = Finding::new(FindingKind::DaylightSaving, Severity::Warning, confidence, message).of(subject.name());
    let finding = finding.counting(places.len()).at(subject, &places, 0);
    let finding = match fixed_zone(zone, subject.points.times[0]) {
        Some(fixed) => finding.declare_file("zone", fixed),
        None => finding,
    };
    Some(finding.repair("declare a zone without daylight saving, with the zone's offset in winter"))
}

/// The zone of one offset that a zone has in winter: `Etc/GMT-1` for Europe/Paris.
fn fixed_zone(zone: &str, time: i64) -> Option<String> {
    let zone = named(zone).ok()?;
    let start = Instant::from_microsecond(time).ok()?;
    let offset = |months: i64| {
        let at = start.checked_add(Length::new().hours(months * 730)).ok()?;
        Some(zone.to_offset(at).seconds())
    };
    let seconds = (0..12).filter_map(offset).min()?;
    // These names count westwards.
    (seconds % 3600 == 0).then(|| format!("Etc/GMT{:+}", -seconds / 3600))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<crate::model::Timestamp>().unwrap().as_micros()
    }

    #[test]
    fn the_rules_name_the_days_on_which_clocks_changed() {
        let changes =
            Changes::new(&Examination::default(), at("2007-01-01T00:00:00Z"), at("2007-12-31T00:00:00Z")).unwrap();
        assert!(changes.is_hole(at("2007-03-25T01:59:00Z"), at("2007-03-25T03:00:00Z"), MINUTE));
        assert!(!changes.is_hole(at("2007-03-26T01:59:00Z"), at("2007-03-26T03:00:00Z"), MINUTE));
        assert!(changes.repeated(at("2007-11-04T01:00:00Z"), at("2007-11-04T01:59:00Z")).is_some());
        assert_eq!(changes.near(at("2007-03-11T12:00:00Z"), true).unwrap().family, "North America");
    }

    #[test]
    fn a_zone_that_is_given_decides_alone() {
        let options = Examination { zone: Some("Europe/Paris".into()), ..Examination::default() };
        let changes = Changes::new(&options, at("2007-01-01T00:00:00Z"), at("2007-12-31T00:00:00Z")).unwrap();
        assert_eq!(changes.all.len(), 2);
        assert_eq!(changes.all[0].from, at("2007-03-25T02:00:00Z"));
        assert_eq!(fixed_zone("Europe/Paris", 0).unwrap(), "Etc/GMT-1");
        assert!(Changes::new(&Examination { zone: Some("Mars/One".into()), ..options }, 0, 1).is_err());
    }
}
