//! Alarms, their rules, and who is told.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use crate::alarms::{
    Alarm, AlarmState, Notifier, NotifierSettings, QuietSettings, Rule, RuleSettings, Severity, WatchSettings,
};
use crate::error::{Error, ErrorKind};
use crate::model::Name;
use crate::rest::access::Route;
use crate::rest::api::{Api, Routes};
use crate::rest::extract::{Json, Path, Query};
use crate::rest::guard::Asking;
use crate::rest::paging::{Page, PageAsked, Paging};
use crate::rest::problem::Problem;
use crate::rest::tags::Changing;
use crate::rest::within::AtOperator;
use crate::runtime::AlarmQuery;

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
        .at(Route::NotifierShow, routes!(show_notifier))
        .at(Route::NotifierChange, routes!(change_notifier))
        .at(Route::NotifierRemove, routes!(remove_notifier))
        .at(Route::NotifierTest, routes!(test_notifier))
}

/// An alarm, as paths name it.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct AtAlarm {
    /// The operator, such as `local`.
    #[param(value_type = String)]
    operator: Name,
    /// The alarm's id.
    #[param(value_type = String)]
    alarm: Name,
}

/// A rule, as paths name it.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct AtRule {
    /// The operator, such as `local`.
    #[param(value_type = String)]
    operator: Name,
    /// The rule's id.
    #[param(value_type = String)]
    rule: Name,
}

/// A notifier, as paths name it.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct AtNotifier {
    /// The operator, such as `local`.
    #[param(value_type = String)]
    operator: Name,
    /// The notifier's id.
    #[param(value_type = String)]
    notifier: Name,
}

/// Which alarms.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct AlarmsAsked {
    /// Only those that have come so far.
    state: Option<AlarmState>,
    /// Only those as bad as that.
    severity: Option<Severity>,
    /// Only those of that site.
    #[param(value_type = Option<String>)]
    site: Option<Name>,
    /// How many at most: 1 to 1000, 100 unless told.
    limit: Option<u32>,
    /// Where the page before said that this one begins.
    cursor: Option<String>,
}

/// A rule of alarms.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct AlarmRule {
    /// Its id.
    #[schema(value_type = String)]
    id: Name,
    /// Whether it comes with memcore: it can be switched off and changed, not removed.
    built_in: bool,
    /// What it is called, in lists and mails.
    name: String,
    /// How bad it is when it holds.
    severity: Severity,
    /// Whether it watches.
    enabled: bool,
    /// What is watched.
    watch: WatchSettings,
    /// The notifiers that are told, by their ids.
    #[schema(value_type = Vec<String>)]
    notify: Vec<Name>,
    /// When nobody is told.
    quiet: Option<QuietSettings>,
    /// How often they are told again while nobody has acknowledged: `1h`.
    remind: Option<String>,
}

impl From<Rule> for AlarmRule {
    fn from(rule: Rule) -> Self {
        // Field by field, because what is asked for may hold no others, and this does.
        let RuleSettings { name, severity, enabled, watch, notify, quiet, remind } = rule.settings().clone();
        Self { id: rule.id().clone(), built_in: rule.is_built_in(), name, severity, enabled, watch, notify, quiet, remind }
    }
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
    /// Whether it could.
    sent: bool,
    /// Why not.
    problem: Option<String>,
}

/// A refusal names its field at its beginning.
fn refused(e: Error) -> Problem {
    let message = e.message().to_owned();
    let field = message.split([' ', ':']).next().unwrap_or_default().to_owned();
    let is_field = !field.is_empty() && field.bytes().all(|b| b.is_ascii_lowercase() || b == b'_' || b == b'.');
    let kind = e.kind();
    let problem = Problem::from(e);
    if kind == ErrorKind::Invalid && is_field { problem.at(field) } else { problem }
}

/// Alarms of an operator, the newest first.
#[utoipa::path(
    get, path = "/api/v1/operators/{operator}/alarms", operation_id = "list_alarms", tag = "alarms",
    params(AtOperator, AlarmsAsked),
    responses(
        (status = 200, description = "Alarms of an operator, the newest first", body = Page<Alarm>),
        (status = "4XX", description = "Not done, and why", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn list_alarms(
    State(api): State<Api>,
    Path(at): Path<AtOperator>,
    Query(asked): Query<AlarmsAsked>,
) -> Result<Json<Page<Alarm>>, Problem> {
    let paging = Paging::<Name>::new(asked.limit, asked.cursor.as_deref())?;
    let AlarmsAsked { state, severity, site, .. } = asked;
    let (before, limit) = (paging.after.clone(), paging.limit + 1);
    let query = AlarmQuery { state, severity, site, before, limit, ..AlarmQuery::default() };
    let found = api.server().alarms().list(&at.operator, &query).await?;
    Ok(Json(paging.page(found.items, |alarm| alarm.id.clone())))
}

/// One alarm.
#[utoipa::path(
    get, path = "/api/v1/operators/{operator}/alarms/{alarm}", operation_id = "show_alarm", tag = "alarms",
    params(AtAlarm),
    responses(
        (status = 200, description = "One alarm", body = Alarm),
        (status = "4XX", description = "Not done, and why", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn show_alarm(State(api): State<Api>, Path(at): Path<AtAlarm>) -> Result<Json<Alarm>, Problem> {
    Ok(Json(api.server().alarms().find(&at.operator, &at.alarm).await?))
}

/// Takes note of an alarm: nobody is reminded of it any more. Once is enough; the first stands.
#[utoipa::path(
    post, path = "/api/v1/operators/{operator}/alarms/{alarm}/acknowledgement", operation_id = "acknowledge_alarm", tag = "alarms",
    params(AtAlarm),
    request_body = Option<AcknowledgementRequest>,
    responses(
        (status = 200, description = "Takes note of an alarm", body = Alarm),
        (status = "4XX", description = "Not done, and why", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn acknowledge_alarm(
    State(api): State<Api>,
    Path(at): Path<AtAlarm>,
    asking: Asking,
    said: Option<Json<AcknowledgementRequest>>,
) -> Result<Json<Alarm>, Problem> {
    let note = said.unwrap_or(Json(AcknowledgementRequest::default())).0.note;
    let alarm = api.server().alarms().acknowledge(&at.operator, &at.alarm, &asking.0.author(), note).await;
    Ok(Json(alarm.map_err(refused)?))
}

/// The rules of an operator, those that come with memcore first.
#[utoipa::path(
    get, path = "/api/v1/operators/{operator}/alarm-rules", operation_id = "list_alarm_rules", tag = "alarms",
    params(AtOperator, PageAsked),
    responses(
        (status = 200, description = "The rules of an operator, those that come with memcore first", body = Page<AlarmRule>),
        (status = "4XX", description = "Not done, and why", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn list_alarm_rules(
    State(api): State<Api>,
    Path(at): Path<AtOperator>,
    Query(asked): Query<PageAsked>,
) -> Result<Json<Page<AlarmRule>>, Problem> {
    let paging = asked.paging::<(bool, Name)>()?;
    let rules = api.server().alarms().rules(&at.operator).into_iter().map(AlarmRule::from);
    Ok(Json(paging.page_of(rules, |rule| (!rule.built_in, rule.id.clone()))))
}

/// Makes a rule.
#[utoipa::path(
    post, path = "/api/v1/operators/{operator}/alarm-rules", operation_id = "create_alarm_rule", tag = "alarms",
    params(AtOperator),
    request_body = RuleSettings,
    responses(
        (status = 201, description = "Makes a rule", body = AlarmRule),
        (status = "4XX", description = "Not done, and why", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn create_alarm_rule(
    State(api): State<Api>,
    Path(at): Path<AtOperator>,
    asking: Asking,
    Json(said): Json<RuleSettings>,
) -> Result<(StatusCode, Json<AlarmRule>), Problem> {
    let rule = api.server().alarms().create_rule(&at.operator, said, &asking.0.author()).await.map_err(refused)?;
    Ok((StatusCode::CREATED, Json(rule.into())))
}

/// One rule.
#[utoipa::path(
    get, path = "/api/v1/operators/{operator}/alarm-rules/{rule}", operation_id = "show_alarm_rule", tag = "alarms",
    params(AtRule),
    responses(
        (status = 200, description = "One rule", body = AlarmRule),
        (status = "4XX", description = "Not done, and why", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn show_alarm_rule(State(api): State<Api>, Path(at): Path<AtRule>) -> Result<Json<AlarmRule>, Problem> {
    Ok(Json(api.server().alarms().rule(&at.operator, &at.rule)?.into()))
}

/// Changes a rule. Alarms of one that watches something else from now on clear.
#[utoipa::path(
    put, path = "/api/v1/operators/{operator}/alarm-rules/{rule}", operation_id = "change_alarm_rule", tag = "alarms",
    params(AtRule),
    request_body = RuleSettings,
    responses(
        (status = 200, description = "Changes a rule", body = AlarmRule),
        (status = "4XX", description = "Not done, and why", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn change_alarm_rule(
    State(api): State<Api>,
    Path(at): Path<AtRule>,
    asking: Asking,
    Json(said): Json<RuleSettings>,
) -> Result<Json<AlarmRule>, Problem> {
    let alarms = api.server().alarms();
    let rule = alarms.change_rule(&at.operator, &at.rule, said, &asking.0.author()).await.map_err(refused)?;
    Ok(Json(rule.into()))
}

/// Removes a rule; its alarms clear.
#[utoipa::path(
    delete, path = "/api/v1/operators/{operator}/alarm-rules/{rule}", operation_id = "remove_alarm_rule", tag = "alarms",
    params(AtRule),
    responses(
        (status = 204, description = "Removes a rule"),
        (status = "4XX", description = "Not done, and why", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn remove_alarm_rule(State(api): State<Api>, Path(at): Path<AtRule>, asking: Asking) -> Result<StatusCode, Problem> {
    api.server().alarms().remove_rule(&at.operator, &at.rule, &asking.0.author()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The notifiers of an operator, and how they went.
#[utoipa::path(
    get, path = "/api/v1/operators/{operator}/notifiers", operation_id = "list_notifiers", tag = "alarms",
    params(AtOperator, PageAsked),
    responses(
        (status = 200, description = "The notifiers of an operator, and how they went", body = Page<Notifier>),
        (status = "4XX", description = "Not done, and why", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn list_notifiers(
    State(api): State<Api>,
    Path(at): Path<AtOperator>,
    Query(asked): Query<PageAsked>,
) -> Result<Json<Page<Notifier>>, Problem> {
    let paging = asked.paging::<Name>()?;
    let notifiers = api.server().alarms().notifiers(&at.operator);
    Ok(Json(paging.page_of(notifiers, |notifier| notifier.id.clone())))
}

/// Makes a notifier.
#[utoipa::path(
    post, path = "/api/v1/operators/{operator}/notifiers", operation_id = "create_notifier", tag = "alarms",
    params(AtOperator),
    request_body = NotifierSettings,
    responses(
        (status = 201, description = "Makes a notifier", body = Notifier),
        (status = "4XX", description = "Not done, and why", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn create_notifier(
    State(api): State<Api>,
    Path(at): Path<AtOperator>,
    asking: Asking,
    Json(said): Json<NotifierSettings>,
) -> Result<(StatusCode, Json<Notifier>), Problem> {
    let alarms = api.server().alarms();
    let made = alarms.create_notifier(&at.operator, said, &asking.0.author()).await.map_err(refused)?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// One notifier, and how it went.
#[utoipa::path(
    get, path = "/api/v1/operators/{operator}/notifiers/{notifier}", operation_id = "show_notifier", tag = "alarms",
    params(AtNotifier),
    responses(
        (status = 200, description = "One notifier, and how it went", body = Notifier),
        (status = "4XX", description = "Not done, and why", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn show_notifier(State(api): State<Api>, Path(at): Path<AtNotifier>) -> Result<Changing<Notifier>, Problem> {
    let whole = api.server().alarms().notifier(&at.operator, &at.notifier)?;
    Ok(Changing { whole, by_itself: &["last_sent_us", "last_problem", "waiting"] })
}

/// Changes a notifier. A webhook whose secret is not said keeps it.
#[utoipa::path(
    put, path = "/api/v1/operators/{operator}/notifiers/{notifier}", operation_id = "change_notifier", tag = "alarms",
    params(AtNotifier),
    request_body = NotifierSettings,
    responses(
        (status = 200, description = "Changes a notifier", body = Notifier),
        (status = "4XX", description = "Not done, and why", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn change_notifier(
    State(api): State<Api>,
    Path(at): Path<AtNotifier>,
    asking: Asking,
    Json(said): Json<NotifierSettings>,
) -> Result<Json<Notifier>, Problem> {
    let alarms = api.server().alarms();
    let changed = alarms.change_notifier(&at.operator, &at.notifier, said, &asking.0.author()).await;
    Ok(Json(changed.map_err(refused)?))
}

/// Removes a notifier; rules that name it tell it no more.
#[utoipa::path(
    delete, path = "/api/v1/operators/{operator}/notifiers/{notifier}", operation_id = "remove_notifier", tag = "alarms",
    params(AtNotifier),
    responses(
        (status = 204, description = "Removes a notifier"),
        (status = "4XX", description = "Not done, and why", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn remove_notifier(
    State(api): State<Api>,
    Path(at): Path<AtNotifier>,
    asking: Asking,
) -> Result<StatusCode, Problem> {
    api.server().alarms().remove_notifier(&at.operator, &at.notifier, &asking.0.author()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Tells a test message now, whatever the hour.
#[utoipa::path(
    post, path = "/api/v1/operators/{operator}/notifiers/{notifier}/test", operation_id = "test_notifier", tag = "alarms",
    params(AtNotifier),
    responses(
        (status = 200, description = "Tells a test message now, whatever the hour", body = NotifierTrial),
        (status = "4XX", description = "Not done, and why", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn test_notifier(State(api): State<Api>, Path(at): Path<AtNotifier>) -> Result<Json<NotifierTrial>, Problem> {
    let problem = api.server().alarms().test_notifier(&at.operator, &at.notifier).await?;
    Ok(Json(NotifierTrial { sent: problem.is_none(), problem }))
}
