//! A server with its API on loopback, and a client of HTTP that shows every byte.
#![allow(dead_code, reason = "each test file uses its part of it")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use memcore::accounts::{Caller, Grants, Role, Scope, Via};
use memcore::client::{Device, DeviceOptions};
use memcore::model::{Channel, Timestamp, Unit};
use memcore::rest::{Api, HostCaller};
use memcore::{Config, Enrolment, ProofKind, Server};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) const SITE: &str = "/api/v1/operators/local/sites/home1";
pub(crate) const LIVE: &str = "/api/v1/operators/local/live";

/// A server whose program vouches for whoever asks.
pub(crate) struct Scene {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) server: Server,
    pub(crate) http: SocketAddr,
    pub(crate) config: Config,
    serving: tokio::task::JoinHandle<()>,
}

impl Scene {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::at(folder.path().join("site"));
        config.gateway.listen = ([127, 0, 0, 1], 0).into();
        change(&mut config);
        let server = Server::start(config.clone()).await.unwrap();
        let api = Api::open(server.handle(), config.clone()).await.unwrap();
        let router = api.router().layer(Extension(HostCaller(Arc::new(engineer()))));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let http = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { folder, server, http, config, serving }
    }

    /// Writes a row a minute from `from` seconds on.
    pub(crate) fn write(&self, series: &str, from: i64, values: &[f64]) {
        let times: Vec<Timestamp> = (0..values.len() as i64).map(|n| Timestamp::from_seconds(from + n * 60)).collect();
        let values: Vec<Option<f64>> = values.iter().copied().map(Some).collect();
        self.server.memcore().write(&series.parse().unwrap(), &times, &values, Some(Unit::Watt)).unwrap();
    }

    /// A device of so many channels `node0.power`, `node1.power` and so on.
    pub(crate) async fn device(&self, name: &str, channels: usize) -> Device {
        let enrolment = Enrolment::open(&self.config).unwrap();
        let server = format!("localhost:{}", self.server.address().port());
        let bundle = enrolment.enroll(&name.parse().unwrap(), ProofKind::Secret, Some(&server)).unwrap();
        let channel = |n| Channel::gauge(&format!("node{n}.power"), Unit::Watt).unwrap().build().unwrap();
        Device::connect(DeviceOptions::new(bundle, (0..channels).map(channel).collect())).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], b"").await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask("POST", path, &[("content-type", "application/json")], body.to_string().as_bytes()).await
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut connection = Connection::open(self.http, method, path, headers, Some(body)).await;
        let body = connection.rest().await;
        Answer { status: connection.status, head: connection.head, body }
    }

    pub(crate) async fn shutdown(self) {
        self.serving.abort();
        self.server.shutdown().await.unwrap();
    }
}

fn engineer() -> Caller {
    let user = serde_json::from_value("ada".into()).unwrap();
    let scopes = BTreeSet::from([Scope::Read, Scope::Command, Scope::Configure]);
    let via = Via::Token { id: "t1".to_owned(), scopes };
    Caller { user, via, grants: Grants { everywhere: Some(Role::Engineer), at: BTreeMap::new() } }
}

/// An answer as a whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    /// The JSON of one that went well.
    pub(crate) fn good(&self) -> Value {
        assert!((200..300).contains(&self.status), "{}: {}", self.status, self.text());
        self.json()
    }

    /// Status and field of a problem.
    pub(crate) fn refused(&self) -> (u16, Option<String>) {
        assert!(self.head.contains("application/problem+json"), "{}\n{}", self.head, self.text());
        (self.status, self.json()["field"].as_str().map(str::to_owned))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// An answer as it comes.
pub(crate) struct Connection {
    socket: TcpStream,
    have: Vec<u8>,
    chunked: bool,
    left: Option<usize>,
    pub(crate) status: u16,
    pub(crate) head: String,
}

impl Connection {
    pub(crate) async fn open(
        to: SocketAddr,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Self {
        let mut socket = TcpStream::connect(to).await.unwrap();
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {to}\r\n");
        headers.iter().for_each(|(name, value)| request += &format!("{name}: {value}\r\n"));
        if let Some(body) = body {
            request += &format!("content-length: {}\r\n", body.len());
        }
        socket.write_all(format!("{request}\r\n").as_bytes()).await.unwrap();
        // One that is refused early may close before it has read all.
        let _ = socket.write_all(body.unwrap_or_default()).await;
        let mut connection = Self { socket, have: Vec::new(), chunked: false, left: None, status: 0, head: String::new() };
        connection.read_head().await;
        connection
    }

    async fn more(&mut self) -> bool {
        let read = tokio::time::timeout(Duration::from_secs(30), self.socket.read_buf(&mut self.have)).await;
        read.expect("nothing came for 30 s").unwrap_or(0) > 0
    }

    async fn read_head(&mut self) {
        let end = loop {
            if let Some(end) = self.have.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            assert!(self.more().await, "no answer: {:?}", String::from_utf8_lossy(&self.have));
        };
        self.head = String::from_utf8(self.have.drain(..end + 4).collect()).unwrap().to_ascii_lowercase();
        self.status = self.head[9..12].parse().unwrap();
        self.chunked = self.head.contains("transfer-encoding: chunked");
        let length = self.head.split("content-length: ").nth(1);
        self.left = length.map(|text| text.split("\r\n").next().unwrap().parse().unwrap());
    }

    /// The next piece of the body; none at its end.
    pub(crate) async fn piece(&mut self) -> Option<Vec<u8>> {
        if !self.chunked {
            let left = self.left.take()?;
            while self.have.len() < left {
                assert!(self.more().await, "the body broke off");
            }
            return Some(self.have.drain(..left).collect());
        }
        let line = loop {
            if let Some(end) = self.have.windows(2).position(|two| two == b"\r\n") {
                break end;
            }
            if !self.more().await {
                return None;
            }
        };
        let length = usize::from_str_radix(std::str::from_utf8(&self.have[..line]).unwrap(), 16).unwrap();
        while self.have.len() < line + 2 + length + 2 {
            if !self.more().await {
                return None;
            }
        }
        let piece = self.have[line + 2..line + 2 + length].to_vec();
        self.have.drain(..line + 2 + length + 2);
        (length > 0).then_some(piece)
    }

    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(piece) = self.piece().await {
            all.extend(piece);
        }
        all
    }
}

/// One who listens to server-sent events.
pub(crate) struct Listener {
    connection: Connection,
    have: String,
}

/// What it heard.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Heard {
    pub(crate) topic: String,
    pub(crate) id: Option<String>,
    pub(crate) data: Value,
}

impl Listener {
    pub(crate) async fn open(scene: &Scene, query: &str, last_event_id: Option<&str>) -> Self {
        let id = last_event_id.map(|id| ("last-event-id", id));
        let headers: Vec<(&str, &str)> = id.into_iter().collect();
        Self::at(scene.http, query, &headers).await
    }

    /// One who proves who it is by a header.
    pub(crate) async fn at(http: SocketAddr, query: &str, headers: &[(&str, &str)]) -> Self {
        let connection = Connection::open(http, "GET", &format!("{LIVE}{query}"), headers, None).await;
        assert_eq!(connection.status, 200, "{}", connection.head);
        assert!(connection.head.contains("content-type: text/event-stream"), "{}", connection.head);
        Self { connection, have: String::new() }
    }

    /// The next event; none where the server has ended it.
    pub(crate) async fn next(&mut self) -> Option<Heard> {
        let end = loop {
            if let Some(end) = self.have.find("\n\n") {
                break end;
            }
            self.have += std::str::from_utf8(&self.connection.piece().await?).unwrap();
        };
        let event: String = self.have.drain(..end + 2).collect();
        let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
        let data = serde_json::from_str(&field("data: ").unwrap()).unwrap();
        Some(Heard { topic: field("event: ").unwrap(), id: field("id: "), data })
    }

    /// The next event of a topic, whatever comes before.
    pub(crate) async fn next_of(&mut self, topic: &str) -> Heard {
        loop {
            let heard = self.next().await.unwrap_or_else(|| panic!("it ended before {topic}"));
            if heard.topic == topic {
                return heard;
            }
        }
    }
}
