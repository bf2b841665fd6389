//! Programs of a site that is planned again and again, each begun from the one before.
//!
//! What HiGHS keeps may not move from thread to thread, but whoever plans may. So it stays on a thread of its own, which begins with the
//! first solve, takes one question at a time, and ends with its [`Warm`].

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::{self, JoinHandle};

use super::Basis;
use crate::error::{Error, ErrorKind, Result};
use crate::optimize::answer::Answer;
use crate::optimize::{Engine, Options, Site};

/// The solver of programs that remembers the last one.
#[derive(Debug, Default)]
pub(in crate::optimize) struct Warm {
    worker: Option<Worker>,
}

/// An answer, and whether it was begun from the one before.
#[derive(Debug)]
pub(in crate::optimize) struct Hot {
    pub(in crate::optimize) engine: Engine,
    pub(in crate::optimize) answer: Answer,
    pub(in crate::optimize) from_before: bool,
}

impl Warm {
    /// Solves a site as a program, begun from the one before where both have the same shape: the same parts and steps.
    ///
    /// # Errors
    /// Like [`solve`](super::solve). After one that is internal the next solve begins from nothing.
    pub(in crate::optimize) fn solve(&mut self, site: &Site, options: &Options) -> Result<Hot> {
        let worker = match self.worker.take() {
            Some(worker) => worker,
            None => Worker::begin()?,
        };
        let (site, options) = (site.clone(), options.clone());
        let solved = worker.run(move |basis| {
            let (engine, answer) = basis.solve(&site.checked()?, &options)?;
            Ok(Hot { engine, answer, from_before: basis.began_hot() })
        });
        if !solved.as_ref().is_err_and(|error| error.kind() == ErrorKind::Internal) {
            self.worker = Some(worker);
        }
        solved
    }
}

type Question = Box<dyn FnOnce(&mut Basis) + Send>;

/// The thread, and the way to it.
#[derive(Debug)]
struct Worker {
    /// Holds one question; who asks another one meanwhile waits. None once it is to end.
    questions: Option<SyncSender<Question>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    fn begin() -> Result<Self> {
        let (questions, asked) = mpsc::sync_channel(1);
        let thread = thread::Builder::new().name("memcore-plan".to_owned()).spawn(move || work(&asked));
        let thread = thread.map_err(|error| internal(&format!("has no thread: {error}")))?;
        Ok(Self { questions: Some(questions), thread: Some(thread) })
    }

    /// Asks, and waits for the answer.
    fn run<T: Send + 'static>(&self, ask: impl FnOnce(&mut Basis) -> Result<T> + Send + 'static) -> Result<T> {
        let (tell, told) = mpsc::sync_channel(1);
        let question: Question = Box::new(move |basis| {
            // Whoever asked waits for it.
            let _ = tell.send(ask(basis));
        });
        let ended = || internal("has ended");
        self.questions.as_ref().ok_or_else(ended)?.send(question).map_err(|_| ended())?;
        told.recv().map_err(|_| internal("panicked"))?
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.questions = None;
        if let Some(thread) = self.thread.take() {
            // It catches its panics.
            let _ = thread.join();
        }
    }
}

/// Answers until nobody can ask any more.
fn work(asked: &Receiver<Question>) {
    let mut basis = Basis::default();
    for question in asked {
        if catch_unwind(AssertUnwindSafe(|| question(&mut basis))).is_err() {
            return;
        }
    }
}

fn internal(what: &str) -> Error {
    Error::new(ErrorKind::Internal, format!("the solver that remembers the plan before {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimize::program::solver::Solver;
    use crate::optimize::program::tests::{close, even, site};
    use crate::optimize::{Battery, Grid, Load};

    /// Four hours of a home with a battery.
    fn home(first_price: f64) -> Site {
        let grid = Grid::new("grid", [first_price, 0.1, 0.2, 0.4]).sell_per_kwh(0.05);
        let battery = Battery::new("battery", 10_000.0, 5_000.0, 5_000.0, 3_000.0);
        site(even(60, 4), [grid.into(), battery.into(), Load::new("house", 1_000.0).into()])
    }

    fn objective(hot: &Hot) -> f64 {
        match &hot.answer {
            Answer::Solved(solved) => solved.objective,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_panic_is_an_error_and_the_next_solve_begins_from_nothing() {
        if !Solver::Highs.is_built() {
            return;
        }
        let mut warm = Warm::default();
        let options = Options::default();
        let first = warm.solve(&home(0.3), &options).unwrap();
        assert!(!first.from_before && warm.solve(&home(0.35), &options).unwrap().from_before);
        let panicked = warm.worker.as_ref().unwrap().run::<()>(|_| panic!("on purpose")).unwrap_err();
        assert_eq!(panicked.kind(), ErrorKind::Internal);
        assert!(panicked.to_string().contains("panicked"), "{panicked}");
        assert_eq!(warm.solve(&home(0.3), &options).unwrap_err().kind(), ErrorKind::Internal, "that thread has ended");
        let anew = warm.solve(&home(0.3), &options).unwrap();
        assert!(!anew.from_before);
        close(objective(&anew), objective(&first));
    }
}
