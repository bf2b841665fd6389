//! One rule at one subject: whether it holds, and the alarm that follows. All of it goes by what the caller says of time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::alarm::{Acknowledgement, Alarm, AlarmState};
use super::moment::Moment;
use super::rule::Rule;
use crate::model::{Name, Span, Timestamp};

/// Who comes back within that time is the same alarm, with a count.
pub(super) const CALM: Span = Span::from_seconds(600);
/// From so many on, an alarm that comes and goes must have been gone for a while to be cleared.
const FLAPS: u64 = 3;
/// For how long.
const SETTLES: Span = Span::from_seconds(60);
/// How often the count of an alarm that comes and goes is told.
const TOLD_EVERY: Span = Span::from_seconds(10);
/// Samples for a rate. Full-policy: the oldest goes.
const SAMPLES_MAX: usize = 64;
/// Over how long a rate is told, and how far back its other end may lie.
const RATE_OVER: Span = Span::from_seconds(60);
const RATE_REACH: Span = Span::from_seconds(3600);

/// What became of an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// It was raised.
    Raised,
    /// It came again before it was calm for long.
    RaisedAgain,
    /// It comes and goes: its count has risen.
    Counted,
    /// Somebody has taken note.
    Acknowledged,
    /// It holds no longer.
    Cleared,
}

/// An alarm as it has become.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AlarmChange {
    /// What became of it.
    pub what: What,
    /// How it is now.
    #[serde(flatten)]
    pub alarm: Alarm,
}

/// What was seen, for the alarm.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) value: Option<f64>,
    pub(super) limit: Option<f64>,
    pub(super) unit: Option<String>,
    pub(super) message: String,
}

/// One rule at one subject.
#[derive(Debug)]
pub(super) struct Track {
    pub(super) rule: Arc<Rule>,
    /// Since when the condition has been there, while it has not lasted long enough.
    pub(super) pending: Option<Pending>,
    /// Whether the condition holds, from when it has lasted long enough to when it is over.
    holds: bool,
    pub(super) samples: VecDeque<(Timestamp, f64)>,
    open: Option<Open>,
}

#[derive(Debug, Clone)]
pub(super) struct Pending {
    /// By the readings' own time.
    pub(super) since: Timestamp,
    /// By arrival.
    pub(super) arrived: Duration,
    pub(super) seen: Seen,
}

#[derive(Debug)]
struct Open {
    alarm: Alarm,
    /// Since when the condition is over.
    over: Option<Duration>,
    told: Duration,
    untold: bool,
}

impl Track {
    pub(super) fn new(rule: Arc<Rule>) -> Self {
        Self { rule, pending: None, holds: false, samples: VecDeque::new(), open: None }
    }

    /// Goes on with an alarm of an earlier run.
    pub(super) fn resume(&mut self, alarm: Alarm, now: Moment) {
        self.holds = alarm.state != AlarmState::Cleared;
        let over = (!self.holds).then_some(now.elapsed);
        self.open = Some(Open { alarm, over, told: now.elapsed, untold: false });
    }

    pub(super) fn holds(&self) -> bool {
        self.holds
    }

    pub(super) fn alarm(&self) -> Option<&Alarm> {
        self.open.as_ref().map(|open| &open.alarm)
    }

    /// Takes the alarm out where it has not been cleared.
    pub(super) fn into_alarm(self) -> Option<Alarm> {
        self.open.map(|open| open.alarm).filter(|alarm| alarm.state != AlarmState::Cleared)
    }

    /// The condition holds from now on.
    pub(super) fn raise(&mut self, subject: &Subject<'_>, seen: Seen, now: Moment) -> Option<AlarmChange> {
        self.pending = None;
        if std::mem::replace(&mut self.holds, true) {
            return None;
        }
        let Some(open) = &mut self.open else {
            let alarm = new_alarm(&self.rule, subject, seen, now);
            self.open = Some(Open { alarm: alarm.clone(), over: None, told: now.elapsed, untold: false });
            return Some(AlarmChange { what: What::Raised, alarm });
        };
        let alarm = &mut open.alarm;
        open.over = None;
        alarm.count += 1;
        alarm.last_raised = now.wall;
        (alarm.value, alarm.limit, alarm.unit, alarm.message) = (seen.value, seen.limit, seen.unit, seen.message);
        if alarm.state != AlarmState::Cleared {
            // It was not over for long enough to be cleared.
            open.untold = true;
            return None;
        }
        alarm.cleared = None;
        alarm.state = if alarm.acknowledged.is_some() { AlarmState::Acknowledged } else { AlarmState::Raised };
        (open.told, open.untold) = (now.elapsed, false);
        Some(AlarmChange { what: What::RaisedAgain, alarm: alarm.clone() })
    }

    /// The condition is over.
    pub(super) fn end(&mut self, now: Moment) -> Option<AlarmChange> {
        self.pending = None;
        if !std::mem::replace(&mut self.holds, false) {
            return None;
        }
        let open = self.open.as_mut()?;
        open.over = Some(now.elapsed);
        if open.alarm.count >= FLAPS { None } else { open.clear(now) }
    }

    /// Time has passed: what comes and goes settles, is told, is forgotten.
    pub(super) fn handle_timeout(&mut self, now: Moment) -> Option<AlarmChange> {
        let open = self.open.as_mut()?;
        match open.over {
            Some(over) if open.alarm.state == AlarmState::Cleared => {
                if now.since(over) >= CALM {
                    self.open = None;
                }
                None
            }
            Some(over) if now.since(over) >= SETTLES => open.clear(now),
            _ if open.untold && now.since(open.told) >= TOLD_EVERY => {
                (open.told, open.untold) = (now.elapsed, false);
                Some(AlarmChange { what: What::Counted, alarm: open.alarm.clone() })
            }
            _ => None,
        }
    }

    /// Somebody takes note. None where this is not its alarm; the first acknowledgement stands.
    pub(super) fn acknowledge(&mut self, id: &Name, by: &Acknowledgement) -> Option<(Alarm, bool)> {
        let alarm = &mut self.open.as_mut().filter(|open| open.alarm.id == *id)?.alarm;
        let new = alarm.take_note(by.clone());
        Some((alarm.clone(), new))
    }

    /// What the value was about a minute before, where it was measured then.
    pub(super) fn rate(&mut self, time: Timestamp, value: f64) -> Option<f64> {
        let base = self.samples.iter().rev().find(|(earlier, _)| time.since(*earlier) >= RATE_OVER).copied();
        let apart = Span::from_seconds(1);
        if self.samples.back().is_none_or(|(last, _)| time.since(*last) >= apart) {
            if self.samples.len() >= SAMPLES_MAX {
                self.samples.pop_front();
            }
            self.samples.push_back((time, value));
        }
        let (earlier, was) = base.filter(|(earlier, _)| time.since(*earlier) <= RATE_REACH)?;
        Some((value - was) / (time.since(earlier).as_seconds() / 60.0))
    }

    /// What was seen so far says nothing of what comes: there was a gap, or a clock was set.
    pub(super) fn interrupt(&mut self) {
        self.pending = None;
        self.samples.clear();
    }
}

impl Open {
    fn clear(&mut self, now: Moment) -> Option<AlarmChange> {
        self.alarm.state = AlarmState::Cleared;
        self.alarm.cleared = Some(now.wall);
        self.untold = false;
        Some(AlarmChange { what: What::Cleared, alarm: self.alarm.clone() })
    }
}

/// What an alarm is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) site: Option<&'a Name>,
    pub(super) text: &'a str,
}

fn new_alarm(rule: &Rule, subject: &Subject<'_>, seen: Seen, now: Moment) -> Alarm {
    let settings = rule.settings();
    Alarm {
        id: id_of(rule, subject.text, now.wall),
        operator: rule.operator().clone(),
        rule: rule.id().clone(),
        rule_name: settings.name.clone(),
        kind: settings.watch.kind().into(),
        severity: settings.severity,
        site: subject.site.cloned(),
        subject: subject.text.into(),
        state: AlarmState::Raised,
        value: seen.value,
        limit: seen.limit,
        unit: seen.unit,
        message: seen.message,
        raised: now.wall,
        last_raised: now.wall,
        count: 1,
        cleared: None,
        acknowledged: None,
    }
}

/// When, and a hash (FNV-1a) of what: a rule raises one alarm at a subject at a time.
fn id_of(rule: &Rule, subject: &str, at: Timestamp) -> Name {
    let parts = [rule.operator().as_str(), rule.id().as_str(), subject];
    let bytes = parts.into_iter().flat_map(|part| part.bytes().chain([0]));
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    let text = format!("{:014x}-{hash:016x}", at.as_micros().max(0));
    Name::new(&text).unwrap_or_else(|_| rule.id().clone())
}
