//! The history of events: what happened, kept over restarts, with numbers that rise.
//!
//! A task of its own follows the bus and writes what came in batches, so that nobody waits for it. What is about the server itself has
//! no operator; what control of a site has to say belongs to that site. States of commands that control orders by itself are not kept:
//! they stand in its decision log, with their reasons, and would push everything else out.

mod keep;
mod ration;
mod read;

pub(crate) use self::keep::EventKeeper;
pub use self::read::{EventQuery, StoredEvent, read_events};
use super::server::ServerHandle;
use crate::error::Result;

impl ServerHandle {
    /// What happened, the newest first, as far as the history reaches back: 100,000 events of each operator, and 90 days. What has just
    /// happened stands in it a moment later.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for a kind that is none, and as the records.
    pub async fn event_history(&self, query: &EventQuery) -> Result<Vec<StoredEvent>> {
        read::read(&self.core.records, query).await
    }
}
