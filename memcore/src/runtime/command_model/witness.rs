//! What must always hold: the witness is the plant that the device drives, sees every value that it is set to and why, and
//! hears what senders of commands are told.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use crate::client::Refused;
use crate::model::{Channel, ChannelName, CommandId, CommandState, Timestamp};
use crate::protocol::Instruction;
use crate::runtime::commander::Change;

/// How much later than its lease a channel may still be outside its fallback, and how late anything else may be.
const TOLERANCE: Duration = Duration::from_secs(1);

/// Why the device sets a channel now.
#[derive(Debug, Clone)]
pub(super) enum Cause {
    /// It carries out a command, which has expired at that instant of the walk, where that is known.
    Command { instruction: Instruction, expired: Option<Duration>, counted: bool },
    /// Its time has come.
    Clock,
    /// The device starts, or is closed.
    Turn,
}

/// What a channel must come to when its lease is over.
#[derive(Debug, Clone, Copy)]
struct Owed {
    ends: Duration,
    fallback: f64,
}

#[derive(Debug)]
struct Seen {
    channel: Channel,
    value: f64,
    /// When it last went on or off.
    switched: Option<Duration>,
    owed: Option<Owed>,
    /// Where a ramp goes to.
    target: Option<f64>,
    /// The handler refuses everything.
    stuck: bool,
    free_since: Duration,
    /// What it must take after a start.
    at_start: Option<f64>,
    /// The fallback of its last lease, and whether the device may have lost that this lease is over.
    last_fallback: Option<f64>,
    /// The fallbacks of commands that were begun and refused since the last that had an effect: the refusals may be lost.
    begun: Vec<f64>,
    perhaps_open: bool,
}

#[derive(Debug)]
pub(super) struct Witness {
    pub(super) now: Duration,
    pub(super) cause: Cause,
    /// Since when the device's program runs.
    pub(super) alive_since: Option<Duration>,
    channels: BTreeMap<ChannelName, Seen>,
    effects: HashMap<CommandId, u32>,
    told: HashMap<CommandId, CommandState>,
    restored: bool,
    broken: Option<String>,
    /// What happened, where somebody wants to read it.
    pub(super) history: Option<Vec<String>>,
}

impl Witness {
    pub(super) fn new(channels: &[Channel]) -> Self {
        let seen = |channel: &Channel| Seen {
            channel: channel.clone(),
            value: 0.0,
            switched: None,
            owed: None,
            target: None,
            stuck: false,
            free_since: Duration::ZERO,
            at_start: None,
            last_fallback: None,
            begun: Vec::new(),
            perhaps_open: false,
        };
        Self {
            now: Duration::ZERO,
            cause: Cause::Turn,
            alive_since: None,
            channels: channels.iter().map(|channel| (channel.name.clone(), seen(channel))).collect(),
            effects: HashMap::new(),
            told: HashMap::new(),
            restored: false,
            broken: None,
            history: None,
        }
    }

    /// What is broken, where something is.
    pub(super) fn verdict(&mut self) -> Result<(), String> {
        self.check_dead_man();
        match self.broken.take() {
            None => Ok(()),
            Some(broken) => Err(format!("after {:?}: {broken}", self.now)),
        }
    }

    /// Something happens.
    pub(super) fn note(&mut self, what: impl FnOnce() -> String) {
        if let Some(history) = &mut self.history {
            history.push(format!("{:>12.3?}  {}", self.now, what()));
        }
    }

    fn broken(&mut self, what: String) {
        self.broken.get_or_insert(what);
    }

    pub(super) fn read(&self, channel: &ChannelName) -> Option<f64> {
        self.channels.get(channel).map(|seen| seen.value)
    }

    /// The device's program sets a value.
    pub(super) fn set(&mut self, name: &ChannelName, value: f64) -> Result<f64, Refused> {
        let stuck = self.channels.get(name).is_none_or(|seen| seen.stuck);
        if stuck {
            if let (Cause::Command { instruction, .. }, Some(seen)) = (&self.cause, self.channels.get_mut(name)) {
                // Begun all the same: after a power cut its lease may seem open.
                let declared = instruction.fallback.or(seen.channel.rules.fallback);
                seen.begun.extend(instruction.lease.and(declared));
            }
            return Err(Refused { code: "stuck".into(), reason: "the contactor is stuck".into() });
        }
        let cause = self.cause.clone();
        self.note(|| format!("{name} := {value}, {cause:?}"));
        match cause {
            Cause::Command { instruction, expired, counted } => {
                self.effect(name, value, &instruction, expired, counted);
                self.channels.get_mut(name).into_iter().for_each(|seen| seen.begun.clear());
            }
            cause => self.own(name, value, &cause),
        }
        let now = self.now;
        if let Some(seen) = self.channels.get_mut(name) {
            if (seen.value != 0.0) != (value != 0.0) {
                seen.switched = Some(now);
            }
            (seen.value, seen.at_start, seen.perhaps_open) = (value, None, false);
        }
        Ok(value)
    }

    /// A command has its effect.
    fn effect(
        &mut self,
        name: &ChannelName,
        value: f64,
        instruction: &Instruction,
        expired: Option<Duration>,
        counted: bool,
    ) {
        let (id, now) = (&instruction.id, self.now);
        if let Cause::Command { counted, .. } = &mut self.cause {
            *counted = true;
        }
        let effects = self.effects.entry(id.clone()).or_default();
        *effects += u32::from(!counted);
        let broken = if *effects > 1 {
            Some(format!("{id} had a second effect"))
        } else if expired.is_some_and(|expired| now >= expired) {
            Some(format!("{id} was begun after its expiry"))
        } else if let Some(told @ (CommandState::Refused { .. } | CommandState::Expired)) = self.told.get(id) {
            Some(format!("{id} has an effect, its sender was told {told:?}"))
        } else {
            self.channels.get(name).and_then(|seen| against_rules(seen, value, instruction, now))
        };
        broken.into_iter().for_each(|broken| self.broken(broken));
        let Some(seen) = self.channels.get_mut(name) else { return };
        seen.target = (value != instruction.value).then_some(instruction.value);
        let fallback = instruction.fallback.or(seen.channel.rules.fallback);
        seen.last_fallback = seen.owed.map(|owed| owed.fallback).or(seen.last_fallback);
        seen.owed =
            instruction.lease.zip(fallback).map(|(lease, fallback)| Owed { ends: now + lease.to_duration(), fallback });
    }

    /// The device acts on its own.
    fn own(&mut self, name: &ChannelName, value: f64, cause: &Cause) {
        let now = self.now;
        let Some(seen) = self.channels.get_mut(name) else { return };
        let turn = matches!(cause, Cause::Turn);
        // After a power cut a lease that was over may seem open: then its fallback is safe, too.
        let falls_again = seen.perhaps_open && (seen.last_fallback == Some(value) || seen.begun.contains(&value));
        let falls = seen.owed.is_some_and(|owed| owed.fallback == value && (turn || owed.ends <= now));
        let steps = seen.target.is_some_and(|target| {
            let (low, high) = (seen.value.min(target), seen.value.max(target));
            low <= value && value <= high
        });
        if falls || falls_again {
            seen.last_fallback = Some(value);
            (seen.owed, seen.target) = (None, None);
        } else if steps && !turn {
            seen.target.take_if(|target| *target == value);
        } else if seen.at_start != Some(value) && seen.value != value {
            let was = seen.value;
            self.broken(format!("{name} went from {was} to {value} by itself"));
        }
    }

    /// The device's program starts: a restart ends all leases.
    pub(super) fn starting(&mut self) {
        self.note(|| "the device starts".into());
        (self.cause, self.alive_since) = (Cause::Turn, Some(self.now));
        for seen in self.channels.values_mut() {
            seen.at_start = seen.owed.map(|owed| owed.fallback).or(seen.channel.rules.fallback);
            seen.target = None;
            if let Some(owed) = &mut seen.owed {
                owed.ends = self.now;
            }
        }
    }

    /// The device loses its power: the last that it wrote may be gone.
    pub(super) fn power_cut(&mut self) {
        self.note(|| "power cut at the device".into());
        self.channels.values_mut().for_each(|seen| seen.perhaps_open = true);
    }

    /// It has started and goes to the network.
    pub(super) fn started(&mut self) {
        let outside = self.channels.values().find(|seen| seen.at_start.is_some() && !seen.stuck);
        let outside = outside.map(|seen| format!("{} is outside its fallback after a start", seen.channel.name));
        outside.into_iter().for_each(|broken| self.broken(broken));
    }

    /// The handler of that channel refuses everything, or not any more.
    pub(super) fn stick(&mut self, number: usize, stuck: bool) {
        self.note(|| format!("channel {number} is stuck: {stuck}"));
        if let Some(seen) = self.channels.values_mut().nth(number) {
            (seen.stuck, seen.free_since) = (stuck, self.now);
        }
    }

    fn check_dead_man(&mut self) {
        let Some(alive) = self.alive_since else { return };
        let now = self.now;
        let late = self.channels.values().filter(|seen| !seen.stuck).find_map(|seen| {
            let owed = seen.owed?;
            let due = owed.ends.max(alive).max(seen.free_since) + TOLERANCE;
            (now > due).then(|| format!("{} is outside its fallback {:?} later", seen.channel.name, now - owed.ends))
        });
        late.into_iter().for_each(|broken| self.broken(broken));
    }

    /// A sender is told of a new state.
    pub(super) fn told(&mut self, change: &Change) {
        let Change { id, state, .. } = change;
        if !state.is_final() {
            return;
        }
        self.note(|| format!("{id} is told {state:?}"));
        let effects = self.effects.get(id).copied().unwrap_or(0);
        let broken = match (state, self.told.get(id)) {
            // A server that lost its end says that it does not know.
            (CommandState::Unknown { .. }, _) => None,
            (state, Some(before)) if state != before => Some(format!("{id} ended twice: {before:?}, then {state:?}")),
            (CommandState::Done { .. }, _) if effects == 0 => Some(format!("{id} is told done though it had no effect")),
            // A server from a backup does not know what was delivered since.
            (CommandState::Refused { .. } | CommandState::Expired, _) if self.restored => None,
            (CommandState::Refused { .. } | CommandState::Expired, _) if effects > 0 => {
                Some(format!("{id} is told {state:?} though it had its effect"))
            }
            _ => None,
        };
        broken.into_iter().for_each(|broken| self.broken(broken));
        self.told.insert(id.clone(), state.clone());
    }

    /// A backup was restored: what senders were told before was told by another server.
    pub(super) fn restored(&mut self) {
        self.told.clear();
        self.restored = true;
    }

    /// How many commands had their effect.
    pub(super) fn effects(&self) -> usize {
        self.effects.len()
    }

    /// Whether a command had an effect.
    pub(super) fn had_effect(&self, id: &CommandId) -> bool {
        self.effects.contains_key(id)
    }
}

/// What a channel's rules say against a value that a command sets now.
fn against_rules(seen: &Seen, value: f64, instruction: &Instruction, now: Duration) -> Option<String> {
    let (id, rules) = (&instruction.id, &seen.channel.rules);
    let offered = value.is_finite() && seen.channel.range.is_none_or(|range| range.contains(value));
    if !offered {
        return Some(format!("{id} set {value}, which the channel never offered"));
    }
    if instruction.safety {
        return (!rules.is_safe(value)).then(|| format!("{id} set {value} for safety"));
    }
    let most = rules.ramp_per_s.map_or(f64::INFINITY, |ramp| ramp / 4.0 + 1e-9);
    if (value - seen.value).abs() > most {
        return Some(format!("{id} jumped from {} to {value}", seen.value));
    }
    let on = value != 0.0;
    let least = if on { rules.min_off } else { rules.min_on };
    let (switched, least) = (seen.switched?, least?.to_duration());
    let early = (seen.value != 0.0) != on && now - switched < least;
    early.then(|| format!("{id} switched {} after it had switched", format_args!("{:?}", now - switched)))
}

/// When a command that expires at `expires` has expired on a walk whose clock was `start` at its beginning.
pub(super) fn instant_of(expires: Timestamp, start: Timestamp) -> Duration {
    expires.since(start).to_duration()
}
