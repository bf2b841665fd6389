//! The tables, step by step. A step that has been released is never changed: a new one follows it.

use sqlx::Row;

use super::{Kind, Records, failed};
use crate::error::{Error, ErrorKind, Result};

/// Every step, in order: its name, and its statements. Each room that keeps records adds its own.
const STEPS: &[(&str, &[&str])] = &[("accounts", ACCOUNTS), ("alarms", ALARMS), ("events", EVENTS), ("plans", PLANS)];

/// What happened, by numbers that rise. What is about the server itself has no operator: its text is empty then.
const EVENTS: &[&str] = &[
    "CREATE TABLE events (
        id BIGINT PRIMARY KEY, operator TEXT NOT NULL, site TEXT NOT NULL, device TEXT NOT NULL, kind TEXT NOT NULL,
        time_us BIGINT NOT NULL, body TEXT NOT NULL)",
    "CREATE INDEX events_by_operator ON events (operator, id)",
    "CREATE INDEX events_by_time ON events (time_us)",
];

/// Plans that were kept: what lists show, and all of it.
const PLANS: &[&str] = &[
    "CREATE TABLE plans (
        id TEXT PRIMARY KEY, operator TEXT NOT NULL, site TEXT NOT NULL, created_us BIGINT NOT NULL,
        summary TEXT NOT NULL, plan TEXT NOT NULL)",
    "CREATE INDEX plans_by_site ON plans (operator, site, created_us, id)",
];

const ALARMS: &[&str] = &[
    "CREATE TABLE alarm_rules (operator TEXT NOT NULL, id TEXT NOT NULL, built_in BIGINT NOT NULL, \
         settings TEXT NOT NULL, PRIMARY KEY (operator, id))",
    "CREATE TABLE notifiers (operator TEXT NOT NULL, id TEXT NOT NULL, settings TEXT NOT NULL, last_sent_us BIGINT, \
         last_problem TEXT, PRIMARY KEY (operator, id))",
    "CREATE TABLE alarms (id TEXT NOT NULL PRIMARY KEY, operator TEXT NOT NULL, state TEXT NOT NULL, \
         severity TEXT NOT NULL, site TEXT, cleared_us BIGINT, body TEXT NOT NULL, owed TEXT NOT NULL)",
    "CREATE INDEX alarms_of_operator ON alarms (operator, id)",
    "CREATE INDEX alarms_by_state ON alarms (state, cleared_us)",
];

const ACCOUNTS: &[&str] = &[
    // One row: whoever changes accounts locks it first, and others see by its number that something has changed.
    "CREATE TABLE account_changes (id BIGINT PRIMARY KEY, number BIGINT NOT NULL)",
    "INSERT INTO account_changes (id, number) VALUES (1, 1)",
    "CREATE TABLE users (
        name TEXT PRIMARY KEY, display_name TEXT NOT NULL, password TEXT, disabled BIGINT NOT NULL, oidc TEXT UNIQUE,
        created_us BIGINT NOT NULL, last_seen_us BIGINT)",
    "CREATE TABLE user_roles (
        user_name TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE, operator TEXT NOT NULL, role TEXT NOT NULL,
        PRIMARY KEY (user_name, operator))",
    "CREATE INDEX user_roles_operator ON user_roles (operator)",
    "CREATE TABLE sessions (
        id TEXT PRIMARY KEY, hash TEXT NOT NULL, user_name TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
        begun_us BIGINT NOT NULL, last_seen_us BIGINT NOT NULL, expires_us BIGINT NOT NULL, address TEXT, agent TEXT)",
    "CREATE INDEX sessions_user ON sessions (user_name)",
    "CREATE TABLE tokens (
        id TEXT PRIMARY KEY, hash TEXT NOT NULL, user_name TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
        name TEXT NOT NULL, scopes TEXT NOT NULL, operators TEXT, created_us BIGINT NOT NULL, expires_us BIGINT,
        last_used_us BIGINT)",
    "CREATE INDEX tokens_user ON tokens (user_name)",
    "CREATE TABLE links (
        id TEXT PRIMARY KEY, hash TEXT NOT NULL, kind TEXT NOT NULL,
        user_name TEXT REFERENCES users (name) ON DELETE CASCADE, created_us BIGINT NOT NULL, expires_us BIGINT NOT NULL)",
    "CREATE INDEX links_user ON links (user_name)",
];

/// All that is missing, in one transaction: another process that starts at the same moment waits for it, and finds it done.
pub(super) async fn apply(records: &Records) -> Result<()> {
    let mut whole = records.begin().await?;
    if records.kind == Kind::Postgres {
        // Any number will do that is memcore's own.
        sqlx::query("SELECT pg_advisory_xact_lock(2312320260)").execute(&mut *whole).await.map_err(failed)?;
    }
    let known = "CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY)";
    sqlx::query(known).execute(&mut *whole).await.map_err(failed)?;
    let done = sqlx::query("SELECT name FROM migrations").fetch_all(&mut *whole).await.map_err(failed)?;
    let done: Vec<String> = done.iter().map(|row| row.try_get(0)).collect::<sqlx::Result<_>>().map_err(failed)?;
    if let Some(newer) = done.iter().find(|name| !STEPS.iter().any(|(step, _)| step == name)) {
        let message = format!("the records are of a newer memcore: they have {newer:?}, which this one does not know");
        return Err(Error::new(ErrorKind::Unsupported, message));
    }
    for (name, statements) in STEPS.iter().filter(|(name, _)| !done.iter().any(|done| done == name)) {
        for statement in *statements {
            sqlx::query(statement).execute(&mut *whole).await.map_err(failed)?;
        }
        let noted = sqlx::query("INSERT INTO migrations (name) VALUES ($1)").bind(*name);
        noted.execute(&mut *whole).await.map_err(failed)?;
    }
    whole.commit().await.map_err(failed)
}
