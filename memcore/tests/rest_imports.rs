//! Imports over HTTP: received, read, watched, cancelled, and kept within their site.
#![cfg(feature = "rest")]

mod rest_support;

use rest_support::{SITE, Scene};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

const CSV: &str = "time,power [kW]\n2026-06-21T00:00:00Z,1.5\n2026-06-21T00:01:00Z,1.6\n2026-06-21T00:02:00Z,\n";

async fn import(scene: &Scene, query: &str, file: &str) -> Value {
    let path = format!("{SITE}/imports{query}");
    let begun = scene.ask("POST", &path, &[("content-type", "application/octet-stream")], file.as_bytes()).await;
    assert_eq!(begun.status, 202, "{}", begun.text());
    ended(scene, begun.json()["id"].as_str().unwrap()).await
}

async fn ended(scene: &Scene, id: &str) -> Value {
    loop {
        let import = scene.get(&format!("{SITE}/imports/{id}")).await.good();
        if !import["ended_us"].is_null() {
            return import;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

fn left_behind(scene: &Scene) -> Vec<std::path::PathBuf> {
    let folder = scene.folder.path().join("site/imports");
    std::fs::read_dir(folder).map_or_else(|_| Vec::new(), |all| all.map(|entry| entry.unwrap().path()).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_becomes_history_and_leaves_nothing_behind() {
    let scene = Scene::start().await;
    let done = import(&scene, "?name=..%2F..%2Fjune.csv&device=meter", CSV).await;
    assert_eq!((&done["state"], &done["name"], &done["problem"]), (&json!("done"), &json!("june.csv"), &Value::Null));
    assert_eq!((&done["bytes"], &done["total_bytes"]), (&json!(CSV.len()), &json!(CSV.len())));
    assert_eq!(
        (&done["report"]["rows"], &done["report"]["points"], &done["report"]["gaps"]),
        (&json!(3), &json!(2), &json!(1))
    );
    assert_eq!(done["by"], json!("user ada, token t1"));
    let latest = scene.get(&format!("{SITE}/latest?series=meter.power")).await.good();
    assert_eq!(latest["items"][0]["value"], json!(1600.0));
    let again = import(&scene, "?name=june.csv&device=home1.meter", CSV).await;
    assert_eq!((&again["report"]["points"], &again["report"]["repeated"]), (&json!(0), &json!(2)));
    let list = scene.get(&format!("{SITE}/imports?limit=1")).await.good();
    assert_eq!((&list["items"][0]["id"], list["next"].is_string()), (&again["id"], true));
    assert_eq!(left_behind(&scene), Vec::<std::path::PathBuf>::new());
    scene.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_says_what_it_understands_and_writes_nothing() {
    let scene = Scene::start().await;
    scene.write("home1.other.power", 0, &[1.0]);
    let tried = import(&scene, "?dry_run=true&device=meter", CSV).await;
    assert_eq!((&tried["state"], &tried["dry_run"], &tried["report"]["points"]), (&json!("done"), &json!(true), &json!(2)));
    assert_eq!(scene.get(&format!("{SITE}/readings?series=meter.power")).await.refused().0, 404);
    scene.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_names_another_site_writes_nothing_there() {
    let scene = Scene::start().await;
    for series in ["home2.meter.power", "acme/home1.meter.power"] {
        let file = format!("series,time,value,unit\n{series},2026-06-21T00:00:00Z,1.5,kW\n");
        let failed = import(&scene, "?name=%3Cimg%20src=x%3E.csv", &file).await;
        assert_eq!((&failed["state"], &failed["name"]), (&json!("failed"), &json!("<img src=x>.csv")));
        let problem = failed["problem"].as_str().unwrap();
        assert!(problem.contains(series) && !problem.contains(".part"), "{problem}");
        assert!(scene.server.memcore().store().channel(&series.parse().unwrap()).is_none());
    }
    let unread = import(&scene, "?device=meter", "nothing of sense").await;
    assert_eq!(unread["state"], json!("failed"));
    assert_eq!(left_behind(&scene), Vec::<std::path::PathBuf>::new());
    scene.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_cancelled_ends_and_is_listed_until_it_is_removed() {
    let scene = Scene::start().await;
    // A file that never comes to its end.
    let mut socket = tokio::net::TcpStream::connect(scene.http).await.unwrap();
    let head = format!("POST {SITE}/imports?device=meter HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n{CSV}");
    socket.write_all(head.as_bytes()).await.unwrap();
    let id = loop {
        let list = scene.get(&format!("{SITE}/imports")).await.good();
        if let Some(first) = list["items"].get(0) {
            assert_eq!(first["state"], json!("receiving"));
            break first["id"].as_str().unwrap().to_owned();
        }
    };
    let one = format!("{SITE}/imports/{id}");
    assert_eq!(scene.ask("DELETE", &one, &[], b"").await.good()["state"], json!("cancelled"));
    socket.write_all(CSV.as_bytes()).await.unwrap();
    drop(socket);
    assert_eq!(scene.get(&one).await.good()["state"], json!("cancelled"));
    scene.ask("DELETE", &one, &[], b"").await.good();
    assert_eq!(scene.get(&one).await.refused().0, 404);
    while !left_behind(&scene).is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    scene.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_taken_in_is_refused_before_it_is_read() {
    let scene = Scene::start_with(|config| config.http.import_bytes = 1000).await;
    let path = |query: &str| format!("{SITE}/imports{query}");
    let large = vec![b'x'; 1001];
    assert_eq!(scene.ask("POST", &path(""), &[], &large).await.refused().0, 413);
    for (query, field) in [
        ("?device=home2.meter", "device"),
        ("?device=acme/home1.meter", "device"),
        ("?unit=parsec", "unit"),
        ("?zone=Mars/Base", "zone"),
        ("?mapping=%7Bnot", "mapping"),
        ("?colour=red", "colour"),
    ] {
        let (status, named) = scene.ask("POST", &path(query), &[], CSV.as_bytes()).await.refused();
        assert_eq!((status, named.as_deref()), (400, Some(field)), "{query}");
    }
    assert_eq!(scene.ask("POST", &path(""), &[], b"").await.refused(), (400, Some("body".to_owned())));
    scene.shutdown().await;
}
