//! The bus within one process.
//!
//! Who gets a subject is worked out once per subject and kept until a subscription comes or goes. A publish reserves a
//! place with every recorder first and then commits everywhere at once, so that closing, a repetition or a publisher
//! that gives up half way never leaves a message with one recorder and not with another.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};

use tokio::sync::{Semaphore, SemaphorePermit, TryAcquireError};

use super::delivery::{Delivery, Queue, Subscription};
use super::message::Message;
use super::queue::{Entry, Keeper, RecorderQueue, ViewerQueue};
use super::recent::Recent;
use super::subject::Subject;
use super::subject_pattern::SubjectPattern;
use super::{Attempt, BoxFuture, Bus, TRIES_MAX};
use crate::error::{Error, ErrorKind, Result};
use crate::model::Name;

/// Who gets which subject is kept for at most so many subjects; beyond it the list starts anew.
const KNOWN_SUBJECTS_MAX: usize = 1 << 16;
/// How many ids are remembered unless told otherwise.
const REMEMBERED_IDS: usize = 1 << 16;

/// The bus within this process. Clones are the same bus.
///
/// It holds messages in memory alone: a recorder that is not subscribed while a message passes does not see it.
#[derive(Clone)]
pub struct EmbeddedBus {
    shared: Arc<Shared>,
}

struct Shared {
    table: RwLock<Table>,
    recent: Recent,
    routes_made: AtomicU64,
    /// Messages that were set aside while nobody listened under `dead.`, or had failed there too.
    discarded: AtomicU64,
}

/// The subscriptions at one moment; `known` is emptied whenever they change.
#[derive(Default)]
struct Table {
    closed: bool,
    routes: Vec<Arc<Route>>,
    known: RwLock<HashMap<Subject, Arc<[Arc<Route>]>>>,
}

struct Route {
    number: u64,
    pattern: SubjectPattern,
    target: Target,
}

enum Target {
    Viewer(Arc<ViewerQueue>),
    Recorder(Recorder),
}

struct Recorder {
    name: Name,
    queue: Arc<RecorderQueue>,
    /// Free places: the capacity less what waits and what is unacknowledged. Publishers wait here, first come first served.
    places: Arc<Semaphore>,
    capacity: usize,
}

impl Recorder {
    /// How many places a message takes up.
    fn places_of(&self, message: &Message) -> u32 {
        message.places(self.capacity) as u32
    }
}

impl Default for EmbeddedBus {
    fn default() -> Self {
        Self::new()
    }
}

impl EmbeddedBus {
    /// A bus without subscriptions that remembers the last 65,536 message ids.
    #[must_use]
    pub fn new() -> Self {
        Self::remembering(REMEMBERED_IDS)
    }

    /// A bus that remembers about the last `ids` message ids, to recognise what is sent again. Bounded by number, not time.
    #[must_use]
    pub fn remembering(ids: usize) -> Self {
        let recent = Recent::new(ids);
        let (routes_made, discarded) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { shared: Arc::new(Shared { table: RwLock::default(), recent, routes_made, discarded }) }
    }

    /// How many messages failed five times and were lost because nobody was subscribed under `dead.` to take them.
    #[must_use]
    pub fn discarded(&self) -> u64 {
        self.shared.discarded.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for EmbeddedBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = self.shared.table();
        f.debug_struct("EmbeddedBus")
            .field("subscriptions", &table.routes.len())
            .field("closed", &table.closed)
            .finish_non_exhaustive()
    }
}

impl Bus for EmbeddedBus {
    fn publish(&self, message: Message) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            match self.shared.try_publish(message)? {
                Attempt::Accepted => Ok(()),
                Attempt::Full(message) => self.shared.publish_waiting(message).await,
            }
        })
    }

    fn try_publish(&self, message: Message) -> Result<Attempt> {
        self.shared.try_publish(message)
    }

    fn subscribe(&self, pattern: SubjectPattern, delivery: Delivery) -> BoxFuture<'_, Result<Subscription>> {
        Box::pin(std::future::ready(Shared::subscribe(&self.shared, pattern, delivery)))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.shared.close();
        Box::pin(std::future::ready(()))
    }
}

fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the bus is closed")
}

impl Shared {
    fn table(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn table_mut(&self) -> RwLockWriteGuard<'_, Table> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn try_publish(&self, message: Message) -> Result<Attempt> {
        let table = self.table();
        if table.closed {
            return Err(closed());
        }
        let routes = table.routes_of(&message.subject);
        for (index, route) in routes.iter().enumerate() {
            if !route.try_reserve(&message) {
                routes[..index].iter().for_each(|route| route.release(&message));
                return Ok(Attempt::Full(message));
            }
        }
        if self.recent.is_new(message.id.as_ref()) {
            deliver(&routes, message);
        } else {
            routes.iter().for_each(|route| route.release(&message));
        }
        Ok(Attempt::Accepted)
    }

    /// Waits for a place with each recorder in turn, then delivers to all at once.
    async fn publish_waiting(&self, message: Message) -> Result<()> {
        let routes = self.table().routes_of(&message.subject);
        let mut permits: Vec<SemaphorePermit<'_>> = Vec::new();
        for route in routes.iter() {
            if let Target::Recorder(recorder) = &route.target
                && let Ok(permit) = recorder.places.acquire_many(recorder.places_of(&message)).await
            {
                permits.push(permit);
            }
        }
        // Holding the table keeps `close` out until the message is in every queue.
        let table = self.table();
        if table.closed {
            return Err(closed());
        }
        if self.recent.is_new(message.id.as_ref()) {
            permits.into_iter().for_each(SemaphorePermit::forget);
            deliver(&routes, message);
        }
        Ok(())
    }

    fn subscribe(this: &Arc<Self>, pattern: SubjectPattern, delivery: Delivery) -> Result<Subscription> {
        delivery.check(&pattern)?;
        let number = this.routes_made.fetch_add(1, Ordering::Relaxed);
        let (target, queue) = match delivery {
            Delivery::Viewer { capacity } => {
                let queue = Arc::new(ViewerQueue::new(capacity));
                (Target::Viewer(Arc::clone(&queue)), Queue::Viewer(queue))
            }
            Delivery::Recorder { name, capacity } => {
                let places = Arc::new(Semaphore::new(capacity));
                let keeper = Places { bus: Arc::downgrade(this), places: Arc::clone(&places), capacity };
                let queue = Arc::new(RecorderQueue::new(keeper));
                let recorder = Recorder { name, queue: Arc::clone(&queue), places, capacity };
                (Target::Recorder(recorder), Queue::Recorder(queue))
            }
        };
        this.table_mut().add(Route { number, pattern, target })?;
        Ok(Subscription::new(queue, Tie { bus: Arc::downgrade(this), number }))
    }

    fn close(&self) {
        let mut table = self.table_mut();
        table.closed = true;
        table.routes_changed();
        for route in table.routes.drain(..) {
            match &route.target {
                Target::Viewer(queue) => queue.end(),
                Target::Recorder(recorder) => {
                    recorder.places.close();
                    recorder.queue.end();
                }
            }
        }
    }

    /// Whether the message needs no further care: it lies with who listens under `dead.`, or there is nobody to tell.
    fn set_aside(&self, message: &Message) -> bool {
        let dead = Message { subject: message.subject.to_dead(), payload: message.payload.clone(), id: None };
        let listened = !message.subject.is_dead() && !self.table().routes_of(&dead.subject).is_empty();
        if listened && let Ok(attempt) = self.try_publish(dead) {
            return matches!(attempt, Attempt::Accepted);
        }
        self.discarded.fetch_add(1, Ordering::Relaxed);
        tracing::error!(subject = %message.subject, "message failed {TRIES_MAX} times and nobody takes it under `dead.`");
        true
    }
}

/// The last bus gone is a bus closed: nobody waits for a message that nobody can send.
impl Drop for Shared {
    fn drop(&mut self) {
        self.close();
    }
}

fn deliver(routes: &[Arc<Route>], message: Message) {
    let Some((last, others)) = routes.split_last() else { return };
    others.iter().for_each(|route| route.push(message.clone()));
    last.push(message);
}

impl Table {
    fn routes_of(&self, subject: &Subject) -> Arc<[Arc<Route>]> {
        if let Some(routes) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(subject) {
            return Arc::clone(routes);
        }
        let routes: Arc<[Arc<Route>]> =
            self.routes.iter().filter(|route| route.pattern.matches(subject)).cloned().collect();
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN_SUBJECTS_MAX {
            known.clear();
        }
        known.insert(subject.clone(), Arc::clone(&routes));
        routes
    }

    fn add(&mut self, route: Route) -> Result<()> {
        if self.closed {
            return Err(closed());
        }
        if let Some(name) = route.recorder_name()
            && self.routes.iter().any(|other| other.recorder_name() == Some(name))
        {
            return Err(Error::new(ErrorKind::Conflict, format!("recorder {name} is subscribed already")));
        }
        self.routes.push(Arc::new(route));
        self.routes_changed();
        Ok(())
    }

    fn routes_changed(&mut self) {
        self.known.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Route {
    fn recorder_name(&self) -> Option<&Name> {
        match &self.target {
            Target::Viewer(_) => None,
            Target::Recorder(recorder) => Some(&recorder.name),
        }
    }

    /// Whether a message may come: a viewer always takes it, and a recorder that is gone holds nobody up.
    fn try_reserve(&self, message: &Message) -> bool {
        let Target::Recorder(recorder) = &self.target else { return true };
        match recorder.places.try_acquire_many(recorder.places_of(message)) {
            Ok(permit) => {
                permit.forget();
                true
            }
            Err(TryAcquireError::Closed) => true,
            Err(TryAcquireError::NoPermits) => false,
        }
    }

    fn release(&self, message: &Message) {
        if let Target::Recorder(recorder) = &self.target {
            recorder.places.add_permits(message.places(recorder.capacity));
        }
    }

    fn push(&self, message: Message) {
        match &self.target {
            Target::Viewer(queue) => queue.push(message),
            Target::Recorder(recorder) => recorder.queue.push_next(message),
        }
    }
}

/// Unsubscribes on drop.
struct Tie {
    bus: Weak<Shared>,
    number: u64,
}

impl Drop for Tie {
    fn drop(&mut self) {
        if let Some(bus) = self.bus.upgrade() {
            let mut table = bus.table_mut();
            table.routes.retain(|route| route.number != self.number);
            table.routes_changed();
        }
    }
}

/// What an outcome means here: a place becomes free, or the message comes again.
struct Places {
    bus: Weak<Shared>,
    places: Arc<Semaphore>,
    capacity: usize,
}

impl Keeper for Places {
    fn acknowledged(&self, _key: u64, message: &Message) {
        self.places.add_permits(message.places(self.capacity));
    }

    fn given_back(&self, queue: &RecorderQueue, mut entry: Entry) {
        // Where a recorder of `dead.` is full, the message stays with this one and is tried once more.
        if entry.tries >= TRIES_MAX && self.bus.upgrade().is_none_or(|bus| bus.set_aside(&entry.message)) {
            self.places.add_permits(entry.message.places(self.capacity));
            return;
        }
        entry.tries += 1;
        queue.put_again(entry);
    }

    fn abandoned(&self) {
        self.places.close();
    }
}
