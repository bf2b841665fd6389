//! Which encoding a connection speaks, over TLS: what was agreed on, and nothing of it shows in what is stored.
#![cfg(all(feature = "gateway", feature = "client"))]

#[path = "common/cbor.rs"]
mod cbor;
#[path = "common/raw.rs"]
mod raw;
#[path = "common/scene.rs"]
mod scene;

use cbor::{frames_of, lines_of};
use memcore::CommandRequest;
use memcore::client::{Device, DeviceOptions};
use memcore::model::{Channel, CommandState, Span, Timestamp, Unit};
use memcore::protocol::Encoding;
use raw::{Dial, data, hello};
use scene::Scene;

const CBOR: &[u8] = b"mem.cbor.1";
const JSON: &[u8] = b"mem.json.1";

#[tokio::test]
async fn a_connection_speaks_what_was_agreed_on_and_cbor_where_both_are_offered() {
    let scene = Scene::new().await;
    let offers: [(&[&[u8]], bool); 5] =
        [(&[CBOR], true), (&[JSON, CBOR], true), (&[b"h2", CBOR], true), (&[JSON], false), (&[], false)];
    for (boot, (alpn, binary)) in offers.into_iter().enumerate() {
        let mut device = Dial { alpn, ..Dial::new(scene.address(), &scene.bundle) }.connect().await.unwrap();
        let said = format!("{}\n{}\n", hello(&scene.bundle, boot as u64), data(1, "7"));
        let bytes = if binary { frames_of(&said).unwrap() } else { said.into_bytes() };
        device.send(&bytes).await.unwrap();
        let answer = device.hear_bytes().await;
        let lines = if binary { lines_of(&answer) } else { vec![String::from_utf8(answer).unwrap()] };
        assert!(lines[0].starts_with(r#"{"type":"welcome""#), "{alpn:?}: {lines:?}");
    }
    scene.ends_well().await;
}

#[tokio::test]
async fn a_frame_that_is_none_ends_the_session_and_settles_nothing() {
    let scene = Scene::new().await;
    let mut device = Dial { alpn: &[CBOR], ..Dial::new(scene.address(), &scene.bundle) }.connect().await.unwrap();
    device.send(&frames_of(&format!("{}\n", hello(&scene.bundle, 1))).unwrap()).await.unwrap();
    lines_of(&device.hear_bytes().await);
    let mut cut = frames_of(&format!("{}\n", data(1, "7.5"))).unwrap();
    // One byte more than the message has: the next message's first byte would be taken for its last.
    cut[3] += 1;
    let whole = frames_of(&format!("{}\n", data(2, "8.5"))).unwrap();
    device.send(&[cut, whole].concat()).await.unwrap();
    let answer = lines_of(&device.hear_bytes().await);
    assert!(answer.concat().contains(r#""code":"bad_frame""#), "{answer:?}");
    assert_eq!(device.hear_bytes().await, b"", "nothing follows a bye");

    let mut device = Dial { alpn: &[CBOR], ..Dial::new(scene.address(), &scene.bundle) }.connect().await.unwrap();
    device.send(&frames_of(&format!("{}\n", hello(&scene.bundle, 1))).unwrap()).await.unwrap();
    let welcome = lines_of(&device.hear_bytes().await);
    assert!(welcome[0].contains(r#""durable":0"#), "what could not be read may be sent again: {welcome:?}");
    scene.ends_well().await;
}

#[tokio::test]
async fn a_device_speaks_one_encoding_today_and_the_other_tomorrow() {
    let scene = Scene::new().await;
    let mut expected = Vec::new();
    for (day, encoding) in [Encoding::Cbor, Encoding::JsonLines, Encoding::Cbor].into_iter().enumerate() {
        let relay = Channel::gauge("relay", Unit::OnOff).unwrap().writable().build().unwrap();
        let power = Channel::gauge("power", Unit::Kilowatt).unwrap().build().unwrap();
        let mut options = DeviceOptions::new(scene.bundle.clone(), vec![relay, power]).on_command(|_, value| Ok(value));
        options.encoding = encoding;
        let device = Device::connect(options).await.unwrap();
        for row in 0..50 {
            let value = (100 * day + row) as f64 / 10.0;
            let time = Timestamp::from_seconds(1_763_000_000 + (100 * day + row) as i64);
            device.send(time, &[None, Some(value)]).await.unwrap();
            expected.push(value * 1000.0);
        }
        device.flush().await.unwrap();
        assert_eq!(device.rejected(), (0, None));
        let request = CommandRequest::new("home1.bad.relay".parse().unwrap(), 1.0).lease(Span::from_seconds(900), 0.0);
        let state = scene.server.handle().command(request).unwrap().finished().await;
        assert!(matches!(state, CommandState::Done { read_back: Some(1.0) }), "{encoding:?}: {state:?}");
        device.close().await;
    }
    assert_eq!(scene.values("home1.bad.power"), expected);
    scene.ends_well().await;
}
