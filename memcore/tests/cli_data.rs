//! What history and files mean, asked at the command line: the doctor, the balance.
#![cfg(feature = "cli")]

mod cli_support;

use cli_support::*;

#[test]
fn the_doctor_says_what_is_wrong_with_a_file_and_with_history_and_exits_by_it() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    let rows = |failed: &str| {
        let row = |n: i32| {
            let value =
                if n % 50 == 7 && !failed.is_empty() { failed.to_owned() } else { (200 + n * 37 % 900).to_string() };
            format!("2026-01-01T{:02}:{:02}:00Z,{value}\n", n / 60, n % 60)
        };
        "time,p_w\n".to_owned() + &(0..300).map(row).collect::<String>()
    };
    let (bad, good) = (folder.path().join("bad.csv"), folder.path().join("good.csv"));
    std::fs::write(&bad, rows("65535")).unwrap();
    std::fs::write(&good, rows("")).unwrap();
    let (bad, good) = (bad.to_str().unwrap(), good.to_str().unwrap());
    let [mapping, page] = ["m.toml", "page.html"].map(|name| folder.path().join(name).to_str().unwrap().to_owned());

    let said = memcore(&site, &["doctor", bad, "--write-mapping", &mapping, "--html", &page]);
    assert_eq!(said.status.code(), Some(1));
    let said = String::from_utf8(said.stdout).unwrap();
    for words in [
        "FAULT: sentinel in p_w (confidence 0.98)",
        "65535 occurs 6 times",
        "invalid = [65535.0]",
        "▲",
        "1 fault, 0 warnings",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(std::fs::read_to_string(&page).unwrap().contains("<svg"));
    assert!(text(&memcore(&site, &["doctor", good])).contains("0 faults, 0 warnings"));
    // What is not looked for is not found.
    assert!(memcore(&site, &["doctor", bad, "--only", "gap"]).status.success());

    let json = memcore(&site, &["doctor", bad, "--json"]);
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&json.stdout).unwrap()["findings"][0]["count"], 6);
    text(&memcore(&site, &["import", bad, "--device", "home1.meter", "--mapping", &mapping]));
    assert!(text(&memcore(&site, &["doctor", "home1.>"])).contains("home1.meter.p"));
    assert!(failure(&memcore(&site, &["doctor", good, "--position", "here"])).contains("48.8,2.3"));
    assert!(failure(&memcore(&site, &["doctor", "no.csv", "--mapping", &mapping])).contains("no.csv is no file"));
}

#[test]
fn the_balance_of_a_site_is_told_with_what_no_device_explains() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    // From midnight to two, local time: PV runs the house and the grid takes the rest, then the battery and the grid run it.
    let take_in = |device: &str, first: f64, second: f64| {
        let csv = folder.path().join(format!("{device}.csv"));
        let row = |minute: u32| {
            format!("2025-06-20T{}:{:02}:00Z,{}\n", 22 + minute / 60, minute % 60, if minute < 60 { first } else { second })
        };
        std::fs::write(&csv, format!("time,p_kw\n{}", (0..120).map(row).collect::<String>())).unwrap();
        text(&memcore(&site, &["import", csv.to_str().unwrap(), "--device", &format!("home1.{device}")]));
    };
    take_in("grid", -1.0, 0.5);
    take_in("pv", -1.5, 0.0);
    take_in("battery", 0.0, -0.25);
    take_in("house", 0.4, 0.7);
    let range = ["--from", "2025-06-20T22:00:00Z", "--to", "2025-06-21T00:00:00Z", "--max-gap", "1m"];
    let balance = |more: &[&str]| memcore(&site, &[&["balance"], more, &range].concat());
    let named = [
        "--grid",
        "home1.grid.power",
        "--pv",
        "home1.pv.power",
        "--battery",
        "home1.battery.power",
        "--load",
        "home1.house.power",
    ];
    let hours = balance(&[&named[..], &["--every", "1h", "--format", "csv"]].concat());
    let lines: Vec<String> = text(&hours).lines().map(str::to_owned).collect();
    assert!(
        lines[0]
            .starts_with("from,to,import_wh,export_wh,production_wh,charged_wh,discharged_wh,consumption_wh,residual_wh")
    );
    assert_eq!(
        lines[1],
        "2025-06-20T22:00:00Z,2025-06-20T23:00:00Z,0,1000,1500,0,0,400,100,0.06666666666666667,0.33333333333333337,1,1"
    );
    assert!(lines[2].contains(",500,0,0,0,250,700,50,"), "{}", lines[2]);
    assert_eq!(lines.len(), 3);
    // One day in Berlin: import and export of different hours are not netted.
    let day = balance(&[&named[..], &["--every", "1d", "--tz", "Europe/Berlin", "--format", "json"]].concat());
    let row: serde_json::Value = serde_json::from_str(text(&day).lines().next().unwrap()).unwrap();
    assert_eq!((&row["import_wh"], &row["export_wh"], &row["residual_wh"]), (&500.0.into(), &1000.0.into(), &150.0.into()));
    // By the names of devices the house has no role: what is left over is consumption.
    let told = balance(&["home1", "--format", "table"]);
    assert!(text(&told).contains("550.0 Wh") || text(&told).contains("1250.0 Wh"), "{told:?}");
    assert!(String::from_utf8_lossy(&told.stderr).contains("production home1.pv.power"));
    assert!(failure(&balance(&["home2"])).contains("--grid, --pv, --battery and --load"));
    assert!(failure(&balance(&["--grid", "home1.grid.power", "--load", "home1.grid.power"])).contains("expected one role"));
}
