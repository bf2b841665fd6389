//! One size of growth, in a process of its own: `figures growth-case ingest|read|write ...` prints one JSON object.
//!
//! Readings come as a gateway gives them: minute by minute, each device's eight values in a batch of one row.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use memcore::model::{Batch, Channel, ChannelName, DeviceName, Pattern, Span, Timestamp, Unit};
use memcore::store::{Aggregate, Every, Query, Store, StoreOptions, SyncPolicy};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

use crate::process::resident_mb;

pub(crate) const WIDTH: u64 = 8;
const START: i64 = 1_700_000_000;
/// Values that are dealt out: a prime, so that devices never fall into step.
const POOL: usize = 65_521;
/// How often memory is looked at, in rows of every device.
const LOOKS: u64 = 64;

/// Runs one case and prints what was found.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<u64>().map_err(|e| format!("{text:?}: {e}"));
    let found = match args[..] {
        ["ingest", path, devices, rows, seconds] => {
            ingest(Path::new(path), number(devices)?, number(rows)?, number(seconds)? as i64)
        }
        ["read", path, devices, rows, seconds] => {
            read(Path::new(path), number(devices)?, number(rows)?, number(seconds)? as i64)
        }
        ["write", path] => write(Path::new(path)),
        _ => return Err("expected `growth-case ingest|read PATH DEVICES ROWS SECONDS` or `write PATH`".to_owned()),
    };
    println!("{}", found.map_err(|e| e.to_string())?);
    Ok(())
}

fn device(number: u64) -> DeviceName {
    format!("home{number}.hem").parse().expect("a name")
}

fn channels() -> Vec<Channel> {
    let power = |at| Channel::gauge(&format!("node{at}.power"), Unit::Watt).and_then(|channel| channel.build());
    (0..WIDTH).map(|at| power(at).expect("a channel")).collect()
}

/// Powers to a tenth of a watt: a daily course and noise.
fn pool() -> Vec<f64> {
    let mut state = 1u64;
    let mut value = |at: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (1000.0 + 800.0 * (at as f64 / 229.0).sin() * 10.0 + (state >> 54) as f64).round() / 10.0
    };
    (0..POOL).map(&mut value).collect()
}

fn options() -> StoreOptions {
    StoreOptions::default().sync(SyncPolicy::Interval(Duration::from_secs(1)))
}

fn spent(of: ClockId) -> Duration {
    let time = clock_gettime(of);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

type Found = memcore::Result<Value>;

fn ingest(path: &Path, devices: u64, rows: u64, seconds: i64) -> Found {
    let store = Store::open(path, options())?;
    let described = channels();
    let of: Vec<DeviceName> = (0..devices).map(device).collect();
    let begun = spent(ClockId::ProcessCPUTime);
    of.iter().try_for_each(|device| store.register(device, &described))?;
    let registered = spent(ClockId::ProcessCPUTime) - begun;

    let (names, values) = (described.iter().map(|channel| channel.name.clone()).collect::<Arc<[_]>>(), pool());
    let (before, clock, mut making) = (spent(ClockId::ProcessCPUTime), Instant::now(), Duration::ZERO);
    let mut resident = Vec::new();
    let every = (rows / LOOKS).max(1);
    for row in 0..rows {
        let started = spent(ClockId::ThreadCPUTime);
        let time = Timestamp::from_seconds(START + row as i64 * seconds);
        let batches: Vec<Batch> = of.iter().zip(0..).map(|(of, n)| reading(of, n, row, time, &names, &values)).collect();
        making += spent(ClockId::ThreadCPUTime) - started;
        for batch in &batches {
            store.append(batch)?;
        }
        if row % every == every - 1 {
            resident.push(resident_mb(std::process::id()));
        }
    }
    let used = spent(ClockId::ProcessCPUTime) - before - making;
    let elapsed = clock.elapsed();
    let sealing = spent(ClockId::ProcessCPUTime);
    store.seal()?;
    let sealing = spent(ClockId::ProcessCPUTime) - sealing;
    let stats = store.stats();
    store.close()?;
    let points = (devices * rows * WIDTH) as f64;
    assert_eq!(stats.points() as f64, points);
    Ok(json!({
        "registering_us": registered.as_secs_f64() / devices as f64 * 1e6,
        "ns": (used + sealing).as_secs_f64() / points * 1e9,
        "cpu": used.as_secs_f64(),
        "wall": elapsed.as_secs_f64(),
        "bytes": stats.chunk_bytes as f64 / points,
        "resident": resident,
    }))
}

fn reading(of: &DeviceName, number: u64, row: u64, time: Timestamp, names: &Arc<[ChannelName]>, pool: &[f64]) -> Batch {
    let value = |at: u64| Some(pool[((row + (number * WIDTH + at) * 7919) % POOL as u64) as usize]);
    Batch::new(of.clone(), Arc::clone(names), vec![time], (0..WIDTH).map(value).collect()).expect("a batch that fits")
}

/// Opens to write, and says what that took.
fn write(path: &Path) -> Found {
    let before = spent(ClockId::ProcessCPUTime);
    let begun = Instant::now();
    let store = Store::open(path, options())?;
    let found = json!({
        "cpu_ms": (spent(ClockId::ProcessCPUTime) - before).as_secs_f64() * 1e3,
        "wall_ms": begun.elapsed().as_secs_f64() * 1e3,
        "resident": resident_mb(std::process::id()),
    });
    store.close()?;
    Ok(found)
}

/// Opens to read, asks, and says what that took.
fn read(path: &Path, devices: u64, rows: u64, seconds: i64) -> Found {
    let before = spent(ClockId::ProcessCPUTime);
    let store = Store::open_read_only(path, options())?;
    let opening = spent(ClockId::ProcessCPUTime) - before;
    let resident = resident_mb(std::process::id());
    let end = Timestamp::from_seconds(START + rows as i64 * seconds);
    let pattern = |text: &str| text.parse::<Pattern>().expect("a pattern");
    let one = || Query::of(&format!("home{}.hem.node3.power", devices / 2)).expect("a pattern");
    let back = |span: i64| end.saturating_add(Span::from_seconds(-span));
    let whole = Span::from_micros((rows as i64 * seconds * 1_000_000 / 1000 + 1).max(1));
    let four = [Aggregate::Min, Aggregate::Max, Aggregate::Mean, Aggregate::Count];
    let buckets = four.into_iter().fold(one().every(Every::Fixed(whole)), Query::aggregate);
    let ask = |query: Query| timed(|| store.query(&query).map(|result| assert!(result.rows() > 0)));
    Ok(json!({
        "open_ms": opening.as_secs_f64() * 1e3,
        "resident": resident,
        "hour_us": ask(one().from(back(3600)))?,
        "day_us": ask(one().from(back(86_400)))?,
        "buckets_us": ask(buckets)?,
        "latest_us": timed(|| store.latest(pattern(">")).map(|found| assert_eq!(found.len() as u64, devices * WIDTH)))?,
    }))
}

/// Microseconds of CPU, after a first time that is not counted.
fn timed(mut ask: impl FnMut() -> memcore::Result<()>) -> memcore::Result<f64> {
    const REPEATS: u32 = 5;
    ask()?;
    let before = spent(ClockId::ProcessCPUTime);
    (0..REPEATS).try_for_each(|_| ask())?;
    Ok((spent(ClockId::ProcessCPUTime) - before).as_secs_f64() / f64::from(REPEATS) * 1e6)
}
