//! Loading much at once: no sync for each write, and series of one device that share their times become rows of it.

use std::collections::HashMap;
use std::fmt;
use std::time::Instant;

use super::embedded::Memcore;
use super::progress::Progress;
use super::write::{Column, Stored};
use crate::error::Result;
use crate::model::{Channel, DeviceName, SeriesName, SetAside, Timestamp, Unit};
use crate::store::Ticket;

/// Values that wait to be joined into rows: 64 MiB at most. Beyond it they are appended.
const WAITING_VALUES: usize = 4 << 20;

/// What a column that waits takes beside its values, counted as so many of them.
const COLUMN_VALUES: usize = 64;

/// So many of a device's that wait are looked through for one that has the same times.
const LOOKED_AT: usize = 64;

/// Values between two syncs.
const COMMIT_VALUES: usize = 32 << 20;

/// Hears how far it is.
type Hear = Box<dyn FnMut(&Progress) + Send>;

/// A load of many writes, made by [`Memcore::bulk`]. What is written may wait here, where queries do not see it yet;
/// [`commit`](Self::commit) and [`finish`](Self::finish) make all of it visible and durable.
///
/// Dropped without `finish`, what was written stays, as far as the disk takes it: durable up to the last commit, which
/// comes by itself every 32 Mi values, and visible.
pub struct Bulk {
    memcore: Memcore,
    waiting: Vec<Waiting>,
    /// The places of each device's among them.
    by_device: HashMap<DeviceName, Vec<usize>>,
    waiting_values: usize,
    uncommitted: usize,
    last: Option<Ticket>,
    progress: Progress,
    started: Instant,
    hear: Option<Hear>,
}

/// Columns of one device that share their times.
struct Waiting {
    device: DeviceName,
    times: Vec<Timestamp>,
    columns: Vec<Stored<'static>>,
}

impl Waiting {
    fn has(&self, channel: &Channel) -> bool {
        self.columns.iter().any(|column| column.channel.name == channel.name)
    }
}

impl Memcore {
    /// Begins a load of many writes.
    #[must_use]
    pub fn bulk(&self) -> Bulk {
        Bulk {
            memcore: self.clone(),
            waiting: Vec::new(),
            by_device: HashMap::new(),
            waiting_values: 0,
            uncommitted: 0,
            last: None,
            progress: Progress::default(),
            started: Instant::now(),
            hear: None,
        }
    }
}

impl Bulk {
    /// Calls this after each write.
    #[must_use]
    pub fn on_progress(mut self, hear: impl FnMut(&Progress) + Send + 'static) -> Self {
        self.hear = Some(Box::new(hear));
        self
    }

    /// As [`Memcore::write`], to be durable with the next commit.
    ///
    /// # Errors
    /// As there; nothing of this call is written then, and the load may go on.
    pub fn write(
        &mut self,
        series: &SeriesName,
        times: &[Timestamp],
        values: &[Option<f64>],
        unit: Option<Unit>,
    ) -> Result<usize> {
        self.write_rows(&series.device, times, &[Column::plain(series.channel.clone(), values, unit)])
    }

    /// As [`Memcore::write_rows`], to be durable with the next commit.
    ///
    /// # Errors
    /// As there; nothing of this call is written then, and the load may go on.
    pub fn write_rows(&mut self, device: &DeviceName, times: &[Timestamp], columns: &[Column<'_>]) -> Result<usize> {
        let (stored, aside) = self.memcore.describe(device, times.len(), columns)?;
        self.take(device, times, stored, aside)
    }

    /// Makes all that was written so far visible and durable.
    ///
    /// # Errors
    /// [`ReadOnly`](crate::ErrorKind::ReadOnly) where the disk failed.
    pub fn commit(&mut self) -> Result<()> {
        self.flush()?;
        self.last.map_or(Ok(()), |ticket| self.memcore.store().commit(ticket))?;
        (self.uncommitted, self.last) = (0, None);
        Ok(())
    }

    /// Commits what is left and says what was written.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub fn finish(mut self) -> Result<Progress> {
        self.commit()?;
        Ok(self.progress())
    }

    /// What was written so far.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.progress.at(self.started)
    }

    pub(super) fn memcore(&self) -> &Memcore {
        &self.memcore
    }

    /// Takes columns in that are known to be right.
    pub(super) fn take(
        &mut self,
        device: &DeviceName,
        times: &[Timestamp],
        columns: Vec<Stored<'_>>,
        aside: SetAside,
    ) -> Result<usize> {
        // Before this call's are taken: should the disk refuse those that wait, no more come to them.
        if self.waiting_values >= WAITING_VALUES {
            self.flush()?;
        }
        if self.uncommitted >= COMMIT_VALUES {
            self.commit()?;
        }
        let points: usize = columns.iter().map(Stored::points).sum();
        if columns.iter().any(|column| column.values.iter().any(Option::is_some)) {
            self.wait(device, times, columns);
        }
        self.progress.rows += times.len() as u64;
        self.progress.points += points as u64;
        self.progress.set_aside += aside;
        let progress = self.progress();
        if let Some(hear) = &mut self.hear {
            hear(&progress);
        }
        Ok(points)
    }

    /// Columns join those of the same times, unless that would put a later value of a series before an earlier one.
    fn wait(&mut self, device: &DeviceName, times: &[Timestamp], columns: Vec<Stored<'_>>) {
        self.waiting_values += columns.len() * (times.len() + COLUMN_VALUES);
        let owned = columns.into_iter().map(|column| Stored { values: column.values.into_owned().into(), ..column });
        let columns: Vec<Stored<'static>> = owned.collect();
        let of_device = self.by_device.get(device).map_or(&[][..], Vec::as_slice);
        let is_free = |place: &&usize| !columns.iter().any(|column| self.waiting[**place].has(&column.channel));
        let mut free = of_device.iter().rev().take(LOOKED_AT).take_while(is_free);
        match free.find(|place| self.waiting[**place].times == times).copied() {
            Some(place) => self.waiting[place].columns.extend(columns),
            None => {
                self.by_device.entry(device.clone()).or_default().push(self.waiting.len());
                self.waiting.push(Waiting { device: device.clone(), times: times.to_vec(), columns });
            }
        }
    }

    /// Makes what waits visible, without waiting for the disk. What is refused goes on waiting.
    pub(super) fn flush(&mut self) -> Result<()> {
        let mut taken = 0;
        let flushed = self.waiting.iter().try_for_each(|Waiting { device, times, columns }| {
            let (written, last) = self.memcore.append_rows(device, times, columns)?;
            self.uncommitted += written;
            self.last = last.or(self.last);
            taken += 1;
            Ok(())
        });
        let width = |waiting: Waiting| waiting.columns.len() * (waiting.times.len() + COLUMN_VALUES);
        self.waiting_values -= self.waiting.drain(..taken).map(width).sum::<usize>();
        self.by_device.clear();
        for (place, Waiting { device, .. }) in self.waiting.iter().enumerate() {
            self.by_device.entry(device.clone()).or_default().push(place);
        }
        flushed
    }
}

impl Drop for Bulk {
    fn drop(&mut self) {
        if let Err(e) = self.flush() {
            tracing::warn!(error = %e, "the last writes of a load are lost");
        }
    }
}

impl fmt::Debug for Bulk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bulk").field("progress", &self.progress).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::error::ErrorKind;
    use crate::store::{Query, SimulatedDisk, Store, StoreOptions};

    fn seconds(count: i64) -> Vec<Timestamp> {
        (0..count).map(Timestamp::from_seconds).collect()
    }

    fn rows(mem: &Memcore, selection: &str) -> usize {
        mem.query(&Query::of(selection).unwrap()).unwrap().rows()
    }

    #[test]
    fn a_load_is_seen_when_it_is_committed_and_told_as_it_goes() {
        let mem = Memcore::in_memory();
        let heard = Arc::new(AtomicU64::new(0));
        let hears = Arc::clone(&heard);
        let mut bulk = mem.bulk().on_progress(move |progress| hears.store(progress.points, Ordering::Relaxed));
        for (channel, unit) in [("power", Unit::Watt), ("voltage", Unit::Volt), ("current", Unit::Ampere)] {
            let series = format!("home1.meter.{channel}").parse().unwrap();
            assert_eq!(bulk.write(&series, &seconds(100), &[Some(1.0); 100], Some(unit)).unwrap(), 100);
        }
        assert_eq!((heard.load(Ordering::Relaxed), rows(&mem, "home1.meter.*")), (300, 0));
        bulk.commit().unwrap();
        assert_eq!(rows(&mem, "home1.meter.*"), 300);
        let done = bulk.finish().unwrap();
        assert_eq!((done.rows, done.points), (300, 300));
    }

    #[test]
    fn the_last_value_of_a_time_holds_whatever_was_joined() {
        let mem = Memcore::in_memory();
        let (power, voltage) = ("home1.meter.power".parse().unwrap(), "home1.meter.voltage".parse().unwrap());
        let mut bulk = mem.bulk();
        let (early, late) = (seconds(2), vec![Timestamp::from_seconds(1), Timestamp::from_seconds(2)]);
        bulk.write(&power, &early, &[Some(1.0), Some(1.0)], Some(Unit::Watt)).unwrap();
        bulk.write(&voltage, &early, &[Some(7.0), Some(7.0)], Some(Unit::Volt)).unwrap();
        bulk.write(&power, &late, &[Some(2.0), Some(2.0)], None).unwrap();
        bulk.write(&power, &early, &[None, Some(3.0)], None).unwrap();
        bulk.finish().unwrap();
        let result = mem.query(&Query::new(power)).unwrap();
        assert_eq!(&result.series()[0].values().unwrap().values()[..], [1.0, 3.0, 2.0]);
    }

    #[test]
    fn what_a_full_disk_refuses_of_a_load_is_written_by_the_next_commit() {
        let disk = SimulatedDisk::new();
        let open = |disk: SimulatedDisk| Store::open_on(Arc::new(disk), "full", StoreOptions::default()).unwrap();
        let mem = Memcore::of(open(disk.clone()));
        let power = "home1.meter.power".parse().unwrap();
        let mut bulk = mem.bulk();
        bulk.write(&power, &seconds(3), &[Some(1.0); 3], Some(Unit::Watt)).unwrap();
        disk.fill_up_at(0);
        for _ in 0..2 {
            assert_eq!(bulk.commit().unwrap_err().kind(), ErrorKind::ReadOnly);
        }
        bulk.write(&power, &seconds(5)[3..], &[Some(2.0); 2], None).unwrap();
        assert!(bulk.commit().is_err());
        disk.heal();
        mem.store().seal().unwrap();
        bulk.commit().unwrap();
        assert_eq!(rows(&Memcore::of(open(disk.killed())), "home1.meter.power"), 5);
    }

    #[test]
    fn a_refused_write_leaves_the_load_whole_and_a_dropped_load_leaves_what_it_had() {
        let mem = Memcore::in_memory();
        let power = "home1.meter.power".parse().unwrap();
        let mut bulk = mem.bulk();
        bulk.write(&power, &seconds(3), &[Some(1.0); 3], Some(Unit::Watt)).unwrap();
        assert!(bulk.write(&power, &seconds(3), &[Some(9.0); 2], None).is_err());
        assert!(bulk.write(&power, &seconds(3), &[Some(9.0); 3], Some(Unit::Volt)).is_err());
        drop(bulk);
        assert_eq!(mem.query(&Query::new(power)).unwrap().series()[0].values().unwrap().values()[..], [1.0; 3]);
    }
}
