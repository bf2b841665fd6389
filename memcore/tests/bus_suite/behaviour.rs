//! What holds for every bus.

use std::time::Duration;

use memcore::ErrorKind;
use memcore::router::{Bus, MessageKind, SubjectPattern};

use crate::story::{data, message, numbered, numbers, publish, recorder, soon, subscribe, take, text, until, viewer};

pub(crate) async fn every_subscription_sees_every_message_once_and_in_order(bus: &dyn Bus) {
    let mut history = subscribe(bus, "mem.>", recorder("history", 1000)).await;
    let mut page = subscribe(bus, "mem.>", viewer(1000)).await;
    let mut app = subscribe(bus, "mem.local.home1.*.data", viewer(1000)).await;
    for n in 0..100 {
        publish(bus, data("home1.pv", n)).await;
        publish(bus, data("home1.battery", n)).await;
    }
    for subscription in [&mut history, &mut page, &mut app] {
        let mut of_pv = Vec::new();
        let mut of_battery = Vec::new();
        for _ in 0..200 {
            let delivered = soon(subscription.next()).await.unwrap();
            assert_eq!((delivered.lost_before, delivered.tries), (0, 1));
            let texts =
                if delivered.message.subject.device().device.as_str() == "pv" { &mut of_pv } else { &mut of_battery };
            texts.push(text(&delivered));
            delivered.ack();
        }
        assert_eq!((of_pv, of_battery), (numbers(0..100), numbers(0..100)));
        assert!(subscription.try_next().is_none());
    }
}

pub(crate) async fn a_pattern_selects_what_it_says(bus: &dyn Bus) {
    let mut commands = subscribe(bus, "mem.*.*.*.command", viewer(10)).await;
    let mut home2 = subscribe(bus, "mem.local.home2.>", viewer(10)).await;
    let mut all = subscribe(bus, "mem.>", viewer(10)).await;
    publish(bus, data("home1.pv", "a")).await;
    publish(bus, message("home1.battery", MessageKind::Command, "b")).await;
    publish(bus, message("acme/home2.battery", MessageKind::Command, "c")).await;
    publish(bus, data("home2.pv", "d")).await;
    assert_eq!(take(&mut all, 4).await, ["a", "b", "c", "d"]);
    assert_eq!(take(&mut commands, 2).await, ["b", "c"]);
    assert_eq!(take(&mut home2, 1).await, ["d"]);
    assert!(commands.try_next().is_none() && home2.try_next().is_none());
}

pub(crate) async fn a_slow_viewer_lags_alone_and_knows_what_it_lost(bus: &dyn Bus) {
    let mut slow = subscribe(bus, "mem.>", viewer(10)).await;
    let mut quick = subscribe(bus, "mem.>", viewer(2000)).await;
    let mut history = subscribe(bus, "mem.>", recorder("history", 2000)).await;
    for n in 0..1000 {
        publish(bus, data("home1.pv", n)).await;
    }
    assert_eq!(take(&mut quick, 1000).await, numbers(0..1000));
    assert_eq!(take(&mut history, 1000).await, numbers(0..1000));
    assert_eq!((quick.lost(), history.lost()), (0, 0));
    until(|| slow.lost() == 990).await;
    let first = soon(slow.next()).await.unwrap();
    assert_eq!((first.lost_before, text(&first).as_str()), (990, "990"));
    let second = soon(slow.next()).await.unwrap();
    assert_eq!((second.lost_before, text(&second).as_str()), (0, "991"));
    assert_eq!(take(&mut slow, 8).await, numbers(992..1000));
    assert!(slow.try_next().is_none());
}

pub(crate) async fn commands_and_hellos_outlive_a_flood_of_data(bus: &dyn Bus) {
    let mut slow = subscribe(bus, "mem.>", viewer(10)).await;
    publish(bus, message("home1.battery", MessageKind::Hello, "hello")).await;
    publish(bus, message("home1.battery", MessageKind::Event, "event")).await;
    for n in 0..500 {
        publish(bus, data("home1.pv", n)).await;
    }
    publish(bus, message("home1.battery", MessageKind::Command, "command")).await;
    for n in 500..1000 {
        publish(bus, data("home1.pv", n)).await;
    }
    until(|| slow.lost() == 993).await;
    assert_eq!(take(&mut slow, 3).await, ["hello", "event", "command"]);
    assert_eq!(take(&mut slow, 7).await, numbers(993..1000));
    // Full of commands, it has no room for data, and says so.
    for n in 0..10 {
        publish(bus, message("home1.battery", MessageKind::Command, n)).await;
    }
    publish(bus, data("home1.pv", "late")).await;
    until(|| slow.lost() == 994).await;
    assert_eq!(take(&mut slow, 10).await, numbers(0..10));
    assert!(slow.try_next().is_none() && !slow.is_cut_off());
}

pub(crate) async fn a_viewer_that_reads_no_commands_is_cut_off(bus: &dyn Bus) {
    let mut asleep = subscribe(bus, "mem.>", viewer(3)).await;
    let mut awake = subscribe(bus, "mem.>", viewer(10)).await;
    for n in 0..5 {
        publish(bus, message("home1.battery", MessageKind::Command, n)).await;
    }
    assert_eq!(take(&mut awake, 5).await, numbers(0..5));
    until(|| asleep.is_cut_off()).await;
    assert_eq!(take(&mut asleep, 3).await, numbers(0..3));
    assert!(soon(asleep.next()).await.is_none());
    assert!(!awake.is_cut_off());
}

pub(crate) async fn a_recorder_commits_in_groups(bus: &dyn Bus) {
    let mut history = subscribe(bus, "mem.>", recorder("history", 100)).await;
    for n in 0..50 {
        publish(bus, data("home1.pv", n)).await;
    }
    let (mut seen, mut group) = (Vec::new(), Vec::new());
    while seen.len() < 50 {
        let count = soon(history.recv_many(&mut group, 20)).await;
        assert!((1..=20).contains(&count) && group.len() == count);
        for delivered in group.drain(..) {
            seen.push(text(&delivered));
            delivered.ack();
        }
    }
    assert_eq!(seen, numbers(0..50));
    assert_eq!(history.recv_many(&mut group, 0).await, 0);
}

pub(crate) async fn what_is_given_back_or_dropped_comes_again(bus: &dyn Bus) {
    let mut history = subscribe(bus, "mem.>", recorder("history", 10)).await;
    for n in 0..3 {
        publish(bus, data("home1.pv", n)).await;
    }
    soon(history.next()).await.unwrap().nak();
    drop(soon(history.next()).await.unwrap());
    let mut seen = Vec::new();
    while seen.len() < 3 {
        let delivered = soon(history.next()).await.unwrap();
        seen.push((text(&delivered), delivered.message.subject.to_string()));
        delivered.ack();
    }
    seen.sort();
    let subject = "mem.local.home1.pv.data".to_owned();
    assert_eq!(seen, ["0", "1", "2"].map(|n| (n.to_owned(), subject.clone())));
    assert!(history.try_next().is_none());
}

pub(crate) async fn a_poison_message_is_set_aside_after_five_tries(bus: &dyn Bus) {
    let mut aside = subscribe(bus, "dead.>", recorder("undertaker", 10)).await;
    let mut history = subscribe(bus, "mem.>", recorder("history", 10)).await;
    for payload in ["good", "poison", "better"] {
        publish(bus, data("home1.pv", payload)).await;
    }
    let (mut stored, mut tries) = (Vec::new(), Vec::new());
    while stored.len() < 2 || tries.len() < 5 {
        let delivered = soon(history.next()).await.unwrap();
        if text(&delivered) == "poison" {
            tries.push(delivered.tries);
            delivered.nak();
        } else {
            stored.push(text(&delivered));
            delivered.ack();
        }
    }
    assert_eq!((stored, tries), (vec!["good".to_owned(), "better".to_owned()], vec![1, 2, 3, 4, 5]));
    let dead = soon(aside.next()).await.unwrap();
    assert_eq!((dead.message.subject.as_str(), text(&dead).as_str()), ("dead.mem.local.home1.pv.data", "poison"));
    dead.ack();
    publish(bus, data("home1.pv", "next")).await;
    assert_eq!(take(&mut history, 1).await, ["next"]);
}

pub(crate) async fn a_message_sent_again_arrives_once(bus: &dyn Bus) {
    let mut history = subscribe(bus, "mem.>", recorder("history", 100)).await;
    let mut page = subscribe(bus, "mem.>", viewer(100)).await;
    for round in 0..3 {
        for n in 0..=round {
            publish(bus, numbered("home1.pv", n)).await;
            publish(bus, numbered("home1.battery", n)).await;
        }
    }
    publish(bus, data("home1.pv", "end")).await;
    let expected = ["0", "0", "1", "1", "2", "2", "end"];
    assert_eq!(take(&mut history, 7).await, expected);
    assert_eq!(take(&mut page, 7).await, expected);
}

pub(crate) async fn giving_up_on_next_loses_nothing(bus: &dyn Bus) {
    let mut history = subscribe(bus, "mem.>", recorder("history", 1000)).await;
    let publishing = async {
        for n in 0..300 {
            publish(bus, data("home1.pv", n)).await;
            tokio::task::yield_now().await;
        }
    };
    let receiving = async {
        let (mut seen, mut given_up) = (Vec::new(), 0);
        while seen.len() < 300 {
            tokio::select! {
                biased;
                delivered = history.next() => {
                    let delivered = delivered.unwrap();
                    assert_eq!(delivered.tries, 1);
                    seen.push(text(&delivered));
                    delivered.ack();
                }
                () = tokio::task::yield_now() => given_up += 1,
            }
        }
        (seen, given_up)
    };
    let ((), (seen, given_up)) = soon(async { tokio::join!(publishing, receiving) }).await;
    assert_eq!(seen, numbers(0..300));
    assert!(given_up > 0, "next() was never given up");
}

pub(crate) async fn closing_hands_out_what_is_held_and_accepts_nothing_more(bus: &dyn Bus) {
    let mut history = subscribe(bus, "mem.>", recorder("history", 10)).await;
    let mut page = subscribe(bus, "mem.>", viewer(10)).await;
    for n in 0..3 {
        publish(bus, data("home1.pv", n)).await;
    }
    // One message has certainly reached each subscriber; the rest may wait in the bus.
    assert_eq!(take(&mut page, 3).await, numbers(0..3));
    assert_eq!(take(&mut history, 2).await, numbers(0..2));
    let last = soon(history.next()).await.unwrap();
    soon(bus.close()).await;
    last.ack();
    assert!(soon(page.next()).await.is_none() && soon(history.next()).await.is_none());
    assert_eq!(soon(history.recv_many(&mut Vec::new(), 10)).await, 0);
    let refused = soon(bus.publish(data("home1.pv", "late"))).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Closed);
    assert_eq!(bus.try_publish(data("home1.pv", "late")).unwrap_err().kind(), ErrorKind::Closed);
    let refused = soon(bus.subscribe(SubjectPattern::all(), viewer(1))).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Closed);
    soon(bus.close()).await;
}

pub(crate) async fn a_dropped_subscription_is_gone(bus: &dyn Bus) {
    let page = subscribe(bus, "mem.>", viewer(1)).await;
    let history = subscribe(bus, "mem.>", recorder("history", 1)).await;
    publish(bus, data("home1.pv", 0)).await;
    drop((page, history));
    // Nobody is left who could hold this up.
    for n in 1..20 {
        publish(bus, data("home1.pv", n)).await;
    }
    let mut page = subscribe(bus, "mem.>", viewer(10)).await;
    publish(bus, data("home1.pv", "new")).await;
    assert_eq!(take(&mut page, 1).await, ["new"]);
}

pub(crate) async fn one_recorder_of_a_name_at_a_time(bus: &dyn Bus) {
    let history = subscribe(bus, "mem.>", recorder("history", 10)).await;
    let refused = soon(bus.subscribe(SubjectPattern::all(), recorder("history", 10))).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    assert!(refused.message().contains("history"), "{refused}");
    drop(history);
    let mut history = subscribe(bus, "mem.>", recorder("history", 10)).await;
    publish(bus, data("home1.pv", "a")).await;
    assert_eq!(take(&mut history, 1).await, ["a"]);
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(history.try_next().is_none());
}

pub(crate) async fn a_queue_without_room_is_refused(bus: &dyn Bus) {
    for delivery in [viewer(0), recorder("history", 0), viewer(usize::MAX)] {
        let refused = soon(bus.subscribe(SubjectPattern::all(), delivery)).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Invalid);
        assert!(refused.message().starts_with("capacity is"), "{refused}");
    }
}

pub(crate) async fn what_is_only_shown_reaches_viewers_who_ask_for_it_and_no_recorder(bus: &dyn Bus) {
    let mut history = subscribe(bus, "mem.>", recorder("history", 10)).await;
    let mut page = subscribe(bus, "live.local.home1.*.live", viewer(10)).await;
    publish(bus, message("home1.pv", MessageKind::Live, "shown")).await;
    publish(bus, message("home2.pv", MessageKind::Live, "elsewhere")).await;
    publish(bus, data("home1.pv", "kept")).await;
    assert_eq!(take(&mut page, 1).await, ["shown"]);
    assert_eq!(take(&mut history, 1).await, ["kept"]);
    assert!(history.try_next().is_none() && page.try_next().is_none());
    // Who comes later sees nothing of it.
    let mut late = subscribe(bus, "live.>", viewer(10)).await;
    publish(bus, message("home1.pv", MessageKind::Live, "later")).await;
    assert_eq!(take(&mut late, 1).await, ["later"]);
    let refused = bus.subscribe("live.>".parse().unwrap(), recorder("other", 10)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid);
}
