//! A site with several stores, planned one after the other: each by an exact engine, with the others as they were planned before it.
//!
//! The exact engines of one store take a fraction of a millisecond where a program of several takes a second, and a loop that plans
//! every quarter of an hour is better served by a good plan at once. So vehicles come first, which must be full by a time, and then
//! what can serve whatever is left: the battery, with gensets and all else. Sites that the exact engines take as they are stay whole. What comes out is gone through by
//! the verifier as any other plan is; and where a turn finds none, the whole site is solved as a program.

use std::borrow::Cow;

use super::behind::Behind;
use crate::error::Result;
use crate::optimize::{Asset, Load, Options, Outcome, Planner, Profile, Schedule, Site, Source, Status, Stay};

/// What leaving the previous plan costs, where a program could otherwise flutter between plans that are equally good, per kWh.
const STAY_PER_KWH: f64 = 1e-4;
/// What the others of a turn are called together.
const OTHERS: &str = "planned before";

/// How a site was planned.
#[derive(Debug, Clone, PartialEq)]
pub enum Solved {
    /// A schedule that keeps every rule.
    Schedule {
        /// What every part does.
        schedule: Schedule,
        /// What it costs.
        objective: f64,
        /// Whether it is proven to be the best.
        is_exact: bool,
        /// What was assumed, and what was missed.
        notices: Vec<String>,
    },
    /// No plan keeps all limits: why.
    Infeasible(String),
    /// None was found in time: why.
    Undecided(String),
}

/// Plans a site again and again.
#[derive(Debug)]
pub struct InTurn {
    planner: Planner,
    options: Options,
}

impl InTurn {
    /// With the options for each engine.
    #[must_use]
    pub fn new(site: Site, options: Options) -> Self {
        Self { planner: Planner::new(site, options.clone()), options }
    }

    /// Plans a site. `stay` is what held before, for programs only: exact engines settle ties always in the same way.
    ///
    /// # Errors
    /// Those of [`Site::solve`].
    pub fn solve(&mut self, site: &Site, stay: Option<Stay>) -> Result<Solved> {
        if let Some(behind) = Behind::of(site) {
            let flat = if site.links.is_empty() { Cow::Borrowed(site) } else { Cow::Owned(Behind::flat(site)) };
            let turns = turns(&flat);
            let in_turns = !turns.is_empty() || !site.links.is_empty();
            if in_turns
                && is_exact_in_turns(&flat)
                && let Some(solved) = self.by_turns(site, &flat, &behind, &turns)?
            {
                return Ok(solved);
            }
            if !in_turns && is_exact(site) {
                return self.planner.solve_for(site).map(taken);
            }
        }
        let mut whole = site.clone();
        whole.stay = stay.map(|stay| Stay { per_kwh: STAY_PER_KWH, ..stay });
        whole.solve(&self.options).map(taken)
    }

    /// One turn after the other; None where one of them found no plan, or all together break a rule.
    fn by_turns(&mut self, site: &Site, flat: &Site, behind: &Behind, turns: &[usize]) -> Result<Option<Solved>> {
        let mut schedule = Schedule::zeros(site);
        let mut others = vec![0.0; site.horizon.len()];
        let mut notices = Vec::new();
        for turn in turns.iter().map(|turn| Some(*turn)).chain([None]) {
            let (mut part, places) = part_of(flat, turns, turn, &others);
            for (asset, place) in part.assets.iter_mut().zip(&places) {
                if !behind.limit(asset, *place, site, &schedule) {
                    return Ok(None);
                }
            }
            let Outcome::Plan(plan) = self.planner.solve_for(&part)? else { return Ok(None) };
            notices.extend(plan.violations.iter().map(|violation| violation.text.clone()));
            for (of_part, of_site) in places.iter().enumerate() {
                if turn.is_none_or(|turn| turn == *of_site) {
                    copy(&plan.schedule, of_part, &mut schedule, *of_site);
                }
            }
            if let Some(turn) = turn {
                others.iter_mut().enumerate().for_each(|(step, power_w)| *power_w += schedule.net_power(turn, step));
            }
        }
        behind.write_flows(&mut schedule);
        let verified = site.verify(&schedule);
        Ok(verified.ok().map(|verified| Solved::Schedule {
            schedule,
            objective: verified.objective,
            is_exact: false,
            notices,
        }))
    }
}

/// The stores that take turns before the rest: vehicles, and all batteries but the last; none where the site has one store or none.
fn turns(site: &Site) -> Vec<usize> {
    let places = |of: fn(&Asset) -> bool| (0..site.assets.len()).filter(move |place| of(&site.assets[*place]));
    let vehicles = places(|asset| matches!(asset, Asset::Ev(ev) if !ev.sessions.is_empty()));
    let batteries: Vec<usize> = places(|asset| matches!(asset, Asset::Battery(_))).collect();
    let before = &batteries[..batteries.len().saturating_sub(1)];
    let turns: Vec<usize> = vehicles.chain(before.iter().copied()).collect();
    if turns.len() + batteries.len() - before.len() < 2 { Vec::new() } else { turns }
}

/// Whether exact engines take each turn of a site.
fn is_exact_in_turns(site: &Site) -> bool {
    site.reserve.is_none() && !site.assets.iter().any(|asset| matches!(asset, Asset::HeatPump(_)))
}

/// Whether an exact engine takes the site as it is.
fn is_exact(site: &Site) -> bool {
    let count = |of: fn(&Asset) -> bool| site.assets.iter().filter(|asset| of(asset)).count();
    let stores = count(|asset| matches!(asset, Asset::Battery(_) | Asset::Ev(_)));
    let has_modes = count(|asset| matches!(asset, Asset::Ev(_) | Asset::Genset(_) | Asset::Deferrable(_))) > 0;
    let has_charges = count(|asset| matches!(asset, Asset::Grid(grid) if !grid.demand_charges.is_empty())) > 0;
    let has_more =
        count(|asset| matches!(asset, Asset::HeatPump(_))) > 0 || site.reserve.is_some() || !site.links.is_empty();
    stores < 2 && !(has_modes && has_charges) && !has_more
}

/// The site of a turn, with the places of its assets in the whole: a store with the grid, sources and loads; or all but those that
/// had a turn. What was planned before is a load, or a source where it gives.
fn part_of(site: &Site, turns: &[usize], turn: Option<usize>, others: &[f64]) -> (Site, Vec<usize>) {
    let belongs = |(place, asset): &(usize, &Asset)| match turn {
        Some(turn) => turn == *place || matches!(asset, Asset::Grid(_) | Asset::Pv(_) | Asset::Load(_)),
        None => !turns.contains(place),
    };
    let (places, mut assets): (Vec<usize>, Vec<Asset>) =
        site.assets.iter().enumerate().filter(belongs).map(|(place, asset)| (place, asset.clone())).unzip();
    let side = |sign: f64| others.iter().map(|power_w| (sign * power_w).max(0.0)).collect::<Vec<_>>();
    let (takes, gives) = (side(1.0), side(-1.0));
    if takes.iter().any(|power_w| *power_w > 0.0) {
        assets.push(Load::new(OTHERS, takes).into());
    }
    if gives.iter().any(|power_w| *power_w > 0.0) {
        assets.push(Source::new(format!("{OTHERS}, giving"), gives).curtailable(false).into());
    }
    if turn.is_some() {
        assets.iter_mut().for_each(|asset| level(asset, site, turn, others));
    }
    let outline = Site { assets: Vec::new(), ..site.clone() };
    (Site { assets, ..outline }, places)
}

/// In the turn of a vehicle a demand charge is a limit of import: what the site has seen and will see of itself, and what the vehicle
/// takes where it takes it evenly.
fn level(asset: &mut Asset, site: &Site, turn: Option<usize>, others: &[f64]) {
    let (Asset::Grid(grid), Some(Asset::Ev(ev))) = (asset, turn.map(|turn| &site.assets[turn])) else { return };
    let charges = std::mem::take(&mut grid.demand_charges);
    if charges.is_empty() {
        return;
    }
    let seen_w = charges.iter().map(|charge| charge.peak_so_far_w).fold(0.0, f64::max);
    let load_w = |step: usize| {
        let of = |asset: &Asset| match asset {
            Asset::Load(load) => load.power_w.at(step),
            Asset::Pv(source) => -source.available_w.at(step).max(0.0),
            _ => 0.0,
        };
        site.assets.iter().map(of).sum::<f64>() + others[step]
    };
    let highest_w = (0..site.horizon.len()).map(load_w).fold(seen_w, f64::max);
    let evenly_w = ev.sessions.iter().filter_map(|session| {
        let steps = site.horizon.steps_within(session.arrival, session.departure);
        let hours: f64 = steps.clone().map(|step| site.horizon.hours(step)).sum();
        let load_wh: f64 = steps.map(|step| load_w(step) * site.horizon.hours(step)).sum();
        let needs_wh = (session.target_wh - session.initial_wh).max(0.0) / ev.charge_efficiency;
        (hours > 0.0).then(|| (load_wh + needs_wh) / hours)
    });
    let least_w = ev.charging.bands_w().first().map_or(0.0, |band| band.0);
    let limit_w = evenly_w.fold(highest_w.max(least_w), f64::max);
    let told = grid.import_limit_w.take().unwrap_or(Profile::Constant(f64::INFINITY));
    grid.import_limit_w = Some(told.map(|told| told.min(limit_w)));
}

/// Takes the columns of a part over.
fn copy(from: &Schedule, of_part: usize, to: &mut Schedule, of_site: usize) {
    for quantity in from.quantities(of_part) {
        to.column_mut(of_site, *quantity).copy_from_slice(from.column(of_part, *quantity));
    }
}

fn taken(outcome: Outcome) -> Solved {
    match outcome {
        Outcome::Plan(plan) => {
            let notices = plan.notices.into_iter().chain(plan.violations.into_iter().map(|violation| violation.text));
            let is_exact = plan.status == Status::Optimal;
            Solved::Schedule { schedule: plan.schedule, objective: plan.objective, is_exact, notices: notices.collect() }
        }
        Outcome::Infeasible(infeasible) => Solved::Infeasible(infeasible.text),
        Outcome::Undecided(undecided) => Solved::Undecided(undecided.why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Currency, Span, Timestamp};
    use crate::optimize::{
        Battery, Charging, DemandCharge, Ev, Grid, Horizon, Link, MAIN_BUS, Quantity, Session, Terminal,
    };

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_seconds(1_767_571_200 + 3_600 * hour)
    }

    /// A day by the hour: cheap at night, sun at noon, dear in the evening; a battery, and cars that are there until seven.
    fn home(cars: usize) -> Site {
        let price = |hour: usize| [0.18, 0.32, 0.45][usize::from(hour >= 6) + usize::from((17..21).contains(&hour))];
        let sun = |hour: usize| (1.0 - ((hour as f64 - 12.0) / 5.0).powi(2)).max(0.0) * 6_000.0;
        let mut assets: Vec<Asset> = vec![
            Grid::new("grid", (0..24).map(price).collect::<Vec<_>>()).sell_per_kwh(0.08).import_limit_w(14_000.0).into(),
            Load::new("house", (0..24).map(|hour| 400.0 + 30.0 * hour as f64).collect::<Vec<_>>()).into(),
            Source::new("roof", (0..24).map(sun).collect::<Vec<_>>()).into(),
            Battery::new("battery", 10_000.0, 5_000.0, 5_000.0, 3_000.0).terminal(Terminal::ValuePerKwh(0.2)).into(),
        ];
        for car in 0..cars {
            let departure = at(7 + 6 * car as i64);
            let session = Session { arrival: at(-2), departure, initial_wh: 20_000.0, target_wh: 32_000.0, limit_wh: None };
            let charging = Charging::Power { min_w: 1_380.0, max_w: 7_000.0 };
            assets.push(Ev::new(format!("car{car}"), 60_000.0, vec![session], charging).into());
        }
        Site::new(Currency::EUR, Horizon::even(at(0), Span::from_seconds(3_600), 24).unwrap(), assets)
    }

    fn solved(site: &Site) -> (Schedule, f64, bool, Vec<String>) {
        match InTurn::new(site.clone(), Options::default()).solve(site, None).unwrap() {
            Solved::Schedule { schedule, objective, is_exact, notices } => (schedule, objective, is_exact, notices),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn one_store_is_planned_exactly() {
        let site = home(0);
        let (_, objective, is_exact, _) = solved(&site);
        assert!(is_exact);
        assert_eq!(objective, site.solve(&Options::default()).unwrap().plan().unwrap().objective);
    }

    #[test]
    fn cars_and_a_battery_in_turn_cost_little_more_than_the_best() {
        for cars in [1, 2] {
            let site = home(cars);
            let (schedule, objective, is_exact, notices) = solved(&site);
            let best = site.solve(&Options::default()).unwrap().into_plan().unwrap();
            assert!(!is_exact && notices.is_empty(), "{notices:?}");
            assert!(
                objective >= best.objective - 1e-6 && objective < best.objective * 1.02 + 0.01,
                "{objective} {}",
                best.objective
            );
            assert!(site.verify(&schedule).is_ok());
            let energy = schedule.column(4, Quantity::Energy);
            assert!(energy[6] >= 32_000.0 - 1e-3, "the car leaves with what it needs: {energy:?}");
        }
    }

    #[test]
    fn a_demand_charge_is_not_paid_for_a_car_that_has_the_whole_night() {
        let mut site = home(1);
        if let Asset::Grid(grid) = &mut site.assets[0] {
            grid.demand_charges = vec![DemandCharge::new(5.0)];
        }
        let (schedule, _, _, _) = solved(&site);
        let highest = schedule.column(0, Quantity::Import)[..7].iter().copied().fold(0.0, f64::max);
        // 13.3 kWh in seven hours beside the house are 2.4 kW.
        assert!(highest < 3_500.0, "{highest}");
        assert!(schedule.column(4, Quantity::Energy)[6] >= 32_000.0 - 1e-3);
    }

    #[test]
    fn a_limit_of_the_car_and_the_battery_together_is_kept_by_their_turns() {
        let mut site = home(1);
        for place in [3, 4] {
            super::super::derive::put_on(&mut site.assets[place], "behind the limit".to_owned());
        }
        let mut link = Link::new("dso", MAIN_BUS, "behind the limit", 4_200.0);
        link.reverse_limit_w = Some(1e6.into());
        link.exclusive = false;
        site.links.push(link);
        let behind = Behind::of(&site).unwrap();
        let turned = InTurn::new(site.clone(), Options::default());
        let solved = { turned }.by_turns(&site, &Behind::flat(&site), &behind, &[4]).unwrap();
        let Some(Solved::Schedule { schedule, objective, .. }) = solved else { panic!("{solved:?}") };
        let best = site.solve(&Options::default()).unwrap().into_plan().unwrap();
        assert!(objective < best.objective * 1.05 + 0.01, "{objective} {}", best.objective);
        let together = |step: usize| schedule.net_power(3, step) + schedule.net_power(4, step);
        assert!((0..24).all(|step| together(step) < 4_200.0 + 1e-3));
        assert!(schedule.column(4, Quantity::Energy)[6] >= 32_000.0 - 1e-3);
    }

    #[test]
    fn what_cannot_be_planned_in_turn_is_planned_whole() {
        // Nothing may be imported: the car alone has no power at night, with the battery it has.
        let mut site = home(1);
        if let Asset::Grid(grid) = &mut site.assets[0] {
            grid.import_limit_w = Some(0.0.into());
        }
        if let Asset::Load(load) = &mut site.assets[1] {
            load.power_w = 10.0.into();
        }
        let (schedule, objective, _, _) = solved(&site);
        let best = site.solve(&Options::default()).unwrap().into_plan().unwrap();
        assert!((objective - best.objective).abs() < 1e-6, "{objective} {}", best.objective);
        assert!(site.verify(&schedule).is_ok());
    }
}
