//! Sites to plan for, and their plans.
//!
//! An asset is read once, when Python makes it; a site shares its assets' columns with nobody and is never seen as text.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use memcore::model::{Span, SystemClock, Timestamp};
use memcore::optimize::{Asset, Description, Engine, Horizon, Options, Outcome, Plan, Planner, Site};
use memcore::{Error, Every, SiteRequest};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyDict};

use crate::describe::describe;
use crate::errors::{json, raised};
use crate::lent;
use crate::result::{Column, stream};
use crate::runtime::work;
use crate::told::work_told;

/// The steps of a plan.
#[pyclass(frozen, module = "memcore._memcore")]
pub(crate) struct PlanHorizon(pub(crate) Horizon);

#[pymethods]
impl PlanHorizon {
    #[staticmethod]
    fn even(start: i64, step: i64, steps: usize) -> PyResult<Self> {
        Horizon::even(Timestamp::from_micros(start), Span::from_micros(step), steps).map(Self).map_err(raised)
    }

    #[staticmethod]
    fn between(start: i64, end: i64, every: &str, zone: Option<&str>) -> PyResult<Self> {
        let (start, end) = (Timestamp::from_micros(start), Timestamp::from_micros(end));
        let every = Every::parse(every, zone).map_err(raised)?;
        Horizon::every(start, end, &every).map(Self).map_err(raised)
    }

    #[staticmethod]
    fn of(borders: &Bound<'_, PyAny>) -> PyResult<Self> {
        let borders = lent::micros("borders", borders)?.iter().copied().map(Timestamp::from_micros).collect();
        Horizon::new(borders).map(Self).map_err(raised)
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }

    /// One more than there are steps.
    fn borders(&self) -> PyResult<Column> {
        Column::instants(self.0.borders().to_vec())
    }

    /// When it starts and ends, in microseconds.
    fn ends(&self) -> (i64, i64) {
        (self.0.start().as_micros(), self.0.end().as_micros())
    }
}

/// Something that a site is made of.
#[pyclass(frozen, module = "memcore._memcore")]
pub(crate) struct PlanAsset(Asset);

#[pymethods]
impl PlanAsset {
    #[new]
    fn new(kind: &str, fields: &Bound<'_, PyDict>) -> PyResult<Self> {
        describe(fields)?.asset(kind).map(Self).map_err(raised)
    }

    /// Its fields, as JSON.
    fn json(&self) -> PyResult<String> {
        json(&self.0)
    }
}

/// A site to plan for.
#[pyclass(frozen, module = "memcore._memcore")]
pub(crate) struct PlanSite(pub(crate) Arc<Site>);

#[pymethods]
impl PlanSite {
    /// Of a horizon, assets, and its other fields.
    #[new]
    fn new(horizon: &PlanHorizon, assets: Vec<PyRef<'_, PlanAsset>>, fields: &Bound<'_, PyDict>) -> PyResult<Self> {
        let Description::Fields(mut described) = describe(fields)? else { return Self::of(fields) };
        // The shortest horizon there is: it gives way to the one that is there already.
        let place = Description::Fields(vec![("borders".into(), Description::List(vec![0.into(), 1.into()]))]);
        described.push(("horizon".into(), place));
        let mut site = Description::Fields(described).site().map_err(raised)?;
        site.horizon = horizon.0.clone();
        site.assets = assets.iter().map(|asset| asset.0.clone()).collect();
        Ok(Self(Arc::new(site)))
    }

    /// Of all its fields, in the form of a site's file.
    #[staticmethod]
    fn of(fields: &Bound<'_, PyDict>) -> PyResult<Self> {
        describe(fields)?.site().map(|site| Self(Arc::new(site))).map_err(raised)
    }

    /// Of a file, or of the TOML of one; beside it what was assumed.
    #[staticmethod]
    fn read(py: Python<'_>, file: Option<PathBuf>, toml: Option<String>, asked: Read) -> PyResult<(Self, Vec<String>)> {
        let request = asked.request();
        let read = work(py, move || match (file, toml) {
            (Some(file), _) => memcore::read_site(file, &request),
            (None, toml) => memcore::parse_site(&toml.unwrap_or_default(), false, &request),
        });
        read.map(|(site, notices)| (Self(Arc::new(site)), notices))
    }

    /// Its fields, as JSON.
    fn json(&self) -> PyResult<String> {
        json(&*self.0)
    }

    fn horizon(&self) -> PlanHorizon {
        PlanHorizon(self.0.horizon.clone())
    }

    /// The names of its assets.
    fn names(&self) -> Vec<&str> {
        self.0.assets.iter().map(Asset::name).collect()
    }

    /// What was changed or assumed.
    fn check(&self) -> PyResult<Vec<String>> {
        self.0.check().map_err(raised)
    }

    /// From a step on.
    fn rest(&self, step: usize) -> PyResult<Self> {
        self.0.from_step(step).map(|site| Self(Arc::new(site))).map_err(raised)
    }

    /// With its assets in a state.
    fn at_state(&self, state: &Bound<'_, PyDict>) -> PyResult<Self> {
        let site = describe(state)?.read().and_then(|state| self.0.at_state(&state));
        site.map(|site| Self(Arc::new(site))).map_err(raised)
    }

    /// The best plan, with the interpreter released.
    fn solve(&self, py: Python<'_>, how: How) -> PyResult<Planned> {
        let (site, options) = (Arc::clone(&self.0), how.options()?);
        let outcome = work(py, move || site.solve(&options))?;
        Ok(Planned::new(outcome, &self.0))
    }
}

/// The best plans of many sites, in their order.
#[pyfunction]
pub(crate) fn plan_many(
    py: Python<'_>,
    sites: Vec<PyRef<'_, PlanSite>>,
    how: How,
    threads: Option<usize>,
    tell: Option<Py<PyAny>>,
) -> PyResult<Vec<Planned>> {
    let sites: Vec<Arc<Site>> = sites.iter().map(|site| Arc::clone(&site.0)).collect();
    let options = how.options()?;
    work_told(py, tell, move |tell| {
        let outcomes = memcore::plan_many(&sites, &options, threads, tell)?;
        Ok(outcomes.into_iter().zip(&sites).map(|(outcome, site)| Planned::new(outcome, site)).collect())
    })
}

/// Plans one site after the other, and keeps memory from one to the next; with `warm_starts` the solver's basis too.
#[pyclass(frozen, module = "memcore._memcore")]
pub(crate) struct PlanPlanner {
    planner: Arc<Mutex<Option<Planner>>>,
    options: Options,
    warm_starts: bool,
}

#[pymethods]
impl PlanPlanner {
    #[new]
    fn new(how: How, warm_starts: bool) -> PyResult<Self> {
        Ok(Self { planner: Arc::default(), options: how.options()?, warm_starts })
    }

    /// The best plan, in memory that is kept from the plan before.
    fn solve(&self, py: Python<'_>, site: &PlanSite) -> PyResult<Planned> {
        let (planner, options, warm_starts) = (Arc::clone(&self.planner), self.options.clone(), self.warm_starts);
        let planned = Arc::clone(&site.0);
        let outcome = work(py, move || {
            let mut planner = planner.lock().unwrap_or_else(PoisonError::into_inner);
            let first = || Planner::new(Site::clone(&planned), options).warm_starts(warm_starts);
            planner.get_or_insert_with(first).solve_for(&planned)
        })?;
        Ok(Planned::new(outcome, &site.0))
    }
}

/// How a site's file is read.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Read {
    start: Option<i64>,
    end: Option<i64>,
    steps: Option<usize>,
    step: Option<i64>,
    truth: bool,
}

impl Read {
    fn request(&self) -> SiteRequest {
        SiteRequest {
            from: self.start.map(Timestamp::from_micros),
            to: self.end.map(Timestamp::from_micros),
            steps: self.steps,
            step: self.step.map(Span::from_micros),
            truth: self.truth,
            ..SiteRequest::default()
        }
    }
}

/// How to solve; what is `None` is as the core has it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct How {
    engine: Option<String>,
    time_limit: Option<i64>,
    node_limit: Option<u64>,
    gap: f64,
}

impl How {
    pub(crate) fn options(self) -> PyResult<Options> {
        let engine = |name: String| -> memcore::Result<Engine> {
            Description::Text(name.into()).read().map_err(|e: Error| e.context("engine"))
        };
        Ok(Options {
            engine: self.engine.map(engine).transpose().map_err(raised)?,
            time_limit: self.time_limit.map(Span::from_micros),
            node_limit: self.node_limit,
            gap: self.gap,
            clock: Some(Arc::new(SystemClock::default())),
        })
    }
}

/// What became of a site.
#[pyclass(frozen, module = "memcore._memcore")]
pub(crate) struct Planned {
    outcome: Outcome,
    site: Arc<Site>,
}

/// A part of a plan: its name, its type, and what its columns hold.
type Part<'a> = (&'a str, &'static str, Vec<&'static str>);

impl Planned {
    pub(crate) fn new(outcome: Outcome, site: &Arc<Site>) -> Self {
        Self { outcome, site: Arc::clone(site) }
    }

    fn plan(&self) -> PyResult<&Plan> {
        self.outcome.plan().ok_or_else(|| raised(Error::invalid(format!("there is no plan: {}", self.outcome.explain()))))
    }
}

#[pymethods]
impl Planned {
    fn status(&self) -> &'static str {
        self.outcome.status().name()
    }

    /// Objective, bound and gap.
    fn figures(&self) -> PyResult<(f64, f64, f64)> {
        self.plan().map(|plan| (plan.objective, plan.bound, plan.gap()))
    }

    fn currency(&self) -> &'static str {
        self.site.currency.code()
    }

    fn explain(&self) -> String {
        self.outcome.explain()
    }

    /// All of it, as JSON.
    fn json(&self) -> PyResult<String> {
        json(&self.outcome)
    }

    /// What is said of it in words and few numbers, as JSON.
    fn remarks(&self) -> PyResult<String> {
        json(&self.outcome.remarks())
    }

    /// Assets, and then links.
    fn parts(&self) -> PyResult<Vec<Part<'_>>> {
        let plan = self.plan()?;
        let kinds = self.site.assets.iter().map(Asset::kind).chain(std::iter::repeat("link"));
        let parts = plan.parts.iter().enumerate().zip(kinds).map(|((at, name), kind)| {
            let held = plan.schedule.quantities(at).iter().map(|held| held.name());
            (name.as_str(), kind, held.collect())
        });
        Ok(parts.collect())
    }

    /// A column of an asset or link.
    fn column(&self, part: usize, quantity: usize) -> PyResult<Column> {
        let plan = self.plan()?;
        let held = plan.schedule.quantities(part).get(quantity);
        let held = held.ok_or_else(|| raised(Error::not_found(format!("part {part} has no column {quantity}"))))?;
        Column::numbers(plan.schedule.column(part, *held).to_vec())
    }

    /// What another kWh taken from each bus would cost.
    fn prices(&self) -> PyResult<Vec<(&str, Column)>> {
        let of = self.plan()?.prices.iter();
        of.map(|of| Ok((of.bus.as_str(), Column::numbers(of.per_kwh.clone())?))).collect()
    }

    /// What another kWh in each store is worth.
    fn water_values(&self) -> PyResult<Vec<(&str, Column)>> {
        let of = self.plan()?.water_values.iter();
        of.map(|of| Ok((of.part.as_str(), Column::numbers(of.per_kwh.clone())?))).collect()
    }

    /// What more of each limit is worth: part, limit, values.
    fn shadow_prices(&self) -> PyResult<Vec<(&str, &'static str, Column)>> {
        let of = self.plan()?.shadow_prices.iter();
        of.map(|of| Ok((of.part.as_str(), of.limit, Column::numbers(of.values.clone())?))).collect()
    }

    /// What a chart of it is drawn from, as JSON.
    fn chart(&self) -> PyResult<String> {
        json(&self.plan()?.chart())
    }

    /// What it costs: part, cause, amount.
    fn costs(&self) -> PyResult<Vec<(&str, &'static str, f64)>> {
        Ok(self.plan()?.costs.iter().map(|cost| (cost.part.as_str(), cost.cause.name(), cost.amount)).collect())
    }

    /// The net power of an asset or link, positive into it.
    fn net_power(&self, part: usize) -> PyResult<Column> {
        let schedule = &self.plan()?.schedule;
        Column::numbers((0..schedule.steps()).map(|step| schedule.net_power(part, step)).collect())
    }

    /// The plan that keeps everything but what must give; None where no plan is possible at all.
    fn relaxed(&self) -> Option<Self> {
        let Outcome::Infeasible(infeasible) = &self.outcome else { return None };
        let plan = infeasible.relaxed_plan.clone()?;
        Some(Self::new(Outcome::Plan(plan), &self.site))
    }

    /// The state of the site after so many steps, as JSON.
    fn state_after(&self, steps: usize) -> PyResult<String> {
        json(&self.plan()?.state_after(&self.site, steps).map_err(raised)?)
    }

    fn table_stream<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        stream(py, vec![self.plan()?.to_record_batch().map_err(raised)?])
    }
}
