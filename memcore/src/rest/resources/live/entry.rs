//! What happened, as it is kept for those who come back, and as it is written for those who listen.

use std::sync::{Arc, OnceLock};

use axum::body::Bytes;
use axum::extract::ws::Utf8Bytes;

use super::filter::Filter;
use crate::model::{Batch, Name, SeriesName};
use crate::rest::access::Topic;

/// About how many bytes an entry takes beside its values.
const ENTRY_BYTES: usize = 128;
/// About how many bytes a value takes, kept and written.
const VALUE_BYTES: usize = 48;

/// Something that happened.
#[derive(Debug, Clone)]
pub(super) enum News {
    /// Readings of one device that arrived together.
    Readings(Batch),
    /// Anything else.
    Said(Arc<Said>),
}

/// Something that is no reading.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) topic: Topic,
    pub(super) operator: Name,
    /// None for what is of no site: it is told to all of the operator.
    pub(super) site: Option<Name>,
    /// Of commands: what they are for.
    pub(super) series: Option<SeriesName>,
    /// JSON.
    pub(super) data: Bytes,
}

impl News {
    /// About how much memory it takes.
    pub(super) fn bytes(&self) -> usize {
        ENTRY_BYTES
            + match self {
                Self::Readings(batch) => batch.values().len() * VALUE_BYTES,
                Self::Said(said) => said.data.len(),
            }
    }

    /// What of it that filter lets through, as JSON.
    pub(super) fn told(&self, filter: &Filter) -> Option<(Topic, Bytes)> {
        match self {
            Self::Readings(batch) => {
                let through = filter.wants(Topic::Readings) && filter.covers_device(batch.device());
                let data = through.then(|| readings(batch, filter))??;
                Some((Topic::Readings, data.into()))
            }
            Self::Said(said) => {
                let through = filter.wants(said.topic)
                    && match &said.series {
                        Some(series) => filter.covers_series(series),
                        None => match &said.site {
                            Some(site) => filter.covers(&said.operator, site),
                            None => filter.operator() == &said.operator,
                        },
                    };
                through.then(|| (said.topic, said.data.clone()))
            }
        }
    }
}

/// The readings of a batch that a filter lets through, row by row, side by side; none where there are none.
fn readings(batch: &Batch, filter: &Filter) -> Option<Vec<u8>> {
    let name = |series: SeriesName| {
        let wanted = filter.covers_series(&series);
        wanted.then(|| serde_json::to_string(&series.to_string()).unwrap_or_default())
    };
    let names: Vec<Option<String>> =
        batch.channels().iter().map(|channel| name(batch.device().channel(channel.clone()))).collect();
    if names.iter().all(Option::is_none) {
        return None;
    }
    let mut columns =
        [Vec::from(&b"{\"series\":["[..]), Vec::from(&b"],\"time_us\":["[..]), Vec::from(&b"],\"value\":["[..])];
    let mut many = 0;
    for (row, time) in batch.times().iter().enumerate() {
        for (column, name) in names.iter().enumerate() {
            let (Some(name), Some(value)) = (name, batch.column(column)[row]) else { continue };
            if many > 0 {
                columns.iter_mut().for_each(|column| column.push(b','));
            }
            many += 1;
            columns[0].extend_from_slice(name.as_bytes());
            // To write into memory does not fail.
            let _ = serde_json::to_writer(&mut columns[1], &time.as_micros());
            let _ = serde_json::to_writer(&mut columns[2], &value);
        }
    }
    (many > 0).then(|| [&columns[0][..], &columns[1], &columns[2], b"]}"].concat())
}

/// A message to a listener.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) topic: &'static str,
    /// The cursor behind it.
    pub(super) id: Option<String>,
    /// JSON.
    pub(super) data: Bytes,
}

impl Frame {
    /// As a server-sent event. JSON has no line break of its own.
    pub(super) fn sse(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(self.topic.as_bytes());
        if let Some(id) = &self.id {
            out.extend_from_slice(b"\nid: ");
            out.extend_from_slice(id.as_bytes());
        }
        out.extend_from_slice(b"\ndata: ");
        out.extend_from_slice(&self.data);
        out.extend_from_slice(b"\n\n");
    }

    /// As a message of a WebSocket.
    pub(super) fn message(&self) -> Utf8Bytes {
        let id = self.id.as_ref().map_or_else(|| "null".to_owned(), |id| format!("\"{id}\""));
        let data = String::from_utf8_lossy(&self.data);
        format!("{{\"topic\":\"{}\",\"id\":{id},\"data\":{data}}}", self.topic).into()
    }
}

/// Messages that go out together to all who want the same: each is written once, however many they are.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    pub(super) frames: Vec<Frame>,
    /// What happened up to here is in it, or was not wanted.
    pub(super) last: u64,
    /// How many messages went out before to those who want the same.
    pub(super) before: u64,
    sse: OnceLock<Bytes>,
    messages: OnceLock<Vec<Utf8Bytes>>,
}

impl Chunk {
    pub(super) fn new(frames: Vec<Frame>, last: u64, before: u64) -> Self {
        Self { frames, last, before, ..Self::default() }
    }

    pub(super) fn sse(&self) -> Bytes {
        let write = || {
            let mut out = Vec::with_capacity(self.frames.iter().map(|frame| frame.data.len() + 64).sum());
            self.frames.iter().for_each(|frame| frame.sse(&mut out));
            out.into()
        };
        self.sse.get_or_init(write).clone()
    }

    pub(super) fn messages(&self) -> &[Utf8Bytes] {
        self.messages.get_or_init(|| self.frames.iter().map(Frame::message).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ChannelName, Timestamp};

    #[test]
    fn only_wanted_readings_are_written_in_the_order_of_their_rows() {
        let channels: Arc<[ChannelName]> = ["power", "energy"].map(|name| ChannelName::new(name).unwrap()).into();
        let times = [1, 2].map(Timestamp::from_micros).to_vec();
        let values = vec![Some(1.5), None, Some(7.0), Some(f64::NAN)];
        let news = News::Readings(Batch::new("home1.pv".parse().unwrap(), channels, times, values).unwrap());
        let told = |series: &[&str]| {
            let series: Vec<String> = series.iter().map(|text| (*text).to_owned()).collect();
            let filter = Filter::new(Name::new("local").unwrap(), None, &[], &series).unwrap();
            news.told(&filter).map(|(_, data)| String::from_utf8(data.to_vec()).unwrap())
        };
        assert_eq!(told(&["home1.pv.power"]).unwrap(), r#"{"series":["home1.pv.power"],"time_us":[1],"value":[1.5]}"#);
        let all =
            r#"{"series":["home1.pv.power","home1.pv.energy","home1.pv.energy"],"time_us":[1,1,2],"value":[1.5,7.0,null]}"#;
        assert_eq!(told(&[]).unwrap(), all);
        assert_eq!(told(&["home2.>"]), None);
    }

    #[test]
    fn a_frame_is_an_event_and_a_message() {
        let frame = Frame { topic: "beat", id: Some("a-7".into()), data: Bytes::from_static(b"{}") };
        let mut sse = Vec::new();
        frame.sse(&mut sse);
        assert_eq!(sse, b"event: beat\nid: a-7\ndata: {}\n\n");
        assert_eq!(frame.message().as_str(), r#"{"topic":"beat","id":"a-7","data":{}}"#);
    }
}
