//! What owners write, and what they are told.

use std::time::Duration;

use super::*;
use crate::control::{Measure, SelfConsumption, StrategyKind};

const HOME: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/home.control.toml"));
const ISLAND: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/island.control.toml"));

fn read(text: &str) -> SiteModel {
    toml::from_str(text).unwrap_or_else(|e| panic!("{e}"))
}

/// The home with one piece of its text replaced.
fn home_but(from: &str, to: &str) -> SiteModel {
    assert!(HOME.contains(from), "{from}");
    read(&HOME.replacen(from, to, 1))
}

fn refused(model: &SiteModel) -> String {
    model.check().map(|checked| checked.notices().join("\n")).expect_err("refused").message().to_owned()
}

#[test]
fn the_examples_are_good() {
    let home = read(HOME).check().unwrap();
    assert_eq!(home.notices(), ["circuit garage: meter is not given: what flows is taken to be the sum of its assets"]);
    assert_eq!(home.grid(), home.place("grid"));
    let village = read(ISLAND).check().unwrap();
    assert_eq!(village.forming(), village.place("battery"));
    assert_eq!(village.externals().len(), 0);
}

#[test]
fn a_model_is_written_as_it_was_read() {
    for text in [HOME, ISLAND] {
        let model = read(text);
        assert_eq!(read(&toml::to_string(&model).unwrap()), model);
        assert_eq!(serde_json::from_str::<SiteModel>(&serde_json::to_string(&model).unwrap()).unwrap(), model);
    }
}

#[test]
fn circuits_hold_what_is_on_those_within_them_and_meters_draw_nothing() {
    let home = read(HOME).check().unwrap();
    let named = |members: &[usize]| members.iter().map(|place| home.assets()[*place].name.to_string()).collect::<Vec<_>>();
    let [main, garage] = home.circuits() else { panic!("two circuits") };
    assert_eq!(named(&main.members), ["pv", "battery", "charger", "heat_pump", "washing_machine", "household"]);
    assert_eq!(named(&garage.members), ["charger", "washing_machine"]);
    assert_eq!((garage.within, main.meter, main.limit_a), (Some(0), home.grid(), 33.25));
    assert_eq!((main.import_w, main.export_w), (f64::INFINITY, 6_650.0));
}

#[test]
fn circuits_stand_after_what_feeds_them_however_deep_and_in_whatever_order() {
    let mut model = SiteModel::new("deep").unwrap();
    for level in (0..30).rev() {
        let circuit = Circuit::new(&format!("c{level}")).unwrap().limit_a(100.0 - f64::from(level));
        model = model.with(match level {
            0 => circuit,
            _ => circuit.within(&format!("c{}", level - 1)).unwrap(),
        });
    }
    let checked = model.with(Asset::load("lamp").unwrap().on("c29").unwrap()).check().unwrap();
    let order: Vec<_> = checked.circuits().iter().map(|circuit| circuit.name.to_string()).collect();
    assert_eq!(order, (0..30).map(|level| format!("c{level}")).collect::<Vec<_>>());
    assert!(checked.circuits().iter().all(|circuit| circuit.members == [0]));
    assert_eq!(checked.assets()[0].circuit, Some(29));
}

#[test]
fn what_is_not_said_is_derived() {
    let home = read(HOME).check().unwrap();
    let asset = |name: &str| &home.assets()[home.place(name).unwrap()];
    assert_eq!(asset("grid").silent_after, Duration::from_secs(3));
    assert_eq!(asset("battery").assumed_w, 5_000.0);
    assert_eq!(asset("household").assumed_w, 4_000.0);
    assert_eq!(asset("washing_machine").steps, Steps::Levels(vec![0.0, 2_200.0]));
    assert_eq!(asset("charger").departure.unwrap().to_string(), "07:00");
    // Without a word, a load behind a fuse of 35 A could draw all of it.
    let silent = home_but("assumed_w = 4000\n", "").check().unwrap();
    assert_eq!(silent.assets()[silent.place("household").unwrap()].assumed_w, 3.0 * 230.0 * 35.0);
}

#[test]
fn every_channel_leads_to_what_it_measures() {
    let home = read(HOME).check().unwrap();
    let brings = |series: &str| home.inputs.get(&series.parse().unwrap()).cloned().unwrap_or_default();
    assert_eq!(brings("home1.battery.soc"), [(Measure::Soc, home.place("battery").unwrap())]);
    assert_eq!(brings("home1.grid.current_l3"), [(Measure::CurrentL3, home.place("grid").unwrap())]);
    assert_eq!(brings("home1.control_box.limit_active"), [(Measure::External, 0)]);
    // What is known of a price is mostly its future.
    assert_eq!(brings("home1.market.buy_price"), []);
    assert_eq!(home.buy_series().unwrap().to_string(), "home1.market.buy_price");
    let village = read(ISLAND).check().unwrap();
    let present = village.inputs.get(&"village.transfer_switch.grid_present".parse().unwrap());
    assert_eq!(present.unwrap(), &[(Measure::GridPresent, 0)]);
}

#[test]
fn builders_say_what_files_say() {
    let file = r#"
        site = "home1"
        zone = "Europe/Berlin"
        asset = [
            { name = "meter", role = "grid_meter", currents = ["l1", "l2", "l3"] },
            { name = "battery", role = "battery", soc = "soc", setpoint = "power", range_w = [-5000, 5000], storage = { capacity_wh = 10000 } },
            { name = "box", role = "charger", circuit = "garage", setpoint = "limit", setpoint_unit = "a", least_w = 1380, range_w = [0, 11040], phases = "switched", phase_setpoint = "phases" },
        ]
        circuit = [
            { name = "main", limit_a = 35, meter = "meter" },
            { name = "garage", within = "main", limit_a = 16 },
        ]
        group = [{ name = "flexible", members = ["battery", "box"], share_by = "soc" }]
        external = [{ name = "dso", signal = "box14a:limit", failsafe_w = 4200, members = ["battery", "box"] }]
        tariff = { buy_per_kwh = 0.3 }
        planning = {}
        strategy = [{ kind = "self_consumption" }]
    "#;
    let built = || -> crate::error::Result<SiteModel> {
        let battery = Asset::battery("battery", 10_000.0, [-5_000.0, 5_000.0])?.soc("soc").setpoint("power");
        let charger = Asset::charger("box", 1_380.0, 11_040.0)?.on("garage")?.setpoint("limit");
        let charger = charger.setpoint_unit(SetpointUnit::A).switched_phases("phases");
        Ok(SiteModel::new("home1")?
            .zone("Europe/Berlin")
            .with(Asset::grid_meter("meter")?.currents(["l1", "l2", "l3"]))
            .with(battery)
            .with(charger)
            .with(Circuit::new("main")?.limit_a(35.0).metered_by("meter")?)
            .with(Circuit::new("garage")?.within("main")?.limit_a(16.0))
            .with(Group::new("flexible", ["battery", "box"])?.share_by(ShareBy::Soc))
            .with(ExternalLimit::new("dso", "box14a:limit", 4_200.0)?.members(["battery", "box"])?)
            .with(Tariff { buy_per_kwh: Some(0.3), ..Tariff::default() })
            .with(Planning::default())
            .with(StrategyKind::SelfConsumption(SelfConsumption::default())))
    };
    assert_eq!(built().unwrap(), read(file));
    assert!(Asset::load("my load").unwrap_err().message().contains("my load"));
}

#[test]
fn all_faults_are_told_at_once() {
    let mut model = read(HOME);
    model.zone = "Berlin".to_owned();
    model.assets[2].safe_w = Some(7_000.0);
    model.circuits[1].limit_a = Some(63.0);
    let told = refused(&model);
    assert_eq!(
        told.lines().collect::<Vec<_>>(),
        [
            "3 faults:",
            "- site home1: zone is \"Berlin\", expected a name such as Europe/Berlin",
            "- asset battery: safe_w is 7000, expected within range_w of [-5000, 5000]",
            "- circuit garage: limit_a is 63, expected at most 35: circuit main that feeds it has 35 A with a margin of 0.05",
        ]
    );
    for asset in 0..50 {
        model = model.with(Asset::pv(&format!("pv{asset}"), -8_000.0).unwrap());
    }
    let told = refused(&model);
    assert_eq!((told.lines().count(), told.lines().last().unwrap()), (22, "- and 33 more"));
}

/// What each change of the home's file is told.
#[test]
fn what_cannot_be_is_refused_by_name() {
    let cases = [
        ("name = \"pv\"", "name = \"battery\"", "asset battery: name is battery, as another asset is called already"),
        ("name = \"garage\"", "name = \"charger\"", "circuit charger: name is charger, as an asset is called already"),
        ("tick = \"1s\"", "tick = \"0s\"", "site home1: tick is 0s, expected from 50ms to 1m"),
        ("lease = \"1m\"", "lease = \"2s\"", "lease is 2s, expected at least 3s: three ticks of 1s"),
        ("lease = \"1m\"", "lease = \"4s\"", "lease is 4s, expected at least 5s: asset pv reports that seldom"),
        ("power = \"power\"\nsoc", "power = \"power\"\nvoltage = \"soc\"\nsoc", "another of its channels already"),
        ("range_w = [-9800, 0]", "range_w = [0, 9800]", "expected such as [-9800, 0]: power flows out of a pv"),
        ("range_w = [-9800, 0]\n", "", "asset pv: range_w is not given, expected such as [-8000, 0]"),
        ("range_w = [-9800, 0]", "range_w = [nan, 0]", "asset pv: range_w is NaN, expected a number"),
        ("range_w = [-9800, 0]", "range_w = [-9800, inf]", "asset pv: range_w is inf, expected a number"),
        ("range_w = [-5000, 5000]", "range_w = [5000, -5000]", "expected the lower power first: [-5000, 5000]"),
        ("range_w = [-5000, 5000]", "range_w = [1000, 5000]", "it must be able to do nothing"),
        ("range_w = [-5000, 5000]\n", "", "asset battery: range_w is not given, expected such as [-5000, 5000]"),
        ("range_w = [-5000, 5000]", "range_w = [-5, 5]", "which no battery has: did you mean [-5000, 5000]?"),
        ("capacity_wh = 10000", "capacity_wh = 10", "5000 W fill it in 7 s, did you mean 10000 Wh?"),
        ("capacity_wh = 10000", "capacity_wh = 10000000", "to fill 10000000 Wh takes 2000 h"),
        ("capacity_wh = 10000", "capacity_wh = 0", "asset battery: storage.capacity_wh is 0, expected above zero"),
        ("min_soc = 0.1", "min_soc = 10", "storage.min_soc is 10, expected a share from 0 to 1: did you mean 0.1?"),
        ("min_soc = 0.1", "min_soc = 0.9, max_soc = 0.8", "storage.min_soc is 0.9, expected below max_soc of 0.8"),
        ("wear_per_kwh = 0.04", "charge_efficiency = 95", "did you mean 0.95?"),
        ("storage = { capacity_wh = 10000, min_soc = 0.1, wear_per_kwh = 0.04 }\n", "", "storage is not given"),
        ("ramp_w_per_s = 2500", "ramp_w_per_s = 0", "ramp_w_per_s is 0, expected above zero"),
        ("ramp_w_per_s = 2500", "step_w = 20000", "step_w is 20000, expected at most 10000: range_w is [-5000, 5000]"),
        ("ramp_w_per_s = 2500", "levels_w = [0, -5000]", "levels_w is [0.0, -5000.0], expected in ascending order"),
        ("ramp_w_per_s = 2500", "levels_w = [-5000, 5000]", "expected 0 among them"),
        ("ramp_w_per_s = 2500", "levels_w = [0, 6000]", "expected within range_w of [-5000, 5000]"),
        ("ramp_w_per_s = 2500", "least_w = 6000", "least_w is 6000, expected at most 5000"),
        ("ramp_w_per_s = 2500", "least_w = 500\nsafe_w = 200", "between them it cannot run"),
        ("ramp_w_per_s = 2500", "fuel = { marginal_per_kwh = 1 }", "fuel does not fit role battery: it is for a genset"),
        ("ramp_w_per_s = 2500", "vehicle = { capacity_wh = 1 }", "vehicle does not fit role battery"),
        ("ramp_w_per_s = 2500", "setpoint_unit = \"on_off\"", "setpoint_unit is on_off, expected w or a"),
        ("ramp_w_per_s = 2500", "period = \"0s\"", "asset battery: period is 0s"),
        ("ramp_w_per_s = 2500", "volts = 0", "asset battery: volts is 0"),
        ("least_w = 1380\n", "", "asset charger: least_w is not given, expected such as 1380"),
        ("range_w = [0, 11040]", "range_w = [0, 11]", "did you mean [0, 11000]?"),
        ("phase_setpoint = \"phases\"\n", "", "asset charger: phase_setpoint is not given"),
        ("phases = \"switched\"\n", "", "phases is not switched, though phase_setpoint is given"),
        ("departure = \"07:00\"", "departure = \"7 am\"", "vehicle.departure is \"7 am\", expected a time of day"),
        ("target_soc = 0.8", "target_soc = 80", "did you mean 0.8?"),
        ("min_on = \"5m\"", "min_on = \"5d\"", "asset charger: min_on is 5d, expected from 0s to 1d"),
        ("comfort_max_c = 23", "comfort_max_c = 18", "heat.building.comfort_max_c is 18, expected from 20 to 100"),
        ("setpoint_unit = \"on_off\"", "setpoint_unit = \"a\"", "asset washing_machine: setpoint_unit is a"),
        ("setpoint = \"on\"\n", "", "asset washing_machine: setpoint is not given, though shed_order is"),
        ("[\"current_l1\", \"current_l2\", \"current_l3\"]", "[\"a\", \"b\"]", "currents has 2 channels, expected 1 or 3"),
        (
            "power = \"power\"\nassumed_w = 4000",
            "power = \"pv:power\"",
            "household: power is \"pv:power\", which is a channel of",
        ),
        ("setpoint = \"on\"", "setpoint = \"battery:power\"", "two assets on one channel"),
        ("setpoint = \"on\"", "setpoint = \"battery:power/x\"", "asset washing_machine: setpoint is \"battery:power/x\""),
        ("role = \"load\"\npower", "role = \"grid_meter\"\npower", "role is grid_meter, expected meter: grid is the grid"),
        (
            "role = \"load\"\npower",
            "role = \"load\"\ncircuit = \"attic\"\npower",
            "circuit is attic, expected the name of a",
        ),
        ("within = \"main\"", "within = \"cellar\"", "circuit garage: within is cellar, expected the name of a circuit"),
        ("name = \"main\"\n", "name = \"main\"\nwithin = \"garage\"\n", "goes in a circle: main within garage within main"),
        ("meter = \"grid\"", "meter = \"battery\"", "meter is battery of role battery, expected one of role grid_meter"),
        ("meter = \"grid\"", "meter = \"gird\"", "circuit main: meter is gird, expected the name of an asset"),
        ("meter = \"grid\"", "margin = 0.6", "circuit main: margin is 0.6, expected from 0 to 0.5"),
        ("meter = \"grid\"", "phases = 2", "circuit main: phases is 2, expected 1 or 3"),
        ("meter = \"grid\"", "phases = 1", "circuit garage: phases is 3, expected at most 1"),
        ("limit_a = 20", "limit_a = 20\nphases = 1", "asset charger: phases is switched, expected l1, l2 or l3"),
        ("limit_a = 20", "limit_a = 20\nexport_limit_w = 9000", "export_limit_w is 9000, expected at most 7000"),
        ("limit_a = 20", "limit_a = -20", "circuit garage: limit_a is -20"),
        ("export_limit_w = 7000", "export_limit_w = 7", "export_limit_w is 7 W: did you mean 7000 W?"),
        ("members = [\"charger\", \"heat_pump\", \"battery\"]\nshare", "members = [\"car\"]\nshare", "members holds car"),
        ("members = [\"charger\", \"heat_pump\", \"battery\"]\nshare", "members = []\nshare", "members is empty"),
        ("share_by = \"order\"", "share_by = \"soc\"", "share_by is soc, though heat_pump has no channel `soc`"),
        (
            "signal = \"control_box:limit_active\"",
            "signal = \"limit\"",
            "external dso: signal is \"limit\", expected device:channel",
        ),
        ("failsafe_w = 8400", "failsafe_w = 8.4", "external dso: failsafe_w is 8.4 W: did you mean 8400 W?"),
        ("failsafe_w = 8400", "failsafe_w = -1", "external dso: failsafe_w is -1, expected zero or above"),
        ("silent_after = \"2m\"", "silent_after = \"0s\"", "external dso: silent_after is 0s"),
        ("sell_per_kwh = 0.08", "buy_per_kwh = 0.3", "buy_per_kwh is 0.3 beside buy_series of \"market:buy_price\""),
        ("sell_per_kwh = 0.08", "demand_interval = \"15m\"", "tariff: demand_interval is given without demand_per_kw"),
        ("sell_per_kwh = 0.08", "sell_per_kwh = nan", "tariff: sell_per_kwh is NaN, expected a number"),
        ("kind = \"follow_plan\"", "kind = \"self_consumption\"", "self_consumption: name is self_consumption, as another"),
        ("every = \"15m\"\nahead", "every = \"2h\"\nahead", "planning: valid_for is 1h, expected at least `every` of 2h"),
        ("ahead = \"1d\"", "ahead = \"1h\"\nsoc_off = 10", "planning: soc_off is 10"),
        ("ahead = \"1d\"", "ahead = \"50m\"", "ahead is 50m, expected a whole number of steps of 15m"),
    ];
    for (from, to, expected) in cases {
        let told = refused(&home_but(from, to));
        assert!(told.contains(expected), "{from:?} -> {to:?}\nexpected {expected}\ngot {told}");
    }
}

#[test]
fn whoever_is_on_no_circuit_where_two_are_at_the_top_is_told() {
    let told = refused(&home_but("within = \"main\"\n", ""));
    assert!(
        told.contains("asset battery: circuit is not given, expected the name of a circuit: more than one is"),
        "{told}"
    );
    // The meter measures both.
    assert!(!told.contains("asset grid"), "{told}");
}

#[test]
fn a_circuit_of_one_phase_has_one_conductor() {
    let on = |first: PhaseUse, second: PhaseUse| {
        SiteModel::new("flat")
            .unwrap()
            .with(Circuit::new("fuse").unwrap().limit_a(16.0).phases(1))
            .with(Asset::load("oven").unwrap().phases(first))
            .with(Asset::load("lamp").unwrap().phases(second))
    };
    on(PhaseUse::L2, PhaseUse::L2).check().unwrap();
    let told = refused(&on(PhaseUse::L2, PhaseUse::L3));
    assert_eq!(told, "asset lamp: phases is not that of oven, though circuit fuse of both has one phase");
    assert!(refused(&on(PhaseUse::L2, PhaseUse::Three)).contains("asset lamp: phases is three, expected l1, l2 or l3"));
}

#[test]
fn limits_are_compared_with_their_margins() {
    let fuses = |child_a: f64, margin: f64| {
        SiteModel::new("home")
            .unwrap()
            .with(Circuit::new("main").unwrap().limit_a(35.0))
            .with(Circuit::new("sub").unwrap().within("main").unwrap().limit_a(child_a).margin(margin))
            .with(Asset::load("rest").unwrap().on("sub").unwrap())
    };
    fuses(35.0, 0.05).check().unwrap();
    fuses(33.25, 0.0).check().unwrap();
    let told = refused(&fuses(35.0, 0.0));
    assert_eq!(
        told,
        "circuit sub: limit_a is 35, expected at most 33.25: circuit main that feeds it has 35 A with a margin of 0.05"
    );
}

#[test]
fn an_island_names_who_forms_its_grid() {
    let but = |from: &str, to: &str| read(&ISLAND.replacen(from, to, 1));
    assert!(
        refused(&but("forming = \"battery\"", "forming = \"mill\"")).contains("of role load, expected a battery or genset")
    );
    assert!(
        refused(&but("forming = \"battery\"", "forming = \"x\"")).contains("island: forming is x, expected the name of")
    );
    assert!(refused(&but("reserve_soc = 0.3", "reserve_soc = 0.97")).contains("expected below storage.max_soc of battery"));
    assert!(refused(&but("grid_present = \"transfer_switch:", "grid_present = \":")).contains("island: grid_present is"));
    assert!(
        refused(&but("safe_w = 30000", "safe_w = 10000"))
            .contains("homes: safe_w is 10000, expected 0 (off) or 30000 (on)")
    );
}

#[test]
fn what_is_odd_but_may_be_meant_is_a_notice() {
    let notices = |from: &str, to: &str| home_but(from, to).check().unwrap().notices().join("\n");
    assert!(notices("sell_per_kwh = 0.08", "sell_per_kwh = 8").contains("if it is in hundredths, give 0.08"));
    assert!(notices("soc = \"soc\"\n", "").contains("asset battery: soc is not given: nothing guards its state of charge"));
    assert!(notices("failsafe_w = 8400", "failsafe_w = 9000").contains("silence allows more than the limit"));
    assert!(notices("assumed_w = 4000", "min_on = \"5m\"").contains("household: min_on has no effect"));
    assert!(
        notices("safe_w = -7000\n", "")
            .contains("pv: safe_w is not given: while nobody decides it gives up to 9800 W, and 7000 W")
    );
    assert!(
        notices("limit_a = 20", "limit_a = 20\nimport_limit_w = 20000").contains("more than limit_a lets through: 13800 W")
    );
}

#[test]
fn a_site_without_end_is_refused_before_it_is_looked_at() {
    let load = Asset::load("load").unwrap();
    let model = (0..1_001).fold(SiteModel::new("home").unwrap(), |model, _| model.with(load.clone()));
    assert_eq!(refused(&model), "site home: asset is there 1001 times, expected at most 1000");
    assert_eq!(refused(&SiteModel::new("home").unwrap()), "site home: asset is not given, expected at least one");
}

#[test]
fn unknown_fields_and_roles_are_refused_as_they_are_read() {
    let wrong = |from: &str, to: &str| toml::from_str::<SiteModel>(&HOME.replacen(from, to, 1)).unwrap_err().to_string();
    assert!(wrong("capacity_wh", "capacity_kwh").contains("capacity_kwh"));
    assert!(wrong("role = \"pv\"", "role = \"solar\"").contains("unknown variant `solar`"));
    assert!(wrong("failsafe_w = 8400\n", "").contains("missing field `failsafe_w`"));
}

#[test]
fn a_site_is_drawn_as_a_tree() {
    let drawn = read(HOME).tree();
    let expected = [
        "home1: Europe/Berlin, EUR, decided every 1s, commands hold for 1m",
        "└─ [main] 35 A, 7 kW out, 5 % kept free, measured by grid",
        "   ├─ grid: grid meter, measured only, planned as the grid",
        "   ├─ pv: pv, -9.8 kW to 0 W, controlled through power (W), -7 kW is safe, planned as a source that can be curtailed",
        "   ├─ battery: battery, 10 kWh, -5 kW to 5 kW, controlled through power (W), 0 W is safe, planned as a battery",
        "   ├─ heat_pump: heat pump, 0 W to 3 kW, at least 800 W, controlled through power (W), 1 kW is safe, planned as a heat pump with its building",
        "   ├─ household: load, measured only, planned as load",
        "   └─ [garage] 20 A, 5 % kept free",
        "      ├─ charger: charger, 0 W to 11.04 kW, at least 1.38 kW, vehicle of 58 kWh to 80 % by 07:00, controlled through current (A), 0 W is safe, planned as a vehicle while it is connected",
        "      └─ washing_machine: switch, 0 W to 2.2 kW, controlled through on (on/off), 0 W is safe, planned as a load that may be shed",
        "limit dso: 8.4 kW for charger, heat_pump, battery, 8.4 kW while control_box:limit_active is silent",
        "group steerable: charger, heat_pump, battery",
        "planned every 15m, 1d ahead in steps of 15m",
        "strategies: follow_plan (50), surplus_charging (40), self_consumption (30)",
    ];
    assert_eq!(drawn.lines().collect::<Vec<_>>(), expected);
    // What goes in a circle does not end up there for good.
    let circle = home_but("name = \"main\"\n", "name = \"main\"\nwithin = \"garage\"\n").tree();
    assert!(circle.lines().count() < 20, "{circle}");
}

/// The fields of a part of the file, as whoever reads it would list them to one who wrote another.
fn fields(part: &str) -> Vec<String> {
    let text = match part {
        "" => "site = \"home1\"\nno_field = 1".to_owned(),
        "tariff" | "planning" => format!("site = \"home1\"\n[{part}]\nno_field = 1"),
        "island" => "site = \"home1\"\n[island]\ngrid_present = \"a:b\"\nno_field = 1".to_owned(),
        "asset" | "circuit" | "group" | "external" => format!("site = \"home1\"\n[[{part}]]\nno_field = 1"),
        within => format!("site = \"home1\"\n[[asset]]\nname = \"a\"\nrole = \"load\"\n[asset.{within}]\nno_field = 1"),
    };
    let told = toml::from_str::<SiteModel>(&text).unwrap_err().message().to_owned();
    let (_, expected) = told.split_once("expected ").unwrap_or_else(|| panic!("{part}: {told}"));
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_field_is_in_the_page() {
    const PAGE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/control.md"));
    let site_file = PAGE.split("## The site file").nth(1).unwrap();
    let parts = [
        ("", "### The site\n"),
        ("asset", "### `[[asset]]`"),
        ("storage", "| field of `storage`"),
        ("vehicle", "| field of `vehicle`"),
        ("fuel", "| field of `fuel`"),
        ("heat.building", "| field of `heat.building`"),
        ("heat.tank", "| field of `heat.tank`"),
        ("circuit", "### `[[circuit]]`"),
        ("group", "| field of `group`"),
        ("external", "| field of `external`"),
        ("tariff", "| field of `tariff`"),
        ("island", "| field of `island`"),
        ("planning", "| field of `planning`"),
    ];
    for (part, heading) in parts {
        let (_, after) = site_file.split_once(heading).unwrap_or_else(|| panic!("{heading} is missing"));
        let rows: Vec<_> = after.lines().skip_while(|line| !line.starts_with("|---")).skip(1).collect();
        let rows = rows.into_iter().take_while(|line| line.starts_with('|'));
        let names = rows.filter_map(|row| row.split('|').nth(1));
        let written: Vec<String> = names.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_owned).collect();
        let aliases = ["assets", "circuits", "groups", "externals", "strategies"];
        let mut known: Vec<_> = fields(part).into_iter().filter(|name| !aliases.contains(&name.as_str())).collect();
        let mut written: Vec<_> = written.into_iter().collect();
        known.sort();
        written.sort();
        assert_eq!(written, known, "{heading}");
    }
}
