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
