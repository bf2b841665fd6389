//! Two series that tell of the same thing: a counter and its power, two meters of one circuit. They show units, labels, and
//! clocks that differ.

use super::balance::pairs_unit;
use super::examine::Tell;
use super::finding::{DAY, HOUR, MINUTE, Place, Subject, instant, length, number};
use super::report::{Finding, FindingKind, Severity};
use super::unit;
use crate::error::Result;
use crate::model::{LabelPosition, Quantity};

/// Stretches that are compared one by one.
const STRETCHES: usize = 48;
/// Changes in each that are compared.
const CHANGES: usize = 768;
/// How well two series must move together.
const TOGETHER: f64 = 0.55;

/// A series as changes on a grid of one cadence; for a counter, the changes of its increases.
struct Moves<'s, 'a> {
    subject: &'s Subject<'a>,
    cadence: i64,
}

impl<'s, 'a> Moves<'s, 'a> {
    fn of(subject: &'s Subject<'a>) -> Option<Self> {
        let fits = match subject.quantity {
            None => subject.role.is_some() || subject.is_counter(),
            Some(quantity) => {
                matches!(quantity, Quantity::Power | Quantity::Energy | Quantity::Current | Quantity::Irradiance)
            }
        };
        let cadence = subject.rhythm.filter(|rhythm| rhythm.exact > 0.7)?.step;
        (fits && subject.points.len() >= 300 && cadence >= 1_000_000).then_some(Self { subject, cadence })
    }

    /// Levels at `count` times from `start` on, NaN where there is none.
    fn levels(&self, start: i64, count: usize) -> Vec<f64> {
        let points = &self.subject.points;
        let mut levels = vec![f64::NAN; count + 1];
        let range = points.between(start, start + (count as i64 + 1) * self.cadence);
        for at in range {
            let slot = (points.times[at] - start) / self.cadence;
            levels[slot as usize] = points.values[at];
        }
        if self.subject.is_counter() {
            // The increase from a reading to the next is what flowed in the interval that the first one starts.
            for at in 0..count {
                levels[at] = levels[at + 1] - levels[at];
            }
            let typical = super::points::Sorted::of(
                levels.iter().copied().filter(|level| *level >= 0.0).collect::<Vec<_>>().into_iter(),
            );
            let most = 20.0 * typical.at(0.95).max(1e-12);
            levels.iter_mut().filter(|level| !(0.0..=most).contains(*level)).for_each(|level| *level = f64::NAN);
        }
        levels.truncate(count);
        levels
    }

    fn changes(&self, start: i64, count: usize) -> Vec<f64> {
        let levels = self.levels(start, count + 1);
        let mut changes: Vec<f64> = levels.windows(2).map(|pair| pair[1] - pair[0]).collect();
        changes.iter_mut().filter(|change| change.is_nan()).for_each(|change| *change = 0.0);
        changes
    }
}

/// How two series lie to each other in one stretch.
#[derive(Debug, Clone, Copy)]
struct Fit {
    start: i64,
    end: i64,
    /// By how many cadences the second comes later.
    lag: i64,
    /// Whether some other lag fits nearly as well.
    clear: bool,
}

/// All pairs of series that may be held against each other.
pub(super) fn pairs(subjects: &[Subject<'_>], tell: &mut Tell<'_>) -> Result<Vec<Finding>> {
    const PAIRS: usize = 40;
    let moves: Vec<Moves<'_, '_>> = subjects.iter().filter_map(Moves::of).collect();
    let mut found = Vec::from_iter(counters(&moves).into_iter().flatten());
    let mut lags: Vec<(usize, usize, Vec<Fit>)> = Vec::new();
    for a in 0..moves.len() {
        tell(0)?;
        for b in a + 1..moves.len() {
            if moves[a].cadence == moves[b].cadence && lags.len() < PAIRS {
                let fits = fits(&moves[a], &moves[b]);
                if fits.len() >= 4 {
                    lags.push((a, b, fits));
                }
            }
        }
    }
    found.extend(labels(&moves, &lags));
    found.extend(clocks(&moves, &lags));
    Ok(found)
}

/// How two series lie to each other, stretch by stretch, where they move together.
fn fits(a: &Moves<'_, '_>, b: &Moves<'_, '_>) -> Vec<Fit> {
    let cadence = a.cadence;
    let ends =
        |moves: &Moves<'_, '_>| (moves.subject.points.times[0], moves.subject.points.times[moves.subject.points.len() - 1]);
    let ((first_a, last_a), (first_b, last_b)) = (ends(a), ends(b));
    let (first, last) = (first_a.max(first_b), last_a.min(last_b));
    // Only grids that fall together.
    if (first_a - first_b) % cadence != 0 || last - first < 200 * cadence {
        return Vec::new();
    }
    let slots = ((last - first) / cadence) as usize;
    let stretches = (slots / 150).clamp(1, STRETCHES);
    let reach = ((2 * HOUR + 10 * MINUTE) / cadence).clamp(3, 150);
    let fit = |n: usize, reach: i64| {
        let start = first + (slots * n / stretches) as i64 * cadence;
        let end = first + (slots * (n + 1) / stretches) as i64 * cadence;
        let count = CHANGES.min(slots / stretches);
        // From its middle, so that nights and days take turns.
        let from = start + (((end - start) / cadence - count as i64) / 2) * cadence;
        best_lag(&a.changes(from, count), &b.changes(from, count), reach, |lag, clear| Fit { start, end, lag, clear })
    };
    // Far off is looked for only where the two move together as a rule.
    let near: Vec<Lag> = (0..stretches).map(|n| fit(n, 2)).collect();
    let moving = near.iter().filter(|lag| !matches!(lag, Lag::Still)).count();
    if near.iter().filter(|lag| matches!(lag, Lag::At(_))).count() * 2 < moving {
        return Vec::new();
    }
    let far = |(n, near): (usize, Lag)| match near {
        Lag::At(fit) => Some(fit),
        Lag::Still => None,
        Lag::Apart => match fit(n, reach) {
            Lag::At(fit) => Some(fit),
            _ => None,
        },
    };
    near.into_iter().enumerate().filter_map(far).collect()
}

/// What a stretch says of two series.
#[derive(Debug, Clone, Copy)]
enum Lag {
    /// One of them stands still.
    Still,
    /// They do not move together.
    Apart,
    At(Fit),
}

/// The lag of the closest agreement, and whether it is clearly better than none.
fn best_lag(a: &[f64], b: &[f64], reach: i64, fit: impl Fn(i64, bool) -> Fit) -> Lag {
    let power = |series: &[f64]| series.iter().map(|change| change * change).sum::<f64>();
    let moves = |series: &[f64]| series.iter().filter(|change| **change != 0.0).count();
    let whole = (power(a) * power(b)).sqrt();
    if moves(a) < 20 || moves(b) < 20 {
        return Lag::Still;
    }
    let at = |lag: i64| {
        let (x, y) = if lag >= 0 { (a, &b[lag as usize..]) } else { (&a[-lag as usize..], b) };
        x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>().abs() / whole
    };
    let reach = reach.min(a.len() as i64 / 3);
    let best = (-reach..=reach).map(|lag| (lag, at(lag))).max_by(|x, y| x.1.total_cmp(&y.1));
    match best {
        Some((lag, best)) if best >= TOGETHER => Lag::At(fit(lag, lag == 0 || best > 1.5 * at(0))),
        _ => Lag::Apart,
    }
}

/// The lag that nearly all stretches of a pair share.
fn usual(fits: &[Fit]) -> Option<i64> {
    let mut lags: Vec<i64> = fits.iter().map(|fit| fit.lag).collect();
    lags.sort_unstable();
    let middle = lags[lags.len() / 2];
    let same = fits.iter().filter(|fit| fit.lag == middle && fit.clear).count();
    (same * 10 >= fits.len() * 6).then_some(middle)
}

/// Series whose labels stand one cadence later than those of all that move with them.
fn labels(moves: &[Moves<'_, '_>], lags: &[(usize, usize, Vec<Fit>)]) -> Vec<Finding> {
    // For each series: with how many it agrees, and from how many it stands one later.
    let mut agrees = vec![0; moves.len()];
    let mut later: Vec<Vec<usize>> = vec![Vec::new(); moves.len()];
    for (a, b, fits) in lags {
        let nearly_all = |lag: i64| fits.iter().filter(|fit| fit.lag == lag && fit.clear).count() * 10 >= fits.len() * 8;
        match usual(fits) {
            Some(0) => {
                agrees[*a] += 1;
                agrees[*b] += 1;
            }
            Some(1) if nearly_all(1) => later[*b].push(*a),
            Some(-1) if nearly_all(-1) => later[*a].push(*b),
            _ => {}
        }
    }
    (0..moves.len())
        .filter(|n| !later[*n].is_empty() && agrees[*n] <= later[*n].len() && !moves[*n].subject.is_counter())
        .filter(|n| moves[*n].subject.series.label != Some(LabelPosition::End))
        .map(|n| late_label(&moves[n], &later[n], moves))
        .collect()
}

fn late_label(late: &Moves<'_, '_>, others: &[usize], moves: &[Moves<'_, '_>]) -> Finding {
    let subject = late.subject;
    let names: Vec<&str> = others.iter().map(|n| moves[*n].subject.name()).collect();
    let by_counter = others.iter().any(|n| moves[*n].subject.is_counter());
    let message = format!(
        "its values stand one cadence ({}) later than the same changes in {}: they are labelled by the end of their interval",
        length(late.cadence),
        names.join(", ")
    );
    let confidence = if by_counter || others.len() > 1 { 0.95 } else { 0.8 };
    let finding = Finding::new(FindingKind::Label, Severity::Warning, confidence, message).of(subject.name());
    let middle = subject.points.len() / 2;
    let finding = finding.counting(subject.points.len()).at(subject, &[Place::of(middle, middle)], 0);
    let finding = finding.spanning(subject.points.times[0], subject.points.times[subject.points.len() - 1]);
    let finding = finding.declare(subject.name(), "label", "end");
    finding.declare(subject.name(), "cadence", super::finding::span(late.cadence))
}

/// Stretches in which one series lies elsewhere against another than it usually does.
fn clocks(moves: &[Moves<'_, '_>], lags: &[(usize, usize, Vec<Fit>)]) -> Vec<Finding> {
    // Per stretch and series: how many others it is off, as seen from its pairs.
    let mut off: Vec<(usize, usize, Fit)> = Vec::new();
    for (a, b, fits) in lags {
        let Some(usual) = usual(fits) else { continue };
        for run in fits.chunk_by(|x, y| x.lag == y.lag) {
            let moved = (run[0].lag - usual) * moves[*a].cadence;
            if run[0].lag != usual && run.len() >= 2 && run.iter().all(|fit| fit.clear) && moved.abs() >= 2 * MINUTE {
                off.push((
                    *a,
                    *b,
                    Fit { start: run[0].start, end: run[run.len() - 1].end, lag: run[0].lag - usual, clear: true },
                ));
            }
        }
    }
    let mut found: Vec<Finding> = Vec::new();
    while let Some((a, b, fit)) = off.first().copied() {
        let overlaps = |other: &Fit| other.start < fit.end && fit.start < other.end;
        let votes = |n: usize| off.iter().filter(|(x, y, other)| (*x == n || *y == n) && overlaps(other)).count();
        // The one that is off against more of the others has the wrong clock; of two, that which lies later.
        let (shifted, sign) = match votes(a).cmp(&votes(b)) {
            std::cmp::Ordering::Greater => (a, -1),
            std::cmp::Ordering::Less => (b, 1),
            std::cmp::Ordering::Equal if fit.lag < 0 => (a, -1),
            std::cmp::Ordering::Equal => (b, 1),
        };
        let other = if shifted == a { b } else { a };
        let sure = votes(a) != votes(b);
        found.push(other_clock(&moves[shifted], moves[other].subject.name(), fit, sign * fit.lag, sure));
        off.retain(|(x, y, other)| !((*x == shifted || *y == shifted) && overlaps(other)));
    }
    found
}

fn other_clock(moves: &Moves<'_, '_>, against: &str, fit: Fit, lag: i64, sure: bool) -> Finding {
    let subject = moves.subject;
    let message = format!(
        "about {} to {} the changes of {} come {} {} than those of {against}, and not so before or after: {} was set wrong",
        instant(fit.start),
        instant(fit.end),
        subject.name(),
        length(lag * moves.cadence),
        if lag > 0 { "later" } else { "earlier" },
        if sure { "its clock" } else { "one of the two clocks" }
    );
    let confidence = if sure { 0.92 } else { 0.85 };
    let finding = Finding::new(FindingKind::ClockShift, Severity::Warning, confidence, message).of(subject.name());
    let finding = if sure { finding } else { finding.of(against) };
    let range = subject.points.between(fit.start, fit.end);
    let finding = finding.at(subject, &[Place::of(range.start, range.end.max(range.start + 1) - 1)], 0);
    finding.repair("move these rows back by that time before they are used together")
}

/// Counters against the power of the same device: a factor of a thousand is a unit.
fn counters(moves: &[Moves<'_, '_>]) -> Vec<Option<Finding>> {
    let device = |name: &str| name.rsplit_once(['.', '_', ' ']).map(|(device, _)| device.to_owned());
    let powers: Vec<&Moves<'_, '_>> =
        moves.iter().filter(|one| one.subject.quantity == Some(Quantity::Power) && one.subject.is_gauge()).collect();
    let of_energy = moves.iter().filter(|one| one.subject.is_counter() && one.subject.quantity == Some(Quantity::Energy));
    of_energy
        .map(|counter| {
            let own = powers.iter().find(|power| device(power.subject.name()) == device(counter.subject.name()));
            let power = own.or(if powers.len() == 1 { powers.first() } else { None })?;
            counter_unit(counter.subject, power.subject)
        })
        .collect()
}

fn counter_unit(counter: &Subject<'_>, power: &Subject<'_>) -> Option<Finding> {
    let (first, last) = (*counter.points.times.first()?, *counter.points.times.last()?);
    let block = ((last - first) / 200).clamp(HOUR, DAY);
    let mut ratios: Vec<f64> = Vec::new();
    for start in (first..last).step_by(block as usize) {
        let readings = counter.points.between(start, start + block + 1);
        let inside = power.points.between(start, start + block);
        let expected = block / power.cadence.unwrap_or(block).max(1);
        if readings.len() < 2 || (inside.len() as i64) * 10 < expected * 9 {
            continue;
        }
        let (low, high) = (counter.points.values[readings.start], counter.points.values[readings.end - 1]);
        let span = unit::hours(counter.points.times[readings.end - 1] - counter.points.times[readings.start]);
        let mean = inside.clone().map(|at| power.points.values[at]).sum::<f64>() / inside.len() as f64;
        let energy = mean.abs() * power.series.scale() * span;
        let increase = (high - low) * counter.series.scale();
        if increase > 0.0 && energy > 0.0 {
            ratios.push(energy / increase);
        }
    }
    let factor = unit::thousandfold(&mut ratios)?;
    let message = format!(
        "rises by {} times the energy of {}: one of the two has another unit than declared",
        number(1.0 / factor),
        power.name()
    );
    let finding = Finding::new(FindingKind::UnitSlip, Severity::Fault, 0.95, message).of(counter.name()).of(power.name());
    let last = counter.points.len() - 1;
    let finding = finding.counting(last + 1).at(counter, &[Place::of(0, last)], 0);
    Some(pairs_unit(counter, finding, factor))
}
