//! What an import writes: each series registered once, and no value that is there already.

use std::collections::{BTreeMap, HashSet};

use super::{ImportReport, ImportRequest, ImportedSeries, Source};
use crate::error::Result;
use crate::model::{Channel, LabelPosition, SeriesName, SetAside, SignConvention, Timestamp, Unit};
use crate::runtime::bulk::Bulk;
use crate::runtime::embedded::Memcore;
use crate::runtime::frame::{Cells, Rows};
use crate::runtime::write::Stored;
use crate::store::Query;

/// Where the rows of a file go.
pub(super) struct Sink {
    memcore: Memcore,
    bulk: Bulk,
    dry_run: bool,
    stored_form: bool,
    /// What the file says of its series.
    channels: BTreeMap<SeriesName, Channel>,
    series: BTreeMap<SeriesName, Known>,
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
    pub(super) fn new(memcore: &Memcore, request: &ImportRequest, source: &dyn Source) -> Result<Self> {
        let mut sink = Self {
            memcore: memcore.clone(),
            bulk: memcore.bulk(),
            dry_run: request.dry_run,
            stored_form: source.is_stored_form(),
            channels: source.channels(),
            series: BTreeMap::new(),
            report: ImportReport::default(),
        };
        let described: Vec<SeriesName> = sink.channels.keys().cloned().collect();
        for series in described {
            let unit = sink.channels.get(&series).map(Channel::base_unit);
            sink.meet(series, unit, None)?;
        }
        Ok(sink)
    }

    /// Rows read and values stored so far.
    pub(super) fn counted(&self) -> (u64, u64) {
        (self.report.rows, self.report.points)
    }

    pub(super) fn take(&mut self, mut rows: Rows) -> Result<()> {
        self.report.rows += rows.times.len() as u64;
        let mut columns = Vec::with_capacity(rows.columns.len());
        let mut aside = SetAside::default();
        for Cells { channel, unit, description, values: reported } in &mut rows.columns {
            let series = rows.device.channel(channel.clone());
            self.meet(series.clone(), *unit, description.take())?;
            let Some(known) = self.series.get(&series) else { continue };
            let given = reported.iter().flatten().count() as u64;
            let mut column = Stored::of(known.channel.clone(), reported, &mut aside);
            let values = &column.values;
            let there = self.there_already(&series, &rows.times, values)?;
            let Some(known) = self.series.get_mut(&series) else { continue };
            let present = values.iter().flatten().count() as u64;
            known.points += present;
            self.report.gaps += values.len() as u64 - given;
            self.report.repeated += there.len() as u64;
            self.report.points += present - there.len() as u64;
            for (time, _) in rows.times.iter().zip(&**values).filter(|(_, value)| value.is_some()) {
                self.report.first = Some(self.report.first.map_or(*time, |first| first.min(*time)));
                self.report.last = Some(self.report.last.map_or(*time, |last| last.max(*time)));
            }
            if !there.is_empty() {
                let values = column.values.to_mut();
                there.into_iter().for_each(|row| values[row] = None);
            }
            columns.push(column);
        }
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
        let until = if new { None } else { self.memcore.latest(&series)?.first().map(|(_, sample)| sample.time) };
        self.series.insert(series, Known { channel, new, points: 0, until });
        Ok(())
    }

    /// The rows whose value is stored already, bit for bit, and is not written over by another row of these.
    fn there_already(&mut self, series: &SeriesName, times: &[Timestamp], values: &[Option<f64>]) -> Result<Vec<usize>> {
        let Some(Known { channel, until: Some(until), .. }) = self.series.get(series) else { return Ok(Vec::new()) };
        let (Some(first), Some(last)) = (times.iter().min(), times.iter().max()) else { return Ok(Vec::new()) };
        let shift = channel.label_shift();
        let (first, last) = (first.saturating_add(shift), last.saturating_add(shift));
        if first > *until {
            return Ok(Vec::new());
        }
        // An import of such a file again meets its own rows in the order of the file, not one at the end of all others.
        let many = times.len() * 8;
        let query = Query::new(series).from(first).limit(many);
        let query = match last.as_micros().checked_add(1) {
            Some(end) => query.to(Timestamp::from_micros(end)),
            None => query,
        };
        self.bulk.flush()?;
        let found = self.memcore.query(&query)?;
        let Some(found) = found.series().first() else { return Ok(Vec::new()) };
        let Some(stored) = found.values() else { return Ok(Vec::new()) };
        let same = |row: &usize| {
            let at = found.times().values().binary_search(&times[*row].saturating_add(shift).as_micros());
            let value = values[*row].map(f64::to_bits);
            at.is_ok_and(|at| Some(stored.value(at).to_bits()) == value)
        };
        let there: Vec<usize> = (0..times.len()).filter(same).collect();
        if times.is_sorted_by(|a, b| a < b) {
            return Ok(there);
        }
        let kept: HashSet<usize> = there.iter().copied().collect();
        let written: HashSet<Timestamp> =
            (0..times.len()).filter(|row| values[*row].is_some() && !kept.contains(row)).map(|row| times[row]).collect();
        Ok(there.into_iter().filter(|row| !written.contains(&times[*row])).collect())
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
