//! Where the sun stands, and what reaches the ground under a clear or a cloudy sky.

use crate::model::Timestamp;

const DAY: f64 = 86_400.0;
/// 2000-01-01T00:00:00Z.
const YEAR_2000: f64 = 946_684_800.0;
/// The mean Gregorian year in days.
const YEAR: f64 = 365.2425;

/// The sine of the sun's elevation.
///
/// Declination and equation of time: J. W. Spencer, "Fourier series representation of the position of the sun",
/// Search 2(5), 172 (1971). The day angle runs with the mean Gregorian year, at most a day off the calendar's.
pub(crate) fn elevation_sine(now: Timestamp, latitude: f64, longitude: f64) -> f64 {
    let seconds = now.as_micros() as f64 / 1e6;
    let angle = std::f64::consts::TAU * ((seconds - YEAR_2000) / (YEAR * DAY)).rem_euclid(1.0);
    let (s1, c1) = libm::sincos(angle);
    let (s2, c2) = (2.0 * s1 * c1, c1 * c1 - s1 * s1);
    let (s3, c3) = (s1 * c2 + c1 * s2, c1 * c2 - s1 * s2);
    let declination =
        0.006918 - 0.399912 * c1 + 0.070257 * s1 - 0.006758 * c2 + 0.000907 * s2 - 0.002697 * c3 + 0.00148 * s3;
    let equation_of_time = 0.0000075 + 0.001868 * c1 - 0.032077 * s1 - 0.014615 * c2 - 0.040849 * s2;

    let turn = (seconds / DAY).rem_euclid(1.0) * std::f64::consts::TAU;
    let hour_angle = turn - std::f64::consts::PI + longitude.to_radians() + equation_of_time;
    let (latitude_sine, latitude_cosine) = libm::sincos(latitude.to_radians());
    let (declination_sine, declination_cosine) = libm::sincos(declination);
    latitude_sine * declination_sine + latitude_cosine * declination_cosine * libm::cos(hour_angle)
}

/// Global irradiance on the horizontal under a clear sky in W/m2: B. Haurwitz, "Insolation in relation to cloudiness
/// and cloud density", Journal of Meteorology 2, 154-166 (1945).
pub(crate) fn clear_sky(elevation_sine: f64) -> f64 {
    if elevation_sine <= 0.0 { 0.0 } else { 1098.0 * elevation_sine * libm::exp(-0.059 / elevation_sine) }
}

/// The fraction of the clear-sky irradiance that is left under a sky covered to that fraction: F. Kasten and
/// G. Czeplak, "Solar and terrestrial radiation dependent on the amount and type of cloud", Solar Energy 24 (1980).
pub(crate) fn cloud_transmission(cover: f64) -> f64 {
    1.0 - 0.75 * libm::pow(cover.clamp(0.0, 1.0), 3.4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elevation(time: &str, latitude: f64, longitude: f64) -> f64 {
        elevation_sine(time.parse().unwrap(), latitude, longitude).asin().to_degrees()
    }

    #[test]
    fn the_sun_stands_where_geometry_says() {
        // At solar noon the elevation is 90 - latitude + declination; the obliquity of the ecliptic is 23.44 degrees.
        assert!((elevation("2024-06-20T12:02:00Z", 50.0, 0.0) - 63.44).abs() < 0.3);
        assert!((elevation("2024-12-21T11:58:00Z", 50.0, 0.0) - 16.56).abs() < 0.3);
        assert!((elevation("2024-03-20T12:07:00Z", 0.0, 0.0) - 90.0).abs() < 1.0);
        // 15 degrees further east, noon comes an hour earlier.
        let difference = elevation("2024-06-20T11:02:00Z", 50.0, 15.0) - elevation("2024-06-20T12:02:00Z", 50.0, 0.0);
        assert!(difference.abs() < 0.1, "{difference}");
        assert!(elevation("2024-06-20T00:00:00Z", 50.0, 0.0) < -15.0);
    }

    #[test]
    fn a_clear_sky_gives_about_a_kilowatt_at_the_zenith_and_nothing_below_the_horizon() {
        assert!((clear_sky(1.0) - 1035.0).abs() < 1.0);
        assert_eq!((clear_sky(0.0), clear_sky(-0.3)), (0.0, 0.0));
        assert_eq!((cloud_transmission(0.0), cloud_transmission(1.0)), (1.0, 0.25));
    }
}
