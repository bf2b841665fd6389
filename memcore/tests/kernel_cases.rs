//! The field cases of `tests/cases/kernel.json`: what the energy kernel makes of columns. Python and Node run the same.

use std::path::Path;

use jiff::civil::DateTime;
use jiff::tz::Offset;
use memcore::energy::{self, Every, GapRule, Part, Resampling, Rule, Skipped};
use memcore::model::{Quality, Span, Timestamp};
use memcore::{Error, Result};
use serde_json::{Map, Value, json};

type Case = Map<String, Value>;

fn cases() -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/kernel.json");
    let all: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    all["cases"].as_array().unwrap().iter().map(|case| case.as_object().unwrap().clone()).collect()
}

fn text<'a>(case: &'a Case, key: &str) -> Option<&'a str> {
    case.get(key).map(|text| text.as_str().unwrap())
}

fn time(value: &Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

/// null is NaN.
fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap_or(f64::NAN)).collect()
}

fn samples(case: &Case) -> (Vec<Timestamp>, Vec<f64>) {
    let mut samples = Vec::new();
    for entry in case["samples"].as_array().unwrap() {
        if let Some(pair) = entry.as_array() {
            samples.push((time(&pair[0]), pair[1].as_f64().unwrap_or(f64::NAN)));
            continue;
        }
        let (mut at, step) = (time(&entry["from"]), entry["step"].as_str().unwrap().parse().unwrap());
        while at < time(&entry["to"]) {
            samples.push((at, entry["value"].as_f64().unwrap()));
            at = at.saturating_add(step);
        }
    }
    samples.into_iter().unzip()
}

fn qualities(case: &Case) -> Option<Vec<Quality>> {
    let each = case.get("qualities")?.as_array().unwrap().iter();
    Some(each.map(|quality| quality.as_str().unwrap().parse().unwrap()).collect())
}

fn rule(case: &Case) -> Rule {
    text(case, "rule").map_or(Rule::Step, |rule| rule.parse().unwrap())
}

fn gaps(case: &Case) -> Option<GapRule> {
    let span = |key| text(case, key).map(|span| span.parse::<Span>().unwrap());
    span("max_gap").map(|longest| GapRule::new(longest, span("cadence")).unwrap())
}

fn width(case: &Case) -> Option<f64> {
    case.get("width").and_then(Value::as_f64)
}

/// NaN is null, and a number is what JSON makes of it: an f64.
fn told(numbers: &[f64]) -> Value {
    numbers.iter().map(|number| json!(number)).collect()
}

fn instants(times: &[Timestamp]) -> Value {
    times.iter().map(Timestamp::to_string).collect()
}

fn answer(case: &Case) -> Result<Value> {
    match text(case, "call").unwrap() {
        "convert" => {
            let unit = |key| text(case, key).unwrap().parse().unwrap();
            energy::convert(&numbers(&case["values"]), unit("from"), unit("to")).map(|values| told(&values))
        }
        "buckets" => {
            let every = Every::parse(text(case, "every").unwrap(), text(case, "tz"))?;
            let borders = energy::buckets(time(&case["from"]), time(&case["to"]), &every)?;
            Ok(json!({ "slots": borders.len() - 1, "borders": instants(&borders) }))
        }
        "localize" => localize(case),
        "integrate" => integrate(case),
        "increase" => {
            let found = energy::increase(&numbers(&case["readings"]), width(case))?;
            Ok(json!({ "amount": found.amount, "resets": found.resets, "glitches": found.glitches }))
        }
        "increases" => {
            let found = energy::increases(&numbers(&case["readings"]), width(case))?;
            let events: Vec<Value> = found.events.iter().map(|event| json!([event.row, event.kind.name()])).collect();
            Ok(json!({ "amounts": told(&found.amounts), "events": events }))
        }
        "mean_power" => {
            let (times, amounts) = samples(case);
            energy::mean_power(&times, &amounts, gaps(case).unwrap()).map(power)
        }
        "mean_power_of_register" => {
            let (times, readings) = samples(case);
            energy::mean_power_of_register(&times, &readings, width(case), gaps(case).unwrap()).map(power)
        }
        "resample" => resample(case),
        "at" => {
            let ((times, values), grid) = (samples(case), case["grid"].as_array().unwrap());
            let grid: Vec<Timestamp> = grid.iter().map(time).collect();
            energy::at(&times, &values, &grid, rule(case), gaps(case).unwrap()).map(|values| told(&values))
        }
        "balance" => balance(case),
        other => panic!("what is {other}?"),
    }
}

fn power(found: energy::MeanPower) -> Value {
    json!({ "starts": instants(&found.starts), "ends": instants(&found.ends), "power": told(&found.power) })
}

fn localize(case: &Case) -> Result<Value> {
    let micros = |local: &Value| {
        let local: DateTime = local.as_str().unwrap().parse().unwrap();
        Offset::UTC.to_timestamp(local).unwrap().as_microsecond()
    };
    let local: Vec<i64> = case["local"].as_array().unwrap().iter().map(micros).collect();
    let skipped = if text(case, "skipped") == Some("refuse") { Skipped::Refuse } else { Skipped::OffsetBefore };
    let found = energy::localize(&local, &energy::zone_of(text(case, "tz").unwrap())?, skipped)?;
    Ok(json!({ "times": instants(&found.times), "repeated": found.repeated, "skipped": found.skipped }))
}

fn integrate(case: &Case) -> Result<Value> {
    let (times, values) = samples(case);
    let range = (time(&case["from"]), time(&case["to"]));
    let found = energy::integrate(&times, &values, range, rule(case), gaps(case).unwrap())?;
    let gaps: Vec<Value> = found.gaps.iter().map(|gap| instants(&[gap.from, gap.to])).collect();
    let (covered, held) = (found.covered.as_seconds(), found.held.as_seconds());
    Ok(json!({ "amount": found.amount, "mean": found.mean, "covered": covered, "held": held, "gaps": gaps }))
}

fn resample(case: &Case) -> Result<Value> {
    let (times, values) = samples(case);
    let every = Every::parse(text(case, "every").unwrap(), text(case, "tz"))?;
    let mut resampling = Resampling::every(every).rule(rule(case));
    for name in case["aggregates"].as_array().unwrap() {
        resampling = resampling.aggregate(name.as_str().unwrap().parse()?);
    }
    resampling = gaps(case).into_iter().fold(resampling, Resampling::gaps);
    resampling = width(case).into_iter().fold(resampling, Resampling::width);
    resampling = case.get("from").map(time).into_iter().fold(resampling, Resampling::from);
    resampling = case.get("to").map(time).into_iter().fold(resampling, Resampling::to);
    if let Some(fill) = text(case, "fill") {
        resampling = resampling.fill(fill.parse()?);
    }
    let found = match qualities(case) {
        Some(qualities) => energy::resample_with_quality(&times, &values, &qualities, &resampling)?,
        None => energy::resample(&times, &values, &resampling)?,
    };
    let mut answer = json!({ "starts": instants(&found.starts) });
    for (aggregate, column) in &found.columns {
        answer[aggregate.name().as_ref()] = told(column);
    }
    Ok(answer)
}

fn balance(case: &Case) -> Result<Value> {
    let columns = case["parts"].as_array().unwrap().iter().map(|part| (part[0].as_str().unwrap(), numbers(&part[1])));
    let columns: Vec<(&str, Vec<f64>)> = columns.collect();
    let parts: Result<Vec<Part<'_>>> =
        columns.iter().map(|(role, amounts)| Ok(Part { role: role.parse()?, amounts })).collect();
    let mut found = energy::balance(&parts?)?;
    if let Some(ends) = case.get("gather") {
        let ends: Vec<usize> = ends.as_array().unwrap().iter().map(|end| end.as_u64().unwrap() as usize).collect();
        found = found.gather(&ends)?;
    }
    Ok(found.columns().iter().map(|(name, column)| ((*name).to_owned(), told(column))).collect::<Map<_, _>>().into())
}

/// Whether all of `expected` is in `found`: objects by the keys that are named, numbers bit for bit however they are written.
fn agrees(expected: &Value, found: &Value) -> bool {
    match (expected, found) {
        (Value::Object(expected), found) => {
            expected.iter().all(|(key, value)| found.get(key).is_some_and(|found| agrees(value, found)))
        }
        (Value::Array(expected), Value::Array(found)) => {
            expected.len() == found.len() && expected.iter().zip(found).all(|(expected, found)| agrees(expected, found))
        }
        (Value::Number(expected), Value::Number(found)) => expected.as_f64() == found.as_f64(),
        (expected, found) => expected == found,
    }
}

#[test]
fn every_field_case_has_its_right_outcome() {
    let cases = cases();
    assert!(cases.len() > 60, "only {} cases", cases.len());
    for case in cases {
        let (name, expected) = (text(&case, "name").unwrap(), &case["expect"]);
        let refused = expected.get("error").map(|part| part.as_str().unwrap());
        match (answer(&case), refused) {
            (Ok(found), None) => assert!(agrees(expected, &found), "{name}: expected {expected}, found {found}"),
            (Ok(found), Some(part)) => panic!("{name}: expected an error with {part:?}, found {found}"),
            (Err(e), Some(part)) => assert!(e.to_string().contains(part), "{name}: {e}"),
            (Err(e), None) => panic!("{name}: {e}"),
        }
    }
}

#[test]
fn a_wrong_answer_would_be_seen() {
    let error = |e: Error| e.to_string();
    let cases = cases();
    let case = cases.iter().find(|case| text(case, "name").unwrap().starts_with("B1 and what")).unwrap();
    let found = answer(case).map_err(error).unwrap();
    for wrong in [json!({ "amounts": [null, 0, 0, 0.25] }), json!({ "events": [] }), json!({ "sums": 1 })] {
        assert!(!agrees(&wrong, &found), "{wrong}");
    }
}
