//! One column of a sealed chunk: which rows have a value, and the values, in the cheapest form that gives back every bit.
//!
//! S10: what is published was decoded and compared with what went in. NaN and infinities never pass through a scaler: they
//! are exceptions, kept beside it by their bits.

use super::pack::{PAGE_ROWS, pack, unpack};
use super::summary::Summary;
use super::wire::{Reader, damaged, put_varint};
use crate::error::Result;

/// Which rows of a table a column has values in, and the values.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Column {
    pub(super) id: u32,
    pub(super) values: Vec<f64>,
    /// The row of each value, rising; `None` where value `i` is that of row `i`, without a gap.
    pub(super) rows: Option<Vec<u32>>,
}

const CONSTANT: u8 = 0;
const DECIMAL_32: u8 = 1;
const DECIMAL_64: u8 = 2;
const FLOAT: u8 = 3;
const RAW: u8 = 4;

const ALL_ROWS: u8 = 0;
const BITMAP: u8 = 1;
const ROW_LIST: u8 = 2;

/// How many values of each page of a table with `rows` rows are present. Pages are cut by row.
fn page_counts(column_rows: Option<&[u32]>, count: usize, rows: usize) -> Vec<usize> {
    let pages = rows.div_ceil(PAGE_ROWS);
    let Some(at) = column_rows else {
        return (0..pages).map(|page| PAGE_ROWS.min(count - page * PAGE_ROWS)).collect();
    };
    let mut counts = vec![0; pages];
    at.iter().for_each(|row| counts[*row as usize / PAGE_ROWS] += 1);
    counts
}

impl Column {
    /// The column with its page summaries, and the summary of all.
    pub(super) fn encode(&self, rows: usize) -> Result<(Vec<u8>, Summary)> {
        let counts = page_counts(self.rows.as_deref(), self.values.len(), rows);
        let mut out = Vec::new();
        let dense = self.values.len() == rows;
        self.encode_rows(rows, dense, &mut out)?;
        let mut whole = Summary::EMPTY;
        let mut start = 0;
        for count in &counts {
            let page = Summary::of(&self.values[start..start + count]);
            page.write(&mut out);
            whole.merge(&page);
            start += count;
        }
        let filled: Vec<usize> = counts.into_iter().filter(|count| *count > 0).collect();
        encode_values(&self.values, &filled, &mut out)?;
        Ok((out, whole))
    }

    fn encode_rows(&self, rows: usize, dense: bool, out: &mut Vec<u8>) -> Result<()> {
        let Some(at) = self.rows.as_deref().filter(|_| !dense) else {
            out.push(ALL_ROWS);
            return Ok(());
        };
        let mut list = vec![ROW_LIST];
        put_varint(&mut list, at.len() as u64);
        if !at.is_empty() {
            pack(at, &[at.len()], &mut list)?;
        }
        let bitmap_bytes = rows.div_ceil(8);
        if list.len() <= bitmap_bytes {
            out.extend_from_slice(&list);
            return Ok(());
        }
        let mut bits = vec![0u8; bitmap_bytes];
        at.iter().for_each(|row| bits[*row as usize / 8] |= 1 << (row % 8));
        out.push(BITMAP);
        out.extend_from_slice(&bits);
        Ok(())
    }

    /// The inverse of [`encode`](Self::encode) for a table of `rows` rows.
    pub(super) fn decode(id: u32, bytes: &[u8], rows: usize) -> Result<Self> {
        let mut from = Reader::new(bytes);
        let at = decode_rows(&mut from, rows)?;
        let count = at.as_ref().map_or(rows, Vec::len);
        let counts = page_counts(at.as_deref(), count, rows);
        from.bytes(counts.len() * Summary::BYTES)?;
        let filled: Vec<usize> = counts.into_iter().filter(|count| *count > 0).collect();
        let values = decode_values(&mut from, count, &filled)?;
        Ok(Self { id, values, rows: at })
    }
}

fn decode_rows(from: &mut Reader<'_>, rows: usize) -> Result<Option<Vec<u32>>> {
    let at: Vec<u32> = match from.u8()? {
        ALL_ROWS => return Ok(None),
        BITMAP => {
            let bits = from.bytes(rows.div_ceil(8))?;
            (0..rows).filter(|row| bits[row / 8] >> (row % 8) & 1 == 1).map(|row| row as u32).collect()
        }
        ROW_LIST => match from.count(rows)? {
            0 => Vec::new(),
            count => unpack(from, &[count], 0..1)?,
        },
        _ => return Err(damaged("the rows of a column")),
    };
    if at.last().is_some_and(|last| *last as usize >= rows) || !at.is_sorted_by(|a, b| a < b) {
        return Err(damaged("the rows of a column"));
    }
    Ok(Some(at))
}

fn encode_values(values: &[f64], counts: &[usize], out: &mut Vec<u8>) -> Result<()> {
    if let Some(first) = values.first().filter(|first| values.iter().all(|v| v.to_bits() == first.to_bits())) {
        out.push(CONSTANT);
        out.extend_from_slice(&first.to_bits().to_le_bytes());
        return Ok(());
    }
    let start = out.len();
    if !values.is_empty() {
        match Decimal::of(values) {
            Some(decimal) => decimal.encode(counts, out)?,
            None => {
                out.push(FLOAT);
                pack(values, counts, out)?;
            }
        }
        let small = out.len() - start < 8 * values.len();
        if small && decode_values(&mut Reader::new(&out[start..]), values.len(), counts).is_ok_and(|d| same(&d, values)) {
            return Ok(());
        }
    }
    out.truncate(start);
    out.push(RAW);
    values.iter().for_each(|value| out.extend_from_slice(&value.to_bits().to_le_bytes()));
    Ok(())
}

fn same(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}

fn decode_values(from: &mut Reader<'_>, count: usize, counts: &[usize]) -> Result<Vec<f64>> {
    let pages = 0..counts.len();
    match from.u8()? {
        CONSTANT => Ok(vec![from.f64()?; count]),
        RAW => (0..count).map(|_| from.f64()).collect(),
        FLOAT => unpack(from, counts, pages),
        tag @ (DECIMAL_32 | DECIMAL_64) => {
            let power = *POWERS.get(from.u8()? as usize).ok_or_else(|| damaged("an exponent"))?;
            let exceptions = decode_exceptions(from, count)?;
            let mut values: Vec<f64> = match tag {
                // Dividing by one changes nothing but costs as much as by ten.
                DECIMAL_32 if power == 1.0 => unpack::<i32>(from, counts, pages)?.into_iter().map(f64::from).collect(),
                DECIMAL_32 => unpack::<i32>(from, counts, pages)?.into_iter().map(|n| f64::from(n) / power).collect(),
                _ => unpack::<i64>(from, counts, pages)?.into_iter().map(|n| n as f64 / power).collect(),
            };
            exceptions.into_iter().for_each(|(at, value)| values[at] = value);
            Ok(values)
        }
        _ => Err(damaged("the form of a column")),
    }
}

fn decode_exceptions(from: &mut Reader<'_>, count: usize) -> Result<Vec<(usize, f64)>> {
    let exceptions = from.count(count)?;
    (0..exceptions).map(|_| Ok((from.count(count.saturating_sub(1))?, from.f64()?))).collect()
}

const POWERS: [f64; 10] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

/// Values that are whole multiples of a power of ten, as instruments report them.
struct Decimal {
    exponent: u8,
    whole: Vec<i64>,
    exceptions: Vec<(usize, f64)>,
}

impl Decimal {
    /// None where more than one value in 32 does not come back bit for bit.
    fn of(values: &[f64]) -> Option<Self> {
        let exponent = Self::exponent_of_sample(values)?;
        let power = POWERS[exponent];
        let mut whole = Vec::with_capacity(values.len());
        let mut exceptions = Vec::new();
        let mut before = 0;
        for (at, value) in values.iter().enumerate() {
            match scaled(*value, power) {
                Some(number) => before = number,
                None if exceptions.len() * 32 <= values.len() => exceptions.push((at, *value)),
                None => return None,
            }
            whole.push(before);
        }
        Some(Self { exponent: exponent as u8, whole, exceptions })
    }

    /// The smallest power of ten that fits nearly all of a sample spread over the values.
    fn exponent_of_sample(values: &[f64]) -> Option<usize> {
        let step = values.len().div_ceil(256).max(1);
        let sample: Vec<f64> = values.iter().copied().step_by(step).collect();
        (0..POWERS.len()).find(|e| {
            let misfits = sample.iter().filter(|value| scaled(**value, POWERS[*e]).is_none()).count();
            misfits * 32 <= sample.len()
        })
    }

    fn encode(&self, counts: &[usize], out: &mut Vec<u8>) -> Result<()> {
        let narrow: Option<Vec<i32>> = self.whole.iter().map(|n| i32::try_from(*n).ok()).collect();
        out.push(if narrow.is_some() { DECIMAL_32 } else { DECIMAL_64 });
        out.push(self.exponent);
        put_varint(out, self.exceptions.len() as u64);
        for (at, value) in &self.exceptions {
            put_varint(out, *at as u64);
            out.extend_from_slice(&value.to_bits().to_le_bytes());
        }
        match narrow {
            Some(narrow) => pack(&narrow, counts, out),
            None => pack(&self.whole, counts, out),
        }
    }
}

/// The whole number that divided by `power` gives the value back, bit for bit: not so for NaN, infinities and -0.
#[inline]
fn scaled(value: f64, power: f64) -> Option<i64> {
    /// Adding and subtracting 1.5 * 2^52 rounds to a whole number, for numbers below 2^51.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    const LIMIT: f64 = 2_251_799_813_685_248.0;
    let number = value * power;
    let whole = (number + ROUND) - ROUND;
    ((whole / power).to_bits() == value.to_bits() && whole.abs() < LIMIT).then_some(whole as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(values: Vec<f64>, rows: Option<Vec<u32>>, table: usize) -> usize {
        let column = Column { id: 7, values, rows };
        let (bytes, summary) = column.encode(table).unwrap();
        let back = Column::decode(7, &bytes, table).unwrap();
        assert!(same(&back.values, &column.values));
        assert_eq!(back.rows.is_none(), column.values.len() == table);
        assert_eq!(summary.sum().to_bits(), Summary::of(&column.values).sum().to_bits());
        bytes.len()
    }

    #[test]
    fn every_form_gives_back_every_bit() {
        assert!(round_trip(vec![230.0; 5000], None, 5000) < 200);
        let volts: Vec<f64> = (0..5000).map(|i| f64::from(23_000 + i % 97) / 100.0).collect();
        assert!(round_trip(volts.clone(), None, 5000) < 5300);
        let floats: Vec<f64> = (0..5000).map(|i| f64::from(i).sin()).collect();
        round_trip(floats, None, 5000);
        let mut odd = volts;
        odd[3] = f64::NAN;
        odd[4] = f64::INFINITY;
        odd[5] = -0.0;
        odd[4999] = f64::from_bits(0x7ff0_0000_0000_0001);
        assert!(round_trip(odd, None, 5000) < 5400);
        round_trip((0..3000i64).map(|i| (i << 40) as f64).collect(), None, 3000);
        round_trip((0..100u64).map(|i| f64::from_bits(i.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect(), None, 100);
        round_trip(vec![], Some(vec![]), 10);
        round_trip(vec![1.0], Some(vec![9_999]), 10_000);
        round_trip((0..2500).map(f64::from).collect(), Some((0..2500).map(|i| i * 2).collect()), 5000);
    }

    #[test]
    fn bytes_that_mean_nothing_are_an_error() {
        let column = Column { id: 1, values: (0..100).map(f64::from).collect(), rows: None };
        let (bytes, _) = column.encode(100).unwrap();
        for end in 0..bytes.len() {
            let _ = Column::decode(1, &bytes[..end], 100);
        }
        assert!(Column::decode(1, &[9; 40], 100).is_err());
    }
}
