//! What rules, alarms and notifiers share while a server runs: one lock, held for as long as a step takes and no longer.

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::broadcast;

use super::kept::KeptNotifier;
use crate::alarms::{Acknowledgement, Alarm, AlarmChange, Herald, Moment, Notifier, Rule, Watcher, What};
use crate::model::Name;

/// Changes that wait for who follows alarms. Full-policy: the oldest is dropped and counted.
const FOLLOWED_MAX: usize = 1024;

#[derive(Debug)]
pub(super) struct Desk {
    pub(super) watcher: Watcher,
    pub(super) herald: Herald,
    pub(super) notifiers: BTreeMap<(Name, Name), KeptNotifier>,
    pub(super) rules: BTreeMap<(Name, Name), Rule>,
    /// Operators whose rules are there.
    pub(super) operators: BTreeSet<Name>,
    /// Alarms that are not in the records as they are by now. Bounded by the alarms that are open, as the watcher bounds them.
    pub(super) unsaved: BTreeMap<Name, Alarm>,
    /// Those that are being written down, as they were when that began.
    pub(super) saving: BTreeMap<Name, Alarm>,
    /// How often alarms were raised since the start.
    pub(super) raised: u64,
    /// None once the server shuts down.
    updates: Option<broadcast::Sender<AlarmChange>>,
}

impl Desk {
    pub(super) fn new(watcher: Watcher) -> Self {
        Self {
            watcher,
            herald: Herald::default(),
            notifiers: BTreeMap::new(),
            rules: BTreeMap::new(),
            operators: BTreeSet::new(),
            unsaved: BTreeMap::new(),
            saving: BTreeMap::new(),
            raised: 0,
            updates: Some(broadcast::Sender::new(FOLLOWED_MAX)),
        }
    }

    /// What the watcher has found goes to those who are to know. Of alarms whose rule was removed nobody is told.
    pub(super) fn settle(&mut self, now: Moment) {
        for change in self.watcher.take_changes() {
            if let Some(rule) = self.watcher.rule_of(&change.alarm).cloned() {
                self.herald.tell(&change, &rule, now);
            }
            self.raised += u64::from(matches!(change.what, What::Raised | What::RaisedAgain));
            self.unsaved.insert(change.alarm.id.clone(), change.alarm.clone());
            self.publish(change);
        }
    }

    /// An alarm that the records do not have as it is by now.
    pub(super) fn newer(&self, id: &Name) -> Option<&Alarm> {
        self.unsaved.get(id).or_else(|| self.saving.get(id))
    }

    /// The alarms that the records do not have as they are by now.
    pub(super) fn all_newer(&self) -> impl Iterator<Item = &Alarm> {
        self.saving.values().filter(move |alarm| !self.unsaved.contains_key(&alarm.id)).chain(self.unsaved.values())
    }

    /// Somebody takes note of an alarm that is no longer watched, and not yet in the records as it is by now.
    pub(super) fn take_note(&mut self, operator: &Name, id: &Name, by: &Acknowledgement) -> Option<Alarm> {
        let mut alarm = self.newer(id).filter(|alarm| alarm.operator == *operator)?.clone();
        if alarm.take_note(by.clone()) {
            self.unsaved.insert(id.clone(), alarm.clone());
            self.publish(AlarmChange { what: What::Acknowledged, alarm: alarm.clone() });
        }
        Some(alarm)
    }

    /// Whether there is something to be written down.
    pub(super) fn is_unsaved(&self) -> bool {
        !self.unsaved.is_empty() || !self.saving.is_empty()
    }

    /// What the records are to have; what could not be written before is among it.
    pub(super) fn begin_saving(&mut self) -> Vec<(Alarm, Vec<Name>)> {
        self.saving.append(&mut self.unsaved);
        self.saving.values().map(|alarm| (alarm.clone(), self.herald.owed(&alarm.id))).collect()
    }

    /// The records have it.
    pub(super) fn saved(&mut self) {
        self.saving.clear();
    }

    /// Tells those who follow alarms; nobody need be listening.
    pub(super) fn publish(&self, change: AlarmChange) {
        if let Some(updates) = &self.updates {
            let _ = updates.send(change);
        }
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<AlarmChange> {
        let closed = || broadcast::channel(1).1;
        self.updates.as_ref().map_or_else(closed, broadcast::Sender::subscribe)
    }

    /// Whoever follows alarms is told that there is an end.
    pub(super) fn close(&mut self) {
        self.updates = None;
    }

    /// A notifier as it is answered.
    pub(super) fn notifier(&self, kept: &KeptNotifier) -> Notifier {
        kept.answered(self.herald.waiting(&kept.operator, &kept.id))
    }
}
