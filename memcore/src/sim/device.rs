//! What every emulated device can do, and how it refuses what it cannot.

use std::fmt;

use super::world::World;
use crate::error::{Error, Result};
use crate::model::{Channel, ChannelName, Span};

/// A device that lives in a [`World`]: it tells its channels, lives one step at a time, and takes commands.
pub trait EmulatedDevice: Send {
    /// The channels, in the order of the values of a row.
    fn channels(&self) -> &[Channel];

    /// Lives through the step of `world` that ends at [`World::now`], and appends one value a channel to `row`: in the
    /// channel's own unit and sign, as the device would report it at that instant. Power is the mean over the step.
    fn step(&mut self, world: &World, row: &mut Vec<Option<f64>>);

    /// The electric power that flowed into the device during the last step, in W (negative: out of it). It is what
    /// the device reported, so that a meter's sum is the sum of the reports.
    fn power(&self) -> f64;

    /// The share of its power on each phase, L1 first: evenly unless a device says otherwise.
    fn phase_shares(&self) -> [f64; 3] {
        [1.0 / 3.0; 3]
    }

    /// The least and the most power that it can take in a step of that length while it forms an island, in W; None for what
    /// cannot form one.
    fn forming_limits(&self, step: Span) -> Option<(f64, f64)> {
        let _ = step;
        None
    }

    /// It forms an island: in its next step it takes that power, whatever its setpoint says, as far as its
    /// [limits](Self::forming_limits) allow.
    fn form(&mut self, power: f64) {
        let _ = power;
    }

    /// Takes a value for a channel, in the channel's own unit and sign, and reads back what now stands there.
    ///
    /// # Errors
    /// A [`RefusedCommand`] with a code for programs and a reason for people; the device is then as before. A device
    /// without writable channels refuses everything.
    fn command(&mut self, channel: &ChannelName, value: f64) -> Result<f64, RefusedCommand> {
        let _ = value;
        Err(RefusedCommand::not_writable(self.channels(), channel))
    }
}

/// Why a command was refused, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusalCode {
    /// The device has no channel of that name.
    UnknownChannel,
    /// The channel takes no commands.
    NotWritable,
    /// The value is no number, or outside what the channel takes.
    OutOfRange,
}

impl RefusalCode {
    /// The code as it travels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownChannel => "unknown_channel",
            Self::NotWritable => "not_writable",
            Self::OutOfRange => "out_of_range",
        }
    }
}

/// A command that a device will not carry out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedCommand {
    /// For programs.
    pub code: RefusalCode,
    /// For a person: the channel, the value and what was expected.
    pub reason: String,
}

impl RefusedCommand {
    pub(crate) fn not_writable(channels: &[Channel], channel: &ChannelName) -> Self {
        if channels.iter().any(|known| known.name == *channel) {
            return Self { code: RefusalCode::NotWritable, reason: format!("channel {channel} takes no commands") };
        }
        let names: Vec<_> = channels.iter().filter(|known| known.writable).map(|known| known.name.as_str()).collect();
        let expected = if names.is_empty() { "none is writable".into() } else { format!("expected {}", names.join(", ")) };
        Self { code: RefusalCode::UnknownChannel, reason: format!("channel {channel} does not exist, {expected}") }
    }

    pub(crate) fn out_of_range(channel: &ChannelName, value: f64, expected: impl fmt::Display) -> Self {
        Self { code: RefusalCode::OutOfRange, reason: format!("{channel} is {value}, expected {expected}") }
    }
}

impl fmt::Display for RefusedCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.reason)
    }
}

impl std::error::Error for RefusedCommand {}

/// Settings of a model must lie within what is physical.
pub(crate) fn check_setting(field: &str, value: f64, low: f64, high: f64) -> Result<()> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(Error::invalid(format!("`{field}` is {value}, expected {low} to {high}")))
}
