//! Proposals: what an actor wishes for, how urgently, why and for how long; and what became of each.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Role;
use crate::error::{Error, Result};
use crate::model::{Name, Span};

/// How urgent a wish is, from 1 to 100: the higher one comes first. Safety stands above all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "rest", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "rest", schema(as = ProposalPriority))]
#[serde(try_from = "u8", into = "u8")]
pub struct Priority(u8);

impl Priority {
    /// # Errors
    /// Invalid where it is not from 1 to 100.
    pub fn new(priority: u8) -> Result<Self> {
        match priority {
            1..=100 => Ok(Self(priority)),
            _ => Err(Error::invalid(format!("priority is {priority}, expected 1 to 100"))),
        }
    }

    /// As a number.
    #[must_use]
    pub fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for Priority {
    type Error = Error;
    fn try_from(priority: u8) -> Result<Self> {
        Self::new(priority)
    }
}

impl From<Priority> for u8 {
    fn from(priority: Priority) -> Self {
        priority.0
    }
}

/// For whom something is wished.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "rest", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "rest", schema(as = ProposalTarget))]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// An asset.
    Asset(Name),
    /// All assets of a role, together.
    Role(Role),
    /// A group, together.
    Group(Name),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asset(name) => write!(f, "{name}"),
            Self::Role(role) => write!(f, "all of role {role:?}"),
            Self::Group(name) => write!(f, "group {name}"),
        }
    }
}

/// A wish: a power, bounds, or both, in W and passive sign.
///
/// A power without bounds is meant exactly: who comes later cannot move it. Bounds alone leave freedom inside them. A power with
/// bounds is preferred, and who comes later may move it inside the bounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// Who wishes.
    pub actor: Name,
    /// For whom.
    pub target: Target,
    /// The power, in W.
    #[serde(default)]
    pub power_w: Option<f64>,
    /// The least power, in W.
    #[serde(default)]
    pub low_w: Option<f64>,
    /// The most power, in W.
    #[serde(default)]
    pub high_w: Option<f64>,
    /// How urgent it is.
    pub priority: Priority,
    /// Why, for people; at most 200 bytes.
    pub reason: String,
    /// For how long it stands unless it is renewed; at most a day.
    #[serde(with = "crate::model::written::length")]
    pub valid_for: Span,
}

impl Proposal {
    /// A wish for an exact power.
    #[must_use]
    pub fn power(actor: Name, target: Target, power_w: f64, priority: Priority, reason: impl Into<String>) -> Self {
        Self { power_w: Some(power_w), ..Self::bounds(actor, target, None, None, priority, reason) }
    }

    /// A wish for bounds.
    #[must_use]
    pub fn bounds(
        actor: Name,
        target: Target,
        low_w: Option<f64>,
        high_w: Option<f64>,
        priority: Priority,
        reason: impl Into<String>,
    ) -> Self {
        let valid_for = Span::from_seconds(60);
        Self { actor, target, power_w: None, low_w, high_w, priority, reason: reason.into(), valid_for }
    }

    /// Standing for so long. A minute unless told.
    #[must_use]
    pub fn valid_for(mut self, span: Span) -> Self {
        self.valid_for = span;
        self
    }
}

/// A proposal that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "rest", derive(utoipa::ToSchema))]
pub struct ProposalId(pub(in crate::control) u64);

impl fmt::Display for ProposalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What became of a proposal in a decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "rest", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "rest", schema(as = ProposalVerdict))]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// As it was wished.
    Granted,
    /// Some of it.
    Limited {
        /// By whom or what.
        by: String,
        /// To what, in W.
        to_w: f64,
    },
    /// Nothing of it.
    Overridden {
        /// By whom or what.
        by: String,
    },
    /// It stood too long without being renewed.
    Expired,
    /// It was not taken.
    Refused {
        /// Why, naming the field, its value and what was expected.
        reason: String,
    },
}

/// A proposal with what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "rest", derive(utoipa::ToSchema))]
pub struct ProposalOutcome {
    /// Which; None where it was not taken.
    pub id: Option<ProposalId>,
    /// Who wished.
    pub actor: Name,
    /// For whom.
    pub target: Target,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}
