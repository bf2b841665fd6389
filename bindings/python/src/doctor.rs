//! The doctor: over files and columns that Python has, and what it found.

use std::path::PathBuf;
use std::time::Instant;

use memcore::doctor::{self, Examination, FindingKind, Report, Series};
use memcore::model::Unit;
use memcore::{ColumnMapping, Examined, ImportRequest, Progress, Result};
use pyo3::prelude::*;

use crate::channel::variant;
use crate::errors::{invalid, json, raised};
use crate::frame::{FileReading, Reading};
use crate::lent::{self, Lent};
use crate::told::work_told;

/// What a doctor found, in columns or history, or in a file.
#[pyclass(frozen, module = "memcore._memcore")]
pub(crate) struct Findings {
    report: Report,
    /// All of it as JSON, and how to read the file or the columns then.
    told: String,
    mapping: String,
}

impl Findings {
    pub(crate) fn of(report: Report) -> PyResult<Self> {
        Ok(Self { told: json(&report)?, mapping: json(&memcore::mapping_of(&report))?, report })
    }

    fn of_file(examined: Examined) -> PyResult<Self> {
        Ok(Self { told: json(&examined)?, mapping: json(&examined.mapping)?, report: examined.report })
    }
}

#[pymethods]
impl Findings {
    /// All of it, as JSON.
    fn json(&self) -> &str {
        &self.told
    }

    /// What should be declared, as JSON: series (none for all), field and value.
    fn declarations(&self) -> PyResult<String> {
        json(&self.report.declarations())
    }

    /// A mapping that reads it right, as JSON.
    fn mapping(&self) -> &str {
        &self.mapping
    }

    /// The picture of the finding at that place.
    fn svg(&self, finding: usize) -> String {
        self.report.findings.get(finding).map_or_else(String::new, |finding| finding.plot.to_svg())
    }

    /// A page, or what stands in one.
    fn html(&self, page: bool) -> String {
        if page { self.report.to_html() } else { self.report.to_html_fragment() }
    }
}

/// Examines a file, of which nothing is stored.
#[pyfunction]
pub(crate) fn examine_file(
    py: Python<'_>,
    path: PathBuf,
    reading: Reading,
    file: FileReading,
    look: Look,
    tell: Option<Py<PyAny>>,
) -> PyResult<Findings> {
    let mut request = ImportRequest::new(path);
    request.frame = reading.options()?;
    let examination = look.examination()?;
    let examined = work_told(py, tell, move |tell| {
        file.apply(&mut request)?;
        memcore::examine_file(&request, &examination, tell)
    });
    Findings::of_file(examined?)
}

/// How to look; what is `None` is not known.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Look {
    zone: Option<String>,
    position: Option<(f64, f64)>,
    roles: Vec<(String, String)>,
    only: Vec<String>,
}

impl Look {
    pub(crate) fn examination(&self) -> PyResult<Examination> {
        let roles = self.roles.iter().map(|(name, role)| Ok((name.clone(), variant("roles", role)?)));
        let kinds = self.only.iter().map(|kind| kind.parse::<FindingKind>());
        Ok(Examination {
            zone: self.zone.clone(),
            position: self.position,
            roles: roles.collect::<PyResult<_>>()?,
            only: kinds.collect::<Result<_>>().map_err(raised)?,
            ..Examination::default()
        })
    }
}

/// A column, as the Python side gives it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Given {
    name: String,
    times: Py<PyAny>,
    values: Py<PyAny>,
    /// The numbers of its rows.
    rows: Option<Vec<u64>>,
    unit: Option<String>,
    /// JSON of what a mapping says of a column.
    about: Option<String>,
}

/// A column that nobody else changes, so that Ctrl-C may leave the work to itself.
struct Taken {
    name: String,
    times: Lent<'static, i64>,
    values: Lent<'static, f64>,
    rows: Option<Vec<u64>>,
    about: ColumnMapping,
}

impl Given {
    fn take(self, py: Python<'_>) -> PyResult<Taken> {
        let Self { name, times, values, rows, unit, about } = self;
        let mut known = ColumnMapping::default();
        if let Some(about) = about {
            let told = serde_json::from_str(&about);
            known = told.map_err(|e| invalid(format!("mapping: columns[{name:?}]: {e}")))?;
        }
        if let Some(unit) = unit {
            known.unit = Some(unit.parse::<Unit>().map_err(|e| raised(e.context(format_args!("units[{name:?}]"))))?);
        }
        let (times, values) = (times.bind(py), values.bind(py));
        let (times, values) = (lent::local_or_utc("time", times)?.keep(), lent::numbers(&name, values)?.keep());
        Ok(Taken { name, times, values, rows, about: known })
    }
}

impl Taken {
    fn series(&self) -> Result<Series<'_>> {
        let mut series = Series::new(&self.name, &self.times, &self.values)?;
        if let Some(rows) = &self.rows {
            series = series.with_rows(rows)?;
        }
        let ColumnMapping { unit, quantity, kind, sign, label, cadence, range, .. } = &self.about;
        series = unit.iter().fold(series, |series, unit| series.in_unit(*unit));
        series.quantity = quantity.or(series.quantity);
        (series.kind, series.sign, series.label) = (*kind, *sign, *label);
        (series.cadence, series.range) = (*cadence, *range);
        Ok(series)
    }
}

/// Examines columns of one table; `naive` are times on local clocks.
#[pyfunction]
pub(crate) fn examine(
    py: Python<'_>,
    columns: Vec<Given>,
    naive: bool,
    look: Look,
    tell: Option<Py<PyAny>>,
) -> PyResult<Findings> {
    let mut examination = look.examination()?;
    examination.naive = naive;
    let columns = columns.into_iter().map(|column| column.take(py)).collect::<PyResult<Vec<_>>>()?;
    let begun = Instant::now();
    work_told(py, tell, move |tell| {
        let series = columns.iter().map(Taken::series).collect::<Result<Vec<_>>>()?;
        doctor::examine_told(&series, &examination, &mut |part| tell(&Progress::of_part(part, begun)))
    })
    .and_then(Findings::of)
}
