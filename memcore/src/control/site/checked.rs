//! A site model that was checked: names are places, defaults are filled in, and what control asks of each asset is a number.

use std::collections::HashMap;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::{Asset, PhaseUse, Role, ShareBy, SiteModel, Storage};
use crate::control::Measure;
use crate::energy::TimeOfDay;
use crate::model::{Name, SeriesName};

/// A site model without contradictions. Assets, circuits and groups are known by their place.
#[derive(Debug, Clone)]
pub struct CheckedModel {
    pub(in crate::control) model: SiteModel,
    pub(in crate::control) assets: Vec<CheckedAsset>,
    /// Each after the one that it is within; the top ones first.
    pub(in crate::control) circuits: Vec<CheckedCircuit>,
    pub(in crate::control) groups: Vec<CheckedGroup>,
    pub(in crate::control) externals: Vec<CheckedExternal>,
    /// Which reading a series brings: of the asset at that place, or of the site.
    pub(in crate::control) inputs: HashMap<SeriesName, Vec<(Measure, usize)>>,
    /// The grid meter.
    pub(in crate::control) grid: Option<usize>,
    /// The asset that forms the grid on an island.
    pub(in crate::control) forming: Option<usize>,
    /// The series of prices. They are no inputs: what is known of a price is mostly its future.
    pub(in crate::control) buy_series: Option<SeriesName>,
    pub(in crate::control) sell_series: Option<SeriesName>,
    pub(in crate::control) zone: TimeZone,
    pub(in crate::control) notices: Vec<String>,
}

impl CheckedModel {
    /// What was checked.
    #[must_use]
    pub fn model(&self) -> &SiteModel {
        &self.model
    }

    /// The assets, in the order of the model.
    #[must_use]
    pub fn assets(&self) -> &[CheckedAsset] {
        &self.assets
    }

    /// The circuits, each after the one that it is within.
    #[must_use]
    pub fn circuits(&self) -> &[CheckedCircuit] {
        &self.circuits
    }

    /// The groups, in the order of the model.
    #[must_use]
    pub fn groups(&self) -> &[CheckedGroup] {
        &self.groups
    }

    /// The limits from outside, in the order of the model.
    #[must_use]
    pub fn externals(&self) -> &[CheckedExternal] {
        &self.externals
    }

    /// What is odd about the model, and may be meant so: each names the part, the field and its value.
    #[must_use]
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// The time zone of its people.
    #[must_use]
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The series with prices of kWh bought, where the tariff names one. It is not among [`series`](Self::series): a price that was
    /// read last may be one of tomorrow.
    #[must_use]
    pub fn buy_series(&self) -> Option<&SeriesName> {
        self.buy_series.as_ref()
    }

    /// The series with prices of kWh sold, where the tariff names one.
    #[must_use]
    pub fn sell_series(&self) -> Option<&SeriesName> {
        self.sell_series.as_ref()
    }

    /// The place of the asset that forms the grid on an island, where one is named.
    #[must_use]
    pub fn forming(&self) -> Option<usize> {
        self.forming
    }

    /// The series that control needs to hear.
    pub fn series(&self) -> impl Iterator<Item = &SeriesName> {
        self.inputs.keys()
    }

    /// The series that brings a reading of the asset at that place.
    #[must_use]
    pub fn series_of(&self, place: usize, measure: Measure) -> Option<&SeriesName> {
        self.inputs.iter().find(|(_, brings)| brings.contains(&(measure, place))).map(|(series, _)| series)
    }

    /// What each series brings: a measure of the asset at that place, or of the site.
    pub fn inputs(&self) -> impl Iterator<Item = (&SeriesName, &[(Measure, usize)])> {
        self.inputs.iter().map(|(series, inputs)| (series, inputs.as_slice()))
    }

    /// The place of the asset of that name.
    #[must_use]
    pub fn place(&self, name: &str) -> Option<usize> {
        self.assets.iter().position(|asset| asset.name.as_str() == name)
    }

    /// The place of the grid meter, where there is one.
    #[must_use]
    pub fn grid(&self) -> Option<usize> {
        self.grid
    }
}

/// An asset as control sees it.
#[derive(Debug, Clone)]
pub struct CheckedAsset {
    /// What the site calls it.
    pub name: Name,
    /// What it is to the site.
    pub role: Role,
    /// The circuit that feeds it.
    pub circuit: Option<usize>,
    /// The lowest power, in W, passive sign.
    pub low_w: f64,
    /// The highest power, in W, passive sign.
    pub high_w: f64,
    /// The least power when it runs, in W; zero where it can go down to nothing.
    pub least_w: f64,
    /// Which powers it can take.
    pub steps: Steps,
    /// How fast its power may change, in W a second; infinite where nothing is said.
    pub ramp_w_per_s: f64,
    /// How long it must run at the least.
    pub min_on: Duration,
    /// How long it must rest at the least.
    pub min_off: Duration,
    /// Which conductors it uses.
    pub phases: PhaseUse,
    /// Volts of a phase against neutral.
    pub volts: f64,
    /// After how much silence its meter is lost.
    pub silent_after: Duration,
    /// What holds when nobody decides, in W.
    pub safe_w: f64,
    /// What it is taken to draw when its meter is lost, in W.
    pub assumed_w: f64,
    /// What it stores.
    pub storage: Option<Storage>,
    /// Where its setpoint goes; None where it is not controlled.
    pub setpoint: Option<Setpoint>,
    /// When its vehicle leaves, by the clock of the site.
    pub departure: Option<TimeOfDay>,
    /// The asset as it was described.
    pub described: Asset,
}

impl CheckedAsset {
    /// Whether its power is for a plan to say, or for the sun: it is no part of the load that a site has by itself.
    #[must_use]
    pub fn is_planned(&self) -> bool {
        matches!(self.role, Role::Pv | Role::Battery | Role::Charger | Role::HeatPump | Role::Genset)
    }

    /// The share of its power on each phase, where all three conductors are in use as `PhaseUse` says (switched: all three).
    #[must_use]
    pub fn phase_shares(&self) -> [f64; 3] {
        match self.phases {
            PhaseUse::L1 => [1.0, 0.0, 0.0],
            PhaseUse::L2 => [0.0, 1.0, 0.0],
            PhaseUse::L3 => [0.0, 0.0, 1.0],
            PhaseUse::Three | PhaseUse::Switched => [1.0 / 3.0; 3],
        }
    }
}

/// Which powers an asset can take between its limits.
#[derive(Debug, Clone, PartialEq)]
pub enum Steps {
    /// Any.
    Continuous,
    /// Multiples of so many W.
    Every(f64),
    /// These, ascending, in W.
    Levels(Vec<f64>),
}

/// Where the setpoint of an asset goes.
#[derive(Debug, Clone, PartialEq)]
pub struct Setpoint {
    /// The channel that takes it.
    pub series: SeriesName,
    /// Its unit.
    pub unit: super::SetpointUnit,
    /// The channel that takes the number of phases, where they are switched.
    pub phases: Option<SeriesName>,
}

/// A circuit as control sees it.
#[derive(Debug, Clone)]
pub struct CheckedCircuit {
    /// What the site calls it.
    pub name: Name,
    /// The circuit that feeds it.
    pub within: Option<usize>,
    /// The assets on it or on a circuit within it; meters, which draw nothing, aside.
    pub members: Vec<usize>,
    /// The asset that measures all of it.
    pub meter: Option<usize>,
    /// The most current of a phase, in A, margin taken off; infinite where nothing is said.
    pub limit_a: f64,
    /// The most power in, in W, margin taken off; infinite where nothing is said.
    pub import_w: f64,
    /// The most power out, in W, margin taken off, as a positive number; infinite where nothing is said.
    pub export_w: f64,
    /// Volts of a phase against neutral.
    pub volts: f64,
    /// How many phases it has.
    pub phases: u8,
}

/// Assets that are wished for together.
#[derive(Debug, Clone)]
pub struct CheckedGroup {
    /// What the site calls it.
    pub name: Name,
    /// Its assets.
    pub members: Vec<usize>,
    /// How its power is shared out.
    pub share_by: ShareBy,
}

/// A limit from outside.
#[derive(Debug, Clone)]
pub struct CheckedExternal {
    /// What the site calls it.
    pub name: Name,
    /// The assets whose sum is limited; empty where it is the grid connection.
    pub members: Vec<usize>,
    /// The most power in, in W, while the signal is 1; None where the signal itself is the limit.
    pub limit_w: Option<f64>,
    /// What holds when the signal is silent, in W.
    pub failsafe_w: f64,
    /// After how much silence the failsafe holds.
    pub silent_after: Duration,
    /// How long a failsafe holds at the least.
    pub min_duration: Duration,
}
