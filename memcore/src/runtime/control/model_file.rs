//! Reading a site model: TOML, or JSON where the file says so by its name.

use std::path::Path;

use crate::control::SiteModel;
use crate::error::{Error, Result};

/// Reads a site model.
///
/// # Errors
/// [`Io`](crate::ErrorKind::Io) and [`Invalid`](crate::ErrorKind::Invalid), naming the file and what is wrong in it.
pub(crate) fn read_site_model(path: &Path) -> Result<SiteModel> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io(format!("read {}", path.display()), e))?;
    let wrong = |what: String| Error::invalid(format!("{}: {what}", path.display()));
    if path.extension().is_some_and(|extension| extension == "json") {
        return serde_json::from_str(&text).map_err(|e| wrong(e.to_string()));
    }
    toml::from_str(&text).map_err(|e| wrong(e.message().to_owned()))
}
