//! What must be true in a scenario: at an instant, within a time, once, or always.

use serde::Deserialize;

use super::condition::{Condition, Facts};
use super::scenario::ScenarioClock;
use crate::control::CheckedModel;
use crate::error::{Error, Result};
use crate::model::{Span, Timestamp, written};

/// An expectation as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    #[serde(default)]
    always: Option<String>,
    #[serde(default)]
    once: Option<String>,
    #[serde(default)]
    that: Option<String>,
    #[serde(default)]
    at: Option<String>,
    #[serde(default, with = "written::span")]
    within: Option<Span>,
    #[serde(default)]
    of: Option<String>,
    #[serde(default)]
    from: Option<String>,
    #[serde(default)]
    to: Option<String>,
    #[serde(default, with = "written::span")]
    grace: Option<Span>,
    #[serde(default)]
    why: Option<String>,
    #[serde(default)]
    says: Option<String>,
}

/// What must be true, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct Expectation {
    when: When,
    /// A condition such as `battery.soc >= 0.05`.
    that: String,
    /// It may be false for no longer than that at a time.
    grace: Span,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum When {
    /// All the time from the first to the second.
    Always(Timestamp, Timestamp),
    /// At some time in between.
    Once(Timestamp, Timestamp),
    /// By the second at the latest, and then until the third, where there is one.
    Within(Timestamp, Timestamp, Option<Timestamp>),
    /// Why an asset does what it does, at that time.
    Why(Timestamp),
}

impl Written {
    pub(super) fn read(self, clock: &ScenarioClock) -> Result<Expectation> {
        let time = |written: &Option<String>, or: Timestamp| written.as_ref().map_or(Ok(or), |text| clock.read(text));
        let (from, to) = (time(&self.from, Timestamp::MIN)?, time(&self.to, Timestamp::MAX)?);
        let grace = self.grace.unwrap_or_default();
        let expected = |when, that: String| Ok(Expectation { when, that, grace });
        match self {
            Self { always: Some(that), once: None, that: None, at: None, within: None, why: None, .. } => {
                expected(When::Always(from, to), that)
            }
            Self { once: Some(that), always: None, that: None, at: None, within: None, why: None, .. } => {
                expected(When::Once(from, to), that)
            }
            Self { that: Some(that), at: Some(at), always: None, once: None, within: None, why: None, .. } => {
                let at = clock.read(&at)?;
                expected(When::Always(at, at), that)
            }
            Self { that: Some(that), within: Some(within), of: Some(of), always: None, once: None, why: None, .. } => {
                let of = clock.read(&of)?;
                let until = self.to.is_some().then_some(to);
                expected(When::Within(of, of.saturating_add(within), until), that)
            }
            Self { why: Some(asset), says: Some(says), at: Some(at), that: None, always: None, once: None, .. } => {
                expected(When::Why(clock.read(&at)?), format!("{asset}: {says}"))
            }
            _ => Err(Error::invalid(
                "expected `always = \"...\"` or `once = \"...\"` (perhaps with `from` and `to`), `at` and `that`, `within`, `of` and \
                 `that` (perhaps with `to`, until when it stays so), or `at`, `why` and `says`",
            )),
        }
    }
}

/// An expectation that is being watched.
pub(super) struct Watch {
    expectation: Expectation,
    condition: Option<Condition>,
    /// Since when it is false.
    false_since: Option<Timestamp>,
    seen: bool,
    /// How it failed.
    failed: Option<String>,
}

impl Watch {
    pub(super) fn new(expectation: &Expectation, model: &CheckedModel) -> Result<Self> {
        let condition = match expectation.when {
            When::Why(_) => None,
            _ => Some(Condition::parse(&expectation.that, model)?),
        };
        Ok(Self { expectation: expectation.clone(), condition, false_since: None, seen: false, failed: None })
    }

    /// Looks at a step that ends at that time.
    pub(super) fn look(&mut self, now: Timestamp, facts: &dyn Facts) {
        if self.failed.is_some() {
            return;
        }
        let (from, to) = match self.expectation.when {
            When::Always(from, to) | When::Once(from, to) => (from, to),
            When::Within(from, by, until) => (from, until.unwrap_or(by)),
            When::Why(at) => (at, at),
        };
        let is_over = if from == to { self.seen } else { now > to };
        if now < from || is_over {
            return;
        }
        match self.condition.take() {
            Some(condition) => {
                self.judge(now, condition.holds(facts), || condition.found(facts));
                self.condition = Some(condition);
            }
            None => self.ask(now, facts),
        }
    }

    fn judge(&mut self, now: Timestamp, holds: bool, found: impl Fn() -> String) {
        self.false_since = if holds { None } else { self.false_since.or(Some(now)) };
        let false_for = self.false_since.map_or(Span::from_micros(-1), |since| now.since(since));
        let fails = match self.expectation.when {
            When::Always(..) => false_for >= self.expectation.grace && !holds,
            // Having come true it stays so, where that is asked.
            When::Within(_, by, Some(_)) => now > by && false_for >= self.expectation.grace && !holds,
            _ => false,
        };
        let once = matches!(self.expectation.when, When::Always(..));
        self.seen |= holds || once;
        if fails {
            self.failed = Some(format!("at {now} {}", found()));
        } else if let When::Within(_, by, _) = self.expectation.when
            && now >= by
            && !self.seen
        {
            self.failed = Some(format!("at {now} still {}", found()));
        }
    }

    fn ask(&mut self, now: Timestamp, facts: &dyn Facts) {
        self.seen = true;
        let (asset, says) = self.expectation.that.split_once(": ").unwrap_or_default();
        let why = facts.why(asset);
        if !why.contains(says) {
            self.failed = Some(format!("at {now} it says {why:?}"));
        }
    }

    /// What became of it: how it failed, if it did.
    pub(super) fn end(self) -> Option<String> {
        let Self { expectation, failed, seen, .. } = self;
        let never = (!seen).then(|| match expectation.when {
            When::Always(..) | When::Why(_) => "that time never came".to_owned(),
            _ => "it never was".to_owned(),
        });
        Some(format!("expected {expectation}: {}", failed.or(never)?))
    }
}

impl std::fmt::Display for Expectation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let that = &self.that;
        match self.when {
            When::Always(from, to) if from == to => write!(f, "at {from} {that}"),
            When::Always(Timestamp::MIN, Timestamp::MAX) => write!(f, "always {that}"),
            When::Always(from, to) => write!(f, "from {from} to {to} always {that}"),
            When::Once(..) => write!(f, "once {that}"),
            When::Within(of, by, _) => write!(f, "within {} of {of} {that}", by.since(of)),
            When::Why(at) => write!(f, "at {at} the reason of {that}"),
        }
    }
}
