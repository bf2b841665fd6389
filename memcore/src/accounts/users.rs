//! Users and their roles.

use std::collections::BTreeMap;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::Accounts;
use super::caller::{EVERYWHERE, Grants, Role, UserName};
use super::links::{Invited, LinkKind};
use super::names::check_shown;
use super::sessions::end_sessions;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Name, Timestamp, shorten};
use crate::records::failed;

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name that the user signs in with.
    pub name: UserName,
    /// The name to be shown.
    pub display_name: String,
    /// What the user may.
    pub grants: Grants,
    /// Whether the user is shut out.
    pub disabled: bool,
    /// Whether the user signs in by OpenID Connect.
    pub oidc: bool,
    /// Whether the user has chosen a password.
    pub password: bool,
    /// When the user was made.
    pub created: Timestamp,
    /// When the user was last seen, to about a minute.
    pub last_seen: Option<Timestamp>,
}

/// Who has a role at an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The user.
    pub name: UserName,
    /// The name to be shown.
    pub display_name: String,
    /// The role: the higher of the one at the operator and the one everywhere.
    pub role: Role,
    /// Whether the role is one at all operators.
    pub everywhere: bool,
}

/// What is to change of a user; what is not said stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserChange {
    /// The name to be shown.
    pub display_name: Option<String>,
    /// All roles from now on.
    pub grants: Option<Grants>,
    /// Whether the user is shut out.
    pub disabled: Option<bool>,
    /// Whether the password, and all sessions, end, and a link is made to choose another one by.
    pub reset: bool,
}

const COLUMNS: &str = "name, display_name, disabled, oidc IS NOT NULL AS by_oidc, password IS NOT NULL AS by_password,
    created_us, last_seen_us";

impl Accounts {
    /// Whether there is no user yet.
    ///
    /// # Errors
    /// As the records.
    pub async fn is_empty(&self) -> Result<bool> {
        let any = sqlx::query("SELECT name FROM users LIMIT 1").fetch_optional(self.records().pool()).await;
        Ok(any.map_err(failed)?.is_none())
    }

    /// Users by name, after that one, so many at most.
    ///
    /// # Errors
    /// As the records.
    pub async fn users(&self, after: Option<&str>, limit: usize) -> Result<Vec<User>> {
        let text = format!("SELECT {COLUMNS} FROM users WHERE name > $1 ORDER BY name LIMIT $2");
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = sqlx::query(&text).bind(after.unwrap_or_default()).bind(limit);
        let rows = rows.fetch_all(self.records().pool()).await.map_err(failed)?;
        let mut users: Vec<User> = rows.iter().map(read).collect::<sqlx::Result<_>>().map_err(failed)?;
        let (Some(first), Some(last)) = (users.first(), users.last()) else { return Ok(users) };
        let roles =
            sqlx::query("SELECT user_name, operator, role FROM user_roles WHERE user_name >= $1 AND user_name <= $2");
        let roles = roles.bind(first.name.as_str()).bind(last.name.as_str()).fetch_all(self.records().pool()).await;
        let mut grants = gathered(&roles.map_err(failed)?)?;
        for user in &mut users {
            user.grants = grants.remove(user.name.as_str()).unwrap_or_default();
        }
        Ok(users)
    }

    /// A user.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) where there is none of that name.
    pub async fn user(&self, name: &UserName) -> Result<User> {
        let text = format!("SELECT {COLUMNS} FROM users WHERE name = $1");
        let row = sqlx::query(&text).bind(name.as_str()).fetch_optional(self.records().pool()).await.map_err(failed)?;
        let mut user = read(&row.ok_or_else(|| unknown(name))?).map_err(failed)?;
        user.grants = self.grants_of(name).await?;
        Ok(user)
    }

    pub(super) async fn grants_of(&self, name: &UserName) -> Result<Grants> {
        let roles =
            sqlx::query("SELECT user_name, operator, role FROM user_roles WHERE user_name = $1").bind(name.as_str());
        let roles = roles.fetch_all(self.records().pool()).await.map_err(failed)?;
        Ok(gathered(&roles)?.remove(name.as_str()).unwrap_or_default())
    }

    /// Makes a user, and a link to choose a password by.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) where there is one of that name, [`Invalid`](ErrorKind::Invalid) for a display name that
    /// is none.
    pub async fn invite(&self, name: &UserName, display_name: Option<&str>, grants: &Grants) -> Result<Invited> {
        let mut adding = self.addition().await?;
        self.add_user(adding.on(), name, display_name, None, None).await?;
        set_grants(adding.on(), name, grants).await?;
        let invited = self.make_link(adding.on(), LinkKind::User, Some(name)).await?;
        self.commit(adding).await?;
        Ok(invited)
    }

    /// Changes a user; returns a link to choose another password by, where that was asked for.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) where there is none of that name, [`Conflict`](ErrorKind::Conflict) where it would be the
    /// end of the last admin of all operators, [`Invalid`](ErrorKind::Invalid) for a display name that is none.
    pub async fn change_user(&self, name: &UserName, wanted: &UserChange) -> Result<Option<Invited>> {
        let mut change = self.change().await?;
        let on = change.on();
        check_known(on, name).await?;
        if let Some(display_name) = &wanted.display_name {
            check_shown("display_name", display_name)?;
            let set = sqlx::query("UPDATE users SET display_name = $1 WHERE name = $2").bind(display_name);
            set.bind(name.as_str()).execute(on).await.map_err(failed)?;
        }
        let before = change.admins().await?;
        if let Some(grants) = &wanted.grants {
            set_grants(change.on(), name, grants).await?;
        }
        if let Some(disabled) = wanted.disabled {
            let set = sqlx::query("UPDATE users SET disabled = $1 WHERE name = $2").bind(i64::from(disabled));
            set.bind(name.as_str()).execute(change.on()).await.map_err(failed)?;
        }
        change.check_admins(before).await?;
        if wanted.disabled == Some(true) || wanted.reset {
            end_sessions(change.on(), name, None).await?;
            let links = sqlx::query("DELETE FROM links WHERE user_name = $1").bind(name.as_str());
            links.execute(change.on()).await.map_err(failed)?;
        }
        let mut link = None;
        if wanted.reset {
            let forgotten = sqlx::query("UPDATE users SET password = NULL WHERE name = $1").bind(name.as_str());
            forgotten.execute(change.on()).await.map_err(failed)?;
            link = Some(self.make_link(change.on(), LinkKind::Reset, Some(name)).await?);
        }
        self.commit(change).await?;
        Ok(link)
    }

    /// Removes a user, with all sessions, tokens and links.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) where there is none of that name, [`Conflict`](ErrorKind::Conflict) where it is the last
    /// admin of all operators.
    pub async fn remove_user(&self, name: &UserName) -> Result<()> {
        let mut change = self.change().await?;
        let before = change.admins().await?;
        let removed = sqlx::query("DELETE FROM users WHERE name = $1").bind(name.as_str()).execute(change.on()).await;
        if removed.map_err(failed)?.rows_affected() == 0 {
            return Err(unknown(name));
        }
        change.check_admins(before).await?;
        self.commit(change).await
    }

    /// Gives a user a role at an operator, or at all of them; without one, takes that role away.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) where there is no such user, or no role to take away; [`Conflict`](ErrorKind::Conflict)
    /// where it would be the end of the last admin of all operators.
    pub async fn set_role(&self, name: &UserName, operator: Option<&Name>, role: Option<Role>) -> Result<()> {
        let operator = operator.map_or(EVERYWHERE, Name::as_str);
        let mut change = self.change().await?;
        check_known(change.on(), name).await?;
        let before = change.admins().await?;
        let gone = sqlx::query("DELETE FROM user_roles WHERE user_name = $1 AND operator = $2").bind(name.as_str());
        let gone = gone.bind(operator).execute(change.on()).await.map_err(failed)?.rows_affected();
        match role {
            Some(role) => add_role(change.on(), name, operator, role).await?,
            None if gone == 0 => {
                return Err(Error::not_found(format!("user {name} has no role of its own at operator {operator}")));
            }
            None => {}
        }
        change.check_admins(before).await?;
        self.commit(change).await
    }

    /// Who has a role at an operator, by name, after that one, so many at most.
    ///
    /// # Errors
    /// As the records.
    pub async fn members(&self, operator: &Name, after: Option<&str>, limit: usize) -> Result<Vec<Member>> {
        let rows = sqlx::query(
            "SELECT users.name, users.display_name, user_roles.operator, user_roles.role
             FROM users JOIN user_roles ON user_roles.user_name = users.name
             WHERE (user_roles.operator = $1 OR user_roles.operator = '*') AND users.name > $2
             ORDER BY users.name, user_roles.operator LIMIT $3",
        );
        // A user has two rows at most.
        let rows_max = i64::try_from(limit.saturating_mul(2)).unwrap_or(i64::MAX);
        let rows = rows.bind(operator.as_str()).bind(after.unwrap_or_default()).bind(rows_max);
        let rows = rows.fetch_all(self.records().pool()).await.map_err(failed)?;
        let mut members: Vec<Member> = Vec::new();
        for row in &rows {
            let member = read_member(row)?;
            match members.last_mut().filter(|last| last.name == member.name) {
                Some(last) if last.role >= member.role => {}
                Some(last) => *last = member,
                None => members.push(member),
            }
        }
        members.truncate(limit);
        Ok(members)
    }

    /// Adds a user as it is: with a password, or known to a provider of OpenID Connect, or neither.
    pub(super) async fn add_user(
        &self,
        on: &mut AnyConnection,
        name: &UserName,
        display_name: Option<&str>,
        password: Option<String>,
        oidc: Option<&str>,
    ) -> Result<()> {
        let display_name = display_name.unwrap_or(name.as_str());
        check_shown("display_name", display_name)?;
        let added = sqlx::query(
            "INSERT INTO users (name, display_name, password, disabled, oidc, created_us) VALUES ($1, $2, $3, 0, $4, $5)
             ON CONFLICT DO NOTHING",
        );
        let added = added.bind(name.as_str()).bind(display_name).bind(password).bind(oidc).bind(self.now().as_micros());
        if added.execute(on).await.map_err(failed)?.rows_affected() == 0 {
            return Err(Error::new(ErrorKind::Conflict, format!("user {name} is known already")));
        }
        Ok(())
    }
}

pub(super) async fn set_grants(on: &mut AnyConnection, name: &UserName, grants: &Grants) -> Result<()> {
    let gone = sqlx::query("DELETE FROM user_roles WHERE user_name = $1").bind(name.as_str());
    gone.execute(&mut *on).await.map_err(failed)?;
    for (operator, role) in grants.iter() {
        add_role(on, name, operator, role).await?;
    }
    Ok(())
}

async fn add_role(on: &mut AnyConnection, name: &UserName, operator: &str, role: Role) -> Result<()> {
    let added = sqlx::query("INSERT INTO user_roles (user_name, operator, role) VALUES ($1, $2, $3)").bind(name.as_str());
    added.bind(operator).bind(role.as_str()).execute(on).await.map(drop).map_err(failed)
}

/// # Errors
/// [`NotFound`](ErrorKind::NotFound) where there is no such user.
pub(super) async fn check_known(on: &mut AnyConnection, name: &UserName) -> Result<()> {
    let known = sqlx::query("SELECT name FROM users WHERE name = $1").bind(name.as_str()).fetch_optional(on).await;
    known.map_err(failed)?.map(drop).ok_or_else(|| unknown(name))
}

fn unknown(name: &UserName) -> Error {
    Error::not_found(format!("user {:?} is not known", shorten(name.as_str())))
}

fn gathered(rows: &[AnyRow]) -> Result<BTreeMap<String, Grants>> {
    let mut users: BTreeMap<String, Grants> = BTreeMap::new();
    for row in rows {
        let text = |at: usize| row.try_get::<String, _>(at).map_err(failed);
        users.entry(text(0)?).or_default().grant(&text(1)?, text(2)?.parse()?)?;
    }
    Ok(users)
}

fn read(row: &AnyRow) -> sqlx::Result<User> {
    Ok(User {
        name: UserName(row.try_get(0)?),
        display_name: row.try_get(1)?,
        grants: Grants::default(),
        disabled: row.try_get::<i64, _>(2)? != 0,
        oidc: truth(row, 3)?,
        password: truth(row, 4)?,
        created: Timestamp::from_micros(row.try_get(5)?),
        last_seen: row.try_get::<Option<i64>, _>(6)?.map(Timestamp::from_micros),
    })
}

/// A truth is a number in SQLite and a kind of its own in PostgreSQL.
fn truth(row: &AnyRow, at: usize) -> sqlx::Result<bool> {
    row.try_get::<bool, _>(at).or_else(|_| Ok(row.try_get::<i64, _>(at)? != 0))
}

fn read_member(row: &AnyRow) -> Result<Member> {
    let text = |at: usize| row.try_get::<String, _>(at).map_err(failed);
    let (name, display_name, everywhere) = (UserName(text(0)?), text(1)?, text(2)? == EVERYWHERE);
    Ok(Member { name, display_name, role: text(3)?.parse()?, everywhere })
}
