//! Files of other programs come in as they are: what they mean is told by their content, by options, or by a mapping.
//!
//! The real files stand beside the project, not in it: where they are absent, that is said; small files of the same shapes are
//! read in any case.
#![cfg(feature = "files")]

mod import_support;

use std::io::Write;
use std::path::{Path, PathBuf};

use memcore::model::{Kind, Quantity, Selection, SignConvention, Unit};
use memcore::{ErrorKind, ImportRequest, Mapping, Memcore, import_file};

use import_support::{of_device, run, samples, written};

/// What an import of that text stores, with options.
fn stored(text: &str, set: impl Fn(&mut ImportRequest)) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let mut request = of_device(&written(folder.path(), "meter.csv", text));
    set(&mut request);
    let mem = Memcore::in_memory();
    run(&mem, &request).unwrap_or_else(|e| panic!("{text}: {e}"));
    samples(&mem)
}

fn zone(zone: &'static str) -> impl Fn(&mut ImportRequest) {
    move |request| request.zone = Some(zone.into())
}

#[test]
fn a_german_meter_with_semicolons_decimal_commas_and_day_first_dates() {
    let text = "Zählpunkt;DE0001\n\nDatum;Uhrzeit;Leistung [kW];Zustand\n\
        31.03.2024;01:45;3,48;gut\n31.03.2024;03:00;0,238;gut\n";
    let expected = ["home1.meter.Leistung 2024-03-31T00:45:00Z 3480", "home1.meter.Leistung 2024-03-31T01:00:00Z 238"];
    assert_eq!(stored(text, zone("Europe/Berlin")), expected);
}

#[test]
fn an_american_file_whose_dates_are_told_by_days_that_follow_one_another() {
    let rows: String = (2..5).flat_map(|day| (0..24).map(move |hour| format!("1/{day}/2022 {hour}:00,0.5\n"))).collect();
    let seen = stored(&format!(",ac_power_kw_1137\n{rows}"), zone("America/Denver"));
    assert_eq!((seen.len(), seen[0].as_str()), (72, "home1.meter.ac_power 2022-01-02T07:00:00Z 500"));
    let folder = tempfile::tempdir().unwrap();
    let file = written(folder.path(), "months.csv", "date,p_kw\n1/1/2022,5\n1/2/2022,6\n");
    let mut request = of_device(&file);
    let e = run(&Memcore::in_memory(), &request).unwrap_err();
    assert!(e.kind() == ErrorKind::Invalid && e.message().contains("day-first or month-first"), "{e}");
    request.mapping = Mapping::from_toml("[time]\nform = \"day-first\"").unwrap();
    let mem = Memcore::in_memory();
    run(&mem, &request).unwrap();
    assert_eq!(samples(&mem)[1], "home1.meter.power 2022-02-01T00:00:00Z 6000");
}

#[test]
fn columns_without_names_become_what_they_measure() {
    let watts = |request: &mut ImportRequest| request.frame.unit = Some(Unit::Watt);
    let seen = stored("1369114080.0 1.0\n1369114200.0 78.0\n", watts);
    assert_eq!(seen, ["home1.meter.power 2013-05-21T05:28:00Z 1", "home1.meter.power 2013-05-21T05:30:00Z 78"]);
}

#[test]
fn a_cyclers_log_whose_titles_are_units_and_whose_clock_is_too_coarse() {
    let text = "Today's Date 12/20/2020\tDate of Test:\t12/19/2020\nRec#\tTest (Sec)\tAmps\tVolts\tState\tDPt Time\n\
        1\t0.00\t0.5\t3.895\tR\t12/19/2020 12:18:27\n2\t0.25\t-2.4\t3.9\tD\t12/19/2020 12:18:27\n";
    let set = |request: &mut ImportRequest| {
        let mapping = "only = true\n[time]\nelapsed = \"Test (Sec)\"\n[columns.Amps]\n[columns.Volts]\n";
        request.mapping = Mapping::from_toml(mapping).unwrap();
    };
    let expected = [
        "home1.meter.current 2020-12-19T12:18:27Z 0.5",
        "home1.meter.current 2020-12-19T12:18:27.25Z -2.4",
        "home1.meter.voltage 2020-12-19T12:18:27Z 3.895",
        "home1.meter.voltage 2020-12-19T12:18:27.25Z 3.9",
    ];
    assert_eq!(stored(text, set), expected);
}

#[test]
fn a_value_a_row_with_words_that_say_of_what() {
    let text = "site,meas_name,ts,sensor,meas_val_f\n\
        S1,ac_power,2016-03-05 19:45:00,inv 1,2.5\nS1,ac_power,2016-03-05 19:45:00,inv 2,1.5\n\
        S1,ac_power,2016-03-05 19:50:00,inv 1,2.75\n";
    let set = |request: &mut ImportRequest| {
        request.frame.device = None;
        request.frame.unit = Some(Unit::Kilowatt);
    };
    let expected = [
        "S1.inv_1.ac_power 2016-03-05T19:45:00Z 2500",
        "S1.inv_1.ac_power 2016-03-05T19:50:00Z 2750",
        "S1.inv_2.ac_power 2016-03-05T19:45:00Z 1500",
    ];
    assert_eq!(stored(text, set), expected);
}

#[test]
fn series_of_a_long_file_each_have_the_hour_that_comes_twice() {
    // Both series are written for every time: the hour repeats once for each of them, not with every row.
    let times = ["01:30", "02:00", "02:30", "02:00", "02:30", "03:00"];
    let rows: String = times.iter().flat_map(|time| ["p", "q"].map(|tag| format!("2024-10-27 {time},{tag},1\n"))).collect();
    let set = |request: &mut ImportRequest| {
        request.zone = Some("Europe/Berlin".into());
        request.frame.unit = Some(Unit::Watt);
    };
    let seen = stored(&format!("time,tag,value\n{rows}"), set);
    let utc = ["26T23:30", "27T00:00", "27T00:30", "27T01:00", "27T01:30", "27T02:00"];
    let expected = ["p", "q"].map(|tag| utc.map(|time| format!("home1.meter.{tag} 2024-10-{time}:00Z 1"))).concat();
    assert_eq!(seen, expected);
}

#[test]
fn a_wide_file_of_several_devices_is_not_thrown_together_as_one() {
    let text = "time,meter_id,p_kw,volts\n2024-01-01 00:00,7,1,\n2024-01-01 00:00,8,2,\n2024-01-01 00:15,7,1.5,\n";
    let folder = tempfile::tempdir().unwrap();
    let mem = Memcore::in_memory();
    let mut request = of_device(&written(folder.path(), "meters.csv", text));
    let report = run(&mem, &request).unwrap();
    assert_eq!((report.points, report.refused.count), (2, 1));
    let reason = &report.refused.first[0].reason;
    assert!(reason.starts_with("meter_id is \"8\", expected \"7\" as above since all is imported as"), "{reason}");
    // A column of which somebody says that it is to be passed over names nobody.
    request.mapping.columns.entry("meter_id".into()).or_default().skip = true;
    assert_eq!(run(&mem, &request).unwrap().refused.count, 0);
    // What a house uses is called after it.
    let text = "time,house\n2024-01-01 00:00,1\n2024-01-01 00:15,2\n";
    let mut request = of_device(&written(folder.path(), "house.csv", text));
    request.frame.unit = Some(Unit::Kilowatt);
    assert_eq!(run(&mem, &request).unwrap().points, 2);
}

#[test]
fn documents_of_several_devices_each_have_the_hour_that_comes_twice() {
    let mut text = String::new();
    for (value, time) in ["01:45", "02:00", "02:30", "02:00", "02:30", "03:00"].iter().enumerate() {
        for device in ["one", "other"] {
            text += &format!(r#"{{"time":"2024-10-27 {time}","site":"home1","device":"{device}","p_kw":{value}}}"#);
            text.push('\n');
        }
    }
    let stored = stored(&text, |request| {
        request.frame.device = None;
        zone("Europe/Berlin")(request);
    });
    assert_eq!(stored.len(), 12, "{stored:?}");
    for device in ["one", "other"] {
        assert!(
            stored.iter().any(|row| row.contains(device) && row.contains("2024-10-27T00:30:00Z") && row.contains("2000"))
        );
        assert!(
            stored.iter().any(|row| row.contains(device) && row.contains("2024-10-27T01:30:00Z") && row.contains("4000"))
        );
    }
}

#[test]
fn a_time_that_no_clock_showed_is_left_out_unless_the_mapping_knows_what_it_meant() {
    let folder = tempfile::tempdir().unwrap();
    let text = "time,p_w\n2024-03-31 01:45,1\n2024-03-31 02:15,2\n2024-03-31 03:30,3\n";
    let mut request = of_device(&written(folder.path(), "spring.csv", text));
    request.zone = Some("Europe/Berlin".into());
    let mem = Memcore::in_memory();
    let report = run(&mem, &request).unwrap();
    let refused = &report.refused.first[0];
    assert_eq!(
        (report.refused.count, refused.row, refused.line, refused.text.as_str()),
        (1, 1, Some(3), "2024-03-31 02:15,2")
    );
    assert!(refused.reason.contains("was skipped by the clocks of Europe/Berlin"), "{}", refused.reason);
    assert_eq!(samples(&mem).len(), 2);
    request.mapping = Mapping::from_toml("[time]\nskipped = \"before\"").unwrap();
    let mem = Memcore::in_memory();
    assert_eq!(run(&mem, &request).unwrap().refused.count, 0);
    assert_eq!(samples(&mem)[1], "home1.meter.power 2024-03-31T01:15:00Z 2");
}

#[test]
fn a_refused_row_is_named_by_its_line_however_lines_end() {
    let folder = tempfile::tempdir().unwrap();
    for (name, skipped, titles) in [("titles.csv", "", "time,p_kw\n"), ("preamble.csv", "a log\n", "time,p_kw\n")] {
        let text = format!("{skipped}{titles}2007-04-01 00:00,bad\n2007-04-01 00:01,2\n2007-04-01 00:02,worse\n");
        let lines = |text: &str| {
            let request = of_device(&written(folder.path(), name, text));
            let report = run(&Memcore::in_memory(), &request).unwrap();
            report.refused.first.iter().map(|row| row.line.unwrap()).collect::<Vec<_>>()
        };
        let first = text.lines().position(|line| line.ends_with("bad")).unwrap() as u64 + 1;
        assert_eq!(lines(&text), [first, first + 2], "{name}");
        assert_eq!(lines(&text.replace('\n', "\r\n")), [first, first + 2], "{name} in CR LF");
    }
}

#[test]
fn bad_cells_and_bad_rows_go_to_a_side_file_and_the_rest_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let text = "time,p_kw,u_v\n1175385601,5,230\n1175385602,bad,231\nsoon,6,232\n1175385604,7\n1175385605,\"1,234\",\n1175385606,8,233,\n";
    let request = of_device(&written(folder.path(), "meter.csv", text));
    let mem = Memcore::in_memory();
    let report = run(&mem, &request).unwrap();
    assert_eq!((report.rows, report.points, report.refused.count), (4, 5, 4));
    assert_eq!((report.gaps, report.refused.whole, report.refused.cells), (1, 2, 2));
    let reasons: Vec<_> = report.refused.first.iter().map(|row| (row.line.unwrap(), row.reason.as_str())).collect();
    let words = ["p_kw is \"bad\"", "time is \"soon\"", "2 cells, expected 3", "without separators of thousands"];
    for (((line, reason), at), word) in reasons.iter().zip([3, 4, 5, 6]).zip(words) {
        assert!(*line == at && reason.contains(word), "{line}: {reason}");
    }
    let aside = std::fs::read_to_string(report.refused.file.unwrap()).unwrap();
    assert_eq!((aside.lines().count(), aside.lines().next()), (5, Some("row,line,reason,text")));
    // The voltage of the row with a bad power is there.
    assert!(samples(&mem).contains(&"home1.meter.voltage 2007-04-01T00:00:02Z 231".to_owned()));
    let nothing = of_device(&written(folder.path(), "none.csv", "time,p_kw\nsoon,x\nlater,y\n"));
    let e = run(&Memcore::in_memory(), &nothing).unwrap_err();
    assert!(e.message().contains("time is \"soon\" and the like, expected times such as 2007-04-01 00:00"), "{e}");
    let nothing = of_device(&written(folder.path(), "none.csv", "time,p_kw\n2007-04-01 00:00,x\n2007-04-01 00:01,y\n"));
    let e = run(&Memcore::in_memory(), &nothing).unwrap_err();
    assert!(e.message().contains("no row of it can be read; line 2"), "{e}");
}

#[test]
fn columns_that_say_no_unit_are_named_all_at_once_with_what_they_seem_to_measure() {
    let folder = tempfile::tempdir().unwrap();
    let text = "time,ambient_temp__1053,inv2_power,wind_speed\n1175385601,20,5,3\n";
    let mut request = of_device(&written(folder.path(), "pv.csv", text));
    let mem = Memcore::in_memory();
    let e = run(&mem, &request).unwrap_err();
    let said = "\"ambient_temp__1053\" (temperature), \"inv2_power\" (power), \"wind_speed\" say no unit";
    assert!(e.kind() == ErrorKind::NotFound && e.message().contains(said), "{e}");
    assert!(mem.series(Selection::all()).is_empty());
    // A dry run shows the same and goes on; a unit may be said for all of a quantity.
    request.dry_run = true;
    assert!(run(&mem, &request).unwrap().understood.notes[0].contains(said));
    request.dry_run = false;
    request.frame.units.insert("temperature".into(), Unit::Celsius);
    request.frame.units.insert("power".into(), Unit::Kilowatt);
    request.mapping.columns.entry("wind_speed".into()).or_default().skip = true;
    run(&mem, &request).unwrap();
    let expected = ["home1.meter.ambient_temp 2007-04-01T00:00:01Z 20", "home1.meter.inv2_power 2007-04-01T00:00:01Z 5000"];
    assert_eq!(samples(&mem), expected);
}

#[test]
fn a_mapping_is_what_was_understood_and_reads_the_file_the_same_way() {
    let folder = tempfile::tempdir().unwrap();
    let text =
        "made by hand\nDate;Total kWh;PV kW;soc %;State\n1/13/2024 0:00;1,5;-0,25;50;ok\n1/13/2024 1:00;1,75;;51;ok\n";
    let mut request = of_device(&written(folder.path(), "site.csv", text));
    request.zone = Some("America/New_York".into());
    request.dry_run = true;
    let understood = run(&Memcore::in_memory(), &request).unwrap();
    let toml = understood.mapping.to_toml().unwrap();
    let mapping = Mapping::from_toml(&toml).unwrap();
    assert_eq!(mapping, understood.mapping, "{toml}");
    assert!(mapping.columns["State"].skip && mapping.columns["soc %"].quantity == Some(Quantity::StateOfCharge), "{toml}");

    // Corrected by a person: the PV counts what it produces as positive, the total is a counter.
    let mut corrected = mapping.clone();
    corrected.columns.get_mut("PV kW").unwrap().sign = Some(SignConvention::Generator);
    corrected.columns.get_mut("Total kWh").unwrap().kind = Some(Kind::Counter);
    let mut again = ImportRequest::new(&request.file);
    again.mapping = corrected;
    let mem = Memcore::in_memory();
    let report = run(&mem, &again).unwrap();
    assert_eq!((report.points, report.gaps, report.refused.count), (5, 1, 0));
    let expected = [
        "home1.meter.PV 2024-01-13T05:00:00Z 250",
        "home1.meter.Total 2024-01-13T05:00:00Z 1500",
        "home1.meter.Total 2024-01-13T06:00:00Z 1750",
        "home1.meter.soc 2024-01-13T05:00:00Z 0.5",
        "home1.meter.soc 2024-01-13T06:00:00Z 0.51",
    ];
    assert_eq!(samples(&mem), expected);
    let registered = mem.series("home1.meter.Total".parse::<Selection>().unwrap());
    assert_eq!(registered[0].1.kind, Kind::Counter);
    // Again it adds nothing, by the same mapping.
    let repeated = run(&mem, &again).unwrap();
    assert_eq!((repeated.points, repeated.repeated), (0, 5));
    // What is not known is refused by name.
    let e = Mapping::from_toml("[columns.p]\nunits = \"kW\"").unwrap_err();
    assert!(e.message().contains("units"), "{e}");
}

#[test]
fn an_import_that_was_cut_off_or_whose_file_was_corrected_adds_only_what_is_new() {
    let folder = tempfile::tempdir().unwrap();
    let text = |rows: usize, change: bool| {
        let value = |row: usize| if change && row == 7 { 99.0 } else { row as f64 };
        let rows: String = (0..rows).map(|row| format!("{},{}\n", 1_175_385_600 + row * 60, value(row))).collect();
        format!("time,p_w\n{rows}")
    };
    let mem = Memcore::in_memory();
    let file = |text: String| of_device(&written(folder.path(), "meter.csv", &text));
    // Cut off after the first rows.
    let cut = import_file(&mem, &file(text(40_000, false)), &mut |_| Err(memcore::Error::new(ErrorKind::Closed, "enough")));
    assert_eq!(cut.unwrap_err().message(), "enough");
    let kept = samples(&mem).len();
    let whole = run(&mem, &file(text(40_000, false))).unwrap();
    assert_eq!((whole.points + whole.repeated, whole.repeated as usize), (40_000, kept));
    let corrected = run(&mem, &file(text(40_010, true))).unwrap();
    assert_eq!((corrected.points, corrected.repeated), (11, 39_999));
    assert_eq!(samples(&mem).len(), 40_010);
}

#[test]
fn a_parquet_with_local_times_needs_their_zone_and_a_mapping_chooses_its_columns() {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Float64Array, RecordBatch, TimestampNanosecondArray};
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pv.parquet");
    // 01:30, 02:30 (which Denver's clocks skipped), 03:30 of 2019-03-10.
    let local: ArrayRef = Arc::new(TimestampNanosecondArray::from(
        vec![1_552_181_400, 1_552_185_000, 1_552_188_600].into_iter().map(|s| s * 1_000_000_000).collect::<Vec<i64>>(),
    ));
    let power: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0]));
    let batch =
        RecordBatch::try_from_iter([("measured_on", local), ("ac_power", power.clone()), ("spare", power)]).unwrap();
    let mut writer =
        parquet::arrow::ArrowWriter::try_new(std::fs::File::create(&file).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let mut request = of_device(&file);
    let mapping = "[columns.ac_power]\nunit = \"kW\"\nsign = \"generator\"\n[columns.spare]\nskip = true\n";
    request.mapping = Mapping::from_toml(mapping).unwrap();
    assert!(run(&Memcore::in_memory(), &request).unwrap_err().message().contains("without a zone"));
    request.zone = Some("America/Denver".into());
    let mem = Memcore::in_memory();
    let report = run(&mem, &request).unwrap();
    assert_eq!((report.refused.count, report.refused.first[0].row), (1, 1));
    let expected = ["home1.meter.ac_power 2019-03-10T08:30:00Z -1000", "home1.meter.ac_power 2019-03-10T09:30:00Z -3000"];
    assert_eq!(samples(&mem), expected);
}

#[test]
fn a_packed_file_is_unpacked_on_the_way() {
    use flate2::write::GzEncoder;
    let text = b"time,p_w\n1175385601,5\n1175385602,6\n";
    let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text).unwrap();
    // The same text as `xz` packs it.
    let xz: [u8; 92] = [
        253, 55, 122, 88, 90, 0, 0, 4, 230, 214, 180, 70, 2, 0, 33, 1, 22, 0, 0, 0, 116, 47, 229, 163, 224, 0, 34, 0, 31,
        93, 0, 58, 26, 73, 250, 224, 157, 194, 78, 37, 65, 142, 101, 128, 214, 173, 116, 47, 212, 143, 77, 244, 79, 200,
        102, 207, 233, 28, 166, 243, 27, 0, 0, 0, 253, 169, 1, 89, 35, 242, 246, 98, 0, 1, 59, 35, 97, 43, 83, 190, 31,
        182, 243, 125, 1, 0, 0, 0, 0, 4, 89, 90,
    ];
    let folder = tempfile::tempdir().unwrap();
    for (name, packed) in [("meter.csv.gz", gzip.finish().unwrap()), ("meter.csv.xz", xz.to_vec())] {
        let file = folder.path().join(name);
        std::fs::write(&file, packed).unwrap();
        let mem = Memcore::in_memory();
        run(&mem, &of_device(&file)).unwrap();
        assert_eq!(samples(&mem)[1], "home1.meter.power 2007-04-01T00:00:02Z 6", "{name}");
        // One that was cut off says so.
        let whole = std::fs::read(&file).unwrap();
        std::fs::write(&file, &whole[..whole.len() - 12]).unwrap();
        assert!(run(&Memcore::in_memory(), &of_device(&file)).is_err(), "{name}");
    }
}

#[test]
fn values_of_one_time_are_counted_and_the_last_holds() {
    let folder = tempfile::tempdir().unwrap();
    let mem = Memcore::in_memory();
    let text = "time,p_w\n1175385601,5\n1175385601,6\n1175385603,1\n1175385602,1\n1175385602,\n";
    let report = run(&mem, &of_device(&written(folder.path(), "meter.csv", text))).unwrap();
    assert_eq!((report.points, report.replaced, report.gaps), (4, 1, 1));
    assert_eq!(samples(&mem)[0], "home1.meter.power 2007-04-01T00:00:01Z 6");
    let again = run(&mem, &of_device(&folder.path().join("meter.csv"))).unwrap();
    assert_eq!((again.points, again.repeated), (0, 4));
    // One of them was corrected: both are written, in the order of the file.
    let corrected = written(folder.path(), "corrected.csv", "time,p_w\n1175385601,6\n1175385601,5\n");
    assert_eq!(run(&mem, &of_device(&corrected)).unwrap().points, 2);
    assert_eq!(samples(&mem)[0], "home1.meter.power 2007-04-01T00:00:01Z 5");
}

#[test]
fn numbers_that_mean_not_measured_are_gaps_by_the_mapping() {
    let folder = tempfile::tempdir().unwrap();
    let mut request = of_device(&written(
        folder.path(),
        "meter.csv",
        "time,p_w\n1175385601,5\n1175385602,65535\n1175385603,-999\n1175385604,7000\n",
    ));
    let mapping = "[columns.p_w]\ninvalid = [-999.0]\nregister = \"uint16\"\nrange = [0.0, 6000.0]\n";
    request.mapping = Mapping::from_toml(mapping).unwrap();
    let mem = Memcore::in_memory();
    let report = run(&mem, &request).unwrap();
    assert_eq!((report.points, report.invalid, report.out_of_range), (1, 2, 1));
    assert_eq!(samples(&mem), ["home1.meter.power 2007-04-01T00:00:01Z 5"]);
}

/// The real files, with as little said as they need.
#[test]
fn real_files_come_in_with_few_options() {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let data = std::env::var_os("MEMCORE_TEST_DATA").map_or(beside, PathBuf::from).join("telemetry");
    for (name, options, expected) in [
        ("uci_household_1min_2007Q2.csv.gz", "", (127_272, 7)),
        ("ukdale_house2_ch12_2min.dat.gz", "unit = \"W\"", (102_474, 1)),
        ("pvanalytics_serf_east_15min_ac_power.csv.gz", "unit = \"kW\"", (10_000, 1)),
        ("pvanalytics_serf_east_1min_ac_power.csv.gz", "unit = \"kW\"", (2_607, 1)),
        (
            "pvanalytics_nrel_RSF_II.csv.gz",
            "only = true\n[columns.ac_power_kw_1137]\n[columns.inv2_ac_power_w__1047]",
            (480, 2),
        ),
        (
            "pvanalytics_system_50_ac_power_2_full_DST.parquet",
            "unit = \"W\"\n[time]\nzone = \"America/Denver\"",
            (95_232, 1),
        ),
        ("sdt_TAEFC1044741.csv.gz", "unit = \"kW\"", (34_582, 1)),
        (
            "beep_PreDiag_000412_00008Fshort_022.tsv.gz",
            "only = true\n[time]\nelapsed = \"Test (Sec)\"\n[columns.Volts]\n[columns.Amps]\n[columns.Amp-hr]\n[columns.Watt-hr]",
            (10_344, 4),
        ),
        (
            "beep_xTESLADIAG_000019_CH70_070.tsv.gz",
            "only = true\n[time]\nelapsed = \"Test (Sec)\"\n[columns.Volts]\n[columns.Amps]",
            (11_669, 2),
        ),
    ] {
        let file = data.join(name);
        if !file.exists() {
            let _ = writeln!(std::io::stderr(), "SKIPPED {name}: {} is absent", file.display());
            continue;
        }
        let mut request = of_device(&file);
        if name.starts_with("sdt") {
            request.frame.device = None;
        }
        request.refused = None;
        request.mapping = Mapping::from_toml(options).unwrap();
        let mem = Memcore::in_memory();
        let report = run(&mem, &request).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!((report.rows, report.series.len()), expected, "{name}: {:?}", report.refused);
        assert!(report.points > 0 && run(&mem, &request).unwrap().points == 0, "{name}");
    }
}

#[test]
fn rows_in_no_order_that_come_again_add_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = String::from("time,p_kw\n");
    // 7919 has no divisor in common with 200,000: every minute once, near ones far apart in the file.
    (0..200_000_u64).for_each(|row| text += &format!("{},1.5\n", 1_700_000_000 + row * 7919 % 200_000 * 60));
    let mem = Memcore::in_memory();
    let request = of_device(&written(folder.path(), "shuffled.csv", &text));
    assert_eq!(run(&mem, &request).unwrap().points, 200_000);
    let again = run(&mem, &request).unwrap();
    assert_eq!((again.points, again.repeated), (0, 200_000));
    // A few rows among many that are stored.
    let request =
        of_device(&written(folder.path(), "few.csv", "time,p_kw\n1711999940,1.5\n1700000000,1.5\n1705000040,2\n"));
    let few = run(&mem, &request).unwrap();
    assert_eq!((few.points, few.repeated), (1, 2));
}

#[test]
fn what_is_refused_is_never_written_over_the_file_and_does_not_outlive_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let file = written(folder.path(), "meter.csv", "time,p_kw\n2024-01-01,x\n2024-01-02,1\n");
    let mem = Memcore::in_memory();
    let mut request = of_device(&file);
    request.refused = Some(folder.path().join(".").join("meter.csv"));
    assert!(run(&mem, &request).unwrap_err().message().contains("expected another file than the one to import"));
    request.refused = of_device(&file).refused;
    let side = run(&mem, &request).unwrap().refused.file.unwrap();
    assert!(side.exists());
    written(folder.path(), "meter.csv", "time,p_kw\n2024-01-01,0\n2024-01-02,1\n");
    assert_eq!(run(&mem, &request).unwrap().refused.count, 0);
    assert!(!side.exists(), "the rows that it has are in history now");
}

#[test]
fn a_mapping_names_the_series_of_a_long_file_as_the_file_does() {
    let text = "time,sensor,v\n2024-01-01 00:00,P1,1\n2024-01-01 00:15,P1,2\n";
    let mapping = |sign: &str| {
        let text =
            format!("[long]\nvalue = \"v\"\nseries = \"sensor\"\n[columns.P1]\nseries = \"power\"\nunit = \"kW\"\n{sign}");
        Mapping::from_toml(&text).unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    let mem = Memcore::in_memory();
    let mut request = of_device(&written(folder.path(), "long.csv", text));
    request.mapping = mapping("");
    run(&mem, &request).unwrap();
    assert_eq!(samples(&mem)[0], "home1.meter.power 2024-01-01T00:00:00Z 1000");
    // What it declares of a file holds whatever the series is registered with.
    request.mapping = mapping("sign = \"generator\"");
    run(&mem, &request).unwrap();
    assert_eq!(samples(&mem)[0], "home1.meter.power 2024-01-01T00:00:00Z -1000");
    // So it does of a file whose columns are called as an export calls them.
    let mut request = ImportRequest::new(written(folder.path(), "wide.csv", "time,home1.pv.power [kW]\n2024-01-01,1\n"));
    request.mapping = Mapping::from_toml("[columns.\"home1.pv.power [kW]\"]\nsign = \"generator\"").unwrap();
    run(&mem, &request).unwrap();
    assert!(samples(&mem).contains(&"home1.pv.power 2024-01-01T00:00:00Z -1000".to_owned()));
}

#[test]
fn a_header_of_thousands_of_columns_is_read_to_its_end() {
    let titles: Vec<String> = (0..4000).map(|column| format!("inverter_string_{column} [W]")).collect();
    let text = format!("time,{}\n2024-01-01{}\n", titles.join(","), ",1".repeat(4000));
    assert_eq!(stored(&text, |_| {}).len(), 4000);
}

#[test]
fn seconds_since_the_first_row_have_the_decimals_of_the_file_and_no_end_of_time() {
    let elapsed = |request: &mut ImportRequest| request.mapping.time.elapsed = Some("s".into());
    let rows = stored("time;s;p_kw\n2024-01-01 00:00;0,5;1,5\n2024-01-01 00:00;2,0;2,5\n", elapsed);
    assert_eq!(rows[1], "home1.meter.power 2024-01-01T00:00:01.5Z 2500");
    let far = "time_us,s,p_kw\n9223372036854775000,-8000000000000,1\n9223372036854775000,1e13,1\n0,0,2\n";
    let declared = |request: &mut ImportRequest| {
        elapsed(request);
        request.mapping.time.form = Some(memcore::TimeForm::EpochUs);
    };
    assert_eq!(stored(far, declared).len(), 2, "one row is later than can be said");
}
