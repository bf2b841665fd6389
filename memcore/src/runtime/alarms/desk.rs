//! What rules, alarms and notifiers share while a server runs: one lock, held for as long as a step takes and no longer.

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::broadcast;

use super::kept::KeptNotifier;
use crate::alarms::{Alarm, AlarmChange, Herald, Moment, Notifier, Rule, Watcher, What};
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
