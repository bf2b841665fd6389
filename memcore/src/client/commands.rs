//! Commands at the device: each id once, nothing after its expiry, and the fallback when a lease runs out.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::model::{ChannelName, CommandId, Timestamp};
use crate::protocol::{Answer, Code, Instruction};

/// Why a device will not carry out a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// A code of `docs/protocol.md`, or the device's own.
    pub code: String,
    /// For a person.
    pub reason: String,
}

/// Carries out a value on a channel, in the channel's own unit, and returns what it reads back.
pub type CommandHandler = Box<dyn FnMut(&ChannelName, f64) -> Result<f64, Refused> + Send>;

/// How many answers are remembered, so that a repeated id gets the same answer without a second effect.
/// Full-policy: the oldest is forgotten.
const REMEMBERED: usize = 1024;

/// What a device has been told to do.
pub(crate) struct Commands {
    handler: CommandHandler,
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
    pub(crate) fn new(handler: CommandHandler) -> Self {
        Self { handler, answers: HashMap::new(), order: VecDeque::new(), leases: HashMap::new() }
    }

    /// Carries out an instruction that arrived at `now` by the monotonic clock and `wall` by the server's.
    pub(crate) fn carry_out(&mut self, instruction: &Instruction, now: Duration, wall: Timestamp) -> Answer {
        if let Some(answer) = self.answers.get(&instruction.id) {
            return answer.clone();
        }
        let answer = if instruction.expires <= wall {
            Answer::Refused { code: Code::Expired.to_string(), reason: format!("it expired at {}", instruction.expires) }
        } else {
            self.apply(instruction, now)
        };
        self.remember(instruction.id.clone(), answer.clone());
        answer
    }

    fn apply(&mut self, instruction: &Instruction, now: Duration) -> Answer {
        match (self.handler)(&instruction.channel, instruction.value) {
            Err(Refused { code, reason }) => Answer::Refused { code, reason },
            Ok(read_back) => {
                match (instruction.lease, instruction.fallback) {
                    (Some(lease), Some(fallback)) => {
                        let ends = now + lease.to_duration();
                        self.leases.insert(instruction.channel.clone(), Lease { ends, fallback });
                    }
                    _ => drop(self.leases.remove(&instruction.channel)),
                }
                Answer::Done { value: Some(read_back) }
            }
        }
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
            if (self.handler)(&channel, lease.fallback).is_ok() {
                fallen.push((channel, lease.fallback));
            } else {
                self.leases.insert(channel, Lease { ends: now + Duration::from_secs(1), ..lease });
            }
        }
        fallen
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
    use crate::model::Span;
    use std::sync::{Arc, Mutex};

    fn battery() -> (Commands, Arc<Mutex<Vec<f64>>>) {
        let applied = Arc::new(Mutex::new(Vec::new()));
        let log = applied.clone();
        let handler = move |_: &ChannelName, value: f64| {
            log.lock().unwrap().push(value);
            Ok(value)
        };
        (Commands::new(Box::new(handler)), applied)
    }

    fn discharge(id: &str) -> Instruction {
        Instruction {
            id: CommandId::new(id).unwrap(),
            channel: ChannelName::new("power").unwrap(),
            value: -2000.0,
            expires: Timestamp::from_seconds(60),
            lease: Some(Span::from_seconds(900)),
            fallback: Some(0.0),
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
}
