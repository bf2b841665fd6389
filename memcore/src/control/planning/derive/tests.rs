//! Homes and islands, derived and planned.

use std::time::Duration;

use super::*;
use crate::control::{PlannedPowers, SiteModel};
use crate::model::{Sample, Timestamp};
use crate::optimize::{Ev, Grid, Plan, Terminal};

const HOME: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/home.control.toml"));
const ISLAND: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/island.control.toml"));

/// A site at ten in the evening, with what its meters say and what is expected of the day that comes.
struct Evening {
    model: CheckedModel,
    situation: Situation,
    now: Moment,
    expected: Expected,
}

impl Evening {
    fn of(text: &str, start: &str) -> Self {
        let model: SiteModel = toml::from_str(text).unwrap();
        let model = model.check().unwrap();
        let wall: Timestamp = start.parse().unwrap();
        let horizon = Horizon::even(wall, Span::from_seconds(900), 96).unwrap();
        let situation = Situation::new(&model);
        let now = Moment { wall, elapsed: Duration::from_secs(100) };
        let expected = Expected {
            horizon,
            load_w: vec![0.0; 96],
            sources_w: Vec::new(),
            buy_per_kwh: Vec::new(),
            sell_per_kwh: Vec::new(),
            outdoor_c: Vec::new(),
            departures: Vec::new(),
            peak_so_far_w: 0.0,
            previous: Vec::new(),
        };
        Self { model, situation, now, expected }
    }

    /// A winter's evening: cheap from midnight to five, a car that has come home, a house that is warm enough.
    fn home() -> Self {
        Self::home_as(HOME)
    }

    fn home_as(text: &str) -> Self {
        let mut home = Self::of(text, "2026-01-10T22:00:00+01:00");
        for (series, value) in [
            ("home1.grid.power", 600.0),
            ("home1.battery.soc", 0.3),
            ("home1.charger.power", 0.0),
            ("home1.washing_machine.power", 0.0),
            ("home1.charger.vehicle_soc", 0.4),
            ("home1.charger.connected", 1.0),
            ("home1.heat_pump.room_temperature", 20.8),
            ("home1.control_box.limit_active", 0.0),
        ] {
            home.reads(series, value);
        }
        let hour = |step: usize| (22 + step / 4) % 24;
        let profile = |of: fn(usize) -> f64| (0..96).map(|step| of(hour(step))).collect::<Vec<_>>();
        home.expected = Expected {
            buy_per_kwh: profile(|hour| if hour < 5 { 0.18 } else { 0.34 }),
            sources_w: vec![(name("pv"), profile(|hour| if (10..15).contains(&hour) { 3_000.0 } else { 0.0 }))],
            load_w: profile(|hour| if (17..22).contains(&hour) { 1_500.0 } else { 400.0 }),
            outdoor_c: vec![2.0; 96],
            ..home.expected
        };
        home
    }

    fn reads(&mut self, series: &str, value: f64) {
        let sample = Sample { time: self.now.wall, value };
        assert!(self.situation.read(&self.model, &series.parse().unwrap(), sample, self.now), "{series}");
    }

    fn derive(&self) -> Derived {
        self.model.derive(&self.situation, &self.expected, self.now).unwrap()
    }

    fn ev(&self) -> Ev {
        let assets = self.derive().site.assets;
        let found = assets.into_iter().find_map(|asset| if let Asset::Ev(ev) = asset { Some(ev) } else { None });
        found.expect("a car is planned")
    }

    fn grid(&self) -> Grid {
        let assets = self.derive().site.assets;
        let found = assets.into_iter().find_map(|asset| if let Asset::Grid(grid) = asset { Some(grid) } else { None });
        found.expect("a grid")
    }
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn battery(site: &Site) -> &crate::optimize::Battery {
    let found = site.assets.iter().find_map(|asset| if let Asset::Battery(battery) = asset { Some(battery) } else { None });
    found.expect("a battery is planned")
}

fn kinds(derived: &Derived) -> Vec<String> {
    derived.site.assets.iter().map(|asset| format!("{} {}", asset.kind(), asset.name())).collect()
}

#[test]
fn everything_is_said_once() {
    let home = Evening::home();
    let derived = home.derive();
    let expected = ["grid grid", "pv pv", "battery battery", "ev charger", "heat_pump heat_pump", "load uncontrolled"];
    assert_eq!(kinds(&derived), expected);
    assert_eq!((derived.left_out.len(), derived.notices.len()), (0, 0), "{:?}", derived.notices);
    let battery = battery(&derived.site);
    assert_eq!((battery.capacity_wh, battery.initial_wh, battery.wear_per_kwh), (10_000.0, 3_000.0, 0.04));
    assert_eq!((battery.min_wh.at(0), battery.max_wh.as_ref().unwrap().at(0)), (1_000.0, 10_000.0));
    // 35 A on three phases of 230 V, and 7 kW out, with 5 % kept free.
    let grid = home.grid();
    assert_eq!(grid.import_limit_w.unwrap().at(0).round(), 22_943.0);
    assert_eq!(grid.export_limit_w.unwrap().at(0), 6_650.0);
    assert_eq!((grid.sell_per_kwh.at(0), grid.buy_per_kwh.at(8)), (0.08, 0.18));
    derived.site.check().unwrap();
}

#[test]
fn every_plan_asks_the_same_of_the_end() {
    let mut home = Evening::home();
    let ends: Vec<_> = [0.2, 0.5, 0.9]
        .into_iter()
        .map(|soc| {
            home.reads("home1.battery.soc", soc);
            battery(&home.derive().site).terminal
        })
        .collect();
    assert_eq!(ends, [Terminal::AtLeastWh(5_500.0); 3]);
}

#[test]
fn a_car_leaves_at_seven_by_the_clock_on_the_wall() {
    let departure = |start: &str| {
        let mut home = Evening::of(HOME, start);
        home.reads("home1.charger.vehicle_soc", 0.4);
        home.reads("home1.charger.connected", 1.0);
        home.ev().sessions[0].departure.to_string()
    };
    assert_eq!(departure("2026-01-10T22:00:00+01:00"), "2026-01-11T06:00:00Z");
    assert_eq!(departure("2026-01-11T06:45:00+01:00"), "2026-01-11T06:00:00Z");
    // The night in which the clocks go forward, and the one in which they go back.
    assert_eq!(departure("2026-03-28T22:00:00+01:00"), "2026-03-29T05:00:00Z");
    assert_eq!(departure("2026-10-24T22:00:00+02:00"), "2026-10-25T06:00:00Z");
    let session = &Evening::home().ev().sessions[0];
    assert_eq!((session.initial_wh, session.target_wh), (23_200.0, 46_400.0));
}

#[test]
fn a_car_that_is_not_there_has_no_part_and_one_of_which_nothing_is_known_is_named() {
    let mut home = Evening::home();
    home.reads("home1.charger.connected", 0.0);
    assert!(!kinds(&home.derive()).contains(&"ev charger".to_owned()));
    assert!(home.derive().notices.is_empty());
    home.reads("home1.charger.connected", 1.0);
    home.situation = Situation::new(&home.model);
    home.reads("home1.charger.connected", 1.0);
    let derived = home.derive();
    assert!(derived.left_out.contains(&name("charger")) && derived.left_out.contains(&name("battery")));
    let notices = derived.notices.join("\n");
    assert!(notices.contains("battery is left out of the plan: its state of charge is not known"), "{notices}");
    assert!(notices.contains("heat_pump is left out of the plan: its temperature is not known"), "{notices}");
}

#[test]
fn a_state_of_charge_that_is_old_is_none() {
    let mut home = Evening::home();
    home.now = home.now.after(Span::from_seconds(3_600));
    assert!(home.derive().left_out.contains(&name("battery")));
}

#[test]
fn the_one_asset_that_a_circuit_can_hold_back_is_held_back() {
    // In the garage a kiln takes 4 kW: of 13.1 kW the car has what is left.
    let mut home = Evening::home();
    home.reads("home1.washing_machine.power", 4_000.0);
    let most = home.ev().charging.bands_w().last().unwrap().1;
    assert!((most - (20.0 * 0.95 * 690.0 - 4_000.0)).abs() < 1e-6, "{most}");
    // With 12 kW less than 6 A is left: nothing can be planned for it.
    home.reads("home1.washing_machine.power", 12_000.0);
    let derived = home.derive();
    assert!(derived.notices[0].contains("its circuit leaves 1110 W, less than its least power of 1380 W"), "{derived:?}");
}

#[test]
fn several_assets_on_a_circuit_that_could_be_overloaded_get_a_bus() {
    let text = HOME.replacen("role = \"heat_pump\"", "role = \"heat_pump\"\ncircuit = \"garage\"", 1);
    let derived = Evening::home_as(&text).derive();
    let link = &derived.site.links[0];
    assert_eq!((link.name.as_str(), link.from.as_str(), link.to.as_str()), ("garage", "main", "bus of garage"));
    assert_eq!(link.limit_w.at(0), 20.0 * 0.95 * 690.0);
    let on = |bus: &str| derived.site.assets.iter().filter(|asset| asset.bus() == bus).map(Asset::name).collect::<Vec<_>>();
    assert_eq!(on("bus of garage"), ["charger", "heat_pump"]);
    derived.site.check().unwrap();
}

#[test]
fn limits_from_outside_hold_for_the_next_hour_and_failsafes_for_two() {
    let mut home = Evening::home();
    home.reads("home1.control_box.limit_active", 1.0);
    let derived = home.derive();
    let link = &derived.site.links[0];
    assert_eq!((link.name.as_str(), link.limit_w.at(3), link.limit_w.at(4)), ("dso", 8_400.0, 1e9));
    derived.site.check().unwrap();
    // Without members it is the grid that is limited.
    let text = HOME.replacen(
        "signal = \"control_box:limit_active\"\nmembers = [\"charger\", \"heat_pump\", \"battery\"]",
        "signal = \"control_box:limit_active\"",
        1,
    );
    let mut home = Evening::home_as(&text);
    home.reads("home1.control_box.limit_active", 1.0);
    let import = home.grid().import_limit_w.unwrap();
    assert_eq!((import.at(3), import.at(4).round()), (8_400.0, 22_943.0));
    // Silence is a failsafe.
    home.situation = Situation::new(&home.model);
    home.reads("home1.battery.soc", 0.5);
    let import = home.grid().import_limit_w.unwrap();
    assert_eq!((import.at(7), import.at(8).round()), (8_400.0, 22_943.0));
}

#[test]
fn an_island_has_no_grid_keeps_its_reserve_and_sheds_in_order() {
    let mut island = Evening::of(ISLAND, "2026-01-10T22:00:00+03:00");
    for (series, value) in
        [("village.battery.soc", 0.6), ("village.genset.power", -20_000.0), ("village.transfer_switch.grid_present", 0.0)]
    {
        island.reads(series, value);
    }
    for (load, power) in [("water_pump", 2_000.0), ("mill", 5_000.0), ("homes", 9_000.0)] {
        island.reads(&format!("village.{load}.power"), power);
    }
    // At night nobody mills: so much is not even expected.
    island.expected.load_w = (0..96).map(|step| if step < 40 { 12_000.0 } else { 19_000.0 }).collect();
    let derived = island.derive();
    let priorities = derived.site.assets.iter().filter_map(|asset| match asset {
        Asset::Load(load) => Some((load.name.as_str(), load.priority, load.power_w.at(0), load.power_w.at(50))),
        _ => None,
    });
    let priorities: Vec<_> = priorities.collect();
    let expected = [
        ("water_pump", Some(0), 2_000.0, 2_000.0),
        ("mill", Some(1), 5_000.0, 5_000.0),
        ("homes", Some(2), 5_000.0, 9_000.0),
        ("uncontrolled", None, 0.0, 3_000.0),
    ];
    assert_eq!(priorities, expected);
    let genset =
        derived.site.assets.iter().find_map(|asset| if let Asset::Genset(genset) = asset { Some(genset) } else { None });
    let genset = genset.unwrap();
    assert_eq!((genset.min_w, genset.max_w, genset.initially_on), (18_000.0, 60_000.0, true));
    assert_eq!((genset.marginal_per_kwh, genset.min_up), (45.0, Some(Span::from_seconds(1_800))));
    // 8 kW stay ready, and the energy for an hour of them.
    let battery = battery(&derived.site);
    assert_eq!((battery.min_wh.at(0).round(), battery.discharge_limit_w.at(0)), (24_000.0 + 8_421.0, 42_000.0));
    let plan = solved(&derived);
    assert_eq!(plan.engine.engine, crate::optimize::Engine::Modes, "{}", plan.engine.why);
    assert!(plan.violations.is_empty(), "{:?}", plan.violations);
    // The genset runs half an hour at the least, and never below its least power.
    let powers = derived.powers(&island.model, &plan, island.now.wall);
    powers.for_site(&island.model, island.now).unwrap();
    let genset = powers.powers.iter().find(|(name, _)| name.as_str() == "genset").unwrap().1.clone();
    assert!(genset.iter().all(|power| *power == 0.0 || (-60_000.0..=-18_000.0).contains(&power.round())), "{genset:?}");
}

#[test]
fn what_is_expected_of_nobody_or_is_no_number_is_refused() {
    let refused = |change: fn(&mut Expected)| {
        let mut home = Evening::home();
        change(&mut home.expected);
        home.model.derive(&home.situation, &home.expected, home.now).unwrap_err().message().to_owned()
    };
    assert!(refused(|e| e.sources_w[0].0 = name("roof")).contains("something is expected of roof, which is no asset"));
    assert!(refused(|e| e.buy_per_kwh.truncate(95)).contains("buy_per_kwh has 95 values, but the plan has 96 steps"));
    assert!(refused(|e| e.load_w[4] = f64::NAN).contains("expected load_w is NaN in the step from 2026-01-10T22:00:00Z"));
    assert!(refused(|e| e.load_w.clear()).contains("load_w has 0 values"));
    assert!(refused(|e| e.peak_so_far_w = -1.0).contains("peak_so_far_w is -1"));
}

fn solved(derived: &Derived) -> Plan {
    let options = crate::optimize::Options::default();
    derived.site.solve(&options).unwrap().into_plan().expect("a plan")
}

#[test]
fn a_home_charges_at_night_and_its_car_is_full_at_seven() {
    let mut home = Evening::home();
    // Batteries and cars only: programs of heat take their time.
    home.expected.outdoor_c.clear();
    let derived = home.derive();
    assert_eq!(derived.left_out, [name("heat_pump")]);
    let plan = solved(&derived);
    assert!(plan.violations.is_empty(), "{:?}", plan.violations);
    let powers = derived.powers(&home.model, &plan, home.now.wall);
    powers.for_site(&home.model, home.now).unwrap();
    let column = |of: &str| powers.powers.iter().find(|(name, _)| name.as_str() == of).unwrap().1.clone();
    let soc = |of: &str| powers.socs.iter().find(|(name, _)| name.as_str() == of).unwrap().1.clone();
    // 22:00 to 24:00 are the first eight steps, the cheap hours the twenty after them.
    let (car, grid) = (column("charger"), column("grid"));
    let cheap: f64 = car[8..28].iter().sum();
    assert!(cheap > 0.99 * car.iter().sum::<f64>(), "{car:?}");
    assert!(soc("charger")[35] >= 0.8 - 1e-6, "{:?}", soc("charger"));
    assert!(car.iter().all(|power| *power == 0.0 || (1_380.0..=11_040.0).contains(&power.round())), "{car:?}");
    let most = 35.0 * 0.95 * 690.0;
    assert!(grid.iter().all(|power| *power <= most + 1e-6 && *power >= -6_650.0 - 1e-6));
    // In the dear hours of the evening the battery gives what the house takes.
    let battery = column("battery");
    assert!(battery[76..96].iter().sum::<f64>() < -1_000.0, "{battery:?}");
    assert!(soc("battery").iter().all(|soc| (0.1 - 1e-6..=1.0 + 1e-6).contains(soc)));
    assert!(soc("battery")[95] >= 0.55 - 1e-6);
    // What comes from the grid is what all others take, and what nobody controls.
    for step in 0..96 {
        let assets = powers.powers.iter().filter(|(of, _)| of.as_str() != "grid");
        let moved: f64 = assets.map(|(_, column)| column[step]).sum();
        let others = moved + home.expected.load_w[step];
        assert!((grid[step] - others).abs() < 1.0, "{step}: {} and {others}", grid[step]);
    }
}

#[test]
fn a_plan_of_what_is_left_of_a_step_has_the_steps_of_the_clock() {
    let mut home = Evening::home();
    let mut borders = home.expected.horizon.borders().to_vec();
    borders[0] = "2026-01-10T22:07:00+01:00".parse().unwrap();
    home.expected.horizon = Horizon::new(borders).unwrap();
    home.expected.outdoor_c.clear();
    let derived = home.derive();
    let powers = PlannedPowers::of_schedule(
        &home.model,
        &derived.site,
        &crate::optimize::Schedule::zeros(&derived.site),
        home.now.wall,
    );
    assert_eq!((powers.start, powers.step), ("2026-01-10T22:00:00+01:00".parse().unwrap(), Span::from_seconds(900)));
    assert_eq!(powers.valid_until, home.now.wall.saturating_add(Span::from_seconds(3_600)));
}
