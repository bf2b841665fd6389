//! Counters: how much a register rose, although it is reset, glitches or rolls over.

use std::cmp::Ordering::{Equal, Less};

use super::exact::{self, ExactSum, Kind};
use crate::error::{Error, Result};

/// Goes from reading to reading of one register.
///
/// - The first reading gives nothing: what was counted before is not known.
/// - A reading below the one before is a reset: a new segment begins, whose first reading gives nothing.
/// - But where the register comes back from one lower value to what it had or more, that value was a glitch: it is left out.
/// - With a declared width a fall by more than half of it is a rollover, and the rise goes on through it. Where the very next
///   reading is back, it was a glitch all the same: what the rollover counted is taken back, never is a whole width counted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counter {
    width: Option<f64>,
    last: Option<f64>,
    /// The reading before a fall, while it is open whether that was a reset or a glitch.
    before_fall: Option<f64>,
    /// The reading before a rollover, until another reading says that the register stayed low.
    before_rollover: Option<f64>,
    resets: u64,
    glitches: u64,
}

/// What a reading adds: from one reading to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rise {
    pub(crate) from: f64,
    pub(crate) to: f64,
}

impl Rise {
    const NONE: Self = Self { from: 0.0, to: 0.0 };

    /// How much that is, rounded once.
    fn amount(self) -> f64 {
        let mut sum = ExactSum::default();
        self.add_to(&mut sum);
        sum.over(1)
    }

    pub(crate) fn add_to(self, sum: &mut ExactSum) {
        sum.add(self.to);
        sum.add_times(self.from, -1);
    }
}

impl Counter {
    /// Of a register of that width, where one is declared; it is more than zero.
    pub(crate) fn new(width: Option<f64>) -> Self {
        Self { width, ..Self::default() }
    }

    /// What the reading adds to those before; None for NaN and for the first, of which it is not known.
    #[inline]
    pub(crate) fn push(&mut self, value: f64) -> Option<Rise> {
        if value.is_nan() {
            return None;
        }
        let last = self.last.replace(value)?;
        if let Some(before) = self.before_fall {
            if value >= before {
                self.before_fall = None;
                self.glitches += 1;
                return Some(Rise { from: before, to: value });
            }
            if value == last {
                return Some(Rise::NONE);
            }
            self.before_fall = None;
            self.resets += 1;
        }
        if let (Some(before), Some(width)) = (self.before_rollover, self.width) {
            if value >= before {
                self.before_rollover = None;
                self.glitches += 1;
                return Some(Rise { from: last + width, to: value });
            }
            if value == last {
                return Some(Rise::NONE);
            }
            self.before_rollover = None;
        }
        if value >= last {
            return Some(Rise { from: last, to: value });
        }
        if let Some(width) = self.width
            && last - value > width / 2.0
        {
            self.before_rollover = Some(last);
            return Some(Rise { from: last, to: value + width });
        }
        self.before_fall = Some(last);
        Some(Rise::NONE)
    }

    /// The latest reading.
    pub(crate) fn last(&self) -> Option<f64> {
        self.last
    }

    /// Whether it is open what the latest fall was.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.before_fall.is_some() || self.before_rollover.is_some()
    }
}

/// How many readings are looked at together.
const BLOCK: usize = 512;

/// The rise of a register since it was last taken. As long as readings follow each other upwards only the ends are added up.
#[derive(Debug, Default)]
pub(crate) struct Climb {
    counter: Counter,
    sum: ExactSum,
    /// The way up that goes on.
    way: Option<Rise>,
    /// Whether a reading had one before it.
    known: bool,
}

impl Climb {
    pub(crate) fn new(width: Option<f64>) -> Self {
        Self { counter: Counter::new(width), ..Self::default() }
    }

    pub(crate) fn counter(&self) -> &Counter {
        &self.counter
    }

    /// Readings that count nothing, but that later ones rise from.
    pub(crate) fn context(&mut self, readings: &[f64]) {
        readings.iter().for_each(|value| {
            self.counter.push(*value);
        });
    }

    pub(crate) fn push_all(&mut self, readings: &[f64]) {
        for block in readings.chunks(BLOCK) {
            let mut left = block;
            if never_fall(block) {
                // Once it is sure what the latest fall was, the last reading says all that those between do.
                while let Some((first, rest)) = left.split_first() {
                    self.push(*first);
                    left = if self.counter.is_in_doubt() { rest } else { &rest[rest.len().saturating_sub(1)..] };
                }
            }
            left.iter().for_each(|value| self.push(*value));
        }
    }

    fn push(&mut self, value: f64) {
        let Some(rise) = self.counter.push(value) else { return };
        self.known = true;
        match &mut self.way {
            Some(way) if way.to == rise.from => way.to = rise.to,
            _ => {
                self.settle();
                self.way = Some(rise);
            }
        }
    }

    fn settle(&mut self) {
        if let Some(way) = self.way.take() {
            way.add_to(&mut self.sum);
        }
    }

    /// The rise since this was last asked; None where no reading had one before it.
    pub(crate) fn take(&mut self) -> Option<f64> {
        self.settle();
        let sum = std::mem::take(&mut self.sum);
        std::mem::take(&mut self.known).then(|| sum.over(1))
    }
}

/// Whether all are numbers and none lies below the one before.
fn never_fall(readings: &[f64]) -> bool {
    let pairs = readings.iter().zip(readings.get(1..).unwrap_or_default());
    let falls =
        pairs.fold(false, |falls, (before, after)| falls | !matches!(before.partial_cmp(after), Some(Less | Equal)));
    !falls && readings.first().is_none_or(|first| !first.is_nan())
}

pub(super) fn check_width(width: Option<f64>) -> Result<()> {
    match width.filter(|width| !(width.is_finite() && *width > 0.0)) {
        Some(width) => Err(Error::invalid(format!("width of the register is {width}, expected more than zero"))),
        None => Ok(()),
    }
}

/// What [`increase`] found.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Increase {
    /// By how much the register rose; None where there are not two readings.
    pub amount: Option<f64>,
    /// How often it started anew.
    pub resets: u64,
    /// How often it fell and came back: nothing was counted.
    pub glitches: u64,
}

/// By how much a counter rose from its first reading to its last, across resets. NaN is no reading. With a `width` (65,536 of a
/// register of 16 bits, in the unit of the readings) a fall by more than half of it is a rollover.
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid) for a width that is not more than zero.
pub fn increase(readings: &[f64], width: Option<f64>) -> Result<Increase> {
    check_width(width)?;
    let mut climb = Climb::new(width);
    climb.push_all(readings);
    let amount = climb.take();
    let counter = climb.counter;
    let resets = counter.resets + u64::from(counter.before_fall.is_some());
    Ok(Increase { amount, resets, glitches: counter.glitches })
}

/// What became of a register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CounterEventKind {
    /// It started anew: a new segment begins with this reading, which gives nothing.
    Reset,
    /// It fell for a while and came back: these readings are left out.
    Glitch,
    /// It passed its declared width and went on from zero.
    Rollover,
}

impl CounterEventKind {
    /// `reset`, `glitch` or `rollover`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Glitch => "glitch",
            Self::Rollover => "rollover",
        }
    }
}

/// A reading that lies below the one before it, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct CounterEvent {
    /// The place of the reading among all, from 0.
    pub row: usize,
    /// Why it fell.
    pub kind: CounterEventKind,
}

/// What [`increases`] found.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Increases {
    /// What each reading adds to those before it, in the unit of the readings. NaN where that is not known: for the first
    /// reading, and where there is no reading. The first reading after a reset, and those of a glitch, add 0.
    pub amounts: Vec<f64>,
    /// Each fall, in order of rows.
    pub events: Vec<CounterEvent>,
}

/// What each reading of a counter adds, and where the register was reset, had a glitch or rolled over. NaN is no reading. The
/// amounts add up to [`increase`]; `width` is the one of that.
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid) for a width that is not more than zero.
pub fn increases(readings: &[f64], width: Option<f64>) -> Result<Increases> {
    check_width(width)?;
    let mut counter = Counter::new(width);
    let mut found = Increases { amounts: Vec::with_capacity(readings.len()), events: Vec::new() };
    let mut fall = 0;
    for (block, at) in readings.chunks(BLOCK).zip((0..).step_by(BLOCK)) {
        let last = counter.last.filter(|last| !counter.is_in_doubt() && *last <= block[0]);
        if let Some(last) = last.filter(|_| never_fall(block)) {
            put_differences(last, block, &mut found.amounts);
            counter.last = block.last().copied();
            continue;
        }
        for (value, row) in block.iter().zip(at..) {
            let (glitches, resets, doubt) = (counter.glitches, counter.resets, counter.before_fall);
            let rolled = counter.before_rollover;
            let rise = counter.push(*value);
            found.amounts.push(rise.map_or(f64::NAN, Rise::amount));
            if let Some(before) = rolled.filter(|_| counter.glitches > glitches) {
                found.events.retain(|event| event.row != fall);
                found.amounts[fall] = 0.0;
                found.amounts[row] = Rise { from: before, to: *value }.amount();
            }
            if counter.glitches > glitches {
                found.events.push(CounterEvent { row: fall, kind: CounterEventKind::Glitch });
            }
            if counter.resets > resets {
                found.events.push(CounterEvent { row: fall, kind: CounterEventKind::Reset });
            }
            if rise.is_some_and(|rise| rise.to > *value && rise.to > rise.from) {
                found.events.push(CounterEvent { row, kind: CounterEventKind::Rollover });
                fall = row;
            }
            // A fall after a fall is a new one: what the first was is known by then.
            if counter.before_fall.is_some() && (doubt.is_none() || counter.resets > resets) {
                fall = row;
            }
        }
    }
    if counter.before_fall.is_some() {
        found.events.push(CounterEvent { row: fall, kind: CounterEventKind::Reset });
    }
    Ok(found)
}

/// What each of them adds to the one before, the first to `before`. None falls.
fn put_differences(before: f64, values: &[f64], amounts: &mut Vec<f64>) {
    let start = amounts.len();
    amounts.push(Rise { from: before, to: values[0] }.amount());
    let pairs = values.windows(2);
    match exact::kind_of(values) {
        // Numbers that are whole in one scale: their difference is exact, and divided once.
        Kind::Decimals(scale, _) => {
            let whole = |value: f64| exact::scaled(value, scale);
            amounts.extend(pairs.map(|pair| (whole(pair[1]) - whole(pair[0])) / scale));
        }
        // A difference of floats is rounded once anyway.
        Kind::Others => amounts.extend(pairs.map(|pair| pair[1] - pair[0])),
        Kind::Mixed => amounts.extend(pairs.map(|pair| Rise { from: pair[0], to: pair[1] }.amount())),
    }
    debug_assert_eq!(amounts.len() - start, values.len());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(readings: &[f64]) -> (Option<f64>, u64, u64) {
        let found = increase(readings, None).unwrap();
        (found.amount, found.resets, found.glitches)
    }

    #[test]
    fn a_register_that_drops_out_and_comes_back_has_not_counted() {
        // B1: kWh, never 13 MWh.
        assert_eq!(of(&[13423.7, 0.0, 13423.7]), (Some(0.0), 0, 1));
        assert_eq!(of(&[13423.7, 0.0, 0.0, 13423.9]), (Some(0.2), 0, 1));
        assert_eq!(of(&[13423.7, 13423.6, 13423.7, 13423.6, 13423.7]), (Some(0.0), 0, 2));
    }

    #[test]
    fn a_reset_starts_a_new_segment() {
        // B3: never -12 kWh.
        assert_eq!(of(&[12.0, 0.0]), (Some(0.0), 1, 0));
        assert_eq!(of(&[12.0, 0.0, 0.5, 3.0]), (Some(3.0), 1, 0));
        assert_eq!(of(&[12.0, 0.0, 0.0, 5.0, 4.0, 6.0]), (Some(6.0), 1, 1));
        assert_eq!(of(&[12.0, 7.0, 3.0, 4.0]), (Some(1.0), 2, 0));
    }

    #[test]
    fn the_first_reading_gives_nothing() {
        // B4: 0.83 kWh, never 936.
        assert_eq!(of(&[f64::NAN, 935.29, 936.12]), (Some(0.83), 0, 0));
        assert_eq!(of(&[935.29]).0, None);
        assert_eq!(of(&[]).0, None);
    }

    #[test]
    fn a_declared_width_makes_a_fall_a_rollover() {
        let found = increase(&[65_530.0, 4.0, 10.0], Some(65_536.0)).unwrap();
        assert_eq!((found.amount, found.resets), (Some(16.0), 0));
        assert_eq!(increase(&[20_000.0, 0.0], Some(65_536.0)).unwrap().resets, 1);
        // B1 with a width: what comes back at once had a glitch, and never a whole width is counted.
        let back = [40_000.0, 0.0, 0.0, 40_001.0, 40_003.0];
        let found = increase(&back, Some(65_536.0)).unwrap();
        assert_eq!((found.amount, found.resets, found.glitches), (Some(3.0), 0, 1));
        let each = increases(&back, Some(65_536.0)).unwrap();
        assert_eq!(each.amounts[1..], [0.0, 0.0, 1.0, 2.0]);
        assert_eq!(each.events, [CounterEvent { row: 1, kind: CounterEventKind::Glitch }]);
        let stays = increases(&[65_530.0, 4.0, 4.0, 10.0, 20_000.0], Some(65_536.0)).unwrap();
        assert_eq!(stays.amounts[1..], [10.0, 0.0, 6.0, 19_990.0]);
        assert_eq!(stays.events, [CounterEvent { row: 1, kind: CounterEventKind::Rollover }]);
        assert!(increase(&[], Some(0.0)).is_err());
    }

    fn events(readings: &[f64], width: Option<f64>) -> (Vec<f64>, Vec<(usize, &'static str)>) {
        let found = increases(readings, width).unwrap();
        (found.amounts, found.events.iter().map(|event| (event.row, event.kind.name())).collect())
    }

    #[test]
    fn every_fall_is_named_with_its_row() {
        let (amounts, events) = events(&[13423.7, 0.0, 0.0, 13423.9, 20000.0, 1.0, 3.5], None);
        assert!(amounts[0].is_nan());
        assert_eq!(amounts[1..], [0.0, 0.0, 0.2, 6576.1, 0.0, 2.5]);
        assert_eq!(events, [(1, "glitch"), (5, "reset")]);
        assert_eq!(self::events(&[12.0, 7.0, 3.0, 4.0], None).1, [(1, "reset"), (2, "reset")]);
        assert_eq!(self::events(&[12.0, 0.0], None).1, [(1, "reset")]);
        let (amounts, events) = self::events(&[65_530.0, f64::NAN, 4.0, 10.0], Some(65_536.0));
        assert!(amounts[0].is_nan() && amounts[1].is_nan());
        assert_eq!((&amounts[2..], events), (&[10.0, 6.0][..], vec![(2, "rollover")]));
    }

    #[test]
    fn what_each_reading_adds_adds_up_to_the_increase() {
        for (decimals, width) in [(true, None), (false, None), (true, Some(1000.0))] {
            let mut total = 0.0;
            let reading = |i: i32| {
                let fall = if width.is_some() { 1000.0 } else { total };
                total += f64::from(i * 7919 % 31) / if decimals { 10.0 } else { 7.0 };
                total -= if i % 1777 == 1776 || width.is_some_and(|width| total >= width) { fall } else { 0.0 };
                if i % 997 == 996 { f64::NAN } else { total }
            };
            let readings: Vec<f64> = (0..9000).map(reading).collect();
            let (amounts, found) = (increases(&readings, width).unwrap(), increase(&readings, width).unwrap());
            let sum: f64 = amounts.amounts.iter().filter(|amount| !amount.is_nan()).sum();
            assert!((sum - found.amount.unwrap()).abs() < 1e-6 * sum, "{sum} {found:?}");
            let count = |kind| amounts.events.iter().filter(|event| event.kind == kind).count() as u64;
            assert_eq!((count(CounterEventKind::Reset), count(CounterEventKind::Glitch)), (found.resets, found.glitches));
            // One by one, nothing is taken together.
            let mut one_by_one = Counter::new(width);
            let expected = readings.iter().map(|value| one_by_one.push(*value).map_or(f64::NAN, Rise::amount).to_bits());
            assert!(amounts.amounts.iter().map(|amount| amount.to_bits()).eq(expected), "width {width:?}");
        }
    }
}
