//! Energy: the balance of a site, by day, month and tariff, and where power flows now.

mod balance;
mod flow;
mod parts;
mod tariff;

use utoipa_axum::routes;

use crate::rest::access::Route;
use crate::rest::api::Routes;

pub(in crate::rest) fn routes(routes: Routes) -> Routes {
    routes.at(Route::Flow, routes!(flow::flow)).at(Route::EnergyBalance, routes!(balance::balance))
}
