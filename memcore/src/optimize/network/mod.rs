//! Power flow for microgrids with a network of their own: lines and transformers with ratings, voltages, nodal prices.
//!
//! A [`Network`] is built, read from MATPOWER ([`Network::from_matpower`]) or from pandapower ([`Network::from_pandapower`]). Then
//! - [`Network::dc_opf`] dispatches generators at the least cost within the ratings of the lines, by the DC approximation;
//! - [`Network::lindistflow`] gives the voltages and flows of a radial network by linear equations, [`Network::power_flow`] by the
//!   exact ones of alternating current;
//! - [`Network::voltage_opf`] dispatches a radial network within its voltage limits.
//!
//! All of them are pure functions of values: nothing here reads a file or a clock, and the same network gives the same numbers bit
//! for bit. The formulas with their sources are in `docs/optimization.md`.

mod case;
mod complex;
mod conflict;
mod dc;
mod limits;
mod lindistflow;
mod matpower;
mod pandapower;
mod question;
mod radial;
mod resolved;
mod sources;
mod sweep;
mod voltage;

pub use case::{Branch, Bus, CostPoint, GenerationCost, Generator, Load, Network};
pub use conflict::{ConflictingPart, NetworkInfeasible, NetworkRelaxation};
pub use dc::{DcDispatch, DcFlow, DcOptions, DcOutcome, NodalPrice, Susceptance};
pub use limits::BindingLimit;
pub use question::{NetworkAnswer, NetworkQuestion};
pub use radial::{BranchFlow, BusVoltage, RadialFlow};
pub use sources::{GeneratorPower, ShedLoad};
pub use sweep::PowerFlow;
pub use voltage::{VoltageDispatch, VoltageOutcome};

#[cfg(test)]
mod tests;
