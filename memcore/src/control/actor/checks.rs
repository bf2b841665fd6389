//! What the strategies have in common: who wishes, for whom, and settings that make sense.

use std::time::Duration;

use super::StrategyConfig;
use crate::control::{CheckedAsset, CheckedModel, Measure, Priority, Proposal, Role, Target};
use crate::error::{Error, Result};
use crate::model::{Name, Span};

/// Who wishes, how urgently, how often and for how long.
#[derive(Debug, Clone)]
pub(super) struct Who {
    pub(super) name: Name,
    pub(super) every: Span,
    /// Three of its periods: a strategy that hangs has no wish after that.
    pub(super) valid_for: Span,
    priority: Priority,
}

impl Who {
    pub(super) fn new(config: &StrategyConfig, model: &CheckedModel) -> Result<Self> {
        let every = config.every.unwrap_or_default();
        if every < Span::default() || every > Span::from_seconds(3_600) {
            return Err(Error::invalid(format!("every is {every}, expected 0s to 1h")));
        }
        let valid_for = Span::from_micros(every.max(model.model.tick).as_micros() * 3);
        Ok(Self { name: config.name(), every, valid_for, priority: config.priority() })
    }

    /// A wish for an exact power.
    pub(super) fn power(&self, target: &Target, power_w: f64, reason: impl Into<String>) -> Proposal {
        let wish = Proposal::power(self.name.clone(), target.clone(), power_w, self.priority, reason);
        wish.valid_for(self.valid_for)
    }

    /// A wish for bounds.
    pub(super) fn bounds(
        &self,
        target: &Target,
        low_w: Option<f64>,
        high_w: Option<f64>,
        reason: impl Into<String>,
    ) -> Proposal {
        let wish = Proposal::bounds(self.name.clone(), target.clone(), low_w, high_w, self.priority, reason);
        wish.valid_for(self.valid_for)
    }
}

/// Assets that are wished for together, and how they are called together.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Together {
    pub(super) target: Target,
    pub(super) members: Vec<usize>,
}

impl Together {
    /// One asset, or a group; all of a role where neither is named.
    pub(super) fn new(model: &CheckedModel, asset: Option<&Name>, group: Option<&Name>, role: Role) -> Result<Self> {
        let members = match (asset, group) {
            (Some(_), Some(group)) => {
                return Err(Error::invalid(format!("group is {group}, expected either an asset or a group")));
            }
            (Some(asset), None) => vec![controlled(model, asset)?],
            (None, Some(name)) => {
                let found = model.groups.iter().find(|group| group.name == *name);
                let group =
                    found.ok_or_else(|| Error::invalid(format!("group is {name}, expected a group of the site")))?;
                group.members.clone()
            }
            (None, None) => controlled_of(model, &[role]),
        };
        let target = match (&members[..], group) {
            ([], _) => return Err(Error::invalid(format!("the site has no controlled {role}, expected one"))),
            (_, Some(group)) => Target::Group(group.clone()),
            ([one], _) => Target::Asset(model.assets[*one].name.clone()),
            _ => Target::Role(role),
        };
        Ok(Self { target, members })
    }

    /// The lowest and the highest power of all of them, in W.
    pub(super) fn range_w(&self, model: &CheckedModel) -> (f64, f64) {
        let assets = || self.members.iter().map(|place| &model.assets[*place]);
        (assets().map(|asset| asset.low_w).sum(), assets().map(|asset| asset.high_w).sum())
    }

    /// A power without what is too little to be meant.
    pub(super) fn no_crumbs(&self, model: &CheckedModel, power_w: f64) -> f64 {
        let (low_w, high_w) = self.range_w(model);
        let least_w = self.members.iter().map(|place| model.assets[*place].least_w).fold(f64::INFINITY, f64::min);
        no_crumbs(power_w, low_w, high_w, least_w)
    }
}

/// The place of an asset that takes a setpoint.
pub(super) fn controlled(model: &CheckedModel, name: &Name) -> Result<usize> {
    let place = model.place(name.as_str());
    let place = place.ok_or_else(|| Error::invalid(format!("asset is {name}, expected an asset of the site")))?;
    match &model.assets[place].setpoint {
        Some(_) => Ok(place),
        None => Err(Error::invalid(format!("asset is {name}, expected one with a setpoint"))),
    }
}

/// The places of the assets of some roles that take setpoints.
pub(super) fn controlled_of(model: &CheckedModel, roles: &[Role]) -> Vec<usize> {
    let assets = model.assets.iter().enumerate();
    let these = assets.filter(|(_, asset)| asset.setpoint.is_some() && roles.contains(&asset.role));
    these.map(|(place, _)| place).collect()
}

/// The places of those assets; of all controlled ones of some roles where none are named.
pub(super) fn each(model: &CheckedModel, names: &[Name], roles: &[Role]) -> Result<Vec<usize>> {
    let places = match names {
        [] => controlled_of(model, roles),
        names => names.iter().map(|name| controlled(model, name)).collect::<Result<_>>()?,
    };
    if places.is_empty() {
        return Err(Error::invalid("assets is empty, expected an asset with a setpoint"));
    }
    Ok(places)
}

/// A controlled asset of a role: that of the name, or the only one.
pub(super) fn the_one(model: &CheckedModel, name: Option<&Name>, role: Role) -> Result<usize> {
    let place = match (name, &controlled_of(model, &[role])[..]) {
        (Some(name), _) => controlled(model, name)?,
        (None, [only]) => *only,
        (None, all) => {
            return Err(Error::invalid(format!(
                "asset is not given, and the site has {} of role {role}, expected one",
                all.len()
            )));
        }
    };
    let asset = &model.assets[place];
    if asset.role == role {
        return Ok(place);
    }
    Err(Error::invalid(format!("asset is {}, a {}, expected a {role}", asset.name, asset.role)))
}

/// A number within a range.
pub(super) fn within(field: &str, value: f64, low: f64, high: f64) -> Result<f64> {
    if (low..=high).contains(&value) {
        return Ok(value);
    }
    Err(Error::invalid(format!("{field} is {value}, expected {low} to {high}")))
}

/// A power of the site: 0, or so much that it is not meant in kW.
pub(super) fn in_watts(field: &str, value: f64) -> Result<f64> {
    match watts(field, value)? {
        value if value > 0.0 && value < 25.0 => Err(Error::invalid(format!("{field} is {value}, expected W and not kW"))),
        value => Ok(value),
    }
}

/// A power that an asset can have, in W, passive sign.
pub(super) fn possible(field: &str, value: f64, asset: &CheckedAsset) -> Result<f64> {
    let (low_w, high_w, name) = (asset.low_w, asset.high_w, &asset.name);
    let possible = (low_w..=high_w).contains(&value) && no_crumbs(value, low_w, high_w, asset.least_w) == value;
    if possible {
        Ok(value)
    } else {
        Err(Error::invalid(format!("{field} is {value}, expected {low_w} to {high_w} W as {name} can")))
    }
}

/// A power without what is too little to be meant: a thousandth of what is possible, a hundredth of the least.
pub(super) fn no_crumbs(power_w: f64, low_w: f64, high_w: f64, least_w: f64) -> f64 {
    let side_w = if power_w > 0.0 { high_w } else { -low_w };
    let crumb_w = 1.01 * if least_w > 0.0 { 0.01 * least_w } else { 0.001 * side_w };
    if power_w.abs() <= crumb_w { 0.0 } else { power_w }
}

/// A number of W that a site can have.
pub(super) fn watts(field: &str, value: f64) -> Result<f64> {
    within(field, value, 0.0, 1e9)
}

/// One number below another.
pub(super) fn below((field, value): (&str, f64), (other, bound): (&str, f64)) -> Result<()> {
    if value < bound {
        return Ok(());
    }
    Err(Error::invalid(format!("{field} is {value}, expected less than {other}, which is {bound}")))
}

/// A length of time up to a day.
pub(super) fn length(field: &str, span: Span) -> Result<Duration> {
    if span >= Span::default() && span <= Span::from_seconds(86_400) {
        return Ok(span.to_duration());
    }
    Err(Error::invalid(format!("{field} is {span}, expected 0s to 1d")))
}

/// That the site has a grid meter.
pub(super) fn grid_meter(model: &CheckedModel) -> Result<usize> {
    model.grid.ok_or_else(|| Error::invalid("the site has no grid meter, expected an asset of role grid_meter"))
}

/// The asset that measures frequency or voltage: that of the name, or the first.
pub(super) fn measures(model: &CheckedModel, name: Option<&Name>, measure: Measure) -> Result<usize> {
    let has = |place: usize| {
        let asset = &model.assets[place].described;
        if measure == Measure::Voltage { asset.voltage.is_some() } else { asset.frequency.is_some() }
    };
    let mut all = (0..model.assets.len()).filter(|place| has(*place));
    let found = match name {
        Some(name) => all.find(|place| model.assets[*place].name == *name),
        None => all.next(),
    };
    let named = name.map_or("not given".to_owned(), |name| format!("{name}"));
    found.ok_or_else(|| Error::invalid(format!("meter is {named}, expected an asset with a channel of its {measure:?}")))
}
