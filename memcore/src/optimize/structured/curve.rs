//! Convex piecewise-linear functions as their slopes: what a store's energy is worth, step by step.
//!
//! A function is where its domain begins and a list of segments, each a slope and the length over which it holds, ascending by slope.
//! Its height is kept nowhere: engines read costs from the schedule that they find, so that no rounding adds up over a year.
//!
//! In this form the operations of a dynamic program are short. The least of `g(d) + f(x + d)` over `d` (an infimal convolution) has
//! the segments of both, merged in order of slope; a bound trims either end; a convex kinked term splits one segment and shifts
//! slopes; a loss of energy between steps scales slopes and lengths.

/// Lengths below this (kWh: a millionth of a mWh) are rounding.
pub(super) const SAME_LENGTH: f64 = 1e-12;
/// Domains may miss each other by this much (kWh: a tenth of a mWh) and still touch.
pub(super) const TOUCHING: f64 = 1e-10;

/// A slope and the length over which it holds.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Segment {
    pub(super) slope: f64,
    pub(super) length: f64,
}

/// A convex function on `[lowest, highest]`, over which its segments reach, but for rounding.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Curve<'a> {
    pub(super) lowest: f64,
    pub(super) highest: f64,
    pub(super) segments: &'a [Segment],
}

impl<'a> Curve<'a> {
    /// A reader at `x`, or at the end of the domain that is nearest to it.
    pub(super) fn reader(&self, x: f64) -> Reader<'a> {
        let mut reader = Reader { segments: self.segments, at: 0, inside: 0.0 };
        reader.move_right(x - self.lowest);
        reader
    }
}

/// A place on a curve, from which to look and to move either way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    segments: &'a [Segment],
    /// The segment to the right of the place; past the last one at the end of the domain.
    at: usize,
    /// How far inside that segment the place is.
    inside: f64,
}

impl Reader<'_> {
    /// The slope to the right and how far it holds; None at the end of the domain.
    #[inline]
    pub(super) fn right(&self) -> Option<Segment> {
        let segment = self.segments.get(self.at)?;
        Some(Segment { slope: segment.slope, length: segment.length - self.inside })
    }

    /// The slope to the left and how far it holds; None at the beginning of the domain.
    #[inline]
    pub(super) fn left(&self) -> Option<Segment> {
        if self.inside > 0.0 {
            return Some(Segment { slope: self.segments[self.at].slope, length: self.inside });
        }
        self.at.checked_sub(1).map(|before| self.segments[before])
    }

    /// Moves right, at most to the end of the domain.
    #[inline]
    pub(super) fn move_right(&mut self, by: f64) {
        self.inside += by.max(0.0);
        while let Some(segment) = self.segments.get(self.at) {
            if self.inside < segment.length - SAME_LENGTH {
                break;
            }
            self.inside = (self.inside - segment.length).max(0.0);
            self.at += 1;
        }
        if self.at == self.segments.len() || self.inside < SAME_LENGTH {
            self.inside = 0.0;
        }
    }

    /// Moves left by no more than [`left`](Self::left) says.
    #[inline]
    pub(super) fn move_left(&mut self, by: f64) {
        if self.inside == 0.0 && self.at > 0 {
            self.at -= 1;
            self.inside = self.segments[self.at].length;
        }
        self.inside -= by;
        if self.inside < SAME_LENGTH {
            self.inside = 0.0;
        }
    }

    /// The subgradients here: from the slope to the left to the slope to the right, without end where the domain ends.
    #[inline]
    pub(super) fn subgradients(&self) -> (f64, f64) {
        let left = self.left().map_or(f64::NEG_INFINITY, |segment| segment.slope);
        (left, self.right().map_or(f64::INFINITY, |segment| segment.slope))
    }
}

/// A stack of curves in one piece of memory, which is used again and again.
#[derive(Debug, Default)]
pub(super) struct Curves {
    segments: Vec<Segment>,
    /// Where each curve's segments begin and end, and its domain begins and ends.
    curves: Vec<Place>,
    /// Where a curve is made before it is pushed, so that no memory is touched that no curve needs.
    made: Vec<Segment>,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    first: usize,
    past: usize,
    lowest: f64,
    highest: f64,
}

impl Curves {
    pub(super) fn clear(&mut self) {
        self.curves.clear();
        self.segments.clear();
    }

    /// How many segments all curves have.
    pub(super) fn segments(&self) -> usize {
        self.segments.len()
    }

    /// The curve pushed as number `at`, from 0 on.
    pub(super) fn get(&self, at: usize) -> Curve<'_> {
        let place = self.curves[at];
        Curve { lowest: place.lowest, highest: place.highest, segments: &self.segments[place.first..place.past] }
    }

    /// Pushes a curve of slope zero.
    pub(super) fn push_flat(&mut self, lowest: f64, highest: f64) {
        let first = self.segments.len();
        let length = highest - lowest;
        if length > 0.0 {
            self.segments.push(Segment { slope: 0.0, length });
        }
        self.curves.push(Place { first, past: self.segments.len(), lowest, highest });
    }

    /// Pushes the curve of the step before: at `x` within `within`, the least of `stage(d) + top(kept * x + d)` over `d`. False, and
    /// nothing is pushed, where no `x` has one.
    pub(super) fn push_before(&mut self, stage: Curve<'_>, kept: f64, within: (f64, f64)) -> bool {
        let top = *self.curves.last().expect("a curve to start from");
        let reach = (top.lowest - stage.highest, top.highest - stage.lowest);
        let (lowest, highest) = (reach.0.max(within.0 * kept), reach.1.min(within.1 * kept));
        if lowest > highest + TOUCHING {
            return false;
        }
        if kept == 0.0 {
            self.push_flat(within.0, within.1);
            return true;
        }
        let highest = highest.max(lowest);
        let later = &self.segments[top.first..top.past];
        self.made.resize(self.made.len().max(later.len() + stage.segments.len()), Segment::default());
        let mut trimmed = Trimmed { into: &mut self.made, count: 0, skip: lowest - reach.0, room: highest - lowest };
        merge(later, stage.segments, &mut trimmed);
        let made = trimmed.count;
        if kept != 1.0 {
            for segment in &mut self.made[..made] {
                *segment = Segment { slope: segment.slope * kept, length: segment.length / kept };
            }
        }
        let first = self.segments.len();
        self.segments.extend_from_slice(&self.made[..made]);
        let scaled = |y: f64, bound: f64| if y == bound * kept { bound } else { y / kept };
        let (lowest, highest) = (scaled(lowest, within.0), scaled(highest, within.1));
        self.curves.push(Place { first, past: self.segments.len(), lowest, highest });
        true
    }

    /// Adds to the curve on top what costs `below` per unit below `at` and `above` per unit above it; both zero or above.
    pub(super) fn add_kink(&mut self, at: f64, below: f64, above: f64) {
        let Some(top) = self.curves.last_mut() else { return };
        let mut left = at - top.lowest;
        let mut index = top.first;
        while index < top.past && left > SAME_LENGTH {
            let length = self.segments[index].length;
            if left < length - SAME_LENGTH {
                let slope = self.segments[index].slope;
                self.segments[index].length = left;
                self.segments.insert(index + 1, Segment { slope, length: length - left });
                top.past += 1;
            }
            left -= length;
            self.segments[index].slope -= below;
            index += 1;
        }
        for segment in &mut self.segments[index..top.past] {
            segment.slope += above;
        }
    }

    /// Adds `slope` times the argument to the curve on top.
    pub(super) fn add_slope(&mut self, slope: f64) {
        if let Some(top) = self.curves.last() {
            self.segments[top.first..top.past].iter_mut().for_each(|segment| segment.slope += slope);
        }
    }
}

/// Where merged segments go: without the first `skip`, no longer than `room`.
struct Trimmed<'a> {
    into: &'a mut [Segment],
    count: usize,
    skip: f64,
    room: f64,
}

impl Trimmed<'_> {
    /// Takes a segment; false when there is no room for another.
    #[inline]
    fn push(&mut self, slope: f64, mut length: f64) -> bool {
        if self.skip >= length {
            self.skip -= length;
            return true;
        }
        length -= self.skip;
        self.skip = 0.0;
        if length > self.room {
            length = self.room;
        }
        if length > SAME_LENGTH {
            self.room -= length;
            match self.count.checked_sub(1).map(|last| &mut self.into[last]) {
                Some(last) if last.slope == slope => last.length += length,
                _ => {
                    self.into[self.count] = Segment { slope, length };
                    self.count += 1;
                }
            }
        }
        self.room > SAME_LENGTH
    }
}

/// The segments of `later(y + d)` and of the mirrored `stage(d)`, ascending by slope.
#[inline]
fn merge(later: &[Segment], stage: &[Segment], trimmed: &mut Trimmed<'_>) {
    let (mut from_later, mut from_stage) = (later.iter(), stage.iter().rev());
    let (mut next_later, mut next_stage) = (from_later.next(), from_stage.next());
    loop {
        let more = match (next_later, next_stage) {
            (Some(a), b) if b.is_none_or(|b| a.slope <= -b.slope) => {
                next_later = from_later.next();
                trimmed.push(a.slope, a.length)
            }
            (_, Some(b)) => {
                next_stage = from_stage.next();
                trimmed.push(-b.slope, b.length)
            }
            _ => false,
        };
        if !more {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(slope: f64, length: f64) -> Segment {
        Segment { slope, length }
    }

    /// The height of a curve above its lowest place.
    fn height(curve: Curve<'_>, x: f64) -> f64 {
        let mut left = x - curve.lowest;
        let take = |segment: &Segment| {
            let length = segment.length.min(left);
            left -= length;
            length * segment.slope
        };
        curve.segments.iter().map(take).sum()
    }

    #[test]
    fn a_step_before_is_the_least_of_stage_and_what_follows() {
        let stage = Curve { lowest: -2.0, highest: 1.5, segments: &[segment(0.1, 2.0), segment(0.4, 1.5)] };
        for kept in [1.0, 0.9] {
            let mut curves = Curves::default();
            curves.push_flat(0.0, 10.0);
            curves.add_kink(4.0, 3.0, 0.0);
            curves.add_slope(-0.2);
            assert!(curves.push_before(stage, kept, (1.0, 9.0)));
            let (later, before) = (curves.get(0), curves.get(1));
            assert_eq!((before.lowest, before.highest), (1.0, 9.0));
            let least = |x: f64| {
                let reached = |d: f64| height(stage, d) + height(later, kept * x + d);
                let places = (-2000..=1500).map(|mille| f64::from(mille) / 1000.0);
                places.filter(|d| (0.0..=10.0).contains(&(kept * x + d))).map(reached).fold(f64::INFINITY, f64::min)
            };
            for x in [1.0, 2.0, 3.0, 5.5, 7.0, 9.0] {
                let (expected, found) = (least(x) - least(1.0), height(before, x));
                assert!((expected - found).abs() < 4e-3, "kept {kept}, at {x}: {expected} or {found}");
            }
        }
    }

    #[test]
    fn where_nothing_can_be_reached_there_is_no_curve() {
        let mut curves = Curves::default();
        curves.push_flat(5.0, 6.0);
        let stage = Curve { lowest: -1.0, highest: 1.0, segments: &[segment(0.1, 2.0)] };
        assert!(!curves.push_before(stage, 1.0, (0.0, 3.9)));
        assert!(curves.push_before(stage, 1.0, (0.0, 4.0)));
        assert_eq!(curves.get(1), Curve { lowest: 4.0, highest: 4.0, segments: &[] });
    }

    #[test]
    fn a_kink_splits_the_segment_that_it_is_in() {
        let mut curves = Curves::default();
        curves.push_flat(0.0, 10.0);
        curves.add_kink(5.0, 1.0, 2.0);
        curves.add_kink(5.0, 0.5, 0.0);
        curves.add_kink(12.0, 0.25, 0.0);
        curves.add_kink(-1.0, 0.0, 0.125);
        assert_eq!(curves.get(0).segments, [segment(-1.625, 5.0), segment(1.875, 5.0)]);
    }

    #[test]
    fn a_reader_moves_both_ways_and_knows_the_ends() {
        let curve = Curve { lowest: 1.0, highest: 4.0, segments: &[segment(-1.0, 2.0), segment(3.0, 1.0)] };
        let mut reader = curve.reader(3.0);
        assert_eq!(reader.subgradients(), (-1.0, 3.0));
        reader.move_left(0.5);
        assert_eq!((reader.left(), reader.right()), (Some(segment(-1.0, 1.5)), Some(segment(-1.0, 0.5))));
        reader.move_right(9.0);
        assert_eq!(reader.subgradients(), (3.0, f64::INFINITY));
        assert_eq!(curve.reader(0.0).subgradients(), (f64::NEG_INFINITY, -1.0));
    }
}
