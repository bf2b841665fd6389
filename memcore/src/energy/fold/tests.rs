//! Folds by hand: whatever is given by summary, and however it is cut, the rows are those of sample by sample.

use super::*;
use crate::energy::{CalendarUnit, Every, GapRule, Rule, increase, integrate};
use crate::model::Span;

const MINUTE: i64 = 60_000_000;

/// What a channel that reports every minute has.
fn gaps() -> GapRule {
    GapRule::new(Span::from_seconds(180), Some(Span::from_seconds(60))).unwrap()
}

fn asking(aggregates: &[&str]) -> Resampling {
    let resampling = Resampling::whole().gaps(gaps());
    aggregates.iter().fold(resampling, |resampling, name| resampling.aggregate(name.parse().unwrap()))
}

fn at(minute: i64) -> Timestamp {
    Timestamp::from_micros(minute * MINUTE)
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (self.0 >> 33) % bound
    }
}

/// A day of minutes: decimals with gaps, NaN among them where asked for; or a register that falls now and then.
fn samples(dice: &mut Dice, register: bool, nans: bool) -> (Vec<i64>, Vec<f64>) {
    let (mut times, mut values) = (Vec::new(), Vec::new());
    let (mut minute, mut total) = (0i64, 100u64);
    while minute < 1440 {
        minute += match dice.below(60) {
            0 => 2 + dice.below(30) as i64,
            1 => 5,
            _ => 1,
        };
        total = if dice.below(50) == 0 { dice.below(3) * total / 2 } else { total + dice.below(3) };
        let level = (dice.below(50_000) as f64 - 10_000.0) / 10.0;
        times.push(minute * MINUTE);
        values.push(match register {
            _ if nans && dice.below(40) == 0 => f64::NAN,
            true => total as f64 / 10.0,
            false => level,
        });
    }
    (times, values)
}

fn by_samples(resampling: &Resampling, times: &[i64], values: &[f64]) -> BucketRows {
    let mut fold = BucketFold::new(resampling.clone());
    fold.samples(times, values).unwrap();
    fold.finish().unwrap()
}

/// Cuts the samples into pages and gives each as a run where the fold takes it. `ahead` asks of several before they are given,
/// as a scan does that plans what to decode.
fn by_pages(resampling: &Resampling, times: &[i64], values: &[f64], dice: &mut Dice, ahead: usize) -> (BucketRows, usize) {
    let mut fold = BucketFold::new(resampling.clone());
    let mut pages = Vec::new();
    let mut start = 0;
    while start < times.len() {
        let end = (start + 1 + dice.below(30) as usize).min(times.len());
        let (part, of) = (&times[start..end], &values[start..end]);
        let step = (part.len() > 1).then(|| part[1] - part[0]);
        let step = step.filter(|step| part.windows(2).all(|pair| pair[1] - pair[0] == *step));
        pages.push((part, of, step, Summary::of(of)));
        start = end;
    }
    let mut taken = 0;
    for group in pages.chunks(ahead) {
        let run = |(part, _, step, summary): &(&[i64], &[f64], Option<i64>, Summary)| {
            let (first, last, step) = (part[0], part[part.len() - 1], *step);
            (first, last, step, *summary)
        };
        let takes: Vec<bool> = group
            .iter()
            .map(|page| {
                let (first, last, step, summary) = run(page);
                fold.takes(&Run { first, last, step, summary: &summary }).unwrap()
            })
            .collect();
        for (page, takes) in group.iter().zip(takes) {
            let (first, last, step, summary) = run(page);
            if takes {
                taken += 1;
                fold.run(&Run { first, last, step, summary: &summary }).unwrap();
            } else {
                fold.samples(page.0, page.1).unwrap();
            }
        }
    }
    (fold.finish().unwrap(), taken)
}

fn buckets(dice: &mut Dice) -> Option<Every> {
    match dice.below(4) {
        0 => None,
        1 => Some(Every::Fixed(Span::from_seconds(3600))),
        2 => Some(Every::Fixed(Span::from_seconds(420))),
        _ => Some(Every::calendar(CalendarUnit::Hours(5), "Asia/Kathmandu").unwrap()),
    }
}

fn asked(dice: &mut Dice, aggregates: &[&str]) -> Resampling {
    let mut resampling = asking(aggregates);
    if let Some(every) = buckets(dice) {
        resampling.every = Some(every);
        resampling = resampling.fill([Gaps::Absent, Gaps::Null, Gaps::Previous, Gaps::Linear][dice.below(4) as usize]);
    }
    if dice.below(2) == 0 {
        resampling = resampling.rule(Rule::Trapezoid);
    }
    if dice.below(2) == 0 {
        let from = 100 + dice.below(200) as i64;
        resampling = resampling.from(at(from)).to(at(from + 30 + dice.below(1000) as i64));
    }
    resampling
}

/// Every bit, NaN too.
fn bits(rows: &BucketRows) -> (Vec<i64>, Vec<Vec<Option<u64>>>) {
    let of = |column: &Vec<Option<f64>>| column.iter().map(|value| value.map(f64::to_bits)).collect();
    (rows.starts.clone(), rows.columns.iter().map(of).collect())
}

#[test]
fn runs_give_what_their_samples_give() {
    let all = ["mean", "time_weighted_mean", "min", "max", "sum", "count", "first", "last", "integral", "coverage"];
    let mut dice = Dice(7);
    let mut given = 0;
    for round in 0..400 {
        let (times, values) = samples(&mut dice, false, round % 3 == 0);
        let resampling = asked(&mut dice, &all);
        let expected = by_samples(&resampling, &times, &values);
        for ahead in [1, 5] {
            let (rows, taken) = by_pages(&resampling, &times, &values, &mut dice, ahead);
            given += taken;
            assert_eq!(bits(&rows), bits(&expected), "round {round}: {resampling:?}");
        }
    }
    assert!(given > 5_000, "only {given} runs were taken: the test compares samples with samples");
}

#[test]
fn registers_rise_by_runs_as_by_readings() {
    let mut dice = Dice(11);
    let mut given = 0;
    for round in 0..400 {
        let (times, values) = samples(&mut dice, true, round % 3 == 0);
        let resampling = asked(&mut dice, &["increase", "count"]);
        let expected = by_samples(&resampling, &times, &values);
        for ahead in [1, 5, 100] {
            let (rows, taken) = by_pages(&resampling, &times, &values, &mut dice, ahead);
            given += taken;
            assert_eq!(bits(&rows), bits(&expected), "round {round}: {resampling:?}");
        }
        let whole = by_samples(&asking(&["increase"]), &times, &values);
        assert_eq!(whole.columns[0][0], increase(&values, None).unwrap().amount);
    }
    assert!(given > 5_000, "only {given} runs were taken: the test compares readings with readings");
}

#[test]
fn each_bucket_has_what_the_kernel_finds_in_it() {
    let mut dice = Dice(3);
    for round in 0..100 {
        let (times, values) = samples(&mut dice, false, round % 2 == 0);
        let rule = if round % 3 == 0 { Rule::Trapezoid } else { Rule::Step };
        let every = Every::Fixed(Span::from_seconds(1800));
        let resampling = asking(&["integral", "coverage"]).rule(rule).from(at(45)).to(at(1200)).fill(Gaps::Null);
        let resampling = Resampling { every: Some(every), ..resampling };
        let rows = by_samples(&resampling, &times, &values);
        let instants: Vec<Timestamp> = times.iter().map(|time| Timestamp::from_micros(*time)).collect();
        for (row, start) in rows.starts.iter().enumerate() {
            let from = Timestamp::from_micros(*start).max(at(45));
            let to = Timestamp::from_micros(start + 30 * MINUTE).min(at(1200));
            let alone = integrate(&instants, &values, (from, to), rule, gaps()).unwrap();
            let (amount, coverage) = (rows.columns[0][row].unwrap_or(0.0), rows.columns[1][row].unwrap());
            assert!((amount - alone.amount).abs() < 1e-9, "round {round}, {from}: {amount} {alone:?}");
            assert!((coverage - alone.covered.as_seconds() / to.since(from).as_seconds()).abs() < 1e-12);
        }
    }
}

#[test]
fn quantiles_lie_between_order_statistics_as_numpy_has_them() {
    let times: Vec<i64> = (0..6).map(|minute| minute * MINUTE).collect();
    let values = [9.0, 1.0, f64::NAN, 4.0, 2.5, 16.0];
    let rows = by_samples(&asking(&["median", "p0", "p10", "p99.9", "p100"]), &times, &values);
    // numpy.percentile([9, 1, 4, 2.5, 16], [50, 0, 10, 99.9, 100])
    let expected = [4.0, 1.0, 1.6, 15.972, 16.0];
    for (column, expected) in rows.columns.iter().zip(expected) {
        assert!((column[0].unwrap() - expected).abs() < 1e-12, "{column:?} {expected}");
    }
}

#[test]
fn what_holds_through_more_buckets_than_there_may_be_is_refused() {
    let long = Span::from_seconds(1_000_000_000);
    let resampling = asking(&["integral"]).gaps(GapRule::new(long, None).unwrap());
    let resampling = Resampling { every: Some(Every::Fixed(Span::from_micros(1))), ..resampling };
    let mut fold = BucketFold::new(resampling);
    let e = fold.samples(&[0, 100_000_000_000], &[1.0, 1.0]).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::LimitReached);
    assert!(e.message().contains("more than 10000000 buckets of 1us"), "{e}");
}
