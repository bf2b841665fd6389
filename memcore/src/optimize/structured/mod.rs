//! Exact engines that know the shape of a problem: dynamic programs over value functions of one store, without any solver.

use super::Engine;
use super::answer::Answer;
use super::checked::Checked;

mod curve;
mod demand;
mod market;
mod modes;
mod path;
mod size;
mod storage;
mod store;
#[cfg(test)]
mod tests;

pub(in crate::optimize) use storage::Workspace;

/// Solves with one of the structured engines.
pub(in crate::optimize) fn solve(checked: &Checked<'_>, engine: Engine, workspace: &mut Workspace) -> Answer {
    match engine {
        Engine::Storage => size::solved(checked, |checked| storage::solve(checked, workspace)),
        Engine::Modes => modes::solve(checked),
        _ => Answer::NotMine(format!("{} is no structured engine", engine.name())),
    }
}
