//! Wishes for several assets together.

use super::story::{Story, at_least, at_most, battery, charger, exactly, kw, load, preferably, storage};
use crate::control::ShareBy;

fn batteries(share_by: ShareBy) -> Story {
    let mut house = battery("house", kw(5.0));
    house.storage = Some(storage(0.9));
    let mut barn = battery("barn", kw(10.0));
    barn.storage = Some(storage(0.96));
    Story::with_groups(vec![house, barn], &[("stores", &["house", "barn"], share_by)])
}

#[test]
fn by_headroom_each_takes_what_it_can_in_proportion() {
    let mut site = batteries(ShareBy::Headroom);
    site.propose("planner", 50, "stores", exactly(kw(6.0))).expect("house", kw(2.0)).expect("barn", kw(4.0));
    site.becomes("planner", "granted");
    site.propose("planner", 50, "stores", exactly(kw(-15.0))).expect("house", kw(-5.0)).expect("barn", kw(-10.0));
}

#[test]
fn by_efficiency_the_best_comes_first() {
    let mut site = batteries(ShareBy::Efficiency);
    site.propose("planner", 50, "stores", exactly(kw(6.0))).expect("house", 0.0).expect("barn", kw(6.0));
    site.propose("planner", 50, "stores", exactly(kw(-12.0))).expect("house", kw(-2.0)).expect("barn", kw(-10.0));
}

#[test]
fn by_state_of_charge_the_fuller_gives_more_and_takes_less() {
    let mut site = batteries(ShareBy::Soc);
    site.soc("house", 0.8).soc("barn", 0.2);
    site.propose("planner", 50, "stores", exactly(kw(5.0))).expect("house", kw(1.0)).expect("barn", kw(4.0));
    site.propose("planner", 50, "stores", exactly(kw(-5.0))).expect("house", kw(-4.0)).expect("barn", kw(-1.0));
}

#[test]
fn in_order_one_after_the_other() {
    let mut site = batteries(ShareBy::Order);
    site.propose("planner", 50, "stores", exactly(kw(7.0))).expect("house", kw(5.0)).expect("barn", kw(2.0));
}

#[test]
fn a_role_is_a_group_that_shares_by_headroom() {
    let mut site = batteries(ShareBy::Order);
    site.propose("planner", 50, "batteries", exactly(kw(-3.0))).expect("house", kw(-1.0)).expect("barn", kw(-2.0));
}

#[test]
fn what_a_member_cannot_take_returns_to_the_others() {
    let mut site = batteries(ShareBy::Headroom);
    site.propose("planner", 50, "stores", exactly(kw(9.0))).fuse(&["barn"], kw(5.0));
    site.expect("barn", kw(5.0)).expect("house", kw(4.0)).becomes("planner", "granted");
    site.propose("planner", 50, "stores", exactly(kw(12.0))).expect("barn", kw(5.0)).expect("house", kw(5.0));
    site.becomes("planner", "limited by circuit 0 to 10000");
}

#[test]
fn a_member_that_is_wished_for_more_urgently_keeps_that_and_the_others_make_up_for_it() {
    let mut site = batteries(ShareBy::Headroom);
    site.propose("owner", 80, "house", exactly(kw(-1.0))).propose("planner", 50, "stores", exactly(kw(6.0)));
    site.expect("house", kw(-1.0)).expect("barn", kw(7.0)).becomes("planner", "granted").becomes("owner", "granted");
}

#[test]
fn less_urgent_wishes_move_members_only_as_far_as_the_sum_holds() {
    let mut site = batteries(ShareBy::Headroom);
    site.propose("planner", 70, "stores", exactly(kw(6.0))).propose("app", 50, "house", exactly(kw(-1.0)));
    site.expect("house", kw(-1.0)).expect("barn", kw(7.0)).becomes("planner", "granted").becomes("app", "granted");
    site.propose("app", 50, "house", exactly(kw(-5.0))).expect("house", kw(-4.0)).expect("barn", kw(10.0));
    site.becomes("planner", "granted").becomes("app", "limited by planner to -4000");
}

#[test]
fn bounds_of_a_group_limit_the_sum_of_all_lower_wishes() {
    let mut site = Story::of(vec![charger("left", kw(11.0)), charger("right", kw(11.0))]);
    site.propose("dso", 90, "chargers", at_most(kw(8.0)));
    site.propose("a", 50, "left", exactly(kw(6.0))).propose("b", 50, "right", exactly(kw(6.0)));
    site.expect("left", kw(6.0)).expect("right", kw(2.0)).becomes("b", "limited by dso to 2000").becomes("dso", "granted");
    site.propose("b", 60, "right", exactly(kw(7.0))).expect("right", kw(7.0)).expect("left", 0.0);
    site.becomes("a", "overridden by Steps");
}

#[test]
fn a_group_that_is_asked_for_at_least_something_shares_that() {
    let mut site = batteries(ShareBy::Headroom);
    site.propose("dump", 90, "stores", at_least(kw(3.0))).expect("house", kw(1.0)).expect("barn", kw(2.0));
    site.propose("app", 50, "house", exactly(kw(2.5))).expect("house", kw(2.5)).expect("barn", kw(0.5));
    site.becomes("dump", "granted").becomes("app", "granted");
}

#[test]
fn a_preferred_sum_gives_way_inside_its_bounds() {
    let mut site = batteries(ShareBy::Headroom);
    site.propose("planner", 70, "stores", preferably(kw(6.0), kw(3.0), kw(9.0))).expect("barn", kw(4.0));
    site.propose("app", 50, "barn", exactly(kw(-2.0))).expect("barn", kw(-2.0)).expect("house", kw(5.0));
    site.becomes("app", "granted").becomes("planner", "limited by app to 3000");
}

#[test]
fn chargers_are_not_started_below_their_least_power() {
    let cars = vec![charger("a", kw(11.0)), charger("b", kw(11.0)), charger("c", kw(11.0))];
    let mut site = Story::with_groups(cars, &[("cars", &["a", "b", "c"], ShareBy::Headroom)]);
    site.propose("surplus", 50, "cars", exactly(kw(3.0)));
    site.expect("a", kw(1.5)).expect("b", kw(1.5)).expect("c", 0.0).becomes("surplus", "granted");
    site.runs("c", kw(3.0)).expect("c", kw(1.5)).expect("a", kw(1.5)).expect("b", 0.0);
    site.propose("surplus", 50, "cars", exactly(kw(2.0))).expect("c", kw(2.0)).expect("a", 0.0).expect("b", 0.0);
    site.propose("surplus", 50, "cars", exactly(kw(1.0))).expect("a", 0.0).expect("b", 0.0).expect("c", 0.0);
    site.propose("surplus", 50, "cars", exactly(kw(30.0))).expect("a", kw(10.0)).expect("b", kw(10.0));
}

#[test]
fn what_a_stepped_member_leaves_goes_to_the_others() {
    let heater = super::story::heater("heater");
    let assets = vec![heater, load("boiler", kw(4.0))];
    let mut site = Story::with_groups(assets, &[("heat", &["heater", "boiler"], ShareBy::Headroom)]);
    site.propose("surplus", 50, "heat", exactly(kw(5.0)));
    site.expect("heater", kw(2.0)).expect("boiler", kw(3.0)).becomes("surplus", "granted");
}
