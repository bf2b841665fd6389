//! Numbers that stand for "not measured" and were taken for values.

use super::finding::{Place, Subject, counted, number, percent};
use super::points::Points;
use super::report::{Finding, FindingKind, Severity};

/// What registers hold where nothing was measured, and what programs write for it. Ends of registers also occur divided by
/// 10, 100 and 1000, as a scale factor makes them.
const REGISTERS: [f64; 14] = [
    65_535.0,
    65_534.0,
    65_533.0,
    32_767.0,
    -32_768.0,
    -32_767.0,
    32_768.0,
    4_294_967_295.0,
    2_147_483_647.0,
    -2_147_483_648.0,
    2_147_483_648.0,
    18_446_744_073_709_551_615.0,
    9_223_372_036_854_775_807.0,
    -9_223_372_036_854_775_808.0,
];
const WRITTEN: [f64; 17] = [
    -999.0,
    -9999.0,
    -99_999.0,
    -999_999.0,
    999.0,
    9999.0,
    99_999.0,
    999_999.0,
    9_999_999.0,
    -99.0,
    -1.0,
    -1e5,
    -1e6,
    -1e9,
    1e20,
    9.96921e36,
    f32::MAX as f64,
];

/// How many distinct numbers are followed.
const CANDIDATES: usize = 16;

/// Takes such numbers out of the points and says so. A number is one only where it lies far from everything else.
pub(super) fn taken_out(subject: &mut Subject<'_>) -> Option<Finding> {
    let candidates = candidates(&subject.points);
    if candidates.is_empty() {
        return None;
    }
    let (low, high) = ordinary(&subject.points, &candidates)?;
    let sure = |(value, count): &(f64, usize)| is_outlying(*value, *count, low, high, subject.points.len());
    let sentinels: Vec<(f64, usize)> = candidates.into_iter().filter(sure).collect();
    if sentinels.is_empty() {
        return None;
    }
    let finding = finding(subject, &sentinels, (low, high));
    subject.points.without(|value| sentinels.iter().any(|(known, _)| *known == value));
    Some(finding)
}

/// Suspicious numbers that occur, with how often.
fn candidates(points: &Points<'_>) -> Vec<(f64, usize)> {
    let mut found: Vec<(f64, usize)> = Vec::new();
    for value in points.values.iter() {
        // Cheap first: nearly all values are none of them.
        if !is_suspicious(*value) {
            continue;
        }
        match found.iter().position(|(known, _)| known == value) {
            Some(at) => found[at].1 += 1,
            None if found.len() < CANDIDATES => found.push((*value, 1)),
            None => {}
        }
    }
    found
}

fn is_suspicious(value: f64) -> bool {
    if value.is_infinite() {
        return true;
    }
    let size = value.abs();
    if size < 1.0 {
        return false;
    }
    // All of them end in the digits of their register.
    let ends = |register: f64| {
        size == register || size == register / 10.0 || size == register / 100.0 || size == register / 1000.0
    };
    if size < 32.0 {
        return value == -1.0;
    }
    ends(65_535.0)
        || ends(32_767.0)
        || ends(32_768.0)
        || (size > 2e6 && (ends(4_294_967_295.0) || ends(2_147_483_647.0) || ends(2_147_483_648.0)))
        || REGISTERS.contains(&value)
        || WRITTEN.contains(&value)
}

/// The lowest and highest of what is no candidate.
fn ordinary(points: &Points<'_>, candidates: &[(f64, usize)]) -> Option<(f64, f64)> {
    let others = points.values.iter().filter(|value| !candidates.iter().any(|(known, _)| known == *value));
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for value in others {
        low = low.min(*value);
        high = high.max(*value);
    }
    (low <= high).then_some((low, high))
}

fn is_outlying(value: f64, count: usize, low: f64, high: f64, points: usize) -> bool {
    if value.is_infinite() {
        return true;
    }
    // Most of a series is no exception from itself.
    if count * 2 > points {
        return false;
    }
    let spread = (high - low).max(high.abs() * 1e-3).max(1e-9);
    let beyond = (value - high).max(low - value) / spread;
    if value == -1.0 {
        return low >= 0.0 && count >= 3 && high <= 2.0;
    }
    let is_register = !WRITTEN.contains(&value);
    match (is_register, count) {
        (_, 1) => beyond > 3.0 && is_register,
        (true, _) => beyond > 0.2,
        (false, 2) => beyond > 3.0,
        (false, _) => beyond > 0.5,
    }
}

fn finding(subject: &Subject<'_>, sentinels: &[(f64, usize)], (low, high): (f64, f64)) -> Finding {
    let points = &subject.points;
    let is_one = |at: usize| sentinels.iter().any(|(known, _)| *known == points.values[at]);
    let mut places: Vec<Place> = Vec::new();
    for at in (0..points.len()).filter(|at| is_one(*at)) {
        match places.last_mut() {
            Some(place) if place.last + 1 == at => place.last = at,
            _ => places.push(Place::of(at, at)),
        }
    }
    let count: usize = sentinels.iter().map(|(_, count)| count).sum();
    let numbers: Vec<String> = sentinels.iter().map(|(value, _)| number(*value)).collect();
    let message = format!(
        "{} {}, far from all others ({} to {}): {} of the values stand for \"not measured\"",
        numbers.join(" and "),
        if count == 1 { "occurs once".into() } else { format!("occurs {}", counted(count, "time", "times")) },
        number(low),
        subject.said(high),
        percent(count as f64 / points.len() as f64)
    );
    let confidence = if count > 2 { 0.98 } else { 0.85 };
    let finding = Finding::new(FindingKind::Sentinel, Severity::Fault, confidence, message).of(subject.name());
    let finite: Vec<f64> = sentinels.iter().map(|(value, _)| *value).filter(|value| value.is_finite()).collect();
    let finding = finding.counting(count).at(subject, &places, 0);
    if finite.is_empty() { finding } else { finding.declare(subject.name(), "invalid", finite) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_without_a_measurement_are_suspicious_and_common_values_are_not() {
        for value in [65_535.0, 6553.5, 655.35, 65.535, -3276.8, 214_748_364.7, -999.0, f64::INFINITY, 4_294_967_295.0] {
            assert!(is_suspicious(value), "{value}");
        }
        for value in [0.0, 1.0, 230.0, -2.8, 100.0, 1000.0, 65_536.0, 3.2767] {
            assert!(!is_suspicious(value), "{value}");
        }
    }

    #[test]
    fn a_number_within_the_range_of_the_others_is_a_value() {
        assert!(!is_outlying(999.0, 5, 0.0, 4000.0, 1000));
        assert!(is_outlying(9999.0, 5, 0.0, 4000.0, 1000));
        assert!(!is_outlying(9999.0, 1, 0.0, 8000.0, 1000));
        assert!(is_outlying(-1.0, 3, 0.2, 0.9, 1000));
    }
}
