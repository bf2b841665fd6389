//! Makes the plan that is asked for: what is expected, the optimizer's site, the solution, and what that asks of each asset.

use std::sync::Arc;

use super::history::PlanningHistory;
use super::outlook::Outlook;
use super::prices::PricesNow;
use crate::control::{
    CheckedModel, Expected, InTurn, Measure, PlanAnswer, PlanFailure, PlanRequest, PlannedPowers, Planning, PlanningGrid,
    Role, Situation, Solved,
};
use crate::error::Result;
use crate::model::{Name, Span, Timestamp};
use crate::optimize::{Asset, ClearSky, Forecast, Options, PreviousPower, Quantity, Schedule, Site, Stay};

/// How long a solver of programs may take; the exact engines need no limit.
const SOLVER_LIMIT: Span = Span::from_seconds(10);

/// Makes plans, one after the other, on whatever thread it is driven by.
pub(super) struct PlanMaker {
    pub(super) model: Arc<CheckedModel>,
    planning: Planning,
    grid: PlanningGrid,
    pub(super) history: Box<dyn PlanningHistory>,
    outlook: Outlook,
    in_turn: Option<InTurn>,
    /// The last plan: when its first step starts, and the net power of every part of the optimizer's site.
    last: Option<(Timestamp, Vec<(String, Vec<f64>)>)>,
}

type Made = std::result::Result<(Arc<PlannedPowers>, Vec<String>), PlanFailure>;

impl PlanMaker {
    pub(super) fn new(
        model: Arc<CheckedModel>,
        planning: Planning,
        grid: PlanningGrid,
        history: Box<dyn PlanningHistory>,
        skies: Vec<(Name, ClearSky)>,
    ) -> Result<Self> {
        let outlook = Outlook::new(model.clone(), grid.clone(), skies)?;
        Ok(Self { model, planning, grid, history, outlook, in_turn: None, last: None })
    }

    /// Takes a forecast of somebody else.
    pub(super) fn give(&mut self, of: &str, forecast: Forecast) -> Result<()> {
        self.outlook.give(of, forecast)
    }

    /// Whether prices have changed since the last plan, and what they are now.
    pub(super) fn look_at_prices(&mut self, now: Timestamp) -> Result<(bool, PricesNow)> {
        let Self { history, outlook, .. } = self;
        outlook.prices().look(history.as_mut(), now)
    }

    /// The plan that is asked for, or why there is none.
    pub(super) fn make(&mut self, request: &PlanRequest, situation: &Situation) -> PlanAnswer {
        let plan = self.made(request, situation).unwrap_or_else(|e| Err(PlanFailure::Failed(e.message().to_owned())));
        PlanAnswer { number: request.number, plan }
    }

    fn made(&mut self, request: &PlanRequest, situation: &Situation) -> Result<Made> {
        let previous = self.previous(request);
        let Self { history, outlook, .. } = self;
        let (expected, mut said) = outlook.expect(history.as_mut(), request, previous)?;
        let site = self.model.planning_site(situation, &expected, request.now)?;
        let stay = (!expected.previous.is_empty()).then(|| Stay { per_kwh: 0.0, previous: of_site(&site, &expected) });
        let options = Options { time_limit: Some(SOLVER_LIMIT), ..Options::default() };
        let in_turn = self.in_turn.get_or_insert_with(|| InTurn::new(site.clone(), options));
        Ok(match in_turn.solve(&site, stay)? {
            Solved::Schedule { schedule, notices, .. } => {
                said.extend(notices);
                let plan = self.planned(request, &site, &schedule, situation)?;
                self.last = Some((plan.start, powers(&site, &schedule)));
                Ok((Arc::new(plan), said))
            }
            Solved::Infeasible(why) => Err(PlanFailure::Infeasible(why)),
            Solved::Undecided(why) => Err(PlanFailure::Undecided(why)),
        })
    }

    /// What the last plan has for the steps of this one.
    fn previous(&self, request: &PlanRequest) -> Vec<PreviousPower> {
        let Some((start, parts)) = &self.last else { return Vec::new() };
        let gone = self.grid.floor(request.now.wall).since(*start).as_micros() / self.grid.step().as_micros();
        let Ok(gone) = usize::try_from(gone) else { return Vec::new() };
        let steps = request.horizon.len();
        let of = |(asset, powers): &(String, Vec<f64>)| {
            let power_w = (gone..gone + steps).map(|step| powers.get(step).copied()).collect();
            PreviousPower { asset: asset.clone(), power_w }
        };
        parts.iter().map(of).collect()
    }

    /// What a schedule asks of the assets of the model.
    fn planned(
        &self,
        request: &PlanRequest,
        site: &Site,
        schedule: &Schedule,
        situation: &Situation,
    ) -> Result<PlannedPowers> {
        let now = request.now.wall;
        let (mut of_assets, mut socs) = (Vec::new(), Vec::new());
        for (part, asset) in site.assets.iter().enumerate() {
            let Some(place) = self.model.place(asset.name()) else { continue };
            let checked = &self.model.assets()[place];
            // A grid meter counts import as positive, as everything counts what flows into it; the bus sees it the other way round.
            let sign = if checked.role == Role::GridMeter { -1.0 } else { 1.0 };
            let power = |step: usize| (sign * schedule.net_power(part, step)).clamp(checked.low_w, checked.high_w);
            of_assets.push((checked.name.clone(), (0..schedule.steps()).map(|step| tidy(power(step))).collect()));
            let at_first = situation.fresh(&self.model, place, Measure::Soc, request.now);
            socs.extend(soc(asset, schedule, part, at_first).map(|soc| (checked.name.clone(), soc.into())));
        }
        let start = self.grid.floor(now);
        let end = site.horizon.end();
        let valid_until = now.saturating_add(self.planning.valid_for).min(end);
        Ok(PlannedPowers {
            site: self.model.model().site.clone(),
            made: now,
            valid_until,
            start,
            step: self.grid.step(),
            powers: of_assets,
            socs,
        })
    }
}

/// A power without the noise of its last digits.
fn tidy(power_w: f64) -> f64 {
    (power_w * 10.0).round() / 10.0 + 0.0
}

/// The state of charge at the end of each step: of a battery, or of the vehicle that is there now.
fn soc(asset: &Asset, schedule: &Schedule, part: usize, at_first: Option<f64>) -> Option<Vec<f64>> {
    let energy = schedule.get(part, Quantity::Energy)?;
    let share = |capacity_wh: f64| move |wh: &f64| (wh / capacity_wh).clamp(0.0, 1.0);
    match asset {
        Asset::Battery(battery) => Some(energy.iter().map(share(battery.capacity_wh)).collect()),
        Asset::Ev(ev) => {
            at_first?;
            // When it has left it is not measured any more: its last state of charge stands.
            let left = energy.iter().position(|wh| *wh <= 0.0).unwrap_or(energy.len());
            let last = *energy[..left].last()?;
            let there = energy[..left].iter().chain(std::iter::repeat_n(&last, energy.len() - left));
            Some(there.map(share(ev.capacity_wh)).collect())
        }
        _ => None,
    }
}

fn powers(site: &Site, schedule: &Schedule) -> Vec<(String, Vec<f64>)> {
    let of = |(part, asset): (usize, &Asset)| {
        (asset.name().to_owned(), (0..schedule.steps()).map(|step| schedule.net_power(part, step)).collect())
    };
    site.assets.iter().enumerate().map(of).collect()
}

/// The previous powers of those parts that a plan moves.
fn of_site(site: &Site, expected: &Expected) -> Vec<PreviousPower> {
    let steps = site.horizon.len();
    let is_moved = |name: &str| {
        let asset = site.assets.iter().find(|asset| asset.name() == name);
        asset.is_some_and(|asset| !matches!(asset, Asset::Grid(_) | Asset::Pv(_) | Asset::Load(_)))
    };
    let moved = expected.previous.iter().filter(|previous| is_moved(&previous.asset)).cloned();
    let cut = |mut previous: PreviousPower| {
        previous.power_w.resize(steps, None);
        previous
    };
    moved.map(cut).collect()
}
