//! Ranges of readings, raw or in buckets: JSON page by page, CSV and Arrow as streams.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{page, streamed};
use crate::error::Error;
use crate::model::Timestamp;
use crate::rest::api::Api;
use crate::rest::extract::{Json, Path, Query};
use crate::rest::problem::Problem;
use crate::rest::times;
use crate::rest::within::Place;
use crate::runtime::{Every, Query as Question};

/// Rows of a page, unless the request says another number.
const LIMIT: u32 = 10_000;
const LIMIT_MAX: u32 = 100_000;
/// Buckets of a series whose gaps are filled.
const FILLED_MAX: i64 = 1_000_000;

/// What is asked for.
#[derive(Debug, Default, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct ReadingsQuery {
    /// A selection within the site: `*.power`, `>{quantity=power}`. All series without it.
    series: Option<String>,
    /// From this instant on: RFC 3339, microseconds since the epoch, or so long ago, `-24h`.
    from: Option<String>,
    /// Before this instant, likewise.
    to: Option<String>,
    /// One row a bucket: `15m`, `1h`, `1d`, `1mo`.
    pub(super) every: Option<String>,
    /// What to say of each bucket, by commas: mean time_weighted_mean min max sum count first last integral increase coverage
    /// quality median p99. The mean without it.
    aggregate: Option<String>,
    /// The zone whose calendar the buckets follow, such as `Europe/Berlin`.
    pub(super) zone: Option<String>,
    /// What becomes of buckets without a number: absent null previous linear.
    gaps: Option<String>,
    /// The longest silence over which a value holds, for what counts time: `15m`.
    max_gap: Option<String>,
    /// How a value goes over into the next, for what counts time: step trapezoid.
    rule: Option<String>,
    /// Only what was known at this instant.
    as_of: Option<String>,
    /// Whether a column `quality` stands beside raw values: 0 measured, 1 held, 2 estimated, 3 substituted, 4 invalid.
    quality: Option<bool>,
    /// Of JSON: at most so many rows in all, 1 to 100000; 10000 without it.
    #[param(minimum = 1, maximum = 100_000)]
    limit: Option<u32>,
    /// Of JSON: where to go on, as `next` of the answer before says.
    pub(super) cursor: Option<String>,
    /// `json`, `csv` or `arrow`; goes before what `Accept` says.
    format: Option<String>,
}

/// Readings of some series: a page of them.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReadingsPage {
    /// The first instant asked for, where there is one.
    #[schema(required)]
    pub(super) from_us: Option<i64>,
    /// Where the range ends, exclusive.
    #[schema(required)]
    pub(super) to_us: Option<i64>,
    /// The length of the buckets.
    #[schema(required)]
    pub(super) every: Option<String>,
    /// The zone whose calendar they follow.
    #[schema(required)]
    pub(super) zone: Option<String>,
    /// Series with rows on this page, in order of their names.
    pub(super) series: Vec<SeriesRows>,
    /// Where to go on; null at the end.
    #[schema(required)]
    pub(super) next: Option<String>,
}

/// Rows of a series.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SeriesRows {
    /// Such as `home1.pv.power`.
    pub(super) series: String,
    /// The unit of its values.
    pub(super) unit: String,
    /// What is measured.
    pub(super) quantity: String,
    /// Times of samples, or starts of buckets.
    pub(super) time_us: Vec<i64>,
    /// One number a time in each column: `value` (and `quality`) of raw rows, otherwise one by the name of each aggregate.
    pub(super) columns: BTreeMap<String, Vec<Option<f64>>>,
    /// The unit of each column: of an integral of power it is `Wh`.
    pub(super) units: BTreeMap<String, String>,
}

/// Rows of a range: samples, or buckets.
#[utoipa::path(
    get, path = "/api/v1/operators/{operator}/sites/{site}/readings", operation_id = "readings", tag = "readings", params(Place, ReadingsQuery),
    responses(
        (status = 200, content((ReadingsPage = "application/json"), (String = "text/csv"), (Vec<u8> = "application/vnd.apache.arrow.stream"))),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn readings(
    State(api): State<Api>,
    Path(place): Path<Place>,
    Query(asked): Query<ReadingsQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let form = Form::of(asked.format.as_deref(), &headers)?;
    let question = asked.question(&place, api.server().clock().now())?;
    place.check(api.server())?;
    if form == Form::Json {
        let page = page::page(&api, &asked, question).await?;
        return Ok(Json(page).into_response());
    }
    if let Some(field) = asked.limit.map(|_| "limit").or(asked.cursor.as_ref().map(|_| "cursor")) {
        let detail = format!("{field} is set, expected it with JSON alone: others come as a stream of all rows");
        return Err(Problem::invalid(field, detail));
    }
    streamed::answer(&api, question, form == Form::Csv).await
}

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Csv,
    Arrow,
}

impl Form {
    fn of(named: Option<&str>, headers: &HeaderMap) -> Result<Self, Problem> {
        let said = match named {
            Some(name) => name,
            None => headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("*/*"),
        };
        match (named, said) {
            (Some("json"), _) => Ok(Self::Json),
            (Some("csv"), _) => Ok(Self::Csv),
            (Some("arrow"), _) => Ok(Self::Arrow),
            (Some(other), _) => {
                let other = crate::model::shorten(other);
                Err(Problem::invalid("format", format!("format is {other:?}, expected json, csv or arrow")))
            }
            // The first that we have; JSON for those that take anything.
            (None, accept) => Ok(accept.split(',').find_map(Self::of_kind).unwrap_or(Self::Json)),
        }
    }

    fn of_kind(kind: &str) -> Option<Self> {
        match kind.split(';').next().unwrap_or_default().trim() {
            "application/json" | "application/*" | "*/*" => Some(Self::Json),
            "text/csv" | "text/*" => Some(Self::Csv),
            "application/vnd.apache.arrow.stream" => Some(Self::Arrow),
            _ => None,
        }
    }
}

impl ReadingsQuery {
    fn question(&self, place: &Place, now: Timestamp) -> Result<Question, Problem> {
        let named = |field: &'static str| move |e: Error| Problem::from(e).at(field);
        let at = |field, text: &Option<String>| text.as_deref().map(|text| times::instant(field, text, now)).transpose();
        let mut question = Question::new(place.selection(self.series.as_deref())?);
        question = at("from", &self.from)?.into_iter().fold(question, Question::from);
        question = at("to", &self.to)?.into_iter().fold(question, Question::to);
        question = at("as_of", &self.as_of)?.into_iter().fold(question, Question::as_of);
        if let Some(every) = &self.every {
            question = question.every(Every::parse(every, self.zone.as_deref()).map_err(named("every"))?);
        } else if let Some(field) = self.zone.as_ref().map(|_| "zone").or(self.gaps.as_ref().map(|_| "gaps")) {
            return Err(Problem::invalid(field, format!("{field} is set without every, expected both")));
        }
        for name in self.aggregate.iter().flat_map(|names| names.split(',')) {
            question = question.aggregate(name.trim().parse().map_err(named("aggregate"))?);
        }
        if let Some(gaps) = &self.gaps {
            question = question.gaps(gaps.parse().map_err(named("gaps"))?);
        }
        if let Some(longest) = &self.max_gap {
            question = question.max_gap(times::length("max_gap", longest)?);
        }
        if let Some(rule) = &self.rule {
            question = question.rule(rule.parse().map_err(named("rule"))?);
        }
        if self.quality == Some(true) {
            question = question.with_quality();
        }
        self.check_range(&question)?;
        Ok(question)
    }

    /// Buckets that are filled are made at once: they are bounded, and so is the memory that they take.
    fn check_range(&self, question: &Question) -> Result<(), Problem> {
        let (from, to) = question.range();
        if let (Some(from), Some(to)) = (from, to)
            && from > to
        {
            return Err(Problem::invalid("to", format!("from is {from} and to is {to}, expected from before to")));
        }
        let filled = self.gaps.as_deref().is_some_and(|gaps| gaps != "absent");
        let (Some(every), true) = (&self.every, filled) else { return Ok(()) };
        let every = Every::parse(every, self.zone.as_deref())?;
        let (Some(from), Some(to)) = (from, to) else {
            return Err(Problem::invalid("gaps", "gaps are filled without an end, expected from and to"));
        };
        if to.since(from).as_micros() / every.shortest().max(1) > FILLED_MAX {
            let detail = format!("every is {every}, expected at most {FILLED_MAX} buckets where gaps are filled");
            return Err(Problem::invalid("every", detail));
        }
        Ok(())
    }

    /// At most so many rows of a page.
    pub(super) fn limit(&self) -> Result<usize, Problem> {
        let limit = self.limit.unwrap_or(LIMIT);
        if (1..=LIMIT_MAX).contains(&limit) {
            return Ok(limit as usize);
        }
        Err(Problem::invalid("limit", format!("limit is {limit}, expected 1 to {LIMIT_MAX}")))
    }
}
