//! Emulated devices, or recorded telemetry, on the link of a server.

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use jiff::tz::TimeZone;
use memcore::client::Bundle;
use memcore::model::{DeviceName, Span, Timestamp};
use memcore::sim::{self, Replay, ReplayOptions, SimulationReport, Speed, Street, StreetOptions};
use memcore::{Config, Enrolment, LocalClient, ProofKind, ServerHandle};
use pyo3::prelude::*;

use crate::errors::{invalid, json, raised};
use crate::owned::Owned;
use crate::runtime::{awaitable, runtime, wait};
use crate::server::Server;

/// Who gives devices their bundles: a server of this process, or the folder of one that runs elsewhere on this machine.
enum Enroller {
    Here(ServerHandle),
    Elsewhere { enrolment: Enrolment, server: String },
}

impl Enroller {
    async fn at(path: PathBuf) -> memcore::Result<Self> {
        let address = LocalClient::of(&path).status().await?.address;
        let enrolment = Enrolment::open(&Config::at(path))?;
        Ok(Self::Elsewhere { enrolment, server: format!("localhost:{}", address.port()) })
    }

    fn enroll(&self, device: &DeviceName) -> memcore::Result<Bundle> {
        match self {
            Self::Here(handle) => handle.enroll(device, ProofKind::Secret),
            Self::Elsewhere { enrolment, server } => enrolment.enroll(device, ProofKind::Secret, Some(server)),
        }
    }
}

/// A simulation.
#[pyclass(frozen, module = "memcore._memcore")]
pub(crate) struct Simulation {
    simulation: Owned<sim::Simulation>,
    /// Once it has ended.
    sent: Mutex<(u64, u64)>,
}

impl Simulation {
    fn new(simulation: sim::Simulation) -> Self {
        Self { simulation: Owned::new("simulation", simulation), sent: Mutex::default() }
    }

    fn take(&self) -> PyResult<sim::Simulation> {
        let sent = self.simulation.with(sim::Simulation::sent)?;
        *self.sent.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = sent;
        self.simulation.take()?.ok_or_else(|| crate::errors::closed("simulation"))
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
        let mut options = StreetOptions { seed, devices, ..StreetOptions::default() };
        options.start = start.map_or(options.start, Timestamp::from_micros);
        let street = Street::new(options).map_err(raised)?;
        let (step, length) = (Span::from_micros(step_us), length_us.map(Span::from_micros));
        let speed = speed.map_or(Speed::Unlimited, Speed::Times);
        let enroll = move |device: &DeviceName| enroller.enroll(device);
        wait(py, sim::Simulation::street(street, step, speed, length, enroll)).map(Self::new)
    }

    #[staticmethod]
    fn replay(py: Python<'_>, target: Target<'_>, file: PathBuf, device: &str, zone: &str) -> PyResult<Self> {
        let enroller = target.enroller(py)?;
        let device: DeviceName = device.parse().map_err(raised)?;
        let zone =
            TimeZone::get(zone).map_err(|_| invalid(format!("tz is {zone:?}, expected a name such as Europe/Berlin")))?;
        let replay = Replay::open(file, ReplayOptions::new(device.clone()).zone(zone)).map_err(raised)?;
        let bundle = py.detach(|| enroller.enroll(&device)).map_err(raised)?;
        wait(py, sim::Simulation::replay(replay, bundle)).map(Self::new)
    }

    /// Rows and values so far.
    fn sent(&self) -> (u64, u64) {
        let ended = || *self.sent.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.simulation.with(sim::Simulation::sent).unwrap_or_else(|_| ended())
    }

    /// An awaitable of the report, as JSON.
    fn finish<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let simulation = self.take()?;
        awaitable(py, async move { report(simulation.finish().await) })
    }

    fn finish_sync(&self, py: Python<'_>) -> PyResult<String> {
        report(Ok(wait(py, self.take()?.finish())?))
    }

    /// An awaitable of the report, as JSON.
    fn stop<'py>(&self, py: Python<'py>, within_seconds: f64) -> PyResult<Bound<'py, PyAny>> {
        let simulation = self.take()?;
        let stopping = runtime().spawn(simulation.stop(Duration::from_secs_f64(within_seconds)));
        awaitable(py, async move { report(stopping.await.unwrap_or_else(|e| std::panic::resume_unwind(e.into_panic()))) })
    }

    fn stop_sync(&self, py: Python<'_>, within_seconds: f64) -> PyResult<String> {
        report(Ok(wait(py, self.take()?.stop(Duration::from_secs_f64(within_seconds)))?))
    }
}

fn report(report: memcore::Result<SimulationReport>) -> PyResult<String> {
    json(&report.map_err(raised)?)
}
