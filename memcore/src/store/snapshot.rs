//! What a query reads: the rows of one device as they were when it began, from chunks and heads, without holding any lock.

use std::sync::Arc;

use super::chunk::{ChunkPlace, Directory, Paged};
use super::cost::Cost;
use super::disk::DiskFile;
use super::erasure::Erasure;
use super::rows::Reach;
use super::state::{ChunkFile, State};
use super::table::Head;
use super::times::Times;
use crate::error::{ErrorKind, Result};
use crate::model::{Channel, SeriesName};

/// Rows of one device that may lie in the range, from one place.
#[derive(Debug)]
pub(super) enum Source {
    Chunk(ChunkPlace, Arc<ChunkFile>),
    Head(Arc<Head>),
}

impl Source {
    /// The first and the last time.
    pub(super) fn span(&self) -> (i64, i64) {
        match self {
            Self::Chunk(place, _) => (place.first, place.last),
            Self::Head(head) if head.rising => (head.times[0], head.times[head.rows() - 1]),
            Self::Head(head) => head.times.iter().fold((i64::MAX, i64::MIN), |(low, high), t| (low.min(*t), high.max(*t))),
        }
    }
}

/// A series of the device: its name, what its numbers mean, its column.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) series: SeriesName,
    pub(super) channel: Channel,
    pub(super) column: u32,
    /// The column of the qualities of its values, where there is one and it is asked for.
    pub(super) quality: Option<u32>,
}

/// What a query needs of one device.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) wanted: Vec<Wanted>,
    /// In order of arrival: later ones override earlier ones (S8). Each with its span.
    pub(super) sources: Vec<(Source, (i64, i64))>,
    pub(super) erasures: Vec<Erasure>,
    /// Chunks that are being read, by the number of their source.
    open: Vec<Option<Box<OpenChunk>>>,
    pub(super) cost: Cost,
    skip_damaged: bool,
    /// Damage that was left out.
    pub(super) skipped: Vec<String>,
}

/// A chunk that is being read.
#[derive(Debug)]
pub(super) struct OpenChunk {
    pub(super) file: Arc<dyn DiskFile>,
    pub(super) directory: Arc<Directory>,
    /// Its times, once they were needed: what is decoded of them serves every column.
    times: Option<Times>,
    /// When each of its rows arrived; only where that was asked.
    arrivals: Option<Vec<i64>>,
}

impl OpenChunk {
    /// The minute in which each row arrived. Adds how many bytes are read.
    pub(super) fn arrivals(&mut self, read: &mut u64) -> Result<&[i64]> {
        if self.arrivals.is_none() {
            let arrived = match &*self.directory {
                Directory::One(_) => Vec::new(),
                Directory::Two(two) => {
                    let own = self.times.get_or_insert_with(|| two.times.clone());
                    let times = two.all_times(own, &*self.file, read)?;
                    two.arrivals(&*self.file, &times, read)?.iter().collect()
                }
            };
            self.arrivals = Some(arrived);
        }
        Ok(self.arrivals.as_deref().unwrap_or_default())
    }

    /// Appends the times of a page of the chunk. Adds how many bytes are read.
    pub(super) fn times(&mut self, two: &Paged, page: usize, read: &mut u64, out: &mut Vec<i64>) -> Result<()> {
        let own = self.times.get_or_insert_with(|| two.times.clone());
        own.page(page, &two.pages[page], &*self.file, read, out)
    }
}

/// One snapshot a device, in order of their ids, of what lies between two times, both included.
pub(super) fn take(
    state: &State,
    selected: Vec<(SeriesName, u32, u32)>,
    range: Option<(i64, i64)>,
    (skip_damaged, with_quality): (bool, bool),
) -> Vec<Snapshot> {
    let mut by_device: std::collections::BTreeMap<u32, Vec<Wanted>> = Default::default();
    for (series, device, column) in selected {
        let channel = state.describe(device, column).clone();
        let quality = state.devices[device as usize].qualities.get(&column).copied().filter(|_| with_quality);
        by_device.entry(device).or_default().push(Wanted { series, channel, column, quality });
    }
    let of = |(device, wanted): (u32, Vec<Wanted>)| {
        let sources = range.map_or_else(Vec::new, |range| sources(state, device, &wanted, range));
        Snapshot {
            wanted,
            open: sources.iter().map(|_| None).collect(),
            sources,
            erasures: state.devices[device as usize].erasures.clone(),
            cost: Cost::default(),
            skip_damaged,
            skipped: Vec::new(),
        }
    };
    by_device.into_iter().map(of).collect()
}

fn sources(state: &State, device: u32, wanted: &[Wanted], (from, to): (i64, i64)) -> Vec<(Source, (i64, i64))> {
    let device = &state.devices[device as usize];
    let chunks = device.chunks.iter().filter(|chunk| chunk.first <= to && chunk.last >= from);
    let chunks = chunks.filter_map(|chunk| Some(Source::Chunk(chunk.clone(), state.file(chunk.file)?)));
    let frozen = device.frozen.iter().map(|head| Source::Head(Arc::clone(head)));
    let columns: Vec<u32> = wanted.iter().flat_map(|wanted| [wanted.column].into_iter().chain(wanted.quality)).collect();
    let live = device.head.copy_of(&columns, from, to);
    let live = (live.rows() > 0).then(|| Source::Head(Arc::new(live)));
    let spanned = |source: Source| {
        let span = source.span();
        (source, span)
    };
    let all = chunks.chain(frozen).chain(live).map(spanned);
    all.filter(|(_, (first, last))| *first <= to && *last >= from).collect()
}

impl Snapshot {
    /// The chunk of a source, opened where it is not, and what reading it costs; None where it is damaged and that is to be
    /// left out.
    pub(super) fn chunk(&mut self, source: usize) -> Result<Option<(&mut OpenChunk, &mut Cost)>> {
        let (Source::Chunk(place, file), _) = &self.sources[source] else { return Ok(None) };
        if self.open[source].is_none() {
            let opened = file.open().and_then(|open| {
                let directory = file.directory(&*open, place, &mut self.cost.bytes_read)?;
                Ok(OpenChunk { file: open, directory, times: None, arrivals: None })
            });
            self.cost.chunks += 1;
            match opened {
                Ok(opened) => self.open[source] = Some(Box::new(opened)),
                Err(e) => return self.excuse(source, e).map(|()| None),
            }
        }
        Ok(self.open[source].as_deref_mut().map(|chunk| (chunk, &mut self.cost)))
    }

    /// The deleted ranges that hide rows of a column of a source.
    pub(super) fn erased(&self, source: usize, column: u32) -> Vec<(i64, i64)> {
        let (Source::Chunk(place, _), _) = &self.sources[source] else { return Vec::new() };
        let of_column = |erasure: &&Erasure| erasure.column.is_none_or(|only| only == column);
        let hides = |erasure: &&Erasure| of_column(erasure) && erasure.concerns(place.order, place.first, place.last);
        self.erasures.iter().filter(hides).map(|erasure| (erasure.first, erasure.last)).collect()
    }

    /// What could not be read of a source fails the query, unless it is to be left out: then it is named.
    pub(super) fn excuse(&mut self, source: usize, e: crate::error::Error) -> Result<()> {
        let (Source::Chunk(place, file), _) = &self.sources[source] else { return Err(e) };
        if e.kind() == ErrorKind::Invalid {
            // It is not the chunk but what was asked of its samples.
            return Err(e);
        }
        let what = format!("{} at byte {}", file.name, place.offset);
        if !self.skip_damaged {
            return Err(e.context(what));
        }
        let named = format!("{what}: {e}");
        if !self.skipped.contains(&named) {
            self.skipped.push(named);
        }
        Ok(())
    }

    /// About how many rows are read, not less where sources do not overlap.
    pub(super) fn rows_within(&self, reach: &Reach) -> usize {
        let rows = |(source, (first, last)): &(Source, (i64, i64))| {
            let rows = match source {
                Source::Chunk(place, _) => place.rows as usize,
                Source::Head(head) => head.rows(),
            };
            let length = (i128::from(*last) - i128::from(*first)).max(1) as f64;
            let within = i128::from(reach.last.min(*last)) - i128::from(reach.first.max(*first));
            (rows as f64 * (within.max(0) as f64 / length)).ceil() as usize
        };
        self.sources.iter().map(rows).sum()
    }

    /// The first and the last time of all sources.
    pub(super) fn span(&self) -> Option<(i64, i64)> {
        let spans = || self.sources.iter().map(|(_, span)| *span);
        spans().map(|(first, _)| first).min().zip(spans().map(|(_, last)| last).max())
    }

    /// The first time from `from` on at which there may be a sample, or a value that holds for so long.
    pub(super) fn next_from(&self, from: i64, held: i64) -> Option<i64> {
        let spans = self.sources.iter().map(|(_, span)| *span).filter(|(_, last)| last.saturating_add(held) >= from);
        spans.map(|(first, _)| first.max(from)).min()
    }

    /// Where the reading of all series together may pause: there some chunk ends, and is not needed any more.
    pub(super) fn pauses(&self) -> Vec<i64> {
        let chunks = self.sources.iter().filter(|(source, _)| matches!(source, Source::Chunk(..)));
        let mut ends: Vec<i64> = chunks.map(|(_, (_, last))| *last).chain([i64::MAX]).collect();
        ends.sort_unstable();
        ends.dedup();
        ends
    }

    /// Lets go of the chunks that end at that time or before.
    pub(super) fn close_until(&mut self, time: i64) {
        for (open, (_, (_, last))) in self.open.iter_mut().zip(&self.sources) {
            if *last <= time {
                *open = None;
            }
        }
    }

    /// A time from which on a column has at least so many values up to `reach.last`, as far as sources tell without being
    /// merged; None where all of it has fewer.
    pub(super) fn start_of_last(&mut self, column: u32, reach: &Reach, rows: usize) -> Result<Option<i64>> {
        let within = |(_, (first, last)): &&(Source, (i64, i64))| *first <= reach.last && *last >= reach.first;
        let numbered = self.sources.iter().enumerate().filter(|(_, source)| within(source));
        let mut latest_first: Vec<(i64, usize)> = numbered.map(|(number, (_, span))| (span.1, number)).collect();
        latest_first.sort_unstable_by(|a, b| b.cmp(a));
        let (mut start, mut found) = (i64::MAX, 0);
        for (_, source) in latest_first {
            for (first, values) in self.parts(source, column)?.into_iter().rev().filter(|(first, _)| *first <= reach.last) {
                start = start.min(first);
                found += values;
                if found >= rows {
                    return Ok(Some(start).filter(|start| *start > reach.first));
                }
            }
        }
        Ok(None)
    }

    /// Where the parts of a source begin that can be read by themselves, and how many values of the column each has.
    fn parts(&mut self, source: usize, column: u32) -> Result<Vec<(i64, usize)>> {
        let (from, (first, _)) = &self.sources[source];
        let first = *first;
        if let Source::Head(head) = from {
            return Ok(parts_of_head(head, column, first));
        }
        let Some((chunk, cost)) = self.chunk(source)? else { return Ok(Vec::new()) };
        let Directory::Two(two) = &*chunk.directory else { return Ok(vec![(first, usize::MAX)]) };
        let Some(place) = two.column(column) else { return Ok(Vec::new()) };
        match two.reader(place, &*chunk.file, &mut cost.bytes_read) {
            Ok(reader) => {
                let part = |(at, page): (usize, &super::pages::Page)| (two.spans[at].first, page.count());
                Ok(reader.pages.iter().enumerate().map(part).collect())
            }
            Err(e) => self.excuse(source, e).map(|()| Vec::new()),
        }
    }
}

/// A head whose rows rise is cut where as many values follow as are asked for most often.
fn parts_of_head(head: &Head, column: u32, first: i64) -> Vec<(i64, usize)> {
    const PART: usize = 64;
    let Some(column) = head.columns.get(column as usize) else { return Vec::new() };
    let count = column.values.len();
    if !head.rising || count == 0 {
        return vec![(first, count)];
    }
    let row = |place: usize| column.rows.as_ref().map_or(place, |rows| rows[place] as usize);
    let starts = (0..count).step_by(PART);
    starts.map(|place| (head.times[row(place)], PART.min(count - place))).collect()
}
