//! How often an actor may hand proposals in. One that proposes in a loop is refused, and delays nobody else.

use std::time::Duration;

use crate::error::{Error, Result};
use crate::model::Name;

/// What an actor may hand in a second, in the long run.
const PER_SECOND: f64 = 100.0;
/// What it may hand in at once.
const AT_ONCE: f64 = 200.0;
/// Actors whose rate is known. Full-policy: those that were quiet make room; where none was, the next is refused.
const ACTORS_MAX: usize = 128;

/// What one actor has left.
#[derive(Debug, Clone)]
struct Bucket {
    actor: Name,
    left: f64,
    filled: Duration,
}

/// The rates of all actors, by monotonic time.
#[derive(Debug, Default)]
pub(super) struct Rates {
    buckets: Vec<Bucket>,
}

impl Rates {
    /// Counts one proposal.
    ///
    /// # Errors
    /// Invalid where the actor handed in too many.
    pub(super) fn take(&mut self, actor: &Name, elapsed: Duration) -> Result<()> {
        let bucket = self.bucket(actor, elapsed)?;
        let since = elapsed.saturating_sub(bucket.filled).as_secs_f64();
        bucket.left = (bucket.left + since * PER_SECOND).min(AT_ONCE);
        bucket.filled = bucket.filled.max(elapsed);
        if bucket.left < 1.0 {
            return Err(Error::invalid(format!("{actor} proposes too often, expected at most {PER_SECOND} a second")));
        }
        bucket.left -= 1.0;
        Ok(())
    }

    fn bucket(&mut self, actor: &Name, elapsed: Duration) -> Result<&mut Bucket> {
        if let Some(place) = self.buckets.iter().position(|bucket| bucket.actor == *actor) {
            return Ok(&mut self.buckets[place]);
        }
        if self.buckets.len() >= ACTORS_MAX {
            let quiet = Duration::from_secs_f64(AT_ONCE / PER_SECOND);
            self.buckets.retain(|bucket| elapsed.saturating_sub(bucket.filled) < quiet);
        }
        if self.buckets.len() >= ACTORS_MAX {
            return Err(Error::invalid(format!("{ACTORS_MAX} actors propose at a time, {actor} would be one more")));
        }
        self.buckets.push(Bucket { actor: actor.clone(), left: AT_ONCE, filled: elapsed });
        Ok(self.buckets.last_mut().expect("one was pushed"))
    }
}
