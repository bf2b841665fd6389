//! Power flow on public cases. The data stands beside the project, not in it: where it is absent, that is said, and the closed forms
//! of the unit tests are what is tested.

use std::path::{Path, PathBuf};

use memcore::optimize::network::Network;

/// A file beside the project; None, and a word about it, where it is absent.
fn beside(file: &str) -> Option<String> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let path = std::env::var_os("MEMCORE_TEST_DATA").map_or_else(beside, PathBuf::from).join("optimize").join(file);
    if !path.exists() {
        eprintln!("SKIPPED: {} is absent", path.display());
        return None;
    }
    Some(std::fs::read_to_string(path).unwrap())
}

#[test]
fn the_33_bus_feeder_has_its_published_voltages() {
    let Some(json) = beside("case33bw.json") else { return };
    let feeder = Network::from_pandapower(&json).unwrap();

    let linear = feeder.lindistflow().unwrap();
    assert_eq!((format!("{:.6}", linear.lowest.voltage_pu), linear.lowest.bus.as_str()), ("0.915934".to_owned(), "17"));

    let exact = feeder.power_flow().unwrap();
    let exact = exact.flow().expect("a feeder that is in operation has a power flow");
    assert_eq!((format!("{:.6}", exact.lowest.voltage_pu), exact.lowest.bus.as_str()), ("0.913090".to_owned(), "17"));
    // Baran and Wu 1989 give 202.68 kW of losses; 202.677 with the impedances of the file.
    assert!((exact.losses_w - 202_677.0).abs() < 5.0, "{}", exact.losses_w);
    let demand: f64 = feeder.loads.iter().map(|load| load.power_w).sum();
    assert!((exact.reference_w - demand - exact.losses_w).abs() < 1e-3, "{} W", exact.reference_w);
}

/// The optimum of a DC optimal power flow as PGLib's baseline prints it.
#[cfg(feature = "solvers")]
fn published(baseline: &str, case: &str) -> String {
    let row = baseline.lines().find(|line| line.starts_with(&format!("| {case} |"))).expect("the case is in the table");
    row.split('|').nth(4).unwrap().trim().to_owned()
}

/// With as many digits as the baseline prints: `1.7480e+04`.
#[cfg(feature = "solvers")]
fn printed(cost: f64) -> String {
    let (digits, exponent) = format!("{cost:.4e}").split_once('e').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    format!("{digits}e+{exponent:0>2}")
}

#[test]
#[cfg(feature = "solvers")]
fn pglib_cases_have_their_published_optima() {
    use memcore::optimize::network::DcOptions;

    let Some(baseline) = beside("pglib/BASELINE.md") else { return };
    for case in ["case3_lmbd", "case5_pjm", "case14_ieee", "case30_ieee", "case118_ieee"] {
        let case = format!("pglib_opf_{case}");
        let network = Network::from_matpower(&beside(&format!("pglib/{case}.m")).unwrap()).unwrap();
        let outcome = network.dc_opf(&DcOptions::default()).unwrap();
        let dispatch = outcome.dispatch().expect("a published case has a dispatch");
        assert_eq!(printed(dispatch.cost_per_h), published(&baseline, &case), "{case} by {:?}", dispatch.engine);
        let proven = (dispatch.cost_per_h - dispatch.bound_per_h) / dispatch.cost_per_h;
        assert!(proven.abs() < 1e-6, "{case}: cost {}, bound {}", dispatch.cost_per_h, dispatch.bound_per_h);
        assert!(dispatch.largest_residual_w < 1.0, "{case}: {} W", dispatch.largest_residual_w);
        assert!(!dispatch.binding.is_empty() && dispatch.buses.iter().all(|bus| bus.price_per_kwh.is_finite()), "{case}");
    }
}

#[test]
#[cfg(feature = "solvers")]
fn resistance_and_taps_make_a_difference_where_lines_bind() {
    use memcore::optimize::network::{DcOptions, Susceptance};

    let Some(text) = beside("pglib/pglib_opf_case30_ieee.m") else { return };
    let network = Network::from_matpower(&text).unwrap();
    let cost = |susceptance| {
        let outcome = network.dc_opf(&DcOptions { susceptance, engine: None }).unwrap();
        outcome.dispatch().unwrap().cost_per_h
    };
    // The second by cvxpy and Clarabel on the same file, with MATPOWER's makeBdc.
    assert_eq!(format!("{:.2}", cost(Susceptance::Series)), "7472.81");
    assert_eq!(format!("{:.2}", cost(Susceptance::Reactance)), "7504.44");
}
