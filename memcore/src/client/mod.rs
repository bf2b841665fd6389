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
mod buffer;
mod clock;
pub(crate) mod commands;
mod device;
mod link;
mod options;
mod outbox;
mod tls;

pub use crate::protocol::Bundle;
pub use backlog::{BufferStatus, WhenFull};
pub use buffer::BufferSync;
pub use commands::{CommandHandler, ReadHandler, Refused};
pub use device::{Device, LinkState};
pub use options::DeviceOptions;
#[cfg(feature = "gateway")]
pub(crate) use outbox::new_boot;
#[cfg(feature = "gateway")]
pub(crate) use tls::{client_config, server_name};
