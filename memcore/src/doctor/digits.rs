//! A slip of unit told by digits: a source that writes whole watts writes thousandths where it means kilowatts. What passes
//! through zero all the time shows it by nothing else.

use std::collections::HashSet;

use super::finding::Place;
use super::points::Sorted;
use super::unit::split;

/// Values whose digits are looked at together.
const CHUNK: usize = 48;
/// Values other than zero that a chunk must have to tell anything.
const LEAST: usize = 12;
/// Different values that there must be on either side: what switches between two levels has few.
const DIFFERENT: usize = 25;
/// How many stretches there may be.
const STRETCHES: usize = 4;
/// Digits behind the point that are looked for; and, negative, zeros before it.
const DIGITS: std::ops::RangeInclusive<i32> = -4..=6;

/// Stretches whose last digit lies three places off, and whose size does so too; and the ratio of sizes.
pub(super) fn by_digits(values: &[f64]) -> Option<(Vec<Place>, f64)> {
    let chunks: Vec<Option<i32>> = values.chunks(CHUNK).map(last_digit).collect();
    let usual = most_common(&chunks)?;
    [3_i32, -3].into_iter().find_map(|shift| {
        let is_slipped = |digit: i32| if shift > 0 { digit >= usual + 2 } else { digit <= usual - 3 };
        let mut places = stretches(&chunks, values.len(), is_slipped)?;
        let is_inside =
            |value: f64| value != 0.0 && if shift > 0 { !ends_at(value, usual) } else { ends_at(value, usual - 3) };
        places.iter_mut().for_each(|place| sharpen(place, values, is_inside));
        let (inside, outside) = split(values, &places);
        if different(&inside) < DIFFERENT || different(&outside) < DIFFERENT {
            return None;
        }
        let (inside, outside) = (Sorted::of(inside.into_iter()), Sorted::of(outside.into_iter()));
        let decades = |share: f64| (inside.at(share) / outside.at(share)).log10() * -f64::from(shift.signum());
        let is_thousand = [0.9, 0.97].iter().all(|share| (2.3..3.7).contains(&decades(*share)));
        is_thousand.then(|| (places, inside.at(0.9) / outside.at(0.9)))
    })
}

/// How many digits behind the point all values of a chunk need; none where too few are other than zero, or where they end
/// nowhere.
fn last_digit(chunk: &[f64]) -> Option<i32> {
    let moving = || chunk.iter().filter(|value| **value != 0.0);
    if moving().count() < LEAST {
        return None;
    }
    DIGITS.into_iter().find(|digits| moving().all(|value| ends_at(*value, *digits)))
}

/// Whether a value needs no more than so many digits behind the point.
fn ends_at(value: f64, digits: i32) -> bool {
    let scaled = value * 10f64.powi(digits);
    (scaled - scaled.round()).abs() <= 1e-9 * scaled.abs().max(1.0) && scaled.abs() >= 0.5
}

/// Moves the ends of a stretch from the border of a chunk to the first and the last value that is of it.
fn sharpen(place: &mut Place, values: &[f64], is_inside: impl Fn(f64) -> bool) {
    while place.first < place.last && !is_inside(values[place.first]) {
        place.first += 1;
    }
    while place.first > 0 && is_inside(values[place.first - 1]) {
        place.first -= 1;
    }
    while place.last > place.first && !is_inside(values[place.last]) {
        place.last -= 1;
    }
    while place.last + 1 < values.len() && is_inside(values[place.last + 1]) {
        place.last += 1;
    }
}

/// The digit that at least half of all chunks have.
fn most_common(chunks: &[Option<i32>]) -> Option<i32> {
    let told: Vec<i32> = chunks.iter().flatten().copied().collect();
    let often = |digit: &i32| told.iter().filter(|known| *known == digit).count();
    DIGITS.max_by_key(often).filter(|digit| told.len() >= 8 && often(digit) * 2 >= told.len())
}

/// Runs of chunks for which that holds; chunks that tell nothing go on as the one before. None where it is no clear stretch.
fn stretches(chunks: &[Option<i32>], values: usize, is_slipped: impl Fn(i32) -> bool) -> Option<Vec<Place>> {
    let mut places: Vec<Place> = Vec::new();
    let mut now = false;
    for (n, digit) in chunks.iter().enumerate() {
        now = digit.map_or(now, &is_slipped);
        if !now {
            continue;
        }
        let (first, last) = (n * CHUNK, ((n + 1) * CHUNK).min(values) - 1);
        match places.last_mut() {
            Some(place) if place.last + 1 == first => place.last = last,
            _ => places.push(Place::of(first, last)),
        }
    }
    let long = places.iter().all(|place| place.points() >= 2 * CHUNK);
    (long && (1..=STRETCHES).contains(&places.len())).then_some(places)
}

fn different(values: &[f64]) -> usize {
    values.iter().map(|value| value.to_bits()).collect::<HashSet<_>>().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whole watts around zero: mostly a few, at times thousands.
    fn watts(n: i64) -> f64 {
        let wild = (n * n * 7919 + n * 131) % 4001 - 2000;
        if n % 9 < 6 { (wild % 9) as f64 } else { wild as f64 }
    }

    #[test]
    fn thousandths_among_whole_watts_are_kilowatts() {
        let values: Vec<f64> = (0..4000).map(|n| watts(n) / if (970..1930).contains(&n) { 1000.0 } else { 1.0 }).collect();
        let (places, ratio) = by_digits(&values).unwrap();
        assert_eq!(places, [Place::of(970, 1929)]);
        assert!((ratio.log10() + 3.0).abs() < 0.3, "{ratio}");
        let values: Vec<f64> = (0..4000).map(|n| watts(n) * if n >= 2410 { 1000.0 } else { 1.0 }).collect();
        assert_eq!(by_digits(&values).unwrap().0, [Place::of(2410, 3999)]);
    }

    #[test]
    fn more_digits_of_the_same_size_and_a_charger_that_idles_are_no_slip() {
        let finer: Vec<f64> = (0..4000).map(|n| watts(n) + if n >= 2400 { 0.125 } else { 0.0 }).collect();
        assert_eq!(by_digits(&finer), None);
        let charger: Vec<f64> = (0..4000).map(|n| if n % 1000 > 800 { 11_000.0 } else { (n % 12) as f64 }).collect();
        assert_eq!(by_digits(&charger), None);
        assert_eq!(by_digits(&(0..4000).map(watts).collect::<Vec<_>>()), None);
    }
}
