//! Imports as they stand: which there are, and what becomes of each.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;
use tokio::sync::Notify;

use super::{Import, ImportState};
use crate::model::Timestamp;
use crate::rest::problem::Problem;
use crate::rest::within::Place;
use crate::runtime::Progress;

/// Imports that are received, wait or run. Full-policy: the next is refused.
const OPEN_MAX: usize = 8;
/// Imports that have ended. Full-policy: the oldest is forgotten.
const ENDED_MAX: usize = 100;

/// What is known of an import at its beginning.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) place: Place,
    pub(super) name: String,
    pub(super) total: Option<u64>,
    pub(super) dry_run: bool,
    pub(super) by: String,
    pub(super) at: Timestamp,
}

/// An import.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) number: u64,
    begun: Begun,
    standing: Mutex<Standing>,
    /// It was cancelled.
    pub(super) cancelled: Notify,
}

#[derive(Debug)]
struct Standing {
    state: ImportState,
    bytes: u64,
    progress: Progress,
    report: Option<serde_json::Value>,
    problem: Option<String>,
    ended: Option<Timestamp>,
}

impl Standing {
    fn is_open(&self) -> bool {
        matches!(self.state, ImportState::Receiving | ImportState::Queued | ImportState::Running)
    }

    /// It ends, unless it has.
    fn end(&mut self, state: ImportState, now: Timestamp) -> bool {
        let open = self.is_open();
        if open {
            (self.state, self.ended) = (state, Some(now));
        }
        open
    }
}

impl Job {
    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What identifies it. Numbers begin anew with each server, so its beginning is part of it.
    pub(super) fn id(&self) -> String {
        format!("{:x}-{}", self.begun.at.as_micros(), self.number)
    }

    pub(super) fn is_open(&self) -> bool {
        self.standing().is_open()
    }

    pub(super) fn name(&self) -> &str {
        &self.begun.name
    }

    /// How it stands, for clients.
    pub(super) fn shown(&self) -> Import {
        let (standing, begun) = (self.standing(), &self.begun);
        Import {
            id: self.id(),
            name: begun.name.clone(),
            state: standing.state,
            bytes: standing.bytes,
            total_bytes: begun.total,
            part: standing.progress.part,
            rows: standing.progress.rows,
            points: standing.progress.points,
            report: standing.report.clone(),
            problem: standing.problem.clone(),
            by: begun.by.clone(),
            begun_us: begun.at.as_micros(),
            ended_us: standing.ended.map(Timestamp::as_micros),
            dry_run: begun.dry_run,
        }
    }

    /// So much more of its file has come; false where it was cancelled meanwhile.
    pub(super) fn received(&self, bytes: usize) -> bool {
        let mut standing = self.standing();
        standing.bytes += bytes as u64;
        standing.is_open()
    }

    /// Its file is there.
    pub(super) fn queue(&self) -> Import {
        let mut standing = self.standing();
        if standing.is_open() {
            standing.state = ImportState::Queued;
        }
        drop(standing);
        self.shown()
    }

    /// It is its turn; false where it was cancelled meanwhile.
    pub(super) fn start(&self) -> bool {
        let mut standing = self.standing();
        if standing.is_open() {
            standing.state = ImportState::Running;
        }
        standing.is_open()
    }

    /// How far it is; false where it was cancelled meanwhile.
    pub(super) fn progress(&self, progress: Progress) -> bool {
        let mut standing = self.standing();
        standing.progress = progress;
        standing.is_open()
    }

    pub(super) fn done(&self, report: serde_json::Value, now: Timestamp) {
        let mut standing = self.standing();
        standing.end(ImportState::Done, now);
        standing.progress.part = Some(1.0);
        standing.report = Some(report);
    }

    pub(super) fn fail(&self, problem: String, now: Timestamp) {
        let mut standing = self.standing();
        if standing.end(ImportState::Failed, now) {
            standing.problem = Some(problem);
        }
    }

    /// Whether that changed anything.
    pub(super) fn cancel(&self, now: Timestamp) -> bool {
        let cancelled = self.standing().end(ImportState::Cancelled, now);
        if cancelled {
            self.cancelled.notify_one();
        }
        cancelled
    }
}

/// The imports of a server, the newest first.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    all: Mutex<VecDeque<Arc<Job>>>,
    last: AtomicU64,
}

impl Jobs {
    fn all(&self) -> MutexGuard<'_, VecDeque<Arc<Job>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// # Errors
    /// 429 where there are enough already.
    pub(super) fn begin(&self, begun: Begun) -> Result<Arc<Job>, Problem> {
        let mut all = self.all();
        if all.iter().filter(|job| job.is_open()).count() >= OPEN_MAX {
            let detail = format!("{OPEN_MAX} imports are open, expected one of them to end first");
            return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "LIMIT_REACHED", detail));
        }
        while all.len() >= ENDED_MAX + OPEN_MAX {
            let Some(oldest) = all.iter().rposition(|job| !job.is_open()) else { break };
            all.remove(oldest);
        }
        let number = self.last.fetch_add(1, Ordering::AcqRel) + 1;
        let standing = Standing {
            state: ImportState::Receiving,
            bytes: 0,
            progress: Progress::default(),
            report: None,
            problem: None,
            ended: None,
        };
        let job = Arc::new(Job { number, begun, standing: Mutex::new(standing), cancelled: Notify::new() });
        all.push_front(job.clone());
        Ok(job)
    }

    /// Those of a site.
    pub(super) fn of(&self, place: &Place) -> Vec<Arc<Job>> {
        self.all().iter().filter(|job| job.begun.place == *place).cloned().collect()
    }

    pub(super) fn forget(&self, job: &Arc<Job>) {
        self.all().retain(|known| !Arc::ptr_eq(known, job));
    }
}
