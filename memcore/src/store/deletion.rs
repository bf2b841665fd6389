//! Deleting a range of series: for good, whatever crashes, and in every view as of whenever.

use std::collections::{BTreeMap, BTreeSet};

use super::compact;
use super::erasure::Erasure;
use super::manifest::Record;
use super::seal;
use super::shared::{Shared, Writing};
use super::state::State;
use super::store::Store;
use crate::error::{Error, Result};
use crate::model::{Selection, SeriesName, Timestamp};

/// What [`Store::delete`] deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deleted {
    /// How many series were selected.
    pub series: usize,
    /// Of them, those that may have had something in the range.
    pub touched: usize,
}

impl Store {
    /// Deletes the samples of the selected series, from `from` on and before `to`, and their qualities with them. It is durable when this
    /// returns, and holds for views as of earlier instants too. [`Timestamp::MIN`] and [`Timestamp::MAX`] stand for
    /// everything on their side. What arrives for the range afterwards is kept. Queries do not see the samples any more;
    /// their bytes go with the next merge or [`compact`](Self::compact) of the device, whole chunks at once.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where the range is reversed, [`NotFound`](crate::ErrorKind::NotFound) where a
    /// pattern without a wildcard names no series, [`ReadOnly`](crate::ErrorKind::ReadOnly) where the disk failed: then it
    /// may or may not hold.
    pub fn delete(&self, selection: impl Into<Selection>, from: Timestamp, to: Timestamp) -> Result<Deleted> {
        let selection = selection.into();
        let shared = self.shared();
        let writing = shared.writing()?;
        if from > to {
            return Err(Error::invalid(format!("the range to delete is {from} to {to}, expected from <= to")));
        }
        let selected = shared.read().select(&selection);
        let siblings = with_qualities(&shared.read(), &selected);
        if let (Some(series), []) = (selection.exact(), &selected[..]) {
            return Err(Error::not_found(format!("series {series} is not registered")));
        }
        let last = if to == Timestamp::MAX { i64::MAX } else { to.as_micros().saturating_sub(1) };
        let mut deleted = Deleted { series: selected.len(), touched: 0 };
        let mut devices: BTreeMap<u32, Columns> = BTreeMap::new();
        siblings.into_iter().for_each(|(device, column)| devices.entry(device).or_default().all.push(column));
        selected.iter().for_each(|(_, device, _)| devices.entry(*device).or_default().selected += 1);
        if from == to && to != Timestamp::MAX {
            return Ok(deleted);
        }
        let range = Range { first: from.as_micros(), last };
        let many = {
            let _files = shared.lock_files(writing)?;
            deleted.touched = erase(shared, writing, &devices, range).map_err(|e| shared.refuse(&e))?;
            let state = shared.read();
            devices.into_keys().filter(|device| compact::has_many_erasures(&state, *device)).collect()
        };
        compact::tidy(shared, writing, many)?;
        Ok(deleted)
    }
}

/// The columns of the series, and those of the qualities of their values: what says something of a sample goes with it.
fn with_qualities(state: &State, selected: &[(SeriesName, u32, u32)]) -> BTreeSet<(u32, u32)> {
    let with_quality = |(_, device, column): &(SeriesName, u32, u32)| {
        let quality = state.devices[*device as usize].qualities.get(column).copied();
        [*column].into_iter().chain(quality).map(|column| (*device, column)).collect::<Vec<_>>()
    };
    selected.iter().flat_map(with_quality).collect()
}

/// Columns of a device: all that something is deleted of, and how many of them were selected.
#[derive(Debug, Default)]
struct Columns {
    all: Vec<u32>,
    selected: usize,
}

/// Both ends included.
#[derive(Debug, Clone, Copy)]
struct Range {
    first: i64,
    last: i64,
}

/// An erasure hides chunks of lower order only (S35). So the rows that are here now are sealed first; what arrives meanwhile
/// stays in heads, and becomes chunks above it.
fn erase(shared: &Shared, writing: &Writing, devices: &BTreeMap<u32, Columns>, range: Range) -> Result<usize> {
    let mut waiting = {
        let mut state = shared.write();
        for device in devices.keys() {
            let times = &state.devices[*device as usize].head.times;
            if times.iter().any(|time| (range.first..=range.last).contains(time)) {
                state.freeze(*device);
            }
        }
        state.queue.len()
    };
    while waiting > 0 {
        waiting = waiting.saturating_sub(seal::seal_some(shared, writing)?.len());
    }
    let mut manifest = writing.lock_manifest();
    let (records, touched) = records(&shared.read(), devices, range);
    if !records.is_empty() {
        shared.record(&mut manifest, records)?;
    }
    Ok(touched)
}

/// What the manifest must be told, and how many series may have had something in the range. Chunks that lie in the range
/// with all they have go at once.
fn records(state: &State, devices: &BTreeMap<u32, Columns>, range: Range) -> (Vec<Record>, usize) {
    let order = state.next_order;
    let (mut records, mut touched) = (Vec::new(), 0);
    for (device, Columns { all: columns, selected }) in devices {
        let known = &state.devices[*device as usize];
        let all = columns.len() == known.channels.len();
        let whole = Erasure { column: None, first: range.first, last: range.last, order };
        let concerned = known.chunks.iter().filter(|c| whole.concerns(c.order, c.first, c.last));
        let (gone, cut): (Vec<_>, Vec<_>) =
            concerned.partition(|chunk| all && range.first <= chunk.first && chunk.last <= range.last);
        if !gone.is_empty() || !cut.is_empty() {
            touched += selected;
        }
        let device = *device;
        records.extend(gone.iter().map(|c| Record::ChunkRemoved { device, file: c.file, offset: c.offset }));
        if !gone.is_empty() {
            let settled = known.settled(|chunk| gone.contains(&chunk));
            records.extend(settled.map(|erasure| Record::ErasureDone { device, erasure }));
        }
        // Removed chunks have to be forgotten as latest samples too.
        if all && !(gone.is_empty() && cut.is_empty()) {
            records.push(Record::Erased { device, erasure: whole });
            if cut.is_empty() {
                records.push(Record::ErasureDone { device, erasure: whole });
            }
        } else if !cut.is_empty() {
            let of = |column: &u32| Record::Erased { device, erasure: Erasure { column: Some(*column), ..whole } };
            records.extend(columns.iter().map(of));
        }
    }
    (records, touched)
}
