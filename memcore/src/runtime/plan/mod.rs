//! Sites as files: TOML or JSON in which a profile may stand as numbers, as a column of a file, as history of a store, or as a forecast.
//!
//! Everything else of a site file is as in [`Site`]. Where a profile may stand, so may a table:
//!
//! ```toml
//! power_w = { file = "year.csv", column = "load_kw", unit = "kW" }
//! power_w = { series = "home1.load.power", forecast = "weekday:4", zone = "Europe/Berlin" }
//! available_w = { forecast = "clear_sky", lat = 52.5, lon = 13.4, tilt = 35, azimuth = 180, kwp = 8 }
//! ```

mod reading;
mod samples;
mod source;
mod tree;

use std::path::{Path, PathBuf};

use super::embedded::Memcore;
use crate::error::{Error, Result};
#[cfg(feature = "rest")]
use crate::model::Name;
use crate::model::{Span, Timestamp};
use crate::optimize::Site;

/// How a site's file is to be read.
#[derive(Debug, Clone, Default)]
pub struct SiteRequest {
    /// When the horizon starts, in place of what the file says.
    pub from: Option<Timestamp>,
    /// When it ends.
    pub to: Option<Timestamp>,
    /// How many steps it has.
    pub steps: Option<usize>,
    /// How long they are: `15m`.
    pub step: Option<Span>,
    /// Take what came in place of forecasts, as for a backtest: a series then stands for its history within the horizon.
    pub truth: bool,
    /// The history that series are read from which name no store.
    pub history: Option<Memcore>,
    /// The folder that files and stores are named from, in place of that of the site's file.
    pub folder: Option<PathBuf>,
}

/// Reads a site's file: TOML, or JSON where its name ends so. Beside the site comes what was assumed: gaps that were bridged, forecasts
/// that were made.
///
/// # Errors
/// [`Io`](crate::ErrorKind::Io) where a file cannot be read; [`NotFound`](crate::ErrorKind::NotFound) for a column, store or series that
/// is not there; [`Invalid`](crate::ErrorKind::Invalid), naming the file, the path of the field, its value and what was expected.
pub fn read_site(path: impl AsRef<Path>, request: &SiteRequest) -> Result<(Site, Vec<String>)> {
    let path = path.as_ref();
    let text = std::fs::read_to_string(path).map_err(|e| Error::io(format!("read {}", path.display()), e))?;
    let is_json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    let mut request = request.clone();
    request.folder.get_or_insert_with(|| path.parent().unwrap_or(Path::new("")).to_owned());
    parse_site(&text, is_json, &request).map_err(|e| e.context(path.display()))
}

/// As [`read_site`], of a text that is TOML or JSON; files are named from the request's folder, else the current one.
///
/// # Errors
/// As there.
pub fn parse_site(text: &str, is_json: bool, request: &SiteRequest) -> Result<(Site, Vec<String>)> {
    let mut tree = if is_json { tree::of_json(text)? } else { tree::of_toml(text)? };
    tree::set_horizon(&mut tree, request)?;
    let horizon = tree::horizon(&tree)?;
    let mut sources = source::Sources::new(horizon, request);
    sources.fill(&mut tree, &mut Vec::new())?;
    let notices = std::mem::take(&mut sources.notices);
    tree::site(tree).map(|site| (site, notices))
}

/// What a site's text may take from where it is read, where it comes from somebody else than who runs the program.
#[cfg(feature = "rest")]
#[derive(Debug, Clone)]
pub(crate) struct Within {
    /// Series are of that operator.
    pub(crate) operator: Name,
    /// And of that site.
    pub(crate) site: Name,
    /// The most steps of a horizon.
    pub(crate) steps: usize,
    /// The most tables that stand for a profile.
    pub(crate) sources: usize,
}

/// As [`parse_site`], of a text of somebody else: no file is read for it and no other store, and no series of another site.
///
/// # Errors
/// As there.
#[cfg(feature = "rest")]
pub(crate) fn parse_site_within(
    text: &str,
    is_json: bool,
    request: &SiteRequest,
    within: &Within,
) -> Result<(Site, Vec<String>)> {
    let mut tree = if is_json { tree::of_json(text)? } else { tree::of_toml(text)? };
    tree::set_horizon(&mut tree, request)?;
    let horizon = tree::horizon(&tree)?;
    if horizon.len() > within.steps {
        let (steps, most) = (horizon.len(), within.steps);
        return Err(Error::invalid(format!("horizon has {steps} steps, expected at most {most}")));
    }
    let mut sources = source::Sources::new(horizon, request).within(within);
    sources.fill(&mut tree, &mut Vec::new())?;
    let notices = std::mem::take(&mut sources.notices);
    tree::site(tree).map(|site| (site, notices))
}

#[cfg(test)]
mod tests;
