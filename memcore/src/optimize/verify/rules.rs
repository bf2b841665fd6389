//! Every rule of a site, part by part.

use super::walk::Walk;
use super::{flows, machines, stores};
use crate::optimize::Asset;

/// Every rule of the site.
pub(super) fn all(walk: &mut Walk<'_>) {
    flows::signs(walk);
    for (part, asset) in walk.checked.assets() {
        match asset {
            Asset::Grid(grid) => flows::grid(walk, part, grid),
            Asset::Pv(source) => flows::source(walk, part, source),
            Asset::Battery(battery) => {
                stores::battery(walk, part, battery);
                machines::battery_reserve(walk, part, battery);
            }
            Asset::Ev(ev) => stores::ev(walk, part, ev),
            Asset::Deferrable(load) => machines::deferrable(walk, part, load),
            Asset::HeatPump(pump) => machines::heat_pump(walk, part, pump),
            Asset::Genset(genset) => machines::genset(walk, part, genset),
            Asset::Load(load) => flows::load(walk, part, load),
        }
    }
    for (place, link) in walk.checked.site.links.iter().enumerate() {
        flows::link(walk, walk.checked.site.assets.len() + place, link);
    }
    flows::balances(walk);
}
