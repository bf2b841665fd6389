//! Rows that a file has and history does not get: counted, the first of them kept, all of them written to a side file.

use std::fs::File;
use std::io::{BufWriter, Read};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::{Error, Result};

/// Refused rows that are kept to be told; the side file has all of them.
pub(crate) const KEPT: usize = 100;

/// Characters of a row that are kept of its text.
const TEXT_MAX: usize = 4_096;

/// A row, or one cell of it, that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RefusedRow {
    /// The number of the row in the file; the first row of data is 0.
    pub row: u64,
    /// The line, where the file has lines; the first is 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// Why, naming the column, the value and what was expected.
    pub reason: String,
    /// The row as it stands in the file.
    pub text: String,
}

/// Takes refused rows as a file is read. Memory is bounded: the first hundred are kept, the others only counted.
pub(crate) struct Refused {
    strict: bool,
    count: u64,
    whole: u64,
    cells: u64,
    first: Vec<RefusedRow>,
    /// Where all of them go; opened with the first.
    path: Option<PathBuf>,
    side: Option<csv::Writer<BufWriter<File>>>,
    last_row: Option<u64>,
}

impl Refused {
    /// Writes them to that file, if there is one. When `strict`, the first refused row is an error.
    pub(crate) fn new(path: Option<PathBuf>, strict: bool) -> Self {
        Self { strict, count: 0, whole: 0, cells: 0, first: Vec::new(), path, side: None, last_row: None }
    }

    /// Leaves out a row, with the reason.
    ///
    /// # Errors
    /// The reason, naming the line (or the row), when strict; [`Io`](crate::ErrorKind::Io) where the side file cannot be
    /// written.
    pub(crate) fn take(&mut self, row: u64, line: Option<u64>, text: &str, reason: &Error) -> Result<()> {
        self.whole += 1;
        self.leave_out(row, line, text, reason)
    }

    /// Leaves out one cell of a row, which is given on as an empty one.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub(crate) fn take_cell(&mut self, row: u64, line: Option<u64>, text: &str, reason: &Error) -> Result<()> {
        self.cells += 1;
        self.leave_out(row, line, text, reason)
    }

    fn leave_out(&mut self, row: u64, line: Option<u64>, text: &str, reason: &Error) -> Result<()> {
        if self.strict {
            let at = line.map_or_else(|| format!("row {row}"), |line| format!("line {line}"));
            return Err(Error::new(reason.kind(), format!("{at}: {}", reason.message())));
        }
        // Several bad cells are one row.
        if self.last_row.replace(row) != Some(row) {
            self.count += 1;
        }
        let text = text.char_indices().nth(TEXT_MAX).map_or(text, |(end, _)| &text[..end]);
        let refused = RefusedRow { row, line, reason: reason.message().to_owned(), text: text.to_owned() };
        self.write(&refused)?;
        if self.first.len() < KEPT {
            self.first.push(refused);
        }
        Ok(())
    }

    fn write(&mut self, refused: &RefusedRow) -> Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let failed = |e: std::io::Error| {
            let path = path.display();
            Error::io(format!("write refused rows to {path} (another place can be given for them)"), e)
        };
        let side = match &mut self.side {
            Some(side) => side,
            None => self.side.insert(begin(path).map_err(failed)?),
        };
        let line = refused.line.map_or_else(String::new, |line| line.to_string());
        let record = [&refused.row.to_string(), &line, &refused.reason, &refused.text];
        side.write_record(record).map_err(|e| failed(e.into()))
    }

    /// Ends the side file. What an earlier run of the same import left there is gone when this one refused nothing.
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io) where the side file cannot be written.
    pub(crate) fn finish(mut self) -> Result<RefusedRows> {
        let path = self.path.take();
        if let (Some(side), Some(path)) = (&mut self.side, &path) {
            side.flush().map_err(|e| Error::io(format!("write refused rows to {}", path.display()), e))?;
        }
        if let (None, Some(path)) = (&self.side, &path)
            && is_side_file(path)
        {
            std::fs::remove_file(path).map_err(|e| Error::io(format!("remove {}", path.display()), e))?;
        }
        let file = path.filter(|_| self.side.is_some());
        Ok(RefusedRows { count: self.count, whole: self.whole, cells: self.cells, first: self.first, file })
    }
}

/// What a side file begins with.
const HEADER: [&str; 4] = ["row", "line", "reason", "text"];

/// Whether an earlier import left it there.
fn is_side_file(path: &Path) -> bool {
    let mut start = Vec::new();
    let header = HEADER.join(",");
    let read = File::open(path).and_then(|file| file.take(header.len() as u64).read_to_end(&mut start));
    read.is_ok() && start == header.as_bytes()
}

fn begin(path: &Path) -> std::io::Result<csv::Writer<BufWriter<File>>> {
    let mut side = csv::Writer::from_writer(BufWriter::new(File::create(path)?));
    side.write_record(HEADER)?;
    Ok(side)
}

/// What was refused of a file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct RefusedRows {
    /// How many rows, in whole or in part.
    pub count: u64,
    /// Those left out in whole; they are none of the rows read.
    pub whole: u64,
    /// Cells left out of rows that were read.
    pub cells: u64,
    /// The first hundred reasons.
    pub first: Vec<RefusedRow>,
    /// Where all of them stand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_refused_rows_are_in_the_side_file_and_the_first_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("house.csv.refused.csv");
        let mut refused = Refused::new(Some(path.clone()), false);
        for row in 0..250 {
            refused.take_cell(row, Some(row + 2), "1,\"x\"", &Error::invalid("power is \"x\"")).unwrap();
            refused.take_cell(row, Some(row + 2), "1,\"x\"", &Error::invalid("voltage is \"y\"")).unwrap();
        }
        let told = refused.finish().unwrap();
        assert_eq!((told.count, told.whole, told.cells), (250, 0, 500));
        assert_eq!((told.first.len(), told.file), (KEPT, Some(path.clone())));
        let text = std::fs::read_to_string(path).unwrap();
        assert_eq!(text.lines().nth(1), Some("0,2,\"power is \"\"x\"\"\",\"1,\"\"x\"\"\""));
        assert_eq!(text.lines().count(), 501);
    }

    #[test]
    fn nothing_refused_makes_no_file_and_a_strict_import_ends_at_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("refused.csv");
        let refused = Refused::new(Some(path.clone()), true).finish().unwrap();
        assert_eq!((refused.count, refused.file, path.exists()), (0, None, false));
        let e = Refused::new(Some(path.clone()), true).take(4, Some(6), "x", &Error::invalid("no")).unwrap_err();
        assert_eq!((e.message(), path.exists()), ("line 6: no", false));
    }
}
