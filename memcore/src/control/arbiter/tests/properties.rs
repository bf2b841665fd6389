//! What holds for any wishes and any limits.

use proptest::prelude::*;

use super::story::{Story, at_least, at_most, battery, charger, exactly, heater, load, preferably, pv};
use crate::control::ShareBy;
use crate::control::arbiter::{Book, Verdict, close};

const ASSETS: [&str; 8] = ["battery", "second", "ev", "van", "boiler", "pool", "heater", "pv"];
const TARGETS: [&str; 12] =
    ["battery", "second", "ev", "van", "boiler", "pool", "heater", "pv", "stores", "cars", "heat", "batteries"];

fn site() -> Story {
    let assets = vec![
        battery("battery", 5_000.0),
        battery("second", 3_000.0),
        charger("ev", 11_000.0),
        charger("van", 22_000.0),
        load("boiler", 3_000.0),
        load("pool", 2_000.0),
        heater("heater"),
        pv("pv", 8_000.0),
    ];
    let groups: [(&str, &[&str], ShareBy); 3] = [
        ("stores", &["battery", "second"], ShareBy::Soc),
        ("cars", &["ev", "van"], ShareBy::Headroom),
        ("heat", &["boiler", "heater", "pool"], ShareBy::Efficiency),
    ];
    Story::with_groups(assets, &groups)
}

/// Someone's wish: for whom, how urgent, of which form, and how much of what is possible.
type Wished = (usize, u8, u8, f64, f64);
/// A limit: of whom, with which weights, and where.
type Limit = (u8, f64, f64);

fn wished() -> impl Strategy<Value = Wished> {
    (0..TARGETS.len(), 1..=5_u8, 0..4_u8, 0.0..1.0, 0.0..1.0)
}

fn limit() -> impl Strategy<Value = Limit> {
    (1..=u8::MAX, 0.0..12_000.0, 0.0..12_000.0)
}

fn tell(site: &mut Story, i: usize, wish: Wished) {
    let (target, priority, form, a, b) = wish;
    let target = TARGETS[target];
    let (low, high) = match target {
        "battery" => (-5_000.0, 5_000.0),
        "second" => (-3_000.0, 3_000.0),
        "stores" | "batteries" => (-8_000.0, 8_000.0),
        "pv" => (-8_000.0, 0.0),
        "cars" => (0.0, 33_000.0),
        _ => (0.0, 3_000.0),
    };
    let at = |share: f64| ((low + (high - low) * share) / 100.0_f64).round() * 100.0;
    let (least, most) = (at(a.min(b)), at(a.max(b)));
    let want = match form {
        0 => exactly(at(a)),
        1 => at_most(most),
        2 => at_least(least),
        _ => preferably(least, least, most),
    };
    site.propose(&format!("actor{i}"), priority * 10, target, want);
}

fn limit_by(site: &mut Story, (members, low, high): Limit) {
    let members = ASSETS.iter().enumerate().filter(|(i, _)| members & (1 << i) != 0);
    let members: Vec<_> = members.map(|(i, asset)| (*asset, if i % 3 == 0 { 1.0 / 3.0 } else { 1.0 })).collect();
    site.limit(&members, -low, high);
}

fn kept(site: &Story, powers: &[f64]) {
    for (place, allowed) in site.interlocks.allowed.iter().enumerate() {
        assert!(powers[place] >= allowed.low_w - 1e-6 && powers[place] <= allowed.high_w + 1e-6, "{place}: {powers:?}");
    }
    for sum in &site.interlocks.sums {
        let total: f64 = sum.members.iter().map(|(place, weight)| weight * powers[*place]).sum();
        assert!(total >= sum.low_w - 1e-3 && total <= sum.high_w + 1e-3, "{total} is outside {sum:?}: {powers:?}");
    }
    for charger in ["ev", "van"] {
        let power = powers[site.place(charger)];
        assert!(power == 0.0 || power >= 1_380.0 - 1e-3, "{charger} runs with {power}");
    }
    let heater = powers[site.place("heater")];
    assert!([0.0, 2_000.0, 4_000.0].iter().any(|level| close(*level, heater)), "the heater runs with {heater}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_500) })]

    #[test]
    fn no_limit_is_broken_that_holds_when_nothing_runs(
        wishes in prop::collection::vec(wished(), 0..14),
        limits in prop::collection::vec(limit(), 0..6),
        running in any::<u8>(),
    ) {
        let mut site = site();
        wishes.into_iter().enumerate().for_each(|(i, wish)| tell(&mut site, i, wish));
        limits.into_iter().for_each(|limit| limit_by(&mut site, limit));
        for (i, asset) in ASSETS.iter().enumerate() {
            if running & (1 << i) != 0 {
                site.runs(asset, 1_500.0);
            }
        }
        let powers = site.powers();
        kept(&site, &powers);
        prop_assert_eq!(site.powers(), powers, "the same again");
        prop_assert_eq!(site.verdicts().len(), site.book.standing().len());
    }

    #[test]
    fn what_is_overloaded_without_control_is_relieved_as_far_as_possible(over in 0.0..8_000.0_f64, wishes in prop::collection::vec(wished(), 0..8)) {
        let mut site = site();
        wishes.into_iter().enumerate().for_each(|(i, wish)| tell(&mut site, i, wish));
        let all: Vec<_> = ASSETS[..6].iter().map(|asset| (*asset, 1.0)).collect();
        site.limit(&all, f64::NEG_INFINITY, -over);
        kept(&site, &site.powers());
    }

    #[test]
    fn the_order_of_proposing_matters_only_among_equals(wishes in prop::collection::vec(wished(), 0..8)) {
        let mut site = site();
        let mut wishes: Vec<_> = wishes.into_iter().enumerate().collect();
        // Each with a priority of its own.
        wishes.iter_mut().for_each(|(i, wish)| wish.1 = *i as u8 + 1);
        wishes.iter().for_each(|(i, wish)| tell(&mut site, *i, *wish));
        limit_by(&mut site, (0b0111_1111, 5_000.0, 9_000.0));
        let powers = site.powers();
        site.book = Book::default();
        wishes.iter().rev().for_each(|(i, wish)| tell(&mut site, *i, *wish));
        for (one, other) in powers.iter().zip(site.powers()) {
            prop_assert!(close(*one, other), "{powers:?} {:?}", site.powers());
        }
    }

    #[test]
    fn less_urgent_consumers_never_cost_a_more_urgent_one_anything(
        powers in prop::collection::vec(100.0..3_000.0_f64, 2..=2),
        priorities in prop::collection::vec(1..=3_u8, 2..=2),
        room in 0.0..6_000.0_f64,
        last in 100.0..3_000.0_f64,
    ) {
        let mut site = Story::of(vec![load("a", 3_000.0), load("b", 3_000.0), load("last", 3_000.0)]);
        site.fuse(&["a", "b", "last"], room);
        for (asset, (power, priority)) in ["a", "b"].into_iter().zip(powers.iter().zip(&priorities)) {
            site.propose(asset, priority * 20, asset, exactly(*power));
        }
        let alone = site.powers();
        site.propose("last", 10, "last", exactly(last));
        let together = site.powers();
        for place in 0..2 {
            prop_assert!(together[place] >= alone[place] - 1e-6, "{alone:?} {together:?}");
        }
        let rest = (room - together[0] - together[1]).clamp(0.0, last);
        prop_assert!((together[2] - rest).abs() < 1e-3, "{together:?} of {room}");
    }

    #[test]
    fn wishes_for_one_asset_keep_the_bounds_of_the_more_urgent(forms in prop::collection::vec((0..4_u8, 0.0..1.0, 0.0..1.0), 1..8)) {
        let mut site = site();
        for (i, (form, a, b)) in forms.iter().enumerate() {
            tell(&mut site, i, (0, 9 - i as u8, *form, *a, *b));
        }
        let power = site.powers()[site.place("battery")];
        // The most urgent one always gets its bounds.
        let first = &site.book.standing()[0].proposal;
        let exact = first.power_w.filter(|_| first.low_w.is_none() && first.high_w.is_none());
        let (low, high) = (first.low_w.or(exact).unwrap_or(-5_000.0), first.high_w.or(exact).unwrap_or(5_000.0));
        prop_assert!(power >= low - 1e-6 && power <= high + 1e-6, "{power} is outside {low}..{high}");
        let preferred = matches!(forms[0].0, 3);
        prop_assert!(preferred || site.verdicts()[0].1 == Verdict::Granted);
    }
}
