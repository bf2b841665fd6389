//! Series as a chart draws them: the lowest, the highest and the mean of each column of pixels, or the samples themselves.

use std::collections::BTreeMap;

use arrow_array::Float64Array;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::error::{Error, Result};
use crate::model::{Channel, Selection, SeriesName, Span, Timestamp};
use crate::rest::api::Api;
use crate::rest::extract::{Json, Path, Query};
use crate::rest::problem::Problem;
use crate::rest::times;
use crate::rest::within::Place;
use crate::runtime::{Aggregate, Every, Memcore, Query as Question};

/// Columns of pixels, unless the request says another number.
const WIDTH: u32 = 800;
const WIDTH_MAX: u32 = 10_000;
/// Up to so many samples a column, they are drawn themselves.
const RAW_A_COLUMN: usize = 2;
/// Series of a chart.
const SERIES_MAX: usize = 64;

/// What is drawn.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct ChartQuery {
    /// A selection within the site; it may be repeated. At most 64 series.
    series: Vec<String>,
    /// From this instant on: RFC 3339, microseconds since the epoch, or so long ago, `-24h`. The first sample without it.
    from: Option<String>,
    /// Before this instant, likewise. Behind the last sample without it.
    to: Option<String>,
    /// How many columns of pixels: 4 to 10000; 800 without it.
    #[param(minimum = 4, maximum = 10_000)]
    width: Option<u32>,
}

/// A chart.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChartAnswer {
    /// Where it starts.
    from_us: i64,
    /// Where it ends, exclusive.
    to_us: i64,
    /// What it draws, in order of the names.
    series: Vec<ChartSeries>,
}

/// A series of a chart.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(super) struct ChartSeries {
    /// Such as `home1.pv.power`.
    series: String,
    /// The unit of its values.
    unit: String,
    /// What is measured.
    quantity: String,
    /// Whether the samples themselves are in `value`; otherwise each row is a column of pixels.
    raw: bool,
    /// Times of samples, or where each column that has samples starts.
    time_us: Vec<i64>,
    /// The samples.
    #[schema(required)]
    value: Option<Vec<Option<f64>>>,
    /// The lowest of each column.
    #[schema(required)]
    min: Option<Vec<Option<f64>>>,
    /// The highest of each column.
    #[schema(required)]
    max: Option<Vec<Option<f64>>>,
    /// The mean of each column.
    #[schema(required)]
    mean: Option<Vec<Option<f64>>>,
    /// How long a column is, where these are columns.
    #[schema(required)]
    column_us: Option<i64>,
}

/// Series as a chart of so many pixels draws them.
#[utoipa::path(
    get, path = "/api/v1/operators/{operator}/sites/{site}/chart", operation_id = "chart", tag = "readings", params(Place, ChartQuery),
    responses(
        (status = 200, body = ChartAnswer),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn chart(
    State(api): State<Api>,
    Path(place): Path<Place>,
    Query(asked): Query<ChartQuery>,
) -> Result<Json<ChartAnswer>, Problem> {
    let width = asked.width.unwrap_or(WIDTH);
    if !(4..=WIDTH_MAX).contains(&width) {
        return Err(Problem::invalid("width", format!("width is {width}, expected 4 to {WIDTH_MAX}")));
    }
    let now = api.server().clock().now();
    let at = |field, text: &Option<String>| text.as_deref().map(|text| times::instant(field, text, now)).transpose();
    let (from, to) = (at("from", &asked.from)?, at("to", &asked.to)?);
    if let (Some(from), Some(to)) = (from, to)
        && from >= to
    {
        return Err(Problem::invalid("to", format!("from is {from} and to is {to}, expected from before to")));
    }
    let selections = place.selections(&asked.series)?;
    place.check(api.server())?;
    let memcore = api.server().memcore().clone();
    Ok(Json(super::read(&api, move || draw(&memcore, &selections, (from, to), width)).await?))
}

fn draw(
    memcore: &Memcore,
    selections: &[Selection],
    range: (Option<Timestamp>, Option<Timestamp>),
    width: u32,
) -> Result<ChartAnswer> {
    let mut all: BTreeMap<SeriesName, Channel> = BTreeMap::new();
    for selection in selections {
        let selected = memcore.series(selection);
        if let (true, Some(series)) = (selected.is_empty(), selection.exact()) {
            return Err(Error::not_found(format!("series {series} is not registered")));
        }
        all.extend(selected);
    }
    if all.len() > SERIES_MAX {
        let many = all.len();
        return Err(Error::invalid(format!("series selects {many} series, expected at most {SERIES_MAX}")));
    }
    let (from, to) = ends(memcore, selections, range)?;
    let window = Window::new(from, to, width);
    let series = all.iter().map(|(name, channel)| window.draw(memcore, name, channel)).collect::<Result<_>>()?;
    Ok(ChartAnswer { from_us: from.as_micros(), to_us: to.as_micros(), series })
}

/// The range, where it is open up to the first and the last sample.
fn ends(
    memcore: &Memcore,
    selections: &[Selection],
    (from, to): (Option<Timestamp>, Option<Timestamp>),
) -> Result<(Timestamp, Timestamp)> {
    if let (Some(from), Some(to)) = (from, to) {
        return Ok((from, to));
    }
    let (mut first, mut last) = (None, None);
    for selection in selections {
        for (_, stats) in memcore.series_stats(selection)? {
            first = [first, stats.first].into_iter().flatten().min();
            last = last.max(stats.last);
        }
    }
    let behind = last.map(|last| last.saturating_add(Span::from_micros(1)));
    let from = from.or(first).or(to).unwrap_or(Timestamp::from_micros(0));
    let to = to.or(behind).unwrap_or(from).max(from.saturating_add(Span::from_micros(1)));
    Ok((from.min(to), to))
}

/// A stretch of time, and into how many columns of pixels it is cut.
#[derive(Debug, Clone, Copy)]
struct Window {
    from: Timestamp,
    to: Timestamp,
    width: u32,
    column: Span,
}

impl Window {
    fn new(from: Timestamp, to: Timestamp, width: u32) -> Self {
        let length = to.since(from).as_micros();
        let column =
            Span::from_micros((length / i64::from(width)).saturating_add(i64::from(length % i64::from(width) > 0)).max(1));
        Self { from, to, width, column }
    }

    fn draw(&self, memcore: &Memcore, name: &SeriesName, channel: &Channel) -> Result<ChartSeries> {
        let few = RAW_A_COLUMN * self.width as usize;
        let all = Question::new(name).from(self.from).to(self.to);
        let raw = memcore.query(&all.clone().limit(few + 1))?;
        let (unit, quantity) = (channel.base_unit().symbol().to_owned(), channel.quantity.name().to_owned());
        let mut drawn = ChartSeries { unit, quantity, ..ChartSeries::of(name) };
        if raw.rows() <= few {
            drawn.raw = true;
            if let Some(found) = raw.series().first() {
                drawn.time_us = found.times().values().to_vec();
                drawn.value = Some(numbers(found.values()));
            }
            return Ok(drawn);
        }
        let columns = all.every(Every::Fixed(self.column));
        let columns = [Aggregate::Min, Aggregate::Max, Aggregate::Mean].into_iter().fold(columns, Question::aggregate);
        let found = memcore.query(&columns)?;
        if let Some(found) = found.series().first() {
            drawn.time_us = found.times().values().to_vec();
            drawn.min = Some(numbers(found.column("min")));
            drawn.max = Some(numbers(found.column("max")));
            drawn.mean = Some(numbers(found.column("mean")));
            drawn.column_us = Some(self.column.as_micros());
        }
        Ok(drawn)
    }
}

impl ChartSeries {
    fn of(name: &SeriesName) -> Self {
        Self { series: name.to_string(), ..Self::default() }
    }
}

/// Numbers of a column; what is none is a gap.
fn numbers(column: Option<&Float64Array>) -> Vec<Option<f64>> {
    let number = |value: Option<f64>| value.filter(|value| value.is_finite());
    column.into_iter().flatten().map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Unit;

    fn year() -> Memcore {
        let memcore = Memcore::in_memory();
        let times: Vec<Timestamp> = (0..20_000).map(|n| Timestamp::from_seconds(n * 60)).collect();
        let value = |n: i32| if n == 12_345 { 9_999.0 } else { f64::from(n % 100) };
        let values: Vec<Option<f64>> = (0..20_000).map(|n| Some(value(n))).collect();
        memcore.write(&"home1.pv.power".parse().unwrap(), &times, &values, Some(Unit::Watt)).unwrap();
        memcore
    }

    fn drawn(range: (Option<i64>, Option<i64>), width: u32) -> ChartAnswer {
        let at = |seconds: Option<i64>| seconds.map(Timestamp::from_seconds);
        draw(&year(), &["home1.pv.power".parse().unwrap()], (at(range.0), at(range.1)), width).unwrap()
    }

    #[test]
    fn no_spike_is_lost_between_pixels_and_no_column_too_many_is_drawn() {
        for width in [4, 100, 800, 4000] {
            let chart = drawn((None, None), width);
            let series = &chart.series[0];
            assert!(!series.raw && series.time_us.len() <= width as usize + 1, "{width}: {}", series.time_us.len());
            let highest = series.max.as_ref().unwrap().iter().flatten().copied().fold(f64::MIN, f64::max);
            assert_eq!(highest, 9_999.0, "{width}");
        }
    }

    #[test]
    fn where_there_are_few_samples_they_are_drawn_themselves() {
        let chart = drawn((Some(60), Some(600)), 800);
        let series = &chart.series[0];
        assert!(series.raw);
        assert_eq!(series.value.as_ref().unwrap()[..3], [Some(1.0), Some(2.0), Some(3.0)]);
        assert_eq!((chart.from_us, chart.to_us, series.time_us.len()), (60_000_000, 600_000_000, 9));
    }

    #[test]
    fn an_empty_or_an_endless_window_is_drawn_empty() {
        assert!(drawn((Some(i64::MAX / 2_000_000), None), 100).series[0].time_us.is_empty());
        let all = (Some(Timestamp::MIN), Some(Timestamp::MAX));
        let chart = draw(&year(), &["home1.pv.power".parse().unwrap()], all, 100).unwrap();
        assert!(!chart.series[0].time_us.is_empty());
    }
}
