//! The meter at the grid connection point of a site.

use super::device::EmulatedDevice;
use super::world::World;
use crate::error::Result;
use crate::model::{Channel, Kind, Unit};

/// Measures what the other devices of its site, or of a circuit within it, draw together; import is positive.
#[derive(Debug)]
pub struct GridMeter {
    channels: Vec<Channel>,
    /// Whether it reports the current of each phase as well.
    currents: bool,
    power: f64,
    imported: f64,
    exported: f64,
}

impl GridMeter {
    /// A new meter, its registers at zero.
    ///
    /// # Errors
    /// None that a caller could cause.
    pub fn new() -> Result<Self> {
        let channels = vec![
            Channel::gauge("power", Unit::Watt)?.build()?,
            Channel::gauge("voltage", Unit::Volt)?.build()?,
            Channel::gauge("frequency", Unit::Hertz)?.build()?,
            Channel::gauge("energy_import", Unit::WattHour)?.kind(Kind::Counter).build()?,
            Channel::gauge("energy_export", Unit::WattHour)?.kind(Kind::Counter).build()?,
        ];
        Ok(Self { channels, currents: false, power: 0.0, imported: 0.0, exported: 0.0 })
    }

    /// A new meter that reports `current_l1` to `current_l3` as well: positive with the power, as a meter of four quadrants does.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_currents() -> Result<Self> {
        let mut meter = Self::new()?;
        for channel in ["current_l1", "current_l2", "current_l3"] {
            meter.channels.push(Channel::gauge(channel, Unit::Ampere)?.build()?);
        }
        meter.currents = true;
        Ok(meter)
    }
}

impl EmulatedDevice for GridMeter {
    fn channels(&self) -> &[Channel] {
        &self.channels
    }

    fn step(&mut self, world: &World, row: &mut Vec<Option<f64>>) {
        self.power = world.site_power();
        let energy = self.power * world.step().as_seconds() / 3600.0;
        self.imported += energy.max(0.0);
        self.exported += (-energy).max(0.0);
        let (voltage, frequency) = (world.voltage(), world.frequency());
        row.extend([self.power, voltage, frequency, self.imported, self.exported].map(Some));
        if self.currents {
            row.extend(world.site_phases().map(|power| Some(power / voltage)));
        }
    }

    /// A meter draws nothing itself: what it measured is counted once, at the devices.
    fn power(&self) -> f64 {
        0.0
    }
}
