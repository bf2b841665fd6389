//! Whatever times and values are given, the kernel answers or refuses: nothing overflows at the ends of time.

use memcore::energy::{
    Aggregate, CalendarUnit, Every, GapRule, Gaps, Resampling, Rule, at, integrate, mean_power, mean_power_of_register,
    resample, resample_with_quality,
};
use memcore::model::{Quality, Span, Timestamp};

const LAST: i64 = i64::MAX;
const FIRST: i64 = i64::MIN;
const TIMES: [&[i64]; 5] = [
    &[FIRST, LAST],
    &[FIRST, -1, LAST],
    &[FIRST, FIRST + 1, 0, 1, 2, 3, 4, 5, LAST - 1, LAST],
    &[FIRST, FIRST / 2, 0, LAST / 2, LAST],
    &[LAST - 5, LAST - 4, LAST - 3, LAST - 2, LAST - 1, LAST],
];
const VALUES: [f64; 10] = [1.0, f64::MAX, -0.0, f64::INFINITY, f64::NAN, 5e-324, f64::MIN, f64::NEG_INFINITY, 0.1, 1e15];

fn everything(resampling: Resampling) -> Resampling {
    Aggregate::ALL.into_iter().fold(resampling.width(65_536.0), Resampling::aggregate)
}

fn ask(times: &[Timestamp], values: &[f64], rule: Rule, gaps: GapRule) {
    let all = (Timestamp::MIN, Timestamp::MAX);
    let found = integrate(times, values, all, rule, gaps).unwrap();
    assert!(found.covered.as_micros() >= 0 && found.held <= found.covered, "{found:?}");
    at(times, values, &[FIRST, 0, LAST], rule, gaps).unwrap();
    mean_power(times, values, gaps).unwrap();
    mean_power_of_register(times, values, Some(65_536.0), gaps).unwrap();
    let whole = everything(Resampling::whole().rule(rule).gaps(gaps));
    for question in [whole.clone(), whole.from(all.0).to(all.1)] {
        let found = resample(times, values, &question).unwrap();
        let coverage = found.column(Aggregate::Coverage).unwrap();
        assert!(coverage.iter().all(|share| !(*share < 0.0 || *share > 1.0)), "{coverage:?}");
        resample_with_quality(times, values, &vec![Quality::Estimated; values.len()], &question).unwrap();
    }
    let longest = Every::Fixed(Span::from_micros(LAST));
    resample(times, values, &everything(Resampling::every(longest).rule(rule).gaps(gaps).fill(Gaps::Linear))).unwrap();
    // Outside the calendar there are no years.
    let year = Every::calendar(CalendarUnit::Year, "Europe/Berlin").unwrap();
    resample(times, values, &everything(Resampling::every(year).rule(rule).gaps(gaps))).unwrap_err();
}

#[test]
fn the_ends_of_time_and_of_numbers_do_not_overflow() {
    for (times, shift) in TIMES.into_iter().flat_map(|times| (0..VALUES.len()).map(move |shift| (times, shift))) {
        let values: Vec<f64> = (0..times.len()).map(|at| VALUES[(at + shift) % VALUES.len()]).collect();
        let times: Vec<Timestamp> = times.iter().map(|time| Timestamp::from_micros(*time)).collect();
        for (longest, cadence) in
            [1, 3_600_000_000, LAST].into_iter().flat_map(|long| [None, Some(1), Some(LAST)].map(|cadence| (long, cadence)))
        {
            let gaps = GapRule::new(Span::from_micros(longest), cadence.map(Span::from_micros)).unwrap();
            ask(&times, &values, Rule::Step, gaps);
            ask(&times, &values, Rule::Trapezoid, gaps);
        }
    }
}

#[test]
fn a_part_of_a_day_that_is_longer_than_any_is_the_day() {
    let noon: Timestamp = "2024-03-31T12:00:00Z".parse().unwrap();
    for unit in [CalendarUnit::Hours(u32::MAX), CalendarUnit::Minutes(u32::MAX), CalendarUnit::Day] {
        let every = Every::calendar(unit, "Europe/Berlin").unwrap();
        let found = resample(&[noon], &[1.0], &Resampling::every(every)).unwrap();
        assert_eq!(found.starts[0].to_string(), "2024-03-30T23:00:00Z");
    }
}
