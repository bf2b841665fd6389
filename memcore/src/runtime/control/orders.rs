//! Orders on their way: from a decision to a leased command, and what becomes of it, confirmed by read-back.
//!
//! A thread of its own issues commands, so that no tick waits for a lock of the store or of the commander.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::control::{CheckedModel, Order};
use crate::error::{Error, Result};
use crate::model::{Command, CommandId, CommandState, SeriesName, Span, Timestamp};
use crate::runtime::commander::{Asked, Origin};
use crate::runtime::commands::CommandTicket;
use crate::runtime::core::Core;

/// An order with the id of its command.
#[derive(Debug, Clone)]
pub(crate) struct Numbered {
    pub(crate) id: CommandId,
    pub(crate) order: Order,
}

impl Numbered {
    /// The command: it is not delivered any more once the next one is due.
    fn command(&self, now: Timestamp) -> Command {
        let Self { id, order } = self.clone();
        let expires = now.saturating_add(Span::from_micros(order.lease.as_micros() / 3).max(Span::from_seconds(1)));
        let (target, value, safety) = (order.target, order.value, order.safety);
        Command { id, target, value, expires, lease: Some(order.lease), fallback: Some(order.fallback), safety }
    }
}

/// What became of an order since it was last asked for.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    pub(crate) order: Order,
    pub(crate) id: CommandId,
    pub(crate) state: CommandState,
}

/// Where orders lie: one place for each channel that takes them. Full-policy: a newer order takes the place of the older.
#[derive(Debug)]
pub(crate) struct Desk {
    places: Mutex<Places>,
    bell: Condvar,
}

#[derive(Debug)]
struct Places {
    channels: Vec<Channel>,
    closing: bool,
}

#[derive(Debug)]
struct Channel {
    target: SeriesName,
    waiting: Option<Numbered>,
    issued: Option<Issued>,
    /// It could not be issued.
    failed: Option<Heard>,
}

#[derive(Debug)]
struct Issued {
    numbered: Numbered,
    ticket: CommandTicket,
    told: Option<CommandState>,
}

impl Desk {
    pub(crate) fn new(model: &CheckedModel) -> Self {
        let setpoints = model.assets().iter().filter_map(|asset| asset.setpoint.as_ref());
        let targets = setpoints.flat_map(|setpoint| [Some(&setpoint.series), setpoint.phases.as_ref()]).flatten();
        let channel = |target: &SeriesName| Channel { target: target.clone(), waiting: None, issued: None, failed: None };
        let channels = targets.map(channel).collect();
        Self { places: Mutex::new(Places { channels, closing: false }), bell: Condvar::new() }
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lays orders down, to be issued at once.
    pub(crate) fn lay(&self, orders: impl IntoIterator<Item = Numbered>) {
        let mut places = self.places();
        for numbered in orders {
            let place = places.channels.iter_mut().find(|channel| channel.target == numbered.order.target);
            if let Some(channel) = place {
                channel.waiting = Some(numbered);
            }
        }
        self.bell.notify_one();
    }

    /// Issues an order now at somebody's wish, in the place of one that waits for the same channel.
    pub(crate) fn issue_now(&self, core: &Core, numbered: Numbered, origin: Origin) -> Result<CommandTicket> {
        let mut places = self.places();
        let target = &numbered.order.target;
        let channel = places.channels.iter_mut().find(|channel| channel.target == *target);
        let channel = channel.ok_or_else(|| Error::not_found(format!("{target} takes no orders")))?;
        channel.waiting = None;
        let ticket = core.issue_directly(Asked { command: numbered.command(core.clock.now()), origin })?;
        channel.issued = Some(Issued { numbered, ticket: ticket.clone(), told: None });
        Ok(ticket)
    }

    /// What has become of orders since the last time.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        let mut heard = Vec::new();
        for channel in &mut self.places().channels {
            heard.extend(channel.failed.take());
            let Some(Issued { numbered, ticket, told }) = &mut channel.issued else { continue };
            let state = ticket.state();
            if told.as_ref() != Some(&state) {
                let Numbered { id, order } = numbered.clone();
                heard.push(Heard { order, id, state: state.clone() });
                *told = Some(state);
            }
        }
        heard
    }

    /// Waits until every order that a device has got has its end, or a while: what waits for an absent one is not waited for.
    pub(crate) fn settle(&self, longest: Duration) {
        let late = Instant::now() + longest;
        let under_way = |channel: &Channel| {
            let state = channel.issued.as_ref().map(|issued| issued.ticket.state());
            matches!(state, Some(CommandState::Sent | CommandState::Accepted))
        };
        while self.places().channels.iter().any(under_way) && Instant::now() < late {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn close(&self) {
        self.places().closing = true;
        self.bell.notify_all();
    }

    /// The issuing thread.
    pub(crate) fn issue(self: Arc<Self>, core: &Weak<Core>) {
        while let Some(waiting) = self.next() {
            for numbered in waiting {
                let Some(core) = core.upgrade() else { return };
                let issued = core.order(numbered.command(core.clock.now()));
                self.issued(numbered, issued);
            }
        }
    }

    /// What waits; none once it is closed and nothing waits any more.
    fn next(&self) -> Option<Vec<Numbered>> {
        let mut places = self.places();
        loop {
            let waiting: Vec<_> = places.channels.iter_mut().filter_map(|channel| channel.waiting.take()).collect();
            match waiting.is_empty() {
                false => return Some(waiting),
                true if places.closing => return None,
                true => {}
            }
            // A server whose plug was pulled rings no bell.
            let waited = self.bell.wait_timeout(places, Duration::from_secs(1));
            places = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn issued(&self, numbered: Numbered, issued: Result<CommandTicket>) {
        let mut places = self.places();
        let place = places.channels.iter_mut().find(|channel| channel.target == numbered.order.target);
        let Some(channel) = place else { return };
        match issued {
            Ok(ticket) => channel.issued = Some(Issued { numbered, ticket, told: None }),
            Err(error) => {
                let state = CommandState::Refused { code: error.code().into(), reason: error.message().to_owned() };
                let Numbered { id, order } = numbered;
                channel.failed = Some(Heard { order, id, state });
            }
        }
    }
}
