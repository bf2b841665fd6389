//! What is wrong at the moment, and what is to come.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::scenario::Event;
use crate::control::Proposal;
use crate::control::{Actor, View};
use crate::model::{Name, Span, Timestamp};

/// Events in the order of their times: which begin and which end.
pub(super) struct Agenda {
    /// When, which event, whether it begins.
    turns: Vec<(Timestamp, usize, bool)>,
    next: usize,
}

impl Agenda {
    pub(super) fn new(events: &[Event]) -> Self {
        let mut turns = Vec::new();
        for (place, event) in events.iter().enumerate() {
            turns.push((event.at, place, true));
            turns.extend(event.until.map(|until| (until, place, false)));
        }
        // What ends at a time ends before something else begins at it.
        turns.sort();
        Self { turns, next: 0 }
    }

    /// The next event that begins (or ends) by that time.
    pub(super) fn due(&mut self, now: Timestamp) -> Option<(usize, bool)> {
        let (_, place, begins) = *self.turns.get(self.next).filter(|(at, ..)| *at <= now)?;
        self.next += 1;
        Some((place, begins))
    }
}

/// What is wrong with an asset's reports and its link.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct AssetFault {
    pub(super) frozen: bool,
    pub(super) silent: bool,
    pub(super) link_lost: bool,
}

/// What is wrong with the whole site.
#[derive(Debug, Clone, Default)]
pub(super) struct SiteFault {
    pub(super) power_cut: bool,
    /// How far the wall clock of the server is off.
    pub(super) wall_offset: Span,
}

/// An actor that can be stuck. What it wished for before stands until its time is over, as with one in a thread of its own.
pub(super) struct Hangable {
    actor: Box<dyn Actor>,
    hangs: Arc<AtomicBool>,
}

impl Hangable {
    pub(super) fn new(actor: Box<dyn Actor>) -> (Self, Name, Arc<AtomicBool>) {
        let (name, hangs) = (actor.name().clone(), Arc::new(AtomicBool::new(false)));
        (Self { actor, hangs: hangs.clone() }, name, hangs)
    }
}

impl Actor for Hangable {
    fn name(&self) -> &Name {
        self.actor.name()
    }

    fn every(&self) -> Span {
        self.actor.every()
    }

    fn propose(&mut self, view: &View<'_>) -> Vec<Proposal> {
        if self.hangs.load(Ordering::Relaxed) { Vec::new() } else { self.actor.propose(view) }
    }
}
