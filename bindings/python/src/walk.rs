//! Backtests of sites over their history, and forecasts for them.

use std::sync::Arc;
use std::time::Instant;

use memcore::model::SystemClock;
use memcore::optimize::{
    Asked, Backtest, ClearSky, Forecast, Forecaster, Foresight, Horizon, Naive, Options, Score, Walk, backtest, score,
    score_method,
};
use memcore::{Error, ErrorKind, Progress};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use crate::errors::{json, raised};
use crate::lent;
use crate::plan::{How, PlanHorizon, PlanSite};
use crate::result::{Column, stream};
use crate::runtime::enter;
use crate::told::work_told;

/// How a history is walked.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Walked {
    from: usize,
    to: Option<usize>,
    ahead: usize,
    every: usize,
    perfect: bool,
    rules: bool,
    zone: String,
}

/// What a walk found.
#[pyclass(frozen, module = "memcore._memcore")]
pub(crate) struct Walking(Backtest);

#[pymethods]
impl Walking {
    /// All of it but columns, as JSON.
    fn json(&self) -> PyResult<String> {
        json(&self.0)
    }

    /// What it cost: part, cause, amount.
    fn costs(&self) -> Vec<(&str, &'static str, f64)> {
        self.0.costs.iter().map(|cost| (cost.part.as_str(), cost.cause.name(), cost.amount)).collect()
    }

    fn horizon(&self) -> PlanHorizon {
        PlanHorizon(self.0.horizon.clone())
    }

    /// Assets, and then links, with what their columns hold.
    fn parts(&self) -> Vec<(&str, Vec<&'static str>)> {
        let held = |part| self.0.schedule.quantities(part).iter().map(|held| held.name()).collect();
        self.0.parts.iter().enumerate().map(|(part, name)| (name.as_str(), held(part))).collect()
    }

    /// A column of an asset or link.
    fn column(&self, part: usize, quantity: usize) -> PyResult<Column> {
        let held = self.0.schedule.quantities(part).get(quantity);
        let held = held.ok_or_else(|| raised(Error::not_found(format!("part {part} has no column {quantity}"))))?;
        Column::numbers(self.0.schedule.column(part, *held).to_vec())
    }

    fn table_stream<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        stream(py, vec![self.0.to_record_batch().map_err(raised)?])
    }
}

/// Who says what is expected: nobody (perfect foresight), a method by its name, or a callable of Python.
fn forecaster(by: Option<&Bound<'_, PyAny>>, zone: &str) -> PyResult<Box<dyn Forecaster + Send>> {
    let Some(by) = by else { return Ok(Box::new(Foresight)) };
    if let Ok(method) = by.extract::<String>() {
        let naive = method.parse().and_then(|method| Naive::new(method, zone)).map_err(raised)?;
        return Ok(Box::new(naive));
    }
    Ok(Box::new(Called(by.clone().unbind())))
}

/// A callable with part, field, the first step, its microseconds, what came before, and how many values are asked for. It returns
/// them, or None.
struct Called(Py<PyAny>);

impl Forecaster for Called {
    fn forecast(&mut self, asked: &Asked<'_>, values: &mut [f64]) -> memcore::Result<bool> {
        let called = enter(|py| -> PyResult<Option<Vec<f64>>> {
            let now = asked.horizon.starts()[asked.first].as_micros();
            let history = Column::numbers(asked.history.to_vec())?;
            let told = self.0.call1(py, (asked.part, asked.field, asked.first, now, history, values.len()))?;
            let told = told.bind(py);
            (!told.is_none()).then(|| lent::numbers("forecast", told).map(|numbers| numbers.to_vec())).transpose()
        });
        let failed = |text: String| Error::invalid(format!("forecast of {}.{}: {text}", asked.part, asked.field));
        match called {
            None => Err(Error::new(ErrorKind::Closed, "the interpreter is ending")),
            Some(Err(e)) => Err(failed(e.to_string())),
            Some(Ok(None)) => Ok(false),
            Some(Ok(Some(told))) if told.len() == values.len() => {
                values.copy_from_slice(&told);
                Ok(true)
            }
            Some(Ok(Some(told))) => Err(failed(format!("{} values, expected {}", told.len(), values.len()))),
        }
    }
}

/// Walks a site's history.
#[pyfunction]
pub(crate) fn walk(
    py: Python<'_>,
    site: &PlanSite,
    by: Option<&Bound<'_, PyAny>>,
    walked: Walked,
    how: How,
    tell: Option<Py<PyAny>>,
) -> PyResult<Walking> {
    let mut forecaster = forecaster(by, &walked.zone)?;
    let options = Options { clock: Some(Arc::new(SystemClock::default())), ..how.options()? };
    let Walked { from, to, ahead, every, perfect, rules, zone: _ } = walked;
    let walk = Walk { from, to, ahead, every, perfect, rules, options, ..Walk::default() };
    let (site, begun) = (Arc::clone(&site.0), Instant::now());
    work_told(py, tell, move |tell| {
        backtest(&site, &mut *forecaster, &walk, &mut |done, of| {
            let mut told = Progress::of_part(done as f64 / of.max(1) as f64, begun);
            told.rows = done as u64;
            told.points = told.rows;
            tell(&told)
        })
        .map(Walking)
    })
}

/// Quantiles by their levels.
type Quantiles = Vec<(f64, Column)>;

/// What a method expects of the steps ahead, from what came: values, quantiles, and what it was made of.
#[pyfunction]
pub(crate) fn forecast_from_past(
    past: &PlanHorizon,
    came: &Bound<'_, PyAny>,
    ahead: &PlanHorizon,
    method: &str,
    zone: &str,
    levels: Vec<f64>,
) -> PyResult<(Column, Quantiles, String)> {
    let came = lent::numbers("came", came)?;
    let made = method.parse().and_then(|method| Forecast::from_past(method, zone, &past.0, &came, &ahead.0, &levels));
    let made = made.map_err(raised)?;
    let quantiles = made.quantiles.into_iter().map(|quantile| Ok((quantile.level, Column::numbers(quantile.values)?)));
    Ok((Column::numbers(made.values)?, quantiles.collect::<PyResult<_>>()?, made.made_of))
}

/// The output of an array of modules under a clear sky.
#[pyfunction]
pub(crate) fn clear_sky(
    horizon: &PlanHorizon,
    position: (f64, f64),
    orientation: (f64, f64),
    peak_w: f64,
    losses: f64,
) -> PyResult<Column> {
    let ((latitude, longitude), (tilt_deg, azimuth_deg)) = (position, orientation);
    let array = ClearSky { losses, ..ClearSky::new(latitude, longitude, tilt_deg, azimuth_deg, peak_w) };
    Column::numbers(array.power_w(&horizon.0).map_err(raised)?)
}

/// MAE, RMSE, bias, pinball loss, level and count.
type Scored = (f64, f64, f64, f64, f64, usize);

fn scored(score: Score) -> Scored {
    (score.mae, score.rmse, score.bias, score.pinball, score.level, score.count)
}

/// The errors of a forecast.
#[pyfunction]
pub(crate) fn forecast_score(forecast: &Bound<'_, PyAny>, came: &Bound<'_, PyAny>, level: f64) -> PyResult<Scored> {
    let (forecast, came) = (lent::numbers("forecast", forecast)?, lent::numbers("came", came)?);
    score(&forecast, &came, level).map(scored).map_err(raised)
}

/// The errors of a method over a history.
#[pyfunction]
pub(crate) fn method_score(
    py: Python<'_>,
    horizon: &PlanHorizon,
    came: &Bound<'_, PyAny>,
    method: &str,
    zone: &str,
    ahead: usize,
    every: usize,
) -> PyResult<Scored> {
    let came = lent::numbers("came", came)?;
    let (came, horizon): (&[f64], &Horizon) = (&came, &horizon.0);
    let found = py.detach(|| method.parse().and_then(|method| score_method(method, zone, horizon, came, ahead, every)));
    found.map(scored).map_err(raised)
}
