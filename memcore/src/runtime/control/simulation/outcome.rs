//! What a simulation comes to: figures, a table, a picture, and why.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, Float64Array, RecordBatch, TimestampMicrosecondArray};
use serde::Serialize;

use super::record::{AssetColumns, Told, Violation};
use super::run::{Noted, Run};
use crate::control::{CheckedModel, Role, Setpoint};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Span, Timestamp};
use crate::optimize::{ChartSeries, ChartStyle, Panel, PlanChart};
use crate::runtime::control::log::{Decided, LimitedBy, Stood};
use crate::runtime::control::why::explain;

/// Points of a series in a picture: more cannot be seen.
const POINTS_MAX: usize = 700;

/// The figures of a simulation.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SimulationFigures {
    /// When it began.
    pub from: Timestamp,
    /// How many seconds it lasts.
    pub seconds: f64,
    /// Decisions, orders, plans that were made.
    pub decisions: u64,
    /// Orders to devices.
    pub orders: u64,
    /// Orders that devices refused.
    pub refusals: u64,
    /// Leases that ended at devices.
    pub leases_ended: u64,
    /// Plans that were made.
    pub plans: u64,
    /// Energy bought, in kWh.
    pub import_kwh: f64,
    /// Energy sold, in kWh.
    pub export_kwh: f64,
    /// Energy of PV and gensets, in kWh.
    pub produced_kwh: f64,
    /// Energy of everything that consumes, in kWh.
    pub consumed_kwh: f64,
    /// The highest mean of an interval of the demand charge, in W.
    pub peak_w: f64,
    /// What was bought, in the site's currency.
    pub bought: f64,
    /// What was sold.
    pub sold: f64,
    /// The demand charge.
    pub demand: f64,
    /// Fuel of gensets.
    pub fuel: f64,
    /// Wear of batteries.
    pub wear: f64,
    /// All of it: bought, demand, fuel and wear less what was sold.
    pub cost: f64,
    /// The share of what was produced that was used on the site, 0..1; None where nothing was.
    pub self_consumption: Option<f64>,
    /// The share of what was consumed that did not come from the grid, 0..1; None where nothing was.
    pub autarky: Option<f64>,
    /// For how long an island was dark, in seconds.
    pub dark_s: f64,
    /// Each asset that is controlled.
    pub assets: Vec<AssetFigures>,
    /// Limits that were broken for longer than control needs to answer. The first thousand.
    pub violations: Vec<Violation>,
    /// How many more.
    pub violations_more: u64,
}

/// What an asset did.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AssetFigures {
    /// Which.
    pub name: String,
    /// Energy that flowed in, in kWh.
    pub taken_kwh: f64,
    /// Energy that flowed out, in kWh.
    pub given_kwh: f64,
    /// How often it was switched on or off.
    pub switchings: u64,
    /// How often it changed from taking to giving, or back.
    pub turns: u64,
    /// The lowest state of charge.
    pub soc_low: Option<f64>,
    /// The highest state of charge.
    pub soc_high: Option<f64>,
}

/// A simulation that has ended.
pub struct SimulatedControl {
    run: Run,
}

impl std::fmt::Debug for SimulatedControl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimulatedControl").field("figures", &self.figures()).finish_non_exhaustive()
    }
}

impl SimulatedControl {
    pub(super) fn new(run: Run) -> Self {
        Self { run }
    }

    /// The site, as it was simulated.
    #[must_use]
    pub fn model(&self) -> &CheckedModel {
        &self.run.model
    }

    /// Energy, money, counts, and what was broken.
    #[must_use]
    pub fn figures(&self) -> SimulationFigures {
        let Run { record, counts, model, options, .. } = &self.run;
        let total = &record.total;
        let rate = model.model().tariff.as_ref().and_then(|tariff| tariff.demand_per_kw).unwrap_or(0.0);
        let demand = total.peak_w.max(0.0) / 1e3 * rate;
        let share = |part: f64, of: f64| (of > 1.0).then(|| (part / of).clamp(0.0, 1.0));
        SimulationFigures {
            from: options.from,
            seconds: counts.steps as f64 * options.step.as_seconds(),
            decisions: counts.decisions,
            orders: counts.orders,
            refusals: counts.refusals,
            leases_ended: counts.leases_ended,
            plans: counts.plans,
            import_kwh: total.import_wh / 1e3,
            export_kwh: total.export_wh / 1e3,
            produced_kwh: total.produced_wh / 1e3,
            consumed_kwh: total.consumed_wh / 1e3,
            peak_w: total.peak_w,
            bought: total.bought,
            sold: total.sold,
            demand,
            fuel: total.fuel,
            wear: total.wear,
            cost: total.bought + demand + total.fuel + total.wear - total.sold,
            self_consumption: share(total.produced_wh - total.export_wh, total.produced_wh),
            autarky: share(total.consumed_wh - total.import_wh, total.consumed_wh),
            dark_s: total.dark_s,
            assets: self.assets(),
            violations: record.violations.clone(),
            violations_more: record.violations_more,
        }
    }

    fn assets(&self) -> Vec<AssetFigures> {
        let Run { record, model, .. } = &self.run;
        let controlled = model.assets().iter().zip(&record.of_assets).filter(|(asset, _)| asset.setpoint.is_some());
        let figures = controlled.map(|(asset, sums)| AssetFigures {
            name: asset.name.to_string(),
            taken_kwh: sums.taken_wh / 1e3,
            given_kwh: sums.given_wh / 1e3,
            switchings: sums.switchings,
            turns: sums.turns,
            soc_low: Some(sums.low_soc).filter(|soc| soc.is_finite()),
            soc_high: Some(sums.high_soc).filter(|soc| soc.is_finite()),
        });
        figures.collect()
    }

    /// A row each minute (or step): `time`, `grid_w`, each asset's mean `NAME_w`, what was decided of it last (`NAME_decided_w`), its
    /// state of charge (`NAME_soc`) and temperature (`NAME_c`), and the prices.
    ///
    /// # Errors
    /// Internal where Arrow refuses it.
    pub fn table(&self) -> Result<RecordBatch> {
        let record = &self.run.record;
        let times = record.times.iter().map(|time| time.as_micros());
        let times = TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC");
        let mut columns: Vec<(String, ArrayRef)> = vec![("time".into(), Arc::new(times))];
        let mut put = |name: String, values: &[f64]| columns.push((name, Arc::new(Float64Array::from(values.to_vec()))));
        put("grid_w".into(), &record.grid_w);
        put("buy_per_kwh".into(), &record.buy);
        put("sell_per_kwh".into(), &record.sell);
        for (asset, of_asset) in self.run.model.assets().iter().zip(&record.assets) {
            let AssetColumns { power_w, decided_w, soc, temperature } = of_asset;
            columns.push((format!("{}_w", asset.name), Arc::new(Float64Array::from(power_w.clone()))));
            if let Some(decided) = decided_w {
                let values = decided.iter().map(|value| Some(*value).filter(|value| value.is_finite()));
                columns.push((format!("{}_decided_w", asset.name), Arc::new(values.collect::<Float64Array>())));
            }
            if let Some(soc) = soc {
                columns.push((format!("{}_soc", asset.name), Arc::new(soc.iter().collect::<Float64Array>())));
            }
            if let Some(temperature) = temperature {
                columns.push((format!("{}_c", asset.name), Arc::new(Float64Array::from(temperature.clone()))));
            }
        }
        // A grid meter that is called `grid` is there already: what is measured there.
        let mut known = std::collections::BTreeSet::new();
        columns.retain(|(name, _)| known.insert(name.clone()));
        let batch =
            RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)));
        batch.map_err(|e| Error::new(ErrorKind::Internal, "table of a simulation").caused_by(e))
    }

    /// The [table](Self::table) as CSV, times as RFC 3339.
    ///
    /// # Errors
    /// As [`table`](Self::table).
    pub fn csv(&self) -> Result<String> {
        let table = self.table()?;
        let names: Vec<_> = table.schema().fields().iter().map(|field| field.name().clone()).collect();
        let mut text = names.join(",") + "\n";
        for (row, time) in self.run.record.times.iter().enumerate() {
            text += &time.to_string();
            for column in &table.columns()[1..] {
                let numbers = column.as_primitive::<arrow_array::types::Float64Type>();
                text.push(',');
                if numbers.is_valid(row) {
                    text += &format!("{:.4}", numbers.value(row));
                }
            }
            text.push('\n');
        }
        Ok(text)
    }

    /// What a picture of it is drawn from: powers (what gives above, what takes below), states of charge, temperatures, prices.
    #[must_use]
    pub fn chart(&self) -> PlanChart {
        let Run { record, model, options, .. } = &self.run;
        let rows = record.times.len();
        let group = rows.div_ceil(POINTS_MAX).max(1);
        let mean = |values: &[f64], scale: f64| {
            values.chunks(group).map(|part| scale * part.iter().sum::<f64>() / part.len() as f64).collect::<Vec<f64>>()
        };
        let series = |name: String, style: ChartStyle, values: Vec<f64>| {
            let part = name.clone();
            ChartSeries { name, part, column: None, style, values }
        };
        let mut power = vec![series("grid".into(), ChartStyle::Stacked, mean(&record.grid_w, 1e-3))];
        let (mut socs, mut temperatures) = (Vec::new(), Vec::new());
        for (asset, columns) in model.assets().iter().zip(&record.assets) {
            let name = asset.name.to_string();
            if !matches!(asset.role, Role::GridMeter | Role::Meter) {
                power.push(series(name.clone(), ChartStyle::Stacked, mean(&columns.power_w, -1e-3)));
            }
            if let (Role::Battery, Some(soc)) = (asset.role, &columns.soc) {
                let values: Vec<f64> = soc.iter().map(|soc| soc.unwrap_or(f64::NAN)).collect();
                socs.push(series(name.clone(), ChartStyle::Line, mean(&values, 100.0)));
            }
            if let Some(temperature) = &columns.temperature {
                temperatures.push(series(name, ChartStyle::Line, mean(temperature, 1.0)));
            }
        }
        let prices = vec![series("price".into(), ChartStyle::Steps, mean(&record.buy, 1.0))];
        let panel = |name, unit: &str, series| Panel { name, unit: unit.to_owned(), series };
        let panels = vec![
            panel("power", "kW", power),
            panel("state of charge", "%", socs),
            panel("temperature", "degC", temperatures),
            panel("price", &format!("{}/kWh", model.model().currency), prices),
        ];
        let row = options.row_length().as_micros() * group as i64;
        let borders = (0..=rows.div_ceil(group)).map(|at| options.from.saturating_add(Span::from_micros(row * at as i64)));
        PlanChart {
            title: format!("{}: {} from {}", model.model().site, options.length, options.from),
            borders: borders.map(|time| time.to_string()).collect(),
            panels: panels.into_iter().filter(|panel| !panel.series.is_empty()).collect(),
        }
    }

    /// Why an asset did what it did at that time, in a sentence.
    ///
    /// # Errors
    /// Not found where the site has no such asset.
    pub fn why(&self, asset: &str, at: Timestamp) -> Result<String> {
        why(&self.run, asset, at)
    }

    /// What happened, a line each: faults, refusals, leases that ended.
    pub fn happened(&self) -> impl Iterator<Item = (Timestamp, &str)> {
        self.run.notes.iter().map(|Noted { at, what }| (*at, what.as_str()))
    }

    pub(super) fn run(&self) -> &Run {
        &self.run
    }
}

pub(super) fn why(run: &Run, asset: &str, at: Timestamp) -> Result<String> {
    let model = &run.model;
    let place =
        model.place(asset).ok_or_else(|| Error::not_found(format!("{asset} is no asset of {}", model.model().site)))?;
    let stood = match (run.record.told_of(place, at), &model.assets()[place].setpoint) {
        (Some(told), Some(setpoint)) => Stood::Decided(Box::new(decided(told, place, setpoint, model)), None),
        _ => Stood::Unknown(None),
    };
    Ok(explain(asset, at, stood, &model.model().zone).sentence)
}

/// As the decision log of a server has it.
fn decided(told: &Told, place: usize, setpoint: &Setpoint, model: &CheckedModel) -> Decided {
    let (asset, decision) = (&model.assets()[place], &told.decision);
    let finite = |bound: f64| bound.is_finite().then_some(bound);
    let limits = decision.limits.iter().map(|limited| {
        let by = limited.cause.text(model);
        LimitedBy { by, from_w: limited.from_w, to_w: limited.to_w }
    });
    Decided {
        time: told.at,
        asset: asset.name.clone(),
        role: asset.role,
        target: setpoint.series.clone(),
        power_w: decision.power_w,
        wish: decision.wish.clone(),
        low_w: finite(decision.bounds_w.0),
        high_w: finite(decision.bounds_w.1),
        limits: limits.collect(),
        inputs: Vec::new(),
        command: None,
        value: None,
        answer: told.answer.clone(),
        faults: told.faults.iter().map(|fault| fault.text(model)).collect(),
        again: false,
    }
}

/// A power for people.
pub(super) fn kilowatts(watts: f64) -> String {
    if watts.abs() < 1e3 { format!("{:.0} W", watts + 0.0) } else { format!("{:.1} kW", watts / 1e3) }
}
