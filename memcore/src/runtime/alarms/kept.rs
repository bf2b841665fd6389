//! What stands in the records: rules, notifiers, alarms.

use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use sqlx::{Row, query};

use crate::alarms::{Alarm, AlarmState, Notifier, NotifierSettings, Rule, RuleSettings, Severity};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Name, Timestamp};
use crate::records::{Records, failed};

/// Which alarms are listed, the newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmQuery {
    /// Only those that have come so far.
    pub state: Option<AlarmState>,
    /// Only those that hold: raised or acknowledged, not cleared.
    #[serde(default)]
    pub open: bool,
    /// Only those as bad as that.
    pub severity: Option<Severity>,
    /// Only those of that site.
    pub site: Option<Name>,
    /// Only those before that one.
    pub before: Option<Name>,
    /// So many at most; 100 where it is 0.
    pub limit: usize,
}

impl AlarmQuery {
    pub(super) fn selects(&self, alarm: &Alarm) -> bool {
        self.state.is_none_or(|state| alarm.state == state)
            && !(self.open && alarm.state == AlarmState::Cleared)
            && self.severity.is_none_or(|severity| alarm.severity == severity)
            && self.site.as_ref().is_none_or(|site| alarm.site.as_ref() == Some(site))
            && self.before.as_ref().is_none_or(|before| alarm.id < *before)
    }
}

/// A notifier as it is kept.
#[derive(Debug, Clone)]
pub(super) struct KeptNotifier {
    pub(super) operator: Name,
    pub(super) id: Name,
    pub(super) settings: NotifierSettings,
    pub(super) last_sent: Option<Timestamp>,
    pub(super) last_problem: Option<String>,
}

impl KeptNotifier {
    /// As it is answered: without its secret.
    pub(super) fn answered(&self, waiting: usize) -> Notifier {
        Notifier {
            id: self.id.clone(),
            name: self.settings.name().to_owned(),
            enabled: self.settings.enabled(),
            way: self.settings.way(),
            last_sent: self.last_sent,
            last_problem: self.last_problem.clone(),
            waiting,
        }
    }
}

fn text(row: &AnyRow, column: &str) -> Result<String> {
    row.try_get::<String, _>(column).map_err(failed)
}

fn damaged(what: &str, e: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Damaged, format!("records: {what}: {e}"))
}

pub(super) async fn rules(records: &Records) -> Result<Vec<Rule>> {
    let rows = query("SELECT operator, id, built_in, settings FROM alarm_rules ORDER BY operator, id");
    let rows = rows.fetch_all(records.pool()).await.map_err(failed)?;
    rows.iter().map(rule_of).collect()
}

fn rule_of(row: &AnyRow) -> Result<Rule> {
    let settings: RuleSettings =
        serde_json::from_str(&text(row, "settings")?).map_err(|e| damaged("a rule of alarms", e))?;
    let rule = Rule::new(Name::new(&text(row, "operator")?)?, Name::new(&text(row, "id")?)?, settings)?;
    let built_in = row.try_get::<i64, _>("built_in").map_err(failed)? != 0;
    Ok(if built_in { rule.built_in() } else { rule })
}

/// Keeps a rule in place of an earlier one of its id.
pub(super) async fn keep_rule(records: &Records, rule: &Rule) -> Result<()> {
    let statement = "INSERT INTO alarm_rules (operator, id, built_in, settings) VALUES ($1, $2, $3, $4) \
                     ON CONFLICT (operator, id) DO UPDATE SET settings = excluded.settings";
    write_rule(records, statement, rule).await
}

/// Keeps a rule unless there is one of its id: somebody may have changed it.
pub(super) async fn keep_new_rule(records: &Records, rule: &Rule) -> Result<()> {
    let statement = "INSERT INTO alarm_rules (operator, id, built_in, settings) VALUES ($1, $2, $3, $4) \
                     ON CONFLICT (operator, id) DO NOTHING";
    write_rule(records, statement, rule).await
}

async fn write_rule(records: &Records, statement: &'static str, rule: &Rule) -> Result<()> {
    let settings = serde_json::to_string(rule.settings()).map_err(|e| damaged("a rule of alarms", e))?;
    let query = query(statement).bind(rule.operator().as_str()).bind(rule.id().as_str());
    let query = query.bind(i64::from(rule.is_built_in())).bind(settings);
    query.execute(records.pool()).await.map(drop).map_err(failed)
}

pub(super) async fn remove_rule(records: &Records, operator: &Name, id: &Name) -> Result<()> {
    let query = query("DELETE FROM alarm_rules WHERE operator = $1 AND id = $2").bind(operator.as_str());
    query.bind(id.as_str()).execute(records.pool()).await.map(drop).map_err(failed)
}

pub(super) async fn notifiers(records: &Records) -> Result<Vec<KeptNotifier>> {
    let rows = query("SELECT operator, id, settings, last_sent_us, last_problem FROM notifiers ORDER BY operator, id");
    let rows = rows.fetch_all(records.pool()).await.map_err(failed)?;
    let notifier = |row: &AnyRow| {
        let sent = row.try_get::<Option<i64>, _>("last_sent_us").map_err(failed)?;
        Ok(KeptNotifier {
            operator: Name::new(&text(row, "operator")?)?,
            id: Name::new(&text(row, "id")?)?,
            // Without what serde would quote: it may be a secret.
            settings: serde_json::from_str(&text(row, "settings")?).map_err(|_| damaged("a notifier", "it is no JSON"))?,
            last_sent: sent.map(Timestamp::from_micros),
            last_problem: row.try_get::<Option<String>, _>("last_problem").map_err(failed)?,
        })
    };
    rows.iter().map(notifier).collect()
}

pub(super) async fn keep_notifier(records: &Records, kept: &KeptNotifier) -> Result<()> {
    let statement = "INSERT INTO notifiers (operator, id, settings, last_sent_us, last_problem) \
                     VALUES ($1, $2, $3, $4, $5) ON CONFLICT (operator, id) DO UPDATE SET \
                     settings = excluded.settings, last_sent_us = excluded.last_sent_us, last_problem = excluded.last_problem";
    let settings = serde_json::to_string(&kept.settings).map_err(|_| damaged("a notifier", "it is no JSON"))?;
    let query = query(statement).bind(kept.operator.as_str()).bind(kept.id.as_str()).bind(settings);
    let query = query.bind(kept.last_sent.map(Timestamp::as_micros)).bind(kept.last_problem.as_deref());
    query.execute(records.pool()).await.map(drop).map_err(failed)
}

/// Keeps how it went, where the notifier is still there.
pub(super) async fn keep_outcome(records: &Records, kept: &KeptNotifier) -> Result<()> {
    let statement = "UPDATE notifiers SET last_sent_us = $3, last_problem = $4 WHERE operator = $1 AND id = $2";
    let query = query(statement).bind(kept.operator.as_str()).bind(kept.id.as_str());
    let query = query.bind(kept.last_sent.map(Timestamp::as_micros)).bind(kept.last_problem.as_deref());
    query.execute(records.pool()).await.map(drop).map_err(failed)
}

pub(super) async fn remove_notifier(records: &Records, operator: &Name, id: &Name) -> Result<()> {
    let query = query("DELETE FROM notifiers WHERE operator = $1 AND id = $2").bind(operator.as_str());
    query.bind(id.as_str()).execute(records.pool()).await.map(drop).map_err(failed)
}

/// Keeps alarms as they are by now, all or none, each with the notifiers that have not been told.
pub(super) async fn keep_alarms(records: &Records, alarms: &[(Alarm, Vec<Name>)]) -> Result<()> {
    let statement = "INSERT INTO alarms (id, operator, state, severity, site, cleared_us, body, owed) \
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO UPDATE SET state = excluded.state, \
                     cleared_us = excluded.cleared_us, body = excluded.body, owed = excluded.owed";
    let mut all = records.begin().await?;
    for (alarm, owed) in alarms {
        let body = serde_json::to_string(alarm).map_err(|e| damaged("an alarm", e))?;
        let owed = serde_json::to_string(owed).map_err(|e| damaged("an alarm", e))?;
        let query = query(statement).bind(alarm.id.as_str()).bind(alarm.operator.as_str()).bind(alarm.state.name());
        let query = query.bind(alarm.severity.name()).bind(alarm.site.as_ref().map(Name::as_str));
        let query = query.bind(alarm.cleared.map(Timestamp::as_micros)).bind(body).bind(owed);
        query.execute(&mut *all).await.map_err(failed)?;
    }
    all.commit().await.map_err(failed)
}

fn alarm_of(row: &AnyRow) -> Result<Alarm> {
    serde_json::from_str(&text(row, "body")?).map_err(|e| damaged("an alarm", e))
}

/// The alarms that hold, and those of which somebody has not been told.
pub(super) async fn open_alarms(records: &Records) -> Result<Vec<(Alarm, Vec<Name>)>> {
    let rows = query("SELECT body, owed FROM alarms WHERE state <> 'cleared' OR owed <> '[]' ORDER BY id");
    let rows = rows.fetch_all(records.pool()).await.map_err(failed)?;
    let read = |row: &AnyRow| {
        let owed = serde_json::from_str(&text(row, "owed")?).map_err(|e| damaged("an alarm", e))?;
        Ok((alarm_of(row)?, owed))
    };
    rows.iter().map(read).collect()
}

pub(super) async fn alarm(records: &Records, operator: &Name, id: &Name) -> Result<Option<(Alarm, Vec<Name>)>> {
    let query = query("SELECT body, owed FROM alarms WHERE operator = $1 AND id = $2").bind(operator.as_str());
    let row = query.bind(id.as_str()).fetch_optional(records.pool()).await.map_err(failed)?;
    let Some(row) = row else { return Ok(None) };
    let owed = serde_json::from_str(&text(&row, "owed")?).map_err(|e| damaged("an alarm", e))?;
    Ok(Some((alarm_of(&row)?, owed)))
}

pub(super) async fn alarms(records: &Records, operator: &Name, asked: &AlarmQuery, limit: usize) -> Result<Vec<Alarm>> {
    // One statement for all that may be asked: a parameter that is empty selects everything.
    let statement = "SELECT body FROM alarms WHERE operator = $1 AND ($2 = '' OR state = $2) AND ($3 = '' OR severity = $3) \
                     AND ($4 = '' OR site = $4) AND ($5 = '' OR id < $5) AND ($6 = '' OR state <> $6) \
                     ORDER BY id DESC LIMIT $7";
    let query = query(statement).bind(operator.as_str()).bind(asked.state.map_or("", AlarmState::name));
    let query = query.bind(asked.severity.map_or("", Severity::name)).bind(asked.site.as_ref().map_or("", Name::as_str));
    let not = if asked.open { AlarmState::Cleared.name() } else { "" };
    let query = query.bind(asked.before.as_ref().map_or("", Name::as_str)).bind(not).bind(limit as i64);
    let rows = query.fetch_all(records.pool()).await.map_err(failed)?;
    rows.iter().map(alarm_of).collect()
}

/// Forgets what was cleared before then.
pub(super) async fn forget(records: &Records, before: Timestamp) -> Result<u64> {
    let query = query("DELETE FROM alarms WHERE state = 'cleared' AND cleared_us < $1").bind(before.as_micros());
    query.execute(records.pool()).await.map(|done| done.rows_affected()).map_err(failed)
}
