//! Watches subjects by rules, and says what became of their alarms. It holds no clock and does no I/O.
//!
//! Patterns grow: a series or device that is made known later is watched from then on by every rule that selects it. What an alarm
//! is about keeps its alarm while its rule is renamed, and loses it when the rule watches something else.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::alarm::{Acknowledgement, Alarm, AlarmState};
use super::judge;
use super::moment::Moment;
use super::presence::{Presence, RECENT, Told};
use super::rule::{Rule, Watch};
use super::track::{AlarmChange, Track, What};
use crate::model::{DeviceName, Name, Quantity, SeriesName, Span, Timestamp};

/// The most that is watched: a rule at a subject. Full-policy: what comes later is not watched, and counted.
pub const TRACKS_MAX: usize = 200_000;

/// What a series is, as far as alarms go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeriesFacts {
    /// What it measures.
    pub quantity: Quantity,
    /// How often a value is expected.
    pub cadence: Option<Span>,
    /// For how long a value stands for the present.
    pub max_age: Option<Span>,
}

impl SeriesFacts {
    /// How old a reading may be and still be of the present.
    fn recent(&self) -> Span {
        let two = self.cadence.map(|cadence| Span::from_micros(cadence.as_micros().saturating_mul(2)));
        two.map_or(RECENT, |two| two.max(RECENT))
    }

    /// How long a value is taken to go on.
    pub(super) fn stands_for(&self) -> Option<Span> {
        self.max_age.or(self.cadence.map(|cadence| Span::from_micros(cadence.as_micros().saturating_mul(3))))
    }
}

#[derive(Debug)]
pub(super) struct SeriesWatch {
    pub(super) facts: SeriesFacts,
    presence: Presence,
    /// When a reading of the present arrived last; the start of watching before.
    pub(super) arrived: Duration,
    pub(super) tracks: Vec<Track>,
}

#[derive(Debug)]
struct DeviceWatch {
    connected: bool,
    /// Since when it is not.
    since: Duration,
    tracks: Vec<Track>,
}

/// Watches subjects by rules.
#[derive(Debug, Default)]
pub struct Watcher {
    rules: BTreeMap<(Name, Name), Arc<Rule>>,
    series: HashMap<SeriesName, SeriesWatch>,
    devices: BTreeMap<DeviceName, DeviceWatch>,
    /// What watches no series and no device: a site's balance, the server.
    others: Vec<Track>,
    /// Alarms of an earlier run, by rule and subject, until their subjects are known.
    resumed: HashMap<(Name, Name, String), Alarm>,
    tracks: usize,
    unwatched: u64,
    changes: Vec<AlarmChange>,
    /// None until it was looked at.
    read_only: Option<Option<String>>,
    stalled: BTreeMap<Name, Option<String>>,
}

impl Watcher {
    /// A watcher that goes on with the alarms of an earlier run. Those whose subjects are not made known before
    /// [`forget_resumed`](Self::forget_resumed) are cleared there.
    #[must_use]
    pub fn resuming(alarms: impl IntoIterator<Item = Alarm>) -> Self {
        let alarms = alarms.into_iter().filter(|alarm| alarm.state != AlarmState::Cleared);
        let key = |alarm: &Alarm| (alarm.operator.clone(), alarm.rule.clone(), alarm.subject.clone());
        Self { resumed: alarms.map(|alarm| (key(&alarm), alarm)).collect(), ..Self::default() }
    }

    /// Clears the alarms of an earlier run that nothing is left to be said of.
    pub fn forget_resumed(&mut self, now: Moment) {
        for (_, alarm) in std::mem::take(&mut self.resumed) {
            self.changes.push(closed(alarm, now));
        }
    }

    /// Watches by that rule from now on, in place of an earlier one of its id.
    pub fn set_rule(&mut self, rule: Rule, now: Moment) {
        let key = (rule.operator().clone(), rule.id().clone());
        let rule = Arc::new(rule);
        let same =
            |earlier: &Rule| earlier.watch() == rule.watch() && earlier.settings().enabled == rule.settings().enabled;
        match self.rules.insert(key.clone(), rule.clone()) {
            Some(earlier) if same(&earlier) => self.each_track(|track| {
                if of_rule(track, &key) {
                    track.rule = rule.clone();
                }
            }),
            Some(_) => {
                self.drop_tracks(&key, now);
                self.watch_all(&rule, now);
            }
            None => self.watch_all(&rule, now),
        }
    }

    /// Watches by that rule no more; its alarms are cleared.
    pub fn remove_rule(&mut self, operator: &Name, id: &Name, now: Moment) {
        let key = (operator.clone(), id.clone());
        if self.rules.remove(&key).is_some() {
            self.drop_tracks(&key, now);
        }
    }

    /// The rules that it watches by.
    pub fn rules(&self) -> impl Iterator<Item = &Arc<Rule>> {
        self.rules.values()
    }

    /// The rule of an alarm.
    #[must_use]
    pub fn rule_of(&self, alarm: &Alarm) -> Option<&Arc<Rule>> {
        self.rules.get(&(alarm.operator.clone(), alarm.rule.clone()))
    }

    /// Makes a series known.
    pub fn know_series(&mut self, series: &SeriesName, facts: SeriesFacts, now: Moment) {
        if self.series.get(series).is_some_and(|known| known.facts == facts) {
            return;
        }
        let mut tracks = Vec::new();
        let subject = series.to_string();
        let rules: Vec<_> = self.rules.values().filter(|rule| rule.watches(series, facts.quantity)).cloned().collect();
        for rule in rules {
            tracks.extend(self.new_track(&rule, &subject, now));
        }
        let presence = Presence::default();
        let known = SeriesWatch { facts, presence, arrived: now.elapsed, tracks };
        if let Some(earlier) = self.series.insert(series.clone(), known) {
            self.close(earlier.tracks, now);
        }
    }

    /// Whether some rule watches that series.
    #[must_use]
    pub fn watches(&self, series: &SeriesName) -> bool {
        self.series.get(series).is_some_and(|known| !known.tracks.is_empty())
    }

    /// Whether that series was made known.
    #[must_use]
    pub fn knows(&self, series: &SeriesName) -> bool {
        self.series.contains_key(series)
    }

    /// Readings of a series that arrived together, in any order, in base units. What is late or came before says nothing.
    pub fn readings(&mut self, series: &SeriesName, samples: impl IntoIterator<Item = (Timestamp, f64)>, now: Moment) {
        let Some(known) = self.series.get_mut(series).filter(|known| !known.tracks.is_empty()) else { return };
        let mut samples: Vec<_> = samples.into_iter().filter(|(_, value)| value.is_finite()).collect();
        samples.sort_by_key(|(time, _)| *time);
        let Some((newest, _)) = samples.last().copied() else { return };
        let (recent, before) = (known.facts.recent(), known.presence.latest());
        let told = known.presence.judge(newest, recent, now);
        if told == Told::History {
            return;
        }
        let before = before.filter(|_| told == Told::Present);
        if before.is_none() {
            known.tracks.iter_mut().for_each(Track::interrupt);
        }
        known.arrived = now.elapsed;
        let mut last = before;
        for (time, value) in samples {
            if newest.since(time) > recent || before.is_some_and(|before| time <= before) {
                continue;
            }
            let gap = known.facts.stands_for().zip(last).is_some_and(|(longest, last)| time.since(last) > longest);
            for track in &mut known.tracks {
                if gap {
                    track.interrupt();
                }
                self.changes.extend(judge::reading(track, series, known.facts, (time, value), now));
            }
            last = Some(time);
        }
    }

    /// A device is connected, or not; it is made known by that.
    pub fn device(&mut self, device: &DeviceName, connected: bool, now: Moment) {
        if !self.devices.contains_key(device) {
            let rules: Vec<_> = self.rules.values().filter(|rule| watches_device(rule, device)).cloned().collect();
            let subject = device.to_string();
            let tracks = rules.iter().filter_map(|rule| self.new_track(rule, &subject, now)).collect();
            self.devices.insert(device.clone(), DeviceWatch { connected, since: now.elapsed, tracks });
        }
        let Some(known) = self.devices.get_mut(device) else { return };
        if known.connected && !connected {
            known.since = now.elapsed;
        }
        known.connected = connected;
        if connected {
            self.changes.extend(known.tracks.iter_mut().filter_map(|track| track.end(now)));
        }
    }

    /// The devices that are known.
    pub fn devices(&self) -> impl Iterator<Item = &DeviceName> {
        self.devices.keys()
    }

    /// A device is enrolled no more: nothing is expected of it and its series.
    pub fn forget_device(&mut self, device: &DeviceName, now: Moment) {
        if let Some(known) = self.devices.remove(device) {
            self.close(known.tracks, now);
        }
        let gone: Vec<_> = self.series.keys().filter(|series| series.device == *device).cloned().collect();
        for series in gone {
            if let Some(known) = self.series.remove(&series) {
                self.close(known.tracks, now);
            }
        }
    }

    /// What no device explains at a site, in W: the mean over the `for` of that rule.
    pub fn residual(&mut self, rule: &Rule, mean_w: f64, now: Moment) {
        let key = (rule.operator().clone(), rule.id().clone());
        let found = self.others.iter_mut().filter(|track| of_rule(track, &key));
        self.changes.extend(found.filter_map(|track| judge::residual(track, mean_w, now)));
    }

    /// Why the store takes no data, or that it does.
    pub fn store(&mut self, read_only: Option<String>, now: Moment) {
        self.read_only = Some(read_only);
        self.judge_server(now);
    }

    /// Why control of an operator's site decides nothing, or that it does.
    pub fn control(&mut self, operator: &Name, stalled: Option<String>, now: Moment) {
        self.stalled.insert(operator.clone(), stalled);
        self.judge_server(now);
    }

    /// Somebody takes note of an alarm; says how it is then. None where it is not known here, as one that was cleared long ago.
    pub fn acknowledge(&mut self, id: &Name, by: &Acknowledgement) -> Option<Alarm> {
        let mut found = None;
        self.each_track(|track| found = found.take().or_else(|| track.acknowledge(id, by)));
        let (alarm, new) = found?;
        if new {
            self.changes.push(AlarmChange { what: What::Acknowledged, alarm: alarm.clone() });
        }
        Some(alarm)
    }

    /// Time has passed: silences have lasted, conditions have held.
    pub fn handle_timeout(&mut self, now: Moment) {
        for (series, known) in &mut self.series {
            let (arrived, facts) = (known.arrived, known.facts);
            let device = self.devices.get(&series.device);
            // Without a length of its own a value stands while its device is there to say otherwise.
            let stands = match facts.stands_for() {
                Some(longest) => now.since(arrived) <= longest,
                None => device.is_none_or(|device| device.connected),
            };
            let latest = known.presence.latest();
            for track in &mut known.tracks {
                self.changes.extend(judge::silence(track, series, (arrived, latest), now));
                self.changes.extend(judge::standing(track, series, stands, now));
                self.changes.extend(track.handle_timeout(now));
            }
        }
        for (device, known) in &mut self.devices {
            for track in &mut known.tracks {
                if !known.connected {
                    self.changes.extend(judge::offline(track, device, known.since, now));
                }
                self.changes.extend(track.handle_timeout(now));
            }
        }
        self.changes.extend(self.others.iter_mut().filter_map(|track| track.handle_timeout(now)));
    }

    /// What became of alarms since the last time.
    pub fn take_changes(&mut self) -> Vec<AlarmChange> {
        std::mem::take(&mut self.changes)
    }

    /// The alarms that hold, and those that held lately.
    pub fn alarms(&self) -> impl Iterator<Item = &Alarm> {
        let series = self.series.values().flat_map(|known| &known.tracks);
        let devices = self.devices.values().flat_map(|known| &known.tracks);
        series.chain(devices).chain(&self.others).filter_map(Track::alarm)
    }

    /// How many rules at subjects are watched, and how many are not since that would be too many.
    #[must_use]
    pub fn watched(&self) -> (usize, u64) {
        (self.tracks, self.unwatched)
    }

    fn judge_server(&mut self, now: Moment) {
        for track in &mut self.others {
            let known = match track.rule.watch() {
                Watch::StoreReadOnly => &self.read_only,
                Watch::ControlStalled => &self.stalled.get(track.rule.operator()).cloned(),
                _ => continue,
            };
            if let Some(why) = known.clone() {
                self.changes.extend(judge::server(track, why, now));
            }
        }
    }

    /// Begins to watch all that is known by a rule.
    fn watch_all(&mut self, rule: &Arc<Rule>, now: Moment) {
        if !rule.settings().enabled {
            return;
        }
        match rule.watch() {
            Watch::Offline { devices, .. } => {
                let found: Vec<_> = self.devices.keys().filter(|device| devices.matches(device)).cloned().collect();
                for device in found {
                    let track = self.new_track(rule, &device.to_string(), now);
                    if let Some(known) = self.devices.get_mut(&device) {
                        known.tracks.extend(track);
                    }
                }
            }
            Watch::Balance { site, .. } => {
                let subject = site.to_string();
                let track = self.new_track(rule, &subject, now);
                self.others.extend(track);
            }
            Watch::StoreReadOnly | Watch::ControlStalled => {
                let track = self.new_track(rule, judge::SERVER, now);
                self.others.extend(track);
                self.judge_server(now);
            }
            Watch::Threshold { .. } | Watch::Rate { .. } | Watch::Stale { .. } => self.watch_series(rule, now),
        }
    }

    fn watch_series(&mut self, rule: &Arc<Rule>, now: Moment) {
        let watched = |(series, known): (&SeriesName, &SeriesWatch)| {
            rule.watches(series, known.facts.quantity).then(|| series.clone())
        };
        let found: Vec<_> = self.series.iter().filter_map(watched).collect();
        for series in found {
            let track = self.new_track(rule, &series.to_string(), now);
            if let Some(known) = self.series.get_mut(&series) {
                // Nothing listened before: a silence begins now.
                known.arrived = if known.tracks.is_empty() { now.elapsed } else { known.arrived };
                known.tracks.extend(track);
            }
        }
    }

    fn new_track(&mut self, rule: &Arc<Rule>, subject: &str, now: Moment) -> Option<Track> {
        if self.tracks >= TRACKS_MAX {
            self.unwatched += 1;
            return None;
        }
        self.tracks += 1;
        let mut track = Track::new(rule.clone());
        let key = (rule.operator().clone(), rule.id().clone(), subject.to_owned());
        if let Some(alarm) = self.resumed.remove(&key) {
            track.resume(alarm, now);
        }
        Some(track)
    }

    fn drop_tracks(&mut self, key: &(Name, Name), now: Moment) {
        let mut dropped = Vec::new();
        let mut take = |tracks: &mut Vec<Track>| dropped.extend(tracks.extract_if(.., |track| of_rule(track, key)));
        self.series.values_mut().for_each(|known| take(&mut known.tracks));
        self.devices.values_mut().for_each(|known| take(&mut known.tracks));
        take(&mut self.others);
        self.close(dropped, now);
    }

    fn close(&mut self, tracks: Vec<Track>, now: Moment) {
        self.tracks -= tracks.len();
        self.changes.extend(tracks.into_iter().filter_map(Track::into_alarm).map(|alarm| closed(alarm, now)));
    }

    fn each_track(&mut self, mut each: impl FnMut(&mut Track)) {
        self.series.values_mut().flat_map(|known| &mut known.tracks).for_each(&mut each);
        self.devices.values_mut().flat_map(|known| &mut known.tracks).for_each(&mut each);
        self.others.iter_mut().for_each(&mut each);
    }
}

fn of_rule(track: &Track, (operator, id): &(Name, Name)) -> bool {
    track.rule.operator() == operator && track.rule.id() == id
}

fn watches_device(rule: &Rule, device: &DeviceName) -> bool {
    rule.settings().enabled && matches!(rule.watch(), Watch::Offline { devices, .. } if devices.matches(device))
}

/// An alarm whose rule or subject is gone.
fn closed(mut alarm: Alarm, now: Moment) -> AlarmChange {
    alarm.state = AlarmState::Cleared;
    alarm.cleared = Some(now.wall);
    AlarmChange { what: What::Cleared, alarm }
}
