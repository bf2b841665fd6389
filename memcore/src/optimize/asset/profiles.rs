//! Every profile that an asset or link holds, by the name of its field, for whoever cuts, fills or reads them all alike.

use super::super::Profile;
use super::{Asset, Heat, Link};

/// Lists the profiles of an asset and of a link, once for reading and once for changing them; always in the same order.
macro_rules! profiles {
    ($of_asset:ident, $of_link:ident, $each:ident $(, $mutable:tt)?) => {
        impl Asset {
            /// Its profiles by the names of their fields; those that are not given are left out.
            pub(in crate::optimize) fn $of_asset(&$($mutable)? self) -> Vec<(&'static str, &$($mutable)? Profile)> {
                let mut found = Vec::with_capacity(8);
                match self {
                    Self::Grid(grid) => {
                        found.push(("buy_per_kwh", &$($mutable)? grid.buy_per_kwh));
                        found.push(("sell_per_kwh", &$($mutable)? grid.sell_per_kwh));
                        found.push(("carbon_g_per_kwh", &$($mutable)? grid.carbon_g_per_kwh));
                        found.extend(grid.import_limit_w.$each().map(|profile| ("import_limit_w", profile)));
                        found.extend(grid.export_limit_w.$each().map(|profile| ("export_limit_w", profile)));
                        let charges = grid.demand_charges.$each();
                        found.extend(charges.filter_map(|charge| Some(("applies", charge.applies.$each().next()?))));
                    }
                    Self::Pv(source) => found.push(("available_w", &$($mutable)? source.available_w)),
                    Self::Battery(battery) => {
                        found.push(("charge_limit_w", &$($mutable)? battery.charge_limit_w));
                        found.push(("discharge_limit_w", &$($mutable)? battery.discharge_limit_w));
                        found.push(("min_wh", &$($mutable)? battery.min_wh));
                        found.extend(battery.max_wh.$each().map(|profile| ("max_wh", profile)));
                        found.extend(battery.preferred_min_wh.$each().map(|profile| ("preferred_min_wh", profile)));
                        found.extend(battery.preferred_max_wh.$each().map(|profile| ("preferred_max_wh", profile)));
                    }
                    Self::HeatPump(pump) => {
                        found.push(("max_w", &$($mutable)? pump.max_w));
                        found.push(("cop", &$($mutable)? pump.cop));
                        match &$($mutable)? pump.heat {
                            Heat::Tank(tank) => {
                                found.push(("demand_w", &$($mutable)? tank.demand_w));
                                found.push(("min_wh", &$($mutable)? tank.min_wh));
                            }
                            Heat::Building(building) => {
                                found.push(("outdoor_c", &$($mutable)? building.outdoor_c));
                                found.push(("gains_w", &$($mutable)? building.gains_w));
                                found.push(("comfort_min_c", &$($mutable)? building.comfort_min_c));
                                let warmest = building.comfort_max_c.$each();
                                found.extend(warmest.map(|profile| ("comfort_max_c", profile)));
                            }
                        }
                    }
                    Self::Genset(genset) => {
                        found.extend(genset.available.$each().map(|profile| ("available", profile)));
                    }
                    Self::Load(load) => found.push(("power_w", &$($mutable)? load.power_w)),
                    Self::Ev(_) | Self::Deferrable(_) => {}
                }
                found
            }
        }

        impl Link {
            /// Its profiles by the names of their fields; those that are not given are left out.
            pub(in crate::optimize) fn $of_link(&$($mutable)? self) -> Vec<(&'static str, &$($mutable)? Profile)> {
                let mut found = vec![("limit_w", &$($mutable)? self.limit_w)];
                found.extend(self.reverse_limit_w.$each().map(|profile| ("reverse_limit_w", profile)));
                found
            }
        }
    };
}

profiles!(profiles, link_profiles, iter);
profiles!(profiles_mut, link_profiles_mut, iter_mut, mut);
