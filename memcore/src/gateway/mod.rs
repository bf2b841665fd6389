//! Sockets around the device protocol: certificates, enrolment, the accept loop, one task a connection.
//!
//! What a message means is not decided here: the [`Host`] above judges devices and takes what they send.

mod arrival;
mod certificates;
mod connection;
mod credentials;
mod entrance;
mod guesses;
mod link;
mod listener;
mod private_file;
mod quota;
mod registry;
mod tls;
mod validity;

pub(crate) use credentials::random_hex;
pub(crate) use private_file::create_folder as create_private_folder;
pub(crate) use private_file::replace as replace_private_file;
pub(crate) use private_file::{lock as lock_file, read as read_private_file, replace_soon as replace_private_file_soon};

pub use certificates::{Certificates, ClientCertificate, Identity, Reloaded, ServerCertificate};
pub use credentials::{Issuing, Proof, Proven};
pub use entrance::GatewayStats;
pub use link::Link;
pub use listener::{Admission, Gateway, GatewayOptions, Host, RefusedLogin};
pub use registry::{Enrolled, Registry, proof_id};
