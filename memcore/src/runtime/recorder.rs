//! From the bus into the store: one group commit for all that waits, and only then the acknowledgements.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::runtime::Handle;

use super::core::Core;
use super::payload::PayloadDecoder;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{DeviceName, EventKind, SequencePosition};
use crate::protocol::Code;
use crate::router::{Delivered, Subscription};

/// The most messages in one group commit.
const GROUP: usize = 1024;

/// Records until the bus is closed. Runs on a thread of its own: it waits for the disk.
pub(crate) fn run(core: &Arc<Core>, mut subscription: Subscription, runtime: &Handle) {
    let _recording = Recording(core);
    let mut decoder = PayloadDecoder::default();
    let mut group = Vec::with_capacity(GROUP);
    while runtime.block_on(subscription.recv_many(&mut group, GROUP)) > 0 {
        if let Err(error) = record(core, &mut decoder, &mut group) {
            // Nothing of the group is acknowledged: devices keep it. The store says for itself that it is read-only.
            tracing::error!(%error, "the store takes no more data");
            raise_alarm(core, &error);
            return;
        }
    }
}

/// However recording ends, even by a panic: from then on nothing is taken that nobody would store.
struct Recording<'a>(&'a Core);

impl Drop for Recording<'_> {
    fn drop(&mut self) {
        self.0.recording.store(false, Ordering::Release);
    }
}

struct Appended {
    delivered: Delivered,
    acknowledge: Option<(DeviceName, SequencePosition)>,
    points: u64,
}

fn record(core: &Core, decoder: &mut PayloadDecoder, group: &mut Vec<Delivered>) -> Result<()> {
    let mut appended = Vec::with_capacity(group.len());
    let mut last = None;
    for delivered in group.drain(..) {
        let stored = decoder.decode(&delivered.message.payload).and_then(|batch| {
            let ticket = core.memcore.store().append(&batch)?;
            Ok((ticket, batch))
        });
        match stored {
            Ok((ticket, batch)) => {
                last = Some(ticket);
                let acknowledge = batch.position().map(|position| (batch.device().clone(), position));
                appended.push(Appended { delivered, acknowledge, points: batch.points() as u64 });
            }
            Err(error) if is_poison(&error) => {
                // The bus sets it aside after its last try, so that it can be looked at.
                tracing::warn!(subject = delivered.message.subject.as_str(), %error, "a message cannot be stored");
                delivered.nak();
            }
            Err(error) => return Err(error),
        }
    }
    if let Some(ticket) = last {
        core.memcore.store().commit(ticket)?;
    }
    for Appended { delivered, acknowledge, points } in appended {
        if let Some((device, position)) = acknowledge {
            core.links.ack(&device, position);
        }
        core.count(|counters| &counters.points_durable, points);
        delivered.ack();
    }
    core.count(|counters| &counters.commits, 1);
    Ok(())
}

/// The message is wrong, not the store.
fn is_poison(error: &Error) -> bool {
    use ErrorKind::{Conflict, Damaged, Invalid, LimitReached, NotFound, Unsupported};
    matches!(error.kind(), Invalid | NotFound | Damaged | Unsupported | Conflict | LimitReached)
}

fn raise_alarm(core: &Core, error: &Error) {
    core.note(EventKind::ReadOnly { reason: error.to_string() });
    core.links.close_where(|_, _| true, Code::Overloaded, &format!("the store takes no more data: {error}"));
}
