//! Who is to be told of what, and when: news is gathered, so that a storm is one message; quiet hours hold it back; what could not be
//! told is tried again, less and less often, and at last given up. It holds no clock and sends nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::alarm::{Alarm, AlarmState};
use super::moment::Moment;
use super::rule::Rule;
use super::said::Severity;
use super::track::{AlarmChange, What};
use crate::model::{Name, Span};

/// Alarms that wait for one notifier. Full-policy: the oldest is left out and counted.
const WAITING_MAX: usize = 10_000;
/// Alarms that one message tells in full; more are counted in it.
const LISTED_MAX: usize = 100;
/// How often one message is tried.
const TRIES: u32 = 8;
/// How long until the second try; four times as long until the third, and so on.
const BACK_OFF: Span = Span::from_seconds(10);
const BACK_OFF_MAX: Span = Span::from_seconds(1800);
/// An alarm that comes and goes is told so often one by one, and once in that time from then on.
const TOLD_AGAIN: u64 = 3;
const TOLD_EVERY: Span = Span::from_seconds(3600);

/// What a note says of its alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// It was raised; it may have cleared since.
    Raised,
    /// It stands, and nobody has taken note.
    Reminder,
    /// It was told before, and holds no longer.
    Cleared,
}

impl Telling {
    /// Its name in messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Reminder => "reminder",
            Self::Cleared => "cleared",
        }
    }
}

/// What is told of one alarm.
#[derive(Debug, Clone, PartialEq)]
pub struct Note {
    /// What is told.
    pub what: Telling,
    /// The alarm as it is by now.
    pub alarm: Alarm,
}

/// One message to one notifier, the worst first.
#[derive(Debug, Clone, PartialEq)]
pub struct Bundle {
    /// Whose notifier.
    pub operator: Name,
    /// Which one.
    pub notifier: Name,
    /// The same for every try of this message.
    pub number: u64,
    /// What is told in full.
    pub notes: Vec<Note>,
    /// How many alarms more it is about.
    pub more: u64,
}

/// How a notifier gathers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// How long news is gathered before it is told.
    pub gather: Span,
    /// How long between two messages.
    pub between: Span,
    /// How long between two messages where something critical was raised.
    pub urgent: Span,
}

#[derive(Debug)]
struct Waiting {
    note: Note,
    rule: Arc<Rule>,
}

#[derive(Debug)]
struct Sending {
    bundle: Bundle,
    alarms: Vec<Name>,
    tries: u32,
    /// When it is tried next; none while a try is under way.
    next: Option<Duration>,
}

#[derive(Debug)]
struct Desk {
    pace: Pace,
    enabled: bool,
    waiting: BTreeMap<Name, Waiting>,
    left_out: u64,
    /// Since when there is something to tell.
    first: Option<Duration>,
    last: Option<Duration>,
    sending: Option<Sending>,
}

#[derive(Debug)]
struct Reminding {
    alarm: Alarm,
    rule: Arc<Rule>,
    next: Duration,
}

/// Says who is to be told of what, and when.
#[derive(Debug, Default)]
pub struct Herald {
    desks: BTreeMap<(Name, Name), Desk>,
    reminding: BTreeMap<Name, Reminding>,
    told: BTreeMap<Name, (Telling, Duration)>,
    number: u64,
}

impl Herald {
    /// There is a notifier, with that pace; one that is not enabled is told nothing, and forgets what waited.
    pub fn set_notifier(&mut self, operator: &Name, id: &Name, pace: Pace, enabled: bool) {
        let blank =
            || Desk { pace, enabled, waiting: BTreeMap::new(), left_out: 0, first: None, last: None, sending: None };
        let desk = self.desks.entry((operator.clone(), id.clone())).or_insert_with(blank);
        (desk.pace, desk.enabled) = (pace, enabled);
        if !enabled {
            desk.waiting.clear();
            desk.sending = None;
        }
    }

    /// There is no such notifier any more.
    pub fn remove_notifier(&mut self, operator: &Name, id: &Name) {
        self.desks.remove(&(operator.clone(), id.clone()));
    }

    /// Something became of an alarm.
    pub fn tell(&mut self, change: &AlarmChange, rule: &Arc<Rule>, now: Moment) {
        let alarm = &change.alarm;
        match change.what {
            What::Raised => self.news(Telling::Raised, alarm, rule, now),
            What::RaisedAgain => {
                let told = self.told.get(&alarm.id).is_some_and(|(_, at)| now.since(*at) < TOLD_EVERY);
                if alarm.count <= TOLD_AGAIN || !told {
                    self.news(Telling::Raised, alarm, rule, now);
                }
            }
            What::Cleared => {
                let known = self.told.get(&alarm.id).is_some_and(|(told, _)| *told == Telling::Cleared);
                if !known {
                    self.news(Telling::Cleared, alarm, rule, now);
                }
            }
            What::Counted | What::Acknowledged => {}
        }
        self.refresh(alarm, now);
        self.set_reminder(alarm, rule, now);
    }

    /// Goes on with an alarm of an earlier run, of which those notifiers had not been told yet.
    pub fn resume(&mut self, alarm: &Alarm, rule: &Arc<Rule>, owed: &[Name], now: Moment) {
        let what = if alarm.state == AlarmState::Cleared { Telling::Cleared } else { Telling::Raised };
        owed.iter().for_each(|id| self.lay(id, what, alarm, rule));
        self.set_reminder(alarm, rule, now);
    }

    /// The messages that are to be sent now. Each is under way until [`sent`](Self::sent) or [`failed`](Self::failed).
    pub fn due(&mut self, now: Moment) -> Vec<Bundle> {
        self.remind(now);
        self.told.retain(|_, (_, at)| now.since(*at) < TOLD_EVERY);
        let mut due = Vec::new();
        for (key, desk) in self.desks.iter_mut().filter(|(_, desk)| desk.enabled) {
            if desk.sending.is_none() {
                desk.gather(key, &mut self.number, now);
            }
            let Some(sending) = &mut desk.sending else { continue };
            if sending.next.is_some_and(|next| now.elapsed >= next) {
                (sending.next, sending.tries) = (None, sending.tries + 1);
                due.push(sending.bundle.clone());
            }
        }
        due
    }

    /// A message was sent; returns the alarms that it was about.
    pub fn sent(&mut self, operator: &Name, notifier: &Name, now: Moment) -> Vec<Name> {
        let Some(desk) = self.desks.get_mut(&(operator.clone(), notifier.clone())) else { return Vec::new() };
        desk.last = Some(now.elapsed);
        desk.sending.take().map_or(Vec::new(), |sending| sending.alarms)
    }

    /// A message could not be sent. Returns the alarms that it was about where it is given up: at once where it would never be sent.
    pub fn failed(&mut self, operator: &Name, notifier: &Name, never: bool, now: Moment) -> Option<Vec<Name>> {
        let desk = self.desks.get_mut(&(operator.clone(), notifier.clone()))?;
        let sending = desk.sending.as_mut()?;
        if never || sending.tries >= TRIES {
            desk.last = Some(now.elapsed);
            return desk.sending.take().map(|sending| sending.alarms);
        }
        let wait = BACK_OFF.as_micros().saturating_mul(4_i64.saturating_pow(sending.tries - 1));
        sending.next = Some(now.elapsed + Span::from_micros(wait.min(BACK_OFF_MAX.as_micros())).to_duration());
        None
    }

    /// The notifiers that have not been told yet what became of an alarm.
    #[must_use]
    pub fn owed(&self, alarm: &Name) -> Vec<Name> {
        let owes = |desk: &Desk| {
            desk.waiting.contains_key(alarm) || desk.sending.as_ref().is_some_and(|sending| sending.alarms.contains(alarm))
        };
        self.desks.iter().filter(|(_, desk)| owes(desk)).map(|((_, id), _)| id.clone()).collect()
    }

    /// How many alarms wait for a notifier.
    #[must_use]
    pub fn waiting(&self, operator: &Name, notifier: &Name) -> usize {
        let desk = self.desks.get(&(operator.clone(), notifier.clone()));
        desk.map_or(0, |desk| desk.waiting.len() + desk.sending.as_ref().map_or(0, |sending| sending.alarms.len()))
    }

    fn news(&mut self, what: Telling, alarm: &Alarm, rule: &Arc<Rule>, now: Moment) {
        self.told.insert(alarm.id.clone(), (what, now.elapsed));
        for id in rule.settings().notify.clone() {
            self.lay(&id, what, alarm, rule);
        }
    }

    fn lay(&mut self, notifier: &Name, what: Telling, alarm: &Alarm, rule: &Arc<Rule>) {
        let Some(desk) = self.desks.get_mut(&(alarm.operator.clone(), notifier.clone())) else { return };
        if !desk.enabled {
            return;
        }
        let fresh = || Waiting { note: Note { what, alarm: alarm.clone() }, rule: rule.clone() };
        // Who was not told yet that it was raised is told once, of all that became of it.
        desk.waiting.entry(alarm.id.clone()).or_insert_with(fresh);
        if desk.waiting.len() > WAITING_MAX {
            desk.waiting.pop_first();
            desk.left_out += 1;
        }
    }

    /// What waits tells how the alarm is by now.
    fn refresh(&mut self, alarm: &Alarm, now: Moment) {
        for desk in self.desks.values_mut() {
            let Some(waiting) = desk.waiting.get_mut(&alarm.id) else { continue };
            waiting.note.alarm = alarm.clone();
            if waiting.note.what == Telling::Cleared && alarm.state != AlarmState::Cleared {
                // It came back before it was told that it was gone.
                waiting.note.what = Telling::Raised;
                self.told.insert(alarm.id.clone(), (Telling::Raised, now.elapsed));
            }
        }
    }

    fn set_reminder(&mut self, alarm: &Alarm, rule: &Arc<Rule>, now: Moment) {
        let Some(every) = rule.remind().filter(|_| alarm.state == AlarmState::Raised) else {
            self.reminding.remove(&alarm.id);
            return;
        };
        let next = self.reminding.get(&alarm.id).map_or(now.elapsed + every.to_duration(), |reminding| reminding.next);
        self.reminding.insert(alarm.id.clone(), Reminding { alarm: alarm.clone(), rule: rule.clone(), next });
    }

    fn remind(&mut self, now: Moment) {
        let mut due = Vec::new();
        for reminding in self.reminding.values_mut() {
            let Some(every) = reminding.rule.remind().filter(|_| now.elapsed >= reminding.next) else { continue };
            // In quiet hours it waits for their end, and is one reminder then.
            if !reminding.rule.holds_back(reminding.alarm.severity, now.wall) {
                reminding.next = now.elapsed + every.to_duration();
                due.push((reminding.alarm.clone(), reminding.rule.clone()));
            }
        }
        due.iter().for_each(|(alarm, rule)| self.news(Telling::Reminder, alarm, rule, now));
    }
}

impl Desk {
    /// Makes a message of what waits, where its time has come.
    fn gather(&mut self, (operator, notifier): &(Name, Name), number: &mut u64, now: Moment) {
        let ready = |waiting: &Waiting| !waiting.rule.holds_back(waiting.note.alarm.severity, now.wall);
        let urgent = |waiting: &Waiting| {
            ready(waiting) && waiting.note.alarm.severity == Severity::Critical && waiting.note.what == Telling::Raised
        };
        if !self.waiting.values().any(ready) {
            self.first = None;
            return;
        }
        let first = *self.first.get_or_insert(now.elapsed);
        let between = if self.waiting.values().any(urgent) { self.pace.urgent } else { self.pace.between };
        let gathered = now.since(first) >= self.pace.gather;
        if !gathered || self.last.is_some_and(|last| now.since(last) < between) {
            return;
        }
        self.first = None;
        let alarms: Vec<Name> =
            self.waiting.iter().filter(|(_, waiting)| ready(waiting)).map(|(id, _)| id.clone()).collect();
        let taken = alarms.iter().filter_map(|id| self.waiting.remove(id));
        let mut notes: Vec<Note> = taken.map(|waiting| waiting.note).collect();
        notes.sort_by(|a, b| b.alarm.severity.cmp(&a.alarm.severity).then_with(|| a.alarm.id.cmp(&b.alarm.id)));
        let more = notes.len().saturating_sub(LISTED_MAX) as u64 + std::mem::take(&mut self.left_out);
        notes.truncate(LISTED_MAX);
        *number += 1;
        let (operator, notifier, number) = (operator.clone(), notifier.clone(), *number);
        let bundle = Bundle { operator, notifier, number, notes, more };
        self.sending = Some(Sending { bundle, alarms, tries: 0, next: Some(now.elapsed) });
    }
}
