//! Writing: a column of one series, rows of one device, a single reading.

use std::borrow::Cow;
use std::sync::Arc;

use super::embedded::Memcore;
use super::quality;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{
    ALL_ONES, Batch, Channel, ChannelName, DeviceName, Qualities, Quantity, SeriesName, SetAside, Span, Timestamp, Unit,
};
use crate::store::Ticket;

/// Values that are appended at a time: what one frame of the log holds.
const WRITE_VALUES: usize = 65_536;

/// Values of one channel, one a row; an absent one is a row in which the channel was not measured.
#[derive(Debug, Clone)]
pub struct Column<'a> {
    /// The channel within the device.
    pub channel: ChannelName,
    /// As many as there are times.
    pub values: &'a [Option<f64>],
    /// The unit to convert from; a channel that is not registered becomes a gauge in it. Without one, values are in
    /// the unit and sign that the channel was registered with.
    pub unit: Option<Unit>,
    /// How the values came about, where that is known: see [`Memcore::write_with_quality`].
    pub quality: Option<Qualities<'a>>,
}

impl<'a> Column<'a> {
    /// Values without a word on how they came about.
    #[must_use]
    pub fn plain(channel: ChannelName, values: &'a [Option<f64>], unit: Option<Unit>) -> Self {
        Self { channel, values, unit, quality: None }
    }
}

/// A column past the edge: the description that its values were read by, and what is stored of them.
#[derive(Debug, Clone)]
pub(super) struct Stored<'a> {
    pub(super) channel: Channel,
    pub(super) values: Cow<'a, [Option<f64>]>,
    /// Qualities that stand beside the values that were given: not counted among them.
    pub(super) beside: bool,
}

impl<'a> Stored<'a> {
    /// Takes reported values in by their channel; what is no value is absent, and counted.
    pub(super) fn of(channel: Channel, reported: &'a [Option<f64>], aside: &mut SetAside) -> Self {
        let as_it_is = channel.stores_as_reported() && !reported.contains(&Some(ALL_ONES));
        let values = if as_it_is {
            Cow::Borrowed(reported)
        } else {
            let mut take = |value: f64| {
                let taken = channel.take(value);
                aside.count(taken);
                taken.value()
            };
            reported.iter().map(|value| value.and_then(&mut take)).collect()
        };
        Self { channel, values, beside: false }
    }

    /// How many of the values that were given it has.
    pub(super) fn points(&self) -> usize {
        if self.beside { 0 } else { self.values.iter().flatten().count() }
    }
}

impl Memcore {
    /// Writes a column of one series, and returns how many values were stored; they are durable when this returns.
    ///
    /// With a unit, values are converted from it, and a series that is not registered becomes a gauge in it. Without
    /// one, values are in the unit and sign that the series was registered with. An absent value writes nothing, and neither
    /// does one that the channel's description says is none ([`Channel::take`]): it is not among those returned.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) for an unregistered series without a unit,
    /// [`Invalid`](crate::ErrorKind::Invalid) for a unit of another quantity or columns of different length. Then nothing
    /// is written.
    pub fn write(
        &self,
        series: &SeriesName,
        times: &[Timestamp],
        values: &[Option<f64>],
        unit: Option<Unit>,
    ) -> Result<usize> {
        self.write_rows(&series.device, times, &[Column::plain(series.channel.clone(), values, unit)])
    }

    /// Writes rows of one device, a column a channel, and returns how many values were stored; they are durable when this
    /// returns. A row without any value writes nothing.
    ///
    /// # Errors
    /// As [`write`](Self::write); [`Invalid`](crate::ErrorKind::Invalid) for a channel that stands twice.
    pub fn write_rows(&self, device: &DeviceName, times: &[Timestamp], columns: &[Column<'_>]) -> Result<usize> {
        let (columns, _) = self.describe(device, times.len(), columns)?;
        let (written, last) = self.append_rows(device, times, &columns)?;
        if let Some(ticket) = last {
            self.store().commit(ticket)?;
        }
        Ok(written)
    }

    /// Writes what several channels of a device measured at one instant, in the units and signs that they were registered
    /// with; it is durable when this returns.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) for a channel that is not registered; then nothing is written.
    pub fn write_reading(&self, device: &DeviceName, time: Timestamp, values: &[(ChannelName, f64)]) -> Result<()> {
        let cells: Vec<[Option<f64>; 1]> = values.iter().map(|(_, value)| [Some(*value)]).collect();
        let columns: Vec<Column<'_>> =
            std::iter::zip(values, &cells).map(|((channel, _), cell)| Column::plain(channel.clone(), cell, None)).collect();
        self.write_rows(device, &[time], &columns).map(drop)
    }

    /// Checks the columns, registers what is new and takes the values in: from here on nothing about them can be wrong.
    pub(super) fn describe<'a>(
        &self,
        device: &DeviceName,
        rows: usize,
        columns: &[Column<'a>],
    ) -> Result<(Vec<Stored<'a>>, SetAside)> {
        let mut new = Vec::new();
        let mut described: Vec<(Channel, Option<Channel>)> = Vec::with_capacity(columns.len());
        for Column { channel, values, unit, quality } in columns {
            let series = device.channel(channel.clone());
            if rows != values.len() {
                let values = values.len();
                let message = format!("{series}: {rows} times and {values} values, expected as many of each");
                return Err(Error::invalid(message));
            }
            if described.iter().any(|(known, _)| known.name == *channel) {
                return Err(Error::invalid(format!("{series} stands in two columns, expected one")));
            }
            let (channel, is_new) = self.description(&series, *unit)?;
            if is_new {
                new.push(channel.clone());
            }
            let beside = match quality {
                Some(quality) => Some(self.quality_beside(&series, rows, &channel, quality, columns)?),
                None => None,
            };
            new.extend(beside.iter().filter(|(_, is_new)| *is_new).map(|(quality, _)| quality.clone()));
            described.push((channel, beside.map(|(quality, _)| quality)));
        }
        if !new.is_empty() {
            self.store().register(device, &new)?;
        }
        Ok(self.take_in(device, rows, columns, described))
    }

    /// The columns past the edge, with what is to be said of their qualities.
    fn take_in<'a>(
        &self,
        device: &DeviceName,
        rows: usize,
        columns: &[Column<'a>],
        described: Vec<(Channel, Option<Channel>)>,
    ) -> (Vec<Stored<'a>>, SetAside) {
        let (mut all, mut marked) = (Vec::with_capacity(columns.len()), Vec::new());
        let mut aside = SetAside::default();
        for (Column { values, quality, .. }, (channel, beside)) in columns.iter().zip(described) {
            let before = aside;
            let mut stored = Stored::of(channel, values, &mut aside);
            if let (Some(beside), Some(told)) = (beside, quality) {
                marked.push((beside, quality::told(values, &mut stored, told, &mut aside)));
            } else if aside != before
                && let Some(beside) = self.quality_channel(device, &stored.channel)
            {
                marked.push((beside, quality::refused(values, &stored)));
            }
            all.push(stored);
        }
        marked.into_iter().for_each(|(channel, marks)| quality::mark(&mut all, channel, rows, marks));
        (all, aside)
    }

    /// The channel of the qualities of a column, and whether it is yet to be registered.
    fn quality_beside(
        &self,
        series: &SeriesName,
        rows: usize,
        channel: &Channel,
        told: &Qualities<'_>,
        columns: &[Column<'_>],
    ) -> Result<(Channel, bool)> {
        if let Qualities::Each(each) = told
            && each.len() != rows
        {
            let message = format!("{series}: {rows} times and {} qualities, expected as many of each", each.len());
            return Err(Error::invalid(message));
        }
        let quality = channel.quality()?;
        if columns.iter().any(|column| column.channel == quality.name) {
            return Err(Error::invalid(format!("{series} has its qualities in two columns, expected one")));
        }
        match self.store().channel(&series.device.channel(quality.name.clone())) {
            Some(registered) => {
                registered.check_compatible(&quality)?;
                Ok((quality::beside(registered, channel), false))
            }
            None => Ok((quality, true)),
        }
    }

    /// How values of the series in that unit are to be read, and whether the series is yet to be registered so.
    pub(super) fn description(&self, series: &SeriesName, unit: Option<Unit>) -> Result<(Channel, bool)> {
        match (self.store().channel(series), unit) {
            (Some(registered), None) => Ok((registered, false)),
            (Some(registered), Some(unit)) if !unit.measures(registered.quantity) => {
                let quantity = registered.quantity;
                Err(Error::invalid(format!(
                    "{series}: unit {unit} does not measure {quantity}, which the series is registered as"
                )))
            }
            (Some(registered), Some(unit)) if unit.base() != registered.base_unit() => {
                let base = registered.base_unit();
                let message = format!("{series} is registered in {base}, values in {unit} are not of that currency");
                Err(Error::new(ErrorKind::Conflict, message))
            }
            (Some(registered), Some(unit)) => Ok((registered.in_unit(unit), false)),
            // What its name says needs no unit.
            (None, None | Some(Unit::Code)) if series.channel.qualified().is_some() => {
                Ok((Channel::of(series.channel.as_str(), Quantity::Quality, Unit::Code)?.build()?, true))
            }
            (None, Some(unit)) => {
                let channel = Channel::gauge(series.channel.as_str(), unit).map_err(|e| e.context(series))?;
                Ok((channel.build()?, true))
            }
            (None, None) => {
                Err(Error::not_found(format!("series {series} is not registered: register it, or write it with a unit")))
            }
        }
    }

    /// Appends rows to the store, and says how many values they had and what to wait for. Times
    /// that label the end of their interval are moved to its start, as those of a device are on its link (P14).
    pub(super) fn append_rows(
        &self,
        device: &DeviceName,
        times: &[Timestamp],
        columns: &[Stored<'_>],
    ) -> Result<(usize, Option<Ticket>)> {
        let mut shifts: Vec<Span> = columns.iter().map(|column| column.channel.label_shift()).collect();
        shifts.sort_unstable();
        shifts.dedup();
        if shifts.len() < 2 {
            return match shifts.first() {
                Some(shift) if *shift != Span::default() => self.append_shifted(device, times, *shift, columns),
                _ => self.append_stored(device, times, columns),
            };
        }
        let (mut written, mut last) = (0, None);
        for shift in shifts {
            let own = columns.iter().filter(|column| column.channel.label_shift() == shift);
            let (points, ticket) = self.append_shifted(device, times, shift, &own.cloned().collect::<Vec<_>>())?;
            written += points;
            last = ticket.or(last);
        }
        Ok((written, last))
    }

    fn append_shifted(
        &self,
        device: &DeviceName,
        times: &[Timestamp],
        shift: Span,
        columns: &[Stored<'_>],
    ) -> Result<(usize, Option<Ticket>)> {
        let times: Vec<Timestamp> = times.iter().map(|time| time.saturating_add(shift)).collect();
        self.append_stored(device, &times, columns)
    }

    /// Appends rows whose times are the starts of their intervals.
    fn append_stored(
        &self,
        device: &DeviceName,
        times: &[Timestamp],
        columns: &[Stored<'_>],
    ) -> Result<(usize, Option<Ticket>)> {
        let names: Arc<[ChannelName]> = columns.iter().map(|column| column.channel.name.clone()).collect();
        let many = (WRITE_VALUES * 8 / columns.len().max(1)).clamp(1, WRITE_VALUES);
        let (mut written, mut last) = (0, None);
        for start in (0..times.len()).step_by(many) {
            let end = times.len().min(start + many);
            // A row without a value is no row.
            let rows: Vec<usize> =
                (start..end).filter(|row| columns.iter().any(|column| column.values[*row].is_some())).collect();
            if rows.is_empty() {
                continue;
            }
            let mut values = Vec::with_capacity(rows.len() * columns.len());
            for column in columns {
                values.extend(rows.iter().map(|row| column.values[*row]));
            }
            let times = rows.iter().map(|row| times[*row]).collect();
            let batch = Batch::new(device.clone(), Arc::clone(&names), times, values)?;
            let given = columns.iter().enumerate().filter(|(_, column)| !column.beside);
            written += given.map(|(at, _)| batch.column(at).iter().flatten().count()).sum::<usize>();
            last = Some(self.store().append(&batch)?);
        }
        Ok((written, last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Kind, LabelPosition, RegisterType, Selection, SignConvention, ValidRange};
    use crate::store::Query;

    fn seconds(count: i64) -> Vec<Timestamp> {
        (0..count).map(Timestamp::from_seconds).collect()
    }

    fn column<'a>(channel: &str, values: &'a [Option<f64>], unit: Option<Unit>) -> Column<'a> {
        Column::plain(channel.parse().unwrap(), values, unit)
    }

    #[test]
    fn rows_of_a_device_come_back_as_its_series_and_their_gaps_stay() {
        let mem = Memcore::in_memory();
        let device: DeviceName = "home1.meter".parse().unwrap();
        let power = [Some(1.0), None, None, Some(-2.0)];
        let voltage = [Some(230.0), Some(231.0), None, None];
        let columns = [column("power", &power, Some(Unit::Kilowatt)), column("voltage", &voltage, Some(Unit::Volt))];
        assert_eq!(mem.write_rows(&device, &seconds(4), &columns).unwrap(), 4);
        let result = mem.query(&Query::of("home1.meter.*").unwrap()).unwrap();
        let values: Vec<&[f64]> = result.series().iter().map(|series| &series.values().unwrap().values()[..]).collect();
        assert_eq!(values, [&[1000.0, -2000.0][..], &[230.0, 231.0]]);
    }

    #[test]
    fn a_call_that_is_refused_writes_and_registers_nothing() {
        let mem = Memcore::in_memory();
        let device: DeviceName = "home1.meter".parse().unwrap();
        let (two, one) = ([Some(1.0), Some(2.0)], [Some(1.0)]);
        let watts = Some(Unit::Watt);
        for (columns, word) in [
            (vec![column("power", &two, watts), column("voltage", &one, watts)], "2 times and 1 values"),
            (vec![column("power", &two, watts), column("power", &two, watts)], "two columns"),
            (vec![column("power", &two, watts), column("soc", &two, Some(Unit::Percent))], "several quantities"),
            (vec![column("power", &two, watts), column("other", &two, None)], "home1.meter.other is not registered"),
        ] {
            let e = mem.write_rows(&device, &seconds(2), &columns).unwrap_err();
            assert!(e.message().contains(word), "{e}");
            assert!(mem.series(Selection::all()).is_empty(), "{e}");
        }
    }

    #[test]
    fn what_is_labelled_by_its_end_is_stored_under_its_start() {
        // A14: 400 W labelled 10:15 by its end are 100 Wh of the quarter from 10:00; the voltage beside it is an instant's.
        let mem = Memcore::in_memory();
        let device: DeviceName = "home1.meter".parse().unwrap();
        let power = Channel::gauge("power", Unit::Watt).unwrap().cadence(Span::from_seconds(900));
        let power = power.label(LabelPosition::End).build().unwrap();
        mem.register(&device.channel(power.name.clone()), &power).unwrap();
        let quarters = [900, 1800].map(Timestamp::from_seconds);
        let (watts, volts) = ([Some(400.0), Some(800.0)], [Some(230.0), Some(231.0)]);
        let columns = [column("power", &watts, None), column("voltage", &volts, Some(Unit::Volt))];
        let seen = || {
            let result = mem.query(&Query::of("home1.meter.*").unwrap()).unwrap();
            let of = |series: &crate::store::SeriesResult| {
                let seconds: Vec<i64> = series.times().values().iter().map(|time| time / 1_000_000).collect();
                (seconds, series.values().unwrap().values().to_vec())
            };
            result.series().iter().map(of).collect::<Vec<_>>()
        };
        let stored = [(vec![0, 900], vec![400.0, 800.0]), (vec![900, 1800], vec![230.0, 231.0])];
        assert_eq!(mem.write_rows(&device, &quarters, &columns).unwrap(), 4);
        assert_eq!(seen(), stored);
        mem.delete(Selection::all(), Timestamp::MIN, Timestamp::MAX).unwrap();
        let mut bulk = mem.bulk();
        assert_eq!(bulk.write_rows(&device, &quarters, &columns).unwrap(), 4);
        bulk.finish().unwrap();
        mem.write_reading(&device, quarters[1], &[("power".parse().unwrap(), 800.0)]).unwrap();
        assert_eq!(seen(), stored);
    }

    #[test]
    fn a_reading_is_one_row_of_registered_channels() {
        let mem = Memcore::in_memory();
        let device: DeviceName = "home1.pv".parse().unwrap();
        let pv = Channel::gauge("power", Unit::Kilowatt).unwrap().sign(SignConvention::Generator).build().unwrap();
        mem.register(&device.channel(pv.name.clone()), &pv).unwrap();
        let reading = |name: &str| [("power".parse().unwrap(), 1.5), (name.parse().unwrap(), 2.0)];
        let e = mem.write_reading(&device, Timestamp::from_seconds(1), &reading("voltage")).unwrap_err();
        assert!(e.message().contains("voltage is not registered"), "{e}");
        mem.write_reading(&device, Timestamp::from_seconds(1), &reading("power")[..1]).unwrap();
        assert_eq!(mem.latest(Selection::all()).unwrap()[0].1.value, -1500.0);
    }

    #[test]
    fn a_value_that_is_none_is_absent_and_the_rest_of_its_row_stands() {
        // B5: an inverter whose raw registers are passed on; 0xFFFF is no power, 180 % no state of charge.
        let mem = Memcore::in_memory();
        let device: DeviceName = "home1.pv".parse().unwrap();
        let power = Channel::gauge("power", Unit::Watt).unwrap().register(RegisterType::Uint16).build().unwrap();
        let soc = Channel::of("soc", Quantity::StateOfCharge, Unit::Percent).unwrap();
        let soc = soc.range(ValidRange::new(0.0, 100.0).unwrap()).build().unwrap();
        for channel in [&power, &soc] {
            mem.register(&device.channel(channel.name.clone()), channel).unwrap();
        }
        let (watts, percent) = ([Some(1466.0), Some(65_535.0), Some(65_535.0)], [Some(80.0), Some(81.0), Some(180.0)]);
        let columns = [column("power", &watts, None), column("soc", &percent, None)];
        assert_eq!(mem.write_rows(&device, &seconds(3), &columns).unwrap(), 3);
        let mut bulk = mem.bulk();
        assert_eq!(bulk.write_rows(&device, &seconds(3), &columns).unwrap(), 3);
        assert_eq!(
            bulk.write(&device.channel(power.name.clone()), &seconds(1), &[Some(65.535)], Some(Unit::Kilowatt)).unwrap(),
            0
        );
        let done = bulk.finish().unwrap();
        assert_eq!((done.points, done.set_aside), (3, SetAside { invalid: 3, out_of_range: 1 }));
        mem.write_reading(&device, Timestamp::from_seconds(9), &[("power".parse().unwrap(), 65_535.0)]).unwrap();
        let result = mem.query(&Query::of("home1.pv.*").unwrap()).unwrap();
        let values: Vec<&[f64]> = result.series().iter().map(|series| &series.values().unwrap().values()[..]).collect();
        assert_eq!(values, [&[1466.0][..], &[0.8, 0.81]]);
    }

    #[test]
    fn what_a_register_of_the_generator_sign_counts_flows_out() {
        // A PV inverter's own register: 12, 12.5, reset, 0.25, 1 kWh of production.
        let mem = Memcore::in_memory();
        let series: SeriesName = "home1.pv.energy".parse().unwrap();
        let energy = Channel::gauge("energy", Unit::KilowattHour).unwrap().kind(Kind::Counter);
        mem.register(&series, &energy.sign(SignConvention::Generator).build().unwrap()).unwrap();
        let query = Query::new(&series).aggregate(crate::store::Aggregate::Increase);
        mem.write(&series, &seconds(4), &[12.0, 12.5, 0.25, 1.0].map(Some), None).unwrap();
        for _ in 0..2 {
            assert_eq!(mem.query(&query).unwrap().series()[0].column("increase").unwrap().value(0), -1250.0);
            mem.store().seal().unwrap();
        }
    }

    #[test]
    fn a_counter_goes_on_through_the_rollover_of_its_register() {
        let mem = Memcore::in_memory();
        let series: SeriesName = "home1.meter.energy".parse().unwrap();
        let energy = Channel::gauge("energy", Unit::KilowattHour).unwrap().kind(Kind::Counter).rollover(1000.0);
        mem.register(&series, &energy.build().unwrap()).unwrap();
        let readings = [998.0, 999.5, 0.5, 2.0].map(Some);
        mem.write(&series, &seconds(4), &readings, None).unwrap();
        let query = Query::new(&series).aggregate(crate::store::Aggregate::Increase);
        let rise = || mem.query(&query).unwrap().series()[0].column("increase").unwrap().value(0);
        assert_eq!(rise(), 4000.0);
        mem.store().seal().unwrap();
        assert_eq!(rise(), 4000.0);
    }
}
