//! The settings of the strategies: what a site model may say of each.

use serde::{Deserialize, Serialize};

use crate::model::{Name, Span, written};

/// What batteries hold to when the site is not as the plan thought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hold {
    /// The grid's power of the plan: the batteries take what PV and loads differ. What other assets of the plan differ is left to the
    /// grid. Their own power where the plan has none of the grid, or where a meter is lost.
    #[default]
    Grid,
    /// Their own power of the plan: the grid takes what PV and loads differ.
    Power,
}

/// Settings of the strategy that follows the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FollowPlan {
    /// The assets that follow; all controlled batteries, chargers, heat pumps and gensets of the plan unless told. Arrays and
    /// loads are in the plan as they were forecast, which is no wish: they follow only when they are named.
    pub assets: Vec<Name>,
    /// What batteries hold to when the site is not as the plan thought. The grid's power unless told.
    pub hold: Hold,
    /// A difference from the plan that changes by less is not answered, in W. 50 unless told.
    pub deadband_w: f64,
    /// How late the grid meter tells what batteries did. Two seconds unless told.
    #[serde(with = "written::length")]
    pub meter_delay: Span,
}

impl Default for FollowPlan {
    fn default() -> Self {
        Self { assets: Vec::new(), hold: Hold::Grid, deadband_w: 50.0, meter_delay: Span::from_seconds(2) }
    }
}

/// Settings of the strategy that keeps the grid's power near zero.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SelfConsumption {
    /// The battery; all of them unless told.
    pub asset: Option<Name>,
    /// Or a group.
    pub group: Option<Name>,
    /// The power at the grid connection that is aimed at, in W. 0 unless told.
    pub target_w: f64,
    /// How far the grid may be off it before anything changes, in W. 50 unless told.
    pub deadband_w: f64,
    /// How late the grid meter tells what batteries did. Two seconds unless told.
    #[serde(with = "written::length")]
    pub meter_delay: Span,
    /// How long batteries may take to do what was decided. Fifteen seconds unless told.
    #[serde(with = "written::length")]
    pub settle: Span,
}

impl Default for SelfConsumption {
    fn default() -> Self {
        Self {
            asset: None,
            group: None,
            target_w: 0.0,
            deadband_w: 50.0,
            meter_delay: Span::from_seconds(2),
            settle: Span::from_seconds(15),
        }
    }
}

/// Settings of the strategy that keeps the mean of each interval below a limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PeakShaving {
    /// The most mean power from the grid in an interval, in W. It must be given.
    pub limit_w: Option<f64>,
    /// The asset that keeps it; all batteries unless told.
    pub asset: Option<Name>,
    /// Or a group.
    pub group: Option<Name>,
    /// The share of the limit that is kept free. 0.02 unless told.
    pub margin: f64,
    /// Batteries are charged up to this state of charge with what the limit leaves; not at all unless told.
    pub recharge_soc: Option<f64>,
    /// How late the grid meter tells what assets did. Two seconds unless told.
    #[serde(with = "written::length")]
    pub meter_delay: Span,
    /// How long assets may take to do what was decided. Fifteen seconds unless told.
    #[serde(with = "written::length")]
    pub settle: Span,
}

impl Default for PeakShaving {
    fn default() -> Self {
        Self {
            limit_w: None,
            asset: None,
            group: None,
            margin: 0.02,
            recharge_soc: None,
            meter_delay: Span::from_seconds(2),
            settle: Span::from_seconds(15),
        }
    }
}

/// Settings of the strategy that charges while energy is cheap.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimeOfUse {
    /// The assets; all batteries unless told.
    pub assets: Vec<Name>,
    /// When energy is cheap, by the clock of the site: `["00:00-05:00"]`.
    pub cheap: Vec<String>,
    /// When it is dear.
    pub dear: Vec<String>,
    /// It is cheap while a kWh bought costs no more than this.
    pub cheap_below: Option<f64>,
    /// It is dear while a kWh bought costs at least this.
    pub dear_above: Option<f64>,
    /// It is cheap while the price is among this share of the lowest of the last day.
    pub cheap_quantile: Option<f64>,
    /// It is dear while the price is among the highest of the last day: beyond this quantile.
    pub dear_quantile: Option<f64>,
    /// The power while it is cheap, in W; all that the asset takes unless told.
    pub charge_w: Option<f64>,
    /// The power given while it is dear, in W, as a positive number; left to others, such as self-consumption, unless told.
    pub discharge_w: Option<f64>,
    /// Batteries are charged up to this state of charge. 1 unless told.
    pub charge_soc: f64,
    /// And discharged down to this one. 0 unless told: the model has its own lowest.
    pub discharge_soc: f64,
    /// Whether batteries give nothing unless it is dear, so that there is something left then. They do unless told.
    pub keep: bool,
}

impl Default for TimeOfUse {
    fn default() -> Self {
        Self {
            assets: Vec::new(),
            cheap: Vec::new(),
            dear: Vec::new(),
            cheap_below: None,
            dear_above: None,
            cheap_quantile: None,
            dear_quantile: None,
            charge_w: None,
            discharge_w: None,
            charge_soc: 1.0,
            discharge_soc: 0.0,
            keep: false,
        }
    }
}

/// Settings of the strategy that charges a vehicle with what is left over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SurplusCharging {
    /// The charger; the only one of the site unless told.
    pub asset: Option<Name>,
    /// Batteries charge first while their state of charge is below this: 0, the vehicle always comes first; 1, it takes what
    /// batteries leave. 0.5 unless told.
    pub battery_first_below_soc: f64,
    /// What may come from the grid beside the surplus, in W. 0 unless told.
    pub import_w: f64,
    /// How long there must be enough before it starts. A minute unless told.
    #[serde(with = "written::length")]
    pub start_after: Span,
    /// How long there must be too little before it stops; it charges with the least power meanwhile. Three minutes unless told.
    #[serde(with = "written::length")]
    pub stop_after: Span,
    /// How long it must be better on the other number of phases before they are switched. Five minutes unless told.
    #[serde(with = "written::length")]
    pub phases_after: Span,
    /// Over how long the surplus is smoothed. Twenty seconds unless told.
    #[serde(with = "written::length")]
    pub smooth: Span,
    /// No more is charged beyond this state of charge; the vehicle's `target_soc` unless told.
    pub limit_soc: Option<f64>,
    /// How much earlier than it must it charges with all power to be ready. A quarter of an hour unless told.
    #[serde(with = "written::length")]
    pub ready_before: Span,
}

impl Default for SurplusCharging {
    fn default() -> Self {
        Self {
            asset: None,
            battery_first_below_soc: 0.5,
            import_w: 0.0,
            start_after: Span::from_seconds(60),
            stop_after: Span::from_seconds(180),
            phases_after: Span::from_seconds(300),
            smooth: Span::from_seconds(20),
            limit_soc: None,
            ready_before: Span::from_seconds(900),
        }
    }
}

/// Settings of the strategy that sheds loads. Those with a `shed_order` are shed, the lowest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoadShedding {
    /// More from the grid than this is an overload, in W; none unless told. On an island it is more than what forms it can give.
    pub import_limit_w: Option<f64>,
    /// How long it must last. Five seconds unless told.
    #[serde(with = "written::length")]
    pub overload_for: Span,
    /// A frequency below this sheds, in Hz; 49 at a site with an island that measures it, none elsewhere, unless told.
    pub under_hz: Option<f64>,
    /// Loads come back above this, in Hz; 0.5 Hz above `under_hz` unless told.
    pub back_hz: Option<f64>,
    /// A battery below this state of charge sheds while the grid is not there; 0.05 above the highest `min_soc` at a site with an
    /// island, none elsewhere, unless told.
    pub island_soc: Option<f64>,
    /// Loads come back above this state of charge; 0.1 above `island_soc` unless told.
    pub back_soc: Option<f64>,
    /// The asset that measures the frequency; the first that does unless told.
    pub meter: Option<Name>,
    /// How long what was shed is given to show before more is. Two seconds unless told.
    #[serde(with = "written::length")]
    pub step: Span,
    /// What must be free before a load comes back beside its own power, in W. 500 unless told.
    pub margin_w: f64,
    /// How long all must be well before the first comes back. A minute unless told.
    #[serde(with = "written::length")]
    pub back_after: Span,
    /// How long after it the next one does. Thirty seconds unless told.
    #[serde(with = "written::length")]
    pub stagger: Span,
    /// How long a load is off at the least. Five minutes unless told.
    #[serde(with = "written::length")]
    pub min_off: Span,
}

impl Default for LoadShedding {
    fn default() -> Self {
        Self {
            import_limit_w: None,
            overload_for: Span::from_seconds(5),
            under_hz: None,
            back_hz: None,
            island_soc: None,
            back_soc: None,
            meter: None,
            step: Span::from_seconds(2),
            margin_w: 500.0,
            back_after: Span::from_seconds(60),
            stagger: Span::from_seconds(30),
            min_off: Span::from_seconds(300),
        }
    }
}

/// Settings of the strategy that starts and stops a genset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GensetControl {
    /// The genset; the only one of the site unless told.
    pub asset: Option<Name>,
    /// It starts when the batteries' state of charge falls below this. 0.25 unless told.
    pub start_soc: f64,
    /// It stops above this. 0.8 unless told.
    pub stop_soc: f64,
    /// It starts when batteries and genset together give more than this, in W; never for that unless told.
    pub start_w: Option<f64>,
    /// It does not stop before they give less than this, in W; half of `start_w` unless told.
    pub stop_w: Option<f64>,
    /// How long a reason to start must last. Ten seconds unless told.
    #[serde(with = "written::length")]
    pub start_after: Span,
    /// How long a reason to stop must last. A minute unless told.
    #[serde(with = "written::length")]
    pub stop_after: Span,
    /// How long it runs at the least. A quarter of an hour unless told.
    #[serde(with = "written::length")]
    pub min_run: Span,
    /// How long it runs with its least power first. Two minutes unless told.
    #[serde(with = "written::length")]
    pub warm_up: Span,
    /// What it gives then, in W, as a positive number; all it can unless told.
    pub power_w: Option<f64>,
    /// Whether it may run while the grid is there. It may not unless told; a site without `island` has no grid for this.
    pub beside_grid: bool,
}

impl Default for GensetControl {
    fn default() -> Self {
        Self {
            asset: None,
            start_soc: 0.25,
            stop_soc: 0.8,
            start_w: None,
            stop_w: None,
            start_after: Span::from_seconds(10),
            stop_after: Span::from_seconds(60),
            min_run: Span::from_seconds(900),
            warm_up: Span::from_seconds(120),
            power_w: None,
            beside_grid: false,
        }
    }
}

/// What a droop answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DroopBy {
    /// The frequency: P(f).
    #[default]
    Frequency,
    /// The voltage: P(U).
    Voltage,
}

/// Settings of the strategy that answers frequency or voltage with power.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Droop {
    /// The assets; all controlled batteries and arrays unless told.
    pub assets: Vec<Name>,
    /// What is answered.
    pub by: DroopBy,
    /// The asset that measures it; the first that does unless told.
    pub meter: Option<Name>,
    /// The frequency in Hz or voltage in V at which nothing is asked; 50 Hz or 230 V unless told.
    pub nominal: Option<f64>,
    /// How far off it may be before anything is asked, in Hz or V; 0.2 Hz or 11.5 V unless told.
    pub deadband: Option<f64>,
    /// How far beyond that, as a share of the nominal value, everything is asked. 0.05 unless told.
    pub droop: f64,
    /// Over how long the answer is smoothed, so that assets which answer late do not swing. Five seconds unless told.
    #[serde(with = "written::length")]
    pub smooth: Span,
}

impl Default for Droop {
    fn default() -> Self {
        let smooth = Span::from_seconds(5);
        Self { assets: Vec::new(), by: DroopBy::Frequency, meter: None, nominal: None, deadband: None, droop: 0.05, smooth }
    }
}

/// A day of the week, or a holiday, which is none of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
    Holiday,
}

/// Settings of the strategy that goes by the calendar.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Schedule {
    /// The assets, each of which does what the window says.
    pub assets: Vec<Name>,
    /// When what is to hold. Where several hold at a time, the first one does.
    #[serde(rename = "window", alias = "windows")]
    pub windows: Vec<Window>,
    /// Days that are no weekday: `2026-12-25`.
    pub holidays: Vec<String>,
}

/// A time of the day, with what is to hold then: a power, or bounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// On which days it begins; on all of them, holidays too, unless told.
    #[serde(default)]
    pub days: Vec<Day>,
    /// From when, by the clock of the site: `18:00`.
    pub from: String,
    /// Until when: `20:00`; on the next day where that is no later.
    pub to: String,
    /// The power, in W.
    #[serde(default)]
    pub power_w: Option<f64>,
    /// The least power, in W.
    #[serde(default)]
    pub low_w: Option<f64>,
    /// The most power, in W.
    #[serde(default)]
    pub high_w: Option<f64>,
}
