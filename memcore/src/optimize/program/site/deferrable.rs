//! A load that must run, but may choose when: in one go, or in pieces of a least length.

use std::ops::Range;

use super::runs::Switched;
use super::{Builder, Cell, KILO};
use crate::optimize::program::linear::Column;
use crate::optimize::{Deferrable, Quantity};

/// A run in one go: its first step and how many it takes.
struct Run {
    first: usize,
    steps: usize,
}

impl Builder<'_, '_> {
    pub(super) fn deferrable(&mut self, part: usize, load: &Deferrable) {
        let window = self.checked.run_window(load);
        let mut cells = [vec![Cell::Zero; self.steps()], vec![Cell::Zero; self.steps()]];
        if load.contiguous {
            self.run_in_one_go(part, load, window, &mut cells);
        } else {
            self.run_in_pieces(part, load, window, &mut cells);
        }
        let [power, on] = cells;
        self.output(part, Quantity::Power, power);
        self.output(part, Quantity::On, on);
    }

    /// What it runs less than asked for costs.
    fn run_shortfall(&mut self, load: &Deferrable, ran: impl Iterator<Item = (Column, f64)>) {
        let per_h = self.checked.run_shortfall_per_h(load);
        let short = self.program.column(per_h, 0.0..=f64::INFINITY);
        let asked = self.given(self.checked.run_hours(load));
        self.program.at_least(0.0, ran.chain([(short, 1.0), (asked, -1.0)]));
    }

    /// One of the runs that are possible, or none. Choosing among whole runs leaves no gap between the program and its relaxation
    /// but what the rest of the site brings in.
    fn run_in_one_go(&mut self, part: usize, load: &Deferrable, window: Range<usize>, cells: &mut [Vec<Cell>; 2]) {
        let runs = self.runs(load, &window);
        let start_cost = if load.running { 0.0 } else { load.start_cost };
        let chosen: Vec<Column> = runs.iter().map(|_| self.program.binary(start_cost)).collect();
        if chosen.is_empty() {
            self.run_shortfall(load, std::iter::empty());
            return;
        }
        self.program.at_most(1.0, chosen.iter().map(|column| (*column, 1.0)));
        for step in window {
            let running = || {
                let covers = runs.iter().zip(&chosen).filter(|(run, _)| (run.first..run.first + run.steps).contains(&step));
                covers.map(|(run, column)| (*column, step - run.first))
            };
            let on = self.program.column(0.0, 0.0..=1.0);
            self.program.equal(0.0, running().map(|(column, _)| (column, -1.0)).chain([(on, 1.0)]));
            cells[1][step] = Cell::Plain(on);
            if load.shape_w.is_empty() {
                self.flow(part, step, on, load.power_w / KILO);
                cells[0][step] = Cell::KiloTimes(on, load.power_w / KILO);
                continue;
            }
            let most = load.shape_w.iter().copied().fold(0.0, f64::max) / KILO;
            let power = self.program.column(0.0, 0.0..=most);
            let shape = |at: usize| load.shape_w.get(at).copied().unwrap_or(0.0) / KILO;
            self.program.equal(0.0, running().map(|(column, at)| (column, -shape(at))).chain([(power, 1.0)]));
            self.flow(part, step, power, 1.0);
            cells[0][step] = Cell::Kilo(power);
        }
        let ran = runs.iter().zip(&chosen).map(|(run, column)| {
            let hours = self.checked.hours[run.first..run.first + run.steps].iter().sum();
            (*column, hours)
        });
        let ran: Vec<(Column, f64)> = ran.collect();
        self.run_shortfall(load, ran.into_iter());
    }

    /// The runs to choose from: whole ones, and shorter ones where it may be cut.
    fn runs(&self, load: &Deferrable, window: &Range<usize>) -> Vec<Run> {
        let firsts = self.checked.run_starts(load);
        if !self.checked.may_be_cut(load) {
            let whole = |first| self.checked.whole_run(load, first).map(|run| Run { first, steps: run.len() });
            return firsts.filter_map(whole).collect();
        }
        let longest = |first: usize| self.checked.steps_to_cover(first, load.run_time).min(window.end - first);
        firsts.flat_map(|first| (1..=longest(first)).map(move |steps| Run { first, steps })).collect()
    }

    /// On and off as it likes, in pieces of at least `min_on`, all within the window.
    fn run_in_pieces(&mut self, part: usize, load: &Deferrable, window: Range<usize>, cells: &mut [Vec<Cell>; 2]) {
        let mut on = Vec::with_capacity(window.end);
        for _ in 0..window.start {
            on.push(self.given(0.0));
        }
        for step in window.clone() {
            let column = self.program.binary(0.0);
            self.flow(part, step, column, load.power_w / KILO);
            cells[0][step] = Cell::KiloTimes(column, load.power_w / KILO);
            cells[1][step] = Cell::Plain(column);
            on.push(column);
        }
        let ran: Vec<(Column, f64)> = window.clone().map(|step| (on[step], self.hours(step))).collect();
        self.longest_run(load, &window, &ran);
        self.run_shortfall(load, ran.into_iter());
        let switched = Switched {
            initially_on: load.running,
            start_cost: load.start_cost,
            stop_cost: 0.0,
            least_up: load.min_on,
            least_down: None,
        };
        if !switched.matters() {
            return;
        }
        let switching = self.switching(&on, &switched);
        for (step, start) in switching.starts.iter().enumerate() {
            if !self.checked.may_start(load, step) {
                self.program.upper[start.0] = 0.0;
            }
        }
    }

    /// What runs in pieces is longer than asked for by less than the longest step of it: whichever that is, it could not be left out.
    fn longest_run(&mut self, load: &Deferrable, window: &Range<usize>, ran: &[(Column, f64)]) {
        let asked = self.checked.run_hours(load);
        let shortest = ran.iter().map(|(_, hours)| *hours).fold(f64::INFINITY, f64::min);
        let longest = ran.iter().map(|(_, hours)| *hours).fold(0.0, f64::max);
        if ran.is_empty() {
            return;
        }
        if longest - shortest < 1e-9 {
            let most = self.checked.steps_to_cover(window.start, load.run_time) as f64 * shortest;
            self.program.at_most(most, ran.iter().copied());
            return;
        }
        let mut longer = Vec::with_capacity(ran.len());
        for (on, hours) in ran {
            let counts = self.program.column(0.0, 0.0..=1.0);
            self.program.at_most(0.0, [(counts, 1.0), (*on, -1.0)]);
            longer.push((counts, *hours));
        }
        self.program.at_most(1.0, longer.iter().map(|(counts, _)| (*counts, 1.0)));
        // Less than that step, not all of it.
        let less = longer.into_iter().map(|(counts, hours)| (counts, -hours * (1.0 - 1e-6)));
        self.program.at_most(asked, ran.iter().copied().chain(less));
    }
}
