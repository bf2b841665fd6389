//! Who is told, and how.

use std::fmt;

use serde::{Deserialize, Serialize};
#[cfg(feature = "rest")]
use utoipa::ToSchema;

use super::rule::check_title;
use super::said::there;
use crate::error::Result;
use crate::model::{Name, Timestamp};

/// A notifier as it is said.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "rest", derive(ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields, try_from = "NotifierFields")]
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

/// All fields that a notifier of any kind has, so that what is wrong is named with its field.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NotifierFields {
    kind: NotifierKind,
    name: String,
    #[serde(default = "yes")]
    enabled: bool,
    to: Option<Vec<String>>,
    url: Option<String>,
    secret: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum NotifierKind {
    Email,
    Webhook,
}

impl TryFrom<NotifierFields> for NotifierSettings {
    type Error = String;

    fn try_from(said: NotifierFields) -> std::result::Result<Self, String> {
        let NotifierFields { kind, name, enabled, mut to, mut url, mut secret } = said;
        let (settings, of) = match kind {
            NotifierKind::Email => (Self::Email { name, enabled, to: there("to", &mut to)? }, "email"),
            NotifierKind::Webhook => {
                let (url, secret) = (there("url", &mut url)?, secret.take());
                (Self::Webhook { name, enabled, url, secret }, "webhook")
            }
        };
        let left = [("to", to.is_some()), ("url", url.is_some()), ("secret", secret.is_some())];
        match left.iter().find(|(_, left)| *left) {
            Some((field, _)) => Err(format!("unknown field `{field}`, a notifier of kind {of} has none")),
            None => Ok(settings),
        }
    }
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

impl NotifierSettings {
    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Email { name, .. } | Self::Webhook { name, .. } => name,
        }
    }

    /// Whether it tells.
    #[must_use]
    pub fn enabled(&self) -> bool {
        match self {
            Self::Email { enabled, .. } | Self::Webhook { enabled, .. } => *enabled,
        }
    }

    /// Checks its name.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid), naming the value and what was expected.
    pub fn check_name(&self) -> Result<()> {
        check_title("name", self.name())
    }

    /// A webhook without a secret keeps the one of before.
    #[must_use]
    pub fn keeping_secret_of(mut self, before: &Self) -> Self {
        if let (Self::Webhook { secret, .. }, Self::Webhook { secret: kept, .. }) = (&mut self, before) {
            *secret = secret.take().or_else(|| kept.clone());
        }
        self
    }

    /// How it is answered: without its secret.
    #[must_use]
    pub fn way(&self) -> Way {
        match self {
            Self::Email { to, .. } => Way::Email { to: to.clone() },
            Self::Webhook { url, secret, .. } => Way::Webhook { url: url.clone(), signed: secret.is_some() },
        }
    }
}

impl fmt::Debug for NotifierSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotifierSettings")
            .field("name", &self.name())
            .field("enabled", &self.enabled())
            .field("way", &self.way())
            .finish()
    }
}
