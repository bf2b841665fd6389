//! What an actor of the program's own is shown: the site at one moment, as values that it owns.

use serde::{Deserialize, Serialize};

use super::heart::Heart;
use crate::control::{Measure, Moment, Role};
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
    /// The lowest power that it can take, in W.
    pub low_w: f64,
    /// The highest power that it can take, in W.
    pub high_w: f64,
}

impl Snapshot {
    /// The asset of that name.
    #[must_use]
    pub fn asset(&self, name: &str) -> Option<&SnapshotAsset> {
        self.assets.iter().find(|asset| asset.name.as_str() == name)
    }
}

impl Heart {
    pub(super) fn snapshot(&self, now: Moment) -> Snapshot {
        let (model, situation) = (self.controller.model(), self.controller.situation());
        let assets = model.assets().iter().enumerate().map(|(place, asset)| SnapshotAsset {
            name: asset.name.clone(),
            role: asset.role,
            power_w: situation.power_w(model, place, now),
            soc: situation.fresh(model, place, Measure::Soc, now),
            connected: situation.fresh(model, place, Measure::Connected, now).map(|connected| connected != 0.0),
            decided_w: self.controller.decided_w().get(place).copied().filter(|decided| decided.is_finite()),
            low_w: asset.low_w,
            high_w: asset.high_w,
        });
        let (site, grid_w) = (model.model().site.clone(), situation.grid_w(model, now));
        Snapshot { time: now.wall, site, grid_w, assets: assets.collect() }
    }
}
