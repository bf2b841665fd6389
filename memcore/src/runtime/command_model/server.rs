//! The server's side of the model: the commander, its journal, and the connections.

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::{Command, CommandId, DeviceName, Timestamp};
use crate::protocol::{Answer, Code, Encoding, Limits, Moment, ServerEvent, ServerSession, Welcome};
use crate::runtime::commander::{Change, Commander, Entry, Sender, entries_of, fold};

pub(super) fn device() -> DeviceName {
    "home1.device".parse().unwrap()
}

/// Both encodings, in turn.
pub(super) fn encoding_of(connection: u64) -> Encoding {
    if connection.is_multiple_of(2) { Encoding::JsonLines } else { Encoding::Cbor }
}

/// What the server's disk has.
#[derive(Debug, Clone, Default)]
pub(super) struct ServerDisk {
    pub(super) entries: Vec<Entry>,
    pub(super) synced: usize,
}

/// One connection, with what is on its way in both directions.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) number: u64,
    session: ServerSession,
    epoch: Option<u64>,
    /// What the link has and did not send yet.
    link: VecDeque<Command>,
    pub(super) up: Vec<u8>,
    pub(super) down: Vec<u8>,
    /// When the welcome was sent.
    pub(super) welcomed: Duration,
    /// The server has hung up.
    pub(super) over: bool,
}

/// A server's process, from its start to its end.
pub(super) struct Serving {
    started: Duration,
    pub(super) commander: Commander,
    /// Entries that the journal's thread has not appended yet.
    queue: Vec<Entry>,
    appended: u64,
    on_disk: u64,
    current: Option<u64>,
    pub(super) connections: Vec<Connection>,
    /// What senders are told.
    pub(super) changes: Vec<Change>,
}

impl Serving {
    pub(super) fn start(disk: &mut ServerDisk, now: Duration, wall: Timestamp) -> Self {
        let told = fold(disk.entries.clone());
        disk.entries = entries_of(told.clone());
        disk.synced = disk.entries.len();
        let (commander, changes) = Commander::restore(told, wall);
        let mut serving = Self {
            started: now,
            commander,
            queue: Vec::new(),
            appended: 0,
            on_disk: 0,
            current: None,
            connections: Vec::new(),
            changes,
        };
        serving.note(Vec::new());
        serving
    }

    fn note(&mut self, changes: Vec<Change>) {
        self.queue.extend(self.commander.take_entries());
        self.changes.extend(changes);
    }

    pub(super) fn issue(&mut self, command: Command, now: Duration, wall: Timestamp) {
        let id = command.id.clone();
        if self.commander.watch(&id).is_none() && command.expires <= wall {
            return;
        }
        if matches!(self.commander.issue(command, Sender::User(None)), Ok((_, true))) {
            self.claim(&id, now);
        }
        self.note(Vec::new());
    }

    fn claim(&mut self, id: &CommandId, now: Duration) {
        let Some(epoch) = self.current else { return };
        let claimed = self.commander.claim(id, epoch, now - self.started);
        self.note(claimed.into_iter().collect());
    }

    fn send_queued(&mut self, now: Duration) {
        for command in self.commander.queued_for(&device()) {
            self.claim(&command.id, now);
        }
    }

    /// The journal's thread appends what waits.
    pub(super) fn append(&mut self, disk: &mut ServerDisk) {
        self.appended += self.queue.len() as u64;
        disk.entries.append(&mut self.queue);
    }

    /// It syncs, and what is on disk goes to the links.
    pub(super) fn sync(&mut self, disk: &mut ServerDisk, now: Duration) {
        self.append(disk);
        disk.synced = disk.entries.len();
        self.on_disk = self.appended;
        for (command, epoch) in self.commander.hand_over(self.on_disk, now - self.started) {
            let current = self.current == Some(epoch);
            match self
                .connections
                .iter_mut()
                .find(|connection| current && connection.epoch == Some(epoch) && !connection.over)
            {
                Some(connection) => connection.link.push_back(command),
                None => {
                    let change = self.commander.give_back(&command.id);
                    self.note(change.into_iter().collect());
                }
            }
        }
        self.note(Vec::new());
    }

    pub(super) fn tick(&mut self, now: Duration, wall: Timestamp) {
        // A later login has fenced it, and the connection notices.
        for at in 0..self.connections.len() {
            if self.connections[at].epoch.is_some_and(|epoch| self.current != Some(epoch)) {
                self.hang_up(at);
            }
        }
        let changes = self.commander.handle_timeout(now - self.started, wall);
        self.note(changes);
        self.send_queued(now);
    }

    pub(super) fn accept(&mut self, number: u64, now: Duration) {
        let session = ServerSession::new(Limits::default(), encoding_of(number), now - self.started);
        let (link, up, down) = (VecDeque::new(), Vec::new(), Vec::new());
        self.connections.push(Connection { number, session, epoch: None, link, up, down, welcomed: now, over: false });
    }

    /// The link sends what it has, and the session's bytes go onto the wire.
    pub(super) fn flush(&mut self, at: usize, wall: Timestamp) {
        let mut changes = Vec::new();
        let connection = &mut self.connections[at];
        while let Some(command) = connection.link.pop_front().filter(|_| !connection.over) {
            let refused = if command.expires <= wall {
                Some((Code::Expired, String::new()))
            } else {
                connection.session.command(&command).err().map(|refusal| (refusal.code, refusal.detail))
            };
            if let Some((code, reason)) = refused {
                let answer = Answer::Refused { code: code.to_string(), reason };
                changes.extend(self.commander.answered(&device(), &command.id, answer));
            }
        }
        connection.down.append(connection.session.transmit());
        self.note(changes);
    }

    /// A command goes out once more, whatever became of it.
    pub(super) fn repeat(&mut self, at: usize, command: &Command) {
        let connection = &mut self.connections[at];
        if connection.epoch.is_some() && !connection.over {
            let _ = connection.session.command(command);
        }
    }

    /// Bytes of the device arrive.
    pub(super) fn receive(&mut self, at: usize, bytes: &[u8], now: Duration, wall: Timestamp, epoch: &mut u64) {
        let moment = Moment { monotonic: now - self.started, wall };
        self.connections[at].session.receive(moment.monotonic, bytes);
        while let Some(event) = self.connections[at].session.poll(moment) {
            match event {
                ServerEvent::Hello(hello) => {
                    *epoch += 1;
                    self.current = Some(*epoch);
                    let connection = &mut self.connections[at];
                    (connection.epoch, connection.welcomed) = (Some(*epoch), now);
                    let (device, epoch) = (device(), *epoch);
                    let welcome = Welcome { device, epoch, time: wall, durable: 0, message_bytes: 1 << 20 };
                    connection.session.accept(welcome, hello.channels, 0);
                    self.send_queued(now);
                }
                ServerEvent::Answer { id, answer } if self.connections[at].epoch == self.current => {
                    let change = self.commander.answered(&device(), &id, answer);
                    self.note(change.into_iter().collect());
                }
                ServerEvent::Closed { .. } => return self.hang_up(at),
                _ => {}
            }
        }
    }

    /// The server sees that a connection is over.
    pub(super) fn hang_up(&mut self, at: usize) {
        let connection = &mut self.connections[at];
        if std::mem::replace(&mut connection.over, true) {
            return;
        }
        let (link, epoch) = (std::mem::take(&mut connection.link), connection.epoch);
        for command in link {
            let change = self.commander.give_back(&command.id);
            self.note(change.into_iter().collect());
        }
        if self.current == epoch {
            self.current = None;
        }
        if let Some(epoch) = epoch {
            let changes = self.commander.device_left(&device(), epoch);
            self.note(changes);
        }
    }

    /// It is stopped in good order.
    pub(super) fn shut_down(mut self, disk: &mut ServerDisk) -> Vec<Change> {
        for at in 0..self.connections.len() {
            self.hang_up(at);
        }
        let changes = self.commander.close();
        self.note(changes);
        self.append(disk);
        disk.synced = disk.entries.len();
        self.changes
    }
}
