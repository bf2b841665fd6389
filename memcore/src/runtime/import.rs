//! Takes existing history in from CSV files.

use std::sync::Arc;

use serde::Serialize;

use super::embedded::Memcore;
use super::simulate::ReplayRequest;
use crate::error::Result;
use crate::model::{Batch, Channel, ChannelName, Timestamp};

/// Rows that are appended at a time.
const ROWS: usize = 16_384;

/// What an import did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct ImportReport {
    /// Rows read.
    pub rows: u64,
    /// Values stored.
    pub points: u64,
    /// Empty cells: gaps, which stay gaps.
    pub gaps: u64,
}

/// Imports a file whose header names its columns with their units (`p_kw`, `u_v`). Doing it again changes nothing: the
/// same time of the same series is the same sample. `progress` is called with the report so far.
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid), naming line, column and value; what stands before that line is stored.
pub fn import_csv(
    memcore: &Memcore,
    request: &ReplayRequest,
    mut progress: impl FnMut(&ImportReport),
) -> Result<ImportReport> {
    let replay = request.open()?;
    let channels = replay.channels().to_vec();
    let store = memcore.store();
    store.register(&request.device, &channels)?;
    let names: Arc<[ChannelName]> = channels.iter().map(|channel| channel.name.clone()).collect();
    let mut report = ImportReport::default();
    let (mut times, mut rows) = (Vec::new(), Vec::new());
    let mut last = None;
    let mut failed = None;
    for row in replay {
        match row {
            Ok(row) => {
                times.push(row.time);
                rows.push(row.values);
            }
            Err(e) => {
                failed = Some(e);
                break;
            }
        }
        if times.len() == ROWS {
            last = Some(store.append(&batch(request, &names, &channels, &mut times, &mut rows, &mut report)?)?);
            progress(&report);
        }
    }
    if !times.is_empty() {
        last = Some(store.append(&batch(request, &names, &channels, &mut times, &mut rows, &mut report)?)?);
    }
    if let Some(ticket) = last {
        store.commit(ticket)?;
    }
    progress(&report);
    failed.map_or(Ok(report), Err)
}

fn batch(
    request: &ReplayRequest,
    names: &Arc<[ChannelName]>,
    channels: &[Channel],
    times: &mut Vec<Timestamp>,
    rows: &mut Vec<Vec<Option<f64>>>,
    report: &mut ImportReport,
) -> Result<Batch> {
    let stored = |(at, channel): (usize, &Channel)| -> Vec<Option<f64>> {
        rows.iter().map(|row| row[at].map(|value| channel.to_stored(value))).collect()
    };
    let values: Vec<Option<f64>> = channels.iter().enumerate().flat_map(stored).collect();
    let batch = Batch::new(request.device.clone(), names.clone(), std::mem::take(times), values)?;
    report.rows += rows.len() as u64;
    report.points += batch.points() as u64;
    report.gaps += (rows.len() * channels.len() - batch.points()) as u64;
    rows.clear();
    Ok(batch)
}
