//! Readings that a client writes.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::Error;
use crate::model::{Timestamp, Unit};
use crate::rest::api::Api;
use crate::rest::extract::{Json, Path};
use crate::rest::problem::Problem;
use crate::rest::within::Place;

/// Readings of one series.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReadingsWrite {
    /// Which: `pv.power` within the site, or in full.
    series: String,
    /// The unit of the values. Needed where the series is not registered: it becomes a gauge in it. Otherwise that of its channel,
    /// in whose sign they are in any case.
    unit: Option<String>,
    /// When each value was measured, microseconds since the epoch.
    time_us: Vec<i64>,
    /// The values; null where nothing was measured.
    value: Vec<Option<f64>>,
}

/// What was written.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReadingsWritten {
    /// Values that are stored now.
    written: u64,
}

/// Writes readings; durable when it answers.
#[utoipa::path(
    post, path = "/api/v1/operators/{operator}/sites/{site}/readings", operation_id = "write_readings", tag = "readings", params(Place), request_body = ReadingsWrite,
    responses(
        (status = 200, body = ReadingsWritten),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn write_readings(
    State(api): State<Api>,
    Path(place): Path<Place>,
    Json(body): Json<ReadingsWrite>,
) -> Result<Json<ReadingsWritten>, Problem> {
    let ReadingsWrite { series, unit, time_us, value } = body;
    let named = place.selection(Some(&series))?.exact();
    let series =
        named.ok_or_else(|| Problem::invalid("series", "series has a wildcard, expected one such as `pv.power`"))?;
    let unit: Option<Unit> = unit.as_deref().map(str::parse).transpose().map_err(|e: Error| Problem::from(e).at("unit"))?;
    if time_us.len() != value.len() {
        let (times, values) = (time_us.len(), value.len());
        let detail = format!("value has {values} numbers and time_us {times}, expected as many");
        return Err(Problem::invalid("value", detail));
    }
    let times: Vec<Timestamp> = time_us.into_iter().map(Timestamp::from_micros).collect();
    let memcore = api.server().memcore().clone();
    let written = super::on_a_thread(move || memcore.write(&series, &times, &value, unit)).await?;
    Ok(Json(ReadingsWritten { written: written as u64 }))
}
