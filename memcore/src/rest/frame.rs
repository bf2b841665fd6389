//! What goes around all that is served, page and API: headers that keep browsers out of harm, compression, panics, other sites.

use std::any::Any;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{Predicate, SizeAbove};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::peer::Peer;
use super::problem::Problem;
use crate::error::ErrorKind;
use crate::runtime::HttpConfig;

/// Smaller answers are not worth the work.
const COMPRESSED_BYTES: u64 = 1024;

/// Puts the frame around routes.
pub(super) fn around(router: Router, config: &HttpConfig) -> Router {
    let framed = router
        .method_not_allowed_fallback(not_allowed)
        .layer(CompressionLayer::new().compress_when(SizeAbove::new(COMPRESSED_BYTES).and(IsText)))
        .layer(CatchPanicLayer::custom(broke));
    let framed = if config.origins.is_empty() { framed } else { framed.layer(cors(&config.origins)) };
    framed.layer(from_fn(dress))
}

async fn not_allowed(method: Method) -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, ErrorKind::Unsupported.code(), format!("{method} is not for this address"))
}

/// A handler that panicked answers all the same, and says nothing of why.
fn broke(panic: Box<dyn Any + Send + 'static>) -> Response {
    let said = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    Problem::internal(format!("a handler panicked: {}", said.unwrap_or("without a word"))).into_response()
}

/// Pages of other sites ask with a token: the cookie of a session is never theirs to send.
fn cors(origins: &[String]) -> CorsLayer {
    let origins = origins.iter().filter_map(|origin| HeaderValue::try_from(origin).ok());
    let named = |names: &[&'static str]| names.iter().map(|name| HeaderName::from_static(name)).collect::<Vec<_>>();
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers(named(&[
            "authorization",
            "content-type",
            "idempotency-key",
            "if-match",
            "if-none-match",
            "last-event-id",
        ]))
        .expose_headers(named(&["etag", "location", "retry-after", "idempotent-replayed"]))
        .max_age(std::time::Duration::from_secs(600))
}

/// Text is worth compressing; events that are sent one by one are not to wait for each other.
#[derive(Debug, Clone, Copy)]
struct IsText;

impl Predicate for IsText {
    fn should_compress<B: hyper::body::Body>(&self, answer: &axum::http::Response<B>) -> bool {
        let kind = answer.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let text = kind.starts_with("text/") && !kind.starts_with("text/event-stream");
        text || kind.starts_with("application/json") || kind.starts_with("application/problem+json")
    }
}

/// Headers for browsers, where whoever answered has not said otherwise.
async fn dress(request: Request, next: Next) -> Response {
    let secure = request.extensions().get::<Peer>().is_some_and(|peer| peer.secure);
    let mut answer = next.run(request).await;
    let headers = answer.headers_mut();
    let usual = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    usual.into_iter().for_each(|(name, value)| unless_said(headers, name, value));
    if secure {
        unless_said(headers, header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    answer
}

fn unless_said(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.entry(name).or_insert(HeaderValue::from_static(value));
}
