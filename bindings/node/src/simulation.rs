//! Emulated devices, or recorded telemetry, on the link of a server.

use std::path::PathBuf;
use std::time::Duration;

use memcore::model::DeviceName;
use memcore::protocol::Bundle;
use memcore::sim::{Simulation, SimulationProgress, SimulationReport, Speed};
use memcore::{Config, Enrolment, Error, LocalClient, ReplayRequest, ServerHandle, SimulationRequest};
use napi::Env;
use napi::bindgen_prelude::{BigInt, PromiseRaw};
use napi_derive::napi;
use tokio::sync::{Mutex, watch};

use crate::channel::span;
use crate::error::{Result, ToNode, on_disk, to_node};
use crate::server::NativeServer;
use crate::time::instant;

/// How long a simulation that is stopped waits for what is on its way.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// What is simulated.
#[napi(object)]
pub(crate) struct SimulationOptions {
    /// How many devices.
    pub devices: Option<u32>,
    /// The same seed gives the same street.
    pub seed: Option<i64>,
    /// Simulated seconds a second; without it, as fast as the server takes the data.
    pub speed: Option<f64>,
    /// For how long, in simulated time.
    pub duration: Option<String>,
    /// When its time starts, in microseconds.
    pub start: Option<BigInt>,
    /// The step of its time.
    pub step: Option<String>,
    /// A file of telemetry to be replayed instead.
    pub replay: Option<String>,
    /// The device that the file is of.
    pub device: Option<String>,
    /// The zone of the file's times that have none.
    pub tz: Option<String>,
}

impl SimulationOptions {
    fn street(&self) -> memcore::Result<SimulationRequest> {
        let mut request = SimulationRequest::default();
        if let Some(devices) = self.devices {
            request.devices = devices as usize;
        }
        if let Some(seed) = self.seed {
            request.seed = seed as u64;
        }
        if let Some(step) = &self.step {
            request.step = span("step", step)?;
        }
        request.speed = self.speed.map_or(Speed::Unlimited, Speed::Times);
        request.length = self.duration.as_deref().map(|duration| span("duration", duration)).transpose()?;
        request.start = self.start.as_ref().map(instant).transpose()?;
        Ok(request)
    }

    fn recorded(&self, file: &str) -> memcore::Result<ReplayRequest> {
        let Some(device) = &self.device else {
            return Err(Error::invalid("replay without device: expected whose telemetry it is"));
        };
        Ok(ReplayRequest { file: PathBuf::from(file), device: device.parse()?, zone: self.tz.clone() })
    }
}

/// Who gives the devices their bundles.
enum Enroller {
    /// The server of this process.
    Here(ServerHandle),
    /// The folder of a site, on which another process serves.
    At(Box<Enrolment>, String),
}

impl Enroller {
    fn enroll(&self, device: &DeviceName) -> memcore::Result<Bundle> {
        match self {
            Self::Here(server) => server.enroll_simulated(device),
            Self::At(enrolment, server) => enrolment.enroll_simulated(device, Some(server), false),
        }
    }
}

async fn run(enroller: Enroller, options: SimulationOptions) -> Result<NativeSimulation> {
    let enroll = |device: &DeviceName| enroller.enroll(device);
    let starting = async {
        match &options.replay {
            Some(file) => memcore::replay(&options.recorded(file)?, enroll).await,
            None => memcore::simulate(&options.street()?, enroll).await,
        }
    };
    Box::pin(starting).await.to_node().map(NativeSimulation::new)
}

/// Simulates at a server of this process.
#[napi(catch_unwind, ts_return_type = "Promise<NativeSimulation>")]
pub(crate) fn simulate_here<'env>(
    env: &'env Env,
    server: &NativeServer,
    options: SimulationOptions,
) -> Result<PromiseRaw<'env, NativeSimulation>> {
    let enroller = Enroller::Here(server.handle.clone());
    env.spawn_future(run(enroller, options))
}

/// Simulates at the server that runs on the site in that folder.
#[napi]
pub(crate) async fn simulate_at(site: String, options: SimulationOptions) -> Result<NativeSimulation> {
    let site = PathBuf::from(site);
    let port = LocalClient::of(&site).status().await.to_node()?.address.port();
    let enrolment = on_disk(move || Enrolment::open(&Config::at(site))).await?;
    run(Enroller::At(Box::new(enrolment), format!("localhost:{port}")), options).await
}

/// What a simulation has done.
#[napi(object)]
#[derive(Clone)]
pub struct SimulationDone {
    /// Devices on the link.
    pub devices: u32,
    /// Rows sent.
    pub rows_sent: i64,
    /// Values sent.
    pub points_sent: i64,
    /// Rows that the server has not made durable by the end.
    pub rows_not_durable: i64,
    /// Parts of messages that the server refused.
    pub rejected: i64,
    /// Commands that devices carried out.
    pub commands: i64,
}

impl From<SimulationReport> for SimulationDone {
    fn from(report: SimulationReport) -> Self {
        Self {
            devices: report.devices as u32,
            rows_sent: report.rows_sent as i64,
            points_sent: report.points_sent as i64,
            rows_not_durable: report.rows_not_durable as i64,
            rejected: report.rejected as i64,
            commands: report.commands as i64,
        }
    }
}

/// What a simulation has sent so far.
#[napi(object)]
pub struct SimulationSent {
    /// Rows.
    pub rows: i64,
    /// Values.
    pub points: i64,
}

enum Stage {
    Running(Box<Simulation>),
    Done(SimulationDone),
    Failed,
}

/// Devices that are sending.
#[napi]
pub struct NativeSimulation {
    stage: Mutex<Stage>,
    progress: SimulationProgress,
    stopping: watch::Sender<bool>,
}

#[napi]
impl NativeSimulation {
    fn new(simulation: Simulation) -> Self {
        let progress = simulation.progress();
        Self { stage: Mutex::new(Stage::Running(Box::new(simulation))), progress, stopping: watch::Sender::new(false) }
    }

    /// What it has sent so far.
    #[napi(catch_unwind)]
    pub fn sent(&self) -> SimulationSent {
        let (rows, points) = self.progress.sent();
        SimulationSent { rows: rows as i64, points: points as i64 }
    }

    /// Waits until everything was sent and is durable. Settles early where it is stopped meanwhile.
    #[napi]
    pub async fn finish(&self) -> Result<SimulationDone> {
        let mut stage = self.stage.lock().await;
        if let Stage::Running(simulation) = &mut *stage {
            let mut stopping = self.stopping.subscribe();
            let ended = tokio::select! {
                ended = simulation.wait() => ended,
                _ = stopping.wait_for(|stopping| *stopping) => Ok(()),
            };
            if let Err(error) = ended {
                *stage = Stage::Failed;
                return Err(to_node(error));
            }
        }
        stage.leave().await
    }

    /// Stops sending, waits a moment for what is on its way, and takes leave.
    #[napi]
    pub async fn stop(&self) -> Result<SimulationDone> {
        self.stopping.send_replace(true);
        self.stage.lock().await.leave().await
    }
}

impl Stage {
    async fn leave(&mut self) -> Result<SimulationDone> {
        match std::mem::replace(self, Self::Failed) {
            Self::Running(simulation) => {
                let done = SimulationDone::from(simulation.stop(STOP_WITHIN).await.to_node()?);
                *self = Self::Done(done.clone());
                Ok(done)
            }
            Self::Done(done) => {
                *self = Self::Done(done.clone());
                Ok(done)
            }
            Self::Failed => Err(to_node(Error::new(memcore::ErrorKind::Closed, "the simulation has failed before"))),
        }
    }
}
