//! A site: its horizon, its assets, how they are connected, and what beside money is wanted of a plan.

use serde::{Deserialize, Serialize};

use super::{Asset, Horizon, Link, Profile};
use crate::model::written;
use crate::model::{Currency, Span};

/// What a plan is made for. Power in W, energy in Wh, money in [`currency`](Self::currency), times in UTC.
///
/// Every field has a form in TOML and JSON of the same name; unknown fields are refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// What it is called.
    #[serde(default)]
    pub name: String,
    /// The money that every price is in.
    #[serde(with = "written::currency")]
    pub currency: Currency,
    /// The steps to decide about.
    pub horizon: Horizon,
    /// What it is made of, in the order in which results list it.
    #[serde(default, rename = "asset", alias = "assets")]
    pub assets: Vec<Asset>,
    /// Connections between buses. Without any, all assets are on one bus.
    #[serde(default, rename = "link", alias = "links")]
    pub links: Vec<Link>,
    /// Spare power to be kept.
    #[serde(default)]
    pub reserve: Option<Reserve>,
    /// What a kg of carbon costs.
    #[serde(default)]
    pub carbon_price_per_kg: f64,
    /// Costs of change from step to step.
    #[serde(default)]
    pub smoothness: Vec<Smoothness>,
    /// Costs of leaving the previous plan.
    #[serde(default)]
    pub stay: Option<Stay>,
    /// What a kWh of anything that was asked for and is missing costs, where nothing else says: a target at departure, a state of
    /// charge at the end. Unless told, a hundred times the highest price of energy of the site, and at least 1.
    #[serde(default)]
    pub shortage_per_kwh: Option<f64>,
}

impl Site {
    /// A site with its assets, on one bus.
    #[must_use]
    pub fn new(currency: Currency, horizon: Horizon, assets: impl IntoIterator<Item = Asset>) -> Self {
        Self {
            name: "site".to_owned(),
            currency,
            horizon,
            assets: assets.into_iter().collect(),
            links: Vec::new(),
            reserve: None,
            carbon_price_per_kg: 0.0,
            smoothness: Vec::new(),
            stay: None,
            shortage_per_kwh: None,
        }
    }

    /// With another asset.
    #[must_use]
    pub fn with(mut self, asset: impl Into<Asset>) -> Self {
        self.assets.push(asset.into());
        self
    }

    /// Its buses, each once, in the order in which its assets and then its links name them.
    #[must_use]
    pub fn buses(&self) -> Vec<&str> {
        let mut buses = Vec::new();
        let ends = self.links.iter().flat_map(|link| [link.from.as_str(), link.to.as_str()]);
        for bus in self.assets.iter().map(Asset::bus).chain(ends) {
            if !buses.contains(&bus) {
                buses.push(bus);
            }
        }
        buses
    }
}

/// Spare power that must be ready in every step: gensets that run below their maximum, and batteries that could discharge more
/// (or charge less) for `duration` with the energy that they hold at the end of the step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Reserve {
    /// A given amount, in W.
    pub up_w: Profile,
    /// A share of the load that is served.
    pub share_of_load: f64,
    /// A share of what is used of PV and other sources.
    pub share_of_sources: f64,
    /// For how long a battery must be able to give it; an hour unless told.
    #[serde(with = "written::span")]
    pub duration: Option<Span>,
    /// What each kWh of reserve that is missing costs; the site's price of shortage unless told.
    pub shortfall_per_kwh: Option<f64>,
}

impl Default for Reserve {
    fn default() -> Self {
        Self {
            up_w: Profile::Constant(0.0),
            share_of_load: 0.0,
            share_of_sources: 0.0,
            duration: None,
            shortfall_per_kwh: None,
        }
    }
}

/// A cost of `per_kw * |p - p of the step before|` of an asset's net power at its bus, from the second step on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Smoothness {
    /// The asset.
    pub asset: String,
    /// What each kW of change costs.
    pub per_kw: f64,
}

/// A cost of `per_kwh * |p - p of the previous plan| * hours` for each asset named, so that a plan changes only where it pays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stay {
    /// What each kWh of difference costs.
    pub per_kwh: f64,
    /// The net powers of the previous plan, positive into the asset, one number per step; NaN (null) where it says nothing.
    pub previous: Vec<PreviousPower>,
}

/// The net power of an asset in a previous plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreviousPower {
    /// The asset.
    pub asset: String,
    /// Its net power, in W, positive into the asset. None where the previous plan did not reach.
    pub power_w: Vec<Option<f64>>,
}
