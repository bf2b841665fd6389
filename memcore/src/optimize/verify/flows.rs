//! Rules of what flows without memory: grids, sources, loads, links, and the balance of every bus.

use super::walk::{Owner, Walk};
use crate::optimize::{Asset, Grid, Link, Load, Profile, Quantity, Source};

/// No column holds less than zero, but for temperatures.
pub(super) fn signs(walk: &mut Walk<'_>) {
    for part in 0..walk.checked.site.assets.len() + walk.checked.site.links.len() {
        for quantity in walk.schedule.quantities(part) {
            let column = walk.column(part, *quantity);
            match quantity {
                Quantity::Temperature => {
                    walk.hold(Owner::Part(part), "temperature_c is no number", |step| (column[step] * 0.0, 0.0));
                }
                _ if all_at_least_zero(column) => {}
                // Zero times what has no end is no number, which is within no tolerance.
                _ => walk.hold(Owner::Part(part), below_zero(*quantity), |step| (column[step] * 0.0 - column[step], 0.0)),
            }
        }
    }
}

/// Whether all values are zero or above and have an end: one pass without branches.
fn all_at_least_zero(column: &[f64]) -> bool {
    column.iter().fold(true, |all, value| all & (*value >= 0.0) & (*value < f64::INFINITY))
}

fn below_zero(quantity: Quantity) -> &'static str {
    match quantity {
        Quantity::Charge => "charge_w is below zero",
        Quantity::Discharge => "discharge_w is below zero",
        Quantity::Energy => "energy_wh is below zero",
        Quantity::Import => "import_w is below zero",
        Quantity::Export => "export_w is below zero",
        Quantity::Reserve => "reserve_w is below zero",
        Quantity::Unmet => "unmet_w is below zero",
        _ => "a column is below zero",
    }
}

/// Two powers of which one must be zero.
pub(super) fn exclude(walk: &mut Walk<'_>, part: usize, rule: &'static str, [first, second]: [Quantity; 2]) {
    let (first, second) = (walk.column(part, first), walk.column(part, second));
    walk.hold(Owner::Part(part), rule, |step| (first[step].min(second[step]), first[step].max(second[step])));
}

/// A column within a limit.
pub(super) fn within(walk: &mut Walk<'_>, part: usize, rule: &'static str, quantity: Quantity, limit: &Profile) {
    let column = walk.column(part, quantity);
    walk.hold(Owner::Part(part), rule, |step| (column[step] - limit.at(step), limit.at(step)));
}

pub(super) fn grid(walk: &mut Walk<'_>, part: usize, grid: &Grid) {
    if let Some(limit) = &grid.import_limit_w {
        within(walk, part, "import_w is above import_limit_w", Quantity::Import, limit);
    }
    if let Some(limit) = &grid.export_limit_w {
        within(walk, part, "export_w is above export_limit_w", Quantity::Export, limit);
    }
    if grid.exclusive {
        exclude(walk, part, "import_w and export_w in one step", [Quantity::Import, Quantity::Export]);
    }
}

pub(super) fn source(walk: &mut Walk<'_>, part: usize, source: &Source) {
    let (used, curtailed) = (walk.column(part, Quantity::Used), walk.column(part, Quantity::Curtailed));
    let checked = walk.checked;
    walk.hold(Owner::Part(part), "used_w and curtailed_w are not what is available", |step| {
        let available = checked.available_w(source, step);
        ((used[step] + curtailed[step] - available).abs(), available)
    });
    if !source.curtailable {
        walk.hold(Owner::Part(part), "curtailed_w of a source that is not curtailable", |step| {
            (curtailed[step], checked.available_w(source, step))
        });
    }
}

pub(super) fn load(walk: &mut Walk<'_>, part: usize, load: &Load) {
    let (served, shed) = (walk.column(part, Quantity::Served), walk.column(part, Quantity::Shed));
    let power = |step| load.power_w.at(step);
    walk.hold(Owner::Part(part), "served_w and shed_w are not what the load takes", |step| {
        ((served[step] + shed[step] - power(step)).abs(), power(step))
    });
    let share = walk.checked.shedding(load).map_or(0.0, |(_, share)| share);
    walk.hold(Owner::Part(part), "shed_w is above the share that may be shed", |step| {
        (shed[step] - share * power(step), power(step))
    });
}

pub(super) fn link(walk: &mut Walk<'_>, part: usize, link: &Link) {
    within(walk, part, "forward_w is above limit_w", Quantity::Forward, &link.limit_w);
    let reverse = link.reverse_limit_w.as_ref().unwrap_or(&link.limit_w);
    within(walk, part, "reverse_w is above reverse_limit_w", Quantity::Reverse, reverse);
    if link.exclusive {
        exclude(walk, part, "forward_w and reverse_w in one step", [Quantity::Forward, Quantity::Reverse]);
    }
}

/// At every bus as much goes in as comes out.
pub(super) fn balances(walk: &mut Walk<'_>) {
    let steps = walk.steps();
    for bus in 0..walk.checked.buses.len() {
        let mut sums = vec![(0.0, 0.0_f64); steps];
        for (part, flow) in flows(walk, bus) {
            for ((net, size), power) in sums.iter_mut().zip(walk.column(part, flow.quantity)) {
                *net += flow.per_w * power;
                *size = size.max(*power);
            }
        }
        walk.hold(Owner::Bus(bus), "what goes in is not what comes out", |step| (sums[step].0.abs(), sums[step].1));
    }
}

/// A column that takes from a bus (above zero) or gives to it (below zero).
#[derive(Debug, Clone, Copy)]
struct Flow {
    quantity: Quantity,
    per_w: f64,
}

fn flows(walk: &Walk<'_>, bus: usize) -> Vec<(usize, Flow)> {
    let mut flows = Vec::with_capacity(8);
    for (part, asset) in walk.checked.assets().filter(|(part, _)| walk.checked.bus_of[*part] == bus) {
        flows.extend(flows_of(asset).iter().map(|flow| (part, *flow)));
    }
    let assets = walk.checked.site.assets.len();
    for (place, link) in walk.checked.site.links.iter().enumerate() {
        let here = walk.checked.buses[bus];
        for (end, out, back) in
            [(&link.from, Quantity::Forward, Quantity::Reverse), (&link.to, Quantity::Reverse, Quantity::Forward)]
        {
            if end == here {
                flows.push((assets + place, Flow { quantity: out, per_w: 1.0 }));
                flows.push((assets + place, Flow { quantity: back, per_w: -link.efficiency }));
            }
        }
    }
    flows
}

fn flows_of(asset: &Asset) -> &'static [Flow] {
    const fn takes(quantity: Quantity) -> Flow {
        Flow { quantity, per_w: 1.0 }
    }
    const fn gives(quantity: Quantity) -> Flow {
        Flow { quantity, per_w: -1.0 }
    }
    match asset {
        Asset::Grid(_) => const { &[gives(Quantity::Import), takes(Quantity::Export)] },
        Asset::Pv(_) => const { &[gives(Quantity::Used)] },
        Asset::Battery(_) | Asset::Ev(_) => const { &[takes(Quantity::Charge), gives(Quantity::Discharge)] },
        Asset::Deferrable(_) | Asset::HeatPump(_) => const { &[takes(Quantity::Power)] },
        Asset::Genset(_) => const { &[gives(Quantity::Power)] },
        Asset::Load(_) => const { &[takes(Quantity::Served)] },
    }
}
