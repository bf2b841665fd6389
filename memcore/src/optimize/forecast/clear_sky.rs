//! What an array would give under a sky without clouds: position of the sun by a library, light by published formulas.
//!
//! The sun: I. Reda and A. Andreas, "Solar position algorithm for solar radiation applications", Solar Energy 76(5), 577 (2004), in the
//! crate `solar-positioning`. Global light: B. Haurwitz, "Insolation in relation to cloudiness and cloud density", Journal of
//! Meteorology 2, 154 (1945). Its diffuse share: D. Erbs, S. Klein and J. Duffie, "Estimation of the diffuse radiation fraction for
//! hourly, daily and monthly-average global radiation", Solar Energy 28(4), 293 (1982). On the plane: isotropic sky, B. Liu and
//! R. Jordan, "The interrelationship and characteristic distribution of direct, diffuse and total solar radiation", Solar Energy 4(3),
//! 1 (1960). Losses are one number, 14 % unless told, as in PVGIS.

use solar_positioning::time::JulianDate;
use solar_positioning::{Location, SolarPositions};

use super::super::Horizon;
use super::made::Forecast;
use crate::error::{Error, Result};
use crate::model::Timestamp;

/// Light of the sun outside the atmosphere, W/m2.
const SOLAR_CONSTANT: f64 = 1_361.0;
/// Light at which a module gives its nominal power, W/m2.
const STANDARD_LIGHT: f64 = 1_000.0;
/// The share of light that the ground gives back.
const ALBEDO: f64 = 0.2;
/// Terrestrial time less UT1 in these years, s. It turns the sun by less than a thousandth of a degree.
const DELTA_T: f64 = 69.2;
/// Each step is looked at so often.
const LOOKS: i64 = 4;

/// Where the sun stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sun {
    /// Degrees above the horizon, without refraction.
    pub elevation_deg: f64,
    /// Degrees from north over east.
    pub azimuth_deg: f64,
}

/// An array of modules.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClearSky {
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    /// Degrees from lying flat.
    pub tilt_deg: f64,
    /// The direction that it faces, in degrees from north over east: 180 is south.
    pub azimuth_deg: f64,
    /// Nominal power, in W.
    pub peak_w: f64,
    /// The share that is lost in modules, cables and inverter.
    pub losses: f64,
}

impl ClearSky {
    /// An array of a nominal power at a place, facing a direction, with 14 % losses.
    #[must_use]
    pub const fn new(latitude: f64, longitude: f64, tilt_deg: f64, azimuth_deg: f64, peak_w: f64) -> Self {
        Self { latitude, longitude, tilt_deg, azimuth_deg, peak_w, losses: 0.14 }
    }

    /// The mean power in each step under a clear sky, in W: the most that is to be expected of that step.
    ///
    /// # Errors
    /// Invalid for a position or an orientation that cannot be, or a time outside the years -2000 to 6000.
    pub fn power_w(&self, horizon: &Horizon) -> Result<Vec<f64>> {
        self.check()?;
        let borders = horizon.borders();
        let mean = |pair: &[Timestamp]| {
            let length = pair[1].since(pair[0]).as_micros();
            let mut sum = 0.0;
            for look in 0..LOOKS {
                let at = pair[0].as_micros() + length * (2 * look + 1) / (2 * LOOKS);
                sum += self.power_at(Timestamp::from_micros(at))?;
            }
            Ok(sum / LOOKS as f64)
        };
        borders.windows(2).map(mean).collect()
    }

    /// The same as a forecast.
    ///
    /// # Errors
    /// As [`power_w`](Self::power_w).
    pub fn forecast(&self, horizon: &Horizon) -> Result<Forecast> {
        Forecast::new(horizon.clone(), self.power_w(horizon)?, horizon.start(), "clear_sky")
    }

    fn check(&self) -> Result<()> {
        for (name, value, low, high) in [
            ("latitude", self.latitude, -90.0, 90.0),
            ("longitude", self.longitude, -180.0, 180.0),
            ("tilt_deg", self.tilt_deg, 0.0, 180.0),
            ("azimuth_deg", self.azimuth_deg, -360.0, 360.0),
            ("peak_w", self.peak_w, 0.0, f64::MAX),
            ("losses", self.losses, 0.0, 1.0),
        ] {
            if !(low..=high).contains(&value) {
                return Err(Error::invalid(format!("clear_sky.{name} is {value}, expected from {low} to {high}")));
            }
        }
        Ok(())
    }

    fn power_at(&self, time: Timestamp) -> Result<f64> {
        let sun = sun_at(time, (self.latitude, self.longitude))?;
        Ok(self.peak_w * (1.0 - self.losses) * self.light_on_plane(sun, time) / STANDARD_LIGHT)
    }

    /// The light on the array, W/m2.
    fn light_on_plane(&self, sun: Sun, time: Timestamp) -> f64 {
        let height = sun.elevation_deg.to_radians().sin();
        if height <= 0.0 {
            return 0.0;
        }
        let global = 1_098.0 * height * (-0.057 / height).exp();
        let diffuse = global * diffuse_share(global / (outside(time) * height));
        // Near the horizon the beam would be a small number divided by a smaller one.
        let beam = (global - diffuse) / height.max(0.02);
        let (tilt, elevation) = (self.tilt_deg.to_radians(), sun.elevation_deg.to_radians());
        let turned = (sun.azimuth_deg - self.azimuth_deg).to_radians();
        let incidence = height * tilt.cos() + elevation.cos() * tilt.sin() * turned.cos();
        let sky = diffuse * f64::midpoint(1.0, tilt.cos());
        let ground = ALBEDO * global * (1.0 - tilt.cos()) / 2.0;
        beam * incidence.max(0.0) + sky + ground
    }
}

/// Light outside the atmosphere, which changes with the distance of the sun over the year, W/m2.
fn outside(time: Timestamp) -> f64 {
    let day = time.as_micros() as f64 / 86_400e6;
    SOLAR_CONSTANT * (1.0 + 0.033 * (std::f64::consts::TAU * (day + 0.5) / 365.2425).cos())
}

/// The share of global light that is diffuse, by the clearness of the sky (Erbs).
fn diffuse_share(clearness: f64) -> f64 {
    let k = clearness.clamp(0.0, 1.0);
    if k <= 0.22 {
        1.0 - 0.09 * k
    } else if k <= 0.8 {
        0.9511 - 0.1604 * k + 4.388 * k.powi(2) - 16.638 * k.powi(3) + 12.336 * k.powi(4)
    } else {
        0.165
    }
}

/// Where the sun stands at a time, seen from a latitude and a longitude in degrees.
///
/// # Errors
/// Invalid for a position that is none, or a time outside the years -2000 to 6000.
pub fn sun_at(time: Timestamp, (latitude, longitude): (f64, f64)) -> Result<Sun> {
    let days = time.as_micros() as f64 / 86_400e6;
    let cannot = |e: solar_positioning::Error| {
        Error::invalid(format!("no sun at {latitude}, {longitude} at {time}: {e}")).caused_by(e)
    };
    // The Julian date of 1970-01-01T00:00:00Z.
    let date = JulianDate::new(2_440_587.5 + days, DELTA_T).map_err(cannot)?;
    let place = Location { latitude, longitude };
    let sun = SolarPositions::new().at_from_julian(date, place, 0.0, None).map_err(cannot)?;
    Ok(Sun { elevation_deg: sun.elevation_angle(), azimuth_deg: sun.azimuth() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Span;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_sun_stands_where_the_almanac_has_it() {
        // Berlin, summer solstice of 2024: culmination at 11:08 UTC, 90 - 52.5 + 23.44 degrees high, in the south.
        let noon = sun_at(at("2024-06-20T11:08:00Z"), (52.5, 13.4)).unwrap();
        assert!((noon.elevation_deg - 60.94).abs() < 0.02, "{noon:?}");
        assert!((noon.azimuth_deg - 180.0).abs() < 0.5, "{noon:?}");
        assert!(sun_at(at("2024-06-20T23:00:00Z"), (52.5, 13.4)).unwrap().elevation_deg < 0.0);
        assert!(sun_at(at("2024-06-20T11:00:00Z"), (152.5, 13.4)).unwrap_err().to_string().contains("152.5"));
    }

    #[test]
    fn a_clear_day_gives_what_an_array_gives_and_the_night_nothing() {
        let day = Horizon::even(at("2024-06-20T00:00:00Z"), Span::from_seconds(900), 96).unwrap();
        let south = ClearSky::new(52.5, 13.4, 35.0, 180.0, 10_000.0).power_w(&day).unwrap();
        let peak = south.iter().copied().fold(0.0, f64::max);
        let kwh = south.iter().sum::<f64>() / 4_000.0;
        assert_eq!((south[0], south[95]), (0.0, 0.0));
        // A clear day in June gives 6 to 8 kWh for each kW.
        assert!((7_500.0..9_500.0).contains(&peak) && (60.0..80.0).contains(&kwh), "{peak} W, {kwh} kWh");
        let east = ClearSky::new(52.5, 13.4, 35.0, 90.0, 10_000.0).power_w(&day).unwrap();
        let highest = |power: &[f64]| (0..96).max_by(|a, b| power[*a].total_cmp(&power[*b])).unwrap();
        assert!(highest(&east) + 4 < highest(&south), "a roof to the east peaks in the morning");
    }

    #[test]
    fn what_is_no_place_is_refused_by_name() {
        let day = Horizon::even(at("2024-06-20T00:00:00Z"), Span::from_seconds(900), 4).unwrap();
        let refused = |sky: ClearSky| sky.power_w(&day).unwrap_err().to_string();
        assert!(refused(ClearSky::new(95.0, 0.0, 30.0, 180.0, 1.0)).contains("clear_sky.latitude is 95"));
        assert!(refused(ClearSky::new(5.0, 0.0, 30.0, 180.0, f64::NAN)).contains("clear_sky.peak_w is NaN"));
    }
}
