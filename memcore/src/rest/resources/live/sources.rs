//! Where news come from: the bus, control, alarms.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use serde_json::{Map, Value};
use tokio::task::unconstrained;
use tokio::time::Instant;

use super::entry::{News, Said};
use super::hub::Hub;
use crate::alarms::AlarmChange;
use crate::error::Result;
use crate::model::{DeviceName, Event, EventKind, Name};
use crate::rest::access::Topic;
use crate::runtime::{AlarmUpdates, Batches, ControlEvents, Events, ServerHandle};

/// News that arrive within this go out together: below what anybody sees, and listeners are woken fifty times a second at most.
const TOGETHER: Duration = Duration::from_millis(20);
/// News that are taken at once.
const AT_ONCE: usize = 4096;

/// All that is followed.
pub(super) struct Sources {
    batches: Batches,
    events: Events,
    control: Option<(ControlEvents, Name, Name)>,
    alarms: AlarmUpdates,
    /// Under which name the server speaks of itself.
    myself: DeviceName,
}

impl Sources {
    pub(super) async fn open(server: &ServerHandle) -> Result<Self> {
        let (batches, events) = (server.batches().await?, server.events().await?);
        let control = server.checked_model().and_then(|model| {
            let model = model.model();
            Some((server.control_events().ok()?, model.operator.clone(), model.site.clone()))
        });
        let alarms = server.alarms().subscribe_all();
        Ok(Self { batches, events, control, alarms, myself: server.myself() })
    }

    /// Hands everything on to the hub until the server ends.
    pub(super) async fn run(mut self, hub: Arc<Hub>) {
        let mut ended = hub.ended();
        let (mut next, mut lost) = (Instant::now(), 0);
        loop {
            let first = tokio::select! {
                first = self.next() => first,
                _ = ended.changed() => return,
            };
            let Some(first) = first else { break };
            tokio::time::sleep_until(next).await;
            let mut news = vec![first];
            // Within the budget of one turn only some would be taken: there is a bound of its own.
            while news.len() < AT_ONCE
                && let Some(Some(more)) = unconstrained(self.next()).now_or_never()
            {
                news.push(more);
            }
            let lost_by_now = self.batches.lost() + self.events.lost() + self.alarms.lost();
            hub.miss(lost_by_now - lost);
            lost = lost_by_now;
            hub.tell(news);
            next = Instant::now() + TOGETHER;
        }
        hub.end("shutdown");
    }

    async fn next(&mut self) -> Option<News> {
        loop {
            let news = tokio::select! {
                batch = self.batches.next() => Some(News::Readings(batch?)),
                event = self.events.next() => Some(said_event(&event?, &self.myself)),
                change = self.alarms.next() => said_alarm(&change?),
                event = control(&mut self.control) => event.as_ref().and_then(|event| self.said_control(event)),
            };
            if news.is_some() {
                return news;
            }
        }
    }

    fn said_control(&self, event: &crate::runtime::ControlEvent) -> Option<News> {
        let (_, operator, site) = self.control.as_ref()?;
        let data = serde_json::to_vec(event).ok()?;
        let (operator, site) = (operator.clone(), Some(site.clone()));
        Some(News::Said(Arc::new(Said { topic: Topic::Control, operator, site, series: None, data: data.into() })))
    }
}

fn said_alarm(change: &AlarmChange) -> Option<News> {
    let (operator, site) = (change.alarm.operator.clone(), change.alarm.site.clone());
    let data = serde_json::to_vec(change).ok()?.into();
    Some(News::Said(Arc::new(Said { topic: Topic::Alarms, operator, site, series: None, data })))
}

/// The next of control; never where there is none, or no more.
async fn control(from: &mut Option<(ControlEvents, Name, Name)>) -> Option<crate::runtime::ControlEvent> {
    if let Some((events, _, _)) = from
        && let Some(event) = events.next().await
    {
        return Some(event);
    }
    std::future::pending().await
}

/// An event of a device or of the server; what becomes of a command is a topic of its own.
fn said_event(event: &Event, myself: &DeviceName) -> News {
    let mut data = match serde_json::to_value(event) {
        Ok(Value::Object(data)) => data,
        _ => Map::new(),
    };
    data.remove("time");
    data.insert("time_us".into(), event.time.as_micros().into());
    let (topic, series) = match &event.kind {
        EventKind::Command { device, channel, .. } | EventKind::Refreshed { device, channel, .. } => {
            (Topic::Commands, Some(device.channel(channel.clone())))
        }
        _ => (Topic::Events, None),
    };
    if let Some(series) = &series {
        data.insert("series".into(), series.to_string().into());
    }
    let (operator, site) = match event.kind.device() {
        Some(device) => (device.operator.clone(), Some(device.site.clone())),
        // What is about the server itself.
        None => (myself.operator.clone(), None),
    };
    let data = Value::Object(data).to_string().into();
    News::Said(Arc::new(Said { topic, operator, site, series, data }))
}
