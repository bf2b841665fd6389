//! How often one may ask: requests a second of each caller, and of each address that has proved nothing.
//!
//! Each has a bucket that fills at its rate and that a request takes one from. There is room for a fixed number of buckets: the oldest
//! half is forgotten when they are full, so that a flood of addresses costs memory no more than it costs them their own limit.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::mem;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::Duration;

/// Buckets in each half.
const BUCKETS: usize = 8192;
/// How many seconds' worth of requests may come at once.
const BURST_SECONDS: f64 = 10.0;
/// What an address that has proved nothing may ask a second: signing in, health, the page.
const UNPROVED_PER_S: f64 = 20.0;

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub(super) enum Asker<'a> {
    /// A user, with whatever session.
    User(&'a str),
    /// A token.
    Token(&'a str),
    /// An address that has proved nothing.
    Address(IpAddr),
}

/// The buckets.
#[derive(Debug)]
pub(super) struct Limits {
    /// Requests a second of a caller; no limit where it is 0.
    per_second: f64,
    hasher: RandomState,
    buckets: Mutex<Halves>,
}

#[derive(Debug, Default)]
struct Halves {
    new: HashMap<u64, Bucket>,
    old: HashMap<u64, Bucket>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: Duration,
}

impl Limits {
    pub(super) fn new(per_second: f64) -> Self {
        Self { per_second, hasher: RandomState::new(), buckets: Mutex::default() }
    }

    /// Takes one request out of the asker's bucket at that time of a monotonic clock. Where there is none left, after how long there is.
    pub(super) fn take(&self, asker: Asker<'_>, now: Duration) -> Result<(), Duration> {
        let per_second = match asker {
            Asker::User(_) | Asker::Token(_) => self.per_second,
            Asker::Address(_) => UNPROVED_PER_S,
        };
        if self.per_second == 0.0 {
            return Ok(());
        }
        let key = match asker {
            Asker::User(user) => self.hasher.hash_one((0u8, user)),
            Asker::Token(id) => self.hasher.hash_one((1u8, id)),
            Asker::Address(address) => self.hasher.hash_one((2u8, network(address))),
        };
        self.buckets.lock().unwrap_or_else(|e| e.into_inner()).bucket(key, per_second, now).take(per_second, now)
    }
}

impl Halves {
    fn bucket(&mut self, key: u64, per_second: f64, now: Duration) -> &mut Bucket {
        if !self.new.contains_key(&key) {
            let full = Bucket { left: per_second * BURST_SECONDS, at: now };
            let bucket = self.old.remove(&key).unwrap_or(full);
            if self.new.len() >= BUCKETS {
                self.old = mem::take(&mut self.new);
            }
            self.new.insert(key, bucket);
        }
        self.new.entry(key).or_insert(Bucket { left: 0.0, at: now })
    }
}

impl Bucket {
    fn take(&mut self, per_second: f64, now: Duration) -> Result<(), Duration> {
        let filled = now.saturating_sub(self.at).as_secs_f64() * per_second;
        self.left = (self.left + filled).min(per_second * BURST_SECONDS);
        self.at = now;
        if self.left >= 1.0 {
            self.left -= 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f64((1.0 - self.left) / per_second))
    }
}

/// Who has one address of IPv6 has all of its /64.
fn network(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits() >> 64 << 64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_caller_has_ten_seconds_worth_at_once_and_then_its_rate() {
        let limits = Limits::new(5.0);
        let token = Asker::Token("t1");
        assert_eq!((0..60).filter(|_| limits.take(token, SECOND).is_ok()).count(), 50);
        let wait = limits.take(token, SECOND).unwrap_err();
        assert_eq!(wait, Duration::from_millis(200));
        assert!(limits.take(token, SECOND + wait).is_ok());
        assert_eq!((0..60).filter(|_| limits.take(token, SECOND * 1000).is_ok()).count(), 50);
        assert!(limits.take(Asker::User("t1"), SECOND).is_ok(), "a user of the same name is another");
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let limits = Limits::new(1.0);
        let of = |text: &str| Asker::Address(text.parse().unwrap());
        let taken = (0..500).filter(|n| limits.take(of(&format!("2001:db8::{n:x}")), SECOND).is_ok()).count();
        assert_eq!(taken, 200);
        assert!(limits.take(of("2001:db8:0:1::1"), SECOND).is_ok());
        assert!(limits.take(of("192.0.2.1"), SECOND).is_ok());
    }

    #[test]
    fn buckets_are_bounded_and_the_recent_stay() {
        let limits = Limits::new(1.0);
        let drained = Asker::Token("busy");
        while limits.take(drained, SECOND).is_ok() {}
        for n in 0..50_000u32 {
            let _ = limits.take(Asker::Address(IpAddr::from(n.to_be_bytes())), SECOND);
            if n % 1000 == 0 {
                assert!(limits.take(drained, SECOND).is_err(), "who keeps asking is not forgotten");
            }
        }
        let halves = limits.buckets.lock().unwrap();
        assert!(halves.new.len() + halves.old.len() <= 2 * BUCKETS);
    }

    #[test]
    fn no_rate_is_no_limit() {
        let limits = Limits::new(0.0);
        assert!((0..100_000).all(|_| limits.take(Asker::Token("t"), SECOND).is_ok()));
    }
}
