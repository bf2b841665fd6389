//! Alarms, their rules, and who is told.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use crate::alarms::{Alarm, AlarmState, Notifier, NotifierSettings, RuleSettings, Severity};
use crate::model::Name;
use crate::rest::access::Route;
use crate::rest::api::{Api, Routes};
use crate::rest::guard::Asking;
use crate::rest::problem::Problem;

pub(in crate::rest) fn routes(routes: Routes) -> Routes {
    routes
        .at(Route::AlarmsList, routes!(list_alarms))
        .at(Route::AlarmShow, routes!(show_alarm))
        .at(Route::AlarmAcknowledge, routes!(acknowledge_alarm))
        .at(Route::AlarmRulesList, routes!(list_alarm_rules))
        .at(Route::AlarmRuleCreate, routes!(create_alarm_rule))
        .at(Route::AlarmRuleShow, routes!(show_alarm_rule))
        .at(Route::AlarmRuleChange, routes!(change_alarm_rule))
        .at(Route::AlarmRuleRemove, routes!(remove_alarm_rule))
        .at(Route::NotifiersList, routes!(list_notifiers))
        .at(Route::NotifierCreate, routes!(create_notifier))
        .at(Route::NotifierChange, routes!(change_notifier))
        .at(Route::NotifierRemove, routes!(remove_notifier))
        .at(Route::NotifierTest, routes!(test_notifier))
}

/// Which alarms.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct AlarmsQuery {
    /// Only those that have come so far.
    state: Option<AlarmState>,
    /// Only those as bad as that.
    severity: Option<Severity>,
    /// Only those of that site.
    site: Option<String>,
    /// The most of one page, 1 to 1000; 100 without it.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// Where the page before ended.
    cursor: Option<String>,
}

/// A page of alarms, the newest first.
#[derive(Debug, Serialize, ToSchema)]
struct AlarmPage {
    items: Vec<Alarm>,
    /// Where the next page begins, where there is one.
    next: Option<String>,
}

/// A page of rules.
#[derive(Debug, Serialize, ToSchema)]
struct AlarmRulePage {
    items: Vec<AlarmRule>,
    /// Where the next page begins, where there is one.
    next: Option<String>,
}

/// A page of notifiers.
#[derive(Debug, Serialize, ToSchema)]
struct NotifierPage {
    items: Vec<Notifier>,
    /// Where the next page begins, where there is one.
    next: Option<String>,
}

/// A rule of alarms.
#[derive(Debug, Serialize, ToSchema)]
struct AlarmRule {
    /// Its id.
    #[schema(value_type = String)]
    id: Name,
    /// Whether it comes with memcore: it can be switched off and changed, not removed.
    built_in: bool,
    #[serde(flatten)]
    settings: RuleSettings,
}

/// What is said on taking note of an alarm.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
struct AcknowledgementRequest {
    /// What there is to say, 1000 characters at most.
    note: Option<String>,
}

/// Whether a notifier could tell.
#[derive(Debug, Serialize, ToSchema)]
struct NotifierTrial {
    sent: bool,
    /// Why not.
    problem: Option<String>,
}

fn absent() -> Problem {
    Problem::new(StatusCode::NOT_IMPLEMENTED, "UNSUPPORTED", "alarms are not served yet")
}

/// Alarms of the operator, the newest first.
#[utoipa::path(
    get, path = "/api/v1/operators/{operator}/alarms", operation_id = "list_alarms", tag = "alarms",
    params(("operator" = String, Path, description = "Whose"), AlarmsQuery),
    responses((status = 200, body = AlarmPage), (status = "4XX", body = Problem, content_type = "application/problem+json"))
)]
async fn list_alarms(
    State(_): State<Api>,
    Asking(_): Asking,
    Path(_): Path<String>,
    Query(_): Query<AlarmsQuery>,
) -> Result<Json<AlarmPage>, Problem> {
    Err(absent())
}

/// One alarm.
#[utoipa::path(
    get, path = "/api/v1/operators/{operator}/alarms/{alarm}", operation_id = "show_alarm", tag = "alarms",
    params(("operator" = String, Path, description = "Whose"), ("alarm" = String, Path, description = "Its id")),
    responses((status = 200, body = Alarm), (status = "4XX", body = Problem, content_type = "application/problem+json"))
)]
async fn show_alarm(
    State(_): State<Api>,
    Asking(_): Asking,
    Path(_): Path<(String, String)>,
) -> Result<Json<Alarm>, Problem> {
    Err(absent())
}

/// Takes note of an alarm: nobody is reminded of it any more. Once is enough; the first stands.
#[utoipa::path(
    post, path = "/api/v1/operators/{operator}/alarms/{alarm}/acknowledgement", operation_id = "acknowledge_alarm", tag = "alarms",
    params(("operator" = String, Path, description = "Whose"), ("alarm" = String, Path, description = "Its id")),
    request_body = AcknowledgementRequest,
    responses((status = 200, body = Alarm), (status = "4XX", body = Problem, content_type = "application/problem+json"))
)]
async fn acknowledge_alarm(
    State(_): State<Api>,
    Asking(_): Asking,
    Path(_): Path<(String, String)>,
    Json(_): Json<AcknowledgementRequest>,
) -> Result<Json<Alarm>, Problem> {
    Err(absent())
}

/// The rules of the operator, those that come with memcore first.
#[utoipa::path(
    get, path = "/api/v1/operators/{operator}/alarm-rules", operation_id = "list_alarm_rules", tag = "alarms",
    params(("operator" = String, Path, description = "Whose")),
    responses((status = 200, body = AlarmRulePage), (status = "4XX", body = Problem, content_type = "application/problem+json"))
)]
async fn list_alarm_rules(
    State(_): State<Api>,
    Asking(_): Asking,
    Path(_): Path<String>,
) -> Result<Json<AlarmRulePage>, Problem> {
    Err(absent())
}

/// Makes a rule.
#[utoipa::path(
    post, path = "/api/v1/operators/{operator}/alarm-rules", operation_id = "create_alarm_rule", tag = "alarms",
    params(("operator" = String, Path, description = "Whose")),
    request_body = RuleSettings,
    responses((status = 201, body = AlarmRule), (status = "4XX", body = Problem, content_type = "application/problem+json"))
)]
async fn create_alarm_rule(
    State(_): State<Api>,
    Asking(_): Asking,
    Path(_): Path<String>,
    Json(_): Json<RuleSettings>,
) -> Result<(StatusCode, Json<AlarmRule>), Problem> {
    Err(absent())
}

/// One rule.
#[utoipa::path(
    get, path = "/api/v1/operators/{operator}/alarm-rules/{rule}", operation_id = "show_alarm_rule", tag = "alarms",
    params(("operator" = String, Path, description = "Whose"), ("rule" = String, Path, description = "Its id")),
    responses((status = 200, body = AlarmRule), (status = "4XX", body = Problem, content_type = "application/problem+json"))
)]
async fn show_alarm_rule(
    State(_): State<Api>,
    Asking(_): Asking,
    Path(_): Path<(String, String)>,
) -> Result<Json<AlarmRule>, Problem> {
    Err(absent())
}

/// Changes a rule.
#[utoipa::path(
    put, path = "/api/v1/operators/{operator}/alarm-rules/{rule}", operation_id = "change_alarm_rule", tag = "alarms",
    params(("operator" = String, Path, description = "Whose"), ("rule" = String, Path, description = "Its id")),
    request_body = RuleSettings,
    responses((status = 200, body = AlarmRule), (status = "4XX", body = Problem, content_type = "application/problem+json"))
)]
async fn change_alarm_rule(
    State(_): State<Api>,
    Asking(_): Asking,
    Path(_): Path<(String, String)>,
    Json(_): Json<RuleSettings>,
) -> Result<Json<AlarmRule>, Problem> {
    Err(absent())
}

/// Removes a rule; its alarms clear.
#[utoipa::path(
    delete, path = "/api/v1/operators/{operator}/alarm-rules/{rule}", operation_id = "remove_alarm_rule", tag = "alarms",
    params(("operator" = String, Path, description = "Whose"), ("rule" = String, Path, description = "Its id")),
    responses((status = 204), (status = "4XX", body = Problem, content_type = "application/problem+json"))
)]
async fn remove_alarm_rule(
    State(_): State<Api>,
    Asking(_): Asking,
    Path(_): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    Err(absent())
}

/// The notifiers of the operator, and how they went.
#[utoipa::path(
    get, path = "/api/v1/operators/{operator}/notifiers", operation_id = "list_notifiers", tag = "alarms",
    params(("operator" = String, Path, description = "Whose")),
    responses((status = 200, body = NotifierPage), (status = "4XX", body = Problem, content_type = "application/problem+json"))
)]
async fn list_notifiers(
    State(_): State<Api>,
    Asking(_): Asking,
    Path(_): Path<String>,
) -> Result<Json<NotifierPage>, Problem> {
    Err(absent())
}

/// Makes a notifier.
#[utoipa::path(
    post, path = "/api/v1/operators/{operator}/notifiers", operation_id = "create_notifier", tag = "alarms",
    params(("operator" = String, Path, description = "Whose")),
    request_body = NotifierSettings,
    responses((status = 201, body = Notifier), (status = "4XX", body = Problem, content_type = "application/problem+json"))
)]
async fn create_notifier(
    State(_): State<Api>,
    Asking(_): Asking,
    Path(_): Path<String>,
    Json(_): Json<NotifierSettings>,
) -> Result<(StatusCode, Json<Notifier>), Problem> {
    Err(absent())
}

/// Changes a notifier.
#[utoipa::path(
    put, path = "/api/v1/operators/{operator}/notifiers/{notifier}", operation_id = "change_notifier", tag = "alarms",
    params(("operator" = String, Path, description = "Whose"), ("notifier" = String, Path, description = "Its id")),
    request_body = NotifierSettings,
    responses((status = 200, body = Notifier), (status = "4XX", body = Problem, content_type = "application/problem+json"))
)]
async fn change_notifier(
    State(_): State<Api>,
    Asking(_): Asking,
    Path(_): Path<(String, String)>,
    Json(_): Json<NotifierSettings>,
) -> Result<Json<Notifier>, Problem> {
    Err(absent())
}

/// Removes a notifier; rules that name it tell it no more.
#[utoipa::path(
    delete, path = "/api/v1/operators/{operator}/notifiers/{notifier}", operation_id = "remove_notifier", tag = "alarms",
    params(("operator" = String, Path, description = "Whose"), ("notifier" = String, Path, description = "Its id")),
    responses((status = 204), (status = "4XX", body = Problem, content_type = "application/problem+json"))
)]
async fn remove_notifier(
    State(_): State<Api>,
    Asking(_): Asking,
    Path(_): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    Err(absent())
}

/// Tells a test message now, whatever the hour.
#[utoipa::path(
    post, path = "/api/v1/operators/{operator}/notifiers/{notifier}/test", operation_id = "test_notifier", tag = "alarms",
    params(("operator" = String, Path, description = "Whose"), ("notifier" = String, Path, description = "Its id")),
    responses((status = 200, body = NotifierTrial), (status = "4XX", body = Problem, content_type = "application/problem+json"))
)]
async fn test_notifier(
    State(_): State<Api>,
    Asking(_): Asking,
    Path(_): Path<(String, String)>,
) -> Result<Json<NotifierTrial>, Problem> {
    Err(absent())
}
