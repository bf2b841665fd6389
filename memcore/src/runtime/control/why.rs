//! Why something was as it was: the decision that stood at a time, with its inputs and limits, in a sentence.

use std::path::Path;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::config::ControlConfig;
use super::log::{Answered, ControlEvent, Decided, Stood, stood_at};
use super::said::said_time;
use crate::control::Role;
use crate::error::Result;
use crate::model::{Clock, CommandState, Name, SeriesName, SystemClock, Timestamp};
use crate::runtime::embedded::Memcore;

/// Why an asset was as it was at a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Explanation {
    /// What was asked for: an asset, or a series of it.
    pub asked: String,
    /// The time that was asked for.
    #[serde(rename = "at_us")]
    pub at: Timestamp,
    /// All of it in a sentence or two, times in the zone of the site.
    pub sentence: String,
    /// The decision that stood then; none where control was paused or stopped, or nothing is known.
    pub decided: Option<Decided>,
    /// What became of its order, where that is known.
    pub answered: Option<Answered>,
}

impl Memcore {
    /// What control decided of an asset at a time, and why: `battery`, or a series of it such as `home1.battery.power`. It works on a
    /// stopped site, and beside a running server, of which the last half second may be missing.
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io) where the decision log cannot be read. Where nothing was decided, the explanation says so.
    pub fn why(&self, asked: &str, at: Timestamp) -> Result<Explanation> {
        match self.path() {
            Some(site) => explain_from(site, asked, at, &zone_of(site)),
            None => Ok(explain(asked, at, Stood::Unknown(None), "UTC")),
        }
    }

    /// As [`why`](Self::why), at a time as people of the site say it: `14:05` (the last one), `2026-06-21 14:05`, an instant with its
    /// zone, or so long ago, `10m`.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for what is no time, and as [`why`](Self::why).
    pub fn why_at(&self, asked: &str, said: &str) -> Result<Explanation> {
        let zone = self.path().map_or_else(|| "UTC".to_owned(), zone_of);
        self.why(asked, said_time(said, SystemClock::default().now(), &time_zone(&zone))?)
    }
}

impl Explanation {
    /// All of it line by line, for people: the sentence, what was allowed, the order, the readings that the decision stood on.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.sentence.clone()];
        let Some(decided) = &self.decided else { return lines };
        let bound = |bound: Option<f64>, none: &str| bound.map_or(none.to_owned(), watts);
        let bounds = format!("{} to {}", bound(decided.low_w, "no least"), bound(decided.high_w, "no most"));
        lines.extend([String::new(), format!("allowed   {bounds}")]);
        lines.extend(decided.command.iter().map(|id| format!("order     {id} to {}", decided.target)));
        if decided.inputs.is_empty() {
            return lines;
        }
        lines.push(String::new());
        let rows = decided.inputs.iter().map(|input| {
            let age = format!("{:.1} s", input.age.as_seconds());
            [input.series.to_string(), input.what.clone(), exact(input.value), age]
        });
        let header = ["INPUT", "WHAT", "VALUE", "AGE"].map(str::to_owned);
        lines.extend(aligned(&std::iter::once(header).chain(rows).collect::<Vec<_>>()));
        lines
    }
}

/// Rows as columns that stand below each other; the last two, of numbers, end below each other.
fn aligned(rows: &[[String; 4]]) -> Vec<String> {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let (first, second, third, fourth) = (width(0), width(1), width(2), width(3));
    let line = |[a, b, c, d]: &[String; 4]| format!("{a:<first$}  {b:<second$}  {c:>third$}  {d:>fourth$}");
    rows.iter().map(line).collect()
}

/// To six digits.
fn exact(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let digits = (5.0 - value.abs().log10().floor()).clamp(0.0, 9.0) as usize;
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// The zone of that name; UTC where there is none.
pub(super) fn time_zone(name: &str) -> TimeZone {
    crate::energy::zone_of(name).unwrap_or(TimeZone::UTC)
}

/// The zone of a site's people, as its model says; UTC where none does.
fn zone_of(site: &Path) -> String {
    let model = ControlConfig::default().model_of(site).ok().flatten();
    model.map_or_else(|| "UTC".to_owned(), |(_, model)| model.zone)
}

/// As the decision log of a site says.
pub(crate) fn explain_from(site: &Path, asked: &str, at: Timestamp, zone: &str) -> Result<Explanation> {
    let stood = stood_at(site, at, |decided| is_asked(asked, &decided.asset, &decided.target))?;
    Ok(explain(asked, at, stood, zone))
}

/// Whether an asset is meant: by its name, by its setpoint's series, or by one that stands beside that one (`node3.power` beside
/// `node3.switch`).
pub(super) fn is_asked(asked: &str, asset: &Name, target: &SeriesName) -> bool {
    if asked == asset.as_str() {
        return true;
    }
    let Ok(series) = asked.parse::<SeriesName>() else { return false };
    let beside = |channel: &str| channel.rsplit_once('.').map_or(String::new(), |(before, _)| before.to_owned());
    series.device == target.device && beside(series.channel.as_str()) == beside(target.channel.as_str())
}

pub(super) fn explain(asked: &str, at: Timestamp, stood: Stood, zone: &str) -> Explanation {
    let zone = time_zone(zone);
    let (sentence, decided, answered) = match stood {
        Stood::Decided(decided, answered) => (sentence(&decided, answered.as_ref(), at, &zone), Some(*decided), answered),
        Stood::Not(event) => (not_decided(asked, &event, at, &zone), None, None),
        Stood::Unknown(last) => (unknown(asked, last, at, &zone), None, None),
    };
    Explanation { asked: asked.to_owned(), at, sentence, decided, answered }
}

fn sentence(decided: &Decided, answered: Option<&Answered>, at: Timestamp, zone: &TimeZone) -> String {
    let Decided { asset, power_w, .. } = decided;
    let mut text = format!("At {} {asset} was to {}, ", clock(at, zone), deed(decided.role, *power_w));
    match &decided.wish {
        Some(wish) => {
            text +=
                &format!("because {} (priority {}) wished for {}", wish.actor, wish.priority.get(), watts(wish.power_w));
            if !wish.reason.is_empty() {
                text += &format!(": {}", wish.reason);
            }
        }
        None => text += "its declared default, because nobody wished for anything that could be granted",
    }
    text += ".";
    for limit in &decided.limits {
        text += &format!(" {} became {}: {}.", watts(limit.from_w), watts(limit.to_w), limit.by);
    }
    if decided.time != at {
        text += &format!(" So it was decided at {}.", clock(decided.time, zone));
    }
    let heard = answered.map(|answered| &answered.state).or(decided.answer.as_ref());
    text += &heard.map_or_else(|| " No answer of the device is known.".to_owned(), answer);
    if !decided.faults.is_empty() {
        text += &format!(" Not as it should be: {}.", decided.faults.join("; "));
    }
    text
}

fn answer(state: &CommandState) -> String {
    match state {
        CommandState::Done { read_back: Some(value) } => format!(" The device did it, and read back {}.", number(*value)),
        CommandState::Done { read_back: None } => " The device did it.".to_owned(),
        CommandState::Refused { code, reason } => format!(" The device refused: {code}: {reason}."),
        CommandState::Expired => " The device was away, and did not get the order.".to_owned(),
        CommandState::Unknown { .. } => " What became of the order is not known.".to_owned(),
        _ => " The order was on its way.".to_owned(),
    }
}

fn not_decided(asked: &str, event: &ControlEvent, at: Timestamp, zone: &TimeZone) -> String {
    let (asked_at, nothing) = (clock(at, zone), format!("nothing was decided of {asked}"));
    match event {
        ControlEvent::Paused { since_us, by, .. } => {
            format!("At {asked_at} {nothing}: control was paused at {} by {by}.", clock(*since_us, zone))
        }
        ControlEvent::Stopped { time_us } => {
            format!("At {asked_at} {nothing}: control was stopped at {}.", clock(*time_us, zone))
        }
        event => format!("At {asked_at} {nothing} yet: control had begun at {}.", clock(event.time(), zone)),
    }
}

fn unknown(asked: &str, last: Option<Timestamp>, at: Timestamp, zone: &TimeZone) -> String {
    let at = clock(at, zone);
    match last {
        Some(last) => {
            format!("At {at} nothing is known of {asked}: the decision log says nothing after {}.", clock(last, zone))
        }
        None => format!("At {at} nothing is known of {asked}: the decision log does not reach back to that time."),
    }
}

/// What a power means for an asset of that role.
fn deed(role: Role, power_w: f64) -> String {
    let amount = watts(power_w.abs());
    match (role, power_w) {
        (Role::Battery, 0.0) => "rest".to_owned(),
        (Role::Charger, 0.0) => "charge nothing".to_owned(),
        (Role::Battery | Role::Charger, ..0.0) => format!("discharge with {amount}"),
        (Role::Battery | Role::Charger, _) => format!("charge with {amount}"),
        (Role::Pv, 0.0) => "produce nothing".to_owned(),
        (Role::Pv, _) => format!("produce up to {amount}"),
        (_, 0.0) => "be off".to_owned(),
        (Role::Genset, _) => format!("generate {amount}"),
        (Role::Load, _) => format!("draw up to {amount}"),
        _ => format!("run with {amount}"),
    }
}

fn watts(power_w: f64) -> String {
    format!("{} W", number(power_w))
}

fn number(value: f64) -> String {
    // Without the sign of a zero.
    let text = format!("{:.1}", value + 0.0);
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}

/// A time as people of the site say it.
fn clock(time: Timestamp, zone: &TimeZone) -> String {
    let instant = jiff::Timestamp::from_microsecond(time.as_micros()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    zone.to_datetime(instant).strftime("%Y-%m-%d %H:%M:%S").to_string()
}
