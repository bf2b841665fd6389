//! A site in motion: assets that follow their orders after a while, meters that show it or do not, clocks that jump, and people who
//! wish for all sorts of things.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::site;
use crate::control::{CheckedModel, Controller, Decision, Moment, Priority, Proposal, Role, Target};
use crate::model::dice::Random;
use crate::model::{Name, Sample, SeriesName, Span, Timestamp};

/// The longest that an asset takes to follow, in seconds.
pub(super) const DELAY: u64 = 3;

const NOON: i64 = 1_782_907_200;

/// An asset as it is.
#[derive(Debug)]
pub(super) struct Thing {
    pub(super) power_w: f64,
    pub(super) phases: u8,
    pub(super) soc: f64,
    /// The state of charge that was reported last, and when its meter reported last.
    pub(super) told_soc: Option<f64>,
    pub(super) told: Option<u64>,
    /// What the sun gives, what a car takes.
    can_w: f64,
    orders: VecDeque<(u64, f64, u8)>,
    delay: u64,
    silent_until: u64,
}

pub(super) struct World {
    pub(super) dice: Random,
    pub(super) model: Arc<CheckedModel>,
    pub(super) controller: Controller,
    pub(super) now: Moment,
    pub(super) second: u64,
    pub(super) things: Vec<Thing>,
    /// What each circuit with a meter feeds that nobody knows of, by phase.
    pub(super) hidden_w: Vec<[f64; 3]>,
    pub(super) present: bool,
    /// The signal of the limit from outside, and when it came last.
    pub(super) signal: Option<f64>,
    pub(super) signalled: Option<u64>,
    pub(super) first_signal: Option<u64>,
    /// Nothing happens any more.
    pub(super) calm: bool,
    series: Vec<[Option<SeriesName>; 5]>,
    off_s: i64,
    restless: bool,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut dice = Random::new(seed);
        let model = site::random(&mut dice);
        let thing = |_| Thing {
            power_w: 0.0,
            phases: 3,
            soc: 0.5,
            told_soc: None,
            told: None,
            can_w: 6_000.0,
            orders: VecDeque::new(),
            delay: 0,
            silent_until: 0,
        };
        let mut things: Vec<Thing> = model.assets.iter().map(thing).collect();
        for thing in &mut things {
            (thing.delay, thing.soc) = (dice.below(DELAY as usize + 1) as u64, dice.between(0.05, 0.95));
        }
        let controller = Controller::new(model.clone(), Vec::new());
        let now = Moment { wall: Timestamp::from_seconds(NOON), elapsed: Duration::from_secs(50) };
        let (restless, hidden_w) = (dice.once_in(3), vec![[0.0; 3]; model.circuits.len()]);
        let series = model.assets.iter().map(|asset| channels(asset.name.as_str(), &asset.described.currents)).collect();
        let model = Arc::new(model);
        Self {
            dice,
            model,
            controller,
            now,
            second: 0,
            things,
            hidden_w,
            present: true,
            signal: None,
            signalled: None,
            first_signal: None,
            calm: false,
            series,
            off_s: 0,
            restless,
        }
    }

    /// A second passes; what is decided at its end.
    pub(super) fn step(&mut self) -> Decision {
        self.second += 1;
        self.now = self.now.after(Span::from_seconds(1));
        if !self.calm {
            self.happen();
        }
        self.follow();
        self.report();
        let decision = self.controller.tick(self.now);
        for (thing, decided) in self.things.iter_mut().zip(&decision.assets) {
            if let Some(decided) = decided {
                thing.orders.push_back((self.second + thing.delay, decided.power_w, decided.phases));
            }
        }
        decision
    }

    /// The world comes to rest: all meters report, and one wish stands.
    pub(super) fn rest(&mut self) {
        if let Some(forming) = self.model.forming.filter(|_| !self.present) {
            self.things[forming].power_w = 0.0;
        }
        (self.calm, self.present) = (true, true);
        if self.signal.is_none() && !self.model.externals.is_empty() {
            self.signal = Some(20_000.0);
        }
        for thing in &mut self.things {
            thing.silent_until = 0;
        }
    }

    fn happen(&mut self) {
        let device_time = self.device_time();
        let dice = &mut self.dice;
        let uneven = self.model.circuits.iter().filter_map(|circuit| circuit.meter);
        let uneven = { uneven }.all(|meter| !self.model.assets[meter].described.currents.is_empty());
        for (hidden, circuit) in self.hidden_w.iter_mut().zip(&self.model.circuits) {
            if circuit.meter.is_some() && dice.once_in(20) {
                let most_w = circuit.limit_a * circuit.volts / 2.0;
                let even_w = dice.between(-0.2, 1.0) * most_w;
                *hidden = [even_w; 3];
                if uneven {
                    *hidden = hidden.map(|_| dice.between(-0.2, 1.0) * most_w);
                }
            }
        }
        for (thing, asset) in self.things.iter_mut().zip(&self.model.assets) {
            if dice.once_in(40) {
                thing.can_w = dice.between(0.0, 6_000.0) * if asset.role == Role::Charger { 2.0 } else { 1.0 };
                if asset.setpoint.is_none() {
                    thing.power_w = dice.between(0.0, 3_000.0);
                }
            }
            if dice.once_in(300) {
                thing.silent_until = self.second + 5 + dice.below(60) as u64;
            }
        }
        if dice.once_in(400) {
            self.off_s += dice.one_of(&[-3_600, 3_600]);
            self.now.wall = device_time.saturating_add(Span::from_seconds(self.off_s));
        }
        if self.model.model.island.is_some() && dice.once_in(150) {
            self.present = !self.present;
            if let Some(forming) = self.model.forming {
                self.things[forming].power_w = 0.0;
            }
        }
        if !self.model.externals.is_empty() && dice.once_in(60) {
            self.signal = dice.one_of(&[None, Some(20_000.0), Some(6_000.0), Some(2_000.0), Some(0.0)]);
        }
        self.backlog();
        self.wish();
    }

    /// What a device measured a while ago comes now.
    fn backlog(&mut self) {
        if !self.dice.once_in(60) {
            return;
        }
        let (place, ago) = (self.dice.below(self.things.len()), 60 + self.dice.below(3_600) as i64);
        for row in 0..20 {
            let time = self.device_time().saturating_add(Span::from_seconds(row - ago));
            let value = self.dice.between(-20_000.0, 20_000.0);
            self.row(place, 0, value, time);
            self.row(place, 1, 0.5, time);
        }
    }

    fn wish(&mut self) {
        let eager = if self.restless { 1 } else { 4 };
        if !self.dice.once_in(eager) {
            return;
        }
        let asset = self.dice.below(self.things.len());
        let target = match self.dice.below(6) {
            0 if !self.model.groups.is_empty() => Target::Group(Name::new("pair").unwrap()),
            1 => Target::Role(self.model.assets[asset].role),
            _ => Target::Asset(self.model.assets[asset].name.clone()),
        };
        let actor = Name::new(self.dice.one_of(&["plan", "person", "market"])).unwrap();
        let priority = Priority::new(self.dice.one_of(&[10, 40, 40, 80])).unwrap();
        let (one_w, other_w) = (self.dice.between(-6_000.0, 12_000.0), self.dice.between(-6_000.0, 12_000.0));
        let proposal = if self.dice.below(3) == 0 {
            Proposal::bounds(actor, target, Some(one_w.min(other_w)), Some(one_w.max(other_w)), priority, "between")
        } else {
            Proposal::power(actor, target, one_w, priority, "exactly")
        };
        // Many are refused: that an array shall draw, that a meter shall do anything.
        let _ = self.controller.propose(proposal.valid_for(Span::from_seconds(5 + self.dice.below(100) as i64)), self.now);
    }

    /// Assets do what they were told a while ago, as far as they can.
    fn follow(&mut self) {
        let forming = self.model.forming.filter(|_| !self.present);
        for (place, (thing, asset)) in self.things.iter_mut().zip(&self.model.assets).enumerate() {
            while thing.orders.front().is_some_and(|(due, ..)| *due <= self.second) {
                let Some((_, power_w, phases)) = thing.orders.pop_front() else { break };
                (thing.phases, thing.power_w) = (phases, power_w);
                match asset.role {
                    Role::Pv => thing.power_w = power_w.max(-thing.can_w),
                    Role::Charger => thing.power_w = power_w.min(thing.can_w),
                    _ => {}
                }
            }
            if asset.storage.is_some() && Some(place) != forming && !self.calm {
                thing.soc = (thing.soc + thing.power_w / 3_600.0 / 400.0).clamp(0.0, 1.0);
            }
        }
        if let Some(forming) = forming {
            self.things[forming].power_w = 0.0;
            self.things[forming].power_w = -self.flow(0).iter().sum::<f64>();
        }
    }

    /// What flows into a circuit, by phase, in W.
    pub(super) fn flow(&self, circuit: usize) -> [f64; 3] {
        let mut flow = [0.0; 3];
        for (inner, hidden) in self.hidden_w.iter().enumerate() {
            if self.within(inner, circuit) {
                flow = add(flow, *hidden);
            }
        }
        self.model.circuits[circuit].members.iter().fold(flow, |flow, member| add(flow, self.drawn(*member)))
    }

    /// What an asset draws, by phase.
    pub(super) fn drawn(&self, place: usize) -> [f64; 3] {
        let (thing, asset) = (&self.things[place], &self.model.assets[place]);
        let one = asset.described.phase_setpoint.is_some() && thing.phases == 1;
        let shares = if one { [1.0, 0.0, 0.0] } else { asset.phase_shares() };
        shares.map(|share| share * thing.power_w)
    }

    fn within(&self, mut inner: usize, circuit: usize) -> bool {
        while inner != circuit {
            let Some(outer) = self.model.circuits[inner].within else { return false };
            inner = outer;
        }
        true
    }

    fn device_time(&self) -> Timestamp {
        Timestamp::from_seconds(NOON + self.second as i64)
    }

    fn report(&mut self) {
        let time = self.device_time();
        let meters = self.model.circuits.iter().enumerate().filter_map(|(at, circuit)| Some((circuit.meter?, at)));
        for (meter, circuit) in meters.collect::<Vec<_>>() {
            let dead = circuit == 0 && !self.present;
            let flow = if dead { [0.0; 3] } else { self.flow(circuit) };
            if self.reports(meter) {
                self.row(meter, 0, flow.iter().sum(), time);
                for (phase, power_w) in flow.into_iter().enumerate() {
                    self.row(meter, 2 + phase, power_w / 230.0, time);
                }
            }
        }
        for place in 0..self.things.len() {
            if !self.model.assets[place].role.is_meter() && self.reports(place) {
                self.row(place, 0, self.things[place].power_w, time);
                if self.model.assets[place].storage.is_some() {
                    self.row(place, 1, self.things[place].soc, time);
                    self.things[place].told_soc = Some(self.things[place].soc);
                }
            }
        }
        let mut site_row = |channel: &str, value| {
            self.controller.read(&channel.parse().unwrap(), Sample { time, value }, self.now);
        };
        if self.model.model.island.is_some() {
            site_row("trial.switch.present", f64::from(u8::from(self.present)));
        }
        if let Some(signal) = self.signal.filter(|_| !self.model.externals.is_empty()) {
            site_row("trial.box.limit", signal);
            self.signalled = Some(self.second);
            self.first_signal.get_or_insert(self.second);
        }
    }

    fn reports(&mut self, place: usize) -> bool {
        let period = self.model.assets[place].silent_after.as_secs() / 3;
        let reports = self.second.is_multiple_of(period) && self.things[place].silent_until <= self.second;
        if reports {
            self.things[place].told = Some(self.second);
        }
        reports
    }

    fn row(&mut self, place: usize, channel: usize, value: f64, time: Timestamp) {
        if let Some(series) = &self.series[place][channel] {
            self.controller.read(series, Sample { time, value }, self.now);
        }
    }

    /// One wish for each asset that is moved, each second, so that all stand.
    pub(super) fn constant_wish(&mut self) {
        for (at, asset) in self.model.assets.iter().enumerate().filter(|(_, asset)| asset.setpoint.is_some()) {
            let power_w = asset.high_w.max(0.0) * 0.7 + asset.low_w.min(0.0) * if at % 2 == 0 { 0.9 } else { 0.3 };
            let target = Target::Asset(asset.name.clone());
            let wish = Proposal::power(Name::new("calm").unwrap(), target, power_w, Priority::new(90).unwrap(), "calm");
            let _ = self.controller.propose(wish, self.now);
        }
    }
}

fn add(one: [f64; 3], other: [f64; 3]) -> [f64; 3] {
    [one[0] + other[0], one[1] + other[1], one[2] + other[2]]
}

fn channels(name: &str, currents: &[String]) -> [Option<SeriesName>; 5] {
    let series = |channel: &str| format!("trial.{name}.{channel}").parse().ok();
    let current = |at: usize| currents.get(at).and_then(|channel| series(channel));
    [series("power"), series("soc"), current(0), current(1), current(2)]
}
