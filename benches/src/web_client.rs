//! Clients of HTTP as lean as can be, so that what is measured is the server: requests in a row on one connection, and listeners to
//! server-sent events.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn request(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").into_bytes()
}

/// One answer, and how long it took.
pub(crate) async fn get(port: u16, path: &str) -> (Vec<u8>, Duration) {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).await.expect("a connection");
    let begun = Instant::now();
    socket.write_all(&request(path)).await.expect("a request");
    let mut have = Vec::new();
    loop {
        if let Some((head, length)) = head_of(&have)
            && have.len() >= head + length
        {
            let body = have[head..head + length].to_vec();
            assert!(have.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&have));
            return (body, begun.elapsed());
        }
        assert!(socket.read_buf(&mut have).await.expect("an answer") > 0, "the answer broke off");
    }
}

/// Where the body begins, and how long it is.
fn head_of(bytes: &[u8]) -> Option<(usize, usize)> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&bytes[..end]).ok()?.to_ascii_lowercase();
    let length = head.split("content-length: ").nth(1)?.split("\r\n").next()?.parse().ok()?;
    Some((end, length))
}

/// Asks the same again and again for so long, with so many requests under way at once, and says how many were answered.
pub(crate) async fn hammer(port: u16, path: String, at_once: usize, time: Duration) -> u64 {
    let socket = TcpStream::connect(("127.0.0.1", port)).await.expect("a connection");
    socket.set_nodelay(true).expect("no delay");
    let (mut from, mut to) = socket.into_split();
    let one = request(&path);
    to.write_all(&one.repeat(at_once)).await.expect("requests");
    let (mut have, mut answered, late) = (Vec::with_capacity(1 << 16), 0, Instant::now() + time);
    while Instant::now() < late {
        assert!(from.read_buf(&mut have).await.expect("answers") > 0, "the connection was closed");
        let (mut at, mut done) = (0, 0);
        while let Some((head, length)) = head_of(&have[at..]) {
            if have.len() < at + head + length {
                break;
            }
            assert!(have[at..].starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&have[at..]));
            at += head + length;
            done += 1;
        }
        have.drain(..at);
        answered += done;
        to.write_all(&one.repeat(done as usize)).await.expect("requests");
    }
    answered
}

/// What listeners heard.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// Readings.
    pub(crate) readings: AtomicU64,
    /// Messages that were lost.
    pub(crate) lost: AtomicU64,
    /// From the time of a reading until it was here, in us; not of the first seconds.
    pub(crate) delays: std::sync::Mutex<Vec<u32>>,
}

/// Listens until the task is ended.
pub(crate) async fn listen(port: u16, path: String, heard: Arc<Heard>, count_after: Instant) {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).await.expect("a connection");
    socket.write_all(&request(&path)).await.expect("a request");
    let mut have = Vec::with_capacity(1 << 14);
    while socket.read_buf(&mut have).await.is_ok_and(|read| read > 0) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970").as_micros() as i64;
        // A chunk of the transfer may end within an event: what is not whole stays.
        while let Some(end) = have.windows(2).position(|two| two == b"\n\n") {
            let event = String::from_utf8_lossy(&have[..end]).into_owned();
            have.drain(..end + 2);
            note(&event, now, &heard, Instant::now() >= count_after);
        }
    }
}

fn note(event: &str, now: i64, heard: &Heard, counts: bool) {
    if event.contains("event: lost") {
        let count = event.split("\"count\":").nth(1).and_then(|text| text.trim_end_matches('}').parse::<u64>().ok());
        heard.lost.fetch_add(count.unwrap_or(1), Ordering::Relaxed);
    }
    let Some(times) = event.split("\"time_us\":[").nth(1).and_then(|text| text.split(']').next()) else { return };
    if !counts {
        return;
    }
    let times: Vec<i64> = times.split(',').filter_map(|time| time.parse().ok()).collect();
    heard.readings.fetch_add(times.len() as u64, Ordering::Relaxed);
    if let Some(newest) = times.last() {
        let delay = u32::try_from((now - newest).max(0)).unwrap_or(u32::MAX);
        heard.delays.lock().expect("nobody panics with it").push(delay);
    }
}
