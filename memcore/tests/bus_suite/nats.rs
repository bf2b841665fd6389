//! What holds for the NATS bus beyond the common behaviour: it survives its server, and recorders keep their place.

use std::collections::BTreeSet;
use std::time::Duration;

use memcore::ErrorKind;
use memcore::router::{Bus, Delivered, Message, NatsBus, NatsOptions, Subject, SubjectPattern, Subscription};
use tokio::task::JoinHandle;

use crate::network::Network;
use crate::server::Server;
use crate::story::{data, device, numbered, numbers, publish, recorder, soon, subscribe, take, text, until, viewer};

const DEVICES: u64 = 4;

/// Each device publishes its numbers, one after the other; the task ends when all are acknowledged.
fn publish_all(bus: &NatsBus, range: std::ops::Range<u64>) -> Vec<JoinHandle<()>> {
    let publisher = |of: u64| {
        let (bus, range) = (bus.clone(), range.clone());
        tokio::spawn(async move {
            for n in range {
                bus.publish(numbered(&format!("home1.pv{of}"), n)).await.unwrap();
            }
        })
    };
    (0..DEVICES).map(publisher).collect()
}

/// Takes until every device's numbers have come. What was under way when a connection broke comes again, and late.
async fn take_all(history: &mut Subscription, range: std::ops::Range<u64>) {
    let mut missing: BTreeSet<(u64, u64)> = (0..DEVICES).flat_map(|of| range.clone().map(move |n| (of, n))).collect();
    while !missing.is_empty() {
        let delivered = soon(history.next()).await.unwrap();
        missing.remove(&(number_of_device(&delivered), text(&delivered).parse().unwrap()));
        delivered.ack();
    }
}

/// Reads the stream from its beginning: each device's numbers once, in the order in which they were published.
async fn check_stored(bus: &NatsBus, range: std::ops::Range<u64>) {
    let mut fresh = subscribe(bus, "mem.>", recorder("fresh", 10_000)).await;
    let mut next = vec![range.start; DEVICES as usize];
    for _ in 0..DEVICES * (range.end - range.start) {
        let delivered = soon(fresh.next()).await.unwrap();
        let next = &mut next[number_of_device(&delivered) as usize];
        assert_eq!(text(&delivered), next.to_string(), "{}", delivered.message.subject);
        *next += 1;
        delivered.ack();
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(fresh.try_next().is_none(), "stored twice");
}

fn number_of_device(delivered: &Delivered) -> u64 {
    delivered.message.subject.device().device.as_str()[2..].parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_server_is_killed_while_publishing() {
    let Some(mut server) = Server::start() else { return };
    let bus = server.bus().await;
    let mut history = subscribe(&bus, "mem.>", recorder("history", 10_000)).await;
    let mut page = subscribe(&bus, "mem.>", viewer(10_000)).await;
    let publishers = publish_all(&bus, 0..600);
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_millis(60)).await;
        server.kill();
        until(|| !bus.is_connected()).await;
        assert!(bus.spooled() > 0, "everything was published before the server was killed");
        server.restart();
        until(|| bus.is_connected()).await;
    }
    for publisher in publishers {
        soon(publisher).await.unwrap();
    }
    assert_eq!(bus.spooled(), 0);
    take_all(&mut history, 0..600).await;
    check_stored(&bus, 0..600).await;
    // The viewer took up where it stood: it saw everything once.
    let mut seen = BTreeSet::new();
    for _ in 0..DEVICES * 600 {
        let delivered = soon(page.next()).await.unwrap();
        assert!(seen.insert((delivered.message.subject.to_string(), text(&delivered))), "seen twice");
    }
    assert_eq!(page.lost(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_delays_and_repeats_nothing() {
    let Some(server) = Server::start() else { return };
    let bus = server.bus().await;
    let mut history = subscribe(&bus, "mem.>", recorder("history", 10_000)).await;
    let publishers = publish_all(&bus, 0..300);
    tokio::time::sleep(Duration::from_millis(30)).await;
    server.freeze(true);
    // Longer than the bus waits for an answer, so that it sends again what the server has in its pipe already.
    tokio::time::sleep(Duration::from_secs(3)).await;
    server.freeze(false);
    for publisher in publishers {
        soon(publisher).await.unwrap();
    }
    take_all(&mut history, 0..300).await;
    check_stored(&bus, 0..300).await;
}

#[tokio::test]
async fn what_a_device_sends_in_one_go_keeps_its_order_through_a_kill() {
    let Some(mut server) = Server::start() else { return };
    let bus = server.bus().await;
    // Nobody waits for an acknowledgement before sending the next.
    let publish = |n| {
        let bus = bus.clone();
        tokio::spawn(async move { bus.publish(data("home1.pv", n)).await })
    };
    let publishers: Vec<_> = (0..1500).map(publish).collect();
    tokio::time::sleep(Duration::from_millis(40)).await;
    server.kill();
    until(|| !bus.is_connected()).await;
    assert!(bus.spooled() > 0, "everything was published before the server was killed");
    server.restart();
    for publisher in publishers {
        soon(publisher).await.unwrap().unwrap();
    }
    let mut fresh = subscribe(&bus, "mem.>", recorder("fresh", 10_000)).await;
    assert_eq!(take(&mut fresh, 1500).await, numbers(0..1500));
}

/// The network lets everything through to the server but nothing back, or nothing at all, and then breaks.
async fn nothing_is_lost_or_stored_twice_behind(cut: impl Fn(&Network)) {
    let Some(server) = Server::start() else { return };
    let network = Network::before(server.port());
    let mut options = server.options();
    options.url = format!("nats://127.0.0.1:{}", network.port());
    options.timeout = Duration::from_millis(500);
    let bus = NatsBus::connect(options).await.unwrap();
    let mut history = subscribe(&bus, "mem.>", recorder("history", 10_000)).await;
    let publishers = publish_all(&bus, 0..200);
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_millis(30)).await;
        cut(&network);
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert!(bus.spooled() > 0, "everything was published before the network was cut");
        network.mend();
        until(|| bus.is_connected()).await;
    }
    for publisher in publishers {
        soon(publisher).await.unwrap();
    }
    take_all(&mut history, 0..200).await;
    check_stored(&bus, 0..200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_loses_the_answers_loses_no_message() {
    nothing_is_lost_or_stored_twice_behind(|network| network.cut(false, true)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_loses_both_ways_loses_no_message() {
    nothing_is_lost_or_stored_twice_behind(|network| network.cut(true, true)).await;
}

#[tokio::test]
async fn while_nats_is_away_messages_in_hand_are_bounded() {
    let Some(mut server) = Server::start() else { return };
    let mut options = server.options();
    options.spool_messages = 3;
    let bus = NatsBus::connect(options).await.unwrap();
    let mut history = subscribe(&bus, "mem.>", recorder("history", 100)).await;
    server.kill();
    until(|| !bus.is_connected()).await;
    let publishers: Vec<_> = (0..10)
        .map(|n| {
            let bus = bus.clone();
            tokio::spawn(async move { bus.publish(data(&format!("home1.pv{n}"), n)).await })
        })
        .collect();
    until(|| bus.spooled() == 3).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(bus.spooled(), 3);
    assert!(publishers.iter().all(|publisher| !publisher.is_finished()), "accepted without a server");
    server.restart();
    for publisher in publishers {
        soon(publisher).await.unwrap().unwrap();
    }
    let mut seen = take(&mut history, 10).await;
    seen.sort();
    assert_eq!(seen, numbers(0..10));
}

#[tokio::test]
async fn a_recorder_keeps_its_place_while_it_is_away() {
    let Some(server) = Server::start() else { return };
    let bus = server.bus().await;
    let mut history = subscribe(&bus, "mem.>", recorder("history", 10)).await;
    publish(&bus, data("home1.pv", 0)).await;
    publish(&bus, data("home1.pv", 1)).await;
    assert_eq!(take(&mut history, 1).await, ["0"]);
    // It ends with one message in hand, as when its process is killed.
    let in_hand = soon(history.next()).await.unwrap();
    drop(history);
    std::mem::forget(in_hand);
    publish(&bus, data("home1.pv", 2)).await;
    let elsewhere = server.bus().await;
    let mut history = subscribe(&elsewhere, "mem.>", recorder("history", 10)).await;
    let mut seen = take(&mut history, 2).await;
    seen.sort();
    assert_eq!(seen, ["1", "2"]);
}

#[tokio::test]
async fn a_recorder_of_another_pattern_does_not_take_over_the_name() {
    let Some(server) = Server::start() else { return };
    let bus = server.bus().await;
    drop(subscribe(&bus, "mem.local.>", recorder("history", 10)).await);
    let refused = bus.subscribe(SubjectPattern::all(), recorder("history", 10)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    assert!(refused.message().contains("records mem.local.>"), "{refused}");
}

#[tokio::test]
async fn the_id_of_a_message_arrives_with_it() {
    let Some(server) = Server::start() else { return };
    let bus = server.bus().await;
    let mut page = subscribe(&bus, "mem.>", viewer(10)).await;
    let (with, without) = (numbered("home1.pv", 3), data("home1.pv", "plain"));
    publish(&bus, with.clone()).await;
    publish(&bus, without.clone()).await;
    assert_eq!(soon(page.next()).await.unwrap().message, with);
    assert_eq!(soon(page.next()).await.unwrap().message, without);
}

#[tokio::test]
async fn a_message_beyond_the_limit_is_refused_with_its_size() {
    let Some(server) = Server::start() else { return };
    let bus = server.bus().await;
    let large = Message::new(Subject::data(&device("home1.pv")), vec![0; 2 << 20]);
    let refused = soon(bus.publish(large)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::LimitReached);
    assert!(refused.message().contains("2097152 bytes"), "{refused}");
}

#[tokio::test]
async fn closing_while_nats_is_away_ends_in_its_time_and_says_what_is_unsure() {
    let Some(mut server) = Server::start() else { return };
    let bus = server.bus().await;
    server.kill();
    until(|| !bus.is_connected()).await;
    let waiting = tokio::spawn({
        let bus = bus.clone();
        async move { bus.publish(data("home1.pv", 0)).await }
    });
    until(|| bus.spooled() == 1).await;
    soon(bus.close()).await;
    let unsure = soon(waiting).await.unwrap().unwrap_err();
    assert_eq!((unsure.kind(), unsure.retry()), (ErrorKind::Closed, memcore::Retry::CheckFirst));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let refused = NatsBus::connect(NatsOptions::new(format!("nats://ann:secret@127.0.0.1:{port}"))).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Connection);
    let text = refused.to_string();
    assert!(text.contains(&format!("nats://127.0.0.1:{port}")) && !text.contains("secret"), "{text}");
}
