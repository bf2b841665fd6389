//! What the kernel makes of columns is what a store that holds them answers, bit for bit: every aggregate, rule, gap rule and
//! filling, in buckets of fixed length and of the calendars of odd zones.

mod store_support;

use arrow_array::Float64Array;
use memcore::energy::{Aggregate, Every, GapRule, Gaps, Resampling, Rule, resample};
use memcore::model::{Batch, Channel, Span, Timestamp, Unit};
use memcore::store::{Query, SeriesResult, Store, StoreOptions};
use store_support::*;

const MINUTE: i64 = 60_000_000;
/// Lengths, with and without a zone: half hours of summer time, midnights that come twice or never, quarters beside the hour.
const EVERY: [(&str, Option<&str>); 11] = [
    ("7m", None),
    ("1h", None),
    ("1d", None),
    ("15m", Some("Europe/Berlin")),
    ("1d", Some("Europe/Berlin")),
    ("5h", Some("Asia/Kathmandu")),
    ("1h", Some("Australia/Lord_Howe")),
    ("45m", Some("America/St_Johns")),
    ("1d", Some("America/Havana")),
    ("1w", Some("Africa/Cairo")),
    ("1mo", Some("America/Sao_Paulo")),
];

/// Samples around a change of clocks: mostly a minute apart, with gaps, NaN, registers that fall, and values of full precision.
fn samples(dice: &mut Dice, decimals: bool) -> (Vec<Timestamp>, Vec<f64>) {
    let changes = ["2024-03-31T00:30:00Z", "2024-10-27T00:30:00Z", "2024-04-06T14:00:00Z", "2018-11-04T02:00:00Z"];
    let start: Timestamp = changes[dice.below(4) as usize].parse().unwrap();
    let mut time = start.as_micros() - dice.below(600) as i64 * MINUTE;
    let (mut times, mut values, mut total) = (Vec::new(), Vec::new(), 100u64);
    let register = dice.below(3) == 0;
    for _ in 0..200 + dice.below(1500) {
        time += match dice.below(80) {
            0 => (2 + dice.below(120) as i64) * MINUTE,
            1 => 5 * MINUTE,
            2 => 1 + dice.below(90_000_000) as i64,
            _ => MINUTE,
        };
        total = if dice.below(60) == 0 { dice.below(3) * total / 2 } else { total + dice.below(3) };
        let level = (dice.below(500_000) as f64 - 100_000.0) / 100.0;
        times.push(Timestamp::from_micros(time));
        values.push(match register {
            _ if dice.below(50) == 0 => f64::NAN,
            true => total as f64 / 10.0,
            false if decimals => level,
            false => level / 7.0,
        });
    }
    (times, values)
}

fn store_of(times: &[Timestamp], values: &[f64], cadence: Span) -> Store {
    let store = Store::in_memory(StoreOptions::default());
    let channel = Channel::gauge("value", Unit::Watt).unwrap().cadence(cadence).build().unwrap();
    store.register(&device("home1.meter"), &[channel]).unwrap();
    let values = values.iter().map(|value| Some(*value)).collect();
    store.write(&Batch::new(device("home1.meter"), names(&["value"]), times.to_vec(), values).unwrap()).unwrap();
    store
}

/// The same question to both.
fn question(dice: &mut Dice, times: &[Timestamp], cadence: Span) -> (Query, Resampling) {
    let percentiles = ["p5", "p99.9"].map(|name| name.parse().unwrap());
    let aggregates: Vec<Aggregate> = Aggregate::ALL.into_iter().chain(percentiles).collect();
    let (mut query, mut resampling) = (Query::new(pattern("home1.meter.value")), Resampling::whole());
    if dice.below(8) > 0 {
        let (length, zone) = EVERY[dice.below(EVERY.len() as u64) as usize];
        let every = Every::parse(length, zone).unwrap();
        let fill = [Gaps::Absent, Gaps::Null, Gaps::Previous, Gaps::Linear][dice.below(4) as usize];
        query = query.every(every.clone()).gaps(fill);
        resampling = Resampling::every(every).fill(fill);
    }
    // All of them, or a few: what is not asked for must change nothing.
    for aggregate in aggregates {
        if dice.below(3) > 0 {
            (query, resampling) = (query.aggregate(aggregate), resampling.aggregate(aggregate));
        }
    }
    let rule = if dice.below(2) == 0 { Rule::Step } else { Rule::Trapezoid };
    let longest = Span::from_micros((1 + dice.below(90) as i64) * MINUTE);
    query = query.rule(rule).max_gap(longest);
    resampling = resampling.rule(rule).gaps(GapRule::new(longest, Some(cadence)).unwrap());
    if dice.below(2) == 0 {
        let within = |dice: &mut Dice| times[dice.below(times.len() as u64) as usize];
        let (a, b) = (within(dice), within(dice));
        (query, resampling) = (query.from(a.min(b)).to(a.max(b)), resampling.from(a.min(b)).to(a.max(b)));
    }
    (query, resampling)
}

fn numbers(series: &SeriesResult, aggregate: Aggregate) -> Vec<u64> {
    match series.column(&aggregate.name()) {
        Some(column) => Float64Array::values(column).iter().map(|value| value.to_bits()).collect(),
        None => series.counts().unwrap().values().iter().map(|count| (*count as f64).to_bits()).collect(),
    }
}

#[test]
fn columns_give_what_a_store_that_holds_them_answers() {
    let mut dice = Dice(2024);
    let mut rows = 0;
    for round in 0..600 {
        let decimals = round % 3 > 0;
        let cadence = Span::from_micros(MINUTE);
        let (times, values) = samples(&mut dice, decimals);
        let store = store_of(&times, &values, cadence);
        if decimals && round % 2 == 0 {
            // Summaries of pages answer now. The sums of decimals do not depend on how they are grouped (S18).
            store.seal().unwrap();
        }
        for _ in 0..4 {
            let (query, resampling) = question(&mut dice, &times, cadence);
            let answer = store.query(&query).unwrap_or_else(|e| panic!("{query:?}: {e}"));
            let series = &answer.series()[0];
            let found = resample(&times, &values, &resampling).unwrap();
            let micros: Vec<i64> = found.starts.iter().map(|start| start.as_micros()).collect();
            assert_eq!(series.times().values(), &micros[..], "round {round}: {query:?}");
            rows += micros.len();
            for (aggregate, column) in &found.columns {
                let bits: Vec<u64> = column.iter().map(|value| value.to_bits()).collect();
                assert_eq!(numbers(series, *aggregate), bits, "round {round}, {aggregate}: {query:?}");
            }
        }
    }
    assert!(rows > 50_000, "only {rows} rows were compared");
}
