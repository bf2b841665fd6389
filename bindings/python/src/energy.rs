//! The energy kernel over columns, with the interpreter released.

use memcore::energy::{self, GapRule, Rule};
use memcore::model::{Span, Timestamp};
use pyo3::prelude::*;

use crate::errors::raised;
use crate::lent;

/// How values go on between samples: the rule, `max_gap` and `cadence`.
type Holds = (String, Option<i64>, Option<i64>);

fn holds((rule, max_gap, cadence): &Holds) -> memcore::Result<(Rule, GapRule)> {
    Ok((rule.parse()?, GapRule::given(max_gap.map(Span::from_micros), cadence.map(Span::from_micros))?))
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
    let (times, values) = (lent::instants(&times), &values[..]);
    let integrated = py.detach(|| {
        let (rule, gaps) = self::holds(&holds)?;
        let (first, last) = gaps.range(times);
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
