//! How often something may happen: a few times at once, and then one more each so often.

use std::time::Duration;

/// A bucket that is filled by time. Full-policy: what it has no room for is up to its user to count.
#[derive(Debug, Default)]
pub(crate) struct Bucket {
    /// How many were taken since it was last full.
    used: u32,
    /// Up to when it was filled.
    filled: Duration,
}

impl Bucket {
    /// Whether one more may happen at `now`, where `most` may at once and then one `every` so often.
    pub(crate) fn take(&mut self, now: Duration, most: u32, every: Duration) -> bool {
        let since = now.saturating_sub(self.filled).as_nanos() / every.as_nanos().max(1);
        if since > 0 || self.used == 0 {
            self.used = self.used.saturating_sub(u32::try_from(since).unwrap_or(u32::MAX));
            self.filled = now;
        }
        if self.used >= most {
            return false;
        }
        self.used += 1;
        true
    }
}
