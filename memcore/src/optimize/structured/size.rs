//! Large sites in units that suit their size.
//!
//! The storage engine tells lengths of energy apart by an absolute tolerance that suits homes. What is larger is solved in units of so
//! many kW and kWh that it looks like one. The unit is a power of two, so that nothing is rounded on the way there and back.

use crate::optimize::answer::Answer;
use crate::optimize::checked::Checked;
use crate::optimize::{Asset, Battery, Profile, Site, Terminal};

/// Up to this many W or Wh a site is solved as it is.
const LARGE: f64 = 256_000.0;
/// A larger one is brought below this.
const USUAL: f64 = 32_000.0;

/// Solves a site in units of its size.
pub(super) fn solved(checked: &Checked<'_>, solve: impl FnOnce(&Checked<'_>) -> Answer) -> Answer {
    let unit = unit(checked.site);
    if unit == 1.0 {
        return solve(checked);
    }
    let site = in_units(checked, unit);
    match site.checked() {
        Ok(small) => back(checked, solve(&small), unit),
        Err(error) => Answer::NotMine(error.message().to_owned()),
    }
}

/// How many W are one. Limits do not count: they may be as large as never to bind.
fn unit(site: &Site) -> f64 {
    let most = |profile: &Profile| profile.values().iter().fold(0.0_f64, |most, value| most.max(*value));
    let of_asset = |asset: &Asset| match asset {
        Asset::Battery(battery) => battery.capacity_wh,
        Asset::Load(load) => most(&load.power_w),
        Asset::Pv(source) => most(&source.available_w),
        _ => 0.0,
    };
    let largest = site.assets.iter().map(of_asset).fold(0.0, f64::max);
    let mut unit = 1.0;
    while largest > LARGE && largest / unit > USUAL {
        unit *= 2.0;
    }
    unit
}

/// The site with every power and energy divided by a unit. Prices per kWh and kW stay, so that money is divided too.
fn in_units(checked: &Checked<'_>, unit: f64) -> Site {
    let mut site = checked.site.clone();
    site.shortage_per_kwh = Some(checked.shortage_per_kwh);
    for asset in &mut site.assets {
        for (name, profile) in asset.profiles_mut() {
            if name.ends_with("_w") || name.ends_with("_wh") {
                *profile = profile.map(|value| value / unit);
            }
        }
        match asset {
            Asset::Battery(battery) => divide_battery(battery, unit),
            Asset::Grid(grid) => grid.demand_charges.iter_mut().for_each(|charge| charge.peak_so_far_w /= unit),
            _ => {}
        }
    }
    site
}

fn divide_battery(battery: &mut Battery, unit: f64) {
    battery.capacity_wh /= unit;
    battery.initial_wh /= unit;
    battery.terminal = match battery.terminal {
        Terminal::AtLeastWh(wh) => Terminal::AtLeastWh(wh / unit),
        Terminal::ExactlyWh(wh) => Terminal::ExactlyWh(wh / unit),
        other => other,
    };
}

/// The answer in W, Wh and money again; prices are the same.
fn back(checked: &Checked<'_>, answer: Answer, unit: f64) -> Answer {
    let Answer::Solved(mut solved) = answer else { return answer };
    for part in 0..checked.parts() {
        for quantity in solved.schedule.quantities(part) {
            solved.schedule.column_mut(part, *quantity).iter_mut().for_each(|value| *value *= unit);
        }
    }
    solved.objective *= unit;
    solved.bound *= unit;
    Answer::Solved(solved)
}
