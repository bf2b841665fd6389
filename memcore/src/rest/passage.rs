//! The way of a request to its handler, the same for every route: who asks, how often, whether it may, whether it was asked before;
//! and back, with what tells whether the answer has changed.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::extract::{RawPathParams, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use tower::ServiceExt;

use super::access::Route;
use super::api::Api;
use super::guard::{Asking, admit, who};
use super::limits::Asker;
use super::peer::Peer;
use super::problem::Problem;
use super::repeats::{Answer, Key, Turn};
use super::tags::{is_same, is_tagged, tagged};
use crate::accounts::{Caller, Via};

/// The largest body that is kept to be compared with a repetition's.
const BODY_BYTES: usize = 16 << 20;
/// How long such a body may be on its way.
const BODY_WITHIN: Duration = Duration::from_secs(30);
/// How long a repetition waits for the first to be answered.
const WAIT: Duration = Duration::from_secs(30);
/// The longest answer that is kept for a repetition.
const ANSWER_BYTES: usize = 1 << 20;

const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// A route, as it is mounted.
#[derive(Debug)]
pub(super) struct Post {
    pub(super) api: Api,
    pub(super) route: Route,
    /// What shows the resource that this route changes.
    pub(super) shows: Option<MethodRouter<Api>>,
}

pub(super) async fn pass(
    State(post): State<Arc<Post>>,
    parameters: RawPathParams,
    request: Request,
    next: Next,
) -> Response {
    let answer = enter(&post, &parameters, request, next).await.unwrap_or_else(IntoResponse::into_response);
    post.api.inner.traffic.answered(post.route, answer.status().as_u16());
    answer
}

async fn enter(post: &Post, parameters: &RawPathParams, request: Request, next: Next) -> Result<Response, Response> {
    let (mut parts, body) = request.into_parts();
    let caller = who(&post.api, &parts).await;
    limit(&post.api, caller.as_ref().ok().and_then(Option::as_deref), &parts)?;
    let caller = caller.map_err(IntoResponse::into_response)?;
    admit(post.route, parameters, caller.as_deref()).map_err(IntoResponse::into_response)?;
    let repeated = caller.as_deref().and_then(|caller| Some((caller, parts.headers.get(IDEMPOTENCY_KEY)?)));
    let key = match repeated.filter(|_| parts.method == Method::POST) {
        Some((caller, key)) => Some(
            Key::new(&said_by(caller), key.as_bytes())
                .map_err(|e| Problem::invalid("Idempotency-Key", e).into_response())?,
        ),
        None => None,
    };
    if let Some(caller) = caller {
        parts.extensions.insert(Asking(caller));
    }
    if parts.headers.contains_key(header::IF_MATCH) && !parts.method.is_safe() {
        // Held until the change is made: of two who saw the same, one changes it.
        let _changing = post.api.inner.changing.lock().await;
        check_match(post, &parts).await?;
        return Ok(next.run(Request::from_parts(parts, body)).await);
    }
    match key {
        Some(key) => once(post, key, parts, body, next).await,
        None if parts.method.is_safe() => {
            let known = parts.headers.get(header::IF_NONE_MATCH).cloned();
            let answer = next.run(Request::from_parts(parts, body)).await;
            if is_tagged(post.route) { tagged(known, answer).await } else { Ok(answer) }
        }
        None => Ok(next.run(Request::from_parts(parts, body)).await),
    }
}

/// Takes the request out of what its caller, or the address that has proved nothing, may ask.
#[expect(clippy::result_large_err, reason = "what stands in the way of a request is its answer")]
fn limit(api: &Api, caller: Option<&Caller>, parts: &Parts) -> Result<(), Response> {
    let address = || parts.extensions.get::<Peer>().and_then(|peer| peer.address);
    let asker = match caller.map(|caller| (&caller.user, &caller.via)) {
        Some((user, Via::Session { .. })) => Asker::User(user.as_str()),
        Some((_, Via::Token { id, .. })) => Asker::Token(id),
        // The program limits its own callers.
        Some((_, Via::Host)) => return Ok(()),
        None => match address() {
            Some(address) => Asker::Address(address),
            None => return Ok(()),
        },
    };
    api.inner.limits.take(asker, api.inner.clock.monotonic()).map_err(|wait| {
        let seconds = wait.as_secs() + 1;
        let detail = format!("too many requests, expected to be asked again in {seconds} s");
        let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "LIMIT_REACHED", detail);
        ([(header::RETRY_AFTER, HeaderValue::from(seconds))], problem).into_response()
    })
}

/// Whose keys these are: a token's are not those of its user.
fn said_by(caller: &Caller) -> String {
    match &caller.via {
        Via::Token { id, .. } => format!("token {id}"),
        Via::Session { .. } => format!("user {}", caller.user.as_str()),
        Via::Host => format!("host {}", caller.user.as_str()),
    }
}

/// Whether what is to be changed is still what the caller has seen.
async fn check_match(post: &Post, parts: &Parts) -> Result<(), Response> {
    let Some(shows) = &post.shows else {
        let detail = "what is changed here has no GET of its own and so no ETag, expected no If-Match";
        return Err(Problem::invalid("If-Match", detail).into_response());
    };
    let mut request = Request::new(Body::empty());
    (*request.uri_mut(), *request.extensions_mut()) = (parts.uri.clone(), parts.extensions.clone());
    let shown = shows.clone().with_state(post.api.clone()).oneshot(request).await.unwrap_or_else(|never| match never {});
    if !shown.status().is_success() {
        return Err(shown);
    }
    let shown = tagged(None, shown).await?;
    if is_same(parts.headers.get_all(header::IF_MATCH), shown.headers().get(header::ETAG)) {
        return Ok(());
    }
    let detail = "it was changed meanwhile: expected to be read again";
    Err(Problem::new(StatusCode::PRECONDITION_FAILED, "CONFLICT", detail).at("If-Match").into_response())
}

/// Does what has a key once, however often it is asked for.
async fn once(post: &Post, key: Key, parts: Parts, body: Body, next: Next) -> Result<Response, Response> {
    let streamed = post.route == Route::ImportBegin;
    let (bytes, body) = if streamed { (Bytes::new(), body) } else { taken(body).await? };
    let repeats = &post.api.inner.repeats;
    let length = parts.headers.get(header::CONTENT_LENGTH).map_or(&b""[..], HeaderValue::as_bytes);
    let address = parts.uri.to_string();
    let fingerprint = repeats.fingerprint(&[address.as_bytes(), if streamed { length } else { &bytes }]);
    let clock = post.api.inner.clock.clone();
    let conflict = |detail: &str| {
        let problem = Problem::new(StatusCode::CONFLICT, "CONFLICT", detail).at("Idempotency-Key");
        problem.into_response()
    };
    let deadline = tokio::time::Instant::now() + WAIT;
    loop {
        match repeats.turn(&key, fingerprint, clock.monotonic()) {
            Turn::Answered(answer) => return Ok(said(answer)),
            Turn::Other => return Err(conflict("the key was used for another request")),
            Turn::Wait(mut done) => {
                // It ends with an answer, or without one: either way it is asked again.
                if tokio::time::timeout_at(deadline, done.changed()).await.is_err() {
                    return Err(conflict("a request with this key is still being done"));
                }
            }
            Turn::New(doing) => {
                let request = Request::from_parts(parts, body);
                // In a task of its own: a caller that hangs up asks again, and must find what was done.
                let done = tokio::spawn(async move {
                    let (answer, kept) = copied(next.run(request).await).await;
                    if let Some(kept) = kept {
                        doing.end(kept, clock.monotonic());
                    }
                    answer
                });
                return done.await.map_err(|e| Problem::internal(e).into_response());
            }
        }
    }
}

/// A body as a whole, and again as a body.
async fn taken(body: Body) -> Result<(Bytes, Body), Response> {
    let late =
        |_| Problem::new(StatusCode::REQUEST_TIMEOUT, "TIMEOUT", "the body did not arrive within 30 s").into_response();
    let bytes = tokio::time::timeout(BODY_WITHIN, to_bytes(body, BODY_BYTES)).await.map_err(late)?;
    let bytes = bytes.map_err(|_| {
        let detail = format!("the body broke off, or is larger than {BODY_BYTES} bytes, the most with Idempotency-Key");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "LIMIT_REACHED", detail).into_response()
    })?;
    Ok((bytes.clone(), Body::from(bytes)))
}

/// An answer, and what is kept of it for a repetition: nothing of one that may turn out otherwise when it is asked again.
async fn copied(answer: Response) -> (Response, Option<Answer>) {
    let status = answer.status();
    let may_change = status.is_server_error() || [401, 403, 408, 429].contains(&status.as_u16());
    if may_change || answer.body().size_hint().exact().is_none_or(|bytes| bytes > ANSWER_BYTES as u64) {
        return (answer, None);
    }
    let (parts, body) = answer.into_parts();
    let Ok(body) = to_bytes(body, ANSWER_BYTES).await else {
        return (Problem::internal("an answer could not be read").into_response(), None);
    };
    let mut headers = HeaderMap::new();
    for name in [header::CONTENT_TYPE, header::LOCATION, header::ETAG] {
        if let Some(value) = parts.headers.get(&name) {
            headers.insert(name, value.clone());
        }
    }
    let kept = Answer { status, headers, body: body.clone() };
    (Response::from_parts(parts, Body::from(body)), Some(kept))
}

fn said(answer: Answer) -> Response {
    let mut again = (answer.status, Body::from(answer.body)).into_response();
    *again.headers_mut() = answer.headers;
    again.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    again
}
