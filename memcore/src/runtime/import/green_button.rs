//! Green Button: meter readings as utilities hand them out. The file is read twice: for what its readings mean, which may
//! stand behind them, and for the readings.

use std::collections::BTreeMap;
use std::io::{BufReader, Read, Seek};

use super::ImportRequest;
use super::espi::{Feed, Item, Links, Reading, ReadingType};
use super::espi_types::{Meaning, decimal};
use super::gathered::{Gathered, Known, Series, SeriesId};
use super::mapping::Mapping;
use super::refused::Refused;
use super::source::{Opened, Part, Source};
use super::understood::{Understood, UnderstoodColumn, UnderstoodTime};
use crate::error::{Error, Result};
use crate::model::{Channel, DeviceName, Quality, SeriesName, Timestamp, shorten};
use crate::runtime::frame::Rows;
use crate::sim;

struct GreenButton {
    feed: Feed<Box<dyn Read + Send>>,
    meters: Meters,
    /// What is left of the readings that were read together.
    left: Option<(Option<usize>, std::vec::IntoIter<Reading>)>,
    row: u64,
    part: Part,
}

/// What a feed says of its readings.
#[derive(Default)]
struct Meters {
    points: Vec<String>,
    readings: Vec<Links>,
    types: Vec<(String, ReadingType)>,
    /// Of each meter reading, in their order: what it becomes, or why it cannot.
    become_: Vec<Result<Becomes, String>>,
    series: Series,
}

/// What a meter reading becomes: a series, its quality beside it where that is not measured, and its cost where it says one.
struct Becomes {
    series: SeriesId,
    quality: SeriesId,
    cost: Option<SeriesId>,
    meaning: Meaning,
}

/// Costs are in hundred-thousandths of the currency.
const COST_POWER: i32 = -5;

/// Whether a file starts as XML does.
pub(super) fn is(start: &[u8]) -> bool {
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    start.trim_ascii_start().starts_with(b"<")
}

pub(super) fn open(opened: Opened, request: &ImportRequest) -> Result<Box<dyn Source>> {
    let mapping = request.effective_mapping();
    let Some(device) = &mapping.device else {
        return Err(Error::invalid("is Green Button, which names no device, expected --device"));
    };
    let again = opened.file.try_clone().map_err(|e| Error::io("read", e))?;
    let plain = sim::unpacked(BufReader::with_capacity(1 << 16, again)).map_err(|e| Error::io("read", e))?;
    let mut meters = Meters::read(Feed::new(plain))?;
    if meters.types.is_empty() {
        return Err(Error::invalid("has no ReadingType of ESPI (http://naesb.org/espi), expected a Green Button file"));
    }
    meters.understand(device, &mapping)?;
    let mut opened = opened;
    opened.file.rewind().map_err(|e| Error::io("read", e))?;
    let (plain, part) = opened.unpacked()?;
    Ok(Box::new(GreenButton { feed: Feed::new(plain), meters, left: None, row: 0, part }))
}

impl Meters {
    fn read(mut feed: Feed<Box<dyn Read + Send>>) -> Result<Self> {
        let mut meters = Self::default();
        let mut has_readings = false;
        while let Some(item) = feed.next()? {
            match item {
                Item::UsagePoint(links) => meters.points.push(links.own),
                Item::MeterReading(links) => meters.readings.push(links),
                Item::ReadingType(links, of) => meters.types.push((links.own, of)),
                Item::Readings(..) => has_readings = true,
                Item::Fault(_) => {}
            }
        }
        // Files without entries have one meter reading, which nothing names.
        if meters.readings.is_empty() && has_readings {
            meters.readings.push(Links::default());
        }
        Ok(meters)
    }

    /// Finds what each meter reading becomes.
    fn understand(&mut self, device: &DeviceName, mapping: &Mapping) -> Result<()> {
        let mut taken: BTreeMap<String, u32> = BTreeMap::new();
        for at in 0..self.readings.len() {
            let meaning = self.reading_type(&self.readings[at]).and_then(|of| Meaning::of(of, mapping.unit));
            let found = match meaning {
                Err(e) => Err(e.message().to_owned()),
                Ok(meaning) => {
                    let name = self
                        .point(&self.readings[at])
                        .map_or_else(|| meaning.name.clone(), |point| format!("point{point}.{}", meaning.name));
                    let times = taken.entry(name.clone()).or_default();
                    *times += 1;
                    // Two readings of the same thing, such as quarters of an hour and days.
                    let name = if *times == 1 { name } else { format!("{name}.{times}") };
                    self.series(&name, meaning, device, mapping)?
                }
            };
            self.become_.push(found);
        }
        Ok(())
    }

    fn series(
        &mut self,
        name: &str,
        meaning: Meaning,
        device: &DeviceName,
        mapping: &Mapping,
    ) -> Result<Result<Becomes, String>> {
        let column = mapping.columns.get(name);
        if column.map_or(mapping.only, |column| column.skip) {
            return Ok(Err("passed over, as the mapping says".into()));
        }
        let series: SeriesName = match column.and_then(|column| column.series.as_deref()) {
            Some(text) => text.parse().or_else(|_| Ok::<_, Error>(device.channel(text.parse()?)))?,
            None => device.channel(name.parse()?),
        };
        let mut channel = meaning.describe(series.channel.as_str())?;
        if let Some(column) = column {
            column.apply(&mut channel);
            channel.check()?;
        }
        let device = series.device.clone();
        let mut beside = |channel: Channel| {
            let series = device.channel(channel.name.clone());
            self.series.id(Known { series, unit: Some(channel.unit), description: Some(channel) })
        };
        let quality = beside(channel.quality()?)?;
        let cost = meaning.cost(series.channel.as_str())?.map(&mut beside).transpose()?;
        let series = self.series.id(Known { series, unit: Some(meaning.unit), description: Some(channel) })?;
        Ok(Ok(Becomes { series, quality, cost, meaning }))
    }

    /// The type that a meter reading is related to, or the only one where it names none.
    fn reading_type(&self, reading: &Links) -> Result<&ReadingType> {
        let related = |own: &str| !own.is_empty() && reading.related.iter().any(|href| same(href, own));
        let found = self.types.iter().find(|(own, _)| related(own));
        let names_none = !reading.related.iter().any(|href| href.contains("ReadingType"));
        match (found, &self.types[..]) {
            (Some((_, of)), _) => Ok(of),
            (None, [(_, of)]) if names_none => Ok(of),
            _ => Err(Error::invalid(format!("MeterReading {:?} is related to no ReadingType", shorten(&reading.own)))),
        }
    }

    /// The number of a reading's usage point, from 1, where the file has several.
    fn point(&self, reading: &Links) -> Option<usize> {
        if self.points.len() < 2 {
            return None;
        }
        let above = |point: &str| !point.is_empty() && (below(&reading.own, point) || below(&reading.up, point));
        self.points.iter().position(|point| above(point)).map(|at| at + 1)
    }

    /// The meter reading that a block of intervals belongs to.
    fn of(&self, block: &Links) -> Option<usize> {
        if let [_] = &self.readings[..] {
            return Some(0);
        }
        let belongs = |reading: &Links| {
            let own = &reading.own;
            let listed = [&block.own, &block.up]
                .iter()
                .any(|href| !href.is_empty() && reading.related.iter().any(|related| same(related, href)));
            !own.is_empty() && (below(&block.own, own) || below(&block.up, own)) || listed
        };
        let longest = self.readings.iter().enumerate().filter(|(_, reading)| belongs(reading));
        longest.max_by_key(|(_, reading)| reading.own.len()).map(|(at, _)| at)
    }
}

/// Seconds as microseconds; some utilities write fractions of them.
fn micros(name: &str, text: &str) -> Result<i64> {
    let whole = || text.trim().parse::<i64>().ok()?.checked_mul(1_000_000);
    #[expect(clippy::cast_possible_truncation, reason = "inside the range of the type")]
    let rounded = || decimal(text.trim(), 6).filter(|micros| micros.abs() < 9e18).map(|micros| micros.round() as i64);
    whole().or_else(rounded).ok_or_else(|| Error::invalid(format!("{name} is {:?}, expected seconds", shorten(text))))
}

/// Whether both are the same address; some are written whole and some from the feed's own on.
fn same(one: &str, other: &str) -> bool {
    one == other || ends(one, other) || ends(other, one)
}

fn ends(whole: &str, part: &str) -> bool {
    whole.strip_suffix(part.trim_start_matches('/')).is_some_and(|before| before.ends_with('/'))
}

/// Whether an address lies below another, or is it.
fn below(href: &str, above: &str) -> bool {
    let part = above.trim_start_matches('/');
    !part.is_empty()
        && href.match_indices(part).any(|(at, _)| {
            let (before, after) = (&href[..at], &href[at + part.len()..]);
            (before.is_empty() || before.ends_with('/')) && (after.is_empty() || after.starts_with('/'))
        })
}

impl GreenButton {
    fn take(&mut self, meter: Option<usize>, reading: &Reading, gathered: &mut Gathered) -> Result<()> {
        let Some(meter) = meter else {
            return Err(Error::invalid("its IntervalBlock belongs to no MeterReading of the file"));
        };
        let becomes = self.meters.become_[meter].as_ref().map_err(|e| Error::invalid(e.clone()))?;
        let meaning = &becomes.meaning;
        let start = micros("start", &reading.start)?;
        let at = if meaning.is_register() && !reading.duration.is_empty() {
            start.saturating_add(micros("duration", &reading.duration)?)
        } else {
            start
        };
        let value = meaning
            .value(reading.value.trim())
            .ok_or_else(|| Error::invalid(format!("value is {:?}, expected a number", shorten(&reading.value))))?;
        let mut cells = vec![(becomes.series, Some(value))];
        let quality = meaning.quality(reading);
        if quality != Quality::Measured {
            cells.push((becomes.quality, Some(quality.number())));
        }
        if let (Some(cost), Some(value)) = (becomes.cost, decimal(reading.cost.trim(), COST_POWER)) {
            cells.push((cost, Some(value)));
        }
        gathered.push(self.row, Timestamp::from_micros(at), cells);
        Ok(())
    }

    fn next_reading(&mut self, refused: &mut Refused) -> Result<Option<(Option<usize>, Reading)>> {
        loop {
            if let Some((meter, readings)) = &mut self.left {
                if let Some(reading) = readings.next() {
                    return Ok(Some((*meter, reading)));
                }
                self.left = None;
            }
            match self.feed.next()? {
                None => return Ok(None),
                Some(Item::Readings(links, readings)) => self.left = Some((self.meters.of(&links), readings.into_iter())),
                Some(Item::Fault(what)) => {
                    refused.take(self.row, None, "", &Error::invalid(what))?;
                    self.row += 1;
                }
                Some(_) => {}
            }
        }
    }
}

impl Source for GreenButton {
    fn next(&mut self, refused: &mut Refused) -> Result<Option<Vec<Rows>>> {
        let mut gathered = Gathered::default();
        let before = self.row;
        while !gathered.is_full() {
            let Some((meter, reading)) = self.next_reading(refused)? else { break };
            if let Err(e) = self.take(meter, &reading, &mut gathered) {
                let Reading { start, duration, value, .. } = &reading;
                refused.take(self.row, None, &format!("start {start} duration {duration} value {value}"), &e)?;
            }
            self.row += 1;
        }
        Ok((self.row > before).then(|| gathered.rows(&self.meters.series)))
    }

    fn part(&self) -> Option<f64> {
        Some(self.part.get())
    }

    fn understood(&self) -> Understood {
        let column = |(reading, found): (&Links, &Result<Becomes, String>)| {
            let name = if reading.own.is_empty() { "MeterReading" } else { &reading.own };
            match found {
                Ok(becomes) => self.meters.series.get(becomes.series).understood(name),
                Err(why) => UnderstoodColumn::skipped(name, why),
            }
        };
        let time =
            UnderstoodTime { columns: vec!["timePeriod.start".into()], form: "epoch-s".into(), zone: None, elapsed: None };
        Understood {
            format: "green button".into(),
            time: Some(time),
            columns: self.meters.readings.iter().zip(&self.meters.become_).map(column).collect(),
            notes: vec!["times are UTC, as the standard has them; some utilities write local time instead".into()],
            ..Understood::default()
        }
    }
}
