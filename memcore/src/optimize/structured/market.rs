//! Who can give or take power on a bus in each step, cheapest first: the merit order that a store trades against.
//!
//! A bus starts from its lowest state: all export that is possible, nothing used, imported or shed. Every *offer* raises the supply
//! from there: exporting less, using a source, importing, shedding load. Taking them in order of price meets any net demand at the
//! least cost, because each is bounded and none depends on another; what must not go together (import with export of one grid where
//! selling earns more than buying costs) is looked for in the answer instead, see [`storage`](super::storage).

use crate::optimize::checked::Checked;
use crate::optimize::{Asset, Grid, Link, Load, Profile, Source};

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

impl Offer {
    #[inline]
    fn before(&self, other: &Self) -> bool {
        self.per_kwh < other.per_kwh || (self.per_kwh == other.per_kwh && self.flow < other.flow)
    }
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
    /// The cost of an hour with no offer taken, in which all export earns.
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
    /// For each load, what a kWh shed costs and the share that may be shed; None where it must be served.
    shedding: Vec<Option<(f64, f64)>>,
    /// A kg of carbon, in money.
    carbon_price_per_kg: f64,
}

impl<'a> Parts<'a> {
    /// The trading parts of a site.
    ///
    /// # Errors
    /// Why the site is not of this shape.
    pub(super) fn of(checked: &Checked<'a>) -> Result<Self, String> {
        let site = checked.site;
        if let Some(Link { name, .. }) = site.links.first() {
            return Err(format!("link {name} makes it more than one bus"));
        }
        let mut parts = Parts {
            grids: Vec::new(),
            sources: Vec::new(),
            loads: Vec::new(),
            shedding: Vec::new(),
            carbon_price_per_kg: site.carbon_price_per_kg,
        };
        for (part, asset) in site.assets.iter().enumerate() {
            match asset {
                Asset::Grid(grid) if grid.quadratic_per_kw2h != 0.0 => {
                    return Err(format!("{} has a quadratic cost", grid.name));
                }
                Asset::Grid(grid) => parts.grids.push((part, grid)),
                Asset::Pv(source) => parts.sources.push((part, source)),
                Asset::Load(load) => {
                    parts.loads.push((part, load));
                    parts.shedding.push(checked.shedding(load));
                }
                Asset::Battery(_) => {}
                other => return Err(format!("{} is of type {}", other.name(), other.kind())),
            }
        }
        Ok(parts)
    }

    /// What a kWh imported costs, carbon included.
    pub(super) fn buy_per_kwh(&self, grid: &Grid, step: usize) -> f64 {
        let energy = grid.buy_per_kwh.at(step);
        if self.carbon_price_per_kg == 0.0 {
            return energy;
        }
        energy + grid.carbon_g_per_kwh.at(step) / 1000.0 * self.carbon_price_per_kg
    }

    /// Refuses prices at which a kWh of a grid without a limit may be sold for more, without a limit.
    fn refuse_endless(&self, at: usize, (from, buy): (&Grid, f64)) -> Result<(), String> {
        if from.import_limit_w.is_some() {
            return Ok(());
        }
        for (_, to) in self.grids.iter().filter(|(_, to)| to.export_limit_w.is_none()) {
            let (sell, apart) = (to.sell_per_kwh.at(at), std::ptr::eq(*to, from) && from.exclusive);
            if buy < sell && !apart {
                let (from, to) = (&from.name, &to.name);
                return Err(format!(
                    "a kWh of {from} for {buy} sold to {to} for {sell}, without a limit, earns without end"
                ));
            }
        }
        Ok(())
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
        parts: &Parts<'_>,
        store_kw: (f64, f64),
        thresholds: &[Threshold],
    ) -> Result<(), String> {
        let at = self.steps.len();
        let first = self.offers.len();
        let mut step = Step { first, past: first, ..Step::default() };
        self.add_sources(parts, at, &mut step);
        self.add_loads(parts, at, &mut step);
        let offered: f64 = self.offers[first..].iter().map(|offer| offer.kw).sum();
        let need = step.need_kw;
        let most = Most { import: (need + store_kw.0).max(0.0), export: (offered + store_kw.1 - need).max(0.0) };
        self.add_grids(parts, at, &mut step, most, thresholds)?;
        step.past = self.offers.len();
        sort(&mut self.offers[first..]);
        self.steps.push(step);
        Ok(())
    }

    #[inline]
    fn add_sources(&mut self, parts: &Parts<'_>, at: usize, step: &mut Step) {
        for (part, source) in &parts.sources {
            let kw = source.available_w.at(at).max(0.0) / 1000.0;
            if source.curtailable {
                let per_kwh = source.cost_per_kwh - source.curtailment_per_kwh;
                step.fixed_per_h += source.curtailment_per_kwh * kw;
                self.offer(Offer { flow: Flow::Used, part: *part as u32, per_kwh, surcharge: 0.0, kw });
            } else {
                step.fixed_per_h += source.cost_per_kwh * kw;
                step.need_kw -= kw;
            }
        }
    }

    #[inline]
    fn add_loads(&mut self, parts: &Parts<'_>, at: usize, step: &mut Step) {
        for ((part, load), shedding) in parts.loads.iter().zip(&parts.shedding) {
            let kw = load.power_w.at(at) / 1000.0;
            step.need_kw += kw;
            if let Some((per_kwh, share)) = *shedding {
                self.offer(Offer { flow: Flow::Shed, part: *part as u32, per_kwh, surcharge: 0.0, kw: kw * share });
            }
        }
    }

    /// A limit that is not there becomes what the step could need at most, given that nobody trades between two grids without end.
    /// So does one that is higher: a single meter never needs more, unless it passes energy on.
    #[inline]
    fn add_grids(
        &mut self,
        parts: &Parts<'_>,
        at: usize,
        step: &mut Step,
        most: Most,
        thresholds: &[Threshold],
    ) -> Result<(), String> {
        let kw = |limit: &Option<Profile>| limit.as_ref().map_or(f64::INFINITY, |limit| limit.at(at) / 1000.0);
        let alone = parts.grids.len() == 1;
        let mut all = most.import + most.export + 1.0;
        if !alone {
            let limits = parts.grids.iter().flat_map(|(_, grid)| [kw(&grid.import_limit_w), kw(&grid.export_limit_w)]);
            all += limits.filter(|limit| limit.is_finite()).sum::<f64>();
        }
        for (part, grid) in &parts.grids {
            let (buy, sell) = (parts.buy_per_kwh(grid, at), grid.sell_per_kwh.at(at));
            if sell > buy {
                step.may_mix |= grid.exclusive;
            }
            if !alone || (sell > buy && !grid.exclusive) {
                parts.refuse_endless(at, (grid, buy))?;
            }
            let (import, export) = (kw(&grid.import_limit_w), kw(&grid.export_limit_w));
            let most = match (alone, sell > buy, grid.exclusive) {
                (true, false, _) => Most { import: most.import + 1.0, export: most.export + 1.0 },
                // Where selling earns more, what would be taken or given without the other bounds what may be mixed.
                (true, true, true) => most,
                (true, true, false) => Most { import: most.import + export, export: most.export + import },
                (false, _, _) => Most { import: all, export: all },
            };
            let (import, export) = (import.min(most.import), export.min(most.export));
            step.lowest_kw -= export;
            step.fixed_per_h -= sell * export;
            let part = *part as u32;
            self.offer(Offer { flow: Flow::Export, part, per_kwh: sell, surcharge: 0.0, kw: export });
            self.add_import(Offer { flow: Flow::Import, part, per_kwh: buy, surcharge: 0.0, kw: import }, thresholds);
        }
        Ok(())
    }

    /// Import up to its limit, dearer from threshold to threshold.
    #[inline]
    fn add_import(&mut self, whole: Offer, thresholds: &[Threshold]) {
        let (mut from, mut surcharge) = (0.0, 0.0);
        for threshold in thresholds.iter().filter(|threshold| threshold.grid == whole.part as usize) {
            let to = threshold.kw.clamp(from, whole.kw);
            self.offer(Offer { per_kwh: whole.per_kwh + surcharge, surcharge, kw: to - from, ..whole });
            from = to;
            surcharge += threshold.per_kwh;
        }
        self.offer(Offer { per_kwh: whole.per_kwh + surcharge, surcharge, kw: whole.kw - from, ..whole });
    }

    #[inline]
    fn offer(&mut self, offer: Offer) {
        if offer.kw > SAME_LENGTH {
            self.offers.push(offer);
        }
    }
}

/// Sorts a few offers, mostly in order already, by price; at the same price by what they do, and as they were.
#[inline]
fn sort(offers: &mut [Offer]) {
    for unsorted in 1..offers.len() {
        let mut place = unsorted;
        while place > 0 && offers[place].before(&offers[place - 1]) {
            offers.swap(place, place - 1);
            place -= 1;
        }
    }
}
