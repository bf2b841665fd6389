//! Time of use: charge while energy is cheap, discharge while it is dear.

use super::calendar::{Hours, local};
use super::checks::{Who, below, each, possible, within};
use super::prices::PriceHistory;
use super::{Actor, Measure, TimeOfUse, View};
use crate::control::{CheckedModel, Proposal, Role, Target};
use crate::error::{Error, Result};
use crate::model::{Name, Span};

impl TimeOfUse {
    pub(super) fn build(&self, who: Who, model: &CheckedModel) -> Result<Box<dyn Actor>> {
        let hours =
            |field, texts: &[String]| texts.iter().map(|text| Hours::parse(field, text)).collect::<Result<Vec<_>>>();
        let (cheap, dear) = (hours("cheap", &self.cheap)?, hours("dear", &self.dear)?);
        if cheap.iter().any(|hours| dear.iter().any(|other| hours.meets(*other))) {
            return Err(Error::invalid("cheap and dear have hours in common, expected none"));
        }
        let price = |field, price: Option<f64>| price.map(|price| within(field, price, -1e3, 1e3)).transpose();
        let quantile = |field, share: Option<f64>| share.map(|share| within(field, share, 0.0, 1.0)).transpose();
        let prices = (price("cheap_below", self.cheap_below)?, price("dear_above", self.dear_above)?);
        let quantiles = (quantile("cheap_quantile", self.cheap_quantile)?, quantile("dear_quantile", self.dear_quantile)?);
        for (lower, upper, values) in
            [("cheap_below", "dear_above", prices), ("cheap_quantile", "dear_quantile", quantiles)]
        {
            values.0.zip(values.1).map_or(Ok(()), |(low, high)| below((lower, low), (upper, high)))?;
        }
        if cheap.is_empty() && dear.is_empty() && [prices.0, prices.1, quantiles.0, quantiles.1].iter().all(Option::is_none)
        {
            return Err(Error::invalid("nothing says when energy is cheap or dear, expected hours, prices or quantiles"));
        }
        within("charge_soc", self.charge_soc, 0.0, 1.0)?;
        below(("discharge_soc", within("discharge_soc", self.discharge_soc, 0.0, 1.0)?), ("charge_soc", self.charge_soc))?;
        let assets = each(model, &self.assets, &[Role::Battery])?;
        for asset in assets.iter().map(|place| &model.assets[*place]) {
            self.charge_w.map_or(Ok(0.0), |power_w| possible("charge_w", power_w, asset))?;
            self.discharge_w.map_or(Ok(0.0), |power_w| possible("-discharge_w", -power_w, asset))?;
        }
        let history = PriceHistory::default();
        Ok(Box::new(Trader { who, settings: self.clone(), assets, cheap, dear, history }))
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Energy {
    Cheap,
    Dear,
    Neither,
}

/// Charges while energy is cheap, gives while it is dear.
struct Trader {
    who: Who,
    settings: TimeOfUse,
    assets: Vec<usize>,
    cheap: Vec<Hours>,
    dear: Vec<Hours>,
    history: PriceHistory,
}

impl Trader {
    /// What energy is now; None where it goes by prices alone and they are not known.
    fn energy(&mut self, view: &View<'_>) -> Option<Energy> {
        let local = local(view)?;
        let holds = |hours: &[Hours]| hours.iter().any(|hours| hours.began(local).is_some());
        let price = view.buy_per_kwh.filter(|price| price.is_finite());
        let (set, history) = (&self.settings, &mut self.history);
        price.inspect(|price| history.note(*price, view.now.wall));
        let quantile = |share: Option<f64>| share.and_then(|share| history.quantile(share));
        let at_most = |bound: Option<f64>| price.zip(bound).is_some_and(|(price, bound)| price <= bound);
        let at_least = |bound: Option<f64>| price.zip(bound).is_some_and(|(price, bound)| price >= bound);
        match () {
            () if holds(&self.cheap) || at_most(set.cheap_below) || at_most(quantile(set.cheap_quantile)) => {
                Some(Energy::Cheap)
            }
            () if holds(&self.dear) || at_least(set.dear_above) || at_least(quantile(set.dear_quantile)) => {
                Some(Energy::Dear)
            }
            () => (price.is_some() || !self.cheap.is_empty() || !self.dear.is_empty()).then_some(Energy::Neither),
        }
    }

    /// What is wished of an asset.
    fn wish(&self, place: usize, energy: Energy, view: &View<'_>) -> Option<Proposal> {
        let (asset, set) = (&view.model.assets[place], &self.settings);
        let target = Target::Asset(asset.name.clone());
        let soc = view.fresh(place, Measure::Soc);
        let gives = asset.low_w < 0.0;
        let most_w = set.charge_w.unwrap_or(f64::INFINITY).min(asset.high_w);
        match energy {
            Energy::Cheap if soc.is_none_or(|soc| soc < set.charge_soc) => {
                Some(self.who.power(&target, most_w, "energy is cheap"))
            }
            Energy::Cheap => Some(self.who.bounds(&target, Some(0.0), None, "energy is cheap, and it is full")),
            Energy::Dear if !gives => Some(self.who.bounds(&target, None, Some(0.0), "energy is dear")),
            Energy::Dear if soc.is_some_and(|soc| soc <= set.discharge_soc) => None,
            Energy::Dear => {
                set.discharge_w.map(|power_w| self.who.power(&target, (-power_w).max(asset.low_w), "energy is dear"))
            }
            Energy::Neither if set.keep && gives => {
                Some(self.who.bounds(&target, Some(0.0), None, "kept for when energy is dear"))
            }
            Energy::Neither => None,
        }
    }
}

impl Actor for Trader {
    fn name(&self) -> &Name {
        &self.who.name
    }

    fn every(&self) -> Span {
        self.who.every
    }

    fn propose(&mut self, view: &View<'_>) -> Vec<Proposal> {
        let Some(energy) = self.energy(view) else { return Vec::new() };
        self.assets.iter().filter_map(|place| self.wish(*place, energy, view)).collect()
    }
}
