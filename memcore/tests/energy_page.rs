//! The page for energy engineers says what the kernel does: its pictures are drawn from the kernel's own answers, and each of
//! its numbers stands in a field case that is run in all languages.

mod picture_support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use memcore::Every;
use memcore::doctor::{Examination, Finding, FindingKind, Series, examine};
use memcore::energy::{
    Aggregate, GapRule, Part, Resampling, Role, Rule, balance, increases, integrate, resample, resample_with_quality,
};
use memcore::model::{Quality, Span, Timestamp, Unit};
use picture_support::{Chart, Ink};
use serde_json::Value;

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

fn hours(hours: f64) -> Timestamp {
    Timestamp::from_micros((hours * 3.6e9) as i64)
}

fn minutes(count: i64) -> Span {
    Span::from_micros(count * 60_000_000)
}

fn kilo(value: f64) -> String {
    format!("{} kWh", value / 1000.0)
}

/// What flows into each part of a house in a sunny hour, and what the balance makes of it.
fn signs() -> String {
    let parts = [("PV", Role::Production, -3000.0), ("household", Role::Load, 900.0), ("car", Role::Load, 1100.0)];
    let more = [("battery", Role::Storage, 600.0), ("grid", Role::Grid, 400.0 - 800.0)];
    let all: Vec<_> = parts.into_iter().chain(more).collect();
    let amounts: Vec<[f64; 1]> = all.iter().map(|(_, _, amount)| [*amount]).collect();
    let of: Vec<Part<'_>> = all.iter().zip(&amounts).map(|((_, role, _), amounts)| Part { role: *role, amounts }).collect();
    let found = balance(&of).unwrap();
    let mut chart =
        Chart::new("One sunny hour: into a device is positive, out of it negative", 300.0, 10.0, (-3500.0, 1700.0))
            .axes(&[], &[(0.0, "0"), (-3000.0, "-3 kWh"), (1000.0, "1 kWh")]);
    for (at, (name, role, amount)) in all.iter().enumerate() {
        let ink = if *amount < 0.0 { Ink::B } else { Ink::A };
        let from = 2.0 * at as f64;
        chart = chart.bar(from + 0.3, from + 1.7, *amount, ink, &format!("{name} {}", kilo(*amount)));
        let _ = role;
    }
    let told = format!(
        "self-consumption {:.1} %, self-sufficiency {:.0} %, residual {}",
        100.0 * found.self_consumption[0],
        100.0 * found.self_sufficiency[0],
        kilo(found.residual[0])
    );
    chart.text(6.4, -2600.0, &told).svg()
}

/// Report on change: how a value goes over into the next decides what it comes to.
fn step() -> String {
    let samples = [(0.0, 0.0), (12.0, 8.0), (13.0, 8.0)];
    let times: Vec<Timestamp> = samples[..2].iter().map(|(at, _)| hours(*at)).collect();
    let gaps = GapRule::new(minutes(24 * 60), None).unwrap();
    let amount = |rule| integrate(&times, &[0.0, 8000.0], (hours(0.0), hours(13.0)), rule, gaps).unwrap().amount;
    let (held, line) = (kilo(amount(Rule::Step)), kilo(amount(Rule::Trapezoid)));
    Chart::new("A charger reports 0 at midnight and 8 kW at noon", 260.0, 14.0, (0.0, 10.0))
        .axes(&[(0.0, "0:00"), (6.0, "6:00"), (12.0, "12:00"), (13.0, "13:00")], &[(0.0, "0"), (8.0, "8 kW")])
        .area(&samples, false, Ink::B)
        .area(&samples, true, Ink::A)
        .line(&samples, false, Ink::B)
        .line(&samples, true, Ink::A)
        .dots(&samples[..2], Ink::A)
        .text(12.5, 9.0, &held)
        .text(5.5, 5.5, &format!("a line between the reports: {line}"))
        .svg()
}

/// A silence is neither zero nor the last value.
fn gap() -> String {
    let watts = [80.0, 100.0, 90.0, 2400.0, 2300.0];
    let at = [0.0, 5.0, 10.0, 60.0, 65.0];
    let times: Vec<Timestamp> = at.iter().map(|minute| hours(minute / 60.0)).collect();
    let gaps = GapRule::new(minutes(10), Some(minutes(5))).unwrap();
    let range = (hours(0.0), hours(70.0 / 60.0));
    let found = integrate(&times, &watts, range, Rule::Step, gaps).unwrap();
    let minute = |time: Timestamp| time.as_micros() as f64 / 6e7;
    let silence = found.gaps[0];
    let covered = found.covered.as_micros() as f64 / range.1.as_micros() as f64;
    let told = format!("{:.1} Wh measured, {:.0} % of the time covered", found.amount, 100.0 * covered);
    let before = [(at[0], watts[0]), (at[1], watts[1]), (at[2], watts[2]), (minute(silence.from), watts[2])];
    let after = [(at[3], watts[3]), (at[4], watts[4]), (70.0, watts[4])];
    Chart::new(&told, 240.0, 72.0, (0.0, 2800.0))
        .axes(&[(0.0, "0 min"), (10.0, "10"), (60.0, "60"), (70.0, "70")], &[(0.0, "0"), (2400.0, "2400 W")])
        .unknown(minute(silence.from), minute(silence.to), "gap: nothing is known, nothing is counted")
        .area(&before, true, Ink::A)
        .area(&after, true, Ink::A)
        .line(&before, true, Ink::A)
        .line(&after, true, Ink::A)
        .dots(&at.into_iter().zip(watts).collect::<Vec<_>>(), Ink::A)
        .svg()
}

/// A register with all that happens to registers.
fn counter() -> String {
    let readings = [20.0, 32.0, 44.0, 0.0, 46.0, 97.0, 5.0, 14.0, 2.0, 10.0];
    let found = increases(&readings, Some(100.0)).unwrap();
    let points: Vec<(f64, f64)> = readings.iter().enumerate().map(|(at, value)| (at as f64 + 0.5, *value)).collect();
    let total: f64 = found.amounts.iter().filter(|amount| !amount.is_nan()).sum();
    let up = [(0.0, "0"), (100.0, "100 kWh")];
    let mut chart = Chart::new(&format!("A register of 100 kWh width counted {total} kWh"), 300.0, 10.0, (-45.0, 118.0))
        .axes(&[], &up)
        .line(&points, false, Ink::A)
        .dots(&points, Ink::A);
    for (at, amount) in found.amounts.iter().enumerate() {
        let text = if amount.is_nan() { "?".to_owned() } else { format!("+{amount}") };
        chart = chart.text(at as f64 + 0.5, -25.0, &text);
    }
    for event in &found.events {
        chart = chart.text(event.row as f64 + 0.5, -40.0, event.kind.name());
    }
    chart.svg()
}

/// One kilowatt all day, on days of three lengths.
fn days() -> String {
    let mut chart = Chart::new("One kilowatt, day by day, in Europe/Berlin", 250.0, 6.0, (0.0, 30.0))
        .axes(&[], &[(0.0, "0"), (24.0, "24 kWh")]);
    let spans = [("2025-03-28T23:00:00Z", "2025-03-31T22:00:00Z"), ("2025-10-24T22:00:00Z", "2025-10-27T23:00:00Z")];
    for (half, (from, to)) in spans.into_iter().enumerate() {
        let (from, to): (Timestamp, Timestamp) = (from.parse().unwrap(), to.parse().unwrap());
        let count = to.since(from).as_micros() / minutes(15).as_micros();
        let times: Vec<Timestamp> =
            (0..count).map(|at| from.saturating_add(Span::from_micros(at * minutes(15).as_micros()))).collect();
        let daily = Resampling::every(Every::parse("1d", Some("Europe/Berlin")).unwrap())
            .aggregate(Aggregate::Integral)
            .gaps(GapRule::new(minutes(45), Some(minutes(15))).unwrap());
        let found = resample(&times, &vec![1000.0; times.len()], &daily).unwrap();
        for (at, (start, amount)) in found.starts.iter().zip(found.column(Aggregate::Integral).unwrap()).enumerate() {
            let x = (3 * half + at) as f64;
            let day = start.saturating_add(minutes(180)).to_string();
            let ink = if *amount == 24_000.0 { Ink::A } else { Ink::B };
            chart = chart.bar(x + 0.1, x + 0.9, amount / 1000.0, ink, &kilo(*amount)).text(x + 0.5, 1.5, &day[..10]);
        }
    }
    chart.svg()
}

/// A value that is labelled by the end of its quarter of an hour, and where it belongs.
fn labels() -> String {
    Chart::new("400 W, labelled 10:15 by a source that labels ends: 100 Wh from 10:00", 220.0, 4.0, (0.0, 600.0))
        .axes(&[(0.0, "9:45"), (1.0, "10:00"), (2.0, "10:15"), (3.0, "10:30")], &[(0.0, "0"), (400.0, "400 W")])
        .bar(1.0, 2.0, 400.0, Ink::A, &{
            let quarter = GapRule::new(minutes(45), Some(minutes(15))).unwrap();
            let range = (hours(10.0), hours(10.25));
            let found = integrate(&[hours(10.25 - 0.25)], &[400.0], range, Rule::Step, quarter).unwrap();
            format!("{} Wh", found.amount)
        })
        .bar(2.0, 3.0, 400.0, Ink::B, "as if the label were the start")
        .dots(&[(2.0, 0.0)], Ink::B)
        .svg()
}

/// The mean of what was reported is not the mean of what was used.
fn mean() -> String {
    let at = [0.0, 50.0, 51.0, 52.0, 53.0, 54.0];
    let watts = [100.0, 1900.0, 2000.0, 2100.0, 2000.0, 100.0];
    let times: Vec<Timestamp> = at.iter().map(|minute| hours(minute / 60.0)).collect();
    let hour = Resampling::whole()
        .from(hours(0.0))
        .to(hours(1.0))
        .aggregate(Aggregate::Mean)
        .aggregate(Aggregate::TimeWeightedMean)
        .gaps(GapRule::new(minutes(60), None).unwrap());
    let found = resample(&times, &watts, &hour).unwrap();
    let value = |aggregate| found.column(aggregate).unwrap()[0];
    let (plain, weighted) = (value(Aggregate::Mean), value(Aggregate::TimeWeightedMean));
    let points: Vec<(f64, f64)> = at.into_iter().zip(watts).chain([(60.0, 100.0)]).collect();
    Chart::new("A kettle that reports on change, over one hour", 260.0, 62.0, (0.0, 2500.0))
        .axes(&[(0.0, "0 min"), (30.0, "30"), (60.0, "60")], &[(0.0, "0"), (2000.0, "2000 W")])
        .area(&points, true, Ink::A)
        .line(&points, true, Ink::A)
        .line(&[(0.0, plain), (60.0, plain)], false, Ink::B)
        .line(&[(0.0, weighted), (60.0, weighted)], false, Ink::A)
        .text(22.0, plain + 60.0, &format!("mean of the reports: {plain:.0} W"))
        .text(22.0, weighted + 60.0, &format!("mean over time: {weighted:.0} W"))
        .svg()
}

/// Two hours of quarters, some of which nobody measured, and what each hour says of itself.
fn quality() -> String {
    use Quality::{Estimated as E, Measured as M, Substituted as S};
    let watts = [900.0, 1000.0, 1100.0, 1100.0, 1000.0, 1400.0, 1200.0, 1000.0];
    let qualities = [M, M, E, E, M, S, M, M];
    let times: Vec<Timestamp> = (0..8).map(|quarter| hours(f64::from(quarter) / 4.0)).collect();
    let asked =
        [Aggregate::Integral, Aggregate::Measured, Aggregate::Estimated, Aggregate::Substituted, Aggregate::Quality];
    let hourly = Resampling::every(Every::parse("1h", None).unwrap()).from(hours(0.0)).to(hours(2.0));
    let hourly = asked.into_iter().fold(hourly, Resampling::aggregate);
    let hourly = hourly.gaps(GapRule::new(minutes(45), Some(minutes(15))).unwrap());
    let found = resample_with_quality(&times, &watts, &qualities, &hourly).unwrap();
    let axes = [(0.0, "0:00"), (4.0, "1:00"), (8.0, "2:00")];
    let mut chart = Chart::new("Two hours of a meter that was not always read", 290.0, 8.0, (0.0, 2400.0))
        .axes(&axes, &[(0.0, "0"), (1000.0, "1000 W")]);
    for (at, (watts, quality)) in watts.iter().zip(qualities).enumerate() {
        let (ink, name) = if quality == M { (Ink::A, "") } else { (Ink::B, quality.name()) };
        chart = chart.bar(at as f64 + 0.06, at as f64 + 0.94, *watts, ink, name);
    }
    for hour in 0..2 {
        let of = |aggregate| found.column(aggregate).unwrap()[hour];
        let worst = Quality::of_number(of(Aggregate::Quality)).unwrap();
        let shares = [Aggregate::Measured, Aggregate::Estimated, Aggregate::Substituted].map(|share| (share, of(share)));
        let shares: Vec<String> = shares
            .iter()
            .filter(|(_, part)| *part > 0.0)
            .map(|(share, part)| format!("{:.0} % {}", part * 100.0, share.name()))
            .collect();
        let middle = 4.0 * hour as f64 + 2.0;
        chart = chart.text(middle, 2200.0, &format!("{} Wh, {}", of(Aggregate::Integral), shares.join(", "))).text(
            middle,
            1950.0,
            &format!("the worst: {worst}"),
        );
    }
    chart.svg()
}

/// Days of quarters of an hour in June: a roof whose inverter counts its output as positive and a house that is never still.
struct House {
    times: Vec<i64>,
    roof: Vec<f64>,
    house: Vec<f64>,
    register: Vec<f64>,
}

fn house() -> House {
    let rows = 96 * 10;
    let hour = |row: usize| (row % 96) as f64 / 4.0;
    let wave = |row: usize| ((row * 7919) % 101) as f64;
    let start = "2024-06-01T00:00:00Z".parse::<Timestamp>().unwrap();
    let times = (0..rows as i64).map(|row| start.as_micros() + row * minutes(15).as_micros()).collect();
    let sun = |row: usize| (((hour(row) - 5.0) / 14.0 * std::f64::consts::PI).sin() * 3000.0).max(0.0).round();
    let house = |row: usize| 300.0 + wave(row) + if (17.0..22.0).contains(&hour(row)) { 800.0 } else { 0.0 };
    let mut total = 120.0;
    let mut register = Vec::new();
    for row in 0..rows {
        register.push(total);
        total += (house(row) / 40.0).round() / 100.0;
    }
    House { times, roof: (0..rows).map(sun).collect(), house: (0..rows).map(house).collect(), register }
}

/// What is done to a house, and of which kind the finding is.
fn found(kind: FindingKind) -> Finding {
    let House { mut times, mut roof, mut house, mut register } = house();
    match kind {
        FindingKind::Sentinel => [300, 301, 700].into_iter().for_each(|row| house[row] = 65_535.0),
        FindingKind::UnitSlip => house[480..].iter_mut().for_each(|value| *value /= 1000.0),
        FindingKind::Reset => {
            let before = register[499];
            register[500..].iter_mut().for_each(|value| *value -= before);
        }
        FindingKind::Gap => {
            times.drain(400..424);
            [&mut roof, &mut house, &mut register].into_iter().for_each(|values| drop(values.drain(400..424)));
        }
        _ => {}
    }
    let series = [
        Series::new("roof_power", &times, &roof).unwrap().in_unit(Unit::Watt),
        Series::new("house_power", &times, &house).unwrap().in_unit(Unit::Watt),
        Series::new("house_energy", &times, &register).unwrap().in_unit(Unit::KilowattHour),
    ];
    let options = Examination { roles: vec![("roof_power".into(), memcore::doctor::Role::Pv)], ..Examination::default() };
    let report = examine(&series, &options).unwrap();
    let kinds: Vec<FindingKind> = report.findings.iter().map(|finding| finding.kind).collect();
    report
        .findings
        .into_iter()
        .find(|finding| finding.kind == kind)
        .unwrap_or_else(|| panic!("{kind:?} is not in {kinds:?}"))
}

/// A finding as the doctor draws it.
fn doctor() -> String {
    found(FindingKind::Sentinel).plot.to_svg()
}

#[test]
fn the_doctor_says_what_the_page_has_it_say() {
    let page = std::fs::read_to_string(docs().join("energy-data.md")).unwrap();
    let mut lacks = Vec::new();
    for kind in [FindingKind::Sentinel, FindingKind::Gap, FindingKind::UnitSlip, FindingKind::Sign, FindingKind::Reset] {
        let finding = found(kind);
        let declare: Vec<String> = finding.declare.iter().map(|declaration| format!("`{declaration}`")).collect();
        let declare = if declare.is_empty() { "nothing".to_owned() } else { declare.join(", ") };
        let row = format!("| {} | {declare} | finding `{}` |", finding.message, kind.name());
        if !page.contains(&row) {
            lacks.push(row);
        }
    }
    assert!(lacks.is_empty(), "the page lacks\n{}", lacks.join("\n"));
}

type Picture = fn() -> String;

const PICTURES: [(&str, Picture); 9] = [
    ("quality", quality),
    ("doctor", doctor),
    ("signs", signs),
    ("labels", labels),
    ("counter", counter),
    ("step", step),
    ("gap", gap),
    ("mean", mean),
    ("days", days),
];

/// Draws them anew with `MEMCORE_DRAW=1 cargo test -p memcore --test energy_page`.
#[test]
fn the_pictures_are_what_the_kernel_answers() {
    let page = std::fs::read_to_string(docs().join("energy-data.md")).unwrap();
    for (name, draw) in PICTURES {
        let path = docs().join("pictures").join(format!("{name}.svg"));
        if std::env::var_os("MEMCORE_DRAW").is_some() {
            std::fs::create_dir_all(docs().join("pictures")).unwrap();
            std::fs::write(&path, draw()).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == draw(), "{} is not what the kernel answers now: draw it anew with MEMCORE_DRAW=1", path.display());
        assert!(page.contains(&format!("](pictures/{name}.svg)")), "the page does not show {name}");
    }
}

fn cases() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    ["kernel.json", "energy.json"]
        .iter()
        .flat_map(|name| {
            let text = std::fs::read_to_string(folder.join(name)).unwrap();
            let mut table: Value = serde_json::from_str(&text).unwrap();
            table["cases"].as_array_mut().unwrap().drain(..).collect::<Vec<_>>()
        })
        .collect()
}

/// Numbers of a text, without the dots and dashes of a sentence.
fn numbers(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut number = String::new();
    for c in text.chars().chain([' ']) {
        if c.is_ascii_digit() || (c == '.' && !number.is_empty()) {
            number.push(c);
        } else if !number.is_empty() {
            found.push(std::mem::take(&mut number).trim_end_matches('.').to_owned());
        }
    }
    found
}

fn without_code(text: &str) -> String {
    text.split('`').step_by(2).collect()
}

/// Whether a number of the page stands in a case, as it is or a thousand times more or less.
fn stands_in(number: &str, known: &BTreeSet<String>) -> bool {
    let value: f64 = number.parse().unwrap();
    let same = |known: &String| {
        known
            .parse::<f64>()
            .is_ok_and(|known| [1.0, 1e3, 1e-3, 1e6].iter().any(|scale| (value * scale - known).abs() < 1e-9))
    };
    known.iter().any(same)
}

#[test]
fn every_number_of_the_page_stands_in_a_field_case() {
    let page = std::fs::read_to_string(docs().join("energy-data.md")).unwrap();
    let cases = cases();
    let (mut cited, mut in_code, mut wrong) = (0, false, Vec::new());
    for (line, text) in page.lines().enumerate() {
        if text.starts_with("```") {
            in_code = !in_code;
        }
        if in_code || text.starts_with("```") || text.starts_with("![") {
            continue;
        }
        if text.ends_with("` |") && text.contains("| finding `") {
            // The doctor's own words, which another test compares.
            continue;
        }
        let cells: Vec<&str> = text.trim_matches('|').split(" | ").map(str::trim).collect();
        let name = cells.last().filter(|_| text.starts_with('|')).and_then(|cell| cell.strip_prefix("case `"));
        let Some(name) = name.and_then(|name| name.trim_end_matches(['|', ' ']).strip_suffix('`')) else {
            // Elsewhere numbers are words, or code.
            if !numbers(&without_code(text)).is_empty() {
                wrong.push(format!("line {}: a number without its case: {text}", line + 1));
            }
            continue;
        };
        let case = cases.iter().find(|case| case["name"] == name);
        let case = case.unwrap_or_else(|| panic!("line {}: no case {name:?}", line + 1));
        let mut told = case.clone();
        // Its name only says what it is about.
        ["name", "note"].iter().for_each(|key| drop(told.as_object_mut().unwrap().remove(*key)));
        let known: BTreeSet<String> = numbers(&told.to_string()).into_iter().collect();
        let said = cells[..cells.len() - 1].join(" ");
        for number in numbers(&without_code(&said)).iter().filter(|number| !stands_in(number, &known)) {
            wrong.push(format!("line {}: {number} does not stand in case {name:?}", line + 1));
        }
        cited += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cited >= 20, "{cited} rows of the page cite a case");
}
