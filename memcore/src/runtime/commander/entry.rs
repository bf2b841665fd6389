//! What is written down of commands, so that ids, wishes and ends outlive the server.

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::{ENDED_MAX, ORDERS_ENDED_MAX};
use crate::model::{Command, CommandId, CommandState, Span, Timestamp};

/// Who a command comes from in the end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Source {
    /// A user. What control made of a user's wish is that user's.
    #[default]
    User,
    /// Control by itself.
    Control,
    /// The server, which repeats one before its channel forgets it.
    Refresh,
}

impl Source {
    fn is_user(&self) -> bool {
        *self == Self::User
    }
}

/// How a command came about.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Origin {
    /// At whose wish.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) by: String,
    /// When it was issued, by the wall clock. Unknown of what an early version wrote down.
    #[serde(default, rename = "issued_us", skip_serializing_if = "Option::is_none")]
    pub(crate) issued: Option<Timestamp>,
    #[serde(default, rename = "from", skip_serializing_if = "Source::is_user")]
    pub(crate) source: Source,
    /// What was asked for, where control steers the channel and ordered something in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) wish: Option<Wish>,
    /// What control had to say to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
}

/// What was asked for, of a command that control made another of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Wish {
    pub(crate) value: f64,
    #[serde(default, rename = "lease_us", skip_serializing_if = "Option::is_none")]
    pub(crate) lease: Option<Span>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) fallback: Option<f64>,
    /// Until when it stands at the latest.
    #[serde(rename = "until_us")]
    pub(crate) until: Timestamp,
}

/// A command with how it came about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Asked {
    #[serde(flatten)]
    pub(crate) command: Command,
    #[serde(default)]
    pub(crate) origin: Origin,
}

impl Asked {
    /// As somebody asks for it.
    pub(crate) fn by(command: Command, by: String) -> Self {
        Self { command, origin: Origin { by, ..Origin::default() } }
    }
}

impl From<Command> for Asked {
    fn from(command: Command) -> Self {
        Self::by(command, String::new())
    }
}

/// One thing to be written down. Reading a run of entries twice is as good as once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Entry {
    /// A command was taken in.
    Issued(Box<Asked>),
    /// It will be handed to a session of its device.
    Sent(CommandId),
    /// It was not handed over after all, and waits.
    Waiting(CommandId),
    /// It has ended, and when.
    Ended(CommandId, CommandState, #[serde(default)] Option<Timestamp>),
}

/// What entries say of one command.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Told {
    /// Its place in the order of issue, among those that are told.
    pub(crate) number: u64,
    pub(crate) asked: Asked,
    /// A session of its device may have had it.
    pub(crate) sent: bool,
    pub(crate) end: Option<(CommandState, Option<Timestamp>)>,
}

/// What entries say in the end: commands that have ended, in the order of their ends, as many as are remembered; then those
/// that have not, in the order in which they were issued.
pub(crate) fn fold(entries: impl IntoIterator<Item = Entry>) -> Vec<Told> {
    let mut told: HashMap<CommandId, Told> = HashMap::new();
    let (mut live, mut ended) = (BTreeMap::new(), Remembered::default());
    for (number, entry) in (0..).zip(entries) {
        match entry {
            Entry::Issued(asked) if !told.contains_key(&asked.command.id) => {
                live.insert(number, asked.command.id.clone());
                told.insert(asked.command.id.clone(), Told { number, asked: *asked, sent: false, end: None });
            }
            Entry::Issued(_) => {}
            Entry::Sent(id) => told.get_mut(&id).into_iter().for_each(|told| told.sent = true),
            Entry::Waiting(id) => told.get_mut(&id).into_iter().for_each(|told| told.sent = false),
            Entry::Ended(id, end, at) => {
                let Some(ending) = told.get_mut(&id).filter(|told| told.end.is_none()) else { continue };
                live.remove(&ending.number);
                ending.end = Some((end, at));
                let source = ending.asked.origin.source;
                ended.push(id, source).map(|oldest| told.remove(&oldest));
            }
        }
    }
    ended.into_order().chain(live.into_values()).filter_map(|id| told.remove(&id)).collect()
}

/// The fewest entries that say the same, commands in the order of issue and ends in their own.
pub(crate) fn entries_of(told: Vec<Told>) -> Vec<Entry> {
    let ends = told.iter().filter_map(|told| {
        let (end, at) = told.end.clone()?;
        Some(Entry::Ended(told.asked.command.id.clone(), end, at))
    });
    let ends: Vec<_> = ends.collect();
    let mut issued = told;
    issued.sort_by_key(|told| told.number);
    let issued = issued.into_iter().flat_map(|Told { asked, sent, end, .. }| {
        let sent = (sent && end.is_none()).then(|| Entry::Sent(asked.command.id.clone()));
        [Some(Entry::Issued(Box::new(asked))), sent]
    });
    issued.flatten().chain(ends).collect()
}

/// Commands that have ended and are still known by their id. Full-policy: the oldest is forgotten; what control orders by itself, which
/// comes with every lease, is counted apart, so that it never takes the place of what people asked for.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    /// With their place among all ends.
    users: VecDeque<(u64, CommandId)>,
    others: VecDeque<(u64, CommandId)>,
    ended: u64,
}

impl Remembered {
    /// Notes an end; who is forgotten for it.
    pub(super) fn push(&mut self, id: CommandId, source: Source) -> Option<CommandId> {
        let (queue, most) = match source {
            Source::User => (&mut self.users, ENDED_MAX),
            Source::Control | Source::Refresh => (&mut self.others, ORDERS_ENDED_MAX),
        };
        queue.push_back((self.ended, id));
        self.ended += 1;
        if queue.len() > most { queue.pop_front().map(|(_, oldest)| oldest) } else { None }
    }

    pub(super) fn len(&self) -> usize {
        self.users.len() + self.others.len()
    }

    /// In the order of their ends.
    fn into_order(self) -> impl Iterator<Item = CommandId> {
        let mut all: Vec<_> = self.users.into_iter().chain(self.others).collect();
        all.sort_by_key(|(place, _)| *place);
        all.into_iter().map(|(_, id)| id)
    }
}
