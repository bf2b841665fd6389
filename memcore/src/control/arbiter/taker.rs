//! What sharing and filling need to know of each asset now.

use super::check::least_w;
use super::nest::Bounds;
use super::share::Taker;
use crate::control::{CheckedAsset, CheckedModel, Measure, Moment, Role, Situation};

/// Far beyond any site: keeps sums of bounds that are not limited finite.
pub(super) const ENOUGH_W: f64 = 1e12;

/// Every asset as one that can take some of what is shared out.
pub(super) struct Takers<'a> {
    model: &'a CheckedModel,
    situation: &'a Situation,
    /// What was decided last, in W; NaN where nothing was.
    decided_w: &'a [f64],
    now: Moment,
    least_w: Vec<f64>,
}

impl<'a> Takers<'a> {
    pub(super) fn of(model: &'a CheckedModel, situation: &'a Situation, decided_w: &'a [f64], now: Moment) -> Self {
        let least_w = model.assets.iter().map(least_w).collect();
        Self { model, situation, decided_w, now, least_w }
    }

    /// The least power that an asset runs with, in W.
    pub(super) fn least_w(&self, place: usize) -> f64 {
        self.least_w[place]
    }

    /// Whether it was decided last that it runs.
    pub(super) fn running(&self, place: usize) -> bool {
        self.decided_w.get(place).is_some_and(|decided| decided.abs() > 1.0)
    }

    /// An asset that does nothing yet, as far as its bounds let it.
    pub(super) fn at_rest(&self, place: usize, bounds: &Bounds) -> Taker {
        self.at(place, bounds.nearest(0.0), bounds)
    }

    pub(super) fn at(&self, place: usize, at_w: f64, bounds: &Bounds) -> Taker {
        let (low_w, high_w) = (bounds.low_w, bounds.high_w);
        let asset = &self.model.assets[place];
        Taker {
            place,
            at_w,
            low_w,
            high_w,
            least_w: self.least_w[place],
            running: self.running(place),
            efficiency: (efficiency(asset, true), efficiency(asset, false)),
            room_wh: self.room_wh(place, asset),
        }
    }

    /// What an asset can still take and give, in Wh. Of one whose state of charge is not known the half is taken for it.
    fn room_wh(&self, place: usize, asset: &CheckedAsset) -> (f64, f64) {
        let soc = self.situation.fresh(self.model, place, Measure::Soc, self.now).unwrap_or(0.5);
        match (&asset.storage, &asset.described.vehicle) {
            (Some(storage), _) => {
                let wh = storage.capacity_wh;
                ((storage.max_soc - soc).max(0.0) * wh, (soc - storage.min_soc).max(0.0) * wh)
            }
            (None, Some(vehicle)) => ((1.0 - soc).max(0.0) * vehicle.capacity_wh, soc.max(0.0) * vehicle.capacity_wh),
            (None, None) => (0.0, 0.0),
        }
    }
}

/// The share of power that does what it is for: stored, taken out, moved as heat, or bought as fuel.
fn efficiency(asset: &CheckedAsset, up: bool) -> f64 {
    match (&asset.storage, &asset.described.vehicle, &asset.described.fuel) {
        (Some(storage), ..) if up => storage.charge_efficiency,
        (Some(storage), ..) => storage.discharge_efficiency,
        (None, Some(vehicle), _) => vehicle.charge_efficiency,
        (None, None, Some(fuel)) => 1.0 / fuel.marginal_per_kwh.max(1e-9),
        _ if asset.role == Role::HeatPump => asset.described.cop.unwrap_or(3.0),
        _ => 1.0,
    }
}
