//! The records of a file, one by one, with their numbers and lines.

use std::io::{BufRead, BufReader, Read};

use csv::ByteRecord;

use super::dialect::Start;
use super::quotes::Quotes;
use crate::error::{Error, Result};
use crate::runtime::import::refused::Refused;
use crate::runtime::import::source::{Opened, Part};

/// Bytes that are read at a time.
const BUFFER: usize = 1 << 18;

/// The records of a file.
pub(super) struct Records {
    reader: csv::Reader<Box<dyn Read + Send>>,
    pub(super) record: ByteRecord,
    delimiter: char,
    /// How many cells a row has.
    width: usize,
    /// Lines before the first that the reader sees.
    skipped: u64,
    /// Lines end in CR LF: the reader says where a record begins before it has passed the LF of the one above.
    ends_in_two: bool,
    /// The number of the next row.
    pub(super) row: u64,
    pub(super) part: Part,
}

impl Records {
    pub(super) fn open(opened: Opened, start: &Start) -> Result<Self> {
        let (plain, part) = opened.unpacked()?;
        let mut plain = BufReader::with_capacity(BUFFER, plain);
        // A header between quotes may span lines: the reader skips it, and the lines before are skipped here.
        for _ in 0..start.dialect.skip {
            plain.skip_until(b'\n').map_err(|e| Error::io("read", e))?;
        }
        let block = plain.fill_buf().map_err(|e| Error::io("read", e))?;
        let ends_in_two = memchr::memchr(b'\n', block).is_some_and(|end| block[..end].ends_with(b"\r"));
        let mut reader = csv::ReaderBuilder::new();
        let delimiter = start.dialect.delimiter;
        let reader = reader.buffer_capacity(BUFFER).has_headers(start.dialect.header).flexible(true);
        let cut = u8::try_from(delimiter).unwrap_or(b',');
        let reader = reader.delimiter(cut);
        let (width, skipped) = (start.names.len(), start.dialect.skip);
        let reader = reader.from_reader(Box::new(Quotes::new(plain, cut, width)) as Box<dyn Read + Send>);
        Ok(Self { reader, record: ByteRecord::new(), delimiter, width, skipped, ends_in_two, row: 0, part })
    }

    pub(super) fn next(&mut self) -> Result<bool> {
        let more = self.reader.read_byte_record(&mut self.record);
        self.row += 1;
        more.map_err(|e| match e.into_kind() {
            csv::ErrorKind::Io(e) => Error::io("read", e),
            other => Error::invalid(format!("{other:?}, expected CSV")),
        })
    }

    /// A row has as many cells as the header; a delimiter too many at its end is none.
    #[inline]
    pub(super) fn check_width(&self) -> Result<()> {
        let (have, width) = (self.record.len(), self.width);
        if have == width || (have > width && self.record.iter().skip(width).all(<[u8]>::is_empty)) {
            return Ok(());
        }
        Err(Error::invalid(format!("{have} cells, expected {width} as in the header")))
    }

    #[cold]
    pub(super) fn refuse(&self, refused: &mut Refused, reason: &Error) -> Result<()> {
        refused.take(self.row - 1, self.line(), &self.text(), reason)
    }

    /// Leaves out one cell of the row.
    #[cold]
    pub(super) fn refuse_cell(&self, refused: &mut Refused, reason: &Error) -> Result<()> {
        refused.take_cell(self.row - 1, self.line(), &self.text(), reason)
    }

    fn line(&self) -> Option<u64> {
        let position = self.record.position()?;
        let passed = self.ends_in_two && position.byte() > 0;
        Some(position.line() + self.skipped + u64::from(passed))
    }

    fn text(&self) -> String {
        let cells: Vec<_> = self.record.iter().map(String::from_utf8_lossy).collect();
        cells.join(&self.delimiter.to_string())
    }
}
