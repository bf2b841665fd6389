use super::*;

const USER: Sender = Sender::User(None);

fn relay(id: &str, value: f64) -> Command {
    Command {
        id: CommandId::new(id).unwrap(),
        target: "home1.hem.node3.switch".parse().unwrap(),
        value,
        expires: Timestamp::from_seconds(60),
        lease: None,
        fallback: None,
        safety: false,
    }
}

/// It is claimed by a session, written down, and handed over.
fn send(commander: &mut Commander, id: &str, epoch: u64) {
    commander.claim(&CommandId::new(id).unwrap(), epoch, Duration::ZERO).unwrap();
    let on_disk = commander.written();
    assert_eq!(commander.hand_over(on_disk, Duration::ZERO).len(), 1);
}

/// The server is killed, and another one starts at `wall` with what the first has written down.
fn restarted(commander: &mut Commander, wall: Timestamp) -> (Commander, Vec<Change>) {
    // As it goes through the file, which is read and written anew.
    let told = fold(commander.take_entries());
    Commander::restore(fold(entries_of(told)), wall)
}

fn hem() -> DeviceName {
    "home1.hem".parse().unwrap()
}

const NOON: Timestamp = Timestamp::from_seconds(0);

#[test]
fn a_command_for_an_absent_device_waits_and_is_never_delivered_after_its_expiry() {
    let mut commander = Commander::default();
    let (state, _) = commander.issue(relay("c1", 1.0), USER).unwrap();
    assert_eq!((state.borrow().clone(), commander.queued_for(&hem()).len()), (CommandState::Queued, 1));
    assert!(commander.handle_timeout(Duration::from_secs(59), Timestamp::from_seconds(59)).is_empty());
    commander.handle_timeout(Duration::from_secs(60), Timestamp::from_seconds(60));
    assert_eq!((state.borrow().clone(), commander.queued_for(&hem()).len()), (CommandState::Expired, 0));
}

#[test]
fn an_answer_ends_it_once_and_only_from_its_own_device() {
    let mut commander = Commander::default();
    let (state, _) = commander.issue(relay("c1", 1.0), USER).unwrap();
    let id = CommandId::new("c1").unwrap();
    send(&mut commander, "c1", 1);
    let done = Answer::Done { value: Some(1.0) };
    assert_eq!(commander.answered(&"home2.hem".parse().unwrap(), &id, done.clone()), None);
    assert!(commander.answered(&hem(), &id, done.clone()).is_some());
    assert_eq!(commander.answered(&hem(), &id, done), None);
    assert_eq!(*state.borrow(), CommandState::Done { read_back: Some(1.0) });
}

#[test]
fn a_lost_link_or_a_silent_device_leaves_the_outcome_unknown() {
    let mut commander = Commander::default();
    let (lost, _) = commander.issue(relay("c1", 1.0), USER).unwrap();
    let (silent, _) = commander.issue(relay("c2", 1.0), USER).unwrap();
    send(&mut commander, "c1", 1);
    commander.device_left(&hem(), 1);
    assert_eq!((lost.borrow().clone(), silent.borrow().clone()), (CommandState::UNKNOWN, CommandState::Queued));
    send(&mut commander, "c2", 2);
    commander.handle_timeout(ANSWER_WITHIN, NOON);
    assert_eq!(*silent.borrow(), CommandState::UNKNOWN);
}

#[test]
fn one_id_is_one_command() {
    let mut commander = Commander::default();
    assert!(commander.issue(relay("c1", 1.0), USER).unwrap().1);
    assert!(!commander.issue(relay("c1", 1.0), USER).unwrap().1);
    assert_eq!(commander.issue(relay("c1", 0.0), USER).unwrap_err().kind(), ErrorKind::Conflict);
    let leased = Command { lease: Some(crate::model::Span::from_seconds(1)), fallback: Some(0.0), ..relay("c1", 1.0) };
    assert_eq!(commander.issue(leased, USER).unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(commander.queued_for(&hem()).len(), 1);
}

#[test]
fn two_sessions_never_send_the_same_command() {
    let mut commander = Commander::default();
    let (state, _) = commander.issue(relay("c1", 1.0), USER).unwrap();
    let id = CommandId::new("c1").unwrap();
    assert!(commander.claim(&id, 1, Duration::ZERO).is_some());
    assert!(commander.claim(&id, 2, Duration::ZERO).is_none(), "claimed already");
    commander.give_back(&id);
    assert_eq!((state.borrow().clone(), commander.awaited()), (CommandState::Queued, vec![hem()]));
    assert!(commander.claim(&id, 2, Duration::ZERO).is_some());
    assert!(commander.device_left(&hem(), 1).is_empty(), "an earlier session's end says nothing of a later one's");
    commander.answered(&hem(), &id, Answer::Done { value: None });
    assert!(commander.claim(&id, 3, Duration::ZERO).is_none(), "it has ended");
}

#[test]
fn accepted_work_may_take_long_and_a_shutdown_ends_everything() {
    let mut commander = Commander::default();
    let (working, _) = commander.issue(relay("c1", 1.0), USER).unwrap();
    let (waiting, _) = commander.issue(relay("c2", 1.0), USER).unwrap();
    let id = CommandId::new("c1").unwrap();
    send(&mut commander, "c1", 1);
    commander.answered(&hem(), &id, Answer::Accepted);
    commander.handle_timeout(ANSWER_WITHIN * 10, NOON);
    assert_eq!(*working.borrow(), CommandState::Accepted);
    assert_eq!(commander.close().len(), 2);
    assert_eq!(*working.borrow(), CommandState::UNKNOWN);
    assert!(matches!(&*waiting.borrow(), CommandState::Refused { code, .. } if code == "shutdown"));
    assert_eq!(commander.issue(relay("c3", 1.0), USER).unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn many_commands_end_without_looking_at_each_other() {
    let mut commander = Commander::default();
    for number in 0..LIVE_MAX {
        commander.issue(relay(&format!("c{number}"), 1.0), USER).unwrap();
    }
    assert_eq!(commander.issue(relay("more", 1.0), USER).unwrap_err().kind(), ErrorKind::LimitReached);
    assert_eq!(commander.handle_timeout(Duration::ZERO, Timestamp::from_seconds(60)).len(), LIVE_MAX);
    assert!(commander.awaited().is_empty());
}

#[test]
fn nothing_is_handed_over_before_it_is_written_down() {
    let mut commander = Commander::default();
    let (state, _) = commander.issue(relay("c1", 1.0), USER).unwrap();
    commander.claim(&CommandId::new("c1").unwrap(), 1, Duration::ZERO).unwrap();
    assert_eq!(commander.take_entries().len(), 2);
    assert!(commander.hand_over(1, Duration::ZERO).is_empty(), "only its issue is on disk");
    assert_eq!(commander.device_left(&hem(), 1).len(), 1);
    assert_eq!(*state.borrow(), CommandState::Queued, "the link never had it");
    assert!(commander.hand_over(2, Duration::ZERO).is_empty(), "that session is over");
    send(&mut commander, "c1", 2);
}

#[test]
fn while_the_disk_takes_nothing_only_what_is_for_safety_goes_out() {
    let mut commander = Commander::default();
    let (on, _) = commander.issue(relay("on", 1.0), USER).unwrap();
    commander.issue(Command { safety: true, ..relay("off", 0.0) }, USER).unwrap();
    let (after, _) = commander.issue(relay("after", 1.0), USER).unwrap();
    for id in ["on", "off", "after"] {
        commander.claim(&CommandId::new(id).unwrap(), 1, Duration::ZERO).unwrap();
    }
    let (handed, waits) = commander.hand_over_unwritten(Duration::ZERO);
    assert_eq!(handed.iter().map(|(command, _)| command.id.as_str()).collect::<Vec<_>>(), ["off"]);
    assert_eq!((waits.len(), after.borrow().clone()), (2, CommandState::Queued));
    assert!(matches!(&*on.borrow(), CommandState::Refused { code, .. } if code == "unsafe"), "it must not come after");
}

#[test]
fn after_a_restart_what_was_sent_is_unknown_what_waited_waits_and_what_ended_has_its_end() {
    let mut commander = Commander::default();
    for id in ["waits", "expires", "sent", "accepted", "done", "back"] {
        let expires = Timestamp::from_seconds(if id == "expires" { 10 } else { 60 });
        commander.issue(Command { expires, ..relay(id, 1.0) }, USER).unwrap();
    }
    for id in ["sent", "accepted", "done", "back"] {
        send(&mut commander, id, 1);
    }
    commander.give_back(&CommandId::new("back").unwrap());
    commander.answered(&hem(), &CommandId::new("accepted").unwrap(), Answer::Accepted);
    let done = Answer::Done { value: Some(0.1 + 0.2) };
    commander.answered(&hem(), &CommandId::new("done").unwrap(), done);

    let (mut again, changes) = restarted(&mut commander, Timestamp::from_seconds(30));
    let state = |commander: &Commander, id: &str| commander.watch(&CommandId::new(id).unwrap()).unwrap().borrow().clone();
    for (id, expected) in [
        ("waits", CommandState::Queued),
        ("expires", CommandState::Expired),
        ("sent", CommandState::UNKNOWN),
        ("accepted", CommandState::UNKNOWN),
        ("done", CommandState::Done { read_back: Some(0.1 + 0.2) }),
        ("back", CommandState::Queued),
    ] {
        assert_eq!(state(&again, id), expected, "{id}");
    }
    assert_eq!(changes.len(), 3, "whoever listens is told of the new ends");
    assert_eq!(again.queued_for(&hem()).len(), 2);
    let (_, new) = again.issue(relay("done", 1.0), USER).unwrap();
    assert!(!new, "a replayed id is answered with its end");
    assert_eq!(again.issue(relay("done", 0.0), USER).unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(again.take_entries().len(), 3, "and only the new ends are written");
}

#[test]
fn a_lost_server_device_or_link_at_each_step_leaves_a_state_that_is_true() {
    use CommandState::{Done, Queued};
    let unknown = CommandState::UNKNOWN;
    let done = Done { read_back: Some(1.0) };
    // How far a command had come, and the state that its sender sees then: after the session was lost, after the server was
    // killed, after the server's machine lost its power.
    type Step = fn(&mut Commander) -> usize;
    let written = |commander: &mut Commander| commander.entries.len();
    let steps: [(&str, Step, [Option<CommandState>; 3]); 7] = [
        ("issued, nothing on disk", |_| 0, [Some(Queued), Some(Queued), None]),
        ("issued and on disk", |_| 1, [Some(Queued), Some(Queued), Some(Queued)]),
        (
            "claimed, only the issue on disk",
            |commander| {
                commander.claim(&CommandId::new("c1").unwrap(), 1, Duration::ZERO);
                1
            },
            [Some(Queued), Some(unknown.clone()), Some(Queued)],
        ),
        (
            "on disk as sent",
            |commander| {
                commander.claim(&CommandId::new("c1").unwrap(), 1, Duration::ZERO);
                2
            },
            [Some(Queued), Some(unknown.clone()), Some(unknown.clone())],
        ),
        (
            "handed to the link",
            |commander| {
                send(commander, "c1", 1);
                2
            },
            [Some(unknown.clone()), Some(unknown.clone()), Some(unknown.clone())],
        ),
        (
            "accepted by the device",
            |commander| {
                send(commander, "c1", 1);
                commander.answered(&hem(), &CommandId::new("c1").unwrap(), Answer::Accepted);
                2
            },
            [Some(unknown.clone()), Some(unknown.clone()), Some(unknown.clone())],
        ),
        (
            "answered, the answer not on disk",
            |commander| {
                send(commander, "c1", 1);
                commander.answered(&hem(), &CommandId::new("c1").unwrap(), Answer::Done { value: Some(1.0) });
                2
            },
            [Some(done.clone()), Some(done), Some(unknown)],
        ),
    ];
    for (step, go, [session_lost, killed, power_cut]) in steps {
        let state = |commander: &Commander| commander.watch(&CommandId::new("c1").unwrap()).map(|s| s.borrow().clone());
        let mut commander = Commander::default();
        commander.issue(relay("c1", 1.0), USER).unwrap();
        let on_disk = go(&mut commander);
        assert!(on_disk <= written(&mut commander), "{step}");
        let entries = commander.entries.clone();
        commander.device_left(&hem(), 1);
        assert_eq!(state(&commander), session_lost, "{step}, and the session is lost");
        let (again, _) = Commander::restore(fold(entries.clone()), NOON);
        assert_eq!(state(&again), killed, "{step}, and the server is killed");
        let (again, _) = Commander::restore(fold(entries[..on_disk].to_vec()), NOON);
        assert_eq!(state(&again), power_cut, "{step}, and the power is cut");
    }
}

#[test]
fn a_value_is_sent_again_under_a_new_id_before_its_device_forgets_it_and_only_while_its_lease_lasts() {
    let (hold, lease) = (Span::from_seconds(1200), Span::from_seconds(3000));
    let mut commander = Commander::default();
    let command = Command { lease: Some(lease), fallback: Some(0.0), ..relay("c1", 1.0) };
    commander.issue(command, Sender::User(Some(hold))).unwrap();
    send(&mut commander, "c1", 1);
    let done = || Answer::Done { value: Some(1.0) };
    commander.answered(&hem(), &CommandId::new("c1").unwrap(), done());
    let at = Duration::from_secs;
    assert!(commander.due_refreshes(at(599), |_| true).is_empty());
    assert!(commander.due_refreshes(at(600), |_| false).is_empty(), "the device is away");
    let due = commander.due_refreshes(at(601), |_| true);
    assert_eq!(due[0].of.lease, Some(Span::from_seconds(2399)), "with the rest of the lease");
    assert!(commander.due_refreshes(at(602), |_| true).is_empty(), "one at a time");
    assert_eq!(commander.due_refreshes(at(751), |_| true).len(), 1, "no answer came: once more");
    let refresh = Command { id: CommandId::new("r1").unwrap(), ..due[0].of.clone() };
    commander.issue(refresh, Sender::Refresh).unwrap();
    commander.claim(&CommandId::new("r1").unwrap(), 1, at(760)).unwrap();
    commander.hand_over(u64::MAX, at(760));
    commander.answered(&hem(), &CommandId::new("r1").unwrap(), done());
    assert!(commander.due_refreshes(at(1359), |_| true).is_empty());
    assert_eq!(commander.due_refreshes(at(1360), |_| true).len(), 1);
    assert!(commander.due_refreshes(at(2999), |_| true).is_empty(), "too late for another");

    let (_, _) = commander.issue(relay("newer", 0.0), Sender::User(Some(hold))).unwrap();
    assert!(commander.due_refreshes(at(3000), |_| true).is_empty(), "nothing overtakes a newer command");
    send(&mut commander, "newer", 1);
    commander.device_left(&hem(), 1);
    assert!(commander.due_refreshes(at(9000), |_| true).is_empty(), "what it is at nobody knows");
}

#[test]
fn a_disk_that_hangs_does_not_hold_back_what_is_for_safety_and_nothing_comes_after_it() {
    let mut commander = Commander::default();
    let (on, _) = commander.issue(relay("on", 1.0), USER).unwrap();
    let (waits, _) = commander.issue(relay("waits", 1.0), USER).unwrap();
    commander.issue(Command { safety: true, ..relay("off", 0.0) }, USER).unwrap();
    let (later, _) = commander.issue(relay("later", 1.0), USER).unwrap();
    for id in ["on", "off", "later"] {
        commander.claim(&CommandId::new(id).unwrap(), 1, Duration::ZERO).unwrap();
    }
    let (longest, early) = (Duration::from_millis(250), Duration::from_millis(249));
    assert!(commander.hand_over_safety(longest, early).0.is_empty());
    let (handed, _) = commander.hand_over_safety(longest, longest);
    assert_eq!(handed.iter().map(|(command, _)| command.id.as_str()).collect::<Vec<_>>(), ["off"]);
    for overtaken in [on, waits] {
        assert!(matches!(&*overtaken.borrow(), CommandState::Refused { code, .. } if code == "unsafe"));
    }
    let on_disk = commander.written();
    let handed = commander.hand_over(on_disk, longest);
    assert_eq!(handed.iter().map(|(command, _)| command.id.as_str()).collect::<Vec<_>>(), ["later"]);
    assert_eq!(*later.borrow(), CommandState::Sent);
}

#[test]
fn a_list_is_of_one_site_in_the_order_of_issue_and_stays_so_over_restarts() {
    let mut commander = Commander::default();
    let of = |target: &str, id: &str| Command { target: target.parse().unwrap(), ..relay(id, 1.0) };
    commander.see(Timestamp::from_seconds(5));
    for (target, id) in
        [("home1.hem.node0.switch", "a"), ("home2.hem.node0.switch", "b"), ("acme/home1.hem.node0.switch", "c")]
    {
        commander.issue(Asked::by(of(target, id), format!("user {id}")), USER).unwrap();
    }
    commander.issue(of("home1.hem.node0.switch", "order"), Sender::Control(None)).unwrap();
    commander.issue(of("home1.hem.node1.switch", "d"), USER).unwrap();
    for (id, wall) in [("d", 7), ("a", 8)] {
        send(&mut commander, id, 1);
        commander.see(Timestamp::from_seconds(wall));
        commander.answered(&hem(), &CommandId::new(id).unwrap(), Answer::Done { value: None });
    }
    let home1 = ("local".parse().unwrap(), "home1".parse().unwrap());
    let ids = |commander: &Commander, before: Option<u64>, most: usize| {
        let Part { listed, next } = commander.part(&home1, before, most, |_, _| true);
        (listed.iter().map(|listed| listed.asked.command.id.to_string()).collect::<Vec<_>>(), next)
    };
    assert_eq!(ids(&commander, None, 9).0, ["d", "a"], "what control orders is not among them");
    let (first, next) = ids(&commander, None, 1);
    assert_eq!((first, ids(&commander, next, 1).0), (vec!["d".to_owned()], vec!["a".to_owned()]));

    let (mut once, _) = restarted(&mut commander, Timestamp::from_seconds(30));
    let entries = once.take_entries();
    assert_eq!(ids(&once, None, 9).0, ["d", "a"], "although a ended last");
    let a = once.find(&CommandId::new("a").unwrap()).unwrap();
    let told = (a.asked.origin.by.as_str(), a.asked.origin.issued, a.ended, a.stands);
    let at = |seconds| Some(Timestamp::from_seconds(seconds));
    assert_eq!(told, ("user a", at(5), at(8), true));
    assert!(entries.is_empty(), "b and c wait on: {entries:?}");
}

#[test]
fn orders_of_control_never_make_a_users_command_forgotten() {
    let mut commander = Commander::default();
    commander.issue(relay("mine", 1.0), USER).unwrap();
    send(&mut commander, "mine", 1);
    commander.answered(&hem(), &CommandId::new("mine").unwrap(), Answer::Done { value: None });
    for number in 0..ORDERS_ENDED_MAX + 10 {
        commander.issue(relay(&format!("o{number}"), 0.0), Sender::Control(None)).unwrap();
    }
    commander.handle_timeout(Duration::ZERO, Timestamp::from_seconds(60));
    assert!(commander.find(&CommandId::new("o0").unwrap()).is_none(), "the oldest orders are forgotten");
    assert!(commander.find(&CommandId::new("mine").unwrap()).unwrap().stands);
    let (again, _) = restarted(&mut commander, NOON);
    assert!(again.find(&CommandId::new("mine").unwrap()).is_some());
    assert!(again.find(&CommandId::new("o0").unwrap()).is_none());
}

#[test]
fn what_control_made_of_a_wish_is_repeated_as_it_was_wished() {
    let mut commander = Commander::default();
    let order = Command { lease: Some(Span::from_seconds(60)), fallback: Some(0.0), ..relay("w", 0.5) };
    let wish = Wish { value: 1.0, lease: None, fallback: None, until: Timestamp::from_seconds(3600) };
    let origin = Origin { by: "user anna".into(), wish: Some(wish), ..Origin::default() };
    commander.issue(Asked { command: order, origin }, USER).unwrap();
    let (again, _) = restarted(&mut commander, NOON);
    assert!(again.repeated(&relay("w", 1.0)).unwrap().is_some(), "also after a restart");
    assert_eq!(again.repeated(&relay("w", 0.5)).unwrap_err().kind(), ErrorKind::Conflict);
}

#[test]
fn a_journal_of_before_ends_had_times_is_read() {
    let old = r#"{"issued":{"id":"c1","target":"home1.hem.node3.switch","value":1.0,"expires_us":60000000}}"#;
    let Entry::Issued(asked) = serde_json::from_str(old).unwrap() else { panic!("another entry") };
    assert_eq!((asked.command, asked.origin), (relay("c1", 1.0), Origin::default()));
    let old: Entry = serde_json::from_str(r#"{"ended":["c1",{"state":"expired"}]}"#).unwrap();
    assert_eq!(old, Entry::Ended(CommandId::new("c1").unwrap(), CommandState::Expired, None));
}

#[test]
fn a_conflict_says_nothing_of_the_channels_of_others() {
    let mut commander = Commander::default();
    commander.issue(relay("c1", 1.0), USER).unwrap();
    let other = Command { target: "acme/home1.hem.node0.switch".parse().unwrap(), ..relay("c1", 1.0) };
    let conflict = commander.repeated(&other).unwrap_err();
    assert!(!conflict.message().contains("hem"), "{conflict}");
}
