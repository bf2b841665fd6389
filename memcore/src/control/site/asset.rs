//! A device or some of its channels in a role, with what it can do and what is safe for it.

use serde::{Deserialize, Serialize};

use super::Heat;
use crate::model::{Name, Span, written};

/// What an asset is to the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "rest", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "rest", schema(as = AssetRole))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The meter at the grid connection: positive is import.
    GridMeter,
    /// A meter of a circuit within the site.
    Meter,
    /// A photovoltaic array or another source that can at most be curtailed.
    Pv,
    /// A battery.
    Battery,
    /// A charger of vehicles.
    Charger,
    /// A heat pump or an electric heater.
    HeatPump,
    /// A load that is metered, and perhaps limited.
    Load,
    /// A generator that is started and stopped.
    Genset,
    /// A load that is only switched.
    Switch,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::GridMeter,
        Self::Meter,
        Self::Pv,
        Self::Battery,
        Self::Charger,
        Self::HeatPump,
        Self::Load,
        Self::Genset,
        Self::Switch,
    ];

    /// Its name, as files write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::GridMeter => "grid_meter",
            Self::Meter => "meter",
            Self::Pv => "pv",
            Self::Battery => "battery",
            Self::Charger => "charger",
            Self::HeatPump => "heat_pump",
            Self::Load => "load",
            Self::Genset => "genset",
            Self::Switch => "switch",
        }
    }

    /// Whether it only measures: what flows through it is drawn by others.
    #[must_use]
    pub const fn is_meter(self) -> bool {
        matches!(self, Self::GridMeter | Self::Meter)
    }

    /// Whether power only flows out of it.
    #[must_use]
    pub const fn is_source(self) -> bool {
        matches!(self, Self::Pv | Self::Genset)
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// In which unit a setpoint channel takes its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SetpointUnit {
    /// Power in W, passive sign.
    #[default]
    W,
    /// Current of each phase in use, in A.
    A,
    /// 1 is on, 0 is off.
    OnOff,
}

/// Which conductors an asset uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhaseUse {
    /// The first alone.
    L1,
    /// The second alone.
    L2,
    /// The third alone.
    L3,
    /// All three, evenly.
    #[default]
    Three,
    /// The first alone or all three, as `phase_setpoint` is told.
    Switched,
}

/// A device or some of its channels in a role.
///
/// A channel is written as its name within `device`, or as `device:channel`. Fields that do not fit the role are refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asset {
    /// What the site calls it.
    pub name: Name,
    /// What it is to the site.
    pub role: Role,
    /// The circuit that feeds it; the top one where it names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub circuit: Option<Name>,
    /// The device whose channels are meant; called as the asset unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<Name>,
    /// The channel of its power; `power` unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power: Option<String>,
    /// The channel that takes its setpoint; without one it is not controlled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setpoint: Option<String>,
    /// The channel that takes 1 or 3, where phases are switched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase_setpoint: Option<String>,
    /// The channel of its state of charge (battery, vehicle).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soc: Option<String>,
    /// The channel that says whether a vehicle is connected: 1 or 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connected: Option<String>,
    /// The channels of its currents, L1 first (meters).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub currents: Vec<String>,
    /// The channel of a voltage, in V.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voltage: Option<String>,
    /// The channel of the frequency, in Hz.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frequency: Option<String>,
    /// The channel of a temperature, in degrees Celsius (heat pump).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<String>,
    /// The unit of `setpoint`.
    #[serde(default, skip_serializing_if = "super::unsaid")]
    pub setpoint_unit: SetpointUnit,
    /// The lowest and highest power, in W, passive sign: a battery's `[-5000, 5000]`, an array's `[-8000, 0]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range_w: Option<[f64; 2]>,
    /// The least power when it runs, in W, as a positive number: between it and zero it cannot run.
    #[serde(default, skip_serializing_if = "super::unsaid")]
    pub least_w: f64,
    /// Its power goes in steps of so many W.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_w: Option<f64>,
    /// Its power is one of these, in W, passive sign, zero included.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub levels_w: Vec<f64>,
    /// How fast its power may change, in W a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ramp_w_per_s: Option<f64>,
    /// How long it must run at the least.
    #[serde(default, with = "written::span", skip_serializing_if = "Option::is_none")]
    pub min_on: Option<Span>,
    /// How long it must rest at the least.
    #[serde(default, with = "written::span", skip_serializing_if = "Option::is_none")]
    pub min_off: Option<Span>,
    /// Which conductors it uses.
    #[serde(default, skip_serializing_if = "super::unsaid")]
    pub phases: PhaseUse,
    /// Volts of a phase against neutral, between current and power.
    #[serde(default = "super::volts", skip_serializing_if = "super::is_usual")]
    pub volts: f64,
    /// How often its meter reports; silent for three of these is lost. Five seconds unless told.
    #[serde(default = "five_seconds", with = "written::length", skip_serializing_if = "is_five_seconds")]
    pub period: Span,
    /// A power that is the same to the last bit for so long, while others move, comes from a meter that hangs: it is lost.
    /// Never unless told.
    #[serde(default, with = "written::span", skip_serializing_if = "Option::is_none")]
    pub frozen_after: Option<Span>,
    /// What holds when nobody decides, in W: the default of control and the fallback of every command. Nothing unless told; of an
    /// array all that it can give, as nobody wishing is no reason to curtail it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub safe_w: Option<f64>,
    /// What it is taken to draw when its meter is lost, in W; the highest of its range (the lowest for sources) unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assumed_w: Option<f64>,
    /// Loads with a lower number are shed first; never without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shed_order: Option<u8>,
    /// What a battery stores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<Storage>,
    /// The vehicle of a charger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vehicle: Option<Vehicle>,
    /// What a genset costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fuel: Option<Fuel>,
    /// What a heat pump heats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heat: Option<Heat>,
    /// Heat out of a unit of electricity (heat pump). 3 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cop: Option<f64>,
}

fn five_seconds() -> Span {
    Span::from_seconds(5)
}

fn is_five_seconds(period: &Span) -> bool {
    *period == five_seconds()
}

impl Asset {
    /// Its range, in W: as it says, or from its lowest to its highest level.
    pub(in crate::control) fn range(&self) -> Option<[f64; 2]> {
        self.range_w.or_else(|| Some([*self.levels_w.first()?, *self.levels_w.last()?]))
    }

    /// What holds when nobody decides, in W.
    pub(in crate::control) fn safe(&self) -> f64 {
        let most = self.range().map(|range| range[0]).filter(|low| self.role == Role::Pv && low.is_finite());
        self.safe_w.or(most).unwrap_or(0.0)
    }

    /// An asset with its name and role; everything else is as its field says.
    #[must_use]
    pub fn new(name: Name, role: Role) -> Self {
        Self {
            name,
            role,
            circuit: None,
            device: None,
            power: None,
            setpoint: None,
            phase_setpoint: None,
            soc: None,
            connected: None,
            currents: Vec::new(),
            voltage: None,
            frequency: None,
            temperature: None,
            setpoint_unit: SetpointUnit::W,
            range_w: None,
            least_w: 0.0,
            step_w: None,
            levels_w: Vec::new(),
            ramp_w_per_s: None,
            min_on: None,
            min_off: None,
            phases: PhaseUse::Three,
            volts: 230.0,
            period: five_seconds(),
            frozen_after: None,
            safe_w: None,
            assumed_w: None,
            shed_order: None,
            storage: None,
            vehicle: None,
            fuel: None,
            heat: None,
            cop: None,
        }
    }
}

/// What a battery stores, and how well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Storage {
    /// The energy that it can hold, in Wh.
    pub capacity_wh: f64,
    /// The lowest state of charge. 0.05 unless told.
    #[serde(default = "lowest")]
    pub min_soc: f64,
    /// The highest state of charge. 1 unless told.
    #[serde(default = "one")]
    pub max_soc: f64,
    /// How far a state of charge may be beyond its bound before that is a fault. 0.01 unless told.
    #[serde(default = "tolerance")]
    pub tolerance: f64,
    /// The share of what flows in that is stored. 0.95 unless told.
    #[serde(default = "efficiency")]
    pub charge_efficiency: f64,
    /// The share of what is stored that flows out. 0.95 unless told.
    #[serde(default = "efficiency")]
    pub discharge_efficiency: f64,
    /// What a kWh discharged costs in wear.
    #[serde(default, skip_serializing_if = "super::unsaid")]
    pub wear_per_kwh: f64,
}

pub(super) fn lowest() -> f64 {
    0.05
}

fn one() -> f64 {
    1.0
}

pub(super) fn tolerance() -> f64 {
    0.01
}

pub(super) fn efficiency() -> f64 {
    0.95
}

/// The vehicle of a charger, and when its people need it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vehicle {
    /// The energy that it can hold, in Wh.
    pub capacity_wh: f64,
    /// The state of charge that it shall leave with. 0.8 unless told.
    #[serde(default = "target")]
    pub target_soc: f64,
    /// When it leaves, by the clock of the site: `07:00`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub departure: Option<String>,
    /// The share of what flows in that is stored. 0.9 unless told.
    #[serde(default = "vehicle_efficiency")]
    pub charge_efficiency: f64,
}

pub(super) fn target() -> f64 {
    0.8
}

pub(super) fn vehicle_efficiency() -> f64 {
    0.9
}

/// What a genset costs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fuel {
    /// A kWh at the margin.
    pub marginal_per_kwh: f64,
    /// An hour without load.
    #[serde(default, skip_serializing_if = "super::unsaid")]
    pub no_load_per_h: f64,
    /// A start.
    #[serde(default, skip_serializing_if = "super::unsaid")]
    pub start_cost: f64,
}
