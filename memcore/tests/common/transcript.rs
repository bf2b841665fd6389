//! Plays transcripts to `ServerSession`, cut into pieces in any way, and writes down what came of it.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::time::Duration;

use memcore::model::{Batch, Command, CommandId, Span, Timestamp};
use memcore::protocol::{Answer, Encoding, Hello, Limits, Moment, ServerEvent, ServerSession, Welcome};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[path = "cbor.rs"]
pub(crate) mod cbor;

pub(crate) const WALL: Timestamp = Timestamp::from_seconds(1_763_000_000);
pub(crate) const HELLO: &str = concat!(
    r#"{"type":"hello","version":1,"credential":"mc_k_s","boot":7,"channels":["#,
    r#"{"name":"power","quantity":"power","unit":"kW","sign":"generator"},"#,
    r#"{"name":"soc","quantity":"state_of_charge","unit":"%","range":[0,100]},"#,
    r#"{"name":"relay","quantity":"switch","unit":"on/off","kind":"state","writable":true}]}"#,
    "\n"
);

/// One thing that happens to a session.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    /// Bytes from the device.
    Up(String),
    /// Everything up to there became durable.
    Ack(u64),
    /// A command for a channel, in stored unit and sign.
    Command {
        id: CommandId,
        channel: String,
        value: f64,
        #[serde(default)]
        lease: Option<(Span, f64)>,
        #[serde(default)]
        safety: bool,
    },
    /// Time passes.
    AfterMs(u64),
}

/// A session as a golden vector.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Transcript {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) durable: u64,
    #[serde(default)]
    pub(crate) taken: u64,
    pub(crate) steps: Vec<Step>,
    #[serde(default)]
    pub(crate) down: Vec<String>,
    /// In their order, but apart from the others: they do not wait for the rows before them.
    #[serde(default)]
    pub(crate) refusals: Vec<Value>,
    #[serde(default)]
    pub(crate) events: Vec<Value>,
}

/// A session with what came of it so far.
pub(crate) struct Played {
    pub(crate) session: ServerSession,
    pub(crate) out: Vec<u8>,
    pub(crate) refusals: Vec<Value>,
    pub(crate) events: Vec<Value>,
    pub(crate) now: Duration,
    encoding: Encoding,
    welcome: (u64, u64),
}

impl Played {
    pub(crate) fn new(limits: Limits, durable: u64, taken: u64) -> Self {
        Self::speaking(Encoding::JsonLines, limits, durable, taken)
    }

    pub(crate) fn speaking(encoding: Encoding, limits: Limits, durable: u64, taken: u64) -> Self {
        let (session, now) = (ServerSession::new(limits, encoding, Duration::ZERO), Duration::ZERO);
        let (out, refusals, events) = (Vec::new(), Vec::new(), Vec::new());
        Self { session, out, refusals, events, now, encoding, welcome: (durable, taken) }
    }

    /// A session whose hello was taken; what came of that is forgotten.
    pub(crate) fn open(limits: Limits) -> Self {
        Self::opened(Encoding::JsonLines, limits)
    }

    /// As [`open`](Self::open), in that encoding.
    pub(crate) fn opened(encoding: Encoding, limits: Limits) -> Self {
        let mut played = Self::speaking(encoding, limits, 0, 0);
        played.receive(&bytes_of(encoding, HELLO).expect("JSON"));
        assert!(played.lines()[0].starts_with(r#"{"type":"welcome""#), "{:?}", played.lines());
        (played.out, played.events) = (Vec::new(), Vec::new());
        played
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.out.clone()).expect("the server writes UTF-8")
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        match self.encoding {
            Encoding::JsonLines => self.text().lines().map(str::to_owned).collect(),
            _ => cbor::lines_of(&self.out),
        }
    }

    pub(crate) fn receive(&mut self, bytes: &[u8]) {
        self.session.receive(self.now, bytes);
        self.poll();
    }

    /// Time passes in one step; timeouts that fall due on the way are handled when they are due.
    pub(crate) fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(deadline) = self.session.deadline().filter(|deadline| *deadline <= end) {
            self.now = deadline.max(self.now);
            self.session.handle_timeout(self.now);
            self.poll();
        }
        self.now = end;
    }

    pub(crate) fn poll(&mut self) {
        let moment = Moment { monotonic: self.now, wall: WALL.saturating_add(self.now.into()) };
        while let Some(event) = self.session.poll(moment) {
            self.note(&event);
            if let ServerEvent::Hello(hello) = event {
                self.welcome(hello);
            }
            self.out.append(self.session.transmit());
        }
        self.out.append(self.session.transmit());
    }

    fn welcome(&mut self, hello: Hello) {
        let (durable, taken) = self.welcome;
        let device = hello.device.unwrap_or_else(|| "home1.hem".parse().unwrap());
        let welcome = Welcome { device, epoch: 9, time: WALL, durable, message_bytes: 1 << 20 };
        self.session.accept(welcome, hello.channels, taken);
    }

    pub(crate) fn step(&mut self, step: &Step, cut: impl Fn(&[u8]) -> Vec<&[u8]>) {
        match step {
            Step::Up(text) => {
                let bytes = bytes_of(self.encoding, text).expect("what is no JSON is played as JSON alone");
                cut(&bytes).into_iter().for_each(|piece| self.receive(piece));
            }
            Step::AfterMs(ms) => self.pass(Duration::from_millis(*ms)),
            Step::Ack(sequence) => {
                self.session.ack(*sequence);
                self.poll();
            }
            Step::Command { id, channel, value, lease, safety } => {
                let target = format!("home1.hem.{channel}").parse().unwrap();
                let (lease, fallback) = lease.unzip();
                let expires = WALL.saturating_add(Span::from_seconds(60));
                let command = Command { id: id.clone(), target, value: *value, expires, lease, fallback, safety: *safety };
                if let Err(refusal) = self.session.command(&command) {
                    self.events.push(json!({ "command_refused": refusal.code.as_str() }));
                }
                self.poll();
            }
        }
    }

    /// Live rows are noted before the rows that were collected when they came: those may be handed on sooner or later.
    fn live(&mut self, batch: &Batch) {
        assert_eq!((batch.rows(), batch.position()), (1, None), "a live row has no number");
        let noted = json!({ "live": batch.times()[0], "values": row(batch, 0) });
        let rows = self.events.iter().rev().take_while(|event| event.get("row").or(event.get("through")).is_some());
        let place = self.events.len() - rows.count();
        self.events.insert(place, noted);
    }

    /// Batches depend on how bytes arrive, rows do not: rows are noted one by one, and how far they go once.
    fn note(&mut self, event: &ServerEvent) {
        if let ServerEvent::Data(batch) = event {
            if self.events.last().is_some_and(|last| last.get("through").is_some()) {
                self.events.pop();
            }
            for (at, time) in batch.times().iter().enumerate() {
                self.events.push(json!({ "row": time, "values": row(batch, at) }));
            }
            self.events.push(json!({ "through": batch.position().expect("it came over the link").sequence }));
            return;
        }
        match event {
            ServerEvent::Live(batch) => self.live(batch),
            ServerEvent::Rejected { code, detail, omitted } => {
                self.refusals.push(json!({ "code": code.as_str(), "detail": detail, "omitted": omitted }));
            }
            event => self.events.push(describe(event)),
        }
    }
}

/// JSON lines as the bytes of that encoding; none where they are no JSON and the encoding is another.
pub(crate) fn bytes_of(encoding: Encoding, lines: &str) -> Option<Vec<u8>> {
    match encoding {
        Encoding::JsonLines => Some(lines.as_bytes().to_vec()),
        _ => cbor::frames_of(lines),
    }
}

/// The values of one row that are there, by channel.
fn row(batch: &Batch, row: usize) -> serde_json::Map<String, Value> {
    let values = batch.channels().iter().enumerate();
    values.filter_map(|(at, name)| Some((name.to_string(), json!(batch.column(at)[row]?)))).collect()
}

fn describe(event: &ServerEvent) -> Value {
    match event {
        ServerEvent::Hello(hello) => {
            let names: Vec<_> = hello.channels.iter().map(|channel| channel.name.as_str()).collect();
            json!({ "hello": names, "boot": hello.boot, "device": hello.device, "secret": hello.credential })
        }
        ServerEvent::Channels(channels) => {
            json!({ "channels": channels.iter().map(|channel| channel.name.as_str()).collect::<Vec<_>>() })
        }
        ServerEvent::Answer { id, answer } => match answer {
            Answer::Accepted => json!({ "accepted": id }),
            Answer::Done { value } => json!({ "done": id, "value": value }),
            Answer::Unknown { value } => json!({ "unknown": id, "value": value }),
            Answer::Refused { code, reason } => json!({ "refused": id, "code": code, "reason": reason }),
        },
        ServerEvent::Reported { code, detail } => json!({ "reported": code, "detail": detail }),
        ServerEvent::Closed { code, .. } => json!({ "closed": code.as_str() }),
        other => panic!("an event that transcripts do not know: {other:?}"),
    }
}

impl Transcript {
    /// What the device sends.
    pub(crate) fn ups(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().filter_map(|step| match step {
            Step::Up(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// Plays it with every piece of `Up` cut as `cut` says.
    pub(crate) fn play(&self, encoding: Encoding, cut: impl Fn(usize, &[u8]) -> Vec<&[u8]>) -> Played {
        let mut played = Played::speaking(encoding, Limits::default(), self.durable, self.taken);
        for (at, step) in self.steps.iter().enumerate() {
            played.step(step, |bytes| cut(at, bytes));
        }
        played
    }
}

/// The lines of a vector file.
pub(crate) fn vectors<T: serde::de::DeserializeOwned>(file: &str) -> Vec<T> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let lines = text.lines().enumerate();
    lines.map(|(at, line)| serde_json::from_str(line).unwrap_or_else(|e| panic!("{file}, line {}: {e}", at + 1))).collect()
}
