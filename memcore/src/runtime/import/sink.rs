//! What an import writes: each series registered once, and no value that is there already.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::csv::named;
use super::mapping::ColumnMapping;
use super::understood::{Understood, UnderstoodColumn};
use super::{ImportReport, ImportRequest, ImportedSeries, Source, unit_hints};
use crate::error::{Error, Result};
use crate::model::{Channel, LabelPosition, SeriesName, SetAside, SignConvention, Timestamp, Unit};
use crate::runtime::bulk::Bulk;
use crate::runtime::embedded::Memcore;
use crate::runtime::frame::{Cells, Rows};
use crate::runtime::quality;
use crate::runtime::write::Stored;
use crate::store::Query;

/// Stored rows that are looked at together, at least and at most: one way it costs a query, the other way reading.
const PAGE_MIN: usize = 256;
const PAGE_MAX: usize = 1 << 20;
/// Where a page has as many that are wanted, the next is larger.
const WANTED: usize = 8;

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
        all.into_iter().try_for_each(|rows| self.take_rows(rows))
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
        let rising = rows.times.is_sorted();
        let distinct = rows.times.is_sorted_by(|a, b| a < b);
        let mut columns = Vec::with_capacity(rows.columns.len());
        let (mut aside, mut marked) = (SetAside::default(), Vec::new());
        for Cells { channel, unit, description, values: reported } in &mut rows.columns {
            let series = rows.device.channel(channel.clone());
            self.meet(series.clone(), *unit, description.take())?;
            let Some(known) = self.series.get(&series) else { continue };
            let given = reported.iter().flatten().count() as u64;
            let mut column = Stored::of(known.channel.clone(), reported, &mut aside);
            let refused = quality::refused(reported, &column);
            if !refused.is_empty() {
                marked.extend(self.memcore.quality_channel(&rows.device, &column.channel).map(|beside| (beside, refused)));
            }
            let values = &column.values;
            let there = self.there_already(&series, &rows.times, values)?;
            let Some(known) = self.series.get_mut(&series) else { continue };
            let present = values.iter().flatten().count() as u64;
            known.points += present;
            self.report.gaps += values.len() as u64 - given;
            self.report.repeated += there.len() as u64;
            self.report.points += present - there.len() as u64;
            if !distinct {
                self.report.replaced += replaced(&rows.times, values, rising);
            }
            if let Some((first, last)) = reach(&rows.times, values, rising) {
                self.report.first = Some(self.report.first.map_or(first, |before| before.min(first)));
                self.report.last = Some(self.report.last.map_or(last, |before| before.max(last)));
            }
            if !there.is_empty() {
                let values = column.values.to_mut();
                there.into_iter().for_each(|row| values[row] = None);
            }
            columns.push(column);
        }
        marked.into_iter().for_each(|(beside, refused)| quality::mark(&mut columns, beside, rows.times.len(), refused));
        self.report.invalid += aside.invalid;
        self.report.out_of_range += aside.out_of_range;
        if self.dry_run {
            return Ok(());
        }
        self.bulk.take(&rows.device, &rows.times, columns, aside).map(drop)
    }

    /// Registers a series at its first row.
    fn meet(&mut self, series: SeriesName, unit: Option<Unit>, description: Option<Channel>) -> Result<()> {
        if self.series.contains_key(&series) {
            return Ok(());
        }
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
        // What is declared of this very column holds even of a file that memcore wrote.
        if let Some(declared) = self.declared_of(&series) {
            declared.read_by(&mut channel);
            channel.check().map_err(|e| e.context(&series.device))?;
        }
        let until = if new { None } else { self.memcore.latest(&series)?.first().map(|(_, sample)| sample.time) };
        self.series.insert(series, Known { channel, new, points: 0, until });
        Ok(())
    }

    /// The rows whose value, or the one that holds in the end at their time, is stored already, bit for bit.
    fn there_already(&mut self, series: &SeriesName, times: &[Timestamp], values: &[Option<f64>]) -> Result<Vec<usize>> {
        let Some(Known { channel, until: Some(until), .. }) = self.series.get(series) else { return Ok(Vec::new()) };
        let Some(first) = times.iter().min() else { return Ok(Vec::new()) };
        let shift = channel.label_shift();
        if first.saturating_add(shift) > *until {
            return Ok(Vec::new());
        }
        self.bulk.flush()?;
        let stored = self.stored(series, times.iter().map(|time| time.saturating_add(shift).as_micros()).collect())?;
        let same = |row: &usize| {
            let at = stored.binary_search_by_key(&times[*row].saturating_add(shift).as_micros(), |(time, _)| *time);
            let value = values[*row].map(f64::to_bits);
            at.is_ok_and(|at| Some(stored[at].1) == value)
        };
        let there: Vec<usize> = (0..times.len()).filter(same).collect();
        if times.is_sorted_by(|a, b| a < b) {
            return Ok(there);
        }
        // Of several rows of one time the last holds, and where that is there the others need not be written again.
        let kept: HashSet<usize> = there.into_iter().collect();
        let present = || (0..times.len()).filter(|row| values[*row].is_some());
        let last_is_there: HashMap<Timestamp, bool> = present().map(|row| (times[row], kept.contains(&row))).collect();
        Ok(present().filter(|row| last_is_there[&times[*row]]).collect())
    }

    /// In a file with a value a row, what is declared of all with a channel is declared of this one too.
    fn declared_of(&self, series: &SeriesName) -> Option<ColumnMapping> {
        let own = self.declared.get(series);
        match (own, self.by_channel.get(series.channel.as_str())) {
            (Some(own), Some(all)) => Some(own.over(all)),
            (own, all) => own.or(all).cloned(),
        }
    }

    /// The bits of what is stored at these times, in order of time. Read in pages: rows of a file may lie anywhere among all
    /// that is stored, so that a page begins at the first time that is still wanted, and is larger where many were in the last.
    fn stored(&self, series: &SeriesName, mut wanted: Vec<i64>) -> Result<Vec<(i64, u64)>> {
        wanted.sort_unstable();
        wanted.dedup();
        let (mut found, mut left, mut page) = (Vec::new(), &wanted[..], (wanted.len() * 2).max(PAGE_MIN));
        while let (Some(first), Some(last)) = (left.first(), left.last()) {
            let query = Query::new(series).from(Timestamp::from_micros(*first)).limit(page);
            let query = match last.checked_add(1) {
                Some(end) => query.to(Timestamp::from_micros(end)),
                None => query,
            };
            let result = self.memcore.query(&query)?;
            let Some((times, values)) = result.series().first().and_then(|found| Some((found.times(), found.values()?)))
            else {
                break;
            };
            let before = left.len();
            for (time, value) in times.values().iter().zip(values.values()) {
                left = &left[left.partition_point(|wanted| wanted < time)..];
                if left.first() == Some(time) {
                    found.push((*time, value.to_bits()));
                    left = &left[1..];
                }
            }
            if times.len() < page {
                break;
            }
            let many = before - left.len() >= WANTED;
            page = if many { page.saturating_mul(2).min(PAGE_MAX) } else { (page / 4).max(PAGE_MIN) };
        }
        Ok(found)
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
