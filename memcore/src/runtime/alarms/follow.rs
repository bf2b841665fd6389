//! Follows what devices say, the devices themselves, the store and control; one task, for as long as the server runs.
//!
//! Whether a device is connected, the store takes data and control decides is looked at, not listened for: what is missed once is seen
//! at the next look. Readings come from the bus, as to a viewer, and only while some rule watches series.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use super::balance;
use super::face::{Alarms, Inner};
use super::kept;
use crate::alarms::{Alarm, Bundle, Moment, SeriesFacts};
use crate::error::Result;
use crate::model::{Channel, DeviceName, Name, Pattern, Span};
use crate::router::{Delivery, Subscription};
use crate::runtime::core::Core;
use crate::runtime::payload::PayloadDecoder;

/// Batches that wait for alarms. Full-policy: the oldest is dropped, and its readings raise nothing; devices never wait.
const QUEUE: usize = 4096;
/// Messages that are sent at a time. Full-policy: the next one waits.
const SENDERS: usize = 16;
const TICK: Duration = Duration::from_millis(250);
/// How often devices are looked at, and the catalogue of series.
const DEVICES_EVERY: Span = Span::from_seconds(2);
const SERIES_EVERY: Span = Span::from_seconds(20);
const BALANCE_EVERY: Span = Span::from_seconds(60);
const FORGET_EVERY: Span = Span::from_seconds(3600);
/// After the records refused to keep alarms, until they are asked again.
const SAVE_AGAIN: Span = Span::from_seconds(5);

/// The task that watches for alarms.
#[derive(Debug)]
pub(crate) struct Watching {
    alarms: Alarms,
    task: JoinHandle<()>,
}

impl Watching {
    pub(super) fn start(alarms: Alarms, core: &Arc<Core>, keep: Span) -> Self {
        let follower = Follower {
            inner: alarms.inner.clone(),
            core: core.clone(),
            keep,
            feed: Feed::default(),
            heard: HashSet::new(),
            senders: Arc::new(Semaphore::new(SENDERS)),
            last: BTreeMap::new(),
            started: false,
        };
        Self { alarms, task: tokio::spawn(follower.run()) }
    }

    /// Ends it; what became of alarms so far is kept.
    pub(crate) async fn close(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
        save(&self.alarms.inner).await;
        self.alarms.inner.desk().close();
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Readings from the bus, while somebody wants them.
#[derive(Debug, Default)]
struct Feed {
    data: Option<(Subscription, Subscription)>,
    decoder: PayloadDecoder,
}

impl Feed {
    /// The next batch; never where there is no subscription.
    async fn next(&mut self) -> Option<Bytes> {
        let Some((data, shown)) = &mut self.data else { return std::future::pending().await };
        let delivered = tokio::select! {
            delivered = data.next() => delivered,
            delivered = shown.next() => delivered,
        };
        delivered.map(|delivered| delivered.message.payload.clone())
    }
}

struct Follower {
    inner: Arc<Inner>,
    core: Arc<Core>,
    keep: Span,
    feed: Feed,
    /// Devices that were connected, or have history.
    heard: HashSet<DeviceName>,
    senders: Arc<Semaphore>,
    /// When each of the slower looks was had.
    last: BTreeMap<&'static str, Duration>,
    started: bool,
}

impl Follower {
    async fn run(mut self) {
        let mut interval = tokio::time::interval(TICK);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                payload = self.feed.next() => match payload {
                    Some(payload) => self.take(&payload),
                    None => self.feed.data = None,
                },
                () = self.inner.bell.notified() => self.follow_series().await,
                _ = interval.tick() => self.tick().await,
            }
        }
    }

    async fn tick(&mut self) {
        let now = self.inner.now();
        if self.is_due("devices", DEVICES_EVERY, now) {
            self.look_at_devices(now).await;
        }
        if self.is_due("series", SERIES_EVERY, now) {
            self.follow_series().await;
        }
        self.look_at_server(now);
        if self.is_due("balance", BALANCE_EVERY, now) {
            self.look_at_balances().await;
        }
        let due = {
            let mut desk = self.inner.desk();
            if !std::mem::replace(&mut self.started, true) {
                // All that is there is known by now.
                desk.watcher.forget_resumed(now);
            }
            desk.watcher.handle_timeout(now);
            desk.settle(now);
            desk.herald.due(now)
        };
        due.into_iter().for_each(|bundle| self.send(bundle));
        if self.inner.desk().is_unsaved() && self.is_due("save", Span::default(), now) && !save(&self.inner).await {
            self.last.insert("save", now.elapsed + SAVE_AGAIN.to_duration());
        }
        if self.is_due("forget", FORGET_EVERY, now) {
            let before = now.wall.saturating_add(Span::from_micros(self.keep.as_micros().saturating_neg()));
            if let Err(error) = kept::forget(&self.inner.records, before).await {
                tracing::debug!(%error, "old alarms are still kept");
            }
        }
    }

    /// Whether it is time for something; then its time begins anew.
    fn is_due(&mut self, what: &'static str, every: Span, now: Moment) -> bool {
        let due = self.last.get(what).is_none_or(|last| now.elapsed >= *last + every.to_duration());
        if due {
            self.last.insert(what, now.elapsed);
        }
        due
    }

    /// Readings that arrived together.
    fn take(&mut self, payload: &Bytes) {
        // What another version of memcore put on a shared bus is not for us.
        let Ok(batch) = self.feed.decoder.decode(payload) else { return };
        let now = self.inner.now();
        let mut desk = self.inner.desk();
        for (place, channel) in batch.channels().iter().enumerate() {
            let series = batch.device().channel(channel.clone());
            if !desk.watcher.knows(&series)
                && let Some(channel) = self.core.memcore.store().channel(&series)
            {
                desk.watcher.know_series(&series, facts(&channel), now);
            }
            if desk.watcher.watches(&series) {
                let column = batch.times().iter().zip(batch.column(place));
                desk.watcher.readings(&series, column.filter_map(|(time, value)| Some((*time, (*value)?))), now);
            }
        }
        desk.settle(now);
    }

    /// Listens to readings while some rule watches series, and makes known the series of devices that are enrolled.
    async fn follow_series(&mut self) {
        let wanted = self.inner.desk().watcher.rules().any(|rule| rule.series().is_some() && rule.settings().enabled);
        if !wanted {
            self.feed.data = None;
            return;
        }
        if self.feed.data.is_none()
            && let Err(error) = self.subscribe().await
        {
            tracing::warn!(%error, "alarms cannot follow readings");
        }
        let core = self.core.clone();
        let Ok(all) = tokio::task::spawn_blocking(move || core.memcore.series(Pattern::all())).await else { return };
        let now = self.inner.now();
        let mut desk = self.inner.desk();
        let enrolled: HashSet<DeviceName> = desk.watcher.devices().cloned().collect();
        for (series, channel) in all.iter().filter(|(series, _)| enrolled.contains(&series.device)) {
            desk.watcher.know_series(series, facts(channel), now);
        }
    }

    async fn subscribe(&mut self) -> Result<()> {
        let delivery = Delivery::Viewer { capacity: QUEUE };
        let data = self.core.bus.subscribe("mem.*.*.*.data".parse()?, delivery.clone()).await?;
        let shown = self.core.bus.subscribe("mem.*.*.*.live".parse()?, delivery).await?;
        self.feed.data = Some((data, shown));
        Ok(())
    }

    /// Who is connected, of those that were ever heard: what was enrolled and not yet installed is not missed.
    async fn look_at_devices(&mut self, now: Moment) {
        if self.heard.is_empty() {
            let core = self.core.clone();
            let known = tokio::task::spawn_blocking(move || core.memcore.series(Pattern::all())).await;
            self.heard.extend(known.into_iter().flatten().map(|(series, _)| series.device));
        }
        let mut there: BTreeMap<DeviceName, bool> = BTreeMap::new();
        let links = self.core.links.status();
        for (device, status) in &links {
            if status.connected || status.last_seen.is_some() {
                self.heard.insert(device.clone());
            }
        }
        for enrolled in self.core.registry.list() {
            if self.heard.contains(&enrolled.device) {
                let connected = links.get(&enrolled.device).is_some_and(|status| status.connected);
                there.insert(enrolled.device, connected);
            }
        }
        let mut operators: HashSet<Name> = there.keys().map(|device| device.operator.clone()).collect();
        operators.extend(super::face::default_operator().ok());
        operators.extend(self.core.control.get().map(|control| control.operator().clone()));
        for operator in operators {
            if let Err(error) = self.inner.welcome(&operator).await {
                tracing::warn!(%error, %operator, "the rules of an operator are not kept");
            }
        }
        let mut desk = self.inner.desk();
        let gone: Vec<DeviceName> = desk.watcher.devices().filter(|device| !there.contains_key(*device)).cloned().collect();
        gone.iter().for_each(|device| desk.watcher.forget_device(device, now));
        there.iter().for_each(|(device, connected)| desk.watcher.device(device, *connected, now));
        desk.settle(now);
    }

    fn look_at_server(&self, now: Moment) {
        let read_only = self.core.memcore.store().is_read_only();
        let control = self.core.control.get();
        let mut desk = self.inner.desk();
        desk.watcher.store(read_only, now);
        let stalled = control.filter(|control| control.is_stalled()).map(|control| control.operator());
        for operator in desk.operators.clone() {
            let why = "leases end, and devices go to what is safe";
            desk.watcher.control(&operator, (stalled == Some(&operator)).then(|| why.to_owned()), now);
        }
        desk.settle(now);
    }

    /// What no device explains, at the sites that rules watch.
    async fn look_at_balances(&self) {
        let rules: Vec<_> = self.inner.desk().watcher.rules().filter(|rule| rule.balance().is_some()).cloned().collect();
        for rule in rules.into_iter().filter(|rule| rule.settings().enabled) {
            let (core, asked, until) = (self.core.clone(), rule.clone(), self.inner.now().wall);
            let found = tokio::task::spawn_blocking(move || balance::residual(&core.memcore, &asked, until)).await;
            let now = self.inner.now();
            if let Ok(Some(mean_w)) = found {
                let mut desk = self.inner.desk();
                desk.watcher.residual(&rule, mean_w, now);
                desk.settle(now);
            }
        }
    }

    /// Sends a message beside all else; the herald has one under way for each notifier.
    fn send(&self, bundle: Bundle) {
        let (inner, senders) = (self.inner.clone(), self.senders.clone());
        tokio::spawn(async move {
            let Ok(_turn) = senders.acquire().await else { return };
            deliver(&inner, &bundle).await;
        });
    }
}

async fn deliver(inner: &Inner, bundle: &Bundle) {
    let (operator, notifier) = (&bundle.operator, &bundle.notifier);
    let kept = inner.desk().notifiers.get(&(operator.clone(), notifier.clone())).cloned();
    let Some(kept) = kept else { return };
    let delivery = delivery_of(bundle);
    let sent = inner.courier.send(&kept.settings, bundle, &delivery, inner.now().wall).await;
    let problem = sent.as_ref().err().map(|failure| failure.why.clone());
    {
        let now = inner.now();
        let mut desk = inner.desk();
        let told = match &sent {
            Ok(()) => desk.herald.sent(operator, notifier, now),
            Err(failure) => {
                tracing::warn!(%operator, %notifier, problem = failure.why, "a notifier could not tell");
                desk.herald.failed(operator, notifier, failure.never, now).unwrap_or_default()
            }
        };
        // Who has been told is kept, so that a restart tells nobody twice.
        let known: Vec<Alarm> = desk.watcher.alarms().filter(|alarm| told.contains(&alarm.id)).cloned().collect();
        let others = bundle.notes.iter().map(|note| note.alarm.clone()).filter(|alarm| told.contains(&alarm.id));
        for alarm in others.chain(known) {
            desk.unsaved.insert(alarm.id.clone(), alarm);
        }
    }
    inner.note_outcome(operator, notifier, problem).await;
}

/// The same for every try of one message: of its first alarm and what became of it.
fn delivery_of(bundle: &Bundle) -> String {
    let first = bundle.notes.first().map_or("none", |note| note.alarm.id.as_str());
    format!("{}-{first}", bundle.number)
}

/// Keeps what became of alarms; says whether it could.
async fn save(inner: &Inner) -> bool {
    let rows = inner.desk().begin_saving();
    if rows.is_empty() {
        return true;
    }
    match kept::keep_alarms(&inner.records, &rows).await {
        Ok(()) => {
            inner.desk().saved();
            true
        }
        Err(error) => {
            tracing::warn!(%error, alarms = rows.len(), "alarms are not kept yet");
            false
        }
    }
}

fn facts(channel: &Channel) -> SeriesFacts {
    SeriesFacts { quantity: channel.quantity, cadence: channel.cadence, max_age: channel.max_age }
}
