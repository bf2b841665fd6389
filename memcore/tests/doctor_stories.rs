//! What the doctor says of charges that stand still, of clocks and zones, and of positions; each a small site made for it.

use memcore::doctor::{Examination, Finding, FindingKind, Report, Series, Severity, examine};
use memcore::model::{Quality, Quantity, Timestamp, Unit};

const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

fn at(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_micros()
}

fn of(report: &Report, kind: FindingKind) -> Vec<&Finding> {
    report.findings.iter().filter(|finding| finding.kind == kind).collect()
}

fn alarms(report: &Report) -> Vec<String> {
    let is_alarm = |finding: &&Finding| finding.severity > Severity::Note;
    report.findings.iter().filter(is_alarm).map(|finding| format!("{:?} {}", finding.kind, finding.message)).collect()
}

fn declared(report: &Report) -> Vec<String> {
    report.declarations().iter().map(ToString::to_string).collect()
}

/// A battery of 10 kWh at five minutes that fills by day and empties by night: power in W, charge in percent.
fn battery(days: i64) -> (Vec<i64>, Vec<f64>, Vec<f64>) {
    let start = at("2026-03-01T00:00:00Z");
    let (mut content, mut powers, mut charges, mut times) = (5000.0, Vec::new(), Vec::new(), Vec::new());
    for n in 0..days * 288 {
        let hour = (n % 288) as f64 / 12.0;
        let wanted = if (8.0..15.0).contains(&hour) { 1900.0 } else { -750.0 } + (n * n % 97) as f64;
        let power = if wanted > 0.0 {
            f64::min(wanted, (10_000.0_f64 - content) * 12.0)
        } else {
            f64::max(wanted, (500.0 - content) * 12.0)
        };
        times.push(start + n * 5 * MINUTE);
        charges.push((content / 100.0).round());
        powers.push(power.round());
        content += power / 12.0;
    }
    (times, powers, charges)
}

fn examined(columns: &[(&str, Unit, &[i64], &[f64])], options: &Examination) -> Report {
    let series = |(name, unit, times, values): &(&'static str, Unit, &'static [i64], &'static [f64])| {
        let series = Series::new(name, times, values).unwrap().in_unit(*unit);
        let is_charge = *unit == Unit::Percent;
        Series { quantity: if is_charge { Some(Quantity::StateOfCharge) } else { series.quantity }, ..series }
    };
    // The columns live as long as the test: a few of them may be leaked.
    let leaked: Vec<_> = columns
        .iter()
        .map(|(name, unit, times, values)| {
            let name: &'static str = Box::leak(name.to_string().into_boxed_str());
            let times: &'static [i64] = times.to_vec().leak();
            let values: &'static [f64] = values.to_vec().leak();
            (name, *unit, times, values)
        })
        .collect();
    let all: Vec<Series<'_>> = leaked.iter().map(series).collect();
    examine(&all, options).unwrap()
}

/// C8: a charge that says 100 % for five days.
#[test]
fn a_full_battery_that_works_is_a_charge_that_nobody_reads() {
    let (times, powers, mut charges) = battery(30);
    let calm = examined(
        &[("battery.power", Unit::Watt, &times, &powers), ("battery.soc", Unit::Percent, &times, &charges)],
        &Examination::default(),
    );
    assert_eq!(alarms(&calm), [""; 0]);
    charges[2000..2000 + 5 * 288].fill(100.0);
    let report = examined(
        &[("battery.power", Unit::Watt, &times, &powers), ("battery.soc", Unit::Percent, &times, &charges)],
        &Examination::default(),
    );
    let frozen = of(&report, FindingKind::Frozen);
    assert_eq!((frozen.len(), frozen[0].series[0].as_str()), (1, "battery.soc"), "{:?}", alarms(&report));
    assert!(frozen[0].message.contains("kWh flow through battery.power"), "{}", frozen[0].message);
    assert!(frozen[0].confidence >= 0.85);

    // Without the power it is less sure, and a car may well stand full for days.
    let alone = |name| examined(&[(name, Unit::Percent, &times, &charges)], &Examination::default());
    let report = alone("battery.soc");
    let frozen = of(&report, FindingKind::Frozen);
    assert!(frozen.len() == 1 && frozen[0].confidence < 0.8, "{:?}", alarms(&report));
    assert_eq!(alarms(&alone("ev.soc")), [""; 0]);
}

#[test]
fn a_battery_that_rests_full_with_its_own_losses_is_no_fault() {
    let (times, mut powers, mut charges) = battery(30);
    let full = 2000..2000 + 5 * 288;
    charges[full.clone()].fill(100.0);
    // A quarter of an hour's use and its charging now and then, and 12 W to keep it full: less than its last digit.
    for (n, power) in powers[full].iter_mut().enumerate() {
        *power = match n % 40 {
            0 => -400.0,
            1 => 420.0,
            _ => 12.0,
        };
    }
    let report = examined(
        &[("battery.power", Unit::Watt, &times, &powers), ("battery.soc", Unit::Percent, &times, &charges)],
        &Examination::default(),
    );
    assert_eq!(of(&report, FindingKind::Frozen), [] as [&Finding; 0]);
    // One that keeps a reserve stands full by habit.
    let mut backup = vec![100.0; times.len()];
    backup[400..420].fill(80.0);
    backup[5000..5040].fill(60.0);
    let report = examined(&[("battery.soc", Unit::Percent, &times, &backup)], &Examination::default());
    assert_eq!(of(&report, FindingKind::Frozen), [] as [&Finding; 0]);
}

/// A house at ten minutes in local times as if they were UTC, by the clocks of a zone.
fn local_house(zone: &str, from: &str, days: i64) -> (Vec<i64>, Vec<f64>) {
    let zone = jiff::tz::TimeZone::get(zone).unwrap();
    let start = at(from);
    let local = |n: i64| {
        let utc = start + n * 10 * MINUTE;
        let offset = zone.to_offset(jiff::Timestamp::from_microsecond(utc).unwrap()).seconds();
        utc + i64::from(offset) * 1_000_000
    };
    let times = (0..days * 144).map(local).collect();
    let values = (0..days * 144).map(|n| 300.0 + (n * n % 97) as f64 * 11.0).collect();
    (times, values)
}

#[test]
fn local_times_tell_their_zone_where_only_one_has_such_clocks() {
    let zone = |zone: &str, from: &str, position: Option<(f64, f64)>| {
        let (times, values) = local_house(zone, from, 20);
        let options = Examination { naive: true, position, ..Examination::default() };
        let report = examined(&[("house.power", Unit::Watt, &times, &values)], &options);
        let found = of(&report, FindingKind::DaylightSaving);
        assert_eq!(found.len(), 1, "{zone} {:?}", alarms(&report));
        (declared(&report), found[0].repair.clone().unwrap_or_default())
    };
    // In Europe the hour tells it, in spring and in autumn.
    assert_eq!(zone("Europe/Paris", "2025-10-15T00:00:00Z", None).0, ["zone = \"Europe/Berlin\""]);
    assert_eq!(zone("Europe/Lisbon", "2025-10-15T00:00:00Z", None).0, ["zone = \"Europe/London\""]);
    assert_eq!(zone("Europe/Athens", "2025-03-20T00:00:00Z", None).0, ["zone = \"Europe/Helsinki\""]);
    // In America the place does.
    let autumn = "2025-10-25T00:00:00Z";
    assert_eq!(zone("America/Toronto", autumn, Some((43.7, -79.4))).0, ["zone = \"America/New_York\""]);
    let (none, repair) = zone("America/Toronto", autumn, None);
    assert_eq!(none, [""; 0]);
    assert!(repair.contains("America/New_York, America/Chicago"), "{repair}");
    let (none, repair) = zone("America/Toronto", autumn, Some((45.0, -87.0)));
    assert_eq!(none, [""; 0]);
    assert!(repair.contains("one of America/New_York, America/Chicago;"), "{repair}");
}

/// An array of 4 kW at a position, means of each interval labelled by its start, in UTC; its days by the sun.
fn array(position: (f64, f64), cadence: i64, from: &str, days: i64) -> (Vec<i64>, Vec<f64>) {
    let start = at(from);
    let height = |time: i64| {
        let days = (time - at("2024-01-01T00:00:00Z")) as f64 / DAY as f64;
        let declination = 23.45_f64.to_radians() * (std::f64::consts::TAU * (284.0 + days) / 365.25).sin();
        let hour = std::f64::consts::TAU * (days.fract() - 0.5 + position.1 / 360.0);
        let north = position.0.to_radians();
        north.sin() * declination.sin() + north.cos() * declination.cos() * hour.cos()
    };
    let times: Vec<i64> = (0..days * DAY / cadence).map(|n| start + n * cadence).collect();
    let mean = |time: &i64| {
        let moments = (0..6).map(|n| height(time + (2 * n + 1) * cadence / 12).max(0.0).powf(1.1));
        let cloud = 0.6 + 0.4 * ((time / cadence * 7919 % 1013) as f64 * 0.37).sin();
        (-4000.0 * cloud * moments.sum::<f64>() / 6.0).round()
    };
    let values = times.iter().map(mean).collect();
    (times, values)
}

fn sun(times: &[i64], values: &[f64], options: Examination) -> Report {
    examined(&[("pv.power", Unit::Watt, times, values)], &options)
}

const GOLDEN: (f64, f64) = (39.74, -105.2);

#[test]
fn a_position_shows_times_that_are_hours_off_and_a_longitude_with_the_wrong_sign() {
    let (times, values) = array(GOLDEN, 15 * MINUTE, "2025-05-01T00:00:00Z", 40);
    let with =
        |position, times: &[i64]| sun(times, &values, Examination { position: Some(position), ..Examination::default() });
    assert_eq!(alarms(&with(GOLDEN, &times)), [""; 0]);
    for hours in [-7, -1, 1, 3] {
        let moved: Vec<i64> = times.iter().map(|time| time + hours * HOUR).collect();
        let report = with(GOLDEN, &moved);
        let found = of(&report, FindingKind::ClockShift);
        assert_eq!((found.len(), found[0].severity), (1, Severity::Fault), "{hours}");
        let word = format!("{} h {} it", hours.abs(), if hours > 0 { "ahead of" } else { "behind" });
        assert!(found[0].message.contains(&word), "{hours}: {}", found[0].message);
    }
    let report = with((GOLDEN.0, -GOLDEN.1), &times);
    let repair = of(&report, FindingKind::ClockShift)[0].repair.clone().unwrap();
    assert!(repair.contains("the longitude should be -105.2"), "{repair}");
}

#[test]
fn a_latitude_with_the_wrong_sign_has_its_seasons_the_other_way() {
    let (times, values) = array(GOLDEN, 15 * MINUTE, "2025-01-01T00:00:00Z", 120);
    let with = |latitude| {
        let options = Examination { position: Some((latitude, GOLDEN.1)), ..Examination::default() };
        alarms(&sun(&times, &values, options))
    };
    assert_eq!(with(GOLDEN.0), [""; 0]);
    let other = with(-GOLDEN.0);
    assert!(other.len() == 1 && other[0].contains("other side of the equator"), "{other:?}");
}

#[test]
fn an_array_alone_shows_by_the_sun_that_it_is_labelled_by_the_end_the_surer_the_longer_its_intervals() {
    let seen = |cadence: i64, by_end: bool| {
        let (times, values) = array(GOLDEN, cadence, "2025-05-01T00:00:00Z", 60);
        let times: Vec<i64> = times.iter().map(|time| time + if by_end { cadence } else { 0 }).collect();
        let report = sun(&times, &values, Examination { position: Some(GOLDEN), ..Examination::default() });
        of(&report, FindingKind::Label).first().map(|finding| (finding.severity, finding.confidence, declared(&report)))
    };
    for minutes in [5, 15, 30, 60] {
        assert_eq!(seen(minutes * MINUTE, false), None, "{minutes}");
    }
    let (severity, hourly, declares) = seen(HOUR, true).unwrap();
    assert!(severity == Severity::Warning && declares.contains(&"pv.power label = \"end\"".to_owned()), "{declares:?}");
    let (severity, quarterly, _) = seen(15 * MINUTE, true).unwrap();
    assert!(severity == Severity::Note && quarterly < hourly, "{quarterly} {hourly}");
    assert_eq!(seen(5 * MINUTE, true), None, "a roof to the east moves the day by more than that");
}

#[test]
fn local_times_of_an_array_say_by_the_sun_how_far_they_are_ahead_of_utc() {
    let denver = jiff::tz::TimeZone::get("America/Denver").unwrap();
    let local = |times: &[i64], keeps_winter: bool| -> Vec<i64> {
        let offset = |time: i64| {
            let seconds = denver.to_offset(jiff::Timestamp::from_microsecond(time).unwrap()).seconds();
            if keeps_winter { -7 * HOUR } else { i64::from(seconds) * 1_000_000 }
        };
        times.iter().map(|time| time + offset(*time)).collect()
    };
    let (times, values) = array(GOLDEN, 15 * MINUTE, "2025-01-20T00:00:00Z", 110);
    let options = || Examination { naive: true, position: Some(GOLDEN), ..Examination::default() };
    let report = sun(&local(&times, false), &values, options());
    assert!(declared(&report).contains(&"zone = \"America/Denver\"".to_owned()), "{:?}", declared(&report));
    let report = sun(&local(&times, true), &values, options());
    let notes = of(&report, FindingKind::ClockShift);
    assert!(notes[0].message.contains("7 h behind UTC") && notes[0].severity == Severity::Note, "{}", notes[0].message);
    assert!(declared(&report).contains(&"zone = \"Etc/GMT+7\"".to_owned()), "{:?}", declared(&report));
}

#[test]
fn pictures_of_doubled_rows_show_both_values_and_those_of_a_clock_that_was_set_back_its_rows() {
    let mut times: Vec<i64> = (0..2000).map(|n| n * MINUTE).collect();
    let mut values: Vec<f64> = (0..2000).map(|n| 300.0 + (n * n % 97) as f64).collect();
    times.insert(801, times[800]);
    values.insert(801, 5.5);
    let report = examined(&[("house.power", Unit::Watt, &times, &values)], &Examination::default());
    let plot = &of(&report, FindingKind::Duplicate)[0].plot;
    assert_eq!((plot.lines.len(), plot.marks.len()), (2, 1));
    // On import the last in the file counts: it is the line, the other stands beside it.
    let mark = plot.times.iter().position(|time| *time == 800 * MINUTE).unwrap();
    assert_eq!((plot.lines[0].values[mark], plot.lines[1].values[mark]), (Some(5.5), Some(values[800])));

    let back: Vec<i64> = (0..2000).map(|n| if n < 1200 { n } else { n - 90 } * MINUTE).collect();
    let values: Vec<f64> = (0..2000).map(|n| 300.0 + (n * n % 97) as f64).collect();
    let report = examined(&[("house.power", Unit::Watt, &back, &values)], &Examination::default());
    let shift = of(&report, FindingKind::ClockShift)[0];
    assert!(shift.message.contains("1 h 29 min"), "{}", shift.message);
    assert_eq!(shift.plot.lines[1].values.iter().flatten().count(), 90);
}

#[test]
fn what_the_source_itself_estimated_or_held_is_no_fault_that_it_does_not_know_of() {
    let times: Vec<i64> = (0..3000).map(|n| n * 15 * MINUTE).collect();
    let mut values: Vec<f64> = (0..3000).map(|n| 300.0 + (n * n % 97) as f64).collect();
    values[700] = 90_000.0;
    values[1500..1620].fill(333.0);
    let mut quality = vec![Quality::Measured; 3000];
    let alarms_with = |quality: &[Quality]| {
        let series = Series::new("house.power", &times, &values).unwrap().in_unit(Unit::Watt);
        let report = examine(&[series.with_quality(quality).unwrap()], &Examination::default()).unwrap();
        let kinds: Vec<&str> = report.findings.iter().map(|finding| finding.kind.name()).collect();
        kinds.join(" ")
    };
    assert_eq!(alarms_with(&quality), "frozen spike");
    quality[700] = Quality::Substituted;
    quality[1500..1620].fill(Quality::Held);
    assert_eq!(alarms_with(&quality), "");
}
