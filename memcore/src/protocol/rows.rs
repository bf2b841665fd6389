//! Consecutive data messages become one batch: checked, in base units, in passive sign (P15), labelled by the start (P14).

use std::sync::Arc;

use super::Moment;
use super::code::Code;
use super::data::{ChannelTable, Problems};
use super::limits::Limits;
use super::message::Rows;
use crate::model::{Batch, Channel, ChannelName, DeviceName, Quality, SequencePosition, Span, Taken, Timestamp};

/// Rows collected since the last batch was handed on.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    sequence: u64,
    times: Vec<Timestamp>,
    /// `values[row * width + channel]`, as they are stored.
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

    /// Takes the rows of one message; what is no value by its channel is set aside.
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
                .extend(row.iter().zip(table.channels()).map(|(value, channel)| taken((*value)?, channel, problems)));
            let stored = self.values.len() - width;
            for (place, quality) in table.qualities() {
                if row[*place].is_some() && self.values[stored + place].is_none() {
                    self.values[stored + quality] = Some(Quality::Invalid.number());
                }
            }
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
            for (place, _) in layout.own_shifts.iter().enumerate().filter(|(_, own)| *own == shift) {
                let column = &mut values[(place * layout.shifts.len() + block) * rows..][..rows];
                for (row, value) in column.iter_mut().enumerate() {
                    *value = self.values[row * width + place];
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

/// What is stored of a reported value; what is none is set aside.
#[inline]
pub(crate) fn taken(given: f64, channel: &Channel, problems: &mut Problems) -> Option<f64> {
    match channel.take(given) {
        Taken::Value(value) => Some(value),
        fault => {
            set_aside(given, fault, channel, problems);
            None
        }
    }
}

#[cold]
fn set_aside(given: f64, fault: Taken, channel: &Channel, problems: &mut Problems) {
    let (name, unit) = (Some(channel.name.as_str()), channel.unit);
    match (fault, channel.range) {
        (Taken::OutOfRange, Some(range)) => problems.add(name, Code::OutOfRange, || {
            format!("{given} {unit} lies outside the declared {} to {} {unit}", range.low(), range.high())
        }),
        (Taken::OutOfRange, None) => {
            problems.add(name, Code::OutOfRange, || format!("{given} is no quality, expected 0 to 4"));
        }
        (Taken::Invalid, _) => problems.add(name, Code::Invalid, || match channel.register {
            Some(register) if !channel.invalid.contains(&given) => format!("{given} is no value of {register}"),
            _ => format!("{given} {unit} says that nothing was measured"),
        }),
        _ => problems.add(name, Code::BadValue, || format!("{given} {unit} is more than {} can say", channel.base_unit())),
    }
}

/// What all batches of a session share, made anew when channels are described.
#[derive(Debug)]
pub(crate) struct Layout {
    names: Arc<[ChannelName]>,
    /// How far each channel's labels are moved.
    own_shifts: Vec<Span>,
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
        self.names.len() * self.shifts.len()
    }

    pub(crate) fn of(table: &ChannelTable) -> Self {
        let channels = table.channels();
        Self {
            names: channels.iter().map(|channel| channel.name.clone()).collect(),
            own_shifts: channels.iter().map(Channel::label_shift).collect(),
            shifts: shifts(channels.iter()),
        }
    }
}
