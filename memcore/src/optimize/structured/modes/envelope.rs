//! The lower envelope of convex pieces: which of them is the least where, so that all others can be forgotten.
//!
//! Pieces are taken one after the other, those with fewer starts first, and walked along the envelope so far. A later piece takes a
//! stretch only where it is lower by more than [`SAME_COST`]; on a tie the calmer one stays. What is kept of a piece is the hull of
//! its stretches. The engine keeps values near zero (it takes a common amount out of all states after every step), so an absolute
//! tolerance is a safe one: it stands far above the rounding of such values, and a year of steps cannot lose a thousandth of a cent.

use super::super::curve::Segment;
use super::pieces::{Convex, Pieces, SAME_ENERGY};

/// Costs this close are the same.
pub(super) const SAME_COST: f64 = 1e-10;

/// A stretch of the envelope and the piece that is lowest there.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    from: f64,
    to: f64,
    owner: usize,
}

/// Finds lower envelopes; holds its working memory from one to the next.
#[derive(Debug, Default)]
pub(super) struct Envelope {
    order: Vec<usize>,
    stretches: Vec<Stretch>,
    before: Vec<Stretch>,
    hulls: Vec<Option<(f64, f64)>>,
}

impl Envelope {
    /// Writes to `out` what of `candidates` lies on their lower envelope.
    pub(super) fn of(&mut self, candidates: &Pieces, out: &mut Pieces) {
        out.clear();
        self.order.clear();
        self.order.extend(0..candidates.len());
        self.order.sort_by_key(|piece| candidates.origin(*piece).starts);
        self.stretches.clear();
        for place in 0..self.order.len() {
            let piece = self.order[place];
            std::mem::swap(&mut self.before, &mut self.stretches);
            self.stretches.clear();
            Contest { candidates, piece, before: &self.before, after: &mut self.stretches }.run();
        }
        self.collect(candidates, out);
    }

    fn collect(&mut self, candidates: &Pieces, out: &mut Pieces) {
        self.hulls.clear();
        self.hulls.resize(candidates.len(), None);
        for stretch in &self.stretches {
            let hull = self.hulls[stretch.owner].get_or_insert((stretch.from, stretch.to));
            hull.1 = stretch.to;
        }
        for piece in &self.order {
            let Some(hull) = self.hulls[*piece] else { continue };
            if hull.0 < hull.1 || self.is_least_point(candidates, *piece, hull.0) {
                out.push_cropped(candidates.get(*piece), hull, candidates.origin(*piece));
            }
        }
    }
}

impl Envelope {
    /// Whether a piece that was left a single point is the least there: where stretches meet, one may be left over.
    fn is_least_point(&self, candidates: &Pieces, piece: usize, place: f64) -> bool {
        let value = |owner: usize| Line::new(candidates.get(owner)).at(place);
        // Two points never dismiss each other.
        let reaches = |owner: usize| self.hulls[owner].is_some_and(|hull| hull.0 < hull.1);
        let beside = |other: &&Stretch| reaches(other.owner) && !apart(other, place, place);
        let mut others = self.stretches.iter().filter(beside);
        others.all(|other| value(piece) < value(other.owner) - SAME_COST)
    }
}

/// A piece against the envelope of those before it.
struct Contest<'a> {
    candidates: &'a Pieces,
    piece: usize,
    before: &'a [Stretch],
    after: &'a mut Vec<Stretch>,
}

impl Contest<'_> {
    fn run(mut self) {
        let newcomer = self.candidates.get(self.piece);
        let (from, to) = (newcomer.from, newcomer.to());
        let mut line = Line::new(newcomer);
        // Up to where the newcomer's domain has been dealt with; None once all of it has.
        let mut open = Some(from);
        for stretch in self.before {
            // Where the newcomer goes on, what only touches its beginning is no contest; nor is what only touches its end.
            let only_touches = stretch.from < from && stretch.to == from && from < to;
            if stretch.to < from || only_touches || open.is_none() {
                self.push(stretch.from, stretch.to, stretch.owner);
                continue;
            }
            if let Some(at) = open.filter(|at| *at < stretch.from) {
                self.claim_gap(at, to.min(stretch.from));
            }
            if stretch.from > to {
                open = None;
                self.push(stretch.from, stretch.to, stretch.owner);
                continue;
            }
            open = self.share(stretch, &mut line, (from, to));
        }
        if let Some(at) = open {
            self.claim_gap(at, to);
        }
    }

    /// A stretch that the newcomer's domain overlaps. Where the newcomer goes on after it, says from where.
    fn share(&mut self, stretch: &Stretch, line: &mut Line<'_>, (from, to): (f64, f64)) -> Option<f64> {
        if stretch.from < from {
            self.push(stretch.from, from, stretch.owner);
        }
        self.compare(line, stretch.from.max(from), stretch.to.min(to), stretch.owner);
        if stretch.to > to {
            self.push(to, stretch.to, stretch.owner);
        }
        (stretch.to < to).then_some(stretch.to)
    }

    /// What nobody else covers is the newcomer's, but for slivers beside what somebody covers.
    fn claim_gap(&mut self, from: f64, to: f64) {
        if to - from > SAME_ENERGY || self.before.iter().all(|other| apart(other, from, to)) {
            self.push(from, to, self.piece);
        }
    }

    /// Both along a stretch that both cover, one common linear part after the other.
    fn compare(&mut self, line: &mut Line<'_>, begin: f64, end: f64, owner: usize) {
        let mut theirs = Line::new(self.candidates.get(owner));
        let mut from = begin;
        let mut lower = theirs.at(from) - line.at(from);
        if begin < end {
            // Or else the first part might have no length, and leave a point behind.
            theirs.pass(from);
            line.pass(from);
        }
        loop {
            let to = end.min(theirs.end()).min(line.end()).max(from);
            let lower_at_end = theirs.at(to) - line.at(to);
            self.decide((from, lower), (to, lower_at_end), owner);
            if to >= end {
                return;
            }
            (from, lower) = (to, lower_at_end);
            theirs.pass(from);
            line.pass(from);
        }
    }

    /// Along one linear part: by how much the newcomer is lower at either end.
    fn decide(&mut self, (from, lower): (f64, f64), (to, lower_at_end): (f64, f64), owner: usize) {
        if lower <= SAME_COST && lower_at_end <= SAME_COST {
            return self.push(from, to, owner);
        }
        if lower >= -SAME_COST && lower_at_end >= -SAME_COST {
            return self.push(from, to, self.piece);
        }
        let crossing = (from + (to - from) * lower / (lower - lower_at_end)).clamp(from, to);
        let (first, second) = if lower > 0.0 { (self.piece, owner) } else { (owner, self.piece) };
        self.push(from, crossing, first);
        self.push(crossing, to, second);
    }

    fn push(&mut self, from: f64, to: f64, owner: usize) {
        match self.after.last_mut() {
            Some(last) if last.owner == owner && from <= last.to + SAME_ENERGY => last.to = to.max(last.to),
            _ => self.after.push(Stretch { from, to, owner }),
        }
    }
}

fn apart(stretch: &Stretch, from: f64, to: f64) -> bool {
    to < stretch.from - SAME_ENERGY || from > stretch.to + SAME_ENERGY
}

/// A reader that goes along a convex function from left to right.
struct Line<'a> {
    begin: f64,
    value: f64,
    segments: &'a [Segment],
}

impl<'a> Line<'a> {
    fn new(of: Convex<'a>) -> Self {
        Self { begin: of.from, value: of.value, segments: of.segments }
    }

    /// Where the segment at hand ends.
    fn end(&self) -> f64 {
        self.segments.first().map_or(f64::INFINITY, |segment| self.begin + segment.length)
    }

    /// Leaves behind the segments that end at or before a place.
    fn pass(&mut self, place: f64) {
        while let Some((segment, rest)) = self.segments.split_first() {
            if self.begin + segment.length > place {
                break;
            }
            self.value += segment.slope * segment.length;
            self.begin += segment.length;
            self.segments = rest;
        }
    }

    /// The value at a place that is not left of the segment at hand.
    fn at(&mut self, place: f64) -> f64 {
        while self.end() < place {
            self.pass(self.end());
        }
        self.value + self.segments.first().map_or(0.0, |segment| segment.slope * (place - self.begin))
    }
}

#[cfg(test)]
mod tests {
    use super::super::pieces::Origin;
    use super::super::tests::Dice;
    use super::*;

    fn add(pieces: &mut Pieces, from: f64, value: f64, segments: &[(f64, f64)], starts: u32) {
        let segments: Vec<Segment> =
            segments.iter().map(|(slope, length)| Segment { slope: *slope, length: *length }).collect();
        let trail = pieces.len() as u32;
        let origin = Origin { trail, starts, mode: 0 };
        pieces.push_cropped(Convex { from, value, segments: &segments }, (f64::MIN, f64::MAX), origin);
    }

    fn envelope(candidates: &Pieces) -> Pieces {
        let mut out = Pieces::default();
        Envelope::default().of(candidates, &mut out);
        out
    }

    fn kept(candidates: &Pieces) -> Vec<u32> {
        let out = envelope(candidates);
        let mut kept: Vec<u32> = (0..out.len()).map(|piece| out.origin(piece).trail).collect();
        kept.sort_unstable();
        kept
    }

    #[test]
    fn an_envelope_is_the_least_of_all_and_nothing_above_it_stays() {
        let mut dice = Dice(7);
        for round in 0..500 {
            let mut candidates = Pieces::default();
            for _ in 0..1 + dice.roll(8) {
                let mut slopes: Vec<i64> = (0..dice.roll(5)).map(|_| dice.roll(9) as i64 - 4).collect();
                slopes.sort_unstable();
                let segments: Vec<(f64, f64)> =
                    slopes.iter().map(|slope| (*slope as f64, 0.5 * (1 + dice.roll(3)) as f64)).collect();
                add(&mut candidates, dice.roll(6) as f64, dice.roll(9) as f64, &segments, dice.roll(3) as u32);
            }
            let out = envelope(&candidates);
            for place in (0..=260).map(|place| f64::from(place) * 0.05) {
                let (found, least) = (out.at(place), candidates.at(place));
                assert!(found == least || (found - least).abs() < 1e-9, "round {round}, at {place}: {found} or {least}");
            }
            // What is kept of a piece begins and ends where it is the least.
            for piece in (0..out.len()).map(|piece| out.get(piece)) {
                let mut alone = Pieces::default();
                alone.push_cropped(piece, (f64::MIN, f64::MAX), Origin::default());
                // A little inside, because at the very end another one may begin far below.
                let inside = (0.5 * (piece.to() - piece.from)).min(1e-6);
                for place in [piece.from + inside, piece.to() - inside] {
                    assert!(alone.at(place) < candidates.at(place) + 1e-4, "round {round}: {piece:?}");
                }
            }
        }
    }

    #[test]
    fn of_two_that_cost_the_same_the_calmer_one_stays() {
        let mut candidates = Pieces::default();
        add(&mut candidates, 0.0, 1.0, &[(-1.0, 2.0)], 2);
        add(&mut candidates, 0.0, 1.0 + 0.5 * SAME_COST, &[(-1.0, 2.0)], 1);
        assert_eq!(kept(&candidates), [1]);
    }

    #[test]
    fn a_point_stays_where_it_is_cheaper_than_what_surrounds_it_and_no_sliver_does() {
        let mut candidates = Pieces::default();
        add(&mut candidates, 0.0, 5.0, &[(0.0, 10.0)], 0);
        add(&mut candidates, 4.0, 3.0, &[], 0);
        add(&mut candidates, 6.0, 5.0, &[], 0);
        add(&mut candidates, 0.0, 6.0, &[(0.0, 10.0 + 1e-12)], 0);
        assert_eq!(kept(&candidates), [0, 1]);
    }

    #[test]
    fn a_piece_is_cropped_to_where_it_is_the_least() {
        let mut candidates = Pieces::default();
        add(&mut candidates, 0.0, 4.0, &[(-1.0, 2.0)], 0);
        add(&mut candidates, 1.0, 1.0, &[(0.5, 5.0)], 0);
        let out = envelope(&candidates);
        let spans: Vec<(f64, f64)> = (0..out.len()).map(|piece| (out.get(piece).from, out.get(piece).to())).collect();
        assert_eq!(spans, [(0.0, 1.0), (1.0, 6.0)]);
    }
}
