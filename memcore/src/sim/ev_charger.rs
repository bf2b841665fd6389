//! A charging point and the car that comes and goes.

use super::device::{EmulatedDevice, RefusedCommand, check_setting};
use super::random::RandomStream;
use super::world::World;
use crate::error::Result;
use crate::model::{Channel, ChannelName, Kind, Quantity, Span, Timestamp, Unit, ValidRange};

/// What a charging point is made of, and the habits of its driver.
#[derive(Debug, Clone, PartialEq)]
pub struct EvChargerSettings {
    /// Phases that the car charges on, 1 to 3.
    pub phases: u8,
    /// Below this current a car does not charge (IEC 61851-1), in A a phase.
    pub min_current: f64,
    /// In A a phase.
    pub max_current: f64,
    /// The usual local hour of coming home.
    pub arrival: f64,
    /// The usual local hour of leaving on the next day.
    pub departure: f64,
    /// The least and the most that a car needs, in Wh.
    pub energy_need: [f64; 2],
    /// The chance that the car is used on a day, 0 to 1.
    pub use_chance: f64,
    /// What the car's battery holds, in Wh; its state of charge is reported (`soc`) where this is above zero.
    pub capacity: f64,
    /// Whether `phases` takes 1 or 3, as a charging point with a contactor for two of its phases does.
    pub phase_switch: bool,
}

impl Default for EvChargerSettings {
    fn default() -> Self {
        Self {
            phases: 1,
            min_current: 6.0,
            max_current: 32.0,
            arrival: 17.5,
            departure: 7.5,
            energy_need: [4_000.0, 35_000.0],
            use_chance: 0.8,
            capacity: 0.0,
            phase_switch: false,
        }
    }
}

impl EvChargerSettings {
    fn check(&self) -> Result<()> {
        check_setting("phases", f64::from(self.phases), 1.0, 3.0)?;
        check_setting("max_current", self.max_current, 0.0, 1e3)?;
        check_setting("min_current", self.min_current, 0.0, self.max_current)?;
        check_setting("arrival", self.arrival, 0.0, 24.0)?;
        check_setting("departure", self.departure, 0.0, 24.0)?;
        check_setting("energy_need[0]", self.energy_need[0], 0.0, self.energy_need[1])?;
        check_setting("energy_need[1]", self.energy_need[1], 0.0, 1e6)?;
        check_setting("capacity", self.capacity, 0.0, 1e6)?;
        check_setting("use_chance", self.use_chance, 0.0, 1.0)
    }
}

/// Hours until the next arrival can be: no driver comes twice in an evening.
const PAUSE: f64 = 6.0;
/// The car rests for so many seconds while the contactor of its phases is thrown: IEC 61851-1 demands a pause, and cars take
/// some time to begin anew.
const SWITCHING: f64 = 10.0;

/// A charging point whose current limit is semi-continuous: 0 pauses, and else 6 to 32 A. Values between are refused.
#[derive(Debug)]
pub struct EvCharger {
    settings: EvChargerSettings,
    channels: Vec<Channel>,
    stream: RandomStream,
    limit: f64,
    /// Those in use, and how many seconds the car still rests since they were changed.
    phases: u8,
    resting: f64,
    /// The next arrival, or the session that runs.
    driver: Driver,
    session_energy: f64,
    current: f64,
    power: f64,
}

#[derive(Debug, Clone, Copy)]
enum Driver {
    /// Not asked yet: no step has passed.
    Unknown,
    Away {
        until: Timestamp,
    },
    Here {
        until: Timestamp,
        need: f64,
    },
}

impl EvCharger {
    /// A charging point without a car.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for a setting that no charging point has.
    pub fn new(settings: EvChargerSettings, stream: RandomStream) -> Result<Self> {
        settings.check()?;
        let limit = ValidRange::new(0.0, settings.max_current)?;
        let mut channels = vec![
            Channel::gauge("power", Unit::Watt)?.build()?,
            Channel::gauge("current", Unit::Ampere)?.build()?,
            Channel::gauge("session_energy", Unit::WattHour)?.kind(Kind::Counter).build()?,
            Channel::of("connected", Quantity::Switch, Unit::OnOff)?.build()?,
            Channel::gauge("current_limit", Unit::Ampere)?.range(limit).writable().build()?,
        ];
        if settings.capacity > 0.0 {
            let soc = Channel::of("soc", Quantity::StateOfCharge, Unit::Fraction)?;
            channels.push(soc.range(ValidRange::new(0.0, 1.0)?).build()?);
        }
        if settings.phase_switch {
            let phases = Channel::of("phases", Quantity::State, Unit::Code)?;
            channels.push(phases.range(ValidRange::new(1.0, 3.0)?).writable().build()?);
        }
        let (limit, phases, driver) = (settings.max_current, settings.phases, Driver::Unknown);
        let (session_energy, current, power) = (0.0, 0.0, 0.0);
        Ok(Self { settings, channels, stream, limit, phases, resting: 0.0, driver, session_energy, current, power })
    }

    /// A car comes now, needs so many Wh and stays until then, whatever the habits of its driver.
    pub fn plug(&mut self, need: f64, until: Timestamp) {
        self.session_energy = 0.0;
        self.driver = Driver::Here { until, need: need.max(0.0) };
    }

    /// The car leaves now, and none comes before that time.
    pub fn unplug(&mut self, until: Timestamp) {
        self.driver = Driver::Away { until };
    }

    /// The state of charge of the car that is here, 0 to 1: it is full when its need is met.
    #[must_use]
    pub fn soc(&self) -> Option<f64> {
        match self.driver {
            Driver::Here { need, .. } if self.settings.capacity > 0.0 => {
                Some((1.0 - (need - self.session_energy) / self.settings.capacity).clamp(0.0, 1.0))
            }
            _ => None,
        }
    }

    fn switch_phases(&mut self, channel: &ChannelName, value: f64) -> Result<f64, RefusedCommand> {
        if value != 1.0 && value != 3.0 {
            return Err(RefusedCommand::out_of_range(channel, value, "1 or 3"));
        }
        if f64::from(self.phases) != value {
            self.phases = value as u8;
            self.resting = SWITCHING;
        }
        Ok(value)
    }

    fn drive(&mut self, world: &World) {
        let now = world.now();
        match self.driver {
            Driver::Unknown => self.driver = Driver::Away { until: self.next(self.settings.arrival, 0.0, world) },
            Driver::Away { until } if now >= until => {
                let until = self.next(self.settings.departure, 1.0, world);
                if self.stream.happens(self.settings.use_chance) {
                    let [least, most] = self.settings.energy_need;
                    self.session_energy = 0.0;
                    self.driver = Driver::Here { until, need: self.stream.uniform(least, most) };
                } else {
                    // A day at home: the car stays away from the plug until the next evening.
                    self.driver = Driver::Away { until: self.next(self.settings.arrival, PAUSE, world) };
                }
            }
            Driver::Here { until, .. } if now >= until => {
                self.driver = Driver::Away { until: self.next(self.settings.arrival, PAUSE, world) };
            }
            Driver::Away { .. } | Driver::Here { .. } => {}
        }
    }

    /// The next time that it is about that local hour, give or take an hour or so, and at least `after` hours away.
    fn next(&mut self, hour: f64, after: f64, world: &World) -> Timestamp {
        let target = hour + 0.75 * self.stream.normal();
        let wait = (target - world.local().hour() - after).rem_euclid(24.0) + after;
        world.now().saturating_add(Span::from_seconds((wait * 3600.0) as i64))
    }

    /// What the car takes within the step: never more than it needs, so that the last step may show a mean below 6 A.
    fn charge(&mut self, world: &World) {
        let hours = world.step().as_seconds() / 3600.0;
        let watts_an_ampere = world.voltage() * f64::from(self.phases);
        let rest = self.resting.min(world.step().as_seconds());
        self.resting -= rest;
        let awake = 1.0 - rest / world.step().as_seconds().max(1e-9);
        self.power = match self.driver {
            Driver::Here { need, .. } if hours > 0.0 => {
                (self.limit * watts_an_ampere * awake).min((need - self.session_energy).max(0.0) / hours)
            }
            _ => 0.0,
        };
        self.current = self.power / watts_an_ampere;
        self.session_energy += self.power * hours;
    }
}

impl EmulatedDevice for EvCharger {
    fn channels(&self) -> &[Channel] {
        &self.channels
    }

    fn step(&mut self, world: &World, row: &mut Vec<Option<f64>>) {
        // The car that was there charged during the step; then it may leave, or another may come.
        self.charge(world);
        self.drive(world);
        let connected = f64::from(u8::from(matches!(self.driver, Driver::Here { .. })));
        row.extend([self.power, self.current, self.session_energy, connected, self.limit].map(Some));
        if self.settings.capacity > 0.0 {
            row.push(self.soc());
        }
        if self.settings.phase_switch {
            row.push(Some(f64::from(self.phases)));
        }
    }

    fn power(&self) -> f64 {
        self.power
    }

    fn phase_shares(&self) -> [f64; 3] {
        match self.phases {
            1 => [1.0, 0.0, 0.0],
            2 => [0.5, 0.5, 0.0],
            _ => [1.0 / 3.0; 3],
        }
    }

    fn command(&mut self, channel: &ChannelName, value: f64) -> Result<f64, RefusedCommand> {
        if self.settings.phase_switch && channel.as_str() == "phases" {
            return self.switch_phases(channel, value);
        }
        if channel.as_str() != "current_limit" {
            return Err(RefusedCommand::not_writable(&self.channels, channel));
        }
        let (low, high) = (self.settings.min_current, self.settings.max_current);
        if value != 0.0 && !(low..=high).contains(&value) {
            return Err(RefusedCommand::out_of_range(channel, value, format_args!("0 or {low} to {high} A")));
        }
        self.limit = value;
        Ok(value)
    }
}
