//! Writes events down as they come.

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::ration::Ration;
use crate::error::Result;
use crate::model::{Event, EventKind, Span, Timestamp};
use crate::records::{Records, failed};
use crate::router::Delivery;
use crate::runtime::commander::Source;
use crate::runtime::core::Core;
use crate::runtime::live::Events;

/// Events between the bus and the task. Full-policy: the oldest is dropped and counted.
const QUEUE: usize = 16_384;

/// Events that wait for records that take nothing. Full-policy: no more are taken from the queue, which drops its oldest.
const BATCH: usize = 2_048;

/// How long events gather before they are written together.
const GATHER: Duration = Duration::from_millis(250);

/// How long records that failed are left alone.
const RETRY: Duration = Duration::from_secs(2);

/// Events that are kept of each operator, and of the server itself. Full-policy: the oldest goes.
const KEPT: i64 = 100_000;

/// How long they are kept.
const KEPT_FOR: Span = Span::from_seconds(90 * 86_400);

/// How often what is too old or too much is removed.
const TIDY_EVERY: Duration = Duration::from_secs(60);

/// The longest that the end of the server waits for what is not written yet.
const END_WITHIN: Duration = Duration::from_secs(5);

/// Keeps the history of events, on a task of its own.
#[derive(Debug)]
pub(crate) struct EventKeeper(JoinHandle<()>);

/// An event on its way to the records: whose it is, which device, what.
struct Row {
    operator: String,
    site: String,
    device: String,
    event: Event,
}

impl EventKeeper {
    /// Begins to follow the bus: nothing that happens from now on is missed.
    ///
    /// # Errors
    /// As the bus and the records.
    pub(crate) async fn start(core: &Arc<Core>) -> Result<Self> {
        let delivery = Delivery::Viewer { capacity: QUEUE };
        let events = Events::new(core.bus.subscribe("mem.*.*.*.event".parse()?, delivery).await?);
        let records = core.records.clone();
        let last = sqlx::query_scalar::<_, i64>("SELECT COALESCE(MAX(id), 0) FROM events").fetch_one(records.pool());
        let last = last.await.map_err(failed)?;
        let keeping =
            Keeping { core: Arc::downgrade(core), records, last, ration: Ration::default(), touched: BTreeSet::new() };
        Ok(Self(tokio::spawn(keeping.run(events))))
    }

    /// Once the bus is closed: what came is written down, or given up after a while.
    pub(crate) async fn end(mut self) {
        if tokio::time::timeout(END_WITHIN, &mut self.0).await.is_err() {
            tracing::warn!("the last events are not kept: the records do not answer");
            self.0.abort();
        }
    }
}

struct Keeping {
    core: Weak<Core>,
    records: Records,
    /// The number of the last event.
    last: i64,
    ration: Ration,
    /// Operators with new events since it was tidied up.
    touched: BTreeSet<String>,
}

impl Keeping {
    async fn run(mut self, mut events: Events) {
        let (mut said, mut tidied) = (0, tokio::time::Instant::now());
        let mut open = true;
        while open {
            let mut rows = Vec::new();
            let Some(first) = events.next().await else { break };
            rows.extend(self.row(first));
            let gathered = tokio::time::Instant::now() + GATHER;
            while rows.len() < BATCH {
                match tokio::time::timeout_at(gathered, events.next()).await {
                    Ok(Some(event)) => rows.extend(self.row(event)),
                    Ok(None) => {
                        open = false;
                        break;
                    }
                    Err(_) => break,
                }
            }
            self.write_all(&rows).await;
            let lost = events.lost();
            let missed = lost - said + self.ration.take_left_out();
            said = lost;
            if missed > 0 {
                tracing::warn!(missed, "events are not kept: more came than there is room for");
            }
            if tidied.elapsed() >= TIDY_EVERY {
                tidied = tokio::time::Instant::now();
                if let Err(error) = self.tidy().await {
                    tracing::warn!(%error, "old events are not removed");
                }
            }
        }
    }

    /// What is kept of an event.
    fn row(&mut self, event: Event) -> Option<Row> {
        let core = self.core.upgrade();
        let by_user =
            |id| core.as_ref().and_then(|core| core.listed(id)).is_none_or(|l| l.asked.origin.source == Source::User);
        let kept = match &event.kind {
            EventKind::Command { id, .. } => by_user(id),
            EventKind::Refreshed { .. } => false,
            kind => self.ration.admits(event.time, kind),
        };
        if !kept {
            return None;
        }
        let controlled = || core.as_ref().and_then(|core| core.control.get()).map(|control| control.site());
        let (operator, site, device) = match (&event.kind, event.kind.device()) {
            (_, Some(device)) => (device.operator.to_string(), device.site.to_string(), device.device.to_string()),
            (EventKind::ControlStalled { .. } | EventKind::ControlRecovered, None) => {
                let (operator, site) = controlled().unwrap_or_default();
                (operator, site, String::new())
            }
            (_, None) => Default::default(),
        };
        Some(Row { operator, site, device, event })
    }

    /// Writes rows until they are written. Meanwhile the queue takes what comes.
    async fn write_all(&mut self, rows: &[Row]) {
        let mut failing = false;
        while let Err(error) = self.write(rows).await {
            // Where the server has ended, nobody waits for records that take nothing.
            if self.core.upgrade().is_none_or(|core| core.closing.load(std::sync::atomic::Ordering::Acquire)) {
                tracing::warn!(%error, events = rows.len(), "the last events are not kept");
                return;
            }
            if !std::mem::replace(&mut failing, true) {
                tracing::error!(%error, "events cannot be kept now");
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    async fn write(&mut self, rows: &[Row]) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut step = self.records.pool().begin().await.map_err(failed)?;
        let mut id = self.last;
        for row in rows {
            id += 1;
            let body = serde_json::to_string(&row.event.kind).unwrap_or_default();
            let insert = sqlx::query(
                "INSERT INTO events (id, operator, site, device, kind, time_us, body) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            );
            let insert = insert.bind(id).bind(&row.operator).bind(&row.site).bind(&row.device).bind(row.event.kind.name());
            insert.bind(row.event.time.as_micros()).bind(body).execute(&mut *step).await.map_err(failed)?;
        }
        step.commit().await.map_err(failed)?;
        self.last = id;
        self.touched.extend(rows.iter().map(|row| row.operator.clone()));
        Ok(())
    }

    /// Removes what is too old, and what is too much.
    async fn tidy(&mut self) -> Result<()> {
        let Some(now) = self.core.upgrade().map(|core| core.clock.now()) else { return Ok(()) };
        let oldest: Timestamp = now.saturating_add(Span::from_micros(-KEPT_FOR.as_micros()));
        let old = sqlx::query("DELETE FROM events WHERE time_us < $1").bind(oldest.as_micros());
        old.execute(self.records.pool()).await.map_err(failed)?;
        for operator in std::mem::take(&mut self.touched) {
            let beyond = sqlx::query(
                "DELETE FROM events WHERE operator = $1 AND id <= COALESCE(\
                 (SELECT id FROM events WHERE operator = $1 ORDER BY id DESC LIMIT 1 OFFSET $2), 0)",
            );
            beyond.bind(operator).bind(KEPT).execute(self.records.pool()).await.map_err(failed)?;
        }
        Ok(())
    }
}
