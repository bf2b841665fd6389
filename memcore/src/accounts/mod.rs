//! Who may do what: users, their roles at operators, their sessions, tokens and links.
//!
//! What is asked with every request is answered from memory ([`Accounts::session`], [`Accounts::token`], [`Accounts::again`]); what
//! changes is written to the records under one lock, so that two who change accounts at once do so one after the other, also in
//! two processes. Secrets are shown once and kept as hashes.

mod cache;
mod caller;
mod change;
mod guesses;
mod links;
mod names;
mod oidc;
mod password;
mod secret;
mod sessions;
mod tokens;
mod users;

pub use caller::{Caller, EVERYWHERE, Grants, Role, Scope, UserName, Via};
pub use links::{Accepted, Answer, Invited, Link, LinkKind};
pub use oidc::{OidcOptions, OidcQuestion, OidcRefusal, OidcSignIn};
pub use sessions::{NewSession, Session, SignIn, Visitor};
pub use tokens::{Token, TokenRequest};
pub use users::{Member, User, UserChange};

pub use crate::records::Records;

use std::sync::{Arc, Mutex};

use crate::error::Result;
use crate::model::{Clock, Span, Timestamp};

use cache::Cache;
use guesses::Guesses;
use oidc::Oidc;
use password::Hasher;

/// How long what lasts, and how people sign in.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AccountsOptions {
    /// After so long without a request a session ends.
    pub session_idle: Span,
    /// After so long a session ends in any case.
    pub session_longest: Span,
    /// How long an invitation is good, and the link of the first start.
    pub invitation: Span,
    /// How long a link to choose another password, or to sign in by, is good.
    pub reset: Span,
    /// Signing in by OpenID Connect.
    pub oidc: Option<OidcOptions>,
}

impl Default for AccountsOptions {
    fn default() -> Self {
        Self {
            session_idle: Span::from_seconds(12 * 3600),
            session_longest: Span::from_seconds(30 * 86_400),
            invitation: Span::from_seconds(7 * 86_400),
            reset: Span::from_seconds(86_400),
            oidc: None,
        }
    }
}

/// The accounts of a server. Clones are cheap.
#[derive(Debug, Clone)]
pub struct Accounts {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    records: Records,
    clock: Arc<dyn Clock>,
    options: AccountsOptions,
    hasher: Hasher,
    guesses: Mutex<Guesses>,
    cache: Cache,
    oidc: Option<Oidc>,
}

impl Accounts {
    /// The accounts that stand in those records.
    ///
    /// # Errors
    /// As the records; [`Invalid`](crate::ErrorKind::Invalid) for a provider of OpenID Connect that cannot be one.
    pub async fn open(records: Records, clock: Arc<dyn Clock>, options: AccountsOptions) -> Result<Self> {
        let oidc = options.oidc.clone().map(|oidc| Oidc::new(oidc, clock.clone())).transpose()?;
        let (hasher, guesses, cache) = (Hasher::new().await?, Mutex::default(), Cache::default());
        Ok(Self { inner: Arc::new(Inner { records, clock, options, hasher, guesses, cache, oidc }) })
    }

    fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    fn records(&self) -> &Records {
        &self.inner.records
    }

    fn guesses(&self) -> std::sync::MutexGuard<'_, Guesses> {
        self.inner.guesses.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
