//! The `[accounts]` and `[records]` sections: how people sign in, and where users are kept.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::config::span;
use super::secrets;
use crate::accounts::{AccountsOptions, Grants, OidcOptions};
use crate::error::{Error, Result};
use crate::model::{Span, written};

/// A session that is not used for less than this must not end: pages ask every few seconds, people do not.
const IDLE_MIN: Span = Span::from_seconds(300);

/// The `[accounts]` section.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AccountsConfig {
    /// After so long without a request a session ends: `12h`. At least `5m`.
    #[serde(deserialize_with = "span", serialize_with = "written::length::serialize")]
    pub session_idle: Span,
    /// After so long a session ends in any case: `30d`.
    #[serde(deserialize_with = "span", serialize_with = "written::length::serialize")]
    pub session_longest: Span,
    /// How long an invitation, and the link of the first start, is good: `7d`.
    #[serde(deserialize_with = "span", serialize_with = "written::length::serialize")]
    pub invitation: Span,
    /// How long a link to choose another password, or to sign in by, is good: `1d`.
    #[serde(deserialize_with = "span", serialize_with = "written::length::serialize")]
    pub reset: Span,
    /// Signing in by OpenID Connect.
    pub oidc: Option<OidcConfig>,
}

impl Default for AccountsConfig {
    fn default() -> Self {
        let AccountsOptions { session_idle, session_longest, invitation, reset, .. } = AccountsOptions::default();
        Self { session_idle, session_longest, invitation, reset, oidc: None }
    }
}

/// The `[accounts.oidc]` section.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct OidcConfig {
    /// The provider, such as `https://login.example/realms/energy`.
    pub issuer: String,
    /// What this server is called there.
    pub client_id: String,
    /// The secret that it shares with the provider. Written out it is `***`.
    #[serde(default, serialize_with = "secrets::hidden")]
    pub client_secret: Option<String>,
    /// A file with that secret, in place of it.
    pub client_secret_file: Option<PathBuf>,
    /// What the provider is called on the page.
    #[serde(default = "provider_name")]
    pub name: String,
    /// What is asked for.
    #[serde(default = "scopes")]
    pub scopes: Vec<String>,
    /// The claim that names the user: `email`, `preferred_username`, `sub`, or another one.
    #[serde(default = "user_claim")]
    pub user_claim: String,
    /// The claim of the ID token that says what the user is a member of.
    #[serde(default = "roles_claim")]
    pub roles_claim: String,
    /// What members may: `energy-admins = { "*" = "admin" }`. Where any is said, the provider's word on roles holds.
    #[serde(default)]
    pub roles: BTreeMap<String, Grants>,
    /// What one may who comes for the first time and was not invited, where no `roles` are said.
    #[serde(default)]
    pub default_roles: Grants,
    /// The domains that addresses of e-mail must be of.
    #[serde(default)]
    pub allowed_domains: Vec<String>,
    /// Whether one who has a password here is taken for the provider's user of that name.
    #[serde(default)]
    pub link_existing: bool,
}

fn provider_name() -> String {
    "OpenID Connect".into()
}

fn scopes() -> Vec<String> {
    ["openid", "profile", "email"].map(str::to_owned).into()
}

fn user_claim() -> String {
    "email".into()
}

fn roles_claim() -> String {
    "groups".into()
}

/// Never the secret.
impl fmt::Debug for OidcConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { issuer, client_id, name, .. } = self;
        let mut shown = f.debug_struct("OidcConfig");
        shown.field("issuer", issuer).field("client_id", client_id).field("name", name).finish_non_exhaustive()
    }
}

impl AccountsConfig {
    /// What is meant, checked; a provider of OpenID Connect sends browsers back to the page's `public_url`.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid), naming the key; [`Io`](crate::ErrorKind::Io) where the secret's file cannot be read.
    pub(crate) fn options(&self, public_url: Option<&str>) -> Result<AccountsOptions> {
        let Self { session_idle, session_longest, invitation, reset, .. } = *self;
        if session_idle < IDLE_MIN {
            return Err(Error::invalid(format!("accounts.session_idle is {session_idle}, expected {IDLE_MIN} at least")));
        }
        for (key, value) in [("session_longest", session_longest), ("invitation", invitation), ("reset", reset)] {
            if value.as_micros() <= 0 {
                return Err(Error::invalid(format!("accounts.{key} is {value}, expected more than nothing")));
            }
        }
        let oidc = match (&self.oidc, public_url) {
            (None, _) => None,
            (Some(_), None) => {
                let message = "http.public_url is missing: the provider of accounts.oidc sends browsers back to it";
                return Err(Error::invalid(message));
            }
            (Some(oidc), Some(url)) => Some(oidc.options(url)?),
        };
        let mut options = AccountsOptions::default();
        (options.session_idle, options.session_longest) = (session_idle, session_longest);
        (options.invitation, options.reset, options.oidc) = (invitation, reset, oidc);
        Ok(options)
    }
}

impl OidcConfig {
    fn options(&self, url: &str) -> Result<OidcOptions> {
        let local = ["http://127.0.0.1", "http://localhost", "http://[::1]"];
        if !self.issuer.starts_with("https://") && !local.iter().any(|local| self.issuer.starts_with(local)) {
            return Err(Error::invalid(format!("accounts.oidc.issuer is {:?}, expected https://...", self.issuer)));
        }
        let client_secret = match (&self.client_secret, &self.client_secret_file) {
            (Some(_), Some(_)) => {
                let message = "accounts.oidc.client_secret and client_secret_file are both set, expected one of them";
                return Err(Error::invalid(message));
            }
            (Some(secret), None) => Some(secret.clone()),
            (None, Some(file)) => {
                let text = std::fs::read_to_string(file);
                Some(text.map_err(|e| Error::io(format!("read {}", file.display()), e))?.trim().to_owned())
            }
            (None, None) => None,
        };
        Ok(OidcOptions {
            issuer: self.issuer.clone(),
            client_id: self.client_id.clone(),
            client_secret,
            redirect: format!("{url}/api/v1/session/oidc/callback"),
            name: self.name.clone(),
            scopes: self.scopes.clone(),
            user_claim: self.user_claim.clone(),
            roles_claim: self.roles_claim.clone(),
            roles: self.roles.clone(),
            default_roles: self.default_roles.clone(),
            allowed_domains: self.allowed_domains.clone(),
            link_existing: self.link_existing,
        })
    }
}

/// The `[records]` section: where users, alarms and plans are kept.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RecordsConfig {
    /// A PostgreSQL database, `postgres://user:password@host/name`; the site's own SQLite file where it is absent. Written out, what
    /// stands before the host and behind the name is `***`.
    #[serde(serialize_with = "secrets::address")]
    pub url: Option<String>,
}

/// Never the password in the address.
impl fmt::Debug for RecordsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordsConfig").field("url", &self.url.as_ref().map(|_| "***")).finish()
    }
}
