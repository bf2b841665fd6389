//! What `benches/peers` asks of the core: rows in by the way that devices' readings take, and durable commits.
//!
//! `figures peer ingest FILE STORE ROWS` writes the points of a file in batches of so many rows, seals and closes, and prints
//! seconds of CPU and of the clock. The file has the number of rows, times in microseconds, and columns, NaN where there is
//! no value. `figures peer commit FOLDER ROUNDS` prints latencies of durable commits and of raw syncs between them.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use memcore::model::{Batch, ChannelName, Timestamp};
use memcore::store::SyncPolicy;

use crate::store::{cpu, device, names, open};

/// Rows for which batches are made before the clock runs again.
const PART: usize = 200_000;
/// The channels of the household.
const WIDTH: usize = 7;
/// The bytes of a reading in the log, for the raw write that commits are compared with.
const RAW_BYTES: usize = 110;

/// Prints one JSON object.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<usize>().map_err(|e| format!("{text:?}: {e}"));
    let found = match args[..] {
        ["ingest", file, store, rows] => ingest(Path::new(file), Path::new(store), number(rows)?),
        ["commit", folder, rounds] => commits(Path::new(folder), number(rounds)?),
        _ => return Err("expected `peer ingest FILE STORE ROWS` or `peer commit FOLDER ROUNDS`".to_owned()),
    };
    println!("{}", found.map_err(|e| e.to_string())?);
    Ok(())
}

/// Times, and columns of as many values.
struct Points {
    times: Vec<i64>,
    columns: Vec<Vec<f64>>,
}

impl Points {
    fn read(file: &Path) -> std::io::Result<Self> {
        let bytes = std::fs::read(file)?;
        let mut words = bytes.chunks_exact(8).map(|word| word.try_into().expect("eight bytes"));
        let rows = words.next().map_or(0, u64::from_le_bytes) as usize;
        let times = words.by_ref().take(rows).map(i64::from_le_bytes).collect();
        let columns = (0..WIDTH).map(|_| words.by_ref().take(rows).map(f64::from_le_bytes).collect()).collect();
        Ok(Self { times, columns })
    }

    fn batch(&self, names: &Arc<[ChannelName]>, start: usize, end: usize) -> Batch {
        let times = self.times[start..end].iter().map(|time| Timestamp::from_micros(*time)).collect();
        let there = |value: &f64| (!value.is_nan()).then_some(*value);
        let values = self.columns.iter().flat_map(|column| column[start..end].iter().map(there)).collect();
        Batch::new(device(), Arc::clone(names), times, values).expect("a batch that fits")
    }
}

type Found = Result<serde_json::Value, Box<dyn std::error::Error>>;

fn ingest(file: &Path, path: &Path, rows: usize) -> Found {
    let points = Points::read(file)?;
    let store = open(path, SyncPolicy::Interval(Duration::from_secs(1)), WIDTH);
    let names = names(WIDTH);
    // What fits into one frame of the log, however large the batch is meant to be.
    let rows = rows.clamp(1, 100_000);
    let (mut spent, mut waited) = (Duration::ZERO, Duration::ZERO);
    let starts: Vec<usize> = (0..points.times.len()).step_by(rows).collect();
    for part in starts.chunks((PART / rows).max(1)) {
        let end = |start: usize| (start + rows).min(points.times.len());
        let batches: Vec<Batch> = part.iter().map(|start| points.batch(&names, *start, end(*start))).collect();
        let (before, begun) = (cpu(), Instant::now());
        for batch in &batches {
            store.append(batch)?;
        }
        (spent, waited) = (spent + cpu() - before, waited + begun.elapsed());
    }
    let (before, begun) = (cpu(), Instant::now());
    store.seal()?;
    let chunk_bytes = store.stats().chunk_bytes;
    store.close()?;
    (spent, waited) = (spent + cpu() - before, waited + begun.elapsed());
    Ok(serde_json::json!({ "cpu": spent.as_secs_f64(), "wall": waited.as_secs_f64(), "chunk_bytes": chunk_bytes }))
}

fn commits(path: &Path, rounds: usize) -> Found {
    let store = open(path, SyncPolicy::Each, WIDTH);
    let names = names(WIDTH);
    let file = std::fs::File::create(path.with_extension("raw"))?;
    std::os::unix::fs::FileExt::write_all_at(&file, &vec![0; 1 << 20], 0)?;
    file.sync_all()?;
    let (mut ours, mut raw) = (Vec::with_capacity(rounds), Vec::with_capacity(rounds));
    for round in 0..rounds {
        let times = vec![Timestamp::from_seconds(round as i64)];
        let batch = Batch::new(device(), Arc::clone(&names), times, vec![Some(round as f64); WIDTH])?;
        let begun = Instant::now();
        store.write(&batch)?;
        ours.push(begun.elapsed().as_secs_f64() * 1e6);
        let begun = Instant::now();
        std::os::unix::fs::FileExt::write_all_at(&file, &[1; RAW_BYTES], (round * RAW_BYTES) as u64)?;
        file.sync_data()?;
        raw.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    ours.sort_by(f64::total_cmp);
    raw.sort_by(f64::total_cmp);
    let (half, most) = (rounds / 2, rounds * 99 / 100);
    Ok(serde_json::json!({
        "ours p50": ours[half], "ours p99": ours[most], "raw p50": raw[half], "raw p99": raw[most]
    }))
}
