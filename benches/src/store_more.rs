//! Figures of the store that need all of the household's years or a large store: sizes, aligned buckets, opening, months.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use memcore::model::{Batch, Channel, Span, Timestamp, Unit};
use memcore::store::{Aggregate, CalendarUnit, Every, Query, Store, StoreOptions, SyncPolicy};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;

use crate::store::{Table, cpu, device, ingest, names, open, stand_in};
use crate::{Figure, scale};

const WIDTH: usize = 7;
/// Chunks of a store of 10 GB, as a household's are: 65,536 rows of seven channels in about 206 kB.
const CHUNKS: f64 = 50_000.0;
/// Rows of a chunk here, so that as many chunks are made in seconds: opening costs by the chunk, not by the byte.
const CHUNK_ROWS: usize = 64;

/// Measures everything; takes about two minutes.
pub(crate) fn figures() -> Vec<Figure> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let table = all_years().unwrap_or_else(|| stand_in().repeated(16));
    let path = folder.path().join("years");
    let (_, bytes) = ingest(&path, &table, 1000);
    let mut figures = vec![lower("store size, all years of the household", bytes, "bytes/point", Some(0.48))];
    figures.extend(photovoltaic(&folder.path().join("pv")));
    figures.extend(questions(&path, &table));
    figures.extend(opening(folder.path(), &table));
    figures.push(full_log(&folder.path().join("log"), &table));
    figures
}

fn lower(name: &str, value: f64, unit: &'static str, target: Option<f64>) -> Figure {
    Figure { name: name.into(), value, unit, better: "lower", target }
}

fn data(file: &str) -> PathBuf {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");
    let folder = std::env::var_os("MEMCORE_TEST_DATA").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    folder.join("telemetry").join(file)
}

/// Two million rows, where the file is and `xz` can read it.
pub(crate) fn all_years() -> Option<Table> {
    let file = data("uci_household_1min_full.csv.xz");
    let mut child = Command::new("xz").arg("-dc").arg(file).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    let lines = BufReader::new(child.stdout.take()?).lines().skip(1);
    let mut table = Table { times: Vec::new(), columns: vec![Vec::new(); WIDTH] };
    for line in lines.map_while(Result::ok) {
        let mut fields = line.split(',');
        let time = format!("{}:00Z", fields.next()?.replacen(' ', "T", 1));
        table.times.push(time.parse().ok()?);
        table.columns.iter_mut().for_each(|column| column.push(fields.next().and_then(|text| text.parse().ok())));
    }
    (child.wait().ok()?.success() && !table.times.is_empty()).then_some(table)
}

/// Full precision floats: 15 min of a PV system over years, where the file is.
fn photovoltaic(path: &Path) -> Option<Figure> {
    let file = std::fs::File::open(data("pvanalytics_system_50_ac_power_2_full_DST.parquet")).ok()?;
    let reader = SerializedFileReader::new(file).ok()?;
    let row = |row: parquet::record::Row| Some((row.get_timestamp_micros(0).ok()?, f64::from(row.get_float(1).ok()?)));
    let rows: Vec<(i64, f64)> = reader.get_row_iter(None).ok()?.filter_map(|found| row(found.ok()?)).collect();
    let store = open(path, SyncPolicy::Os, 1);
    for part in rows.chunks(1000) {
        let times = part.iter().map(|(time, _)| Timestamp::from_micros(*time)).collect();
        let values = part.iter().map(|(_, value)| Some(*value)).collect();
        store.append(&Batch::new(device(), names(1), times, values).expect("a batch that fits")).expect("appended");
    }
    store.seal().expect("sealed");
    let stats = store.stats();
    let bytes = stats.chunk_bytes as f64 / stats.points() as f64;
    Some(lower("store size, PV at full precision", bytes, "bytes/point", Some(1.9)))
}

/// Milliseconds of CPU, after a first time that is not counted.
fn timed(store: &Store, query: &Query) -> f64 {
    const REPEATS: u32 = 10;
    assert!(store.query(query).expect("an answer").rows() > 0);
    let before = cpu();
    (0..REPEATS).for_each(|_| assert!(store.query(query).expect("an answer").rows() > 0));
    (cpu() - before).as_secs_f64() / f64::from(REPEATS) * 1e3
}

fn questions(path: &Path, table: &Table) -> Vec<Figure> {
    let store = open(path, SyncPolicy::Os, WIDTH);
    let one = || Query::of("home1.meter.p").expect("a pattern");
    let all = || Query::of("home1.meter.>").expect("a pattern");
    let four = |query: Query| {
        let aggregates = [Aggregate::Min, Aggregate::Max, Aggregate::Mean, Aggregate::Count];
        aggregates.into_iter().fold(query, Query::aggregate)
    };
    let hours = |hours: i64| Every::Fixed(Span::from_seconds(hours * 3600));
    let end = table.times[table.times.len() - 1];
    let year = one().from(end.saturating_add(Span::from_seconds(-365 * 86_400)));
    let months = Every::calendar(CalendarUnit::Month, "Europe/Paris").expect("a zone");
    vec![
        lower(
            "store, 2 M points of a channel to aligned buckets of 1 d",
            timed(&store, &four(one().every(hours(24)))),
            "ms",
            Some(0.5),
        ),
        lower(
            "store, 2 M points of a channel to aligned buckets of 1 h",
            timed(&store, &four(one().every(hours(1)))),
            "ms",
            None,
        ),
        lower("store, a year of a channel, raw", timed(&store, &year), "ms", None),
        lower(
            "store, months of 7 channels, Europe/Paris",
            timed(&store, &all().every(months).aggregate(Aggregate::Sum)),
            "ms",
            None,
        ),
    ]
}

fn opening(folder: &Path, table: &Table) -> Vec<Figure> {
    let chunks = (CHUNKS * scale()).max(8.0);
    let (small, large) =
        (of_chunks(&folder.join("quarter"), table, chunks / 4.0), of_chunks(&folder.join("whole"), table, chunks));
    let time = |path: &Path, read_only: bool| {
        let options = StoreOptions::default().seal_rows(CHUNK_ROWS);
        let before = cpu();
        let store = if read_only { Store::open_read_only(path, options) } else { Store::open(path, options) };
        let spent = (cpu() - before).as_secs_f64();
        drop(store.expect("a store"));
        spent
    };
    // Once to settle what the writer left, then as every morning.
    let again = |path: &Path, read_only| {
        time(path, read_only);
        (0..5).map(|_| time(path, read_only)).fold(f64::INFINITY, f64::min)
    };
    let (quarter, whole) = (again(&small.0, false), again(&large.0, false));
    let slope = (whole - quarter) / (large.1 - small.1) as f64 * 1e6;
    let title = |how: &str| format!("store, open {how} a store of {} chunks", large.1);
    vec![
        lower(&title("to write"), whole, "s CPU", Some(2.0)),
        lower("store, open to write, each further chunk", slope, "us", None),
        lower(&title("to read"), again(&large.0, true), "s CPU", Some(2.0)),
    ]
}

/// A store of about so many chunks, closed.
fn of_chunks(path: &Path, table: &Table, chunks: f64) -> (PathBuf, usize) {
    let options = StoreOptions::default().sync(SyncPolicy::Os).seal_rows(CHUNK_ROWS);
    let store = Store::open(path, options).expect("a store");
    let channel = |at: usize| Channel::gauge(names(WIDTH)[at].as_str(), Unit::Watt).and_then(|c| c.build());
    store
        .register(&device(), &(0..WIDTH).map(|at| channel(at).expect("a channel")).collect::<Vec<_>>())
        .expect("registered");
    let names = names(WIDTH);
    let length = table.times[table.times.len() - 1].since(table.times[0]).as_micros() + 60_000_000;
    for start in 0..chunks as usize {
        let (lap, row) = (start * CHUNK_ROWS / table.times.len(), start * CHUNK_ROWS % table.times.len());
        let batch = table.batch(&names, row, CHUNK_ROWS);
        let later = batch.times().iter().map(|time| time.saturating_add(Span::from_micros(lap as i64 * length))).collect();
        let values = (0..WIDTH).flat_map(|at| batch.column(at).to_vec()).collect();
        store
            .append(&Batch::new(device(), Arc::clone(&names), later, values).expect("a batch that fits"))
            .expect("appended");
    }
    store.seal().expect("sealed");
    let found = store.stats().chunks;
    store.close().expect("closed");
    (path.to_owned(), found)
}

/// Opening beside a log that is as full as it gets: the most that a restart has to read.
fn full_log(path: &Path, table: &Table) -> Figure {
    let options = || StoreOptions::default().sync(SyncPolicy::Interval(Duration::from_secs(1))).seal_rows(1 << 20);
    let store = Store::open(path, options()).expect("a store");
    let names = names(1);
    let channel = Channel::gauge(names[0].as_str(), Unit::Watt).and_then(|channel| channel.build()).expect("a channel");
    let devices: Vec<memcore::model::DeviceName> =
        (0..40).map(|n| format!("home{n}.meter").parse().expect("a name")).collect();
    devices.iter().for_each(|device| store.register(device, std::slice::from_ref(&channel)).expect("registered"));
    let most = (StoreOptions::default().log_bytes as f64 * 0.95 * scale()) as u64;
    let mut row = 0;
    while store.stats().log_bytes < most {
        for _ in 0..10_000 {
            let at = row / devices.len() % table.times.len();
            let batch = Batch::new(
                devices[row % devices.len()].clone(),
                Arc::clone(&names),
                vec![table.times[at]],
                vec![Some(row as f64)],
            );
            store.append(&batch.expect("a batch that fits")).expect("appended");
            row += 1;
        }
        store.sync().expect("synced");
    }
    store.close().expect("closed");
    let before = cpu();
    let store = Store::open(path, options()).expect("a store");
    let spent = (cpu() - before).as_secs_f64();
    assert_eq!(store.stats().points(), row as u64);
    let name = format!("store, open beside a log of {} MB in readings of one value", most >> 20);
    lower(&name, spent, "s CPU", Some(2.0))
}
