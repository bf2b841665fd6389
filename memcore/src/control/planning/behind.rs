//! Links without losses that lead outwards from the main bus, as limits of what lies behind them: of a store in its turn, less what the
//! others there take.

use crate::optimize::{Asset, Charging, Link, MAIN_BUS, Profile, Quantity, Schedule, Site};

/// For each asset of a site, the links between it and the main bus.
pub(super) struct Behind {
    links: Vec<Link>,
    above: Vec<Vec<usize>>,
}

impl Behind {
    /// None where a link has losses or costs, or where the links are no tree that grows from the main bus.
    pub(super) fn of(site: &Site) -> Option<Self> {
        let plain = |link: &Link| link.efficiency == 1.0 && link.cost_per_kwh == 0.0;
        let is_grid = |asset: &&Asset| matches!(asset, Asset::Grid(_));
        if !site.links.iter().all(plain) || site.assets.iter().filter(is_grid).any(|grid| grid.bus() != MAIN_BUS) {
            return None;
        }
        let above = site.assets.iter().map(|asset| above(&site.links, asset.bus())).collect::<Option<_>>()?;
        Some(Self { links: site.links.clone(), above })
    }

    /// The site with all of its assets on the main bus.
    pub(super) fn flat(site: &Site) -> Site {
        let mut flat = site.clone();
        flat.links.clear();
        flat.assets.iter_mut().for_each(|asset| super::derive::put_on(asset, MAIN_BUS.to_owned()));
        flat
    }

    /// Limits a store to what the links above it leave; false where it cannot run with that. `store` is it, at `place` of the site;
    /// the schedule has what was planned before.
    pub(super) fn limit(&self, store: &mut Asset, place: usize, site: &Site, planned: &Schedule) -> bool {
        if self.above[place].is_empty() {
            return true;
        }
        let left = |step: usize| {
            let left = |link: &usize| self.links[*link].limit_w.at(step) - self.taken(*link, site, planned, step);
            self.above[place].iter().map(left).fold(f64::INFINITY, f64::min).max(0.0)
        };
        let left: Vec<f64> = (0..site.horizon.len()).map(left).collect();
        match store {
            Asset::Battery(battery) => {
                let most = |(step, left): (usize, &f64)| left.min(battery.charge_limit_w.at(step));
                battery.charge_limit_w = Profile::Steps(left.iter().enumerate().map(most).collect());
                true
            }
            Asset::Ev(ev) => {
                // It has one limit for all of its time, and so the least.
                let there =
                    ev.sessions.iter().flat_map(|session| site.horizon.steps_within(session.arrival, session.departure));
                let least = there.map(|step| left[step]).fold(f64::INFINITY, f64::min);
                match &mut ev.charging {
                    Charging::Power { min_w, max_w } => {
                        *max_w = max_w.min(least);
                        *min_w <= *max_w
                    }
                    Charging::Current { .. } => ev.charging.bands_w().iter().all(|band| band.1 <= least),
                }
            }
            _ => true,
        }
    }

    /// What loads and those planned before take behind a link.
    fn taken(&self, link: usize, site: &Site, planned: &Schedule, step: usize) -> f64 {
        let behind = (0..site.assets.len()).filter(|place| self.above[*place].contains(&link));
        let takes = |place: usize| match &site.assets[place] {
            Asset::Load(load) => load.power_w.at(step),
            Asset::Battery(_) | Asset::Ev(_) => planned.net_power(place, step).max(0.0),
            _ => 0.0,
        };
        behind.map(takes).sum()
    }

    /// Writes what flows over the links, by what was planned behind them.
    pub(super) fn write_flows(&self, schedule: &mut Schedule) {
        let assets = self.above.len();
        for link in 0..self.links.len() {
            for step in 0..schedule.steps() {
                let behind = (0..assets).filter(|place| self.above[*place].contains(&link));
                let power_w: f64 = behind.map(|place| schedule.net_power(place, step)).sum();
                schedule.column_mut(assets + link, Quantity::Forward)[step] = power_w.max(0.0);
                schedule.column_mut(assets + link, Quantity::Reverse)[step] = (-power_w).max(0.0);
            }
        }
    }
}

/// The links from a bus up to the main one; None where they do not lead there.
fn above(links: &[Link], bus: &str) -> Option<Vec<usize>> {
    let (mut above, mut bus) = (Vec::new(), bus);
    while bus != MAIN_BUS {
        let mut into = (0..links.len()).filter(|link| links[*link].to == bus);
        let link = into.next().filter(|link| into.next().is_none() && !above.contains(link))?;
        above.push(link);
        bus = &links[link].from;
    }
    Some(above)
}
