//! Why an asset does what it does, by the last decision, in a sentence. What is remembered of earlier decisions is not here.

use super::{AssetDecision, Cause, CheckedModel, Controller, Measure, Moment, Role, Situation, Wish};
use crate::error::{Error, Result};

impl Controller {
    /// Why an asset does what it does, by the last decision, in a sentence: `battery charges with 2 kW because planner wished 5 kW
    /// (price is low until 06:00), limited to 2 kW by circuit garage (18.2 of 19 A on L1)`.
    ///
    /// # Errors
    /// Not found where the site has no such asset, where it is not controlled, or where nothing was decided yet.
    pub fn explain(&self, asset: &str, now: Moment) -> Result<String> {
        let model = self.model();
        let place =
            model.place(asset).ok_or_else(|| Error::not_found(format!("asset is {asset:?}, unknown to the site")))?;
        if model.assets[place].setpoint.is_none() {
            return Err(Error::not_found(format!("{asset} has no setpoint: it is measured, and nothing is decided of it")));
        }
        let Some(decided) = self.last_decision(place) else {
            return Err(Error::not_found(format!("nothing was decided of {asset} yet")));
        };
        Ok(self.sentence(place, decided, now))
    }

    fn sentence(&self, place: usize, decided: &AssetDecision, now: Moment) -> String {
        let asset = &self.model().assets[place];
        let mut text = format!("{} {}", asset.name, does(asset.role, decided.power_w));
        match &decided.wish {
            Some(Wish { actor, power_w, reason, .. }) => {
                text += &format!(" because {actor} wished {} ({reason})", watts(*power_w));
            }
            None => text += " because nobody wishes otherwise",
        }
        for limit in &decided.limits {
            let detail = carried(self.model(), self.situation(), limit.cause, now);
            text += &match limit.cause {
                Cause::Shared => format!(", {} of it as its share", watts(limit.to_w)),
                cause => format!(", limited to {} by {}{detail}", watts(limit.to_w), self.cause_text(cause)),
            };
        }
        text
    }
}

/// What a power means for an asset of that role.
fn does(role: Role, power_w: f64) -> String {
    let amount = watts(power_w.abs());
    match (role, power_w) {
        (Role::Battery, 0.0) => "rests".to_owned(),
        (Role::Charger, 0.0) => "does not charge".to_owned(),
        (Role::Battery | Role::Charger, ..0.0) => format!("discharges with {amount}"),
        (Role::Battery | Role::Charger, _) => format!("charges with {amount}"),
        (Role::Pv, 0.0) => "is curtailed to nothing".to_owned(),
        (Role::Pv, _) => format!("may produce up to {amount}"),
        (_, 0.0) => "is off".to_owned(),
        (Role::Genset, _) => format!("generates {amount}"),
        (Role::Load, _) => format!("may draw up to {amount}"),
        _ => format!("runs with {amount}"),
    }
}

/// A power for people: `800 W`, `2.4 kW`.
fn watts(power_w: f64) -> String {
    if power_w.abs() < 999.5 {
        return format!("{} W", (power_w).round() + 0.0);
    }
    format!("{} kW", (power_w / 100.0).round() / 10.0)
}

/// What the circuit that limits carries, as it is measured: ` (18.2 of 19 A on L1)`.
fn carried(model: &CheckedModel, situation: &Situation, cause: Cause, now: Moment) -> String {
    let Cause::Circuit { circuit, phase } = cause else { return String::new() };
    let Some(circuit) = model.circuits.get(circuit) else { return String::new() };
    let Some(meter) = circuit.meter else { return String::new() };
    let currents = [Measure::CurrentL1, Measure::CurrentL2, Measure::CurrentL3];
    let currents = currents.map(|measure| situation.fresh(model, meter, measure, now));
    let highest = (0..3).filter(|phase| currents[*phase].is_some()).max_by(|a, b| {
        let size = |phase: &usize| currents[*phase].map_or(0.0, f64::abs);
        size(a).total_cmp(&size(b))
    });
    let phase = phase.map_or(highest, |phase| Some(usize::from(phase)));
    let one = |value: f64| (value * 10.0).round() / 10.0;
    if let Some((phase, Some(current))) = phase.map(|phase| (phase, currents.get(phase).copied().flatten()))
        && circuit.limit_a.is_finite()
    {
        return format!(" ({} of {} A on L{})", one(current.abs()), one(circuit.limit_a), phase + 1);
    }
    match situation.power_w(model, meter, now) {
        Some(power_w) if circuit.import_w.is_finite() => format!(" ({} of {})", watts(power_w), watts(circuit.import_w)),
        _ => String::new(),
    }
}
