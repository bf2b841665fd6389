//! What is asked and answered about signing in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::accounts::{Grants, LinkKind, Role, Via};

/// How one can sign in here.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SignInMethods {
    /// By name and password.
    pub(super) password: bool,
    /// By OpenID Connect, where it is set up.
    pub(super) oidc: Option<OidcMethod>,
    /// Whether there is no user yet: the link that the server printed makes the first.
    pub(super) first_start: bool,
}

/// Signing in by OpenID Connect.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OidcMethod {
    /// What the provider is called.
    pub(super) name: String,
}

/// A name and a password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Credentials {
    /// The user's name.
    pub(super) user: String,
    /// The password.
    pub(super) password: String,
}

/// Who is asking, and what they may.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Session {
    /// The user's name.
    pub(super) user: String,
    /// The name to be shown.
    pub(super) display_name: String,
    /// The role at each operator; at `*` for all of them.
    pub(super) roles: BTreeMap<String, Role>,
    /// How the caller proved itself.
    pub(super) via: SessionVia,
    /// What must come back in `X-CSRF-Token` with every request that changes something; of a session only.
    pub(super) csrf: Option<String>,
    /// When it ends at the latest, in microseconds since the epoch; `null` where it does not end by itself.
    pub(super) expires_us: Option<i64>,
    /// The version of memcore.
    pub(super) version: String,
}

/// How a caller proved itself.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum SessionVia {
    /// By the session of a browser.
    Session,
    /// By an API token.
    Token,
    /// The program that the server is embedded in vouches for it.
    Host,
}

/// A change of one's own password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PasswordChange {
    /// The password so far.
    pub(super) current: String,
    /// The one from now on: 12 characters at least.
    pub(super) new: String,
}

/// What the provider of OpenID Connect sends a browser back with.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct OidcAnswer {
    /// The code to be exchanged.
    pub(super) code: Option<String>,
    /// What ties the answer to the question.
    pub(super) state: Option<String>,
    /// What the provider refused for.
    pub(super) error: Option<String>,
}

/// What a link is for.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Invitation {
    /// What it is for.
    pub(super) kind: InvitationKind,
    /// Whom it is for; `null` for the first user, who chooses a name.
    pub(super) user: Option<String>,
    /// Until when it is good, in microseconds since the epoch.
    pub(super) expires_us: i64,
}

/// What a link is for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum InvitationKind {
    /// To make the first user, who is admin at all operators.
    First,
    /// To choose a password, being new.
    User,
    /// To choose another password.
    Reset,
    /// To sign in, once, without a password.
    SignIn,
}

/// What one answers to a link.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct InvitationAnswer {
    /// The name to sign in with: of the first user only.
    pub(super) user: Option<String>,
    /// The name to be shown.
    pub(super) display_name: Option<String>,
    /// The password from now on, 12 characters at least; not with a link that signs in.
    pub(super) password: Option<String>,
}

/// A session of a browser.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ListedSession {
    /// Its id.
    pub(super) id: String,
    /// When it began, in microseconds since the epoch.
    pub(super) begun_us: i64,
    /// When it was last used, to about a minute.
    pub(super) last_seen_us: i64,
    /// When it ends at the latest.
    pub(super) expires_us: i64,
    /// From which address it began.
    pub(super) address: Option<String>,
    /// By which browser, as it said itself.
    pub(super) agent: Option<String>,
    /// Whether it is the one that asks.
    pub(super) current: bool,
}

impl From<LinkKind> for InvitationKind {
    fn from(kind: LinkKind) -> Self {
        match kind {
            LinkKind::First => Self::First,
            LinkKind::User => Self::User,
            LinkKind::Reset => Self::Reset,
            LinkKind::SignIn => Self::SignIn,
        }
    }
}

impl From<&Via> for SessionVia {
    fn from(via: &Via) -> Self {
        match via {
            Via::Session { .. } => Self::Session,
            Via::Token { .. } => Self::Token,
            Via::Host => Self::Host,
        }
    }
}

/// Roles as they stand in JSON.
pub(in crate::rest) fn roles(grants: &Grants) -> BTreeMap<String, Role> {
    grants.clone().into()
}
