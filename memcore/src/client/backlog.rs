//! What was measured and is not durable at the server yet: bounded, in order, numbered.

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::Timestamp;

/// One row with its number.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) sequence: u64,
    pub(crate) time: Timestamp,
    pub(crate) values: Vec<Option<f64>>,
    /// When it was kept, by the monotonic clock.
    kept: Duration,
}

/// How many delays are remembered. Full-policy: the oldest is forgotten.
const DELAYS: usize = 4096;

/// Rows from the oldest that is not durable to the newest. Full-policy: refuse; the caller waits or drops.
#[derive(Debug)]
pub(crate) struct Backlog {
    rows: VecDeque<Row>,
    capacity: usize,
    next: u64,
    /// How many of the rows, from the front, were sent in this session.
    sent: usize,
    durable: u64,
    delays: VecDeque<Duration>,
}

impl Backlog {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { rows: VecDeque::new(), capacity: capacity.max(1), next: 1, sent: 0, durable: 0, delays: VecDeque::new() }
    }

    /// Numbers and keeps a row; gives it back when there is no room.
    pub(crate) fn push(
        &mut self,
        time: Timestamp,
        values: Vec<Option<f64>>,
        now: Duration,
    ) -> Result<u64, Vec<Option<f64>>> {
        if self.rows.len() >= self.capacity {
            return Err(values);
        }
        let sequence = self.next;
        self.next += 1;
        self.rows.push_back(Row { sequence, time, values, kept: now });
        Ok(sequence)
    }

    /// A session begins: what the server has is let go, all else will be sent again.
    pub(crate) fn restart(&mut self, durable: u64, now: Duration) {
        self.sent = 0;
        self.acked(durable, now);
    }

    /// Everything up to there is durable.
    pub(crate) fn acked(&mut self, sequence: u64, now: Duration) {
        self.durable = self.durable.max(sequence);
        while self.rows.front().is_some_and(|row| row.sequence <= sequence) {
            let Some(row) = self.rows.pop_front() else { break };
            self.sent = self.sent.saturating_sub(1);
            if self.delays.len() >= DELAYS {
                self.delays.pop_front();
            }
            self.delays.push_back(now.saturating_sub(row.kept));
        }
    }

    /// The next row to be sent.
    pub(crate) fn take_next(&mut self) -> Option<&Row> {
        let row = self.rows.get(self.sent)?;
        self.sent += 1;
        Some(row)
    }

    /// How long the latest rows took from being kept to being durable.
    pub(crate) fn delays(&self) -> Vec<Duration> {
        self.delays.iter().copied().collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(crate) fn durable(&self) -> u64 {
        self.durable
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(backlog: &mut Backlog) -> Vec<u64> {
        std::iter::from_fn(|| backlog.take_next().map(|row| row.sequence)).collect()
    }

    #[test]
    fn what_is_not_durable_is_sent_again_in_order() {
        let mut backlog = Backlog::new(10);
        for second in 0..5 {
            backlog.push(Timestamp::from_seconds(second), vec![Some(1.0)], Duration::ZERO).unwrap();
        }
        assert_eq!(sent(&mut backlog), [1, 2, 3, 4, 5]);
        backlog.acked(2, Duration::from_secs(3));
        assert_eq!(backlog.delays(), [Duration::from_secs(3); 2]);
        assert_eq!(sent(&mut backlog), [0u64; 0]);
        backlog.restart(3, Duration::from_secs(3));
        assert_eq!(sent(&mut backlog), [4, 5]);
        backlog.acked(5, Duration::from_secs(4));
        assert!(backlog.is_empty());
    }

    #[test]
    fn a_full_backlog_refuses_and_loses_nothing() {
        let mut backlog = Backlog::new(1);
        backlog.push(Timestamp::from_seconds(0), vec![Some(1.0)], Duration::ZERO).unwrap();
        assert_eq!(backlog.push(Timestamp::from_seconds(1), vec![Some(2.0)], Duration::ZERO), Err(vec![Some(2.0)]));
        backlog.acked(1, Duration::ZERO);
        assert_eq!(backlog.push(Timestamp::from_seconds(1), vec![Some(2.0)], Duration::ZERO), Ok(2));
    }
}
