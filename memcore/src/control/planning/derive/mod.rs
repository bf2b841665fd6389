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
//! | load or switch that is shed in an order | a load that may be shed, of what it takes now |
//! | what is left out of the above | what it takes now, for an hour |
//! | everything else | one load of what is expected |
//! | grid meter | the grid, with prices, limits of the circuit at the top and those from outside |
//! | circuit that could be overloaded | a limit of the one asset that it can hold back, or a bus of its own where there are more |

mod assets;
mod bounds;
mod grid;
mod powers;
#[cfg(test)]
mod tests;

use self::bounds::Bounds;
pub(in crate::control::planning) use self::bounds::put_on;
use super::Expected;
use crate::control::{CheckedAsset, CheckedModel, Measure, Moment, Role, Situation};
use crate::error::{Error, Result};
use crate::model::{Name, Span};
use crate::optimize::{Asset, Horizon, Load, Profile, Site};

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

/// The load of everything that no plan moves.
pub(crate) const LOAD: &str = "uncontrolled";
/// What is left out of a plan is taken to go on for so long.
const GOES_ON: Span = Span::from_seconds(3_600);

impl CheckedModel {
    /// The optimizer's site: as it is now, with what is expected. The first step of the horizon begins with what is measured.
    ///
    /// # Errors
    /// Invalid where something expected has not one number per step, is no number, or is of an asset that is not there, and where there
    /// is nothing to plan.
    pub fn planning_site(&self, situation: &Situation, expected: &Expected, now: Moment) -> Result<Site> {
        self.derive(situation, expected, now).map(|derived| derived.site)
    }

    /// The same, with what was assumed and what is left out.
    ///
    /// # Errors
    /// Those of [`planning_site`](Self::planning_site).
    pub fn derive(&self, situation: &Situation, expected: &Expected, now: Moment) -> Result<Derived> {
        expected.check(self)?;
        let horizon = &expected.horizon;
        let load_w = expected.load_w.iter().map(|power| power.max(0.0)).collect();
        let (left_out, notices) = (Vec::new(), Vec::new());
        let mut made = Making { model: self, situation, now, horizon, expected, load_w, left_out, notices };
        let bounds = Bounds::new(&made);
        let mut site = Site::new(self.model.currency, horizon.clone(), []);
        self.model.site.as_str().clone_into(&mut site.name);
        for place in 0..self.assets.len() {
            site.assets.extend(made.asset(place, &bounds));
        }
        let planned = site.assets.iter().any(|asset| !matches!(asset, Asset::Grid(_) | Asset::Load(_)));
        if !planned {
            let why = made.notices.join("; ");
            return Err(Error::invalid(format!("nothing of {} can be planned: {why}", self.model.site)));
        }
        site.assets.push(Load::new(LOAD, std::mem::take(&mut made.load_w)).into());
        bounds.split(&mut site, self);
        made.limited_from_outside(&mut site);
        site.reserve = made.reserve();
        Ok(Derived { site, left_out: made.left_out, notices: made.notices })
    }
}

impl Expected {
    fn check(&self, model: &CheckedModel) -> Result<()> {
        let steps = self.horizon.len();
        let plain = [
            ("load_w", &self.load_w),
            ("buy_per_kwh", &self.buy_per_kwh),
            ("sell_per_kwh", &self.sell_per_kwh),
            ("outdoor_c", &self.outdoor_c),
        ];
        let sources = self.sources_w.iter().map(|(name, values)| (name.as_str(), values));
        let named = sources.clone().map(|(name, _)| name).chain(self.departures.iter().map(|(name, _)| name.as_str()));
        for name in named {
            if model.place(name).is_none() {
                return Err(Error::invalid(format!("something is expected of {name}, which is no asset of the site")));
            }
        }
        for (what, values) in plain.into_iter().chain(sources) {
            let may_be_unknown = !matches!(what, "load_w");
            if values.len() != steps && !(values.is_empty() && may_be_unknown) {
                let count = values.len();
                return Err(Error::invalid(format!("expected {what} has {count} values, but the plan has {steps} steps")));
            }
            if let Some(step) = values.iter().position(|value| !value.is_finite()) {
                let (value, start) = (values[step], self.horizon.starts()[step]);
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

    /// What is expected of a source, in W; None where nothing is.
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
    /// What no plan moves, in each step, in W; what gets a load of its own is taken off.
    load_w: Vec<f64>,
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
            Role::Load | Role::Switch => return Some(self.shed(place)?.into()),
            Role::Battery => self.battery(place, bounds).map(Asset::from),
            Role::Charger => self.vehicle(place, bounds).map(Asset::from),
            Role::HeatPump => self.heat_pump(place, bounds).map(Asset::from),
            Role::Genset => self.genset(place, bounds).map(Asset::from),
        };
        match planned {
            Ok(asset) => Some(asset),
            Err(why) => {
                self.leave_out(asset, why);
                self.goes_on(place).map(Asset::from)
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

    /// What an asset that is left out takes now, for an hour; None where it takes nothing.
    fn goes_on(&self, place: usize) -> Option<Load> {
        let power = self.fresh(place, Measure::Power).filter(|power| *power > 0.0)?;
        let until = self.horizon.start().saturating_add(GOES_ON);
        let takes = self.profile(|step| if self.horizon.starts()[step] < until { power } else { 0.0 });
        Some(Load::new(self.model.assets[place].name.as_str(), takes))
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
