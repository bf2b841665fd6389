//! Schedule: powers or bounds by the calendar of the site, with weekdays and holidays.

use super::calendar::{Hours, local};
use super::checks::{Who, each, possible};
use super::{Actor, Day, Schedule, View, Window};
use crate::control::{CheckedModel, Proposal, Target};
use crate::error::{Error, Result};
use crate::model::{Name, Span};
use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Weekday};

impl Schedule {
    pub(super) fn build(&self, who: Who, model: &CheckedModel) -> Result<Box<dyn Actor>> {
        let assets = each(model, &self.assets, &[])?;
        if self.windows.is_empty() {
            return Err(Error::invalid("window is empty, expected at least one"));
        }
        let checked = |(place, window): (usize, &Window)| {
            window
                .hours(&assets, model)
                .map(|hours| (hours, window.clone()))
                .map_err(|e| e.context(format_args!("window {place}")))
        };
        let windows = self.windows.iter().enumerate().map(checked).collect::<Result<_>>()?;
        let date = |text: &String| {
            text.parse::<Date>()
                .map_err(|_| Error::invalid(format!("holidays has {text:?}, expected a date such as 2026-12-25")))
        };
        let holidays = self.holidays.iter().map(date).collect::<Result<_>>()?;
        Ok(Box::new(Diary { who, assets, windows, holidays }))
    }
}

impl Window {
    /// When it holds, where it makes sense.
    fn hours(&self, assets: &[usize], model: &CheckedModel) -> Result<Hours> {
        for (field, value) in [("power_w", self.power_w), ("low_w", self.low_w), ("high_w", self.high_w)] {
            assets.iter().try_for_each(|place| {
                value.map_or(Ok(0.0), |value| possible(field, value, &model.assets[*place])).map(drop)
            })?;
        }
        let (low_w, high_w) = (self.low_w.unwrap_or(f64::NEG_INFINITY), self.high_w.unwrap_or(f64::INFINITY));
        if low_w > high_w {
            return Err(Error::invalid(format!("low_w is {low_w}, expected no more than high_w, which is {high_w}")));
        }
        if self.power_w.is_some_and(|power_w| power_w < low_w || power_w > high_w) {
            return Err(Error::invalid(format!(
                "power_w is {:?}, expected {low_w} to {high_w}",
                self.power_w.unwrap_or(0.0)
            )));
        }
        if self.power_w.is_none() && self.low_w.is_none() && self.high_w.is_none() {
            return Err(Error::invalid("nothing is to hold, expected power_w, low_w or high_w"));
        }
        Hours::new(&self.from, &self.to)
    }
}

/// Wishes for what the calendar says.
struct Diary {
    who: Who,
    assets: Vec<usize>,
    windows: Vec<(Hours, Window)>,
    holidays: Vec<Date>,
}

impl Diary {
    /// The first window that holds.
    fn window(&self, local: DateTime) -> Option<&Window> {
        let holds = |hours: &Hours, window: &Window| {
            let begun = hours.began(local).and_then(|days| local.date().checked_sub(days.days()).ok());
            begun.is_some_and(|date| window.days.is_empty() || window.days.contains(&self.day(date)))
        };
        self.windows.iter().find(|(hours, window)| holds(hours, window)).map(|(_, window)| window)
    }

    fn day(&self, date: Date) -> Day {
        match date.weekday() {
            _ if self.holidays.contains(&date) => Day::Holiday,
            Weekday::Monday => Day::Mon,
            Weekday::Tuesday => Day::Tue,
            Weekday::Wednesday => Day::Wed,
            Weekday::Thursday => Day::Thu,
            Weekday::Friday => Day::Fri,
            Weekday::Saturday => Day::Sat,
            Weekday::Sunday => Day::Sun,
        }
    }
}

impl Actor for Diary {
    fn name(&self) -> &Name {
        &self.who.name
    }

    fn every(&self) -> Span {
        self.who.every
    }

    fn propose(&mut self, view: &View<'_>) -> Vec<Proposal> {
        let Some(window) = local(view).and_then(|local| self.window(local)) else { return Vec::new() };
        let wish = |place: &usize| {
            let target = Target::Asset(view.model.assets[*place].name.clone());
            let reason = format!("from {} to {}", window.from, window.to);
            Proposal { power_w: window.power_w, ..self.who.bounds(&target, window.low_w, window.high_w, reason) }
        };
        self.assets.iter().map(wish).collect()
    }
}
