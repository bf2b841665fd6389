//! One connection: TLS around a session. Reads, hands events to the host, writes what the session has to say.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::AsyncReadExt;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::arrival::{Complaints, Stranger};
use super::certificates::fingerprint;
use super::credentials::Proof;
use super::entrance::Entrance;
use super::guesses::Watch;
use super::link::Link;
use super::listener::{Host, RefusedLogin};
use super::quota::Quota;
use super::tls::Tls;
use crate::model::{Clock, Command, DeviceName, Span};
use crate::protocol::{
    Answer, Code, Encoding, Hello, Limits, Moment, Refusal, ServerEvent, ServerSession, Shapes, Welcome,
};

/// What a connection that is being closed may still take before it is cut.
pub(super) const HURRY: Duration = Duration::from_secs(1);

/// What a peer may still send after it was told to go, to be thrown away.
const LINGER_BYTES: usize = 4 << 20;

/// What every connection of a gateway shares.
pub(crate) struct Shared<H> {
    pub(crate) host: Arc<H>,
    pub(crate) tls: Arc<ServerConfig>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) stopping: watch::Receiver<Stage>,
    pub(crate) guesses: Watch,
    pub(crate) entrance: Arc<Entrance>,
    pub(crate) shapes: Arc<Shapes>,
    pub(crate) complaints: Complaints,
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

/// A connection whose device was taken in.
struct Admitted {
    device: DeviceName,
    epoch: u64,
    link: Arc<Link>,
    quota: Quota,
}

/// A connection whose TLS handshake is complete.
pub(super) struct Connection<H> {
    shared: Arc<Shared<H>>,
    tls: Tls,
    session: ServerSession,
    admitted: Option<Admitted>,
    /// Held until the device has proved itself and is taken in.
    stranger: Option<Stranger>,
}

impl<H: Host> Connection<H> {
    fn now(&self) -> Moment {
        Moment { monotonic: self.shared.clock.monotonic(), wall: self.shared.clock.now() }
    }

    /// A connection that was accepted at `opened`.
    pub(super) fn new(shared: Arc<Shared<H>>, tls: Tls, stranger: Stranger, opened: Duration) -> Self {
        let encoding = Encoding::of_alpn(tls.state().alpn_protocol());
        let session = ServerSession::new(shared.limits.clone(), encoding, opened).sharing(shared.shapes.clone());
        Self { shared, tls, session, admitted: None, stranger: Some(stranger) }
    }

    /// Serves it to its end.
    pub(super) async fn serve(&mut self) {
        let ended = self.run().await;
        Box::pin(self.leave(ended)).await;
    }

    /// Runs until the session is over; says why.
    async fn run(&mut self) -> Code {
        loop {
            self.heed_link();
            if let Some(code) = self.heed_all().await {
                let _ = Box::pin(self.write()).await;
                return code;
            }
            if !self.session.transmit().is_empty() {
                match Box::pin(self.write()).await {
                    // Whatever rang meanwhile is looked at first.
                    Ok(()) => continue,
                    Err(code) => return code,
                }
            }
            let held = self.hold();
            let wait = self.session.deadline().map_or(Duration::ZERO, |at| at.saturating_sub(self.now().monotonic));
            let wait = held.map_or(wait, |held| wait.min(held));
            match self.wait(Instant::now() + wait, held.is_none()).await {
                Step::Woken => {}
                Step::Ended => return Code::Closed,
                Step::Stop => self.session.close(Code::Shutdown, "the server is shutting down"),
                Step::Timeout => self.session.handle_timeout(self.shared.clock.monotonic()),
                Step::Read => {
                    if let Some(code) = self.heed_all().await {
                        let _ = Box::pin(self.write()).await;
                        return code;
                    }
                    // One byte after the other is no way around the time that a message may take.
                    self.session.handle_timeout(self.shared.clock.monotonic());
                }
            }
        }
    }

    /// Waits for whatever comes first. In this order: what the server wants is never held up by a device that does not stop
    /// sending, and bytes that have arrived are looked at before their device is called silent. One that has sent more than it
    /// may is not read.
    async fn wait(&mut self, deadline: Instant, reads: bool) -> Step {
        let Self { shared, tls, session, admitted, .. } = self;
        let woken = async {
            match admitted {
                Some(admitted) => admitted.link.woken().await,
                None => std::future::pending().await,
            }
        };
        let mut stopping = shared.stopping.clone();
        let clock = &*shared.clock;
        tokio::select! {
            biased;
            () = woken => Step::Woken,
            _ = stopping.wait_for(|stage| *stage != Stage::Serving) => Step::Stop,
            read = poll_fn(|cx| tls.poll_read(cx, &mut |bytes| session.receive(clock.monotonic(), bytes))), if reads => match read {
                Ok(0) | Err(_) => Step::Ended,
                Ok(_) => Step::Read,
            },
            () = sleep_until(deadline) => Step::Timeout,
        }
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
            ServerEvent::Hello(hello) => Box::pin(self.judge(hello)).await,
            ServerEvent::Closed { code, .. } => return Some(code),
            event => {
                let Some(admitted) = &self.admitted else { return None };
                // A batch's worth of work is worth a place of its own; a connection that waits for it has none.
                let points = points_in(&event);
                let taken = Box::pin(self.shared.host.take(&admitted.device, admitted.epoch, event));
                if let Err(refusal) = taken.await {
                    self.session.refuse(&refusal);
                }
                self.spend(points);
            }
        }
        None
    }

    /// For how long the device is still not read, if it is not. Its silence is not its own doing then.
    fn hold(&mut self) -> Option<Duration> {
        let now = self.shared.clock.monotonic();
        let held = self.admitted.as_ref().and_then(|admitted| admitted.quota.held(now));
        if held.is_some() {
            self.session.hold(now);
        }
        held
    }

    /// The device has sent so many points: where these are more than it may, it waits before it is read again (P51).
    fn spend(&mut self, points: usize) {
        let Some(admitted) = self.admitted.as_mut().filter(|_| points > 0) else { return };
        let Some(rate) = admitted.link.rate() else { return };
        if admitted.quota.spend(rate, points, self.shared.clock.monotonic()) {
            self.shared.host.slowed(&admitted.device, rate);
        }
    }

    /// Identity comes from the proof alone (P3).
    async fn judge(&mut self, hello: Hello) {
        let peer = peer_of(&mut self.tls);
        if !self.shared.guesses.may_try(peer.ip()) {
            let detail = "too many wrong credentials from this address wait for their answers".to_owned();
            let retry_after = Some(Span::from_seconds(10));
            return self.session.refuse(&Refusal { code: Code::Overloaded, detail, retry_after });
        }
        let certificate =
            self.tls.state().peer_certificates().and_then(|chain| chain.first()).map(|leaf| fingerprint(leaf));
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
            Err(refusal) => {
                self.refuse_login(peer, &hello, &proof, &refusal).await;
                Err(refusal)
            }
            Ok(proven) => {
                let link = Arc::new(Link::new(hello.boot, proven.enrolment.clone(), peer));
                let admission = host.admit(&proven, &hello, link.clone()).await;
                // A revocation in between has found no session to end.
                if let Err(refusal) = judged() {
                    link.close(Code::Revoked, refusal.detail);
                }
                let (device, quota) = (proven.device, Quota::default());
                admission.map(|admission| (admission, Admitted { device, epoch: admission.epoch, link, quota }))
            }
        };
        match admission {
            Err(refusal) => self.session.refuse(&refusal),
            Ok((admission, admitted)) => {
                self.stranger = None;
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

    /// Tells the host of a refused login. The answer to a wrong credential waits, the longer the more of them there were.
    async fn refuse_login(
        &mut self,
        peer: SocketAddr,
        hello: &Hello,
        proof: &Result<Proof<'_>, Refusal>,
        refusal: &Refusal,
    ) {
        let shared = self.shared.clone();
        let Shared { host, guesses, clock, stopping, .. } = &*shared;
        let named = proof.as_ref().ok().and_then(|proof| host.named(*proof));
        let wrong = refusal.code == Code::BadCredential;
        let late = wrong.then(|| guesses.wrong(peer.ip(), named.as_ref(), clock.monotonic()));
        let (code, detail, claimed) = (refusal.code, refusal.detail.clone(), hello.device.clone());
        host.refused(RefusedLogin { peer, code, detail, named, claimed });
        let Some(late) = late else { return };
        // Others log in meanwhile.
        if let Some(stranger) = &mut self.stranger {
            stranger.let_others_in();
        }
        let mut stopping = stopping.clone();
        tokio::select! {
            () = tokio::time::sleep(late.wait) => {}
            _ = stopping.wait_for(|stage| *stage != Stage::Serving) => {}
        }
    }

    fn heed_link(&mut self) {
        let Some(link) = self.admitted.as_ref().map(|admitted| admitted.link.clone()) else { return };
        self.session.ack(link.acked());
        while let Some(command) = link.next_command() {
            self.command(command);
        }
        if let Some((code, detail)) = link.closing() {
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
        let out = std::mem::take(self.session.transmit());
        let mut stopping = self.shared.stopping.clone();
        let link = self.admitted.as_ref().map(|admitted| admitted.link.clone());
        let written = timeout(self.shared.limits.write_timeout, self.tls.write_all(&out));
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
        for command in self.admitted.as_ref().map(|admitted| admitted.link.end()).unwrap_or_default() {
            self.refuse_command(&command, Refusal::new(Code::Closed, "the session ended before it could be sent"));
        }
        if let Some(admitted) = self.admitted.take() {
            self.shared.host.left(&admitted.device, admitted.epoch, code);
        }
        hang_up(&mut self.tls).await;
    }
}

/// Closing a socket with unread bytes in it would take back what was said last: the reason (P34).
pub(super) async fn hang_up(tls: &mut Tls) {
    let _ = timeout(HURRY, async {
        tls.shutdown().await?;
        let (mut rest, mut thrown) = (vec![0; 4096], 0);
        let socket = tls.socket();
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

/// From where; nowhere once the connection is gone.
fn peer_of(tls: &mut Tls) -> SocketAddr {
    tls.socket().peer_addr().unwrap_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 0)))
}

/// Points that an event brings from the device.
fn points_in(event: &ServerEvent) -> usize {
    match event {
        ServerEvent::Data(batch) | ServerEvent::Live(batch) => batch.points(),
        _ => 0,
    }
}

/// What is wrong with the client certificate for which TLS refused a peer, if that is why.
pub(super) fn bad_certificate(error: &std::io::Error) -> Option<String> {
    let error = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    matches!(error, rustls::Error::InvalidCertificate(_)).then(|| format!("the client certificate is refused: {error}"))
}

enum Step {
    Read,
    Woken,
    Stop,
    Timeout,
    /// The connection is gone.
    Ended,
}
