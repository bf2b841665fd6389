//! A rule that was checked: its limits in base units, its spans as spans, its patterns within its operator.

use super::quiet::Quiet;
use super::said::{RuleSettings, Severity, WatchSettings};
use crate::error::{Error, Result};
use crate::model::{ChannelName, DeviceName, Name, Pattern, Quantity, SeriesName, Span, Unit, shorten};

/// The longest name of a rule or notifier, in characters.
const NAME_MAX: usize = 120;
/// The most notifiers of one rule.
const NOTIFY_MAX: usize = 20;
const SECOND: Span = Span::from_seconds(1);
/// The longest that a rule waits.
const WEEK: Span = Span::from_seconds(7 * 86_400);
/// The longest silence, and the longest time between two reminders.
const MONTH: Span = Span::from_seconds(31 * 86_400);

/// A rule that was checked.
#[derive(Debug, Clone)]
pub struct Rule {
    operator: Name,
    id: Name,
    built_in: bool,
    settings: RuleSettings,
    watch: Watch,
    quiet: Option<Quiet>,
    remind: Option<Span>,
}

/// What a rule watches, in base units.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Watch {
    Threshold { series: Pattern, limits: Limits, unit: Option<Unit>, lasting: Span },
    Rate { series: Pattern, rises: Option<f64>, falls: Option<f64>, unit: Option<Unit>, lasting: Span },
    Stale { series: Pattern, after: Span },
    Offline { devices: Devices, after: Span },
    Balance { site: Name, above_w: f64, lasting: Span },
    StoreReadOnly,
    ControlStalled,
}

/// The limits of a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Limits {
    pub(super) above: Option<f64>,
    pub(super) below: Option<f64>,
    pub(super) margin: f64,
}

impl Limits {
    /// The limit that the value lies beyond, where it does.
    pub(super) fn broken_by(&self, value: f64) -> Option<f64> {
        self.above.filter(|above| value > *above).or(self.below.filter(|below| value < *below))
    }

    /// Whether the value is so far within the limits that an alarm clears.
    pub(super) fn cleared_by(&self, value: f64) -> bool {
        self.above.is_none_or(|above| value <= above - self.margin)
            && self.below.is_none_or(|below| value >= below + self.margin)
    }
}

/// Selects devices: `home1.*`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Devices(Pattern);

impl Devices {
    pub(super) fn matches(&self, device: &DeviceName) -> bool {
        // Any channel does: the pattern is open behind the device.
        ChannelName::new("any").is_ok_and(|channel| self.0.matches(&device.channel(channel)))
    }
}

impl Rule {
    /// Checks what was said.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid), naming the field, the value and what was expected.
    pub fn new(operator: Name, id: Name, settings: RuleSettings) -> Result<Self> {
        check_title("name", &settings.name)?;
        if settings.notify.len() > NOTIFY_MAX {
            let count = settings.notify.len();
            return Err(Error::invalid(format!("notify names {count} notifiers, expected at most {NOTIFY_MAX}")));
        }
        let watch = Watch::new(&operator, &settings.watch)?;
        let quiet = settings.quiet.as_ref().map(Quiet::new).transpose()?;
        let minute = Span::from_seconds(60);
        let remind = settings.remind.as_ref().map(|text| span("remind", text, minute, MONTH)).transpose()?;
        Ok(Self { operator, id, built_in: false, settings, watch, quiet, remind })
    }

    /// The same rule, as one that comes with memcore.
    #[must_use]
    pub fn built_in(mut self) -> Self {
        self.built_in = true;
        self
    }

    /// Whose it is.
    #[must_use]
    pub fn operator(&self) -> &Name {
        &self.operator
    }

    /// Its id, unique at its operator.
    #[must_use]
    pub fn id(&self) -> &Name {
        &self.id
    }

    /// Whether it comes with memcore: it can be switched off and changed, not removed.
    #[must_use]
    pub fn is_built_in(&self) -> bool {
        self.built_in
    }

    /// What was said.
    #[must_use]
    pub fn settings(&self) -> &RuleSettings {
        &self.settings
    }

    /// Whether what it tells is held back then.
    #[must_use]
    pub fn holds_back(&self, severity: Severity, at: crate::model::Timestamp) -> bool {
        self.quiet.as_ref().is_some_and(|quiet| quiet.holds_back(severity, at))
    }

    /// How often those are told again who were told.
    #[must_use]
    pub fn remind(&self) -> Option<Span> {
        self.remind
    }

    /// The series that it watches, where it watches series.
    #[must_use]
    pub fn series(&self) -> Option<&Pattern> {
        match &self.watch {
            Watch::Threshold { series, .. } | Watch::Rate { series, .. } | Watch::Stale { series, .. } => Some(series),
            _ => None,
        }
    }

    /// The site whose balance it watches, and over how long.
    #[must_use]
    pub fn balance(&self) -> Option<(&Name, Span)> {
        match &self.watch {
            Watch::Balance { site, lasting, .. } => Some((site, *lasting)),
            _ => None,
        }
    }

    pub(super) fn watch(&self) -> &Watch {
        &self.watch
    }

    /// Whether it watches that series.
    #[must_use]
    pub fn watches(&self, series: &SeriesName, quantity: Quantity) -> bool {
        let unit = match &self.watch {
            Watch::Threshold { unit, .. } | Watch::Rate { unit, .. } => *unit,
            _ => None,
        };
        self.settings.enabled
            && self.series().is_some_and(|pattern| pattern.matches(series))
            && unit.is_none_or(|unit| unit.measures(quantity))
    }

    /// Whether the rule makes sense for the series that are there: those that its pattern selects, with their quantities.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where its unit measures none of them, or it has none and they are of several quantities.
    pub fn check_series<'a>(&self, there: impl IntoIterator<Item = (&'a SeriesName, Quantity)>) -> Result<()> {
        let (Watch::Threshold { series, unit, .. } | Watch::Rate { series, unit, .. }) = &self.watch else { return Ok(()) };
        let mut found: Vec<(&SeriesName, Quantity)> = Vec::new();
        for (name, quantity) in there {
            if series.matches(name) && !found.iter().any(|(_, other)| *other == quantity) {
                found.push((name, quantity));
            }
        }
        let list = || found.iter().map(|(name, quantity)| format!("{name} of {quantity}")).collect::<Vec<_>>().join(", ");
        match unit {
            None if found.len() > 1 => Err(Error::invalid(format!(
                "watch.unit is missing: {series} selects {}, and one limit fits one quantity",
                list()
            ))),
            Some(unit) if !found.is_empty() && !found.iter().any(|(_, quantity)| unit.measures(*quantity)) => {
                Err(Error::invalid(format!("watch.unit is {unit}, but {series} selects {}", list())))
            }
            _ => Ok(()),
        }
    }
}

/// Checks what people read: short, and without what would end a line of a mail.
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid), naming the field.
pub(super) fn check_title(field: &str, text: &str) -> Result<()> {
    let count = text.chars().count();
    let fits = (1..=NAME_MAX).contains(&count) && !text.trim().is_empty() && !text.chars().any(char::is_control);
    if fits {
        return Ok(());
    }
    let text = shorten(text);
    Err(Error::invalid(format!(
        "{field} is {text:?}, expected 1 to {NAME_MAX} characters, none of them a control character"
    )))
}

impl Watch {
    fn new(operator: &Name, said: &WatchSettings) -> Result<Self> {
        match said {
            WatchSettings::Threshold { series, above, below, unit, clear_margin, lasting } => {
                let limits = limits(*above, *below, *clear_margin, *unit)?;
                Ok(Self::Threshold { series: pattern(operator, series)?, limits, unit: *unit, lasting: lasts(lasting)? })
            }
            WatchSettings::Rate { series, rises_per_minute, falls_per_minute, unit, lasting } => {
                let (rises, falls) = rates(*rises_per_minute, *falls_per_minute, *unit)?;
                Ok(Self::Rate { series: pattern(operator, series)?, rises, falls, unit: *unit, lasting: lasts(lasting)? })
            }
            WatchSettings::Stale { series, after } => {
                let after = span("watch.after", after, SECOND, MONTH)?;
                Ok(Self::Stale { series: pattern(operator, series)?, after })
            }
            WatchSettings::Offline { devices, after } => {
                let after = span("watch.after", after, SECOND, MONTH)?;
                Ok(Self::Offline { devices: device_pattern(operator, devices)?, after })
            }
            WatchSettings::Balance { site, above_w, lasting } => {
                let site = Name::new(site).map_err(|e| e.context("watch.site"))?;
                let above_w = positive("watch.above_w", *above_w)?;
                let lasting = span("watch.for", lasting, Span::from_seconds(300), Span::from_seconds(86_400))?;
                Ok(Self::Balance { site, above_w, lasting })
            }
            WatchSettings::StoreReadOnly {} => Ok(Self::StoreReadOnly),
            WatchSettings::ControlStalled {} => Ok(Self::ControlStalled),
        }
    }
}

fn limits(above: Option<f64>, below: Option<f64>, margin: Option<f64>, unit: Option<Unit>) -> Result<Limits> {
    let limit = |field: &str, value: Option<f64>| value.map(|value| finite(field, value)).transpose();
    let (above, below) = (limit("watch.above", above)?, limit("watch.below", below)?);
    if above.is_none() && below.is_none() {
        return Err(Error::invalid("watch.above is missing: expected a limit `above`, `below` or both"));
    }
    let margin = margin.map_or(Ok(0.0), |margin| match finite("watch.clear_margin", margin)? {
        margin if margin >= 0.0 => Ok(margin),
        margin => Err(Error::invalid(format!("watch.clear_margin is {margin}, expected 0 or more"))),
    })?;
    if let (Some(above), Some(below)) = (above, below) {
        if below >= above {
            let message = format!("watch.below is {below}, expected less than watch.above, {above}");
            return Err(Error::invalid(message));
        }
        if below + margin > above - margin {
            let most = (above - below) / 2.0;
            let message = format!("watch.clear_margin is {margin}, expected at most {most}: nothing would clear an alarm");
            return Err(Error::invalid(message));
        }
    }
    let base = |value: f64| unit.map_or(value, |unit| unit.to_base(value));
    // A unit may have an offset, and a margin is a difference.
    let margin = (base(margin) - base(0.0)).abs();
    Ok(Limits { above: above.map(base), below: below.map(base), margin })
}

fn rates(rises: Option<f64>, falls: Option<f64>, unit: Option<Unit>) -> Result<(Option<f64>, Option<f64>)> {
    let base = |value: f64| unit.map_or(value, |unit| unit.to_base(value) - unit.to_base(0.0));
    let rate = |field: &str, value: Option<f64>| value.map(|value| positive(field, value).map(base)).transpose();
    match (rate("watch.rises_per_minute", rises)?, rate("watch.falls_per_minute", falls)?) {
        (None, None) => Err(Error::invalid(
            "watch.rises_per_minute is missing: expected `rises_per_minute`, `falls_per_minute` or both",
        )),
        rates => Ok(rates),
    }
}

fn finite(field: &str, value: f64) -> Result<f64> {
    if value.is_finite() { Ok(value) } else { Err(Error::invalid(format!("{field} is {value}, expected a number"))) }
}

fn positive(field: &str, value: f64) -> Result<f64> {
    if value.is_finite() && value > 0.0 {
        return Ok(value);
    }
    Err(Error::invalid(format!("{field} is {value}, expected a number above 0")))
}

fn lasts(text: &Option<String>) -> Result<Span> {
    text.as_ref().map_or(Ok(Span::default()), |text| span("watch.for", text, Span::default(), WEEK))
}

fn span(field: &str, text: &str, least: Span, most: Span) -> Result<Span> {
    let span: Span = text.parse().map_err(|e: Error| e.context(field))?;
    if (least..=most).contains(&span) {
        return Ok(span);
    }
    Err(Error::invalid(format!("{field} is {span}, expected {least} to {most}")))
}

/// A pattern within the operator, however it is written.
fn within<'a>(field: &str, operator: &Name, text: &'a str) -> Result<&'a str> {
    match text.split_once('/') {
        None => Ok(text),
        Some((said, rest)) if said == operator.as_str() => Ok(rest),
        Some(_) => {
            let text = shorten(text);
            Err(Error::invalid(format!("{field} is {text:?}, expected a pattern within operator {operator}")))
        }
    }
}

fn pattern(operator: &Name, text: &str) -> Result<Pattern> {
    let rest = within("watch.series", operator, text)?;
    format!("{operator}/{rest}").parse().map_err(|e: Error| e.context("watch.series"))
}

fn device_pattern(operator: &Name, text: &str) -> Result<Devices> {
    let rest = within("watch.devices", operator, text)?;
    let parts = rest.split('.').count();
    let open = if rest == ">" { rest.to_owned() } else { format!("{rest}.>") };
    let parsed = if parts > 2 { None } else { format!("{operator}/{open}").parse().ok() };
    // `home1.>` is all of a site's devices, too.
    let parsed =
        parsed.or_else(|| format!("{operator}/{rest}").parse().ok().filter(|_| rest.ends_with(".>") && parts == 2));
    parsed.map(Devices).filter(|_| rest == ">" || parts == 2).ok_or_else(|| {
        let text = shorten(text);
        Error::invalid(format!("watch.devices is {text:?}, expected a pattern of devices such as `home1.*` or `*.*`"))
    })
}
