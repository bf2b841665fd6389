//! Puts emulated devices, or recorded telemetry, on the link: each device connects through the SDK like a real one.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::replay::Replay;
use super::street::Street;
use crate::client::{Device, DeviceOptions, Refused};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Channel, ChannelName, DeviceName, Span};
use crate::protocol::Bundle;

/// How fast simulated time passes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Speed {
    /// So many simulated seconds a second.
    Times(f64),
    /// As fast as the server takes the data.
    Unlimited,
}

impl Speed {
    /// One simulated second a second.
    pub const REAL_TIME: Self = Self::Times(1.0);
}

/// What a simulation has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SimulationReport {
    /// Devices on the link.
    pub devices: usize,
    /// Rows sent.
    pub rows_sent: u64,
    /// Values sent.
    pub points_sent: u64,
    /// Rows that the server has not made durable, or rejected, by the end.
    pub rows_not_durable: u64,
    /// Parts of messages that the server refused.
    pub rejected: u64,
    /// Commands that devices carried out.
    pub commands: u64,
}

#[derive(Debug, Default)]
struct Counters {
    rows: AtomicU64,
    points: AtomicU64,
    commands: AtomicU64,
}

/// How much a simulation has sent, to be asked while another waits for its end.
#[derive(Debug, Clone)]
pub struct SimulationProgress(Arc<Counters>);

impl SimulationProgress {
    /// Rows and points sent so far.
    #[must_use]
    pub fn sent(&self) -> (u64, u64) {
        (self.0.rows.load(Ordering::Relaxed), self.0.points.load(Ordering::Relaxed))
    }
}

/// Devices that are sending. Dropping it stops them.
#[derive(Debug)]
pub struct Simulation {
    devices: Arc<Vec<Device>>,
    counters: Arc<Counters>,
    stop: watch::Sender<bool>,
    running: Option<JoinHandle<Result<()>>>,
}

impl Simulation {
    /// Connects every device of a street and lets time pass in steps, for so long in simulated time, or until stopped.
    /// `enroll` gives each device its bundle.
    ///
    /// # Errors
    /// As [`Device::connect`]; [`Invalid`](ErrorKind::Invalid) for a step or speed that is not positive.
    pub async fn street(
        street: Street,
        step: Span,
        speed: Speed,
        length: Option<Span>,
        enroll: impl FnMut(&DeviceName) -> Result<Bundle>,
    ) -> Result<Self> {
        Self::buffered(street, step, speed, length, None, enroll).await
    }

    /// As [`street`](Self::street), where each device keeps what is not durable in a folder of its own within `buffers`: it does
    /// not wait for the server then, and goes on where it is away.
    ///
    /// # Errors
    /// As [`street`](Self::street), and as [`Device::start`] for the buffers.
    pub async fn buffered(
        street: Street,
        step: Span,
        speed: Speed,
        length: Option<Span>,
        buffers: Option<&Path>,
        mut enroll: impl FnMut(&DeviceName) -> Result<Bundle>,
    ) -> Result<Self> {
        check(step, speed)?;
        let counters = Arc::new(Counters::default());
        let described: Vec<(DeviceName, Vec<Channel>)> =
            street.devices().iter().map(|device| (device.name().clone(), device.channels().to_vec())).collect();
        let street = Arc::new(Mutex::new(street));
        let mut devices = Vec::with_capacity(described.len());
        for (name, channels) in described {
            let options = DeviceOptions::new(enroll(&name)?, channels);
            let handler = handler(street.clone(), name.clone(), counters.clone());
            let options = options.on_command(handler);
            devices.push(match buffers {
                Some(buffers) => Device::start(options.buffer(buffers.join(name.to_string().replace('/', "."))))?,
                None => Device::connect(options).await?,
            });
        }
        let devices = Arc::new(devices);
        let (stop, stopped) = watch::channel(false);
        let walk = Walk { street, devices: devices.clone(), counters: counters.clone(), step, speed, length, stopped };
        Ok(Self { devices, counters, stop, running: Some(tokio::spawn(walk.run())) })
    }

    /// Connects one device and sends what it once measured, row by row, with the original times.
    ///
    /// # Errors
    /// As [`Device::connect`].
    pub async fn replay(replay: Replay, bundle: Bundle) -> Result<Self> {
        let counters = Arc::new(Counters::default());
        let options = DeviceOptions::new(bundle, replay.channels().to_vec());
        let devices = Arc::new(vec![Device::connect(options).await?]);
        let (stop, mut stopped) = watch::channel(false);
        let (sending, counted) = (devices.clone(), counters.clone());
        let run = async move {
            for row in replay {
                let row = row?;
                if *stopped.borrow_and_update() {
                    break;
                }
                sending[0].send(row.time, &row.values).await?;
                count(&counted, &row.values);
            }
            Ok(())
        };
        Ok(Self { devices, counters, stop, running: Some(tokio::spawn(run)) })
    }

    /// How much was sent so far: rows and points.
    #[must_use]
    pub fn sent(&self) -> (u64, u64) {
        self.progress().sent()
    }

    /// The count of what is sent, apart from the simulation itself.
    #[must_use]
    pub fn progress(&self) -> SimulationProgress {
        SimulationProgress(self.counters.clone())
    }

    /// Whether everything was sent, or sending failed: [`finish`](Self::finish) says which.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.running.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// How long each of the latest rows took from a device to being durable.
    #[must_use]
    pub fn delays(&self) -> Vec<Duration> {
        self.devices.iter().flat_map(Device::delays).collect()
    }

    /// Waits until all time has passed, or the file has ended, and everything sent is durable. Dropping the future
    /// stops nothing.
    ///
    /// # Errors
    /// As [`finish`](Self::finish).
    pub async fn wait(&mut self) -> Result<()> {
        self.joined().await?;
        for device in self.devices.iter() {
            device.flush().await?;
        }
        Ok(())
    }

    /// [Waits](Self::wait) for the end, then takes leave.
    ///
    /// # Errors
    /// Whatever kept a device from sending, or a line of the file from being read.
    pub async fn finish(mut self) -> Result<SimulationReport> {
        self.wait().await?;
        self.leave().await
    }

    /// Stops sending, waits a moment for what is on its way to become durable, and takes leave.
    ///
    /// # Errors
    /// As [`finish`](Self::finish).
    pub async fn stop(mut self, within: Duration) -> Result<SimulationReport> {
        let _ = self.stop.send(true);
        match tokio::time::timeout(within, self.wait()).await {
            Ok(ended) => ended?,
            // A device whose backlog is full waits for a server that may never come back.
            Err(_) => {
                if let Some(running) = self.running.take() {
                    running.abort();
                    let _ = running.await;
                }
            }
        }
        self.leave().await
    }

    async fn joined(&mut self) -> Result<()> {
        let Some(running) = &mut self.running else { return Ok(()) };
        let ended = running.await;
        self.running = None;
        ended.map_err(|e| Error::new(ErrorKind::Internal, format!("the simulation failed: {e}")))?
    }

    async fn leave(mut self) -> Result<SimulationReport> {
        let (rows_sent, points_sent) = self.sent();
        let report = SimulationReport {
            devices: self.devices.len(),
            rows_sent,
            points_sent,
            rows_not_durable: self.devices.iter().map(|device| device.backlog() as u64).sum(),
            rejected: self.devices.iter().map(|device| device.rejected().0).sum(),
            commands: self.counters.commands.load(Ordering::Relaxed),
        };
        if let Some(devices) = Arc::get_mut(&mut self.devices) {
            for device in devices.drain(..) {
                device.close().await;
            }
        }
        Ok(report)
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        if let Some(running) = self.running.take() {
            running.abort();
        }
    }
}

fn check(step: Span, speed: Speed) -> Result<()> {
    if step.as_micros() <= 0 {
        return Err(Error::invalid(format!("step is {step}, expected more than zero")));
    }
    match speed {
        Speed::Times(times) if !(times > 0.0 && times.is_finite()) => {
            Err(Error::invalid(format!("speed is {times}, expected a positive number of simulated seconds a second")))
        }
        _ => Ok(()),
    }
}

/// Commands reach the device in the street.
fn handler(
    street: Arc<Mutex<Street>>,
    name: DeviceName,
    counters: Arc<Counters>,
) -> impl FnMut(&ChannelName, f64) -> std::result::Result<f64, Refused> + Send + 'static {
    move |channel, value| {
        let mut street = street.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(device) = street.device_mut(&name) else {
            return Err(Refused { code: "unknown_channel".into(), reason: format!("{name} is not in this street") });
        };
        let done = device.command(channel, value);
        counters.commands.fetch_add(u64::from(done.is_ok()), Ordering::Relaxed);
        done.map_err(|refused| Refused { code: refused.code.as_str().into(), reason: refused.reason })
    }
}

/// Time passing in a street.
struct Walk {
    street: Arc<Mutex<Street>>,
    devices: Arc<Vec<Device>>,
    counters: Arc<Counters>,
    step: Span,
    speed: Speed,
    length: Option<Span>,
    stopped: watch::Receiver<bool>,
}

impl Walk {
    async fn run(mut self) -> Result<()> {
        let begun = tokio::time::Instant::now();
        let steps = self.length.map(|length| (length.as_micros() / self.step.as_micros()).max(1));
        for step in 1i64.. {
            if steps.is_some_and(|steps| step > steps) || *self.stopped.borrow_and_update() {
                return Ok(());
            }
            if let Speed::Times(times) = self.speed {
                let due = begun + Duration::from_secs_f64(self.step.as_seconds() * step as f64 / times);
                tokio::select! {
                    () = tokio::time::sleep_until(due) => {}
                    _ = self.stopped.changed() => return Ok(()),
                }
            }
            let (now, rows) = self.advance();
            for (device, row) in self.devices.iter().zip(&rows) {
                device.send(now, row).await?;
                count(&self.counters, row);
            }
        }
        Ok(())
    }

    fn advance(&self) -> (crate::model::Timestamp, Vec<Vec<Option<f64>>>) {
        let mut street = self.street.lock().unwrap_or_else(PoisonError::into_inner);
        street.advance(self.step);
        (street.now(), street.devices().iter().map(|device| device.row().to_vec()).collect())
    }
}

fn count(counters: &Counters, row: &[Option<f64>]) {
    counters.rows.fetch_add(1, Ordering::Relaxed);
    counters.points.fetch_add(row.iter().flatten().count() as u64, Ordering::Relaxed);
}
