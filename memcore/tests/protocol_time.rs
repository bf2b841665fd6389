//! Deadlines of a session in virtual time: only `Duration`s pass.

#[path = "common/transcript.rs"]
mod transcript;

use std::time::Duration;

use memcore::model::{Channel, Unit};
use memcore::protocol::{DeviceSession, DeviceState, Encoding, Hello, Limits};
use transcript::{HELLO, Played};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn one_byte_a_second_is_no_way_around_the_time_of_a_hello() {
    let mut played = Played::new(Limits::default(), 0, 0);
    let mut sent = 0;
    for byte in HELLO.as_bytes() {
        played.receive(&[*byte]);
        sent += usize::from(!played.session.is_closed());
        played.pass(SECOND);
    }
    assert_eq!((sent, played.lines().len()), (10, 1));
    assert!(played.text().contains(r#""code":"hello_timeout""#), "{}", played.text());
}

#[test]
fn one_byte_a_second_is_no_way_around_the_time_of_a_message() {
    let mut played = Played::open(Limits::default());
    let message = format!("{{\"type\":\"event\",\"code\":\"{}\"}}\n", "x".repeat(60));
    let sent = message.bytes().take_while(|byte| {
        played.receive(&[*byte]);
        played.session.handle_timeout(played.now);
        played.pass(SECOND);
        !played.session.is_closed()
    });
    assert_eq!(sent.count(), 29);
    assert!(played.text().contains(r#""code":"frame_timeout""#), "{}", played.text());
}

#[test]
fn a_device_that_answers_pings_stays_for_days() {
    let mut played = Played::open(Limits::default());
    for _ in 0..5000 {
        played.pass(Duration::from_secs(30));
        assert_eq!(played.lines().pop().unwrap(), r#"{"type":"ping"}"#);
        played.receive(b"{\"type\":\"pong\"}\n");
    }
    assert_eq!(played.lines().len(), 5000);
    played.pass(Duration::from_secs(89));
    assert!(!played.session.is_closed());
    played.pass(SECOND);
    assert!(played.session.is_closed());
}

#[test]
fn blank_lines_keep_a_connection_alive() {
    let mut played = Played::open(Limits::default());
    for _ in 0..1000 {
        played.pass(Duration::from_secs(29));
        played.receive(b"\r\n");
    }
    assert_eq!((played.lines().len(), played.session.is_closed()), (0, false));
}

/// P51: it may have to wait for hours, and neither its silence nor the message that it has begun counts.
#[test]
fn a_device_that_the_server_does_not_read_is_pinged_and_never_called_silent() {
    let mut played = Played::open(Limits::default());
    played.receive(b"{\"type\":\"event\",");
    for _ in 0..3600 {
        played.pass(SECOND);
        played.session.hold(played.now);
    }
    assert!(!played.session.is_closed());
    let pings = played.lines().len();
    assert!((110..=120).contains(&pings) && played.lines().iter().all(|line| line == r#"{"type":"ping"}"#), "{pings}");
    // Read again, it has the usual time from then on.
    played.pass(29 * SECOND);
    assert!(!played.session.is_closed());
    played.pass(2 * SECOND);
    assert!(played.text().contains(r#""code":"frame_timeout""#), "{}", played.text());
}

#[test]
fn a_device_gives_a_silent_server_up() {
    let channel = Channel::gauge("power", Unit::Watt).unwrap().build().unwrap();
    let hello = Hello { version: 1, credential: None, device: None, boot: 1, channels: vec![channel] };
    let mut greeting = DeviceSession::new(hello.clone(), Encoding::JsonLines, Duration::ZERO);
    assert!(greeting.handle_timeout(29 * SECOND));
    assert!(!greeting.handle_timeout(30 * SECOND), "no welcome in 30 s");

    let mut device = DeviceSession::new(hello, Encoding::JsonLines, Duration::ZERO);
    let welcome =
        r#"{"type":"welcome","version":1,"device":"home1.hem","epoch":1,"time_us":0,"durable":0,"message_bytes":9}"#;
    device.receive(SECOND, welcome.as_bytes());
    device.receive(SECOND, b"\n");
    device.poll().unwrap().unwrap();
    device.transmit().clear();
    assert!(device.handle_timeout(31 * SECOND));
    assert_eq!(device.transmit(), b"{\"type\":\"ping\"}\n");
    assert!(device.handle_timeout(90 * SECOND));
    assert!(!device.handle_timeout(91 * SECOND));
    assert_eq!(device.state(), DeviceState::Closed);
}
