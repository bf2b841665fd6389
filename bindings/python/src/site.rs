//! A site's history: open, register, write, query.

use std::path::PathBuf;

use memcore::model::{ChannelName, DeviceName, Sample, Selection, SeriesName, Span, Timestamp, Unit};
use memcore::store::{CompactOptions, StoreOptions};
use memcore::{ExportOptions, FileFormat, ImportRequest, Memcore};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::bulk::Bulk;
use crate::channel::Description;
use crate::columns;
use crate::control::{At, explained};
use crate::doctor::{Findings, Look};
use crate::energy::{Asked, Balance};
use crate::errors::{json, raised};
use crate::frame::{self, FileReading, Reading};
use crate::owned::Owned;
use crate::question::Question;
use crate::result::{Column, Stream, Table};
use crate::runtime::work;
use crate::told::{work_on_bytes, work_told};

/// Name, points, bytes, first and last time of a series.
type SeriesSize = (String, u64, u64, Option<i64>, Option<i64>);

/// Borders of buckets, what flowed in them, and the series with their roles.
type Balanced = (Column, Balance, Vec<(String, &'static str)>);

/// How a site is opened; what is `None` is as the core has it by default.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Options {
    keep_us: Option<i64>,
    retention: Vec<(String, i64)>,
    max_bytes: Option<u64>,
    reserve_bytes: Option<u64>,
    skip_damaged: bool,
}

impl Options {
    fn of(&self) -> PyResult<StoreOptions> {
        let mut options = StoreOptions::default().skip_damaged(self.skip_damaged);
        options = options.keep(self.keep_us.map(Span::from_micros)).max_bytes(self.max_bytes);
        for (devices, span) in &self.retention {
            options = options.keep_for(devices.parse().map_err(raised)?, Span::from_micros(*span));
        }
        Ok(self.reserve_bytes.into_iter().fold(options, StoreOptions::reserve_bytes))
    }
}

fn samples(samples: Vec<(SeriesName, Sample)>) -> Vec<(String, i64, f64)> {
    samples.into_iter().map(|(series, sample)| (series.to_string(), sample.time.as_micros(), sample.value)).collect()
}

/// An open site.
#[pyclass(frozen, module = "memcore._memcore")]
pub(crate) struct Site {
    memcore: Owned<Memcore>,
    /// A server's site is closed by the server.
    of_server: bool,
}

impl Site {
    fn new(memcore: Memcore) -> Self {
        Self { memcore: Owned::new("site", memcore), of_server: false }
    }

    pub(crate) fn of_server(memcore: Memcore) -> Self {
        Self { memcore: Owned::new("site", memcore), of_server: true }
    }

    fn memcore(&self) -> PyResult<Memcore> {
        self.memcore.with(Memcore::clone)
    }
}

#[pymethods]
impl Site {
    #[staticmethod]
    fn open(py: Python<'_>, path: PathBuf, read_only: bool, options: Options) -> PyResult<Self> {
        let options = options.of()?;
        work(py, move || match read_only {
            true => Memcore::open_read_only(&path, options),
            false => Memcore::open(&path, options),
        })
        .map(Self::new)
    }

    #[staticmethod]
    fn in_memory(py: Python<'_>) -> PyResult<Self> {
        work(py, || Ok(Memcore::in_memory())).map(Self::new)
    }

    fn path(&self) -> PyResult<Option<PathBuf>> {
        self.memcore.with(|memcore| memcore.path().map(ToOwned::to_owned))
    }

    fn register(&self, py: Python<'_>, series: &str, mut description: Bound<'_, PyDict>) -> PyResult<()> {
        let series: SeriesName = series.parse().map_err(raised)?;
        description = description.copy()?;
        description.set_item("name", series.channel.as_str())?;
        let channel = description.extract::<Description>()?.channel()?;
        let memcore = self.memcore()?;
        work(py, move || memcore.register(&series, &channel))
    }

    #[expect(clippy::too_many_arguments, reason = "a column and all that is said of it")]
    fn write(
        &self,
        py: Python<'_>,
        series: &str,
        times: &Bound<'_, PyAny>,
        values: &Bound<'_, PyAny>,
        unit: Option<&str>,
        skip_nan: bool,
        quality: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<usize> {
        let series: SeriesName = series.parse().map_err(raised)?;
        let unit: Option<Unit> = unit.map(str::parse).transpose().map_err(raised)?;
        let (times, values) = (columns::times("times", times)?, columns::values("values", values, skip_nan)?);
        let (quality, memcore) = (columns::qualities(quality)?, self.memcore()?);
        work(py, move || match quality {
            None => memcore.write(&series, &times, &values, unit),
            Some(quality) => memcore.write_with_quality(&series, &times, &values, unit, quality),
        })
    }

    fn write_frame(&self, py: Python<'_>, table: &Bound<'_, PyAny>, reading: Reading) -> PyResult<usize> {
        let (batches, options) = (frame::batches(table)?, reading.options()?);
        let memcore = self.memcore()?;
        work(py, move || memcore.write_batches(&batches, &options))
    }

    fn write_reading(&self, py: Python<'_>, device: &str, time: i64, values: Vec<(String, f64)>) -> PyResult<()> {
        let device: DeviceName = device.parse().map_err(raised)?;
        let named = values.into_iter().map(|(channel, value)| Ok((channel.parse::<ChannelName>()?, value)));
        let values = named.collect::<memcore::Result<Vec<_>>>().map_err(raised)?;
        let memcore = self.memcore()?;
        work(py, move || memcore.write_reading(&device, Timestamp::from_micros(time), &values))
    }

    fn bulk(&self) -> PyResult<Bulk> {
        Ok(Bulk::new(&self.memcore()?))
    }

    fn query(&self, py: Python<'_>, selection: &str, question: Question) -> PyResult<Table> {
        let query = question.query(selection)?;
        let memcore = self.memcore()?;
        work(py, move || memcore.query(&query)).map(Table::new)
    }

    /// JSON of what was written. `format` is told by the file's name where there is none.
    #[pyo3(signature = (path, selection, question, format, wide, tell))]
    #[expect(clippy::too_many_arguments, reason = "the question, the file, and who hears of it")]
    fn export(
        &self,
        py: Python<'_>,
        path: PathBuf,
        selection: &str,
        question: Question,
        format: Option<&str>,
        wide: bool,
        tell: Option<Py<PyAny>>,
    ) -> PyResult<String> {
        let query = question.query(selection)?;
        let format = format.map_or_else(|| FileFormat::of(&path), str::parse).map_err(raised)?;
        let mut options = ExportOptions::new(format);
        options.wide = wide;
        let memcore = self.memcore()?;
        json(&work_told(py, tell, move |tell| memcore::export_file(&memcore, &query, &path, options, tell))?)
    }

    /// JSON of what was taken in.
    fn import_file(
        &self,
        py: Python<'_>,
        path: PathBuf,
        reading: Reading,
        file: FileReading,
        dry_run: bool,
        tell: Option<Py<PyAny>>,
    ) -> PyResult<String> {
        let mut request = ImportRequest::new(path);
        request.frame = reading.options()?;
        request.dry_run = dry_run;
        let memcore = self.memcore()?;
        json(&work_told(py, tell, move |tell| {
            file.apply(&mut request)?;
            memcore::import_file(&memcore, &request, tell)
        })?)
    }

    /// Examines series.
    fn examine(
        &self,
        py: Python<'_>,
        selection: &str,
        start: Option<i64>,
        end: Option<i64>,
        look: Look,
        tell: Option<Py<PyAny>>,
    ) -> PyResult<Findings> {
        let (selection, examination) = (selection.parse::<Selection>().map_err(raised)?, look.examination()?);
        let start = start.map_or(Timestamp::MIN, Timestamp::from_micros);
        let end = end.map_or(Timestamp::MAX, Timestamp::from_micros);
        let memcore = self.memcore()?;
        work_told(py, tell, move |tell| memcore.examine(selection, start, end, &examination, tell)).and_then(Findings::of)
    }

    /// The balance of a site: borders, what flowed, and which series were read as what. Roles are those that are given, or
    /// told by the names of a site's devices.
    fn balance(
        &self,
        py: Python<'_>,
        site: Option<String>,
        parts: Vec<(String, String)>,
        asked: Asked,
    ) -> PyResult<Balanced> {
        let mut request = asked.request().map_err(raised)?;
        for (role, selection) in &parts {
            let selection = selection.parse::<Selection>().map_err(|e| raised(e.context(role)))?;
            request = request.part(role.parse().map_err(raised)?, selection);
        }
        let memcore = self.memcore()?;
        let found = work(py, move || {
            let roles = site.map_or_else(|| Ok(Vec::new()), |site| memcore.roles(&site))?;
            memcore.balance(&roles.into_iter().fold(request, |request, (series, role)| request.part(role, series)))
        })?;
        let series = found.series.iter().map(|(series, role)| (series.to_string(), role.name())).collect();
        Ok((Column::instants(found.borders)?, Balance(found.balance), series))
    }

    fn at(&self, py: Python<'_>, selection: &str, time: i64) -> PyResult<Vec<(String, i64, f64)>> {
        let selection: Selection = selection.parse().map_err(raised)?;
        let memcore = self.memcore()?;
        work(py, move || memcore.at(selection, Timestamp::from_micros(time))).map(samples)
    }

    /// How many series were selected, and how many of them may have had something in the range.
    fn delete(&self, py: Python<'_>, selection: &str, start: Option<i64>, end: Option<i64>) -> PyResult<(usize, usize)> {
        let selection: Selection = selection.parse().map_err(raised)?;
        let start = start.map_or(Timestamp::MIN, Timestamp::from_micros);
        let end = end.map_or(Timestamp::MAX, Timestamp::from_micros);
        let memcore = self.memcore()?;
        let deleted = work(py, move || memcore.delete(selection, start, end))?;
        Ok((deleted.series, deleted.touched))
    }

    fn compact<'py>(
        &self,
        py: Python<'py>,
        selection: &str,
        forget_before: Option<i64>,
        tell: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let selection: Selection = selection.parse().map_err(raised)?;
        let mut options = CompactOptions::default();
        options.forget_superseded_before = forget_before.map(Timestamp::from_micros);
        let memcore = self.memcore()?;
        let report = work_on_bytes(py, tell, move |tell| memcore.compact(selection, &options, tell))?;
        let dict = PyDict::new(py);
        dict.set_item("chunks_before", report.chunks_before)?;
        dict.set_item("chunks_after", report.chunks_after)?;
        dict.set_item("bytes_before", report.bytes_before)?;
        dict.set_item("bytes_after", report.bytes_after)?;
        dict.set_item("rows", report.rows)?;
        dict.set_item("superseded_dropped", report.superseded_dropped)?;
        dict.set_item("erased", report.erased)?;
        dict.set_item("skipped", report.skipped)?;
        Ok(dict)
    }

    fn stream(&self, py: Python<'_>, selection: &str, question: Question) -> PyResult<Stream> {
        let query = question.query(selection)?;
        let memcore = self.memcore()?;
        work(py, move || memcore.stream(&query)).map(Stream::new)
    }

    fn backup<'py>(&self, py: Python<'py>, to: PathBuf, tell: Option<Py<PyAny>>) -> PyResult<Bound<'py, PyDict>> {
        let memcore = self.memcore()?;
        let report = work_on_bytes(py, tell, move |tell| memcore.backup(&to, tell))?;
        let dict = PyDict::new(py);
        dict.set_item("points", report.points)?;
        dict.set_item("bytes", report.bytes)?;
        dict.set_item("copied_bytes", report.copied_bytes)?;
        dict.set_item("damage", report.damage)?;
        Ok(dict)
    }

    /// Bytes, chunks, and what is damaged.
    fn verify(&self, py: Python<'_>) -> PyResult<(u64, usize, Vec<String>)> {
        let memcore = self.memcore()?;
        let report = work(py, move || memcore.verify())?;
        Ok((report.bytes, report.chunks, report.damage.iter().map(ToString::to_string).collect()))
    }

    /// Name, points, bytes, first and last time of each series.
    fn series_stats(&self, py: Python<'_>, selection: &str) -> PyResult<Vec<SeriesSize>> {
        let selection: Selection = selection.parse().map_err(raised)?;
        let memcore = self.memcore()?;
        let stats = work(py, move || memcore.series_stats(selection))?;
        let micros = |time: Option<Timestamp>| time.map(Timestamp::as_micros);
        let size = stats
            .into_iter()
            .map(|(name, one)| (name.to_string(), one.points, one.bytes, micros(one.first), micros(one.last)));
        Ok(size.collect())
    }

    fn latest(&self, py: Python<'_>, selection: &str) -> PyResult<Vec<(String, i64, f64)>> {
        let selection: Selection = selection.parse().map_err(raised)?;
        let memcore = self.memcore()?;
        work(py, move || memcore.latest(selection)).map(samples)
    }

    /// JSON: pairs of a series' name and its channel.
    fn series(&self, py: Python<'_>, selection: &str) -> PyResult<String> {
        let selection: Selection = selection.parse().map_err(raised)?;
        let memcore = self.memcore()?;
        let series = py.detach(|| memcore.series(selection));
        json(&series.into_iter().map(|(name, channel)| (name.to_string(), channel)).collect::<Vec<_>>())
    }

    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let memcore = self.memcore()?;
        let stats = py.detach(|| memcore.stats());
        let dict = PyDict::new(py);
        dict.set_item("devices", stats.devices)?;
        dict.set_item("series", stats.series)?;
        dict.set_item("points", stats.points())?;
        dict.set_item("sealed_points", stats.sealed_points)?;
        dict.set_item("unsealed_points", stats.unsealed_points)?;
        dict.set_item("chunks", stats.chunks)?;
        dict.set_item("chunk_bytes", stats.chunk_bytes)?;
        dict.set_item("log_bytes", stats.log_bytes)?;
        dict.set_item("repeated_batches", stats.repeated_batches)?;
        dict.set_item("read_only", memcore.store().is_read_only())?;
        dict.set_item("damage", stats.damage)?;
        dict.set_item("torn", stats.torn)?;
        Ok(dict)
    }

    /// JSON. The time is in microseconds, or as people of the site say it; now where there is none.
    fn why(&self, py: Python<'_>, asked: String, at_us: Option<i64>, said: Option<String>) -> PyResult<String> {
        let memcore = self.memcore()?;
        explained(py, at_us, said, move |at| match at {
            At::Instant(at) => memcore.why(&asked, at),
            At::Said(text) => memcore.why_at(&asked, &text),
        })
    }

    fn refresh(&self, py: Python<'_>) -> PyResult<()> {
        let memcore = self.memcore()?;
        work(py, move || memcore.refresh())
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        match self.memcore.take()? {
            Some(memcore) if !self.of_server => work(py, move || memcore.close()),
            _ => Ok(()),
        }
    }
}
