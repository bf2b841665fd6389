//! History goes out to files and comes in from them, and is the same.
#![cfg(feature = "files")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch, TimestampMillisecondArray};
use memcore::model::{
    Channel, DeviceName, Kind, LabelPosition, Quantity, Selection, SeriesName, SignConvention, Span, Timestamp, Unit,
    labels,
};
use memcore::{
    ErrorKind, Every, ExportOptions, FileFormat, ImportReport, ImportRequest, Memcore, Query, Result, export_file,
    import_file,
};

const FORMATS: [(FileFormat, &str); 3] =
    [(FileFormat::Csv, "csv"), (FileFormat::Parquet, "parquet"), (FileFormat::Arrow, "arrow")];

/// Bits of every value, by series and time.
type Bits = BTreeMap<(String, i64), u64>;

fn bits(mem: &Memcore) -> Bits {
    let result = mem.query(&Query::new(Selection::all())).unwrap();
    let of = |series: &memcore::SeriesResult| {
        let name = series.series().to_string();
        let values: Vec<u64> = series.values().unwrap().values().iter().map(|value| value.to_bits()).collect();
        let times = series.times().values().to_vec();
        times.into_iter().zip(values).map(move |(time, value)| ((name.clone(), time), value)).collect::<Vec<_>>()
    };
    result.series().iter().flat_map(of).collect()
}

/// A house with all that is hard to write down.
fn house() -> Memcore {
    let mem = Memcore::in_memory();
    let register = |series: &str, channel: Channel| mem.register(&series.parse().unwrap(), &channel).unwrap();
    let pv = Channel::gauge("power", Unit::Kilowatt).unwrap().sign(SignConvention::Generator);
    register("home1.pv.power", pv.labels(labels([("roof", "east")]).unwrap()).build().unwrap());
    register("home1.battery.soc", Channel::of("soc", Quantity::StateOfCharge, Unit::Percent).unwrap().build().unwrap());
    register(
        "acme/home2.meter.energy",
        Channel::gauge("energy", Unit::WattHour).unwrap().kind(Kind::Counter).build().unwrap(),
    );
    let ends = [i64::MIN, -1, 0, 1, i64::MAX].map(Timestamp::from_micros);
    let hard = [Some(f64::NAN), Some(-0.0), Some(f64::INFINITY), Some(5e-324), Some(f64::MIN)];
    mem.write(&"home1.grid.power".parse().unwrap(), &ends, &hard, Some(Unit::Watt)).unwrap();
    let times: Vec<Timestamp> = (0..1000).map(|n| Timestamp::from_seconds(60 * n)).collect();
    let wave = |scale: f64| -> Vec<Option<f64>> { (0..1000).map(|n| Some(scale * f64::from(n).sin())).collect() };
    mem.write(&"home1.pv.power".parse().unwrap(), &times, &wave(1.466), None).unwrap();
    mem.write(&"home1.battery.soc".parse().unwrap(), &times[..500], &wave(100.0)[..500], None).unwrap();
    mem.write(&"acme/home2.meter.energy".parse().unwrap(), &times, &wave(0.1), None).unwrap();
    mem
}

fn export(mem: &Memcore, file: &Path, format: FileFormat, wide: bool) -> u64 {
    let mut options = ExportOptions::new(format);
    options.wide = wide;
    export_file(mem, &Query::new(Selection::all()), file, options, &mut |_| Ok(())).unwrap().points
}

fn strict(mem: &Memcore, file: &Path) -> Result<ImportReport> {
    let mut request = ImportRequest::new(file);
    request.strict = true;
    import_file(mem, &request, &mut |_| Ok(()))
}

fn import(mem: &Memcore, file: &Path) -> Result<ImportReport> {
    import_file(mem, &ImportRequest::new(file), &mut |_| Ok(()))
}

fn device(file: &Path) -> ImportRequest {
    let mut request = ImportRequest::new(file);
    request.frame.device = Some("home1.house".parse().unwrap());
    request
}

#[test]
fn every_format_gives_back_every_bit() {
    let folder = tempfile::tempdir().unwrap();
    let mem = house();
    let before = bits(&mem);
    assert_eq!(before.len(), 2505);
    for (format, ending) in FORMATS {
        for wide in [false, true] {
            let file = folder.path().join(format!("house-{wide}.{ending}"));
            assert_eq!(export(&mem, &file, format, wide), 2505, "{ending}");
            let other = Memcore::in_memory();
            let report = import(&other, &file).unwrap();
            assert_eq!((report.points, report.series.len()), (2505, 4), "{ending} wide {wide}");
            assert_eq!(bits(&other), before, "{ending} wide {wide}");
            // Into the site that it came from, it adds nothing: whatever the sign of the source is.
            let again = import(&mem, &file).unwrap();
            assert_eq!((again.points, again.repeated), (0, 2505), "{ending} wide {wide}");
            assert_eq!(bits(&mem), before);
        }
    }
}

#[test]
fn parquet_and_arrow_keep_what_is_known_of_the_series() {
    let folder = tempfile::tempdir().unwrap();
    let mem = house();
    for (format, ending) in &FORMATS[1..] {
        let file = folder.path().join(format!("house.{ending}"));
        export(&mem, &file, *format, true);
        let other = Memcore::in_memory();
        import(&other, &file).unwrap();
        assert_eq!(other.series(Selection::all()), mem.series(Selection::all()));
        assert_eq!(other.series("home1.>{roof=east}".parse::<Selection>().unwrap()).len(), 1);
    }
    // CSV has no place for it, but for the quantity where the unit leaves it open.
    let file = folder.path().join("house.csv");
    export(&mem, &file, FileFormat::Csv, false);
    let other = Memcore::in_memory();
    import(&other, &file).unwrap();
    let soc = other.series("home1.battery.soc".parse::<SeriesName>().unwrap());
    assert_eq!(soc[0].1.quantity, Quantity::StateOfCharge);
}

#[test]
fn a_long_export_is_cut_into_slices_that_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mem = Memcore::in_memory();
    let device: DeviceName = "home1.meter".parse().unwrap();
    let times: Vec<Timestamp> = (0..600_000).map(Timestamp::from_seconds).collect();
    let values: Vec<Option<f64>> = (0..600_000).map(|n| Some(f64::from(n % 977))).collect();
    for (channel, unit) in [("power", Unit::Watt), ("voltage", Unit::Volt)] {
        mem.write(&device.channel(channel.parse().unwrap()), &times, &values, Some(unit)).unwrap();
    }
    for wide in [false, true] {
        let file = folder.path().join("long.parquet");
        let mut parts = Vec::new();
        let mut options = ExportOptions::new(FileFormat::Parquet);
        options.wide = wide;
        let told = &mut |progress: &memcore::Progress| {
            parts.push(progress.part.unwrap());
            Ok(())
        };
        let report = export_file(&mem, &Query::new(Selection::all()), &file, options, told).unwrap();
        assert_eq!((report.points, report.rows), (1_200_000, if wide { 600_000 } else { 1_200_000 }));
        assert!(parts.len() > 3 && parts.is_sorted() && parts.last() == Some(&1.0), "{parts:?}");
        let other = Memcore::in_memory();
        assert_eq!(import(&other, &file).unwrap().points, 1_200_000);
        assert_eq!(bits(&other), bits(&mem));
    }
}

#[test]
fn a_range_and_buckets_are_exported_as_they_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let mem = house();
    let file = folder.path().join("days.csv");
    let query = Query::of("home1.pv.power").unwrap().from(Timestamp::from_seconds(0)).to(Timestamp::from_seconds(7200));
    let query = query.every(Every::Fixed(Span::from_seconds(3600)));
    let query = query.aggregate("mean".parse().unwrap()).aggregate("count".parse().unwrap());
    let mut options = ExportOptions::new(FileFormat::Csv);
    export_file(&mem, &query, &file, options, &mut |_| Ok(())).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines[0], lines.len()), ("series,time,mean,count,unit", 3));
    assert!(lines[2].starts_with("home1.pv.power,1970-01-01T01:00:00Z,") && lines[2].ends_with(",60,W"), "{text}");
    options.wide = true;
    export_file(&mem, &query, &file, options, &mut |_| Ok(())).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(text.lines().next(), Some("time,home1.pv.power:mean [W],home1.pv.power:count [1]"));
}

#[test]
fn an_export_that_ends_early_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("house.parquet");
    let stop = &mut |_: &memcore::Progress| Err(memcore::Error::new(ErrorKind::Closed, "enough"));
    let options = ExportOptions::new(FileFormat::Parquet);
    let e = export_file(&house(), &Query::new(Selection::all()), &file, options, stop).unwrap_err();
    assert_eq!((e.message(), std::fs::read_dir(folder.path()).unwrap().count()), ("enough", 0));
    let query = Query::of("home1.nothing.power").unwrap();
    let e = export_file(&house(), &query, &file, options, &mut |_| Ok(())).unwrap_err();
    assert_eq!((e.kind(), std::fs::read_dir(folder.path()).unwrap().count()), (ErrorKind::NotFound, 0));
    assert!(FileFormat::of(Path::new("house.xlsx")).unwrap_err().message().contains(".parquet"));
}

fn csv(folder: &Path, text: &str) -> PathBuf {
    let file = folder.join("house.csv");
    std::fs::write(&file, text).unwrap();
    file
}

#[test]
fn a_strict_import_ends_at_a_bad_row_and_keeps_what_stands_before_it() {
    let folder = tempfile::tempdir().unwrap();
    for (text, words) in [
        (
            "series,time,value,unit\nhome1.pv.power,1175385601,5,W\nhome1.pv.power,1175385602,x,W\n",
            ["line 3", "value is \"x\""],
        ),
        (
            "series,time,value,unit\nhome1.pv.power,1175385601,5,W\nhome1.pv.power,soon,5,W\n",
            ["line 3", "time is \"soon\""],
        ),
        (
            "series,time,value,unit\nhome1.pv.power,1175385601,5,W\nhome1.pv.power,1175385602,5,kW\n",
            ["line 3", "unit is \"kW\""],
        ),
        ("series,time,value,unit\nhome1.pv.power,1175385601,5,W\nhome1.pv,1175385602,5,W\n", ["line 3", "home1.pv"]),
        ("series,time,value,unit\nhome1.pv.power,1175385601,5,W\nhome1.pv.x,1175385602,5,parsec\n", ["line 3", "parsec"]),
        ("series,time,value,unit\nhome1.pv.power,1175385601,5,W\nhome1.pv.power,1175385602\n", ["line 3", "2 cells"]),
        ("time,home1.pv.power [W]\n1175385601,5\n1175385602,x\n", ["line 3", "home1.pv.power [W] is \"x\""]),
    ] {
        let mem = Memcore::in_memory();
        let e = strict(&mem, &csv(folder.path(), text)).unwrap_err();
        assert!(words.iter().all(|word| e.message().contains(word)), "{text}: {e}");
        assert_eq!(bits(&mem).len(), 1, "{text}");
    }
    for (text, word) in [
        ("time,p_kw\n1175385601,5\n", "without a device"),
        ("p_kw\n5\n", "a column of times"),
        ("time,home1.pv.power [W],home1.pv.power [kW]\n1175385601,5,5\n", "both home1.pv.power"),
        ("time,home1.pv.power\n1175385601,5\n", "home1.pv.power is not registered"),
        ("series,time,value\nhome1.pv.power,1175385601,5\n", "home1.pv.power is not registered"),
    ] {
        let mem = Memcore::in_memory();
        let e = import(&mem, &csv(folder.path(), text)).unwrap_err();
        assert!(e.message().contains(word), "{text}: {e}");
        assert!(mem.series(Selection::all()).is_empty(), "{text}");
    }
}

#[test]
fn a_dry_run_says_what_would_be_written_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = csv(folder.path(), "time,p_kw,u_v\n2025-03-30T00:00:00Z,1.001,230\n2025-03-30T00:01:00Z,,231.5\n");
    let mem = Memcore::in_memory();
    mem.write(
        &"home1.house.voltage".parse().unwrap(),
        &["2025-03-30T00:00:00Z".parse().unwrap()],
        &[Some(230.0)],
        Some(Unit::Volt),
    )
    .unwrap();
    let mut request = device(&file);
    request.dry_run = true;
    let report = import_file(&mem, &request, &mut |_| Ok(())).unwrap();
    assert_eq!((report.rows, report.points, report.repeated, report.gaps), (2, 2, 1, 1));
    let series: Vec<_> = report.series.iter().map(|one| (one.series.to_string(), one.unit, one.new, one.points)).collect();
    let expected = [
        ("home1.house.power".to_owned(), Unit::Kilowatt, true, 1),
        ("home1.house.voltage".to_owned(), Unit::Volt, false, 2),
    ];
    assert_eq!(series, expected);
    assert_eq!((bits(&mem).len(), mem.series(Selection::all()).len()), (1, 1));
}

#[test]
fn a_changed_value_replaces_the_old_one_and_the_order_of_a_file_holds() {
    let folder = tempfile::tempdir().unwrap();
    let mem = Memcore::in_memory();
    let first = "series,time,value,unit\nhome1.pv.power,1175385601,5,W\nhome1.pv.power,1175385602,6,W\n";
    import(&mem, &csv(folder.path(), first)).unwrap();
    // The last row of a time holds, although it says what is there already.
    let second = "series,time,value,unit\nhome1.pv.power,1175385601,7,W\nhome1.pv.power,1175385601,5,W\nhome1.pv.power,1175385602,8,W\n";
    let report = import(&mem, &csv(folder.path(), second)).unwrap();
    assert_eq!((report.points, report.repeated, report.replaced), (1, 2, 1));
    let values: Vec<f64> = bits(&mem).into_values().map(f64::from_bits).collect();
    assert_eq!(values, [5.0, 8.0]);
}

#[test]
fn a_parquet_of_other_programs_is_read_by_its_metadata_and_by_what_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("meter.parquet");
    let stamps: ArrayRef = Arc::new(TimestampMillisecondArray::from(vec![0, 60_000]).with_timezone("Europe/Berlin"));
    let floats: ArrayRef = Arc::new(Float64Array::from(vec![Some(1.5), None]));
    let batch = RecordBatch::try_from_iter([("stamp", stamps), ("power", floats.clone()), ("voltage", floats)]).unwrap();
    let mut writer =
        parquet::arrow::ArrowWriter::try_new(std::fs::File::create(&file).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();

    let mut request = device(&file);
    request.frame.unit = Some(Unit::Kilowatt);
    request.frame.units.insert("voltage".into(), Unit::Volt);
    let mem = Memcore::in_memory();
    let report = import_file(&mem, &request, &mut |_| Ok(())).unwrap();
    assert_eq!((report.rows, report.points, report.gaps), (2, 2, 2));
    let latest = mem.latest(Selection::all()).unwrap();
    assert_eq!(latest.iter().map(|(_, sample)| sample.value).collect::<Vec<_>>(), [1500.0, 1.5]);

    request.frame.units.insert("voltgae".into(), Unit::Volt);
    let e = import_file(&Memcore::in_memory(), &request, &mut |_| Ok(())).unwrap_err();
    assert!(e.message().contains("voltgae"), "{e}");
    std::fs::write(&file, b"PAR1 and then nothing of the kind").unwrap();
    let e = import(&mem, &file).unwrap_err();
    assert!(e.message().contains("cannot be read as Parquet"), "{e}");
}

#[test]
fn times_that_label_ends_are_moved_once_from_a_meters_file_and_not_at_all_from_an_export() {
    let folder = tempfile::tempdir().unwrap();
    let meter = || {
        let mem = Memcore::in_memory();
        let power = Channel::gauge("power", Unit::Watt).unwrap().cadence(Span::from_seconds(900));
        let power = power.label(LabelPosition::End).build().unwrap();
        mem.register(&"home1.meter.power".parse().unwrap(), &power).unwrap();
        mem
    };
    let given = folder.path().join("meter.csv");
    std::fs::write(&given, "time,power\n1970-01-01T00:15:00Z,400\n1970-01-01T00:30:00Z,800\n").unwrap();
    let mut request = ImportRequest::new(&given);
    request.frame.device = Some("home1.meter".parse().unwrap());
    let mem = meter();
    assert_eq!(import_file(&mem, &request, &mut |_| Ok(())).unwrap().points, 2);
    let stored: Vec<i64> = bits(&mem).into_keys().map(|(_, time)| time / 60_000_000).collect();
    assert_eq!(stored, [0, 15]);
    let again = import_file(&mem, &request, &mut |_| Ok(())).unwrap();
    assert_eq!((again.points, again.repeated), (0, 2));
    for (format, ending) in FORMATS {
        for wide in [false, true] {
            let file = folder.path().join(format!("out-{wide}.{ending}"));
            export(&mem, &file, format, wide);
            let other = meter();
            import_file(&other, &ImportRequest::new(&file), &mut |_| Ok(())).unwrap();
            assert_eq!(bits(&other), bits(&mem), "{}", file.display());
            assert_eq!(import_file(&mem, &ImportRequest::new(&file), &mut |_| Ok(())).unwrap().points, 0);
        }
    }
}
