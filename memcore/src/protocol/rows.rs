//! Consecutive data messages become one batch: checked, in base units, in passive sign (P15), labelled by the start (P14).

use std::sync::Arc;

use super::Moment;
use super::code::Code;
use super::limits::Limits;
use super::message::Rows;
use super::problem::Problems;
use super::table::ChannelTable;
use crate::model::{ALL_ONES, Batch, Channel, ChannelName, DeviceName, Quality, SequencePosition, Span, Taken, Timestamp};

/// Rows collected since the last batch was handed on.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    sequence: u64,
    times: Vec<Timestamp>,
    /// Piece after piece, as they are stored.
    values: Vec<Option<f64>>,
    pieces: Vec<Piece>,
}

/// Rows that stand together in [`Collected::values`].
#[derive(Debug, Clone, Copy)]
enum Piece {
    /// `values[row * width + channel]`: messages of one row each.
    Rows(usize),
    /// `values[channel * rows + row]`: one message of columns.
    Columns(usize),
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
    pub(crate) fn take(
        &mut self,
        mut rows: Rows,
        table: &ChannelTable,
        now: Moment,
        limits: &Limits,
        problems: &mut Problems,
    ) {
        self.sequence = rows.sequence;
        let latest = now.wall.saturating_add(limits.time_ahead);
        if rows.times.iter().any(|time| *time > latest) {
            rows.keep(|_, time| {
                let plausible = time <= latest;
                if !plausible {
                    problems.add(None, Code::TimeAhead, || {
                        format!("{time} is more than {} ahead of the server's {}", limits.time_ahead, now.wall)
                    });
                }
                plausible
            });
        }
        match rows.times.len() {
            0 => {}
            1 => self.take_row(&rows, table, problems),
            _ => self.take_columns(rows, table, problems),
        }
    }

    fn take_row(&mut self, rows: &Rows, table: &ChannelTable, problems: &mut Problems) {
        self.times.extend_from_slice(&rows.times);
        let (row, begin) = (&rows.values, self.values.len());
        self.values.extend(row.iter().zip(table.channels()).map(|(value, channel)| taken((*value)?, channel, problems)));
        for (place, quality) in table.qualities() {
            if row[*place].is_some() && self.values[begin + place].is_none() {
                self.values[begin + quality] = Some(Quality::Invalid.number());
            }
        }
        match self.pieces.last_mut() {
            Some(Piece::Rows(count)) => *count += 1,
            _ => self.pieces.push(Piece::Rows(1)),
        }
    }

    fn take_columns(&mut self, mut rows: Rows, table: &ChannelTable, problems: &mut Problems) {
        take_values(&mut rows, table, problems);
        self.pieces.push(Piece::Columns(rows.times.len()));
        if self.times.is_empty() {
            (self.times, self.values) = (rows.times, rows.values);
        } else {
            self.times.append(&mut rows.times);
            self.values.append(&mut rows.values);
        }
    }

    /// The collected rows as one batch in stored units, column by column; nothing is left behind.
    pub(crate) fn finish(&mut self, device: &DeviceName, boot: u64, layout: &Layout) -> Option<Batch> {
        if self.sequence == 0 {
            return None;
        }
        let position = SequencePosition { boot, sequence: std::mem::take(&mut self.sequence) };
        self.batch(device, layout).map(|batch| batch.at(position))
    }

    /// The collected rows without a number of theirs.
    pub(crate) fn batch(&mut self, device: &DeviceName, layout: &Layout) -> Option<Batch> {
        let (times, values) = match (&self.pieces[..], &layout.shifts[..]) {
            // One message of columns is a batch already.
            ([Piece::Columns(_)], [shift]) => {
                self.times.iter_mut().for_each(|time| *time = time.saturating_add(*shift));
                (std::mem::take(&mut self.times), std::mem::take(&mut self.values))
            }
            _ => self.arranged(layout),
        };
        self.times.clear();
        self.values.clear();
        self.pieces.clear();
        // The lengths fit by construction.
        Batch::new(device.clone(), layout.names.clone(), times, values).ok()
    }

    fn arranged(&self, layout: &Layout) -> (Vec<Timestamp>, Vec<Option<f64>>) {
        let (rows, width) = (self.times.len(), layout.names.len());
        let mut times = Vec::with_capacity(rows * layout.shifts.len());
        let mut values = vec![None; rows * layout.shifts.len() * width];
        for (block, shift) in layout.shifts.iter().enumerate() {
            times.extend(self.times.iter().map(|time| time.saturating_add(*shift)));
            for (place, _) in layout.own_shifts.iter().enumerate().filter(|(_, own)| *own == shift) {
                let column = &mut values[(place * layout.shifts.len() + block) * rows..][..rows];
                self.copy_column(place, width, column);
            }
        }
        (times, values)
    }

    fn copy_column(&self, place: usize, width: usize, mut column: &mut [Option<f64>]) {
        let mut from = &self.values[..];
        for piece in &self.pieces {
            let (Piece::Rows(rows) | Piece::Columns(rows)) = *piece;
            let (here, rest) = column.split_at_mut(rows);
            let (values, after) = from.split_at(rows * width);
            match piece {
                Piece::Columns(_) => here.copy_from_slice(&values[place * rows..][..rows]),
                Piece::Rows(_) => {
                    here.iter_mut().zip(values.chunks_exact(width)).for_each(|(value, row)| *value = row[place]);
                }
            }
            (column, from) = (rest, after);
        }
    }
}

impl Rows {
    /// Keeps the rows that are wanted by their place and time.
    pub(super) fn keep(&mut self, mut wanted: impl FnMut(usize, Timestamp) -> bool) {
        let wanted: Vec<bool> = self.times.iter().enumerate().map(|(row, time)| wanted(row, *time)).collect();
        let mut each = wanted.iter().cycle();
        self.values.retain(|_| each.next() == Some(&true));
        let mut each = wanted.iter();
        self.times.retain(|_| each.next() == Some(&true));
    }
}

/// Makes the values of columns what is stored, in place.
fn take_values(rows: &mut Rows, table: &ChannelTable, problems: &mut Problems) {
    let count = rows.times.len();
    let mut lost = Vec::new();
    for (place, (channel, column)) in table.channels().iter().zip(rows.values.chunks_exact_mut(count)).enumerate() {
        // Mostly there is nothing to be done, and then nothing is done to each value.
        if channel.stores_as_reported() && !column.contains(&Some(ALL_ONES)) {
            continue;
        }
        for (row, value) in column.iter_mut().enumerate() {
            let Some(given) = *value else { continue };
            *value = taken(given, channel, problems);
            if value.is_none() && !table.qualities().is_empty() {
                lost.push((place, row));
            }
        }
    }
    for (place, row) in lost {
        if let Some((_, quality)) = table.qualities().iter().find(|(of, _)| *of == place) {
            rows.values[quality * count + row] = Some(Quality::Invalid.number());
        }
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
