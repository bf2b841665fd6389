//! The physical site: the world, every device, the circuits' meters, and the island when the public grid is gone.

use std::time::Duration;

use super::asset::LiveAsset;
use super::body::{Body, Recorded};
use super::options::SimulationOptions;
use crate::control::{CheckedModel, Measure, Role};
use crate::error::{Error, Result};
use crate::model::{SeriesName, Span};
use crate::sim::{Island, IslandSettings, Location, RandomStream, World};

/// Something that happened at a device and not in control.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fell {
    pub(super) place: usize,
    pub(super) value: f64,
}

/// A site that lives, step by step.
pub(super) struct LiveSite {
    pub(super) world: World,
    pub(super) assets: Vec<LiveAsset>,
    /// The assets that each circuit feeds, its meters aside.
    pub(super) fed: Vec<Vec<usize>>,
    /// What each meter measures: a circuit, or all of the site.
    meters: Vec<(usize, Option<usize>)>,
    /// What nobody describes: a household where the model has no load at all.
    hidden: Option<LiveAsset>,
    forming: Option<usize>,
    island: IslandSettings,
}

impl LiveSite {
    pub(super) fn new(model: &CheckedModel, options: &SimulationOptions) -> Result<Self> {
        let zone = jiff::tz::TimeZone::get(&model.model().zone).unwrap_or(jiff::tz::TimeZone::UTC);
        let location = Location { zone, ..options.location.clone() };
        let world = World::new(options.seed, options.from, location);
        let series = inputs(model);
        let mut assets = Vec::with_capacity(model.assets().len());
        for (asset, series) in model.assets().iter().zip(&series) {
            let stream = RandomStream::new(options.seed, asset.name.as_str());
            let recorded = options.recorded.iter().find(|recorded| recorded.asset == asset.name);
            let soc = options.socs.iter().find(|(name, _)| *name == asset.name).map_or(0.5, |(_, soc)| *soc);
            let body = match recorded {
                Some(recorded) => Body::Recorded(Recorded::new(recorded.times.clone(), recorded.watts.clone())),
                None => Body::of(asset, stream, soc, options.control).map_err(|e| e.context(&asset.name))?,
            };
            let mut own = asset.clone();
            if !options.control {
                // Nobody commands it, so that it has no fallback either: it does what it does by itself.
                own.setpoint = None;
            }
            assets.push(LiveAsset::new(&own, series, body, options.device_rules)?);
        }
        known(model, options)?;
        let forming = model.model().island.as_ref().and_then(|island| model.place(island.forming.as_ref()?.as_str()));
        let rated = forming.map_or(IslandSettings::default().rated_power, |place| {
            let asset = &model.assets()[place];
            if asset.low_w.is_finite() { -asset.low_w } else { IslandSettings::default().rated_power }
        });
        Ok(Self {
            world,
            hidden: hidden(model, options)?,
            fed: fed(model),
            meters: meters(model),
            assets,
            forming,
            island: IslandSettings { rated_power: rated, ..IslandSettings::default() },
        })
    }

    /// Every device starts.
    pub(super) fn begin(&mut self, now: Duration) {
        self.assets.iter_mut().for_each(|asset| asset.begin(now));
    }

    /// The public grid goes or comes back.
    pub(super) fn set_grid(&mut self, present: bool) -> Result<()> {
        match (present, self.world.grid_present()) {
            (false, true) => self.world.lose_grid(Island::new(self.island.clone())?),
            (true, false) => self.world.restore_grid(),
            _ => {}
        }
        Ok(())
    }

    /// A step passes; gives the leases that ended.
    pub(super) fn advance(&mut self, step: Span, now: Duration) -> Vec<Fell> {
        self.world.advance(step);
        let mut fell = Vec::new();
        for (place, asset) in self.assets.iter_mut().enumerate() {
            fell.extend(asset.pass(now).map(|value| Fell { place, value }));
        }
        let dark = self.world.island().is_some_and(Island::is_dark);
        // Without anything that forms an island, nothing runs.
        let dark = dark || !self.world.grid_present() && self.forming.is_none();
        let forming = self.forming.filter(|_| !self.world.grid_present());
        for (place, asset) in self.assets.iter_mut().enumerate() {
            if !asset.is_meter() && Some(place) != forming {
                asset.step(&self.world, dark);
            }
        }
        if let Some(hidden) = &mut self.hidden {
            hidden.step(&self.world, dark);
        }
        if let Some(forming) = forming {
            self.balance(forming, step);
        }
        self.measure();
        fell
    }

    /// What forms the island takes what the others leave over.
    fn balance(&mut self, forming: usize, step: Span) {
        let drawn = |(place, asset): (usize, &LiveAsset)| {
            if place == forming || asset.is_meter() { 0.0 } else { asset.power_w }
        };
        let others: f64 = self.assets.iter().enumerate().map(drawn).sum::<f64>()
            + self.hidden.as_ref().map_or(0.0, |hidden| hidden.power_w);
        let limits = self.assets[forming].forming_limits(step);
        let Some(island) = self.world.island_mut() else { return };
        let taken = island.balance(step, others, limits);
        let dark = island.is_dark();
        self.assets[forming].form(taken);
        self.assets[forming].step(&self.world, dark);
    }

    fn measure(&mut self) {
        for at in 0..self.meters.len() {
            let (place, circuit) = self.meters[at];
            let phases = match circuit {
                Some(circuit) => self.circuit_phases(circuit),
                None => self.site_phases(),
            };
            let at_grid = circuit.is_none() && !self.world.grid_present();
            self.world.set_site_phases(if at_grid { [0.0; 3] } else { phases });
            self.assets[place].step(&self.world, false);
        }
    }

    /// What a circuit carries on each phase, in W.
    pub(super) fn circuit_phases(&self, circuit: usize) -> [f64; 3] {
        let mut sum = self.fed[circuit].iter().fold([0.0; 3], |sum, place| add(sum, self.assets[*place].phases_w));
        if circuit == 0
            && let Some(hidden) = &self.hidden
        {
            sum = add(sum, hidden.phases_w);
        }
        sum
    }

    /// What all of the site draws on each phase, in W.
    pub(super) fn site_phases(&self) -> [f64; 3] {
        let drawn = self.assets.iter().chain(&self.hidden).filter(|asset| !asset.is_meter());
        drawn.fold([0.0; 3], |sum, asset| add(sum, asset.phases_w))
    }

    /// What flows in from the public grid, in W.
    pub(super) fn grid_w(&self) -> f64 {
        if self.world.grid_present() { self.site_phases().iter().sum() } else { 0.0 }
    }

    /// What consumers draw, in W: everything but batteries, and what is produced.
    pub(super) fn consumed_and_produced(&self, model: &CheckedModel) -> (f64, f64) {
        let mut sums = (self.hidden.as_ref().map_or(0.0, |hidden| hidden.power_w), 0.0);
        for (asset, described) in self.assets.iter().zip(model.assets()) {
            match described.role {
                Role::GridMeter | Role::Meter | Role::Battery => {}
                Role::Pv | Role::Genset => sums.1 += (-asset.power_w).max(0.0),
                _ => sums.0 += asset.power_w.max(0.0),
            }
        }
        sums
    }
}

fn add(mut one: [f64; 3], other: [f64; 3]) -> [f64; 3] {
    one.iter_mut().zip(other).for_each(|(one, other)| *one += other);
    one
}

/// The series that bring something of each asset.
fn inputs(model: &CheckedModel) -> Vec<Vec<(SeriesName, Measure)>> {
    let mut series = vec![Vec::new(); model.assets().len()];
    for (name, brings) in model.inputs() {
        for (measure, place) in brings {
            if !matches!(measure, Measure::External | Measure::GridPresent) {
                series[*place].push((name.clone(), *measure));
            }
        }
    }
    // In an order of their own, whatever that of a map is.
    series
        .iter_mut()
        .for_each(|of_asset: &mut Vec<(SeriesName, Measure)>| of_asset.sort_by_key(|(_, measure)| *measure as u8));
    series
}

fn hidden(model: &CheckedModel, options: &SimulationOptions) -> Result<Option<LiveAsset>> {
    if model.assets().iter().any(|asset| matches!(asset.role, Role::Load | Role::Switch)) {
        return Ok(None);
    }
    let Some(described) = model.assets().first() else { return Ok(None) };
    let stream = RandomStream::new(options.seed, "what nobody measures");
    let household = crate::sim::Household::new(crate::sim::HouseholdSettings::default(), stream)?;
    LiveAsset::unmeasured(described, Body::Household(household)).map(Some)
}

/// The assets on each circuit or on one within it.
fn fed(model: &CheckedModel) -> Vec<Vec<usize>> {
    let within = |circuit: usize, place: usize| {
        let mut at = model.assets()[place].circuit;
        while let Some(here) = at {
            if here == circuit {
                return true;
            }
            at = model.circuits()[here].within;
        }
        false
    };
    let is_meter = |place: usize| matches!(model.assets()[place].role, Role::GridMeter | Role::Meter);
    let of =
        |circuit: usize| (0..model.assets().len()).filter(|place| !is_meter(*place) && within(circuit, *place)).collect();
    (0..model.circuits().len()).map(of).collect()
}

fn meters(model: &CheckedModel) -> Vec<(usize, Option<usize>)> {
    let measured = |place: usize| model.circuits().iter().position(|circuit| circuit.meter == Some(place));
    let meters = model.assets().iter().enumerate().filter_map(|(place, asset)| match asset.role {
        Role::GridMeter => Some((place, None)),
        Role::Meter => Some((place, measured(place))),
        _ => None,
    });
    meters.collect()
}

/// What options name must be there.
fn known(model: &CheckedModel, options: &SimulationOptions) -> Result<()> {
    let named = options.recorded.iter().map(|recorded| &recorded.asset).chain(options.socs.iter().map(|(name, _)| name));
    for name in named {
        if model.place(name.as_str()).is_none() {
            return Err(Error::invalid(format!("{name} is no asset of the site {}", model.model().site)));
        }
    }
    for recorded in &options.recorded {
        if recorded.times.len() != recorded.watts.len() {
            let (times, watts) = (recorded.times.len(), recorded.watts.len());
            return Err(Error::invalid(format!(
                "{} has {times} times and {watts} values, expected as many",
                recorded.asset
            )));
        }
    }
    Ok(())
}
