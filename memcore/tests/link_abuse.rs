//! Peers that are no devices, or bad ones, by the hundred: a good device notices nothing, and the server ends in order.
#![cfg(all(feature = "gateway", feature = "client"))]

#[path = "common/raw.rs"]
mod raw;
#[path = "common/scene.rs"]
mod scene;

use std::net::SocketAddr;
use std::time::Duration;

use raw::{Dial, Raw, data, hello};
use scene::Scene;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// The beginning of a TLS handshake, whose length promises more.
const HANDSHAKE: [u8; 5] = [22, 3, 1, 2, 0];

/// Whether the server closes the connection by itself.
async fn is_closed(stream: &mut TcpStream) -> bool {
    tokio::time::timeout(Duration::from_secs(20), stream.read(&mut [0; 256])).await.is_ok()
}

#[tokio::test]
async fn hundreds_that_say_nothing_or_a_byte_at_a_time_are_in_nobodys_way() {
    let mut scene = Scene::new().await;
    let mut silent = Vec::new();
    for _ in 0..300 {
        silent.push(TcpStream::connect(scene.address()).await.unwrap());
    }
    let mut slow = JoinSet::new();
    for _ in 0..100 {
        let mut stream = TcpStream::connect(scene.address()).await.unwrap();
        slow.spawn(async move {
            for byte in HANDSHAKE.into_iter().cycle() {
                if stream.write_all(&[byte]).await.is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
    }
    for _ in 0..5 {
        scene.neighbour_works().await;
    }
    let mut device = Raw::open(scene.address(), &scene.bundle, 1).await;
    device.say(&data(1, "1")).await;
    device.durable(1).await;
    drop(silent);
    slow.shutdown().await;
    scene.ends_well().await;
}

#[tokio::test]
async fn what_is_no_handshake_is_closed_by_its_first_bytes() {
    let mut scene = Scene::new().await;
    let noise: Vec<u8> = (0..4096u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8 | 0x80).collect();
    for bytes in [
        &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..],
        b"\x10\x16\x00\x04MQTT\x04\x02",
        &noise,
        &[22, 2, 0],
        &[22, 3, 1, 0xff, 0xff],
    ] {
        for _ in 0..20 {
            let mut stream = TcpStream::connect(scene.address()).await.unwrap();
            let _ = stream.write_all(bytes).await;
            assert!(is_closed(&mut stream).await, "{bytes:?} was not closed");
        }
    }
    scene.neighbour_works().await;
    scene.ends_well().await;
}

/// A handshake that comes in small parts is still one: mobile links cut where they like.
#[tokio::test]
async fn a_handshake_in_parts_is_taken() {
    let scene = Scene::new().await;
    let proxy = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, server) = (proxy.local_addr().unwrap(), scene.address());
    let cutting = tokio::spawn(cut_small(proxy, server));
    let mut device = Raw::open(address, &scene.bundle, 1).await;
    for seq in 1..=20 {
        device.say(&data(seq, "1")).await;
    }
    device.durable(20).await;
    assert_eq!(scene.values("home1.bad.power").len(), 20);
    cutting.abort();
    scene.ends_well().await;
}

/// Long sessions change their keys, and the server's with them.
#[tokio::test]
async fn keys_may_change_in_mid_session() {
    let scene = Scene::new().await;
    let mut device = Raw::open(scene.address(), &scene.bundle, 1).await;
    for seq in 1..=5 {
        device.renew_keys();
        device.say(&data(seq, "1")).await;
        device.durable(seq).await;
    }
    assert_eq!(scene.values("home1.bad.power").len(), 5);
    scene.ends_well().await;
}

/// Passes one connection on, upwards seven bytes at a time.
async fn cut_small(proxy: tokio::net::TcpListener, server: SocketAddr) {
    let (device, _) = proxy.accept().await.unwrap();
    let upward = TcpStream::connect(server).await.unwrap();
    upward.set_nodelay(true).unwrap();
    let ((mut from_device, mut to_device), (mut from_server, mut to_server)) = (device.into_split(), upward.into_split());
    let up = async {
        let mut part = [0; 7];
        while let Ok(length @ 1..) = from_device.read(&mut part).await {
            to_server.write_all(&part[..length]).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    let down = tokio::io::copy(&mut from_server, &mut to_device);
    let _ = tokio::join!(up, down);
}

#[tokio::test]
async fn floods_after_the_login_slow_down_only_their_sender() {
    let mut scene = Scene::new().await;
    let mut flooding = Raw::open(scene.address(), &scene.bundle, 1).await;
    let pings = "{\"type\":\"ping\"}\n".repeat(2000);
    // Not one answer is read: the server stops reading, then gives the peer up; until then others are served.
    let flood = tokio::spawn(async move { while flooding.send(pings.as_bytes()).await.is_ok() {} });
    for _ in 0..5 {
        scene.neighbour_works().await;
    }
    flood.abort();
    let mut garbling = Dial::new(scene.address(), &scene.bundle).connect().await.unwrap();
    garbling.say(&hello(&scene.bundle, 2)).await;
    garbling.expect("welcome").await;
    let _ = garbling.send("{]\n".repeat(5000).as_bytes()).await;
    garbling.ends_with("too_many_errors").await;
    scene.ends_well().await;
}
