//! How a backlog behaves, wherever it lies; and what a buffer on disk does beyond it: crashes, damage, a full disk.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::simulated::{Dice, SimulatedFolder};
use super::*;
use crate::client::backlog::MemoryBacklog;
use crate::model::{Timestamp, Unit};

const BYTES: u64 = 64 << 10;

fn name() -> DeviceName {
    "home1.hem".parse().unwrap()
}

fn channels() -> Vec<Channel> {
    ["power", "soc"].map(|name| Channel::gauge(name, Unit::Watt).unwrap().build().unwrap()).to_vec()
}

fn options(when_full: WhenFull) -> DiskOptions {
    DiskOptions { bytes: BYTES, when_full, sync: BufferSync::Each }
}

fn open_as(folder: &SimulatedFolder, channels: &[Channel], when_full: WhenFull) -> Result<DiskBacklog> {
    DiskBacklog::open_on(Box::new(folder.clone()), &name(), channels, options(when_full), 7)
}

fn open(folder: &SimulatedFolder) -> DiskBacklog {
    open_as(folder, &channels(), WhenFull::DropOldest).unwrap()
}

/// Row `number` says its number; it was measured at that second.
fn push(backlog: &mut dyn Backlog, number: i64) -> Option<u64> {
    let at = Measured::At(Timestamp::from_seconds(number));
    let pushed = backlog.push(at, &[Some(number as f64), None], Duration::ZERO);
    backlog.settle(Duration::ZERO);
    pushed
}

/// Everything that is drawn from here on: number and what the row says.
fn drawn(backlog: &mut dyn Backlog) -> Vec<(u64, i64)> {
    let (mut all, mut into) = (Vec::new(), Drawn::default());
    loop {
        backlog.draw(100, &|_| None, &mut into);
        if into.times.is_empty() {
            assert!(!backlog.has_more());
            return all;
        }
        for (row, time) in into.times.iter().enumerate() {
            let second = time.as_micros() / 1_000_000;
            assert_eq!(into.values[row * 2..][..2], [Some(second as f64), None]);
            all.push((into.first + row as u64, second));
        }
    }
}

fn numbers(backlog: &mut dyn Backlog) -> Vec<i64> {
    drawn(backlog).into_iter().map(|(_, row)| row).collect()
}

/// The same story with a backlog in memory and one on disk.
fn with_each(when_full: WhenFull, story: impl Fn(&mut dyn Backlog)) {
    story(&mut MemoryBacklog::new(1000, when_full));
    story(&mut open_as(&SimulatedFolder::default(), &channels(), when_full).unwrap());
}

#[test]
fn what_is_not_durable_is_drawn_again_in_order() {
    with_each(WhenFull::Wait, |backlog| {
        assert!(backlog.is_empty() && !backlog.has_more());
        assert_eq!((1..=5).filter_map(|row| push(backlog, row)).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
        assert_eq!(drawn(backlog), [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5)]);
        backlog.acked(2, Duration::from_secs(3));
        assert_eq!(backlog.delays(), [Duration::from_secs(3); 2]);
        assert_eq!(drawn(backlog), []);
        backlog.restart(3, Duration::from_secs(3));
        assert_eq!(backlog.status().rows, 2);
        assert!(backlog.has_more());
        assert_eq!(drawn(backlog), [(4, 4), (5, 5)]);
        push(backlog, 6);
        assert_eq!(drawn(backlog), [(6, 6)]);
        backlog.acked(6, Duration::from_secs(4));
        assert!(backlog.is_empty());
        assert_eq!((backlog.status().rows, backlog.durable(), backlog.last_given()), (0, 6, 6));
    });
}

#[test]
fn no_more_is_drawn_at_once_than_was_asked_for() {
    with_each(WhenFull::Wait, |backlog| {
        (1..=5).for_each(|row| assert!(push(backlog, row).is_some()));
        let mut into = Drawn::default();
        for (first, rows) in [(1, 2), (3, 2), (5, 1), (5, 0)] {
            backlog.draw(2, &|_| None, &mut into);
            assert_eq!(into.times.len(), rows);
            assert!(rows == 0 || into.first == first);
        }
    });
}

#[test]
fn a_full_backlog_that_may_not_drop_refuses_and_loses_nothing() {
    for when_full in [WhenFull::Wait, WhenFull::Refuse] {
        with_each(when_full, |backlog| {
            let kept = (1..).take_while(|row| push(backlog, *row).is_some()).count() as u64;
            assert!(kept >= 1000, "{kept}");
            assert_eq!((push(backlog, 0), backlog.status().dropped, backlog.status().rows), (None, 0, kept));
            assert_eq!(drawn(backlog).len() as u64, kept);
            backlog.acked(kept - 100, Duration::ZERO);
            assert_eq!(push(backlog, 7), Some(kept + 1));
            backlog.restart(kept, Duration::ZERO);
            assert_eq!(drawn(backlog), [(kept + 1, 7)]);
        });
    }
}

#[test]
fn a_full_backlog_that_may_drop_keeps_the_newest_and_counts_the_others() {
    with_each(WhenFull::DropOldest, |backlog| {
        assert_eq!(push(backlog, 1), Some(1));
        assert_eq!(drawn(backlog).len(), 1);
        for row in 2..=20_000 {
            assert_eq!(push(backlog, row), Some(row as u64));
            assert!(backlog.status().bytes <= BYTES);
        }
        let BufferStatus { rows, dropped, .. } = backlog.status();
        assert_eq!(rows + dropped, 20_000);
        assert!(rows >= 1000, "{rows}");
        let expected: Vec<_> = (dropped + 1..=20_000).map(|number| (number, number as i64)).collect();
        assert_eq!(drawn(backlog), expected, "the gap of the numbers is what was dropped");
    });
}

#[test]
fn what_was_measured_before_the_servers_time_was_known_is_corrected_when_it_is_sent() {
    with_each(WhenFull::Wait, |backlog| {
        let own = |seconds| Measured::Own {
            wall: Timestamp::from_seconds(seconds),
            monotonic: Duration::from_secs(seconds as u64),
        };
        for second in [1, 2] {
            backlog.push(own(second), &[Some(1.0), None], Duration::ZERO).unwrap();
        }
        backlog.push(Measured::At(Timestamp::from_seconds(3)), &[Some(1.0), None], Duration::ZERO).unwrap();
        backlog.settle(Duration::ZERO);
        let mut into = Drawn::default();
        backlog.draw(10, &|monotonic| Some(Timestamp::from_seconds(1_000_000 + monotonic.as_secs() as i64)), &mut into);
        assert_eq!(into.times, [1_000_001, 1_000_002, 3].map(Timestamp::from_seconds));
    });
}

// What follows is of the disk alone.

#[test]
fn rows_and_numbers_survive_a_restart() {
    let folder = SimulatedFolder::default();
    let mut backlog = open(&folder);
    (1..=5).for_each(|row| assert!(push(&mut backlog, row).is_some()));
    let own = Measured::Own { wall: Timestamp::from_seconds(6), monotonic: Duration::from_secs(1) };
    backlog.push(own, &[Some(6.0), None], Duration::ZERO).unwrap();
    backlog.settle(Duration::ZERO);
    backlog.acked(2, Duration::ZERO);
    backlog.close();
    assert_eq!(push(&mut backlog, 7), None, "what is closed takes nothing");

    let mut backlog = DiskBacklog::open_on(Box::new(folder), &name(), &channels(), options(WhenFull::Wait), 8).unwrap();
    assert_eq!(backlog.boot(), 7, "the numbering stays");
    assert_eq!((backlog.status().rows, backlog.status().damaged, backlog.durable()), (4, 0, 2));
    let seventh = push(&mut backlog, 7).unwrap();
    assert!(seventh > 6, "{seventh}");
    // What an earlier process measured by its own clock keeps the time that it has.
    let mut into = Drawn::default();
    backlog.draw(10, &|_| Some(Timestamp::from_seconds(99)), &mut into);
    assert_eq!((into.first, &into.times), (3, &[3, 4, 5, 6].map(Timestamp::from_seconds).to_vec()));
    assert_eq!(drawn(&mut backlog), [(seventh, 7)], "and a gap of the numbers begins another draw");
    backlog.acked(seventh, Duration::ZERO);
    assert!(backlog.is_empty());
}

#[test]
fn a_long_backlog_is_read_piece_by_piece_while_it_grows() {
    let large = DiskOptions { bytes: 256 << 20, ..options(WhenFull::Wait) };
    let folder = SimulatedFolder::default();
    let mut backlog = DiskBacklog::open_on(Box::new(folder.clone()), &name(), &channels(), large, 7).unwrap();
    let (mut into, mut found) = (Drawn::default(), 0);
    for row in 1..=100_000 {
        assert!(push(&mut backlog, row).is_some());
        if row % 2 == 0 {
            backlog.draw(1, &|_| None, &mut into);
            found += 1;
            assert_eq!((into.first, into.values[0]), (found, Some(found as f64)));
        }
    }
    assert_eq!(folder.names().iter().filter(|name| name.ends_with(SUFFIX)).count(), 2, "by the number of rows");
    let rest = numbers(&mut backlog);
    assert_eq!((rest[0], rest.len()), (50_001, 50_000));
    assert!(backlog.window.held() <= 4 * frame::FRAME_MAX, "what is read at once does not grow with the backlog");
    drop(backlog);
    let again = DiskBacklog::open_on(Box::new(folder), &name(), &channels(), large, 7);
    assert_eq!(numbers(&mut again.unwrap()).len(), 100_000);
}

#[test]
fn a_buffer_is_used_by_one_process_and_one_device() {
    let folder = SimulatedFolder::default();
    let mut backlog = open(&folder);
    push(&mut backlog, 1);
    let second = open_as(&folder, &channels(), WhenFull::Wait).unwrap_err();
    assert_eq!(second.kind(), ErrorKind::Locked);
    backlog.close();

    let other = "home2.hem".parse().unwrap();
    let refused = DiskBacklog::open_on(Box::new(folder.clone()), &other, &channels(), options(WhenFull::Wait), 1);
    let refused = refused.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    assert!(refused.message().contains("home1.hem") && refused.message().contains("home2.hem"), "{refused}");
    assert_eq!(numbers(&mut open(&folder)), [1], "nothing was touched");
}

#[test]
fn a_buffer_that_is_too_small_is_refused() {
    let small = DiskOptions { bytes: 1000, ..options(WhenFull::Wait) };
    let refused = DiskBacklog::open_on(Box::new(SimulatedFolder::default()), &name(), &channels(), small, 1);
    assert!(refused.unwrap_err().message().contains("buffer_bytes is 1000, expected at least 65536"));
}

#[test]
fn a_newer_format_is_refused_and_left_as_it_is() {
    let folder = SimulatedFolder::default();
    let mut backlog = open(&folder);
    push(&mut backlog, 1);
    drop(backlog);
    let newer = br#"{"format":2,"device":"home1.hem","boot":7}"#;
    folder.put(IDENTITY, newer.to_vec());
    let refused = open_as(&folder, &channels(), WhenFull::Wait).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    assert_eq!(folder.content(IDENTITY), newer);
}

#[test]
fn without_its_identity_a_buffer_is_known_by_its_segments() {
    let folder = SimulatedFolder::default();
    push(&mut open(&folder), 1);
    folder.put(IDENTITY, b"{\"form".to_vec());
    let again = DiskBacklog::open_on(Box::new(folder), &name(), &channels(), options(WhenFull::Wait), 99).unwrap();
    assert_eq!(again.boot(), 7);
}

#[test]
fn rows_of_channels_that_changed_meanwhile_are_sent_as_they_were_meant() {
    let folder = SimulatedFolder::default();
    let mut backlog = open(&folder);
    push(&mut backlog, 2000);
    drop(backlog);
    // Today power is reported in kW, behind a new channel, and soc no more.
    let voltage = Channel::gauge("voltage", Unit::Volt).unwrap().build().unwrap();
    let power = Channel::gauge("power", Unit::Kilowatt).unwrap().build().unwrap();
    let mut backlog = open_as(&folder, &[voltage, power.clone()], WhenFull::Wait).unwrap();
    let names: Vec<_> = backlog.channels().iter().map(|channel| channel.name.to_string()).collect();
    assert_eq!(names, ["voltage", "power", "soc"]);
    backlog.push(Measured::At(Timestamp::from_seconds(1)), &[Some(230.0), Some(3.0)], Duration::ZERO).unwrap();
    let mut into = Drawn::default();
    backlog.draw(10, &|_| None, &mut into);
    assert_eq!(into.values, [None, Some(2.0), None]);
    backlog.draw(10, &|_| None, &mut into);
    assert_eq!(into.values, [Some(230.0), Some(3.0), None]);
    drop(backlog);

    let counter = Channel { kind: crate::model::Kind::State, ..power };
    let refused = open_as(&folder, &[counter], WhenFull::Wait).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    assert!(refused.message().contains("channel power"), "{refused}");
}

#[test]
fn cut_at_every_byte_a_segment_loses_its_end_alone_and_no_number_is_given_twice() {
    let folder = SimulatedFolder::default();
    let mut backlog = open(&folder);
    (1..=8).for_each(|row| assert!(push(&mut backlog, row).is_some()));
    drop(backlog);
    let segment = folder.names().into_iter().find(|name| name.ends_with(SUFFIX)).unwrap();
    let whole = folder.content(&segment);
    let mut most = 0;
    for cut in 0..=whole.len() {
        let folder = folder.copy();
        folder.put(&segment, whole[..cut].to_vec());
        let mut backlog = open(&folder);
        let found = numbers(&mut backlog);
        assert_eq!(found, (1..=found.len() as i64).collect::<Vec<_>>(), "cut at {cut}");
        assert!(found.len() >= most);
        most = found.len();
        assert!(push(&mut backlog, 9).unwrap() > 8, "cut at {cut}");
        assert_eq!(numbers(&mut backlog), [9]);
    }
    assert_eq!(most, 8);
}

#[test]
fn a_flipped_bit_costs_at_most_one_row_which_is_counted() {
    let folder = SimulatedFolder::default();
    let mut backlog = open(&folder);
    (1..=8).for_each(|row| assert!(push(&mut backlog, row).is_some()));
    drop(backlog);
    let segment = folder.names().into_iter().find(|name| name.ends_with(SUFFIX)).unwrap();
    let whole = folder.content(&segment);
    for at in 0..whole.len() {
        let (folder, mut damaged) = (folder.copy(), whole.clone());
        damaged[at] ^= 1 << (at % 8);
        folder.put(&segment, damaged);
        let mut backlog = open(&folder);
        let found = numbers(&mut backlog);
        assert_eq!(found.len() as u64 + backlog.status().damaged, 8, "byte {at}: {found:?}");
        assert!(found.len() >= 7 && found.is_sorted());
        assert!(push(&mut backlog, 9).unwrap() > 8);
    }
}

#[test]
fn damage_while_the_process_runs_is_counted_and_holds_nobody_up() {
    let folder = SimulatedFolder::default();
    let mut backlog = open(&folder);
    (1..=8).for_each(|row| assert!(push(&mut backlog, row).is_some()));
    let segment = folder.names().into_iter().find(|name| name.ends_with(SUFFIX)).unwrap();
    let mut bytes = folder.content(&segment);
    let (last, middle) = (bytes.len() - 1, bytes.len() - 60);
    (bytes[last], bytes[middle]) = (!bytes[last], !bytes[middle]);
    folder.open(&segment).unwrap().write_at(&bytes, 0).unwrap();
    assert_eq!(numbers(&mut backlog), [1, 2, 3, 4, 5, 7]);
    assert_eq!((backlog.status().damaged, backlog.status().rows), (2, 6));
    backlog.acked(7, Duration::ZERO);
    assert!(backlog.is_empty(), "nobody waits for a row that cannot be read");
    push(&mut backlog, 9);
    assert_eq!(drawn(&mut backlog), [(9, 9)]);
}

#[test]
fn a_segment_without_a_readable_head_is_set_aside_and_its_numbers_stay_used() {
    let folder = SimulatedFolder::default();
    push(&mut open(&folder), 1);
    let segment = folder.names().into_iter().find(|name| name.ends_with(SUFFIX)).unwrap();
    folder.put(&segment, vec![0; 500]);
    let mut backlog = open(&folder);
    assert_eq!((numbers(&mut backlog), backlog.status().damaged), (vec![], 1));
    assert!(folder.names().contains(&format!("{segment}.damaged")));
    assert!(push(&mut backlog, 2).unwrap() > 1);
}

#[test]
fn a_full_disk_is_a_state_rows_wait_in_memory_until_it_has_room() {
    let folder = SimulatedFolder::default();
    let mut backlog = open_as(&folder, &channels(), WhenFull::Wait).unwrap();
    (1..=3).for_each(|row| assert!(push(&mut backlog, row).is_some()));
    assert_eq!(backlog.status().fault, None);
    folder.hold(Some(folder.used() + 10));
    (4..=6).for_each(|row| assert!(push(&mut backlog, row).is_some()));
    assert!(backlog.status().fault.unwrap().contains("cannot write"));
    assert_eq!(numbers(&mut backlog), [1, 2, 3, 4, 5, 6], "they are sent all the same");
    folder.hold(None);
    backlog.settle(Duration::ZERO);
    assert_eq!(backlog.status().fault, None);
    drop(backlog);
    let mut again = open(&folder);
    assert_eq!((numbers(&mut again), again.status().damaged), ((1..=6).collect(), 0));
}

#[test]
fn a_disk_that_is_full_from_the_start_lets_the_device_work() {
    let folder = SimulatedFolder::default();
    folder.hold(Some(0));
    let mut backlog = open(&folder);
    (1..=3).for_each(|row| assert!(push(&mut backlog, row).is_some()));
    assert_eq!(numbers(&mut backlog), [1, 2, 3]);
    assert!(backlog.status().fault.is_some());
    folder.hold(None);
    push(&mut backlog, 4);
    drop(backlog);
    assert_eq!(numbers(&mut open(&folder)), [1, 2, 3, 4]);
}

#[test]
fn a_disk_that_stays_full_costs_the_oldest_rows() {
    let folder = SimulatedFolder::default();
    let mut backlog = open(&folder);
    (1..=1000).for_each(|row| assert!(push(&mut backlog, row).is_some()));
    assert_eq!(backlog.status().dropped, 0);
    folder.hold(Some(folder.used()));
    (1001..=60_000).for_each(|row| assert!(push(&mut backlog, row).is_some()));
    let BufferStatus { rows, dropped, .. } = backlog.status();
    assert_eq!(rows + dropped, 60_000);
    // Beside the newest ones there are some in the segment that could not be ended: they cost no room that others could have.
    let found = numbers(&mut backlog);
    let newest = found.iter().rev().zip((1..=60_000).rev()).take_while(|(found, newest)| **found == *newest).count();
    assert!(newest >= 1000 && found.len() - newest < 200, "{newest} of {}", found.len());
}

#[test]
fn rows_that_the_disk_cannot_read_are_counted_and_hold_nobody_up() {
    let folder = SimulatedFolder::default();
    let mut backlog = open(&folder);
    (1..=3).for_each(|row| assert!(push(&mut backlog, row).is_some()));
    folder.fail_reads(true);
    assert_eq!(drawn(&mut backlog), []);
    assert!(backlog.status().fault.unwrap().contains("a bad sector"));
    assert_eq!(backlog.status().damaged, 3);
    folder.fail_reads(false);
    push(&mut backlog, 4);
    assert_eq!(drawn(&mut backlog), [(4, 4)]);
    backlog.acked(4, Duration::ZERO);
    assert!(backlog.is_empty());
}

#[test]
fn a_sync_that_fails_is_told() {
    let folder = SimulatedFolder::default();
    let mut backlog = open(&folder);
    push(&mut backlog, 1);
    folder.fail_syncs(true);
    let outcome = backlog.unsynced().unwrap().sync();
    backlog.synced(outcome);
    assert!(backlog.status().fault.unwrap().contains("the disk is broken"));
    assert!(backlog.unsynced().is_none(), "it is not tried again");
}

#[test]
fn an_old_copy_of_a_buffer_begins_a_numbering_of_its_own() {
    let folder = SimulatedFolder::default();
    let mut backlog = open(&folder);
    push(&mut backlog, 1);
    let copied = folder.copy();
    drop(backlog);
    let mut copy = open(&copied);
    let given = push(&mut copy, 2).unwrap();
    // The server has more of this numbering than this buffer ever sent.
    assert!(copy.renumber(given + 1000, 8));
    assert_eq!(copy.boot(), 8);
    copy.restart(0, Duration::ZERO);
    assert_eq!(numbers(&mut copy), [1, 2], "nothing of it is taken for a repetition");
    drop(copy);
    assert_eq!(open(&copied).boot(), 8);

    let mut backlog = open(&folder);
    assert!(!backlog.renumber(1, 9), "the usual case");
}

/// The power is cut at any moment, again and again: what was synced is there, once, under the number that it had; what is there
/// beyond it was pushed; and no number is given twice.
#[test]
fn power_cuts_lose_what_was_not_synced_and_nothing_else() {
    for seed in 0..300 {
        let mut story = Story { dice: Dice(seed), ..Story::default() };
        let mut folder = SimulatedFolder::default();
        for _ in 0..4 {
            let mut backlog = open(&folder);
            story.is_told_by(&drawn(&mut backlog));
            for _ in 0..story.dice.below(200) {
                story.goes_on(&mut backlog);
            }
            folder = folder.after_a_power_cut(&mut story.dice);
            story.of_this_run.clear();
        }
    }
}

/// What happened to a buffer, and so what must be in it.
struct Story {
    dice: Dice,
    /// Every row that was pushed, by its number.
    pushed: BTreeMap<u64, i64>,
    of_this_run: Vec<u64>,
    synced: BTreeSet<u64>,
    /// Everything up to there was durable at the server.
    settled: u64,
}

impl Default for Story {
    fn default() -> Self {
        let (pushed, of_this_run, synced) = (BTreeMap::new(), Vec::new(), BTreeSet::new());
        Self { dice: Dice(0), pushed, of_this_run, synced, settled: 0 }
    }
}

impl Story {
    fn goes_on(&mut self, backlog: &mut DiskBacklog) {
        match self.dice.below(20) {
            0 => {
                if let Some(unsynced) = backlog.unsynced() {
                    unsynced.sync().unwrap();
                }
                self.synced.extend(&self.of_this_run);
            }
            1 => {
                let upto = self.dice.below(self.pushed.len() as u64 + 1) as usize;
                let settled = self.pushed.keys().take(upto).next_back().copied().unwrap_or(0);
                self.settled = self.settled.max(settled);
                backlog.acked(self.settled, Duration::from_secs(self.pushed.len() as u64 * 2));
            }
            _ => {
                let row = self.pushed.len() as i64 + 1;
                let number = push(backlog, row).unwrap();
                assert_eq!(self.pushed.insert(number, row), None, "{number} was given twice");
                self.of_this_run.push(number);
            }
        }
    }

    fn is_told_by(&self, found: &[(u64, i64)]) {
        assert!(found.iter().all(|(number, row)| self.pushed.get(number) == Some(row)), "{found:?}");
        let there: BTreeSet<u64> = found.iter().map(|(number, _)| *number).collect();
        for number in self.synced.iter().filter(|number| **number > self.settled) {
            assert!(there.contains(number), "{number} was synced and is gone: {there:?}");
        }
    }
}
