//! Answers queries: takes a snapshot of the devices concerned, then reads without holding any lock.

use std::sync::Arc;

use super::chunk::{ChunkPlace, Directory};
use super::column::Column;
use super::disk::DiskFile;
use super::erasure::{Erasure, erase};
use super::fold::{BucketFold, Fold, Run, range};
use super::query::{Every, Query, QueryResult, SeriesResult};
use super::shared::Shared;
use super::state::{ChunkFile, State};
use super::summary::Summary;
use super::table::{Head, Table, keep_last};
use super::wire::damaged;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Channel, SeriesName};

/// Runs a query.
pub(super) fn run(shared: &Shared, query: &Query) -> Result<QueryResult> {
    query.check()?;
    let seed = query.seed();
    let (seeds, snapshots) = {
        let state = shared.read();
        let selected = state.select(&query.selection);
        if selected.is_empty()
            && let Some(series) = query.selection.exact()
        {
            return Err(Error::not_found(format!("series {series} is not registered")));
        }
        let seeds = seed.as_ref().map_or_else(|| Ok(Vec::new()), |seed| snapshots(&state, selected.clone(), seed))?;
        (seeds, snapshots(&state, selected, query)?)
    };
    let mut skipped = Vec::new();
    let mut series = Vec::new();
    let skip = shared.options.skip_damaged;
    let mut seeds = seeds.into_iter();
    for snapshot in snapshots {
        let before = match (seeds.next(), &seed) {
            (Some(of_device), Some(seed)) => of_device.answer(seed, Vec::new(), skip, &mut skipped)?,
            _ => Vec::new(),
        };
        series.extend(snapshot.answer(query, before, skip, &mut skipped)?);
    }
    series.sort_by(|a, b| a.series().cmp(b.series()));
    let columns = if query.is_raw() {
        vec!["value".into()]
    } else {
        query.columns().into_iter().map(|aggregate| aggregate.name().into()).collect()
    };
    Ok(QueryResult { series, columns, skipped, zone: query.every.as_ref().and_then(Every::zone_name).map(Into::into) })
}

/// Rows of one device that may lie in the range, from one place.
#[derive(Debug)]
enum Source {
    Chunk(ChunkPlace, Arc<ChunkFile>),
    Head(Arc<Head>),
}

impl Source {
    /// The first and the last time.
    fn span(&self) -> (i64, i64) {
        match self {
            Self::Chunk(place, _) => (place.first, place.last),
            Self::Head(head) if head.rising => (head.times[0], head.times[head.rows() - 1]),
            Self::Head(head) => head.times.iter().fold((i64::MAX, i64::MIN), |(low, high), t| (low.min(*t), high.max(*t))),
        }
    }
}

impl Source {
    /// Whether its times rise from row to row.
    fn rises(&self) -> bool {
        !matches!(self, Self::Head(head) if !head.rising)
    }
}

/// What a query needs of one device.
#[derive(Debug)]
struct Snapshot {
    wanted: Vec<(SeriesName, Channel, u32)>,
    /// In order of arrival.
    sources: Vec<Source>,
    /// What is read: the range of the query and the context that it needs.
    range: Option<(i64, i64)>,
    erasures: Vec<Erasure>,
}

fn snapshots(state: &State, selected: Vec<(SeriesName, u32, u32)>, query: &Query) -> Result<Vec<Snapshot>> {
    let mut by_device: std::collections::BTreeMap<u32, Vec<(SeriesName, Channel, u32)>> = Default::default();
    for (series, device, column) in selected {
        let channel = state.describe(device, column).clone();
        by_device.entry(device).or_default().push((series, channel, column));
    }
    let of = |(device, wanted): (u32, Vec<_>)| {
        let range = read_range(query, &wanted)?;
        let sources = range.map_or_else(Vec::new, |range| sources(state, device, &wanted, range));
        Ok(Snapshot { wanted, sources, range, erasures: state.devices[device as usize].erasures.clone() })
    };
    by_device.into_iter().map(of).collect()
}

/// The range of the query and the context that one of the series needs.
fn read_range(query: &Query, wanted: &[(SeriesName, Channel, u32)]) -> Result<Option<(i64, i64)>> {
    let Some((mut first, mut last)) = range(query) else { return Ok(None) };
    let (from, to) = (first, last);
    for (series, channel, _) in wanted {
        let (before, after) = query.context(channel).map_err(|e| e.context(series))?;
        first = first.min(from.saturating_sub(before.as_micros()));
        last = last.max(to.saturating_add(after.as_micros()));
    }
    Ok(Some((first, last)))
}

fn sources(state: &State, device: u32, wanted: &[(SeriesName, Channel, u32)], (from, to): (i64, i64)) -> Vec<Source> {
    let device = &state.devices[device as usize];
    let chunks = device.chunks.iter().filter(|chunk| chunk.first <= to && chunk.last >= from);
    let chunks = chunks.filter_map(|chunk| Some(Source::Chunk(chunk.clone(), state.file(chunk.file)?)));
    let frozen = device.frozen.iter().map(|head| Source::Head(Arc::clone(head)));
    let columns: Vec<u32> = wanted.iter().map(|(_, _, column)| *column).collect();
    let live = device.head.copy_of(&columns, from, to);
    let live = (live.rows() > 0).then(|| Source::Head(Arc::new(live)));
    chunks.chain(frozen).chain(live).collect()
}

/// Where the samples of one series go.
enum Sink<'a> {
    /// Runs of samples in the order in which they came.
    Raw(Vec<(Vec<i64>, Vec<f64>)>),
    Fold(Box<BucketFold<'a>>),
}

impl Snapshot {
    /// `before` is what the query's seed found, in the same order.
    fn answer(
        self,
        query: &Query,
        before: Vec<SeriesResult>,
        skip: bool,
        skipped: &mut Vec<String>,
    ) -> Result<Vec<SeriesResult>> {
        let sinks = self.gather(query, &before, skip, skipped)?;
        let finish = |((series, channel, _), sink): ((SeriesName, Channel, u32), Sink<'_>)| match sink {
            Sink::Raw(mut runs) => {
                if query.last.is_some() {
                    runs.reverse();
                }
                let (times, values) = join(runs, query);
                let (times, values) = match query.chart {
                    Some(chart) => chart.pick(query, times, values),
                    None => (times, values),
                };
                Ok(SeriesResult::raw(series, channel, times, values))
            }
            Sink::Fold(fold) => {
                let mut rows = fold.finish()?;
                let (start, end) = window(rows.starts.len(), query);
                rows.keep(start, end);
                Ok(SeriesResult::bucketed(series, channel, rows, &query.columns()))
            }
        };
        self.wanted.into_iter().zip(sinks).map(finish).collect()
    }

    /// One cluster of sources after another, as far as the query needs them.
    fn gather<'a>(
        &self,
        query: &'a Query,
        before: &[SeriesResult],
        skip: bool,
        skipped: &mut Vec<String>,
    ) -> Result<Vec<Sink<'a>>> {
        let sink = |(series, channel, _): &(SeriesName, Channel, u32)| match query.is_raw() {
            true => Ok(Sink::Raw(Vec::new())),
            false => BucketFold::new(query, channel).map(|fold| Sink::Fold(Box::new(fold))).map_err(|e| e.context(series)),
        };
        let mut sinks: Vec<Sink<'a>> = self.wanted.iter().map(sink).collect::<Result<_>>()?;
        for (sink, before) in sinks.iter_mut().zip(before) {
            let values = before.values().map_or(&[][..], |values| values.values());
            sink.take(before.times().values(), values)?;
        }
        let mut clusters = self.clusters();
        if query.is_raw() && query.last.is_some() {
            clusters.reverse();
        }
        let enough = query.limit.or(query.last).filter(|_| query.is_raw());
        for cluster in clusters {
            match cluster[..] {
                [alone] if self.sources[alone].rises() => self.read(&self.sources[alone], skip, skipped, &mut sinks)?,
                _ => self.merge(&cluster, skip, skipped, &mut sinks)?,
            }
            if enough.is_some_and(|rows| sinks.iter().all(|sink| sink.rows() >= rows)) {
                break;
            }
        }
        Ok(sinks)
    }

    /// The sources by number, those together whose spans overlap, in order of time; within a cluster in order of arrival.
    fn clusters(&self) -> Vec<Vec<usize>> {
        let mut spans: Vec<((i64, i64), usize)> = self.sources.iter().map(Source::span).zip(0..).collect();
        spans.sort_unstable();
        let mut clusters: Vec<Vec<usize>> = Vec::new();
        let mut end = None;
        for ((first, last), number) in spans {
            match clusters.last_mut() {
                Some(cluster) if end >= Some(first) => cluster.push(number),
                _ => clusters.push(vec![number]),
            }
            end = end.max(Some(last));
        }
        clusters.iter_mut().for_each(|cluster| cluster.sort_unstable());
        clusters
    }

    /// Several sources in order of time: of several values of one time the one that arrived last (S8).
    fn merge(&self, cluster: &[usize], skip: bool, skipped: &mut Vec<String>, sinks: &mut [Sink<'_>]) -> Result<()> {
        let mut gathered: Vec<Sink<'_>> = self.wanted.iter().map(|_| Sink::Raw(Vec::new())).collect();
        for number in cluster {
            self.read(&self.sources[*number], skip, skipped, &mut gathered)?;
        }
        for (gathered, sink) in gathered.into_iter().zip(sinks) {
            let Sink::Raw(runs) = gathered else { continue };
            let pairs = runs.into_iter().flat_map(|(times, values)| times.into_iter().zip(values));
            let mut samples: Vec<(i64, f64)> = pairs.collect();
            samples.sort_by_key(|(time, _)| *time);
            let (times, values) = keep_last(samples);
            sink.take(&times, &values)?;
        }
        Ok(())
    }

    fn read(&self, source: &Source, skip: bool, skipped: &mut Vec<String>, sinks: &mut [Sink<'_>]) -> Result<()> {
        match source {
            Source::Head(head) => self.read_head(head, sinks),
            Source::Chunk(place, file) => match self.decode_chunk(place, file, sinks) {
                Ok(decoded) => decoded.give(sinks),
                Err(e) => {
                    let what = format!("{} at byte {}", file.name, place.offset);
                    if !skip || e.kind() == ErrorKind::Invalid {
                        return Err(e.context(what));
                    }
                    skipped.push(format!("{what}: {e}"));
                    Ok(())
                }
            },
        }
    }

    fn read_head(&self, head: &Head, sinks: &mut [Sink<'_>]) -> Result<()> {
        for ((_, _, id), sink) in self.wanted.iter().zip(sinks) {
            let Some(column) = head.columns.get(*id as usize) else { continue };
            let (from, to) = self.range.unwrap_or((0, -1));
            let samples = column.iter().map(|(row, value)| (head.times[row], value));
            let (times, values): (Vec<i64>, Vec<f64>) = samples.filter(|(time, _)| (from..=to).contains(time)).unzip();
            sink.take(&times, &values)?;
        }
        Ok(())
    }

    /// What the chunk has of each series: everything, before anything is given on, so that damage takes all of it.
    fn decode_chunk(&self, place: &ChunkPlace, file: &ChunkFile, sinks: &mut [Sink<'_>]) -> Result<Decoded> {
        let file = file.open()?;
        let directory = Directory::read(&*file, place)?;
        if self.erasures.iter().any(|erasure| erasure.concerns(place.order, place.first, place.last)) {
            return self.decode_erased(place, directory.table(&*file)?);
        }
        let (from, to) = self.range.unwrap_or((0, -1));
        let whole = from <= place.first && place.last <= to;
        let (first, last) = (place.first, place.last);
        let mut decoded = Decoded { times: Vec::new(), rows: 0..0, first, last, parts: Vec::new() };
        for (at, (_, _, id)) in self.wanted.iter().enumerate() {
            let Some(column) = directory.column(*id) else { continue };
            if let Sink::Fold(fold) = &mut sinks[at]
                && whole
                && fold.takes(&Run { first, last, step: None, summary: &column.summary })?
            {
                decoded.parts.push((at, Part::Summary(column.summary)));
                continue;
            }
            if decoded.times.is_empty() {
                let times = decode_times(&directory, &*file, place)?;
                decoded.rows = times.partition_point(|t| *t < from)..times.partition_point(|t| *t <= to);
                decoded.times = times;
            }
            decoded.parts.push((at, Part::Column(directory.values(&*file, column)?)));
        }
        Ok(decoded)
    }

    /// What deletions leave of a chunk.
    fn decode_erased(&self, place: &ChunkPlace, mut table: Table) -> Result<Decoded> {
        erase(&mut table, place.order, &self.erasures);
        let (from, to) = self.range.unwrap_or((0, -1));
        let rows = table.times.partition_point(|t| *t < from)..table.times.partition_point(|t| *t <= to);
        let column = |id: u32| table.columns.iter().find(|column| column.id == id).cloned();
        let parts = self.wanted.iter().enumerate().filter_map(|(at, (_, _, id))| Some((at, Part::Column(column(*id)?))));
        let parts = parts.collect();
        Ok(Decoded { times: table.times, rows, first: place.first, last: place.last, parts })
    }
}

fn decode_times(directory: &Directory, file: &dyn DiskFile, place: &ChunkPlace) -> Result<Vec<i64>> {
    let times = directory.times(file)?;
    if times.first() == Some(&place.first) && times.last() == Some(&place.last) { Ok(times) } else { Err(damaged("times")) }
}

/// What one chunk has of the series that are asked for.
struct Decoded {
    times: Vec<i64>,
    /// Those of the rows that lie in the range.
    rows: std::ops::Range<usize>,
    first: i64,
    last: i64,
    parts: Vec<(usize, Part)>,
}

enum Part {
    Column(Column),
    /// All of the chunk lies in one bucket.
    Summary(Summary),
}

impl Decoded {
    fn give(self, sinks: &mut [Sink<'_>]) -> Result<()> {
        for (at, part) in &self.parts {
            match (part, &mut sinks[*at]) {
                (Part::Column(Column { rows: None, values, .. }), sink) => {
                    sink.take(&self.times[self.rows.clone()], &values[self.rows.clone()])?;
                }
                (Part::Column(Column { rows: Some(rows), values, .. }), sink) => {
                    let start = rows.partition_point(|row| (*row as usize) < self.rows.start);
                    let end = rows.partition_point(|row| (*row as usize) < self.rows.end);
                    let times: Vec<i64> = rows[start..end].iter().map(|row| self.times[*row as usize]).collect();
                    sink.take(&times, &values[start..end])?;
                }
                (Part::Summary(summary), Sink::Fold(fold)) => {
                    fold.run(&Run { first: self.first, last: self.last, step: None, summary })?;
                }
                (Part::Summary(_), Sink::Raw(_)) => {}
            }
        }
        Ok(())
    }
}

impl Sink<'_> {
    /// How many raw samples there are.
    fn rows(&self) -> usize {
        match self {
            Self::Raw(runs) => runs.iter().map(|(times, _)| times.len()).sum(),
            Self::Fold(_) => 0,
        }
    }

    fn take(&mut self, times: &[i64], values: &[f64]) -> Result<()> {
        match self {
            Self::Raw(runs) => {
                runs.push((times.to_vec(), values.to_vec()));
                Ok(())
            }
            Self::Fold(fold) => fold.samples(times, values),
        }
    }
}

/// Which of so many rows the query asked for.
fn window(rows: usize, query: &Query) -> (usize, usize) {
    match (query.limit, query.last) {
        (Some(limit), _) => (0, rows.min(limit)),
        (None, Some(last)) => (rows.saturating_sub(last), rows),
        (None, None) => (0, rows),
    }
}

fn join(mut runs: Vec<(Vec<i64>, Vec<f64>)>, query: &Query) -> (Vec<i64>, Vec<f64>) {
    runs.retain(|(times, _)| !times.is_empty());
    let (mut times, mut values) = if runs.len() == 1 {
        runs.remove(0)
    } else {
        let rows = runs.iter().map(|run| run.0.len()).sum();
        let mut joined = (Vec::with_capacity(rows), Vec::with_capacity(rows));
        for (times, values) in runs {
            joined.0.extend(times);
            joined.1.extend(values);
        }
        joined
    };
    let (start, end) = window(times.len(), query);
    times.truncate(end);
    values.truncate(end);
    times.drain(..start);
    values.drain(..start);
    (times, values)
}
