//! Which proof each device last logged in with, and when: an operator sees by it whether a new one is in use.
//!
//! It stands in a file of its own, written once a minute at most: a storm of logins costs no more than one of them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::gateway::private_file;
use crate::model::Timestamp;

/// What was noted after the last write is lost with the process.
const WRITE_EVERY: Duration = Duration::from_secs(60);

/// The last logins, by the registry's keys.
#[derive(Debug)]
pub(super) struct Uses {
    path: PathBuf,
    last: HashMap<String, Timestamp>,
    changed: bool,
    written: Option<Duration>,
}

impl Uses {
    /// Reads the file. One that cannot be read is begun anew: nothing depends on it.
    pub(super) fn open(path: PathBuf) -> Self {
        let text = private_file::read(&path).ok().flatten();
        let last = text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        Self { path, last, changed: false, written: None }
    }

    pub(super) fn note(&mut self, key: &str, now: Timestamp) {
        match self.last.get_mut(key) {
            Some(last) => *last = now,
            None => drop(self.last.insert(key.to_owned(), now)),
        }
        self.changed = true;
    }

    pub(super) fn of(&self, key: &str) -> Option<Timestamp> {
        self.last.get(key).copied()
    }

    /// What is to be written now, and where; keys that `stands` does not know are forgotten. `None` where nothing is due.
    pub(super) fn due(
        &mut self,
        monotonic: Option<Duration>,
        stands: impl Fn(&str) -> bool,
    ) -> Result<Option<(PathBuf, Vec<u8>)>> {
        let early = |now: Duration| self.written.is_some_and(|at| now.saturating_sub(at) < WRITE_EVERY);
        if !self.changed || monotonic.is_some_and(early) {
            return Ok(None);
        }
        self.last.retain(|key, _| stands(key));
        let text = serde_json::to_vec(&self.last)
            .map_err(|e| Error::new(ErrorKind::Internal, format!("cannot write the last logins: {e}")))?;
        (self.changed, self.written) = (false, monotonic.or(self.written));
        Ok(Some((self.path.clone(), text)))
    }
}

/// Where the last logins stand beside that registry.
pub(super) fn beside(registry: &Path) -> PathBuf {
    registry.with_file_name("logins.json")
}
