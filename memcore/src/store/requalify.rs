//! A value that is written anew without a quality was measured: what a quality series says of its time does not stand (S48).

use std::sync::Arc;

use super::device::Device;
use crate::error::Result;
use crate::model::{Batch, ChannelName, Quality, Timestamp};

/// The batch with `measured` beside each value that has no quality of its own and whose time may have one already; None where
/// there is no such value, which is nearly always so: where nothing is corrected, nothing is written.
pub(super) fn requalified(device: &Device, batch: &Batch, ids: &[u32]) -> Result<Option<Batch>> {
    if device.qualities.is_empty() {
        return Ok(None);
    }
    let mut added: Vec<(ChannelName, Vec<Option<f64>>)> = Vec::new();
    let mut own: Vec<(usize, Vec<Option<f64>>)> = Vec::new();
    for (at, id) in ids.iter().enumerate() {
        let Some(quality) = device.qualities.get(id) else { continue };
        let place = ids.iter().position(|id| id == quality);
        let told = place.map(|place| batch.column(place));
        let Some(column) = measured_anew(device, *quality, batch.times(), batch.column(at), told) else { continue };
        match place {
            Some(place) => own.push((place, column)),
            None => added.push((device.channels[*quality as usize].name.clone(), column)),
        }
    }
    if added.is_empty() && own.is_empty() {
        return Ok(None);
    }
    let channels: Arc<[ChannelName]> = batch.channels().iter().chain(added.iter().map(|(name, _)| name)).cloned().collect();
    let column = |at: usize| own.iter().find(|(place, _)| *place == at).map_or(batch.column(at), |(_, column)| column);
    let mut values = Vec::with_capacity(channels.len() * batch.rows());
    (0..ids.len()).for_each(|at| values.extend_from_slice(column(at)));
    added.iter().for_each(|(_, column)| values.extend_from_slice(column));
    let more = Batch::new(batch.device().clone(), channels, batch.times().to_vec(), values)?;
    Ok(Some(match batch.position() {
        Some(position) => more.at(position),
        None => more,
    }))
}

/// The column of qualities as it is to be written; None where it is as it was told.
fn measured_anew(
    device: &Device,
    quality: u32,
    times: &[Timestamp],
    values: &[Option<f64>],
    told: Option<&[Option<f64>]>,
) -> Option<Vec<Option<f64>>> {
    // Up to when there may be a quality: no later than that of the latest, or than anything that is sealed.
    let latest = device.latest[quality as usize].map(|known| known.time);
    let mut until = latest.or(device.newest_sealed.map(Timestamp::from_micros));
    let mut column: Option<Vec<Option<f64>>> = None;
    for (row, (time, value)) in times.iter().zip(values).enumerate() {
        let own = told.and_then(|told| told[row]);
        if own.is_some() {
            until = until.max(Some(*time));
        } else if value.is_some() && until.is_some_and(|until| *time <= until) {
            let column = column.get_or_insert_with(|| told.map_or_else(|| vec![None; times.len()], <[_]>::to_vec));
            column[row] = Some(Quality::Measured.number());
        }
    }
    column
}
