//! Readings, events and alarms of a running server. Nothing is lost to a cancelled wait: the wait only fills the queue from which
//! Python takes without waiting.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use memcore::alarms::AlarmChange;
use memcore::model::{Event, Reading};
use memcore::{AlarmUpdates, ControlEvent, ControlEvents, Events, Readings};
use pyo3::prelude::*;
use tokio::sync::watch;

use crate::errors::{json, raised};
use crate::owned::Owned;
use crate::runtime::{awaitable, wait};

/// Where items come from.
pub(crate) enum Source {
    Readings(Readings),
    Events(Events),
    Control(ControlEvents),
    Alarms(AlarmUpdates),
}

enum Item {
    Reading(Reading),
    Event(Event),
    Control(ControlEvent),
    Alarm(AlarmChange),
}

impl Source {
    async fn next(&mut self) -> Option<Item> {
        match self {
            Self::Readings(readings) => readings.next().await.map(Item::Reading),
            Self::Events(events) => events.next().await.map(Item::Event),
            Self::Control(events) => events.next().await.map(Item::Control),
            Self::Alarms(changes) => changes.next().await.map(Item::Alarm),
        }
    }

    fn lost(&self) -> u64 {
        match self {
            Self::Readings(readings) => readings.lost(),
            Self::Events(events) => events.lost(),
            Self::Control(events) => events.lost(),
            Self::Alarms(changes) => changes.lost(),
        }
    }
}

struct Shared {
    /// Held by the one who waits.
    source: tokio::sync::Mutex<Option<Source>>,
    /// What was received and not taken. At most one item for each wait; the subscription behind the source has the bound.
    waiting: Mutex<VecDeque<Item>>,
    /// As of the last look: while somebody waits the subscription is empty, so nothing is lost meanwhile.
    lost: AtomicU64,
    closed: watch::Sender<bool>,
}

impl Shared {
    fn waiting(&self) -> std::sync::MutexGuard<'_, VecDeque<Item>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until something can be taken; `false` once nothing more will come.
    async fn ready(&self) -> bool {
        let mut closed = self.closed.subscribe();
        let mut source = tokio::select! {
            biased;
            _ = closed.wait_for(|closed| *closed) => return false,
            source = self.source.lock() => source,
        };
        if !self.waiting().is_empty() {
            return true;
        }
        let Some(open) = source.as_mut() else { return false };
        let next = tokio::select! {
            biased;
            _ = closed.wait_for(|closed| *closed) => None,
            next = open.next() => next,
        };
        self.lost.store(open.lost(), Ordering::Relaxed);
        let found = next.is_some();
        self.waiting().extend(next);
        if !found {
            *source = None;
        }
        found
    }

    /// What is there already, up to a limit.
    fn take(&self, limit: usize) -> Vec<Item> {
        let mut taken: Vec<Item> = {
            let mut waiting = self.waiting();
            let there = waiting.len().min(limit);
            waiting.drain(..there).collect()
        };
        let Ok(mut source) = self.source.try_lock() else { return taken };
        if let Some(open) = source.as_mut() {
            while taken.len() < limit {
                let Some(Some(item)) = open.next().now_or_never() else { break };
                taken.push(item);
            }
            self.lost.store(open.lost(), Ordering::Relaxed);
        }
        taken
    }
}

/// A subscription.
#[pyclass(frozen, module = "memcore._memcore")]
pub(crate) struct Feed(Owned<Arc<Shared>>);

impl Feed {
    pub(crate) fn new(source: Source) -> Self {
        Self(Owned::new(
            "subscription",
            Arc::new(Shared {
                source: tokio::sync::Mutex::new(Some(source)),
                waiting: Mutex::default(),
                lost: AtomicU64::new(0),
                closed: watch::channel(false).0,
            }),
        ))
    }

    fn shared(&self) -> PyResult<Arc<Shared>> {
        self.0.with(Arc::clone)
    }
}

#[pymethods]
impl Feed {
    /// An awaitable: whether something can be taken; `False` is the end.
    fn wait_ready<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let shared = self.shared()?;
        awaitable(py, async move { Ok(shared.ready().await) })
    }

    /// The same for those who have no event loop. None where the time was over before it was known.
    fn wait_ready_sync(&self, py: Python<'_>, timeout_us: Option<u64>) -> PyResult<Option<bool>> {
        let shared = self.shared()?;
        let Some(micros) = timeout_us else { return wait(py, async { Ok(Some(shared.ready().await)) }) };
        wait(py, async { Ok(tokio::time::timeout(Duration::from_micros(micros), shared.ready()).await.ok()) })
    }

    /// Without waiting: readings as `(series, microseconds, value)`.
    fn take_readings(&self, py: Python<'_>, limit: usize) -> PyResult<Vec<(String, i64, f64)>> {
        let shared = self.shared()?;
        let taken = py.detach(|| shared.take(limit));
        let readings = taken.into_iter().filter_map(|item| match item {
            Item::Reading(Reading { device, channel, sample }) => {
                Some((device.channel(channel).to_string(), sample.time.as_micros(), sample.value))
            }
            Item::Event(_) | Item::Control(_) | Item::Alarm(_) => None,
        });
        Ok(readings.collect())
    }

    /// Without waiting: events and changes of alarms as JSON.
    fn take_events(&self, py: Python<'_>, limit: usize) -> PyResult<Vec<String>> {
        let shared = self.shared()?;
        let taken = py.detach(|| shared.take(limit));
        let events = taken.into_iter().filter_map(|item| match item {
            Item::Event(event) => Some(json(&event)),
            Item::Control(event) => Some(json(&event)),
            Item::Alarm(change) => Some(json(&change)),
            Item::Reading(_) => None,
        });
        events.collect()
    }

    /// How many batches were dropped because they were not taken in time.
    fn lost(&self, py: Python<'_>) -> PyResult<u64> {
        let shared = self.shared()?;
        Ok(py.detach(|| match shared.source.try_lock().ok().as_deref() {
            Some(Some(open)) => open.lost(),
            _ => shared.lost.load(Ordering::Relaxed),
        }))
    }

    /// Ends it, and every wait on it.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let shared = self.shared()?;
        shared.closed.send_replace(true);
        wait(py, async {
            *shared.source.lock().await = None;
            Ok(())
        })
    }
}

/// For those that open one.
pub(crate) fn opened(source: memcore::Result<Source>) -> PyResult<Feed> {
    source.map(Feed::new).map_err(raised)
}
