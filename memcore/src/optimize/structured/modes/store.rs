//! The one store of a site as this engine sees it, in kW and kWh: what may flow in each step, what its energy may be at the end of each
//! step and what that costs.

use super::pieces::Hinge;
use crate::optimize::checked::{Checked, Target};
use crate::optimize::{Battery, Ev};

/// Powers that may be chosen from in one step: charging within a band, and discharging where that may be zero.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Flow {
    pub(super) charge: (f64, f64),
    pub(super) discharge: f64,
}

impl Flow {
    fn charging(least: f64, most: f64) -> Self {
        Self { charge: (least, most), discharge: 0.0 }
    }

    pub(super) fn discharging(most: f64) -> Self {
        Self { charge: (0.0, 0.0), discharge: most }
    }

    pub(super) fn only_charging(self) -> Self {
        Self { discharge: 0.0, ..self }
    }
}

/// A store in one step.
#[derive(Debug, Clone, Default)]
pub(super) struct StoreStep {
    pub(super) flows: Vec<Flow>,
    /// The share of the energy that is left after the step.
    pub(super) kept: f64,
    /// The energies that the step may end with.
    pub(super) range: (f64, f64),
    /// What the energy at the end of the step costs.
    pub(super) hinges: Vec<Hinge>,
    /// The energy that the step begins with, where that is not what the one before ended with.
    pub(super) arrives_with: Option<f64>,
}

/// Which asset the store is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stored<'a> {
    Nothing,
    Battery(usize, &'a Battery),
    Ev(usize, &'a Ev),
}

impl Stored<'_> {
    pub(super) fn part(self) -> Option<usize> {
        match self {
            Self::Nothing => None,
            Self::Battery(part, _) | Self::Ev(part, _) => Some(part),
        }
    }
}

/// The store over the horizon. Step 0 always arrives with what is there at first.
#[derive(Debug)]
pub(super) struct Store<'a> {
    pub(super) asset: Stored<'a>,
    pub(super) charge_efficiency: f64,
    pub(super) discharge_efficiency: f64,
    pub(super) wear: f64,
    pub(super) steps: Vec<StoreStep>,
}

impl<'a> Store<'a> {
    /// For a site without any: always empty.
    pub(super) fn nothing(checked: &Checked<'_>) -> Self {
        let mut steps: Vec<StoreStep> = (0..checked.steps()).map(|_| absent()).collect();
        steps[0].arrives_with = Some(0.0);
        Self { asset: Stored::Nothing, charge_efficiency: 1.0, discharge_efficiency: 1.0, wear: 0.0, steps }
    }

    pub(super) fn battery(checked: &Checked<'_>, part: usize, battery: &'a Battery) -> Self {
        let mut steps: Vec<StoreStep> = (0..checked.steps()).map(|step| battery_step(checked, battery, step)).collect();
        steps[0].arrives_with = Some(battery.initial_wh / 1e3);
        if let Some(last) = steps.last_mut() {
            last.hinges.extend(asked(checked.battery_target(battery)));
        }
        Self {
            asset: Stored::Battery(part, battery),
            charge_efficiency: battery.charge_efficiency,
            discharge_efficiency: battery.discharge_efficiency,
            wear: battery.wear_per_kwh,
            steps,
        }
    }

    pub(super) fn ev(checked: &Checked<'_>, part: usize, ev: &'a Ev) -> Self {
        let mut steps: Vec<StoreStep> = (0..checked.steps()).map(|_| absent()).collect();
        let price = checked.ev_shortfall_per_kwh(ev);
        let flows = ev_flows(ev);
        for session in &ev.sessions {
            let within = checked.session_steps(session);
            let Some(last) = within.clone().last() else { continue };
            for step in &mut steps[within.clone()] {
                step.flows.clone_from(&flows);
                step.range = (0.0, checked.session_limit_wh(ev, session) / 1e3);
            }
            steps[within.start].arrives_with = Some(session.initial_wh / 1e3);
            steps[last].hinges.push(Hinge::at_least(checked.session_target_wh(ev, session) / 1e3, price));
            if let Some(after) = steps.get_mut(last + 1) {
                after.arrives_with = Some(0.0);
            }
        }
        steps[0].arrives_with.get_or_insert(0.0);
        Self {
            asset: Stored::Ev(part, ev),
            charge_efficiency: ev.charge_efficiency,
            discharge_efficiency: ev.discharge_efficiency,
            wear: ev.wear_per_kwh,
            steps,
        }
    }

    /// The energies that a step may begin with.
    pub(super) fn opening(&self, step: usize) -> (f64, f64) {
        self.steps[step].arrives_with.map_or_else(|| self.steps[step - 1].range, |energy| (energy, energy))
    }

    /// Whether the step after this one begins with what this one ended with.
    pub(super) fn carries(&self, step: usize) -> bool {
        self.steps.get(step + 1).is_some_and(|next| next.arrives_with.is_none())
    }

    /// What the energy at the end of a step costs.
    pub(super) fn holding_cost(&self, step: usize, energy: f64) -> f64 {
        self.steps[step].hinges.iter().map(|hinge| hinge.at(energy)).sum()
    }
}

fn absent() -> StoreStep {
    StoreStep { flows: vec![Flow::default()], kept: 1.0, ..StoreStep::default() }
}

fn battery_step(checked: &Checked<'_>, battery: &Battery, step: usize) -> StoreStep {
    let (charge, discharge) = checked.battery_limits_w(battery, step);
    let bounds = checked.energy_bounds(battery, step);
    let (min, max) = (bounds.min_wh / 1e3, bounds.max_wh / 1e3);
    let hours = checked.hours[step];
    let mut hinges = Vec::new();
    let mut range = (min, max);
    if checked.starts_outside(battery) {
        range = (0.0, battery.capacity_wh.max(battery.initial_wh) / 1e3);
        hinges.push(Hinge::at_least(min, checked.shortage_per_kwh * hours));
        hinges.push(Hinge::at_most(max, checked.shortage_per_kwh * hours));
    }
    let preference = battery.preference_per_kwh_h.unwrap_or(checked.shortage_per_kwh) * hours;
    hinges.extend(battery.preferred_min_wh.as_ref().map(|min| Hinge::at_least(min.at(step) / 1e3, preference)));
    hinges.extend(battery.preferred_max_wh.as_ref().map(|max| Hinge::at_most(max.at(step) / 1e3, preference)));
    StoreStep {
        flows: vec![Flow { charge: (0.0, charge / 1e3), discharge: discharge / 1e3 }],
        kept: checked.kept(battery.self_discharge_per_hour, step),
        range,
        hinges,
        arrives_with: None,
    }
}

/// Nothing or a discharge, and each band in which it may charge.
fn ev_flows(ev: &Ev) -> Vec<Flow> {
    let discharge = ev.discharge_limit_w / 1e3;
    let mut flows = Vec::new();
    for (least, most) in ev.charging.bands_w() {
        match least {
            0.0 => flows.push(Flow { charge: (0.0, most / 1e3), discharge }),
            _ => flows.push(Flow::charging(least / 1e3, most / 1e3)),
        }
    }
    if flows.iter().all(|flow| flow.charge.0 > 0.0) {
        flows.insert(0, Flow::discharging(discharge));
    }
    flows
}

fn asked(target: Target) -> Option<Hinge> {
    match target {
        Target::AtLeast { wh, per_kwh } => Some(Hinge::at_least(wh / 1e3, per_kwh)),
        Target::Exactly { wh, per_kwh } => Some(Hinge { place: wh / 1e3, left: -per_kwh, right: per_kwh }),
        Target::Worth { per_kwh: 0.0 } => None,
        Target::Worth { per_kwh } => Some(Hinge { place: 0.0, left: -per_kwh, right: -per_kwh }),
    }
}
