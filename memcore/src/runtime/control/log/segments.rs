//! The decision log on disk: `decisions/NUMBER.log`, each a journal of lines with checksums.
//!
//! L1: records are only added, at the end of the segment with the highest number. L2: within a segment times do not run backwards; where
//! the wall clock does, the next segment begins. L3: of segments only so many are kept, and the oldest go first. L4: what a crash left
//! without an end is cut off when the log is opened, and never read.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::record::ControlEvent;
use crate::error::{Error, Result};
use crate::journal;
use crate::model::Timestamp;

/// What a segment begins with.
pub(super) const KIND: &str = "memcore decisions 1";

/// Segments that are kept at the most. Full-policy: the oldest goes.
const SEGMENTS: u64 = 16;

/// No line is longer: what a decision says is bounded.
pub(super) const LINE_BYTES: u64 = 64 << 10;

/// The log as its only writer has it.
#[derive(Debug)]
pub(super) struct Segments {
    folder: PathBuf,
    segment_bytes: u64,
    number: u64,
    file: Option<File>,
    bytes: u64,
    last: Timestamp,
}

/// Where the decision log of a site lies.
pub(super) fn folder_of(site: &Path) -> PathBuf {
    site.join("decisions")
}

impl Segments {
    /// Opens the log of a site, which takes no more than `max_bytes` in all.
    pub(super) fn open(site: &Path, max_bytes: u64) -> Result<Self> {
        let folder = folder_of(site);
        let failed = |e| Error::io(format!("open {}", folder.display()), e);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(failed)?;
        let mut segments = Self {
            segment_bytes: max_bytes / SEGMENTS,
            number: 0,
            file: None,
            bytes: 0,
            last: Timestamp::MIN,
            folder: folder.clone(),
        };
        if let Some((number, path)) = list(&folder)?.pop() {
            segments.number = number;
            segments.go_on(&path).map_err(failed)?;
        }
        Ok(segments)
    }

    /// Goes on at the end of a segment, without what a crash left there.
    fn go_on(&mut self, path: &Path) -> std::io::Result<()> {
        let mut file = File::options().read(true).append(true).open(path)?;
        let length = file.metadata()?.len();
        let tail = read_between(&mut file, length.saturating_sub(2 * LINE_BYTES), length)?;
        let whole = tail.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let cut = (tail.len() - whole) as u64;
        if cut > 0 {
            tracing::warn!(path = %path.display(), bytes = cut, "the end of the decision log was cut off by a crash");
            file.set_len(length - cut)?;
        }
        let lines = tail[..whole].split(|byte| *byte == b'\n').rev();
        self.last = lines.filter_map(read_line).map(|event| event.time()).next().unwrap_or(Timestamp::MIN);
        (self.bytes, self.file) = (length - cut, Some(file));
        Ok(())
    }

    /// Adds records, in their order. Where that fails, what was written of them may stand.
    pub(super) fn append(&mut self, events: &[ControlEvent]) -> Result<()> {
        let mut lines = Vec::new();
        for event in events {
            if event.time() < self.last || self.file.is_none() || self.bytes + lines.len() as u64 >= self.segment_bytes {
                self.write(&lines)?;
                lines.clear();
                self.begin()?;
            }
            self.last = event.time();
            journal::encode(event, &mut lines);
        }
        self.write(&lines)
    }

    fn write(&mut self, lines: &[u8]) -> Result<()> {
        let Some(file) = self.file.as_mut().filter(|_| !lines.is_empty()) else { return Ok(()) };
        let written = file.write_all(lines).inspect_err(|_| drop(file.set_len(self.bytes)));
        written.map_err(|e| Error::io(format!("write {}", self.folder.display()), e))?;
        self.bytes += lines.len() as u64;
        Ok(())
    }

    /// Begins the next segment, and lets the oldest go.
    fn begin(&mut self) -> Result<()> {
        self.sync()?;
        let path = self.folder.join(format!("{:010}.log", self.number + 1));
        let failed = |e| Error::io(format!("write {}", path.display()), e);
        let mut head = Vec::new();
        journal::encode(&KIND, &mut head);
        let mut file = File::options().append(true).create(true).mode(0o600).open(&path).map_err(failed)?;
        file.write_all(&head).map_err(failed)?;
        (self.number, self.bytes, self.file, self.last) = (self.number + 1, head.len() as u64, Some(file), Timestamp::MIN);
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        let kept = list(&self.folder)?;
        for (_, oldest) in &kept[..kept.len().saturating_sub(SEGMENTS as usize)] {
            fs::remove_file(oldest).map_err(failed)?;
        }
        Ok(())
    }

    /// Returns once everything added survives a power cut.
    pub(super) fn sync(&mut self) -> Result<()> {
        let synced = self.file.as_ref().map_or(Ok(()), File::sync_data);
        synced.map_err(|e| Error::io(format!("sync {}", self.folder.display()), e))
    }
}

/// The segments by number, the oldest first.
pub(super) fn list(folder: &Path) -> Result<Vec<(u64, PathBuf)>> {
    let failed = |e| Error::io(format!("read {}", folder.display()), e);
    let mut segments = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let number = name.and_then(|name| name.strip_suffix(".log")?.parse().ok());
        segments.extend(number.map(|number| (number, path)));
    }
    segments.sort_unstable();
    Ok(segments)
}

/// A record, where the line is whole.
pub(super) fn read_line(line: &[u8]) -> Option<ControlEvent> {
    journal::record_of(line)
}

pub(super) fn read_between(file: &mut File, from: u64, to: u64) -> std::io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(to.saturating_sub(from)).read_to_end(&mut bytes)?;
    Ok(bytes)
}
