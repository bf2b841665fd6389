//! What a device remembers of its commands: each id with its answer, and which leases are open. It outlives a crash where the
//! device has a folder.
//!
//! Before a command is begun, `begun` is on disk, synced; the answer follows without a sync of its own. So after a crash an id
//! without an answer may have had its effect or not: it is never begun again (P49).

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;

use serde::{Deserialize, Serialize};

use crate::journal::{Medium, encode};
use crate::model::{ChannelName, CommandId};
use crate::protocol::Answer;

/// What the journal is, and its version.
pub(crate) const KIND: &str = "memcore device commands 1";

/// How many ids are remembered (P27). Full-policy: the oldest is forgotten.
const REMEMBERED: usize = 1024;

/// How many records the journal may have before it is written anew.
const RECORDS_MAX: usize = 8 * REMEMBERED;

/// One thing to be remembered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Record {
    /// A command will be carried out now.
    Begun {
        id: CommandId,
        channel: ChannelName,
        /// What holds after its lease, where it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fallback: Option<f64>,
    },
    /// What the server was told.
    Answered { id: CommandId, answer: Told },
    /// A channel is leased.
    Leased { channel: ChannelName, fallback: f64 },
    /// A channel's lease is over.
    Free { channel: ChannelName },
}

/// An answer as it is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Told {
    Accepted,
    Done(Option<f64>),
    Unknown(Option<f64>),
    Refused { code: String, reason: String },
}

impl From<Answer> for Told {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Accepted => Self::Accepted,
            Answer::Done { value } => Self::Done(value),
            Answer::Unknown { value } => Self::Unknown(value),
            Answer::Refused { code, reason } => Self::Refused { code, reason },
        }
    }
}

impl From<Told> for Answer {
    fn from(told: Told) -> Self {
        match told {
            Told::Accepted => Self::Accepted,
            Told::Done(value) => Self::Done { value },
            Told::Unknown(value) => Self::Unknown { value },
            Told::Refused { code, reason } => Self::Refused { code, reason },
        }
    }
}

/// What is known of an id.
#[derive(Debug, Clone, Default)]
struct Known {
    /// On which channel it was begun, if it was.
    begun: Option<ChannelName>,
    answer: Option<Told>,
}

/// What became of an id that arrives again.
pub(super) enum Recalled {
    /// It was answered.
    Answer(Answer),
    /// It was begun before a crash, and nobody knows what came of it.
    Interrupted(ChannelName),
}

/// The memory of one device.
pub(super) struct Memory {
    /// None where the device has no folder: the memory ends with the process.
    journal: Option<Box<dyn Medium>>,
    records: usize,
    /// The end of the journal may be torn: it is written anew before anything else.
    torn: bool,
    known: HashMap<CommandId, Known>,
    order: VecDeque<CommandId>,
    /// Open leases, with their fallbacks.
    leases: BTreeMap<ChannelName, f64>,
    /// Leases that the last command begun on a channel perhaps opened, with their fallbacks.
    perhaps: BTreeMap<ChannelName, (CommandId, f64)>,
    /// Which ids this process has begun and not answered yet: they are on their way, not interrupted.
    underway: Vec<CommandId>,
}

impl Memory {
    pub(super) fn new(journal: Option<Box<dyn Medium>>, records: Vec<Record>) -> Self {
        let mut memory = Self {
            journal,
            records: 0,
            torn: true,
            known: HashMap::new(),
            order: VecDeque::new(),
            leases: BTreeMap::new(),
            perhaps: BTreeMap::new(),
            underway: Vec::new(),
        };
        records.into_iter().for_each(|record| memory.learn(record));
        memory
    }

    pub(super) fn recall(&self, id: &CommandId) -> Option<Recalled> {
        let known = self.known.get(id)?;
        match (&known.answer, &known.begun) {
            (None | Some(Told::Accepted), Some(channel)) if !self.underway.contains(id) => {
                Some(Recalled::Interrupted(channel.clone()))
            }
            (Some(told), _) => Some(Recalled::Answer(told.clone().into())),
            (None, _) => None,
        }
    }

    /// A command will be carried out: on disk when this returns.
    pub(super) fn begin(&mut self, id: &CommandId, channel: &ChannelName, fallback: Option<f64>) -> io::Result<()> {
        self.underway.push(id.clone());
        self.write(Record::Begun { id: id.clone(), channel: channel.clone(), fallback }, true)
    }

    /// What the server is told of a command. It counts in this process also where it cannot be written.
    pub(super) fn answer(&mut self, id: &CommandId, answer: &Answer) {
        if *answer != Answer::Accepted {
            self.underway.retain(|other| other != id);
        }
        let record = Record::Answered { id: id.clone(), answer: answer.clone().into() };
        self.write_if_possible(record);
    }

    /// The lease of a channel changed: its fallback, or none.
    pub(super) fn lease(&mut self, channel: &ChannelName, fallback: Option<f64>) {
        let channel = channel.clone();
        match fallback {
            Some(fallback) => self.write_if_possible(Record::Leased { channel, fallback }),
            None if self.leases.contains_key(&channel) || self.perhaps.contains_key(&channel) => {
                self.write_if_possible(Record::Free { channel });
            }
            None => {}
        }
    }

    /// The fallbacks of leases that were open when the device stopped, by channel: also of those that perhaps began. From now on
    /// they count as open, and the journal is written anew, without what is forgotten or torn.
    pub(super) fn open_leases(&mut self) -> BTreeMap<ChannelName, f64> {
        for (channel, (_, fallback)) in std::mem::take(&mut self.perhaps) {
            self.leases.insert(channel, fallback);
        }
        if let Err(error) = self.write_anew() {
            tracing::error!(%error, "the journal of commands cannot be written: only commands for safety are taken");
        }
        self.leases.clone()
    }

    fn write_if_possible(&mut self, record: Record) {
        if let Err(error) = self.write(record, false) {
            tracing::error!(%error, "a command's answer cannot be written down: it is forgotten at the next start");
        }
    }

    fn write(&mut self, record: Record, sync: bool) -> io::Result<()> {
        let mut lines = Vec::new();
        if self.journal.is_some() {
            encode(&record, &mut lines);
        }
        self.records += 1;
        self.learn(record);
        if self.torn || self.records > RECORDS_MAX {
            return self.write_anew();
        }
        let Some(journal) = &mut self.journal else { return Ok(()) };
        let written = journal.append(&lines).and_then(|()| if sync { journal.sync() } else { Ok(()) });
        self.torn = written.is_err();
        written
    }

    /// Writes all that is known in place of what stands there.
    fn write_anew(&mut self) -> io::Result<()> {
        let Some(journal) = &mut self.journal else { return Ok(()) };
        let mut lines = Vec::new();
        encode(&KIND, &mut lines);
        self.records = 0;
        let mut put = |record: Record| {
            encode(&record, &mut lines);
            self.records += 1;
        };
        for id in &self.order {
            let Some(Known { begun, answer }) = self.known.get(id).cloned() else { continue };
            if let Some(channel) = begun {
                put(Record::Begun { id: id.clone(), channel, fallback: None });
            }
            if let Some(answer) = answer {
                put(Record::Answered { id: id.clone(), answer });
            }
        }
        for (channel, fallback) in &self.leases {
            put(Record::Leased { channel: channel.clone(), fallback: *fallback });
        }
        for (channel, (id, fallback)) in &self.perhaps {
            put(Record::Begun { id: id.clone(), channel: channel.clone(), fallback: Some(*fallback) });
        }
        journal.replace(&lines)?;
        self.torn = false;
        Ok(())
    }

    /// Takes a record in, whether it was just written or read after a crash.
    fn learn(&mut self, record: Record) {
        match record {
            Record::Begun { id, channel, fallback } => {
                if let Some(fallback) = fallback {
                    self.perhaps.insert(channel.clone(), (id.clone(), fallback));
                }
                self.entry(id).begun = Some(channel);
            }
            Record::Answered { id, answer } => {
                if answer != Told::Accepted {
                    self.perhaps.retain(|_, (begun, _)| *begun != id);
                }
                self.entry(id).answer = Some(answer);
            }
            Record::Leased { channel, fallback } => {
                self.perhaps.remove(&channel);
                self.leases.insert(channel, fallback);
            }
            Record::Free { channel } => {
                self.perhaps.remove(&channel);
                self.leases.remove(&channel);
            }
        }
    }

    fn entry(&mut self, id: CommandId) -> &mut Known {
        if !self.known.contains_key(&id) {
            if self.order.len() >= REMEMBERED {
                self.order.pop_front().map(|oldest| self.known.remove(&oldest));
            }
            self.order.push_back(id.clone());
        }
        self.known.entry(id).or_default()
    }
}
