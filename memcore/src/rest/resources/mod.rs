//! What the API answers, a room for each noun.

pub(super) mod alarms;
pub(super) mod channels;
pub(super) mod commands;
pub(super) mod control;
pub(super) mod devices;
pub(super) mod doctor;
pub(super) mod energy;
pub(super) mod events;
pub(super) mod imports;
pub(super) mod live;
pub(super) mod plans;
pub(super) mod readings;
pub(super) mod server;
pub(super) mod session;
pub(super) mod sites;
pub(super) mod tokens;
pub(super) mod users;

use super::api::Routes;

/// Mounts every room.
pub(super) fn mount(routes: Routes) -> Routes {
    let rooms = [
        server::routes,
        session::routes,
        tokens::routes,
        users::routes,
        sites::routes,
        devices::routes,
        channels::routes,
        readings::routes,
        energy::routes,
        doctor::routes,
        live::routes,
        imports::routes,
        commands::routes,
        control::routes,
        plans::routes,
        events::routes,
        alarms::routes,
    ];
    rooms.into_iter().fold(routes, |routes, mount| mount(routes))
}
