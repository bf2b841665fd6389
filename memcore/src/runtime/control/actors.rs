//! Actors that may fail: built-in ones, whose panic is theirs alone, and those of the program, each in a thread of its own.
//!
//! A foreign actor gets a snapshot and has a budget of time. One that overruns it is not asked again until it returns, what it wished
//! for before lapses by its validity, what it answers late is dropped, and who overruns or fails again and again is asked ever more
//! rarely. Nothing ever waits for it.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use super::snapshot::Snapshot;
use super::status::ActorStatus;
use super::steer::Control;
use crate::control::{Actor, Moment, Proposal, View};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Name, Span};

/// Actors of the program's own, each with a thread. Full-policy: the next is refused.
const ACTORS_MAX: usize = 64;

/// Proposals in one answer. Full-policy: those beyond are refused and counted.
const PROPOSALS_MAX: usize = 64;

/// The longest that an actor that fails is left alone.
const SUSPENDED_LONGEST: Duration = Duration::from_secs(300);

/// Names that are no actor's of the program.
pub(super) const PERSON: &str = "person";

/// What is wrong with actors, by their names.
#[derive(Debug, Default)]
pub(crate) struct ActorFaults(Mutex<BTreeMap<Name, Option<String>>>);

impl ActorFaults {
    pub(super) fn set(&self, actor: &Name, fault: Option<String>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(actor.clone(), fault);
    }

    /// What has come or gone since the last time.
    pub(super) fn take(&self) -> BTreeMap<Name, Option<String>> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// How long one is left alone that has failed so many times in a row.
fn suspension(failures: u32) -> Duration {
    Duration::from_secs(1).saturating_mul(1 << failures.clamp(1, 10).saturating_sub(1)).min(SUSPENDED_LONGEST)
}

/// What a panic said.
fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no reason given")
}

/// A built-in actor whose panic is caught: it is suspended for a while, and the others are asked all the same.
pub(crate) struct Guarded {
    inner: Box<dyn Actor>,
    faults: Arc<ActorFaults>,
    failures: u32,
    suspended_until: Duration,
}

impl Guarded {
    pub(super) fn around(inner: Box<dyn Actor>, faults: Arc<ActorFaults>) -> Box<dyn Actor> {
        Box::new(Self { inner, faults, failures: 0, suspended_until: Duration::ZERO })
    }
}

impl Actor for Guarded {
    fn name(&self) -> &Name {
        self.inner.name()
    }

    fn every(&self) -> Span {
        self.inner.every()
    }

    fn propose(&mut self, view: &View<'_>) -> Vec<Proposal> {
        if view.now.elapsed < self.suspended_until {
            return Vec::new();
        }
        let inner = &mut self.inner;
        match catch_unwind(AssertUnwindSafe(|| inner.propose(view))) {
            Ok(proposals) => {
                if std::mem::take(&mut self.failures) > 0 {
                    self.faults.set(self.inner.name(), None);
                }
                proposals
            }
            Err(panic) => {
                self.failures += 1;
                let pause = suspension(self.failures);
                self.suspended_until = view.now.elapsed + pause;
                let (name, said) = (self.inner.name(), panic_text(&*panic));
                tracing::error!(actor = %name, said, "an actor panicked");
                let fault = format!("actor {name} failed and is not asked for {} s: {said}", pause.as_secs());
                self.faults.set(name, Some(fault));
                Vec::new()
            }
        }
    }
}

/// What an actor of the program does: it is shown the site, and says what it wishes for.
pub(crate) type Think = Box<dyn FnMut(Snapshot) -> Result<Vec<Proposal>> + Send>;

/// An actor of the program's own.
pub(crate) struct ForeignActor {
    pub(crate) name: Name,
    pub(crate) every: Duration,
    pub(crate) budget: Duration,
    pub(crate) think: Think,
}

/// An actor of the program's own, as control sees it.
#[derive(Debug)]
pub(crate) struct Foreign {
    name: Name,
    every: Duration,
    budget: Duration,
    desk: Mutex<Desk>,
    bell: Condvar,
}

/// What lies between control and the actor's thread. Nobody holds it while the actor thinks.
#[derive(Debug, Default)]
struct Desk {
    question: Option<Snapshot>,
    asked_at: Option<Duration>,
    /// It has overrun: what it answers is too late.
    late: bool,
    next: Duration,
    failures: u32,
    counts: Counts,
    fault: Option<String>,
    ended: bool,
}

#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    asked: u64,
    answered: u64,
    overran: u64,
    refused: u64,
}

impl Foreign {
    /// Starts the actor's thread.
    ///
    /// # Errors
    /// Invalid for a budget of nothing, Conflict for a name that is taken, LimitReached where there are too many.
    pub(super) fn start(control: &Arc<Control>, actor: ForeignActor) -> Result<()> {
        let ForeignActor { name, every, budget, think } = actor;
        if budget.is_zero() {
            return Err(Error::invalid(format!("actor {name}: budget is 0, expected a time in which it can answer")));
        }
        let mut actors = control.actors();
        if name.as_str() == PERSON || control.has_strategy(&name) || actors.iter().any(|actor| actor.name == name) {
            return Err(Error::new(ErrorKind::Conflict, format!("actor {name}: the name is taken")));
        }
        if actors.len() >= ACTORS_MAX {
            return Err(Error::new(ErrorKind::LimitReached, format!("{ACTORS_MAX} actors are there, no more are taken")));
        }
        let foreign = Arc::new(Self { name, every, budget, desk: Mutex::default(), bell: Condvar::new() });
        let (own, control) = (foreign.clone(), Arc::downgrade(control));
        let thread = std::thread::Builder::new().name(format!("memcore-actor-{}", foreign.name));
        thread.spawn(move || own.run(&control, think)).map_err(|e| Error::io("start an actor", e))?;
        actors.push(foreign);
        Ok(())
    }

    pub(super) fn name(&self) -> &Name {
        &self.name
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It is not asked any more; its thread ends once it returns.
    pub(super) fn end(&self) {
        self.desk().ended = true;
        self.bell.notify_all();
    }

    /// Asks it where it is due and not busy.
    pub(super) fn ask(&self, now: Moment, faults: &ActorFaults, snapshot: impl FnOnce() -> Snapshot) {
        let mut desk = self.desk();
        if let Some(asked_at) = desk.asked_at {
            if !desk.late && now.elapsed.saturating_sub(asked_at) > self.budget {
                desk.late = true;
                self.overran(&mut desk, faults);
            }
            return;
        }
        if now.elapsed < desk.next || desk.ended {
            return;
        }
        desk.counts.asked += 1;
        (desk.question, desk.asked_at, desk.next) = (Some(snapshot()), Some(now.elapsed), now.elapsed + self.every);
        self.bell.notify_all();
    }

    fn overran(&self, desk: &mut Desk, faults: &ActorFaults) {
        desk.counts.overran += 1;
        desk.failures += 1;
        let fault = format!("actor {} has not answered within {:?}", self.name, self.budget);
        desk.fault = Some(fault.clone());
        faults.set(&self.name, Some(fault));
    }

    /// The actor's thread.
    fn run(&self, control: &Weak<Control>, mut think: Think) {
        while let Some(snapshot) = self.question() {
            let answer = catch_unwind(AssertUnwindSafe(|| think(snapshot)));
            let answer = answer.unwrap_or_else(|panic| {
                Err(Error::new(ErrorKind::Internal, format!("it panicked: {}", panic_text(&*panic))))
            });
            let Some(control) = control.upgrade() else { return };
            self.answer(&control, answer);
        }
    }

    /// The next question; none once it has ended.
    fn question(&self) -> Option<Snapshot> {
        let desk = self.bell.wait_while(self.desk(), |desk| desk.question.is_none() && !desk.ended);
        let mut desk = desk.unwrap_or_else(PoisonError::into_inner);
        if desk.ended { None } else { desk.question.take() }
    }

    fn answer(&self, control: &Control, answer: Result<Vec<Proposal>>) {
        let (now, faults) = (control.moment(), &control.actor_faults);
        {
            let mut desk = self.desk();
            let asked_at = desk.asked_at.take().unwrap_or(now.elapsed);
            let late = std::mem::take(&mut desk.late);
            let just_late = !late && now.elapsed.saturating_sub(asked_at) > self.budget;
            if just_late {
                self.overran(&mut desk, faults);
            }
            if let Err(error) = &answer {
                desk.failures += 1;
                let fault = format!("actor {} failed: {}", self.name, error.message());
                desk.fault = Some(fault.clone());
                faults.set(&self.name, Some(fault));
            }
            if late || just_late || answer.is_err() {
                desk.next = desk.next.max(now.elapsed + suspension(desk.failures));
                return;
            }
            desk.counts.answered += 1;
            desk.failures = 0;
            if desk.fault.take().is_some() {
                faults.set(&self.name, None);
            }
            if desk.ended {
                return;
            }
        }
        self.propose(control, answer.unwrap_or_default(), now);
    }

    fn propose(&self, control: &Control, proposals: Vec<Proposal>, now: Moment) {
        let beyond = proposals.len().saturating_sub(PROPOSALS_MAX);
        let mut refused = beyond as u64;
        let mut why = (beyond > 0).then(|| format!("{beyond} proposals beyond {PROPOSALS_MAX} at a time"));
        let mut heart = control.heart();
        for proposal in proposals.into_iter().take(PROPOSALS_MAX) {
            let taken = if proposal.actor == self.name {
                heart.controller.propose(proposal, now).map(drop)
            } else {
                Err(Error::invalid(format!(
                    "actor is {}, expected {}: nobody speaks for others",
                    proposal.actor, self.name
                )))
            };
            if let Err(error) = taken {
                refused += 1;
                why = Some(error.message().to_owned());
            }
        }
        drop(heart);
        let mut desk = self.desk();
        desk.counts.refused += refused;
        if let Some(why) = why {
            let fault = format!("a proposal of actor {} was refused: {why}", self.name);
            desk.fault = Some(fault.clone());
            control.actor_faults.set(&self.name, Some(fault));
        }
    }

    pub(super) fn status(&self) -> ActorStatus {
        let desk = self.desk();
        let Counts { asked, answered, overran, refused } = desk.counts;
        let (name, busy, fault) = (self.name.clone(), desk.asked_at.is_some(), desk.fault.clone());
        ActorStatus { name, busy, asked, answered, overran, refused, fault }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::{Controller, SiteModel};
    use crate::model::Timestamp;

    /// It panics as often as it is told, and counts how often it is asked.
    struct Clumsy {
        name: Name,
        panics: u32,
        asked: Arc<Mutex<u32>>,
    }

    impl Actor for Clumsy {
        fn name(&self) -> &Name {
            &self.name
        }

        fn propose(&mut self, _: &View<'_>) -> Vec<Proposal> {
            *self.asked.lock().unwrap() += 1;
            assert!(*self.asked.lock().unwrap() > self.panics, "clumsy");
            Vec::new()
        }
    }

    #[test]
    fn one_that_panics_is_left_alone_twice_as_long_each_time_and_forgiven_once_it_answers() {
        let (asked, faults) = (Arc::new(Mutex::new(0)), Arc::new(ActorFaults::default()));
        let name: Name = "clumsy".parse().unwrap();
        let clumsy = Clumsy { name: name.clone(), panics: 3, asked: asked.clone() };
        let guarded = Guarded::around(Box::new(clumsy), faults.clone());
        let model: SiteModel =
            toml::from_str("site = \"home1\"\n[[asset]]\nname = \"grid\"\nrole = \"grid_meter\"").unwrap();
        let mut controller = Controller::new(model.check().unwrap(), vec![guarded]);
        let begin = Moment { wall: Timestamp::from_seconds(1_790_000_000), elapsed: Duration::from_secs(1000) };
        let mut asked_at = Vec::new();
        for second in 0..10 {
            let before = *asked.lock().unwrap();
            controller.tick(begin.after(Span::from_seconds(second)));
            if *asked.lock().unwrap() > before {
                asked_at.push(second);
            }
            let fault = faults.take().remove(&name);
            match second {
                0 => assert!(fault.unwrap().unwrap().contains("clumsy failed and is not asked for 1 s")),
                7 => assert_eq!(fault, Some(None), "it is well again"),
                _ => {}
            }
        }
        assert_eq!(asked_at, [0, 1, 3, 7, 8, 9]);
        assert_eq!(suspension(40), SUSPENDED_LONGEST);
    }
}
