//! Signing in by password, and the sessions that come of it.

use std::net::IpAddr;
use std::time::Duration;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::caller::UserName;
use super::secret::{Hash, derived, new_secret};
use super::{Accounts, password};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Span, Timestamp};
use crate::records::failed;

/// Sessions of one user. Full-policy: the one that was seen longest ago ends.
const SESSIONS_MAX: i64 = 32;
/// Characters of what a browser says of itself that are kept.
const AGENT_MAX: usize = 200;

/// From where somebody comes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Visitor {
    /// The address, where it is known.
    pub address: Option<IpAddr>,
    /// What the browser says of itself.
    pub agent: Option<String>,
}

/// A session that has begun. Its secret is known here only.
pub struct NewSession {
    /// Its id in the list of sessions.
    pub id: String,
    /// Whose it is.
    pub user: UserName,
    /// What the cookie holds.
    pub secret: String,
    /// What must come back with everything that changes something.
    pub csrf: String,
    /// When it ends at the latest.
    pub expires: Timestamp,
    /// How long that is.
    pub lasts: Span,
}

/// Never its secrets.
impl std::fmt::Debug for NewSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewSession").field("id", &self.id).field("user", &self.user).finish_non_exhaustive()
    }
}

/// A session as its user sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: String,
    /// When it began.
    pub begun: Timestamp,
    /// When it was last used, to about a minute.
    pub last_seen: Timestamp,
    /// When it ends at the latest.
    pub expires: Timestamp,
    /// From which address it began.
    pub address: Option<String>,
    /// By which browser, as it said itself.
    pub agent: Option<String>,
}

/// What became of signing in.
#[derive(Debug)]
pub enum SignIn {
    /// A session has begun.
    Begun(NewSession),
    /// There is no such user, it is another password, or the user is shut out: which of them is not said to who asks.
    Refused {
        /// The user, where there is one of that name; for the audit trail.
        known: Option<UserName>,
    },
    /// There were too many wrong passwords: the next one is looked at after so long.
    Later(Duration),
}

impl Accounts {
    /// Signs in with name and password.
    ///
    /// # Errors
    /// As the records; [`LimitReached`](ErrorKind::LimitReached) where too many sign in at this moment.
    pub async fn sign_in(&self, user: &str, password: &str, from: &Visitor) -> Result<SignIn> {
        // A name that is none is nobody's: it takes as long, and counts.
        let name = UserName::new(user).unwrap_or_else(|_| UserName(String::new()));
        let (address, now) = (from.address, self.inner.clock.monotonic());
        if let Err(wait) = self.guesses().begin(&name, address, now) {
            return Ok(SignIn::Later(wait));
        }
        let kept = self.kept_password(&name).await?;
        let (known, stored, disabled) = match kept {
            Some((stored, disabled)) => (true, stored, disabled),
            None => (false, None, false),
        };
        let fits = self.inner.hasher.fits(password, stored.as_deref()).await?;
        let refused = SignIn::Refused { known: known.then(|| name.clone()) };
        let (true, false, Some(stored)) = (fits, disabled, stored) else { return Ok(refused) };
        let mut adding = self.addition().await?;
        // It may have been changed, or the user shut out, since it was looked at.
        let still = sqlx::query("SELECT name FROM users WHERE name = $1 AND password = $2 AND disabled = 0");
        let still = still.bind(name.as_str()).bind(&stored).fetch_optional(adding.on()).await.map_err(failed)?;
        if still.is_none() {
            return Ok(refused);
        }
        let session = self.begin_session(adding.on(), &name, from).await?;
        self.commit(adding).await?;
        self.guesses().right(&name, address, self.inner.clock.monotonic());
        Ok(SignIn::Begun(session))
    }

    /// Changes a user's own password. Every session of the user ends, except the one that is kept.
    ///
    /// # Errors
    /// [`Unauthorized`](ErrorKind::Unauthorized) where the current password is wrong,
    /// [`Invalid`](ErrorKind::Invalid) for a new one that is none, [`LimitReached`](ErrorKind::LimitReached) after too many tries.
    pub async fn change_password(
        &self,
        user: &UserName,
        current: &str,
        new: &str,
        from: &Visitor,
        kept: Option<&str>,
    ) -> Result<()> {
        password::check(new, user.as_str())?;
        let begun = self.guesses().begin(user, from.address, self.inner.clock.monotonic());
        begun.map_err(|wait| {
            let message = format!("too many wrong passwords, expected another try in {} s", wait.as_secs() + 1);
            Error::new(ErrorKind::LimitReached, message)
        })?;
        let stored = self.kept_password(user).await?.and_then(|(stored, _)| stored);
        let fits = self.inner.hasher.fits(current, stored.as_deref()).await?;
        let (true, Some(stored)) = (fits, stored) else {
            return Err(Error::new(ErrorKind::Unauthorized, "the current password is another one"));
        };
        self.guesses().right(user, from.address, self.inner.clock.monotonic());
        let hashed = self.inner.hasher.hash(new).await?;
        let mut change = self.change().await?;
        let changed = sqlx::query("UPDATE users SET password = $1 WHERE name = $2 AND password = $3");
        let changed = changed.bind(hashed).bind(user.as_str()).bind(stored).execute(change.on()).await.map_err(failed)?;
        if changed.rows_affected() == 0 {
            return Err(Error::new(ErrorKind::Conflict, "the password was changed by another request meanwhile"));
        }
        end_sessions(change.on(), user, kept).await?;
        sqlx::query("DELETE FROM links WHERE user_name = $1")
            .bind(user.as_str())
            .execute(change.on())
            .await
            .map_err(failed)?;
        self.commit(change).await
    }

    /// The sessions of a user that last, the latest first.
    ///
    /// # Errors
    /// As the records.
    pub async fn sessions(&self, user: &UserName) -> Result<Vec<Session>> {
        let (now, idle) = self.deadlines();
        let rows = sqlx::query(
            "SELECT id, begun_us, last_seen_us, expires_us, address, agent FROM sessions
             WHERE user_name = $1 AND expires_us > $2 AND last_seen_us > $3 ORDER BY begun_us DESC, id",
        );
        let rows = rows.bind(user.as_str()).bind(now).bind(idle).fetch_all(self.records().pool()).await;
        rows.and_then(|rows| rows.iter().map(listed).collect()).map_err(failed)
    }

    /// Ends a session of that user.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) where the user has no such session.
    pub async fn end_session(&self, user: &UserName, id: &str) -> Result<()> {
        let mut change = self.change().await?;
        let ended = sqlx::query("DELETE FROM sessions WHERE id = $1 AND user_name = $2").bind(id).bind(user.as_str());
        if ended.execute(change.on()).await.map_err(failed)?.rows_affected() == 0 {
            return Err(Error::not_found("session is not known, or has ended"));
        }
        self.commit(change).await
    }

    /// The stored password, and whether the user is shut out; nothing where there is no such user.
    async fn kept_password(&self, user: &UserName) -> Result<Option<(Option<String>, bool)>> {
        let row = sqlx::query("SELECT password, disabled FROM users WHERE name = $1").bind(user.as_str());
        let row = row.fetch_optional(self.records().pool()).await.map_err(failed)?;
        let read = |row: AnyRow| Ok((row.try_get(0)?, row.try_get::<i64, _>(1)? != 0));
        row.map(read).transpose().map_err(failed)
    }

    /// Begins a session, and lets go of those whose time is over or that are too many.
    pub(super) async fn begin_session(
        &self,
        on: &mut AnyConnection,
        user: &UserName,
        from: &Visitor,
    ) -> Result<NewSession> {
        let now = self.now();
        self.clear_away(on, user).await?;
        let secret = new_secret()?;
        let hash = Hash::of(&secret);
        let lasts = self.inner.options.session_longest;
        let expires = now.saturating_add(lasts);
        let agent = from.agent.as_ref().map(|agent| agent.chars().take(AGENT_MAX).collect::<String>());
        let begun = sqlx::query(
            "INSERT INTO sessions (id, hash, user_name, begun_us, last_seen_us, expires_us, address, agent)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        );
        let begun = begun.bind(hash.id()).bind(&hash.0).bind(user.as_str()).bind(now.as_micros()).bind(now.as_micros());
        let address = from.address.map(|address| address.to_canonical().to_string());
        let begun = begun.bind(expires.as_micros()).bind(address).bind(agent);
        begun.execute(&mut *on).await.map_err(failed)?;
        let seen = sqlx::query("UPDATE users SET last_seen_us = $1 WHERE name = $2").bind(now.as_micros());
        seen.bind(user.as_str()).execute(&mut *on).await.map_err(failed)?;
        let csrf = derived("csrf", &secret);
        Ok(NewSession { id: hash.id().to_owned(), user: user.clone(), secret, csrf, expires, lasts })
    }

    async fn clear_away(&self, on: &mut AnyConnection, user: &UserName) -> Result<()> {
        let (now, idle) = self.deadlines();
        let over = sqlx::query("DELETE FROM sessions WHERE expires_us <= $1 OR last_seen_us <= $2");
        over.bind(now).bind(idle).execute(&mut *on).await.map_err(failed)?;
        let over = sqlx::query("DELETE FROM links WHERE expires_us <= $1").bind(now);
        over.execute(&mut *on).await.map_err(failed)?;
        let beyond = sqlx::query(
            "DELETE FROM sessions WHERE user_name = $1 AND id NOT IN
             (SELECT id FROM sessions WHERE user_name = $2 ORDER BY last_seen_us DESC, begun_us DESC LIMIT $3)",
        );
        let beyond = beyond.bind(user.as_str()).bind(user.as_str()).bind(SESSIONS_MAX - 1);
        if beyond.execute(&mut *on).await.map_err(failed)?.rows_affected() > 0 {
            let told = sqlx::query("UPDATE account_changes SET number = number + 1 WHERE id = 1");
            told.execute(&mut *on).await.map_err(failed)?;
        }
        Ok(())
    }

    /// Now, and when a session must have been seen last, both in microseconds.
    fn deadlines(&self) -> (i64, i64) {
        let now = self.now().as_micros();
        (now, now.saturating_sub(self.inner.options.session_idle.as_micros()))
    }
}

/// Ends the sessions of a user, except the one that is kept.
pub(super) async fn end_sessions(on: &mut AnyConnection, user: &UserName, kept: Option<&str>) -> Result<()> {
    let ended = sqlx::query("DELETE FROM sessions WHERE user_name = $1 AND id <> $2");
    let ended = ended.bind(user.as_str()).bind(kept.unwrap_or_default());
    ended.execute(on).await.map(drop).map_err(failed)
}

fn listed(row: &AnyRow) -> sqlx::Result<Session> {
    let time = |at: usize| row.try_get(at).map(Timestamp::from_micros);
    Ok(Session {
        id: row.try_get(0)?,
        begun: time(1)?,
        last_seen: time(2)?,
        expires: time(3)?,
        address: row.try_get(4)?,
        agent: row.try_get(5)?,
    })
}
