//! What connections that say nothing cost a server, as the kernel sees it. The server runs in a process of its own.
#![cfg(all(feature = "gateway", feature = "client", target_os = "linux"))]

#[path = "common/child.rs"]
mod child;
#[path = "common/scene.rs"]
mod scene;

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use child::Running;
use memcore::serve;

/// Some are there already, so that what a server needs for its first ones is not counted.
const FIRST: usize = 200;
const MORE: usize = 600;
/// Twice what a release build takes.
const MOST_BYTES: u64 = 4096;

/// The server itself: only runs as a child of the test below.
#[tokio::test]
#[ignore = "a part of the test below, in a process of its own"]
async fn child_that_listens() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(scene::config(folder.path())).await.unwrap();
    println!("listening {}", server.address());
    // Until the parent lets go of the pipe.
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await.unwrap().unwrap();
    server.shutdown().await.unwrap();
}

fn start() -> (Running, SocketAddr) {
    let mut test = Command::new(std::env::current_exe().unwrap());
    test.args(["--ignored", "--exact", "child_that_listens", "--nocapture"]);
    let mut child = Running(test.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
    loop {
        let line = lines.next().expect("the child says where it listens").unwrap();
        if let Some((_, address)) = line.split_once("listening ") {
            std::thread::spawn(move || lines.for_each(drop));
            return (child, address.trim().parse().unwrap());
        }
    }
}

/// Waits until the server has taken so many connections.
fn taken(pid: u32, connections: usize) {
    while std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count() < connections {
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
fn a_connection_that_says_nothing_costs_next_to_nothing() {
    let (mut child, address) = start();
    let pid = child.0.id();
    let mut silent: Vec<TcpStream> = (0..FIRST).map(|_| TcpStream::connect(address).unwrap()).collect();
    taken(pid, FIRST);
    let before = memory(pid);
    silent.extend((0..MORE).map(|_| TcpStream::connect(address).unwrap()));
    taken(pid, FIRST + MORE);
    let each = memory(pid).saturating_sub(before) / MORE as u64;
    assert!(each <= MOST_BYTES, "{each} bytes for each");
    drop(child.0.stdin.take());
}
