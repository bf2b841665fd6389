//! A load of many writes.

use std::sync::{Arc, Mutex, PoisonError};

use memcore::model::{SeriesName, Timestamp, Unit};
use memcore::{Bulk, Error, ErrorKind, Memcore, Progress};
use napi::Env;
use napi::bindgen_prelude::PromiseRaw;
use napi_derive::napi;

use crate::error::{Result, ToNode, on_disk};
use crate::history::WriteOptions;

/// How far a long work is.
#[napi(object)]
pub struct Told {
    /// Rows that were read or written.
    pub rows: i64,
    /// Values among them.
    pub points: i64,
    /// Which part of the whole is done, from 0 to 1.
    pub part: Option<f64>,
    /// How long it has taken.
    pub milliseconds: f64,
}

impl Told {
    pub(crate) fn new(progress: &Progress) -> Self {
        Self {
            rows: progress.rows as i64,
            points: progress.points as i64,
            part: progress.part,
            milliseconds: progress.elapsed.as_secs_f64() * 1e3,
        }
    }
}

/// Values with what is none of them told apart.
pub(crate) fn values_of(values: &[f64], absent: Option<&[u8]>, keep_nan: bool) -> Vec<Option<f64>> {
    let present = |at: usize, value: f64| {
        let absent = absent.is_some_and(|absent| absent.get(at).is_some_and(|mark| *mark != 0));
        (!absent && (keep_nan || !value.is_nan())).then_some(value)
    };
    values.iter().enumerate().map(|(at, value)| present(at, *value)).collect()
}

/// An open load.
#[napi]
pub struct NativeBulk(Arc<Mutex<Option<Bulk>>>);

#[napi]
impl NativeBulk {
    pub(crate) fn new(memcore: &Memcore) -> Self {
        Self(Arc::new(Mutex::new(Some(memcore.bulk()))))
    }

    fn with<T>(bulk: &Mutex<Option<Bulk>>, f: impl FnOnce(&mut Bulk) -> memcore::Result<T>) -> memcore::Result<T> {
        let mut bulk = bulk.lock().unwrap_or_else(PoisonError::into_inner);
        bulk.as_mut().map_or_else(|| Err(Error::new(ErrorKind::Closed, "the load was closed")), f)
    }

    /// Takes a column in, and gives how many values it had. What is given is copied before this returns.
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
        let quality = options.qualities().to_node()?;
        let unit = options.unit.map(|unit| unit.parse::<Unit>()).transpose().to_node()?;
        let times: Vec<Timestamp> = times.iter().copied().map(Timestamp::from_micros).collect();
        let values = values_of(values, absent, options.keep_nan);
        let bulk = Arc::clone(&self.0);
        env.spawn_future(async move {
            let write = move || {
                Self::with(&bulk, |bulk| match quality {
                    None => bulk.write(&series, &times, &values, unit),
                    Some(quality) => bulk.write_with_quality(&series, &times, &values, unit, quality),
                })
            };
            Ok(u32::try_from(on_disk(write).await?).unwrap_or(u32::MAX))
        })
    }

    /// Makes all that was written so far visible and durable.
    #[napi]
    pub async fn commit(&self) -> Result<()> {
        let bulk = Arc::clone(&self.0);
        on_disk(move || Self::with(&bulk, Bulk::commit)).await
    }

    /// What was written so far.
    #[napi]
    pub async fn progress(&self) -> Result<Told> {
        let bulk = Arc::clone(&self.0);
        on_disk(move || Self::with(&bulk, |bulk| Ok(Told::new(&bulk.progress())))).await
    }

    /// Commits what is left and says what was written.
    #[napi]
    pub async fn finish(&self) -> Result<Told> {
        let bulk = Arc::clone(&self.0);
        on_disk(move || {
            let bulk = bulk.lock().unwrap_or_else(PoisonError::into_inner).take();
            let bulk = bulk.ok_or_else(|| Error::new(ErrorKind::Closed, "the load was closed"))?;
            bulk.finish().map(|progress| Told::new(&progress))
        })
        .await
    }
}
