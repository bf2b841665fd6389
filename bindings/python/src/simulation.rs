//! Emulated devices, or recorded telemetry, on the link of a server.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use memcore::client::Bundle;
use memcore::model::{DeviceName, Span, Timestamp};
use memcore::{Config, Enrolment, Error, ErrorKind, LocalClient, ServerHandle};
use memcore::{ReplayRequest, SimulationReport, SimulationRequest, Speed};
use pyo3::prelude::*;

use crate::errors::{json, raised};
use crate::owned::Owned;
use crate::runtime::{awaitable, runtime, wait};
use crate::server::Server;

/// How often one who waits for the end looks for it.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Who gives devices their bundles: a server of this process, or the folder of one that runs elsewhere on this machine.
enum Enroller {
    Here(ServerHandle),
    Elsewhere { enrolment: Box<Enrolment>, server: String },
}

impl Enroller {
    async fn at(path: PathBuf) -> memcore::Result<Self> {
        let address = LocalClient::of(&path).status().await?.address;
        let enrolment = Box::new(Enrolment::open(&Config::at(path))?);
        Ok(Self::Elsewhere { enrolment, server: format!("localhost:{}", address.port()) })
    }

    fn enroll(&self, device: &DeviceName) -> memcore::Result<Bundle> {
        match self {
            Self::Here(handle) => handle.enroll_simulated(device),
            Self::Elsewhere { enrolment, server } => enrolment.enroll_simulated(device, Some(server), false),
        }
    }
}

/// A server object, or the folder of a site.
#[derive(FromPyObject)]
enum Target<'py> {
    Server(PyRef<'py, Server>),
    Path(PathBuf),
}

impl Target<'_> {
    fn enroller(&self, py: Python<'_>) -> PyResult<Enroller> {
        match self {
            Self::Server(server) => Ok(Enroller::Here(server.handle()?)),
            Self::Path(path) => wait(py, Enroller::at(path.clone())),
        }
    }
}

/// A simulation.
#[pyclass(frozen, module = "memcore._memcore")]
pub(crate) struct Simulation(Arc<Owned<memcore::Simulation>>);

impl Simulation {
    fn new(simulation: memcore::Simulation) -> Self {
        Self(Arc::new(Owned::new("simulation", simulation)))
    }

    fn take(&self) -> PyResult<memcore::Simulation> {
        self.0.take()?.ok_or_else(|| crate::errors::closed("simulation"))
    }
}

#[pymethods]
impl Simulation {
    /// Without a speed, as fast as the server takes the data.
    #[staticmethod]
    #[expect(clippy::too_many_arguments, reason = "one a choice")]
    fn street(
        py: Python<'_>,
        target: Target<'_>,
        devices: usize,
        seed: u64,
        start: Option<i64>,
        step_us: i64,
        speed: Option<f64>,
        length_us: Option<i64>,
    ) -> PyResult<Self> {
        let enroller = target.enroller(py)?;
        let mut request = SimulationRequest::default();
        (request.devices, request.seed) = (devices, seed);
        request.start = start.map(Timestamp::from_micros);
        request.step = Span::from_micros(step_us);
        request.length = length_us.map(Span::from_micros);
        request.speed = speed.map_or(Speed::Unlimited, Speed::Times);
        wait(py, memcore::simulate(&request, move |device| enroller.enroll(device))).map(Self::new)
    }

    #[staticmethod]
    fn replay(py: Python<'_>, target: Target<'_>, file: PathBuf, device: &str, zone: Option<String>) -> PyResult<Self> {
        let enroller = target.enroller(py)?;
        let request = ReplayRequest { file, device: device.parse().map_err(raised)?, zone };
        wait(py, memcore::replay(&request, move |device| enroller.enroll(device))).map(Self::new)
    }

    /// Rows and values so far.
    fn sent(&self) -> PyResult<(u64, u64)> {
        self.0.with(memcore::Simulation::sent)
    }

    /// An awaitable of the report, as JSON.
    fn finish<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let shared = self.0.clone();
        awaitable(py, async move { report(finished(shared).await) })
    }

    fn finish_sync(&self, py: Python<'_>) -> PyResult<String> {
        report(Ok(wait(py, finished(self.0.clone()))?))
    }

    /// An awaitable of the report, as JSON.
    fn stop<'py>(&self, py: Python<'py>, within_seconds: f64) -> PyResult<Bound<'py, PyAny>> {
        let simulation = self.take()?;
        let stopping = runtime().spawn(simulation.stop(Duration::from_secs_f64(within_seconds)));
        awaitable(py, async move { report(stopping.await.unwrap_or_else(|e| std::panic::resume_unwind(e.into_panic()))) })
    }

    fn stop_sync(&self, py: Python<'_>, within_seconds: f64) -> PyResult<String> {
        let simulation = self.take()?;
        report(Ok(wait(py, simulation.stop(Duration::from_secs_f64(within_seconds)))?))
    }
}

/// It stays where it is until everything was sent, so that one who waits in vain can still stop it.
async fn finished(shared: Arc<Owned<memcore::Simulation>>) -> memcore::Result<SimulationReport> {
    let closed = || Error::new(ErrorKind::Closed, "the simulation was stopped");
    while !shared.with(memcore::Simulation::is_over).map_err(|_| closed())? {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let simulation = shared.take().ok().flatten().ok_or_else(closed)?;
    simulation.finish().await
}

fn report(report: memcore::Result<SimulationReport>) -> PyResult<String> {
    json(&report.map_err(raised)?)
}
