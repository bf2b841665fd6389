//! Counters in buckets: what each reading adds belongs to the bucket that the reading lies in.

use std::borrow::Cow;

use super::Run;
use crate::energy::Summary;
use crate::energy::counter::Climb;

/// The readings of one series, and the rise within the open bucket.
#[derive(Debug, Default)]
pub(crate) struct Counting {
    climb: Climb,
    /// The register is stored with its sign turned round, so that it falls as it counts, and so does what it counted.
    turned: bool,
    /// Up to where readings were given.
    seen: Option<i64>,
    /// What the last run that was asked of ends with: its time, its last reading, whether it is open what a fall was.
    asked: Option<(i64, f64, bool)>,
}

impl Counting {
    /// Of a register of that width, where one is declared; `turned` where its sign was turned round at the edge.
    pub(crate) fn new(width: Option<f64>, turned: bool) -> Self {
        Self { climb: Climb::new(width), turned, ..Self::default() }
    }

    /// Readings before the range, some of which may have been given before.
    pub(crate) fn context(&mut self, times: &[i64], values: &[f64]) {
        let fresh = self.seen.map_or(0, |seen| times.partition_point(|time| *time <= seen));
        self.climb.context(&self.counted(&values[fresh..]));
        self.seen = self.seen.max(times.last().copied());
    }

    pub(crate) fn samples(&mut self, times: &[i64], values: &[f64]) {
        self.climb.push_all(&self.counted(values));
        self.seen = self.seen.max(times.last().copied());
    }

    /// The increase of the open bucket, and a new one begins.
    pub(crate) fn take(&mut self) -> Option<f64> {
        self.climb.take().map(|rise| if self.turned { 0.0 - rise } else { rise })
    }

    /// The readings as the register counts.
    fn counted<'a>(&self, values: &'a [f64]) -> Cow<'a, [f64]> {
        if self.turned { values.iter().map(|value| -value).collect() } else { Cow::Borrowed(values) }
    }

    /// Whether the first and the last reading of the run tell its rise: it has none but rising numbers, and its beginning
    /// leaves no doubt whether a fall was a reset or a glitch. Runs may be asked of before the readings in front of them are
    /// given, so that the end of the one before is remembered here.
    pub(crate) fn takes(&mut self, run: &Run<'_>) -> bool {
        if self.turned {
            return false;
        }
        let Summary { first, last, .. } = *run.summary;
        let given = self.climb.counter();
        let given = self.seen.zip(given.last()).map(|(time, last)| (time, last, given.is_in_doubt()));
        // A run that was refused may be asked of again in parts: what lies behind a part is not before it.
        let asked = self.asked.filter(|(time, ..)| *time < run.first);
        let before = match (asked, given) {
            (Some(asked), Some(given)) if given.0 > asked.0 => Some(given),
            (asked, given) => asked.or(given),
        };
        let falls = before.is_some_and(|(_, before, _)| first < before);
        if !run.is_full() || !run.summary.rising || falls {
            self.asked = Some((run.last, last, true));
            return false;
        }
        let in_doubt = before.is_some_and(|(_, before, in_doubt)| in_doubt && first == before);
        self.asked = Some((run.last, last, in_doubt && first == last));
        !in_doubt || first == last
    }
}
