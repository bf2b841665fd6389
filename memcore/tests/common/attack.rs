//! What must hold of the protocol whatever bytes come: shared by the fuzz targets and by a bounded run in the tests.
#![allow(dead_code, reason = "each user has its own part")]

use std::time::Duration;

use memcore::model::{Batch, Timestamp};
use memcore::protocol::{Decoder, DeviceSession, Encoding, Hello, Limits, Moment, ServerEvent, ServerSession, Welcome};

const LIMIT: usize = 4096;

/// Framing and the messages of the server, in both encodings: bounded, and what was taken is written as it is read.
pub(crate) fn decode(bytes: &[u8]) {
    Encoding::ALL.iter().for_each(|encoding| decode_in(*encoding, bytes));
}

fn decode_in(encoding: Encoding, bytes: &[u8]) {
    let mut decoder = Decoder::new(encoding);
    for piece in bytes.chunks(piece_length(bytes)) {
        decoder.push(piece);
        loop {
            match decoder.next(LIMIT) {
                Ok(Some(message)) => {
                    assert!(message.len() <= LIMIT && !message.is_empty());
                    assert!(encoding != Encoding::JsonLines || !message.contains(&b'\n'));
                    rewritten(encoding, message);
                }
                Ok(None) => break,
                Err(_) => return ended(encoding, &mut decoder),
            }
        }
        assert!(decoder.held() <= LIMIT + 4, "{} bytes are held", decoder.held());
    }
    let hello = Hello { version: 1, credential: None, device: None, boot: 1, channels: Vec::new() };
    let mut device = DeviceSession::new(hello, encoding, Duration::ZERO);
    device.receive(Duration::ZERO, bytes);
    while let Ok(Some(_)) = device.poll() {}
}

/// Behind a length that is none nothing is found, whatever comes.
fn ended(encoding: Encoding, decoder: &mut Decoder) {
    if encoding == Encoding::Cbor {
        decoder.push(b"\0\0\0\x01\xf6");
        assert!(decoder.next(LIMIT).is_err(), "a message behind the end");
    }
}

/// What one encoding says, it reads again, and the other says too.
fn rewritten(encoding: Encoding, message: &[u8]) {
    let Ok(message) = encoding.decode_down(message) else { return };
    for encoding in Encoding::ALL {
        let (mut written, mut decoder) = (Vec::new(), Decoder::new(*encoding));
        encoding.encode_down(&message, &mut written);
        decoder.push(&written);
        let again = decoder.next(usize::MAX).expect("a message").expect("a whole one");
        assert_eq!(encoding.decode_down(again).expect("what is written is read"), message);
    }
}

/// A session on the server, in both encodings: bytes cut in any way give the same answers, of bounded size, that a device
/// understands.
pub(crate) fn session(bytes: &[u8]) {
    for encoding in Encoding::ALL {
        let whole = play(*encoding, bytes, bytes.len().max(1));
        let pieces = play(*encoding, bytes, piece_length(bytes));
        assert_eq!(whole, pieces, "the same bytes, cut differently, got other answers");
        let bound = 64 * 1024 + 8 * bytes.len();
        assert!(whole.len() <= bound, "{} bytes were answered with {}", bytes.len(), whole.len());
        understood(*encoding, &whole);
    }
}

fn understood(encoding: Encoding, answers: &[u8]) {
    let mut decoder = Decoder::new(encoding);
    decoder.push(answers);
    while let Some(message) = decoder.next(1 << 20).expect("the server keeps to its limits") {
        encoding.decode_down(message).expect("a device understands every answer");
    }
    assert!(!decoder.is_partial(), "half an answer");
}

fn piece_length(bytes: &[u8]) -> usize {
    1 + bytes.iter().fold(0usize, |sum, byte| sum + usize::from(*byte)) % 97
}

fn play(encoding: Encoding, bytes: &[u8], length: usize) -> Vec<u8> {
    let mut limits = Limits::default();
    (limits.hello_bytes, limits.message_bytes, limits.message_values, limits.errors) = (LIMIT, LIMIT, 4096, 10);
    let mut session = ServerSession::new(limits, encoding, Duration::ZERO);
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
            assert!(batch.position().is_some());
            checked(&batch);
        }
        ServerEvent::Live(batch) => {
            assert_eq!((batch.position(), batch.channels().is_empty() || batch.rows() > 0), (None, true));
            checked(&batch);
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

fn checked(batch: &Batch) {
    assert!(batch.rows() * batch.channels().len() <= 8 * 8192, "{} rows", batch.rows());
    for at in 0..batch.channels().len() {
        assert!(batch.column(at).iter().flatten().all(|value| value.is_finite()));
    }
}
