//! What a walk found: money, misses, and how hard planning was.

use arrow_array::RecordBatch;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::super::checked::Checked;
use super::super::output::steps_table;
use super::super::{Cost, Engine, Horizon, Quantity, Schedule, Violation, verify};
use crate::error::Result;
use crate::model::{Currency, Span, Timestamp};

/// What a walk over a site's history found.
#[derive(Debug, Clone, PartialEq)]
pub struct Backtest {
    /// What all of it cost: the sum of [`costs`](Self::costs).
    pub cost: f64,
    /// What it cost, by asset and cause.
    pub costs: Vec<Cost>,
    /// What one plan with perfect foresight would have cost; None where none was asked for or there is none.
    pub perfect: Option<Comparison>,
    /// What plain rules would have cost, where that was asked for.
    pub rules: Option<Comparison>,
    /// Carbon emitted, in g.
    pub carbon_g: f64,
    /// The money of all costs.
    pub currency: Currency,
    /// Wishes and soft limits that were not met.
    pub violations: Vec<Violation>,
    /// The first hard rule that was broken, where one was: what came left no other way.
    pub broken: Option<String>,
    /// Balances that nothing within its limits could close, in kWh.
    pub unresolved_kwh: f64,
    /// The steps that were walked.
    pub horizon: Horizon,
    /// The names of the assets and then of the links, in the order of the schedule's parts.
    pub parts: Vec<String>,
    /// What every asset did in every step.
    pub schedule: Schedule,
    /// How many plans were made.
    pub plans: usize,
    /// How often there was no plan, so that the last one went on, or plain rules.
    pub without_plan: usize,
    /// Which engines made the plans, and how many each.
    pub engines: Vec<(Engine, usize)>,
    /// How long forecasting and planning took in all; zero without a clock.
    pub planning: Span,
    /// How long the slowest of them took.
    pub longest: Span,
    /// How long the walk took.
    pub elapsed: Span,
    /// What was changed or assumed in the input, and what went wrong on the way.
    pub notices: Vec<String>,
}

/// The same history in another way.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Comparison {
    /// What it would have cost.
    pub cost: f64,
    /// No way could have cost less than this.
    pub bound: f64,
    /// By how much more its batteries hold at the end than at the start, in Wh; the difference is in the cost at the mean price.
    pub stored_wh: f64,
}

/// What is counted on the way.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) plans: usize,
    pub(super) without_plan: usize,
    pub(super) first_without: Option<String>,
    pub(super) engines: Vec<(Engine, usize)>,
    pub(super) planning: Span,
    pub(super) longest: Span,
}

impl Tally {
    pub(super) fn no_plan(&mut self, at: Timestamp, why: &str) {
        self.without_plan += 1;
        self.first_without.get_or_insert_with(|| format!("no plan at {at}: {why}"));
    }
}

impl Backtest {
    pub(super) fn new(checked: &Checked<'_>, schedule: Schedule, unresolved_kwh: f64, tally: Tally, elapsed: Span) -> Self {
        let account = verify::account(checked, &schedule);
        let parts = checked.site.assets.len() + checked.site.links.len();
        let mut notices = checked.notices.clone();
        notices.extend(tally.first_without);
        Self {
            cost: account.total,
            costs: account.costs,
            perfect: None,
            rules: None,
            carbon_g: account.carbon_g,
            currency: checked.site.currency,
            violations: account.violations,
            broken: account.broken,
            unresolved_kwh,
            horizon: checked.site.horizon.clone(),
            parts: (0..parts).map(|part| checked.part_name(part).to_owned()).collect(),
            schedule,
            plans: tally.plans,
            without_plan: tally.without_plan,
            engines: tally.engines,
            planning: tally.planning,
            longest: tally.longest,
            elapsed,
            notices,
        }
    }

    /// What it cost beyond what perfect foresight would have.
    #[must_use]
    pub fn regret(&self) -> Option<f64> {
        self.perfect.map(|perfect| self.cost - perfect.cost)
    }

    /// What it saved against plain rules.
    #[must_use]
    pub fn saved(&self) -> Option<f64> {
        self.rules.map(|rules| rules.cost - self.cost)
    }

    /// How long a plan took on average, forecasts included; zero without a clock.
    #[must_use]
    pub fn time_per_plan(&self) -> Span {
        Span::from_micros(self.planning.as_micros() / self.plans.max(1) as i64)
    }

    /// A column of what was carried out, by the name of its asset or link.
    #[must_use]
    pub fn column(&self, name: &str, quantity: Quantity) -> Option<&[f64]> {
        let part = self.parts.iter().position(|part| part == name)?;
        self.schedule.get(part, quantity)
    }

    /// What was carried out as a table, in the form of [`Plan::to_record_batch`](super::super::Plan::to_record_batch).
    ///
    /// # Errors
    /// Internal where Arrow refuses the columns, which is a defect.
    pub fn to_record_batch(&self) -> Result<RecordBatch> {
        let columns = self.parts.iter().enumerate().flat_map(|(part, name)| {
            let quantities = self.schedule.quantities(part).iter();
            quantities.map(move |quantity| (format!("{name}.{}", quantity.name()), self.schedule.column(part, *quantity)))
        });
        let metadata = [("currency", self.currency.code().to_owned()), ("cost", self.cost.to_string())];
        steps_table(&self.horizon, columns, metadata)
    }
}

/// Everything but the steps themselves, which are a table: see [`Backtest::to_record_batch`]. Lengths of time are in microseconds.
impl Serialize for Backtest {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let engines: Vec<_> =
            self.engines.iter().map(|(engine, plans)| Engines { engine: *engine, plans: *plans }).collect();
        let mut fields = to.serialize_struct("Backtest", 22)?;
        fields.serialize_field("from", &self.horizon.start().to_string())?;
        fields.serialize_field("to", &self.horizon.end().to_string())?;
        fields.serialize_field("steps", &self.horizon.len())?;
        fields.serialize_field("currency", self.currency.code())?;
        fields.serialize_field("cost", &self.cost)?;
        fields.serialize_field("perfect", &self.perfect)?;
        fields.serialize_field("regret", &self.regret())?;
        fields.serialize_field("rules", &self.rules)?;
        fields.serialize_field("saved", &self.saved())?;
        fields.serialize_field("costs", &self.costs)?;
        fields.serialize_field("carbon_g", &self.carbon_g)?;
        fields.serialize_field("violations", &self.violations)?;
        fields.serialize_field("broken", &self.broken)?;
        fields.serialize_field("unresolved_kwh", &self.unresolved_kwh)?;
        fields.serialize_field("plans", &self.plans)?;
        fields.serialize_field("without_plan", &self.without_plan)?;
        fields.serialize_field("engines", &engines)?;
        fields.serialize_field("planning", &self.planning)?;
        fields.serialize_field("time_per_plan", &self.time_per_plan())?;
        fields.serialize_field("longest", &self.longest)?;
        fields.serialize_field("elapsed", &self.elapsed)?;
        fields.serialize_field("notices", &self.notices)?;
        fields.end()
    }
}

#[derive(Serialize)]
struct Engines {
    engine: Engine,
    plans: usize,
}
