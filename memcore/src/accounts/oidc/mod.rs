//! Signing in by OpenID Connect: authorization code with PKCE, state and nonce, bound to the browser that began it.
//!
//! Nothing is stored between question and answer: the browser holds one secret in a cookie, from which state, nonce and the verifier of
//! PKCE follow. Who has only the link, or only the answer, has none of them.

mod admission;
mod provider;

use std::collections::BTreeMap;
use std::sync::Arc;

use subtle::ConstantTimeEq;

use self::provider::{Failure, Provider};
use super::caller::Grants;
use super::secret::{derived, is_secret, new_secret};
use super::sessions::{NewSession, Visitor};
use super::{Accounts, UserName};
use crate::error::{Error, Result};
use crate::model::Clock;

/// A provider of OpenID Connect, and who of its users may come in as what.
#[derive(Clone, PartialEq, Eq)]
pub struct OidcOptions {
    /// The provider, such as `https://login.example/realms/energy`.
    pub issuer: String,
    /// What this server is called there.
    pub client_id: String,
    /// The secret that it shares with the provider, where it has one.
    pub client_secret: Option<String>,
    /// Where the provider sends browsers back to: the page's address with `/api/v1/session/oidc/callback`.
    pub redirect: String,
    /// What the provider is called on the page.
    pub name: String,
    /// What is asked for; `openid` always is.
    pub scopes: Vec<String>,
    /// The claim that names the user.
    pub user_claim: String,
    /// The claim that says what the user is a member of.
    pub roles_claim: String,
    /// What members may. Where any is said, roles are those of the provider, and set with each sign-in.
    pub roles: BTreeMap<String, Grants>,
    /// What a user may who is new here, where no roles are said.
    pub default_roles: Grants,
    /// The domains that addresses of e-mail must be of; any, if there are none.
    pub allowed_domains: Vec<String>,
    /// Whether one who has a password here is taken for the provider's user of that name.
    pub link_existing: bool,
}

/// Never the secret.
impl std::fmt::Debug for OidcOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { issuer, client_id, .. } = self;
        f.debug_struct("OidcOptions").field("issuer", issuer).field("client_id", client_id).finish_non_exhaustive()
    }
}

/// What a browser that wants to sign in is given.
pub struct OidcQuestion {
    /// Where it goes.
    pub url: String,
    /// What it keeps in a cookie until it comes back.
    pub secret: String,
}

/// What became of signing in by OpenID Connect.
#[derive(Debug)]
pub enum OidcSignIn {
    /// A session has begun.
    Begun(NewSession),
    /// The provider's answer is none, or its user may not come in.
    Refused(OidcRefusal),
}

/// Why one who comes from the provider is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OidcRefusal {
    /// It is not the browser that began it, or that was too long ago.
    State,
    /// The provider refused.
    Provider,
    /// The provider cannot be reached, or does not answer as one.
    Unreachable,
    /// The proof is not signed by the provider, not for this server, not for this question, or its time is over.
    Proof,
    /// The provider does not say a name that can be one here, or did not verify the address of e-mail.
    Name,
    /// The address of e-mail is of another domain.
    Domain,
    /// Nobody of that name was invited, and the provider's user is a member of nothing that has a role here.
    Unknown,
    /// Somebody of that name signs in by password here.
    Password,
    /// The user is shut out.
    Disabled,
}

impl OidcRefusal {
    /// Its name in JSON and in the audit trail.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::State => "oidc_state",
            Self::Provider => "oidc_refused",
            Self::Unreachable => "oidc_unreachable",
            Self::Proof => "oidc_proof",
            Self::Name => "oidc_name",
            Self::Domain => "oidc_domain",
            Self::Unknown => "oidc_unknown",
            Self::Password => "oidc_password",
            Self::Disabled => "oidc_disabled",
        }
    }
}

/// The provider, and who of its users may come in.
#[derive(Debug)]
pub(super) struct Oidc {
    options: OidcOptions,
    provider: Provider,
}

impl Oidc {
    pub(super) fn new(options: OidcOptions, clock: Arc<dyn Clock>) -> Result<Self> {
        let provider = Provider::new(&options, clock)?;
        Ok(Self { options, provider })
    }
}

impl Accounts {
    /// What the provider of OpenID Connect is called, where there is one.
    #[must_use]
    pub fn oidc_name(&self) -> Option<&str> {
        self.inner.oidc.as_ref().map(|oidc| oidc.options.name.as_str())
    }

    /// Begins to sign in by OpenID Connect.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) where there is no provider, [`Connection`](crate::ErrorKind::Connection) where it
    /// cannot be reached.
    pub async fn begin_oidc(&self) -> Result<OidcQuestion> {
        let oidc = self.oidc()?;
        let secret = new_secret()?;
        let url = oidc.provider.question(&Bound::to(&secret)).await?;
        Ok(OidcQuestion { url, secret })
    }

    /// Ends it, with what the browser kept and what the provider sent it back with.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) where there is no provider, and as the records.
    pub async fn finish_oidc(&self, secret: &str, code: &str, state: &str, from: &Visitor) -> Result<OidcSignIn> {
        let oidc = self.oidc()?;
        let bound = Bound::to(secret);
        let same: bool = bound.state.as_bytes().ct_eq(state.as_bytes()).into();
        if !is_secret(secret) || !same {
            return Ok(OidcSignIn::Refused(OidcRefusal::State));
        }
        let claims = match oidc.provider.answer(code, &bound).await {
            Ok(claims) => claims,
            Err(failure) => {
                let (refusal, detail) = match failure {
                    Failure::Unreachable(detail) => (OidcRefusal::Unreachable, detail),
                    Failure::Refused(detail) => (OidcRefusal::Provider, detail),
                    Failure::Proof(detail) => (OidcRefusal::Proof, detail),
                };
                tracing::warn!(code = refusal.as_str(), detail, "no sign-in by OpenID Connect");
                return Ok(OidcSignIn::Refused(refusal));
            }
        };
        self.admit_from_provider(&oidc.options, &claims, from).await
    }

    fn oidc(&self) -> Result<&Oidc> {
        self.inner.oidc.as_ref().ok_or_else(|| Error::not_found("there is no provider of OpenID Connect here"))
    }
}

/// What ties an answer to the browser that asked.
struct Bound {
    state: String,
    nonce: String,
    verifier: String,
}

impl Bound {
    fn to(secret: &str) -> Self {
        let [state, nonce, verifier] = ["state", "nonce", "verifier"].map(|purpose| derived(purpose, secret));
        Self { state, nonce, verifier }
    }
}

/// What a provider says of its user, as far as it is of use here.
#[derive(Debug)]
struct Claims {
    /// The provider and its own id of the user.
    subject: String,
    /// The claim that names the user.
    user: Option<String>,
    email: Option<String>,
    email_verified: bool,
    display_name: Option<String>,
    memberships: Vec<String>,
}

impl Claims {
    /// The name here: an address of e-mail only where the provider has verified it.
    fn name(&self) -> Option<UserName> {
        let user = self.user.as_deref()?;
        let unverified = self.email.as_deref() == Some(user) && !self.email_verified;
        if unverified { None } else { UserName::new(user).ok() }
    }
}
