//! The API and the page inside an application of the program's own: its requests are answered here, without a second port.
//!
//! A request crosses as head and chunks, and so does its answer. Each direction holds [`CHUNKS`] chunks and then waits, so
//! that neither a slow client nor a fast one fills the memory. Whoever goes away takes the work with it: [`NativeExchange::close`]
//! drops the handler or the answer. A WebSocket is bytes in both directions, through a pipe in memory ([`NativeTunnel`]).

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use futures_util::{Stream, StreamExt, stream};
use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use memcore::accounts::{Caller, Grants, Role, UserName, Via};
use memcore::model::Name;
use memcore::rest::{HostCaller, Peer};
use memcore::{Error, ErrorKind};
use napi::bindgen_prelude::{Buffer, Uint8Array, spawn};
use napi_derive::napi;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, duplex, split};
use tokio::sync::{Mutex, mpsc, watch};
use tower::ServiceExt;

use crate::error::{Result, ToNode, to_node};

/// Chunks of a request that wait for their handler. Full-policy: the next one waits, and with it the client.
const CHUNKS: usize = 4;
/// Bytes of a WebSocket that wait, in each direction. Full-policy: the writer waits.
const PIPE: usize = 64 * 1024;

/// Whom the program vouches for.
#[napi(object)]
pub struct HostUser {
    /// The name, for the audit trail.
    pub user: String,
    /// Roles by operator; `*` is all operators.
    pub roles: HashMap<String, String>,
}

impl HostUser {
    fn caller(self) -> memcore::Result<HostCaller> {
        let mut grants = Grants::default();
        for (operator, role) in self.roles {
            let role = role_of(&operator, &role)?;
            match operator.as_str() {
                "*" => grants.everywhere = Some(role),
                _ => drop(grants.at.insert(Name::new(&operator)?, role)),
            }
        }
        let user: UserName = serde_json::from_value(self.user.into()).map_err(|e| invalid("authenticate: user", e))?;
        Ok(HostCaller(Arc::new(Caller { user, via: Via::Host, grants })))
    }
}

fn role_of(operator: &str, role: &str) -> memcore::Result<Role> {
    serde_json::from_value(role.into()).map_err(|_| {
        let expected = "expected viewer, operator, engineer or admin";
        Error::new(ErrorKind::Invalid, format!("authenticate: the role at {operator:?} is {role:?}, {expected}"))
    })
}

/// What is asked.
#[napi(object)]
pub struct RequestHead {
    /// `GET` and so on.
    pub method: String,
    /// Path and query, below the place where the API is mounted.
    pub target: String,
    /// Name, value, name, value, ..., as Node has them.
    pub headers: Vec<String>,
    /// Whether chunks follow.
    pub body: bool,
    /// Who vouches for whom.
    pub caller: Option<HostUser>,
    /// Where it comes from.
    pub from: Origin,
}

/// Where a request comes from.
#[napi(object)]
pub struct Origin {
    /// The address of the client, where it is known.
    pub address: Option<String>,
    /// Whether the client speaks TLS, to the application or to a proxy in front of it.
    pub secure: bool,
}

impl Origin {
    fn peer(&self) -> Peer {
        Peer { address: self.address.as_deref().and_then(|address| address.parse().ok()), secure: self.secure }
    }
}

/// How it is answered.
#[napi(object)]
pub struct AnswerHead {
    /// The status.
    pub status: u16,
    /// Name, value, name, value, ...
    pub headers: Vec<String>,
}

/// The routes of a server, for the requests of the program's own application.
#[napi]
pub struct NativeRouter {
    pub(crate) router: Router,
    pub(crate) closed: watch::Receiver<bool>,
}

#[napi]
impl NativeRouter {
    /// Begins to answer a request: its handler runs once the answer's head is waited for.
    #[napi(catch_unwind)]
    pub fn ask(&self, head: RequestHead) -> Result<NativeExchange> {
        check_open(&self.closed)?;
        let (chunks, body) = if head.body { incoming() } else { (None, Body::empty()) };
        let request = request(head, body).to_node()?;
        let router = self.router.clone();
        Ok(NativeExchange {
            chunks: Mutex::new(chunks),
            stage: Arc::new(Mutex::new(Stage::Asked(Box::pin(router.oneshot(request))))),
            left: watch::Sender::new(false),
            closed: self.closed.clone(),
        })
    }

    /// A connection in memory, for a request that asks for a WebSocket: it is written as it came over the network.
    #[napi(catch_unwind)]
    pub fn tunnel(&self, caller: Option<HostUser>, from: Origin) -> Result<NativeTunnel> {
        check_open(&self.closed)?;
        let caller = caller.map(HostUser::caller).transpose().to_node()?;
        let (ours, theirs) = duplex(PIPE);
        let left = watch::Sender::new(false);
        let serving = connection(self.router.clone(), theirs, caller, from.peer());
        let (mut leaving, mut closing) = (left.subscribe(), self.closed.clone());
        spawn(async move {
            tokio::select! {
                () = serving => {}
                _ = leaving.wait_for(|left| *left) => {}
                _ = closing.wait_for(|closed| *closed) => {}
            }
        });
        let (reading, writing) = split(ours);
        let (reading, writing) = (Arc::new(Mutex::new(Some(reading))), Arc::new(Mutex::new(Some(writing))));
        Ok(NativeTunnel { reading, writing, left, closed: self.closed.clone() })
    }
}

fn check_open(closed: &watch::Receiver<bool>) -> Result<()> {
    if *closed.borrow() { Err(gone()) } else { Ok(()) }
}

fn gone() -> napi::Error {
    to_node(Error::new(ErrorKind::Closed, "the server was closed"))
}

fn invalid(what: &str, e: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Invalid, format!("{what}: {e}"))
}

fn request(head: RequestHead, body: Body) -> memcore::Result<Request<Body>> {
    let request = Request::builder().method(head.method.as_str()).uri(head.target);
    let mut request = request.body(body).map_err(|e| invalid("request", e))?;
    *request.headers_mut() = headers(&head.headers)?;
    if let Some(caller) = head.caller {
        request.extensions_mut().insert(caller.caller()?);
    }
    request.extensions_mut().insert(head.from.peer());
    Ok(request)
}

/// Node has headers as text of which each character is a byte.
fn headers(flat: &[String]) -> memcore::Result<HeaderMap> {
    let mut headers = HeaderMap::with_capacity(flat.len() / 2);
    for pair in flat.chunks_exact(2) {
        let name = HeaderName::from_bytes(pair[0].as_bytes()).map_err(|e| invalid("header", e))?;
        let value: std::result::Result<Vec<u8>, _> = pair[1].chars().map(u8::try_from).collect();
        let value = value.map_err(|e| invalid(name.as_str(), e))?;
        let value = HeaderValue::from_bytes(&value).map_err(|e| invalid(name.as_str(), e))?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// The chunks of a body on their way to the handler.
struct Chunks {
    sending: mpsc::Sender<Vec<u8>>,
    whole: Arc<AtomicBool>,
}

/// A body that comes in chunks. One that stops before it was said to be whole ends in an error, so that half of it is never taken
/// for all of it.
fn incoming() -> (Option<Chunks>, Body) {
    let (sending, receiving) = mpsc::channel(CHUNKS);
    let whole = Arc::new(AtomicBool::new(false));
    let body = Body::from_stream(arriving(receiving, whole.clone()));
    (Some(Chunks { sending, whole }), body)
}

fn arriving(receiving: mpsc::Receiver<Vec<u8>>, whole: Arc<AtomicBool>) -> impl Stream<Item = io::Result<Vec<u8>>> + Send {
    let chunks = stream::unfold(Some((receiving, whole)), |state| async move {
        let (mut receiving, whole) = state?;
        match receiving.recv().await {
            Some(chunk) => Some((Ok(chunk), Some((receiving, whole)))),
            None if whole.load(Ordering::Acquire) => None,
            None => Some((Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the client went away")), None)),
        }
    });
    chunks.fuse()
}

type Answering = Pin<Box<dyn Future<Output = std::result::Result<Response<Body>, Infallible>> + Send>>;

enum Stage {
    Asked(Answering),
    Answered(Body),
    Ended,
}

/// A request and its answer.
#[napi]
pub struct NativeExchange {
    chunks: Mutex<Option<Chunks>>,
    stage: Arc<Mutex<Stage>>,
    left: watch::Sender<bool>,
    closed: watch::Receiver<bool>,
}

#[napi]
impl NativeExchange {
    /// Hands a chunk of the request on, and waits while there are too many. False where nobody reads it any more.
    #[napi]
    pub async fn write(&self, chunk: Uint8Array) -> Result<bool> {
        let chunk = chunk.to_vec();
        let mut left = self.left.subscribe();
        let chunks = self.chunks.lock().await;
        let Some(Chunks { sending, .. }) = &*chunks else { return Ok(false) };
        tokio::select! {
            biased;
            _ = left.wait_for(|left| *left) => Ok(false),
            sent = sending.send(chunk) => Ok(sent.is_ok()),
        }
    }

    /// The request is whole.
    #[napi]
    pub async fn end(&self) -> Result<()> {
        if let Some(chunks) = self.chunks.lock().await.take() {
            chunks.whole.store(true, Ordering::Release);
        }
        Ok(())
    }

    /// Waits for the answer's head.
    #[napi]
    pub async fn head(&self) -> Result<AnswerHead> {
        let mut stage = self.stage.lock().await;
        let Stage::Asked(answering) = &mut *stage else { return Err(gone()) };
        let response = tokio::select! {
            biased;
            answer = answering => answer.unwrap_or_else(|never| match never {}),
            () = self.over() => {
                *stage = Stage::Ended;
                return Err(gone());
            }
        };
        let (parts, body) = response.into_parts();
        *stage = Stage::Answered(body);
        Ok(AnswerHead { status: parts.status.as_u16(), headers: flat(&parts.headers) })
    }

    /// The next chunk of the answer; none once it is whole. An answer that breaks off is an error.
    #[napi]
    pub async fn read(&self) -> Result<Option<Buffer>> {
        let mut stage = self.stage.lock().await;
        loop {
            let Stage::Answered(body) = &mut *stage else { return Ok(None) };
            let frame = tokio::select! {
                biased;
                frame = body.frame() => frame,
                () = self.over() => {
                    *stage = Stage::Ended;
                    return Err(gone());
                }
            };
            let Some(frame) = frame else {
                *stage = Stage::Ended;
                return Ok(None);
            };
            let frame = frame.map_err(|e| Error::new(ErrorKind::Io, format!("the answer broke off: {e}"))).to_node()?;
            if let Ok(data) = frame.into_data() {
                return Ok(Some(data.to_vec().into()));
            }
        }
    }

    /// The client is gone: drops the handler or the answer. Doing it again does nothing.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.left.send_replace(true);
        let stage = self.stage.clone();
        spawn(async move { *stage.lock().await = Stage::Ended });
    }

    /// Once the client is gone, or the server is closed.
    async fn over(&self) {
        let (mut left, mut closed) = (self.left.subscribe(), self.closed.clone());
        tokio::select! {
            _ = left.wait_for(|left| *left) => {}
            _ = closed.wait_for(|closed| *closed) => {}
        }
    }
}

fn flat(headers: &HeaderMap) -> Vec<String> {
    let text = |value: &HeaderValue| value.as_bytes().iter().map(|byte| char::from(*byte)).collect();
    headers.iter().flat_map(|(name, value)| [name.as_str().to_owned(), text(value)]).collect()
}

/// Answers one request of a connection, and what it becomes after that.
async fn connection(router: Router, io: DuplexStream, caller: Option<HostCaller>, peer: Peer) {
    let service = hyper::service::service_fn(move |request: Request<hyper::body::Incoming>| {
        let mut request = request.map(Body::new);
        if let Some(caller) = &caller {
            request.extensions_mut().insert(caller.clone());
        }
        request.extensions_mut().insert(peer);
        router.clone().oneshot(request)
    });
    // One request and no other: the application that the socket is of decides about each anew.
    let serving = hyper::server::conn::http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(io), service);
    if let Err(error) = serving.with_upgrades().await {
        tracing::debug!(%error, "a connection in memory ended");
    }
}

/// The bytes of a WebSocket, in both directions.
#[napi]
pub struct NativeTunnel {
    reading: Arc<Mutex<Option<ReadHalf<DuplexStream>>>>,
    writing: Arc<Mutex<Option<WriteHalf<DuplexStream>>>>,
    left: watch::Sender<bool>,
    closed: watch::Receiver<bool>,
}

#[napi]
impl NativeTunnel {
    /// Hands on what came from the client, and waits while there is too much. False where nobody reads it any more.
    #[napi]
    pub async fn write(&self, chunk: Uint8Array) -> Result<bool> {
        let chunk = chunk.to_vec();
        let mut left = self.left.subscribe();
        let mut writing = self.writing.lock().await;
        let Some(pipe) = &mut *writing else { return Ok(false) };
        tokio::select! {
            biased;
            _ = left.wait_for(|left| *left) => Ok(false),
            written = pipe.write_all(&chunk) => Ok(written.is_ok()),
        }
    }

    /// What there is for the client; nothing once the other side has ended.
    #[napi]
    pub async fn read(&self) -> Result<Option<Buffer>> {
        let (mut left, mut closed) = (self.left.subscribe(), self.closed.clone());
        let mut reading = self.reading.lock().await;
        let Some(pipe) = &mut *reading else { return Ok(None) };
        let mut chunk = Vec::with_capacity(8 * 1024);
        tokio::select! {
            biased;
            read = pipe.read_buf(&mut chunk) => Ok(read.is_ok_and(|bytes| bytes > 0).then(|| chunk.into())),
            _ = left.wait_for(|left| *left) => Ok(None),
            _ = closed.wait_for(|closed| *closed) => Ok(None),
        }
    }

    /// The client is gone. Doing it again does nothing.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.left.send_replace(true);
        let (reading, writing) = (self.reading.clone(), self.writing.clone());
        spawn(async move {
            *reading.lock().await = None;
            *writing.lock().await = None;
        });
    }
}
