//! From columns to a report: each series by itself on two threads, then what several say together.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::daylight::{self, Changes};
use super::finding::{DAY, Subject};
use super::order::{self, Ordered};
use super::points::{Rhythm, Sorted};
use super::report::{Checkup, Finding, FindingKind, Report};
use super::series::{Examination, Series, role_of};
use super::solar::{self, Solar};
use super::{agree, balance, counter, frozen, night, partners, sentinel, spike, sun, timeline, unit};
use crate::energy::GapRule;
use crate::error::{Error, Result};
use crate::model::{Kind, Quantity, Span, Timestamp};

/// How many series are worked on at once.
const THREADS: usize = 2;

/// Examines series of one file, or of one site: they are held against each other.
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid) for a zone that is none, a position outside of the Earth, and a role for a series
/// that is not there.
pub fn examine(series: &[Series<'_>], options: &Examination) -> Result<Report> {
    check(series, options)?;
    let (first, last) = extent(series);
    let changes = Changes::new(options, first, last)?;
    let (subjects, mut findings) = each(series, options, &changes);
    findings.extend(together(&subjects, &findings));
    findings.retain(|finding| options.wants(finding.kind));
    let findings = ordered(merged(findings));
    Ok(Report { series: subjects.iter().map(checkup).collect(), findings })
}

fn check(series: &[Series<'_>], options: &Examination) -> Result<()> {
    if let Some((latitude, longitude)) = options.position
        && !((-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude))
    {
        return Err(Error::invalid(format!("position is {latitude},{longitude}, expected degrees north and east")));
    }
    let unknown = options.roles.iter().find(|(name, _)| !series.iter().any(|series| series.name == name));
    if let Some((name, _)) = unknown {
        let names: Vec<&str> = series.iter().map(|series| series.name).collect();
        return Err(Error::invalid(format!("role is for series {name:?}, expected one of {}", names.join(" "))));
    }
    Ok(())
}

fn extent(series: &[Series<'_>]) -> (i64, i64) {
    let times = || series.iter().flat_map(|series| series.times);
    (times().min().copied().unwrap_or(0), times().max().copied().unwrap_or(0))
}

/// Every series by itself.
fn each<'a>(series: &[Series<'a>], options: &Examination, changes: &Changes) -> (Vec<Subject<'a>>, Vec<Finding>) {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(series.len()));
    std::thread::scope(|scope| {
        let work = || {
            while let Some(one) = series.get(next.fetch_add(1, Ordering::Relaxed)) {
                let examined = alone(one, options, changes);
                done.lock().unwrap_or_else(PoisonError::into_inner).push(examined);
            }
        };
        for _ in 1..THREADS.min(series.len()) {
            scope.spawn(work);
        }
        work();
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    let position = |name: &str| series.iter().position(|series| series.name == name);
    done.sort_by_key(|(subject, _)| position(subject.series.name));
    let mut findings = Vec::new();
    let subjects = done.into_iter().map(|(subject, found)| {
        findings.extend(found);
        subject
    });
    (subjects.collect(), findings)
}

fn alone<'a>(series: &Series<'a>, options: &Examination, changes: &Changes) -> (Subject<'a>, Vec<Finding>) {
    let Ordered { points, folds, found: sketches } = order::ordered(series, changes);
    let mut subject = subject(series, points, options);
    let sentinels = sentinel::taken_out(&mut subject);
    subject.learn();
    let mut found: Vec<Finding> = sketches.into_iter().map(|sketch| sketch.drawn(&subject)).collect();
    found.extend(sentinels);
    found.extend(timeline::sampling(&subject));
    found.extend(timeline::gaps(&subject, changes));
    found.extend(daylight::hours(&subject, changes, &folds));
    found.extend(frozen::frozen(&subject));
    let solar = Solar::of(&subject);
    match unit::slipped_part(&subject, solar.as_ref()) {
        Some(slip) => found.push(slip),
        // Where a part has another unit, its peaks are no spikes, and the level says nothing.
        None => {
            found.extend(unit::wrong_level(&subject));
            found.extend(spike::spikes(&subject));
        }
    }
    found.extend(counter::falls(&subject));
    if let Some(solar) = &solar {
        let of_sun = of_the_sun(&subject, solar, options, changes, &found);
        found.extend(of_sun);
    }
    (subject, found)
}

/// What several series say together that each by itself did not.
fn together(subjects: &[Subject<'_>], alone: &[Finding]) -> Vec<Finding> {
    let (known, mut found) = partners::batteries(subjects);
    found.extend(balance::balance(subjects, &known));
    if !found.iter().any(|finding| finding.kind == FindingKind::Sign) {
        found.extend(partners::grid_against_pv(subjects));
    }
    found.extend(partners::power_of_current(subjects));
    found.extend(agree::pairs(subjects));
    // What the sun says of a clock is surer than what another meter does.
    let is_known = |finding: &Finding| {
        let of_time = matches!(finding.kind, FindingKind::ClockShift);
        of_time && alone.iter().any(|known| is_clock(known) && known.from <= finding.to && finding.from <= known.to)
    };
    found.retain(|finding| !is_known(finding));
    // A value that stands still against its own habit need not be told again.
    let is_told = |finding: &Finding| {
        let frozen = |other: &&Finding| other.kind == FindingKind::Frozen && finding.kind == FindingKind::Frozen;
        let same = |other: &Finding| other.series == finding.series && other.from <= finding.to && finding.from <= other.to;
        alone.iter().filter(frozen).any(same)
    };
    found.retain(|finding| !is_told(finding));
    // A sign or a unit is wrong once, however many ways there are to see it.
    let mut said: Vec<(FindingKind, String)> = alone.iter().flat_map(named).collect();
    found.retain(|finding| {
        let names = named(finding);
        let known = names.iter().any(|name| said.contains(name));
        said.extend(names);
        !known
    });
    found
}

fn is_clock(finding: &Finding) -> bool {
    matches!(finding.kind, FindingKind::ClockShift | FindingKind::DaylightSaving)
}

fn named(finding: &Finding) -> Vec<(FindingKind, String)> {
    let once = matches!(finding.kind, FindingKind::Sign | FindingKind::UnitSlip | FindingKind::Label);
    finding.series.iter().filter(|_| once).map(|name| (finding.kind, name.clone())).collect()
}

fn of_the_sun(
    subject: &Subject<'_>,
    solar: &Solar,
    options: &Examination,
    changes: &Changes,
    known: &[Finding],
) -> Vec<Finding> {
    let mut found = solar::clock(subject, solar, changes);
    if let Some(position) = options.position {
        let saves = found.iter().chain(known).any(|finding| finding.kind == FindingKind::DaylightSaving);
        found.extend(sun::against_the_sun(subject, solar, position, changes, saves));
    }
    found.extend(night::night_power(subject, solar));
    found.extend(night::sign(subject, solar));
    found
}

fn subject<'a>(series: &Series<'a>, points: super::points::Points<'a>, options: &Examination) -> Subject<'a> {
    let rhythm = Rhythm::of(&points.times);
    let regular = rhythm.filter(|rhythm| rhythm.is_cadence()).map(|rhythm| rhythm.step);
    let given = options.roles.iter().find(|(name, _)| name == series.name).map(|(_, role)| *role);
    // The lowest and highest of a power within each hour are no part of a balance.
    let is_extreme = [".min", ".max"].iter().any(|end| series.name.ends_with(end));
    Subject {
        series: *series,
        points,
        rhythm,
        cadence: regular.or(series.cadence.map(Span::as_micros)),
        sorted: Sorted::default(),
        kind: series.kind.unwrap_or_default(),
        quantity: series.quantity,
        role: given.or(series.role).or_else(|| role_of(series.name).filter(|_| !is_extreme)),
    }
}

impl Subject<'_> {
    /// What is learned from the values once those that are none are out.
    fn learn(&mut self) {
        self.sorted = Sorted::of(self.points.values.iter().copied());
        let may_count = match self.quantity {
            None => true,
            Some(quantity) => {
                matches!(quantity, Quantity::Energy | Quantity::ReactiveEnergy | Quantity::Charge | Quantity::Count)
            }
        };
        // Whoever imports a register without a word makes it a gauge.
        let is_open = match self.series.kind {
            None => true,
            Some(kind) => kind == Kind::Gauge && self.quantity == Some(Quantity::Energy),
        };
        if is_open && may_count && counter::counts(&self.points.values) {
            self.kind = Kind::Counter;
        }
    }
}

/// Series of one table share its times: what is wrong with those is said once, as of the series that shows most of it.
fn merged(findings: Vec<Finding>) -> Vec<Finding> {
    let mut kept: Vec<Finding> = Vec::with_capacity(findings.len());
    for finding in findings {
        match kept.iter_mut().find(|known| is_same(known, &finding)) {
            Some(known) if known.count >= finding.count => join(known, finding),
            Some(known) => {
                let less = std::mem::replace(known, finding);
                join(known, less);
            }
            None => kept.push(finding),
        }
    }
    kept
}

fn is_same(a: &Finding, b: &Finding) -> bool {
    use FindingKind as Kind;
    let extent = |finding: &Finding| (finding.count, finding.from, finding.to);
    let overlap = a.from <= b.to && b.from <= a.to;
    let day = Span::from_micros(DAY);
    let near = a.from <= b.to.map(|to| to.saturating_add(day)) && b.from <= a.to.map(|to| to.saturating_add(day));
    a.kind == b.kind
        && match a.kind {
            Kind::Sampling | Kind::Gap | Kind::OutOfOrder | Kind::ClockShift => extent(a) == extent(b),
            Kind::Duplicate => a.severity == b.severity && overlap,
            Kind::DaylightSaving => a.severity == b.severity && near,
            _ => false,
        }
}

fn join(finding: &mut Finding, other: Finding) {
    let new = other.series.into_iter().filter(|name| !finding.series.contains(name)).collect::<Vec<_>>();
    finding.series.extend(new);
    let new = other.declare.into_iter().filter(|declaration| !finding.declare.contains(declaration)).collect::<Vec<_>>();
    finding.declare.extend(new);
}

fn ordered(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by(|a, b| b.severity.cmp(&a.severity).then(b.confidence.total_cmp(&a.confidence)));
    findings
}

fn checkup(subject: &Subject<'_>) -> Checkup {
    let points = &subject.points;
    let fold = |pick: fn(f64, f64) -> f64| points.values.iter().copied().reduce(pick);
    let (first, last) = (points.times.first().copied(), points.times.last().copied());
    let cadence = subject.rhythm.filter(|rhythm| rhythm.is_cadence()).map(|rhythm| rhythm.step);
    let covered = |cadence: i64| {
        let stands = |silence: i64| if silence > GapRule::CADENCES * cadence { cadence } else { silence };
        let silence: i64 = points.times.windows(2).map(|pair| pair[1] - pair[0]).map(stands).sum();
        let whole = (last.unwrap_or(0) - first.unwrap_or(0) + cadence).max(1);
        ((silence + cadence) as f64 / whole as f64).min(1.0)
    };
    Checkup {
        series: subject.name().to_owned(),
        rows: subject.series.times.len() as u64,
        points: points.len() as u64,
        first: first.map(Timestamp::from_micros),
        last: last.map(Timestamp::from_micros),
        quantity: subject.quantity,
        kind: subject.kind,
        role: subject.role,
        cadence: cadence.map(Span::from_micros),
        coverage: cadence.map(covered),
        min: fold(f64::min),
        max: fold(f64::max),
    }
}
