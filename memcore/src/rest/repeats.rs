//! Requests that are sent again with the same `Idempotency-Key`: done once, answered alike.
//!
//! What was answered is kept in memory for a day. There is room for so many answers of each caller, and so many bytes in all.
//! Full-policy: the oldest answer goes. An answer that is longer than a megabyte is kept as its status alone.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use tokio::sync::watch;

const KEEP: Duration = Duration::from_secs(24 * 3600);
const OF_CALLER: usize = 1000;
const BYTES: usize = 32 << 20;
const KEY_CHARS: usize = 255;

/// What was answered.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// A key of a caller: which request it was.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    /// Who asks: a user, or one of its tokens.
    pub(super) caller: Arc<str>,
    /// What the caller calls the request.
    pub(super) key: Arc<str>,
}

impl Key {
    /// # Errors
    /// What is expected of a key.
    pub(super) fn new(caller: &str, key: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(key).ok();
        let text =
            text.filter(|text| (1..=KEY_CHARS).contains(&text.len()) && text.bytes().all(|b| (0x21..=0x7e).contains(&b)));
        let text =
            text.ok_or_else(|| format!("Idempotency-Key is expected to be 1 to {KEY_CHARS} characters that can be seen"))?;
        Ok(Self { caller: caller.into(), key: text.into() })
    }
}

/// What is to be done with a request.
#[derive(Debug)]
pub(super) enum Turn {
    /// It is new: to be done, and its answer to be [told](Doing::end).
    New(Doing),
    /// It was answered.
    Answered(Answer),
    /// It is being done: wait for a change, and ask again.
    Wait(watch::Receiver<()>),
    /// The key was used for another request.
    Other,
}

/// The requests that are remembered.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    hasher: RandomState,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    requests: HashMap<Key, Entry>,
    /// In the order of their answers.
    answered: VecDeque<(Duration, Key)>,
    of_caller: HashMap<Arc<str>, usize>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    fingerprint: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    Doing(watch::Receiver<()>),
    Answered(Answer),
}

impl Repeats {
    /// What tells one request from another: its method, path, query and body.
    pub(super) fn fingerprint(&self, parts: &[&[u8]]) -> u64 {
        self.hasher.hash_one(parts)
    }

    /// Whose turn it is, at that time of a monotonic clock.
    pub(super) fn turn(self: &Arc<Self>, key: &Key, fingerprint: u64, now: Duration) -> Turn {
        let mut kept = self.kept();
        kept.forget(now);
        match kept.requests.get(key) {
            Some(entry) if entry.fingerprint != fingerprint => Turn::Other,
            Some(Entry { state: State::Answered(answer), .. }) => Turn::Answered(answer.clone()),
            Some(Entry { state: State::Doing(done), .. }) => Turn::Wait(done.clone()),
            None => {
                let (ended, done) = watch::channel(());
                kept.requests.insert(key.clone(), Entry { fingerprint, state: State::Doing(done) });
                Turn::New(Doing { repeats: self.clone(), key: key.clone(), _ended: ended, told: false })
            }
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(|e| e.into_inner())
    }
}

impl Kept {
    /// Lets go of what is too old, or too much.
    fn forget(&mut self, now: Duration) {
        while let Some((at, key)) = self.answered.front() {
            if now.saturating_sub(*at) < KEEP && self.bytes <= BYTES {
                return;
            }
            let key = key.clone();
            self.answered.pop_front();
            self.remove(&key);
        }
    }

    fn remove(&mut self, key: &Key) {
        let Some(Entry { state: State::Answered(answer), .. }) = self.requests.remove(key) else { return };
        self.bytes -= answer.body.len();
        if let Some(count) = self.of_caller.get_mut(&key.caller) {
            *count -= 1;
            if *count == 0 {
                self.of_caller.remove(&key.caller);
            }
        }
    }

    fn keep(&mut self, key: &Key, answer: Answer, now: Duration) {
        let Some(entry) = self.requests.get_mut(key) else { return };
        self.bytes += answer.body.len();
        entry.state = State::Answered(answer);
        self.answered.push_back((now, key.clone()));
        let count = self.of_caller.entry(key.caller.clone()).or_default();
        *count += 1;
        if *count > OF_CALLER {
            let oldest = self.answered.iter().position(|(_, other)| other.caller == key.caller);
            if let Some((_, oldest)) = oldest.and_then(|place| self.answered.remove(place)) {
                self.remove(&oldest);
            }
        }
        self.forget(now);
    }
}

/// A request that is being done. Dropped without an answer, it may be done again.
#[derive(Debug)]
pub(super) struct Doing {
    repeats: Arc<Repeats>,
    key: Key,
    /// Whoever waits hears when it is dropped.
    _ended: watch::Sender<()>,
    told: bool,
}

impl Doing {
    /// It was answered so.
    pub(super) fn end(mut self, answer: Answer, now: Duration) {
        self.told = true;
        self.repeats.kept().keep(&self.key, answer, now);
    }
}

impl Drop for Doing {
    fn drop(&mut self) {
        if !self.told {
            self.repeats.kept().requests.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(100);

    fn key(caller: &str, key: &str) -> Key {
        Key::new(caller, key.as_bytes()).unwrap()
    }

    fn answer(body: &str) -> Answer {
        Answer { status: StatusCode::CREATED, headers: HeaderMap::new(), body: Bytes::from(body.to_owned()) }
    }

    fn does(repeats: &Arc<Repeats>, key: &Key, fingerprint: u64, now: Duration, said: &str) {
        let Turn::New(doing) = repeats.turn(key, fingerprint, now) else { panic!("{key:?} is not new") };
        doing.end(answer(said), now);
    }

    #[test]
    fn what_was_answered_is_answered_alike_for_a_day() {
        let repeats = Arc::new(Repeats::default());
        does(&repeats, &key("anna", "1"), 7, NOW, "done");
        let Turn::Answered(again) = repeats.turn(&key("anna", "1"), 7, NOW) else { panic!("it was answered") };
        assert_eq!((again.status, &again.body[..]), (StatusCode::CREATED, &b"done"[..]));
        assert!(matches!(repeats.turn(&key("anna", "1"), 8, NOW), Turn::Other));
        assert!(matches!(repeats.turn(&key("bert", "1"), 8, NOW), Turn::New(_)), "keys are each caller's own");
        assert!(matches!(repeats.turn(&key("anna", "1"), 7, NOW + KEEP), Turn::New(_)));
    }

    #[tokio::test]
    async fn who_comes_meanwhile_waits_and_what_broke_off_is_done_again() {
        let repeats = Arc::new(Repeats::default());
        let Turn::New(doing) = repeats.turn(&key("anna", "1"), 7, NOW) else { panic!("it is new") };
        let Turn::Wait(mut done) = repeats.turn(&key("anna", "1"), 7, NOW) else { panic!("it is being done") };
        assert!(matches!(repeats.turn(&key("anna", "1"), 8, NOW), Turn::Other));
        drop(doing);
        assert!(done.changed().await.is_err());
        assert!(matches!(repeats.turn(&key("anna", "1"), 7, NOW), Turn::New(_)));
    }

    #[test]
    fn answers_are_bounded_by_caller_and_by_bytes() {
        let repeats = Arc::new(Repeats::default());
        does(&repeats, &key("bert", "1"), 1, NOW, "his");
        for n in 0..=OF_CALLER {
            does(&repeats, &key("anna", &n.to_string()), 1, NOW, "x");
        }
        assert!(matches!(repeats.turn(&key("anna", "0"), 1, NOW), Turn::New(_)), "the oldest of hers went");
        assert!(matches!(repeats.turn(&key("bert", "1"), 1, NOW), Turn::Answered(_)), "his stays");
        let long = "x".repeat(1 << 20);
        for n in 0..40 {
            does(&repeats, &key("carl", &n.to_string()), 1, NOW, &long);
        }
        let kept = repeats.kept();
        assert!(kept.bytes <= BYTES, "{}", kept.bytes);
        assert_eq!(kept.answered.len(), kept.of_caller.values().sum::<usize>());
    }

    #[test]
    fn a_key_can_be_seen() {
        assert!(Key::new("anna", &[b'k'; 255]).is_ok());
        for wrong in [&b""[..], b"a b", &[b'k'; 256], "\u{e4}".as_bytes(), b"\xff"] {
            assert!(Key::new("anna", wrong).is_err(), "{wrong:?}");
        }
    }
}
