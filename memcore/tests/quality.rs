//! How values came about: told beside them, kept through everything a store does, and weighed in buckets.

use memcore::energy::{Aggregate, Resampling, resample_with_quality};
use memcore::model::{
    Channel, DeviceName, Kind, LabelPosition, Quality, RegisterType, Selection, SeriesName, Span, Timestamp, Unit,
};
use memcore::{ErrorKind, Every, Gaps, Memcore, Query, StoreOptions};

const HOUR: i64 = 3600;
const QUARTER: i64 = 900;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

/// A meter that reports every quarter of an hour.
fn meter() -> (Memcore, SeriesName) {
    let mem = Memcore::in_memory();
    let power: SeriesName = "home1.meter.power".parse().unwrap();
    let channel = Channel::gauge("power", Unit::Watt).unwrap().cadence(Span::from_seconds(QUARTER)).build().unwrap();
    mem.register(&power, &channel).unwrap();
    (mem, power)
}

fn quarters(count: i64) -> Vec<Timestamp> {
    (0..count).map(|n| at(n * QUARTER)).collect()
}

/// Times in quarters of an hour, values, qualities.
fn samples(mem: &Memcore, query: &Query) -> Vec<(i64, f64, f64)> {
    let result = mem.query(query).unwrap();
    let series = &result.series()[0];
    let times = series.times().values().iter().map(|time| time / 1_000_000 / QUARTER);
    let values = series.values().unwrap().values().iter().zip(series.qualities().unwrap().values());
    times.zip(values).map(|(time, (value, quality))| (time, *value, *quality)).collect()
}

fn raw(mem: &Memcore, series: &SeriesName) -> Vec<(i64, f64, f64)> {
    samples(mem, &Query::new(series).with_quality())
}

const TOLD: [Aggregate; 6] = [
    Aggregate::Measured,
    Aggregate::Held,
    Aggregate::Estimated,
    Aggregate::Substituted,
    Aggregate::Invalid,
    Aggregate::Quality,
];

#[test]
fn qualities_stand_at_the_times_of_the_values_when_those_come_to_be_labelled_otherwise() {
    let (mem, power) = meter();
    mem.write_with_quality(&power, &[at(0)], &[Some(1.0)], None, Quality::Estimated).unwrap();
    let quarter = Channel::gauge("power", Unit::Watt).unwrap().cadence(Span::from_seconds(QUARTER));
    let by_end = quarter.label(LabelPosition::End).invalid([-1.0]).build().unwrap();
    mem.register(&power, &by_end).unwrap();
    let times = [at(2 * QUARTER), at(3 * QUARTER)];
    mem.write_with_quality(&power, &times, &[Some(2.0), Some(3.0)], None, Quality::Substituted).unwrap();
    assert_eq!(raw(&mem, &power), [(0, 1.0, 2.0), (1, 2.0, 3.0), (2, 3.0, 3.0)]);
    // So does what the edge says of a value that is none.
    mem.write(&power, &[at(3 * QUARTER)], &[Some(-1.0)], None).unwrap();
    assert_eq!(raw(&mem, &power)[2], (2, 3.0, 4.0));
}

/// Of each bucket: the shares measured, held, estimated, substituted, invalid, and the worst quality.
fn told(mem: &Memcore, query: Query) -> Vec<Vec<Option<f64>>> {
    let query = TOLD.into_iter().fold(query, Query::aggregate);
    let result = mem.query(&query).unwrap();
    let series = &result.series()[0];
    let columns: Vec<_> = TOLD.iter().map(|aggregate| series.column(&aggregate.name()).unwrap()).collect();
    (0..series.times().len()).map(|row| columns.iter().map(|column| column.iter().nth(row).unwrap()).collect()).collect()
}

fn shares(values: [f64; 6]) -> Vec<Option<f64>> {
    values.into_iter().map(Some).collect()
}

#[test]
fn qualities_stand_beside_their_values_and_weigh_as_long_as_these_hold() {
    let (mem, power) = meter();
    let values = [Some(1000.0); 8];
    use Quality::{Estimated as E, Measured as M, Substituted as S};
    mem.write_with_quality(&power, &quarters(8), &values, None, &[M, M, E, E, M, S, M, M][..]).unwrap();
    let qualities = [0.0, 0.0, 2.0, 2.0, 0.0, 3.0, 0.0, 0.0];
    let expected: Vec<_> = (0..8).zip(qualities).map(|(time, quality)| (time, 1000.0, quality)).collect();
    let hours = || Query::new(&power).from(at(0)).to(at(2 * HOUR)).every(Every::Fixed(Span::from_seconds(HOUR)));
    for _ in 0..2 {
        assert_eq!(raw(&mem, &power), expected);
        assert_eq!(told(&mem, hours()), [shares([0.5, 0.0, 0.5, 0.0, 0.0, 2.0]), shares([0.75, 0.0, 0.0, 0.25, 0.0, 3.0])]);
        mem.store().seal().unwrap();
    }
    // Nothing stands where a value was measured; what does is a series as any other.
    let quality = mem.query(&Query::of("home1.meter.power.quality").unwrap()).unwrap();
    assert_eq!(quality.series()[0].values().unwrap().values()[..], [2.0, 2.0, 3.0]);
    assert_eq!(quality.series()[0].channel().kind, Kind::State);
    // Mean and energy are those of all values.
    let energy = mem.query(&hours().aggregate(Aggregate::Integral)).unwrap();
    assert_eq!(energy.series()[0].column("integral").unwrap().values()[..], [1000.0, 1000.0]);
}

#[test]
fn a_series_that_has_no_qualities_was_measured_or_held() {
    // B7: 33.5 W, reported once, over a day.
    let mem = Memcore::in_memory();
    let power: SeriesName = "home1.fridge.power".parse().unwrap();
    let channel = Channel::gauge("power", Unit::Watt).unwrap().max_age(Span::from_seconds(24 * HOUR)).build().unwrap();
    mem.register(&power, &channel).unwrap();
    mem.write(&power, &[at(0)], &[Some(33.5)], None).unwrap();
    let day = || Query::new(&power).from(at(0)).to(at(24 * HOUR));
    let result = mem.query(&day().aggregate(Aggregate::Integral)).unwrap();
    assert_eq!(result.series()[0].column("integral").unwrap().value(0), 804.0);
    assert_eq!(told(&mem, day()), [shares([0.0, 1.0, 0.0, 0.0, 0.0, 1.0])]);
    assert_eq!(raw(&mem, &power), [(0, 33.5, 0.0)]);
    // The source itself says at noon that it held the value.
    mem.write_with_quality(&power, &[at(12 * HOUR), at(18 * HOUR)], &[Some(33.5); 2], None, Quality::Held).unwrap();
    mem.write(&power, &[at(24 * HOUR)], &[Some(40.0)], None).unwrap();
    assert_eq!(told(&mem, day()), [shares([0.5, 0.5, 0.0, 0.0, 0.0, 1.0])]);
}

#[test]
fn a_value_written_anew_without_a_quality_was_measured() {
    let (mem, power) = meter();
    mem.write_with_quality(&power, &quarters(4), &[Some(500.0); 4], None, Quality::Estimated).unwrap();
    // The meter's own readings come later, in part; once they are in memory, once in a chunk, once both.
    mem.write(&power, &[at(QUARTER)], &[Some(480.0)], None).unwrap();
    mem.store().seal().unwrap();
    mem.write(&power, &[at(2 * QUARTER)], &[Some(490.0)], None).unwrap();
    let mut bulk = mem.bulk();
    bulk.write(&power, &[at(5 * QUARTER), at(0)], &[Some(470.0), Some(460.0)], None).unwrap();
    bulk.finish().unwrap();
    let expected = [(0, 460.0, 0.0), (1, 480.0, 0.0), (2, 490.0, 0.0), (3, 500.0, 2.0), (5, 470.0, 0.0)];
    assert_eq!(raw(&mem, &power), expected);
    let hour = Query::new(&power).from(at(0)).to(at(HOUR));
    assert_eq!(told(&mem, hour), [shares([0.75, 0.0, 0.25, 0.0, 0.0, 2.0])]);
    // Later values need no word: nothing is written beside them.
    mem.write(&power, &[at(9 * QUARTER)], &[Some(1.0)], None).unwrap();
    let beside = mem.query(&Query::of("home1.meter.power.quality").unwrap()).unwrap();
    assert_eq!(beside.series()[0].times().len(), 4);
    // And back again.
    mem.write_with_quality(&power, &[at(QUARTER)], &[Some(481.0)], None, Quality::Substituted).unwrap();
    assert_eq!(raw(&mem, &power)[1], (1, 481.0, 3.0));
}

#[test]
fn qualities_outlive_a_restart_and_what_was_known_earlier_is_seen_as_of_then() {
    let folder = tempfile::tempdir().unwrap();
    let power: SeriesName = "home1.meter.power".parse().unwrap();
    let open = || Memcore::open(folder.path(), StoreOptions::default()).unwrap();
    let mem = open();
    let watt = Some(Unit::Watt);
    mem.write_with_quality(&power, &quarters(3), &[Some(1.0); 3], watt, Quality::Estimated).unwrap();
    mem.close().unwrap();
    let mem = open();
    mem.write(&power, &[at(QUARTER)], &[Some(2.0)], None).unwrap();
    drop(mem);
    assert_eq!(raw(&open(), &power), [(0, 1.0, 2.0), (1, 2.0, 0.0), (2, 1.0, 2.0)]);
}

#[test]
fn what_a_source_calls_invalid_is_absent_and_says_so_beside_it() {
    // B5 with a quality beside: the inverter's register is not implemented for half an hour.
    let mem = Memcore::in_memory();
    let power: SeriesName = "home1.inverter.power".parse().unwrap();
    let channel = Channel::gauge("power", Unit::Watt).unwrap().cadence(Span::from_seconds(QUARTER));
    mem.register(&power, &channel.register(RegisterType::Uint16).build().unwrap()).unwrap();
    let values = [100.0, 65_535.0, 65_535.0, 100.0].map(Some);
    let hour = || Query::new(&power).from(at(0)).to(at(HOUR));
    // Without a series of qualities it is a gap of half an hour, which is bridged.
    assert_eq!(mem.write(&power, &quarters(4), &values, None).unwrap(), 2);
    assert_eq!(told(&mem, hour()), [shares([1.0, 0.0, 0.0, 0.0, 0.0, 0.0])]);
    mem.register(&power.device.channel("power.quality".parse().unwrap()), &quality_of(&mem, &power)).unwrap();
    for bulk in [false, true] {
        mem.delete(Selection::all(), Timestamp::MIN, Timestamp::MAX).unwrap();
        if bulk {
            let mut bulk = mem.bulk();
            assert_eq!(bulk.write(&power, &quarters(4), &values, None).unwrap(), 2);
            assert_eq!(bulk.finish().unwrap().set_aside.invalid, 2);
        } else {
            assert_eq!(mem.write(&power, &quarters(4), &values, None).unwrap(), 2);
        }
        assert_eq!(raw(&mem, &power), [(0, 100.0, 0.0), (3, 100.0, 0.0)]);
        assert_eq!(told(&mem, hour()), [shares([0.5, 0.0, 0.0, 0.0, 0.5, 4.0])]);
    }
    // A later reading takes the place of an invalid one.
    mem.write(&power, &[at(QUARTER)], &[Some(90.0)], None).unwrap();
    assert_eq!(told(&mem, hour()), [shares([0.75, 0.0, 0.0, 0.0, 0.25, 4.0])]);
}

fn quality_of(mem: &Memcore, series: &SeriesName) -> Channel {
    mem.store().channel(series).unwrap().quality().unwrap()
}

#[test]
fn an_hour_that_is_invalid_throughout_has_a_row_of_its_own() {
    let (mem, power) = meter();
    let (m, i) = (Quality::Measured, Quality::Invalid);
    let values = [Some(5.0), Some(5.0), Some(5.0), Some(5.0), None, None, None, None];
    let written = mem.write_with_quality(&power, &quarters(8), &values, None, &[m, m, m, m, i, i, i, i][..]).unwrap();
    assert_eq!(written, 4);
    let hours = Query::new(&power).from(at(0)).to(at(3 * HOUR)).every(Every::Fixed(Span::from_seconds(HOUR)));
    let hours = hours.max_gap(Span::from_seconds(QUARTER));
    let rows = told(&mem, hours.clone().aggregate(Aggregate::Mean));
    assert_eq!(rows, [shares([1.0, 0.0, 0.0, 0.0, 0.0, 0.0]), shares([0.0, 0.0, 0.0, 0.0, 1.0, 4.0])]);
    let all = told(&mem, hours.gaps(Gaps::Null));
    assert_eq!(all[2], [Some(0.0), Some(0.0), Some(0.0), Some(0.0), Some(0.0), None]);
}

#[test]
fn a_deleted_range_takes_its_qualities_along() {
    let (mem, power) = meter();
    mem.write_with_quality(&power, &quarters(4), &[Some(1.0); 4], None, Quality::Estimated).unwrap();
    let deleted = mem.delete(&power, at(QUARTER), at(3 * QUARTER)).unwrap();
    assert_eq!((deleted.series, deleted.touched), (1, 1));
    mem.write(&power, &[at(QUARTER)], &[Some(2.0)], None).unwrap();
    assert_eq!(raw(&mem, &power), [(0, 1.0, 2.0), (1, 2.0, 0.0), (3, 1.0, 2.0)]);
}

#[test]
fn a_stream_a_limit_and_the_last_rows_carry_the_same_qualities() {
    let (mem, power) = meter();
    let many = 200_000i64;
    let qualities: Vec<Quality> =
        (0..many).map(|n| if n % 7 == 0 { Quality::Estimated } else { Quality::Measured }).collect();
    let values = vec![Some(1.0); many as usize];
    mem.write_with_quality(&power, &quarters(many), &values, None, qualities).unwrap();
    let expected = |time: i64| if time % 7 == 0 { 2.0 } else { 0.0 };
    let query = Query::new(&power).with_quality();
    let mut next = 0;
    for batch in mem.store().stream(&query).unwrap() {
        let batch = batch.unwrap();
        let column = batch.column_by_name("quality").unwrap();
        let column = column.as_any().downcast_ref::<arrow_array::Float64Array>().unwrap();
        for quality in column.values() {
            assert_eq!(*quality, expected(next));
            next += 1;
        }
    }
    assert_eq!(next, many);
    for (query, first) in [(query.clone().limit(20), 0), (query.clone().last(20), many - 20)] {
        let rows = samples(&mem, &query);
        assert!(rows.iter().zip(first..).all(|((time, _, quality), n)| *time == n && *quality == expected(n)), "{first}");
        assert_eq!(rows.len(), 20);
    }
    let days = Every::Fixed(Span::from_seconds(7 * QUARTER));
    assert!(told(&mem, Query::new(&power).to(at(70 * QUARTER)).every(days)).iter().all(|row| row[2] == Some(1.0 / 7.0)));
}

#[test]
fn the_kernel_gives_the_same_answer_to_samples_in_hand() {
    let (mem, power) = meter();
    let qualities: Vec<Quality> = (0..96).map(|n| Quality::ALL[[0, 0, 2, 0, 3, 1][n % 6]]).collect();
    let values: Vec<f64> = (0..96).map(f64::from).collect();
    let cells: Vec<Option<f64>> = values.iter().copied().map(Some).collect();
    mem.write_with_quality(&power, &quarters(96), &cells, None, &qualities[..]).unwrap();
    let every = Every::Fixed(Span::from_seconds(2 * HOUR));
    let (from, to) = (at(HOUR), at(20 * HOUR));
    let channel = mem.store().channel(&power).unwrap();
    let gaps = memcore::energy::GapRule::of(&channel, None).unwrap();
    let resampling = TOLD.into_iter().fold(Resampling::every(every.clone()), Resampling::aggregate);
    let resampling = resampling.gaps(gaps).from(from).to(to);
    let kernel = resample_with_quality(&quarters(96), &values, &qualities, &resampling).unwrap();
    let store = told(&mem, Query::new(&power).from(from).to(to).every(every));
    for (at, (_, column)) in kernel.columns.iter().enumerate() {
        let stored: Vec<f64> = store.iter().map(|row| row[at].unwrap()).collect();
        assert_eq!(*column, stored, "{}", TOLD[at]);
    }
    assert!(resample_with_quality(&quarters(2), &values[..2], &qualities[..1], &resampling).is_err());
}

#[test]
fn what_does_not_fit_is_refused_and_nothing_is_written() {
    let (mem, power) = meter();
    let values = [Some(1.0); 2];
    let e = mem.write_with_quality(&power, &quarters(2), &values, None, &[Quality::Held][..]).unwrap_err();
    assert_eq!(e.message(), "home1.meter.power: 2 times and 1 qualities, expected as many of each");
    let air: SeriesName = "home1.room.air".parse().unwrap();
    let measured = Channel::of("air.quality", memcore::model::Quantity::Ratio, Unit::Percent).unwrap().build().unwrap();
    mem.register(&"home1.room.air.quality".parse().unwrap(), &measured).unwrap();
    let e = mem.write_with_quality(&air, &quarters(2), &values, Some(Unit::Percent), Quality::Held).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Invalid, "{e}");
    let humidity = Channel::of("air", memcore::model::Quantity::Ratio, Unit::Percent).unwrap().build().unwrap();
    mem.register(&air, &humidity).unwrap();
    let e = mem.write_with_quality(&air, &quarters(2), &values, None, Quality::Held).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Conflict, "{e}");
    // A number that is no quality is none.
    let device: DeviceName = "home1.meter".parse().unwrap();
    let quality = device.channel("power.quality".parse().unwrap());
    assert_eq!(mem.write(&quality, &quarters(2), &[Some(7.0), Some(2.0)], None).unwrap(), 1);
    assert!(mem.query(&Query::new(&power).aggregate(Aggregate::Mean).with_quality()).is_err());
}

#[test]
fn whatever_is_written_sealed_deleted_and_corrected_each_value_has_the_quality_it_was_last_given() {
    let folder = tempfile::tempdir().unwrap();
    let power: SeriesName = "home1.meter.power".parse().unwrap();
    let open = || Memcore::open(folder.path(), StoreOptions::default()).unwrap();
    let mut mem = open();
    let mut known: std::collections::BTreeMap<i64, (f64, f64)> = Default::default();
    // A small linear congruential generator: the story is the same each time.
    let mut state = 7u64;
    let mut dice = |sides: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % sides
    };
    for step in 0..300 {
        let start = dice(60) as i64;
        let times: Vec<i64> = (0..1 + dice(6) as i64).map(|n| start + n).collect();
        let value = f64::from(step);
        let quality = Quality::ALL[[0, 1, 2, 3][dice(4) as usize]];
        let (instants, values): (Vec<_>, Vec<_>) = times.iter().map(|time| (at(time * QUARTER), Some(value))).unzip();
        match dice(8) {
            0 => mem.store().seal().unwrap(),
            1 => {
                mem.close().unwrap();
                mem = open();
            }
            2 if step > 0 => {
                let end = at((start + times.len() as i64) * QUARTER);
                mem.delete("home1.meter.power".parse::<Selection>().unwrap(), at(start * QUARTER), end).unwrap();
                known.retain(|time, _| !times.contains(time));
            }
            3 | 4 => {
                mem.write(&power, &instants, &values, Some(Unit::Watt)).unwrap();
                known.extend(times.iter().map(|time| (*time, (value, 0.0))));
            }
            _ => {
                mem.write_with_quality(&power, &instants, &values, Some(Unit::Watt), quality).unwrap();
                known.extend(times.iter().map(|time| (*time, (value, quality.number()))));
            }
        }
        if step > 10 {
            let expected: Vec<_> = known.iter().map(|(time, (value, quality))| (*time, *value, *quality)).collect();
            assert_eq!(raw(&mem, &power), expected, "step {step}");
        }
    }
}
