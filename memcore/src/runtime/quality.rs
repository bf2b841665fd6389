//! Writing qualities beside values: in the same row, so that both hold or neither does.

use std::borrow::Cow;

use super::bulk::Bulk;
use super::embedded::Memcore;
use super::write::{Column, Stored};
use crate::error::Result;
use crate::model::{Channel, DeviceName, Qualities, Quality, Quantity, SeriesName, SetAside, Timestamp, Unit};

impl Memcore {
    /// As [`write`](Self::write), with how the values came about: one [`Quality`] for all, or one a row. It stands in the series
    /// `<series>.quality`, which is registered where it is not; where a value was measured nothing stands there. A value
    /// that is [`Quality::Invalid`] is absent, and not counted.
    ///
    /// # Errors
    /// As there; [`Invalid`](crate::ErrorKind::Invalid) for qualities of another number than times,
    /// [`Conflict`](crate::ErrorKind::Conflict) where the name of the qualities is that of another kind of series.
    pub fn write_with_quality<'a>(
        &self,
        series: &SeriesName,
        times: &[Timestamp],
        values: &[Option<f64>],
        unit: Option<Unit>,
        quality: impl Into<Qualities<'a>>,
    ) -> Result<usize> {
        let column = Column { channel: series.channel.clone(), values, unit, quality: Some(quality.into()) };
        self.write_rows(&series.device, times, &[column])
    }

    /// The registered channel of the qualities of that channel's values.
    pub(super) fn quality_channel(&self, device: &DeviceName, channel: &Channel) -> Option<Channel> {
        let name = channel.name.quality().ok()?;
        let registered = self.store().channel(&device.channel(name));
        registered
            .filter(|registered| registered.quantity == Quantity::Quality)
            .map(|registered| beside(registered, channel))
    }
}

impl Bulk {
    /// As [`Memcore::write_with_quality`], to be durable with the next commit.
    ///
    /// # Errors
    /// As there; nothing of this call is written then, and the load may go on.
    pub fn write_with_quality<'a>(
        &mut self,
        series: &SeriesName,
        times: &[Timestamp],
        values: &[Option<f64>],
        unit: Option<Unit>,
        quality: impl Into<Qualities<'a>>,
    ) -> Result<usize> {
        let column = Column { channel: series.channel.clone(), values, unit, quality: Some(quality.into()) };
        self.write_rows(&series.device, times, &[column])
    }
}

/// The channel of qualities as they come with values of that channel: at the values' own times, so labelled as these are,
/// whatever both were registered with.
pub(super) fn beside(qualities: Channel, channel: &Channel) -> Channel {
    Channel { label: channel.label, cadence: channel.cadence, ..qualities }
}

/// What is to stand in a series of qualities, by row.
pub(super) type Marks = Vec<(usize, Quality)>;

/// The rows whose reported value did not become one.
pub(super) fn refused(reported: &[Option<f64>], stored: &Stored<'_>) -> Marks {
    let pairs = reported.iter().zip(stored.values.iter()).enumerate();
    pairs.filter(|(_, (given, taken))| given.is_some() && taken.is_none()).map(|(row, _)| (row, Quality::Invalid)).collect()
}

/// What is told of the rows; values that are told to be invalid are taken out, and counted.
pub(super) fn told(
    reported: &[Option<f64>],
    stored: &mut Stored<'_>,
    qualities: &Qualities<'_>,
    aside: &mut SetAside,
) -> Marks {
    let mut marks = refused(reported, stored);
    for (row, given) in reported.iter().enumerate() {
        let Some(quality) = qualities.of(row).filter(|quality| *quality != Quality::Measured) else { continue };
        let is_value = stored.values[row].is_some();
        if quality != Quality::Invalid {
            marks.extend(is_value.then_some((row, quality)));
        } else if is_value {
            stored.values.to_mut()[row] = None;
            aside.invalid += 1;
            marks.push((row, quality));
        } else if given.is_none() && matches!(qualities, Qualities::Each(_)) {
            // Each row says of itself what it is: here that the source had no value.
            marks.push((row, quality));
        }
    }
    marks
}

/// Puts marks into the column of qualities, which is added where it is not among the columns.
pub(super) fn mark(columns: &mut Vec<Stored<'_>>, channel: Channel, rows: usize, marks: Marks) {
    if marks.is_empty() {
        return;
    }
    let place = columns.iter().position(|column| column.channel.name == channel.name).unwrap_or(columns.len());
    if place == columns.len() {
        columns.push(Stored { channel, values: Cow::Owned(vec![None; rows]), beside: true });
    }
    let values = columns[place].values.to_mut();
    marks.into_iter().for_each(|(row, quality)| values[row] = Some(quality.number()));
}
