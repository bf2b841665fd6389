//! What is not as it should be, as a value that costs nothing to carry.

use serde::{Deserialize, Serialize};

use crate::control::CheckedModel;

/// What is not as it should be. Places are those of the checked model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "fault", content = "place", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fault {
    /// The power of an asset is not known: its meter is silent, or hangs.
    MeterLost(usize),
    /// The state of charge of an asset is not known.
    SocLost(usize),
    /// A state of charge is outside its bounds by more than their tolerance.
    SocOutside(usize),
    /// An asset draws more, or gives less or more, than was decided, for longer than it needs to follow.
    NotFollowing(usize),
    /// An order to an asset was refused, not delivered, not confirmed, or read back as something else.
    OrderFailed(usize),
    /// A circuit carries more than it may, margin taken off, for longer than assets need to follow.
    Overload(usize),
    /// Nothing is known of what a circuit carries: what it feeds is held at what is safe.
    CircuitUnknown(usize),
    /// An external limit is silent: its failsafe holds.
    Failsafe(usize),
    /// Whether the grid is there is not known.
    GridUnknown,
    /// An asset went to and fro, and is held for a while.
    Oscillation(usize),
    /// A limit cannot be kept by what is controlled: of the circuit at that place.
    Infeasible(usize),
    /// The site is to be planned, and no plan holds: strategies carry on.
    NoPlan,
}

impl Fault {
    /// In the words of the site.
    #[must_use]
    pub fn text(self, model: &CheckedModel) -> String {
        let asset = |place: usize| model.assets.get(place).map_or("?", |asset| asset.name.as_str());
        let circuit = |place: usize| model.circuits.get(place).map_or("?", |circuit| circuit.name.as_str());
        let external = |place: usize| model.model.externals.get(place).map_or("?", |external| external.name.as_str());
        match self {
            Self::MeterLost(place) => format!("the meter of {} is silent", asset(place)),
            Self::SocLost(place) => format!("the state of charge of {} is not known", asset(place)),
            Self::SocOutside(place) => format!("the state of charge of {} is outside its bounds", asset(place)),
            Self::NotFollowing(place) => format!("{} does not follow", asset(place)),
            Self::OrderFailed(place) => format!("an order to {} failed", asset(place)),
            Self::Overload(place) => format!("circuit {} carries too much", circuit(place)),
            Self::CircuitUnknown(place) => format!("what circuit {} carries is not known", circuit(place)),
            Self::Failsafe(place) => format!("{} is silent: its failsafe holds", external(place)),
            Self::GridUnknown => "whether the grid is there is not known".to_owned(),
            Self::Oscillation(place) => format!("{} went to and fro", asset(place)),
            Self::Infeasible(place) => format!("circuit {} carries too much without what is controlled", circuit(place)),
            Self::NoPlan => "no plan holds: strategies carry on".to_owned(),
        }
    }
}
