//! `memcore bench-link`.

use std::ffi::OsString;
use std::time::Duration;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use super::{Common, format, interrupted};
use crate::error::{Error, Result};
use crate::model::Span;
use crate::runtime::{Arrivals, Encoding, LoadOptions, LoadProgress, LoadReport, Percentiles, run_load, run_load_worker};

/// Put load on a server and measure it: devices that connect over TLS, report, and come back all at once
///
/// Without --site a server is started on loopback, in a folder that goes with it. On a site its devices (load00000.meter and so
/// on) stay enrolled and what they sent stays stored: use one of its own.
#[derive(Debug, Args)]
pub(super) struct BenchLink {
    /// How many devices, each with a connection
    #[arg(long, visible_alias = "devices", default_value_t = 100)]
    connections: usize,
    /// Connections that never say a word, in place of devices
    #[arg(long, conflicts_with_all = ["storm", "resume", "rate", "rows"])]
    silent: bool,
    /// Cut all connections at once and let everyone come back
    #[arg(long)]
    storm: bool,
    /// Devices keep their TLS session for the next connection
    #[arg(long)]
    resume: bool,
    /// Channels of each device
    #[arg(long, default_value_t = 8)]
    channels: usize,
    /// Rows in one message
    #[arg(long, default_value_t = 1)]
    rows: usize,
    /// Rows a second and device; as fast as they are acknowledged without it
    #[arg(long)]
    rate: Option<f64>,
    /// How long the devices send; 0s for not at all
    #[arg(long = "for", value_name = "LENGTH", default_value = "10s")]
    length: Span,
    /// How the devices speak
    #[arg(long, value_enum, default_value_t = Spoken::Json)]
    encoding: Spoken,
    /// In how many processes the devices live; as few as hold them by default
    #[arg(long)]
    processes: Option<usize>,
    /// The server on the first processor core, the devices on the others; needs taskset
    #[arg(long)]
    pin: bool,
    /// Where the site's server is reached, when it runs on another machine
    #[arg(long, value_name = "HOST:PORT", requires = "site")]
    server: Option<String>,
    /// How long those that do not get in go on trying
    #[arg(long, value_name = "LENGTH", default_value = "2m")]
    patience: Span,
    /// Ends with one JSON object
    #[arg(long)]
    json: bool,
    /// A process with some of the devices: reads its part from the standard input
    #[arg(long, hide = true)]
    worker: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Spoken {
    Json,
    Cbor,
}

impl BenchLink {
    pub(super) async fn run(&self, common: &Common) -> Result<u8> {
        if self.worker {
            return run_load_worker().await.map(|()| 0);
        }
        let options = self.options(common)?;
        let bar = ProgressBar::new(options.connections as u64);
        bar.set_style(
            ProgressStyle::with_template("{prefix} [{bar:30}] {pos} of {len} {msg}")
                .unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        bar.enable_steady_tick(Duration::from_millis(200));
        let report = tokio::select! {
            report = run_load(&options, |progress| show(&bar, progress)) => report,
            signal = interrupted() => return signal,
        };
        bar.finish_and_clear();
        let report = report?;
        if self.json {
            format::print(&format::json(&report)?)?;
        } else {
            say(&report)?;
        }
        let failed = [Some(&report.arrived), report.returned.as_ref()].into_iter().flatten().any(|part| part.failed > 0);
        let lost = report.sent.as_ref().is_some_and(|sent| sent.failed > 0 || sent.unacknowledged > 0);
        Ok(u8::from(failed || lost))
    }

    fn options(&self, common: &Common) -> Result<LoadOptions> {
        let mut options = LoadOptions::default();
        match &common.site {
            Some(_) => options.site = Some(common.config(None)?),
            None => options.settings.clone_from(&common.keys),
        }
        options.server.clone_from(&self.server);
        (options.connections, options.channels, options.rows) = (self.connections, self.channels, self.rows);
        (options.silent, options.storm, options.resume, options.pin) = (self.silent, self.storm, self.resume, self.pin);
        (options.rate, options.length, options.processes) = (self.rate, self.length, self.processes);
        options.patience = self.patience;
        options.encoding = match self.encoding {
            Spoken::Json => Encoding::JsonLines,
            Spoken::Cbor => Encoding::Cbor,
        };
        options.program = program()?;
        Ok(options)
    }
}

/// How this command line was started: everything before its first word, which may be an interpreter with a module's name.
fn program() -> Result<Vec<OsString>> {
    let mut words: Vec<OsString> = std::env::args_os().collect();
    match words.iter().position(|word| word == "bench-link") {
        Some(at) if at > 0 => {
            words.truncate(at);
            // Options that stand before the command are the run's own.
            if let Some(option) =
                words.iter().skip(1).position(|word| word == "-s" || word.to_string_lossy().starts_with("--"))
            {
                words.truncate(option + 1);
            }
            Ok(words)
        }
        _ => Err(Error::invalid("bench-link starts its own program again, which must be memcore's command line")),
    }
}

fn show(bar: &ProgressBar, LoadProgress { phase, done, of, rows }: LoadProgress) {
    bar.set_prefix(phase);
    bar.set_length(of as u64);
    bar.set_position(done as u64);
    bar.set_message(if rows > 0 { format!("{rows} rows durable") } else { String::new() });
}

fn say(report: &LoadReport) -> Result<bool> {
    let mut table = format::table(&["what", "value"]);
    let mut add = |what: &str, value: String| {
        table.add_row([what.to_owned(), value]);
    };
    add("connections", format!("{} in {} processes", report.connections, report.processes));
    arrivals(&mut add, "arrived", &report.arrived);
    if let Some(memory) = report.memory {
        let megabytes = |bytes: u64| format::number((bytes as f64 / 1e5).round() / 10.0);
        add("server's memory", format!("{} MB, {} MB before", megabytes(memory.connected), megabytes(memory.empty)));
        add("for each connection", format!("{:.1} KiB", memory.per_connection / 1024.0));
        add("in the kernel, both ends", format!("{:.1} KiB", memory.kernel_per_connection / 1024.0));
    }
    if let Some(returned) = &report.returned {
        arrivals(&mut add, "came back", returned);
    }
    if let Some(sent) = &report.sent {
        add("sent", format!("{} points in {} rows, {:.2} s", sent.points, sent.rows, sent.seconds));
        add("by the clock", format!("{} M points/s", format::number(sent.points_per_second / 1e6)));
        if let (Some(each), Some(time)) = (sent.points_per_server_second, sent.time) {
            add("a second of the server's CPU", format!("{} M points", format::number(each / 1e6)));
            add("CPU of the devices", format!("{:.0} % of both sides", time.devices_share * 100.0));
        }
        add("acknowledged after, ms", percentiles(sent.ack_ms));
        add("not acknowledged", sent.unacknowledged.to_string());
        add("refused parts", sent.rejected.to_string());
        if let Some(failure) = &sent.failure {
            add("lost", format!("{} devices, the first: {failure}", sent.failed));
        }
    }
    format::print(&table.to_string())
}

fn arrivals(add: &mut impl FnMut(&str, String), name: &str, arrivals: &Arrivals) {
    let Arrivals { devices, seconds, attempts, refused, resumed, .. } = arrivals;
    add(name, format!("{devices} in {seconds:.2} s, {attempts} tries, {refused} told to wait, {resumed} resumed"));
    if arrivals.handshake_ms.max > 0.0 {
        add("  handshake, ms", percentiles(arrivals.handshake_ms));
        add("  until the welcome, ms", percentiles(arrivals.welcome_ms));
    }
    if let Some(time) = arrivals.time {
        let (server, clients) = (time.server_seconds, time.devices_seconds);
        add("  CPU, s", format!("server {server:.2}, devices {clients:.2}"));
    }
    if let Some(failure) = &arrivals.failure {
        add("  gave up", format!("{}, the first: {failure}", arrivals.failed));
    }
}

fn percentiles(Percentiles { p50, p99, max }: Percentiles) -> String {
    format!("p50 {p50:.1}, p99 {p99:.1}, most {max:.1}")
}
