//! What people and programs ask of control: wishes taken in and withdrawn, how it is, and why.

use std::sync::Arc;

use super::actors::{ForeignActor, PERSON};
use super::log::stood_at;
use super::status::{AssetStatus, ControlStatus, PlanFollowed, PlanHeld};
use super::steer::Control;
use super::why::{self, Explanation};
use crate::control::{Measure, Moment, Proposal, ProposalId, Target};
use crate::error::{Error, Result};
use crate::model::{Name, Span, Timestamp};

impl Control {
    /// The operator and the site that are controlled.
    #[cfg(feature = "rest")]
    pub(crate) fn site(&self) -> (String, String) {
        let model = self.model.model();
        (model.operator.to_string(), model.site.to_string())
    }

    /// Takes a wish in.
    pub(crate) fn propose(&self, proposal: Proposal) -> Result<ProposalId> {
        let now = self.moment();
        self.heart_soon()?.controller.propose(proposal, now)
    }

    /// Whether nobody else speaks in that name: no strategy, no actor of the program's own, not the planner.
    #[cfg(feature = "rest")]
    pub(crate) fn check_is_free(&self, actor: &Name) -> Result<()> {
        let taken = self.has_strategy(actor) || self.actors().iter().any(|known| known.name() == actor);
        if !taken && actor.as_str() != "planner" {
            return Ok(());
        }
        Err(Error::invalid(format!("actor is {actor}, expected a name of your own: nobody speaks for others")))
    }

    /// The plan that is followed; none where no plan holds.
    pub(crate) fn plan_followed(&self) -> Result<Option<PlanFollowed>> {
        let heart = self.heart_soon()?;
        let Some(plan) = heart.controller.plan().cloned() else { return Ok(None) };
        let (mut reason, mut notices, mut prices, mut deviations) = (String::new(), Vec::new(), None, None);
        if let Some(planner) = &heart.planner {
            deviations = planner.deviations();
            if let Some(made) = planner.made().filter(|made| Arc::ptr_eq(&made.plan, &plan)) {
                reason.clone_from(&made.reason);
                notices.clone_from(&made.notices);
                prices.clone_from(&made.prices);
            }
        }
        Ok(Some(PlanFollowed { plan, reason, notices, prices, deviations }))
    }

    /// Takes back what an actor wished for: for a target, or for all. Says how many wishes stood. What a person holds is let go.
    pub(crate) fn withdraw(&self, actor: &Name, target: Option<&Target>) -> Result<usize> {
        let mut heart = self.heart_soon()?;
        let mut gone = 0;
        if actor.as_str() == PERSON {
            for (asset, held) in self.model.assets().iter().zip(0..) {
                let meant = target.is_none_or(|target| *target == Target::Asset(asset.name.clone()));
                if meant && heart.held[held].take().is_some() {
                    (gone, heart.order_all) = (gone + 1, true);
                }
            }
        }
        Ok(match target {
            Some(target) => gone + usize::from(heart.controller.withdraw(actor, target)),
            None => gone + heart.controller.withdraw_all(actor),
        })
    }

    /// Ends an actor of the program's own, with its wishes.
    pub(crate) fn remove_actor(&self, name: &Name) -> Result<()> {
        let mut actors = self.actors();
        let place = actors.iter().position(|actor| actor.name() == name);
        let place = place.ok_or_else(|| Error::not_found(format!("no actor is called {name}")))?;
        actors.remove(place).end();
        drop(actors);
        self.actor_faults.set(name, None);
        self.withdraw(name, None).map(drop)
    }

    /// Adds an actor of the program's own.
    pub(crate) fn add_actor(self: &std::sync::Arc<Self>, actor: ForeignActor) -> Result<()> {
        super::actors::Foreign::start(self, actor)
    }

    /// How it is.
    pub(crate) fn status(&self) -> Result<ControlStatus> {
        let (now, site) = (self.moment(), self.model.model());
        let actors = self.actors().iter().map(|actor| actor.status()).collect();
        let heart = self.heart_soon()?;
        Ok(ControlStatus {
            time: now.wall,
            site: site.site.clone(),
            zone: site.zone.clone(),
            enabled: heart.paused.is_none(),
            paused: heart.paused.clone(),
            tick: site.tick,
            lease: site.lease,
            ticks: heart.times.told(),
            assets: (0..self.model.assets().len()).map(|place| self.asset_status(&heart, place, now)).collect(),
            proposals: heart.last.as_ref().map(|decision| decision.outcomes.clone()).unwrap_or_default(),
            plan: heart.controller.plan().map(|plan| PlanHeld { made_us: plan.made, valid_until_us: plan.valid_until }),
            actors,
            faults: heart.noting.faults().to_vec(),
            log: self.log.get().map(super::log::DecisionLog::status).unwrap_or_default(),
        })
    }

    fn asset_status(&self, heart: &super::heart::Heart, place: usize, now: Moment) -> AssetStatus {
        let (model, situation) = (&self.model, heart.controller.situation());
        let asset = &model.assets()[place];
        let measured = situation.last(place, Measure::Power);
        let decided = heart.last.as_ref().and_then(|decision| decision.assets.get(place)?.as_ref());
        let held = heart.held[place].map(|until| now.after(until.saturating_sub(now.elapsed).into()).wall);
        AssetStatus {
            asset: asset.name.clone(),
            role: asset.role,
            measured_w: measured.map(|live| live.value),
            age: measured.map(|live| Span::from(now.elapsed.saturating_sub(live.seen))),
            fresh: situation.power_w(model, place, now).is_some(),
            soc: situation.fresh(model, place, Measure::Soc, now),
            decided_w: decided.map(|decided| decided.power_w),
            wish: decided.and_then(|decided| decided.wish.clone()),
            limited_by: decided
                .map(|decided| decided.limits.iter().map(|limit| heart.controller.cause_text(limit.cause)).collect())
                .unwrap_or_default(),
            order: heart.noting.order_of(place).cloned(),
            held_until_us: held,
        }
    }

    /// What was decided of an asset at a time, and why. It waits for the disk for a moment.
    pub(crate) fn why(&self, asked: &str, at: Timestamp) -> Result<Explanation> {
        let known = (0..self.model.assets().len()).any(|place| {
            let asset = &self.model.assets()[place].name;
            self.setpoint_of(place).is_some_and(|target| why::is_asked(asked, asset, target))
        });
        if !known {
            let controlled = self.model.assets().iter().filter(|asset| asset.setpoint.is_some());
            let names: Vec<_> = controlled.map(|asset| asset.name.as_str()).collect();
            let message = format!("{asked} is not controlled: expected one of {}, or a series of it", names.join(", "));
            return Err(Error::not_found(message));
        }
        if let Some(log) = self.log.get() {
            log.flush();
        }
        let stood = stood_at(&self.site, at, |decided| why::is_asked(asked, &decided.asset, &decided.target))?;
        Ok(why::explain(asked, at, stood, &self.model.model().zone))
    }
}
