//! The physical side of the simulator: device models that behave like the real ones, and real telemetry replayed.
//!
//! [`Simulation`] puts them on the link. Everything else here is pure and seeded: time is an argument, no clock is read, and the same seed, start and steps give
//! the same values bit for bit on every platform. `docs/simulator.md` describes each model and names its sources.

mod appliance;
mod battery;
mod device;
mod ev_charger;
mod genset;
mod grid_meter;
mod heat_pump;
mod hem_board;
mod household;
mod island;
mod pv_array;
mod random;
mod replay;
mod simulation;
mod street;
mod sun;
mod switched_load;
mod world;

#[cfg(test)]
mod controlled_stories;
#[cfg(test)]
mod stories;

pub use battery::{Battery, BatterySettings};
pub use device::{EmulatedDevice, RefusalCode, RefusedCommand};
pub use ev_charger::{EvCharger, EvChargerSettings};
pub use genset::{Genset, GensetSettings};
pub use grid_meter::GridMeter;
pub use heat_pump::{HeatPump, HeatPumpSettings};
pub use hem_board::{HemBoard, HemChannels};
pub use household::{Household, HouseholdSettings};
pub use island::{Island, IslandSettings};
pub use pv_array::{PvArray, PvSettings};
pub use random::RandomStream;
pub use replay::{Replay, ReplayOptions, ReplayRow};
#[cfg(feature = "files")]
pub(crate) use replay::{channel_of_column, is_time, unpacked};
pub use simulation::{Simulation, SimulationProgress, SimulationReport, Speed};
pub use street::{Street, StreetDevice, StreetOptions};
pub use switched_load::{SwitchedLoad, SwitchedLoadSettings};
pub use world::{LocalTime, Location, World};
