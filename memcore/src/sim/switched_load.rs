//! A load that can be switched off or limited: a boiler, a pool pump, a workshop.

use super::device::{EmulatedDevice, RefusedCommand, check_setting};
use super::random::{Drift, RandomStream};
use super::world::World;
use crate::error::Result;
use crate::model::{Channel, ChannelName, Kind, Quantity, Unit, ValidRange};

/// What a load is like.
#[derive(Debug, Clone, PartialEq)]
pub struct SwitchedLoadSettings {
    /// What it draws while people use it, in W.
    pub power: f64,
    /// The local hours between which they do: `[0.0, 24.0]` is always, `[22.0, 6.0]` over midnight.
    pub hours: [f64; 2],
    /// The share of that which it draws at other times.
    pub idle: f64,
    /// By how much its power varies, as a share of it.
    pub variation: f64,
    /// Whether it is on at first.
    pub on: bool,
}

impl Default for SwitchedLoadSettings {
    fn default() -> Self {
        Self { power: 1_500.0, hours: [0.0, 24.0], idle: 0.0, variation: 0.02, on: true }
    }
}

/// A load with a switch and a limit.
#[derive(Debug)]
pub struct SwitchedLoad {
    settings: SwitchedLoadSettings,
    channels: Vec<Channel>,
    stream: RandomStream,
    mood: Drift,
    on: bool,
    limit: f64,
    power: f64,
    energy: f64,
}

impl SwitchedLoad {
    /// A load whose register stands at zero.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for a setting that no load has.
    pub fn new(settings: SwitchedLoadSettings, mut stream: RandomStream) -> Result<Self> {
        check_setting("power", settings.power, 0.0, 1e9)?;
        check_setting("hours[0]", settings.hours[0], 0.0, 24.0)?;
        check_setting("hours[1]", settings.hours[1], 0.0, 24.0)?;
        check_setting("idle", settings.idle, 0.0, 1.0)?;
        check_setting("variation", settings.variation, 0.0, 0.5)?;
        // Its variation is never beyond 3.5 standard deviations.
        let limit = settings.power * (1.0 + 3.5 * settings.variation);
        let channels = vec![
            Channel::gauge("power", Unit::Watt)?.build()?,
            Channel::of("switch", Quantity::Switch, Unit::OnOff)?.range(ValidRange::new(0.0, 1.0)?).writable().build()?,
            Channel::gauge("power_limit", Unit::Watt)?.range(ValidRange::new(0.0, limit)?).writable().build()?,
            Channel::gauge("energy", Unit::WattHour)?.kind(Kind::Counter).build()?,
        ];
        let mood = Drift::new(settings.variation, 900.0, &mut stream);
        let on = settings.on;
        Ok(Self { settings, channels, stream, mood, on, limit, power: 0.0, energy: 0.0 })
    }

    fn wanted(&self, hour: f64) -> f64 {
        let [from, to] = self.settings.hours;
        let used = if from <= to { (from..to).contains(&hour) } else { hour >= from || hour < to };
        self.settings.power * if used || to - from >= 24.0 { 1.0 } else { self.settings.idle }
    }
}

impl EmulatedDevice for SwitchedLoad {
    fn channels(&self) -> &[Channel] {
        &self.channels
    }

    fn step(&mut self, world: &World, row: &mut Vec<Option<f64>>) {
        let seconds = world.step().as_seconds();
        if seconds > 0.0 {
            let mood = self.mood.step(world.step(), &mut self.stream);
            let wanted = (self.wanted(world.local().hour()) * (1.0 + mood)).max(0.0);
            self.power = if self.on { wanted.min(self.limit) } else { 0.0 };
            self.energy += self.power * seconds / 3600.0;
        }
        row.extend([self.power, f64::from(u8::from(self.on)), self.limit, self.energy].map(Some));
    }

    fn power(&self) -> f64 {
        self.power
    }

    fn command(&mut self, channel: &ChannelName, value: f64) -> Result<f64, RefusedCommand> {
        match channel.as_str() {
            "switch" if value == 0.0 || value == 1.0 => self.on = value == 1.0,
            "switch" => return Err(RefusedCommand::out_of_range(channel, value, "0 or 1")),
            "power_limit" => {
                let most = self.channels[2].range.map_or(0.0, ValidRange::high);
                if !(0.0..=most).contains(&value) {
                    return Err(RefusedCommand::out_of_range(channel, value, format_args!("0 to {most} W")));
                }
                self.limit = value;
            }
            _ => return Err(RefusedCommand::not_writable(&self.channels, channel)),
        }
        Ok(value)
    }
}
