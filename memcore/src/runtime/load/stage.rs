//! The server under load: one that runs, or one that is started for it, and what the kernel says of its process.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::LoadOptions;
use super::crowd::Plan;
use super::report::ServerMemory;
use crate::error::{Error, ErrorKind, Result};
use crate::gateway::create_private_folder;
use crate::model::DeviceName;
use crate::protocol::{Bundle, Encoding};
use crate::runtime::config::Config;
use crate::runtime::identity::Enrolment;
use crate::runtime::local_socket::LocalClient;
use crate::runtime::process;

/// How long a server may take to start.
const START_WITHIN: Duration = Duration::from_secs(30);
/// How long it may take to end.
const END_WITHIN: Duration = Duration::from_secs(30);

/// What the kernel says at one moment.
pub(super) struct Reading {
    pub(super) cpu: Option<Duration>,
    memory: Option<u64>,
    kernel: Option<u64>,
}

/// A server with the devices of a load enrolled.
pub(super) struct Stage {
    own: Option<OwnServer>,
    process: Option<u32>,
    server: String,
    bundles: Vec<Bundle>,
}

impl Stage {
    pub(super) async fn set(options: &LoadOptions) -> Result<Self> {
        let names = names(options)?;
        if let Some(config) = &options.site {
            let running = LocalClient::of(&config.path).status().await;
            let (server, process) = match (&options.server, running) {
                (Some(server), running) => (server.clone(), running.ok().map(|status| status.process)),
                (None, running) => {
                    let status = running?;
                    (format!("localhost:{}", status.address.port()), Some(status.process))
                }
            };
            let bundles = Enrolment::open(config)?.enroll_many(&names, Some(&server))?;
            return Ok(Self { own: None, process, server, bundles });
        }
        let mut own = OwnServer::new()?;
        let port = free_port()?;
        let server = format!("localhost:{port}");
        let bundles = Enrolment::open(&Config::at(&own.folder))?.enroll_many(&names, Some(&server))?;
        own.start(options, port).await?;
        let process = own.child.as_ref().map(Child::id);
        Ok(Self { own: Some(own), process, server, bundles })
    }

    pub(super) fn plan(&self, options: &LoadOptions) -> Plan {
        Plan {
            silent: options.silent,
            resume: options.resume,
            cbor: options.encoding == Encoding::Cbor,
            rate: options.rate,
            rows: options.rows,
            channels: options.channels,
            length_us: options.length.as_micros().unsigned_abs(),
            patience_us: options.patience.as_micros().unsigned_abs(),
            server: self.server.clone(),
            ca_pem: self.bundles.first().map(|bundle| bundle.ca_pem.clone()).unwrap_or_default(),
            of: self.bundles.len(),
            members: self.bundles.iter().map(|bundle| (bundle.device.clone(), bundle.credential.clone())).collect(),
        }
    }

    pub(super) fn reading(&self) -> Reading {
        let cpu = self.process.and_then(process::cpu_time);
        Reading { cpu, memory: self.process.and_then(process::memory), kernel: process::kernel_memory() }
    }

    /// What so many connections have added since `empty`.
    pub(super) fn memory(&self, empty: &Reading, connections: usize) -> Option<ServerMemory> {
        let now = self.reading();
        let (empty_bytes, connected) = (empty.memory?, now.memory?);
        let each = |bytes: u64| bytes as f64 / connections.max(1) as f64;
        Some(ServerMemory {
            empty: empty_bytes,
            connected,
            per_connection: each(connected.saturating_sub(empty_bytes)),
            kernel_per_connection: each(now.kernel?.saturating_sub(empty.kernel?)),
        })
    }

    pub(super) async fn end(self) {
        if let Some(mut own) = self.own {
            own.stop().await;
        }
    }
}

fn names(options: &LoadOptions) -> Result<Vec<DeviceName>> {
    (0..options.connections).map(|number| format!("load{number:05}.meter").parse()).collect()
}

fn free_port() -> Result<u16> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    listener.map(|address| address.port()).map_err(|e| Error::io("find a free port on loopback", e))
}

/// A server on loopback, in a folder that is removed with it.
struct OwnServer {
    folder: PathBuf,
    child: Option<Child>,
}

impl OwnServer {
    fn new() -> Result<Self> {
        let name = format!("memcore-bench-link-{}-{}", std::process::id(), crate::gateway::random_hex::<4>()?);
        let folder = std::env::temp_dir().join(name);
        create_private_folder(&folder)?;
        Ok(Self { folder, child: None })
    }

    async fn start(&mut self, options: &LoadOptions, port: u16) -> Result<()> {
        let mut arguments: Vec<OsString> = ["serve", "--quiet", "--http", "off", "--site"].map(OsString::from).into();
        arguments.push(self.folder.clone().into());
        let room = options.connections + 64;
        let keys = [
            format!("gateway.listen=127.0.0.1:{port}"),
            format!("gateway.connections={room}"),
            format!("gateway.unproved={room}"),
        ];
        for key in keys.iter().chain(&options.settings) {
            arguments.extend(["--set".into(), key.into()]);
        }
        let cores = options.pin.then(|| "0".to_owned());
        let mut command = command(&options.program, cores.as_deref());
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null());
        self.child = Some(command.spawn().map_err(|e| Error::io("start a server", e))?);
        self.started().await
    }

    async fn started(&mut self) -> Result<()> {
        let client = LocalClient::of(&self.folder);
        let late = tokio::time::Instant::now() + START_WITHIN;
        while client.status().await.is_err() {
            if let Some(Ok(Some(status))) = self.child.as_mut().map(Child::try_wait) {
                return Err(Error::new(ErrorKind::Connection, format!("the server has ended at its start: {status}")));
            }
            if tokio::time::Instant::now() > late {
                return Err(Error::new(ErrorKind::Connection, "the server does not start"));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Nothing in its folder is worth a farewell.
    async fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let _ = child.kill();
        let waited = tokio::task::spawn_blocking(move || child.wait());
        let _ = tokio::time::timeout(END_WITHIN, waited).await;
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = std::fs::remove_dir_all::<&Path>(self.folder.as_ref());
    }
}

/// The program, on those processor cores only where some are named.
pub(super) fn command(program: &[OsString], cores: Option<&str>) -> Command {
    let mut words = program.iter();
    let mut command = match (cores, words.next()) {
        (Some(cores), first) => {
            let mut command = Command::new("taskset");
            command.args(["-c", cores]).args(first);
            command
        }
        (None, first) => Command::new(first.cloned().unwrap_or_default()),
    };
    command.args(words);
    command
}
