//! What is asked and answered about users and members.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::{self, Role};
use crate::model::Timestamp;
use crate::rest::resources::session::roles;

/// A user.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct User {
    /// The name that the user signs in with.
    pub(super) user: String,
    /// The name to be shown.
    pub(super) display_name: String,
    /// The role at each operator; at `*` for all of them.
    pub(super) roles: BTreeMap<String, Role>,
    /// Whether the user is shut out.
    pub(super) disabled: bool,
    /// Whether the user signs in by OpenID Connect.
    pub(super) oidc: bool,
    /// Whether the user has chosen a password.
    pub(super) password: bool,
    /// When the user was made, in microseconds since the epoch.
    pub(super) created_us: i64,
    /// When the user was last seen, to about a minute.
    pub(super) last_seen_us: Option<i64>,
}

/// A user to be invited.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UserInvitation {
    /// The name to sign in with: 1 to 64 of `a-z 0-9 . _ + @ -`, an address of e-mail as a rule.
    pub(super) user: String,
    /// The name to be shown; that to sign in with, unless it is said.
    pub(super) display_name: Option<String>,
    /// The role at each operator; at `*` for all of them.
    #[serde(default)]
    pub(super) roles: BTreeMap<String, Role>,
}

/// A user who was invited.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct InvitedUser {
    /// The user.
    pub(super) user: User,
    /// The link to choose a password by, good once. Hand it to nobody else.
    pub(super) link: String,
    /// Until when the link is good, in microseconds since the epoch.
    pub(super) expires_us: i64,
}

/// What is to change of a user; what is not said stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UserChange {
    /// The name to be shown.
    pub(super) display_name: Option<String>,
    /// All roles from now on.
    pub(super) roles: Option<BTreeMap<String, Role>>,
    /// Whether the user is shut out; sessions end at once, and tokens are good for nothing meanwhile.
    pub(super) disabled: Option<bool>,
    /// Makes a link to choose another password by; the password so far and all sessions end.
    #[serde(default)]
    pub(super) reset: bool,
}

/// A user who was changed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChangedUser {
    /// The user.
    pub(super) user: User,
    /// The link to choose another password by, where one was asked for.
    pub(super) link: Option<String>,
    /// Until when the link is good, in microseconds since the epoch.
    pub(super) expires_us: Option<i64>,
}

/// Who has a role at an operator.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Member {
    /// The user's name.
    pub(super) user: String,
    /// The name to be shown.
    pub(super) display_name: String,
    /// The role.
    pub(super) role: Role,
    /// Whether it comes of a role at all operators, which is not changed here.
    pub(super) everywhere: bool,
}

/// A user to be given a role at an operator.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MemberInvitation {
    /// The name to sign in with; one who is not known yet is invited.
    pub(super) user: String,
    /// The name to be shown, of one who is invited.
    pub(super) display_name: Option<String>,
    /// The role.
    pub(super) role: Role,
}

/// Who was given a role.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct InvitedMember {
    /// The member.
    pub(super) member: Member,
    /// The link to choose a password by, of one who was not known.
    pub(super) link: Option<String>,
    /// Until when the link is good, in microseconds since the epoch.
    pub(super) expires_us: Option<i64>,
}

/// A role to be given.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MemberRole {
    /// The role.
    pub(super) role: Role,
}

impl From<accounts::User> for User {
    fn from(user: accounts::User) -> Self {
        Self {
            roles: roles(&user.grants),
            user: user.name.into(),
            display_name: user.display_name,
            disabled: user.disabled,
            oidc: user.oidc,
            password: user.password,
            created_us: user.created.as_micros(),
            last_seen_us: user.last_seen.map(Timestamp::as_micros),
        }
    }
}

impl From<accounts::Member> for Member {
    fn from(member: accounts::Member) -> Self {
        let accounts::Member { name, display_name, role, everywhere } = member;
        Self { user: name.into(), display_name, role, everywhere }
    }
}
