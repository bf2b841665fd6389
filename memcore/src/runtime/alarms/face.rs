//! The alarms of a running server, for all its faces.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use serde::Serialize;
use tokio::sync::{Notify, broadcast};

use super::courier::{Courier, pace};
use super::desk::Desk;
use super::kept::{self, AlarmQuery, KeptNotifier};
use crate::alarms::{
    Acknowledgement, Alarm, AlarmChange, AlarmState, Bundle, Moment, Note, Notifier, NotifierSettings, Rule, RuleSettings,
    Severity, Telling, WatchSettings, What,
};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Clock, Name, OPERATOR_DEFAULT};
use crate::records::Records;
use crate::runtime::audit::Act;
use crate::runtime::core::Core;

/// Rules and notifiers of one operator. Full-policy: more are refused.
const RULES_MAX: usize = 500;
const NOTIFIERS_MAX: usize = 50;
/// The longest note of an acknowledgement, in characters.
const NOTE_MAX: usize = 1000;
const PAGE: usize = 100;

/// The alarms of a running server: rules, what they found, who is told. Clones are cheap.
///
/// ```no_run
/// # async fn example() -> memcore::Result<()> {
/// use memcore::alarms::RuleSettings;
/// # let server = memcore::serve(memcore::Config::at("site")).await?;
/// let alarms = server.handle().alarms();
/// let local = memcore::model::Name::new("local")?;
/// let rule: RuleSettings = serde_json::from_str(r#"{
///     "name": "The grid connection is near its fuse", "severity": "critical",
///     "watch": { "kind": "threshold", "series": "home1.grid.power", "above": 16, "unit": "kW", "clear_margin": 1, "for": "5m" }
/// }"#).unwrap();
/// alarms.create_rule(&local, rule, "program").await?;
///
/// let mut changes = alarms.subscribe(&local);
/// while let Some(change) = changes.next().await {
///     println!("{:?} {}", change.what, change.alarm.message);
/// }
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Alarms {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) desk: Mutex<Desk>,
    pub(super) records: Records,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) core: Weak<Core>,
    pub(super) courier: Courier,
    /// Rings when rules have changed.
    pub(super) bell: Notify,
    /// One change of rules and notifiers at a time: what is in the records and what is watched stay the same.
    edits: tokio::sync::Mutex<()>,
}

/// Part of a list of alarms, the newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct AlarmList {
    /// The alarms.
    pub items: Vec<Alarm>,
    /// Whether there are more.
    pub more: bool,
}

/// How many alarms are raised and not acknowledged, by severity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct AlarmCounts {
    /// Critical ones.
    pub critical: usize,
    /// Warnings.
    pub warning: usize,
    /// What is good to know.
    pub info: usize,
}

/// What alarms have come to since the server's start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct AlarmStats {
    /// Alarms that hold.
    pub open: AlarmCounts,
    /// How often one was raised.
    pub raised: u64,
    /// Rules at subjects that are watched.
    pub watched: usize,
    /// Rules at subjects that are not, since that would be too many.
    pub unwatched: u64,
    /// Messages that wait for notifiers.
    pub waiting: usize,
}

impl Alarms {
    pub(super) fn new(desk: Desk, courier: Courier, core: &Arc<Core>) -> Self {
        let inner = Inner {
            desk: Mutex::new(desk),
            records: core.records.clone(),
            clock: core.clock.clone(),
            core: Arc::downgrade(core),
            courier,
            bell: Notify::new(),
            edits: tokio::sync::Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Alarms of an operator, the newest first.
    ///
    /// # Errors
    /// As the records, where they hold what is asked for.
    pub async fn list(&self, operator: &Name, asked: &AlarmQuery) -> Result<AlarmList> {
        let limit = if asked.limit == 0 { PAGE } else { asked.limit };
        // Taken before the records are read: what is written down meanwhile stands in one or the other.
        let newer: Vec<Alarm> =
            self.inner.desk().all_newer().filter(|alarm| alarm.operator == *operator).cloned().collect();
        // What is newer may take the place of what the records select.
        let most = limit + 1 + newer.len();
        let mut items = match kept::alarms(&self.inner.records, operator, asked, most).await {
            Ok(items) => items,
            // What holds is shown even where the disk is full: that is when it is needed.
            Err(error) => {
                tracing::warn!(%error, "alarms are shown from memory only");
                let desk = self.inner.desk();
                desk.watcher.alarms().filter(|alarm| alarm.operator == *operator && asked.selects(alarm)).cloned().collect()
            }
        };
        for alarm in newer {
            items.retain(|item| item.id != alarm.id);
            items.extend(Some(alarm).filter(|alarm| asked.selects(alarm)));
        }
        items.sort_by(|a, b| b.id.cmp(&a.id));
        let more = items.len() > limit;
        items.truncate(limit);
        Ok(AlarmList { items, more })
    }

    /// One alarm.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) where there is none of that id.
    pub async fn find(&self, operator: &Name, id: &Name) -> Result<Alarm> {
        let held = {
            let desk = self.inner.desk();
            let watched = desk.watcher.alarms().find(|alarm| alarm.id == *id);
            watched.or_else(|| desk.newer(id)).filter(|alarm| alarm.operator == *operator).cloned()
        };
        match held {
            Some(alarm) => Ok(alarm),
            None => Ok(kept::alarm(&self.inner.records, operator, id).await?.ok_or_else(|| no_alarm(id))?.0),
        }
    }

    /// Takes note of an alarm, in somebody's name: nobody is reminded of it any more. The first acknowledgement stands.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) where there is none of that id, [`Invalid`](ErrorKind::Invalid) for a note that is too long.
    pub async fn acknowledge(&self, operator: &Name, id: &Name, by: &str, note: Option<String>) -> Result<Alarm> {
        check_note(note.as_deref())?;
        let before = self.find(operator, id).await?;
        let now = self.inner.now();
        let taken = Acknowledgement { by: by.to_owned(), at: now.wall, note };
        let known = {
            let mut desk = self.inner.desk();
            let known = desk.watcher.acknowledge(id, &taken);
            desk.settle(now);
            known
        };
        let alarm = match known {
            Some(alarm) => alarm,
            None => self.acknowledge_kept(operator, id, taken).await?,
        };
        if before.acknowledged.is_none() {
            self.say(by, Act::AlarmAcknowledged { operator: operator.clone(), alarm: id.clone() });
        }
        Ok(alarm)
    }

    /// One that is watched no longer.
    async fn acknowledge_kept(&self, operator: &Name, id: &Name, taken: Acknowledgement) -> Result<Alarm> {
        let newer = self.inner.desk().take_note(operator, id, &taken);
        if let Some(alarm) = newer {
            return Ok(alarm);
        }
        let found = kept::alarm(&self.inner.records, operator, id).await?;
        let (mut alarm, owed) = found.ok_or_else(|| no_alarm(id))?;
        if alarm.take_note(taken) {
            kept::keep_alarms(&self.inner.records, &[(alarm.clone(), owed)]).await?;
            self.inner.desk().publish(AlarmChange { what: What::Acknowledged, alarm: alarm.clone() });
        }
        Ok(alarm)
    }

    /// How many alarms of an operator are raised and not acknowledged; of one of its sites, where it is named.
    #[must_use]
    pub fn counts(&self, operator: &Name, site: Option<&Name>) -> AlarmCounts {
        let desk = self.inner.desk();
        let of = |alarm: &&Alarm| alarm.operator == *operator && site.is_none_or(|site| alarm.site.as_ref() == Some(site));
        count(desk.watcher.alarms().filter(of).filter(|alarm| alarm.state == AlarmState::Raised))
    }

    /// What alarms have come to.
    #[must_use]
    pub fn stats(&self) -> AlarmStats {
        let desk = self.inner.desk();
        let open = count(desk.watcher.alarms().filter(|alarm| alarm.state != AlarmState::Cleared));
        let (watched, unwatched) = desk.watcher.watched();
        let waiting = desk.notifiers.keys().map(|(operator, id)| desk.herald.waiting(operator, id)).sum();
        AlarmStats { open, raised: desk.raised, watched, unwatched, waiting }
    }

    /// Follows the alarms of an operator, from now on.
    #[must_use]
    pub fn subscribe(&self, operator: &Name) -> AlarmUpdates {
        AlarmUpdates { operator: Some(operator.clone()), receiver: self.inner.desk().subscribe(), lost: 0 }
    }

    /// Follows the alarms of all operators, from now on: for who sorts them out.
    #[must_use]
    pub(crate) fn subscribe_all(&self) -> AlarmUpdates {
        AlarmUpdates { operator: None, receiver: self.inner.desk().subscribe(), lost: 0 }
    }

    /// The rules of an operator, those that come with memcore first.
    #[must_use]
    pub fn rules(&self, operator: &Name) -> Vec<Rule> {
        let desk = self.inner.desk();
        let mut rules: Vec<Rule> = desk.rules.values().filter(|rule| rule.operator() == operator).cloned().collect();
        rules.sort_by_key(|rule| (!rule.is_built_in(), rule.id().clone()));
        rules
    }

    /// One rule.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) where there is none of that id.
    pub fn rule(&self, operator: &Name, id: &Name) -> Result<Rule> {
        let found = self.inner.desk().rules.get(&(operator.clone(), id.clone())).cloned();
        found.ok_or_else(|| Error::not_found(format!("rule {id} is not known")))
    }

    /// Makes a rule, in somebody's name.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid), naming the field, the value and what was expected; [`LimitReached`](ErrorKind::LimitReached)
    /// where there are too many.
    pub async fn create_rule(&self, operator: &Name, settings: RuleSettings, by: &str) -> Result<Rule> {
        let _one = self.inner.edits.lock().await;
        self.inner.welcome(operator).await?;
        let id = Name::new(&crate::gateway::random_hex::<8>()?)?;
        let rule = Rule::new(operator.clone(), id, settings)?;
        if self.rules(operator).len() >= RULES_MAX {
            return Err(Error::new(ErrorKind::LimitReached, format!("operator {operator} has {RULES_MAX} rules")));
        }
        self.set_rule(rule, by).await
    }

    /// Changes a rule, in somebody's name. What one that comes with memcore watches stays of its kind.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) where there is none of that id; as [`create_rule`](Self::create_rule).
    pub async fn change_rule(&self, operator: &Name, id: &Name, settings: RuleSettings, by: &str) -> Result<Rule> {
        let _one = self.inner.edits.lock().await;
        let before = self.rule(operator, id)?;
        let (kind, was) = (settings.watch.kind(), before.settings().watch.kind());
        if before.is_built_in() && kind != was {
            let message = format!("watch.kind is {kind:?}, expected {was:?}: the rule comes with memcore");
            return Err(Error::invalid(message));
        }
        let rule = Rule::new(operator.clone(), id.clone(), settings)?;
        self.set_rule(if before.is_built_in() { rule.built_in() } else { rule }, by).await
    }

    async fn set_rule(&self, rule: Rule, by: &str) -> Result<Rule> {
        self.check_notify(&rule)?;
        self.check_series(&rule).await?;
        kept::keep_rule(&self.inner.records, &rule).await?;
        let now = self.inner.now();
        {
            let mut desk = self.inner.desk();
            desk.rules.insert((rule.operator().clone(), rule.id().clone()), rule.clone());
            desk.watcher.set_rule(rule.clone(), now);
            desk.settle(now);
        }
        self.inner.bell.notify_one();
        let (operator, id, name) = (rule.operator().clone(), rule.id().clone(), rule.settings().name.clone());
        self.say(by, Act::AlarmRuleSet { operator, rule: id, name, enabled: rule.settings().enabled });
        Ok(rule)
    }

    /// Removes a rule, in somebody's name; its alarms are cleared.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) where there is none of that id, [`Conflict`](ErrorKind::Conflict) for one that comes with
    /// memcore.
    pub async fn remove_rule(&self, operator: &Name, id: &Name, by: &str) -> Result<()> {
        let _one = self.inner.edits.lock().await;
        if self.rule(operator, id)?.is_built_in() {
            let message = format!("rule {id} comes with memcore and cannot be removed, expected it to be switched off");
            return Err(Error::new(ErrorKind::Conflict, message));
        }
        kept::remove_rule(&self.inner.records, operator, id).await?;
        let now = self.inner.now();
        {
            let mut desk = self.inner.desk();
            desk.rules.remove(&(operator.clone(), id.clone()));
            desk.watcher.remove_rule(operator, id, now);
            desk.settle(now);
        }
        self.say(by, Act::AlarmRuleRemoved { operator: operator.clone(), rule: id.clone() });
        Ok(())
    }

    /// The notifiers of an operator, and how they went.
    #[must_use]
    pub fn notifiers(&self, operator: &Name) -> Vec<Notifier> {
        let desk = self.inner.desk();
        desk.notifiers.values().filter(|kept| kept.operator == *operator).map(|kept| desk.notifier(kept)).collect()
    }

    /// One notifier, and how it went.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) where there is none of that id.
    pub fn notifier(&self, operator: &Name, id: &Name) -> Result<Notifier> {
        let kept = self.kept_notifier(operator, id)?;
        Ok(self.inner.desk().notifier(&kept))
    }

    /// Makes a notifier, in somebody's name.
    ///
    /// # Errors
    /// As [`create_rule`](Self::create_rule).
    pub async fn create_notifier(&self, operator: &Name, settings: NotifierSettings, by: &str) -> Result<Notifier> {
        let _one = self.inner.edits.lock().await;
        self.inner.courier.check(&settings)?;
        if self.notifiers(operator).len() >= NOTIFIERS_MAX {
            return Err(Error::new(ErrorKind::LimitReached, format!("operator {operator} has {NOTIFIERS_MAX} notifiers")));
        }
        let (operator, id) = (operator.clone(), Name::new(&crate::gateway::random_hex::<8>()?)?);
        self.set_notifier(KeptNotifier { operator, id, settings, last_sent: None, last_problem: None }, by).await
    }

    /// Changes a notifier, in somebody's name. A webhook whose secret is not said keeps it.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) where there is none of that id; as [`create_rule`](Self::create_rule).
    pub async fn change_notifier(
        &self,
        operator: &Name,
        id: &Name,
        settings: NotifierSettings,
        by: &str,
    ) -> Result<Notifier> {
        let _one = self.inner.edits.lock().await;
        let before = self.kept_notifier(operator, id)?;
        self.inner.courier.check(&settings)?;
        let settings = settings.keeping_secret_of(&before.settings);
        self.set_notifier(KeptNotifier { settings, last_problem: None, ..before }, by).await
    }

    async fn set_notifier(&self, kept: KeptNotifier, by: &str) -> Result<Notifier> {
        kept::keep_notifier(&self.inner.records, &kept).await?;
        let (operator, id, name) = (kept.operator.clone(), kept.id.clone(), kept.settings.name().to_owned());
        let mut desk = self.inner.desk();
        desk.herald.set_notifier(&operator, &id, pace(&kept.settings), kept.settings.enabled());
        desk.notifiers.insert((operator.clone(), id.clone()), kept.clone());
        let answer = desk.notifier(&kept);
        drop(desk);
        self.say(by, Act::NotifierSet { operator, notifier: id, name });
        Ok(answer)
    }

    /// Removes a notifier, in somebody's name. Rules that name it tell it no more.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) where there is none of that id.
    pub async fn remove_notifier(&self, operator: &Name, id: &Name, by: &str) -> Result<()> {
        let _one = self.inner.edits.lock().await;
        self.kept_notifier(operator, id)?;
        let naming = self.rules(operator).into_iter().filter(|rule| rule.settings().notify.contains(id));
        for rule in naming {
            let mut settings = rule.settings().clone();
            settings.notify.retain(|other| other != id);
            let changed = Rule::new(operator.clone(), rule.id().clone(), settings)?;
            self.set_rule(if rule.is_built_in() { changed.built_in() } else { changed }, by).await?;
        }
        kept::remove_notifier(&self.inner.records, operator, id).await?;
        let mut desk = self.inner.desk();
        desk.notifiers.remove(&(operator.clone(), id.clone()));
        desk.herald.remove_notifier(operator, id);
        drop(desk);
        self.say(by, Act::NotifierRemoved { operator: operator.clone(), notifier: id.clone() });
        Ok(())
    }

    /// Tells a test message now, whatever the hour; says why it could not be told, where it could not.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) where there is none of that id.
    pub async fn test_notifier(&self, operator: &Name, id: &Name) -> Result<Option<String>> {
        let kept = self.kept_notifier(operator, id)?;
        let now = self.inner.now();
        let bundle = trial(&kept, now);
        let delivery = format!("test-{}", crate::gateway::random_hex::<8>()?);
        let sent = self.inner.courier.send(&kept.settings, &bundle, &delivery, now.wall).await;
        let problem = sent.err().map(|failure| failure.why);
        self.inner.note_outcome(operator, id, problem.clone()).await;
        Ok(problem)
    }

    fn kept_notifier(&self, operator: &Name, id: &Name) -> Result<KeptNotifier> {
        let found = self.inner.desk().notifiers.get(&(operator.clone(), id.clone())).cloned();
        found.ok_or_else(|| Error::not_found(format!("notifier {id} is not known")))
    }

    fn check_notify(&self, rule: &Rule) -> Result<()> {
        let desk = self.inner.desk();
        let known = |id: &&Name| !desk.notifiers.contains_key(&(rule.operator().clone(), (*id).clone()));
        match rule.settings().notify.iter().find(known) {
            Some(id) => Err(Error::invalid(format!("notify names {id}, expected ids of the operator's notifiers"))),
            None => Ok(()),
        }
    }

    /// A limit fits what the series measure.
    async fn check_series(&self, rule: &Rule) -> Result<()> {
        let (Some(core), Some(pattern)) = (self.inner.core.upgrade(), rule.series().cloned()) else { return Ok(()) };
        let found = tokio::task::spawn_blocking(move || core.memcore.series(pattern)).await;
        let found = found.map_err(|e| Error::new(ErrorKind::Internal, format!("looking for series failed: {e}")))?;
        rule.check_series(found.iter().map(|(series, channel)| (series, channel.quantity)))
    }

    fn say(&self, by: &str, act: Act) {
        self.inner.core.upgrade().into_iter().for_each(|core| core.audit.say(Some(by.to_owned()), act.clone()));
    }
}

impl Inner {
    pub(super) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Moment {
        Moment::of(&*self.clock)
    }

    /// An operator has the rules that come with memcore from when it is first heard of.
    pub(super) async fn welcome(&self, operator: &Name) -> Result<()> {
        if self.desk().operators.contains(operator) {
            return Ok(());
        }
        for rule in super::built_in::rules_of(operator)? {
            let key = (operator.clone(), rule.id().clone());
            if self.desk().rules.contains_key(&key) {
                continue;
            }
            kept::keep_new_rule(&self.records, &rule).await?;
            let now = self.now();
            let mut desk = self.desk();
            desk.rules.insert(key, rule.clone());
            desk.watcher.set_rule(rule, now);
            desk.settle(now);
        }
        self.desk().operators.insert(operator.clone());
        Ok(())
    }

    /// How a notifier went, for people.
    pub(super) async fn note_outcome(&self, operator: &Name, id: &Name, problem: Option<String>) {
        let now = self.now();
        let kept = {
            let mut desk = self.desk();
            let Some(kept) = desk.notifiers.get_mut(&(operator.clone(), id.clone())) else { return };
            if problem.is_none() {
                kept.last_sent = Some(now.wall);
            }
            kept.last_problem = problem;
            kept.clone()
        };
        if let Err(error) = kept::keep_outcome(&self.records, &kept).await {
            tracing::warn!(%error, "how a notifier went is not kept");
        }
    }
}

fn count<'a>(alarms: impl Iterator<Item = &'a Alarm>) -> AlarmCounts {
    alarms.fold(AlarmCounts::default(), |mut counts, alarm| {
        match alarm.severity {
            Severity::Critical => counts.critical += 1,
            Severity::Warning => counts.warning += 1,
            Severity::Info => counts.info += 1,
        }
        counts
    })
}

/// # Errors
/// [`Invalid`](ErrorKind::Invalid) for a note that is too long.
pub(super) fn check_note(note: Option<&str>) -> Result<()> {
    let count = note.map_or(0, |note| note.chars().count());
    if count <= NOTE_MAX {
        return Ok(());
    }
    Err(Error::invalid(format!("note has {count} characters, expected at most {NOTE_MAX}")))
}

pub(super) fn no_alarm(id: &Name) -> Error {
    Error::not_found(format!("alarm {id} is not known"))
}

/// What a test message tells.
pub(super) fn trial(kept: &KeptNotifier, now: Moment) -> Bundle {
    let id = kept.id.clone();
    let alarm = Alarm {
        id: id.clone(),
        operator: kept.operator.clone(),
        rule: id.clone(),
        rule_name: format!("Test of {}", kept.settings.name()),
        kind: WatchSettings::StoreReadOnly {}.kind().into(),
        severity: Severity::Info,
        site: None,
        subject: "server".into(),
        state: AlarmState::Raised,
        value: None,
        limit: None,
        unit: None,
        message: "This is a test: nothing is wrong.".into(),
        raised: now.wall,
        last_raised: now.wall,
        count: 1,
        cleared: None,
        acknowledged: None,
    };
    let notes = vec![Note { what: Telling::Raised, alarm }];
    Bundle { operator: kept.operator.clone(), notifier: id, number: 0, notes, more: 0 }
}

/// What becomes of the alarms of an operator, or of all of them, as it happens.
#[derive(Debug)]
pub struct AlarmUpdates {
    operator: Option<Name>,
    receiver: broadcast::Receiver<AlarmChange>,
    lost: u64,
}

impl AlarmUpdates {
    /// The next change; `None` once the server has shut down. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<AlarmChange> {
        loop {
            match self.receiver.recv().await {
                Ok(change) if self.operator.as_ref().is_none_or(|own| change.alarm.operator == *own) => {
                    return Some(change);
                }
                Ok(_) => {}
                Err(broadcast::error::RecvError::Lagged(lost)) => self.lost += lost,
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }

    /// How many changes, of any operator, were dropped because they were not taken in time.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost
    }
}

/// The operator of a server that was never told of one.
pub(super) fn default_operator() -> Result<Name> {
    Name::new(OPERATOR_DEFAULT)
}
