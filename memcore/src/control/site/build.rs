//! The builders: a site model that reads like the site. A name is checked where it is said, everything else by
//! [`SiteModel::check`].

use super::{
    Asset, Circuit, ExternalLimit, Fuel, Group, Heat, Island, PhaseUse, Planning, Role, SetpointUnit, ShareBy, SiteModel,
    Storage, Tariff, Vehicle,
};
use crate::control::{StrategyConfig, StrategyKind};
use crate::error::Result;
use crate::model::{Currency, Name, OPERATOR_DEFAULT, Span};

impl SiteModel {
    /// A site without anything in it; everything else is as its field says.
    ///
    /// # Errors
    /// Invalid where the name is none.
    pub fn new(site: &str) -> Result<Self> {
        Ok(Self {
            site: Name::new(site)?,
            operator: Name::new(OPERATOR_DEFAULT)?,
            zone: super::utc(),
            currency: Currency::EUR,
            tick: super::second(),
            lease: super::minute(),
            assets: Vec::new(),
            circuits: Vec::new(),
            groups: Vec::new(),
            externals: Vec::new(),
            tariff: None,
            island: None,
            planning: None,
            strategies: Vec::new(),
        })
    }

    /// Of another operator than `local`.
    ///
    /// # Errors
    /// Invalid where the name is none.
    pub fn operator(mut self, operator: &str) -> Result<Self> {
        self.operator = Name::new(operator)?;
        Ok(self)
    }

    /// In that time zone, such as `Europe/Berlin`.
    #[must_use]
    pub fn zone(mut self, zone: impl Into<String>) -> Self {
        self.zone = zone.into();
        self
    }

    /// With prices in that money.
    #[must_use]
    pub fn currency(mut self, currency: Currency) -> Self {
        self.currency = currency;
        self
    }

    /// Decided so often.
    #[must_use]
    pub fn tick(mut self, tick: Span) -> Self {
        self.tick = tick;
        self
    }

    /// With commands that hold for so long.
    #[must_use]
    pub fn lease(mut self, lease: Span) -> Self {
        self.lease = lease;
        self
    }

    /// With an asset, a circuit, a group, a limit from outside, a tariff, a life as an island, planning, or a strategy.
    #[must_use]
    pub fn with(mut self, part: impl Into<Part>) -> Self {
        match part.into() {
            Part::Asset(asset) => self.assets.push(*asset),
            Part::Circuit(circuit) => self.circuits.push(circuit),
            Part::Group(group) => self.groups.push(group),
            Part::External(external) => self.externals.push(external),
            Part::Tariff(tariff) => self.tariff = Some(tariff),
            Part::Island(island) => self.island = Some(island),
            Part::Planning(planning) => self.planning = Some(planning),
            Part::Strategy(strategy) => self.strategies.push(*strategy),
        }
        self
    }
}

/// What [`SiteModel::with`] takes.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Part {
    /// Another asset.
    Asset(Box<Asset>),
    /// Another circuit.
    Circuit(Circuit),
    /// Another group.
    Group(Group),
    /// Another limit from outside.
    External(ExternalLimit),
    /// The tariff.
    Tariff(Tariff),
    /// How it lives without the grid.
    Island(Island),
    /// How plans are made.
    Planning(Planning),
    /// Another strategy.
    Strategy(Box<StrategyConfig>),
}

impl From<StrategyConfig> for Part {
    fn from(strategy: StrategyConfig) -> Self {
        Self::Strategy(Box::new(strategy))
    }
}

impl From<StrategyKind> for Part {
    fn from(kind: StrategyKind) -> Self {
        StrategyConfig::from(kind).into()
    }
}

impl From<Asset> for Part {
    fn from(asset: Asset) -> Self {
        Self::Asset(Box::new(asset))
    }
}

macro_rules! part_from {
    ($($part:ident => $variant:ident),*) => {
        $(impl From<$part> for Part {
            fn from(part: $part) -> Self {
                Self::$variant(part)
            }
        })*
    };
}

part_from!(Circuit => Circuit, Group => Group, ExternalLimit => External, Tariff => Tariff, Island => Island, Planning => Planning);

/// Assets by their role, with what each must say. Powers are in W and in passive sign.
impl Asset {
    /// The meter at the grid connection.
    ///
    /// # Errors
    /// Invalid where the name is none.
    pub fn grid_meter(name: &str) -> Result<Self> {
        Ok(Self::new(Name::new(name)?, Role::GridMeter))
    }

    /// A meter of a circuit within the site.
    ///
    /// # Errors
    /// Invalid where the name is none.
    pub fn meter(name: &str) -> Result<Self> {
        Ok(Self::new(Name::new(name)?, Role::Meter))
    }

    /// A photovoltaic array of so many W at its best, as a positive number.
    ///
    /// # Errors
    /// Invalid where the name is none.
    pub fn pv(name: &str, peak_w: f64) -> Result<Self> {
        Ok(Self::new(Name::new(name)?, Role::Pv).range_w([-peak_w, 0.0]))
    }

    /// A battery of so many Wh, with its range such as `[-5000.0, 5000.0]`.
    ///
    /// # Errors
    /// Invalid where the name is none.
    pub fn battery(name: &str, capacity_wh: f64, range_w: [f64; 2]) -> Result<Self> {
        Ok(Self::new(Name::new(name)?, Role::Battery).storage(Storage::new(capacity_wh)).range_w(range_w))
    }

    /// A charger that gives nothing, or from `least_w` to `most_w`.
    ///
    /// # Errors
    /// Invalid where the name is none.
    pub fn charger(name: &str, least_w: f64, most_w: f64) -> Result<Self> {
        Ok(Self::new(Name::new(name)?, Role::Charger).range_w([0.0, most_w]).least_w(least_w))
    }

    /// A heat pump of at most so many W of electricity.
    ///
    /// # Errors
    /// Invalid where the name is none.
    pub fn heat_pump(name: &str, most_w: f64) -> Result<Self> {
        Ok(Self::new(Name::new(name)?, Role::HeatPump).range_w([0.0, most_w]))
    }

    /// A load that is metered, and perhaps limited.
    ///
    /// # Errors
    /// Invalid where the name is none.
    pub fn load(name: &str) -> Result<Self> {
        Ok(Self::new(Name::new(name)?, Role::Load))
    }

    /// A generator that gives nothing, or from `least_w` to `most_w`, as positive numbers.
    ///
    /// # Errors
    /// Invalid where the name is none.
    pub fn genset(name: &str, least_w: f64, most_w: f64) -> Result<Self> {
        Ok(Self::new(Name::new(name)?, Role::Genset).range_w([-most_w, 0.0]).least_w(least_w))
    }

    /// A load that is only switched, and takes so many W when it is on.
    ///
    /// # Errors
    /// Invalid where the name is none.
    pub fn switch(name: &str, on_w: f64) -> Result<Self> {
        let unit = SetpointUnit::OnOff;
        Ok(Self::new(Name::new(name)?, Role::Switch).range_w([0.0, on_w]).setpoint_unit(unit))
    }

    /// Fed by that circuit.
    ///
    /// # Errors
    /// Invalid where the name is none.
    pub fn on(mut self, circuit: &str) -> Result<Self> {
        self.circuit = Some(Name::new(circuit)?);
        Ok(self)
    }

    /// With channels of that device.
    ///
    /// # Errors
    /// Invalid where the name is none.
    pub fn device(mut self, device: &str) -> Result<Self> {
        self.device = Some(Name::new(device)?);
        Ok(self)
    }

    /// With the channels of its currents, L1 first.
    #[must_use]
    pub fn currents<C: Into<String>>(mut self, channels: impl IntoIterator<Item = C>) -> Self {
        self.currents = channels.into_iter().map(Into::into).collect();
        self
    }

    /// With phases that are switched through that channel, which takes 1 or 3.
    #[must_use]
    pub fn switched_phases(mut self, channel: impl Into<String>) -> Self {
        (self.phases, self.phase_setpoint) = (PhaseUse::Switched, Some(channel.into()));
        self
    }
}

/// Setters that only put their field: of texts, of what may be left out, and of plain values.
macro_rules! setters {
    ($of:ident: texts { $($(#[$text_doc:meta])* $text:ident,)* } options { $($(#[$option_doc:meta])* $option:ident: $option_type:ty,)* }
     values { $($(#[$value_doc:meta])* $value:ident: $value_type:ty,)* }) => {
        impl $of {
            $(
                $(#[$text_doc])*
                #[must_use]
                pub fn $text(mut self, $text: impl Into<String>) -> Self {
                    self.$text = Some($text.into());
                    self
                }
            )*
            $(
                $(#[$option_doc])*
                #[must_use]
                pub fn $option(mut self, $option: impl Into<$option_type>) -> Self {
                    self.$option = Some($option.into());
                    self
                }
            )*
            $(
                $(#[$value_doc])*
                #[must_use]
                pub fn $value(mut self, $value: $value_type) -> Self {
                    self.$value = $value;
                    self
                }
            )*
        }
    };
}

setters! { Asset:
    texts {
        /// With another channel of its power than `power`.
        power,
        /// Controlled through that channel.
        setpoint,
        /// With the channel of its state of charge.
        soc,
        /// With the channel that says whether a vehicle is connected.
        connected,
        /// With the channel of a voltage.
        voltage,
        /// With the channel of the frequency.
        frequency,
        /// With the channel of a temperature.
        temperature,
    }
    options {
        /// Between those powers, in W, passive sign.
        range_w: [f64; 2],
        /// In steps of so many W.
        step_w: f64,
        /// Changing by at most so many W a second.
        ramp_w_per_s: f64,
        /// Running for so long at the least.
        min_on: Span,
        /// Resting for so long at the least.
        min_off: Span,
        /// At so many W when nobody decides.
        safe_w: f64,
        /// Taken to draw so many W when its meter is lost.
        assumed_w: f64,
        /// Shed in that order, lower numbers first.
        shed_order: u8,
        /// With what a battery stores.
        storage: Storage,
        /// With the vehicle of a charger.
        vehicle: Vehicle,
        /// With what a genset costs.
        fuel: Fuel,
        /// With what a heat pump heats.
        heat: Heat,
        /// With so much heat out of a unit of electricity.
        cop: f64,
    }
    values {
        /// With a setpoint in that unit.
        setpoint_unit: SetpointUnit,
        /// With at least so many W when it runs.
        least_w: f64,
        /// With one of these powers, in W.
        levels_w: Vec<f64>,
        /// On those conductors.
        phases: PhaseUse,
        /// With so many volts of a phase against neutral.
        volts: f64,
        /// With a meter that reports so often.
        period: Span,
    }
}

setters! { Circuit:
    texts {}
    options {
        /// With at most so many A in each phase.
        limit_a: f64,
        /// With at most so many W in.
        import_limit_w: f64,
        /// With at most so many W out, as a positive number.
        export_limit_w: f64,
    }
    values {
        /// With so many volts of a phase against neutral.
        volts: f64,
        /// With so many phases: 1 or 3.
        phases: u8,
        /// With that share of its limits kept free.
        margin: f64,
    }
}

impl Circuit {
    /// A circuit at the top, without limits.
    ///
    /// # Errors
    /// Invalid where the name is none.
    pub fn new(name: &str) -> Result<Self> {
        Ok(Self {
            name: Name::new(name)?,
            within: None,
            limit_a: None,
            import_limit_w: None,
            export_limit_w: None,
            volts: super::volts(),
            phases: super::three(),
            meter: None,
            margin: super::margin(),
        })
    }

    /// Fed by another circuit.
    ///
    /// # Errors
    /// Invalid where the name is none.
    pub fn within(mut self, circuit: &str) -> Result<Self> {
        self.within = Some(Name::new(circuit)?);
        Ok(self)
    }

    /// Measured by that meter.
    ///
    /// # Errors
    /// Invalid where the name is none.
    pub fn metered_by(mut self, meter: &str) -> Result<Self> {
        self.meter = Some(Name::new(meter)?);
        Ok(self)
    }
}

impl Group {
    /// Assets that are wished for together.
    ///
    /// # Errors
    /// Invalid where a name is none.
    pub fn new<'n>(name: &str, members: impl IntoIterator<Item = &'n str>) -> Result<Self> {
        let members = members.into_iter().map(Name::new).collect::<Result<_>>()?;
        Ok(Self { name: Name::new(name)?, members, share_by: ShareBy::default() })
    }

    /// Shared out that way.
    #[must_use]
    pub fn share_by(mut self, share_by: ShareBy) -> Self {
        self.share_by = share_by;
        self
    }
}

impl ExternalLimit {
    /// A limit that the channel `signal` (`device:channel`) brings, with what holds while it is silent, in W.
    ///
    /// # Errors
    /// Invalid where the name is none.
    pub fn new(name: &str, signal: impl Into<String>, failsafe_w: f64) -> Result<Self> {
        Ok(Self {
            name: Name::new(name)?,
            signal: signal.into(),
            members: Vec::new(),
            limit_w: None,
            failsafe_w,
            silent_after: super::two_minutes(),
            min_duration: super::two_hours(),
        })
    }

    /// Of the sum of these assets, in place of the grid connection.
    ///
    /// # Errors
    /// Invalid where a name is none.
    pub fn members<'n>(mut self, members: impl IntoIterator<Item = &'n str>) -> Result<Self> {
        self.members = members.into_iter().map(Name::new).collect::<Result<_>>()?;
        Ok(self)
    }

    /// At most so many W while the signal is 1.
    #[must_use]
    pub fn limit_w(mut self, limit_w: f64) -> Self {
        self.limit_w = Some(limit_w);
        self
    }
}

impl Storage {
    /// A store of so many Wh; everything else is as its field says.
    #[must_use]
    pub fn new(capacity_wh: f64) -> Self {
        Self {
            capacity_wh,
            min_soc: super::asset::lowest(),
            max_soc: 1.0,
            tolerance: super::asset::tolerance(),
            charge_efficiency: super::asset::efficiency(),
            discharge_efficiency: super::asset::efficiency(),
            wear_per_kwh: 0.0,
        }
    }
}

impl Vehicle {
    /// A vehicle of so many Wh that leaves at a time such as `07:00`; everything else is as its field says.
    #[must_use]
    pub fn new(capacity_wh: f64, departure: Option<&str>) -> Self {
        let (target_soc, charge_efficiency) = (super::asset::target(), super::asset::vehicle_efficiency());
        Self { capacity_wh, target_soc, departure: departure.map(str::to_owned), charge_efficiency }
    }
}

impl Fuel {
    /// So much a kWh; everything else is as its field says.
    #[must_use]
    pub fn new(marginal_per_kwh: f64) -> Self {
        Self { marginal_per_kwh, no_load_per_h: 0.0, start_cost: 0.0 }
    }
}

impl Island {
    /// With the channel (`device:channel`) that says whether the grid is there.
    #[must_use]
    pub fn new(grid_present: impl Into<String>) -> Self {
        Self { grid_present: grid_present.into(), forming: None, reserve_w: 0.0, reserve_soc: 0.0 }
    }

    /// With the asset that forms the grid meanwhile.
    ///
    /// # Errors
    /// Invalid where the name is none.
    pub fn formed_by(mut self, asset: &str) -> Result<Self> {
        self.forming = Some(Name::new(asset)?);
        Ok(self)
    }
}
