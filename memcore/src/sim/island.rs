//! A site without the public grid: its frequency answers to the balance of power, by inertia and droop.

use super::device::check_setting;
use crate::error::Result;
use crate::model::Span;

/// What holds the frequency of an island.
#[derive(Debug, Clone, PartialEq)]
pub struct IslandSettings {
    /// The power of what forms the island, in W: droop and inertia are per unit of it.
    pub rated_power: f64,
    /// The inertia constant H, in s: kinetic energy (or what a converter emulates of it) over rated power.
    pub inertia: f64,
    /// How much lower the frequency is at rated power than at none, as a share of the nominal one.
    pub droop: f64,
    /// In Hz.
    pub nominal: f64,
    /// Protection switches everything off outside of these, in Hz.
    pub frequencies: [f64; 2],
}

impl Default for IslandSettings {
    /// A converter of 5 kW: P. Kundur, "Power System Stability and Control" (1994) has H of 2 to 9 s and droops of 2 to 5 %; the
    /// frequencies are those of EN 50549-1.
    fn default() -> Self {
        Self { rated_power: 5_000.0, inertia: 4.0, droop: 0.02, nominal: 50.0, frequencies: [47.5, 51.5] }
    }
}

/// After so many seconds in the dark the island is tried again.
const BLACK_START: f64 = 60.0;

/// An island. What forms it takes what the others leave over, and its droop makes that visible as frequency; what it cannot take
/// moves the frequency by the swing equation `df/dt = f0 / (2 H S) * dP`, until protection switches all off.
#[derive(Debug, Clone, PartialEq)]
pub struct Island {
    settings: IslandSettings,
    frequency: f64,
    /// For how long it is dark, in s.
    dark: Option<f64>,
}

impl Island {
    /// An island at its nominal frequency.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for a setting that no island has.
    pub fn new(settings: IslandSettings) -> Result<Self> {
        check_setting("rated_power", settings.rated_power, 1e-3, 1e12)?;
        check_setting("inertia", settings.inertia, 0.01, 100.0)?;
        check_setting("droop", settings.droop, 1e-4, 0.2)?;
        check_setting("nominal", settings.nominal, 1.0, 1e3)?;
        check_setting("frequencies[0]", settings.frequencies[0], 0.0, settings.nominal)?;
        check_setting("frequencies[1]", settings.frequencies[1], settings.nominal, 1e4)?;
        let frequency = settings.nominal;
        Ok(Self { settings, frequency, dark: None })
    }

    /// In Hz.
    #[must_use]
    pub fn frequency(&self) -> f64 {
        self.frequency
    }

    /// Whether protection has switched everything off.
    #[must_use]
    pub fn is_dark(&self) -> bool {
        self.dark.is_some()
    }

    /// Time passes. `others` is what everything but the forming device draws, in W, and `limits` what the forming device can take
    /// (negative: give). Returns the power that it takes: the others' with the opposite sign, as far as it can.
    pub fn balance(&mut self, step: Span, others: f64, limits: (f64, f64)) -> f64 {
        let seconds = step.as_seconds().max(0.0);
        if let Some(dark) = &mut self.dark {
            *dark += seconds;
            if *dark < BLACK_START {
                return 0.0;
            }
            (self.dark, self.frequency) = (None, self.settings.nominal);
        }
        let s = &self.settings;
        let taken = (-others).clamp(limits.0.min(0.0), limits.1.max(0.0));
        // Positive: more is drawn than given.
        let short = others + taken;
        let settled = s.nominal * (1.0 + s.droop * taken / s.rated_power);
        // While it can follow, the time constant is 2 H droop: fractions of a second.
        let kept = libm::exp(-seconds / (2.0 * s.inertia * s.droop));
        self.frequency = if short.abs() <= 1e-6 * s.rated_power {
            settled + (self.frequency - settled) * kept
        } else {
            self.frequency - short * s.nominal / (2.0 * s.inertia * s.rated_power) * seconds
        };
        if !(s.frequencies[0]..=s.frequencies[1]).contains(&self.frequency) {
            (self.frequency, self.dark) = (0.0, Some(0.0));
            return 0.0;
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Span = Span::from_seconds(1);
    const LIMITS: (f64, f64) = (-5_000.0, 5_000.0);

    fn island() -> Island {
        Island::new(IslandSettings::default()).unwrap()
    }

    #[test]
    fn droop_shows_how_much_is_given() {
        let mut island = island();
        for (others, expected) in [(2_500.0, 49.5), (-2_500.0, 50.5), (0.0, 50.0)] {
            for _ in 0..5 {
                assert_eq!(island.balance(SECOND, others, LIMITS), -others);
            }
            assert!((island.frequency() - expected).abs() < 1e-9, "{others} W: {}", island.frequency());
        }
    }

    #[test]
    fn what_nobody_gives_comes_out_of_inertia_until_it_is_dark_and_a_minute_later_it_is_tried_again() {
        let mut island = island();
        assert_eq!(island.balance(SECOND, 6_000.0, LIMITS), -5_000.0);
        // 1 kW short of 5 kW: 50 / (2 * 4 s) * 0.2 = 1.25 Hz a second.
        assert!((island.frequency() - 48.75).abs() < 1e-9, "{}", island.frequency());
        island.balance(SECOND, 6_000.0, LIMITS);
        assert_eq!(island.balance(SECOND, 6_000.0, LIMITS), 0.0);
        assert!(island.is_dark() && island.frequency() == 0.0);
        for _ in 0..60 {
            island.balance(SECOND, 1_000.0, LIMITS);
        }
        assert!(!island.is_dark() && (49.0..50.0).contains(&island.frequency()), "{}", island.frequency());
    }

    #[test]
    fn too_much_sun_makes_it_too_fast() {
        let mut island = island();
        for _ in 0..10 {
            island.balance(SECOND, -8_000.0, (-5_000.0, 0.0));
        }
        assert!(island.is_dark());
    }
}
