//! The `[control]` section, and where the site model lies.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::model_file::read_site_model;
use crate::control::SiteModel;
use crate::error::{Error, Result};
use crate::runtime::sizes;

/// The model that is used where none is named.
const MODEL_FILE: &str = "control.toml";

/// A day or two of a lively site.
const LOG_BYTES_MIN: u64 = 1_000_000;

/// The `[control]` section.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ControlConfig {
    /// Whether the server controls its site. True unless told; without a site model it has nothing to control.
    pub enabled: bool,
    /// The site model, TOML or JSON, within the site's folder unless it is a whole path; the `control.toml` of that folder where
    /// there is one unless told.
    pub model: Option<PathBuf>,
    /// The site model itself, where a program has it; it goes before any file.
    #[serde(skip)]
    pub given: Option<SiteModel>,
    /// What becomes of the devices when control stops or is paused.
    pub on_stop: OnStop,
    /// The most that the decision log takes of the disk, `256MB`; beyond it the oldest decisions go. At least `1MB`.
    #[serde(deserialize_with = "log_size", serialize_with = "sizes::serialize")]
    pub log_size: u64,
}

/// What becomes of the devices when control stops or is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnStop {
    /// Each holds what it was told until its lease ends, and goes to its fallback then: a server that is started again soon goes on
    /// as if nothing had been.
    #[default]
    Lease,
    /// Each is told at once what is safe.
    Safe,
}

impl Default for ControlConfig {
    fn default() -> Self {
        Self { enabled: true, model: None, given: None, on_stop: OnStop::Lease, log_size: 256_000_000 }
    }
}

impl ControlConfig {
    /// The site model that is to be controlled, and its file; none where control is off or nothing says what there is.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) and [`Io`](crate::ErrorKind::Io), naming the key or the file.
    pub(crate) fn model_of(&self, site: &Path) -> Result<Option<(PathBuf, SiteModel)>> {
        if let Some(given) = self.given.as_ref().filter(|_| self.enabled) {
            return Ok(Some((PathBuf::from("the given site model"), given.clone())));
        }
        let file = match &self.model {
            _ if !self.enabled => return Ok(None),
            Some(named) => site.join(named),
            None => site.join(MODEL_FILE),
        };
        match file.try_exists() {
            Ok(true) => {}
            _ if self.model.is_none() => return Ok(None),
            _ => {
                let message = format!("control.model is {}, expected a site model: there is no such file", file.display());
                return Err(Error::invalid(message));
            }
        }
        let model = read_site_model(&file)?;
        // What is wrong is said before anything is opened.
        model.check().map_err(|e| e.context(file.display()))?;
        Ok(Some((file, model)))
    }
}

fn log_size<'de, D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<u64, D::Error> {
    sizes::at_least(deserializer, LOG_BYTES_MIN)
}
