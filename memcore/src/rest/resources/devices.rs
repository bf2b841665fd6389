//! Devices: their health, their enrolment.

use crate::rest::api::Routes;

pub(in crate::rest) fn routes(routes: Routes) -> Routes {
    routes
}
