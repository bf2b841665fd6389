//! Plans: what a site's batteries, vehicles, heat pumps, gensets and loads should do, at the least cost. Pure functions of values,
//! without I/O and without a clock of their own.
//!
//! A [`Site`] says what there is; engines answer; memcore's own verifier goes through every answer before it is returned. The model
//! in formulas, with sources and signs, is `docs/optimization.md`.

mod answer;
mod asset;
mod check;
mod checked;
mod description;
mod explain;
mod fleet;
mod forecast;
#[cfg(test)]
mod golden;
mod horizon;
mod meaning;
mod options;
mod output;
mod plan;
mod profile;
mod program;
mod schedule;
mod site;
mod solve;
mod state;
mod structured;
mod verify;
mod walk;
mod words;

pub mod network;

pub use asset::{
    Asset, Battery, Building, Charging, Deferrable, DemandCharge, Ev, Genset, Given, Grid, Heat, HeatPump, Link, Load,
    MAIN_BUS, Phases, Session, Side, Source, Tank, Terminal,
};
pub use description::Description;
pub use explain::{ConflictingLimit, Infeasible, Relaxation};
pub use fleet::{Planner, solve_many};
pub use forecast::{
    Asked, ClearSky, Forecast, Forecaster, Foresight, IssuedForecasts, Method, Naive, Quantile, RollingPast, Score, Sun,
    Trust, score, score_method, sun_at,
};
pub use horizon::{Horizon, MAX_STEPS};
pub use options::Options;
pub use output::{ChartSeries, ChartStyle, Panel, PlanChart};
pub use plan::{
    BusPrices, Certificate, Cost, CostCause, Engine, EngineReport, Outcome, Plan, ShadowPrice, Status, Timings, Undecided,
    Violation, WaterValues,
};
pub use profile::Profile;
pub use schedule::{Quantity, Schedule};
pub use site::{PreviousPower, Reserve, Site, Smoothness, Stay};
pub use state::{DeferrableState, Running, State};
pub use verify::Verified;
pub use walk::{Backtest, Comparison, Walk, backtest};

#[cfg(test)]
mod tests {
    use super::*;

    /// A home of four quarters, for tests of every part.
    const HOME: &str = r#"
        currency = "EUR"
        horizon = { start = "2026-01-01T00:00:00Z", step = "15m", steps = 4 }
        [[asset]]
        type = "grid"
        name = "grid"
        buy_per_kwh = [0.3, 0.2, 0.2, 0.4]
        import_limit_w = 10000
        demand_charges = [{ per_kw = 5.0, interval = "15m" }]
        [[asset]]
        type = "battery"
        name = "battery"
        capacity_wh = 10000
        charge_limit_w = 5000
        discharge_limit_w = 5000
        initial_wh = 5000
        terminal = { value_per_kwh = 0.25 }
        [[asset]]
        type = "ev"
        name = "car"
        capacity_wh = 60000
        sessions = [{ arrival = "2026-01-01T00:00:00Z", departure = "2026-01-01T01:00:00Z", target_wh = 5000 }]
        charging = { current = { min_a = 6, max_a = 16, volts = 230, phases = "switched" } }
        [[asset]]
        type = "heat_pump"
        name = "heating"
        max_w = 3000
        cop = 3.5
        heat = { building = { capacity_wh_per_k = 9000, loss_w_per_k = 150, outdoor_c = 0, initial_c = 20, comfort_min_c = 19 } }
    "#;

    #[test]
    fn a_site_is_read_from_a_file_and_written_back() {
        let site: Site = toml::from_str(HOME).unwrap();
        assert_eq!(site.assets.iter().map(Asset::kind).collect::<Vec<_>>(), ["grid", "battery", "ev", "heat_pump"]);
        let json = serde_json::to_string(&site).unwrap();
        assert_eq!(serde_json::from_str::<Site>(&json).unwrap(), site, "{json}");
    }

    #[test]
    fn unknown_fields_and_currencies_are_refused_by_name() {
        let refused = |from: &str, to: &str| toml::from_str::<Site>(&HOME.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(refused("capacity_wh", "capacity_kwh").contains("capacity_kwh"));
        assert!(refused("\"EUR\"", "\"EUX\"").contains("EUX"));
        assert!(refused("currency", "colour = 1\ncurrency").contains("colour"));
    }

    #[test]
    fn builders_read_like_the_site() {
        let horizon =
            Horizon::even("2026-01-01T00:00:00Z".parse().unwrap(), crate::model::Span::from_seconds(900), 4).unwrap();
        let grid = Grid::new("grid", [0.3, 0.2, 0.2, 0.4]).import_limit_w(10_000.0).sell_per_kwh(0.08);
        let battery = Battery::new("battery", 10_000.0, 5_000.0, 5_000.0, 5_000.0).terminal(Terminal::ExactlyWh(5_000.0));
        let site = Site::new(crate::model::Currency::EUR, horizon, [grid.into(), battery.into()]);
        let mut schedule = Schedule::zeros(&site);
        schedule.column_mut(1, Quantity::Charge)[2] = 1_000.0;
        assert_eq!((schedule.net_power(1, 2), schedule.net_power(0, 2)), (1_000.0, 0.0));
        assert_eq!(site.buses(), [MAIN_BUS]);
    }
}
