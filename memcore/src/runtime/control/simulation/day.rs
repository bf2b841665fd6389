//! A day of a home under control, told as it goes: the live code in simulated time, for people who watch.

use serde::Serialize;

use super::outcome::kilowatts;
use super::run::Run;
use super::scenario::Scenario;
use super::story::{Watched, watched};
use crate::control::SiteModel;
use crate::error::{Error, Result};
use crate::model::Timestamp;

/// Below this power a car does not charge, and a battery does nothing worth telling, in W.
const WORTH_W: f64 = 500.0;

/// What the site's strategy keeps the mean of each quarter of an hour below, in W.
const PEAK_W: f64 = 5_000.0;

/// What happened on a day, and what it came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct HomeDay {
    /// How much the car took while it followed the surplus, in kWh.
    pub car_from_surplus_kwh: f64,
    /// The most that the house drew, in W.
    pub house_peak_w: f64,
    /// The highest mean of a quarter of an hour at the grid connection, in W.
    pub grid_peak_w: f64,
    /// Leases that ended at the battery while its link was cut.
    pub leases_ended: u64,
    /// Whether the battery followed again once the link was back.
    pub battery_back: bool,
    /// Decisions that were made.
    pub decisions: u64,
    /// Limits that were broken.
    pub limits_broken: u64,
    /// What was expected of the day and was not so.
    pub failures: Vec<String>,
    /// When it begins and ends.
    #[serde(skip)]
    pub span: (Timestamp, Timestamp),
    /// What was to be told, and when.
    #[serde(skip)]
    pub told: Vec<(Timestamp, String)>,
}

/// The site of the day.
fn home(name: &str) -> Result<SiteModel> {
    match name {
        "day" => toml::from_str(include_str!("day_home.toml")).map_err(|e| Error::invalid(e.to_string())),
        other => Err(Error::invalid(format!("model is {other:?}, expected \"day\""))),
    }
}

/// Lets a home live for a day: its car is charged from surplus, a peak is shaved, and the link of its battery is cut.
///
/// # Errors
/// None that a caller could cause.
pub fn home_day() -> Result<HomeDay> {
    let scenario = Scenario::parse(include_str!("day.toml"), home)?;
    let mut teller = Teller::default();
    let Watched { run, failures } = watched(&scenario, |run| teller.look(run))?;
    let figures = super::SimulatedControl::new(run).figures();
    let end = scenario.options.from.saturating_add(scenario.options.length);
    Ok(HomeDay {
        car_from_surplus_kwh: (teller.surplus_wh / 1e3 * 10.0).round() / 10.0,
        house_peak_w: teller.house_peak_w,
        grid_peak_w: figures.peak_w.round(),
        leases_ended: figures.leases_ended,
        battery_back: teller.back,
        decisions: figures.decisions,
        limits_broken: figures.violations.len() as u64 + figures.violations_more,
        failures,
        span: (scenario.options.from, end),
        told: teller.told,
    })
}

/// Sees what is worth telling.
#[derive(Default)]
struct Teller {
    told: Vec<(Timestamp, String)>,
    notes: usize,
    charging: bool,
    shaving: bool,
    cut: bool,
    back: bool,
    surplus_wh: f64,
    house_peak_w: f64,
}

impl Teller {
    fn look(&mut self, run: &Run) {
        let power = |name: &str| run.model.place(name).map_or(0.0, |place| run.site.assets[place].power_w);
        let by = |name: &str| run.model.place(name).map_or("", |place| run.record.by(place));
        let (now, car, battery, house) = (run.site.world.now(), power("car"), power("battery"), power("house"));
        let mut told = Vec::new();
        self.house_peak_w = self.house_peak_w.max(house);
        for note in &run.notes[self.notes..] {
            told.extend(self.noted(&note.what, battery));
        }
        self.notes = run.notes.len();
        if by("car") == "surplus_charging" {
            self.surplus_wh += car * run.options.step.as_seconds() / 3600.0;
        }
        if (car > WORTH_W) != self.charging {
            self.charging = car > WORTH_W;
            told.push(match self.charging {
                true => format!(
                    "the car charges with {} from surplus: the sun gives {}",
                    kilowatts(car),
                    kilowatts(-power("pv"))
                ),
                false => "the car rests: there is no surplus for it".to_owned(),
            });
        }
        let grid_w = run.site.grid_w();
        // Told once the battery has answered.
        let shaves = house > PEAK_W && if self.shaving { battery < -WORTH_W } else { grid_w < PEAK_W };
        if shaves != self.shaving {
            self.shaving = shaves;
            let (draws, gives, grid) = (kilowatts(house), kilowatts(-battery), kilowatts(grid_w));
            told.extend(shaves.then(|| {
                format!("the house draws {draws}: the battery gives {gives} and shaves the peak, the grid gives {grid}")
            }));
        }
        if self.cut && !self.back && battery < -WORTH_W && run.notes.iter().any(|note| note.what.starts_with("end of link"))
        {
            self.back = true;
            told.push(format!("the battery follows again and gives {}", kilowatts(-battery)));
        }
        self.told.extend(told.into_iter().map(|line| (now, line)));
    }

    fn noted(&mut self, what: &str, battery: f64) -> Option<String> {
        match what {
            "plug car 0.4" => Some("the car is plugged in, 40 % full".to_owned()),
            "link lost of battery" => {
                self.cut = true;
                Some(format!("the link of the battery is cut while it gives {}", kilowatts(-battery)))
            }
            "end of link lost of battery" => Some("the link of the battery is back".to_owned()),
            other if other.starts_with("the lease of battery ended") => Some(
                "the lease of the battery ends at the battery itself: it falls back to 0 W, and the grid takes over"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_shows_surplus_a_peak_and_a_cut_link() {
        let day = home_day().unwrap();
        assert_eq!(day.failures, Vec::<String>::new());
        assert!(day.car_from_surplus_kwh > 5.0 && day.battery_back && day.leases_ended == 1, "{day:?}");
        assert!(day.house_peak_w == 9_000.0 && day.grid_peak_w < 5_000.0 && day.limits_broken == 0, "{day:?}");
        for word in ["from surplus", "shaves the peak", "is cut", "falls back", "follows again"] {
            assert!(day.told.iter().any(|(_, line)| line.contains(word)), "{word}: {:?}", day.told);
        }
    }
}
