//! What surrounds the devices: time, sun, weather and the public grid.

use jiff::tz::{Offset, TimeZone};

use super::island::Island;
use super::random::{Drift, RandomStream};
use super::sun;
use crate::model::{Span, Timestamp};

const DAY: i64 = 86_400_000_000;
/// How much of the sky is covered on average: Central Europe is rather grey.
const MEAN_COVER: f64 = 0.75;

/// Where a street lies.
#[derive(Debug, Clone, PartialEq)]
pub struct Location {
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    /// The zone by which people live there.
    pub zone: TimeZone,
}

impl Default for Location {
    /// 50 degrees north, 10 degrees east, an hour ahead of UTC all the year: needs no zone database.
    fn default() -> Self {
        Self { latitude: 50.0, longitude: 10.0, zone: TimeZone::fixed(Offset::constant(1)) }
    }
}

/// A moment as people count it where the street lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalTime {
    /// Days since 1970-01-01, local.
    pub day: i64,
    /// Since local midnight.
    pub of_day: Span,
}

impl LocalTime {
    fn at(now: Timestamp, zone: &TimeZone) -> Self {
        // Outside the years -9999 to 9999 there is no calendar: UTC then.
        let offset = jiff::Timestamp::from_microsecond(now.as_micros()).map_or(0, |t| zone.to_offset(t).seconds());
        let micros = now.saturating_add(Span::from_seconds(offset.into())).as_micros();
        Self { day: micros.div_euclid(DAY), of_day: Span::from_micros(micros.rem_euclid(DAY)) }
    }

    /// Hours since local midnight, 0 to 24.
    #[must_use]
    pub fn hour(self) -> f64 {
        self.of_day.as_seconds() / 3600.0
    }

    /// Saturday or Sunday.
    #[must_use]
    pub fn is_weekend(self) -> bool {
        // Day 0 was a Thursday.
        (self.day + 3).rem_euclid(7) >= 5
    }
}

/// The surroundings during one step, the same for every device of a street. Their chance has streams of its own.
#[derive(Debug, Clone)]
pub struct World {
    location: Location,
    now: Timestamp,
    step: Span,
    local: LocalTime,
    sky: Sky,
    grid: Grid,
    site_power: f64,
    site_phases: [f64; 3],
    island: Option<Island>,
}

#[derive(Debug, Clone)]
struct Sky {
    stream: RandomStream,
    weather: Drift,
    clouds: Drift,
    clear: f64,
    cover: f64,
    irradiance: f64,
    temperature: f64,
}

#[derive(Debug, Clone)]
struct Grid {
    stream: RandomStream,
    voltage_drift: Drift,
    frequency_drift: Drift,
    voltage: f64,
    frequency: f64,
}

impl World {
    /// The surroundings at `start`, before any step.
    #[must_use]
    pub fn new(seed: u64, start: Timestamp, location: Location) -> Self {
        let mut stream = RandomStream::new(seed, "world/sky");
        // Fronts last for hours, single clouds for minutes.
        let weather = Drift::new(0.4, 8.0 * 3600.0, &mut stream);
        let clouds = Drift::new(0.2, 300.0, &mut stream);
        let sky = Sky { stream, weather, clouds, clear: 0.0, cover: 0.0, irradiance: 0.0, temperature: 0.0 };
        let mut stream = RandomStream::new(seed, "world/grid");
        let voltage_drift = Drift::new(1.5, 600.0, &mut stream);
        let frequency_drift = Drift::new(0.02, 60.0, &mut stream);
        let grid = Grid { stream, voltage_drift, frequency_drift, voltage: 230.0, frequency: 50.0 };
        let local = LocalTime::at(start, &location.zone);
        Self {
            location,
            now: start,
            step: Span::default(),
            local,
            sky,
            grid,
            site_power: 0.0,
            site_phases: [0.0; 3],
            island: None,
        }
    }

    /// One step passes; a negative one is none.
    pub fn advance(&mut self, step: Span) {
        self.step = step.max(Span::default());
        self.now = self.now.saturating_add(self.step);
        self.local = LocalTime::at(self.now, &self.location.zone);
        self.set_site_phases([0.0; 3]);
        self.sky.advance(self.now, self.step, &self.location, self.local);
        self.grid.advance(self.step);
    }

    /// The end of the step.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The length of the step that ends now.
    #[must_use]
    pub fn step(&self) -> Span {
        self.step
    }

    /// Now, as people count it here.
    #[must_use]
    pub fn local(&self) -> LocalTime {
        self.local
    }

    /// Global irradiance on the horizontal if the sky were clear, in W/m2.
    #[must_use]
    pub fn clear_sky_irradiance(&self) -> f64 {
        self.sky.clear
    }

    /// Global irradiance on the horizontal under the clouds there are, in W/m2.
    #[must_use]
    pub fn irradiance(&self) -> f64 {
        self.sky.irradiance
    }

    /// The share of the sky that clouds cover, 0 to 1.
    #[must_use]
    pub fn cloud_cover(&self) -> f64 {
        self.sky.cover
    }

    /// Of the air, in degC.
    #[must_use]
    pub fn temperature(&self) -> f64 {
        self.sky.temperature
    }

    /// Of the grid, one phase to neutral, in V.
    #[must_use]
    pub fn voltage(&self) -> f64 {
        self.grid.voltage
    }

    /// Of the grid, or of the island while there is none, in Hz.
    #[must_use]
    pub fn frequency(&self) -> f64 {
        self.island.as_ref().map_or(self.grid.frequency, Island::frequency)
    }

    /// Whether the public grid is there.
    #[must_use]
    pub fn grid_present(&self) -> bool {
        self.island.is_none()
    }

    /// The public grid is lost: from here on the site is an island with that inertia and droop.
    pub fn lose_grid(&mut self, island: Island) {
        self.island = Some(island);
    }

    /// The public grid is back.
    pub fn restore_grid(&mut self) {
        self.island = None;
    }

    /// The island, while the public grid is lost.
    #[must_use]
    pub fn island(&self) -> Option<&Island> {
        self.island.as_ref()
    }

    /// The island, to balance it.
    pub fn island_mut(&mut self) -> Option<&mut Island> {
        self.island.as_mut()
    }

    /// The sum of [`power`](super::EmulatedDevice::power) of the devices of the site that is being stepped, in W.
    #[must_use]
    pub fn site_power(&self) -> f64 {
        self.site_power
    }

    /// What those devices drew on each phase, in W, L1 first.
    #[must_use]
    pub fn site_phases(&self) -> [f64; 3] {
        self.site_phases
    }

    /// Says what the devices behind the next grid meter draw together, in W, evenly on three phases.
    pub fn set_site_power(&mut self, power: f64) {
        self.site_power = power;
        self.site_phases = [power / 3.0; 3];
    }

    /// Says what the devices behind the next grid meter draw together on each phase, in W.
    pub fn set_site_phases(&mut self, phases: [f64; 3]) {
        self.site_power = phases.iter().sum();
        self.site_phases = phases;
    }

    /// Says what they draw together, with how it lies on the phases: a sum is exact where adding up phases would round.
    pub(super) fn set_site(&mut self, power: f64, phases: [f64; 3]) {
        self.site_power = power;
        self.site_phases = phases;
    }
}

impl Sky {
    fn advance(&mut self, now: Timestamp, step: Span, place: &Location, local: LocalTime) {
        self.clear = sun::clear_sky(sun::elevation_sine(now, place.latitude, place.longitude));
        let cover = MEAN_COVER + self.weather.step(step, &mut self.stream) + self.clouds.step(step, &mut self.stream);
        self.cover = cover.clamp(0.0, 1.0);
        self.irradiance = self.clear * sun::cloud_transmission(self.cover);
        // Warmest in late July (or January in the south) and at three in the afternoon.
        let turn = std::f64::consts::TAU;
        let year = (local.day as f64 - 205.0) / 365.2425;
        let season = if place.latitude < 0.0 { -libm::cos(turn * year) } else { libm::cos(turn * year) };
        self.temperature = 10.0 + 9.0 * season + 4.0 * libm::cos(turn * (local.hour() - 15.0) / 24.0);
    }
}

impl Grid {
    fn advance(&mut self, step: Span) {
        self.voltage = 230.0 + self.voltage_drift.step(step, &mut self.stream);
        self.frequency = 50.0 + self.frequency_drift.step(step, &mut self.stream);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_live_by_their_own_zone() {
        let location = Location::default();
        let world = World::new(1, "2024-03-01T23:30:00Z".parse().unwrap(), location);
        // In that place it is half past midnight on Saturday already.
        assert!(world.local().is_weekend());
        assert_eq!(world.local().hour(), 0.5);
    }

    #[test]
    fn clouds_take_but_never_add_and_change_slowly() {
        let mut world = World::new(5, "2024-06-20T09:00:00Z".parse().unwrap(), Location::default());
        let mut before = None;
        let mut rough = 0;
        for _ in 0..4 * 3600 {
            world.advance(Span::from_seconds(1));
            assert!(world.irradiance() <= world.clear_sky_irradiance());
            let share = world.irradiance() / world.clear_sky_irradiance();
            rough += usize::from(before.is_some_and(|before: f64| (before - share).abs() > 0.1));
            before = Some(share);
        }
        assert!(rough < 20, "{rough} jumps of a tenth within a second");
    }

    #[test]
    fn a_year_brings_the_sun_and_the_air_of_central_europe() {
        let mut world = World::new(2, "2024-01-01T00:00:00Z".parse().unwrap(), Location::default());
        let (mut clear, mut ground, mut coldest, mut warmest) = (0.0, 0.0, f64::MAX, f64::MIN);
        for _ in 0..366 * 24 * 4 {
            world.advance(Span::from_seconds(900));
            clear += world.clear_sky_irradiance() / 4e3;
            ground += world.irradiance() / 4e3;
            coldest = world.temperature().min(coldest);
            warmest = world.temperature().max(warmest);
        }
        // In kWh/m2: Haurwitz overestimates a little; Germany receives 950 to 1250 on the horizontal.
        assert!((1_500.0..1_900.0).contains(&clear), "{clear}");
        assert!((950.0..1_250.0).contains(&ground), "{ground}");
        assert!((-5.0..0.0).contains(&coldest) && (20.0..25.0).contains(&warmest), "{coldest} {warmest}");
    }

    #[test]
    fn the_ends_of_time_do_not_panic() {
        for start in [Timestamp::MIN, Timestamp::MAX] {
            let mut world = World::new(1, start, Location::default());
            world.advance(Span::from_seconds(-5));
            world.advance(Span::from_seconds(5));
            assert!(world.irradiance().is_finite() && world.temperature().is_finite());
        }
    }
}
