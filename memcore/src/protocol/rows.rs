//! Consecutive data messages become one batch: checked, in base units, in passive sign (P15), labelled by the start (P14).

use std::sync::Arc;

use super::Moment;
use super::code::Code;
use super::data::{ChannelTable, Problems};
use super::limits::Limits;
use super::message::Rows;
use crate::model::{Batch, Channel, ChannelName, DeviceName, SequencePosition, Span, Timestamp};

/// Rows collected since the last batch was handed on.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    sequence: u64,
    times: Vec<Timestamp>,
    /// `values[row * width + channel]`, as the source reports them.
    values: Vec<Option<f64>>,
}

impl Collected {
    pub(crate) fn rows(&self) -> usize {
        self.times.len()
    }

    /// Everything up to that number was refused: it is settled like what is stored, so that it is not sent for ever (P23).
    pub(crate) fn skip(&mut self, sequence: u64) {
        self.sequence = sequence;
    }

    /// Gives memory back between bursts.
    pub(crate) fn shrink(&mut self) {
        if self.times.is_empty() && self.values.capacity() > 1024 {
            (self.times, self.values) = (Vec::new(), Vec::new());
        }
    }

    /// Takes the rows of one message; those that are implausible are set aside.
    pub(crate) fn take(&mut self, rows: Rows, table: &ChannelTable, now: Moment, limits: &Limits, problems: &mut Problems) {
        self.sequence = rows.sequence;
        let width = table.channels().len();
        let latest = now.wall.saturating_add(limits.time_ahead);
        for (at, time) in rows.times.iter().enumerate() {
            if *time > latest {
                problems.add(None, Code::TimeAhead, || {
                    format!("{time} is more than {} ahead of the server's {}", limits.time_ahead, now.wall)
                });
                continue;
            }
            self.times.push(*time);
            let row = &rows.values[at * width..][..width];
            self.values
                .extend(row.iter().zip(table.channels()).map(|(value, channel)| plausible(*value, channel, problems)));
        }
    }

    /// The collected rows as one batch in stored units, column by column; nothing is left behind.
    pub(crate) fn finish(&mut self, device: &DeviceName, boot: u64, layout: &Layout) -> Option<Batch> {
        if self.sequence == 0 {
            return None;
        }
        let (rows, width) = (self.times.len(), layout.names.len());
        let mut times = Vec::with_capacity(rows * layout.shifts.len());
        let mut values = vec![None; rows * layout.shifts.len() * width];
        for (block, shift) in layout.shifts.iter().enumerate() {
            times.extend(self.times.iter().map(|time| time.saturating_add(*shift)));
            for (place, (channel, _)) in layout.channels.iter().enumerate().filter(|(_, (_, own))| own == shift) {
                let column = &mut values[(place * layout.shifts.len() + block) * rows..][..rows];
                for (row, value) in column.iter_mut().enumerate() {
                    *value = self.values[row * width + place].map(|value| channel.to_stored(value));
                }
            }
        }
        let position = SequencePosition { boot, sequence: std::mem::take(&mut self.sequence) };
        self.times.clear();
        self.values.clear();
        // The lengths fit by construction.
        Batch::new(device.clone(), layout.names.clone(), times, values).ok().map(|batch| batch.at(position))
    }
}

/// A value within the channel's declared range that its base unit can hold; what is wrong is set aside.
pub(crate) fn plausible(value: Option<f64>, channel: &Channel, problems: &mut Problems) -> Option<f64> {
    let given = value?;
    let fault = if channel.range.is_some_and(|range| !range.contains(given)) {
        Code::OutOfRange
    } else if given.abs() > UNIT_SAFE && !channel.to_stored(given).is_finite() {
        Code::BadValue
    } else {
        return value;
    };
    problems.add(Some(channel.name.as_str()), fault, || match channel.range {
        Some(range) if fault == Code::OutOfRange => {
            let (unit, low, high) = (channel.unit, range.low(), range.high());
            format!("{given} {unit} lies outside the declared {low} to {high} {unit}")
        }
        _ => format!("{given} {} is more than {} can say", channel.unit, channel.quantity.base_unit()),
    });
    None
}

/// Below this no conversion between units overflows.
const UNIT_SAFE: f64 = 1e300;

/// What all batches of a session share, made anew when channels are described.
#[derive(Debug)]
pub(crate) struct Layout {
    names: Arc<[ChannelName]>,
    /// Each channel with how far its labels are moved.
    channels: Vec<(Channel, Span)>,
    /// The distinct moves; nearly always only "not at all". A source that labels some channels by the end of their
    /// interval gets its rows once a move, each with the channels that it concerns.
    shifts: Vec<Span>,
}

/// The distinct shifts of the channels: each multiplies the rows (P14).
pub(crate) fn shifts<'a>(channels: impl Iterator<Item = &'a Channel>) -> Vec<Span> {
    let mut shifts: Vec<_> = channels.map(Channel::label_shift).collect();
    shifts.sort_unstable();
    shifts.dedup();
    shifts
}

impl Layout {
    /// How many places for values one row takes up in a batch.
    pub(crate) fn row_places(&self) -> usize {
        self.channels.len() * self.shifts.len()
    }

    pub(crate) fn of(table: &ChannelTable) -> Self {
        let channels: Vec<_> = table.channels().iter().map(|channel| (channel.clone(), channel.label_shift())).collect();
        let shifts = shifts(table.channels().iter());
        Self { names: channels.iter().map(|(channel, _)| channel.name.clone()).collect(), channels, shifts }
    }
}
