//! What a load has shown.

use serde::Serialize;

use super::LoadOptions;
use super::crowd::Done;
use super::stage::Reading;

/// What a load has shown.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LoadReport {
    /// How many connections were asked for.
    pub connections: usize,
    /// In how many processes the devices lived.
    pub processes: usize,
    /// How everyone got in.
    pub arrived: Arrivals,
    /// How everyone got back in after all connections were cut at once.
    pub returned: Option<Arrivals>,
    /// What was sent.
    pub sent: Option<Sendings>,
    /// The server's memory with everyone connected and quiet; where its process can be seen.
    pub memory: Option<ServerMemory>,
}

/// How devices got in.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Arrivals {
    /// How many got in.
    pub devices: usize,
    /// How many gave up.
    pub failed: usize,
    /// Why the first of those did.
    pub failure: Option<String>,
    /// From the start to the last welcome.
    pub seconds: f64,
    /// Connections that were tried.
    pub attempts: u64,
    /// How often the server said to come back later.
    pub refused: u64,
    /// How many took up an earlier TLS session.
    pub resumed: usize,
    /// TCP and TLS of the try that succeeded, in ms.
    pub handshake_ms: Percentiles,
    /// From a device's first try to its welcome, in ms.
    pub welcome_ms: Percentiles,
    /// Where the processor time went.
    pub time: Option<ServerTime>,
}

/// What was sent, and became durable.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Sendings {
    /// Devices that sent all of theirs.
    pub devices: usize,
    /// Devices that lost their connection meanwhile.
    pub failed: usize,
    /// Why the first of those did.
    pub failure: Option<String>,
    /// From the first row to the last acknowledgement.
    pub seconds: f64,
    /// Rows.
    pub rows: u64,
    /// Values in them.
    pub points: u64,
    /// Points a second by the clock.
    pub points_per_second: f64,
    /// Points for each second of the server's processor time; where its process can be seen.
    pub points_per_server_second: Option<f64>,
    /// Rows without an acknowledgement at the end.
    pub unacknowledged: u64,
    /// Parts of messages that the server refused.
    pub rejected: u64,
    /// From a write to the acknowledgement of its last row, in ms.
    pub ack_ms: Percentiles,
    /// Where the processor time went.
    pub time: Option<ServerTime>,
}

/// Processor time of both sides.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct ServerTime {
    /// Seconds that the server used.
    pub server_seconds: f64,
    /// Seconds that the devices used.
    pub devices_seconds: f64,
    /// Which part of both the devices used.
    pub devices_share: f64,
}

/// Memory of the server's process.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct ServerMemory {
    /// Before anyone was connected, in bytes.
    pub empty: u64,
    /// With everyone connected, in bytes.
    pub connected: u64,
    /// The difference for each connection, in bytes.
    pub per_connection: f64,
    /// What all of the machine's kernel structures have grown by for each connection, in bytes: both ends of each socket are in it.
    pub kernel_per_connection: f64,
}

/// Half of the values, and all but a hundredth, lie at or below.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Percentiles {
    /// The middle one.
    pub p50: f64,
    /// All but one in a hundred.
    pub p99: f64,
    /// The largest.
    pub max: f64,
}

impl Percentiles {
    fn of(values: &[f32]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f32::total_cmp);
        let at = |part: f64| {
            let rank = (part * sorted.len() as f64).ceil() as usize;
            sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied().map_or(0.0, f64::from)
        };
        Self { p50: at(0.5), p99: at(0.99), max: at(1.0) }
    }
}

impl LoadReport {
    pub(super) fn new(options: &LoadOptions, processes: usize) -> Self {
        let arrived = Arrivals::default();
        Self { connections: options.connections, processes, arrived, returned: None, sent: None, memory: None }
    }
}

pub(super) fn arrivals(done: &Done, after: &Reading, before: &Reading) -> Arrivals {
    Arrivals {
        devices: done.devices,
        failed: done.failed,
        failure: done.failure.clone(),
        seconds: done.seconds,
        attempts: done.attempts,
        refused: done.refused,
        resumed: done.resumed,
        handshake_ms: Percentiles::of(&done.handshake_ms),
        welcome_ms: Percentiles::of(&done.arrived_ms),
        time: time(done, after, before),
    }
}

pub(super) fn sendings(options: &LoadOptions, done: &Done, after: &Reading, before: &Reading) -> Sendings {
    let durable = done.rows - done.unacknowledged;
    let points = durable * options.channels as u64;
    let time = time(done, after, before);
    Sendings {
        devices: done.devices,
        failed: done.failed,
        failure: done.failure.clone(),
        seconds: done.seconds,
        rows: done.rows,
        points,
        points_per_second: points as f64 / done.seconds.max(1e-9),
        points_per_server_second: time.map(|time| points as f64 / time.server_seconds.max(1e-9)),
        unacknowledged: done.unacknowledged,
        rejected: done.rejected,
        ack_ms: Percentiles::of(&done.ack_ms),
        time,
    }
}

fn time(done: &Done, after: &Reading, before: &Reading) -> Option<ServerTime> {
    let server_seconds = after.cpu?.saturating_sub(before.cpu?).as_secs_f64();
    let devices_seconds = done.cpu_seconds;
    let devices_share = devices_seconds / (server_seconds + devices_seconds).max(1e-9);
    Some(ServerTime { server_seconds, devices_seconds, devices_share })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let values: Vec<f32> = (1..=200).rev().map(|n| n as f32).collect();
        assert_eq!(Percentiles::of(&values), Percentiles { p50: 100.0, p99: 198.0, max: 200.0 });
        assert_eq!(Percentiles::of(&[7.0]), Percentiles { p50: 7.0, p99: 7.0, max: 7.0 });
        assert_eq!(Percentiles::of(&[]), Percentiles::default());
    }
}
