//! What holds for the embedded bus beyond the common behaviour: it makes publishers wait, at once and in order.

use memcore::router::{Attempt, Bus, EmbeddedBus, Message};

use crate::story::{data, numbered, numbers, publish, recorder, soon, subscribe, take, text, viewer};

#[tokio::test]
async fn a_full_recorder_makes_publishers_wait_until_it_acknowledges() {
    let bus = EmbeddedBus::new();
    let mut history = subscribe(&bus, "mem.>", recorder("history", 2)).await;
    assert!(matches!(bus.try_publish(data("home1.pv", 0)).unwrap(), Attempt::Accepted));
    assert!(matches!(bus.try_publish(data("home1.pv", 1)).unwrap(), Attempt::Accepted));
    let Attempt::Full(back) = bus.try_publish(data("home1.pv", 2)).unwrap() else { panic!("accepted beyond its capacity") };
    let mut waiting = bus.publish(back);
    // Taking is not enough: what is in hand still counts.
    let first = history.next().await.unwrap();
    tokio::select! {
        biased;
        _ = &mut waiting => panic!("accepted before the acknowledgement"),
        () = tokio::task::yield_now() => {}
    }
    first.ack();
    soon(waiting).await.unwrap();
    assert!(matches!(bus.try_publish(data("home1.pv", 3)).unwrap(), Attempt::Full(_)), "waiting made more room");
    assert_eq!(take(&mut history, 2).await, ["1", "2"]);
}

#[tokio::test]
async fn a_publisher_that_gives_up_leaves_no_trace() {
    let bus = EmbeddedBus::new();
    let mut quick = subscribe(&bus, "mem.>", recorder("quick", 10)).await;
    let mut full = subscribe(&bus, "mem.>", recorder("full", 1)).await;
    publish(&bus, numbered("home1.pv", 0)).await;
    for _ in 0..20 {
        let mut waiting = bus.publish(numbered("home1.pv", 1));
        tokio::select! {
            biased;
            _ = &mut waiting => panic!("accepted by a full recorder"),
            () = tokio::task::yield_now() => {}
        }
    }
    assert_eq!(take(&mut quick, 1).await, ["0"]);
    assert!(quick.try_next().is_none());
    assert_eq!(take(&mut full, 1).await, ["0"]);
    // Its id was not used up, and its places were given back.
    publish(&bus, numbered("home1.pv", 1)).await;
    assert_eq!((take(&mut quick, 1).await, take(&mut full, 1).await), (numbers(1..2), numbers(1..2)));
}

#[tokio::test]
async fn a_group_that_failed_comes_again_in_its_order() {
    let bus = EmbeddedBus::new();
    let mut history = subscribe(&bus, "mem.>", recorder("history", 10)).await;
    for n in 0..6 {
        publish(&bus, data("home1.pv", n)).await;
    }
    let mut group = Vec::new();
    assert_eq!(history.recv_many(&mut group, 4).await, 4);
    drop(group);
    assert_eq!(take(&mut history, 6).await, numbers(0..6));
}

#[tokio::test]
async fn closing_frees_a_publisher_that_waits() {
    let bus = EmbeddedBus::new();
    let mut history = subscribe(&bus, "mem.>", recorder("history", 1)).await;
    publish(&bus, data("home1.pv", 0)).await;
    let waiting = tokio::spawn({
        let bus = bus.clone();
        async move { bus.publish(data("home1.pv", 1)).await }
    });
    tokio::task::yield_now().await;
    bus.close().await;
    assert_eq!(soon(waiting).await.unwrap().unwrap_err().kind(), memcore::ErrorKind::Closed);
    assert_eq!(take(&mut history, 1).await, ["0"]);
    assert!(history.next().await.is_none());
}

#[tokio::test]
async fn dropping_a_full_recorder_frees_a_publisher_that_waits() {
    let bus = EmbeddedBus::new();
    let history = subscribe(&bus, "mem.>", recorder("history", 1)).await;
    let mut page = subscribe(&bus, "mem.>", viewer(10)).await;
    publish(&bus, data("home1.pv", 0)).await;
    let waiting = bus.publish(data("home1.pv", 1));
    drop(history);
    soon(waiting).await.unwrap();
    assert_eq!(take(&mut page, 2).await, ["0", "1"]);
}

#[tokio::test]
async fn the_last_bus_gone_ends_its_subscriptions() {
    let bus = EmbeddedBus::new();
    let mut page = subscribe(&bus, "mem.>", viewer(10)).await;
    publish(&bus, data("home1.pv", 0)).await;
    drop(bus);
    assert_eq!(take(&mut page, 1).await, ["0"]);
    assert!(soon(page.next()).await.is_none());
}

#[tokio::test]
async fn poison_waits_with_its_recorder_while_there_is_no_room_to_set_it_aside() {
    let bus = EmbeddedBus::new();
    let mut aside = subscribe(&bus, "dead.>", recorder("undertaker", 1)).await;
    let mut history = subscribe(&bus, "mem.>", recorder("history", 10)).await;
    for payload in ["a", "b"] {
        publish(&bus, data("home1.pv", payload)).await;
        for _ in 0..5 {
            history.next().await.unwrap().nak();
        }
    }
    let sixth = history.next().await.unwrap();
    assert_eq!((text(&sixth).as_str(), sixth.tries), ("b", 6));
    assert_eq!(take(&mut aside, 1).await, ["a"]);
    sixth.nak();
    assert_eq!(take(&mut aside, 1).await, ["b"]);
    assert!(history.try_next().is_none());
    assert_eq!(bus.discarded(), 0);
}

#[tokio::test]
async fn poison_that_nobody_takes_is_counted() {
    let bus = EmbeddedBus::new();
    let mut history = subscribe(&bus, "mem.>", recorder("history", 1)).await;
    publish(&bus, data("home1.pv", "poison")).await;
    for _ in 0..5 {
        history.next().await.unwrap().nak();
    }
    assert_eq!(bus.discarded(), 1);
    publish(&bus, data("home1.pv", "good")).await;
    assert_eq!(take(&mut history, 1).await, ["good"]);
}

#[tokio::test]
async fn ids_are_remembered_in_a_bounded_number() {
    let bus = EmbeddedBus::remembering(64);
    for n in 0..5000 {
        publish(&bus, numbered("home1.pv", n)).await;
    }
    let mut page = subscribe(&bus, "mem.>", viewer(10)).await;
    publish(&bus, numbered("home1.pv", 4999)).await;
    publish(&bus, numbered("home1.pv", 0)).await;
    assert_eq!(take(&mut page, 1).await, ["0"]);
    assert!(page.try_next().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_publishers_through_a_narrow_recorder_keep_the_order_of_each_device() {
    let bus = EmbeddedBus::new();
    let mut history = subscribe(&bus, "mem.>", recorder("history", 3)).await;
    let publishers: Vec<_> = (0..4)
        .map(|number| {
            let bus = bus.clone();
            tokio::spawn(async move {
                for n in 0..2000 {
                    bus.publish(data(&format!("home1.pv{number}"), n)).await.unwrap();
                }
            })
        })
        .collect();
    let mut next = [0u64; 4];
    for _ in 0..8000 {
        let delivered = soon(history.next()).await.unwrap();
        let device = delivered.message.subject.device().device;
        let expected = &mut next[usize::from(device.as_str().as_bytes()[2] - b'0')];
        assert_eq!(text(&delivered), expected.to_string(), "{device}");
        *expected += 1;
        delivered.ack();
    }
    assert_eq!(next, [2000; 4]);
    for publisher in publishers {
        publisher.await.unwrap();
    }
}

#[tokio::test]
async fn long_messages_take_up_several_places_so_that_queues_are_bounded_in_bytes() {
    let long = |n: u64| Message { payload: vec![b'x'; 100_000].into(), ..data("home1.pv", n) };
    let bus = EmbeddedBus::new();
    let mut history = subscribe(&bus, "mem.>", recorder("history", 20)).await;
    let mut live = subscribe(&bus, "mem.>", viewer(20)).await;
    let accepted = |message| matches!(bus.try_publish(message).unwrap(), Attempt::Accepted);
    // 100,000 bytes are seven times 16 KiB: two such messages and six short ones fill twenty places.
    assert!(accepted(long(0)) && accepted(long(1)) && !accepted(long(2)));
    assert!((2..8).all(|n| accepted(data("home1.pv", n))));
    assert!(!accepted(data("home1.pv", 8)));
    history.next().await.unwrap().ack();
    assert!((8..15).all(|n| accepted(data("home1.pv", n))), "its seven places are free again");
    assert!(!accepted(data("home1.pv", 15)));
    // The viewer has let go of the oldest as often as it had to.
    assert_eq!(live.next().await.unwrap().message.payload.len(), 100_000);
    assert_eq!(live.lost(), 1);
    drop(history);
}
