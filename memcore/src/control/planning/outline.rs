//! The least that a plan needs of a site: grid, sources, a battery, and a load.

use super::Expected;
use crate::control::{CheckedModel, Measure, Moment, Role, Situation};
use crate::error::{Error, Result};
use crate::optimize::{Asset, Battery, DemandCharge, Grid, Load, Profile, Site, Source, Terminal};

/// What the uncontrolled load is called in a plan.
pub(crate) const LOAD: &str = "uncontrolled";

impl CheckedModel {
    /// The optimizer's site: as it is now, with what is expected.
    ///
    /// # Errors
    /// Invalid where something is not measured that a plan needs.
    pub fn planning_site(&self, situation: &Situation, expected: &Expected, now: Moment) -> Result<Site> {
        let mut assets: Vec<Asset> = vec![Load::new(LOAD, expected.load_w.clone()).into()];
        for (place, asset) in self.assets().iter().enumerate() {
            let name = asset.name.as_str();
            match asset.role {
                Role::GridMeter => {
                    let mut grid =
                        Grid::new(name, expected.buy_per_kwh.clone()).sell_per_kwh(expected.sell_per_kwh.clone());
                    let tariff = self.model().tariff.as_ref();
                    grid.demand_charges = tariff
                        .and_then(|tariff| {
                            let interval = tariff.demand_interval;
                            let peak_so_far_w = expected.peak_so_far_w;
                            Some(DemandCharge { per_kw: tariff.demand_per_kw?, interval, applies: None, peak_so_far_w })
                        })
                        .into_iter()
                        .collect();
                    assets.push(grid.into());
                }
                Role::Pv => {
                    let found = expected.sources_w.iter().find(|(of, _)| *of == asset.name);
                    let available = found.map_or(Profile::Constant(0.0), |(_, available)| available.clone().into());
                    assets.push(Source::new(name, available).curtailable(asset.setpoint.is_some()).into());
                }
                Role::Battery => {
                    let Some(storage) = &asset.storage else { continue };
                    let soc = situation.fresh(self, place, Measure::Soc, now);
                    let soc = soc.ok_or_else(|| Error::invalid(format!("the state of charge of {name} is not known")))?;
                    let capacity_wh = storage.capacity_wh;
                    let mut battery =
                        Battery::new(name, capacity_wh, asset.high_w, -asset.low_w, capacity_wh * soc.clamp(0.0, 1.0));
                    battery.charge_efficiency = storage.charge_efficiency;
                    battery.discharge_efficiency = storage.discharge_efficiency;
                    battery.wear_per_kwh = storage.wear_per_kwh;
                    battery.min_wh = (storage.min_soc * capacity_wh).into();
                    battery.max_wh = Some((storage.max_soc * capacity_wh).into());
                    battery.terminal = Terminal::AtLeastInitial;
                    assets.push(battery.into());
                }
                _ => {}
            }
        }
        Ok(Site {
            name: self.model().site.to_string(),
            ..Site::new(self.model().currency, expected.horizon.clone(), assets)
        })
    }
}
