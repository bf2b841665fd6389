//! The native half of the Node package: translates the public face of memcore, decides nothing.
//!
//! Work that may wait is an `async fn` (or gives a promise) and runs off Node's thread; every other function catches
//! panics, because a panic would end the process. Errors cross as text, see [`error`].

mod alarms;
mod asking;
mod bulk;
mod channel;
mod control;
mod control_simulation;
mod device;
mod doctor;
mod energy;
mod error;
mod hem;
mod history;
mod http;
mod live;
mod network;
mod plan;
mod question;
mod result;
mod router;
mod server;
mod simulation;
mod site_model;
mod time;
mod upkeep;

use std::ffi::OsString;

use napi_derive::napi;

/// The version of memcore.
#[napi(catch_unwind)]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// Runs the command line; the first argument is the program's name. Returns the exit status.
#[napi(catch_unwind)]
pub fn cli_main(args: Vec<String>) -> i32 {
    memcore::cli::run(args.into_iter().map(OsString::from)).into()
}
