//! Who guesses passwords is told to wait, longer and longer. Time is an argument.
//!
//! A try counts from its beginning, so that a thousand at once are no more than one; it is forgiven when it was right. Tries are counted
//! by the address they come from and by the user they name. From where a user has signed in before, guesses that others make at the
//! name do not count: nobody can be locked out of a place of their own.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use super::caller::UserName;

/// Tries in a row that need not wait: people mistype.
const FREE: u32 = 5;
/// The wait after the next one; it doubles with each.
const FIRST: Duration = Duration::from_secs(1);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(60);
/// After so long without a try all are forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(900);
/// Addresses, users, and places of users that are remembered. Full-policy: a half is forgotten, those of longest ago.
const REMEMBERED_MAX: usize = 4096;

/// What is remembered of tries.
#[derive(Debug, Default)]
pub(super) struct Guesses {
    addresses: Suspects<IpAddr>,
    /// Users, from where they are not known; and from each place where they are.
    users: Suspects<(UserName, Option<IpAddr>)>,
    /// From where users have signed in, and when last.
    places: Suspects<(UserName, IpAddr)>,
}

impl Guesses {
    /// A try begins.
    ///
    /// # Errors
    /// How long it is still to wait; then it does not count.
    pub(super) fn begin(&mut self, user: &UserName, from: Option<IpAddr>, now: Duration) -> Result<(), Duration> {
        let from = from.map(source);
        let known = from.filter(|from| self.places.remembers(&(user.clone(), *from)));
        let aimed = (user.clone(), known);
        let wait = from.map_or(Duration::ZERO, |from| self.addresses.wait(&from, now)).max(self.users.wait(&aimed, now));
        if !wait.is_zero() {
            return Err(wait);
        }
        if let Some(from) = from {
            self.addresses.count(from, now);
        }
        self.users.count(aimed, now);
        Ok(())
    }

    /// It was right.
    pub(super) fn right(&mut self, user: &UserName, from: Option<IpAddr>, now: Duration) {
        self.users.forgive(&(user.clone(), None));
        if let Some(from) = from.map(source) {
            self.users.forgive(&(user.clone(), Some(from)));
            self.addresses.forgive(&from);
            self.places.count((user.clone(), from), now);
        }
    }
}

/// Who has one address of the sixth version has 2^64 of them.
fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        v4 => v4,
    }
}

/// How often each tried, and when last.
#[derive(Debug)]
struct Suspects<K>(HashMap<K, (u32, Duration)>);

impl<K> Default for Suspects<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Eq + Hash> Suspects<K> {
    fn remembers(&self, suspect: &K) -> bool {
        self.0.contains_key(suspect)
    }

    fn wait(&self, suspect: &K, now: Duration) -> Duration {
        let Some((tries, last)) = self.0.get(suspect) else { return Duration::ZERO };
        let passed = now.saturating_sub(*last);
        if passed >= FORGET_AFTER { Duration::ZERO } else { wait_after(*tries).saturating_sub(passed) }
    }

    fn count(&mut self, suspect: K, now: Duration) {
        if self.0.len() >= REMEMBERED_MAX && !self.0.contains_key(&suspect) {
            self.make_room();
        }
        let (tries, last) = self.0.entry(suspect).or_insert((0, now));
        if now.saturating_sub(*last) >= FORGET_AFTER {
            *tries = 0;
        }
        (*tries, *last) = (tries.saturating_add(1), now);
    }

    fn forgive(&mut self, suspect: &K) {
        self.0.remove(suspect);
    }

    /// A half goes, so that making room is rare.
    fn make_room(&mut self) {
        let mut times: Vec<Duration> = self.0.values().map(|(_, last)| *last).collect();
        let middle = times.len() / 2;
        let (_, median, _) = times.select_nth_unstable(middle);
        let median = *median;
        self.0.retain(|_, (_, last)| *last > median);
    }
}

fn wait_after(tries: u32) -> Duration {
    match tries.checked_sub(FREE) {
        None => Duration::ZERO,
        Some(more) => FIRST.saturating_mul(1 << more.min(16)).min(LONGEST),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eva() -> UserName {
        UserName::new("eva").unwrap()
    }

    fn address(n: u8) -> Option<IpAddr> {
        Some(IpAddr::from([192, 0, 2, n]))
    }

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_few_mistakes_are_free_and_then_the_waits_double_up_to_a_minute() {
        let mut guesses = Guesses::default();
        let mut now = s(1000);
        let mut waits = Vec::new();
        for _ in 0..14 {
            if let Err(wait) = guesses.begin(&eva(), address(1), now) {
                waits.push(wait.as_secs());
                now += wait;
                guesses.begin(&eva(), address(1), now).unwrap();
            }
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        now += FORGET_AFTER;
        for _ in 0..FREE {
            guesses.begin(&eva(), address(1), now).unwrap();
        }
    }

    #[test]
    fn many_at_once_are_no_more_than_some_in_a_row() {
        let mut guesses = Guesses::default();
        let taken = (0..1000).filter(|_| guesses.begin(&eva(), address(1), s(0)).is_ok()).count();
        assert_eq!(taken, 5);
    }

    #[test]
    fn a_thousand_addresses_guess_at_one_user_no_faster_than_one_and_do_not_lock_her_out_at_home() {
        let mut guesses = Guesses::default();
        guesses.begin(&eva(), address(200), s(0)).unwrap();
        guesses.right(&eva(), address(200), s(0));
        let taken = (0..100).filter(|n| guesses.begin(&eva(), address(*n), s(1)).is_ok()).count();
        assert_eq!(taken, 5);
        guesses.begin(&eva(), address(200), s(1)).unwrap();
        let other = UserName::new("bob").unwrap();
        guesses.begin(&other, address(201), s(1)).unwrap();
    }

    #[test]
    fn who_signs_in_in_between_guesses_at_a_neighbour_no_faster() {
        let mut guesses = Guesses::default();
        let bob = UserName::new("bob").unwrap();
        guesses.begin(&eva(), address(1), s(0)).unwrap();
        guesses.right(&eva(), address(1), s(0));
        let mut taken = 0;
        for _ in 0..50 {
            taken += usize::from(guesses.begin(&eva(), address(1), s(1)).is_ok());
            let _ = guesses.begin(&bob, address(1), s(1));
            guesses.right(&bob, address(1), s(1));
        }
        assert_eq!(taken, 5);
    }

    #[test]
    fn one_address_guesses_at_a_thousand_users_no_faster_than_at_one() {
        let mut guesses = Guesses::default();
        let named = |n: u32| UserName::new(&format!("user{n}")).unwrap();
        assert_eq!((0..1000).filter(|n| guesses.begin(&named(*n), address(1), s(0)).is_ok()).count(), 5);
        let v6 = |n: u128| Some(IpAddr::V6(Ipv6Addr::from_bits((0x2001_0db8 << 96) | n)));
        assert_eq!((0..1000).filter(|n| guesses.begin(&named(2000 + n), v6(u128::from(*n)), s(0)).is_ok()).count(), 5);
    }

    #[test]
    fn a_hundred_thousand_addresses_take_no_more_room_than_four_thousand() {
        let mut guesses = Guesses::default();
        for n in 0..100_000_u32 {
            let (from, now) = (IpAddr::from(n.to_be_bytes()), Duration::from_micros(u64::from(n)));
            let user = UserName::new(&format!("user{n}")).unwrap();
            let _ = guesses.begin(&user, Some(from), now);
            guesses.right(&user, Some(from), now);
            let _ = guesses.begin(&user, Some(from), now);
        }
        assert!(guesses.addresses.0.len() <= REMEMBERED_MAX && guesses.places.0.len() <= REMEMBERED_MAX);
        // All at one moment, too.
        let mut guesses = Guesses::default();
        for n in 0..10_000_u32 {
            let _ = guesses.begin(&UserName::new(&format!("user{n}")).unwrap(), Some(IpAddr::from(n.to_be_bytes())), s(0));
        }
        assert!(guesses.users.0.len() <= REMEMBERED_MAX);
    }
}
