//! What tells whether an answer has changed, and whether something is still what was seen when it is to be changed.
//!
//! A tag is a hash of the answer. Some answers also say what changes by itself, such as when a device was last heard: their tags begin
//! with a hash of what can be changed, and whoever changes it is held to that alone.

use axum::body::{Body, HttpBody, to_bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ring::digest::{SHA256, digest};
use serde::Serialize;
use serde_json::Value;

use super::access::Route;
use super::extract::Json;
use super::problem::Problem;

/// An answer that says more than can be changed.
#[derive(Debug)]
pub(super) struct Changing<T> {
    /// All of it.
    pub(super) whole: T,
    /// The fields that change by themselves.
    pub(super) by_itself: &'static [&'static str],
}

/// What of an answer can be changed, as a hash.
#[derive(Debug, Clone)]
struct Changeable(String);

impl<T: Serialize> IntoResponse for Changing<T> {
    fn into_response(self) -> Response {
        let mut value = match serde_json::to_value(&self.whole) {
            Ok(value) => value,
            Err(e) => return Problem::internal(e).into_response(),
        };
        self.by_itself.iter().for_each(|path| forget(&mut value, path));
        let hash = Changeable(hash(value.to_string().as_bytes()));
        let mut answer = Json(self.whole).into_response();
        answer.extensions_mut().insert(hash);
        answer
    }
}

/// Takes a field out, `points`, or one of each item of a list, `proofs.last_used_us`.
fn forget(value: &mut Value, path: &str) {
    match (value, path.split_once('.')) {
        (Value::Object(fields), None) => {
            fields.remove(path);
        }
        (Value::Object(fields), Some((list, field))) => {
            let items = fields.get_mut(list).and_then(Value::as_array_mut);
            items.into_iter().flatten().for_each(|item| forget(item, field));
        }
        _ => {}
    }
}

fn hash(bytes: &[u8]) -> String {
    let hash = digest(&SHA256, bytes);
    hash.as_ref()[..16].iter().fold(String::with_capacity(32), |text, byte| format!("{text}{byte:02x}"))
}

/// Whether answers have a tag. Those that say what time it is never stay the same, and the hot path is not slowed down for nothing.
pub(super) fn is_tagged(route: Route) -> bool {
    use Route::{Flow, Health, Latest, Live, LiveSocket, Metrics, ServerStatus};
    !matches!(route, Latest | Flow | ServerStatus | Health | Metrics | Live | LiveSocket)
}

/// Tags an answer that is whole; who has it already is told so.
pub(super) async fn tagged(known: Option<HeaderValue>, answer: Response) -> Result<Response, Response> {
    let whole = answer.body().size_hint().exact().is_some();
    if answer.status() != StatusCode::OK || !whole || answer.headers().contains_key(header::ETAG) {
        return Ok(answer);
    }
    let (mut parts, body) = answer.into_parts();
    let body = to_bytes(body, usize::MAX).await.map_err(|e| Problem::internal(e).into_response())?;
    let tag = match parts.extensions.get::<Changeable>() {
        Some(Changeable(changeable)) => format!("\"{changeable}-{}\"", hash(&body)),
        None => format!("\"{}\"", hash(&body)),
    };
    let tag = HeaderValue::try_from(tag).map_err(|e| Problem::internal(e).into_response())?;
    let has_it = known.is_some_and(|known| list(&known).any(|named| named == "*" || named == tag));
    parts.headers.insert(header::ETAG, tag);
    parts.headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-cache"));
    if has_it {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_LENGTH);
        parts.headers.remove(header::CONTENT_TYPE);
        return Ok(Response::from_parts(parts, Body::empty()));
    }
    Ok(Response::from_parts(parts, Body::from(body)))
}

/// Whether one of the tags that were asked for is of what can be changed as it is by now.
pub(super) fn is_same<'a>(asked: impl IntoIterator<Item = &'a HeaderValue>, tag: Option<&HeaderValue>) -> bool {
    let Some(tag) = tag.and_then(|tag| tag.to_str().ok()) else { return false };
    asked.into_iter().flat_map(list).any(|named| named == "*" || changeable(named) == changeable(tag))
}

/// The tags of a header, none of them weak: a proxy that changes an answer on its way says so, and what it shows is the same.
fn list(header: &HeaderValue) -> impl Iterator<Item = &str> {
    let text = header.to_str().unwrap_or_default();
    text.split(',').map(|tag| tag.trim().trim_start_matches("W/"))
}

fn changeable(tag: &str) -> &str {
    let tag = tag.trim_matches('"');
    tag.split_once('-').map_or(tag, |(changeable, _)| changeable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    async fn tag(answer: Response) -> HeaderValue {
        tagged(None, answer).await.unwrap().headers()[header::ETAG].clone()
    }

    fn device(rate: u32, points: u32, used: u32) -> Response {
        let whole = json!({"rate": rate, "points": points, "proofs": [{"id": "a", "last_used_us": used}]});
        Changing { whole, by_itself: &["points", "proofs.last_used_us"] }.into_response()
    }

    #[tokio::test]
    async fn what_changes_by_itself_is_another_answer_and_the_same_thing() {
        let (first, later, changed) = (tag(device(1, 1, 1)).await, tag(device(1, 2, 3)).await, tag(device(2, 1, 1)).await);
        assert_ne!(first, later);
        assert!(is_same([&first], Some(&later)) && !is_same([&first], Some(&changed)));
        let known = tagged(Some(first.clone()), device(1, 1, 1)).await.unwrap();
        assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
        let news = tagged(Some(first), device(1, 2, 1)).await.unwrap();
        assert_eq!(news.status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn one_of_several_tags_is_enough() {
        let tag = tag(Json(json!({"name": "a"})).into_response()).await;
        let asked = |text: &str| HeaderValue::try_from(text.replace("TAG", tag.to_str().unwrap())).unwrap();
        for (text, same) in [("TAG", true), ("\"x\", W/TAG", true), ("*", true), ("\"x\"", false), ("", false)] {
            assert_eq!(is_same([&asked(text)], Some(&tag)), same, "{text}");
        }
        assert!(!is_same([&asked("*")], None));
    }
}
