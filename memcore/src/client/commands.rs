//! Commands at the device: each id once (P27), nothing after its expiry (P28), and the fallback when a lease runs out (P29).

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crate::model::{Channel, ChannelName, CommandId, Timestamp};
use crate::protocol::{Answer, Code, Instruction};

/// Why a device will not carry out a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// A code of `docs/protocol.md`, or the device's own.
    pub code: String,
    /// For a person.
    pub reason: String,
}

impl Refused {
    /// With this code a handler says that it cannot tell whether it had its effect: the command is then unknown, not refused.
    pub const UNKNOWN: &'static str = "unknown";

    /// A handler cannot tell whether it had its effect.
    #[must_use]
    pub fn unknown(reason: String) -> Self {
        Self { code: Self::UNKNOWN.into(), reason }
    }

    fn new(code: Code, reason: String) -> Self {
        Self { code: code.to_string(), reason }
    }
}

/// Carries out a value on a channel, in the channel's own unit, and returns what it reads back.
pub type CommandHandler = Box<dyn FnMut(&ChannelName, f64) -> Result<f64, Refused> + Send>;

/// How many answers are remembered, so that a repeated id gets the same answer without a second effect.
/// Full-policy: the oldest is forgotten.
const REMEMBERED: usize = 1024;

/// What a device has been told to do.
pub(crate) struct Commands {
    handler: CommandHandler,
    /// Those that take commands.
    writable: HashMap<ChannelName, Channel>,
    answers: HashMap<CommandId, Answer>,
    order: VecDeque<CommandId>,
    /// One lease a channel: the newest command holds it.
    leases: HashMap<ChannelName, Lease>,
}

struct Lease {
    ends: Duration,
    fallback: f64,
}

impl Commands {
    pub(crate) fn new(channels: &[Channel], handler: CommandHandler) -> Self {
        let writable = channels.iter().filter(|channel| channel.writable);
        let writable = writable.map(|channel| (channel.name.clone(), channel.clone())).collect();
        Self { handler, writable, answers: HashMap::new(), order: VecDeque::new(), leases: HashMap::new() }
    }

    /// Carries out an instruction that arrived at `now` by the monotonic clock and `wall` by the server's.
    pub(crate) fn carry_out(&mut self, instruction: &Instruction, now: Duration, wall: Timestamp) -> Answer {
        if let Some(answer) = self.answers.get(&instruction.id) {
            return answer.clone();
        }
        let answer = if instruction.expires <= wall {
            Err(Refused::new(Code::Expired, format!("it expired at {}", instruction.expires)))
        } else {
            self.check(instruction).and_then(|()| self.apply(instruction, now))
        };
        let answer = match answer {
            Ok(read_back) => Answer::Done { value: Some(read_back).filter(|value| value.is_finite()) },
            Err(refused) if refused.code == Refused::UNKNOWN => Answer::Unknown { value: None },
            Err(Refused { code, reason }) => Answer::Refused { code, reason },
        };
        self.remember(instruction.id.clone(), answer.clone());
        answer
    }

    /// What the server has checked too; but it is the device that is damaged where it has not.
    fn check(&self, instruction: &Instruction) -> Result<(), Refused> {
        let Instruction { channel: name, value, lease, fallback, .. } = instruction;
        let Some(channel) = self.writable.get(name) else {
            return Err(Refused::new(Code::NotWritable, format!("channel {name} takes no commands")));
        };
        if lease.is_some() != fallback.is_some() {
            return Err(Refused::new(Code::BadMessage, "a lease and a fallback need each other".into()));
        }
        let wanted = [Some(*value), *fallback];
        match channel
            .range
            .zip(wanted.into_iter().flatten().find(|value| !channel.range.is_none_or(|r| r.contains(*value))))
        {
            None => Ok(()),
            Some((range, value)) => {
                let (unit, low, high) = (channel.unit, range.low(), range.high());
                let reason = format!("{value} {unit} lies outside the declared {low} to {high} {unit}");
                Err(Refused::new(Code::OutOfRange, reason))
            }
        }
    }

    fn apply(&mut self, instruction: &Instruction, now: Duration) -> Result<f64, Refused> {
        let read_back = self.call(&instruction.channel, instruction.value)?;
        match (instruction.lease, instruction.fallback) {
            (Some(lease), Some(fallback)) => {
                let ends = now + lease.to_duration();
                self.leases.insert(instruction.channel.clone(), Lease { ends, fallback });
            }
            _ => drop(self.leases.remove(&instruction.channel)),
        }
        Ok(read_back)
    }

    /// Calls the handler. A handler that panics has refused: the link and the other leases must go on.
    fn call(&mut self, channel: &ChannelName, value: f64) -> Result<f64, Refused> {
        let handler = AssertUnwindSafe(|| (self.handler)(channel, value));
        catch_unwind(handler).unwrap_or_else(|_| Err(Refused::new(Code::Internal, "the command handler panicked".into())))
    }

    fn remember(&mut self, id: CommandId, answer: Answer) {
        if self.order.len() >= REMEMBERED {
            self.order.pop_front().map(|oldest| self.answers.remove(&oldest));
        }
        self.order.push_back(id.clone());
        self.answers.insert(id, answer);
    }

    /// When the next lease ends.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.leases.values().map(|lease| lease.ends).min()
    }

    /// Takes every channel whose lease has ended to its fallback, whatever became of the link. Those that refuse it
    /// are tried again a second later.
    pub(crate) fn handle_timeout(&mut self, now: Duration) -> Vec<(ChannelName, f64)> {
        let ended: Vec<_> =
            self.leases.iter().filter(|(_, lease)| lease.ends <= now).map(|(name, _)| name.clone()).collect();
        let mut fallen = Vec::new();
        for channel in ended {
            let Some(lease) = self.leases.remove(&channel) else { continue };
            if self.call(&channel, lease.fallback).is_ok() {
                fallen.push((channel, lease.fallback));
            } else {
                self.leases.insert(channel, Lease { ends: now + Duration::from_secs(1), ..lease });
            }
        }
        fallen
    }
}

impl Commands {
    /// The device is closed: nobody will watch its leases any more, so they end now.
    pub(crate) fn end_leases(&mut self) {
        self.handle_timeout(Duration::MAX - Duration::from_secs(1));
        self.leases.clear();
    }
}

impl std::fmt::Debug for Commands {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Commands").field("leases", &self.leases.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Span, Unit, ValidRange};
    use std::sync::{Arc, Mutex};

    fn battery() -> (Commands, Arc<Mutex<Vec<f64>>>) {
        let applied = Arc::new(Mutex::new(Vec::new()));
        let log = applied.clone();
        let handler = move |_: &ChannelName, value: f64| {
            log.lock().unwrap().push(value);
            Ok(value)
        };
        let power = Channel::gauge("power", Unit::Watt).unwrap().range(ValidRange::new(-5000.0, 5000.0).unwrap());
        let meter = Channel::gauge("meter", Unit::Watt).unwrap().build().unwrap();
        (Commands::new(&[power.writable().build().unwrap(), meter], Box::new(handler)), applied)
    }

    fn discharge(id: &str) -> Instruction {
        Instruction {
            id: CommandId::new(id).unwrap(),
            channel: ChannelName::new("power").unwrap(),
            value: -2000.0,
            expires: Timestamp::from_seconds(60),
            lease: Some(Span::from_seconds(900)),
            fallback: Some(0.0),
            safety: false,
        }
    }

    #[test]
    fn one_id_has_one_effect_and_one_answer() {
        let (mut commands, applied) = battery();
        let answers: Vec<_> = (0..3)
            .map(|second| commands.carry_out(&discharge("c1"), Duration::from_secs(second), Timestamp::from_seconds(1)))
            .collect();
        assert!(answers.iter().all(|answer| *answer == Answer::Done { value: Some(-2000.0) }));
        assert_eq!(*applied.lock().unwrap(), [-2000.0]);
    }

    #[test]
    fn an_expired_command_has_no_effect() {
        let (mut commands, applied) = battery();
        let answer = commands.carry_out(&discharge("c1"), Duration::ZERO, Timestamp::from_seconds(60));
        assert!(matches!(answer, Answer::Refused { code, .. } if code == "expired"));
        assert!(applied.lock().unwrap().is_empty());
    }

    #[test]
    fn a_lease_ends_in_the_fallback_unless_it_is_refreshed() {
        let (mut commands, applied) = battery();
        let start = Timestamp::from_seconds(1);
        commands.carry_out(&discharge("c1"), Duration::ZERO, start);
        commands.carry_out(&discharge("c2"), Duration::from_secs(600), start);
        assert!(commands.handle_timeout(Duration::from_secs(900)).is_empty());
        assert_eq!(commands.deadline(), Some(Duration::from_secs(1500)));
        assert_eq!(commands.handle_timeout(Duration::from_secs(1500)).len(), 1);
        assert_eq!(*applied.lock().unwrap(), [-2000.0, -2000.0, 0.0]);
        assert_eq!(commands.deadline(), None);
    }

    #[test]
    fn what_the_device_never_offered_has_no_effect() {
        let (mut commands, applied) = battery();
        let meter = ChannelName::new("meter").unwrap();
        for (wrong, expected) in [
            (Instruction { channel: meter, ..discharge("c1") }, "not_writable"),
            (Instruction { value: 5001.0, ..discharge("c2") }, "out_of_range"),
            (Instruction { fallback: Some(-5001.0), ..discharge("c3") }, "out_of_range"),
            (Instruction { fallback: None, ..discharge("c4") }, "bad_message"),
        ] {
            let answer = commands.carry_out(&wrong, Duration::ZERO, Timestamp::from_seconds(1));
            assert!(matches!(&answer, Answer::Refused { code, .. } if code == expected), "{answer:?}");
        }
        assert!(applied.lock().unwrap().is_empty());
    }

    #[test]
    fn a_handler_that_panics_has_refused_and_the_device_goes_on() {
        let power = Channel::gauge("power", Unit::Watt).unwrap().writable().build().unwrap();
        let mut commands = Commands::new(&[power], Box::new(|_, value| if value < 0.0 { panic!("no") } else { Ok(value) }));
        let start = Timestamp::from_seconds(1);
        let answer = commands.carry_out(&discharge("c1"), Duration::ZERO, start);
        assert!(matches!(answer, Answer::Refused { code, .. } if code == "internal"));
        let positive = Instruction { value: 5.0, ..discharge("c2") };
        assert_eq!(commands.carry_out(&positive, Duration::ZERO, start), Answer::Done { value: Some(5.0) });
    }

    #[test]
    fn a_handler_that_cannot_tell_makes_the_command_unknown() {
        let power = Channel::gauge("power", Unit::Watt).unwrap().writable().build().unwrap();
        let mut commands = Commands::new(&[power], Box::new(|_, _| Err(Refused::unknown("no word from the bus".into()))));
        let answer = commands.carry_out(&discharge("c1"), Duration::ZERO, Timestamp::from_seconds(1));
        assert_eq!(answer, Answer::Unknown { value: None });
    }

    #[test]
    fn closing_ends_the_leases() {
        let (mut commands, applied) = battery();
        commands.carry_out(&discharge("c1"), Duration::ZERO, Timestamp::from_seconds(1));
        commands.end_leases();
        assert_eq!(*applied.lock().unwrap(), [-2000.0, 0.0]);
        assert_eq!(commands.deadline(), None);
    }
}
