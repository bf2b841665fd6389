//! From an accepted connection to a TLS session: whoever says nothing costs next to nothing, and whoever comes in too large a crowd
//! waits in line or is told when to come back.
//!
//! Each stage is a task of its own, so that what an earlier one needed is given back: a task is as large as its largest stage.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::HandshakeKind;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

use super::connection::{Connection, HURRY, Shared, Stage, bad_certificate, hang_up};
use super::entrance::{Counts, Place, Turn, offers_session};
use super::listener::{Host, RefusedLogin};
use super::tls::{Tls, greeting};
use crate::model::Clock;
use crate::protocol::{Code, Encoding, Refusal, ServerSession};

/// Why a connection ended before there was a session.
#[derive(Debug)]
enum Unheard {
    /// No handshake in time.
    Slow,
    /// More want to log in than can be told to come back later.
    Full,
    /// What came was no TLS, or TLS refused it.
    Tls(std::io::Error),
}

/// A connection that was accepted.
pub(super) struct Caller<H> {
    shared: Arc<Shared<H>>,
    stream: TcpStream,
    peer: SocketAddr,
    connection: OwnedSemaphorePermit,
    unproved: OwnedSemaphorePermit,
    opened: Duration,
    late: Instant,
}

/// What a connection takes up that has not proved itself.
pub(super) struct Stranger {
    _unproved: OwnedSemaphorePermit,
    place: Option<Place>,
}

impl Stranger {
    /// It has to wait for something else than its turn: others may log in meanwhile.
    pub(super) fn let_others_in(&mut self) {
        self.place = None;
    }
}

impl<H: Host> Caller<H> {
    /// A connection that was accepted now, with its places among all connections and among those without proof.
    pub(super) fn new(
        shared: Arc<Shared<H>>,
        stream: TcpStream,
        peer: SocketAddr,
        connection: OwnedSemaphorePermit,
        unproved: OwnedSemaphorePermit,
    ) -> Self {
        let (opened, late) = (shared.clock.monotonic(), Instant::now() + shared.limits.hello_timeout);
        Self { shared, stream, peer, connection, unproved, opened, late }
    }
}

/// Waits until a caller has said what TLS can begin with.
pub(super) async fn greet<H: Host>(caller: Caller<H>) {
    // Small messages in both directions: waiting to fill a packet would only delay commands.
    let _ = caller.stream.set_nodelay(true);
    let heard = {
        let mut stopping = caller.shared.stopping.clone();
        tokio::select! {
            heard = timeout_at(caller.late, greeting(&caller.stream)) => heard,
            // Nothing to say goodbye to yet.
            _ = stopping.wait_for(|stage| *stage != Stage::Serving) => return,
        }
    };
    match heard {
        Ok(Ok(heard)) => drop(tokio::spawn(serve(caller, heard))),
        Ok(Err(e)) => complain(&caller.shared, caller.peer.ip(), &Unheard::Tls(e)),
        Err(_) => complain(&caller.shared, caller.peer.ip(), &Unheard::Slow),
    }
}

/// Takes a caller in and serves it to its end.
async fn serve<H: Host>(caller: Caller<H>, heard: Vec<u8>) {
    let Caller { shared, stream, peer, connection, unproved, opened, late } = caller;
    let mut stopping = shared.stopping.clone();
    let serving = async {
        let entering = Box::pin(enter(&shared, stream, peer, heard, late));
        match entering.await {
            Ok(Some((tls, place))) => {
                let stranger = Stranger { _unproved: unproved, place: Some(place) };
                // Apart from the task, which would else have room for it in each place that it passes through.
                let mut connection = Box::new(Connection::new(shared.clone(), tls, stranger, opened));
                connection.serve().await;
            }
            Ok(None) => {}
            Err(unheard) => complain(&shared, peer.ip(), &unheard),
        }
    };
    tokio::select! {
        () = serving => {}
        _ = stopping.wait_for(|stage| *stage == Stage::Stopped) => {}
    }
    drop(connection);
}

fn complain<H: Host>(shared: &Shared<H>, peer: IpAddr, unheard: &Unheard) {
    shared.complaints.once_a_second(peer, &*shared.clock, |ip| match unheard {
        Unheard::Full => tracing::warn!(peer = %ip, "too many want to log in at once, closed a new connection"),
        Unheard::Slow => tracing::info!(peer = %ip, "no TLS handshake in time"),
        Unheard::Tls(e) => tracing::info!(peer = %ip, error = %e, "no TLS handshake"),
    });
}

/// Waits for its turn and shakes hands; none where the gateway stops meanwhile, or the caller was told to come back later.
async fn enter<H: Host>(
    shared: &Shared<H>,
    stream: TcpStream,
    peer: SocketAddr,
    heard: Vec<u8>,
    late: Instant,
) -> Result<Option<(Tls, Place)>, Unheard> {
    let mut stopping = shared.stopping.clone();
    let entering = async {
        let turn = shared.entrance.turn(offers_session(&heard)).await;
        let mut tls = Tls::new(shared.tls.clone(), stream, heard).map_err(Unheard::Tls)?;
        match turn {
            Turn::Full => Err(Unheard::Full),
            Turn::In(place) => {
                shake_hands(shared, &mut tls, peer, place.cores()).await?;
                Ok(Some((tls, place)))
            }
            Turn::Later(after, courtesy) => {
                shake_hands(shared, &mut tls, peer, courtesy.cores()).await?;
                send_away(shared, &mut tls, after).await;
                drop(courtesy);
                hang_up(&mut tls).await;
                Ok(None)
            }
        }
    };
    tokio::select! {
        entered = timeout_at(late, entering) => entered.unwrap_or(Err(Unheard::Slow)),
        _ = stopping.wait_for(|stage| *stage != Stage::Serving) => Ok(None),
    }
}

async fn shake_hands<H: Host>(
    shared: &Shared<H>,
    tls: &mut Tls,
    peer: SocketAddr,
    cores: &Semaphore,
) -> Result<(), Unheard> {
    // Never closed: there is always a permit at last.
    let core = cores.acquire().await.ok();
    let answered = tls.answer();
    drop(core);
    let shaken = match answered {
        Ok(()) => tls.shake_hands().await,
        failed => failed,
    };
    shaken.map_err(|e| {
        if let Some(detail) = bad_certificate(&e) {
            shared.host.refused(RefusedLogin { peer, code: Code::BadCredential, detail, named: None, claimed: None });
        }
        Unheard::Tls(e)
    })?;
    let counts = &shared.entrance.counts;
    Counts::one(&counts.handshakes);
    if tls.state().handshake_kind() == Some(HandshakeKind::Resumed) {
        Counts::one(&counts.resumed);
    }
    Ok(())
}

/// Says when to come back, without a look at who it is.
async fn send_away<H: Host>(shared: &Shared<H>, tls: &mut Tls, after: Duration) {
    let encoding = Encoding::of_alpn(tls.state().alpn_protocol());
    let mut session = ServerSession::new(shared.limits.clone(), encoding, shared.clock.monotonic());
    let detail = "more devices want to log in than can be taken in now".to_owned();
    session.refuse(&Refusal { code: Code::Overloaded, detail, retry_after: Some(after.into()) });
    let _ = timeout(HURRY, tls.write_all(session.transmit())).await;
}

/// Addresses that are remembered for the sake of the log. Full-policy: forget them all.
const COMPLAINTS_MAX: usize = 4096;

/// At most one log line a second and address, whatever knocks.
#[derive(Default)]
pub(super) struct Complaints(Mutex<HashMap<IpAddr, Duration>>);

impl Complaints {
    pub(super) fn once_a_second(&self, peer: IpAddr, clock: &dyn Clock, log: impl FnOnce(IpAddr)) {
        let now = clock.monotonic();
        let mut last = self.0.lock().unwrap_or_else(|e| e.into_inner());
        if last.get(&peer).is_some_and(|at| now.saturating_sub(*at) < Duration::from_secs(1)) {
            return;
        }
        if last.len() >= COMPLAINTS_MAX {
            last.clear();
        }
        last.insert(peer, now);
        drop(last);
        log(peer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::{Admission, Link, Proof, Proven};
    use crate::model::{CommandId, DeviceName, ManualClock, Span, Timestamp};
    use crate::protocol::{Answer, Hello, ServerEvent};

    /// Nobody comes in.
    struct Nobody;

    impl Host for Nobody {
        fn judge(&self, _: Proof<'_>, _: &Hello) -> Result<Proven, Refusal> {
            Err(Refusal::new(Code::BadCredential, "nobody"))
        }
        async fn admit(&self, _: &Proven, _: &Hello, _: Arc<Link>) -> Result<Admission, Refusal> {
            Err(Refusal::new(Code::BadCredential, "nobody"))
        }
        async fn take(&self, _: &DeviceName, _: u64, _: ServerEvent) -> Result<(), Refusal> {
            Ok(())
        }
        fn answered(&self, _: &DeviceName, _: &CommandId, _: Answer) {}
        fn left(&self, _: &DeviceName, _: u64, _: Code) {}
    }

    /// A task is as large as its largest stage, for as long as it lives: whatever is added to a stage is multiplied by 19,000.
    #[test]
    fn the_tasks_of_a_connection_are_small() {
        fn size<F>(_: impl FnOnce() -> F) -> usize {
            size_of::<F>()
        }
        let caller = || -> Caller<Nobody> { unreachable!("only its type counts") };
        let silent = size(move || greet(caller()));
        let serving = size(move || serve(caller(), Vec::new()));
        assert!(silent <= 1024, "{silent} bytes of a silent connection");
        assert!(serving <= 2048, "{serving} bytes of a connected device");
    }

    #[test]
    fn an_address_has_one_line_of_the_log_a_second_whatever_it_does() {
        let (complaints, clock) = (Complaints::default(), ManualClock::at(Timestamp::from_seconds(0)));
        let mut lines = 0;
        for _ in 0..10 {
            for _ in 0..1000 {
                complaints.once_a_second(IpAddr::from([10, 0, 0, 1]), &clock, |_| lines += 1);
            }
            clock.advance(Span::from_seconds(1));
        }
        assert_eq!(lines, 10);
        complaints.once_a_second(IpAddr::from([10, 0, 0, 2]), &clock, |_| lines += 1);
        assert_eq!(lines, 11, "another address has its own");
    }
}
