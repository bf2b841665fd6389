//! Live data over HTTP: what a device sends is heard, a cut loses nothing, who is slow is told, and a socket says the same.
#![cfg(feature = "rest")]

mod accounts_support;
mod rest_support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use accounts_support::api::{Browser, Site};
use accounts_support::{ANOTHER, PASSWORD};
use futures::{SinkExt, StreamExt};
use memcore::model::{Clock, ManualClock, Span, SystemClock, Timestamp};
use rest_support::{Heard, LIVE, Listener, Scene};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

fn values(heard: &Heard) -> Vec<f64> {
    heard.data["value"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
}

/// Hears readings until that value.
async fn until(listener: &mut Listener, last: f64) -> (Vec<f64>, Heard) {
    let mut all = Vec::new();
    loop {
        let heard = listener.next_of("readings").await;
        all.extend(values(&heard));
        if all.last() == Some(&last) {
            return (all, heard);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_missed_during_a_cut_is_heard_once() {
    let scene = Scene::start().await;
    let device = scene.device("home1.pv", 1).await;
    let mut listener = Listener::open(&scene, "?topics=readings", None).await;
    let hello = listener.next().await.unwrap();
    assert_eq!((hello.topic.as_str(), &hello.data["resumed"]), ("hello", &json!(false)));
    let send = async |n: i64| {
        device.send(Timestamp::from_seconds(n), &[Some(n as f64)]).await.unwrap();
        device.flush().await.unwrap();
    };
    send(1).await;
    send(2).await;
    let (heard, last) = until(&mut listener, 2.0).await;
    assert_eq!(heard, [1.0, 2.0]);
    drop(listener);
    send(3).await;
    send(4).await;
    let mut back = Listener::open(&scene, "?topics=readings", last.id.as_deref()).await;
    assert_eq!(back.next().await.unwrap().data["resumed"], json!(true));
    send(5).await;
    assert_eq!(until(&mut back, 5.0).await.0, [3.0, 4.0, 5.0]);
    // From an earlier server, or made up: what came after it is not known.
    let mut lost = Listener::open(&scene, "?topics=readings&resume=abc-7", None).await;
    let (hello, reset) = (lost.next().await.unwrap(), lost.next().await.unwrap());
    assert_eq!((&hello.data["resumed"], reset.topic.as_str()), (&json!(false), "reset"));
    send(6).await;
    assert_eq!(until(&mut lost, 6.0).await.0, [6.0]);
    device.close().await;
    scene.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_hears_what_it_asked_for_and_nothing_of_others() {
    let scene = Scene::start().await;
    let (pv, other) = (scene.device("home1.pv", 2).await, scene.device("acme/home1.pv", 1).await);
    let mut one = Listener::open(&scene, "?topics=readings&series=home1.*.node1.power", None).await;
    let mut site = Listener::open(&scene, "?topics=readings&site=home2", None).await;
    let mut events = Listener::open(&scene, "?topics=events", None).await;
    for listener in [&mut one, &mut site, &mut events] {
        listener.next_of("hello").await;
    }
    let time = Timestamp::from_seconds(1);
    other.send(time, &[Some(99.0)]).await.unwrap();
    other.flush().await.unwrap();
    pv.send(time, &[Some(1.0), Some(2.0)]).await.unwrap();
    let heard = one.next_of("readings").await;
    assert_eq!(heard.data, json!({"series": ["home1.pv.node1.power"], "time_us": [1_000_000], "value": [2.0]}));
    let wind = scene.device("home2.wind", 1).await;
    wind.send(time, &[Some(3.0)]).await.unwrap();
    assert_eq!(site.next_of("readings").await.data["series"], json!(["home2.wind.node0.power"]));
    let event = events.next_of("events").await;
    assert_eq!((&event.data["event"], &event.data["device"]), (&json!("connected"), &json!("home2.wind")));
    for (query, field) in [("?topics=weather", "topics"), ("?series=acme/home1.%3E", "series"), ("?site=a%20b", "site")] {
        assert_eq!(scene.get(&format!("{LIVE}{query}")).await.refused(), (400, Some(field.to_owned())), "{query}");
    }
    scene.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_read_is_told_what_it_lost_and_holds_up_nobody() {
    let scene = Scene::start().await;
    let device = scene.device("home1.pv", 32).await;
    let mut slow = Listener::open(&scene, "?topics=readings", None).await;
    let mut quick = Listener::open(&scene, "?topics=readings&series=home1.pv.node0.power", None).await;
    slow.next_of("hello").await;
    quick.next_of("hello").await;
    // More than the kernel keeps for one that does not read, and the server for one that is behind.
    let (messages, rows) = (400_i64, 50_i64);
    let sending = async {
        for message in 0..messages {
            let numbers = message * rows..(message + 1) * rows;
            let times: Vec<Timestamp> = numbers.clone().map(Timestamp::from_micros).collect();
            let column: Vec<Option<f64>> = numbers.map(|n| Some(n as f64)).collect();
            device.send_many(&times, &[&column[..]; 32]).await.unwrap();
            // Apart, so that each is told for itself: what waits for one that does not read is bounded by how many these are.
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        device.flush().await.unwrap();
    };
    let newest = (messages * rows - 1) as f64;
    // One that reads hears the newest, whatever the other does.
    let reading = until(&mut quick, newest);
    tokio::join!(sending, reading);
    let lost = slow.next_of("lost").await;
    assert!(lost.data["count"].as_u64().unwrap() > 0, "{lost:?}");
    // And it goes on with what is kept for it.
    loop {
        if values(&slow.next_of("readings").await).last() == Some(&newest) {
            break;
        }
    }
    scene.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_says_the_same_and_can_change_its_mind() {
    let scene = Scene::start().await;
    let device = scene.device("home1.pv", 2).await;
    let url = format!("ws://{}{LIVE}/socket?topics=readings&series=home1.pv.node0.power", scene.http);
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    async fn next(
        socket: &mut (impl StreamExt<Item = Result<Message, tokio_tungstenite::tungstenite::Error>> + Unpin),
    ) -> Value {
        let message = socket.next().await.unwrap().unwrap();
        serde_json::from_str(message.to_text().unwrap()).unwrap()
    }
    assert_eq!(next(&mut socket).await["topic"], json!("hello"));
    device.send(Timestamp::from_seconds(1), &[Some(1.0), Some(2.0)]).await.unwrap();
    let first = next(&mut socket).await;
    assert_eq!((&first["topic"], &first["data"]["value"]), (&json!("readings"), &json!([1.0])));
    let wish = json!({"subscribe": {"topics": ["readings"], "series": ["home1.pv.node1.power"]}});
    socket.send(Message::text(wish.to_string())).await.unwrap();
    assert_eq!(next(&mut socket).await["topic"], json!("hello"));
    device.send(Timestamp::from_seconds(2), &[Some(3.0), Some(4.0)]).await.unwrap();
    let second = next(&mut socket).await;
    assert_eq!(second["data"]["value"], json!([4.0]));
    // Behind what it heard first, it hears the rest of the same.
    let resume = first["id"].as_str().unwrap();
    let url = format!("ws://{}{LIVE}/socket?topics=readings&resume={resume}", scene.http);
    let (mut back, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    assert_eq!(next(&mut back).await["data"]["resumed"], json!(true));
    assert_eq!(next(&mut back).await["data"]["value"], json!([3.0, 4.0]));
    socket.send(Message::text("{\"subscribe\": {\"topics\": [\"weather\"]}}")).await.unwrap();
    let closed = socket.next().await.unwrap().unwrap();
    assert!(matches!(&closed, Message::Close(Some(frame)) if frame.reason.contains("weather")), "{closed:?}");
    assert_eq!(scene.get(&format!("{LIVE}/socket")).await.refused().0, 426);
    scene.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ends_says_so_to_those_who_listen() {
    let scene = Scene::start().await;
    let mut listener = Listener::open(&scene, "", None).await;
    listener.next_of("hello").await;
    scene.server.shutdown().await.unwrap();
    let end = listener.next_of("end").await;
    assert_eq!((&end.data["reason"], listener.next().await), (&json!("shutdown"), None));
}

/// The site's API behind a socket.
async fn served(site: &Site) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (http, router) = (listener.local_addr().unwrap(), site.router.clone());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    http
}

/// What a browser shows to prove who it is.
fn session(browser: &Browser) -> (&'static str, String) {
    ("cookie", browser.cookie.clone())
}

/// Two who listen with the same proof: to server-sent events, and by a socket.
struct Pair {
    events: Listener,
    socket: tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>,
}

impl Pair {
    async fn open(http: SocketAddr, (header, proof): (&'static str, String)) -> Self {
        let mut events = Listener::at(http, "?topics=events", &[(header, &proof)]).await;
        events.next_of("hello").await;
        let mut request = format!("ws://{http}{LIVE}/socket?topics=events").into_client_request().unwrap();
        request.headers_mut().insert(header, proof.parse().unwrap());
        request.headers_mut().insert("origin", format!("http://{http}").parse().unwrap());
        let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
        assert!(socket.next().await.unwrap().unwrap().to_text().unwrap().contains("hello"));
        Self { events, socket }
    }

    /// Both are told that they may not, before a second beat at the latest, and hear nothing more.
    async fn expect_end(mut self, why: &str) {
        let mut beats = 0;
        let end = loop {
            match self.events.next().await {
                Some(heard) if heard.topic == "end" => break heard,
                Some(heard) if heard.topic == "beat" => beats += 1,
                Some(heard) => assert_eq!(heard.topic, "events", "{why}"),
                None => panic!("{why}: it ended without a word"),
            }
        };
        assert_eq!(
            (&end.data["reason"], beats < 2, self.events.next().await),
            (&json!("unauthorized"), true, None),
            "{why}"
        );
        let mut said = Vec::new();
        while let Some(Ok(Message::Text(text))) = self.socket.next().await {
            said.push(serde_json::from_str::<Value>(&text).unwrap());
        }
        let end = said.last().unwrap_or_else(|| panic!("{why}: the socket ended without a word"));
        assert_eq!((&end["topic"], &end["data"]["reason"]), (&json!("end"), &json!("unauthorized")), "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_listen_no_longer_is_told_and_hears_no_more() {
    let site = Site::new().await;
    let (http, ada) = (served(&site).await, site.admin().await);
    let viewer = json!({"local": "viewer"});
    for (user, why, change) in [
        ("carl", "the role is gone", json!({"roles": {}})),
        ("dora", "the role is at another operator", json!({"roles": {"acme": "admin"}})),
        ("emil", "the user is shut out", json!({"disabled": true})),
        ("fred", "the password was reset", json!({"reset": true})),
    ] {
        let browser = site.joined(&ada, user, viewer.clone()).await;
        let listening = Pair::open(http, session(&browser)).await;
        let changed = site.page(&ada, "PATCH", &format!("/users/{user}"), Some(change)).await;
        assert_eq!(changed.status, 200, "{why}: {changed:?}");
        listening.expect_end(why).await;
    }
    let mut bob = site.joined(&ada, "bob", viewer.clone()).await;
    let listening = Pair::open(http, session(&bob)).await;
    assert_eq!(site.page(&bob, "DELETE", "/session", None).await.status, 204);
    listening.expect_end("the user signed out").await;

    let sign_in = json!({"user": "bob", "password": PASSWORD});
    bob = Browser::of(&site.page(&Browser::default(), "POST", "/session", Some(sign_in.clone())).await);
    let elsewhere = Browser::of(&site.page(&Browser::default(), "POST", "/session", Some(sign_in)).await);
    let (own, other) = (Pair::open(http, session(&bob)).await, Pair::open(http, session(&elsewhere)).await);
    let change = json!({"current": PASSWORD, "new": ANOTHER});
    assert_eq!(site.page(&bob, "PUT", "/session/password", Some(change)).await.status, 204);
    other.expect_end("another session changed the password").await;

    let asked = json!({"name": "script", "scopes": ["read"]});
    let made = site.page(&bob, "POST", "/tokens", Some(asked)).await;
    let proof = ("authorization", format!("Bearer {}", made.body["secret"].as_str().unwrap()));
    let program = Pair::open(http, proof).await;
    let id = made.body["token"]["id"].as_str().unwrap();
    assert_eq!(site.page(&bob, "DELETE", &format!("/tokens/{id}"), None).await.status, 204);
    program.expect_end("the token was revoked").await;

    // The session that changed the password has gone on all the while.
    let mut own = own;
    own.events.next_of("beat").await;
    assert_eq!(site.page(&ada, "DELETE", "/users/bob", None).await.status, 204);
    own.expect_end("the user was removed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn to_listen_is_no_request_so_that_an_idle_session_ends_all_the_same() {
    let clock = Arc::new(ManualClock::at(SystemClock::default().now()));
    let site = Site::with_clock(clock.clone(), |_| {}).await;
    let (http, ada) = (served(&site).await, site.admin().await);
    let mut listening = Pair::open(http, session(&ada)).await;
    clock.advance(Span::from_seconds(7 * 3600));
    let seven = clock.now().as_micros();
    while listening.events.next_of("beat").await.data["now_us"].as_i64().unwrap() < seven {}
    clock.advance(Span::from_seconds(7 * 3600));
    listening.expect_end("nothing was asked for twelve hours").await;
}
