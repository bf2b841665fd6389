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

use super::backlog::Drawn;
use super::commands::{Commands, Outcome};
use super::device::{LinkState, Shared};
use super::outbox::new_boot;
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
/// How many values are drawn from the backlog at once: as text less than a quarter of the smallest message size that is usual.
const DRAW_VALUES: usize = 8192;
/// The pauses between questions for the server's time: this at first, doubled up to that.
const ASK_FIRST: Duration = Duration::from_secs(1);
const ASK_MOST: Duration = Duration::from_secs(64);
/// How often the server is told of lost rows.
const TELL_EVERY: Duration = Duration::from_secs(10);

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
    /// Rows on their way from the backlog to the session.
    pub(crate) drawn: Drawn,
    pub(crate) asking: Asking,
    pub(crate) told: Told,
}

/// When the server is asked for its time: soon after the welcome, then now and then.
#[derive(Debug, Default)]
pub(crate) struct Asking {
    greeted: Duration,
    next: Duration,
    pause: Duration,
}

/// What the server was told of rows that were lost.
#[derive(Debug, Default)]
pub(crate) struct Told {
    dropped: u64,
    damaged: u64,
    next: Duration,
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
        self.shared.outbox.close().await;
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
        self.asking.greeted = self.clock.monotonic();
        // A server that does not know the encoding that was wished for speaks JSON.
        let encoding = Encoding::of_alpn(stream.get_ref().1.alpn_protocol());
        let mut session = DeviceSession::new(hello, encoding, self.asking.greeted);
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
            let is_open = session.state() == DeviceState::Open;
            let own = if is_open { session.deadline().min(self.asking.next) } else { session.deadline() };
            let next = self.commands.deadline().map_or(own, |at| at.min(own));
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
        if session.state() == DeviceState::Open {
            self.ask_time(session, now);
            self.tell_losses(session, now);
        }
        session.handle_timeout(now)
    }

    fn ask_time(&mut self, session: &mut DeviceSession, now: Duration) {
        if now >= self.asking.next {
            session.ask_time(now);
            self.asking.next = now + self.asking.pause;
            self.asking.pause = (self.asking.pause * 2).min(ASK_MOST);
        }
    }

    /// Rows that were lost are lost to the server too: it is told how many.
    fn tell_losses(&mut self, session: &mut DeviceSession, now: Duration) {
        let (dropped, damaged) = self.shared.outbox.kept().backlog.losses();
        if (dropped, damaged) == (self.told.dropped, self.told.damaged) || now < self.told.next {
            return;
        }
        if dropped > self.told.dropped {
            let rows = dropped - self.told.dropped;
            session.report("buffer_overflow", &format!("{rows} rows were dropped, the oldest first: the buffer was full"));
        }
        if damaged > self.told.damaged {
            let rows = damaged - self.told.damaged;
            session.report("buffer_damaged", &format!("{rows} rows of the buffer could not be read"));
        }
        self.told = Told { dropped, damaged, next: now + TELL_EVERY };
    }

    /// Encodes rows that were not sent in this session, up to one write's worth.
    fn fill(&mut self, session: &mut DeviceSession) {
        if session.state() != DeviceState::Open {
            return;
        }
        let most = (DRAW_VALUES / self.channels.len().max(1)).max(1);
        while session.transmit().len() < WRITE_BYTES {
            self.shared.outbox.draw(most, &mut self.drawn);
            match self.drawn.times[..] {
                [] => return,
                [time] => session.send_row(self.drawn.first, time, &self.drawn.values),
                _ => session.send_rows(self.drawn.first, &self.drawn.times, &self.drawn.values),
            }
        }
        // While a long backlog drains, who looks now sees the present all the same.
        if let Some((time, mut values)) = self.shared.outbox.show(self.clock.monotonic()) {
            values.resize(self.channels.len(), None);
            session.send_live(time, &values);
        }
    }

    fn heed(&mut self, session: &mut DeviceSession) -> Option<Ended> {
        loop {
            match session.poll() {
                Ok(None) => return None,
                Ok(Some(DeviceEvent::Welcome(welcome))) => {
                    if let Err(ended) = self.welcomed(&welcome) {
                        return Some(ended);
                    }
                }
                Ok(Some(DeviceEvent::ServerTime { asked, time })) => {
                    self.shared.outbox.server().sample(asked, self.clock.monotonic(), time);
                }
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

    /// Expiries are judged by the server's time: a device that sets its own clock meanwhile must not take an old command for a
    /// fresh one.
    fn server_now(&self) -> Timestamp {
        let known = self.shared.outbox.server().time_at(self.clock.monotonic());
        known.unwrap_or_else(|| self.clock.now())
    }

    fn welcomed(&mut self, welcome: &Welcome) -> Result<(), Ended> {
        let now = self.clock.monotonic();
        self.shared.outbox.server().sample(self.asking.greeted, now, welcome.time);
        self.asking = Asking { next: now + ASK_FIRST, pause: 2 * ASK_FIRST, ..self.asking };
        if let Ok(boot) = new_boot()
            && self.shared.outbox.kept().backlog.renumber(welcome.durable, boot)
        {
            tracing::warn!(device = %self.device, boot, "the buffer is an old copy of another: it begins a numbering of its own");
            self.boot = boot;
            return Err(Ended::Lost);
        }
        self.shared.outbox.kept().backlog.restart(welcome.durable, now);
        self.shared.durable.send_modify(|durable| *durable = (*durable).max(welcome.durable));
        self.shared.state.send_replace(LinkState::Open { epoch: welcome.epoch });
        Ok(())
    }

    fn acked(&self, sequence: u64) {
        self.shared.outbox.kept().backlog.acked(sequence, self.clock.monotonic());
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
