//! The latest sample of series, and the one that held at an instant.

use super::query::Query;
use super::store::Store;
use crate::error::Result;
use crate::model::{Sample, Selection, SeriesName, Timestamp};

impl Store {
    /// The sample with the latest time of each selected series; series without one are left out.
    ///
    /// # Errors
    /// [`Closed`](crate::ErrorKind::Closed), or [`Damaged`](crate::ErrorKind::Damaged) where a chunk that is needed fails its checksum.
    pub fn latest(&self, selection: impl Into<Selection>) -> Result<Vec<(SeriesName, Sample)>> {
        self.shared().check_open()?;
        let selection = selection.into();
        let known: Vec<_> = {
            let state = self.shared().read();
            let selected = state.select(&selection).into_iter();
            let latest = |id: u32, column: u32| {
                let device = &state.devices[id as usize];
                (device.latest[column as usize], device.revisions)
            };
            selected.map(|(series, id, column)| (series, latest(id, column))).collect()
        };
        let mut found = Vec::with_capacity(known.len());
        for (series, (sample, revisions)) in known {
            let sample = match sample {
                Some(sample) => Some(sample),
                None => self.latest_sealed(&series, revisions)?,
            };
            found.extend(sample.map(|sample| (series, sample)));
        }
        Ok(found)
    }

    /// The sample with the latest time of each of those series, as far as that is known without a look into files.
    #[cfg(feature = "rest")]
    pub(crate) fn latest_known(&self, series: &[SeriesName]) -> Vec<Option<Sample>> {
        let state = self.shared().read();
        let latest = |series: &SeriesName| {
            let device = &state.devices[state.device_id(&series.device)? as usize];
            device.latest[device.column(&series.channel)? as usize]
        };
        series.iter().map(latest).collect()
    }

    /// The sample that held at an instant: the latest at or before it, however old, of each selected series.
    /// Series without one are left out. Whether it is too old to stand for that instant is for the caller to say: its time
    /// is there.
    ///
    /// # Errors
    /// As [`query`](Self::query).
    pub fn at(&self, selection: impl Into<Selection>, instant: Timestamp) -> Result<Vec<(SeriesName, Sample)>> {
        let until = Query::new(selection).last(1);
        let result = self.query(&match instant.as_micros().checked_add(1) {
            Some(after) => until.to(Timestamp::from_micros(after)),
            None => until,
        })?;
        let held = result.into_series().into_iter().filter_map(|found| {
            let time = Timestamp::from_micros(*found.times().values().last()?);
            let value = *found.values()?.values().last()?;
            Some((found.series().clone(), Sample { time, value }))
        });
        Ok(held.collect())
    }

    /// Looks the latest sample up, and remembers it unless something was deleted or came meanwhile.
    fn latest_sealed(&self, series: &SeriesName, revisions: u64) -> Result<Option<Sample>> {
        let result = self.query(&Query::new(series).last(1))?;
        let sample = result.series().first().and_then(|found| {
            let at = found.times().len().checked_sub(1)?;
            Some(Sample { time: Timestamp::from_micros(found.times().value(at)), value: found.values()?.value(at) })
        });
        let mut state = self.shared().write();
        let place = state.select(&series.into()).pop();
        if let (Some((_, id, column)), Some(sample)) = (place, sample) {
            let device = &mut state.devices[id as usize];
            let known = &mut device.latest[column as usize];
            if device.revisions == revisions && known.is_none_or(|known| known.time < sample.time) {
                *known = Some(sample);
            }
        }
        Ok(sample)
    }
}
