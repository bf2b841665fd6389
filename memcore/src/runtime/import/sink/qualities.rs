//! Qualities find their values, in whatever order a file has them.
//!
//! Beside its value, in the same row, a quality is what the row says, and where a row that has a place for it says nothing, the
//! value was measured (S48). In rows of its own it is of the value of its time, whichever comes first: in this file, or in
//! another one before. A number that is no value is invalid whatever is said beside it, and says nothing where a value stands.

use std::borrow::Cow;
use std::collections::HashSet;

use super::Sink;
use super::before::Before;
use crate::error::Result;
use crate::model::{Channel, DeviceName, LabelPosition, Quality, SeriesName, SetAside, Timestamp};
use crate::runtime::quality::{self, Marks};
use crate::runtime::write::Stored;

/// A column past the edge, and what the store has of it.
pub(super) struct Taken<'a> {
    pub(super) stored: Stored<'a>,
    /// Rows whose number is no value.
    pub(super) refused: Marks,
    pub(super) before: Before,
    /// Rows whose value is stored already.
    pub(super) there: Vec<usize>,
}

/// Where the column of the qualities of that channel's values is.
fn place(columns: &[Taken<'_>], values: &Channel) -> Option<usize> {
    columns.iter().position(|column| column.stored.channel.qualified().as_ref() == Some(&values.name))
}

impl Sink {
    /// Rows whose number is no value, and at whose time there is none: neither in the store nor in another row.
    pub(super) fn without_value(&self, times: &[Timestamp], stored: &Stored<'_>, before: &Before, refused: Marks) -> Marks {
        if refused.is_empty() {
            return refused;
        }
        let given = |row: &usize| stored.values[*row].is_some();
        let known: HashSet<Timestamp> = (0..times.len()).filter(given).map(|row| times[row]).collect();
        let stands = |row: usize| known.contains(&times[row]) || before.at(times[row]).is_some();
        refused.into_iter().filter(|(row, _)| !stands(*row)).collect()
    }

    /// Hears what columns say of qualities before any of it is compared with the store.
    pub(super) fn hear(&mut self, device: &DeviceName, times: &[Timestamp], columns: &mut [Taken<'_>]) -> Result<()> {
        for at in 0..columns.len() {
            let Taken { stored, refused, .. } = &columns[at];
            if stored.channel.qualified().is_some() {
                continue;
            }
            let (series, shift) = (device.channel(stored.channel.name.clone()), stored.channel.label_shift());
            if !refused.is_empty() {
                let beside = series.device.channel(series.channel.quality()?);
                refused.iter().for_each(|(row, _)| self.said.no_value(&beside, times[*row].saturating_add(shift)));
            }
            if let Some(place) = place(columns, &columns[at].stored.channel) {
                let refused = std::mem::take(&mut columns[at].refused);
                put(&mut columns[place].stored, refused);
            }
        }
        let alone = |column: &Taken<'_>| {
            let values = column.stored.channel.qualified();
            values.is_some_and(|values| !columns.iter().any(|other| other.stored.channel.name == values))
        };
        let alone: Vec<usize> = (0..columns.len()).filter(|at| alone(&columns[*at])).collect();
        alone.into_iter().for_each(|at| self.hear_alone(device, times, &mut columns[at].stored));
        Ok(())
    }

    /// Qualities whose values are in other rows.
    fn hear_alone(&mut self, device: &DeviceName, times: &[Timestamp], stored: &mut Stored<'_>) {
        let (series, shift) = (device.channel(stored.channel.name.clone()), stored.channel.label_shift());
        let mut other = Marks::new();
        for (row, number) in stored.values.iter().enumerate() {
            let Some(quality) = number.and_then(Quality::of_number) else { continue };
            let stands = self.said.tell(&series, times[row].saturating_add(shift), quality);
            if stands != quality {
                other.push((row, stands));
            }
        }
        put(stored, other);
    }

    /// The columns as they are to be written: without what is there already, and with the qualities of their values beside them.
    pub(super) fn beside<'a>(
        &mut self,
        device: &DeviceName,
        times: &[Timestamp],
        mut columns: Vec<Taken<'a>>,
    ) -> Result<Vec<Stored<'a>>> {
        let mut marked = Vec::new();
        for at in 0..columns.len() {
            if columns[at].stored.channel.qualified().is_some() {
                continue;
            }
            if let Some(place) = place(&columns, &columns[at].stored.channel) {
                // A value that is written anew has its quality written with it, be it the one that is there.
                let new = columns[at].new_rows();
                columns[place].there.retain(|row| !new.contains(row));
            } else {
                marked.extend(self.marks(device, times, &columns[at])?);
            }
        }
        let mut all: Vec<Stored<'a>> = columns.into_iter().map(Taken::without_repeated).collect();
        marked.into_iter().for_each(|(channel, marks)| quality::mark(&mut all, channel, times.len(), marks));
        Ok(all)
    }

    /// What is to stand beside values that have no column of qualities with them.
    fn marks(&mut self, device: &DeviceName, times: &[Timestamp], column: &Taken<'_>) -> Result<Option<(Channel, Marks)>> {
        let values = &column.stored.channel;
        let Some(mut beside) = self.memcore.quality_channel(device, values) else { return Ok(None) };
        (beside.label, beside.cadence) = (values.label, values.cadence);
        let (series, shift) = (device.channel(beside.name.clone()), values.label_shift());
        let until = self.qualities_until(&series)?;
        let told = self.stored(&series, shift, until, times)?;
        let told_of = |row: usize| told.at(times[row]).and_then(Quality::of_number);
        let mut marks: Marks =
            column.refused.iter().filter(|(row, quality)| told_of(*row) != Some(*quality)).copied().collect();
        for row in column.new_rows() {
            let said = self.said.of(&series, times[row].saturating_add(shift));
            // Of a value that is new to the store it says how it will have come about.
            let ahead = || told_of(row).filter(|told| *told != Quality::Invalid && column.before.at(times[row]).is_none());
            marks.extend(said.or_else(ahead).map(|quality| (row, quality)));
        }
        Ok(Some((beside, marks)).filter(|(_, marks)| !marks.is_empty()))
    }

    /// Up to when the store may have qualities that this import has not in mind.
    fn qualities_until(&mut self, series: &SeriesName) -> Result<Option<Timestamp>> {
        if self.said.forgot() {
            return Ok(Some(Timestamp::MAX));
        }
        if let Some(known) = self.series.get(series) {
            return Ok(known.until);
        }
        if let Some(until) = self.qualities_until.get(series) {
            return Ok(*until);
        }
        let until = self.memcore.latest(series)?.first().map(|(_, sample)| sample.time);
        self.qualities_until.insert(series.clone(), until);
        Ok(until)
    }

    /// A series of qualities is new: what was met before it of numbers that are no values is said.
    pub(super) fn catch_up(&mut self, series: &SeriesName, channel: &Channel) -> Result<()> {
        let times = self.said.no_values(series);
        if times.is_empty() || self.dry_run {
            return Ok(());
        }
        // The times are those of the store.
        let channel = Channel { label: LabelPosition::Start, ..channel.clone() };
        let values = Cow::Owned(vec![Some(Quality::Invalid.number()); times.len()]);
        let stored = Stored { channel, values, beside: true };
        self.bulk.take(&series.device, &times, vec![stored], SetAside::default()).map(drop)
    }
}

impl<'a> Taken<'a> {
    /// Rows with a value that is to be written.
    fn new_rows(&self) -> Vec<usize> {
        let there: HashSet<usize> = self.there.iter().copied().collect();
        let new = |(row, value): (usize, &Option<f64>)| value.is_some().then_some(row).filter(|row| !there.contains(row));
        self.stored.values.iter().enumerate().filter_map(new).collect()
    }

    fn without_repeated(self) -> Stored<'a> {
        let Self { mut stored, there, .. } = self;
        if !there.is_empty() {
            let values = stored.values.to_mut();
            there.into_iter().for_each(|row| values[row] = None);
        }
        stored
    }
}

fn put(stored: &mut Stored<'_>, marks: Marks) {
    if !marks.is_empty() {
        let values = stored.values.to_mut();
        marks.into_iter().for_each(|(row, quality)| values[row] = Some(quality.number()));
    }
}
