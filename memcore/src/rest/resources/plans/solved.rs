//! From a request to a plan: the site's text, the solver, and the answer in passive sign.

use axum::http::StatusCode;

use super::answer::{AssetPlan, Plan, PlanAsked, PlanCost, PlanPrice, PlanSummary, Status};
use crate::error::{Error, ErrorKind};
use crate::model::{Span, Timestamp};
use crate::optimize::{self, Asset, Engine, Options, Outcome, Quantity, Schedule, Site};
use crate::rest::problem::Problem;
use crate::rest::times;
use crate::rest::within::Place;
use crate::runtime::{ServerHandle, SiteRequest, Within, parse_site_within};

/// The largest horizon, in steps: a month of quarters of an hour is 2,976.
const STEPS: usize = 10_000;
/// The most assets and links.
const PARTS: usize = 64;
/// The most steps of all parts together.
const CELLS: usize = 100_000;
/// The most profiles that are read from history.
const SOURCES: usize = 64;
/// How long a solver of programs may take unless told, and at the most.
const LIMIT: Span = Span::from_seconds(10);
const LIMIT_LONGEST: Span = Span::from_seconds(60);
/// The longest name, in characters.
const NAME: usize = 128;

/// Makes a plan, as long as somebody waits for it.
///
/// # Errors
/// 400, naming the field. That there is no plan is none.
pub(super) fn solve(
    server: &ServerHandle,
    place: &Place,
    asked: PlanAsked,
    by: String,
    wanted: &dyn Fn() -> bool,
) -> Result<Plan, Problem> {
    let name = asked.name.trim().to_owned();
    if name.is_empty() || name.chars().count() > NAME || name.chars().any(char::is_control) {
        return Err(Problem::invalid("name", format!("name is expected to be 1 to {NAME} characters that can be seen")));
    }
    let options = options(server, &asked)?;
    let (site, notices) = site(server, place, &asked)?;
    if !wanted() {
        return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "CLOSED", "nobody waits for the plan any more"));
    }
    let clock = server.clock();
    let begun = clock.monotonic();
    let outcome = site.solve(&options).map_err(of_solver)?;
    let solve_us = Span::from(clock.monotonic().saturating_sub(begun));
    let blank = PlanSummary {
        id: None,
        name,
        created_us: clock.now(),
        by,
        status: Status::Undecided,
        cost: None,
        bound: None,
        gap: None,
        currency: site.currency.code().to_owned(),
        from_us: site.horizon.start(),
        to_us: site.horizon.end(),
        steps: site.horizon.len(),
        engine: None,
        solve_us,
    };
    Ok(told(&site, &outcome, blank, notices))
}

fn options(server: &ServerHandle, asked: &PlanAsked) -> Result<Options, Problem> {
    let limit = asked.time_limit.as_deref().map(|text| times::length("time_limit", text)).transpose()?.unwrap_or(LIMIT);
    if limit <= Span::default() || limit > LIMIT_LONGEST {
        let detail = format!("time_limit is {limit}, expected more than zero and at most {LIMIT_LONGEST}");
        return Err(Problem::invalid("time_limit", detail));
    }
    let engine = asked.engine.as_deref().map(|name| {
        let known = serde_json::from_value::<Engine>(name.into());
        known.map_err(|e| Problem::invalid("engine", format!("engine: {e}")))
    });
    let (engine, clock) = (engine.transpose()?, Some(server.clock()));
    Ok(Options { engine, time_limit: Some(limit), clock, ..Options::default() })
}

fn site(server: &ServerHandle, place: &Place, asked: &PlanAsked) -> Result<(Site, Vec<String>), Problem> {
    let (text, is_json, field) = match (&asked.site, &asked.text) {
        (Some(site), None) => (serde_json::to_string(site).unwrap_or_default(), true, "site"),
        (None, Some(text)) => (text.clone(), text.trim_start().starts_with('{'), "text"),
        (None, None) => return Err(Problem::invalid("site", "site is missing: expected it, or text")),
        (Some(_), Some(_)) => return Err(Problem::invalid("text", "expected site or text, not both")),
    };
    let now = server.clock().now();
    let instant = |field, text: &Option<String>| text.as_deref().map(|text| times::instant(field, text, now)).transpose();
    let request = SiteRequest {
        from: instant("from", &asked.from)?,
        to: instant("to", &asked.to)?,
        steps: asked.steps.map(|steps| steps as usize),
        step: asked.step.as_deref().map(|text| times::length("step", text)).transpose()?,
        truth: asked.truth,
        history: Some(server.memcore().clone()),
        ..SiteRequest::default()
    };
    let within = Within { operator: place.operator.clone(), site: place.site.clone(), steps: STEPS, sources: SOURCES };
    let (site, notices) = parse_site_within(&text, is_json, &request, &within).map_err(|e| match e.kind() {
        // A series that is not there is a fault of the question, not of the address.
        ErrorKind::NotFound => Problem::invalid(field, e.message()),
        _ => Problem::from(e).at(field),
    })?;
    let parts = site.assets.len() + site.links.len();
    if parts > PARTS || parts * site.horizon.len() > CELLS {
        let steps = site.horizon.len();
        let detail = format!(
            "the site has {parts} parts and {steps} steps, expected at most {PARTS} parts and {CELLS} steps of all of them"
        );
        return Err(Problem::invalid(field, detail));
    }
    Ok((site, notices))
}

/// What the solver refused is a fault of the site, or of the engine that was asked for.
fn of_solver(e: Error) -> Problem {
    let field = if e.message().starts_with("engine") { "engine" } else { "site" };
    Problem::from(e).at(field)
}

fn told(site: &Site, outcome: &Outcome, blank: PlanSummary, mut notices: Vec<String>) -> Plan {
    let summary = PlanSummary { status: status(outcome.status()), ..blank };
    let explanation = Some(outcome.explain());
    let borders_us: Vec<Timestamp> = site.horizon.borders().to_vec();
    let Outcome::Plan(plan) = outcome else {
        let bound = match outcome {
            Outcome::Undecided(undecided) => Some(undecided.bound).filter(|bound| bound.is_finite()),
            _ => None,
        };
        return Plan {
            summary: PlanSummary { bound, ..summary },
            borders_us,
            assets: Vec::new(),
            costs: Vec::new(),
            prices: Vec::new(),
            carbon_g: None,
            violations: Vec::new(),
            notices,
            explanation,
        };
    };
    notices.extend(plan.notices.iter().cloned());
    let cost = |cost: &optimize::Cost| PlanCost {
        part: cost.part.clone(),
        cause: cost.cause.name().to_owned(),
        amount: cost.amount,
    };
    let price = |prices: &optimize::BusPrices| PlanPrice { bus: prices.bus.clone(), per_kwh: prices.per_kwh.clone() };
    Plan {
        summary: PlanSummary {
            cost: Some(plan.objective),
            bound: Some(plan.bound).filter(|bound| bound.is_finite()),
            gap: Some(plan.gap()).filter(|gap| gap.is_finite()),
            engine: Some(plan.engine.engine.name().to_owned()),
            ..summary
        },
        borders_us,
        assets: assets(site, &plan.schedule),
        costs: plan.costs.iter().map(cost).collect(),
        prices: plan.prices.iter().map(price).collect(),
        carbon_g: Some(plan.carbon_g).filter(|carbon| carbon.is_finite()),
        violations: plan.violations.iter().map(|violation| violation.text.clone()).collect(),
        notices,
        explanation,
    }
}

fn status(status: optimize::Status) -> Status {
    match status {
        optimize::Status::Optimal => Status::Optimal,
        optimize::Status::Feasible => Status::Feasible,
        optimize::Status::Infeasible => Status::Infeasible,
        optimize::Status::Undecided => Status::Undecided,
    }
}

/// Assets and then links, in the order of the schedule's parts.
fn assets(site: &Site, schedule: &Schedule) -> Vec<AssetPlan> {
    let assets = site.assets.iter().map(|asset| (asset.name().to_owned(), kind(asset), capacity_wh(asset)));
    let links = site.links.iter().map(|link| (link.name.clone(), "link", None));
    let hours = site.horizon.step_hours();
    let of = |(part, (asset, kind, capacity)): (usize, (String, &str, Option<f64>))| {
        // A grid connection gives to the site what it takes from the grid: import is positive to people.
        let sign = if kind == "grid" { -1.0 } else { 1.0 };
        // Without the sign of a zero.
        let power_w: Vec<f64> = (0..hours.len()).map(|step| sign * schedule.net_power(part, step) + 0.0).collect();
        let energies = schedule.get(part, Quantity::Energy).zip(capacity.filter(|capacity| *capacity > 0.0));
        let soc = energies.map(|(energies, capacity)| energies.iter().map(|energy| energy / capacity).collect());
        let sum =
            |sign: f64| -> f64 { power_w.iter().zip(&hours).map(|(power, hours)| (sign * power).max(0.0) * hours).sum() };
        let (taken_wh, given_wh) = (sum(1.0), sum(-1.0));
        AssetPlan { asset, kind: kind.to_owned(), power_w, soc, taken_wh, given_wh }
    };
    assets.chain(links).enumerate().map(of).collect()
}

fn kind(asset: &Asset) -> &'static str {
    match asset {
        Asset::Grid(_) => "grid",
        Asset::Pv(_) => "pv",
        Asset::Battery(_) => "battery",
        Asset::Ev(_) => "ev",
        Asset::Deferrable(_) => "deferrable",
        Asset::HeatPump(_) => "heat_pump",
        Asset::Genset(_) => "genset",
        Asset::Load(_) => "load",
    }
}

fn capacity_wh(asset: &Asset) -> Option<f64> {
    match asset {
        Asset::Battery(battery) => Some(battery.capacity_wh),
        Asset::Ev(ev) => Some(ev.capacity_wh),
        Asset::HeatPump(pump) => match &pump.heat {
            optimize::Heat::Tank(tank) => Some(tank.capacity_wh),
            optimize::Heat::Building(_) => None,
        },
        _ => None,
    }
}
