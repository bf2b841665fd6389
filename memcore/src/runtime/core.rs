//! What the parts of a running server share: the bus, the store, the links and the commands.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;

use super::audit::{Act, Audit};
use super::command_journal::{CommandJournal, Writer, unwritable};
use super::commander::{Asked, Change, Commander, Listed, Refresh, Sender, WITHIN};
use super::commands::{CommandRequest, CommandTicket, Kept, new_id};
use super::control::{Control, none_controlled};
use super::embedded::Memcore;
use super::links::Links;
use crate::control::{Proposal, ProposalId, Target};
use crate::error::{Error, Result};
use crate::gateway::{Certificates, Enrolled, Registry};
use crate::model::{
    Channel, Clock, Command, CommandId, CommandState, DeviceName, DeviceStatus, Event, EventKind, Name, Pattern, PointRate,
    SeriesName, Span,
};
use crate::protocol::Answer;
use crate::router::{Attempt, Bus, Message, MessageKind, Subject};

/// How long a command for safety waits for a disk that hangs.
const SAFETY_WITHIN: Duration = Duration::from_millis(250);

/// The heart of a server. Nothing in it waits while it holds a lock.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) memcore: Memcore,
    pub(crate) bus: Arc<dyn Bus>,
    /// Whether bus messages carry an id: a bus across processes needs it to recognise repetitions, the store does anyway.
    pub(crate) bus_ids: bool,
    pub(crate) links: Links,
    pub(crate) registry: Registry,
    /// Up to which change of the registry sessions were looked at.
    pub(crate) enrolments_seen: AtomicU64,
    pub(crate) certificates: Certificates,
    /// How many points a device may send, unless it is set for it.
    pub(crate) rate: Option<PointRate>,
    pub(crate) audit: Audit,
    /// When a refused login was last logged, and how many were not since.
    pub(crate) complaints: Mutex<(Option<std::time::Duration>, u64)>,
    /// The folder of the site.
    pub(crate) site: std::path::PathBuf,
    pub(crate) clock: Arc<dyn Clock>,
    /// Under which name events stand that are about the server itself.
    pub(crate) myself: DeviceName,
    /// Where work goes on that must not hold up a thread of ours.
    pub(crate) runtime: tokio::runtime::Handle,
    /// Whether there is still one who stores what comes in.
    pub(crate) recording: AtomicBool,
    /// Whether the server shuts down: nobody waits for a full disk any more.
    pub(crate) closing: AtomicBool,
    /// Whether it was said that the store takes no writes, and not yet that it does again.
    pub(crate) alarmed: AtomicBool,
    pub(crate) commander: Mutex<Commander>,
    /// Where the commander's steps are written down.
    pub(crate) journal: CommandJournal,
    pub(crate) counters: Counters,
    /// Control of the site, where there is a model of it.
    pub(crate) control: OnceLock<Arc<Control>>,
    /// Users, alarms, plans that were kept.
    #[cfg(feature = "rest")]
    pub(crate) records: crate::records::Records,
    /// Set once they are opened, before any device comes.
    #[cfg(feature = "rest")]
    pub(crate) alarms: OnceLock<super::alarms::Alarms>,
}

/// Counts since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) points_taken: AtomicU64,
    pub(crate) points_durable: AtomicU64,
    pub(crate) rejected: AtomicU64,
    pub(crate) commits: AtomicU64,
}

/// What a server has done since its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ServerStats {
    /// Devices that are connected now.
    pub connected: usize,
    /// Points taken from devices.
    pub points_taken: u64,
    /// Points that are durable.
    pub points_durable: u64,
    /// Parts of messages that were refused.
    pub rejected: u64,
    /// Group commits.
    pub commits: u64,
}

impl Core {
    fn commander(&self) -> MutexGuard<'_, Commander> {
        self.commander.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// One step of the commander; what it wants written down is queued for the disk in the order of the steps.
    fn decide<T>(&self, step: impl FnOnce(&mut Commander) -> T) -> T {
        let mut commander = self.commander();
        commander.see(self.clock.now());
        let decided = step(&mut commander);
        self.journal.push(&commander.take_entries());
        decided
    }

    /// Begins to write commands down, and tells what became of those of an earlier server.
    pub(crate) fn start_commands(self: &Arc<Self>, writer: Writer, ends: Vec<Change>) -> Result<()> {
        ends.into_iter().for_each(|change| self.changed(change));
        self.decide(|_| ());
        let core = Arc::downgrade(self);
        self.journal.start(writer, move || core.upgrade().into_iter().for_each(|core| core.hand_over()))
    }

    /// Puts an event on the bus, without waiting: where recorders of events are behind, the log has it all the same.
    pub(crate) fn note(&self, kind: EventKind) {
        let event = Event { time: self.clock.now(), kind };
        tracing::debug!(?event, "event");
        let device = event.kind.device().unwrap_or(&self.myself);
        let payload = serde_json::to_vec(&event).unwrap_or_default();
        match self.bus.try_publish(Message::new(Subject::new(device, MessageKind::Event, None), payload)) {
            Ok(Attempt::Accepted) => {}
            Ok(Attempt::Full(message)) => self.publish_later(message),
            Err(error) => tracing::debug!(%error, "event not published"),
        }
    }

    /// Says once that the store takes no writes, and once that it takes them again.
    pub(crate) fn watch_store(&self) {
        match self.memcore.store().is_read_only() {
            Some(reason) => self.alarm(reason),
            None if self.alarmed.swap(false, Ordering::AcqRel) => self.note(EventKind::Writable),
            None => {}
        }
    }

    pub(crate) fn alarm(&self, reason: String) {
        if !self.alarmed.swap(true, Ordering::AcqRel) {
            self.note(EventKind::ReadOnly { reason });
        }
    }

    /// A bus across processes cannot accept at once; its own spool bounds what waits.
    fn publish_later(&self, message: Message) {
        let bus = self.bus.clone();
        self.runtime.spawn(async move {
            if let Err(error) = bus.publish(message).await {
                tracing::debug!(%error, "event not published");
            }
        });
    }

    /// Issues what a user asks for. Where control steers the channel, it makes a wish of it.
    pub(crate) fn request(&self, request: CommandRequest) -> Result<CommandTicket> {
        let by = request.author()?;
        let command = request.into_command(self.clock.now())?;
        if let Some(control) = self.control.get()
            && let Some(ticket) = control.take_over(self, &command, &by)?
        {
            return Ok(ticket);
        }
        self.issue_directly(Asked::by(command, by))
    }

    /// Issues what a user asks for, whatever control has to say.
    pub(crate) fn issue_directly(&self, asked: Asked) -> Result<CommandTicket> {
        let id = asked.command.id.clone();
        let state = self.issue(asked)?;
        Ok(CommandTicket::new(id, state, self.kept()))
    }

    /// The command that had this id before, where it wished the same.
    ///
    /// # Errors
    /// [`Conflict`](crate::ErrorKind::Conflict) where it was another command.
    pub(crate) fn repeated(&self, command: &Command) -> Result<Option<CommandTicket>> {
        // The commander is let go of before it is asked again.
        let known = self.commander().repeated(command)?.is_some();
        known.then(|| self.find_command(&command.id)).transpose()
    }

    /// What is known of a command; none where it is not known, or was forgotten.
    pub(crate) fn listed(&self, id: &CommandId) -> Option<Listed> {
        self.commander().find(id)
    }

    /// Looks at the commands that users gave, without deciding anything.
    pub(crate) fn look<T>(&self, at: impl FnOnce(&Commander) -> T) -> T {
        at(&self.commander())
    }

    /// Issues what control orders. It stands in the log of decisions, not in the audit trail: every lease is many commands.
    pub(crate) fn order(&self, mut command: Command) -> Result<CommandTicket> {
        let channel = self.channel(&command.target)?;
        // What is safe to the site need not be to a channel that declares no fallback: its rules hold then.
        command.safety &= channel.rules.is_safe(channel.from_stored(command.value));
        let (id, channel) = (command.id.clone(), self.vet(&mut command)?);
        let state = self.issue_checked(command.into(), Sender::Control(channel.rules.hold))?;
        Ok(CommandTicket::new(id, state, self.kept()))
    }

    /// Control of the site.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) where the server controls nothing.
    pub(crate) fn control(&self) -> Result<&Arc<Control>> {
        self.control.get().ok_or_else(none_controlled)
    }

    /// Pauses control at somebody's wish, or lets it go on.
    pub(crate) fn enable_control(&self, enabled: bool, by: String) -> Result<bool> {
        let changed = self.control()?.set_enabled(enabled, &by)?;
        if changed {
            self.audit.say(Some(by), if enabled { Act::ControlResumed } else { Act::ControlPaused });
        }
        Ok(changed)
    }

    /// Takes in a person's wish. What cannot be audited is not done.
    pub(crate) fn propose_by(&self, proposal: Proposal, by: String) -> Result<ProposalId> {
        let control = self.control()?;
        self.audit.check_room()?;
        let act = Act::proposed(&proposal);
        let id = control.propose(proposal)?;
        self.audit.say(Some(by), act);
        Ok(id)
    }

    /// Takes wishes back at a person's wish, and says how many stood.
    pub(crate) fn withdraw_by(&self, actor: &Name, target: Option<&Target>, by: String) -> Result<usize> {
        let withdrawn = self.control()?.withdraw(actor, target)?;
        let wished_for = target.map(ToString::to_string);
        self.audit.say(Some(by), Act::Withdrawn { actor: actor.clone(), wished_for });
        Ok(withdrawn)
    }

    /// A command that was issued before.
    pub(crate) fn find_command(&self, id: &CommandId) -> Result<CommandTicket> {
        let (state, note) = {
            let commander = self.commander();
            (commander.watch(id), commander.find(id).and_then(|listed| listed.asked.origin.note))
        };
        let state = state.ok_or_else(|| Error::not_found(format!("command {id} is not known")))?;
        let ticket = CommandTicket::new(id.clone(), state, self.kept());
        Ok(match note {
            Some(note) => ticket.with_note(note),
            None => ticket,
        })
    }

    fn kept(&self) -> Kept {
        Kept { position: self.commander().written(), progress: self.journal.follow() }
    }

    /// Every device that is enrolled or was heard, by name.
    pub(crate) fn devices(&self) -> Vec<DeviceStatus> {
        let mut status = self.links.status();
        for Enrolled { device, rate, proofs, .. } in self.registry.list() {
            let blank = || DeviceStatus {
                device: device.clone(),
                connected: false,
                last_seen: None,
                channels: 0,
                points: 0,
                rate: None,
                proofs: Vec::new(),
            };
            let known = status.entry(device.clone()).or_insert_with(blank);
            (known.rate, known.proofs) = (rate, proofs);
        }
        for (series, _) in self.memcore.series(Pattern::all()) {
            if let Some(status) = status.get_mut(&series.device) {
                status.channels += 1;
            }
        }
        let mut devices: Vec<_> = status.into_values().collect();
        devices.sort_by(|a, b| a.device.cmp(&b.device));
        devices
    }

    #[cfg(feature = "rest")]
    pub(crate) fn command_counts(&self) -> (u64, u64) {
        self.commander().counts()
    }

    pub(crate) fn stats(&self) -> ServerStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ServerStats {
            connected: self.links.status().values().filter(|status| status.connected).count(),
            points_taken: read(&self.counters.points_taken),
            points_durable: read(&self.counters.points_durable),
            rejected: read(&self.counters.rejected),
            commits: read(&self.counters.commits),
        }
    }

    /// Issues a command: sent at once where the device is connected, else kept until it is, or until its expiry. The same id
    /// again gives the command that it was, whatever the channel says by now.
    pub(crate) fn issue(&self, mut asked: Asked) -> Result<watch::Receiver<CommandState>> {
        if let Some(state) = self.commander().repeated(&asked.command)? {
            return Ok(state);
        }
        let channel = self.vet(&mut asked.command)?;
        // What is for safety is done whatever becomes of the trail.
        if !asked.command.safety {
            self.audit.check_room()?;
        }
        self.issue_checked(asked, Sender::User(channel.rules.hold))
    }

    /// Whether a command can be issued, with the fallback that its channel declares where it names none.
    pub(crate) fn vet(&self, command: &mut Command) -> Result<Channel> {
        let channel = self.channel(&command.target)?;
        fill_fallback(command, &channel);
        self.check(command, &channel)?;
        Ok(channel)
    }

    fn issue_checked(&self, asked: Asked, sender: Sender) -> Result<watch::Receiver<CommandState>> {
        let (command, by) = (asked.command.clone(), asked.origin.by.clone());
        if self.journal.progress().failing && !command.safety {
            return Err(unwritable());
        }
        let (state, new) = self.decide(|commander| commander.issue(asked, sender))?;
        if new {
            if !matches!(sender, Sender::Control(_)) {
                self.audit.say(Some(by), Act::issued(&command));
            }
            let (id, state) = (command.id.clone(), CommandState::Queued);
            self.changed(Change { id, command: command.clone(), state, sender });
            self.send(&command);
        }
        Ok(state)
    }

    fn channel(&self, target: &SeriesName) -> Result<Channel> {
        let unknown = || Error::not_found(format!("channel {target} is not registered: the device has not said hello yet"));
        self.memcore.store().channel(target).ok_or_else(unknown)
    }

    fn check(&self, command: &Command, channel: &Channel) -> Result<()> {
        command.check()?;
        let (target, rules) = (&command.target, &channel.rules);
        if !channel.writable {
            return Err(Error::invalid(format!("channel {target} takes no commands")));
        }
        for (field, value) in [("value", Some(command.value)), ("fallback", command.fallback)] {
            let own = value.map(|value| channel.from_stored(value));
            if let (Some(own), Some(range)) =
                (own, channel.range.filter(|range| own.is_some_and(|own| !range.contains(own))))
            {
                let (unit, low, high) = (channel.unit, range.low(), range.high());
                let message = format!("command {target}: {field} is {own} {unit}, expected {low} to {high} {unit}");
                return Err(Error::invalid(message));
            }
        }
        let own = channel.from_stored(command.value);
        if command.safety && !rules.is_safe(own) {
            let safe = rules.fallback.filter(|fallback| *fallback != 0.0);
            let safe = safe.map_or(String::new(), |fallback| format!(" or {fallback}"));
            let message = format!("command {target}: value is {own} {}, expected 0{safe} for safety", channel.unit);
            return Err(Error::invalid(message));
        }
        let now = self.clock.now();
        if command.expires <= now {
            let expires = command.expires;
            return Err(Error::invalid(format!("command {target}: expires is {expires}, expected later than now, {now}")));
        }
        Ok(())
    }

    /// Claims a command for its device's session, if it has one and no session has the command yet. It is handed over once that is
    /// on disk.
    fn send(&self, command: &Command) {
        let progress = self.journal.progress();
        if progress.failing && !command.safety {
            return;
        }
        let Some((epoch, _)) = self.links.session(&command.target.device) else { return };
        let claimed = self.decide(|commander| commander.claim(&command.id, epoch, self.clock.monotonic()));
        if let Some(claimed) = claimed {
            self.changed(claimed);
        }
    }

    /// The disk has come further, or fails: hands over what was claimed. Called by the journal's thread.
    pub(crate) fn hand_over(&self) {
        let (progress, now) = (self.journal.progress(), self.clock.monotonic());
        if progress.failing {
            self.hand(self.decide(|commander| commander.hand_over_unwritten(now)));
        } else {
            self.hand((self.decide(|commander| commander.hand_over(progress.on_disk, now)), Vec::new()));
        }
    }

    /// Commands go to the links of their sessions, and what that changed for others is told.
    fn hand(&self, (handed, changes): (Vec<(Command, u64)>, Vec<Change>)) {
        changes.into_iter().for_each(|change| self.changed(change));
        for (command, epoch) in handed {
            let session = self.links.session(&command.target.device).filter(|(current, _)| *current == epoch);
            // The session has just ended, or has enough to do: the command waits again, for the next one or for the clock.
            if session.is_none_or(|(_, link)| link.command(command.clone()).is_err()) {
                self.give_back(&command.id);
            }
        }
    }

    /// A command that was claimed was not sent after all.
    pub(crate) fn give_back(&self, id: &CommandId) {
        let change = self.decide(|commander| commander.give_back(id));
        if let Some(change) = change {
            self.changed(change);
        }
    }

    /// Sends what waits for a device that is connected.
    pub(crate) fn send_queued(&self, device: &DeviceName) {
        let waiting = self.commander().queued_for(device);
        let now = self.clock.now();
        for command in waiting.iter().filter(|command| command.expires > now) {
            self.send(command);
        }
    }

    /// An answer came.
    pub(crate) fn answered(&self, device: &DeviceName, id: &CommandId, answer: Answer) {
        let change = self.decide(|commander| commander.answered(device, id, answer));
        if let Some(change) = change {
            self.changed(change);
        }
    }

    /// A device's session ended: what was sent over it and has no answer is unknown.
    pub(crate) fn device_left(&self, device: &DeviceName, epoch: u64) {
        let changes = self.decide(|commander| commander.device_left(device, epoch));
        changes.into_iter().for_each(|change| self.changed(change));
    }

    /// Time has passed.
    pub(crate) fn handle_timeout(&self) {
        let now = self.clock.monotonic();
        let changes = self.decide(|commander| commander.handle_timeout(now, self.clock.now()));
        changes.into_iter().for_each(|change| self.changed(change));
        self.hand(self.decide(|commander| commander.hand_over_safety(SAFETY_WITHIN, now)));
        let connected = |device: &DeviceName| self.links.session(device).is_some();
        let due = self.decide(|commander| commander.due_refreshes(now, connected));
        due.into_iter().for_each(|refresh| self.refresh(refresh));
        let awaited = self.commander().awaited();
        awaited.iter().for_each(|device| self.send_queued(device));
    }

    /// Sends a value again under an id of its own (P48).
    fn refresh(&self, Refresh { of }: Refresh) {
        let Ok(id) = new_id() else { return };
        let expires = self.clock.now().saturating_add(Span::from(WITHIN));
        let target = of.target.clone();
        self.note(EventKind::Refreshed {
            id: id.clone(),
            of: of.id.clone(),
            device: target.device,
            channel: target.channel,
        });
        let by = format!("refresh of {}", of.id);
        let again = Asked::by(Command { id, expires, ..of }, by);
        if let Err(error) = self.issue_checked(again, Sender::Refresh) {
            tracing::warn!(%error, "a value cannot be sent again");
        }
    }

    /// The server shuts down: every command comes to an end, and no more are taken.
    pub(crate) fn end_commands(&self) {
        let changes = self.decide(Commander::close);
        changes.into_iter().for_each(|change| self.changed(change));
    }

    pub(crate) fn changed(&self, change: Change) {
        let Change { id, command, state, sender } = change;
        if state.is_final() && !matches!(sender, Sender::Control(_)) {
            let (id, target) = (id.clone(), command.target.clone());
            self.audit.say(None, Act::CommandEnded { id, target, end: state.clone() });
        }
        self.note(EventKind::Command { id, device: command.target.device.clone(), channel: command.target.channel, state });
    }

    pub(crate) fn count(&self, counter: impl FnOnce(&Counters) -> &AtomicU64, by: u64) {
        counter(&self.counters).fetch_add(by, Ordering::Relaxed);
    }
}

/// A lease without a fallback takes the one that its channel declares.
fn fill_fallback(command: &mut Command, channel: &Channel) {
    if command.lease.is_some() {
        command.fallback = command.fallback.or(channel.rules.fallback.map(|fallback| channel.to_stored(fallback)));
    }
}
