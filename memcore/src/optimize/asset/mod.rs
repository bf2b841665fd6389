//! What a site is made of: each asset with its limits, losses and costs. Fields carry their unit in their name, in every language.

mod battery;
mod deferrable;
mod ev;
mod genset;
mod grid;
mod heat_pump;
mod link;
mod load;
mod profiles;
mod source;

pub use battery::{Battery, Side, Terminal};
pub use deferrable::Deferrable;
pub use ev::{Charging, Ev, Phases, Session};
pub use genset::Genset;
pub use grid::{DemandCharge, Grid};
pub use heat_pump::{Building, Heat, HeatPump, Tank};
pub use link::Link;
pub use load::Load;
use serde::{Deserialize, Serialize};
pub use source::Source;

use super::Profile;
use crate::model::{Span, Timestamp};

/// The bus that an asset is on when it names none.
pub const MAIN_BUS: &str = "main";

/// Declares an asset: a struct of public fields with units in their names, `new` with what must be given, a setter for each of the
/// rest, and its form in TOML and JSON, where unknown fields are refused. What must be given and is missing in a file is NaN or
/// empty, and [`Site::check`](super::Site::check) refuses it by name.
macro_rules! asset {
    ($(#[$doc:meta])* $asset:ident {
        $($(#[doc = $need_doc:expr])* $(#[serde($($need_serde:tt)*)])* $need:ident: $need_type:ty,)*
        ;
        $($(#[doc = $may_doc:expr])* $(#[serde($($may_serde:tt)*)])* $may:ident: $may_type:ty = $default:expr,)*
    }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct $asset {
            /// What the site calls it; unlike any other name of the site.
            pub name: String,
            /// The bus that it is on; [`MAIN_BUS`](crate::optimize::MAIN_BUS) unless told.
            pub bus: String,
            $($(#[doc = $need_doc])* $(#[serde($($need_serde)*)])* pub $need: $need_type,)*
            $($(#[doc = $may_doc])* $(#[serde($($may_serde)*)])* pub $may: $may_type,)*
        }

        impl $asset {
            /// With what must be given; everything else is as its field says.
            #[must_use]
            pub fn new(name: impl Into<String>, $($need: impl crate::optimize::Given<$need_type>),*) -> Self {
                Self { name: name.into(), $($need: $need.given(),)* ..Self::default() }
            }

            /// On another bus than the main one.
            #[must_use]
            pub fn bus(mut self, bus: impl Into<String>) -> Self {
                self.bus = bus.into();
                self
            }

            $(
                $(#[doc = $may_doc])*
                #[must_use]
                pub fn $may(mut self, $may: impl crate::optimize::Given<$may_type>) -> Self {
                    self.$may = $may.given();
                    self
                }
            )*
        }

        impl Default for $asset {
            fn default() -> Self {
                #[allow(unused_imports, reason = "not every asset has one")]
                use crate::optimize::asset::Missing as _;
                Self {
                    name: String::new(),
                    bus: crate::optimize::MAIN_BUS.to_owned(),
                    $($need: <$need_type>::missing(),)*
                    $($may: $default,)*
                }
            }
        }
    };
}
pub(in crate::optimize) use asset;

/// What may be given for a field: `10_000.0` or one number per step for an optional limit, a span for an optional time.
pub trait Given<T> {
    /// As the field holds it.
    fn given(self) -> T;
}

impl<T> Given<T> for T {
    fn given(self) -> T {
        self
    }
}

macro_rules! given {
    ($($from:ty => $to:ty),* $(,)?) => {
        $(impl Given<$to> for $from {
            fn given(self) -> $to {
                self.into()
            }
        })*
    };
}

given! {
    f64 => Profile, Vec<f64> => Profile, &[f64] => Profile, f64 => Option<f64>, Profile => Option<Profile>, Span => Option<Span>,
    Timestamp => Option<Timestamp>, u8 => Option<u8>, Tank => Heat, Building => Heat,
}

impl<const N: usize> Given<Profile> for [f64; N] {
    fn given(self) -> Profile {
        self.into()
    }
}

impl Given<Option<Profile>> for f64 {
    fn given(self) -> Option<Profile> {
        Some(self.into())
    }
}

impl Given<Option<Profile>> for Vec<f64> {
    fn given(self) -> Option<Profile> {
        Some(self.into())
    }
}

impl<const N: usize> Given<Option<Profile>> for [f64; N] {
    fn given(self) -> Option<Profile> {
        Some(self.into())
    }
}

/// What stands where a value that must be given was not.
pub(in crate::optimize) trait Missing {
    fn missing() -> Self;
}

impl Missing for f64 {
    fn missing() -> Self {
        f64::NAN
    }
}

impl Missing for Profile {
    fn missing() -> Self {
        Self::default()
    }
}

impl Missing for Span {
    fn missing() -> Self {
        Self::from_micros(-1)
    }
}

impl<T> Missing for Vec<T> {
    fn missing() -> Self {
        Self::new()
    }
}

/// Anything that a site is made of. In TOML and JSON `type` says which: `grid`, `pv`, `battery`, `ev`, `deferrable`, `heat_pump`,
/// `genset`, `load`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Asset {
    /// A grid connection.
    Grid(Grid),
    /// PV, wind or another source that can be curtailed.
    #[serde(alias = "source", alias = "wind")]
    Pv(Source),
    /// A battery.
    Battery(Battery),
    /// An electric vehicle at a charger.
    Ev(Ev),
    /// A load that must run, but may choose when.
    Deferrable(Deferrable),
    /// A heat pump or another heater with what it heats.
    HeatPump(HeatPump),
    /// A generator that is started and stopped.
    Genset(Genset),
    /// Demand that is there, and that may be shed at a price.
    Load(Load),
}

impl Asset {
    /// What the site calls it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Grid(asset) => &asset.name,
            Self::Pv(asset) => &asset.name,
            Self::Battery(asset) => &asset.name,
            Self::Ev(asset) => &asset.name,
            Self::Deferrable(asset) => &asset.name,
            Self::HeatPump(asset) => &asset.name,
            Self::Genset(asset) => &asset.name,
            Self::Load(asset) => &asset.name,
        }
    }

    /// The bus that it is on.
    #[must_use]
    pub fn bus(&self) -> &str {
        match self {
            Self::Grid(asset) => &asset.bus,
            Self::Pv(asset) => &asset.bus,
            Self::Battery(asset) => &asset.bus,
            Self::Ev(asset) => &asset.bus,
            Self::Deferrable(asset) => &asset.bus,
            Self::HeatPump(asset) => &asset.bus,
            Self::Genset(asset) => &asset.bus,
            Self::Load(asset) => &asset.bus,
        }
    }

    /// Its type as files write it: `battery`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Grid(_) => "grid",
            Self::Pv(_) => "pv",
            Self::Battery(_) => "battery",
            Self::Ev(_) => "ev",
            Self::Deferrable(_) => "deferrable",
            Self::HeatPump(_) => "heat_pump",
            Self::Genset(_) => "genset",
            Self::Load(_) => "load",
        }
    }
}

macro_rules! asset_from {
    ($($asset:ident => $variant:ident),*) => {
        $(impl From<$asset> for Asset {
            fn from(asset: $asset) -> Self {
                Self::$variant(asset)
            }
        })*
    };
}

asset_from!(Grid => Grid, Source => Pv, Battery => Battery, Ev => Ev, Deferrable => Deferrable, HeatPump => HeatPump, Genset => Genset, Load => Load);
