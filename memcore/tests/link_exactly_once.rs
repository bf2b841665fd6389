//! Exactly once, in pure sessions: links cut at any byte, repetitions, rows that are batched anew after each reconnect, gaps of
//! dropped rows, servers that forget what was not durable. No sockets, no clocks: thousands of outages in a second.

use std::collections::BTreeMap;
use std::time::Duration;

use memcore::model::{Channel, Timestamp, Unit};
use memcore::protocol::{DeviceEvent, DeviceSession, Encoding, Hello, Limits, Moment, ServerEvent, ServerSession, Welcome};

const NOW: Moment = Moment { monotonic: Duration::ZERO, wall: Timestamp::from_seconds(1_763_000_000) };
const BOOT: u64 = 7;

/// Numbers that look random and are the same in every run (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end
    }
}

fn channels() -> Vec<Channel> {
    ["power", "soc"].map(|name| Channel::gauge(name, Unit::Watt).unwrap().build().unwrap()).to_vec()
}

/// What a server has: rows that were taken, and up to where they are durable.
#[derive(Default)]
struct Stored {
    /// By the second at which the row was measured, which is its number: how often it was taken, and its value.
    rows: BTreeMap<i64, (u32, f64)>,
    taken: u64,
    durable: u64,
}

impl Stored {
    /// The server is killed: what was not durable is gone.
    fn forget(&mut self) {
        self.taken = self.durable;
        self.rows.retain(|second, _| *second <= self.durable as i64);
    }
}

/// What a device keeps: every number that is not durable and was not dropped.
struct Kept {
    numbers: Vec<u64>,
    next: u64,
}

impl Kept {
    fn measure(&mut self, dice: &mut Dice) {
        for _ in 0..dice.below(40) {
            self.numbers.push(self.next);
            // Now and then rows were dropped, or a restart began beyond a gap.
            self.next += 1 + if dice.below(15) == 0 { dice.below(5) } else { 0 };
        }
    }

    fn is_acknowledged(&mut self, upto: u64) {
        self.numbers.retain(|number| *number > upto);
    }

    /// Sends all that is kept, in messages that are cut anew each time, some of them twice, and some earlier ones again.
    fn send(&self, device: &mut DeviceSession, dice: &mut Dice) {
        let value = |number: u64| [Some(number as f64 / 7.0), None];
        let mut runs: Vec<&[u64]> = self.numbers.chunk_by(|one, next| one + 1 == *next).collect();
        let mut sent: Vec<&[u64]> = Vec::new();
        while !runs.is_empty() {
            let run = runs.remove(0);
            let (message, rest) = run.split_at((1 + dice.below(9) as usize).min(run.len()));
            if !rest.is_empty() {
                runs.insert(0, rest);
            }
            sent.push(message);
            let mut messages = vec![message];
            while dice.below(4) == 0 {
                messages.push(sent[dice.below(sent.len() as u64) as usize]);
            }
            for message in messages {
                let values: Vec<_> = message.iter().flat_map(|number| value(*number)).collect();
                let times: Vec<_> = message.iter().map(|number| Timestamp::from_seconds(*number as i64)).collect();
                device.send_rows(message[0], &times, &values);
            }
        }
    }
}

/// One session: from the hello to the cut, which may come at any byte of either direction.
fn session(kept: &mut Kept, stored: &mut Stored, dice: &mut Dice) {
    let encoding = if dice.below(2) == 0 { Encoding::Cbor } else { Encoding::JsonLines };
    let hello = Hello { version: 1, credential: None, device: None, boot: BOOT, channels: channels() };
    let mut device = DeviceSession::new(hello, encoding, Duration::ZERO);
    let mut server = ServerSession::new(Limits::default(), encoding, Duration::ZERO);
    let (mut up, mut down) = (dice.below(6000), dice.below(900));
    // A hello and its welcome alone take some hundred bytes: mostly the cut comes behind them.
    (up, down) = (up + 200, down + 100);
    for _ in 0..20 {
        let mut bytes = std::mem::take(device.transmit());
        bytes.truncate(up as usize);
        up -= bytes.len() as u64;
        for piece in bytes.chunks(1 + dice.below(700) as usize) {
            server.receive(Duration::ZERO, piece);
            heed_device(&mut server, stored);
        }
        stored.durable = stored.durable.max(stored.taken - dice.below(stored.taken - stored.durable + 1));
        if dice.below(2) == 0 {
            server.ack(stored.durable);
        }
        let mut bytes = std::mem::take(server.transmit());
        bytes.truncate(down as usize);
        down -= bytes.len() as u64;
        device.receive(Duration::ZERO, &bytes);
        heed_server(&mut device, kept, dice);
        if up == 0 || down == 0 {
            return;
        }
    }
}

fn heed_device(server: &mut ServerSession, stored: &mut Stored) {
    while let Some(event) = server.poll(NOW) {
        match event {
            ServerEvent::Hello(hello) => {
                let (device, durable) = ("home1.hem".parse().unwrap(), stored.durable);
                let welcome = Welcome { device, epoch: 1, time: NOW.wall, durable, message_bytes: 1 << 20 };
                server.accept(welcome, hello.channels, stored.taken);
            }
            ServerEvent::Data(batch) => {
                for (row, time) in batch.times().iter().enumerate() {
                    let taken = stored.rows.entry(time.as_micros() / 1_000_000).or_insert((0, 0.0));
                    *taken = (taken.0 + 1, batch.column(0)[row].unwrap());
                }
                stored.taken = batch.position().unwrap().sequence;
            }
            other => panic!("{other:?}"),
        }
    }
}

fn heed_server(device: &mut DeviceSession, kept: &mut Kept, dice: &mut Dice) {
    while let Some(event) = device.poll().unwrap() {
        match event {
            DeviceEvent::Welcome(welcome) => {
                kept.is_acknowledged(welcome.durable);
                kept.send(device, dice);
            }
            DeviceEvent::Ack(upto) => kept.is_acknowledged(upto),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn whatever_happens_to_the_link_each_row_is_taken_once_and_in_order() {
    for seed in 0..150 {
        let (mut dice, mut stored) = (Dice(seed), Stored::default());
        let mut kept = Kept { numbers: Vec::new(), next: 1 };
        let mut measured = Vec::new();
        for outage in 0..40 {
            let before = kept.numbers.len();
            if outage < 35 {
                kept.measure(&mut dice);
            }
            measured.extend_from_slice(&kept.numbers[before..]);
            session(&mut kept, &mut stored, &mut dice);
            if dice.below(6) == 0 {
                stored.forget();
            }
        }
        // In the end the link holds until everything is acknowledged.
        while !kept.numbers.is_empty() {
            session(&mut kept, &mut stored, &mut dice);
        }
        let expected: Vec<_> = measured.iter().map(|number| (*number as i64, (1, *number as f64 / 7.0))).collect();
        let found: Vec<_> = stored.rows.into_iter().collect();
        assert_eq!(found, expected, "seed {seed}");
    }
}
