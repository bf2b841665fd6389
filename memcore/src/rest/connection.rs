//! One connection of HTTP: which version it speaks, how long it may be silent, and how it ends.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, Response};
use axum::response::IntoResponse;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tower::Service;

use super::hosts::Hosts;
use super::peer::Peer;
use crate::runtime::HttpConfig;

/// How long a handshake of TLS, a first line, or all headers of a request may be on their way; also how long a connection may wait
/// for its next request.
const HEAD_WITHIN: Duration = Duration::from_secs(20);
/// A connection of HTTP/2 without a request ends after so long.
const IDLE: Duration = Duration::from_secs(120);
/// How long answers that are under way have when the server ends.
const END_WITHIN: Duration = Duration::from_secs(5);
const HEADER_BYTES: usize = 32 << 10;
const HEADERS: usize = 100;
/// Requests at a time of one connection of HTTP/2.
const STREAMS: u32 = 100;
/// Streams that a client resets before they were answered: beyond it the connection ends.
const RESETS: usize = 20;
/// How each connection of HTTP/2 begins.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What connections share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) router: Router,
    pub(super) hosts: Hosts,
    pub(super) config: HttpConfig,
    pub(super) tls: Option<Arc<ServerConfig>>,
}

/// Serves a connection until either side ends it.
pub(super) async fn serve(
    shared: Arc<Shared>,
    stream: TcpStream,
    from: SocketAddr,
    place: OwnedSemaphorePermit,
    stop: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let Some(tls) = shared.tls.clone() else {
        let Ok(Some(two)) = timeout(HEAD_WITHIN, speaks_two(&stream)).await else { return };
        return speak(shared, Held { stream, _place: place }, two, from.ip(), stop).await;
    };
    let accepted = timeout(HEAD_WITHIN, tokio_rustls::TlsAcceptor::from(tls).accept(stream)).await;
    let Ok(Ok(stream)) = accepted else { return };
    let two = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    speak(shared, Held { stream: Box::new(stream), _place: place }, two, from.ip(), stop).await;
}

/// Whether a client begins with the preface of HTTP/2. None where it has gone.
async fn speaks_two(stream: &TcpStream) -> Option<bool> {
    let mut begun = [0; PREFACE.len()];
    loop {
        let bytes = stream.peek(&mut begun).await.ok().filter(|bytes| *bytes > 0)?;
        if begun[..bytes] != PREFACE[..bytes] {
            return Some(false);
        }
        if bytes == PREFACE.len() {
            return Some(true);
        }
        // What is there already is told of again at once.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn speak<S>(shared: Arc<Shared>, stream: Held<S>, two: bool, from: IpAddr, stop: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let open = Arc::new(AtomicUsize::new(0));
    let counted = open.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let open = Open::new(&counted);
        let (answer, shared) = (shared.router.clone(), shared.clone());
        async move {
            let answer = answered(&shared, answer, request.map(Body::new), from).await;
            Ok::<_, std::convert::Infallible>(answer.map(|body| Answering { body, _open: open }))
        }
    });
    let io = TokioIo::new(stream);
    if two {
        let mut http = http2::Builder::new(TokioExecutor::new());
        http.timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(HEADER_BYTES as u32)
            .max_pending_accept_reset_streams(RESETS)
            .keep_alive_interval(Duration::from_secs(30))
            .keep_alive_timeout(HEAD_WITHIN);
        drive(http.serve_connection(io, service), |one| one.graceful_shutdown(), &open, stop).await;
    } else {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN).max_buf_size(HEADER_BYTES).max_headers(HEADERS);
        drive(http.serve_connection(io, service).with_upgrades(), |one| one.graceful_shutdown(), &open, stop).await;
    }
}

/// Runs a connection until it ends, has been idle for too long, or the server ends.
async fn drive<C: Future>(connection: C, end: impl Fn(Pin<&mut C>), open: &AtomicUsize, mut stop: watch::Receiver<bool>) {
    let mut connection = pin!(connection);
    let mut silent_since = Instant::now();
    loop {
        tokio::select! {
            _ = connection.as_mut() => return,
            // Whoever says so, or has gone.
            _ = stop.wait_for(|stop| *stop) => break,
            () = sleep_until(silent_since + IDLE) => {
                if open.load(Ordering::Relaxed) > 0 {
                    silent_since = Instant::now();
                } else {
                    break;
                }
            }
        }
    }
    end(connection.as_mut());
    let _ = timeout(END_WITHIN, connection).await;
}

async fn answered(shared: &Shared, mut router: Router, mut request: Request, from: IpAddr) -> Response<Body> {
    if let Err(problem) = shared.hosts.check(&request) {
        return problem.into_response();
    }
    let peer = peer(shared, request.headers(), from);
    request.extensions_mut().insert(peer);
    router.call(request).await.unwrap_or_else(|never| match never {})
}

/// Where the request comes from: what trusted proxies say, the nearest that is none of them.
fn peer(shared: &Shared, headers: &HeaderMap, from: IpAddr) -> Peer {
    let (mut address, mut secure) = (from, shared.tls.is_some());
    if !shared.config.trusts(from) {
        return Peer { address: Some(address), secure };
    }
    let said = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let said: Vec<&str> = said.flat_map(|value| value.split(',')).map(str::trim).collect();
    for hop in said.into_iter().rev() {
        let Ok(hop) = hop.parse() else { break };
        address = hop;
        if !shared.config.trusts(hop) {
            break;
        }
    }
    let scheme = headers.get_all("x-forwarded-proto").iter().next_back().and_then(|value| value.to_str().ok());
    secure |= scheme.is_some_and(|scheme| scheme.rsplit(',').next().is_some_and(|last| last.trim() == "https"));
    Peer { address: Some(address), secure }
}

/// A request that is being answered.
struct Open(Arc<AtomicUsize>);

impl Open {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The body of an answer: the request is open until it is sent.
struct Answering {
    body: Body,
    _open: Open,
}

impl hyper::body::Body for Answering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A stream that holds the place of its connection, also after it has become a WebSocket.
struct Held<S> {
    stream: S,
    _place: OwnedSemaphorePermit,
}

impl<S: AsyncRead + Unpin> AsyncRead for Held<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Held<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::Config;

    #[test]
    fn a_proxy_is_believed_where_it_is_trusted() {
        let mut config = Config::at("site");
        config.http.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
        let hosts = Hosts::of(&config, ([0, 0, 0, 0], 80).into());
        let shared = Shared { router: Router::new(), hosts, config: config.http, tls: None };
        for (from, said, address, secure) in [
            ("10.0.0.1", "203.0.113.9", "203.0.113.9", true),
            ("10.0.0.1", "1.2.3.4, 203.0.113.9, 10.0.0.2", "203.0.113.9", true),
            ("10.0.0.1", "1.2.3.4, nonsense", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.7", "10.0.0.7", true),
            ("203.0.113.5", "1.2.3.4", "203.0.113.5", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-for", said.parse().unwrap());
            headers.insert("x-forwarded-proto", "https".parse().unwrap());
            let expected = Peer { address: Some(address.parse().unwrap()), secure };
            assert_eq!(peer(&shared, &headers, from.parse().unwrap()), expected, "{from} {said}");
        }
    }
}
