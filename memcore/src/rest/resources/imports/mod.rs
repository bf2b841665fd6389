//! Imports: files with history, taken in with progress.

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::rest::api::Api;
use crate::rest::extract::{Json, Path, Query};
use crate::rest::problem::Problem;
use crate::rest::within::Place;
use utoipa_axum::routes;

use crate::rest::access::Route;
use crate::rest::api::Routes;

/// What the room keeps between requests.
#[derive(Debug, Default)]
pub(in crate::rest) struct Shared {}

pub(in crate::rest) fn routes(routes: Routes) -> Routes {
    routes
        .at(Route::ImportsList, routes!(imports))
        .at(Route::ImportBegin, routes!(begin_import))
        .at(Route::ImportShow, routes!(import))
        .at(Route::ImportEnd, routes!(cancel_import))
}

/// An import, as paths name it.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct ImportPath {
    /// The operator, such as `local`.
    operator: String,
    /// The site, such as `home1`.
    site: String,
    /// The import.
    import: String,
}

/// How the file is to be read; what is not said is told by its content.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
struct ImportQuery {
    /// What the file is called, for people; at most 200 characters.
    name: Option<String>,
    /// Reads and checks everything, writes nothing, and says what is understood.
    dry_run: Option<bool>,
    /// Whose channels the columns of a wide file are: a device of the site.
    device: Option<String>,
    /// The unit of all columns that say none: `kW`.
    unit: Option<String>,
    /// The zone of times without one, such as `Europe/Paris`.
    zone: Option<String>,
    /// Ends at the first row that cannot be read.
    strict: Option<bool>,
    /// How such files are read, as the report of a dry run says: JSON or TOML.
    mapping: Option<String>,
}

/// How an import stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ImportState {
    /// The file is being received.
    Receiving,
    /// It waits for its turn.
    Queued,
    /// It is being read.
    Running,
    /// It ended well.
    Done,
    /// It ended with a problem.
    Failed,
    /// It was cancelled.
    Cancelled,
}

/// An import.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct Import {
    /// What identifies it.
    id: String,
    /// What the file is called.
    name: String,
    /// How it stands.
    state: ImportState,
    /// How much of the file was received.
    bytes: u64,
    /// How large it is, as far as the client said.
    #[schema(required)]
    total_bytes: Option<u64>,
    /// Which part of the work is done, 0 to 1, where that is known.
    #[schema(required)]
    part: Option<f64>,
    /// Rows that were read.
    rows: u64,
    /// Values among them.
    points: u64,
    /// What was done, or with `dry_run` would be: as `memcore import --json` says it.
    #[schema(required, value_type = Option<Object>)]
    report: Option<serde_json::Value>,
    /// Why it failed.
    #[schema(required)]
    problem: Option<String>,
    /// Who began it.
    by: String,
    /// When it was begun.
    begun_us: i64,
    /// When it ended.
    #[schema(required)]
    ended_us: Option<i64>,
    /// Whether nothing is written.
    dry_run: bool,
}

/// Imports of a site, the newest first. Those that ended are kept for a while, at most a hundred.
#[derive(Debug, Serialize, ToSchema)]
struct ImportPage {
    /// The imports.
    items: Vec<Import>,
    /// Where to go on; null at the end.
    #[schema(required)]
    next: Option<String>,
}

/// The imports of a site.
#[utoipa::path(
    get, path = "/api/v1/operators/{operator}/sites/{site}/imports", operation_id = "imports", tag = "imports", params(Place),
    responses(
        (status = 200, body = ImportPage),
        (status = 4XX, body = Problem, content_type = "application/problem+json"),
        (status = 5XX, body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn imports(State(_api): State<Api>, Path(_place): Path<Place>) -> Result<Json<ImportPage>, Problem> {
    Err(Problem::new(StatusCode::NOT_IMPLEMENTED, "UNSUPPORTED", "not there yet"))
}

/// Takes a file in: the body is the file, of any format that `memcore import` reads. It answers when the file is received.
#[utoipa::path(
    post, path = "/api/v1/operators/{operator}/sites/{site}/imports", operation_id = "begin_import", tag = "imports", params(Place, ImportQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 202, body = Import),
        (status = 4XX, body = Problem, content_type = "application/problem+json"),
        (status = 5XX, body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn begin_import(
    State(_api): State<Api>,
    Path(_place): Path<Place>,
    Query(_asked): Query<ImportQuery>,
    _body: Body,
) -> Result<(StatusCode, Json<Import>), Problem> {
    Err(Problem::new(StatusCode::NOT_IMPLEMENTED, "UNSUPPORTED", "not there yet"))
}

/// An import, and how far it is.
#[utoipa::path(
    get, path = "/api/v1/operators/{operator}/sites/{site}/imports/{import}", operation_id = "import", tag = "imports", params(ImportPath),
    responses(
        (status = 200, body = Import),
        (status = 4XX, body = Problem, content_type = "application/problem+json"),
        (status = 5XX, body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn import(State(_api): State<Api>, Path(_of): Path<ImportPath>) -> Result<Json<Import>, Problem> {
    Err(Problem::new(StatusCode::NOT_IMPLEMENTED, "UNSUPPORTED", "not there yet"))
}

/// Ends an import. What it has written stays.
#[utoipa::path(
    delete, path = "/api/v1/operators/{operator}/sites/{site}/imports/{import}", operation_id = "cancel_import", tag = "imports", params(ImportPath),
    responses(
        (status = 200, body = Import),
        (status = 4XX, body = Problem, content_type = "application/problem+json"),
        (status = 5XX, body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn cancel_import(State(_api): State<Api>, Path(_of): Path<ImportPath>) -> Result<Json<Import>, Problem> {
    Err(Problem::new(StatusCode::NOT_IMPLEMENTED, "UNSUPPORTED", "not there yet"))
}
