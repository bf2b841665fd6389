//! Calm numbers: what solvers leave of noise around whole numbers and between modes that exclude each other is taken off before the
//! verifier looks. Nothing moves by more than the verifier's own tolerance.

use super::walk::tolerance;
use crate::optimize::checked::Checked;
use crate::optimize::{Asset, Quantity, Schedule};

/// A number closer than this to a whole W or Wh is that one: 3.6e-12 W is none, 4999.9999999 W is the limit of 5 kW.
const NOISE: f64 = 1e-6;
/// A state closer than this to 0 or 1 is that one.
const STATE_NOISE: f64 = 1e-5;
/// Adding and taking this off rounds to a whole number, for numbers below 2^51, without a call.
const ROUNDING: f64 = 6_755_399_441_055_744.0;

/// Cleans a schedule.
pub(super) fn clean(checked: &Checked<'_>, schedule: &mut Schedule) {
    for part in 0..checked.site.assets.len() + checked.site.links.len() {
        for quantity in schedule.quantities(part) {
            let noise = if *quantity == Quantity::On { STATE_NOISE } else { NOISE };
            for value in schedule.column_mut(part, *quantity) {
                *value = calm(*value, noise);
            }
        }
        if let Some(pair) = exclusive(checked, part) {
            part_ways(schedule, part, pair);
        }
    }
}

fn calm(value: f64, noise: f64) -> f64 {
    // Adding zero makes a negative zero a zero.
    let whole = (value + ROUNDING) - ROUNDING + 0.0;
    if (value - whole).abs() < noise { whole } else { value }
}

fn exclusive(checked: &Checked<'_>, part: usize) -> Option<[Quantity; 2]> {
    match checked.site.assets.get(part) {
        Some(Asset::Grid(grid)) if grid.exclusive => Some([Quantity::Import, Quantity::Export]),
        Some(Asset::Battery(battery)) if battery.exclusive => Some([Quantity::Charge, Quantity::Discharge]),
        Some(Asset::Ev(_)) => Some([Quantity::Charge, Quantity::Discharge]),
        Some(_) => None,
        None => {
            let link = &checked.site.links[part - checked.site.assets.len()];
            link.exclusive.then_some([Quantity::Forward, Quantity::Reverse])
        }
    }
}

/// Where both of a pair run, the smaller one ends when it is within tolerance.
fn part_ways(schedule: &mut Schedule, part: usize, [first, second]: [Quantity; 2]) {
    let both = |schedule: &Schedule, from: usize| {
        let (one, other) = (&schedule.column(part, first)[from..], &schedule.column(part, second)[from..]);
        Some(from + one.iter().zip(other).position(|(one, other)| *one > 0.0 && *other > 0.0)?)
    };
    let mut from = 0;
    while let Some(step) = both(schedule, from) {
        let (one, other) = (schedule.column(part, first)[step], schedule.column(part, second)[step]);
        if one.min(other) <= 0.1 * tolerance(one.max(other)) {
            let smaller = if one <= other { first } else { second };
            schedule.column_mut(part, smaller)[step] = 0.0;
        }
        from = step + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_around_whole_numbers_goes_and_everything_else_stays() {
        let cleaned = [-1e-12, 3.6e-12, 4_999.999_999_9, 0.25, -0.0, 1e9 + 0.5].map(|value| calm(value, NOISE));
        assert_eq!(cleaned.map(f64::to_bits), [0.0, 0.0, 5_000.0, 0.25, 0.0, 1e9 + 0.5].map(f64::to_bits));
    }
}
