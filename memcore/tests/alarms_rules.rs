//! What raises an alarm, what clears it, and what does neither: stories of a home, minute by minute.

use memcore::alarms::{Acknowledgement, Alarm, AlarmState, Moment, Rule, RuleSettings, SeriesFacts, Watcher, What};
use memcore::model::{DeviceName, Name, Quantity, SeriesName, Span, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

const GRID: &str = "home1.grid.power";

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn rule(id: &str, watch: Value) -> memcore::Result<Rule> {
    let settings = json!({ "name": format!("rule {id}"), "severity": "warning", "watch": watch });
    let settings: RuleSettings =
        serde_json::from_value(settings).map_err(|e| memcore::Error::new(memcore::ErrorKind::Invalid, e.to_string()))?;
    Rule::new(name("local"), name(id), settings)
}

/// A home whose time the story tells.
struct Home {
    watcher: Watcher,
    now: Moment,
}

impl Home {
    fn watched_by(watch: Value) -> Self {
        let now = Moment { wall: "2026-06-21T12:00:00Z".parse().unwrap(), elapsed: std::time::Duration::from_secs(1000) };
        let mut home = Self { watcher: Watcher::default(), now };
        home.watcher.set_rule(rule("r", watch).unwrap(), now);
        home.knows(GRID);
        home
    }

    fn knows(&mut self, series: &str) {
        let facts = SeriesFacts { quantity: Quantity::Power, cadence: None, max_age: None };
        self.watcher.know_series(&series.parse().unwrap(), facts, self.now);
    }

    fn pass(&mut self, span: &str) -> &mut Self {
        self.now = self.now.after(span.parse().unwrap());
        self.watcher.handle_timeout(self.now);
        self
    }

    /// Measured now.
    fn reads(&mut self, value: f64) -> &mut Self {
        self.reads_late("0s", value)
    }

    /// Measured that long ago.
    fn reads_late(&mut self, ago: &str, value: f64) -> &mut Self {
        let ago: Span = ago.parse().unwrap();
        let time = self.now.wall.saturating_add(Span::from_micros(-ago.as_micros()));
        self.watcher.readings(&GRID.parse().unwrap(), [(time, value)], self.now);
        self
    }

    fn device(&mut self, device: &str, connected: bool) -> &mut Self {
        self.watcher.device(&device.parse::<DeviceName>().unwrap(), connected, self.now);
        self
    }

    #[track_caller]
    fn expect(&mut self, expected: &[What]) -> Vec<Alarm> {
        let changes = self.watcher.take_changes();
        let whats: Vec<What> = changes.iter().map(|change| change.what).collect();
        assert_eq!(whats, expected, "{changes:#?}");
        changes.into_iter().map(|change| change.alarm).collect()
    }
}

#[test]
fn above_a_limit_for_five_minutes_raises_and_a_margin_keeps_it_from_flickering() {
    let watch =
        json!({"kind": "threshold", "series": "home1.*.power", "above": 16, "unit": "kW", "clear_margin": 1, "for": "5m"});
    let mut home = Home::watched_by(watch);
    home.reads(17_000.0).pass("4m").reads(17_500.0).expect(&[]);
    let alarm = home.pass("59s").reads(18_000.0).pass("1s").expect(&[What::Raised]).remove(0);
    assert_eq!((alarm.value, alarm.limit, alarm.unit.as_deref()), (Some(18.0), Some(16.0), Some("kW")));
    assert_eq!(alarm.message, "18 kW is above 16 kW for 5m");
    assert_eq!((alarm.subject.as_str(), alarm.site.clone()), (GRID, Some(name("home1"))));
    // Within the margin nothing changes; beyond it the alarm clears.
    home.pass("1m").reads(15_500.0).pass("1m").reads(16_500.0).pass("1m").reads(15_100.0).expect(&[]);
    let alarm = home.pass("1m").reads(14_900.0).expect(&[What::Cleared]).remove(0);
    assert_eq!((alarm.state, alarm.cleared), (AlarmState::Cleared, Some(home.now.wall)));
}

#[test]
fn one_reading_below_the_limit_begins_the_five_minutes_anew() {
    let mut home = Home::watched_by(json!({"kind": "threshold", "series": GRID, "above": 100.0, "for": "5m"}));
    for _ in 0..4 {
        home.reads(101.0).pass("4m").reads(99.0).pass("10s");
    }
    home.expect(&[]);
}

#[test]
fn a_value_that_was_said_once_stands_until_another_is_said() {
    let mut home = Home::watched_by(json!({"kind": "threshold", "series": GRID, "above": 100.0, "for": "5m"}));
    home.reads(101.0).pass("4m").expect(&[]);
    home.pass("61s").expect(&[What::Raised]);
    // Not beyond its age, where the channel says one: nothing is known then.
    let mut home = Home::watched_by(json!({"kind": "threshold", "series": GRID, "above": 100.0, "for": "5m"}));
    let facts = SeriesFacts { quantity: Quantity::Power, cadence: None, max_age: Some(Span::from_seconds(60)) };
    home.watcher.know_series(&GRID.parse().unwrap(), facts, home.now);
    home.reads(101.0).pass("2m").pass("10m").expect(&[]);
    home.reads(101.0).expect(&[]);
    // Nor while its device is away.
    let mut home = Home::watched_by(json!({"kind": "threshold", "series": GRID, "above": 100.0, "for": "5m"}));
    home.device("home1.grid", true).reads(101.0).device("home1.grid", false).pass("10m").expect(&[]);
}

#[test]
fn a_backlog_raises_nothing_and_clears_nothing() {
    let mut home = Home::watched_by(json!({"kind": "threshold", "series": GRID, "above": 100.0}));
    // Two hours of what was, while the present is shown beside it.
    for minute in (3..120).rev() {
        home.reads_late(&format!("{minute}m"), 500.0).reads(10.0).pass("1s");
    }
    home.expect(&[]);
    home.reads(200.0).expect(&[What::Raised]);
    for minute in (3..120).rev() {
        home.reads_late(&format!("{minute}m"), 10.0).pass("1s").reads(200.0);
    }
    home.expect(&[]);
    // A whole backlog in one batch that ends in the present: only its end counts.
    let mut home = Home::watched_by(json!({"kind": "threshold", "series": GRID, "above": 100.0, "for": "10m"}));
    let before = |minute: i64| home.now.wall.saturating_add(Span::from_seconds(-60 * minute));
    let batch: Vec<_> = (0..120).map(|minute| (before(minute), 500.0)).collect();
    home.watcher.readings(&GRID.parse().unwrap(), batch, home.now);
    home.expect(&[]);
}

#[test]
fn what_rises_too_fast_is_told_per_minute() {
    let mut home = Home::watched_by(json!({"kind": "rate", "series": GRID, "rises_per_minute": 2, "unit": "kW"}));
    for second in 0..120 {
        home.reads(f64::from(second) * 30.0).pass("1s");
    }
    home.expect(&[]);
    for second in 0..90 {
        home.reads(3600.0 + f64::from(second) * 50.0).pass("1s");
    }
    let alarm = home.expect(&[What::Raised]).remove(0);
    assert!(alarm.message.contains("kW a minute, more than 2 kW"), "{}", alarm.message);
    assert_eq!(alarm.unit.as_deref(), Some("kW/min"));
    // A jump over a gap of hours is no rate.
    let mut home = Home::watched_by(json!({"kind": "rate", "series": GRID, "falls_per_minute": 10}));
    home.reads(1e6).pass("2h").reads(0.0).expect(&[]);
}

#[test]
fn a_series_that_falls_silent_is_stale_until_it_speaks_of_the_present() {
    let mut home = Home::watched_by(json!({"kind": "stale", "series": "home1.>", "after": "15m"}));
    home.reads(1.0).pass("14m").expect(&[]);
    home.pass("1m").expect(&[What::Raised]);
    home.reads_late("3h", 1.0).expect(&[]);
    home.reads(1.0).expect(&[What::Cleared]);
    // Repeating an old value is silence, too.
    home.pass("16m").expect(&[What::RaisedAgain]);
    home.reads_late("16m", 1.0).expect(&[]);
}

#[test]
fn patterns_grow_with_new_series_and_devices() {
    let mut home = Home::watched_by(json!({"kind": "threshold", "series": "home1.*.power", "above": 100.0}));
    home.knows("home1.heater.power");
    home.knows("home2.heater.power");
    let (now, say) = (home.now, |text: &str| text.parse::<SeriesName>().unwrap());
    home.watcher.readings(&say("home1.heater.power"), [(now.wall, 200.0)], now);
    home.watcher.readings(&say("home2.heater.power"), [(now.wall, 200.0)], now);
    assert_eq!(home.expect(&[What::Raised]).remove(0).subject, "home1.heater.power");
    let mut home = Home::watched_by(json!({"kind": "offline", "devices": "*.*", "after": "5m"}));
    home.device("home1.pv", true).device("home2.pv", false).pass("299s").expect(&[]);
    assert_eq!(home.pass("1s").expect(&[What::Raised]).remove(0).subject, "home2.pv");
    home.device("home2.pv", true).expect(&[What::Cleared]);
}

#[test]
fn a_unit_watches_what_it_measures_and_nothing_else() {
    let watch = json!({"kind": "threshold", "series": "home1.>", "above": 80, "unit": "degC"});
    let mut home = Home::watched_by(watch);
    home.reads(1e6).expect(&[]);
    let facts = SeriesFacts { quantity: Quantity::Temperature, cadence: None, max_age: None };
    let tank: SeriesName = "home1.tank.temperature".parse().unwrap();
    home.watcher.know_series(&tank, facts, home.now);
    home.watcher.readings(&tank, [(home.now.wall, 81.0)], home.now);
    home.expect(&[What::Raised]);
}

#[test]
fn a_jump_of_the_servers_clock_makes_nobody_late_or_silent() {
    for jump in [-86_400, 86_400] {
        let mut home = Home::watched_by(json!({"kind": "stale", "series": GRID, "after": "2m"}));
        let second = rule("offline", json!({"kind": "offline", "devices": "home1.*", "after": "2m"})).unwrap();
        home.watcher.set_rule(second, home.now);
        home.device("home1.grid", true);
        for _ in 0..120 {
            home.reads(1.0).pass("1s");
        }
        // The device goes on by its own clock, which nobody has set.
        let ahead = Span::from_seconds(jump);
        home.now.wall = home.now.wall.saturating_add(ahead);
        for _ in 0..600 {
            home.pass("1s");
            let time = home.now.wall.saturating_add(Span::from_seconds(-jump));
            home.watcher.readings(&GRID.parse().unwrap(), [(time, 1.0)], home.now);
        }
        home.expect(&[]);
    }
}

#[test]
fn what_comes_and_goes_is_one_alarm_with_a_count() {
    let mut home = Home::watched_by(json!({"kind": "threshold", "series": GRID, "above": 100.0}));
    for _ in 0..600 {
        home.reads(200.0).pass("1s").reads(0.0).pass("1s");
    }
    let changes = home.watcher.take_changes();
    let ids: std::collections::BTreeSet<_> = changes.iter().map(|change| change.alarm.id.clone()).collect();
    assert_eq!(ids.len(), 1);
    // Two thousand crossings in twenty minutes: a line every ten seconds, and no more.
    assert!(changes.len() <= 130, "{} changes", changes.len());
    assert_eq!(home.watcher.alarms().next().unwrap().count, 600);
    let last = home.pass("61s").expect(&[What::Cleared]).remove(0);
    assert_eq!(last.count, 600);
    // After a calm it is another alarm.
    home.pass("11m").reads(200.0);
    let next = home.expect(&[What::Raised]).remove(0);
    assert_ne!(next.id, last.id);
}

#[test]
fn an_acknowledgement_stands_and_the_first_one_counts() {
    let mut home = Home::watched_by(json!({"kind": "threshold", "series": GRID, "above": 100.0}));
    let alarm = home.reads(200.0).expect(&[What::Raised]).remove(0);
    let by = |who: &str| Acknowledgement { by: who.into(), at: Timestamp::from_seconds(1), note: None };
    assert_eq!(home.watcher.acknowledge(&name("nothing"), &by("ada")), None);
    home.watcher.acknowledge(&alarm.id, &by("ada")).unwrap();
    home.watcher.acknowledge(&alarm.id, &by("bob")).unwrap();
    let taken = home.expect(&[What::Acknowledged]).remove(0);
    assert_eq!((taken.state, taken.acknowledged.unwrap().by), (AlarmState::Acknowledged, "ada".into()));
    home.pass("1s").reads(0.0).expect(&[What::Cleared]);
    // It comes back at once: who has taken note knows.
    let again = home.pass("1s").reads(200.0).expect(&[What::RaisedAgain]).remove(0);
    assert_eq!((again.state, again.count), (AlarmState::Acknowledged, 2));
}

#[test]
fn a_rule_that_changes_clears_what_it_no_longer_watches_and_a_new_name_keeps_it() {
    let watch = json!({"kind": "threshold", "series": GRID, "above": 100.0});
    let mut home = Home::watched_by(watch.clone());
    home.reads(200.0).expect(&[What::Raised]);
    let now = home.now;
    home.watcher.set_rule(rule("r", watch).unwrap(), now);
    home.expect(&[]);
    home.watcher.set_rule(rule("r", json!({"kind": "threshold", "series": GRID, "above": 300.0})).unwrap(), now);
    home.expect(&[What::Cleared]);
    home.pass("1s").reads(400.0).expect(&[What::Raised]);
    let now = home.now;
    home.watcher.remove_rule(&name("local"), &name("r"), now);
    home.expect(&[What::Cleared]);
    home.pass("1s").reads(500.0).expect(&[]);
}

#[test]
fn alarms_go_on_over_a_restart_and_those_of_what_is_gone_are_cleared() {
    let watch = json!({"kind": "offline", "devices": "home1.*", "after": "5m"});
    let mut home = Home::watched_by(watch.clone());
    home.device("home1.pv", false).device("home1.ev", false).pass("6m");
    let alarms = home.expect(&[What::Raised, What::Raised]);
    let mut next = Home::watched_by(watch.clone());
    next.watcher = Watcher::resuming(alarms.clone());
    let now = next.now;
    next.watcher.set_rule(rule("r", watch).unwrap(), now);
    next.device("home1.pv", false).pass("6m").expect(&[]);
    // `ev` is enrolled no more.
    let now = next.now;
    next.watcher.forget_resumed(now);
    assert_eq!(next.expect(&[What::Cleared]).remove(0).subject, "home1.ev");
    let back = next.device("home1.pv", true).expect(&[What::Cleared]).remove(0);
    assert!(alarms.iter().any(|alarm| alarm.id == back.id), "it is the same alarm");
}

#[test]
fn a_balance_has_a_margin_of_its_own() {
    let mut home = Home::watched_by(json!({"kind": "balance", "site": "home1", "above_w": 500, "for": "15m"}));
    let watched = home.watcher.rules().next().unwrap().clone();
    let mut found = |mean_w: f64| {
        home.watcher.residual(&watched, mean_w, home.now);
        home.watcher.take_changes().into_iter().map(|change| change.what).collect::<Vec<_>>()
    };
    assert_eq!(found(499.0), []);
    assert_eq!(found(-501.0), [What::Raised]);
    assert_eq!(found(460.0), []);
    assert_eq!(found(440.0), [What::Cleared]);
}

#[test]
fn the_server_itself_has_alarms() {
    let mut home = Home::watched_by(json!({"kind": "store_read_only"}));
    home.watcher.store(None, home.now);
    home.expect(&[]);
    home.watcher.store(Some("the disk is full".into()), home.now);
    let alarm = home.expect(&[What::Raised]).remove(0);
    assert_eq!((alarm.subject.as_str(), alarm.site), ("server", None));
    assert_eq!(alarm.message, "the store takes no data: the disk is full");
    home.watcher.store(None, home.now);
    home.expect(&[What::Cleared]);
}

#[test]
fn what_is_wrong_with_a_rule_is_named_with_its_value_and_what_was_expected() {
    for (watch, words) in [
        (json!({"kind": "threshold", "series": GRID}), vec!["watch.above", "missing", "below"]),
        (json!({"kind": "threshold", "series": GRID, "above": 1, "below": 2}), vec!["watch.below is 2", "watch.above, 1"]),
        (
            json!({"kind": "threshold", "series": GRID, "above": 2, "below": 1, "clear_margin": 0.6}),
            vec!["watch.clear_margin is 0.6", "at most 0.5"],
        ),
        (
            json!({"kind": "threshold", "series": GRID, "above": 1, "clear_margin": -1}),
            vec!["clear_margin is -1", "0 or more"],
        ),
        (json!({"kind": "threshold", "series": GRID, "above": 1, "unit": "bananas"}), vec!["bananas"]),
        (json!({"kind": "threshold", "series": GRID, "above": 1, "for": "soon"}), vec!["watch.for", "soon", "15m"]),
        (json!({"kind": "threshold", "series": GRID, "above": 1, "for": "30d"}), vec!["watch.for is 30d", "7d"]),
        (
            json!({"kind": "threshold", "series": "acme/home1.>", "above": 1}),
            vec!["watch.series", "acme", "operator local"],
        ),
        (json!({"kind": "threshold", "series": "*/home1.>", "above": 1}), vec!["watch.series", "operator local"]),
        (json!({"kind": "threshold", "series": "home1", "above": 1}), vec!["watch.series", "home1"]),
        (json!({"kind": "rate", "series": GRID}), vec!["watch.rises_per_minute", "missing"]),
        (json!({"kind": "rate", "series": GRID, "falls_per_minute": 0}), vec!["falls_per_minute is 0", "above 0"]),
        (json!({"kind": "stale", "series": GRID, "after": "0s"}), vec!["watch.after is 0s", "1s"]),
        (json!({"kind": "offline", "devices": "home1", "after": "5m"}), vec!["watch.devices", "home1.*"]),
        (json!({"kind": "offline", "devices": "home1.pv.power", "after": "5m"}), vec!["watch.devices", "home1.pv.power"]),
        (json!({"kind": "balance", "site": "home 1", "above_w": 1, "for": "15m"}), vec!["watch.site", "home 1"]),
        (json!({"kind": "balance", "site": "home1", "above_w": -1, "for": "15m"}), vec!["watch.above_w is -1", "above 0"]),
        (json!({"kind": "balance", "site": "home1", "above_w": 1, "for": "1m"}), vec!["watch.for is 1m", "5m"]),
        (json!({"kind": "stale", "series": GRID, "after": "5m", "above": 1}), vec!["above"]),
        (json!({"kind": "weather"}), vec!["weather", "threshold"]),
    ] {
        let e = rule("r", watch.clone()).unwrap_err();
        for word in words {
            assert!(e.message().contains(word), "{watch}: {e} should name {word:?}");
        }
    }
    // One limit fits one quantity.
    let both: Vec<(SeriesName, Quantity)> =
        vec![(GRID.parse().unwrap(), Quantity::Power), ("home1.tank.temperature".parse().unwrap(), Quantity::Temperature)];
    let check =
        |watch: Value| rule("r", watch).unwrap().check_series(both.iter().map(|(series, quantity)| (series, *quantity)));
    let e = check(json!({"kind": "threshold", "series": "home1.>", "above": 1})).unwrap_err();
    assert!(e.message().contains("watch.unit is missing") && e.message().contains("temperature"), "{e}");
    let e = check(json!({"kind": "threshold", "series": GRID, "above": 1, "unit": "degC"})).unwrap_err();
    assert!(e.message().contains("watch.unit is degC") && e.message().contains("power"), "{e}");
    check(json!({"kind": "threshold", "series": "home1.>", "above": 1, "unit": "kW"})).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever is measured: an alarm is raised, then cleared, in turn; never within the limits, never from what is late.
    #[test]
    fn raised_and_cleared_come_in_turn(
        steps in prop::collection::vec((0_u32..90, -200.0_f64..200.0, 0_u32..5), 1..300),
        margin in 0.0_f64..50.0,
        lasting in 0_u32..120,
    ) {
        let watch = json!({
            "kind": "threshold", "series": GRID, "above": 100.0, "clear_margin": margin, "for": format!("{lasting}s"),
        });
        let mut home = Home::watched_by(watch);
        let mut holds = false;
        for (seconds, value, late) in steps {
            home.pass(&format!("{seconds}s"));
            if late == 0 {
                home.reads_late("3h", value);
            } else {
                home.reads(value);
            }
            for change in home.watcher.take_changes() {
                match change.what {
                    What::Raised | What::RaisedAgain => {
                        prop_assert!(!holds, "raised twice");
                        prop_assert!(change.alarm.value.unwrap() > 100.0);
                        holds = true;
                    }
                    What::Cleared => {
                        prop_assert!(holds, "cleared twice");
                        holds = false;
                    }
                    What::Counted => prop_assert!(holds),
                    What::Acknowledged => prop_assert!(false),
                }
            }
        }
        let open = home.watcher.alarms().filter(|alarm| alarm.state != AlarmState::Cleared).count();
        prop_assert_eq!(open, usize::from(holds));
    }

    /// Values within the limits raise nothing, whatever the server's clock does.
    #[test]
    fn what_is_within_its_limits_is_never_told(
        steps in prop::collection::vec((0_u32..30, -100.0_f64..100.0, prop::option::weighted(0.05, -100_000_i64..100_000)), 1..300),
    ) {
        let mut home = Home::watched_by(json!({"kind": "threshold", "series": GRID, "above": 100.0, "below": -100.0}));
        let offline = rule("offline", json!({"kind": "offline", "devices": "*.*", "after": "1m"})).unwrap();
        home.watcher.set_rule(offline, home.now);
        home.device("home1.grid", true);
        for (seconds, value, jump) in steps {
            home.pass(&format!("{seconds}s")).reads(value);
            if let Some(jump) = jump {
                home.now.wall = home.now.wall.saturating_add(Span::from_seconds(jump));
            }
        }
        prop_assert_eq!(home.watcher.take_changes(), vec![]);
    }
}
