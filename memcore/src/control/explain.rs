//! Why an asset does what it does: the last decision with its inputs, as values and in a sentence.

use serde::{Deserialize, Serialize};

use super::{AssetDecision, Cause, CheckedModel, Controller, Limited, Measure, Moment, Role, Situation, Wish};
use crate::error::{Error, Result};
use crate::model::{Name, Timestamp};

/// Why an asset does what it does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Explanation {
    /// The site.
    pub site: Name,
    /// The asset.
    pub asset: Name,
    /// When it was decided.
    pub at: Timestamp,
    /// What was decided, in W.
    pub power_w: f64,
    /// What was measured then, in W; None where its meter is silent.
    pub measured_w: Option<f64>,
    /// The wish that it follows; None for the default.
    pub wish: Option<Wish>,
    /// What limited it, in the order in which it did.
    pub limits: Vec<LimitText>,
    /// What the decision went by.
    pub inputs: Vec<Input>,
    /// All of that in a sentence.
    pub sentence: String,
}

/// A limit in the words of the site.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LimitText {
    /// By whom or what.
    pub by: String,
    /// What was to be, in W.
    pub from_w: f64,
    /// What it came to, in W.
    pub to_w: f64,
}

/// Something that a decision went by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// What it is, such as `battery.soc`.
    pub name: String,
    /// Its value, in the base unit of what is measured.
    pub value: f64,
    /// Its age, in seconds.
    pub age_s: f64,
    /// Whether it stands for the present.
    pub fresh: bool,
}

/// What may be an input, and what it is called.
const INPUTS: [(Measure, &str); 9] = [
    (Measure::Power, "power"),
    (Measure::Soc, "soc"),
    (Measure::Connected, "connected"),
    (Measure::CurrentL1, "current_l1"),
    (Measure::CurrentL2, "current_l2"),
    (Measure::CurrentL3, "current_l3"),
    (Measure::Voltage, "voltage"),
    (Measure::Frequency, "frequency"),
    (Measure::Temperature, "temperature"),
];

impl Controller {
    /// Why an asset does what it does, by the last decision.
    ///
    /// # Errors
    /// Not found where the site has no such asset, where it is not controlled, or where nothing was decided yet.
    pub fn explain(&self, asset: &str, now: Moment) -> Result<Explanation> {
        let model = self.model();
        let place =
            model.place(asset).ok_or_else(|| Error::not_found(format!("asset is {asset:?}, unknown to the site")))?;
        if model.assets[place].setpoint.is_none() {
            return Err(Error::not_found(format!("{asset} has no setpoint: it is measured, and nothing is decided of it")));
        }
        let Some((at, decided)) = self.last_decision(place) else {
            return Err(Error::not_found(format!("nothing was decided of {asset} yet")));
        };
        let limits = decided.limits.iter().map(|limit| self.limit_text(limit)).collect();
        Ok(Explanation {
            site: model.model.site.clone(),
            asset: model.assets[place].name.clone(),
            at,
            power_w: decided.power_w,
            measured_w: self.situation().power_w(model, place, now),
            wish: decided.wish.clone(),
            limits,
            inputs: inputs(model, self.situation(), place, decided, now),
            sentence: self.sentence(place, decided, now),
        })
    }

    pub(in crate::control) fn limit_text(&self, limit: &Limited) -> LimitText {
        LimitText { by: self.cause_text(limit.cause), from_w: limit.from_w, to_w: limit.to_w }
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

/// What the decision went by: what is known of the asset, of the grid connection, and of the circuits that limited it.
fn inputs(model: &CheckedModel, situation: &Situation, place: usize, decided: &AssetDecision, now: Moment) -> Vec<Input> {
    let mut places = vec![place];
    places.extend(model.grid);
    for limit in &decided.limits {
        match limit.cause {
            Cause::Circuit { circuit, .. } => places.extend(model.circuits.get(circuit).and_then(|circuit| circuit.meter)),
            Cause::Stale(meter) => places.push(meter),
            _ => {}
        }
    }
    places.sort_unstable();
    places.dedup();
    let mut inputs = Vec::new();
    for place in places {
        for (measure, called) in INPUTS {
            if let Some(live) = situation.last(place, measure) {
                let name = format!("{}.{called}", model.assets[place].name);
                let age_s = now.elapsed.saturating_sub(live.seen).as_secs_f64();
                let fresh = situation.fresh(model, place, measure, now).is_some();
                inputs.push(Input { name, value: live.value, age_s, fresh });
            }
        }
    }
    inputs
}
