//! From the gateway onto the bus: judges devices, registers their channels, and passes on what they send.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::audit::Act;
use super::core::Core;
use super::payload;
use crate::error::ErrorKind;
use crate::gateway::{Admission, Host, Link, Proof, Proven, RefusedLogin};
use crate::model::{Batch, Channel, CommandId, DeviceName, EventKind, PointRate};
use crate::protocol::{Answer, Code, Hello, Refusal, ServerEvent};
use crate::router::{Attempt, Message, MessageId, Subject};

/// The gateway's host.
#[derive(Debug)]
pub(crate) struct Ingest(pub(crate) Arc<Core>);

impl Host for Ingest {
    fn judge(&self, proof: Proof<'_>, hello: &Hello) -> Result<Proven, Refusal> {
        // An enrolment by another process may be a moment old.
        let verify = || self.0.registry.verify(proof, self.0.clock.now());
        let verified = verify().or_else(|e| match self.0.registry.refresh() {
            Ok(true) => verify(),
            _ => Err(e),
        });
        let proven = verified.map_err(|e| Refusal::new(Code::BadCredential, e.to_string()))?;
        match &hello.device {
            Some(claimed) if *claimed != proven.device => {
                let device = &proven.device;
                Err(Refusal::new(Code::WrongDevice, format!("the credential is that of {device}, not of {claimed}")))
            }
            _ => Ok(proven),
        }
    }

    fn named(&self, proof: Proof<'_>) -> Option<DeviceName> {
        self.0.registry.named(proof)
    }

    fn refused(&self, login: RefusedLogin) {
        self.0.login_refused(login);
    }

    fn slowed(&self, device: &DeviceName, rate: PointRate) {
        self.0.note(EventKind::Quota { device: device.clone(), rate });
        self.0.audit.say(None, Act::Quota { device: device.clone(), rate });
    }

    async fn admit(&self, proven: &Proven, hello: &Hello, link: Arc<Link>) -> Result<Admission, Refusal> {
        let device = &proven.device;
        self.register(device, hello.channels.clone()).await?;
        link.limit(self.0.rate_of(device));
        let (boot, now) = (link.boot(), self.0.clock.now());
        // What an earlier session is handing on comes to its end first, so that it is either taken or sent again.
        let numbering = self.0.links.numbering(device);
        let mut numbering = numbering.lock().await;
        let address = link.peer();
        let (epoch, earlier) = self.0.links.open(device, link, now);
        // Read after the link is in place: what becomes durable from here on is acknowledged over it.
        let durable = self.0.memcore.store().durable_sequence(device, boot);
        let taken = numbering.begin(epoch, boot).max(durable);
        drop(numbering);
        self.0.logged_in(proven, address, epoch, earlier.map(|link| link.peer()));
        self.0.note(EventKind::Connected { device: device.clone(), epoch });
        self.0.send_queued(device);
        Ok(Admission { epoch, durable, taken })
    }

    async fn take(&self, device: &DeviceName, epoch: u64, event: ServerEvent) -> Result<(), Refusal> {
        match event {
            ServerEvent::Data(batch) => return self.publish(device, epoch, batch).await,
            ServerEvent::Live(batch) => self.show(device, epoch, &batch).await,
            ServerEvent::Channels(channels) => return self.register(device, channels).await,
            // A fenced session can no longer answer for what it was sent.
            ServerEvent::Answer { id, answer } if self.0.links.is_current(device, epoch) => {
                self.0.answered(device, &id, answer);
            }
            ServerEvent::Answer { .. } => {}
            ServerEvent::Reported { code, detail } => {
                self.0.note(EventKind::Reported { device: device.clone(), code, detail });
            }
            ServerEvent::Rejected { code, detail, omitted } => {
                self.0.count(|counters| &counters.rejected, 1 + omitted);
                self.0.note(EventKind::Rejected { device: device.clone(), code: code.to_string(), detail });
            }
            // The connection itself acts on these.
            ServerEvent::Hello(_) | ServerEvent::Closed { .. } => {}
        }
        Ok(())
    }

    fn answered(&self, device: &DeviceName, id: &CommandId, answer: Answer) {
        match answer {
            // The link closed before it could send it: it had no effect, and the next session may have it.
            Answer::Refused { code, .. } if code == Code::Closed.as_str() => self.0.give_back(id),
            answer => self.0.answered(device, id, answer),
        }
    }

    fn left(&self, device: &DeviceName, epoch: u64, code: Code) {
        self.0.links.closed(device, epoch);
        self.0.device_left(device, epoch);
        self.0.note(EventKind::Disconnected { device: device.clone(), epoch, code: code.to_string() });
    }
}

impl Ingest {
    /// Registration waits for the disk, so it leaves the network's threads. Devices that come back with what is known of them
    /// are spared that.
    async fn register(&self, device: &DeviceName, channels: Vec<Channel>) -> Result<(), Refusal> {
        if self.0.memcore.store().is_registered(device, &channels) {
            return Ok(());
        }
        let (core, device) = (self.0.clone(), device.clone());
        let registered = tokio::task::spawn_blocking(move || core.memcore.store().register(&device, &channels)).await;
        let registered = registered.map_err(|e| Refusal::new(Code::Internal, format!("registration failed: {e}")))?;
        registered.map_err(|e| match e.kind() {
            ErrorKind::Conflict => Refusal::new(Code::ChannelConflict, e.to_string()),
            ErrorKind::Invalid => Refusal::new(Code::BadChannel, e.to_string()),
            ErrorKind::LimitReached => Refusal::new(Code::TooManyChannels, e.to_string()),
            _ => unavailable(&e),
        })
    }

    async fn publish(&self, device: &DeviceName, epoch: u64, batch: Batch) -> Result<(), Refusal> {
        if let Some(reason) = self.0.memcore.store().is_read_only() {
            return Err(unavailable(&reason));
        }
        if !self.0.recording.load(Ordering::Acquire) {
            return Err(unavailable(&"the server has stopped recording"));
        }
        let numbering = self.0.links.numbering(device);
        let mut numbering = numbering.lock().await;
        if !numbering.is_current(epoch) {
            return Err(Refusal::new(Code::Superseded, "the same device has logged in again"));
        }
        let (points, position) = (batch.points() as u64, batch.position());
        let mut message = Message::new(Subject::data(device), payload::encode(&batch));
        if let (true, Some(position)) = (self.0.bus_ids, batch.position()) {
            message = message.with_id(MessageId::of(device, position));
        }
        let accepted = match self.0.bus.try_publish(message) {
            Ok(Attempt::Accepted) => Ok(()),
            // Waiting here is what slows the device down.
            Ok(Attempt::Full(message)) => self.0.bus.publish(message).await,
            Err(e) => Err(e),
        };
        accepted.map_err(|e| unavailable(&e))?;
        if let Some(position) = position {
            numbering.taken(position.sequence);
        }
        drop(numbering);
        self.0.links.heard(device, points, self.0.clock.now());
        self.0.count(|counters| &counters.points_taken, points);
        Ok(())
    }
}

impl Ingest {
    /// Shows a row to those who look now. Full-policy: dropped, for what is newer follows, and nothing that is stored may
    /// wait for it.
    async fn show(&self, device: &DeviceName, epoch: u64, batch: &Batch) {
        if !self.0.links.is_current(device, epoch) {
            return;
        }
        self.0.links.heard(device, 0, self.0.clock.now());
        // Viewers never hold a publisher up, and no recorder hears of it.
        if let Err(error) = self.0.bus.publish(Message::new(Subject::live(device), payload::encode(batch))).await {
            tracing::debug!(%device, %error, "a live row was dropped");
        }
    }
}

/// Nothing that the device did: it keeps its data and comes back.
fn unavailable(reason: &dyn std::fmt::Display) -> Refusal {
    let retry_after = Some(crate::model::Span::from_seconds(30));
    Refusal { code: Code::Overloaded, detail: reason.to_string(), retry_after }
}
