//! From the bus into the store: one group commit for all that waits, and only then the acknowledgements.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::runtime::Handle;

use super::core::Core;
use super::payload::PayloadDecoder;
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::model::{DeviceName, SequencePosition};
use crate::protocol::Code;
use crate::router::{Delivered, Subscription};
use crate::store::Ticket;

/// The most messages in one group commit.
const GROUP: usize = 1024;
/// How often what a full disk refuses is tried again.
const TRY_AGAIN: Duration = Duration::from_millis(200);

/// Records until the bus is closed. Runs on a thread of its own: it waits for the disk.
pub(crate) fn run(core: &Arc<Core>, mut subscription: Subscription, runtime: &Handle) {
    let _recording = Recording(core);
    let mut decoder = PayloadDecoder::default();
    let mut group = Vec::with_capacity(GROUP);
    while runtime.block_on(subscription.recv_many(&mut group, GROUP)) > 0 {
        if let Err(error) = record(core, &mut decoder, &mut group) {
            // Nothing of the group is acknowledged: devices keep it.
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
            let ticket = when_there_is_room(|| core.memcore.store().append(&batch), |e| hold_back(core, e))?;
            Ok((ticket, batch))
        });
        match stored {
            Ok((ticket, batch)) => {
                last = later(last, ticket);
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
        when_there_is_room(|| core.memcore.store().commit(ticket), |e| hold_back(core, e))?;
    }
    for Appended { delivered, acknowledge, points } in appended {
        // Counted first: who has its acknowledgement finds its points in the statistics.
        core.count(|counters| &counters.points_durable, points);
        if let Some((device, position)) = acknowledge {
            core.links.ack(&device, position);
        }
        delivered.ack();
    }
    core.count(|counters| &counters.commits, 1);
    Ok(())
}

/// The ticket to wait for. One that is repeated was taken long ago, and its ticket says nothing of those before it.
fn later(last: Option<Ticket>, ticket: Ticket) -> Option<Ticket> {
    last.max(Some(ticket))
}

/// Tries again what a full disk refuses, as long as `wait` says so. The queue before this is bounded, so that devices keep
/// what the server cannot take meanwhile.
fn when_there_is_room<T>(mut write: impl FnMut() -> Result<T>, mut wait: impl FnMut(&Error) -> bool) -> Result<T> {
    loop {
        match write() {
            Err(e) if e.kind() == ErrorKind::ReadOnly && e.retry() == Retry::Safe && wait(&e) => {}
            done => return done,
        }
    }
}

/// Waits a while; false where the server shuts down.
fn hold_back(core: &Core, error: &Error) -> bool {
    core.alarm(error.to_string());
    std::thread::sleep(TRY_AGAIN);
    !core.closing.load(Ordering::Acquire)
}

/// The message is wrong, not the store.
fn is_poison(error: &Error) -> bool {
    use ErrorKind::{Conflict, Damaged, Invalid, LimitReached, NotFound, Unsupported};
    matches!(error.kind(), Invalid | NotFound | Damaged | Unsupported | Conflict | LimitReached)
}

fn raise_alarm(core: &Core, error: &Error) {
    core.alarm(error.to_string());
    core.links.close_where(|_, _| true, Code::Overloaded, &format!("the store takes no more data: {error}"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Batch, Channel, Timestamp, Unit};
    use crate::store::{SimulatedDisk, Store, StoreOptions};

    #[test]
    fn what_is_repeated_after_something_new_does_not_have_it_acknowledged_before_it_is_safe() {
        let disk = SimulatedDisk::new();
        let open = |disk: SimulatedDisk| Store::open_on(Arc::new(disk), "group", StoreOptions::default()).unwrap();
        let store = open(disk.clone());
        let device: DeviceName = "home1.pv".parse().unwrap();
        let channel = Channel::gauge("power", Unit::Watt).unwrap().build().unwrap();
        store.register(&device, std::slice::from_ref(&channel)).unwrap();
        let batch = |boot: u64, sequence: u64| {
            let times = vec![Timestamp::from_seconds((100 * boot + sequence) as i64)];
            let batch = Batch::new(device.clone(), [channel.name.clone()].into(), times, vec![Some(1.0)]).unwrap();
            batch.at(SequencePosition { boot, sequence })
        };
        store.write(&batch(1, 1)).unwrap();
        let group = [batch(2, 1), batch(1, 1)].map(|batch| store.append(&batch).unwrap());
        store.commit(group.into_iter().fold(None, later).unwrap()).unwrap();
        assert_eq!(open(disk.killed()).durable_sequence(&device, 2), 1);
    }

    #[test]
    fn a_full_disk_holds_recording_back_and_it_goes_on_when_there_is_room() {
        let disk = SimulatedDisk::new();
        let store = Store::open_on(Arc::new(disk.clone()), "full", StoreOptions::default()).unwrap();
        let device: DeviceName = "home1.pv".parse().unwrap();
        let channel = Channel::gauge("power", Unit::Watt).unwrap().build().unwrap();
        store.register(&device, std::slice::from_ref(&channel)).unwrap();
        let times = vec![Timestamp::from_seconds(1)];
        let batch = Batch::new(device, [channel.name].into(), times, vec![Some(1.0)]).unwrap();

        disk.fill_up_at(0);
        let mut waits = 0;
        let recorded = when_there_is_room(
            || store.write(&batch),
            |_| {
                waits += 1;
                if waits == 3 {
                    disk.heal();
                    store.seal().unwrap();
                }
                true
            },
        );
        assert_eq!((recorded.is_ok(), waits, store.is_read_only()), (true, 3, None));

        disk.fill_up_at(0);
        let refused = when_there_is_room(|| store.write(&batch), |_| false).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ReadOnly, "a server that shuts down does not wait");
        disk.heal();
        disk.fail_syncs_from(0);
        let failed = when_there_is_room(|| store.sync(), |_| panic!("a broken disk is not waited for")).unwrap_err();
        assert_eq!((failed.kind(), failed.retry()), (ErrorKind::ReadOnly, Retry::Never));
    }
}
