//! Answers queries: takes a snapshot of the devices concerned, then reads without holding any lock.

use super::arrivals::known_at;
use super::merge::Merge;
use super::query::{Every, Query, QueryResult, SeriesResult};
use super::rows::{Out, Reach, Rows};
use super::shared::Shared;
use super::snapshot::{self, Snapshot, Wanted};
use crate::energy::{BucketFold, Fold};
use crate::error::{Error, Result};
use crate::model::{Channel, Quality};

/// Runs a query.
pub(super) fn run(shared: &Shared, query: &Query) -> Result<QueryResult> {
    let mut result = empty_result(query);
    for mut device in snapshots(shared, query)? {
        result.series.extend(answer(&mut device, None, query)?);
        result.cost += device.cost;
        result.skipped.append(&mut device.skipped);
    }
    result.series.sort_by(|a, b| a.series().cmp(b.series()));
    Ok(result)
}

/// The result of a query before anything is in it.
pub(super) fn empty_result(query: &Query) -> QueryResult {
    let columns = query.column_names().into_iter().map(Into::into).collect();
    let zone = query.every.as_ref().and_then(Every::zone_name).map(Into::into);
    QueryResult { series: Vec::new(), columns, skipped: Vec::new(), zone, cost: Default::default() }
}

/// What the query has to read, of each device.
pub(super) fn snapshots(shared: &Shared, query: &Query) -> Result<Vec<Snapshot>> {
    query.check()?;
    let state = shared.read();
    let selected = state.select(&query.selection);
    if selected.is_empty()
        && let Some(series) = query.selection.exact()
    {
        return Err(Error::not_found(format!("series {series} is not registered")));
    }
    let mut reading: Option<(i64, i64)> = None;
    for (series, device, column) in &selected {
        let reach = reach(query, state.describe(*device, *column)).map_err(|e| e.context(series))?;
        let Some(reach) = reach else { continue };
        // What increases are counted from may lie anywhere before the range.
        let first = if query.seed().is_some() { i64::MIN } else { reach.first };
        reading = Some(reading.map_or((first, reach.last), |(low, high)| (low.min(first), high.max(reach.last))));
    }
    Ok(snapshot::take(&state, selected, reading, (shared.options.skip_damaged, query.asks_for_quality())))
}

/// What is read of a series for the query; None where its range is empty.
pub(super) fn reach(query: &Query, channel: &Channel) -> Result<Option<Reach>> {
    let Some((from, to)) = query.micros() else { return Ok(None) };
    let (before, after) = if query.is_raw() { Default::default() } else { query.context(channel)? };
    let known = query.as_of.map_or(i64::MAX, known_at);
    let (first, last) = (from.saturating_sub(before.as_micros()), to.saturating_add(after.as_micros()));
    Ok(Some(Reach { from, to, first, last, known }))
}

/// Where the samples of one series go.
pub(super) enum Sink {
    Raw(Rows),
    Fold(Box<BucketFold>),
}

impl Sink {
    pub(super) fn out(&mut self) -> Out<'_> {
        match self {
            Self::Raw(rows) => Out::Raw(rows),
            Self::Fold(fold) => Out::Fold(&mut **fold),
        }
    }

    fn rows(&self) -> usize {
        match self {
            Self::Raw(rows) => rows.len(),
            Self::Fold(_) => 0,
        }
    }
}

/// The rows of the series of one device, or of one of them.
pub(super) fn answer(device: &mut Snapshot, only: Option<usize>, query: &Query) -> Result<Vec<SeriesResult>> {
    let places = only.map_or(0..device.wanted.len(), |only| only..only + 1);
    let wanted = device.wanted[places].to_vec();
    let (mut sinks, mut merges) = (Vec::with_capacity(wanted.len()), Vec::with_capacity(wanted.len()));
    for wanted in &wanted {
        let (sink, merge) = begin(device, wanted, query).map_err(|e| e.context(&wanted.series))?;
        merges.extend(merge.map(|merge| (sinks.len(), merge)));
        sinks.push(sink);
    }
    read(device, &mut merges, &mut sinks, query.limit.filter(|_| query.is_raw()))?;
    wanted.into_iter().zip(sinks).map(|(wanted, sink)| finish(device, query, wanted, sink)).collect()
}

/// Where the samples of a series go, and what is still to be read of them.
pub(super) fn begin(device: &mut Snapshot, wanted: &Wanted, query: &Query) -> Result<(Sink, Option<Merge>)> {
    let reach = reach(query, &wanted.channel)?;
    let mut sink = if query.is_raw() {
        let rows = reach.as_ref().map_or(0, |reach| device.rows_within(reach));
        // A few rows more than expected must not cost a copy of all.
        let rows = rows + rows / 32;
        Sink::Raw(Rows::with_capacity(rows.min(query.limit.or(query.last).unwrap_or(usize::MAX))))
    } else {
        Sink::Fold(Box::new(BucketFold::new(query.resampling(&wanted.channel)?)))
    };
    let Some(reach) = reach else { return Ok((sink, None)) };
    if let (Sink::Fold(fold), Some(span)) = (&mut sink, device.span()) {
        fold.reserve(span, device.rows_within(&reach));
    }
    match (&mut sink, query.last) {
        (Sink::Raw(rows), Some(last)) => {
            *rows = last_rows(device, wanted.column, reach, last)?;
            return Ok((sink, None));
        }
        (Sink::Fold(fold), _) => {
            if let Some(quality) = wanted.quality {
                let Rows { times, values } = all_rows(device, quality, reach)?;
                fold.qualify(times, values);
            }
            seed(device, wanted, query, fold)?;
        }
        _ => {}
    }
    Ok((sink, Some(Merge::new(device, wanted.column, reach))))
}

/// What was before the range, where increases are counted from it.
fn seed(device: &mut Snapshot, wanted: &Wanted, query: &Query, fold: &mut BucketFold) -> Result<()> {
    let Some(seed) = query.seed() else { return Ok(()) };
    let Some(reach) = reach(&seed, &wanted.channel)? else { return Ok(()) };
    let rows = last_rows(device, wanted.column, reach, seed.last.unwrap_or(1))?;
    fold.samples(&rows.times, &rows.values)
}

/// Reads on until every series has all its rows, or as many as are enough.
fn read(device: &mut Snapshot, merges: &mut [(usize, Merge)], sinks: &mut [Sink], enough: Option<usize>) -> Result<()> {
    let full = |sink: &Sink| enough.is_some_and(|enough| sink.rows() >= enough);
    for pause in device.pauses() {
        for (at, merge) in merges.iter_mut() {
            let sink = &mut sinks[*at];
            while !full(sink) && merge.step(device, pause, &mut sink.out())? {}
        }
        device.close_until(pause);
        if merges.iter().all(|(at, _)| full(&sinks[*at])) {
            break;
        }
    }
    Ok(())
}

/// Every row of a column, chunk by chunk, so that no more of them are open than overlap.
fn all_rows(device: &mut Snapshot, column: u32, reach: Reach) -> Result<Rows> {
    let mut rows = Rows::default();
    let mut merge = Merge::new(device, column, reach);
    for pause in device.pauses() {
        while merge.step(device, pause, &mut Out::Raw(&mut rows))? {}
        device.close_until(pause);
    }
    Ok(rows)
}

/// The qualities of samples, where the query asks for them: what stands at their times, else measured.
pub(super) fn qualities(device: &mut Snapshot, query: &Query, wanted: &Wanted, times: &[i64]) -> Result<Option<Vec<f64>>> {
    if !query.with_quality {
        return Ok(None);
    }
    let mut qualities = vec![Quality::Measured.number(); times.len()];
    let (Some(column), Some(first), Some(last)) = (wanted.quality, times.first(), times.last()) else {
        return Ok(Some(qualities));
    };
    let known = query.as_of.map_or(i64::MAX, known_at);
    let reach = Reach { from: *first, to: *last, first: *first, last: *last, known };
    let told = all_rows(device, column, reach)?;
    let mut at = 0;
    for (time, number) in told.times.iter().zip(told.values) {
        at += times[at..].partition_point(|sample| sample < time);
        if times.get(at) == Some(time) {
            qualities[at] = number;
        }
    }
    Ok(Some(qualities))
}

/// The last so many rows: read from where there are enough of them, and from further back where some of those are hidden.
fn last_rows(device: &mut Snapshot, column: u32, reach: Reach, rows: usize) -> Result<Rows> {
    let mut wanted = rows;
    loop {
        let start = device.start_of_last(column, &reach, wanted)?;
        let reach = Reach { first: start.unwrap_or(reach.first), ..reach };
        let mut found = Rows::default();
        let mut merge = Merge::new(device, column, reach);
        while merge.step(device, i64::MAX, &mut Out::Raw(&mut found))? {}
        if found.len() >= rows || start.is_none() {
            found.keep_last(rows);
            return Ok(found);
        }
        wanted = wanted.saturating_mul(4).max(64);
    }
}

/// The rows of a series, once all of its samples were given.
pub(super) fn finish(device: &mut Snapshot, query: &Query, wanted: Wanted, sink: Sink) -> Result<SeriesResult> {
    match sink {
        Sink::Raw(mut rows) => {
            rows.truncate(query.limit.unwrap_or(usize::MAX));
            let (times, values) = match query.chart {
                Some(chart) => chart.pick(query, rows.times, rows.values),
                None => (rows.times, rows.values),
            };
            let qualities = qualities(device, query, &wanted, &times)?;
            Ok(SeriesResult::raw(wanted, times, values, qualities))
        }
        Sink::Fold(fold) => {
            let mut rows = fold.finish()?;
            let all = rows.starts.len();
            match (query.limit, query.last) {
                (Some(limit), _) => rows.keep(0, limit),
                (None, Some(last)) => rows.keep(all.saturating_sub(last), all),
                (None, None) => {}
            }
            Ok(SeriesResult::bucketed(wanted, rows, &query.columns()))
        }
    }
}
