//! Live views: readings and events, taken in batches.
//!
//! `take` gives what is there, or waits for the first. Node asks for it only while somebody waits, so that what is not
//! taken stays in the core's bounded queue; what is dropped there is counted. Closing settles a `take` that waits.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::FutureExt;
use memcore::model::{ChannelName, DeviceName, Event, Reading};
use memcore::{Events, Readings};
use napi::bindgen_prelude::{BigInt64Array, Float64Array, Uint32Array, within_runtime_if_available};
use napi_derive::napi;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;

use crate::error::{Result, ToNode};

/// Readings that cross to Node at a time.
const BATCH: usize = 4096;

/// What can be followed.
pub(crate) trait Source: Send + 'static {
    type Item: Send;
    fn next(&mut self) -> impl Future<Output = Option<Self::Item>> + Send;
    /// The next one, where it is there already.
    fn try_next(&mut self) -> Option<Self::Item>;
    fn lost(&self) -> u64;
}

impl Source for Readings {
    type Item = Reading;
    fn next(&mut self) -> impl Future<Output = Option<Reading>> + Send {
        Readings::next(self)
    }
    fn try_next(&mut self) -> Option<Reading> {
        Readings::try_next(self)
    }
    fn lost(&self) -> u64 {
        Readings::lost(self)
    }
}

impl Source for Events {
    type Item = Event;
    fn next(&mut self) -> impl Future<Output = Option<Event>> + Send {
        Events::next(self)
    }
    fn try_next(&mut self) -> Option<Event> {
        Events::next(self).now_or_never().flatten()
    }
    fn lost(&self) -> u64 {
        Events::lost(self)
    }
}

enum Stage<S> {
    /// A bus across the network has to be asked first.
    Starting(JoinHandle<memcore::Result<S>>),
    Running(S),
    Ended,
}

/// A source with its end.
pub(crate) struct Feed<S> {
    stage: Arc<Mutex<Stage<S>>>,
    lost: Arc<AtomicU64>,
    closed: watch::Sender<bool>,
}

impl<S: Source> Feed<S> {
    /// Follows from now on: the embedded bus answers at once, so nothing that is published after this is missed.
    pub(crate) fn start(subscribing: impl Future<Output = memcore::Result<S>> + Send + 'static) -> Result<Self> {
        let mut subscribing = Box::pin(subscribing);
        let stage = within_runtime_if_available(|| match subscribing.as_mut().now_or_never() {
            Some(source) => source.map(Stage::Running),
            None => Ok(Stage::Starting(tokio::spawn(subscribing))),
        });
        let stage = stage.to_node()?;
        Ok(Self { stage: Arc::new(Mutex::new(stage)), lost: Arc::default(), closed: watch::Sender::new(false) })
    }

    /// What is there, or the first that comes; nothing once the source has ended or was closed.
    pub(crate) fn take(&self) -> impl Future<Output = Result<Vec<S::Item>>> + Send + use<S> {
        let (stage, lost, mut closed) = (self.stage.clone(), self.lost.clone(), self.closed.subscribe());
        async move {
            let taking = async {
                let mut stage = stage.lock().await;
                let batch = stage.take().await?;
                if let Stage::Running(source) = &*stage {
                    lost.store(source.lost(), Ordering::Relaxed);
                }
                Ok(batch)
            };
            tokio::select! {
                biased;
                _ = closed.wait_for(|closed| *closed) => Ok(Vec::new()),
                batch = taking => batch,
            }
        }
    }

    /// How much was dropped because it was not taken in time, as of the last take.
    pub(crate) fn lost(&self) -> u64 {
        if let Ok(stage) = self.stage.try_lock()
            && let Stage::Running(source) = &*stage
        {
            self.lost.store(source.lost(), Ordering::Relaxed);
        }
        self.lost.load(Ordering::Relaxed)
    }

    /// Settles a take that waits, and unsubscribes.
    pub(crate) fn close(&self) {
        self.closed.send_replace(true);
        let stage = self.stage.clone();
        napi::bindgen_prelude::spawn(async move { *stage.lock().await = Stage::Ended });
    }
}

impl<S: Source> Stage<S> {
    async fn take(&mut self) -> Result<Vec<S::Item>> {
        if let Self::Starting(subscribing) = self {
            let subscribed = subscribing.await;
            *self = match subscribed {
                Ok(source) => Self::Running(source.to_node()?),
                Err(_) => Self::Ended,
            };
        }
        let Self::Running(source) = self else { return Ok(Vec::new()) };
        let Some(first) = source.next().await else {
            *self = Self::Ended;
            return Ok(Vec::new());
        };
        let mut batch = vec![first];
        while batch.len() < BATCH {
            let Some(item) = source.try_next() else { break };
            batch.push(item);
        }
        Ok(batch)
    }
}

/// Readings, column by column.
#[napi(object)]
pub struct ReadingBatch {
    /// The series that occur.
    pub names: Vec<String>,
    /// Which of them each reading is of.
    pub which: Uint32Array,
    /// Microseconds.
    pub times: BigInt64Array,
    /// In the base unit of the quantity and in passive sign.
    pub values: Float64Array,
}

impl ReadingBatch {
    fn new(readings: &[Reading]) -> Self {
        let mut places: HashMap<(&DeviceName, &ChannelName), u32> = HashMap::new();
        let mut names = Vec::new();
        let mut which = Vec::with_capacity(readings.len());
        for reading in readings {
            let place = places.entry((&reading.device, &reading.channel)).or_insert_with(|| {
                names.push(reading.device.channel(reading.channel.clone()).to_string());
                names.len() as u32 - 1
            });
            which.push(*place);
        }
        Self {
            names,
            which: Uint32Array::new(which),
            times: BigInt64Array::new(readings.iter().map(|reading| reading.sample.time.as_micros()).collect()),
            values: Float64Array::new(readings.iter().map(|reading| reading.sample.value).collect()),
        }
    }
}

/// Readings as they arrive.
#[napi]
pub struct NativeReadings(pub(crate) Feed<Readings>);

#[napi]
impl NativeReadings {
    /// What is there, or the first that comes; nothing once there will be none.
    #[napi]
    pub async fn take(&self) -> Result<ReadingBatch> {
        self.0.take().await.map(|readings| ReadingBatch::new(&readings))
    }

    /// How many batches were dropped because they were not taken in time.
    #[napi(getter, catch_unwind)]
    pub fn lost(&self) -> i64 {
        self.0.lost() as i64
    }

    /// Ends it. Doing it again does nothing.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.0.close();
    }
}

/// Events as they happen, each as its JSON.
#[napi]
pub struct NativeEvents(pub(crate) Feed<Events>);

#[napi]
impl NativeEvents {
    /// What is there, or the first that comes; nothing once there will be none.
    #[napi]
    pub async fn take(&self) -> Result<Vec<String>> {
        let events = self.0.take().await?;
        events.iter().map(|event| Ok(serde_json::to_string(event)?)).collect()
    }

    /// How many events were dropped because they were not taken in time.
    #[napi(getter, catch_unwind)]
    pub fn lost(&self) -> i64 {
        self.0.lost() as i64
    }

    /// Ends it. Doing it again does nothing.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.0.close();
    }
}
