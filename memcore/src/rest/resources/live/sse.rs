//! Server-sent events (HTML Living Standard, 9.2): what browsers read with `EventSource`.

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures::stream::unfold;

use super::entry::Frame;
use super::follower::{Follower, Heard};

/// What a listener hears, as long as it listens.
pub(super) fn answer(follower: Follower) -> Response {
    let events = unfold(follower, |mut follower| async move {
        let bytes = match follower.next().await? {
            Heard::Chunk(chunk) => chunk.sse(),
            Heard::Word(frame) | Heard::End(frame) => written(&frame),
        };
        Some((Ok::<_, std::convert::Infallible>(bytes), follower))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // A proxy in between must not gather what is to be seen now.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
    (headers, Body::from_stream(events)).into_response()
}

fn written(frame: &Frame) -> Bytes {
    let mut out = Vec::with_capacity(frame.data.len() + 64);
    frame.sse(&mut out);
    out.into()
}
