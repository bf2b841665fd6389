//! The latest reading of each series of a site: what is asked most often, so it is answered out of memory.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::sync::{Arc, PoisonError, RwLock};

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::error::Result;
use crate::model::{Channel, Sample, Selection, SeriesName, Span, Timestamp};
use crate::rest::api::Api;
use crate::rest::extract::{Path, Query};
use crate::rest::problem::Problem;
use crate::rest::staleness::max_age;
use crate::rest::within::Place;
use crate::runtime::Memcore;

/// How long it is remembered which series a question is about: a new series is shown that much later at most.
const KNOWN_FOR: Span = Span::from_seconds(1);
/// Questions that are remembered.
const ASKED_MAX: usize = 1024;

/// Which series.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct LatestQuery {
    /// A selection within the site, such as `*.power`; it may be repeated. All series without it.
    series: Vec<String>,
}

/// The latest readings of a site.
#[derive(Debug, Serialize, ToSchema)]
#[allow(dead_code, reason = "it is written by hand, and described by this")]
pub(super) struct LatestReadings {
    /// The time of the server.
    now_us: i64,
    /// In order of the names; a series without a reading is left out.
    items: Vec<LatestReading>,
}

/// The latest reading of a series.
#[derive(Debug, Serialize, ToSchema)]
#[allow(dead_code, reason = "it is written by hand, and described by this")]
pub(super) struct LatestReading {
    /// Such as `home1.pv.power`.
    series: String,
    /// The unit of the value.
    unit: &'static str,
    /// When it was measured.
    time_us: i64,
    /// What was measured, in passive sign; null for what is no number.
    #[schema(required)]
    value: Option<f64>,
    /// Whether it is too old to stand for the present, by what the channel declares.
    stale: bool,
}

/// The latest reading of each series.
#[utoipa::path(
    get, path = "/api/v1/operators/{operator}/sites/{site}/latest", operation_id = "latest", tag = "readings", params(Place, LatestQuery),
    responses(
        (status = 200, body = LatestReadings),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn latest(
    State(api): State<Api>,
    Path(place): Path<Place>,
    Query(asked): Query<LatestQuery>,
) -> Result<Response, Problem> {
    let shared = &api.inner.readings.latest;
    let key = Key { place, series: asked.series };
    let now = api.server().clock().now();
    if let Some(body) = shared.find(&key, now).and_then(|known| known.told(api.server().memcore(), now)) {
        return Ok(json(body));
    }
    let known = Arc::new(look_up(&api, &key, now).await?);
    let body = known.told(api.server().memcore(), now).unwrap_or_else(|| known.nothing(now));
    shared.keep(key, known);
    Ok(json(body))
}

fn json(body: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
}

async fn look_up(api: &Api, key: &Key, now: Timestamp) -> Result<Known, Problem> {
    let selections = key.place.selections(&key.series)?;
    key.place.check(api.server())?;
    let memcore = api.server().memcore().clone();
    super::read(api, move || Known::look_up(&memcore, &selections, now)).await
}

/// A question that was asked before.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    place: Place,
    series: Vec<String>,
}

/// Questions that were asked, with the series that each is about: nothing is selected again for a second. Bound: `ASKED_MAX`.
/// Full-policy: all are forgotten.
#[derive(Debug, Default)]
pub(super) struct Asked(RwLock<HashMap<Key, Arc<Known>>>);

impl Asked {
    fn find(&self, key: &Key, now: Timestamp) -> Option<Arc<Known>> {
        let asked = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let known = asked.get(key)?;
        let age = now.since(known.since);
        (age >= Span::default() && age < KNOWN_FOR).then(|| known.clone())
    }

    fn keep(&self, key: Key, known: Arc<Known>) {
        let mut asked = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if asked.len() >= ASKED_MAX {
            asked.clear();
        }
        asked.insert(key, known);
    }
}

/// The series of a question.
#[derive(Debug)]
struct Known {
    since: Timestamp,
    names: Vec<SeriesName>,
    said: Vec<Said>,
}

/// What an answer says of a series, whatever its reading is.
#[derive(Debug)]
struct Said {
    /// The JSON before the time.
    before: Vec<u8>,
    /// How old its reading may be.
    max_age: Option<Span>,
    /// It has a reading that may have to be looked up in files.
    had_one: bool,
}

impl Known {
    /// Reads files where the latest reading of a series is not in memory: it is afterwards.
    fn look_up(memcore: &Memcore, selections: &[Selection], since: Timestamp) -> Result<Self> {
        let mut found: BTreeMap<SeriesName, (Channel, bool)> = BTreeMap::new();
        for selection in selections {
            found.extend(memcore.series(selection).into_iter().map(|(name, channel)| (name, (channel, false))));
            for (name, _) in memcore.latest(selection)? {
                if let Some((_, had_one)) = found.get_mut(&name) {
                    *had_one = true;
                }
            }
        }
        let (mut names, mut said) = (Vec::new(), Vec::new());
        for (name, (channel, had_one)) in found {
            let (series, unit) = (text(&name.to_string()), text(channel.base_unit().symbol()));
            let before = format!("{{\"series\":{series},\"unit\":{unit},\"time_us\":").into_bytes();
            said.push(Said { before, max_age: max_age(&channel), had_one });
            names.push(name);
        }
        Ok(Self { since, names, said })
    }

    /// The answer, out of memory; none where a reading must be looked up.
    fn told(&self, memcore: &Memcore, now: Timestamp) -> Option<Vec<u8>> {
        let latest = memcore.store().latest_known(&self.names);
        let mut out = self.begun(now);
        let mut first = true;
        for (said, sample) in self.said.iter().zip(latest) {
            let Some(Sample { time, value }) = sample else {
                if said.had_one {
                    return None;
                }
                continue;
            };
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
            out.extend_from_slice(&said.before);
            // To write into memory does not fail.
            let _ = write!(out, "{},\"value\":", time.as_micros());
            let _ = serde_json::to_writer(&mut out, &value);
            let stale = said.max_age.is_some_and(|most| now.since(time) > most);
            out.extend_from_slice(if stale { b",\"stale\":true}" } else { b",\"stale\":false}" });
        }
        out.extend_from_slice(b"]}");
        Some(out)
    }

    fn begun(&self, now: Timestamp) -> Vec<u8> {
        let room: usize = self.said.iter().map(|said| said.before.len() + 64).sum();
        let mut out = Vec::with_capacity(40 + room);
        let _ = write!(out, "{{\"now_us\":{},\"items\":[", now.as_micros());
        out
    }

    /// Everything was deleted meanwhile.
    fn nothing(&self, now: Timestamp) -> Vec<u8> {
        let mut out = self.begun(now);
        out.extend_from_slice(b"]}");
        out
    }
}

fn text(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}
