//! Figures of the store: ingest, size, scan, durable commit, replay. CPU time of the whole process, sealing included.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use memcore::model::{Batch, Channel, ChannelName, DeviceName, Span, Timestamp, Unit};
use memcore::store::{Aggregate, Every, Query, Store, StoreOptions, SyncPolicy};
use rustix::time::{ClockId, clock_gettime};

use crate::Figure;

const WIDTH: usize = 7;
const NAMES: [&str; 8] = ["p", "q", "u", "i", "sub1", "sub2", "sub3", "soc"];

/// Measures everything; takes about a minute.
pub(crate) fn figures() -> Vec<Figure> {
    let table = household().unwrap_or_else(stand_in).repeated(16);
    let higher =
        |name: &str, value, unit, target| Figure { name: name.into(), value, unit, better: "higher", target: Some(target) };
    let lower =
        |name: &str, value, unit, target| Figure { name: name.into(), value, unit, better: "lower", target: Some(target) };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (small, bytes) = ingest(&folder.path().join("readings"), &table, 1);
    let bulk_path = folder.path().join("bulk");
    let (bulk, _) = ingest(&bulk_path, &table, 1000);
    let Scans { all, unaligned, aligned, raw_year } = scan(&bulk_path, &table);
    let (commit, raw) = commits(&folder.path().join("commits"));
    vec![
        higher("store ingest, readings of 7 channels", small, "M points/s/core", 3.0),
        higher("store ingest, 1,000-row batches", bulk, "M points/s/core", 10.0),
        lower("store size, household data", bytes, "bytes/point", 0.48),
        higher("store scan and aggregate", all, "M points/s/core", 250.0),
        lower("store, 2 M points of a channel to 1,000 buckets", unaligned, "ms", 3.0),
        lower("store, 2 M points of a channel to 1,080 aligned buckets", aligned, "ms", 0.5),
        lower("store, a raw year of a channel by the minute", raw_year, "ms", 3.0),
        lower("store durable commit, p50 over raw fdatasync", commit / raw, "ratio", 1.2),
        lower("store durable commit, p50", commit, "us", 150.0),
        higher("store replay of the log", replay(&folder.path().join("replay"), &table), "M points/s/core", 20.0),
    ]
}

/// Columns over shared times.
pub(crate) struct Table {
    pub(crate) times: Vec<Timestamp>,
    pub(crate) columns: Vec<Vec<Option<f64>>>,
}

impl Table {
    pub(crate) fn points(&self) -> f64 {
        self.columns.iter().flatten().flatten().count() as f64
    }

    /// The same rows again and again, each time later: the size of four years out of a quarter of one.
    pub(crate) fn repeated(self, times: usize) -> Self {
        let length = self.times[self.times.len() - 1].since(self.times[0]).as_micros() + 60_000_000;
        let later = |n: i64| self.times.iter().map(move |time| time.saturating_add(Span::from_micros(n * length)));
        let columns = self.columns.iter().map(|column| column.repeat(times)).collect();
        Self { times: (0..times as i64).flat_map(later).collect(), columns }
    }

    pub(crate) fn batch(&self, names: &Arc<[ChannelName]>, start: usize, rows: usize) -> Batch {
        let end = (start + rows).min(self.times.len());
        let values = self.columns.iter().flat_map(|column| column[start..end].iter().copied()).collect();
        Batch::new(device(), Arc::clone(names), self.times[start..end].to_vec(), values).expect("a batch that fits")
    }
}

pub(crate) fn device() -> DeviceName {
    "home1.meter".parse().expect("a name")
}

/// Real data, where they are: the folder `MEMCORE_TEST_DATA`, or `../shared/data` beside the workspace.
fn household() -> Option<Table> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");
    let folder = std::env::var_os("MEMCORE_TEST_DATA").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let file = std::fs::File::open(folder.join("telemetry/uci_household_1min_2007Q2.csv.gz")).ok()?;
    let lines = BufReader::new(flate2::read::MultiGzDecoder::new(file)).lines().skip(1);
    let mut table = Table { times: Vec::new(), columns: vec![Vec::new(); WIDTH] };
    for line in lines.map_while(Result::ok) {
        let mut fields = line.split(',');
        let time = format!("{}Z", fields.next()?.replacen(' ', "T", 1));
        table.times.push(time.parse().ok()?);
        table.columns.iter_mut().for_each(|column| column.push(fields.next().and_then(|text| text.parse().ok())));
    }
    Some(table)
}

/// Something like a household where there is none.
pub(crate) fn stand_in() -> Table {
    eprintln!("no household data beside the workspace: figures are of a generated stand-in");
    let times = (0..130_000).map(|minute| Timestamp::from_seconds(minute * 60)).collect();
    let value = |channel: usize, row: usize| {
        let noise = (row.wrapping_mul(2_654_435_761) >> 7) % (10 + 30 * channel);
        Some(((row / 60 % 24) * 100 + noise) as f64 / [1000.0, 1000.0, 100.0, 10.0, 1.0, 1.0, 1.0][channel])
    };
    let columns = (0..WIDTH).map(|channel| (0..130_000).map(|row| value(channel, row)).collect()).collect();
    Table { times, columns }
}

pub(crate) fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

pub(crate) fn names(width: usize) -> Arc<[ChannelName]> {
    NAMES[..width].iter().map(|name| ChannelName::new(name).expect("a name")).collect()
}

pub(crate) fn open(path: &std::path::Path, sync: SyncPolicy, width: usize) -> Store {
    let store = Store::open(path, StoreOptions::default().sync(sync)).expect("a store");
    let channel = |name: &&str| Channel::gauge(name, Unit::Watt).and_then(|c| c.build()).expect("a channel");
    store.register(&device(), &NAMES[..width].iter().map(channel).collect::<Vec<_>>()).expect("registered");
    store
}

/// M points/s/core, sealing included, and bytes/point once sealed. Batches are made beforehand, a part at a time.
pub(crate) fn ingest(path: &std::path::Path, table: &Table, rows: usize) -> (f64, f64) {
    let store = open(path, SyncPolicy::Interval(Duration::from_secs(1)), WIDTH);
    let names = names(WIDTH);
    let mut spent = Duration::ZERO;
    let starts: Vec<usize> = (0..table.times.len()).step_by(rows).collect();
    for part in starts.chunks(20_000) {
        let batches: Vec<Batch> = part.iter().map(|start| table.batch(&names, *start, rows)).collect();
        let before = cpu();
        for batch in &batches {
            store.append(batch).expect("appended");
        }
        spent += cpu() - before;
    }
    let before = cpu();
    store.seal().expect("sealed");
    spent += cpu() - before;
    let stats = store.stats();
    assert_eq!(stats.points() as f64, table.points());
    (table.points() / spent.as_secs_f64() / 1e6, stats.chunk_bytes as f64 / table.points())
}

/// M points/s/core over all channels, and what queries of one channel take, in ms.
struct Scans {
    all: f64,
    unaligned: f64,
    aligned: f64,
    raw_year: f64,
}

fn scan(path: &std::path::Path, table: &Table) -> Scans {
    let store = open(path, SyncPolicy::Os, WIDTH);
    let bucketed = |pattern: &str, every: Span| {
        let query = Query::of(pattern).expect("a pattern").every(Every::Fixed(every));
        let aggregates = [Aggregate::Min, Aggregate::Max, Aggregate::Mean, Aggregate::Count];
        aggregates.into_iter().fold(query, Query::aggregate)
    };
    let time = |query: &Query, repeats: u32| {
        store.query(query).expect("an answer");
        let before = cpu();
        (0..repeats).for_each(|_| assert!(store.query(query).expect("an answer").rows() > 0));
        (cpu() - before).as_secs_f64() / f64::from(repeats)
    };
    // Pages are of eight hours: buckets of 100 minutes cut every one, so that every value is decoded.
    let all = bucketed("home1.meter.>", Span::from_seconds(6000));
    let (first, last) = (table.times[0], table.times[table.times.len() - 1]);
    let unaligned = bucketed("home1.meter.p", Span::from_micros(last.since(first).as_micros() / 1000 + 1));
    let aligned = bucketed("home1.meter.p", Span::from_seconds(32 * 3600));
    assert_eq!(store.explain(&aligned).expect("an answer").points_decoded, 0);
    let year = Span::from_seconds(365 * 86_400);
    let raw_year = Query::of("home1.meter.p").expect("a pattern").from(first).to(first.saturating_add(year));
    Scans {
        all: table.points() / time(&all, 10) / 1e6,
        unaligned: time(&unaligned, 10) * 1e3,
        aligned: time(&aligned, 10) * 1e3,
        raw_year: time(&raw_year, 10) * 1e3,
    }
}

/// The median of a durable one-reading commit, and of a raw write of as many bytes with `fdatasync`, in us.
fn commits(path: &std::path::Path) -> (f64, f64) {
    const ROUNDS: usize = 400;
    let store = open(path, SyncPolicy::Each, 8);
    let names = names(8);
    let mut ours = Vec::new();
    let mut raw = Vec::new();
    let file = std::fs::File::create(path.join("../raw")).expect("a file");
    std::os::unix::fs::FileExt::write_all_at(&file, &vec![0; 1 << 20], 0).expect("written");
    file.sync_all().expect("synced");
    for round in 0..ROUNDS {
        let times = vec![Timestamp::from_seconds(round as i64)];
        let batch = Batch::new(device(), Arc::clone(&names), times, vec![Some(round as f64); 8]).expect("a batch");
        let start = Instant::now();
        store.write(&batch).expect("written");
        ours.push(start.elapsed());
        let start = Instant::now();
        std::os::unix::fs::FileExt::write_all_at(&file, &[1; 110], round as u64 * 110).expect("written");
        file.sync_data().expect("synced");
        raw.push(start.elapsed());
    }
    let median = |mut times: Vec<Duration>| {
        times.sort();
        times[ROUNDS / 2].as_secs_f64() * 1e6
    };
    (median(ours), median(raw))
}

/// M points/s/core to open a store whose rows are all in the log.
fn replay(path: &std::path::Path, table: &Table) -> f64 {
    let options = || StoreOptions::default().sync(SyncPolicy::Os).seal_rows(1 << 20);
    let store = Store::open(path, options()).expect("a store");
    let channel = |name: &&str| Channel::gauge(name, Unit::Watt).and_then(|c| c.build()).expect("a channel");
    store.register(&device(), &NAMES[..WIDTH].iter().map(channel).collect::<Vec<_>>()).expect("registered");
    let names = names(WIDTH);
    // As many rows as stay in one head, so that nothing is sealed and all of it is replayed.
    let starts = (0..table.times.len().min(1_000_000)).step_by(1000);
    let batches = starts.map(|start| table.batch(&names, start, 1000));
    let points = batches.map(|batch| store.append(&batch).map(|_| batch.points() as f64).expect("appended")).sum::<f64>();
    store.close().expect("closed");
    let before = cpu();
    let store = Store::open_read_only(path, options()).expect("a store");
    let spent = cpu() - before;
    assert_eq!(store.stats().unsealed_points as f64, points);
    points / spent.as_secs_f64() / 1e6
}
