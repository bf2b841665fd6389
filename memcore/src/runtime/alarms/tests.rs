//! Where webhooks may go, against what people and names try; what is signed and what is told of a failure.

use std::net::{IpAddr, SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ring::hmac;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::config::AlarmsConfig;
use super::courier::{Courier, Failure};
use super::face::trial;
use super::guard::{Allowed, Lookup};
use super::kept::KeptNotifier;
use crate::alarms::{Bundle, Moment, NotifierSettings};
use crate::model::{Name, Timestamp};
use crate::router::BoxFuture;

/// Names that lead where a test says: to the first list at the first time, and so on; to the last one from then on.
#[derive(Debug)]
struct Names {
    answers: Vec<Vec<&'static str>>,
    asked: AtomicUsize,
}

impl Lookup for Names {
    fn lookup(&self, _: String) -> BoxFuture<'static, std::io::Result<Vec<SocketAddr>>> {
        let turn = self.asked.fetch_add(1, Ordering::SeqCst).min(self.answers.len() - 1);
        let found: Vec<SocketAddr> =
            self.answers[turn].iter().map(|text| SocketAddr::new(text.parse::<IpAddr>().unwrap(), 0)).collect();
        Box::pin(async move { Ok(found) })
    }
}

fn courier(allow: &[String], answers: &[&[&'static str]]) -> Courier {
    let config = AlarmsConfig { webhook_allow: allow.to_vec(), ..AlarmsConfig::default() };
    let answers = answers.iter().map(|answer| answer.to_vec()).collect();
    Courier::with_lookup(&config, Arc::new(Names { answers, asked: AtomicUsize::new(0) })).unwrap()
}

fn webhook(url: &str) -> NotifierSettings {
    let secret = Some("a secret of sixteen".to_owned());
    NotifierSettings::Webhook { name: "hook".into(), enabled: true, url: url.into(), secret }
}

fn news(settings: &NotifierSettings) -> Bundle {
    let (operator, id) = (Name::new("local").unwrap(), Name::new("hook").unwrap());
    let kept = KeptNotifier { operator, id, settings: settings.clone(), last_sent: None, last_problem: None };
    trial(&kept, Moment { wall: now(), elapsed: std::time::Duration::ZERO })
}

fn now() -> Timestamp {
    "2026-06-21T12:00:00Z".parse().unwrap()
}

async fn send(courier: &Courier, url: &str) -> Result<(), Failure> {
    let settings = webhook(url);
    courier.send(&settings, &news(&settings), "1-test", now()).await
}

/// Takes one request and answers it.
async fn receive(listener: TcpListener, answer: &'static str) -> String {
    let (mut stream, _) = listener.accept().await.unwrap();
    let (mut text, mut buffer) = (String::new(), [0; 4096]);
    loop {
        let count = stream.read(&mut buffer).await.unwrap();
        text.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = header(head, "content-length").parse::<usize>().unwrap();
        if body.len() >= length {
            break;
        }
    }
    stream.write_all(answer.as_bytes()).await.unwrap();
    text
}

fn header<'a>(head: &'a str, name: &str) -> &'a str {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
}

#[test]
fn addresses_that_are_not_public_are_refused_in_every_spelling() {
    let courier = courier(&[], &[&["93.184.215.14"]]);
    for url in [
        "http://hooks.example/",
        "ftp://hooks.example/",
        "file:///etc/passwd",
        "https://",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f.0.0.1/",
        "https://0177.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[::127.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[64:ff9b:1::a00:1]/",
        "https://[2002:7f00:1::]/",
        "https://[2001:0:7f00:1::]/",
        "https://0.0.0.0/",
        "https://[::]/",
        "https://10.0.0.1/",
        "https://172.16.0.1/",
        "https://192.168.1.1/",
        "https://100.64.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[fd00:ec2::254]/",
        "https://[fe80::1]/",
        "https://[fc00::1]/",
        "https://168.63.129.16/",
        "https://192.0.0.192/",
        "https://224.0.0.1/",
        "https://[ff02::1]/",
        "https://255.255.255.255/",
        "https://198.18.0.1/",
        "https://user:secret@hooks.example/",
        "https://hooks.example/\r\nHost: x",
    ] {
        let e = courier.check(&webhook(url)).unwrap_err();
        assert!(e.message().starts_with("url is "), "{url}: {e}");
    }
    for url in ["https://hooks.example/a?b=c", "https://93.184.215.14:8443/", "https://[2606:4700::1111]/"] {
        courier.check(&webhook(url)).unwrap();
    }
}

#[test]
fn what_may_be_reached_beside_is_said_by_network_or_origin() {
    let entries = ["10.1.0.0/16", "http://127.0.0.1:9000", "fd12::/16"].map(str::to_owned);
    let allowed = Allowed::new(&entries).unwrap();
    for (address, refused) in [
        ("10.1.2.3", false),
        ("10.2.0.1", true),
        ("127.0.0.1", false),
        ("127.0.0.2", true),
        ("fd12::1", false),
        ("fd13::1", true),
    ] {
        assert_eq!(allowed.refuses(address.parse().unwrap()).is_some(), refused, "{address}");
    }
    for (url, good) in [
        ("http://127.0.0.1:9000/hook", true),
        ("http://127.0.0.1:9001/hook", false),
        ("http://10.1.2.3/", false),
        ("https://10.1.2.3/", true),
    ] {
        assert_eq!(allowed.check(url).is_ok(), good, "{url}");
    }
    for entry in ["10.1.0.0/33", "everything", "https://hooks.example", "http://10.1.2.3/path"] {
        let e = Allowed::new(&[entry.to_owned()]).unwrap_err();
        assert!(e.message().contains("alarms.webhook_allow") && e.message().contains(entry), "{e}");
    }
}

#[tokio::test]
async fn a_name_is_looked_at_when_it_is_connected_to() {
    // Somebody listens on this machine, and must not be reached.
    let inside = StdListener::bind("127.0.0.1:0").unwrap();
    inside.set_nonblocking(true).unwrap();
    let url = format!("https://rebound.example:{}/", inside.local_addr().unwrap().port());
    for answer in [
        &["127.0.0.1"][..],
        &["93.184.215.14", "127.0.0.1"],
        &["::ffff:127.0.0.1"],
        &["169.254.169.254"],
        &["64:ff9b::7f00:1"],
    ] {
        let courier = courier(&[], &[answer]);
        // Nothing is wrong with the name itself.
        courier.check(&webhook(&url)).unwrap();
        let failure = send(&courier, &url).await.unwrap_err();
        assert!(failure.why.starts_with("the name leads to an address that is"), "{answer:?}: {}", failure.why);
    }
    assert_eq!(inside.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn a_name_that_changes_its_mind_between_two_messages_is_refused_at_the_second() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let url = format!("http://hooks.example:{port}/");
    let allow = [format!("http://hooks.example:{port}"), "127.0.0.1/32".to_owned()];
    let courier = courier(&allow, &[&["127.0.0.1"], &["127.0.0.2"]]);
    let received = tokio::spawn(receive(listener, "HTTP/1.1 204 No Content\r\n\r\n"));
    send(&courier, &url).await.unwrap();
    received.await.unwrap();
    let failure = send(&courier, &url).await.unwrap_err();
    assert!(failure.why.contains("this machine's own"), "{}", failure.why);
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_what_it_says_is_not_told() {
    let inside = StdListener::bind("127.0.0.1:0").unwrap();
    inside.set_nonblocking(true).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let courier = courier(&[url.trim_end_matches("/hook").to_owned()], &[&[]]);
    let target = format!("http://{}/", inside.local_addr().unwrap());
    let answer: &'static str =
        Box::leak(format!("HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 5\r\n\r\nhello").into_boxed_str());
    let received = tokio::spawn(receive(listener, answer));
    let failure = send(&courier, &url).await.unwrap_err();
    assert_eq!(failure, Failure { why: "it answered 302".into(), never: true });
    received.await.unwrap();
    assert_eq!(inside.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn a_message_is_json_signed_with_its_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook?key=planted", listener.local_addr().unwrap());
    let courier = courier(&[format!("http://{}", listener.local_addr().unwrap())], &[&[]]);
    let received = tokio::spawn(receive(listener, "HTTP/1.1 503 Later\r\nContent-Length: 0\r\n\r\n"));
    let failure = send(&courier, &url).await.unwrap_err();
    assert_eq!(failure, Failure { why: "it answered 503".into(), never: false });
    let text = received.await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /hook?key=planted HTTP/1.1"), "{head}");
    assert_eq!((header(head, "content-type"), header(head, "memcore-delivery")), ("application/json", "1-test"));
    let seconds = now().as_micros() / 1_000_000;
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"a secret of sixteen");
    let tag = hmac::sign(&key, format!("{seconds}.{body}").as_bytes());
    let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(header(head, "memcore-signature"), format!("t={seconds},v1={hex}"));
    let told: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!((&told["version"], &told["alarms"][0]["what"]), (&1.into(), &"raised".into()));
    // Neither the address nor the secret is told to anybody.
    assert!(!failure.why.contains("planted") && !format!("{:?}", webhook(&url)).contains("sixteen"));
}
