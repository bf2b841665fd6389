//! Plays transcripts to `ServerSession`, cut into pieces in any way, and writes down what came of it.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::time::Duration;

use memcore::model::{Command, CommandId, Span, Timestamp};
use memcore::protocol::{Answer, Encoding, Hello, Limits, Moment, ServerEvent, ServerSession, Welcome};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

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
    welcome: (u64, u64),
}

impl Played {
    pub(crate) fn new(limits: Limits, durable: u64, taken: u64) -> Self {
        let (session, now) = (ServerSession::new(limits, Encoding::JsonLines, Duration::ZERO), Duration::ZERO);
        Self { session, out: Vec::new(), refusals: Vec::new(), events: Vec::new(), now, welcome: (durable, taken) }
    }

    /// A session whose hello was taken; what came of that is forgotten.
    pub(crate) fn open(limits: Limits) -> Self {
        let mut played = Self::new(limits, 0, 0);
        played.receive(HELLO.as_bytes());
        assert!(played.text().starts_with(r#"{"type":"welcome""#), "{}", played.text());
        (played.out, played.events) = (Vec::new(), Vec::new());
        played
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.out.clone()).expect("the server writes UTF-8")
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.text().lines().map(str::to_owned).collect()
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
            Step::Up(text) => cut(text.as_bytes()).into_iter().for_each(|piece| self.receive(piece)),
            Step::AfterMs(ms) => self.pass(Duration::from_millis(*ms)),
            Step::Ack(sequence) => {
                self.session.ack(*sequence);
                self.poll();
            }
            Step::Command { id, channel, value, lease } => {
                let target = format!("home1.hem.{channel}").parse().unwrap();
                let (lease, fallback) = lease.unzip();
                let expires = WALL.saturating_add(Span::from_seconds(60));
                let command = Command { id: id.clone(), target, value: *value, expires, lease, fallback, safety: false };
                if let Err(refusal) = self.session.command(&command) {
                    self.events.push(json!({ "command_refused": refusal.code.as_str() }));
                }
                self.poll();
            }
        }
    }

    /// Batches depend on how bytes arrive, rows do not: rows are noted one by one, and how far they go once.
    fn note(&mut self, event: &ServerEvent) {
        if let ServerEvent::Data(batch) = event {
            if self.events.last().is_some_and(|last| last.get("through").is_some()) {
                self.events.pop();
            }
            for (row, time) in batch.times().iter().enumerate() {
                let values = batch.channels().iter().enumerate();
                let values = values.filter_map(|(at, name)| Some((name.to_string(), json!(batch.column(at)[row]?))));
                let values: serde_json::Map<_, _> = values.collect();
                self.events.push(json!({ "row": time, "values": values }));
            }
            self.events.push(json!({ "through": batch.position().expect("it came over the link").sequence }));
            return;
        }
        match event {
            ServerEvent::Rejected { code, detail, omitted } => {
                self.refusals.push(json!({ "code": code.as_str(), "detail": detail, "omitted": omitted }));
            }
            event => self.events.push(describe(event)),
        }
    }
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
    /// Plays it with every piece of `Up` cut as `cut` says.
    pub(crate) fn play(&self, cut: impl Fn(usize, &[u8]) -> Vec<&[u8]>) -> Played {
        let mut played = Played::new(Limits::default(), self.durable, self.taken);
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
