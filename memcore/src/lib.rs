//! The embeddable energy manager: devices over TLS, history, plans and control in one core.

#![forbid(unsafe_code)]

mod error;
pub mod model;
pub mod store;

pub use error::{Error, ErrorKind, Result, Retry};
