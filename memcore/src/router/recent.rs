//! Which message ids were accepted lately, so that what is sent again goes nowhere.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::Mutex;

use super::message::MessageId;
use super::queue::lock;

/// Ids are remembered in so many parts, so that publishers rarely meet.
const SHARDS: usize = 16;

/// The ids accepted last: a bounded number of them, the oldest forgotten first.
pub(super) struct Recent {
    hasher: RandomState,
    shards: [Mutex<Window>; SHARDS],
    per_shard: usize,
}

#[derive(Default)]
struct Window {
    ids: HashSet<MessageId>,
    order: VecDeque<MessageId>,
}

impl Recent {
    pub(super) fn new(ids: usize) -> Self {
        Self { hasher: RandomState::new(), shards: Default::default(), per_shard: ids.div_ceil(SHARDS) }
    }

    /// Remembers the id; whether it was new. A message without an id is always new.
    pub(super) fn is_new(&self, id: Option<&MessageId>) -> bool {
        let Some(id) = id else { return true };
        if self.per_shard == 0 {
            return true;
        }
        let shard = self.hasher.hash_one(id) as usize % SHARDS;
        let mut window = lock(&self.shards[shard]);
        if !window.ids.insert(id.clone()) {
            return false;
        }
        window.order.push_back(id.clone());
        if window.order.len() > self.per_shard
            && let Some(oldest) = window.order.pop_front()
        {
            window.ids.remove(&oldest);
        }
        true
    }
}
