//! Starts a simulation against a site: a street of emulated devices, or a file of recorded telemetry.

use std::path::PathBuf;

use jiff::tz::TimeZone;

use crate::error::{Error, Result};
use crate::model::{Clock, DeviceName, Span, SystemClock, Timestamp};
use crate::protocol::Bundle;
use crate::sim::{Location, Replay, ReplayOptions, Simulation, Speed, Street, StreetOptions};

/// What to simulate.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SimulationRequest {
    /// How many devices.
    pub devices: usize,
    /// The same seed, start and step give the same values.
    pub seed: u64,
    /// Simulated time between two rows.
    pub step: Span,
    /// Simulated seconds a second.
    pub speed: Speed,
    /// How much simulated time passes; without one it goes on until it is stopped.
    pub length: Option<Span>,
    /// When simulated time begins: now in real time, else so that it does not end in the future.
    pub start: Option<Timestamp>,
    /// The folder in which each device has a buffer of its own; without one a device's backlog ends with the simulation.
    pub buffer: Option<PathBuf>,
}

impl Default for SimulationRequest {
    fn default() -> Self {
        let (step, speed) = (Span::from_seconds(1), Speed::REAL_TIME);
        Self { devices: 4, seed: 1, step, speed, length: None, start: None, buffer: None }
    }
}

impl SimulationRequest {
    /// A simulation that runs faster than real time without an end would run into the future.
    fn start(&self, now: Timestamp) -> Result<Timestamp> {
        match (self.start, self.speed, self.length) {
            (Some(start), _, _) => Ok(start),
            (None, Speed::Times(times), _) if times <= 1.0 => Ok(now),
            (None, _, Some(length)) => Ok(now.saturating_add(Span::from_micros(-length.as_micros()))),
            (None, _, None) => Err(Error::invalid(
                "a simulation faster than real time needs a length or a start: it would run into the future",
            )),
        }
    }
}

/// A file of recorded telemetry, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayRequest {
    /// CSV, plain or gzip.
    pub file: PathBuf,
    /// The device that shall send it.
    pub device: DeviceName,
    /// The zone of times without one; UTC by default.
    pub zone: Option<String>,
}

impl ReplayRequest {
    /// Opens the file.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for an unknown zone or a header that cannot be understood.
    pub(crate) fn open(&self) -> Result<Replay> {
        let options = ReplayOptions::new(self.device.clone());
        let options = match &self.zone {
            None => options,
            Some(zone) => options.zone(TimeZone::get(zone).map_err(|e| {
                Error::invalid(format!("zone is {zone:?}, expected a name such as Europe/Berlin")).caused_by(e)
            })?),
        };
        Replay::open(&self.file, options)
    }
}

/// Connects a street of emulated devices; `enroll` gives each its bundle.
///
/// # Errors
/// As [`Simulation::street`].
pub async fn simulate(
    request: &SimulationRequest,
    enroll: impl FnMut(&DeviceName) -> Result<Bundle>,
) -> Result<Simulation> {
    let start = request.start(SystemClock::default().now())?;
    let location = Location::default();
    let street = Street::new(StreetOptions { seed: request.seed, start, devices: request.devices, location })?;
    let SimulationRequest { step, speed, length, buffer, .. } = request;
    Simulation::buffered(street, *step, *speed, *length, buffer.as_deref(), enroll).await
}

/// Connects one device that sends what it once measured; `enroll` gives it its bundle.
///
/// # Errors
/// As [`Simulation::replay`].
pub async fn replay(request: &ReplayRequest, enroll: impl FnOnce(&DeviceName) -> Result<Bundle>) -> Result<Simulation> {
    let replay = request.open()?;
    Simulation::replay(replay, enroll(&request.device)?).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_time_begins_now_and_faster_time_ends_now() {
        let now = Timestamp::from_seconds(1_763_000_000);
        let begins = |speed, length| SimulationRequest { speed, length, ..SimulationRequest::default() }.start(now);
        let hour = Some(Span::from_seconds(3600));
        let hour_ago = now.saturating_add(Span::from_seconds(-3600));
        assert_eq!(begins(Speed::REAL_TIME, None).unwrap(), now);
        assert_eq!(begins(Speed::REAL_TIME, hour).unwrap(), now);
        assert_eq!(begins(Speed::Times(0.5), hour).unwrap(), now);
        assert_eq!(begins(Speed::Times(60.0), hour).unwrap(), hour_ago);
        assert_eq!(begins(Speed::Unlimited, hour).unwrap(), hour_ago);
        assert!(begins(Speed::Unlimited, None).unwrap_err().message().contains("into the future"));
    }
}
