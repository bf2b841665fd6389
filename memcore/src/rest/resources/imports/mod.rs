//! Imports: files with history, taken in with progress.

mod job;
mod run;
mod upload;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use serde::{Deserialize, Serialize};
use tokio::sync::{OnceCell, Semaphore};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use self::job::{Begun, Job, Jobs};
use crate::error::Error;
use crate::model::{Clock, DeviceName, Name, shorten};
use crate::rest::access::Route;
use crate::rest::api::{Api, Routes};
use crate::rest::extract::{Json, Path, Query};
use crate::rest::guard::Asking;
use crate::rest::paging::{Page, PageAsked};
use crate::rest::problem::Problem;
use crate::rest::tags::Changing;
use crate::rest::within::Place;
use crate::runtime::{ImportRequest, Mapping};

/// Where files are while they are taken in, within the site's folder.
const FOLDER: &str = "imports";
/// Characters of the name of a file.
const NAME_MAX: usize = 200;

/// What the room keeps between requests.
#[derive(Debug)]
pub(in crate::rest) struct Shared {
    jobs: Jobs,
    /// One import at a time.
    turn: Semaphore,
    /// Whether files of an earlier server were removed.
    cleared: OnceCell<()>,
}

impl Default for Shared {
    fn default() -> Self {
        Self { jobs: Jobs::default(), turn: Semaphore::new(1), cleared: OnceCell::new() }
    }
}

/// What is said of an import that goes on while it runs.
const BY_ITSELF: &[&str] = &["bytes", "total_bytes", "part", "rows", "points", "report", "problem", "ended_us"];

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
    #[param(value_type = String)]
    operator: Name,
    /// The site, such as `home1`.
    #[param(value_type = String)]
    site: Name,
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

/// The imports of a site.
#[utoipa::path(
    get, path = "/api/v1/operators/{operator}/sites/{site}/imports", operation_id = "imports", tag = "imports",
    params(Place, PageAsked),
    responses(
        (status = 200, body = Page<Import>),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn imports(
    State(api): State<Api>,
    Path(place): Path<Place>,
    Query(asked): Query<PageAsked>,
) -> Result<Json<Page<Import>>, Problem> {
    let paging = asked.paging::<u64>()?;
    let all = api.inner.imports.jobs.of(&place);
    let older = all.into_iter().filter(|job| paging.after.is_none_or(|after| job.number < after));
    let shown: Vec<Arc<Job>> = older.take(paging.limit + 1).collect();
    let page = paging.page(shown, |job| job.number);
    Ok(Json(Page { items: page.items.iter().map(|job| job.shown()).collect(), next: page.next }))
}

/// Takes a file in: the body is the file, of any format that `memcore import` reads. It answers when the file is received.
#[utoipa::path(
    post, path = "/api/v1/operators/{operator}/sites/{site}/imports", operation_id = "begin_import", tag = "imports",
    params(Place, ImportQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 202, body = Import),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn begin_import(
    State(api): State<Api>,
    Path(place): Path<Place>,
    Query(asked): Query<ImportQuery>,
    Asking(caller): Asking,
    request: Request,
) -> Result<(StatusCode, Json<Import>), Problem> {
    let mut wanted = asked.request(&place)?;
    let total = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let most = api.inner.config.http.import_bytes;
    if total.is_some_and(|total: u64| total > most) {
        return Err(upload::too_large(most));
    }
    let (name, dry_run) = (shown_name(asked.name.as_deref()), wanted.dry_run);
    let begun = Begun { place, name, total, dry_run, by: caller.author(), at: api.server().clock().now() };
    let job = api.inner.imports.jobs.begin(begun)?;
    let folder = api.inner.config.path.join(FOLDER);
    // One that has gone while its file is received is cancelled: what was received goes with it.
    let mut receiving = Receiving { job: job.clone(), clock: api.server().clock(), done: false };
    let file = upload::receive(&api.inner.imports.cleared, &folder, &job, request.into_body(), most).await;
    let file = file.inspect_err(|problem| job.fail(problem.detail.clone(), api.server().clock().now()))?;
    receiving.done = true;
    wanted.file = file.path().to_owned();
    let shown = job.queue();
    tokio::spawn(run::run(api.clone(), job, wanted, file));
    Ok((StatusCode::ACCEPTED, Json(shown)))
}

/// An import, and how far it is.
#[utoipa::path(
    get, path = "/api/v1/operators/{operator}/sites/{site}/imports/{import}", operation_id = "import", tag = "imports",
    params(ImportPath),
    responses(
        (status = 200, body = Import),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn import(State(api): State<Api>, Path(of): Path<ImportPath>) -> Result<Changing<Import>, Problem> {
    Ok(Changing { whole: of.find(&api)?.shown(), by_itself: BY_ITSELF })
}

/// Ends an import. What it has written stays. One that has ended is no longer listed afterwards.
#[utoipa::path(
    delete, path = "/api/v1/operators/{operator}/sites/{site}/imports/{import}", operation_id = "cancel_import",
    tag = "imports", params(ImportPath),
    responses(
        (status = 200, body = Import),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn cancel_import(State(api): State<Api>, Path(of): Path<ImportPath>) -> Result<Json<Import>, Problem> {
    let job = of.find(&api)?;
    if !job.cancel(api.server().clock().now()) {
        api.inner.imports.jobs.forget(&job);
    }
    Ok(Json(job.shown()))
}

impl ImportPath {
    fn find(&self, api: &Api) -> Result<Arc<Job>, Problem> {
        let place = Place { operator: self.operator.clone(), site: self.site.clone() };
        let found = api.inner.imports.jobs.of(&place).into_iter().find(|job| job.id() == self.import);
        found.ok_or_else(|| Problem::not_found(format!("import {:?} is not known", shorten(&self.import))))
    }
}

impl ImportQuery {
    fn request(&self, place: &Place) -> Result<ImportRequest, Problem> {
        let named = |field: &'static str| move |e: Error| Problem::from(e).at(field);
        let mut request = ImportRequest::new("");
        (request.dry_run, request.strict) = (self.dry_run.unwrap_or(false), self.strict.unwrap_or(false));
        // The first refused rows are in the report; no file is left beside.
        request.refused = None;
        request.within = Some((place.operator.clone(), place.site.clone()));
        if let Some(device) = &self.device {
            request.frame.device = Some(device_of(place, device)?);
        }
        request.frame.unit = self.unit.as_deref().map(str::parse).transpose().map_err(named("unit"))?;
        if let Some(zone) = &self.zone {
            crate::energy::zone_of(zone).map_err(named("zone"))?;
            request.zone = Some(zone.clone());
        }
        if let Some(mapping) = self.mapping.as_deref() {
            let json = mapping.trim_start().starts_with('{');
            let read = if json { Mapping::from_json(mapping) } else { Mapping::from_toml(mapping) };
            request.mapping = read.map_err(named("mapping"))?;
        }
        Ok(request)
    }
}

/// A device of the site: `pv`, `home1.pv`, or with its operator.
fn device_of(place: &Place, text: &str) -> Result<DeviceName, Problem> {
    let full = match (text.contains('/'), text.contains('.')) {
        (true, _) => text.to_owned(),
        (false, true) => format!("{}/{text}", place.operator),
        (false, false) => format!("{}/{}.{text}", place.operator, place.site),
    };
    let device: DeviceName = full.parse().map_err(|e: Error| Problem::from(e).at("device"))?;
    if place.has(&device) {
        return Ok(device);
    }
    let (operator, site) = (&place.operator, &place.site);
    Err(Problem::invalid("device", format!("device is {device}, expected one of {operator}/{site}")))
}

/// A name for people: no path, nothing that is not to be seen, and not too long.
fn shown_name(name: Option<&str>) -> String {
    let base = name.unwrap_or_default().rsplit(['/', '\\']).next().unwrap_or_default();
    let seen: String = base.chars().filter(|c| !c.is_control()).take(NAME_MAX).collect();
    if seen.trim().is_empty() { "file".to_owned() } else { seen }
}

/// While a file is received. Dropped before it is done, the client has gone.
struct Receiving {
    job: Arc<Job>,
    clock: Arc<dyn Clock>,
    done: bool,
}

impl Drop for Receiving {
    fn drop(&mut self) {
        if !self.done {
            self.job.cancel(self.clock.now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Name;

    #[test]
    fn names_of_files_are_for_reading_alone() {
        for (name, shown) in [
            (Some("power.csv"), "power.csv"),
            (Some("../../etc/passwd"), "passwd"),
            (Some("C:\\x\\power.csv"), "power.csv"),
            (Some("a\nb\u{1b}[31m"), "ab[31m"),
            (Some("<script>alert(1)<script>"), "<script>alert(1)<script>"),
            (Some("a/"), "file"),
            (None, "file"),
        ] {
            assert_eq!(shown_name(name), shown);
        }
        assert_eq!(shown_name(Some(&"x".repeat(1000))).len(), NAME_MAX);
    }

    #[test]
    fn a_device_is_one_of_the_site() {
        let name = |text| Name::new(text).unwrap();
        let place = Place { operator: name("acme"), site: name("home1") };
        for text in ["pv", "home1.pv", "acme/home1.pv"] {
            assert_eq!(device_of(&place, text).unwrap().to_string(), "acme/home1.pv");
        }
        for text in ["home2.pv", "local/home1.pv", "a b", ""] {
            assert_eq!(device_of(&place, text).unwrap_err().field.as_deref(), Some("device"), "{text}");
        }
    }
}
