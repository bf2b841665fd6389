//! Networks small enough that the right numbers follow by hand.

use super::*;

/// Three buses in a ring of equal reactances: a cheap generator at 1, a dear one at 2, 90 kW at 3.
///
/// Two thirds of what 1 gives reach 3 directly and one third by way of 2; of what 2 gives the other way round.
fn ring() -> Network {
    let buses = [Bus::new("1", 400.0).reference(1.0), Bus::new("2", 400.0), Bus::new("3", 400.0)];
    Network::new(100_000.0, buses)
        .branch(Branch::new("1-2", "1", "2", 0.0, 0.1))
        .branch(Branch::new("1-3", "1", "3", 0.0, 0.1))
        .branch(Branch::new("2-3", "2", "3", 0.0, 0.1))
        .generator(Generator::new("cheap", "1", 0.0, 200_000.0, 0.10))
        .generator(Generator::new("dear", "2", 0.0, 200_000.0, 0.20))
        .load(Load::new("town", "3", 90_000.0, 0.0))
}

fn limited_ring() -> Network {
    let mut network = ring();
    network.branches[1].rating_va = Some(50_000.0);
    network
}

/// A feeder of one cable with 1 % resistance and 2 % reactance.
fn cable(power_w: f64, reactive_var: f64) -> Network {
    Network::new(100_000.0, [Bus::new("substation", 400.0).reference(1.0), Bus::new("farm", 400.0)])
        .branch(Branch::new("cable", "substation", "farm", 0.01, 0.02))
        .load(Load::new("barn", "farm", power_w, reactive_var))
}

fn near(left: f64, right: f64, within: f64) {
    assert!((left - right).abs() <= within, "{left} is not {right}");
}

#[cfg(feature = "solvers")]
mod dispatch {
    use super::*;
    use crate::optimize::Engine;
    use crate::optimize::program::solver::Solver;

    fn dispatched(network: &Network) -> DcDispatch {
        network.dc_opf(&DcOptions::default()).unwrap().dispatch().expect("there is a dispatch").clone()
    }

    fn prices(dispatch: &DcDispatch) -> Vec<f64> {
        dispatch.buses.iter().map(|bus| bus.price_per_kwh).collect()
    }

    #[test]
    fn without_ratings_the_cheap_generator_gives_all_and_sets_every_price() {
        let dispatch = dispatched(&ring());
        near(dispatch.cost_per_h, 9.0, 1e-7);
        near(dispatch.bound_per_h, 9.0, 1e-6);
        for price in prices(&dispatch) {
            near(price, 0.10, 1e-8);
        }
        let flows: Vec<f64> = dispatch.branches.iter().map(|flow| flow.power_w).collect();
        for (flow, right) in flows.iter().zip([30_000.0, 60_000.0, 30_000.0]) {
            near(*flow, right, 1e-3);
        }
        // From 1 to 3 the angle falls by reactance times flow per unit: 0.1 x 0.6.
        near(dispatch.buses[2].angle_deg, (-0.06_f64).to_degrees(), 1e-7);
    }

    #[test]
    fn a_line_at_its_rating_parts_the_prices() {
        let dispatch = dispatched(&limited_ring());
        near(dispatch.generators[0].power_w, 60_000.0, 1e-3);
        near(dispatch.generators[1].power_w, 30_000.0, 1e-3);
        near(dispatch.cost_per_h, 12.0, 1e-7);
        // One kWh more at 3 takes two from the dear generator and one less from the cheap one.
        for (price, right) in prices(&dispatch).iter().zip([0.10, 0.20, 0.30]) {
            near(*price, right, 1e-7);
        }
        // One kW more on the line moves three kW from the dear generator to the cheap one.
        let [binding] = &dispatch.binding[..] else { panic!("{:?}", dispatch.binding) };
        assert_eq!((binding.part.as_str(), binding.limit), ("1-3", "rating_va"));
        near(binding.worth_per_h, 0.30, 1e-6);
        near(dispatch.branches[1].loading.unwrap(), 1.0, 1e-8);
    }

    #[test]
    fn every_engine_finds_the_same() {
        let network = limited_ring();
        for engine in [Engine::Highs, Engine::Microlp, Engine::Clarabel] {
            if engine == Engine::Highs && cfg!(not(feature = "highs")) {
                continue;
            }
            let options = DcOptions { engine: Some(engine), ..DcOptions::default() };
            let outcome = network.dc_opf(&options).unwrap();
            let dispatch = outcome.dispatch().unwrap();
            assert_eq!(dispatch.engine, engine);
            near(dispatch.cost_per_h, 12.0, 1e-6);
            near(dispatch.bound_per_h, 12.0, 1e-5);
            near(prices(dispatch)[2], 0.30, 1e-6);
        }
        let refused = network.dc_opf(&DcOptions { engine: Some(Engine::Storage), ..DcOptions::default() });
        assert!(refused.unwrap_err().message().contains("storage"));
    }

    #[test]
    fn quadratic_costs_share_until_marginal_costs_are_equal() {
        // 0.001 x 2p = 0.002 x 2q with p + q = 90 kW: 60 and 30 kW, at 0.12 per kWh.
        let mut network = ring();
        let quadratic = |per_kw2h| GenerationCost::Polynomial { per_kw2h, per_kwh: 0.0, per_h: 1.0 };
        network.generators[0].cost = quadratic(0.001);
        network.generators[1].cost = quadratic(0.002);
        let dispatch = dispatched(&network);
        near(dispatch.generators[0].power_w, 60_000.0, 1.0);
        near(dispatch.cost_per_h, 3.6 + 1.8 + 2.0, 1e-6);
        near(dispatch.bound_per_h, dispatch.cost_per_h, 1e-5);
        near(prices(&dispatch)[2], 0.12, 1e-6);
    }

    #[test]
    fn piecewise_costs_fill_the_cheap_piece_first() {
        let point = |kw: f64, per_h: f64| CostPoint { power_w: kw * 1000.0, per_h };
        let mut network = ring();
        // 0.05 up to 40 kW, 0.15 up to 200 kW; the other one costs 0.12.
        let points = vec![point(0.0, 0.0), point(40.0, 2.0), point(200.0, 26.0)];
        network.generators[0].cost = GenerationCost::Piecewise { points };
        network.generators[1].cost = GenerationCost::linear(0.12);
        let dispatch = dispatched(&network);
        near(dispatch.generators[0].power_w, 40_000.0, 1e-2);
        near(dispatch.cost_per_h, 2.0 + 50.0 * 0.12, 1e-6);
    }

    #[test]
    fn a_phase_shifter_moves_flow_between_parallel_lines() {
        let shift_deg = 0.02_f64.to_degrees();
        let network = Network::new(100_000.0, [Bus::new("1", 400.0).reference(1.0), Bus::new("2", 400.0)])
            .branch(Branch::new("plain", "1", "2", 0.0, 0.1))
            .branch(Branch::new("shifter", "1", "2", 0.0, 0.1).tap(1.0, shift_deg))
            .generator(Generator::new("plant", "1", 0.0, 200_000.0, 0.10))
            .load(Load::new("town", "2", 80_000.0, 0.0));
        let dispatch = dispatched(&network);
        // Each carries half; the shift takes 0.02 / (2 x 0.1) from its own line and gives it to the other.
        near(dispatch.branches[0].power_w, 50_000.0, 1e-2);
        near(dispatch.branches[1].power_w, 30_000.0, 1e-2);
    }

    #[test]
    fn taps_count_as_the_chosen_susceptance_says() {
        let mut network = ring();
        network.branches[1] = Branch::new("1-3", "1", "3", 0.1, 0.1).tap(0.5, 0.0);
        // Series: half the susceptance of the others, which is that of the long way by 2, through two of them.
        near(dispatched(&network).branches[1].power_w, 45_000.0, 1e-2);
        // Reactance: four times the susceptance of the long way, 1 / 0.05 against 1 / 0.2.
        let options = DcOptions { susceptance: Susceptance::Reactance, engine: None };
        let outcome = network.dc_opf(&options).unwrap();
        near(outcome.dispatch().unwrap().branches[1].power_w, 72_000.0, 1e-2);
    }

    #[test]
    fn a_load_is_shed_where_serving_it_costs_more_than_it_is_worth() {
        let mut network = limited_ring();
        network.loads[0] = Load::new("town", "3", 90_000.0, 0.0).sheddable(0.25);
        let dispatch = dispatched(&network);
        // The 3rd price would be 0.30: shedding goes on until the dear generator stands still, 75 kW being what the cheap one can send.
        assert_eq!(dispatch.shed.len(), 1);
        near(dispatch.shed[0].shed_w, 15_000.0, 1e-2);
        near(dispatch.cost_per_h, 7.5 + 15.0 * 0.25, 1e-6);
        near(prices(&dispatch)[2], 0.25, 1e-6);
    }

    /// A village of 80 kW, with a cable of 50 kW and a genset of 20 kW.
    fn short_village() -> Network {
        Network::new(100_000.0, [Bus::new("1", 400.0).reference(1.0), Bus::new("2", 400.0)])
            .branch(Branch::new("cable", "1", "2", 0.0, 0.1).rating_va(50_000.0))
            .generator(Generator::new("grid", "1", 0.0, 500_000.0, 0.10))
            .generator(Generator::new("diesel", "2", 0.0, 20_000.0, 0.30))
            .load(Load::new("village", "2", 80_000.0, 0.0))
    }

    #[test]
    fn a_cable_at_its_rating_binds_also_where_there_is_no_other_way() {
        let mut network = short_village();
        network.loads[0].power_w = 60_000.0;
        for engine in [Engine::Microlp, Engine::Clarabel, Solver::best(false).unwrap().engine()] {
            let outcome = network.dc_opf(&DcOptions { engine: Some(engine), ..DcOptions::default() }).unwrap();
            let dispatch = outcome.dispatch().unwrap();
            let [binding] = &dispatch.binding[..] else { panic!("{}: {:?}", engine.name(), dispatch.binding) };
            assert_eq!((binding.part.as_str(), binding.limit), ("cable", "rating_va"));
            near(binding.worth_per_h, 0.20, 1e-6);
        }
    }

    /// Why there is no dispatch, by every engine that is built in: the limits that conflict and what they must give.
    fn explained(network: &Network) -> Vec<NetworkInfeasible> {
        let engines = [Engine::Highs, Engine::Microlp, Engine::Clarabel];
        let built = engines.into_iter().filter(|engine| *engine != Engine::Highs || cfg!(feature = "highs"));
        let explained = built.map(|engine| {
            let options = DcOptions { engine: Some(engine), ..DcOptions::default() };
            match network.dc_opf(&options).unwrap() {
                DcOutcome::Infeasible(why) => *why,
                DcOutcome::Dispatch(dispatch) => panic!("{} found {dispatch:?}", engine.name()),
            }
        });
        explained.collect()
    }

    fn conflict(why: &NetworkInfeasible) -> Vec<(&str, &str)> {
        why.conflict.iter().map(|limit| (limit.part.as_str(), limit.limit)).collect()
    }

    #[test]
    fn what_cannot_be_supplied_is_explained_by_line_and_generator() {
        for why in explained(&short_village()) {
            assert_eq!(conflict(&why), [("diesel", "max_w"), ("cable", "rating_va")], "{}", why.text);
            // Ten kW are missing: of the two, the one that the network tells first gives.
            let [relaxation] = &why.relaxations[..] else { panic!("{why:?}") };
            assert_eq!((relaxation.part.as_str(), relaxation.limit, relaxation.unit), ("diesel", "max_w", "W"));
            near(relaxation.amount, 10_000.0, 1.0);
            assert!(why.text.contains("rating_va of cable") && why.text.contains("10 kW"), "{}", why.text);
        }
    }

    #[test]
    fn what_mends_more_than_one_shortage_is_told_of_each() {
        // A second village behind the first: its own line is too small as well.
        let mut network = short_village()
            .branch(Branch::new("spur", "2", "3", 0.0, 0.1).rating_va(5_000.0))
            .load(Load::new("hamlet", "3", 8_000.0, 0.0));
        network.buses.push(Bus::new("3", 400.0));
        for why in explained(&network) {
            // The last of the conflicts in the order of the network: without it the other one would still be there.
            assert_eq!(conflict(&why), [("spur", "rating_va")], "{}", why.text);
            let gives: Vec<_> = why.relaxations.iter().map(|relaxation| relaxation.part.as_str()).collect();
            assert_eq!(gives, ["diesel", "spur"], "{}", why.text);
            near(why.relaxations[0].amount, 18_000.0, 1.0);
            near(why.relaxations[1].amount, 3_000.0, 1.0);
        }
    }

    #[test]
    fn the_same_network_gives_the_same_bits() {
        let text = || serde_json::to_string(&limited_ring().dc_opf(&DcOptions::default()).unwrap()).unwrap();
        assert_eq!(text(), text());
    }
}

#[cfg(feature = "solvers")]
mod voltage {
    use super::*;

    /// A PV plant of 800 kW at the end of the cable: at full power it would lift the voltage to the root of 1.16.
    fn sunny(reactive_var: f64) -> Network {
        let grid = Generator::new("grid", "substation", -900_000.0, 900_000.0, 0.20);
        let mut network = cable(0.0, 0.0)
            .generator(grid.reactive_limits_var(-900_000.0, 900_000.0))
            .generator(Generator::new("pv", "farm", 0.0, 800_000.0, 0.0).reactive_limits_var(-reactive_var, reactive_var));
        network.buses[1].max_pu = 1.05;
        network
    }

    fn dispatched(network: &Network) -> VoltageDispatch {
        network.voltage_opf(None).unwrap().dispatch().expect("there is a dispatch").clone()
    }

    #[test]
    fn pv_is_curtailed_to_the_power_that_lifts_its_bus_to_the_limit() {
        let dispatch = dispatched(&sunny(0.0));
        // 1.05^2 - 1 = 2 x 0.01 x P: 5.125 per unit of 100 kVA.
        near(dispatch.generators[1].power_w, 512_500.0, 1e-2);
        near(dispatch.voltages[1].voltage_pu, 1.05, 1e-9);
        near(dispatch.cost_per_h, -102.5, 1e-6);
        near(dispatch.bound_per_h, -102.5, 1e-5);
        let [binding] = &dispatch.binding[..] else { panic!("{:?}", dispatch.binding) };
        assert_eq!((binding.part.as_str(), binding.limit), ("farm", "max_pu"));
        // Another kWh drawn at the farm lets the plant give one more, for nothing.
        near(dispatch.prices_per_kwh[1], 0.0, 1e-7);
    }

    #[test]
    fn an_inverter_that_takes_reactive_power_curtails_less() {
        let dispatch = dispatched(&sunny(100_000.0));
        // 1.05^2 - 1 = 2 (0.01 P - 0.02 x 1)
        near(dispatch.generators[1].power_w, 712_500.0, 1e-1);
        near(dispatch.reactive_var[1], -100_000.0, 1e-2);
        // With room enough, reactive power is left alone.
        let mut roomy = sunny(100_000.0);
        roomy.buses[1].max_pu = 1.2;
        near(dispatched(&roomy).reactive_var[1], 0.0, 1e-3);
    }

    #[test]
    fn the_voltages_of_a_dispatch_are_those_of_lindistflow() {
        let dispatch = dispatched(&sunny(100_000.0));
        let mut network = sunny(100_000.0);
        network.generators[1] =
            network.generators[1].clone().giving(dispatch.generators[1].power_w, dispatch.reactive_var[1]);
        let flow = network.lindistflow().unwrap();
        near(flow.buses[1].voltage_pu, dispatch.voltages[1].voltage_pu, 1e-8);
        near(flow.reference_w, dispatch.generators[0].power_w, 1e-2);
    }

    #[test]
    fn a_rating_limits_power_and_reactive_power_together() {
        let mut network = sunny(0.0);
        network.branches[0].rating_va = Some(300_000.0);
        let dispatch = dispatched(&network);
        let apparent = dispatch.generators[1].power_w;
        assert!((300_000.0 * 0.995..=300_000.0).contains(&apparent), "{apparent}");
        assert_eq!(dispatch.binding[0].limit, "rating_va");
        near(dispatch.branches[0].power_w, -apparent, 1e-3);
        near(dispatch.branches[0].loss_w, 0.01 * (apparent / 1e5).powi(2) * 1e5, 1.0);
    }

    #[test]
    fn a_rating_that_is_too_small_gives_by_what_is_missing() {
        let mut network = cable(40_000.0, 30_000.0)
            .generator(Generator::new("grid", "substation", 0.0, 2e6, 0.20).reactive_limits_var(0.0, 1e6));
        network.branches[0].rating_va = Some(30_000.0);
        let VoltageOutcome::Infeasible(why) = network.voltage_opf(None).unwrap() else { panic!("50 kVA over 30 kVA") };
        let [relaxation] = &why.relaxations[..] else { panic!("{why:?}") };
        assert_eq!((relaxation.part.as_str(), relaxation.limit), ("cable", "rating_va"));
        // The polygon lies within the circle by 0.5 % at most.
        assert!((20_000.0..20_000.0 + 0.005 * 50_000.0).contains(&relaxation.amount), "{}", relaxation.amount);
        assert_eq!(why.conflict.len(), 1, "{}", why.text);
    }

    #[test]
    fn a_load_that_lowers_its_voltage_too_far_is_shed_or_explained() {
        let heavy = |load: Load| {
            let mut network = cable(0.0, 0.0).generator(Generator::new("grid", "substation", 0.0, 2e6, 0.20));
            network.loads[0] = load;
            network
        };
        // 1 - 0.9^2 = 2 x 0.01 x P: 950 kW is what the farm can draw.
        let shed = dispatched(&heavy(Load::new("mill", "farm", 1_000_000.0, 0.0).sheddable(1.0)));
        near(shed.shed[0].shed_w, 50_000.0, 1e-1);
        let outcome = heavy(Load::new("mill", "farm", 1_000_000.0, 0.0)).voltage_opf(None).unwrap();
        let VoltageOutcome::Infeasible(why) = outcome else { panic!("{outcome:?}") };
        let [relaxation] = &why.relaxations[..] else { panic!("{why:?}") };
        assert_eq!((relaxation.part.as_str(), relaxation.limit, relaxation.unit), ("farm", "min_pu", "pu"));
        near(relaxation.amount, 0.9 - 0.8_f64.sqrt(), 1e-6);
    }
}

#[test]
fn a_cable_drops_by_its_resistance_and_reactance() {
    let flow = cable(50_000.0, 20_000.0).lindistflow().unwrap();
    // u = 1 - 2 (0.01 x 0.5 + 0.02 x 0.2)
    near(flow.buses[1].voltage_pu, (1.0_f64 - 0.018).sqrt(), 1e-15);
    assert_eq!(flow.lowest.bus, "farm");
    near(flow.branches[0].power_w, 50_000.0, 1e-9);
    near(flow.losses_w, 0.01 * (0.25 + 0.04) * 100_000.0, 1e-9);
    near(flow.reference_w, 50_000.0, 1e-9);
}

#[test]
fn the_exact_flow_of_a_cable_solves_its_quadratic_equation() {
    let network = cable(50_000.0, 20_000.0);
    let outcome = network.power_flow().unwrap();
    let flow = outcome.flow().unwrap();
    // u^2 + (2 (r P + x Q) - 1) u + (r^2 + x^2) (P^2 + Q^2) = 0
    let (half, product): (f64, f64) = ((1.0 - 0.018) / 2.0, (0.0001 + 0.0004) * (0.25 + 0.04));
    let square: f64 = half + (half * half - product).sqrt();
    near(flow.buses[1].voltage_pu, square.sqrt(), 1e-11);
    near(flow.losses_w, 0.01 * 0.29 / square * 100_000.0, 1e-6);
    near(flow.reference_w, 50_000.0 + flow.losses_w, 1e-6);
}

#[test]
fn a_cable_beyond_what_it_can_carry_collapses() {
    // The most at unity power factor is about 1 / (2 (r + z)) = 15 per unit.
    let outcome = cable(3_000_000.0, 0.0).power_flow().unwrap();
    let PowerFlow::Collapsed { bus, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(bus, "farm");
    assert!(cable(6_000_000.0, 0.0).lindistflow().unwrap_err().message().contains("farm"));
}

#[test]
fn generation_lifts_voltages_and_flows_back() {
    let network = cable(10_000.0, 0.0).generator(Generator::new("pv", "farm", 0.0, 80_000.0, 0.0).giving(60_000.0, 0.0));
    let flow = network.lindistflow().unwrap();
    near(flow.buses[1].voltage_pu, (1.0_f64 + 2.0 * 0.01 * 0.5).sqrt(), 1e-15);
    near(flow.reference_w, -50_000.0, 1e-9);
    assert_eq!(flow.lowest.bus, "substation");
}

#[test]
fn a_loop_and_an_island_are_refused_by_name() {
    let refused = ring().lindistflow().unwrap_err();
    assert!(refused.message().contains("branch 2-3 closes a loop"), "{refused}");
    assert!(ring().power_flow().is_err());
    let mut island = cable(1.0, 0.0);
    island.branches[0].in_service = false;
    let refused = island.lindistflow().unwrap_err();
    assert!(refused.message().contains("bus farm is not connected to the reference substation"), "{refused}");
}

#[test]
fn what_a_network_cannot_mean_is_refused_by_name() {
    let refused = |change: fn(&mut Network), named: &[&str]| {
        let mut network = ring();
        change(&mut network);
        let message = network.check().unwrap_err().to_string();
        for name in named {
            assert!(message.contains(name), "{message} does not name {name}");
        }
    };
    refused(|network| network.base_va = 0.0, &["network.base_va is 0"]);
    refused(|network| network.buses[0].reference = false, &["no reference"]);
    refused(|network| network.buses[1].reference = true, &["buses 1 and 2"]);
    refused(|network| network.buses[1].name = "1".to_owned(), &["bus 1 is there twice"]);
    refused(|network| network.buses[1].min_pu = 1.2, &["bus 2.min_pu is 1.2", "max_pu, which is 1.1"]);
    refused(|network| network.branches[0].to = "9".to_owned(), &["branch 1-2.to is \"9\""]);
    refused(|network| network.branches[0].to = "1".to_owned(), &["branch 1-2 begins and ends at bus 1"]);
    refused(|network| network.branches[0].x_pu = f64::NAN, &["branch 1-2.x_pu is NaN"]);
    refused(|network| network.branches[0].x_pu = 0.0, &["branch 1-2.x_pu and r_pu are both 0"]);
    refused(|network| network.branches[0].rating_va = Some(-1.0), &["branch 1-2.rating_va is -1"]);
    refused(|network| network.loads[0].bus = "x".to_owned(), &["load town.bus is \"x\""]);
    refused(|network| network.loads[0].power_w = f64::INFINITY, &["load town.power_w is inf"]);
    refused(|network| network.generators[0].min_w = 3e5, &["generator cheap.min_w is 300000"]);
    refused(
        |network| network.generators[0].cost = GenerationCost::Polynomial { per_kw2h: -1.0, per_kwh: 0.0, per_h: 0.0 },
        &["generator cheap.cost.polynomial.per_kw2h is -1"],
    );
    let point = |power_w: f64, per_h: f64| CostPoint { power_w, per_h };
    let mut concave = ring();
    let points = vec![point(0.0, 0.0), point(1000.0, 2.0), point(2000.0, 3.0)];
    concave.generators[0].cost = GenerationCost::Piecewise { points };
    assert!(concave.check().unwrap_err().message().contains("points[1] begins a slope of 1 per kWh after one of 2"));
}

#[test]
fn a_network_is_written_as_json_and_read_back() {
    let network = limited_ring();
    let json = serde_json::to_string(&network).unwrap();
    assert_eq!(serde_json::from_str::<Network>(&json).unwrap(), network);
    let unknown = json.replacen("\"r_pu\"", "\"r_ohm\"", 1);
    assert!(serde_json::from_str::<Network>(&unknown).unwrap_err().to_string().contains("r_ohm"));
    let short = r#"{"base_va": 1000, "buses": [{"name": "1", "nominal_v": 400, "reference": true}]}"#;
    assert!(serde_json::from_str::<Network>(short).unwrap().check().is_ok());
}

#[test]
fn ohms_become_per_unit_of_the_base() {
    // 400 V and 100 kVA: one per unit is 1.6 ohm.
    let branch = Branch::new("cable", "1", "2", 0.0, 0.0).ohms(0.16, 0.08, 400.0, 100_000.0);
    near(branch.r_pu, 0.1, 1e-15);
    near(branch.x_pu, 0.05, 1e-15);
}

#[test]
fn a_question_is_asked_and_answered_as_json() {
    let question = |text: &str| serde_json::from_str::<NetworkQuestion>(text);
    let flow = cable(50_000.0, 20_000.0);
    let answer = flow.answer(&question(r#"{"question": "lindistflow"}"#).unwrap()).unwrap();
    assert_eq!(serde_json::to_value(&answer).unwrap()["lowest"]["bus"], "farm");
    let answer = flow.answer(&question(r#"{"question": "power_flow"}"#).unwrap()).unwrap();
    let told = serde_json::to_value(&answer).unwrap();
    assert_eq!((&told["status"], &told["branches"][0]["branch"]), (&"solved".into(), &"cable".into()));
    assert!(question(r#"{"question": "dc_opf", "suseptance": "series"}"#).unwrap_err().to_string().contains("suseptance"));
    assert!(question(r#"{"question": "ac_opf"}"#).unwrap_err().to_string().contains("ac_opf"));
}

#[test]
fn text_is_read_in_whichever_form_it_is() {
    let network = cable(50_000.0, 20_000.0);
    assert_eq!(Network::read(&serde_json::to_string(&network).unwrap()).unwrap(), network);
    assert!(Network::read("{\"base_va\": 1}").unwrap_err().message().contains("buses"));
    assert!(Network::read("mpc.version = '1';").unwrap_err().message().contains("version"));
    assert!(Network::read("{\"_object\": {}}").unwrap_err().message().contains("sn_mva"));
}
