//! Plans as series of their site: `SITE.plan.<asset>.power` and `.soc` at the times of their steps, also of those to come, and
//! `SITE.plan.<asset>.deviation` of the steps that have ended.

use super::history::{PlanningHistory, Written};
use crate::control::{CheckedModel, PlannedPowers, StepDeviations};
use crate::error::Result;
use crate::model::{ChannelName, DeviceName, Name, Timestamp, Unit};

/// The device whose channels plans are.
pub(crate) const DEVICE: &str = "plan";

/// Writes a plan down. Its first step, which may have begun already, is written too: what was planned for it before ends there.
pub(super) fn plan(history: &mut dyn PlanningHistory, model: &CheckedModel, plan: &PlannedPowers) -> Result<()> {
    let borders: Vec<Timestamp> = (0..=plan.steps()).map(|step| plan.step_start(step)).collect();
    let powers = plan.powers.iter().map(|(name, powers)| written(name, "power", powers, Unit::Watt));
    history.write(&device(model)?, &borders[..plan.steps()], &powers.collect::<Result<Vec<_>>>()?)?;
    // A state of charge is that at the end of a step.
    let socs =
        plan.socs.iter().map(|(name, socs)| written(name, "soc", socs, Unit::Fraction)).collect::<Result<Vec<_>>>()?;
    if socs.is_empty() { Ok(()) } else { history.write(&device(model)?, &borders[1..], &socs) }
}

/// Writes down how far the site was from its plan in a step.
pub(super) fn deviations(history: &mut dyn PlanningHistory, model: &CheckedModel, ended: &StepDeviations) -> Result<()> {
    let mut columns = Vec::new();
    for deviation in &ended.assets {
        let power = deviation.power_w.as_ref().map(std::slice::from_ref);
        let soc = deviation.soc.as_ref().map(std::slice::from_ref);
        columns.extend(power.map(|power| written(&deviation.asset, "deviation", power, Unit::Watt)));
        columns.extend(soc.map(|soc| written(&deviation.asset, "soc_deviation", soc, Unit::Fraction)));
    }
    let columns = columns.into_iter().collect::<Result<Vec<_>>>()?;
    if columns.is_empty() { Ok(()) } else { history.write(&device(model)?, &[ended.start], &columns) }
}

fn device(model: &CheckedModel) -> Result<DeviceName> {
    DeviceName::new(model.model().operator.as_str(), model.model().site.as_str(), DEVICE)
}

fn written<'a>(asset: &Name, what: &str, values: &'a [f64], unit: Unit) -> Result<Written<'a>> {
    Ok(Written { channel: ChannelName::new(&format!("{asset}.{what}"))?, values, unit })
}
