//! Metrics as Prometheus reads them. Names of devices and users are no labels: they are many, and some are nobody's business.

use std::fmt::Write;

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;

use crate::rest::api::Api;
use crate::rest::problem::Problem;
use crate::runtime::memory_in_use;

/// The metrics of the server, in the text format of Prometheus.
#[utoipa::path(
    get, path = "/api/v1/metrics", operation_id = "metrics", tag = "server",
    responses(
        (status = 200, body = String, content_type = "text/plain"),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn metrics(State(api): State<Api>) -> Result<impl IntoResponse, Problem> {
    let text = api.blocking(|api| Ok(text(api))).await?;
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, kind)], text))
}

fn text(api: &Api) -> String {
    let server = api.server();
    let (stats, store, traffic) = (server.stats(), server.memcore().stats(), &api.inner.traffic);
    let mut text = String::with_capacity(4096);
    let mut say = |name: &str, kind: &str, help: &str, value: u64| {
        let _ = writeln!(text, "# HELP memcore_{name} {help}\n# TYPE memcore_{name} {kind}\nmemcore_{name} {value}");
    };
    say("devices_connected", "gauge", "Devices that are connected now.", stats.connected as u64);
    say("points_taken_total", "counter", "Points taken from devices.", stats.points_taken);
    say("points_durable_total", "counter", "Points that are durable.", stats.points_durable);
    say("rejected_total", "counter", "Parts of messages that were refused.", stats.rejected);
    say("commits_total", "counter", "Group commits of the store.", stats.commits);
    say("store_series", "gauge", "Series in the store.", store.series as u64);
    say("store_points", "gauge", "Values in the store.", store.points());
    say("store_disk_bytes", "gauge", "What the store takes of the disk.", store.disk_bytes);
    say("store_log_bytes", "gauge", "What is in the log of the store.", store.log_bytes);
    say("store_read_only", "gauge", "1 while the store takes no writes.", u64::from(store.read_only.is_some()));
    if let Some(free) = store.free_bytes {
        say("disk_free_bytes", "gauge", "What the disk of the store has left.", free);
    }
    let (open, issued) = server.command_counts();
    say("commands_open", "gauge", "Commands that have not ended.", open);
    say("commands_issued_total", "counter", "Commands that were issued.", issued);
    let alarms = server.alarms().stats();
    say("alarms_critical", "gauge", "Critical alarms that hold.", alarms.open.critical as u64);
    say("alarms_warning", "gauge", "Warnings that hold.", alarms.open.warning as u64);
    say("alarms_info", "gauge", "Alarms that hold and are good to know.", alarms.open.info as u64);
    say("alarms_raised_total", "counter", "How often an alarm was raised.", alarms.raised);
    say("alarms_unwatched_total", "counter", "Rules at subjects that are not watched: too many.", alarms.unwatched);
    say("alarms_waiting", "gauge", "Alarms that wait to be told.", alarms.waiting as u64);
    say("live_views", "gauge", "Live views that are open.", traffic.live());
    if let Some(bytes) = memory_in_use() {
        say("memory_bytes", "gauge", "The memory that the process has in use.", bytes);
    }
    let _ = writeln!(text, "# HELP memcore_http_requests_total Requests by route and status.");
    let _ = writeln!(text, "# TYPE memcore_http_requests_total counter");
    for (route, status, count) in traffic.each() {
        let (method, path) = (route.method(), route.path());
        let _ = writeln!(
            text,
            "memcore_http_requests_total{{method=\"{method}\",route=\"{path}\",status=\"{status}\"}} {count}"
        );
    }
    text
}
