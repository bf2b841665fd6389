//! The doctor at work: series of the history, and with feature `files` a file that no store has taken yet.

use std::time::Instant;

use super::embedded::Memcore;
use super::progress::Progress;
use crate::doctor::{Examination, Report, Series, examine_told};
use crate::error::Result;
use crate::model::{LabelPosition, Quality, Selection, SignConvention, Timestamp};
use crate::store::{Query, SeriesResult};

impl Memcore {
    /// Examines the selected series from `from` on and before `to`, in base units and passive sign as they are stored: what is
    /// wrong with them, before anyone calculates with it. They are held against each other, so a site is best examined as a
    /// whole. Qualities are no series of their own here: they say which values were not
    /// measured. [`Timestamp::MIN`] and [`Timestamp::MAX`] stand for everything on their side. `progress` is told how far it is,
    /// after each series that is read and each detector; an error of it ends the work.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for options that make no sense, what `progress` returns, else as
    /// [`query`](Self::query).
    pub fn examine(
        &self,
        selection: impl Into<Selection>,
        from: Timestamp,
        to: Timestamp,
        options: &Examination,
        progress: &mut dyn FnMut(&Progress) -> Result<()>,
    ) -> Result<Report> {
        let mut told = Halves::begun(progress);
        let selection = selection.into();
        let mut selected = self.series(selection.clone());
        if selected.is_empty() {
            // A series that is named and is not there is said.
            self.query(&Query::new(selection).limit(1))?;
        }
        selected.retain(|(_, channel)| channel.qualified().is_none());
        let mut results = Vec::with_capacity(selected.len());
        for (at, (series, _)) in selected.iter().enumerate() {
            let result = self.query(&Query::new(series).from(from).to(to).with_quality())?;
            told.reading(result.rows() as u64, Some((at + 1) as f64 / selected.len() as f64))?;
            results.push(result);
        }
        let found = || results.iter().flat_map(|result| result.series());
        let names: Vec<String> = found().map(|series| series.series().to_string()).collect();
        let qualities: Vec<Option<Vec<Quality>>> = found().map(qualities).collect();
        let mut all: Vec<Series<'_>> = Vec::with_capacity(names.len());
        for ((name, quality), found) in names.iter().zip(&qualities).zip(found()) {
            let Some(values) = found.values() else { continue };
            let mut series = Series::new(name, found.times().values(), values.values())?.described_by(found.channel());
            if let Some(quality) = quality {
                series = series.with_quality(quality)?;
            }
            // Stored is what the edge made of it.
            series.unit = Some(found.channel().base_unit());
            series.sign = Some(SignConvention::Passive);
            series.label = Some(LabelPosition::Start);
            series.range = None;
            all.push(series);
        }
        examine_told(&all, options, &mut |part| told.examining(part))
    }
}

/// Says how far an examination is: one half is reading, the other looking at what was read.
struct Halves<'a> {
    hears: &'a mut dyn FnMut(&Progress) -> Result<()>,
    progress: Progress,
    started: Instant,
}

impl<'a> Halves<'a> {
    fn begun(hears: &'a mut dyn FnMut(&Progress) -> Result<()>) -> Self {
        Self { hears, progress: Progress::default(), started: Instant::now() }
    }

    /// So many values more were read, and that part of all.
    fn reading(&mut self, points: u64, part: Option<f64>) -> Result<()> {
        self.progress.points += points;
        self.progress.part = part.map(|part| part / 2.0);
        (self.hears)(&self.progress.at(self.started))
    }

    fn examining(&mut self, part: f64) -> Result<()> {
        self.progress.part = Some(0.5 + part / 2.0);
        (self.hears)(&self.progress.at(self.started))
    }
}

/// How the values of a series came about; none where all were measured.
fn qualities(series: &SeriesResult) -> Option<Vec<Quality>> {
    let told = series.qualities()?;
    let quality = |number: &f64| Quality::of_number(*number).unwrap_or_default();
    let each: Vec<Quality> = told.values().iter().map(quality).collect();
    each.iter().any(|quality| *quality != Quality::Measured).then_some(each)
}

#[cfg(feature = "files")]
pub use of_file::{Examined, examine_file, mapping_of};

#[cfg(feature = "files")]
mod of_file {
    use std::collections::BTreeMap;

    use serde::Serialize;
    use serde_json::Value;

    use super::Halves;
    use crate::doctor::{Declaration, Examination, Report, Series, examine_told};
    use crate::error::{Error, ErrorKind, Result};
    use crate::model::{Channel, ChannelName, DeviceName, Quality, SeriesName, Unit};
    use crate::runtime::frame::Rows;
    use crate::runtime::import::{
        ColumnMapping, ImportRequest, Mapping, Refused, RefusedRows, Source, TimeForm, Understood, open,
    };
    use crate::runtime::progress::Progress;

    /// What was found in a file.
    #[derive(Debug, Clone, PartialEq, Serialize)]
    #[non_exhaustive]
    pub struct Examined {
        /// What the doctor says.
        #[serde(flatten)]
        pub report: Report,
        /// Rows that were read.
        pub rows: u64,
        /// Rows that cannot be read, and why.
        pub refused: RefusedRows,
        /// What was understood of the file.
        pub understood: Understood,
        /// How to read the file: what was understood, and what the doctor says to declare. An import with it reads it right.
        pub mapping: Mapping,
    }

    /// The device of columns that name none. It is left out of all names.
    const NOBODY: &str = "file.columns";

    /// Examines a file without a store: nothing is written, and no device is needed. Local times without a zone are read as
    /// they stand, so that the hours of changing clocks can be seen; the zone of the request or of its mapping tells which
    /// hours these are. `progress` is told how far it is, a half for reading and a half for looking; an error of it ends the work.
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io) where the file cannot be read, [`Invalid`](crate::ErrorKind::Invalid) where it is not
    /// understood or an option makes no sense.
    pub fn examine_file(
        request: &ImportRequest,
        options: &Examination,
        progress: &mut dyn FnMut(&Progress) -> Result<()>,
    ) -> Result<Examined> {
        let named = |e: Error| e.context(request.file.display());
        let mut plain = request.clone();
        let zone = options.zone.clone().or(plain.zone.take()).or(plain.mapping.time.zone.take());
        let (mut source, mut nobody) = opened(&mut plain)?;
        let mut refused = Refused::new(None, false);
        let mut halves = Halves::begun(progress);
        let mut tables = Tables::read(&mut *source, &mut refused, &mut halves).map_err(named)?;
        if tables.tables.is_empty() && plain.frame.device.is_none() {
            // Documents name their device one by one: where none does, they are nobody's.
            let device: DeviceName = NOBODY.parse()?;
            plain.frame.device = Some(device.clone());
            let mut other = open(&plain)?;
            let mut left = Refused::new(None, false);
            let read = Tables::read(&mut *other, &mut left, &mut halves).map_err(named)?;
            if !read.tables.is_empty() {
                (source, nobody, refused, tables) = (other, Some(device), left, read);
            }
        }
        let understood = source.understood();
        let form = understood.time.as_ref().and_then(|time| time.form.parse::<TimeForm>().ok());
        let naive = form.is_some_and(TimeForm::is_local);
        let options = Examination { naive: options.naive || naive, zone, ..options.clone() };

        let declared = source.channels();
        let names: Vec<(SeriesName, String)> = tables
            .series()
            .map(|name| {
                let shown = told(&name, &understood, nobody.as_ref());
                (name, shown)
            })
            .collect();
        let qualities = tables.qualities();
        let all = tables.views(&names, &qualities, &understood, &declared, source.is_stored_form())?;
        let report = examine_told(&all, &options, &mut |part| halves.examining(part))?;
        let mut mapping = understood.complete(plain.effective_mapping());
        mapping.time.zone.clone_from(&options.zone);
        merge(&mut mapping, &report, &names);
        without(&mut mapping, nobody.as_ref());
        Ok(Examined { report, rows: tables.rows, refused: refused.finish()?, understood, mapping })
    }

    /// Opens a file whose columns may belong to nobody.
    fn opened(request: &mut ImportRequest) -> Result<(Box<dyn Source>, Option<DeviceName>)> {
        let first = match open(request) {
            Err(e) if e.kind() == ErrorKind::Invalid && request.frame.device.is_none() => e,
            opened => return opened.map(|source| (source, None)),
        };
        let nobody: DeviceName = NOBODY.parse()?;
        request.frame.device = Some(nobody.clone());
        // What is wrong apart from that is said as of the file itself.
        open(request).map(|source| (source, Some(nobody))).map_err(|_| first)
    }

    /// What people call a series of a file: by the title of its column where that has no device, else by its name.
    fn told(name: &SeriesName, understood: &Understood, nobody: Option<&DeviceName>) -> String {
        if nobody != Some(&name.device) {
            return name.to_string();
        }
        let column = understood.columns.iter().find(|column| column.series.as_ref() == Some(name));
        column.map_or_else(|| name.channel.to_string(), |column| column.column.clone())
    }

    /// Columns that share their rows.
    struct Table {
        times: Vec<i64>,
        numbers: Vec<u64>,
        columns: Vec<Column>,
    }

    struct Column {
        channel: ChannelName,
        unit: Option<Unit>,
        description: Option<Channel>,
        values: Vec<f64>,
    }

    impl Column {
        /// Whether it holds numbers of qualities and nothing else.
        fn is_quality(&self) -> bool {
            let known = |value: &f64| value.is_nan() || Quality::of_number(*value).is_some();
            self.values.iter().all(known)
        }
    }

    /// What stands beside a series.
    enum Beside {
        Nothing,
        /// The qualities of its values.
        Each(Vec<Quality>),
        /// It is itself that of another.
        IsQuality,
    }

    /// The quality of the value at each time, as another column has them at times of its own.
    fn told_of(times: &[i64], told_at: &[i64], told: &[f64]) -> Vec<Quality> {
        let known: BTreeMap<i64, Quality> =
            told_at.iter().zip(told).filter_map(|(time, number)| Some((*time, Quality::of_number(*number)?))).collect();
        times.iter().map(|time| known.get(time).copied().unwrap_or_default()).collect()
    }

    /// A whole file, in the order of its rows.
    #[derive(Default)]
    struct Tables {
        tables: Vec<(DeviceName, Table)>,
        /// Where the table of a device stands whose columns begin with that channel.
        places: BTreeMap<(DeviceName, ChannelName, usize), usize>,
        rows: u64,
    }

    impl Tables {
        fn read(source: &mut dyn Source, refused: &mut Refused, told: &mut Halves<'_>) -> Result<Self> {
            let mut tables = Self::default();
            while let Some(read) = source.next(refused)? {
                let mut points = 0;
                for rows in read {
                    points += (rows.times.len() * rows.columns.len()) as u64;
                    tables.rows = tables.rows.max(rows.numbers.last().map_or(0, |last| last + 1));
                    tables.take(rows);
                }
                told.progress.rows = tables.rows;
                told.reading(points, source.part())?;
            }
            Ok(tables)
        }

        fn take(&mut self, rows: Rows) {
            let Some(first) = rows.columns.first() else { return };
            let key = (rows.device.clone(), first.channel.clone(), rows.columns.len());
            let place = *self.places.entry(key).or_insert_with(|| {
                let empty = |cells: &crate::runtime::frame::Cells| Column {
                    channel: cells.channel.clone(),
                    unit: cells.unit,
                    description: cells.description.clone(),
                    values: Vec::new(),
                };
                let columns = rows.columns.iter().map(empty).collect();
                self.tables.push((rows.device.clone(), Table { times: Vec::new(), numbers: Vec::new(), columns }));
                self.tables.len() - 1
            });
            let table = &mut self.tables[place].1;
            table.times.extend(rows.times.iter().map(|time| time.as_micros()));
            table.numbers.extend(&rows.numbers);
            for (column, cells) in table.columns.iter_mut().zip(&rows.columns) {
                column.values.extend(cells.values.iter().map(|value| value.unwrap_or(f64::NAN)));
            }
        }

        fn series(&self) -> impl Iterator<Item = SeriesName> {
            self.tables
                .iter()
                .flat_map(|(device, table)| table.columns.iter().map(|column| device.channel(column.channel.clone())))
        }

        /// How the values of each series came about, where a column beside it says so. That column is no series itself.
        fn qualities(&self) -> Vec<Beside> {
            let find = |device: &DeviceName, channel: &ChannelName| {
                self.tables.iter().filter(|(known, _)| known == device).find_map(|(_, table)| {
                    let column = table.columns.iter().find(|column| column.channel == *channel)?;
                    Some((table, column))
                })
            };
            let beside = |device: &DeviceName, table: &Table, column: &Column| {
                if column.channel.qualified().is_some_and(|channel| find(device, &channel).is_some()) && column.is_quality()
                {
                    return Beside::IsQuality;
                }
                let told = column.channel.quality().ok().and_then(|channel| find(device, &channel));
                match told.filter(|(_, told)| told.is_quality()) {
                    Some((other, told)) => Beside::Each(told_of(&table.times, &other.times, &told.values)),
                    None => Beside::Nothing,
                }
            };
            let beside = &beside;
            let of_table = |(device, table): &'_ (DeviceName, Table)| -> Vec<Beside> {
                table.columns.iter().map(|column| beside(device, table, column)).collect()
            };
            self.tables.iter().flat_map(of_table).collect()
        }

        fn views<'a>(
            &'a self,
            names: &'a [(SeriesName, String)],
            qualities: &'a [Beside],
            understood: &Understood,
            declared: &BTreeMap<SeriesName, Channel>,
            is_stored_form: bool,
        ) -> Result<Vec<Series<'a>>> {
            let columns = self.tables.iter().flat_map(|(_, table)| table.columns.iter().map(move |column| (table, column)));
            type View<'v> = (((&'v Table, &'v Column), &'v (SeriesName, String)), &'v Beside);
            let view = |(((table, column), (name, shown)), beside): View<'a>| {
                let mut series = Series::new(shown, &table.times, &column.values)?.with_rows(&table.numbers)?;
                if let Beside::Each(quality) = beside {
                    series = series.with_quality(quality)?;
                }
                let told = understood.columns.iter().find(|told| told.series.as_ref() == Some(name));
                series.quantity = told.and_then(|told| told.quantity);
                if let Some(unit) = column.unit {
                    series = series.in_unit(unit);
                }
                let channel = column.description.as_ref().or_else(|| declared.get(name));
                if let Some(channel) = channel {
                    let unit = column.unit.unwrap_or(channel.unit);
                    series = series.described_by(channel);
                    series.unit = Some(if is_stored_form { channel.base_unit() } else { unit });
                }
                Ok(series)
            };
            let measured = columns.zip(names).zip(qualities).filter(|(_, beside)| !matches!(beside, Beside::IsQuality));
            measured.map(view).collect()
        }
    }

    /// What the doctor says to declare, as a mapping whose columns are the series that were examined.
    #[must_use]
    pub fn mapping_of(report: &Report) -> Mapping {
        let mut mapping = Mapping::default();
        merge(&mut mapping, report, &[]);
        mapping
    }

    /// Puts what the doctor declares where an import finds it.
    fn merge(mapping: &mut Mapping, report: &Report, names: &[(SeriesName, String)]) {
        for Declaration { series, field, value } in report.declarations() {
            let Some(series) = series else {
                if *field == "zone" {
                    mapping.time.zone = value.as_str().map(str::to_owned);
                }
                continue;
            };
            let name = names.iter().find(|(_, shown)| shown == series).map(|(name, _)| name.to_string());
            let is_of = |known: &ColumnMapping| known.series.is_some() && known.series == name;
            let column = mapping.columns.iter().find(|(column, known)| *column == series || is_of(known));
            let column = column.map(|(column, _)| column.clone()).or(name).unwrap_or_else(|| series.clone());
            declare(mapping.columns.entry(column).or_default(), field, value);
        }
    }

    /// A value that does not fit its field is left out: the finding has it still.
    fn declare(column: &mut ColumnMapping, field: &str, value: &Value) {
        fn set<T: serde::de::DeserializeOwned>(into: &mut Option<T>, value: &Value) {
            if let Ok(value) = serde_json::from_value(value.clone()) {
                *into = Some(value);
            }
        }
        fn set_span(into: &mut Option<crate::model::Span>, value: &Value) {
            if let Some(span) = value.as_str().and_then(|text| text.parse().ok()) {
                *into = Some(span);
            }
        }
        match field {
            "unit" => set(&mut column.unit, value),
            "sign" => set(&mut column.sign, value),
            "label" => set(&mut column.label, value),
            "kind" => set(&mut column.kind, value),
            "range" => set(&mut column.range, value),
            "rollover" => set(&mut column.rollover, value),
            "cadence" => set_span(&mut column.cadence, value),
            "max_age" => set_span(&mut column.max_age, value),
            "invalid" => column.invalid = serde_json::from_value(value.clone()).unwrap_or_default(),
            _ => {}
        }
    }

    /// Takes the device out again that nobody named.
    fn without(mapping: &mut Mapping, nobody: Option<&DeviceName>) {
        let Some(nobody) = nobody else { return };
        mapping.device = None;
        let prefix = format!("{nobody}.");
        for column in mapping.columns.values_mut() {
            column.series = column.series.take().map(|name| name.strip_prefix(&prefix).unwrap_or(&name).to_owned());
        }
    }
}
