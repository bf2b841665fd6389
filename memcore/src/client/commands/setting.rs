//! One channel that takes commands: what it was set to, and what its rules allow next. Time is an argument.

use std::time::Duration;

use super::handlers::Refused;
use crate::model::{Channel, CommandId, Span};
use crate::protocol::{Code, Instruction};

/// How often a value that changes over time is set, and so the largest part of a second's change that is taken at once.
const RAMP_STEP: Duration = Duration::from_millis(250);

/// What was refused by the handler and must be, a fallback or a value that would be forgotten, is tried again after this.
const RETRY: Duration = Duration::from_secs(1);

/// How long a value holds, and what then.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lease {
    pub(super) ends: Duration,
    pub(super) fallback: f64,
}

/// A value on its way.
#[derive(Debug, Clone)]
pub(super) struct Ramp {
    pub(super) id: CommandId,
    target: f64,
    next: Duration,
}

/// A fallback that the channel must take, until the handler takes it.
#[derive(Debug, Clone, Copy)]
struct Falling {
    value: f64,
    next: Duration,
    /// Whether a lease has ended, rather than the device begun.
    lease: bool,
}

/// What is due on a channel, the most important first.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Due {
    /// Take the fallback.
    Fallback { value: f64, lease: bool },
    /// Take the next step to the value of that command; the last one?
    Step { id: CommandId, value: f64, last: bool },
    /// Set the value again, before what it drives forgets it.
    Renew(f64),
}

/// The state of one channel.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) channel: Channel,
    /// What was last taken; none where nobody knows.
    value: Option<f64>,
    /// Whether it is on; none where nobody knows.
    on: Option<bool>,
    /// When it was last switched on or off. After a start nobody knows since when it is as it is: since then, for all we know.
    switched: Duration,
    pub(super) lease: Option<Lease>,
    pub(super) ramp: Option<Ramp>,
    falling: Option<Falling>,
    renew_at: Option<Duration>,
}

impl Setting {
    pub(super) fn new(channel: Channel, now: Duration) -> Self {
        let (value, on) = (None, None);
        Self { channel, value, on, switched: now, lease: None, ramp: None, falling: None, renew_at: None }
    }

    /// The device starts: the channel is as it was read, and shall take that fallback.
    pub(super) fn begin(&mut self, fallback: Option<f64>, read: Option<f64>, now: Duration) {
        (self.value, self.on, self.switched) = (read, read.map(|value| value != 0.0), now);
        self.falling = fallback.map(|value| Falling { value, next: now, lease: false });
    }

    /// Whether an instruction may be carried out now; gives the fallback of its lease. What the server has checked is checked
    /// again: it is the device that is damaged where it has not.
    pub(super) fn judge(&self, instruction: &Instruction, now: Duration) -> Result<Option<f64>, Refused> {
        let Instruction { value, lease, safety, .. } = instruction;
        let rules = &self.channel.rules;
        let fallback = instruction.fallback.or(lease.and(rules.fallback));
        if lease.is_some() != fallback.is_some() || lease.is_some_and(|lease| lease.as_micros() <= 0) {
            return Err(Refused::new(Code::BadMessage, "a lease and a fallback need each other"));
        }
        for value in [Some(*value), fallback].into_iter().flatten() {
            self.check_value(value)?;
        }
        if !safety {
            self.check_times(*value, now)?;
        } else if !rules.is_safe(*value) {
            let reason = format!("{value} is neither 0 nor the fallback of the channel: no command for safety");
            return Err(Refused::new(Code::Unsafe, reason));
        }
        Ok(fallback)
    }

    fn check_value(&self, value: f64) -> Result<(), Refused> {
        if !value.is_finite() {
            return Err(Refused::new(Code::BadValue, format!("{value} is not a finite number")));
        }
        match self.channel.range {
            Some(range) if !range.contains(value) => {
                let (unit, low, high) = (self.channel.unit, range.low(), range.high());
                let reason = format!("{value} {unit} lies outside the declared {low} to {high} {unit}");
                Err(Refused::new(Code::OutOfRange, reason))
            }
            _ => Ok(()),
        }
    }

    /// How long it must stay as it is. Where nobody knows how it is, both times hold.
    fn check_times(&self, value: f64, now: Duration) -> Result<(), Refused> {
        let (on, rules) = (value != 0.0, &self.channel.rules);
        let (least, stays) = if on { (rules.min_off, "off") } else { (rules.min_on, "on") };
        let passed = now.saturating_sub(self.switched);
        match least.map(|least| least.to_duration()) {
            Some(least) if self.on != Some(on) && passed < least => {
                let rest = (least - passed).as_secs_f64();
                Err(Refused::new(Code::Unsafe, format!("it stays {stays} for another {rest:.1} s")))
            }
            _ => Ok(()),
        }
    }

    /// What the channel is set to next, to come to `target`; and whether it is there then.
    pub(super) fn step_to(&self, target: f64, safety: bool) -> (f64, bool) {
        let most = self.channel.rules.ramp_per_s.map(|ramp| ramp * RAMP_STEP.as_secs_f64());
        match (self.value, most) {
            (Some(value), Some(most)) if !safety && (target - value).abs() > most => {
                (value + most.copysign(target - value), false)
            }
            _ => (target, true),
        }
    }

    /// An instruction was begun with that value, its first step: what held before is over. Gives the command that was on its
    /// way until now.
    pub(super) fn begun(
        &mut self,
        instruction: &Instruction,
        fallback: Option<f64>,
        step: (f64, bool),
        now: Duration,
    ) -> Option<CommandId> {
        let earlier = self.ramp.take().map(|ramp| ramp.id);
        self.falling = None;
        self.lease = instruction.lease.zip(fallback).map(|(lease, fallback)| {
            let ends = now.saturating_add(lease.to_duration());
            Lease { ends, fallback }
        });
        let (value, there) = step;
        if !there {
            let (id, target) = (instruction.id.clone(), instruction.value);
            self.ramp = Some(Ramp { id, target, next: now.saturating_add(RAMP_STEP) });
        }
        self.took(value, now);
        earlier
    }

    /// The channel took that value.
    pub(super) fn took(&mut self, value: f64, now: Duration) {
        // On its way through zero it is not off.
        let on = value != 0.0 || self.ramp.as_ref().is_some_and(|ramp| ramp.target != 0.0);
        if self.on != Some(on) {
            (self.on, self.switched) = (Some(on), now);
        }
        self.value = Some(value);
        self.renew_at = self.channel.rules.hold.map(|hold| now.saturating_add(half(hold)));
    }

    /// A step on the way was taken.
    pub(super) fn stepped(&mut self, value: f64, last: bool, now: Duration) {
        self.took(value, now);
        match &mut self.ramp {
            Some(ramp) if !last => ramp.next = now.saturating_add(RAMP_STEP),
            ramp => *ramp = None,
        }
    }

    /// The fallback was taken.
    pub(super) fn fell(&mut self, value: f64, now: Duration) {
        self.falling = None;
        self.took(value, now);
    }

    /// The handler broke off: nobody knows what the channel is at.
    pub(super) fn lost(&mut self, now: Duration) {
        (self.value, self.on, self.switched, self.ramp, self.renew_at) = (None, None, now, None, None);
    }

    /// The device is closed: the fallback that it shall be left at.
    pub(super) fn leave(&mut self) -> Option<f64> {
        let lease = self.lease.take().map(|lease| lease.fallback);
        lease.or(self.falling.take().map(|falling| falling.value))
    }

    /// What was due was refused.
    pub(super) fn refused(&mut self, now: Duration) {
        let again = now.saturating_add(RETRY);
        match &mut self.falling {
            Some(falling) => falling.next = again,
            None => self.renew_at = self.renew_at.map(|_| again),
        }
    }

    /// When something is due next.
    pub(super) fn deadline(&self) -> Option<Duration> {
        if let Some(falling) = self.falling {
            return Some(falling.next);
        }
        let lease = self.lease.map(|lease| lease.ends);
        let next = self.ramp.as_ref().map(|ramp| ramp.next).or(self.renew_at);
        lease.into_iter().chain(next).min()
    }

    /// A lease whose time has come is over, and gives the command that was on its way under it.
    pub(super) fn end_lease(&mut self, now: Duration) -> Option<CommandId> {
        let lease = self.lease.take_if(|lease| lease.ends <= now)?;
        self.falling = Some(Falling { value: lease.fallback, next: now, lease: true });
        self.ramp.take().map(|ramp| ramp.id)
    }

    /// What is to be done now.
    pub(super) fn due(&self, now: Duration) -> Option<Due> {
        if let Some(falling) = self.falling {
            // What was set before is never set again in the meantime.
            return (falling.next <= now).then_some(Due::Fallback { value: falling.value, lease: falling.lease });
        }
        if let Some(ramp) = &self.ramp {
            let (value, last) = self.step_to(ramp.target, false);
            return (ramp.next <= now).then(|| Due::Step { id: ramp.id.clone(), value, last });
        }
        self.value.filter(|_| self.renew_at.is_some_and(|at| at <= now)).map(Due::Renew)
    }
}

/// Early enough that a try that fails can be repeated.
fn half(hold: Span) -> Duration {
    hold.to_duration() / 2
}
