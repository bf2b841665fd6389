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
            if let Some(hull) = self.hulls[*piece] {
                out.push_cropped(candidates.get(*piece), hull, candidates.origin(*piece));
            }
        }
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
            if stretch.to < from {
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
