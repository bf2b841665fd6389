//! All that a store knows in memory. Changed by records of the manifest and by batches, in recovery and later alike.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::batch_frame::{self, FrameBatch};
use super::chunk::{ChunkPlace, Directory, FILE_MAGIC};
use super::device::Device;
use super::directories::Directories;
use super::disk::{Disk, DiskFile};
use super::follow::Unsealed;
use super::format;
use super::handles::Handles;
use super::manifest::Record;
use super::table::Head;
use super::verify::Damage;
use super::wire::damaged;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Channel, DeviceName, Selection, SeriesName};

pub(super) const CHUNKS: &str = "chunks";

/// A file of chunks. It is removed when no chunk in it is in use and no query reads it any more.
#[derive(Debug)]
pub(super) struct ChunkFile {
    disk: Arc<dyn Disk>,
    pub(super) name: String,
    number: u64,
    handles: Arc<Handles>,
    directories: Arc<Directories>,
    unused: AtomicBool,
}

impl ChunkFile {
    /// Opens it, where it is not open, unless its version is not known (S2). What is in it has checksums of its own: a damaged
    /// header costs none of it.
    pub(super) fn open(&self) -> Result<Arc<dyn DiskFile>> {
        self.handles.get(self.number, || self.open_anew())
    }

    /// What a chunk in it says of itself. Adds how many bytes are read, if any.
    pub(super) fn directory(&self, file: &dyn DiskFile, place: &ChunkPlace, read: &mut u64) -> Result<Arc<Directory>> {
        self.directories.get(place, || Directory::read_counted(file, place, read))
    }

    fn open_anew(&self) -> Result<Box<dyn DiskFile>> {
        let doing = |e| Error::io(format_args!("open {}", self.name), e);
        let file = self.disk.open(&self.name).map_err(doing)?;
        if file.length().map_err(doing)? < format::HEADER as u64 {
            return Err(damaged("a file of chunks"));
        }
        match self.check_header(&*file) {
            Err(e) if e.kind() != ErrorKind::Damaged => Err(e),
            _ => Ok(file),
        }
    }

    /// Whether it is what its name says.
    pub(super) fn check_header(&self, file: &dyn DiskFile) -> Result<()> {
        let mut header = [0; format::HEADER];
        file.read_at(&mut header, 0).map_err(|e| Error::io(format_args!("read {}", self.name), e))?;
        format::check_header(&self.name, &header, FILE_MAGIC)
    }
}

impl Drop for ChunkFile {
    fn drop(&mut self) {
        self.handles.forget(self.number);
        self.directories.forget(self.number);
        // Should the removal fail, the next writer that opens the store repeats it.
        if self.unused.load(Ordering::Acquire)
            && let Err(e) = self.disk.remove(&self.name)
        {
            tracing::warn!(file = self.name, error = %e, "cannot remove a file of chunks that is not needed any more");
        }
    }
}

/// The devices and what is kept about them.
#[derive(Debug)]
pub(super) struct State {
    disk: Arc<dyn Disk>,
    pub(super) devices: Vec<Device>,
    index: HashMap<DeviceName, u32>,
    handles: Arc<Handles>,
    directories: Arc<Directories>,
    files: HashMap<u64, (Arc<ChunkFile>, usize)>,
    /// Files that no chunk needs any more: whoever changed the state lets go of them when it has let go of the state.
    pub(super) released: Vec<Arc<ChunkFile>>,
    /// Frames that the log does not have yet.
    pub(super) buffer: Vec<u8>,
    pub(super) next_frame: u64,
    /// Frames up to this one are not needed.
    pub(super) trimmed: u64,
    /// Heads to be sealed. Bound: `unsealed_rows`; beyond it `append` waits.
    pub(super) queue: VecDeque<(u32, Arc<Head>)>,
    pub(super) queued_rows: usize,
    pub(super) next_order: u64,
    pub(super) next_file: u64,
    /// The log's end as the manifest knows it from an orderly close: segment, end, frame after it.
    pub(super) closed: Option<(u64, u64, u64)>,
    pub(super) damage: Vec<Damage>,
    /// What a crash tore off the end of the log, if it did.
    pub(super) torn: Option<String>,
    /// Whether files that no chunk needs are removed: a writer's, once recovery is done.
    pub(super) may_remove: bool,
    /// Kept by a reader, which learns only later which rows were sealed.
    pub(super) unsealed: Option<Unsealed>,
    pub(super) repeated_batches: u64,
    /// Values whose time lay well ahead of the clock when they arrived.
    pub(super) ahead_points: u64,
}

impl State {
    pub(super) fn new(disk: Arc<dyn Disk>) -> Self {
        Self {
            disk,
            devices: Vec::new(),
            index: HashMap::new(),
            handles: Arc::default(),
            directories: Arc::default(),
            files: HashMap::new(),
            released: Vec::new(),
            buffer: Vec::new(),
            next_frame: 1,
            trimmed: 0,
            queue: VecDeque::new(),
            queued_rows: 0,
            next_order: 1,
            next_file: 1,
            closed: None,
            damage: Vec::new(),
            torn: None,
            may_remove: false,
            unsealed: None,
            repeated_batches: 0,
            ahead_points: 0,
        }
    }

    /// Takes in a fact of the manifest.
    pub(super) fn apply(&mut self, record: Record) -> Result<()> {
        match record {
            Record::Device { id, name } => {
                if id as usize != self.devices.len() || self.index.contains_key(&name) {
                    return Err(damaged("a device of the manifest"));
                }
                self.index.insert(name.clone(), id);
                self.devices.push(Device::new(name));
            }
            Record::Channel { device, column, channel } => {
                let device = self.device_of_record(device)?;
                if column as usize > device.channels.len() {
                    return Err(damaged("a channel of the manifest"));
                }
                device.describe(column, *channel);
            }
            Record::ChunkAdded(place) => self.add_chunk(place)?,
            Record::ChunkRemoved { device, file, offset } => {
                let chunks = &mut self.device_of_record(device)?.chunks;
                let before = chunks.len();
                chunks.retain(|chunk| (chunk.file, chunk.offset) != (file, offset));
                if chunks.len() < before {
                    self.release(file);
                }
            }
            Record::Sealed { device, frame } => self.device_of_record(device)?.sealed_frame = frame,
            Record::Marks { device, marks } => {
                let known = &mut self.device_of_record(device)?.marks;
                marks.into_iter().for_each(|(boot, sequence)| known.restore(boot, sequence));
            }
            Record::Trimmed { frame } => self.trimmed = frame,
            Record::NextFile { file } => self.next_file = self.next_file.max(file),
            Record::Closed { segment, end, next_frame } => self.closed = Some((segment, end, next_frame)),
            Record::Erased { device, erasure } => {
                // A chunk that comes later must lie above it (S35).
                self.next_order = self.next_order.max(erasure.order + 1);
                self.device_of_record(device)?.erase(erasure);
            }
            Record::ErasureDone { device, erasure } => {
                self.device_of_record(device)?.erasures.retain(|known| *known != erasure);
            }
        }
        Ok(())
    }

    fn device_of_record(&mut self, id: u32) -> Result<&mut Device> {
        self.devices.get_mut(id as usize).ok_or_else(|| damaged("a device of the manifest"))
    }

    fn add_chunk(&mut self, place: ChunkPlace) -> Result<()> {
        self.next_order = self.next_order.max(place.order + 1);
        self.next_file = self.next_file.max(place.file + 1);
        let file = place.file;
        self.device_of_record(place.device)?.add_chunk(place);
        self.files.entry(file).or_insert_with(|| {
            let name = format::numbered(CHUNKS, file);
            let (disk, handles, directories) = (self.disk.clone(), self.handles.clone(), self.directories.clone());
            let unused = AtomicBool::new(false);
            (Arc::new(ChunkFile { disk, name, number: file, handles, directories, unused }), 0)
        });
        self.files.entry(file).and_modify(|(_, chunks)| *chunks += 1);
        Ok(())
    }

    fn release(&mut self, file: u64) {
        let Some((guard, chunks)) = self.files.get_mut(&file) else { return };
        *chunks -= 1;
        if *chunks == 0 {
            guard.unused.store(self.may_remove, Ordering::Release);
            let removed = self.files.remove(&file).filter(|_| self.may_remove);
            self.released.extend(removed.map(|(file, _)| file));
        }
    }

    pub(super) fn file(&self, number: u64) -> Option<Arc<ChunkFile>> {
        self.files.get(&number).map(|(file, _)| Arc::clone(file))
    }

    pub(super) fn file_numbers(&self) -> impl Iterator<Item = u64> + '_ {
        self.files.keys().copied()
    }

    /// Whether the rows of a frame are in chunks. Then only its position is taken in, and nothing has to be decoded.
    pub(super) fn is_sealed(&mut self, frame: u64, payload: &[u8]) -> Result<bool> {
        let (device, position) = batch_frame::sender(payload)?;
        let device = self.device_of_record(device)?;
        if frame > device.sealed_frame {
            return Ok(false);
        }
        if let Some(position) = position {
            device.marks.append(position, frame, frame);
        }
        Ok(true)
    }

    /// Takes in a frame of the log during recovery.
    pub(super) fn replay(&mut self, frame: u64, batch: FrameBatch, seal_rows: usize) -> Result<()> {
        let device = self.device_of_record(batch.device)?;
        if batch.columns.iter().any(|(id, _)| *id as usize >= device.channels.len()) {
            return Err(damaged("a channel of a log frame"));
        }
        if let Some(position) = batch.position {
            device.marks.append(position, frame, frame);
        }
        if frame <= device.sealed_frame {
            return Ok(());
        }
        let base = device.head.rows();
        device.head.push_times(&batch.times, frame, batch.arrived);
        for (id, values) in &batch.columns {
            device.head.column(*id).push(base, values);
            device.note_latest(*id, &batch.times, values);
        }
        if device.head.rows() >= seal_rows {
            self.freeze(batch.device);
        }
        if let Some(unsealed) = &mut self.unsealed {
            unsealed.entry(batch.device).or_default().push_back((frame, batch.times.len() as u32));
        }
        Ok(())
    }

    /// Hands a device's unsealed rows over to be sealed.
    pub(super) fn freeze(&mut self, device: u32) {
        if let Some(head) = self.devices[device as usize].freeze() {
            self.queued_rows += head.rows();
            self.queue.push_back((device, head));
        }
    }

    pub(super) fn device_id(&self, name: &DeviceName) -> Option<u32> {
        self.index.get(name).copied()
    }

    /// The series that are selected, as device and column, in order of their names.
    pub(super) fn select(&self, selection: &Selection) -> Vec<(SeriesName, u32, u32)> {
        if let Some(exact) = selection.exact() {
            let found = self.device_id(&exact.device);
            let found = found.and_then(|id| Some((id, self.devices[id as usize].column(&exact.channel)?)));
            return found.map(|(id, column)| (exact, id, column)).into_iter().collect();
        }
        let mut found = Vec::new();
        for (id, device) in self.devices.iter().enumerate() {
            for (column, channel) in device.channels.iter().enumerate() {
                let series = device.name.channel(channel.name.clone());
                if selection.matches(&series, channel) {
                    found.push((series, id as u32, column as u32));
                }
            }
        }
        found.sort_by(|a, b| a.0.cmp(&b.0));
        found
    }

    pub(super) fn describe(&self, device: u32, column: u32) -> &Channel {
        &self.devices[device as usize].channels[column as usize]
    }

    /// The last frame before the first that is still needed.
    pub(super) fn trimmable(&self) -> u64 {
        let needed = self.devices.iter().filter_map(Device::first_unsealed_frame).min();
        needed.unwrap_or(self.next_frame) - 1
    }

    /// All that a manifest must say.
    pub(super) fn records(&self, durable_frame: u64) -> Vec<Record> {
        let mut records = vec![Record::Trimmed { frame: self.trimmed }, Record::NextFile { file: self.next_file }];
        for (id, device) in self.devices.iter().enumerate() {
            device.records(id as u32, durable_frame, &mut records);
        }
        records
    }
}
