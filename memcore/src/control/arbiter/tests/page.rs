//! The worked examples of `docs/control.md` are true.

use super::story::{Story, Want, at_least, at_most, battery, charger, exactly, kw, load, preferably};
use crate::control::ShareBy;

fn number(text: &str) -> f64 {
    kw(text.trim().parse().unwrap_or_else(|_| panic!("{text:?} is no number")))
}

/// `ev = 4`, `ev <= 4.2`, `battery = 2 in 1..3`.
fn want(text: &str) -> (&str, Want) {
    let mut words = text.split_whitespace();
    let mut word = || words.next().unwrap_or_else(|| panic!("{text:?} ends too soon"));
    let (target, sign, power) = (word(), word(), number(word()));
    let bounds = text.split_once(" in ").and_then(|(_, bounds)| bounds.split_once(".."));
    match (sign, bounds) {
        ("=", Some((low, high))) => (target, preferably(power, number(low), number(high))),
        ("=", None) => (target, exactly(power)),
        ("<=", None) => (target, at_most(power)),
        (">=", None) => (target, at_least(power)),
        _ => panic!("{text:?} is no wish"),
    }
}

fn check(limit: &str, wishes: &str, done: &str) {
    let assets = vec![
        battery("battery", kw(5.0)),
        charger("ev", kw(11.0)),
        load("pool", kw(3.0)),
        battery("house", kw(5.0)),
        battery("barn", kw(10.0)),
    ];
    let mut site = Story::with_groups(assets, &[("stores", &["house", "barn"], ShareBy::Headroom)]);
    if let Some((members, most)) = limit.split_once("<=") {
        let members: Vec<_> = members.split('+').map(str::trim).collect();
        site.fuse(&members, number(most));
    }
    for wish in wishes.split(';').filter(|wish| wish.trim() != "-") {
        let (who, what) = wish.split_once(':').unwrap_or_else(|| panic!("{wish:?} says nobody"));
        let (actor, priority) = who.trim().split_once(' ').unwrap_or_else(|| panic!("{who:?} has no priority"));
        let (target, want) = want(what);
        site.propose(actor, priority.parse().unwrap(), target, want);
    }
    for result in done.split(',') {
        let (asset, power) = result.trim().split_once(' ').unwrap_or_else(|| panic!("{result:?} is no result"));
        let (is, expected) = (site.powers()[site.place(asset)], number(power));
        assert!((is - expected).abs() < 0.1, "{limit} | {wishes}: {asset} does {is}, the page says {expected}");
    }
}

#[test]
fn the_examples_of_the_page_are_true() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/control.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (_, table) = page.split_once("| limit | wishes | what is done | why |\n|---|---|---|---|\n").expect("the table");
    let rows: Vec<_> = table.lines().take_while(|line| line.starts_with('|')).collect();
    assert!(rows.len() >= 14, "{} rows", rows.len());
    for row in rows {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [limit, wishes, done, _] = cells[..] else { panic!("{row}") };
        check(limit, wishes, done);
    }
}
