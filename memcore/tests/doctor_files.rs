//! The doctor on real files, of which it is known what is wrong with them, and from its report to an import that reads right.
//!
//! The real files stand beside the project, not in it: where they are absent, that is said; small ones of the same faults are
//! examined in any case.
#![cfg(feature = "files")]

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use memcore::doctor::{Examination, Finding, FindingKind, Report, Series, Severity, examine};
use memcore::model::{Quantity, Unit};
use memcore::{Examined, ImportRequest, Memcore, Query, examine_file, import_file};

fn real(name: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let file = std::env::var_os("MEMCORE_TEST_DATA").map_or_else(beside, PathBuf::from).join("telemetry").join(name);
    if file.exists() {
        return Some(file);
    }
    let _ = writeln!(std::io::stderr(), "SKIPPED {name}: {} is absent", file.display());
    None
}

fn examined(file: &Path, set: impl Fn(&mut ImportRequest, &mut Examination)) -> Examined {
    let (mut request, mut options) = (ImportRequest::new(file), Examination::default());
    set(&mut request, &mut options);
    examine_file(&request, &options, &mut |_| Ok(())).unwrap()
}

fn of(report: &Report, kind: FindingKind) -> Vec<&Finding> {
    report.findings.iter().filter(|finding| finding.kind == kind).collect()
}

fn only(report: &Report, kind: FindingKind) -> &Finding {
    let found = of(report, kind);
    assert_eq!(found.len(), 1, "{kind:?}: {:?}", found.iter().map(|finding| &finding.message).collect::<Vec<_>>());
    found[0]
}

/// The kinds that were found, notes left out, in order.
fn alarms(report: &Report) -> Vec<&'static str> {
    let mut kinds: Vec<_> = report
        .findings
        .iter()
        .filter(|finding| finding.severity > Severity::Note)
        .map(|finding| finding.kind.name())
        .collect();
    kinds.sort_unstable();
    kinds
}

fn declared(finding: &Finding) -> Vec<String> {
    finding.declare.iter().map(ToString::to_string).collect()
}

/// Time and one column of the household's four years, read by this test itself.
fn four_years(file: &Path, column: usize) -> Option<(Vec<i64>, Vec<f64>)> {
    // The file is packed as xz, which is no dependency of memcore.
    let unpacked = std::process::Command::new("xz").arg("-dc").arg(file).output().ok()?;
    let text = String::from_utf8(unpacked.stdout).ok()?;
    let (mut times, mut values) = (Vec::new(), Vec::new());
    let (mut day, mut midnight) = ("", 0);
    for line in text.lines().skip(1) {
        if &line[..10] != day {
            day = &line[..10];
            midnight = format!("{day}T00:00:00Z").parse::<memcore::model::Timestamp>().ok()?.as_micros();
        }
        let minutes = line[11..13].parse::<i64>().ok()? * 60 + line[14..16].parse::<i64>().ok()?;
        times.push(midnight + minutes * 60_000_000);
        values.push(line.split(',').nth(column)?.parse().unwrap_or(f64::NAN));
    }
    Some((times, values))
}

#[test]
fn four_years_of_a_household_have_their_gaps_their_copied_hours_and_a_day_that_stood_still() {
    let Some(file) = real("uci_household_1min_full.csv.xz") else { return };
    let Some((times, values)) = four_years(&file, 3) else {
        let _ = writeln!(std::io::stderr(), "SKIPPED {}: there is no xz", file.display());
        return;
    };
    let series = Series::new("u_v", &times, &values).unwrap().in_unit(Unit::Volt);
    let options = Examination { naive: true, zone: Some("Europe/Paris".into()), ..Examination::default() };
    let report = examine(&[series], &options).unwrap();

    // The file's own page says: 19 gaps over 3 min, the longest 120 h.
    let gaps = only(&report, FindingKind::Gap);
    assert_eq!(gaps.count, 19);
    assert!(gaps.message.contains("the longest 5 d from 2010-08-17 21:02"), "{}", gaps.message);
    // Whoever made the file filled the hour that clocks skip, in each of four springs, with a copy of the hour after.
    let hours = only(&report, FindingKind::DaylightSaving);
    assert_eq!((hours.count, hours.from.unwrap().to_string().as_str()), (4, "2007-03-25T02:00:00Z"));
    assert_eq!(declared(hours), ["zone = \"Europe/Paris\""]);
    // On 2008-10-06 every column of the file keeps one value from 10:09 to 16:48.
    let frozen = only(&report, FindingKind::Frozen);
    assert_eq!((frozen.count, frozen.from.unwrap().to_string().as_str()), (1, "2008-10-06T10:09:00Z"));
    assert_eq!(alarms(&report), ["daylight_saving", "frozen", "gap"]);
}

#[test]
fn three_months_of_a_household_have_their_gaps_and_nothing_else() {
    let Some(file) = real("uci_household_1min_2007Q2.csv.gz") else { return };
    let examined = examined(&file, |_, _| {});
    let gaps = only(&examined.report, FindingKind::Gap);
    assert_eq!((gaps.count, gaps.series.len()), (3, 7), "{}", gaps.message);
    assert_eq!(alarms(&examined.report), ["gap"]);
    assert_eq!(examined.mapping.time.zone, None);
}

#[test]
fn an_array_whose_times_follow_daylight_saving_is_told_by_the_sun() {
    let Some(file) = real("pvanalytics_system_50_ac_power_2_full_DST.parquet") else { return };
    let report = examined(&file, |_, _| {}).report;
    // From April 2011 to 2013 clocks changed five times; the times say -07:00 all along.
    let hours = only(&report, FindingKind::DaylightSaving);
    assert_eq!((hours.count, hours.severity), (5, Severity::Fault));
    assert!(hours.message.contains("North America") && hours.confidence > 0.9, "{}", hours.message);
    assert_eq!(only(&report, FindingKind::Gap).count, 49);
    assert_eq!(alarms(&report), ["daylight_saving", "gap", "sign"]);
}

#[test]
fn counters_of_a_battery_cycler_start_anew_with_each_step() {
    let Some(file) = real("beep_xTESLADIAG_000019_CH70_070.tsv.gz") else { return };
    let examined = examined(&file, |request, _| {
        request.mapping.only = true;
        for column in ["Amp-hr", "Watt-hr", "Volts"] {
            request.mapping.columns.entry(column.into()).or_default();
        }
    });
    let resets = of(&examined.report, FindingKind::Reset);
    assert_eq!(resets.iter().map(|reset| reset.count).collect::<Vec<_>>(), [62, 62]);
    assert!(declared(resets[0]).iter().any(|line| line.ends_with("kind = \"counter\"")), "{:?}", resets[0].declare);
    assert!(of(&examined.report, FindingKind::CounterBackwards).is_empty());
}

#[test]
fn an_inverter_tells_its_sign_its_sentinel_and_its_nights() {
    let Some(file) = real("sdt_TAEFC1044741.csv.gz") else { return };
    let report = examined(&file, |request, _| request.frame.unit = Some(Unit::Kilowatt)).report;
    let sentinel = only(&report, FindingKind::Sentinel);
    assert_eq!(sentinel.count, 3);
    assert!(declared(sentinel)[0].ends_with("invalid = [-1000000.0]"), "{:?}", sentinel.declare);
    assert!(declared(only(&report, FindingKind::Sign))[0].ends_with("sign = \"generator\""));
    // It sleeps at night: 214 silences that are no loss; two are.
    assert_eq!(of(&report, FindingKind::Gap).iter().map(|gap| gap.count).collect::<Vec<_>>(), [2, 214]);
    assert_eq!(alarms(&report), ["gap", "sentinel", "sign"]);
}

#[test]
fn what_an_inverter_draws_at_night_is_consumption_and_no_fault() {
    let Some(file) = real("pvanalytics_serf_east_15min_ac_power.csv.gz") else { return };
    let report = examined(&file, |_, _| {}).report;
    let night = only(&report, FindingKind::NightPower);
    assert_eq!(night.severity, Severity::Note);
    assert!(night.message.contains("typically -2.792") && night.message.contains("against the sign of production"));
    assert!(night.repair.as_ref().unwrap().contains("declared as generator it becomes consumption, positive"));
    assert_eq!(alarms(&report), ["sign"]);
}

#[test]
fn appliances_that_idle_for_weeks_are_no_fault() {
    for name in ["2", "3", "8", "12", "18"] {
        let Some(file) = real(&format!("ukdale_house2_ch{name}_2min.dat.gz")) else { return };
        let mut text = String::new();
        flate2::read::GzDecoder::new(std::fs::File::open(&file).unwrap()).read_to_string(&mut text).unwrap();
        let rows: Vec<(i64, f64)> = text
            .lines()
            .filter_map(|line| {
                let (time, watts) = line.split_once(' ')?;
                Some((time.parse::<f64>().ok()? as i64 * 1_000_000, watts.parse().ok()?))
            })
            .collect();
        let (times, values): (Vec<i64>, Vec<f64>) = rows.into_iter().unzip();
        let series = Series::new("appliance.power", &times, &values).unwrap().in_unit(Unit::Watt);
        let report = examine(&[series], &Examination::default()).unwrap();
        assert_eq!(report.findings, [], "channel {name}");
    }
}

/// A15: two sources, one row each, that count the grid in opposite directions.
#[test]
fn the_balance_of_one_moment_tells_which_source_counts_the_grid_the_other_way() {
    let convention = |columns: &[(&str, f64)]| {
        let values: Vec<[f64; 1]> = columns.iter().map(|(_, value)| [*value]).collect();
        let series: Vec<_> = columns
            .iter()
            .zip(&values)
            .map(|((name, _), value)| Series::new(name, &[0], value).unwrap().in_unit(Unit::Watt))
            .collect();
        let report = examine(&series, &Examination::default()).unwrap();
        report.declarations().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let first = convention(&[("pv.power", 1466.0), ("load.power", 272.0), ("grid.power", -1131.0)]);
    assert_eq!(first, ["pv.power sign = \"generator\""]);
    let second = [("ev.power", 6770.0), ("battery.power", 2425.0), ("house.power", 1125.0), ("grid.power", -10_456.0)];
    assert_eq!(convention(&second), ["grid.power sign = \"generator\""]);
}

/// Ten days of an array and its house at five minutes, as an inverter's portal gives them: local times of Berlin, production
/// positive, kW, 65.535 where a reading failed, over the night in which clocks go back.
fn portal(changed: bool) -> String {
    let mut text = "Time,PV power [kW],House power [kW]\n".to_owned();
    let zone = in_berlin(changed);
    for n in 0..10 * 288_i64 {
        let (utc, local) = zone(n);
        let hour = utc.rem_euclid(86_400) as f64 / 3600.0;
        let sun = (1.0 - ((hour - 11.2) / 5.0).powi(2)).max(0.0);
        let cloud = 0.55 + 0.45 * ((n * n) as f64 * 0.37).sin();
        let pv = if n % 400 == 131 { 65.535 } else { (sun * cloud * 4800.0).round() / 1000.0 };
        let house = (300.0 + 150.0 * ((n * 7 % 31) as f64)).round() / 1000.0;
        text += &format!("{local},{pv},{house}\n");
    }
    text
}

/// From 2024-10-22 on: the seconds since the epoch of a row, and what a clock in Berlin shows; 2024-10-27T01:00Z they go back.
fn in_berlin(changed: bool) -> impl Fn(i64) -> (i64, String) {
    move |n| {
        let utc = 1_729_548_000 + n * 300;
        let offset = if changed && utc >= 1_729_990_800 { 3600 } else { 7200 };
        let local = memcore::model::Timestamp::from_seconds(utc + offset).to_string();
        (utc, local.trim_end_matches('Z').replace('T', " "))
    }
}

#[test]
fn from_the_doctor_to_a_mapping_to_an_import_that_reads_the_file_right() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("portal.csv");
    std::fs::write(&file, portal(true)).unwrap();
    let examined = examined(&file, |_, options| options.zone = Some("Europe/Berlin".into()));
    assert_eq!(alarms(&examined.report), ["sentinel", "sign"]);
    let folds = only(&examined.report, FindingKind::DaylightSaving);
    assert_eq!((folds.severity, folds.count), (Severity::Note, 1), "{}", folds.message);

    let written = folder.path().join("portal.toml");
    std::fs::write(&written, examined.mapping.to_toml().unwrap()).unwrap();
    let mut request = ImportRequest::new(&file);
    request.mapping = memcore::Mapping::read(&written).unwrap();
    request.frame.device = Some("home1.inverter".parse().unwrap());
    let mem = Memcore::in_memory();
    let report = import_file(&mem, &request, &mut |_| Ok(())).unwrap();
    assert_eq!((report.rows, report.invalid, report.refused.count), (2880, 7, 0));

    // In W, production negative, every instant once and in UTC; what was not measured is absent.
    let result = mem.query(&Query::of("home1.inverter.PV_power").unwrap()).unwrap();
    let pv = &result.series()[0];
    assert_eq!(pv.channel().quantity, Quantity::Power);
    assert_eq!(pv.times().values().len(), 2880 - 7);
    assert_eq!(pv.times().values()[0], 1_729_548_000_000_000);
    let values = pv.values().unwrap().values();
    assert!(values.iter().all(|value| (-4800.0..=0.0).contains(value)), "{:?}", values.iter().copied().reduce(f64::max));

    // The doctor has nothing left to say of what is stored.
    let (from, to) = (memcore::model::Timestamp::MIN, memcore::model::Timestamp::MAX);
    let stored = mem.examine(memcore::model::Selection::all(), from, to, &Examination::default(), &mut |_| Ok(())).unwrap();
    assert_eq!(alarms(&stored), [""; 0]);
}

#[test]
fn where_no_hour_is_doubled_nothing_is_said_of_clocks() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("portal.csv");
    std::fs::write(&file, portal(false)).unwrap();
    // Nothing is doubled in autumn, so nothing shows; what is found beside stays the same.
    let examined = examined(&file, |_, options| options.zone = Some("Europe/Berlin".into()));
    assert!(of(&examined.report, FindingKind::DaylightSaving).is_empty());
    assert_eq!(alarms(&examined.report), ["sentinel", "sign"]);
}

#[test]
fn a_report_is_json_that_programs_can_act_on() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("portal.csv");
    std::fs::write(&file, portal(true)).unwrap();
    let json = serde_json::to_value(examined(&file, |_, _| {})).unwrap();
    let finding = &json["findings"][0];
    assert_eq!((finding["kind"].as_str(), finding["severity"].as_str()), (Some("sentinel"), Some("fault")));
    assert_eq!(finding["declare"][0]["value"], serde_json::json!([65.535]));
    assert_eq!(json["series"][0]["cadence_us"], 300_000_000);
    let plot = &finding["plot"];
    assert_eq!(plot["times_us"].as_array().unwrap().len(), plot["lines"][0]["values"].as_array().unwrap().len());
}

/// A house of a day, with a site's meters.
fn house() -> Memcore {
    let mem = Memcore::in_memory();
    let times: Vec<_> = (0..1440).map(|minute| memcore::model::Timestamp::from_seconds(60 * minute)).collect();
    for (device, scale) in [("grid", 1.0), ("pv", -3.0), ("load", 2.0)] {
        let values: Vec<Option<f64>> = (0..1440).map(|n| Some(scale * f64::from(n % 97))).collect();
        let series = format!("home1.{device}.power").parse().unwrap();
        mem.write(&series, &times, &values, Some(memcore::model::Unit::Watt)).unwrap();
    }
    mem
}

#[test]
fn an_examination_says_how_far_it_is_and_ends_when_it_is_given_up() {
    let mem = house();
    let all = memcore::model::Selection::all;
    let (from, to) = (memcore::model::Timestamp::MIN, memcore::model::Timestamp::MAX);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("house.csv");
    let rows: String = (0..1440).map(|n| format!("{},{},{}\n", 1_700_000_000 + 60 * n, n % 97, n % 89)).collect();
    std::fs::write(&file, format!("epoch,p_kw,u_v\n{rows}")).unwrap();

    type Hear<'a> = &'a mut dyn FnMut(&memcore::Progress) -> memcore::Result<()>;
    /// Examines something, and says how far it is.
    type Way<'a> = &'a dyn Fn(Hear<'_>) -> memcore::Result<()>;
    let history = |hear: Hear<'_>| mem.examine(all(), from, to, &Examination::default(), hear).map(drop);
    let of_file =
        |hear: Hear<'_>| memcore::examine_file(&ImportRequest::new(&file), &Examination::default(), hear).map(drop);
    let ways: [(&str, Way<'_>); 2] = [("history", &history), ("file", &of_file)];
    for (name, examined) in ways {
        let mut parts = Vec::new();
        examined(&mut |progress| {
            parts.extend(progress.part);
            Ok(())
        })
        .unwrap();
        assert!(parts.len() > 20 && parts.is_sorted() && parts.last() == Some(&1.0), "{name}: {parts:?}");
        // At whatever step it is given up, nothing more is done.
        for end in 0..parts.len() {
            let mut told = 0;
            let stopped = examined(&mut |_| {
                told += 1;
                if told > end { Err(memcore::Error::new(memcore::ErrorKind::Closed, "enough")) } else { Ok(()) }
            });
            assert_eq!((stopped.unwrap_err().kind(), told), (memcore::ErrorKind::Closed, end + 1), "{name}");
        }
    }
}
