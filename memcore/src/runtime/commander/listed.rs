//! Commands as they are listed: those that users asked for, site by site, the newest first.

use std::collections::{BTreeMap, HashMap};

use super::{Asked, Commander, Record};
use crate::model::{CommandId, CommandState, DeviceName, Name, SeriesName, Timestamp};

/// What is known of a command.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Listed {
    pub(crate) number: u64,
    pub(crate) asked: Asked,
    pub(crate) state: CommandState,
    pub(crate) ended: Option<Timestamp>,
    /// It is the last that was done on its channel.
    pub(crate) stands: bool,
}

/// Part of a list: what was wanted of what was looked at, and before which number to go on where there is more.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Part {
    pub(crate) listed: Vec<Listed>,
    pub(crate) next: Option<u64>,
}

/// Which commands users asked for, by site and number; and what stands on channels. As many as records are kept.
#[derive(Debug, Default)]
pub(super) struct Listing {
    sites: HashMap<(Name, Name), BTreeMap<u64, CommandId>>,
    /// The last that was done on each channel that was commanded.
    standing: HashMap<SeriesName, u64>,
}

fn site_of(device: &DeviceName) -> (Name, Name) {
    (device.operator.clone(), device.site.clone())
}

impl Listing {
    pub(super) fn add(&mut self, device: &DeviceName, number: u64, id: CommandId) {
        self.sites.entry(site_of(device)).or_default().insert(number, id);
    }

    pub(super) fn forget(&mut self, device: &DeviceName, number: u64) {
        let site = site_of(device);
        if let Some(numbers) = self.sites.get_mut(&site) {
            numbers.remove(&number);
            if numbers.is_empty() {
                self.sites.remove(&site);
            }
        }
    }

    /// What ended so stands on its channel, or leaves nobody knowing what does.
    pub(super) fn ended(&mut self, target: &SeriesName, number: u64, end: &CommandState) {
        match end {
            CommandState::Done { .. } => drop(self.standing.insert(target.clone(), number)),
            CommandState::Unknown { .. } => drop(self.standing.remove(target)),
            _ => {}
        }
    }
}

impl Commander {
    /// The sites that users commanded, as far as is remembered.
    pub(crate) fn sites(&self) -> Vec<(Name, Name)> {
        self.listing.sites.keys().cloned().collect()
    }

    /// The commands of a site from the newest on, or from the one before that number on; at most `most` of them are looked at.
    pub(crate) fn part(
        &self,
        site: &(Name, Name),
        before: Option<u64>,
        most: usize,
        wanted: impl Fn(&Asked, &CommandState) -> bool,
    ) -> Part {
        let numbers = self.listing.sites.get(site);
        let older = numbers.into_iter().flat_map(|numbers| numbers.range(..before.unwrap_or(u64::MAX)).rev());
        let (mut listed, mut looked_at) = (Vec::new(), 0);
        for (number, id) in older {
            if looked_at == most {
                return Part { listed, next: Some(number + 1) };
            }
            looked_at += 1;
            let Some(record) = self.records.get(id) else { continue };
            if wanted(&record.asked, &record.state.borrow()) {
                listed.push(self.listed(record));
            }
        }
        Part { listed, next: None }
    }

    /// A command by its id.
    pub(crate) fn find(&self, id: &CommandId) -> Option<Listed> {
        self.records.get(id).map(|record| self.listed(record))
    }

    fn listed(&self, record: &Record) -> Listed {
        let (number, asked) = (record.number, record.asked.clone());
        let stands = self.listing.standing.get(&asked.command.target) == Some(&number);
        Listed { number, asked, state: record.state.borrow().clone(), ended: record.ended, stands }
    }
}
