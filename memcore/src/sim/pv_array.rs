//! A photovoltaic array behind an inverter.

use super::device::{EmulatedDevice, RefusedCommand, check_setting};
use super::random::{Drift, RandomStream};
use super::world::World;
use crate::error::Result;
use crate::model::{Channel, ChannelName, Kind, SignConvention, Unit, ValidRange};

/// What an array is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct PvSettings {
    /// DC power of the modules at 1000 W/m2 and 25 degC, in W.
    pub peak_power: f64,
    /// The most that the inverter gives, in W.
    pub inverter_limit: f64,
    /// What the inverter draws while the modules give less than that, in W.
    pub standby: f64,
    /// Whether `power_limit` takes the most that it shall give.
    pub curtailable: bool,
}

impl Default for PvSettings {
    fn default() -> Self {
        Self { peak_power: 8_000.0, inverter_limit: 6_500.0, standby: 0.0, curtailable: false }
    }
}

/// Losses between modules and inverter, 14 %, and efficiency of the inverter, 96 %: A. P. Dobos, "PVWatts Version 5
/// Manual", NREL/TP-6A20-62641 (2014).
const PERFORMANCE: f64 = 0.86 * 0.96;
/// Loss of power a kelvin above 25 degC (premium module of the same manual).
const TEMPERATURE_COEFFICIENT: f64 = -0.0035;
/// Heating of a cell by the sun, K m2/W: (NOCT - 20) / 800 with a nominal operating temperature of 45 degC.
const CELL_HEATING: f64 = 25.0 / 800.0;

/// Above this frequency inverters give less, by this share a Hz of what they gave: EN 50549-1, LFSM-O with a droop of 5 %.
const FREQUENCY_HIGH: f64 = 50.2;
const LESS_PER_HZ: f64 = 0.4;

/// Modules that lie flat under the sky of the [`World`], with an inverter that reports production as positive.
#[derive(Debug)]
pub struct PvArray {
    settings: PvSettings,
    channels: Vec<Channel>,
    stream: RandomStream,
    /// The cloud over this roof is not quite the cloud over the next one.
    local_clouds: Drift,
    /// The most that it shall give, in W.
    limit: f64,
    production: f64,
    produced: f64,
}

impl PvArray {
    /// An array that has produced nothing yet.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for a setting that no array has.
    pub fn new(settings: PvSettings, mut stream: RandomStream) -> Result<Self> {
        check_setting("peak_power", settings.peak_power, 0.0, 1e9)?;
        check_setting("inverter_limit", settings.inverter_limit, 0.0, 1e9)?;
        check_setting("standby", settings.standby, 0.0, 1e3)?;
        let mut channels = vec![
            Channel::gauge("power", Unit::Watt)?.sign(SignConvention::Generator).build()?,
            Channel::gauge("energy", Unit::WattHour)?.kind(Kind::Counter).build()?,
            Channel::gauge("irradiance", Unit::WattPerSquareMetre)?.build()?,
        ];
        let limit = settings.inverter_limit;
        if settings.curtailable {
            let range = ValidRange::new(0.0, limit)?;
            let channel = Channel::gauge("power_limit", Unit::Watt)?.sign(SignConvention::Generator);
            channels.push(channel.range(range).writable().build()?);
        }
        let local_clouds = Drift::new(0.1, 45.0, &mut stream);
        Ok(Self { settings, channels, stream, local_clouds, limit, production: 0.0, produced: 0.0 })
    }
}

impl EmulatedDevice for PvArray {
    fn channels(&self) -> &[Channel] {
        &self.channels
    }

    fn step(&mut self, world: &World, row: &mut Vec<Option<f64>>) {
        let local = 1.0 + world.cloud_cover() * self.local_clouds.step(world.step(), &mut self.stream);
        let irradiance = (world.irradiance() * local).clamp(0.0, world.clear_sky_irradiance());
        let warming = world.temperature() + CELL_HEATING * irradiance - 25.0;
        let dc = self.settings.peak_power * irradiance / 1000.0 * (1.0 + TEMPERATURE_COEFFICIENT * warming);
        let ac = (dc * PERFORMANCE).min(self.settings.inverter_limit).min(self.limit);
        let ac = ac * (1.0 - LESS_PER_HZ * (world.frequency() - FREQUENCY_HIGH)).clamp(0.0, 1.0);
        self.production = if ac > self.settings.standby { ac } else { 0.0 - self.settings.standby };
        self.produced += self.production.max(0.0) * world.step().as_seconds() / 3600.0;
        row.extend([Some(self.production), Some(self.produced), Some(irradiance)]);
        if self.settings.curtailable {
            row.push(Some(self.limit));
        }
    }

    fn power(&self) -> f64 {
        // Not the negative of it: 0 W shall not become -0 W.
        0.0 - self.production
    }

    fn command(&mut self, channel: &ChannelName, value: f64) -> Result<f64, RefusedCommand> {
        if !self.settings.curtailable || channel.as_str() != "power_limit" {
            return Err(RefusedCommand::not_writable(&self.channels, channel));
        }
        let most = self.settings.inverter_limit;
        if !(0.0..=most).contains(&value) {
            return Err(RefusedCommand::out_of_range(channel, value, format_args!("0 to {most} W")));
        }
        self.limit = value;
        Ok(value)
    }
}
