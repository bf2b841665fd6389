//! The device's side of the model: its commands, its session, and a disk that loses what was not synced.

use std::collections::HashSet;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use super::server::encoding_of;
use super::witness::{Cause, Witness, instant_of};
use super::world::Fault;
use crate::client::commands::{Commands, Handlers, KIND, Outcome, Record, told};
use crate::journal::{Medium, decode};
use crate::model::{Channel, ChannelName, CommandId, CommandRules, Quantity, Span, Timestamp, Unit, ValidRange};
use crate::protocol::{Answer, DeviceEvent, DeviceSession, Hello, Instruction, VERSION};

pub(super) fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(|e| e.into_inner())
}

/// A relay that must not be toggled, a battery that changes slowly and is safe at rest, a charger that is safe at 6 A.
pub(super) fn channels() -> Vec<Channel> {
    let seconds = Span::from_seconds;
    let relay = Channel::of("relay", Quantity::Switch, Unit::OnOff).unwrap();
    let relay = relay.rules(CommandRules::default().min_on(seconds(30)).min_off(seconds(20)));
    let power = Channel::gauge("power", Unit::Watt).unwrap().range(ValidRange::new(-5000.0, 5000.0).unwrap());
    let power = power.rules(CommandRules::default().fallback(0.0).ramp_per_s(500.0));
    let charger = Channel::gauge("charger", Unit::Ampere).unwrap().range(ValidRange::new(0.0, 32.0).unwrap());
    let charger = charger.rules(CommandRules::default().fallback(6.0).hold(seconds(40)));
    let plain = Channel::gauge("plain", Unit::Watt).unwrap().writable();
    [relay, power, charger, plain].map(|channel| channel.build().unwrap()).to_vec()
}

#[derive(Debug, Default)]
struct Lines {
    lines: Vec<u8>,
    synced: usize,
    lies: bool,
}

/// The device's disk.
#[derive(Debug, Clone, Default)]
pub(super) struct DeviceDisk(Arc<Mutex<Lines>>);

impl Medium for DeviceDisk {
    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        locked(&self.0).lines.extend_from_slice(lines);
        Ok(())
    }
    fn sync(&mut self) -> io::Result<()> {
        let mut disk = locked(&self.0);
        if !disk.lies {
            disk.synced = disk.lines.len();
        }
        Ok(())
    }
    fn replace(&mut self, lines: &[u8]) -> io::Result<()> {
        let mut disk = locked(&self.0);
        (disk.lines, disk.synced) = (lines.to_vec(), lines.len());
        Ok(())
    }
}

impl DeviceDisk {
    pub(super) fn new(fault: Option<Fault>) -> Self {
        let disk = Self::default();
        locked(&disk.0).lies = fault == Some(Fault::DiskLies);
        disk
    }

    /// The power fails in the middle of a write: some of what was not synced may be there, torn.
    pub(super) fn power_cut(&self, kept: usize) {
        let mut disk = locked(&self.0);
        let end = disk.lines.len().min(disk.synced + kept);
        disk.lines.truncate(end);
    }

    fn records(&self) -> Vec<Record> {
        decode(&locked(&self.0).lines, KIND).unwrap().0
    }
}

/// The device's program, from its start to its end.
pub(super) struct Running {
    started: Duration,
    commands: Commands,
    witness: Arc<Mutex<Witness>>,
    fault: Option<Fault>,
    /// Its session, and the connection under it.
    pub(super) session: Option<(u64, DeviceSession)>,
    /// What the server's clock said, when that was read, and when it was said.
    server_time: Option<(Duration, Timestamp, Duration)>,
    asked: HashSet<CommandId>,
}

impl Running {
    pub(super) fn start(disk: &DeviceDisk, witness: &Arc<Mutex<Witness>>, fault: Option<Fault>) -> Self {
        let (setting, reading) = (witness.clone(), witness.clone());
        let handlers = Handlers {
            set: Box::new(move |channel: &ChannelName, value| locked(&setting).set(channel, value)),
            read: Some(Box::new(move |channel: &ChannelName| locked(&reading).read(channel))),
        };
        let mut known = channels();
        if fault == Some(Fault::TimesIgnored) {
            known.iter_mut().for_each(|channel| (channel.rules.min_on, channel.rules.min_off) = (None, None));
        }
        let mut records = disk.records();
        match fault {
            Some(Fault::ForgetsLeases) => records.retain(|record| !matches!(record, Record::Leased { .. })),
            Some(Fault::ForgetsIds) => {
                records.retain(|record| matches!(record, Record::Leased { .. } | Record::Free { .. }));
            }
            _ => {}
        }
        let started = locked(witness).now;
        let mut commands = Commands::new(&known, handlers, Some(Box::new(disk.clone())), records);
        locked(witness).starting();
        if fault != Some(Fault::NoFallbackAtStart) {
            commands.begin(Duration::ZERO);
        }
        locked(witness).started();
        let witness = witness.clone();
        Self { started, commands, witness, fault, session: None, server_time: None, asked: HashSet::new() }
    }

    fn monotonic(&self) -> Duration {
        locked(&self.witness).now - self.started
    }

    fn because(&self, cause: Cause) {
        locked(&self.witness).cause = cause;
    }

    /// When it wants to act, on the walk's clock.
    pub(super) fn deadline(&self) -> Option<Duration> {
        if self.fault == Some(Fault::ClockStands) {
            return None;
        }
        self.commands.deadline().map(|deadline| self.started + deadline)
    }

    /// Acts by the clock.
    pub(super) fn wake(&mut self) {
        if self.fault == Some(Fault::ClockStands) {
            return;
        }
        self.because(Cause::Clock);
        let outcomes = self.commands.handle_timeout(self.monotonic());
        for outcome in outcomes {
            if let (Outcome::Answered(id, answer), Some((_, session))) = (outcome, &mut self.session)
                && self.asked.remove(&id)
            {
                session.answer(id, answer);
            }
        }
    }

    pub(super) fn connect(&mut self, connection: u64) {
        let channels = told(&channels());
        let hello = Hello { version: VERSION, credential: None, device: None, boot: 1, channels };
        self.asked.clear();
        self.session = Some((connection, DeviceSession::new(hello, encoding_of(connection), self.monotonic())));
    }

    /// Bytes arrived; `sent` says when those of the welcome were sent.
    pub(super) fn receive(&mut self, bytes: &[u8], welcomed: Duration) {
        let now = self.monotonic();
        let Some((_, session)) = &mut self.session else { return };
        session.receive(now, bytes);
        loop {
            let Some((_, session)) = &mut self.session else { return };
            match session.poll() {
                Ok(None) => return,
                Ok(Some(DeviceEvent::Welcome(welcome))) => self.server_time = Some((now, welcome.time, welcomed)),
                Ok(Some(DeviceEvent::Command(instruction))) => self.carry_out(&instruction),
                Ok(Some(DeviceEvent::Closed { .. })) | Err(_) => self.session = None,
                Ok(Some(_)) => {}
            }
        }
    }

    fn carry_out(&mut self, instruction: &Instruction) {
        let now = self.monotonic();
        let Some((read, time, said)) = self.server_time else { return };
        let mut wall = time.saturating_add((now - read).into());
        // The welcome took its time to arrive: so much later than the server's clock the device's view of it may run.
        let late = (self.started + read).saturating_sub(said);
        let expired = instant_of(instruction.expires, time) + said + late;
        let mut told = instruction.clone();
        match self.fault {
            Some(Fault::ExpiredIsBegun) => wall = Timestamp::MIN,
            Some(Fault::LeasesRunOver) => {
                told.lease = told.lease.map(|lease| Span::from(lease.to_duration() + Duration::from_secs(2)));
            }
            _ => {}
        }
        self.because(Cause::Command { instruction: instruction.clone(), expired: Some(expired), counted: false });
        let mut answer = self.commands.carry_out(&told, now, wall);
        self.because(Cause::Clock);
        if self.fault == Some(Fault::Misleads) && matches!(answer, Answer::Done { .. }) {
            answer = Answer::Refused { code: "no".into(), reason: "not so".into() };
        }
        if answer == Answer::Accepted {
            self.asked.insert(instruction.id.clone());
        }
        if let Some((_, session)) = &mut self.session {
            session.answer(instruction.id.clone(), answer);
        }
    }

    /// It is closed on purpose.
    pub(super) fn close(mut self) {
        self.because(Cause::Turn);
        self.commands.end_leases(self.monotonic());
    }
}
