//! Control against a simulated site, with actors of Python in its time.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use memcore::control::{Actor, Proposal, SiteModel, View};
use memcore::model::{Name, Span, Timestamp};
use memcore::simulation::{
    self as simulated, ActorsOf, PriceSeries, Prices, Scenario, SimulationOptions, run_scenario,
    simulate_control as simulate,
};
use memcore::{Error, Progress, Snapshot, read_site_model};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use crate::control::{Thinking, named, site_model};
use crate::errors::{json, raised};
use crate::lent;
use crate::result::stream;
use crate::told::work_told;

/// Times, prices bought, prices sold.
type PriceColumns<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>, Option<Bound<'py, PyAny>>);

/// What is simulated; what is none is as the core has it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Asked<'py> {
    from_us: i64,
    length_us: i64,
    step_us: Option<i64>,
    row_us: Option<i64>,
    seed: u64,
    control: bool,
    plans: bool,
    socs: Vec<(String, f64)>,
    /// Degrees north and east.
    position: Option<(f64, f64)>,
    flat: Option<(f64, f64)>,
    invented: bool,
    price_file: Option<PathBuf>,
    series: Option<PriceColumns<'py>>,
}

impl Asked<'_> {
    fn options(self) -> PyResult<SimulationOptions> {
        let (from, length) = (Timestamp::from_micros(self.from_us), Span::from_micros(self.length_us));
        let prices = self.prices()?;
        let mut options = SimulationOptions::new(from, length).seed(self.seed);
        options.step = self.step_us.map_or(options.step, Span::from_micros);
        options.row = self.row_us.map(Span::from_micros);
        (options.control, options.plans, options.prices) = (self.control, self.plans, prices);
        if let Some((latitude, longitude)) = self.position {
            (options.location.latitude, options.location.longitude) = (latitude, longitude);
        }
        for (asset, soc) in self.socs {
            options.socs.push((named("soc", &asset)?, soc));
        }
        Ok(options)
    }

    fn prices(&self) -> PyResult<Prices> {
        if let Some((buy, sell)) = self.flat {
            return Ok(Prices::Flat { buy, sell });
        }
        if let Some(file) = &self.price_file {
            return PriceSeries::read(file).map(Prices::Series).map_err(raised);
        }
        let Some((times, buy, sell)) = &self.series else {
            return Ok(if self.invented { Prices::Invented } else { Prices::OfModel });
        };
        let times = lent::micros("prices.time", times)?.iter().copied().map(Timestamp::from_micros).collect();
        let buy = lent::numbers("prices.buy_per_kwh", buy)?.to_vec();
        let sell = sell.as_ref().map(|sell| lent::numbers("prices.sell_per_kwh", sell).map(|prices| prices.to_vec()));
        PriceSeries::new(times, buy, sell.transpose()?).map(Prices::Series).map_err(|e| raised(e.context("prices")))
    }
}

/// What an actor of a simulation raised first: it ends the simulation.
#[derive(Default)]
struct Failure {
    failed: AtomicBool,
    first: Mutex<Option<PyErr>>,
}

impl Failure {
    fn note(&self, exception: PyErr) {
        self.first.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(exception);
        self.failed.store(true, Ordering::Release);
    }

    fn take(&self) -> Option<PyErr> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A callable of Python as an actor, in the time of the simulation.
struct Called {
    thinking: Arc<Thinking>,
    every: Span,
    failure: Arc<Failure>,
}

impl Actor for Called {
    fn name(&self) -> &Name {
        &self.thinking.name
    }

    fn every(&self) -> Span {
        self.every
    }

    fn propose(&mut self, view: &View<'_>) -> Vec<Proposal> {
        if self.failure.failed.load(Ordering::Acquire) {
            return Vec::new();
        }
        self.thinking.propose(&Snapshot::of(view)).unwrap_or_else(|why| {
            let name = &self.thinking.name;
            self.failure.note(why.exception.unwrap_or_else(|| raised(why.error.context(format!("actor {name}")))));
            Vec::new()
        })
    }
}

fn actors_of(actors: Vec<(String, i64, Py<PyAny>)>, failure: &Arc<Failure>) -> PyResult<ActorsOf> {
    let known = actors.into_iter().map(|(name, every_us, callable)| {
        let thinking = Arc::new(Thinking { name: named("actor", &name)?, callable });
        Ok((thinking, Span::from_micros(every_us)))
    });
    let (known, failure) = (known.collect::<PyResult<Vec<_>>>()?, failure.clone());
    Ok(Arc::new(move |_| {
        let made = known.iter().map(|(thinking, every)| {
            let called = Called { thinking: thinking.clone(), every: *every, failure: failure.clone() };
            Box::new(called) as Box<dyn Actor>
        });
        Ok(made.collect())
    }))
}

/// A simulation that has ended.
#[pyclass(frozen, module = "memcore._memcore")]
pub(crate) struct SimulatedControl {
    simulated: Mutex<simulated::SimulatedControl>,
    /// What a scenario is about, and what was not as it expects.
    scenario: Option<(String, Vec<String>)>,
}

impl SimulatedControl {
    fn new(simulated: simulated::SimulatedControl, scenario: Option<(String, Vec<String>)>) -> Self {
        Self { simulated: Mutex::new(simulated), scenario }
    }

    /// What came of it, one thread after the other, and none in the interpreter meanwhile.
    fn ask<T: Send>(&self, py: Python<'_>, f: impl FnOnce(&simulated::SimulatedControl) -> T + Send) -> T {
        py.detach(|| f(&self.simulated.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

#[pymethods]
impl SimulatedControl {
    /// JSON.
    fn figures(&self, py: Python<'_>) -> PyResult<String> {
        json(&self.ask(py, simulated::SimulatedControl::figures))
    }

    fn currency(&self, py: Python<'_>) -> String {
        self.ask(py, |simulated| simulated.model().model().currency.to_string())
    }

    fn table_stream<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        let table = self.ask(py, simulated::SimulatedControl::table);
        stream(py, vec![table.map_err(raised)?])
    }

    /// What a chart of it is drawn from, as JSON.
    fn chart(&self, py: Python<'_>) -> PyResult<String> {
        json(&self.ask(py, simulated::SimulatedControl::chart))
    }

    fn why(&self, py: Python<'_>, asset: &str, at_us: i64) -> PyResult<String> {
        self.ask(py, |simulated| simulated.why(asset, Timestamp::from_micros(at_us))).map_err(raised)
    }

    /// Microseconds, and what happened then.
    fn happened(&self, py: Python<'_>) -> Vec<(i64, String)> {
        self.ask(py, |simulated| simulated.happened().map(|(at, what)| (at.as_micros(), what.to_owned())).collect())
    }

    /// What a scenario is about, and what was not as it expects.
    fn scenario(&self) -> Option<(String, Vec<String>)> {
        self.scenario.clone()
    }
}

/// A site model, TOML or JSON, as a file or as JSON.
fn model_of(model: Option<&str>, file: Option<PathBuf>) -> PyResult<SiteModel> {
    match (model, file) {
        (Some(json), _) => site_model(json),
        (None, Some(file)) => read_site_model(&file).map_err(raised),
        (None, None) => Err(raised(Error::invalid("model is missing: expected a site model, or its file"))),
    }
}

/// Simulates a site under control.
#[pyfunction]
pub(crate) fn simulate_control(
    py: Python<'_>,
    model: Option<&str>,
    file: Option<PathBuf>,
    asked: Asked<'_>,
    actors: Vec<(String, i64, Py<PyAny>)>,
    tell: Option<Py<PyAny>>,
) -> PyResult<SimulatedControl> {
    let (model, mut options, failure) = (model_of(model, file)?, asked.options()?, Arc::<Failure>::default());
    options.actors = Some(actors_of(actors, &failure)?);
    let begun = Instant::now();
    let ends = failure.clone();
    let done = work_told(py, tell, move |tell| {
        simulate(&model, options, |part| {
            if ends.failed.load(Ordering::Acquire) {
                return Err(Error::invalid("an actor failed"));
            }
            tell(&Progress::of_part(part, begun))
        })
    });
    match failure.take() {
        Some(exception) => Err(exception),
        None => done.map(|simulated| SimulatedControl::new(simulated, None)),
    }
}

/// Runs a scenario out of its file.
#[pyfunction]
pub(crate) fn simulate_scenario(
    py: Python<'_>,
    file: PathBuf,
    seed: Option<u64>,
    actors: Vec<(String, i64, Py<PyAny>)>,
) -> PyResult<SimulatedControl> {
    let failure = Arc::<Failure>::default();
    let actors = actors_of(actors, &failure)?;
    let done = work_told(py, None, move |_| {
        let mut scenario = Scenario::read(&file)?;
        scenario.options.seed = seed.unwrap_or(scenario.options.seed);
        scenario.options.actors = Some(actors);
        run_scenario(&scenario)
    });
    match failure.take() {
        Some(exception) => Err(exception),
        None => done.map(|report| SimulatedControl::new(report.simulated, Some((report.about, report.failures)))),
    }
}
