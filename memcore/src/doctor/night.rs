//! What a PV array does at night, and which direction it counts as positive.

use super::finding::{HOUR, Place, Subject, number, percent};
use super::points::Sorted;
use super::report::{Finding, FindingKind, Severity};
use super::series::Role;
use super::solar::Solar;
use crate::model::{Quantity, SignConvention};

/// The share of its peak below which a reading at night is rounding.
const NOTHING: f64 = 2e-5;

/// Power at night: the inverter's own consumption where it runs against production, else an offset of its meter.
pub(super) fn night_power(subject: &Subject<'_>, solar: &Solar) -> Option<Finding> {
    if subject.quantity == Some(Quantity::Irradiance) {
        return None;
    }
    let points = &subject.points;
    let nights: Vec<usize> = (0..points.len()).filter(|at| solar.off_noon(points.times[*at]) > 10 * HOUR).collect();
    let seen: Vec<usize> = nights.iter().copied().filter(|at| points.values[*at].abs() > NOTHING * solar.peak).collect();
    if nights.len() < 20 || seen.len() * 4 < nights.len() {
        return None;
    }
    let values = Sorted::of(seen.iter().map(|at| points.values[*at]));
    let typical = values.median();
    let produces = solar.production(typical) > 0.0;
    let places: Vec<Place> = seen.chunk_by(|a, b| b - a < 4).map(|run| Place::of(run[0], run[run.len() - 1])).collect();
    let message = format!(
        "{} of the nights' values are not zero: typically {} ({} to {}), {}",
        percent(seen.len() as f64 / nights.len() as f64),
        subject.said(typical),
        number(values.at(0.05)),
        number(values.at(0.95)),
        if produces {
            "with the sign of production"
        } else {
            "against the sign of production: what the inverter draws itself"
        }
    );
    let (severity, confidence) = match produces {
        true => (Severity::Warning, 0.85),
        false => (Severity::Note, 0.95),
    };
    let finding = Finding::new(FindingKind::NightPower, severity, confidence, message).of(subject.name());
    let finding = finding.counting(seen.len()).at(subject, &places, 0);
    Some(finding.repair(match (produces, solar.positive) {
        (true, _) => "no sun, no production: subtract this offset of the meter, or set these rows to zero",
        (false, true) => {
            "keep it: declared as generator it becomes consumption, positive, as it should. Do not cut it off at zero"
        }
        (false, false) => "keep it: it is consumption, positive in passive sign. Do not cut it off at zero",
    }))
}

/// An array that counts its production as positive without saying so.
pub(super) fn sign(subject: &Subject<'_>, solar: &Solar) -> Option<Finding> {
    let is_power = matches!(subject.quantity, None | Some(Quantity::Power));
    if subject.role != Some(Role::Pv) || !is_power {
        return None;
    }
    let right = if solar.positive { SignConvention::Generator } else { SignConvention::Passive };
    let declared = subject.series.sign;
    if declared.unwrap_or_default() == right {
        return None;
    }
    let (said, word) = match right {
        SignConvention::Generator => ("positive", "generator"),
        SignConvention::Passive => ("negative", "passive"),
    };
    let message = format!(
        "production counts as {said} (up to {} at noon){}",
        subject.said(if solar.positive { solar.peak } else { -solar.peak }),
        match declared {
            None => ": in passive sign, as memcore keeps it, it is negative".to_owned(),
            Some(declared) => format!(", declared is the sign {}", name(declared)),
        }
    );
    let severity = if declared.is_some() { Severity::Fault } else { Severity::Warning };
    let finding = Finding::new(FindingKind::Sign, severity, 0.97, message).of(subject.name());
    let noon = subject.points.values.iter().position(|value| solar.production(*value) > 0.5 * solar.peak)?;
    Some(finding.at(subject, &[Place::of(noon, noon)], 0).declare(subject.name(), "sign", word))
}

pub(super) fn name(sign: SignConvention) -> &'static str {
    match sign {
        SignConvention::Passive => "passive",
        SignConvention::Generator => "generator",
    }
}
