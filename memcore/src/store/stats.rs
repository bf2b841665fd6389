//! Sizes and counters.

use std::collections::HashMap;

use super::chunk::Directory;
use super::retention;
use super::shared::Shared;
use crate::error::Result;
use crate::model::{Selection, SeriesName, Timestamp};

/// Sizes and counters of a store.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct StoreStats {
    /// Registered devices.
    pub devices: usize,
    /// Registered channels.
    pub series: usize,
    /// Values in sealed chunks; of one time stored twice, both count until chunks are merged.
    pub sealed_points: u64,
    /// Values that are not sealed yet.
    pub unsealed_points: u64,
    /// Sealed chunks.
    pub chunks: usize,
    /// Bytes of sealed chunks.
    pub chunk_bytes: u64,
    /// Bytes of the log, without what is reserved for it.
    pub log_bytes: u64,
    /// Bytes of the manifest and its copy.
    pub manifest_bytes: u64,
    /// What the store takes of the disk: chunks, manifest, and the log with what is reserved for it. A reader does not know
    /// what is reserved.
    pub disk_bytes: u64,
    /// How many bytes the disk has left, where it can tell.
    pub free_bytes: Option<u64>,
    /// Why the store takes no writes, where it does not.
    pub read_only: Option<String>,
    /// Batches that were not stored because their position had been reached before.
    pub repeated_batches: u64,
    /// Values that, since the store was opened, arrived with a time more than five minutes ahead of the clock.
    pub ahead_points: u64,
    /// Deleted ranges that sealed chunks may still hold rows of: hidden, and gone for good with the next compaction.
    pub erasures: usize,
    /// What was found damaged when the store was opened.
    pub damage: Vec<String>,
    /// Where the log ended in a torn write when the store was opened, if it did: usual after a power cut.
    pub torn: Option<String>,
}

impl StoreStats {
    /// All values.
    #[must_use]
    pub fn points(&self) -> u64 {
        self.sealed_points + self.unsealed_points
    }
}

/// Size and span of one series.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct SeriesStats {
    /// How many values there are; of one time stored twice, both count until they are merged.
    pub points: u64,
    /// Bytes in sealed chunks, with its share of times and heads.
    pub bytes: u64,
    /// Values that, since the store was opened, arrived with a time more than five minutes ahead of the clock.
    pub ahead: u64,
    /// Nothing is earlier than this.
    pub first: Option<Timestamp>,
    /// Nothing is later than this.
    pub last: Option<Timestamp>,
}

pub(super) fn of_store(shared: &Shared) -> StoreStats {
    let (mut log_bytes, mut log_held, mut manifest_bytes) = (0, 0, 0);
    if let Some(writing) = &shared.writing {
        manifest_bytes = writing.lock_manifest().bytes();
        let log = shared.lock_log(writing);
        (log_bytes, log_held) = (log.bytes(), log.held());
    }
    let free_bytes = shared.disk.free_space().ok().flatten();
    let state = shared.read();
    let mut stats = StoreStats {
        devices: state.devices.len(),
        log_bytes,
        manifest_bytes,
        disk_bytes: manifest_bytes + log_held + retention::chunk_file_bytes(&state),
        free_bytes,
        read_only: shared.read_only_reason(),
        repeated_batches: state.repeated_batches,
        ahead_points: state.ahead_points,
        damage: state.damage.iter().map(ToString::to_string).collect(),
        torn: state.torn.clone(),
        ..StoreStats::default()
    };
    for device in &state.devices {
        stats.series += device.channels.len();
        stats.chunks += device.chunks.len();
        stats.erasures += device.erasures.len();
        stats.chunk_bytes += device.chunks.iter().map(|chunk| chunk.length).sum::<u64>();
        stats.sealed_points += device.chunks.iter().map(|chunk| chunk.points).sum::<u64>();
        let heads = device.frozen.iter().map(|head| &**head).chain([&device.head]);
        let columns = heads.flat_map(|head| &head.columns);
        stats.unsealed_points += columns.map(|column| column.values.len() as u64).sum::<u64>();
    }
    stats
}

pub(super) fn of_series(shared: &Shared, selection: &Selection) -> Result<Vec<(SeriesName, SeriesStats)>> {
    let mut found = Vec::new();
    let mut chunks = Vec::new();
    {
        let state = shared.read();
        let mut place = HashMap::new();
        for (series, id, column) in state.select(selection) {
            let device = &state.devices[id as usize];
            let mut stats = SeriesStats { ahead: device.ahead[column as usize], ..SeriesStats::default() };
            for head in device.frozen.iter().map(|head| &**head).chain([&device.head]) {
                let Some(column) = head.columns.get(column as usize) else { continue };
                stats.points += column.values.len() as u64;
                column.iter().for_each(|(row, _)| stats.span(head.times[row], head.times[row]));
            }
            place.insert((id, column), found.len());
            found.push((series, stats));
        }
        let devices: std::collections::BTreeSet<u32> = place.keys().map(|(id, _)| *id).collect();
        for chunk in devices.into_iter().flat_map(|id| &state.devices[id as usize].chunks) {
            chunks.extend(state.file(chunk.file).map(|file| (chunk.clone(), file)));
        }
        drop(state);
        for (chunk, file) in chunks {
            let open = file.open()?;
            let directory = Directory::read(&*open, &chunk).map_err(|e| e.context(&file.name))?;
            let columns = directory.columns();
            let common = chunk.length.saturating_sub(columns.iter().map(|(_, _, bytes)| bytes).sum());
            for (id, values, bytes) in columns {
                let Some(at) = place.get(&(chunk.device, id)) else { continue };
                let stats = &mut found[*at].1;
                stats.points += values as u64;
                // Times, arrivals and the head of the chunk are shared by its values.
                let share = u128::from(common) * values as u128 / u128::from(chunk.points.max(1));
                stats.bytes += bytes + share as u64;
                stats.span(chunk.first, chunk.last);
            }
        }
    }
    Ok(found)
}

impl SeriesStats {
    fn span(&mut self, first: i64, last: i64) {
        let (first, last) = (Timestamp::from_micros(first), Timestamp::from_micros(last));
        self.first = Some(self.first.map_or(first, |known| known.min(first)));
        self.last = Some(self.last.map_or(last, |known| known.max(last)));
    }
}
