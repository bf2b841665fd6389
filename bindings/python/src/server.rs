//! A running server.

use std::path::PathBuf;

use memcore::adapters::hem::EndpointOptions;
use memcore::model::{CommandId, CommandState, DeviceName, Pattern, PointRate, SeriesName, Span, Timestamp};
use memcore::{AuditQuery, CommandRequest, Config, ProofKind, ServerHandle};
use pyo3::prelude::*;

use crate::control::{named, site_model};
use crate::errors::{json, raised};
use crate::hem::{HemEndpoint, listening};
use crate::http::Running;
use crate::live::{Feed, Source, opened};
use crate::owned::Owned;
use crate::runtime::{awaitable, runtime, wait};
use crate::site::Site;

/// A server with the handle that all but its end is done through.
#[pyclass(frozen, module = "memcore._memcore")]
pub(crate) struct Server {
    server: Owned<Running>,
    address: std::net::SocketAddr,
    url: Option<String>,
}

impl Server {
    pub(crate) fn handle(&self) -> PyResult<ServerHandle> {
        self.server.with(Running::handle)
    }
}

/// One that is forgotten ends in order, behind the back of whoever forgot it: else it would keep its port and its site.
impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(Some(server)) = self.server.take() {
            runtime().spawn(async {
                if let Err(error) = server.end().await {
                    tracing::error!(target: "memcore::server", %error, "a server that was not closed could not end in order");
                }
            });
        }
    }
}

#[pymethods]
impl Server {
    /// `overrides` are dotted keys of the configuration with their values; `model` is the site model, as JSON. `http` says whether
    /// REST and the page are served.
    #[staticmethod]
    fn start(
        py: Python<'_>,
        config: Option<PathBuf>,
        overrides: Vec<(String, String)>,
        model: Option<&str>,
        http: bool,
    ) -> PyResult<Self> {
        let overrides: Vec<(&str, String)> = overrides.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
        let mut config = Config::load(config.as_deref(), std::env::vars_os(), &overrides).map_err(raised)?;
        config.control.given = model.map(site_model).transpose()?;
        let running = wait(py, Box::pin(Running::start(config, http)))?;
        let (address, url) = (running.handle().address(), running.around().url());
        Ok(Self { address, url, server: Owned::new("server", running) })
    }

    fn http_url(&self) -> Option<&str> {
        self.url.as_deref()
    }

    fn first_link(&self, py: Python<'_>) -> PyResult<Option<String>> {
        let around = self.server.with(Running::around)?;
        wait(py, around.first_link())
    }

    /// Asks a route of REST; a body and the answer are JSON.
    fn ask(&self, py: Python<'_>, by: String, method: String, target: String, body: Option<String>) -> PyResult<String> {
        let around = self.server.with(Running::around)?;
        wait(py, around.ask(by, method, target, body))
    }

    /// An awaitable of the same.
    fn ask_async<'py>(
        &self,
        py: Python<'py>,
        by: String,
        method: String,
        target: String,
        body: Option<String>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let around = self.server.with(Running::around)?;
        awaitable(py, async move { around.ask(by, method, target, body).await.map_err(raised) })
    }

    fn address(&self) -> (String, u16) {
        (self.address.ip().to_string(), self.address.port())
    }

    fn site(&self) -> PyResult<Site> {
        Ok(Site::of_server(self.handle()?.memcore().clone()))
    }

    fn subscribe(&self, py: Python<'_>, pattern: &str) -> PyResult<Feed> {
        let pattern: Pattern = pattern.parse().map_err(raised)?;
        let handle = self.handle()?;
        opened(wait(py, async move { Ok(handle.subscribe(&pattern).await) })?.map(Source::Readings))
    }

    fn events(&self, py: Python<'_>) -> PyResult<Feed> {
        let handle = self.handle()?;
        opened(wait(py, async move { Ok(handle.events().await) })?.map(Source::Events))
    }

    fn alarm_changes(&self, operator: &str) -> PyResult<Feed> {
        let operator = named("operator", operator)?;
        opened(Ok(Source::Alarms(self.handle()?.alarms().subscribe(&operator))))
    }

    /// An awaitable of the command's id, its final state as JSON, and what control says to it.
    fn command<'py>(&self, py: Python<'py>, target: &str, value: f64, how: How) -> PyResult<Bound<'py, PyAny>> {
        let request = how.request(target, value)?;
        let handle = self.handle()?;
        awaitable(py, async move { answer(followed(handle, request).await.map_err(raised)?) })
    }

    /// The same for those who have no event loop.
    fn command_sync(
        &self,
        py: Python<'_>,
        target: &str,
        value: f64,
        how: How,
    ) -> PyResult<(String, String, Option<String>)> {
        let request = how.request(target, value)?;
        answer(wait(py, followed(self.handle()?, request))?)
    }

    /// Answers apps that were written for a HEM board.
    fn serve_hem(&self, py: Python<'_>, device: &str, listen: &str, allow_network: bool) -> PyResult<HemEndpoint> {
        let device: DeviceName = device.parse().map_err(raised)?;
        let options = EndpointOptions { listen: listening(listen)?, allow_network, ..EndpointOptions::default() };
        let handle = self.handle()?;
        wait(py, async move { handle.serve_hem(&device, options).await }).map(HemEndpoint::new)
    }

    /// JSON.
    fn devices(&self, py: Python<'_>) -> PyResult<String> {
        let handle = self.handle()?;
        json(&py.detach(|| handle.devices()))
    }

    /// JSON.
    fn stats(&self, py: Python<'_>) -> PyResult<String> {
        let handle = self.handle()?;
        json(&py.detach(|| handle.stats()))
    }

    /// JSON: the bundle.
    fn enroll(&self, py: Python<'_>, device: &str, proof: &str) -> PyResult<String> {
        let device: DeviceName = device.parse().map_err(raised)?;
        let proof: ProofKind = proof.parse().map_err(raised)?;
        let handle = self.handle()?;
        json(&py.detach(|| handle.enroll(&device, proof)).map_err(raised)?)
    }

    /// JSON: a list of bundles.
    fn enroll_many(&self, py: Python<'_>, devices: Vec<String>) -> PyResult<String> {
        let devices: Vec<DeviceName> = devices.iter().map(|name| name.parse()).collect::<Result<_, _>>().map_err(raised)?;
        let handle = self.handle()?;
        json(&py.detach(|| handle.enroll_many(&devices)).map_err(raised)?)
    }

    /// JSON: the bundle.
    fn rotate(&self, py: Python<'_>, device: &str, proof: &str, overlap_us: i64) -> PyResult<String> {
        let device: DeviceName = device.parse().map_err(raised)?;
        let proof: ProofKind = proof.parse().map_err(raised)?;
        let handle = self.handle()?;
        json(&py.detach(|| handle.rotate(&device, proof, Span::from_micros(overlap_us))).map_err(raised)?)
    }

    fn limit(&self, py: Python<'_>, device: &str, points_per_s: Option<f64>, burst: Option<f64>) -> PyResult<()> {
        let device: DeviceName = device.parse().map_err(raised)?;
        let rate = points_per_s.map(|rate| PointRate::new(rate, burst)).transpose().map_err(raised)?;
        let handle = self.handle()?;
        py.detach(|| handle.limit(&device, rate)).map_err(raised)
    }

    /// JSON.
    fn certificate(&self) -> PyResult<String> {
        json(&self.handle()?.certificate())
    }

    /// JSON: entries, and how many lines cannot be read.
    fn audit(
        &self,
        py: Python<'_>,
        since_us: Option<i64>,
        device: Option<&str>,
        kind: Option<String>,
        limit: usize,
    ) -> PyResult<String> {
        let mut query = AuditQuery::default();
        query.since = since_us.map(Timestamp::from_micros);
        query.device = device.map(str::parse).transpose().map_err(raised)?;
        (query.kind, query.limit) = (kind, limit);
        let handle = self.handle()?;
        json(&py.detach(|| handle.audit(&query)).map_err(raised)?)
    }

    /// JSON.
    fn verify_audit(&self, py: Python<'_>) -> PyResult<String> {
        let handle = self.handle()?;
        json(&py.detach(|| handle.verify_audit()).map_err(raised)?)
    }

    fn revoke(&self, py: Python<'_>, device: &str) -> PyResult<()> {
        let device: DeviceName = device.parse().map_err(raised)?;
        let handle = self.handle()?;
        py.detach(|| handle.revoke(&device)).map_err(raised)
    }

    /// An awaitable. Once begun it goes on to its end, also where nobody waits for it any more.
    fn shutdown<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let ending = self.server.take()?.map(|server| runtime().spawn(server.end()));
        awaitable(py, async move { ended(ending).await.map_err(raised) })
    }

    fn shutdown_sync(&self, py: Python<'_>) -> PyResult<()> {
        let ending = self.server.take()?.map(|server| runtime().spawn(server.end()));
        wait(py, ended(ending))
    }
}

async fn ended(ending: Option<tokio::task::JoinHandle<memcore::Result<()>>>) -> memcore::Result<()> {
    match ending {
        Some(ending) => ending.await.unwrap_or_else(|e| std::panic::resume_unwind(e.into_panic())),
        None => Ok(()),
    }
}

/// How a command is given: the items of a dictionary.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct How {
    lease_us: Option<i64>,
    fallback: Option<f64>,
    expires_us: Option<i64>,
    id: Option<String>,
    by: Option<String>,
    safety: bool,
}

impl How {
    fn request(self, target: &str, value: f64) -> PyResult<CommandRequest> {
        let target: SeriesName = target.parse().map_err(raised)?;
        let mut request = CommandRequest::new(target, value);
        // Set apart from each other: what lacks its other half is refused by the core.
        request.lease = self.lease_us.map(Span::from_micros);
        request.fallback = self.fallback;
        request.expires_in = self.expires_us.map(Span::from_micros);
        request.id = self.id.as_deref().map(CommandId::new).transpose().map_err(raised)?;
        (request.by, request.safety) = (self.by, self.safety);
        Ok(request)
    }
}

/// A command's id, its final state, and what control says to it.
type Followed = (CommandId, CommandState, Option<String>);

async fn followed(handle: ServerHandle, request: CommandRequest) -> memcore::Result<Followed> {
    let mut ticket = handle.command(request)?;
    let state = ticket.finished().await;
    Ok((ticket.id().clone(), state, ticket.note().map(ToOwned::to_owned)))
}

fn answer((id, state, note): Followed) -> PyResult<(String, String, Option<String>)> {
    Ok((id.to_string(), json(&state)?, note))
}
