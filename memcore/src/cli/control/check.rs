//! `memcore control check`.

use std::path::PathBuf;

use clap::Args;

use super::Common;
use crate::cli::format;
use crate::error::Result;
use crate::runtime::read_site_model;

/// What there is to know.
const ABOUT: &str = "The file is TOML or JSON: docs/control.md, The site file. Exit code 0 where it is good, 1 where it is not: \
all faults are listed, each with the asset or circuit, the field, its value and what was expected.";

/// Check the file of a site, and show what it says: circuits and assets, what is controlled, what plans make of it
#[derive(Debug, Args)]
#[command(after_help = ABOUT)]
pub(in crate::cli) struct Check {
    /// The site's file; the control.toml in the site's folder by default
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// One JSON object in place of text
    #[arg(long)]
    json: bool,
}

/// What was found, for programs.
#[derive(serde::Serialize)]
struct Found<'a> {
    site: &'a str,
    assets: usize,
    circuits: usize,
    controlled: Vec<&'a str>,
    notices: &'a [String],
}

impl Check {
    pub(in crate::cli) fn run(&self, common: &Common) -> Result<u8> {
        let file = match &self.file {
            Some(file) => file.clone(),
            None => common.config(None)?.path.join("control.toml"),
        };
        let model = read_site_model(&file)?;
        let checked = model.check().map_err(|e| e.context(file.display()))?;
        let controlled = checked.assets().iter().filter(|asset| asset.setpoint.is_some());
        let controlled: Vec<_> = controlled.map(|asset| asset.name.as_str()).collect();
        if self.json {
            let (assets, circuits) = (checked.assets().len(), checked.circuits().len());
            let found = Found { site: model.site.as_str(), assets, circuits, controlled, notices: checked.notices() };
            format::print(&format::json(&found)?)?;
            return Ok(0);
        }
        let mut told = model.tree();
        for notice in checked.notices() {
            told.push_str(&format!("\nnotice: {notice}"));
        }
        let (count, all) = (controlled.len(), checked.assets().len());
        told.push_str(&format!("\ngood: {count} of {all} assets are controlled"));
        format::print(&told)?;
        Ok(0)
    }
}
