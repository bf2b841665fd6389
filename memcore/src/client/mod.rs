//! The device's side of the link: an SDK that keeps what is not durable yet, reconnects, and obeys leases.
//!
//! ```no_run
//! # async fn f(bundle: memcore::client::Bundle) -> memcore::Result<()> {
//! use memcore::client::{Device, DeviceOptions};
//! use memcore::model::{Channel, Unit};
//!
//! let power = Channel::gauge("power", Unit::Watt)?.build()?;
//! let device = Device::connect(DeviceOptions::new(bundle, vec![power])).await?;
//! device.send_now(&[Some(1466.0)]).await?;
//! device.flush().await?; // durable at the server
//! # Ok(()) }
//! ```

mod backlog;
mod commands;
mod device;
mod link;
mod tls;

pub use crate::protocol::Bundle;
pub use commands::{CommandHandler, ReadHandler, Refused};
pub(crate) use device::new_boot;
pub(crate) use tls::{client_config, server_name};

pub use device::{Device, DeviceOptions, LinkState};
