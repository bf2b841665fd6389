//! The two queues in which messages wait for a subscriber, shared by both buses.
//!
//! Each has one reader, so it keeps one waker; nothing here awaits while holding a lock, and messages leave a queue only
//! when a poll is ready, which is what makes receiving cancel-safe.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use super::message::{Delivered, Message, Receipt};
use super::subject::MessageKind;

/// A panic elsewhere does not make the queue unusable: every critical section leaves it whole.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A viewer's queue: messages of at most `capacity` places; never makes a publisher wait.
///
/// On overflow the oldest message of the least rank goes, and is counted. Commands and hellos never go: when they alone
/// fill the queue and one more arrives, the viewer is cut off.
pub(super) struct ViewerQueue {
    capacity: usize,
    state: Mutex<ViewerState>,
}

#[derive(Default)]
struct ViewerState {
    /// By rank: data, then events and results, then commands and hellos; each with its place in the order of arrival.
    lanes: [VecDeque<(u64, Message)>; 3],
    /// How many places they take up.
    places: usize,
    arrived: u64,
    lost: u64,
    lost_reported: u64,
    waker: Option<Waker>,
    ended: bool,
    cut_off: bool,
}

/// The lane of messages that are never dropped.
const KEPT: usize = 2;

fn rank(kind: MessageKind) -> usize {
    match kind {
        MessageKind::Data | MessageKind::Live => 0,
        MessageKind::Event | MessageKind::Result => 1,
        MessageKind::Command | MessageKind::Hello => KEPT,
    }
}

impl ViewerQueue {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, state: Mutex::default() }
    }

    pub(super) fn push(&self, message: Message) {
        let mut state = lock(&self.state);
        if state.ended {
            return;
        }
        let waker = state.push(message, self.capacity);
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(super) fn poll(&self, waker: Option<&Waker>, limit: usize, take: &mut dyn FnMut(Delivered)) -> Poll<()> {
        let mut state = lock(&self.state);
        let mut taken = 0;
        while taken < limit
            && let Some(message) = state.pop(self.capacity)
        {
            let lost_before = state.lost - state.lost_reported;
            state.lost_reported = state.lost;
            take(Delivered { message, lost_before, tries: 1, receipt: None });
            taken += 1;
        }
        if taken > 0 || state.ended {
            return Poll::Ready(());
        }
        state.waker = waker.cloned();
        Poll::Pending
    }

    /// Nothing more comes; what waits is still handed out.
    pub(super) fn end(&self) {
        let mut state = lock(&self.state);
        state.ended = true;
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(super) fn abandon(&self) {
        let mut state = lock(&self.state);
        state.ended = true;
        state.lanes = Default::default();
        state.places = 0;
    }

    pub(super) fn lost(&self) -> u64 {
        lock(&self.state).lost
    }

    pub(super) fn is_cut_off(&self) -> bool {
        lock(&self.state).cut_off
    }
}

impl ViewerState {
    fn push(&mut self, message: Message, capacity: usize) -> Option<Waker> {
        let (rank, places) = (rank(message.subject.kind()), message.places(capacity));
        while self.places + places > capacity {
            if !self.make_room(rank, capacity) {
                return if self.ended { self.waker.take() } else { None };
            }
        }
        self.places += places;
        self.lanes[rank].push_back((self.arrived, message));
        self.arrived += 1;
        self.waker.take()
    }

    /// Whether a message of that rank may come in now that the queue is full.
    fn make_room(&mut self, rank: usize, capacity: usize) -> bool {
        self.lost += 1;
        let oldest = self.lanes[..KEPT].iter_mut().take(rank + 1).find_map(VecDeque::pop_front);
        self.places -= oldest.as_ref().map_or(0, |(_, message)| message.places(capacity));
        if oldest.is_none() && rank == KEPT {
            self.ended = true;
            self.cut_off = true;
        }
        oldest.is_some()
    }

    fn pop(&mut self, capacity: usize) -> Option<Message> {
        let lane = self.lanes.iter_mut().filter(|lane| !lane.is_empty()).min_by_key(|lane| lane[0].0)?;
        let (_, message) = lane.pop_front()?;
        self.places -= message.places(capacity);
        Some(message)
    }
}

/// A message that a recorder has to deal with.
pub(super) struct Entry {
    /// Where it stands in the order of the bus; names it when it is acknowledged.
    pub(super) key: u64,
    pub(super) message: Message,
    /// The number of this delivery, from 1.
    pub(super) tries: u32,
}

/// What a bus does with the outcome of a delivery.
pub(super) trait Keeper: Send + Sync {
    /// The recorder is done with it.
    fn acknowledged(&self, key: u64, message: &Message);
    /// The recorder is not done with it: it comes again, or is set aside.
    fn given_back(&self, queue: &RecorderQueue, entry: Entry);
    /// The recorder is gone.
    fn abandoned(&self);
}

/// A recorder's queue. It drops nothing; its bus admits only messages of as many places as the recorder's capacity, counting those
/// that are handed out and unacknowledged, and waits otherwise.
pub(super) struct RecorderQueue {
    state: Mutex<RecorderState>,
    keeper: Box<dyn Keeper>,
}

#[derive(Default)]
struct RecorderState {
    waiting: VecDeque<Entry>,
    /// What was given back, by key: it goes out before anything newer, in its old order.
    again: BTreeMap<u64, Entry>,
    arrived: u64,
    waker: Option<Waker>,
    ended: bool,
    abandoned: bool,
}

impl RecorderQueue {
    pub(super) fn new(keeper: impl Keeper + 'static) -> Self {
        Self { state: Mutex::default(), keeper: Box::new(keeper) }
    }

    /// A message that the bus has named itself.
    #[cfg(feature = "nats")]
    pub(super) fn push(&self, entry: Entry) {
        self.insert(|state| state.waiting.push_back(entry));
    }

    /// A message whose key is its place in the order of arrival.
    pub(super) fn push_next(&self, message: Message) {
        self.insert(|state| {
            state.waiting.push_back(Entry { key: state.arrived, message, tries: 1 });
            state.arrived += 1;
        });
    }

    /// Puts back what was handed out before.
    pub(super) fn put_again(&self, entry: Entry) {
        self.insert(|state| {
            state.again.insert(entry.key, entry);
        });
    }

    fn insert(&self, put: impl FnOnce(&mut RecorderState)) {
        let mut state = lock(&self.state);
        if state.abandoned {
            return;
        }
        put(&mut state);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(super) fn poll(this: &Arc<Self>, waker: Option<&Waker>, limit: usize, take: &mut dyn FnMut(Delivered)) -> Poll<()> {
        let mut state = lock(&this.state);
        let mut taken = 0;
        while taken < limit {
            let again = state.again.pop_first().map(|(_, entry)| entry);
            let Some(Entry { key, message, tries }) = again.or_else(|| state.waiting.pop_front()) else { break };
            let receipt = Some(Receipt { queue: Arc::clone(this), key });
            take(Delivered { message, lost_before: 0, tries, receipt });
            taken += 1;
        }
        if taken > 0 || state.ended {
            return Poll::Ready(());
        }
        state.waker = waker.cloned();
        Poll::Pending
    }

    /// Nothing new comes; what waits or is given back is still handed out.
    pub(super) fn end(&self) {
        self.insert(|state| state.ended = true);
    }

    pub(super) fn abandon(&self) {
        let mut state = lock(&self.state);
        state.ended = true;
        state.abandoned = true;
        let (waiting, again) = (std::mem::take(&mut state.waiting), std::mem::take(&mut state.again));
        drop(state);
        drop((waiting, again));
        self.keeper.abandoned();
    }

    pub(super) fn acknowledge(&self, key: u64, message: &Message) {
        self.keeper.acknowledged(key, message);
    }

    pub(super) fn give_back(&self, key: u64, message: Message, tries: u32) {
        self.keeper.given_back(self, Entry { key, message, tries });
    }
}
