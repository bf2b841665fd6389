//! Control against a simulated site, with actors of JavaScript in its time.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use memcore::control::{Actor, Proposal, SiteModel, View};
use memcore::model::{Name, Span, Timestamp};
use memcore::simulation::{
    self as simulated, ActorsOf, PriceSeries, Prices, Scenario, SimulationOptions, run_scenario,
    simulate_control as simulate,
};
use memcore::{Error, Progress, QueryResult, Snapshot, read_site_model};
use napi::Env;
use napi::bindgen_prelude::{BigInt, Buffer, Float64Array, Function, PromiseRaw};
use napi_derive::napi;

use crate::bulk::Told;
use crate::control::{NativeWishes, Shown, Thinking, named, site_model};
use crate::error::{Result, ToNode, on_disk};
use crate::time::instant;
use crate::upkeep::{NativeStop, hears, tell};

/// How long an actor is waited for: it is in the simulation's time, which stands still meanwhile.
const PATIENCE: Duration = Duration::from_secs(600);

/// What is simulated; what is none is as the core has it.
#[napi(object)]
pub(crate) struct SimulatedSettings {
    /// The site model, as JSON.
    pub model: Option<String>,
    /// Its file.
    pub file: Option<String>,
    /// A scenario's file, in place of all but seed and actors.
    pub scenario: Option<String>,
    /// When it begins.
    pub from: BigInt,
    /// How long it lasts.
    pub length: String,
    /// From one decision to the next.
    pub step: Option<String>,
    /// The length of the rows of the table.
    pub row: Option<String>,
    /// Of all chance in it.
    pub seed: Option<i64>,
    /// Whether it is controlled at all.
    pub control: Option<bool>,
    /// Whether plans are made.
    pub plans: Option<bool>,
    /// Assets whose states of charge at first are given.
    pub soc_names: Vec<String>,
    /// These.
    pub socs: Vec<f64>,
    /// Degrees north and east.
    pub position: Option<Vec<f64>>,
    /// Bought and sold, at all times.
    pub flat: Option<Vec<f64>>,
    /// An invented day-ahead market.
    pub invented: Option<bool>,
    /// A file of prices.
    pub price_file: Option<String>,
}

/// Recorded prices: times, bought, sold.
#[napi(object)]
pub(crate) struct PriceColumns {
    /// Microseconds.
    pub times: Vec<BigInt>,
    /// What a kWh bought costs.
    pub buy: Float64Array,
    /// What a kWh sold brings.
    pub sell: Option<Float64Array>,
}

impl PriceColumns {
    fn series(&self) -> memcore::Result<Prices> {
        let times = self.times.iter().map(instant).collect::<memcore::Result<_>>()?;
        let sell = self.sell.as_ref().map(|sell| sell.to_vec());
        PriceSeries::new(times, self.buy.to_vec(), sell).map(Prices::Series).map_err(|e| e.context("prices"))
    }
}

fn pair(field: &str, pair: &[f64]) -> memcore::Result<(f64, f64)> {
    match pair {
        [first, second] => Ok((*first, *second)),
        _ => Err(Error::invalid(format!("{field} has {} numbers, expected two", pair.len()))),
    }
}

impl SimulatedSettings {
    fn options(&self, series: Option<Prices>) -> memcore::Result<SimulationOptions> {
        let span = |field: &str, text: &str| text.parse::<Span>().map_err(|e| e.context(field));
        let mut options = SimulationOptions::new(instant(&self.from)?, span("length", &self.length)?);
        if let Some(step) = &self.step {
            options.step = span("step", step)?;
        }
        options.row = self.row.as_deref().map(|row| span("row", row)).transpose()?;
        options.seed = self.seed.map_or(options.seed, i64::unsigned_abs);
        options.control = self.control.unwrap_or(options.control);
        options.plans = self.plans.unwrap_or(options.plans);
        if let Some(position) = &self.position {
            (options.location.latitude, options.location.longitude) = pair("position", position)?;
        }
        for (asset, soc) in self.soc_names.iter().zip(&self.socs) {
            options.socs.push((named("soc", asset)?, *soc));
        }
        options.prices = match (&self.flat, &self.price_file, series) {
            (Some(flat), _, _) => {
                let (buy, sell) = pair("prices", flat)?;
                Prices::Flat { buy, sell }
            }
            (None, Some(file), _) => Prices::Series(PriceSeries::read(file.as_ref())?),
            (None, None, Some(series)) => series,
            (None, None, None) if self.invented.unwrap_or(false) => Prices::Invented,
            _ => Prices::OfModel,
        };
        Ok(options)
    }

    fn model(&self) -> memcore::Result<SiteModel> {
        match (&self.model, &self.file) {
            (Some(json), _) => site_model(json),
            (None, Some(file)) => read_site_model(std::path::Path::new(file)),
            (None, None) => Err(Error::invalid("model is missing: expected a site model, or its file")),
        }
    }
}

/// The first failure of an actor: it ends the simulation.
type Failure = Arc<Mutex<Option<Error>>>;

/// A function of JavaScript as an actor, in the time of the simulation.
struct Called {
    thinking: Arc<Thinking>,
    every: Span,
    failure: Failure,
}

fn failed(failure: &Failure) -> std::sync::MutexGuard<'_, Option<Error>> {
    failure.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Actor for Called {
    fn name(&self) -> &Name {
        self.thinking.name()
    }

    fn every(&self) -> Span {
        self.every
    }

    fn propose(&mut self, view: &View<'_>) -> Vec<Proposal> {
        if failed(&self.failure).is_some() {
            return Vec::new();
        }
        self.thinking.propose(&Snapshot::of(view)).unwrap_or_else(|error| {
            failed(&self.failure).get_or_insert(error.context(format!("actor {}", self.thinking.name())));
            Vec::new()
        })
    }
}

/// Actors for simulations.
#[napi]
pub struct NativeSimulatedActors(Vec<(Arc<Thinking>, Span)>);

#[napi]
impl NativeSimulatedActors {
    /// Nobody yet.
    #[napi(constructor)]
    pub fn new() -> Self {
        Self(Vec::new())
    }

    /// One more.
    #[napi(catch_unwind)]
    pub fn add(&mut self, name: String, every: String, wishes: &NativeWishes, asks: Function<'_, Shown, ()>) -> Result<()> {
        let every: Span = every.parse().map_err(|e: Error| e.context("every")).to_node()?;
        let thinking = Thinking::new(named("actor", &name).to_node()?, wishes, asks, PATIENCE)?;
        self.0.push((Arc::new(thinking), every));
        Ok(())
    }
}

fn actors_of(actors: &NativeSimulatedActors, failure: &Failure) -> ActorsOf {
    let (known, failure) = (actors.0.clone(), failure.clone());
    Arc::new(move |_| {
        let made = known.iter().map(|(thinking, every)| {
            let called = Called { thinking: thinking.clone(), every: *every, failure: failure.clone() };
            Box::new(called) as Box<dyn Actor>
        });
        Ok(made.collect())
    })
}

fn run(
    asked: &SimulatedSettings,
    series: Option<Prices>,
    actors: ActorsOf,
    failure: &Failure,
    tell: &mut dyn FnMut(&Progress) -> memcore::Result<()>,
) -> memcore::Result<NativeSimulatedControl> {
    let begun = Instant::now();
    let (simulated, scenario) = match &asked.scenario {
        Some(file) => {
            let mut scenario = Scenario::read(&PathBuf::from(file))?;
            scenario.options.seed = asked.seed.map_or(scenario.options.seed, i64::unsigned_abs);
            scenario.options.actors = Some(actors);
            let report = run_scenario(&scenario)?;
            (report.simulated, Some((report.about, report.failures)))
        }
        None => {
            let mut options = asked.options(series)?;
            options.actors = Some(actors);
            let simulated = simulate(&asked.model()?, options, |part| {
                failed(failure).take().map_or(Ok(()), Err)?;
                tell(&Progress::of_part(part, begun))
            });
            (simulated?, None)
        }
    };
    failed(failure).take().map_or(Ok(()), Err)?;
    Ok(NativeSimulatedControl { simulated: Arc::new(Mutex::new(simulated)), scenario })
}

/// Simulates a site under control.
#[napi(catch_unwind, ts_return_type = "Promise<NativeSimulatedControl>")]
pub(crate) fn simulate_control<'env>(
    env: &'env Env,
    asked: SimulatedSettings,
    prices: Option<PriceColumns>,
    actors: &NativeSimulatedActors,
    stop: &NativeStop,
    told: Option<Function<'_, Told, ()>>,
) -> Result<PromiseRaw<'env, NativeSimulatedControl>> {
    let series = prices.as_ref().map(PriceColumns::series).transpose().to_node()?;
    let (failure, stop) = (Failure::default(), Arc::clone(&stop.0));
    let (actors, hears) = (actors_of(actors, &failure), hears(told)?);
    env.spawn_future(on_disk(move || {
        let mut tell = tell(hears, stop);
        run(&asked, series, actors, &failure, &mut tell)
    }))
}

/// A simulation that has ended.
#[napi]
pub struct NativeSimulatedControl {
    simulated: Arc<Mutex<simulated::SimulatedControl>>,
    scenario: Option<(String, Vec<String>)>,
}

impl NativeSimulatedControl {
    fn ask<T>(&self, f: impl FnOnce(&simulated::SimulatedControl) -> T) -> T {
        f(&self.simulated.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[napi]
impl NativeSimulatedControl {
    /// JSON.
    #[napi(catch_unwind)]
    pub fn figures(&self) -> Result<String> {
        Ok(serde_json::to_string(&self.ask(simulated::SimulatedControl::figures))?)
    }

    /// The money of all costs.
    #[napi(getter, catch_unwind)]
    pub fn currency(&self) -> String {
        self.ask(|simulated| simulated.model().model().currency.to_string())
    }

    /// What a chart of it is drawn from, as JSON.
    #[napi(catch_unwind)]
    pub fn chart(&self) -> Result<String> {
        Ok(serde_json::to_string(&self.ask(simulated::SimulatedControl::chart))?)
    }

    /// Why an asset did what it did at that time.
    #[napi(catch_unwind)]
    pub fn why(&self, asset: String, at: BigInt) -> Result<String> {
        let at: Timestamp = instant(&at).to_node()?;
        self.ask(|simulated| simulated.why(&asset, at)).to_node()
    }

    /// What happened, as JSON: pairs of microseconds and words.
    #[napi(catch_unwind)]
    pub fn happened(&self) -> Result<String> {
        let told: Vec<(i64, String)> =
            self.ask(|simulated| simulated.happened().map(|(at, what)| (at.as_micros(), what.to_owned())).collect());
        Ok(serde_json::to_string(&told)?)
    }

    /// What a scenario is about, and then what was not as it expects.
    #[napi(getter, catch_unwind)]
    pub fn scenario(&self) -> Option<Vec<String>> {
        let (about, failures) = self.scenario.clone()?;
        Some(std::iter::once(about).chain(failures).collect())
    }

    /// The table as an Arrow IPC stream.
    #[napi]
    pub async fn to_ipc(&self) -> Result<Buffer> {
        let simulated = self.simulated.clone();
        let written = on_disk(move || {
            let table = simulated.lock().unwrap_or_else(PoisonError::into_inner).table()?;
            QueryResult::write_ipc(&[table])
        });
        written.await.map(Buffer::from)
    }
}
