//! Wrong credentials are answered later and later. Time and chance are arguments.
//!
//! A secret cannot be guessed; this keeps those who try from costing anything. Who shows a good proof is never made to wait,
//! unless his own address has as many wrong ones waiting for their answers as are allowed.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Mutex;
use std::time::Duration;

use super::credentials::chance;
use crate::model::DeviceName;

/// The wait after the first wrong credential; it doubles with each.
const FIRST: Duration = Duration::from_millis(100);
/// The longest wait, before chance makes it half as long or half as long again.
const LONGEST: Duration = Duration::from_secs(5);
/// After so long without a wrong credential all are forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(600);
/// Wrong credentials of one address that wait for their answers. Full-policy: no more of it are looked at meanwhile.
const WAITING_MAX: u32 = 8;
/// Addresses, and devices, that are remembered. Full-policy: forget those that were wrong longest ago.
const REMEMBERED_MAX: usize = 4096;

/// What is remembered of wrong credentials.
#[derive(Debug, Default)]
pub(super) struct Guesses {
    sources: Suspects<IpAddr>,
    /// Whom guesses were aimed at: from a thousand addresses they are as slow as from one.
    devices: Suspects<DeviceName>,
    /// As many entries as there are unproved connections at most.
    waiting: HashMap<IpAddr, u32>,
}

impl Guesses {
    /// Whether a credential from there is looked at now.
    pub(super) fn may_try(&self, address: IpAddr) -> bool {
        self.waiting.get(&source(address)).is_none_or(|waiting| *waiting < WAITING_MAX)
    }

    /// A credential from there, which named that device or none, was wrong: how long its answer is to wait. `chance` lies
    /// from 0 to 1. Follow with [`answered`](Self::answered).
    pub(super) fn failed(&mut self, address: IpAddr, named: Option<&DeviceName>, now: Duration, chance: f64) -> Duration {
        let source = source(address);
        *self.waiting.entry(source).or_default() += 1;
        let aimed = named.map_or(0, |device| self.devices.failed(device.clone(), now));
        let wait = wait_after(self.sources.failed(source, now).max(aimed));
        wait.mul_f64(0.5 + chance.clamp(0.0, 1.0))
    }

    /// The answer was given, or nobody is there any more to hear it.
    pub(super) fn answered(&mut self, address: IpAddr) {
        let source = source(address);
        if let Some(waiting) = self.waiting.get_mut(&source) {
            *waiting -= 1;
            if *waiting == 0 {
                self.waiting.remove(&source);
            }
        }
    }
}

/// The guesses at one gateway.
#[derive(Debug, Default)]
pub(super) struct Watch(Mutex<Guesses>);

impl Watch {
    fn with<T>(&self, look: impl FnOnce(&mut Guesses) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(|e| e.into_inner()))
    }

    /// As [`Guesses::may_try`].
    pub(super) fn may_try(&self, address: IpAddr) -> bool {
        self.with(|guesses| guesses.may_try(address))
    }

    /// As [`Guesses::failed`]; dropping what is returned is the answer.
    pub(super) fn wrong(&self, address: IpAddr, named: Option<&DeviceName>, now: Duration) -> Late<'_> {
        let wait = self.with(|guesses| guesses.failed(address, named, now, chance()));
        Late { watch: self, address, wait }
    }
}

/// A wrong credential that waits for its answer.
#[derive(Debug)]
pub(super) struct Late<'a> {
    watch: &'a Watch,
    address: IpAddr,
    /// For how long.
    pub(super) wait: Duration,
}

/// Also where nobody is there any more to hear it.
impl Drop for Late<'_> {
    fn drop(&mut self) {
        self.watch.with(|guesses| guesses.answered(self.address));
    }
}

fn wait_after(failures: u32) -> Duration {
    let doubled = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(16));
    doubled.min(LONGEST)
}

/// Who has one address of the sixth version has 2^64 of them.
fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        v4 => v4,
    }
}

/// How often each was wrong, and when last.
#[derive(Debug)]
struct Suspects<K>(HashMap<K, (u32, Duration)>);

impl<K> Default for Suspects<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Eq + Hash> Suspects<K> {
    /// Wrong once more: how often it was by now.
    fn failed(&mut self, suspect: K, now: Duration) -> u32 {
        if self.0.len() >= REMEMBERED_MAX && !self.0.contains_key(&suspect) {
            self.make_room(now);
        }
        let (failures, last) = self.0.entry(suspect).or_insert((0, now));
        if now.saturating_sub(*last) >= FORGET_AFTER {
            *failures = 0;
        }
        (*failures, *last) = (failures.saturating_add(1), now);
        *failures
    }

    /// A half goes, so that making room is rare.
    fn make_room(&mut self, now: Duration) {
        let mut ages: Vec<Duration> = self.0.values().map(|(_, last)| now.saturating_sub(*last)).collect();
        let (_, middle, _) = ages.select_nth_unstable(REMEMBERED_MAX / 2);
        let (middle, mut room) = (*middle, REMEMBERED_MAX / 2);
        // Of many that are equally old only as many go as must.
        self.0.retain(|_, (_, last)| {
            let goes = room > 0 && now.saturating_sub(*last) >= middle;
            room -= usize::from(goes);
            !goes
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    /// One wrong credential, answered before the next.
    fn wrong(guesses: &mut Guesses, from: IpAddr, named: Option<&DeviceName>, now: u64) -> f64 {
        let wait = guesses.failed(from, named, Duration::from_secs(now), 0.5);
        guesses.answered(from);
        wait.as_secs_f64()
    }

    #[test]
    fn each_wrong_credential_is_answered_later_up_to_five_seconds_and_quiet_is_forgiven() {
        let mut guesses = Guesses::default();
        let waits: Vec<f64> = (0..9).map(|now| wrong(&mut guesses, address(1), None, now)).collect();
        assert_eq!(waits, [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]);
        assert_eq!(wrong(&mut guesses, address(2), None, 9), 0.1, "another address has nothing to do with it");
        assert_eq!(wrong(&mut guesses, address(1), None, 8 + 599), 5.0);
        assert_eq!(wrong(&mut guesses, address(1), None, 8 + 599 + 600), 0.1);
    }

    #[test]
    fn chance_spreads_the_answers_by_half_to_both_sides() {
        let mut guesses = Guesses::default();
        let mut at = |chance| guesses.failed(address(1), None, Duration::ZERO, chance);
        assert_eq!((at(0.0), at(1.0)), (Duration::from_millis(50), Duration::from_millis(300)));
        assert!(at(f64::MAX) <= Duration::from_secs(8));
    }

    #[test]
    fn guesses_at_one_device_are_slow_from_however_many_addresses() {
        let (mut guesses, hem) = (Guesses::default(), "home1.hem".parse().unwrap());
        let waits: Vec<f64> = (0..7).map(|n| wrong(&mut guesses, address(n), Some(&hem), 0)).collect();
        assert_eq!(waits, [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0]);
    }

    #[test]
    fn one_address_has_eight_waiting_and_others_are_looked_at_all_the_same() {
        let mut guesses = Guesses::default();
        for _ in 0..8 {
            assert!(guesses.may_try(address(1)));
            guesses.failed(address(1), None, Duration::ZERO, 0.5);
        }
        assert!(!guesses.may_try(address(1)));
        assert!(guesses.may_try(address(2)), "a device elsewhere is not held back");
        guesses.answered(address(1));
        assert!(guesses.may_try(address(1)));
        (0..8).for_each(|_| guesses.answered(address(1)));
        assert!(guesses.waiting.is_empty());
    }

    #[test]
    fn a_network_of_the_sixth_version_is_one_guesser_and_a_mapped_address_is_the_fourth() {
        let mut guesses = Guesses::default();
        assert_eq!(wrong(&mut guesses, "2001:db8::1".parse().unwrap(), None, 0), 0.1);
        assert_eq!(wrong(&mut guesses, "2001:db8::ffff:ffff:ffff:ffff".parse().unwrap(), None, 0), 0.2);
        assert_eq!(wrong(&mut guesses, "2001:db8:0:1::1".parse().unwrap(), None, 0), 0.1);
        assert_eq!(wrong(&mut guesses, address(1), None, 0), 0.1);
        assert_eq!(wrong(&mut guesses, "::ffff:192.0.2.1".parse().unwrap(), None, 0), 0.2);
    }

    #[test]
    fn a_hundred_thousand_addresses_take_no_more_room_than_four_thousand_and_the_latest_are_remembered() {
        let mut guesses = Guesses::default();
        for n in 0..100_000_u32 {
            let from = IpAddr::from(n.to_be_bytes());
            guesses.failed(from, None, Duration::from_micros(u64::from(n)), 0.5);
            guesses.answered(from);
        }
        assert!(guesses.sources.0.len() <= REMEMBERED_MAX && guesses.waiting.is_empty());
        assert!(guesses.sources.0.contains_key(&IpAddr::from(99_999_u32.to_be_bytes())));
        // All at one moment, too.
        let mut guesses = Guesses::default();
        for n in 0..10_000_u32 {
            guesses.failed(IpAddr::from(n.to_be_bytes()), None, Duration::ZERO, 0.5);
        }
        assert!(guesses.sources.0.len() <= REMEMBERED_MAX);
    }
}
