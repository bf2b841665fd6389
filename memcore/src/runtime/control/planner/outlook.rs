//! What is expected of the time ahead: load and sources out of the site's own past, prices out of their series or the tariff.
//!
//! The past rolls on: with each plan only the steps that have come since are read, and the last hour again, as its values may have
//! come late. What was measured in the last ten minutes pulls the next hour towards it.

use std::sync::Arc;

use super::history::{PlanningHistory, Steps};
use super::prices::Prices;
use super::sky::Skies;
use crate::control::{CheckedAsset, CheckedModel, Expected, Measure, PlanRequest, PlanningGrid, Role, Situation};
use crate::error::{Error, Result};
use crate::model::{Name, SeriesName, Span, Timestamp};
use crate::optimize::{Asset, ClearSky, Forecast, Horizon, Load, Method, RollingPast, Site, Source, Trust};

/// So much history forecasts are made from: five weeks.
const HISTORY: Span = Span::from_seconds(35 * 86_400);
/// So much of it is read again with each plan.
const AGAIN: Span = Span::from_seconds(3_600);
/// A history that may grow late is read anew so often.
const ANEW: Span = Span::from_seconds(86_400);
/// What was measured so lately pulls what is expected next.
const LATELY: Span = Span::from_seconds(600);
/// How fast that fades, in hours.
const FADES_H: f64 = 0.5;
/// With less history the last value has to do.
const YOUNG: Span = Span::from_seconds(86_400);
/// With more, weekdays tell more than days.
const GROWN: Span = Span::from_seconds(14 * 86_400);
/// A source below this share of its highest power says nothing of the sky, as at dusk.
const DUSK: f64 = 0.05;
/// What everything is called that no asset explains.
const LOAD: &str = "load";

/// A meter that is part of a quantity.
#[derive(Debug, Clone)]
struct Meter {
    series: SeriesName,
    sign: f64,
    max_gap: Span,
    /// Whether nothing is known without it. What only takes power now and then counts as off where it was not measured.
    needed: bool,
}

/// A quantity that is expected from its past.
#[derive(Debug)]
struct Past {
    name: String,
    meters: Vec<Meter>,
    rolling: RollingPast,
}

/// Says what is expected.
pub(super) struct Outlook {
    model: Arc<CheckedModel>,
    grid: PlanningGrid,
    /// What no asset explains, or the loads where there is no meter at the grid.
    rest: Past,
    /// Each metered load, and what plans may leave out.
    loads: Vec<(Name, Past)>,
    sources: Vec<(Name, Past)>,
    skies: Skies,
    prices: Prices,
    trust: Trust,
    /// Forecasts of others, of the load or of a source by its name: the latest of each.
    given: Vec<(String, Forecast)>,
    read_anew: Option<Timestamp>,
}

impl Outlook {
    pub(super) fn new(model: Arc<CheckedModel>, grid: PlanningGrid, skies: Vec<(Name, ClearSky)>) -> Result<Self> {
        let position = skies.first().map(|(_, sky)| (sky.latitude, sky.longitude));
        let past = |name: &str, meters: Vec<Meter>| {
            let keep = usize::try_from(HISTORY.as_micros() / grid.step().as_micros()).unwrap_or(1).max(1);
            let rolling = RollingPast::new(&model.model().zone, grid.step(), Timestamp::from_micros(0), keep)?;
            Ok::<_, Error>(Past { name: name.to_owned(), meters, rolling })
        };
        let each = |of: fn(&CheckedAsset) -> bool, sign: f64| {
            let assets = model.assets().iter().enumerate().filter(|(_, asset)| of(asset));
            let found = assets.filter_map(|(place, asset)| Some((asset.name.clone(), meter(&model, place, sign, true)?)));
            found.map(|(name, meter)| Ok((name.clone(), past(name.as_str(), vec![meter])?))).collect::<Result<Vec<_>>>()
        };
        let rest = past(LOAD, rest_meters(&model))?;
        let (loads, sources) = (each(is_load, 1.0)?, each(|asset| asset.role == Role::Pv, -1.0)?);
        let (prices, skies) = (Prices::new(&model), Skies::new(skies, grid.clone()));
        let trust = Trust { position, ..Trust::default() };
        Ok(Self { rest, loads, sources, prices, skies, trust, given: Vec::new(), read_anew: None, model, grid })
    }

    /// The prices.
    pub(super) fn prices(&mut self) -> &mut Prices {
        &mut self.prices
    }

    /// Takes a forecast of somebody else, in the place of an earlier one of the same.
    pub(super) fn give(&mut self, of: &str, forecast: Forecast) -> Result<()> {
        if of != LOAD && !self.sources.iter().any(|(name, _)| name.as_str() == of) {
            return Err(Error::invalid(format!("forecast of {of:?}, expected one of the load or of a source of the site")));
        }
        self.given.retain(|(known, _)| known != of);
        self.given.push((of.to_owned(), forecast));
        Ok(())
    }

    /// What is expected in the steps that a plan is asked for, as far as forecasts reach, and what is to be said about it.
    ///
    /// # Errors
    /// Invalid where load or prices are not known well enough for a plan; those of the history.
    pub(super) fn expect(
        &mut self,
        history: &mut dyn PlanningHistory,
        request: &PlanRequest,
        situation: &Situation,
    ) -> Result<(Horizon, Expected, Vec<String>)> {
        let now = request.now.wall;
        let (mut said, mut horizon) = (Vec::new(), request.horizon.clone());
        self.roll(history, now)?;
        let (mut rest_w, mut loads_w) = self.expected_loads(history, &mut horizon, now, &mut said)?;
        let mut sources_w = Vec::with_capacity(self.sources.len());
        for place in 0..self.sources.len() {
            let values = self.expected_source(history, place, &mut horizon, now, &mut said)?;
            sources_w.push((self.sources[place].0.clone(), values));
        }
        let columns = loads_w.iter_mut().chain(&mut sources_w).map(|(_, values)| values);
        columns.chain([&mut rest_w]).for_each(|values| values.truncate(horizon.len()));
        let (buy_per_kwh, sell_per_kwh) = self.prices.expect(history, &horizon, &mut said)?;
        let peak_so_far_w = self.peak_so_far_w(history, now)?;
        let since = self.since(situation, request);
        let outdoor_c = Vec::new();
        let expected = Expected { buy_per_kwh, sell_per_kwh, sources_w, loads_w, rest_w, outdoor_c, peak_so_far_w, since };
        Ok((horizon, expected, said))
    }

    /// For how long gensets and heat pumps have run or stood.
    fn since(&self, situation: &Situation, request: &PlanRequest) -> Vec<(Name, Span)> {
        let assets = self.model.assets().iter().enumerate();
        let runs = assets.filter(|(_, asset)| matches!(asset.role, Role::Genset | Role::HeatPump));
        let since = |(place, asset): (usize, &CheckedAsset)| {
            let run = situation.run(place)?;
            Some((asset.name.clone(), Span::from(request.now.elapsed.saturating_sub(run.since))))
        };
        runs.filter_map(since).collect()
    }

    /// Reads what has come since the last plan.
    fn roll(&mut self, history: &mut dyn PlanningHistory, now: Timestamp) -> Result<()> {
        let until = self.grid.floor(now);
        let is_stale = |since: Timestamp| history.comes_late() && now.since(since) >= ANEW || now < since;
        if self.read_anew.is_none_or(is_stale) {
            self.read_anew = Some(now);
            let start = until.saturating_add(Span::from_micros(-HISTORY.as_micros()));
            let start = self.aligned(start, until);
            self.pasts().for_each(|past| past.rolling.restart(start));
        }
        let step = self.grid.step();
        self.pasts().try_for_each(|past| past.roll(history, until, step))
    }

    fn pasts(&mut self) -> impl Iterator<Item = &mut Past> {
        let each = self.loads.iter_mut().chain(&mut self.sources).map(|(_, past)| past);
        each.chain([&mut self.rest])
    }

    /// The first time at or after another that lies whole steps before a third.
    fn aligned(&self, from: Timestamp, until: Timestamp) -> Timestamp {
        let step = self.grid.step().as_micros();
        Timestamp::from_micros(until.as_micros() - until.since(from).as_micros() / step * step)
    }

    /// What the site takes by itself: what no asset explains, and each load.
    fn expected_loads(
        &mut self,
        history: &mut dyn PlanningHistory,
        horizon: &mut Horizon,
        now: Timestamp,
        said: &mut Vec<String>,
    ) -> Result<(Vec<f64>, Vec<(Name, Vec<f64>)>)> {
        if let Some(given) = self.taken(LOAD, horizon, now, said) {
            return Ok((given, Vec::new()));
        }
        let mut loads_w = Vec::with_capacity(self.loads.len());
        for (name, past) in &self.loads {
            // A load that was lost is part of what no asset explains.
            if let Some(expected) = past.expected_load(history, horizon, now, &self.trust, said).unwrap_or_default() {
                loads_w.push((name.clone(), expected));
            }
        }
        let rest = self.rest.expected_load(history, horizon, now, &self.trust, said)?;
        let rest = match rest {
            Some(rest) => rest,
            None if loads_w.is_empty() => {
                return Err(Error::invalid("the load has not been measured yet: no plan can be made"));
            }
            None => Vec::new(),
        };
        Ok((rest, loads_w))
    }

    fn expected_source(
        &mut self,
        history: &mut dyn PlanningHistory,
        place: usize,
        horizon: &mut Horizon,
        now: Timestamp,
        said: &mut Vec<String>,
    ) -> Result<Vec<f64>> {
        let name = self.sources[place].0.clone();
        let most_w = self.model.place(name.as_str()).map_or(f64::INFINITY, |of| -self.model.assets()[of].low_w);
        if let Some(given) = self.taken(name.as_str(), horizon, now, said) {
            return Ok(given.into_iter().map(|value| value.min(most_w)).collect());
        }
        let past = &self.sources[place].1;
        let sky = self.skies.expect(&name, &past.rolling, horizon, said)?;
        let expected = match sky {
            Some(expected) => Some(expected),
            // A source that was lost gives nothing that a plan may count on, and that is said.
            None => match past.expected(Method::Days { days: 7 }, horizon, now, &self.trust, said) {
                Ok(expected) => expected,
                Err(error) => {
                    said.push(format!("{}: nothing is expected of it", error.message()));
                    None
                }
            },
        };
        let Some(mut expected) = expected else {
            said.push(format!("nothing is known of {name}: nothing is expected of it"));
            return Ok(vec![0.0; horizon.len()]);
        };
        let highest = expected.iter().copied().fold(0.0, f64::max);
        if let Some(lately) = past.lately(history, now)?.filter(|_| expected[0] > DUSK * highest) {
            let ratio = (lately / expected[0]).clamp(0.0, 3.0);
            let pulled = faded(horizon, now).zip(&mut expected);
            pulled.for_each(|(share, value)| *value *= 1.0 + (ratio - 1.0) * share);
        }
        expected.iter_mut().for_each(|value| *value = value.clamp(0.0, most_w));
        Ok(expected)
    }

    /// What somebody else's forecast says, where there is one to be believed. One that ends early shortens the horizon.
    fn taken(&self, of: &str, horizon: &mut Horizon, now: Timestamp, said: &mut Vec<String>) -> Option<Vec<f64>> {
        let (_, forecast) = self.given.iter().find(|(known, _)| known == of)?;
        let asset: Asset = if of == LOAD { Load::new(of, 0.0).into() } else { Source::new(of, 0.0).into() };
        let probe = Site::new(self.model.model().currency, horizon.clone(), [asset]);
        let checked = Forecast::new(forecast.horizon.clone(), forecast.values.clone(), forecast.issued, &forecast.made_of);
        let with = checked.and_then(|forecast| probe.with_forecast(of, &forecast, &self.trust));
        debug_assert_eq!(horizon.start(), now);
        match with {
            Ok((site, notices)) => {
                said.extend(notices);
                *horizon = site.horizon;
                let values = match &site.assets[0] {
                    Asset::Load(load) => load.power_w.values(),
                    Asset::Pv(source) => source.available_w.values(),
                    _ => return None,
                };
                Some(values.iter().map(|value| value.max(0.0)).collect())
            }
            Err(error) => {
                said.push(format!("{}: its own past is used instead", error.message()));
                None
            }
        }
    }

    /// The highest mean import of the month so far, where the tariff charges for it.
    fn peak_so_far_w(&mut self, history: &mut dyn PlanningHistory, now: Timestamp) -> Result<f64> {
        let tariff = self.model.model().tariff.as_ref();
        let Some(tariff) = tariff.filter(|tariff| tariff.demand_per_kw.is_some()) else { return Ok(0.0) };
        let interval = tariff.demand_interval.unwrap_or(Span::from_seconds(900));
        let Some(meter) = self.model.grid().and_then(|place| meter(&self.model, place, 1.0, true)) else { return Ok(0.0) };
        self.prices.peak_so_far_w(history, &meter.series, meter.max_gap, (interval, now), self.model.zone())
    }
}

impl Past {
    fn roll(&mut self, history: &mut dyn PlanningHistory, until: Timestamp, step: Span) -> Result<()> {
        let again = usize::try_from(AGAIN.as_micros() / step.as_micros()).unwrap_or(0);
        self.rolling.truncate(again);
        let start = self.rolling.end();
        let count = usize::try_from(until.since(start).as_micros() / step.as_micros()).unwrap_or(0);
        if count == 0 {
            return Ok(());
        }
        for mean in self.means(history, Steps { start, step, count })? {
            self.rolling.push(mean)?;
        }
        Ok(())
    }

    fn means(&self, history: &mut dyn PlanningHistory, steps: Steps) -> Result<Vec<f64>> {
        let mut sums = vec![if self.meters.is_empty() { f64::NAN } else { 0.0 }; steps.count];
        for meter in &self.meters {
            let means = history.means(&meter.series, steps, meter.max_gap)?;
            for (sum, mean) in sums.iter_mut().zip(means) {
                *sum += if mean.is_nan() && !meter.needed { 0.0 } else { meter.sign * mean };
            }
        }
        Ok(sums)
    }

    /// Its mean over the last minutes; None where it was not measured.
    fn lately(&self, history: &mut dyn PlanningHistory, now: Timestamp) -> Result<Option<f64>> {
        let start = now.saturating_add(Span::from_micros(-LATELY.as_micros()));
        let mean = self.means(history, Steps { start, step: LATELY, count: 1 })?;
        Ok(mean.first().copied().filter(|mean| mean.is_finite()))
    }

    /// What is expected of a load, pulled to what it took lately; None where nothing is known of it.
    ///
    /// # Errors
    /// As [`expected`](Self::expected).
    fn expected_load(
        &self,
        history: &mut dyn PlanningHistory,
        horizon: &Horizon,
        now: Timestamp,
        trust: &Trust,
        said: &mut Vec<String>,
    ) -> Result<Option<Vec<f64>>> {
        let method = if self.rolling.reach() < GROWN { Method::Days { days: 7 } } else { Method::WEEKDAY };
        let lately = self.lately(history, now)?;
        let Some(mut expected) = self.expected(method, horizon, now, trust, said)? else {
            let Some(lately) = lately else { return Ok(None) };
            said.push(format!("{} was never measured for a step: it is taken to go on as it is", self.name));
            return Ok(Some(vec![lately.max(0.0); horizon.len()]));
        };
        if let Some(lately) = lately {
            let off = lately - expected[0];
            faded(horizon, now).zip(&mut expected).for_each(|(share, value)| *value += off * share);
        }
        expected.iter_mut().for_each(|value| *value = value.max(0.0));
        Ok(Some(expected))
    }

    /// What is expected by its past; None where there is none.
    ///
    /// # Errors
    /// Invalid where the past ended too long ago to say anything.
    fn expected(
        &self,
        method: Method,
        horizon: &Horizon,
        now: Timestamp,
        trust: &Trust,
        said: &mut Vec<String>,
    ) -> Result<Option<Vec<f64>>> {
        let Some((until, _)) = self.rolling.last() else { return Ok(None) };
        let reach = self.rolling.reach();
        let method = if reach < YOUNG { Method::Persistence } else { method };
        let Some(values) = self.rolling.expect(method, horizon.starts())? else { return Ok(None) };
        let forecast = Forecast::new(horizon.clone(), values, until.min(now), method.to_string())?;
        trust.believe(&self.name, &forecast, now)?;
        if reach < YOUNG {
            let hours = reach.as_seconds() / 3_600.0;
            said.push(format!("{} is known for {hours:.1} h only: it is taken to go on as it is", self.name));
        }
        Ok(Some(forecast.values))
    }
}

/// By how much each step is pulled to what was measured lately.
fn faded(horizon: &Horizon, now: Timestamp) -> impl Iterator<Item = f64> {
    let middle = move |pair: &[Timestamp]| {
        let until = f64::midpoint(pair[0].since(now).as_seconds(), pair[1].since(now).as_seconds());
        (-until.max(0.0) / 3_600.0 / FADES_H).exp()
    };
    horizon.borders().windows(2).map(middle)
}

/// Whether what an asset takes is expected by itself: loads, and what may be left out of a plan.
fn is_load(asset: &CheckedAsset) -> bool {
    match asset.role {
        Role::Load | Role::Switch | Role::HeatPump => true,
        Role::Charger => asset.setpoint.is_none(),
        Role::GridMeter | Role::Meter | Role::Pv | Role::Battery | Role::Genset => false,
    }
}

/// The meters whose sum is what no asset explains: that of the grid, less those of all assets. None without a meter at the grid.
fn rest_meters(model: &CheckedModel) -> Vec<Meter> {
    let Some(grid) = model.grid() else { return Vec::new() };
    let assets = (0..model.assets().len()).filter(|place| !model.assets()[*place].role.is_meter());
    // What only takes power now and then counts as off where it was not measured.
    let needed = |place: usize| matches!(model.assets()[place].role, Role::Pv | Role::Battery);
    let assets = assets.filter_map(|place| meter(model, place, -1.0, needed(place)));
    meter(model, grid, 1.0, true).into_iter().chain(assets).collect()
}

fn meter(model: &CheckedModel, place: usize, sign: f64, needed: bool) -> Option<Meter> {
    let series = model.series_of(place, Measure::Power)?.clone();
    // A meter that reports each second is bridged for a minute, one that reports each minute for three.
    let max_gap = Span::from(model.assets()[place].silent_after).max(Span::from_seconds(60));
    Some(Meter { series, sign, max_gap, needed })
}
