//! From a setpoint of the model's channel to the command that the emulated device knows, and the faults in between.

use std::time::Duration;

use super::body::Body;
use crate::client::Refused;
use crate::control::{CheckedAsset, SetpointUnit};
use crate::model::ChannelName;

/// What a channel sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Drive {
    Power(SetpointUnit),
    Phases,
}

/// A device with what is wrong with it.
pub(super) struct Driven {
    pub(super) body: Body,
    /// It refuses every command that comes over the link; the end of a lease it takes.
    pub(super) refuses: bool,
    /// What is set now came over the link.
    pub(super) commanded: bool,
    /// It says yes and does nothing.
    pub(super) ignores: bool,
    /// It goes back to its own default when it was not set for so long.
    pub(super) forgets: Option<Duration>,
    /// What was last set, and when.
    pub(super) set: Option<(f64, Duration)>,
    pub(super) phases_set: Option<f64>,
    pub(super) now: Duration,
    pub(super) commands: u64,
    high_w: f64,
    volts: f64,
}

impl Driven {
    pub(super) fn new(body: Body, asset: &CheckedAsset) -> Self {
        let high_w = if asset.high_w > 0.0 { asset.high_w } else { -asset.low_w };
        Self {
            body,
            refuses: false,
            commanded: false,
            ignores: false,
            forgets: None,
            set: None,
            phases_set: None,
            now: Duration::ZERO,
            commands: 0,
            high_w,
            volts: asset.volts,
        }
    }

    /// Sets a channel, in its base unit and passive sign.
    pub(super) fn set(&mut self, drive: Drive, value: f64) -> Result<f64, Refused> {
        if self.refuses && self.commanded {
            return Err(Refused { code: "faulty".into(), reason: "the device refuses every command".into() });
        }
        if !self.ignores {
            match drive {
                Drive::Power(unit) => self.set_power(unit, value)?,
                Drive::Phases => self.command("phases", value)?,
            }
        }
        self.commands += 1;
        match drive {
            Drive::Power(_) => self.set = Some((value, self.now)),
            Drive::Phases => self.phases_set = Some(value),
        }
        Ok(value)
    }

    fn set_power(&mut self, unit: SetpointUnit, value: f64) -> Result<(), Refused> {
        let shares = self.body.device().phase_shares();
        let conductors = shares.iter().filter(|share| **share > 0.0).count() as f64;
        let watts = match unit {
            SetpointUnit::W => value,
            SetpointUnit::A => value * self.volts * conductors,
            SetpointUnit::OnOff => value * self.high_w,
        };
        match &self.body {
            Body::Battery(_) | Body::HeatPump(_) => self.command("power", watts),
            // Both take what they give as a positive number.
            Body::Genset(_) => self.command("power", watts.abs()),
            Body::Pv(_) => self.command("power_limit", watts.abs()),
            Body::Load(_) if unit == SetpointUnit::OnOff => self.command("switch", value),
            Body::Load(_) => self.command("switch", 1.0).and_then(|()| self.command("power_limit", watts)),
            Body::Charger(_) => self.command("current_limit", on_grid(watts / (self.volts * conductors))),
            Body::Recorded(_) => self.command("power", watts),
            Body::Household(_) | Body::Meter(_) => self.command("power", watts),
        }
    }

    fn command(&mut self, channel: &str, value: f64) -> Result<(), Refused> {
        let refused = |code: &str, reason: String| Refused { code: code.to_owned(), reason };
        let channel = ChannelName::new(channel).map_err(|e| refused("unknown_channel", e.message().to_owned()))?;
        let done = self.body.device_mut().command(&channel, value);
        done.map(drop).map_err(|e| refused(e.code.as_str(), e.reason))
    }

    /// What a device does that was not set for longer than it remembers.
    pub(super) fn forget(&mut self, default: f64, unit: SetpointUnit) {
        let Some(remembers) = self.forgets else { return };
        if self.set.is_some_and(|(_, at)| self.now.saturating_sub(at) >= remembers) {
            // Where it cannot, it stays.
            let _ = self.set_power(unit, default);
            self.set = None;
        }
    }
}

/// Amperes come out of watts with rounding: 6 A shall not be refused for the last digits.
fn on_grid(amperes: f64) -> f64 {
    (amperes * 1e6).round() / 1e6
}
