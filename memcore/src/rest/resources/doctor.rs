//! What the data doctor finds.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::readings;
use crate::doctor::{Examination, Finding, Severity};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Selection, Span, Timestamp};
use crate::rest::access::Route;
use crate::rest::api::{Api, Routes};
use crate::rest::extract::{Json, Path, Query};
use crate::rest::problem::Problem;
use crate::rest::times;
use crate::rest::within::Place;
use crate::runtime::Memcore;

/// Examinations at once. Full-policy: the next ones wait, as a request does.
const AT_ONCE: usize = 2;
/// The time that is examined where nobody says.
const USUAL: Span = Span::from_seconds(30 * 86_400);
/// The longest time that is examined.
const LONGEST: Span = Span::from_seconds(400 * 86_400);
/// The most values that are examined: each takes up to a hundred bytes meanwhile.
const POINTS_MAX: u64 = 5_000_000;
/// Ranges of rows that are shown of a finding.
const ROWS_SHOWN: usize = 100;

/// What the room keeps between requests.
#[derive(Debug)]
pub(in crate::rest) struct Shared {
    turns: Arc<Semaphore>,
}

impl Default for Shared {
    fn default() -> Self {
        Self { turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

pub(in crate::rest) fn routes(routes: Routes) -> Routes {
    routes.at(Route::Findings, routes!(findings))
}

/// What is examined.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
struct FindingsQuery {
    /// A selection within the site. All series without it: they are held against each other.
    series: Option<String>,
    /// From this instant on: RFC 3339, microseconds since the epoch, or so long ago, `-24h`; thirty days before `to` without it.
    from: Option<String>,
    /// Before this instant, likewise; now without it. At most 400 days lie between.
    to: Option<String>,
}

/// What the doctor found.
#[derive(Debug, Serialize, ToSchema)]
struct Findings {
    /// Where the time starts that was examined.
    from_us: i64,
    /// Where it ends, exclusive.
    to_us: i64,
    /// How many series were examined.
    examined: u64,
    /// The worst first.
    findings: Vec<FoundFinding>,
}

/// Something that the doctor found.
#[derive(Debug, Serialize, ToSchema)]
struct FoundFinding {
    /// What it is, such as `gap` or `unit_slip`.
    kind: &'static str,
    /// `note`, `warning` or `fault`.
    severity: &'static str,
    /// The series that show it.
    series: Vec<String>,
    /// How often it occurs.
    count: u64,
    /// How sure the doctor is, 0 to 1.
    confidence: f64,
    /// What was seen, for people.
    message: String,
    /// Where, as rows of the series from one number to another, both included; at most a hundred ranges.
    rows: Vec<FoundRows>,
    /// The earliest instant that it concerns.
    #[schema(required)]
    from_us: Option<i64>,
    /// The latest.
    #[schema(required)]
    to_us: Option<i64>,
    /// What to declare, a line each, such as `home1.pv.power sign = "generator"`.
    declare: Vec<String>,
    /// What to do about what no declaration mends.
    #[schema(required)]
    repair: Option<String>,
    /// A picture of it, for those that are worse than notes.
    #[schema(required)]
    picture_svg: Option<String>,
}

/// Rows of a series.
#[derive(Debug, Serialize, ToSchema)]
struct FoundRows {
    /// The first.
    first: u64,
    /// The last.
    last: u64,
}

/// What is wrong with series, before anyone calculates with them.
#[utoipa::path(
    get, path = "/api/v1/operators/{operator}/sites/{site}/findings", operation_id = "findings", tag = "energy", params(Place, FindingsQuery),
    responses(
        (status = 200, body = Findings),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn findings(
    State(api): State<Api>,
    Path(place): Path<Place>,
    Query(asked): Query<FindingsQuery>,
) -> Result<Json<Findings>, Problem> {
    let now = api.server().clock().now();
    let (from, to) = times::range(asked.from.as_deref(), asked.to.as_deref(), USUAL, now)?;
    if to.since(from) > LONGEST {
        let detail = format!("from is {from} and to is {to}, expected at most {LONGEST} between");
        return Err(Problem::invalid("from", detail));
    }
    let selection = place.selection(asked.series.as_deref())?;
    place.check(api.server())?;
    let zone = api.server().checked_model().map(|model| model.model().zone.clone());
    let options = Examination { zone, ..Examination::default() };
    let memcore = api.server().memcore().clone();
    let closed = |_| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "CLOSED", "the server shuts down");
    let turn = api.inner.doctor.turns.clone().acquire_owned().await.map_err(closed)?;
    // It goes with this request: the work ends where the client has gone.
    let waiting = Arc::new(());
    let waited_for = Arc::downgrade(&waiting);
    let report = readings::on_a_thread(move || {
        let _turn = turn;
        check_size(&memcore, &selection, from, to)?;
        memcore.examine(selection, from, to, &options, &mut |_| match waited_for.strong_count() {
            0 => Err(Error::new(ErrorKind::Closed, "the client has gone")),
            _ => Ok(()),
        })
    });
    let report = report.await?;
    drop(waiting);
    let findings = report.findings.iter().map(FoundFinding::of).collect();
    let (from_us, to_us) = (from.as_micros(), to.as_micros());
    Ok(Json(Findings { from_us, to_us, examined: report.series.len() as u64, findings }))
}

/// What is examined is held in memory as a whole.
fn check_size(memcore: &Memcore, selection: &Selection, from: Timestamp, to: Timestamp) -> Result<()> {
    let mut points = 0;
    for (_, stats) in memcore.series_stats(selection)? {
        let (Some(first), Some(last)) = (stats.first, stats.last) else { continue };
        let whole = last.since(first).as_micros().max(1) as f64;
        let within = last.min(to).since(first.max(from)).as_micros().max(0) as f64;
        points += (stats.points as f64 * within / whole) as u64;
    }
    if points > POINTS_MAX {
        let message =
            format!("series and range select about {points} values, expected at most {POINTS_MAX}: a shorter range");
        return Err(Error::invalid(message));
    }
    Ok(())
}

impl FoundFinding {
    fn of(finding: &Finding) -> Self {
        let micros = |time: Option<Timestamp>| time.map(Timestamp::as_micros);
        let rows = finding.rows.iter().take(ROWS_SHOWN);
        let pictured = finding.severity > Severity::Note;
        Self {
            kind: finding.kind.name(),
            severity: finding.severity.name(),
            series: finding.series.clone(),
            count: finding.count,
            confidence: finding.confidence,
            message: finding.message.clone(),
            rows: rows.map(|rows| FoundRows { first: rows.first, last: rows.last }).collect(),
            from_us: micros(finding.from),
            to_us: micros(finding.to),
            declare: finding.declare.iter().map(ToString::to_string).collect(),
            repair: finding.repair.clone(),
            picture_svg: pictured.then(|| finding.plot.to_svg()),
        }
    }
}
