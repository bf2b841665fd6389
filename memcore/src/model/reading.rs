//! Readings: samples, and batches of rows that share their times.

use std::sync::Arc;

use super::name::{ChannelName, DeviceName};
use super::time::Timestamp;
use crate::error::{Error, Result};

/// One value of one channel at one instant, in the base unit of the channel's quantity and in passive sign.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// When it was measured, at the source.
    pub time: Timestamp,
    /// The value.
    pub value: f64,
}

/// One sample with the series it belongs to, as live subscribers see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The device.
    pub device: DeviceName,
    /// The channel.
    pub channel: ChannelName,
    /// Time and value.
    pub sample: Sample,
}

/// Where in a device's own numbering a batch stands, so that a repetition is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SequencePosition {
    /// The numbering: a device that cannot keep its count across a restart starts a new one.
    pub boot: u64,
    /// The number within it, rising from 1.
    pub sequence: u64,
}

/// Rows of one device: times shared by several channels, in base units and passive sign. Times need not be sorted
/// or distinct. An absent value is a row in which that channel was not measured.
///
/// The list of channels is shared between the batches of one session, so that a batch costs two allocations however
/// many channels it has, and the store recognises a list it has seen by its address.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    device: DeviceName,
    position: Option<SequencePosition>,
    channels: Arc<[ChannelName]>,
    times: Vec<Timestamp>,
    /// Column by column: `values[channel * rows + row]`.
    values: Vec<Option<f64>>,
}

impl Batch {
    /// Rows of `device`; `values` stand column by column, `channels.len() * times.len()` of them.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where the lengths do not fit.
    pub fn new(
        device: DeviceName,
        channels: Arc<[ChannelName]>,
        times: Vec<Timestamp>,
        values: Vec<Option<f64>>,
    ) -> Result<Self> {
        let expected = channels.len() * times.len();
        if values.len() != expected {
            let (have, rows, width) = (values.len(), times.len(), channels.len());
            return Err(Error::invalid(format!(
                "batch of {device} has {have} values, expected {rows} rows x {width} channels"
            )));
        }
        Ok(Self { device, position: None, channels, times, values })
    }

    /// The same rows with the device's own number for them.
    #[must_use]
    pub fn at(mut self, position: SequencePosition) -> Self {
        self.position = Some(position);
        self
    }

    /// The device whose channels these are.
    #[must_use]
    pub fn device(&self) -> &DeviceName {
        &self.device
    }

    /// The device's own number for this batch, if it came over the link.
    #[must_use]
    pub fn position(&self) -> Option<SequencePosition> {
        self.position
    }

    /// The channels, one a column.
    #[must_use]
    pub fn channels(&self) -> &Arc<[ChannelName]> {
        &self.channels
    }

    /// One time a row.
    #[must_use]
    pub fn times(&self) -> &[Timestamp] {
        &self.times
    }

    /// How many rows there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.times.len()
    }

    /// The values of the channel at that place in [`channels`](Self::channels), one a row.
    #[must_use]
    pub fn column(&self, channel: usize) -> &[Option<f64>] {
        &self.values[channel * self.rows()..][..self.rows()]
    }

    /// All values, column by column: `values[channel * rows + row]`.
    #[must_use]
    pub fn values(&self) -> &[Option<f64>] {
        &self.values
    }

    /// All values, column by column, to be converted in place.
    pub fn values_mut(&mut self) -> &mut [Option<f64>] {
        &mut self.values
    }

    /// How many values are present.
    #[must_use]
    pub fn points(&self) -> usize {
        self.values.iter().flatten().count()
    }

    /// Every present value as a [`Reading`], column by column.
    pub fn readings(&self) -> impl Iterator<Item = Reading> + '_ {
        self.channels.iter().enumerate().flat_map(move |(at, channel)| {
            self.times.iter().zip(self.column(at)).filter_map(move |(time, value)| {
                value.map(|value| Reading {
                    device: self.device.clone(),
                    channel: channel.clone(),
                    sample: Sample { time: *time, value },
                })
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_keeps_gaps_apart_from_values() {
        let channels: Arc<[ChannelName]> = ["power", "voltage"].map(|name| ChannelName::new(name).unwrap()).into();
        let device: DeviceName = "home1.pv".parse().unwrap();
        let times = vec![Timestamp::from_seconds(1), Timestamp::from_seconds(2)];
        let values = vec![Some(1.0), None, Some(230.0), Some(231.0)];
        let batch = Batch::new(device.clone(), channels.clone(), times.clone(), values).unwrap();
        assert_eq!((batch.points(), batch.readings().count()), (3, 3));
        assert_eq!(batch.column(1), [Some(230.0), Some(231.0)]);

        let e = Batch::new(device, channels, times, vec![Some(1.0)]).unwrap_err();
        assert_eq!(e.message(), "batch of home1.pv has 1 values, expected 2 rows x 2 channels");
    }
}
