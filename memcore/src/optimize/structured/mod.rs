//! Exact engines that know the shape of a problem: dynamic programs over value functions of one store, without any solver.

use super::Engine;
use super::answer::Answer;
use super::checked::Checked;

mod modes;
mod storage;

/// Solves with one of the structured engines.
pub(in crate::optimize) fn solve(checked: &Checked<'_>, engine: Engine) -> Answer {
    match engine {
        Engine::Storage => storage::solve(checked),
        Engine::Modes => modes::solve(checked),
        _ => Answer::NotMine(format!("{} is no structured engine", engine.name())),
    }
}
