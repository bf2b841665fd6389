//! What two or three series of a site say of each other: a battery and its charge, the grid and an array, power and current.

use super::balance::{advance, pairs_unit};
use super::charge;
use super::finding::{Place, Subject, number, percent};
use super::night;
use super::points::median;
use super::report::{Finding, FindingKind, Severity};
use super::series::Role;
use super::unit;
use crate::model::{Quantity, SignConvention};

/// Batteries against their state of charge: it rises while they charge, and it moves while they work. Says for each whether its
/// power is in passive sign.
pub(super) fn batteries(subjects: &[Subject<'_>]) -> (Vec<(String, bool)>, Vec<Finding>) {
    let socs: Vec<&Subject<'_>> = subjects.iter().filter(|subject| is_soc(subject)).collect();
    let (mut known, mut found) = (Vec::new(), Vec::new());
    let mut watched: Vec<&str> = Vec::new();
    for power in subjects.iter().filter(|subject| subject.role == Some(Role::Battery) && subject.is_gauge()) {
        if !matches!(power.quantity, None | Some(Quantity::Power)) || is_soc(power) {
            continue;
        }
        let device = |name: &str| name.rsplit_once(['.', '_']).map(|(device, _)| device.to_owned());
        let own = socs.iter().find(|soc| device(soc.name()) == device(power.name()));
        let Some(soc) = own.or(if socs.len() == 1 { socs.first() } else { None }) else { continue };
        let agreement = charging(power, soc);
        if charge::goes_both_ways(power) && (agreement.is_some() || own.is_some()) {
            watched.push(soc.name());
            found.extend(charge::still_while_working(soc, power, agreement.map(|agreement| agreement > 0.0)));
        }
        let Some(agreement) = agreement else { continue };
        known.push((power.name().to_owned(), agreement > 0.0));
        found.extend(battery_sign(power, soc, agreement));
    }
    let alone = socs.iter().filter(|soc| !watched.contains(&soc.name()) && !is_of_vehicle(soc));
    found.extend(alone.filter_map(|soc| charge::full_for_days(soc)));
    (known, found)
}

fn is_soc(subject: &Subject<'_>) -> bool {
    subject.quantity == Some(Quantity::StateOfCharge)
        || subject.quantity.is_none() && subject.name().to_ascii_lowercase().contains("soc")
}

/// Cars stand full for days, and give their charge where nobody measures it.
fn is_of_vehicle(soc: &Subject<'_>) -> bool {
    let lower = soc.name().to_ascii_lowercase();
    soc.role == Some(Role::Load) || ["car", "vehicle", "tesla"].iter().any(|word| lower.contains(word))
}

fn battery_sign(power: &Subject<'_>, soc: &Subject<'_>, agreement: f64) -> Option<Finding> {
    let right = if agreement > 0.0 { SignConvention::Passive } else { SignConvention::Generator };
    let declared = power.series.sign;
    if declared.unwrap_or_default() == right {
        return None;
    }
    let message = format!(
        "{} {} while {} is positive: discharging counts as {}",
        soc.name(),
        if agreement > 0.0 { "rises" } else { "falls" },
        power.name(),
        if agreement > 0.0 { "negative" } else { "positive" }
    );
    let severity = if declared.is_some() { Severity::Fault } else { Severity::Warning };
    let confidence = if agreement.abs() > 0.7 { 0.97 } else { 0.85 };
    let finding = Finding::new(FindingKind::Sign, severity, confidence, message).of(power.name());
    let last = power.points.len() - 1;
    let finding = finding.counting(last + 1).at(power, &[Place::of(0, last)], 0);
    Some(finding.declare(power.name(), "sign", night::name(right)))
}

/// The correlation of energy and change of charge over blocks of time; none where it is weak.
fn charging(power: &Subject<'_>, soc: &Subject<'_>) -> Option<f64> {
    const BLOCKS: i64 = 400;
    let (first, last) = (*soc.points.times.first()?, *soc.points.times.last()?);
    let block = ((last - first) / BLOCKS).max(2 * soc.cadence.unwrap_or(60_000_000)).max(600_000_000);
    let (mut both, mut powers, mut changes, mut blocks) = (0.0, 0.0, 0.0, 0);
    for start in (first..last).step_by(block.max(1) as usize) {
        let inside = power.points.between(start, start + block);
        let charge = soc.points.between(start, start + block + soc.cadence.unwrap_or(0) + 1);
        if inside.is_empty() || charge.len() < 2 {
            continue;
        }
        let mean = inside.clone().map(|at| power.points.values[at]).sum::<f64>() / inside.len() as f64;
        let change = soc.points.values[charge.end - 1] - soc.points.values[charge.start];
        both += mean * change;
        powers += mean * mean;
        changes += change * change;
        blocks += usize::from(change != 0.0);
    }
    let agreement = both / (powers * changes).sqrt();
    (blocks >= 12 && agreement.abs() > 0.5).then_some(agreement)
}

/// Grid and PV alone, without the load: the connection follows the array's changes.
pub(super) fn grid_against_pv(subjects: &[Subject<'_>]) -> Option<Finding> {
    let of_role = |role: Role| {
        let mut parts = subjects.iter().filter(move |subject| {
            subject.role == Some(role) && subject.is_gauge() && matches!(subject.quantity, None | Some(Quantity::Power))
        });
        parts.next().filter(|_| parts.next().is_none())
    };
    let (grid, pv) = (of_role(Role::Grid)?, of_role(Role::Pv)?);
    let solar = super::solar::Solar::of(pv)?;
    let slope = slope_of_changes(grid, pv)?;
    // In passive sign, what the array gives more (falling) the connection takes less (falling).
    let pv_is_passive = !solar.positive;
    let same = slope > 0.0;
    let right = if same == pv_is_passive { SignConvention::Passive } else { SignConvention::Generator };
    let declared = grid.series.sign;
    if declared.unwrap_or_default() == right {
        return None;
    }
    let message = format!(
        "{} {} by {} of what {} produces more: export counts as {}",
        grid.name(),
        if right == SignConvention::Generator { "rises" } else { "falls" },
        percent(slope.abs()),
        pv.name(),
        if right == SignConvention::Generator { "positive" } else { "negative" }
    );
    let severity = if declared.is_some() { Severity::Fault } else { Severity::Warning };
    let finding = Finding::new(FindingKind::Sign, severity, 0.9, message).of(grid.name());
    let last = grid.points.len() - 1;
    let finding = finding.counting(last + 1).at(grid, &[Place::of(0, last)], 0);
    Some(finding.declare(grid.name(), "sign", night::name(right)))
}

/// By how much one series changes with another, where that is clear.
fn slope_of_changes(a: &Subject<'_>, b: &Subject<'_>) -> Option<f64> {
    let (scale_a, scale_b) = (a.series.scale(), b.series.scale());
    let mut cursor = 0;
    let mut changes: Vec<(f64, f64)> = Vec::new();
    let mut before: Option<(f64, f64)> = None;
    for (time, value) in a.points.times.iter().zip(a.points.values.iter()) {
        let found = advance(&b.points.times, &mut cursor, *time);
        let now = found.then(|| (value * scale_a, b.points.values[cursor] * scale_b));
        if let (Some(old), Some(new)) = (before, now)
            && new.1 != old.1
        {
            changes.push((new.0 - old.0, new.1 - old.1));
        }
        before = now;
    }
    if changes.len() < 100 {
        return None;
    }
    // Only clouds tell: small changes drown in the load's.
    let mut sizes: Vec<f64> = changes.iter().map(|(_, b)| b.abs()).collect();
    let large = 2.0 * median(&mut sizes);
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (a, b) in changes.iter().filter(|(_, b)| b.abs() >= large) {
        ab += a * b;
        aa += a * a;
        bb += b * b;
    }
    let (slope, correlation) = (ab / bb, ab / (aa * bb).sqrt());
    ((0.7..1.3).contains(&slope.abs()) && correlation.abs() > 0.4).then_some(slope)
}

/// Power against the product of voltage and current, where a device measures all three.
pub(super) fn power_of_current(subjects: &[Subject<'_>]) -> Option<Finding> {
    let only = |quantity: Quantity| {
        let mut found = subjects.iter().filter(move |subject| subject.quantity == Some(quantity) && subject.is_gauge());
        found.next().filter(|_| found.next().is_none())
    };
    let (power, voltage, current) = (only(Quantity::Power)?, only(Quantity::Voltage)?, only(Quantity::Current)?);
    let (mut in_voltage, mut in_current) = (0, 0);
    let step = (power.points.len() / 4000) | 1;
    let mut ratios: Vec<f64> = Vec::new();
    for at in (0..power.points.len()).step_by(step) {
        let time = power.points.times[at];
        let both =
            advance(&voltage.points.times, &mut in_voltage, time) & advance(&current.points.times, &mut in_current, time);
        if both {
            let product = voltage.points.values[in_voltage] * voltage.series.scale() * current.points.values[in_current];
            let apparent = product * current.series.scale();
            let active = power.points.values[at] * power.series.scale();
            if apparent.abs() > 0.0 && active != 0.0 {
                ratios.push((apparent / active).abs());
            }
        }
    }
    let factor = unit::thousandfold(&mut ratios)?;
    let message = format!(
        "{} is {} times what {} and {} give together",
        power.name(),
        number(1.0 / factor),
        voltage.name(),
        current.name()
    );
    let finding = Finding::new(FindingKind::UnitSlip, Severity::Fault, 0.95, message).of(power.name());
    let last = power.points.len() - 1;
    let finding = finding.counting(last + 1).at(power, &[Place::of(0, last)], 0);
    Some(pairs_unit(power, finding, factor))
}
