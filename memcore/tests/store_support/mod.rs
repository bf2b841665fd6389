//! What the tests of the store share: short ways to say devices, batches and queries.
#![allow(dead_code, unreachable_pub, reason = "each test file uses some of it")]

use std::sync::Arc;

use memcore::model::{Batch, Channel, ChannelName, DeviceName, Pattern, SequencePosition, Timestamp, Unit};
use memcore::store::{Query, Store};

pub fn device(name: &str) -> DeviceName {
    name.parse().unwrap()
}

pub fn pattern(text: &str) -> Pattern {
    text.parse().unwrap()
}

pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

pub fn names(channels: &[&str]) -> Arc<[ChannelName]> {
    channels.iter().map(|name| ChannelName::new(name).unwrap()).collect()
}

pub fn watts(channels: &[&str]) -> Vec<Channel> {
    channels.iter().map(|name| Channel::gauge(name, Unit::Watt).unwrap().build().unwrap()).collect()
}

/// Rows of one channel, `power`.
pub fn power(of: &str, rows: &[(i64, f64)]) -> Batch {
    let times = rows.iter().map(|(seconds, _)| at(*seconds)).collect();
    let values = rows.iter().map(|(_, value)| Some(*value)).collect();
    Batch::new(device(of), names(&["power"]), times, values).unwrap()
}

pub fn numbered(batch: Batch, boot: u64, sequence: u64) -> Batch {
    batch.at(SequencePosition { boot, sequence })
}

/// Seconds and values of a raw query.
pub fn rows(store: &Store, query: Query) -> Vec<(i64, f64)> {
    let result = store.query(&query).unwrap();
    let series = result.series();
    let pairs = |s: &memcore::store::SeriesResult| {
        let times: Vec<i64> = s.times().values().iter().map(|t| t.div_euclid(1_000_000)).collect();
        times.into_iter().zip(s.values().unwrap().values().to_vec()).collect::<Vec<_>>()
    };
    series.iter().flat_map(pairs).collect()
}

/// Small numbers that look random: the same for the same seed.
#[derive(Debug)]
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound
    }
}
