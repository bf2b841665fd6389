//! The tables, step by step. A step that has been released is never changed: a new one follows it.

use super::{Records, failed};
use crate::error::Result;

/// Every step, in order: its name, and its statements. Each room that keeps records adds its own.
const STEPS: &[(&str, &[&str])] = &[(
    "alarms",
    &[
        "CREATE TABLE alarm_rules (operator TEXT NOT NULL, id TEXT NOT NULL, built_in BIGINT NOT NULL, \
         settings TEXT NOT NULL, PRIMARY KEY (operator, id))",
        "CREATE TABLE notifiers (operator TEXT NOT NULL, id TEXT NOT NULL, settings TEXT NOT NULL, last_sent_us BIGINT, \
         last_problem TEXT, PRIMARY KEY (operator, id))",
        "CREATE TABLE alarms (id TEXT NOT NULL PRIMARY KEY, operator TEXT NOT NULL, state TEXT NOT NULL, \
         severity TEXT NOT NULL, site TEXT, cleared_us BIGINT, body TEXT NOT NULL, owed TEXT NOT NULL)",
        "CREATE INDEX alarms_of_operator ON alarms (operator, id)",
        "CREATE INDEX alarms_by_state ON alarms (state, cleared_us)",
    ],
)];

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
