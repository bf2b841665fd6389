//! A person's command to a channel that control steers: it overrides strategies for its lease, and never what is safe.
//!
//! It becomes a wish of the actor `person` with a priority above every strategy that is after money or comfort, and below those that
//! keep an island alive. It is decided at once, so that the command that leaves is what control makes of it, and its answer is the
//! device's. A command for safety is not decided about: it leaves as it is, and control lets the asset be for its lease.

use super::actors::PERSON;
use super::heart::Heart;
use super::orders::Numbered;
use super::steer::Control;
use crate::control::{CheckedAsset, Priority, Proposal, SetpointUnit, Target};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Command, Name, SeriesName, Span};
use crate::runtime::commander::{Asked, Origin, Wish};
use crate::runtime::commands::CommandTicket;
use crate::runtime::core::Core;

/// How urgent a person's command is.
pub(crate) const PRIORITY: u8 = 75;

/// How long a person's command without a lease stands.
const UNLEASED: Span = Span::from_seconds(3600);

/// No wish stands for longer.
const LONGEST: Span = Span::from_seconds(86_400);

impl Control {
    /// Takes over a command to a channel that control steers; none where it has no say in it.
    pub(crate) fn take_over(&self, core: &Core, command: &Command, by: &str) -> Result<Option<CommandTicket>> {
        let assets = 0..self.model.assets().len();
        let Some(place) = assets.into_iter().find(|place| self.setpoint_of(*place) == Some(&command.target)) else {
            return Ok(None);
        };
        let _one_at_a_time = self.overriding.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(before) = core.repeated(command)? {
            return Ok(Some(before));
        }
        let mut vetted = command.clone();
        core.vet(&mut vetted)?;
        match command.safety {
            true => self.let_go_of(core, place, vetted, by).map(Some),
            false if self.heart_soon()?.paused.is_some() => Ok(None),
            false => self.wish_and_decide(core, place, &vetted, by).map(Some),
        }
    }

    /// What is for safety leaves as it is; control gives no orders to the asset for a while.
    fn let_go_of(&self, core: &Core, place: usize, command: Command, by: &str) -> Result<CommandTicket> {
        let span = command.lease.unwrap_or(UNLEASED);
        let ticket = core.issue_directly(Asked::by(command, by.to_owned()))?;
        // Where a decision hangs, nothing is ordered that could undo it.
        let Ok(mut heart) = self.heart_soon() else { return Ok(ticket) };
        if heart.paused.is_some() {
            return Ok(ticket);
        }
        heart.held[place] = Some(self.moment().elapsed + span.to_duration());
        let asset = &self.model.assets()[place].name;
        Ok(ticket.with_note(format!("control lets {asset} be for {span}, or until `memcore control withdraw {asset}`")))
    }

    fn wish_and_decide(&self, core: &Core, place: usize, command: &Command, by: &str) -> Result<CommandTicket> {
        let (asset, now) = (&self.model.assets()[place], self.moment());
        let (power_w, span) = (power_of(asset, command.value), command.lease.unwrap_or(UNLEASED).min(LONGEST));
        let reason = format!("command {} by {by}", command.id);
        let (priority, target) = (Priority::new(PRIORITY)?, Target::Asset(asset.name.clone()));
        let wish = Proposal::power(Name::new(PERSON)?, target, power_w, priority, reason).valid_for(span);
        let mut heart = self.heart_soon()?;
        heart.controller.propose(wish, now)?;
        heart.held[place] = None;
        let order = self.decide(&mut heart, Some(&command.target));
        // Where nothing new came of it, what stands is ordered once more, so that there is an answer.
        let order = order.or_else(|| heart.orders.get(&command.target).cloned());
        let Some(order) = order else {
            return Err(Error::new(ErrorKind::Conflict, format!("control orders nothing to {} now", asset.name)));
        };
        let model = heart.controller.model().clone();
        heart.noting.ordered(&model, &order, &command.id);
        let note = note(&heart, asset, place, power_w, span);
        drop(heart);
        let Command { value, lease, fallback, .. } = *command;
        let until = now.wall.saturating_add(span);
        let wish = Some(Wish { value, lease, fallback, until });
        let origin = Origin { by: by.to_owned(), wish, note: Some(note.clone()), ..Origin::default() };
        let numbered = Numbered { id: command.id.clone(), order };
        Ok(self.desk.issue_now(core, numbered, origin)?.with_note(note))
    }

    /// The channel of an asset's setpoint.
    pub(super) fn setpoint_of(&self, place: usize) -> Option<&SeriesName> {
        Some(&self.model.assets().get(place)?.setpoint.as_ref()?.series)
    }
}

/// What a value of a setpoint channel means, in W.
fn power_of(asset: &CheckedAsset, value: f64) -> f64 {
    let conductors = asset.phase_shares().iter().filter(|share| **share > 0.0).count() as f64;
    match asset.setpoint.as_ref().map_or(SetpointUnit::W, |setpoint| setpoint.unit) {
        SetpointUnit::W => value,
        SetpointUnit::A => value * asset.volts * conductors,
        SetpointUnit::OnOff if value == 0.0 => 0.0,
        // On is all that it can draw, or give.
        SetpointUnit::OnOff if asset.high_w > 0.0 => asset.high_w,
        SetpointUnit::OnOff => asset.low_w,
    }
}

/// What control makes of a person's wish.
fn note(heart: &Heart, asset: &CheckedAsset, place: usize, power_w: f64, span: Span) -> String {
    let name = &asset.name;
    let stands = format!("stands as a wish for {span}, or until `memcore control withdraw {name}`");
    let decided = heart.last.as_ref().and_then(|decision| decision.assets.get(place)?.as_ref());
    match decided {
        Some(decided) if (decided.power_w - power_w).abs() > 1.0 => {
            let by: Vec<_> = decided.limits.iter().map(|limit| heart.controller.cause_text(limit.cause)).collect();
            let by = if by.is_empty() { "what is safe".to_owned() } else { by.join(", ") };
            format!("{power_w:.0} W {stands}; {name} gets {:.0} W now because of {by}", decided.power_w)
        }
        _ => format!("{power_w:.0} W {stands}"),
    }
}
