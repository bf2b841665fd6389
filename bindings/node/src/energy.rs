//! The energy kernel over typed arrays: quick, so it runs on Node's thread.

use memcore::Error;
use memcore::energy::{self, Every, GapRule, Resampling};
use memcore::model::{Span, Timestamp, Unit};
use napi::bindgen_prelude::{BigInt, BigInt64Array, Float64Array, Uint32Array};
use napi_derive::napi;

use crate::channel::span;
use crate::error::{Result, ToNode};
use crate::history::qualities_of;
use crate::time::instant;

/// How values go on between samples.
#[napi(object)]
pub struct Holds {
    /// `step` or `trapezoid`.
    pub rule: String,
    /// The longest silence over which a value holds.
    pub max_gap: Option<String>,
    /// How often a value comes.
    pub cadence: Option<String>,
}

impl Holds {
    fn gaps(&self) -> memcore::Result<GapRule> {
        let length = |field: &str, text: Option<&str>| text.map(|text| span(field, text)).transpose();
        GapRule::given(length("maxGap", self.max_gap.as_deref())?, length("cadence", self.cadence.as_deref())?)
    }
}

impl Holds {
    /// What holds where something says so.
    fn maybe_gaps(&self) -> memcore::Result<Option<GapRule>> {
        (self.max_gap.is_some() || self.cadence.is_some()).then(|| self.gaps()).transpose()
    }
}

/// A silence that was too long to be bridged, in microseconds.
#[napi(object)]
pub(crate) struct Silence {
    /// From where nothing is known.
    pub start: BigInt,
    /// Until when.
    pub end: BigInt,
}

/// What an integration found.
#[napi(object)]
pub(crate) struct IntegratedSamples {
    /// Values times hours.
    pub amount: f64,
    /// Over the time that was measured.
    pub mean: Option<f64>,
    /// How much time was measured, in milliseconds.
    pub covered: f64,
    /// How much of it no later sample confirms.
    pub held: f64,
    /// What was not measured.
    pub gaps: Vec<Silence>,
}

/// The range of samples, empty where there are none.
fn samples_range(gaps: GapRule, times: &[i64]) -> (Timestamp, Timestamp) {
    let end = |time: Option<&i64>| Timestamp::from_micros(time.copied().unwrap_or_default());
    gaps.range(end(times.first()), end(times.last()))
}

fn micros(times: Vec<Timestamp>) -> BigInt64Array {
    BigInt64Array::new(times.into_iter().map(Timestamp::as_micros).collect())
}

fn rows(rows: Vec<usize>) -> Uint32Array {
    Uint32Array::new(rows.into_iter().map(|row| row as u32).collect())
}

fn millis(span: Span) -> f64 {
    span.as_micros() as f64 / 1e3
}

/// Integrates samples over a range; its ends are those of the samples where they are not given.
#[napi(catch_unwind)]
pub(crate) fn integrate(
    times: &[i64],
    values: &[f64],
    start: Option<BigInt>,
    end: Option<BigInt>,
    holds: Holds,
) -> Result<IntegratedSamples> {
    let integrated = || {
        let (rule, gaps) = (holds.rule.parse()?, holds.gaps()?);
        let (first, last) = samples_range(gaps, times);
        let at = |time: &Option<BigInt>, else_at| time.as_ref().map_or(Ok(else_at), instant);
        energy::integrate(times, values, (at(&start, first)?, at(&end, last)?), rule, gaps)
    };
    let found = integrated().to_node()?;
    let silence =
        |gap: &energy::Gap| Silence { start: BigInt::from(gap.from.as_micros()), end: BigInt::from(gap.to.as_micros()) };
    Ok(IntegratedSamples {
        amount: found.amount,
        mean: found.mean,
        covered: millis(found.covered),
        held: millis(found.held),
        gaps: found.gaps.iter().map(silence).collect(),
    })
}

/// By how much a counter rose.
#[napi(object)]
pub(crate) struct RegisterIncrease {
    /// None where there are not two readings.
    pub amount: Option<f64>,
    /// How often it started anew.
    pub resets: i64,
    /// How often it fell and came back.
    pub glitches: i64,
}

/// By how much a counter rose from its first reading to its last.
#[napi(catch_unwind)]
pub(crate) fn increase(readings: &[f64], width: Option<f64>) -> Result<RegisterIncrease> {
    let found = energy::increase(readings, width).to_node()?;
    Ok(RegisterIncrease { amount: found.amount, resets: found.resets as i64, glitches: found.glitches as i64 })
}

/// A reading that lies below the one before it.
#[napi(object)]
pub(crate) struct CounterFall {
    /// Its place among all.
    pub row: u32,
    /// `reset`, `glitch` or `rollover`.
    pub kind: String,
}

/// What each reading of a counter adds.
#[napi(object)]
pub(crate) struct RegisterIncreases {
    /// One for each reading.
    pub amounts: Float64Array,
    /// Each fall.
    pub events: Vec<CounterFall>,
}

/// What each reading of a counter adds, and where it fell.
#[napi(catch_unwind)]
pub(crate) fn increases(readings: &[f64], width: Option<f64>) -> Result<RegisterIncreases> {
    let found = energy::increases(readings, width).to_node()?;
    let fall = |event: &energy::CounterEvent| CounterFall { row: event.row as u32, kind: event.kind.name().to_owned() };
    Ok(RegisterIncreases { events: found.events.iter().map(fall).collect(), amounts: Float64Array::new(found.amounts) })
}

/// The values in another unit.
#[napi(catch_unwind)]
pub(crate) fn convert(values: &[f64], from: String, to: String) -> Result<Float64Array> {
    let unit = |name: &str, text: &str| text.parse::<Unit>().map_err(|e: Error| e.context(name));
    let converted = || energy::convert(values, unit("from", &from)?, unit("to", &to)?);
    Ok(Float64Array::new(converted().to_node()?))
}

/// The mean power over intervals.
#[napi(object)]
pub(crate) struct MeanPowers {
    /// Where each interval starts, in microseconds.
    pub starts: BigInt64Array,
    /// Where it ends.
    pub ends: BigInt64Array,
    /// NaN where it is not known.
    pub power: Float64Array,
}

/// The mean power of amounts or, where `counter` says so, between the readings of a counter.
#[napi(catch_unwind)]
pub(crate) fn mean_power(
    times: &[i64],
    values: &[f64],
    counter: bool,
    width: Option<f64>,
    holds: Holds,
) -> Result<MeanPowers> {
    let found = holds.gaps().and_then(|gaps| match counter {
        true => energy::mean_power_of_register(times, values, width, gaps),
        false => energy::mean_power(times, values, gaps),
    });
    let found = found.to_node()?;
    Ok(MeanPowers { starts: micros(found.starts), ends: micros(found.ends), power: Float64Array::new(found.power) })
}

/// The values at the times of a grid.
#[napi(catch_unwind)]
pub(crate) fn at(times: &[i64], values: &[f64], grid: &[i64], holds: Holds) -> Result<Float64Array> {
    let found = || energy::at(times, values, grid, holds.rule.parse()?, holds.gaps()?);
    Ok(Float64Array::new(found().to_node()?))
}

/// The borders of the buckets of a range, both of its ends included.
#[napi(catch_unwind)]
pub(crate) fn buckets(start: BigInt, end: BigInt, every: String, zone: Option<String>) -> Result<BigInt64Array> {
    let borders = || energy::buckets(instant(&start)?, instant(&end)?, &Every::parse(&every, zone.as_deref())?);
    Ok(micros(borders().to_node()?))
}

/// Instants of local times.
#[napi(object)]
pub(crate) struct LocalizedTimes {
    /// The instant of each row, in microseconds.
    pub times: BigInt64Array,
    /// The rows whose time a clock showed twice.
    pub repeated: Uint32Array,
    /// The rows whose time no clock showed.
    pub skipped: Uint32Array,
}

/// The instants of times on the wall clocks of a zone, given in microseconds as if they were UTC.
#[napi(catch_unwind)]
pub(crate) fn localize(local: &[i64], zone: String, skipped: String) -> Result<LocalizedTimes> {
    let found = || energy::localize(local, &energy::zone_of(&zone)?, skipped.parse()?);
    let found = found().to_node()?;
    Ok(LocalizedTimes { times: micros(found.times), repeated: rows(found.repeated), skipped: rows(found.skipped) })
}

/// What becomes of samples.
#[napi(object)]
pub(crate) struct ResampleSettings {
    /// Only from this instant on, in microseconds.
    pub start: Option<BigInt>,
    /// Only before this instant.
    pub end: Option<BigInt>,
    /// The length of the buckets.
    pub every: Option<String>,
    /// The zone whose calendar they follow.
    pub tz: Option<String>,
    /// One a column.
    pub agg: Vec<String>,
    /// What becomes of buckets without a number.
    pub gaps: Option<String>,
    /// Where a counter rolls over.
    pub width: Option<f64>,
    /// How each value came about, by number.
    pub qualities: Option<Float64Array>,
}

impl ResampleSettings {
    fn resampling(&self, holds: &Holds) -> memcore::Result<Resampling> {
        let mut asked = match &self.every {
            Some(every) => Resampling::every(Every::parse(every, self.tz.as_deref())?),
            None => Resampling::whole(),
        };
        for aggregate in &self.agg {
            asked = asked.aggregate(aggregate.parse()?);
        }
        asked = holds.maybe_gaps()?.into_iter().fold(asked.rule(holds.rule.parse()?), Resampling::gaps);
        if let Some(fill) = &self.gaps {
            asked = asked.fill(fill.parse()?);
        }
        asked = self.start.as_ref().map(instant).transpose()?.into_iter().fold(asked, Resampling::from);
        asked = self.end.as_ref().map(instant).transpose()?.into_iter().fold(asked, Resampling::to);
        Ok(self.width.into_iter().fold(asked, Resampling::width))
    }
}

/// One row a bucket.
#[napi(object)]
pub(crate) struct ResampledColumns {
    /// Where each bucket starts, in microseconds.
    pub times: BigInt64Array,
    /// The aggregates.
    pub names: Vec<String>,
    /// One for each.
    pub columns: Vec<Float64Array>,
}

/// Gathers samples into buckets.
#[napi(catch_unwind)]
pub(crate) fn resample(
    times: &[i64],
    values: &[f64],
    settings: ResampleSettings,
    holds: Holds,
) -> Result<ResampledColumns> {
    let found = settings.resampling(&holds).and_then(|asked| match settings.qualities.as_deref() {
        None => energy::resample(times, values, &asked),
        Some(each) => energy::resample_with_quality(times, values, &qualities_of(each)?, &asked),
    });
    let found = found.to_node()?;
    let (names, columns): (Vec<_>, Vec<_>) = found.columns.into_iter().unzip();
    Ok(ResampledColumns {
        times: micros(found.starts),
        names: names.iter().map(|name| name.name().into_owned()).collect(),
        columns: columns.into_iter().map(Float64Array::new).collect(),
    })
}

/// A column of a balance.
#[napi(object)]
pub struct BalanceColumn {
    /// Its name.
    pub name: String,
    /// One value an interval.
    pub values: Float64Array,
}

/// The energy balance of a site, interval by interval.
#[napi]
pub struct NativeBalance(pub(crate) energy::Balance);

#[napi]
impl NativeBalance {
    /// Of columns of amounts, each with its role.
    #[napi(factory, catch_unwind)]
    pub fn of(roles: Vec<String>, amounts: Vec<Float64Array>) -> Result<Self> {
        let parts = roles.iter().zip(&amounts).map(|(role, amounts)| Ok(energy::Part { role: role.parse()?, amounts }));
        let parts = parts.collect::<memcore::Result<Vec<_>>>().to_node()?;
        energy::balance(&parts).map(Self).to_node()
    }

    /// Longer intervals.
    #[napi(catch_unwind)]
    pub fn gather(&self, ends: Vec<u32>) -> Result<Self> {
        let ends: Vec<usize> = ends.into_iter().map(|end| end as usize).collect();
        self.0.gather(&ends).map(Self).to_node()
    }

    /// The columns.
    #[napi(catch_unwind)]
    pub fn columns(&self) -> Vec<BalanceColumn> {
        let column = |(name, values): (&str, &[f64])| BalanceColumn {
            name: name.to_owned(),
            values: Float64Array::new(values.to_vec()),
        };
        self.0.columns().into_iter().map(column).collect()
    }
}
