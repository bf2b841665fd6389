//! Figures of the energy kernel over columns: two million samples, as a household's meter reports them, with full precision, and
//! unevenly spaced. CPU time of one thread, the best of several runs.

use std::hint::black_box;

use memcore::energy::{self, Aggregate, Every, GapRule, Resampling, Rule};
use memcore::model::{Span, Timestamp, Unit};

use crate::Figure;
use crate::store::{Table, cpu, stand_in};
use crate::store_more::all_years;

const RUNS: usize = 7;
/// What each operation should reach, in millions of samples a second.
const TARGET: f64 = 200.0;

/// One column with its times.
struct Column {
    name: &'static str,
    times: Vec<i64>,
    values: Vec<f64>,
    register: Vec<f64>,
}

/// Measures everything; takes a few seconds.
pub(crate) fn figures() -> Vec<Figure> {
    let table = all_years().unwrap_or_else(|| stand_in().repeated(16));
    columns(&table).iter().flat_map(operations).collect()
}

/// The household's power in W, the same without decimals to speak of, and the same at uneven times.
fn columns(table: &Table) -> Vec<Column> {
    let times: Vec<i64> = table.times.iter().map(|time| time.as_micros()).collect();
    let values: Vec<f64> = table.columns[0]
        .iter()
        .map(|value| value.map_or(f64::NAN, |kilowatts| Unit::Kilowatt.to_base(kilowatts)))
        .collect();
    // Reports come up to 0.8 s late.
    let late = |(row, time): (usize, &i64)| time + (row as i64).wrapping_mul(2_654_435_761).rem_euclid(800) * 1000;
    let uneven: Vec<i64> = times.iter().enumerate().map(late).collect();
    let full: Vec<f64> = values.iter().map(|value| value / 7.0).collect();
    let column = |name, times: &[i64], values: &[f64], decimals: f64| {
        let mut total = 0.0;
        let mut count = |value: &f64| {
            total += if value.is_nan() { 0.0 } else { value.abs() };
            (total / 60.0 * decimals).round() / decimals
        };
        let register = values.iter().map(&mut count).collect();
        Column { name, times: times.to_vec(), values: values.to_vec(), register }
    };
    vec![
        column("decimals every minute", &times, &values, 1000.0),
        column("full precision every minute", &times, &full, 1e9 + 7.0),
        column("decimals at uneven times", &uneven, &values, 1000.0),
        column("full precision at uneven times", &uneven, &full, 1e9 + 7.0),
    ]
}

fn operations(column: &Column) -> Vec<Figure> {
    let Column { times, values, register, .. } = column;
    let range = (Timestamp::from_micros(times[0]), Timestamp::from_micros(times[times.len() - 1]));
    let gaps = GapRule::new(Span::from_seconds(180), Some(Span::from_seconds(60))).expect("a rule");
    let buckets_of = |length: &str, aggregates: &[Aggregate]| {
        let every = Every::parse(length, Some("Europe/Paris")).expect("a length");
        aggregates.iter().fold(Resampling::every(every).gaps(gaps), |resampling, of| resampling.aggregate(*of))
    };
    let integrate = |rule| energy::integrate(times, values, range, rule, gaps).expect("an integral").amount;
    let buckets = |length: &str, of: &[Aggregate]| {
        energy::resample(times, values, &buckets_of(length, of)).expect("buckets").starts.len()
    };
    let grid: Vec<i64> = (0..times.len() as i64 / 15).map(|quarter| times[0] + quarter * 900_000_000).collect();
    vec![
        column.figure("integrate, step", || integrate(Rule::Step)),
        column.figure("integrate, trapezoid", || integrate(Rule::Trapezoid)),
        column.figure("increase of a counter", || energy::increase(register, None).expect("an increase").amount),
        column.figure("increases, reading by reading", || {
            energy::increases(register, None).expect("increases").amounts.len()
        }),
        column.figure("quarters of an hour in a zone, mean", || buckets("15m", &[Aggregate::Mean])),
        column.figure("quarters of an hour in a zone, integral", || buckets("15m", &[Aggregate::Integral])),
        column.figure("quarters of an hour in a zone, mean min max", || {
            buckets("15m", &[Aggregate::Mean, Aggregate::Min, Aggregate::Max])
        }),
        column.figure("hours in a zone, mean and integral", || buckets("1h", &[Aggregate::Mean, Aggregate::Integral])),
        column.figure("days in a zone, mean and integral", || buckets("1d", &[Aggregate::Mean, Aggregate::Integral])),
        column.figure("values at quarters of an hour", || {
            energy::at(times, values, &grid, Rule::Step, gaps).expect("values").len()
        }),
        column
            .figure("convert from W to kW", || energy::convert(values, Unit::Watt, Unit::Kilowatt).expect("values").len()),
    ]
}

impl Column {
    fn figure<T>(&self, name: &str, run: impl Fn() -> T) -> Figure {
        let once = || {
            let start = cpu();
            black_box(run());
            (cpu() - start).as_secs_f64()
        };
        let best = (0..RUNS).map(|_| once()).fold(f64::INFINITY, f64::min);
        let value = self.times.len() as f64 / best / 1e6;
        let name = format!("{name}, {}", self.name);
        Figure { name, value, unit: "Msamples/s/core", better: "higher", target: Some(TARGET) }
    }
}
