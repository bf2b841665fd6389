//! Readings: the latest, ranges, aggregates, charts.

mod chart;
mod csv;
mod latest;
mod page;
mod rows;
mod streamed;
mod write;

use std::sync::Arc;

use tokio::sync::Semaphore;
use utoipa_axum::routes;

use axum::http::StatusCode;

use crate::error::{ErrorKind, Result};
use crate::rest::access::Route;
use crate::rest::api::{Api, Routes};
use crate::rest::problem::Problem;

/// Questions to the history that are answered at once. Full-policy: the next ones wait, as a request does.
const AT_ONCE: usize = 8;

/// What the room keeps between requests.
#[derive(Debug)]
pub(in crate::rest) struct Shared {
    latest: latest::Asked,
    turns: Arc<Semaphore>,
}

impl Default for Shared {
    fn default() -> Self {
        Self { latest: latest::Asked::default(), turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

pub(in crate::rest) fn routes(routes: Routes) -> Routes {
    routes
        .at(Route::Latest, routes!(latest::latest))
        .at(Route::Readings, routes!(rows::readings))
        .at(Route::ReadingsWrite, routes!(write::write_readings))
        .at(Route::Chart, routes!(chart::chart))
}

/// Reads the history on a thread where that may take time, in its turn. Who has gone meanwhile gives its turn back when the work ends.
pub(in crate::rest) async fn read<T: Send + 'static>(
    api: &Api,
    read: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T, Problem> {
    let closed = |_| Problem::new(StatusCode::SERVICE_UNAVAILABLE, ErrorKind::Closed.code(), "the server shuts down");
    let turn = api.inner.readings.turns.clone().acquire_owned().await.map_err(closed)?;
    on_a_thread(move || {
        let _turn = turn;
        read()
    })
    .await
}

pub(in crate::rest) async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T, Problem> {
    let ended = tokio::task::spawn_blocking(work).await;
    let failed = |_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, ErrorKind::Internal.code(), "the work broke off");
    Ok(ended.map_err(failed)??)
}
