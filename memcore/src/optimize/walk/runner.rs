//! The walk itself: forecast, plan, carry out, and again.

use super::super::checked::Checked;
use super::super::solve::Memory;
use super::super::{Asked, Asset, Engine, Forecaster, Options, Outcome, Plan, Quantity, Site, Terminal, verify};
use super::Walk;
use super::plant::{Closes, Plant, Wishes};
use super::report::{Backtest, Comparison, Tally};
use super::rules::Rules;
use crate::error::{Error, Result};
use crate::model::Span;

/// A plan that exchanges less than this with the grid exchanges nothing, in W.
const ALONE_W: f64 = 1.0;

/// Walks a site's history; see [`backtest`](super::backtest).
pub(super) fn run(
    site: &Site,
    forecaster: &mut dyn Forecaster,
    walk: &Walk,
    progress: &mut dyn FnMut(usize, usize) -> Result<()>,
) -> Result<Backtest> {
    let steps = check(site, walk)?;
    let truth = site.part(walk.from..walk.from + steps)?;
    let checked = truth.checked()?;
    forecaster.begin(&site.horizon)?;
    let begun = walk.options.now();
    let mut walker = Walker::new(site, &truth, &checked, walk);
    let mut step = 0;
    while step < steps {
        let end = (step + walk.every).min(steps);
        walker.plan_at(step, forecaster)?;
        walker.carry_out(step..end);
        step = end;
        progress(step, steps)?;
    }
    let elapsed = since(&walk.options, begun);
    let Walker { plant, tally, .. } = walker;
    let mut found = Backtest::new(&checked, plant.schedule, plant.unresolved_kwh, tally, elapsed);
    if walk.perfect {
        found.perfect = perfect(&truth, &walk.options, &mut found.notices)?;
    }
    if walk.rules {
        found.rules = Some(by_rules(&truth)?);
    }
    Ok(found)
}

/// How many steps are walked.
fn check(site: &Site, walk: &Walk) -> Result<usize> {
    let have = site.horizon.len();
    let to = walk.to.unwrap_or(have);
    if to > have || walk.from >= to {
        let from = walk.from;
        return Err(Error::invalid(format!("walk is of steps {from}..{to}, expected some of the horizon's {have}")));
    }
    for (name, value) in [("ahead", walk.ahead), ("every", walk.every)] {
        if value == 0 {
            return Err(Error::invalid(format!("walk.{name} is 0, expected at least one step")));
        }
    }
    if walk.every > walk.ahead {
        let (every, ahead) = (walk.every, walk.ahead);
        return Err(Error::invalid(format!("walk.every is {every}, expected at most walk.ahead of {ahead} steps")));
    }
    Ok(to - walk.from)
}

fn since(options: &Options, begun: Span) -> Span {
    Span::from_micros(options.now().as_micros() - begun.as_micros())
}

struct Walker<'a> {
    /// The site with its history.
    whole: &'a Site,
    truth: &'a Site,
    outline: Site,
    plant: Plant<'a>,
    walk: &'a Walk,
    memory: Memory,
    /// The plan that is carried out, and the step of the truth that it begins with.
    current: Option<(Box<Plan>, usize)>,
    tally: Tally,
}

impl<'a> Walker<'a> {
    fn new(whole: &'a Site, truth: &'a Site, checked: &'a Checked<'a>, walk: &'a Walk) -> Self {
        let plant = Plant::new(checked);
        let (outline, memory) = (truth.outline(), Memory::default().warm_starts(walk.warm_starts));
        Self { whole, truth, outline, plant, walk, memory, current: None, tally: Tally::default() }
    }

    fn plan_at(&mut self, step: usize, forecaster: &mut dyn Forecaster) -> Result<()> {
        let begun = self.walk.options.now();
        let site = self.forecast_site(step, forecaster)?;
        match site.solve_in(&self.walk.options, &mut self.memory)? {
            Outcome::Plan(plan) => {
                self.tally.plan(plan.engine.engine);
                self.current = Some((plan, step));
            }
            Outcome::Infeasible(infeasible) => self.tally.no_plan(site.horizon.start(), &infeasible.text),
            Outcome::Undecided(undecided) => self.tally.no_plan(site.horizon.start(), &undecided.why),
        }
        self.tally.took(since(&self.walk.options, begun));
        Ok(())
    }

    /// The site from a step on, in the state that it is in, as forecasts see it.
    fn forecast_site(&mut self, step: usize, forecaster: &mut dyn Forecaster) -> Result<Site> {
        let end = (step + self.walk.ahead).min(self.truth.horizon.len());
        let mut site = self.outline.clone();
        site.take_part(self.truth, step..end)?;
        let mut state = self.plant.state(step);
        if let (Some(_), Some((plan, first))) = (&site.stay, &self.current) {
            state.previous = previous(plan, site.assets.len(), step - first);
        }
        site.set_state(&state)?;
        let (first, horizon) = (self.walk.from + step, &self.whole.horizon);
        for (asset, whole) in site.assets.iter_mut().zip(&self.whole.assets) {
            let name = asset.name().to_owned();
            for ((field, profile), (_, known)) in asset.profiles_mut().into_iter().zip(whole.profiles()) {
                if let (super::super::Profile::Steps(values), super::super::Profile::Steps(known)) = (profile, known) {
                    let asked = Asked { part: &name, field, horizon, first, history: &known[..first] };
                    forecaster.forecast(&asked, values)?;
                }
            }
        }
        Ok(site)
    }

    fn carry_out(&mut self, steps: std::ops::Range<usize>) {
        for step in steps {
            match &self.current {
                // A plan that has been followed to its end says nothing more.
                Some((plan, first)) if step < first + plan.horizon.len() => {
                    let is_last = step + self.walk.every >= self.truth.horizon.len();
                    self.plant.step(step, &Planned { plan, first: *first, is_last });
                }
                _ => self.plant.step(step, &Rules),
            }
        }
    }
}

/// The net powers of a plan's assets after some of its steps.
fn previous(plan: &Plan, assets: usize, past: usize) -> Vec<super::super::PreviousPower> {
    let of_part = |(part, name): (usize, &String)| {
        let power_w = (past..plan.horizon.len()).map(|step| Some(plan.schedule.net_power(part, step))).collect();
        super::super::PreviousPower { asset: name.clone(), power_w }
    };
    plan.parts.iter().take(assets).enumerate().map(of_part).collect()
}

/// What a plan says.
struct Planned<'a> {
    plan: &'a Plan,
    first: usize,
    /// Whether no other plan follows, which could put a store right.
    is_last: bool,
}

impl Wishes for Planned<'_> {
    fn wish(&self, _: &Plant<'_>, part: usize, quantity: Quantity, step: usize) -> f64 {
        self.plan.schedule.get(part, quantity).map_or(0.0, |column| column[step - self.first])
    }

    /// What the plan holds a stored kWh to be worth is compared with the price at the grid. Where it holds nothing, a plan that neither
    /// imports nor exports means that the site lives on its own, and any other means what it says.
    fn closes(&self, plant: &Plant<'_>, bus: usize, step: usize, lack: f64) -> Closes {
        if self.is_last {
            return Closes::GridFirst;
        }
        let on_bus = || plant.checked.assets().filter(|(part, _)| plant.checked.bus_of[*part] == bus);
        let grid = on_bus().find_map(|(part, asset)| match asset {
            Asset::Grid(grid) => Some((part, grid)),
            _ => None,
        });
        let battery = on_bus().find_map(|(_, asset)| match asset {
            Asset::Battery(battery) => Some(battery),
            _ => None,
        });
        let (Some((part, grid)), Some(battery)) = (grid, battery) else { return Closes::BatteryFirst };
        let worth = self.plan.water_values.iter().find(|worth| worth.part == battery.name);
        let Some(worth) = worth.map(|worth| worth.per_kwh[step - self.first]) else {
            let exchanged = self.wish(plant, part, Quantity::Import, step) + self.wish(plant, part, Quantity::Export, step);
            return if exchanged < ALONE_W { Closes::BatteryFirst } else { Closes::GridFirst };
        };
        // What a kWh at the bus is worth to be stored, and what it costs out of the store.
        let (into, out) = (worth * battery.charge_efficiency, worth / battery.discharge_efficiency + battery.wear_per_kwh);
        // More is bought, or less sold; less is bought, or more sold.
        let net = plant.value(part, Quantity::Import, step) - plant.value(part, Quantity::Export, step);
        let is_bought = net > 0.0 || (net == 0.0 && lack > 0.0);
        let price = if is_bought { grid.buy_per_kwh.at(step) } else { grid.sell_per_kwh.at(step) };
        let (moves, rests) = if lack > 0.0 { (price > out, price > into) } else { (price < into, price < out) };
        match (moves, rests) {
            (true, _) => Closes::BatteryFirst,
            (false, true) => Closes::BatteryToRest,
            (false, false) => Closes::GridFirst,
        }
    }
}

/// The best that could have been done.
fn perfect(truth: &Site, options: &Options, notices: &mut Vec<String>) -> Result<Option<Comparison>> {
    let outcome = truth.solve(options)?;
    match outcome {
        Outcome::Plan(plan) => Ok(Some(Comparison { cost: plan.objective, bound: plan.bound, stored_wh: 0.0 })),
        Outcome::Infeasible(infeasible) => {
            notices.push(format!("with perfect foresight there is no plan: {}", infeasible.text));
            Ok(None)
        }
        Outcome::Undecided(undecided) => {
            notices.push(format!("with perfect foresight there is no plan in time: {}", undecided.why));
            Ok(None)
        }
    }
}

/// What plain rules would have cost. What they leave in batteries less than there was is bought at the mean price, so that an empty
/// battery is no gain.
fn by_rules(truth: &Site) -> Result<Comparison> {
    let mut free = truth.clone();
    for asset in &mut free.assets {
        if let Asset::Battery(battery) = asset {
            battery.terminal = Terminal::Free;
        }
    }
    let checked = free.checked()?;
    let mut plant = Plant::new(&checked);
    for step in 0..checked.steps() {
        plant.step(step, &Rules);
    }
    let account = verify::account(&checked, &plant.schedule);
    let price = mean_price(&free);
    let mut comparison = Comparison { cost: account.total, bound: account.total, stored_wh: 0.0 };
    for (part, asset) in checked.assets() {
        if let Asset::Battery(battery) = asset {
            let gained = plant.held[part] - battery.initial_wh;
            let efficiency = if gained < 0.0 { 1.0 / battery.charge_efficiency } else { battery.discharge_efficiency };
            comparison.stored_wh += gained;
            comparison.cost -= price * gained / 1000.0 * efficiency;
        }
    }
    Ok(comparison)
}

/// The mean price of a kWh bought; zero without a grid.
fn mean_price(site: &Site) -> f64 {
    let grids = site.assets.iter().filter_map(|asset| match asset {
        Asset::Grid(grid) => Some(grid.buy_per_kwh.values()),
        _ => None,
    });
    grids.map(|prices| prices.iter().sum::<f64>() / prices.len().max(1) as f64).next().unwrap_or(0.0)
}

impl Tally {
    fn plan(&mut self, engine: Engine) {
        self.plans += 1;
        match self.engines.iter_mut().find(|(of, _)| *of == engine) {
            Some((_, count)) => *count += 1,
            None => self.engines.push((engine, 1)),
        }
    }

    fn took(&mut self, span: Span) {
        self.planning = Span::from_micros(self.planning.as_micros() + span.as_micros());
        self.longest = self.longest.max(span);
    }
}
