//! Why a plan is made, in the site's words.

use std::fmt;

use crate::model::{Name, Span};

/// Why a plan is made.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Reason {
    /// None holds.
    NoPlan,
    /// It is time for the next one.
    Time,
    /// Prices of the time ahead have changed.
    Prices,
    /// A vehicle was connected.
    Connected {
        /// The charger.
        asset: Name,
    },
    /// A vehicle has left.
    Departed {
        /// The charger.
        asset: Name,
    },
    /// A vehicle is to leave at another time, or with another charge.
    Departure {
        /// The charger.
        asset: Name,
    },
    /// A state of charge is not what was planned.
    Soc {
        /// The store.
        asset: Name,
        /// What was planned.
        planned: f64,
        /// What is.
        measured: f64,
    },
    /// A state of charge is known that was not when the plan was made.
    Known {
        /// The store.
        asset: Name,
    },
    /// What nobody controls has taken more or less than was planned, for five minutes.
    Load {
        /// What was planned, in W.
        planned_w: f64,
        /// What is, in W.
        measured_w: f64,
    },
    /// A limit from outside holds now, in W.
    Limited {
        /// The limit.
        external: Name,
        /// To how much.
        to_w: f64,
    },
    /// A limit from outside holds no more.
    Unlimited {
        /// The limit.
        external: Name,
    },
    /// The grid is lost.
    Islanded,
    /// The grid is back.
    Reconnected,
    /// The wall clock jumped.
    ClockJumped {
        /// By how much; backwards below zero.
        by: Span,
    },
    /// What somebody says.
    Asked {
        /// Why.
        why: String,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPlan => f.write_str("no plan holds"),
            Self::Time => f.write_str("it is time for the next plan"),
            Self::Prices => f.write_str("prices have changed"),
            Self::Connected { asset } => write!(f, "a vehicle was connected to {asset}"),
            Self::Departed { asset } => write!(f, "the vehicle has left {asset}"),
            Self::Departure { asset } => write!(f, "the vehicle at {asset} leaves otherwise than planned"),
            Self::Soc { asset, planned, measured } => {
                let (planned, measured) = (100.0 * planned, 100.0 * measured);
                write!(f, "{asset} is charged to {measured:.0} %, planned were {planned:.0} %")
            }
            Self::Known { asset } => write!(f, "the state of charge of {asset} is known now"),
            Self::Load { planned_w, measured_w } => {
                write!(f, "the load has been at {measured_w:.0} W for five minutes, planned were {planned_w:.0} W")
            }
            Self::Limited { external, to_w } => write!(f, "{external} limits to {to_w:.0} W"),
            Self::Unlimited { external } => write!(f, "{external} limits no more"),
            Self::Islanded => f.write_str("the grid is lost"),
            Self::Reconnected => f.write_str("the grid is back"),
            Self::ClockJumped { by } => write!(f, "the wall clock jumped by {by}"),
            Self::Asked { why } => f.write_str(why),
        }
    }
}

impl Reason {
    /// Whether it is the same again, whatever its numbers are by now.
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Soc { asset, .. }, Self::Soc { asset: of, .. }) => asset == of,
            (Self::Limited { external, .. }, Self::Limited { external: of, .. }) => external == of,
            (Self::Load { .. }, Self::Load { .. }) | (Self::ClockJumped { .. }, Self::ClockJumped { .. }) => true,
            _ => self == other,
        }
    }
}
