//! The trail as files: lines that are only added, each with the hash of the one before.
//!
//! `audit.jsonl` is written to; when it is full it becomes `audit.NUMBER.jsonl`, by the number of its last line, and of those only
//! so many are kept. `audit.head` says where the trail was left, so that a cut end is noticed. Several processes may write: each
//! takes a lock, and goes on from the line that it finds. Whoever can write into the folder can forge all of it; what he cannot
//! forge is a hash that was noted elsewhere.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ring::digest;
use serde::{Deserialize, Serialize};

use super::act::{Act, AuditEntry};
use crate::error::{Error, ErrorKind, Result};
use crate::gateway::{lock_file, read_private_file, replace_private_file_soon};
use crate::model::Timestamp;

/// Full files that are kept beside the one that is written to.
const FILES: u64 = 7;

/// No line is longer: what a line says is bounded.
const LINE_BYTES: u64 = 16 << 10;

/// What begins the chain.
pub(super) const FIRST: &str = "";

/// A line that is still to be numbered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Draft {
    pub(crate) time: Timestamp,
    pub(crate) by: Option<String>,
    pub(crate) act: Act,
}

/// Where a trail ends.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) number: u64,
    pub(super) hash: String,
    /// The number of the oldest line that is kept.
    #[serde(default)]
    pub(super) first: u64,
}

/// A trail that lines are added to.
#[derive(Debug)]
pub(crate) struct Trail {
    site: PathBuf,
    file_bytes: u64,
    head: Head,
    /// Number and length of the file as it was left; none before the first look.
    left: Option<(u64, u64)>,
}

#[derive(Serialize)]
struct Body<'a> {
    number: u64,
    time_us: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'a str>,
    #[serde(flatten)]
    act: &'a Act,
    previous: &'a str,
}

impl Trail {
    /// The trail of the site in that folder, which takes no more than `max_bytes` in all.
    pub(crate) fn open(site: &Path, max_bytes: u64) -> Self {
        Self { site: site.to_owned(), file_bytes: max_bytes / (FILES + 1), head: Head::default(), left: None }
    }

    /// Adds lines, in their order, all or none of them where the disk is full.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io) where a file cannot be written.
    pub(crate) fn append(&mut self, drafts: &[Draft]) -> Result<()> {
        let _lock = lock_file(&self.site.join("audit.lock"))?;
        let path = current(&self.site);
        let failed = |e| Error::io(format!("write {}", path.display()), e);
        let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&path).map_err(failed)?;
        let now = drafts.first().map_or(Timestamp::MIN, |draft| draft.time);
        let mut text = Vec::new();
        let mut head = self.catch_up(&mut file, now, &mut text)?;
        if head.number == 0 {
            // From its first line on a trail has its head: one without has lost it.
            self.put_head(&head)?;
        }
        for draft in drafts {
            if file.metadata().map_err(failed)?.len() + text.len() as u64 + LINE_BYTES > self.file_bytes {
                write_whole(&mut file, &text).map_err(failed)?;
                text.clear();
                head.first = self.put_aside(&file, &head)?;
                file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&path).map_err(failed)?;
            }
            add(&mut head, draft, &mut text)?;
        }
        write_whole(&mut file, &text).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        (self.head, self.left) = (head, Some((metadata.ino(), metadata.len())));
        Ok(())
    }

    /// What was added is on the disk, and where it ends is known beside it.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io) where a file cannot be written.
    pub(crate) fn sync(&self) -> Result<()> {
        let path = current(&self.site);
        let failed = |e| Error::io(format!("write {}", path.display()), e);
        let _lock = lock_file(&self.site.join("audit.lock"))?;
        OpenOptions::new().append(true).open(&path).and_then(|file| file.sync_data()).map_err(failed)?;
        // Another process may have gone on.
        if read_head(&self.site).is_some_and(|head| head.number > self.head.number) {
            return Ok(());
        }
        self.put_head(&self.head)
    }

    fn put_head(&self, head: &Head) -> Result<()> {
        let text = serde_json::to_vec(head).map_err(|e| Error::new(ErrorKind::Internal, e.to_string()))?;
        replace_private_file_soon(&self.site.join("audit.head"), &text)
    }

    /// Where the trail ends; what is amiss with that becomes a line.
    fn catch_up(&self, file: &mut File, now: Timestamp, text: &mut Vec<u8>) -> Result<Head> {
        let path = current(&self.site);
        let failed = |e| Error::io(format!("read {}", path.display()), e);
        let metadata = file.metadata().map_err(failed)?;
        if self.left == Some((metadata.ino(), metadata.len())) {
            return Ok(self.head.clone());
        }
        let left = match self.left {
            Some(_) => Some(self.head.clone()),
            None => read_head(&self.site),
        };
        let (last, cut_bytes) = last_line(file).map_err(failed)?;
        if cut_bytes > 0 {
            file.set_len(metadata.len() - cut_bytes).map_err(failed)?;
        }
        let last = match last {
            Some(last) => Some(last),
            None => newest_full(&self.site)?.and_then(|file| last_line(&mut File::open(file).ok()?).ok()?.0),
        };
        let found = last.map_or_else(Head::default, |(number, hash)| Head { number, hash, first: 1 });
        let left = left.unwrap_or_else(|| found.clone());
        let disturbed = found.number < left.number || (found.number == left.number && found.hash != left.hash);
        let mut head = Head { first: left.first.max(1), ..found };
        let mut say = |act, head: &mut Head| add(head, &Draft { time: now, by: None, act }, text);
        if cut_bytes > 0 {
            say(Act::Resumed { cut_bytes }, &mut head)?;
        }
        if disturbed {
            let (left_at, found) = (left.number, head.number);
            // Numbers are not used twice.
            head.number = head.number.max(left.number);
            say(Act::Disturbed { left_at, found }, &mut head)?;
        }
        Ok(head)
    }

    /// The file is full: it gets a name of its own, and the oldest go. Returns the number of the oldest line that is kept.
    fn put_aside(&self, file: &File, head: &Head) -> Result<u64> {
        let path = current(&self.site);
        let failed = |e| Error::io(format!("write {}", path.display()), e);
        file.sync_data().map_err(failed)?;
        fs::rename(&path, self.site.join(format!("audit.{:020}.jsonl", head.number))).map_err(failed)?;
        let full = full_files(&self.site)?;
        let gone = full.len().saturating_sub(FILES as usize);
        for (_, path) in &full[..gone] {
            fs::remove_file(path).map_err(|e| Error::io(format!("remove {}", path.display()), e))?;
        }
        Ok(match gone {
            0 => head.first,
            gone => full[gone - 1].0 + 1,
        })
    }
}

/// Writes all of it, or takes back what was written of it.
fn write_whole(file: &mut File, text: &[u8]) -> std::io::Result<()> {
    let before = file.metadata()?.len();
    file.write_all(text).inspect_err(|_| drop(file.set_len(before)))
}

/// Numbers a line and adds it to what is to be written.
fn add(head: &mut Head, draft: &Draft, text: &mut Vec<u8>) -> Result<()> {
    let number = head.number + 1;
    let body = Body { number, time_us: draft.time, by: draft.by.as_deref(), act: &draft.act, previous: &head.hash };
    let body = serde_json::to_string(&body)
        .map_err(|e| Error::new(ErrorKind::Internal, format!("cannot write a line of the audit trail: {e}")))?;
    let hash = sha256(body.as_bytes());
    text.extend_from_slice(&body.as_bytes()[..body.len() - 1]);
    text.extend_from_slice(format!("{HASH}{hash}{END}\n").as_bytes());
    (head.number, head.hash) = (number, hash);
    Ok(())
}

const HASH: &str = ",\"hash\":\"";
const END: &str = "\"}";

/// Reads a line; an error says what is wrong with it.
pub(super) fn parse(line: &str) -> std::result::Result<AuditEntry, String> {
    let entry: AuditEntry = serde_json::from_str(line).map_err(|e| format!("it cannot be read: {e}"))?;
    let body = line.strip_suffix(&format!("{HASH}{}{END}", entry.hash)).ok_or("its hash does not stand at its end")?;
    if sha256(format!("{body}}}").as_bytes()) != entry.hash {
        return Err("its hash does not fit it".into());
    }
    Ok(entry)
}

fn sha256(bytes: &[u8]) -> String {
    use std::fmt::Write;
    digest::digest(&digest::SHA256, bytes).as_ref().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Number and hash of the last whole line, and how many bytes without an end follow it.
fn last_line(file: &mut File) -> std::io::Result<(Option<(u64, String)>, u64)> {
    let length = file.metadata()?.len();
    let from = length.saturating_sub(2 * LINE_BYTES);
    file.seek(SeekFrom::Start(from))?;
    let mut end = Vec::new();
    file.take(2 * LINE_BYTES).read_to_end(&mut end)?;
    let whole = end.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let cut = (end.len() - whole) as u64;
    // A line that was tampered with still has its number, so that the next does not use it again.
    let last = end[..whole].strip_suffix(b"\n").map(|lines| {
        let line = lines.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        let entry = serde_json::from_slice::<AuditEntry>(line).ok();
        entry.map_or((0, FIRST.to_owned()), |entry| (entry.number, entry.hash))
    });
    Ok((last, cut))
}

pub(super) fn current(site: &Path) -> PathBuf {
    site.join("audit.jsonl")
}

pub(super) fn read_head(site: &Path) -> Option<Head> {
    serde_json::from_str(&read_private_file(&site.join("audit.head")).ok()??).ok()
}

fn newest_full(site: &Path) -> Result<Option<PathBuf>> {
    Ok(full_files(site)?.pop().map(|(_, path)| path))
}

/// The full files by the number of their last line, the oldest first.
pub(super) fn full_files(site: &Path) -> Result<Vec<(u64, PathBuf)>> {
    let failed = |e| Error::io(format!("read {}", site.display()), e);
    let mut files = Vec::new();
    for entry in fs::read_dir(site).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let number = name.and_then(|name| name.strip_prefix("audit.")?.strip_suffix(".jsonl")?.parse().ok());
        files.extend(number.map(|number| (number, path)));
    }
    files.sort_unstable();
    Ok(files)
}
