//! Networks with lines of their own: read, asked, answered. What crosses is JSON, as networks are small and answers are told once.

use std::sync::Arc;

use memcore::Error;
use memcore::optimize::network::{Network, NetworkQuestion};
use napi_derive::napi;

use crate::error::{Result, ToNode, on_disk};
use crate::upkeep::json;

/// A network that was checked.
#[napi]
pub struct NativeNetwork(Arc<Network>);

#[napi]
impl NativeNetwork {
    /// Of a MATPOWER case, pandapower's JSON, or its own.
    #[napi(factory, catch_unwind)]
    pub fn of(text: String) -> Result<Self> {
        Network::read(&text).map(|network| Self(Arc::new(network))).to_node()
    }

    /// Of such a file.
    #[napi]
    pub async fn read(path: String) -> Result<Self> {
        on_disk(move || memcore::read_network(path)).await.map(|network| Self(Arc::new(network)))
    }

    /// All of its fields, as JSON.
    #[napi(catch_unwind)]
    pub fn json(&self) -> Result<String> {
        json(&*self.0).to_node()
    }

    /// The answer to a question, both as JSON.
    #[napi]
    pub async fn answer(&self, question: String) -> Result<String> {
        let network = Arc::clone(&self.0);
        let answered = on_disk(move || {
            let question: NetworkQuestion =
                serde_json::from_str(&question).map_err(|e| Error::invalid(format!("question: {e}")))?;
            json(&network.answer(&question)?)
        });
        answered.await
    }
}
