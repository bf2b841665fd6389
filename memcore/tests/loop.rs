//! The whole loop as a user meets it: devices over TLS, history, live view, commands.
#![cfg(all(feature = "gateway", feature = "sim"))]

mod common;

use common::{site, street};
use memcore::model::{CommandState, EventKind, Span};
use memcore::sim::{Simulation, Speed};
use memcore::{CommandRequest, Enrolment, Query};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn emulated_devices_are_stored_seen_live_and_obey_a_command() {
    let site = site().await;
    let handle = site.server.handle();
    let mut live = handle.subscribe(&"*.*.power".parse().unwrap()).await.unwrap();
    let mut events = handle.events().await.unwrap();
    let enroll = |name: &_| handle.enroll(name, memcore::ProofKind::Secret);
    let simulation = Simulation::street(street(4), Span::from_seconds(1), Speed::Times(20.0), None, enroll).await.unwrap();

    let reading = live.next().await.unwrap();
    assert!(["pv", "battery", "house"].contains(&reading.device.device.as_str()), "{reading:?}");
    assert!(matches!(events.next().await.unwrap().kind, EventKind::Connected { .. }));

    let switch = "home1.hem.node3.switch".parse().unwrap();
    let state = handle.command(CommandRequest::new(switch, 0.0)).unwrap().finished().await;
    assert_eq!(state, CommandState::Done { read_back: Some(0.0) });

    let report = simulation.stop(std::time::Duration::from_secs(5)).await.unwrap();
    assert_eq!((report.devices, report.rows_not_durable, report.rejected, report.commands), (4, 0, 0, 1));
    let stored = handle.memcore().query(&Query::of("*/>").unwrap()).unwrap();
    assert_eq!(stored.rows() as u64, report.points_sent);
    assert_eq!(handle.stats().points_durable, report.points_sent);
    site.server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_street_with_buffers_goes_on_while_the_server_is_away() {
    let folder = tempfile::tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut config = common::config(folder.path());
    config.gateway.listen = ([127, 0, 0, 1], port).into();
    let enrolment = Enrolment::open(&config).unwrap();
    let server = format!("localhost:{port}");
    let enroll = |name: &_| enrolment.enroll_simulated(name, Some(&server), false);
    let (street, buffers, second) = (street(2), folder.path().join("buffers"), Span::from_seconds(1));
    let length = Some(Span::from_seconds(600));
    let simulation = Simulation::buffered(street, second, Speed::Unlimited, length, Some(&buffers), enroll).await.unwrap();
    while !simulation.is_over() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(simulation.sent().0, 1200, "with nobody there");
    let server = memcore::serve(config).await.unwrap();
    let report = simulation.finish().await.unwrap();
    assert_eq!((report.rows_sent, report.rows_not_durable, report.rejected), (1200, 0, 0));
    assert_eq!(server.handle().stats().points_durable, report.points_sent);
    server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_cannot_listen_or_is_dropped_lets_its_site_go() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = common::config(folder.path());
    config.gateway.listen = taken.local_addr().unwrap();
    for _ in 0..2 {
        let e = memcore::serve(config.clone()).await.unwrap_err();
        assert_eq!(e.kind(), memcore::ErrorKind::Io, "{e}");
    }
    drop(taken);
    drop(memcore::serve(config.clone()).await.unwrap());
    let again = async {
        while let Err(e) = memcore::serve(config.clone()).await {
            assert!(matches!(e.kind(), memcore::ErrorKind::Locked | memcore::ErrorKind::Io), "{e}");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), again).await.expect("the site is free again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_ends_every_command_and_takes_no_more() {
    let site = site().await;
    let handle = site.server.handle();
    let enroll = |name: &_| handle.enroll(name, memcore::ProofKind::Secret);
    let simulation = Simulation::street(street(1), Span::from_seconds(1), Speed::Times(20.0), None, enroll).await.unwrap();
    simulation.stop(std::time::Duration::from_secs(5)).await.unwrap();

    while handle.stats().connected > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let switch = || CommandRequest::new("home1.hem.node3.switch".parse().unwrap(), 0.0);
    let mut waiting = handle.command(switch()).unwrap();
    site.server.shutdown().await.unwrap();
    let mut states = Vec::new();
    while let Some(state) = waiting.changed().await {
        states.push(state);
    }
    assert!(matches!(states.last(), Some(CommandState::Refused { code, .. }) if code == "shutdown"), "{states:?}");
    assert_eq!(handle.command(switch()).unwrap_err().kind(), memcore::ErrorKind::Closed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_takes_no_more_raises_an_alarm_and_devices_keep_their_data() {
    let site = site().await;
    let handle = site.server.handle();
    let mut events = handle.events().await.unwrap();
    let enroll = |name: &_| handle.enroll(name, memcore::ProofKind::Secret);
    let simulation = Simulation::street(street(1), Span::from_seconds(1), Speed::Times(20.0), None, enroll).await.unwrap();
    handle.memcore().close().unwrap();
    let alarm = async {
        while let Some(event) = events.next().await {
            if let EventKind::ReadOnly { reason } = event.kind {
                return reason;
            }
        }
        panic!("the events ended without an alarm");
    };
    let reason = tokio::time::timeout(std::time::Duration::from_secs(10), alarm).await.expect("an alarm");
    assert!(reason.contains("closed"), "{reason}");
    let report = simulation.stop(std::time::Duration::from_millis(200)).await.unwrap();
    assert!(report.rows_not_durable > 0, "what is not durable is still with its device: {report:?}");
    site.server.shutdown().await.unwrap();
}
