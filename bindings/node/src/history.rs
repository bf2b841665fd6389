//! A site's history: opened, registered, written, queried.

use std::path::Path;

use memcore::model::{ChannelName, DeviceName, Qualities, Quality, Sample, Selection, SeriesName, Timestamp, Unit};
use memcore::store::StoreOptions;
use memcore::{Error, Memcore};
use napi::Env;
use napi::bindgen_prelude::{BigInt, Float64Array, PromiseRaw};
use napi_derive::napi;

use crate::bulk::{NativeBulk, values_of};
use crate::channel::{ChannelOptions, SeriesDescription, span};
use crate::error::{Result, ToNode, on_disk};
use crate::question::QueryOptions;
use crate::result::NativeResult;
use crate::time::instant;

/// How a site is opened.
#[napi(object)]
pub(crate) struct StoreSettings {
    /// Beside a process that writes to it.
    pub read_only: bool,
    /// How long data are kept.
    pub keep: Option<String>,
    /// How long those of devices by a pattern: pairs.
    pub retention: Vec<Vec<String>>,
    /// Beyond it the oldest data go.
    pub max_bytes: Option<i64>,
    /// Writes are held back where the disk has less left.
    pub reserve_bytes: Option<i64>,
    /// Whether queries leave out what is damaged.
    pub skip_damaged: bool,
}

impl StoreSettings {
    fn options(&self) -> memcore::Result<StoreOptions> {
        let bytes = |bytes: Option<i64>| bytes.and_then(|bytes| u64::try_from(bytes).ok());
        let mut options = StoreOptions::default().skip_damaged(self.skip_damaged).max_bytes(bytes(self.max_bytes));
        options = options.keep(self.keep.as_deref().map(|keep| span("keep", keep)).transpose()?);
        for rule in &self.retention {
            if let [devices, length] = &rule[..] {
                options = options.keep_for(devices.parse()?, span("retention", length)?);
            }
        }
        Ok(bytes(self.reserve_bytes).into_iter().fold(options, StoreOptions::reserve_bytes))
    }
}

/// Opens the site in that folder.
#[napi(catch_unwind)]
pub(crate) fn open(path: String, settings: StoreSettings) -> Result<NativeHistory> {
    let (path, options) = (Path::new(&path), settings.options().to_node()?);
    let opened = match settings.read_only {
        true => Memcore::open_read_only(path, options),
        false => Memcore::open(path, options),
    };
    opened.to_node().map(NativeHistory)
}

/// A site that is gone when its last handle is.
#[napi(catch_unwind)]
pub(crate) fn memory() -> NativeHistory {
    NativeHistory(Memcore::in_memory())
}

/// How a column is written.
#[napi(object)]
pub struct WriteOptions {
    /// Whether NaN is a value.
    pub keep_nan: bool,
    /// The unit to convert from.
    pub unit: Option<String>,
    /// How all values came about, by name.
    pub quality: Option<String>,
    /// How each value came about, by number.
    pub qualities: Option<Float64Array>,
}

impl WriteOptions {
    pub(crate) fn qualities(&self) -> memcore::Result<Option<Qualities<'static>>> {
        if let Some(all) = &self.quality {
            return Ok(Some(all.parse::<Quality>()?.into()));
        }
        self.qualities.as_deref().map(|each| qualities_of(each).map(Into::into)).transpose()
    }
}

/// Qualities by their numbers, NaN where a value was measured.
pub(crate) fn qualities_of(numbers: &[f64]) -> memcore::Result<Vec<Quality>> {
    let quality = |(row, number): (usize, &f64)| match Quality::of_number(*number) {
        Some(quality) => Ok(quality),
        None if number.is_nan() => Ok(Quality::Measured),
        None => Err(Error::invalid(format!(
            "quality[{row}] is {number}, expected 0 to 4: measured held estimated substituted invalid"
        ))),
    };
    numbers.iter().enumerate().map(quality).collect()
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

impl LatestSample {
    fn new((series, sample): (SeriesName, Sample)) -> Self {
        Self { series: series.to_string(), time: BigInt::from(sample.time.as_micros()), value: sample.value }
    }
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
            self.0.register(&series, &options.channel(series.channel.as_str())?)
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
        let quality = options.qualities().to_node()?;
        let unit = options.unit.map(|unit| unit.parse::<Unit>()).transpose().to_node()?;
        let times: Vec<Timestamp> = times.iter().copied().map(Timestamp::from_micros).collect();
        let values = values_of(values, absent, keep_nan);
        let memcore = self.0.clone();
        env.spawn_future(async move {
            let write = move || match quality {
                None => memcore.write(&series, &times, &values, unit),
                Some(quality) => memcore.write_with_quality(&series, &times, &values, unit, quality),
            };
            Ok(u32::try_from(on_disk(write).await?).unwrap_or(u32::MAX))
        })
    }

    /// Writes what channels of a device measured at one instant.
    #[napi]
    pub async fn write_reading(&self, device: String, time: BigInt, channels: Vec<String>, values: Vec<f64>) -> Result<()> {
        let device: DeviceName = device.parse().to_node()?;
        let time = instant(&time).to_node()?;
        let named = channels.iter().zip(values).map(|(channel, value)| Ok((channel.parse::<ChannelName>()?, value)));
        let values = named.collect::<memcore::Result<Vec<_>>>().to_node()?;
        let memcore = self.0.clone();
        on_disk(move || memcore.write_reading(&device, time, &values)).await
    }

    /// Begins a load of many writes.
    #[napi(catch_unwind)]
    pub fn bulk(&self) -> NativeBulk {
        NativeBulk::new(&self.0)
    }

    /// The sample that held at an instant, of each selected series.
    #[napi]
    pub async fn at(&self, selection: String, time: BigInt) -> Result<Vec<LatestSample>> {
        let (memcore, selection) = (self.0.clone(), selection.parse::<Selection>().to_node()?);
        let time = instant(&time).to_node()?;
        Ok(on_disk(move || memcore.at(selection, time)).await?.into_iter().map(LatestSample::new).collect())
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
        Ok(on_disk(move || memcore.latest(selection)).await?.into_iter().map(LatestSample::new).collect())
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
