//! Consecutive data messages become one batch: checked, in base units, in passive sign, labelled by the start.

use std::sync::Arc;

use super::Moment;
use super::code::Code;
use super::data::{ChannelTable, Problem};
use super::limits::Limits;
use super::message::Rows;
use crate::model::{Batch, Channel, ChannelName, DeviceName, LabelPosition, SequencePosition, Span, Timestamp};

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

    /// Takes the rows of one message; those that are implausible are set aside.
    pub(crate) fn take(
        &mut self,
        rows: Rows,
        table: &ChannelTable,
        now: Moment,
        limits: &Limits,
        problems: &mut Vec<Problem>,
    ) {
        self.sequence = rows.sequence;
        let width = table.channels().len();
        let latest = now.wall.saturating_add(limits.time_ahead);
        for (at, time) in rows.times.iter().enumerate() {
            if *time > latest {
                let detail = format!("{time} is more than {} ahead of the server's {}", limits.time_ahead, now.wall);
                problems.push(Problem { channel: None, code: Code::TimeAhead, detail });
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

/// A value within the channel's declared range, or what is wrong with it.
pub(crate) fn plausible(value: Option<f64>, channel: &Channel, problems: &mut Vec<Problem>) -> Option<f64> {
    let (value, range) = match (value, channel.range) {
        (Some(value), Some(range)) if !range.contains(value) => (value, range),
        _ => return value,
    };
    let (unit, low, high) = (channel.unit, range.low(), range.high());
    let detail = format!("{value} {unit} lies outside the declared {low} to {high} {unit}");
    problems.push(Problem { channel: Some(channel.name.to_string()), code: Code::OutOfRange, detail });
    None
}

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

impl Layout {
    pub(crate) fn of(table: &ChannelTable) -> Self {
        let shift = |channel: &Channel| match (channel.label, channel.cadence) {
            (LabelPosition::End, Some(cadence)) => Span::from_micros(-cadence.as_micros()),
            _ => Span::default(),
        };
        let channels: Vec<_> = table.channels().iter().map(|channel| (channel.clone(), shift(channel))).collect();
        let mut shifts: Vec<_> = channels.iter().map(|(_, shift)| *shift).collect();
        shifts.sort_unstable();
        shifts.dedup();
        Self { names: channels.iter().map(|(channel, _)| channel.name.clone()).collect(), channels, shifts }
    }
}
