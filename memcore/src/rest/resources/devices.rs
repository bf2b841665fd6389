//! Devices: what is known of them, and their enrolment.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use crate::error::ErrorKind;
use crate::model::{DeviceName, DeviceProof, Name, PointRate, ProofKind, Span, Timestamp};
use crate::rest::access::Route;
use crate::rest::api::{Api, Routes};
use crate::rest::extract::{Json, Path, Query};
use crate::rest::guard::Asking;
use crate::rest::inventory::Known;
use crate::rest::paging::{Page, Paging};
use crate::rest::problem::Problem;
use crate::rest::tags::Changing;
use crate::rest::times;
use crate::rest::within::Place;
use crate::runtime::{Bundle, OVERLAP_DEFAULT, ServerHandle};

/// What is said of a device that nobody sets.
const BY_ITSELF: &[&str] = &["connected", "health", "last_seen_us", "channels", "points", "proofs.last_used_us"];

pub(in crate::rest) fn routes(routes: Routes) -> Routes {
    routes
        .at(Route::DevicesList, routes!(list_devices))
        .at(Route::DeviceEnrol, routes!(enrol_device))
        .at(Route::DeviceShow, routes!(show_device))
        .at(Route::DeviceChange, routes!(change_device))
        .at(Route::DeviceRotate, routes!(rotate_device))
        .at(Route::DeviceRevoke, routes!(revoke_device))
}

/// How a device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum DeviceHealth {
    /// Connected, and something of it is fresh.
    Ok,
    /// Connected, and all that it measures is too old.
    Stale,
    /// Not connected.
    Offline,
    /// Not heard so far.
    Never,
}

/// A device.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct Device {
    /// Its name at its site, such as `pv`.
    device: String,
    /// Its name in full, such as `home1.pv`.
    name: String,
    /// Whether it has a session now.
    connected: bool,
    /// How it is.
    health: DeviceHealth,
    /// When it was last heard.
    #[schema(required)]
    last_seen_us: Option<i64>,
    /// How many channels it has.
    channels: usize,
    /// How many of its points were taken since the server started.
    points: u64,
    /// How many points it may send, where that is limited for it.
    #[schema(required)]
    rate: Option<Rate>,
    /// Whether it may log in: devices that were imported, or revoked, have a history only.
    enrolled: bool,
    /// What it may prove itself by, the newest first.
    proofs: Vec<Proof>,
}

/// How many points a device may send.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
struct Rate {
    /// Points a second, sustained.
    points_per_s: f64,
    /// Points that may come at once.
    burst: f64,
}

/// What a device may prove itself by.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct Proof {
    /// Tells the proofs of a device apart; nothing can be proved with it.
    id: String,
    /// What it is.
    kind: ProofChoice,
    /// When it was handed out.
    since_us: i64,
    /// Until when it logs in, after a rotation; for as long as the device is enrolled where there is none.
    #[schema(required)]
    until_us: Option<i64>,
    /// When the certificate itself ends, where it is one.
    #[schema(required)]
    ends_us: Option<i64>,
    /// When the device last logged in with it.
    #[schema(required)]
    last_used_us: Option<i64>,
}

/// What a device proves itself by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ProofChoice {
    /// A secret.
    #[default]
    Secret,
    /// A client certificate.
    Certificate,
}

impl From<ProofChoice> for ProofKind {
    fn from(choice: ProofChoice) -> Self {
        match choice {
            ProofChoice::Secret => Self::Secret,
            ProofChoice::Certificate => Self::Certificate,
        }
    }
}

impl From<ProofKind> for ProofChoice {
    fn from(kind: ProofKind) -> Self {
        match kind {
            ProofKind::Secret => Self::Secret,
            ProofKind::Certificate => Self::Certificate,
        }
    }
}

/// A device that is to be enrolled.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewDevice {
    /// Its name at its site, such as `pv`: 1 to 64 of letters, digits, `_` and `-`.
    device: Name,
    /// What it proves itself by.
    #[serde(default)]
    proof: ProofChoice,
    /// Whether an earlier enrolment of it, and its session, may end.
    #[serde(default)]
    again: bool,
}

/// A new proof for a device.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewProof {
    /// What it proves itself by from now on.
    #[serde(default)]
    proof: ProofChoice,
    /// How long its earlier proofs still log in: `7d` unless said otherwise, `0s` for not at all.
    #[schema(pattern = "^[0-9]+(us|ms|s|m|min|h|d)$")]
    overlap: Option<String>,
}

/// How many points a device may send.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DeviceChanges {
    /// Points a second, sustained, 1 at least; null for what the configuration says of all.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(required, minimum = 1)]
    points_per_s: Option<f64>,
    /// Points that may come at once, 1 at least; ten seconds' worth where it is absent or null.
    #[schema(minimum = 1)]
    burst: Option<f64>,
}

/// What a device is handed. It is shown this once.
#[derive(Serialize, ToSchema)]
struct Handed {
    /// The device.
    device: Device,
    /// Its secret, where that is its proof.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    /// Its client certificate, where that is its proof, in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<String>,
    /// The key of the certificate, in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// The CA that it knows the server by, in PEM.
    ca: String,
    /// Where it reaches the server: `host:port`.
    server: String,
    /// All of it as the file that the device's SDK reads.
    bundle: String,
}

/// Which devices.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DevicesQuery {
    /// Only those that are so.
    #[param(inline)]
    health: Option<DeviceHealth>,
    /// Only those with this in their name.
    q: Option<String>,
    /// How many items at most; 100 unless said otherwise.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct DevicePath {
    /// The operator, such as `local`.
    operator: Name,
    /// The site, such as `home1`.
    site: Name,
    /// The device, such as `pv`.
    device: Name,
}

impl From<DevicePath> for DeviceName {
    fn from(path: DevicePath) -> Self {
        Self { operator: path.operator, site: path.site, device: path.device }
    }
}

/// The devices of a site.
#[utoipa::path(
    get, path = "/api/v1/operators/{operator}/sites/{site}/devices", operation_id = "list_devices", tag = "devices",
    params(Place, DevicesQuery),
    responses(
        (status = 200, body = Page<Device>),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn list_devices(
    State(api): State<Api>,
    Path(Place { operator, site }): Path<Place>,
    Query(query): Query<DevicesQuery>,
) -> Result<Json<Page<Device>>, Problem> {
    let paging = Paging::new(query.limit, query.cursor.as_deref())?;
    let devices = api.blocking(move |api| Ok(devices(api, &api.known_at(&operator, &site)?))).await?;
    let selected = devices.into_iter().filter(|device| {
        query.health.is_none_or(|health| device.health == health) && contains(&device.device, query.q.as_deref())
    });
    Ok(Json(paging.page_of(selected, |device| device.device.clone())))
}

/// Whether a name has that in it, in large or small letters.
pub(super) fn contains(name: &str, part: Option<&str>) -> bool {
    part.is_none_or(|part| name.to_lowercase().contains(&part.to_lowercase()))
}

/// A device.
#[utoipa::path(
    get, path = "/api/v1/operators/{operator}/sites/{site}/devices/{device}", operation_id = "show_device", tag = "devices",
    params(DevicePath),
    responses(
        (status = 200, body = Device),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn show_device(State(api): State<Api>, Path(path): Path<DevicePath>) -> Result<Changing<Device>, Problem> {
    let name = path.into();
    let whole = api.blocking(move |api| shown(api, &name)).await?;
    Ok(Changing { whole, by_itself: BY_ITSELF })
}

/// Enrols a device. What is answered is shown this once.
#[utoipa::path(
    post, path = "/api/v1/operators/{operator}/sites/{site}/devices", operation_id = "enrol_device", tag = "devices",
    params(Place), request_body = NewDevice,
    responses(
        (status = 201, body = Handed),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = 503, body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn enrol_device(
    State(api): State<Api>,
    Asking(caller): Asking,
    Path(Place { operator, site }): Path<Place>,
    Json(new): Json<NewDevice>,
) -> Result<(StatusCode, Json<Handed>), Problem> {
    let device = DeviceName { operator, site, device: new.device };
    let work = move |api: &Api| {
        let server = api.server().at_wish_of(&caller.author());
        if !new.again && is_enrolled(&server, &device) {
            let detail =
                format!("device {device} is enrolled already: expected `again` to end that, or a new proof for it");
            return Err(Problem::new(StatusCode::CONFLICT, ErrorKind::Conflict.code(), detail).at("device"));
        }
        let bundle = server.enroll(&device, new.proof.into())?;
        handed(api, &device, bundle)
    };
    Ok((StatusCode::CREATED, Json(api.blocking(work).await?)))
}

/// Gives a device a new proof; its earlier ones still log in for a while, and its session goes on. What is answered is shown this once.
#[utoipa::path(
    post, path = "/api/v1/operators/{operator}/sites/{site}/devices/{device}/proofs", operation_id = "rotate_device",
    tag = "devices", params(DevicePath), request_body = NewProof,
    responses(
        (status = 201, body = Handed),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = 503, body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn rotate_device(
    State(api): State<Api>,
    Asking(caller): Asking,
    Path(path): Path<DevicePath>,
    Json(new): Json<NewProof>,
) -> Result<(StatusCode, Json<Handed>), Problem> {
    let device: DeviceName = path.into();
    let overlap: Span = new.overlap.map_or(Ok(OVERLAP_DEFAULT), |text| times::length("overlap", &text))?;
    let work = move |api: &Api| {
        let bundle = api.server().at_wish_of(&caller.author()).rotate(&device, new.proof.into(), overlap)?;
        handed(api, &device, bundle)
    };
    Ok((StatusCode::CREATED, Json(api.blocking(work).await?)))
}

/// Sets how many points a device may send.
#[utoipa::path(
    patch, path = "/api/v1/operators/{operator}/sites/{site}/devices/{device}", operation_id = "change_device", tag = "devices",
    params(DevicePath), request_body = DeviceChanges,
    responses(
        (status = 200, body = Device),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn change_device(
    State(api): State<Api>,
    Asking(caller): Asking,
    Path(path): Path<DevicePath>,
    Json(changes): Json<DeviceChanges>,
) -> Result<Json<Device>, Problem> {
    let device: DeviceName = path.into();
    let rate = rate_of(&changes)?;
    let work = move |api: &Api| {
        api.server().at_wish_of(&caller.author()).limit(&device, rate)?;
        shown(api, &device)
    };
    api.blocking(work).await.map(Json)
}

fn rate_of(changes: &DeviceChanges) -> Result<Option<PointRate>, Problem> {
    match (changes.points_per_s, changes.burst) {
        (None, Some(_)) => Err(Problem::invalid(
            "burst",
            "burst is set, expected points_per_s too: it is how far a device may run ahead of it",
        )),
        (per_second, burst) => per_second.map(|per_second| PointRate::new(per_second, burst)).transpose().map_err(|e| {
            let field = if e.message().starts_with("burst") { "burst" } else { "points_per_s" };
            Problem::from(e).at(field)
        }),
    }
}

/// Ends a device's enrolment, with all its proofs, and its session. Its history stays.
#[utoipa::path(
    delete, path = "/api/v1/operators/{operator}/sites/{site}/devices/{device}", operation_id = "revoke_device", tag = "devices",
    params(DevicePath),
    responses(
        (status = 204, description = "It is no longer enrolled."),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn revoke_device(
    State(api): State<Api>,
    Asking(caller): Asking,
    Path(path): Path<DevicePath>,
) -> Result<StatusCode, Problem> {
    let device: DeviceName = path.into();
    api.blocking(move |api| Ok(api.server().at_wish_of(&caller.author()).revoke(&device)?)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn is_enrolled(server: &ServerHandle, device: &DeviceName) -> bool {
    server.devices().iter().any(|status| status.device == *device && !status.proofs.is_empty())
}

fn handed(api: &Api, device: &DeviceName, mut bundle: Bundle) -> Result<Handed, Problem> {
    if let Some(host) = api.inner.config.gateway.names.first() {
        bundle.server = format!("{host}:{}", api.server().address().port());
    }
    let file = serde_json::to_string_pretty(&bundle).map_err(Problem::internal)?;
    let Bundle { server, ca_pem, credential, certificate_pem, key_pem, .. } = bundle;
    let device = shown(api, device)?;
    Ok(Handed { device, secret: credential, certificate: certificate_pem, key: key_pem, ca: ca_pem, server, bundle: file })
}

fn shown(api: &Api, device: &DeviceName) -> Result<Device, Problem> {
    Ok(device_of(&api.known_device(device)?, api.server().clock().now()))
}

fn devices(api: &Api, known: &[Known]) -> Vec<Device> {
    let now = api.server().clock().now();
    known.iter().filter(|known| known.is_device()).map(|known| device_of(known, now)).collect()
}

fn device_of(known: &Known, now: Timestamp) -> Device {
    let status = &known.status;
    let last_seen = known.last_seen();
    let health = match (status.connected, last_seen) {
        (true, _) if known.is_stale(now) => DeviceHealth::Stale,
        (true, _) => DeviceHealth::Ok,
        (false, Some(_)) => DeviceHealth::Offline,
        (false, None) => DeviceHealth::Never,
    };
    Device {
        device: status.device.device.to_string(),
        name: status.device.to_string(),
        connected: status.connected,
        health,
        last_seen_us: last_seen.map(Timestamp::as_micros),
        channels: known.channels.len(),
        points: status.points,
        rate: status.rate.map(|rate| Rate { points_per_s: rate.per_second, burst: rate.burst }),
        enrolled: !status.proofs.is_empty(),
        proofs: status.proofs.iter().map(proof_of).collect(),
    }
}

fn proof_of(proof: &DeviceProof) -> Proof {
    Proof {
        id: proof.id.clone(),
        kind: proof.kind.into(),
        since_us: proof.issued.as_micros(),
        until_us: proof.until.map(Timestamp::as_micros),
        ends_us: proof.ends.map(Timestamp::as_micros),
        last_used_us: proof.last_used.map(Timestamp::as_micros),
    }
}
