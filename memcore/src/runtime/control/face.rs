//! Control on the server's handle.

use std::time::Duration;

use tokio::sync::broadcast;

use super::actors::ForeignActor;
use super::log::ControlEvent;
use super::said::said_time;
use super::snapshot::Snapshot;
use super::status::{ControlStatus, PlanFollowed};
use super::steer::Control;
use super::why::{Explanation, time_zone};
use crate::control::{Proposal, ProposalId, Target};
use crate::error::{Error, Result};
use crate::model::{Name, Span, Timestamp};
use crate::runtime::commands::PROGRAM;
use crate::runtime::server::ServerHandle;

/// Control of a site, as a server's handle has it.
impl ServerHandle {
    fn control(&self) -> Result<&std::sync::Arc<Control>> {
        self.core.control()
    }

    /// Takes a wish in. It is decided about with the next tick, and stands until its time is over or it is withdrawn.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid), naming the field, its value and what was expected;
    /// [`NotFound`](crate::ErrorKind::NotFound) where the server controls nothing.
    pub fn propose(&self, proposal: Proposal) -> Result<ProposalId> {
        self.control()?.propose(proposal)
    }

    /// Takes back what an actor wished for a target, or for all of them, and says how many wishes stood.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) where the server controls nothing.
    pub fn withdraw(&self, actor: &Name, target: Option<&Target>) -> Result<usize> {
        self.control()?.withdraw(actor, target)
    }

    /// Adds an actor of the program's own. Every `every` it is shown the site and says what it wishes for, in a thread of its own.
    /// An answer that takes longer than `budget` is dropped, and one that overruns or fails again and again is asked ever more rarely.
    /// It delays nobody. What it wished for stands until its time is over.
    ///
    /// # Errors
    /// [`Conflict`](crate::ErrorKind::Conflict) where the name is taken, [`LimitReached`](crate::ErrorKind::LimitReached) for more than
    /// 64, [`Invalid`](crate::ErrorKind::Invalid) for a budget of nothing; [`NotFound`](crate::ErrorKind::NotFound) where the server
    /// controls nothing.
    pub fn add_actor(
        &self,
        name: &Name,
        every: Span,
        budget: Span,
        think: impl FnMut(Snapshot) -> Result<Vec<Proposal>> + Send + 'static,
    ) -> Result<()> {
        let (name, every, budget): (_, Duration, Duration) = (name.clone(), every.to_duration(), budget.to_duration());
        self.control()?.add_actor(ForeignActor { name, every, budget, think: Box::new(think) })
    }

    /// Ends an actor of the program's own, with its wishes. What it is thinking about now is dropped.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) where no such actor was added.
    pub fn remove_actor(&self, name: &Name) -> Result<()> {
        self.control()?.remove_actor(name)
    }

    /// The operator and the site that this server controls, where it controls one.
    #[must_use]
    pub fn controlled_site(&self) -> Option<(Name, Name)> {
        let model = self.core.control.get()?.model.model();
        Some((model.operator.clone(), model.site.clone()))
    }

    /// How control is: what is measured and decided of every asset, who acts, what is wrong.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) where the server controls nothing,
    /// [`Timeout`](crate::ErrorKind::Timeout) where a decision hangs.
    pub fn control_status(&self) -> Result<ControlStatus> {
        self.control()?.status()
    }

    /// What was decided of an asset at a time, and why: `battery`, or a series of it such as `home1.battery.power`. It reads files: not
    /// to be called where others must not wait.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) for what is not controlled, [`Io`](crate::ErrorKind::Io) where the decision log cannot
    /// be read.
    pub fn why(&self, asked: &str, at: Timestamp) -> Result<Explanation> {
        self.control()?.why(asked, at)
    }

    /// As [`why`](Self::why), at a time as people of the site say it: `14:05` (the last one), `2026-06-21 14:05`, an instant with its
    /// zone, or so long ago, `10m`.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for what is no time, and as [`why`](Self::why).
    pub fn why_at(&self, asked: &str, said: &str) -> Result<Explanation> {
        let control = self.control()?;
        control.why(asked, said_time(said, control.moment().wall, &time_zone(&control.model.model().zone))?)
    }

    /// Pauses control, or lets it go on, and says whether that changed anything. While it is paused it orders nothing: leases end, or
    /// what is safe is told at once where `control.on_stop` says so. It stays paused over a restart. It waits for the disk.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) where the server controls nothing, [`Io`](crate::ErrorKind::Io) where that cannot be
    /// written down: then nothing has changed.
    pub fn set_control_enabled(&self, enabled: bool) -> Result<bool> {
        self.core.enable_control(enabled, PROGRAM.to_owned())
    }

    /// As [`set_control_enabled`](Self::set_control_enabled), at the wish of one who stands in the audit trail.
    #[cfg(feature = "rest")]
    pub(crate) fn set_control_enabled_by(&self, enabled: bool, by: String) -> Result<bool> {
        self.core.enable_control(enabled, by)
    }

    /// Takes in the wish of somebody who stands in the audit trail and speaks for himself alone: in the name of no strategy and of no
    /// actor of the program's own.
    #[cfg(feature = "rest")]
    pub(crate) fn propose_as_person(&self, proposal: Proposal, by: String) -> Result<ProposalId> {
        self.control()?.check_is_free(&proposal.actor)?;
        self.core.propose_by(proposal, by)
    }

    /// As [`withdraw`](Self::withdraw), at the wish of one who stands in the audit trail.
    #[cfg(feature = "rest")]
    pub(crate) fn withdraw_by(&self, actor: &Name, target: Option<&Target>, by: String) -> Result<usize> {
        self.core.withdraw_by(actor, target, by)
    }

    /// The plan that is followed, with why it was made; none where no plan holds.
    ///
    /// # Errors
    /// As [`control_status`](Self::control_status).
    pub fn plan_followed(&self) -> Result<Option<PlanFollowed>> {
        self.control()?.plan_followed()
    }

    /// Follows what control does, from now on: decisions that change, answers of devices, faults.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) where the server controls nothing.
    pub fn control_events(&self) -> Result<ControlEvents> {
        Ok(ControlEvents { events: self.control()?.events.subscribe(), lost: 0 })
    }
}

/// What control does, as it happens. What a slow one does not take in time is dropped, oldest first, and counted.
#[derive(Debug)]
pub struct ControlEvents {
    events: broadcast::Receiver<ControlEvent>,
    lost: u64,
}

impl ControlEvents {
    /// The next event; none once the server has shut down. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<ControlEvent> {
        loop {
            match self.events.recv().await {
                Ok(event) => return Some(event),
                Err(broadcast::error::RecvError::Lagged(lost)) => self.lost += lost,
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }

    /// How many events were dropped because they were not taken in time.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost
    }
}

pub(crate) fn none_controlled() -> Error {
    Error::not_found(
        "this server controls no site: expected a site model, `control.toml` in the site's folder or `control.model`",
    )
}
