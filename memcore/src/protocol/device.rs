//! The device's side of a session: what arrives in, events and bytes to send out.
//!
//! It numbers nothing and keeps nothing: the SDK above it owns the sequence numbers and the buffer of what is not yet durable.

use std::time::Duration;

use super::decoder::Decoder;
use super::encoding::Encoding;
use super::message::{Answer, Down, Hello, Instruction, Up, Welcome};
use crate::error::{Error, Result};
use crate::model::{Channel, CommandId, Span, Timestamp};

/// The largest message that a device takes from its server.
const MESSAGE_BYTES: usize = 1 << 20;

/// How many channels a hello describes, and how many bytes of descriptions: it stays below the limit of 64 KiB.
const HELLO_CHANNELS: usize = 128;
const HELLO_BYTES: usize = 48 << 10;

/// The most that one number takes up in a message with what separates it, in any encoding; and the head of a message.
const VALUE_BYTES: usize = 26;
const HEAD_BYTES: usize = 256;

/// The most places for values in a message (P16).
const MESSAGE_VALUES: usize = 1 << 18;

/// After this silence the device asks with a ping; after twice as long again it gives the connection up.
const PING_AFTER: Duration = Duration::from_secs(30);

/// Where a device's session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceState {
    /// The hello is out.
    Greeting,
    /// Welcome.
    Open,
    /// Over.
    Closed,
}

/// What the SDK around a session has to act on.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum DeviceEvent {
    /// Taken in: send what is not durable yet, from [`Welcome::durable`] on.
    Welcome(Welcome),
    /// Everything up to here need not be kept any longer.
    Ack(u64),
    /// Part of what was sent was refused, for good.
    Rejected {
        /// The data message concerned, where it has a number.
        sequence: Option<u64>,
        /// The channel concerned, where it is one.
        channel: Option<String>,
        /// Why.
        code: String,
        /// For a person.
        detail: String,
        /// How many refusals before this one were not told.
        omitted: u64,
    },
    /// Do this, and answer with [`DeviceSession::answer`].
    Command(Instruction),
    /// The server's clock said this at some moment between the question ([`DeviceSession::ask_time`]) and now.
    ServerTime {
        /// When it was asked, by the monotonic clock.
        asked: Duration,
        /// What it said.
        time: Timestamp,
    },
    /// The session is over.
    Closed {
        /// Why.
        code: String,
        /// For a person.
        detail: String,
        /// When to come back, where the server says so.
        retry_after: Option<Span>,
    },
}

/// One session of a device.
#[derive(Debug)]
pub struct DeviceSession {
    state: DeviceState,
    encoding: Encoding,
    decoder: Decoder,
    channels: Vec<Channel>,
    /// The largest message that the server takes, in bytes.
    message_bytes: usize,
    out: Vec<u8>,
    heard: Duration,
    pinged: bool,
    /// When the ping went out that is not answered yet. There is one at a time, so that each answer has its question.
    asked: Option<Duration>,
}

impl DeviceSession {
    /// A session on a connection made at `now`, in the encoding that was agreed on; the hello is ready to be sent.
    #[must_use]
    pub fn new(hello: Hello, encoding: Encoding, now: Duration) -> Self {
        let mut session = Self {
            state: DeviceState::Greeting,
            encoding,
            decoder: Decoder::new(encoding),
            channels: hello.channels.clone(),
            message_bytes: HELLO_BYTES,
            out: Vec::new(),
            heard: now,
            pinged: false,
            asked: None,
        };
        session.greet(hello);
        session
    }

    /// A hello is small, whatever the device has: the other channels follow in messages of their own (P12).
    fn greet(&mut self, hello: Hello) {
        let mut parts = parts(&hello.channels, self.encoding);
        let first = Hello { channels: parts.next().map(<[Channel]>::to_vec).unwrap_or_default(), ..hello.clone() };
        self.say(&Up::Hello(first));
        parts.for_each(|part| self.say(&Up::Channels(part.to_vec())));
    }

    fn say(&mut self, message: &Up) {
        self.encoding.encode_up(message, &mut self.out);
    }

    /// Where the session stands.
    #[must_use]
    pub fn state(&self) -> DeviceState {
        self.state
    }

    /// Bytes arrived. Follow with [`poll`](Self::poll) until it returns `None`.
    pub fn receive(&mut self, now: Duration, bytes: &[u8]) {
        self.heard = now;
        self.pinged = false;
        self.decoder.push(bytes);
    }

    /// The next thing to act on.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) where the server does not speak the protocol; the session is over.
    pub fn poll(&mut self) -> Result<Option<DeviceEvent>> {
        while self.state != DeviceState::Closed {
            let line = match self.decoder.next(MESSAGE_BYTES) {
                Ok(Some(line)) => line,
                Ok(None) => return Ok(None),
                Err(_) => {
                    return Err(self.give_up(Error::invalid(format!("the server's message exceeds {MESSAGE_BYTES} bytes"))));
                }
            };
            let message = self.encoding.decode_down(line);
            match message {
                Ok(message) if !self.may_follow(&message) => {
                    let e = Error::invalid("the server sent what may not come before or after its welcome");
                    return Err(self.give_up(e));
                }
                Ok(message) => {
                    if let Some(event) = self.take(message) {
                        return Ok(Some(event));
                    }
                }
                Err(e) => return Err(self.give_up(e)),
            }
        }
        Ok(None)
    }

    /// The welcome comes first and once; only a refusal may come in its place (P5).
    fn may_follow(&self, message: &Down) -> bool {
        match message {
            Down::Welcome(_) => self.state == DeviceState::Greeting,
            Down::Bye { .. } | Down::Ping | Down::Pong { .. } => true,
            _ => self.state == DeviceState::Open,
        }
    }

    fn give_up(&mut self, error: Error) -> Error {
        self.state = DeviceState::Closed;
        error
    }

    fn take(&mut self, message: Down) -> Option<DeviceEvent> {
        match message {
            Down::Welcome(welcome) => {
                self.state = DeviceState::Open;
                self.message_bytes = welcome.message_bytes;
                Some(DeviceEvent::Welcome(welcome))
            }
            Down::Ack { sequence } => Some(DeviceEvent::Ack(sequence)),
            Down::Reject { sequence, channel, code, detail, omitted } => {
                Some(DeviceEvent::Rejected { sequence, channel, code, detail, omitted })
            }
            Down::Command(instruction) => Some(DeviceEvent::Command(instruction)),
            Down::Ping => {
                self.say(&Up::Pong);
                None
            }
            Down::Pong { time } => self.asked.take().map(|asked| DeviceEvent::ServerTime { asked, time }),
            Down::Bye { code, detail, retry_after } => {
                self.state = DeviceState::Closed;
                Some(DeviceEvent::Closed { code, detail, retry_after })
            }
        }
    }

    /// Queues one row: a value or nothing for each channel, in the order of the hello.
    pub fn send_row(&mut self, sequence: u64, time: Timestamp, values: &[Option<f64>]) {
        self.encoding.encode_row(Some(sequence), time, &self.channels, values, &mut self.out);
    }

    /// Queues rows that are numbered from `first` on without a gap, as columns: in as few messages as the server's limits
    /// allow. The values stand row by row, each a value or nothing for each channel in the order of the hello.
    pub fn send_rows(&mut self, first: u64, times: &[Timestamp], values: &[Option<f64>]) {
        let (width, most) = (self.channels.len(), self.rows_per_message());
        for (at, times) in times.chunks(most).enumerate() {
            let (first, begin) = (first + (at * most) as u64, at * most);
            let values = &values[begin * width..][..times.len() * width];
            match times {
                [time] => self.send_row(first, *time, values),
                _ => self.encoding.encode_rows(first, times, values, &self.channels, &mut self.out),
            }
        }
    }

    /// How many rows fit into a message whatever their values are.
    fn rows_per_message(&self) -> usize {
        let names: usize = self.channels.iter().map(|channel| channel.name.as_str().len() + VALUE_BYTES).sum();
        let (width, room) = (self.channels.len() + 1, self.message_bytes.saturating_sub(names + HEAD_BYTES));
        (room / (width * VALUE_BYTES)).min(MESSAGE_VALUES / width).max(1)
    }

    /// Queues a row for those who look now: shown and not stored, not numbered, not acknowledged. The server shows some a
    /// second and drops the rest.
    pub fn send_live(&mut self, time: Timestamp, values: &[Option<f64>]) {
        self.encoding.encode_row(None, time, &self.channels, values, &mut self.out);
    }

    /// Queues the answer to a command.
    pub fn answer(&mut self, id: CommandId, answer: Answer) {
        self.say(&Up::Result { id, answer });
    }

    /// Queues something that the device wants known.
    pub fn report(&mut self, code: &str, detail: &str) {
        self.say(&Up::Event { code: code.into(), detail: detail.into() });
    }

    /// Takes leave: the server closes the connection when it has read it.
    pub fn bye(&mut self) {
        self.say(&Up::Bye);
    }

    /// What is to be sent; the caller takes it away.
    pub fn transmit(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called, unless bytes come first.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        self.heard + if self.pinged { 3 * PING_AFTER } else { PING_AFTER }
    }

    /// Time has passed: asks a silent server; false when it has been silent for too long and the connection is dead.
    pub fn handle_timeout(&mut self, now: Duration) -> bool {
        if now < self.deadline() {
            return true;
        }
        if self.pinged || self.state != DeviceState::Open {
            self.state = DeviceState::Closed;
            return false;
        }
        self.pinged = true;
        self.ask_time(now);
        true
    }

    /// Asks the server for its time, which is a ping; unless an earlier question waits for its answer.
    pub fn ask_time(&mut self, now: Duration) {
        if self.asked.is_none() {
            self.asked = Some(now);
            self.say(&Up::Ping);
        }
    }
}

/// The channels as messages of a hello's size can hold them. One with the most and longest labels takes less than half.
fn parts(channels: &[Channel], encoding: Encoding) -> impl Iterator<Item = &[Channel]> {
    let (mut rest, mut scratch) = (channels, Vec::new());
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let many = rest.iter().take(HELLO_CHANNELS).take_while(|channel| {
            scratch.clear();
            encoding.encode_up(&Up::Channels(vec![(*channel).clone()]), &mut scratch);
            bytes += scratch.len();
            bytes <= HELLO_BYTES
        });
        let (part, after) = rest.split_at(many.count());
        rest = after;
        (!part.is_empty()).then_some(part)
    })
}
