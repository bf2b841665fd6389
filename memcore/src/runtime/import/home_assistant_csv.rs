//! Tables of Home Assistant: states as the history page downloads them, the energy page's amounts, and the statistics that the
//! integration "Import Statistics" (klausj1/homeassistant-statistics) writes and reads.

use std::io::Read;

use csv::StringRecord;

use super::ImportRequest;
use super::document::Value;
use super::gathered::Gathered;
use super::home_assistant::{FIELDS, HomeAssistant, Row, sign};
use super::refused::Refused;
use super::source::{Opened, Part, Source};
use super::understood::{Dialect, Understood};
use crate::error::{Error, Result};
use crate::model::{Span, Timestamp, shorten};
use crate::runtime::frame::Rows;

const DELIMITERS: [u8; 4] = [b'\t', b';', b',', b'|'];

struct Table {
    reader: csv::Reader<Box<dyn Read + Send>>,
    record: StringRecord,
    cells: Cells,
    decimal: u8,
    entities: HomeAssistant,
    understood: Understood,
    row: u64,
    part: Part,
    done: bool,
}

/// What stands where.
#[derive(Debug, Clone)]
enum Cells {
    /// A row an interval of a statistic.
    Statistics { id: usize, unit: Option<usize>, start: usize, fields: [Option<usize>; 6] },
    /// A row a change of a state.
    States { id: usize, state: usize, time: usize },
    /// A row an entity, with a column an interval.
    Amounts { id: usize, kind: usize, unit: usize, times: Vec<(usize, Timestamp)>, cadence: Option<Span> },
}

/// Whether a file starts with the header of one of these tables.
pub(super) fn is(start: &[u8]) -> bool {
    header(start).is_some()
}

/// The header and what cuts it.
fn header(start: &[u8]) -> Option<(Vec<String>, u8)> {
    let line = start.split(|byte| *byte == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?.trim().trim_start_matches('\u{feff}');
    let cut = |delimiter: u8| -> Vec<String> {
        line.split(char::from(delimiter)).map(|name| name.trim().trim_matches('"').to_owned()).collect()
    };
    let known = |names: &[String]| {
        let has = |name: &str| names.iter().any(|known| known == name);
        has("statistic_id") || has("entity_id") && (has("last_changed") && has("state") || has("type") && has("unit"))
    };
    DELIMITERS.iter().map(|delimiter| (cut(*delimiter), *delimiter)).find(|(names, _)| names.len() > 2 && known(names))
}

impl Cells {
    fn new(names: &[String]) -> Result<Self> {
        let at = |name: &str| names.iter().position(|known| known == name);
        let needed = |name: &str| {
            at(name).ok_or_else(|| {
                let have = names.join(",");
                Error::invalid(format!("header is {:?}, expected a column {name} too", shorten(&have)))
            })
        };
        if let Some(id) = at("statistic_id") {
            let start = ["start", "start_ts", "start_time", "datetime"].iter().find_map(|name| at(name));
            let fields = FIELDS.map(|field| at(field).or_else(|| at("change").filter(|_| field == "delta")));
            let unit = at("unit").or_else(|| at("unit_of_measurement"));
            return Ok(Self::Statistics { id, unit, start: start.map_or_else(|| needed("start"), Ok)?, fields });
        }
        let id = needed("entity_id")?;
        if let (Some(state), Some(time)) = (at("state"), at("last_changed")) {
            return Ok(Self::States { id, state, time });
        }
        let (kind, unit) = (needed("type")?, needed("unit")?);
        let others = (0..names.len()).filter(|cell| ![id, kind, unit].contains(cell));
        let times = others.map(|cell| Ok((cell, names[cell].parse()?))).collect::<Result<Vec<(usize, Timestamp)>>>()?;
        let cadence = cadence(&times);
        Ok(Self::Amounts { id, kind, unit, times, cadence })
    }
}

/// The length of the intervals, where they all have one. Hours without any amount have no column: the shortest step counts.
fn cadence(times: &[(usize, Timestamp)]) -> Option<Span> {
    let steps = times.windows(2).map(|pair| pair[1].1.since(pair[0].1).as_micros());
    let shortest = steps.clone().min().filter(|shortest| *shortest > 0)?;
    let even = steps.clone().all(|step| step % shortest == 0) && shortest <= 3_600_000_000;
    even.then(|| Span::from_micros(shortest))
}

pub(super) fn open(opened: Opened, request: &ImportRequest) -> Result<Box<dyn Source>> {
    let mapping = request.effective_mapping();
    let (names, told) = header(&opened.start).ok_or_else(|| Error::invalid("has no header of Home Assistant"))?;
    let delimiter = mapping.file.delimiter.and_then(|delimiter| u8::try_from(delimiter).ok()).unwrap_or(told);
    let cells = Cells::new(&names)?;
    let decimal = match mapping.file.decimal {
        Some(',') => b',',
        Some(_) => b'.',
        None => told_decimal(&opened.start, delimiter),
    };
    let mut entities = HomeAssistant::new(&mapping);
    let start = opened.start.clone();
    let (plain, part) = opened.unpacked()?;
    let builder = |reader: Box<dyn Read + Send>| {
        let mut builder = csv::ReaderBuilder::new();
        builder.delimiter(delimiter).flexible(true).trim(csv::Trim::All).buffer_capacity(1 << 16).from_reader(reader)
    };
    let mut table = Table {
        reader: builder(Box::new(std::io::Cursor::new(start))),
        record: StringRecord::new(),
        cells,
        decimal,
        entities: HomeAssistant::new(&mapping),
        understood: Understood::default(),
        row: 0,
        part,
        done: false,
    };
    table.sample();
    std::mem::swap(&mut table.entities, &mut entities);
    table.understood = entities.understood(table.cells.format());
    let (delimiter, decimal) = (char::from(delimiter), char::from(decimal));
    table.understood.text = Some(Dialect { delimiter, decimal, skip: 0, header: true });
    table.reader = builder(plain);
    table.row = 0;
    Ok(Box::new(table))
}

/// A comma within a cell that is otherwise digits stands before a fraction.
fn told_decimal(start: &[u8], delimiter: u8) -> u8 {
    let is_decimal = |cell: &[u8]| {
        let mut parts = cell.trim_ascii().split(|byte| *byte == b',');
        let digits = |part: Option<&[u8]>| part.is_some_and(|part| !part.is_empty() && part.iter().all(u8::is_ascii_digit));
        let whole = parts.next().map(|part| part.strip_prefix(b"-").unwrap_or(part));
        digits(whole) && digits(parts.next()) && parts.next().is_none()
    };
    let mut cells = start.split(|byte| *byte == b'\n' || *byte == delimiter);
    if delimiter != b',' && cells.any(is_decimal) { b',' } else { b'.' }
}

impl Cells {
    fn format(&self) -> &'static str {
        match self {
            Self::Statistics { .. } => "home assistant statistics",
            Self::States { .. } => "home assistant history",
            Self::Amounts { .. } => "home assistant energy",
        }
    }
}

impl Table {
    /// Reads the first rows to say what they were understood as; they are read again.
    fn sample(&mut self) {
        let mut aside = Gathered::default();
        for _ in 0..1000 {
            match self.reader.read_record(&mut self.record) {
                // What is wrong with a row is said when it is taken.
                Ok(true) => drop(self.take(&mut aside)),
                Ok(false) | Err(_) => return,
            }
        }
    }

    fn take(&mut self, into: &mut Gathered) -> Result<()> {
        let Self { record, cells, decimal, entities, row, .. } = self;
        let cell = |at: usize| record.get(at).unwrap_or_default();
        let number = |name: &str, at: usize| number(name, cell(at), *decimal);
        match cells {
            Cells::Statistics { id, unit, start, fields } => {
                let mut values = [None; 6];
                for ((value, at), name) in values.iter_mut().zip(&*fields).zip(FIELDS) {
                    *value = at.map(|at| number(name, at)).transpose()?.flatten();
                }
                let start = Value::Text(cell(*start).to_owned());
                let row_of = Row { id: cell(*id), unit: unit.map(cell), start, end: None, values };
                entities.statistic(*row, &row_of, into)
            }
            Cells::States { id, state, time } => {
                let at = Value::Text(cell(*time).to_owned());
                entities.state(*row, cell(*id), cell(*state), &at, into)
            }
            // What the page calculated itself belongs to no entity.
            Cells::Amounts { id, .. } if cell(*id).is_empty() => Ok(()),
            Cells::Amounts { id, kind, unit, times, cadence } => {
                let amount = |(at, time): &(usize, Timestamp)| Ok((*time, number(&time.to_string(), *at)?));
                let amounts = times.iter().map(amount).collect::<Result<Vec<_>>>()?;
                entities.amounts(*row, (cell(*id), cell(*unit), sign(cell(*kind))), *cadence, &amounts, into)
            }
        }
    }
}

fn number(name: &str, text: &str, decimal: u8) -> Result<Option<f64>> {
    if text.is_empty() {
        return Ok(None);
    }
    let plain = if decimal == b',' && !text.contains('.') { text.replacen(',', ".", 1) } else { text.to_owned() };
    match plain.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(Some(value)),
        _ => Err(Error::invalid(format!("{name} is {:?}, expected a finite number or an empty cell", shorten(text)))),
    }
}

impl Source for Table {
    fn next(&mut self, refused: &mut Refused) -> Result<Option<Vec<Rows>>> {
        let mut gathered = Gathered::default();
        let before = self.row;
        while !gathered.is_full() && !self.done {
            let read = match self.reader.read_record(&mut self.record) {
                Ok(true) => self.take(&mut gathered),
                Ok(false) => {
                    self.done = true;
                    break;
                }
                Err(e) if e.is_io_error() => return Err(Error::invalid(format!("cannot be read: {e}"))),
                Err(e) => Err(Error::invalid(format!("cannot be read as CSV: {e}"))),
            };
            if let Err(e) = read {
                let line = self.record.position().map(csv::Position::line);
                let text = self.record.iter().collect::<Vec<_>>().join(",");
                refused.take(self.row, line, &text, &e)?;
            }
            self.row += 1;
        }
        Ok((self.row > before).then(|| gathered.rows(self.entities.series())))
    }

    fn part(&self) -> Option<f64> {
        Some(self.part.get())
    }

    fn understood(&self) -> Understood {
        self.understood.clone()
    }
}
