//! Who can give or take power on a bus in each step, cheapest first: the merit order that a store trades against.
//!
//! A bus starts from its lowest state: all export that is possible, nothing used, imported or shed. Every *offer* raises the supply
//! from there: exporting less, using a source, importing, shedding load. Taking them in order of price meets any net demand at the
//! least cost, because each is bounded and none depends on another; what must not go together (import with export of one grid where
//! selling earns more than buying costs) is looked for in the answer instead, see [`storage`](super::storage).

use crate::optimize::checked::Checked;
use crate::optimize::{Asset, Grid, Link, Load, Profile, Site, Source};

use super::curve::SAME_LENGTH;

/// Powers below this (kW: a thousandth of a mW) are rounding.
pub(super) const SAME_KW: f64 = 1e-9;

/// What an offer does. At the same price the earlier comes first: sun is used before export is given up, and export is given up
/// before anything is imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Flow {
    /// A source is used.
    Used,
    /// Less is exported.
    Export,
    /// Energy is imported.
    Import,
    /// Load is shed.
    Shed,
}

/// Power that may be had at a price.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Offer {
    pub(super) flow: Flow,
    /// The asset, by its place in the site.
    pub(super) part: u32,
    pub(super) per_kwh: f64,
    /// What of the price is no money but keeps a demand charge's peak: see [`demand`](super::demand).
    pub(super) surcharge: f64,
    pub(super) kw: f64,
}

/// A step of a market.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Step {
    /// Its offers, as a range.
    pub(super) first: usize,
    pub(super) past: usize,
    /// The supply with no offer taken: minus all export.
    pub(super) lowest_kw: f64,
    /// The demand that must be met before a store does anything: loads less what sources give that cannot be curtailed.
    pub(super) need_kw: f64,
    /// What costs the same whatever is done, for each hour.
    pub(super) fixed_per_h: f64,
    /// Whether the merit order may import and export at once by one meter.
    pub(super) may_mix: bool,
}

/// A threshold of import of a grid in a step, above which each kWh bears a surcharge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Threshold {
    pub(super) grid: usize,
    /// The demand charge that sets it, by its place.
    pub(super) charge: usize,
    pub(super) kw: f64,
    pub(super) per_kwh: f64,
}

/// The most that all else on a bus could take and give in a step, in kW.
#[derive(Debug, Clone, Copy)]
struct Most {
    import: f64,
    export: f64,
}

/// The parts of a site that trade on its one bus.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    pub(super) grids: Vec<(usize, &'a Grid)>,
    pub(super) sources: Vec<(usize, &'a Source)>,
    pub(super) loads: Vec<(usize, &'a Load)>,
    /// A kg of carbon, in money.
    carbon_price_per_kg: f64,
}

impl<'a> Parts<'a> {
    /// The trading parts of a site.
    ///
    /// # Errors
    /// Why the site is not of this shape.
    pub(super) fn of(site: &'a Site) -> Result<Self, String> {
        if let Some(Link { name, .. }) = site.links.first() {
            return Err(format!("link {name} makes it more than one bus"));
        }
        let mut parts = Parts {
            grids: Vec::new(),
            sources: Vec::new(),
            loads: Vec::new(),
            carbon_price_per_kg: site.carbon_price_per_kg,
        };
        for (part, asset) in site.assets.iter().enumerate() {
            match asset {
                Asset::Grid(grid) if grid.quadratic_per_kw2h != 0.0 => {
                    return Err(format!("{} has a quadratic cost", grid.name));
                }
                Asset::Grid(grid) => parts.grids.push((part, grid)),
                Asset::Pv(source) => parts.sources.push((part, source)),
                Asset::Load(load) => parts.loads.push((part, load)),
                Asset::Battery(_) => {}
                other => return Err(format!("{} is of type {}", other.name(), other.kind())),
            }
        }
        Ok(parts)
    }

    /// What a kWh imported costs, carbon included.
    pub(super) fn buy_per_kwh(&self, grid: &Grid, step: usize) -> f64 {
        grid.buy_per_kwh.at(step) + grid.carbon_g_per_kwh.at(step) / 1000.0 * self.carbon_price_per_kg
    }
}

/// The merit orders of all steps, in memory that is used again.
#[derive(Debug, Default)]
pub(super) struct Market {
    pub(super) offers: Vec<Offer>,
    pub(super) steps: Vec<Step>,
}

impl Market {
    /// Forgets all steps.
    pub(super) fn clear(&mut self) {
        self.offers.clear();
        self.steps.clear();
    }

    /// The offers of a step, cheapest first.
    pub(super) fn offers_of(&self, step: usize) -> &[Offer] {
        &self.offers[self.steps[step].first..self.steps[step].past]
    }

    /// Adds the next step; a store on the bus takes and gives at most `store_kw`. Thresholds ascend by power.
    ///
    /// # Errors
    /// Why no best plan exists: a grid sells for less than another buys, both without a limit.
    pub(super) fn add_step(
        &mut self,
        checked: &Checked<'_>,
        parts: &Parts<'_>,
        store_kw: (f64, f64),
        thresholds: &[Threshold],
    ) -> Result<(), String> {
        let at = self.steps.len();
        let first = self.offers.len();
        self.steps.push(Step { first, past: first, ..Step::default() });
        self.add_sources(parts, at);
        self.add_loads(checked, parts, at);
        let offered: f64 = self.offers[first..].iter().map(|offer| offer.kw).sum();
        let need = self.steps[at].need_kw;
        let most = Most { import: (need + store_kw.0).max(0.0), export: (offered + store_kw.1 - need).max(0.0) };
        self.add_grids(parts, at, most, thresholds)?;
        self.steps[at].past = self.offers.len();
        Ok(())
    }

    fn add_sources(&mut self, parts: &Parts<'_>, at: usize) {
        for (part, source) in &parts.sources {
            let kw = source.available_w.at(at).max(0.0) / 1000.0;
            if source.curtailable {
                let per_kwh = source.cost_per_kwh - source.curtailment_per_kwh;
                self.steps[at].fixed_per_h += source.curtailment_per_kwh * kw;
                self.offer(at, Offer { flow: Flow::Used, part: *part as u32, per_kwh, surcharge: 0.0, kw });
            } else {
                self.steps[at].fixed_per_h += source.cost_per_kwh * kw;
                self.steps[at].need_kw -= kw;
            }
        }
    }

    fn add_loads(&mut self, checked: &Checked<'_>, parts: &Parts<'_>, at: usize) {
        for (part, load) in &parts.loads {
            let kw = load.power_w.at(at) / 1000.0;
            self.steps[at].need_kw += kw;
            if let Some((per_kwh, share)) = checked.shedding(load) {
                self.offer(at, Offer { flow: Flow::Shed, part: *part as u32, per_kwh, surcharge: 0.0, kw: kw * share });
            }
        }
    }

    /// A limit that is not there becomes what the step could need at most, given that nobody trades between two grids without end.
    fn add_grids(&mut self, parts: &Parts<'_>, at: usize, most: Most, thresholds: &[Threshold]) -> Result<(), String> {
        self.refuse_endless(parts, at)?;
        let kw = |limit: &Option<Profile>| limit.as_ref().map(|limit| limit.at(at) / 1000.0);
        let given = |grid: &Grid| kw(&grid.import_limit_w).unwrap_or(0.0) + kw(&grid.export_limit_w).unwrap_or(0.0);
        let all = most.import + most.export + parts.grids.iter().map(|(_, grid)| given(grid)).sum::<f64>() + 1.0;
        for (part, grid) in &parts.grids {
            let (mut import, mut export) =
                (kw(&grid.import_limit_w).unwrap_or(all), kw(&grid.export_limit_w).unwrap_or(all));
            let (buy, sell) = (parts.buy_per_kwh(grid, at), grid.sell_per_kwh.at(at));
            // Where one meter sells dearer than it buys, what it would take or give by itself bounds what may be mixed.
            if sell > buy && grid.exclusive {
                self.steps[at].may_mix = true;
                if parts.grids.len() == 1 {
                    (import, export) = (import.min(most.import), export.min(most.export));
                }
            }
            self.steps[at].lowest_kw -= export;
            self.offer(at, Offer { flow: Flow::Export, part: *part as u32, per_kwh: sell, surcharge: 0.0, kw: export });
            self.add_import(
                at,
                Offer { flow: Flow::Import, part: *part as u32, per_kwh: buy, surcharge: 0.0, kw: import },
                thresholds,
            );
        }
        Ok(())
    }

    /// Refuses prices at which buying without a limit and selling without a limit earns.
    fn refuse_endless(&self, parts: &Parts<'_>, at: usize) -> Result<(), String> {
        for (from, bought) in parts.grids.iter().filter(|(_, grid)| grid.import_limit_w.is_none()) {
            for (to, sold) in parts.grids.iter().filter(|(_, grid)| grid.export_limit_w.is_none()) {
                let (buy, sell) = (parts.buy_per_kwh(bought, at), sold.sell_per_kwh.at(at));
                let apart = from == to && bought.exclusive;
                if buy < sell && !apart {
                    let (from, to) = (&bought.name, &sold.name);
                    return Err(format!(
                        "a kWh of {from} for {buy} sold to {to} for {sell}, without a limit, earns without end"
                    ));
                }
            }
        }
        Ok(())
    }

    /// Import up to its limit, dearer from threshold to threshold.
    fn add_import(&mut self, at: usize, whole: Offer, thresholds: &[Threshold]) {
        let (mut from, mut surcharge) = (0.0, 0.0);
        for threshold in thresholds.iter().filter(|threshold| threshold.grid == whole.part as usize) {
            let to = threshold.kw.clamp(from, whole.kw);
            self.offer(at, Offer { per_kwh: whole.per_kwh + surcharge, surcharge, kw: to - from, ..whole });
            from = to;
            surcharge += threshold.per_kwh;
        }
        self.offer(at, Offer { per_kwh: whole.per_kwh + surcharge, surcharge, kw: whole.kw - from, ..whole });
    }

    /// Puts an offer in its place.
    fn offer(&mut self, at: usize, offer: Offer) {
        if offer.kw <= SAME_LENGTH {
            return;
        }
        self.offers.push(offer);
        let offers = &mut self.offers[self.steps[at].first..];
        let after =
            |other: &Offer| other.per_kwh > offer.per_kwh || (other.per_kwh == offer.per_kwh && other.flow > offer.flow);
        let mut place = offers.len() - 1;
        while place > 0 && after(&offers[place - 1]) {
            offers[place] = offers[place - 1];
            place -= 1;
        }
        offers[place] = offer;
    }
}
