//! The life of a command: queued, sent, accepted, and one of four ends. Time is an argument.
//!
//! ```text
//!  issue --device away--> Queued --connects--> Sent --> Accepted --> Done | Refused
//!    \--device there------------------------->  \-- expiry --> (Queued) Expired, never delivered
//!                                                \-- device gone or silent --> Unknown: read it back, do not repeat
//! ```
//!
//! Every step that must outlive the server is an [`Entry`]. A command is handed to a link only once the entry that says so is
//! on disk: after a crash, one that was perhaps delivered is never taken for one that waits.

mod entry;
mod listed;
mod refresh;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use tokio::sync::watch;

use entry::Remembered;
pub(crate) use entry::{Asked, Entry, Origin, Source, Told, Wish, entries_of, fold};
use listed::Listing;
pub(crate) use listed::{Listed, Part};
use refresh::Refreshes;
pub(crate) use refresh::{Refresh, WITHIN};

use crate::error::{Error, ErrorKind, Result};
use crate::model::{Command, CommandId, CommandState, DeviceName, SeriesName, Span, Timestamp};
use crate::protocol::{Answer, Code};

/// Commands without an end. Full-policy: refuse the next.
const LIVE_MAX: usize = 65_536;

/// Commands that have ended and are still known by their id. Full-policy: forget the oldest.
const ENDED_MAX: usize = 65_536;

/// The same of commands that no user asked for: what control orders, and what is sent again.
const ORDERS_ENDED_MAX: usize = 8_192;

/// How long a device may take to say anything before the outcome is unknown.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

struct Record {
    /// Its place in the order of issue.
    number: u64,
    asked: Asked,
    state: watch::Sender<CommandState>,
    sent: Option<Sent>,
    sender: Sender,
    ended: Option<Timestamp>,
}

impl Record {
    fn command(&self) -> &Command {
        &self.asked.command
    }
}

/// Over which session a command goes.
#[derive(Clone, Copy)]
struct Sent {
    epoch: u64,
    /// When it was claimed, and then when it was handed over.
    at: Duration,
    /// Whether the link has it; before, its entry is on the way to the disk.
    handed: bool,
}

/// Who wants a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sender {
    /// A user, on a channel that forgets values after that time, or never.
    User(Option<Span>),
    /// The server, which repeats one before its channel forgets it.
    Refresh,
    /// Control, on a channel that forgets values after that time, or never. What it orders stands in its own log.
    Control(Option<Span>),
}

/// A command that changed its state.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Change {
    pub(crate) id: CommandId,
    pub(crate) command: Command,
    pub(crate) state: CommandState,
    pub(crate) sender: Sender,
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
    ended: Remembered,
    listing: Listing,
    /// Claimed, and to be handed over once so many entries are on disk; in that order.
    claimed: VecDeque<(u64, CommandId, u64)>,
    refreshes: Refreshes,
    /// What is to be written down. The owner takes it away after each step.
    entries: Vec<Entry>,
    /// How many entries there were.
    written: u64,
    closed: bool,
    /// The wall clock as of this step, for what is told of it.
    wall: Option<Timestamp>,
}

impl std::fmt::Debug for Commander {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Commander").field("live", &self.live.len()).field("ended", &self.ended.len()).finish()
    }
}

impl Commander {
    /// How many commands have not ended, and how many were issued.
    #[cfg(feature = "rest")]
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.live.len() as u64, self.issued)
    }

    /// What an earlier server has written down. What was sent and has no answer is unknown; what waited goes on waiting, unless
    /// it has expired meanwhile.
    pub(crate) fn restore(told: Vec<Told>, wall: Timestamp) -> (Self, Vec<Change>) {
        let mut commander = Self::default();
        let (mut ends, mut issued) = (Vec::new(), 0);
        for Told { number, asked, sent, end } in told {
            let (id, expires) = (asked.command.id.clone(), asked.command.expires);
            issued = issued.max(number + 1);
            commander.issued = number;
            commander.put(asked, Sender::User(None));
            match end {
                Some((end, at)) => {
                    commander.wall = at;
                    drop(commander.change(&id, end));
                }
                None if sent => ends.push((id, CommandState::UNKNOWN)),
                None if expires <= wall => ends.push((id, CommandState::Expired)),
                None => {}
            }
        }
        (commander.issued, commander.wall) = (issued, Some(wall));
        // All of that is on disk.
        commander.entries.clear();
        commander.written = 0;
        let changes = commander.change_all(ends);
        (commander, changes)
    }

    /// The wall clock says so, as of the steps that follow.
    pub(crate) fn see(&mut self, wall: Timestamp) {
        self.wall = Some(wall);
    }

    /// The command that had this id before, however it ended; none where the id is new.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) where it was another command.
    pub(crate) fn repeated(&self, command: &Command) -> Result<Option<watch::Receiver<CommandState>>> {
        match self.records.get(&command.id) {
            None => Ok(None),
            Some(record) if is_same(&record.asked, command) => Ok(Some(record.state.subscribe())),
            Some(record) => {
                let before = &record.command().target;
                // Whose channels others have is nobody's business.
                let to = if before.device.operator == command.target.device.operator
                    && before.device.site == command.target.device.site
                {
                    format!(" to {before}")
                } else {
                    String::new()
                };
                Err(Error::new(ErrorKind::Conflict, format!("command id {} was used for another command{to}", command.id)))
            }
        }
    }

    /// Takes a command in as queued. The same command again gives the same record, and `false`.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) where another command had that id, [`LimitReached`](ErrorKind::LimitReached)
    /// where too many are open, [`Closed`](ErrorKind::Closed) where the server has shut down.
    pub(crate) fn issue(
        &mut self,
        asked: impl Into<Asked>,
        sender: Sender,
    ) -> Result<(watch::Receiver<CommandState>, bool)> {
        let mut asked = asked.into();
        if self.closed {
            return Err(Error::new(ErrorKind::Closed, "the server has shut down"));
        }
        if let Some(state) = self.repeated(&asked.command)? {
            return Ok((state, false));
        }
        if self.live.len() >= LIVE_MAX {
            return Err(Error::new(ErrorKind::LimitReached, format!("{LIVE_MAX} commands are open, no more are taken")));
        }
        asked.origin.issued = self.wall;
        asked.origin.source = match sender {
            Sender::User(_) => Source::User,
            Sender::Refresh => Source::Refresh,
            Sender::Control(_) => Source::Control,
        };
        self.write(Entry::Issued(Box::new(asked.clone())));
        Ok((self.put(asked, sender), true))
    }

    fn put(&mut self, asked: Asked, sender: Sender) -> watch::Receiver<CommandState> {
        let (state, receiver) = watch::channel(CommandState::Queued);
        let (id, number, device) = (asked.command.id.clone(), self.issued, &asked.command.target.device);
        self.issued += 1;
        self.live.insert(number, id.clone());
        self.by_device.entry(device.clone()).or_default().insert(number);
        if asked.origin.source == Source::User {
            self.listing.add(device, number, id.clone());
        }
        self.records.insert(id, Record { number, asked, state, sent: None, sender, ended: None });
        receiver
    }

    fn write(&mut self, entry: Entry) {
        self.entries.push(entry);
        self.written += 1;
    }

    /// What is to be written down since the last time.
    pub(crate) fn take_entries(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.entries)
    }

    /// How many entries there have been.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// The commands that wait for that device, oldest first.
    pub(crate) fn queued_for(&self, device: &DeviceName) -> Vec<Command> {
        let waiting = self.live_of(device).filter(|record| record.sent.is_none());
        waiting.map(|record| record.command().clone()).collect()
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

    /// Claims a command for a session. `None` where it has ended or another session has it: then it must not be sent. It is
    /// handed over by [`hand_over`](Self::hand_over).
    pub(crate) fn claim(&mut self, id: &CommandId, epoch: u64, now: Duration) -> Option<Change> {
        let record = self.records.get_mut(id)?;
        if record.sent.is_some() || record.state.borrow().is_final() {
            return None;
        }
        record.sent = Some(Sent { epoch, at: now, handed: false });
        self.write(Entry::Sent(id.clone()));
        self.claimed.push_back((self.written, id.clone(), epoch));
        self.change(id, CommandState::Sent)
    }

    /// So many entries are on disk: what is claimed by then goes to its link, which is that of the session named.
    pub(crate) fn hand_over(&mut self, on_disk: u64, now: Duration) -> Vec<(Command, u64)> {
        let mut handed = Vec::new();
        while self.claimed.front().is_some_and(|(position, ..)| *position <= on_disk) {
            let Some((_, id, epoch)) = self.claimed.pop_front() else { break };
            handed.extend(self.hand(&id, epoch, now));
        }
        handed
    }

    fn hand(&mut self, id: &CommandId, epoch: u64, now: Duration) -> Option<(Command, u64)> {
        let record = self.records.get_mut(id)?;
        let sent = record.sent.as_mut().filter(|sent| sent.epoch == epoch && !sent.handed)?;
        if record.state.borrow().is_final() {
            return None;
        }
        (sent.handed, sent.at) = (true, now);
        Some((record.command().clone(), epoch))
    }

    /// Nothing can be written down now: what is claimed waits again, except for what is for safety, which goes out.
    pub(crate) fn hand_over_unwritten(&mut self, now: Duration) -> (Vec<(Command, u64)>, Vec<Change>) {
        let (handed, mut changes) = self.hand_over_safety(Duration::ZERO, now);
        for (_, id, epoch) in std::mem::take(&mut self.claimed) {
            changes.extend(self.give_back_of(&id, |sent| sent.epoch == epoch && !sent.handed));
        }
        (handed, changes)
    }

    /// What is for safety does not wait for the disk any longer than that. It overtakes what was issued before it for its channel
    /// and is on no link yet: none of that may come after it.
    pub(crate) fn hand_over_safety(&mut self, longest: Duration, now: Duration) -> (Vec<(Command, u64)>, Vec<Change>) {
        let (mut handed, mut changes) = (Vec::new(), Vec::new());
        for (position, id, epoch) in std::mem::take(&mut self.claimed) {
            let waits_too_long = self.records.get(&id).is_some_and(|record| {
                let since = record.sent.map_or(now, |sent| sent.at);
                record.command().safety && now.saturating_sub(since) >= longest
            });
            if waits_too_long {
                changes.extend(self.overtake(&id));
                handed.extend(self.hand(&id, epoch, now));
            } else {
                self.claimed.push_back((position, id, epoch));
            }
        }
        (handed, changes)
    }

    fn overtake(&mut self, id: &CommandId) -> Vec<Change> {
        let Some(Record { number, asked: Asked { command, .. }, .. }) = self.records.get(id) else { return Vec::new() };
        let overtaken = self.live_of(&command.target.device).filter(|record| {
            let on_link = record.sent.is_some_and(|sent| sent.handed);
            record.number < *number && record.command().target == command.target && !on_link
        });
        let refused = CommandState::Refused {
            code: Code::Unsafe.to_string(),
            reason: format!("command {id} for safety has overtaken it"),
        };
        let overtaken = overtaken.map(|record| (record.command().id.clone(), refused.clone())).collect();
        self.change_all(overtaken)
    }

    /// A claimed command was not sent after all: it waits again.
    pub(crate) fn give_back(&mut self, id: &CommandId) -> Option<Change> {
        self.give_back_of(id, |_| true)
    }

    fn give_back_of(&mut self, id: &CommandId, which: impl Fn(&Sent) -> bool) -> Option<Change> {
        let record = self.records.get_mut(id)?;
        if record.state.borrow().is_final() || !record.sent.as_ref().is_some_and(which) {
            return None;
        }
        record.sent = None;
        self.write(Entry::Waiting(id.clone()));
        self.change(id, CommandState::Queued)
    }

    /// A device, or the link on its behalf, has answered; an answer by another device is none.
    pub(crate) fn answered(&mut self, device: &DeviceName, id: &CommandId, answer: Answer) -> Option<Change> {
        if self.records.get(id)?.command().target.device != *device {
            return None;
        }
        let state = match answer {
            Answer::Accepted => CommandState::Accepted,
            Answer::Done { value } => CommandState::Done { read_back: value },
            Answer::Unknown { value } => CommandState::Unknown { read_back: value },
            Answer::Refused { code, .. } if code == Code::Expired.as_str() => CommandState::Expired,
            Answer::Refused { code, reason } => CommandState::Refused { code, reason },
        };
        self.change(id, state)
    }

    /// A session ended: what was sent over it, or an earlier one, and has no answer is unknown. What the link never had waits
    /// again.
    pub(crate) fn device_left(&mut self, device: &DeviceName, epoch: u64) -> Vec<Change> {
        let lost = self.live_of(device).filter_map(|record| {
            let sent = record.sent.filter(|sent| sent.epoch <= epoch)?;
            Some((record.command().id.clone(), sent.handed))
        });
        let lost: Vec<_> = lost.collect();
        let changes = lost.into_iter().filter_map(|(id, handed)| match handed {
            true => self.change(&id, CommandState::UNKNOWN),
            false => self.give_back(&id),
        });
        changes.collect()
    }

    /// Time has passed: expired commands end, and devices that said nothing in time are given up. One that has
    /// accepted may take as long as it needs while its session lasts.
    pub(crate) fn handle_timeout(&mut self, now: Duration, wall: Timestamp) -> Vec<Change> {
        let end = |record: &Record| match record.sent {
            Some(sent) if sent.handed => {
                let silent = *record.state.borrow() == CommandState::Sent;
                (silent && now.saturating_sub(sent.at) >= ANSWER_WITHIN).then_some(CommandState::UNKNOWN)
            }
            _ => (record.command().expires <= wall).then_some(CommandState::Expired),
        };
        let records = self.live.values().filter_map(|id| self.records.get(id));
        let due = records.filter_map(|record| Some((record.command().id.clone(), end(record)?))).collect();
        self.change_all(due)
    }

    /// The server shuts down: nothing more is taken, and every command comes to an end.
    pub(crate) fn close(&mut self) -> Vec<Change> {
        self.closed = true;
        let end = |record: &Record| match record.sent {
            Some(sent) if sent.handed => CommandState::UNKNOWN,
            _ => CommandState::Refused {
                code: Code::Shutdown.to_string(),
                reason: "the server shut down before it could be sent".into(),
            },
        };
        let records = self.live.values().filter_map(|id| self.records.get(id));
        let ends = records.map(|record| (record.command().id.clone(), end(record))).collect();
        self.change_all(ends)
    }

    /// What is to be sent again before its device forgets it; `connected` says which devices are there.
    pub(crate) fn due_refreshes(&mut self, now: Duration, connected: impl Fn(&DeviceName) -> bool) -> Vec<Refresh> {
        let mut refreshes = std::mem::take(&mut self.refreshes);
        let newer = |target: &SeriesName| self.live_of(&target.device).any(|record| record.command().target == *target);
        let due = refreshes.due(now, |target| connected(&target.device) && !newer(target));
        self.refreshes = refreshes;
        due
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
        let record = self.records.get_mut(id)?;
        if record.state.borrow().is_final() {
            return None;
        }
        if state.is_final() {
            record.ended = self.wall;
        }
        record.state.send_replace(state.clone());
        let (command, sender, source) = (record.command().clone(), record.sender, record.asked.origin.source);
        let change = Change { id: id.clone(), command, state, sender };
        if change.state.is_final() {
            let (number, sent) = (record.number, record.sent);
            self.note_standing(&change, sender, sent.map_or(Duration::ZERO, |sent| sent.at));
            if source != Source::Refresh {
                self.listing.ended(&change.command.target, number, &change.state);
            }
            self.write(Entry::Ended(id.clone(), change.state.clone(), self.wall));
            self.end(id, number, source, &change.command.target.device);
        }
        Some(change)
    }

    /// What stands on a channel that forgets: the last command that is done. Where nobody knows, nothing is set again.
    fn note_standing(&mut self, change: &Change, sender: Sender, sent: Duration) {
        let (command, target) = (&change.command, &change.command.target);
        match (&change.state, sender) {
            (CommandState::Done { .. }, Sender::User(Some(hold)) | Sender::Control(Some(hold))) => {
                self.refreshes.stands(command, hold, sent);
            }
            (CommandState::Done { .. }, Sender::Refresh) => self.refreshes.refreshed(target, sent),
            (CommandState::Done { .. } | CommandState::Unknown { .. }, Sender::User(_) | Sender::Control(_))
            | (CommandState::Refused { .. }, Sender::Refresh) => self.refreshes.dropped(target),
            _ => {}
        }
    }

    fn end(&mut self, id: &CommandId, number: u64, source: Source, device: &DeviceName) {
        self.live.remove(&number);
        if let Some(numbers) = self.by_device.get_mut(device) {
            numbers.remove(&number);
            if numbers.is_empty() {
                self.by_device.remove(device);
            }
        }
        let forgotten = self.ended.push(id.clone(), source).and_then(|oldest| self.records.remove(&oldest));
        if let Some(forgotten) = forgotten {
            self.listing.forget(&forgotten.command().target.device, forgotten.number);
        }
    }
}

/// Whether a command wishes what one before did; asking again later moves the expiry, and only that. A lease without a fallback
/// took that of its channel. What control made of a wish is compared as it was wished.
fn is_same(before: &Asked, asked: &Command) -> bool {
    let Asked { command, origin } = before;
    let (value, lease, fallback, safety) = match &origin.wish {
        Some(wish) => (wish.value, wish.lease, wish.fallback, false),
        None => (command.value, command.lease, command.fallback, command.safety),
    };
    let bits = |value: f64| value.to_bits();
    let same_fallback = asked.fallback.is_none_or(|asked| fallback.map(bits) == Some(bits(asked)));
    let same_value = command.target == asked.target && bits(value) == bits(asked.value);
    same_value && same_fallback && lease == asked.lease && safety == asked.safety
}
