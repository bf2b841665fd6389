//! Commands as they are listed: what users asked for, at which wish, and what became of it.

use serde::Serialize;

use super::commander::{Asked, Listed, Part};
use super::core::Core;
use super::server::ServerHandle;
use crate::error::{Error, Result};
use crate::model::{CommandId, CommandState, Name, Pattern, SeriesName, Span, Timestamp};

/// Commands that are looked at while nobody can issue one.
const LOOKED_AT: usize = 1024;

/// Which commands, the newest first.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CommandQuery {
    /// Of that operator.
    pub operator: Option<Name>,
    /// Of that site, of whichever operator.
    pub site: Option<Name>,
    /// To series that match.
    pub series: Pattern,
    /// In one of those states, by their names: `queued`, `done`, ... All where there is none.
    pub states: Vec<String>,
    /// Issued then or later.
    pub since: Option<Timestamp>,
    /// Older than that command.
    pub before: Option<CommandId>,
    /// So many at most; 100 unless told.
    pub limit: usize,
}

impl Default for CommandQuery {
    fn default() -> Self {
        let (operator, site, since, before) = (None, None, None, None);
        Self { operator, site, series: Pattern::all(), states: Vec::new(), since, before, limit: 100 }
    }
}

impl CommandQuery {
    /// The commands to series that match.
    #[must_use]
    pub fn new(series: impl Into<Pattern>) -> Self {
        Self { series: series.into(), ..Self::default() }
    }

    /// Those of a site.
    #[must_use]
    pub fn at(mut self, operator: Name, site: Name) -> Self {
        (self.operator, self.site) = (Some(operator), Some(site));
        self
    }

    /// So many at most.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    fn selects(&self, asked: &Asked, state: &CommandState) -> bool {
        let in_time = self.since.is_none_or(|since| asked.origin.issued.is_some_and(|issued| issued >= since));
        let in_state = self.states.is_empty() || self.states.iter().any(|name| name == state.name());
        in_time && in_state && self.series.matches(&asked.command.target)
    }

    fn selects_site(&self, (operator, site): &(Name, Name)) -> bool {
        let is = |wanted: &Option<Name>, have: &Name| wanted.as_ref().is_none_or(|wanted| wanted == have);
        is(&self.operator, operator) && is(&self.site, site)
    }
}

/// A command that somebody gave, and what became of it. Values are in the base unit of the channel's quantity and in passive sign.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CommandRecord {
    /// Its identity.
    pub id: CommandId,
    /// The channel.
    pub target: SeriesName,
    /// What was asked for.
    pub value: f64,
    /// How long it holds at the device.
    #[serde(rename = "lease_us")]
    pub lease: Option<Span>,
    /// What holds after the lease.
    pub fallback: Option<f64>,
    /// For safety.
    pub safety: bool,
    /// It is never delivered after this.
    #[serde(rename = "expires_us")]
    pub expires: Timestamp,
    /// At whose wish.
    pub by: String,
    /// When it was issued; none of what an early version wrote down.
    #[serde(rename = "issued_us")]
    pub issued: Option<Timestamp>,
    /// How far it is.
    #[serde(flatten)]
    pub state: CommandState,
    /// When it ended.
    #[serde(rename = "ended_us")]
    pub ended: Option<Timestamp>,
    /// It is the last that was done on its channel: what it says holds there, as far as the server knows.
    pub stands: bool,
    /// When its lease ends at the latest; none unless it stands and has one.
    #[serde(rename = "lease_ends_us")]
    pub lease_ends: Option<Timestamp>,
    /// What control made of it, where it steers the channel.
    pub wish: Option<CommandWish>,
}

/// What control made of a command to a channel that it steers: a wish.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CommandWish {
    /// What was ordered in its place.
    pub ordered: f64,
    /// How long that order holds. Control renews it while the wish stands.
    #[serde(rename = "lease_us")]
    pub lease: Option<Span>,
    /// Until when the wish stands, unless it is withdrawn.
    #[serde(rename = "until_us")]
    pub until: Timestamp,
    /// For people: what limits it.
    pub note: Option<String>,
}

impl From<Listed> for CommandRecord {
    fn from(listed: Listed) -> Self {
        let Listed { asked: Asked { command, origin }, state, ended, stands, .. } = listed;
        let (mut value, mut lease, mut fallback) = (command.value, command.lease, command.fallback);
        let wish = origin.wish.map(|wish| {
            let made = CommandWish { ordered: value, lease, until: wish.until, note: origin.note };
            (value, lease, fallback) = (wish.value, wish.lease, wish.fallback);
            made
        });
        let lease_ends = ended.zip(lease).filter(|_| stands && wish.is_none());
        Self {
            id: command.id,
            target: command.target,
            value,
            lease,
            fallback,
            safety: command.safety,
            expires: command.expires,
            by: origin.by,
            issued: origin.issued,
            state,
            ended,
            stands,
            lease_ends: lease_ends.map(|(ended, lease)| ended.saturating_add(lease)),
            wish,
        }
    }
}

impl ServerHandle {
    /// Commands that users gave, the newest first, as far as the server remembers them: all without an end and the last 65,536 that
    /// have one. What control orders by itself stands in its decision log.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for a state that is none.
    pub fn commands(&self, query: &CommandQuery) -> Result<Vec<CommandRecord>> {
        const STATES: [&str; 7] = ["queued", "sent", "accepted", "done", "refused", "expired", "unknown"];
        if let Some(state) = query.states.iter().find(|state| !STATES.contains(&state.as_str())) {
            return Err(Error::invalid(format!("state is {state:?}, expected one of {}", STATES.join(", "))));
        }
        Ok(list(&self.core, query))
    }

    /// A command that somebody gave, as it is now.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) where it is not known, or was forgotten.
    pub fn command_record(&self, id: &CommandId) -> Result<CommandRecord> {
        let listed = self.core.listed(id).ok_or_else(|| Error::not_found(format!("command {id} is not known")))?;
        Ok(listed.into())
    }
}

fn list(core: &Core, query: &CommandQuery) -> Vec<CommandRecord> {
    let before = match &query.before {
        // What is forgotten was the oldest: nothing comes before it.
        Some(id) => match core.listed(id) {
            Some(listed) => Some(listed.number),
            None => return Vec::new(),
        },
        None => None,
    };
    let sites = core.look(|commander| commander.sites());
    let mut found: Vec<Listed> = Vec::new();
    for site in sites.iter().filter(|site| query.selects_site(site)) {
        let (mut of_site, mut before) = (Vec::new(), before);
        while of_site.len() < query.limit {
            let Part { listed, next } =
                core.look(|commander| commander.part(site, before, LOOKED_AT, |asked, state| query.selects(asked, state)));
            of_site.extend(listed);
            if next.is_none() {
                break;
            }
            before = next;
        }
        found.extend(of_site);
    }
    found.sort_by_key(|listed| std::cmp::Reverse(listed.number));
    found.truncate(query.limit);
    found.into_iter().map(CommandRecord::from).collect()
}
