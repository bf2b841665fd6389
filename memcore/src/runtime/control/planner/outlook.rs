//! What is expected of the time ahead: load and sources out of the site's own past, prices out of their series or the tariff.
//!
//! The past rolls on: with each plan only the steps that have come since are read, and the last hour again, as its values may have
//! come late. What was measured in the last ten minutes pulls the next hour towards it.

use std::sync::Arc;

use super::history::{PlanningHistory, Steps};
use super::prices::Prices;
use super::sky::Skies;
use crate::control::{CheckedModel, Expected, Measure, PlanRequest, PlanningGrid, Role};
use crate::error::{Error, Result};
use crate::model::{Name, SeriesName, Span, Timestamp};
use crate::optimize::{Asset, ClearSky, Forecast, Horizon, Load, Method, PreviousPower, RollingPast, Site, Source, Trust};

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
/// The horizon has at least one step, and so has a forecast of it.
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
    load: Past,
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
        let load = past(LOAD, load_meters(&model))?;
        let pv = model.assets().iter().enumerate().filter(|(_, asset)| asset.role == Role::Pv);
        let source = |(place, asset): (usize, &crate::control::CheckedAsset)| {
            let meters = meter(&model, place, -1.0, true).into_iter().collect();
            Ok((asset.name.clone(), past(asset.name.as_str(), meters)?))
        };
        let sources = pv.map(source).collect::<Result<_>>()?;
        let (prices, skies) = (Prices::new(&model), Skies::new(skies, grid.clone()));
        let trust = Trust { position, ..Trust::default() };
        Ok(Self { load, sources, prices, skies, trust, given: Vec::new(), read_anew: None, model, grid })
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

    /// What is expected in the steps that a plan is asked for, and what is to be said about it.
    ///
    /// # Errors
    /// Invalid where load or prices are not known well enough for a plan; those of the history.
    pub(super) fn expect(
        &mut self,
        history: &mut dyn PlanningHistory,
        request: &PlanRequest,
        previous: Vec<PreviousPower>,
    ) -> Result<(Expected, Vec<String>)> {
        let now = request.now.wall;
        let mut said = Vec::new();
        self.roll(history, now)?;
        let (mut horizon, mut load_w) = (request.horizon.clone(), Vec::new());
        self.expected_load(history, &mut horizon, now, &mut load_w, &mut said)?;
        let mut sources_w = Vec::with_capacity(self.sources.len());
        for place in 0..self.sources.len() {
            let values = self.expected_source(history, place, &mut horizon, now, &mut said)?;
            sources_w.push((self.sources[place].0.clone(), values));
        }
        let steps = horizon.len();
        load_w.truncate(steps);
        sources_w.iter_mut().for_each(|(_, values)| values.truncate(steps));
        let (buy_per_kwh, sell_per_kwh) = self.prices.expect(history, &horizon, &mut said)?;
        let peak_so_far_w = self.peak_so_far_w(history, now)?;
        let (departures, outdoor_c) = (Vec::new(), Vec::new());
        let expected = Expected {
            horizon,
            load_w,
            sources_w,
            buy_per_kwh,
            sell_per_kwh,
            outdoor_c,
            departures,
            peak_so_far_w,
            previous,
        };
        Ok((expected, said))
    }

    /// Reads what has come since the last plan.
    fn roll(&mut self, history: &mut dyn PlanningHistory, now: Timestamp) -> Result<()> {
        let until = self.grid.floor(now);
        let is_stale = |since: Timestamp| history.comes_late() && now.since(since) >= ANEW || now < since;
        if self.read_anew.is_none_or(is_stale) {
            self.read_anew = Some(now);
            let start = until.saturating_add(Span::from_micros(-HISTORY.as_micros()));
            let start = self.aligned(start, until);
            self.load.rolling.restart(start);
            self.sources.iter_mut().for_each(|(_, past)| past.rolling.restart(start));
        }
        self.load.roll(history, until, self.grid.step())?;
        self.sources.iter_mut().try_for_each(|(_, past)| past.roll(history, until, self.grid.step()))
    }

    /// The first time at or after another that lies whole steps before a third.
    fn aligned(&self, from: Timestamp, until: Timestamp) -> Timestamp {
        let step = self.grid.step().as_micros();
        Timestamp::from_micros(until.as_micros() - until.since(from).as_micros() / step * step)
    }

    fn expected_load(
        &mut self,
        history: &mut dyn PlanningHistory,
        horizon: &mut Horizon,
        now: Timestamp,
        values: &mut Vec<f64>,
        said: &mut Vec<String>,
    ) -> Result<()> {
        if let Some(given) = self.taken(LOAD, horizon, now, said) {
            *values = given;
            return Ok(());
        }
        let method = if self.load.rolling.reach() < GROWN { Method::Days { days: 7 } } else { Method::WEEKDAY };
        let lately = self.load.lately(history, now)?;
        let Some(mut expected) = self.load.expected(method, horizon, now, &self.trust, said)? else {
            let lately = lately.ok_or_else(|| Error::invalid("the load has not been measured yet: no plan can be made"))?;
            said.push("the load was never measured for a step: it is taken to go on as it is".to_owned());
            *values = vec![lately.max(0.0); horizon.len()];
            return Ok(());
        };
        if let Some(lately) = lately {
            let off = lately - expected[0];
            faded(horizon, now).zip(&mut expected).for_each(|(share, value)| *value += off * share);
        }
        expected.iter_mut().for_each(|value| *value = value.max(0.0));
        *values = expected;
        Ok(())
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

/// The meters whose sum is what the site takes by itself: that of the grid, less those of all that is planned; or where there is none,
/// those of the loads.
fn load_meters(model: &CheckedModel) -> Vec<Meter> {
    let places = 0..model.assets().len();
    let Some(grid) = model.grid() else {
        let loads = places.filter(|place| matches!(model.assets()[*place].role, Role::Load | Role::Switch));
        return loads.filter_map(|place| meter(model, place, 1.0, true)).collect();
    };
    let planned = places.filter(|place| model.assets()[*place].is_planned());
    let needed = |place: usize| matches!(model.assets()[place].role, Role::Pv | Role::Battery);
    let planned = planned.filter_map(|place| meter(model, place, -1.0, needed(place)));
    meter(model, grid, 1.0, true).into_iter().chain(planned).collect()
}

fn meter(model: &CheckedModel, place: usize, sign: f64, needed: bool) -> Option<Meter> {
    let series = model.series_of(place, Measure::Power)?.clone();
    // A meter that reports each second is bridged for a minute, one that reports each minute for three.
    let max_gap = Span::from(model.assets()[place].silent_after).max(Span::from_seconds(60));
    Some(Meter { series, sign, max_gap, needed })
}
