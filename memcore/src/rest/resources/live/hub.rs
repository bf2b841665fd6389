//! The one place where a server's news arrive for all who listen over HTTP: taken off the bus once, written once for all who want
//! the same, and kept for a while for those who come back.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::{broadcast, watch};

use super::entry::{Chunk, Frame, News};
use super::filter::Filter;
use crate::model::Timestamp;

/// News that are kept for those who come back, in bytes. Full-policy: the oldest are dropped, and who asks for them is told to fetch
/// anew.
const RING_BYTES: usize = 8 << 20;
/// Chunks that wait for a slow listener. Full-policy: the oldest is dropped, and the listener is told how many messages that were.
const WAITING: usize = 64;
/// About how large a chunk becomes.
const CHUNK_BYTES: usize = 256 << 10;
/// Different wishes at once. Full-policy: the next is refused.
const GROUPS_MAX: usize = 1024;
/// Listeners at once. Full-policy: the next is refused.
const LISTENERS_MAX: u64 = 16_384;

/// News with its number: the first is 1.
#[derive(Debug, Clone)]
struct Entry {
    number: u64,
    news: News,
    bytes: usize,
}

/// Those who want the same.
#[derive(Debug)]
pub(super) struct Group {
    filter: Filter,
    to: broadcast::Sender<Arc<Chunk>>,
    /// Messages that went out.
    sent: AtomicU64,
}

#[derive(Debug)]
struct State {
    ring: VecDeque<Entry>,
    bytes: usize,
    /// The number of the last news.
    last: u64,
    groups: HashMap<Filter, Weak<Group>>,
}

/// The hub of a server.
#[derive(Debug)]
pub(super) struct Hub {
    state: Mutex<State>,
    /// Tells cursors of this hub from those of an earlier one.
    epoch: String,
    /// Up to here everything went out to all groups.
    flushed: AtomicU64,
    listeners: AtomicU64,
    /// Why it is over, once it is.
    ended: watch::Sender<Option<&'static str>>,
    begun: AtomicBool,
}

/// How a listener begins, or goes on.
#[derive(Debug)]
pub(super) struct Joined {
    /// It lasts as long as one of those who want the same.
    _group: Arc<Group>,
    pub(super) from: broadcast::Receiver<Arc<Chunk>>,
    /// Up to here it has heard everything.
    pub(super) cursor: u64,
    /// Messages of its group before.
    pub(super) sent: u64,
}

/// What is left to be told to one who comes back.
#[derive(Debug)]
pub(super) enum Caught {
    /// So much more of the past; there may be more still.
    More(Chunk),
    /// Nothing: it hears what comes from now on.
    Up(Joined),
    /// What came after its cursor is gone.
    Gone(Joined),
}

impl Hub {
    pub(super) fn new(now: Timestamp) -> Self {
        let state = State { ring: VecDeque::new(), bytes: 0, last: 0, groups: HashMap::new() };
        Self {
            state: Mutex::new(state),
            epoch: format!("{:x}", now.as_micros()),
            flushed: AtomicU64::new(0),
            listeners: AtomicU64::new(0),
            ended: watch::Sender::new(None),
            begun: AtomicBool::new(false),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this is the first time that somebody asks.
    pub(super) fn begin(&self) -> bool {
        !self.begun.swap(true, Ordering::AcqRel)
    }

    /// Everyone is told that it is over, and why; the first reason stands.
    pub(super) fn end(&self, reason: &'static str) {
        self.ended.send_if_modified(|ended| ended.is_none() && ended.replace(reason).is_none());
    }

    pub(super) fn ended(&self) -> watch::Receiver<Option<&'static str>> {
        self.ended.subscribe()
    }

    /// A place among the listeners, where there is one.
    pub(super) fn enter(self: &Arc<Self>) -> Option<Seat> {
        let seated = self
            .listeners
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |many| (many < LISTENERS_MAX).then_some(many + 1));
        seated.is_ok().then(|| Seat(self.clone()))
    }

    /// The cursor behind the news of that number.
    pub(super) fn cursor(&self, number: u64) -> String {
        format!("{}-{number}", self.epoch)
    }

    /// The number that a cursor of this hub says; none for one of another.
    pub(super) fn number(&self, cursor: &str) -> Option<u64> {
        let (epoch, number) = cursor.split_once('-')?;
        number.parse().ok().filter(|_| epoch == self.epoch)
    }

    pub(super) fn flushed(&self) -> u64 {
        self.flushed.load(Ordering::Acquire)
    }

    /// Begins to listen from now on.
    ///
    /// # Errors
    /// None where there are too many different wishes.
    pub(super) fn join(&self, filter: &Filter) -> Option<Joined> {
        let mut state = self.state();
        let group = state.group(filter)?;
        Some(Joined {
            from: group.to.subscribe(),
            cursor: state.last,
            sent: group.sent.load(Ordering::Acquire),
            _group: group,
        })
    }

    /// Goes on behind the news of that number: a piece of what is kept, or what comes from now on.
    pub(super) fn catch_up(&self, filter: &Filter, after: u64) -> Option<Caught> {
        let mut state = self.state();
        let oldest = state.ring.front().map_or(state.last + 1, |entry| entry.number);
        // A number of the future is one of nobody: it is not followed.
        if after >= state.last || after + 1 < oldest {
            let group = state.group(filter)?;
            let (from, sent) = (group.to.subscribe(), group.sent.load(Ordering::Acquire));
            let joined = Joined { from, cursor: state.last, sent, _group: group };
            return Some(if after == joined.cursor { Caught::Up(joined) } else { Caught::Gone(joined) });
        }
        let mut room = CHUNK_BYTES;
        let fits = |entry: &&Entry| {
            let had_room = room > 0;
            room = room.saturating_sub(entry.bytes);
            had_room
        };
        let missed = state.ring.iter().skip((after + 1 - oldest) as usize);
        let pieces: Vec<Entry> = missed.take_while(fits).cloned().collect();
        drop(state);
        let last = pieces.last().map_or(after, |entry| entry.number);
        Some(Caught::More(Chunk::new(self.frames(filter, &pieces), last, 0)))
    }

    fn frames(&self, filter: &Filter, entries: &[Entry]) -> Vec<Frame> {
        let frame = |entry: &Entry| {
            let (topic, data) = entry.news.told(filter)?;
            Some(Frame { topic: topic.name(), id: Some(self.cursor(entry.number)), data })
        };
        entries.iter().filter_map(frame).collect()
    }

    /// Takes news in and tells them to all who want them.
    pub(super) fn tell(&self, news: Vec<News>) {
        let mut rest = news.into_iter().peekable();
        while rest.peek().is_some() {
            let mut room = CHUNK_BYTES;
            let mut piece = Vec::new();
            while let Some(news) = rest.next_if(|_| room > 0) {
                room = room.saturating_sub(news.bytes());
                piece.push(news);
            }
            self.tell_piece(piece);
        }
    }

    /// The hub itself was too slow for so many news: whoever listens is told with what comes next.
    pub(super) fn miss(&self, count: u64) {
        if count > 0 {
            self.state().living().iter().for_each(|group| {
                group.sent.fetch_add(count, Ordering::AcqRel);
            });
        }
    }

    fn tell_piece(&self, news: Vec<News>) {
        // Who joins behind this lock has these news in its past: their numbers are not above its cursor, and it skips the chunk.
        let (entries, groups, last) = {
            let mut state = self.state();
            let entries: Vec<Entry> = news.into_iter().map(|news| state.add(news)).collect();
            let groups = state.living();
            (entries, groups, state.last)
        };
        for group in groups {
            let frames = self.frames(&group.filter, &entries);
            if frames.is_empty() {
                continue;
            }
            let before = group.sent.fetch_add(frames.len() as u64, Ordering::AcqRel);
            // Nobody may be left by now.
            let _ = group.to.send(Arc::new(Chunk::new(frames, last, before)));
        }
        self.flushed.store(last, Ordering::Release);
    }
}

impl State {
    fn add(&mut self, news: News) -> Entry {
        self.last += 1;
        let entry = Entry { number: self.last, bytes: news.bytes(), news };
        self.bytes += entry.bytes;
        self.ring.push_back(entry.clone());
        while self.bytes > RING_BYTES {
            let Some(oldest) = self.ring.pop_front() else { break };
            self.bytes -= oldest.bytes;
        }
        entry
    }

    /// The group of those who want that.
    fn group(&mut self, filter: &Filter) -> Option<Arc<Group>> {
        if let Some(group) = self.groups.get(filter).and_then(Weak::upgrade) {
            return Some(group);
        }
        self.groups.retain(|_, group| group.strong_count() > 0);
        if self.groups.len() >= GROUPS_MAX {
            return None;
        }
        let group = Group { filter: filter.clone(), to: broadcast::Sender::new(WAITING), sent: AtomicU64::new(0) };
        let group = Arc::new(group);
        self.groups.insert(filter.clone(), Arc::downgrade(&group));
        Some(group)
    }

    fn living(&self) -> Vec<Arc<Group>> {
        self.groups.values().filter_map(Weak::upgrade).collect()
    }
}

/// A place among the listeners, until it is dropped.
#[derive(Debug)]
pub(super) struct Seat(Arc<Hub>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.listeners.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Name;
    use crate::rest::access::Topic;
    use crate::rest::resources::live::entry::Said;

    fn said(text: &str) -> News {
        let name = |text| Name::new(text).unwrap();
        let (operator, site, data) = (name("local"), Some(name("home1")), format!("{text:?}").into());
        News::Said(Arc::new(Said { topic: Topic::Events, operator, site, series: None, data }))
    }

    fn filter() -> Filter {
        Filter::new(Name::new("local").unwrap(), None, &[], &[]).unwrap()
    }

    fn texts(chunk: &Chunk) -> Vec<String> {
        chunk.frames.iter().map(|frame| String::from_utf8(frame.data.to_vec()).unwrap()).collect()
    }

    #[test]
    fn who_comes_back_hears_what_it_missed_once() {
        let hub = Hub::new(Timestamp::from_micros(1));
        hub.tell(vec![said("a"), said("b")]);
        let cursor = hub.cursor(1);
        hub.tell(vec![said("c")]);
        let Some(Caught::More(missed)) = hub.catch_up(&filter(), hub.number(&cursor).unwrap()) else { panic!() };
        assert_eq!((texts(&missed), missed.last), (vec!["\"b\"".to_owned(), "\"c\"".to_owned()], 3));
        let Some(Caught::Up(mut joined)) = hub.catch_up(&filter(), missed.last) else { panic!() };
        hub.tell(vec![said("d")]);
        assert_eq!(texts(&joined.from.try_recv().unwrap()), ["\"d\""]);
    }

    #[test]
    fn what_is_no_longer_kept_is_said_to_be_gone() {
        let hub = Hub::new(Timestamp::from_micros(1));
        let long = "x".repeat(RING_BYTES / 4);
        (0..8).for_each(|_| hub.tell(vec![said(&long)]));
        assert!(matches!(hub.catch_up(&filter(), 1), Some(Caught::Gone(_))));
        assert!(matches!(hub.catch_up(&filter(), 7), Some(Caught::More(_))));
        assert!(matches!(hub.catch_up(&filter(), 99), Some(Caught::Gone(_))), "a cursor of the future");
        assert_eq!(Hub::new(Timestamp::from_micros(2)).number(&hub.cursor(7)), None, "a cursor of another server");
        let kept = hub.state();
        assert!(kept.bytes <= RING_BYTES && kept.ring.len() < 8);
    }

    #[test]
    fn one_message_is_written_once_for_all_who_want_the_same() {
        let hub = Hub::new(Timestamp::from_micros(1));
        let mut listeners: Vec<Joined> = (0..3).map(|_| hub.join(&filter()).unwrap()).collect();
        hub.tell(vec![said("a")]);
        let heard: Vec<Arc<Chunk>> = listeners.iter_mut().map(|one| one.from.try_recv().unwrap()).collect();
        assert!(heard.iter().all(|chunk| Arc::ptr_eq(chunk, &heard[0])));
        assert_eq!(heard[0].sse().as_ptr(), heard[2].sse().as_ptr());
        drop((listeners, heard));
        assert!(hub.state().living().is_empty());
    }
}
