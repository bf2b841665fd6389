//! One connection: TLS around a session. Reads, hands events to the host, writes what the session has to say.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio::time::{sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::certificates::fingerprint;
use super::credentials::{Proof, Proven};
use super::link::{Downward, Link};
use super::listener::Host;
use crate::model::{Clock, Command, DeviceName};
use crate::protocol::{Answer, Code, Encoding, Hello, Limits, Moment, Refusal, ServerEvent, ServerSession, Welcome};

/// What a connection that is being closed may still take before it is cut.
const HURRY: Duration = Duration::from_secs(1);

/// What a peer may still send after it was told to go, to be thrown away.
const LINGER_BYTES: usize = 4 << 20;

/// As much as one TLS record carries.
const READ_BYTES: usize = 16 << 10;

/// What every connection of a gateway shares.
pub(crate) struct Shared<H> {
    pub(crate) host: Arc<H>,
    pub(crate) acceptor: TlsAcceptor,
    pub(crate) limits: Limits,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) stopping: watch::Receiver<Stage>,
}

/// How far a gateway is on its way to the end. When it is dropped, its connections end too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Taking devices in.
    Serving,
    /// Telling them to come back later.
    Stopping,
    /// What is still connected is cut.
    Stopped,
}

/// Why a connection ended before there was a session.
#[derive(Debug)]
pub(crate) enum Unheard {
    /// No handshake in time.
    Slow,
    /// What came was no TLS, or TLS refused it.
    Tls(std::io::Error),
}

/// A connection whose device was taken in.
struct Admitted {
    device: DeviceName,
    epoch: u64,
    link: Arc<Link>,
    commands: mpsc::Receiver<Downward>,
}

struct Connection<H> {
    shared: Arc<Shared<H>>,
    tls: TlsStream<TcpStream>,
    session: ServerSession,
    certificate: Option<String>,
    admitted: Option<Admitted>,
    /// Held until the device has proved itself.
    unproved: Option<OwnedSemaphorePermit>,
}

/// Serves one accepted connection to its end.
pub(crate) async fn serve<H: Host>(
    shared: Arc<Shared<H>>,
    stream: TcpStream,
    unproved: OwnedSemaphorePermit,
) -> Result<(), Unheard> {
    let opened = shared.clock.monotonic();
    // Small messages in both directions: waiting to fill a packet would only delay commands.
    let _ = stream.set_nodelay(true);
    let mut stopping = shared.stopping.clone();
    let handshake = tokio::select! {
        handshake = timeout(shared.limits.hello_timeout, shared.acceptor.accept(stream)) => handshake,
        // Nothing to say goodbye to yet.
        _ = stopping.wait_for(|stage| *stage != Stage::Serving) => return Ok(()),
    };
    let tls = handshake.map_err(|_| Unheard::Slow)?.map_err(Unheard::Tls)?;
    let certificate = tls.get_ref().1.peer_certificates().and_then(|chain| chain.first()).map(|leaf| fingerprint(leaf));
    let encoding = Encoding::of_alpn(tls.get_ref().1.alpn_protocol());
    let session = ServerSession::new(shared.limits.clone(), encoding, opened);
    let mut connection = Connection { shared, tls, session, certificate, admitted: None, unproved: Some(unproved) };
    let ended = connection.run().await;
    connection.leave(ended).await;
    Ok(())
}

impl<H: Host> Connection<H> {
    fn now(&self) -> Moment {
        Moment { monotonic: self.shared.clock.monotonic(), wall: self.shared.clock.now() }
    }

    /// Runs until the session is over; says why.
    async fn run(&mut self) -> Code {
        let mut stopping = self.shared.stopping.clone();
        loop {
            if let Err(code) = self.write().await {
                return code;
            }
            let wait = self.session.deadline().map_or(Duration::ZERO, |at| at.saturating_sub(self.now().monotonic));
            let deadline = tokio::time::Instant::now() + wait;
            // In this order: what the server wants is never held up by a device that does not stop sending, and bytes
            // that have arrived are looked at before their device is called silent.
            let step = tokio::select! {
                biased;
                step = from_host(self.admitted.as_mut()) => step,
                _ = stopping.wait_for(|stage| *stage != Stage::Serving) => Step::Stop,
                read = poll_fn(|cx| read_into(&mut self.session, &mut self.tls, &*self.shared.clock, cx)) => match read {
                    Ok(0) | Err(_) => return Code::Closed,
                    Ok(_) => Step::Read,
                },
                () = sleep_until(deadline) => Step::Timeout,
            };
            if let Some(code) = self.act(step).await {
                let _ = self.write().await;
                return code;
            }
        }
    }

    async fn act(&mut self, step: Step) -> Option<Code> {
        match step {
            Step::Read => {
                if let Some(code) = self.heed_all().await {
                    return Some(code);
                }
                // One byte after the other is no way around the time that a message may take.
                self.session.handle_timeout(self.shared.clock.monotonic());
            }
            Step::Woken => self.heed_link(),
            Step::Command(command) => self.command(command),
            Step::Stop => self.session.close(Code::Shutdown, "the server is shutting down"),
            Step::Timeout => self.session.handle_timeout(self.shared.clock.monotonic()),
        }
        self.heed_all().await
    }

    async fn heed_all(&mut self) -> Option<Code> {
        while let Some(event) = self.session.poll(self.now()) {
            if let Some(code) = self.heed(event).await {
                return Some(code);
            }
        }
        None
    }

    async fn heed(&mut self, event: ServerEvent) -> Option<Code> {
        match event {
            ServerEvent::Hello(hello) => self.judge(hello).await,
            ServerEvent::Closed { code, .. } => return Some(code),
            event => {
                let Some(admitted) = &self.admitted else { return None };
                if let Err(refusal) = self.shared.host.take(&admitted.device, admitted.epoch, event).await {
                    self.session.refuse(&refusal);
                }
            }
        }
        None
    }

    /// Identity comes from the proof alone (P3).
    async fn judge(&mut self, hello: Hello) {
        let certificate = self.certificate.clone();
        let proof = match (&hello.credential, &certificate) {
            (Some(secret), _) => Ok(Proof::Secret(secret)),
            (None, Some(certificate)) => Ok(Proof::Certificate(certificate)),
            (None, None) => {
                Err(Refusal::new(Code::BadCredential, "neither a credential nor a client certificate was shown"))
            }
        };
        let host = self.shared.host.clone();
        let judged = || proof.clone().and_then(|proof| host.judge(proof, &hello));
        let admission = match judged() {
            Err(refusal) => Err(refusal),
            Ok(Proven { device, key }) => {
                let (link, commands) = Link::new(hello.boot, key);
                let link = Arc::new(link);
                let admission = host.admit(&device, &hello, link.clone()).await;
                // A revocation in between has found no session to end.
                if let Err(refusal) = judged() {
                    link.close(Code::Revoked, refusal.detail);
                }
                admission.map(|admission| (admission, Admitted { device, epoch: admission.epoch, link, commands }))
            }
        };
        match admission {
            Err(refusal) => self.session.refuse(&refusal),
            Ok((admission, admitted)) => {
                self.unproved = None;
                let welcome = Welcome {
                    device: admitted.device.clone(),
                    epoch: admission.epoch,
                    time: self.shared.clock.now(),
                    durable: admission.durable,
                    message_bytes: self.shared.limits.message_bytes,
                };
                self.session.accept(welcome, hello.channels, admission.taken);
                self.admitted = Some(admitted);
            }
        }
    }

    fn heed_link(&mut self) {
        let Some(admitted) = &self.admitted else { return };
        self.session.ack(admitted.link.acked());
        if let Some((code, detail)) = admitted.link.closing() {
            self.session.close(code, detail);
        }
    }

    fn command(&mut self, command: Command) {
        let refused = if command.expires <= self.shared.clock.now() {
            Err(Refusal::new(Code::Expired, "it expired before it could be sent"))
        } else {
            self.session.command(&command)
        };
        if let Err(refusal) = refused {
            self.refuse_command(&command, refusal);
        }
    }

    fn refuse_command(&self, command: &Command, Refusal { code, detail, .. }: Refusal) {
        let Some(admitted) = &self.admitted else { return };
        let answer = Answer::Refused { code: code.to_string(), reason: detail };
        self.shared.host.answered(&admitted.device, &command.id, answer);
    }

    /// Writes what the session has to say, within a deadline.
    async fn write(&mut self) -> Result<(), Code> {
        if self.session.transmit().is_empty() {
            return Ok(());
        }
        let out = std::mem::take(self.session.transmit());
        let mut stopping = self.shared.stopping.clone();
        let link = self.admitted.as_ref().map(|admitted| admitted.link.clone());
        let written = timeout(self.shared.limits.write_timeout, async {
            self.tls.write_all(&out).await?;
            self.tls.flush().await
        });
        tokio::select! {
            written = written => match written {
                Ok(Ok(())) => Ok(()),
                Ok(Err(_)) => Err(Code::Closed),
                Err(_) => Err(Code::Idle),
            },
            code = ended(link, &mut stopping) => Err(code),
        }
    }

    /// Tells the host that the device is gone, and hangs up.
    async fn leave(&mut self, code: Code) {
        // What was handed over and never sent had no effect: its sender need not wonder.
        if let Some(mut commands) =
            self.admitted.as_mut().map(|admitted| std::mem::replace(&mut admitted.commands, mpsc::channel(1).1))
        {
            commands.close();
            while let Ok(Downward(command)) = commands.try_recv() {
                self.refuse_command(&command, Refusal::new(Code::Closed, "the session ended before it could be sent"));
            }
        }
        if let Some(admitted) = self.admitted.take() {
            self.shared.host.left(&admitted.device, admitted.epoch, code);
        }
        // Closing a socket with unread bytes in it would take back what was said last: the reason (P34).
        let _ = timeout(HURRY, async {
            self.tls.shutdown().await?;
            let (mut rest, mut thrown) = (vec![0; 4096], 0);
            let (socket, _) = self.tls.get_mut();
            while thrown < LINGER_BYTES {
                match socket.read(&mut rest).await? {
                    0 => break,
                    length => thrown += length,
                }
            }
            std::io::Result::Ok(())
        })
        .await;
    }
}

/// When a write that does not come to its end is given up because the session shall end; why.
async fn ended(link: Option<Arc<Link>>, stopping: &mut watch::Receiver<Stage>) -> Code {
    let closed = async {
        match link {
            Some(link) => link.closed().await,
            None => std::future::pending().await,
        }
    };
    let code = tokio::select! {
        code = closed => code,
        _ = stopping.wait_for(|stage| *stage != Stage::Serving) => Code::Shutdown,
    };
    tokio::time::sleep(HURRY).await;
    code
}

enum Step {
    Read,
    Woken,
    Command(Command),
    Stop,
    Timeout,
}

thread_local! {
    /// Where bytes lie between the socket and their session: one for each thread, so that a silent connection holds none.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

/// Reads what has arrived into the session; 0 at the end of the connection. Cancel-safe.
fn read_into(
    session: &mut ServerSession,
    tls: &mut TlsStream<TcpStream>,
    clock: &dyn Clock,
    cx: &mut Context<'_>,
) -> Poll<std::io::Result<usize>> {
    BUFFER.with_borrow_mut(|buffer| {
        let mut buffer = ReadBuf::new(buffer);
        ready!(Pin::new(tls).poll_read(cx, &mut buffer))?;
        session.receive(clock.monotonic(), buffer.filled());
        Poll::Ready(Ok(buffer.filled().len()))
    })
}

/// What comes from the server's side, once there is a session. Cancel-safe.
async fn from_host(admitted: Option<&mut Admitted>) -> Step {
    let Some(Admitted { link, commands, .. }) = admitted else { return std::future::pending().await };
    tokio::select! {
        () = link.woken() => Step::Woken,
        Some(Downward(command)) = commands.recv() => Step::Command(command),
    }
}
