//! HEM boards at a server: those that it polls itself, the endpoint that answers apps on behalf of one of its devices, and an
//! emulated board.

#[cfg(feature = "gateway")]
mod boards;
#[cfg(feature = "gateway")]
mod config;
#[cfg(feature = "sim")]
mod emulator;
#[cfg(feature = "gateway")]
mod served;

#[cfg(feature = "gateway")]
pub(crate) use boards::{Boards, Home};
#[cfg(feature = "gateway")]
pub use config::{HemBoardConfig, HemConfig, HemServeConfig};
#[cfg(feature = "sim")]
pub use emulator::{EmulatorOptions, HemEmulator};
#[cfg(feature = "gateway")]
pub use served::ServedHem;
