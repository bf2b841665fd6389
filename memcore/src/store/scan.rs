//! Answers queries: takes a snapshot of the devices concerned, then reads without holding any lock.

use super::arrivals::known_at;
use super::fold::{BucketFold, Fold, range};
use super::merge::Merge;
use super::query::{Every, Query, QueryResult, SeriesResult};
use super::rows::{Out, Reach, Rows};
use super::shared::Shared;
use super::snapshot::{self, Snapshot, Wanted};
use crate::error::{Error, Result};
use crate::model::{Channel, SeriesName};

/// Runs a query.
pub(super) fn run(shared: &Shared, query: &Query) -> Result<QueryResult> {
    let mut result = empty_result(query);
    for mut device in snapshots(shared, query)? {
        result.series.extend(answer(&mut device, query)?);
        result.cost += device.cost;
        result.skipped.append(&mut device.skipped);
    }
    result.series.sort_by(|a, b| a.series().cmp(b.series()));
    Ok(result)
}

/// The result of a query before anything is in it.
pub(super) fn empty_result(query: &Query) -> QueryResult {
    let columns = if query.is_raw() {
        vec!["value".into()]
    } else {
        query.columns().into_iter().map(|aggregate| aggregate.name().into()).collect()
    };
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
    Ok(snapshot::take(&state, selected, reading, shared.options.skip_damaged))
}

/// What is read of a series for the query; None where its range is empty.
fn reach(query: &Query, channel: &Channel) -> Result<Option<Reach>> {
    let Some((from, to)) = range(query) else { return Ok(None) };
    let (before, after) = if query.is_raw() { Default::default() } else { query.context(channel)? };
    let known = query.as_of.map_or(i64::MAX, known_at);
    let (first, last) = (from.saturating_sub(before.as_micros()), to.saturating_add(after.as_micros()));
    Ok(Some(Reach { from, to, first, last, known }))
}

/// Where the samples of one series go.
enum Sink<'a> {
    Raw(Rows),
    Fold(Box<BucketFold<'a>>),
}

impl Sink<'_> {
    fn out(&mut self) -> Out<'_> {
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

/// The rows of the series of one device.
pub(super) fn answer(device: &mut Snapshot, query: &Query) -> Result<Vec<SeriesResult>> {
    let mut sinks = Vec::with_capacity(device.wanted.len());
    let mut merges = Vec::with_capacity(device.wanted.len());
    for Wanted { series, channel, column } in device.wanted.clone() {
        let named = |e: Error| e.context(&series);
        let Some(reach) = reach(query, &channel).map_err(named)? else {
            sinks.push(sink(device, query, None, &channel).map_err(named)?);
            continue;
        };
        if query.is_raw()
            && let Some(rows) = query.last
        {
            sinks.push(Sink::Raw(last_rows(device, column, reach, rows)?));
            continue;
        }
        let mut sink = sink(device, query, Some(&reach), &channel).map_err(named)?;
        if let (Sink::Fold(fold), Some(seed)) = (&mut sink, query.seed()) {
            seed_fold(device, column, &seed, &channel, fold)?;
        }
        merges.push((sinks.len(), Merge::new(device, column, reach)));
        sinks.push(sink);
    }
    read(device, &mut merges, &mut sinks, query.limit.filter(|_| query.is_raw()))?;
    let wanted = device.wanted.iter().map(|wanted| (wanted.series.clone(), wanted.channel.clone()));
    wanted.zip(sinks).map(|((series, channel), sink)| finish(query, series, channel, sink)).collect()
}

fn sink<'a>(device: &Snapshot, query: &'a Query, reach: Option<&Reach>, channel: &Channel) -> Result<Sink<'a>> {
    if !query.is_raw() {
        return BucketFold::new(query, channel).map(|fold| Sink::Fold(Box::new(fold)));
    }
    let most = reach.map_or(0, |reach| device.rows_within(reach)).min(query.limit.unwrap_or(usize::MAX));
    Ok(Sink::Raw(Rows { times: Vec::with_capacity(most), values: Vec::with_capacity(most) }))
}

/// What was before the range, where increases are counted from it.
fn seed_fold(device: &mut Snapshot, column: u32, seed: &Query, channel: &Channel, fold: &mut BucketFold<'_>) -> Result<()> {
    let Some(reach) = reach(seed, channel)? else { return Ok(()) };
    let rows = last_rows(device, column, reach, seed.last.unwrap_or(1))?;
    fold.samples(&rows.times, &rows.values)
}

/// Reads on until every series has all its rows, or as many as are enough.
fn read(device: &mut Snapshot, merges: &mut [(usize, Merge)], sinks: &mut [Sink<'_>], enough: Option<usize>) -> Result<()> {
    let full = |sink: &Sink<'_>| enough.is_some_and(|enough| sink.rows() >= enough);
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

fn finish(query: &Query, series: SeriesName, channel: Channel, sink: Sink<'_>) -> Result<SeriesResult> {
    match sink {
        Sink::Raw(mut rows) => {
            rows.truncate(query.limit.unwrap_or(usize::MAX));
            let (times, values) = match query.chart {
                Some(chart) => chart.pick(query, rows.times, rows.values),
                None => (rows.times, rows.values),
            };
            Ok(SeriesResult::raw(series, channel, times, values))
        }
        Sink::Fold(fold) => {
            let mut rows = fold.finish()?;
            let all = rows.starts.len();
            match (query.limit, query.last) {
                (Some(limit), _) => rows.keep(0, limit),
                (None, Some(last)) => rows.keep(all.saturating_sub(last), all),
                (None, None) => {}
            }
            Ok(SeriesResult::bucketed(series, channel, rows, &query.columns()))
        }
    }
}
