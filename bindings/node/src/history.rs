//! A site's history: opened, registered, written, queried.

use std::path::Path;

use memcore::model::{Selection, SeriesName, Timestamp, Unit};
use memcore::store::{Aggregate, Every, StoreOptions};
use memcore::{Memcore, Query};
use napi::Env;
use napi::bindgen_prelude::{BigInt, PromiseRaw};
use napi_derive::napi;

use crate::channel::{ChannelOptions, SeriesDescription};
use crate::error::{Result, ToNode, on_disk};
use crate::result::NativeResult;
use crate::time::instant;

/// Opens the site in that folder.
#[napi(catch_unwind)]
pub(crate) fn open(path: String, read_only: bool) -> Result<NativeHistory> {
    let (path, options) = (Path::new(&path), StoreOptions::default());
    let opened = if read_only { Memcore::open_read_only(path, options) } else { Memcore::open(path, options) };
    opened.to_node().map(NativeHistory)
}

/// A site that is gone when its last handle is.
#[napi(catch_unwind)]
pub(crate) fn memory() -> NativeHistory {
    NativeHistory(Memcore::in_memory())
}

/// The question of a query.
#[napi(object)]
pub struct QueryOptions {
    /// Only from this instant on, in microseconds.
    pub start: Option<BigInt>,
    /// Only before this instant, in microseconds.
    pub end: Option<BigInt>,
    /// The length of the buckets.
    pub every: Option<String>,
    /// The aggregates, one a column.
    pub agg: Option<Vec<String>>,
    /// The zone whose calendar the buckets follow.
    pub tz: Option<String>,
    /// At most so many rows of each series, the first ones.
    pub limit: Option<u32>,
    /// At most so many rows of each series, the last ones.
    pub last: Option<u32>,
}

impl QueryOptions {
    fn query(&self, selection: &str) -> Result<Query> {
        let mut query = Query::of(selection).to_node()?;
        if let Some(start) = &self.start {
            query = query.from(instant(start).to_node()?);
        }
        if let Some(end) = &self.end {
            query = query.to(instant(end).to_node()?);
        }
        match (&self.every, &self.tz) {
            (Some(every), zone) => query = query.every(Every::parse(every, zone.as_deref()).to_node()?),
            (None, Some(_)) => {
                return Err(memcore::Error::invalid("tz without every: expected the buckets that follow it")).to_node();
            }
            (None, None) => {}
        }
        for aggregate in self.agg.iter().flatten() {
            query = query.aggregate(aggregate.parse::<Aggregate>().to_node()?);
        }
        if let Some(limit) = self.limit {
            query = query.limit(limit as usize);
        }
        if let Some(last) = self.last {
            query = query.last(last as usize);
        }
        Ok(query)
    }
}

/// How a column is written.
#[napi(object)]
pub struct WriteOptions {
    /// Whether NaN is a value.
    pub keep_nan: bool,
    /// The unit to convert from.
    pub unit: Option<String>,
}

/// The latest sample of a series.
#[napi(object)]
pub struct LatestSample {
    /// The series.
    pub series: String,
    /// When it was measured, in microseconds.
    pub time: BigInt,
    /// In the base unit of its quantity and in passive sign.
    pub value: f64,
}

/// How much is stored.
#[napi(object)]
pub struct HistoryStats {
    /// Registered devices.
    pub devices: u32,
    /// Registered channels.
    pub series: u32,
    /// Values stored.
    pub points: i64,
    /// Sealed chunks.
    pub chunks: u32,
    /// Bytes of sealed chunks.
    pub chunk_bytes: i64,
    /// Bytes of the log.
    pub log_bytes: i64,
    /// Batches that were not stored because they were there already.
    pub repeated_batches: i64,
    /// What was found damaged when the site was opened.
    pub damage: Vec<String>,
}

/// A site's history.
#[napi]
pub struct NativeHistory(pub(crate) Memcore);

#[napi]
impl NativeHistory {
    /// The folder of the site.
    #[napi(getter, catch_unwind)]
    pub fn path(&self) -> Option<String> {
        self.0.path().map(|path| path.display().to_string())
    }

    /// Says what the numbers of a series mean.
    #[napi(catch_unwind)]
    pub fn register(&self, series: String, options: ChannelOptions) -> Result<()> {
        let register = || {
            let series: SeriesName = series.parse()?;
            self.0.register(&series, &options.channel(&series)?)
        };
        register().to_node()
    }

    /// Writes a column; `absent` marks the values that are none, and NaN is one of them unless it is to be kept.
    /// What is given is copied before this returns, so that it may be changed while the disk works.
    #[napi(catch_unwind, ts_return_type = "Promise<number>")]
    pub fn write<'env>(
        &self,
        env: &'env Env,
        series: String,
        times: &[i64],
        values: &[f64],
        absent: Option<&[u8]>,
        options: WriteOptions,
    ) -> Result<PromiseRaw<'env, u32>> {
        let series: SeriesName = series.parse().to_node()?;
        let keep_nan = options.keep_nan;
        let unit = options.unit.map(|unit| unit.parse::<Unit>()).transpose().to_node()?;
        let times: Vec<Timestamp> = times.iter().copied().map(Timestamp::from_micros).collect();
        let present = |at: usize, value: f64| {
            let absent = absent.is_some_and(|absent| absent.get(at).is_some_and(|mark| *mark != 0));
            (!absent && (keep_nan || !value.is_nan())).then_some(value)
        };
        let values: Vec<Option<f64>> = values.iter().enumerate().map(|(at, value)| present(at, *value)).collect();
        let memcore = self.0.clone();
        env.spawn_future(async move {
            let written = on_disk(move || memcore.write(&series, &times, &values, unit)).await?;
            Ok(u32::try_from(written).unwrap_or(u32::MAX))
        })
    }

    /// Asks for the series that match.
    #[napi]
    pub async fn query(&self, selection: String, options: QueryOptions) -> Result<NativeResult> {
        let (memcore, query) = (self.0.clone(), options.query(&selection)?);
        on_disk(move || memcore.query(&query)).await.map(NativeResult::new)
    }

    /// The latest sample of each series that matches.
    #[napi]
    pub async fn latest(&self, selection: String) -> Result<Vec<LatestSample>> {
        let (memcore, selection) = (self.0.clone(), selection.parse::<Selection>().to_node()?);
        let latest = on_disk(move || memcore.latest(selection)).await?;
        Ok(latest
            .into_iter()
            .map(|(series, sample)| LatestSample {
                series: series.to_string(),
                time: BigInt::from(sample.time.as_micros()),
                value: sample.value,
            })
            .collect())
    }

    /// The series that match, with what their numbers mean.
    #[napi(catch_unwind)]
    pub fn series(&self, selection: String) -> Result<Vec<SeriesDescription>> {
        let selection: Selection = selection.parse().to_node()?;
        Ok(self.0.series(selection).iter().map(|(series, channel)| SeriesDescription::new(series, channel)).collect())
    }

    /// How much is stored.
    #[napi(catch_unwind)]
    pub fn stats(&self) -> HistoryStats {
        let stats = self.0.stats();
        HistoryStats {
            devices: stats.devices as u32,
            series: stats.series as u32,
            points: stats.points() as i64,
            chunks: stats.chunks as u32,
            chunk_bytes: stats.chunk_bytes as i64,
            log_bytes: stats.log_bytes as i64,
            repeated_batches: stats.repeated_batches as i64,
            damage: stats.damage,
        }
    }

    /// On a read-only site: shows what was written since.
    #[napi]
    pub async fn refresh(&self) -> Result<()> {
        let memcore = self.0.clone();
        on_disk(move || memcore.refresh()).await
    }

    /// Writes everything out and lets the folder go.
    #[napi(catch_unwind)]
    pub fn close(&self) -> Result<()> {
        self.0.close().to_node()
    }
}
