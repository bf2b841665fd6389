//! A server that runs out of file descriptors: it neither dies nor spins, and recovers. It runs in a process of its own.
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
use memcore::client::{Device, DeviceOptions};
use memcore::model::{Channel, Unit};
use memcore::protocol::Bundle;
use memcore::{ProofKind, serve};
use scene::Neighbour;

const DESCRIPTORS: u32 = 128;
/// How many are left when the server is up.
const FREE: usize = 12;
/// Devices that come back at once when there are some again.
const STORM: usize = 8;

/// The server itself: only runs as a child of the test below.
#[tokio::test]
#[ignore = "a part of the test below, in a process of its own"]
async fn child_with_few_descriptors() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(scene::config(folder.path())).await.unwrap();
    let storm = (0..STORM).map(|number| format!("home2.meter{number}"));
    for name in ["home1.good".to_owned()].into_iter().chain(storm) {
        let bundle = server.handle().enroll(&name.parse().unwrap(), ProofKind::Secret).unwrap();
        println!("bundle {}", serde_json::to_string(&bundle).unwrap());
    }
    // Connections alone leave the store its share of the descriptors: all but a few are taken by something else.
    let mut taken = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        taken.push(file);
    }
    taken.truncate(taken.len() - FREE);
    println!("listening {}", server.address());
    // Until the parent lets go of the pipe.
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await.unwrap().unwrap();
    server.shutdown().await.unwrap();
}

fn start() -> (Running, Vec<Bundle>, SocketAddr) {
    let test = std::env::current_exe().unwrap();
    let mut shell = Command::new("sh");
    let limited = format!("ulimit -n {DESCRIPTORS}; exec \"$0\" --ignored --exact child_with_few_descriptors --nocapture");
    shell.args(["-c", &limited]).arg(test).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = Running(shell.spawn().unwrap());
    let (mut bundles, mut lines) = (Vec::new(), BufReader::new(child.0.stdout.take().unwrap()).lines());
    loop {
        let line = lines.next().expect("the child says where it listens").unwrap();
        if let Some((_, bundle)) = line.split_once("bundle ") {
            bundles.push(serde_json::from_str(bundle).unwrap());
        }
        if let Some((_, address)) = line.split_once("listening ") {
            // The rest of what it says is thrown away, so that it never waits for us.
            std::thread::spawn(move || lines.for_each(drop));
            return (child, bundles, address.trim().parse().unwrap());
        }
    }
}

/// CPU time of a process so far, in hundredths of a second.
fn ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let after_name = stat.rsplit_once(") ").unwrap().1;
    after_name.split(' ').skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum()
}

#[tokio::test]
async fn without_descriptors_the_server_neither_dies_nor_spins_and_recovers() {
    let (mut child, bundles, address) = start();
    let mut neighbour = Neighbour::connect(bundles[0].clone()).await;
    let crowd: Vec<TcpStream> = (0..2 * DESCRIPTORS).map(|_| TcpStream::connect(address).unwrap()).collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let open = std::fs::read_dir(format!("/proc/{}/fd", child.0.id())).unwrap().count();
    assert!(open >= DESCRIPTORS as usize - 2, "{open} of {DESCRIPTORS} descriptors are open");

    neighbour.works().await;
    let before = ticks(child.0.id());
    tokio::time::sleep(Duration::from_secs(1)).await;
    let used = ticks(child.0.id()) - before;
    assert!(used < 30, "{used} hundredths of a second of CPU in one second without descriptors");

    // Devices that want in meanwhile try again and again, and are all there once it is possible.
    let power = Channel::gauge("power", Unit::Watt).unwrap().build().unwrap();
    let start = |bundle: &Bundle| Device::start(DeviceOptions::new(bundle.clone(), vec![power.clone()])).unwrap();
    let storm: Vec<Device> = bundles[1..].iter().map(start).collect();
    drop(crowd);
    for device in &storm {
        tokio::time::timeout(Duration::from_secs(60), device.opened()).await.expect("in at last").unwrap();
    }
    neighbour.works().await;
    drop(child.0.stdin.take());
    assert!(child.ended(Duration::from_secs(20)).await.success());
}
