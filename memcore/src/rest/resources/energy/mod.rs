//! Energy: the balance of a site, by day, month and tariff, and where power flows now.

mod balance;
mod flow;
mod parts;
mod tariff;

use utoipa_axum::routes;

use crate::energy::Role as BalanceRole;
use crate::model::SeriesName;
use crate::rest::access::Route;
use crate::rest::api::Routes;
use crate::rest::within::Place;
use crate::runtime::ServerHandle;

pub(in crate::rest) fn routes(routes: Routes) -> Routes {
    routes.at(Route::Flow, routes!(flow::flow)).at(Route::EnergyBalance, routes!(balance::balance))
}

/// What each series of power does at a site: as its model says where it is controlled, else by the names of its devices.
pub(in crate::rest) fn power_roles(server: &ServerHandle, place: &Place) -> Vec<(SeriesName, BalanceRole)> {
    let parts = match parts::controlled(server, place) {
        Some(model) => parts::of_model(&model),
        None => parts::by_name(server.memcore(), place),
    };
    parts.into_iter().map(|part| (part.power.clone(), part.role())).collect()
}
