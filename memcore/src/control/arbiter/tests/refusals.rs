//! What is refused, by name, and without an effect (C9).

use super::story::{Story, at_least, at_most, battery, charger, exactly, kw, load, name, preferably, pv};
use crate::control::{Asset, Priority, Proposal, Role, Target};
use crate::model::Span;

fn home() -> Story {
    let meter = Asset::new(name("meter"), Role::GridMeter);
    Story::of(vec![meter, battery("battery", kw(5.0)), charger("ev", kw(11.0)), pv("pv", kw(8.0))])
}

#[test]
fn what_is_no_number_has_the_wrong_sign_or_the_wrong_unit() {
    let mut site = home();
    site.refuse("app", "ev", exactly(f64::NAN), "power_w is NaN, expected a finite number of W");
    site.refuse("app", "ev", at_most(f64::INFINITY), "high_w is inf, expected a finite number of W");
    site.refuse("app", "pv", exactly(3_000.0), "power_w is 3000, expected -8000..0 W: power flows out of pv");
    site.refuse("app", "pv", at_most(3_000.0), "high_w is 3000, expected -8000..0 W: power flows out of pv");
    site.refuse("app", "ev", exactly(-3_000.0), "power_w is -3000, expected 0 or 1380..11000 W: power flows into ev");
    site.refuse("app", "ev", exactly(11.0), "power_w is 11, expected 0 or 1380..11000 W; 11 kW would be 11000");
    site.refuse("app", "ev", at_most(4.2), "high_w is 4.2, expected 0 or 1380..11000 W; 4.2 kW would be 4200");
    site.refuse("app", "battery", exactly(-5.0), "power_w is -5, expected -5000..5000 W; -5 kW would be -5000");
    site.expect("ev", 0.0).expect("pv", kw(-8.0)).expect("battery", 0.0);
}

#[test]
fn what_is_a_little_too_much_is_limited_and_what_is_far_too_much_refused() {
    let mut site = home();
    site.propose("app", 50, "battery", exactly(kw(6.0))).expect("battery", kw(5.0));
    site.becomes("app", "limited by Capability to 5000");
    site.refuse("app", "battery", exactly(kw(30.0)), "power_w is 30000, expected -5000..5000 W");
    site.refuse("app", "ev", at_least(kw(50.0)), "low_w is 50000, expected 0 or 1380..11000 W");
    // A bound that does not bind is no restriction.
    site.propose("fuse", 60, "ev", at_most(kw(50.0))).becomes("fuse", "granted");
    // A small wish is not a unit: who follows a surplus comes through zero.
    site.propose("app", 50, "battery", exactly(40.0)).expect("battery", 40.0);
}

#[test]
fn contradictions_and_unknown_targets() {
    let mut site = home();
    site.refuse("app", "ev", preferably(kw(3.0), kw(5.0), kw(2.0)), "low_w is 5000, expected at most high_w 2000");
    let outside = "power_w is 6000, expected 2000 to 5000 as low_w and high_w say";
    site.refuse("app", "ev", preferably(kw(6.0), kw(2.0), kw(5.0)), outside);
    let nothing = preferably(0.0, 0.0, 0.0);
    let empty = Proposal { power_w: None, low_w: None, high_w: None, ..site.proposal("app", 50, "ev", nothing) };
    let message = site.take(empty).unwrap_err();
    assert_eq!(message.message(), "proposal has neither power_w nor low_w nor high_w, expected one of them");
    for (target, expected) in [
        (Target::Asset(name("batery")), "asset is batery, expected one of battery, ev, pv"),
        (Target::Group(name("cars")), "group is cars, expected one of none, the site has no groups"),
        (Target::Asset(name("meter")), "target is meter, which has no setpoint, expected one of battery, ev, pv"),
        (
            Target::Role(Role::Genset),
            "target is all of role Genset, which has no setpoint, expected one of battery, ev, pv",
        ),
    ] {
        let refused = site.take(Proposal { target, ..site.proposal("app", 50, "ev", nothing) }).unwrap_err();
        assert_eq!(refused.message(), expected);
    }
    assert_eq!(Priority::new(0).unwrap_err().message(), "priority is 0, expected 1 to 100");
    assert_eq!(Priority::new(101).unwrap_err().message(), "priority is 101, expected 1 to 100");
}

#[test]
fn a_wish_says_why_and_for_how_long() {
    let mut site = home();
    let good = site.proposal("app", 50, "ev", exactly(kw(4.0)));
    let because = |reason: &str| Proposal { reason: reason.to_owned(), ..good.clone() };
    for (proposal, expected) in [
        (because("  "), "reason is empty, expected why, for people".to_owned()),
        (because(&"x".repeat(201)), "reason has 201 bytes, expected at most 200".to_owned()),
        (because("a\u{1b}[2J"), "reason is \"a\\u{1b}[2J\", expected no control characters".to_owned()),
        (good.clone().valid_for(Span::default()), "valid_for is 0s, expected more than zero and at most 1d".to_owned()),
        (
            good.clone().valid_for(Span::from_seconds(86_401)),
            "valid_for is 86401s, expected more than zero and at most 1d".to_owned(),
        ),
    ] {
        assert_eq!(site.take(proposal).unwrap_err().message(), expected);
    }
}

#[test]
fn what_is_refused_leaves_standing_what_stood() {
    let mut site = home();
    site.propose("app", 50, "ev", exactly(kw(4.0)));
    site.refuse("app", "ev", exactly(4.0), "power_w is 4, expected 0 or 1380..11000 W; 4 kW would be 4000");
    site.expect("ev", kw(4.0)).becomes("app", "granted");
}

#[test]
fn a_storm_of_proposals_is_refused_and_hurts_nobody_else() {
    let mut site = home();
    site.propose("owner", 60, "battery", exactly(kw(1.0)));
    let storm: Vec<_> = (0..10_000).map(|i| site.proposal("storm", 50, "ev", exactly(2_000.0 + f64::from(i)))).collect();
    let refused: Vec<_> = storm.into_iter().filter_map(|proposal| site.take(proposal).err()).collect();
    assert_eq!(refused.len(), 9_800);
    assert_eq!(refused[0].message(), "storm proposes too often, expected at most 100 a second");
    site.propose("owner", 60, "battery", exactly(kw(2.0))).expect("battery", kw(2.0)).expect("ev", 2_199.0);
    site.after(Span::from_seconds(1)).propose("storm", 50, "ev", exactly(kw(3.0))).expect("ev", kw(3.0));
}

#[test]
fn one_actor_does_not_fill_the_book() {
    let names: Vec<String> = (0..70).map(|i| format!("load{i}")).collect();
    let mut site = Story::of(names.iter().map(|called| load(called, kw(3.0))).collect());
    for called in &names[..64] {
        site.propose("app", 50, called, exactly(kw(1.0)));
    }
    site.refuse("app", "load64", exactly(kw(1.0)), "64 proposals of app stand, no more of it are taken");
    site.propose("owner", 50, "load64", exactly(kw(2.0))).expect("load64", kw(2.0)).expect("load0", kw(1.0));
}

#[test]
fn invented_actors_do_not_grow_without_bound() {
    let mut site = home();
    for i in 0..128 {
        site.propose(&format!("app{i}"), 50, "ev", at_most(kw(11.0)));
    }
    let refused = site.take(site.proposal("one-more", 50, "ev", at_most(kw(11.0)))).unwrap_err();
    assert_eq!(refused.message(), "128 actors propose at a time, one-more would be one more");
    site.after(Span::from_seconds(2)).propose("one-more", 50, "ev", at_most(kw(11.0)));
}
