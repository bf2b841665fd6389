//! What all encodings of a data message share: its fields, their order, and the numbers that it may hold.

use super::code::Code;
use super::message::Rows;
use super::problem::shorten;
use super::table::ChannelTable;
use crate::model::ALL_ONES;

/// The largest integer that every JSON implementation keeps exactly: 2^53 - 1.
const SEQUENCE_MAX: u64 = (1 << 53) - 1;

/// Such as 2^53 + 1 (P17).
const INEXACT: &str = "an integer that 64-bit floating point does not hold exactly";

pub(super) const BOOLEAN: &str = "true and false are no numbers, expected 1 or 0";
pub(super) const TEXT: &str = "text is no number";
pub(super) const UNKNOWN: &str = "not described in hello or channels";

/// A field of a data or live message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Type,
    Seq,
    FirstSeq,
    Time,
    Values,
    Times,
    Columns,
}

const FIELDS: [(&str, Field); 7] = [
    ("type", Field::Type),
    ("seq", Field::Seq),
    ("time_us", Field::Time),
    ("values", Field::Values),
    ("times_us", Field::Times),
    ("columns", Field::Columns),
    ("first_seq", Field::FirstSeq),
];

const fn bit(field: Field) -> u8 {
    1 << field as u8
}

const ROW: u8 = bit(Field::Time) | bit(Field::Values);
const COLUMNS: u8 = bit(Field::Times) | bit(Field::Columns);

/// Reads along with a message: which fields it had, and what a fault in it is called.
#[derive(Debug, Default)]
pub(super) struct Form {
    /// Whether it is a row for those who look now: it has no number and no columns.
    live: bool,
    seen: u8,
    /// The number, as soon as it was read.
    pub(super) sequence: Option<u64>,
    /// What a fault is called where the encoding's own words do not tell.
    pub(super) fault: Option<Code>,
}

impl Form {
    pub(super) fn new(live: bool) -> Self {
        Self { live, ..Self::default() }
    }

    /// The field of that name, met for the first time.
    pub(super) fn field(&mut self, name: &str) -> Result<Field, String> {
        let mut known = FIELDS.iter().filter(|(_, field)| !self.live || bit(*field) & (ROW | bit(Field::Type)) != 0);
        let Some((_, field)) = known.find(|(known, _)| *known == name) else {
            self.fault = Some(Code::UnknownField);
            return Err(format!("unknown field `{}`", shorten(name)));
        };
        if self.seen & bit(*field) != 0 {
            return Err(format!("`{name}` stands twice"));
        }
        self.seen |= bit(*field);
        Ok(*field)
    }

    /// Takes the number of the message, or of its first row: 1 to 2^53 - 1 (P20).
    pub(super) fn number(&mut self, field: Field, number: u64, rows: &mut Rows) -> Result<(), String> {
        let name = if field == Field::Seq { "seq" } else { "first_seq" };
        if number == 0 || number > SEQUENCE_MAX {
            self.fault = Some(Code::BadSequence);
            return Err(format!("`{name}` is {number}, expected 1 to 2^53 - 1"));
        }
        if field == Field::Seq {
            (rows.sequence, self.sequence) = (number, Some(number));
        } else {
            rows.first = Some(number);
        }
        Ok(())
    }

    /// Makes room for columns, where their number of rows is one to make room for (P16).
    pub(super) fn make_room(&mut self, rows: &mut Rows, table: &ChannelTable, most: usize) -> Result<(), String> {
        let (times, width) = (rows.times.len(), table.width());
        if times == 0 {
            return Err("`times_us` must stand before `columns` and not be empty".into());
        }
        if times.saturating_mul(width.max(1)) > most {
            self.fault = Some(Code::TooLarge);
            return Err(format!("{times} rows of {width} channels, expected rows times channels to be at most {most}"));
        }
        rows.values.resize(times * width, None);
        Ok(())
    }

    /// Whether all fields of one form were there, and none of another (P16, P44).
    pub(super) fn complete(&mut self, rows: &Rows) -> Result<(), String> {
        let form = self.seen & (ROW | COLUMNS);
        if self.live {
            let what = "a live message needs `time_us` and `values`";
            return if form == ROW { Ok(()) } else { Err(what.into()) };
        }
        if self.sequence.is_none() {
            self.fault = Some(Code::BadSequence);
            return Err("`seq` is missing, expected 1 to 2^53 - 1".into());
        }
        if form != ROW && form != COLUMNS {
            return Err("a data message needs `time_us` and `values`, or `times_us` and `columns`".into());
        }
        self.fits(rows, form)
    }

    /// Whether there is one row for each number from `first_seq` to `seq` (P44).
    fn fits(&mut self, rows: &Rows, form: u8) -> Result<(), String> {
        let Some(first) = rows.first else { return Ok(()) };
        if form != COLUMNS {
            return Err("`first_seq` numbers the rows of `columns`, expected it together with them".into());
        }
        let (last, count) = (rows.sequence, rows.times.len());
        if (last + 1).checked_sub(first) != Some(count as u64) {
            self.fault = Some(Code::BadSequence);
            return Err(format!("{count} rows from `first_seq` {first} to `seq` {last}, expected one each"));
        }
        Ok(())
    }
}

/// What a value in a message says: a number, nothing, or what it is instead of one.
pub(super) type Given = Result<Option<f64>, &'static str>;

/// An integer of a message as the number that it is (P17).
#[inline]
pub(super) fn whole(value: u64) -> Given {
    // All ones are no number but a register's "not implemented" (P42), and become the float that says so.
    if value == u64::MAX {
        return Ok(Some(ALL_ONES));
    }
    if value <= SEQUENCE_MAX { Ok(Some(value as f64)) } else { exact(i128::from(value)) }
}

/// A negative integer as the number that it is (P17).
#[inline]
pub(super) fn negative(value: i64) -> Given {
    exact(i128::from(value))
}

/// As a wide integer, because the largest narrow ones saturate.
#[inline]
pub(super) fn exact(value: i128) -> Given {
    let number = value as f64;
    if number as i128 == value { Ok(Some(number)) } else { Err(INEXACT) }
}
