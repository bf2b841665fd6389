//! The hard limits of a site that can conflict, and the same site with some of them lifted, raised by an amount, or at a price.

use std::ops::Range;

use crate::optimize::{Asset, Battery, Charging, DemandCharge, Ev, Grid, Heat, HeatPump, Profile, Site, Terminal, words};

/// A hard limit, over the whole horizon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    Import(usize),
    Export(usize),
    Charge(usize),
    Discharge(usize),
    MinEnergy(usize),
    MaxEnergy(usize),
    /// The most that a genset gives, or a heat pump takes.
    Most(usize),
    /// The least that a genset gives while it runs, with its least times and ramps.
    Least(usize),
    /// A source that cannot be curtailed.
    Uncurtailed(usize),
    /// What a link carries, either way.
    Link(usize),
    /// What is asked of a bus: its loads are served, and no more comes than goes.
    Balance(usize),
}

/// More than a site can use: power at once, and energy over its horizon.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ample {
    pub(super) w: f64,
    pub(super) wh: f64,
}

/// What it costs that a limit gives way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Toll {
    pub(super) per_kwh: f64,
    pub(super) per_kw: Option<f64>,
}

/// Every limit that a site sets, those first that a person would rather keep: the ones left in a conflict are those at the end.
pub(super) fn of_site(site: &Site) -> Vec<Limit> {
    let mut limits: Vec<Limit> = (0..site.links.len()).map(Limit::Link).collect();
    for (part, asset) in site.assets.iter().enumerate() {
        match asset {
            Asset::Battery(_) => limits.extend([Limit::Charge(part), Limit::Discharge(part)]),
            Asset::Ev(ev) => {
                limits.extend([Limit::Charge(part), Limit::MaxEnergy(part)]);
                limits.extend((ev.discharge_limit_w > 0.0).then_some(Limit::Discharge(part)));
            }
            Asset::HeatPump(pump) => {
                limits.push(Limit::Most(part));
                limits.extend(matches!(pump.heat, Heat::Tank(_)).then_some(Limit::MaxEnergy(part)));
            }
            Asset::Genset(_) => limits.extend([Limit::Least(part), Limit::Most(part)]),
            Asset::Pv(source) if !source.curtailable => limits.push(Limit::Uncurtailed(part)),
            _ => {}
        }
    }
    for (part, asset) in site.assets.iter().enumerate() {
        match asset {
            Asset::Battery(_) => limits.extend([Limit::MaxEnergy(part), Limit::MinEnergy(part)]),
            Asset::Grid(grid) => {
                limits.extend(grid.export_limit_w.as_ref().map(|_| Limit::Export(part)));
                limits.extend(grid.import_limit_w.as_ref().map(|_| Limit::Import(part)));
            }
            _ => {}
        }
    }
    limits.extend((0..site.buses().len()).map(Limit::Balance));
    limits
}

impl Limit {
    /// The asset, link or bus.
    pub(super) fn part(self, site: &Site) -> String {
        match (self, self.asset(site)) {
            (Self::Link(link), _) => site.links[link].name.clone(),
            (Self::Balance(bus), _) => site.buses()[bus].to_owned(),
            (_, asset) => asset.map_or_else(String::new, |asset| asset.name().to_owned()),
        }
    }

    /// The field that sets it.
    pub(super) fn field(self, site: &Site) -> &'static str {
        match (self, self.asset(site)) {
            (Self::Import(_), _) => "import_limit_w",
            (Self::Export(_), _) => "export_limit_w",
            (Self::Charge(_), Some(Asset::Ev(_))) => "charging",
            (Self::Charge(_), _) => "charge_limit_w",
            (Self::Discharge(_), _) => "discharge_limit_w",
            (Self::MinEnergy(_), _) => "min_wh",
            (Self::MaxEnergy(_), Some(Asset::Ev(_))) => "limit_wh",
            (Self::MaxEnergy(_), Some(Asset::HeatPump(_))) => "capacity_wh",
            (Self::MaxEnergy(_), _) => "max_wh",
            (Self::Most(_), _) => "max_w",
            (Self::Least(_), _) => "min_w",
            (Self::Uncurtailed(_), _) => "curtailable",
            (Self::Link(_), _) => "limit_w",
            (Self::Balance(_), _) => "balance",
        }
    }

    /// What it says in a span of steps: `at most 3 kW`.
    pub(super) fn says(self, site: &Site, steps: &Range<usize>) -> String {
        let least = |profile: &Profile| steps.clone().map(|step| profile.at(step)).fold(f64::INFINITY, f64::min);
        let most = |profile: &Profile| steps.clone().map(|step| profile.at(step)).fold(0.0, f64::max);
        let power = |limit: &Profile| format!("at most {}", words::power(least(limit)));
        match (self, self.asset(site)) {
            (Self::Import(_), Some(Asset::Grid(grid))) => power(&grid.import_limit_w.clone().unwrap_or_default()),
            (Self::Export(_), Some(Asset::Grid(grid))) => power(&grid.export_limit_w.clone().unwrap_or_default()),
            (Self::Charge(_), Some(Asset::Battery(battery))) => power(&battery.charge_limit_w),
            (Self::Discharge(_), Some(Asset::Battery(battery))) => power(&battery.discharge_limit_w),
            (Self::MinEnergy(_), Some(Asset::Battery(battery))) => {
                format!("at least {} in it", words::energy(most(&battery.min_wh)))
            }
            (Self::MaxEnergy(_), Some(Asset::Battery(battery))) => {
                let max = battery.max_wh.as_ref().map_or(battery.capacity_wh, |max| least(max).min(battery.capacity_wh));
                format!("at most {} in it", words::energy(max))
            }
            (Self::Charge(_), Some(Asset::Ev(ev))) => format!("at most {}", words::power(most_w(ev))),
            (Self::Discharge(_), Some(Asset::Ev(ev))) => format!("at most {}", words::power(ev.discharge_limit_w)),
            (Self::MaxEnergy(_), Some(Asset::Ev(ev))) => {
                let limits = ev.sessions.iter().filter_map(|session| session.limit_wh);
                format!("at most {} in it", words::energy(limits.fold(ev.capacity_wh, f64::min)))
            }
            (Self::Most(_), Some(Asset::HeatPump(pump))) => power(&pump.max_w),
            (Self::MaxEnergy(_), Some(Asset::HeatPump(HeatPump { heat: Heat::Tank(tank), .. }))) => {
                format!("at most {} of heat in its tank", words::energy(tank.capacity_wh))
            }
            (Self::Most(_), Some(Asset::Genset(genset))) => format!("at most {}", words::power(genset.max_w)),
            (Self::Least(_), Some(Asset::Genset(genset))) => {
                format!("at least {} while it runs, with its least times and ramps", words::power(genset.min_w))
            }
            (Self::Uncurtailed(_), Some(Asset::Pv(source))) => {
                format!("all of its up to {} is taken", words::power(most(&source.available_w)))
            }
            (Self::Link(link), _) => power(&site.links[link].limit_w),
            (Self::Balance(bus), _) => balance(site, site.buses()[bus], steps),
            _ => String::new(),
        }
    }

    pub(super) fn asset(self, site: &Site) -> Option<&Asset> {
        site.assets.get(self.place()?)
    }

    /// The place of its asset.
    fn place(self) -> Option<usize> {
        match self {
            Self::Link(_) | Self::Balance(_) => None,
            Self::Import(part)
            | Self::Export(part)
            | Self::Charge(part)
            | Self::Discharge(part)
            | Self::MinEnergy(part)
            | Self::MaxEnergy(part)
            | Self::Most(part)
            | Self::Least(part)
            | Self::Uncurtailed(part) => Some(part),
        }
    }

    /// Takes the limit away in all steps but those of a range.
    pub(super) fn lift(self, site: &mut Site, kept: &Range<usize>, ample: Ample) {
        let steps = site.horizon.len();
        match self {
            Self::Balance(bus) => {
                let open = |step: usize| if kept.contains(&step) { 0.0 } else { ample.w };
                let limit: Profile = (0..steps).map(open).collect::<Vec<_>>().into();
                let name = format!("{} without balance", site.buses()[bus]);
                let valve = Grid::new(name, 0.0).import_limit_w(limit.clone()).export_limit_w(limit).exclusive(false);
                let valve = valve.bus(site.buses()[bus]);
                site.assets.push(valve.into());
            }
            Self::Link(link) => {
                let link = &mut site.links[link];
                link.reverse_limit_w = link.reverse_limit_w.as_ref().map(|limit| outside(limit, steps, kept, ample.w));
                link.limit_w = outside(&link.limit_w, steps, kept, ample.w);
            }
            _ => {
                let place = self.place();
                if let Some(asset) = place.and_then(|place| site.assets.get_mut(place)) {
                    self.lift_of_asset(asset, steps, kept, ample);
                }
            }
        }
    }

    fn lift_of_asset(self, asset: &mut Asset, steps: usize, kept: &Range<usize>, ample: Ample) {
        let within = |limit: &Profile, none: f64| outside(limit, steps, kept, none);
        // What gensets, vehicles, tanks and sources say is said for all steps: it is lifted only as a whole.
        let wholly = kept.is_empty();
        match (self, asset) {
            (Self::Import(_), Asset::Grid(grid)) => {
                grid.import_limit_w = grid.import_limit_w.as_ref().map(|limit| within(limit, ample.w));
            }
            (Self::Export(_), Asset::Grid(grid)) => {
                grid.export_limit_w = grid.export_limit_w.as_ref().map(|limit| within(limit, ample.w));
            }
            (Self::Charge(_), Asset::Battery(battery)) => {
                battery.charge_limit_w = within(&battery.charge_limit_w, ample.w);
            }
            (Self::Discharge(_), Asset::Battery(battery)) => {
                battery.discharge_limit_w = within(&battery.discharge_limit_w, ample.w);
            }
            (Self::MinEnergy(_), Asset::Battery(battery)) => {
                let min_wh = within(&battery.min_wh, -ample.wh);
                deepen(battery, &min_wh, ample.wh);
            }
            (Self::MaxEnergy(_), Asset::Battery(battery)) => {
                let max = battery.max_wh.take().unwrap_or(Profile::Constant(battery.capacity_wh));
                battery.capacity_wh += ample.wh;
                battery.max_wh = Some(within(&max, battery.capacity_wh));
            }
            (Self::Most(_), Asset::Genset(genset)) if wholly => {
                (genset.max_w, genset.available) = (genset.max_w + ample.w, None);
            }
            (Self::Charge(_), Asset::Ev(ev)) if wholly => {
                ev.charging = Charging::Power { min_w: 0.0, max_w: most_w(ev) + ample.w };
            }
            (Self::Discharge(_), Asset::Ev(ev)) if wholly => ev.discharge_limit_w += ample.w,
            (Self::MaxEnergy(_), Asset::Ev(ev)) if wholly => {
                ev.capacity_wh += ample.wh;
                ev.sessions.iter_mut().for_each(|session| session.limit_wh = None);
            }
            (Self::Most(_), Asset::HeatPump(pump)) => pump.max_w = within(&pump.max_w, ample.w),
            (Self::MaxEnergy(_), Asset::HeatPump(HeatPump { heat: Heat::Tank(tank), .. })) if wholly => {
                tank.capacity_wh += ample.wh;
            }
            (Self::Least(_), Asset::Genset(genset)) if wholly => {
                (genset.min_w, genset.min_up, genset.min_down, genset.ramp_w_per_min) = (0.0, None, None, None);
            }
            (Self::Uncurtailed(_), Asset::Pv(source)) if wholly => source.curtailable = true,
            _ => {}
        }
    }

    /// What it costs to give way by a kW (or a kWh of a store), among limits: a connection before a battery before people. None for
    /// what machines cannot do.
    pub(super) fn weight(self, site: &Site) -> Option<f64> {
        match (self, self.asset(site)) {
            (Self::Import(_) | Self::Export(_), _) => Some(1.0),
            (Self::MinEnergy(_) | Self::MaxEnergy(_), Some(Asset::Battery(_))) => Some(4.0),
            (Self::Balance(_), _) => Some(16.0),
            _ => None,
        }
    }

    /// Lets the limit give way at a price per kWh and, where peaks count, per kW of its highest excess. Where that takes another asset,
    /// it is the last one then.
    pub(super) fn soften(self, site: &mut Site, Toll { per_kwh, per_kw }: Toll) {
        let aside = |name: String, bus: &str| {
            let charges = per_kw.map(DemandCharge::new).into_iter().collect::<Vec<_>>();
            Grid::new(name, per_kwh).sell_per_kwh(-per_kwh).demand_charges(charges).bus(bus)
        };
        match self {
            Self::Import(part) | Self::Export(part) => {
                let bus = site.assets[part].bus().to_owned();
                let (grid, import) = (
                    aside(format!("{} beyond {}", self.part(site), self.field(site)), &bus),
                    matches!(self, Self::Import(_)),
                );
                let grid = if import { grid.export_limit_w(0.0) } else { grid.import_limit_w(0.0) };
                site.assets.push(grid.into());
            }
            Self::Balance(bus) => {
                let grid = aside(format!("{} beyond balance", self.part(site)), site.buses()[bus]);
                site.assets.push(grid.into());
            }
            Self::MinEnergy(part) | Self::MaxEnergy(part) => {
                if let Asset::Battery(battery) = &mut site.assets[part] {
                    battery.preference_per_kwh_h = Some(per_kwh);
                    if matches!(self, Self::MinEnergy(_)) {
                        battery.preferred_min_wh = Some(std::mem::replace(&mut battery.min_wh, 0.0.into()));
                    } else {
                        battery.preferred_max_wh = battery.max_wh.take().or_else(|| battery.preferred_max_wh.take());
                    }
                }
            }
            _ => {}
        }
    }

    /// Moves the limit by an amount in some steps, in W or Wh. Loads give way by being shed.
    pub(super) fn raise(self, site: &mut Site, amounts: &[f64]) {
        let steps = site.horizon.len();
        let moved = |limit: &Profile, sign: f64| -> Profile {
            (0..steps).map(|step| (limit.at(step) + sign * amounts[step]).max(0.0)).collect::<Vec<_>>().into()
        };
        match self {
            Self::Balance(bus) => {
                let bus = site.buses()[bus].to_owned();
                for asset in site.assets.iter_mut().filter(|asset| asset.bus() == bus) {
                    match asset {
                        Asset::Load(load) if load.value_of_lost_load_per_kwh.is_none() && load.priority.is_none() => {
                            load.priority = Some(9);
                        }
                        Asset::Pv(source) => source.curtailable = true,
                        _ => {}
                    }
                }
            }
            Self::Import(part) | Self::Export(part) | Self::MinEnergy(part) | Self::MaxEnergy(part) => {
                match (self, &mut site.assets[part]) {
                    (Self::Import(_), Asset::Grid(grid)) => {
                        grid.import_limit_w = grid.import_limit_w.as_ref().map(|limit| moved(limit, 1.0));
                    }
                    (Self::Export(_), Asset::Grid(grid)) => {
                        grid.export_limit_w = grid.export_limit_w.as_ref().map(|limit| moved(limit, 1.0));
                    }
                    (Self::MinEnergy(_), Asset::Battery(battery)) => battery.min_wh = moved(&battery.min_wh, -1.0),
                    (Self::MaxEnergy(_), Asset::Battery(battery)) => {
                        battery.max_wh = battery.max_wh.as_ref().map(|limit| moved(limit, 1.0));
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }
}

/// Lets a battery go below empty: all its energies count from `ample` further down, and nothing of them is lost.
fn deepen(battery: &mut Battery, min_wh: &Profile, ample: f64) {
    let max = battery.max_wh.take().unwrap_or(Profile::Constant(battery.capacity_wh));
    battery.max_wh = Some(max.map(|max| max + ample));
    battery.min_wh = min_wh.map(|min| min + ample);
    battery.initial_wh += ample;
    battery.capacity_wh += ample;
    battery.self_discharge_per_hour = 0.0;
    (battery.preferred_min_wh, battery.preferred_max_wh, battery.terminal) = (None, None, Terminal::Free);
}

/// The most that a vehicle's charger gives.
fn most_w(ev: &Ev) -> f64 {
    ev.charging.bands_w().last().map_or(0.0, |band| band.1)
}

/// A profile that keeps its values in a range and is something else outside of it.
fn outside(limit: &Profile, steps: usize, kept: &Range<usize>, other: f64) -> Profile {
    if kept.is_empty() {
        return Profile::Constant(other);
    }
    (0..steps).map(|step| if kept.contains(&step) { limit.at(step) } else { other }).collect::<Vec<_>>().into()
}

/// What the loads of a bus need at most: `5 kW are needed`.
fn balance(site: &Site, bus: &str, steps: &Range<usize>) -> String {
    let loads = site.assets.iter().filter(|asset| asset.bus() == bus).filter_map(|asset| match asset {
        Asset::Load(load) => Some(&load.power_w),
        _ => None,
    });
    let loads: Vec<&Profile> = loads.collect();
    let needed = steps.clone().map(|step| loads.iter().map(|power| power.at(step)).sum::<f64>()).fold(0.0, f64::max);
    format!("as much comes as goes, and up to {} is needed", words::power(needed))
}
