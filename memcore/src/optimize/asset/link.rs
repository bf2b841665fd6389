//! A connection between two buses: a cable, a transformer, a DC/AC converter.

use serde::{Deserialize, Serialize};

use super::super::Profile;

/// A connection between two buses. What is sent at one end arrives at the other times the efficiency.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Link {
    /// What the site calls it; unlike any other name of the site.
    pub name: String,
    /// The bus at its first end.
    pub from: String,
    /// The bus at its second end.
    pub to: String,
    /// The most that may be sent from `from` to `to`, in W at the sending end.
    pub limit_w: Profile,
    /// The most that may be sent from `to` to `from`, in W at the sending end; as much as the other way unless told.
    pub reverse_limit_w: Option<Profile>,
    /// The share that arrives, above 0 and at most 1.
    pub efficiency: f64,
    /// What each kWh sent costs, either way.
    pub cost_per_kwh: f64,
    /// Whether sending both ways within a step is excluded. True unless told.
    pub exclusive: bool,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            name: String::new(),
            from: String::new(),
            to: String::new(),
            limit_w: Profile::default(),
            reverse_limit_w: None,
            efficiency: 1.0,
            cost_per_kwh: 0.0,
            exclusive: true,
        }
    }
}

impl Link {
    /// From one bus to another, without losses, with the same limit both ways.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        from: impl Into<String>,
        to: impl Into<String>,
        limit_w: impl Into<Profile>,
    ) -> Self {
        Self { name: name.into(), from: from.into(), to: to.into(), limit_w: limit_w.into(), ..Self::default() }
    }
}
