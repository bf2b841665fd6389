//! Strategies of a site model: which are built in, how each is described, and the actors that they become.

use serde::{Deserialize, Serialize};

use super::checks::Who;
use super::{
    Actor, Droop, FollowPlan, GensetControl, LoadShedding, PeakShaving, Schedule, SelfConsumption, SurplusCharging,
    TimeOfUse,
};
use crate::control::{CheckedModel, Priority};
use crate::error::Result;
use crate::model::{Name, Span, written};

/// A strategy of the site model: `[[strategy]]` with its `kind`, what all of them have, and what its kind has.
///
/// ```
/// let strategy: memcore::control::StrategyConfig =
///     serde_json::from_str(r#"{"kind": "peak_shaving", "limit_w": 5000, "asset": "battery"}"#).unwrap();
/// assert_eq!(strategy.name().as_str(), "peak_shaving");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StrategyConfig {
    /// What it is called; as its kind unless told. No two of a site are called the same.
    #[serde(default)]
    pub name: Option<Name>,
    /// How urgent its wishes are; as its kind has it unless told.
    #[serde(default)]
    pub priority: Option<Priority>,
    /// How often it is asked; at every decision unless told. What it wished for stands for three of these.
    #[serde(default, with = "written::span")]
    pub every: Option<Span>,
    /// Which one it is.
    #[serde(flatten)]
    pub kind: StrategyKind,
}

/// The strategies that are built in.
///
/// Priorities unless told, from the one that comes first:
///
/// | priority | who | because |
/// |---|---|---|
/// | (above all) | interlocks | what would do harm is no wish |
/// | 90 | [`LoadShedding`] | without it the site goes dark |
/// | 85 | [`Droop`] | it holds an island's frequency or voltage |
/// | 80 | [`GensetControl`] | it keeps an island supplied |
/// | 70 | [`PeakShaving`] | a limit that costs when it is passed; it only bounds |
/// | 60 | a person | what people want now |
/// | 55 | [`Schedule`] | what people want at such times |
/// | 50 | [`FollowPlan`] | it has seen further than what follows |
/// | 40 | [`SurplusCharging`] | a car that leaves in time |
/// | 35 | [`TimeOfUse`] | it speaks in its windows alone, and leaves the rest to what follows |
/// | 30 | [`SelfConsumption`] | it always has a wish, so that nothing below it would be heard |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum StrategyKind {
    /// Keeps to the plan while one holds.
    FollowPlan(FollowPlan),
    /// Keeps the grid's power near zero with batteries.
    SelfConsumption(SelfConsumption),
    /// Keeps the mean of each interval below a limit.
    PeakShaving(PeakShaving),
    /// Charges while energy is cheap, discharges while it is dear.
    TimeOfUse(TimeOfUse),
    /// Charges a vehicle with what is left over, and in time for its departure.
    SurplusCharging(SurplusCharging),
    /// Switches loads off before the site goes dark, and on again without a rush.
    LoadShedding(LoadShedding),
    /// Starts and stops a genset.
    Genset(GensetControl),
    /// Answers frequency or voltage with power.
    Droop(Droop),
    /// Powers or bounds by the calendar.
    Schedule(Schedule),
}

impl StrategyKind {
    /// As it is written, and how urgent it is unless told.
    fn defaults(&self) -> (&'static str, u8) {
        match self {
            Self::LoadShedding(_) => ("load_shedding", 90),
            Self::Droop(_) => ("droop", 85),
            Self::Genset(_) => ("genset", 80),
            Self::PeakShaving(_) => ("peak_shaving", 70),
            Self::Schedule(_) => ("schedule", 55),
            Self::FollowPlan(_) => ("follow_plan", 50),
            Self::SurplusCharging(_) => ("surplus_charging", 40),
            Self::TimeOfUse(_) => ("time_of_use", 35),
            Self::SelfConsumption(_) => ("self_consumption", 30),
        }
    }
}

impl From<StrategyKind> for StrategyConfig {
    /// With the name, priority and period of its kind.
    fn from(kind: StrategyKind) -> Self {
        Self { name: None, priority: None, every: None, kind }
    }
}

impl StrategyConfig {
    /// What it is called.
    #[must_use]
    pub fn name(&self) -> Name {
        self.name.clone().unwrap_or_else(|| Name::new(self.kind.defaults().0).expect("kinds are names"))
    }

    /// How urgent its wishes are.
    #[must_use]
    pub fn priority(&self) -> Priority {
        self.priority.unwrap_or_else(|| Priority::new(self.kind.defaults().1).expect("from 1 to 100"))
    }

    /// The actor that it becomes at a site.
    ///
    /// # Errors
    /// Invalid, naming the strategy, the field, its value and what was expected.
    pub fn build(&self, model: &CheckedModel) -> Result<Box<dyn Actor>> {
        let build = || {
            let who = Who::new(self, model)?;
            match &self.kind {
                StrategyKind::FollowPlan(settings) => settings.build(who, model),
                StrategyKind::SelfConsumption(settings) => settings.build(who, model),
                StrategyKind::PeakShaving(settings) => settings.build(who, model),
                StrategyKind::TimeOfUse(settings) => settings.build(who, model),
                StrategyKind::SurplusCharging(settings) => settings.build(who, model),
                StrategyKind::LoadShedding(settings) => settings.build(who, model),
                StrategyKind::Genset(settings) => settings.build(who, model),
                StrategyKind::Droop(settings) => settings.build(who, model),
                StrategyKind::Schedule(settings) => settings.build(who, model),
            }
        };
        build().map_err(|e| e.context(format_args!("strategy {}", self.name())))
    }
}

/// The actors that the strategies of a site become, in their order.
///
/// # Errors
/// Invalid for the first that cannot be built.
pub fn actors(model: &CheckedModel) -> Result<Vec<Box<dyn Actor>>> {
    model.model.strategies.iter().map(|strategy| strategy.build(model)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(toml: &str) -> std::result::Result<StrategyConfig, toml::de::Error> {
        toml::from_str(toml)
    }

    #[test]
    fn a_strategy_is_read_as_it_is_written() {
        let written = "kind = \"peak_shaving\"\npriority = 65\nevery = \"5s\"\nlimit_w = 5000\nasset = \"battery\"";
        let strategy = read(written).unwrap();
        assert_eq!((strategy.name().as_str(), strategy.priority().get()), ("peak_shaving", 65));
        let StrategyKind::PeakShaving(settings) = &strategy.kind else { panic!("{strategy:?}") };
        assert_eq!((settings.limit_w, settings.margin), (Some(5_000.0), 0.02));
        assert_eq!(read(&toml::to_string(&strategy).unwrap()).unwrap(), strategy);
        let json = serde_json::to_string(&strategy).unwrap();
        assert_eq!(serde_json::from_str::<StrategyConfig>(&json).unwrap(), strategy);
    }

    #[test]
    fn every_kind_can_be_written_without_settings() {
        for kind in [
            "follow_plan",
            "self_consumption",
            "peak_shaving",
            "time_of_use",
            "surplus_charging",
            "load_shedding",
            "genset",
            "droop",
            "schedule",
        ] {
            let strategy = read(&format!("kind = {kind:?}")).unwrap();
            assert_eq!(strategy.name().as_str(), kind);
            assert_eq!(read(&toml::to_string(&strategy).unwrap()).unwrap(), strategy);
        }
    }

    #[test]
    fn what_is_no_setting_is_refused_by_name() {
        for (written, named) in [
            ("kind = \"peak_shaving\"\nlimit_kw = 5", "limit_kw"),
            ("kind = \"self_consumption\"\nlimit_w = 5", "limit_w"),
            ("kind = \"magic\"", "magic"),
            ("name = \"mine\"", "kind"),
            ("kind = \"genset\"\npriority = 0", "priority is 0, expected 1 to 100"),
            ("kind = \"genset\"\nevery = \"soon\"", "duration is \"soon\""),
        ] {
            let refused = read(written).unwrap_err().to_string();
            assert!(refused.contains(named), "{written}: {refused}");
        }
    }
}
