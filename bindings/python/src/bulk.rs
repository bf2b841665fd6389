//! A load of many writes.

use std::sync::{Arc, Mutex, PoisonError};

use memcore::model::{SeriesName, Unit};
use memcore::{Bulk as CoreBulk, Memcore, Progress};
use pyo3::prelude::*;

use crate::columns;
use crate::errors::{closed, raised};
use crate::frame::{self, Reading};
use crate::owned::Owned;
use crate::runtime::work;

/// An open load.
#[pyclass(frozen, module = "memcore._memcore")]
pub(crate) struct Bulk(Owned<Arc<Mutex<Option<CoreBulk>>>>);

/// Rows, points, part and seconds.
pub(crate) type Told = (u64, u64, Option<f64>, f64);

pub(crate) fn told(progress: &Progress) -> Told {
    (progress.rows, progress.points, progress.part, progress.elapsed.as_secs_f64())
}

impl Bulk {
    pub(crate) fn new(memcore: &Memcore) -> Self {
        Self(Owned::new("load", Arc::new(Mutex::new(Some(memcore.bulk())))))
    }

    fn with<T: Send + 'static>(
        &self,
        py: Python<'_>,
        f: impl FnOnce(&mut CoreBulk) -> memcore::Result<T> + Send + 'static,
    ) -> PyResult<T> {
        let bulk = self.0.with(Arc::clone)?;
        let done = work(py, move || Ok(bulk.lock().unwrap_or_else(PoisonError::into_inner).as_mut().map(f).transpose()))?;
        done.map_err(raised)?.ok_or_else(|| closed("load"))
    }
}

#[pymethods]
impl Bulk {
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
        let quality = columns::qualities(quality)?;
        self.with(py, move |bulk| match quality {
            None => bulk.write(&series, &times, &values, unit),
            Some(quality) => bulk.write_with_quality(&series, &times, &values, unit, quality),
        })
    }

    fn write_frame(&self, py: Python<'_>, table: &Bound<'_, PyAny>, reading: Reading) -> PyResult<usize> {
        let (batches, options) = (frame::batches(table)?, reading.options()?);
        self.with(py, move |bulk| bulk.write_batches(&batches, &options))
    }

    fn commit(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, CoreBulk::commit)
    }

    fn progress(&self, py: Python<'_>) -> PyResult<Told> {
        self.with(py, |bulk| Ok(told(&bulk.progress())))
    }

    /// Commits and says what was written.
    fn finish(&self, py: Python<'_>) -> PyResult<Told> {
        let bulk = self.0.take()?.ok_or_else(|| closed("load"))?;
        work(py, move || {
            let bulk = bulk.lock().unwrap_or_else(PoisonError::into_inner).take();
            bulk.map(CoreBulk::finish).transpose()
        })?
        .map(|progress| told(&progress))
        .ok_or_else(|| closed("load"))
    }
}
