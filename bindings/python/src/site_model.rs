//! Site models: read, checked, drawn, written. What crosses is JSON: models are small, and told once.

use std::path::PathBuf;

use memcore::control::SiteModel;
use memcore::{SiteModelFormat, parse_site_model, read_site_model, write_site_model};
use pyo3::prelude::*;

use crate::errors::raised;
use crate::runtime::work;

/// A site model that was read; it is not checked yet.
#[pyclass(frozen, module = "memcore._memcore")]
pub(crate) struct ControlModel(SiteModel);

#[pymethods]
impl ControlModel {
    /// Of a file: TOML or JSON.
    #[staticmethod]
    fn read(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        work(py, move || read_site_model(&path)).map(Self)
    }

    /// Of the text of such a file.
    #[staticmethod]
    fn parse(text: &str) -> PyResult<Self> {
        parse_site_model(text, SiteModelFormat::of_text(text)).map(Self).map_err(raised)
    }

    /// What is odd about it; what is wrong is raised, all of it.
    fn check(&self) -> PyResult<Vec<String>> {
        self.0.check().map(|checked| checked.notices().to_vec()).map_err(raised)
    }

    fn tree(&self) -> String {
        self.0.tree()
    }

    fn toml(&self) -> PyResult<String> {
        write_site_model(&self.0, SiteModelFormat::Toml).map_err(raised)
    }

    fn json(&self) -> PyResult<String> {
        write_site_model(&self.0, SiteModelFormat::Json).map_err(raised)
    }
}
