//! What an import writes: each series registered once, and no value that is there already.

mod before;
mod qualities;
mod said;

use std::collections::{BTreeMap, HashSet};

use self::before::Before;
use self::qualities::Taken;
use self::said::Said;
use super::csv::named;
use super::mapping::ColumnMapping;
use super::understood::{Understood, UnderstoodColumn};
use super::{ImportReport, ImportRequest, ImportedSeries, Source, unit_hints};
use crate::error::{Error, Result};
use crate::model::{Channel, DeviceName, LabelPosition, Name, SeriesName, SetAside, SignConvention, Span, Timestamp, Unit};
use crate::runtime::bulk::Bulk;
use crate::runtime::embedded::Memcore;
use crate::runtime::frame::{Cells, Rows};
use crate::runtime::quality;
use crate::runtime::write::Stored;

/// Where the rows of a file go.
pub(super) struct Sink {
    memcore: Memcore,
    bulk: Bulk,
    dry_run: bool,
    stored_form: bool,
    /// What the file says of its series.
    channels: BTreeMap<SeriesName, Channel>,
    series: BTreeMap<SeriesName, Known>,
    /// How the mapping says that values are to be read, whatever the series is registered with.
    declared: BTreeMap<SeriesName, ColumnMapping>,
    /// The same by the names of channels, in a file with a value a row.
    by_channel: BTreeMap<String, ColumnMapping>,
    /// Series without a unit: only shown by a dry run, which leaves them out.
    unknown: HashSet<SeriesName>,
    /// Those of them that no column names, in the order of the file.
    untold: Vec<SeriesName>,
    said: Said,
    /// Whose series may be written, where that is limited.
    within: Option<(Name, Name)>,
    /// The latest time of series of qualities that were there before the import, and that the file has not named.
    qualities_until: BTreeMap<SeriesName, Option<Timestamp>>,
    report: ImportReport,
}

/// A series that was met.
struct Known {
    /// How values of the file are to be read.
    channel: Channel,
    new: bool,
    points: u64,
    /// The latest time that was there before the import.
    until: Option<Timestamp>,
}

impl Sink {
    pub(super) fn new(
        memcore: &Memcore,
        request: &ImportRequest,
        source: &dyn Source,
        understood: &mut Understood,
    ) -> Result<Self> {
        let mut sink = Self {
            memcore: memcore.clone(),
            bulk: memcore.bulk(),
            dry_run: request.dry_run,
            stored_form: source.is_stored_form(),
            channels: source.channels(),
            series: BTreeMap::new(),
            declared: declared(request, understood),
            by_channel: if understood.columns.is_empty() { request.mapping.columns.clone() } else { BTreeMap::new() },
            unknown: HashSet::new(),
            untold: Vec::new(),
            said: Said::default(),
            within: request.within.clone(),
            qualities_until: BTreeMap::new(),
            report: ImportReport::default(),
        };
        sink.check_units(understood)?;
        let described: Vec<SeriesName> = sink.channels.keys().cloned().collect();
        for series in described {
            let unit = sink.channels.get(&series).map(Channel::base_unit);
            sink.meet(series, unit, None)?;
        }
        Ok(sink)
    }

    /// Takes what was read at a time.
    pub(super) fn take(&mut self, all: Vec<Rows>) -> Result<()> {
        self.report.rows += distinct(&all);
        // Values first: where none comes behind a quality, none has to be said to be measured (S48).
        let (qualities, values): (Vec<Rows>, Vec<Rows>) = all.into_iter().partition(are_qualities);
        values.into_iter().chain(qualities).try_for_each(|rows| self.take_rows(rows))
    }

    /// Rows read and values stored so far.
    pub(super) fn counted(&self) -> (u64, u64) {
        (self.report.rows, self.report.points)
    }

    /// Each column must have a unit, or a series that is registered with one: all that have none are named at once.
    fn check_units(&mut self, understood: &mut Understood) -> Result<()> {
        let store = self.memcore.store();
        let is_open = |column: &&UnderstoodColumn| {
            column.unit.is_none() && column.series.as_ref().is_some_and(|series| store.channel(series).is_none())
        };
        let open: Vec<&UnderstoodColumn> = understood.columns.iter().filter(is_open).collect();
        if open.is_empty() {
            return Ok(());
        }
        self.unknown.extend(open.iter().filter_map(|column| column.series.clone()));
        let e = unit_hints::of_columns(&open);
        if self.dry_run {
            understood.notes.push(e);
            return Ok(());
        }
        Err(Error::not_found(e))
    }

    /// A series that a row names must have a unit too.
    fn check_unit(&mut self, series: &SeriesName, cells: &Cells) -> Result<()> {
        let told = cells.unit.is_some() || cells.description.is_some() || self.channels.contains_key(series);
        if told || self.series.contains_key(series) || self.unknown.contains(series) {
            return Ok(());
        }
        if self.memcore.store().channel(series).is_some() {
            return Ok(());
        }
        if !self.dry_run {
            return Err(Error::not_found(unit_hints::of_series(std::slice::from_ref(series))));
        }
        self.unknown.insert(series.clone());
        self.untold.push(series.clone());
        Ok(())
    }

    /// What a person has to declare, once all rows were seen.
    pub(super) fn note(&self, understood: &mut Understood) {
        if !self.untold.is_empty() {
            understood.notes.push(unit_hints::of_series(&self.untold));
        }
    }

    fn take_rows(&mut self, mut rows: Rows) -> Result<()> {
        for cells in &rows.columns {
            self.check_unit(&rows.device.channel(cells.channel.clone()), cells)?;
        }
        if !self.unknown.is_empty() {
            rows.columns.retain(|cells| !self.unknown.contains(&rows.device.channel(cells.channel.clone())));
        }
        rows.columns.retain(|cells| !self.says_nothing(&rows.device, cells));
        let mut columns = Vec::with_capacity(rows.columns.len());
        let mut aside = SetAside::default();
        for Cells { channel, unit, description, values: reported } in &mut rows.columns {
            let series = rows.device.channel(channel.clone());
            self.meet(series.clone(), *unit, description.take())?;
            let Some(known) = self.series.get(&series) else { continue };
            let (shift, until) = (known.channel.label_shift(), known.until);
            let stored = Stored::of(known.channel.clone(), reported, &mut aside);
            if stored.channel.qualified().is_none() {
                self.report.gaps += reported.len() as u64 - count(reported);
            }
            let before = self.stored(&series, shift, until, &rows.times)?;
            let refused = quality::refused(reported, &stored);
            let refused = self.without_value(&rows.times, &stored, &before, refused);
            columns.push(Taken { stored, refused, before, there: Vec::new() });
        }
        self.hear(&rows.device, &rows.times, &mut columns)?;
        self.compare(&rows.device, &rows.times, &mut columns);
        self.report.invalid += aside.invalid;
        self.report.out_of_range += aside.out_of_range;
        if self.dry_run {
            return Ok(());
        }
        let columns = self.beside(&rows.device, &rows.times, columns)?;
        self.bulk.take(&rows.device, &rows.times, columns, aside).map(drop)
    }

    /// Whether it is a column of qualities that has none, of a series for which none stand: nothing has to be registered for it.
    fn says_nothing(&self, device: &DeviceName, cells: &Cells) -> bool {
        let is_empty = cells.unit == Some(Unit::Code) && cells.channel.qualified().is_some() && count(&cells.values) == 0;
        let series = || device.channel(cells.channel.clone());
        is_empty && !self.series.contains_key(&series()) && self.memcore.store().channel(&series()).is_none()
    }

    /// Finds what is there already, and counts.
    fn compare(&mut self, device: &DeviceName, times: &[Timestamp], columns: &mut [Taken<'_>]) {
        let rising = times.is_sorted();
        let distinct = times.is_sorted_by(|a, b| a < b);
        for Taken { stored, before, there, .. } in columns {
            *there = before.there_already(times, &stored.values);
            let present = count(&stored.values);
            if let Some(known) = self.series.get_mut(&device.channel(stored.channel.name.clone())) {
                known.points += present;
            }
            self.report.repeated += there.len() as u64;
            self.report.points += present - there.len() as u64;
            if !distinct {
                self.report.replaced += replaced(times, &stored.values, rising);
            }
            if let Some((first, last)) = reach(times, &stored.values, rising) {
                self.report.first = Some(self.report.first.map_or(first, |before| before.min(first)));
                self.report.last = Some(self.report.last.map_or(last, |before| before.max(last)));
            }
        }
    }

    /// What the store had of a series up to that instant, within the time of rows.
    fn stored(
        &mut self,
        series: &SeriesName,
        shift: Span,
        until: Option<Timestamp>,
        times: &[Timestamp],
    ) -> Result<Before> {
        let first = times.iter().min().map(|first| first.saturating_add(shift));
        if first.is_none_or(|first| until.is_none_or(|until| first > until)) {
            return Ok(Before::default());
        }
        self.bulk.flush()?;
        Before::read(&self.memcore, series, shift, times)
    }

    /// Who may write to one site writes to no other by naming it in a file.
    fn check_place(&self, series: &SeriesName) -> Result<()> {
        let Some((operator, site)) = &self.within else { return Ok(()) };
        if series.device.operator == *operator && series.device.site == *site {
            return Ok(());
        }
        Err(Error::invalid(format!("series {series} is in the file, expected series of {operator}/{site} alone")))
    }

    /// Registers a series at its first row.
    fn meet(&mut self, series: SeriesName, unit: Option<Unit>, description: Option<Channel>) -> Result<()> {
        if self.series.contains_key(&series) {
            return Ok(());
        }
        self.check_place(&series)?;
        let whole = self.channels.get(&series).cloned();
        let registered = self.memcore.store().channel(&series);
        let (mut channel, new) = match (registered, whole.or(description)) {
            (Some(registered), Some(mut told)) => {
                if !self.channels.contains_key(&series) {
                    // A column says what it measures, and not how that behaves.
                    told.kind = registered.kind;
                }
                registered.check_compatible(&told).map_err(|e| e.context(&series.device))?;
                self.memcore.description(&series, Some(unit.unwrap_or(told.unit)))?
            }
            (None, Some(told)) => (told, true),
            (_, None) => self.memcore.description(&series, unit)?,
        };
        let label = channel.qualified().and_then(|name| self.label_of(&series.device.channel(name)));
        if let Some(label) = label {
            (channel.label, channel.cadence) = label;
        }
        if new && !self.dry_run {
            self.memcore.register(&series, &channel)?;
        }
        if self.stored_form {
            channel.sign = SignConvention::Passive;
            channel.label = LabelPosition::Start;
            channel.unit = unit.unwrap_or(channel.base_unit());
            // What was taken in once is a value, whatever its source called invalid.
            (channel.range, channel.register) = (None, None);
            channel.invalid.clear();
        }
        if let Some(label) = label {
            (channel.label, channel.cadence) = label;
        }
        // What is declared of this very column holds even of a file that memcore wrote.
        if let Some(declared) = self.declared_of(&series) {
            declared.read_by(&mut channel);
            channel.check().map_err(|e| e.context(&series.device))?;
        }
        let until = if new { None } else { self.memcore.latest(&series)?.first().map(|(_, sample)| sample.time) };
        let met = Known { channel, new, points: 0, until };
        if new && met.channel.qualified().is_some() {
            self.catch_up(&series, &met.channel)?;
        }
        self.series.insert(series, met);
        Ok(())
    }

    /// How the times of values are labelled, which those of their qualities are too.
    fn label_of(&self, values: &SeriesName) -> Option<(LabelPosition, Option<Span>)> {
        if let Some(known) = self.series.get(values) {
            return Some((known.channel.label, known.channel.cadence));
        }
        let channel = self.memcore.store().channel(values).or_else(|| self.channels.get(values).cloned());
        let stored = channel.as_ref().map(|_| LabelPosition::Start).filter(|_| self.stored_form);
        let declared = self.declared_of(values);
        let label = declared
            .as_ref()
            .and_then(|declared| declared.label)
            .or(stored)
            .or(channel.as_ref().map(|channel| channel.label));
        Some((label?, declared.and_then(|declared| declared.cadence).or(channel.and_then(|channel| channel.cadence))))
    }

    /// In a file with a value a row, what is declared of all with a channel is declared of this one too.
    fn declared_of(&self, series: &SeriesName) -> Option<ColumnMapping> {
        let own = self.declared.get(series);
        match (own, self.by_channel.get(series.channel.as_str())) {
            (Some(own), Some(all)) => Some(own.over(all)),
            (own, all) => own.or(all).cloned(),
        }
    }

    pub(super) fn finish(self) -> Result<ImportReport> {
        let Self { bulk, mut report, series, .. } = self;
        bulk.finish()?;
        let told = |(series, known): (SeriesName, Known)| ImportedSeries {
            series,
            unit: known.channel.unit,
            new: known.new,
            points: known.points,
        };
        report.series = series.into_iter().map(told).collect();
        Ok(report)
    }
}

fn count(values: &[Option<f64>]) -> u64 {
    values.iter().flatten().count() as u64
}

/// Whether rows have nothing but qualities, of values that are in others.
fn are_qualities(rows: &Rows) -> bool {
    let names = || rows.columns.iter().map(|cells| &cells.channel);
    names().all(|name| name.qualified().is_some_and(|values| !names().any(|name| *name == values)))
}

/// How many rows of the file these are: those of a table with columns of several devices are the same rows. A document may
/// have several.
fn distinct(all: &[Rows]) -> u64 {
    if let [rows] = all {
        return rows.times.len() as u64;
    }
    let mut found: Vec<(&u64, &Timestamp)> = all.iter().flat_map(|rows| rows.numbers.iter().zip(&rows.times)).collect();
    found.sort_unstable();
    found.dedup();
    found.len() as u64
}

/// What a mapping says of series, by their names.
fn declared(request: &ImportRequest, understood: &Understood) -> BTreeMap<SeriesName, ColumnMapping> {
    let device = request.frame.device.as_ref().or(request.mapping.device.as_ref());
    let of = |(name, column): (&String, &ColumnMapping)| {
        let told = understood.columns.iter().find(|told| told.column == *name).and_then(|told| told.series.clone());
        // In a long file no column is called so.
        let told = told.or_else(|| named(column.series.as_ref().unwrap_or(name), device).ok());
        Some((told?, column.clone()))
    };
    request.mapping.columns.iter().filter_map(of).collect()
}

/// How many values another one of the same time follows, which then holds.
fn replaced(times: &[Timestamp], values: &[Option<f64>], rising: bool) -> u64 {
    let present = || times.iter().zip(values).filter(|(_, value)| value.is_some()).map(|(time, _)| *time);
    if rising {
        return present().zip(present().skip(1)).filter(|(before, time)| before == time).count() as u64;
    }
    let mut seen = HashSet::new();
    present().filter(|time| !seen.insert(*time)).count() as u64
}

/// The earliest and the latest time of a value.
fn reach(times: &[Timestamp], values: &[Option<f64>], rising: bool) -> Option<(Timestamp, Timestamp)> {
    if rising {
        let first = values.iter().position(Option::is_some)?;
        let last = values.iter().rposition(Option::is_some)?;
        return Some((times[first], times[last]));
    }
    let present = || times.iter().zip(values).filter(|(_, value)| value.is_some()).map(|(time, _)| *time);
    Some((present().min()?, present().max()?))
}
