//! Files of other systems come in as they were meant: JSON lines, MongoDB dumps, Home Assistant, Green Button.
#![cfg(feature = "files")]

mod import_support;

use bson::doc;
use import_support::{Files, channel, from, gzip, imported, refused, rows, values};
use memcore::model::{Kind, SignConvention, Unit};

#[test]
fn documents_of_a_device_are_told_by_the_names_and_units_of_their_fields() {
    let text = r#"{"ts":"2026-01-01T00:00:00Z","p_kw":1.5,"meta":{"u_v":230.5,"note":"ok"},"relay":true,"fw":"1.2"}
{"ts":"2026-01-01T00:01:00Z","p_kw":null,"meta":{"u_v":"231"},"relay":false}
"#;
    let (mem, report) = imported("house.jsonl", text, |request| request.frame.device = from("home1.meter"));
    assert_eq!((report.rows, report.points, report.gaps, report.refused.count), (2, 5, 1, 0));
    assert_eq!(values(&mem, "home1.meter.power"), [("2026-01-01T00:00:00Z".into(), 1500.0)]);
    assert_eq!(values(&mem, "home1.meter.meta.voltage").len(), 2);
    assert_eq!(values(&mem, "home1.meter.relay"), rows(&[("2026-01-01T00:00:00Z", 1.0), ("2026-01-01T00:01:00Z", 0.0)]));
}

#[test]
fn each_document_may_name_its_own_device_and_hold_readings_with_their_own_times() {
    let text = r#"{"site":"home1","device":"pv","timestamp":1767225600000,"power":{"value":-2.5,"unit":"kW"}}
{"device":"home1.battery","readings":[{"time":1767225600,"soc_pct":50},{"time":1767225660,"soc_pct":51}]}
{"device":"home1.meter","time":"2026-01-01T00:00:00Z","currents_a":[1,2.5,3]}
"#;
    let (mem, report) = imported("site.json", text, |_| {});
    assert_eq!((report.rows, report.points, report.refused.count), (4, 6, 0));
    assert_eq!(values(&mem, "home1.pv.power"), [("2026-01-01T00:00:00Z".into(), -2500.0)]);
    assert_eq!(values(&mem, "home1.battery.soc"), rows(&[("2026-01-01T00:00:00Z", 0.5), ("2026-01-01T00:01:00Z", 0.51)]));
    assert_eq!(values(&mem, "home1.meter.currents.1"), [("2026-01-01T00:00:00Z".into(), 2.5)]);
}

#[test]
fn what_memcore_wrote_as_json_lines_comes_back_in_passive_sign() {
    let text = r#"{"series":"home1.pv.power","time":"2026-01-01T00:00:00Z","value":-1466,"unit":"W"}
{"series":"home1.pv.power","time":"2026-01-01T00:01:00Z","value":null,"unit":"W"}
"#;
    let (mem, report) = imported("query.json", text, |_| {});
    assert_eq!((report.points, report.gaps, report.refused.count), (1, 1, 0));
    let live = r#"{"series":"home1.pv.power","time_us":1767225720000000,"value":-1400.5}"#;
    let files = Files::new();
    let report = files.import(&mem, "live.json", live, |_| {}).unwrap();
    assert_eq!(report.points, 1);
    assert_eq!(
        values(&mem, "home1.pv.power"),
        rows(&[("2026-01-01T00:00:00Z", -1466.0), ("2026-01-01T00:02:00Z", -1400.5)])
    );
}

#[test]
fn a_bad_document_is_left_out_with_its_reason_and_the_others_are_taken() {
    let text = "{\"time\":1767225600,\"p_w\":1}\n{\"time\":1767225660,\"p_w\":\n\n[1]\n{\"p_w\":3}\n{\"time\":1767225720,\"p_w\":\"x\"}\n\
        {\"time\":1767225780,\"p_w\":9007199254740993}\n{\"time\":1767225840,\"p_w\":7}\n";
    let (mem, report) = imported("meter.jsonl", text, |request| request.frame.device = from("home1.meter"));
    assert_eq!((report.points, report.refused.count), (2, 5));
    let lines: Vec<_> = report.refused.first.iter().map(|row| (row.row, row.line)).collect();
    assert_eq!(lines, [(1, Some(2)), (2, Some(4)), (3, Some(5)), (4, Some(6)), (5, Some(7))]);
    for (row, word) in
        report.refused.first.iter().zip(["JSON", "no document", "no field of it is a time", "p_w is \"x\"", "p_w is"])
    {
        assert!(row.reason.contains(word), "{row:?}");
    }
    assert_eq!(values(&mem, "home1.meter.power").len(), 2);
    let again = Files::new().import(&mem, "meter.jsonl", text, |request| request.frame.device = from("home1.meter"));
    assert_eq!(again.unwrap().points, 0, "a second time adds nothing");
}

#[test]
fn several_devices_are_not_thrown_together_under_one_name() {
    let text = "{\"time\":1767225600,\"device\":\"a\",\"p_w\":1}\n{\"time\":1767225660,\"device\":\"b\",\"p_w\":2}\n";
    let (_, report) = imported("two.jsonl", text, |request| request.frame.device = from("home1.meter"));
    assert_eq!((report.points, report.refused.count), (1, 1));
    assert!(report.refused.first[0].reason.contains("device is \"b\", expected \"a\" as above"));
}

#[test]
fn a_mapping_says_what_names_do_not() {
    let mapping = r#"
        device = "home1.meter"
        only = true
        [time]
        columns = ["when"]
        form = "epoch-s"
        [columns."data.P"]
        series = "home1.pv.power"
        unit = "kW"
        sign = "generator"
        cadence = "1m"
    "#;
    let text = "{\"when\":1767225600,\"data\":{\"P\":1.466,\"Q\":5}}\n";
    let (mem, report) =
        imported("pv.jsonl", text, |request| request.mapping = memcore::Mapping::from_toml(mapping).unwrap());
    assert_eq!((report.points, report.series.len()), (1, 1));
    assert_eq!(values(&mem, "home1.pv.power"), [("2026-01-01T00:00:00Z".into(), -1466.0)]);
    let known = channel(&mem, "home1.pv.power");
    assert_eq!((known.sign, known.cadence.map(|span| span.as_micros())), (SignConvention::Generator, Some(60_000_000)));
}

#[test]
fn a_list_over_many_lines_and_the_extended_json_of_mongoexport_are_read_too() {
    let text = r#"[
  {"_id": {"$oid": "65f0000000000000000000aa"}, "at": {"$date": "2026-01-01T00:00:00Z"},
   "p_w": {"$numberDecimal": "12.5"}, "__v": 0},
  {"_id": {"$oid": "65f0000000000000000000ab"}, "at": {"$date": {"$numberLong": "1767225660000"}}, "p_w": {"$numberInt": "13"}}
]"#;
    let (mem, report) = imported("export.json", text, |request| request.frame.device = from("home1.meter"));
    assert_eq!((report.points, report.refused.count), (2, 0));
    assert_eq!(values(&mem, "home1.meter.power"), rows(&[("2026-01-01T00:00:00Z", 12.5), ("2026-01-01T00:01:00Z", 13.0)]));
}

/// A board's replies, as a collection of MEMCloud might have kept them.
fn hem_dump() -> Vec<u8> {
    let at = |minute: i64| bson::DateTime::from_millis(1_767_225_600_000 + minute * 60_000);
    let documents = [
        doc! { "_id": bson::oid::ObjectId::from_bytes([1; 12]), "hem": "board1", "site": "home1", "time": at(0),
        "NODE": "ALL", "TYPE": "DCPOWER", "VALUE": [0.185, 5.9, 85.6, 10.4, 0, 0, 0, 12.5] },
        doc! { "hem": "board1", "site": "home1", "time": at(1),
        "reply": { "NODE": "3", "TYPE": "NODESTATUS", "VALUE": 1 } },
        doc! { "hem": "board1", "site": "home1", "time": at(2),
        "reply": "{\"NODE\":\"ALL\",\"TYPE\":\"DCVOLTAGE\",\"VALUE\":[16.5,16.5,16.5,16.5,16.5,16.5,16.5,16.5]}\u{1}\u{2}" },
        doc! { "hem": "board1", "site": "home1", "time": at(3),
        "NODE": "ALL", "TYPE": "DCSMELL", "VALUE": [1] },
        doc! { "hem": "board1", "site": "home1", "time": at(4),
        "total_wh": "12.75".parse::<bson::Decimal128>().unwrap(), "count": { "value": 7_i64, "unit": "code" }, "raw": bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: vec![1, 2] } },
    ];
    documents.iter().flat_map(|document| document.to_vec().unwrap()).collect()
}

fn check_hem(mem: &memcore::Memcore, report: &memcore::ImportReport) {
    assert_eq!(report.refused.count, 1, "{:?}", report.refused);
    assert!(report.refused.first[0].reason.contains("TYPE is \"DCSMELL\""));
    assert_eq!(values(mem, "home1.board1.node2.power"), [("2026-01-01T00:00:00Z".into(), 85.6)]);
    assert_eq!(values(mem, "home1.board1.node7.power"), [("2026-01-01T00:00:00Z".into(), 12.5)]);
    assert_eq!(values(mem, "home1.board1.node3.switch"), [("2026-01-01T00:01:00Z".into(), 1.0)]);
    assert_eq!(values(mem, "home1.board1.node0.voltage"), [("2026-01-01T00:02:00Z".into(), 16.5)]);
    assert_eq!(values(mem, "home1.board1.total"), [("2026-01-01T00:04:00Z".into(), 12.75)]);
}

/// What needs a word more: a count is of two quantities.
const COUNT: &str = "[columns.count]\nskip = true\n";

#[test]
fn a_dump_of_memcloud_becomes_the_nodes_of_its_boards() {
    let files = Files::new();
    for (name, bytes) in [("readings.bson", hem_dump()), ("readings.bson.gz", gzip(&hem_dump()))] {
        let mem = memcore::Memcore::in_memory();
        let report = files
            .import(&mem, name, bytes, |request| request.mapping = memcore::Mapping::from_toml(COUNT).unwrap())
            .unwrap();
        assert_eq!(report.understood.format, "bson");
        check_hem(&mem, &report);
    }
}

/// An archive with two collections whose pieces are mixed.
fn archive() -> Vec<u8> {
    let all = hem_dump();
    let first = usize::try_from(i32::from_le_bytes(all[..4].try_into().unwrap())).unwrap();
    let mut bytes = 0x8199_e26d_u32.to_le_bytes().to_vec();
    let mut document = |document: bson::Document| bytes.extend(document.to_vec().unwrap());
    document(doc! { "concurrent_collections": 4, "version": "0.1", "server_version": "7", "tool_version": "100" });
    document(doc! { "db": "mem", "collection": "readings", "metadata": "{}", "size": 1 });
    let end = [0xff; 4];
    let header = |collection: &str, is_end: bool| {
        doc! { "db": "mem", "collection": collection, "EOF": is_end, "CRC": 0_i64 }.to_vec().unwrap()
    };
    let users = doc! { "name": "somebody" }.to_vec().unwrap();
    for piece in [
        &end[..],
        &header("readings", false),
        &all[..first],
        &end,
        &header("users", false),
        &users,
        &end,
        &header("readings", false),
        &all[first..],
        &end,
        &header("readings", true),
        &end,
    ] {
        bytes.extend_from_slice(piece);
    }
    bytes
}

#[test]
fn an_archive_of_mongodump_gives_the_documents_of_its_collections() {
    let (mem, mut report) =
        imported("dump.archive", archive(), |request| request.mapping = memcore::Mapping::from_toml(COUNT).unwrap());
    assert_eq!(report.refused.count, 2);
    let other = report.refused.first.iter().position(|row| row.reason.contains("collection mem.users")).unwrap();
    report.refused.first.remove(other);
    report.refused.count -= 1;
    check_hem(&mem, &report);
}

#[test]
fn statistics_of_home_assistant_keep_the_hour_and_put_registers_at_its_end() {
    let text = "statistic_id\tunit\tstart\tmin\tmax\tmean\tsum\tstate\tdelta\n\
        sensor.outside\t°C\t27.10.2024 01:00\t18,5\t22,3\t20,1\n\
        sensor.outside\t°C\t27.10.2024 02:00\t18\t22\t20\n\
        sensor.outside\t°C\t27.10.2024 02:00\t17\t21\t19\n\
        sensor:meter\tkWh\t27.10.2024 02:00\t\t\t\t0\t100\t0\n\
        sensor:meter\tkWh\t27.10.2024 02:00\t\t\t\t10\t110\t10\n\
        sensor.water\tL\t27.10.2024 02:00\t\t\t\t0\t500\t0\n";
    let (mem, report) = imported("statistics.tsv", text, |request| {
        request.frame.device = from("home1.ha");
        request.zone = Some("Europe/Berlin".into());
    });
    assert_eq!((report.understood.format.as_str(), report.refused.count), ("home assistant statistics", 1));
    assert!(report.refused.first[0].reason.contains("unit is \"L\""), "{:?}", report.refused.first);
    assert_eq!(
        values(&mem, "home1.ha.outside"),
        rows(&[("2024-10-26T23:00:00Z", 20.1), ("2024-10-27T00:00:00Z", 20.0), ("2024-10-27T01:00:00Z", 19.0)])
    );
    assert_eq!(values(&mem, "home1.ha.outside.max")[0].1, 22.3);
    // 100 kWh is what the meter showed when the hour from 00:00 UTC was over.
    let register = rows(&[("2024-10-27T01:00:00Z", 100_000.0), ("2024-10-27T02:00:00Z", 110_000.0)]);
    assert_eq!(values(&mem, "home1.ha.meter"), register);
    assert_eq!(
        values(&mem, "home1.ha.meter.delta"),
        rows(&[("2024-10-27T00:00:00Z", 0.0), ("2024-10-27T01:00:00Z", 10_000.0)])
    );
    let known = |series: &str| channel(&mem, series);
    assert_eq!(known("home1.ha.meter").kind, Kind::Counter);
    assert_eq!(known("home1.ha.meter.delta").cadence.map(|span| span.as_micros()), Some(3_600_000_000));
}

#[test]
fn the_history_page_of_home_assistant_has_states_and_silences() {
    let text = "entity_id,state,last_changed\n\
        sensor.grid_power,unknown,2026-01-01T00:00:00.000Z\n\
        sensor.grid_power,120.5,2026-01-01T00:01:00.000Z\n\
        sensor.grid_power,unavailable,2026-01-01T00:02:00.000Z\n\
        switch.heater,on,2026-01-01T00:01:00.000Z\n\
        sensor.weather,\"rainy, cold\",2026-01-01T00:01:00.000Z\n";
    let (mem, report) = imported("history.csv", text, |request| {
        request.frame.device = from("home1.ha");
        request.frame.units.insert("sensor.grid_power".into(), Unit::Watt);
    });
    assert_eq!((report.points, report.gaps, report.refused.count), (2, 1, 0));
    assert_eq!(values(&mem, "home1.ha.grid_power"), [("2026-01-01T00:01:00Z".into(), 120.5)]);
    assert_eq!(values(&mem, "home1.ha.switch.heater"), [("2026-01-01T00:01:00Z".into(), 1.0)]);
    let e = refused("history.csv", text, |request| request.frame.device = from("home1.ha"));
    assert!(e.contains("home1.ha.grid_power"), "without a unit the series is named: {e}");
}

#[test]
fn the_energy_page_of_home_assistant_counts_what_leaves_as_negative() {
    let text = "entity_id,type,unit,2026-01-01T00:00:00.000Z,2026-01-01T01:00:00.000Z,2026-01-01T03:00:00.000Z\n\
        sensor.bought,grid_consumption,kWh,0.5,,0.25\n\
        sensor.sold,grid_return,kWh,0,1.5,0\n\
        sensor.wrong,device_consumption,kWh,0,x,0\n\
        ,calculated_consumed_solar,kWh,1,2,3\n";
    let (mem, report) = imported("energy.csv", text, |request| request.frame.device = from("home1.grid"));
    assert_eq!((report.refused.count, report.gaps), (1, 1));
    assert_eq!(values(&mem, "home1.grid.sold")[1], ("2026-01-01T01:00:00Z".into(), -1500.0));
    assert_eq!(
        values(&mem, "home1.grid.bought"),
        rows(&[("2026-01-01T00:00:00Z", 500.0), ("2026-01-01T03:00:00Z", 250.0)])
    );
    let known = channel(&mem, "home1.grid.sold");
    assert_eq!((known.kind, known.cadence.map(|span| span.as_micros())), (Kind::Gauge, Some(3_600_000_000)));
}

#[test]
fn answers_of_home_assistants_recorder_are_read_with_and_without_their_envelope() {
    let rows = r#""sensor.power":[{"start":1767225600000,"end":1767225900000,"mean":400.0,"min":380.0,"max":420.0}],
        "sensor.meter":[{"start":1767225600000,"end":1767225900000,"state":12.5,"sum":2.5,"change":0.5,"last_reset":null}]"#;
    for text in [format!("{{{rows}}}"), format!(r#"{{"id":7,"type":"result","success":true,"result":{{{rows}}}}}"#)] {
        let (mem, report) = imported("answer.json", text, |request| {
            request.frame.device = from("home1.ha");
            request.frame.units.extend([("sensor.power".into(), Unit::Watt), ("sensor.meter".into(), Unit::KilowattHour)]);
        });
        assert_eq!((report.points, report.refused.count), (6, 0));
        assert_eq!(values(&mem, "home1.ha.meter"), [("2026-01-01T00:05:00Z".into(), 12_500.0)]);
        assert_eq!(values(&mem, "home1.ha.meter.delta"), [("2026-01-01T00:00:00Z".into(), 500.0)]);
        let known = channel(&mem, "home1.ha.power");
        assert_eq!(known.cadence.map(|span| span.as_micros()), Some(300_000_000));
    }
    let text = r#"{"timezone_identifier":"America/Los_Angeles","entities":[
        {"id":"sensor.meter","unit":"kWh","values":[{"state":10.0,"sum":10.0,"datetime":"13.09.2024 00:00"},{"state":"x","datetime":"13.09.2024 01:00"}]}]}"#;
    let (mem, report) = imported("state_sum.json", text, |request| request.frame.device = from("home1.ha"));
    assert_eq!(report.refused.count, 1);
    assert_eq!(values(&mem, "home1.ha.meter"), [("2024-09-13T08:00:00Z".into(), 10_000.0)]);
    let text = r#"[[{"entity_id":"sensor.p","state":"5","attributes":{"unit_of_measurement":"kW"},"last_changed":"2026-01-01T00:00:00+00:00"},
        {"state":"unavailable","last_changed":"2026-01-01T00:01:00+00:00"}]]"#;
    let (mem, report) = imported("period.json", text, |request| request.frame.device = from("home1.ha"));
    assert_eq!((report.points, report.gaps), (1, 1));
    assert_eq!(values(&mem, "home1.ha.p"), [("2026-01-01T00:00:00Z".into(), 5000.0)]);
}

/// A feed with readings in both directions, a register, and gas that has no unit here.
fn feed() -> String {
    let reading_type = |id: u32, uom: u32, power: i32, flow: u32, accumulation: u32| {
        format!(
            "<entry><link rel=\"self\" href=\"https://utility/espi/1_1/resource/ReadingType/{id}\"/><content>\
             <espi:ReadingType><espi:accumulationBehaviour>{accumulation}</espi:accumulationBehaviour>\
             <espi:commodity>1</espi:commodity><espi:currency>840</espi:currency><espi:flowDirection>{flow}</espi:flowDirection>\
             <espi:intervalLength>900</espi:intervalLength><espi:powerOfTenMultiplier>{power}</espi:powerOfTenMultiplier>\
             <espi:uom>{uom}</espi:uom></espi:ReadingType></content></entry>"
        )
    };
    let meter = |id: u32| {
        let own = format!("RetailCustomer/9/UsagePoint/1/MeterReading/{id}");
        format!(
            "<entry><link rel=\"self\" href=\"{own}\"/><link rel=\"related\" href=\"{own}/IntervalBlock\"/>\
             <link rel=\"related\" href=\"ReadingType/{id}\"/><content><espi:MeterReading/></content></entry>"
        )
    };
    let block = |id: u32, values: &[&str]| {
        let reading = |(at, value): (usize, &&str)| {
            let start = 1_767_225_600 + 900 * at;
            let quality = if *value == "500000" {
                "<espi:ReadingQuality><espi:quality>8</espi:quality></espi:ReadingQuality>"
            } else {
                ""
            };
            format!(
                "<espi:IntervalReading><espi:cost>12345</espi:cost>{quality}<espi:timePeriod><espi:duration>900</espi:duration>\
                 <espi:start>{start}</espi:start></espi:timePeriod><espi:value>{value}</espi:value></espi:IntervalReading>"
            )
        };
        let readings: String = values.iter().enumerate().map(reading).collect();
        format!(
            "<entry><link rel=\"self\" href=\"RetailCustomer/9/UsagePoint/1/MeterReading/{id}/IntervalBlock/0173\"/>\
             <content><espi:IntervalBlock><espi:interval><espi:duration>86400</espi:duration><espi:start>1</espi:start>\
             </espi:interval>{readings}</espi:IntervalBlock></content></entry>"
        )
    };
    [
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><feed xmlns=\"http://www.w3.org/2005/Atom\" xmlns:espi=\"http://naesb.org/espi\">",
        "<entry><link rel=\"self\" href=\"RetailCustomer/9/UsagePoint/1\"/><content><espi:UsagePoint/></content></entry>",
        &meter(1),
        &meter(2),
        &meter(3),
        &meter(4),
        &block(1, &["199000", "500000", "oops"]),
        &block(2, &["0", "1500"]),
        &block(3, &["12"]),
        &block(4, &["7"]),
        &reading_type(1, 72, -3, 1, 4),
        &reading_type(2, 72, 0, 19, 4),
        &reading_type(3, 72, 3, 1, 3),
        &reading_type(4, 42, 0, 1, 4),
        "</feed>",
    ]
    .concat()
}

#[test]
fn green_button_gives_two_directions_with_their_signs_and_registers_at_the_end_of_their_intervals() {
    let (mem, report) = imported("usage.xml", feed(), |request| request.frame.device = from("home1.grid"));
    assert_eq!((report.understood.format.as_str(), report.points, report.refused.count), ("green button", 11, 2));
    let reasons: Vec<_> = report.refused.first.iter().map(|row| row.reason.as_str()).collect();
    assert!(reasons[0].contains("value is \"oops\"") && reasons[1].contains("uom is 42"), "{reasons:?}");
    let import = rows(&[("2026-01-01T00:00:00Z", 199.0), ("2026-01-01T00:15:00Z", 500.0)]);
    assert_eq!(values(&mem, "home1.grid.energy_import"), import);
    assert_eq!(values(&mem, "home1.grid.energy_export")[1], ("2026-01-01T00:15:00Z".into(), -1500.0));
    assert_eq!(values(&mem, "home1.grid.energy_import.2"), [("2026-01-01T00:15:00Z".into(), 12_000.0)]);
    // What the utility estimated says so beside it, and what was paid is money.
    assert_eq!(values(&mem, "home1.grid.energy_import.quality"), [("2026-01-01T00:15:00Z".into(), 2.0)]);
    assert_eq!(values(&mem, "home1.grid.cost_import")[0].1, 0.12345);
    let known = |name: &str| channel(&mem, &format!("home1.grid.{name}"));
    assert_eq!(known("energy_import").cadence.map(|span| span.as_micros()), Some(900_000_000));
    assert_eq!(known("energy_import.2").kind, Kind::Counter);
    let e = refused("usage.xml", feed(), |_| {});
    assert!(e.contains("names no device, expected --device"), "{e}");
    let e = refused("page.html", "<html><body/></html>", |request| request.frame.device = from("home1.grid"));
    assert!(e.contains("expected a Green Button file"), "{e}");
}

#[test]
fn what_a_utility_leaves_out_of_its_feed_can_be_declared() {
    let text = "<atom:feed xmlns:ns=\"http://naesb.org/espi\" xmlns:atom=\"http://www.w3.org/2005/Atom\"><atom:entry><atom:content>\
        <ns:IntervalBlock><ns:IntervalReading><ns:timePeriod><ns:duration>2505600</ns:duration><ns:start>1721154384.66136</ns:start>\
        </ns:timePeriod><ns:value>12000</ns:value></ns:IntervalReading></ns:IntervalBlock></atom:content></atom:entry>\
        <atom:entry><atom:content><ns:ReadingType/></atom:content></atom:entry></atom:feed>";
    let e = refused("gas.xml", text, |request| request.frame.device = from("home1.gas"));
    assert!(e.contains("uom is 0, expected one of") && e.contains("(--unit)"), "{e}");
    let (mem, report) = imported("gas.xml", text, |request| {
        request.frame.device = from("home1.gas");
        request.frame.unit = Some(Unit::WattHour);
    });
    assert_eq!((report.points, report.refused.count), (1, 0));
    assert_eq!(values(&mem, "home1.gas.energy"), rows(&[("2024-07-16T18:26:24.66136Z", 12_000.0)]));
}

/// Every format, with the request that reads it.
fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let lines: String = (0..50)
        .map(|n| {
            format!("{{\"device\":\"home1.meter\",\"time\":{},\"p_w\":{n},\"x\":{{\"u_v\":[1,2]}}}}\n", 1_767_225_600 + n)
        })
        .collect();
    let history: String =
        (0..50).map(|n| format!("switch.a,{},2026-01-01T00:{n:02}:00Z\n", if n % 2 == 0 { "on" } else { "off" })).collect();
    let statistics: String = (0..24).map(|n| format!("sensor.a;kWh;01.01.2026 {n:02}:00;{n},5;{n}\n")).collect();
    vec![
        ("lines.jsonl", lines.into_bytes()),
        ("dump.bson", hem_dump()),
        ("dump.archive", archive()),
        ("history.csv", format!("entity_id,state,last_changed\n{history}").into_bytes()),
        ("statistics.csv", format!("statistic_id;unit;start;sum;state\n{statistics}").into_bytes()),
        ("usage.xml", feed().into_bytes()),
        ("answer.json", br#"{"sensor.a":[{"start":1767225600000,"end":1767229200000,"mean":1.5}]}"#.to_vec()),
    ]
}

fn import_sample(files: &Files, name: &str, bytes: Vec<u8>) -> memcore::Result<memcore::ImportReport> {
    files.import(&memcore::Memcore::in_memory(), name, bytes, |request| {
        request.mapping = memcore::Mapping::from_toml(COUNT).unwrap();
        if !name.starts_with("dump") && !name.starts_with("lines") {
            request.frame.device = from("home1.ha");
            request.frame.units.insert("sensor.a".into(), Unit::KilowattHour);
        }
    })
}

#[test]
fn a_file_that_was_cut_off_gives_what_stands_before_the_cut() {
    let files = Files::new();
    for (name, whole) in samples() {
        let mut before = 0;
        let step = (whole.len() / 97).max(1);
        for length in (0..=whole.len()).step_by(step) {
            // What cannot be read at all is an error, and never a panic.
            let points = import_sample(&files, name, whole[..length].to_vec()).map_or(before, |report| report.points);
            // The last row may be readable up to one byte and no longer from the next on.
            assert!(points + 1 >= before, "{name}: {points} points of {length} bytes, {before} of fewer");
            before = points;
        }
        assert_eq!(import_sample(&files, name, whole).map(|report| report.points > 0).ok(), Some(true), "{name}");
    }
}

#[test]
fn no_damage_to_a_file_ends_in_a_panic_and_most_of_it_is_still_read() {
    let files = Files::new();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    for (name, whole) in samples() {
        let mut read = 0;
        for _ in 0..150 {
            let mut bytes = whole.clone();
            for _ in 0..=random(3) {
                let at = random(bytes.len());
                match random(4) {
                    0 => bytes[at] ^= 1 << random(8),
                    1 => bytes[at] = [0, 0xff, b'"', b'<', b'\n', b'{', b'9', b','][random(8)],
                    2 => drop(bytes.remove(at)),
                    _ => bytes.insert(at, u8::try_from(random(256)).unwrap()),
                }
            }
            read += u32::from(import_sample(&files, name, bytes).is_ok_and(|report| report.points > 0));
        }
        // Of what is one value, nothing is left when any of it is damaged.
        assert!(read >= 30 || name == "answer.json", "{name}: {read} of 150 damaged files gave anything");
    }
}
