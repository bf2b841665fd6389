//! Reads the history of events.

use std::path::Path;

use serde::Serialize;
use sqlx::Row as _;

use crate::error::{Error, ErrorKind, Result};
use crate::model::{EventKind, Name, Timestamp};
use crate::records::{Records, failed};

/// Which events, the newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventQuery {
    /// Of that operator.
    pub operator: Option<Name>,
    /// Whether those of the server itself are among them.
    pub server: bool,
    /// Of that site.
    pub site: Option<Name>,
    /// Of that device, by its name at its site.
    pub device: Option<Name>,
    /// Of those [kinds](EventKind::KINDS); of all where there is none.
    pub kinds: Vec<String>,
    /// From then on.
    pub from: Option<Timestamp>,
    /// Before then.
    pub to: Option<Timestamp>,
    /// After the event of that number.
    pub since: Option<i64>,
    /// Before the event of that number.
    pub before: Option<i64>,
    /// So many at most; 100 unless told.
    pub limit: usize,
}

impl Default for EventQuery {
    fn default() -> Self {
        let (operator, site, device, kinds) = (None, None, None, Vec::new());
        let (from, to, since, before) = (None, None, None, None);
        Self { operator, server: true, site, device, kinds, from, to, since, before, limit: 100 }
    }
}

/// An event of the history.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct StoredEvent {
    /// Its number: that of a later one is higher.
    pub id: i64,
    /// The operator that it belongs to; none for what is about the server itself.
    pub operator: Option<Name>,
    /// The site that it belongs to.
    pub site: Option<Name>,
    /// When, by the server's clock.
    #[serde(rename = "time_us")]
    pub time: Timestamp,
    /// What.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// The history of the site in that folder, beside a running server or without one; of records at a `postgres://` address where one is
/// given. Empty where no server has kept any yet.
///
/// # Errors
/// As [`ServerHandle::event_history`](crate::ServerHandle::event_history).
pub async fn read_events(site: &Path, records: Option<&str>, query: &EventQuery) -> Result<Vec<StoredEvent>> {
    if records.is_none() && !site.join("records.sqlite").exists() {
        return Ok(Vec::new());
    }
    let records = Records::open(site, records).await?;
    let events = read(&records, query).await;
    records.close().await;
    events
}

/// A statement with what is bound to it.
struct Statement {
    text: String,
    bound: Vec<Bound>,
}

enum Bound {
    Text(String),
    Number(i64),
}

impl Statement {
    fn of(query: &EventQuery) -> Self {
        let mut statement =
            Self { text: "SELECT id, operator, site, time_us, body FROM events WHERE 1 = 1".into(), bound: Vec::new() };
        if let Some(operator) = &query.operator {
            let own = statement.bind(Bound::Text(operator.to_string()));
            statement.text += &if query.server {
                format!(" AND (operator = {own} OR operator = '')")
            } else {
                format!(" AND operator = {own}")
            };
        } else if !query.server {
            statement.text += " AND operator <> ''";
        }
        for (column, name) in [("site", &query.site), ("device", &query.device)] {
            if let Some(name) = name {
                statement.and(column, "=", Bound::Text(name.to_string()));
            }
        }
        if !query.kinds.is_empty() {
            let kinds = query.kinds.iter().map(|kind| statement.bind(Bound::Text(kind.clone()))).collect::<Vec<_>>();
            statement.text += &format!(" AND kind IN ({})", kinds.join(", "));
        }
        let times = [("time_us", ">=", query.from), ("time_us", "<", query.to)];
        let times = times.map(|(column, than, time)| (column, than, time.map(Timestamp::as_micros)));
        for (column, than, number) in times.into_iter().chain([("id", ">", query.since), ("id", "<", query.before)]) {
            if let Some(number) = number {
                statement.and(column, than, Bound::Number(number));
            }
        }
        let limit = statement.bind(Bound::Number(i64::try_from(query.limit).unwrap_or(i64::MAX)));
        statement.text += &format!(" ORDER BY id DESC LIMIT {limit}");
        statement
    }

    fn and(&mut self, column: &str, than: &str, bound: Bound) {
        let place = self.bind(bound);
        self.text += &format!(" AND {column} {than} {place}");
    }

    fn bind(&mut self, bound: Bound) -> String {
        self.bound.push(bound);
        format!("${}", self.bound.len())
    }
}

pub(super) async fn read(records: &Records, query: &EventQuery) -> Result<Vec<StoredEvent>> {
    if let Some(kind) = query.kinds.iter().find(|kind| !EventKind::KINDS.contains(&kind.as_str())) {
        return Err(Error::invalid(format!("kind is {kind:?}, expected one of {}", EventKind::KINDS.join(", "))));
    }
    let Statement { text, bound } = Statement::of(query);
    let mut select = sqlx::query(&text);
    for bound in bound {
        select = match bound {
            Bound::Text(text) => select.bind(text),
            Bound::Number(number) => select.bind(number),
        };
    }
    let rows = select.fetch_all(records.pool()).await.map_err(failed)?;
    rows.iter().map(event).collect()
}

fn event(row: &sqlx::any::AnyRow) -> Result<StoredEvent> {
    let text = |place: usize| row.try_get::<String, _>(place).map_err(failed);
    let number = |place: usize| row.try_get::<i64, _>(place).map_err(failed);
    let name = |text: String| Name::new(&text).ok();
    let kind = serde_json::from_str(&text(4)?)
        .map_err(|e| Error::new(ErrorKind::Damaged, format!("an event of the history cannot be read: {e}")))?;
    let time = Timestamp::from_micros(number(3)?);
    Ok(StoredEvent { id: number(0)?, operator: name(text(1)?), site: name(text(2)?), time, kind })
}
