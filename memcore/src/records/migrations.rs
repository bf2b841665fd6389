//! The tables, step by step. A step that has been released is never changed: a new one follows it.

use super::{Records, failed};
use crate::error::Result;

/// Every step, in order: its name, and its statements. Each room that keeps records adds its own.
const STEPS: &[(&str, &[&str])] = &[("alarms", ALARMS), ("events", EVENTS), ("plans", PLANS)];

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

pub(super) async fn apply(records: &Records) -> Result<()> {
    let pool = records.pool();
    sqlx::query("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY)").execute(pool).await.map_err(failed)?;
    for (name, statements) in STEPS {
        let mut step = pool.begin().await.map_err(failed)?;
        let new = sqlx::query("INSERT INTO migrations (name) VALUES ($1) ON CONFLICT DO NOTHING").bind(*name);
        if new.execute(&mut *step).await.map_err(failed)?.rows_affected() == 0 {
            continue;
        }
        for statement in *statements {
            sqlx::query(*statement).execute(&mut *step).await.map_err(failed)?;
        }
        step.commit().await.map_err(failed)?;
    }
    Ok(())
}
