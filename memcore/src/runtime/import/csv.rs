//! CSV: the long layout that `query` and `export` write, their wide one, and telemetry of a device with columns such as
//! `p_kw`.

use std::collections::HashMap;
use std::io::Read;

use csv::StringRecord;
use jiff::tz::TimeZone;

use super::ImportRequest;
use super::refused::Refused;
use super::source::{Opened, Part, ROWS, Source};
use super::understood::Understood;
use crate::error::{Error, Result};
use crate::model::{Channel, DeviceName, Quantity, SeriesName, Timestamp, Unit, shorten};
use crate::runtime::frame::{self, Cells, FrameOptions, Rows};
use crate::sim::{self, TimeReader};

/// A file of CSV whose header is understood.
struct Csv {
    reader: csv::Reader<Box<dyn Read + Send>>,
    record: StringRecord,
    times: TimeReader,
    layout: Layout,
    part: Part,
    row: u64,
    done: bool,
}

/// What stands where.
enum Layout {
    Long { time: usize, series: usize, value: usize, unit: Option<usize>, quantity: Option<usize>, options: FrameOptions },
    Wide { time: usize, columns: Vec<WideColumn>, own: bool },
}

struct WideColumn {
    cell: usize,
    title: String,
    series: SeriesName,
    unit: Option<Unit>,
    description: Option<Channel>,
}

pub(super) fn open(opened: Opened, request: &ImportRequest) -> Result<Box<dyn Source>> {
    let (plain, part) = opened.unpacked()?;
    let mut reader = csv::ReaderBuilder::new().buffer_capacity(1 << 16).trim(csv::Trim::All).from_reader(plain);
    let header = reader.headers().map_err(|e| read_error(&e))?;
    let names: Vec<String> = header.iter().map(|name| name.trim_start_matches('\u{feff}').to_owned()).collect();
    let layout = Layout::new(&names, &request.frame)?;
    let zone = match &request.zone {
        None => TimeZone::UTC,
        Some(zone) => TimeZone::get(zone)
            .map_err(|e| Error::invalid(format!("zone is {zone:?}, expected a name such as Europe/Berlin")).caused_by(e))?,
    };
    let times = TimeReader::new(&names[layout.time()], zone);
    Ok(Box::new(Csv { reader, record: StringRecord::new(), times, layout, part, row: 0, done: false }))
}

impl Layout {
    fn new(names: &[String], options: &FrameOptions) -> Result<Self> {
        let at = |name: &str| names.iter().position(|known| known == name);
        let time = at(&options.time).or_else(|| names.iter().position(|name| sim::is_time(name))).ok_or_else(|| {
            let have = names.join(",");
            Error::invalid(format!(
                "header is {:?}, expected a column of times named ts, time, timestamp or epoch",
                shorten(&have)
            ))
        })?;
        if let (Some(series), Some(value)) = (at("series"), at("value")) {
            let options = options.clone();
            return Ok(Self::Long { time, series, value, unit: at("unit"), quantity: at("quantity"), options });
        }
        let others = names.iter().enumerate().filter(|(cell, _)| *cell != time);
        let columns = others.map(|(cell, title)| WideColumn::new(cell, title, options)).collect::<Result<Vec<_>>>()?;
        options.check_units(|name| names.iter().any(|known| known == name), names.iter().map(String::as_str))?;
        for (at, column) in columns.iter().enumerate() {
            if let Some(before) = columns[..at].iter().find(|before| before.series == column.series) {
                let (first, second) = (&before.title, &column.title);
                let message = format!("columns {first:?} and {second:?} are both {}, expected one", column.series);
                return Err(Error::invalid(message));
            }
        }
        let own = columns.iter().all(|column| whole_series(&column.title).is_some());
        Ok(Self::Wide { time, columns, own })
    }

    fn time(&self) -> usize {
        match self {
            Self::Long { time, .. } | Self::Wide { time, .. } => *time,
        }
    }
}

/// `home1.pv.power [W]`, or `home1.battery.soc [1 state_of_charge]`, in what an export wrote.
fn whole_series(title: &str) -> Option<SeriesName> {
    title.split(" [").next()?.parse().ok()
}

impl WideColumn {
    fn new(cell: usize, title: &str, options: &FrameOptions) -> Result<Self> {
        let named = |e: Error| e.context(format_args!("column {:?}", shorten(title)));
        let (name, brackets) = match title.strip_suffix(']').and_then(|text| text.split_once(" [")) {
            Some((name, inside)) => (name, Some(inside)),
            None => (title, None),
        };
        let (mut unit, mut quantity) = (options.units.get(title).copied().or(options.unit), None);
        if let Some(inside) = brackets {
            let mut words = inside.split(' ');
            unit = Some(words.next().unwrap_or_default().parse().map_err(named)?);
            quantity = words.next().map(str::parse::<Quantity>).transpose().map_err(named)?;
        }
        let (series, description) = match (&options.device, whole_series(title)) {
            (None, Some(series)) => (series, None),
            (Some(device), _) if unit.is_some() => (frame::series_of(name, Some(device))?, None),
            (Some(device), _) => match sim::channel_of_column(title) {
                Ok(channel) => (device.channel(channel.name.clone()), Some(channel)),
                // It says no unit: that which the channel was registered with holds.
                Err(_) => (frame::series_of(name, Some(device))?, None),
            },
            (None, None) => {
                return Err(Error::invalid(format!("column {:?} without a device, expected --device", shorten(title))));
            }
        };
        let description = match (quantity, unit) {
            (Some(quantity), Some(unit)) => Some(
                Channel::of(series.channel.as_str(), quantity, unit).and_then(|channel| channel.build()).map_err(named)?,
            ),
            _ => description,
        };
        let unit = unit.or(description.as_ref().map(|channel| channel.unit));
        Ok(Self { cell, title: title.to_owned(), series, unit, description })
    }
}

impl Source for Csv {
    fn next(&mut self, refused: &mut Refused) -> Result<Option<Vec<Rows>>> {
        let mut gathered = Gathered::new(&self.layout);
        while !self.done && gathered.times.len() < ROWS {
            let number = self.row;
            self.row += 1;
            match self.read_row(number, &mut gathered) {
                Ok(true) => {}
                Ok(false) => self.done = true,
                Err(e) => {
                    let line = self.record.position().map_or(0, csv::Position::line);
                    let text: Vec<&str> = self.record.iter().collect();
                    refused.take(number, Some(line), &text.join(","), &e)?;
                }
            }
        }
        if gathered.times.is_empty() && self.done {
            return Ok(None);
        }
        gathered.rows(&self.layout).map(Some)
    }

    fn part(&self) -> Option<f64> {
        Some(self.part.get())
    }

    fn understood(&self) -> Understood {
        Understood { format: "csv".into(), ..Understood::default() }
    }

    fn is_stored_form(&self) -> bool {
        matches!(self.layout, Layout::Long { .. } | Layout::Wide { own: true, .. })
    }
}

impl Csv {
    fn read_row(&mut self, number: u64, into: &mut Gathered) -> Result<bool> {
        if !self.reader.read_record(&mut self.record).map_err(|e| read_error(&e))? {
            return Ok(false);
        }
        let text = &self.record[self.layout.time()];
        // Outside the calendar an instant is written as its microseconds.
        let beyond = text.strip_suffix("us").and_then(|micros| micros.parse().ok()).map(Timestamp::from_micros);
        let time = beyond.map_or_else(|| self.times.read(text), Ok)?;
        into.push(number, time, &self.layout, &self.record)?;
        Ok(true)
    }
}

/// Rows that are read and not yet given away.
struct Gathered {
    times: Vec<Timestamp>,
    numbers: Vec<u64>,
    /// Of the wide layout, column by column.
    columns: Vec<Vec<Option<f64>>>,
    /// Of the long layout: the series of each row, by its place in the list, and its value.
    places: Vec<(usize, Option<f64>)>,
    series: Vec<LongSeries>,
    by_name: HashMap<String, usize>,
}

struct LongSeries {
    series: SeriesName,
    unit: Option<Unit>,
    unit_text: String,
    description: Option<Channel>,
}

impl Gathered {
    fn new(layout: &Layout) -> Self {
        let columns = match layout {
            Layout::Wide { columns, .. } => columns.iter().map(|_| Vec::new()).collect(),
            Layout::Long { .. } => Vec::new(),
        };
        Self {
            times: Vec::new(),
            numbers: Vec::new(),
            columns,
            places: Vec::new(),
            series: Vec::new(),
            by_name: HashMap::new(),
        }
    }

    fn push(&mut self, place: u64, time: Timestamp, layout: &Layout, record: &StringRecord) -> Result<()> {
        match layout {
            Layout::Wide { columns, own, .. } => {
                let value = |column: &WideColumn| number(&column.title, &record[column.cell], *own);
                let values = columns.iter().map(value).collect::<Result<Vec<_>>>()?;
                self.columns.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
            }
            Layout::Long { series, value, unit, quantity, options, .. } => {
                let value = number("value", &record[*value], true)?;
                let cell = |at: &Option<usize>| at.map_or("", |at| &record[at]);
                let place = self.place(&record[*series], cell(unit), cell(quantity), options)?;
                self.places.push((place, value));
            }
        }
        self.times.push(time);
        self.numbers.push(place);
        Ok(())
    }

    fn place(&mut self, name: &str, unit: &str, quantity: &str, options: &FrameOptions) -> Result<usize> {
        if let Some(place) = self.by_name.get(name) {
            let before = &self.series[*place].unit_text;
            if before != unit {
                let unit = shorten(unit);
                return Err(Error::invalid(format!("unit is {unit:?}, expected {before:?} as above for {name}")));
            }
            return Ok(*place);
        }
        let series: SeriesName = name.parse()?;
        let own: Option<Unit> = if unit.is_empty() { None } else { Some(unit.parse()?) };
        let unit_text = unit.to_owned();
        let unit = options.units.get(name).copied().or(own).or(options.unit);
        let description = match (quantity, unit) {
            ("", _) | (_, None) => None,
            (quantity, Some(unit)) => Some(Channel::of(series.channel.as_str(), quantity.parse()?, unit)?.build()?),
        };
        self.series.push(LongSeries { series, unit, unit_text, description });
        self.by_name.insert(name.to_owned(), self.series.len() - 1);
        Ok(self.series.len() - 1)
    }

    fn rows(self, layout: &Layout) -> Result<Vec<Rows>> {
        match layout {
            Layout::Wide { columns, .. } => Ok(wide(self.times, self.numbers, columns, self.columns)),
            Layout::Long { .. } => {
                let mut rows: Vec<(Vec<Timestamp>, Vec<u64>, Vec<Option<f64>>)> =
                    vec![Default::default(); self.series.len()];
                for ((time, number), (place, value)) in self.times.into_iter().zip(self.numbers).zip(self.places) {
                    rows[place].0.push(time);
                    rows[place].1.push(number);
                    rows[place].2.push(value);
                }
                let of = |(LongSeries { series, unit, description, .. }, (times, numbers, values))| {
                    let SeriesName { device, channel } = series;
                    Rows { device, times, numbers, columns: vec![Cells { channel, unit, description, values }] }
                };
                Ok(self.series.into_iter().zip(rows).map(of).collect())
            }
        }
    }
}

fn wide(times: Vec<Timestamp>, numbers: Vec<u64>, columns: &[WideColumn], values: Vec<Vec<Option<f64>>>) -> Vec<Rows> {
    let mut found: Vec<Rows> = Vec::new();
    for (WideColumn { series, unit, description, .. }, values) in columns.iter().zip(values) {
        let device: &DeviceName = &series.device;
        let cells = Cells { channel: series.channel.clone(), unit: *unit, description: description.clone(), values };
        match found.iter_mut().find(|rows| rows.device == *device) {
            Some(rows) => rows.columns.push(cells),
            None => found.push(Rows {
                device: device.clone(),
                times: times.clone(),
                numbers: numbers.clone(),
                columns: vec![cells],
            }),
        }
    }
    found
}

/// A number, or nothing. What memcore wrote may be any float; elsewhere a NaN may be meant as a gap, so it is refused.
fn number(title: &str, text: &str, own: bool) -> Result<Option<f64>> {
    if text.is_empty() {
        return Ok(None);
    }
    match text.parse::<f64>() {
        Ok(value) if own || value.is_finite() => Ok(Some(value)),
        _ => {
            let text = shorten(text);
            Err(Error::invalid(format!("{title} is {text:?}, expected a finite number or an empty cell")))
        }
    }
}

fn read_error(e: &csv::Error) -> Error {
    let line = e.position().map_or(0, csv::Position::line);
    match e.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            Error::invalid(format!("line {line}: {len} cells, expected {expected_len} as in the header"))
        }
        csv::ErrorKind::Utf8 { .. } => Error::invalid(format!("line {line}: not UTF-8, expected text")),
        other => Error::invalid(format!("line {line}: {other:?}, expected CSV")),
    }
}
