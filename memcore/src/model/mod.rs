//! The nouns of the field: names, quantities with their units, time, samples, channels, labels, commands, events.
//!
//! Nothing here does I/O or knows a clock; every other module builds on these types and on [`Error`](crate::Error) alone.

mod channel;
mod command;
mod currency;
#[cfg(test)]
pub(crate) mod dice;
mod edge;
mod event;
mod identity;
mod label;
mod name;
mod pattern;
mod quality;
mod reading;
mod register;
mod rules;
mod selection;
mod time;
mod unit;
pub(crate) mod written;

pub use channel::{Channel, ChannelBuilder, Kind, LabelPosition, SignConvention, ValidRange};
pub use command::{Command, CommandId, CommandState};
pub use currency::Currency;
pub use edge::{SetAside, Taken};
pub use event::{DeviceStatus, Event, EventKind};
pub use identity::{DeviceProof, PointRate, ProofKind};
pub use label::{LABELS_MAX, LabelName, LabelValue, Labels, labels};
pub(crate) use name::shorten;
pub use name::{ChannelName, DeviceName, Name, OPERATOR_DEFAULT, SeriesName};
pub use pattern::Pattern;
pub use quality::{Qualities, Quality};
pub use reading::{Batch, Reading, Sample, SequencePosition};
pub(crate) use register::ALL_ONES;
pub use register::RegisterType;
pub use rules::CommandRules;
pub use selection::Selection;
pub use time::{Clock, ManualClock, Span, SystemClock, Timestamp};
pub use unit::{PricePer, Quantity, Unit};
