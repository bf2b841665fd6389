//! Channels: what devices measure and take, and what their numbers mean.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::devices::contains;
use crate::model::{self, ChannelName, DeviceName, Name, Quantity, Span, Timestamp};
use crate::rest::access::Route;
use crate::rest::api::{Api, Routes};
use crate::rest::extract::{Json, Path, Query};
use crate::rest::inventory::Known;
use crate::rest::paging::{Page, Paging};
use crate::rest::problem::Problem;
use crate::rest::staleness::is_stale;
use crate::rest::within::Place;

pub(in crate::rest) fn routes(routes: Routes) -> Routes {
    routes.at(Route::ChannelsList, routes!(list_channels)).at(Route::ChannelShow, routes!(show_channel))
}

/// A channel: one quantity of a device.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct Channel {
    /// Its series in full, such as `home1.pv.power`.
    series: String,
    /// Its device, such as `pv`.
    device: String,
    /// Its name within the device, such as `power`.
    channel: String,
    /// What its device or operator says of it, such as `phase`.
    labels: std::collections::BTreeMap<String, String>,
    /// What is measured, such as `power`.
    quantity: String,
    /// The unit of its values, such as `W`.
    unit: String,
    /// What its values are.
    kind: ChannelKind,
    /// The sign of the source; values here are in passive sign, whatever it is.
    sign: ChannelSign,
    /// Whether it takes commands.
    writable: bool,
    /// Which values are valid, in `unit`.
    #[schema(required)]
    range: Option<ChannelRange>,
    /// The usual time between two values.
    #[schema(required)]
    cadence_us: Option<i64>,
    /// How long a value stands for the present.
    #[schema(required)]
    max_age_us: Option<i64>,
    /// What it demands of those who command it, in `unit`.
    rules: ChannelRules,
    /// Its latest value.
    #[schema(required)]
    latest: Option<LatestValue>,
    /// Whether that is missing, or too old to stand for the present.
    stale: bool,
}

/// What the values of a channel are.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ChannelKind {
    /// An instantaneous value.
    Gauge,
    /// A total that rises.
    Counter,
    /// One of several states.
    State,
    /// Something that happens.
    Event,
}

/// Which way of a source is positive.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ChannelSign {
    /// Into the device.
    Passive,
    /// Out of the device.
    Generator,
}

/// From one value to another, both included.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
struct ChannelRange {
    low: f64,
    high: f64,
}

/// What a channel demands of those who command it. A rule that is null does not hold.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
struct ChannelRules {
    /// What its owner declared safe.
    #[schema(required)]
    fallback: Option<f64>,
    /// How long what it drives remembers a setpoint by itself.
    #[schema(required)]
    hold_us: Option<i64>,
    /// How long it stays on once it was switched on.
    #[schema(required)]
    min_on_us: Option<i64>,
    /// How long it stays off once it was switched off.
    #[schema(required)]
    min_off_us: Option<i64>,
    /// How fast its value may change, in its unit a second.
    #[schema(required)]
    ramp_per_s: Option<f64>,
}

/// The latest value of a channel.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
struct LatestValue {
    /// When it was measured.
    time_us: i64,
    /// The value, in the unit of its channel.
    value: f64,
}

/// Which channels.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ChannelsQuery {
    /// Only those of that device, such as `pv`.
    device: Option<Name>,
    /// Only those of that quantity, such as `power`.
    #[param(value_type = Option<String>)]
    quantity: Option<Quantity>,
    /// Only those that take commands, or only those that take none.
    writable: Option<bool>,
    /// Only those with this in their series.
    q: Option<String>,
    /// How many items at most; 100 unless said otherwise.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct ChannelPath {
    /// The operator, such as `local`.
    operator: Name,
    /// The site, such as `home1`.
    site: Name,
    /// The device, such as `pv`.
    device: Name,
    /// The channel, such as `power`.
    channel: ChannelName,
}

/// The channels of a site.
#[utoipa::path(
    get, path = "/api/v1/operators/{operator}/sites/{site}/channels", operation_id = "list_channels", tag = "channels",
    params(Place, ChannelsQuery),
    responses(
        (status = 200, body = Page<Channel>),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn list_channels(
    State(api): State<Api>,
    Path(Place { operator, site }): Path<Place>,
    Query(query): Query<ChannelsQuery>,
) -> Result<Json<Page<Channel>>, Problem> {
    let paging = Paging::new(query.limit, query.cursor.as_deref())?;
    let work = move |api: &Api| {
        let now = api.server().clock().now();
        let known = api.known_at(&operator, &site)?;
        let selected = known.iter().flat_map(|known| channels_of(known, now)).filter(|channel| {
            query.device.as_ref().is_none_or(|device| device.as_str() == channel.device)
                && query.quantity.is_none_or(|quantity| quantity.to_string() == channel.quantity)
                && query.writable.is_none_or(|writable| writable == channel.writable)
                && contains(&channel.series, query.q.as_deref())
        });
        Ok(paging.page_of(selected, |channel| (channel.device.clone(), channel.channel.clone())))
    };
    api.blocking(work).await.map(Json)
}

/// A channel.
#[utoipa::path(
    get, path = "/api/v1/operators/{operator}/sites/{site}/devices/{device}/channels/{channel}", operation_id = "show_channel",
    tag = "channels", params(ChannelPath),
    responses(
        (status = 200, body = Channel),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn show_channel(State(api): State<Api>, Path(path): Path<ChannelPath>) -> Result<Json<Channel>, Problem> {
    let ChannelPath { operator, site, device, channel: name } = path;
    let device = DeviceName { operator, site, device };
    let work = move |api: &Api| {
        let known = api.known_device(&device)?;
        let found = channels_of(&known, api.server().clock().now()).find(|channel| channel.channel == name.as_str());
        found.ok_or_else(|| Problem::not_found(format!("channel {name} is not known at device {device}")))
    };
    api.blocking(work).await.map(Json)
}

fn channels_of(known: &Known, now: Timestamp) -> impl Iterator<Item = Channel> {
    known.channels.iter().map(move |(name, channel, latest)| {
        let latest = latest.as_ref();
        // Bounds and rules are told in the unit of the values, whatever the source speaks.
        let stored = |value: f64| channel.to_stored(value);
        let micros = |span: Option<Span>| span.map(Span::as_micros);
        let model::CommandRules { fallback, hold, min_on, min_off, ramp_per_s, .. } = channel.rules;
        Channel {
            series: known.status.device.channel(name.clone()).to_string(),
            device: known.status.device.device.to_string(),
            channel: name.to_string(),
            labels: channel.labels.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect(),
            quantity: channel.quantity.to_string(),
            unit: channel.base_unit().to_string(),
            kind: kind_of(channel.kind),
            sign: sign_of(channel.sign),
            writable: channel.writable,
            range: channel.range.map(|range| {
                let (one, other) = (stored(range.low()), stored(range.high()));
                ChannelRange { low: one.min(other), high: one.max(other) }
            }),
            cadence_us: micros(channel.cadence),
            max_age_us: micros(channel.max_age),
            rules: ChannelRules {
                fallback: fallback.map(stored),
                hold_us: micros(hold),
                min_on_us: micros(min_on),
                min_off_us: micros(min_off),
                // A difference: units without a common zero convert it otherwise than a value.
                ramp_per_s: ramp_per_s.map(|ramp| (stored(ramp) - stored(0.0)).abs()),
            },
            latest: latest.map(|sample| LatestValue { time_us: sample.time.as_micros(), value: sample.value }),
            stale: latest.is_none_or(|sample| is_stale(channel, sample.time, now)),
        }
    })
}

fn kind_of(kind: model::Kind) -> ChannelKind {
    match kind {
        model::Kind::Gauge => ChannelKind::Gauge,
        model::Kind::Counter => ChannelKind::Counter,
        model::Kind::State => ChannelKind::State,
        model::Kind::Event => ChannelKind::Event,
    }
}

fn sign_of(sign: model::SignConvention) -> ChannelSign {
    match sign {
        model::SignConvention::Passive => ChannelSign::Passive,
        model::SignConvention::Generator => ChannelSign::Generator,
    }
}
