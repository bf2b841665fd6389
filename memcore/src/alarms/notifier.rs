//! Who is told, and how.

use serde::{Deserialize, Serialize};
#[cfg(feature = "rest")]
use utoipa::ToSchema;

use crate::model::{Name, Timestamp};

/// A notifier as it is said.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "rest", derive(ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum NotifierSettings {
    /// A mail.
    Email {
        /// What it is called: 1 to 120 characters.
        name: String,
        /// Whether it tells.
        #[serde(default = "yes")]
        enabled: bool,
        /// To which addresses, 1 to 20.
        to: Vec<String>,
    },
    /// A POST of JSON.
    Webhook {
        /// What it is called: 1 to 120 characters.
        name: String,
        /// Whether it tells.
        #[serde(default = "yes")]
        enabled: bool,
        /// Where to: `https://...`.
        url: String,
        /// With what each message is signed, 16 to 256 characters: never answered. A change without one keeps it.
        #[serde(default)]
        secret: Option<String>,
    },
}

fn yes() -> bool {
    true
}

/// A notifier, and how it went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "rest", derive(ToSchema))]
pub struct Notifier {
    /// Its id.
    #[cfg_attr(feature = "rest", schema(value_type = String))]
    pub id: Name,
    /// What it is called.
    pub name: String,
    /// Whether it tells.
    pub enabled: bool,
    /// How, and to whom.
    #[serde(flatten)]
    pub way: Way,
    /// When it last told somebody, in microseconds since the epoch.
    #[serde(rename = "last_sent_us")]
    #[cfg_attr(feature = "rest", schema(value_type = Option<i64>))]
    pub last_sent: Option<Timestamp>,
    /// Why it could not, since then.
    pub last_problem: Option<String>,
    /// How many messages wait to be told.
    pub waiting: usize,
}

/// How somebody is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "rest", derive(ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Way {
    /// A mail.
    Email {
        /// To which addresses.
        to: Vec<String>,
    },
    /// A POST of JSON.
    Webhook {
        /// Where to.
        url: String,
        /// Whether each message is signed.
        signed: bool,
    },
}
