//! What is said and written down of control: decisions with their inputs and reasons, what devices answered, and what went wrong.

use serde::{Deserialize, Serialize};

use crate::control::{Role, Wish};
use crate::model::{CommandId, CommandState, Name, SeriesName, Span, Timestamp};

/// Something that control did or found. It is written into the decision log, and dashboards hear it as it happens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ControlEvent {
    /// Control began.
    Started {
        /// When.
        time_us: Timestamp,
    },
    /// Control ended in order.
    Stopped {
        /// When.
        time_us: Timestamp,
    },
    /// Control was paused: it orders nothing. Said again as long as it lasts.
    Paused {
        /// When it was said.
        time_us: Timestamp,
        /// Since when it is paused.
        since_us: Timestamp,
        /// By whom.
        by: String,
    },
    /// Control goes on.
    Resumed {
        /// When.
        time_us: Timestamp,
        /// By whom.
        by: String,
    },
    /// An asset's power was decided otherwise than before, or still stands.
    Decided(Box<Decided>),
    /// A device said what became of an order.
    Answered(Answered),
    /// The planner has something to tell: a plan was made, could not be made, or none holds.
    Planned {
        /// When.
        time_us: Timestamp,
        /// For people.
        news: String,
    },
    /// Faults came or went.
    Faults {
        /// When.
        time_us: Timestamp,
        /// All that there are now; none where everything is as it should be.
        faults: Vec<String>,
    },
}

/// What was decided for an asset, by what, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "rest", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "rest", schema(as = Decision))]
#[non_exhaustive]
pub struct Decided {
    /// When.
    #[serde(rename = "time_us")]
    pub time: Timestamp,
    /// The asset.
    pub asset: Name,
    /// What it is to the site.
    pub role: Role,
    /// The channel that takes the order.
    pub target: SeriesName,
    /// Its power, in W, passive sign.
    pub power_w: f64,
    /// Whose wish that follows; none where it is the declared default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wish: Option<Wish>,
    /// The least that was allowed, in W; none where nothing bounds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low_w: Option<f64>,
    /// The most that was allowed, in W; none where nothing bounds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high_w: Option<f64>,
    /// What limited it, in the order in which it did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<LimitedBy>,
    /// What was measured when it was decided: of the asset itself, of the grid connection and of the circuits above.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<Input>,
    /// The order that stood then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandId>,
    /// What the order said, in the base unit of its channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// What was last heard of orders of that value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<CommandState>,
    /// What was not as it should be on the site.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
    /// Nothing has changed: it was only said again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
}

/// A limit that changed a power.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "rest", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "rest", schema(as = DecisionLimit))]
pub struct LimitedBy {
    /// What limited, in the words of the site.
    pub by: String,
    /// What was to be, in W.
    pub from_w: f64,
    /// What it came to, in W.
    pub to_w: f64,
}

/// A reading that a decision stood on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "rest", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "rest", schema(as = DecisionInput))]
pub struct Input {
    /// The series.
    pub series: SeriesName,
    /// What it is to control: `power`, `soc`, ...
    pub what: String,
    /// In the base unit of the series.
    pub value: f64,
    /// How old it was.
    #[serde(rename = "age_us")]
    pub age: Span,
}

/// What became of an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "rest", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "rest", schema(as = DecisionAnswer))]
pub struct Answered {
    /// When it was heard.
    #[serde(rename = "time_us")]
    pub time: Timestamp,
    /// The asset.
    pub asset: Name,
    /// The order, by its command's id.
    pub command: CommandId,
    /// What was ordered, in the base unit of the channel.
    pub value: f64,
    /// What became of it.
    #[serde(flatten)]
    pub state: CommandState,
}

impl ControlEvent {
    /// When it happened.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        match self {
            Self::Started { time_us }
            | Self::Stopped { time_us }
            | Self::Paused { time_us, .. }
            | Self::Resumed { time_us, .. }
            | Self::Planned { time_us, .. }
            | Self::Faults { time_us, .. } => *time_us,
            Self::Decided(decided) => decided.time,
            Self::Answered(answered) => answered.time,
        }
    }
}
