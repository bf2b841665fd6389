//! Networks with lines of their own: read, asked, answered. What crosses is JSON, as networks are small and answers are told once.

use memcore::Error;
use memcore::optimize::network::{Network, NetworkQuestion};
use pyo3::prelude::*;

use crate::errors::{json, raised};
use crate::runtime::work;

/// A network that was checked.
#[pyclass(frozen, module = "memcore._memcore")]
pub(crate) struct PowerNetwork(Network);

#[pymethods]
impl PowerNetwork {
    /// Of a MATPOWER case, pandapower's JSON, or its own.
    #[staticmethod]
    fn read(text: &str) -> PyResult<Self> {
        Network::read(text).map(Self).map_err(raised)
    }

    /// All of its fields.
    fn json(&self) -> PyResult<String> {
        json(&self.0)
    }

    /// The answer to a question, as JSON; Ctrl-C ends the waiting.
    fn answer(&self, py: Python<'_>, question: &str) -> PyResult<String> {
        let question: NetworkQuestion =
            serde_json::from_str(question).map_err(|e| raised(Error::invalid(format!("question: {e}"))))?;
        let network = self.0.clone();
        json(&work(py, move || network.answer(&question))?)
    }
}
