//! What is written down of commands, so that ids, wishes and ends outlive the server.

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::ENDED_MAX;
use crate::model::{Command, CommandId, CommandState};

/// One thing to be written down. Reading a run of entries twice is as good as once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Entry {
    /// A command was taken in.
    Issued(Command),
    /// It will be handed to a session of its device.
    Sent(CommandId),
    /// It was not handed over after all, and waits.
    Waiting(CommandId),
    /// It has ended.
    Ended(CommandId, CommandState),
}

/// What entries say of one command.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Told {
    pub(crate) command: Command,
    /// A session of its device may have had it.
    pub(crate) sent: bool,
    pub(crate) end: Option<CommandState>,
}

/// What entries say in the end: commands that have ended, in the order of their ends, as many as are remembered; then those
/// that have not, in the order in which they were issued.
pub(crate) fn fold(entries: impl IntoIterator<Item = Entry>) -> Vec<Told> {
    let mut told: HashMap<CommandId, (u64, Told)> = HashMap::new();
    let (mut live, mut ended) = (BTreeMap::new(), VecDeque::new());
    for (number, entry) in (0..).zip(entries) {
        match entry {
            Entry::Issued(command) if !told.contains_key(&command.id) => {
                live.insert(number, command.id.clone());
                told.insert(command.id.clone(), (number, Told { command, sent: false, end: None }));
            }
            Entry::Issued(_) => {}
            Entry::Sent(id) => told.get_mut(&id).into_iter().for_each(|(_, told)| told.sent = true),
            Entry::Waiting(id) => told.get_mut(&id).into_iter().for_each(|(_, told)| told.sent = false),
            Entry::Ended(id, end) => {
                let Some((number, told)) = told.get_mut(&id).filter(|(_, told)| told.end.is_none()) else { continue };
                live.remove(number);
                told.end = Some(end);
                ended.push_back(id);
            }
        }
        if ended.len() > ENDED_MAX {
            ended.pop_front().map(|oldest| told.remove(&oldest));
        }
    }
    ended.into_iter().chain(live.into_values()).filter_map(|id| told.remove(&id)).map(|(_, told)| told).collect()
}

/// The fewest entries that say the same.
pub(crate) fn entries_of(told: Vec<Told>) -> Vec<Entry> {
    let entries = told.into_iter().flat_map(|Told { command, sent, end }| {
        let id = command.id.clone();
        let sent = (sent && end.is_none()).then(|| Entry::Sent(id.clone()));
        [Some(Entry::Issued(command)), sent, end.map(|end| Entry::Ended(id, end))]
    });
    entries.flatten().collect()
}
