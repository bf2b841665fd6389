//! Prints the figures of memcore, one JSON object a line.
//!
//! `figures GROUP...` measures the groups named (`link`, `store`, `router`, `import`, `energy`, `doctor`, `optimize`, `control`, `web`,
//! `growth`), all of them but `growth`, which takes long, without a name. Machines are shared and noisy: compare within one run, and
//! trust CPU time and ratios more than the clock. `MEMCORE_FIGURES_SCALE`, such as `0.01`, makes what is measured for `growth` and large stores smaller.

mod control;
mod control_jitter;
mod doctor;
mod energy;
mod growth;
mod growth_case;
mod import;
mod link;
mod link_load;
mod optimize;
mod peer;
mod process;
mod router;
mod store;
mod store_more;
mod web;
mod web_client;
mod web_serve;

use std::process::ExitCode;

/// One measured number.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    /// `higher` or `lower`.
    pub(crate) better: &'static str,
    /// What it should reach, where something is stated.
    pub(crate) target: Option<f64>,
}

/// Measures one group.
type Group = (&'static str, fn() -> Vec<Figure>);

const GROUPS: [Group; 10] = [
    ("link", link::figures),
    ("store", stored),
    ("router", routed),
    ("import", import::figures),
    ("energy", energy::figures),
    ("doctor", doctor::figures),
    ("optimize", optimize::figures),
    ("control", control::figures),
    ("web", web::figures),
    ("growth", growth::figures),
];
/// Only where it is named.
const LONG: &str = "growth";

fn main() -> ExitCode {
    let mut args = std::env::args_os().peekable();
    args.next();
    // The server under test is this same program, so that no second build is needed: `figures memcore serve ...`.
    if args.peek().is_some_and(|first| first == "memcore") {
        return ExitCode::from(memcore::cli::run(args));
    }
    let wanted: Vec<String> = args.map(|arg| arg.to_string_lossy().into_owned()).collect();
    // Processes that a measurement starts, so that memory and the time to open are their own.
    match wanted.first().map(String::as_str) {
        Some("peer") => return ended(peer::run(&wanted[1..])),
        Some("web-serve") => return ended(web_serve::run(&wanted[1..])),
        Some("growth-case") => return ended(growth_case::run(&wanted[1..])),
        _ => {}
    }
    let names: Vec<_> = GROUPS.iter().map(|(name, _)| *name).collect();
    if let Some(unknown) = wanted.iter().find(|name| !names.contains(&name.as_str())) {
        eprintln!("figures: group is {unknown:?}, expected one of {}", names.join(" "));
        return ExitCode::from(2);
    }
    for (group, measure) in GROUPS {
        if (wanted.is_empty() && group != LONG) || wanted.iter().any(|name| name == group) {
            for figure in measure() {
                print(group, &figure);
            }
        }
    }
    ExitCode::SUCCESS
}

fn ended(done: Result<(), String>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("figures: {e}");
            ExitCode::from(2)
        }
    }
}

/// How much of the large measurements is done.
pub(crate) fn scale() -> f64 {
    let text = std::env::var("MEMCORE_FIGURES_SCALE").unwrap_or_else(|_| "1".to_owned());
    text.parse().unwrap_or_else(|_| panic!("MEMCORE_FIGURES_SCALE is {text:?}, expected a number such as 0.01"))
}

fn print(group: &str, figure: &Figure) {
    let Figure { name, value, unit, better, target } = figure;
    // Four digits say all that such a measurement can.
    let digits = 10f64.powi(3 - value.abs().max(1e-12).log10().floor() as i32);
    let value = (value * digits).round() / digits;
    let line = serde_json::json!({
        "group": group, "name": name, "value": value, "unit": unit, "better": better, "target": target
    });
    println!("{line}");
}

fn stored() -> Vec<Figure> {
    let mut figures = store::figures();
    figures.extend(store_more::figures());
    figures
}

fn routed() -> Vec<Figure> {
    let figure = |(name, value, unit, better, target)| Figure { name, value, unit, better, target };
    router::figures().into_iter().map(figure).collect()
}
