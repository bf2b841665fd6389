//! Answers in batches, for ranges that are longer than memory: what is held is what is decoded next and one batch.

use std::collections::VecDeque;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use super::cost::Cost;
use super::merge::Merge;
use super::query::{Gaps, Query, QueryResult, SeriesResult};
use super::rows::{Out, Rows};
use super::scan;
use super::shared::Shared;
use super::snapshot::Snapshot;
use crate::energy::{Borders, BucketRows};
use crate::error::Result;
use crate::model::Timestamp;

/// A batch is given as soon as it has this many rows.
const BATCH_ROWS: usize = 65_536;
/// Buckets that are made at once.
const BUCKETS: usize = 8192;

/// The answer to a query as record batches in the long layout (see [`QueryResult::to_batch`]), series after series in order
/// of their names, each in order of time. It sees what was stored when it was made, whatever is written, deleted or merged
/// meanwhile.
///
/// What it holds does not grow with the range: sealed chunks are decoded page by page as it advances. Exceptions are queries
/// that need all of a series at once: `last`, charts, a `limit` of buckets, and gaps that are filled on a line or up to an
/// open end.
#[derive(Debug)]
pub struct QueryStream {
    query: Query,
    devices: Vec<Snapshot>,
    /// Series that are left, by device and place.
    left: VecDeque<(usize, usize)>,
    at: Option<At>,
    /// Rows that wait to become a batch.
    ready: Vec<SeriesResult>,
    /// The result without a row: what every batch's schema says.
    empty: QueryResult,
    schema: SchemaRef,
    failed: bool,
}

/// How far a series was read.
#[derive(Debug)]
enum At {
    Rows {
        device: usize,
        series: usize,
        merge: Box<Merge>,
        given: usize,
    },
    /// Buckets from that time on are left.
    Buckets {
        device: usize,
        series: usize,
        from: i64,
    },
}

/// Starts an answer.
pub(super) fn start(shared: &Shared, query: &Query) -> Result<QueryStream> {
    let devices = scan::snapshots(shared, query)?;
    let mut empty = scan::empty_result(query);
    let mut left: Vec<(usize, usize)> = Vec::new();
    for (number, device) in devices.iter().enumerate() {
        left.extend((0..device.wanted.len()).map(|series| (number, series)));
    }
    left.sort_by_key(|(device, series)| &devices[*device].wanted[*series].series);
    for (device, series) in &left {
        let wanted = &devices[*device].wanted[*series];
        let wanted = wanted.clone();
        empty.series.push(match query.is_raw() {
            true => SeriesResult::raw(wanted, Vec::new(), Vec::new(), query.with_quality.then(Vec::new)),
            false => SeriesResult::bucketed(wanted, BucketRows::new(query.columns().len(), false), &query.columns()),
        });
    }
    let schema = empty.long(&[])?.schema();
    let left = left.into();
    Ok(QueryStream { query: query.clone(), devices, left, at: None, ready: Vec::new(), empty, schema, failed: false })
}

impl Iterator for QueryStream {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let batch = self.advance().transpose();
        self.failed = matches!(batch, Some(Err(_)));
        batch
    }
}

impl QueryStream {
    /// The schema of every batch.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// What answering took so far.
    #[must_use]
    pub fn cost(&self) -> Cost {
        let mut cost = Cost::default();
        self.devices.iter().for_each(|device| cost += device.cost);
        cost
    }

    /// The damaged parts of chunks that were left out so far; only with
    /// [`skip_damaged`](super::StoreOptions::skip_damaged) is there ever one.
    pub fn skipped(&self) -> impl Iterator<Item = &str> {
        self.devices.iter().flat_map(|device| &device.skipped).map(String::as_str)
    }

    fn advance(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            let rows: usize = self.ready.iter().map(|series| series.times().len()).sum();
            if rows >= BATCH_ROWS || (self.at.is_none() && self.left.is_empty()) {
                let ready = std::mem::take(&mut self.ready);
                return if rows > 0 { self.empty.long(&ready.iter().collect::<Vec<_>>()).map(Some) } else { Ok(None) };
            }
            match self.at.take() {
                Some(At::Rows { device, series, merge, given }) => self.rows(device, series, merge, given, rows)?,
                Some(At::Buckets { device, series, from }) => self.buckets(device, series, from)?,
                None => self.enter()?,
            }
        }
    }

    /// Begins the next series.
    fn enter(&mut self) -> Result<()> {
        let Some((number, series)) = self.left.pop_front() else { return Ok(()) };
        let in_parts = self.may_be_cut();
        let device = &mut self.devices[number];
        device.close_until(i64::MAX);
        let wanted = device.wanted[series].clone();
        let named = |e: crate::error::Error| e.context(&wanted.series);
        let Some(reach) = scan::reach(&self.query, &wanted.channel).map_err(named)? else { return Ok(()) };
        let at_once = self.query.last.is_some() || self.query.chart.is_some();
        if self.query.is_raw() && !at_once {
            let merge = Box::new(Merge::new(device, wanted.column, reach));
            self.at = Some(At::Rows { device: number, series, merge, given: 0 });
        } else if in_parts {
            self.at = Some(At::Buckets { device: number, series, from: reach.from });
        } else {
            self.ready.extend(scan::answer(device, Some(series), &self.query)?);
        }
        Ok(())
    }

    /// Whether the buckets of a part of the range are the same as when all of it is asked for.
    fn may_be_cut(&self) -> bool {
        let Query { from, to, every, gaps, limit, last, .. } = &self.query;
        let whole_fill = match gaps {
            Gaps::Absent => false,
            Gaps::Linear => true,
            _ => from.is_none() || to.is_none(),
        };
        every.is_some() && limit.is_none() && last.is_none() && !whole_fill
    }

    /// Reads on until there are rows for a batch.
    fn rows(&mut self, number: usize, series: usize, mut merge: Box<Merge>, given: usize, ready: usize) -> Result<()> {
        let device = &mut self.devices[number];
        let most = self.query.limit.unwrap_or(usize::MAX) - given;
        let enough = BATCH_ROWS.saturating_sub(ready).max(1);
        let mut rows = Rows::default();
        let mut more = true;
        while more && rows.len() < enough.min(most) {
            more = merge.step(device, i64::MAX, &mut Out::Raw(&mut rows))?;
            merge.reached().inspect(|time| device.close_until(time.saturating_sub(1)));
        }
        rows.truncate(most);
        let given = given + rows.len();
        let wanted = device.wanted[series].clone();
        if rows.len() > 0 {
            let qualities = scan::qualities(device, &self.query, &wanted, &rows.times)?;
            self.ready.push(SeriesResult::raw(wanted, rows.times, rows.values, qualities));
        }
        if more && given < self.query.limit.unwrap_or(usize::MAX) {
            self.at = Some(At::Rows { device: number, series, merge, given });
        }
        Ok(())
    }

    /// Makes the next buckets, as a query of their own for their part of the range.
    fn buckets(&mut self, number: usize, series: usize, from: i64) -> Result<()> {
        let device = &mut self.devices[number];
        let Some((_, to)) = self.query.micros() else { return Ok(()) };
        let reach = scan::reach(&self.query, &device.wanted[series].channel)?;
        let held = reach.map_or(0, |reach| reach.from.saturating_sub(reach.first));
        let start = match self.query.gaps {
            Gaps::Absent => device.next_from(from, held),
            _ => Some(from),
        };
        let (Some(start), Some(every)) = (start.filter(|start| *start <= to), &self.query.every) else { return Ok(()) };
        let mut borders = Borders::new(every);
        let mut last = start;
        for bucket in 0..BUCKETS {
            last = borders.of(if bucket == 0 { start } else { last + 1 })?.last;
            if last >= to {
                break;
            }
        }
        let part = Query {
            from: if start == i64::MIN { self.query.from } else { Some(Timestamp::from_micros(start)) },
            to: if last >= to { self.query.to } else { Some(Timestamp::from_micros(last + 1)) },
            ..self.query.clone()
        };
        let found = scan::answer(device, Some(series), &part)?;
        self.ready.extend(found.into_iter().filter(|series| !series.times().is_empty()));
        if last < to {
            self.at = Some(At::Buckets { device: number, series, from: last + 1 });
        }
        Ok(())
    }
}
