//! The grid connection: prices, limits of the circuit at the top, and those from outside.

use super::Making;
use super::bounds::{self, Bounds};
use crate::control::{CheckedAsset, Measure, Role};
use crate::model::Span;
use crate::optimize::{Asset, DemandCharge, Grid, Link, MAIN_BUS, Profile, Reserve, Site};

/// What a kWh counts as where no price is known: any will do, so that a plan buys as little as it can.
const BUY_PER_KWH: f64 = 1.0;
/// A limit from outside is taken to hold for so long from now on; when it ends before or goes on, plans are made anew.
const HOLDS_FOR: Span = Span::from_seconds(3_600);

impl Making<'_> {
    pub(super) fn grid(&mut self, asset: &CheckedAsset) -> Grid {
        let tariff = self.model.model.tariff.clone().unwrap_or_default();
        let given = |expected: &[f64], told: Option<f64>| match expected {
            [] => told.map(Profile::from),
            expected => Some(expected.into()),
        };
        let buy = given(&self.expected.buy_per_kwh, tariff.buy_per_kwh);
        if buy.is_none() {
            self.notices.push("no price of energy is known: every kWh that is bought counts the same".to_owned());
        }
        let mut grid = Grid::new(asset.name.as_str(), buy.unwrap_or(BUY_PER_KWH.into()));
        grid.sell_per_kwh = given(&self.expected.sell_per_kwh, tariff.sell_per_kwh).unwrap_or(0.0.into());
        let (import_w, export_w) = self.connection_w();
        grid.import_limit_w = import_w.is_finite().then(|| import_w.into());
        grid.export_limit_w = export_w.is_finite().then(|| export_w.into());
        if let Some(per_kw) = tariff.demand_per_kw {
            let mut charge = DemandCharge::new(per_kw);
            charge.interval = Some(tariff.demand_interval.unwrap_or(Span::from_seconds(900)));
            charge.peak_so_far_w = self.expected.peak_so_far_w;
            grid.demand_charges = vec![charge];
        }
        grid
    }

    /// The most in and the most out at the grid connection, in W; nothing while the grid is gone.
    fn connection_w(&self) -> (f64, f64) {
        if self.islanded() {
            return (0.0, 0.0);
        }
        let tops = (0..self.model.circuits.len()).filter(|circuit| bounds::measured_by_grid(self.model, *circuit));
        let limits = tops.map(|circuit| bounds::limits_w(self.model, circuit));
        // Circuits side by side at the top add up, where each has a limit.
        limits.reduce(|all, next| (all.0 + next.0, all.1 + next.1)).unwrap_or((f64::INFINITY, f64::INFINITY))
    }

    /// Keeps the limits from outside that hold now: of the grid connection, or of the sum of some assets.
    pub(super) fn limited_from_outside(&mut self, site: &mut Site) {
        for place in 0..self.model.externals.len() {
            let Some((limit_w, until)) = self.external_w(place) else { continue };
            let limit = |step: usize| if self.horizon.starts()[step] < until { limit_w } else { f64::INFINITY };
            let members = &self.model.externals[place].members;
            let names =
                |asset: &Asset| members.iter().any(|member| self.model.assets[*member].name.as_str() == asset.name());
            if members.is_empty() {
                for asset in &mut site.assets {
                    let Asset::Grid(grid) = asset else { continue };
                    let import = grid.import_limit_w.take();
                    let of = |step| limit(step).min(import.as_ref().map_or(1e9, |import| import.at(step)));
                    grid.import_limit_w = Some(self.profile(of));
                }
            } else if Bounds::is_one_bus(site) {
                let name = self.model.externals[place].name.as_str();
                let bus = format!("limited by {name}");
                let mut found = false;
                for asset in site.assets.iter_mut().filter(|asset| names(asset)) {
                    bounds::put_on(asset, bus.clone());
                    found = true;
                }
                if found {
                    let mut link = Link::new(name, MAIN_BUS, bus, self.profile(|step| limit(step).min(1e9)));
                    link.reverse_limit_w = Some(1e9.into());
                    link.exclusive = false;
                    site.links.push(link);
                    bounds::drop_loose_links(site);
                }
            } else {
                let text = format!("the limit of {} is kept by control alone", self.model.externals[place].name);
                self.notices.push(text);
            }
        }
    }

    /// The limit that holds now, in W, and until when it is taken to; None where none does.
    fn external_w(&self, place: usize) -> Option<(f64, crate::model::Timestamp)> {
        let external = &self.model.externals[place];
        let start = self.horizon.start();
        let Some(signal) = self.fresh(place, Measure::External) else {
            let holds = HOLDS_FOR.max(Span::from(external.min_duration));
            return Some((external.failsafe_w, start.saturating_add(holds)));
        };
        let limit_w = match external.limit_w {
            Some(limit_w) => (signal > 0.5).then_some(limit_w)?,
            None => signal.max(0.0),
        };
        Some((limit_w, start.saturating_add(HOLDS_FOR)))
    }

    /// The power that must stay ready on an island, in W; zero while the grid is there.
    pub(super) fn reserve_w(&self) -> f64 {
        let alone = self.islanded() || self.model.grid.is_none();
        self.model.model.island.as_ref().filter(|_| alone).map_or(0.0, |island| island.reserve_w)
    }

    /// The reserve of an island without batteries. With them it is theirs: their power and energy are kept back, which leaves the site to
    /// the exact engines.
    pub(super) fn reserve(&self) -> Option<Reserve> {
        let kept_by_batteries = self.reserve_power_w() > 0.0;
        let reserve_w = self.reserve_w();
        (reserve_w > 0.0 && !kept_by_batteries).then(|| Reserve { up_w: reserve_w.into(), ..Reserve::default() })
    }

    /// The power of all batteries that a reserve is shared among, in W.
    pub(super) fn reserve_power_w(&self) -> f64 {
        let batteries = (0..self.model.assets.len()).filter(|place| bounds::is_moved(self.model, *place));
        let batteries = batteries.map(|place| &self.model.assets[place]).filter(|asset| asset.role == Role::Battery);
        batteries.map(|asset| -asset.low_w).sum()
    }
}
