//! What `mongodump` writes: a collection as one BSON document after the other, or an archive of several collections.
//!
//! Sources: the BSON specification, and "The Mongodump archive format specification" of mongo-tools.

use std::io::{BufReader, Read};

use bson::RawDocument;
use bson::raw::{RawBsonRef, RawElement};
use bson::spec::ElementType;

use super::ImportRequest;
use super::document::{DEPTH_MAX, Object, Value};
use super::documents::Documents;
use super::gathered::Gathered;
use super::refused::Refused;
use super::source::{Opened, Part, Source};
use super::understood::Understood;
use crate::error::{Error, Result};
use crate::model::Timestamp;
use crate::runtime::frame::Rows;

/// An archive begins with this, lowest byte first.
const ARCHIVE: [u8; 4] = 0x8199_e26d_u32.to_le_bytes();

/// Ends the list of an archive's collections, and each piece of one.
const TERMINATOR: [u8; 4] = [0xff; 4];

/// The largest document that MongoDB keeps, and what it allows itself beside.
const DOCUMENT_MAX: usize = (16 << 20) + (16 << 10);

/// A document of which only the length is right has five bytes.
const DOCUMENT_MIN: usize = 5;

struct Dump {
    reader: BufReader<Box<dyn Read + Send>>,
    archive: Option<Archive>,
    documents: Documents,
    understood: Understood,
    bytes: Vec<u8>,
    offset: u64,
    row: u64,
    done: bool,
    part: Part,
}

/// Where in an archive the reader is.
#[derive(Debug)]
enum Archive {
    /// Before its first piece: its header and what it says of its collections.
    Prelude,
    /// Before a piece: what comes names its collection.
    Between,
    /// In a piece of that collection.
    Within(String),
}

/// What stands next in a file.
enum Next {
    Document,
    Terminator,
    End,
}

/// Whether a file starts as a dump does: a length that a document may have, and the type of its first field.
pub(super) fn is(start: &[u8]) -> bool {
    if start.starts_with(&ARCHIVE) {
        return true;
    }
    let Some((length, rest)) = start.split_first_chunk().map(|(length, rest)| (length_of(*length), rest)) else {
        return false;
    };
    let Some(length) = length else { return false };
    let ends = start.get(length - 1).is_none_or(|byte| *byte == 0);
    ends && rest.first().is_some_and(|byte| *byte == 0 && length == DOCUMENT_MIN || ElementType::from(*byte).is_some())
}

fn length_of(bytes: [u8; 4]) -> Option<usize> {
    let length = usize::try_from(i32::from_le_bytes(bytes)).ok()?;
    (DOCUMENT_MIN..=DOCUMENT_MAX).contains(&length).then_some(length)
}

pub(super) fn open(opened: Opened, request: &ImportRequest) -> Result<Box<dyn Source>> {
    let is_archive = opened.start.starts_with(&ARCHIVE);
    let mut documents = Documents::new(&request.effective_mapping())?;
    let format = if is_archive { "mongodump archive" } else { "bson" };
    let mut understood = Understood { format: format.into(), ..Understood::default() };
    documents.sample(&sample(&opened.start, is_archive), &mut understood);
    let (plain, part) = opened.unpacked()?;
    let mut reader = BufReader::with_capacity(1 << 16, plain);
    if is_archive {
        reader.read_exact(&mut [0; 4]).map_err(|e| Error::io("read", e))?;
    }
    let archive = is_archive.then_some(Archive::Prelude);
    let (bytes, offset) = (Vec::new(), if is_archive { 4 } else { 0 });
    Ok(Box::new(Dump { reader, archive, documents, understood, bytes, offset, row: 0, done: false, part }))
}

/// The first documents of a dump. Those of an archive come too late to be among its first bytes.
fn sample(start: &[u8], is_archive: bool) -> Vec<Value> {
    let mut rest = if is_archive { &[] } else { start };
    let mut found = Vec::new();
    while let Some(length) = rest.first_chunk().and_then(|length| length_of(*length)).filter(|length| *length <= rest.len())
    {
        let (document, after) = rest.split_at(length);
        found.extend(value(document));
        rest = after;
    }
    found.truncate(100);
    found
}

impl Dump {
    /// Reads the bytes of the next document.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where no document stands there: what follows cannot be told apart.
    fn advance(&mut self) -> Result<Next> {
        let mut length = [0; 4];
        let read = read_full(&mut self.reader, &mut length)?;
        if read == 0 {
            return Ok(Next::End);
        }
        let at = self.offset;
        self.offset += read as u64;
        if self.archive.is_some() && length == TERMINATOR {
            return Ok(Next::Terminator);
        }
        let lost = |what: String| Error::invalid(format!("byte {at}: {what}; what follows cannot be told apart"));
        let wanted = length_of(length).filter(|_| read == 4).ok_or_else(|| {
            let length = i32::from_le_bytes(length);
            lost(format!("a document of {length} bytes, expected {DOCUMENT_MIN} to {DOCUMENT_MAX}"))
        })?;
        self.bytes.clear();
        self.bytes.extend_from_slice(&length);
        let rest = (wanted - 4) as u64;
        let read = (&mut self.reader).take(rest).read_to_end(&mut self.bytes).map_err(|e| Error::io("read", e))? as u64;
        self.offset += read;
        if read < rest {
            return Err(lost(format!("a document of {wanted} bytes, of which {} are there", self.bytes.len())));
        }
        Ok(Next::Document)
    }

    /// Reads up to the next document of a collection; false at the end.
    fn document(&mut self) -> Result<bool> {
        loop {
            let next = self.advance()?;
            match (&mut self.archive, next) {
                (_, Next::End) => return Ok(false),
                (None | Some(Archive::Within(_)), Next::Document) => return Ok(true),
                (Some(Archive::Prelude), Next::Document) | (None, Next::Terminator) => {}
                (Some(archive), Next::Terminator) => *archive = Archive::Between,
                (Some(archive @ Archive::Between), Next::Document) => *archive = Archive::Within(collection(&self.bytes)),
            }
        }
    }

    fn take(&mut self, gathered: &mut Gathered, refused: &mut Refused) -> Result<()> {
        let value = value(&self.bytes);
        let taken = match &value {
            Ok(value) => self.documents.take(self.row, value, gathered),
            Err(e) => Err(Error::invalid(e.message())),
        };
        let Err(e) = taken else { return Ok(()) };
        let text = match &value {
            Ok(value) => value.to_json(),
            Err(_) => format!("{} bytes before byte {}", self.bytes.len(), self.offset),
        };
        let e = match &self.archive {
            Some(Archive::Within(collection)) => e.context(format_args!("collection {collection}")),
            _ => e,
        };
        refused.take(self.row, None, &text, &e)
    }
}

/// As many bytes as there are, up to all.
fn read_full(reader: &mut impl Read, into: &mut [u8]) -> Result<usize> {
    let mut read = 0;
    while read < into.len() {
        match reader.read(&mut into[read..]) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(Error::io("read", e)),
        }
    }
    Ok(read)
}

/// The collection that the header of a piece names.
fn collection(header: &[u8]) -> String {
    let Ok(Value::Object(header)) = value(header) else { return "unknown".into() };
    let text = |name| super::document::field(&header, name).and_then(Value::text).unwrap_or_default();
    format!("{}.{}", text("db"), text("collection"))
}

fn value(document: &[u8]) -> Result<Value> {
    let damaged = |e: bson::error::Error| Error::invalid(format!("cannot be read as BSON: {e}"));
    let document = RawDocument::from_bytes(document).map_err(damaged)?;
    Ok(Value::Object(object(document, 0).map_err(|e| match e {
        Damage::Bson(e) => damaged(e),
        Damage::Depth => Error::invalid(format!("nested more than {DEPTH_MAX} deep")),
    })?))
}

enum Damage {
    Bson(bson::error::Error),
    Depth,
}

impl From<bson::error::Error> for Damage {
    fn from(e: bson::error::Error) -> Self {
        Self::Bson(e)
    }
}

fn object(document: &RawDocument, depth: usize) -> Result<Object, Damage> {
    let mut fields = Object::new();
    for element in document.iter_elements() {
        let element = element?;
        if let Some(value) = element_value(&element, depth)? {
            fields.push((element.key().as_str().to_owned(), value));
        }
    }
    Ok(fields)
}

/// What an element holds; nothing for code, patterns and binary data, in which no measurement is.
fn element_value(element: &RawElement<'_>, depth: usize) -> Result<Option<Value>, Damage> {
    use ElementType as Of;
    let wanted = matches!(
        element.element_type(),
        Of::Double
            | Of::String
            | Of::EmbeddedDocument
            | Of::Array
            | Of::ObjectId
            | Of::Boolean
            | Of::DateTime
            | Of::Null
            | Of::Int32
            | Of::Int64
            | Of::Timestamp
            | Of::Decimal128
            | Of::Symbol
            | Of::Undefined
    );
    if !wanted {
        return Ok(None);
    }
    if depth >= DEPTH_MAX {
        return Err(Damage::Depth);
    }
    Ok(Some(match element.value()? {
        RawBsonRef::Double(value) => Value::Number(value),
        RawBsonRef::Int32(value) => Value::Whole(value.into()),
        RawBsonRef::Int64(value) => Value::Whole(value),
        RawBsonRef::Boolean(value) => Value::Bool(value),
        RawBsonRef::String(text) | RawBsonRef::Symbol(text) => Value::Text(text.to_owned()),
        RawBsonRef::ObjectId(id) => Value::Text(id.to_hex()),
        // Of a decimal, the float that its text reads as: the nearest one.
        RawBsonRef::Decimal128(decimal) => decimal.to_string().parse().map_or(Value::Null, Value::Number),
        RawBsonRef::DateTime(time) => instant(time.timestamp_millis(), 1000),
        RawBsonRef::Timestamp(time) => instant(time.time.into(), 1_000_000),
        RawBsonRef::Document(inner) => Value::Object(object(inner, depth + 1)?),
        RawBsonRef::Array(items) => {
            let items = object(RawDocument::from_bytes(items.as_bytes())?, depth + 1)?;
            Value::List(items.into_iter().map(|(_, item)| item).collect())
        }
        _ => Value::Null,
    }))
}

fn instant(count: i64, micros: i64) -> Value {
    count.checked_mul(micros).map_or(Value::Null, |micros| Value::Time(Timestamp::from_micros(micros)))
}

impl Source for Dump {
    fn next(&mut self, refused: &mut Refused) -> Result<Option<Vec<Rows>>> {
        let mut gathered = Gathered::default();
        let before = self.row;
        while !gathered.is_full() && !self.done {
            match self.document() {
                Ok(true) => self.take(&mut gathered, refused)?,
                Ok(false) => {
                    self.done = true;
                    break;
                }
                Err(e) if e.kind() == crate::error::ErrorKind::Invalid => {
                    self.done = true;
                    refused.take(self.row, None, "", &e)?;
                }
                Err(e) => return Err(e),
            }
            self.row += 1;
        }
        Ok((self.row > before).then(|| gathered.rows(self.documents.series())))
    }

    fn part(&self) -> Option<f64> {
        Some(self.part.get())
    }

    fn understood(&self) -> Understood {
        self.understood.clone()
    }
}
