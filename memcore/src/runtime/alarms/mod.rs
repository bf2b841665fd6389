//! Alarms at run time: rules and alarms in the records, what devices say fed to them, those told who are to know.

mod balance;
mod built_in;
mod config;
mod courier;
mod desk;
mod face;
mod follow;
mod guard;
mod kept;
mod local;
mod mail;
mod webhook;

use std::sync::Arc;

pub use config::{AlarmsConfig, SmtpConfig, SmtpTls};
pub use face::{AlarmCounts, AlarmList, AlarmStats, AlarmUpdates, Alarms};
pub(crate) use follow::Watching;
pub use kept::AlarmQuery;
pub(crate) use local::{AlarmRequest, AlarmResponse, ListedRule, answer, ask};

use self::courier::{Courier, pace};
use self::desk::Desk;
use super::core::Core;
use crate::alarms::{Moment, Watcher};
use crate::error::Result;

/// Goes on with the alarms that stand in the records, and begins to watch.
///
/// # Errors
/// As the records; [`Invalid`](crate::ErrorKind::Invalid) for a section `[alarms]` that says what makes no sense.
pub(super) async fn start(core: &Arc<Core>, config: &AlarmsConfig) -> Result<Watching> {
    config.check()?;
    let records = &core.records;
    let open = kept::open_alarms(records).await?;
    let now = Moment::of(&*core.clock);
    let mut desk = Desk::new(Watcher::resuming(open.iter().map(|(alarm, _)| alarm.clone())));
    for notifier in kept::notifiers(records).await? {
        let key = (notifier.operator.clone(), notifier.id.clone());
        desk.herald.set_notifier(&key.0, &key.1, pace(&notifier.settings), notifier.settings.enabled());
        desk.notifiers.insert(key, notifier);
    }
    for rule in kept::rules(records).await? {
        desk.rules.insert((rule.operator().clone(), rule.id().clone()), rule.clone());
        desk.watcher.set_rule(rule, now);
    }
    for (alarm, owed) in &open {
        if let Some(rule) = desk.watcher.rule_of(alarm).cloned() {
            desk.herald.resume(alarm, &rule, owed, now);
        }
    }
    let alarms = Alarms::new(desk, Courier::new(config)?, core);
    alarms.inner.welcome(&face::default_operator()?).await?;
    let _ = core.alarms.set(alarms.clone());
    Ok(Watching::start(alarms, core, config.keep))
}

impl Core {
    /// The alarms, which a server opens before anybody has its core.
    pub(crate) fn alarms(&self) -> Alarms {
        match self.alarms.get() {
            Some(alarms) => alarms.clone(),
            None => unreachable!("a server that started has its alarms"),
        }
    }
}

#[cfg(test)]
mod tests;
