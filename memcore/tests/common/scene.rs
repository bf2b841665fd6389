//! A server with a well-behaved device that must never notice what others do to the server.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::path::Path;
use std::time::Duration;

use memcore::client::{Device, DeviceOptions, LinkState};
use memcore::model::{Channel, Pattern, Timestamp, Unit};
use memcore::protocol::Bundle;
use memcore::{Config, ProofKind, Query, Server, serve};

pub(crate) struct Scene {
    pub(crate) server: Server,
    pub(crate) folder: tempfile::TempDir,
    /// The enrolment of the device that a test misbehaves with: `home1.bad`.
    pub(crate) bundle: Bundle,
    neighbour: Neighbour,
}

/// A device that reports and is never disturbed.
pub(crate) struct Neighbour {
    device: Device,
    epoch: u64,
    sent: i64,
}

impl Neighbour {
    pub(crate) async fn connect(bundle: Bundle) -> Self {
        let power = Channel::gauge("power", Unit::Watt).unwrap().build().unwrap();
        let device = Device::connect(DeviceOptions::new(bundle, vec![power])).await.unwrap();
        let LinkState::Open { epoch } = device.state() else { panic!("{:?}", device.state()) };
        Self { device, epoch, sent: 0 }
    }

    /// Reports, and waits until all of it is durable.
    pub(crate) async fn works(&mut self) {
        for _ in 0..20 {
            self.sent += 1;
            self.device.send(Timestamp::from_seconds(1_763_000_000 + self.sent), &[Some(1.0)]).await.unwrap();
        }
        tokio::time::timeout(Duration::from_secs(10), self.device.flush()).await.expect("durable in time").unwrap();
        assert_eq!(self.device.state(), LinkState::Open { epoch: self.epoch }, "its session was disturbed");
        assert_eq!(self.device.rejected(), (0, None));
    }
}

pub(crate) fn config(folder: &Path) -> Config {
    let mut config = Config::at(folder.join("site"));
    config.gateway.listen = "127.0.0.1:0".parse().unwrap();
    config
}

impl Scene {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = config(folder.path());
        change(&mut config);
        let server = serve(config).await.unwrap();
        let bundle = server.handle().enroll(&"home1.bad".parse().unwrap(), ProofKind::Secret).unwrap();
        let good = server.handle().enroll(&"home1.good".parse().unwrap(), ProofKind::Secret).unwrap();
        let neighbour = Neighbour::connect(good).await;
        Self { server, folder, bundle, neighbour }
    }

    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.server.address()
    }

    /// The values of a series, in their order.
    pub(crate) fn values(&self, series: &str) -> Vec<f64> {
        values(&self.server, series)
    }

    pub(crate) async fn neighbour_works(&mut self) {
        self.neighbour.works().await;
    }

    /// The neighbour has worked all the time, everything it sent is there once, and the server ends in time.
    pub(crate) async fn ends_well(mut self) {
        self.neighbour.works().await;
        assert_eq!(self.values("home1.good.power").len() as i64, self.neighbour.sent);
        let shutdown = tokio::time::timeout(Duration::from_secs(5), self.server.shutdown());
        shutdown.await.expect("the server ends in time").unwrap();
    }
}

pub(crate) fn values(server: &Server, series: &str) -> Vec<f64> {
    let result = server.memcore().query(&Query::new(series.parse::<Pattern>().unwrap()));
    result.map_or(Vec::new(), |result| {
        result.series().iter().flat_map(|series| series.values().unwrap().values().to_vec()).collect()
    })
}
