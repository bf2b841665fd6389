//! REST, live data and the operator's page over a server's handle.
//!
//! Every route and live topic stands in one table, [`Route`] and [`Topic`], with who may use it: there is no way to mount a handler
//! without its row. What is answered is described by OpenAPI 3.1, from the same code.

mod access;
mod api;
mod connection;
mod direct;
mod document;
mod extract;
mod frame;
mod guard;
mod hosts;
mod inventory;
mod limits;
mod listener;
mod page;
mod paging;
mod passage;
mod peer;
mod problem;
mod repeats;
mod resources;
mod schemas;
mod staleness;
mod tags;
mod times;
mod traffic;
mod within;

pub use access::{Access, Route, Topic};
pub use api::Api;
pub use direct::Direct;
pub use document::openapi;
pub use guard::HostCaller;
pub use listener::{HttpServer, serve};
pub use peer::Peer;
pub use problem::Problem;
