//! The `[alarms]` section.
//!
//! ```toml
//! [alarms]
//! link = "https://energy.example"
//! webhook_allow = ["10.1.0.0/16"]
//! [alarms.smtp]
//! server = "mail.example"
//! tls = "starttls"
//! user = "memcore"
//! password_file = "/run/secrets/smtp"
//! from = "memcore <alarms@energy.example>"
//! ```

use std::fmt;
use std::path::PathBuf;

use lettre::message::Mailbox;
use serde::{Deserialize, Serialize, Serializer};

use super::guard::Allowed;
use crate::error::{Error, Result};
use crate::model::{Span, shorten, written};
use crate::runtime::secrets::HIDDEN;

/// The `[alarms]` section.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AlarmsConfig {
    /// How mails are sent; no notifier can send one where it is absent.
    pub smtp: Option<SmtpConfig>,
    /// What webhooks may reach beyond public addresses over `https`: networks such as `10.1.0.0/16`, and origins such as
    /// `http://10.1.2.3:9000` that take plain HTTP.
    pub webhook_allow: Vec<String>,
    /// Where people find the page, for links in messages: `https://energy.example`.
    pub link: Option<String>,
    /// For how long alarms that were cleared are kept: `730d`.
    #[serde(deserialize_with = "span", serialize_with = "written::length::serialize")]
    pub keep: Span,
}

impl Default for AlarmsConfig {
    fn default() -> Self {
        let keep = Span::from_seconds(730 * 86_400);
        Self { smtp: None, webhook_allow: Vec::new(), link: None, keep }
    }
}

/// The `[alarms.smtp]` section.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SmtpConfig {
    /// The name of the server that takes mails.
    pub server: String,
    /// Its port; 587 for `starttls`, 465 for `tls`, 25 for `none` unless told.
    #[serde(default)]
    pub port: Option<u16>,
    /// How the connection is protected.
    #[serde(default)]
    pub tls: SmtpTls,
    /// A file of PEM: who signs the server's certificate. Whom the system trusts, where it is absent.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// Whom to log in as; nobody where it is absent.
    #[serde(default)]
    pub user: Option<String>,
    /// The password of `user`.
    #[serde(default)]
    pub password: Option<Password>,
    /// A file that holds the password, in place of `password`.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// Who mails are from: `memcore <alarms@energy.example>`.
    pub from: String,
}

/// How the connection to a mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SmtpTls {
    /// Plain at first, TLS from `STARTTLS` on; without it nothing is sent.
    #[default]
    Starttls,
    /// TLS from the first byte.
    Tls,
    /// None: only to a server on this machine.
    None,
}

/// A password that no log and no answer shows.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Password(String);

impl Serialize for Password {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        to.serialize_str(HIDDEN)
    }
}

impl Password {
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl AlarmsConfig {
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid), naming the key, the value and what was expected.
    pub(crate) fn check(&self) -> Result<()> {
        Allowed::new(&self.webhook_allow)?;
        if let Some(link) = self.link.as_ref().filter(|link| {
            !(link.starts_with("https://") || link.starts_with("http://")) || link.chars().any(char::is_control)
        }) {
            let link = shorten(link);
            return Err(Error::invalid(format!("alarms.link is {link:?}, expected such as https://energy.example")));
        }
        self.smtp.as_ref().map_or(Ok(()), SmtpConfig::check)
    }
}

impl SmtpConfig {
    fn check(&self) -> Result<()> {
        self.sender()?;
        let key = |key: &str, what: &str| Err(Error::invalid(format!("alarms.smtp.{key} {what}")));
        if self.server.is_empty() || self.server.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return key("server", &format!("is {:?}, expected a name such as mail.example", shorten(&self.server)));
        }
        if self.tls == SmtpTls::None && !self.is_local() {
            return key("tls", &format!("is \"none\", expected starttls or tls: {} is another machine", self.server));
        }
        if self.ca.is_some() && self.tls == SmtpTls::None {
            return key("ca", "is set, but tls is \"none\": no certificate is shown");
        }
        match (&self.user, &self.password, &self.password_file) {
            (_, Some(_), Some(_)) => key("password_file", "is set beside password, expected one of them"),
            (Some(_), None, None) => key("password", "is missing: user needs it, or password_file"),
            (None, Some(_), _) | (None, _, Some(_)) => key("user", "is missing: a password is for somebody"),
            _ => Ok(()),
        }
    }

    fn is_local(&self) -> bool {
        self.server == "localhost" || self.server.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    pub(super) fn sender(&self) -> Result<Mailbox> {
        self.from.parse().map_err(|_| {
            let from = shorten(&self.from);
            Error::invalid(format!("alarms.smtp.from is {from:?}, expected such as memcore <alarms@energy.example>"))
        })
    }

    /// Who signs the server's certificate, in PEM. Read when it is needed, as the password is.
    pub(super) fn signers(&self) -> Result<Option<Vec<u8>>> {
        let Some(file) = &self.ca else { return Ok(None) };
        let named = |e| Error::io(format!("read alarms.smtp.ca {}", file.display()), e);
        std::fs::read(file).map(Some).map_err(named)
    }

    /// Read when it is needed: a file may be renewed.
    pub(super) fn secret(&self) -> Result<Option<Password>> {
        let Some(file) = &self.password_file else { return Ok(self.password.clone()) };
        let read = std::fs::read_to_string(file);
        let text = read.map_err(|e| Error::io(format!("read alarms.smtp.password_file {}", file.display()), e))?;
        Ok(Some(Password(text.trim_end_matches(['\r', '\n']).to_owned())))
    }
}

fn span<'de, D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Span, D::Error> {
    let text = String::deserialize(deserializer)?;
    let span: Span = text.parse().map_err(serde::de::Error::custom)?;
    if span < Span::from_seconds(86_400) {
        return Err(serde::de::Error::custom(format!("keep is {span}, expected 1d at least")));
    }
    Ok(span)
}
