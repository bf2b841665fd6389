//! One device of a load: light, so that thousands fit into a process. It speaks the protocol, comes back as the protocol says
//! (P38), and keeps nothing that was not acknowledged: it measures, and is no SDK.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, HandshakeKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::rows::Messages;
use crate::model::{DeviceName, Span, Timestamp};
use crate::protocol::{Code, Decoder, Down, Encoding, Hello, Up, VERSION};

/// The first pause after a lost connection; doubled up to the longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));
/// Longer than the server's own patience.
const CONNECT_WITHIN: Duration = Duration::from_secs(30);
/// Rows of all devices that were written and not acknowledged. Full-policy: writing waits.
pub(super) const WINDOW_ROWS: u64 = 400_000;
const WRITE_BYTES: usize = 64 << 10;
/// How long acknowledgements are waited for when everything is sent.
const LAST_ACKS: Duration = Duration::from_secs(30);
/// The largest message that a device takes.
const MESSAGE_BYTES: usize = 1 << 20;

/// What all devices of a load have in common.
pub(super) struct Fleet {
    pub(super) address: String,
    pub(super) server_name: ServerName<'static>,
    pub(super) encoding: Encoding,
    pub(super) messages: Messages,
    /// Rows a second; none is as many as are acknowledged.
    pub(super) rate: Option<f64>,
    pub(super) length: Duration,
    /// How many rows of one device may be on their way.
    pub(super) window: u64,
    /// When those give up that do not get in.
    pub(super) patience: Duration,
    /// Rows that are durable, of all devices.
    pub(super) durable: AtomicU64,
}

/// How a device came in.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Arrival {
    /// From the first try to the welcome.
    pub(super) total: Duration,
    /// Of the try that succeeded: TCP and TLS.
    pub(super) handshake: Duration,
    pub(super) attempts: u32,
    /// How often the server told it to come back later.
    pub(super) refused: u32,
    pub(super) resumed: bool,
}

/// What a device sent.
#[derive(Debug, Clone, Default)]
pub(super) struct Sending {
    pub(super) rows: u64,
    pub(super) unacknowledged: u64,
    pub(super) rejected: u64,
    /// From a write to the acknowledgement of its last message, in ms.
    pub(super) acks: Vec<f32>,
}

enum Setback {
    /// The server said when to come back.
    Later(Option<Span>),
    Lost(String),
    /// Trying again does not help.
    Refused(String),
}

impl From<std::io::Error> for Setback {
    fn from(e: std::io::Error) -> Self {
        Self::Lost(e.to_string())
    }
}

pub(super) struct Peer {
    pub(super) fleet: Arc<Fleet>,
    pub(super) device: DeviceName,
    pub(super) credential: Option<String>,
    pub(super) tls: Arc<ClientConfig>,
    /// Names the numbering, and seeds what is random of this device.
    pub(super) boot: u64,
    pub(super) sequence: u64,
    pub(super) connection: Option<Connection>,
}

pub(super) struct Connection {
    reader: ReadHalf<TlsStream<TcpStream>>,
    writer: WriteHalf<TlsStream<TcpStream>>,
    encoding: Encoding,
    decoder: Decoder,
    rejected: u64,
}

impl Peer {
    /// Connects until it is taken in.
    pub(super) async fn arrive(&mut self) -> Result<Arrival, String> {
        let begun = Instant::now();
        let (mut arrival, mut pause) = (Arrival::default(), PAUSE.0);
        loop {
            arrival.attempts += 1;
            let tried = timeout(CONNECT_WITHIN, self.connect()).await;
            let (wait, why) = match tried.unwrap_or_else(|_| Err(Setback::Lost("no answer".into()))) {
                Ok((connection, handshake, resumed)) => {
                    self.connection = Some(connection);
                    return Ok(Arrival { total: begun.elapsed(), handshake, resumed, ..arrival });
                }
                Err(Setback::Refused(why)) => return Err(why),
                Err(Setback::Later(after)) => {
                    arrival.refused += 1;
                    (after.map_or(pause, Span::to_duration), "the server is overloaded".to_owned())
                }
                Err(Setback::Lost(why)) => (pause, why),
            };
            if begun.elapsed() > self.fleet.patience {
                return Err(why);
            }
            pause = (pause * 2).min(PAUSE.1);
            tokio::time::sleep(self.jittered(wait, arrival.attempts)).await;
        }
    }

    /// Between half and one and a half of the pause (P38).
    fn jittered(&self, pause: Duration, attempt: u32) -> Duration {
        // SplitMix64: seeds that differ little give numbers that do not.
        let mut mixed = self.boot.wrapping_add(u64::from(attempt).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        pause.mul_f64(0.5 + ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64)
    }

    async fn connect(&self) -> Result<(Connection, Duration, bool), Setback> {
        let begun = Instant::now();
        let stream = TcpStream::connect(&self.fleet.address).await?;
        stream.set_nodelay(true)?;
        let connector = TlsConnector::from(self.tls.clone());
        let tls = connector.connect(self.fleet.server_name.clone(), stream).await?;
        let (handshake, resumed) = (begun.elapsed(), tls.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed));
        let (reader, writer) = tokio::io::split(tls);
        let mut connection = Connection {
            reader,
            writer,
            encoding: self.fleet.encoding,
            decoder: Decoder::new(self.fleet.encoding),
            rejected: 0,
        };
        let hello = Hello {
            version: VERSION,
            credential: self.credential.clone(),
            device: Some(self.device.clone()),
            boot: self.boot,
            channels: self.fleet.messages.channels().to_vec(),
        };
        connection.say(&Up::Hello(hello)).await?;
        loop {
            match next(&mut connection.reader, connection.encoding, &mut connection.decoder).await? {
                Down::Welcome(_) => return Ok((connection, handshake, resumed)),
                Down::Bye { code, detail, retry_after } => {
                    let passing = [Code::Overloaded, Code::Shutdown, Code::HelloTimeout, Code::Internal];
                    let passing = passing.iter().any(|known| known.as_str() == code);
                    return Err(if passing {
                        Setback::Later(retry_after)
                    } else {
                        Setback::Refused(format!("{code}: {detail}"))
                    });
                }
                _ => {}
            }
        }
    }

    /// Waits for something that the server wants to know; whether there is. Without a connection it waits for ever. Cancel-safe.
    pub(super) async fn asked(&mut self) -> bool {
        match &mut self.connection {
            None => std::future::pending().await,
            Some(connection) => match next(&mut connection.reader, connection.encoding, &mut connection.decoder).await {
                Ok(message) => message == Down::Ping,
                Err(_) => {
                    self.connection = None;
                    false
                }
            },
        }
    }

    /// Says that it is there.
    pub(super) async fn answer(&mut self) {
        let Some(connection) = &mut self.connection else { return };
        if connection.say(&Up::Pong).await.is_err() {
            self.connection = None;
        }
    }

    /// Sends for as long as it is to, and waits for the last acknowledgement.
    pub(super) async fn send(&mut self) -> Result<Sending, String> {
        let Some(connection) = self.connection.take() else { return Err("the connection was lost".into()) };
        let Connection { reader, writer, encoding, decoder, rejected } = connection;
        let window = Window { acked: AtomicU64::new(self.sequence), moved: Notify::new(), waiting: Mutex::default() };
        let first = self.sequence;
        let mut hearing = Hearing { reader, decoder, rejected, fleet: self.fleet.clone() };
        let mut writing = Writing { writer, fleet: self.fleet.clone(), sequence: first };
        let mut acks = Vec::new();
        let ended = tokio::select! {
            written = writing.run(&window, self.boot) => written,
            heard = hearing.run(&window, u64::MAX, &mut acks) => heard.and(Err("the connection was closed".into())),
        };
        let sent = writing.sequence;
        if ended.is_ok() {
            let _ = timeout(LAST_ACKS, hearing.run(&window, sent, &mut acks)).await;
        }
        let acked = window.acked.load(Ordering::Acquire);
        self.sequence = sent;
        let sending =
            Sending { rows: sent - first, unacknowledged: sent - acked.min(sent), rejected: hearing.rejected, acks };
        let Hearing { reader, decoder, rejected, .. } = hearing;
        self.connection = Some(Connection { reader, writer: writing.writer, encoding, decoder, rejected });
        ended.map(|()| sending)
    }

    pub(super) async fn leave(&mut self) {
        if let Some(mut connection) = self.connection.take() {
            let _ = timeout(Duration::from_secs(1), connection.say(&Up::Bye)).await;
        }
    }
}

impl Connection {
    async fn say(&mut self, message: &Up) -> std::io::Result<()> {
        let mut bytes = Vec::new();
        self.encoding.encode_up(message, &mut bytes);
        self.writer.write_all(&bytes).await?;
        self.writer.flush().await
    }
}

async fn next(
    reader: &mut ReadHalf<TlsStream<TcpStream>>,
    encoding: Encoding,
    decoder: &mut Decoder,
) -> Result<Down, Setback> {
    loop {
        match decoder.next(MESSAGE_BYTES) {
            Ok(Some(message)) => return encoding.decode_down(message).map_err(|e| Setback::Lost(e.to_string())),
            Ok(None) => decoder.shrink(),
            Err(code) => return Err(Setback::Lost(code.to_string())),
        }
        let mut bytes = [0; 4096];
        match reader.read(&mut bytes).await? {
            0 => return Err(Setback::Lost("the connection was closed".into())),
            length => decoder.push(&bytes[..length]),
        }
    }
}

/// What is on its way.
struct Window {
    acked: AtomicU64,
    moved: Notify,
    /// The last number of each write, and when it was written.
    waiting: Mutex<VecDeque<(u64, Instant)>>,
}

struct Hearing {
    reader: ReadHalf<TlsStream<TcpStream>>,
    decoder: Decoder,
    rejected: u64,
    fleet: Arc<Fleet>,
}

impl Hearing {
    /// Takes acknowledgements until everything up to `last` is durable.
    async fn run(&mut self, window: &Window, last: u64, acks: &mut Vec<f32>) -> Result<(), String> {
        while window.acked.load(Ordering::Acquire) < last {
            match next(&mut self.reader, self.fleet.encoding, &mut self.decoder).await {
                Ok(Down::Ack { sequence }) => self.acked(window, sequence, acks),
                Ok(Down::Reject { omitted, .. }) => self.rejected += 1 + omitted,
                Ok(Down::Bye { code, detail, .. }) => return Err(format!("{code}: {detail}")),
                Ok(_) => {}
                Err(Setback::Lost(why) | Setback::Refused(why)) => return Err(why),
                Err(Setback::Later(_)) => return Err("the server is overloaded".into()),
            }
        }
        Ok(())
    }

    fn acked(&self, window: &Window, sequence: u64, acks: &mut Vec<f32>) {
        let before = window.acked.fetch_max(sequence, Ordering::AcqRel);
        self.fleet.durable.fetch_add(sequence.saturating_sub(before), Ordering::Relaxed);
        let mut waiting = window.waiting.lock().unwrap_or_else(|e| e.into_inner());
        let settled = waiting.partition_point(|(last, _)| *last <= sequence);
        acks.extend(waiting.drain(..settled).map(|(_, at)| at.elapsed().as_secs_f32() * 1e3));
        window.moved.notify_one();
    }
}

struct Writing {
    writer: WriteHalf<TlsStream<TcpStream>>,
    fleet: Arc<Fleet>,
    sequence: u64,
}

impl Writing {
    async fn run(&mut self, window: &Window, seed: u64) -> Result<(), String> {
        let (fleet, begun) = (self.fleet.clone(), Instant::now());
        let first = self.sequence;
        let paced = fleet.rate.map(|rate| Duration::from_secs_f64(1.0 / rate));
        // Thousands of devices do not all report in the same instant.
        let offset = paced.map_or(Duration::ZERO, |every| every.mul_f64((seed % 1000) as f64 / 1000.0));
        let mut bytes = Vec::with_capacity(WRITE_BYTES * 2);
        while begun.elapsed() < fleet.length {
            let due = match paced {
                None => u64::MAX,
                Some(every) => {
                    let next = begun + offset + every.mul_f64((self.sequence - first) as f64);
                    tokio::time::sleep_until(next.into()).await;
                    // Clocks wake in steps: what is due by then goes out together.
                    let due = next.elapsed().as_secs_f64() / every.as_secs_f64();
                    1 + due as u64 / fleet.messages.rows() as u64
                }
            };
            while self.sequence - window.acked.load(Ordering::Acquire) >= fleet.window {
                window.moved.notified().await;
            }
            self.fill(&mut bytes, due);
            let mark = (self.sequence, Instant::now());
            window.waiting.lock().unwrap_or_else(|e| e.into_inner()).push_back(mark);
            let written = async {
                self.writer.write_all(&bytes).await?;
                self.writer.flush().await
            };
            written.await.map_err(|e: std::io::Error| e.to_string())?;
        }
        Ok(())
    }

    /// One write's worth of messages, or as many as are due.
    fn fill(&mut self, bytes: &mut Vec<u8>, due: u64) {
        let (messages, mut left) = (&self.fleet.messages, due);
        bytes.clear();
        while bytes.len() < WRITE_BYTES && left > 0 {
            // From a fixed moment on: the same load has the same rows wherever it runs.
            let time = Timestamp::from_seconds(1_700_000_000 + self.sequence as i64);
            messages.write(self.sequence + 1, time, bytes);
            self.sequence += messages.rows() as u64;
            left -= 1;
        }
    }
}
