//! The program's own functions that carry out commands and read channels back, called so that a panic stays theirs.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::model::ChannelName;
use crate::protocol::Code;

/// Why a device will not carry out a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// A code of `docs/protocol.md`, or the device's own.
    pub code: String,
    /// For a person.
    pub reason: String,
}

impl Refused {
    /// With this code a handler says that it cannot tell whether it had its effect: the command is then unknown, not refused.
    pub const UNKNOWN: &'static str = "unknown";

    /// A handler cannot tell whether it had its effect.
    #[must_use]
    pub fn unknown(reason: impl Into<String>) -> Self {
        Self { code: Self::UNKNOWN.into(), reason: reason.into() }
    }

    pub(super) fn new(code: Code, reason: impl Into<String>) -> Self {
        Self { code: code.to_string(), reason: reason.into() }
    }
}

/// Carries out a value on a channel, in the channel's own unit, and returns what it reads back. A refusal says that nothing
/// was changed, unless it is [`Refused::unknown`].
pub type CommandHandler = Box<dyn FnMut(&ChannelName, f64) -> Result<f64, Refused> + Send>;

/// Reads a channel back, in its own unit; none where it cannot be read.
pub type ReadHandler = Box<dyn FnMut(&ChannelName) -> Option<f64> + Send>;

/// What became of a value that a channel was to take.
pub(super) enum Set {
    /// Taken; what the handler read back, where that is a number.
    Taken(Option<f64>),
    /// Nothing was changed.
    Refused(Refused),
    /// The handler broke off, or cannot tell: nobody knows.
    BrokeOff,
}

/// The functions of one device.
pub(crate) struct Handlers {
    /// Carries out commands.
    pub(crate) set: CommandHandler,
    /// Reads channels back, where the program can.
    pub(crate) read: Option<ReadHandler>,
}

impl Handlers {
    pub(super) fn set(&mut self, channel: &ChannelName, value: f64) -> Set {
        match catch_unwind(AssertUnwindSafe(|| (self.set)(channel, value))) {
            Ok(Ok(read_back)) => Set::Taken(Some(read_back).filter(|value| value.is_finite())),
            Ok(Err(refused)) if refused.code == Refused::UNKNOWN => {
                tracing::warn!(%channel, value, reason = refused.reason, "a command's effect is not known");
                Set::BrokeOff
            }
            Ok(Err(refused)) => Set::Refused(refused),
            Err(_) => Set::BrokeOff,
        }
    }

    pub(super) fn read(&mut self, channel: &ChannelName) -> Option<f64> {
        let read = self.read.as_mut()?;
        catch_unwind(AssertUnwindSafe(|| read(channel))).ok().flatten().filter(|value| value.is_finite())
    }
}
