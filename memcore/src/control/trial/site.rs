//! Sites that nobody would build, and that are allowed.

use crate::control::{
    Asset, CheckedModel, Circuit, ExternalLimit, Group, Island, PhaseUse, Role, SetpointUnit, SiteModel, Storage,
};
use crate::model::Span;
use crate::model::dice::Random;

/// The most assets of a site, its meters aside.
const ASSETS: usize = 9;

/// A site out of dice: up to twelve assets, up to three circuits within each other, a limit from outside, perhaps an island.
pub(super) fn random(dice: &mut Random) -> CheckedModel {
    let mut model = SiteModel::new("trial").unwrap();
    let circuits = 1 + dice.below(3);
    model = model.with(meter(dice, Asset::grid_meter("grid").unwrap()));
    for circuit in 0..circuits {
        model = model.with(self::circuit(dice, circuit));
        if circuit == 1 {
            model = model.with(meter(dice, Asset::meter("inner").unwrap()));
        }
    }
    let assets = 2 + dice.below(ASSETS - 1);
    for at in 0..assets {
        let asset = asset(dice, &format!("a{at}"));
        model = model.with(asset.on(&format!("c{}", dice.below(circuits))).unwrap());
    }
    let steered = model.assets.iter().filter(|asset| asset.setpoint.is_some()).map(|asset| asset.name.to_string());
    if let [first, .., last] = &steered.collect::<Vec<_>>()[..] {
        model = model.with(Group::new("pair", [first.as_str(), last.as_str()]).unwrap());
    }
    if dice.once_in(3) {
        let limit = external(dice, &model);
        model = model.with(limit);
    }
    let outer = |asset: &&Asset| asset.storage.is_some() && asset.circuit.as_ref().is_some_and(|on| on.as_str() == "c0");
    if let Some(battery) = model.assets.iter().find(outer).filter(|_| dice.once_in(3)) {
        // Its fuse is that of the site: what it gives is not limited by a circuit within.
        let island = Island::new("switch:present").formed_by(battery.name.as_str()).unwrap();
        model = model.with(Island { reserve_w: 500.0, reserve_soc: 0.2, ..island });
    }
    model.check().unwrap_or_else(|e| panic!("{e}"))
}

fn meter(dice: &mut Random, meter: Asset) -> Asset {
    let meter = meter.period(Span::from_seconds(dice.one_of(&[1, 1, 5])));
    if dice.once_in(2) { meter.currents(["l1", "l2", "l3"]) } else { meter }
}

fn circuit(dice: &mut Random, at: usize) -> Circuit {
    let circuit = Circuit::new(&format!("c{at}")).unwrap().margin(0.05);
    let circuit = match at {
        0 => circuit.metered_by("grid").unwrap().limit_a(dice.one_of(&[25.0, 35.0, 63.0])),
        1 => circuit.within("c0").unwrap().metered_by("inner").unwrap().limit_a(dice.one_of(&[16.0, 20.0, 25.0])),
        _ => circuit.within(dice.one_of(&["c0", "c1"])).unwrap().import_limit_w(dice.one_of(&[4_000.0, 9_000.0])),
    };
    let exports = at == 0 && dice.once_in(2);
    if exports { circuit.export_limit_w(dice.one_of(&[1_000.0, 5_000.0])) } else { circuit }
}

fn asset(dice: &mut Random, name: &str) -> Asset {
    let one = dice.one_of(&[PhaseUse::Three, PhaseUse::L1, PhaseUse::L3]);
    let asset = match dice.below(8) {
        0 | 1 => {
            let most_w = dice.one_of(&[3_000.0, 5_000.0]);
            let storage = Storage { min_soc: 0.1, max_soc: 0.9, ..Storage::new(4_000.0) };
            let battery = Asset::battery(name, 4_000.0, [-most_w, most_w]).unwrap().storage(storage).soc("soc");
            if dice.once_in(3) { battery.ramp_w_per_s(500.0) } else { battery }
        }
        2 => Asset::charger(name, 4_140.0, 11_040.0).unwrap(),
        3 => Asset::charger(name, 1_380.0, 11_040.0).unwrap().switched_phases("phases").setpoint_unit(SetpointUnit::A),
        4 => Asset::heat_pump(name, 3_000.0).unwrap().least_w(800.0).min_on(minutes(2)).min_off(minutes(1)).phases(one),
        5 => Asset::switch(name, 2_000.0).unwrap().power("power").min_on(minutes(1)).min_off(minutes(1)).phases(one),
        6 => Asset::pv(name, 6_000.0).unwrap().safe_w(dice.one_of(&[0.0, -6_000.0])),
        _ => {
            let load = Asset::load(name).unwrap().power("power").range_w([0.0, 3_000.0]).phases(one);
            match dice.below(3) {
                0 => load.step_w(500.0),
                1 => load.ramp_w_per_s(200.0),
                _ => load.levels_w(vec![0.0, 1_000.0, 3_000.0]),
            }
        }
    };
    // Some are only measured.
    let controlled = asset.storage.is_some() || asset.phase_setpoint.is_some() || dice.below(5) > 0;
    let asset = asset.period(Span::from_seconds(dice.one_of(&[1, 1, 2, 5])));
    if controlled { asset.setpoint("setpoint") } else { measured(asset) }
}

/// What is not controlled says less.
fn measured(asset: Asset) -> Asset {
    let plain = Asset::load(asset.name.as_str()).unwrap().power("power").phases(asset.phases).period(asset.period);
    plain.range_w([0.0, 3_000.0]).assumed_w(3_000.0)
}

fn minutes(minutes: i64) -> Span {
    Span::from_seconds(60 * minutes)
}

fn external(dice: &mut Random, model: &SiteModel) -> ExternalLimit {
    let steered = model
        .assets
        .iter()
        .filter(|asset| asset.setpoint.is_some() && asset.role != Role::Pv)
        .map(|asset| asset.name.to_string());
    let steered = steered.collect::<Vec<_>>();
    let limit = ExternalLimit::new("dso", "box:limit", 4_200.0).unwrap();
    let limit = ExternalLimit { silent_after: Span::from_seconds(30), min_duration: Span::from_seconds(120), ..limit };
    if steered.is_empty() || dice.once_in(3) { limit } else { limit.members(steered.iter().map(String::as_str)).unwrap() }
}
