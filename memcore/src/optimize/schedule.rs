//! What every asset does in every step: named columns that are zero or above, beside energies and temperatures.

use serde::Serialize;

use super::{Asset, Heat, Site};

/// What a column of a schedule holds. Powers are in W and zero or above; energies (Wh) and temperatures (degC) hold at the end of
/// their step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Quantity {
    /// Taken from the grid, W.
    Import,
    /// Given to the grid, W.
    Export,
    /// Taken of what a source could give, W.
    Used,
    /// Left of what a source could give, W.
    Curtailed,
    /// Into a battery or vehicle, W on the AC side.
    Charge,
    /// Out of a battery or vehicle, W on the AC side.
    Discharge,
    /// Energy stored at the end of the step, Wh.
    Energy,
    /// Electric power of a deferrable load, heat pump or genset, W.
    Power,
    /// 1 where it runs, 0 where it does not.
    On,
    /// Heat given by a heat pump, W.
    Heat,
    /// Heat that was asked for and not there, W.
    Unmet,
    /// Temperature at the end of the step, degC.
    Temperature,
    /// Load that is served, W.
    Served,
    /// Load that is shed, W.
    Shed,
    /// Sent from a link's first bus, W.
    Forward,
    /// Sent from a link's second bus, W.
    Reverse,
    /// Spare power that an asset is counted on for, W.
    Reserve,
}

impl Quantity {
    /// The name of its columns, with the unit: `charge_w`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Import => "import_w",
            Self::Export => "export_w",
            Self::Used => "used_w",
            Self::Curtailed => "curtailed_w",
            Self::Charge => "charge_w",
            Self::Discharge => "discharge_w",
            Self::Energy => "energy_wh",
            Self::Power => "power_w",
            Self::On => "on",
            Self::Heat => "heat_w",
            Self::Unmet => "unmet_w",
            Self::Temperature => "temperature_c",
            Self::Served => "served_w",
            Self::Shed => "shed_w",
            Self::Forward => "forward_w",
            Self::Reverse => "reverse_w",
            Self::Reserve => "reserve_w",
        }
    }

    /// The columns that an asset has.
    #[must_use]
    pub fn of_asset(asset: &Asset) -> &'static [Self] {
        match asset {
            Asset::Grid(_) => &[Self::Import, Self::Export],
            Asset::Pv(_) => &[Self::Used, Self::Curtailed],
            Asset::Battery(_) => &[Self::Charge, Self::Discharge, Self::Energy, Self::Reserve],
            Asset::Ev(_) => &[Self::Charge, Self::Discharge, Self::Energy],
            Asset::Deferrable(_) => &[Self::Power, Self::On],
            Asset::HeatPump(pump) => match pump.heat {
                Heat::Tank(_) => &[Self::Power, Self::On, Self::Heat, Self::Unmet, Self::Energy],
                Heat::Building(_) => &[Self::Power, Self::On, Self::Heat, Self::Temperature],
            },
            Asset::Genset(_) => &[Self::Power, Self::On, Self::Reserve],
            Asset::Load(_) => &[Self::Served, Self::Shed],
        }
    }

    /// The columns that a link has.
    pub const OF_LINK: &'static [Self] = &[Self::Forward, Self::Reverse];
}

/// The columns of every asset and then of every link of a site, one number per step each, in one piece of memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    steps: usize,
    /// For each asset and link: what its columns hold, and where the first one begins, in columns.
    parts: Vec<(&'static [Quantity], usize)>,
    values: Vec<f64>,
}

impl Schedule {
    /// All zeros. Part `i` is asset `i` of the site; its links follow.
    #[must_use]
    pub fn zeros(site: &Site) -> Self {
        let quantities = site.assets.iter().map(Quantity::of_asset);
        let links = site.links.iter().map(|_| Quantity::OF_LINK);
        let mut parts = Vec::with_capacity(site.assets.len() + site.links.len());
        let mut columns = 0;
        for held in quantities.chain(links) {
            parts.push((held, columns));
            columns += held.len();
        }
        let steps = site.horizon.len();
        Self { steps, parts, values: vec![0.0; columns * steps] }
    }

    /// Whether it has the steps and the columns of a site.
    #[must_use]
    pub fn is_of(&self, site: &Site) -> bool {
        let mut held = site.assets.iter().map(Quantity::of_asset).chain(site.links.iter().map(|_| Quantity::OF_LINK));
        self.steps == site.horizon.len()
            && self.parts.iter().all(|(quantities, _)| held.next() == Some(*quantities))
            && held.next().is_none()
    }

    /// How many steps it has.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// What the columns of a part hold: of an asset by its place in the site, or of a link after all assets.
    #[must_use]
    pub fn quantities(&self, part: usize) -> &'static [Quantity] {
        self.parts[part].0
    }

    /// A column of a part; None where the part has no such column.
    #[must_use]
    pub fn get(&self, part: usize, quantity: Quantity) -> Option<&[f64]> {
        let range = self.range(part, quantity)?;
        Some(&self.values[range])
    }

    /// A column of a part.
    ///
    /// # Panics
    /// Where the part has no such column.
    #[must_use]
    pub fn column(&self, part: usize, quantity: Quantity) -> &[f64] {
        self.get(part, quantity).unwrap_or_else(|| panic!("part {part} has no column {}", quantity.name()))
    }

    /// A column of a part, to be filled.
    ///
    /// # Panics
    /// Where the part has no such column.
    pub fn column_mut(&mut self, part: usize, quantity: Quantity) -> &mut [f64] {
        let range = self.range(part, quantity);
        let range = range.unwrap_or_else(|| panic!("part {part} has no column {}", quantity.name()));
        &mut self.values[range]
    }

    /// All columns of a part, in the order of its quantities, to be filled together.
    ///
    /// # Panics
    /// Where the part has another number of columns.
    pub(in crate::optimize) fn columns_mut<const N: usize>(&mut self, part: usize) -> [&mut [f64]; N] {
        let (held, first) = self.parts[part];
        assert_eq!(held.len(), N, "part {part} has {} columns", held.len());
        let mut rest = &mut self.values[first * self.steps..];
        std::array::from_fn(|_| {
            let (column, after) = std::mem::take(&mut rest).split_at_mut(self.steps);
            rest = after;
            column
        })
    }

    /// Where a column begins in [`values_mut`](Self::values_mut).
    ///
    /// # Panics
    /// Where the part has no such column.
    pub(in crate::optimize) fn begin(&self, part: usize, quantity: Quantity) -> usize {
        let range = self.range(part, quantity);
        range.unwrap_or_else(|| panic!("part {part} has no column {}", quantity.name())).start
    }

    /// The values of all columns, one column after the other.
    pub(in crate::optimize) fn values_mut(&mut self) -> &mut [f64] {
        &mut self.values
    }

    /// The net power of a part at its bus, in W, positive into the part; of a link, what it takes from its first bus.
    #[must_use]
    pub fn net_power(&self, part: usize, step: usize) -> f64 {
        let at = |quantity| self.get(part, quantity).map_or(0.0, |column| column[step]);
        match self.quantities(part)[0] {
            Quantity::Import => at(Quantity::Export) - at(Quantity::Import),
            Quantity::Used => -at(Quantity::Used),
            Quantity::Charge => at(Quantity::Charge) - at(Quantity::Discharge),
            Quantity::Served => at(Quantity::Served),
            Quantity::Forward => at(Quantity::Forward) - at(Quantity::Reverse),
            _ if self.quantities(part).contains(&Quantity::Reserve) => -at(Quantity::Power),
            _ => at(Quantity::Power),
        }
    }

    fn range(&self, part: usize, quantity: Quantity) -> Option<std::ops::Range<usize>> {
        let (held, first) = self.parts.get(part)?;
        let at = first + held.iter().position(|other| *other == quantity)?;
        Some(at * self.steps..(at + 1) * self.steps)
    }
}
