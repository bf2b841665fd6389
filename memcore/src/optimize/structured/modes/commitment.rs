//! A genset as an automaton: on or off, and for how many steps more it must stay so.
//!
//! Counting down what is left, not up what has been, needs no more states, and lets steps be unequal: a start says how many steps its
//! least time covers from there on.

use super::automaton::{Member, Move};
use crate::model::Span;
use crate::optimize::Genset;
use crate::optimize::checked::Checked;

/// A genset's commitment. States `0..=longest_up` are on with so many steps still to stay on; then come those off.
#[derive(Debug)]
pub(super) struct Commitment<'a> {
    genset: &'a Genset,
    available: Vec<bool>,
    /// How many steps a start (a stop) in a step binds beyond that step.
    binds_up: Vec<usize>,
    binds_down: Vec<usize>,
    longest_up: usize,
    longest_down: usize,
    initial: usize,
}

impl<'a> Commitment<'a> {
    pub(super) fn new(checked: &Checked<'_>, genset: &'a Genset) -> Self {
        let binds = |least: Option<Span>| -> Vec<usize> {
            let covered = |step| least.map_or(0, |least| checked.steps_to_cover(step, least));
            (0..checked.steps()).map(|step| covered(step).max(1) - 1).collect()
        };
        let (binds_up, binds_down) = (binds(genset.min_up), binds(genset.min_down));
        let left = checked.steps_bound(genset);
        let longest = |binds: &[usize], left: usize| binds.iter().copied().fold(left, usize::max);
        let longest_up = longest(&binds_up, if genset.initially_on { left } else { 0 });
        let longest_down = longest(&binds_down, if genset.initially_on { 0 } else { left });
        let initial = if genset.initially_on { left } else { longest_up + 1 + left };
        let runs = |step: usize| genset.available.as_ref().is_none_or(|available| available.at(step) > 0.0);
        let available = (0..checked.steps()).map(runs).collect();
        Self { genset, available, binds_up, binds_down, longest_up, longest_down, initial }
    }

    fn off(&self, left: usize) -> usize {
        self.longest_up + 1 + left
    }

    fn moves_from_on(&self, step: usize, left: usize) -> Vec<Move> {
        let mut moves = Vec::with_capacity(2);
        if self.available[step] {
            moves.push(Move::free(left, left.saturating_sub(1)));
        }
        if left == 0 {
            let stopped = self.off(self.binds_down[step]);
            moves.push(Move { cost: self.genset.stop_cost, ..Move::free(left, stopped) });
        }
        moves
    }

    fn moves_from_off(&self, step: usize, left: usize) -> Vec<Move> {
        let from = self.off(left);
        let mut moves = vec![Move::free(from, self.off(left.saturating_sub(1)))];
        if left == 0 && self.available[step] {
            moves.push(Move { cost: self.genset.start_cost, starts: 1, ..Move::free(from, self.binds_up[step]) });
        }
        moves
    }
}

/// What a genset does: it stands, or it runs.
pub(super) const RUNS: usize = 1;

impl Member for Commitment<'_> {
    fn states(&self) -> usize {
        self.longest_up + self.longest_down + 2
    }

    fn initial(&self) -> usize {
        self.initial
    }

    fn activities(&self) -> usize {
        2
    }

    fn activity(&self, state: usize) -> usize {
        if state <= self.longest_up { RUNS } else { 0 }
    }

    fn moves(&self, step: usize, from: usize) -> Vec<Move> {
        match from.checked_sub(self.longest_up + 1) {
            None => self.moves_from_on(step, from),
            Some(left) => self.moves_from_off(step, left),
        }
    }
}
