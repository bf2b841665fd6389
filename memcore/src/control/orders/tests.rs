//! Orders, told as stories of a device that takes them, refuses them, or is not heard of.

use std::time::Duration;

use crate::control::{Controller, Decision, Fault, Moment, Order, Outcome, Priority, Proposal, SiteModel, Target};
use crate::model::{CommandState, Name, Sample, Span, Timestamp};

const HOME: &str = r#"
    site = "home"
    lease = "60s"

    [[asset]]
    name = "grid"
    role = "grid_meter"
    period = "1m"

    [[asset]]
    name = "battery"
    role = "battery"
    soc = "soc"
    setpoint = "power_limit"
    range_w = [-5000, 5000]
    period = "1m"
    storage = { capacity_wh = 10000 }

    [[asset]]
    name = "ev"
    role = "charger"
    connected = "connected"
    setpoint = "current"
    setpoint_unit = "a"
    phases = "switched"
    phase_setpoint = "phases"
    range_w = [0, 11040]
    least_w = 1380
    period = "1m"
    vehicle = { capacity_wh = 60000 }
"#;

struct Home {
    controller: Controller,
    now: Moment,
    last: Decision,
}

impl Home {
    fn new() -> Self {
        let model: SiteModel = toml::from_str(HOME).unwrap();
        let mut controller = Controller::new(model.check().unwrap_or_else(|e| panic!("{e}")), Vec::new());
        let now = Moment { wall: Timestamp::from_seconds(1_782_907_200), elapsed: Duration::from_secs(1_000) };
        let last = controller.tick(now);
        Self { controller, now, last }
    }

    /// Everything was heard of once.
    fn heard_of() -> Self {
        let mut home = Self::new();
        home.reads("grid.power", 500.0).reads("battery.power", 0.0).reads("battery.soc", 0.5);
        home.reads("ev.power", 0.0).reads("ev.connected", 1.0);
        home
    }

    fn reads(&mut self, series: &str, value: f64) -> &mut Self {
        let series = format!("home.{series}").parse().unwrap();
        assert!(self.controller.read(&series, Sample { time: self.now.wall, value }, self.now));
        self
    }

    fn wish(&mut self, asset: &str, power_w: f64) -> &mut Self {
        let (actor, target) = (Name::new("app").unwrap(), Target::Asset(Name::new(asset).unwrap()));
        let wish = Proposal::power(actor, target, power_w, Priority::new(50).unwrap(), "the sun shines");
        self.controller.propose(wish.valid_for(Span::from_seconds(86_400)), self.now).unwrap();
        self
    }

    /// A second later: what is ordered of an asset.
    fn tick(&mut self) -> &mut Self {
        self.now = self.now.after(Span::from_seconds(1));
        self.reads("grid.power", 500.0).reads("battery.soc", 0.5).reads("ev.connected", 1.0);
        self.last = self.controller.tick(self.now);
        self
    }

    fn ordered(&self, channel: &str) -> Option<&Order> {
        let mut orders = self.last.orders.iter();
        orders.find(|order| format!("{}.{}", order.target.device.device, order.target.channel) == channel)
    }

    fn value(&self, channel: &str) -> Option<f64> {
        self.ordered(channel).map(|order| order.value)
    }

    /// The order to a channel ends so.
    fn answer(&mut self, channel: &str, state: &CommandState) -> &mut Self {
        let number = self.ordered(channel).unwrap_or_else(|| panic!("{channel} was ordered something")).number;
        self.controller.answered(number, state, self.now);
        self
    }

    fn done(&mut self, channel: &str) -> &mut Self {
        let read_back = self.value(channel);
        self.answer(channel, &CommandState::Done { read_back })
    }

    /// After how many seconds of silence a channel is ordered something again.
    fn seconds_until(&mut self, channel: &str) -> u32 {
        (1..=200).find(|_| self.tick().ordered(channel).is_some()).expect("it is ordered something again")
    }

    fn faults(&self) -> Vec<Fault> {
        let own = |fault: &&Fault| matches!(fault, Fault::OrderFailed(_) | Fault::NotFollowing(_));
        self.last.faults.iter().filter(own).copied().collect()
    }
}

const BATTERY: usize = 1;
const LIMIT: &str = "battery.power_limit";

#[test]
fn nothing_is_ordered_of_what_was_never_heard_of() {
    let mut home = Home::new();
    assert_eq!(home.last.orders, []);
    home.wish("battery", 2_000.0).reads("battery.power", 0.0).tick();
    assert!(home.ordered(LIMIT).is_some());
}

#[test]
fn an_order_is_a_lease_that_is_renewed_after_a_third_of_it() {
    let mut home = Home::heard_of();
    home.wish("battery", 2_000.0).tick();
    let order = home.ordered(LIMIT).unwrap().clone();
    assert_eq!((order.value, order.fallback, order.lease), (2_000.0, 0.0, Span::from_seconds(60)));
    assert!(!order.safety);
    assert_eq!(home.done(LIMIT).seconds_until(LIMIT), 20);
    assert_eq!(home.value(LIMIT), Some(2_000.0));
}

#[test]
fn a_fall_is_ordered_at_once_and_a_rise_beyond_the_resolution() {
    let mut home = Home::heard_of();
    home.wish("battery", 2_000.0).tick().done(LIMIT);
    assert_eq!(home.wish("battery", 2_008.0).tick().value(LIMIT), None);
    assert_eq!(home.wish("battery", 1_999.0).tick().value(LIMIT), Some(1_999.0));
    assert_eq!(home.wish("battery", 2_010.0).tick().value(LIMIT), Some(2_010.0));
    assert_eq!(home.wish("battery", -3.0 * 2_000.0 / 6.0).tick().value(LIMIT), Some(-1_000.0));
}

#[test]
fn what_is_refused_is_ordered_again_later_and_later_until_the_asset_does_not_follow() {
    let mut home = Home::heard_of();
    let refused = CommandState::Refused { code: "range".into(), reason: "too much".into() };
    home.wish("battery", 2_000.0).tick().answer(LIMIT, &refused);
    assert_eq!(home.seconds_until(LIMIT), 1);
    assert_eq!(home.faults(), [Fault::OrderFailed(BATTERY)]);
    let mut waits = Vec::new();
    for _ in 0..8 {
        home.answer(LIMIT, &refused).reads("battery.power", 0.0);
        waits.push(home.seconds_until(LIMIT));
    }
    assert_eq!(waits, [2, 4, 8, 16, 32, 60, 60, 60]);
    let both = home.faults();
    assert!(both.contains(&Fault::OrderFailed(BATTERY)) && both.contains(&Fault::NotFollowing(BATTERY)), "{both:?}");
    let status = home.controller.order_status(BATTERY).unwrap();
    assert_eq!((status.failures, status.confirmed), (9, false));
    assert_eq!(status.fault.unwrap(), "it refused 2000: range, too much");
    home.done(LIMIT).tick();
    assert_eq!(home.faults(), []);
}

#[test]
fn what_reads_back_as_something_else_was_not_done() {
    let mut home = Home::heard_of();
    home.wish("battery", 2_000.0).tick().answer(LIMIT, &CommandState::Done { read_back: Some(1_500.0) });
    assert_eq!(home.seconds_until(LIMIT), 1);
    let fault = home.controller.order_status(BATTERY).unwrap().fault.unwrap();
    assert_eq!(fault, "it reads back 1500 instead of 2000");
    home.answer(LIMIT, &CommandState::Done { read_back: Some(2_004.0) });
    assert_eq!(home.controller.order_status(BATTERY).unwrap().fault, None);
}

#[test]
fn what_is_unknown_is_not_repeated_before_the_asset_was_read_or_its_lease_has_run_out() {
    let mut home = Home::heard_of();
    home.wish("battery", 2_000.0).tick().answer(LIMIT, &CommandState::UNKNOWN);
    assert_eq!(home.seconds_until(LIMIT), 60);
    // It was read since and does not do it: it did not take the order.
    home.answer(LIMIT, &CommandState::UNKNOWN).tick().reads("battery.power", 0.0);
    assert_eq!(home.seconds_until(LIMIT), 1);
    // It does it: the lease is renewed as ever.
    home.answer(LIMIT, &CommandState::UNKNOWN).tick().reads("battery.power", 2_030.0);
    assert_eq!(home.seconds_until(LIMIT), 19);
    // Another value is no repetition.
    home.answer(LIMIT, &CommandState::UNKNOWN).wish("battery", 500.0).tick();
    assert_eq!(home.value(LIMIT), Some(500.0));
}

#[test]
fn what_becomes_of_an_order_that_another_stands_for_is_left() {
    let mut home = Home::heard_of();
    home.wish("battery", 2_000.0).tick();
    let old = home.ordered(LIMIT).unwrap().number;
    home.wish("battery", 500.0).tick().done(LIMIT);
    home.controller.answered(old, &CommandState::Expired, home.now);
    assert!(home.controller.order_status(BATTERY).unwrap().confirmed);
}

#[test]
fn phases_are_switched_without_current() {
    let mut home = Home::heard_of();
    // Nobody knows how many are in use: none before it is said and confirmed.
    home.wish("ev", 11_040.0).tick();
    assert_eq!((home.value("ev.current"), home.value("ev.phases")), (Some(0.0), None));
    home.done("ev.current").tick().reads("ev.power", 0.0).tick();
    assert_eq!((home.value("ev.current"), home.value("ev.phases")), (None, Some(3.0)));
    let order = home.ordered("ev.phases").unwrap();
    assert_eq!(order.fallback, 3.0, "a lease that ends switches nothing");
    home.tick();
    assert_eq!((home.value("ev.current"), home.value("ev.phases")), (None, None));
    let (number, now) = (home.controller.tick(home.now).orders.len(), home.now);
    assert_eq!(number, 0, "nothing is due at {now:?}");
}

#[test]
fn power_flows_once_the_phases_are_confirmed_and_pauses_while_they_change() {
    let mut home = Home::heard_of();
    home.wish("ev", 11_040.0).tick().done("ev.current").tick().reads("ev.power", 0.0).tick().done("ev.phases").tick();
    assert_eq!(home.value("ev.current"), Some(16.0));
    home.done("ev.current").reads("ev.power", 11_040.0).wish("ev", 2_300.0);
    let mut told = Vec::new();
    for _ in 0..90 {
        home.tick();
        for channel in ["ev.current", "ev.phases"] {
            if let Some(value) = home.value(channel) {
                home.done(channel);
                told.push((channel, value));
            }
        }
        let last = told.last().copied();
        if last.is_some_and(|(channel, value)| channel == "ev.current" && value == 0.0) {
            home.reads("ev.power", 0.0);
        }
    }
    told.dedup();
    let one = told.iter().position(|told| *told == ("ev.phases", 1.0)).expect("one phase is enough");
    assert_eq!(told[one - 1], ("ev.current", 0.0), "{told:?}");
    assert!(told[one + 1..].contains(&("ev.current", 10.0)), "{told:?}");
}

#[test]
fn why_is_told_in_a_sentence_and_limits_by_their_actors() {
    let mut home = Home::heard_of();
    home.wish("battery", 5_000.0);
    let (actor, target) = (Name::new("dso").unwrap(), Target::Asset(Name::new("battery").unwrap()));
    let dimmed = Proposal::bounds(actor, target, None, Some(2_000.0), Priority::new(90).unwrap(), "dimmed");
    home.controller.propose(dimmed, home.now).unwrap();
    home.tick();
    let told = home.controller.explain("battery", home.now).unwrap();
    assert_eq!(told, "battery charges with 2 kW because app wished 5 kW (the sun shines), limited to 2 kW by dso");
    let told = home.controller.explain("ev", home.now).unwrap();
    assert_eq!(told, "ev does not charge because nobody wishes otherwise");
    assert!(home.controller.explain("grid", home.now).unwrap_err().message().contains("no setpoint"));
    assert!(home.controller.explain("car", home.now).unwrap_err().message().contains("unknown"));

    let standing = home.controller.proposals(home.now);
    let outcomes: Vec<_> = standing.iter().map(|standing| standing.outcome.clone().unwrap()).collect();
    assert_eq!(outcomes, [Outcome::Granted, Outcome::Limited { by: "dso".into(), to_w: 2_000.0 }]);
    let json = serde_json::to_string(&standing).unwrap();
    assert_eq!(serde_json::from_str::<Vec<crate::control::StandingProposal>>(&json).unwrap(), standing);
}

#[test]
fn refusals_are_told_once_and_counted_when_there_are_too_many() {
    let mut home = Home::heard_of();
    let (actor, target) = (Name::new("app").unwrap(), Target::Asset(Name::new("battery").unwrap()));
    let wrong = Proposal::power(actor, target, f64::NAN, Priority::new(50).unwrap(), "a mistake");
    for _ in 0..100 {
        home.controller.propose(wrong.clone(), home.now).unwrap_err();
    }
    home.tick();
    assert_eq!(home.last.outcomes.len(), 64);
    let Outcome::Refused { reason } = &home.last.outcomes[63].outcome else { panic!("{:?}", home.last.outcomes[63]) };
    assert_eq!(reason, "power_w is NaN, expected a finite number of W; 36 more were refused since the last decision");
    assert_eq!(home.controller.refused(), 100);
    assert!(home.tick().last.outcomes.is_empty());
}
