//! A site as a program: every asset adds its columns and rows, the buses their balances, and a layout says which columns a schedule
//! is read from. In kW and kWh; the edges (`Cell`) convert.
//!
//! Numbers that a re-solve changes (loads, forecasts, prices, states) are costs and bounds of columns, never coefficients or bounds
//! of rows, so that a site a step later has the same shape wherever its words are the same.

mod battery;
mod deferrable;
mod ev;
mod genset;
mod grid;
mod heat_pump;
mod runs;
mod wishes;

use super::linear::{Column, Program, Row};
use crate::optimize::checked::{Checked, Target};
use crate::optimize::{Asset, Link, Load, Quantity, Source};

/// W and Wh in a kW and kWh.
pub(super) const KILO: f64 = 1000.0;

/// A site's program and what its columns and rows stand for.
#[derive(Debug, Clone)]
pub(in crate::optimize) struct SiteProgram {
    pub(in crate::optimize) program: Program,
    /// The pairs of columns of which one must be zero. None of it is in the program yet.
    pub(in crate::optimize) pairs: Vec<Pair>,
    pub(super) outputs: Vec<Output>,
    /// The balance of each bus in each step.
    pub(super) balances: Vec<Vec<Row>>,
    /// For each store, how its energy goes over each step.
    pub(super) transitions: Vec<(usize, Vec<Option<Row>>)>,
}

/// Two columns of which one must be zero, each at least zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::optimize) struct Pair {
    pub(in crate::optimize) columns: [Column; 2],
    /// The most that each can be.
    pub(in crate::optimize) most: [f64; 2],
    /// The bus whose price says whether power is worth wasting.
    pub(in crate::optimize) bus: usize,
    pub(in crate::optimize) step: usize,
}

/// Where a column of a schedule is read from.
#[derive(Debug, Clone)]
pub(super) struct Output {
    pub(super) part: usize,
    pub(super) quantity: Quantity,
    pub(super) cells: Vec<Cell>,
}

/// How a number of a schedule follows from the program's columns, in W or Wh.
#[derive(Debug, Clone)]
pub(super) enum Cell {
    Zero,
    /// A column in kW or kWh.
    Kilo(Column),
    /// A column as it is.
    Plain(Column),
    /// 1 where the column (kW) is above zero.
    WhereAbove(Column),
    /// A constant less a column, both in kW.
    KiloLess(f64, Column),
    /// A column in kW times a factor.
    KiloTimes(Column, f64),
}

/// Builds the program of a site.
pub(in crate::optimize) fn build(checked: &Checked<'_>) -> SiteProgram {
    let mut builder = Builder::new(checked);
    for (part, asset) in checked.assets() {
        builder.asset(part, asset);
    }
    for (place, link) in checked.site.links.iter().enumerate() {
        builder.link(checked.site.assets.len() + place, link);
    }
    builder.finish()
}

/// A site's program on its way.
pub(super) struct Builder<'c, 'a> {
    pub(super) checked: &'c Checked<'a>,
    pub(super) program: Program,
    pairs: Vec<Pair>,
    outputs: Vec<Output>,
    /// What is taken from each bus in each step: columns in kW, below zero where they give.
    taken: Vec<Vec<Vec<(Column, f64)>>>,
    /// The net power of each asset in each step, positive into it.
    net: Vec<Vec<Vec<(Column, f64)>>>,
    transitions: Vec<(usize, Vec<Option<Row>>)>,
    /// What is counted on as reserve less what asks for it, in each step.
    reserve: Vec<Vec<(Column, f64)>>,
}

impl<'c, 'a> Builder<'c, 'a> {
    fn new(checked: &'c Checked<'a>) -> Self {
        let steps = checked.steps();
        Self {
            checked,
            program: Program::default(),
            pairs: Vec::new(),
            outputs: Vec::new(),
            taken: vec![vec![Vec::new(); steps]; checked.buses.len()],
            net: vec![vec![Vec::new(); steps]; checked.site.assets.len()],
            transitions: Vec::new(),
            reserve: vec![Vec::new(); steps],
        }
    }

    fn asset(&mut self, part: usize, asset: &Asset) {
        match asset {
            Asset::Grid(grid) => self.grid(part, grid),
            Asset::Pv(source) => self.source(part, source),
            Asset::Battery(battery) => self.battery(part, battery),
            Asset::Ev(ev) => self.ev(part, ev),
            Asset::Deferrable(load) => self.deferrable(part, load),
            Asset::HeatPump(pump) => self.heat_pump(part, pump),
            Asset::Genset(genset) => self.genset(part, genset),
            Asset::Load(load) => self.load(part, load),
        }
    }

    /// Balances and what the site as a whole wishes.
    fn finish(mut self) -> SiteProgram {
        self.wishes();
        let taken = std::mem::take(&mut self.taken);
        self.bound_pairs(&taken);
        let mut balances = Vec::with_capacity(taken.len());
        for steps in taken {
            balances.push(steps.into_iter().map(|terms| self.program.equal(0.0, terms)).collect());
        }
        SiteProgram {
            program: self.program,
            pairs: self.pairs,
            outputs: self.outputs,
            balances,
            transitions: self.transitions,
        }
    }

    /// Gives pairs whose columns have no bound one that follows from everything else that takes or gives in their step. Where
    /// something else is without a bound too, none follows; the binary of such a pair, should it need one, then allows a thousand
    /// times what is bounded.
    fn bound_pairs(&mut self, taken: &[Vec<Vec<(Column, f64)>>]) {
        // Power may come over links with losses.
        let weakest = self.checked.site.links.iter().map(|link| link.efficiency).fold(1.0, f64::min);
        let losses = weakest.powf(taken.len() as f64 - 1.0).max(1e-3);
        for pair in &mut self.pairs {
            if pair.most.iter().all(|most| most.is_finite()) {
                continue;
            }
            let others =
                taken.iter().flat_map(|steps| &steps[pair.step]).filter(|(column, _)| !pair.columns.contains(column));
            let flows: Vec<f64> = others.map(|(column, factor)| factor.abs() * self.program.upper[column.0]).collect();
            let bounded: f64 = flows.iter().filter(|most| most.is_finite()).sum::<f64>() / losses;
            let follows = flows.iter().all(|most| most.is_finite());
            for (column, most) in pair.columns.iter().zip(&mut pair.most).filter(|(_, most)| most.is_infinite()) {
                *most = if follows { bounded } else { 1e3 * (1.0 + bounded) };
                if follows {
                    self.program.upper[column.0] = bounded;
                }
            }
        }
    }

    pub(super) fn steps(&self) -> usize {
        self.checked.steps()
    }

    pub(super) fn hours(&self, step: usize) -> f64 {
        self.checked.hours[step]
    }

    /// A column that holds a number of the site.
    pub(super) fn given(&mut self, value: f64) -> Column {
        self.program.column(0.0, value..=value)
    }

    /// A column of an asset that takes from its bus (`sign` 1) or gives to it (-1).
    pub(super) fn flow(&mut self, part: usize, step: usize, column: Column, sign: f64) {
        self.taken[self.checked.bus_of[part]][step].push((column, sign));
        self.net[part][step].push((column, sign));
    }

    pub(super) fn output(&mut self, part: usize, quantity: Quantity, cells: Vec<Cell>) {
        self.outputs.push(Output { part, quantity, cells });
    }

    pub(super) fn output_kilo(&mut self, part: usize, quantity: Quantity, columns: &[Column]) {
        self.output(part, quantity, columns.iter().map(|column| Cell::Kilo(*column)).collect());
    }

    pub(super) fn pair(&mut self, columns: [Column; 2], bus: usize, step: usize) {
        let most = columns.map(|column| self.program.upper[column.0]);
        if most.iter().all(|most| *most > 0.0) {
            self.pairs.push(Pair { columns, most, bus, step });
        }
    }

    /// What is asked of a store's energy at the end of the horizon.
    pub(super) fn target(&mut self, energy: Column, target: Target) {
        let infinite = 0.0..=f64::INFINITY;
        match target {
            Target::Worth { per_kwh } => self.program.cost[energy.0] -= per_kwh,
            Target::AtLeast { wh, per_kwh } => {
                let asked = self.given(wh / KILO);
                let short = self.program.column(per_kwh, infinite);
                self.program.at_least(0.0, [(energy, 1.0), (short, 1.0), (asked, -1.0)]);
            }
            Target::Exactly { wh, per_kwh } => {
                let asked = self.given(wh / KILO);
                let short = self.program.column(per_kwh, infinite.clone());
                let over = self.program.column(per_kwh, infinite);
                self.program.equal(0.0, [(energy, 1.0), (short, 1.0), (over, -1.0), (asked, -1.0)]);
            }
        }
    }

    fn source(&mut self, part: usize, source: &Source) {
        let mut used = Vec::with_capacity(self.steps());
        let mut curtailed = Vec::with_capacity(self.steps());
        for step in 0..self.steps() {
            let available = self.checked.available_w(source, step) / KILO;
            let least = if source.curtailable { 0.0 } else { available };
            let hours = self.hours(step);
            let cost = hours * (source.cost_per_kwh - source.curtailment_per_kwh);
            let column = self.program.column(cost, least..=available);
            self.program.constant += hours * source.curtailment_per_kwh * available;
            self.flow(part, step, column, -1.0);
            if let Some(reserve) = &self.checked.site.reserve {
                self.reserve[step].push((column, -reserve.share_of_sources));
            }
            used.push(Cell::Kilo(column));
            curtailed.push(Cell::KiloLess(available, column));
        }
        self.output(part, Quantity::Used, used);
        self.output(part, Quantity::Curtailed, curtailed);
    }

    fn load(&mut self, part: usize, load: &Load) {
        let shedding = self.checked.shedding(load);
        let (price, share) = shedding.unwrap_or((0.0, 0.0));
        let mut served = Vec::with_capacity(self.steps());
        let mut shed = Vec::with_capacity(self.steps());
        for step in 0..self.steps() {
            let power = load.power_w.at(step) / KILO;
            let hours = self.hours(step);
            let column = self.program.column(-hours * price, power * (1.0 - share)..=power);
            self.program.constant += hours * price * power;
            self.flow(part, step, column, 1.0);
            if let Some(reserve) = &self.checked.site.reserve {
                self.reserve[step].push((column, -reserve.share_of_load));
            }
            served.push(Cell::Kilo(column));
            shed.push(Cell::KiloLess(power, column));
        }
        self.output(part, Quantity::Served, served);
        self.output(part, Quantity::Shed, shed);
    }

    fn link(&mut self, part: usize, link: &Link) {
        let place = |bus: &str| self.checked.buses.iter().position(|other| *other == bus).unwrap_or(0);
        let ends = [place(&link.from), place(&link.to)];
        let reverse_limit = link.reverse_limit_w.as_ref().unwrap_or(&link.limit_w);
        let directions = [&link.limit_w, reverse_limit];
        let mut columns = [Vec::new(), Vec::new()];
        for step in 0..self.steps() {
            for (way, limit) in directions.iter().enumerate() {
                let cost = self.hours(step) * link.cost_per_kwh;
                let column = self.program.column(cost, 0.0..=limit.at(step) / KILO);
                self.taken[ends[way]][step].push((column, 1.0));
                self.taken[ends[1 - way]][step].push((column, -link.efficiency));
                columns[way].push(column);
            }
            if link.exclusive {
                self.pair([columns[0][step], columns[1][step]], ends[0], step);
            }
        }
        self.output_kilo(part, Quantity::Forward, &columns[0]);
        self.output_kilo(part, Quantity::Reverse, &columns[1]);
    }
}
