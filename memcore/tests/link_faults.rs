//! What devices can do wrong on a real gateway over TLS: each has its code, and a well-behaved neighbour notices nothing.
#![cfg(all(feature = "gateway", feature = "client"))]

#[path = "common/raw.rs"]
mod raw;
#[path = "common/scene.rs"]
mod scene;

use std::time::{Duration, Instant};

use memcore::client::{Device, DeviceOptions, LinkState};
use memcore::model::{Channel, Unit};
use memcore::protocol::Code;
use memcore::{ProofKind, serve};
use raw::{Dial, Raw, data, hello};
use scene::Scene;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn a_server_of_another_ca_is_not_talked_to() {
    let (scene, other) = (Scene::new().await, Scene::new().await);
    let ca_pem = &other.bundle.ca_pem;
    let e = Dial { ca_pem, ..Dial::new(scene.address(), &scene.bundle) }.connect().await.err().unwrap();
    assert!(e.to_string().contains("certificate"), "{e}");

    let power = Channel::gauge("power", Unit::Watt).unwrap().build().unwrap();
    let bundle = memcore::protocol::Bundle { ca_pem: ca_pem.clone(), ..scene.bundle.clone() };
    let device = Device::start(DeviceOptions::new(bundle, vec![power])).unwrap();
    let e = device.opened().await.unwrap_err();
    assert!(e.message().contains("identity could not be verified"), "{e}");
    assert!(matches!(device.state(), LinkState::Refused { code, .. } if code == "bad_credential"));
    device.close().await;
    scene.ends_well().await;
    other.ends_well().await;
}

#[tokio::test]
async fn whoever_proves_nothing_is_refused_and_learns_nothing() {
    let scene = Scene::new().await;
    let secret = scene.bundle.credential.clone().unwrap();
    let last = if secret.ends_with('0') { "1" } else { "0" };
    let wrong = format!("{}{last}", &secret[..secret.len() - 1]);
    let mut details = Vec::new();
    for credential in [json!(wrong), json!("mc_0011223344556677_00"), json!("admin"), json!("")] {
        let mut device = Dial::new(scene.address(), &scene.bundle).connect().await.unwrap();
        device.say(&json!({"type":"hello","version":1,"credential":credential,"boot":1,"channels":[]}).to_string()).await;
        let bye = device.expect("bye").await;
        assert_eq!(bye["code"], "bad_credential", "{bye}");
        details.push(bye["detail"].clone());
        assert_eq!(device.hear().await, None);
    }
    assert!(details.windows(2).all(|pair| pair[0] == pair[1]), "{details:?}");

    let mut device = Dial::new(scene.address(), &scene.bundle).connect().await.unwrap();
    device.say(r#"{"type":"hello","version":1,"boot":1,"channels":[]}"#).await;
    device.ends_with("bad_credential").await;

    let mut device = Dial::new(scene.address(), &scene.bundle).connect().await.unwrap();
    let other = json!({"type":"hello","version":1,"credential":secret,"device":"home1.good","boot":1,"channels":[]});
    device.say(&other.to_string()).await;
    device.ends_with("wrong_device").await;
    scene.ends_well().await;
}

#[tokio::test]
async fn a_certificate_counts_only_while_it_is_enrolled_and_from_the_own_ca() {
    let (scene, other) = (Scene::new().await, Scene::new().await);
    let (name, foreign) = ("home1.cert".parse().unwrap(), "home1.cert".parse().unwrap());
    let bundle = scene.server.handle().enroll(&name, ProofKind::Certificate).unwrap();
    let mut device = Raw::open(scene.address(), &bundle, 1).await;
    device.say(&data(1, "5")).await;
    device.durable(1).await;

    scene.server.handle().enroll(&name, ProofKind::Certificate).unwrap();
    device.ends_with("revoked").await;
    let mut device = Dial::new(scene.address(), &bundle).connect().await.unwrap();
    device.say(&hello(&bundle, 1)).await;
    device.ends_with("bad_credential").await;

    let foreign = other.server.handle().enroll(&foreign, ProofKind::Certificate).unwrap();
    let dial = Dial { ca_pem: &scene.bundle.ca_pem, ..Dial::new(scene.address(), &foreign) };
    // With TLS 1.3 the client is through before the server has looked at its certificate.
    if let Ok(mut device) = dial.connect().await {
        let _ = device.send(format!("{}\n", hello(&foreign, 1)).as_bytes()).await;
        assert_eq!(device.hear().await, None);
    }
    scene.ends_well().await;
    other.ends_well().await;
}

#[tokio::test]
async fn a_revoked_device_is_dropped_within_seconds() {
    let scene = Scene::new().await;
    let mut device = Raw::open(scene.address(), &scene.bundle, 1).await;
    let start = Instant::now();
    scene.server.handle().revoke(&"home1.bad".parse().unwrap()).unwrap();
    device.ends_with("revoked").await;
    assert!(start.elapsed() < Duration::from_secs(5));
    let mut device = Dial::new(scene.address(), &scene.bundle).connect().await.unwrap();
    device.say(&hello(&scene.bundle, 1)).await;
    device.ends_with("bad_credential").await;

    // By another process, such as `memcore devices revoke`.
    let name = "home1.bad".parse().unwrap();
    let bundle = scene.server.handle().enroll(&name, ProofKind::Secret).unwrap();
    let mut device = Raw::open(scene.address(), &bundle, 1).await;
    let enrolment = memcore::Enrolment::open(&scene::config(scene.folder.path())).unwrap();
    let start = Instant::now();
    enrolment.revoke(&name).unwrap();
    device.ends_with("revoked").await;
    assert!(start.elapsed() < Duration::from_secs(5));
    scene.ends_well().await;
}

#[tokio::test]
async fn a_revocation_is_not_lost_where_a_stranger_makes_the_server_read_the_registry_first() {
    let scene = Scene::new().await;
    let enrolment = memcore::Enrolment::open(&scene::config(scene.folder.path())).unwrap();
    // Often enough that the server's own look at the file comes first at most once.
    for boot in 1..=3 {
        let bundle = scene.server.handle().enroll(&"home1.bad".parse().unwrap(), ProofKind::Secret).unwrap();
        let mut device = Raw::open(scene.address(), &bundle, boot).await;
        let start = Instant::now();
        enrolment.revoke(&"home1.bad".parse().unwrap()).unwrap();
        let mut stranger = Dial::new(scene.address(), &bundle).connect().await.unwrap();
        stranger.say(r#"{"type":"hello","version":1,"credential":"mc_00_00","boot":1,"channels":[]}"#).await;
        stranger.ends_with("bad_credential").await;
        device.ends_with("revoked").await;
        assert!(start.elapsed() < Duration::from_secs(5));
    }
    scene.ends_well().await;
}

#[tokio::test]
async fn enrolling_a_device_anew_in_another_process_ends_its_session() {
    let scene = Scene::new().await;
    let enrolment = memcore::Enrolment::open(&scene::config(scene.folder.path())).unwrap();
    for (boot, proof) in [(1, ProofKind::Certificate), (2, ProofKind::Secret)] {
        let earlier = enrolment.enroll(&"home1.bad".parse().unwrap(), proof, None).unwrap();
        let mut device = Raw::open(scene.address(), &earlier, boot).await;
        let start = Instant::now();
        let later = enrolment.enroll(&"home1.bad".parse().unwrap(), ProofKind::Secret, None).unwrap();
        device.ends_with("revoked").await;
        assert!(start.elapsed() < Duration::from_secs(5));
        // The new session stays.
        let mut device = Raw::open(scene.address(), &later, boot + 10).await;
        tokio::time::sleep(Duration::from_millis(1500)).await;
        device.say(&data(1, "5")).await;
        device.durable(1).await;
    }
    scene.ends_well().await;
}

#[tokio::test]
async fn configured_sizes_hold() {
    let scene = Scene::with(|config| {
        (config.gateway.hello_bytes, config.gateway.message_bytes, config.gateway.channels) = (1024, 2048, 2);
    })
    .await;
    let mut device = Dial::new(scene.address(), &scene.bundle).connect().await.unwrap();
    device.say(&format!("{}{}", hello(&scene.bundle, 1), " ".repeat(1024))).await;
    device.ends_with("too_large").await;

    let mut device = Raw::open(scene.address(), &scene.bundle, 1).await;
    device.say(&format!("{}{}", data(1, "5"), " ".repeat(1024))).await;
    device.durable(1).await;
    device.say(&format!("{}{}", data(2, "5"), " ".repeat(2048))).await;
    device.ends_with("too_large").await;

    let mut device = Dial::new(scene.address(), &scene.bundle).connect().await.unwrap();
    let third = r#""channels":[{"name":"current","quantity":"current","unit":"A"},"#;
    device.say(&hello(&scene.bundle, 1).replace(r#""channels":["#, third)).await;
    device.ends_with("too_many_channels").await;
    scene.ends_well().await;
}

#[tokio::test]
async fn channels_that_do_not_fit_end_the_session() {
    let scene = Scene::new().await;
    Raw::open(scene.address(), &scene.bundle, 1).await;
    for (channel, code) in [
        (r#"{"name":"power","quantity":"power","unit":"kWh"}"#, "bad_channel"),
        (r#"{"name":"power","quantity":"voltage","unit":"V"}"#, "channel_conflict"),
        (r#"{"name":"power","quantity":"power","unit":"W","kind":"counter"}"#, "channel_conflict"),
        (r#"{"name":"","quantity":"power","unit":"W"}"#, "bad_message"),
        (r#"{"name":"a\u0000b","quantity":"power","unit":"W"}"#, "bad_message"),
        (r#"{"name":"*","quantity":"power","unit":"W"}"#, "bad_message"),
        (r#"{"name":"p","quantity":"power","unit":"horses"}"#, "bad_message"),
    ] {
        let mut device = Dial::new(scene.address(), &scene.bundle).connect().await.unwrap();
        let secret = scene.bundle.credential.as_ref().unwrap();
        let hello = r#"{"type":"hello","version":1,"credential":"SECRET","boot":1,"channels":[CHANNEL]}"#;
        device.say(&hello.replace("SECRET", secret).replace("CHANNEL", channel)).await;
        device.ends_with(code).await;
    }
    let mut device = Raw::open(scene.address(), &scene.bundle, 1).await;
    device.say(r#"{"type":"channels","channels":[{"name":"relay","quantity":"power","unit":"W"}]}"#).await;
    device.ends_with("channel_conflict").await;
    scene.ends_well().await;
}

static TLS12: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS12];

/// Every one is told, none of them stops what follows.
#[tokio::test]
async fn bad_values_and_messages_are_refused_and_the_session_goes_on() {
    let scene = Scene::new().await;
    let mut device = Raw::open(scene.address(), &scene.bundle, 1).await;
    let far = memcore::model::Clock::now(&memcore::model::SystemClock::default()).as_micros() + 3_600_000_000;
    let ahead = format!(r#"{{"type":"data","seq":7,"time_us":{far},"values":{{"power":1}}}}"#);
    let deep = format!(r#"{{"type":"event","code":{}{}}}"#, "[".repeat(32), "]".repeat(32));
    let values = ["NaN", "Infinity", "1e999", "\"12\"", "true", "9007199254740993"];
    let values: Vec<_> = values.iter().enumerate().map(|(at, value)| data(at as u64 + 1, value)).collect();
    let mut told: Vec<(&[u8], &str)> = values.iter().map(|line| (line.as_bytes(), "bad_value")).collect();
    told.extend_from_slice(&[
        (ahead.as_bytes(), "time_ahead"),
        (br#"{"type":"data","seq":8,"time_us":8,"values":{"pwoer":1,"power":8}}"#, "unknown_channel"),
        (br#"{"type":"data","seq":9,"time_us":9,"values":{"relay":2,"power":9}}"#, "out_of_range"),
        (deep.as_bytes(), "too_deep"),
        (&[b'['; 100_000], "too_deep"),
        (b"{\"type\":\"event\",\"code\":\"\xff\xfe\"}", "bad_message"),
        (b"\0\0\0", "bad_message"),
        (br#"{"type":"result","id":"","state":"done"}"#, "bad_message"),
    ]);
    for (line, code) in told {
        device.send(line).await.unwrap();
        device.send(b"\n").await.unwrap();
        let reject = loop {
            let message = device.hear().await.expect("the session goes on");
            if message["type"] != "ack" {
                break message;
            }
        };
        assert_eq!((&reject["type"], &reject["code"]), (&json!("reject"), &json!(code)), "{reject}");
    }
    device.say(&data(10, "10")).await;
    device.durable(10).await;
    let mut stored = scene.values("home1.bad.power");
    stored.sort_by(f64::total_cmp);
    assert_eq!(stored, [8.0, 9.0, 10.0]);
    scene.ends_well().await;
}

#[tokio::test]
async fn a_message_that_was_refused_as_a_whole_is_settled_and_not_asked_for_again() {
    let scene = Scene::new().await;
    let mut device = Raw::open(scene.address(), &scene.bundle, 1).await;
    device.say(&data(1, "NaN")).await;
    let others = device.durable(1).await;
    assert_eq!(others[0]["seq"], 1, "{others:?}");
    drop(device);
    let mut device = Dial::new(scene.address(), &scene.bundle).connect().await.unwrap();
    device.say(&hello(&scene.bundle, 1)).await;
    assert_eq!(device.expect("welcome").await["durable"], 1);
    scene.ends_well().await;
}

#[tokio::test]
async fn too_large_is_known_before_the_end_and_the_reason_arrives() {
    let scene = Scene::new().await;
    for filler in ["x", "[", "\\u0000"] {
        let mut stranger = Dial::new(scene.address(), &scene.bundle).connect().await.unwrap();
        let _ = stranger.send(format!("{{\"type\":\"{}", filler.repeat(200_000)).as_bytes()).await;
        stranger.ends_with("too_large").await;
    }
    let mut device = Raw::open(scene.address(), &scene.bundle, 1).await;
    let _ = device.send(&vec![b'x'; 3 << 20]).await;
    device.ends_with("too_large").await;
    scene.ends_well().await;
}

#[tokio::test]
async fn what_is_no_tls_of_ours_is_closed() {
    let scene = Scene::new().await;
    for noise in [&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], b"\x10\x0e\0\x04MQTT\x04\x02\0\0\0\0", &[0xff; 300]] {
        let mut plain = TcpStream::connect(scene.address()).await.unwrap();
        plain.write_all(noise).await.unwrap();
        let mut answer = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(5), plain.read_to_end(&mut answer)).await;
        ended.expect("closed in time").ok();
        assert!(answer.len() < 16, "at most a TLS alert: {answer:?}");
    }
    let old = Dial { versions: TLS12, ..Dial::new(scene.address(), &scene.bundle) };
    assert!(old.connect().await.is_err(), "TLS 1.2 was not allowed");
    let foreign = Dial { alpn: &[b"h2", b"mqtt"], ..Dial::new(scene.address(), &scene.bundle) };
    assert!(foreign.connect().await.is_err(), "nothing that it offers is spoken here");
    let known = Dial { alpn: &[b"h2", b"mem.json.1"], ..Dial::new(scene.address(), &scene.bundle) };
    let mut device = known.connect().await.unwrap();
    device.say(&hello(&scene.bundle, 1)).await;
    device.expect("welcome").await;
    scene.ends_well().await;

    let scene = Scene::with(|config| config.gateway.tls12 = true).await;
    let old = Dial { versions: TLS12, ..Dial::new(scene.address(), &scene.bundle) };
    let mut device = old.connect().await.unwrap();
    device.say(&hello(&scene.bundle, 1)).await;
    device.expect("welcome").await;
    scene.ends_well().await;
}

#[tokio::test]
async fn a_second_login_fences_the_first() {
    let scene = Scene::new().await;
    let mut first = Raw::open(scene.address(), &scene.bundle, 1).await;
    first.say(&data(1, "1")).await;
    first.durable(1).await;
    let mut second = Raw::open(scene.address(), &scene.bundle, 1).await;
    // What the first still sends is not taken, and its answers count for nothing.
    let _ = first.send(format!("{}\n", data(2, "666")).as_bytes()).await;
    first.ends_with("superseded").await;

    let request = memcore::CommandRequest::new("home1.bad.relay".parse().unwrap(), 1.0);
    let mut ticket = scene.server.handle().command(request).unwrap();
    let id = second.expect("command").await["id"].clone();
    second.say(&json!({"type":"result","id":id,"state":"done","value":1}).to_string()).await;
    assert_eq!(ticket.finished().await, memcore::model::CommandState::Done { read_back: Some(1.0) });
    second.say(&data(2, "2")).await;
    second.durable(2).await;
    let stored = scene.values("home1.bad.power");
    assert!(stored == [1.0, 2.0] || stored == [1.0, 666.0], "sequence 2 is there once: {stored:?}");
    scene.ends_well().await;
}

/// The second begins where the first has not become durable yet, and its rows come in batches that are cut differently.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_login_in_mid_stream_hands_nothing_on_twice() {
    const ROWS: u64 = 3000;
    let scene = Scene::new().await;
    let before = scene.server.handle().stats().points_durable;
    for boot in 1..=5 {
        let row = |seq| format!(r#"{{"type":"data","seq":{seq},"time_us":{},"values":{{"power":1}}}}"#, boot * ROWS + seq);
        let rows = |from: u64| (from..=ROWS).map(|seq| row(seq) + "\n").collect::<String>();
        let mut first = Raw::open(scene.address(), &scene.bundle, boot).await;
        let flood = rows(1);
        let (sent, second) = tokio::join!(first.send(flood.as_bytes()), async {
            tokio::time::sleep(Duration::from_millis(2 * boot)).await;
            let mut second = Dial::new(scene.address(), &scene.bundle).connect().await.unwrap();
            second.say(&hello(&scene.bundle, boot)).await;
            let durable = second.expect("welcome").await["durable"].as_u64().unwrap();
            for piece in rows(durable + 1).as_bytes().chunks(7001) {
                second.send(piece).await.unwrap();
            }
            if durable < ROWS {
                second.durable(ROWS).await;
            }
            second
        });
        drop((sent, second));
        assert_eq!(scene.values("home1.bad.power").len() as u64, boot * ROWS, "all of boot {boot} is there");
        // The count follows the acknowledgement.
        tokio::time::sleep(Duration::from_millis(200)).await;
        let handed_on = scene.server.handle().stats().points_durable - before;
        assert_eq!(handed_on, boot * ROWS, "nothing of boot {boot} was handed on twice");
    }
    scene.ends_well().await;
}

#[tokio::test]
async fn too_many_malformed_messages_end_the_session() {
    let scene = Scene::new().await;
    let mut device = Raw::open(scene.address(), &scene.bundle, 1).await;
    let _ = device.send("nonsense\n".repeat(500).as_bytes()).await;
    device.ends_with("too_many_errors").await;
    scene.ends_well().await;
}

#[tokio::test]
async fn a_flood_of_refusals_is_answered_with_a_few_and_a_count() {
    let scene = Scene::new().await;
    let mut device = Raw::open(scene.address(), &scene.bundle, 1).await;
    let flood: String = (1..=5000).map(|seq| data(seq, "true") + "\n").collect();
    device.send(flood.as_bytes()).await.unwrap();
    let rejects = device.durable(5000).await;
    let told = rejects.len() as u64;
    let omitted: u64 = rejects.iter().filter_map(|reject| reject["omitted"].as_u64()).sum();
    assert!(told < 500, "{told} were told one by one");
    assert_eq!(told + omitted, 5000);
    assert_eq!(scene.server.handle().stats().rejected, 5000);
    scene.ends_well().await;
}

#[tokio::test]
async fn a_connection_limit_is_kept_and_recovered_from() {
    let mut scene = Scene::with(|config| (config.gateway.connections, config.gateway.unproved) = (4, 4)).await;
    let address = scene.address();
    let mut silent = Vec::new();
    for _ in 0..3 {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    for _ in 0..5 {
        let mut refused = TcpStream::connect(address).await.unwrap();
        let mut answer = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(5), refused.read_to_end(&mut answer)).await;
        ended.expect("closed at once").ok();
        assert!(answer.is_empty());
    }
    scene.neighbour_works().await;
    silent.clear();
    tokio::time::sleep(Duration::from_millis(300)).await;
    Raw::open(address, &scene.bundle, 1).await;
    scene.ends_well().await;
}

#[tokio::test]
async fn a_shutdown_tells_devices_and_waits_for_no_one_who_is_silent() {
    let scene = Scene::new().await;
    let mut device = Raw::open(scene.address(), &scene.bundle, 1).await;
    let _silent = TcpStream::connect(scene.address()).await.unwrap();
    let _unproved = Dial::new(scene.address(), &scene.bundle).connect().await.unwrap();
    let mut half = Dial::new(scene.address(), &scene.bundle).connect().await.unwrap();
    half.send(b"{\"type\":\"he").await.unwrap();
    let address = scene.address();
    let start = Instant::now();
    scene.ends_well().await;
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    device.ends_with(Code::Shutdown.as_str()).await;
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_server_that_is_dropped_frees_its_port_and_cuts_its_devices() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(scene::config(folder.path())).await.unwrap();
    let (address, name) = (server.address(), "home1.bad".parse().unwrap());
    let bundle = server.handle().enroll(&name, ProofKind::Secret).unwrap();
    let mut device = Raw::open(address, &bundle, 1).await;
    drop(server);
    while device.hear().await.is_some() {}
    for _ in 0..100 {
        if TcpStream::connect(address).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("somebody still listens on {address}");
}

#[tokio::test]
async fn a_register_that_is_not_implemented_is_absent_told_and_counted_beside_its_value() {
    // B5 over the link: the device passes its registers on, and says of its own values how they came about.
    let scene = Scene::new().await;
    let mut device = Dial::new(scene.address(), &scene.bundle).connect().await.unwrap();
    let channels = concat!(
        r#"{"name":"power","quantity":"power","unit":"W","sign":"generator","register":"uint16","cadence_us":1000000},"#,
        r#"{"name":"power.quality","quantity":"quality","unit":"code","kind":"state","cadence_us":1000000}"#
    );
    let secret = scene.bundle.credential.as_ref().unwrap();
    let hello = format!(r#"{{"type":"hello","version":1,"credential":"{secret}","boot":1,"channels":[{channels}]}}"#);
    device.say(&hello).await;
    device.expect("welcome").await;
    let times: Vec<i64> = (0..4).map(|second| 1_763_000_000_000_000 + second * 1_000_000).collect();
    let columns = r#"{"power":[1466,65535,1400,1300],"power.quality":[null,null,2,7]}"#;
    device.say(&format!(r#"{{"type":"data","seq":1,"times_us":{times:?},"columns":{columns}}}"#)).await;
    let told = device.durable(1).await;
    let codes: Vec<_> =
        told.iter().map(|told| (told["channel"].as_str().unwrap(), told["code"].as_str().unwrap())).collect();
    assert_eq!(codes, [("power", "invalid"), ("power.quality", "out_of_range")]);
    // Sent again by another boot without a word: the estimate was measured after all.
    let mut device = Dial::new(scene.address(), &scene.bundle).connect().await.unwrap();
    device.say(&hello.replace(r#""boot":1"#, r#""boot":2"#)).await;
    device.expect("welcome").await;
    device.say(&format!(r#"{{"type":"data","seq":1,"time_us":{},"values":{{"power":1401}}}}"#, times[2])).await;
    device.durable(1).await;
    let handle = scene.server.handle();
    let name = &scene.bundle.device;
    let result = handle.memcore().query(&memcore::Query::of(&format!("{name}.power")).unwrap().with_quality()).unwrap();
    let series = &result.series()[0];
    assert_eq!(series.values().unwrap().values()[..], [-1466.0, -1401.0, -1300.0]);
    assert_eq!(series.qualities().unwrap().values()[..], [0.0, 0.0, 0.0]);
    let beside = handle.memcore().query(&memcore::Query::of(&format!("{name}.power.quality")).unwrap()).unwrap();
    assert_eq!(beside.series()[0].values().unwrap().values()[..], [4.0, 0.0]);
    scene.ends_well().await;
}
