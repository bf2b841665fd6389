//! Faults with a known place, planted into clean sites.

use memcore::doctor::FindingKind;
use memcore::model::{Kind, Quantity, SignConvention, Unit};

use super::random::Random;
use super::sites::{Column, DAY, HOUR, MINUTE, Site};

/// What was done to a site.
#[derive(Debug, Clone)]
pub(crate) struct Planted {
    pub(crate) kind: FindingKind,
    /// The series that shows it; none where any of the site may.
    pub(crate) series: Option<String>,
    pub(crate) from: i64,
    pub(crate) to: i64,
    /// What else the doctor may say of it without being wrong.
    pub(crate) also: &'static [FindingKind],
}

use FindingKind as F;

/// What may be planted: of each kind the usual fault, and faults of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Usual(FindingKind),
    /// A state of charge that stands still at full for days, while the battery works.
    FullAndWorking,
    /// The same where nobody measures the power of the battery.
    FullAlone,
    /// Times that are whole hours ahead of UTC or behind, where the position is known.
    HoursOff,
    /// A longitude with the wrong sign.
    Mirrored,
    /// An array alone, labelled by the end of its intervals, where the position is known.
    LabelBySun,
    /// A part of a power that passes through zero, in kW instead of W.
    SlipThroughZero,
}

impl Fault {
    const OWN: [Self; 6] =
        [Self::FullAndWorking, Self::FullAlone, Self::HoursOff, Self::Mirrored, Self::LabelBySun, Self::SlipThroughZero];

    pub(crate) fn all() -> impl Iterator<Item = Self> {
        FindingKind::ALL.into_iter().map(Self::Usual).chain(Self::OWN)
    }

    /// Its place among all.
    pub(crate) fn number(self) -> u64 {
        Self::all().position(|fault| fault == self).unwrap() as u64
    }

    /// The name of one that is a part of its kind.
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Self::Usual(_) => None,
            Self::FullAndWorking => Some("frozen: a battery at 100 % that works"),
            Self::FullAlone => Some("frozen: a battery at 100 %, no power known"),
            Self::HoursOff => Some("clock_shift: times hours off, by the position"),
            Self::Mirrored => Some("clock_shift: a longitude with the wrong sign"),
            Self::LabelBySun => Some("label: an array by the sun, 30 or 60 min"),
            Self::SlipThroughZero => Some("unit_slip: a part of what passes through zero"),
        }
    }

    /// Plants it; none where the site cannot have it.
    pub(crate) fn plant(self, site: &mut Site, random: &mut Random) -> Option<Planted> {
        match self {
            Self::Usual(kind) => plant(kind, site, random),
            Self::FullAndWorking => full_battery(site, random),
            Self::FullAlone => {
                site.columns.retain(|column| column.name != "battery.power");
                full_battery(site, random)
            }
            Self::HoursOff => hours_off(site, random),
            Self::Mirrored => mirrored(site),
            Self::LabelBySun => label_by_sun(site),
            Self::SlipThroughZero => slip_through_zero(site, random),
        }
    }
}

fn hours_off(site: &mut Site, random: &mut Random) -> Option<Planted> {
    site.options.position = Some(site.position?);
    let shift = random.pick(&[-8, -5, -2, -1, 1, 2, 3, 9]) * HOUR;
    // An hour is as long as the interval there, and may be its label.
    let shift = if site.cadence == HOUR { 2 * shift } else { shift };
    site.columns.iter_mut().flat_map(|column| &mut column.times).for_each(|time| *time += shift);
    let at = site.at("pv.power")?;
    Some(planted(F::ClockShift, &site.columns[at], 0, site.columns[at].times.len() - 1))
}

fn mirrored(site: &mut Site) -> Option<Planted> {
    let (latitude, longitude) = site.position.filter(|(_, longitude)| longitude.abs() > 8.0)?;
    site.options.position = Some((latitude, -longitude));
    let at = site.at("pv.power")?;
    Some(planted(F::ClockShift, &site.columns[at], 0, site.columns[at].times.len() - 1))
}

fn label_by_sun(site: &mut Site) -> Option<Planted> {
    if site.cadence < 30 * MINUTE {
        return None;
    }
    site.options.position = site.position;
    let at = site.at("pv.power")?;
    let column = &mut site.columns[at];
    column.values.pop();
    column.values.insert(0, 0.0);
    Some(planted(F::Label, column, 0, column.times.len() - 1))
}

/// Plants the usual fault of that kind; none where the site cannot have it.
fn plant(kind: FindingKind, site: &mut Site, random: &mut Random) -> Option<Planted> {
    match kind {
        F::Sampling => sampling(site, random),
        F::Gap => gap(site, random),
        F::Duplicate => duplicate(site, random),
        F::OutOfOrder => out_of_order(site, random),
        F::Frozen => frozen(site, random),
        F::Spike => spike(site, random),
        F::Reset | F::Rollover | F::Glitch | F::CounterBackwards => counter(kind, site, random),
        F::Sentinel => sentinel(site, random),
        F::UnitSlip => unit_slip(site, random),
        F::Sign => sign(site, random),
        F::ClockShift => clock_shift(site, random),
        F::DaylightSaving => daylight_saving(site, random),
        F::Label => label(site, random),
        F::NightPower => night_power(site),
        _ => None,
    }
}

fn planted(kind: FindingKind, column: &Column, first: usize, last: usize) -> Planted {
    Planted { kind, series: Some(column.name.clone()), from: column.times[first], to: column.times[last], also: &[] }
}

fn any<'s>(site: &'s mut Site, random: &mut Random, fits: impl Fn(&Column) -> bool) -> Option<&'s mut Column> {
    let which: Vec<usize> = (0..site.columns.len()).filter(|n| fits(&site.columns[*n])).collect();
    if which.is_empty() {
        return None;
    }
    Some(&mut site.columns[random.pick(&which)])
}

fn is_gauge(column: &Column) -> bool {
    column.kind == Kind::Gauge
}

/// A part comes at a third of the cadence.
fn sampling(site: &mut Site, random: &mut Random) -> Option<Planted> {
    let length = site.columns[0].times.len();
    let first = random.below(length / 10, length / 2);
    let last = first + random.below(length / 5, length / 3);
    for column in &mut site.columns {
        let keep = |n: usize| n < first || n > last || (n - first).is_multiple_of(3);
        column.times = (0..length).filter(|n| keep(*n)).map(|n| column.times[n]).collect();
        column.values = (0..length).filter(|n| keep(*n)).map(|n| column.values[n]).collect();
    }
    let column = &site.columns[0];
    Some(Planted { series: None, also: &[F::Gap], ..planted(F::Sampling, column, first, first + (last - first) / 3) })
}

fn gap(site: &mut Site, random: &mut Random) -> Option<Planted> {
    let length = site.columns[0].times.len();
    let first = random.below(length / 10, length * 8 / 10);
    let hours = random.uniform(6.5, 40.0);
    let points = ((hours * HOUR as f64) as i64 / site.cadence) as usize;
    let column = any(site, random, |_| true)?;
    let last = (first + points).min(length - 2);
    let place = planted(F::Gap, column, first, last);
    if random.happens(0.5) {
        column.values[first..=last].fill(f64::NAN);
    } else {
        column.times.drain(first..=last);
        column.values.drain(first..=last);
    }
    Some(place)
}

fn duplicate(site: &mut Site, random: &mut Random) -> Option<Planted> {
    let conflicting = random.happens(0.7);
    let column = any(site, random, is_gauge)?;
    let first = random.below(10, column.times.len() - 200);
    let count = random.below(1, 30);
    for n in (0..count).rev() {
        let at = first + n * 3;
        let value = if conflicting { column.values[at] * 1.01 + 0.5 } else { column.values[at] };
        column.times.insert(at + 1, column.times[at]);
        column.values.insert(at + 1, value);
    }
    Some(planted(F::Duplicate, column, first, first + 4 * count))
}

fn out_of_order(site: &mut Site, random: &mut Random) -> Option<Planted> {
    let column = any(site, random, |_| true)?;
    let length = column.times.len();
    let first = random.below(10, length - 300);
    let count = random.pick(&[1, 3, 40]);
    let ahead = random.below(5, 200);
    let times: Vec<i64> = column.times.drain(first..first + count).collect();
    let values: Vec<f64> = column.values.drain(first..first + count).collect();
    let (from, to) = (times[0], times[count - 1]);
    column.times.splice(first + ahead..first + ahead, times);
    column.values.splice(first + ahead..first + ahead, values);
    Some(Planted { kind: F::OutOfOrder, series: Some(column.name.clone()), from, to, also: &[] })
}

fn frozen(site: &mut Site, random: &mut Random) -> Option<Planted> {
    let cadence = site.cadence;
    let column = any(site, random, |column| {
        is_gauge(column) && !column.name.starts_with("hem") && !column.name.contains("sub") && !column.name.contains("ev.")
    })?;
    let points = ((random.uniform(8.0, 30.0) * HOUR as f64) as i64 / cadence) as usize;
    let first = random.below(100, column.times.len() - points - 100);
    // A value at which nothing rests.
    let first = (first..column.times.len() - points - 1)
        .find(|n| column.values[*n].abs() > 60.0 && column.values[*n].abs() < 3000.0 && column.values[*n] != 100.0)?;
    let value = column.values[first];
    column.values[first..first + points].fill(value);
    Some(Planted { also: &[F::Sign, F::NightPower, F::ClockShift], ..planted(F::Frozen, column, first, first + points) })
}

/// The state of charge says 100 % for five days.
fn full_battery(site: &mut Site, random: &mut Random) -> Option<Planted> {
    let points = (5 * DAY / site.cadence) as usize;
    let at = site.at("battery.soc")?;
    let column = &mut site.columns[at];
    let first = random.below(DAY as usize / site.cadence as usize, column.times.len() - points - 300);
    column.values[first..first + points].fill(100.0);
    Some(planted(F::Frozen, column, first, first + points))
}

fn spike(site: &mut Site, random: &mut Random) -> Option<Planted> {
    let column = any(site, random, is_gauge)?;
    let (low, high) = extremes(&column.values);
    let width = (high - low).max(1.0);
    let first = random.below(50, column.times.len() - 50);
    let count = random.below(1, 3);
    for n in 0..count {
        let at = first + n * 7;
        column.values[at] = high + width * random.uniform(3.0, 40.0);
        column.values[at] = (column.values[at] * 10.0).round() / 10.0;
    }
    Some(planted(F::Spike, column, first, first + 7 * (count - 1)))
}

fn extremes(values: &[f64]) -> (f64, f64) {
    let known = values.iter().copied().filter(|value| !value.is_nan());
    (known.clone().fold(f64::INFINITY, f64::min), known.fold(f64::NEG_INFINITY, f64::max))
}

fn counter(kind: FindingKind, site: &mut Site, random: &mut Random) -> Option<Planted> {
    let column = any(site, random, |column| column.kind == Kind::Counter)?;
    let length = column.times.len();
    let mut at = random.below(length / 10, length * 8 / 10);
    let scale = if column.unit == Unit::WattHour { 1.0 } else { 0.001 };
    let digit = scale;
    let rounded = |value: f64| (value / digit).round() * digit;
    match kind {
        F::Reset => {
            let base = column.values[at];
            column.values[at..].iter_mut().for_each(|value| *value = rounded(*value - base));
        }
        F::Rollover => {
            let width = random.pick(&[65_536.0, 1e6, 1e5]) * random.pick(&[1.0, 0.1]);
            let end = column.values[length - 1] - column.values[0];
            if end > width * 0.5 {
                return None;
            }
            let middle = column.values[at];
            // It must be moving where it rolls over.
            at = (at..length - 2).find(|n| column.values[*n] > middle)?;
            let shift = width - column.values[at];
            column.values.iter_mut().for_each(|value| *value = rounded((*value + shift).rem_euclid(width)));
        }
        F::Glitch => {
            let up = random.happens(0.3);
            let wide = random.below(1, 3);
            for value in &mut column.values[at..at + wide] {
                *value = if up { *value * 3.0 + 1e4 * scale } else { 0.0 };
            }
        }
        _ => {
            let length = random.below(200, 800).min(length - at - 1);
            let base = column.values[at];
            for n in 0..length {
                column.values[at + n] = rounded(2.0 * base - column.values[at + n]);
            }
            let drop = 2.0 * (column.values[at + length - 1] - base);
            column.values[at + length..].iter_mut().for_each(|value| *value = rounded(*value + drop));
            if -drop < 200.0 * scale {
                return None;
            }
            return Some(Planted { also: &[F::Reset], ..planted(kind, column, at, at + length) });
        }
    }
    Some(planted(kind, column, at.saturating_sub(1), at + 3))
}

fn sentinel(site: &mut Site, random: &mut Random) -> Option<Planted> {
    let column = any(site, random, is_gauge)?;
    let (low, high) = extremes(&column.values);
    let fits: Vec<f64> = [65_535.0, 32_767.0, -32_768.0, 4_294_967_295.0, 6553.5, -999.0, -9999.0, 9999.0]
        .into_iter()
        .filter(|value| *value > high + (high - low) || *value < low - (high - low))
        .collect();
    if fits.is_empty() {
        return None;
    }
    let value = random.pick(&fits);
    let first = random.below(50, column.times.len() - 400);
    let count = random.below(3, 25);
    for n in 0..count {
        column.values[first + n * 11] = value;
    }
    Some(planted(F::Sentinel, column, first, first + 11 * count))
}

fn unit_slip(site: &mut Site, random: &mut Random) -> Option<Planted> {
    let whole = random.happens(0.5);
    let main = |column: &Column| {
        is_gauge(column)
            && column.quantity == Quantity::Power
            && !column.name.starts_with("hem")
            && !column.name.starts_with("ev")
    };
    let column = any(site, random, main)?;
    let length = column.times.len();
    if whole {
        column.values.iter_mut().for_each(|value| *value = (*value).round() / 1000.0);
        return Some(planted(F::UnitSlip, column, 0, length - 1));
    }
    let first = random.below(length / 10, length / 2);
    let last = first + random.below(length / 10, length / 3);
    let factor = random.pick(&[1000.0, 0.001]);
    column.values[first..=last].iter_mut().for_each(|value| *value *= factor);
    Some(Planted { also: &[F::ClockShift, F::Sign, F::NightPower, F::Frozen], ..planted(F::UnitSlip, column, first, last) })
}

fn slip_through_zero(site: &mut Site, random: &mut Random) -> Option<Planted> {
    site.at("battery.power")?;
    let column = any(site, random, |column| ["grid.power", "battery.power"].contains(&column.name.as_str()))?;
    let length = column.times.len();
    let first = random.below(length / 10, length / 2);
    let last = first + random.below(length / 10, length / 3);
    // Division, as kW with three decimals are read.
    column.values[first..=last].iter_mut().for_each(|value| *value /= 1000.0);
    Some(Planted { also: &[F::Sign, F::Frozen, F::ClockShift], ..planted(F::UnitSlip, column, first, last) })
}

fn sign(site: &mut Site, random: &mut Random) -> Option<Planted> {
    let is_part = |column: &Column| ["pv.power", "battery.power", "grid.power"].contains(&column.name.as_str());
    if site.what.starts_with("EV") {
        return None;
    }
    let column = any(site, random, is_part)?;
    column.sign = match column.sign {
        SignConvention::Passive => SignConvention::Generator,
        SignConvention::Generator => SignConvention::Passive,
    };
    Some(planted(F::Sign, column, 0, column.times.len() - 1))
}

/// The clock of an array, or of one meter among others, is wrong for a while.
fn clock_shift(site: &mut Site, random: &mut Random) -> Option<Planted> {
    let cadence = site.cadence;
    let name = if site.at("pv.power").is_some() { "pv.power" } else { "house.power" };
    let at = site.at(name)?;
    let column = &mut site.columns[at];
    let length = column.times.len();
    let days = length as i64 * cadence / DAY;
    let first = random.below(length / 4, length / 2);
    let last = (first + random.below(length / 4, length / 3)).min(length - 1);
    let shift = random.pick(&[45 * MINUTE, HOUR, 90 * MINUTE]) * random.pick(&[-1, 1]) / cadence;
    if days < 9 || shift == 0 {
        return None;
    }
    // What was measured at one time is reported under another; the grid of times stays.
    let old = column.values.clone();
    for n in first..=last {
        let source = (n as i64 - shift).clamp(0, length as i64 - 1);
        column.values[n] = old[source as usize];
    }
    Some(Planted { also: &[F::Sign, F::Label], ..planted(F::ClockShift, column, first, last) })
}

/// All times are local with daylight saving, but said to be UTC.
fn daylight_saving(site: &mut Site, random: &mut Random) -> Option<Planted> {
    let (start, end) = (site.columns[0].times[0], *site.columns[0].times.last()?);
    // 2024-03-31 and 2024-10-27, 01:00 UTC, in Europe; the local times are those of a zone one hour ahead.
    let changes = [(1_711_846_800_000_000, HOUR), (1_729_990_800_000_000, -HOUR)];
    let (at, move_by) = changes.into_iter().find(|(at, _)| *at > start + 4 * DAY && *at < end - 4 * DAY)?;
    let before = if move_by > 0 { HOUR } else { 2 * HOUR };
    let dropped = move_by < 0 && random.happens(0.3);
    for column in &mut site.columns {
        let moved = |time: i64| time + before + if time >= at { move_by } else { 0 };
        let last = at + before;
        let kept: Vec<usize> = (0..column.times.len())
            .filter(|n| !(dropped && column.times[*n] >= at && moved(column.times[*n]) < last))
            .collect();
        column.times = kept.iter().map(|n| moved(column.times[*n])).collect();
        column.values = kept.iter().map(|n| column.values[*n]).collect();
    }
    let also: &[F] = &[F::Gap, F::Duplicate];
    Some(Planted { kind: F::DaylightSaving, series: None, from: at - DAY, to: at + DAY, also })
}

/// One power is labelled by the end of its interval.
fn label(site: &mut Site, random: &mut Random) -> Option<Planted> {
    let names: &[&str] =
        if site.at("ev.power").is_some() { &["ev.power", "grid.power"] } else { &["house.power", "pv.power"] };
    // Where nothing else moves with it, nobody can tell.
    if site.columns.len() < 3 {
        return None;
    }
    let column = any(site, random, |column| names.contains(&column.name.as_str()))?;
    column.values.pop();
    column.values.insert(0, column.values[0]);
    Some(planted(F::Label, column, 0, column.times.len() - 1))
}

fn night_power(site: &mut Site) -> Option<Planted> {
    let at = site.at("pv.power")?;
    let column = &mut site.columns[at];
    let sign = if column.sign == SignConvention::Generator { 1.0 } else { -1.0 };
    for value in &mut column.values {
        if value.abs() < 9.0 {
            *value = sign * 12.0;
        }
    }
    Some(planted(F::NightPower, column, 0, column.times.len() - 1))
}
