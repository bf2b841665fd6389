//! What circuits leave to what is planned: a limit of the one asset that a circuit can hold back, or a bus of its own where it
//! has several to choose from.

use super::Making;
use crate::control::{CheckedModel, Measure, PhaseUse, Role};
use crate::optimize::{Asset, Link, Site};

/// The bounds of each asset in each step, and the circuits that become buses.
pub(super) struct Bounds {
    low_w: Vec<Vec<f64>>,
    high_w: Vec<Vec<f64>>,
    /// The circuits that have a bus of their own, with the most in and the most out, in W.
    buses: Vec<(usize, f64, f64)>,
}

impl Bounds {
    pub(super) fn new(made: &Making<'_>) -> Self {
        let (model, steps) = (made.model, made.horizon.len());
        let of = |bound: &dyn Fn(usize) -> f64| (0..model.assets.len()).map(|place| vec![bound(place); steps]).collect();
        let fuse_w = |place: usize| phase_limit_w(model, place);
        let mut bounds = Self {
            low_w: of(&|place| model.assets[place].low_w.max(-fuse_w(place))),
            high_w: of(&|place| model.assets[place].high_w.min(fuse_w(place))),
            buses: Vec::new(),
        };
        for circuit in (0..model.circuits.len()).filter(|circuit| !measured_by_grid(model, *circuit)) {
            bounds.circuit(made, circuit);
        }
        bounds
    }

    /// The lowest power of an asset in a step, in W.
    pub(super) fn low_w(&self, place: usize, step: usize) -> f64 {
        self.low_w[place][step]
    }

    /// The highest power of an asset in a step, in W.
    pub(super) fn high_w(&self, place: usize, step: usize) -> f64 {
        self.high_w[place][step]
    }

    /// Bounds by one circuit. A forecast of a source relieves none: clouds come when they come.
    fn circuit(&mut self, made: &Making<'_>, circuit: usize) {
        let model = made.model;
        let (import_w, export_w) = limits_w(model, circuit);
        let members = &model.circuits[circuit].members;
        let moved = |place: &&usize| is_moved(model, **place);
        let others: Vec<usize> = members.iter().copied().filter(|place| !is_moved(model, *place)).collect();
        let drawn = others.iter().map(|place| load_w(made, *place)).sum::<f64>();
        let given = |step: usize| others.iter().map(|place| source_w(made, *place, step)).sum::<f64>();
        let moved: Vec<usize> = members.iter().filter(moved).copied().collect();
        let steps = 0..made.horizon.len();
        if let [only] = moved[..] {
            for step in steps {
                let (low, high) = (&mut self.low_w[only][step], &mut self.high_w[only][step]);
                *low = low.max(-(export_w - given(step)).max(0.0));
                *high = high.min((import_w - drawn).max(0.0));
            }
            return;
        }
        let most = moved.iter().map(|place| model.assets[*place].high_w).sum::<f64>();
        let least = moved.iter().map(|place| model.assets[*place].low_w).sum::<f64>();
        let binds = steps.into_iter().any(|step| most + drawn > import_w || given(step) - least > export_w);
        if moved.len() > 1 && binds {
            self.buses.push((circuit, (import_w - drawn).max(0.0), export_w));
        }
    }

    /// Puts assets on the buses of their circuits, and links these.
    pub(super) fn split(&self, site: &mut Site, model: &CheckedModel) {
        let bus_of = |circuit: Option<usize>| {
            let upwards = std::iter::successors(circuit, |circuit| model.circuits[*circuit].within);
            upwards.into_iter().find(|circuit| self.buses.iter().any(|(bus, ..)| bus == circuit))
        };
        let name = |circuit: usize| model.circuits[circuit].name.as_str().to_owned();
        for asset in &mut site.assets {
            let Some(place) = model.place(asset.name()) else { continue };
            if let Some(bus) = bus_of(model.assets[place].circuit).filter(|_| model.grid != Some(place)) {
                put_on(asset, format!("bus of {}", name(bus)));
            }
        }
        for (circuit, import_w, export_w) in &self.buses {
            let above = bus_of(model.circuits[*circuit].within);
            let from = above.map_or(crate::optimize::MAIN_BUS.to_owned(), |above| format!("bus of {}", name(above)));
            let mut link = Link::new(name(*circuit), from, format!("bus of {}", name(*circuit)), at_most(*import_w));
            link.reverse_limit_w = Some(at_most(*export_w).into());
            // Without losses nothing is gained by sending both ways.
            link.exclusive = false;
            site.links.push(link);
        }
        drop_loose_links(site);
    }

    /// Whether all is on one bus.
    pub(super) fn is_one_bus(site: &Site) -> bool {
        site.links.is_empty()
    }
}

/// Takes those links away that lead to a bus with nothing else on it: nobody there is in the plan.
pub(super) fn drop_loose_links(site: &mut Site) {
    loop {
        let elsewhere = |bus: &str, link: usize| {
            let others = site.links.iter().enumerate().filter(|(other, _)| *other != link);
            let linked = others.flat_map(|(_, other)| [&other.from, &other.to]).any(|end| end == bus);
            linked || site.assets.iter().any(|asset| asset.bus() == bus)
        };
        let loose = |(place, link): &(usize, &Link)| !elsewhere(&link.from, *place) || !elsewhere(&link.to, *place);
        let Some((place, _)) = site.links.iter().enumerate().find(loose) else { return };
        site.links.remove(place);
    }
}

/// No limit as a number that the optimizer takes.
fn at_most(limit_w: f64) -> f64 {
    limit_w.min(1e9)
}

/// Puts an asset on a bus.
pub(in crate::control::planning) fn put_on(asset: &mut Asset, bus: String) {
    match asset {
        Asset::Grid(asset) => asset.bus = bus,
        Asset::Pv(asset) => asset.bus = bus,
        Asset::Battery(asset) => asset.bus = bus,
        Asset::Ev(asset) => asset.bus = bus,
        Asset::Deferrable(asset) => asset.bus = bus,
        Asset::HeatPump(asset) => asset.bus = bus,
        Asset::Genset(asset) => asset.bus = bus,
        Asset::Load(asset) => asset.bus = bus,
    }
}

/// The most in and the most out of a circuit, in W, as positive numbers.
pub(super) fn limits_w(model: &CheckedModel, circuit: usize) -> (f64, f64) {
    let circuit = &model.circuits[circuit];
    let fuse_w = circuit.limit_a * circuit.volts * f64::from(circuit.phases);
    (circuit.import_w.min(fuse_w), circuit.export_w.min(fuse_w))
}

/// Whether a circuit is the one that the grid feeds: its limits are those of the grid.
pub(super) fn measured_by_grid(model: &CheckedModel, circuit: usize) -> bool {
    let circuit = &model.circuits[circuit];
    circuit.within.is_none() && (model.grid.is_none() || circuit.meter.is_none() || circuit.meter == model.grid)
}

/// Whether a plan moves an asset.
pub(super) fn is_moved(model: &CheckedModel, place: usize) -> bool {
    let asset = &model.assets[place];
    let planned = matches!(asset.role, Role::Battery | Role::Charger | Role::HeatPump | Role::Genset);
    planned && (asset.setpoint.is_some() || model.forming == Some(place))
}

/// What something that no plan moves takes on its circuit: as now; where that is not known, as is assumed.
fn load_w(made: &Making<'_>, place: usize) -> f64 {
    let asset = &made.model.assets[place];
    let power =
        if asset.role == Role::Pv { None } else { Some(made.fresh(place, Measure::Power).unwrap_or(asset.assumed_w)) };
    power.map_or(0.0, |power| power.max(0.0))
}

fn source_w(made: &Making<'_>, place: usize, step: usize) -> f64 {
    let expected = made.expected.source_w(&made.model.assets[place].name);
    expected.map_or(0.0, |values| values[step].max(0.0))
}

/// The most that the conductors of an asset carry on its circuits, in W.
fn phase_limit_w(model: &CheckedModel, place: usize) -> f64 {
    let asset = &model.assets[place];
    let conductors = if matches!(asset.phases, PhaseUse::Three | PhaseUse::Switched) { 3.0 } else { 1.0 };
    let upwards = std::iter::successors(asset.circuit, |circuit| model.circuits[*circuit].within);
    let fuses = upwards.map(|circuit| model.circuits[circuit].limit_a * model.circuits[circuit].volts * conductors);
    fuses.fold(f64::INFINITY, f64::min)
}
