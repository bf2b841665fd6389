//! What feeds buses in a dispatch: generators with their costs and limits, and loads that may be shed.

use serde::Serialize;

use super::super::program::linear::Column;
use super::GenerationCost;
use super::case::line_between;
use super::limits::{Counts, LimitedProgram};
use super::resolved::Resolved;

/// What a generator gives.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GeneratorPower {
    /// The generator.
    pub generator: String,
    /// Its power, in W.
    pub power_w: f64,
    /// What an hour of that costs.
    pub cost_per_h: f64,
}

/// A load that is shed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShedLoad {
    /// The load.
    pub load: String,
    /// What is not served, in W.
    pub shed_w: f64,
}

/// The columns of what feeds buses, per unit of power.
pub(super) struct Feeding {
    /// One per generator in service, with its bus.
    generators: Vec<(Column, usize)>,
    /// One per load, with its bus; None where it must be served.
    shed: Vec<Option<(Column, usize)>>,
}

impl Feeding {
    pub(super) fn new(resolved: &Resolved<'_>, limited: &mut LimitedProgram) -> Self {
        let base = resolved.network.base_va;
        let generators = resolved.generators.iter().map(|(generator, bus)| {
            let column = priced_column(generator, base, limited);
            let range = generator.min_w / base..=generator.max_w / base;
            limited.limit(&generator.name, ("min_w", "max_w"), Counts::Power(base), range, vec![(column, 1.0)]);
            (column, *bus)
        });
        let generators = generators.collect();
        let shed = resolved.network.loads.iter().zip(&resolved.load_buses).map(|(load, bus)| {
            let value = load.value_of_lost_load_per_kwh?;
            Some((limited.column(value * base / 1000.0, 0.0..=load.power_w / base), *bus))
        });
        let shed = shed.collect();
        Self { generators, shed }
    }

    /// Every column that feeds power, with its bus.
    pub(super) fn powers(&self) -> impl Iterator<Item = (Column, usize)> {
        self.generators.iter().copied().chain(self.shed.iter().flatten().copied())
    }

    /// The columns of loads that are shed, by load.
    pub(super) fn shed_columns(&self) -> &[Option<(Column, usize)>] {
        &self.shed
    }

    pub(super) fn generators(&self, resolved: &Resolved<'_>, values: &[f64]) -> Vec<GeneratorPower> {
        let base = resolved.network.base_va;
        let told = |((generator, _), (column, _)): (&(&super::Generator, usize), &(Column, usize))| {
            let power_w = values[column.0] * base;
            let cost_per_h = generator.cost.per_h_at(power_w);
            GeneratorPower { generator: generator.name.clone(), power_w, cost_per_h }
        };
        resolved.generators.iter().zip(&self.generators).map(told).collect()
    }

    /// Every load with what is shed of it.
    pub(super) fn shed(&self, resolved: &Resolved<'_>, values: &[f64]) -> Vec<ShedLoad> {
        let base = resolved.network.base_va;
        let told = |(load, column): (&super::Load, &Option<(Column, usize)>)| {
            let shed_w = column.map_or(0.0, |(column, _)| values[column.0] * base);
            ShedLoad { load: load.name.clone(), shed_w }
        };
        resolved.network.loads.iter().zip(&self.shed).map(told).collect()
    }

    /// What an hour costs, from what generators give and loads miss alone.
    pub(super) fn cost_per_h(&self, resolved: &Resolved<'_>, values: &[f64]) -> f64 {
        let generation: f64 = self.generators(resolved, values).iter().map(|generator| generator.cost_per_h).sum();
        let lost =
            |(load, shed): (&super::Load, ShedLoad)| load.value_of_lost_load_per_kwh.unwrap_or(0.0) * shed.shed_w / 1000.0;
        generation + resolved.network.loads.iter().zip(self.shed(resolved, values)).map(lost).sum::<f64>()
    }
}

/// A column of a generator's power with its cost. Its limits are rows of their own; its bounds lie far outside them, so that they never
/// bind, and a price that is only nearly right still proves a bound.
fn priced_column(generator: &super::Generator, base: f64, limited: &mut LimitedProgram) -> Column {
    let unit_kw = base / 1000.0;
    let far = limited.far(generator.min_w, generator.max_w, base);
    match &generator.cost {
        GenerationCost::Polynomial { per_kw2h, per_kwh, per_h } => {
            let column = limited.column(per_kwh * unit_kw, -far..=far);
            limited.square(column, per_kw2h * unit_kw * unit_kw);
            limited.program.constant += per_h;
            column
        }
        GenerationCost::Piecewise { points } => {
            // The cost is a column of its own that lies above each of the lines.
            let lines: Vec<(f64, f64)> = points.windows(2).map(|pair| line_between(&pair[0], &pair[1])).collect();
            let reach = |(slope, at_zero): &(f64, f64)| slope.abs() * unit_kw * far + at_zero.abs();
            let highest = lines.iter().map(reach).fold(0.0, f64::max);
            let column = limited.column(0.0, -far..=far);
            let cost = limited.column(1.0, -highest..=highest);
            for (slope, at_zero) in lines {
                limited.program.at_least(at_zero, [(cost, 1.0), (column, -slope * unit_kw)]);
            }
            column
        }
    }
}
