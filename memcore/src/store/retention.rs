//! What is given up: chunks that are older than they are to be kept, and the oldest ones of a store that is too large.
//!
//! Whole chunks go, by their newest point. The manifest gives them up first, in room that it has in advance, then files
//! are removed: a full disk does not keep data from being given up (S42). Nothing is read and nothing is rewritten.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::chunk::ChunkPlace;
use super::cluster::clusters;
use super::device::Device;
use super::manifest::Record;
use super::options::StoreOptions;
use super::shared::{Shared, Writing};
use super::state::State;
use crate::error::{Error, Result};
use crate::model::{ChannelName, DeviceName, Pattern, Span, Timestamp};

/// Chunks that one edit of the manifest gives up: what is done at a time takes the same memory, however much there is.
const AT_ONCE: usize = 1024;
/// A sample that lies further ahead of the clock says nothing about what time it is.
const AHEAD: Span = Span::from_seconds(300);

/// Selects devices: `home1.*`, `home1.pv`, `>`; `*` stands for one part, a closing `>` for all that follows.
#[derive(Clone, PartialEq, Eq)]
pub struct DevicePattern {
    text: String,
    pattern: Pattern,
}

impl DevicePattern {
    /// Whether the device is selected.
    #[must_use]
    pub fn matches(&self, device: &DeviceName) -> bool {
        ChannelName::new("any").is_ok_and(|any| self.pattern.matches(&device.channel(any)))
    }
}

impl FromStr for DevicePattern {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts = text.rsplit('/').next().unwrap_or(text).split('.').count();
        let whole = if text.ends_with('>') { text.to_owned() } else { format!("{text}.>") };
        let refuse = || {
            let text = crate::model::shorten(text);
            Error::invalid(format!("devices is {text:?}, expected such as `home1.*`, `home1.pv` or `>`"))
        };
        let pattern = whole.parse().map_err(|e| refuse().caused_by(e))?;
        if parts > 2 || (parts < 2 && !text.ends_with('>')) {
            Err(refuse())
        } else {
            Ok(Self { text: text.to_owned(), pattern })
        }
    }
}

impl fmt::Display for DevicePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for DevicePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

/// What was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct RetentionReport {
    /// Chunks.
    pub chunks: usize,
    /// Values in them.
    pub points: u64,
    /// Their bytes; files go with the last of their chunks.
    pub bytes: u64,
}

impl RetentionReport {
    fn count(&mut self, given_up: &[ChunkPlace]) {
        self.chunks += given_up.len();
        self.points += given_up.iter().map(|chunk| chunk.points).sum::<u64>();
        self.bytes += given_up.iter().map(|chunk| chunk.length).sum::<u64>();
    }
}

/// What time it is, for retention.
#[derive(Debug, Clone, Copy)]
pub(super) enum Now {
    /// As the caller says.
    Given(Timestamp),
    /// A clock, which may be wrong.
    Clock(Timestamp),
}

impl Now {
    /// What time it is for that device at least (S45). A clock that runs ahead is no reason to give anything up: no time counts
    /// that the device has not reached itself. Samples ahead of the clock count for nothing, so that a device whose own
    /// clock is wrong gives up nothing early either, least of all of others.
    fn of(self, device: &Device) -> Option<i64> {
        match self {
            Self::Given(now) => Some(now.as_micros()),
            Self::Clock(now) => {
                let limit = self.limit();
                let sealed = device.chunks.iter().map(|chunk| chunk.last).filter(|last| *last <= limit).max();
                let heads = device.frozen.iter().map(|head| &**head).chain([&device.head]);
                let unsealed = heads.flat_map(|head| head.times.iter().copied()).filter(|time| *time <= limit).max();
                sealed.max(unsealed).map(|newest| newest.min(now.as_micros()))
            }
        }
    }

    /// Nothing later can have been measured.
    fn limit(self) -> i64 {
        let (Self::Given(now) | Self::Clock(now)) = self;
        now.saturating_add(AHEAD).as_micros()
    }
}

/// Gives up what the options say.
pub(super) fn enforce(shared: &Shared, writing: &Writing, now: Now) -> Result<RetentionReport> {
    let mut report = RetentionReport::default();
    if shared.options.keeps_all() {
        return Ok(report);
    }
    loop {
        let _files = shared.lock_files(writing)?;
        let given_up = expired(&shared.read(), &shared.options, now);
        if given_up.is_empty() {
            break;
        }
        give_up(shared, writing, &given_up)?;
        report.count(&given_up);
    }
    let Some(most) = shared.options.max_bytes else { return Ok(report) };
    loop {
        let _files = shared.lock_files(writing)?;
        let excess = held(shared, writing, most).saturating_sub(most);
        let given_up = if excess > 0 { oldest(&shared.read(), excess, now) } else { Vec::new() };
        if given_up.is_empty() {
            return Ok(report);
        }
        give_up(shared, writing, &given_up)?;
        report.count(&given_up);
    }
}

/// Chunks whose newest point is older than they are to be kept.
fn expired(state: &State, options: &StoreOptions, clock: Now) -> Vec<ChunkPlace> {
    let mut found = Vec::new();
    for device in &state.devices {
        let Some(keep) = options.keep_of(&device.name) else { continue };
        let Some(now) = clock.of(device) else { continue };
        let horizon = now.saturating_sub(keep.as_micros());
        found.extend(given_up_before(horizon, clock.limit(), &device.chunks).take(AT_ONCE - found.len()).cloned());
        if found.len() == AT_ONCE {
            break;
        }
    }
    found
}

/// Of chunks in their order, those that end before the horizon, but for what lies over one that stays: without its
/// correction that would say again what was wrong. What reaches beyond the limit, where nothing can be true, holds nothing.
fn given_up_before(horizon: i64, limit: i64, chunks: &[ChunkPlace]) -> impl Iterator<Item = &ChunkPlace> {
    let mut staying: Vec<(i64, i64)> = Vec::new();
    let reaching = chunks.iter().filter(|chunk| chunk.last >= horizon).map(|chunk| chunk.first);
    // Only below it there is nothing that might stay: most often all that is too old.
    let first_staying = reaching.min().unwrap_or(i64::MAX);
    chunks.iter().filter(move |chunk| {
        let corrects = || staying.iter().any(|(first, last)| *first <= chunk.last && chunk.first <= *last);
        let goes = chunk.last < horizon && (chunk.last < first_staying || !corrects());
        if !goes && chunk.last <= limit {
            staying.push((chunk.first, chunk.last));
        }
        goes
    })
}

/// What the store takes of the disk. A log that has outgrown its bound, as after the bound was lowered, is about to be
/// trimmed: no chunk goes for that.
fn held(shared: &Shared, writing: &Writing, most: u64) -> u64 {
    let manifest = writing.lock_manifest().bytes();
    let log = shared.lock_log(writing).held().min(most / 2);
    manifest + log + chunk_file_bytes(&shared.read())
}

/// How long the files of chunks are, up to the last chunk in use in each.
pub(super) fn chunk_file_bytes(state: &State) -> u64 {
    let mut ends: HashMap<u64, u64> = HashMap::new();
    for chunk in state.devices.iter().flat_map(|device| &device.chunks) {
        let end = ends.entry(chunk.file).or_default();
        *end = (*end).max(chunk.offset + chunk.length);
    }
    ends.values().sum()
}

/// A file of chunks, as the size limit sees it.
#[derive(Debug, Default)]
struct FileUse {
    bytes: u64,
    /// Whether all its times can be believed, the newest of them, and over how many others of that time it lies.
    newest: (bool, i64, u32),
    chunks: Vec<ChunkPlace>,
}

fn files(state: &State, limit: i64) -> HashMap<u64, FileUse> {
    let mut files: HashMap<u64, FileUse> = HashMap::new();
    for chunk in state.devices.iter().flat_map(|device| &device.chunks) {
        let fresh = FileUse { newest: (true, i64::MIN, 0), ..FileUse::default() };
        let file = files.entry(chunk.file).or_insert(fresh);
        file.bytes = file.bytes.max(chunk.offset + chunk.length);
        file.newest = (file.newest.0 && chunk.last <= limit, file.newest.1.max(chunk.last), 0);
        file.chunks.push(chunk.clone());
    }
    corrections_last(state, &mut files);
    files
}

/// What corrects a file does not go before it: it counts as new as that one.
fn corrections_last(state: &State, files: &mut HashMap<u64, FileUse>) {
    /// Files may lie over each other, each with another chunk: then no order is right.
    const ROUNDS: usize = 64;
    let mut pairs = Vec::new();
    for cluster in state.devices.iter().flat_map(|device| clusters(&device.chunks)) {
        for (at, upper) in cluster.chunks.iter().enumerate() {
            let lower = cluster.chunks[..at].iter().filter(|lower| lower.first <= upper.last && upper.first <= lower.last);
            pairs.extend(lower.map(|lower| (lower.file, upper.file)).filter(|(lower, upper)| lower != upper));
        }
    }
    for _ in 0..ROUNDS {
        let mut changed = false;
        for (lower, upper) in &pairs {
            let (believed, newest, depth) = files[lower].newest;
            if let Some(upper) = files.get_mut(upper).filter(|upper| upper.newest.0)
                && upper.newest < (believed, newest, depth + 1)
            {
                upper.newest = (believed, newest, depth + 1);
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
}

/// The chunks of the files that go first, so that `excess` bytes are gained. Space is gained by files, so they go whole.
/// Times that cannot be true go before all others: a device whose clock is wrong must not outlive the rest.
fn oldest(state: &State, excess: u64, now: Now) -> Vec<ChunkPlace> {
    let mut files: Vec<FileUse> = files(state, now.limit()).into_values().collect();
    files.sort_unstable_by_key(|file| file.newest);
    let (mut gained, mut found) = (0, Vec::new());
    for file in files {
        if gained >= excess || found.len() >= AT_ONCE {
            break;
        }
        gained += file.bytes;
        found.extend(file.chunks);
    }
    found
}

fn give_up(shared: &Shared, writing: &Writing, chunks: &[ChunkPlace]) -> Result<()> {
    // Held until no lock is: the last holder of a file removes it.
    let removed = |c: &ChunkPlace| Record::ChunkRemoved { device: c.device, file: c.file, offset: c.offset };
    let mut records: Vec<Record> = chunks.iter().map(removed).collect();
    let files: Vec<_> = {
        let state = shared.read();
        let gone: HashSet<_> = chunks.iter().map(|chunk| (chunk.file, chunk.offset)).collect();
        for device in chunks.iter().map(|chunk| chunk.device).collect::<HashSet<_>>() {
            let settled = state.devices[device as usize].settled(|chunk| gone.contains(&(chunk.file, chunk.offset)));
            records.extend(settled.map(|erasure| Record::ErasureDone { device, erasure }));
        }
        chunks.iter().filter_map(|chunk| state.file(chunk.file)).collect()
    };
    let mut manifest = writing.lock_manifest();
    shared.record(&mut manifest, records)?;
    drop(manifest);
    let mut state = shared.write();
    for chunk in chunks {
        state.devices[chunk.device as usize].forget_latest(chunk.first, chunk.last);
    }
    drop(state);
    drop::<Vec<Arc<_>>>(files);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::simulated::SimulatedDisk;
    use super::super::store::Store;
    use super::*;
    use crate::model::{Batch, Channel, Unit};

    const HOUR: i64 = 3600;
    const DAY: i64 = 24 * HOUR;
    const NOON: i64 = 1_780_000_000;

    fn store(options: StoreOptions) -> Store {
        let store = Store::open_on(Arc::new(SimulatedDisk::new()), "simulated", options).unwrap();
        for name in ["home1.pv", "home2.pv"] {
            let channel = Channel::gauge("power", Unit::Watt).unwrap().build().unwrap();
            store.register(&name.parse().unwrap(), &[channel]).unwrap();
        }
        store
    }

    /// A day of hours that ends so many days after noon, sealed.
    fn a_day(store: &Store, of: &str, days: i64) {
        let times = (0..24).rev().map(|hour| Timestamp::from_seconds(NOON + days * DAY - hour * HOUR)).collect();
        let power = [ChannelName::new("power").unwrap()].into();
        store.write(&Batch::new(of.parse().unwrap(), power, times, vec![Some(1.0); 24]).unwrap()).unwrap();
        store.seal().unwrap();
    }

    fn the_clock_says(store: &Store, days: i64) -> usize {
        let now = Now::Clock(Timestamp::from_seconds(NOON + days * DAY));
        enforce(store.shared(), store.shared().writing().unwrap(), now).unwrap().chunks
    }

    #[test]
    fn a_clock_that_jumps_ahead_gives_up_nothing_early() {
        let store = store(StoreOptions::default().keep(Span::from_seconds(2 * DAY)));
        (-2..=0).for_each(|day| a_day(&store, "home1.pv", day));
        a_day(&store, "home2.pv", 0);
        assert_eq!(the_clock_says(&store, 40_000), 0);
        // Time that really passes does: the device's own newest samples say so.
        a_day(&store, "home1.pv", 3);
        assert_eq!(the_clock_says(&store, 3), 3);
        assert_eq!(the_clock_says(&store, 3), 0, "home2 has not been heard since");
        a_day(&store, "home2.pv", 3);
        assert_eq!(the_clock_says(&store, 3), 1);
    }

    #[test]
    fn a_device_whose_clock_is_wrong_costs_nobody_elses_data_and_none_of_its_own_early() {
        let store = store(StoreOptions::default().keep(Span::from_seconds(2 * DAY)));
        a_day(&store, "home1.pv", -1);
        a_day(&store, "home2.pv", -1);
        a_day(&store, "home2.pv", 30_000);
        a_day(&store, "home1.pv", 0);
        assert_eq!(the_clock_says(&store, 0), 0);
        // Where there is too much, what cannot be true goes first, then the oldest.
        let now = Now::Clock(Timestamp::from_seconds(NOON));
        let order = oldest(&store.shared().read(), u64::MAX, now);
        let days: Vec<i64> = order.iter().map(|chunk| (chunk.last / 1_000_000 - NOON) / DAY).collect();
        assert_eq!(days, [30_000, -1, -1, 0]);
        assert_eq!(oldest(&store.shared().read(), 1, now).len(), 1);
    }

    #[test]
    fn of_a_store_that_is_too_large_a_correction_goes_after_what_it_corrects() {
        let store = store(StoreOptions::default());
        let write = |of: &str, days: &[i64]| {
            let times: Vec<_> = days.iter().map(|day| Timestamp::from_seconds(NOON + day * DAY)).collect();
            let (power, values) = ([ChannelName::new("power").unwrap()].into(), vec![Some(1.0); days.len()]);
            store.write(&Batch::new(of.parse().unwrap(), power, times, values).unwrap()).unwrap();
            store.seal().unwrap();
        };
        write("home1.pv", &[-3, -2, 0]);
        write("home1.pv", &[-2]);
        write("home2.pv", &[-1]);
        let order = oldest(&store.shared().read(), u64::MAX, Now::Clock(Timestamp::from_seconds(NOON)));
        let days: Vec<i64> = order.iter().map(|chunk| (chunk.last / 1_000_000 - NOON) / DAY).collect();
        assert_eq!(days, [-1, 0, -2]);
    }

    #[test]
    fn devices_are_selected_by_site_and_name() {
        for (pattern, device, expected) in [
            ("home1.*", "home1.pv", true),
            ("home1.*", "home2.pv", false),
            ("home1.pv", "home1.pv", true),
            ("home1.pv", "home1.pv2", false),
            ("home1.>", "home1.pv", true),
            ("*.meter", "home9.meter", true),
            (">", "home9.meter", true),
            (">", "acme/home9.meter", false),
            ("acme/*.meter", "acme/home9.meter", true),
        ] {
            let selected = pattern.parse::<DevicePattern>().unwrap().matches(&device.parse().unwrap());
            assert_eq!(selected, expected, "{pattern} on {device}");
        }
        for text in ["", "home1", "home1.pv.power", "home 1.*", "home1.p*", "a.>.b"] {
            let e = text.parse::<DevicePattern>().unwrap_err();
            assert!(e.message().contains("devices is") && e.message().contains("home1.*"), "{text}: {e}");
        }
    }
}
