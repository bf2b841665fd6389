//! What the golden problems share: the tables beside the project, and the islanded microgrid.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::{Battery, Genset, Horizon, Load, Site, Source, Terminal};
use crate::model::{Currency, Span};

/// The rows of a table beside the project, first column first; None, and said so, where it is absent.
pub(in crate::optimize) fn table(name: &str) -> Option<Vec<Vec<f64>>> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let file = std::env::var_os("MEMCORE_TEST_DATA").map_or_else(beside, PathBuf::from).join("optimize").join(name);
    let Ok(text) = std::fs::read_to_string(&file) else {
        let _ = writeln!(std::io::stderr(), "SKIPPED: {} is absent", file.display());
        return None;
    };
    Some(text.lines().skip(1).map(|line| line.split(',').map(|cell| cell.parse().unwrap()).collect()).collect())
}

/// Two gensets, a 100 kWh battery, 60 kWp of PV, shedding at 3 EUR/kWh, an hour a row.
pub(in crate::optimize) fn microgrid(rows: &[Vec<f64>]) -> Site {
    let column = |at: usize, scale: f64| rows.iter().map(|row| row[at] * scale).collect::<Vec<f64>>();
    let hours = |count: i64| Span::from_seconds(3600 * count);
    let large = Genset::new("large", 18_000.0, 60_000.0, 0.28)
        .no_load_per_h(3.0)
        .start_cost(8.0)
        .min_up(hours(3))
        .min_down(hours(2));
    let small = Genset::new("small", 12_000.0, 40_000.0, 0.30)
        .no_load_per_h(2.0)
        .start_cost(5.0)
        .min_up(hours(2))
        .min_down(hours(1));
    let battery = Battery::new("battery", 100_000.0, 40_000.0, 40_000.0, 50_000.0)
        .wear_per_kwh(0.02)
        .terminal(Terminal::ExactlyWh(50_000.0));
    let load = Load::new("village", column(1, 1e3)).value_of_lost_load_per_kwh(3.0);
    let pv = Source::new("pv", column(2, 60e3));
    let horizon = Horizon::even("2026-01-01T00:00:00Z".parse().unwrap(), hours(1), rows.len()).unwrap();
    Site::new(Currency::EUR, horizon, [large.into(), small.into(), battery.into(), load.into(), pv.into()])
}
