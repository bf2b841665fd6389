//! Who asks, and what they may.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
#[cfg(feature = "rest")]
use utoipa::ToSchema;

use crate::error::{Error, Result};
use crate::model::{Name, shorten};

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
#[serde(try_from = "String", into = "String")]
pub struct UserName(pub(crate) String);

impl UserName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! words {
    ($type:ident, $field:literal, $($variant:ident $word:literal),*) => {
        impl $type {
            /// Its name in JSON, on the command line and in records.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
        impl FromStr for $type {
            type Err = Error;
            fn from_str(text: &str) -> Result<Self> {
                match text {
                    $($word => Ok(Self::$variant),)*
                    _ => {
                        let expected = [$($word),*].join(", ");
                        Err(Error::invalid(format!("{} is {:?}, expected one of {expected}", $field, shorten(text))))
                    }
                }
            }
        }
    };
}
words!(Role, "role", Viewer "viewer", Operator "operator", Engineer "engineer", Admin "admin");
words!(Scope, "scope", Read "read", Command "command", Configure "configure", Admin "admin");

/// How all operators are named where one is expected.
pub const EVERYWHERE: &str = "*";

/// Roles at operators, and the role at all of them. In JSON a role for each operator, with `*` for all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, Role>", into = "BTreeMap<String, Role>")]
pub struct Grants {
    /// The role at every operator, those to come included.
    pub everywhere: Option<Role>,
    /// The roles at some.
    pub at: BTreeMap<Name, Role>,
}

impl Grants {
    /// That role at that operator only.
    #[must_use]
    pub fn only(operator: Name, role: Role) -> Self {
        Self { everywhere: None, at: BTreeMap::from([(operator, role)]) }
    }

    /// That role at all operators.
    #[must_use]
    pub fn of_all(role: Role) -> Self {
        Self { everywhere: Some(role), at: BTreeMap::new() }
    }

    /// Gives a role at an operator, or at all of them (`*`).
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where the operator is no name.
    pub fn grant(&mut self, operator: &str, role: Role) -> Result<()> {
        if operator == EVERYWHERE {
            self.everywhere = Some(role);
            return Ok(());
        }
        let name = Name::new(operator).map_err(|e| {
            Error::invalid(format!("operator is {:?}, expected * or a name: {}", shorten(operator), e.message()))
        })?;
        self.at.insert(name, role);
        Ok(())
    }

    /// The role at each operator by its name, and at `*` that at all.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Role)> {
        let everywhere = self.everywhere.iter().map(|role| (EVERYWHERE, *role));
        everywhere.chain(self.at.iter().map(|(operator, role)| (operator.as_str(), *role)))
    }

    /// What is left of it at those operators.
    pub(super) fn within(&self, operators: &BTreeSet<Name>) -> Self {
        let at = operators.iter().filter_map(|operator| Some((operator.clone(), self.role_at(operator)?))).collect();
        Self { everywhere: None, at }
    }

    /// The role at that operator: the higher of its own and the one everywhere.
    #[must_use]
    pub fn role_at(&self, operator: &Name) -> Option<Role> {
        self.at.get(operator).copied().max(self.everywhere)
    }
}

impl TryFrom<BTreeMap<String, Role>> for Grants {
    type Error = Error;
    fn try_from(roles: BTreeMap<String, Role>) -> Result<Self> {
        let mut grants = Self::default();
        roles.iter().try_for_each(|(operator, role)| grants.grant(operator, *role))?;
        Ok(grants)
    }
}

impl From<Grants> for BTreeMap<String, Role> {
    fn from(grants: Grants) -> Self {
        grants.iter().map(|(operator, role)| (operator.to_owned(), role)).collect()
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
