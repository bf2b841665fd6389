//! Values over time: how much of what, and for how long. From power to energy, from current to charge, to a fair mean.

use super::exact::{ExactSum, Wholes};
use super::gap::{GapRule, Rule};
use super::instant::{Instant, rising};
use crate::error::{Error, Result};
use crate::model::{Span, Timestamp};

const MICROS_PER_HOUR: u128 = 3_600_000_000;
/// From so many even steps on, values are summed before they are multiplied.
const EVEN: usize = 4;
/// So many steps are looked at together.
const BLOCK: usize = 1024;

/// What one value counts for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Stretch {
    pub(crate) start: i64,
    /// Where it ends; a gap follows where that lies before `next`.
    pub(crate) end: i64,
    /// The next sample, or the end of the range.
    pub(crate) next: i64,
    /// Up to where the value is known to have held: beyond, no later sample says so yet.
    known: i64,
    value: f64,
    /// The value at `next`, where the way there is a straight line.
    line: Option<f64>,
}

impl Stretch {
    /// The value at its start.
    pub(crate) fn value(&self) -> f64 {
        self.value
    }

    /// How much of the part from `from` to `to`, inside the stretch, no later sample confirms.
    pub(crate) fn held(&self, from: i64, to: i64) -> i64 {
        to.saturating_sub(self.known.max(from)).max(0)
    }

    /// The value at an instant within it.
    pub(crate) fn at(&self, time: i64) -> f64 {
        match self.line {
            None => self.value,
            Some(_) if time == self.start => self.value,
            Some(later) if time == self.next => later,
            Some(later) => {
                let share = time.abs_diff(self.start) as f64 / self.next.abs_diff(self.start) as f64;
                self.value + (later - self.value) * share
            }
        }
    }
}

/// Goes from sample to sample of one series and says what each value counts for. A NaN says that nothing is known from then on.
#[derive(Debug, Clone)]
pub(crate) struct Holding {
    rule: Rule,
    gaps: GapRule,
    previous: Option<(i64, f64)>,
}

impl Holding {
    pub(crate) fn new(rule: Rule, gaps: GapRule) -> Self {
        Self { rule, gaps, previous: None }
    }

    /// The sample that waits for the next.
    pub(crate) fn previous(&self) -> Option<(i64, f64)> {
        self.previous
    }

    /// What the sample before counts for, now that the next is known.
    #[inline]
    pub(crate) fn next(&mut self, time: i64, value: f64) -> Option<Stretch> {
        let before = self.previous.take();
        self.previous = (!value.is_nan()).then_some((time, value));
        let (start, held) = before?;
        let end = self.gaps.end(start, time);
        let straight = self.rule == Rule::Trapezoid && end == time && !value.is_nan();
        Some(Stretch { start, end, next: time, known: end, value: held, line: straight.then_some(value) })
    }

    /// What the last sample counts for when the range ends at `end`, and no later sample is known.
    pub(crate) fn finish(&mut self, end: i64) -> Option<Stretch> {
        let (start, value) = self.previous.take()?;
        let until = self.gaps.end(start, end);
        let known = self.gaps.cadence_end(start).min(until);
        Some(Stretch { start, end: until, next: end, known, value, line: None })
    }

    /// Takes in samples of which all that they count for goes to `area`, but that of the last, which waits. The first was given
    /// to [`next`](Self::next) before. `wholes` are the values, where they are known as whole numbers; `told` hears of
    /// stretches that a gap may follow.
    pub(crate) fn through(
        &mut self,
        times: &[i64],
        values: &[f64],
        wholes: Option<Wholes<'_>>,
        area: &mut Area,
        mut told: impl FnMut(&Stretch),
    ) {
        let mut room = Vec::new();
        let mut at = 0;
        while at + 1 < times.len() {
            let end = (at + BLOCK).min(times.len() - 1);
            let (block, numbers) = (&times[at..=end], &values[at..=end]);
            let wholes = wholes.map(|wholes| wholes.slice(at..end + 1));
            let taken = self.take_even(block, numbers, wholes, area)
                || wholes
                    .or_else(|| Wholes::of(numbers, &mut room))
                    .is_some_and(|wholes| self.take_weighted(block, numbers, wholes, area));
            if !taken {
                self.take_each(block, numbers, area, &mut told);
            }
            at = end;
        }
    }

    /// Evenly spaced numbers are known by their sum.
    fn take_even(&mut self, times: &[i64], values: &[f64], wholes: Option<Wholes<'_>>, area: &mut Area) -> bool {
        // Below zero where it is longer than there are numbers for.
        let step = times[1].wrapping_sub(times[0]);
        let last = times.len() - 1;
        let uneven = times.iter().zip(&times[1..]).fold(0, |uneven, (a, b)| uneven | (b.wrapping_sub(*a) ^ step));
        if last < EVEN || uneven != 0 || step < 0 || !self.bridges(step) || (wholes.is_none() && has_nan(values)) {
            return false;
        }
        let sum = wholes.map_or_else(|| ExactSum::of(values), Wholes::sum);
        self.run(&sum, step, ((times[0], values[0]), (times[last], values[last])), area);
        true
    }

    /// Decimals without a gap between them: each whole number times the length of its step.
    fn take_weighted(&mut self, times: &[i64], values: &[f64], wholes: Wholes<'_>, area: &mut Area) -> bool {
        let (longest, last) = (self.gaps.longest().as_micros(), times.len() - 1);
        let steps = || times.iter().zip(&times[1..]).map(|(a, b)| b.wrapping_sub(*a));
        // The sign bit says that a step is longer, or longer than there are numbers for.
        if last < EVEN || steps().fold(0, |beyond, step| beyond | step | longest.wrapping_sub(step)) < 0 {
            return false;
        }
        let pairs = wholes.numbers.iter().zip(&wholes.numbers[1..]).zip(steps());
        // Both factors are below 2^64, and a block of their products is far from 2^127.
        let twice: i128 = match self.rule {
            Rule::Step => pairs.map(|((whole, _), step)| i128::from(2 * whole) * i128::from(step)).sum(),
            Rule::Trapezoid => pairs.map(|((a, b), step)| i128::from(a + b) * i128::from(step)).sum(),
        };
        let fits = area.twice.add_units(twice, wholes.units);
        if fits {
            area.covered = area.covered.saturating_add(times[last].saturating_sub(times[0]));
            self.previous = Some((times[last], values[last]));
        }
        fits
    }

    /// What is left: one by one, but for evenly spaced numbers among them.
    fn take_each(&mut self, times: &[i64], values: &[f64], area: &mut Area, told: &mut impl FnMut(&Stretch)) {
        let mut at = 0;
        while at + 1 < times.len() {
            let step = times[at + 1].wrapping_sub(times[at]);
            let even = at + even_numbers(&times[at..], &values[at..], step);
            if even - at >= EVEN && self.take_even(&times[at..=even], &values[at..=even], None, area) {
                at = even;
                continue;
            }
            at += 1;
            if let Some(stretch) = self.next(times[at], values[at]) {
                area.add(&stretch, stretch.start, stretch.end);
                told(&stretch);
            }
        }
    }

    /// Whether samples so far apart are known by the sum of their values.
    pub(crate) fn bridges(&self, step: i64) -> bool {
        self.gaps.bridges(step)
    }

    /// Takes in evenly spaced numbers by their sum; `first` was given to [`next`](Self::next) before.
    pub(crate) fn run(&mut self, sum: &ExactSum, step: i64, (first, last): ((i64, f64), (i64, f64)), area: &mut Area) {
        area.covered = area.covered.saturating_add(last.0.saturating_sub(first.0));
        area.twice.merge(&sum.times(step.saturating_mul(2)));
        match self.rule {
            Rule::Step => area.twice.add_times(last.1, step.saturating_mul(-2)),
            Rule::Trapezoid => {
                area.twice.add_times(first.1, -step);
                area.twice.add_times(last.1, -step);
            }
        }
        self.previous = Some(last);
    }
}

fn has_nan(values: &[f64]) -> bool {
    values.iter().fold(false, |nan, value| nan | value.is_nan())
}

/// How many steps follow the first sample before an uneven one or a value that is NaN; none where the first is NaN.
fn even_numbers(times: &[i64], values: &[f64], step: i64) -> usize {
    if values[0].is_nan() {
        return 0;
    }
    let steps = times.windows(2).zip(&values[1..]);
    steps.take_while(|(pair, value)| pair[1].wrapping_sub(pair[0]) == step && !value.is_nan()).count()
}

/// Value times time, and the time that was measured.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Area {
    /// Twice the sum of values times microseconds: the trapezoid rule's halves stay whole.
    twice: ExactSum,
    covered: i64,
    held: i64,
}

impl Area {
    /// Adds the part of a stretch that lies from `from` to `to`.
    #[inline]
    pub(crate) fn add(&mut self, stretch: &Stretch, from: i64, to: i64) {
        let (from, to) = (from.max(stretch.start), to.min(stretch.end));
        if from >= to {
            return;
        }
        let length = to.saturating_sub(from);
        self.covered = self.covered.saturating_add(length);
        self.held = self.held.saturating_add(stretch.held(from, to));
        if stretch.line.is_none() {
            self.twice.add_times(stretch.value, length.saturating_mul(2));
            return;
        }
        self.twice.add_times(stretch.at(from), length);
        self.twice.add_times(stretch.at(to), length);
    }

    /// Microseconds that were measured.
    pub(crate) fn covered(&self) -> i64 {
        self.covered
    }

    /// Microseconds of those over which no later sample says yet that the value held.
    pub(crate) fn held(&self) -> i64 {
        self.held
    }

    /// In the unit of the values times hours.
    pub(crate) fn amount(&self) -> f64 {
        self.twice.over(2 * MICROS_PER_HOUR)
    }

    /// Over the measured time, where there is any.
    pub(crate) fn mean(&self) -> Option<f64> {
        let covered = u128::try_from(self.covered).ok().filter(|covered| *covered > 0)?;
        Some(self.twice.over(2 * covered))
    }
}

/// A silence that was too long to be bridged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// From where nothing is known.
    pub from: Timestamp,
    /// Until the next sample, or the end of the range.
    pub to: Timestamp,
}

/// What [`integrate`] found.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Integrated {
    /// Values times hours: Wh of W, Ah of A.
    pub amount: f64,
    /// The mean over the time that was measured; None where none was.
    pub mean: Option<f64>,
    /// How much time was measured.
    pub covered: Span,
    /// How much of it lies after the last sample by more than a cadence: the value was taken to hold, and no later one says so.
    pub held: Span,
    /// What was not measured between the first sample and the end.
    pub gaps: Vec<Gap>,
}

/// Integrates samples, in order of time, from `from` until before `to`. Samples outside the range give context: a value from
/// before may hold into it, and one from behind it says how long the last one held. A NaN says that nothing is known from
/// then on.
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid) where times do not rise, their number is not that of the values, or the range is
/// reversed.
pub fn integrate<T: Instant>(
    times: &[T],
    values: &[f64],
    (from, to): (Timestamp, Timestamp),
    rule: Rule,
    gaps: GapRule,
) -> Result<Integrated> {
    let times = rising(times, values.len())?;
    if from > to {
        return Err(Error::invalid(format!("range is from {from} to {to}, expected the earlier instant first")));
    }
    let (from, to) = (from.as_micros(), to.as_micros());
    let mut holding = Holding::new(rule, gaps);
    let mut area = Area::default();
    let mut found = Vec::new();
    let mut note_gap = |stretch: &Stretch| {
        let (start, end) = (stretch.end.max(from), stretch.next.min(to));
        if start < end {
            found.push(Gap { from: Timestamp::from_micros(start), to: Timestamp::from_micros(end) });
        }
    };
    let (first, end) = (times.partition_point(|time| *time < from), times.partition_point(|time| *time < to));
    // Of what lies before the range only the last sample may hold into it.
    first.checked_sub(1).map(|before| holding.next(times[before], values[before]));
    let at_border = |stretch: Option<Stretch>, area: &mut Area, note_gap: &mut dyn FnMut(&Stretch)| {
        if let Some(stretch) = stretch {
            area.add(&stretch, from, to);
            note_gap(&stretch);
        }
    };
    if first < end {
        let stretch = holding.next(times[first], values[first]);
        at_border(stretch, &mut area, &mut note_gap);
        holding.through(&times[first..end], &values[first..end], None, &mut area, &mut note_gap);
    }
    let stretch = match times.get(end) {
        Some(time) => holding.next(*time, values[end]),
        None => holding.finish(to),
    };
    at_border(stretch, &mut area, &mut note_gap);
    let (covered, held) = (Span::from_micros(area.covered), Span::from_micros(area.held));
    Ok(Integrated { amount: area.amount(), mean: area.mean(), covered, held, gaps: found })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3600;

    fn seconds(span: i64) -> Span {
        Span::from_seconds(span)
    }

    fn energy(samples: &[(i64, f64)], to: i64, rule: Rule, gaps: GapRule) -> Integrated {
        let times: Vec<Timestamp> = samples.iter().map(|(time, _)| Timestamp::from_seconds(*time)).collect();
        let values: Vec<f64> = samples.iter().map(|(_, value)| *value).collect();
        let range = (Timestamp::from_seconds(0), Timestamp::from_seconds(to));
        integrate(&times, &values, range, rule, gaps).unwrap()
    }

    fn bridging(longest: i64) -> GapRule {
        GapRule::new(seconds(longest), None).unwrap()
    }

    #[test]
    fn what_is_reported_on_change_holds_until_the_next_report() {
        // B6: 0 W at midnight, 8 kW from noon until one.
        let samples = [(0, 0.0), (12 * HOUR, 8000.0), (13 * HOUR, 8000.0)];
        assert_eq!(energy(&samples, 13 * HOUR, Rule::Step, bridging(24 * HOUR)).amount, 8000.0);
        assert_eq!(energy(&samples, 13 * HOUR, Rule::Trapezoid, bridging(24 * HOUR)).amount, 56_000.0);
    }

    #[test]
    fn a_value_that_was_reported_once_holds_as_long_as_it_may_and_is_marked_as_held() {
        // B7: 33.5 W, reported once, over a day.
        let day = energy(&[(0, 33.5)], 24 * HOUR, Rule::Step, bridging(24 * HOUR));
        assert_eq!((day.amount, day.covered, day.held), (804.0, seconds(24 * HOUR), seconds(24 * HOUR)));
        let stale = energy(&[(0, 33.5)], 24 * HOUR, Rule::Step, bridging(HOUR));
        assert_eq!((stale.amount, stale.mean, stale.gaps.len()), (0.0, None, 1));
        // A later sample confirms what was held.
        let confirmed = energy(&[(0, 33.5), (24 * HOUR, 33.5)], 24 * HOUR, Rule::Step, bridging(24 * HOUR));
        assert_eq!((confirmed.amount, confirmed.held), (804.0, seconds(0)));
    }

    #[test]
    fn a_gap_counts_nothing_and_is_named_with_its_length() {
        // B9: 80 W, 50 minutes of silence, 2400 W.
        let over = energy(&[(0, 80.0), (3000, 2400.0)], 3000, Rule::Step, bridging(600));
        let gap = Gap { from: Timestamp::from_seconds(0), to: Timestamp::from_seconds(3000) };
        assert_eq!((over.amount, over.covered, over.gaps), (0.0, seconds(0), vec![gap]));
        // Bridging it is the explicit choice of whoever asks.
        assert_eq!(energy(&[(0, 80.0), (3000, 2400.0)], 3000, Rule::Step, bridging(3000)).amount, 80.0 * 3000.0 / 3600.0);
    }

    #[test]
    fn two_blocks_with_a_gap_between_are_what_was_measured() {
        // B10: 1 kW, every quarter of an hour, for four hours and for five, with 79 hours without data between.
        let first = (0..16).map(|i| (i * 900, 1000.0));
        let second = (0..20).map(|i| (83 * HOUR + i * 900, 1000.0));
        let samples: Vec<(i64, f64)> = first.chain(second).collect();
        let quarter = Some(seconds(900));
        for (rule, longest) in [(Rule::Step, 2700), (Rule::Trapezoid, 900)] {
            let gaps = GapRule::new(seconds(longest), quarter).unwrap();
            let both = energy(&samples, 200 * HOUR, rule, gaps);
            assert_eq!((both.amount, both.covered, both.mean), (9000.0, seconds(9 * HOUR), Some(1000.0)));
            assert_eq!(both.gaps[0].to.since(both.gaps[0].from), seconds(79 * HOUR));
        }
    }

    #[test]
    fn a_value_from_before_holds_into_the_range_and_lines_are_cut_at_its_borders() {
        let samples = [(-1800, 100.0), (1800, 300.0)];
        assert_eq!(energy(&samples, 1800, Rule::Step, bridging(HOUR)).amount, 50.0);
        // From 200 W at the start to 300 W at the half hour.
        assert_eq!(energy(&samples, 1800, Rule::Trapezoid, bridging(HOUR)).amount, 125.0);
        assert_eq!(energy(&samples, 1800, Rule::Trapezoid, bridging(HOUR)).mean, Some(250.0));
        assert_eq!(energy(&samples, 1800, Rule::Step, bridging(HOUR - 1)).amount, 0.0);
    }

    #[test]
    fn a_nan_ends_what_holds() {
        let samples = [(0, 100.0), (1800, f64::NAN), (5400, 100.0)];
        for rule in [Rule::Step, Rule::Trapezoid] {
            let found = energy(&samples, 7200, rule, bridging(24 * HOUR));
            assert_eq!((found.amount, found.covered), (100.0, seconds(HOUR)));
        }
    }

    #[test]
    fn evenly_spaced_samples_are_known_by_their_sum() {
        let values: Vec<f64> = (0..512).map(|i| f64::from(i * 37 % 251 - 37) / 10.0).collect();
        let times: Vec<i64> = (0..512).map(|i| i * 60_000_000).collect();
        let mut sum = ExactSum::default();
        values.iter().for_each(|value| sum.add(*value));
        for rule in [Rule::Step, Rule::Trapezoid] {
            let (mut one_by_one, mut at_once) = (Area::default(), Area::default());
            let mut holding = Holding::new(rule, bridging(60));
            for (time, value) in times.iter().zip(&values) {
                let stretch = holding.next(*time, *value);
                stretch.into_iter().for_each(|stretch| one_by_one.add(&stretch, stretch.start, stretch.end));
            }
            let mut through = Area::default();
            holding.previous = Some((times[0], values[0]));
            holding.through(&times, &values, None, &mut through, |_| {});
            assert_eq!((through, holding.previous), (one_by_one, Some((times[511], values[511]))));
            let ends = ((times[0], values[0]), (times[511], values[511]));
            holding.run(&sum, 60_000_000, ends, &mut at_once);
            assert_eq!(one_by_one, at_once);
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let at = Timestamp::from_seconds;
        let refused = |times: &[Timestamp], values: &[f64], range| {
            integrate(times, values, range, Rule::Step, bridging(60)).unwrap_err().to_string()
        };
        assert_eq!(refused(&[at(0)], &[], (at(0), at(1))), "1 times for 0 values, expected as many");
        assert!(refused(&[at(1), at(1)], &[0.0; 2], (at(0), at(1))).contains("expected rising times"));
        assert!(refused(&[], &[], (at(1), at(0))).contains("expected the earlier instant first"));
        assert!(GapRule::new(seconds(0), None).is_err() && GapRule::new(seconds(1), Some(seconds(-1))).is_err());
    }
}
