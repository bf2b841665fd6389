//! What the tests of the whole loop share.
#![allow(dead_code, reason = "each test file uses its own part")]

use memcore::model::{Clock, Span, SystemClock, Timestamp};
use memcore::sim::{Street, StreetOptions};
use memcore::{Config, Server};

/// A server on a free port of the loopback interface, over a folder that goes with it.
pub(crate) struct Site {
    pub(crate) server: Server,
    pub(crate) folder: tempfile::TempDir,
}

pub(crate) fn config(folder: &std::path::Path) -> Config {
    let mut config = Config::at(folder.join("site"));
    config.gateway.listen = "127.0.0.1:0".parse().unwrap();
    config
}

pub(crate) async fn site() -> Site {
    let folder = tempfile::tempdir().unwrap();
    let server = memcore::serve(config(folder.path())).await.unwrap();
    Site { server, folder }
}

pub(crate) fn now() -> Timestamp {
    SystemClock::default().now()
}

/// A street whose time begins an hour ago, so that it may run faster than real time.
pub(crate) fn street(devices: usize) -> Street {
    let start = now().saturating_add(Span::from_seconds(-3600));
    Street::new(StreetOptions { seed: 7, start, devices, ..StreetOptions::default() }).unwrap()
}
