//! The parts of a path that name where something is.

use serde::Deserialize;
use utoipa::IntoParams;

use crate::model::Name;

/// An operator.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct AtOperator {
    /// The operator; `local` of an installation that never named one.
    pub(super) operator: Name,
}

/// A site of an operator.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct AtSite {
    /// The operator; `local` of an installation that never named one.
    pub(super) operator: Name,
    /// The site.
    pub(super) site: Name,
}
