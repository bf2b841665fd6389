//! What handlers take out of a request. What does not parse is a [`Problem`] that names the field, its value and what was expected.

use std::time::Duration;

use axum::RequestExt;
use axum::body::Bytes;
use axum::extract::path::ErrorKind as PathError;
use axum::extract::rejection::{BytesRejection, FailedToBufferBody, PathRejection};
use axum::extract::{FromRequest, FromRequestParts, OptionalFromRequest, Path as AxumPath, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// How long a body that is taken as a whole may be on its way.
const BODY_WITHIN: Duration = Duration::from_secs(30);

/// The parameters of the path: a struct with a field for each.
#[derive(Debug, Clone, Copy)]
pub(super) struct Path<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match AxumPath::from_request_parts(parts, state).await {
            Ok(AxumPath(parameters)) => Ok(Self(parameters)),
            Err(PathRejection::FailedToDeserializePathParams(e)) => Err(of_path(e.into_kind())),
            Err(e) => Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL", e.body_text())),
        }
    }
}

fn of_path(e: PathError) -> Problem {
    match e {
        PathError::ParseErrorAtKey { key, value, expected_type } => {
            Problem::invalid(&key, format!("{key} is {value:?}, expected {expected_type}"))
        }
        PathError::InvalidUtf8InPathParam { key } => Problem::invalid(&key, format!("{key} is no UTF-8")),
        PathError::DeserializeError { key, message, .. } => Problem::invalid(&key, message),
        other => Problem::invalid("path", other.to_string()),
    }
}

/// The query of the address. A key may be repeated where its field is a list; keys that are not known are refused by structs with
/// `deny_unknown_fields`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let text = parts.uri.query().unwrap_or_default();
        // What is left empty is a slip in a form or a script as a rule, and must not silently mean everything.
        if let Some(key) = text.split('&').filter(|pair| !pair.is_empty()).find_map(without_value) {
            return Err(Problem::invalid(key, format!("{key} is empty, expected a value, or not to be there")));
        }
        let pairs = serde_html_form::Deserializer::from_bytes(text.as_bytes());
        serde_path_to_error::deserialize(pairs).map(Self).map_err(|e| of_serde(&e.path().to_string(), e.inner(), "query"))
    }
}

/// The key of a pair that has no value.
fn without_value(pair: &str) -> Option<&str> {
    match pair.split_once('=') {
        Some((key, value)) => value.is_empty().then_some(key),
        None => Some(pair),
    }
}

/// A body of JSON; as an answer, one of status 200.
#[derive(Debug, Clone, Copy)]
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            let detail = "Content-Type is missing or another one, expected application/json";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED", detail).at("Content-Type"));
        }
        read(&whole(request).await?)
    }
}

/// A body that may be absent.
impl<T: DeserializeOwned, S: Send + Sync> OptionalFromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, Problem> {
        if request.headers().contains_key(header::CONTENT_TYPE) {
            return <Self as FromRequest<S>>::from_request(request, state).await.map(Some);
        }
        let body = whole(request).await?;
        if body.is_empty() { Ok(None) } else { read(&body).map(Some) }
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// A body as a whole, in time and within its size: two megabytes (axum's own limit) where a route says no other.
pub(super) async fn whole(request: Request) -> Result<Bytes, Problem> {
    let taken = request.extract::<Bytes, _>();
    let late = |_| Problem::new(StatusCode::REQUEST_TIMEOUT, "TIMEOUT", "the body did not arrive within 30 s");
    tokio::time::timeout(BODY_WITHIN, taken).await.map_err(late)?.map_err(|e| match e {
        BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) => {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "LIMIT_REACHED", "the body is larger than this route takes")
        }
        other => Problem::new(StatusCode::BAD_REQUEST, "INVALID", format!("the body broke off: {}", other.body_text())),
    })
}

fn is_json(headers: &HeaderMap) -> bool {
    let said = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = said.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

/// Every body is an object: serde would take the fields in a list, too, and nobody could say which is which.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<Json<T>, Problem> {
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    if first.is_some_and(|first| *first != b'{') {
        return Err(Problem::invalid("body", "the body is no object of JSON, expected { ... }"));
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut json);
    let value = value.map_err(|e| of_serde(&e.path().to_string(), e.inner(), "body"))?;
    json.end().map_err(|e| Problem::invalid("body", e.to_string()))?;
    Ok(Json(value))
}

/// A refusal of serde's, with the field it speaks of: its path, and the name within where that is what is missing or too much.
fn of_serde(path: &str, e: &impl std::fmt::Display, whole: &str) -> Problem {
    let message = e.to_string();
    // What the reader of queries says of a value that stands twice.
    let message = if message == "unsupported value" { "stands more than once, expected one value".into() } else { message };
    let path = if path == "." || path == "?" { "" } else { path };
    let starts = ["missing field `", "unknown field `", "duplicate field `"];
    let named = starts.into_iter().find_map(|start| message.strip_prefix(start)?.split('`').next());
    let field = match (path, named) {
        ("", None) => whole.to_owned(),
        ("", Some(name)) => name.to_owned(),
        (path, Some(name)) if path != name && !path.ends_with(&format!(".{name}")) => format!("{path}.{name}"),
        (path, _) => path.to_owned(),
    };
    let detail = if message.contains(&field) { message } else { format!("{field}: {message}") };
    Problem::invalid(&field, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Name;
    use axum::body::Body;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "it is parsed only")]
    struct Asked {
        #[serde(default)]
        series: Vec<String>,
        limit: Option<u32>,
        inner: Option<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "it is parsed only")]
    struct Inner {
        site: Name,
    }

    async fn query(text: &str) -> Result<Asked, Problem> {
        let request = Request::builder().uri(format!("/x?{text}")).body(Body::empty()).unwrap();
        Query::from_request_parts(&mut request.into_parts().0, &()).await.map(|Query(asked)| asked)
    }

    async fn body(kind: &str, text: &str) -> Result<Asked, Problem> {
        let request = Request::builder().header("content-type", kind).body(Body::from(text.to_owned())).unwrap();
        <Json<_> as FromRequest<()>>::from_request(request, &()).await.map(|Json(asked)| asked)
    }

    #[tokio::test]
    async fn a_query_repeats_lists_and_refuses_what_it_does_not_know() {
        assert_eq!(query("series=a&series=b%2Bc").await.unwrap().series, ["a", "b+c"]);
        assert_eq!(query("").await.unwrap().limit, None);
        for (text, field, word) in [
            ("limit=x", "limit", "limit"),
            ("limit=", "limit", "empty"),
            ("limit", "limit", "empty"),
            ("limti=1", "limti", "limit"),
            ("limit=1&limit=2", "limit", "more than once"),
        ] {
            let problem = query(text).await.unwrap_err();
            assert_eq!((problem.status, problem.field.as_deref()), (400, Some(field)), "{problem:?}");
            assert!(problem.detail.contains(word), "{problem:?}");
        }
    }

    #[tokio::test]
    async fn a_body_is_json_and_its_faults_are_named_where_they_are() {
        assert_eq!(body("application/json; charset=utf-8", "{\"limit\": 3}").await.unwrap().limit, Some(3));
        for (text, field) in [
            ("{\"limit\": \"x\"}", "limit"),
            ("{\"inner\": {}}", "inner.site"),
            ("{\"inner\": {\"site\": \"a b\"}}", "inner.site"),
            ("{\"inner\": {\"site\": \"a\", \"more\": 1}}", "inner.more"),
            ("{} {}", "body"),
            ("[[], 3]", "body"),
            ("", "body"),
        ] {
            let problem = body("application/json", text).await.unwrap_err();
            assert_eq!((problem.status, problem.field.as_deref()), (400, Some(field)), "{text}: {problem:?}");
        }
        assert_eq!(body("text/plain", "{}").await.unwrap_err().status, 415);
    }
}
