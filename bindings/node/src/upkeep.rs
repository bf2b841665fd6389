//! Long work on a site: import, export, deletion, compaction, checks. It says how far it is, and can be given up.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use memcore::model::{Selection, Timestamp};
use memcore::store::{CompactOptions, CompactReport};
use memcore::{
    BackupReport, Error, ErrorKind, ExportOptions, FileFormat, ImportRequest, Mapping, Memcore, Progress, QueryResult,
    RecordStream,
};
use napi::Env;
use napi::bindgen_prelude::{BigInt, Buffer, Function, PromiseRaw};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi_derive::napi;

use crate::bulk::Told;
use crate::error::{Result, ToNode, on_disk};
use crate::history::NativeHistory;
use crate::question::QueryOptions;
use crate::time::instant;

/// Hears of progress; it keeps no process alive. At most so many calls wait for a busy event loop, more are left out.
pub(crate) type Hears = ThreadsafeFunction<Told, (), Told, napi::Status, false, true, 16>;

/// Ends long work from outside.
#[napi]
pub struct NativeStop(pub(crate) Arc<AtomicBool>);

#[napi]
impl NativeStop {
    /// Nothing is ended yet.
    #[napi(constructor)]
    pub fn new() -> Self {
        Self(Arc::default())
    }

    /// Ends the work at its next step.
    #[napi(catch_unwind)]
    pub fn stop(&self) {
        self.0.store(true, Ordering::Release);
    }
}

pub(crate) fn hears(function: Option<Function<'_, Told, ()>>) -> Result<Option<Hears>> {
    let built = |function: Function<'_, Told, ()>| {
        function.build_threadsafe_function::<Told>().weak::<true>().max_queue_size::<16>().build()
    };
    function.map(built).transpose()
}

/// What core work calls.
pub(crate) fn tell(hears: Option<Hears>, stop: Arc<AtomicBool>) -> impl FnMut(&Progress) -> memcore::Result<()> {
    move |progress| {
        if stop.load(Ordering::Acquire) {
            return Err(Error::new(ErrorKind::Closed, "the work was given up"));
        }
        if let Some(hears) = &hears {
            hears.call(Told::new(progress), ThreadsafeFunctionCallMode::NonBlocking);
        }
        Ok(())
    }
}

/// What core work calls that counts in bytes.
fn tell_bytes(hears: Option<Hears>, stop: &NativeStop) -> impl FnMut(u64, u64) -> memcore::Result<()> + use<> {
    let (begun, mut tell) = (Instant::now(), tell(hears, Arc::clone(&stop.0)));
    move |done, total| tell(&Progress::of_bytes(done, total, begun))
}

/// How a file is read.
#[napi(object)]
pub struct ImportSettings {
    /// Whose channels the columns of a wide file are.
    pub device: Option<String>,
    /// The name of the column of times.
    pub time: Option<String>,
    /// The unit of all values that say none.
    pub unit: Option<String>,
    /// The unit of a column.
    pub units: Option<HashMap<String, String>>,
    /// The zone of times without one.
    pub tz: Option<String>,
    /// What stands between two cells.
    pub delimiter: Option<String>,
    /// What stands before the fraction of a number.
    pub decimal: Option<String>,
    /// The file of a mapping.
    pub mapping_file: Option<String>,
    /// A mapping, as JSON.
    pub mapping: Option<String>,
    /// Writes nothing.
    pub dry_run: bool,
    /// Ends at the first row that cannot be read.
    pub strict: bool,
    /// Where refused rows go.
    pub refused: Option<String>,
    /// Whether they go anywhere.
    pub side_file: bool,
}

impl ImportSettings {
    pub(crate) fn request(self, path: &str) -> memcore::Result<ImportRequest> {
        let mut request = ImportRequest::new(path);
        if let Some(path) = self.mapping_file {
            request.mapping = Mapping::read(path)?;
        }
        if let Some(text) = self.mapping {
            request.mapping = Mapping::from_json(&text)?;
        }
        let file = &mut request.mapping.file;
        file.delimiter = one_char("delimiter", self.delimiter)?.or(file.delimiter);
        file.decimal = one_char("decimal", self.decimal)?.or(file.decimal);
        request.strict = self.strict;
        request.refused = self.refused.map(Into::into).or(request.refused.take()).filter(|_| self.side_file);
        request.frame.device = self.device.map(|device| device.parse()).transpose()?;
        request.frame.time = self.time.unwrap_or(request.frame.time);
        request.frame.unit = self.unit.map(|unit| unit.parse()).transpose()?;
        for (column, unit) in self.units.into_iter().flatten() {
            let unit = unit.parse().map_err(|e: Error| e.context(format_args!("units: {column}")))?;
            request.frame.units.insert(column, unit);
        }
        request.zone = self.tz;
        request.dry_run = self.dry_run;
        Ok(request)
    }
}

fn one_char(field: &str, text: Option<String>) -> memcore::Result<Option<char>> {
    text.map(|text| match text.chars().collect::<Vec<_>>()[..] {
        [one] => Ok(one),
        _ => Err(Error::invalid(format!("{field} is {text:?}, expected one character"))),
    })
    .transpose()
}

/// What a compaction did.
#[napi(object)]
pub struct Compacted {
    /// Chunks before.
    pub chunks_before: u32,
    /// Chunks after.
    pub chunks_after: u32,
    /// Bytes before.
    pub bytes_before: i64,
    /// Bytes after.
    pub bytes_after: i64,
    /// Deleted values that are gone for good.
    pub erased: i64,
    /// Damaged chunks that were left as they are.
    pub skipped: Vec<String>,
}

impl Compacted {
    fn new(report: CompactReport) -> Self {
        Self {
            chunks_before: report.chunks_before as u32,
            chunks_after: report.chunks_after as u32,
            bytes_before: report.bytes_before as i64,
            bytes_after: report.bytes_after as i64,
            erased: report.erased as i64,
            skipped: report.skipped,
        }
    }
}

/// What a check found.
#[napi(object)]
pub struct Verified {
    /// Bytes that were read.
    pub bytes: i64,
    /// Chunks that were decoded.
    pub chunks: u32,
    /// What is damaged.
    pub damage: Vec<String>,
}

/// What a backup holds.
#[napi(object)]
pub struct BackedUp {
    /// Values in it.
    pub points: i64,
    /// Its bytes.
    pub bytes: i64,
    /// Bytes that had to be copied.
    pub copied_bytes: i64,
    /// What is damaged in the store.
    pub damage: Vec<String>,
}

impl BackedUp {
    fn new(report: BackupReport) -> Self {
        let BackupReport { points, bytes, copied_bytes, damage, .. } = report;
        Self { points: points as i64, bytes: bytes as i64, copied_bytes: copied_bytes as i64, damage }
    }
}

/// Makes the site in that folder from a backup.
#[napi(catch_unwind, ts_return_type = "Promise<BackedUp>")]
pub(crate) fn restore<'env>(
    env: &'env Env,
    backup: String,
    site: String,
    stop: &NativeStop,
    told: Option<Function<'_, Told, ()>>,
) -> Result<PromiseRaw<'env, BackedUp>> {
    let mut tell = tell_bytes(hears(told)?, stop);
    env.spawn_future(on_disk(move || memcore::restore(Path::new(&backup), Path::new(&site), &mut tell).map(BackedUp::new)))
}

/// A long answer that is read as it is asked for.
#[napi]
pub struct NativeStream(Arc<Mutex<RecordStream>>);

#[napi]
impl NativeStream {
    /// The next batch as an Arrow IPC stream of its own; none at the end.
    #[napi]
    pub async fn next(&self) -> Result<Option<Buffer>> {
        let stream = Arc::clone(&self.0);
        on_disk(move || {
            let batch = stream.lock().unwrap_or_else(PoisonError::into_inner).next().transpose()?;
            batch.map(|batch| QueryResult::write_ipc(&[batch])).transpose()
        })
        .await
        .map(|bytes| bytes.map(Buffer::from))
    }
}

/// How much is stored of a series.
#[napi(object)]
pub struct SeriesSize {
    /// Its name.
    pub series: String,
    /// Values.
    pub points: i64,
    /// Bytes in sealed chunks.
    pub bytes: i64,
    /// The earliest time, in microseconds.
    pub first: Option<BigInt>,
    /// The latest.
    pub last: Option<BigInt>,
}

pub(crate) fn json(value: &impl serde::Serialize) -> memcore::Result<String> {
    serde_json::to_string(value).map_err(|e| Error::new(ErrorKind::Internal, e.to_string()))
}

fn end_of(time: Option<BigInt>, open: Timestamp) -> Result<Timestamp> {
    time.map_or(Ok(open), |time| instant(&time)).to_node()
}

#[napi]
impl NativeHistory {
    /// JSON of what was written.
    #[napi(catch_unwind, ts_return_type = "Promise<string>")]
    #[allow(clippy::too_many_arguments, reason = "the question, the file, and who hears of it")]
    pub fn export<'env>(
        &self,
        env: &'env Env,
        path: String,
        selection: String,
        question: QueryOptions,
        format: Option<String>,
        wide: bool,
        stop: &NativeStop,
        told: Option<Function<'_, Told, ()>>,
    ) -> Result<PromiseRaw<'env, String>> {
        let query = question.query(&selection)?;
        let format = format.map_or_else(|| FileFormat::of(Path::new(&path)), |format| format.parse()).to_node()?;
        let mut options = ExportOptions::new(format);
        options.wide = wide;
        let mut tell = tell(hears(told)?, Arc::clone(&stop.0));
        let memcore: Memcore = self.0.clone();
        env.spawn_future(on_disk(move || {
            json(&memcore::export_file(&memcore, &query, Path::new(&path), options, &mut tell)?)
        }))
    }

    /// JSON of what was taken in.
    #[napi(catch_unwind, ts_return_type = "Promise<string>")]
    pub fn import_file<'env>(
        &self,
        env: &'env Env,
        path: String,
        settings: ImportSettings,
        stop: &NativeStop,
        told: Option<Function<'_, Told, ()>>,
    ) -> Result<PromiseRaw<'env, String>> {
        let request = settings.request(&path).to_node()?;
        let mut tell = tell(hears(told)?, Arc::clone(&stop.0));
        let memcore: Memcore = self.0.clone();
        env.spawn_future(on_disk(move || json(&memcore::import_file(&memcore, &request, &mut tell)?)))
    }

    /// Deletes a range, and gives of how many series.
    #[napi]
    pub async fn delete(&self, selection: String, start: Option<BigInt>, end: Option<BigInt>) -> Result<u32> {
        let (memcore, selection) = (self.0.clone(), selection.parse::<Selection>().to_node()?);
        let (start, end) = (end_of(start, Timestamp::MIN)?, end_of(end, Timestamp::MAX)?);
        Ok(on_disk(move || memcore.delete(selection, start, end)).await?.series as u32)
    }

    /// Merges what is stored, and carries out what was deleted.
    #[napi(catch_unwind, ts_return_type = "Promise<Compacted>")]
    pub fn compact<'env>(
        &self,
        env: &'env Env,
        selection: String,
        forget_before: Option<BigInt>,
        stop: &NativeStop,
        told: Option<Function<'_, Told, ()>>,
    ) -> Result<PromiseRaw<'env, Compacted>> {
        let (memcore, selection) = (self.0.clone(), selection.parse::<Selection>().to_node()?);
        let mut options = CompactOptions::default();
        options.forget_superseded_before = forget_before.map(|time| instant(&time)).transpose().to_node()?;
        let mut tell = tell_bytes(hears(told)?, stop);
        env.spawn_future(on_disk(move || memcore.compact(selection, &options, &mut tell).map(Compacted::new)))
    }

    /// Copies the history into a folder.
    #[napi(catch_unwind, ts_return_type = "Promise<BackedUp>")]
    pub fn backup<'env>(
        &self,
        env: &'env Env,
        to: String,
        stop: &NativeStop,
        told: Option<Function<'_, Told, ()>>,
    ) -> Result<PromiseRaw<'env, BackedUp>> {
        let (memcore, mut tell) = (self.0.clone(), tell_bytes(hears(told)?, stop));
        env.spawn_future(on_disk(move || memcore.backup(Path::new(&to), &mut tell).map(BackedUp::new)))
    }

    /// Begins an answer that is read as it is asked for.
    #[napi]
    pub async fn stream(&self, selection: String, question: QueryOptions) -> Result<NativeStream> {
        let (memcore, query) = (self.0.clone(), question.query(&selection)?);
        on_disk(move || memcore.stream(&query)).await.map(|stream| NativeStream(Arc::new(Mutex::new(stream))))
    }

    /// Reads everything and checks it.
    #[napi]
    pub async fn verify(&self) -> Result<Verified> {
        let memcore = self.0.clone();
        let report = on_disk(move || memcore.verify()).await?;
        Ok(Verified {
            bytes: report.bytes as i64,
            chunks: report.chunks as u32,
            damage: report.damage.iter().map(ToString::to_string).collect(),
        })
    }

    /// Size and span of each selected series.
    #[napi]
    pub async fn series_stats(&self, selection: String) -> Result<Vec<SeriesSize>> {
        let (memcore, selection) = (self.0.clone(), selection.parse::<Selection>().to_node()?);
        let micros = |time: Option<Timestamp>| time.map(|time| BigInt::from(time.as_micros()));
        let stats = on_disk(move || memcore.series_stats(selection)).await?;
        Ok(stats
            .into_iter()
            .map(|(series, one)| SeriesSize {
                series: series.to_string(),
                points: one.points as i64,
                bytes: one.bytes as i64,
                first: micros(one.first),
                last: micros(one.last),
            })
            .collect())
    }
}
