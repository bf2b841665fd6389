//! Scenarios: what happens at which time, and what must be true, as a table that people read.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::tz::TimeZone;
use serde::Deserialize;

use super::expect::{Expectation, Written};
use super::options::{RecordedPower, SimulationOptions};
use super::prices::Prices;
use crate::control::SiteModel;
use crate::error::{Error, Result};
use crate::model::{Name, Span, Timestamp, written};

/// What can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FaultKind {
    /// The asset reports the same values again and again.
    MeterFrozen,
    /// The asset reports nothing.
    MeterSilent,
    /// The device refuses every command.
    DeviceRefuses,
    /// The device says yes and does nothing.
    DeviceIgnores,
    /// The device goes back to its own default when it was not set for `after`.
    DeviceForgets,
    /// Neither reports nor commands pass: of the asset, or of all where none is named.
    LinkLost,
    /// The wall clock jumps by `by`.
    ClockJump,
    /// The actor is stuck: it proposes nothing.
    ActorHangs,
    /// The server is without power: nothing is read or decided, and it starts anew afterwards.
    PowerCut,
    /// The public grid is gone: the site is an island.
    GridOutage,
    /// The channel of the external limit says nothing.
    ExternalSilent,
}

/// What people, cars and the grid operator do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Act {
    /// A car is plugged in, with the state of charge `soc`.
    Plug,
    /// The car leaves.
    Unplug,
    /// The external limit holds: its state is 1, or its power `value_w`.
    Dim,
    /// A person wishes for `value_w` at the asset, with priority 60.
    Wish,
}

/// Something that happens.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Event {
    /// When it begins.
    pub at: Timestamp,
    /// When it ends; never unless told.
    pub until: Option<Timestamp>,
    /// What it is.
    pub what: Happening,
}

/// What happens.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Happening {
    /// A fault of an asset, an external limit or an actor; of all where none is named.
    Fault {
        /// Which.
        kind: FaultKind,
        /// Whose.
        of: Option<Name>,
        /// After what time a device forgets, or by how much the clock jumps.
        span: Option<Span>,
    },
    /// Somebody does something.
    Act {
        /// What.
        act: Act,
        /// To what.
        of: Name,
        /// With what: a state of charge, a power in W.
        value: Option<f64>,
    },
}

/// A scenario: a site, what happens to it, and what must be true.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// What it shows, in a sentence.
    pub about: String,
    /// The site.
    pub model: SiteModel,
    /// When, how long, with what.
    pub options: SimulationOptions,
    /// What must be true.
    pub expect: Vec<Expectation>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    about: String,
    model: String,
    from: String,
    #[serde(rename = "for", with = "written::length")]
    length: Span,
    #[serde(default, with = "written::span")]
    step: Option<Span>,
    #[serde(default)]
    seed: Option<u64>,
    #[serde(default)]
    plans: bool,
    #[serde(default)]
    loss: f64,
    #[serde(default, with = "written::span")]
    delay: Option<Span>,
    #[serde(default)]
    prices: Option<FlatPrices>,
    #[serde(default)]
    soc: BTreeMap<Name, f64>,
    #[serde(default)]
    power: BTreeMap<Name, Vec<(String, f64)>>,
    #[serde(default, rename = "event")]
    events: Vec<WrittenEvent>,
    #[serde(rename = "expect")]
    expectations: Vec<Written>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FlatPrices {
    buy: f64,
    sell: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenEvent {
    at: String,
    #[serde(default)]
    fault: Option<FaultKind>,
    #[serde(default, rename = "do")]
    act: Option<Act>,
    #[serde(default)]
    asset: Option<Name>,
    #[serde(default)]
    external: Option<Name>,
    #[serde(default)]
    actor: Option<Name>,
    #[serde(default, rename = "for", with = "written::span")]
    length: Option<Span>,
    #[serde(default, with = "written::span")]
    after: Option<Span>,
    #[serde(default)]
    by: Option<String>,
    #[serde(default)]
    soc: Option<f64>,
    #[serde(default)]
    value_w: Option<f64>,
}

impl Scenario {
    /// Reads a scenario; the file of its model lies beside it.
    ///
    /// # Errors
    /// Io and Invalid, naming the file and the field.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::io(format!("read {}", path.display()), e))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let model = |name: &str| crate::runtime::control::read_site_model(folder.join(name));
        Self::parse(&text, model).map_err(|e| e.context(path.display()))
    }

    /// Reads a scenario; `model` gives the site model of that name.
    ///
    /// # Errors
    /// Invalid, naming the field, its value and what was expected.
    pub fn parse(text: &str, model: impl FnOnce(&str) -> Result<SiteModel>) -> Result<Self> {
        let file: File = toml::from_str(text).map_err(|e| Error::invalid(e.to_string()))?;
        let model = model(&file.model)?;
        let zone = TimeZone::get(&model.zone).map_err(|e| {
            Error::invalid(format!("zone is {:?}, expected a name such as Europe/Berlin", model.zone)).caused_by(e)
        })?;
        let clock = ScenarioClock { from: file.from.parse()?, zone };
        let mut options = SimulationOptions::new(clock.from, file.length);
        options.step = file.step.unwrap_or(Span::from_seconds(1));
        options.seed = file.seed.unwrap_or(1);
        (options.plans, options.loss, options.delay) = (file.plans, file.loss, file.delay.unwrap_or_default());
        options.cars_by_events = true;
        options.socs = file.soc.into_iter().collect();
        if let Some(FlatPrices { buy, sell }) = file.prices {
            options.prices = Prices::Flat { buy, sell };
        }
        for (asset, points) in file.power {
            let (times, watts): (Vec<_>, Vec<_>) = points.into_iter().map(|(at, watts)| (clock.read(&at), watts)).unzip();
            let times = times.into_iter().collect::<Result<_>>()?;
            options.recorded.push(RecordedPower { asset, times, watts });
        }
        for (place, event) in file.events.into_iter().enumerate() {
            let event = event.read(&clock).map_err(|e| e.context(format!("event {}", place + 1)))?;
            options.events.push(event);
        }
        let expectations = file.expectations.into_iter().enumerate();
        let expect = expectations
            .map(|(place, written)| written.read(&clock).map_err(|e| e.context(format!("expectation {}", place + 1))));
        let expect: Vec<_> = expect.collect::<Result<_>>()?;
        if expect.is_empty() {
            return Err(Error::invalid("no expectations: a scenario that cannot fail shows nothing"));
        }
        Ok(Self { about: file.about, model, options, expect })
    }
}

impl WrittenEvent {
    fn read(self, clock: &ScenarioClock) -> Result<Event> {
        let at = clock.read(&self.at)?;
        let until = self.length.map(|length| at.saturating_add(length));
        let of = self.asset.or(self.external).or(self.actor);
        let what = match (self.fault, self.act) {
            (Some(kind), None) => {
                let by = self.by.as_deref().map(signed).transpose()?;
                let span = self.after.or(by);
                if matches!(kind, FaultKind::ClockJump | FaultKind::DeviceForgets) && span.is_none() {
                    return Err(Error::invalid("expected `by = \"1h\"` of a clock that jumps, `after` of what forgets"));
                }
                let whole = matches!(
                    kind,
                    FaultKind::LinkLost | FaultKind::ClockJump | FaultKind::PowerCut | FaultKind::GridOutage
                );
                if of.is_none() && !whole {
                    return Err(Error::invalid("whose fault it is is missing, expected asset, external or actor"));
                }
                Happening::Fault { kind, of, span }
            }
            (None, Some(act)) => {
                let of = of.ok_or_else(|| Error::invalid("expected the asset or external that it is done to"))?;
                Happening::Act { act, of, value: self.soc.or(self.value_w) }
            }
            _ => return Err(Error::invalid("expected either `fault` or `do`")),
        };
        Ok(Event { at, until, what })
    }
}

/// Whose days a scenario's times are of.
pub(super) struct ScenarioClock {
    from: Timestamp,
    zone: TimeZone,
}

impl ScenarioClock {
    /// `10:00`, `10:00:30` (the first such time of day from the beginning on, by the site's clock), `+90m`, or RFC 3339.
    pub(super) fn read(&self, written: &str) -> Result<Timestamp> {
        if let Some(later) = written.strip_prefix('+') {
            return Ok(self.from.saturating_add(later.parse()?));
        }
        if written.contains('T') {
            return written.parse();
        }
        let wrong = || Error::invalid(format!("time is {written:?}, expected 10:00, 10:00:30, +90m or RFC 3339"));
        let parts: Vec<i8> = written.split(':').map(str::parse).collect::<Result<_, _>>().map_err(|_| wrong())?;
        let [hour, minute, second] = match parts[..] {
            [hour, minute] => [hour, minute, 0],
            [hour, minute, second] => [hour, minute, second],
            _ => return Err(wrong()),
        };
        let start = jiff::Timestamp::from_microsecond(self.from.as_micros()).map_err(|_| wrong())?;
        let local = self.zone.to_datetime(start);
        let time = jiff::civil::Time::new(hour, minute, second, 0).map_err(|_| wrong())?;
        let on = |date: jiff::civil::Date| self.zone.to_timestamp(date.to_datetime(time)).map_err(|_| wrong());
        let mut found = on(local.date())?;
        if found < start {
            found = on(local.date().tomorrow().map_err(|_| wrong())?)?;
        }
        Ok(Timestamp::from_micros(found.as_microsecond()))
    }
}

fn signed(written: &str) -> Result<Span> {
    match written.strip_prefix('-') {
        Some(back) => Ok(Span::from_micros(-back.parse::<Span>()?.as_micros())),
        None => written.parse(),
    }
}
