//! The loop, one tick at a time: readings and proposals in, decisions and orders out.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::actor::{Actor, View};
use super::arbiter::{self, Book, Rulings, Verdict};
use super::interlock::{self, InterlockMemory};
use super::orders::Orders;
use super::shape::{self, ShapeMemory};
use super::{
    AssetDecision, Cause, CheckedModel, Decision, Fault, Moment, Outcome, PlannedPowers, Proposal, ProposalId,
    ProposalOutcome, Situation, Target,
};
use crate::error::Result;
use crate::model::{CommandState, Name, Sample, SeriesName};

/// Proposals that were not taken, told by the next decision. Full-policy: the rest is counted in the last that is told.
const REFUSED_MAX: usize = 64;
/// Wishes that are gone and whose actors are still known by name. Full-policy: the oldest is forgotten.
const GONE_MAX: usize = 64;

/// Controls a site. It does no I/O: whoever drives it hands readings in, sends the orders that come out, and tells what became
/// of them.
pub struct Controller {
    model: Arc<CheckedModel>,
    situation: Situation,
    book: Book,
    actors: Vec<(Box<dyn Actor>, Option<Duration>)>,
    plan: Option<Arc<PlannedPowers>>,
    prices: (Option<f64>, Option<f64>),
    interlocks: InterlockMemory,
    shapes: ShapeMemory,
    orders: Orders,
    /// What was decided last of each asset, in W; NaN where nothing was.
    decided_w: Vec<f64>,
    last: Last,
    refusals: Refusals,
    gone: VecDeque<(ProposalId, Name)>,
}

/// The last decision, as far as it is asked for.
#[derive(Debug, Default)]
struct Last {
    assets: Vec<Option<AssetDecision>>,
    faults: Vec<Fault>,
}

/// Proposals that were not taken.
#[derive(Debug, Default)]
struct Refusals {
    untold: Vec<ProposalOutcome>,
    /// Those that were not kept to be told.
    more: u64,
    all: u64,
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
            orders: Orders::new(&model),
            model: Arc::new(model),
            book: Book::default(),
            actors: actors.into_iter().map(|actor| (actor, None)).collect(),
            plan: None,
            prices: (None, None),
            interlocks: InterlockMemory::default(),
            shapes: ShapeMemory::default(),
            decided_w: vec![f64::NAN; assets],
            last: Last::default(),
            refusals: Refusals::default(),
            gone: VecDeque::with_capacity(GONE_MAX),
        }
    }

    /// Takes a reading in, and says whether it was one that control needs.
    pub fn read(&mut self, series: &SeriesName, sample: Sample, now: Moment) -> bool {
        self.situation.read(&self.model, series, sample, now)
    }

    /// What a kWh bought costs, and one sold brings, from now on. What is no finite number is not known.
    pub fn set_prices(&mut self, buy_per_kwh: Option<f64>, sell_per_kwh: Option<f64>) {
        let known = |price: Option<f64>| price.filter(|price| price.is_finite());
        self.prices = (known(buy_per_kwh), known(sell_per_kwh));
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
            self.refusals.note(ProposalOutcome { id: None, actor, target, outcome });
        })
    }

    /// Takes back what an actor wished for a target, and says whether something stood.
    pub fn withdraw(&mut self, actor: &Name, target: &Target) -> bool {
        self.book.withdraw(actor, target)
    }

    /// Takes back all that an actor wished for, and says how many wishes stood.
    pub fn withdraw_all(&mut self, actor: &Name) -> usize {
        self.book.withdraw_all(actor)
    }

    /// Takes what became of an order, as often as that changes.
    pub fn answered(&mut self, order: u64, state: &CommandState, now: Moment) {
        self.orders.answered(&self.model, order, state, now);
    }

    /// Decides.
    pub fn tick(&mut self, now: Moment) -> Decision {
        self.ask(now);
        let mut outcomes = self.refusals.tell();
        self.expire(&mut outcomes, now);
        let model = self.model.clone();
        let mut interlocks = interlock::interlock(&model, &self.situation, &mut self.interlocks, now);
        let arbitrated = arbiter::arbitrate(&model, &interlocks, &self.book, &self.situation, &self.decided_w, now);
        let rulings = arbitrated.rulings.clone();
        let assets = shape::shape(&model, &mut interlocks, arbitrated, &self.situation, &mut self.shapes, now);
        interlock::decided(&model, &assets, &mut self.interlocks, now);
        self.rule(&rulings, &assets);
        outcomes.extend(self.book.standing().iter().map(arbiter::Standing::told));
        for (place, decided) in assets.iter().enumerate() {
            self.decided_w[place] = decided.as_ref().map_or(f64::NAN, |decided| decided.power_w);
        }
        let orders = self.orders.due(&model, &self.situation, &assets, now);
        let mut faults = interlocks.faults;
        faults.extend(self.lacks_plan(now).then_some(Fault::NoPlan));
        faults.extend(self.orders.faults());
        faults.sort_unstable();
        faults.dedup();
        self.last = Last { assets: assets.clone(), faults: faults.clone() };
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

    fn expire(&mut self, outcomes: &mut Vec<ProposalOutcome>, now: Moment) {
        for expired in self.book.expire(now) {
            if self.gone.len() >= GONE_MAX {
                self.gone.pop_front();
            }
            self.gone.extend(expired.id.map(|id| (id, expired.actor.clone())));
            outcomes.push(expired);
        }
    }

    /// Notes what became of each wish. Texts are made only where that changed.
    fn rule(&mut self, rulings: &Rulings, assets: &[Option<AssetDecision>]) {
        let verdicts: Vec<Verdict> = arbiter::verdicts(rulings, self.book.standing(), assets).collect();
        for (rank, verdict) in verdicts.into_iter().enumerate() {
            if self.book.standing()[rank].verdict == Some(verdict) {
                continue;
            }
            let outcome = match verdict {
                Verdict::Granted => Outcome::Granted,
                Verdict::Limited { by, to_w } => Outcome::Limited { by: self.cause_text(by), to_w },
                Verdict::Overridden { by } => Outcome::Overridden { by: self.cause_text(by) },
            };
            let standing = &mut self.book.standing_mut()[rank];
            (standing.verdict, standing.outcome) = (Some(verdict), outcome);
        }
    }

    /// A cause in the words of the site: an actor by its name.
    #[must_use]
    pub fn cause_text(&self, cause: Cause) -> String {
        let Cause::Actor(id) = cause else { return cause.text(&self.model) };
        let gone = || self.gone.iter().find(|(gone, _)| gone.0 == id).map(|(_, actor)| actor);
        let actor = self.book.actor(ProposalId(id)).or_else(gone);
        actor.map_or_else(|| cause.text(&self.model), |actor| actor.to_string())
    }
}

/// What is known.
impl Controller {
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

    /// The plan that holds, where there is one.
    #[must_use]
    pub fn plan(&self) -> Option<&Arc<PlannedPowers>> {
        self.plan.as_ref()
    }

    /// What an actor sees at that moment.
    #[must_use]
    pub fn view(&self, now: Moment) -> View<'_> {
        let (buy_per_kwh, sell_per_kwh) = self.prices;
        let Self { model, situation, decided_w, plan, .. } = self;
        View { now, model, situation, decided_w, plan: plan.as_ref(), buy_per_kwh, sell_per_kwh }
    }

    /// What a kWh bought costs, and one sold brings, where that is known.
    #[must_use]
    pub fn prices(&self) -> (Option<f64>, Option<f64>) {
        self.prices
    }

    /// What was not as it should be when it was decided last.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.last.faults
    }

    /// How many proposals were refused since control began.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refusals.all
    }

    pub(in crate::control) fn book(&self) -> &Book {
        &self.book
    }

    pub(in crate::control) fn orders(&self) -> &Orders {
        &self.orders
    }

    /// What was decided last of an asset.
    pub(in crate::control) fn last_decision(&self, place: usize) -> Option<&AssetDecision> {
        self.last.assets.get(place)?.as_ref()
    }
}

impl Refusals {
    fn note(&mut self, refused: ProposalOutcome) {
        self.all += 1;
        if self.untold.len() < REFUSED_MAX { self.untold.push(refused) } else { self.more += 1 }
    }

    /// Those that were not told yet.
    fn tell(&mut self) -> Vec<ProposalOutcome> {
        let mut untold = std::mem::take(&mut self.untold);
        let more = std::mem::take(&mut self.more);
        if let Some(ProposalOutcome { outcome: Outcome::Refused { reason }, .. }) = untold.last_mut()
            && more > 0
        {
            *reason += &format!("; {more} more were refused since the last decision");
        }
        untold
    }
}
