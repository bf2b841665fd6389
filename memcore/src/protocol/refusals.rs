//! How many refusals a device is told: a peer that sends nothing but faults must not get more out than it put in.

use std::time::Duration;

use super::bucket::Bucket;
use super::problem::Problem;

/// What is told: the number of the message, what was wrong with it, and how many before it were only counted.
pub(crate) type Told = (Option<u64>, Problem, u64);

/// The refusals of a session that may be told. Full-policy: what is beyond them is counted (P31).
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    bucket: Bucket,
    omitted: u64,
    /// The last one that was only counted, to be told with the count.
    last: Option<(Option<u64>, Problem)>,
}

impl Refusals {
    /// Takes one refusal that came up at `now`; gives it back where it is to be told.
    pub(crate) fn tell(
        &mut self,
        refusal: (Option<u64>, Problem),
        now: Duration,
        most: u32,
        every: Duration,
    ) -> Option<Told> {
        if !self.bucket.take(now, most, every) {
            self.omitted += 1;
            self.last = Some(refusal);
            return None;
        }
        self.last = None;
        Some((refusal.0, refusal.1, std::mem::take(&mut self.omitted)))
    }

    /// Counts refusals that nobody wrote down one by one.
    pub(crate) fn omit(&mut self, count: u64) {
        self.omitted += count;
    }

    /// What is left to be told when the messages concerned are acknowledged.
    pub(crate) fn settle(&mut self) -> Option<Told> {
        let (sequence, problem) = self.last.take()?;
        Some((sequence, problem, std::mem::take(&mut self.omitted) - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Code;

    fn fault() -> (Option<u64>, Problem) {
        (Some(7), Problem { channel: None, code: Code::BadValue, detail: String::new() })
    }

    #[test]
    fn a_flood_is_counted_and_the_count_is_told() {
        let mut refusals = Refusals::default();
        let second = Duration::from_secs(1);
        let told = (0..10).filter_map(|_| refusals.tell(fault(), second, 3, second)).count();
        assert_eq!(told, 3);
        assert_eq!(refusals.settle().map(|told| told.2), Some(6));
        assert_eq!(refusals.settle(), None);
        refusals.omit(4);
        assert_eq!(refusals.tell(fault(), second * 2, 3, second).map(|told| told.2), Some(4));
        assert_eq!(refusals.tell(fault(), second * 2, 3, second), None);
        assert_eq!(refusals.tell(fault(), second * 60, 3, second).map(|told| told.2), Some(1));
    }
}
