//! Control as the rest of the server sees it: started and stopped, wished to, paused, asked.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::broadcast;

use super::actors::{ActorFaults, Foreign, Guarded};
use super::config::{ControlConfig, OnStop};
use super::feed::Feed;
use super::heart::{Beat, Heart};
use super::lock::SiteLock;
use super::log::{ControlEvent, DecisionLog};
use super::orders::{Desk, Numbered};
use super::planner::{PlannerOptions, SitePlanner};
use super::status::Paused;
use super::ticks::{Due, Grid};
use super::{history, pause};
use crate::control::{Actor, CheckedModel, Controller, Moment, Order, SiteModel};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{EventKind, Name, SeriesName};
use crate::runtime::commands::new_id;
use crate::runtime::core::Core;

/// Events that wait for one who looks at them. Full-policy: the oldest is dropped and counted.
const EVENTS: usize = 1024;

/// Control's own clock begins a year before this process: so that a reading may be older than that.
const BEFORE: Duration = Duration::from_secs(366 * 86_400);

/// The longest pause before the control thread is started again.
const RESTART_LONGEST: Duration = Duration::from_secs(60);

/// How long the last orders may take before the server goes on to shut down.
const SETTLE_WITHIN: Duration = Duration::from_secs(2);

/// How long one who asks waits for a decision.
const HELD_LONGEST: Duration = Duration::from_secs(1);

/// A control thread that has not decided for so long, or five ticks, hangs.
const HANGS_AFTER: Duration = Duration::from_secs(2);

/// Control of a site, in a running server.
#[derive(Debug)]
pub(crate) struct Control {
    pub(super) core: Weak<Core>,
    pub(super) model: Arc<CheckedModel>,
    clock: Arc<dyn crate::model::Clock>,
    pub(super) site: PathBuf,
    on_stop: OnStop,
    pub(super) heart: Mutex<Heart>,
    pub(super) desk: Arc<Desk>,
    pub(super) log: OnceLock<DecisionLog>,
    pub(super) events: broadcast::Sender<ControlEvent>,
    actors: Mutex<Vec<Arc<Foreign>>>,
    pub(super) actor_faults: Arc<ActorFaults>,
    /// One at a time pauses control or lets it go on: that waits for the disk.
    pausing: Mutex<()>,
    stopping: Mutex<bool>,
    bell: Condvar,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// When it was last decided, by control's own clock, in µs; and whether it was said that this is too long ago.
    beaten: AtomicU64,
    hangs: AtomicBool,
    /// One command to a channel that is steered is taken over at a time.
    pub(super) overriding: Mutex<()>,
    _lock: SiteLock,
}

impl Control {
    /// Takes control of the site of a server.
    pub(crate) async fn start(
        core: &Arc<Core>,
        config: &ControlConfig,
        file: &Path,
        model: &SiteModel,
    ) -> Result<Arc<Self>> {
        let checked = model.check().map_err(|e| e.context(file.display()))?;
        let lock = SiteLock::take(&core.site)?;
        let clock = core.clock.clone();
        let now = moment(&*clock);
        let actor_faults = Arc::new(ActorFaults::default());
        let controller = controller_of(&checked, &actor_faults)?;
        let feed = Feed::open(&*core.bus, &checked, now).await?;
        let paused = pause::read(&core.site)?;
        let options = PlannerOptions { written: true, ..PlannerOptions::default() };
        let planner = SitePlanner::with_thread(controller.model(), core.memcore.clone(), options)?;
        let desk = Arc::new(Desk::new(&checked));
        let control = Arc::new(Self {
            core: Arc::downgrade(core),
            model: controller.model().clone(),
            clock,
            site: core.site.clone(),
            on_stop: config.on_stop,
            heart: Mutex::new(Heart::new(controller, feed, planner, paused)),
            desk,
            log: OnceLock::new(),
            events: broadcast::channel(EVENTS).0,
            actors: Mutex::default(),
            actor_faults,
            pausing: Mutex::default(),
            stopping: Mutex::new(false),
            bell: Condvar::new(),
            threads: Mutex::default(),
            beaten: AtomicU64::new(now.elapsed.as_micros() as u64),
            hangs: AtomicBool::new(false),
            overriding: Mutex::default(),
            _lock: lock,
        });
        let (opening, log_size) = (control.clone(), config.log_size);
        // Registration and the log wait for the disk.
        let opened = tokio::task::spawn_blocking(move || opening.open(log_size)).await;
        opened.map_err(|e| Error::new(ErrorKind::Internal, format!("control failed to start: {e}")))??;
        Ok(control)
    }

    fn open(self: &Arc<Self>, log_size: u64) -> Result<()> {
        let Some(core) = self.core.upgrade() else { return Ok(()) };
        let series = history::DecidedSeries::register(&core, &self.model)?;
        let mut chores = history::Chores::new(self, series);
        let log = DecisionLog::start(&self.site, log_size, move |events| chores.go_on(events))?;
        let _ = self.log.set(log);
        self.seed(&core);
        let options = PlannerOptions { written: true, ..PlannerOptions::default() };
        self.heart().planner = SitePlanner::with_thread(&self.model, core.memcore.clone(), options)?;
        self.say(ControlEvent::Started { time_us: self.moment().wall });
        let (ticking, issuing, core) = (self.clone(), self.desk.clone(), self.core.clone());
        let failed = |e| Error::io("start control", e);
        let spawn = |name: &str| std::thread::Builder::new().name(name.into());
        let issuing = spawn("memcore-orders").spawn(move || issuing.issue(&core)).map_err(failed)?;
        let ticking = spawn("memcore-control").spawn(move || ticking.run()).map_err(failed)?;
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).extend([issuing, ticking]);
        Ok(())
    }

    /// What the store has of the site's series, as old as it is.
    fn seed(&self, core: &Core) {
        let now = self.moment();
        let mut heart = self.heart();
        for series in self.model.series() {
            for (_, sample) in core.memcore.latest(series).unwrap_or_default() {
                let seen = heart.feed.seen(sample.time, now);
                heart.controller.read(series, sample, seen);
            }
        }
    }

    /// The site that is controlled.
    #[cfg(feature = "rest")]
    pub(crate) fn checked_model(&self) -> Arc<CheckedModel> {
        self.model.clone()
    }

    /// The present, by control's own clock.
    pub(crate) fn moment(&self) -> Moment {
        moment(&*self.clock)
    }

    pub(super) fn heart(&self) -> MutexGuard<'_, Heart> {
        self.heart.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As [`heart`](Self::heart), for one who must not hang where a decision does.
    ///
    /// # Errors
    /// [`Timeout`](ErrorKind::Timeout) where it is held for a second.
    pub(super) fn heart_soon(&self) -> Result<MutexGuard<'_, Heart>> {
        for _ in 0..HELD_LONGEST.as_millis() {
            match self.heart.try_lock() {
                Ok(heart) => return Ok(heart),
                Err(TryLockError::Poisoned(poisoned)) => return Ok(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(1)),
            }
        }
        Err(Error::new(ErrorKind::Timeout, "control hangs in a decision: leases end, and devices go to their fallback"))
    }

    /// Tells everybody.
    pub(super) fn say(&self, event: ControlEvent) {
        // Where nobody looks, nobody is told.
        let _ = self.events.send(event.clone());
        if let Some(log) = self.log.get() {
            log.say(event);
        }
    }

    /// Decides now, and says what came of it. An order to `own` gets that id and is not laid down, but returned.
    pub(super) fn decide(&self, heart: &mut Heart, own: Option<&SeriesName>) -> Option<Order> {
        let now = self.moment();
        let heard = self.desk.heard();
        for (actor, fault) in self.actor_faults.take() {
            heart.noting.set_fault(&format!("actor {actor}"), fault.as_deref());
        }
        let Beat { events, orders } = heart.beat(heard, now, || new_id().ok());
        events.into_iter().for_each(|event| self.say(event));
        let (own, others): (Vec<_>, Vec<_>) = orders.into_iter().partition(|o| Some(&o.order.target) == own);
        self.desk.lay(others);
        self.beaten.store(now.elapsed.as_micros() as u64, Ordering::Release);
        own.into_iter().next().map(|numbered| numbered.order)
    }

    /// The control thread, with one above it: where deciding panics, leases go on to their end, an alarm says so, and it begins anew.
    fn run(self: Arc<Self>) {
        let mut failures = 0;
        while catch_unwind(AssertUnwindSafe(|| self.tick_until_stopped())).is_err() {
            let pause = Duration::from_secs(1).saturating_mul(1 << failures.min(6)).min(RESTART_LONGEST);
            failures += 1;
            let reason = format!("deciding failed; it begins anew in {} s, and leases end meanwhile", pause.as_secs());
            tracing::error!(failures, "control: {reason}");
            self.alarm(EventKind::ControlStalled { reason });
            if self.wait(pause) {
                return;
            }
            if let Err(error) = self.begin_anew() {
                tracing::error!(%error, "control does not begin anew");
                return;
            }
        }
    }

    fn begin_anew(&self) -> Result<()> {
        let Some(core) = self.core.upgrade() else { return Ok(()) };
        let controller = controller_of(&self.model, &self.actor_faults)?;
        {
            let mut heart = self.heart();
            (heart.controller, heart.order_all) = (controller, true);
        }
        self.seed(&core);
        self.alarm(EventKind::ControlRecovered);
        Ok(())
    }

    fn tick_until_stopped(&self) {
        let period = self.model.model().tick.to_duration();
        let mut grid = Grid::new(self.moment().elapsed, period);
        while self.core.upgrade().is_some_and(|core| !core.closing.load(Ordering::Acquire)) {
            if self.wait(grid.until_next(self.moment().elapsed)) {
                return;
            }
            let began = self.moment().elapsed;
            if let Some(due) = grid.due(began) {
                self.tick(due, began);
            }
        }
    }

    fn tick(&self, due: Due, began: Duration) {
        let mut heart = self.heart();
        self.decide(&mut heart, None);
        let now = self.moment();
        heart.times.add(due, now.elapsed.saturating_sub(began));
        drop(heart);
        let actors = self.actors();
        let mut snapshot = None;
        for actor in actors.iter() {
            actor.ask(now, &self.actor_faults, || snapshot.get_or_insert_with(|| self.heart().snapshot(now)).clone());
        }
    }

    /// Waits, and says whether control is to stop.
    fn wait(&self, longest: Duration) -> bool {
        let stopping = self.stopping.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.bell.wait_timeout_while(stopping, longest, |stopping| !*stopping);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Looked at from outside: whether it still decides.
    pub(crate) fn watch(&self) {
        let since = self.moment().elapsed.saturating_sub(Duration::from_micros(self.beaten.load(Ordering::Acquire)));
        let late = since > HANGS_AFTER.max(self.model.model().tick.to_duration() * 5);
        match (late, self.hangs.swap(late, Ordering::AcqRel)) {
            (true, false) => {
                let reason = format!("nothing was decided for {} s; leases end meanwhile", since.as_secs());
                tracing::error!("control: {reason}");
                self.alarm(EventKind::ControlStalled { reason });
            }
            (false, true) => self.alarm(EventKind::ControlRecovered),
            _ => {}
        }
    }

    /// Whether it has decided nothing for too long, by the last look from outside.
    #[cfg(feature = "rest")]
    pub(crate) fn is_stalled(&self) -> bool {
        self.hangs.load(Ordering::Acquire)
    }

    /// Whose site it is.
    #[cfg(feature = "rest")]
    pub(crate) fn operator(&self) -> &Name {
        &self.model.model().operator
    }

    fn alarm(&self, kind: EventKind) {
        self.core.upgrade().into_iter().for_each(|core| core.note(kind.clone()));
    }

    /// Pauses control, or lets it go on. It is remembered over a restart.
    pub(crate) fn set_enabled(&self, enabled: bool, by: &str) -> Result<bool> {
        let _one = self.pausing.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.moment().wall;
        if enabled == self.heart_soon()?.paused.is_none() {
            return Ok(false);
        }
        let paused = (!enabled).then(|| Paused { since_us: now, by: by.to_owned() });
        pause::write(&self.site, paused.as_ref())?;
        let mut heart = self.heart_soon()?;
        let let_go = if enabled { Vec::new() } else { self.safe_orders(&heart) };
        (heart.paused, heart.order_all) = (paused, enabled);
        drop(heart);
        self.desk.lay(let_go);
        let by = by.to_owned();
        self.say(match enabled {
            true => ControlEvent::Resumed { time_us: now, by },
            false => ControlEvent::Paused { time_us: now, since_us: now, by },
        });
        Ok(true)
    }

    /// What is safe, for all that was ordered; nothing where leases are to end by themselves.
    fn safe_orders(&self, heart: &Heart) -> Vec<Numbered> {
        if self.on_stop == OnStop::Lease {
            return Vec::new();
        }
        let free = heart.orders.values().filter(|order| heart.held[order.asset].is_none());
        let safe = free.map(|order| Order { value: order.fallback, ..order.clone() });
        safe.filter_map(|order| Some(Numbered { id: new_id().ok()?, order })).collect()
    }

    /// Stops: no more decisions, what is safe where that is to be said, and everything written down.
    pub(crate) fn stop(&self) {
        self.end();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let [issuing, ticking] = &mut threads.into_iter().map(Some).collect::<Vec<_>>()[..] else { return };
        // Threads that panicked have said so.
        let _ = ticking.take().map(JoinHandle::join);
        let mut heart = self.heart();
        if heart.paused.is_none() {
            self.desk.lay(self.safe_orders(&heart));
        }
        // Its thread ends with the plan it is at, which writes to the store.
        let planner = heart.planner.take();
        drop(heart);
        drop(planner);
        self.desk.close();
        let _ = issuing.take().map(JoinHandle::join);
        if self.on_stop == OnStop::Safe {
            self.desk.settle(SETTLE_WITHIN);
        }
        self.say(ControlEvent::Stopped { time_us: self.moment().wall });
        self.log.get().into_iter().for_each(DecisionLog::close);
    }

    /// As when the plug is pulled: nothing more is decided.
    pub(crate) fn end(&self) {
        *self.stopping.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.bell.notify_all();
        self.actors().iter().for_each(|actor| actor.end());
    }

    pub(super) fn actors(&self) -> MutexGuard<'_, Vec<Arc<Foreign>>> {
        self.actors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a strategy of the site is called so.
    pub(super) fn has_strategy(&self, name: &Name) -> bool {
        strategies_of(&self.model).is_ok_and(|strategies| strategies.iter().any(|strategy| strategy.name() == name))
    }
}

fn moment(clock: &dyn crate::model::Clock) -> Moment {
    let Moment { wall, elapsed } = Moment::of(clock);
    Moment { wall, elapsed: elapsed + BEFORE }
}

/// The controller of a site, with its strategies.
fn controller_of(model: &CheckedModel, faults: &Arc<ActorFaults>) -> Result<Controller> {
    let strategies = strategies_of(model)?.into_iter();
    let guarded = strategies.map(|strategy| Guarded::around(strategy, faults.clone()));
    Ok(Controller::new(model.clone(), guarded.collect()))
}

fn strategies_of(model: &CheckedModel) -> Result<Vec<Box<dyn Actor>>> {
    crate::control::actors(model)
}
