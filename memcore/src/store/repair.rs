//! A store whose manifest is damaged does not open by itself. Repair makes a new manifest from what is left: the snapshot,
//! or the copy of it; the edits that are whole; and what the chunks say of themselves. The damaged one is set aside (S15).

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use super::chunk::{ChunkPlace, Directory};
use super::disk::{Disk, Folder, read_all};
use super::format::{HEADER, number_in, numbered};
use super::log::{self, SegmentHead};
use super::manifest::{self, COPY_NAME, Edit, ManifestWriter, NAME, Record};
use super::state::{CHUNKS, State};
use super::table::Table;
use super::verify::Damage;
use crate::error::{Error, ErrorKind, Result};

/// What repair did.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct RepairReport {
    /// Nothing was wrong with the manifest, and nothing was done.
    pub was_sound: bool,
    /// The name under which the damaged manifest was kept, where there was one.
    pub set_aside: Option<String>,
    /// Edits of the manifest that are whole, and how many of those after the snapshot are lost.
    pub edits: usize,
    #[allow(missing_docs)]
    pub lost_edits: u64,
    /// Chunks that no whole edit names and that have a place again.
    pub found_chunks: usize,
    /// What has no place in the store: it is left where it is, or set aside when the store is opened.
    pub unplaced: Vec<Damage>,
}

/// Makes the store in the folder `path` one that opens again. Where its manifest is sound, nothing is done: damaged chunks
/// and frames of the log do not keep a store from being opened. Data may come back that were deleted by an edit that is
/// lost; nothing that is whole goes.
///
/// # Errors
/// [`NotFound`](ErrorKind::NotFound) where there is no store, [`Locked`](ErrorKind::Locked) where it is open,
/// [`Unsupported`](ErrorKind::Unsupported) where a newer memcore wrote it, [`Damaged`](ErrorKind::Damaged) where no snapshot
/// is left that says which devices there were; nothing is changed then.
pub fn repair(path: &Path) -> Result<RepairReport> {
    if !path.is_dir() {
        return Err(Error::not_found(format!("repair {}: there is no store", path.display())));
    }
    let folder = Folder::writable(path).map_err(|e| Error::io(format_args!("open {}", path.display()), e))?;
    repair_on(&(Arc::new(folder) as Arc<dyn Disk>)).map_err(|e| e.context(format_args!("repair {}", path.display())))
}

/// As [`repair`], on any disk.
///
/// # Errors
/// As [`repair`].
pub fn repair_on(disk: &Arc<dyn Disk>) -> Result<RepairReport> {
    let files = disk.list().map_err(|e| Error::io("list it", e))?;
    let own = |name: &String| number_in(name, CHUNKS).or(number_in(name, log::PREFIX)).is_some();
    if !files.iter().any(|name| name == NAME || name == COPY_NAME || own(name)) {
        return Err(Error::not_found("there is no store"));
    }
    if !disk.lock().map_err(|e| Error::io("lock it", e))? {
        return Err(Error::new(ErrorKind::Locked, "it is open for writing elsewhere"));
    }
    let repaired = Repair::new(disk, &files).and_then(|repair| match repair {
        Some(repair) => repair.run(),
        None => Ok(RepairReport { was_sound: true, ..RepairReport::default() }),
    });
    disk.unlock();
    repaired
}

struct Repair<'a> {
    disk: &'a Arc<dyn Disk>,
    files: &'a [String],
    /// The damaged manifest, where there is one.
    manifest: Option<Vec<u8>>,
    snapshot: Edit,
    edits: Vec<Edit>,
}

impl<'a> Repair<'a> {
    /// None where there is nothing to repair.
    fn new(disk: &'a Arc<dyn Disk>, files: &'a [String]) -> Result<Option<Self>> {
        let read = |name: &str| match files.iter().any(|file| file == name) {
            true => read_all(&**disk, name).map(Some).map_err(|e| Error::io(format_args!("read {name}"), e)),
            false => Ok(None),
        };
        let (manifest, copy) = (read(NAME)?, read(COPY_NAME)?);
        match manifest.as_deref().map(manifest::read) {
            Some(Ok(_)) => return Ok(None),
            Some(Err(e)) if e.kind() == ErrorKind::Unsupported => return Err(e),
            _ => {}
        }
        let salvaged = |bytes: &Option<Vec<u8>>| bytes.as_deref().map(manifest::salvage).unwrap_or_default();
        let (own, copied) = (salvaged(&manifest), salvaged(&copy));
        let snapshot = own.snapshot.or(copied.snapshot).ok_or_else(|| {
            let what = format!("neither {NAME} nor {COPY_NAME} has a snapshot that says which devices there were");
            Error::new(ErrorKind::Damaged, what)
        })?;
        let mut edits: Vec<Edit> = own.edits.into_iter().chain(copied.edits).collect();
        edits.retain(|edit| edit.number > snapshot.number);
        edits.sort_by_key(|edit| edit.number);
        edits.dedup_by_key(|edit| edit.number);
        Ok(Some(Self { disk, files, manifest, snapshot, edits }))
    }

    fn run(self) -> Result<RepairReport> {
        let mut report = RepairReport { edits: self.edits.len(), ..RepairReport::default() };
        let mut state = State::new(Arc::clone(self.disk));
        let mut removed = HashSet::new();
        let last = self.edits.last().map_or(self.snapshot.number, |edit| edit.number);
        report.lost_edits = last - self.snapshot.number - self.edits.len() as u64;
        for record in self.snapshot.records.iter().chain(self.edits.iter().flat_map(|edit| &edit.records)) {
            if let Record::ChunkRemoved { file, offset, .. } = record {
                removed.insert((*file, *offset));
            }
            if let Err(e) = state.apply(record.clone()) {
                report.unplaced.push(Damage::of(format!("an edit that builds on a lost one: {e}")));
            }
        }
        for number in self.files.iter().filter_map(|name| number_in(name, CHUNKS)) {
            self.find_chunks(number, &mut state, &removed, &mut report)?;
        }
        let number = last.max(self.last_number()?) + 1;
        self.begin_log(&mut state, report.lost_edits, &mut report.unplaced)?;
        if let Some(bytes) = &self.manifest {
            let name = format!("{NAME}.damaged-{number}");
            let doing = |e| Error::io(format_args!("write {name}"), e);
            let aside = self.disk.create(&name).map_err(doing)?;
            aside.write_at(bytes, 0).and_then(|()| aside.sync()).map_err(doing)?;
            report.set_aside = Some(name);
        }
        // What the log has is taken in when the store is opened; no mark of a lost edit is made up.
        ManifestWriter::create(&**self.disk, number, &state.records(u64::MAX >> 1))?;
        Ok(report)
    }

    /// Gives chunks a place that no edit names: the edit was lost. What an edit has taken out stays out.
    fn find_chunks(
        &self,
        number: u64,
        state: &mut State,
        removed: &HashSet<(u64, u64)>,
        report: &mut RepairReport,
    ) -> Result<()> {
        let name = numbered(CHUNKS, number);
        let doing = |e| Error::io(format_args!("read {name}"), e);
        let (file, bytes) = (self.disk.open(&name).map_err(doing)?, read_all(&**self.disk, &name).map_err(doing)?);
        let known: HashSet<u64> = places(state).filter(|place| place.file == number).map(|place| place.offset).collect();
        let mut at = HEADER as u64;
        while at < bytes.len() as u64 {
            match Directory::find(&*file, number, at) {
                Ok((place, table)) => {
                    at += place.length;
                    if known.contains(&place.offset) || removed.contains(&(number, place.offset)) {
                        continue;
                    }
                    match homeless(state, &place, &table) {
                        Some(what) => report.unplaced.push(Damage::in_file(&name, place.offset, what)),
                        None => {
                            state.apply(Record::ChunkAdded(place))?;
                            report.found_chunks += 1;
                        }
                    }
                }
                // Damaged, or the middle of one: the next chunk begins further on.
                Err(_) => at = next_head(&bytes, at + 1),
            }
        }
        Ok(())
    }

    /// Where edits are lost, one of them may have said that frames are not needed any more whose segments are gone.
    fn begin_log(&self, state: &mut State, lost: u64, unplaced: &mut Vec<Damage>) -> Result<()> {
        let first = self.segments()?.into_iter().map(|head| head.first_frame).min();
        let (known, Some(first)) = (state.trimmed, first.filter(|_| lost > 0)) else { return Ok(()) };
        if first > known + 1 {
            let (from, to) = (known + 1, first - 1);
            unplaced.push(Damage::of(format!("frames {from} to {to} are not in the log: most likely they are in chunks")));
            state.trimmed = to;
        }
        Ok(())
    }

    /// The last edit that the log knows of.
    fn last_number(&self) -> Result<u64> {
        Ok(self.segments()?.into_iter().map(|head| head.manifest_number).max().unwrap_or(0))
    }

    fn segments(&self) -> Result<Vec<SegmentHead>> {
        let mut heads = Vec::new();
        for (name, id) in self.files.iter().filter_map(|name| Some((name, number_in(name, log::PREFIX)?))) {
            let bytes = read_all(&**self.disk, name).map_err(|e| Error::io(format_args!("read {name}"), e))?;
            heads.extend(SegmentHead::read(id, &bytes));
        }
        Ok(heads)
    }
}

/// Where the next chunk may begin: with its letters.
fn next_head(bytes: &[u8], from: u64) -> u64 {
    let from = usize::try_from(from).unwrap_or(bytes.len()).min(bytes.len());
    memchr::memmem::find(&bytes[from..], b"MCH").map_or(bytes.len(), |at| from + at) as u64
}

fn places(state: &State) -> impl Iterator<Item = &ChunkPlace> {
    state.devices.iter().flat_map(|device| &device.chunks)
}

/// Why a chunk can have no place.
fn homeless(state: &State, place: &ChunkPlace, table: &Table) -> Option<String> {
    let Some(device) = state.devices.get(place.device as usize) else {
        return Some(format!("a chunk of device number {}, whose registration is lost", place.device));
    };
    let lost = table.columns.iter().find(|column| column.id as usize >= device.channels.len())?;
    Some(format!("a chunk of {} with channel number {}, whose registration is lost", device.name, lost.id))
}
