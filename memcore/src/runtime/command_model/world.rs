//! One walk: the dice choose what happens next, the witness watches.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::device::{DeviceDisk, Running, channels, locked};
use super::server::{ServerDisk, Serving, device};
use super::witness::Witness;
use crate::model::dice::Random;
use crate::model::{Command, CommandId, SeriesName, Span, Timestamp};

/// A defect that is planted to see that it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// A device that starts leaves its channels as they are.
    NoFallbackAtStart,
    /// A restart of the device forgets which leases were open.
    ForgetsLeases,
    /// A restart of the device forgets the ids.
    ForgetsIds,
    /// The device's disk says that it has synced and has not.
    DiskLies,
    /// The device never acts by the clock.
    ClockStands,
    /// Leases last two seconds longer.
    LeasesRunOver,
    /// The device does not look at expiries.
    ExpiredIsBegun,
    /// The device does not know its minimum times.
    TimesIgnored,
    /// The device says that it has refused what it has done.
    Misleads,
}

/// When a walk begins.
const START: Timestamp = Timestamp::from_seconds(1_763_000_000);

pub(super) struct World {
    random: Random,
    fault: Option<Fault>,
    now: Duration,
    /// How far the server's wall clock is off.
    off: Span,
    /// Whether that clock jumps on this walk.
    jumps: bool,
    witness: Arc<Mutex<Witness>>,
    device: Option<Running>,
    device_disk: DeviceDisk,
    server: Option<Serving>,
    server_disk: ServerDisk,
    backup: Option<ServerDisk>,
    epoch: u64,
    connections: u64,
    issued: Vec<Command>,
    restored: bool,
}

impl World {
    pub(super) fn new(seed: u64, fault: Option<Fault>) -> Self {
        let mut random = Random::new(seed);
        let jumps = random.once_in(3);
        let witness = Arc::new(Mutex::new(Witness::new(&channels())));
        let mut world = Self {
            random,
            fault,
            now: Duration::ZERO,
            off: Span::default(),
            jumps,
            witness,
            device: None,
            device_disk: DeviceDisk::new(fault),
            server: None,
            server_disk: ServerDisk::default(),
            backup: None,
            epoch: 0,
            connections: 0,
            issued: Vec::new(),
            restored: false,
        };
        world.turn_device();
        world.turn_server();
        world
    }

    /// From now on it is remembered what happens.
    pub(super) fn remember(&mut self) {
        locked(&self.witness).history = Some(Vec::new());
    }

    pub(super) fn effects(&self) -> usize {
        locked(&self.witness).effects()
    }

    pub(super) fn history(&self) -> Vec<String> {
        locked(&self.witness).history.clone().unwrap_or_default()
    }

    fn wall(&self) -> Timestamp {
        START.saturating_add(self.now.into()).saturating_add(self.off)
    }

    /// One thing happens.
    pub(super) fn step(&mut self) -> Result<(), String> {
        match self.random.below(100) {
            0..12 => self.issue(),
            12..28 => self.journal(),
            28..42 => self.flush(),
            42..53 => self.arrive_at_server(),
            53..64 => self.arrive_at_device(),
            64..76 => self.pass_some_time(),
            76..84 => self.arrive_everywhere(),
            84..90 => self.connect(),
            90..93 => self.break_link(),
            93..95 => self.turn_device(),
            95..97 => self.turn_server(),
            97 => self.stick(),
            98 => self.repeat(),
            _ => self.jump(),
        }
        self.look()
    }

    /// What the witness says.
    fn look(&mut self) -> Result<(), String> {
        let mut witness = locked(&self.witness);
        if let Some(server) = &mut self.server {
            server.changes.drain(..).for_each(|change| witness.told(&change));
        }
        witness.verdict()
    }

    fn issue(&mut self) {
        // Two senders, or one who asks again.
        let again = !self.issued.is_empty() && self.random.once_in(6);
        let command = if again {
            self.issued[self.random.below(self.issued.len() as u64) as usize].clone()
        } else {
            self.new_command()
        };
        let (now, wall) = (self.now, self.wall());
        if let Some(server) = &mut self.server {
            server.issue(command.clone(), now, wall);
            if !again {
                self.issued.push(command);
            }
        }
    }

    fn new_command(&mut self) -> Command {
        let channel = self.random.one_of(&["relay", "power", "charger", "plain"]);
        let values: &[f64] = match channel {
            "relay" => &[0.0, 1.0],
            "power" => &[0.0, 100.0, -4000.0, 2500.0, 5000.0],
            "charger" => &[0.0, 6.0, 16.0, 32.0],
            _ => &[0.0, -3.5, 1e6],
        };
        let (value, seconds) = (self.random.one_of(values), self.random.one_of(&[2, 5, 30, 120]));
        let lease = (!self.random.once_in(3)).then(|| Span::from_millis(self.random.one_of(&[400, 3000, 20_000, 90_000])));
        let declared = matches!(channel, "power" | "charger") && self.random.once_in(2);
        let fallback = lease.filter(|_| !declared).map(|_| if channel == "charger" { 8.0 } else { 0.0 });
        Command {
            id: CommandId::new(&format!("c{}", self.issued.len())).unwrap(),
            target: SeriesName { device: device(), channel: channel.parse().unwrap() },
            value,
            expires: self.wall().saturating_add(Span::from_seconds(seconds)),
            lease,
            fallback,
            safety: value == 0.0 && self.random.once_in(4),
        }
    }

    fn journal(&mut self) {
        let (now, wall) = (self.now, self.wall());
        let Some(server) = &mut self.server else { return };
        match self.random.below(4) {
            0 => server.append(&mut self.server_disk),
            1 => server.tick(now, wall),
            _ => server.sync(&mut self.server_disk, now),
        }
    }

    /// A connection of the server, old or new.
    fn any_connection(&mut self) -> Option<usize> {
        let count = self.server.as_ref()?.connections.len() as u64;
        (count > 0).then(|| self.random.below(count) as usize)
    }

    fn flush(&mut self) {
        let (at, wall) = (self.any_connection(), self.wall());
        if let (Some(server), Some(at)) = (&mut self.server, at) {
            server.flush(at, wall);
        }
        self.transmit();
    }

    /// What the device has to say goes onto the wire.
    fn transmit(&mut self) {
        let (Some(server), Some(device)) = (&mut self.server, &mut self.device) else { return };
        let Some((number, session)) = &mut device.session else { return };
        match server.connections.iter_mut().find(|connection| connection.number == *number) {
            Some(connection) => connection.up.append(session.transmit()),
            None => device.session = None,
        }
    }

    fn arrive_at_server(&mut self) {
        let (now, wall) = (self.now, self.wall());
        let Some(at) = self.any_connection() else { return };
        let whole = self.random.once_in(2);
        let Some(server) = &mut self.server else { return };
        let up = &mut server.connections[at].up;
        let length = if whole { up.len() } else { self.random.below(up.len() as u64 + 1) as usize };
        let bytes: Vec<u8> = up.drain(..length).collect();
        if !server.connections[at].over && !bytes.is_empty() {
            server.receive(at, &bytes, now, wall, &mut self.epoch);
        }
    }

    fn arrive_at_device(&mut self) {
        let whole = self.random.once_in(2);
        let (Some(server), Some(device)) = (&mut self.server, &mut self.device) else { return };
        let Some(number) = device.session.as_ref().map(|(number, _)| *number) else { return };
        let Some(connection) = server.connections.iter_mut().find(|connection| connection.number == number) else {
            device.session = None;
            return;
        };
        let down = &mut connection.down;
        let length = if whole { down.len() } else { self.random.below(down.len() as u64 + 1) as usize };
        let bytes: Vec<u8> = down.drain(..length).collect();
        if !bytes.is_empty() {
            device.receive(&bytes, connection.welcomed);
        } else if connection.over {
            device.session = None;
        }
    }

    fn pass_some_time(&mut self) {
        let most = self.random.one_of(&[50, 400, 1500, 3000, 20_000, 60_000]);
        let time = Duration::from_millis(self.random.below(most) + 1);
        self.pass(time);
    }

    /// Time passes; the device wakes when it wants to, or a little later.
    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(deadline) = self.device.as_ref().and_then(Running::deadline).filter(|at| *at <= until) {
            let late = Duration::from_millis(self.random.below(400));
            self.set_now(until.min(deadline.max(self.now) + late));
            if let Some(device) = &mut self.device {
                device.wake();
            }
            self.transmit();
        }
        self.set_now(until);
    }

    fn set_now(&mut self, now: Duration) {
        self.now = now;
        locked(&self.witness).now = now;
    }

    fn connect(&mut self) {
        let now = self.now;
        let (Some(server), Some(device)) = (&mut self.server, &mut self.device) else { return };
        if device.session.is_none() {
            self.connections += 1;
            server.accept(self.connections, now);
            device.connect(self.connections);
        }
        // What nobody listens to any more is gone.
        let number = device.session.as_ref().map(|(number, _)| *number);
        server.connections.retain(|connection| !connection.over || Some(connection.number) == number);
    }

    fn break_link(&mut self) {
        let at = self.any_connection();
        let device_first = self.random.once_in(2);
        if let (Some(device), true) = (&mut self.device, device_first) {
            device.session = None;
        } else if let (Some(server), Some(at)) = (&mut self.server, at) {
            server.hang_up(at);
        }
    }

    fn turn_device(&mut self) {
        match self.device.take() {
            Some(device) => {
                match self.random.below(3) {
                    0 => device.close(),
                    1 => drop(device),
                    _ => {
                        drop(device);
                        self.device_disk.power_cut(self.random.below(60) as usize);
                        locked(&self.witness).power_cut();
                    }
                }
                locked(&self.witness).alive_since = None;
            }
            None => self.device = Some(Running::start(&self.device_disk, &self.witness, self.fault)),
        }
    }

    fn turn_server(&mut self) {
        let (now, wall) = (self.now, self.wall());
        let Some(mut server) = self.server.take() else {
            self.server = Some(Serving::start(&mut self.server_disk, now, wall));
            return;
        };
        self.tell(&mut server);
        // A clock that is set back may let what expired before wait again; then nothing may be lost at the same time.
        match self.random.below(if self.jumps { 2 } else { 5 }) {
            0 => {
                let changes = server.shut_down(&mut self.server_disk);
                let mut witness = locked(&self.witness);
                changes.iter().for_each(|change| witness.told(change));
            }
            1 => server.append(&mut self.server_disk),
            2 => {}
            3 => self.server_disk.entries.truncate(self.server_disk.synced),
            _ => self.back_up_or_restore(),
        }
    }

    fn tell(&mut self, server: &mut Serving) {
        let mut witness = locked(&self.witness);
        server.changes.drain(..).for_each(|change| witness.told(&change));
    }

    fn back_up_or_restore(&mut self) {
        match self.backup.take() {
            None => self.backup = Some(self.server_disk.clone()),
            Some(backup) => {
                self.server_disk = backup;
                self.restored = true;
                locked(&self.witness).restored();
            }
        }
    }

    fn stick(&mut self) {
        let (number, stuck) = (self.random.below(4) as usize, self.random.once_in(2));
        locked(&self.witness).stick(number, stuck);
    }

    /// Somebody between the two repeats a command: as it was, or to a server that never sent it.
    fn repeat(&mut self) {
        if self.issued.is_empty() {
            return;
        }
        // One of the last, which has perhaps not expired.
        let back = self.random.below(self.issued.len().min(8) as u64) as usize;
        let command = self.issued[self.issued.len() - 1 - back].clone();
        let wall = self.wall();
        let Some(at) = self.any_connection() else { return };
        let Some(server) = &mut self.server else { return };
        // Only one that was delivered before: nobody can invent one inside TLS.
        if locked(&self.witness).had_effect(&command.id) {
            server.repeat(at, &command);
            server.flush(at, wall);
        }
    }

    fn jump(&mut self) {
        if self.jumps {
            self.off = Span::from_seconds(self.random.one_of(&[-3600, 0, 0, 3600, 20]));
        }
    }

    /// The faults end, and everything comes to its end: each command in one state.
    pub(super) fn settle(&mut self) -> Result<(), String> {
        (0..4).for_each(|number| locked(&self.witness).stick(number, false));
        if self.device.is_none() {
            self.turn_device();
        }
        if self.server.is_none() {
            self.turn_server();
        }
        for _ in 0..60 {
            self.pass(Duration::from_secs(3));
            self.connect();
            self.arrive_everywhere();
            self.look()?;
        }
        let Some(server) = &self.server else { return Err("no server".into()) };
        for Command { id, .. } in &self.issued {
            match server.commander.watch(id).map(|state| state.borrow().clone()) {
                Some(state) if state.is_final() => {}
                // Lost with a server before it was written down, or with a backup that is older.
                None if self.restored || !locked(&self.witness).had_effect(id) => {}
                state => return Err(format!("{id} came to no end: {state:?}")),
            }
        }
        Ok(())
    }

    /// Everything that is on its way arrives.
    fn arrive_everywhere(&mut self) {
        let (now, wall) = (self.now, self.wall());
        for _ in 0..4 {
            if let Some(server) = &mut self.server {
                server.tick(now, wall);
                server.sync(&mut self.server_disk, now);
                (0..server.connections.len()).for_each(|at| server.flush(at, wall));
            }
            self.transmit();
            let count = self.server.as_ref().map_or(0, |server| server.connections.len());
            for at in 0..count {
                let Some(server) = &mut self.server else { return };
                let bytes = std::mem::take(&mut server.connections[at].up);
                if !server.connections[at].over && !bytes.is_empty() {
                    server.receive(at, &bytes, now, wall, &mut self.epoch);
                }
            }
            self.arrive_all_at_device();
            self.transmit();
        }
    }

    fn arrive_all_at_device(&mut self) {
        let (Some(server), Some(device)) = (&mut self.server, &mut self.device) else { return };
        let Some(number) = device.session.as_ref().map(|(number, _)| *number) else { return };
        match server.connections.iter_mut().find(|connection| connection.number == number) {
            Some(connection) if !connection.down.is_empty() => {
                device.receive(&std::mem::take(&mut connection.down), connection.welcomed);
            }
            Some(connection) if connection.over => device.session = None,
            Some(_) => {}
            None => device.session = None,
        }
    }
}
