//! The site model: what there is, what each device can do, what is safe for it. Said once, for control and for plans.

mod asset;
mod build;
mod check;
mod checked;
mod heat;
#[cfg(test)]
mod tests;
mod tree;

pub use asset::{Asset, Fuel, PhaseUse, Role, SetpointUnit, Storage, Vehicle};
pub use build::Part;
pub use checked::{CheckedAsset, CheckedCircuit, CheckedExternal, CheckedGroup, CheckedModel, Setpoint, Steps};
pub use heat::{Heat, HeatBuilding, HeatTank};
use serde::{Deserialize, Serialize};

use crate::control::StrategyConfig;
use crate::model::{Currency, Name, OPERATOR_DEFAULT, Span, written};

/// A site as its owner describes it: one TOML or JSON file, or the builders of each language. Unknown fields are refused.
/// [`check`](Self::check) turns it into what control works with.
///
/// Power is in W and in passive sign (positive flows into the device), energy in Wh, state of charge a fraction 0..1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteModel {
    /// The site, as in `home1.battery.power`.
    pub site: Name,
    /// The operator that it belongs to.
    #[serde(default = "operator")]
    pub operator: Name,
    /// The time zone of its people: IANA, such as `Europe/Berlin`.
    #[serde(default = "utc")]
    pub zone: String,
    /// The money of its prices.
    #[serde(default = "currency", with = "written::currency")]
    pub currency: Currency,
    /// How often it is decided. A second unless told.
    #[serde(default = "second", with = "written::length")]
    pub tick: Span,
    /// How long a command holds unless it is refreshed, which it is after a third of it. A minute unless told.
    #[serde(default = "minute", with = "written::length")]
    pub lease: Span,
    /// What there is.
    #[serde(default, rename = "asset", alias = "assets", skip_serializing_if = "Vec::is_empty")]
    pub assets: Vec<Asset>,
    /// Fuses, each within another or at the top.
    #[serde(default, rename = "circuit", alias = "circuits", skip_serializing_if = "Vec::is_empty")]
    pub circuits: Vec<Circuit>,
    /// Assets that are wished for together.
    #[serde(default, rename = "group", alias = "groups", skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Group>,
    /// Limits that come from outside, such as a grid operator's dimming.
    #[serde(default, rename = "external", alias = "externals", skip_serializing_if = "Vec::is_empty")]
    pub externals: Vec<ExternalLimit>,
    /// What energy costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tariff: Option<Tariff>,
    /// How the site lives without the grid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub island: Option<Island>,
    /// How plans are made and followed; none are made without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planning: Option<Planning>,
    /// Who proposes, of those that are built in.
    #[serde(default, rename = "strategy", alias = "strategies", skip_serializing_if = "Vec::is_empty")]
    pub strategies: Vec<StrategyConfig>,
}

fn operator() -> Name {
    Name::new(OPERATOR_DEFAULT).expect("a name")
}

fn utc() -> String {
    "UTC".to_owned()
}

fn currency() -> Currency {
    Currency::EUR
}

fn second() -> Span {
    Span::from_seconds(1)
}

fn minute() -> Span {
    Span::from_seconds(60)
}

/// A fuse or feeder with what hangs on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Circuit {
    /// What the site calls it.
    pub name: Name,
    /// The circuit that feeds it; at the top without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Name>,
    /// The most current of each phase, in A.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_a: Option<f64>,
    /// The most power in, over all phases, in W.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub import_limit_w: Option<f64>,
    /// The most power out, over all phases, in W, as a positive number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub export_limit_w: Option<f64>,
    /// Volts of a phase against neutral.
    #[serde(default = "volts", skip_serializing_if = "is_usual")]
    pub volts: f64,
    /// How many phases it has: 1 or 3.
    #[serde(default = "three")]
    pub phases: u8,
    /// The asset (a grid meter or meter) that measures all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meter: Option<Name>,
    /// The share of its limits that is kept free. 0.05 unless told.
    #[serde(default = "margin")]
    pub margin: f64,
}

fn volts() -> f64 {
    230.0
}

fn is_usual(volts: &f64) -> bool {
    *volts == self::volts()
}

/// What nobody said is not written either.
fn unsaid<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn three() -> u8 {
    3
}

fn margin() -> f64 {
    0.05
}

/// Assets that can be wished for as one; so can those of a role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// What the site calls it.
    pub name: Name,
    /// Its assets.
    pub members: Vec<Name>,
    /// How its power is shared out.
    #[serde(default, skip_serializing_if = "unsaid")]
    pub share_by: ShareBy,
}

/// How a group's power is shared out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShareBy {
    /// By what each can still do.
    #[default]
    Headroom,
    /// As few as can do it, the most efficient first.
    Efficiency,
    /// So that states of charge come together: who has more gives more and takes less.
    Soc,
    /// One after the other, in the order of the members.
    Order,
}

/// A limit that comes from outside and must be kept: a grid operator's dimming.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExternalLimit {
    /// What the site calls it.
    pub name: Name,
    /// The channel that brings it, as `device:channel`: a power (W) that limits, or a state where 1 means `limit_w` holds.
    pub signal: String,
    /// The assets whose sum is limited; the grid connection where none are named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<Name>,
    /// The most power in, in W, while a state says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_w: Option<f64>,
    /// What holds when the signal is silent for `silent_after`, in W.
    pub failsafe_w: f64,
    /// After how much silence the failsafe holds. Two minutes unless told.
    #[serde(default = "two_minutes", with = "written::length")]
    pub silent_after: Span,
    /// How long a failsafe holds at the least. Two hours unless told.
    #[serde(default = "two_hours", with = "written::length")]
    pub min_duration: Span,
}

fn two_minutes() -> Span {
    Span::from_seconds(120)
}

fn two_hours() -> Span {
    Span::from_seconds(7_200)
}

/// What energy costs at the grid connection, in the site's currency.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tariff {
    /// A kWh bought, where it is the same at all times.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub buy_per_kwh: Option<f64>,
    /// A kWh sold, where it is the same at all times.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sell_per_kwh: Option<f64>,
    /// The series with prices of kWh bought, as `device:channel` of the site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub buy_series: Option<String>,
    /// The series with prices of kWh sold, as `device:channel` of the site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sell_series: Option<String>,
    /// What each kW of the highest mean of an interval costs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub demand_per_kw: Option<f64>,
    /// The interval of the demand charge. A quarter of an hour unless told.
    #[serde(with = "written::span", skip_serializing_if = "Option::is_none")]
    pub demand_interval: Option<Span>,
}

/// How the site lives without the grid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Island {
    /// The channel that says whether the grid is there, as `device:channel`: 1 or 0.
    pub grid_present: String,
    /// The asset that forms the grid meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forming: Option<Name>,
    /// The power that must stay ready, in W.
    #[serde(default, skip_serializing_if = "unsaid")]
    pub reserve_w: f64,
    /// The state of charge below which batteries give nothing while the grid is there.
    #[serde(default, skip_serializing_if = "unsaid")]
    pub reserve_soc: f64,
}

/// How plans are made and followed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Planning {
    /// How often a plan is made. A quarter of an hour unless told.
    #[serde(with = "written::length")]
    pub every: Span,
    /// How far it looks ahead. A day unless told.
    #[serde(with = "written::length")]
    pub ahead: Span,
    /// The length of its steps. A quarter of an hour unless told.
    #[serde(with = "written::length")]
    pub step: Span,
    /// How long a plan may be followed after it was made. An hour unless told.
    #[serde(with = "written::length")]
    pub valid_for: Span,
    /// A state of charge this far off the plan calls for another. 0.1 unless told.
    pub soc_off: f64,
    /// A load this far off the plan for five minutes calls for another, in W. 1000 unless told.
    pub load_off_w: f64,
}

impl Default for Planning {
    fn default() -> Self {
        let quarter = Span::from_seconds(900);
        Self {
            every: quarter,
            ahead: Span::from_seconds(86_400),
            step: quarter,
            valid_for: Span::from_seconds(3_600),
            soc_off: 0.1,
            load_off_w: 1_000.0,
        }
    }
}
