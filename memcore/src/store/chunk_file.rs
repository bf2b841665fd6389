//! A file of chunks that is being made. Whoever makes one holds [`Writing::files`](super::shared::Writing::files): file
//! numbers and orders are handed out by what the state says, and only come to hold with the edit of the manifest.

use std::io;

use super::chunk::{self, ChunkPlace, FILE_MAGIC};
use super::disk::Disk;
use super::format::{self, numbered};
use super::shared::Shared;
use super::space::unclear;
use super::state::CHUNKS;
use super::table::Table;
use crate::error::{Error, Result, Retry};

/// A file of chunks that is being made.
#[derive(Debug)]
pub(super) struct NewFile {
    number: u64,
    next_order: u64,
    bytes: Vec<u8>,
    pub(super) places: Vec<ChunkPlace>,
}

impl NewFile {
    pub(super) fn start(shared: &Shared) -> Self {
        let mut state = shared.write();
        state.next_file += 1;
        Self::numbered(state.next_file - 1, state.next_order)
    }

    /// One with a number and orders of the caller's.
    pub(super) fn numbered(number: u64, next_order: u64) -> Self {
        Self { number, next_order, bytes: format::header(FILE_MAGIC).to_vec(), places: Vec::new() }
    }

    /// Adds rows that lie above everything that is sealed: the layers of them, each cut where pieces begin.
    /// After an error the file is as it was before.
    pub(super) fn add(&mut self, device: u32, layers: &[Table], cuts: &[i64]) -> Result<()> {
        let (bytes, places) = (self.bytes.len(), self.places.len());
        let added = self.encode_pieces(device, layers, cuts);
        if added.is_err() {
            self.bytes.truncate(bytes);
            self.places.truncate(places);
        }
        self.next_order += layers.len() as u64;
        added
    }

    fn encode_pieces(&mut self, device: u32, layers: &[Table], cuts: &[i64]) -> Result<()> {
        for (layer, table) in (0..).zip(layers) {
            let rows = table.times.len();
            let at = cuts.iter().map(|cut| table.times.partition_point(|time| time < cut)).chain([rows]);
            let mut start = 0;
            for end in at {
                if start < end {
                    self.encode(&table.slice(start, end), device, layer)?;
                }
                start = end;
            }
        }
        Ok(())
    }

    fn encode(&mut self, table: &Table, device: u32, layer: u32) -> Result<()> {
        let (Some(first), Some(last)) = (table.times.first(), table.times.last()) else { return Ok(()) };
        let order = self.next_order + u64::from(layer);
        let offset = self.bytes.len() as u64;
        chunk::encode(table, device, order, &mut self.bytes)?;
        self.places.push(ChunkPlace {
            device,
            file: self.number,
            offset,
            length: self.bytes.len() as u64 - offset,
            order,
            layer,
            rows: table.times.len() as u32,
            points: table.columns.iter().map(|column| column.values.len() as u64).sum(),
            first: *first,
            last: *last,
        });
        Ok(())
    }

    /// Adds a chunk as it is, in its old order.
    pub(super) fn copy(&mut self, place: &ChunkPlace, bytes: &[u8]) {
        let offset = self.bytes.len() as u64;
        self.bytes.extend_from_slice(bytes);
        self.places.push(ChunkPlace { file: self.number, offset, ..place.clone() });
    }

    /// The file is durable under its name when this returns; without a chunk there is none.
    pub(super) fn finish(self, shared: &Shared) -> Result<Vec<ChunkPlace>> {
        if self.places.is_empty() {
            return Ok(self.places);
        }
        let name = numbered(CHUNKS, self.number);
        shared.look_for_room();
        let number = self.number;
        self.finish_on(&*shared.disk).map_err(|e| {
            let error = shared.refuse(&Error::io(format_args!("write {name}"), e));
            shared.discard(Some(number), &error);
            error
        })
    }

    /// As `finish`, on any disk.
    pub(super) fn finish_on(self, disk: &dyn Disk) -> io::Result<Vec<ChunkPlace>> {
        if !self.places.is_empty() {
            let file = disk.create(&numbered(CHUNKS, self.number))?;
            file.write_at(&self.bytes, 0)?;
            // Where this says that the disk is full, the file is made anew: its rows are still there (S41).
            file.sync()?;
            disk.sync_folder().map_err(unclear)?;
        }
        Ok(self.places)
    }
}

impl Shared {
    /// A file of chunks that a full disk kept from being used is taken away, or its space would be missing, too.
    pub(super) fn discard(&self, number: Option<u64>, error: &Error) {
        let Some(number) = number.filter(|_| error.retry() == Retry::Safe) else { return };
        let name = numbered(CHUNKS, number);
        if let Err(e) = self.disk.remove(&name) {
            tracing::debug!(file = name, error = %e, "an unused file of chunks stays until the store is opened again");
        }
    }
}
