//! Site files as people write them.

use std::fs;

use super::*;
use crate::model::{Timestamp, Unit};
use crate::optimize::{Asset, Profile};

const SITE: &str = r#"
    currency = "EUR"
    horizon = { start = "2026-01-08T00:00:00Z", step = "1h", steps = 4 }
    [[asset]]
    type = "grid"
    name = "grid"
    buy_per_kwh = [0.3, 0.2, 0.2, 0.4]
    [[asset]]
    type = "load"
    name = "load"
    power_w = LOAD
"#;

fn read(load: &str, folder: &Path, request: SiteRequest) -> Result<(Vec<f64>, Vec<String>)> {
    let file = folder.join("site.toml");
    fs::write(&file, SITE.replace("LOAD", load)).unwrap();
    let (site, notices) = read_site(&file, &request)?;
    let Asset::Load(load) = &site.assets[1] else { panic!("{site:?}") };
    let Profile::Steps(values) = &load.power_w else { panic!("{:?}", load.power_w) };
    Ok((values.clone(), notices))
}

#[test]
fn a_profile_may_be_a_column_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let rows =
        (0..16).map(|quarter| format!("2026-01-08T{:02}:{:02}:00Z,{}", quarter / 4, 15 * (quarter % 4), quarter / 4 + 1));
    fs::write(folder.path().join("load.csv"), format!("time,load_kw\n{}\n", rows.collect::<Vec<_>>().join("\n"))).unwrap();
    let load = r#"{ file = "load.csv", column = "load_kw", unit = "kW" }"#;
    assert_eq!(read(load, folder.path(), SiteRequest::default()).unwrap().0, [1_000.0, 2_000.0, 3_000.0, 4_000.0]);
    // What is asked for goes before what the file says.
    let request = SiteRequest { steps: Some(2), step: Some(Span::from_seconds(1_800)), ..SiteRequest::default() };
    assert!(read(load, folder.path(), request.clone()).is_ok());
    let late = SiteRequest { from: Some("2026-01-09T00:00:00Z".parse().unwrap()), ..SiteRequest::default() };
    let refused = read(load, folder.path(), late).unwrap_err().to_string();
    for words in ["site.toml", "asset[1].power_w", "no value at 2026-01-09T00:00:00Z", "to 2026-01-08T04:00:00Z"] {
        assert!(refused.contains(words), "{refused:?} should say {words:?}");
    }
}

#[test]
fn a_file_without_times_has_a_row_a_step() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("year.csv"), "hour,load_kw\n0,1\n1,2\n2,3\n3,4\n4,5\n").unwrap();
    let load = r#"{ file = "year.csv", column = "load_kw", unit = "kW", start = "2026-01-07T23:00:00Z", step = "1h" }"#;
    assert_eq!(read(load, folder.path(), SiteRequest::default()).unwrap().0, [2_000.0, 3_000.0, 4_000.0, 5_000.0]);
    let refused = |load: &str| read(load, folder.path(), SiteRequest::default()).unwrap_err().to_string();
    assert!(refused(&load.replace("load_kw", "load")).contains("its columns are hour, load_kw"));
    assert!(refused(&load.replace("year.csv", "none.csv")).contains("none.csv"));
    assert!(refused(r#"{ file = "year.csv", colum = "x" }"#).contains("colum"));
    assert!(refused(r#"{ forecast = "clear_sky", lat = 1 }"#).contains("clear_sky needs lon"));
}

#[test]
fn a_profile_may_be_a_history_or_a_forecast_from_it() {
    let folder = tempfile::tempdir().unwrap();
    let memcore = Memcore::in_memory();
    let times: Vec<Timestamp> = (0..8 * 24).map(|hour| Timestamp::from_seconds(1_767_225_600 + 3_600 * hour)).collect();
    let values: Vec<Option<f64>> = (0..8 * 24).map(|hour| Some(f64::from(hour))).collect();
    memcore.write(&"home1.load.power".parse().unwrap(), &times, &values, Some(Unit::Watt)).unwrap();
    let request = SiteRequest { history: Some(memcore), ..SiteRequest::default() };
    // From 2026-01-01 on: a week later, the same weekday is known, and the day itself.
    let weekday = r#"{ series = "home1.load.power", forecast = "weekday:1" }"#;
    let (values, said) = read(weekday, folder.path(), request.clone()).unwrap();
    assert_eq!(values, [0.0, 1.0, 2.0, 3.0]);
    assert!(said[0].contains("forecast by weekday:1"), "{said:?}");
    let truth = SiteRequest { truth: true, ..request.clone() };
    assert_eq!(read(weekday, folder.path(), truth).unwrap().0, [168.0, 169.0, 170.0, 171.0]);
    // D12: a history that ended long ago says nothing of today.
    let late = SiteRequest { from: Some("2026-01-11T00:00:00Z".parse().unwrap()), ..request };
    let refused = read(weekday, folder.path(), late).unwrap_err().to_string();
    assert!(refused.contains("ends at 2026-01-09T00:00:00Z, 48.0 h before the plan begins"), "{refused}");
    let nowhere = read(weekday, folder.path(), SiteRequest::default()).unwrap_err().to_string();
    assert!(nowhere.contains("without a store"), "{nowhere}");
}

#[test]
fn what_is_wrong_is_named_by_file_path_and_value() {
    let folder = tempfile::tempdir().unwrap();
    let site = SITE.replace("LOAD", "500");
    for (from, to, words) in [
        ("\"EUR\"", "\"EUX\"", ["currency", "EUX"]),
        ("power_w = 500", "power_kw = 500", ["asset[1] (load).power_kw", "power_w"]),
        ("power_w = 500", "power_w = \"much\"", ["asset[1] (load).power_w", "one number per step"]),
        ("power_w = 500", "power_w = inf", ["asset[1].power_w is inf", "finite"]),
        ("\"load\"\n", "\"lode\"\n", ["asset[1] (load).type is \"lode\"", "heat_pump"]),
        ("step = \"1h\"", "step = \"soon\"", ["horizon", "soon"]),
        ("currency =", "currency : ", ["line 2", "key"]),
        ("horizon =", "horizons =", ["horizon is missing", "start, step, steps"]),
    ] {
        let file = folder.path().join("site.toml");
        fs::write(&file, site.replacen(from, to, 1)).unwrap();
        let refused = read_site(&file, &SiteRequest::default()).unwrap_err().to_string();
        assert!(refused.contains("site.toml"), "{refused}");
        for word in words {
            assert!(refused.contains(word), "{refused:?} should say {word:?}");
        }
    }
}

#[test]
fn json_is_read_as_toml_is() {
    let text = r#"{"currency":"EUR","horizon":{"start":"2026-01-08T00:00:00Z","step":"1h","steps":2},
        "asset":[{"type":"pv","name":"pv","available_w":{"forecast":"clear_sky","lat":-33.9,"lon":18.4,"tilt":20,"azimuth":0,"kwp":5}}]}"#;
    let noon = SiteRequest { from: Some("2026-01-08T10:00:00Z".parse().unwrap()), ..SiteRequest::default() };
    let (site, _) = parse_site(text, true, &noon).unwrap();
    let Asset::Pv(pv) = &site.assets[0] else { panic!("{site:?}") };
    assert!((3_000.0..5_000.0).contains(&pv.available_w.at(0)), "{:?}", pv.available_w);
}
