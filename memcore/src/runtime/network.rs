//! Networks out of files.

use std::path::Path;

use crate::error::{Error, Result};
use crate::optimize::network::Network;

/// Reads a network's file: a MATPOWER case (version 2), a network that pandapower wrote as JSON, or one of memcore's own JSON.
///
/// # Errors
/// [`Io`](crate::ErrorKind::Io) where the file cannot be read; [`Invalid`](crate::ErrorKind::Invalid), naming the file and what
/// [`Network::read`] names.
pub fn read_network(path: impl AsRef<Path>) -> Result<Network> {
    let path = path.as_ref();
    let text = std::fs::read_to_string(path).map_err(|e| Error::io(format!("read {}", path.display()), e))?;
    Network::read(&text).map_err(|e| e.context(path.display()))
}
