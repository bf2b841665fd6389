//! `memcore events`.

use clap::Args;

use super::{Common, format};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Clock, Name, Span, SystemClock, Timestamp};
use crate::runtime::{EventQuery, StoredEvent, read_events};

/// What there is to know.
const ABOUT: &str = "Beside a running server, what has just happened comes a moment later. Kept are 100,000 events of each operator, and 90 \
days. Kinds: connected, disconnected, rejected, command, reported, quota; of the server itself certificate_reloaded, \
certificate_refused, read_only, writable, control_stalled, control_recovered.";

/// What happened: devices that came and went, commands, what was refused
#[derive(Debug, Args)]
#[command(after_help = ABOUT)]
pub(super) struct EventsCommand {
    /// Of that site
    #[arg(long)]
    of_site: Option<Name>,
    /// Of that operator
    #[arg(long)]
    operator: Option<Name>,
    /// Of that device, by its name at its site
    #[arg(long)]
    device: Option<Name>,
    /// Of that kind; may be given several times
    #[arg(long)]
    kind: Vec<String>,
    /// From that time on, or for so long: 2026-06-21T00:00:00Z, 24h
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Timestamp>,
    /// So many at most, the latest
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    /// JSON lines
    #[arg(long)]
    json: bool,
}

impl EventsCommand {
    pub(super) async fn run(&self, common: &Common) -> Result<u8> {
        let config = common.config(None)?;
        if !config.path.exists() {
            return Err(Error::not_found(format!("{} holds no site", config.path.display())));
        }
        let mut query = EventQuery { limit: self.limit as usize, from: self.since, ..EventQuery::default() };
        (query.operator, query.site, query.device) = (self.operator.clone(), self.of_site.clone(), self.device.clone());
        query.server = self.operator.is_none();
        query.kinds.clone_from(&self.kind);
        let mut events = read_events(&config.path, config.records.url.as_deref(), &query).await?;
        // The latest stands last, where the eye is.
        events.reverse();
        let mut table = format::table(&["time", "event", "device", "details"]);
        for event in &events {
            if self.json {
                format::print(&format::json(event)?)?;
            } else {
                table.add_row(row(event)?);
            }
        }
        if !self.json {
            format::print(&table.to_string())?;
        }
        Ok(0)
    }
}

fn since(text: &str) -> Result<Timestamp> {
    match text.parse::<Span>() {
        Ok(span) => Ok(SystemClock::default().now().saturating_add(Span::from_micros(-span.as_micros()))),
        Err(_) => text.parse(),
    }
}

/// What a kind has beside what all have stands in the last column. Texts of devices are escaped: nothing of them moves a cursor.
fn row(event: &StoredEvent) -> Result<[String; 4]> {
    let value = serde_json::to_value(&event.kind).map_err(|e| Error::new(ErrorKind::Internal, e.to_string()))?;
    let details = value.as_object().into_iter().flatten();
    let details = details.filter(|(name, value)| !["event", "device"].contains(&name.as_str()) && !value.is_null());
    let details = details.map(|(name, value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), |text| text.escape_debug().to_string());
        format!("{name} {text}")
    });
    let device = event.kind.device().map_or("-".into(), ToString::to_string);
    Ok([event.time.to_string(), event.kind.name().to_owned(), device, details.collect::<Vec<_>>().join(", ")])
}
