//! Who asks, and what they may.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
#[cfg(feature = "rest")]
use utoipa::ToSchema;

use crate::model::Name;

/// What a person is at an operator; each includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "rest", derive(ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sees.
    Viewer,
    /// Commands devices, acknowledges alarms.
    Operator,
    /// Enrols devices, imports, sets rules.
    Engineer,
    /// Says who else may what.
    Admin,
}

/// What a token may at most, whatever its owner may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "rest", derive(ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// What a viewer may.
    Read,
    /// What makes an operator of a viewer.
    Command,
    /// What makes an engineer of an operator.
    Configure,
    /// What makes an admin of an engineer.
    Admin,
}

impl Scope {
    /// What a token needs where its owner needs that role.
    #[must_use]
    pub fn of(role: Role) -> Self {
        match role {
            Role::Viewer => Self::Read,
            Role::Operator => Self::Command,
            Role::Engineer => Self::Configure,
            Role::Admin => Self::Admin,
        }
    }
}

/// The name that a user signs in with: 1 to 64 characters, an address of e-mail as a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "rest", derive(ToSchema))]
pub struct UserName(pub(crate) String);

impl UserName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Roles at operators, and the role at all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants {
    /// The role at every operator, those to come included.
    pub everywhere: Option<Role>,
    /// The roles at some.
    pub at: BTreeMap<Name, Role>,
}

impl Grants {
    /// The role at that operator: the higher of its own and the one everywhere.
    #[must_use]
    pub fn role_at(&self, operator: &Name) -> Option<Role> {
        self.at.get(operator).copied().max(self.everywhere)
    }
}

/// How a caller proved who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Via {
    /// A session of a browser: its id, and what must come back in `X-CSRF-Token` with everything that changes something.
    Session {
        /// Its id in the list of sessions.
        id: String,
        /// Its CSRF token.
        csrf: String,
    },
    /// An API token.
    Token {
        /// Its id in the list of tokens.
        id: String,
        /// What it may.
        scopes: BTreeSet<Scope>,
    },
    /// The program that the server is embedded in vouches for its caller.
    Host,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The user; of a program that vouches, whom it names.
    pub user: UserName,
    /// How it proved itself.
    pub via: Via,
    /// What it may: of a token, what its owner may by now, at the operators that it is for.
    pub grants: Grants,
}

impl Caller {
    /// Whether it may what takes that role at that operator; at all of them where there is none.
    #[must_use]
    pub fn may(&self, role: Role, operator: Option<&Name>) -> bool {
        let held = match operator {
            Some(operator) => self.grants.role_at(operator),
            None => self.grants.everywhere,
        };
        held.is_some_and(|held| held >= role) && self.has(Scope::of(role))
    }

    /// Whether what it proved itself with is good for that at all.
    #[must_use]
    pub fn has(&self, scope: Scope) -> bool {
        match &self.via {
            Via::Token { scopes, .. } => scopes.contains(&scope),
            Via::Session { .. } | Via::Host => true,
        }
    }

    /// Under which name what it does stands in the audit trail.
    #[must_use]
    pub fn author(&self) -> String {
        match &self.via {
            Via::Session { .. } => format!("user {}", self.user.as_str()),
            Via::Token { id, .. } => format!("user {}, token {id}", self.user.as_str()),
            Via::Host => format!("program for {}", self.user.as_str()),
        }
    }
}
