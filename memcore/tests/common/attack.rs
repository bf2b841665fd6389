//! What must hold of the protocol whatever bytes come: shared by the fuzz targets and by a bounded run in the tests.
#![allow(dead_code, reason = "each user has its own part")]

use std::time::Duration;

use memcore::model::Timestamp;
use memcore::protocol::{Decoder, DeviceSession, Encoding, Hello, Limits, Moment, ServerEvent, ServerSession, Welcome};

const LIMIT: usize = 4096;

/// Framing and the messages of the server: bounded, and what was taken is written as it is read.
pub(crate) fn decode(bytes: &[u8]) {
    let mut decoder = Decoder::default();
    for piece in bytes.chunks(piece_length(bytes)) {
        decoder.push(piece);
        loop {
            match decoder.next(LIMIT) {
                Ok(Some(line)) => {
                    assert!(line.len() <= LIMIT && !line.contains(&b'\n'));
                    rewritten(line);
                }
                Ok(None) => break,
                Err(_) => return,
            }
        }
        assert!(decoder.held() <= LIMIT, "{} bytes are held", decoder.held());
    }
    let hello = Hello { version: 1, credential: None, device: None, boot: 1, channels: Vec::new() };
    let mut device = DeviceSession::new(hello, Encoding::JsonLines, Duration::ZERO);
    device.receive(Duration::ZERO, bytes);
    while let Ok(Some(_)) = device.poll() {}
}

fn rewritten(line: &[u8]) {
    let Ok(message) = Encoding::JsonLines.decode_down(line) else { return };
    let mut written = Vec::new();
    Encoding::JsonLines.encode_down(&message, &mut written);
    let again = Encoding::JsonLines.decode_down(written.trim_ascii_end()).expect("what is written is read");
    assert_eq!(again, message);
}

/// A session on the server: bytes cut in any way give the same answers, of bounded size, that a device understands.
pub(crate) fn session(bytes: &[u8]) {
    let whole = play(bytes, bytes.len().max(1));
    let pieces = play(bytes, piece_length(bytes));
    assert_eq!(whole, pieces, "the same bytes, cut differently, got other answers");
    let bound = 64 * 1024 + 8 * bytes.len();
    assert!(whole.len() <= bound, "{} bytes were answered with {}", bytes.len(), whole.len());
    for line in whole.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        Encoding::JsonLines.decode_down(line).expect("a device understands every answer");
    }
}

fn piece_length(bytes: &[u8]) -> usize {
    1 + bytes.iter().fold(0usize, |sum, byte| sum + usize::from(*byte)) % 97
}

fn play(bytes: &[u8], length: usize) -> Vec<u8> {
    let mut limits = Limits::default();
    (limits.hello_bytes, limits.message_bytes, limits.message_values, limits.errors) = (LIMIT, LIMIT, 4096, 10);
    let mut session = ServerSession::new(limits, Encoding::JsonLines, Duration::ZERO);
    let (mut out, mut over) = (Vec::new(), false);
    for piece in bytes.chunks(length) {
        session.receive(Duration::ZERO, piece);
        while let Some(event) = session.poll(NOW) {
            assert!(!over, "{event:?} after the end");
            over = heed(&mut session, event);
        }
        out.append(session.transmit());
    }
    assert_eq!(over, session.is_closed());
    out
}

const NOW: Moment = Moment { monotonic: Duration::ZERO, wall: Timestamp::from_seconds(1_763_000_000) };

/// Whether it was the last event.
fn heed(session: &mut ServerSession, event: ServerEvent) -> bool {
    match event {
        ServerEvent::Hello(hello) => {
            let device = "home1.hem".parse().expect("a name");
            let welcome = Welcome { device, epoch: 1, time: NOW.wall, durable: 0, message_bytes: LIMIT };
            session.accept(welcome, hello.channels, 0);
        }
        ServerEvent::Data(batch) => {
            assert!(batch.rows() * batch.channels().len() <= 8 * 8192, "{} rows", batch.rows());
            assert!(batch.position().is_some());
            for at in 0..batch.channels().len() {
                assert!(batch.column(at).iter().flatten().all(|value| value.is_finite()));
            }
        }
        ServerEvent::Reported { code, detail } => {
            assert!(!code.chars().chain(detail.chars()).any(char::is_control));
        }
        ServerEvent::Rejected { detail, .. } => assert!(!detail.chars().any(char::is_control), "{detail:?}"),
        ServerEvent::Closed { .. } => return true,
        _ => {}
    }
    false
}
