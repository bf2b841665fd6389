//! HTTP as an attacker speaks it: too much, too slow, malformed, from elsewhere. The server refuses, stays bounded, and goes on.
#![cfg(feature = "rest")]

use std::time::Duration;

use memcore::rest::HttpServer;
use memcore::{Config, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than the server waits for anything; nothing is asserted about time but that it ends.
const LONG: Duration = Duration::from_secs(90);

struct Attacked {
    server: Server,
    http: HttpServer,
    _folder: tempfile::TempDir,
}

impl Attacked {
    async fn start(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::at(folder.path().join("site"));
        config.gateway.listen = "127.0.0.1:0".parse().unwrap();
        config.http.listen = Some("127.0.0.1:0".parse().unwrap());
        change(&mut config);
        let server = Server::start(config.clone()).await.unwrap();
        let http = memcore::rest::serve(server.handle(), config).await.unwrap();
        Self { server, http, _folder: folder }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.http.address()).await.unwrap()
    }

    /// Sends that on a connection of its own, and reads until the server closes it.
    async fn say(&self, text: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect().await;
        // It may be closed before all was sent: that is an answer too.
        let _ = stream.write_all(text.as_ref()).await;
        read_to_end(&mut stream).await
    }

    /// Asks with those lines of headers.
    async fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> String {
        let length = body.len();
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n");
        self.say(format!("{head}{headers}\r\n{body}")).await
    }

    async fn is_well(&self) {
        let said = self.ask("GET", "/api/v1/health", "", "").await;
        assert!(said.starts_with("HTTP/1.1 200 ") && said.contains("\"ok\""), "{said}");
    }

    async fn end(self) {
        self.http.shutdown().await;
        self.server.shutdown().await.unwrap();
    }
}

async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset ends it as well.
    let _ = timeout(LONG, stream.read_to_end(&mut bytes)).await.expect("the server closes the connection");
    String::from_utf8_lossy(&bytes).into_owned()
}

fn status(said: &str) -> u16 {
    said.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("no answer: {said:?}"))
}

#[tokio::test]
async fn unknown_addresses_and_methods_are_problems() {
    let attacked = Attacked::start(|_| ()).await;
    for (method, path, expected) in [
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/api", 404),
        ("POST", "/api/v1/health", 405),
        ("TRACE", "/api/v1/health", 405),
        ("GET", "/api/v1/status", 401),
        ("GET", "/api/v1/health?x", 200),
        ("HEAD", "/api/v1/health", 200),
    ] {
        let said = attacked.ask(method, path, "", "").await;
        assert_eq!(status(&said), expected, "{method} {path}: {said}");
        assert!(said.contains("x-content-type-options: nosniff"), "{said}");
        if expected >= 400 {
            assert!(said.contains("application/problem+json") && said.contains("\"detail\""), "{method} {path}: {said}");
        }
    }
    assert!(attacked.ask("GET", "/api/v1/status", "", "").await.contains("www-authenticate: Bearer"));
    attacked.end().await;
}

#[tokio::test]
async fn paths_and_headers_that_trick_others_are_refused() {
    let attacked = Attacked::start(|_| ()).await;
    for path in [
        "/api/v1/../../etc/passwd",
        "/..%2f..%2fetc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "//etc/passwd",
        "/api/v1/operators/%00/sites",
        "/api/v1/operators/%ff/sites",
        "/api/v1/operators/a%2Fb/sites",
        "/api//v1/health",
        "/index.html%00.png",
        "/api/v1/health/",
        "http://evil.example/api/v1/health",
    ] {
        let said = attacked.ask("GET", path, "", "").await;
        assert!((400..500).contains(&status(&said)), "{path}: {said}");
        assert!(!said.contains("root:"), "{path}: {said}");
    }
    for raw in [
        "GET / HTTP/1.1\r\n\r\n",
        "GET \0 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "\r\n\r\n\r\n\0\0\0",
        "\x16\x03\x01\x02\0\x01\0\x01",
    ] {
        let said = attacked.say(raw).await;
        assert!(said.is_empty() || (400..500).contains(&status(&said)), "{raw:?}: {said}");
    }
    // Two lengths, or a length and chunks: what one server takes for the end, another takes for the next request.
    for headers in ["Content-Length: 5\r\nContent-Length: 6\r\n", "Content-Length: x\r\n"] {
        let said = attacked.say(format!("POST /api/v1/session HTTP/1.1\r\nHost: localhost\r\n{headers}\r\nhello")).await;
        assert!(said.is_empty() || status(&said) == 400, "{headers}: {said}");
    }
    attacked.is_well().await;
    attacked.end().await;
}

#[tokio::test]
async fn what_is_too_large_is_refused_before_it_is_kept() {
    let attacked = Attacked::start(|_| ()).await;
    let long = format!("X-Long: {}\r\n", "x".repeat(100_000));
    assert_eq!(status(&attacked.ask("GET", "/api/v1/health", &long, "").await), 431);
    let many: String = (0..500).map(|n| format!("X-{n}: x\r\n")).collect();
    assert_eq!(status(&attacked.ask("GET", "/api/v1/health", &many, "").await), 431);
    let path = format!("/{}", "x".repeat(70_000));
    assert!((400..500).contains(&status(&attacked.ask("GET", &path, "", "").await)));
    let body = format!("{{\"user\": \"{}\"}}", "x".repeat(3 << 20));
    let said = attacked.ask("POST", "/api/v1/session", "Content-Type: application/json\r\n", &body).await;
    assert!(said.is_empty() || status(&said) == 413, "{}", &said[..said.len().min(300)]);
    let deep = "[".repeat(100_000);
    let said = attacked.ask("POST", "/api/v1/session", "Content-Type: application/json\r\n", &deep).await;
    assert_eq!(status(&said), 400, "{said}");
    attacked.is_well().await;
    attacked.end().await;
}

#[tokio::test]
async fn only_names_of_this_machine_are_answered_on_loopback() {
    let attacked = Attacked::start(|config| config.http.public_url = Some("https://energy.example".into())).await;
    for (host, expected) in [("evil.example", 421), ("192.0.2.1:8080", 421), ("energy.example", 200), ("127.0.0.1:1", 200)]
    {
        let said = attacked.say(format!("GET /api/v1/health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await;
        assert_eq!(status(&said), expected, "{host}: {said}");
    }
    for (origin, expected) in [("https://evil.example", 403), ("null", 403), ("https://energy.example", 415)] {
        let said = attacked.ask("POST", "/api/v1/session", &format!("Origin: {origin}\r\n"), "").await;
        assert_eq!(status(&said), expected, "{origin}: {said}");
    }
    attacked.end().await;
}

#[tokio::test]
async fn other_sites_read_nothing_unless_they_are_named() {
    let preflight = "Origin: https://dash.example\r\nAccess-Control-Request-Method: GET\r\n";
    let attacked = Attacked::start(|_| ()).await;
    let said = attacked.ask("OPTIONS", "/api/v1/status", preflight, "").await;
    assert!(!said.contains("access-control-allow"), "{said}");
    attacked.end().await;
    let attacked = Attacked::start(|config| config.http.origins = vec!["https://dash.example".into()]).await;
    let said = attacked.ask("OPTIONS", "/api/v1/status", preflight, "").await;
    assert!(said.contains("access-control-allow-origin: https://dash.example"), "{said}");
    assert!(!said.contains("access-control-allow-credentials"), "{said}");
    let said = attacked.ask("GET", "/api/v1/health", "Origin: https://evil.example\r\n", "").await;
    assert!(!said.contains("access-control-allow-origin"), "{said}");
    attacked.end().await;
}

#[tokio::test]
async fn an_address_that_proves_nothing_may_ask_so_often() {
    let attacked = Attacked::start(|_| ()).await;
    let mut stream = attacked.connect().await;
    let request = "GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer guess\r\n\r\n";
    stream.write_all(request.repeat(600).as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let said = read_to_end(&mut stream).await;
    let (refused, limited) = (said.matches("HTTP/1.1 401").count(), said.matches("HTTP/1.1 429").count());
    assert!(refused >= 200 && limited > 0 && refused + limited == 600, "{refused} refused, {limited} limited");
    assert!(said.contains("retry-after: 1\r\n"));
    attacked.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_bounded_and_places_come_free() {
    let attacked = Attacked::start(|config| config.http.connections = 20).await;
    let mut idle = Vec::new();
    for _ in 0..20 {
        let mut stream = attacked.connect().await;
        // Answered: it has its place.
        stream.write_all(b"GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        assert!(stream.read(&mut [0; 64]).await.unwrap() > 0);
        idle.push(stream);
    }
    for _ in 0..500 {
        let mut stream = attacked.connect().await;
        let _ = stream.write_all(b"GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        assert_eq!(read_to_end(&mut stream).await, "", "one that finds no place is closed");
    }
    drop(idle);
    timeout(LONG, async {
        while attacked.ask("GET", "/api/v1/health", "", "").await.is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .expect("places come free");
    attacked.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_slow_is_let_go() {
    let attacked = Attacked::start(|_| ()).await;
    let slow = ["", "P", "PRI * HTTP/2.0\r\n", "GET /api/v1/health HTTP/1.1\r\nHost: loc"].map(|begun| {
        let address = attacked.http.address();
        async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(begun.as_bytes()).await.unwrap();
            read_to_end(&mut stream).await
        }
    });
    let body = async {
        let mut stream = attacked.connect().await;
        let head = "POST /api/v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{";
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = vec![0; 4096];
        let bytes = timeout(LONG, stream.read(&mut answer)).await.expect("it is answered").unwrap();
        String::from_utf8_lossy(&answer[..bytes]).into_owned()
    };
    let [nothing, one, preface, head] = slow;
    let (.., head, body) = tokio::join!(nothing, one, preface, head, body);
    assert!(head.is_empty() || status(&head) == 408, "{head}");
    assert_eq!(status(&body), 408, "{body}");
    attacked.is_well().await;
    attacked.end().await;
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_resets_ends_its_connection() {
    let attacked = Attacked::start(|_| ()).await;
    let mut stream = attacked.connect().await;
    let mut flood = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    flood.extend(frame(4, 0, 0, &[]));
    // GET http / of authority localhost, out of the static table; and never mind.
    let head = [&[0x82, 0x86, 0x84, 0x41, 9][..], b"localhost"].concat();
    for number in 0..20_000u32 {
        flood.extend(frame(1, 5, number * 2 + 1, &head));
        flood.extend(frame(3, 0, number * 2 + 1, &8u32.to_be_bytes()));
    }
    let (mut reading, mut writing) = stream.split();
    let mut answered = Vec::new();
    let reads = async { timeout(LONG, reading.read_to_end(&mut answered)).await.expect("the connection is ended") };
    let (_, _) = tokio::join!(writing.write_all(&flood), reads);
    attacked.is_well().await;
    attacked.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn live_views_end_with_the_server() {
    let attacked = Attacked::start(|_| ()).await;
    let link = attacked.http.first_link().await.unwrap().unwrap();
    let secret = link.rsplit('/').next().unwrap();
    let body = r#"{"user": "anna", "password": "correct horse battery staple 7"}"#;
    let json = "Content-Type: application/json\r\n";
    let said = attacked.ask("POST", &format!("/api/v1/invitations/{secret}"), json, body).await;
    assert_eq!(status(&said), 200, "{said}");
    let cookie = said.split("set-cookie: ").nth(1).and_then(|rest| rest.split(';').next()).unwrap().to_owned();
    let mut stream = attacked.connect().await;
    let head = format!("GET /api/v1/operators/local/live HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut begun = vec![0; 4096];
    let bytes = timeout(LONG, stream.read(&mut begun)).await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&begun[..bytes]).contains("text/event-stream"));
    let ended = tokio::spawn(async move { read_to_end(&mut stream).await });
    timeout(LONG, attacked.end()).await.expect("a live view does not hold the server up");
    assert!(ended.await.unwrap().contains("event: end"));
}
