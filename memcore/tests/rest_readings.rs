//! Readings over HTTP: the latest, ranges in three forms, charts, energy, findings, and what is refused.
#![cfg(feature = "rest")]

mod rest_support;

use rest_support::{SITE, Scene};
use serde_json::{Value, json};

/// 2026-06-21T00:00:00Z, a Sunday.
const MIDSUMMER: i64 = 1_782_000_000;

#[tokio::test(flavor = "multi_thread")]
async fn the_latest_value_is_there_as_soon_as_it_is_written_and_says_how_old_it_is() {
    let scene = Scene::start().await;
    let now = json!(1_000_000 * i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap());
    for value in [-1500.0, -1400.0] {
        let body = json!({"series": "pv.power", "unit": "kW", "time_us": [now], "value": [value / 1000.0]});
        assert_eq!(scene.post(&format!("{SITE}/readings"), &body).await.good(), json!({"written": 1}));
        let latest = scene.get(&format!("{SITE}/latest?series=pv.power")).await.good();
        let expected = json!([{"series": "home1.pv.power", "unit": "W", "time_us": now, "value": value, "stale": false}]);
        assert_eq!(latest["items"], expected);
    }
    scene.write("home1.meter.power", 1_000, &[7.0]);
    scene.write("home2.pv.power", 1_000, &[1.0]);
    let all = scene.get(&format!("{SITE}/latest?series=home1.meter.power&series=*.power")).await.good();
    let shown: Vec<_> = all["items"].as_array().unwrap().iter().map(|one| (&one["series"], &one["stale"])).collect();
    assert_eq!(shown, [(&json!("home1.meter.power"), &json!(true)), (&json!("home1.pv.power"), &json!(false))]);
    let nowhere = scene.get("/api/v1/operators/local/sites/home9/latest").await;
    assert!(nowhere.refused().0 == 404 && nowhere.text().contains("home9"), "{}", nowhere.text());
    scene.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_is_the_same_page_by_page_and_as_a_stream() {
    let scene = Scene::start().await;
    let values: Vec<f64> = (0..250).map(|n| f64::from(n) / 7.0).collect();
    scene.write("home1.a.power", MIDSUMMER, &values);
    scene.write("home1.b.power", MIDSUMMER, &values);
    let mut lines = vec!["series,time,value,unit".to_owned()];
    let mut path = format!("{SITE}/readings?series=*.power&limit=99");
    let mut pages = 0;
    loop {
        let page = scene.get(&path).await.good();
        for one in page["series"].as_array().unwrap() {
            let times = one["time_us"].as_array().unwrap().iter().zip(one["columns"]["value"].as_array().unwrap());
            lines.extend(times.map(|(time, value)| {
                let time = memcore::model::Timestamp::from_micros(time.as_i64().unwrap());
                format!(
                    "{},{time},{},{}",
                    one["series"].as_str().unwrap(),
                    value.as_f64().unwrap(),
                    one["unit"].as_str().unwrap()
                )
            }));
        }
        pages += 1;
        let Some(next) = page["next"].as_str() else { break };
        path = format!("{SITE}/readings?series=*.power&limit=99&cursor={next}");
    }
    assert_eq!((pages, lines.len()), (6, 501));
    let csv = scene.ask("GET", &format!("{SITE}/readings?series=*.power"), &[("accept", "text/csv")], b"").await;
    assert!(csv.head.contains("content-type: text/csv"), "{}", csv.head);
    assert_eq!(csv.text().lines().collect::<Vec<_>>(), lines);
    let arrow = scene.get(&format!("{SITE}/readings?series=*.power&format=arrow")).await;
    assert!(arrow.head.contains("application/vnd.apache.arrow.stream"), "{}", arrow.head);
    // A stream of Arrow begins with a marker of continuation and ends with one and a length of nothing.
    assert!(arrow.body.starts_with(&[0xff; 4]) && arrow.body.ends_with(&[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]));
    scene.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn days_follow_the_calendar_of_their_zone_and_each_column_has_its_unit() {
    let scene = Scene::start().await;
    scene.write("home1.a.power", MIDSUMMER - 7200, &[600.0; 25 * 60]);
    let path =
        format!("{SITE}/readings?series=a.power&every=1d&zone=Europe/Berlin&aggregate=mean,integral,count&max_gap=5m");
    let page = scene.get(&path).await.good();
    let one = &page["series"][0];
    assert_eq!(one["time_us"][0], json!((MIDSUMMER - 7200) * 1_000_000), "midnight in Berlin");
    assert_eq!(one["units"], json!({"mean": "W", "integral": "Wh", "count": "1"}));
    assert_eq!((&one["columns"]["integral"][0], &one["columns"]["count"][0]), (&json!(14_400.0), &json!(1440.0)));
    scene.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_year_is_drawn_with_its_spike_and_a_few_minutes_as_they_are() {
    let scene = Scene::start().await;
    let mut values: Vec<f64> = (0..20_000).map(|n| f64::from(n % 50)).collect();
    values[12_345] = 9_999.0;
    scene.write("home1.a.power", MIDSUMMER, &values);
    let chart = scene.get(&format!("{SITE}/chart?series=a.power&width=200")).await.good();
    let one = &chart["series"][0];
    let highest = one["max"].as_array().unwrap().iter().filter_map(Value::as_f64).fold(f64::MIN, f64::max);
    assert_eq!((&one["raw"], highest, &one["value"]), (&json!(false), 9_999.0, &Value::Null));
    assert!(one["time_us"].as_array().unwrap().len() <= 201);
    let range = format!("from={}&to={}", MIDSUMMER * 1_000_000, (MIDSUMMER + 300) * 1_000_000);
    let near = scene.get(&format!("{SITE}/chart?series=a.power&width=200&{range}")).await.good();
    assert_eq!(near["series"][0]["value"], json!([0.0, 1.0, 2.0, 3.0, 4.0]));
    scene.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn energy_is_balanced_flows_and_is_examined() {
    let scene = Scene::start().await;
    for (device, power) in [("grid", 400.0), ("pv", -1000.0), ("battery", 250.0)] {
        scene.write(&format!("home1.{device}.power"), MIDSUMMER, &[power; 1441]);
    }
    let day = format!("from={}&to={}", MIDSUMMER * 1_000_000, (MIDSUMMER + 86_400) * 1_000_000);
    let balance = scene.get(&format!("{SITE}/balance?{day}&every=1h")).await.good();
    assert_eq!(balance["rows"].as_array().unwrap().len(), 24);
    let total = &balance["total"];
    let said = ["import_wh", "produced_wh", "charged_wh", "consumed_wh"].map(|field| total[field].as_f64().unwrap());
    assert_eq!(said, [9_600.0, 24_000.0, 6_000.0, 27_600.0]);
    assert_eq!((&balance["currency"], &total["cost"]), (&Value::Null, &Value::Null));
    let flow = scene.get(&format!("{SITE}/flow")).await.good();
    let rest = flow["nodes"].as_array().unwrap().iter().find(|node| node["kind"] == "unmeasured").unwrap();
    assert_eq!((rest["power_w"].as_f64(), &rest["stale"], &flow["complete"]), (Some(1150.0), &json!(true), &json!(false)));
    // A meter that was silent for four hours.
    let busy = |n: i32| f64::from(n * 7919 % 601);
    scene.write("home1.meter.power", MIDSUMMER, &(0..600).map(busy).collect::<Vec<_>>());
    scene.write("home1.meter.power", MIDSUMMER + 50_400, &(0..600).map(busy).collect::<Vec<_>>());
    let found = scene.get(&format!("{SITE}/findings?series=meter.power&{day}")).await.good();
    assert_eq!(found["examined"], json!(1));
    let gap = found["findings"].as_array().unwrap().iter().find(|one| one["kind"] == "gap").unwrap();
    assert_eq!((&gap["series"], gap["from_us"].is_i64()), (&json!(["home1.meter.power"]), true), "{found}");
    scene.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_refused_and_the_field_is_named() {
    let scene = Scene::start().await;
    scene.write("home1.a.power", MIDSUMMER, &[1.0]);
    for (path, field) in [
        ("latest?series=acme/home1.a.power", "series"),
        ("latest?serie=a", "serie"),
        ("readings?from=yesterday", "from"),
        ("readings?from=5&to=4", "to"),
        ("readings?every=5parsecs", "every"),
        ("readings?every=1d&zone=Mars/Base", "every"),
        ("readings?zone=Europe/Berlin", "zone"),
        ("readings?aggregate=average", "aggregate"),
        ("readings?gaps=linear", "gaps"),
        ("readings?gaps=linear&every=1s", "gaps"),
        ("readings?gaps=linear&every=1s&from=0&to=9999999999999999", "every"),
        ("readings?limit=0", "limit"),
        ("readings?limit=100001", "limit"),
        ("readings?cursor=x", "cursor"),
        ("readings?format=xml", "format"),
        ("readings?format=csv&limit=5", "limit"),
        ("chart?width=3", "width"),
        ("chart?from=7&to=7", "to"),
        ("balance?zone=Mars/Base", "zone"),
        ("findings?from=-9000d", "from"),
    ] {
        let (status, named) = scene.get(&format!("{SITE}/{path}")).await.refused();
        assert_eq!((status, named.as_deref()), (400, Some(field)), "{path}");
    }
    for (body, field) in [
        (json!({"series": "*.power", "time_us": [], "value": []}), "series"),
        (json!({"series": "a.power", "unit": "parsec", "time_us": [], "value": []}), "unit"),
        (json!({"series": "a.power", "time_us": [1], "value": []}), "value"),
        (json!({"series": "acme/home1.a.power", "time_us": [], "value": []}), "series"),
    ] {
        let (status, named) = scene.post(&format!("{SITE}/readings"), &body).await.refused();
        assert_eq!((status, named.as_deref()), (400, Some(field)), "{body}");
    }
    assert_eq!(scene.get(&format!("{SITE}/readings?series=b.power")).await.refused().0, 404);
    scene.shutdown().await;
}
