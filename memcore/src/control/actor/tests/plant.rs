//! A site small enough to read: machines that do late what was decided, meters that tell late, and the real controller.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::scene::checked;
use crate::control::{Controller, Decision, Moment, PlannedPowers, actors};
use crate::model::{Name, Sample, Span, Timestamp};

const NOON: &str = "2026-03-10T12:00:00Z";

/// Something that follows its decisions.
struct Machine {
    name: &'static str,
    place: usize,
    /// How late it follows, in s.
    delay_s: u64,
    /// How often its meter tells, in s.
    period_s: u64,
    coming: VecDeque<(u64, f64)>,
    power_w: f64,
    /// The share of a decision that it gives.
    gives: f64,
    /// State of charge and capacity in Wh.
    store: Option<(f64, f64)>,
    plugged: bool,
}

/// A battery that gives what is missing on an island and takes what is left over; its frequency rises with what it takes.
#[derive(Clone, Copy)]
struct Former {
    hz_per_w: f64,
    soc: f64,
    capacity_wh: f64,
}

/// What was seen at a second.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) second: u64,
    pub(super) grid_w: f64,
    pub(super) hz: f64,
    pub(super) soc: f64,
    pub(super) powers_w: Vec<f64>,
    pub(super) decided_w: Vec<f64>,
}

/// The plant.
pub(super) struct Plant {
    controller: Controller,
    machines: Vec<Machine>,
    /// How often the grid meter tells and how old that is then, in s.
    grid_meter: (u64, u64),
    grid: Vec<f64>,
    /// What forms the grid of an island.
    former: Option<Former>,
    wall: Timestamp,
    second: u64,
    pub(super) decision: Option<Decision>,
}

impl Plant {
    /// A plant whose grid meter tells every second at once, without machines yet. It starts at noon UTC.
    pub(super) fn new(model: &str) -> Self {
        let model = checked(model);
        let actors = actors(&model).unwrap();
        Self {
            controller: Controller::new(model, actors),
            machines: Vec::new(),
            grid_meter: (1, 0),
            grid: Vec::new(),
            former: None,
            wall: NOON.parse().unwrap(),
            second: 0,
            decision: None,
        }
    }

    pub(super) fn grid_meter(mut self, period_s: u64, late_s: u64) -> Self {
        self.grid_meter = (period_s, late_s);
        self
    }

    /// With an asset that follows after `delay_s`, and tells its power every `period_s`.
    pub(super) fn machine(mut self, name: &'static str, delay_s: u64, period_s: u64) -> Self {
        let place = self.controller.model().place(name).unwrap();
        let coming = VecDeque::new();
        self.machines.push(Machine {
            name,
            place,
            delay_s,
            period_s,
            coming,
            power_w: 0.0,
            gives: 1.0,
            store: None,
            plugged: false,
        });
        self
    }

    /// With a battery that is half full and large.
    pub(super) fn battery(self, delay_s: u64, period_s: u64) -> Self {
        self.machine("battery", delay_s, period_s).store(0.5, 1e6)
    }

    /// The last machine stores.
    pub(super) fn store(mut self, soc: f64, capacity_wh: f64) -> Self {
        self.machines.last_mut().unwrap().store = Some((soc, capacity_wh));
        self
    }

    /// A vehicle is connected to the last machine.
    pub(super) fn plugged(mut self) -> Self {
        self.machines.last_mut().unwrap().plugged = true;
        self
    }

    /// The last machine gives this share of what it is asked.
    pub(super) fn gives(mut self, share: f64) -> Self {
        self.machines.last_mut().unwrap().gives = share;
        self
    }

    /// An island without a grid meter, formed by the battery `former`.
    pub(super) fn island(mut self, hz_per_w: f64, soc: f64, capacity_wh: f64) -> Self {
        self.former = Some(Former { hz_per_w, soc, capacity_wh });
        self
    }

    /// A plan from now on that is the same for hours, and may be followed for one.
    pub(super) fn plan(&mut self, powers_w: &[(&str, f64)]) {
        let (start, name) = (self.wall, |name: &str| Name::new(name).unwrap());
        let plan = PlannedPowers {
            site: name("home1"),
            made: start,
            valid_until: start.saturating_add(Span::from_seconds(3_600)),
            start,
            step: Span::from_seconds(900),
            powers: powers_w.iter().map(|(asset, power_w)| (name(asset), [*power_w; 24].into())).collect(),
            socs: Vec::new(),
        };
        let now = Moment { elapsed: Duration::from_secs(10_000 + self.second), wall: self.wall };
        self.controller.set_plan(Some(Arc::new(plan)), now).unwrap();
    }

    /// The wall clock is set.
    pub(super) fn set_clock(&mut self, by_s: i64) {
        self.wall = self.wall.saturating_add(Span::from_seconds(by_s));
    }

    pub(super) fn soc(&self, name: &str) -> f64 {
        self.machines.iter().find(|machine| machine.name == name).unwrap().store.unwrap().0
    }

    /// So many seconds with what nobody controls as `load_w` says by the second of the plant.
    pub(super) fn run(&mut self, seconds: u64, load_w: impl Fn(u64) -> f64) -> Vec<Row> {
        (0..seconds).map(|_| self.step(&load_w)).collect()
    }

    fn step(&mut self, load_w: &impl Fn(u64) -> f64) -> Row {
        let second = self.second;
        for machine in &mut self.machines {
            machine.follow(second);
        }
        let grid_w = load_w(second) + self.machines.iter().map(|machine| machine.power_w).sum::<f64>();
        self.grid.push(grid_w);
        let former = self.former.as_mut().map_or((50.0, 1.0), |former| former.balance(grid_w));
        let now = Moment { elapsed: Duration::from_secs(10_000 + second), wall: self.wall };
        self.tell(second, grid_w, former, now);
        let decision = self.controller.tick(now);
        let decided = |place: usize| decision.assets[place].as_ref().map_or(0.0, |decided| decided.power_w);
        for machine in &mut self.machines {
            machine.coming.push_back((second + machine.delay_s, decided(machine.place)));
        }
        let decided_w = self.machines.iter().map(|machine| decided(machine.place)).collect();
        self.decision = Some(decision);
        self.second += 1;
        self.wall = self.wall.saturating_add(Span::from_seconds(1));
        Row {
            second,
            grid_w,
            hz: former.0,
            soc: former.1,
            powers_w: self.machines.iter().map(|machine| machine.power_w).collect(),
            decided_w,
        }
    }

    /// The meters whose turn it is.
    fn tell(&mut self, second: u64, grid_w: f64, (hz, soc): (f64, f64), now: Moment) {
        let (period_s, late_s) = self.grid_meter;
        let mut readings = Vec::new();
        if second.is_multiple_of(period_s) && self.former.is_none() {
            readings.push(("grid.power".to_owned(), self.grid[(second as usize).saturating_sub(late_s as usize)]));
        }
        if self.former.is_some() {
            let former = [("frequency", hz), ("soc", soc), ("power", -grid_w)];
            readings.extend(former.map(|(channel, value)| (format!("former.{channel}"), value)));
        }
        for (turn, machine) in self.machines.iter().enumerate() {
            if (second + turn as u64 + 1).is_multiple_of(machine.period_s) || second == 0 {
                readings.push((format!("{}.power", machine.name), machine.power_w));
                readings.extend(machine.plugged.then(|| (format!("{}.connected", machine.name), 1.0)));
                readings.extend(machine.store.map(|(soc, _)| (format!("{}.soc", machine.name), soc)));
            }
        }
        // The devices' clocks are right.
        let time = NOON.parse::<Timestamp>().unwrap().saturating_add(Span::from_seconds(second as i64));
        for (channel, value) in readings {
            let series = format!("home1.{channel}").parse().unwrap();
            let taken = self.controller.read(&series, Sample { time, value }, now);
            assert!(taken, "{channel} is an input");
        }
    }
}

impl Former {
    /// What it takes for a second of what the site draws: its frequency and state of charge then.
    fn balance(&mut self, site_w: f64) -> (f64, f64) {
        self.soc = (self.soc - site_w / 3_600.0 / self.capacity_wh).clamp(0.0, 1.0);
        (50.0 - self.hz_per_w * site_w, self.soc)
    }
}

impl Machine {
    fn follow(&mut self, second: u64) {
        while let Some((_, asked_w)) = self.coming.pop_front_if(|(at, _)| *at <= second) {
            self.power_w = asked_w * self.gives;
        }
        if let Some((soc, capacity_wh)) = &mut self.store {
            *soc = (*soc + self.power_w / 3_600.0 / *capacity_wh).clamp(0.0, 1.0);
        }
    }
}
