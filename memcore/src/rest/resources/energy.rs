//! Energy: the balance of a site, by day, month and tariff, and where power flows now.

use crate::rest::api::Routes;

pub(in crate::rest) fn routes(routes: Routes) -> Routes {
    routes
}
