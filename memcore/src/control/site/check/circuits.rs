//! Circuits: a tree, in which no circuit may carry more than the one that feeds it.

use super::report::{Allowed, Part, Report};
use crate::control::site::{Asset, Circuit, PhaseUse, Role, SiteModel};

/// Below this many W a limit of a whole circuit is none: the number is in kW.
const IN_KW_W: f64 = 100.0;

/// The circuits in their order, parents first.
pub(super) struct Tree {
    /// Which circuit of the model stands at each place.
    pub(super) order: Vec<usize>,
    /// The place of the circuit that feeds the one at each place.
    pub(super) within: Vec<Option<usize>>,
    /// The place of each circuit of the model.
    pub(super) place: Vec<usize>,
}

impl Tree {
    /// The places of the one at `place` and of all that feed it, upwards.
    pub(super) fn upwards(&self, place: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(place), |place| self.within[*place])
    }

    /// The circuit at the top, where there is exactly one.
    pub(super) fn top(&self) -> Option<usize> {
        let mut tops = (0..self.within.len()).filter(|place| self.within[*place].is_none());
        tops.next().filter(|_| tops.next().is_none())
    }

    /// The place of the circuit that feeds an asset; None for one that names none where that is not clear.
    pub(super) fn of_asset(&self, model: &SiteModel, asset: &Asset) -> Option<usize> {
        match &asset.circuit {
            Some(name) => Some(self.place[model.circuits.iter().position(|circuit| circuit.name == *name)?]),
            None => self.top(),
        }
    }
}

/// Orders the circuits and looks at each; what is unknown or in a circle counts as being at the top.
pub(super) fn circuits(report: &mut Report, model: &SiteModel) -> Tree {
    let circuits = &model.circuits;
    for circuit in circuits {
        alone(&mut report.of("circuit", circuit.name.as_str()), circuit, model);
    }
    let parents: Vec<_> = circuits.iter().map(|circuit| parent(report, circuits, circuit)).collect();
    let tree = ordered(report, circuits, parents);
    for place in 0..circuits.len() {
        let circuit = &circuits[tree.order[place]];
        let part = &mut report.of("circuit", circuit.name.as_str());
        let above: Vec<_> = tree.upwards(place).skip(1).map(|above| &circuits[tree.order[above]]).collect();
        below_parents(part, circuit, &above);
    }
    members(report, model, &tree);
    tree
}

/// What a circuit says by itself.
fn alone(part: &mut Part<'_>, circuit: &Circuit, model: &SiteModel) {
    part.optional("limit_a", circuit.limit_a, Allowed::Within(f64::MIN_POSITIVE, 100_000.0));
    part.number("volts", circuit.volts, Allowed::Within(20.0, 1_000_000.0));
    part.number("margin", circuit.margin, Allowed::Within(0.0, 0.5));
    if !matches!(circuit.phases, 1 | 3) {
        part.fault("phases", format_args!("is {}, expected 1 or 3", circuit.phases));
    }
    let powers = [("import_limit_w", circuit.import_limit_w), ("export_limit_w", circuit.export_limit_w)];
    for (field, limit) in powers {
        let Some(limit) = limit.filter(|_| part.optional(field, limit, Allowed::ZeroOrAbove)) else { continue };
        if limit > 0.0 && limit < IN_KW_W {
            part.fault(field, format_args!("is {limit} W: did you mean {} W?", 1_000.0 * limit));
        }
        let fuse_w = circuit.limit_a.unwrap_or(f64::INFINITY) * circuit.volts * f64::from(circuit.phases);
        if limit > fuse_w {
            part.notice(field, format_args!("is {limit} W, more than limit_a lets through: {fuse_w} W"));
        }
    }
    let limited = circuit.limit_a.is_some() || circuit.import_limit_w.is_some() || circuit.export_limit_w.is_some();
    match &circuit.meter {
        None if limited => part.notice("meter", "is not given: what flows is taken to be the sum of its assets"),
        None => part.notice("limit_a", "is not given, nor is a limit of power: nothing is watched"),
        Some(name) => match model.assets.iter().find(|asset| asset.name == *name) {
            None => part.fault("meter", format_args!("is {name}, expected the name of an asset")),
            Some(asset) if !asset.role.is_meter() => {
                let role = asset.role;
                part.fault("meter", format_args!("is {name} of role {role}, expected one of role grid_meter or meter"));
            }
            Some(_) => {}
        },
    }
}

/// Which circuit of the model feeds it.
fn parent(report: &mut Report, circuits: &[Circuit], circuit: &Circuit) -> Option<usize> {
    let name = circuit.within.as_ref()?;
    let found = circuits.iter().position(|other| other.name == *name);
    if found.is_none() {
        let part = &mut report.of("circuit", circuit.name.as_str());
        part.fault("within", format_args!("is {name}, expected the name of a circuit"));
    }
    found
}

/// Parents before those within them; otherwise as the model has them.
fn ordered(report: &mut Report, circuits: &[Circuit], mut parents: Vec<Option<usize>>) -> Tree {
    let (mut order, mut place) = (Vec::with_capacity(circuits.len()), vec![usize::MAX; circuits.len()]);
    while order.len() < circuits.len() {
        let before = order.len();
        for circuit in 0..circuits.len() {
            let fed = parents[circuit].is_none_or(|parent| place[parent] != usize::MAX);
            if place[circuit] == usize::MAX && fed {
                place[circuit] = order.len();
                order.push(circuit);
            }
        }
        if order.len() == before {
            break_circle(report, circuits, &mut parents, &place);
        }
    }
    let within = order.iter().map(|circuit| parents[*circuit].map(|parent| place[parent])).collect();
    Tree { order, within, place }
}

/// Tells of a circle, and opens it so that the rest can be looked at.
fn break_circle(report: &mut Report, circuits: &[Circuit], parents: &mut [Option<usize>], place: &[usize]) {
    let Some(left) = place.iter().position(|place| *place == usize::MAX) else { return };
    // After as many steps as there are circuits it is in the circle, wherever it began.
    let inside = (0..circuits.len()).fold(left, |at, _| parents[at].unwrap_or(at));
    let mut circle = vec![circuits[inside].name.as_str()];
    let mut at = inside;
    while let Some(next) = parents[at] {
        circle.push(circuits[next].name.as_str());
        at = next;
        if at == inside {
            break;
        }
    }
    let why = format!("goes in a circle: {}; expected one at the top, without `within`", circle.join(" within "));
    report.of("circuit", circuits[inside].name.as_str()).fault("within", why);
    parents[inside] = None;
}

/// A limit of a circuit with its margin taken off, and how that came about.
fn kept(limit: f64, circuit: &Circuit) -> f64 {
    limit * (1.0 - circuit.margin)
}

/// No limit is above that of a circuit that feeds it: per phase (as V A, since volts may differ), and of power.
fn below_parents(part: &mut Part<'_>, circuit: &Circuit, above: &[&Circuit]) {
    if let Some(parent) = above.first().filter(|parent| circuit.phases > parent.phases) {
        let (own, its, name) = (circuit.phases, parent.phases, &parent.name);
        part.fault("phases", format_args!("is {own}, expected at most {its}, as circuit {name} that feeds it has"));
    }
    let fuse = |circuit: &Circuit| circuit.limit_a.map(|limit| kept(limit, circuit) * circuit.volts);
    if let Some((parent, limit)) = above.iter().find_map(|parent| Some((parent, fuse(parent)?)))
        && fuse(circuit).is_some_and(|own| own > limit * (1.0 + 1e-9))
    {
        let own = circuit.limit_a.unwrap_or_default();
        let may = limit / circuit.volts / (1.0 - circuit.margin);
        above_parent(part, ("limit_a", own, "A"), may, parent, parent.limit_a);
    }
    type Limit = fn(&Circuit) -> Option<f64>;
    let import: Limit = |circuit| circuit.import_limit_w;
    let export: Limit = |circuit| circuit.export_limit_w;
    for (field, of) in [("import_limit_w", import), ("export_limit_w", export)] {
        let Some(own) = of(circuit) else { continue };
        let said = above.iter().find_map(|parent| Some((parent, kept(of(parent)?, parent))));
        let Some((parent, limit)) = said.filter(|(_, limit)| kept(own, circuit) > limit * (1.0 + 1e-9)) else { continue };
        above_parent(part, (field, own, "W"), limit / (1.0 - circuit.margin), parent, of(parent));
    }
}

fn above_parent(
    part: &mut Part<'_>,
    (field, own, unit): (&str, f64, &str),
    may: f64,
    parent: &Circuit,
    limit: Option<f64>,
) {
    let (name, limit, margin) = (&parent.name, limit.unwrap_or_default(), parent.margin);
    let may = (may * 100.0).floor() / 100.0;
    let why = format_args!(
        "is {own}, expected at most {may}: circuit {name} that feeds it has {limit} {unit} with a margin of {margin}"
    );
    part.fault(field, why);
}

/// Every asset is on a circuit that is there and has its conductors.
fn members(report: &mut Report, model: &SiteModel, tree: &Tree) {
    // On a circuit of one phase, everything is on the same conductor: that of whatever comes first.
    let mut conductor: Vec<Option<(PhaseUse, &str)>> = vec![None; tree.order.len()];
    for asset in &model.assets {
        let part = &mut report.of("asset", asset.name.as_str());
        let known = |name: &crate::model::Name| model.circuits.iter().any(|circuit| circuit.name == *name);
        if let Some(name) = asset.circuit.as_ref().filter(|name| !known(name)) {
            part.fault("circuit", format_args!("is {name}, expected the name of a circuit"));
            continue;
        }
        let Some(place) = tree.of_asset(model, asset) else {
            if !model.circuits.is_empty() && !asset.role.is_meter() {
                part.fault("circuit", "is not given, expected the name of a circuit: more than one is at the top");
            }
            continue;
        };
        for single in tree.upwards(place).filter(|place| model.circuits[tree.order[*place]].phases == 1) {
            let name = &model.circuits[tree.order[single]].name;
            if matches!(asset.phases, PhaseUse::Three | PhaseUse::Switched) {
                let is = if asset.phases == PhaseUse::Three { "three" } else { "switched" };
                part.fault("phases", format_args!("is {is}, expected l1, l2 or l3: circuit {name} has one phase"));
                break;
            }
            let (same, first) = *conductor[single].get_or_insert((asset.phases, asset.name.as_str()));
            if same != asset.phases {
                let why = format_args!("is not that of {first}, though circuit {name} of both has one phase");
                part.fault("phases", why);
                break;
            }
        }
    }
    grid_meters(report, model);
}

fn grid_meters(report: &mut Report, model: &SiteModel) {
    let mut meters = model.assets.iter().filter(|asset| asset.role == Role::GridMeter);
    if let Some(first) = meters.next() {
        for other in meters {
            let part = &mut report.of("asset", other.name.as_str());
            part.fault("role", format_args!("is grid_meter, expected meter: {} is the grid meter already", first.name));
        }
    }
}
