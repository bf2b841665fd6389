//! What an actor of another thread or language sees: an owned copy, so that it delays nobody while it thinks.

use serde::{Deserialize, Serialize};

use super::{Controller, Measure, Moment, Role};
use crate::model::{Name, Timestamp};

/// The site as it is now. Power is in W and in passive sign: positive flows into the device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Snapshot {
    /// The site.
    pub site: Name,
    /// When.
    pub at: Timestamp,
    /// Its assets, in the order of the model.
    pub assets: Vec<AssetSnapshot>,
    /// What flows in from the grid; below zero what flows out. None where the meter is silent.
    pub grid_w: Option<f64>,
    /// The power of all PV, at or below zero; None where one of them is unknown.
    pub pv_w: Option<f64>,
    /// What is drawn beside PV, batteries, gensets and chargers; None where that cannot be told.
    pub load_w: Option<f64>,
    /// What a kWh bought costs now, where that is known.
    pub buy_per_kwh: Option<f64>,
    /// What a kWh sold brings now, where that is known.
    pub sell_per_kwh: Option<f64>,
    /// Whether a plan holds now; what it asks of each asset is `planned_w` there.
    pub planned: bool,
}

/// An asset as it is now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AssetSnapshot {
    /// What the site calls it.
    pub name: Name,
    /// What it is to the site.
    pub role: Role,
    /// Whether it takes orders.
    pub controlled: bool,
    /// Its power, where it stands for the present.
    pub power_w: Option<f64>,
    /// Its state of charge, 0..1, where it stands for the present.
    pub soc: Option<f64>,
    /// Whether a vehicle is connected, where that is known.
    pub connected: Option<bool>,
    /// Its temperature in degrees Celsius, where it stands for the present.
    pub temperature: Option<f64>,
    /// Whether its power stands for the present.
    pub fresh: bool,
    /// The least power that safety allows; None where nothing limits it.
    pub low_w: Option<f64>,
    /// The highest power that safety allows; None where nothing limits it.
    pub high_w: Option<f64>,
    /// What was decided last.
    pub decided_w: Option<f64>,
    /// What the plan asks of it now.
    pub planned_w: Option<f64>,
}

impl Controller {
    /// The site as it is now, for actors that think elsewhere and hand in what they wish for by [`propose`](Self::propose).
    #[must_use]
    pub fn snapshot(&self, now: Moment) -> Snapshot {
        let (model, situation) = (self.model(), self.situation());
        let (grid_w, pv_w) = (situation.grid_w(model, now), situation.role_w(model, Role::Pv, now));
        let others = [Role::Battery, Role::Genset, Role::Charger].map(|role| situation.role_w(model, role, now));
        let others: Option<f64> = others.into_iter().sum();
        let load_w = grid_w.zip(pv_w).zip(others).map(|((grid, pv), others)| grid - pv - others);
        let (buy_per_kwh, sell_per_kwh) = self.prices();
        Snapshot {
            site: model.model.site.clone(),
            at: now.wall,
            assets: (0..model.assets.len()).map(|place| self.asset_snapshot(place, now)).collect(),
            grid_w,
            pv_w,
            load_w,
            buy_per_kwh,
            sell_per_kwh,
            planned: self.plan().is_some_and(|plan| plan.step_at(now.wall).is_some()),
        }
    }

    fn asset_snapshot(&self, place: usize, now: Moment) -> AssetSnapshot {
        let (model, situation) = (self.model(), self.situation());
        let asset = &model.assets[place];
        let fresh = |measure| situation.fresh(model, place, measure, now);
        let (low_w, high_w) = self.allowed_w(place);
        AssetSnapshot {
            name: asset.name.clone(),
            role: asset.role,
            controlled: asset.setpoint.is_some(),
            power_w: fresh(Measure::Power),
            soc: fresh(Measure::Soc),
            connected: fresh(Measure::Connected).map(|connected| connected != 0.0),
            temperature: fresh(Measure::Temperature),
            fresh: fresh(Measure::Power).is_some(),
            low_w,
            high_w,
            decided_w: self.decided_w().get(place).copied().filter(|decided| decided.is_finite()),
            planned_w: self.plan().and_then(|plan| plan.power_w(asset.name.as_str(), now.wall)),
        }
    }
}
