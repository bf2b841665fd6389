use std::io::Write;

use super::*;
use crate::error::ErrorKind;
use crate::model::{Kind, Quantity, Unit};

const HOUSE: &str = "ts_local_naive,p_kw,q_kvar,u_v,i_a,sub1_wh\n\
    2007-04-01 00:00,3.48,0.238,239.53,14.4,2.0\n\
    2007-04-01 00:01,,0.248,239.79,13.2,\n";

fn replay(text: &str, zone: TimeZone) -> Result<Replay> {
    let options = ReplayOptions::new("home1.house".parse().unwrap()).zone(zone);
    Replay::read("house.csv".into(), std::io::Cursor::new(text.to_owned()), options)
}

fn times(text: &str, zone: &str) -> Vec<String> {
    let zone = TimeZone::posix(zone).unwrap();
    replay(text, zone).unwrap().map(|row| row.unwrap().time.to_string()).collect()
}

/// The error of the header, or of the first row that has one.
fn refused(text: &str) -> String {
    let e = match replay(text, TimeZone::UTC) {
        Err(e) => e,
        Ok(replay) => replay.filter_map(Result::err).next().expect("an error"),
    };
    assert_eq!(e.kind(), ErrorKind::Invalid);
    e.to_string()
}

#[test]
fn the_header_says_what_the_columns_mean() {
    let replay = replay(HOUSE, TimeZone::UTC).unwrap();
    let told: Vec<_> = replay.channels().iter().map(|c| (c.name.as_str(), c.quantity, c.unit, c.kind)).collect();
    assert_eq!(
        told,
        [
            ("power", Quantity::Power, Unit::Kilowatt, Kind::Gauge),
            ("reactive_power", Quantity::ReactivePower, Unit::Kilovar, Kind::Gauge),
            ("voltage", Quantity::Voltage, Unit::Volt, Kind::Gauge),
            ("current", Quantity::Current, Unit::Ampere, Kind::Gauge),
            ("sub1", Quantity::Energy, Unit::WattHour, Kind::Gauge),
        ]
    );
    let others = "epoch,soc_pct,humidity_pct,e_total_kWh,poa_wm2,cell_degC\n1,2,3,4,5,6\n";
    let replay = super::tests::replay(others, TimeZone::UTC).unwrap();
    let told: Vec<_> = replay.channels().iter().map(|c| (c.quantity, c.kind)).collect();
    let gauge = Kind::Gauge;
    assert_eq!(told[..3], [(Quantity::StateOfCharge, gauge), (Quantity::Ratio, gauge), (Quantity::Energy, Kind::Counter)]);
    assert_eq!(told[3..], [(Quantity::Irradiance, gauge), (Quantity::Temperature, gauge)]);
}

#[test]
fn values_stay_in_the_units_of_the_file_and_gaps_stay_gaps() {
    let rows: Vec<_> = replay(HOUSE, TimeZone::UTC).unwrap().map(Result::unwrap).collect();
    assert_eq!(rows[0].values, [3.48, 0.238, 239.53, 14.4, 2.0].map(Some));
    assert_eq!(rows[1].values, [None, Some(0.248), Some(239.79), Some(13.2), None]);
    assert_eq!(rows[1].time.to_string(), "2007-04-01T00:01:00Z");
}

#[test]
fn times_come_in_three_forms() {
    assert_eq!(times("time,p_w\n1175385600,1\n1175385600.25,1\n", "UTC0")[1], "2007-04-01T00:00:00.25Z");
    assert_eq!(times("epoch_ms,p_w\n1175385600250,1\n", "UTC0"), ["2007-04-01T00:00:00.25Z"]);
    assert_eq!(times("timestamp,p_w\n2007-04-01T02:00:00+02:00,1\n", "UTC0"), ["2007-04-01T00:00:00Z"]);
    assert_eq!(times("p_w,ts\n1,2007-04-01T02:00:30\n", "CET-1"), ["2007-04-01T01:00:30Z"]);
}

const CENTRAL_EUROPE: &str = "CET-1CEST,M3.5.0,M10.5.0/3";

#[test]
fn the_hour_that_clocks_show_twice_is_told_by_order() {
    let rows = ["02:00", "02:30", "02:00", "02:30", "03:00"].map(|t| format!("2007-10-28 {t},1\n")).concat();
    assert_eq!(
        times(&format!("ts_local_naive,p_w\n{rows}"), CENTRAL_EUROPE),
        ["00:00", "00:30", "01:00", "01:30", "02:00"].map(|t| format!("2007-10-28T{t}:00Z"))
    );
}

#[test]
fn the_hour_that_clocks_skip_is_read_with_the_offset_before() {
    let rows = ["01:30", "02:30", "03:00"].map(|t| format!("2007-03-25 {t},1\n")).concat();
    assert_eq!(
        times(&format!("ts_local_naive,p_w\n{rows}"), CENTRAL_EUROPE),
        ["00:30", "01:30", "01:00"].map(|t| format!("2007-03-25T{t}:00Z"))
    );
}

#[test]
fn an_error_names_line_column_value_and_what_was_expected() {
    for (text, message) in [
        ("p_kw,u_v\n1,2\n", "house.csv: header is \"p_kw,u_v\", expected a column of times"),
        ("ts,p_mw\n1,2\n", "house.csv: column is \"p_mw\", expected a name, `_` and a unit such as p_kw"),
        ("ts,p_w,p_kw\n1,2,3\n", "house.csv: columns \"p_w\" and \"p_kw\" are both channel power"),
        ("ts,a b_w\n1,2\n", "house.csv: column \"a b_w\": channel is \"a b\""),
        ("ts,p_w\n1,2\n2,x\n", "house.csv line 3: p_w is \"x\", expected a finite number or an empty cell"),
        ("ts,p_w\n1,NaN\n", "house.csv line 2: p_w is \"NaN\", expected a finite number or an empty cell"),
        ("ts,p_w\n1,2,3\n", "house.csv line 2: 3 cells, expected 2 as in the header"),
        ("ts,p_w\nnow,2\n", "house.csv line 2: ts is \"now\", expected RFC 3339, seconds since 1970"),
        ("ts,p_w\n2007-04-01 00:00,2\n7,2\n", "house.csv line 3: ts is \"7\", expected a local time"),
        ("", "house.csv: header is \"\", expected a column of times"),
    ] {
        let e = refused(text);
        assert!(e.starts_with(message), "{e}\n{message}");
    }
}

#[test]
fn after_an_error_nothing_more_is_played() {
    let mut replay = replay("ts,p_w\n1,x\n2,3\n", TimeZone::UTC).unwrap();
    assert!(replay.next().unwrap().is_err());
    assert!(replay.next().is_none());
}

#[test]
fn a_gzip_file_plays_like_a_plain_one_and_a_torn_one_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let options = || ReplayOptions::new("home1.house".parse().unwrap());
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(HOUSE.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();

    let whole = folder.path().join("house.csv.gz");
    std::fs::write(&whole, &packed).unwrap();
    let unpacked: Vec<_> = Replay::open(&whole, options()).unwrap().map(Result::unwrap).collect();
    let plain: Vec<_> = replay(HOUSE, TimeZone::UTC).unwrap().map(Result::unwrap).collect();
    assert_eq!(unpacked, plain);

    let torn = folder.path().join("torn.csv.gz");
    std::fs::write(&torn, &packed[..packed.len() - 9]).unwrap();
    let e = Replay::open(&torn, options()).and_then(|replay| replay.collect::<Result<Vec<_>>>()).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Io);
    assert!(e.message().contains("torn.csv.gz"), "{e}");

    let e = Replay::open(folder.path().join("none.csv"), options()).unwrap_err();
    assert!(e.message().contains("none.csv"), "{e}");
}

/// Where the recorded telemetry lies: beside the project, never inside it.
fn recorded(file: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("MEMCORE_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"), PathBuf::from);
    let paths = [folder.join("telemetry").join(file), folder.join(file)];
    paths.into_iter().find(|path| path.exists())
}

#[test]
fn three_months_of_a_real_household_play_to_the_end() {
    let Some(path) = recorded("uci_household_1min_2007Q2.csv.gz") else {
        eprintln!("skipped: uci_household_1min_2007Q2.csv.gz is neither in MEMCORE_TEST_DATA nor in ../shared/data");
        return;
    };
    let mut replay = Replay::open(path, ReplayOptions::new("sceaux.house".parse().unwrap())).unwrap();
    let power = replay.channels()[0].clone();
    let (mut rows, mut energy, mut last) = (0, 0.0, Timestamp::MIN);
    for row in &mut replay {
        let row = row.unwrap();
        assert!(row.time > last, "{} after {last}", row.time);
        last = row.time;
        energy += power.to_stored(row.values[0].unwrap()) / 60.0;
        rows += 1;
    }
    assert_eq!((rows, last.to_string().as_str()), (127_272, "2007-06-30T23:59:00Z"));
    // About a kilowatt on average, as its authors say of the house.
    let mean = energy / (f64::from(rows) / 60.0);
    assert!((500.0..1_500.0).contains(&mean), "{mean} W");
}
