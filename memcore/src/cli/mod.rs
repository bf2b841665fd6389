//! The `memcore` command line: a thin layer over the runtime's handle.
//!
//! Results go to the standard output, everything else to the standard error. Exit code 0 is success, 1 a failure with one
//! clear line, 2 a command line that could not be understood, 130 (143) that Ctrl-C (SIGTERM) came before the work was done.
//! Of plans, 3 says that the limits of the site (or network) conflict, and 4 that a limit of time was reached before there was any plan.
//! What runs until it is asked to end (a server, a demonstration, devices that are sending) has then done its work.

mod alarms;
mod audit;
mod backtest;
mod balance;
mod bench_link;
mod command;
mod control;
mod demo;
mod devices;
mod doctor;
mod events;
mod export;
mod format;
mod hem;
mod import;
mod live;
mod network;
mod plan;
mod progress;
mod query;
mod question;
mod serve;
mod simulate;
mod stats;
mod status;
mod steps;
mod understood;
mod upkeep;
mod users;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};

use crate::error::{Error, Result};
use crate::runtime::Config;

/// The embeddable energy manager: devices over TLS, history, live data and commands.
#[derive(Debug, Parser)]
#[command(name = "memcore", version, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    action: Action,
}

/// What every command takes.
#[derive(Debug, Args)]
struct Common {
    /// The folder of the site: history, keys, enrolled devices [env: MEMCORE_SITE] [default: site]
    // Not clap's `env`: a demonstration must know whether a person named the folder.
    #[arg(long, short, global = true, value_name = "FOLDER")]
    site: Option<PathBuf>,
    /// A configuration file; the site's own memcore.toml by default
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Sets a key of the configuration, such as gateway.listen=127.0.0.1:0
    #[arg(long = "set", global = true, value_name = "KEY=VALUE")]
    keys: Vec<String>,
    /// Says more; twice for everything
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Run the server: gateway, store, live readings
    Serve(serve::Serve),
    /// Send what emulated devices measure, or recorded telemetry, to a site's server
    Simulate(simulate::Simulate),
    /// A simulated street on this machine: devices over TLS, stored readings, a confirmed command
    Demo(demo::Demo),
    BenchLink(bench_link::BenchLink),
    /// Enrol, rotate, limit, list and revoke devices
    #[command(subcommand)]
    Devices(devices::Devices),
    /// The people who use the page and the API, and what they may
    #[command(subcommand)]
    Users(users::Users),
    /// API tokens: for programs
    #[command(subcommand)]
    Tokens(users::Tokens),
    Audit(audit::Audit),
    Events(events::EventsCommand),
    Status(status::Status),
    /// Command a channel, read it, or follow a command
    #[command(subcommand)]
    Command(command::Command),
    /// How a site is controlled: what is decided, by whom, and what people wish for
    #[command(subcommand)]
    Control(control::Control),
    Why(control::Why),
    /// What is wrong, what is watched, and who is told
    #[command(subcommand)]
    Alarms(alarms::Alarms),
    /// HEM boards: poll one as a device, answer apps as one, emulate one
    #[command(subcommand)]
    Hem(hem::Hem),
    /// Read history as a table, CSV, JSON, Arrow or Parquet
    Query(query::Query),
    /// The energy balance of a site: import, export, production, consumption, and what no device explains
    Balance(balance::Balance),
    /// Take existing history in from files: CSV, Parquet, Arrow, JSON, MongoDB, Home Assistant, Green Button
    Import(import::Import),
    Doctor(doctor::Doctor),
    Plan(plan::PlanCommand),
    Backtest(backtest::BacktestCommand),
    Network(network::NetworkCommand),
    /// Write history to a file of CSV, Parquet or Arrow, however long it is
    Export(export::Export),
    /// Show how much is stored of each series
    Stats(stats::Stats),
    /// Read everything that is stored and check it
    Verify(stats::Verify),
    Backup(upkeep::Backup),
    Restore(upkeep::Restore),
    Compact(upkeep::Compact),
    Delete(upkeep::Delete),
    /// Print the version
    Version,
}

impl Common {
    /// The configuration: file, environment, then flags.
    fn config(&self, listen: Option<&str>) -> Result<Config> {
        self.config_with(listen, None)
    }

    /// As [`config`](Self::config), with the address of the page too.
    fn config_with(&self, listen: Option<&str>, http: Option<&str>) -> Result<Config> {
        let site = self.site.clone().or_else(|| std::env::var_os("MEMCORE_SITE").map(PathBuf::from));
        self.config_at(site.as_deref(), listen, http)
    }

    /// As [`config`](Self::config), for the site in that folder.
    fn config_at(&self, site: Option<&Path>, listen: Option<&str>, http: Option<&str>) -> Result<Config> {
        let mut overrides = Vec::new();
        if let Some(site) = site {
            let text =
                site.to_str().ok_or_else(|| Error::invalid(format!("site is {site:?}, expected a name in UTF-8")))?;
            // Quoted, so that no folder's name is read as a number or a date.
            overrides.push(("path", toml::Value::String(text.to_owned()).to_string()));
        }
        if let Some(listen) = listen {
            overrides.push(("gateway.listen", toml::Value::String(listen.to_owned()).to_string()));
        }
        if let Some(http) = http {
            overrides.push(("http.listen", toml::Value::String(http.to_owned()).to_string()));
        }
        for key in &self.keys {
            let (key, value) = key.split_once('=').ok_or_else(|| {
                Error::invalid(format!("--set is {key:?}, expected KEY=VALUE such as gateway.listen=127.0.0.1:0"))
            })?;
            overrides.push((key, value.to_owned()));
        }
        Config::load(self.config.as_deref(), std::env::vars_os(), &overrides)
    }
}

/// Runs the command line with those arguments (the program's name first) and returns its exit code.
pub fn run(args: impl IntoIterator<Item = OsString>) -> u8 {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(e) => {
            // `--help` and `--version` come this way too, and are no failure.
            let _ = e.print();
            return u8::try_from(e.exit_code()).unwrap_or(2);
        }
    };
    log_to_stderr(cli.common.verbose);
    match act(&cli) {
        Ok(code) => code,
        Err(e) => {
            format::note(&format!("memcore: {e}"));
            1
        }
    }
}

fn act(cli: &Cli) -> Result<u8> {
    match &cli.action {
        Action::Serve(serve) => block_on(serve.run(&cli.common)),
        Action::Simulate(simulate) => block_on(simulate.run(&cli.common)),
        Action::Demo(demo) => block_on(demo.run(&cli.common)),
        Action::BenchLink(bench) => block_on(bench.run(&cli.common)),
        Action::Devices(devices) => block_on(devices.run(&cli.common)),
        Action::Users(users) => block_on(users.run(&cli.common)),
        Action::Tokens(tokens) => block_on(tokens.run(&cli.common)),
        Action::Audit(audit) => audit.run(&cli.common),
        Action::Events(events) => block_on(events.run(&cli.common)),
        Action::Status(status) => block_on(status.run(&cli.common)),
        Action::Command(command) => block_on(command.run(&cli.common)),
        Action::Control(control) => block_on(control.run(&cli.common)),
        Action::Alarms(alarms) => block_on(alarms.run(&cli.common)),
        Action::Why(why) => block_on(why.run(&cli.common)),
        Action::Hem(hem) => block_on(hem.run(&cli.common)),
        Action::Query(query) => query.run(&cli.common),
        Action::Balance(balance) => balance.run(&cli.common),
        Action::Import(import) => import.run(&cli.common),
        Action::Doctor(doctor) => doctor.run(&cli.common),
        Action::Plan(plan) => plan.run(&cli.common),
        Action::Backtest(backtest) => backtest.run(&cli.common),
        Action::Network(network) => network.run(),
        Action::Export(export) => export.run(&cli.common),
        Action::Stats(stats) => stats.run(&cli.common),
        Action::Verify(verify) => verify.run(&cli.common),
        Action::Backup(backup) => backup.run(&cli.common),
        Action::Restore(restore) => restore.run(&cli.common),
        Action::Compact(compact) => compact.run(&cli.common),
        Action::Delete(delete) => delete.run(&cli.common),
        Action::Version => {
            format::print(concat!("memcore ", env!("CARGO_PKG_VERSION")))?;
            Ok(0)
        }
    }
}

fn block_on(action: impl Future<Output = Result<u8>>) -> Result<u8> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|e| Error::io("start", e))?.block_on(action)
}

fn log_to_stderr(verbose: u8) {
    let level = ["memcore=warn", "memcore=info", "memcore=debug"][usize::from(verbose.min(2))];
    let filter = tracing_subscriber::EnvFilter::try_from_env("MEMCORE_LOG").unwrap_or_else(|_| level.into());
    // In a process that has a subscriber already (an embedding one), that one stays.
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A standard error that nobody reads any more must not be complained of on itself: that would be a panic.
    let _ = log.log_internal_errors(false).try_init();
}

/// Resolves when the process is asked to end: Ctrl-C or SIGTERM.
fn interrupted() -> impl Future<Output = Result<u8>> {
    use tokio::signal::unix::{SignalKind, signal};
    let failed = |e| Error::io("listen for signals", e);
    // Heard from here on, not only once somebody waits: what comes in between must not end the process out of order.
    let signals = signal(SignalKind::interrupt()).and_then(|pressed| Ok((pressed, signal(SignalKind::terminate())?)));
    async move {
        let (mut pressed, mut terminate) = signals.map_err(failed)?;
        tokio::select! {
            _ = pressed.recv() => Ok(130),
            _ = terminate.recv() => Ok(143),
        }
    }
}
