//! The operator's page: files that were built once (`make page`) and are part of the program.
//!
//! They are kept as a browser takes them, compressed; who cannot take that gets them unpacked. Their names do not change with
//! what is in them, so a browser asks each time, and its tag says whether it has them already.

mod files;

use std::io::Read;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri, header};
use axum::response::IntoResponse;
use flate2::read::GzDecoder;

use super::problem::Problem;
use crate::error::{Error, ErrorKind, Result};

/// A file of the page.
#[derive(Debug)]
struct File {
    /// Where it is, from the page's own place, without a leading `/`.
    path: &'static str,
    kind: &'static str,
    /// Weak: compressed or not, it is the same file.
    tag: &'static str,
    gzip: &'static [u8],
    /// Its bytes when unpacked.
    bytes: usize,
}

/// What the page may load, and from where: from here, and nothing that is written into it. `data:` is for the pictures that
/// styles draw.
const POLICY: &str = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'";

const HEADERS: [(&str, &str); 8] = [
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "SAMEORIGIN"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
    ("cache-control", "no-cache"),
];

/// Answers with the page at `/`, with its parts at their names, and with a problem at all else.
pub(super) async fn serve(method: Method, uri: Uri, headers: HeaderMap) -> Response<Body> {
    let path = uri.path().strip_prefix('/').unwrap_or_default();
    let Some(file) = found(path) else {
        return Problem::not_found("there is no route and no page at this address").into_response();
    };
    if !matches!(method, Method::GET | Method::HEAD) {
        let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "INVALID", "expected GET or HEAD, as this is a page");
        return ([(header::ALLOW, "GET, HEAD")], problem).into_response();
    }
    let answer = if has(&headers, file.tag) { Ok(unchanged()) } else { whole(file, &headers, &method) };
    match answer {
        Ok(answer) => dressed(answer, file),
        Err(e) => Problem::from(e).into_response(),
    }
}

fn found(path: &str) -> Option<&'static File> {
    let path = if path.is_empty() { "index.html" } else { path };
    files::FILES.iter().find(|file| file.path == path)
}

fn whole(file: &File, headers: &HeaderMap, method: &Method) -> Result<Response<Body>> {
    let packed = takes_gzip(headers);
    let length = if packed { file.gzip.len() } else { file.bytes };
    let body = match (method, packed) {
        (&Method::HEAD, _) => Body::empty(),
        (_, true) => Body::from(file.gzip),
        (_, false) => Body::from(unpacked(file)?),
    };
    let mut answer = Response::new(body);
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(file.kind));
    answer.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    if packed {
        answer.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(answer)
}

fn unchanged() -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::NOT_MODIFIED;
    answer
}

fn dressed(mut answer: Response<Body>, file: &File) -> Response<Body> {
    let headers = answer.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(header::ETAG, HeaderValue::from_static(file.tag));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    answer
}

/// Whether the browser has that tag already.
fn has(headers: &HeaderMap, tag: &str) -> bool {
    let tags = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let opaque = tag.trim_start_matches("W/");
    tags.flat_map(|value| value.split(',')).map(str::trim).any(|one| one == "*" || one.trim_start_matches("W/") == opaque)
}

/// `gzip`, or `*`, unless with a weight of 0.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let weight = |part: &str, wanted: &str| {
        let (name, weight) = part.split_once(';').unwrap_or((part, "q=1"));
        let weight = weight.trim().strip_prefix("q=").and_then(|q| q.trim().parse::<f64>().ok()).unwrap_or(1.0);
        name.trim().eq_ignore_ascii_case(wanted).then_some(weight > 0.0)
    };
    let parts: Vec<&str> = values.flat_map(|value| value.split(',')).collect();
    let of = |wanted| parts.iter().find_map(|part| weight(part, wanted));
    of("gzip").or_else(|| of("*")).unwrap_or(false)
}

fn unpacked(file: &File) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(file.bytes);
    GzDecoder::new(file.gzip)
        .read_to_end(&mut bytes)
        .map_err(|e| Error::new(ErrorKind::Damaged, format!("the page's {} does not unpack: {e}", file.path)))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    async fn asked(method: Method, path: &str, headers: &[(header::HeaderName, &str)]) -> (Response<Body>, Vec<u8>) {
        let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect();
        let (parts, body) = serve(method, path.parse().unwrap(), headers).await.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        (Response::from_parts(parts, Body::empty()), bytes)
    }

    fn text<'a>(answer: &'a Response<Body>, name: &str) -> &'a str {
        answer.headers().get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[tokio::test]
    async fn the_page_is_at_the_root_and_nowhere_else() {
        let (answer, body) = asked(Method::GET, "/", &[]).await;
        assert_eq!((answer.status(), text(&answer, "content-type")), (StatusCode::OK, "text/html; charset=utf-8"));
        assert!(String::from_utf8(body).unwrap().contains("<div id=\"app\">"));
        for elsewhere in ["/home", "/api/v1/nothing", "/assets", "/assets/../index.html"] {
            let (answer, _) = asked(Method::GET, elsewhere, &[]).await;

            assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{elsewhere}");
        }
        let (answer, _) = asked(Method::POST, "/", &[]).await;
        assert_eq!((answer.status(), text(&answer, "allow")), (StatusCode::METHOD_NOT_ALLOWED, "GET, HEAD"));
    }

    #[tokio::test]
    async fn every_file_is_the_same_packed_and_unpacked() {
        for file in files::FILES {
            let path = format!("/{}", file.path);
            let (plain, body) = asked(Method::GET, &path, &[]).await;
            assert_eq!((body.len(), text(&plain, "content-encoding")), (file.bytes, ""), "{path}");
            let (packed, small) = asked(Method::GET, &path, &[(header::ACCEPT_ENCODING, "br, gzip;q=0.8")]).await;
            assert_eq!(text(&packed, "content-encoding"), "gzip", "{path}");
            let mut same = Vec::new();
            GzDecoder::new(small.as_slice()).read_to_end(&mut same).unwrap();
            assert!(same == body, "{path}");
            let (head, nothing) = asked(Method::HEAD, &path, &[]).await;
            assert_eq!((text(&head, "content-length"), nothing.len()), (file.bytes.to_string().as_str(), 0), "{path}");
        }
    }

    #[tokio::test]
    async fn what_a_browser_has_is_not_sent_again() {
        let (first, _) = asked(Method::GET, "/", &[]).await;
        let tag = text(&first, "etag").to_owned();
        let (again, body) = asked(Method::GET, "/", &[(header::IF_NONE_MATCH, &format!("\"other\", {tag}"))]).await;
        assert_eq!((again.status(), body.len()), (StatusCode::NOT_MODIFIED, 0));
        assert_eq!(text(&again, "cache-control"), "no-cache");
        let (other, _) = asked(Method::GET, "/", &[(header::IF_NONE_MATCH, "W/\"other\"")]).await;
        assert_eq!(other.status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn the_policy_lets_nothing_in_from_outside() {
        let (answer, body) = asked(Method::GET, "/", &[]).await;
        let policy = text(&answer, "content-security-policy");
        assert!(policy.starts_with("default-src 'self'") && !policy.contains("unsafe"), "{policy}");
        let page = String::from_utf8(body).unwrap();
        assert!(!page.contains("style=") && !page.contains("<style") && !page.contains("://"), "{page}");
        assert_eq!(page.matches("<script").count(), page.matches("src=").count(), "{page}");
    }

    #[test]
    fn a_weight_of_zero_is_a_no() {
        let says = |value: &str| {
            takes_gzip(&HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_str(value).unwrap())]))
        };
        assert!(says("gzip") && says("*") && says("br, GZIP;q=0.5"));
        assert!(!says("br") && !says("gzip;q=0, *") && !says("identity") && !takes_gzip(&HeaderMap::new()));
    }
}
