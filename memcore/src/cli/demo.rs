//! `memcore demo`: the whole loop on this machine, with nothing to prepare.
//!
//! A server on a free loopback port, emulated devices that are enrolled and connect over TLS, a switch that is thrown
//! every second and confirmed, and at the end a count of what was sent against what can be read back. Beside it a home lives
//! through a day in simulated time under the same code that controls real ones, and what happens to it is told.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use tokio::time::{Instant, interval, sleep_until};

use super::{Common, format, interrupted, live};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Clock, CommandState, Pattern, SeriesName, Span, SystemClock, Timestamp};
use crate::rest::HttpServer;
use crate::runtime::{
    CommandRequest, Config, HomeDay, Query, Server, ServerHandle, SimulationReport, SimulationRequest, Speed, home_day,
    simulate,
};

/// How long a demonstration lasts when nobody watches.
const UNATTENDED: Span = Span::from_seconds(20);

#[derive(Debug, Args)]
pub(super) struct Demo {
    /// How many emulated devices; six are one home, with all that its page shows
    #[arg(long, default_value_t = 6)]
    devices: usize,
    /// How long; until Ctrl-C in a terminal, else 20s
    #[arg(long = "for", value_name = "LENGTH")]
    length: Option<Span>,
    /// The same seed gives the same street
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Time between two rows of a device
    #[arg(long, default_value = "100ms")]
    step: Span,
    /// Where the page listens; `off` for none [default: 127.0.0.1:8080, or a free port where that is in use]
    #[arg(long, value_name = "ADDRESS:PORT|off")]
    http: Option<String>,
    /// Ends with one JSON object and shows nothing else
    #[arg(long)]
    json: bool,
}

/// What a demonstration shows.
#[derive(Debug, Serialize)]
struct Report {
    devices: usize,
    points_sent: u64,
    points_durable: u64,
    points_lost: u64,
    commands_sent: u64,
    commands_confirmed: u64,
    device_to_durable_p50_ms: Option<f64>,
    device_to_durable_p99_ms: Option<f64>,
    command_round_trip_p50_ms: Option<f64>,
    command_round_trip_p99_ms: Option<f64>,
    seconds: f64,
    /// The day of a home under control, in simulated time.
    control: HomeDay,
}

impl Demo {
    pub(super) async fn run(&self, common: &Common) -> Result<u8> {
        let folder = DemoFolder::new(common.site.as_deref())?;
        let config = self.config(common, &folder)?;
        let (begun, since) = (Instant::now(), SystemClock::default().now());
        let server = Server::start(config.clone()).await?;
        let handle = server.handle();
        let quiet = self.json;
        if !quiet {
            let (devices, address) = (self.devices, server.address());
            format::note(&format!("memcore demo: {devices} emulated devices connect to {address} over TLS"));
        }
        // Before anything is timed: it takes the processor for a moment.
        let day = tokio::task::spawn_blocking(home_day).await;
        let day = day.map_err(|e| Error::new(ErrorKind::Internal, format!("the day of a home: {e}")))??;
        let page = self.page(&handle, config).await?;
        let ran = self.street(&handle, &day).await;
        if let Some(page) = page {
            page.shutdown().await;
        }
        let stopped = server.shutdown().await;
        let (sent, delays, commands) = ran?;
        stopped?;
        let report = report(&folder.path, since, sent, delays, commands, begun.elapsed(), day)?;
        if quiet {
            format::print(&format::json(&report)?)?;
        } else {
            say(&report)?;
        }
        let of_day = report.control.failures.len() as u64 + report.control.limits_broken;
        Ok(u8::from(report.points_lost > 0 || report.commands_confirmed == 0 || of_day > 0))
    }

    /// What the user has configured, on the loopback interface and in the demonstration's own folder.
    fn config(&self, common: &Common, folder: &DemoFolder) -> Result<Config> {
        let config = common.config_at(Some(&folder.path), Some("127.0.0.1:0"), self.http.as_deref())?;
        if config.path == folder.path {
            return Ok(config);
        }
        let path = config.path.display();
        Err(Error::invalid(format!("path is set to {path}: a demonstration has a folder of its own, or that of --site")))
    }

    /// Opens the page, and says how to get in. Who wants one JSON object wants no page, unless told.
    async fn page(&self, handle: &ServerHandle, mut config: Config) -> Result<Option<HttpServer>> {
        let Some(listen) = config.http.listen.filter(|_| self.http.is_some() || !self.json) else { return Ok(None) };
        if self.http.is_none() && std::net::TcpListener::bind(listen).is_err() {
            config.http.listen = Some(SocketAddr::new(listen.ip(), 0));
        }
        let page = Box::pin(crate::rest::serve(handle.clone(), config)).await?;
        let link = page.sign_in_link("demo").await?;
        if !self.json {
            format::note(&format!("memcore demo: the page is at {link}"));
        }
        Ok(Some(page))
    }

    /// Lets the street live for as long as it is to, throwing a switch every second.
    async fn street(&self, handle: &ServerHandle, day: &HomeDay) -> Result<(SimulationReport, Vec<Duration>, Commands)> {
        let request = SimulationRequest {
            devices: self.devices,
            seed: self.seed,
            step: self.step,
            speed: Speed::REAL_TIME,
            ..SimulationRequest::default()
        };
        let simulation = simulate(&request, |device| handle.enroll_simulated(device)).await?;
        let watched = format::is_terminal() && !self.json;
        let length = self.length.or((!watched).then_some(UNATTENDED));
        let end = Instant::now() + length.map_or(Duration::from_secs(u32::MAX.into()), Span::to_duration);
        let mut commands = Commands::default();
        let pattern = Pattern::all();
        tokio::select! {
            () = sleep_until(end) => {}
            signal = interrupted() => drop(signal?),
            failed = commands.throw_switches(handle) => failed?,
            failed = live::follow(handle, &pattern), if watched => failed?,
            () = tell(day, length), if !watched && !self.json => {}
        }
        if watched {
            day.told.iter().for_each(|(at, line)| tell_line(*at, line));
        }
        let delays = simulation.delays();
        Ok((simulation.stop(Duration::from_secs(10)).await?, delays, commands))
    }
}

/// Tells what happens to the home, its day drawn together to that length.
async fn tell(day: &HomeDay, length: Option<Span>) {
    let (begun, (from, to)) = (Instant::now(), day.span);
    // A little early, so that the last line is out before the end.
    let pace = length.unwrap_or(UNATTENDED).as_seconds() * 0.9 / to.since(from).as_seconds();
    format::note("a day of a home under control, in simulated time:");
    for (at, line) in &day.told {
        sleep_until(begun + Duration::from_secs_f64((at.since(from).as_seconds() * pace).max(0.0))).await;
        tell_line(*at, line);
    }
    std::future::pending::<()>().await;
}

fn tell_line(at: Timestamp, line: &str) {
    let text = at.to_string();
    format::note(&format!("  {}  {line}", text.get(11..16).unwrap_or(&text)));
}

/// The commands that were given, and how long each took to be confirmed.
#[derive(Debug, Default)]
struct Commands {
    sent: u64,
    round_trips: Vec<Duration>,
}

impl Commands {
    /// Throws the switch of node 3 of the first HEM board every second, until the future is dropped.
    async fn throw_switches(&mut self, handle: &ServerHandle) -> Result<()> {
        let switch: SeriesName = "home1.hem.node3.switch".parse()?;
        let mut every_second = interval(Duration::from_secs(1));
        for round in 0u64.. {
            every_second.tick().await;
            let on = (round % 2) as f64;
            let asked = Instant::now();
            let state = handle.command(CommandRequest::new(switch.clone(), on))?.finished().await;
            // Counted once it has ended: the last one is cut off by the end of the demonstration.
            self.sent += 1;
            if state == (CommandState::Done { read_back: Some(on) }) {
                self.round_trips.push(asked.elapsed());
            }
        }
        Ok(())
    }
}

/// A folder that goes with the demonstration, unless the user named one to keep.
struct DemoFolder {
    path: std::path::PathBuf,
    keep: bool,
}

impl DemoFolder {
    fn new(kept: Option<&Path>) -> Result<Self> {
        if let Some(path) = kept {
            return Ok(Self { path: path.to_owned(), keep: true });
        }
        let path = std::env::temp_dir().join(format!("memcore-demo-{}", std::process::id()));
        // Left over by a process of the same number that was killed.
        if path.exists() {
            std::fs::remove_dir_all(&path).map_err(|e| Error::io(format!("remove {}", path.display()), e))?;
        }
        Ok(Self { path, keep: false })
    }
}

impl Drop for DemoFolder {
    fn drop(&mut self) {
        if !self.keep {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

/// Reads back from the closed site what came in since its start: what counts is what is on the disk.
fn report(
    site: &Path,
    since: Timestamp,
    sent: SimulationReport,
    delays: Vec<Duration>,
    commands: Commands,
    elapsed: Duration,
    control: HomeDay,
) -> Result<Report> {
    let memcore = crate::runtime::Memcore::open_read_only(site, crate::runtime::StoreOptions::default())?;
    let durable = memcore.query(&Query::new(Pattern::all()).from(since))?.rows() as u64;
    let (durable_p50, durable_p99) = percentiles(delays);
    let confirmed = commands.round_trips.len() as u64;
    let (command_p50, command_p99) = percentiles(commands.round_trips);
    Ok(Report {
        devices: sent.devices,
        points_sent: sent.points_sent,
        points_durable: durable,
        points_lost: sent.points_sent.saturating_sub(durable),
        commands_sent: commands.sent,
        commands_confirmed: confirmed,
        device_to_durable_p50_ms: durable_p50,
        device_to_durable_p99_ms: durable_p99,
        command_round_trip_p50_ms: command_p50,
        command_round_trip_p99_ms: command_p99,
        seconds: (elapsed.as_secs_f64() * 10.0).round() / 10.0,
        control,
    })
}

/// The median and the 99th percentile in milliseconds.
fn percentiles(mut delays: Vec<Duration>) -> (Option<f64>, Option<f64>) {
    delays.sort_unstable();
    let at = |share: f64| {
        let place = ((delays.len() as f64 * share).ceil() as usize).saturating_sub(1);
        delays.get(place).map(|delay| (delay.as_secs_f64() * 1e6).round() / 1e3)
    };
    (at(0.5), at(0.99))
}

fn say(report: &Report) -> Result<()> {
    let milliseconds = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value} ms"));
    let mut table = format::table(&["what", &format!("in {} seconds", report.seconds)]);
    format::right(&mut table, &[1]);
    for (what, value) in [
        ("devices", report.devices.to_string()),
        ("points sent", report.points_sent.to_string()),
        ("points durable", report.points_durable.to_string()),
        ("points lost", report.points_lost.to_string()),
        ("commands confirmed", format!("{} of {}", report.commands_confirmed, report.commands_sent)),
        ("device to durable, p50", milliseconds(report.device_to_durable_p50_ms)),
        ("device to durable, p99", milliseconds(report.device_to_durable_p99_ms)),
        ("command round trip, p50", milliseconds(report.command_round_trip_p50_ms)),
        ("command round trip, p99", milliseconds(report.command_round_trip_p99_ms)),
        ("home: car charged from surplus", format!("{:.1} kWh", report.control.car_from_surplus_kwh)),
        ("home: peak of the house, at the grid", peaks(&report.control)),
        ("home: leases ended while the link was cut", report.control.leases_ended.to_string()),
        ("home: limits broken", report.control.limits_broken.to_string()),
    ] {
        table.add_row([what.to_owned(), value]);
    }
    format::print(&format!("\n{table}")).map(drop)
}

fn peaks(day: &HomeDay) -> String {
    format!("{:.1} kW, {:.1} kW", day.house_peak_w / 1e3, day.grid_peak_w / 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_what_was_measured() {
        let delays = (1..=100).map(Duration::from_millis).collect();
        assert_eq!(percentiles(delays), (Some(50.0), Some(99.0)));
        assert_eq!(percentiles(Vec::new()), (None, None));
    }
}
