//! A HEM endpoint on behalf of one of a server's devices: apps read its latest values and command its nodes.
//!
//! Only what is fresh is said: a value older than its channel's max-age (without one: five times its cadence, 10 s at least) is
//! none. Where a device has nothing fresh to say to a question, the endpoint is silent, as a board without power is, and
//! that is what such apps can bear; where some nodes have, the others read 0.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::adapters::hem::{BoardView, EndpointHost, EndpointOptions, HemEndpoint, HemQuantity, NODES, NodeValues};
use crate::error::{Error, Result};
use crate::model::{Channel, ChannelName, CommandState, DeviceName, Kind, Pattern, Sample, SeriesName, Span};
use crate::runtime::commands::{CommandRequest, CommandTicket};
use crate::runtime::core::Core;
use crate::runtime::live::Readings;

/// Batches that wait for the endpoint. Full-policy: the oldest is dropped; the latest values count.
const QUEUE: usize = 256;

/// How long an order of an app may wait for its device: the app believes that it happened at once.
const EXPIRES_IN: Span = Span::from_seconds(5);

/// How long the app is kept waiting for the outcome; then it gets the status that stands.
const CONFIRMED_WITHIN: Duration = Duration::from_secs(10);

/// How old a value may be that says nothing of its age; states then hold for as long as the device is connected.
const UNSPOKEN_AGE: Span = Span::from_seconds(60);
const LEAST_AGE: Span = Span::from_seconds(10);

/// An endpoint that answers. Dropping it ends it soon; [`close`](ServedHem::close) waits for the end.
#[derive(Debug)]
pub struct ServedHem {
    endpoint: Option<HemEndpoint>,
    address: SocketAddr,
    following: JoinHandle<()>,
}

impl ServedHem {
    pub(crate) async fn start(core: &Arc<Core>, device: &DeviceName, options: EndpointOptions) -> Result<Self> {
        options.check()?;
        let pattern: Pattern = format!("{device}.>").parse()?;
        let known = core.devices().iter().any(|known| known.device == *device);
        if !known && core.memcore.series(pattern.clone()).is_empty() {
            return Err(Error::not_found(format!("device {device} is not enrolled, and there are no readings of it")));
        }
        let readings = Readings::follow(&*core.bus, &pattern, QUEUE).await?;
        let view = Arc::new(View::of(core, device));
        for (series, sample) in core.memcore.latest(pattern)? {
            view.take(series.channel, sample);
        }
        let endpoint = HemEndpoint::listen(options, Host(view.clone())).await?;
        let address = endpoint.address();
        Ok(Self { endpoint: Some(endpoint), address, following: tokio::spawn(follow(readings, view)) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it. When this returns nothing answers any more, and the address is free.
    pub async fn close(mut self) {
        if let Some(endpoint) = self.endpoint.take() {
            endpoint.close().await;
        }
    }
}

impl Drop for ServedHem {
    fn drop(&mut self) {
        self.following.abort();
    }
}

async fn follow(mut readings: Readings, view: Arc<View>) {
    while let Some(reading) = readings.next().await {
        view.take(reading.channel, reading.sample);
    }
}

/// The latest values of a device, and the orders that are on their way to it.
struct View {
    core: Arc<Core>,
    device: DeviceName,
    latest: Mutex<HashMap<ChannelName, Sample>>,
    orders: Mutex<HashMap<u8, (bool, CommandTicket)>>,
    /// It was said that there is nothing fresh to say.
    silent: AtomicBool,
}

impl View {
    fn of(core: &Arc<Core>, device: &DeviceName) -> Self {
        let (core, device) = (core.clone(), device.clone());
        Self { core, device, latest: Mutex::default(), orders: Mutex::default(), silent: AtomicBool::new(false) }
    }

    fn latest(&self) -> MutexGuard<'_, HashMap<ChannelName, Sample>> {
        self.latest.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// A reading that is not older than what is known.
    fn take(&self, channel: ChannelName, sample: Sample) {
        let mut latest = self.latest();
        match latest.get_mut(&channel) {
            Some(known) if known.time > sample.time => {}
            Some(known) => *known = sample,
            None => drop(latest.insert(channel, sample)),
        }
    }

    /// The value of a channel, where it may stand for the present.
    fn fresh(&self, name: &str) -> Option<f64> {
        let name = ChannelName::new(name).ok()?;
        let sample = self.latest().get(&name).copied()?;
        let series = SeriesName { device: self.device.clone(), channel: name };
        let channel = self.core.memcore.store().channel(&series)?;
        let age = self.core.clock.now().since(sample.time);
        self.may_stand(&channel, age).then_some(sample.value)
    }

    fn may_stand(&self, channel: &Channel, age: Span) -> bool {
        match (channel.max_age, channel.cadence) {
            (Some(max_age), _) => age <= max_age,
            (None, Some(cadence)) => age <= Span::from_micros(cadence.as_micros().saturating_mul(5)).max(LEAST_AGE),
            (None, None) => {
                self.core.links.session(&self.device).is_some() && (channel.kind == Kind::State || age <= UNSPOKEN_AGE)
            }
        }
    }

    /// Says once that the endpoint falls silent, and once that it speaks again.
    fn say_whether(&self, silent: bool) {
        if self.silent.swap(silent, Ordering::Relaxed) == silent {
            return;
        }
        match silent {
            true => tracing::warn!(device = %self.device, "no fresh readings: the hem endpoint does not answer"),
            false => tracing::info!(device = %self.device, "fresh readings again: the hem endpoint answers"),
        }
    }

    /// Orders a node, unless the same is on its way to it already: apps repeat themselves.
    fn order(&self, node: u8, on: bool) -> Result<CommandTicket> {
        let mut orders = self.orders.lock().unwrap_or_else(|e| e.into_inner());
        if let Some((_, ticket)) = orders.get(&node).filter(|(same, ticket)| *same == on && !ticket.state().is_final()) {
            return Ok(ticket.clone());
        }
        let channel = ChannelName::new(&format!("node{node}.switch"))?;
        let target = SeriesName { device: self.device.clone(), channel };
        let request =
            CommandRequest::new(target, f64::from(u8::from(on))).expires_in(EXPIRES_IN).by("an app of the hem endpoint");
        let ticket = self.core.request(request)?;
        orders.insert(node, (on, ticket.clone()));
        Ok(ticket)
    }
}

struct Host(Arc<View>);

impl BoardView for Host {
    fn values(&self, quantity: HemQuantity) -> Option<NodeValues> {
        if self.0.core.closing.load(Ordering::Acquire) {
            return None;
        }
        let name = quantity.channel();
        let mut values: NodeValues = std::array::from_fn(|node| self.0.fresh(&format!("node{node}.{name}")));
        if quantity == HemQuantity::DcVoltage && values == [None; NODES] {
            // All feeders are on one bus, and some boards measure only that.
            values = [self.0.fresh("bus.voltage"); NODES];
        }
        let silent = values.iter().all(Option::is_none);
        if quantity == HemQuantity::DcPower {
            self.0.say_whether(silent);
        }
        (!silent).then_some(values)
    }
}

impl EndpointHost for Host {
    async fn switch(&self, node: u8, on: bool) {
        let device = &self.0.device;
        let mut ticket = match self.0.order(node, on) {
            Ok(ticket) => ticket,
            Err(error) => return tracing::warn!(%device, node, on, %error, "an app's order was refused"),
        };
        match tokio::time::timeout(CONFIRMED_WITHIN, ticket.finished()).await {
            Ok(CommandState::Done { read_back: Some(value) }) => {
                if let Ok(channel) = ChannelName::new(&format!("node{node}.switch")) {
                    self.0.take(channel, Sample { time: self.0.core.clock.now(), value });
                }
            }
            Ok(state) => tracing::warn!(%device, node, on, state = state.name(), "an app's order was not carried out"),
            Err(_) => tracing::warn!(%device, node, on, "an app's order has no outcome yet"),
        }
    }
}
