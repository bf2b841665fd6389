//! Numbers and times as a person at the site reads them: `5 kW`, `14:00Z`.

use super::Horizon;
use crate::model::Timestamp;

/// A power: `3 kW`, `-150 W`.
pub(in crate::optimize) fn power(watts: f64) -> String {
    scaled(watts, "W", "kW", "MW")
}

/// An energy: `2.5 kWh`.
pub(in crate::optimize) fn energy(watt_hours: f64) -> String {
    scaled(watt_hours, "Wh", "kWh", "MWh")
}

fn scaled(value: f64, unit: &str, thousand: &str, million: &str) -> String {
    match value.abs() {
        size if size >= 1e6 => format!("{} {million}", number(value / 1e6)),
        size if size >= 1e3 => format!("{} {thousand}", number(value / 1e3)),
        _ => format!("{} {unit}", number(value)),
    }
}

/// A number with at most four digits after the point, or in powers of ten where that would leave nothing of it.
pub(in crate::optimize) fn number(value: f64) -> String {
    if value != 0.0 && value.abs() < 5e-4 {
        return format!("{value:.1e}");
    }
    let text = format!("{value:.4}");
    let short = text.trim_end_matches('0').trim_end_matches('.');
    if short == "-0" { "0".to_owned() } else { short.to_owned() }
}

/// A step with its time: `step 3 (2026-01-01T00:45:00Z)`.
pub(in crate::optimize) fn step(horizon: &Horizon, step: usize) -> String {
    match horizon.starts().get(step) {
        Some(start) => format!("step {step} ({start})"),
        None => format!("step {step}"),
    }
}

/// A half-open span of steps: `14:00Z-15:00Z` within one day of UTC, else with dates.
pub(in crate::optimize) fn span(horizon: &Horizon, first: usize, last: usize) -> String {
    let (from, to) = (horizon.borders()[first], horizon.borders()[last + 1]);
    let day = |time: Timestamp| time.as_micros().div_euclid(86_400_000_000);
    if day(from) == day(horizon.end()) && day(from) == day(horizon.start()) {
        return format!("{}-{}", clock(from), clock(to));
    }
    format!("{}-{}", dated(from), if day(from) == day(to) { clock(to) } else { dated(to) })
}

/// `14:00Z`, with seconds where there are any.
fn clock(time: Timestamp) -> String {
    let text = time.to_string();
    let of_day = text.split_once('T').map_or(text.as_str(), |(_, of_day)| of_day);
    of_day.strip_suffix(":00Z").map_or_else(|| of_day.to_owned(), |minutes| format!("{minutes}Z"))
}

/// `2026-01-01T14:00Z`.
fn dated(time: Timestamp) -> String {
    let text = time.to_string();
    text.strip_suffix(":00Z").map_or_else(|| text.clone(), |minutes| format!("{minutes}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Span;

    #[test]
    fn numbers_are_short_and_have_their_unit() {
        assert_eq!([power(5_000.0), power(-150.0), power(2_345_600.0)], ["5 kW", "-150 W", "2.3456 MW"]);
        assert_eq!([energy(0.0), energy(1_234.5), energy(-0.0)], ["0 Wh", "1.2345 kWh", "0 Wh"]);
        assert_eq!(number(3.6e-12), "3.6e-12");
    }

    #[test]
    fn spans_name_the_day_only_where_there_are_several() {
        let from = |text: &str| Horizon::even(text.parse().unwrap(), Span::from_seconds(3600), 4).unwrap();
        assert_eq!(span(&from("2026-01-01T13:00:00Z"), 1, 1), "14:00Z-15:00Z");
        assert_eq!(span(&from("2026-01-01T22:00:00Z"), 1, 2), "2026-01-01T23:00Z-2026-01-02T01:00Z");
        assert_eq!(step(&from("2026-01-01T13:00:00Z"), 1), "step 1 (2026-01-01T14:00:00Z)");
    }
}
