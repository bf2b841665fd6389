//! One asset of a simulated site: the emulated device, the SDK's own commands around it, what it reports and how often.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::body::Body;
use super::drive::{Drive, Driven};
use crate::client::commands::{Commands, Handlers, Outcome};
use crate::control::{CheckedAsset, Measure, Order, PhaseUse, Setpoint, SetpointUnit};
use crate::error::Result;
use crate::model::{
    Channel, ChannelName, CommandId, CommandRules, CommandState, Quantity, SeriesName, Span, Timestamp, Unit, ValidRange,
};
use crate::protocol::{Answer, Instruction};
use crate::sim::World;

/// An asset as it lives.
pub(super) struct LiveAsset {
    driven: Arc<Mutex<Driven>>,
    commands: Commands,
    /// What is reported: the measure, and the column of the device's row where it is one.
    outputs: Vec<(SeriesName, Measure, Option<usize>)>,
    phases: PhaseUse,
    unit: SetpointUnit,
    safe: f64,
    row: Vec<Option<f64>>,
    /// Mean over the step, in W, passive sign; what a meter measures of others.
    pub(super) power_w: f64,
    /// On each phase, in W.
    pub(super) phases_w: [f64; 3],
    is_meter: bool,
    pub(super) period: Duration,
    /// When it reports next.
    pub(super) due: Duration,
    /// The last report, for a meter that is frozen.
    reported: Vec<Option<f64>>,
    issued: u64,
}

impl LiveAsset {
    pub(super) fn new(asset: &CheckedAsset, series: &[(SeriesName, Measure)], body: Body, rules: bool) -> Result<Self> {
        let columns = |measure: Measure| {
            let name = match measure {
                Measure::Soc => "soc",
                Measure::Connected => "connected",
                Measure::Temperature => "temperature",
                _ => return None,
            };
            body.device().channels().iter().position(|channel| channel.name.as_str() == name)
        };
        let outputs = series.iter().map(|(series, measure)| (series.clone(), *measure, columns(*measure))).collect();
        let is_meter = matches!(body, Body::Meter(_));
        let driven = Arc::new(Mutex::new(Driven::new(body, asset)));
        let unit = asset.setpoint.as_ref().map_or(SetpointUnit::W, |setpoint| setpoint.unit);
        Ok(Self {
            commands: commands(asset, &driven, rules)?,
            driven,
            outputs,
            phases: asset.phases,
            unit,
            safe: in_unit(asset, unit, asset.safe_w),
            row: Vec::new(),
            power_w: 0.0,
            phases_w: [0.0; 3],
            is_meter,
            period: asset.described.period.to_duration(),
            due: Duration::ZERO,
            reported: Vec::new(),
            issued: 0,
        })
    }

    /// A device that nobody measures or commands, somewhere on the site.
    pub(super) fn unmeasured(like: &CheckedAsset, body: Body) -> Result<Self> {
        let mut asset = like.clone();
        (asset.setpoint, asset.phases) = (None, PhaseUse::L1);
        Self::new(&asset, &[], body, false)
    }

    pub(super) fn driven(&self) -> MutexGuard<'_, Driven> {
        self.driven.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The device starts.
    pub(super) fn begin(&mut self, now: Duration) {
        self.commands.begin(now);
    }

    /// Time has passed: leases that have ended take their fallbacks, and what a device forgets is forgotten. Gives those that fell.
    pub(super) fn pass(&mut self, now: Duration) -> Option<f64> {
        self.driven().now = now;
        let mut fell = None;
        while let Some(deadline) = self.commands.deadline().filter(|deadline| *deadline <= now) {
            for outcome in self.commands.handle_timeout(deadline) {
                if let Outcome::Fell(_, value) = outcome {
                    fell = Some(value);
                }
            }
        }
        let (safe, unit) = (self.safe, self.unit);
        self.driven().forget(safe, unit);
        fell
    }

    /// Lives through the step of that world; in the dark nothing runs.
    pub(super) fn step(&mut self, world: &World, dark: bool) {
        let mut row = std::mem::take(&mut self.row);
        row.clear();
        let power_w = {
            let mut driven = self.driven();
            let device = driven.body.device_mut();
            device.step(world, &mut row);
            device.power()
        };
        self.row = row;
        if self.is_meter {
            (self.power_w, self.phases_w) = (world.site_power(), world.site_phases());
            return;
        }
        self.power_w = if dark { 0.0 } else { power_w };
        self.phases_w = self.shares().map(|share| share * self.power_w);
    }

    /// The least and the most that it can take as the one that forms an island.
    pub(super) fn forming_limits(&self, step: Span) -> (f64, f64) {
        self.driven().body.device().forming_limits(step).unwrap_or((0.0, 0.0))
    }

    pub(super) fn form(&self, power_w: f64) {
        self.driven().body.device_mut().form(power_w);
    }

    /// The share of its power on each phase.
    pub(super) fn shares(&self) -> [f64; 3] {
        match self.phases {
            PhaseUse::L1 => [1.0, 0.0, 0.0],
            PhaseUse::L2 => [0.0, 1.0, 0.0],
            PhaseUse::L3 => [0.0, 0.0, 1.0],
            PhaseUse::Three => [1.0 / 3.0; 3],
            PhaseUse::Switched => self.driven().body.device().phase_shares(),
        }
    }

    pub(super) fn soc(&self) -> Option<f64> {
        self.driven().body.soc()
    }

    pub(super) fn temperature(&self) -> Option<f64> {
        match &self.driven().body {
            Body::HeatPump(pump) => Some(pump.temperature()),
            _ => None,
        }
    }

    /// Carries out an order as the SDK does: expiry, range, minimum times, lease.
    pub(super) fn take(&mut self, order: &Order, now: Duration, wall: Timestamp) -> CommandState {
        self.issued += 1;
        let Ok(id) = CommandId::new(&format!("c{}", self.issued)) else { return CommandState::Queued };
        let instruction = Instruction {
            id,
            channel: order.target.channel.clone(),
            value: order.value,
            expires: wall.saturating_add(order.lease),
            lease: Some(order.lease),
            fallback: Some(order.fallback),
            safety: order.safety,
        };
        let under_command = |commanded: bool| {
            let mut driven = self.driven.lock().unwrap_or_else(PoisonError::into_inner);
            (driven.now, driven.commanded) = (now, commanded);
        };
        under_command(true);
        let answer = self.commands.carry_out(&instruction, now, wall);
        under_command(false);
        match answer {
            Answer::Accepted => CommandState::Accepted,
            Answer::Done { value } => CommandState::Done { read_back: value },
            Answer::Unknown { value } => CommandState::Unknown { read_back: value },
            Answer::Refused { code, reason } => CommandState::Refused { code, reason },
        }
    }

    /// What it reports now; a frozen one says what it said before.
    pub(super) fn report(&mut self, world: &World, frozen: bool, mut tell: impl FnMut(&SeriesName, f64)) {
        if !frozen || self.reported.is_empty() {
            let mut reported = std::mem::take(&mut self.reported);
            reported.clear();
            reported.extend(self.outputs.iter().map(|(_, measure, column)| self.value(*measure, *column, world)));
            self.reported = reported;
        }
        for ((series, _, _), value) in self.outputs.iter().zip(&self.reported) {
            if let Some(value) = value {
                tell(series, *value);
            }
        }
    }

    fn value(&self, measure: Measure, column: Option<usize>, world: &World) -> Option<f64> {
        let current = |phase: usize| Some(self.phases_w[phase] / world.voltage());
        match measure {
            Measure::Power => Some(self.power_w),
            Measure::CurrentL1 => current(0),
            Measure::CurrentL2 => current(1),
            Measure::CurrentL3 => current(2),
            Measure::Voltage => Some(world.voltage()),
            Measure::Frequency => Some(world.frequency()),
            _ => self.row.get(column?).copied().flatten(),
        }
    }

    pub(super) fn is_meter(&self) -> bool {
        self.is_meter
    }
}

/// A power as that unit has it, all conductors in use.
fn in_unit(asset: &CheckedAsset, unit: SetpointUnit, power_w: f64) -> f64 {
    let conductors = asset.phase_shares().iter().filter(|share| **share > 0.0).count() as f64;
    match unit {
        SetpointUnit::W => power_w,
        SetpointUnit::A => power_w / (asset.volts * conductors),
        SetpointUnit::OnOff => f64::from(u8::from(power_w != 0.0)),
    }
}

/// The SDK's commands with the channels that the model says the device has.
fn commands(asset: &CheckedAsset, driven: &Arc<Mutex<Driven>>, rules: bool) -> Result<Commands> {
    let mut channels = Vec::new();
    let mut drives: Vec<(ChannelName, Drive)> = Vec::new();
    if let Some(setpoint) = &asset.setpoint {
        channels.push(power_channel(asset, setpoint, rules)?);
        drives.push((setpoint.series.channel.clone(), Drive::Power(setpoint.unit)));
        if let Some(phases) = &setpoint.phases {
            let channel = Channel::of(phases.channel.as_str(), Quantity::State, Unit::Code)?;
            channels.push(channel.range(ValidRange::new(1.0, 3.0)?).writable().build()?);
            drives.push((phases.channel.clone(), Drive::Phases));
        }
    }
    let (setting, reading) = (driven.clone(), driven.clone());
    let known = drives.clone();
    let set = move |channel: &ChannelName, value: f64| {
        let drive = drives.iter().find(|(name, _)| name == channel).map_or(Drive::Phases, |(_, drive)| *drive);
        setting.lock().unwrap_or_else(PoisonError::into_inner).set(drive, value)
    };
    let read = move |channel: &ChannelName| {
        let driven = reading.lock().unwrap_or_else(PoisonError::into_inner);
        match known.iter().find(|(name, _)| name == channel)?.1 {
            Drive::Power(_) => driven.set.map(|(value, _)| value),
            Drive::Phases => driven.phases_set,
        }
    };
    Commands::open(&channels, Handlers { set: Box::new(set), read: Some(Box::new(read)) }, None)
}

fn power_channel(asset: &CheckedAsset, setpoint: &Setpoint, rules: bool) -> Result<Channel> {
    let name = setpoint.series.channel.as_str();
    let builder = match setpoint.unit {
        SetpointUnit::W => Channel::gauge(name, Unit::Watt)?,
        SetpointUnit::A => Channel::gauge(name, Unit::Ampere)?,
        SetpointUnit::OnOff => Channel::of(name, Quantity::Switch, Unit::OnOff)?,
    };
    let (low, high) = match setpoint.unit {
        SetpointUnit::W => (asset.low_w, asset.high_w),
        // One conductor may carry as much as each of three does.
        SetpointUnit::A => (0.0, in_unit(asset, SetpointUnit::A, asset.high_w)),
        SetpointUnit::OnOff => (0.0, 1.0),
    };
    let range = ValidRange::new(low.min(0.0), high.max(0.0))?;
    let mut own = CommandRules::default().fallback(in_unit(asset, setpoint.unit, asset.safe_w));
    if rules {
        let span = |length: Duration| Span::from_micros(i64::try_from(length.as_micros()).unwrap_or(i64::MAX));
        own.min_on = Some(span(asset.min_on)).filter(|span| span.as_micros() > 0);
        own.min_off = Some(span(asset.min_off)).filter(|span| span.as_micros() > 0);
    }
    builder.range(range).writable().rules(own).build()
}
