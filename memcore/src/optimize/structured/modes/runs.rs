//! Deferrable loads and chargers as automata.
//!
//! What a load does not run of its time costs its shortfall. That is paid in full at first, and each step that it runs earns back what it
//! is worth: so a state need not know how much is still missing at the end.

use std::ops::Range;

use super::automaton::{Member, Move};
use crate::optimize::checked::Checked;
use crate::optimize::meaning::hours_of;
use crate::optimize::{Deferrable, Ev};

/// A load that runs in one go. State 0 waits, state `k` is in its k-th step, the last one is done.
///
/// A run may be cut short where the site lets it, and that pays, at the price of the shortfall.
#[derive(Debug)]
pub(super) struct OneRun<'a> {
    checked: &'a Checked<'a>,
    load: &'a Deferrable,
    window: Range<usize>,
    /// By the step that a run starts in: how many steps it has at most.
    lengths: Vec<usize>,
    longest: usize,
    may_be_cut: bool,
}

impl<'a> OneRun<'a> {
    pub(super) fn new(checked: &'a Checked<'a>, load: &'a Deferrable) -> Self {
        let shape = if load.shape_w.is_empty() { usize::MAX } else { load.shape_w.len() };
        let may_be_cut = checked.may_be_cut(load);
        let length = |step| match may_be_cut {
            true => checked.steps_to_cover(step, load.run_time).min(shape),
            false => checked.whole_run(load, step).map_or(0, |run| run.len()),
        };
        let lengths: Vec<usize> = (0..checked.steps()).map(length).collect();
        let longest = lengths.iter().copied().max().unwrap_or(0);
        Self { checked, load, window: checked.run_window(load), lengths, longest, may_be_cut }
    }

    fn done(&self) -> usize {
        self.longest + 1
    }

    /// Into the k-th step of a run, where it may be in that.
    fn go_on(&self, step: usize, from: usize, place: usize) -> Option<Move> {
        let start = (step + 1).checked_sub(place)?;
        if !self.window.contains(&step) || place > self.lengths[start] {
            return None;
        }
        let borders = self.checked.site.horizon.borders();
        let ran = hours_of(borders[step].since(borders[start]));
        Some(Move { cost: -worth(self.checked, self.load, step, ran), ..Move::free(from, place) })
    }
}

/// What a step of running is worth, after so many hours of it.
fn worth(checked: &Checked<'_>, load: &Deferrable, step: usize, ran: f64) -> f64 {
    let needed = (checked.run_hours(load) - ran).max(0.0);
    checked.run_shortfall_per_h(load) * checked.hours[step].min(needed)
}

/// What it costs not to run at all.
fn standing_cost(checked: &Checked<'_>, load: &Deferrable) -> f64 {
    checked.run_shortfall_per_h(load) * checked.run_hours(load)
}

impl Member for OneRun<'_> {
    fn states(&self) -> usize {
        self.longest + 2
    }

    fn initial(&self) -> usize {
        0
    }

    /// With a shape, each step of a run is another activity.
    fn activities(&self) -> usize {
        if self.load.shape_w.is_empty() { 2 } else { 1 + self.longest }
    }

    fn activity(&self, state: usize) -> usize {
        let place = if state == self.done() { 0 } else { state };
        place.min(self.activities() - 1)
    }

    fn moves(&self, step: usize, from: usize) -> Vec<Move> {
        let ends = Move::free(from, self.done());
        let starts = || self.go_on(step, from, 1);
        if from == 0 && step == 0 && self.load.running {
            // It goes on at once, or never.
            return starts().into_iter().chain([ends]).collect();
        }
        if from == 0 {
            let started = starts().map(|run| Move { cost: run.cost + self.load.start_cost, starts: 1, ..run });
            return [Move::free(0, 0)].into_iter().chain(started).collect();
        }
        if from == self.done() {
            return vec![ends];
        }
        let is_whole = step.checked_sub(from).is_none_or(|start| from >= self.lengths[start]);
        let ends = (is_whole || self.may_be_cut).then_some(ends);
        self.go_on(step, from, from + 1).into_iter().chain(ends).collect()
    }

    fn standing_cost(&self) -> f64 {
        standing_cost(self.checked, self.load)
    }
}

/// A load that may run in several goes, in steps of one length. A state is how many steps it has run, and whether it stands (0) or runs
/// with so many steps less one still to go on for.
#[derive(Debug)]
pub(super) struct SeveralRuns<'a> {
    checked: &'a Checked<'a>,
    load: &'a Deferrable,
    window: Range<usize>,
    /// How many steps it has to run.
    needed: usize,
    /// How many steps a start binds beyond its own.
    binds: usize,
    /// The first step in which it is too late for a start.
    late: usize,
}

impl<'a> SeveralRuns<'a> {
    pub(super) fn new(checked: &'a Checked<'a>, load: &'a Deferrable) -> Self {
        let covered = |time| checked.steps_to_cover(0, time);
        let binds = load.min_on.map_or(0, covered).max(1) - 1;
        let window = checked.run_window(load);
        let late = window.clone().rev().find(|step| checked.may_start(load, *step)).map_or(window.start, |last| last + 1);
        Self { checked, load, window, needed: covered(load.run_time), binds, late }
    }

    fn state(&self, ran: usize, runs: usize) -> usize {
        ran * (self.binds + 2) + runs
    }

    fn run(&self, step: usize, from: usize, ran: usize, left: usize) -> Option<Move> {
        let before = ran as f64 * self.checked.hours[step];
        let may = self.window.contains(&step) && ran < self.needed;
        let run = Move::free(from, self.state(ran + 1, 1 + left));
        may.then(|| Move { cost: -worth(self.checked, self.load, step, before), ..run })
    }
}

impl Member for SeveralRuns<'_> {
    fn states(&self) -> usize {
        (self.needed + 1) * (self.binds + 2)
    }

    fn initial(&self) -> usize {
        self.state(0, usize::from(self.load.running))
    }

    fn activities(&self) -> usize {
        2
    }

    fn activity(&self, state: usize) -> usize {
        usize::from(!state.is_multiple_of(self.binds + 2))
    }

    fn moves(&self, step: usize, from: usize) -> Vec<Move> {
        let (ran, runs) = (from / (self.binds + 2), from % (self.binds + 2));
        let stand = Move::free(from, self.state(ran, 0));
        match runs {
            0 => {
                let in_time = step < self.late;
                let started = self.run(step, from, ran, self.binds).filter(|_| in_time);
                let started = started.map(|run| Move { cost: run.cost + self.load.start_cost, starts: 1, ..run });
                [stand].into_iter().chain(started).collect()
            }
            1 => self.run(step, from, ran, 0).into_iter().chain([stand]).collect(),
            more => self.run(step, from, ran, more - 2).into_iter().collect(),
        }
    }

    fn standing_cost(&self) -> f64 {
        standing_cost(self.checked, self.load)
    }
}

/// A charger that pays for each start of charging: state 1 charges, state 0 does not.
///
/// Where the charger goes down to nothing, a pause is no stop: charging then goes on at no power.
#[derive(Debug)]
pub(super) struct ChargingStarts {
    cost: f64,
    /// By step: whether the vehicle is there, and whether it has just come.
    there: Vec<bool>,
    comes: Vec<bool>,
    goes_on: bool,
}

impl ChargingStarts {
    pub(super) fn new(checked: &Checked<'_>, ev: &Ev) -> Self {
        let mut there = vec![false; checked.steps()];
        let mut comes = there.clone();
        for steps in ev.sessions.iter().map(|session| checked.session_steps(session)).filter(|steps| !steps.is_empty()) {
            comes[steps.start] = !checked.goes_on_charging(ev, steps.start);
            there[steps].fill(true);
        }
        let goes_on = there[0] && !comes[0];
        Self { cost: ev.start_cost, there, comes, goes_on }
    }
}

impl Member for ChargingStarts {
    fn states(&self) -> usize {
        2
    }

    fn initial(&self) -> usize {
        usize::from(self.goes_on)
    }

    fn activities(&self) -> usize {
        2
    }

    fn activity(&self, state: usize) -> usize {
        state
    }

    fn moves(&self, step: usize, from: usize) -> Vec<Move> {
        let stop = Move::free(from, 0);
        if !self.there[step] {
            return vec![stop];
        }
        if from == 1 && !self.comes[step] {
            return vec![Move::free(1, 1), stop];
        }
        vec![stop, Move { cost: self.cost, starts: 1, ..Move::free(from, 1) }]
    }
}
