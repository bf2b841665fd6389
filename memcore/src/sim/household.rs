//! A household: a base load that follows the day, appliances, and lights when it is dark.

use super::appliance::{Appliance, DISHWASHER, FRIDGE, KETTLE, OVEN, WASHING_MACHINE};
use super::device::{EmulatedDevice, check_setting};
use super::random::{Drift, RandomStream};
use super::world::{LocalTime, World};
use crate::error::Result;
use crate::model::{Channel, Kind, Unit};

/// What a household is like.
#[derive(Debug, Clone, PartialEq)]
pub struct HouseholdSettings {
    /// Mean of the base load over a day, in W: what is always on, and all that has no model of its own.
    pub base_load: f64,
    /// All lights together, in W.
    pub lights: f64,
}

impl Default for HouseholdSettings {
    fn default() -> Self {
        Self { base_load: 180.0, lights: 220.0 }
    }
}

/// The base load at each full hour against its mean, on workdays and on weekends; straight lines between.
const WORKDAY: [f64; 24] = [
    0.60, 0.55, 0.52, 0.50, 0.52, 0.60, 0.95, 1.25, 1.05, 0.90, 0.85, 0.85, 0.95, 0.95, 0.90, 0.90, 1.00, 1.25, 1.60, 1.85,
    1.85, 1.65, 1.25, 0.85,
];
const WEEKEND: [f64; 24] = [
    0.70, 0.60, 0.55, 0.50, 0.50, 0.52, 0.60, 0.75, 1.00, 1.20, 1.25, 1.30, 1.35, 1.30, 1.20, 1.15, 1.15, 1.25, 1.45, 1.60,
    1.55, 1.40, 1.15, 0.90,
];
/// Below this irradiance people light their rooms, in W/m2.
const DUSK: f64 = 60.0;

/// A household on one phase.
#[derive(Debug)]
pub struct Household {
    settings: HouseholdSettings,
    channels: Vec<Channel>,
    stream: RandomStream,
    mood: Drift,
    appliances: Vec<Appliance>,
    /// The share of the lights that is on when it is dark.
    rooms_lit: f64,
    power: f64,
    energy: f64,
}

impl Household {
    /// A household whose meter stands at zero.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for a setting that no household has.
    pub fn new(settings: HouseholdSettings, mut stream: RandomStream) -> Result<Self> {
        check_setting("base_load", settings.base_load, 0.0, 1e6)?;
        check_setting("lights", settings.lights, 0.0, 1e6)?;
        let channels = vec![
            Channel::gauge("power", Unit::Watt)?.build()?,
            Channel::gauge("energy", Unit::WattHour)?.kind(Kind::Counter).build()?,
            Channel::gauge("voltage", Unit::Volt)?.build()?,
        ];
        let kinds = [FRIDGE, KETTLE, WASHING_MACHINE, DISHWASHER, OVEN];
        let appliances = kinds.into_iter().map(|kind| Appliance::new(kind, &mut stream)).collect();
        let mood = Drift::new(0.15, 1800.0, &mut stream);
        let rooms_lit = stream.uniform(0.0, 1.0);
        Ok(Self { settings, channels, stream, mood, appliances, rooms_lit, power: 0.0, energy: 0.0 })
    }

    fn base_load(&mut self, world: &World) -> f64 {
        let mood = self.mood.step(world.step(), &mut self.stream);
        self.settings.base_load * profile(world.local()) * (1.0 + mood).max(0.3)
    }

    /// Somebody goes from room to room every ten minutes or so; from eleven to six most sleep.
    fn lights(&mut self, world: &World, seconds: f64) -> f64 {
        if self.stream.happens(1.0 - libm::exp(-seconds / 600.0)) {
            self.rooms_lit = self.stream.uniform(0.0, 1.0);
        }
        let awake = if (6.0..23.0).contains(&world.local().hour()) { 1.0 } else { 0.05 };
        let darkness = (1.0 - world.irradiance() / DUSK).clamp(0.0, 1.0);
        self.settings.lights * self.rooms_lit * awake * darkness
    }
}

fn profile(local: LocalTime) -> f64 {
    let hours = if local.is_weekend() { &WEEKEND } else { &WORKDAY };
    let (index, share) = (local.hour() as usize % 24, local.hour().fract());
    hours[index] * (1.0 - share) + hours[(index + 1) % 24] * share
}

impl EmulatedDevice for Household {
    fn channels(&self) -> &[Channel] {
        &self.channels
    }

    fn step(&mut self, world: &World, row: &mut Vec<Option<f64>>) {
        let seconds = world.step().as_seconds();
        if seconds > 0.0 {
            let (hour, weekend) = (world.local().hour(), world.local().is_weekend());
            let mut joules = (self.base_load(world) + self.lights(world, seconds)) * seconds;
            for appliance in &mut self.appliances {
                joules += appliance.step(seconds, hour, weekend, &mut self.stream);
            }
            self.power = joules / seconds;
            self.energy += joules / 3600.0;
        }
        // Its own wiring takes a little: about half an ohm up to the transformer.
        let voltage = world.voltage() - 0.5 * self.power / world.voltage();
        row.extend([self.power, self.energy, voltage].map(Some));
    }

    fn power(&self) -> f64 {
        self.power
    }

    fn phase_shares(&self) -> [f64; 3] {
        [1.0, 0.0, 0.0]
    }
}
