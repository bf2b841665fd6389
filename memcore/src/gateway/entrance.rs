//! The way in when more devices want to log in than can be served at once: they wait in line, and where the line is longer than
//! the time that a login may take, they are told to come back later, each at a time of its own.
//!
//! There are two lanes. Devices that offer a TLS session of an earlier connection do not wait behind those that are new here.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::model::Clock;

/// The earliest and the latest that anyone is told to come back after.
const LATER: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// How many at a time are told to come back later; telling takes a handshake. Full-policy: closed without a word.
const POLITE: usize = 16;

/// A login is thought to take so long until one was seen.
const FIRST_GUESS: Duration = Duration::from_millis(10);

/// How devices got in since the gateway began to listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct GatewayStats {
    /// TLS handshakes that were completed.
    pub handshakes: u64,
    /// Those of them that took up a session of an earlier connection.
    pub resumed: u64,
    /// Connections that were told to come back later, because too many devices wanted to log in at once.
    pub sent_away: u64,
    /// Connections that were closed before TLS, at a limit.
    pub closed: u64,
}

/// [`GatewayStats`] as they are counted.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) handshakes: AtomicU64,
    pub(super) resumed: AtomicU64,
    pub(super) sent_away: AtomicU64,
    pub(super) closed: AtomicU64,
}

impl Counts {
    pub(super) fn one(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn stats(&self) -> GatewayStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        GatewayStats {
            handshakes: read(&self.handshakes),
            resumed: read(&self.resumed),
            sent_away: read(&self.sent_away),
            closed: read(&self.closed),
        }
    }
}

/// What a place in the entrance is given for.
pub(super) enum Turn {
    /// Log in.
    In(Place),
    /// Be told to come back after that time.
    Later(Duration, Courtesy),
    /// Not even that.
    Full,
}

/// Both lanes of a gateway.
pub(super) struct Entrance {
    fresh: Arc<Lane>,
    returning: Arc<Lane>,
    polite: Arc<Semaphore>,
    pub(super) counts: Counts,
}

impl Entrance {
    /// Lets `logins` devices log in at a time in each lane; nobody waits longer in line than `patience`.
    pub(super) fn new(logins: usize, patience: Duration, clock: Arc<dyn Clock>) -> Self {
        let lane = || Arc::new(Lane::new(logins.clamp(1, Semaphore::MAX_PERMITS), patience, clock.clone()));
        Self { fresh: lane(), returning: lane(), polite: Arc::new(Semaphore::new(POLITE)), counts: Counts::default() }
    }

    /// Waits in line. Cancel-safe: whoever goes away has no place in it any more.
    pub(super) async fn turn(&self, returning: bool) -> Turn {
        let lane = if returning { &self.returning } else { &self.fresh };
        let joined = lane.queue().join(lane.clock.monotonic());
        match joined {
            Ok(()) => Turn::In(lane.clone().place().await),
            Err(later) => match self.polite.clone().try_acquire_owned() {
                Ok(polite) => {
                    Counts::one(&self.counts.sent_away);
                    Turn::Later(later, Courtesy { lane: lane.clone(), _permit: polite })
                }
                Err(_) => {
                    Counts::one(&self.counts.closed);
                    Turn::Full
                }
            },
        }
    }
}

struct Lane {
    places: Arc<Semaphore>,
    /// Handshakes that are being worked on: no more than there are processor cores, so that a storm of them is never what
    /// the messages of connected devices wait for.
    cores: Semaphore,
    queue: Mutex<Queue>,
    clock: Arc<dyn Clock>,
}

impl Lane {
    fn new(places: usize, patience: Duration, clock: Arc<dyn Clock>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            places: Arc::new(Semaphore::new(places)),
            cores: Semaphore::new(cores),
            queue: Mutex::new(Queue::new(places, patience)),
            clock,
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(|e| e.into_inner())
    }

    async fn place(self: Arc<Self>) -> Place {
        let mut waiting = Waiting(Some(&self));
        // The semaphore serves in the order of arrival, and is never closed.
        let permit = self.places.clone().acquire_owned().await.ok();
        waiting.0 = None;
        drop(waiting);
        let begun = self.clock.monotonic();
        self.queue().begin();
        Place { lane: self, begun, _permit: permit }
    }
}

/// In line; out of it when it is dropped before its turn.
struct Waiting<'a>(Option<&'a Lane>);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(lane) = self.0 {
            lane.queue().begin();
        }
    }
}

/// A device that logs in; its place is free when this is dropped.
pub(super) struct Place {
    lane: Arc<Lane>,
    begun: Duration,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Place {
    /// The processor cores to shake hands on.
    pub(super) fn cores(&self) -> &Semaphore {
        &self.lane.cores
    }
}

/// A device that is told to come back later.
pub(super) struct Courtesy {
    lane: Arc<Lane>,
    _permit: OwnedSemaphorePermit,
}

impl Courtesy {
    /// The processor cores to shake hands on.
    pub(super) fn cores(&self) -> &Semaphore {
        &self.lane.cores
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let took = self.lane.clock.monotonic().saturating_sub(self.begun);
        self.lane.queue().finish(took);
    }
}

/// How long the line is, and how fast it moves. Time is an argument.
#[derive(Debug)]
struct Queue {
    places: u32,
    patience: Duration,
    waiting: u32,
    /// How long a login takes, as of late.
    mean: Duration,
    /// When those that were told to come back will have been served.
    promised: Duration,
}

impl Queue {
    fn new(places: usize, patience: Duration) -> Self {
        let places = u32::try_from(places).unwrap_or(u32::MAX);
        Self { places, patience, waiting: 0, mean: FIRST_GUESS, promised: Duration::ZERO }
    }

    /// How long one login holds up those behind it.
    fn each(&self) -> Duration {
        self.mean / self.places
    }

    /// Joins the line, or says after which time to come back: each who is told so gets a moment of its own behind the line, so
    /// that they come back as fast as they can be served and not all at once.
    fn join(&mut self, now: Duration) -> Result<(), Duration> {
        let wait = self.each() * self.waiting;
        if wait <= self.patience {
            self.waiting += 1;
            return Ok(());
        }
        self.promised = self.promised.max(now + wait).min(now + LATER.1) + self.each();
        Err((self.promised - now).clamp(LATER.0, LATER.1))
    }

    /// Somebody's turn has come, or nobody waits for it any more.
    fn begin(&mut self) {
        self.waiting = self.waiting.saturating_sub(1);
    }

    /// A login is over, for better or worse.
    fn finish(&mut self, took: Duration) {
        self.mean = (self.mean * 15 + took) / 16;
    }
}

/// The TLS extension by which a client offers a session of an earlier connection.
const PRE_SHARED_KEY: u16 = 41;

/// Whether a whole client hello offers a session. What cannot be read offers nothing: TLS itself will say what is wrong.
pub(super) fn offers_session(record: &[u8]) -> bool {
    fn skip(bytes: &[u8], length_bytes: usize) -> Option<&[u8]> {
        let (length, rest) = bytes.split_at_checked(length_bytes)?;
        let length = length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        rest.get(length..)
    }
    let extensions = || {
        // Record header 5, message header 4, version 2, random 32; then session id, cipher suites, compressions.
        let rest = skip(skip(skip(record.get(43..)?, 1)?, 2)?, 1)?;
        rest.get(2..)
    };
    let mut rest = extensions().unwrap_or_default();
    while let Some(([high, low], tail)) = rest.split_first_chunk() {
        if u16::from_be_bytes([*high, *low]) == PRE_SHARED_KEY {
            return true;
        }
        rest = skip(tail, 2).unwrap_or_default();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// 10 places of 100 ms each: 100 logins a second.
    fn queue() -> Queue {
        let mut queue = Queue::new(10, 2 * SECOND);
        (0..200).for_each(|_| queue.finish(SECOND / 10));
        queue
    }

    #[test]
    fn the_line_is_as_long_as_patience_lasts() {
        let mut queue = queue();
        let joined = (0..1000).filter(|_| queue.join(SECOND).is_ok()).count();
        assert!((190..=230).contains(&joined), "{joined} in line at 100 logins a second and 2 s of patience");
    }

    #[test]
    fn those_beyond_come_back_one_after_the_other_behind_the_line() {
        let mut queue = queue();
        while queue.join(SECOND).is_ok() {}
        let later: Vec<_> = (0..500).map(|_| queue.join(SECOND).unwrap_err()).collect();
        assert!(later.is_sorted() && later[0] >= 2 * SECOND, "{:?}", later[0]);
        let spread = later[499] - later[0];
        assert!(spread > 4 * SECOND && spread < 6 * SECOND, "500 come back over {spread:?}");
    }

    #[test]
    fn nobody_is_sent_away_for_longer_than_a_minute() {
        let mut queue = queue();
        while queue.join(SECOND).is_ok() {}
        let longest = (0..100_000).map(|_| queue.join(SECOND).unwrap_err()).max();
        assert_eq!(longest, Some(60 * SECOND));
    }

    #[test]
    fn when_the_line_has_gone_everyone_gets_in() {
        let mut queue = queue();
        while queue.join(SECOND).is_ok() {}
        let waiting = queue.waiting;
        (0..waiting).for_each(|_| queue.begin());
        assert_eq!(queue.join(3 * SECOND), Ok(()));
    }

    #[test]
    fn a_session_is_offered_by_its_extension() {
        let hello = |extensions: &[u8]| {
            let mut record = vec![22, 3, 1, 0, 0, 1, 0, 0, 0, 3, 3];
            record.extend([7; 32]);
            record.extend([2, 9, 9, 0, 2, 0x13, 1, 1, 0]);
            record.extend((extensions.len() as u16).to_be_bytes());
            record.extend(extensions);
            record
        };
        assert!(!offers_session(&hello(&[0, 43, 0, 1, 5])));
        assert!(offers_session(&hello(&[0, 43, 0, 1, 5, 0, 41, 0, 0])));
        let whole = hello(&[0, 43, 0, 200, 5]);
        assert!((0..whole.len()).all(|cut| !offers_session(&whole[..cut])));
    }
}
