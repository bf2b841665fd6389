//! The energy kernel over columns, with the interpreter released.

use memcore::BalanceRequest;
use memcore::energy::{self, Every, GapRule, Resampling, Rule};
use memcore::model::{Qualities, Span, Timestamp, Unit};
use pyo3::prelude::*;

use crate::columns;
use crate::errors::raised;
use crate::lent;
use crate::result::Column;

/// How values go on between samples: the rule, `max_gap` and `cadence`.
type Holds = (String, Option<i64>, Option<i64>);

fn holds((rule, max_gap, cadence): &Holds) -> memcore::Result<(Rule, GapRule)> {
    Ok((rule.parse()?, GapRule::given(max_gap.map(Span::from_micros), cadence.map(Span::from_micros))?))
}

/// How long values hold where something says so.
fn maybe_holds(holds: &Holds) -> memcore::Result<(Rule, Option<GapRule>)> {
    match holds {
        (rule, None, None) => Ok((rule.parse()?, None)),
        known => self::holds(known).map(|(rule, gaps)| (rule, Some(gaps))),
    }
}

/// The range of samples, empty where there are none.
fn samples_range(gaps: GapRule, times: &[i64]) -> (Timestamp, Timestamp) {
    let end = |time: Option<&i64>| Timestamp::from_micros(time.copied().unwrap_or_default());
    gaps.range(end(times.first()), end(times.last()))
}

/// Amount, mean, measured and held microseconds, and gaps from and to.
type Integrated = (f64, Option<f64>, i64, i64, Vec<(i64, i64)>);

/// Integrates samples over a range; its ends are those of the samples where they are not given.
#[pyfunction]
pub(crate) fn integrate(
    py: Python<'_>,
    times: &Bound<'_, PyAny>,
    values: &Bound<'_, PyAny>,
    start: Option<i64>,
    end: Option<i64>,
    holds: Holds,
) -> PyResult<Integrated> {
    let (times, values) = (lent::micros("times", times)?, lent::numbers("values", values)?);
    let (times, values) = (&times[..], &values[..]);
    let integrated = py.detach(|| {
        let (rule, gaps) = self::holds(&holds)?;
        let (first, last) = samples_range(gaps, times);
        let range = (start.map_or(first, Timestamp::from_micros), end.map_or(last, Timestamp::from_micros));
        energy::integrate(times, values, range, rule, gaps)
    });
    let found = integrated.map_err(raised)?;
    let gaps = found.gaps.iter().map(|gap| (gap.from.as_micros(), gap.to.as_micros())).collect();
    Ok((found.amount, found.mean, found.covered.as_micros(), found.held.as_micros(), gaps))
}

/// By how much a counter rose, and how many resets and glitches there were.
#[pyfunction]
pub(crate) fn increase(
    py: Python<'_>,
    readings: &Bound<'_, PyAny>,
    width: Option<f64>,
) -> PyResult<(Option<f64>, u64, u64)> {
    let readings = lent::numbers("readings", readings)?;
    let readings = &readings[..];
    let found = py.detach(|| energy::increase(readings, width)).map_err(raised)?;
    Ok((found.amount, found.resets, found.glitches))
}

/// What each reading of a counter adds, and the rows and kinds of its falls.
#[pyfunction]
pub(crate) fn increases(
    py: Python<'_>,
    readings: &Bound<'_, PyAny>,
    width: Option<f64>,
) -> PyResult<(Column, Vec<(usize, &'static str)>)> {
    let readings = lent::numbers("readings", readings)?;
    let readings = &readings[..];
    let found = py.detach(|| energy::increases(readings, width)).map_err(raised)?;
    let events = found.events.iter().map(|event| (event.row, event.kind.name())).collect();
    Ok((Column::numbers(found.amounts)?, events))
}

/// The values in another unit.
#[pyfunction]
pub(crate) fn convert(py: Python<'_>, values: &Bound<'_, PyAny>, from: &str, to: &str) -> PyResult<Column> {
    let unit = |name: &str, text: &str| text.parse::<Unit>().map_err(|e| raised(e.context(name)));
    let (from, to) = (unit("from_unit", from)?, unit("to_unit", to)?);
    let values = lent::numbers("values", values)?;
    let values = &values[..];
    Column::numbers(py.detach(|| energy::convert(values, from, to)).map_err(raised)?)
}

/// Starts, ends and mean power of intervals, of amounts or, where `counter` says so, of the readings of a counter.
#[pyfunction]
pub(crate) fn mean_power(
    py: Python<'_>,
    times: &Bound<'_, PyAny>,
    values: &Bound<'_, PyAny>,
    counter: bool,
    width: Option<f64>,
    holds: Holds,
) -> PyResult<(Column, Column, Column)> {
    let (times, values) = (lent::micros("times", times)?, lent::numbers("values", values)?);
    let (times, values) = (&times[..], &values[..]);
    let found = py.detach(|| {
        let (_, gaps) = self::holds(&holds)?;
        match counter {
            true => energy::mean_power_of_register(times, values, width, gaps),
            false => energy::mean_power(times, values, gaps),
        }
    });
    let found = found.map_err(raised)?;
    Ok((Column::instants(found.starts)?, Column::instants(found.ends)?, Column::numbers(found.power)?))
}

/// The values at the times of a grid.
#[pyfunction]
pub(crate) fn at(
    py: Python<'_>,
    times: &Bound<'_, PyAny>,
    values: &Bound<'_, PyAny>,
    grid: &Bound<'_, PyAny>,
    holds: Holds,
) -> PyResult<Column> {
    let (times, values) = (lent::micros("times", times)?, lent::numbers("values", values)?);
    let grid = lent::micros("grid", grid)?;
    let (times, values, grid) = (&times[..], &values[..], &grid[..]);
    let found = py.detach(|| {
        let (rule, gaps) = self::holds(&holds)?;
        energy::at(times, values, grid, rule, gaps)
    });
    Column::numbers(found.map_err(raised)?)
}

/// The borders of the buckets of a range, both of its ends included.
#[pyfunction]
pub(crate) fn buckets(py: Python<'_>, start: i64, end: i64, every: &str, zone: Option<&str>) -> PyResult<Column> {
    let every = Every::parse(every, zone).map_err(raised)?;
    let (start, end) = (Timestamp::from_micros(start), Timestamp::from_micros(end));
    Column::instants(py.detach(|| energy::buckets(start, end, &every)).map_err(raised)?)
}

/// Instants of local times, and the rows of times that clocks showed twice or never.
#[pyfunction]
pub(crate) fn localize(
    py: Python<'_>,
    local: &Bound<'_, PyAny>,
    zone: &str,
    skipped: &str,
) -> PyResult<(Column, Column, Column)> {
    let (zone, skipped) = (energy::zone_of(zone).map_err(raised)?, skipped.parse().map_err(raised)?);
    let local = lent::local_micros("local", local)?;
    let local = &local[..];
    let found = py.detach(|| energy::localize(local, &zone, skipped)).map_err(raised)?;
    Ok((Column::instants(found.times)?, Column::rows(found.repeated)?, Column::rows(found.skipped)?))
}

/// What becomes of samples; what is `None` is as the core has it by default.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Buckets {
    start: Option<i64>,
    end: Option<i64>,
    every: Option<String>,
    zone: Option<String>,
    aggregates: Vec<String>,
    holds: Holds,
    gaps: Option<String>,
    width: Option<f64>,
}

impl Buckets {
    fn resampling(&self) -> memcore::Result<Resampling> {
        let mut asked = match &self.every {
            Some(every) => Resampling::every(Every::parse(every, self.zone.as_deref())?),
            None => Resampling::whole(),
        };
        for aggregate in &self.aggregates {
            asked = asked.aggregate(aggregate.parse()?);
        }
        let (rule, gaps) = maybe_holds(&self.holds)?;
        asked = gaps.into_iter().fold(asked.rule(rule), Resampling::gaps);
        if let Some(fill) = &self.gaps {
            asked = asked.fill(fill.parse()?);
        }
        asked = self.start.map(Timestamp::from_micros).into_iter().fold(asked, Resampling::from);
        asked = self.end.map(Timestamp::from_micros).into_iter().fold(asked, Resampling::to);
        Ok(self.width.into_iter().fold(asked, Resampling::width))
    }
}

/// The starts of buckets, and a column for each aggregate.
#[pyfunction]
pub(crate) fn resample(
    py: Python<'_>,
    times: &Bound<'_, PyAny>,
    values: &Bound<'_, PyAny>,
    quality: Option<&Bound<'_, PyAny>>,
    buckets: Buckets,
) -> PyResult<(Column, Vec<(String, Column)>)> {
    let (times, values) = (lent::micros("times", times)?, lent::numbers("values", values)?);
    let (times, values) = (&times[..], &values[..]);
    let quality = columns::qualities(quality)?;
    let found = py.detach(|| {
        let asked = buckets.resampling()?;
        match &quality {
            None => energy::resample(times, values, &asked),
            Some(Qualities::Each(each)) => energy::resample_with_quality(times, values, each, &asked),
            Some(Qualities::All(one)) => energy::resample_with_quality(times, values, &vec![*one; values.len()], &asked),
        }
    });
    let found = found.map_err(raised)?;
    let column =
        |(aggregate, values): (energy::Aggregate, Vec<f64>)| Ok((aggregate.name().into_owned(), Column::numbers(values)?));
    Ok((Column::instants(found.starts)?, found.columns.into_iter().map(column).collect::<PyResult<_>>()?))
}

/// Over which time a site is balanced; what is `None` is as the core has it by default.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Asked {
    start: Option<i64>,
    end: Option<i64>,
    every: Option<String>,
    zone: Option<String>,
    step_us: Option<i64>,
    rule: String,
    max_gap_us: Option<i64>,
}

impl Asked {
    pub(crate) fn request(&self) -> memcore::Result<BalanceRequest> {
        let mut request = BalanceRequest::new().rule(self.rule.parse()?);
        if let Some(every) = &self.every {
            request = request.every(Every::parse(every, self.zone.as_deref())?);
        }
        request = self.start.map(Timestamp::from_micros).into_iter().fold(request, BalanceRequest::from);
        request = self.end.map(Timestamp::from_micros).into_iter().fold(request, BalanceRequest::to);
        request = self.step_us.map(Span::from_micros).into_iter().fold(request, BalanceRequest::step);
        Ok(self.max_gap_us.map(Span::from_micros).into_iter().fold(request, BalanceRequest::max_gap))
    }
}

/// The energy balance of a site, interval by interval.
#[pyclass(frozen, module = "memcore._memcore")]
pub(crate) struct Balance(pub(crate) energy::Balance);

#[pymethods]
impl Balance {
    /// Of columns of amounts, each with its role.
    #[staticmethod]
    fn of(py: Python<'_>, parts: Vec<(String, Bound<'_, PyAny>)>) -> PyResult<Self> {
        let columns =
            parts.iter().map(|(role, amounts)| Ok((role.parse().map_err(raised)?, lent::numbers(role, amounts)?)));
        let columns = columns.collect::<PyResult<Vec<(energy::Role, _)>>>()?;
        let parts: Vec<_> = columns.iter().map(|(role, amounts)| energy::Part { role: *role, amounts }).collect();
        py.detach(|| energy::balance(&parts)).map(Self).map_err(raised)
    }

    fn gather(&self, py: Python<'_>, ends: Vec<usize>) -> PyResult<Self> {
        py.detach(|| self.0.gather(&ends)).map(Self).map_err(raised)
    }

    /// The columns with their names.
    fn columns(&self) -> PyResult<Vec<(&'static str, Column)>> {
        self.0.columns().into_iter().map(|(name, values)| Ok((name, Column::numbers(values.to_vec())?))).collect()
    }
}
