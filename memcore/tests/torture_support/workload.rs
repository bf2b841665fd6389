//! The workload and its model. Batch `n` of a workload is always the same, so that what a store must hold after any prefix
//! can be said without having been there.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use memcore::Result;
use memcore::model::{Batch, Timestamp};
use memcore::store::{CompactOptions, Query, Store};

use crate::store_support::{Dice, device, names, numbered, pattern, watts};

const DEVICES: [&str; 3] = ["home1.meter", "home1.pv", "home2.pv"];
const CHANNELS: [&str; 2] = ["a", "b"];
const BOOT: u64 = 7;
/// Only before this batch are further channels registered, so that a long run stays within the quota.
const REGISTERS: u64 = 2000;

type Model = BTreeMap<String, BTreeMap<i64, u64>>;

/// What is done with a store, from a seed.
#[derive(Debug, Clone, Copy)]
pub struct Workload(pub u64);

/// What follows a batch.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Then {
    Nothing,
    Commit,
    Sync,
    Seal,
    Register,
    Delete,
    Compact,
}

/// How far a workload came; read by others while it runs.
#[derive(Debug, Default)]
pub struct Progress {
    /// Batches that were given to the store, whatever it said.
    given: AtomicU64,
    /// Batches of which the store said that they are safe.
    acknowledged: AtomicU64,
    /// Batches whose registrations the store said it has.
    registered: AtomicU64,
    /// Batches whose deletions the store said it has.
    deleted: AtomicU64,
}

impl Progress {
    /// Of a workload that goes on at batch `from`.
    pub fn from(from: u64) -> Self {
        Self { given: from.into(), acknowledged: from.into(), ..Self::default() }
    }

    /// Of a process that only said what it was told.
    pub fn told(acknowledged: u64, registered: u64, deleted: u64) -> Self {
        let (acknowledged, registered, deleted) = (acknowledged.into(), registered.into(), deleted.into());
        Self { given: u64::MAX.into(), acknowledged, registered, deleted }
    }

    pub fn registered(&self) -> u64 {
        self.registered.load(Ordering::Acquire)
    }

    pub fn deleted(&self) -> u64 {
        self.deleted.load(Ordering::Acquire)
    }

    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Acquire)
    }

    pub fn now(&self) -> Self {
        let copy = |of: &AtomicU64| of.load(Ordering::Acquire).into();
        let (given, acknowledged) = (copy(&self.given), copy(&self.acknowledged));
        Self { given, acknowledged, registered: copy(&self.registered), deleted: copy(&self.deleted) }
    }

    /// What was acknowledged by now, and what may have been given until then.
    pub fn until(self, then: &Self) -> Self {
        Self { given: then.given.load(Ordering::Acquire).into(), ..self }
    }
}

impl Workload {
    fn dice(self, number: u64, what: u64) -> Dice {
        let mut dice = Dice(self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) ^ (number << 3) ^ what);
        dice.roll();
        dice
    }

    fn device(number: u64) -> &'static str {
        DEVICES[number as usize % DEVICES.len()]
    }

    /// Some rows: in order mostly, sometimes late, sometimes again at a time that was there.
    pub fn batch(self, number: u64) -> Batch {
        let mut dice = self.dice(number, 1);
        let rows = 1 + dice.below(4) as i64;
        let start = match dice.below(6) {
            0 => number as i64 * 10 - dice.below(400) as i64,
            _ => number as i64 * 10,
        };
        let times = (0..rows).map(|row| Timestamp::from_seconds(start + row)).collect();
        let values = (0..rows * 2).map(|_| value(&mut dice)).collect();
        let batch = Batch::new(device(Self::device(number)), names(&CHANNELS), times, values).unwrap();
        numbered(batch, BOOT, number / DEVICES.len() as u64 + 1)
    }

    fn then(self, number: u64) -> Then {
        match self.dice(number, 2).below(40) {
            0..12 => Then::Commit,
            12 => Then::Sync,
            13..17 => Then::Seal,
            18 | 19 => Then::Delete,
            20 => Then::Compact,
            17 if number < REGISTERS => Then::Register,
            _ => Then::Nothing,
        }
    }

    fn extra(number: u64) -> String {
        format!("extra{number}")
    }

    /// The series and the range, in microseconds, that are deleted after batch `number`.
    fn deletion(self, number: u64) -> (String, std::ops::Range<i64>) {
        let mut dice = self.dice(number, 3);
        let (device, channel) = (dice.below(3) as usize, dice.below(2) as usize);
        let start = number as i64 * 10 - dice.below(500) as i64;
        let end = start + 1 + dice.below(200) as i64;
        (format!("{}.{}", DEVICES[device], CHANNELS[channel]), start * 1_000_000..end * 1_000_000)
    }

    /// By device and channel: times and the bits of values. `last`: whether a deletion that follows the last batch happened.
    fn model(self, batches: u64, last: bool) -> Model {
        let mut model = Model::new();
        for number in 0..batches {
            let batch = self.batch(number);
            for (at, channel) in CHANNELS.iter().enumerate() {
                let series = model.entry(format!("{}.{channel}", batch.device())).or_default();
                let rows = batch.times().iter().zip(batch.column(at));
                series.extend(rows.filter_map(|(time, value)| Some((time.as_micros(), (*value)?.to_bits()))));
            }
            if self.then(number) == Then::Delete && (last || number + 1 < batches) {
                let (series, range) = self.deletion(number);
                model.entry(series).or_default().retain(|time, _| !range.contains(time));
            }
        }
        model
    }
}

fn value(dice: &mut Dice) -> Option<f64> {
    match dice.below(12) {
        0 => None,
        1 => Some([f64::NAN, f64::INFINITY, -0.0, f64::MIN_POSITIVE, 1e300][dice.below(5) as usize]),
        2 => Some(f64::from_bits(dice.roll() & !(0x7ff << 52) | (0x3ff << 52))),
        _ => Some(dice.below(5000) as f64 / 10.0),
    }
}

pub fn register(store: &Store) -> Result<()> {
    DEVICES.iter().try_for_each(|name| store.register(&device(name), &watts(&CHANNELS)))
}

pub fn register_in_reverse(store: &Store) -> Result<()> {
    DEVICES.iter().rev().try_for_each(|name| store.register(&device(name), &watts(&CHANNELS)))
}

/// Does batches `progress` to `end` and what follows each; ends at the first refusal.
pub fn run(store: &Store, workload: Workload, end: u64, progress: &Progress) -> Result<()> {
    let from = progress.given.load(Ordering::Acquire);
    announce(store, workload, from, progress)?;
    (from..end).try_for_each(|number| step(store, workload, number, progress))
}

/// As a device that comes back, which says again what it has: nobody knows whether the last one got through.
pub fn announce(store: &Store, workload: Workload, from: u64, progress: &Progress) -> Result<()> {
    for number in (0..from.min(REGISTERS)).filter(|number| workload.then(*number) == Then::Register) {
        store.register(&device(Workload::device(number)), &watts(&[&Workload::extra(number)]))?;
    }
    progress.registered.store(from, Ordering::Release);
    match from.checked_sub(1).filter(|number| workload.then(*number) == Then::Delete) {
        Some(number) => delete(store, workload, number, progress),
        None => Ok(()),
    }
}

fn delete(store: &Store, workload: Workload, number: u64, progress: &Progress) -> Result<()> {
    let (series, range) = workload.deletion(number);
    store.delete(pattern(&series), Timestamp::from_micros(range.start), Timestamp::from_micros(range.end))?;
    progress.deleted.store(number + 1, Ordering::Release);
    Ok(())
}

/// Batch `number` and what follows it.
pub fn step(store: &Store, workload: Workload, number: u64, progress: &Progress) -> Result<()> {
    progress.given.store(number + 1, Ordering::Release);
    let ticket = store.append(&workload.batch(number))?;
    match workload.then(number) {
        Then::Nothing => return Ok(()),
        Then::Commit => store.commit(ticket)?,
        Then::Sync => store.sync()?,
        Then::Seal => store.seal()?,
        Then::Compact => {
            store.compact(pattern(">"), &CompactOptions::default(), &mut |_, _| Ok(()))?;
            return Ok(());
        }
        Then::Delete => {
            // What is sent again after a crash came after the deletion: the batch must not be among it.
            store.commit(ticket)?;
            progress.acknowledged.store(number + 1, Ordering::Release);
            return delete(store, workload, number, progress);
        }
        Then::Register => {
            store.register(&device(Workload::device(number)), &watts(&[&Workload::extra(number)]))?;
            progress.registered.store(number + 1, Ordering::Release);
            return Ok(());
        }
    }
    progress.acknowledged.store(number + 1, Ordering::Release);
    Ok(())
}

/// How many batches a store says it holds.
pub fn held(store: &Store) -> u64 {
    DEVICES.iter().map(|name| store.durable_sequence(&device(name), BOOT)).sum()
}

/// How many batches a store holds after a crash at `progress`, having made sure that they are the first ones, whole, that all
/// that was acknowledged is among them, and that nothing else is there.
pub fn recovered(store: &Store, workload: Workload, progress: &Progress) -> u64 {
    let durable = DEVICES.map(|name| store.durable_sequence(&device(name), BOOT));
    let count: u64 = durable.iter().sum();
    for (at, durable) in (0..).zip(durable) {
        let expected = (count + DEVICES.len() as u64 - 1 - at) / DEVICES.len() as u64;
        assert_eq!(durable, expected, "of {count} batches, those of {} are no prefix", DEVICES[at as usize]);
    }
    let (given, acknowledged) = (progress.given.load(Ordering::Acquire), progress.acknowledged());
    assert!((acknowledged..=given).contains(&count), "{count} batches, {acknowledged} acknowledged, {given} given");
    let mut difference = difference(store, workload.model(count, true));
    if difference.is_some() && progress.deleted() < count {
        // A deletion that was not acknowledged happened or did not.
        difference = self::difference(store, workload.model(count, false));
    }
    assert_eq!(difference, None, "after {count} batches");
    for number in (0..progress.registered().min(REGISTERS)).filter(|n| workload.then(*n) == Then::Register) {
        let series = format!("{}.{}", Workload::device(number), Workload::extra(number));
        assert!(store.channel(&series.parse().unwrap()).is_some(), "{series} was registered");
    }
    assert_eq!(store.stats().damage, Vec::<String>::new());
    count
}

/// Every value of the first `count` batches, bit for bit, and no other.
pub fn reads_match(store: &Store, workload: Workload, count: u64) {
    assert_eq!(difference(store, workload.model(count, true)), None, "after {count} batches");
}

/// What a store has and should not, or lacks.
fn difference(store: &Store, mut expected: Model) -> Option<String> {
    for series in store.query(&Query::new(pattern(">"))).unwrap().series() {
        let values = series.values().unwrap().values().iter().map(|value| value.to_bits());
        let found: BTreeMap<i64, u64> = series.times().values().iter().copied().zip(values).collect();
        assert_eq!(found.len(), series.times().len(), "{}: a time twice", series.series());
        let expected = expected.remove(&series.series().to_string()).unwrap_or_default();
        if found != expected {
            return Some(format!("{}:\n{found:?}\n{expected:?}", series.series()));
        }
    }
    expected.values().any(|rows| !rows.is_empty()).then(|| format!("series are missing: {:?}", expected.keys()))
}
