//! Callers as they are remembered, so that a request costs no query. What changes in this process is forgotten at once, what
//! changes in another within a second.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::Row;
use sqlx::any::AnyRow;

use super::caller::{Caller, UserName, Via};
use super::secret::{Hash, derived, is_secret};
use super::{Accounts, tokens};
use crate::error::Result;
use crate::model::Timestamp;
use crate::records::failed;

/// How long what is remembered holds, until it is asked whether another process has changed something.
const HOLDS: Duration = Duration::from_secs(1);
/// Callers, and ids of nobody, that are remembered. Full-policy: all of that are forgotten, and asked for again.
const REMEMBERED_MAX: usize = 16_384;
/// How far behind the records are about when a caller was last seen.
const SEEN_EVERY_US: i64 = 60_000_000;

/// What is remembered.
#[derive(Debug, Default)]
pub(super) struct Cache {
    known: Mutex<Known>,
    /// Held by the one that asks whether something has changed.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Known {
    callers: HashMap<String, Arc<Entry>>,
    nobody: HashSet<String>,
    /// The number of the change that it stands at, and when that was asked for.
    number: i64,
    asked: Option<Duration>,
    /// Rises whenever all is forgotten: what was read before that is not remembered after it.
    epoch: u64,
}

#[derive(Debug)]
struct Entry {
    hash: String,
    caller: Arc<Caller>,
    ends: Option<Timestamp>,
    /// A session ends after so many microseconds without a request.
    idle_us: Option<i64>,
    seen_us: AtomicI64,
    written_us: AtomicI64,
}

impl Entry {
    fn lasts(&self, now: Timestamp) -> bool {
        let seen = Timestamp::from_micros(self.seen_us.load(Ordering::Relaxed));
        self.ends.is_none_or(|ends| now < ends) && self.idle_us.is_none_or(|idle| now.since(seen).as_micros() < idle)
    }

    /// Whether it is time to write down that it was seen.
    fn see(&self, now: Timestamp) -> bool {
        let now = now.as_micros();
        self.seen_us.fetch_max(now, Ordering::Relaxed);
        let written = self.written_us.load(Ordering::Relaxed);
        let due = now.saturating_sub(written) >= SEEN_EVERY_US;
        due && self.written_us.compare_exchange(written, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// By what a caller is looked for.
#[derive(Clone, Copy)]
enum Shown<'a> {
    /// The secret of a session or token.
    Secret(&'a str, &'a Hash),
    /// One that has proved itself before.
    Again(&'a Caller),
}

impl Cache {
    /// Forgets all that is remembered.
    pub(super) fn forget(&self) {
        self.known().forget();
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn forget(&mut self) {
        self.callers.clear();
        self.nobody.clear();
        self.epoch += 1;
    }

    fn holds(&self, now: Duration) -> bool {
        self.asked.is_some_and(|asked| now.saturating_sub(asked) < HOLDS)
    }
}

impl Accounts {
    /// Whose session that secret (of the cookie) is, while it lasts. Answered from memory, mostly.
    ///
    /// # Errors
    /// As the records.
    pub async fn session(&self, secret: &str) -> Result<Option<Arc<Caller>>> {
        if !is_secret(secret) {
            return Ok(None);
        }
        let hash = Hash::of(secret);
        self.find(false, hash.id(), Shown::Secret(secret, &hash)).await
    }

    /// Whose token that secret is, while it lasts. Answered from memory, mostly.
    ///
    /// # Errors
    /// As the records.
    pub async fn token(&self, secret: &str) -> Result<Option<Arc<Caller>>> {
        // What is no token is not looked for: neither in vain, nor as a session.
        if !secret.strip_prefix(tokens::PREFIX).is_some_and(is_secret) {
            return Ok(None);
        }
        let hash = Hash::of(secret);
        self.find(true, hash.id(), Shown::Secret(secret, &hash)).await
    }

    /// What a caller that has proved itself before may by now; nobody where its session or token has ended since. For what
    /// lasts longer than a request. Answered from memory, mostly.
    ///
    /// # Errors
    /// As the records.
    pub async fn again(&self, caller: &Arc<Caller>) -> Result<Option<Arc<Caller>>> {
        match &caller.via {
            Via::Host => Ok(Some(caller.clone())),
            Via::Session { id, .. } => self.find(false, id, Shown::Again(caller)).await,
            Via::Token { id, .. } => self.find(true, id, Shown::Again(caller)).await,
        }
    }

    async fn find(&self, token: bool, id: &str, shown: Shown<'_>) -> Result<Option<Arc<Caller>>> {
        self.look_for_changes().await?;
        let now = self.now();
        let (remembered, epoch) = {
            let known = self.inner.cache.known();
            if known.nobody.contains(id) {
                return Ok(None);
            }
            (known.callers.get(id).cloned(), known.epoch)
        };
        // One that is too long unseen here may have been seen by another process.
        if let Some(entry) = remembered.filter(|entry| entry.lasts(now)) {
            return Ok(self.admit(token, id, &entry, shown, now));
        }
        let found = if token { self.read_token(id).await? } else { self.read_session(id, shown).await? };
        let found = found.filter(|entry| entry.lasts(now)).map(Arc::new);
        self.remember(id, found.clone(), epoch);
        Ok(found.and_then(|entry| self.admit(token, id, &entry, shown, now)))
    }

    /// The caller, where what it shows fits.
    fn admit(&self, token: bool, id: &str, entry: &Entry, shown: Shown<'_>, now: Timestamp) -> Option<Arc<Caller>> {
        if let Shown::Secret(_, hash) = shown {
            if !hash.fits(&entry.hash) {
                return None;
            }
            if entry.see(now) {
                self.write_seen(token, id, &entry.caller.user, now);
            }
        }
        Some(entry.caller.clone())
    }

    fn remember(&self, id: &str, found: Option<Arc<Entry>>, epoch: u64) {
        let mut known = self.inner.cache.known();
        if known.epoch != epoch {
            return;
        }
        match found {
            Some(entry) => {
                if known.callers.len() >= REMEMBERED_MAX {
                    known.callers.clear();
                }
                known.callers.insert(id.to_owned(), entry);
            }
            None => {
                known.callers.remove(id);
                if known.nobody.len() >= REMEMBERED_MAX {
                    known.nobody.clear();
                }
                known.nobody.insert(id.to_owned());
            }
        }
    }

    /// Forgets what is remembered where another process has changed something; asks that once a second at most.
    async fn look_for_changes(&self) -> Result<()> {
        let cache = &self.inner.cache;
        let now = self.inner.clock.monotonic();
        if cache.known().holds(now) {
            return Ok(());
        }
        let _asking = cache.asking.lock().await;
        if cache.known().holds(now) {
            return Ok(());
        }
        let number = self.changes().await?;
        let mut known = cache.known();
        if known.number != number {
            known.forget();
        }
        (known.number, known.asked) = (number, Some(now));
        Ok(())
    }

    async fn read_session(&self, id: &str, shown: Shown<'_>) -> Result<Option<Entry>> {
        let row = sqlx::query(
            "SELECT sessions.hash, users.name, sessions.last_seen_us, sessions.expires_us
             FROM sessions JOIN users ON users.name = sessions.user_name WHERE sessions.id = $1 AND users.disabled = 0",
        );
        let Some(row) = row.bind(id).fetch_optional(self.records().pool()).await.map_err(failed)? else { return Ok(None) };
        let csrf = match shown {
            Shown::Secret(secret, _) => derived("csrf", secret),
            Shown::Again(caller) => match &caller.via {
                Via::Session { csrf, .. } => csrf.clone(),
                Via::Token { .. } | Via::Host => return Ok(None),
            },
        };
        let read = |row: &AnyRow| -> sqlx::Result<(String, String, i64, i64)> {
            Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?))
        };
        let (hash, user, seen, ends) = read(&row).map_err(failed)?;
        // A caller who shows another secret of the same id must not decide what is remembered.
        if matches!(shown, Shown::Secret(_, shown) if !shown.fits(&hash)) {
            return Ok(None);
        }
        let user = UserName(user);
        let grants = self.grants_of(&user).await?;
        Ok(Some(Entry {
            hash,
            caller: Arc::new(Caller { user, via: Via::Session { id: id.to_owned(), csrf }, grants }),
            ends: Some(Timestamp::from_micros(ends)),
            idle_us: Some(self.inner.options.session_idle.as_micros()),
            seen_us: AtomicI64::new(seen),
            written_us: AtomicI64::new(seen),
        }))
    }

    async fn read_token(&self, id: &str) -> Result<Option<Entry>> {
        let row = sqlx::query(
            "SELECT tokens.id, tokens.name, tokens.scopes, tokens.operators, tokens.created_us, tokens.expires_us,
                    tokens.last_used_us, tokens.user_name, tokens.hash
             FROM tokens JOIN users ON users.name = tokens.user_name WHERE tokens.id = $1 AND users.disabled = 0",
        );
        let Some(row) = row.bind(id).fetch_optional(self.records().pool()).await.map_err(failed)? else { return Ok(None) };
        let hash: String = row.try_get("hash").map_err(failed)?;
        let token = tokens::read(&row)?;
        let grants = self.grants_of(&token.user).await?;
        let grants = token.operators.as_ref().map_or(grants.clone(), |operators| grants.within(operators));
        let seen = token.last_used.map_or(i64::MIN, Timestamp::as_micros);
        let via = Via::Token { id: token.id, scopes: token.scopes };
        Ok(Some(Entry {
            hash,
            caller: Arc::new(Caller { user: token.user, via, grants }),
            ends: token.expires,
            idle_us: None,
            seen_us: AtomicI64::new(seen),
            written_us: AtomicI64::new(seen),
        }))
    }

    /// Writes down when a caller was last seen: once a minute for each that is remembered, so that no request waits for it.
    fn write_seen(&self, token: bool, id: &str, user: &UserName, now: Timestamp) {
        let (accounts, id, user) = (self.clone(), id.to_owned(), user.clone());
        tokio::spawn(async move {
            if let Err(error) = accounts.seen(token, &id, &user, now).await {
                tracing::debug!(%error, "when a caller was last seen was not written");
            }
        });
    }

    async fn seen(&self, token: bool, id: &str, user: &UserName, now: Timestamp) -> Result<()> {
        let noted = if token {
            "UPDATE tokens SET last_used_us = $1 WHERE id = $2"
        } else {
            "UPDATE sessions SET last_seen_us = $1 WHERE id = $2"
        };
        let pool = self.records().pool();
        sqlx::query(noted).bind(now.as_micros()).bind(id).execute(pool).await.map_err(failed)?;
        let noted = sqlx::query("UPDATE users SET last_seen_us = $1 WHERE name = $2").bind(now.as_micros());
        noted.bind(user.as_str()).execute(pool).await.map_err(failed)?;
        Ok(())
    }
}
