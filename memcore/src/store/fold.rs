//! What becomes of the samples of a series: folds take them one after the other, or by their summary.

use super::bucket::Buckets;
use super::summary::Summary;
use crate::error::Result;

/// Consecutive samples of one series that are known by their summary only.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run<'a> {
    pub(super) first: i64,
    pub(super) last: i64,
    /// Some where all rows are evenly spaced by it and none is absent.
    #[allow(dead_code, reason = "for folds that weigh samples by time")]
    pub(super) step: Option<i64>,
    pub(super) summary: &'a Summary,
}

/// Takes the samples of one series in order of time.
pub(super) trait Fold: Send {
    /// Rising samples; those outside the query's range (its `context`) come too and only give context.
    fn samples(&mut self, times: &[i64], values: &[f64]) -> Result<()>;
    /// Whether the run may be given by its summary: it lies in one bucket, and every aggregate that is asked for can be had
    /// from it.
    fn takes(&mut self, run: &Run<'_>) -> Result<bool>;
    /// Takes in a run; only after [`takes`](Self::takes) allowed it.
    fn run(&mut self, run: &Run<'_>) -> Result<()>;
}

impl Fold for Buckets {
    fn samples(&mut self, times: &[i64], values: &[f64]) -> Result<()> {
        self.push(times, values)
    }

    fn takes(&mut self, run: &Run<'_>) -> Result<bool> {
        self.holds(run.first, run.last)
    }

    fn run(&mut self, run: &Run<'_>) -> Result<()> {
        self.push_summary(run.first, run.summary)
    }
}
