//! Control of a site: what is decided, why, and what people wish for.

use crate::rest::api::Routes;

pub(in crate::rest) fn routes(routes: Routes) -> Routes {
    routes
}
