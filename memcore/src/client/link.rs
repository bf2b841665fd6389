//! The task behind a device: connects, runs a session, reconnects with growing pauses (P38), and keeps leases whatever happens.

use std::collections::HashSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt, WriteHalf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::commands::{Commands, Outcome};
use super::device::{LinkState, Shared};
use crate::model::{Channel, Clock, CommandId, DeviceName, Span, Timestamp};
use crate::protocol::{Answer, Code, DeviceEvent, DeviceSession, DeviceState, Encoding, Hello, VERSION, Welcome};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const PAUSE_FIRST: Duration = Duration::from_millis(100);
const PAUSE_MOST: Duration = Duration::from_secs(30);
/// What the server refuses for good is tried again all the same: an operator may mend it.
const PAUSE_REFUSED: Duration = Duration::from_secs(60);
/// A server that takes nothing for so long is gone; one that is only behind takes something now and then.
const WRITE_TIMEOUT: Duration = Duration::from_secs(120);
/// How long the farewell may take.
const FAREWELL: Duration = Duration::from_secs(1);
/// As much as is encoded before it is written.
const WRITE_BYTES: usize = 64 << 10;

pub(crate) struct Link {
    pub(crate) shared: Arc<Shared>,
    pub(crate) tls: Arc<ClientConfig>,
    pub(crate) server_name: ServerName<'static>,
    pub(crate) address: String,
    pub(crate) credential: Option<String>,
    pub(crate) device: DeviceName,
    pub(crate) boot: u64,
    pub(crate) channels: Vec<Channel>,
    pub(crate) commands: Commands,
    /// What this session's server asked for and was told to wait for: another session does not wait for the answer (P30).
    pub(crate) asked: HashSet<CommandId>,
    pub(crate) clock: Arc<dyn Clock>,
    /// What the server's clock said, and this device's monotonic one at that moment: expiries are judged by the server's
    /// time, and a device that sets its own clock meanwhile must not take an old command for a fresh one.
    pub(crate) server_time: Option<(Duration, Timestamp)>,
}

/// How a connection ended.
enum Ended {
    Lost,
    Refused { code: String, detail: String, retry_after: Option<Span> },
    Closing,
}

impl Link {
    pub(crate) async fn run(mut self) {
        let mut pause = PAUSE_FIRST;
        // Safe first, whether a server is there or not.
        self.commands.begin(self.clock.monotonic());
        loop {
            let connection = connect(self.address.clone(), self.tls.clone(), self.server_name.clone());
            let ended = match self.keeping_leases(connection).await {
                Some(Ok(stream)) => self.session(stream).await,
                Some(Err(e)) => self.unreachable(&e),
                None => Ended::Closing,
            };
            let opened = matches!(*self.shared.state.borrow(), LinkState::Open { .. });
            if opened {
                pause = PAUSE_FIRST;
            }
            let wait = match ended {
                Ended::Closing => break,
                Ended::Lost => {
                    self.shared.state.send_if_modified(|state| {
                        // A refusal stays visible until a connection succeeds.
                        let lost = matches!(state, LinkState::Open { .. });
                        if lost {
                            *state = LinkState::Connecting;
                        }
                        lost
                    });
                    pause
                }
                Ended::Refused { code, detail, retry_after } => self.refused(code, detail, retry_after),
            };
            pause = (pause * 2).min(PAUSE_MOST);
            if self.wait(jittered(wait, self.boot ^ pause.as_nanos() as u64)).await {
                break;
            }
        }
        self.commands.end_leases(self.clock.monotonic());
        self.shared.state.send_replace(LinkState::Closed);
        self.shared.durable.send_modify(|_| {});
    }

    /// A server that cannot be reached may come back; one whose certificate is wrong is not the server that was meant.
    fn unreachable(&self, error: &std::io::Error) -> Ended {
        tracing::debug!(device = %self.device, %error, "cannot connect");
        if error.kind() == std::io::ErrorKind::InvalidData {
            let detail = format!("the server's identity could not be verified: {error}");
            return Ended::Refused { code: Code::BadCredential.to_string(), detail, retry_after: None };
        }
        Ended::Lost
    }

    fn refused(&self, code: String, detail: String, retry_after: Option<Span>) -> Duration {
        let passing =
            [Code::Overloaded, Code::Shutdown, Code::Idle, Code::Internal, Code::HelloTimeout, Code::FrameTimeout];
        if passing.iter().any(|known| known.as_str() == code) {
            self.shared.state.send_replace(LinkState::Connecting);
            return retry_after.map_or(PAUSE_FIRST * 5, Span::to_duration).min(PAUSE_REFUSED);
        }
        self.shared.state.send_replace(LinkState::Refused { code, detail });
        retry_after.map_or(PAUSE_REFUSED, Span::to_duration).min(PAUSE_REFUSED)
    }

    /// Waits between two connections; true when the device is to be closed.
    async fn wait(&mut self, pause: Duration) -> bool {
        self.keeping_leases(sleep(pause)).await.is_none()
    }

    /// Waits for `work`, and meanwhile lets no lease run over its end; `None` when the device is to be closed.
    async fn keeping_leases<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut closing = self.shared.closing.subscribe();
        let mut work = std::pin::pin!(work);
        loop {
            let lease = self.until(self.commands.deadline());
            tokio::select! {
                () = set(&mut closing) => return None,
                done = &mut work => return Some(done),
                () = sleep(lease) => drop(self.commands.handle_timeout(self.clock.monotonic())),
            }
        }
    }

    fn until(&self, deadline: Option<Duration>) -> Duration {
        deadline.map_or(Duration::from_secs(3600), |at| at.saturating_sub(self.clock.monotonic()))
    }

    /// Runs one session. Reading and writing go on side by side: a server that is behind with storing takes no more for a
    /// while, and a command must reach the device all the same.
    async fn session(&mut self, stream: TlsStream<TcpStream>) -> Ended {
        let hello = Hello {
            version: VERSION,
            credential: self.credential.clone(),
            device: Some(self.device.clone()),
            boot: self.boot,
            channels: self.channels.clone(),
        };
        // A server that does not know the encoding that was wished for speaks JSON.
        let encoding = Encoding::of_alpn(stream.get_ref().1.alpn_protocol());
        let mut session = DeviceSession::new(hello, encoding, self.clock.monotonic());
        self.asked.clear();
        let (mut reader, writer) = tokio::io::split(stream);
        let mut outgoing = Outgoing { writer, bytes: Vec::new(), written: 0, flushed: true, moved: self.clock.monotonic() };
        let mut buffer = vec![0; 16 << 10];
        let mut closing = self.shared.closing.subscribe();
        loop {
            let now = self.clock.monotonic();
            if !self.heed_time(&mut session) || outgoing.is_stuck(now) {
                return Ended::Lost;
            }
            if outgoing.is_done() {
                self.fill(&mut session);
                outgoing.begin(session.transmit(), now);
            }
            let next = self.commands.deadline().map_or(session.deadline(), |at| at.min(session.deadline()));
            let deadline = self.until(Some(outgoing.deadline().map_or(next, |at| at.min(next))));
            let (shared, writing) = (self.shared.clone(), !outgoing.is_done());
            tokio::select! {
                biased;
                read = reader.read(&mut buffer) => match read {
                    Ok(0) | Err(_) => return Ended::Lost,
                    Ok(length) => {
                        session.receive(self.clock.monotonic(), &buffer[..length]);
                        if let Some(ended) = self.heed(&mut session) {
                            return ended;
                        }
                    }
                },
                () = set(&mut closing) => {
                    // First safe, then polite: the server may not take the farewell.
                    self.commands.end_leases(self.clock.monotonic());
                    session.bye();
                    let _ = timeout(FAREWELL, outgoing.finish(session.transmit())).await;
                    return Ended::Closing;
                }
                moved = outgoing.step(), if writing => match moved {
                    Ok(()) => outgoing.moved = self.clock.monotonic(),
                    Err(_) => return Ended::Lost,
                },
                () = shared.filled.notified(), if !writing => {}
                () = sleep(deadline) => {}
            }
        }
    }

    /// Ends leases whose time has come, and asks a silent server; false when it has been silent for too long.
    fn heed_time(&mut self, session: &mut DeviceSession) -> bool {
        let now = self.clock.monotonic();
        for outcome in self.commands.handle_timeout(now) {
            match outcome {
                Outcome::Fell(channel, value) => {
                    session.report("lease_ended", &format!("{channel} fell back to {value}"));
                }
                Outcome::Answered(id, answer) if self.asked.remove(&id) => session.answer(id, answer),
                Outcome::Answered(..) => {}
            }
        }
        session.handle_timeout(now)
    }

    /// Encodes rows that were not sent in this session, up to one write's worth.
    fn fill(&self, session: &mut DeviceSession) {
        if session.state() != DeviceState::Open {
            return;
        }
        let mut backlog = self.shared.backlog.lock().unwrap_or_else(|e| e.into_inner());
        while session.transmit().len() < WRITE_BYTES {
            let Some(row) = backlog.take_next() else { return };
            session.send_row(row.sequence, row.time, &row.values);
        }
    }

    fn heed(&mut self, session: &mut DeviceSession) -> Option<Ended> {
        loop {
            match session.poll() {
                Ok(None) => return None,
                Ok(Some(DeviceEvent::Welcome(welcome))) => self.welcomed(&welcome),
                Ok(Some(DeviceEvent::Pong { time })) => self.server_time = Some((self.clock.monotonic(), time)),
                Ok(Some(DeviceEvent::Ack(sequence))) => self.acked(sequence),
                Ok(Some(DeviceEvent::Rejected { sequence, channel, code, detail, omitted })) => {
                    tracing::warn!(device = %self.device, ?sequence, ?channel, ?code, ?detail, "the server refused part of a message");
                    let mut rejected = self.shared.rejected.lock().unwrap_or_else(|e| e.into_inner());
                    rejected.count += 1 + omitted;
                    rejected.last = Some(format!("{code}: {detail}"));
                }
                Ok(Some(DeviceEvent::Command(instruction))) => {
                    let answer = self.commands.carry_out(&instruction, self.clock.monotonic(), self.server_now());
                    if answer == Answer::Accepted {
                        self.asked.insert(instruction.id.clone());
                    }
                    session.answer(instruction.id, answer);
                }
                Ok(Some(DeviceEvent::Closed { code, detail, retry_after })) => {
                    return Some(Ended::Refused { code, detail, retry_after });
                }
                Err(error) => {
                    tracing::warn!(device = %self.device, %error, "the server does not speak the protocol");
                    return Some(Ended::Lost);
                }
            }
        }
    }

    fn server_now(&self) -> Timestamp {
        let Some((at, time)) = self.server_time else { return self.clock.now() };
        time.saturating_add(self.clock.monotonic().saturating_sub(at).into())
    }

    fn welcomed(&mut self, welcome: &Welcome) {
        self.server_time = Some((self.clock.monotonic(), welcome.time));
        self.shared.backlog.lock().unwrap_or_else(|e| e.into_inner()).restart(welcome.durable, self.clock.monotonic());
        self.shared.durable.send_modify(|durable| *durable = (*durable).max(welcome.durable));
        self.shared.state.send_replace(LinkState::Open { epoch: welcome.epoch });
    }

    fn acked(&self, sequence: u64) {
        self.shared.backlog.lock().unwrap_or_else(|e| e.into_inner()).acked(sequence, self.clock.monotonic());
        self.shared.durable.send_modify(|durable| *durable = (*durable).max(sequence));
    }
}

async fn connect(
    address: String,
    tls: Arc<ClientConfig>,
    name: ServerName<'static>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let connected = timeout(CONNECT_TIMEOUT, async {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        TlsConnector::from(tls).connect(name, stream).await
    });
    connected.await.unwrap_or_else(|late| Err(late.into()))
}

/// What is being written. Each step is cancel-safe.
struct Outgoing {
    writer: WriteHalf<TlsStream<TcpStream>>,
    bytes: Vec<u8>,
    written: usize,
    flushed: bool,
    /// When the last step was made.
    moved: Duration,
}

impl Outgoing {
    fn is_done(&self) -> bool {
        self.written == self.bytes.len() && self.flushed
    }

    /// Takes the bytes away and begins with them.
    fn begin(&mut self, bytes: &mut Vec<u8>, now: Duration) {
        self.bytes.clear();
        std::mem::swap(&mut self.bytes, bytes);
        (self.written, self.flushed, self.moved) = (0, self.bytes.is_empty(), now);
    }

    async fn step(&mut self) -> std::io::Result<()> {
        if self.written == self.bytes.len() {
            self.writer.flush().await?;
            self.flushed = true;
            return Ok(());
        }
        match self.writer.write(&self.bytes[self.written..]).await? {
            0 => Err(std::io::ErrorKind::WriteZero.into()),
            length => {
                self.written += length;
                Ok(())
            }
        }
    }

    /// Writes what is left, and then these bytes.
    async fn finish(&mut self, bytes: &mut Vec<u8>) -> std::io::Result<()> {
        self.bytes.append(bytes);
        self.flushed = false;
        while !self.is_done() {
            self.step().await?;
        }
        Ok(())
    }

    fn deadline(&self) -> Option<Duration> {
        (!self.is_done()).then(|| self.moved + WRITE_TIMEOUT)
    }

    fn is_stuck(&self, now: Duration) -> bool {
        self.deadline().is_some_and(|deadline| now >= deadline)
    }
}

/// Waits until the flag is set. Cancel-safe; holds no lock while waiting.
async fn set(flag: &mut watch::Receiver<bool>) {
    let _ = flag.wait_for(|set| *set).await;
}

/// Between half and one and a half of the pause, so that a street of devices does not come back in the same instant.
fn jittered(pause: Duration, seed: u64) -> Duration {
    // SplitMix64's mixing step: spreads seeds that differ little.
    let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    pause.mul_f64(0.5 + (mixed >> 11) as f64 / (1u64 << 53) as f64)
}
