//! JSON: an object a line, or one value that holds them all.

use std::io::{BufRead, BufReader, Read};

use super::ImportRequest;
use super::document::Value;
use super::documents::{self, Documents};
use super::gathered::Gathered;
use super::home_assistant_json;
use super::refused::Refused;
use super::source::{Opened, Part, Source};
use super::understood::Understood;
use crate::error::{Error, Result};
use crate::runtime::frame::Rows;

/// The longest line, and the largest file that is one value.
const BYTES_MAX: u64 = 64 << 20;

struct Json {
    reader: BufReader<Box<dyn Read + Send>>,
    /// Of one value that holds all: its documents, yet to be read.
    whole: Option<std::vec::IntoIter<Value>>,
    documents: Documents,
    stored_form: bool,
    understood: Understood,
    line: Vec<u8>,
    lines: u64,
    row: u64,
    part: Part,
}

/// Whether a file starts as JSON does.
pub(super) fn is(start: &[u8]) -> bool {
    matches!(first_byte(start), Some(b'{' | b'['))
}

fn first_byte(start: &[u8]) -> Option<u8> {
    start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).iter().copied().find(|byte| !byte.is_ascii_whitespace())
}

pub(super) fn open(opened: Opened, request: &ImportRequest) -> Result<Box<dyn Source>> {
    let mapping = request.effective_mapping();
    let mut documents = Documents::new(&mapping)?;
    let is_whole = is_whole(&opened.start);
    let start = opened.start.clone();
    let (plain, part) = opened.unpacked()?;
    let mut reader = BufReader::with_capacity(1 << 16, plain);
    let whole = if is_whole { Some(read_whole(&mut reader)?) } else { None };
    let sample: Vec<Value> = match &whole {
        Some(items) => items.iter().take(100).cloned().collect(),
        None => complete_lines(&start).filter_map(|line| parse(line).ok()).take(100).collect(),
    };
    if let Some(whole) = whole.as_deref().filter(|whole| whole.first().is_some_and(home_assistant_json::is))
        && let Some(source) = home_assistant_json::open(whole, request)?
    {
        return Ok(source);
    }
    let stored_form = sample.first().is_some_and(documents::is_memcore);
    let mut understood = Understood { format: "json".into(), ..Understood::default() };
    documents.sample(&sample, &mut understood);
    let whole = whole.map(Vec::into_iter);
    let line = Vec::new();
    Ok(Box::new(Json { reader, whole, documents, stored_form, understood, line, lines: 0, row: 0, part }))
}

/// Whether the file is one value, over several lines or on a very long one. The first line of others is an object of a few
/// fields, or should be.
fn is_whole(start: &[u8]) -> bool {
    if first_byte(start) == Some(b'[') {
        return true;
    }
    let mut lines = start.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let (Some(first), second) = (lines.next(), lines.next()) else { return false };
    let goes_on = matches!(first.last(), Some(b'{' | b'[' | b',' | b':'));
    match parse(first) {
        Ok(document) => second.is_none() && home_assistant_json::is(&document),
        Err(_) => goes_on || second.is_none(),
    }
}

fn complete_lines(start: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = start.split_inclusive(|byte| *byte == b'\n');
    lines.filter(|line| line.ends_with(b"\n") || line.ends_with(b"}"))
}

/// All documents of a file that is one value: the items of a list, or the one that it is.
fn read_whole(reader: &mut impl Read) -> Result<Vec<Value>> {
    let mut bytes = Vec::new();
    let read = reader.take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|e| Error::io("read", e))?;
    if read as u64 > BYTES_MAX {
        return Err(Error::invalid(format!(
            "is one value of JSON of more than {} MiB, expected an object a line",
            BYTES_MAX >> 20
        )));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let values = serde_json::Deserializer::from_slice(bytes).into_iter();
    let mut values = values.collect::<Result<Vec<Value>, _>>().map_err(|e| unreadable(&e))?;
    let list = values.iter().position(|value| matches!(value, Value::List(_))).filter(|_| values.len() == 1);
    match list.map(|at| values.swap_remove(at)) {
        // A list of lists is one answer, and not as many documents.
        Some(Value::List(items)) if !items.iter().any(|item| matches!(item, Value::List(_))) => Ok(items),
        Some(one) => Ok(vec![one]),
        None => Ok(values),
    }
}

fn parse(bytes: &[u8]) -> Result<Value> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    serde_json::from_slice(bytes).map_err(|e| unreadable(&e))
}

fn unreadable(e: &serde_json::Error) -> Error {
    Error::invalid(format!("cannot be read as JSON: {e}"))
}

impl Json {
    /// The next document, or why it is none; nothing at the end.
    fn document(&mut self) -> Result<Option<Result<Value>>> {
        if let Some(whole) = &mut self.whole {
            return Ok(whole.next().map(Ok));
        }
        loop {
            self.line.clear();
            let mut limited = (&mut self.reader).take(BYTES_MAX);
            let read = limited.read_until(b'\n', &mut self.line).map_err(|e| Error::io("read", e))?;
            if read == 0 {
                return Ok(None);
            }
            self.lines += 1;
            if !self.line.ends_with(b"\n") && read as u64 == BYTES_MAX {
                self.reader.skip_until(b'\n').map_err(|e| Error::io("read", e))?;
                self.line.clear();
                return Ok(Some(Err(Error::invalid(format!("a line of more than {} MiB", BYTES_MAX >> 20)))));
            }
            if !self.line.trim_ascii().is_empty() {
                return Ok(Some(parse(&self.line)));
            }
        }
    }

    fn refuse(&self, document: Option<&Value>, reason: &Error, refused: &mut Refused) -> Result<()> {
        let text = match document.filter(|_| self.whole.is_some()) {
            Some(document) => document.to_json(),
            None => String::from_utf8_lossy(self.line.trim_ascii()).into_owned(),
        };
        refused.take(self.row, Some(self.lines).filter(|_| self.whole.is_none()), &text, reason)
    }
}

impl Source for Json {
    fn next(&mut self, refused: &mut Refused) -> Result<Option<Vec<Rows>>> {
        let mut gathered = Gathered::default();
        let before = self.row;
        while !gathered.is_full() {
            let Some(document) = self.document()? else { break };
            match document {
                Ok(document) => {
                    if let Err(e) = self.documents.take(self.row, &document, &mut gathered) {
                        self.refuse(Some(&document), &e, refused)?;
                    }
                }
                Err(e) => self.refuse(None, &e, refused)?,
            }
            self.row += 1;
        }
        if self.row == before {
            return Ok(None);
        }
        Ok(Some(gathered.rows(self.documents.series())))
    }

    fn part(&self) -> Option<f64> {
        Some(self.part.get())
    }

    fn is_stored_form(&self) -> bool {
        self.stored_form
    }

    fn understood(&self) -> Understood {
        self.understood.clone()
    }
}
