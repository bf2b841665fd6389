//! The small sites of `tests/cases/plans.json`, and what must come of them. Python and Node run the same.

use std::path::Path;

use memcore::optimize::{Infeasible, Options, Outcome, Plan, Quantity, Site};
use serde_json::Value;

const QUANTITIES: &[Quantity] = &[
    Quantity::Import,
    Quantity::Export,
    Quantity::Curtailed,
    Quantity::Charge,
    Quantity::Discharge,
    Quantity::Energy,
    Quantity::On,
    Quantity::Shed,
    Quantity::Forward,
];

#[test]
fn every_small_site_has_its_right_answer() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/plans.json");
    let table: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let cases = table["cases"].as_array().unwrap();
    assert!(cases.len() > 20);
    for case in cases {
        check(case["name"].as_str().unwrap(), &case["site"], &case["expect"]);
    }
}

fn check(name: &str, site: &Value, expect: &Value) {
    let outcome = serde_json::from_value::<Site>(site.clone())
        .map_err(|e| e.to_string())
        .and_then(|site| site.solve(&Options::default()).map_err(|e| e.message().to_owned()));
    match outcome {
        Err(message) => {
            let text = expect["error"].as_str().unwrap_or_else(|| panic!("{name}: {message}"));
            assert!(message.contains(text), "{name}: {message}");
        }
        Ok(outcome) => {
            assert_eq!(outcome.status().name(), expect["status"].as_str().unwrap_or("an error"), "{name}");
            match outcome {
                Outcome::Plan(plan) => check_plan(name, &plan, expect),
                Outcome::Infeasible(infeasible) => check_conflict(name, &infeasible, expect),
                Outcome::Undecided(undecided) => panic!("{name}: {undecided:?}"),
            }
        }
    }
}

fn check_plan(name: &str, plan: &Plan, expect: &Value) {
    let amounts: f64 = plan.costs.iter().map(|cost| cost.amount).sum();
    assert!((amounts - plan.objective).abs() < 1e-9, "{name}: {:?}", plan.costs);
    if let Some(objective) = expect["objective"].as_f64() {
        assert!((plan.objective - objective).abs() < 1e-6, "{name}: {} for {objective}", plan.objective);
    }
    for (item, amount) in expect["costs"].as_object().into_iter().flatten() {
        let cost = plan.costs.iter().find(|cost| format!("{}.{}", cost.part, cost.cause.name()) == *item);
        assert!((cost.unwrap().amount - amount.as_f64().unwrap()).abs() < 1e-6, "{name}: {item}");
    }
    for (column, values) in expect["columns"].as_object().into_iter().flatten() {
        let (part, quantity) = column.split_once('.').unwrap();
        let quantity = QUANTITIES.iter().find(|known| known.name() == quantity).unwrap();
        let found = plan.column(part, *quantity).unwrap();
        assert_eq!(found.len(), values.as_array().unwrap().len(), "{name}: {column}");
        for (found, value) in found.iter().zip(values.as_array().unwrap()) {
            assert!(value.as_f64().is_none_or(|value| (found - value).abs() < 1e-3), "{name}: {column} {found}");
        }
    }
    if let Some(notice) = expect["notice"].as_str() {
        assert!(plan.notices.iter().any(|text| text.contains(notice)), "{name}: {:?}", plan.notices);
    }
    if let Some(violation) = expect["violation"].as_object() {
        let [missed] = &plan.violations[..] else { panic!("{name}: {:?}", plan.violations) };
        assert_eq!((&violation["part"], &violation["limit"]), (&missed.part.clone().into(), &missed.limit.into()));
        assert!((missed.amount - violation["amount"].as_f64().unwrap()).abs() < 1e-6, "{name}: {}", missed.amount);
    }
}

fn check_conflict(name: &str, infeasible: &Infeasible, expect: &Value) {
    let limits: Vec<_> = infeasible.conflict.iter().map(|limit| format!("{}.{}", limit.part, limit.limit)).collect();
    assert_eq!(Value::from(limits), expect["conflict"], "{name}: {}", infeasible.text);
    let [relaxation] = &infeasible.relaxations[..] else { panic!("{name}: {:?}", infeasible.relaxations) };
    let right = &expect["relaxation"];
    assert_eq!((&right["part"], &right["limit"]), (&relaxation.part.clone().into(), &relaxation.limit.into()));
    assert!((relaxation.amount - right["amount"].as_f64().unwrap()).abs() < 1.0, "{name}: {}", relaxation.amount);
}
