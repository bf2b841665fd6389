//! One store against the merit order of its bus: the best schedule by value functions, without any solver.
//!
//! # The method
//! Let `e` be the stored energy and `d` the net change of it in a step. What the step costs is a convex piecewise-linear function
//! `g(d)`: the merit order ([`market`](super::market)) seen through the store's losses and wear. What is to come costs `V(e)`, and
//! backwards in time `V_t(e) = min over d of g_t(d) + V_{t+1}(kept * e + d) + wishes`, each a [`Curve`]. Forwards, each step takes the
//! best `d` from where it is. Of equally good ones it takes the least, so that nothing cycles for nothing.
//!
//! # Why the answer is exact though it never decides between modes
//! Charging or discharging: `d` is either positive or negative, so the two exclude each other by construction. `g` may fail to be
//! convex only at `d = 0`, where power is so cheap that burning it in the converter pays; there the lower convex hull stands in.
//! Importing or exporting: the merit order takes all export back before it imports, unless selling earns more than buying costs.
//! Both replacements cost no more than what is real, so the optimum found bounds the real one from below. The schedule is then
//! looked at: where it stays on what is real in every step, its cost is that bound, and it is optimal whatever the prices; where it
//! does not, the engine says in which step and leaves the site to others. A battery that may mix (`exclusive = false`) would be
//! bounded by less; there the prices found must be a dual solution of the mixing problem too, or the site is left to others as well.
//!
//! # Prices
//! `water_t`, the worth of a kWh at the end of step `t`, is a subgradient of `g_t` at `d_t` and minus one of `V_{t+1}` at `e_t`; from
//! step to step it changes only where a bound or wish pushes: `kept_{t+1} water_{t+1} - water_t` is a subgradient of these. The
//! price of the bus lies between what the last offer taken and the next one cost, and where the store neither rests nor is at a
//! limit, it is what the water value makes of it. These satisfy complementary slackness, so their weak-duality bound is the cost.

use crate::optimize::answer::{Answer, Solved};
use crate::optimize::checked::Checked;
use crate::optimize::{Asset, Quantity, Schedule};

use super::curve::{Curve, Curves, SAME_LENGTH, Segment, TOUCHING};
use super::demand::{self, Charge};
use super::market::{Flow, Market, Parts, Step};
use super::path::Path;
use super::store::Store;

/// More segments than this (a gigabyte of them) are not kept.
const MOST_SEGMENTS: usize = 1 << 26;

/// The best schedule, where the site has at most one store and its costs are convex.
pub(in crate::optimize) fn solve(checked: &Checked<'_>, workspace: &mut Workspace) -> Answer {
    match Problem::of(checked).map_err(Answer::NotMine).and_then(|problem| demand::solve(&problem, workspace)) {
        Ok(solved) => Answer::Solved(Box::new(solved)),
        Err(answer) => answer,
    }
}

/// A site of the right shape.
#[derive(Debug)]
pub(super) struct Problem<'a> {
    pub(super) checked: &'a Checked<'a>,
    pub(super) parts: Parts<'a>,
    pub(super) store: Option<Store<'a>>,
    pub(super) charges: Vec<Charge>,
}

impl<'a> Problem<'a> {
    fn of(checked: &'a Checked<'a>) -> Result<Self, String> {
        let site = checked.site;
        let parts = Parts::of(checked)?;
        let store = Store::of(checked)?;
        if checked.buses.len() > 1 {
            return Err(format!("it has {} buses", checked.buses.len()));
        }
        if site.reserve.is_some() {
            return Err("it keeps a reserve".to_owned());
        }
        if !site.smoothness.is_empty() || site.stay.is_some() {
            return Err("change from step to step or from the previous plan has a cost".to_owned());
        }
        let charges = Charge::of(checked, &parts)?;
        Ok(Self { checked, parts, store, charges })
    }

    pub(super) fn steps(&self) -> usize {
        self.checked.steps()
    }

    /// The store's limits of power, charge and discharge, in kW.
    pub(super) fn store_kw(&self, step: usize) -> (f64, f64) {
        self.store.map_or((0.0, 0.0), |store| store.limits_kw(step))
    }

    /// The store's efficiencies, charge and discharge, and its wear.
    pub(super) fn losses(&self) -> Losses {
        let battery = self.store.map(|store| store.battery);
        Losses {
            charge: battery.map_or(1.0, |battery| battery.charge_efficiency),
            discharge: battery.map_or(1.0, |battery| battery.discharge_efficiency),
            wear_per_kwh: battery.map_or(0.0, |battery| battery.wear_per_kwh),
        }
    }

    pub(super) fn kept(&self, step: usize) -> f64 {
        self.store.map_or(1.0, |store| store.kept(step))
    }

    fn bounds_kwh(&self, step: usize) -> (f64, f64) {
        self.store.map_or((0.0, 0.0), |store| store.bounds_kwh(step))
    }

    /// When a step starts, for messages.
    pub(super) fn time(&self, step: usize) -> String {
        self.checked.site.horizon.starts()[step].to_string()
    }
}

/// What a store makes of power.
#[derive(Debug, Clone, Copy)]
pub(super) struct Losses {
    pub(super) charge: f64,
    pub(super) discharge: f64,
    pub(super) wear_per_kwh: f64,
}

impl Losses {
    /// The change of energy that a power on the bus makes, positive into the store.
    #[inline]
    pub(super) fn change(&self, kw: f64, hours: f64) -> f64 {
        if kw > 0.0 { kw * hours * self.charge } else { kw * hours / self.discharge }
    }

    /// The power on the bus that a change of energy takes.
    #[inline]
    pub(super) fn power(&self, change: f64, hours: f64) -> f64 {
        if change > 0.0 { change / (hours * self.charge) } else { change * self.discharge / hours }
    }
}

/// What a step costs over the change of energy in it.
#[derive(Debug, Clone, Copy)]
struct Stage {
    first: usize,
    past: usize,
    lowest: f64,
    highest: f64,
}

/// A step whose cost is not convex: where its hull is below it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hull {
    pub(super) step: usize,
    pub(super) from: f64,
    pub(super) to: f64,
}

/// Memory of the engine, used again from site to site.
#[derive(Debug, Default)]
pub(in crate::optimize) struct Workspace {
    pub(super) market: Market,
    stages: Vec<Stage>,
    stage_segments: Vec<Segment>,
    pub(super) hulls: Vec<Hull>,
    curves: Curves,
    pub(super) path: Path,
}

impl Workspace {
    /// Solves with given peaks of the demand charges; the path is then that of the best schedule.
    ///
    /// # Errors
    /// Infeasible, or why the site is not for this engine.
    pub(super) fn run(&mut self, problem: &Problem<'_>, peaks: &[f64]) -> Result<(), Answer> {
        self.build(problem, peaks)?;
        self.value(problem)?;
        Path::walk(self, problem)
    }

    /// What the step's cost is over the change of energy.
    pub(super) fn stage(&self, step: usize) -> Curve<'_> {
        let Stage { first, past, lowest, highest } = self.stages[step];
        Curve { lowest, highest, segments: &self.stage_segments[first..past] }
    }

    /// What is to come costs, over the energy at the end of a step.
    pub(super) fn to_come(&self, step: usize) -> Curve<'_> {
        self.curves.get(self.stages.len() - 1 - step)
    }

    /// The segments of all value functions.
    fn segments(&self) -> u64 {
        self.curves.segments() as u64
    }

    /// The merit orders, and what they cost over the change of energy.
    fn build(&mut self, problem: &Problem<'_>, peaks: &[f64]) -> Result<(), Answer> {
        self.market.clear();
        self.stages.clear();
        self.stage_segments.clear();
        self.hulls.clear();
        let losses = problem.losses();
        let mut thresholds = Vec::new();
        for step in 0..problem.steps() {
            let store_kw = problem.store_kw(step);
            if !problem.charges.is_empty() {
                demand::thresholds(problem, peaks, step, &mut thresholds);
            }
            let added = self.market.add_step(&problem.parts, store_kw, &thresholds);
            added.map_err(|why| Answer::NotMine(format!("at {} {why}", problem.time(step))))?;
            if !self.add_stage(step, problem.checked.hours[step], store_kw, losses) {
                return Err(Answer::Infeasible);
            }
        }
        Ok(())
    }

    /// Adds what a step costs; false where no power of the store balances the bus.
    fn add_stage(&mut self, step: usize, hours: f64, (charge, discharge): (f64, f64), losses: Losses) -> bool {
        let at = self.market.steps[step];
        let offers = &self.market.offers[at.first..at.past];
        let highest_kw = offers.iter().fold(at.lowest_kw, |kw, offer| kw + offer.kw);
        let (from, to) = (at.lowest_kw.max(at.need_kw - discharge), highest_kw.min(at.need_kw + charge));
        if from > to + TOUCHING {
            return false;
        }
        let first = self.stage_segments.len();
        let (mut supply, mut kink) = (at.lowest_kw, first);
        let (per_kw_out, per_kw_in, per_kwh_in) = (hours / losses.discharge, hours * losses.charge, 1.0 / losses.charge);
        for offer in offers {
            let (begin, end) = (supply.max(from), (supply + offer.kw).min(to));
            supply += offer.kw;
            let discharged = (end.min(at.need_kw) - begin) * per_kw_out;
            if discharged > SAME_LENGTH {
                let slope = (offer.per_kwh - losses.wear_per_kwh) * losses.discharge;
                self.stage_segments.push(Segment { slope, length: discharged });
                kink = self.stage_segments.len();
            }
            let charged = (end - begin.max(at.need_kw)) * per_kw_in;
            if charged > SAME_LENGTH {
                self.stage_segments.push(Segment { slope: offer.per_kwh * per_kwh_in, length: charged });
            }
        }
        let lowest = losses.change(from - at.need_kw, hours);
        let highest = losses.change(to.max(from) - at.need_kw, hours);
        self.stages.push(Stage { first, past: self.stage_segments.len(), lowest, highest });
        self.make_convex(step, kink);
        true
    }

    /// Puts the lower convex hull in place of segments around `kink` whose slopes do not ascend.
    fn make_convex(&mut self, step: usize, kink: usize) {
        let stage = &mut self.stages[step];
        let segments = &mut self.stage_segments;
        let falls = |segments: &[Segment], at: usize| segments[at - 1].slope > segments[at].slope;
        if kink == stage.first || kink == stage.past || !falls(segments, kink) {
            return;
        }
        let mut at = kink;
        loop {
            let (a, b) = (segments[at - 1], segments.remove(at));
            let length = a.length + b.length;
            segments[at - 1] = Segment { slope: (a.slope * a.length + b.slope * b.length) / length, length };
            if at < segments.len() && falls(segments, at) {
                continue;
            }
            if at - 1 == stage.first || !falls(segments, at - 1) {
                break;
            }
            at -= 1;
        }
        stage.past = segments.len();
        let from = segments[stage.first..at - 1].iter().fold(stage.lowest, |from, segment| from + segment.length);
        self.hulls.push(Hull { step, from, to: from + segments[at - 1].length });
    }

    /// The value functions, from the end to the first step.
    fn value(&mut self, problem: &Problem<'_>) -> Result<(), Answer> {
        let last = problem.steps() - 1;
        let (lowest, highest) = problem.bounds_kwh(last);
        if lowest > highest + TOUCHING {
            return Err(Answer::Infeasible);
        }
        self.curves.clear();
        self.curves.push_flat(lowest, highest.max(lowest));
        for step in (0..=last).rev() {
            if let Some(store) = problem.store {
                store.add_wishes(step, &mut self.curves);
            }
            if step == 0 {
                break;
            }
            let Stage { first, past, lowest, highest } = self.stages[step];
            let stage = Curve { lowest, highest, segments: &self.stage_segments[first..past] };
            if !self.curves.push_before(stage, problem.kept(step), problem.bounds_kwh(step - 1)) {
                return Err(Answer::Infeasible);
            }
            if self.curves.segments() > MOST_SEGMENTS {
                return Err(Answer::NotMine(format!(
                    "its store is so large beside its power that value functions over {} steps take too much memory",
                    last + 1
                )));
            }
        }
        Ok(())
    }

    /// The path as an answer.
    ///
    /// # Errors
    /// Why the schedule found is not a real one.
    pub(super) fn answer(&self, problem: &Problem<'_>, bound: Option<f64>) -> Result<Solved, Answer> {
        if let Some(mixed) = &self.path.mixed {
            return Err(Answer::NotMine(mixed.clone()));
        }
        let schedule = self.schedule(problem);
        let objective = self.path.cost - self.surcharged(problem) + demand::cost(problem, &schedule);
        let water_values = problem.store.iter().map(|store| (store.part, self.path.water.clone())).collect();
        Ok(Solved {
            schedule,
            objective,
            bound: bound.map_or(objective, |bound| bound.min(objective)),
            bus_prices: Some(vec![self.path.prices.clone()]),
            water_values,
            iterations: self.segments(),
            nodes: 0,
        })
    }

    /// What surcharges add to the cost of the path.
    fn surcharged(&self, problem: &Problem<'_>) -> f64 {
        let of_step = |step: &Step| {
            let taken = self.path.taken[step.first..step.past].iter();
            taken.zip(&self.market.offers[step.first..step.past]).map(|(taken, offer)| taken * offer.surcharge).sum::<f64>()
        };
        let steps = self.market.steps.iter().zip(&problem.checked.hours);
        if problem.charges.is_empty() { 0.0 } else { steps.map(|(step, hours)| hours * of_step(step)).sum() }
    }

    fn schedule(&self, problem: &Problem<'_>) -> Schedule {
        let mut schedule = Schedule::zeros(problem.checked.site);
        self.fill_offers(problem, &mut schedule);
        for (part, source) in &problem.parts.sources {
            let [used, curtailed] = schedule.columns_mut(*part);
            for (step, (used, curtailed)) in used.iter_mut().zip(curtailed).enumerate() {
                let available = problem.checked.available_w(source, step);
                if source.curtailable {
                    *curtailed = available - *used;
                } else {
                    *used = available;
                }
            }
        }
        for (part, load) in &problem.parts.loads {
            let [served, shed] = schedule.columns_mut(*part);
            let columns = served.iter_mut().zip(shed).enumerate();
            columns.for_each(|(step, (served, shed))| *served = load.power_w.at(step) - *shed);
        }
        if let Some(store) = problem.store {
            self.path.fill(&mut schedule, store.part);
        }
        schedule
    }

    /// Fills the columns that offers are taken for: import, export, sun used, load shed.
    fn fill_offers(&self, problem: &Problem<'_>, schedule: &mut Schedule) {
        let assets = &problem.checked.site.assets;
        let column = |asset: (usize, &Asset)| match asset {
            (part, Asset::Grid(_)) => [Quantity::Import, Quantity::Export].map(|quantity| schedule.begin(part, quantity)),
            (part, Asset::Pv(_)) => [schedule.begin(part, Quantity::Used); 2],
            (part, Asset::Load(_)) => [schedule.begin(part, Quantity::Shed); 2],
            _ => [0; 2],
        };
        let columns: Vec<[usize; 2]> = assets.iter().enumerate().map(column).collect();
        let values = schedule.values_mut();
        for (at, step) in self.market.steps.iter().enumerate() {
            let offered = step.first..step.past;
            for (offer, taken) in self.market.offers[offered.clone()].iter().zip(&self.path.taken[offered]) {
                let part = offer.part as usize;
                let [column, exported] = columns[part];
                match (offer.flow, &assets[part]) {
                    (Flow::Export, _) => values[exported + at] += (offer.kw - taken) * 1000.0,
                    // To the last digit, so that nothing is curtailed.
                    (Flow::Used, Asset::Pv(source)) if *taken == offer.kw => {
                        values[column + at] = problem.checked.available_w(source, at);
                    }
                    _ => values[column + at] += taken * 1000.0,
                }
            }
        }
    }
}
