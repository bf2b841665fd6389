//! The embedded face: a site's history without any network, like opening a database file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::model::{Channel, Clock, Sample, Selection, SeriesName, SystemClock, Timestamp};
use crate::store::{
    BackupReport, CompactOptions, CompactReport, Deleted, Query, QueryResult, SeriesStats, Store, StoreOptions, StoreStats,
    VerifyReport,
};

/// A site's history, opened in this process. Clones share it.
///
/// ```
/// use memcore::model::{Timestamp, Unit};
/// # fn main() -> memcore::Result<()> {
/// let mem = memcore::Memcore::in_memory();
/// let series = "home1.pv.power".parse()?;
/// mem.write(&series, &[Timestamp::from_seconds(0)], &[Some(-1.466)], Some(Unit::Kilowatt))?;
/// let power = mem.query(&memcore::Query::of("home1.*.power")?)?;
/// assert_eq!(power.series()[0].series().to_string(), "home1.pv.power");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Memcore {
    store: Store,
    path: Option<PathBuf>,
}

/// Opens the site in that folder for reading and writing, making it if it does not exist.
///
/// # Errors
/// [`Locked`](crate::ErrorKind::Locked) where another process has it open for writing; see [`Memcore::open`].
pub fn open(path: impl AsRef<Path>) -> Result<Memcore> {
    Memcore::open(path.as_ref(), StoreOptions::default())
}

/// Makes the site in the folder `to`, which holds no history yet, from a backup. The backup is checked before.
///
/// # Errors
/// [`NotFound`](crate::ErrorKind::NotFound) where there is no backup, [`Damaged`](crate::ErrorKind::Damaged) where it is
/// damaged, [`Invalid`](crate::ErrorKind::Invalid) where the site has a history; in these cases nothing is changed.
pub fn restore(from: &Path, to: &Path, progress: &mut dyn FnMut(u64, u64) -> Result<()>) -> Result<BackupReport> {
    crate::store::restore(&from.join("store"), &to.join("store"), progress)
}

impl Memcore {
    /// Opens the site in that folder for reading and writing, making it if it does not exist.
    ///
    /// # Errors
    /// [`Locked`](crate::ErrorKind::Locked) where another process writes to it, [`Unsupported`](crate::ErrorKind::Unsupported)
    /// for a newer format, [`Damaged`](crate::ErrorKind::Damaged) where what is stored fails its checks,
    /// [`Io`](crate::ErrorKind::Io) where the folder cannot be used.
    pub fn open(path: &Path, options: StoreOptions) -> Result<Self> {
        Self::open_with(path, Arc::new(SystemClock::default()), options)
    }

    /// As [`open`](Self::open), by the clock of a server.
    pub(super) fn open_with(path: &Path, clock: Arc<dyn Clock>, options: StoreOptions) -> Result<Self> {
        let store = Store::open_by(&path.join("store"), clock, options)?;
        Ok(Self { store, path: Some(path.to_owned()) })
    }

    /// Opens the site for reading only, beside a process that writes to it; [`refresh`](Self::refresh) shows later data.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) where there is no site; else as [`open`](Self::open).
    pub fn open_read_only(path: &Path, options: StoreOptions) -> Result<Self> {
        let store_path = path.join("store");
        if !store_path.exists() {
            return Err(Error::not_found(format!(
                "{} holds no site: expected a folder with a store in it",
                path.display()
            )));
        }
        Ok(Self { store: Store::open_read_only(&store_path, options)?, path: Some(path.to_owned()) })
    }

    /// A site that is gone when its last handle is.
    #[must_use]
    pub fn in_memory() -> Self {
        Self { store: Store::in_memory(StoreOptions::default()), path: None }
    }

    #[cfg(test)]
    pub(super) fn of(store: Store) -> Self {
        Self { store, path: None }
    }

    /// The folder of the site; none for one in memory.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The store below.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Says what the numbers of a series mean. Doing it again is fine unless the meaning differs.
    ///
    /// # Errors
    /// [`Conflict`](crate::ErrorKind::Conflict) where the series is registered with another meaning,
    /// [`Invalid`](crate::ErrorKind::Invalid) where the channel's name is not the series'.
    pub fn register(&self, series: &SeriesName, channel: &Channel) -> Result<()> {
        if channel.name != series.channel {
            return Err(Error::invalid(format!("channel is {}, expected {} as in {series}", channel.name, series.channel)));
        }
        self.store.register(&series.device, std::slice::from_ref(channel))
    }

    /// Reads series: raw samples or buckets, as [`Query`] says.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) for a series asked for by its full name that does not exist,
    /// [`Invalid`](crate::ErrorKind::Invalid) for a reversed range.
    pub fn query(&self, query: &Query) -> Result<QueryResult> {
        self.store.query(query)
    }

    /// The newest sample of every selected series.
    ///
    /// # Errors
    /// [`Damaged`](crate::ErrorKind::Damaged) where what is stored fails its checks.
    pub fn latest(&self, selection: impl Into<Selection>) -> Result<Vec<(SeriesName, Sample)>> {
        self.store.latest(selection)
    }

    /// The sample that held at an instant, the latest at or before it however old, of every selected series.
    ///
    /// # Errors
    /// As [`query`](Self::query).
    pub fn at(&self, selection: impl Into<Selection>, instant: Timestamp) -> Result<Vec<(SeriesName, Sample)>> {
        self.store.at(selection, instant)
    }

    /// Deletes the samples of the selected series from `from` on and before `to`, for good; what arrives for the range
    /// afterwards is kept. [`Timestamp::MIN`] and [`Timestamp::MAX`] stand for everything on their side.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for a reversed range, [`NotFound`](crate::ErrorKind::NotFound) for a series
    /// asked for by its full name that does not exist.
    pub fn delete(&self, selection: impl Into<Selection>, from: Timestamp, to: Timestamp) -> Result<Deleted> {
        self.store.delete(selection, from, to)
    }

    /// Merges what is stored of the devices that series are selected of, and carries out what was deleted there. `progress`
    /// is told how many of how many bytes are done.
    ///
    /// # Errors
    /// [`ReadOnly`](crate::ErrorKind::ReadOnly); what is damaged is in the report.
    pub fn compact(
        &self,
        selection: impl Into<Selection>,
        options: &CompactOptions,
        progress: &mut dyn FnMut(u64, u64) -> Result<()>,
    ) -> Result<CompactReport> {
        self.store.compact(selection, options, progress)
    }

    /// Copies the history into a folder while it is open and written. The folder is a site then, to be read or restored; a
    /// later backup into it copies what is new. Keys and enrolled devices are no part of it. `progress` is told how many of
    /// how many bytes are done.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where the folder holds something else; a former backup in it stays what it was.
    pub fn backup(&self, to: &Path, progress: &mut dyn FnMut(u64, u64) -> Result<()>) -> Result<BackupReport> {
        self.store.backup(to.join("store"), progress)
    }

    /// Reads everything and checks it.
    ///
    /// # Errors
    /// [`Closed`](crate::ErrorKind::Closed); what is damaged is in the report.
    pub fn verify(&self) -> Result<VerifyReport> {
        self.store.verify()
    }

    /// Size and span of every selected series.
    ///
    /// # Errors
    /// As [`query`](Self::query).
    pub fn series_stats(&self, selection: impl Into<Selection>) -> Result<Vec<(SeriesName, SeriesStats)>> {
        self.store.series_stats(selection)
    }

    /// The selected series, with what their numbers mean.
    #[must_use]
    pub fn series(&self, selection: impl Into<Selection>) -> Vec<(SeriesName, Channel)> {
        self.store.channels(selection)
    }

    /// How much is stored.
    #[must_use]
    pub fn stats(&self) -> StoreStats {
        self.store.stats()
    }

    /// On a read-only site: shows what was written since.
    ///
    /// # Errors
    /// As [`open_read_only`](Self::open_read_only).
    pub fn refresh(&self) -> Result<()> {
        self.store.refresh()
    }

    /// Writes everything out and lets the folder go. Doing it again does nothing.
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io) where the last writes did not reach the disk.
    pub fn close(&self) -> Result<()> {
        self.store.close()
    }
}
