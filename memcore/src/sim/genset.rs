//! A generator with a motor: it takes its time to start, and cannot run at little power.

use super::device::{EmulatedDevice, RefusedCommand, check_setting};
use super::world::World;
use crate::error::Result;
use crate::model::{Channel, ChannelName, Quantity, SignConvention, Span, Unit, ValidRange};

/// What a genset is made of. Production is positive here, as at its own channel.
#[derive(Debug, Clone, PartialEq)]
pub struct GensetSettings {
    /// In W.
    pub max_power: f64,
    /// The least that it runs at, in W.
    pub min_power: f64,
    /// From the order to start until it can give power, in s.
    pub start_delay: f64,
    /// How fast its power changes, in W/s.
    pub ramp: f64,
    /// What the tank holds, in Wh of fuel.
    pub tank: f64,
    /// At first, as a share of that.
    pub initial_fuel: f64,
    /// Electric energy for each unit of fuel at the margin.
    pub efficiency: f64,
    /// What it burns without load, in W of fuel.
    pub no_load: f64,
}

impl Default for GensetSettings {
    /// A diesel of 10 kW with 60 l of 10 kWh each.
    fn default() -> Self {
        Self {
            max_power: 10_000.0,
            min_power: 3_000.0,
            start_delay: 15.0,
            ramp: 1_000.0,
            tank: 600_000.0,
            initial_fuel: 1.0,
            efficiency: 0.36,
            no_load: 4_000.0,
        }
    }
}

impl GensetSettings {
    fn check(&self) -> Result<()> {
        check_setting("max_power", self.max_power, 1e-3, 1e9)?;
        check_setting("min_power", self.min_power, 0.0, self.max_power)?;
        check_setting("start_delay", self.start_delay, 0.0, 86_400.0)?;
        check_setting("ramp", self.ramp, 1e-3, 1e9)?;
        check_setting("tank", self.tank, 1e-3, 1e15)?;
        check_setting("initial_fuel", self.initial_fuel, 0.0, 1.0)?;
        check_setting("efficiency", self.efficiency, 0.01, 1.0)?;
        check_setting("no_load", self.no_load, 0.0, 1e9)
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Motor {
    Stands,
    /// For so many seconds more.
    Starts(f64),
    Runs,
}

/// A genset whose power follows a setpoint: zero stops it, anything else starts it.
#[derive(Debug)]
pub struct Genset {
    settings: GensetSettings,
    channels: Vec<Channel>,
    setpoint: f64,
    forming: Option<f64>,
    motor: Motor,
    production: f64,
    /// In Wh.
    fuel: f64,
    starts: u32,
}

impl Genset {
    /// A genset that stands.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for a setting that no genset has.
    pub fn new(settings: GensetSettings) -> Result<Self> {
        settings.check()?;
        let range = ValidRange::new(0.0, settings.max_power)?;
        let power = Channel::gauge("power", Unit::Watt)?.sign(SignConvention::Generator).range(range);
        let channels = vec![
            power.writable().build()?,
            Channel::of("running", Quantity::Switch, Unit::OnOff)?.build()?,
            Channel::of("fuel", Quantity::Ratio, Unit::Fraction)?.build()?,
        ];
        let fuel = settings.initial_fuel * settings.tank;
        let (setpoint, motor) = (0.0, Motor::Stands);
        Ok(Self { settings, channels, setpoint, forming: None, motor, production: 0.0, fuel, starts: 0 })
    }

    /// How often it was started.
    #[must_use]
    pub fn starts(&self) -> u32 {
        self.starts
    }

    fn live(&mut self, seconds: f64) {
        let wanted = self.forming.is_some() || self.setpoint > 0.0;
        if !wanted && self.production <= self.settings.min_power || self.fuel <= 0.0 {
            (self.motor, self.production) = (Motor::Stands, 0.0);
            return;
        }
        let mut left = seconds;
        if self.motor == Motor::Stands {
            self.motor = Motor::Starts(self.settings.start_delay);
            self.starts += 1;
        }
        if let Motor::Starts(rest) = self.motor {
            self.motor = if rest > left { Motor::Starts(rest - left) } else { Motor::Runs };
            left = (left - rest).max(0.0);
        }
        if self.motor == Motor::Runs {
            self.run(seconds, left);
        }
    }

    /// Runs for the rest of a step; what is reported is the mean over all of it.
    fn run(&mut self, seconds: f64, left: f64) {
        let s = &self.settings;
        let from = self.production.max(s.min_power);
        let goal = if self.setpoint > 0.0 { self.setpoint } else { s.min_power };
        let ramped = from + (goal - from).clamp(-s.ramp * left, s.ramp * left);
        let power = self.forming.unwrap_or(ramped).clamp(0.0, s.max_power);
        self.production = power * left / seconds;
        let burnt = (power / s.efficiency + s.no_load) * left / 3600.0;
        self.fuel = (self.fuel - burnt).max(0.0);
    }
}

impl EmulatedDevice for Genset {
    fn channels(&self) -> &[Channel] {
        &self.channels
    }

    fn step(&mut self, world: &World, row: &mut Vec<Option<f64>>) {
        let seconds = world.step().as_seconds();
        if seconds > 0.0 {
            self.live(seconds);
        }
        self.forming = None;
        let running = f64::from(u8::from(self.motor == Motor::Runs));
        row.extend([self.production, running, self.fuel / self.settings.tank].map(Some));
    }

    fn power(&self) -> f64 {
        0.0 - self.production
    }

    /// Nothing until it runs.
    fn forming_limits(&self, _step: Span) -> Option<(f64, f64)> {
        Some(if self.motor == Motor::Runs && self.fuel > 0.0 { (-self.settings.max_power, 0.0) } else { (0.0, 0.0) })
    }

    fn form(&mut self, power: f64) {
        self.forming = Some((-power).max(0.0));
    }

    fn command(&mut self, channel: &ChannelName, value: f64) -> Result<f64, RefusedCommand> {
        if *channel != self.channels[0].name {
            return Err(RefusedCommand::not_writable(&self.channels, channel));
        }
        let (low, high) = (self.settings.min_power, self.settings.max_power);
        if value != 0.0 && !(low..=high).contains(&value) {
            return Err(RefusedCommand::out_of_range(channel, value, format_args!("0 or {low} to {high} W")));
        }
        self.setpoint = value;
        Ok(value)
    }
}
