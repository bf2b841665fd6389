//! One column of a sealed chunk: which rows have a value, and the values, in the cheapest form that gives back every bit.
//!
//! S10: what is published was decoded and compared with what went in. NaN and infinities never pass through a scaler: they
//! are exceptions, kept beside it by their bits.

use std::ops::Range;
use std::sync::Arc;

use super::disk::DiskFile;
use super::pack::{self, Packed, RawPages, Unpacker, pack};
use super::pages::{Page, PageWriter, read_pages};
use super::wire::{Reader, damaged, put_varint};
use crate::energy::{POWERS, Summary, Whole, scaled_exactly};
use crate::error::Result;

/// Which rows of a table a column has values in, and the values.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Column {
    pub(super) id: u32,
    pub(super) values: Vec<f64>,
    /// The row of each value, rising; `None` where value `i` is that of row `i`, without a gap.
    pub(super) rows: Option<Vec<u32>>,
}

/// How the values of a column are stored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Form {
    /// Whole numbers of at most 32 bits, to be divided by ten to the exponent.
    Decimal32(u8),
    /// Of at most 64 bits.
    Decimal64(u8),
    Float,
    Raw,
}

impl Form {
    pub(super) fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Decimal32(exponent) => out.extend_from_slice(&[1, exponent]),
            Self::Decimal64(exponent) => out.extend_from_slice(&[2, exponent]),
            Self::Float => out.extend_from_slice(&[3, 0]),
            Self::Raw => out.extend_from_slice(&[4, 0]),
        }
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self> {
        match (from.u8()?, from.u8()?) {
            (1, exponent @ 0..=9) => Ok(Self::Decimal32(exponent)),
            (2, exponent @ 0..=9) => Ok(Self::Decimal64(exponent)),
            (3, 0) => Ok(Self::Float),
            (4, 0) => Ok(Self::Raw),
            _ => Err(damaged("the form of a column")),
        }
    }

    fn exponent(self) -> Option<u8> {
        match self {
            Self::Decimal32(exponent) | Self::Decimal64(exponent) => Some(exponent),
            Self::Float | Self::Raw => None,
        }
    }
}

/// A column as it is stored: what is known of its pages, what is needed to decode them, and they themselves.
#[derive(Debug)]
pub(super) struct Encoded {
    pub(super) form: Form,
    pub(super) summary: Summary,
    pub(super) pages: Vec<u8>,
    pub(super) head: Vec<u8>,
    pub(super) body: Vec<u8>,
}

impl Column {
    /// The column in pages with those rows.
    pub(super) fn encode(&self, cuts: &[Range<usize>]) -> Result<Encoded> {
        let pages = self.pages(cuts);
        if let Some(decimal) = Decimal::of(&self.values) {
            let encoded = decimal.encode(&self.values, &pages)?;
            if self.is_given_back(&encoded, &pages) {
                return Ok(encoded);
            }
        }
        let (values, counts) = stored(&self.values, &pages);
        for form in [Form::Float, Form::Raw] {
            let Packed { head, body } = match form {
                Form::Float if !values.is_empty() => pack(&values, &counts)?,
                _ => pack::raw(&values, &counts),
            };
            let form = if values.is_empty() { Form::Raw } else { form };
            let (summary, written) = write_pages(&pages, |_| None);
            let encoded = Encoded { form, summary, pages: written, head, body };
            let small = form == Form::Raw || encoded.head.len() + encoded.body.len() < 8 * values.len();
            if small && self.is_given_back(&encoded, &pages) {
                return Ok(encoded);
            }
        }
        Err(damaged("a column that was just compressed"))
    }

    /// What is known of each page, and which of them have to be stored.
    fn pages(&self, cuts: &[Range<usize>]) -> Vec<Page> {
        let (mut place, mut stored, mut start) = (0, 0, 0);
        let page = |rows: &Range<usize>| {
            let (count, present) = self.present(rows, place);
            let values = &self.values[place..place + count];
            place += count;
            let first = values.first().copied().filter(|first| !first.is_nan());
            let constant = first.is_some_and(|first| values.iter().all(|value| value.to_bits() == first.to_bits()));
            let summary = match first.filter(|_| constant) {
                Some(value) => Summary::repeated(value, count as u64),
                None => Summary::of(values),
            };
            let page = Page { rows: rows.clone(), present, constant, summary, stored, start };
            if page.is_stored() {
                stored += 1;
                start += count;
            }
            page
        };
        cuts.iter().map(page).collect()
    }

    /// How many values there are in those rows, and which rows have one if not all; `place` is that of the first.
    fn present(&self, rows: &Range<usize>, place: usize) -> (usize, Option<Vec<u16>>) {
        let Some(at) = &self.rows else {
            let count = rows.end.min(self.values.len()) - rows.start.min(self.values.len());
            return (count, (count < rows.len()).then(|| (0..count as u16).collect()));
        };
        let count = at[place..].partition_point(|row| (*row as usize) < rows.end);
        let present = || at[place..place + count].iter().map(|row| (*row as usize - rows.start) as u16).collect();
        (count, (count < rows.len()).then(present))
    }

    /// S10: values, their rows and all summaries, bit for bit.
    fn is_given_back(&self, encoded: &Encoded, pages: &[Page]) -> bool {
        let check = || -> Result<bool> {
            let cuts: Vec<Range<usize>> = pages.iter().map(|page| page.rows.clone()).collect();
            let found = read_pages(&encoded.pages, &cuts, encoded.form.exponent())?;
            let alike = |(a, b): (&Page, &Page)| a.present == b.present && a.summary.same(&b.summary);
            if !found.iter().zip(pages).all(alike) {
                return Ok(false);
            }
            let mut reader = ColumnReader::new(encoded.form, Arc::new(found), 0, encoded.body.len());
            reader.open(&encoded.head)?;
            let (mut back, mut read) = (Vec::with_capacity(self.values.len()), 0);
            for at in 0..pages.len() {
                reader.values(at, &Bytes(&encoded.body), &mut read, &mut back)?;
            }
            Ok(same(&back, &self.values))
        };
        check().unwrap_or(false)
    }
}

fn same(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}

/// The summary of all, and what is written of each page.
fn write_pages(pages: &[Page], whole: impl Fn(usize) -> Option<Whole>) -> (Summary, Vec<u8>) {
    let (mut summary, mut out) = (Summary::EMPTY, Vec::new());
    let mut writer = PageWriter::new(&mut out);
    for (at, page) in pages.iter().enumerate() {
        summary.merge(&page.summary);
        writer.write(page, whole(at).as_ref());
    }
    (summary, out)
}

/// The values of the pages that are stored, and how many each has.
fn stored<T: Copy>(values: &[T], pages: &[Page]) -> (Vec<T>, Vec<usize>) {
    let (mut kept, mut counts, mut place) = (Vec::with_capacity(values.len()), Vec::new(), 0);
    for page in pages {
        let count = page.count();
        if page.is_stored() {
            kept.extend_from_slice(&values[place..place + count]);
            counts.push(count);
        }
        place += count;
    }
    (kept, counts)
}

/// Values that are whole multiples of a power of ten, as instruments report them.
struct Decimal {
    exponent: u8,
    whole: Vec<i64>,
    /// Places of values that are none, rising; what stands in `whole` for them means nothing.
    exceptions: Vec<usize>,
}

impl Decimal {
    /// None where more than one value in 32 does not come back bit for bit.
    fn of(values: &[f64]) -> Option<Self> {
        let exponent = Self::exponent_of_sample(values)?;
        let mut whole = Vec::with_capacity(values.len());
        let mut exceptions = Vec::new();
        let mut before = 0;
        for (at, value) in values.iter().enumerate() {
            match scaled_exactly(*value, exponent) {
                Some(number) => before = number,
                None if exceptions.len() * 32 <= values.len() => exceptions.push(at),
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
        (0..POWERS.len()).find(|exponent| {
            let misfits = sample.iter().filter(|value| scaled_exactly(**value, *exponent).is_none()).count();
            misfits * 32 <= sample.len()
        })
    }

    fn encode(&self, values: &[f64], pages: &[Page]) -> Result<Encoded> {
        let mut places = Vec::with_capacity(pages.len());
        let mut place = 0;
        for page in pages {
            places.push(place..place + page.count());
            place += page.count();
        }
        let exact = |range: &Range<usize>| {
            let next = self.exceptions.partition_point(|at| *at < range.start);
            self.exceptions.get(next).is_none_or(|at| *at >= range.end)
        };
        let whole = |page: usize| Some(places[page].clone()).filter(exact).and_then(|range| Whole::of(&self.whole[range]));
        let (summary, written) = write_pages(pages, whole);
        let mut head = Vec::new();
        self.write_exceptions(values, pages, &places, &mut head);
        let (numbers, counts) = stored(&self.whole, pages);
        let narrow: Option<Vec<i32>> = numbers.iter().map(|number| i32::try_from(*number).ok()).collect();
        let form = if narrow.is_some() { Form::Decimal32(self.exponent) } else { Form::Decimal64(self.exponent) };
        let packed = match narrow {
            _ if numbers.is_empty() => Packed::default(),
            Some(narrow) => pack(&narrow, &counts)?,
            None => pack(&numbers, &counts)?,
        };
        head.extend_from_slice(&packed.head);
        Ok(Encoded { form, summary, pages: written, head, body: packed.body })
    }

    /// Each by its distance from the one before among the stored values, and its bits.
    fn write_exceptions(&self, values: &[f64], pages: &[Page], places: &[Range<usize>], out: &mut Vec<u8>) {
        let mut found = Vec::new();
        for at in &self.exceptions {
            let page = places.partition_point(|range| range.end <= *at);
            if pages[page].is_stored() {
                found.push((pages[page].start + at - places[page].start, values[*at]));
            }
        }
        put_varint(out, found.len() as u64);
        let mut before = 0;
        for (place, value) in found {
            put_varint(out, (place - before) as u64);
            out.extend_from_slice(&value.to_bits().to_le_bytes());
            before = place;
        }
    }
}

/// Reads the pages of a stored column.
#[derive(Debug)]
pub(super) struct ColumnReader {
    form: Form,
    pub(super) pages: Arc<Vec<Page>>,
    offset: u64,
    length: usize,
    decoder: Option<Decoder>,
    exceptions: Vec<(usize, f64)>,
}

#[derive(Debug)]
enum Decoder {
    Decimal32(Box<Unpacker<i32>>, Vec<i32>),
    Decimal64(Box<Unpacker<i64>>, Vec<i64>),
    Float(Box<Unpacker<f64>>),
    Raw(RawPages),
    /// No page is stored.
    Nothing,
}

impl ColumnReader {
    /// Of a column whose stored pages lie in `length` bytes from `offset` on.
    pub(super) fn new(form: Form, pages: Arc<Vec<Page>>, offset: u64, length: usize) -> Self {
        Self { form, pages, offset, length, decoder: None, exceptions: Vec::new() }
    }

    /// The pages as the chunk says them.
    pub(super) fn pages_of(form: Form, bytes: &[u8], cuts: &[Range<usize>]) -> Result<Vec<Page>> {
        read_pages(bytes, cuts, form.exponent())
    }

    pub(super) fn is_open(&self) -> bool {
        self.decoder.is_some()
    }

    /// Takes in what is needed to decode pages.
    pub(super) fn open(&mut self, head: &[u8]) -> Result<()> {
        if self.is_open() {
            return Ok(());
        }
        let mut from = Reader::new(head);
        let stored = self.pages.iter().filter(|page| page.is_stored());
        let (count, values) = stored.clone().fold((0, 0), |(pages, values), page| (pages + 1, values + page.count()));
        if self.form.exponent().is_some() {
            self.exceptions = read_exceptions(&mut from, values)?;
        }
        let (offset, length) = (self.offset, self.length);
        self.decoder = Some(match self.form {
            Form::Raw => Decoder::Raw(RawPages::new(&mut from, stored.map(Page::count), offset, length)?),
            _ if count == 0 => Decoder::Nothing,
            Form::Decimal32(_) => {
                Decoder::Decimal32(Box::new(Unpacker::new(&mut from, count, offset, length)?), Vec::new())
            }
            Form::Decimal64(_) => {
                Decoder::Decimal64(Box::new(Unpacker::new(&mut from, count, offset, length)?), Vec::new())
            }
            Form::Float => Decoder::Float(Box::new(Unpacker::new(&mut from, count, offset, length)?)),
        });
        Ok(())
    }

    /// A page that need not be turned into values to sum it; None where some of its values are no decimals. The column is open.
    /// Adds how many bytes are read.
    pub(super) fn whole(&mut self, at: usize, file: &dyn DiskFile, read: &mut u64) -> Result<Option<WholePage<'_>>> {
        let page = &self.pages[at];
        let (count, start) = (page.count(), page.start);
        let next = self.exceptions.partition_point(|(place, _)| *place < start);
        if page.constant {
            return Ok(Some(WholePage::Constant(page.summary.first)));
        }
        if !page.is_stored() || self.exceptions.get(next).is_some_and(|(place, _)| *place < start + count) {
            return Ok(None);
        }
        let exponent = self.form.exponent().unwrap_or(0);
        match self.decoder.as_mut() {
            Some(Decoder::Decimal32(pages, numbers)) => {
                numbers.resize(count, 0);
                pages.page(page.stored, file, read, numbers)?;
                Ok(Some(WholePage::Narrow(numbers, exponent)))
            }
            Some(Decoder::Decimal64(pages, numbers)) => {
                numbers.resize(count, 0);
                pages.page(page.stored, file, read, numbers)?;
                Ok(Some(WholePage::Wide(numbers, exponent)))
            }
            _ => Ok(None),
        }
    }

    /// Appends the values of a page; the column is open. Adds how many bytes are read.
    pub(super) fn values(&mut self, at: usize, file: &dyn DiskFile, read: &mut u64, out: &mut Vec<f64>) -> Result<()> {
        let page = &self.pages[at];
        let (count, start, stored) = (page.count(), page.start, page.stored);
        let begin = out.len();
        if !page.is_stored() {
            out.resize(begin + count, page.summary.first);
            return Ok(());
        }
        let exponent = self.form.exponent().unwrap_or(0);
        match self.decoder.as_mut().ok_or_else(|| damaged("a column that is not open"))? {
            Decoder::Decimal32(pages, numbers) => {
                numbers.resize(count, 0);
                pages.page(stored, file, read, numbers)?;
                WholePage::Narrow(numbers, exponent).values(0..count, out);
            }
            Decoder::Decimal64(pages, numbers) => {
                numbers.resize(count, 0);
                pages.page(stored, file, read, numbers)?;
                WholePage::Wide(numbers, exponent).values(0..count, out);
            }
            Decoder::Float(pages) => {
                out.resize(begin + count, 0.0);
                pages.page(stored, file, read, &mut out[begin..])?;
            }
            Decoder::Raw(pages) => {
                out.resize(begin + count, 0.0);
                pages.page(stored, file, read, &mut out[begin..])?;
            }
            Decoder::Nothing => return Err(damaged("the pages of a column")),
        }
        let from = self.exceptions.partition_point(|(place, _)| *place < start);
        let exceptions = self.exceptions[from..].iter().take_while(|(place, _)| *place < start + count);
        exceptions.for_each(|(place, value)| out[begin + place - start] = *value);
        Ok(())
    }
}

/// A page whose parts can be summed without turning it into values: one value all along, or the whole numbers of a decimal
/// column without exceptions.
#[derive(Debug, Clone, Copy)]
pub(super) enum WholePage<'a> {
    Constant(f64),
    Narrow(&'a [i32], u8),
    Wide(&'a [i64], u8),
}

impl WholePage<'_> {
    /// The summary of some of them; None where there is none.
    pub(super) fn summary(&self, places: Range<usize>) -> Option<Summary> {
        match self {
            Self::Constant(value) => Some(Summary::repeated(*value, places.len() as u64)).filter(|_| !places.is_empty()),
            Self::Narrow(numbers, exponent) => Some(Summary::of_whole(&Whole::of_narrow(&numbers[places])?, *exponent)),
            Self::Wide(numbers, exponent) => Some(Summary::of_whole(&Whole::of(&numbers[places])?, *exponent)),
        }
    }

    /// Appends some of them as values.
    pub(super) fn values(&self, places: Range<usize>, out: &mut Vec<f64>) {
        match self {
            Self::Constant(value) => out.resize(out.len() + places.len(), *value),
            Self::Narrow(numbers, exponent) => {
                let power = POWERS[usize::from(*exponent)];
                out.extend(numbers[places].iter().map(|number| f64::from(*number) / power));
            }
            Self::Wide(numbers, exponent) => {
                let power = POWERS[usize::from(*exponent)];
                out.extend(numbers[places].iter().map(|number| *number as f64 / power));
            }
        }
    }
}

fn read_exceptions(from: &mut Reader<'_>, values: usize) -> Result<Vec<(usize, f64)>> {
    let mut place = 0;
    (0..from.count(values)?)
        .map(|_| {
            place += from.count(values.saturating_sub(place + 1))?;
            Ok((place, from.f64()?))
        })
        .collect()
}

/// Bytes in memory, read as a file is.
#[derive(Debug)]
struct Bytes<'a>(&'a [u8]);

impl DiskFile for Bytes<'_> {
    fn read_at(&self, into: &mut [u8], offset: u64) -> std::io::Result<()> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let from = self.0.get(start..).and_then(|rest| rest.get(..into.len()));
        into.copy_from_slice(from.ok_or(std::io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_at(&self, _: &[u8], _: u64) -> std::io::Result<()> {
        Err(std::io::ErrorKind::Unsupported.into())
    }

    fn sync(&self) -> std::io::Result<()> {
        Ok(())
    }

    fn length(&self) -> std::io::Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn reserve(&self, _: u64, _: bool) -> std::io::Result<()> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
}

#[cfg(test)]
mod tests {
    use super::super::pages::PAGE_ROWS;
    use super::*;

    fn cuts(rows: usize) -> Vec<Range<usize>> {
        (0..rows).step_by(PAGE_ROWS).map(|start| start..(start + PAGE_ROWS).min(rows)).collect()
    }

    /// All bytes of the column; it is compared with what went in when it is encoded.
    fn round_trip(values: Vec<f64>, rows: Option<Vec<u32>>, table: usize) -> (Form, usize) {
        let column = Column { id: 7, values, rows };
        let encoded = column.encode(&cuts(table)).unwrap();
        assert!(column.is_given_back(&encoded, &column.pages(&cuts(table))));
        assert_eq!(encoded.summary.sum().to_bits(), Summary::of(&column.values).sum().to_bits());
        (encoded.form, encoded.pages.len() + encoded.head.len() + encoded.body.len())
    }

    #[test]
    fn every_form_gives_back_every_bit() {
        assert!(round_trip(vec![230.0; 5000], None, 5000).1 < 50);
        let volts: Vec<f64> = (0..5000).map(|i| f64::from(23_000 + i % 97) / 100.0).collect();
        let (form, bytes) = round_trip(volts.clone(), None, 5000);
        assert!(form == Form::Decimal32(2) && bytes < 5300, "{form:?} {bytes}");
        let floats: Vec<f64> = (0..5000).map(|i| f64::from(i).sin()).collect();
        assert_eq!(round_trip(floats, None, 5000).0, Form::Float);
        let mut odd = volts;
        odd[3] = f64::NAN;
        odd[4] = f64::INFINITY;
        odd[5] = -0.0;
        odd[4999] = f64::from_bits(0x7ff0_0000_0000_0001);
        assert!(round_trip(odd, None, 5000).1 < 5500);
        let large: Vec<f64> = (0..3000i64).map(|i| (i << 39) as f64).collect();
        assert_eq!(round_trip(large, None, 3000).0, Form::Decimal64(0));
        let mixed = |i: u64| (i ^ (i >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let noise = (1..100u64).map(|i| f64::from_bits(mixed(mixed(mixed(i))))).collect();
        assert_eq!(round_trip(noise, None, 99).0, Form::Raw);
        round_trip(vec![], Some(vec![]), 10);
        round_trip(vec![1.0], Some(vec![9_999]), 10_000);
        round_trip((0..2500).map(f64::from).collect(), Some((0..2500).map(|i| i * 2).collect()), 5000);
        round_trip(vec![1.0, 2.0], None, 700);
    }

    #[test]
    fn odd_values_that_never_change_are_not_stored_either() {
        for value in [f64::INFINITY, -0.0, 1.0 / 3.0, 5e-324, f64::MAX] {
            assert!(round_trip(vec![value; 2000], None, 2000).1 < 200, "{value}");
        }
        round_trip(vec![f64::NAN; 2000], None, 2000);
    }

    #[test]
    fn bytes_that_mean_nothing_are_an_error() {
        let column = Column { id: 1, values: (0..100).map(f64::from).collect(), rows: None };
        let encoded = column.encode(&cuts(100)).unwrap();
        let open = |head: &[u8], form| {
            let pages = read_pages(&encoded.pages, &cuts(100), Some(0)).unwrap();
            ColumnReader::new(form, Arc::new(pages), 0, encoded.body.len()).open(head)
        };
        assert!(open(&encoded.head, Form::Decimal32(0)).is_ok());
        for end in 0..encoded.head.len() {
            assert!(open(&encoded.head[..end], Form::Decimal32(0)).is_err(), "{end}");
        }
        assert!(open(&[9; 40], Form::Float).is_err());
        assert!(Form::read(&mut Reader::new(&[1, 10])).is_err() && Form::read(&mut Reader::new(&[9, 0])).is_err());
    }
}
