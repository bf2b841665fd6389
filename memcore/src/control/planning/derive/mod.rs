//! The optimizer's site, out of the site model, what is measured now, and what is expected: nothing is said twice. And back: what a
//! schedule asks of each asset.
//!
//! | asset | becomes |
//! |---|---|
//! | battery that is controlled, or that forms the grid | a battery, from its measured state of charge |
//! | charger with a vehicle that is connected | a vehicle with one session until its next departure |
//! | heat pump with what it heats and a measured temperature | a heat pump |
//! | genset | a genset; whether it runs is told by its power |
//! | PV | a source of what is expected, curtailable where it is controlled |
//! | load, switch, and whatever is left out of the above | a load of what is expected, where something is |
//! | grid meter | the grid, with prices, limits of the circuit at the top and those from outside |
//! | circuit that could be overloaded | a limit of the one asset that it can hold back, or a bus of its own where there are more |

mod assets;
mod bounds;
mod grid;
mod powers;
#[cfg(test)]
mod tests;

use self::bounds::Bounds;
use crate::control::{CheckedAsset, CheckedModel, Measure, Moment, Role, Situation};
use crate::error::{Error, Result};
use crate::model::{Name, Span};
use crate::optimize::{Asset, Horizon, Load, Profile, Site};

/// What is expected over the steps of a plan: one number per step each; empty where nothing is.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Expected {
    /// What a kWh bought costs; that of the tariff unless told.
    pub buy_per_kwh: Vec<f64>,
    /// What a kWh sold brings; that of the tariff unless told.
    pub sell_per_kwh: Vec<f64>,
    /// What each PV asset could give, by name, in W, as positive numbers.
    pub sources_w: Vec<(Name, Vec<f64>)>,
    /// What each load takes, by name, in W; also of assets that a plan would leave out.
    pub loads_w: Vec<(Name, Vec<f64>)>,
    /// What everything takes that is no asset of the site, in W.
    pub rest_w: Vec<f64>,
    /// The temperature outdoors, in degrees Celsius.
    pub outdoor_c: Vec<f64>,
    /// The highest mean import of the billing period so far, in W.
    pub peak_so_far_w: f64,
    /// For how long gensets and heat pumps have run or stood, by name; longer than any least time unless told.
    pub since: Vec<(Name, Span)>,
}

/// A site to be planned.
#[derive(Debug, Clone, PartialEq)]
pub struct Derived {
    /// The site as the optimizer takes it. Its assets are called as those of the model.
    pub site: Site,
    /// What could not be planned, by name; for each, there is a notice why.
    pub left_out: Vec<Name>,
    /// What was assumed or left out, and why.
    pub notices: Vec<String>,
}

/// The name of the load of everything that is no asset.
const REST: &str = "rest of the site";

impl CheckedModel {
    /// The optimizer's site for what is known now. The first step of the horizon begins with what is measured.
    ///
    /// # Errors
    /// Invalid where something expected has not one number per step, is no number, or is of an asset that is not there, and where there
    /// is nothing to plan.
    pub fn derive(&self, situation: &Situation, now: Moment, horizon: &Horizon, expected: &Expected) -> Result<Derived> {
        expected.check(self, horizon)?;
        let mut made = Making { model: self, situation, now, horizon, expected, left_out: Vec::new(), notices: Vec::new() };
        let bounds = Bounds::new(&made);
        let mut site = Site::new(self.model.currency, horizon.clone(), []);
        self.model.site.as_str().clone_into(&mut site.name);
        for place in 0..self.assets.len() {
            if let Some(asset) = made.asset(place, &bounds) {
                site.assets.push(asset);
            }
        }
        if !expected.rest_w.is_empty() {
            site.assets.push(Load::new(REST, expected.rest_w.clone()).into());
        }
        bounds.split(&mut site, self);
        made.limited_from_outside(&mut site);
        site.reserve = made.reserve();
        let planned = site.assets.iter().any(|asset| !matches!(asset, Asset::Grid(_) | Asset::Load(_)));
        if !planned {
            let why = made.notices.join("; ");
            return Err(Error::invalid(format!("nothing of {} can be planned: {why}", self.model.site)));
        }
        Ok(Derived { site, left_out: made.left_out, notices: made.notices })
    }
}

impl Expected {
    fn check(&self, model: &CheckedModel, horizon: &Horizon) -> Result<()> {
        let plain = [
            ("buy_per_kwh", &self.buy_per_kwh),
            ("sell_per_kwh", &self.sell_per_kwh),
            ("rest_w", &self.rest_w),
            ("outdoor_c", &self.outdoor_c),
        ];
        let sources = self.sources_w.iter().map(|(name, values)| (name.as_str(), values));
        let loads = self.loads_w.iter().map(|(name, values)| (name.as_str(), values));
        for (name, _) in sources.clone().chain(loads.clone()) {
            if model.place(name).is_none() {
                return Err(Error::invalid(format!("something is expected of {name}, which is no asset of the site")));
            }
        }
        for (what, values) in plain.into_iter().chain(sources).chain(loads) {
            if !values.is_empty() && values.len() != horizon.len() {
                let (count, steps) = (values.len(), horizon.len());
                return Err(Error::invalid(format!("expected {what} has {count} values, but the plan has {steps} steps")));
            }
            if let Some(step) = values.iter().position(|value| !value.is_finite()) {
                let (value, start) = (values[step], horizon.starts()[step]);
                return Err(Error::invalid(format!(
                    "expected {what} is {value} in the step from {start}, expected a number"
                )));
            }
        }
        if !(self.peak_so_far_w >= 0.0 && self.peak_so_far_w.is_finite()) {
            return Err(Error::invalid(format!("peak_so_far_w is {}, expected zero or above", self.peak_so_far_w)));
        }
        Ok(())
    }

    /// What is expected of an asset, in W; None where nothing is.
    fn load_w(&self, name: &Name) -> Option<&Vec<f64>> {
        self.loads_w.iter().find(|(of, values)| of == name && !values.is_empty()).map(|(_, values)| values)
    }

    fn source_w(&self, name: &Name) -> Option<&Vec<f64>> {
        self.sources_w.iter().find(|(of, values)| of == name && !values.is_empty()).map(|(_, values)| values)
    }
}

/// A site while it is derived.
struct Making<'a> {
    model: &'a CheckedModel,
    situation: &'a Situation,
    now: Moment,
    horizon: &'a Horizon,
    expected: &'a Expected,
    left_out: Vec<Name>,
    notices: Vec<String>,
}

impl Making<'_> {
    /// What an asset becomes; None where it has no part in the plan.
    fn asset(&mut self, place: usize, bounds: &Bounds) -> Option<Asset> {
        let asset = &self.model.assets[place];
        let planned = match asset.role {
            Role::GridMeter => return Some(self.grid(asset).into()),
            Role::Meter => return None,
            Role::Pv => return Some(self.source(asset).into()),
            Role::Load | Role::Switch => return Some(self.load(asset)?.into()),
            Role::Battery => self.battery(place, bounds).map(Asset::from),
            Role::Charger => self.vehicle(place, bounds).map(Asset::from),
            Role::HeatPump => self.heat_pump(place, bounds).map(Asset::from),
            Role::Genset => self.genset(place, bounds).map(Asset::from),
        };
        match planned {
            Ok(asset) => Some(asset),
            Err(why) => {
                self.leave_out(asset, why);
                let load = Load::new(asset.name.as_str(), self.expected.load_w(&asset.name)?.clone());
                Some(load.into())
            }
        }
    }

    /// An asset that has no part in the plan. Where that is only as it should be, `why` is empty and nothing is said.
    fn leave_out(&mut self, asset: &CheckedAsset, why: String) {
        if !why.is_empty() {
            self.left_out.push(asset.name.clone());
            self.notices.push(format!("{} is left out of the plan: {why}", asset.name));
        }
    }

    fn fresh(&self, place: usize, measure: Measure) -> Option<f64> {
        self.situation.fresh(self.model, place, measure, self.now)
    }

    /// Whether the grid is known to be gone.
    fn islanded(&self) -> bool {
        self.model.model.island.is_some() && self.fresh(0, Measure::GridPresent).is_some_and(|present| present < 0.5)
    }

    /// A number for each step.
    fn profile(&self, of: impl Fn(usize) -> f64) -> Profile {
        let values: Vec<f64> = (0..self.horizon.len()).map(of).collect();
        let same = values.windows(2).all(|pair| pair[0] == pair[1]);
        if same { Profile::Constant(values[0]) } else { Profile::Steps(values) }
    }
}
