//! The nouns of the field: names, quantities with their units, time, samples, channels, commands, events.
//!
//! Nothing here does I/O or knows a clock; every other module builds on these types and on [`Error`](crate::Error) alone.

mod channel;
mod command;
mod event;
mod name;
mod pattern;
mod reading;
mod time;
mod unit;

pub use channel::{Channel, ChannelBuilder, Kind, LabelPosition, SignConvention, ValidRange};
pub use command::{Command, CommandId, CommandState};
pub use event::{DeviceStatus, Event, EventKind};
pub(crate) use name::shorten;
pub use name::{ChannelName, DeviceName, Name, OPERATOR_DEFAULT, SeriesName};
pub use pattern::Pattern;
pub use reading::{Batch, Reading, Sample, SequencePosition};
pub use time::{Clock, ManualClock, Span, SystemClock, Timestamp};
pub use unit::{Quantity, Unit};
