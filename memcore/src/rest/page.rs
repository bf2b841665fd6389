//! The operator's page: files that were built once and are part of the program.

use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};

pub(super) async fn serve(uri: Uri) -> Response {
    (StatusCode::NOT_FOUND, format!("no page at {}", uri.path())).into_response()
}
