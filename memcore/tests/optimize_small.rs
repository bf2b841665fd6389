//! Small sites whose right plan can be worked out by hand: what each kind of price, limit and loss must lead to.

use memcore::model::{Currency, Span, Timestamp};
use memcore::optimize::{
    Asset, Battery, CostCause, Deferrable, DemandCharge, Genset, Grid, Horizon, Infeasible, Load, Options, Outcome, Plan,
    Quantity, Site, Source, Status, Terminal,
};
#[cfg(feature = "solvers")]
use memcore::optimize::{Charging, Ev, HeatPump, Session, Tank};

fn from(start: &str, minutes: i64, steps: usize) -> Horizon {
    Horizon::even(start.parse().unwrap(), Span::from_seconds(60 * minutes), steps).unwrap()
}

fn hours(steps: usize) -> Horizon {
    from("2026-01-01T12:00:00Z", 60, steps)
}

fn site(horizon: Horizon, assets: impl IntoIterator<Item = Asset>) -> Site {
    Site::new(Currency::EUR, horizon, assets)
}

fn plan(site: &Site) -> Plan {
    match site.solve(&Options::default()).unwrap() {
        Outcome::Plan(plan) => *plan,
        other => panic!("{other:?}"),
    }
}

fn infeasible(site: &Site) -> Infeasible {
    match site.solve(&Options::default()).unwrap() {
        Outcome::Infeasible(infeasible) => *infeasible,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn costs(site: &Site, expected: f64) -> Plan {
    let plan = plan(site);
    assert!((plan.objective - expected).abs() < 1e-6 * expected.abs().max(1.0), "{} for {expected}", plan.objective);
    let items: f64 = plan.costs.iter().map(|cost| cost.amount).sum();
    assert!((items - plan.objective).abs() < 1e-9);
    assert_eq!(plan.status, Status::Optimal);
    plan
}

/// 10 kWh and 5 kW, half full, as the guide's small inputs have it.
fn battery() -> Battery {
    Battery::new("battery", 10_000.0, 5_000.0, 5_000.0, 5_000.0)
}

fn load(power_w: f64) -> Asset {
    Load::new("load", power_w).into()
}

#[test]
fn negative_prices_do_not_burn_energy_in_the_battery() {
    // An hour charges what the other can give to the load: charging and discharging at once would "earn" 0.8925.
    let grid = Grid::new("grid", -0.3).export_limit_w(0.0);
    let battery = battery().terminal(Terminal::ExactlyWh(5_000.0));
    let plan = costs(&site(hours(2), [grid.into(), battery.into(), load(1_000.0)]), -0.3 * (1.0 + 1.0 / 0.9025));
    let charge = plan.column("battery", Quantity::Charge).unwrap();
    let discharge = plan.column("battery", Quantity::Discharge).unwrap();
    assert!(charge.iter().zip(discharge).all(|(charge, discharge)| *charge == 0.0 || *discharge == 0.0));
}

#[test]
fn a_negative_price_of_export_curtails_where_the_battery_is_full() {
    let full = Battery::new("battery", 10_000.0, 5_000.0, 5_000.0, 10_000.0);
    let grid = Grid::new("grid", 0.3).sell_per_kwh(-0.06);
    let site = site(hours(1), [grid.into(), Source::new("pv", 8_000.0).into(), full.into(), load(1_000.0)]);
    assert_eq!(costs(&site, 0.0).column("pv", Quantity::Curtailed).unwrap(), [7_000.0]);
}

#[test]
fn a_tariff_above_the_price_of_energy_is_not_bought_and_sold_at_once() {
    let grid = Grid::new("grid", 0.1).sell_per_kwh(0.4).import_limit_w(10_000.0).export_limit_w(7_000.0);
    costs(&site(hours(1), [grid.into(), load(1_000.0)]), 0.1);
}

#[test]
fn a_battery_cycles_only_where_the_spread_pays_its_losses_and_its_wear() {
    let two_hours = |second: f64, wear: f64| {
        let battery = Battery::new("battery", 10_000.0, 5_000.0, 5_000.0, 0.0).wear_per_kwh(wear);
        let load = Load::new("load", [0.0, 1_000.0]);
        site(hours(2), [Grid::new("grid", [0.2, second]).into(), battery.into(), load.into()])
    };
    costs(&two_hours(0.22, 0.0), 0.22);
    costs(&two_hours(0.23, 0.0), 0.221_606_648);
    costs(&two_hours(0.26, 0.05), 0.26);
    costs(&two_hours(0.28, 0.05), 0.271_606_648);
}

#[test]
fn a_demand_charge_costs_what_a_new_peak_adds() {
    let with_peak = |peak_so_far_w: f64| {
        let charge = DemandCharge { peak_so_far_w, ..DemandCharge::new(10.0) };
        let grid = Grid::new("grid", 0.3).demand_charges(vec![charge]);
        let battery = battery().terminal(Terminal::ExactlyWh(5_000.0));
        site(hours(3), [grid.into(), battery.into(), Load::new("load", [2_000.0, 6_000.0, 2_000.0]).into()])
    };
    costs(&with_peak(4_000.0), 3.064_82);
    costs(&with_peak(0.0), 37.343_672);
}

#[test]
fn four_quarters_of_2_kw_are_2_kwh() {
    let horizon = from("2026-01-01T12:00:00Z", 15, 4);
    costs(&site(horizon, [Grid::new("grid", 0.3).into(), load(2_000.0)]), 0.6);
}

#[test]
fn stored_energy_with_a_value_is_kept_where_selling_pays_less() {
    let battery = Battery::new("battery", 10_000.0, 5_000.0, 5_000.0, 8_000.0).terminal(Terminal::ValuePerKwh(0.25));
    let grid = Grid::new("grid", 0.3).sell_per_kwh(0.1);
    let plan = plan(&site(hours(4), [grid.into(), battery.into(), load(1_000.0)]));
    let kept = plan.column("battery", Quantity::Energy).unwrap()[3];
    assert!((kept - 3_789.473_684).abs() < 1e-3, "{kept}");
    assert_eq!(plan.costs.iter().map(|cost| cost.cause).collect::<Vec<_>>(), [CostCause::StoredValue]);
}

#[test]
fn a_horizon_of_one_step_has_a_plan() {
    costs(&site(hours(1), [Grid::new("grid", 0.3).into(), battery().into(), load(1_000.0)]), 0.3);
}

#[test]
fn a_run_time_of_66_minutes_takes_five_quarters_and_that_is_said() {
    let washer = Deferrable::new("washer", 2_000.0, Span::from_seconds(66 * 60));
    let horizon = from("2026-01-01T12:00:00Z", 15, 8);
    let site = site(horizon, [Grid::new("grid", 0.3).into(), washer.into()]);
    let plan = costs(&site, 5.0 * 0.25 * 2.0 * 0.3);
    assert_eq!(plan.column("washer", Quantity::On).unwrap().iter().sum::<f64>(), 5.0);
    assert!(plan.notices[0].contains("rounded up to 5 steps"), "{:?}", plan.notices);
}

#[test]
fn a_genset_stays_up_for_its_least_time_from_the_first_step_on() {
    // oemof-solph pull request 1325: a plan that may stop too early would earn 100.
    let hour = 3600;
    let genset = Genset::new("genset", 0.0, 10_000.0, 0.0)
        .min_up(Span::from_seconds(4 * hour))
        .min_down(Span::from_seconds(2 * hour));
    let sell = [10.0, 0.0, 10.0, -5.0, -5.0, 0.0, 10.0, 10.0];
    let grid = Grid::new("grid", 100.0).sell_per_kwh(sell.map(|price| price / 10.0));
    let plan = plan(&site(hours(8), [grid.into(), genset.into()]));
    let on = plan.column("genset", Quantity::On).unwrap();
    let mut run = 0;
    for (step, on) in on.iter().enumerate() {
        assert!(*on == 1.0 || run == 0 || run >= 4, "stopped after {run} h at {step}");
        run = if *on == 1.0 { run + 1 } else { 0 };
    }
}

#[test]
fn a_battery_that_starts_below_its_minimum_recovers_first_and_that_is_reported() {
    let battery = Battery::new("battery", 10_000.0, 1_000.0, 1_000.0, 1_400.0).min_wh(2_000.0);
    let grid = Grid::new("grid", [0.5, 0.1, 0.1]);
    let plan = plan(&site(hours(3), [grid.into(), battery.into(), load(500.0)]));
    let energy = plan.column("battery", Quantity::Energy).unwrap();
    assert!(energy[0] > 1_999.0, "it does not wait for the cheap hours: {energy:?}");
    assert!(plan.notices[0].contains("outside its bounds"), "{:?}", plan.notices);
}

#[test]
fn a_state_at_the_end_that_cannot_be_reached_is_missed_by_as_little_as_possible() {
    let battery = Battery::new("battery", 10_000.0, 1_000.0, 1_000.0, 5_000.0).terminal(Terminal::AtLeastWh(9_000.0));
    let plan = plan(&site(hours(2), [Grid::new("grid", 0.3).into(), battery.into()]));
    let [missed] = &plan.violations[..] else { panic!("{:?}", plan.violations) };
    assert_eq!((missed.part.as_str(), missed.limit), ("battery", "terminal"));
    assert!((missed.amount - 2.1).abs() < 1e-6, "5 + 2 x 0.95 of 9 kWh: {}", missed.amount);
}

#[test]
fn a_forecast_of_minus_150_w_is_none_and_that_is_reported() {
    let plan =
        costs(&site(hours(1), [Grid::new("grid", 0.3).into(), Source::new("pv", -150.0).into(), load(1_000.0)]), 0.3);
    assert!(plan.notices[0].contains("taken as 0 W"), "{:?}", plan.notices);
}

#[test]
fn what_cannot_be_served_is_told_with_the_limits_that_conflict_and_what_mends_it() {
    let empty = Battery::new("battery", 10_000.0, 5_000.0, 5_000.0, 0.0);
    let site = site(
        hours(4),
        [
            Grid::new("grid", 0.3).import_limit_w(3_000.0).into(),
            empty.into(),
            Load::new("load", [3_000.0, 3_000.0, 5_000.0, 1_000.0]).into(),
        ],
    );
    let why = infeasible(&site);
    let limits: Vec<_> = why.conflict.iter().map(|limit| (limit.part.as_str(), limit.limit, limit.steps)).collect();
    assert_eq!(
        limits,
        [("grid", "import_limit_w", (0, 2)), ("battery", "min_wh", (0, 2)), ("main", "balance", (0, 2))],
        "{}",
        why.text
    );
    let [relaxation] = &why.relaxations[..] else { panic!("{:?}", why.relaxations) };
    assert_eq!((relaxation.part.as_str(), relaxation.limit), ("grid", "import_limit_w"));
    let relaxed = why.relaxed_plan.as_ref().expect("a plan with the limit raised");
    let highest = relaxed.column("grid", Quantity::Import).unwrap().iter().copied().fold(0.0, f64::max);
    assert!((highest - 3_000.0 - relaxation.amount).abs() < 0.1, "{highest} {}", relaxation.amount);
    for words in ["grid.import_limit_w (at most 3 kW)", "battery.min_wh (at least 0 Wh in it)", "The least that mends it"] {
        assert!(why.text.contains(words), "{}", why.text);
    }
}

#[test]
fn an_island_that_needs_more_than_its_genset_gives_is_told_so() {
    let genset = Genset::new("diesel", 0.0, 3_000.0, 0.3);
    let why = infeasible(&site(hours(2), [genset.into(), Load::new("load", [2_000.0, 5_000.0]).into()]));
    let limits: Vec<_> = why.conflict.iter().map(|limit| (limit.part.as_str(), limit.limit)).collect();
    assert_eq!(limits, [("diesel", "max_w"), ("main", "balance")]);
    assert_eq!(why.conflict[0].steps, (1, 1));
    assert!(
        why.text.starts_with("In 13:00Z-14:00Z these cannot hold together: diesel.max_w (at most 3 kW)"),
        "{}",
        why.text
    );
    assert!((why.relaxations[0].amount - 2_000.0).abs() < 1.0);
}

#[test]
fn the_same_site_gives_the_same_plan_bit_for_bit() {
    let day = |start: Timestamp| {
        let buy: Vec<f64> = (0..96).map(|step| 0.2 + 0.1 * f64::sin(f64::from(step) / 9.0)).collect();
        let horizon = Horizon::even(start, Span::from_seconds(900), 96).unwrap();
        site(horizon, [Grid::new("grid", buy).sell_per_kwh(0.08).into(), battery().into(), load(700.0)])
    };
    let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    assert_eq!(plan(&day(start)), plan(&day(start)));
}

#[cfg(feature = "solvers")]
#[test]
fn a_vehicle_that_cannot_give_back_enough_is_named() {
    let horizon = hours(1);
    let session = Session {
        arrival: horizon.start(),
        departure: horizon.end(),
        initial_wh: 30_000.0,
        target_wh: 0.0,
        limit_wh: None,
    };
    let charging = Charging::Power { min_w: 0.0, max_w: 11_000.0 };
    let car = Ev::new("car", 60_000.0, vec![session], charging).discharge_limit_w(2_000.0);
    let why = infeasible(&site(horizon, [car.into(), load(3_000.0)]));
    let limits: Vec<_> = why.conflict.iter().map(|limit| (limit.part.as_str(), limit.limit)).collect();
    assert_eq!(limits, [("car", "discharge_limit_w"), ("main", "balance")], "{}", why.text);
    assert!(why.text.contains("car.discharge_limit_w (at most 2 kW)"), "{}", why.text);
    assert!((why.relaxations[0].amount - 1_000.0).abs() < 1.0, "{}", why.text);
}

#[cfg(feature = "solvers")]
#[test]
fn sun_that_must_be_taken_names_what_cannot_take_more_of_it() {
    let heating = |tank_wh: f64| {
        let tank = Tank {
            capacity_wh: tank_wh,
            initial_wh: 0.0,
            demand_w: 0.0.into(),
            terminal: Terminal::Free,
            ..Tank::default()
        };
        HeatPump::new("heating", 2_000.0, 3.0, tank)
    };
    let conflict = |tank_wh: f64| {
        let grid = Grid::new("grid", 0.3).export_limit_w(1_000.0);
        let pv = Source::new("pv", 8_000.0).curtailable(false);
        let why = infeasible(&site(hours(1), [grid.into(), pv.into(), heating(tank_wh).into(), load(1_000.0)]));
        let limits = why.conflict.iter().map(|limit| format!("{}.{}", limit.part, limit.limit)).collect::<Vec<_>>();
        let [relaxation] = &why.relaxations[..] else { panic!("{:?}", why.relaxations) };
        assert_eq!(relaxation.limit, "export_limit_w");
        (limits, relaxation.amount)
    };
    // Of 8 kW the house takes 1, the grid 1, and the heat pump 2: or 1, where its tank is full after 3 kWh of heat.
    let around = ["pv.curtailable", "grid.export_limit_w", "main.balance"];
    for (tank_wh, limit, missing_w) in [(100_000.0, "heating.max_w", 4_000.0), (3_000.0, "heating.capacity_wh", 5_000.0)] {
        let (limits, amount) = conflict(tank_wh);
        assert!(limits.iter().any(|named| named == limit), "{limits:?}");
        assert!(around.iter().all(|limit| limits.iter().any(|named| named == limit)), "{limits:?}");
        assert_eq!(limits.len(), 4, "{limits:?}");
        assert!((amount - missing_w).abs() < 1.0, "{amount}");
    }
}
