//! The least and the most of the last while.

use std::time::Duration;

const BUCKETS: usize = 5;

/// The least and the most over a length of time, and up to a quarter of it more.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Window {
    buckets: [Option<(f64, f64)>; BUCKETS],
    at: usize,
    began: Duration,
}

impl Window {
    /// Takes a value in that holds now.
    pub(super) fn put(&mut self, value: f64, now: Duration, length: Duration) {
        let bucket = (length / (BUCKETS as u32 - 1)).max(Duration::from_millis(1));
        for _ in 0..BUCKETS {
            if now.saturating_sub(self.began) < bucket {
                break;
            }
            self.at = (self.at + 1) % BUCKETS;
            (self.buckets[self.at], self.began) = (None, self.began + bucket);
        }
        if now.saturating_sub(self.began) >= bucket {
            self.began = now;
        }
        let (least, most) = self.buckets[self.at].unwrap_or((value, value));
        self.buckets[self.at] = Some((least.min(value), most.max(value)));
    }

    /// The least and the most; None where nothing was taken in.
    pub(super) fn extent(&self) -> Option<(f64, f64)> {
        self.buckets.iter().flatten().copied().reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)))
    }
}
