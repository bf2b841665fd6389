//! What a site must say, checked once: every field that is missing, out of its range or of the wrong length is refused by name.
//!
//! The check of a home of 96 steps takes about a microsecond: it reads every profile once and copies none.

mod assets;
mod field;
mod notices;
#[cfg(test)]
mod tests;

use self::field::{Allowed, Fields};
use super::checked::Checked;
use super::{Asset, Horizon, Link, Profile, Site};
use crate::error::{Error, Result};
use crate::model::Span;

pub(in crate::optimize) use notices::clamped;

impl Site {
    /// Checks every field, and says what was changed or assumed: run times rounded up, forecasts clamped, numbers that look like kW
    /// where W is meant.
    ///
    /// # Errors
    /// Invalid, naming the asset, the field, the value and what was expected.
    pub fn check(&self) -> Result<Vec<String>> {
        Ok(self.checked()?.notices)
    }

    /// A site that passed every check.
    pub(in crate::optimize) fn checked(&self) -> Result<Checked<'_>> {
        if self.assets.is_empty() {
            return Err(Error::invalid("the site has no asset, expected at least one"));
        }
        names(self)?;
        for asset in &self.assets {
            assets::asset(Fields { horizon: &self.horizon, owner: asset.name() }, asset)?;
        }
        let buses = self.buses();
        for link in &self.links {
            let fields = Fields { horizon: &self.horizon, owner: &link.name };
            assets::link(fields, link)?;
            ends(self, fields, link)?;
        }
        wishes(self)?;
        let place = |bus: &str| buses.iter().position(|other| *other == bus).unwrap_or(0);
        let bus_of = self.assets.iter().map(|asset| place(asset.bus())).collect();
        let shortage_per_kwh = shortage_per_kwh(self);
        let hours = self.horizon.step_hours();
        let mut checked = Checked { site: self, hours, buses, bus_of, shortage_per_kwh, notices: Vec::new() };
        checked.notices = notices::notices(&checked);
        Ok(checked)
    }
}

/// Every name is there, and there once.
fn names(site: &Site) -> Result<()> {
    let mut seen: Vec<&str> =
        site.assets.iter().map(Asset::name).chain(site.links.iter().map(|link| &link.name[..])).collect();
    for (place, name) in seen.iter().enumerate() {
        if name.is_empty() || name.trim().len() != name.len() {
            let (what, place) = match place.checked_sub(site.assets.len()) {
                None => (site.assets[place].kind(), place),
                Some(place) => ("link", place),
            };
            return Err(Error::invalid(format!(
                "the name of {what} {place} is {name:?}, expected some text without spaces around it"
            )));
        }
    }
    seen.sort_unstable();
    match seen.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(Error::invalid(format!("the name {:?} is there twice, expected each once", pair[0]))),
        None => Ok(()),
    }
}

/// A link goes from one bus to another, and each has something else on it.
fn ends(site: &Site, fields: Fields<'_>, link: &Link) -> Result<()> {
    if link.from == link.to {
        return Err(fields.refused("to", format_args!("is {:?}, expected another bus than `from`", link.to)));
    }
    for (field, bus) in [("from", &link.from), ("to", &link.to)] {
        let elsewhere = site.links.iter().filter(|other| other.from == *bus || other.to == *bus).count() > 1;
        if !elsewhere && !site.assets.iter().any(|asset| asset.bus() == bus) {
            return Err(fields.refused(field, format_args!("is {bus:?}, but nothing else is on a bus of that name")));
        }
    }
    Ok(())
}

/// What beside money is wanted: reserve, smoothness, staying with a plan, prices of carbon and of shortage.
fn wishes(site: &Site) -> Result<()> {
    let fields = Fields { horizon: &site.horizon, owner: "" };
    fields.optional("shortage_per_kwh", site.shortage_per_kwh, Allowed::ZeroOrAbove)?;
    fields.number("carbon_price_per_kg", site.carbon_price_per_kg, Allowed::ZeroOrAbove)?;
    let known = |field: &str, name: &str| match site.assets.iter().any(|asset| asset.name() == name) {
        true => Ok(()),
        false => Err(fields.refused(field, format_args!("is {name:?}, expected the name of an asset"))),
    };
    for wish in &site.smoothness {
        known("smoothness.asset", &wish.asset)?;
        fields.number("smoothness.per_kw", wish.per_kw, Allowed::ZeroOrAbove)?;
    }
    if let Some(stay) = &site.stay {
        fields.number("stay.per_kwh", stay.per_kwh, Allowed::ZeroOrAbove)?;
        for previous in &stay.previous {
            known("stay.previous.asset", &previous.asset)?;
            if previous.power_w.len() > site.horizon.len() {
                fields.length("stay.previous.power_w", previous.power_w.len())?;
            }
            previous.power_w.iter().try_for_each(|power| fields.optional("stay.previous.power_w", *power, Allowed::Any))?;
        }
    }
    let Some(reserve) = &site.reserve else { return Ok(()) };
    fields.profile("reserve.up_w", &reserve.up_w, Allowed::ZeroOrAbove)?;
    let shares = [("reserve.share_of_load", reserve.share_of_load), ("reserve.share_of_sources", reserve.share_of_sources)];
    fields.numbers(&shares, Allowed::Share)?;
    fields.span("reserve.duration", reserve.duration)?;
    fields.optional("reserve.shortfall_per_kwh", reserve.shortfall_per_kwh, Allowed::ZeroOrAbove)
}

/// What a kWh costs that was asked for and is missing, where nothing else says.
pub(in crate::optimize) fn shortage_per_kwh(site: &Site) -> f64 {
    site.shortage_per_kwh.unwrap_or_else(|| (100.0 * highest_price(site)).max(1.0))
}

/// The highest price of energy at the site, whatever its sign.
fn highest_price(site: &Site) -> f64 {
    let highest = |profile: &Profile| {
        let (least, most) = profile.extremes();
        most.max(-least).max(0.0)
    };
    let of_asset = |asset: &Asset| match asset {
        Asset::Grid(grid) => highest(&grid.buy_per_kwh).max(highest(&grid.sell_per_kwh)),
        Asset::Genset(genset) => genset.marginal_per_kwh.abs(),
        Asset::Load(load) => load.value_of_lost_load_per_kwh.unwrap_or(0.0),
        _ => 0.0,
    };
    site.assets.iter().map(of_asset).fold(0.0, f64::max)
}

/// The length of every step, where it is the same.
pub(in crate::optimize) fn even_step(horizon: &Horizon) -> Option<Span> {
    let borders = horizon.borders();
    let step = borders[1].since(borders[0]);
    borders.windows(2).all(|pair| pair[1].since(pair[0]) == step).then_some(step)
}

/// How many whole steps cover a length.
fn whole_steps(length: Span, step: Span) -> i64 {
    length.as_micros().saturating_add(step.as_micros() - 1).div_euclid(step.as_micros())
}
