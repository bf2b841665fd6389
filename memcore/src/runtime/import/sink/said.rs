//! What a file says of how values came about, until it says the values: files have both in any order, and in rows of their own.

use std::collections::BTreeMap;

use crate::model::{Quality, SeriesName, Timestamp};

/// So many qualities of an import are remembered: 64 MiB at most. Beyond it the earliest is forgotten, whose value has come by then
/// in a file that rises; of any other a value at a time that is new to the store has its quality still, from the store.
const SAID: usize = 1 << 20;

/// Qualities by their series and the times at which they are stored.
#[derive(Debug, Default)]
pub(super) struct Said {
    series: BTreeMap<SeriesName, BTreeMap<Timestamp, Word>>,
    count: usize,
    forgot: bool,
}

#[derive(Debug, Clone, Copy)]
struct Word {
    quality: Quality,
    /// It is of a number that is no value, which is invalid whatever is said beside it.
    of_number: bool,
}

impl Said {
    /// The file says it in a row of its own. What stands then.
    pub(super) fn tell(&mut self, series: &SeriesName, time: Timestamp, quality: Quality) -> Quality {
        self.put(series, time, Word { quality, of_number: false })
    }

    /// The file has a number that is no value.
    pub(super) fn no_value(&mut self, series: &SeriesName, time: Timestamp) {
        self.put(series, time, Word { quality: Quality::Invalid, of_number: true });
    }

    fn put(&mut self, series: &SeriesName, time: Timestamp, word: Word) -> Quality {
        if !self.series.contains_key(series) {
            self.series.insert(series.clone(), BTreeMap::new());
        }
        let Some(words) = self.series.get_mut(series) else { return word.quality };
        let before = words.get(&time).copied();
        if let Some(before) = before.filter(|before| before.of_number) {
            return before.quality;
        }
        words.insert(time, word);
        self.count += usize::from(before.is_none());
        if self.count > SAID {
            self.forget();
        }
        word.quality
    }

    /// Forgets the earliest of the series that has most.
    fn forget(&mut self) {
        if let Some(words) = self.series.values_mut().max_by_key(|words| words.len()) {
            words.pop_first();
            self.count -= 1;
            self.forgot = true;
        }
    }

    /// What was said of the value of that time.
    pub(super) fn of(&self, series: &SeriesName, time: Timestamp) -> Option<Quality> {
        self.series.get(series)?.get(&time).map(|word| word.quality)
    }

    /// The times of numbers that are no values, in order.
    pub(super) fn no_values(&self, series: &SeriesName) -> Vec<Timestamp> {
        let words = self.series.get(series).into_iter().flatten();
        words.filter(|(_, word)| word.of_number).map(|(time, _)| *time).collect()
    }

    /// Whether something was forgotten, so that only the store knows it.
    pub(super) fn forgot(&self) -> bool {
        self.forgot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_is_no_value_is_invalid_whatever_is_said_beside_it_and_the_earliest_is_forgotten_first() {
        let series: SeriesName = "home1.meter.power.quality".parse().unwrap();
        let at = Timestamp::from_seconds;
        let mut said = Said::default();
        said.no_value(&series, at(1));
        assert_eq!(said.tell(&series, at(1), Quality::Estimated), Quality::Invalid);
        assert_eq!(said.tell(&series, at(2), Quality::Estimated), Quality::Estimated);
        assert_eq!(said.tell(&series, at(2), Quality::Held), Quality::Held);
        said.no_value(&series, at(2));
        assert_eq!((said.of(&series, at(2)), said.no_values(&series)), (Some(Quality::Invalid), vec![at(1), at(2)]));
        assert!(!said.forgot());
        (3..=1 + SAID as i64).for_each(|time| {
            let _ = said.tell(&series, at(time), Quality::Held);
        });
        assert!(said.forgot());
        assert_eq!((said.of(&series, at(1)), said.of(&series, at(2))), (None, Some(Quality::Invalid)));
    }
}
