//! Sites to plan for, and their plans.
//!
//! A site comes as JSON in which every column is `{"column": place}`: the numbers themselves lie in typed arrays beside it.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use memcore::model::SystemClock;
use memcore::optimize::{Asset, BusPrices, Description, Engine, Options, Outcome, Plan, Planner, Site, WaterValues};
use memcore::{Error, QueryResult, SiteRequest};
use napi::Env;
use napi::bindgen_prelude::{BigInt64Array, Buffer, Float64Array, Function, PromiseRaw};
use napi_derive::napi;
use serde_json::Value;

use crate::bulk::Told;
use crate::channel::span;
use crate::error::{Result, ToNode, on_disk};
use crate::upkeep::{NativeStop, hears, json, tell};

/// What JSON says, with its columns.
fn described(value: Value, columns: &[Float64Array]) -> memcore::Result<Description<'_>> {
    Ok(match value {
        Value::Null => Description::Nothing,
        Value::Bool(flag) => Description::Flag(flag),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Description::Whole(whole),
            None => Description::Number(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => Description::Text(Cow::Owned(text)),
        Value::Array(items) => {
            Description::List(items.into_iter().map(|item| described(item, columns)).collect::<memcore::Result<_>>()?)
        }
        Value::Object(fields) => match fields.get("column").and_then(Value::as_u64) {
            Some(place) => {
                let column = columns.get(place as usize).ok_or_else(|| Error::invalid("a column is missing"))?;
                Description::Numbers(Cow::Borrowed(column))
            }
            None => {
                let fields = fields.into_iter().map(|(name, value)| Ok((Cow::Owned(name), described(value, columns)?)));
                Description::Fields(fields.collect::<memcore::Result<_>>()?)
            }
        },
    })
}

/// How a plan is to be made.
#[napi(object)]
pub struct SolveSettings {
    /// The engine.
    pub engine: Option<String>,
    /// The most time for a solver.
    pub time_limit: Option<String>,
    /// The most branch-and-bound nodes.
    pub node_limit: Option<f64>,
    /// By how much a better plan may be missed.
    pub gap: Option<f64>,
}

impl SolveSettings {
    pub(crate) fn options(self) -> memcore::Result<Options> {
        let engine = |name: String| Description::Text(name.into()).read::<Engine>().map_err(|e| e.context("engine"));
        let limit = |text: String| span("timeLimit", &text);
        Ok(Options {
            engine: self.engine.map(engine).transpose()?,
            time_limit: self.time_limit.map(limit).transpose()?,
            node_limit: self.node_limit.map(|nodes| nodes as u64),
            gap: self.gap.unwrap_or_default(),
            clock: Some(Arc::new(SystemClock::default())),
        })
    }
}

/// A site to plan for.
#[napi]
pub struct NativePlanSite(pub(crate) Arc<Site>);

#[napi]
impl NativePlanSite {
    /// Of JSON with its columns.
    #[napi(factory, catch_unwind)]
    pub fn of(text: String, columns: Vec<Float64Array>) -> Result<Self> {
        let read = || {
            let value = serde_json::from_str(&text).map_err(|e| Error::invalid(format!("site is no JSON: {e}")))?;
            described(value, &columns)?.site()
        };
        read().map(|site| Self(Arc::new(site))).to_node()
    }

    /// Of a site's file.
    #[napi]
    pub async fn read(path: String) -> Result<Self> {
        on_disk(move || memcore::read_site(path, &SiteRequest::default())).await.map(|(site, _)| Self(Arc::new(site)))
    }

    /// Of the TOML of a site's file.
    #[napi(factory, catch_unwind)]
    pub fn of_toml(text: String) -> Result<Self> {
        memcore::parse_site(&text, false, &SiteRequest::default()).map(|(site, _)| Self(Arc::new(site))).to_node()
    }

    /// Its fields, as JSON.
    #[napi(catch_unwind)]
    pub fn json(&self) -> Result<String> {
        json(&*self.0).to_node()
    }

    /// The names of its assets.
    #[napi(catch_unwind)]
    pub fn names(&self) -> Vec<String> {
        self.0.assets.iter().map(|asset| asset.name().to_owned()).collect()
    }

    /// The borders of its steps, in microseconds.
    #[napi(catch_unwind)]
    pub fn borders(&self) -> BigInt64Array {
        BigInt64Array::new(self.0.horizon.borders().iter().map(|time| time.as_micros()).collect())
    }

    /// What was changed or assumed.
    #[napi(catch_unwind)]
    pub fn check(&self) -> Result<Vec<String>> {
        self.0.check().to_node()
    }

    /// The best plan, on Node's thread.
    #[napi(catch_unwind)]
    pub fn solve_sync(&self, settings: SolveSettings) -> Result<NativePlan> {
        let outcome = settings.options().and_then(|options| self.0.solve(&options)).to_node()?;
        Ok(NativePlan::new(outcome, &self.0))
    }

    /// The best plan.
    #[napi]
    pub async fn solve(&self, settings: SolveSettings) -> Result<NativePlan> {
        let site = Arc::clone(&self.0);
        let outcome = on_disk(move || site.solve(&settings.options()?)).await?;
        Ok(NativePlan::new(outcome, &self.0))
    }
}

/// The best plans of many sites, in their order.
#[napi(catch_unwind, ts_return_type = "Promise<Array<NativePlan>>")]
pub(crate) fn plan_many<'env>(
    env: &'env Env,
    sites: Vec<&NativePlanSite>,
    settings: SolveSettings,
    threads: Option<u32>,
    stop: &NativeStop,
    told: Option<Function<'_, Told, ()>>,
) -> Result<PromiseRaw<'env, Vec<NativePlan>>> {
    let sites: Vec<Arc<Site>> = sites.iter().map(|site| Arc::clone(&site.0)).collect();
    let options = settings.options().to_node()?;
    let mut tell = tell(hears(told)?, Arc::clone(&stop.0));
    env.spawn_future(on_disk(move || {
        let outcomes = memcore::plan_many(&sites, &options, threads.map(|threads| threads as usize), &mut tell)?;
        Ok(outcomes.into_iter().zip(&sites).map(|(outcome, site)| NativePlan::new(outcome, site)).collect())
    }))
}

/// Plans one site after the other, and keeps memory from one to the next; with `warm_starts` the solver's basis too.
#[napi]
pub struct NativePlanner {
    planner: Arc<Mutex<Option<Planner>>>,
    options: Options,
    warm_starts: bool,
}

#[napi]
impl NativePlanner {
    /// With the options of every plan.
    #[napi(factory, catch_unwind)]
    pub fn of(settings: SolveSettings, warm_starts: bool) -> Result<Self> {
        settings.options().map(|options| Self { planner: Arc::default(), options, warm_starts }).to_node()
    }

    /// The best plan, in memory that is kept from the plan before.
    #[napi]
    pub async fn solve(&self, site: &NativePlanSite) -> Result<NativePlan> {
        let (planner, options, warm_starts) = (Arc::clone(&self.planner), self.options.clone(), self.warm_starts);
        let site = Arc::clone(&site.0);
        let planned = Arc::clone(&site);
        let outcome = on_disk(move || {
            let mut planner = planner.lock().unwrap_or_else(PoisonError::into_inner);
            let first = || Planner::new(Site::clone(&planned), options).warm_starts(warm_starts);
            planner.get_or_insert_with(first).solve_for(&planned)
        });
        Ok(NativePlan::new(outcome.await?, &site))
    }
}

/// An asset or link of a plan.
#[napi(object)]
pub struct PlannedPart {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: String,
    /// What its columns hold.
    pub columns: Vec<String>,
}

/// Money spent or earned.
#[napi(object)]
pub struct PlannedCost {
    /// The asset or link; empty for what belongs to none.
    pub part: String,
    /// What for.
    pub cause: String,
    /// How much.
    pub amount: f64,
}

/// Numbers of something, one a step.
#[napi(object)]
pub struct NamedColumn {
    /// What they are of.
    pub name: String,
    /// One a step.
    pub values: Float64Array,
}

/// What became of a site.
#[napi]
pub struct NativePlan {
    outcome: Arc<Outcome>,
    site: Arc<Site>,
}

impl NativePlan {
    pub(crate) fn new(outcome: Outcome, site: &Arc<Site>) -> Self {
        Self { outcome: Arc::new(outcome), site: Arc::clone(site) }
    }

    fn plan(&self) -> Result<&Plan> {
        self.outcome.plan().ok_or_else(|| Error::invalid(format!("there is no plan: {}", self.outcome.explain()))).to_node()
    }
}

#[napi]
impl NativePlan {
    /// `optimal`, `feasible`, `infeasible` or `undecided`.
    #[napi(catch_unwind)]
    pub fn status(&self) -> &'static str {
        self.outcome.status().name()
    }

    /// Objective, bound and gap.
    #[napi(catch_unwind)]
    pub fn figures(&self) -> Result<Vec<f64>> {
        self.plan().map(|plan| vec![plan.objective, plan.bound, plan.gap()])
    }

    /// The money of all prices and costs.
    #[napi(catch_unwind)]
    pub fn currency(&self) -> &'static str {
        self.site.currency.code()
    }

    /// What it costs and why, or why there is none.
    #[napi(catch_unwind)]
    pub fn explain(&self) -> String {
        self.outcome.explain()
    }

    /// All of it, as JSON.
    #[napi(catch_unwind)]
    pub fn json(&self) -> Result<String> {
        json(&*self.outcome).to_node()
    }

    /// What is said of it in words and few numbers, as JSON.
    #[napi(catch_unwind)]
    pub fn remarks(&self) -> Result<String> {
        json(&self.outcome.remarks()).to_node()
    }

    /// What a chart of it is drawn from, as JSON.
    #[napi(catch_unwind)]
    pub fn chart(&self) -> Result<String> {
        json(&self.plan()?.chart()).to_node()
    }

    /// Assets, and then links.
    #[napi(catch_unwind)]
    pub fn parts(&self) -> Result<Vec<PlannedPart>> {
        let plan = self.plan()?;
        let kinds = self.site.assets.iter().map(Asset::kind).chain(std::iter::repeat("link"));
        let part = |((at, name), kind): ((usize, &String), &str)| PlannedPart {
            name: name.clone(),
            kind: kind.to_owned(),
            columns: plan.schedule.quantities(at).iter().map(|held| held.name().to_owned()).collect(),
        };
        Ok(plan.parts.iter().enumerate().zip(kinds).map(part).collect())
    }

    /// A column of an asset or link.
    #[napi(catch_unwind)]
    pub fn column(&self, part: u32, quantity: u32) -> Result<Float64Array> {
        let schedule = &self.plan()?.schedule;
        let held = schedule.quantities(part as usize).get(quantity as usize);
        let held = held.ok_or_else(|| Error::not_found(format!("part {part} has no column {quantity}"))).to_node()?;
        Ok(Float64Array::new(schedule.column(part as usize, *held).to_vec()))
    }

    /// The net power of an asset or link, positive into it.
    #[napi(catch_unwind)]
    pub fn net_power(&self, part: u32) -> Result<Float64Array> {
        let schedule = &self.plan()?.schedule;
        Ok(Float64Array::new((0..schedule.steps()).map(|step| schedule.net_power(part as usize, step)).collect()))
    }

    /// What it costs.
    #[napi(catch_unwind)]
    pub fn costs(&self) -> Result<Vec<PlannedCost>> {
        let costs = self.plan()?.costs.iter().map(|cost| PlannedCost {
            part: cost.part.clone(),
            cause: cost.cause.name().to_owned(),
            amount: cost.amount,
        });
        Ok(costs.collect())
    }

    /// What another kWh taken from each bus would cost.
    #[napi(catch_unwind)]
    pub fn prices(&self) -> Result<Vec<NamedColumn>> {
        let of = |prices: &BusPrices| NamedColumn {
            name: prices.bus.clone(),
            values: Float64Array::new(prices.per_kwh.clone()),
        };
        Ok(self.plan()?.prices.iter().map(of).collect())
    }

    /// What another kWh in each store is worth.
    #[napi(catch_unwind)]
    pub fn water_values(&self) -> Result<Vec<NamedColumn>> {
        let of = |water: &WaterValues| NamedColumn {
            name: water.part.clone(),
            values: Float64Array::new(water.per_kwh.clone()),
        };
        Ok(self.plan()?.water_values.iter().map(of).collect())
    }

    /// What more of each limit that binds is worth: the part and the limit with a dot between.
    #[napi(catch_unwind)]
    pub fn shadow_prices(&self) -> Result<Vec<NamedColumn>> {
        let of = self.plan()?.shadow_prices.iter();
        let named = of.map(|of| NamedColumn {
            name: format!("{}.{}", of.part, of.limit),
            values: Float64Array::new(of.values.clone()),
        });
        Ok(named.collect())
    }

    /// The plan that keeps everything but what must give; none where no plan is possible at all.
    #[napi(catch_unwind)]
    pub fn relaxed(&self) -> Option<NativePlan> {
        let Outcome::Infeasible(infeasible) = &*self.outcome else { return None };
        let plan = infeasible.relaxed_plan.clone()?;
        Some(Self::new(Outcome::Plan(plan), &self.site))
    }

    /// The table as an Arrow IPC stream.
    #[napi]
    pub async fn to_ipc(&self) -> Result<Buffer> {
        let outcome = Arc::clone(&self.outcome);
        let written = on_disk(move || {
            let plan = outcome.plan().ok_or_else(|| Error::invalid(format!("there is no plan: {}", outcome.explain())))?;
            QueryResult::write_ipc(&[plan.to_record_batch()?])
        });
        written.await.map(Buffer::from)
    }
}
