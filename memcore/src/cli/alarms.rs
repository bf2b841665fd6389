//! `memcore alarms`: beside a running server, and of a site whose server is stopped.

use clap::Subcommand;

use super::{Common, format};
use crate::alarms::{Alarm, Notifier, Severity, Way};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Clock, Name, SystemClock};
use crate::runtime::{AlarmQuery, AlarmRequest, AlarmResponse, ListedRule, ask_alarms};

#[derive(Debug, Subcommand)]
pub(super) enum Alarms {
    /// List alarms, the newest first: those that hold, unless told
    List {
        /// Those that were cleared, too
        #[arg(long)]
        all: bool,
        /// Only those as bad as that: info, warning, critical
        #[arg(long, value_parser = severity)]
        severity: Option<Severity>,
        /// Only those of that site
        #[arg(long)]
        of_site: Option<Name>,
        /// So many at most
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
        #[command(flatten)]
        shown: Shown,
    },
    /// Take note of an alarm: nobody is reminded of it any more
    Ack {
        /// Its id, as `memcore alarms list` shows it
        alarm: Name,
        /// What there is to say
        #[arg(long)]
        note: Option<String>,
        #[command(flatten)]
        shown: Shown,
    },
    /// List the rules that raise alarms
    Rules {
        #[command(flatten)]
        shown: Shown,
    },
    /// List who is told, and how it went; with an id, tell them a test message now
    Test {
        /// The id of the notifier
        notifier: Option<Name>,
        #[command(flatten)]
        shown: Shown,
    },
}

/// Whose, and how it is printed.
#[derive(Debug, clap::Args)]
pub(super) struct Shown {
    /// The operator
    #[arg(long, default_value = crate::model::OPERATOR_DEFAULT)]
    operator: Name,
    /// JSON lines instead of a table
    #[arg(long)]
    json: bool,
}

impl Alarms {
    pub(super) async fn run(&self, common: &Common) -> Result<u8> {
        let config = common.config(None)?;
        let (shown, asked) = self.asked();
        let answer = ask_alarms(&config, shown.operator.clone(), asked).await?;
        match (self, answer) {
            (Self::List { .. }, AlarmResponse::Alarms(alarms)) => list(&alarms, shown.json),
            (Self::Ack { .. }, AlarmResponse::Alarm(alarm)) => acknowledged(&alarm, shown.json),
            (Self::Rules { .. }, AlarmResponse::Rules(rules)) => list_rules(&rules, shown.json),
            (Self::Test { .. }, AlarmResponse::Notifiers(notifiers)) => list_notifiers(&notifiers, shown.json),
            (Self::Test { .. }, AlarmResponse::Tested { problem }) => tested(problem.as_deref(), shown.json),
            _ => Err(Error::new(ErrorKind::Connection, "the server of another version gave no answer to that")),
        }
    }

    fn asked(&self) -> (&Shown, AlarmRequest) {
        match self {
            Self::List { all, severity, of_site, limit, shown } => {
                let (open, severity, site, limit) = (!all, *severity, of_site.clone(), *limit as usize);
                (shown, AlarmRequest::List(AlarmQuery { open, severity, site, limit, ..AlarmQuery::default() }))
            }
            Self::Ack { alarm, note, shown } => {
                (shown, AlarmRequest::Acknowledge { alarm: alarm.clone(), note: note.clone() })
            }
            Self::Rules { shown } => (shown, AlarmRequest::Rules),
            Self::Test { notifier: None, shown } => (shown, AlarmRequest::Notifiers),
            Self::Test { notifier: Some(notifier), shown } => (shown, AlarmRequest::Test { notifier: notifier.clone() }),
        }
    }
}

fn list(alarms: &[Alarm], json: bool) -> Result<u8> {
    if json {
        return lines(alarms);
    }
    if alarms.is_empty() {
        format::print("nothing is wrong, as far as rules say")?;
        return Ok(0);
    }
    let now = SystemClock::default().now();
    let mut table = format::table(&["id", "severity", "state", "since", "about", "what"]);
    for alarm in alarms {
        let Alarm { id, severity, state, raised, subject, message, count, .. } = alarm;
        let often = if *count > 1 { format!(" ({count} times)") } else { String::new() };
        let (severity, state, what) = (severity.name(), state.name(), format!("{message}{often}"));
        table.add_row([id.as_str(), severity, state, &format::ago(now, *raised), subject, &what]);
    }
    format::print(&table.to_string())?;
    Ok(0)
}

fn acknowledged(alarm: &Alarm, json: bool) -> Result<u8> {
    if json {
        return lines(std::slice::from_ref(alarm));
    }
    let by = alarm.acknowledged.as_ref().map_or("nobody", |taken| taken.by.as_str());
    format::print(&format!("{} is {}; {by} has taken note", alarm.id, alarm.state.name()))?;
    Ok(0)
}

fn list_rules(rules: &[ListedRule], json: bool) -> Result<u8> {
    if json {
        return lines(rules);
    }
    let mut table = format::table(&["id", "name", "severity", "watches", "on", "tells"]);
    for ListedRule { id, settings, .. } in rules {
        let on = if settings.enabled { "yes" } else { "no" };
        let tells = settings.notify.iter().map(Name::as_str).collect::<Vec<_>>().join(" ");
        let row = [id.as_str(), &settings.name, settings.severity.name(), settings.watch.kind(), on, &tells];
        table.add_row(row);
    }
    format::print(&table.to_string())?;
    Ok(0)
}

fn list_notifiers(notifiers: &[Notifier], json: bool) -> Result<u8> {
    if json {
        return lines(notifiers);
    }
    if notifiers.is_empty() {
        format::print("nobody is told of alarms: notifiers are made over REST or on the page")?;
        return Ok(0);
    }
    let mut table = format::table(&["id", "name", "to", "on", "last told", "problem"]);
    for notifier in notifiers {
        let to = match &notifier.way {
            Way::Email { to } => to.join(" "),
            Way::Webhook { .. } => "webhook".to_owned(),
        };
        let told = notifier.last_sent.map_or("never".to_owned(), |time| time.to_string());
        let on = if notifier.enabled { "yes" } else { "no" };
        let problem = notifier.last_problem.as_deref().unwrap_or_default();
        table.add_row([notifier.id.as_str(), &notifier.name, &to, on, &told, problem]);
    }
    format::print(&table.to_string())?;
    Ok(0)
}

/// Exit code 1 where nobody was told: a script is to see it.
fn tested(problem: Option<&str>, json: bool) -> Result<u8> {
    let text = match problem {
        _ if json => serde_json::json!({"sent": problem.is_none(), "problem": problem}).to_string(),
        None => "told: see whether it arrived".to_owned(),
        Some(problem) => format!("not told: {problem}"),
    };
    format::print(&text)?;
    Ok(u8::from(problem.is_some()))
}

fn lines<T: serde::Serialize>(items: &[T]) -> Result<u8> {
    for item in items {
        format::print(&format::json(item)?)?;
    }
    Ok(0)
}

fn severity(text: &str) -> Result<Severity> {
    [Severity::Info, Severity::Warning, Severity::Critical]
        .into_iter()
        .find(|severity| severity.name() == text)
        .ok_or_else(|| Error::invalid(format!("severity is {text:?}, expected info, warning or critical")))
}
