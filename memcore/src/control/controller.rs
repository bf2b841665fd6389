//! The loop, one tick at a time: readings and proposals in, decisions and orders out.

use std::sync::Arc;
use std::time::Duration;

use super::actor::{Actor, View};
use super::arbiter::{self, Book};
use super::interlock::{self, InterlockMemory};
use super::shape::{self, ShapeMemory};
use super::{
    AssetDecision, CheckedAsset, CheckedModel, Decision, Fault, Moment, Order, Outcome, PlannedPowers, Proposal,
    ProposalId, ProposalOutcome, SetpointUnit, Situation, Target,
};
use crate::error::Result;
use crate::model::{Name, Sample, SeriesName};

/// Controls a site. It does no I/O: whoever drives it hands readings in, and sends the orders that come out.
pub struct Controller {
    model: Arc<CheckedModel>,
    situation: Situation,
    book: Book,
    actors: Vec<(Box<dyn Actor>, Option<Duration>)>,
    plan: Option<Arc<PlannedPowers>>,
    prices: (Option<f64>, Option<f64>),
    interlocks: InterlockMemory,
    shapes: ShapeMemory,
    /// What was decided last of each asset, in W; NaN where nothing was.
    decided_w: Vec<f64>,
    /// The last order of each asset, and when it was given.
    ordered: Vec<Option<(f64, Duration)>>,
    /// Proposals that were not taken since the last decision. At most 64; more are counted with the last.
    refused: Vec<ProposalOutcome>,
}

impl std::fmt::Debug for Controller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Controller").field("site", &self.model.model.site).finish_non_exhaustive()
    }
}

impl Controller {
    /// Controls a site with these actors. Nothing is known yet, so the first decisions are what is safe.
    #[must_use]
    pub fn new(model: CheckedModel, actors: Vec<Box<dyn Actor>>) -> Self {
        let assets = model.assets.len();
        Self {
            situation: Situation::new(&model),
            model: Arc::new(model),
            book: Book::default(),
            actors: actors.into_iter().map(|actor| (actor, None)).collect(),
            plan: None,
            prices: (None, None),
            interlocks: InterlockMemory::default(),
            shapes: ShapeMemory::default(),
            decided_w: vec![f64::NAN; assets],
            ordered: vec![None; assets],
            refused: Vec::new(),
        }
    }

    /// The site.
    #[must_use]
    pub fn model(&self) -> &Arc<CheckedModel> {
        &self.model
    }

    /// What is measured.
    #[must_use]
    pub fn situation(&self) -> &Situation {
        &self.situation
    }

    /// What was decided last of each asset, in W; NaN for those that are not controlled.
    #[must_use]
    pub fn decided_w(&self) -> &[f64] {
        &self.decided_w
    }

    /// What an actor sees at that moment.
    #[must_use]
    pub fn view(&self, now: Moment) -> View<'_> {
        let (buy_per_kwh, sell_per_kwh) = self.prices;
        let Self { model, situation, decided_w, plan, .. } = self;
        View { now, model, situation, decided_w, plan: plan.as_ref(), buy_per_kwh, sell_per_kwh }
    }

    /// Takes a reading in, and says whether it was one that control needs.
    pub fn read(&mut self, series: &SeriesName, sample: Sample, now: Moment) -> bool {
        self.situation.read(&self.model, series, sample, now)
    }

    /// What a kWh bought costs, and one sold brings, from now on.
    pub fn set_prices(&mut self, buy_per_kwh: Option<f64>, sell_per_kwh: Option<f64>) {
        self.prices = (buy_per_kwh, sell_per_kwh);
    }

    /// The plan that holds from now on; None where none does.
    ///
    /// # Errors
    /// Invalid where it is for another site or another time, or asks what cannot be: see [`PlannedPowers::for_site`]. What held
    /// before then goes on to hold.
    pub fn set_plan(&mut self, plan: Option<Arc<PlannedPowers>>, now: Moment) -> Result<()> {
        plan.iter().try_for_each(|plan| plan.for_site(&self.model, now))?;
        self.plan = plan;
        Ok(())
    }

    /// Takes a wish in, of an actor that is not among those the controller asks.
    ///
    /// # Errors
    /// Invalid, naming the field, its value and what was expected. It is in the next decision's outcomes as well.
    pub fn propose(&mut self, proposal: Proposal, now: Moment) -> Result<ProposalId> {
        let (actor, target) = (proposal.actor.clone(), proposal.target.clone());
        self.book.take(&self.model, proposal, now).inspect_err(|refused| {
            let outcome = Outcome::Refused { reason: refused.message().to_owned() };
            self.refused.push(ProposalOutcome { id: None, actor, target, outcome });
        })
    }

    /// Takes back what an actor wished for a target, and says whether something stood.
    pub fn withdraw(&mut self, actor: &Name, target: &Target) -> bool {
        self.book.withdraw(actor, target)
    }

    /// Takes back all that an actor wished for, and says how many stood.
    pub fn withdraw_all(&mut self, actor: &Name) -> usize {
        self.book.withdraw_all(actor)
    }

    /// Decides.
    pub fn tick(&mut self, now: Moment) -> Decision {
        self.ask(now);
        let mut outcomes = std::mem::take(&mut self.refused);
        outcomes.extend(self.book.expire(now));
        let model = self.model.clone();
        let mut interlocks = interlock::interlock(&model, &self.situation, &mut self.interlocks, now);
        let mut arbitrated = arbiter::arbitrate(&model, &interlocks, &self.book, &self.situation, now);
        outcomes.append(&mut arbitrated.outcomes);
        let assets = shape::shape(&model, &mut interlocks, arbitrated, &self.situation, &mut self.shapes, now);
        interlock::decided(&model, &assets, &mut self.interlocks, now);
        let orders = assets.iter().enumerate().filter_map(|(place, decided)| self.order(place, decided.as_ref()?, now));
        let orders = orders.collect::<Vec<_>>();
        for (place, decided) in assets.iter().enumerate() {
            self.decided_w[place] = decided.as_ref().map_or(f64::NAN, |decided| decided.power_w);
        }
        for order in &orders {
            self.ordered[order.asset] = Some((order.value, now.elapsed));
        }
        let mut faults = interlocks.faults;
        faults.extend(self.lacks_plan(now).then_some(Fault::NoPlan));
        Decision { at: now.wall, assets, outcomes, orders, faults }
    }

    /// Whether the site is to be planned and no plan holds.
    fn lacks_plan(&self, now: Moment) -> bool {
        self.model.model.planning.is_some() && self.plan.as_ref().is_none_or(|plan| plan.step_at(now.wall).is_none())
    }

    fn ask(&mut self, now: Moment) {
        let mut proposals = Vec::new();
        let view = View {
            now,
            model: &self.model,
            situation: &self.situation,
            decided_w: &self.decided_w,
            plan: self.plan.as_ref(),
            buy_per_kwh: self.prices.0,
            sell_per_kwh: self.prices.1,
        };
        for (actor, asked) in &mut self.actors {
            let every = actor.every().to_duration();
            if asked.is_none_or(|asked| now.elapsed.saturating_sub(asked) >= every) {
                *asked = Some(now.elapsed);
                proposals.append(&mut actor.propose(&view));
            }
        }
        for proposal in proposals {
            // What was refused is in the decision.
            let _ = self.propose(proposal, now);
        }
    }

    /// The order that an asset needs now: where its value changed, and after a third of its lease.
    fn order(&self, place: usize, decided: &AssetDecision, now: Moment) -> Option<Order> {
        let asset = &self.model.assets[place];
        let setpoint = asset.setpoint.as_ref()?;
        let value = setpoint_value(asset, decided.power_w);
        let lease = self.model.model.lease;
        let renew = lease.to_duration() / 3;
        if self.ordered[place].is_some_and(|(last, at)| last == value && now.elapsed.saturating_sub(at) < renew) {
            return None;
        }
        let (target, fallback) = (setpoint.series.clone(), setpoint_value(asset, asset.safe_w));
        Some(Order { asset: place, target, value, lease, fallback, safety: false })
    }
}

/// A power as the setpoint channel takes it.
fn setpoint_value(asset: &CheckedAsset, power_w: f64) -> f64 {
    let conductors = asset.phase_shares().iter().filter(|share| **share > 0.0).count() as f64;
    match asset.setpoint.as_ref().map_or(SetpointUnit::W, |setpoint| setpoint.unit) {
        SetpointUnit::W => power_w,
        SetpointUnit::A => power_w / (asset.volts * conductors),
        SetpointUnit::OnOff => f64::from(power_w != 0.0),
    }
}
