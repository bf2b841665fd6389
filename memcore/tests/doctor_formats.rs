//! The doctor over every kind of file that an import takes, and over a store with every kind of channel. One house of ten days
//! at five minutes, with 65535 where a reading failed and one spike: the same is said of it whatever it comes in.
#![cfg(feature = "files")]

use std::path::Path;

use bson::doc;
use memcore::doctor::{Examination, Finding, FindingKind, Report, Severity};
use memcore::model::{Channel, Kind, Quality, Quantity, Selection, SeriesName, Span, Timestamp, Unit};
use memcore::{ExportOptions, FileFormat, ImportRequest, Memcore, Query, examine_file, export_file, import_file};

const START: i64 = 1_766_361_600;
const ROWS: i64 = 2880;

/// The time in seconds, and the power in W of the array, the house and the grid.
fn row(n: i64) -> (i64, [f64; 3]) {
    let hour = (n % 288) as f64 / 12.0;
    let sun = (1.0 - ((hour - 12.0) / 4.5).powi(2)).max(0.0) * (0.6 + 0.4 * ((n * n) as f64 * 0.37).sin());
    let pv = (-5000.0 * sun).round();
    let house = 300.0 + (n * n % 97) as f64 * if n % 31 == 3 { 20.0 } else { 2.0 };
    match n {
        700 | 702 | 704 | 706 => (START + n * 300, [pv, 65_535.0, house + pv]),
        1500 => (START + n * 300, [pv, house, 250_000.0]),
        _ => (START + n * 300, [pv, house, house + pv]),
    }
}

fn rows() -> impl Iterator<Item = (i64, String, [f64; 3])> {
    (0..ROWS).map(row).map(|(time, values)| (time, Timestamp::from_seconds(time).to_string(), values))
}

fn examined(content: impl AsRef<[u8]>, name: &str) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    file(&path)
}

fn file(path: &Path) -> Report {
    examine_file(&ImportRequest::new(path), &Examination::default(), &mut |_| Ok(())).unwrap().report
}

/// Kind and series of everything worse than a note.
fn alarms(report: &Report) -> Vec<(FindingKind, &str)> {
    let is_alarm = |finding: &&Finding| finding.severity > Severity::Note;
    let mut all: Vec<_> =
        report.findings.iter().filter(is_alarm).map(|finding| (finding.kind, finding.series[0].as_str())).collect();
    all.sort_unstable();
    all
}

/// That the failed readings and the spike are found, of these series.
fn is_told(report: &Report, house: &str, grid: &str) {
    assert_eq!(alarms(report), [(FindingKind::Spike, grid), (FindingKind::Sentinel, house)]);
}

#[test]
fn documents_with_and_without_a_device() {
    let flat: String = rows()
        .map(|(_, time, [pv, house, grid])| {
            format!("{{\"ts\":\"{time}\",\"pv_power_w\":{pv},\"house_power_w\":{house},\"grid_power_w\":{grid}}}\n")
        })
        .collect();
    is_told(&examined(&flat, "flat.jsonl"), "house_power_w", "grid_power_w");
    let long: String = rows()
        .flat_map(|(_, time, values)| {
            ["pv", "house", "grid"].into_iter().zip(values).map(move |(device, value)| {
                format!("{{\"series\":\"home1.{device}.power\",\"time\":\"{time}\",\"value\":{value},\"unit\":\"W\"}}\n")
            })
        })
        .collect();
    is_told(&examined(&long, "long.jsonl"), "home1.house.power", "home1.grid.power");
    let mut dump = Vec::new();
    for (seconds, _, [pv, house, grid]) in rows() {
        let ts = bson::DateTime::from_millis(seconds * 1000);
        doc! { "ts": ts, "pv": { "p_w": pv }, "house": { "p_w": house }, "grid": { "p_w": grid } }
            .to_writer(&mut dump)
            .unwrap();
    }
    is_told(&examined(&dump, "dump.bson"), "house.p_w", "grid.p_w");
}

#[test]
fn what_home_assistant_hands_out() {
    let history: String = rows()
        .flat_map(|(_, time, values)| {
            let time = time.replace('Z', ".000Z");
            ["pv", "house", "grid"]
                .into_iter()
                .zip(values)
                .map(move |(name, value)| format!("sensor.{name}_power,{value},{time}\n"))
        })
        .collect();
    let report = examined(format!("entity_id,state,last_changed\n{history}"), "history.csv");
    is_told(&report, "sensor.house_power", "sensor.grid_power");

    // Statistics by the hour: lowest and highest are no parts of the site beside the mean.
    let hours: String = (0..ROWS / 12)
        .flat_map(|hour| {
            let all: Vec<[f64; 3]> = (hour * 12..hour * 12 + 12).map(|n| row(n).1).collect();
            let start = Timestamp::from_seconds(START + hour * 3600).to_string();
            let start = format!("{}.{}.{} {}", &start[8..10], &start[5..7], &start[..4], &start[11..16]);
            ["pv", "house"].into_iter().enumerate().map(move |(n, name)| {
                let values = || all.iter().map(|values| values[n]);
                let (low, high) = (values().fold(f64::MAX, f64::min), values().fold(f64::MIN, f64::max));
                format!("sensor.{name}_power\tW\t{start}\t{low}\t{high}\t{}\n", values().sum::<f64>() / 12.0)
            })
        })
        .collect();
    let report = examined(format!("statistic_id\tunit\tstart\tmin\tmax\tmean\n{hours}"), "statistics.tsv");
    let roles: Vec<_> = report.series.iter().filter(|series| series.role.is_some()).map(|series| &series.series).collect();
    assert_eq!(roles, ["sensor.pv_power", "sensor.house_power"]);
    assert!(alarms(&report).contains(&(FindingKind::Sentinel, "sensor.house_power.max")), "{:?}", alarms(&report));
}

#[test]
fn green_button_with_readings_that_the_utility_estimated() {
    let feed = |estimated: bool| {
        let readings: String = (0..960)
            .map(|n| {
                let value = if n == 410 { 900_000 } else { (row(n * 3).1[1] / 4.0) as i64 % 1000 };
                let quality = "<espi:ReadingQuality><espi:quality>8</espi:quality></espi:ReadingQuality>";
                format!(
                    "<espi:IntervalReading>{}<espi:timePeriod><espi:duration>900</espi:duration><espi:start>{}</espi:start>\
                     </espi:timePeriod><espi:value>{value}</espi:value></espi:IntervalReading>",
                    if estimated && (400..420).contains(&n) { quality } else { "" },
                    START + n * 900
                )
            })
            .collect();
        let own = "RetailCustomer/9/UsagePoint/1/MeterReading/1";
        format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><feed xmlns=\"http://www.w3.org/2005/Atom\" xmlns:espi=\"http://naesb.org/espi\">\
             <entry><link rel=\"self\" href=\"{own}\"/><link rel=\"related\" href=\"{own}/IntervalBlock\"/>\
             <link rel=\"related\" href=\"ReadingType/1\"/><content><espi:MeterReading/></content></entry>\
             <entry><link rel=\"self\" href=\"{own}/IntervalBlock/1\"/><content><espi:IntervalBlock>{readings}</espi:IntervalBlock>\
             </content></entry><entry><link rel=\"self\" href=\"ReadingType/1\"/><content><espi:ReadingType>\
             <espi:accumulationBehaviour>4</espi:accumulationBehaviour><espi:commodity>1</espi:commodity>\
             <espi:flowDirection>1</espi:flowDirection><espi:intervalLength>900</espi:intervalLength>\
             <espi:powerOfTenMultiplier>0</espi:powerOfTenMultiplier><espi:uom>72</espi:uom></espi:ReadingType></content></entry></feed>"
        )
    };
    let report = examined(feed(false), "feed.xml");
    assert_eq!(alarms(&report).iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), [FindingKind::Spike]);
    let report = examined(feed(true), "feed.xml");
    assert_eq!((report.series.len(), alarms(&report)), (1, Vec::new()), "qualities are no series of their own");
}

#[test]
fn exports_of_every_form_long_and_wide() {
    let folder = tempfile::tempdir().unwrap();
    let csv = folder.path().join("house.csv");
    let lines: String = rows().map(|(_, time, [pv, house, grid])| format!("{time},{pv},{house},{grid}\n")).collect();
    let titles = "time,home1.pv.power [W],home1.house.power [W],home1.grid.power [W]";
    std::fs::write(&csv, format!("{titles}\n{lines}")).unwrap();
    is_told(&file(&csv), "home1.house.power", "home1.grid.power");
    let mem = Memcore::in_memory();
    import_file(&mem, &ImportRequest::new(&csv), &mut |_| Ok(())).unwrap();
    // The spike is known by now.
    let grid: SeriesName = "home1.grid.power".parse().unwrap();
    let time = Timestamp::from_seconds(START + 1500 * 300);
    mem.write_with_quality(&grid, &[time], &[Some(250_000.0)], None, Quality::Estimated).unwrap();
    for (format, ending) in [(FileFormat::Csv, "csv"), (FileFormat::Parquet, "parquet"), (FileFormat::Arrow, "arrow")] {
        for wide in [false, true] {
            let path = folder.path().join(format!("out-{wide}.{ending}"));
            let mut options = ExportOptions::new(format);
            options.wide = wide;
            export_file(&mem, &Query::new(Selection::all()), &path, options, &mut |_| Ok(())).unwrap();
            let report = file(&path);
            assert_eq!(report.series.len(), 3, "{ending} {wide}: {:?}", report.series);
            assert_eq!(alarms(&report), [(FindingKind::Sentinel, "home1.house.power")], "{ending} {wide}");
        }
    }
}

#[test]
fn a_store_with_every_kind_of_channel_is_calm_where_nothing_is_wrong() {
    let mem = Memcore::in_memory();
    let write = |name: &str, channel: Channel, of: &dyn Fn(i64) -> Option<(i64, f64)>| {
        let series: SeriesName = name.parse().unwrap();
        mem.register(&series, &channel).unwrap();
        let (times, values): (Vec<Timestamp>, Vec<Option<f64>>) =
            (0..ROWS).filter_map(of).map(|(time, value)| (Timestamp::from_seconds(time), Some(value))).unzip();
        mem.write(&series, &times, &values, None).unwrap();
    };
    let gauge = |name: &str, unit| Channel::gauge(name, unit).unwrap();
    let minutes = Span::from_seconds(300);
    let calm = |n: i64| row(n + i64::from((700..=706).contains(&n) || n == 1500) * 17 * 288);
    write("home1.pv.power", gauge("power", Unit::Watt).cadence(minutes).build().unwrap(), &|n| {
        Some((START + n * 300, calm(n).1[0]))
    });
    write("home1.house.power", gauge("power", Unit::Watt).build().unwrap(), &|n| Some((START + n * 300, calm(n).1[1])));
    // A register, as an import without a word makes it: a gauge.
    let mut total = 1e6;
    let readings: Vec<f64> = (0..ROWS)
        .map(|n| {
            let reading = total;
            total += (calm(n).1[1] / 12.0).round();
            reading
        })
        .collect();
    write("home1.house.energy", gauge("energy", Unit::WattHour).build().unwrap(), &|n| {
        Some((START + n * 300, readings[n as usize]))
    });
    // States are told where they change; a relay may rest for days.
    let relay = Channel::of("relay", Quantity::Switch, Unit::OnOff).unwrap().build().unwrap();
    write("home1.heater.relay", relay, &|n| {
        let moves = n < 600 || n > 2400;
        (n % 12 == 0 && moves).then_some((START + n * 300, (n / 12 % 2) as f64))
    });
    // Prices jump as markets do, and stand still over night.
    let price = Channel::of("price", Quantity::Price, "EUR/MWh".parse().unwrap()).unwrap().build().unwrap();
    write("home1.market.price", price, &|n| {
        let hour = n / 12;
        let price = if hour == 100 {
            2000.0
        } else if (120..170).contains(&hour) {
            45.5
        } else {
            80.0 + (hour * hour % 31) as f64
        };
        (n % 12 == 0).then_some((START + n * 300, price))
    });
    // A value that the site put in itself.
    let house: SeriesName = "home1.house.power".parse().unwrap();
    let time = Timestamp::from_seconds(START + 1500 * 300);
    mem.write_with_quality(&house, &[time], &[Some(90_000.0)], None, Quality::Substituted).unwrap();

    let selection: Selection = "home1.>".parse().unwrap();
    let report = mem.examine(&selection, Timestamp::MIN, Timestamp::MAX, &Examination::default()).unwrap();
    assert_eq!(report.series.len(), 5, "the qualities of the house are no sixth");
    assert_eq!(alarms(&report), [], "{:?}", report.findings.iter().map(|finding| &finding.message).collect::<Vec<_>>());
    let energy = report.series.iter().find(|series| series.series == "home1.house.energy").unwrap();
    assert_eq!(energy.kind, Kind::Counter);
}
