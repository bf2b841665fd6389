//! A site's history: open, register, write, query.

use std::path::PathBuf;

use memcore::model::{Selection, SeriesName, Timestamp, Unit};
use memcore::store::{Aggregate, Every, StoreOptions};
use memcore::{Memcore, Query};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::channel::Description;
use crate::columns;
use crate::errors::{json, raised};
use crate::owned::Owned;
use crate::result::Table;
use crate::runtime::work;

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
    fn open(py: Python<'_>, path: PathBuf, read_only: bool) -> PyResult<Self> {
        work(py, move || match read_only {
            true => Memcore::open_read_only(&path, StoreOptions::default()),
            false => Memcore::open(&path, StoreOptions::default()),
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

    fn write(
        &self,
        py: Python<'_>,
        series: &str,
        times: &Bound<'_, PyAny>,
        values: &Bound<'_, PyAny>,
        unit: Option<&str>,
        skip_nan: bool,
    ) -> PyResult<usize> {
        let series: SeriesName = series.parse().map_err(raised)?;
        let unit: Option<Unit> = unit.map(str::parse).transpose().map_err(raised)?;
        let (times, values) = (columns::times(times)?, columns::values(values, skip_nan)?);
        let memcore = self.memcore()?;
        work(py, move || memcore.write(&series, &times, &values, unit))
    }

    #[pyo3(signature = (selection, start, end, every, aggregates, zone, limit, last))]
    #[expect(clippy::too_many_arguments, reason = "one a word of the question")]
    fn query(
        &self,
        py: Python<'_>,
        selection: &str,
        start: Option<i64>,
        end: Option<i64>,
        every: Option<&str>,
        aggregates: Vec<String>,
        zone: Option<&str>,
        limit: Option<usize>,
        last: Option<usize>,
    ) -> PyResult<Table> {
        let mut query = Query::of(selection).map_err(raised)?;
        if let Some(start) = start {
            query = query.from(Timestamp::from_micros(start));
        }
        if let Some(end) = end {
            query = query.to(Timestamp::from_micros(end));
        }
        if let Some(every) = every {
            query = query.every(Every::parse(every, zone).map_err(raised)?);
        }
        for aggregate in aggregates {
            query = query.aggregate(aggregate.parse::<Aggregate>().map_err(raised)?);
        }
        if let Some(rows) = limit {
            query = query.limit(rows);
        }
        if let Some(rows) = last {
            query = query.last(rows);
        }
        let memcore = self.memcore()?;
        work(py, move || memcore.query(&query)).map(Table::new)
    }

    fn latest(&self, py: Python<'_>, selection: &str) -> PyResult<Vec<(String, i64, f64)>> {
        let selection: Selection = selection.parse().map_err(raised)?;
        let memcore = self.memcore()?;
        let latest = work(py, move || memcore.latest(selection))?;
        Ok(latest.into_iter().map(|(series, sample)| (series.to_string(), sample.time.as_micros(), sample.value)).collect())
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
        dict.set_item("damage", stats.damage)?;
        dict.set_item("torn", stats.torn)?;
        Ok(dict)
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
