//! A street: emulated devices at several sites, made from a seed and stepped together.

use super::battery::{Battery, BatterySettings};
use super::device::{EmulatedDevice, RefusedCommand, check_setting};
use super::ev_charger::{EvCharger, EvChargerSettings};
use super::grid_meter::GridMeter;
use super::hem_board::HemBoard;
use super::household::{Household, HouseholdSettings};
use super::pv_array::{PvArray, PvSettings};
use super::random::RandomStream;
use super::world::{Location, World};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Channel, ChannelName, DeviceName, Name, OPERATOR_DEFAULT, Span, Timestamp};

/// More than any test of one machine needs.
const DEVICES_MAX: usize = 100_000;

/// What a street is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct StreetOptions {
    /// The same seed gives the same street.
    pub seed: u64,
    /// When its time starts.
    pub start: Timestamp,
    /// How many devices it has, one site after the other: HEM board, PV, battery, household, EV charger, grid meter.
    pub devices: usize,
    /// Where it lies.
    pub location: Location,
}

impl Default for StreetOptions {
    /// Four devices at midnight UTC before midsummer's day of 2024.
    fn default() -> Self {
        Self { seed: 1, start: Timestamp::from_seconds(1_718_841_600), devices: 4, location: Location::default() }
    }
}

/// Devices that live in one [`World`] and step together.
pub struct Street {
    seed: u64,
    world: World,
    devices: Vec<StreetDevice>,
    /// What the devices of each operator's site drew in the last step, in W, and on which phases.
    sites: Vec<([Name; 2], Drawn)>,
}

/// What was drawn in a step, in W, and on which phases.
type Drawn = (f64, [f64; 3]);

/// A device of a street with its name and its last row.
pub struct StreetDevice {
    name: DeviceName,
    site: usize,
    device: Box<dyn EmulatedDevice>,
    row: Vec<Option<f64>>,
}

impl StreetDevice {
    /// Unique in the street.
    #[must_use]
    pub fn name(&self) -> &DeviceName {
        &self.name
    }

    /// The channels, in the order of [`row`](Self::row).
    #[must_use]
    pub fn channels(&self) -> &[Channel] {
        self.device.channels()
    }

    /// What it reported at the end of the last step, one value a channel, in the channel's own unit and sign; empty
    /// before the first step.
    #[must_use]
    pub fn row(&self) -> &[Option<f64>] {
        &self.row
    }

    /// What flowed into it during the last step, in W.
    #[must_use]
    pub fn power(&self) -> f64 {
        self.device.power()
    }

    /// See [`EmulatedDevice::command`].
    ///
    /// # Errors
    /// As the device says.
    pub fn command(&mut self, channel: &ChannelName, value: f64) -> Result<f64, RefusedCommand> {
        self.device.command(channel, value)
    }
}

impl Street {
    /// Builds `home1.hem`, `home1.pv`, `home1.battery`, `home1.house`, `home1.ev`, `home1.meter`, `home2.hem` and so on.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) for no devices or more than a hundred thousand, or a place that is not on Earth.
    pub fn new(options: StreetOptions) -> Result<Self> {
        if options.devices == 0 || options.devices > DEVICES_MAX {
            let have = options.devices;
            return Err(Error::invalid(format!("`devices` is {have}, expected 1 to {DEVICES_MAX}")));
        }
        let mut street = Self::empty(options.seed, options.start, options.location)?;
        for index in 0..options.devices {
            let site = format!("home{}", index / KINDS.len() + 1);
            let (device, build) = KINDS[index % KINDS.len()];
            let name = DeviceName::new(OPERATOR_DEFAULT, &site, device)?;
            let stream = street.stream(&name);
            street.attach(name, build(stream)?);
        }
        Ok(street)
    }

    /// A street without devices, to [`add`](Self::add) what a scenario needs.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) for a place that is not on Earth.
    pub fn empty(seed: u64, start: Timestamp, location: Location) -> Result<Self> {
        check_setting("latitude", location.latitude, -90.0, 90.0)?;
        check_setting("longitude", location.longitude, -180.0, 180.0)?;
        Ok(Self { seed, world: World::new(seed, start, location), devices: Vec::new(), sites: Vec::new() })
    }

    /// The random numbers that belong to a device of that name in this street.
    #[must_use]
    pub fn stream(&self, device: &DeviceName) -> RandomStream {
        RandomStream::new(self.seed, &device.to_string())
    }

    /// Adds a device. A grid meter measures the devices of its site that were added before it.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) where the street has a device of that name.
    pub fn add(&mut self, name: DeviceName, device: Box<dyn EmulatedDevice>) -> Result<()> {
        if self.devices.iter().any(|known| known.name == name) {
            return Err(Error::new(ErrorKind::Conflict, format!("street has a device {name} already")));
        }
        self.attach(name, device);
        Ok(())
    }

    fn attach(&mut self, name: DeviceName, device: Box<dyn EmulatedDevice>) {
        // The last site is the likely one: a street is built site by site.
        let key = [name.operator.clone(), name.site.clone()];
        let site = self.sites.iter().rposition(|(known, _)| *known == key).unwrap_or_else(|| {
            self.sites.push((key, (0.0, [0.0; 3])));
            self.sites.len() - 1
        });
        let row = Vec::with_capacity(device.channels().len());
        self.devices.push(StreetDevice { name, site, device, row });
    }

    /// Time passes for the world and for every device; their rows then stand at the new [`now`](Self::now).
    pub fn advance(&mut self, step: Span) {
        self.world.advance(step);
        self.sites.iter_mut().for_each(|(_, drawn)| *drawn = (0.0, [0.0; 3]));
        for device in &mut self.devices {
            let (drawn, phases) = &mut self.sites[device.site].1;
            self.world.set_site(*drawn, *phases);
            device.row.clear();
            device.device.step(&self.world, &mut device.row);
            let power = device.device.power();
            *drawn += power;
            phases.iter_mut().zip(device.device.phase_shares()).for_each(|(phase, share)| *phase += power * share);
        }
    }

    /// The end of the last step.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.world.now()
    }

    /// The surroundings during the last step.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.world
    }

    /// Every device with its last row.
    #[must_use]
    pub fn devices(&self) -> &[StreetDevice] {
        &self.devices
    }

    /// Every device, to send commands to.
    pub fn devices_mut(&mut self) -> &mut [StreetDevice] {
        &mut self.devices
    }

    /// The device of that name.
    pub fn device_mut(&mut self, name: &DeviceName) -> Option<&mut StreetDevice> {
        self.devices.iter_mut().find(|device| device.name == *name)
    }
}

impl std::fmt::Debug for Street {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.devices.iter().map(|device| &device.name).collect();
        f.debug_struct("Street").field("seed", &self.seed).field("now", &self.now()).field("devices", &names).finish()
    }
}

type Build = fn(RandomStream) -> Result<Box<dyn EmulatedDevice>>;

/// What stands at a site, in this order: the meter last, since it measures the others.
const KINDS: [(&str, Build); 6] = [
    ("hem", |stream| Ok(Box::new(HemBoard::new(stream)?))),
    ("pv", |mut stream| {
        let peak_power = stream.uniform(4_000.0, 10_000.0);
        let settings = PvSettings { peak_power, inverter_limit: 0.8 * peak_power, ..PvSettings::default() };
        Ok(Box::new(PvArray::new(settings, stream)?))
    }),
    ("battery", |mut stream| {
        let capacity = stream.uniform(5_000.0, 15_000.0);
        let [max_charge, max_discharge] = [0.5 * capacity; 2];
        let initial_soc = stream.uniform(0.3, 0.7);
        let limits = BatterySettings { capacity, max_charge, max_discharge, initial_soc, ..BatterySettings::default() };
        Ok(Box::new(Battery::new(limits)?))
    }),
    ("house", |mut stream| {
        let settings = HouseholdSettings { base_load: stream.uniform(120.0, 260.0), lights: stream.uniform(100.0, 300.0) };
        Ok(Box::new(Household::new(settings, stream)?))
    }),
    ("ev", |stream| Ok(Box::new(EvCharger::new(EvChargerSettings::default(), stream)?))),
    ("meter", |_| Ok(Box::new(GridMeter::new()?))),
];
