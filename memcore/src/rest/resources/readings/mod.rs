//! Readings: the latest, ranges, aggregates, charts.

mod chart;
mod latest;
mod rows;
mod write;

use utoipa_axum::routes;

use crate::rest::access::Route;
use crate::rest::api::Routes;

pub(in crate::rest) fn routes(routes: Routes) -> Routes {
    routes
        .at(Route::Latest, routes!(latest::latest))
        .at(Route::Readings, routes!(rows::readings))
        .at(Route::ReadingsWrite, routes!(write::write_readings))
        .at(Route::Chart, routes!(chart::chart))
}
