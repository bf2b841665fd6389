//! What a schedule asks of each asset, in the words of control.

use std::sync::Arc;

use super::Derived;
use crate::control::{CheckedModel, PlannedPowers, Role};
use crate::model::{Name, Span, Timestamp};
use crate::optimize::{Asset, Heat, Plan, Quantity, Schedule, Site};

/// How long a plan may be followed where nothing is said of planning.
const VALID_FOR: Span = Span::from_seconds(3_600);

impl Derived {
    /// A plan of this site, for control.
    #[must_use]
    pub fn powers(&self, model: &CheckedModel, plan: &Plan, made: Timestamp) -> PlannedPowers {
        PlannedPowers::of_schedule(model, &self.site, &plan.schedule, made)
    }
}

impl PlannedPowers {
    /// A schedule of a derived site. Powers are net and in passive sign: of the grid meter, import is positive. All steps but the first,
    /// which may be what is left of one, are taken to be as long as the second.
    #[must_use]
    pub fn of_schedule(model: &CheckedModel, site: &Site, schedule: &Schedule, made: Timestamp) -> Self {
        let borders = site.horizon.borders();
        let step = match borders {
            [_, first, second, ..] => second.since(*first),
            _ => site.horizon.end().since(site.horizon.start()),
        };
        let start = borders[1].saturating_add(Span::from_micros(-step.as_micros()));
        let (mut powers, mut socs) = (Vec::new(), Vec::new());
        for (part, asset) in site.assets.iter().enumerate() {
            let Some(checked) = model.place(asset.name()).map(|place| &model.assets[place]) else { continue };
            let sign = if checked.role == Role::GridMeter { -1.0 } else { 1.0 };
            // What is no number below zero has no sign.
            let power = (0..schedule.steps()).map(|at| sign * schedule.net_power(part, at) + 0.0);
            powers.push((checked.name.clone(), power.collect::<Arc<[f64]>>()));
            socs.extend(soc(asset, &checked.name, schedule, part));
        }
        let valid_for = model.model.planning.as_ref().map_or(VALID_FOR, |planning| planning.valid_for);
        let valid_until = made.saturating_add(valid_for);
        Self { site: model.model.site.clone(), made, valid_until, start, step, powers, socs }
    }
}

/// The state of charge of a store at the end of each step.
fn soc(asset: &Asset, name: &Name, schedule: &Schedule, part: usize) -> Option<(Name, Arc<[f64]>)> {
    let capacity_wh = match asset {
        Asset::Battery(battery) => battery.capacity_wh,
        Asset::Ev(ev) => ev.capacity_wh,
        Asset::HeatPump(pump) => match &pump.heat {
            Heat::Tank(tank) => tank.capacity_wh,
            Heat::Building(_) => return None,
        },
        _ => return None,
    };
    let energy = schedule.get(part, Quantity::Energy)?;
    Some((name.clone(), energy.iter().map(|energy| energy / capacity_wh).collect()))
}
