//! The days of a PV array: where in the day they lie, and from which day on they lie elsewhere.

use super::daylight::Changes;
use super::finding::{DAY, HOUR, MINUTE, Place, Subject, counted, date};
use super::points::median;
use super::report::{Finding, FindingKind, Severity};
use super::series::Role;
use super::zones;
use crate::model::Quantity;

/// The share of its peak from which on an array is said to be in the sun.
const SUNLIT: f64 = 0.02;
/// Steps smaller than that are weather or a shadow.
const SMALLEST: i64 = 27 * MINUTE;
/// How many times its own spread a step must have.
const CERTAIN: f64 = 6.0;

/// A series that follows the sun.
#[derive(Debug, Clone)]
pub(super) struct Solar {
    /// Whether production counts as positive.
    pub(super) positive: bool,
    pub(super) peak: f64,
    /// The middle of its days, microseconds after midnight of the file's times.
    pub(super) noon: i64,
    pub(super) days: Vec<SunDay>,
}

/// One day of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct SunDay {
    /// Where the day begins, half a day before its noon.
    pub(super) start: i64,
    /// How much later than the usual noon the middle between its first and its last sun lies, microseconds.
    pub(super) late: f64,
    /// From its first sun to its last, microseconds.
    pub(super) length: f64,
}

impl Solar {
    /// None where a series shows no days and nights.
    pub(super) fn of(subject: &Subject<'_>) -> Option<Self> {
        let may_be = subject.role == Some(Role::Pv) || subject.quantity == Some(Quantity::Irradiance);
        let fits = matches!(subject.quantity, None | Some(Quantity::Power | Quantity::Irradiance | Quantity::Current));
        let cadence = subject.cadence.filter(|cadence| *cadence <= HOUR)?;
        if !may_be || !fits || !subject.is_gauge() || (subject.points.len() as i64) < 2 * DAY / cadence / 3 {
            return None;
        }
        let (low, high) = (subject.sorted.at(0.002), subject.sorted.at(0.998));
        let positive = high.abs() > low.abs();
        let peak = if positive { high } else { -low };
        // The other direction is at most an inverter's own consumption.
        if peak <= 0.0 || low.abs().min(high.abs()) > 0.1 * peak {
            return None;
        }
        let mut solar = Self { positive, peak, noon: 0, days: Vec::new() };
        solar.noon = solar.find_noon(subject)?;
        solar.days = solar.days_above(subject, cadence, SUNLIT * peak);
        Some(solar)
    }

    /// Production as positive, whatever the convention.
    pub(super) fn production(&self, value: f64) -> f64 {
        if self.positive { value } else { -value }
    }

    /// How far from noon a time lies, 0 to 12 hours.
    pub(super) fn off_noon(&self, time: i64) -> i64 {
        let off = (time - self.noon).rem_euclid(DAY);
        off.min(DAY - off)
    }

    /// The direction of the mean on the clock's face, where there is one and nothing comes from the other side.
    fn find_noon(&self, subject: &Subject<'_>) -> Option<i64> {
        let points = &subject.points;
        let step = (points.len() / 40_000) | 1;
        let (mut sine, mut cosine, mut whole) = (0.0, 0.0, 0.0);
        for at in (0..points.len()).step_by(step) {
            let power = self.production(points.values[at]).max(0.0);
            let turn = points.times[at].rem_euclid(DAY) as f64 / DAY as f64 * std::f64::consts::TAU;
            let (s, c) = turn.sin_cos();
            sine += power * s;
            cosine += power * c;
            whole += power;
        }
        if whole <= 0.0 || sine.hypot(cosine) < 0.45 * whole {
            return None;
        }
        let noon = (sine.atan2(cosine) / std::f64::consts::TAU * DAY as f64) as i64;
        let solar = Self { noon: noon.rem_euclid(DAY), ..self.clone() };
        let night = (0..points.len()).step_by(step).filter(|at| solar.off_noon(points.times[*at]) > 10 * HOUR);
        let (mut dark, mut lit) = (0, 0);
        for at in night {
            match self.production(points.values[at]) > SUNLIT * self.peak {
                true => lit += 1,
                false => dark += 1,
            }
        }
        // An inverter that sleeps has no nights at all.
        (lit * 20 <= dark || dark + lit == 0).then_some(solar.noon)
    }

    /// Its days, from the first production above that power to the last.
    pub(super) fn days_above(&self, subject: &Subject<'_>, cadence: i64, sunlit: f64) -> Vec<SunDay> {
        let points = &subject.points;
        let Some(first) = points.times.first() else { return Vec::new() };
        let offset = self.noon - DAY / 2;
        let mut start = (first - offset).div_euclid(DAY) * DAY + offset;
        let mut days = Vec::new();
        let mut at = 0;
        while at < points.len() {
            if points.times[at] >= start + DAY {
                start += (points.times[at] - start).div_euclid(DAY) * DAY;
            }
            let end = at + points.times[at..].partition_point(|time| *time < start + DAY);
            days.extend(self.day(subject, at..end, start, (cadence, sunlit)));
            at = end;
        }
        days
    }

    /// None for a day without enough sun, or with holes in it.
    fn day(&self, subject: &Subject<'_>, range: std::ops::Range<usize>, start: i64, by: (i64, f64)) -> Option<SunDay> {
        let points = &subject.points;
        let (cadence, sunlit) = by;
        let lit = |at: &usize| self.production(points.values[*at]) > sunlit;
        let first = range.clone().find(lit)?;
        let last = range.clone().rfind(lit)?;
        let highest = (first..=last).map(|at| self.production(points.values[at])).fold(0.0, f64::max);
        let complete = (last - first) as i64 * cadence >= (points.times[last] - points.times[first]) * 9 / 10;
        // An array that is switched off at noon has no sunset.
        let abrupt = (0.1 + 0.25 * cadence as f64 / HOUR as f64) * self.peak;
        let cut = self.production(points.values[first]) > abrupt || self.production(points.values[last]) > abrupt;
        let short = points.times[last] - points.times[first] < 4 * HOUR;
        if highest < 0.15 * self.peak || !complete || cut || short {
            return None;
        }
        let rise = self.crossing(subject, (first.checked_sub(1)?, first), by);
        let set = self.crossing(subject, (last + 1, last), by);
        Some(SunDay { start, late: (rise + set) / 2.0 - (start + DAY / 2) as f64, length: set - rise })
    }

    /// When between a dark and a lit point the line was crossed.
    fn crossing(&self, subject: &Subject<'_>, (dark, lit): (usize, usize), (cadence, sunlit): (i64, f64)) -> f64 {
        let points = &subject.points;
        let time = points.times[lit] as f64;
        let Some(other) = points.times.get(dark).filter(|other| (*other - points.times[lit]).abs() <= 2 * cadence) else {
            return time;
        };
        let (low, high) = (self.production(points.values[dark]), self.production(points.values[lit]));
        let share = ((high - sunlit) / (high - low).max(1e-12)).clamp(0.0, 1.0);
        time + (*other as f64 - time) * share
    }

    /// Where the middle of the day moves at once, largest first found; in order of time.
    pub(super) fn steps(&self) -> Vec<Step> {
        let late: Vec<f64> = self.days.iter().map(|day| day.late).collect();
        let mut moves: Vec<f64> = late.windows(2).map(|pair| (pair[1] - pair[0]).abs()).collect();
        // The spread of one day, from the median of the difference of two.
        let spread = (median(&mut moves) * 1.4826 / std::f64::consts::SQRT_2).max(MINUTE as f64);
        let mut steps = Vec::new();
        divide(&late, 0, spread, &mut steps);
        steps.sort_unstable_by_key(|step: &(usize, f64)| step.0);
        let step = |(day, size): (usize, f64)| Step {
            before: self.days[day - 1].start + DAY,
            from: self.days[day].start,
            size,
            certainty: size.abs() / spread,
        };
        steps.retain(|(at, size)| self.moves_whole(*at, *size));
        steps.into_iter().map(step).collect()
    }

    /// Whether sunrise and sunset move together: what cuts only one of them off is no clock.
    fn moves_whole(&self, at: usize, size: f64) -> bool {
        let lengths = |days: &[SunDay]| median(&mut days.iter().map(|day| day.length).collect::<Vec<_>>());
        let before = lengths(&self.days[at.saturating_sub(5)..at]);
        let after = lengths(&self.days[at..(at + 5).min(self.days.len())]);
        (after - before).abs() <= 0.3 * size.abs() + 20.0 * MINUTE as f64
    }
}

/// A move of the middle of the day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Step {
    /// Where the last day before it ends.
    pub(super) before: i64,
    /// The start of the first day after it.
    pub(super) from: i64,
    /// By how much later days are from there on, microseconds.
    pub(super) size: f64,
    /// Its size over the spread of single days.
    pub(super) certainty: f64,
}

/// Days on either side that are compared.
const SIDES: [usize; 2] = [5, 14];

/// Finds the clearest step of a stretch, then looks on either side of it.
fn divide(late: &[f64], offset: usize, spread: f64, steps: &mut Vec<(usize, f64)>) {
    const LEAST: usize = 3;
    let mut best: Option<(usize, f64, f64)> = None;
    for at in LEAST..late.len().saturating_sub(LEAST - 1) {
        for side in SIDES {
            let (before, after) = (&late[at.saturating_sub(side)..at], &late[at..(at + side).min(late.len())]);
            let size = median(&mut after.to_vec()) - median(&mut before.to_vec());
            // The spread of a median is a quarter above that of a mean.
            let error = 1.25 * spread * (1.0 / before.len() as f64 + 1.0 / after.len() as f64).sqrt();
            let score = size.abs() / error;
            let is_step = size.abs() >= SMALLEST as f64 && score >= CERTAIN;
            if is_step && best.is_none_or(|(_, _, known)| score > known) {
                best = Some((at, size, score));
            }
        }
    }
    let Some((at, size, _)) = best else { return };
    let at = sharpened(late, at, size);
    steps.push((offset + at, size));
    if steps.len() < 64 {
        divide(&late[..at], offset, spread, steps);
        divide(&late[at..], offset + at, spread, steps);
    }
}

/// The day within a few of `at` from which on days are nearer to the level after the step than to that before.
fn sharpened(late: &[f64], at: usize, size: f64) -> usize {
    let level = median(&mut late[at.saturating_sub(14)..at].to_vec());
    let (from, to) = (at.saturating_sub(4).max(1), (at + 4).min(late.len() - 1));
    let wrong = |cut: usize| {
        let start = cut.saturating_sub(8);
        let end = (cut + 8).min(late.len());
        let early = late[start..cut].iter().map(|late| (late - level).abs());
        let later = late[cut..end].iter().map(|late| (late - level - size).abs());
        early.chain(later).sum::<f64>() / (end - start) as f64
    };
    (from..=to).min_by(|a, b| wrong(*a).total_cmp(&wrong(*b))).unwrap_or(at)
}

/// What the steps of a PV array say of the clock of its times.
pub(super) fn clock(subject: &Subject<'_>, solar: &Solar, changes: &Changes) -> Vec<Finding> {
    let steps = solar.steps();
    let (mut of_changes, mut others): (Vec<Step>, Vec<Step>) = steps.iter().partition(|step| is_change(step, changes, 2));
    // One step alone may fall on such a day by chance: where it is undone on another day, or not quite on it, it is no change.
    let undone = |step: &Step| others.iter().any(|other| is_undone(step, other));
    if let [only] = of_changes[..]
        && (undone(&only) || !is_change(&only, changes, i64::from(is_hour(&only))))
    {
        of_changes.clear();
        others = steps;
    }
    let mut found = Vec::from_iter(daylight_saving(subject, &of_changes, changes));
    found.extend(shifted(subject, &others));
    found
}

/// Whether a step is that of clocks which are set forward in spring or back in autumn; days without sun blur by how many days.
fn is_change(step: &Step, changes: &Changes, blur: i64) -> bool {
    let hour = (step.size.abs() - HOUR as f64).abs() <= 20.0 * MINUTE as f64;
    let forward = step.size > 0.0;
    let (from, to) = (step.before - blur * DAY, step.from + blur * DAY / 2);
    let close = (0..=(to - from) / DAY).any(|day| changes.near(from + day * DAY + DAY / 2, forward).is_some());
    hour && close
}

/// Whether a step is an hour nearly to the minute.
fn is_hour(step: &Step) -> bool {
    (step.size.abs() - HOUR as f64).abs() <= 8.0 * MINUTE as f64
}

/// Whether a later step takes back the one before.
fn is_undone(step: &Step, next: &Step) -> bool {
    (next.size + step.size).abs() <= 0.35 * step.size.abs().max(next.size.abs())
}

fn daylight_saving(subject: &Subject<'_>, steps: &[Step], changes: &Changes) -> Option<Finding> {
    let first = steps.first()?;
    let family = changes.near(first.from + DAY / 2, first.size > 0.0).map_or("the zone", |change| change.family);
    let forward = steps.iter().filter(|step| step.size > 0.0).count();
    let message = format!(
        "the sun's day moves by an hour {} on days on which clocks change ({family}): {forward} in spring, {} in autumn, the \
         first at {}. The times are local ones with daylight saving that were taken for times of one offset",
        counted(steps.len(), "time", "times"),
        steps.len() - forward,
        date(first.from)
    );
    let confidence = if steps.len() > 1 { 0.97 } else { 0.85 };
    let severity = if changes.zone.is_some() && changes.naive() { Severity::Note } else { Severity::Fault };
    let finding = Finding::new(FindingKind::DaylightSaving, severity, confidence, message).of(subject.name());
    let finding = finding.counting(steps.len()).at(subject, &around(subject, steps), 0);
    let finding = zones::advised(finding, changes, family, None);
    Some(match &changes.zone {
        Some(_) => finding,
        None => zones::add(finding, "an hour of each autumn is doubled, told by order"),
    })
}

/// Steps on other days: a clock that was set wrong, until it was set right.
fn shifted(subject: &Subject<'_>, steps: &[Step]) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut rest = steps;
    while let Some((step, after)) = rest.split_first() {
        let back = after.first().filter(|next| is_undone(step, next));
        let end = back.map_or(subject.points.times[subject.points.len() - 1], |back| back.from);
        rest = if back.is_some() { &after[1..] } else { after };
        let range = subject.points.between(step.from, end);
        if range.is_empty() {
            continue;
        }
        let minutes = (step.size / MINUTE as f64).round();
        let message = format!(
            "from {} the sun's day lies {} min {} than before{}: the clock of the source was set wrong",
            date(step.from),
            minutes.abs(),
            if minutes > 0.0 { "later" } else { "earlier" },
            if back.is_some() { format!(", until {}", date(end)) } else { String::new() }
        );
        let confidence: f64 = if step.certainty > 4.0 { 0.9 } else { 0.7 };
        let finding = Finding::new(FindingKind::ClockShift, Severity::Warning, confidence, message).of(subject.name());
        let finding = finding.at(subject, &[Place::of(range.start, range.end - 1)], 0);
        let finding = with_picture(finding, subject, step.from);
        found.push(finding.repair("move these rows by that time before they are used; set the source's clock by NTP"));
    }
    found
}

pub(super) fn with_picture(mut finding: Finding, subject: &Subject<'_>, from: i64) -> Finding {
    finding.plot = super::plot::over(&[subject], from - 3 * DAY, from + 3 * DAY);
    let to = from + 3 * DAY;
    finding.plot.marks.push(super::report::Mark { from, to, text: "clock shift".into() });
    finding
}

/// The points at which steps happen.
fn around(subject: &Subject<'_>, steps: &[Step]) -> Vec<Place> {
    let last = subject.points.len() - 1;
    let place = |step: &Step| {
        let at = subject.points.at_or_after(step.before).min(last);
        Place::of(at, subject.points.at_or_after(step.from).clamp(at, last))
    };
    steps.iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_found_on_its_day_and_noise_is_none() {
        let noise = |day: usize| ((day * 7919 + 13) % 31) as f64 * MINUTE as f64 - 15.0 * MINUTE as f64;
        let late: Vec<f64> = (0..120).map(|day| noise(day) + if day >= 70 { HOUR as f64 } else { 0.0 }).collect();
        let mut steps = Vec::new();
        divide(&late, 0, 12.0 * MINUTE as f64, &mut steps);
        assert_eq!(steps.len(), 1);
        assert!((69..=71).contains(&steps[0].0) && (steps[0].1 - HOUR as f64).abs() < 15.0 * MINUTE as f64, "{steps:?}");
        steps.clear();
        divide(&(0..300).map(noise).collect::<Vec<_>>(), 0, 12.0 * MINUTE as f64, &mut steps);
        assert!(steps.is_empty(), "{steps:?}");
    }
}
