//! Batches as the payload of bus messages: binary, so that a message costs one allocation and no text.
//!
//! Internal to one version of memcore: the first byte says which form it is, and a process refuses one it does not know.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::error::{Error, ErrorKind, Result};
use crate::model::{Batch, ChannelName, DeviceName, SequencePosition, Timestamp};

const FORM: u8 = 1;

/// Channel lists that a decoder remembers. Full-policy: forget them all; they come back by themselves.
const LISTS_MAX: usize = 16_384;

/// Writes a batch: form, head (device and channels), position, rows, times, presence bits, values.
pub(crate) fn encode(batch: &Batch) -> Bytes {
    let slots = batch.rows() * batch.channels().len();
    let mut out = Vec::with_capacity(64 + batch.channels().len() * 16 + batch.rows() * 8 + slots * 9);
    out.extend_from_slice(&[FORM, 0, 0, 0, 0]);
    let name = batch.device();
    let names = [&name.operator, &name.site, &name.device];
    for text in names.into_iter().map(AsRef::as_ref).chain(batch.channels().iter().map(AsRef::as_ref)) {
        let text: &str = text;
        // Names have at most 64 bytes, channels at most 128.
        out.push(text.len() as u8);
        out.extend_from_slice(text.as_bytes());
    }
    let head = (out.len() - 5) as u32;
    out[1..5].copy_from_slice(&head.to_le_bytes());
    let SequencePosition { boot, sequence } = batch.position().unwrap_or(SequencePosition { boot: 0, sequence: 0 });
    out.extend_from_slice(&boot.to_le_bytes());
    out.extend_from_slice(&sequence.to_le_bytes());
    out.extend_from_slice(&(batch.rows() as u32).to_le_bytes());
    batch.times().iter().for_each(|time| out.extend_from_slice(&time.as_micros().to_le_bytes()));
    let values = batch.values();
    let bits = |eight: &[Option<f64>]| eight.iter().rev().fold(0, |bits, value| bits << 1 | u8::from(value.is_some()));
    out.extend(values.chunks(8).map(bits));
    values.iter().for_each(|value| out.extend_from_slice(&value.unwrap_or(0.0).to_le_bytes()));
    out.into()
}

/// Reads batches, and shares the channel list between those of one device.
#[derive(Debug, Default)]
pub(crate) struct PayloadDecoder {
    heads: HashMap<Bytes, (DeviceName, Arc<[ChannelName]>)>,
}

impl PayloadDecoder {
    /// Reads what [`encode`] wrote.
    ///
    /// # Errors
    /// [`Unsupported`](ErrorKind::Unsupported) for another form, [`Damaged`](ErrorKind::Damaged) for a short payload.
    pub(crate) fn decode(&mut self, payload: &Bytes) -> Result<Batch> {
        let damaged = || Error::new(ErrorKind::Damaged, "a bus message is shorter than it says");
        let mut rest = payload.clone();
        let mut take = |length: usize| (rest.len() >= length).then(|| rest.split_to(length)).ok_or_else(damaged);
        if take(1)?[0] != FORM {
            return Err(Error::new(ErrorKind::Unsupported, "a bus message is of another version of memcore"));
        }
        let head_length = u32::from_le_bytes(fixed(&take(4)?)?) as usize;
        let (device, channels) = self.head(take(head_length)?)?;
        let boot = u64::from_le_bytes(fixed(&take(8)?)?);
        let sequence = u64::from_le_bytes(fixed(&take(8)?)?);
        let rows = u32::from_le_bytes(fixed(&take(4)?)?) as usize;
        let slots = rows.checked_mul(channels.len()).ok_or_else(damaged)?;
        let times = take(rows.checked_mul(8).ok_or_else(damaged)?)?;
        let bits = take(slots.div_ceil(8))?;
        let values = take(slots.checked_mul(8).ok_or_else(damaged)?)?;
        let times = times.as_chunks::<8>().0.iter().map(|micros| Timestamp::from_micros(i64::from_le_bytes(*micros)));
        let values = values.as_chunks::<8>().0.iter().enumerate();
        let values =
            values.map(|(slot, value)| (bits[slot / 8] >> (slot % 8) & 1 == 1).then(|| f64::from_le_bytes(*value)));
        let batch = Batch::new(device, channels, times.collect(), values.collect())?;
        Ok(if sequence == 0 { batch } else { batch.at(SequencePosition { boot, sequence }) })
    }

    fn head(&mut self, bytes: Bytes) -> Result<(DeviceName, Arc<[ChannelName]>)> {
        if let Some((device, channels)) = self.heads.get(&bytes) {
            return Ok((device.clone(), channels.clone()));
        }
        let damaged = || Error::new(ErrorKind::Damaged, "a bus message names no device");
        let mut rest = &bytes[..];
        let mut names = Vec::new();
        while let Some((length, after)) = rest.split_first() {
            let (name, after) = after.split_at_checked(usize::from(*length)).ok_or_else(damaged)?;
            names.push(std::str::from_utf8(name).map_err(|_| damaged())?);
            rest = after;
        }
        let [operator, site, device, channels @ ..] = &names[..] else { return Err(damaged()) };
        let device = DeviceName::new(operator, site, device)?;
        let channels: Arc<[ChannelName]> =
            channels.iter().map(|name| ChannelName::new(name)).collect::<Result<Vec<_>>>()?.into();
        if self.heads.len() >= LISTS_MAX {
            self.heads.clear();
        }
        // A copy: the key must not keep the whole payload alive.
        self.heads.insert(Bytes::copy_from_slice(&bytes), (device.clone(), channels.clone()));
        Ok((device, channels))
    }
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N]> {
    bytes.try_into().map_err(|_| Error::new(ErrorKind::Damaged, "a bus message is shorter than it says"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch() -> Batch {
        let channels: Arc<[ChannelName]> = ["power", "node3.power"].map(|name| ChannelName::new(name).unwrap()).into();
        let times = [1, 2, 3].map(Timestamp::from_seconds).to_vec();
        let values = vec![Some(1.5), None, Some(-0.0), Some(f64::NAN), Some(0.1), None];
        Batch::new("acme/home1.hem".parse().unwrap(), channels, times, values).unwrap()
    }

    #[test]
    fn a_batch_comes_back_bit_for_bit_and_channel_lists_are_shared() {
        let mut decoder = PayloadDecoder::default();
        let sent = batch().at(SequencePosition { boot: 7, sequence: 9 });
        let (first, second) = (decoder.decode(&encode(&sent)).unwrap(), decoder.decode(&encode(&batch())).unwrap());
        assert_eq!((first.position(), second.position()), (sent.position(), None));
        assert_eq!(format!("{first:?}"), format!("{sent:?}"));
        assert!(first.column(0)[2].unwrap().is_sign_negative());
        assert!(Arc::ptr_eq(first.channels(), second.channels()));
    }

    #[test]
    fn a_cut_payload_is_an_error_at_every_length() {
        let whole = encode(&batch());
        for length in 0..whole.len() {
            assert!(PayloadDecoder::default().decode(&whole.slice(..length)).is_err(), "{length} bytes");
        }
    }
}
