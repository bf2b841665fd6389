//! Load on a server, measured: thousands of light devices that arrive, report, and all come back at once.
//!
//! The devices live in processes of their own, and so does the server: each has its own descriptors and its own processor time,
//! which is told apart in the report.

mod crew;
mod crowd;
mod peer;
mod report;
mod rows;
mod stage;
mod worker;

use std::ffi::OsString;
use std::time::Duration;

use super::config::Config;
use crate::error::{Error, Result};
use crate::model::Span;
use crate::protocol::Encoding;

use crew::Crew;
use crowd::Order;
use stage::Stage;

pub use report::{Arrivals, LoadReport, Percentiles, Sendings, ServerMemory, ServerTime};
pub use worker::run_load_worker;

/// How long the server is left alone before its memory is read.
const SETTLE: Duration = Duration::from_secs(1);

/// What load to put on which server.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LoadOptions {
    /// The site whose running server gets the load; its registry takes the devices in, and its history keeps what they send.
    /// Without one a server is started on loopback, on a folder that goes with it.
    pub site: Option<Config>,
    /// Where the server of that site is reached, `host:port`, where it runs on another machine.
    pub server: Option<String>,
    /// Keys of the configuration of a server that is started here, such as `store.sync=os`.
    pub settings: Vec<String>,
    /// How many devices, each with a connection.
    pub connections: usize,
    /// Connections that never say a word, in place of devices.
    pub silent: bool,
    /// Cut all connections at once, and let everyone come back.
    pub storm: bool,
    /// Devices keep their TLS session for the next connection.
    pub resume: bool,
    /// How many channels each device reports.
    pub channels: usize,
    /// Rows in one message.
    pub rows: usize,
    /// Rows a second and device; as fast as they are acknowledged without it.
    pub rate: Option<f64>,
    /// How long the devices send; nothing at all with zero.
    pub length: Span,
    /// How the devices speak.
    pub encoding: Encoding,
    /// In how many processes the devices live; as few as hold their descriptors without it.
    pub processes: Option<usize>,
    /// Gives the server the first processor core, and the devices the others. Needs the program `taskset`.
    pub pin: bool,
    /// How long those that do not get in go on trying.
    pub patience: Span,
    /// How memcore's command line is started: this program's own path, or the interpreter with what it needs.
    pub program: Vec<OsString>,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            site: None,
            server: None,
            settings: Vec::new(),
            connections: 100,
            silent: false,
            storm: false,
            resume: false,
            channels: 8,
            rows: 1,
            rate: None,
            length: Span::from_seconds(10),
            encoding: Encoding::JsonLines,
            processes: None,
            pin: false,
            patience: Span::from_seconds(120),
            program: std::env::current_exe().map(|path| vec![path.into()]).unwrap_or_default(),
        }
    }
}

impl LoadOptions {
    fn check(&self) -> Result<()> {
        for (name, value, most) in [
            ("connections", self.connections, 100_000),
            ("channels", self.channels, 4096),
            ("rows", self.rows, 4096),
            ("processes", self.processes.unwrap_or(1), 64),
        ] {
            if value == 0 || value > most {
                return Err(Error::invalid(format!("{name} is {value}, expected 1 to {most}")));
            }
        }
        if let Some(rate) = self.rate.filter(|rate| !(*rate > 0.0 && rate.is_finite())) {
            return Err(Error::invalid(format!("rate is {rate}, expected rows a second, more than 0")));
        }
        if self.program.is_empty() {
            return Err(Error::invalid("program is empty, expected how memcore's command line is started"));
        }
        Ok(())
    }
}

/// How far a load is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadProgress {
    /// What is going on, in a word or two.
    pub phase: &'static str,
    /// How many devices have done it.
    pub done: usize,
    /// Of how many.
    pub of: usize,
    /// Rows that are durable so far.
    pub rows: u64,
}

/// Puts that load on the server and measures; `on_progress` is told several times a second how far it is.
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid), naming the option, for what cannot be; [`Connection`](crate::ErrorKind::Connection)
/// where no server runs on the site; [`Io`](crate::ErrorKind::Io) where a process cannot be started.
pub async fn run_load(options: &LoadOptions, mut on_progress: impl FnMut(LoadProgress)) -> Result<LoadReport> {
    options.check()?;
    let blank = |phase| LoadProgress { phase, done: 0, of: options.connections, rows: 0 };
    on_progress(blank("enrolling"));
    let stage = Stage::set(options).await?;
    let mut crew = Crew::gather(options, stage.plan(options))?;
    let mut report = LoadReport::new(options, crew.processes());
    let empty = stage.reading();
    let done = crew.obey(Order::Arrive, "arriving", &mut on_progress).await?;
    let arrived = stage.reading();
    tokio::time::sleep(SETTLE).await;
    report.memory = stage.memory(&empty, done.devices);
    report.arrived = report::arrivals(&done, &arrived, &empty);
    if options.storm {
        crew.obey(Order::Cut, "cutting", &mut on_progress).await?;
        let cut = stage.reading();
        let done = crew.obey(Order::Arrive, "coming back", &mut on_progress).await?;
        report.returned = Some(report::arrivals(&done, &stage.reading(), &cut));
    }
    if !options.silent && options.length.as_micros() > 0 {
        let before = stage.reading();
        let done = crew.obey(Order::Send, "sending", &mut on_progress).await?;
        report.sent = Some(report::sendings(options, &done, &stage.reading(), &before));
    }
    crew.obey(Order::Leave, "leaving", &mut on_progress).await?;
    drop(crew);
    stage.end().await;
    Ok(report)
}
