//! The bus of a site in a step: which blocks of power can be had, by what runs and by the direction at the grid connection.

use super::store::Flow;
use super::supply::{Block, Give, Supply};
use crate::optimize::checked::Checked;
use crate::optimize::{Asset, Deferrable, Genset, Grid, Load, Source};

/// The direction of the power at the grid connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// Either: the prices alone keep import and export apart, or both at once are allowed.
    Either,
    Import,
    Export,
}

/// What is on the bus beside the store, power in W.
#[derive(Debug)]
pub(super) struct Bus<'a> {
    checked: &'a Checked<'a>,
    grid: Option<(usize, &'a Grid)>,
    loads: Vec<(usize, &'a Load)>,
    sources: Vec<(usize, &'a Source)>,
    pub(super) gensets: Vec<(usize, &'a Genset)>,
    pub(super) deferrables: Vec<(usize, &'a Deferrable)>,
}

/// What is bought and sold at the grid connection in a step.
struct Connection {
    buy: f64,
    sell: f64,
    import: f64,
    export: f64,
}

/// What runs in a step.
#[derive(Debug, Clone, Default)]
pub(super) struct Running {
    pub(super) gensets: Vec<bool>,
    /// What each deferrable load takes, in kW; None where it does not run.
    pub(super) deferrables: Vec<Option<f64>>,
    /// Whether the store charges; None where that is left open.
    pub(super) charging: Option<bool>,
}

impl<'a> Bus<'a> {
    pub(super) fn new(checked: &'a Checked<'a>) -> Self {
        let (loads, sources, gensets, deferrables) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut bus = Self { checked, grid: None, loads, sources, gensets, deferrables };
        for (part, asset) in checked.assets() {
            match asset {
                Asset::Grid(grid) => bus.grid = Some((part, grid)),
                Asset::Load(load) => bus.loads.push((part, load)),
                Asset::Pv(source) => bus.sources.push((part, source)),
                Asset::Genset(genset) => bus.gensets.push((part, genset)),
                Asset::Deferrable(load) => bus.deferrables.push((part, load)),
                _ => {}
            }
        }
        bus
    }

    /// The directions to choose from: both apart only where a kWh sold earns more than one bought costs.
    pub(super) fn directions(&self, step: usize) -> &'static [Direction] {
        match self.grid {
            Some((_, grid)) if grid.exclusive && self.prices(grid, step).0 < self.prices(grid, step).1 => {
                &[Direction::Import, Direction::Export]
            }
            _ => &[Direction::Either],
        }
    }

    /// Whether buying and selling at once would earn without end.
    pub(super) fn earns_without_end(&self) -> bool {
        self.grid.is_some_and(|(_, grid)| {
            let unlimited = grid.import_limit_w.is_none() && grid.export_limit_w.is_none();
            let earns = |step| self.prices(grid, step).0 < self.prices(grid, step).1;
            !grid.exclusive && unlimited && (0..self.checked.steps()).any(earns)
        })
    }

    /// What can be had in a step.
    pub(super) fn supply(&self, step: usize, running: &Running, direction: Direction, flow: Flow) -> Supply {
        let demand = running.deferrables.iter().flatten().sum();
        let mut supply = Supply { hours: self.checked.hours[step], demand, ..Supply::default() };
        self.add_loads(step, &mut supply);
        self.add_sources(step, &mut supply);
        self.add_gensets(running, &mut supply);
        self.add_grid(step, direction, flow, &mut supply);
        supply.in_merit_order()
    }

    fn add_loads(&self, step: usize, supply: &mut Supply) {
        for (part, load) in &self.loads {
            let power = load.power_w.at(step) / 1e3;
            supply.demand += power;
            if let Some((price, share)) = self.checked.shedding(load) {
                supply.blocks.push(Block { give: Give::Shed(*part), price, power: power * share });
            }
        }
    }

    fn add_sources(&self, step: usize, supply: &mut Supply) {
        for (part, source) in &self.sources {
            let power = self.checked.available_w(source, step) / 1e3;
            if source.curtailable {
                let price = source.cost_per_kwh - source.curtailment_per_kwh;
                supply.base_cost += source.curtailment_per_kwh * power * supply.hours;
                supply.blocks.push(Block { give: Give::Use(*part), price, power });
            } else {
                supply.demand -= power;
                supply.base_cost += source.cost_per_kwh * power * supply.hours;
            }
        }
    }

    fn add_gensets(&self, running: &Running, supply: &mut Supply) {
        let each = self.gensets.iter().zip(&running.gensets);
        for ((part, genset), _) in each.filter(|(_, on)| **on) {
            let price = genset.marginal_per_kwh + self.carbon(genset.carbon_g_per_kwh);
            let least = genset.min_w / 1e3;
            supply.base += least;
            supply.base_cost += (least * price + genset.no_load_per_h) * supply.hours;
            supply.blocks.push(Block { give: Give::Generate(*part), price, power: genset.max_w / 1e3 - least });
        }
    }

    fn add_grid(&self, step: usize, direction: Direction, flow: Flow, supply: &mut Supply) {
        let Some((part, grid)) = self.grid else { return };
        let connection = self.connection(grid, step, direction, flow, supply);
        if direction != Direction::Import {
            supply.base -= connection.export;
            supply.base_cost -= connection.sell * connection.export * supply.hours;
            let give = Give::ExportLess(part);
            supply.blocks.push(Block { give, price: connection.sell, power: connection.export });
        }
        if direction != Direction::Export {
            supply.blocks.push(Block { give: Give::Import(part), price: connection.buy, power: connection.import });
        }
    }

    /// Prices and limits; a limit that is not given is the most that could matter.
    fn connection(&self, grid: &Grid, step: usize, direction: Direction, flow: Flow, supply: &Supply) -> Connection {
        let (buy, sell) = self.prices(grid, step);
        let limit =
            |limit: &Option<crate::optimize::Profile>| limit.as_ref().map_or(f64::INFINITY, |limit| limit.at(step) / 1e3);
        let (import, export) = (limit(&grid.import_limit_w), limit(&grid.export_limit_w));
        let given: f64 = supply.blocks.iter().map(|block| block.power).sum();
        // A kW beyond what can flow, so that another kWh has its price in any case.
        let most_out = (given + supply.base - supply.demand + flow.discharge).max(0.0) + 1.0;
        let most_in = (supply.demand - supply.base + flow.charge.1).max(0.0) + 1.0;
        let through = direction == Direction::Either && sell > buy;
        let export = export.min(most_out + if through { import } else { 0.0 });
        let import = import.min(most_in + if through { export } else { 0.0 });
        Connection { buy, sell, import, export }
    }

    /// What a kWh bought costs, with its carbon, and what one sold earns.
    fn prices(&self, grid: &Grid, step: usize) -> (f64, f64) {
        let buy = grid.buy_per_kwh.at(step) + self.carbon(grid.carbon_g_per_kwh.at(step));
        (buy, grid.sell_per_kwh.at(step))
    }

    fn carbon(&self, grams: f64) -> f64 {
        grams / 1e3 * self.checked.site.carbon_price_per_kg
    }
}
