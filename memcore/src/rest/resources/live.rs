//! Live data: server-sent events and WebSockets, resumed where they broke off.

use crate::rest::api::Routes;

/// What the room keeps between requests.
#[derive(Debug, Default)]
pub(in crate::rest) struct Shared {}

pub(in crate::rest) fn routes(routes: Routes) -> Routes {
    routes
}
