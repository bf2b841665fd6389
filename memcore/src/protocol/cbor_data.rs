//! Data messages in CBOR, decoded straight against the session's channel table: a backlog in typed arrays (RFC 8746) is
//! little more than copied.

use minicbor::Encoder;
use minicbor::data::{Tag, Type};
use minicbor::decode::Decoder;

use super::cbor::frame;
use super::cbor_shape::{Allowed, check, item};
use super::code::Code;
use super::data::{BOOLEAN, Field, Form, Given, TEXT, UNKNOWN, exact, whole};
use super::encoding::ByRow;
use super::message::Rows;
use super::problem::{Problem, Problems, Unreadable};
use super::table::ChannelTable;
use crate::model::{Channel, Timestamp};

/// The typed arrays that are understood: little endian, by their tags (RFC 8746, 2.1).
const INTEGERS_64: u64 = 79;
const FLOATS_32: u64 = 85;
const FLOATS_64: u64 = 86;

const INFINITE: &str = "infinities are no values: send null, or leave the channel out";

/// How deep a channel's values stand in a message.
const VALUES_DEPTH: usize = 2;

/// Decodes one data or live message.
pub(super) fn decode(
    message: &[u8],
    form: Form,
    table: &ChannelTable,
    places: usize,
    problems: &mut Problems,
) -> Result<Rows, Unreadable> {
    let mut reader = Reader { cbor: Decoder::new(message), form, table, places, problems };
    let rows = reader.rows().and_then(|rows| reader.end().map(|()| rows));
    let (sequence, fault) = (reader.form.sequence, reader.form.fault);
    rows.map_err(|problem| match check(message, Allowed::Data) {
        // It was not read, so it has no number that could be settled: its device may send it again (P45).
        Err(shape) if shape.code == Code::BadFrame => (None, shape),
        Err(shape) if shape.code == Code::TooDeep => (sequence, shape),
        _ => (sequence, Problem { code: fault.unwrap_or(problem.code), ..problem }),
    })
}

impl From<minicbor::decode::Error> for Problem {
    fn from(error: minicbor::decode::Error) -> Self {
        Self::new(Code::BadMessage, error.to_string())
    }
}

fn bad(detail: impl Into<String>) -> Problem {
    Problem::new(Code::BadMessage, detail)
}

struct Reader<'a, 'b> {
    cbor: Decoder<'b>,
    form: Form,
    table: &'a ChannelTable,
    problems: &'a mut Problems,
    /// The most places for values.
    places: usize,
}

impl<'b> Reader<'_, 'b> {
    fn rows(&mut self) -> Result<Rows, Problem> {
        let mut rows = Rows::default();
        for _ in 0..self.map()? {
            let name = self.cbor.str()?;
            match self.form.field(name).map_err(bad)? {
                Field::Type => drop(self.cbor.str()?),
                field @ (Field::Seq | Field::FirstSeq) => {
                    let number = self.cbor.u64().map_err(|e| self.named(Code::BadSequence, &e))?;
                    self.form.number(field, number, &mut rows).map_err(bad)?;
                }
                Field::Time => rows.times = vec![self.time()?],
                Field::Times => {
                    rows.times = self.times()?;
                    self.form.fault = None;
                }
                Field::Values => {
                    rows.values.resize(self.table.width(), None);
                    self.values(&mut rows.values)?;
                }
                Field::Columns => {
                    self.form.make_room(&mut rows, self.table, self.places).map_err(bad)?;
                    self.columns(&mut rows.values, rows.times.len())?;
                }
            }
        }
        self.form.complete(&rows).map_err(bad)?;
        Ok(rows)
    }

    /// Nothing may stand behind the message.
    fn end(&self) -> Result<(), Problem> {
        if self.cbor.position() == self.cbor.input().len() { Ok(()) } else { Err(bad("more than one item")) }
    }

    /// A fault in a field whose faults have a code of their own.
    fn named(&mut self, code: Code, error: &minicbor::decode::Error) -> Problem {
        self.form.fault = Some(code);
        bad(error.to_string())
    }

    fn map(&mut self) -> Result<u64, Problem> {
        self.cbor.map()?.ok_or_else(|| bad("a map of indefinite length, expected a definite one"))
    }

    fn array(&mut self) -> Result<usize, Problem> {
        let length = self.cbor.array()?.ok_or_else(|| bad("an array of indefinite length, expected a definite one"))?;
        Ok(usize::try_from(length).unwrap_or(usize::MAX))
    }

    /// The bytes of a typed array of one of those tags, with the tag.
    fn typed(&mut self, tags: &[u64]) -> Result<(u64, &'b [u8]), Problem> {
        let tag = self.cbor.tag()?.as_u64();
        if !tags.contains(&tag) {
            return Err(bad(format!("tag {tag}, expected {tags:?}")));
        }
        Ok((tag, self.cbor.bytes()?))
    }

    fn time(&mut self) -> Result<Timestamp, Problem> {
        self.cbor.i64().map(Timestamp::from_micros).map_err(|e| self.named(Code::BadTime, &e))
    }

    fn times(&mut self) -> Result<Vec<Timestamp>, Problem> {
        self.form.fault = Some(Code::BadTime);
        if self.cbor.datatype()? == Type::Tag {
            let (_, bytes) = self.typed(&[INTEGERS_64])?;
            let (times, rest) = bytes.as_chunks::<8>();
            if !rest.is_empty() {
                return Err(bad(format!("`times_us` has {} bytes, expected 8 each", bytes.len())));
            }
            self.bound(times.len())?;
            return Ok(times.iter().map(|time| Timestamp::from_micros(i64::from_le_bytes(*time))).collect());
        }
        let count = self.array()?;
        self.bound(count)?;
        (0..count).map(|_| self.time()).collect()
    }

    /// More times than there can be places for values are not even read.
    fn bound(&mut self, times: usize) -> Result<(), Problem> {
        if times > self.places {
            self.form.fault = Some(Code::TooLarge);
            return Err(bad(format!("{times} times, expected at most {}", self.places)));
        }
        Ok(())
    }

    fn values(&mut self, values: &mut [Option<f64>]) -> Result<(), Problem> {
        let mut guess = 0;
        for _ in 0..self.map()? {
            let (name, value) = (self.cbor.str()?, self.value()?);
            match (self.table.place(name, guess), value) {
                (Some(place), Ok(value)) => {
                    values[place] = value;
                    guess = place + 1;
                }
                (Some(_), Err(what)) => self.problems.add(Some(name), Code::BadValue, || what.into()),
                (None, _) => self.problems.add(Some(name), Code::UnknownChannel, || UNKNOWN.into()),
            }
        }
        Ok(())
    }

    /// A number or nothing; anything else that is no array and no map is set aside by its type (P19).
    fn value(&mut self) -> Result<Given, Problem> {
        Ok(match self.cbor.datatype()? {
            Type::F16 | Type::F32 | Type::F64 => float(self.cbor.f64()?),
            Type::U8 | Type::U16 | Type::U32 | Type::U64 => whole(self.cbor.u64()?),
            Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::Int => exact(i128::from(self.cbor.int()?)),
            Type::Null => self.cbor.null().map(|()| Ok(None))?,
            Type::Bool => self.cbor.bool().map(|_| Err(BOOLEAN))?,
            Type::String => self.cbor.str().map(|_| Err(TEXT))?,
            other => return Err(bad(format!("{other} in place of a value"))),
        })
    }

    fn columns(&mut self, values: &mut [Option<f64>], rows: usize) -> Result<(), Problem> {
        let mut guess = 0;
        for _ in 0..self.map()? {
            let name = self.cbor.str()?;
            let Some(place) = self.table.place(name, guess) else {
                self.pass_over()?;
                self.problems.add(Some(name), Code::UnknownChannel, || UNKNOWN.into());
                continue;
            };
            guess = place + 1;
            if let Some(what) = self.column(&mut values[place * rows..][..rows])? {
                self.problems.add(Some(name), Code::BadValue, || what.into());
            }
        }
        Ok(())
    }

    fn pass_over(&mut self) -> Result<(), Problem> {
        let begin = self.cbor.position();
        let length = item(&self.cbor.input()[begin..], Allowed::Data, VALUES_DEPTH)?;
        self.cbor.set_position(begin + length);
        Ok(())
    }

    /// One column; the result is the last fault found, if any.
    fn column(&mut self, column: &mut [Option<f64>]) -> Result<Option<&'static str>, Problem> {
        let count = |have| match have == column.len() {
            true => Ok(()),
            false => Err(bad(format!("a column has {have} values, expected {}, one a time", column.len()))),
        };
        if self.cbor.datatype()? == Type::Tag {
            let (tag, bytes) = self.typed(&[FLOATS_64, FLOATS_32])?;
            return if tag == FLOATS_64 {
                let (floats, rest) = bytes.as_chunks::<8>();
                count(floats.len() + rest.len())?;
                Ok(copy(floats.iter().map(|float| f64::from_le_bytes(*float)), column))
            } else {
                let (floats, rest) = bytes.as_chunks::<4>();
                count(floats.len() + rest.len())?;
                Ok(copy(floats.iter().map(|float| f64::from(f32::from_le_bytes(*float))), column))
            };
        }
        count(self.array()?)?;
        let mut bad = None;
        for place in column {
            match self.value()? {
                Ok(value) => *place = value,
                Err(what) => bad = Some(what),
            }
        }
        Ok(bad)
    }
}

/// A float says nothing where it is NaN: typed arrays have no null, and all floats are read alike (P46).
#[inline]
fn float(value: f64) -> Given {
    if value.is_infinite() { Err(INFINITE) } else { Ok(Some(value).filter(|value| !value.is_nan())) }
}

/// Without a branch for each value: this is where a backlog spends its time.
fn copy(floats: impl Iterator<Item = f64>, column: &mut [Option<f64>]) -> Option<&'static str> {
    let mut infinite = false;
    for (place, value) in column.iter_mut().zip(floats) {
        infinite |= value.is_infinite();
        *place = if value.is_finite() { Some(value) } else { None };
    }
    infinite.then_some(INFINITE)
}

type Written = Result<(), minicbor::encode::Error<std::convert::Infallible>>;

/// Appends one row with its length, numbered or, without a number, for those who look now; channels without a value are
/// left out.
pub(super) fn encode_row(
    sequence: Option<u64>,
    time: Timestamp,
    channels: &[Channel],
    values: &[Option<f64>],
    out: &mut Vec<u8>,
) {
    let given = || {
        let given = channels.iter().zip(values).filter_map(|(channel, value)| Some((channel, (*value)?)));
        given.filter(|(_, value)| value.is_finite())
    };
    let write = |mut cbor: Encoder<&mut Vec<u8>>| -> Written {
        match sequence {
            Some(sequence) => cbor.map(4)?.str("type")?.str("data")?.str("seq")?.u64(sequence)?,
            None => cbor.map(3)?.str("type")?.str("live")?,
        };
        cbor.str("time_us")?.i64(time.as_micros())?.str("values")?.map(given().count() as u64)?;
        for (channel, value) in given() {
            cbor.str(channel.name.as_str())?;
            match narrow(value) {
                Some(value) => cbor.f32(value)?,
                None => cbor.f64(value)?,
            };
        }
        Ok(())
    };
    frame(out, |cbor| write(cbor).is_ok());
}

/// The same number in half the bytes, where there is one.
fn narrow(value: f64) -> Option<f32> {
    Some(value as f32).filter(|narrow| f64::from(*narrow) == value)
}

/// Appends rows column by column, with their length. Channels without a value in any row are left out.
pub(super) fn encode_rows(rows: &ByRow<'_>, channels: &[Channel], out: &mut Vec<u8>) {
    let (count, given) = (rows.times.len(), rows.given());
    let write = |mut cbor: Encoder<&mut Vec<u8>>| -> Written {
        let (first, last) = rows.numbers;
        cbor.map(5)?.str("type")?.str("data")?.str("seq")?.u64(last)?.str("first_seq")?.u64(first)?;
        cbor.str("times_us")?;
        typed(&mut cbor, INTEGERS_64, 8 * count)?;
        rows.times.iter().for_each(|time| cbor.writer_mut().extend_from_slice(&time.as_micros().to_le_bytes()));
        cbor.str("columns")?.map(given.len() as u64)?;
        for place in &given {
            cbor.str(channels[*place].name.as_str())?;
            write_column(&mut cbor, rows.column(*place), count)?;
        }
        Ok(())
    };
    frame(out, |cbor| write(cbor).is_ok());
}

/// The head of a typed array of so many bytes.
fn typed(cbor: &mut Encoder<&mut Vec<u8>>, tag: u64, bytes: usize) -> Written {
    cbor.tag(Tag::new(tag))?.bytes_len(bytes as u64).map(drop)
}

/// One column in the narrowest floats that hold its values exactly; what is absent is NaN.
fn write_column(
    cbor: &mut Encoder<&mut Vec<u8>>,
    column: impl Iterator<Item = Option<f64>> + Clone,
    count: usize,
) -> Written {
    let all_narrow = column.clone().flatten().all(|value| narrow(value).is_some());
    let column = column.map(|value| value.unwrap_or(f64::NAN));
    if all_narrow {
        typed(cbor, FLOATS_32, 4 * count)?;
        column.for_each(|value| cbor.writer_mut().extend_from_slice(&(value as f32).to_le_bytes()));
    } else {
        typed(cbor, FLOATS_64, 8 * count)?;
        column.for_each(|value| cbor.writer_mut().extend_from_slice(&value.to_le_bytes()));
    }
    Ok(())
}
