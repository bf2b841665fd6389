//! Alarms for the command line: beside a running server through its local socket, and of a site whose server is stopped out of its
//! records.

use serde::{Deserialize, Serialize};

use super::courier::Courier;
use super::face::{Alarms, check_note, no_alarm, trial};
use super::kept::{self, AlarmQuery, KeptNotifier};
use crate::alarms::{Acknowledgement, Alarm, Moment, Notifier, Rule, RuleSettings};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Clock, Name, SystemClock};
use crate::records::Records;
use crate::runtime::audit::{Act, say_once};
use crate::runtime::config::Config;
use crate::runtime::local_socket::LocalClient;

/// What a local client asks of alarms.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum AlarmRequest {
    /// Which there are, the newest first.
    List(AlarmQuery),
    /// Take note of one.
    Acknowledge { alarm: Name, note: Option<String> },
    /// The rules.
    Rules,
    /// The notifiers.
    Notifiers,
    /// Tell a test message.
    Test { notifier: Name },
}

/// What is answered.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AlarmResponse {
    Alarms(Vec<Alarm>),
    Alarm(Box<Alarm>),
    Rules(Vec<ListedRule>),
    Notifiers(Vec<Notifier>),
    Tested { problem: Option<String> },
}

/// A rule, for lists.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ListedRule {
    pub(crate) id: Name,
    pub(crate) built_in: bool,
    pub(crate) settings: RuleSettings,
}

impl From<Rule> for ListedRule {
    fn from(rule: Rule) -> Self {
        Self { id: rule.id().clone(), built_in: rule.is_built_in(), settings: rule.settings().clone() }
    }
}

/// Asks the server that runs on a site; where none does, the site's records.
///
/// # Errors
/// [`NotFound`](ErrorKind::NotFound) for what is not known, [`Connection`](ErrorKind::Connection) where there is neither a server nor
/// records, and as the records.
pub(crate) async fn ask(config: &Config, operator: Name, asked: AlarmRequest) -> Result<AlarmResponse> {
    match LocalClient::of(&config.path).alarms(operator.clone(), asked.clone()).await {
        Err(e) if e.kind() == ErrorKind::Connection => {
            let kept = config.records.url.is_some() || config.path.join("records.sqlite").exists();
            if kept { of_records(config, &operator, asked).await } else { Err(e) }
        }
        answered => answered,
    }
}

/// What a running server answers; `by` is who asks.
pub(crate) async fn answer(alarms: &Alarms, operator: &Name, asked: AlarmRequest, by: &str) -> Result<AlarmResponse> {
    match asked {
        AlarmRequest::List(query) => Ok(AlarmResponse::Alarms(alarms.list(operator, &query).await?.items)),
        AlarmRequest::Acknowledge { alarm, note } => {
            Ok(AlarmResponse::Alarm(Box::new(alarms.acknowledge(operator, &alarm, by, note).await?)))
        }
        AlarmRequest::Rules => Ok(AlarmResponse::Rules(alarms.rules(operator).into_iter().map(ListedRule::from).collect())),
        AlarmRequest::Notifiers => Ok(AlarmResponse::Notifiers(alarms.notifiers(operator))),
        AlarmRequest::Test { notifier } => {
            Ok(AlarmResponse::Tested { problem: alarms.test_notifier(operator, &notifier).await? })
        }
    }
}

async fn of_records(config: &Config, operator: &Name, asked: AlarmRequest) -> Result<AlarmResponse> {
    let records = Records::open(&config.path, config.records.url.as_deref()).await?;
    let answered = out_of(&records, config, operator, asked).await;
    records.close().await;
    answered
}

async fn out_of(records: &Records, config: &Config, operator: &Name, asked: AlarmRequest) -> Result<AlarmResponse> {
    match asked {
        AlarmRequest::List(query) => {
            let limit = if query.limit == 0 { 100 } else { query.limit };
            Ok(AlarmResponse::Alarms(kept::alarms(records, operator, &query, limit).await?))
        }
        AlarmRequest::Acknowledge { alarm, note } => {
            Ok(AlarmResponse::Alarm(Box::new(acknowledge(records, config, (operator, &alarm), note).await?)))
        }
        AlarmRequest::Rules => {
            let rules = kept::rules(records).await?.into_iter().filter(|rule| rule.operator() == operator);
            Ok(AlarmResponse::Rules(rules.map(ListedRule::from).collect()))
        }
        AlarmRequest::Notifiers => {
            let notifiers = notifiers_of(records, operator).await?;
            Ok(AlarmResponse::Notifiers(notifiers.iter().map(|kept| kept.answered(0)).collect()))
        }
        AlarmRequest::Test { notifier } => {
            let found = notifiers_of(records, operator).await?.into_iter().find(|kept| kept.id == notifier);
            let kept = found.ok_or_else(|| Error::not_found(format!("notifier {notifier} is not known")))?;
            let delivery = format!("test-{}", crate::gateway::random_hex::<8>()?);
            let now = Moment::of(&SystemClock::default());
            let sent = Courier::new(&config.alarms)?.send(&kept.settings, &trial(&kept, now), &delivery, now.wall).await;
            Ok(AlarmResponse::Tested { problem: sent.err().map(|failure| failure.why) })
        }
    }
}

/// Takes note of an alarm while no server runs.
async fn acknowledge(
    records: &Records,
    config: &Config,
    (operator, id): (&Name, &Name),
    note: Option<String>,
) -> Result<Alarm> {
    check_note(note.as_deref())?;
    let (mut alarm, owed) = kept::alarm(records, operator, id).await?.ok_or_else(|| no_alarm(id))?;
    let (now, by) = (SystemClock::default().now(), format!("uid {}", rustix::process::getuid().as_raw()));
    if alarm.take_note(Acknowledgement { by, at: now, note }) {
        kept::keep_alarms(records, &[(alarm.clone(), owed)]).await?;
        let act = Act::AlarmAcknowledged { operator: operator.clone(), alarm: id.clone() };
        let said = say_once(&config.path, config.audit.max_size, now, vec![act]);
        said.map_err(|e| e.context("it is done, but does not stand in the audit trail"))?;
    }
    Ok(alarm)
}

async fn notifiers_of(records: &Records, operator: &Name) -> Result<Vec<KeptNotifier>> {
    let all = kept::notifiers(records).await?;
    Ok(all.into_iter().filter(|kept| kept.operator == *operator).collect())
}
