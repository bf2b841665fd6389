//! The embeddable energy manager: devices over TLS, history, plans and control in one core.

#![forbid(unsafe_code)]

#[cfg(feature = "client")]
pub mod client;
mod error;
#[cfg(feature = "gateway")]
pub mod gateway;
pub mod model;
pub mod protocol;
pub mod router;

pub use error::{Error, ErrorKind, Result, Retry};
