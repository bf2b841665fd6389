//! What was decided: for every asset its power, who wished for it, what limited it, and the command that follows.

use serde::{Deserialize, Serialize};

use super::{CheckedModel, Fault, Priority, ProposalOutcome};
use crate::model::{Name, SeriesName, Span, Timestamp};

/// What limited a power. Places are those of the checked model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// What the device can do.
    Capability,
    /// Nobody wished: the declared default.
    Default,
    /// Another actor's wish of a higher priority: the place of its proposal in the book.
    Actor(u64),
    /// The fuse of a circuit; the phase (0..=2) where one phase alone is short.
    Circuit {
        /// Which circuit.
        circuit: usize,
        /// Which phase; all of them together where it is None.
        phase: Option<u8>,
    },
    /// A meter that is lost: of the asset at that place.
    Stale(usize),
    /// The battery is as empty as it may be.
    SocLow,
    /// The battery is as full as it may be.
    SocHigh,
    /// Energy or power that is kept for when the grid is lost.
    Reserve,
    /// A limit that came from outside.
    External(usize),
    /// How fast the power may change.
    Ramp,
    /// It must run for some time yet.
    MinOn,
    /// It must rest for some time yet.
    MinOff,
    /// The steps in which its power goes.
    Steps,
    /// It pauses while its phases are switched, or cannot switch them yet.
    Phases,
    /// It would go to and fro.
    Oscillation,
    /// The site is an island.
    Island,
    /// It was shared with others of its group.
    Shared,
}

/// A limit that changed a power.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limited {
    /// What limited.
    pub cause: Cause,
    /// What was to be, in W.
    pub from_w: f64,
    /// What it came to, in W.
    pub to_w: f64,
}

/// The wish that an asset's power follows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "rest", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "rest", schema(as = GrantedWish))]
pub struct Wish {
    /// Whose.
    pub actor: Name,
    /// How urgent.
    pub priority: Priority,
    /// The power, in W.
    pub power_w: f64,
    /// Why.
    pub reason: String,
}

/// A command that follows from a decision: a value with a lease.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// Unlike that of any other order of the controller: what becomes of it is told by this number.
    pub number: u64,
    /// The asset.
    pub asset: usize,
    /// The channel that takes it.
    pub target: SeriesName,
    /// In the base unit of the channel.
    pub value: f64,
    /// How long it holds.
    pub lease: Span,
    /// What holds then, in the base unit of the channel.
    pub fallback: f64,
    /// Whether minimum times and ramps of the device must not hold it back.
    pub safety: bool,
}

/// What was decided for an asset.
#[derive(Debug, Clone, PartialEq)]
pub struct AssetDecision {
    /// Its power, in W.
    pub power_w: f64,
    /// The phases in use: 1 or 3; what `phase_setpoint` takes where they are switched.
    pub phases: u8,
    /// Whose wish that follows; None for the default.
    pub wish: Option<Wish>,
    /// The bounds that held, in W.
    pub bounds_w: (f64, f64),
    /// What limited it, in the order in which it did.
    pub limits: Vec<Limited>,
}

/// What was decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// When.
    pub at: Timestamp,
    /// For each asset, by its place; None for those that are not controlled.
    pub assets: Vec<Option<AssetDecision>>,
    /// What became of each proposal, since the decision before.
    pub outcomes: Vec<ProposalOutcome>,
    /// The commands to be sent now.
    pub orders: Vec<Order>,
    /// What is not as it should be: a lost meter, a device that does not follow.
    pub faults: Vec<Fault>,
}

impl Cause {
    /// In the words of the site.
    #[must_use]
    pub fn text(self, model: &CheckedModel) -> String {
        match self {
            Self::Capability => "what the device can do".to_owned(),
            Self::Default => "nobody wished otherwise".to_owned(),
            Self::Actor(_) => "a wish of higher priority".to_owned(),
            Self::Circuit { circuit, phase } => {
                let name = model.circuits.get(circuit).map_or("?", |circuit| circuit.name.as_str());
                phase.map_or(format!("circuit {name}"), |phase| format!("phase L{} of circuit {name}", phase + 1))
            }
            Self::Stale(place) => {
                format!("the meter of {} is silent", model.assets.get(place).map_or("?", |asset| asset.name.as_str()))
            }
            Self::SocLow => "the battery is as empty as it may be".to_owned(),
            Self::SocHigh => "the battery is as full as it may be".to_owned(),
            Self::Reserve => "a reserve is kept for when the grid is lost".to_owned(),
            Self::External(place) => {
                let external = model.model.externals.get(place);
                format!("the limit of {}", external.map_or("?", |external| external.name.as_str()))
            }
            Self::Ramp => "how fast its power may change".to_owned(),
            Self::MinOn => "it must run for some time yet".to_owned(),
            Self::MinOff => "it must rest for some time yet".to_owned(),
            Self::Steps => "the steps that it can take".to_owned(),
            Self::Phases => "its phases are switched".to_owned(),
            Self::Oscillation => "it would go to and fro".to_owned(),
            Self::Island => "the site is an island".to_owned(),
            Self::Shared => "its group shares the power".to_owned(),
        }
    }
}
