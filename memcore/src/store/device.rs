//! What the store holds of one device in memory: its channels, where its chunks are, and the rows that are not sealed yet.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::chunk::ChunkPlace;
use super::erasure::Erasure;
use super::manifest::Record;
use super::marks::Marks;
use super::table::Head;
use crate::error::{Error, Result};
use crate::model::{Batch, Channel, ChannelName, DeviceName, Quantity, Sample, Timestamp};

/// Lists of channels whose columns are remembered, per device; the oldest is forgotten first.
const LAYOUTS: usize = 8;

/// A list of channels and their columns.
type Layout = (Arc<[ChannelName]>, Arc<[u32]>);

/// One device.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) name: DeviceName,
    /// By column.
    pub(super) channels: Vec<Channel>,
    columns: HashMap<ChannelName, u32>,
    /// Which column has the qualities of a column's values.
    pub(super) qualities: HashMap<u32, u32>,
    /// In order of arrival: later ones override earlier ones (S8).
    pub(super) chunks: Vec<ChunkPlace>,
    /// Rows of frames up to this one are in chunks.
    pub(super) sealed_frame: u64,
    pub(super) marks: Marks,
    pub(super) head: Head,
    /// Full heads that wait to be sealed, in order of arrival.
    pub(super) frozen: VecDeque<Arc<Head>>,
    layouts: VecDeque<Layout>,
    /// By column: the sample with the latest time, where it is known without looking into chunks.
    pub(super) latest: Vec<Option<Sample>>,
    /// Nothing in a chunk is later than this.
    pub(super) newest_sealed: Option<i64>,
    /// Deleted ranges that chunks may still hold rows of, in order.
    pub(super) erasures: Vec<Erasure>,
    /// How often the latest sample became another than a look into the chunks finds that began before: by a deletion, or by a
    /// sample that came while it was not known.
    pub(super) revisions: u64,
    /// By column: values whose time lay well ahead of the clock when they arrived, since the store was opened.
    pub(super) ahead: Vec<u64>,
}

impl Device {
    pub(super) fn new(name: DeviceName) -> Self {
        Self {
            name,
            channels: Vec::new(),
            columns: HashMap::new(),
            qualities: HashMap::new(),
            chunks: Vec::new(),
            sealed_frame: 0,
            marks: Marks::default(),
            head: Head::default(),
            frozen: VecDeque::new(),
            layouts: VecDeque::new(),
            latest: Vec::new(),
            newest_sealed: None,
            erasures: Vec::new(),
            revisions: 0,
            ahead: Vec::new(),
        }
    }

    /// Sets the description of a column; the next new one where `column` is beyond the last.
    pub(super) fn describe(&mut self, column: u32, channel: Channel) {
        match self.channels.get_mut(column as usize) {
            Some(known) => *known = channel,
            None => {
                self.columns.insert(channel.name.clone(), column);
                self.pair(column, &channel);
                self.channels.push(channel);
                self.latest.push(None);
                self.ahead.push(0);
            }
        }
    }

    /// A new column may have the qualities of another, or the other way round.
    fn pair(&mut self, column: u32, channel: &Channel) {
        if let Some(qualified) = channel.qualified().and_then(|name| self.column(&name)) {
            self.qualities.insert(qualified, column);
        }
        let own = channel.name.quality().ok().and_then(|name| self.column(&name));
        if let Some(own) = own.filter(|own| self.channels[*own as usize].quantity == Quantity::Quality) {
            self.qualities.insert(column, own);
        }
    }

    pub(super) fn column(&self, channel: &ChannelName) -> Option<u32> {
        self.columns.get(channel).copied()
    }

    /// The columns of a batch's channels. A list that was seen before is recognised by its address; it is kept here, so the
    /// address cannot come to mean another list.
    pub(super) fn layout(&mut self, channels: &Arc<[ChannelName]>) -> Result<Arc<[u32]>> {
        if let Some((_, ids)) = self.layouts.iter().rev().find(|(list, _)| Arc::ptr_eq(list, channels)) {
            return Ok(Arc::clone(ids));
        }
        let ids: Arc<[u32]> = channels.iter().map(|channel| self.known_column(channel)).collect::<Result<_>>()?;
        let mut sorted = ids.to_vec();
        sorted.sort_unstable();
        if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            let twice = &self.channels[pair[0] as usize].name;
            return Err(Error::invalid(format!("batch of {} names channel {twice} twice, expected once", self.name)));
        }
        if self.layouts.len() == LAYOUTS {
            self.layouts.pop_front();
        }
        self.layouts.push_back((Arc::clone(channels), Arc::clone(&ids)));
        Ok(ids)
    }

    fn known_column(&self, channel: &ChannelName) -> Result<u32> {
        self.column(channel).ok_or_else(|| {
            Error::not_found(format!("channel {}.{channel} is not registered: data for it is refused", self.name))
        })
    }

    /// Takes in rows that the log has as `frame` and that arrived in that minute.
    pub(super) fn push(&mut self, batch: &Batch, ids: &[u32], frame: u64, minute: i64) {
        self.head.push(batch, ids, frame, minute);
        for (at, id) in ids.iter().enumerate() {
            self.note_latest(*id, batch.times(), batch.column(at));
        }
    }

    /// Keeps the sample with the latest time. While chunks may hold a later one, what is not known stays unknown.
    pub(super) fn note_latest(&mut self, column: u32, times: &[Timestamp], values: &[Option<f64>]) {
        let latest = &mut self.latest[column as usize];
        for (time, value) in times.iter().zip(values) {
            let Some(value) = *value else { continue };
            let newer = match latest {
                Some(known) => *time >= known.time,
                None => self.newest_sealed.is_none_or(|newest| time.as_micros() >= newest),
            };
            if newer {
                *latest = Some(Sample { time: *time, value });
            } else if latest.is_none() {
                self.revisions += 1;
            }
        }
    }

    /// What was given up is not the latest any more; what is has to be looked up.
    pub(super) fn forget_latest(&mut self, first: i64, last: i64) {
        self.revisions += 1;
        for latest in &mut self.latest {
            if latest.is_some_and(|known| (first..=last).contains(&known.time.as_micros())) {
                *latest = None;
            }
        }
    }

    /// Counts the values that lie ahead of `limit`. They are taken as they are: whose clock is wrong is not known here.
    pub(super) fn count_ahead(&mut self, batch: &Batch, ids: &[u32], limit: Timestamp) -> u64 {
        if batch.times().iter().all(|time| *time <= limit) {
            return 0;
        }
        if self.ahead.iter().all(|count| *count == 0) {
            let first = batch.times().iter().max().copied().unwrap_or_default();
            tracing::warn!(device = %self.name, time = %first, "samples lie ahead of the clock; this is said once");
        }
        let before: u64 = self.ahead.iter().sum();
        for (at, id) in ids.iter().enumerate() {
            let values = batch.times().iter().zip(batch.column(at));
            let ahead = values.filter(|(time, value)| **time > limit && value.is_some()).count();
            self.ahead[*id as usize] += ahead as u64;
        }
        self.ahead.iter().sum::<u64>() - before
    }

    /// Hides a deleted range of what is sealed.
    pub(super) fn erase(&mut self, erasure: Erasure) {
        self.revisions += 1;
        let concerned = |column: usize| erasure.column.is_none_or(|erased| erased as usize == column);
        for (_, latest) in self.latest.iter_mut().enumerate().filter(|(column, _)| concerned(*column)) {
            // A later time cannot take its place: what is latest now has to be looked up.
            if latest.is_some_and(|known| (erasure.first..=erasure.last).contains(&known.time.as_micros())) {
                *latest = None;
            }
        }
        self.erasures.push(erasure);
    }

    /// The erasures that hide nothing any more once those chunks are gone: no others are below them.
    pub(super) fn settled(&self, gone: impl Fn(&ChunkPlace) -> bool) -> impl Iterator<Item = Erasure> {
        let staying = move |e: &Erasure| self.chunks.iter().any(|c| e.concerns(c.order, c.first, c.last) && !gone(c));
        self.erasures.iter().filter(move |erasure| !staying(erasure)).copied()
    }

    /// Moves the unsealed rows to those that wait to be sealed.
    pub(super) fn freeze(&mut self) -> Option<Arc<Head>> {
        if self.head.rows() == 0 {
            return None;
        }
        let frozen = Arc::new(std::mem::take(&mut self.head));
        self.frozen.push_back(Arc::clone(&frozen));
        Some(frozen)
    }

    pub(super) fn add_chunk(&mut self, place: ChunkPlace) {
        self.newest_sealed = self.newest_sealed.max(Some(place.last));
        let at = self.chunks.partition_point(|chunk| (chunk.order, chunk.first) <= (place.order, place.first));
        self.chunks.insert(at, place);
    }

    /// The first log frame that is still needed for this device.
    pub(super) fn first_unsealed_frame(&self) -> Option<u64> {
        let oldest = self.frozen.front().map_or(&self.head, |frozen| frozen);
        (oldest.rows() > 0).then_some(oldest.first_frame)
    }

    /// All that a manifest must say of the device.
    pub(super) fn records(&self, id: u32, durable_frame: u64, out: &mut Vec<Record>) {
        out.push(Record::Device { id, name: self.name.clone() });
        for (column, channel) in self.channels.iter().enumerate() {
            out.push(Record::Channel { device: id, column: column as u32, channel: Box::new(channel.clone()) });
        }
        out.extend(self.chunks.iter().cloned().map(Record::ChunkAdded));
        out.extend(self.erasures.iter().map(|erasure| Record::Erased { device: id, erasure: *erasure }));
        out.push(Record::Sealed { device: id, frame: self.sealed_frame });
        let marks = self.marks.all_durable(durable_frame);
        if !marks.is_empty() {
            out.push(Record::Marks { device: id, marks });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::arrivals::{UNKNOWN, minute_of};
    use super::super::options::StoreOptions;
    use super::super::simulated::SimulatedDisk;
    use super::super::store::Store;
    use super::*;
    use crate::model::{ManualClock, Unit};

    fn reading(seconds: i64, value: f64) -> Batch {
        let power = ["power"].map(|name| ChannelName::new(name).unwrap());
        let times = vec![Timestamp::from_seconds(seconds)];
        Batch::new("home1.pv".parse().unwrap(), power.into(), times, vec![Some(value)]).unwrap()
    }

    fn open(disk: &SimulatedDisk, clock: &Arc<ManualClock>) -> Store {
        let clock: Arc<ManualClock> = Arc::clone(clock);
        Store::open_with(Arc::new(disk.clone()), clock, "simulated", StoreOptions::default()).unwrap()
    }

    #[test]
    fn a_sample_that_comes_while_the_latest_is_looked_up_is_not_forgotten_for_what_was_found() {
        let mut device = Device::new("home1.pv".parse().unwrap());
        device.describe(0, Channel::gauge("power", Unit::Watt).unwrap().build().unwrap());
        device.newest_sealed = Some(20_000_000);
        let before = device.revisions;
        // A chunk may hold a later one: it stays unknown, and a look that began before did not see this one.
        device.push(&reading(12, 1.0), &[0], 1, 0);
        assert!(device.latest[0].is_none() && device.revisions != before);
        let before = device.revisions;
        device.push(&reading(20, 1.0), &[0], 2, 0);
        assert!(device.latest[0].is_some() && device.revisions == before);
    }

    #[test]
    fn a_store_that_is_opened_again_knows_when_its_rows_arrived() {
        let disk = SimulatedDisk::new();
        let clock = Arc::new(ManualClock::default());
        let store = open(&disk, &clock);
        let power = Channel::gauge("power", Unit::Watt).unwrap().build().unwrap();
        store.register(&"home1.pv".parse().unwrap(), &[power]).unwrap();
        let moments = [1_700_000_030, 1_700_000_060, 1_700_000_061, 30, 4_000_000_000, 1_700_000_000 - 3600];
        for seconds in moments {
            clock.jump_to(Timestamp::from_seconds(seconds));
            store.write(&reading(1_700_000_000, seconds as f64)).unwrap();
        }
        let expected: Vec<i64> = moments.map(|seconds| minute_of(Timestamp::from_seconds(seconds))).to_vec();
        let arrived = |store: &Store| store.shared().read().devices[0].head.arrived.iter().collect::<Vec<_>>();
        assert_eq!(arrived(&store), expected);
        let next = open(&disk.killed(), &clock);
        assert_eq!(arrived(&next), expected, "a clock that jumps changes nothing of the order");
        assert!(!expected.contains(&UNKNOWN));
    }
}
