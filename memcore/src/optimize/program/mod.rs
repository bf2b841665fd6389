//! Any site as a linear, quadratic or integer program, and the solvers of such programs.

pub(in crate::optimize) mod linear;
pub(in crate::optimize) mod solver;
pub(in crate::optimize) mod tags;

use super::answer::Answer;
use super::checked::Checked;
use super::{Engine, Options};
use crate::error::{Error, Result};

/// Solves a site as a program, with the solver that was asked for or the best one that is built in.
pub(in crate::optimize) fn solve(_checked: &Checked<'_>, _options: &Options) -> Result<(Engine, Answer)> {
    Err(Error::invalid("programs are not built yet"))
}
