//! What a source reports becomes the same at every edge: written, loaded, or taken in from a file.
#![cfg(feature = "files")]

use std::path::Path;

use memcore::model::{
    Channel, DeviceName, Quality, Quantity, RegisterType, Selection, SignConvention, Timestamp, Unit, ValidRange,
};
use memcore::{
    ErrorKind, ExportOptions, FileFormat, ImportReport, ImportRequest, Memcore, Query, export_file, import_file,
};

/// An inverter that passes its registers on as they are.
fn inverter() -> (Memcore, DeviceName) {
    let mem = Memcore::in_memory();
    let device: DeviceName = "home1.inverter".parse().unwrap();
    let power = Channel::gauge("power", Unit::Watt).unwrap().sign(SignConvention::Generator).register(RegisterType::Uint16);
    let soc = Channel::of("soc", Quantity::StateOfCharge, Unit::Percent).unwrap().invalid([255.0]);
    for channel in [power.build(), soc.range(ValidRange::new(0.0, 100.0).unwrap()).build()] {
        let channel = channel.unwrap();
        mem.register(&device.channel(channel.name.clone()), &channel).unwrap();
    }
    (mem, device)
}

fn import(mem: &Memcore, file: &Path, device: Option<&DeviceName>) -> ImportReport {
    let mut request = ImportRequest::new(file);
    request.frame.device = device.cloned();
    import_file(mem, &request, &mut |_| Ok(())).unwrap()
}

fn values(mem: &Memcore, series: &str) -> Vec<(i64, f64)> {
    let result = mem.query(&Query::of(series).unwrap()).unwrap();
    let series = &result.series()[0];
    let seconds = series.times().values().iter().map(|time| time / 1_000_000);
    seconds.zip(series.values().unwrap().values().iter().copied()).collect()
}

#[test]
fn a_files_sentinels_become_gaps_and_are_counted() {
    // B5 in a logger's file.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.csv");
    std::fs::write(
        &file,
        "time,power,soc\n1970-01-01T00:00:00Z,1466,80\n1970-01-01T00:00:01Z,65535,255\n1970-01-01T00:00:02Z,,180\n",
    )
    .unwrap();
    let (mem, device) = inverter();
    for points in [2, 0] {
        let report = import(&mem, &file, Some(&device));
        let found = (report.rows, report.points, report.gaps, report.invalid, report.out_of_range);
        assert_eq!(found, (3, points, 1, 2, 1));
    }
    assert_eq!(values(&mem, "home1.inverter.power"), [(0, -1466.0)]);
    assert_eq!(values(&mem, "home1.inverter.soc"), [(0, 0.8)]);
}

#[test]
fn what_was_taken_in_once_comes_back_from_an_export_whatever_is_declared_since() {
    let folder = tempfile::tempdir().unwrap();
    let (mem, device) = inverter();
    let power = device.channel("power".parse().unwrap());
    mem.write(&power, &[Timestamp::from_seconds(1)], &[Some(900.0)], None).unwrap();
    let narrow = Channel::gauge("power", Unit::Watt).unwrap().range(ValidRange::new(0.0, 500.0).unwrap());
    mem.register(&power, &narrow.invalid([-900.0]).build().unwrap()).unwrap();
    for (format, name) in [(FileFormat::Csv, "a.csv"), (FileFormat::Parquet, "a.parquet"), (FileFormat::Arrow, "a.arrow")] {
        let file = folder.path().join(name);
        export_file(&mem, &Query::new(Selection::all()), &file, ExportOptions::new(format), &mut |_| Ok(())).unwrap();
        let other = Memcore::in_memory();
        let report = import(&other, &file, None);
        assert_eq!((report.points, report.invalid, report.out_of_range), (1, 0, 0), "{name}");
        assert_eq!(values(&other, "home1.inverter.power"), [(1, -900.0)], "{name}");
    }
}

#[test]
fn a_price_keeps_its_currency_through_files_and_takes_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let mem = Memcore::in_memory();
    let price = "market.epex.price".parse().unwrap();
    let (times, quotes) = ([0, 3600].map(Timestamp::from_seconds), [Some(87.31), Some(-12.5)]);
    mem.write(&price, &times, &quotes, Some("EUR/MWh".parse().unwrap())).unwrap();
    let e = mem.write(&price, &times, &quotes, Some("USD/MWh".parse().unwrap())).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Conflict);
    assert_eq!(e.message(), "market.epex.price is registered in EUR/kWh, values in USD/MWh are not of that currency");
    let stored = [(0, 0.08731), (3600, -0.0125)];
    assert_eq!(values(&mem, "market.epex.price"), stored);
    assert_eq!(mem.query(&Query::new(&price)).unwrap().series()[0].unit("value").unwrap(), "EUR/kWh");
    for (format, name) in [(FileFormat::Csv, "p.csv"), (FileFormat::Parquet, "p.parquet"), (FileFormat::Arrow, "p.arrow")] {
        for wide in [false, true] {
            let file = folder.path().join(name);
            let mut options = ExportOptions::new(format);
            options.wide = wide;
            export_file(&mem, &Query::new(Selection::all()), &file, options, &mut |_| Ok(())).unwrap();
            let other = Memcore::in_memory();
            import(&other, &file, None);
            assert_eq!(values(&other, "market.epex.price"), stored, "{name}");
            let channel = other.store().channel(&price).unwrap();
            assert_eq!((channel.quantity, channel.base_unit().symbol()), (Quantity::Price, "EUR/kWh"), "{name}");
            // A house that is billed in dollars takes no euros.
            let dollars = Memcore::in_memory();
            dollars.write(&price, &times, &quotes, Some("USD/kWh".parse().unwrap())).unwrap();
            let request = ImportRequest::new(&file);
            assert_eq!(import_file(&dollars, &request, &mut |_| Ok(())).unwrap_err().kind(), ErrorKind::Conflict, "{name}");
        }
    }
}

#[test]
fn qualities_go_out_to_files_and_come_back_beside_their_values() {
    let folder = tempfile::tempdir().unwrap();
    let mem = Memcore::in_memory();
    let power = "home1.meter.power".parse().unwrap();
    let times = [0, 900, 1800, 2700].map(Timestamp::from_seconds);
    let qualities = [Quality::Measured, Quality::Estimated, Quality::Measured, Quality::Substituted];
    mem.write_with_quality(&power, &times, &[Some(1.0); 4], Some(Unit::Kilowatt), &qualities[..]).unwrap();
    let told = |mem: &Memcore| {
        let result = mem.query(&Query::new(&power).with_quality()).unwrap();
        result.series()[0].qualities().unwrap().values().to_vec()
    };
    for (format, name) in [(FileFormat::Csv, "q.csv"), (FileFormat::Parquet, "q.parquet"), (FileFormat::Arrow, "q.arrow")] {
        for wide in [false, true] {
            let file = folder.path().join(name);
            let mut options = ExportOptions::new(format);
            options.wide = wide;
            export_file(&mem, &Query::new(Selection::all()), &file, options, &mut |_| Ok(())).unwrap();
            let other = Memcore::in_memory();
            for points in [6, 0] {
                assert_eq!(import(&other, &file, None).points, points, "{name}");
                assert_eq!(told(&other), [0.0, 2.0, 0.0, 3.0], "{name}");
                assert_eq!(
                    values(&other, "home1.meter.power.quality"),
                    values(&mem, "home1.meter.power.quality"),
                    "{name}"
                );
            }
        }
    }
    // A logger's own table, without a word on units: the name says what the column is.
    let file = folder.path().join("logger.csv");
    std::fs::write(&file, "time,power [W],power.quality\n1970-01-01T00:00:00Z,7,2\n1970-01-01T00:15:00Z,8,\n").unwrap();
    let device: DeviceName = "home1.meter".parse().unwrap();
    import(&mem, &file, Some(&device));
    assert_eq!(told(&mem), [2.0, 0.0, 0.0, 3.0]);
}

#[test]
fn a_files_sentinels_are_told_in_the_series_of_qualities_where_there_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.csv");
    std::fs::write(&file, "time,power\n1970-01-01T00:00:00Z,1466\n1970-01-01T00:00:01Z,65535\n").unwrap();
    let (mem, device) = inverter();
    let quality = mem.store().channel(&device.channel("power".parse().unwrap())).unwrap().quality().unwrap();
    mem.register(&device.channel(quality.name.clone()), &quality).unwrap();
    for points in [1, 0] {
        let report = import(&mem, &file, Some(&device));
        assert_eq!((report.points, report.invalid), (points, 1));
        assert_eq!(values(&mem, "home1.inverter.power.quality"), [(1, 4.0)]);
    }
}
