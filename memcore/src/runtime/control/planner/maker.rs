//! Makes the plan that is asked for: what is expected, the optimizer's site, the solution, and what that asks of each asset.

use std::sync::Arc;

use super::history::PlanningHistory;
use super::outlook::Outlook;
use super::prices::PricesNow;
use crate::control::{
    CheckedModel, Derived, Expected, InTurn, PlanAnswer, PlanFailure, PlanRequest, PlannedPowers, PlanningGrid, Situation,
    Solved,
};
use crate::error::Result;
use crate::model::{Name, Span, Timestamp};
use crate::optimize::{Asset, ClearSky, Forecast, Options, PreviousPower, Schedule, Site, Stay};

/// How long a solver of programs may take; the exact engines need no limit.
const SOLVER_LIMIT: Span = Span::from_seconds(10);

/// Makes plans, one after the other, on whatever thread it is driven by.
pub(super) struct PlanMaker {
    pub(super) model: Arc<CheckedModel>,
    grid: PlanningGrid,
    pub(super) history: Box<dyn PlanningHistory>,
    outlook: Outlook,
    in_turn: Option<InTurn>,
    /// The last plan: when its first step starts, and the net power of every part of the optimizer's site.
    last: Option<(Timestamp, Powers)>,
    /// What the last plan took energy to cost and to bring, in each of its steps.
    pub(super) expected_prices: Option<(Vec<f64>, Vec<f64>)>,
}

/// The net power of each part of a site in every step, in W.
type Powers = Vec<(String, Vec<f64>)>;

type Made = std::result::Result<(Arc<PlannedPowers>, Vec<String>), PlanFailure>;

impl PlanMaker {
    pub(super) fn new(
        model: Arc<CheckedModel>,
        grid: PlanningGrid,
        history: Box<dyn PlanningHistory>,
        skies: Vec<(Name, ClearSky)>,
    ) -> Result<Self> {
        let outlook = Outlook::new(model.clone(), grid.clone(), skies)?;
        Ok(Self { model, grid, history, outlook, in_turn: None, last: None, expected_prices: None })
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
        let are_known = !expected.buy_per_kwh.is_empty();
        self.expected_prices = are_known.then(|| (expected.buy_per_kwh.clone(), expected.sell_per_kwh.clone()));
        let Derived { site, notices, .. } = self.model.derive(situation, &expected, request.now)?;
        said.extend(notices);
        let previous = of_site(&site, &expected);
        let stay = (!previous.is_empty()).then_some(Stay { per_kwh: 0.0, previous });
        let options = Options { time_limit: Some(SOLVER_LIMIT), ..Options::default() };
        let in_turn = self.in_turn.get_or_insert_with(|| InTurn::new(site.clone(), options));
        Ok(match in_turn.solve(&site, stay)? {
            Solved::Schedule { schedule, notices, .. } => {
                said.extend(notices);
                let plan = PlannedPowers::of_schedule(&self.model, &site, &schedule, request.now.wall);
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
}

fn powers(site: &Site, schedule: &Schedule) -> Powers {
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
