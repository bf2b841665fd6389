//! Wishes for the same asset (C2, C3, C4, C8).

use super::story::{Story, at_least, at_most, battery, charger, exactly, kw, load, preferably, pv};
use crate::control::Cause;
use crate::model::Span;

fn home() -> Story {
    Story::of(vec![battery("battery", kw(5.0)), charger("ev", kw(11.0)), pv("pv", kw(8.0))])
}

#[test]
fn without_wishes_everything_does_what_is_declared_as_safe() {
    home().expect("battery", 0.0).expect("ev", 0.0).expect("pv", kw(-8.0));
}

#[test]
fn the_more_urgent_of_two_apps_wins_and_the_other_is_told_by_whom() {
    let mut site = home();
    site.propose("comfort", 40, "ev", exactly(kw(11.0))).propose("planner", 60, "ev", exactly(kw(4.0)));
    site.expect("ev", kw(4.0)).becomes("planner", "granted").becomes("comfort", "overridden by planner");
}

#[test]
fn among_equals_the_one_that_stands_longer_comes_first_and_renewing_does_not_change_that() {
    let mut site = home();
    site.propose("first", 50, "ev", exactly(kw(4.0))).propose("second", 50, "ev", exactly(kw(6.0))).expect("ev", kw(4.0));
    site.propose("first", 50, "ev", exactly(kw(5.0))).expect("ev", kw(5.0)).becomes("second", "overridden by first");
}

#[test]
fn bounds_of_a_higher_wish_leave_freedom_inside_them() {
    let mut site = home();
    site.propose("dso", 90, "ev", at_most(kw(4.2))).propose("app", 50, "ev", exactly(kw(11.0)));
    site.expect("ev", kw(4.2)).becomes("dso", "granted").becomes("app", "limited by dso to 4200");
    site.propose("app", 50, "ev", exactly(kw(3.0))).expect("ev", kw(3.0)).becomes("app", "granted");
}

#[test]
fn a_preferred_power_is_moved_inside_its_bounds_only() {
    let mut site = home();
    site.propose("planner", 70, "battery", preferably(kw(2.0), kw(1.0), kw(3.0))).expect("battery", kw(2.0));
    site.propose("peak", 50, "battery", exactly(kw(-4.0))).expect("battery", kw(1.0));
    site.becomes("peak", "overridden by planner").becomes("planner", "limited by peak to 1000");
    site.propose("peak", 50, "battery", exactly(kw(2.5))).expect("battery", kw(2.5));
    site.becomes("peak", "granted").becomes("planner", "limited by peak to 2500");
}

#[test]
fn lower_bounds_nest_inside_higher_ones() {
    let mut site = home();
    site.propose("reserve", 80, "battery", preferably(0.0, kw(-2.0), kw(2.0)));
    site.propose("wear", 60, "battery", at_most(kw(1.0))).propose("planner", 40, "battery", exactly(kw(5.0)));
    site.expect("battery", kw(1.0)).becomes("planner", "limited by wear to 1000").becomes("wear", "granted");
    site.propose("wear", 60, "battery", at_least(kw(3.0))).expect("battery", kw(2.0));
    site.becomes("wear", "limited by reserve to 2000");
}

#[test]
fn bounds_alone_move_the_default_no_further_than_they_must() {
    let mut site = home();
    site.propose("app", 50, "ev", at_least(kw(2.0))).expect("ev", kw(2.0)).becomes("app", "granted");
    site.propose("curtail", 50, "pv", at_least(kw(-3.0))).expect("pv", kw(-3.0)).becomes("curtail", "granted");
}

#[test]
fn safety_comes_before_any_wish() {
    let mut site = home();
    site.allow("battery", kw(-5.0), 0.0, Cause::SocHigh).propose("app", 100, "battery", exactly(kw(5.0)));
    site.expect("battery", 0.0).becomes("app", "overridden by SocHigh");
    site.propose("app", 100, "battery", exactly(kw(-5.0))).expect("battery", kw(-5.0)).becomes("app", "granted");
}

#[test]
fn bounds_of_safety_that_contradict_each_other_end_nearer_to_nothing() {
    let mut site = home();
    site.allow("ev", kw(6.0), kw(2.0), Cause::Ramp).propose("app", 50, "ev", exactly(kw(11.0))).expect("ev", kw(2.0));
    site.allow("battery", kw(1.0), kw(-1.0), Cause::Ramp).expect("battery", 0.0);
}

#[test]
fn a_wish_that_is_not_renewed_ends_in_the_default_and_not_in_the_last_value() {
    let mut site = home();
    site.propose("app", 50, "ev", exactly(kw(11.0))).after(Span::from_seconds(59)).expect("ev", kw(11.0));
    site.after(Span::from_seconds(1)).expect("ev", 0.0);
}

#[test]
fn what_is_taken_back_stands_no_longer() {
    let mut site = home();
    site.propose("app", 50, "ev", exactly(kw(11.0))).propose("app", 50, "battery", exactly(kw(1.0)));
    let (actor, ev) = (super::story::name("app"), site.target("ev"));
    assert!(site.book.withdraw(&actor, &ev));
    assert!(!site.book.withdraw(&actor, &ev));
    site.expect("ev", 0.0).expect("battery", kw(1.0));
    assert_eq!(site.book.withdraw_all(&actor), 1);
    site.expect("battery", 0.0);
}

#[test]
fn a_wish_within_a_millionth_is_granted() {
    let mut site = Story::of(vec![load("boiler", kw(3.0))]);
    site.fuse(&["boiler"], 2_999.999_9).propose("app", 50, "boiler", exactly(kw(3.0))).becomes("app", "granted");
    site.fuse(&["boiler"], 2_999.0).becomes("app", "limited by circuit 1 to 2999");
}
