//! What an actor of the program's own is shown: the site at one moment, as values that it owns.

use serde::{Deserialize, Serialize};

use super::heart::Heart;
use crate::control::{Measure, Moment, Role, View};
use crate::model::{Name, Timestamp};

/// A site at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Snapshot {
    /// When.
    #[serde(rename = "time_us")]
    pub time: Timestamp,
    /// The site.
    pub site: Name,
    /// What flows in from the grid, in W; below zero what flows out. None where it is not known.
    pub grid_w: Option<f64>,
    /// What a kWh bought costs now, where that is known.
    #[serde(default)]
    pub buy_per_kwh: Option<f64>,
    /// What a kWh sold brings now, where that is known.
    #[serde(default)]
    pub sell_per_kwh: Option<f64>,
    /// Whether a plan holds.
    #[serde(default)]
    pub planned: bool,
    /// The assets, in the order of the model.
    pub assets: Vec<SnapshotAsset>,
}

/// An asset at one moment. What is not known, or too old to stand for the present, is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SnapshotAsset {
    /// What the site calls it.
    pub name: Name,
    /// What it is to the site.
    pub role: Role,
    /// Its power, in W, passive sign.
    pub power_w: Option<f64>,
    /// Its state of charge, 0..1.
    pub soc: Option<f64>,
    /// Whether a vehicle is connected.
    pub connected: Option<bool>,
    /// What was decided last, in W; none for what is not controlled.
    pub decided_w: Option<f64>,
    /// What the plan asks of it now, in W; none where no plan holds or it has no part in it.
    #[serde(default)]
    pub planned_w: Option<f64>,
    /// The lowest power that it can take, in W.
    pub low_w: f64,
    /// The highest power that it can take, in W.
    pub high_w: f64,
}

impl Snapshot {
    /// What an actor sees, as values that need not be borrowed.
    #[must_use]
    pub fn of(view: &View<'_>) -> Self {
        let assets = view.model.assets().iter().enumerate().map(|(place, asset)| SnapshotAsset {
            name: asset.name.clone(),
            role: asset.role,
            power_w: view.power_w(place),
            soc: view.fresh(place, Measure::Soc),
            connected: view.fresh(place, Measure::Connected).map(|connected| connected != 0.0),
            decided_w: view.decided_w.get(place).copied().filter(|decided| decided.is_finite()),
            planned_w: view.plan.and_then(|plan| plan.power_w(asset.name.as_str(), view.now.wall)),
            low_w: asset.low_w,
            high_w: asset.high_w,
        });
        Self {
            time: view.now.wall,
            site: view.model.model().site.clone(),
            grid_w: view.grid_w(),
            buy_per_kwh: view.buy_per_kwh,
            sell_per_kwh: view.sell_per_kwh,
            planned: view.plan.is_some_and(|plan| plan.step_at(view.now.wall).is_some()),
            assets: assets.collect(),
        }
    }

    /// The asset of that name.
    #[must_use]
    pub fn asset(&self, name: &str) -> Option<&SnapshotAsset> {
        self.assets.iter().find(|asset| asset.name.as_str() == name)
    }
}

impl Heart {
    pub(super) fn snapshot(&self, now: Moment) -> Snapshot {
        Snapshot::of(&self.controller.view(now))
    }
}
