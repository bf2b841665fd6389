//! HEM boards from the command line: an emulated board, a gateway near it, and an endpoint for apps, each a process of its own.
#![cfg(feature = "cli")]

mod cli_support;

use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cli_support::*;

/// A process that runs until the test ends, and the address in the first line that it says.
struct Started {
    child: Child,
    address: String,
}

impl Started {
    fn new(site: &Path, args: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_memcore"));
        command.args(args).arg("--site").arg(site).stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        // What it says later must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let address = first.split_whitespace().find(|word| word.starts_with("127.0.0.1:")).unwrap_or(&first);
        Self { address: address.to_owned(), child }
    }

    fn terminate(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One datagram out, one in; none where nothing comes in so many seconds.
fn ask_within(seconds: u64, address: &str, request: &str) -> Option<String> {
    let app = UdpSocket::bind("127.0.0.1:0").unwrap();
    app.set_read_timeout(Some(Duration::from_secs(seconds))).unwrap();
    app.send_to(request.as_bytes(), address).unwrap();
    let mut buffer = [0; 256];
    app.recv(&mut buffer).ok().map(|length| String::from_utf8(buffer[..length].to_vec()).unwrap())
}

fn ask(address: &str, request: &str) -> String {
    ask_within(30, address, request).expect("a reply in time")
}

#[test]
fn a_board_is_looked_at_polled_and_served_to_apps() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    let board = Started::new(&site, &["hem", "emulate", "--listen", "127.0.0.1:0", "--step", "100ms"]);

    let table = text(&memcore(&site, &["hem", "poll", "--board", &board.address, "--once"]));
    let mut lines = table.lines();
    let title = lines.next().unwrap();
    assert!(
        ["node", "power W", "voltage V", "current A", "energy", "charge", "switch"].iter().all(|word| title.contains(word))
    );
    assert!(!title.contains("ac_"), "it is a DC board: {title}");
    assert_eq!(lines.count(), 8, "{table}");

    let server = Started::new(&site, &["serve", "--quiet", "--http", "off", "--listen", "127.0.0.1:0"]);
    let port = server.address.rsplit_once(':').unwrap().1;
    let server_name = format!("localhost:{port}");
    let bundle = text(&memcore(&site, &["devices", "enroll", "home1.hem", "--server", &server_name]));
    let bundle = written(folder.path(), "bundle.json", &bundle);
    let polled = ["hem", "poll", "--board", &board.address, "--bundle", &bundle, "--every", "200ms"];
    let gateway = Started::new(&site, &[&polled[..], &["--quantities", "power,switch"]].concat());
    let endpoint = Started::new(&site, &["hem", "serve", "--device", "home1.hem", "--listen", "127.0.0.1:0"]);
    let reply = (0..60).find_map(|_| ask_within(1, &endpoint.address, "api/getdcpower/all")).expect("a reply in time");
    assert!(reply.starts_with("{\"NODE\":\"ALL\",\"TYPE\":\"DCPOWER\",\"VALUE\":["), "{reply}");

    let said = text(&memcore(&site, &["command", "set", "home1.hem.node3.switch", "1"]));
    assert!(said.contains("done, reads back 1"), "{said}");
    assert_eq!(ask(&board.address, "api/getnodestatus/3"), "{\"NODE\":\"3\",\"TYPE\":\"NODESTATUS\",\"VALUE\":[1]}");
    assert_eq!(ask(&endpoint.address, "/api/turnoff/3"), "{\"NODE\":\"3\",\"TYPE\":\"NODESTATUS\",\"VALUE\":[0]}");
    assert_eq!(ask(&board.address, "api/getnodestatus/3"), "{\"NODE\":\"3\",\"TYPE\":\"NODESTATUS\",\"VALUE\":[0]}");
    for process in [endpoint, gateway, server, board] {
        assert_eq!(process.terminate(), Some(0));
    }
}

#[test]
fn what_cannot_be_is_said_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    let nobody = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let said = failure(&memcore(&site, &["hem", "poll", "--board", &nobody, "--once", "--every", "100ms"]));
    assert!(said.contains(&nobody) && said.contains("does not answer"), "{said}");
    let said = failure(&memcore(&site, &["hem", "emulate", "--listen", "0.0.0.0:0"]));
    assert!(said.contains("0.0.0.0:0") && said.contains("loopback"), "{said}");
    let said = failure(&memcore(&site, &["hem", "serve", "--device", "home1.hem"]));
    assert!(said.contains("no server runs"), "{said}");
    let server = Started::new(&site, &["serve", "--quiet", "--http", "off", "--listen", "127.0.0.1:0"]);
    let said = failure(&memcore(&site, &["hem", "serve", "--device", "home9.hem"]));
    assert!(said.contains("home9.hem is not enrolled"), "{said}");
    assert_eq!(server.terminate(), Some(0));
    let output = memcore(&site, &["hem", "poll", "--board", "127.0.0.1"]);
    assert_eq!(output.status.code(), Some(2), "a bundle or --once is needed");
}
