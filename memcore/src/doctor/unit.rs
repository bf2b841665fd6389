//! Units that are a thousand times off: in a part of a series, or in all of it.

use super::digits;
use super::finding::{HOUR, Place, Subject, counted, instant, number, percent};
use super::points::{Sorted, median};
use super::report::{Finding, FindingKind, Severity};
use super::series::Role;
use super::solar::Solar;
use crate::model::{Quantity, Unit};

/// A stretch of fewer points may be anything.
const LEAST: usize = 5;
/// How often the unit of a source may have changed.
const STRETCHES: usize = 12;

/// Stretches in which values are a thousand times larger or smaller than before and after.
pub(super) fn slipped_part(subject: &Subject<'_>, solar: Option<&Solar>) -> Option<Finding> {
    if subject.is_counter() || !is_scaled(subject.quantity) {
        return None;
    }
    // What follows the sun falls to nothing every night: only its middays are compared.
    let Some(solar) = solar else { return slipped_among(subject, &subject.points.values, &|at| at) };
    let points = &subject.points;
    let noons: Vec<usize> = (0..points.len()).filter(|at| solar.off_noon(points.times[*at]) < 2 * HOUR).collect();
    let values: Vec<f64> = noons.iter().map(|at| points.values[*at]).collect();
    slipped_among(subject, &values, &|at| noons[at])
}

/// Among values of the series, each at the point that `point` says.
fn slipped_among(subject: &Subject<'_>, values: &[f64], point: &dyn Fn(usize) -> usize) -> Option<Finding> {
    if values.len() < 50 {
        return None;
    }
    let (places, ratio) = jumping(values).or_else(|| by_level(values)).or_else(|| digits::by_digits(values))?;
    let larger = ratio > 1.0;
    let points: usize = places.iter().map(|place| place.points()).sum();
    let worst = (0..places.len()).max_by_key(|at| places[*at].points())?;
    let (inside, outside) = split(values, &places);
    let medians = (Sorted::of(inside.into_iter()).median(), Sorted::of(outside.into_iter()).median());
    let places: Vec<Place> = places.iter().map(|place| Place::of(point(place.first), point(place.last))).collect();
    let message = format!(
        "{} of the values are about a thousand times {} than the others: {} from {}, at a median of {} against {}",
        percent(points as f64 / values.len() as f64),
        if larger { "larger" } else { "smaller" },
        counted(places.len(), "stretch", "stretches"),
        instant(subject.points.times[places[0].first]),
        number(medians.0),
        subject.said(medians.1)
    );
    let confidence = if points > 4 * LEAST { 0.97 } else { 0.85 };
    let finding = Finding::new(FindingKind::UnitSlip, Severity::Fault, confidence, message).of(subject.name());
    let finding = finding.counting(points).at(subject, &places, worst);
    Some(finding.repair(match larger {
        true => "divide these rows by 1000: the source changed its unit for a while",
        false => "multiply these rows by 1000: the source changed its unit for a while",
    }))
}

/// By jumps of single values, where those of one side all lie beyond those of the other: that no switching explains.
fn jumping(values: &[f64]) -> Option<(Vec<Place>, f64)> {
    let places = stretches(values);
    if places.is_empty() || places.len() > STRETCHES {
        return None;
    }
    let (inside, outside) = split(values, &places);
    let (inside, outside) = (Sorted::of(inside.into_iter()), Sorted::of(outside.into_iter()));
    let ratio = inside.median() / outside.median();
    let apart = match ratio > 1.0 {
        true => inside.at(0.02) > 4.0 * outside.at(0.995),
        false => inside.at(0.98) * 4.0 < outside.at(0.005),
    };
    (apart && is_thousand(&inside, &outside, &[0.1, 0.5, 0.9])).then_some((places, ratio))
}

/// Points of which one level is taken.
const CHUNK: usize = 48;

/// By the level of whole chunks, for what passes through zero.
fn by_level(values: &[f64]) -> Option<(Vec<Place>, f64)> {
    let mut last = None;
    let mut level = |chunk: &[f64]| {
        let mut sizes: Vec<f64> = chunk.iter().map(|value| value.abs()).collect();
        let at = sizes.len() * 3 / 4;
        let size = *sizes.select_nth_unstable_by(at, f64::total_cmp).1;
        // What rests has no level: that before goes on.
        last = if size > 0.0 { Some(size.log10()) } else { last };
        last
    };
    let levels: Vec<Option<f64>> = values.chunks(CHUNK).map(&mut level).collect();
    let first = levels.iter().flatten().next().copied()?;
    let levels: Vec<f64> = levels.into_iter().map(|level| level.unwrap_or(first)).collect();
    let mut sorted = levels.clone();
    sorted.sort_unstable_by(f64::total_cmp);
    let (gap, limit) =
        sorted.windows(2).map(|pair| (pair[1] - pair[0], (pair[0] + pair[1]) / 2.0)).max_by(|a, b| a.0.total_cmp(&b.0))?;
    let high = levels.iter().filter(|level| **level > limit).count();
    if gap < 1.3 || high < 2 || levels.len() - high < 2 {
        return None;
    }
    let less_common = 2 * high <= levels.len();
    let mut places: Vec<Place> = Vec::new();
    for (n, _) in levels.iter().enumerate().filter(|(_, level)| (**level > limit) == less_common) {
        let (first, last) = (n * CHUNK, ((n + 1) * CHUNK).min(values.len()) - 1);
        match places.last_mut() {
            Some(place) if place.last + 1 == first => place.last = last,
            _ => places.push(Place::of(first, last)),
        }
    }
    let (inside, outside) = split(values, &places);
    let (inside, outside) = (Sorted::of(inside.into_iter()), Sorted::of(outside.into_iter()));
    let ratio = inside.median() / outside.median();
    (places.len() <= 4 && is_thousand(&inside, &outside, &[0.25, 0.5, 0.75, 0.95])).then_some((places, ratio))
}

/// Whether values of one side are those of the other, a thousand times larger or smaller: by their whole spread, which the two
/// levels of something that switches do not share.
fn is_thousand(inside: &Sorted, outside: &Sorted, shares: &[f64]) -> bool {
    let ratio = |share: &f64| (inside.at(*share) / outside.at(*share)).log10().abs();
    let spread = |sorted: &Sorted| sorted.at(0.9) / sorted.at(0.1);
    let same_side = (inside.median() > outside.median()) == (inside.at(0.9) > outside.at(0.9));
    same_side
        && spread(inside) > 1.25
        && spread(outside) > 1.25
        && shares.iter().all(|share| (2.4..3.6).contains(&ratio(share)))
}

/// Whether the unit of such a quantity comes in thousands.
fn is_scaled(quantity: Option<Quantity>) -> bool {
    !matches!(quantity, Some(Quantity::Temperature | Quantity::State | Quantity::Switch | Quantity::Count))
}

/// Stretches between jumps by about a thousand and back; the less common side of them.
fn stretches(values: &[f64]) -> Vec<Place> {
    let mut jumps: Vec<(usize, bool)> = Vec::new();
    let mut last: Option<f64> = None;
    for (at, value) in values.iter().enumerate() {
        let size = value.abs();
        if size == 0.0 {
            continue;
        }
        if let Some(before) = last.replace(size) {
            let ratio = size / before;
            if (100.0..10_000.0).contains(&ratio) || (1e-4..1e-2).contains(&ratio) {
                jumps.push((at, ratio > 1.0));
            }
            if jumps.len() > 4 * STRETCHES {
                return Vec::new();
            }
        }
    }
    let up: Vec<Place> = between(&jumps, true, values.len());
    let down: Vec<Place> = between(&jumps, false, values.len());
    let points = |places: &[Place]| places.iter().map(|place| place.points()).sum::<usize>();
    let fits = |places: &[Place]| !places.is_empty() && 2 * points(places) <= values.len();
    match (fits(&up), fits(&down)) {
        (true, true) if points(&down) < points(&up) => down,
        (true, _) => up,
        (false, true) => down,
        (false, false) => Vec::new(),
    }
}

/// From each jump in that direction to the next in the other.
fn between(jumps: &[(usize, bool)], up: bool, end: usize) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    // A series may begin in the other unit.
    if let Some((at, direction)) = jumps.first()
        && *direction != up
    {
        places.push(Place::of(0, at - 1));
    }
    for (n, (at, direction)) in jumps.iter().enumerate() {
        if *direction == up {
            let next = jumps[n + 1..].iter().find(|(_, other)| *other != up).map_or(end, |(next, _)| *next);
            if places.last().is_none_or(|place| place.last < *at) {
                places.push(Place::of(*at, next - 1));
            }
        }
    }
    places.retain(|place| place.points() >= LEAST);
    places
}

/// The sizes of the values in the places, and of those outside; zeros left out.
pub(super) fn split(values: &[f64], places: &[Place]) -> (Vec<f64>, Vec<f64>) {
    let (mut inside, mut outside) = (Vec::new(), Vec::new());
    let mut next = 0;
    for (at, value) in values.iter().enumerate().filter(|(_, value)| **value != 0.0) {
        while next < places.len() && places[next].last < at {
            next += 1;
        }
        let is_inside = places.get(next).is_some_and(|place| place.first <= at);
        if is_inside { inside.push(value.abs()) } else { outside.push(value.abs()) }
    }
    (inside, outside)
}

/// A whole series whose level makes no sense in its declared unit.
pub(super) fn wrong_level(subject: &Subject<'_>) -> Option<Finding> {
    let unit = subject.series.unit?;
    let quantity = subject.quantity?;
    if subject.points.len() < 20 || subject.is_counter() {
        return None;
    }
    let (right, confidence) = match quantity {
        Quantity::Power => power(subject, unit)?,
        _ => level(subject, unit, quantity)?,
    };
    let s = &subject.sorted;
    let message = format!(
        "declared is {unit}, but values from {} to {} (median {}) are those of {right}",
        number(s.at(0.005)),
        number(s.at(0.995)),
        number(s.median())
    );
    let finding = Finding::new(FindingKind::UnitSlip, Severity::Fault, confidence, message).of(subject.name());
    let last = subject.points.len() - 1;
    let finding = finding.counting(last + 1).at(subject, &[Place::of(0, last)], 0);
    Some(finding.declare(subject.name(), "unit", right.symbol()))
}

/// Power of a site's main parts: below 30 W at all times, with digits below a watt, it is counted in kW.
fn power(subject: &Subject<'_>, unit: Unit) -> Option<(Unit, f64)> {
    let main = matches!(subject.role, Some(Role::Grid | Role::Pv | Role::Battery))
        || subject.role == Some(Role::Load) && is_whole(subject.name());
    let s = &subject.sorted;
    let highest = s.at(0.998).abs().max(s.at(0.002).abs());
    if !main || unit != Unit::Watt || !(0.3..30.0).contains(&highest) {
        return None;
    }
    let fractional = subject.points.values.iter().step_by(7).filter(|value| value.fract() != 0.0).count();
    let nonzero = subject.points.values.iter().step_by(7).filter(|value| **value != 0.0).count();
    (fractional * 10 >= nonzero * 9).then_some((Unit::Kilowatt, 0.9))
}

/// Whether a name is that of a whole house and not of one device in it.
fn is_whole(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    ["house", "home", "load", "total", "consumption", "building"].iter().any(|word| lower.contains(word))
        && !["node", "hem", "ev", "charger"].iter().any(|word| lower.contains(word))
}

/// Quantities of which the level alone tells the unit.
fn level(subject: &Subject<'_>, unit: Unit, quantity: Quantity) -> Option<(Unit, f64)> {
    let s = &subject.sorted;
    let (low, middle, high) = (s.at(0.005), s.median(), s.at(0.995));
    let within = |from: f64, to: f64| low >= from && high <= to;
    match (quantity, unit) {
        (Quantity::StateOfCharge, Unit::Fraction) if low >= 0.0 && high > 2.0 && high <= 101.0 => {
            Some((Unit::Percent, 0.97))
        }
        (Quantity::StateOfCharge, Unit::Percent) if low >= 0.0 && high <= 1.0 && high > 0.05 => Some((Unit::Fraction, 0.9)),
        (Quantity::Voltage, Unit::Kilovolt) if (80.0..280.0).contains(&middle) && within(50.0, 500.0) => {
            Some((Unit::Volt, 0.9))
        }
        (Quantity::Voltage, Unit::Volt) if (80_000.0..280_000.0).contains(&middle) && within(50_000.0, 500_000.0) => {
            Some((Unit::Millivolt, 0.85))
        }
        (Quantity::Voltage, Unit::Volt) if (0.2..0.26).contains(&middle) && within(0.17, 0.28) => {
            Some((Unit::Kilovolt, 0.85))
        }
        (Quantity::Temperature, Unit::Celsius) if within(230.0, 340.0) => Some((Unit::Kelvin, 0.9)),
        (Quantity::Temperature, Unit::Kelvin) if within(-60.0, 100.0) => Some((Unit::Celsius, 0.95)),
        _ => None,
    }
}

/// The part of an hour between two values, for what is counted per interval.
pub(super) fn hours(micros: i64) -> f64 {
    micros as f64 / HOUR as f64
}

/// By which power of a thousand two things that should be equal differ, where they do so throughout.
pub(super) fn thousandfold(ratios: &mut [f64]) -> Option<f64> {
    if ratios.len() < 8 {
        return None;
    }
    let middle = median(ratios);
    let spread = median(&mut ratios.iter().map(|ratio| (ratio / middle).ln().abs()).collect::<Vec<_>>());
    let factor = [1e3, 1e-3, 1e6, 1e-6].into_iter().find(|factor| (0.6..1.7).contains(&(middle / factor)))?;
    (spread < 0.35).then_some(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_in_another_unit_is_found_wherever_it_lies() {
        for (from, to) in [(0, 30), (40, 70), (170, 200)] {
            let values: Vec<f64> = (0..200)
                .map(|n| f64::from(200 + n * 37 % 1900) / if (from..to).contains(&n) { 1000.0 } else { 1.0 })
                .collect();
            assert_eq!(stretches(&values), [Place::of(from as usize, to as usize - 1)]);
        }
    }

    #[test]
    fn a_factor_is_told_only_where_it_holds_throughout() {
        let mut steady: Vec<f64> = (0..20).map(|n| 900.0 + f64::from(n) * 10.0).collect();
        assert_eq!(thousandfold(&mut steady), Some(1e3));
        let mut wild: Vec<f64> = (0..20).map(|n| 10f64.powi(n % 5) * 10.0).collect();
        assert_eq!(thousandfold(&mut wild), None);
    }
}
