//! What a schedule asks of each asset, in the words of control.

use std::sync::Arc;

use super::Derived;
use crate::control::{CheckedModel, PlannedPowers, Role};
use crate::model::{Span, Timestamp};
use crate::optimize::{Asset, Plan, Quantity, Schedule, Site};

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
            let power = |at: usize| (sign * schedule.net_power(part, at)).clamp(checked.low_w, checked.high_w);
            powers.push((checked.name.clone(), (0..schedule.steps()).map(|at| tidy(power(at))).collect::<Arc<[f64]>>()));
            socs.extend(soc(asset, schedule, part).map(|soc| (checked.name.clone(), soc)));
        }
        let valid_for = model.model.planning.as_ref().map_or(VALID_FOR, |planning| planning.valid_for);
        let valid_until = made.saturating_add(valid_for).min(site.horizon.end());
        Self { site: model.model.site.clone(), made, valid_until, start, step, powers, socs }
    }
}

/// A power without the noise of its last digits; what is no number below zero has no sign.
fn tidy(power_w: f64) -> f64 {
    (power_w * 10.0).round() / 10.0 + 0.0
}

/// The state of charge of a battery or vehicle at the end of each step. Of a vehicle that has left, the last one stands.
fn soc(asset: &Asset, schedule: &Schedule, part: usize) -> Option<Arc<[f64]>> {
    let (capacity_wh, leaves) = match asset {
        Asset::Battery(battery) => (battery.capacity_wh, false),
        Asset::Ev(ev) => (ev.capacity_wh, true),
        _ => return None,
    };
    let mut last = 0.0;
    let energy = schedule.get(part, Quantity::Energy)?.iter();
    let held = energy.map(|energy| {
        last = if leaves && *energy <= 0.0 { last } else { *energy };
        (last / capacity_wh).clamp(0.0, 1.0)
    });
    Some(held.collect())
}
