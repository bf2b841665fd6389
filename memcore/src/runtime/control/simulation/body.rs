//! What stands behind an asset of a simulated site: an emulated device made from what the model says, or a recorded series.

use crate::control::{CheckedAsset, Heat, PhaseUse, Role};
use crate::error::Result;
use crate::model::{Channel, ChannelName, Span, Timestamp};
use crate::sim::{
    Battery, BatterySettings, EmulatedDevice, EvCharger, EvChargerSettings, Genset, GensetSettings, GridMeter, HeatPump,
    HeatPumpSettings, Household, HouseholdSettings, PvArray, PvSettings, RandomStream, RefusedCommand, SwitchedLoad,
    SwitchedLoadSettings, World,
};

/// A battery's content where the model says nothing of it, in Wh.
const CAPACITY: f64 = 10_000.0;
/// The least current of a car, in A: IEC 61851-1.
const CAR_LEAST_A: f64 = 6.0;
/// What has no highest power in the model draws this at most, in W.
const POWER: f64 = 3_000.0;

/// An emulated device.
pub(super) enum Body {
    Battery(Battery),
    Charger(EvCharger),
    HeatPump(HeatPump),
    Genset(Genset),
    Pv(PvArray),
    Household(Household),
    Load(SwitchedLoad),
    Recorded(Recorded),
    Meter(GridMeter),
}

impl Body {
    /// The device that the model's asset describes. `soc` is the state of charge of a battery at first.
    pub(super) fn of(asset: &CheckedAsset, stream: RandomStream, soc: f64, controlled: bool) -> Result<Self> {
        Ok(match asset.role {
            Role::GridMeter | Role::Meter => Self::Meter(GridMeter::with_currents()?),
            Role::Battery => Self::Battery(Battery::new(battery(asset, soc))?),
            Role::Charger => Self::Charger(EvCharger::new(charger(asset), stream)?),
            Role::HeatPump => Self::HeatPump(HeatPump::new(heat_pump(asset, controlled))?),
            Role::Genset => Self::Genset(Genset::new(genset(asset))?),
            Role::Pv => Self::Pv(PvArray::new(pv(asset), stream)?),
            Role::Load if asset.setpoint.is_none() => Self::Household(Household::new(household(asset), stream)?),
            Role::Load | Role::Switch => Self::Load(SwitchedLoad::new(load(asset), stream)?),
        })
    }

    pub(super) fn device(&self) -> &dyn EmulatedDevice {
        match self {
            Self::Battery(device) => device,
            Self::Charger(device) => device,
            Self::HeatPump(device) => device,
            Self::Genset(device) => device,
            Self::Pv(device) => device,
            Self::Household(device) => device,
            Self::Load(device) => device,
            Self::Recorded(device) => device,
            Self::Meter(device) => device,
        }
    }

    pub(super) fn device_mut(&mut self) -> &mut dyn EmulatedDevice {
        match self {
            Self::Battery(device) => device,
            Self::Charger(device) => device,
            Self::HeatPump(device) => device,
            Self::Genset(device) => device,
            Self::Pv(device) => device,
            Self::Household(device) => device,
            Self::Load(device) => device,
            Self::Recorded(device) => device,
            Self::Meter(device) => device,
        }
    }

    /// The state of charge of a battery, or of the car that is connected.
    pub(super) fn soc(&self) -> Option<f64> {
        match self {
            Self::Battery(battery) => Some(battery.soc()),
            Self::Charger(charger) => charger.soc(),
            _ => None,
        }
    }
}

fn high(asset: &CheckedAsset) -> f64 {
    if asset.high_w.is_finite() && asset.high_w > 0.0 { asset.high_w } else { POWER }
}

fn low(asset: &CheckedAsset) -> f64 {
    if asset.low_w.is_finite() && asset.low_w < 0.0 { -asset.low_w } else { POWER }
}

/// Its own protection is wider than what control is to keep: so that it can be seen whether it does.
fn battery(asset: &CheckedAsset, soc: f64) -> BatterySettings {
    let usual = BatterySettings::default();
    let storage = asset.storage.as_ref();
    BatterySettings {
        capacity: storage.map_or(CAPACITY, |storage| storage.capacity_wh),
        max_charge: high(asset),
        max_discharge: low(asset),
        charge_efficiency: storage.map_or(usual.charge_efficiency, |storage| storage.charge_efficiency),
        discharge_efficiency: storage.map_or(usual.discharge_efficiency, |storage| storage.discharge_efficiency),
        min_soc: 0.0,
        max_soc: 1.0,
        initial_soc: soc,
        ramp: if asset.ramp_w_per_s.is_finite() { asset.ramp_w_per_s } else { high(asset).max(low(asset)) },
        self_discharge: usual.self_discharge,
    }
}

fn charger(asset: &CheckedAsset) -> EvChargerSettings {
    let usual = EvChargerSettings::default();
    let phases = if matches!(asset.phases, PhaseUse::Three | PhaseUse::Switched) { 3 } else { 1 };
    let one = if asset.phases == PhaseUse::Switched { 1.0 } else { f64::from(phases) };
    let least = asset.least_w / (asset.volts * one);
    let vehicle = asset.described.vehicle.as_ref();
    let capacity = vehicle.map_or(0.0, |vehicle| vehicle.capacity_wh);
    let hours = |written: &String| {
        let (hour, minute) = written.split_once(':')?;
        Some(hour.parse::<f64>().ok()? + minute.parse::<f64>().ok()? / 60.0)
    };
    EvChargerSettings {
        phases,
        min_current: if least > 0.0 { least.min(CAR_LEAST_A) } else { CAR_LEAST_A },
        max_current: high(asset) / (asset.volts * f64::from(phases)),
        departure: vehicle.and_then(|vehicle| hours(vehicle.departure.as_ref()?)).unwrap_or(usual.departure),
        energy_need: if capacity > 0.0 { [0.1 * capacity, 0.6 * capacity] } else { usual.energy_need },
        capacity,
        phase_switch: asset.phases == PhaseUse::Switched,
        ..usual
    }
}

/// Without control it is kept warm by its own thermostat.
fn heat_pump(asset: &CheckedAsset, controlled: bool) -> HeatPumpSettings {
    let usual = HeatPumpSettings::default();
    let mut settings = HeatPumpSettings {
        max_power: high(asset),
        min_power: asset.least_w.min(high(asset)),
        ramp: if asset.ramp_w_per_s.is_finite() { asset.ramp_w_per_s } else { usual.ramp },
        cop: asset.described.cop.unwrap_or(usual.cop),
        ..usual
    };
    let comfort = match &asset.described.heat {
        Some(Heat::Building(building)) => {
            settings.heat_capacity = building.capacity_wh_per_k;
            settings.heat_loss = building.loss_w_per_k;
            settings.gains = building.gains_w;
            settings.thermostat[1] = building.comfort_max_c.unwrap_or(building.comfort_min_c + 3.0);
            building.comfort_min_c
        }
        Some(Heat::Tank(tank)) => {
            settings.heat_capacity = tank.capacity_wh / (tank.full_c - tank.empty_c);
            settings.heat_loss = (settings.heat_capacity * tank.loss_per_hour).max(1e-3);
            settings.gains = -tank.demand_w;
            settings.surroundings = Some(20.0);
            settings.thermostat[1] = tank.full_c;
            tank.empty_c + 0.5 * (tank.full_c - tank.empty_c)
        }
        None => 20.0,
    };
    let (least, most) = (if controlled { comfort - 3.0 } else { comfort + 0.5 }, settings.thermostat[1] + 0.5);
    HeatPumpSettings { initial_temperature: comfort + 1.0, thermostat: [least, most], ..settings }
}

fn genset(asset: &CheckedAsset) -> GensetSettings {
    let usual = GensetSettings::default();
    let most = low(asset);
    let scale = most / usual.max_power;
    GensetSettings {
        max_power: most,
        min_power: asset.least_w.min(most),
        ramp: if asset.ramp_w_per_s.is_finite() { asset.ramp_w_per_s } else { usual.ramp * scale },
        tank: usual.tank * scale,
        no_load: usual.no_load * scale,
        ..usual
    }
}

fn pv(asset: &CheckedAsset) -> PvSettings {
    let most = low(asset);
    PvSettings { peak_power: most, inverter_limit: most, curtailable: asset.setpoint.is_some(), ..PvSettings::default() }
}

/// A household of the usual size, or so many of them that what is assumed of it is their peak.
fn household(asset: &CheckedAsset) -> HouseholdSettings {
    let usual = HouseholdSettings::default();
    let peak = [asset.high_w, asset.assumed_w].into_iter().filter(|peak| peak.is_finite() && *peak > 0.0);
    let homes = (peak.fold(f64::INFINITY, f64::min) / 4_000.0).max(1.0);
    let homes = if homes.is_finite() { homes } else { 1.0 };
    HouseholdSettings { base_load: usual.base_load * homes, lights: usual.lights * homes }
}

fn load(asset: &CheckedAsset) -> SwitchedLoadSettings {
    let always = SwitchedLoadSettings { power: high(asset), variation: 0.0, ..SwitchedLoadSettings::default() };
    match asset.role {
        Role::Switch => SwitchedLoadSettings { on: asset.safe_w != 0.0, ..always },
        _ => SwitchedLoadSettings { power: 0.6 * high(asset), hours: [6.0, 23.0], idle: 0.4, variation: 0.05, on: true },
    }
}

/// A power that was once measured, step by step. A setpoint limits it, as curtailing or switching does.
#[derive(Debug, Clone)]
pub(super) struct Recorded {
    times: Vec<Timestamp>,
    watts: Vec<f64>,
    next: usize,
    limit: f64,
    power: f64,
}

impl Recorded {
    /// Power in W, passive sign; each value holds until the next.
    pub(super) fn new(times: Vec<Timestamp>, watts: Vec<f64>) -> Self {
        Self { times, watts, next: 0, limit: f64::INFINITY, power: 0.0 }
    }

    /// The most that it draws or gives from now on, in W.
    pub(super) fn limit(&mut self, watts: f64) {
        self.limit = watts.abs();
    }
}

impl EmulatedDevice for Recorded {
    fn channels(&self) -> &[Channel] {
        &[]
    }

    fn step(&mut self, world: &World, _row: &mut Vec<Option<f64>>) {
        while self.times.get(self.next).is_some_and(|time| *time < world.now()) {
            self.next += 1;
        }
        let power = self.next.checked_sub(1).map_or(0.0, |last| self.watts[last]);
        self.power = power.clamp(-self.limit, self.limit);
    }

    fn power(&self) -> f64 {
        self.power
    }

    fn forming_limits(&self, _step: Span) -> Option<(f64, f64)> {
        None
    }

    fn command(&mut self, channel: &ChannelName, value: f64) -> Result<f64, RefusedCommand> {
        let _ = channel;
        self.limit(value);
        Ok(value)
    }
}
