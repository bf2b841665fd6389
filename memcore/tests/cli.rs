//! The command line as a person uses it.
#![cfg(feature = "cli")]

mod cli_support;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cli_support::*;

/// A server on a free port that is asked to end when the test does.
struct Served(Child);

impl Served {
    fn start(site: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_memcore"));
        command
            .args(["serve", "--quiet", "--http", "off", "--listen", "127.0.0.1:0", "--site"])
            .arg(site)
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        assert!(lines.next().unwrap().unwrap().contains("listening on 127.0.0.1:"));
        // What it says later must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self(child)
    }

    fn terminate(mut self) -> Option<i32> {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.0.wait().unwrap().code()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_site_is_served_simulated_commanded_and_queried() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    let served = Served::start(&site);

    let report = text(&memcore(&site, &["simulate", "--devices", "4", "--for", "10m", "--fast", "--json"]));
    let report: serde_json::Value = serde_json::from_str(report.trim()).unwrap();
    assert_eq!(
        (&report["devices"], &report["rows_sent"], &report["rows_not_durable"]),
        (&4.into(), &2400.into(), &0.into())
    );

    // Ten minutes at one row a second, read beside the running server.
    let csv = text(&memcore(&site, &["query", "home1.*.power", "--every", "1m", "--agg", "mean,count", "--format", "csv"]));
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("series,time,mean,count,unit"));
    let counted: u64 = lines.map(|line| line.split(',').nth(3).unwrap().parse::<u64>().unwrap()).sum();
    assert_eq!(counted, 3 * 600);

    let table = text(&memcore(&site, &["devices", "list"]));
    assert!(table.contains("home1.hem") && table.contains("secret"), "{table}");

    // The device has left: the command waits, and is never delivered after its expiry.
    let late = memcore(&site, &["command", "set", "home1.hem.node3.switch", "1", "--expires", "1s"]);
    assert_eq!(late.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&late.stdout).contains("expired"), "{late:?}");
    let wrong = failure(&memcore(&site, &["command", "set", "home1.pv.power", "1"]));
    assert!(wrong.contains("takes no commands"), "{wrong}");
    assert!(text(&memcore(&site, &["command", "get", "home1.pv.power"])).contains(" W  "));
    assert_eq!(served.terminate(), Some(0));
}

#[test]
fn readings_are_json_lines_where_nobody_looks() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    let mut command = Command::new(env!("CARGO_BIN_EXE_memcore"));
    command.args(["serve", "--show", "home1.pv.*", "--http", "off", "--listen", "127.0.0.1:0", "--site"]).arg(&site);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut notes = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(notes.next().unwrap().unwrap().contains("listening on"));
    text(&memcore(&site, &["simulate", "--devices", "2", "--for", "2s", "--fast"]));
    let line = BufReader::new(child.stdout.take().unwrap()).lines().next().unwrap().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let reading: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert!(reading["series"].as_str().unwrap().starts_with("home1.pv.") && reading["time_us"].is_i64(), "{line}");
    assert!(reading["value"].is_number(), "{line}");
}

#[test]
fn a_command_reaches_a_simulated_device_and_comes_back_confirmed() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    let _served = Served::start(&site);
    let mut simulate = Command::new(env!("CARGO_BIN_EXE_memcore"));
    let mut simulating = simulate.args(["simulate", "--devices", "1", "--site"]).arg(&site).spawn().unwrap();
    let mut said = String::new();
    for _ in 0..100 {
        let set = memcore(&site, &["command", "set", "home1.hem.node3.switch", "0", "--json"]);
        said = String::from_utf8_lossy(&set.stdout).into_owned() + &String::from_utf8_lossy(&set.stderr);
        if set.status.success() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    simulating.kill().unwrap();
    simulating.wait().unwrap();
    assert!(said.contains(r#""state":"done","read_back":0.0"#), "{said}");
}

#[test]
fn a_csv_is_imported_once_however_often_and_exported_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    let csv = folder.path().join("house.csv");
    std::fs::write(&csv, "time,p_kw,u_v\n2025-03-30T00:00:00Z,1.001,230\n2025-03-30T00:01:00Z,,231.5\n").unwrap();
    let file = csv.to_str().unwrap();
    for (points, repeated) in [(3, 0), (0, 3)] {
        let report = text(&memcore(&site, &["import", file, "--device", "home1.house", "--json"]));
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        let counts = ["rows", "points", "repeated", "gaps"].map(|name| report[name].as_u64().unwrap());
        assert_eq!(counts, [2, points, repeated, 1]);
    }
    let rows = text(&memcore(&site, &["query", "home1.house.*", "--format", "csv"]));
    let expected = "series,time,value,unit\nhome1.house.power,2025-03-30T00:00:00Z,1001,W\n\
        home1.house.voltage,2025-03-30T00:00:00Z,230,V\nhome1.house.voltage,2025-03-30T00:01:00Z,231.5,V\n";
    assert_eq!(rows, expected);
    let json = text(&memcore(&site, &["query", "home1.house.power", "--format", "json"]));
    assert_eq!(json.trim(), r#"{"series":"home1.house.power","time":"2025-03-30T00:00:00Z","unit":"W","value":1001.0}"#);
    assert!(text(&memcore(&site, &["query", "home1.house.*", "--format", "table"])).contains("SERIES"));
    for (ending, magic) in [("arrow", &b"ARROW1"[..]), ("parquet", b"PAR1")] {
        let out = folder.path().join(format!("out.{ending}"));
        text(&memcore(&site, &["query", "home1.>", "--out", out.to_str().unwrap()]));
        assert!(std::fs::read(&out).unwrap().starts_with(magic), "{ending}");
    }
}

#[test]
fn a_query_tells_how_values_came_about_and_what_it_writes_comes_back_so() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    let csv = folder.path().join("house.csv");
    let rows = "2025-03-30T00:00:00Z,1,\n2025-03-30T00:15:00Z,2,2\n2025-03-30T00:30:00Z,3,3\n";
    std::fs::write(&csv, format!("time,p_kw,power.quality\n{rows}")).unwrap();
    text(&memcore(&site, &["import", csv.to_str().unwrap(), "--device", "home1.house"]));
    let query =
        |site: &Path, more: &[&str]| text(&memcore(site, &[&["query", "home1.house.power", "--quality"], more].concat()));
    let expected = "series,time,value,quality,unit\nhome1.house.power,2025-03-30T00:00:00Z,1000,0,W\n\
        home1.house.power,2025-03-30T00:15:00Z,2000,2,W\nhome1.house.power,2025-03-30T00:30:00Z,3000,3,W\n";
    assert_eq!(query(&site, &["--format", "csv"]), expected);
    let table = query(&site, &["--format", "table"]);
    assert!(table.contains("QUALITY") && table.contains("estimated") && table.contains("measured"), "{table}");
    for ending in ["csv", "json", "arrow", "parquet"] {
        let (out, other) = (folder.path().join(format!("out.{ending}")), folder.path().join(ending));
        query(&site, &["--out", out.to_str().unwrap()]);
        for points in [5, 0] {
            let report = text(&memcore(&other, &["import", out.to_str().unwrap(), "--json"]));
            let report: serde_json::Value = serde_json::from_str(&report).unwrap();
            assert_eq!((report["points"].as_u64(), report["gaps"].as_u64()), (Some(points), Some(0)), "{ending}: {report}");
        }
        assert_eq!(query(&other, &["--format", "csv"]), expected, "{ending}");
        // Where nothing says more, there is no series of qualities.
        let first = folder.path().join(format!("first.{ending}"));
        query(&site, &["--limit", "1", "--out", first.to_str().unwrap()]);
        let plain = folder.path().join(format!("plain-{ending}"));
        text(&memcore(&plain, &["import", first.to_str().unwrap()]));
        assert_eq!(text(&memcore(&plain, &["query", "--format", "csv"])).lines().count(), 2, "{ending}");
    }
    let both = memcore(&site, &["query", "home1.house.power", "--quality", "--every", "1h"]);
    assert!(!both.status.success(), "a bucket has a worst quality: --agg quality");
    let by_name = expected.replace(",2000,2,", ",2000,estimated,").replace(",3000,3,", ",3000,7,");
    std::fs::write(&csv, by_name).unwrap();
    let said = text(&memcore(&folder.path().join("names"), &["import", csv.to_str().unwrap()]));
    assert!(said.contains("quality is \"7\", expected one of measured held"), "{said}");
}

#[test]
fn a_bad_line_of_a_csv_is_named_and_what_stands_before_it_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    let csv = folder.path().join("house.csv");
    std::fs::write(&csv, "time,p_kw\n2025-03-30T00:00:00Z,1\n2025-03-30T00:01:00Z,abc\n").unwrap();
    let house = ["import", csv.to_str().unwrap(), "--device", "home1.house"];
    let said = failure(&memcore(&site, &[&house[..], &["--strict"]].concat()));
    assert!(said.contains("line 3") && said.contains("abc") && said.contains("p_kw"), "{said}");
    assert!(text(&memcore(&site, &["query", "home1.house.power", "--format", "csv"])).contains(",1000,W"));
    // Without --strict it is left out, said, and put aside with the reason.
    let said = text(&memcore(&site, &house));
    assert!(said.contains("line 3: p_kw is \"abc\"") && said.contains("1 there already"), "{said}");
    let aside = std::fs::read_to_string(folder.path().join("house.csv.refused.csv")).unwrap();
    assert!(
        aside.starts_with("row,line,reason,text\n1,3,") && aside.ends_with("\"2025-03-30T00:01:00Z,abc\"\n"),
        "{aside}"
    );
    // A column that says no unit has that of its series, which must be known then.
    std::fs::write(&csv, "time,power\n2025-03-30T00:02:00Z,2000\n").unwrap();
    let import =
        |more: &[&str]| memcore(&site, &[&["import", csv.to_str().unwrap(), "--device", "home1.house"], more].concat());
    text(&import(&[]));
    assert!(text(&memcore(&site, &["query", "--format", "csv"])).contains(",2000000,W"));
    std::fs::write(&csv, "time,voltage\n2025-03-30T00:02:00Z,230\n").unwrap();
    assert!(failure(&import(&[])).contains("home1.house.voltage is not registered"));
}

#[test]
fn history_is_looked_at_exported_and_imported_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let (site, other) = (folder.path().join("site"), folder.path().join("other"));
    let csv = folder.path().join("house.csv");
    std::fs::write(&csv, "time,p_kw,u_v\n2025-03-30T00:00:00Z,1.001,230\n2025-03-30T00:01:00Z,,231.5\n").unwrap();
    let import = ["import", csv.to_str().unwrap(), "--device", "home1.house"];
    let dry = text(&memcore(&site, &[&import[..], &["--dry-run"]].concat()));
    assert!(dry.contains("would be") && dry.contains("3 points would be written") && !site.exists(), "{dry}");
    assert!(text(&memcore(&site, &import)).contains("2 rows, 3 points written, 0 there already, 1 gaps, 2 series"));
    assert!(text(&memcore(&site, &import)).contains("0 points written, 3 there already"));

    let stats = text(&memcore(&site, &["stats"]));
    assert!(stats.starts_with("SERIES") && stats.contains("home1.house.voltage") && stats.contains("2 series"), "{stats}");
    let stats = text(&memcore(&site, &["stats", "home1.>{quantity=voltage}", "--json"]));
    let lines: Vec<serde_json::Value> = stats.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines.len(), &lines[0]["points"], &lines[1]["points"]), (2, &2.into(), &3.into()));

    for (ending, wide) in [("csv", false), ("csv", true), ("parquet", false), ("arrow", true)] {
        let out = folder.path().join(format!("out.{ending}"));
        let out = out.to_str().unwrap();
        let export = ["export", "home1.>", "--out", out];
        let said = text(&memcore(&site, &if wide { [&export[..], &["--wide"]].concat() } else { export.to_vec() }));
        assert!(said.contains("3 points of 2 series in"), "{said}");
        text(&memcore(&other, &["import", out]));
        assert_eq!(
            text(&memcore(&other, &["query", "home1.>", "--format", "csv"])),
            text(&memcore(&site, &["query", "home1.>", "--format", "csv"])),
        );
        std::fs::remove_dir_all(&other).unwrap();
    }
    let wide = memcore(&site, &["export", "home1.>", "--out", folder.path().join("out.xlsx").to_str().unwrap()]);
    assert!(failure(&wide).contains(".parquet"));
    // Beside a running server what reads works, and what writes says what to do.
    let _served = Served::start(&site);
    let out = folder.path().join("beside.csv");
    text(&memcore(&site, &["export", "home1.>", "--out", out.to_str().unwrap()]));
    text(&memcore(&site, &["stats"]));
    text(&memcore(&site, &["verify"]));
    assert!(failure(&memcore(&site, &["import", out.to_str().unwrap()])).contains("stop that process first"));
}

#[test]
fn a_site_is_backed_up_restored_deleted_from_and_compacted() {
    let folder = tempfile::tempdir().unwrap();
    let (site, back, other) = (folder.path().join("site"), folder.path().join("back"), folder.path().join("other"));
    let csv = folder.path().join("house.csv");
    std::fs::write(&csv, "time,p_kw\n2025-03-30T00:00:00Z,1\n2025-03-30T00:01:00Z,2\n2025-03-30T00:02:00Z,3\n").unwrap();
    text(&memcore(&site, &["import", csv.to_str().unwrap(), "--device", "home1.house"]));
    let everything = |site: &Path| text(&memcore(site, &["query", "home1.>", "--format", "csv"]));
    let whole = everything(&site);

    // Beside a running server: a backup is made, what would change the site says what to do.
    let served = Served::start(&site);
    assert!(text(&memcore(&site, &["backup", back.to_str().unwrap()])).starts_with("3 points, "));
    assert!(failure(&memcore(&site, &["compact"])).contains("stop the server that has it, compact, and start it again"));
    let range = ["delete", "home1.house.power", "--from", "2025-03-30T00:01:00Z", "--to", "2025-03-30T00:02:00Z"];
    assert!(failure(&memcore(&site, &[&range[..], &["--yes"]].concat())).contains("stop the server"));
    assert_eq!(served.terminate(), Some(0));

    let preview = memcore(&site, &range);
    assert_eq!(preview.status.code(), Some(2));
    assert_eq!(String::from_utf8(preview.stdout).unwrap(), "home1.house.power  1 points\n");
    assert_eq!(everything(&site), whole, "without --yes nothing is deleted");
    assert!(text(&memcore(&site, &[&range[..], &["--yes"]].concat())).contains("of 1 series"));
    assert_eq!(everything(&site).lines().count(), 3);
    assert!(text(&memcore(&site, &["compact"])).contains("1 deleted points are gone for good"));

    assert_eq!(everything(&back), whole, "a backup is a site to be read");
    text(&memcore(&other, &["restore", back.to_str().unwrap()]));
    assert_eq!(everything(&other), whole);
    assert!(failure(&memcore(&other, &["restore", back.to_str().unwrap()])).contains("it holds something"));
    assert!(
        failure(&memcore(&folder.path().join("none"), &["restore", other.join("x").to_str().unwrap()]))
            .contains("no store")
    );
    assert!(failure(&memcore(&folder.path().join("none"), &["compact"])).contains("holds no site"));
}

#[test]
fn what_counts_time_and_what_an_answer_costs_is_asked_for_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let (site, csv) = (folder.path().join("site"), folder.path().join("pv.csv"));
    let row = |minute: u32| format!("2025-03-30T00:{minute:02}:00Z,1\n");
    std::fs::write(&csv, format!("time,p_kw\n{}", (0..60).map(row).collect::<String>())).unwrap();
    text(&memcore(&site, &["import", csv.to_str().unwrap(), "--device", "home1.pv"]));
    let query = |more: &[&str]| memcore(&site, &[&["query", "home1.pv.power", "--format", "csv"], more].concat());
    let hour = ["--every", "1h", "--agg", "integral", "--max-gap", "2m", "--to", "2025-03-30T01:00:00Z"];
    let energy = text(&query(&hour));
    assert_eq!(energy, "series,time,integral,unit\nhome1.pv.power,2025-03-30T00:00:00Z,1000,Wh\n");
    let filled = text(&query(&[
        "--every",
        "1h",
        "--gaps",
        "null",
        "--to",
        "2025-03-30T02:00:00Z",
        "--from",
        "2025-03-30T00:00:00Z",
    ]));
    assert_eq!(filled.lines().count(), 3);
    assert!(text(&query(&["--chart", "4"])).lines().count() < 20);
    assert_eq!(text(&query(&["--as-of", "2020-01-01T00:00:00Z"])).lines().count(), 1);
    let held = text(&query(&["--at", "2025-03-30T00:07:30Z"]));
    assert_eq!(held, "series,time,value,unit\nhome1.pv.power,2025-03-30T00:07:00Z,1000,W\n");
    assert_eq!(query(&["--at", "1h", "--last", "2"]).status.code(), Some(2));
    let explained = query(&["--explain"]);
    assert!(String::from_utf8_lossy(&explained.stderr).contains("unsealed points"), "{explained:?}");
    assert!(
        String::from_utf8_lossy(&query(&["--every", "1h", "--gaps", "none"]).stderr)
            .contains("absent null previous linear")
    );
}

#[test]
fn damage_is_found_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    let mem = memcore::open(&site).unwrap();
    let times: Vec<_> = (0..1000).map(memcore::model::Timestamp::from_seconds).collect();
    let values: Vec<_> = (0..1000).map(|n| Some(f64::from(n).sin())).collect();
    let watts = Some(memcore::model::Unit::Watt);
    mem.write(&"home1.pv.power".parse().unwrap(), &times, &values, watts).unwrap();
    mem.store().seal().unwrap();
    mem.close().unwrap();
    assert!(text(&memcore(&site, &["verify"])).starts_with("sound: "));

    let chunks = std::fs::read_dir(site.join("store")).unwrap().map(|entry| entry.unwrap().path());
    let chunks =
        chunks.into_iter().find(|path| path.file_name().unwrap().to_str().unwrap().starts_with("chunks-")).unwrap();
    let mut bytes = std::fs::read(&chunks).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&chunks, bytes).unwrap();
    let found = memcore(&site, &["verify"]);
    assert_eq!(found.status.code(), Some(1));
    let said = String::from_utf8(found.stdout).unwrap();
    assert!(said.starts_with("damaged: chunks-") && said.contains("1 damages"), "{said}");
    let json: serde_json::Value = serde_json::from_slice(&memcore(&site, &["verify", "--json"]).stdout).unwrap();
    assert_eq!((&json["sound"], json["damage"].as_array().unwrap().len()), (&false.into(), 1));
}

#[test]
fn enrolment_is_shown_once_written_privately_and_revoked() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    let bundle = text(&memcore(&site, &["devices", "enroll", "home1.hem", "--server", "energy.example:23123"]));
    let bundle: serde_json::Value = serde_json::from_str(&bundle).unwrap();
    assert_eq!(bundle["server"], "energy.example:23123");
    let credential = bundle["credential"].as_str().unwrap();
    let stored = std::fs::read_to_string(site.join("devices.json")).unwrap();
    assert!(!stored.contains(credential.rsplit('_').next().unwrap()));

    let file = folder.path().join("pv.json");
    text(&memcore(&site, &["devices", "enroll", "home1.pv", "--certificate", "--out", file.to_str().unwrap()]));
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    text(&memcore(&site, &["devices", "revoke", "home1.pv"]));
    assert!(failure(&memcore(&site, &["devices", "revoke", "home1.pv"])).contains("home1.pv is not enrolled"));
}

#[test]
fn a_simulation_does_not_take_the_place_of_an_enrolled_device_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    let _served = Served::start(&site);
    text(&memcore(&site, &["devices", "enroll", "home1.pv"]));
    let before = std::fs::read_to_string(site.join("devices.json")).unwrap();
    let key = before.split('"').find(|word| word.len() == 16 && word.bytes().all(|c| c.is_ascii_hexdigit())).unwrap();

    let street = ["simulate", "--devices", "2", "--for", "2s", "--fast"];
    let said = failure(&memcore(&site, &street));
    assert!(said.contains("home1.pv is enrolled") && said.contains("--replace"), "{said}");
    let csv = folder.path().join("pv.csv");
    std::fs::write(&csv, "time,p_kw\n2025-03-30T00:00:00Z,1\n").unwrap();
    let replay = ["simulate", "--replay", csv.to_str().unwrap(), "--device", "home1.pv"];
    assert!(failure(&memcore(&site, &replay)).contains("home1.pv is enrolled"));
    assert!(std::fs::read_to_string(site.join("devices.json")).unwrap().contains(key), "the real device stays enrolled");
    // While the server has the site, its file goes through it: the hint is a command that works.
    let hint = failure(&memcore(&site, &["import", csv.to_str().unwrap(), "--device", "home1.house"]));
    assert!(hint.contains("memcore simulate --replay FILE --device home1.house"), "{hint}");
    text(&memcore(&site, &["simulate", "--replay", csv.to_str().unwrap(), "--device", "home1.house"]));

    text(&memcore(&site, &[&street[..], &["--replace"]].concat()));
    // A simulation may follow a simulation.
    text(&memcore(&site, &street));
    assert!(text(&memcore(&site, &["devices", "list"])).contains(", simulated"));
    assert!(!std::fs::read_to_string(site.join("devices.json")).unwrap().contains(key));
}

#[test]
fn what_keeps_a_server_from_starting_is_said_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = failure(&memcore(&site, &["serve", "--listen", &address]));
    assert!(said.contains(&format!("listen on {address}")) && said.contains("in use"), "{said}");

    // A folder below a file cannot be made by anyone, not even by root.
    let blocked = folder.path().join("file");
    std::fs::write(&blocked, "").unwrap();
    assert!(failure(&memcore(&blocked.join("site"), &["serve"])).contains("cannot create"));

    let config = folder.path().join("memcore.toml");
    std::fs::write(&config, "[gateway]\nlisten = \"127.0.0.1:0\"\nlissten = 3\n").unwrap();
    let said = failure(&memcore(&site, &["serve", "--config", config.to_str().unwrap()]));
    assert!(said.contains("memcore.toml") && said.contains("lissten"), "{said}");

    std::fs::write(site.join("devices.json"), "{]").unwrap();
    let said = failure(&memcore(&site, &["serve", "--listen", "127.0.0.1:0"]));
    assert!(said.contains("devices.json is no device registry"), "{said}");
    std::fs::remove_file(site.join("devices.json")).unwrap();

    let _served = Served::start(&site);
    let said = failure(&memcore(&site, &["serve", "--listen", "127.0.0.1:0"]));
    assert!(said.contains("store"), "the second server is refused: {said}");
}

#[test]
fn questions_without_an_answer_are_said_plainly() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    assert!(failure(&memcore(&site, &["query", "home1.*.power"])).contains("holds no site"));
    assert!(failure(&memcore(&site, &["command", "set", "home1.hem.node3.switch", "1"])).contains("no server runs on"));
    drop(memcore::open(&site).unwrap());
    assert!(failure(&memcore(&site, &["query", "home1.pv.power"])).contains("home1.pv.power"));
    let reversed = ["query", "home1.*.power", "--from", "2026-01-02T00:00:00Z", "--to", "2026-01-01T00:00:00Z"];
    assert!(failure(&memcore(&site, &reversed)).contains("2026-01-0"));
    let naive = failure(&memcore(&site, &["query", "home1.*.power", "--from", "2026-01-02T00:00:00"]));
    assert!(naive.contains("--from") && naive.contains("zone"), "{naive}");
    let usage = memcore(&site, &["query", "home1.p*.power"]);
    assert_eq!(usage.status.code(), Some(2));
    assert!(text(&memcore(&site, &["version"])).starts_with("memcore 0."));
}

#[test]
fn variables_of_others_may_hold_anything() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_memcore"));
    command.args(["devices", "list", "--site"]).arg(folder.path().join("site"));
    text(&command.env("LATIN", std::ffi::OsStr::from_bytes(b"caf\xe9")).output().unwrap());
}

#[test]
fn a_server_whose_standard_error_is_closed_still_ends_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_memcore"));
    command
        .args(["serve", "--quiet", "-vv", "--http", "off", "--listen", "127.0.0.1:0", "--site"])
        .arg(folder.path().join("site"));
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines();
    while !stderr.next().unwrap().unwrap().contains("listening on 127.0.0.1:") {}
    drop(stderr);
    assert_eq!(Served(child).terminate(), Some(0));
}

#[test]
fn a_result_that_cannot_be_written_is_a_failure_and_a_reader_that_has_seen_enough_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let (site, csv) = (folder.path().join("site"), folder.path().join("pv.csv"));
    std::fs::write(&csv, "time,p_kw\n2025-03-30T00:00:00Z,1\n").unwrap();
    text(&memcore(&site, &["import", csv.to_str().unwrap(), "--device", "home1.pv"]));
    for format in ["table", "csv", "json", "arrow", "parquet"] {
        let query = |out: Stdio| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_memcore"));
            command.args(["query", "home1.pv.power", "--format", format, "--site"]).arg(&site);
            command.stdout(out).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap()
        };
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        assert!(failure(&query(full.into())).contains("write"), "{format}");
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = query(writer.into());
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]), "{format}");
    }
}

#[test]
fn a_simulation_says_what_it_waits_for_until_it_is_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_memcore"));
    command.args(["simulate", "--server", "localhost:1", "--site"]).arg(folder.path().join("site"));
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines();
    let said = stderr.next().unwrap().unwrap();
    assert!(said.contains("waiting for a server at localhost:1"), "{said}");
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn a_demo_counts_its_own_points_and_touches_no_site_that_nobody_named() {
    let folder = tempfile::tempdir().unwrap();
    let (named, standing) = (folder.path().join("named"), folder.path().join("standing"));
    let demo = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_memcore"));
        command.args(["demo", "--devices", "1", "--for", "2s", "--json"]).args(arguments);
        command.env("MEMCORE_SITE", &standing).output().unwrap()
    };
    for _ in 0..2 {
        let report: serde_json::Value =
            serde_json::from_str(text(&demo(&["--site", named.to_str().unwrap()])).trim()).unwrap();
        assert_eq!(report["points_sent"], report["points_durable"]);
    }
    text(&demo(&["--set", "store.sync=os"]));
    assert!(!standing.exists());
    assert!(failure(&demo(&["--set", "store.sync=never"])).contains("store.sync"));
    assert!(failure(&demo(&["--set", "path=elsewhere"])).contains("path is set to elsewhere"));

    // A real device of that site keeps its place.
    text(&memcore(&named, &["devices", "enroll", "home1.hem"]));
    assert!(failure(&demo(&["--site", named.to_str().unwrap()])).contains("home1.hem is enrolled"));
}

#[test]
fn the_demo_loses_nothing_and_confirms_a_command() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_memcore"));
    let output = command.args(["demo", "--devices", "4", "--for", "3s", "--json"]).output().unwrap();
    let report: serde_json::Value = serde_json::from_str(text(&output).trim()).unwrap();
    assert_eq!((&report["devices"], &report["points_lost"]), (&4.into(), &0.into()));
    assert_eq!(report["points_sent"], report["points_durable"]);
    assert!(report["points_sent"].as_u64().unwrap() > 100);
    assert!(report["commands_confirmed"].as_u64().unwrap() >= 1);
    assert!(report["device_to_durable_p99_ms"].as_f64().unwrap() > 0.0);
}
