//! The `[hem]` section of the configuration.
//!
//! ```toml
//! [[hem.boards]]
//! address = "192.168.1.10"
//! device = "home1.hem"
//! every = "1s"
//!
//! [hem.serve]
//! device = "home1.hem"
//! listen = "127.0.0.1:9931"
//! ```

use std::net::SocketAddr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::adapters::hem::{BoardOptions, EndpointOptions, HemQuantity};
use crate::error::{Error, Result};
use crate::model::{DeviceName, Span, Unit, written};
use crate::protocol::Bundle;

/// The `[hem]` section.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct HemConfig {
    /// Boards that the server polls itself.
    pub boards: Vec<HemBoardConfig>,
    /// The endpoint that answers apps which were written for a board.
    pub serve: Option<HemServeConfig>,
}

impl HemConfig {
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid), naming the key: a device has one board, and an endpoint that others can reach
    /// is meant to be one.
    pub(crate) fn check(&self) -> Result<()> {
        for (at, board) in self.boards.iter().enumerate() {
            let named = |e: Error| e.context(format!("hem.boards[{at}]"));
            board.options(Bundle::nowhere(&board.device)).check().map_err(named)?;
            if self.boards[..at].iter().any(|other| other.device == board.device) {
                let message = format!("hem.boards[{at}].device is {}, which another board is already", board.device);
                return Err(Error::invalid(message));
            }
        }
        self.serve.as_ref().map_or(Ok(()), |serve| serve.options().check().map_err(|e| e.context("hem.serve")))
    }
}

/// A board that the server polls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct HemBoardConfig {
    /// `host` or `host:port`; port 9931 without one.
    pub address: String,
    /// Which device it is.
    pub device: DeviceName,
    /// From one round of questions to the next; 1 s.
    #[serde(default = "second", deserialize_with = "span", serialize_with = "written::length::serialize")]
    pub every: Span,
    /// What it answers, by the names of its channels (`power`, `switch`, ...); found out without it.
    #[serde(default, deserialize_with = "quantities", serialize_with = "names")]
    pub quantities: Option<Vec<HemQuantity>>,
    /// The unit of its energy counters, which boards do not tell; Wh.
    #[serde(default = "watt_hour")]
    pub energy_unit: Unit,
    /// The unit of its charge counters, which boards do not tell; Ah.
    #[serde(default = "ampere_hour")]
    pub charge_unit: Unit,
}

impl HemBoardConfig {
    /// How the board is polled as the device of that bundle.
    pub(crate) fn options(&self, bundle: Bundle) -> BoardOptions {
        let mut options = BoardOptions::new(&self.address, bundle).every(self.every);
        options.quantities.clone_from(&self.quantities);
        (options.energy_unit, options.charge_unit) = (self.energy_unit, self.charge_unit);
        options
    }
}

/// The endpoint that answers apps on behalf of a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct HemServeConfig {
    /// Whose readings are given and whose nodes are switched.
    pub device: DeviceName,
    /// The address to listen on; 127.0.0.1:9931.
    #[serde(default = "listen")]
    pub listen: SocketAddr,
    /// Takes an address that others can reach: whoever reaches it can switch.
    #[serde(default)]
    pub allow_network: bool,
}

impl HemServeConfig {
    pub(crate) fn options(&self) -> EndpointOptions {
        let (listen, allow_network) = (self.listen, self.allow_network);
        EndpointOptions { listen, allow_network, ..EndpointOptions::default() }
    }
}

fn second() -> Span {
    Span::from_seconds(1)
}

fn watt_hour() -> Unit {
    Unit::WattHour
}

fn ampere_hour() -> Unit {
    Unit::AmpereHour
}

fn listen() -> SocketAddr {
    EndpointOptions::default().listen
}

fn span<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Span, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

fn names<S: Serializer>(quantities: &Option<Vec<HemQuantity>>, to: S) -> std::result::Result<S::Ok, S::Error> {
    let names = quantities.as_ref().map(|all| all.iter().map(|one| one.channel()).collect::<Vec<_>>());
    names.serialize(to)
}

fn quantities<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<Vec<HemQuantity>>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    let known = names.iter().map(|name| HemQuantity::parse(name).map_err(serde::de::Error::custom));
    known.collect::<std::result::Result<Vec<_>, _>>().map(Some)
}
