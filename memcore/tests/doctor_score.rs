//! What the doctor finds of faults that were planted into generated sites, and how often it is right: precision first, for a
//! doctor that cries wolf is not read. `figures doctor` prints the same table of more sites.

mod doctor_support;

use doctor_support::score::{Score, score};
use memcore::doctor::FindingKind;

/// The least precision and recall of each kind. What is found less surely hides behind what sites really do: a switch looks
/// like a spike, a cloud like a clock.
const FLOORS: [(FindingKind, f64, f64); 17] = [
    (FindingKind::Sampling, 0.95, 0.95),
    (FindingKind::Gap, 0.95, 0.95),
    (FindingKind::Duplicate, 0.95, 0.95),
    (FindingKind::OutOfOrder, 0.95, 0.95),
    (FindingKind::Frozen, 0.9, 0.75),
    (FindingKind::Spike, 0.95, 0.9),
    (FindingKind::Reset, 0.95, 0.9),
    (FindingKind::Rollover, 0.95, 0.75),
    (FindingKind::Glitch, 0.95, 0.9),
    (FindingKind::CounterBackwards, 0.95, 0.9),
    (FindingKind::Sentinel, 0.95, 0.95),
    (FindingKind::UnitSlip, 0.95, 0.8),
    (FindingKind::Sign, 0.95, 0.95),
    (FindingKind::ClockShift, 0.85, 0.8),
    (FindingKind::DaylightSaving, 0.85, 0.7),
    (FindingKind::Label, 0.95, 0.7),
    (FindingKind::NightPower, 0.95, 0.95),
];

/// The least recall of faults that are a part of their kind.
const PARTS: [(&str, f64); 6] = [
    ("frozen: a battery at 100 % that works", 0.95),
    ("frozen: a battery at 100 %, no power known", 0.95),
    ("clock_shift: times hours off, by the position", 0.9),
    ("clock_shift: a longitude with the wrong sign", 0.9),
    ("label: an array by the sun, 30 or 60 min", 0.8),
    ("unit_slip: a part of what passes through zero", 0.95),
];

#[test]
fn planted_faults_are_found_and_clean_sites_stay_calm() {
    let table = score(7000..7002);
    let text = format!("{}\n{}\n{}", table.markdown(), table.misses.join("\n"), table.false_alarms.join("\n"));
    for (kind, precision, recall) in FLOORS {
        let score: Score = table.kinds.get(&kind).copied().unwrap_or_default();
        assert!(score.planted > 0, "no {kind:?} was planted\n{text}");
        assert!(score.precision() >= precision && score.recall() >= recall, "{kind:?}: {score:?}\n{text}");
    }
    for (name, recall) in PARTS {
        let score = table.faults.get(name).copied().unwrap_or_default();
        assert!(score.planted > 0 && score.recall() >= recall, "{name}: {score:?}\n{text}");
    }
    assert_eq!(table.without_picture, [""; 0]);
    assert!(table.alarms * 20 <= table.clean, "{} alarms on {} clean sites\n{text}", table.alarms, table.clean);
}
