//! Reading the trail, and checking that it is whole.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::act::{AuditEntry, AuditQuery};
use super::trail::{FIRST, current, full_files, parse, read_head};
use crate::error::{Error, Result};
use crate::gateway::lock_file;

/// Faults that are told; more are counted.
const FAULTS_MAX: usize = 100;

/// What was found in the trail.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct AuditLog {
    /// The entries asked for, the oldest first.
    pub entries: Vec<AuditEntry>,
    /// Lines that cannot be read: [`verify_audit`] says which and why.
    pub unreadable: u64,
}

/// Whether the trail is whole.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct AuditReport {
    /// Lines that were read.
    pub entries: u64,
    /// The number of the oldest line that is kept.
    pub first: u64,
    /// The number of the last line.
    pub last: u64,
    /// The hash of the last line: noted elsewhere, it shows later that the trail up to here is still the same.
    pub hash: String,
    /// What is wrong; nothing where the trail is whole. A hundred at most are told.
    pub faults: Vec<AuditFault>,
    /// How many there are in all.
    pub faults_in_all: u64,
}

/// Something that is wrong with the trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditFault {
    /// In which file.
    pub file: PathBuf,
    /// In which line, from 1 on; 0 where it is about the file.
    pub line: u64,
    /// What.
    pub what: String,
}

impl AuditReport {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.faults_in_all == 0
    }

    fn fault(&mut self, file: &Path, line: u64, what: String) {
        self.faults_in_all += 1;
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(AuditFault { file: file.to_owned(), line, what });
        }
    }
}

/// Reads the trail of the site in that folder.
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid) for an unknown kind, [`Io`](crate::ErrorKind::Io) where a file cannot be read.
pub fn read_audit(site: &Path, query: &AuditQuery) -> Result<AuditLog> {
    query.check()?;
    let (mut entries, mut unreadable) = (VecDeque::new(), 0);
    lines(site, |_, _, line| match line.and_then(parse) {
        Ok(entry) if query.selects(&entry) => {
            entries.push_back(entry);
            if entries.len() > query.limit {
                entries.pop_front();
            }
        }
        Ok(_) => {}
        Err(_) => unreadable += 1,
    })?;
    Ok(AuditLog { entries: entries.into(), unreadable })
}

/// Checks the trail of the site in that folder: every line's hash, that each follows the one before, and that the end is where
/// it was left.
///
/// # Errors
/// [`Io`](crate::ErrorKind::Io) where a file cannot be read. What is wrong with the trail is no error but in the report.
pub fn verify_audit(site: &Path) -> Result<AuditReport> {
    // Nobody writes meanwhile: a line that is being written is none without an end. Who may not lock may look all the same.
    let _lock = lock_file(&site.join("audit.lock")).ok();
    let head = read_head(site);
    let mut report = AuditReport::default();
    let mut before = Before::Nothing;
    let mut as_left = head.as_ref().is_none_or(|head| head.number == 0);
    lines(site, |file, number, line| match line.and_then(parse) {
        Ok(entry) => {
            if matches!(before, Before::Nothing) {
                report.first = entry.number;
                // The oldest that is kept has a predecessor that nobody knows any more.
                let kept = head.as_ref().map_or(entry.number, |head| head.first);
                if entry.number > kept {
                    report.fault(file, number, format!("the trail begins at {}, it was left from {kept} on", entry.number));
                }
            }
            if let Some(what) = before.fault(&entry) {
                report.fault(file, number, what);
            }
            as_left |= head.as_ref().is_some_and(|head| (head.number, &head.hash) == (entry.number, &entry.hash));
            report.entries += 1;
            (report.last, report.hash) = (entry.number, entry.hash.clone());
            before = Before::Line(entry.number, Some(entry.hash));
        }
        Err(what) => {
            report.fault(file, number, what);
            before = match before {
                Before::Nothing | Before::Unknown => Before::Unknown,
                Before::Line(number, _) => Before::Line(number + 1, None),
            };
        }
    })?;
    if head.is_none() && report.last > 0 {
        let what = "audit.head is missing: whether the end was cut cannot be told".to_owned();
        report.fault(&site.join("audit.head"), 0, what);
    }
    if let Some(head) = head.filter(|_| !as_left) {
        let what = format!("line {} is not there as it was left: the end was cut or changed", head.number);
        report.fault(&current(site), 0, what);
    }
    Ok(report)
}

/// What is known of the line before.
enum Before {
    Nothing,
    /// It could not be read, nor any before it.
    Unknown,
    /// Its number, and its hash where it could be read.
    Line(u64, Option<String>),
}

impl Before {
    /// Why that line does not follow.
    fn fault(&self, entry: &AuditEntry) -> Option<String> {
        let (number, hash) = match self {
            Self::Unknown => return None,
            Self::Nothing if entry.number == 1 => (0, Some(FIRST)),
            Self::Nothing => return None,
            Self::Line(number, hash) => (*number, hash.as_deref()),
        };
        if entry.number != number + 1 {
            return Some(format!("it is number {}, expected {}", entry.number, number + 1));
        }
        let follows = hash.is_none_or(|hash| hash == entry.previous);
        (!follows).then(|| "it does not follow the line before: that one was changed or taken out".into())
    }
}

/// Every line of the trail, the oldest first, with its file and its place in it; an error for one that is no text or has no end.
fn lines(site: &Path, mut each: impl FnMut(&Path, u64, Result<&str, String>)) -> Result<()> {
    let mut files: Vec<PathBuf> = full_files(site)?.into_iter().map(|(_, path)| path).collect();
    files.push(current(site));
    for path in files {
        let failed = |e| Error::io(format!("read {}", path.display()), e);
        let mut file = match File::open(&path) {
            Ok(file) => BufReader::new(file),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
            Err(e) => return Err(failed(e)),
        };
        let (mut line, mut number) = (Vec::new(), 0);
        loop {
            line.clear();
            if file.read_until(b'\n', &mut line).map_err(failed)? == 0 {
                break;
            }
            number += 1;
            let text = line.strip_suffix(b"\n").ok_or("it has no end".to_owned());
            each(&path, number, text.and_then(|text| std::str::from_utf8(text).map_err(|e| e.to_string())));
        }
    }
    Ok(())
}
