//! Questions to the program, each under a number of its own, that are answered later, from another thread, or never.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The questions that wait for an answer.
pub(crate) struct Asking<A>(Arc<Mutex<Open<A>>>);

struct Open<A> {
    last: u32,
    waiting: HashMap<u32, Sender<A>>,
}

impl<A> Default for Asking<A> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Open { last: 0, waiting: HashMap::new() })))
    }
}

impl<A> Clone for Asking<A> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<A> Asking<A> {
    fn open(&self) -> MutexGuard<'_, Open<A>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new question: its number, and where its answer comes.
    pub(crate) fn begin(&self) -> (u32, Receiver<A>) {
        let (sender, answer) = channel();
        let mut open = self.open();
        open.last = open.last.wrapping_add(1);
        let number = open.last;
        open.waiting.insert(number, sender);
        (number, answer)
    }

    /// The answer to a question. Nobody waits for one that comes too late.
    pub(crate) fn settle(&self, number: u32, answer: A) {
        if let Some(waiting) = self.open().waiting.remove(&number) {
            let _ = waiting.send(answer);
        }
    }

    /// Nobody waits for an answer to that question any more.
    pub(crate) fn forget(&self, number: u32) {
        self.open().waiting.remove(&number);
    }

    /// Nobody waits for any answer any more.
    pub(crate) fn forget_all(&self) {
        self.open().waiting.clear();
    }
}
