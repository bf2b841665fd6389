//! What people do with their files: whatever these look like, nothing is taken for what it is not, and what is asked for can be
//! typed as it stands.
#![cfg(feature = "files")]

mod import_support;

use memcore::model::Unit;
use memcore::{ErrorKind, ImportRequest, Mapping, Memcore};

use import_support::{of_device, run, samples, written};

#[test]
fn every_row_and_every_cell_of_a_file_is_counted_once() {
    let folder = tempfile::tempdir().unwrap();
    let minute = |row: u32| format!("2007-04-01 {:02}:{:02}", row / 60 % 24, row % 60);
    // Of seven rows each: a gap, a number that means none, one out of range, a word, a time that is none, a cell too few.
    let row = |row: u32| match row % 7 {
        0 => format!("{},{row},\n", minute(row)),
        1 => format!("{},-999,230\n", minute(row)),
        2 => format!("{},5,9000\n", minute(row)),
        3 => format!("{},five,230\n", minute(row)),
        4 => "then,5,230\n".to_owned(),
        5 => format!("{},5\n", minute(row)),
        _ => format!("{},5,230\n{},6,231\n", minute(row), minute(row)),
    };
    let text = format!("time,p_w,u_v\n{}", (0..1400).map(row).collect::<String>());
    let mut request = of_device(&written(folder.path(), "meter.csv", &text));
    request.mapping =
        Mapping::from_toml("[columns.p_w]\ninvalid = [-999.0]\n[columns.u_v]\nrange = [0.0, 500.0]\n").unwrap();
    let mem = Memcore::in_memory();
    for again in [false, true] {
        let report = run(&mem, &request).unwrap();
        let refused = &report.refused;
        assert_eq!((report.rows, refused.whole, refused.cells, refused.count), (1200, 400, 200, 600));
        assert_eq!((report.gaps, report.invalid, report.out_of_range), (200, 200, 200));
        assert_eq!(report.rows + refused.whole, text.lines().count() as u64 - 1);
        let cells = report.points + report.repeated + report.gaps + report.invalid + report.out_of_range + refused.cells;
        assert_eq!(cells, 2 * report.rows, "{report:?}");
        assert_eq!((report.points, report.repeated), if again { (0, 1600) } else { (1600, 0) });
        assert_eq!(report.replaced, 400);
    }
}

#[test]
fn no_time_ends_in_1970_because_nobody_said_how_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = |times: [&str; 3]| {
        let text = format!("time,p_w\n{},1\n{},2\n{},3\n", times[0], times[1], times[2]);
        of_device(&written(folder.path(), "meter.csv", &text))
    };
    let first = |request: &ImportRequest| {
        let mem = Memcore::in_memory();
        run(&mem, request).map(|_| samples(&mem)[0].clone())
    };
    for times in [
        ["20070401", "20070402", "20070403"],
        ["200704010000", "200704010015", "200704010030"],
        ["20070401000000", "20070401001500", "20070401003000"],
        ["2007040100", "2007040101", "2007040102"],
        ["20070401T0000", "20070401T0015", "20070401T0030"],
        ["2007-04", "2007-05", "2007-06"],
    ] {
        assert_eq!(first(&file(times)).unwrap(), "home1.meter.power 2007-04-01T00:00:00Z 1", "{times:?}");
    }
    let pair = "Datum,Uhrzeit,p_w\n20070401,00:00,1\n20070401,00:15,2\n";
    assert_eq!(
        first(&of_device(&written(folder.path(), "pair.csv", pair))).unwrap(),
        "home1.meter.power 2007-04-01T00:00:00Z 1"
    );
    // Days as spreadsheets count them, and seconds since the first row.
    for (times, form, time) in [
        (["39173", "39173.25", "39173.5"], "excel", "2007-04-01T00:00:00Z"),
        (["0", "60", "120"], "epoch-s", "1970-01-01T00:00:00Z"),
    ] {
        let mut request = file(times);
        let e = first(&request).unwrap_err();
        assert!(e.kind() == ErrorKind::Invalid && e.message().contains(&format!("{form} makes it ")), "{e}");
        request.mapping = Mapping::from_toml(&format!("[time]\nform = \"{form}\"")).unwrap();
        assert_eq!(first(&request).unwrap(), format!("home1.meter.power {time} 1"));
    }
    // A clock that was not set yet spoils its own rows only, also by the mapping that tells what was understood.
    let mut request = file(["1175385600", "0", "1175385660"]);
    let mem = Memcore::in_memory();
    let report = run(&mem, &request).unwrap();
    let reason = &report.refused.first[0].reason;
    assert!(reason.contains("time is \"0\", which would be 1970-01-01T00:00:00Z"), "{reason}");
    request.mapping = report.mapping;
    let again = run(&mem, &request).unwrap();
    assert_eq!((report.refused.count, again.refused.count, again.points, again.repeated), (1, 1, 0, 2));
}

#[test]
fn units_of_a_long_file_are_asked_for_by_what_can_be_typed_and_a_dry_run_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let text = "site,meas_name,ts,sensor,value\n\
        S1,ac_power,2016-03-05 19:45,inv1,2.5\nS1,ac_power,2016-03-05 19:45,inv2,1.5\nS1,temp,2016-03-05 19:45,inv1,40\n";
    let mut request = ImportRequest::new(written(folder.path(), "pv.csv", text));
    let mem = Memcore::in_memory();
    let e = run(&mem, &request).unwrap_err();
    let asked = "S1.inv1.ac_power is not registered, and no row says its unit: give it (as in --unit S1.inv1.ac_power=kW";
    assert!(e.kind() == ErrorKind::NotFound && e.message().contains(asked), "{e}");
    request.dry_run = true;
    let dry = run(&mem, &request).unwrap();
    let said = "S1.inv1.ac_power, S1.inv2.ac_power, S1.inv1.temp are not registered";
    assert!(dry.understood.notes.iter().any(|note| note.starts_with(said)), "{:?}", dry.understood.notes);
    assert_eq!((dry.rows, dry.points, dry.understood.first.len()), (3, 0, 3));
    // Of one series, of all with a channel, of what seems to be measured.
    request.dry_run = false;
    let units = [("S1.inv2.ac_power", Unit::Watt), ("ac_power", Unit::Kilowatt), ("temperature", Unit::Celsius)];
    request.frame.units.extend(units.map(|(name, unit)| (name.to_owned(), unit)));
    let sign = "[columns.ac_power]\nsign = \"generator\"";
    request.mapping = Mapping::from_toml(sign).unwrap();
    let time = "2016-03-05T19:45:00Z";
    let expected = [("ac_power", 1, -2500.0), ("temp", 1, 40.0), ("ac_power", 2, -1.5)];
    let expected = expected.map(|(name, inverter, value)| format!("S1.inv{inverter}.{name} {time} {value}"));
    for points in [3, 0] {
        assert_eq!(run(&mem, &request).unwrap().points, points);
        assert_eq!(samples(&mem), expected);
    }
}
