//! Receiving: tasks that fetch from the server into the queues of subscriptions.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull};
use async_nats::jetstream::message::Acker;
use futures::StreamExt;
use tokio::task::JoinHandle;

use super::super::delivery::{Queue, Subscription};
use super::super::message::{Message, MessageId};
use super::super::queue::{Entry, RecorderQueue, ViewerQueue};
use super::super::subject_pattern::SubjectPattern;
use super::publish::OWN_ID;
use super::settle::Held;
use super::{Link, NatsOptions, Shared};
use crate::error::{Error, ErrorKind, Result};
use crate::model::Name;

/// Most messages asked for at once.
const FETCH_MAX: usize = 500;
/// The server says at least this often that it is there.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How long a request for messages stands before it is renewed.
const STANDING: Duration = Duration::from_secs(30);
/// Between attempts to take up a consumer again.
const PAUSE: Duration = Duration::from_millis(200);
/// A message that came so often, counting deliveries to processes that ended, is set aside unseen.
const ARRIVALS_MAX: u32 = 10;

/// Stops its task when it is dropped.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A message as it came, with its place in the stream and in the consumer.
struct Arrival {
    message: Option<Message>,
    acker: Acker,
    in_stream: u64,
    in_consumer: u64,
    tries: u32,
}

impl Arrival {
    fn read(message: async_nats::jetstream::Message) -> Option<Self> {
        let info = message.info().ok()?;
        let (in_stream, in_consumer) = (info.stream_sequence, info.consumer_sequence);
        let tries = u32::try_from(info.delivered).unwrap_or(u32::MAX);
        let (message, acker) = message.split();
        let id = message.headers.as_ref().and_then(|headers| headers.get(async_nats::header::NATS_MESSAGE_ID));
        let id = id.map(|id| id.as_str()).filter(|id| !id.starts_with(OWN_ID)).and_then(|id| MessageId::new(id).ok());
        let subject = message.subject.as_str().parse().ok();
        let message = subject.map(|subject| Message { subject, payload: message.payload, id });
        Some(Self { message, acker, in_stream, in_consumer, tries })
    }
}

/// What a task fetches, and from where.
struct Source {
    link: Link,
    stream: String,
    consumer: pull::Config,
    fetch: usize,
}

impl Source {
    fn new(bus: &Shared, pattern: &SubjectPattern, capacity: usize) -> Self {
        let NatsOptions { stream, dead_stream, .. } = &bus.options;
        let stream = if pattern.is_dead() { dead_stream } else { stream };
        let consumer = pull::Config { filter_subject: pattern.as_str().to_owned(), ..pull::Config::default() };
        Self { link: bus.link.clone(), stream: stream.clone(), consumer, fetch: capacity.min(FETCH_MAX) }
    }

    /// Makes sure of the consumer on the server.
    async fn consumer(&self) -> Result<PullConsumer> {
        let create = self.link.jetstream.create_consumer_on_stream(self.consumer.clone(), self.stream.as_str());
        create.await.map_err(|e| self.link.failed(&format!("consumer on {}", self.stream), e))
    }

    async fn messages(&self, consumer: &PullConsumer) -> Result<pull::Stream> {
        let request = consumer.stream().max_messages_per_batch(self.fetch).heartbeat(HEARTBEAT).expires(STANDING);
        request.messages().await.map_err(|e| self.link.failed("fetch", e))
    }

    /// Hands arrivals to `take` until it says `false`, the stream of messages fails, or there is a new connection.
    async fn drain(&self, mut messages: pull::Stream, mut take: impl FnMut(Arrival) -> bool) {
        let mut connected = self.link.connected.clone();
        connected.mark_unchanged();
        loop {
            tokio::select! {
                biased;
                next = messages.next() => match next {
                    Some(Ok(message)) => if let Some(arrival) = Arrival::read(message) && !take(arrival) { return },
                    Some(Err(e)) => {
                        tracing::debug!(stream = self.stream, error = %e, "fetching starts anew");
                        return;
                    }
                    None => return,
                },
                _ = connected.changed() => return,
            }
        }
    }
}

pub(super) async fn view(bus: &Arc<Shared>, pattern: SubjectPattern, capacity: usize) -> Result<Subscription> {
    let mut view =
        View { source: Source::new(bus, &pattern, FETCH_MAX), last: 0, queue: Arc::new(ViewerQueue::new(capacity)) };
    view.last = view.end_of_stream().await?;
    let consumer = view.take_up().await?;
    let queue = Arc::clone(&view.queue);
    let mut closed = bus.closed.subscribe();
    let task = Task(tokio::spawn(async move {
        let queue = Arc::clone(&view.queue);
        tokio::select! {
            biased;
            _ = closed.wait_for(|closed| *closed) => {}
            () = view.run(consumer) => {}
        }
        queue.end();
    }));
    Ok(Subscription::new(Queue::Viewer(queue), task))
}

/// A viewer of what no stream holds: what is published while it is connected.
pub(super) async fn watch(bus: &Arc<Shared>, pattern: SubjectPattern, capacity: usize) -> Result<Subscription> {
    let client = bus.link.jetstream.client();
    let subscribed = client.subscribe(pattern.as_str().to_owned()).await;
    let mut messages = subscribed.map_err(|e| bus.link.failed("subscribe", e))?;
    // The server knows of it before anybody is told that it does.
    client.flush().await.map_err(|e| bus.link.failed("subscribe", e))?;
    let queue = Arc::new(ViewerQueue::new(capacity));
    let (fed, mut closed) = (Arc::clone(&queue), bus.closed.subscribe());
    let task = Task(tokio::spawn(async move {
        loop {
            tokio::select! {
                biased;
                _ = closed.wait_for(|closed| *closed) => break,
                message = messages.next() => {
                    let Some(message) = message else { break };
                    if let Ok(subject) = message.subject.as_str().parse() {
                        fed.push(Message { subject, payload: message.payload, id: None });
                    }
                }
            }
        }
        fed.end();
    }));
    Ok(Subscription::new(Queue::Viewer(queue), task))
}

/// A viewer: an ephemeral consumer without acknowledgements, which begins again after the last message seen.
struct View {
    source: Source,
    last: u64,
    queue: Arc<ViewerQueue>,
}

impl View {
    async fn end_of_stream(&self) -> Result<u64> {
        let Source { link, stream, .. } = &self.source;
        let stream = link.jetstream.get_stream(stream).await.map_err(|e| link.failed(&format!("stream {stream}"), e))?;
        Ok(stream.cached_info().state.last_sequence)
    }

    async fn take_up(&mut self) -> Result<PullConsumer> {
        // A stream that ends before what was seen is a new one.
        let end = self.end_of_stream().await?;
        let start_sequence = if end < self.last { 1 } else { self.last + 1 };
        self.source.consumer = pull::Config {
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence },
            ack_policy: AckPolicy::None,
            inactive_threshold: STANDING * 2,
            memory_storage: true,
            num_replicas: 1,
            ..self.source.consumer.clone()
        };
        self.source.consumer().await
    }

    async fn run(mut self, first: PullConsumer) {
        let mut consumer = Some(first);
        loop {
            let taken_up = match consumer.take() {
                Some(consumer) => Ok(consumer),
                None => self.take_up().await,
            };
            if let Ok(consumer) = taken_up
                && let Ok(messages) = self.source.messages(&consumer).await
            {
                self.fill(messages).await;
            }
            if self.queue.is_cut_off() {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn fill(&mut self, messages: pull::Stream) {
        let (mut expected, last, queue) = (1, &mut self.last, &self.queue);
        let take = |arrival: Arrival| {
            if arrival.in_consumer != expected {
                return false;
            }
            expected += 1;
            *last = arrival.in_stream;
            if let Some(message) = arrival.message {
                queue.push(message);
            }
            !queue.is_cut_off()
        };
        self.source.drain(messages, take).await;
    }
}

pub(super) async fn record(
    bus: &Arc<Shared>,
    pattern: SubjectPattern,
    name: Name,
    capacity: usize,
) -> Result<Subscription> {
    let claim = bus.claim(&name)?;
    let mut source = Source::new(bus, &pattern, capacity);
    check_filter(&source, &name, &pattern).await?;
    source.consumer = pull::Config {
        durable_name: Some(name.to_string()),
        deliver_policy: DeliverPolicy::All,
        ack_policy: AckPolicy::Explicit,
        ack_wait: bus.options.ack_wait,
        // The tries are counted here: at its own limit the server would only fall silent about the message.
        max_deliver: -1,
        max_ack_pending: i64::try_from(capacity).unwrap_or(i64::MAX),
        ..source.consumer
    };
    let consumer = source.consumer().await?;
    let held = Held::new(bus.link.clone(), name, bus.options.redelivery_delay);
    let queue = Arc::new(RecorderQueue::new(held.clone()));
    let mut closed = bus.closed.subscribe();
    let filled = Arc::clone(&queue);
    let task = Task(tokio::spawn(async move {
        tokio::select! {
            biased;
            _ = closed.wait_for(|closed| *closed) => {}
            () = fill(&source, consumer, &held, &filled) => {}
        }
        filled.end();
    }));
    Ok(Subscription::new(Queue::Recorder(queue), (task, claim)))
}

/// A durable consumer of that name with another pattern belongs to someone else.
async fn check_filter(source: &Source, name: &Name, pattern: &SubjectPattern) -> Result<()> {
    let Source { link, stream, .. } = source;
    let known: Result<PullConsumer, _> = link.jetstream.get_consumer_from_stream(name.as_str(), stream.as_str()).await;
    let Ok(known) = known else { return Ok(()) };
    let filter = &known.cached_info().config.filter_subject;
    if filter == pattern.as_str() {
        return Ok(());
    }
    let text = format!("recorder {name} at NATS {} records {filter}, not {pattern}", link.url);
    Err(Error::new(ErrorKind::Conflict, text))
}

async fn fill(source: &Source, first: PullConsumer, held: &Held, queue: &RecorderQueue) {
    let mut consumer = Some(first);
    loop {
        let taken_up = match consumer.take() {
            Some(consumer) => Ok(consumer),
            None => source.consumer().await,
        };
        if let Ok(consumer) = taken_up
            && let Ok(messages) = source.messages(&consumer).await
        {
            source.drain(messages, |arrival| take(arrival, held, queue)).await;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn take(arrival: Arrival, held: &Held, queue: &RecorderQueue) -> bool {
    let Arrival { message, acker, in_stream: key, tries, .. } = arrival;
    let Some(message) = message else {
        tracing::warn!(sequence = key, "message with a subject that is none of ours is passed over");
        held.refuse(acker);
        return true;
    };
    if held.hold(key, acker) {
        if tries > ARRIVALS_MAX {
            held.set_aside(key, message);
        } else {
            queue.push(Entry { key, message, tries });
        }
    }
    true
}
