//! The `[http]`, `[accounts]` and `[records]` sections.

use std::net::SocketAddr;

use serde::Deserialize;

/// The `[http]` section: REST and the page.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct HttpConfig {
    /// The address to listen on.
    pub listen: SocketAddr,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8080)) }
    }
}

/// The `[accounts]` section.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AccountsConfig {}

/// The `[records]` section: where users, alarms and plans are kept.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RecordsConfig {
    /// A PostgreSQL database, `postgres://user:password@host/name`; the site's own SQLite file where it is absent.
    pub url: Option<String>,
}
