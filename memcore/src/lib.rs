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
#[cfg(feature = "sim")]
pub mod sim;

pub use error::{Error, ErrorKind, Result, Retry};
