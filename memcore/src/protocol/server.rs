//! The server's side of a session: what arrives in, events and bytes to send out.
//!
//! ```text
//!   AwaitHello --hello--> Judging --accept()--> Open --bye, fault, silence--> Closed
//!        \                   \--refuse()--------------------------------------/
//!         \--fault, hello_timeout--------------------------------------------/
//! ```

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::bucket::Bucket;
use super::code::Code;
use super::decoder::Decoder;
use super::encoding::{Encoding, Kind};
use super::limits::Limits;
use super::message::{Answer, Down, Hello, Instruction, Rows, Up, Welcome};
use super::problem::{Problem, Problems, Unreadable, plain};
use super::refusals::Refusals;
use super::rows::{Collected, Layout, shifts};
use super::shapes::{Shape, Shapes};
use super::table::ChannelTable;
use super::{Moment, VERSION};
use crate::model::{Batch, Channel, ChannelName, Command, CommandId, DeviceName, Span};

/// What the shell around a session has to act on.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ServerEvent {
    /// Judge this device: answer with [`ServerSession::accept`] or [`ServerSession::refuse`] before asking for more.
    Hello(Hello),
    /// More channels to register; when that fails, [`ServerSession::close`] the session.
    Channels(Vec<Channel>),
    /// Rows, checked and in stored units.
    Data(Batch),
    /// A row for those who look now, checked and in stored units: to be shown and not stored. It has no position.
    Live(Batch),
    /// The device's answer to a command; a value is in stored unit and sign.
    Answer {
        /// Which command.
        id: CommandId,
        /// What became of it.
        answer: Answer,
    },
    /// The device wants something known.
    Reported {
        /// Its own code.
        code: String,
        /// For a person.
        detail: String,
    },
    /// Part of a message was refused; the device was told.
    Rejected {
        /// Why.
        code: Code,
        /// For a person.
        detail: String,
        /// How many refusals before this one were only counted.
        omitted: u64,
    },
    /// The session is over: send what [`ServerSession::transmit`] still has, then hang up.
    Closed {
        /// Why.
        code: Code,
        /// For a person.
        detail: String,
    },
}

/// Why a device is not taken in.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// The code that the device is told.
    pub code: Code,
    /// For a person.
    pub detail: String,
    /// When to come back, where that may help.
    pub retry_after: Option<Span>,
}

impl Refusal {
    /// A refusal for good.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), retry_after: None }
    }
}

#[derive(Debug)]
enum State {
    AwaitHello,
    Judging { boot: u64 },
    Open { device: DeviceName, boot: u64, layout: Arc<Layout> },
    Closed,
}

/// How many commands may be without an answer in one session. Full-policy: the oldest is forgotten, its answer refused.
const UNANSWERED_MAX: usize = 1024;

/// How many different moves of interval labels one device may need: its rows are stored once for each (P14).
const SHIFTS_MAX: usize = 8;

/// One device's session on the server.
#[derive(Debug)]
pub struct ServerSession {
    state: State,
    limits: Arc<Limits>,
    encoding: Encoding,
    decoder: Decoder,
    table: Arc<ChannelTable>,
    /// What sessions of the same channels have in common.
    shapes: Option<Arc<Shapes>>,
    collected: Collected,
    /// What one step of decoding gave; emptied before the next step, so a message's worth at most.
    events: VecDeque<ServerEvent>,
    unanswered: VecDeque<(CommandId, ChannelName)>,
    refusals: Refusals,
    live: Bucket,
    out: Vec<u8>,
    errors: u32,
    /// Everything up to here was taken or is durable already: what repeats it is dropped.
    taken: u64,
    acked: u64,
    opened: Duration,
    heard: Duration,
    /// When the message that is still incomplete was begun.
    frame_begun: Option<Duration>,
    pinged: bool,
}

impl ServerSession {
    /// A session on a connection that was accepted at `now`, in the encoding that was agreed on.
    #[must_use]
    pub fn new(limits: impl Into<Arc<Limits>>, encoding: Encoding, now: Duration) -> Self {
        Self {
            state: State::AwaitHello,
            limits: limits.into(),
            encoding,
            decoder: Decoder::new(encoding),
            table: Arc::default(),
            shapes: None,
            collected: Collected::default(),
            events: VecDeque::new(),
            unanswered: VecDeque::new(),
            refusals: Refusals::default(),
            live: Bucket::default(),
            out: Vec::new(),
            errors: 0,
            taken: 0,
            acked: 0,
            opened: now,
            heard: now,
            frame_begun: None,
            pinged: false,
        }
    }

    /// Shares what it can with the other sessions of `shapes`.
    #[must_use]
    pub fn sharing(mut self, shapes: Arc<Shapes>) -> Self {
        self.shapes = Some(shapes);
        self
    }

    /// Bytes arrived. Follow with [`poll`](Self::poll) until it returns `None`.
    pub fn receive(&mut self, now: Duration, bytes: &[u8]) {
        if !matches!(self.state, State::Closed) {
            self.heard = now;
            self.pinged = false;
            self.decoder.push(bytes);
        }
        // What a device sends ahead of its welcome waits here unread, so it is bounded like the hello (P8).
        if matches!(self.state, State::Judging { .. }) && self.decoder.held() > self.limits.hello_bytes {
            self.close(Code::TooLarge, "too much was sent before the welcome");
        }
    }

    /// The next thing to act on; `None` when more bytes, or the judgement of a hello, are needed.
    pub fn poll(&mut self, now: Moment) -> Option<ServerEvent> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            // Before its judgement a device gets no further message read.
            if matches!(self.state, State::Closed | State::Judging { .. }) || !self.step(now) {
                return None;
            }
        }
    }

    /// Decodes one message, or hands on the collected rows when there is none; false when nothing is left to do.
    fn step(&mut self, now: Moment) -> bool {
        let open = matches!(self.state, State::Open { .. });
        let limit = if open { self.limits.message_bytes } else { self.limits.hello_bytes };
        match self.decoder.next(limit) {
            Err(code) => self.close(code, format!("a message exceeds {limit} bytes")),
            Ok(None) => {
                self.note_partial(now.monotonic);
                return self.finish_rows();
            }
            Ok(Some(message)) => match self.encoding.kind(message) {
                Kind::Data if open => {
                    let (mut problems, places) = (Problems::default(), self.limits.message_values);
                    let rows = self.encoding.decode_rows(message, false, &self.table, places, &mut problems);
                    self.take_rows(rows, problems, now);
                }
                Kind::Live if open => {
                    let (mut problems, places) = (Problems::default(), self.limits.message_values);
                    let rows = self.encoding.decode_rows(message, true, &self.table, places, &mut problems);
                    self.take_live(rows, problems, now);
                }
                _ => {
                    let message = self.encoding.decode_up(message);
                    // What was collected stands before what follows it.
                    self.finish_rows();
                    self.take_message(message, now);
                }
            },
        }
        self.frame_begun = None;
        true
    }

    fn note_partial(&mut self, now: Duration) {
        if self.decoder.is_partial() {
            self.frame_begun.get_or_insert(now);
        } else {
            self.frame_begun = None;
            self.decoder.shrink();
            self.collected.shrink();
        }
    }

    fn take_rows(&mut self, rows: Result<Rows, Unreadable>, mut problems: Problems, now: Moment) {
        let sequence = match &rows {
            Ok(rows) => rows.sequence,
            Err((Some(sequence), _)) => *sequence,
            Err((None, _)) => 0,
        };
        let repeated = sequence > 0 && sequence <= self.taken;
        match rows {
            // A repetition of what is durable needs its acknowledgement again; its rows need nothing (P22).
            _ if repeated => {
                if sequence <= self.acked {
                    self.encoding.encode_down(&Down::Ack { sequence: self.acked }, &mut self.out);
                }
                return;
            }
            Ok(mut rows) => {
                // Of rows with numbers of their own, those that were taken before are let go (P44).
                let known = rows.first.map_or(0, |first| (self.taken + 1).saturating_sub(first));
                if known > 0 {
                    rows.keep(|row, _| row as u64 >= known);
                }
                self.collected.take(rows, &self.table, now, &self.limits, &mut problems);
            }
            Err((number, problem)) => {
                if number.is_some() {
                    self.collected.skip(sequence);
                }
                self.reject_message(number, problem);
            }
        }
        self.taken = self.taken.max(sequence);
        self.reject_parts((sequence > 0).then_some(sequence), problems);
        if self.collected.rows() >= self.limits.batch_rows || self.collected_places() >= self.limits.message_values {
            self.finish_rows();
        }
    }

    /// Hands a row on to those who look now. Full-policy: what comes faster is dropped and counted (P47).
    fn take_live(&mut self, rows: Result<Rows, Unreadable>, mut problems: Problems, now: Moment) {
        let rows = match rows {
            Ok(rows) => rows,
            Err((_, problem)) => return self.reject_message(None, problem),
        };
        let State::Open { device, layout, .. } = &self.state else { return };
        if !self.live.take(self.heard, self.limits.live, self.limits.live_every) {
            return self.refusals.omit(1);
        }
        let mut shown = Collected::default();
        shown.take(rows, &self.table, now, &self.limits, &mut problems);
        if let Some(batch) = shown.batch(device, layout).filter(|batch| batch.rows() > 0) {
            self.events.push_back(ServerEvent::Live(batch));
        }
        self.reject_parts(None, problems);
    }

    fn reject_parts(&mut self, sequence: Option<u64>, problems: Problems) {
        for problem in problems.named {
            self.reject(sequence, problem);
        }
        self.refusals.omit(problems.more);
    }

    /// How many places for values the batch of what is collected will have.
    fn collected_places(&self) -> usize {
        match &self.state {
            State::Open { layout, .. } => self.collected.rows() * layout.row_places(),
            _ => 0,
        }
    }

    fn finish_rows(&mut self) -> bool {
        let State::Open { device, boot, layout } = &self.state else { return false };
        let Some(batch) = self.collected.finish(device, *boot, layout) else { return false };
        self.events.push_back(ServerEvent::Data(batch));
        true
    }

    fn take_message(&mut self, message: Result<Up, Problem>, now: Moment) {
        match (&self.state, message) {
            (State::AwaitHello, Ok(Up::Hello(hello))) => self.take_hello(hello),
            (State::AwaitHello, Ok(_)) => self.close(Code::NotHello, "the first message must be a hello"),
            (State::AwaitHello, Err(Problem { code, detail, .. })) => {
                self.close(code, format!("expected a hello: {detail}"));
            }
            (_, Err(problem)) => self.reject_message(None, problem),
            (_, Ok(message)) => self.take_open(message, now),
        }
    }

    fn take_hello(&mut self, hello: Hello) {
        if hello.version != VERSION {
            let detail = format!("version {} is not spoken here, expected {VERSION}", hello.version);
            return self.close(Code::BadVersion, detail);
        }
        match self.channel_fault(&hello.channels) {
            Some((code, detail)) => self.close(code, detail),
            None => {
                self.state = State::Judging { boot: hello.boot };
                self.events.push_back(ServerEvent::Hello(hello));
            }
        }
    }

    /// What keeps a list of channels from being described.
    fn channel_fault(&self, channels: &[Channel]) -> Option<(Code, String)> {
        let known = self.table.channels();
        let new = channels.iter().filter(|channel| self.table.get(channel.name.as_str()).is_none()).count();
        let (most, total) = (self.limits.channels, new + known.len());
        if total > most {
            return Some((Code::TooManyChannels, format!("{total} channels, expected at most {most}")));
        }
        let mut names = HashSet::new();
        if let Some(twice) = channels.iter().find(|channel| !names.insert(&channel.name)) {
            return Some((Code::BadChannel, format!("channel {} is described twice in one message", twice.name)));
        }
        let others = known.iter().filter(|channel| !names.contains(&channel.name));
        if shifts(others.chain(channels)).len() > SHIFTS_MAX {
            let detail = format!("labels by the end of more than {} different cadences", SHIFTS_MAX - 1);
            return Some((Code::BadChannel, detail));
        }
        let fault = channels.iter().find_map(|channel| channel.check().err());
        fault.map(|e| (Code::BadChannel, e.message().to_owned()))
    }

    fn take_open(&mut self, message: Up, now: Moment) {
        match message {
            // P5
            Up::Hello(_) => self.close(Code::BadMessage, "a second hello"),
            Up::Channels(channels) => self.take_channels(channels),
            Up::Result { id, answer } => self.take_answer(id, answer),
            Up::Event { code, detail } => self.events.push_back(ServerEvent::Reported { code, detail }),
            Up::Bye => self.close(Code::Bye, "the device took its leave"),
            Up::Ping => self.encoding.encode_down(&Down::Pong { time: now.wall }, &mut self.out),
            Up::Data | Up::Live | Up::Pong => {}
        }
    }

    fn take_channels(&mut self, channels: Vec<Channel>) {
        if let Some((code, detail)) = self.channel_fault(&channels) {
            return self.close(code, detail);
        }
        Arc::make_mut(&mut self.table).describe(channels.clone());
        if let State::Open { layout, .. } = &mut self.state {
            *layout = Arc::new(Layout::of(&self.table));
        }
        self.events.push_back(ServerEvent::Channels(channels));
    }

    /// An answer counts only where its command waits for one in this session (P30).
    fn take_answer(&mut self, id: CommandId, answer: Answer) {
        let Some(place) = self.unanswered.iter().position(|(waiting, _)| *waiting == id) else {
            let detail = format!("command {id} is not waiting for a result in this session");
            return self.reject(None, Problem { channel: None, code: Code::BadMessage, detail });
        };
        let channel = self.unanswered[place].1.clone();
        if answer != Answer::Accepted {
            self.unanswered.remove(place);
        }
        let answer = match (answer, self.table.get(channel.as_str())) {
            (Answer::Done { value: Some(value) }, Some(channel)) => Answer::Done { value: read_back(value, channel) },
            (Answer::Unknown { value: Some(value) }, Some(channel)) => Answer::Unknown { value: read_back(value, channel) },
            (answer, _) => answer,
        };
        self.events.push_back(ServerEvent::Answer { id, answer });
    }

    /// A message that could not be read at all; too many of them end the session (P10).
    fn reject_message(&mut self, sequence: Option<u64>, problem: Problem) {
        // Where a message ends elsewhere than its length says, nothing behind it can be trusted (P45).
        if problem.code == Code::BadFrame {
            return self.close(Code::BadFrame, problem.detail);
        }
        self.errors += 1;
        if self.errors > self.limits.errors {
            let detail = format!("{} malformed messages, the last: {}", self.errors, problem.detail);
            return self.close(Code::TooManyErrors, detail);
        }
        self.reject(sequence, problem);
    }

    /// Tells a refusal, or only counts it where the device causes more of them than it may be told (P31).
    fn reject(&mut self, sequence: Option<u64>, problem: Problem) {
        // After the bye there is nothing more to say (P34).
        if self.is_closed() {
            return;
        }
        if let Some((sequence, problem, omitted)) =
            self.refusals.tell((sequence, problem), self.heard, self.limits.refusals, self.limits.refusal_every)
        {
            self.tell(sequence, problem, omitted);
        }
    }

    fn tell(&mut self, sequence: Option<u64>, problem: Problem, omitted: u64) {
        let Problem { channel, code, detail } = problem;
        let detail = plain(&detail);
        let told =
            Down::Reject { sequence, channel: channel.clone(), code: code.to_string(), detail: detail.clone(), omitted };
        self.encoding.encode_down(&told, &mut self.out);
        let detail = channel.map_or(detail.clone(), |channel| format!("channel {}: {detail}", plain(&channel)));
        self.events.push_back(ServerEvent::Rejected { code, detail, omitted });
    }

    /// The hello is judged: this is the device, and its session begins. Everything of its boot up to `taken` was taken by
    /// an earlier session and will be acknowledged when it is durable; repetitions of it are dropped.
    pub fn accept(&mut self, welcome: Welcome, channels: Vec<Channel>, taken: u64) {
        let State::Judging { boot } = self.state else { return };
        let Shape { table, layout } = match &self.shapes {
            Some(shapes) => shapes.of(channels),
            None => Shape::of(channels),
        };
        self.table = table;
        (self.taken, self.acked) = (taken.max(welcome.durable), welcome.durable);
        self.state = State::Open { device: welcome.device.clone(), boot, layout };
        self.encoding.encode_down(&Down::Welcome(welcome), &mut self.out);
    }

    /// The hello is judged: the device is not taken in.
    pub fn refuse(&mut self, refusal: &Refusal) {
        self.end(refusal.code, refusal.detail.clone(), refusal.retry_after);
    }

    /// Everything up to `sequence` is durable (P24).
    pub fn ack(&mut self, sequence: u64) {
        if sequence > self.acked && matches!(self.state, State::Open { .. }) {
            self.acked = sequence;
            if let Some((sequence, problem, omitted)) = self.refusals.settle() {
                self.tell(sequence, problem, omitted);
            }
            self.encoding.encode_down(&Down::Ack { sequence }, &mut self.out);
        }
    }

    /// Sends a command in the unit and sign of the device's channel (P15).
    ///
    /// # Errors
    /// A [`Refusal`] where the device has no such channel, the channel takes no commands, or the value is out of its range.
    pub fn command(&mut self, command: &Command) -> Result<(), Refusal> {
        let name = &command.target.channel;
        let channel = self.table.get(name.as_str());
        let channel =
            channel.ok_or_else(|| Refusal::new(Code::UnknownChannel, format!("the device has no channel {name}")))?;
        if !channel.writable {
            return Err(Refusal::new(Code::NotWritable, format!("channel {name} takes no commands")));
        }
        let mut problems = Problems::default();
        let own = |value: f64| channel.from_stored(value);
        for value in [Some(own(command.value)), command.fallback.map(own)] {
            if value.is_some_and(|value| !value.is_finite()) {
                let detail = format!("{} is more than {} can say", command.value, channel.unit);
                return Err(Refusal::new(Code::BadValue, detail));
            }
            if let Some(value) = value {
                super::rows::taken(value, channel, &mut problems);
            }
        }
        if let Some(problem) = problems.named.pop() {
            return Err(Refusal::new(problem.code, problem.detail));
        }
        if self.unanswered.len() >= UNANSWERED_MAX {
            self.unanswered.pop_front();
        }
        let instruction = Instruction {
            id: command.id.clone(),
            channel: name.clone(),
            value: own(command.value),
            expires: command.expires,
            lease: command.lease,
            fallback: command.fallback.map(own),
            safety: command.safety,
        };
        self.unanswered.push_back((command.id.clone(), name.clone()));
        self.encoding.encode_down(&Down::Command(instruction), &mut self.out);
        Ok(())
    }

    /// Ends the session from this side.
    pub fn close(&mut self, code: Code, detail: impl Into<String>) {
        self.end(code, detail.into(), None);
    }

    fn end(&mut self, code: Code, detail: String, retry_after: Option<Span>) {
        if matches!(self.state, State::Closed) {
            return;
        }
        let detail = plain(&detail);
        self.finish_rows();
        self.state = State::Closed;
        self.encoding
            .encode_down(&Down::Bye { code: code.to_string(), detail: detail.clone(), retry_after }, &mut self.out);
        self.events.push_back(ServerEvent::Closed { code, detail });
    }

    /// What is to be sent; the caller takes it away.
    pub fn transmit(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called, unless bytes come first.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        let silence = if self.pinged { self.limits.idle_timeout } else { self.limits.ping_after };
        let own = match self.state {
            State::Closed => return None,
            State::AwaitHello | State::Judging { .. } => self.opened + self.limits.hello_timeout,
            State::Open { .. } => self.heard + silence,
        };
        Some(self.frame_begun.map_or(own, |begun| own.min(begun + self.limits.frame_timeout)))
    }

    /// The server itself does not read for now (P51): neither the device's silence nor the age of a message counts. It is asked
    /// all the same now and then, so that it hears that its server is there.
    pub fn hold(&mut self, now: Duration) {
        if std::mem::take(&mut self.pinged) {
            self.heard = now;
        }
        self.frame_begun = self.frame_begun.map(|_| now);
    }

    /// Time has passed: asks a silent device, closes a session that is late.
    pub fn handle_timeout(&mut self, now: Duration) {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        let late_frame = self.frame_begun.is_some_and(|begun| now >= begun + self.limits.frame_timeout);
        match self.state {
            State::AwaitHello | State::Judging { .. } => self.close(Code::HelloTimeout, "no complete hello in time"),
            _ if late_frame => self.close(Code::FrameTimeout, "a message was begun and not finished in time"),
            _ if self.pinged => self.close(Code::Idle, "nothing was heard for too long"),
            _ => {
                self.pinged = true;
                self.encoding.encode_down(&Down::Ping, &mut self.out);
            }
        }
    }

    /// Whether the session is over.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }
}

/// What a device read back, as it is stored; none where the channel says that the number is no value.
fn read_back(value: f64, channel: &Channel) -> Option<f64> {
    (!channel.is_invalid(value)).then(|| channel.to_stored(value))
}
