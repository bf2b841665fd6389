//! The embeddable energy manager: devices over TLS, history, plans and control in one core.

#![forbid(unsafe_code)]

#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "client")]
pub mod client;
mod error;
#[cfg(feature = "gateway")]
pub mod gateway;
pub mod model;
pub mod protocol;
pub mod router;
mod runtime;
#[cfg(feature = "sim")]
pub mod sim;
pub mod store;

pub use error::{Error, ErrorKind, Result, Retry};
pub use runtime::{Aggregate, Every, Memcore, Query, QueryResult, SeriesResult, StoreOptions, StoreStats, open};
#[cfg(feature = "gateway")]
pub use runtime::{
    BusConfig, CommandRequest, CommandTicket, Config, Enrolment, Events, GatewayConfig, LocalClient, LocalStatus,
    ProofKind, Readings, Server, ServerHandle, ServerStats, StoreConfig, Sync, serve,
};
#[cfg(feature = "sim")]
pub use runtime::{
    ImportReport, ReplayRequest, Simulation, SimulationReport, SimulationRequest, Speed, import_csv, replay, simulate,
};
