//! What the devices of a load send: readings of powers, rendered beforehand, so that the generator takes little of the processor.

use std::fmt::Write;

use crate::error::Result;
use crate::model::{Channel, Span, Timestamp, Unit};
use crate::protocol::Encoding;

/// Values that are sent in turn: for a few channels more rows than a compressor looks back, which would make repetitions its
/// work and not the server's.
const POOL_VALUES: usize = 1 << 19;

/// The messages of one device, told apart by their numbers and times.
#[derive(Debug)]
pub(super) struct Messages {
    encoding: Encoding,
    rows: usize,
    channels: Vec<Channel>,
    values: Vec<Vec<Option<f64>>>,
    /// What stands behind the time of a JSON message of one row.
    rendered: Vec<String>,
}

/// The channels that each device describes: powers of so many nodes.
pub(super) fn channels(count: usize) -> Result<Vec<Channel>> {
    (0..count).map(|node| Channel::gauge(&format!("node{node}.power"), Unit::Watt)?.build()).collect()
}

impl Messages {
    /// Messages of `rows` rows each of those channels.
    pub(super) fn new(encoding: Encoding, channels: Vec<Channel>, rows: usize) -> Self {
        let mut state = 1u64;
        // A linear congruential generator (Knuth's MMIX constants): cheap, and no two values alike. To a tenth of a watt, as
        // meters report.
        let mut value = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            Some((state >> 49) as f64 / 10.0)
        };
        let pool = POOL_VALUES / channels.len().max(1);
        let values: Vec<Vec<_>> = (0..pool.max(1)).map(|_| channels.iter().map(|_| value()).collect()).collect();
        let rendered = values.iter().map(|row| render(&channels, row)).collect();
        Self { encoding, rows, channels, values, rendered }
    }

    pub(super) fn channels(&self) -> &[Channel] {
        &self.channels
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Appends the message whose first row has that number; rows are one second apart from `time` on.
    pub(super) fn write(&self, first: u64, time: Timestamp, out: &mut Vec<u8>) {
        let at = first as usize % self.values.len();
        match (self.encoding, self.rows) {
            (Encoding::JsonLines, 1) => {
                let _ = write!(Text(out), "{{\"type\":\"data\",\"seq\":{first},\"time_us\":{},", time.as_micros());
                out.extend_from_slice(self.rendered[at].as_bytes());
            }
            (encoding, 1) => encoding.encode_row(Some(first), time, &self.channels, &self.values[at], out),
            (encoding, rows) => {
                let later = |number: usize| time.saturating_add(Span::from_seconds(number as i64));
                let times: Vec<_> = (0..rows).map(later).collect();
                let values: Vec<_> =
                    (at..at + rows).flat_map(|row| self.values[row % self.values.len()].iter().copied()).collect();
                encoding.encode_rows(first, &times, &values, &self.channels, out);
            }
        }
    }
}

/// Bytes that text is written to.
struct Text<'a>(&'a mut Vec<u8>);

impl Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

fn render(channels: &[Channel], row: &[Option<f64>]) -> String {
    let mut text = String::from("\"values\":{");
    for (place, (channel, value)) in channels.iter().zip(row).enumerate() {
        let value = value.map_or("null".to_owned(), |value| value.to_string());
        let _ = write!(text, "{}\"{}\":{value}", if place > 0 { "," } else { "" }, channel.name);
    }
    text.push_str("}}\n");
    text
}
