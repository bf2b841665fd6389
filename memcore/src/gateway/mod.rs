//! Sockets around the device protocol: certificates, enrolment, the accept loop, one task a connection.
//!
//! What a message means is not decided here: the [`Host`] above judges devices and takes what they send.

mod arrival;
mod certificates;
mod connection;
mod credentials;
mod entrance;
mod link;
mod listener;
mod private_file;
mod tls;

pub(crate) use credentials::random_hex;
pub(crate) use private_file::create_folder as create_private_folder;
#[cfg(feature = "adapters")]
pub(crate) use private_file::replace as replace_private_file;

pub use certificates::{Certificates, ClientCertificate, Identity};
pub use credentials::{Enrolled, Proof, Proven, Registry};
pub use entrance::GatewayStats;
pub use link::Link;
pub use listener::{Admission, Gateway, GatewayOptions, Host};
