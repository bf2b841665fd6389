//! Functions of the energy in a store that need not be convex: the least of several convex pieces, each piecewise linear.
//!
//! Energy is in kWh, values are money. A piece is where it begins, its value there, and its segments by ascending slope. All pieces
//! of a function lie in two flat lists, so that a step of the engine allocates next to nothing.
//!
//! Tolerances: positions are sums of up to thousands of lengths, so two of them within [`SAME_ENERGY`] (a millionth of a Wh) are
//! one; lengths below it would only breed slivers, and are added to the segment before.

use super::super::curve::{Segment, TOUCHING};

/// Energies this close are the same, in kWh: far above the rounding of sums of lengths, far below what a meter tells.
pub(super) const SAME_ENERGY: f64 = 1e-9;
/// Slopes this close are the same, in money per kWh: one product of price and efficiency, rounded in different orders.
const SAME_SLOPE: f64 = 1e-12;

/// A convex function: where it begins, its value there, its segments by ascending slope.
#[derive(Debug, Clone, Copy)]
pub(super) struct Convex<'a> {
    pub(super) from: f64,
    pub(super) value: f64,
    pub(super) segments: &'a [Segment],
}

impl Convex<'_> {
    /// Where it ends.
    pub(super) fn to(self) -> f64 {
        self.segments.iter().fold(self.from, |to, segment| to + segment.length)
    }
}

/// How a piece came about: the decisions that it stands for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Origin {
    /// Where its decisions are recorded.
    pub(super) trail: u32,
    /// How many starts they hold, to prefer the calmer of two that cost the same.
    pub(super) starts: u32,
    /// The mode of the step that it begins with.
    pub(super) mode: u32,
}

#[derive(Debug, Clone, Copy)]
struct Head {
    from: f64,
    value: f64,
    first: usize,
    past: usize,
    origin: Origin,
}

/// A cost that bends at one place: slope `left` below `place`, `right` above, nothing at it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Hinge {
    pub(super) place: f64,
    pub(super) left: f64,
    pub(super) right: f64,
}

impl Hinge {
    /// Each kWh below costs so much.
    pub(super) fn at_least(place: f64, price: f64) -> Self {
        Self { place, left: -price, right: 0.0 }
    }

    /// Each kWh above costs so much.
    pub(super) fn at_most(place: f64, price: f64) -> Self {
        Self { place, left: 0.0, right: price }
    }

    pub(super) fn at(self, place: f64) -> f64 {
        let slope = if place < self.place { self.left } else { self.right };
        slope * (place - self.place)
    }

    /// Its slopes to the left and right of a place.
    pub(super) fn slopes(self, place: f64) -> (f64, f64) {
        let left = if place > self.place + SAME_ENERGY { self.right } else { self.left };
        let right = if place < self.place - SAME_ENERGY { self.left } else { self.right };
        (left, right)
    }
}

/// A function as the least of convex pieces.
#[derive(Debug, Clone, Default)]
pub(super) struct Pieces {
    heads: Vec<Head>,
    segments: Vec<Segment>,
}

impl Pieces {
    pub(super) fn len(&self) -> usize {
        self.heads.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.heads.clear();
        self.segments.clear();
    }

    pub(super) fn get(&self, piece: usize) -> Convex<'_> {
        let head = &self.heads[piece];
        Convex { from: head.from, value: head.value, segments: &self.segments[head.first..head.past] }
    }

    pub(super) fn origin(&self, piece: usize) -> Origin {
        self.heads[piece].origin
    }

    pub(super) fn origin_mut(&mut self, piece: usize) -> &mut Origin {
        &mut self.heads[piece].origin
    }

    /// Adds the same to all values.
    pub(super) fn raise(&mut self, cost: f64) {
        for head in &mut self.heads {
            head.value += cost;
        }
    }

    /// The lowest value at the beginning of a piece.
    pub(super) fn lowest_beginning(&self) -> f64 {
        self.heads.iter().fold(f64::INFINITY, |lowest, head| lowest.min(head.value))
    }

    /// Adds a constant over a range.
    pub(super) fn push_flat(&mut self, (from, to): (f64, f64), value: f64, origin: Origin) {
        let mut pen = self.pen(from, value, (from, to), origin);
        pen.draw(Segment { slope: 0.0, length: to - from });
        pen.lift();
    }

    /// Adds what a convex function is within a range.
    pub(super) fn push_cropped(&mut self, of: Convex<'_>, within: (f64, f64), origin: Origin) {
        let mut pen = self.pen(of.from, of.value, within, origin);
        for segment in of.segments {
            if !pen.draw(*segment) {
                break;
            }
        }
        pen.lift();
    }

    /// Adds the inf-convolution `x -> min over y of f(y) + g(x - y)` within a range: the segments of both, by ascending slope.
    /// Nothing where its domain lies outside the range.
    pub(super) fn push_convolved(&mut self, f: Convex<'_>, g: Convex<'_>, within: (f64, f64), origin: Origin) {
        let from = f.from + g.from;
        if from > within.1 + TOUCHING || f.to() + g.to() < within.0 - TOUCHING {
            return;
        }
        let mut pen = self.pen(from, f.value + g.value, within, origin);
        let (mut ours, mut theirs) = (f.segments, g.segments);
        loop {
            let next = match (ours.split_first(), theirs.split_first()) {
                (Some((one, rest)), Some((other, _))) if one.slope <= other.slope => {
                    ours = rest;
                    one
                }
                (_, Some((other, rest))) => {
                    theirs = rest;
                    other
                }
                (Some((one, rest)), None) => {
                    ours = rest;
                    one
                }
                (None, None) => break,
            };
            if !pen.draw(*next) {
                break;
            }
        }
        pen.lift();
    }

    /// Adds all pieces of another function, raised by a cost and with more starts.
    pub(super) fn append_raised(&mut self, other: &Self, cost: f64, starts: u32) {
        let shift = self.segments.len();
        self.segments.extend_from_slice(&other.segments);
        self.heads.extend(other.heads.iter().map(|head| Head {
            value: head.value + cost,
            first: head.first + shift,
            past: head.past + shift,
            origin: Origin { starts: head.origin.starts + starts, ..head.origin },
            ..*head
        }));
    }

    /// Every point piece (the energy is one number) as a constant over a range: what comes later does not depend on the energy here.
    pub(super) fn spread(&mut self, range: (f64, f64)) {
        let old = std::mem::take(self);
        for piece in 0..old.len() {
            self.push_flat(range, old.get(piece).value, old.origin(piece));
        }
    }

    /// Adds a hinge to every piece.
    pub(super) fn bend(&mut self, hinge: Hinge) {
        let old = std::mem::take(self);
        for piece in 0..old.len() {
            let of = old.get(piece);
            let mut pen = self.pen(of.from, of.value + hinge.at(of.from), (of.from, of.to()), old.origin(piece));
            let mut begin = of.from;
            for Segment { slope, length } in of.segments {
                let below = (hinge.place - begin).clamp(0.0, *length);
                pen.draw(Segment { slope: slope + hinge.left, length: below });
                pen.draw(Segment { slope: slope + hinge.right, length: length - below });
                begin += length;
            }
            pen.lift();
        }
    }

    /// From `x -> f(x)` to `x -> f(kept * x)` over a range.
    pub(super) fn stretch(&mut self, kept: f64, range: (f64, f64)) {
        if kept == 1.0 {
            return;
        }
        if kept == 0.0 {
            return self.spread(range);
        }
        for head in &mut self.heads {
            head.from /= kept;
        }
        for segment in &mut self.segments {
            segment.slope *= kept;
            segment.length /= kept;
        }
    }

    /// A pen that draws a piece from `from` on, of which only what lies within a range is kept.
    fn pen(&mut self, from: f64, value: f64, within: (f64, f64), origin: Origin) -> Pen<'_> {
        let begin = from.clamp(within.0, within.1);
        let first = self.segments.len();
        let head = Head { from: begin, value, first, past: first, origin };
        Pen { skip: (begin - from).max(0.0), room: within.1 - begin, head, onto: self }
    }
}

/// Draws one piece, segment by segment.
struct Pen<'a> {
    onto: &'a mut Pieces,
    head: Head,
    /// How much is still to be left out before the range begins.
    skip: f64,
    /// How much of the range is left.
    room: f64,
}

impl Pen<'_> {
    /// Draws a segment, and says whether there is room for more.
    fn draw(&mut self, segment: Segment) -> bool {
        let skipped = self.skip.min(segment.length);
        self.head.value += skipped * segment.slope;
        self.skip -= skipped;
        let length = (segment.length - skipped).min(self.room);
        if length > 0.0 {
            self.room -= length;
            let last = self.onto.segments[self.head.first..].last_mut();
            match last {
                Some(last) if length < SAME_ENERGY || (last.slope - segment.slope).abs() <= SAME_SLOPE => {
                    last.length += length;
                }
                _ => self.onto.segments.push(Segment { slope: segment.slope, length }),
            }
        }
        self.room > 0.0 || self.skip > 0.0
    }

    fn lift(mut self) {
        self.head.past = self.onto.segments.len();
        self.onto.heads.push(self.head);
    }
}

#[cfg(test)]
impl Pieces {
    /// The least of all pieces at a place; infinite where there is none.
    pub(super) fn at(&self, place: f64) -> f64 {
        let value = |piece: Convex<'_>| {
            let mut left = place - piece.from;
            let mut value = piece.value;
            for segment in piece.segments {
                let length = segment.length.min(left).max(0.0);
                value += length * segment.slope;
                left -= length;
            }
            if left.abs() < SAME_ENERGY { value } else { f64::INFINITY }
        };
        let covering = |piece: &Convex<'_>| place >= piece.from - SAME_ENERGY && place <= piece.to() + SAME_ENERGY;
        let clamped = |piece: Convex<'_>| if place < piece.from { piece.value } else { value(piece) };
        (0..self.len()).map(|piece| self.get(piece)).filter(covering).map(clamped).fold(f64::INFINITY, f64::min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(from: f64, value: f64, segments: &[(f64, f64)]) -> Pieces {
        let segments: Vec<Segment> =
            segments.iter().map(|(slope, length)| Segment { slope: *slope, length: *length }).collect();
        let mut pieces = Pieces::default();
        pieces.push_cropped(Convex { from, value, segments: &segments }, (f64::MIN, f64::MAX), Origin::default());
        pieces
    }

    #[test]
    fn a_convolution_is_the_least_sum_of_what_is_shared_out() {
        let later = one(1.0, 2.0, &[(-3.0, 1.0), (-0.5, 2.0), (1.0, 0.5)]);
        let cost = one(-1.5, 0.25, &[(-2.0, 1.0), (-1.0, 0.5), (2.0, 2.0)]);
        let mut both = Pieces::default();
        both.push_convolved(later.get(0), cost.get(0), (0.0, 5.0), Origin::default());
        for place in (0..=20).map(|quarter| f64::from(quarter) / 4.0) {
            let shares = (-6..=8).map(|quarter| f64::from(quarter) / 4.0);
            let least = shares.map(|share| cost.at(share) + later.at(place - share)).fold(f64::INFINITY, f64::min);
            assert!((both.at(place) - least).abs() < 1e-12, "at {place}: {} or {least}", both.at(place));
        }
        let mut none = Pieces::default();
        none.push_convolved(later.get(0), cost.get(0), (7.0, 9.0), Origin::default());
        assert!(none.is_empty());
    }

    #[test]
    fn a_hinge_bends_where_it_is_placed() {
        let mut pieces = one(0.0, 1.0, &[(-1.0, 4.0), (2.0, 2.0)]);
        let before = pieces.clone();
        let hinges = [Hinge::at_least(3.0, 0.5), Hinge::at_most(5.0, 4.0), Hinge { place: 0.0, left: -0.25, right: -0.25 }];
        for hinge in hinges {
            pieces.bend(hinge);
        }
        for place in [0.0, 1.5, 3.0, 4.0, 5.0, 6.0] {
            let bent = before.at(place) + hinges.iter().map(|hinge| hinge.at(place)).sum::<f64>();
            assert!((pieces.at(place) - bent).abs() < 1e-12, "at {place}");
        }
    }

    #[test]
    fn losses_stretch_and_total_losses_forget() {
        let before = one(0.0, 1.0, &[(-1.0, 1.0), (2.0, 1.0)]);
        let mut half = before.clone();
        half.stretch(0.5, (0.0, 4.0));
        assert_eq!([0.0, 1.0, 2.0, 4.0].map(|place| half.at(place)), [0.0, 0.5, 1.0, 2.0].map(|place| before.at(place)));
        let mut point = one(0.0, 1.0, &[]);
        point.stretch(0.0, (0.0, 4.0));
        assert_eq!([0.0, 4.0, 5.0].map(|place| point.at(place)), [1.0, 1.0, f64::INFINITY]);
    }

    #[test]
    fn slivers_join_the_segment_before_them() {
        let pieces = one(0.0, 0.0, &[(1.0, 1.0), (2.0, 1e-12), (3.0, 1.0)]);
        assert_eq!(pieces.get(0).segments.len(), 2);
        assert!((pieces.get(0).to() - 2.0).abs() < 1e-11);
    }
}
