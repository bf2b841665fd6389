//! A device made of bytes: a raw TLS connection that sends whatever a test wants.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use memcore::protocol::Bundle;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Long enough for any answer on a busy machine; no test waits for it unless it fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// How a raw device dials.
pub(crate) struct Dial<'a> {
    pub(crate) address: SocketAddr,
    pub(crate) ca_pem: &'a str,
    pub(crate) versions: &'static [&'static SupportedProtocolVersion],
    pub(crate) alpn: &'a [&'a [u8]],
    pub(crate) certificate: Option<(&'a str, &'a str)>,
    /// The device's own address, of this machine.
    pub(crate) from: [u8; 4],
}

impl<'a> Dial<'a> {
    pub(crate) fn new(address: SocketAddr, bundle: &'a Bundle) -> Self {
        let certificate = bundle.certificate_pem.as_deref().zip(bundle.key_pem.as_deref());
        let from = [127, 0, 0, 1];
        Self { address, ca_pem: &bundle.ca_pem, versions: rustls::ALL_VERSIONS, alpn: &[], certificate, from }
    }

    pub(crate) async fn connect(&self) -> std::io::Result<Raw> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.ca_pem.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider);
        let builder = builder.with_protocol_versions(self.versions).unwrap().with_root_certificates(roots);
        let mut config = match self.certificate {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                let chain = vec![CertificateDer::from_pem_slice(chain.as_bytes()).unwrap()];
                builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap()).unwrap()
            }
        };
        config.alpn_protocols = self.alpn.iter().map(|name| name.to_vec()).collect();
        let socket = TcpSocket::new_v4()?;
        socket.bind((self.from, 0).into())?;
        let stream = socket.connect(self.address).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("localhost").unwrap();
        Ok(Raw { tls: TlsConnector::from(Arc::new(config)).connect(name, stream).await?, buffer: Vec::new() })
    }
}

/// A connection on which nothing was said yet.
pub(crate) struct Raw {
    tls: TlsStream<TcpStream>,
    buffer: Vec<u8>,
}

/// The channels that raw devices describe.
pub(crate) const CHANNELS: &str = concat!(
    r#"{"name":"power","quantity":"power","unit":"W"},"#,
    r#"{"name":"relay","quantity":"switch","unit":"on/off","kind":"state","range":[0,1],"writable":true}"#
);

pub(crate) fn hello(bundle: &Bundle, boot: u64) -> String {
    let secret = bundle.credential.as_ref().map_or(String::new(), |secret| format!(r#""credential":"{secret}","#));
    format!(r#"{{"type":"hello","version":1,{secret}"boot":{boot},"channels":[{CHANNELS}]}}"#)
}

pub(crate) fn data(seq: u64, power: &str) -> String {
    format!(r#"{{"type":"data","seq":{seq},"time_us":{},"values":{{"power":{power}}}}}"#, 1_763_000_000_000_000 + seq)
}

impl Raw {
    /// Connects and says hello; the device is taken in.
    pub(crate) async fn open(address: SocketAddr, bundle: &Bundle, boot: u64) -> Self {
        let mut raw = Dial::new(address, bundle).connect().await.unwrap();
        raw.say(&hello(bundle, boot)).await;
        raw.expect("welcome").await;
        raw
    }

    /// Sends a line.
    pub(crate) async fn say(&mut self, line: &str) {
        self.send(format!("{line}\n").as_bytes()).await.unwrap();
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.tls.write_all(bytes).await?;
        self.tls.flush().await
    }

    /// Changes the keys that it encrypts with, and asks the server to change its own.
    pub(crate) fn renew_keys(&mut self) {
        self.tls.get_mut().1.refresh_traffic_keys().unwrap();
    }

    /// The next message; `None` where the server has hung up, in whatever way.
    pub(crate) async fn hear(&mut self) -> Option<Value> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return Some(serde_json::from_slice(&line).expect("the server writes JSON lines"));
            }
            let mut piece = vec![0; 16 << 10];
            match timeout_at(deadline, self.tls.read(&mut piece)).await.expect("an answer in time") {
                Ok(0) | Err(_) => return None,
                Ok(length) => self.buffer.extend_from_slice(&piece[..length]),
            }
        }
    }

    /// The bytes that arrive next; none where the server has hung up.
    pub(crate) async fn hear_bytes(&mut self) -> Vec<u8> {
        let mut piece = vec![0; 16 << 10];
        let read = tokio::time::timeout(PATIENCE, self.tls.read(&mut piece)).await.expect("an answer in time");
        piece.truncate(read.unwrap_or(0));
        piece
    }

    /// The next message that is no ping, which must be of that type.
    pub(crate) async fn expect(&mut self, kind: &str) -> Value {
        loop {
            let message = self.hear().await.unwrap_or_else(|| panic!("hung up instead of {kind}"));
            if message["type"] != "ping" {
                assert_eq!(message["type"], kind, "{message}");
                return message;
            }
        }
    }

    /// Waits until everything up to `seq` is durable; other messages in between are returned.
    pub(crate) async fn durable(&mut self, seq: u64) -> Vec<Value> {
        let mut others = Vec::new();
        loop {
            let message = self.hear().await.unwrap_or_else(|| panic!("hung up before {seq} was acknowledged"));
            match message["type"].as_str() {
                Some("ack") if message["seq"].as_u64().unwrap() >= seq => return others,
                Some("ack") => {}
                _ => others.push(message),
            }
        }
    }

    /// The session must end with that code, and the connection with it.
    pub(crate) async fn ends_with(&mut self, code: &str) {
        loop {
            let message = self.hear().await.unwrap_or_else(|| panic!("hung up without {code}"));
            if message["type"] == "bye" {
                assert_eq!(message["code"], code, "{message}");
                break;
            }
        }
        assert_eq!(self.hear().await, None, "nothing follows a bye");
    }
}
