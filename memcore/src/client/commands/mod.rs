//! Commands at the device: each id once (P27), nothing after its expiry (P28), the fallback when a lease runs out (P29), and
//! what the channels' rules demand (P48), whoever asks. Time is an argument, and never the wall clock's.

mod handlers;
mod memory;
mod setting;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

pub(crate) use handlers::Handlers;
use handlers::Set;
pub use handlers::{CommandHandler, ReadHandler, Refused};
pub(crate) use memory::{KIND, Record};
use memory::{Memory, Recalled};
use setting::{Due, Setting};

use crate::error::Result;
use crate::journal::{JournalFile, Medium};
use crate::model::{Channel, ChannelName, CommandId, Timestamp};
use crate::protocol::{Answer, Code, Instruction};

/// What happened by the clock.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outcome {
    /// A lease has ended and its channel took the fallback.
    Fell(ChannelName, f64),
    /// A command that was accepted has come to its end.
    Answered(CommandId, Answer),
}

/// What a device has been told to do.
pub(crate) struct Commands {
    handlers: Handlers,
    /// Those that take commands.
    settings: BTreeMap<ChannelName, Setting>,
    memory: Memory,
    /// What [`handle_timeout`](Self::handle_timeout) will tell next. At most two a channel.
    outcomes: Vec<Outcome>,
}

impl Commands {
    /// The commands of a device that keeps its memory in that folder, or only as long as it runs.
    ///
    /// # Errors
    /// As [`JournalFile::open`].
    pub(crate) fn open(channels: &[Channel], handlers: Handlers, folder: Option<&Path>) -> Result<Self> {
        let Some(folder) = folder else { return Ok(Self::new(channels, handlers, None, Vec::new())) };
        let (journal, records) = JournalFile::open(&folder.join("commands.journal"), KIND)?;
        Ok(Self::new(channels, handlers, Some(Box::new(journal)), records))
    }

    /// The commands of a device with a journal and what stands in it.
    pub(crate) fn new(
        channels: &[Channel],
        handlers: Handlers,
        journal: Option<Box<dyn Medium>>,
        records: Vec<Record>,
    ) -> Self {
        let writable = channels.iter().filter(|channel| channel.writable);
        let setting = |channel: &Channel| (channel.name.clone(), Setting::new(channel.clone(), Duration::ZERO));
        let settings = writable.map(setting).collect();
        Self { handlers, settings, memory: Memory::new(journal, records), outcomes: Vec::new() }
    }

    /// The device starts. Every channel takes the fallback of a lease that was open when the device stopped, or the one that its
    /// owner declared, before anybody can command it: monotonic time does not outlive a restart, so a restart ends all leases.
    pub(crate) fn begin(&mut self, now: Duration) {
        let open = self.memory.open_leases();
        for (name, setting) in &mut self.settings {
            let fallback = open.get(name).copied().or(setting.channel.rules.fallback);
            setting.begin(fallback, self.handlers.read(name), now);
        }
        self.handle_timeout(now);
    }

    /// Carries out an instruction that arrived at `now` by the monotonic clock and `wall` by the server's.
    pub(crate) fn carry_out(&mut self, instruction: &Instruction, now: Duration, wall: Timestamp) -> Answer {
        let answer = match self.memory.recall(&instruction.id) {
            Some(Recalled::Answer(answer)) => return answer,
            // Begun before a crash: never again, and the channel says what it is at (P49).
            Some(Recalled::Interrupted(channel)) => Answer::Unknown { value: self.handlers.read(&channel) },
            None => match self.judge(instruction, now, wall) {
                Ok(fallback) => self.apply(instruction, fallback, now),
                Err(Refused { code, reason }) => Answer::Refused { code, reason },
            },
        };
        self.memory.answer(&instruction.id, &answer);
        answer
    }

    /// Whether an instruction may be carried out, and what holds after its lease. When this says yes, it is on disk that the
    /// command was begun.
    fn judge(&mut self, instruction: &Instruction, now: Duration, wall: Timestamp) -> Result<Option<f64>, Refused> {
        let Instruction { id, channel: name, expires, safety, .. } = instruction;
        if *expires <= wall {
            return Err(Refused::new(Code::Expired, format!("it expired at {expires}")));
        }
        let setting = self.settings.get(name);
        let setting =
            setting.ok_or_else(|| Refused::new(Code::NotWritable, format!("channel {name} takes no commands")))?;
        let fallback = setting.judge(instruction, now)?;
        match self.memory.begin(id, name, fallback) {
            // A disk that is full must not keep anything from being switched off.
            Err(error) if !safety => {
                Err(Refused::new(Code::Internal, format!("the device cannot write down that it begins: {error}")))
            }
            _ => Ok(fallback),
        }
    }

    fn apply(&mut self, instruction: &Instruction, fallback: Option<f64>, now: Duration) -> Answer {
        let Some(setting) = self.settings.get_mut(&instruction.channel) else { return Answer::Unknown { value: None } };
        let step = setting.step_to(instruction.value, instruction.safety);
        let set = self.handlers.set(&instruction.channel, step.0);
        if let Set::Refused(Refused { code, reason }) = set {
            return Answer::Refused { code, reason };
        }
        // Perhaps in effect is in effect: its lease counts.
        let earlier = setting.begun(instruction, fallback, step, now);
        self.memory.lease(&instruction.channel, fallback);
        let read_back = match set {
            Set::Taken(read_back) => read_back,
            _ => {
                setting.lost(now);
                self.handlers.read(&instruction.channel)
            }
        };
        self.over(earlier, read_back);
        match set {
            Set::Taken(value) if step.1 => Answer::Done { value },
            Set::Taken(_) => Answer::Accepted,
            _ => Answer::Unknown { value: read_back },
        }
    }

    /// A command that was on its way will not arrive: it had part of its effect.
    fn over(&mut self, id: Option<CommandId>, value: Option<f64>) {
        if let Some(id) = id {
            self.answered(id, Answer::Unknown { value });
        }
    }

    fn answered(&mut self, id: CommandId, answer: Answer) {
        self.memory.answer(&id, &answer);
        self.outcomes.push(Outcome::Answered(id, answer));
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        if !self.outcomes.is_empty() {
            return Some(Duration::ZERO);
        }
        self.settings.values().filter_map(Setting::deadline).min()
    }

    /// Time has passed: ends leases, takes values further on their way, and sets those again that would be forgotten, whatever
    /// became of the link. What the handler refuses is tried again a second later.
    pub(crate) fn handle_timeout(&mut self, now: Duration) -> Vec<Outcome> {
        let due = |setting: &Setting| setting.deadline().is_some_and(|deadline| deadline <= now);
        let names: Vec<_> = self.settings.iter().filter(|(_, s)| due(s)).map(|(name, _)| name.clone()).collect();
        names.iter().for_each(|name| self.act(name, now));
        std::mem::take(&mut self.outcomes)
    }

    fn act(&mut self, name: &ChannelName, now: Duration) {
        let Some(setting) = self.settings.get_mut(name) else { return };
        let earlier = setting.end_lease(now);
        let due = setting.due(now);
        let value = match &due {
            None => return,
            Some(Due::Fallback { value, .. } | Due::Step { value, .. } | Due::Renew(value)) => *value,
        };
        let set = self.handlers.set(name, value);
        let read_back = match set {
            Set::Taken(read_back) => read_back,
            _ => self.handlers.read(name),
        };
        match (due, matches!(set, Set::Taken(_))) {
            (Some(Due::Fallback { lease, .. }), true) => {
                setting.fell(value, now);
                self.memory.lease(name, None);
                if lease {
                    self.outcomes.push(Outcome::Fell(name.clone(), value));
                }
            }
            (Some(Due::Step { id, last, .. }), true) => {
                setting.stepped(value, last, now);
                if last {
                    self.answered(id, Answer::Done { value: read_back });
                }
            }
            // It stays where it is; its lease goes on, so that it will not stay there for ever.
            (Some(Due::Step { id, .. }), false) => {
                setting.ramp = None;
                if let Set::BrokeOff = set {
                    setting.lost(now);
                }
                self.over(Some(id), read_back);
            }
            (Some(Due::Renew(_)), true) => setting.took(value, now),
            (_, false) => setting.refused(now),
            (None, true) => {}
        }
        self.over(earlier, read_back);
    }

    /// The device is closed: nobody will watch its leases any more, so they end now.
    pub(crate) fn end_leases(&mut self, now: Duration) {
        for (name, setting) in &mut self.settings {
            let Some(fallback) = setting.leave() else { continue };
            if let Set::Taken(_) = self.handlers.set(name, fallback) {
                setting.fell(fallback, now);
                self.memory.lease(name, None);
            }
        }
        let underway: Vec<_> = self.settings.values_mut().filter_map(|setting| setting.ramp.take()).collect();
        underway.into_iter().for_each(|ramp| self.over(Some(ramp.id), None));
    }
}

/// The channels as the server is told of them. How long what a channel drives remembers a value is the SDK's own affair: a
/// server that knew it would set the value again, too (P48).
pub(crate) fn told(channels: &[Channel]) -> Vec<Channel> {
    let mut channels = channels.to_vec();
    channels.iter_mut().for_each(|channel| channel.rules.hold = None);
    channels
}

impl std::fmt::Debug for Commands {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Commands").field("channels", &self.settings.len()).finish_non_exhaustive()
    }
}
