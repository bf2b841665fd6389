//! `memcore simulate`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use indicatif::ProgressBar;

use super::{Common, format, interrupted};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{DeviceName, Span, Timestamp};
use crate::runtime::{
    Enrolment, LocalClient, ReplayRequest, Simulation, SimulationReport, SimulationRequest, Speed, replay, simulate,
};

/// How long one waits for a server without a word.
const SILENCE: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
pub(super) struct Simulate {
    /// How many emulated devices: HEM boards, PV, batteries, households, EVs, meters in turn
    #[arg(long, default_value_t = 4)]
    devices: usize,
    /// The same seed and start give the same values
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Simulated time between two rows
    #[arg(long, default_value = "1s")]
    step: Span,
    /// Simulated seconds a second
    #[arg(long, default_value_t = 1.0, conflicts_with = "fast")]
    speed: f64,
    /// As fast as the server takes the data; needs --for or --start
    #[arg(long)]
    fast: bool,
    /// How much simulated time passes; until Ctrl-C by default
    #[arg(long = "for", value_name = "LENGTH")]
    length: Option<Span>,
    /// When simulated time begins, such as 2026-06-21T00:00:00Z
    #[arg(long)]
    start: Option<Timestamp>,
    /// Each device keeps what the server does not have in this folder, across restarts, and goes on while the server is away
    #[arg(long, value_name = "FOLDER", conflicts_with = "replay")]
    buffer: Option<PathBuf>,
    /// Send a CSV file of real telemetry instead, with its original times
    #[arg(long, value_name = "FILE", requires = "device")]
    replay: Option<PathBuf>,
    /// Whose telemetry the file holds: `site.device`
    #[arg(long, value_name = "SITE.DEVICE")]
    device: Option<DeviceName>,
    /// The zone of times without one in the file [default: UTC]
    #[arg(long)]
    zone: Option<String>,
    /// Takes the place of devices that are enrolled otherwise: the real ones cannot connect any more
    #[arg(long)]
    replace: bool,
    /// Where the server listens, when it is not the one that runs on the site
    #[arg(long, value_name = "HOST:PORT")]
    server: Option<String>,
    /// Ends with one JSON object
    #[arg(long)]
    json: bool,
}

impl Simulate {
    pub(super) async fn run(&self, common: &Common) -> Result<u8> {
        let config = common.config(None)?;
        let enrolment = Enrolment::open(&config)?;
        let running = LocalClient::of(&config.path).status().await.ok();
        let actual = running.map(|status| format!("localhost:{}", status.address.port()));
        let server = self.server.clone().or(actual);
        let enroll = |device: &DeviceName| {
            enrolment.enroll_simulated(device, server.as_deref(), self.replace).map_err(|e| match e.kind() {
                ErrorKind::Conflict => Error::new(ErrorKind::Conflict, format!("{}; --replace does so", e.message())),
                _ => e,
            })
        };
        let starting = async {
            match (&self.replay, &self.device) {
                (Some(file), Some(device)) => {
                    let request = ReplayRequest { file: file.clone(), device: device.clone(), zone: self.zone.clone() };
                    replay(&request, enroll).await
                }
                _ => simulate(&self.request(), enroll).await,
            }
        };
        let address = server.as_deref().unwrap_or(enrolment.server());
        let said = async {
            tokio::time::sleep(SILENCE).await;
            format::note(&format!("memcore: waiting for a server at {address}"));
            std::future::pending().await
        };
        let simulation = tokio::select! {
            started = starting => started?,
            code = interrupted() => return code,
            never = said => never,
        };
        let report = match watch(simulation).await? {
            Ended::Done(report) => report,
            Ended::Interrupted(code) => return Ok(code),
        };
        if self.json {
            format::print(&format::json(&report)?)?;
        } else {
            let SimulationReport { devices, rows_sent, points_sent, rows_not_durable, rejected, commands } = report;
            format::print(&format!(
                "{devices} devices sent {rows_sent} rows, {points_sent} points; {rows_not_durable} rows not durable, \
                 {rejected} rejected, {commands} commands carried out"
            ))?;
        }
        Ok(u8::from(report.rows_not_durable > 0))
    }

    fn request(&self) -> SimulationRequest {
        SimulationRequest {
            devices: self.devices,
            seed: self.seed,
            step: self.step,
            speed: if self.fast { Speed::Unlimited } else { Speed::Times(self.speed) },
            length: self.length,
            start: self.start,
            buffer: self.buffer.clone(),
        }
    }
}

/// How a simulation was watched to its end.
enum Ended {
    Done(SimulationReport),
    /// Before what was sent had become durable.
    Interrupted(u8),
}

/// Shows how much was sent until the simulation has ended, or the user ends it.
async fn watch(simulation: Simulation) -> Result<Ended> {
    let bar = ProgressBar::new_spinner();
    bar.enable_steady_tick(Duration::from_millis(200));
    let mut ticks = tokio::time::interval(Duration::from_millis(200));
    let mut signal = std::pin::pin!(interrupted());
    while !simulation.is_over() {
        tokio::select! {
            _ = ticks.tick() => {
                let (rows, points) = simulation.sent();
                bar.set_message(format!("{rows} rows, {points} points sent"));
            }
            ended = &mut signal => {
                ended?;
                bar.finish_and_clear();
                return simulation.stop(Duration::from_secs(10)).await.map(Ended::Done);
            }
        }
    }
    bar.set_message("waiting until all of it is durable");
    let finished = tokio::select! {
        report = simulation.finish() => report.map(Ended::Done),
        code = signal => code.map(Ended::Interrupted),
    };
    bar.finish_and_clear();
    finished
}
