//! The life of a command: queued, sent, accepted, and one of four ends. Time is an argument.
//!
//! ```text
//!  issue --device away--> Queued --connects--> Sent --> Accepted --> Done | Refused
//!    \--device there------------------------->  \-- expiry --> (Queued) Expired, never delivered
//!                                                \-- device gone or silent --> Unknown: read it back, do not repeat
//! ```

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use tokio::sync::watch;

use crate::error::{Error, ErrorKind, Result};
use crate::model::{Command, CommandId, CommandState, DeviceName, Timestamp};
use crate::protocol::{Answer, Code};

/// Commands without an end. Full-policy: refuse the next.
const LIVE_MAX: usize = 65_536;

/// Commands that have ended and are still known by their id. Full-policy: forget the oldest.
const ENDED_MAX: usize = 65_536;

/// How long a device may take to say anything before the outcome is unknown.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

struct Record {
    /// Its place in the order of issue.
    number: u64,
    command: Command,
    state: watch::Sender<CommandState>,
    sent: Option<Sent>,
}

/// Over which session a command went, and when.
#[derive(Clone, Copy)]
struct Sent {
    epoch: u64,
    at: Duration,
}

/// A command that changed its state.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Change {
    pub(crate) id: CommandId,
    pub(crate) command: Command,
    pub(crate) state: CommandState,
}

/// Every command that is known, by its id.
#[derive(Default)]
pub(crate) struct Commander {
    records: HashMap<CommandId, Record>,
    issued: u64,
    /// Which commands have no end yet, in the order of issue.
    live: BTreeMap<u64, CommandId>,
    /// The same by device.
    by_device: HashMap<DeviceName, BTreeSet<u64>>,
    ended: VecDeque<CommandId>,
    closed: bool,
}

impl std::fmt::Debug for Commander {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Commander").field("live", &self.live.len()).field("ended", &self.ended.len()).finish()
    }
}

impl Commander {
    /// Takes a command in as queued. The same command again gives the same record, and `false`.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) where another command had that id, [`LimitReached`](ErrorKind::LimitReached)
    /// where too many are open, [`Closed`](ErrorKind::Closed) where the server has shut down.
    pub(crate) fn issue(&mut self, command: Command) -> Result<(watch::Receiver<CommandState>, bool)> {
        if self.closed {
            return Err(Error::new(ErrorKind::Closed, "the server has shut down"));
        }
        if let Some(record) = self.records.get(&command.id) {
            if is_same(&record.command, &command) {
                return Ok((record.state.subscribe(), false));
            }
            let message = format!("command id {} was used for another command to {}", command.id, record.command.target);
            return Err(Error::new(ErrorKind::Conflict, message));
        }
        if self.live.len() >= LIVE_MAX {
            return Err(Error::new(ErrorKind::LimitReached, format!("{LIVE_MAX} commands are open, no more are taken")));
        }
        let (state, receiver) = watch::channel(CommandState::Queued);
        let (id, number) = (command.id.clone(), self.issued);
        self.issued += 1;
        self.live.insert(number, id.clone());
        self.by_device.entry(command.target.device.clone()).or_default().insert(number);
        self.records.insert(id, Record { number, command, state, sent: None });
        Ok((receiver, true))
    }

    /// The commands that wait for that device, oldest first.
    pub(crate) fn queued_for(&self, device: &DeviceName) -> Vec<Command> {
        let waiting = self.live_of(device).filter(|record| record.sent.is_none());
        waiting.map(|record| record.command.clone()).collect()
    }

    /// The devices for which commands wait.
    pub(crate) fn awaited(&self) -> Vec<DeviceName> {
        let awaited = self.by_device.keys().filter(|device| self.live_of(device).any(|record| record.sent.is_none()));
        awaited.cloned().collect()
    }

    fn live_of<'a>(&'a self, device: &DeviceName) -> impl Iterator<Item = &'a Record> {
        let numbers = self.by_device.get(device).into_iter().flatten();
        numbers.filter_map(|number| self.records.get(self.live.get(number)?))
    }

    /// Claims a command for a session. `None` where it has ended or another session has it: then it must not be sent.
    pub(crate) fn claim(&mut self, id: &CommandId, epoch: u64, now: Duration) -> Option<Change> {
        let record = self.records.get_mut(id)?;
        if record.sent.is_some() || record.state.borrow().is_final() {
            return None;
        }
        record.sent = Some(Sent { epoch, at: now });
        self.change(id, CommandState::Sent)
    }

    /// A claimed command was not sent after all: it waits again.
    pub(crate) fn give_back(&mut self, id: &CommandId) -> Option<Change> {
        let record = self.records.get_mut(id)?;
        record.sent.take()?;
        self.change(id, CommandState::Queued)
    }

    /// A device, or the link on its behalf, has answered; an answer by another device is none.
    pub(crate) fn answered(&mut self, device: &DeviceName, id: &CommandId, answer: Answer) -> Option<Change> {
        if self.records.get(id)?.command.target.device != *device {
            return None;
        }
        let state = match answer {
            Answer::Accepted => CommandState::Accepted,
            Answer::Done { value } => CommandState::Done { read_back: value },
            Answer::Unknown { .. } => CommandState::Unknown,
            Answer::Refused { code, .. } if code == Code::Expired.as_str() => CommandState::Expired,
            Answer::Refused { code, reason } => CommandState::Refused { code, reason },
        };
        self.change(id, state)
    }

    /// A session ended: what was sent over it, or an earlier one, and has no answer is unknown.
    pub(crate) fn device_left(&mut self, device: &DeviceName, epoch: u64) -> Vec<Change> {
        let lost = self.live_of(device).filter(|record| record.sent.is_some_and(|sent| sent.epoch <= epoch));
        let lost = lost.map(|record| (record.command.id.clone(), CommandState::Unknown)).collect();
        self.change_all(lost)
    }

    /// Time has passed: expired commands end, and devices that said nothing in time are given up. One that has
    /// accepted may take as long as it needs while its session lasts.
    pub(crate) fn handle_timeout(&mut self, now: Duration, wall: Timestamp) -> Vec<Change> {
        let end = |record: &Record| match record.sent {
            None => (record.command.expires <= wall).then_some(CommandState::Expired),
            Some(sent) => {
                let silent = *record.state.borrow() == CommandState::Sent;
                (silent && now.saturating_sub(sent.at) >= ANSWER_WITHIN).then_some(CommandState::Unknown)
            }
        };
        let records = self.live.values().filter_map(|id| self.records.get(id));
        let due = records.filter_map(|record| Some((record.command.id.clone(), end(record)?))).collect();
        self.change_all(due)
    }

    /// The server shuts down: nothing more is taken, and every command comes to an end.
    pub(crate) fn close(&mut self) -> Vec<Change> {
        self.closed = true;
        let end = |record: &Record| match record.sent {
            Some(_) => CommandState::Unknown,
            None => CommandState::Refused {
                code: Code::Shutdown.to_string(),
                reason: "the server shut down before it could be sent".into(),
            },
        };
        let records = self.live.values().filter_map(|id| self.records.get(id));
        let ends = records.map(|record| (record.command.id.clone(), end(record))).collect();
        self.change_all(ends)
    }

    /// The state of a command.
    pub(crate) fn watch(&self, id: &CommandId) -> Option<watch::Receiver<CommandState>> {
        self.records.get(id).map(|record| record.state.subscribe())
    }

    fn change_all(&mut self, changes: Vec<(CommandId, CommandState)>) -> Vec<Change> {
        changes.into_iter().filter_map(|(id, state)| self.change(&id, state)).collect()
    }

    /// Moves a command on; one that has ended stays as it is.
    fn change(&mut self, id: &CommandId, state: CommandState) -> Option<Change> {
        let record = self.records.get(id)?;
        if record.state.borrow().is_final() {
            return None;
        }
        record.state.send_replace(state.clone());
        let change = Change { id: id.clone(), command: record.command.clone(), state };
        if change.state.is_final() {
            let number = record.number;
            self.end(id, number, &change.command.target.device);
        }
        Some(change)
    }

    fn end(&mut self, id: &CommandId, number: u64, device: &DeviceName) {
        self.live.remove(&number);
        if let Some(numbers) = self.by_device.get_mut(device) {
            numbers.remove(&number);
            if numbers.is_empty() {
                self.by_device.remove(device);
            }
        }
        self.ended.push_back(id.clone());
        if self.ended.len() > ENDED_MAX {
            self.ended.pop_front().map(|oldest| self.records.remove(&oldest));
        }
    }
}

/// Whether two commands wish the same; asking again later moves the expiry, and only that.
fn is_same(a: &Command, b: &Command) -> bool {
    let bits = |command: &Command| (command.value.to_bits(), command.fallback.map(f64::to_bits));
    a.target == b.target && bits(a) == bits(b) && a.lease == b.lease && a.safety == b.safety
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relay(id: &str, value: f64) -> Command {
        Command {
            id: CommandId::new(id).unwrap(),
            target: "home1.hem.node3.switch".parse().unwrap(),
            value,
            expires: Timestamp::from_seconds(60),
            lease: None,
            fallback: None,
            safety: false,
        }
    }

    fn hem() -> DeviceName {
        "home1.hem".parse().unwrap()
    }

    const NOON: Timestamp = Timestamp::from_seconds(0);

    #[test]
    fn a_command_for_an_absent_device_waits_and_is_never_delivered_after_its_expiry() {
        let mut commander = Commander::default();
        let (state, _) = commander.issue(relay("c1", 1.0)).unwrap();
        assert_eq!((state.borrow().clone(), commander.queued_for(&hem()).len()), (CommandState::Queued, 1));
        assert!(commander.handle_timeout(Duration::from_secs(59), Timestamp::from_seconds(59)).is_empty());
        commander.handle_timeout(Duration::from_secs(60), Timestamp::from_seconds(60));
        assert_eq!((state.borrow().clone(), commander.queued_for(&hem()).len()), (CommandState::Expired, 0));
    }

    #[test]
    fn an_answer_ends_it_once_and_only_from_its_own_device() {
        let mut commander = Commander::default();
        let (state, _) = commander.issue(relay("c1", 1.0)).unwrap();
        let id = CommandId::new("c1").unwrap();
        commander.claim(&id, 1, Duration::ZERO);
        let done = Answer::Done { value: Some(1.0) };
        assert_eq!(commander.answered(&"home2.hem".parse().unwrap(), &id, done.clone()), None);
        assert!(commander.answered(&hem(), &id, done.clone()).is_some());
        assert_eq!(commander.answered(&hem(), &id, done), None);
        assert_eq!(*state.borrow(), CommandState::Done { read_back: Some(1.0) });
    }

    #[test]
    fn a_lost_link_or_a_silent_device_leaves_the_outcome_unknown() {
        let mut commander = Commander::default();
        let (lost, _) = commander.issue(relay("c1", 1.0)).unwrap();
        let (silent, _) = commander.issue(relay("c2", 1.0)).unwrap();
        commander.claim(&CommandId::new("c1").unwrap(), 1, Duration::ZERO);
        commander.device_left(&hem(), 1);
        assert_eq!((lost.borrow().clone(), silent.borrow().clone()), (CommandState::Unknown, CommandState::Queued));
        commander.claim(&CommandId::new("c2").unwrap(), 2, Duration::ZERO);
        commander.handle_timeout(ANSWER_WITHIN, NOON);
        assert_eq!(*silent.borrow(), CommandState::Unknown);
    }

    #[test]
    fn one_id_is_one_command() {
        let mut commander = Commander::default();
        assert!(commander.issue(relay("c1", 1.0)).unwrap().1);
        assert!(!commander.issue(relay("c1", 1.0)).unwrap().1);
        assert_eq!(commander.issue(relay("c1", 0.0)).unwrap_err().kind(), ErrorKind::Conflict);
        let leased = Command { lease: Some(crate::model::Span::from_seconds(1)), fallback: Some(0.0), ..relay("c1", 1.0) };
        assert_eq!(commander.issue(leased).unwrap_err().kind(), ErrorKind::Conflict);
        assert_eq!(commander.queued_for(&hem()).len(), 1);
    }

    #[test]
    fn two_sessions_never_send_the_same_command() {
        let mut commander = Commander::default();
        let (state, _) = commander.issue(relay("c1", 1.0)).unwrap();
        let id = CommandId::new("c1").unwrap();
        assert!(commander.claim(&id, 1, Duration::ZERO).is_some());
        assert!(commander.claim(&id, 2, Duration::ZERO).is_none(), "claimed already");
        commander.give_back(&id);
        assert_eq!((state.borrow().clone(), commander.awaited()), (CommandState::Queued, vec![hem()]));
        assert!(commander.claim(&id, 2, Duration::ZERO).is_some());
        assert!(commander.device_left(&hem(), 1).is_empty(), "an earlier session's end says nothing of a later one's");
        commander.answered(&hem(), &id, Answer::Done { value: None });
        assert!(commander.claim(&id, 3, Duration::ZERO).is_none(), "it has ended");
    }

    #[test]
    fn accepted_work_may_take_long_and_a_shutdown_ends_everything() {
        let mut commander = Commander::default();
        let (working, _) = commander.issue(relay("c1", 1.0)).unwrap();
        let (waiting, _) = commander.issue(relay("c2", 1.0)).unwrap();
        let id = CommandId::new("c1").unwrap();
        commander.claim(&id, 1, Duration::ZERO);
        commander.answered(&hem(), &id, Answer::Accepted);
        commander.handle_timeout(ANSWER_WITHIN * 10, NOON);
        assert_eq!(*working.borrow(), CommandState::Accepted);
        assert_eq!(commander.close().len(), 2);
        assert_eq!(*working.borrow(), CommandState::Unknown);
        assert!(matches!(&*waiting.borrow(), CommandState::Refused { code, .. } if code == "shutdown"));
        assert_eq!(commander.issue(relay("c3", 1.0)).unwrap_err().kind(), ErrorKind::Closed);
    }

    #[test]
    fn many_commands_end_without_looking_at_each_other() {
        let mut commander = Commander::default();
        for number in 0..LIVE_MAX {
            commander.issue(relay(&format!("c{number}"), 1.0)).unwrap();
        }
        assert_eq!(commander.issue(relay("more", 1.0)).unwrap_err().kind(), ErrorKind::LimitReached);
        assert_eq!(commander.handle_timeout(Duration::ZERO, Timestamp::from_seconds(60)).len(), LIVE_MAX);
        assert!(commander.awaited().is_empty());
    }
}
