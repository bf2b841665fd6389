//! What was seen at a subject, held against the rule that watches it; and the words for it.

use std::time::Duration;

use super::moment::Moment;
use super::rule::{Limits, Watch};
use super::track::{AlarmChange, Pending, Seen, Subject, Track};
use super::watcher::SeriesFacts;
use crate::model::{DeviceName, Quantity, SeriesName, Span, Timestamp, Unit};

/// The subject of what is about the server itself.
pub(super) const SERVER: &str = "server";

/// A balance clears where it is so much within its limit: it is a mean, and wanders.
const BALANCE_CLEARS: f64 = 0.9;

/// One reading of the present, in base units.
pub(super) fn reading(
    track: &mut Track,
    series: &SeriesName,
    facts: SeriesFacts,
    (time, value): (Timestamp, f64),
    now: Moment,
) -> Option<AlarmChange> {
    let rule = track.rule.clone();
    match rule.watch() {
        Watch::Threshold { limits, unit, lasting, .. } => {
            let shown = Shown::of(*unit, facts.quantity);
            let broken = limits.broken_by(value).map(|limit| beyond(&shown, limits, value, limit, *lasting));
            let over = limits.cleared_by(value);
            condition(track, series, (broken, over), *lasting, time, now)
        }
        Watch::Rate { rises, falls, unit, lasting, .. } => {
            let rate = track.rate(time, value)?;
            let shown = Shown::of(*unit, facts.quantity);
            let limit = rises.filter(|most| rate > *most).or(falls.filter(|most| -rate > *most).map(|most| -most));
            let over = limit.is_none();
            condition(track, series, (limit.map(|limit| too_fast(&shown, rate, limit)), over), *lasting, time, now)
        }
        Watch::Stale { .. } => track.end(now),
        _ => None,
    }
}

/// The condition is there (with what was seen), or is over, or neither: between a limit and its margin all stays as it is.
fn condition(
    track: &mut Track,
    series: &SeriesName,
    (broken, over): (Option<Seen>, bool),
    lasting: Span,
    time: Timestamp,
    now: Moment,
) -> Option<AlarmChange> {
    let Some(seen) = broken else {
        track.pending = None;
        return if over { track.end(now) } else { None };
    };
    if track.holds() {
        return None;
    }
    let since = track.pending.as_ref().map_or(time, |pending| pending.since);
    if time.since(since) >= lasting {
        return raise(track, series, seen, now);
    }
    let arrived = track.pending.as_ref().map_or(now.elapsed, |pending| pending.arrived);
    track.pending = Some(Pending { since, arrived, seen });
    None
}

/// A value goes on to stand while no later one says otherwise, where it may.
pub(super) fn standing(track: &mut Track, series: &SeriesName, stands: bool, now: Moment) -> Option<AlarmChange> {
    let rule = track.rule.clone();
    let (Watch::Threshold { lasting, .. } | Watch::Rate { lasting, .. }) = rule.watch() else { return None };
    if !stands {
        track.pending = None;
    }
    let pending = track.pending.as_ref().filter(|pending| now.since(pending.arrived) >= *lasting)?;
    let seen = pending.seen.clone();
    raise(track, series, seen, now)
}

/// Nothing has come since then.
pub(super) fn silence(
    track: &mut Track,
    series: &SeriesName,
    (arrived, latest): (Duration, Option<Timestamp>),
    now: Moment,
) -> Option<AlarmChange> {
    let rule = track.rule.clone();
    let Watch::Stale { after, .. } = rule.watch() else { return None };
    if track.holds() || now.since(arrived) < *after {
        return None;
    }
    let last = latest.map_or("nothing came since it is watched".to_owned(), |time| format!("the last value is of {time}"));
    let message = format!("{series} has said nothing new for {after}: {last}");
    raise(track, series, plain(message), now)
}

/// A device is not connected since then.
pub(super) fn offline(track: &mut Track, device: &DeviceName, since: Duration, now: Moment) -> Option<AlarmChange> {
    let rule = track.rule.clone();
    let Watch::Offline { after, .. } = rule.watch() else { return None };
    if track.holds() || now.since(since) < *after {
        return None;
    }
    let (text, message) = (device.to_string(), format!("{device} has not been connected for {after}"));
    track.raise(&Subject { site: Some(&device.site), text: &text }, plain(message), now)
}

/// What no device explains at a site, in W.
pub(super) fn residual(track: &mut Track, mean_w: f64, now: Moment) -> Option<AlarmChange> {
    let rule = track.rule.clone();
    let Watch::Balance { site, above_w, lasting } = rule.watch() else { return None };
    if mean_w.abs() <= above_w * BALANCE_CLEARS {
        return track.end(now);
    }
    if mean_w.abs() <= *above_w || track.holds() {
        return None;
    }
    let shown = Shown { unit: Unit::Watt };
    let seen = Seen {
        value: Some(mean_w),
        limit: Some(*above_w),
        unit: Some(Unit::Watt.to_string()),
        message: format!("{} of {site} are explained by no device, in the mean of {lasting}", shown.text(mean_w)),
    };
    track.raise(&Subject { site: Some(site), text: site.as_str() }, seen, now)
}

/// Something of the server itself is wrong, or well.
pub(super) fn server(track: &mut Track, why: Option<String>, now: Moment) -> Option<AlarmChange> {
    let Some(why) = why else { return track.end(now) };
    if track.holds() {
        return None;
    }
    let what = match track.rule.watch() {
        Watch::StoreReadOnly => "the store takes no data",
        _ => "control of the site decides nothing",
    };
    track.raise(&Subject { site: None, text: SERVER }, plain(format!("{what}: {why}")), now)
}

fn raise(track: &mut Track, series: &SeriesName, seen: Seen, now: Moment) -> Option<AlarmChange> {
    let text = series.to_string();
    track.raise(&Subject { site: Some(&series.device.site), text: &text }, seen, now)
}

fn plain(message: String) -> Seen {
    Seen { value: None, limit: None, unit: None, message }
}

/// Values in the unit in which the limit was said.
struct Shown {
    unit: Unit,
}

impl Shown {
    fn of(said: Option<Unit>, quantity: Quantity) -> Self {
        Self { unit: said.or(quantity.base_unit()).unwrap_or(Unit::Code) }
    }

    fn in_unit(&self, base: f64) -> f64 {
        self.unit.from_base(base)
    }

    /// A difference: a unit may have an offset.
    fn difference(&self, base: f64) -> f64 {
        self.unit.from_base(base) - self.unit.from_base(0.0)
    }

    fn text(&self, base: f64) -> String {
        format!("{} {}", short(self.in_unit(base)), self.unit)
    }
}

/// Six digits are enough for a person.
fn short(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let places = (5 - value.abs().log10().floor() as i32).clamp(0, 12);
    let scale = 10_f64.powi(places);
    let rounded = (value * scale).round() / scale;
    if rounded.is_finite() { rounded } else { value }
}

fn beyond(shown: &Shown, limits: &Limits, value: f64, limit: f64, lasting: Span) -> Seen {
    let side = if limits.above == Some(limit) { "above" } else { "below" };
    let long = if lasting == Span::default() { String::new() } else { format!(" for {lasting}") };
    let message = format!("{} is {side} {}{long}", shown.text(value), shown.text(limit));
    let (value, limit) = (Some(shown.in_unit(value)), Some(shown.in_unit(limit)));
    Seen { value, limit, unit: Some(shown.unit.to_string()), message }
}

fn too_fast(shown: &Shown, rate: f64, limit: f64) -> Seen {
    let (value, limit) = (shown.difference(rate), shown.difference(limit));
    let verb = if rate > 0.0 { "rises" } else { "falls" };
    let (size, most, unit) = (short(value.abs()), short(limit.abs()), shown.unit);
    let message = format!("it {verb} by {size} {unit} a minute, more than {most} {unit}");
    Seen { value: Some(value), limit: Some(limit), unit: Some(format!("{unit}/min")), message }
}
