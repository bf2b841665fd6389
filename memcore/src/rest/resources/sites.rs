//! Operators and sites.

use std::collections::BTreeMap;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::energy::power_roles;
use crate::accounts::{Caller, Role};
use crate::energy::Role as Part;
use crate::model::{Name, Pattern, Timestamp};
use crate::rest::access::Route;
use crate::rest::api::{Api, Routes};
use crate::rest::extract::{Json, Path, Query};
use crate::rest::guard::Asking;
use crate::rest::inventory::Known;
use crate::rest::paging::{Page, PageAsked};
use crate::rest::problem::Problem;
use crate::rest::within::{AtOperator, Place};

pub(in crate::rest) fn routes(routes: Routes) -> Routes {
    routes
        .at(Route::OperatorsList, routes!(list_operators))
        .at(Route::SitesList, routes!(list_sites))
        .at(Route::SiteShow, routes!(show_site))
}

/// An operator, as far as the caller may see it.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct Operator {
    /// Its name, such as `local`.
    operator: String,
    /// What the caller is there.
    role: Role,
    /// How many sites it has.
    sites: usize,
    /// How many devices they have.
    devices: usize,
    /// How many of them are connected.
    connected: usize,
    /// Alarms that are raised and not acknowledged.
    alarms: AlarmCounts,
}

/// How many alarms are raised and not acknowledged, by severity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
struct AlarmCounts {
    critical: usize,
    warning: usize,
    info: usize,
}

/// A site.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct Site {
    /// The operator that it belongs to.
    operator: String,
    /// Its name, such as `home1`.
    site: String,
    /// How many devices it has.
    devices: usize,
    /// How many of them are connected.
    connected: usize,
    /// How many channels they have.
    channels: usize,
    /// When any of them was last heard.
    #[schema(required)]
    last_seen_us: Option<i64>,
    /// Whether this server controls it.
    controlled: bool,
    /// Alarms that are raised and not acknowledged.
    alarms: AlarmCounts,
    /// Where power flows now, in W.
    power_w: SitePower,
    /// Whether any of that is too old to stand for the present.
    stale: bool,
}

/// Where power flows at a site, in W and passive sign; null where it is not measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, ToSchema)]
struct SitePower {
    /// At the connection to the grid: import is positive, export negative.
    #[schema(required)]
    grid: Option<f64>,
    /// Of what makes electricity: negative.
    #[schema(required)]
    pv: Option<f64>,
    /// Of batteries: charging is positive, discharging negative.
    #[schema(required)]
    battery: Option<f64>,
    /// Of all else: what the site uses.
    #[schema(required)]
    load: Option<f64>,
}

/// The operators at which the caller may see something.
#[utoipa::path(
    get, path = "/api/v1/operators", operation_id = "list_operators", tag = "sites", params(PageAsked),
    responses(
        (status = 200, body = Page<Operator>),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn list_operators(
    State(api): State<Api>,
    Asking(caller): Asking,
    Query(query): Query<PageAsked>,
) -> Result<Json<Page<Operator>>, Problem> {
    let paging = query.paging::<String>()?;
    let operators = api.blocking(move |api| Ok(operators(api, &caller))).await?;
    Ok(Json(paging.page_of(operators, |operator| operator.operator.clone())))
}

fn operators(api: &Api, caller: &Caller) -> Vec<Operator> {
    let mut sites: BTreeMap<Name, BTreeMap<Name, (usize, usize)>> = BTreeMap::new();
    for status in api.server().devices() {
        let (devices, connected) = sites.entry(status.device.operator).or_default().entry(status.device.site).or_default();
        *devices += 1;
        *connected += usize::from(status.connected);
    }
    for (series, _) in api.server().memcore().series(Pattern::all()) {
        sites.entry(series.device.operator).or_default().entry(series.device.site).or_default();
    }
    // Where a role was given before anything was enrolled there is nothing yet, and it is shown all the same.
    for operator in caller.grants.at.keys() {
        sites.entry(operator.clone()).or_default();
    }
    let shown = sites.into_iter().filter(|(operator, _)| caller.may(Role::Viewer, Some(operator)));
    let operators = shown.filter_map(|(operator, sites)| {
        let count = |part: fn(&(usize, usize)) -> usize| sites.values().map(part).sum();
        Some(Operator {
            role: caller.grants.role_at(&operator)?,
            sites: sites.len(),
            devices: count(|(devices, _)| *devices),
            connected: count(|(_, connected)| *connected),
            alarms: counts(api, &operator, None),
            operator: operator.to_string(),
        })
    });
    operators.collect()
}

/// The sites of an operator.
#[utoipa::path(
    get, path = "/api/v1/operators/{operator}/sites", operation_id = "list_sites", tag = "sites",
    params(AtOperator, PageAsked),
    responses(
        (status = 200, body = Page<Site>),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn list_sites(
    State(api): State<Api>,
    Path(AtOperator { operator }): Path<AtOperator>,
    Query(query): Query<PageAsked>,
) -> Result<Json<Page<Site>>, Problem> {
    let paging = query.paging::<String>()?;
    let sites = api.blocking(move |api| sites(api, &operator)).await?;
    Ok(Json(paging.page_of(sites, |site| site.site.clone())))
}

fn sites(api: &Api, operator: &Name) -> Result<Vec<Site>, Problem> {
    let known = api.known(operator, None)?;
    let by_site = known.chunk_by(|a, b| a.status.device.site == b.status.device.site);
    Ok(by_site.filter_map(|known| site_of(api, known)).collect())
}

/// A site.
#[utoipa::path(
    get, path = "/api/v1/operators/{operator}/sites/{site}", operation_id = "show_site", tag = "sites", params(Place),
    responses(
        (status = 200, body = Site),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn show_site(State(api): State<Api>, Path(Place { operator, site }): Path<Place>) -> Result<Json<Site>, Problem> {
    let shown = api.blocking(move |api| Ok(site_of(api, &api.known_at(&operator, &site)?))).await?;
    shown.map(Json).ok_or_else(|| Problem::not_found("the site is not known"))
}

/// The site of those devices, which are all that it has.
fn site_of(api: &Api, known: &[Known]) -> Option<Site> {
    let name = &known.first()?.status.device;
    let (power_w, stale) = power(api, known, api.server().clock().now());
    Some(Site {
        operator: name.operator.to_string(),
        site: name.site.to_string(),
        devices: known.iter().filter(|known| known.is_device()).count(),
        connected: known.iter().filter(|known| known.status.connected).count(),
        channels: known.iter().map(|known| known.channels.len()).sum(),
        last_seen_us: known.iter().filter_map(Known::last_seen).max().map(Timestamp::as_micros),
        controlled: api.controls(&name.operator, &name.site),
        alarms: counts(api, &name.operator, Some(&name.site)),
        power_w,
        stale,
    })
}

fn counts(api: &Api, operator: &Name, site: Option<&Name>) -> AlarmCounts {
    let crate::runtime::AlarmCounts { critical, warning, info } = api.server().alarms().counts(operator, site);
    AlarmCounts { critical, warning, info }
}

/// The latest power by the role of devices, and whether any of it is stale. What a site uses follows from the rest.
fn power(api: &Api, known: &[Known], now: Timestamp) -> (SitePower, bool) {
    let (mut power, mut stale) = (SitePower::default(), false);
    let Some(Known { status, .. }) = known.first() else { return (power, stale) };
    let place = Place { operator: status.device.operator.clone(), site: status.device.site.clone() };
    for (series, role) in power_roles(api.server(), &place) {
        let device = known.iter().find(|known| known.status.device == series.device);
        let channel = device.and_then(|device| device.channels.iter().find(|(name, ..)| *name == series.channel));
        let Some((_, channel, Some(latest))) = channel else { continue };
        stale |= crate::rest::staleness::is_stale(channel, latest.time, now);
        let sum = match role {
            Part::Grid => &mut power.grid,
            Part::Production => &mut power.pv,
            Part::Storage => &mut power.battery,
            Part::Load => continue,
        };
        *sum = Some(sum.unwrap_or_default() + latest.value);
    }
    power.load = power.grid.map(|grid| grid - power.pv.unwrap_or_default() - power.battery.unwrap_or_default());
    (power, stale)
}
