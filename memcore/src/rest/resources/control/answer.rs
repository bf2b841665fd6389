//! What is asked of control, and what is answered.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::control::ProposalId;
use crate::model::{Name, Span, Timestamp};
use crate::runtime::{Answered, Decided};

/// Whether control is to order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ControlEnabled {
    /// False pauses it: it orders nothing, leases end, and devices go to what is safe. It stays so over a restart.
    pub(super) enabled: bool,
}

/// Whether that changed anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ControlEnabledNow)]
pub(super) struct EnabledNow {
    /// Whether it orders now.
    pub(super) enabled: bool,
    /// Whether it was otherwise before.
    pub(super) changed: bool,
}

/// A wish: a power, bounds, or both. Positive flows into the asset.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProposalAsked {
    /// For whom: an asset `battery`, all of a role `role:charger`, a group `group:garage`.
    pub(super) target: String,
    /// The power, exactly; with bounds, the one that is preferred within them.
    #[serde(default)]
    pub(super) power: Option<f64>,
    /// The least power.
    #[serde(default)]
    pub(super) low: Option<f64>,
    /// The most power.
    #[serde(default)]
    pub(super) high: Option<f64>,
    /// The unit of the powers: W unless told.
    #[serde(default)]
    pub(super) unit: Option<String>,
    /// For how long it stands unless it is renewed: `15m`; a day at the most. It must be said: no wish is forgotten.
    pub(super) valid_for: String,
    /// From 1 to 100, the higher one comes first; 60 unless told.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 100)]
    pub(super) priority: Option<u8>,
    /// Why, for people; who asked stands before it.
    #[serde(default)]
    pub(super) reason: Option<String>,
    /// In whose name; `person` unless told. Renewed by the same actor for the same target, it takes the place of the one before.
    #[serde(default)]
    pub(super) actor: Option<Name>,
}

/// A wish that was taken in.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(super) struct ProposalTaken {
    /// Its number in `proposals` of the status.
    pub(super) id: ProposalId,
    /// In whose name.
    pub(super) actor: Name,
    /// For whom.
    pub(super) target: String,
    /// Until when it stands.
    pub(super) until_us: Timestamp,
}

/// Whose wishes are taken back.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct WithdrawAsked {
    /// Whose; `person` unless told.
    pub(super) actor: Option<String>,
    /// For whom, as it was proposed; all of the actor's unless told.
    pub(super) target: Option<String>,
}

/// What was taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Withdrawn {
    /// How many wishes stood, and assets were held.
    pub(super) withdrawn: usize,
}

/// What is to be explained.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct WhyAsked {
    /// An asset. Either this or `series`.
    pub(super) asset: Option<String>,
    /// A series of an asset: `home1.battery.power`. Either this or `asset`.
    pub(super) series: Option<String>,
    /// When: as people of the site say it, `14:05` (the last one), `2026-06-21 14:05`; an instant with its zone, integer microseconds,
    /// `now`, or so long ago, `-10m`. Now unless told.
    pub(super) at: Option<String>,
}

/// Why an asset was as it was.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(super) struct Explanation {
    /// What was asked for.
    pub(super) asked: String,
    /// The time that was asked for.
    pub(super) at_us: Timestamp,
    /// All of it in a sentence or two, times in the zone of the site.
    pub(super) sentence: String,
    /// The same with bounds, order and inputs, line by line, as `memcore why` prints it.
    pub(super) text: Vec<String>,
    /// The decision that stood then; null where control was paused or stopped, or nothing is known.
    pub(super) decided: Option<Decided>,
    /// What became of its order, where that is known.
    pub(super) answered: Option<Answered>,
}

/// The plan that is followed, beside what came.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(super) struct CurrentPlan {
    /// When it was made.
    pub(super) made_us: Timestamp,
    /// Until when it may be followed.
    pub(super) valid_until_us: Timestamp,
    /// The present.
    pub(super) now_us: Timestamp,
    /// Why it was made.
    pub(super) reason: String,
    /// What was assumed for it.
    pub(super) notices: Vec<String>,
    /// The borders of its steps, one more than there are steps.
    pub(super) borders_us: Vec<Timestamp>,
    /// The money of its prices.
    pub(super) currency: String,
    /// What each asset is to do, and did.
    pub(super) assets: Vec<PlannedAsset>,
    /// What a kWh costs in each step; null where that is not known.
    pub(super) price: Option<PlannedPrices>,
    /// How far the site is from it in the step that now lies in.
    pub(super) deviations: Vec<PlanDeviation>,
}

/// What an asset is to do.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(super) struct PlannedAsset {
    /// The asset.
    pub(super) asset: Name,
    /// What it is to the site.
    pub(super) role: crate::control::Role,
    /// Its planned mean power of each step, in W, positive into the asset; import for the grid.
    pub(super) power_w: Vec<f64>,
    /// Its planned state of charge at the end of each step, 0..1; null for what stores nothing.
    pub(super) soc: Option<Vec<f64>>,
    /// Its measured mean power of each step, of the one that now lies in so far; null where it was not measured, and ahead.
    pub(super) actual_w: Vec<Option<f64>>,
    /// Its measured state of charge at the end of each step; null where it was not measured, and ahead.
    pub(super) actual_soc: Option<Vec<Option<f64>>>,
}

/// What energy costs.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(super) struct PlannedPrices {
    /// A kWh bought, in each step.
    pub(super) import_per_kwh: Vec<f64>,
    /// A kWh sold, in each step.
    pub(super) export_per_kwh: Vec<f64>,
}

/// How far an asset is from its plan: what is, less what was planned.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(super) struct PlanDeviation {
    /// The asset.
    pub(super) asset: Name,
    /// Of its mean power over the step so far, in W.
    pub(super) power_w: Option<f64>,
    /// Of its state of charge.
    pub(super) soc: Option<f64>,
    /// Since when: the start of the step.
    pub(super) since_us: Timestamp,
    /// For how long.
    pub(super) span_us: Span,
}
