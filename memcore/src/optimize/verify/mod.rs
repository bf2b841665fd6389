//! memcore's own check of every plan: it goes through a schedule step by step, from the site alone, and believes no engine.

use super::answer::Solved;
use super::checked::Checked;
use super::{EngineReport, Options, Plan};
use crate::error::{Error, Result};

/// The plan of a schedule, verified, with its costs, prices, violations and certificate.
///
/// # Errors
/// Internal where the schedule breaks a balance, a limit or a transition, or costs other than its engine claims: such a plan is not
/// returned.
pub(in crate::optimize) fn plan(
    _checked: &Checked<'_>,
    _solved: Solved,
    _report: EngineReport,
    _options: &Options,
) -> Result<Plan> {
    Err(Error::invalid("verifying is not built yet"))
}
