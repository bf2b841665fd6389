//! A heat pump and the building that it heats.

use super::device::{EmulatedDevice, RefusedCommand, check_setting};
use super::world::World;
use crate::error::Result;
use crate::model::{Channel, ChannelName, Kind, Unit, ValidRange};

/// What a heat pump is made of, and what it heats.
#[derive(Debug, Clone, PartialEq)]
pub struct HeatPumpSettings {
    /// The most electric power, in W.
    pub max_power: f64,
    /// The least electric power while it runs, in W; the same as `max_power` for one that is only switched.
    pub min_power: f64,
    /// How fast its power changes, in W/s: compressors are in no hurry.
    pub ramp: f64,
    /// Heat for each unit of electric energy at 7 degC outside.
    pub cop: f64,
    /// What the building loses for each kelvin that it is warmer than the air, in W/K.
    pub heat_loss: f64,
    /// What it takes to warm it by a kelvin, in Wh/K.
    pub heat_capacity: f64,
    /// What people, lamps and the sun through the windows add on average, in W; negative where heat is drawn (a tank).
    pub gains: f64,
    /// What is around it, in degC; the air outdoors without one.
    pub surroundings: Option<f64>,
    /// At first, in degC.
    pub initial_temperature: f64,
    /// Its own thermostat: below the first it runs, above the second it rests, whatever its setpoint says; in degC.
    pub thermostat: [f64; 2],
}

impl Default for HeatPumpSettings {
    /// A house of 140 m2 to the standard of 2005: some 6 kW of heat at -10 degC.
    fn default() -> Self {
        Self {
            max_power: 2_500.0,
            min_power: 700.0,
            ramp: 50.0,
            cop: 4.0,
            heat_loss: 180.0,
            heat_capacity: 9_000.0,
            gains: 500.0,
            surroundings: None,
            initial_temperature: 20.5,
            thermostat: [17.0, 24.0],
        }
    }
}

impl HeatPumpSettings {
    fn check(&self) -> Result<()> {
        check_setting("max_power", self.max_power, 1e-3, 1e9)?;
        check_setting("min_power", self.min_power, 0.0, self.max_power)?;
        check_setting("ramp", self.ramp, 1e-3, 1e9)?;
        check_setting("cop", self.cop, 0.5, 20.0)?;
        check_setting("heat_loss", self.heat_loss, 1e-3, 1e9)?;
        check_setting("heat_capacity", self.heat_capacity, 1e-3, 1e12)?;
        check_setting("gains", self.gains, -1e9, 1e9)?;
        check_setting("initial_temperature", self.initial_temperature, -50.0, 100.0)?;
        check_setting("thermostat[1]", self.thermostat[1], -50.0, 100.0)?;
        check_setting("thermostat[0]", self.thermostat[0], -50.0, self.thermostat[1])
    }
}

/// The water that leaves it, in K, and the air at which `cop` holds.
const SUPPLY: f64 = 273.15 + 38.0;
const RATED_AIR: f64 = 273.15 + 7.0;

/// A heat pump whose power follows a setpoint, and a building of one heat capacity around it.
#[derive(Debug)]
pub struct HeatPump {
    settings: HeatPumpSettings,
    channels: Vec<Channel>,
    setpoint: f64,
    power: f64,
    energy: f64,
    temperature: f64,
}

impl HeatPump {
    /// A heat pump at rest.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for a setting that no heat pump has.
    pub fn new(settings: HeatPumpSettings) -> Result<Self> {
        settings.check()?;
        let range = ValidRange::new(0.0, settings.max_power)?;
        let channels = vec![
            Channel::gauge("power", Unit::Watt)?.range(range).writable().build()?,
            Channel::gauge("temperature", Unit::Celsius)?.build()?,
            Channel::gauge("energy", Unit::WattHour)?.kind(Kind::Counter).build()?,
        ];
        let temperature = settings.initial_temperature;
        Ok(Self { settings, channels, setpoint: 0.0, power: 0.0, energy: 0.0, temperature })
    }

    /// Of the rooms, in degC.
    #[must_use]
    pub fn temperature(&self) -> f64 {
        self.temperature
    }

    /// What it comes to at that temperature of the air: a constant share of Carnot's.
    fn cop(&self, air: f64) -> f64 {
        let rated = SUPPLY / (SUPPLY - RATED_AIR);
        let here = SUPPLY / (SUPPLY - (air + 273.15)).max(5.0);
        self.settings.cop * here / rated
    }

    fn live(&mut self, seconds: f64, air: f64) {
        let s = &self.settings;
        let wanted = match self.temperature {
            cold if cold < s.thermostat[0] => s.max_power,
            warm if warm > s.thermostat[1] => 0.0,
            _ => self.setpoint,
        };
        let most = s.ramp * seconds;
        // It starts at its least power, and stops from there.
        let least = if wanted > 0.0 { s.min_power } else { 0.0 };
        let from = if self.power > 0.0 { self.power } else { least };
        let ramped = from + (wanted - from).clamp(-most, most);
        self.power = if wanted == 0.0 && ramped < s.min_power { 0.0 } else { ramped };
        self.energy += self.power * seconds / 3600.0;

        let around = s.surroundings.unwrap_or(air);
        let settled = around + (self.power * self.cop(air) + s.gains) / s.heat_loss;
        let constant = 3600.0 * s.heat_capacity / s.heat_loss;
        self.temperature = settled + (self.temperature - settled) * libm::exp(-seconds / constant);
    }
}

impl EmulatedDevice for HeatPump {
    fn channels(&self) -> &[Channel] {
        &self.channels
    }

    fn step(&mut self, world: &World, row: &mut Vec<Option<f64>>) {
        let seconds = world.step().as_seconds();
        if seconds > 0.0 {
            self.live(seconds, world.temperature());
        }
        row.extend([self.power, self.temperature, self.energy].map(Some));
    }

    fn power(&self) -> f64 {
        self.power
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
