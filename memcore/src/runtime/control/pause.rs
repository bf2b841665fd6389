//! Whether control is paused, remembered over a restart: who works on a battery does not want to be surprised by one.

use std::path::{Path, PathBuf};

use super::status::Paused;
use crate::error::{Error, Result};
use crate::gateway::{read_private_file, replace_private_file};

fn path_of(site: &Path) -> PathBuf {
    site.join("control.paused")
}

/// Since when and by whom control of a site is paused.
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid) where the file says something else: then nothing is controlled until a person has looked.
pub(crate) fn read(site: &Path) -> Result<Option<Paused>> {
    let path = path_of(site);
    let Some(text) = read_private_file(&path)? else { return Ok(None) };
    let wrong = |e| Error::invalid(format!("{}: {e}; remove it to let control go on", path.display()));
    serde_json::from_str(&text).map(Some).map_err(wrong)
}

/// Remembers it; durable when this returns.
pub(crate) fn write(site: &Path, paused: Option<&Paused>) -> Result<()> {
    let path = path_of(site);
    match paused {
        Some(paused) => replace_private_file(&path, &serde_json::to_vec(paused).unwrap_or_default()),
        None => std::fs::remove_file(&path).map_err(|e| Error::io(format!("remove {}", path.display()), e)),
    }
}
