//! The `[alarms]` section.

use serde::Deserialize;

/// The `[alarms]` section.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AlarmsConfig {}
