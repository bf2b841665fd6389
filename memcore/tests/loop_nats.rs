//! The whole loop over NATS JetStream in place of the embedded bus: nothing else changes for devices and users.
#![cfg(all(feature = "nats", feature = "sim", feature = "gateway"))]

#[path = "bus_suite/server.rs"]
#[allow(dead_code, reason = "the suite of the bus uses the rest")]
mod nats_server;

mod common;

use common::{config, street};
use memcore::model::{CommandState, Span};
use memcore::sim::{Simulation, Speed};
use memcore::{CommandRequest, ProofKind, Query};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_street_over_nats_is_stored_whole_even_when_nats_is_killed_meanwhile() {
    let Some(mut nats) = nats_server::Server::start() else { return };
    drop(nats.bus().await);
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path());
    config.bus.nats = Some(format!("nats://127.0.0.1:{}", nats.port()));
    config.bus.max_size = nats_server::BUS_BYTES;
    let server = memcore::serve(config).await.unwrap();
    let handle = server.handle();
    let mut live = handle.subscribe(&"*.*.power".parse().unwrap()).await.unwrap();

    let enroll = |name: &_| handle.enroll(name, ProofKind::Secret);
    let simulation = Simulation::street(street(4), Span::from_seconds(1), Speed::Times(100.0), None, enroll).await.unwrap();
    assert!(live.next().await.unwrap().sample.value.is_finite());
    let switch = CommandRequest::new("home1.hem.node3.switch".parse().unwrap(), 0.0);
    assert_eq!(handle.command(switch).unwrap().finished().await, CommandState::Done { read_back: Some(0.0) });
    nats.kill();
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    nats.restart();

    let report = simulation.stop(std::time::Duration::from_secs(30)).await.unwrap();
    assert_eq!((report.rows_not_durable, report.rejected), (0, 0), "{report:?}");
    let stored = handle.memcore().query(&Query::of("*/>").unwrap()).unwrap();
    assert_eq!(stored.rows() as u64, report.points_sent);
    server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_room_for_the_bus_is_said_with_what_helps() {
    let Some(nats) = nats_server::Server::start() else { return };
    drop(nats.bus().await);
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path());
    config.bus.nats = Some(format!("nats://127.0.0.1:{}", nats.port()));
    let refused = memcore::serve(config.clone()).await.unwrap_err();
    assert_eq!(refused.kind(), memcore::ErrorKind::LimitReached);
    for part in ["stream MEM", "3500000000 bytes", "bus.max_size", "max_file_store"] {
        assert!(refused.message().contains(part), "{refused}");
    }
    config.bus.max_size = nats_server::BUS_BYTES;
    memcore::serve(config).await.unwrap().shutdown().await.unwrap();
}
