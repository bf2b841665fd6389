//! What may be asked of a network, as a value: one list for every language.

use serde::{Deserialize, Serialize};

use super::super::Engine;
use super::{DcOptions, DcOutcome, Network, PowerFlow, RadialFlow, VoltageOutcome};
use crate::error::{Error, Result};

/// A question about a network. In JSON: `{"question": "dc_opf", "susceptance": "reactance"}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "question", rename_all = "snake_case")]
pub enum NetworkQuestion {
    /// [`Network::dc_opf`].
    DcOpf(DcOptions),
    /// [`Network::lindistflow`].
    Lindistflow {},
    /// [`Network::power_flow`].
    PowerFlow {},
    /// [`Network::voltage_opf`].
    VoltageOpf {
        /// The solver; picked unless told.
        #[serde(default)]
        engine: Option<Engine>,
    },
}

/// What a question is answered with; in JSON as the answer is by itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum NetworkAnswer {
    /// To [`NetworkQuestion::DcOpf`].
    DcOpf(DcOutcome),
    /// To [`NetworkQuestion::Lindistflow`].
    Lindistflow(RadialFlow),
    /// To [`NetworkQuestion::PowerFlow`].
    PowerFlow(PowerFlow),
    /// To [`NetworkQuestion::VoltageOpf`].
    VoltageOpf(VoltageOutcome),
}

impl Network {
    /// Answers a question.
    ///
    /// # Errors
    /// Those of the function that the question names.
    pub fn answer(&self, question: &NetworkQuestion) -> Result<NetworkAnswer> {
        Ok(match question {
            NetworkQuestion::DcOpf(options) => NetworkAnswer::DcOpf(self.dc_opf(options)?),
            NetworkQuestion::Lindistflow {} => NetworkAnswer::Lindistflow(self.lindistflow()?),
            NetworkQuestion::PowerFlow {} => NetworkAnswer::PowerFlow(self.power_flow()?),
            NetworkQuestion::VoltageOpf { engine } => NetworkAnswer::VoltageOpf(self.voltage_opf(*engine)?),
        })
    }

    /// Reads a network of text, in whichever of the forms it is: a MATPOWER case, pandapower's JSON, or a network as JSON.
    ///
    /// # Errors
    /// Invalid, as [`from_matpower`](Self::from_matpower), [`from_pandapower`](Self::from_pandapower) and [`check`](Self::check) say.
    pub fn read(text: &str) -> Result<Self> {
        if !text.trim_start().starts_with('{') {
            return Self::from_matpower(text);
        }
        if text.contains("\"_object\"") {
            return Self::from_pandapower(text);
        }
        let network: Self = serde_json::from_str(text).map_err(|error| Error::invalid(format!("network: {error}")))?;
        network.check()?;
        Ok(network)
    }
}
