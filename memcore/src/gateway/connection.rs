//! One connection: TLS around a session. Reads, hands events to the host, writes what the session has to say.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio::time::{sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::certificates::fingerprint;
use super::credentials::Proof;
use super::link::{Downward, Link};
use super::listener::Host;
use crate::model::{Clock, DeviceName};
use crate::protocol::{Answer, Code, Hello, Limits, Moment, Refusal, ServerEvent, ServerSession, Welcome};

/// A peer that takes nothing for so long is gone, or means harm.
const WRITE_TIMEOUT: Duration = Duration::from_secs(20);

/// As much as one TLS record carries.
const READ_BYTES: usize = 16 << 10;

/// What every connection of a gateway shares.
pub(crate) struct Shared<H> {
    pub(crate) host: Arc<H>,
    pub(crate) acceptor: TlsAcceptor,
    pub(crate) limits: Limits,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) stopping: watch::Receiver<bool>,
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
    let handshake = timeout(shared.limits.hello_timeout, shared.acceptor.accept(stream)).await;
    let tls = handshake.map_err(|_| Unheard::Slow)?.map_err(Unheard::Tls)?;
    let certificate = tls.get_ref().1.peer_certificates().and_then(|chain| chain.first()).map(|leaf| fingerprint(leaf));
    let session = ServerSession::new(shared.limits.clone(), opened);
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
        let mut buffer = vec![0; READ_BYTES];
        let mut stopping = self.shared.stopping.clone();
        loop {
            if let Err(code) = self.write().await {
                return code;
            }
            let wait = self.session.deadline().map_or(Duration::ZERO, |at| at.saturating_sub(self.now().monotonic));
            let deadline = tokio::time::Instant::now() + wait;
            let step = tokio::select! {
                read = self.tls.read(&mut buffer) => match read {
                    Ok(0) | Err(_) => return Code::Closed,
                    Ok(length) => Step::Read(length),
                },
                step = from_host(self.admitted.as_mut()) => step,
                Ok(_) = stopping.wait_for(|stop| *stop) => Step::Stop,
                () = sleep_until(deadline) => Step::Timeout,
            };
            if let Some(code) = self.act(step, &buffer).await {
                let _ = self.write().await;
                return code;
            }
        }
    }

    async fn act(&mut self, step: Step, buffer: &[u8]) -> Option<Code> {
        match step {
            Step::Read(length) => self.session.receive(self.shared.clock.monotonic(), &buffer[..length]),
            Step::Woken => self.heed_link(),
            Step::Command(command) => self.command(command),
            Step::Stop => self.session.close(Code::Shutdown, "the server is shutting down"),
            Step::Timeout => self.session.handle_timeout(self.shared.clock.monotonic()),
        }
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
                if let Err(refusal) = self.shared.host.take(&admitted.device, event).await {
                    self.session.refuse(&refusal);
                }
            }
        }
        None
    }

    async fn judge(&mut self, hello: Hello) {
        let proof = match (&hello.credential, &self.certificate) {
            (Some(secret), _) => Ok(Proof::Secret(secret)),
            (None, Some(certificate)) => Ok(Proof::Certificate(certificate)),
            (None, None) => {
                Err(Refusal::new(Code::BadCredential, "neither a credential nor a client certificate was shown"))
            }
        };
        let device = proof.and_then(|proof| self.shared.host.judge(proof, &hello));
        let admission = match device {
            Err(refusal) => Err(refusal),
            Ok(device) => {
                let (link, commands) = Link::new(hello.boot);
                let link = Arc::new(link);
                let admission = self.shared.host.admit(&device, &hello, link.clone()).await;
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
                self.session.accept(welcome, hello.channels);
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

    fn command(&mut self, command: crate::model::Command) {
        let Some(admitted) = &self.admitted else { return };
        let refused = if command.expires <= self.shared.clock.now() {
            Err(Refusal::new(Code::Expired, "it expired before it could be sent"))
        } else {
            self.session.command(&command)
        };
        if let Err(Refusal { code, detail, .. }) = refused {
            let answer = Answer::Refused { code: code.to_string(), reason: detail };
            self.shared.host.answered(&admitted.device, &command.id, answer);
        }
    }

    /// Writes what the session has to say, within a deadline.
    async fn write(&mut self) -> Result<(), Code> {
        if self.session.transmit().is_empty() {
            return Ok(());
        }
        let out = std::mem::take(self.session.transmit());
        let written = timeout(WRITE_TIMEOUT, async {
            self.tls.write_all(&out).await?;
            self.tls.flush().await
        });
        match written.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Code::Closed),
            Err(_) => Err(Code::Idle),
        }
    }

    /// Hangs up, and tells the host that the device is gone.
    async fn leave(&mut self, code: Code) {
        let _ = timeout(Duration::from_secs(1), self.tls.shutdown()).await;
        if let Some(admitted) = self.admitted.take() {
            self.shared.host.left(&admitted.device, admitted.epoch, code);
        }
    }
}

enum Step {
    Read(usize),
    Woken,
    Command(crate::model::Command),
    Stop,
    Timeout,
}

/// What comes from the server's side, once there is a session. Cancel-safe.
async fn from_host(admitted: Option<&mut Admitted>) -> Step {
    let Some(Admitted { link, commands, .. }) = admitted else { return std::future::pending().await };
    tokio::select! {
        () = link.woken() => Step::Woken,
        Some(Downward(command)) = commands.recv() => Step::Command(command),
    }
}
