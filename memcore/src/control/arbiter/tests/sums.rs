//! Limits on sums: fuses, phases, what comes from outside.

use super::story::{Story, at_least, battery, charger, exactly, heater, kw, load, pv};

#[test]
fn the_least_urgent_is_cut_first() {
    let mut site = Story::of(vec![load("boiler", kw(5.0)), load("pool", kw(5.0))]);
    site.fuse(&["boiler", "pool"], kw(7.0));
    site.propose("comfort", 60, "boiler", exactly(kw(5.0))).propose("app", 40, "pool", exactly(kw(5.0)));
    site.expect("boiler", kw(5.0)).expect("pool", kw(2.0)).becomes("app", "limited by circuit 0 to 2000");
}

#[test]
fn equals_share_a_fuse_by_what_they_wish() {
    let mut site = Story::of(vec![load("boiler", kw(6.0)), load("pool", kw(6.0))]);
    site.fuse(&["boiler", "pool"], kw(6.0));
    site.propose("a", 50, "boiler", exactly(kw(6.0))).propose("b", 50, "pool", exactly(kw(3.0)));
    site.expect("boiler", kw(4.0)).expect("pool", kw(2.0));
}

#[test]
fn what_one_cannot_take_for_its_own_fuse_goes_to_its_equal() {
    let mut site = Story::of(vec![load("boiler", kw(6.0)), load("pool", kw(6.0))]);
    site.fuse(&["boiler", "pool"], kw(6.0)).fuse(&["boiler"], kw(1.0));
    site.propose("a", 50, "boiler", exactly(kw(6.0))).propose("b", 50, "pool", exactly(kw(6.0)));
    site.expect("boiler", kw(1.0)).expect("pool", kw(5.0)).becomes("a", "limited by circuit 1 to 1000");
}

#[test]
fn what_a_battery_gives_fills_a_charger_in_the_same_decision() {
    let mut site = Story::of(vec![charger("ev", kw(11.0)), battery("battery", kw(5.0))]);
    site.fuse(&["ev", "battery"], kw(10.0)).propose("owner", 80, "ev", exactly(kw(11.0))).expect("ev", kw(10.0));
    site.propose("self", 40, "battery", exactly(kw(-3.0))).expect("ev", kw(11.0)).expect("battery", kw(-3.0));
    site.becomes("owner", "granted");
}

#[test]
fn three_chargers_on_a_fuse_of_32_amperes() {
    let mut site = Story::of(vec![charger("a", kw(7.4)), charger("b", kw(7.4)), charger("c", kw(7.4))]);
    site.fuse(&["a", "b", "c"], 32.0 * 230.0);
    for car in ["a", "b", "c"] {
        site.propose(car, 50, car, exactly(kw(7.4)));
    }
    let even = 32.0 * 230.0 / 3.0;
    site.expect("a", even).expect("b", even).expect("c", even);
    // With 16 A only two can run. Who runs keeps running, whoever asked first.
    site.fuse(&["a", "b", "c"], 16.0 * 230.0).expect("a", 1_840.0).expect("b", 1_840.0).expect("c", 0.0);
    site.becomes("c", "overridden by circuit 1");
    site.runs("b", 1_840.0).runs("c", 1_840.0).expect("a", 0.0).expect("b", 1_840.0).expect("c", 1_840.0);
    // With 5 A none can.
    site.fuse(&["a", "b", "c"], 5.0 * 230.0).expect("a", 0.0).expect("b", 0.0).expect("c", 0.0);
}

#[test]
fn a_phase_alone_may_be_short() {
    let mut site = Story::of(vec![load("one", kw(3.0)), load("three", kw(9.0))]);
    let phase = 16.0 * 230.0;
    site.limit(&[("one", 1.0), ("three", 1.0 / 3.0)], f64::NEG_INFINITY, phase);
    site.limit(&[("three", 1.0 / 3.0)], f64::NEG_INFINITY, phase);
    site.propose("a", 60, "one", exactly(kw(3.0))).propose("b", 40, "three", exactly(kw(9.0)));
    site.expect("one", kw(3.0)).expect("three", 3.0 * (phase - kw(3.0))).becomes("b", "limited by circuit 0 to 2040");
}

#[test]
fn production_is_curtailed_where_export_is_limited_and_consumption_makes_room() {
    let mut site = Story::of(vec![pv("pv", kw(8.0)), load("boiler", kw(3.0))]);
    site.limit(&[("pv", 1.0), ("boiler", 1.0)], kw(-5.0), kw(20.0)).expect("pv", kw(-5.0));
    site.propose("surplus", 30, "boiler", exactly(kw(2.0))).expect("pv", kw(-7.0)).expect("boiler", kw(2.0));
}

#[test]
fn an_overload_that_is_not_controlled_is_relieved_by_a_battery() {
    let mut site = Story::of(vec![battery("battery", kw(5.0)), load("boiler", kw(3.0))]);
    // What is not controlled is 1.2 kW above the limit.
    site.fuse(&["battery", "boiler"], kw(-1.2));
    site.propose("app", 90, "battery", exactly(kw(2.0))).propose("comfort", 50, "boiler", exactly(kw(3.0)));
    site.expect("battery", kw(-1.2)).expect("boiler", 0.0).becomes("app", "overridden by circuit 0");
    site.allow("battery", kw(-0.5), kw(5.0), crate::control::Cause::SocLow).expect("battery", kw(-0.5));
}

#[test]
fn bounds_that_are_urgent_are_served_before_wishes_that_are_less_so() {
    let mut site = Story::of(vec![load("boiler", kw(5.0)), load("pool", kw(5.0))]);
    site.fuse(&["boiler", "pool"], kw(3.0));
    site.propose("frost", 80, "boiler", at_least(kw(2.0))).propose("app", 50, "pool", exactly(kw(5.0)));
    site.propose("comfort", 40, "boiler", exactly(kw(4.0)));
    site.expect("boiler", kw(2.0)).expect("pool", kw(1.0));
    site.becomes("frost", "granted").becomes("comfort", "limited by circuit 0 to 2000");
}

#[test]
fn a_step_that_does_not_fit_leaves_its_room_to_others() {
    let mut site = Story::of(vec![heater("heater"), load("pool", kw(5.0))]);
    site.fuse(&["heater", "pool"], kw(3.5));
    site.propose("comfort", 60, "heater", exactly(kw(4.0))).propose("app", 40, "pool", exactly(kw(5.0)));
    site.expect("heater", kw(2.0)).expect("pool", kw(1.5)).becomes("app", "limited by circuit 0 to 1500");
}
