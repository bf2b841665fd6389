//! Small journals: records that are appended one by one and survive a crash, up to a torn end.
//!
//! A record is one line: the CRC-32C of its text in eight hexadecimal digits, a blank, the text (JSON), and `\n`. The first
//! record names what the journal is and its version. A line that does not fit its checksum is passed over and counted:
//! the others do not depend on it. Who keeps a journal rewrites it as a whole when it is opened, and when it has grown.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, ErrorKind, Result};

/// Where a journal lies.
pub(crate) trait Medium: Send {
    /// Puts whole lines at the end. They outlive this process; a power cut may take what was not [`sync`](Self::sync)ed.
    fn append(&mut self, lines: &[u8]) -> io::Result<()>;
    /// Returns once everything appended survives a power cut.
    fn sync(&mut self) -> io::Result<()>;
    /// Puts `lines` in place of everything, synced: after a crash there are the old lines or the new ones.
    fn replace(&mut self, lines: &[u8]) -> io::Result<()>;
}

/// Appends a record.
pub(crate) fn encode(record: &impl Serialize, lines: &mut Vec<u8>) {
    // No record has a state that JSON cannot say; half a line must not stand all the same.
    let Ok(text) = serde_json::to_vec(record) else { return };
    let _ = write!(lines, "{:08x} ", crc32c::crc32c(&text));
    lines.extend_from_slice(&text);
    lines.push(b'\n');
}

/// The records of a journal of that `kind`, in their order, and how many lines were damaged.
///
/// # Errors
/// [`Unsupported`](ErrorKind::Unsupported) where it is another journal, or one of a later version.
pub(crate) fn decode<T: DeserializeOwned>(lines: &[u8], kind: &str) -> Result<(Vec<T>, usize)> {
    let mut lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let Some(head) = lines.next() else { return Ok((Vec::new(), 0)) };
    let head = text_of(head).and_then(|text| serde_json::from_slice::<String>(text).ok());
    match head {
        Some(head) if head == kind => {}
        Some(head) => {
            return Err(Error::new(ErrorKind::Unsupported, format!("the journal is of kind {head:?}, expected {kind:?}")));
        }
        None => return Err(Error::new(ErrorKind::Damaged, format!("the journal does not begin with {kind:?}"))),
    }
    let (mut records, mut damaged) = (Vec::new(), 0);
    for line in lines {
        match text_of(line).and_then(|text| serde_json::from_slice(text).ok()) {
            Some(record) => records.push(record),
            None => damaged += 1,
        }
    }
    Ok((records, damaged))
}

/// The record of a line, where it is whole.
#[cfg(feature = "gateway")]
pub(crate) fn record_of<T: DeserializeOwned>(line: &[u8]) -> Option<T> {
    serde_json::from_slice(text_of(line)?).ok()
}

/// What a line says, where it fits its checksum.
fn text_of(line: &[u8]) -> Option<&[u8]> {
    let (sum, text) = (line.get(..8)?, line.get(9..)?);
    let sum = u32::from_str_radix(std::str::from_utf8(sum).ok()?, 16).ok()?;
    (line[8] == b' ' && crc32c::crc32c(text) == sum).then_some(text)
}

/// A journal in a file that only its owner can read.
#[derive(Debug)]
pub(crate) struct JournalFile {
    path: PathBuf,
    file: File,
}

impl JournalFile {
    /// Opens a journal of that `kind`, with its records. Its folder is made where there is none. One that is damaged from its
    /// beginning is set aside under another name, and a new one begun: what keeps a device safe must not keep it from starting.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io), and [`Unsupported`](ErrorKind::Unsupported) where it is of another kind or a later version.
    pub(crate) fn open<T: DeserializeOwned>(path: &Path, kind: &str) -> Result<(Self, Vec<T>)> {
        let failed = |e| Error::io(format!("open {}", path.display()), e);
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        }
        let file = open_to_append(path).map_err(failed)?;
        let journal = Self { path: path.to_owned(), file };
        let (records, damaged) = match decode(&fs::read(path).map_err(failed)?, kind) {
            Err(e) if e.kind() == ErrorKind::Damaged => {
                let aside = beside(path, ".damaged");
                tracing::warn!(path = %path.display(), aside = %aside.display(), "a journal is damaged and was set aside");
                fs::rename(path, aside).map_err(failed)?;
                return Self::open(path, kind);
            }
            decoded => decoded.map_err(|e| e.context(path.display()))?,
        };
        if damaged > 0 {
            tracing::warn!(path = %path.display(), damaged, "lines of a journal are damaged, the others are used");
        }
        Ok((journal, records))
    }

    /// What stands in it now.
    #[cfg(feature = "gateway")]
    pub(crate) fn read(&self) -> io::Result<Vec<u8>> {
        fs::read(&self.path)
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn open_to_append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

impl Medium for JournalFile {
    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        self.file.write_all(lines)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn replace(&mut self, lines: &[u8]) -> io::Result<()> {
        let new = beside(&self.path, ".new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(lines)?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()?;
        self.file = open_to_append(&self.path)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: &str = "test 1";

    fn written() -> Vec<u8> {
        let mut lines = Vec::new();
        encode(&KIND, &mut lines);
        (0..5).for_each(|number| encode(&number, &mut lines));
        lines
    }

    #[test]
    fn cut_at_every_byte_it_has_the_whole_records_before() {
        let lines = written();
        for cut in 0..=lines.len() {
            let whole = lines[..cut].split(|byte| *byte == b'\n').count();
            let Ok((records, damaged)) = decode::<u64>(&lines[..cut], KIND) else {
                assert_eq!(whole, 1, "cut at {cut}: only the head may be missing");
                continue;
            };
            // A line whose end alone is missing is whole.
            assert!(records.len() + 2 >= whole && damaged <= 1, "cut at {cut}: {records:?}");
            assert!(records.iter().copied().eq(0..records.len() as u64), "cut at {cut}: {records:?}");
        }
    }

    #[test]
    fn a_flipped_bit_costs_its_own_line_at_most_two() {
        let lines = written();
        let head = lines.iter().position(|byte| *byte == b'\n').unwrap();
        for byte in head + 1..lines.len() - 1 {
            for bit in 0..8 {
                let mut lines = lines.clone();
                lines[byte] ^= 1 << bit;
                let (records, damaged) = decode::<u64>(&lines, KIND).unwrap();
                // The digits of a checksum may be large or small letters.
                let whole = damaged == 0 && records == [0, 1, 2, 3, 4];
                assert!(whole || records.len() >= 3 && damaged >= 1, "byte {byte} bit {bit}: {records:?}");
                assert!(records.iter().all(|record| *record < 5));
            }
        }
    }

    #[test]
    fn another_journal_or_a_later_version_is_refused_and_never_emptied() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/journal");
        let (mut journal, empty) = JournalFile::open::<u64>(&path, KIND).unwrap();
        assert!(empty.is_empty());
        journal.replace(&written()).unwrap();
        let mut more = Vec::new();
        encode(&5, &mut more);
        journal.append(&more).unwrap();
        journal.sync().unwrap();
        let (_, records) = JournalFile::open::<u64>(&path, KIND).unwrap();
        assert_eq!(records, [0, 1, 2, 3, 4, 5]);
        let before = fs::read(&path).unwrap();
        assert_eq!(JournalFile::open::<u64>(&path, "test 2").unwrap_err().kind(), ErrorKind::Unsupported);
        assert_eq!(fs::read(&path).unwrap(), before);
        fs::write(&path, b"noise").unwrap();
        let (_, records) = JournalFile::open::<u64>(&path, KIND).unwrap();
        assert!(records.is_empty());
        assert_eq!(fs::read(folder.path().join("deep/journal.damaged")).unwrap(), b"noise");
    }
}
