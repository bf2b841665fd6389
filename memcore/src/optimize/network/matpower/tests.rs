//! A small case in MATPOWER's words, whole and spoilt.

use super::super::{GenerationCost, Network};

/// Three buses in service and an isolated one; a line, a transformer, a second transformer beside it, a line out of service.
const CASE: &str = "function mpc = village
%VILLAGE  a small case
mpc.version = '2';
mpc.baseMVA = 10;   % MVA
%{
mpc.baseMVA = 99;
%}
%% bus data
%\tbus_i\ttype\tPd\tQd\tGs\tBs\tarea\tVm\tVa\tbaseKV\tzone\tVmax\tVmin
mpc.bus = [
\t1\t3\t0\t0\t0\t0\t1\t1\t0\t20\t1\t1.05\t0.95;
\t2, 1, 0.5, 0.2, 0.01, 0.1, 1, 1, 0, 20, 1, 1.05, 0.95
\t30\t2\t1e-1\t-0.05\t0\t0\t1\t1\t0\t0.4\t1\t1.1\t0.9; 4 4 0 0 0 0 1 1 0 20 1 1.1 0.9;
];
mpc.gen = [
\t1\t0\t0\tInf\t-Inf\t1.02\t10\t1\t5\t-1;
\t30\t0.2\t0.1\t0.3\t-0.3\t1\t10\t0\t0.6\t0; % out of service
];
mpc.branch = [
\t1\t2\t0.01\t0.02\t0.004\t2.5\t0\t0\t0\t0\t1\t-30\t360;
\t2\t30\t0.0\t0.06\t0\t0\t0\t0\t0.98\t30\t1\t0\t0;
\t2\t30\t0.0\t0.07\t0\t0\t0\t0\t0\t0\t1;
\t1\t30\t0.01\t0.02\t0\t0\t0\t0\t0\t0\t0;
];
mpc.gencost = [
\t2\t0\t0\t3\t100\t40\t7;
\t1\t0\t0\t3\t0\t0\t0.1\t ...
\t\t10\t0.6\t90;
];
mpc.bus_name = { 'one'; 'two; or three'; 'thirty' };
";

#[test]
fn a_case_is_read_with_its_units_and_defaults() {
    let network = Network::from_matpower(CASE).unwrap();
    assert_eq!(network.base_va, 10e6);
    let buses: Vec<&str> = network.buses.iter().map(|bus| bus.name.as_str()).collect();
    assert_eq!(buses, ["1", "2", "30"], "the isolated bus is left out");
    let (reference, second) = (&network.buses[0], &network.buses[1]);
    assert_eq!((reference.reference, reference.voltage_pu, reference.nominal_v), (true, 1.02, 20_000.0));
    assert_eq!((second.shunt_w, second.shunt_var, second.min_pu, second.max_pu), (10_000.0, 100_000.0, 0.95, 1.05));

    let loads: Vec<(&str, f64, f64)> =
        network.loads.iter().map(|load| (load.bus.as_str(), load.power_w, load.reactive_var)).collect();
    assert_eq!(loads, [("2", 500_000.0, 200_000.0), ("30", 100_000.0, -50_000.0)]);

    let names: Vec<&str> = network.branches.iter().map(|branch| branch.name.as_str()).collect();
    assert_eq!(names, ["1-2", "2-30", "2-30 #2", "1-30"]);
    let (line, transformer, plain) = (&network.branches[0], &network.branches[1], &network.branches[2]);
    assert_eq!((line.rating_va, line.min_angle_deg, line.max_angle_deg), (Some(2.5e6), Some(-30.0), None));
    assert_eq!((transformer.tap, transformer.shift_deg, transformer.rating_va), (0.98, 30.0, None));
    assert_eq!((plain.tap, plain.min_angle_deg, network.branches[3].in_service), (1.0, None, false));

    let (grid, genset) = (&network.generators[0], &network.generators[1]);
    assert_eq!((grid.min_w, grid.max_w, grid.in_service, genset.in_service), (-1e6, 5e6, true, false));
    assert_eq!(grid.cost, GenerationCost::Polynomial { per_kw2h: 1e-4, per_kwh: 0.04, per_h: 7.0 });
    let GenerationCost::Piecewise { points } = &genset.cost else { panic!("{:?}", genset.cost) };
    assert_eq!((points.len(), points[2].power_w, points[2].per_h), (3, 600_000.0, 90.0));
}

#[test]
fn what_is_malformed_is_refused_with_its_line_and_field() {
    let refused = |from: &str, to: &str, expected: &str| {
        assert!(CASE.contains(from), "{from} is not in the case");
        let message = Network::from_matpower(&CASE.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(message.contains(expected), "{from} -> {to}: {message}");
    };
    refused("'2'", "'1'", "line 3: version is another one than '2'");
    refused("mpc.version = '2';", "", "no version");
    refused("'2'", "'2", "line 3: the text \"2;\" is not closed");
    refused("mpc.baseMVA = 10;", "", "no baseMVA");
    refused("= 10;", "= ten;", "line 4: ten stands in baseMVA, expected a number");
    refused("= 10;", "= -10;", "network.base_va is -10000000, expected a number above zero");
    refused("= 10;", "= 2 * 5;", "line 4: `*` follows the value of baseMVA");
    refused("= 10;", "= ;", "line 4: baseMVA has no value");
    refused("mpc.gen = [", "mpc.baseMVA = 5;\nmpc.gen = [", "line 15: baseMVA is there twice");
    refused("mpc.bus = [", "mpc.busses = [", "the case has no matrix bus");
    refused("];\nmpc.gen = [", "mpc.gen = [", "line 14: mpc.gen stands in bus, expected a number");
    refused("mpc.bus = [", "mpc.bus = 5;\nmpc.other = [", "line 10: bus is no matrix");
    refused("\t20\t1\t1.05\t0.95;", "\t20\t1\t1.05;", "line 11: bus row 1 has 12 columns, expected at least 13");
    refused("\t1\t3\t0", "\t1.5\t3\t0", "line 11: bus row 1: bus_i is 1.5, expected a bus number");
    refused("\t1\t3\t0", "\t1\t7\t0", "line 11: bus row 1: type is 7");
    refused("\t1\t3\t0", "\t1\t1\t0", "no reference");
    refused("2, 1, 0.5", "2, 1, NaN", "line 12: NaN stands in bus, expected a number");
    refused("2, 1, 0.5", "2, 1, Inf", "line 12: bus row 2: column 3 is inf, expected a finite number");
    refused("2, 1, 0.5", "2, 1, 1/2", "line 12: 1/2 stands in bus, expected a number");
    refused("2, 1, 0.5", "1, 1, 0.5", "line 12: bus 1 is there twice");
    refused("4 4 0 0", "4 4 1 0", "line 13: bus 4 is isolated (type 4), and a load is on it");
    refused(
        "\t1\t30\t0.01\t0.02\t0\t0\t0\t0\t0\t0\t0;",
        "\t1\t4\t0.01\t0.02\t0\t0\t0\t0\t0\t0\t1;",
        "branch row 4 (line 23) is on it",
    );
    refused("\t1\t2\t0.01\t0.02", "\t1\t2\t0\t0", "line 20: branch 1-2.x_pu and r_pu are both 0");
    refused("\t1\t2\t0.01\t0.02", "\t1\t5\t0.01\t0.02", "line 20: branch 1-5.to is \"5\"");
    refused(
        "\t1\t2\t0.01\t0.02\t0.004\t2.5\t0\t0\t0\t0\t1",
        "\t1\t2\t0.01\t0.02\t0.004\t2.5\t0\t0\t0\t0\t0",
        "not connected",
    );
    refused("\t1\t0\t0\tInf", "\t9\t0\t0\tInf", "line 16: generator gen1.bus is \"9\"");
    refused("\t5\t-1;", "\t5\t6;", "line 16: generator gen1.min_w is 6000000, expected at most max_w, which is 5000000");
    refused("1\t1.05\t0.95;", "1\t0.95\t1.05;", "line 11: bus 1.min_pu is 1.05, expected at most max_pu");
    refused("2\t0\t0\t3\t100", "3\t0\t0\t3\t100", "line 26: gencost row 1: model is 3");
    refused("2\t0\t0\t3\t100", "2\t0\t0\t4\t100", "line 26: gencost row 1: n is 4, expected as many as there are: 3");
    refused("2\t0\t0\t3\t100", "2\t0\t0\t4\t5\t100", "line 26: gencost row 1: c3 is 5");
    refused("2\t0\t0\t3\t100", "2\t0\t0\t3\t-100", "line 26: generator gen1.cost.polynomial.per_kw2h is -0.0001");
    refused("\t2\t0\t0\t3\t100\t40\t7;\n", "", "gencost has 1 rows, expected 2");
    refused("mpc.bus_name", "mpc.dcline = [1 2 1];\nmpc.bus_name", "line 30: dcline is not read");
    refused("mpc.bus_name", "mpc.branch(:, 3) = 0;\nmpc.bus_name", "line 30: `mpc.branch` begins no `mpc.field = value`");
    refused("'thirty' };", "'thirty' ", "the cells of bus_name are not closed");
    refused("\t\t10\t0.6\t90;\n];", "\t\t10\t0.6\t90;", "gencost");
}

#[test]
fn no_cut_of_a_case_panics() {
    for end in (0..CASE.len()).filter(|end| CASE.is_char_boundary(*end)) {
        // Some cuts still are cases; none may be more than that or a refusal.
        let _ = Network::from_matpower(&CASE[..end]).map(|network| network.check().unwrap());
        let _ = Network::from_matpower(&CASE[end..]).map(|network| network.check().unwrap());
    }
}
