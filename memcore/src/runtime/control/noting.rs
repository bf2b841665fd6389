//! What of a decision is worth saying: what has changed beyond a deadband, and everything again every quarter of an hour.

use std::collections::BTreeMap;
use std::time::Duration;

use super::log::{Answered, ControlEvent, Decided, Input, LimitedBy, SAID_AGAIN};
use super::orders::Heard;
use super::status::Paused;
use crate::control::{AssetDecision, Cause, CheckedModel, Controller, Decision, Fault, Measure, Moment, Order, Priority};
use crate::model::{CommandId, CommandState, Name, SeriesName, Span};

/// A power that has moved by less is the same: so many W, and this share of what was said.
const DEADBAND_W: f64 = 25.0;
const DEADBAND_SHARE: f64 = 0.02;

/// What was said last, and what there is to say it with.
#[derive(Debug)]
pub(crate) struct Noting {
    /// Of each asset: which readings a decision about it stands on.
    inputs: Vec<Vec<(SeriesName, Measure, usize)>>,
    said: Vec<Option<Said>>,
    /// Of each asset: the last order, what it says, and what was heard of it.
    orders: Vec<Option<Ordered>>,
    all_said: Option<Duration>,
    faults: Vec<Fault>,
    /// What is wrong with orders and actors, by what it is about.
    own_faults: BTreeMap<String, String>,
    faults_changed: bool,
    texts: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
struct Said {
    power_w: f64,
    wish: Option<(Name, Priority)>,
    causes: Vec<Cause>,
}

#[derive(Debug, Clone)]
struct Ordered {
    id: CommandId,
    value: f64,
    /// What was last heard, and of which value.
    heard: Option<(f64, CommandState)>,
}

fn is_setpoint(model: &CheckedModel, order: &Order) -> bool {
    let setpoint = model.assets()[order.asset].setpoint.as_ref();
    setpoint.is_some_and(|setpoint| setpoint.series == order.target)
}

impl Ordered {
    /// What was heard of this value; what became of another says nothing of it.
    fn heard_of_it(&self) -> Option<&CommandState> {
        self.heard.as_ref().filter(|(value, _)| *value == self.value).map(|(_, state)| state)
    }
}

impl Noting {
    pub(crate) fn new(model: &CheckedModel) -> Self {
        let assets = model.assets().len();
        Self {
            inputs: (0..assets).map(|place| inputs_of(model, place)).collect(),
            said: vec![None; assets],
            orders: vec![None; assets],
            all_said: None,
            faults: Vec::new(),
            own_faults: BTreeMap::new(),
            faults_changed: false,
            texts: Vec::new(),
        }
    }

    /// What is not as it should be, in the words of the site.
    pub(crate) fn faults(&self) -> &[String] {
        &self.texts
    }

    /// What was last heard of the orders of an asset.
    pub(crate) fn order_of(&self, place: usize) -> Option<&CommandState> {
        self.orders.get(place)?.as_ref()?.heard_of_it()
    }

    /// Something is wrong with what `about` names, or right again.
    pub(crate) fn set_fault(&mut self, about: &str, fault: Option<&str>) {
        let changed = match fault {
            Some(fault) if self.own_faults.get(about).map(String::as_str) != Some(fault) => {
                self.own_faults.insert(about.to_owned(), fault.to_owned());
                true
            }
            Some(_) => false,
            None => self.own_faults.remove(about).is_some(),
        };
        self.faults_changed |= changed;
    }

    /// An order was given. Of those that switch phases nothing is kept: what an asset does is its setpoint.
    pub(crate) fn ordered(&mut self, model: &CheckedModel, order: &Order, id: &CommandId) {
        if !is_setpoint(model, order) {
            return;
        }
        let heard = self.orders[order.asset].take().and_then(|before| before.heard);
        self.orders[order.asset] = Some(Ordered { id: id.clone(), value: order.value, heard });
    }

    /// A device answered: worth saying where it is not what it said before.
    pub(crate) fn answered(&mut self, model: &CheckedModel, heard: Heard, now: Moment) -> Option<ControlEvent> {
        let Heard { order, id, state } = heard;
        let (place, asset) = (order.asset, &model.assets()[order.asset]);
        if !state.is_final() {
            return None;
        }
        let fault = order_fault(asset.name.as_str(), order.value, &state);
        self.set_fault(&format!("order of {}", order.target), fault.as_deref());
        if !is_setpoint(model, &order) {
            return None;
        }
        let ordered = self.orders[place].get_or_insert(Ordered { id: id.clone(), value: order.value, heard: None });
        let before = ordered.heard.replace((order.value, state.clone()));
        let asset = asset.name.clone();
        let answered = Answered { time: now.wall, asset, command: id, value: order.value, state };
        let is_new = before.is_none_or(|(value, state)| value != answered.value || state != answered.state);
        is_new.then_some(ControlEvent::Answered(answered))
    }

    /// What of a decision is to be said. While control is paused only faults are.
    pub(crate) fn decided(
        &mut self,
        decision: &Decision,
        controller: &Controller,
        now: Moment,
        paused: Option<&Paused>,
    ) -> Vec<ControlEvent> {
        let mut events = Vec::new();
        self.note_faults(decision, controller.model(), &mut events);
        let again = self.all_said.is_none_or(|said| now.elapsed.saturating_sub(said) >= SAID_AGAIN.to_duration());
        if again {
            self.all_said = Some(now.elapsed);
            let again = |Paused { since_us, by }: &Paused| (*since_us, by.clone());
            let paused = paused.map(again);
            events.extend(paused.map(|(since_us, by)| ControlEvent::Paused { time_us: decision.at, since_us, by }));
        }
        for (place, decided) in decision.assets.iter().enumerate() {
            let Some(decided) = decided.as_ref().filter(|_| paused.is_none()) else {
                self.said[place] = None;
                continue;
            };
            let changed = self.said[place].as_ref().is_none_or(|said| !said.is_like(decided));
            if changed || again {
                self.said[place] = Some(Said::of(decided));
                let told = self.tell(decision, decided, place, controller, now, !changed);
                events.extend(told.map(|told| ControlEvent::Decided(Box::new(told))));
            }
        }
        events
    }

    fn note_faults(&mut self, decision: &Decision, model: &CheckedModel, events: &mut Vec<ControlEvent>) {
        if self.faults == decision.faults && !self.faults_changed {
            return;
        }
        self.faults_changed = false;
        self.faults.clone_from(&decision.faults);
        self.texts = decision.faults.iter().map(|fault| fault.text(model)).collect();
        self.texts.extend(self.own_faults.values().cloned());
        events.push(ControlEvent::Faults { time_us: decision.at, faults: self.texts.clone() });
    }

    fn tell(
        &self,
        decision: &Decision,
        decided: &AssetDecision,
        place: usize,
        controller: &Controller,
        now: Moment,
        again: bool,
    ) -> Option<Decided> {
        let model = controller.model();
        let asset = &model.assets()[place];
        if !decided.power_w.is_finite() {
            return None;
        }
        let finite = |bound: f64| bound.is_finite().then_some(bound);
        let limits = decided.limits.iter().filter(|limited| limited.from_w.is_finite() && limited.to_w.is_finite());
        let (order, setpoint) = (self.orders[place].as_ref(), asset.setpoint.as_ref()?);
        Some(Decided {
            time: decision.at,
            asset: asset.name.clone(),
            role: asset.role,
            target: setpoint.series.clone(),
            power_w: decided.power_w,
            wish: decided.wish.clone(),
            low_w: finite(decided.bounds_w.0),
            high_w: finite(decided.bounds_w.1),
            limits: limits
                .map(|limited| LimitedBy {
                    by: controller.cause_text(limited.cause),
                    from_w: limited.from_w,
                    to_w: limited.to_w,
                })
                .collect(),
            inputs: self.inputs[place].iter().filter_map(|input| read(controller, input, now)).collect(),
            command: order.map(|order| order.id.clone()),
            value: order.map(|order| order.value),
            answer: order.and_then(Ordered::heard_of_it).cloned(),
            faults: self.texts.clone(),
            again,
        })
    }
}

impl Said {
    fn of(decided: &AssetDecision) -> Self {
        Self {
            power_w: decided.power_w,
            wish: decided.wish.as_ref().map(|wish| (wish.actor.clone(), wish.priority)),
            causes: decided.limits.iter().map(|limited| limited.cause).collect(),
        }
    }

    fn is_like(&self, decided: &AssetDecision) -> bool {
        let moved = (self.power_w - decided.power_w).abs();
        let stopped = (self.power_w == 0.0) != (decided.power_w == 0.0);
        let wish = match (&self.wish, &decided.wish) {
            (Some((actor, priority)), Some(wish)) => *actor == wish.actor && *priority == wish.priority,
            (before, after) => before.is_none() && after.is_none(),
        };
        let causes = decided.limits.iter().map(|limited| limited.cause);
        moved <= DEADBAND_W.max(DEADBAND_SHARE * self.power_w.abs())
            && !stopped
            && wish
            && self.causes.iter().copied().eq(causes)
    }
}

/// Of the asset itself, of the grid connection, and of the meters of the circuits above.
fn inputs_of(model: &CheckedModel, place: usize) -> Vec<(SeriesName, Measure, usize)> {
    let mut places = vec![place];
    let mut above = model.assets()[place].circuit;
    while let Some(circuit) = above.and_then(|circuit| model.circuits().get(circuit)) {
        places.extend(circuit.meter);
        above = circuit.within;
    }
    places.extend(model.grid());
    let all = model.inputs().flat_map(|(series, inputs)| inputs.iter().map(move |input| (series, *input)));
    let mut inputs: Vec<_> = all
        .filter_map(|(series, (measure, of))| {
            let near = match measure {
                Measure::External | Measure::GridPresent => true,
                _ => places.contains(&of),
            };
            near.then(|| (series.clone(), measure, of))
        })
        .collect();
    inputs.sort_by(|(a, ..), (b, ..)| a.cmp(b));
    inputs.dedup_by(|(a, ..), (b, ..)| a == b);
    inputs
}

fn read(controller: &Controller, (series, measure, place): &(SeriesName, Measure, usize), now: Moment) -> Option<Input> {
    let live = controller.situation().last(*place, *measure)?;
    let age = Span::from(now.elapsed.saturating_sub(live.seen));
    Some(Input { series: series.clone(), what: word(*measure).to_owned(), value: live.value, age })
}

/// What a measure is called where decisions are read.
fn word(measure: Measure) -> &'static str {
    match measure {
        Measure::Power => "power",
        Measure::Soc => "state of charge",
        Measure::Connected => "vehicle connected",
        Measure::CurrentL1 => "current of L1",
        Measure::CurrentL2 => "current of L2",
        Measure::CurrentL3 => "current of L3",
        Measure::Voltage => "voltage",
        Measure::Frequency => "frequency",
        Measure::Temperature => "temperature",
        Measure::External => "limit from outside",
        Measure::GridPresent => "grid present",
    }
}

/// What is wrong with an order, where something is.
fn order_fault(asset: &str, value: f64, state: &CommandState) -> Option<String> {
    match state {
        CommandState::Refused { code, reason } => Some(format!("{asset} refuses its order: {code}: {reason}")),
        CommandState::Expired => Some(format!("{asset} took no order in time: its device is away")),
        CommandState::Unknown { .. } => Some(format!("{asset} did not say what became of its order")),
        CommandState::Done { read_back: Some(read_back) } if !is_near(value, *read_back) => {
            Some(format!("{asset} was told {value} and reads back {read_back}"))
        }
        _ => None,
    }
}

/// A device rounds to its own steps.
fn is_near(value: f64, read_back: f64) -> bool {
    (value - read_back).abs() <= (0.05 * value.abs()).max(1.0)
}
