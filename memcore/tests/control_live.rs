//! A home under control of a running server, with devices on the link: what its people see when all is well, and when it is not.
#![cfg(all(feature = "gateway", feature = "client"))]

mod control_support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use control_support::{Home, until};
use memcore::control::{Priority, Proposal, Target};
use memcore::model::{Clock, CommandId, CommandState, EventKind, Name, SeriesName, Span, SystemClock, Timestamp};
use memcore::{CommandRequest, ControlEvent, ErrorKind, Explanation, Memcore, OnStop, StoreOptions};

fn now() -> Timestamp {
    SystemClock::default().now()
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn battery() -> Target {
    Target::Asset(name("battery"))
}

fn wish(actor: &str, power_w: f64, priority: u8) -> Proposal {
    Proposal::power(name(actor), battery(), power_w, Priority::new(priority).unwrap(), "because it is a test")
}

fn by_hand(value: f64) -> CommandRequest {
    CommandRequest::new("home1.battery.setpoint".parse().unwrap(), value)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_battery_covers_its_home_by_leased_orders_that_it_reads_back() {
    let home = Home::drawing(1500.0).await;
    home.battery_does(-1500.0).await;
    let done = |state: Option<CommandState>| matches!(state, Some(CommandState::Done { read_back: Some(value) }) if value < -1400.0);
    until("an order that was read back", || done(home.battery().order)).await;
    home.has_no_faults().await;
    let battery = home.battery();
    assert!(battery.fresh && battery.soc.is_some());
    assert_eq!(battery.wish.unwrap().actor.as_str(), "self_consumption");

    let why =
        explained(&home, |why| why.answered.is_some() || why.decided.as_ref().is_some_and(|d| d.answer.is_some())).await;
    let decided = why.decided.unwrap();
    assert!(decided.power_w < -1400.0, "{}", why.sentence);
    for words in
        ["battery was to discharge with 1", "self_consumption (priority 30)", "The device did it, and read back -1"]
    {
        assert!(why.sentence.contains(words), "{words:?} in {:?}", why.sentence);
    }
    let inputs: Vec<_> = decided.inputs.iter().map(|input| input.series.to_string()).collect();
    assert_eq!(inputs, ["home1.battery.power", "home1.battery.soc", "home1.grid.power"]);
    assert!(decided.inputs.iter().all(|input| input.age < Span::from_seconds(3)));
    let series: SeriesName = "home1.control.battery.power".parse().unwrap();
    until("decisions in the store", || home.handle().memcore().latest(&series).is_ok_and(|latest| !latest.is_empty()))
        .await;
}

/// Why the battery is as it is now, once it can be said.
async fn explained(home: &Home, enough: impl Fn(&Explanation) -> bool) -> Explanation {
    for _ in 0..500 {
        let why = home.handle().why("home1.battery.power", now()).unwrap();
        if enough(&why) {
            return why;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{:?}", home.handle().why("home1.battery.power", now()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_dies_leaves_the_battery_at_its_fallback_when_the_lease_ends() {
    let mut home = Home::drawing(1500.0).await;
    home.battery_does(-1500.0).await;
    home.kill();
    home.battery_does(0.0).await;
    let world = home.world.lock().unwrap();
    let [.., (before, told), (last, fell_back)] = world.told[..] else { panic!("{:?}", world.told) };
    assert!(before < -1000.0 && last == 0.0);
    let held = fell_back.duration_since(told);
    // Within a second in the model of the link, whose time is its own; a machine of others may be late.
    assert!(held >= Duration::from_millis(1900) && held < Duration::from_secs(15), "{held:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_grid_meter_puts_the_battery_where_it_is_safe_until_it_speaks_again() {
    let home = Home::drawing(1500.0).await;
    home.battery_does(-1500.0).await;
    home.world.lock().unwrap().grid_is_silent = true;
    home.battery_does(0.0).await;
    home.has_fault("grid").await;
    home.world.lock().unwrap().grid_is_silent = false;
    home.battery_does(-1500.0).await;
    home.has_no_faults().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_refuses_is_a_fault_until_it_obeys() {
    let home = Home::drawing(1500.0).await;
    home.world.lock().unwrap().battery_refuses = true;
    home.has_fault("battery refuses its order: contactor_open: the contactor is open").await;
    home.world.lock().unwrap().battery_refuses = false;
    home.battery_does(-1500.0).await;
    home.has_no_faults().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn actors_that_hang_fail_or_talk_for_others_harm_nobody() {
    let home = Home::drawing(1500.0).await;
    let (every, budget) = (Span::from_millis(100), Span::from_millis(200));
    let (release, hung) = mpsc::channel::<()>();
    home.handle()
        .add_actor(&name("hangs"), every, budget, move |_| {
            let _ = hung.recv();
            Ok(vec![wish("hangs", 3000.0, 99)])
        })
        .unwrap();
    home.handle().add_actor(&name("panics"), every, budget, |_| panic!("out of ideas")).unwrap();
    home.handle().add_actor(&name("mimic"), every, budget, |_| Ok(vec![wish("self_consumption", 3000.0, 99)])).unwrap();
    home.battery_does(-1500.0).await;
    home.has_fault("actor hangs has not answered within 200ms").await;
    home.has_fault("actor panics failed: it panicked: out of ideas").await;
    home.has_fault("a proposal of actor mimic was refused: actor is self_consumption, expected mimic").await;
    let ticks = home.status().ticks.count;
    until("fifty ticks more", || home.status().ticks.count > ticks + 50).await;
    let status = home.status();
    let actor = |name: &str| status.actors.iter().find(|actor| actor.name.as_str() == name).unwrap();
    assert_eq!((actor("hangs").busy, actor("hangs").asked, actor("hangs").overran), (true, 1, 1), "nobody asks it again");
    assert!(actor("panics").asked < 10, "it is asked ever more rarely: {:?}", actor("panics"));
    assert!(actor("mimic").refused > 0);
    release.send(()).unwrap();
    until("the one that hung is free", || {
        home.status().actors.iter().any(|actor| actor.name.as_str() == "hangs" && !actor.busy)
    })
    .await;
    assert!(home.status().proposals.iter().all(|proposal| proposal.actor.as_str() != "hangs"), "what came late is dropped");

    assert_eq!(
        home.handle().add_actor(&name("mimic"), every, budget, |_| Ok(vec![])).unwrap_err().kind(),
        ErrorKind::Conflict
    );
    assert_eq!(
        home.handle().add_actor(&name("person"), every, budget, |_| Ok(vec![])).unwrap_err().kind(),
        ErrorKind::Conflict
    );
    for actor in ["mimic", "panics", "hangs"] {
        home.handle().remove_actor(&name(actor)).unwrap();
    }
    home.has_no_faults().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_actor_of_the_program_proposes_from_what_it_sees_and_its_wish_lapses_with_it() {
    let home = Home::drawing(1500.0).await;
    let follow = |site: memcore::Snapshot| {
        let soc = site.asset("battery").and_then(|battery| battery.soc);
        assert!(site.grid_w.is_none_or(f64::is_finite));
        Ok(soc.map(|_| wish("saver", -700.0, 60).valid_for(Span::from_millis(500))).into_iter().collect())
    };
    home.handle().add_actor(&name("saver"), Span::from_millis(100), Span::from_seconds(5), follow).unwrap();
    home.battery_does(-700.0).await;
    home.handle().remove_actor(&name("saver")).unwrap();
    home.battery_does(-1500.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_overrides_strategies_for_the_lease_and_not_what_is_safe() {
    let home = Home::drawing(1500.0).await;
    home.battery_does(-1500.0).await;
    let mut ticket = home.handle().command(by_hand(2000.0).leased(Span::from_seconds(600)).by("uid 7")).unwrap();
    assert!(ticket.note().unwrap().contains("2000 W stands as a wish for 10m"), "{:?}", ticket.note());
    assert_eq!(ticket.finished().await, CommandState::Done { read_back: Some(2000.0) });
    home.battery_does(2000.0).await;
    let wish = home.battery().wish.unwrap();
    assert_eq!((wish.actor.as_str(), wish.priority.get()), ("person", 75));
    assert!(wish.reason.contains("by uid 7"), "{}", wish.reason);

    let id = CommandId::new("c1").unwrap();
    let beyond = home.handle().command(by_hand(9000.0).leased(Span::from_seconds(600)).id(id.clone()));
    assert!(beyond.unwrap_err().message().contains("9000"), "what the asset cannot do is refused, not clamped");
    assert_eq!(home.handle().withdraw(&name("person"), Some(&battery())).unwrap(), 1);
    home.battery_does(-1500.0).await;

    let mut once = home.handle().command(by_hand(500.0).leased(Span::from_seconds(1)).id(id.clone())).unwrap();
    assert_eq!(once.finished().await, CommandState::Done { read_back: Some(500.0) });
    let again = home.handle().command(by_hand(500.0).leased(Span::from_seconds(1)).id(id.clone())).unwrap();
    assert_eq!((again.id(), again.state()), (&id, CommandState::Done { read_back: Some(500.0) }), "one id, one effect");
    let other = home.handle().command(by_hand(600.0).leased(Span::from_seconds(1)).id(id));
    assert_eq!(other.unwrap_err().kind(), ErrorKind::Conflict);
    home.battery_does(-1500.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn off_for_safety_passes_at_once_and_control_lets_the_battery_be() {
    let home = Home::drawing(1500.0).await;
    home.battery_does(-1500.0).await;
    let mut off = home.handle().command(by_hand(0.0).safety()).unwrap();
    assert_eq!(off.finished().await, CommandState::Done { read_back: Some(0.0) });
    assert!(off.note().unwrap().contains("control lets battery be for 1h"), "{:?}", off.note());
    let ticks = home.status().ticks.count;
    until("thirty ticks more", || home.status().ticks.count > ticks + 30).await;
    assert_eq!(home.world.lock().unwrap().battery_w, 0.0);
    assert!(home.battery().held_until_us.is_some());
    assert_eq!(home.handle().withdraw(&name("person"), None).unwrap(), 1);
    home.battery_does(-1500.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_lets_leases_end_and_lasts_over_a_restart() {
    let mut home = Home::drawing(1500.0).await;
    home.battery_does(-1500.0).await;
    assert!(home.handle().set_control_enabled(false).unwrap());
    assert!(!home.handle().set_control_enabled(false).unwrap(), "it was paused already");
    home.battery_does(0.0).await;
    home.shut_down().await;
    home.start().await;
    until("the battery is back", || home.battery().fresh).await;
    let status = home.status();
    assert!(!status.enabled && status.paused.unwrap().by == "program");
    let mut plain = home.handle().command(by_hand(300.0).leased(Span::from_seconds(1))).unwrap();
    assert_eq!(plain.note(), None);
    assert_eq!(plain.finished().await, CommandState::Done { read_back: Some(300.0) });
    let why = home.handle().why("battery", now()).unwrap();
    assert!(why.decided.is_none() && why.sentence.contains("control was paused at"), "{}", why.sentence);
    assert!(home.handle().set_control_enabled(true).unwrap());
    home.battery_does(-1500.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_decided_is_known_after_a_restart_and_on_a_stopped_site() {
    let mut home = Home::drawing(1500.0).await;
    home.battery_does(-1500.0).await;
    explained(&home, |why| why.decided.as_ref().is_some_and(|decided| decided.power_w < -1400.0)).await;
    let then = now();
    home.shut_down().await;
    let stopped = Memcore::open_read_only(&home.site(), StoreOptions::default()).unwrap();
    let why = stopped.why("home1.battery.power", then).unwrap();
    assert!(why.decided.as_ref().unwrap().power_w < -1400.0, "{}", why.sentence);
    let after = stopped.why("battery", then.saturating_add(Span::from_seconds(60))).unwrap();
    assert!(after.decided.is_none() && after.sentence.contains("control was stopped at"), "{}", after.sentence);
    home.start().await;
    assert_eq!(home.handle().why("battery", then).unwrap().decided, why.decided);
    let e = home.handle().why("grid", then).unwrap_err();
    assert!(e.kind() == ErrorKind::NotFound && e.message().contains("expected one of battery"), "{e}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_stop_safe_tells_the_battery_at_once() {
    let mut home = Home::with(1500.0, &control_support::MODEL.replace("lease = \"2s\"", "lease = \"10m\"")).await;
    home.battery_does(-1500.0).await;
    home.shut_down().await;
    assert!(home.world.lock().unwrap().battery_w < -1000.0, "by default leases go on over a restart");
    home.config.control.on_stop = OnStop::Safe;
    home.start().await;
    until("an order that was done", || matches!(home.battery().order, Some(CommandState::Done { .. }))).await;
    home.shut_down().await;
    home.battery_does(0.0).await;
}

/// A clock that fails, or hangs, whoever decides.
#[derive(Debug, Default)]
struct Moody {
    clock: SystemClock,
    panics: AtomicBool,
    hangs: AtomicBool,
}

impl Clock for Moody {
    fn now(&self) -> Timestamp {
        if std::thread::current().name() == Some("memcore-control") {
            assert!(!self.panics.swap(false, Ordering::SeqCst), "a planted fault");
            while self.hangs.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        self.clock.now()
    }

    fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_deciding_fails_or_hangs_leases_end_an_alarm_says_so_and_it_begins_anew() {
    let clock = Arc::new(Moody::default());
    let home = Home::by(1500.0, control_support::MODEL, clock.clone()).await;
    let mut events = home.handle().events().await.unwrap();
    home.battery_does(-1500.0).await;
    clock.panics.store(true, Ordering::SeqCst);
    assert!(alarm(&mut events).await.unwrap().contains("deciding failed"));
    assert_eq!(alarm(&mut events).await, None, "it decides again");
    let ticks = home.status().ticks.count;
    until("ticks", || home.status().ticks.count > ticks + 5).await;
    home.battery_does(-1500.0).await;
    clock.hangs.store(true, Ordering::SeqCst);
    assert!(alarm(&mut events).await.unwrap().contains("nothing was decided for"));
    home.battery_does(0.0).await;
    clock.hangs.store(false, Ordering::SeqCst);
    assert_eq!(alarm(&mut events).await, None, "it decides again");
    home.battery_does(-1500.0).await;
}

/// Why control is said to have stalled; none where it is said to have recovered.
async fn alarm(events: &mut memcore::Events) -> Option<String> {
    loop {
        match events.next().await.unwrap().kind {
            EventKind::ControlStalled { reason } => return Some(reason),
            EventKind::ControlRecovered => return None,
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_wishes_are_refused_by_name_and_dashboards_hear_what_changes() {
    let home = Home::drawing(1500.0).await;
    let mut events = home.handle().control_events().unwrap();
    home.battery_does(-1500.0).await;
    for (bad, words) in [
        (wish("app", f64::NAN, 50), "power_w"),
        (Proposal::power(name("app"), Target::Asset(name("bettary")), 1.0, Priority::new(50).unwrap(), "x"), "bettary"),
    ] {
        let e = home.handle().propose(bad).unwrap_err();
        assert!(e.kind() == ErrorKind::Invalid && e.message().contains(words), "{e}");
    }
    home.handle().propose(wish("app", 800.0, 50)).unwrap();
    home.battery_does(800.0).await;
    let heard = async {
        loop {
            match events.next().await.unwrap() {
                ControlEvent::Decided(decided) if decided.power_w == 800.0 => return decided,
                _ => {}
            }
        }
    };
    assert_eq!(heard.await.wish.unwrap().actor.as_str(), "app");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_that_is_to_be_planned_hears_of_its_planner_and_its_battery_goes_on_without_a_plan() {
    let planned = "[tariff]\nbuy_per_kwh = 0.3\nsell_per_kwh = 0.08\n[planning]\n[[strategy]]\nkind = \"follow_plan\"\n";
    let home = Home::with(1500.0, &format!("{}{planned}", control_support::MODEL)).await;
    let mut events = home.handle().control_events().unwrap();
    home.battery_does(-1500.0).await;
    let status = home.status();
    if status.plan.is_none() {
        let said = status.faults.iter().any(|fault| fault.contains("plan"));
        assert!(said, "a home without history has no plan yet, and says so: {:?}", status.faults);
        while !matches!(events.next().await.unwrap(), ControlEvent::Planned { .. }) {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_a_model_controls_nothing_and_a_wrong_model_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = memcore::Config::at(folder.path().join("site"));
    config.gateway.listen = "127.0.0.1:0".parse().unwrap();
    let server = memcore::serve(config.clone()).await.unwrap();
    let e = server.handle().control_status().unwrap_err();
    assert!(e.kind() == ErrorKind::NotFound && e.message().contains("control.toml"), "{e}");
    server.shutdown().await.unwrap();
    config.control.model = Some("home.toml".into());
    let e = memcore::serve(config.clone()).await.unwrap_err();
    assert!(e.message().contains("control.model") && e.message().contains("home.toml"), "{e}");
    std::fs::write(config.path.join("home.toml"), "site = \"home1\"\n[[asset]]\nname = \"b\"\nrole = \"batery\"").unwrap();
    let e = memcore::serve(config.clone()).await.unwrap_err();
    assert!(e.message().contains("home.toml") && e.message().contains("batery"), "{e}");
    config.control.enabled = false;
    memcore::serve(config).await.unwrap().shutdown().await.unwrap();
}

#[cfg(feature = "cli")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_shows_wishes_pauses_and_answers_why() {
    let mut home = Home::drawing(1500.0).await;
    home.battery_does(-1500.0).await;
    until("an order that was done", || matches!(home.battery().order, Some(CommandState::Done { .. }))).await;
    let status = said(&home, &["control", "status"]);
    for words in ["home1: control is on", "battery", "self_consumption (30)", "done, reads -15", "granted"] {
        assert!(status.contains(words), "{words:?} in {status}");
    }
    let json: serde_json::Value = serde_json::from_str(&said(&home, &["control", "status", "--json"])).unwrap();
    assert_eq!(
        (&json["site"], &json["enabled"], &json["assets"][1]["asset"]),
        (&"home1".into(), &true.into(), &"battery".into())
    );

    let proposed =
        said(&home, &["control", "propose", "battery", "-0.5", "--unit", "kW", "--for", "10m", "--reason", "guests"]);
    assert!(proposed.contains("the wish of person for battery stands for 10m"), "{proposed}");
    home.battery_does(-500.0).await;
    let why = said(&home, &["why", "home1.battery.power"]);
    for words in
        ["battery was to discharge with 500 W, because person (priority 60) wished for -500 W: guests", "home1.grid.power"]
    {
        assert!(why.contains(words), "{words:?} in {why}");
    }
    let json: serde_json::Value = serde_json::from_str(&said(&home, &["control", "why", "battery", "--json"])).unwrap();
    assert_eq!(json["decided"]["wish"]["actor"], "person");
    assert!(said(&home, &["control", "withdraw", "battery"]).contains("1 wishes of person taken back"));
    home.battery_does(-1500.0).await;

    let set = cli(&home, &["command", "set", "home1.battery.setpoint", "700", "--lease", "10m"]);
    assert!(set.2.contains("control steers this channel: 700 W stands as a wish for 10m"), "{set:?}");
    assert!(set.1.contains("done, reads back 700"), "{set:?}");
    assert!(said(&home, &["control", "pause"]).contains("control is paused"));
    assert!(said(&home, &["control", "status"]).contains("control is PAUSED since"));
    assert!(said(&home, &["control", "resume"]).contains("control goes on"));
    let trail = said(&home, &["audit"]);
    for act in ["control_paused", "control_resumed", "proposed", "withdrawn"] {
        assert!(trail.lines().any(|line| line.contains(act) && line.contains("uid ")), "{act} in {trail}");
    }
    let refused = cli(&home, &["control", "propose", "battery", "9000"]);
    assert!(refused.0 == 1 && refused.2.contains("power_w is 9000"), "{refused:?}");
    home.shut_down().await;
    let gone = cli(&home, &["control", "status"]);
    assert!(gone.0 == 1 && gone.2.contains("no server runs on"), "{gone:?}");
    let stopped = cli(&home, &["why", "battery"]);
    assert!(stopped.1.contains("battery was to") || stopped.1.contains("nothing was decided of battery"), "{stopped:?}");
}

/// What the command line says, where it does as it is told.
#[cfg(feature = "cli")]
fn said(home: &Home, args: &[&str]) -> String {
    let (code, out, err) = cli(home, args);
    assert_eq!(code, 0, "{args:?}: {out}{err}");
    out
}

#[cfg(feature = "cli")]
fn cli(home: &Home, args: &[&str]) -> (i32, String, String) {
    let done = std::process::Command::new(env!("CARGO_BIN_EXE_memcore")).args(args).arg("--site").arg(home.site()).output();
    let done = done.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (done.status.code().unwrap(), text(done.stdout), text(done.stderr))
}
