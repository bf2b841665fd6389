//! A battery with its converter: power follows a setpoint within the limits of power, ramp and content.

use super::device::{EmulatedDevice, RefusedCommand, check_setting};
use super::world::World;
use crate::error::Result;
use crate::model::{Channel, ChannelName, Quantity, Span, Unit, ValidRange};

/// What a battery is made of. Power is in passive sign: charging is positive.
#[derive(Debug, Clone, PartialEq)]
pub struct BatterySettings {
    /// In Wh.
    pub capacity: f64,
    /// In W.
    pub max_charge: f64,
    /// In W.
    pub max_discharge: f64,
    /// Stored for each Wh drawn while charging.
    pub charge_efficiency: f64,
    /// Delivered for each Wh taken from the store.
    pub discharge_efficiency: f64,
    /// Fraction of the content that is lost in a day.
    pub self_discharge: f64,
    /// The state of charge below which it does not discharge; self-discharge may go lower.
    pub min_soc: f64,
    /// The state of charge above which it does not charge.
    pub max_soc: f64,
    /// The state of charge at first; may lie outside of the two bounds, as after a long outage.
    pub initial_soc: f64,
    /// How fast power changes, in W/s.
    pub ramp: f64,
}

impl Default for BatterySettings {
    fn default() -> Self {
        Self {
            capacity: 10_000.0,
            max_charge: 5_000.0,
            max_discharge: 5_000.0,
            charge_efficiency: 0.96,
            discharge_efficiency: 0.96,
            // 2 % a month.
            self_discharge: 0.02 / 30.0,
            min_soc: 0.05,
            max_soc: 1.0,
            initial_soc: 0.5,
            ramp: 2_500.0,
        }
    }
}

impl BatterySettings {
    fn check(&self) -> Result<()> {
        check_setting("capacity", self.capacity, 1e-3, 1e12)?;
        check_setting("max_charge", self.max_charge, 0.0, 1e12)?;
        check_setting("max_discharge", self.max_discharge, 0.0, 1e12)?;
        check_setting("charge_efficiency", self.charge_efficiency, 0.01, 1.0)?;
        check_setting("discharge_efficiency", self.discharge_efficiency, 0.01, 1.0)?;
        check_setting("self_discharge", self.self_discharge, 0.0, 1.0)?;
        check_setting("max_soc", self.max_soc, 0.0, 1.0)?;
        check_setting("min_soc", self.min_soc, 0.0, self.max_soc)?;
        check_setting("initial_soc", self.initial_soc, 0.0, 1.0)?;
        check_setting("ramp", self.ramp, 1e-3, 1e12)
    }
}

/// Time constant of cooling, in s, and warming a watt of losses, in K/W.
const COOLING: f64 = 7_200.0;
const WARMING: f64 = 0.05;

/// A battery that does what its setpoint says, as far as it can.
#[derive(Debug)]
pub struct Battery {
    settings: BatterySettings,
    channels: Vec<Channel>,
    setpoint: f64,
    /// The power that an island demands in the next step.
    forming: Option<f64>,
    power: f64,
    /// In Wh.
    content: f64,
    /// In degC; the first step starts at the temperature of the air.
    temperature: Option<f64>,
}

impl Battery {
    /// A battery at rest.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for a setting that no battery has.
    pub fn new(settings: BatterySettings) -> Result<Self> {
        settings.check()?;
        let range = ValidRange::new(-settings.max_discharge, settings.max_charge)?;
        let channels = vec![
            Channel::gauge("power", Unit::Watt)?.range(range).writable().build()?,
            Channel::of("soc", Quantity::StateOfCharge, Unit::Fraction)?.range(ValidRange::new(0.0, 1.0)?).build()?,
            Channel::gauge("temperature", Unit::Celsius)?.build()?,
        ];
        let content = settings.initial_soc * settings.capacity;
        Ok(Self { settings, channels, setpoint: 0.0, forming: None, power: 0.0, content, temperature: None })
    }

    /// The state of charge, 0 to 1.
    #[must_use]
    pub fn soc(&self) -> f64 {
        self.content / self.settings.capacity
    }

    /// The power that the ramp allows on the way to the setpoint, cut to what the content allows: protection does not
    /// wait for a ramp.
    fn feasible_power(&self, seconds: f64) -> f64 {
        let s = &self.settings;
        let ramped = self.power + (self.setpoint - self.power).clamp(-s.ramp * seconds, s.ramp * seconds);
        let (low, high) = self.content_limits(seconds);
        // Adding zero turns a -0 into 0.
        self.forming.unwrap_or(ramped).clamp(low, high) + 0.0
    }

    /// What the content allows during a step, in W.
    fn content_limits(&self, seconds: f64) -> (f64, f64) {
        let s = &self.settings;
        let hours = seconds / 3600.0;
        let room = (s.max_soc * s.capacity - self.content).max(0.0);
        let usable = (self.content - s.min_soc * s.capacity).max(0.0);
        (-usable * s.discharge_efficiency / hours, room / s.charge_efficiency / hours)
    }

    fn live(&mut self, seconds: f64, air: f64) {
        let hours = seconds / 3600.0;
        let s = &self.settings;
        self.content -= self.content * s.self_discharge * (hours / 24.0).min(1.0);
        self.power = self.feasible_power(seconds);
        let s = &self.settings;
        let stored = if self.power > 0.0 { self.power * s.charge_efficiency } else { self.power / s.discharge_efficiency };
        // The bounds were met above; this takes away what rounding adds.
        self.content = (self.content + stored * hours).clamp(0.0, s.capacity);

        let warm = air + WARMING * (self.power - stored).abs();
        let temperature = self.temperature.unwrap_or(air);
        self.temperature = Some(warm + (temperature - warm) * libm::exp(-seconds / COOLING));
    }
}

impl EmulatedDevice for Battery {
    fn channels(&self) -> &[Channel] {
        &self.channels
    }

    fn step(&mut self, world: &World, row: &mut Vec<Option<f64>>) {
        let seconds = world.step().as_seconds();
        if seconds > 0.0 {
            self.live(seconds, world.temperature());
        }
        self.forming = None;
        row.extend([Some(self.power), Some(self.soc()), self.temperature]);
    }

    fn power(&self) -> f64 {
        self.power
    }

    /// A converter that forms a grid follows at once: its ramp is for setpoints.
    fn forming_limits(&self, step: Span) -> Option<(f64, f64)> {
        let (low, high) = self.content_limits(step.as_seconds().max(1e-3));
        Some((low.max(-self.settings.max_discharge), high.min(self.settings.max_charge)))
    }

    fn form(&mut self, power: f64) {
        self.forming = Some(power.clamp(-self.settings.max_discharge, self.settings.max_charge));
    }

    fn command(&mut self, channel: &ChannelName, value: f64) -> Result<f64, RefusedCommand> {
        if *channel != self.channels[0].name {
            return Err(RefusedCommand::not_writable(&self.channels, channel));
        }
        let (low, high) = (-self.settings.max_discharge, self.settings.max_charge);
        if !(low..=high).contains(&value) {
            return Err(RefusedCommand::out_of_range(channel, value, format_args!("{low} to {high} W")));
        }
        self.setpoint = value;
        Ok(value)
    }
}
