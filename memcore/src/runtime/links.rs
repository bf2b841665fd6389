//! Which devices have a session now, and what is known of each.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::gateway::Link;
use crate::model::{DeviceName, DeviceStatus, PointRate, SequencePosition, Timestamp};
use crate::protocol::Code;

/// How far a device's own numbering was handed on. It is locked for as long as a batch is on its way onto the bus: batches
/// hold several messages, so two sessions that hand on the same messages in different batches would store them twice.
#[derive(Debug, Default)]
pub(crate) struct Numbering {
    epoch: u64,
    boot: u64,
    taken: u64,
}

impl Numbering {
    /// A session begins; returns what earlier ones of the same boot handed on.
    pub(crate) fn begin(&mut self, epoch: u64, boot: u64) -> u64 {
        if self.boot != boot {
            self.taken = 0;
        }
        (self.epoch, self.boot) = (epoch, boot);
        self.taken
    }

    /// Whether no later session has begun.
    pub(crate) fn is_current(&self, epoch: u64) -> bool {
        self.epoch == epoch
    }

    /// Everything up to there is on the bus.
    pub(crate) fn taken(&mut self, sequence: u64) {
        self.taken = self.taken.max(sequence);
    }
}

#[derive(Debug, Default)]
struct Known {
    numbering: Arc<tokio::sync::Mutex<Numbering>>,
    session: Option<(u64, Arc<Link>)>,
    last_seen: Option<Timestamp>,
    points: u64,
}

/// The sessions of a server, one a device. As many entries as there are enrolled devices.
#[derive(Debug)]
pub(crate) struct Links {
    known: Mutex<HashMap<DeviceName, Known>>,
    epoch: AtomicU64,
}

impl Links {
    /// Epochs rise from `start` on: the time of the start, so that they rise across restarts too.
    pub(crate) fn new(start: Timestamp) -> Self {
        Self { known: Mutex::default(), epoch: AtomicU64::new(start.as_micros().unsigned_abs()) }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<DeviceName, Known>> {
        self.known.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// The numbering of a device.
    pub(crate) fn numbering(&self, device: &DeviceName) -> Arc<tokio::sync::Mutex<Numbering>> {
        let mut known = self.known();
        match known.get(device) {
            Some(entry) => entry.numbering.clone(),
            None => known.entry(device.clone()).or_default().numbering.clone(),
        }
    }

    /// A device's new session; an earlier one is fenced. Returns the new epoch, and the one that was fenced.
    pub(crate) fn open(&self, device: &DeviceName, link: Arc<Link>, now: Timestamp) -> (u64, Option<Arc<Link>>) {
        let epoch = self.epoch.fetch_add(1, Ordering::Relaxed) + 1;
        let mut known = self.known();
        let entry = known.entry(device.clone()).or_default();
        let earlier = entry.session.replace((epoch, link));
        entry.last_seen = Some(now);
        let earlier = earlier.map(|(_, link)| link);
        if let Some(link) = &earlier {
            link.close(Code::Superseded, "the same device has logged in again");
        }
        (epoch, earlier)
    }

    /// A session ended; a later one of the same device goes on.
    pub(crate) fn closed(&self, device: &DeviceName, epoch: u64) {
        if let Some(entry) = self.known().get_mut(device) {
            entry.session.take_if(|(current, _)| *current == epoch);
        }
    }

    /// A connected device's session: its epoch, and the way to it.
    pub(crate) fn session(&self, device: &DeviceName) -> Option<(u64, Arc<Link>)> {
        self.known().get(device)?.session.clone()
    }

    /// Whether that is still the device's session.
    pub(crate) fn is_current(&self, device: &DeviceName, epoch: u64) -> bool {
        self.session(device).is_some_and(|(current, _)| current == epoch)
    }

    /// Tells a device that everything up to there is durable, if its session still numbers by that boot.
    pub(crate) fn ack(&self, device: &DeviceName, position: SequencePosition) {
        if let Some((_, link)) = self.session(device).filter(|(_, link)| link.boot() == position.boot) {
            link.ack(position.sequence);
        }
    }

    /// A device sent so many points.
    pub(crate) fn heard(&self, device: &DeviceName, points: u64, now: Timestamp) {
        if let Some(entry) = self.known().get_mut(device) {
            entry.last_seen = Some(now);
            entry.points += points;
        }
    }

    /// Ends the sessions of those devices that are not to stay.
    pub(crate) fn close_where(&self, gone: impl Fn(&DeviceName, &Link) -> bool, code: Code, detail: &str) {
        for (device, entry) in self.known().iter() {
            if let Some((_, link)) = entry.session.as_ref().filter(|(_, link)| gone(device, link)) {
                link.close(code, detail);
            }
        }
    }

    /// What each connected device may send from now on.
    pub(crate) fn limit(&self, rate: impl Fn(&DeviceName) -> Option<PointRate>) {
        for (device, entry) in self.known().iter() {
            if let Some((_, link)) = &entry.session {
                link.limit(rate(device));
            }
        }
    }

    /// What is known of every device heard since the start.
    pub(crate) fn status(&self) -> HashMap<DeviceName, DeviceStatus> {
        let known = self.known();
        let status = known.iter().map(|(device, entry)| {
            let status = DeviceStatus {
                device: device.clone(),
                connected: entry.session.is_some(),
                last_seen: entry.last_seen,
                channels: 0,
                points: entry.points,
                rate: None,
                proofs: Vec::new(),
            };
            (device.clone(), status)
        });
        status.collect()
    }
}
