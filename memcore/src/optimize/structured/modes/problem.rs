//! A site as this engine sees it: one bus, at most one store, an automaton of what has a memory, and the modes of every step.

use super::automaton::{Automaton, Member};
use super::bus::{Bus, Direction, Running};
use super::commitment::{Commitment, RUNS};
use super::runs::{ChargingStarts, OneRun, SeveralRuns};
use super::store::{Flow, Store, Stored};
use super::supply::{Conversion, Curve, Supply};
use crate::optimize::checked::Checked;
use crate::optimize::{Asset, Deferrable};

/// A site of the right shape.
#[derive(Debug)]
pub(super) struct Problem<'a> {
    pub(super) checked: &'a Checked<'a>,
    pub(super) bus: Bus<'a>,
    pub(super) store: Store<'a>,
    pub(super) automaton: Automaton<'a>,
    /// By state of the automaton.
    activity: Vec<usize>,
    /// By activity: what runs.
    running: Vec<Running>,
}

/// One mode of a step: a direction at the grid, a flow of the store, and what it costs.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) direction: Direction,
    pub(super) flow: Flow,
    pub(super) curve: Curve,
}

impl<'a> Problem<'a> {
    /// The site, where its shape has been found to be right.
    ///
    /// # Errors
    /// Why what has a memory is too much: nothing is made for each of its states then.
    pub(super) fn new(checked: &'a Checked<'a>) -> Result<Self, String> {
        let bus = Bus::new(checked);
        let mut automaton = Automaton::default();
        for (_, genset) in &bus.gensets {
            automaton.members.push(Box::new(Commitment::new(checked, genset)));
        }
        for (_, load) in &bus.deferrables {
            automaton.members.push(run(checked, load));
        }
        let store = store(checked);
        if let Stored::Ev(_, ev) = store.asset
            && ev.start_cost != 0.0
        {
            automaton.members.push(Box::new(ChargingStarts::new(checked, ev)));
        }
        if let Some(why) = super::too_much(&automaton, checked.steps()) {
            return Err(why);
        }
        let running = |activity: usize| running(&bus, &automaton.activity_of_members(activity));
        Ok(Self {
            checked,
            store,
            activity: (0..automaton.states()).map(|state| automaton.activity(state)).collect(),
            running: (0..automaton.activities()).map(running).collect(),
            bus,
            automaton,
        })
    }

    pub(super) fn steps(&self) -> usize {
        self.checked.steps()
    }

    pub(super) fn activities(&self) -> usize {
        self.running.len()
    }

    pub(super) fn activity(&self, state: usize) -> usize {
        self.activity[state]
    }

    pub(super) fn running(&self, state: usize) -> &Running {
        &self.running[self.activity[state]]
    }

    pub(super) fn conversion(&self) -> Conversion {
        Conversion {
            charge_efficiency: self.store.charge_efficiency,
            discharge_efficiency: self.store.discharge_efficiency,
            wear: self.store.wear,
        }
    }

    /// The modes of an activity in a step that can meet the demand. A flow that would be cheaper if it charged and discharged at once
    /// is taken apart into the one and the other.
    pub(super) fn stages(&self, step: usize, activity: usize) -> Vec<Stage> {
        let mut stages = Vec::new();
        for direction in self.bus.directions(step) {
            for flow in &self.flows(step, self.running[activity].charging) {
                let supply = self.bus.supply(step, &self.running[activity], *direction, *flow);
                let stage = |flow: Flow| {
                    let curve = supply.curve(flow, self.conversion())?;
                    Some(Stage { direction: *direction, flow, curve })
                };
                match stage(*flow) {
                    Some(both) if !both.curve.convex => {
                        let apart = [flow.only_charging(), Flow::discharging(flow.discharge)];
                        stages.extend(apart.into_iter().filter_map(stage));
                    }
                    whole => stages.extend(whole),
                }
            }
        }
        stages
    }

    /// The flows of the store to choose from, where it is settled whether it charges.
    fn flows(&self, step: usize, charging: Option<bool>) -> Vec<Flow> {
        let flows = &self.store.steps[step].flows;
        match charging {
            None => flows.clone(),
            Some(true) => flows.iter().copied().filter(|flow| flow.charge.1 > 0.0).collect(),
            Some(false) => {
                let discharge = flows.iter().map(|flow| flow.discharge).fold(0.0, f64::max);
                vec![Flow::discharging(discharge)]
            }
        }
    }

    /// What can be had in a step in a mode of a state.
    pub(super) fn supply(&self, step: usize, state: usize, stage: &Stage) -> Supply {
        self.bus.supply(step, self.running(state), stage.direction, stage.flow)
    }
}

fn store<'a>(checked: &'a Checked<'a>) -> Store<'a> {
    let found = checked.assets().find_map(|(part, asset)| match asset {
        Asset::Battery(battery) => Some(Stored::Battery(part, battery)),
        Asset::Ev(ev) => Some(Stored::Ev(part, ev)),
        _ => None,
    });
    match found {
        Some(Stored::Battery(part, battery)) => Store::battery(checked, part, battery),
        Some(Stored::Ev(part, ev)) => Store::ev(checked, part, ev),
        _ => Store::nothing(checked),
    }
}

fn run<'a>(checked: &'a Checked<'a>, load: &'a Deferrable) -> Box<dyn Member + 'a> {
    if load.contiguous { Box::new(OneRun::new(checked, load)) } else { Box::new(SeveralRuns::new(checked, load)) }
}

/// What runs, by what each member of the automaton does: gensets first, then deferrable loads, then the charger.
fn running(bus: &Bus<'_>, does: &[usize]) -> Running {
    let (gensets, others) = does.split_at(bus.gensets.len());
    let (loads, charger) = others.split_at(bus.deferrables.len());
    let takes = |((_, load), does): (&(usize, &Deferrable), &usize)| {
        let place = does.checked_sub(1)?;
        Some(load.shape_w.get(place).copied().unwrap_or(load.power_w) / 1e3)
    };
    Running {
        gensets: gensets.iter().map(|does| *does == RUNS).collect(),
        deferrables: bus.deferrables.iter().zip(loads).map(takes).collect(),
        charging: charger.first().map(|does| *does == 1),
    }
}
