//! HEM boards: eight metered, switchable feeders that answer one datagram with another, without identity or request numbers.
//!
//! - [`HemBoard`] polls a real board and is a device of the link: `node0.power` to `node7.switch`.
//! - [`HemEndpoint`] is the way back: it answers apps that were written for a board, on behalf of whatever [`EndpointHost`].
//!
//! [`message`], [`poll`] and [`endpoint::answer`] are pure. `docs/hem.md` says what all this does, for people.

pub mod board;
pub mod endpoint;
pub mod message;
pub mod poll;
mod polling;
mod scan;

#[cfg(test)]
mod stories;

pub use board::{BoardOptions, BoardState, HemBoard};
pub use endpoint::{BoardView, EndpointHost, EndpointOptions, HemEndpoint, answer};
pub use message::{HemQuantity, NODES, NodeValues, Nodes, PORT, Reply, Request};
pub use poll::{PollCounts, PollEvent, PollSettings, Poller, SwitchOutcome};
