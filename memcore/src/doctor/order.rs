//! From the order of a file to the order of time: rows that stand in the wrong place, that come twice, and hours that do.

use super::daylight::{Changes, Fold};
use super::finding::{HOUR, MARKS, MINUTE, Subject, counted, instant, length, percent};
use super::plot;
use super::points::{Points, Rhythm};
use super::report::{Finding, FindingKind, Severity};
use super::series::Series;

/// A series in order of time, and what its order in the file showed.
#[derive(Debug)]
pub(super) struct Ordered<'a> {
    pub(super) points: Points<'a>,
    pub(super) folds: Vec<Fold>,
    pub(super) found: Vec<Sketch>,
}

/// A finding that waits for its picture: that is drawn of the values in order, which stand only when all rows are read.
#[derive(Debug)]
pub(super) struct Sketch {
    finding: Finding,
    /// What the picture points at.
    marks: Vec<(i64, i64)>,
    /// Values that are left out of the series, shown beside it.
    beside: Vec<(i64, f64)>,
}

impl Sketch {
    fn of(finding: Finding) -> Self {
        Self { finding, marks: Vec::new(), beside: Vec::new() }
    }

    pub(super) fn drawn(mut self, subject: &Subject<'_>) -> Finding {
        let text = self.finding.kind.name().replace('_', " ");
        self.finding.plot = match self.marks.first() {
            Some(_) => plot::around(&[subject], &self.marks, 0, &text),
            None => plot::whole(subject),
        };
        if !self.beside.is_empty() {
            plot::add_beside(&mut self.finding.plot, "other rows of these times", &self.beside);
        }
        self.finding
    }
}

/// From so many rows on, a block that goes back in time tells more than that a row came late.
const BLOCK: usize = 4;

pub(super) fn ordered<'a>(series: &Series<'a>, changes: &Changes) -> Ordered<'a> {
    let (times, values) = (series.times, series.values);
    let rising = times.windows(2).all(|pair| pair[0] < pair[1]);
    if rising && !values.iter().any(|value| value.is_nan()) {
        return Ordered { points: Points::whole(times, values), folds: Vec::new(), found: Vec::new() };
    }
    let mut sorting =
        Sorting { series, changes, chain: Vec::new(), late: Vec::new(), folds: Vec::new(), found: Vec::new() };
    if rising {
        sorting.chain = (0..times.len() as u32).collect();
    } else if falls(times) * 10 > times.len() * 9 {
        sorting.newest_first();
    } else {
        sorting.follow();
    }
    sorting.finish()
}

fn falls(times: &[i64]) -> usize {
    times.windows(2).filter(|pair| pair[1] < pair[0]).count()
}

/// Goes through a file once.
struct Sorting<'s, 'a> {
    series: &'s Series<'a>,
    changes: &'s Changes,
    /// Indices whose times rise, or stand.
    chain: Vec<u32>,
    /// Indices that belong between them.
    late: Vec<u32>,
    folds: Vec<Fold>,
    found: Vec<Sketch>,
}

impl<'a> Sorting<'_, 'a> {
    fn time(&self, at: u32) -> i64 {
        self.series.times[at as usize]
    }

    fn newest_first(&mut self) {
        let rows = self.series.times.len();
        self.chain = (0..rows as u32).rev().collect();
        self.chain.sort_by_key(|at| self.series.times[*at as usize]);
        let message = "the newest row stands first".to_owned();
        let finding = Finding::new(FindingKind::OutOfOrder, Severity::Note, 0.99, message).of(self.series.name);
        let finding = finding.counting(rows).at_rows(self.series, [(0, rows - 1)].into_iter());
        self.found.push(Sketch::of(finding.repair("nothing: rows are put in order of time")));
    }

    fn follow(&mut self) {
        let times = self.series.times;
        let mut displaced: Vec<(usize, usize)> = Vec::new();
        let mut at = 0;
        while at < times.len() {
            let newest = self.chain.last().map_or(i64::MIN, |last| self.time(*last));
            if times[at] >= newest {
                self.chain.push(at as u32);
                at += 1;
                continue;
            }
            // One row that ran ahead is out of place itself, not all that follow until its time has come.
            if let [.., before, ahead] = self.chain[..]
                && times[at] > self.time(before)
                && self.is_far_ahead(newest, at)
            {
                self.chain.pop();
                self.late.push(ahead);
                displaced.push((ahead as usize, ahead as usize));
                continue;
            }
            let end = (at..times.len()).find(|next| times[*next] > newest).unwrap_or(times.len());
            self.block(at, end - 1, newest, &mut displaced);
            at = end;
        }
        self.say_displaced(displaced);
    }

    /// Whether the newest row so far lies beyond where the following rows are.
    fn is_far_ahead(&self, newest: i64, at: usize) -> bool {
        let times = self.series.times;
        let rows = &times[at..(at + 8).min(times.len())];
        rows.len() > 2 && rows.iter().filter(|time| **time < newest).count() > 1
    }

    /// Rows that go back behind the newest time so far, both ends included.
    fn block(&mut self, first: usize, last: usize, newest: i64, displaced: &mut Vec<(usize, usize)>) {
        let rows = last + 1 - first;
        let (seen, same) = self.seen_before(first, last);
        let back = newest - self.series.times[first];
        let is_hour = (back - HOUR).abs() <= HOUR / 4 || (back - 30 * MINUTE).abs() <= 5 * MINUTE;
        let repeated = self.changes.repeated(self.series.times[first], self.series.times[first]).is_some();
        let is_fold = is_hour && repeated;
        if seen * 2 <= rows {
            // They fill a hole: a part of the file stands in the wrong place, or a row came late.
            self.late.extend(first as u32..=last as u32);
            return displaced.push((first, last));
        }
        // An hour of zeros at night is twice the same without being a copy.
        let stands_still = self.series.values[first..=last].windows(2).all(|pair| pair[0] == pair[1]);
        if (same * 10 >= seen * 9 && !(is_fold && stands_still)) || rows < BLOCK {
            // The same again: the duplicates tell it.
            return self.late.extend(first as u32..=last as u32);
        }
        if is_fold {
            self.folds.push(Fold { first, last, from: self.series.times[first] });
        } else {
            self.say_set_back(first, last, back);
        }
    }

    /// How many rows of a block have a time that was there before, and how many of those the same value.
    fn seen_before(&self, first: usize, last: usize) -> (usize, usize) {
        let tolerance = Rhythm::of(&self.series.times[first..=last]).map_or(0, |rhythm| rhythm.step / 2);
        let (mut seen, mut same) = (0, 0);
        for at in first..=last {
            let time = self.series.times[at];
            let near = self.chain.partition_point(|known| self.time(*known) < time - tolerance);
            let Some(known) = self.chain.get(near).filter(|known| self.time(**known) <= time + tolerance) else { continue };
            seen += 1;
            let exact =
                self.chain[near..].iter().take_while(|at| self.time(**at) <= time).find(|at| self.time(**at) == time);
            let (old, new) = (self.series.values[*exact.unwrap_or(known) as usize], self.series.values[at]);
            same += usize::from(exact.is_some() && (old == new || old.is_nan() || new.is_nan()));
        }
        (seen, same)
    }

    fn say_set_back(&mut self, first: usize, last: usize, back: i64) {
        let from = self.series.times[first];
        let message = format!(
            "the clock went back by {} at {} and {} came under times that were there already",
            length(back),
            instant(from + back),
            counted(last + 1 - first, "value", "values")
        );
        let finding = Finding::new(FindingKind::ClockShift, Severity::Warning, 0.85, message).of(self.series.name);
        let finding = finding.at_rows(self.series, [(first, last)].into_iter()).spanning(from, from + back);
        let finding = finding.repair("move these rows forward by that time, or leave them out");
        let rows = (first..=last).filter(|at| !self.series.values[*at].is_nan());
        let beside = rows.map(|at| (self.series.times[at], self.series.values[at])).collect();
        self.found.push(Sketch { finding, marks: vec![(from, from + back)], beside });
    }

    fn say_displaced(&mut self, displaced: Vec<(usize, usize)>) {
        let rows: usize = displaced.iter().map(|(first, last)| last + 1 - first).sum();
        if rows == 0 {
            return;
        }
        let times = displaced.iter().map(|(first, _)| self.series.times[*first]);
        let ends = |(first, last): &(usize, usize)| (self.series.times[*first], self.series.times[*last]);
        let marks = displaced.iter().take(MARKS).map(ends).map(|(from, to)| (from.min(to), to.max(from))).collect();
        let (from, to) = (times.clone().min().unwrap_or(0), times.max().unwrap_or(0));
        let message = format!(
            "{} below rows that are later ({} of all)",
            counted(rows, "row stands", "rows stand"),
            percent(rows as f64 / self.series.times.len() as f64)
        );
        let finding = Finding::new(FindingKind::OutOfOrder, Severity::Note, 0.98, message).of(self.series.name);
        let finding = finding.counting(rows).at_rows(self.series, displaced.into_iter()).spanning(from, to);
        let finding = finding.repair("nothing where the file is imported: rows are put in order of time");
        self.found.push(Sketch { finding, marks, beside: Vec::new() });
    }

    /// Chain and late rows as one, each time once: of several values the last in the file counts.
    fn finish(mut self) -> Ordered<'a> {
        let mut order = std::mem::take(&mut self.chain);
        if !self.late.is_empty() {
            order.append(&mut self.late);
            order.sort_by_key(|at| (self.time(*at), *at));
        }
        let order = self.once(order);
        let points = Points::gathered(self.series.times, self.series.values, order);
        Ordered { points, folds: self.folds, found: self.found }
    }

    fn once(&mut self, order: Vec<u32>) -> Vec<u32> {
        let mut kept: Vec<u32> = Vec::with_capacity(order.len());
        let mut doubles = Doubles::default();
        for at in order {
            let value = self.series.values[at as usize];
            if value.is_nan() {
                continue;
            }
            match kept.last().copied().filter(|last| self.time(*last) == self.time(at)) {
                None => kept.push(at),
                Some(last) => {
                    let before = self.series.values[last as usize];
                    doubles.add(Double { at, time: self.time(at), before }, before != value);
                    kept.pop();
                    kept.push(at);
                }
            }
        }
        self.say_doubles(doubles);
        kept
    }

    fn say_doubles(&mut self, mut doubles: Doubles) {
        self.take_doubled_hours(&mut doubles);
        for (rows, conflicting) in [(doubles.same, false), (doubles.conflicting, true)] {
            let (Some(Double { time: from, .. }), Some(Double { time: to, .. })) = (rows.first(), rows.last()) else {
                continue;
            };
            let coarse = rows.len() * 10 > self.series.times.len();
            let message = format!(
                "{} of a time that was there already{}, the first at {}{}",
                counted(rows.len(), "value", "values"),
                if conflicting { ", with another value" } else { ", with the same value" },
                instant(*from),
                if coarse { ": the times are coarser than the cadence" } else { "" }
            );
            let severity = if conflicting { Severity::Warning } else { Severity::Note };
            let finding = Finding::new(FindingKind::Duplicate, severity, 0.99, message).of(self.series.name);
            let at = rows.iter().map(|double| (double.at as usize, double.at as usize));
            let finding = finding.counting(rows.len()).at_rows(self.series, at).spanning(*from, *to);
            let finding = finding.repair(match conflicting {
                true => "find out which is right: on import the last in the file counts",
                false => "nothing: a value that is there already is not stored again",
            });
            let marks = rows.iter().take(MARKS).map(|double| (double.time, double.time)).collect();
            let beside =
                if conflicting { rows.iter().map(|double| (double.time, double.before)).collect() } else { Vec::new() };
            self.found.push(Sketch { finding, marks, beside });
        }
    }

    /// A whole hour that stands doubled, row beside row, on the day on which clocks went back.
    fn take_doubled_hours(&mut self, doubles: &mut Doubles) {
        let mut of_hours: Vec<(i64, usize, u32, u32)> = Vec::new();
        for Double { at, time, .. } in &doubles.conflicting {
            let Some(change) = self.changes.repeated(*time, *time) else { continue };
            match of_hours.iter_mut().find(|(from, ..)| *from == change.from) {
                Some((_, count, first, last)) => {
                    *count += 1;
                    (*first, *last) = ((*first).min(*at), (*last).max(*at));
                }
                None => of_hours.push((change.from, 1, *at, *at)),
            }
        }
        of_hours.retain(|(_, count, ..)| *count >= 3);
        for (from, _, first, last) in of_hours {
            self.folds.push(Fold { first: first as usize, last: last as usize, from });
            let within = |time: &i64| self.changes.repeated(*time, *time).is_some_and(|change| change.from == from);
            doubles.conflicting.retain(|double| !within(&double.time));
            doubles.same.retain(|double| !within(&double.time));
        }
    }
}

/// A row whose time was there already.
#[derive(Debug, Clone, Copy)]
struct Double {
    at: u32,
    time: i64,
    /// The value that stood there before.
    before: f64,
}

#[derive(Debug, Default)]
struct Doubles {
    same: Vec<Double>,
    conflicting: Vec<Double>,
}

impl Doubles {
    fn add(&mut self, double: Double, differs: bool) {
        let rows = if differs { &mut self.conflicting } else { &mut self.same };
        rows.push(double);
    }
}
