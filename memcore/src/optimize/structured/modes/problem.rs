//! A site as this engine sees it: one bus, at most one store, an automaton of what has a memory, and the modes of every step.

use super::automaton::Automaton;
use super::bus::{Bus, Direction, Running};
use super::commitment::{Commitment, RUNS};
use super::store::{Flow, Store, Stored};
use super::supply::{Conversion, Curve, Supply};
use crate::optimize::Asset;
use crate::optimize::checked::Checked;

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
    pub(super) fn new(checked: &'a Checked<'a>) -> Self {
        let bus = Bus::new(checked);
        let mut automaton = Automaton::default();
        for (_, genset) in &bus.gensets {
            automaton.members.push(Box::new(Commitment::new(checked, genset)));
        }
        let running = |activity: usize| {
            let members = automaton.activity_of_members(activity);
            Running { gensets: members.iter().map(|does| *does == RUNS).collect(), deferred: 0.0 }
        };
        Self {
            checked,
            store: store(checked),
            activity: (0..automaton.states()).map(|state| automaton.activity(state)).collect(),
            running: (0..automaton.activities()).map(running).collect(),
            bus,
            automaton,
        }
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
            for flow in &self.store.steps[step].flows {
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
