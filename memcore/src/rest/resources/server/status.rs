//! What the server does, in numbers.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::model::Timestamp;
use crate::rest::api::Api;
use crate::rest::extract::Json;
use crate::rest::problem::Problem;
use crate::runtime::memory_in_use;

/// What the server does.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ServerStatus {
    /// The version of memcore.
    version: &'static str,
    /// Since when it serves.
    started_us: i64,
    /// The time by its clock.
    now_us: i64,
    /// Where devices reach it.
    gateway: String,
    /// The controlled site, such as `home1`, where there is one.
    #[schema(required)]
    controlled: Option<String>,
    /// What it has done.
    stats: Stats,
    /// What it keeps.
    store: Store,
    /// The memory that it has in use, in bytes, where the system tells.
    #[schema(required)]
    memory_bytes: Option<u64>,
    /// Who asks it.
    http: Http,
}

/// What the server has done since its start.
#[derive(Debug, Serialize, ToSchema)]
struct Stats {
    /// Devices that are connected now.
    connected: usize,
    /// Points taken from devices.
    points_taken: u64,
    /// Points that are durable.
    points_durable: u64,
    /// Parts of messages that were refused.
    rejected: u64,
    /// Group commits.
    commits: u64,
}

/// What the server keeps.
#[derive(Debug, Serialize, ToSchema)]
struct Store {
    /// Devices with a history.
    devices: usize,
    /// Series.
    series: usize,
    /// Values.
    points: u64,
    /// What it takes of the disk.
    disk_bytes: u64,
    /// How much the disk has left, where it can tell.
    #[schema(required)]
    free_bytes: Option<u64>,
    /// Why it takes no writes, where it does not.
    #[schema(required)]
    read_only: Option<String>,
    /// What was found damaged when it was opened.
    damage: Vec<String>,
}

/// Who asks the server.
#[derive(Debug, Serialize, ToSchema)]
struct Http {
    /// Requests that were answered since the start.
    requests: u64,
    /// Live views that are open now.
    live: u64,
}

/// What the server does.
#[utoipa::path(
    get, path = "/api/v1/status", operation_id = "server_status", tag = "server",
    responses(
        (status = 200, body = ServerStatus),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn server_status(State(api): State<Api>) -> Result<Json<ServerStatus>, Problem> {
    api.blocking(|api| Ok(status(api))).await.map(Json)
}

fn status(api: &Api) -> ServerStatus {
    let server = api.server();
    let (stats, store) = (server.stats(), server.memcore().stats());
    ServerStatus {
        version: env!("CARGO_PKG_VERSION"),
        started_us: api.inner.started.as_micros(),
        now_us: Timestamp::as_micros(server.clock().now()),
        gateway: server.address().to_string(),
        controlled: server.controlled_site().map(|(_, site)| site.to_string()),
        stats: Stats {
            connected: stats.connected,
            points_taken: stats.points_taken,
            points_durable: stats.points_durable,
            rejected: stats.rejected,
            commits: stats.commits,
        },
        store: Store {
            devices: store.devices,
            series: store.series,
            points: store.points(),
            disk_bytes: store.disk_bytes,
            free_bytes: store.free_bytes,
            read_only: store.read_only,
            damage: store.damage,
        },
        memory_bytes: memory_in_use(),
        http: Http { requests: api.inner.traffic.requests(), live: api.inner.traffic.live() },
    }
}
