//! What strangers and flapping devices can make the trail say: so much and no more. Time is an argument.

use std::time::Duration;

use super::act::Act;

/// Lines of one kind that may come at once.
const BURST: f64 = 1000.0;
/// One more each ten seconds: less than 3 MB a day of each kind, whatever happens.
const PER_SECOND: f64 = 0.1;
/// How often it is told what was only counted.
const COUNTED_EVERY: Duration = Duration::from_secs(60);

/// The kinds that others cause: login, refused login, takeover, quota, sign-in, refused sign-in.
const KINDS: usize = 6;

/// Which lines are told and which are counted.
#[derive(Debug, Default)]
pub(super) struct Rations {
    spent: [f64; KINDS],
    at: Duration,
    counted: [u64; KINDS],
    told_at: Option<Duration>,
}

fn rationed(act: &Act) -> Option<usize> {
    match act {
        Act::Login { .. } => Some(0),
        Act::LoginRefused { .. } => Some(1),
        Act::Takeover { .. } => Some(2),
        Act::Quota { .. } => Some(3),
        Act::SignedIn { .. } => Some(4),
        Act::SignInRefused { .. } => Some(5),
        _ => None,
    }
}

impl Rations {
    /// Whether that is told; where not, it is counted. `room` is whether there is place for what may be counted instead.
    pub(super) fn tells(&mut self, act: &Act, room: bool, now: Duration) -> bool {
        let Some(kind) = rationed(act) else { return true };
        let passed = now.saturating_sub(self.at).as_secs_f64();
        self.at = now;
        self.spent.iter_mut().for_each(|spent| *spent = (*spent - passed * PER_SECOND).max(0.0));
        let tells = room && self.spent[kind] + 1.0 <= BURST;
        if tells {
            self.spent[kind] += 1.0;
        } else {
            self.counted[kind] += 1;
        }
        tells
    }

    /// What was counted, once a minute at most, or at once at the `end`.
    pub(super) fn counted(&mut self, end: bool, now: Duration) -> Option<Act> {
        let early = self.told_at.is_some_and(|at| now.saturating_sub(at) < COUNTED_EVERY);
        if self.counted == [0; KINDS] || (early && !end) {
            return None;
        }
        self.told_at = Some(now);
        let [logins, refused_logins, takeovers, quotas, sign_ins, refused_sign_ins] = std::mem::take(&mut self.counted);
        Some(Act::Counted { logins, refused_logins, takeovers, quotas, sign_ins, refused_sign_ins })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login() -> Act {
        let (device, address) = ("home1.hem".parse().unwrap(), ([127, 0, 0, 1], 1).into());
        Act::Login { device, proof: "0011".into(), address, epoch: 1 }
    }

    fn revoked() -> Act {
        Act::Revoked { device: "home1.hem".parse().unwrap() }
    }

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_storm_of_logins_is_counted_and_what_people_do_is_told_all_the_same() {
        let mut rations = Rations::default();
        let told = (0..10_000).filter(|_| rations.tells(&login(), true, s(0))).count();
        assert_eq!(told, 1000);
        assert!(rations.tells(&revoked(), false, s(0)));
        let counted =
            Act::Counted { logins: 9000, refused_logins: 0, takeovers: 0, quotas: 0, sign_ins: 0, refused_sign_ins: 0 };
        assert_eq!(rations.counted(false, s(0)), Some(counted));
        assert_eq!(rations.counted(false, s(1)), None);
    }

    #[test]
    fn a_day_of_guessing_is_some_thousand_lines() {
        let mut rations = Rations::default();
        let told = (0..864_000).filter(|tenth| rations.tells(&login(), true, s(*tenth) / 10)).count();
        assert!((9_600..9_700).contains(&told), "{told}");
        let mut tellings = 0;
        for second in 0..3600 {
            rations.tells(&login(), false, s(86_400 + second));
            tellings += usize::from(rations.counted(false, s(86_400 + second)).is_some());
        }
        assert_eq!(tellings, 60);
        rations.tells(&login(), false, s(90_000));
        assert!(rations.counted(true, s(90_000)).is_some(), "nothing is left untold at the end");
    }
}
