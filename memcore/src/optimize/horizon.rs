//! The steps that a plan decides about: half open, ascending, not necessarily equal.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::energy::{Every, buckets};
use crate::error::{Error, Result};
use crate::model::written;
use crate::model::{Span, Timestamp};

/// The most steps that a plan may have: a year of quarters of an hour is 35,040.
pub const MAX_STEPS: usize = 1_000_000;

/// The steps of a plan: `n + 1` ascending UTC borders around `n` half-open steps.
///
/// In TOML and JSON: `{ start, step, steps }`, `{ start, end, step, zone }` (calendar steps need the zone, so that a day across a
/// change of the clocks has 23 or 25 hours), or `{ borders }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "WrittenHorizon", into = "WrittenHorizon")]
pub struct Horizon {
    /// Shared, since every plan carries the horizon of its site.
    borders: Arc<[Timestamp]>,
}

impl Horizon {
    /// `steps` steps of equal length from `start` on.
    ///
    /// # Errors
    /// Invalid without a step, with a length that is not positive, or with more than [`MAX_STEPS`] steps.
    pub fn even(start: Timestamp, step: Span, steps: usize) -> Result<Self> {
        if step.as_micros() <= 0 {
            return Err(Error::invalid(format!("horizon.step is {step}, expected a length above zero such as 15m")));
        }
        check_count(steps)?;
        let border = |i: usize| start.as_micros().checked_add(step.as_micros().checked_mul(i as i64)?);
        let borders: Option<Arc<[Timestamp]>> = (0..=steps).map(|i| border(i).map(Timestamp::from_micros)).collect();
        borders.map(|borders| Self { borders }).ok_or_else(|| {
            Error::invalid(format!("horizon of {steps} steps of {step} from {start} ends beyond what a time can hold"))
        })
    }

    /// Steps between given borders, one more than there are steps.
    ///
    /// # Errors
    /// Invalid with fewer than two borders, or where a border is not after the one before it.
    pub fn new(borders: Vec<Timestamp>) -> Result<Self> {
        check_count(borders.len().saturating_sub(1))?;
        if let Some(at) = borders.windows(2).position(|pair| pair[1] <= pair[0]) {
            let (before, after) = (borders[at], borders[at + 1]);
            return Err(Error::invalid(format!(
                "horizon.borders[{}] is {after}, expected a time after {before}, the border before it",
                at + 1
            )));
        }
        Ok(Self { borders: borders.into() })
    }

    /// The calendar's steps in a half-open range: local days of 23, 24 or 25 hours where `every` has a zone.
    ///
    /// # Errors
    /// Invalid where the range holds no time or more than [`MAX_STEPS`] steps.
    pub fn every(from: Timestamp, to: Timestamp, every: &Every) -> Result<Self> {
        Self::new(buckets(from, to, every)?)
    }

    /// How many steps there are; at least one.
    #[must_use]
    pub fn len(&self) -> usize {
        self.borders.len() - 1
    }

    /// Never: a horizon has at least one step.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The borders, one more than there are steps.
    #[must_use]
    pub fn borders(&self) -> &[Timestamp] {
        &self.borders
    }

    /// When each step starts.
    #[must_use]
    pub fn starts(&self) -> &[Timestamp] {
        &self.borders[..self.len()]
    }

    /// When the first step starts.
    #[must_use]
    pub fn start(&self) -> Timestamp {
        self.borders[0]
    }

    /// When the last step ends.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        self.borders[self.len()]
    }

    /// The length of a step in hours.
    #[must_use]
    pub fn hours(&self, step: usize) -> f64 {
        self.borders[step + 1].since(self.borders[step]).as_micros() as f64 / 3.6e9
    }

    /// The lengths of all steps in hours.
    #[must_use]
    pub fn step_hours(&self) -> Vec<f64> {
        (0..self.len()).map(|step| self.hours(step)).collect()
    }

    /// The steps that lie wholly within `[from, to)`, as a range of step numbers; empty where there is none.
    #[must_use]
    pub fn steps_within(&self, from: Timestamp, to: Timestamp) -> std::ops::Range<usize> {
        let first = self.starts().partition_point(|start| *start < from);
        let past = self.borders[1..].partition_point(|end| *end <= to);
        first..past.max(first)
    }

    /// The steps from `first` on, without the last `len() - past`.
    ///
    /// # Errors
    /// Invalid where no step is left.
    pub fn part(&self, steps: std::ops::Range<usize>) -> Result<Self> {
        let borders = self.borders.get(steps.start..=steps.end).unwrap_or_default().to_vec();
        Self::new(borders)
    }
}

fn check_count(steps: usize) -> Result<()> {
    match steps {
        0 => Err(Error::invalid("horizon has no step, expected at least one")),
        1..=MAX_STEPS => Ok(()),
        _ => Err(Error::invalid(format!("horizon has {steps} steps, expected at most {MAX_STEPS}"))),
    }
}

/// A horizon as it is written; exactly one of its forms.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WrittenHorizon {
    #[serde(with = "written::instant", skip_serializing_if = "Option::is_none")]
    start: Option<Timestamp>,
    #[serde(with = "written::instant", skip_serializing_if = "Option::is_none")]
    end: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    zone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    steps: Option<usize>,
    #[serde(with = "written::instants", skip_serializing_if = "Option::is_none")]
    borders: Option<Vec<Timestamp>>,
}

impl TryFrom<WrittenHorizon> for Horizon {
    type Error = Error;

    fn try_from(written: WrittenHorizon) -> Result<Self> {
        match written {
            WrittenHorizon { borders: Some(borders), start: None, end: None, step: None, steps: None, zone: None } => {
                Self::new(borders)
            }
            WrittenHorizon {
                start: Some(start),
                step: Some(step),
                steps: Some(steps),
                end: None,
                borders: None,
                zone: None,
            } => Self::even(start, step.parse()?, steps),
            WrittenHorizon { start: Some(start), step: Some(step), end: Some(end), zone, steps: None, borders: None } => {
                Self::every(start, end, &Every::parse(&step, zone.as_deref())?)
            }
            _ => Err(Error::invalid(
                "horizon says neither `start, step, steps` nor `start, end, step` (with `zone` for calendar steps) nor `borders`",
            )),
        }
    }
}

impl From<Horizon> for WrittenHorizon {
    fn from(horizon: Horizon) -> Self {
        let step = horizon.borders[1].since(horizon.borders[0]);
        if Horizon::even(horizon.start(), step, horizon.len()).is_ok_and(|even| even == horizon) {
            let steps = Some(horizon.len());
            return Self { start: Some(horizon.start()), step: Some(step.to_string()), steps, ..Self::default() };
        }
        Self { borders: Some(horizon.borders.to_vec()), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_local_day_in_spring_has_92_quarters() {
        let every = Every::parse("15m", Some("Europe/Berlin")).unwrap();
        let day = Horizon::every(at("2025-03-30T00:00:00+01:00"), at("2025-03-31T00:00:00+02:00"), &every).unwrap();
        assert_eq!((day.len(), day.hours(91)), (92, 0.25));
    }

    #[test]
    fn only_whole_steps_lie_within_a_window() {
        let day = Horizon::even(at("2026-01-01T00:00:00Z"), Span::from_seconds(900), 96).unwrap();
        assert_eq!(day.steps_within(at("2026-01-01T00:05:00Z"), at("2026-01-01T01:10:00Z")), 1..4);
        assert_eq!(day.steps_within(at("2025-01-01T00:05:00Z"), at("2027-01-01T01:10:00Z")), 0..96);
        assert!(day.steps_within(at("2026-01-01T00:05:00Z"), at("2026-01-01T00:10:00Z")).is_empty());
    }

    #[test]
    fn what_cannot_be_a_horizon_is_refused_by_name() {
        let start = at("2026-01-01T00:00:00Z");
        let refused = |horizon: Result<Horizon>| horizon.unwrap_err().to_string();
        assert!(refused(Horizon::even(start, Span::from_seconds(0), 4)).contains("horizon.step is 0s"));
        assert!(refused(Horizon::even(start, Span::from_seconds(900), 0)).contains("no step"));
        assert!(refused(Horizon::new(vec![start])).contains("no step"));
        assert!(refused(Horizon::new(vec![start, start])).contains("horizon.borders[1]"));
        assert!(serde_json::from_str::<Horizon>(r#"{"start":"2026-01-01T00:00:00Z"}"#).is_err());
        assert!(serde_json::from_str::<Horizon>(r#"{"start":"2026-01-01T00:00:00Z","spacing":1}"#).is_err());
    }

    #[test]
    fn every_form_is_read_and_written_back() {
        let even: Horizon = serde_json::from_str(r#"{"start":"2026-01-01T00:00:00Z","step":"15m","steps":96}"#).unwrap();
        let uneven = Horizon::new(vec![even.start(), even.borders()[1], even.borders()[3]]).unwrap();
        for horizon in [even, uneven] {
            let text = serde_json::to_string(&horizon).unwrap();
            assert_eq!(serde_json::from_str::<Horizon>(&text).unwrap(), horizon, "{text}");
        }
    }
}
