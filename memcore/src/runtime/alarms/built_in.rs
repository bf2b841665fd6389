//! The rules that come with memcore: every operator has them from the start, and can change them or switch them off.

use crate::alarms::{Rule, RuleSettings, Severity, WatchSettings};
use crate::error::Result;
use crate::model::Name;

/// The rules of an operator who has said nothing.
pub(super) fn rules_of(operator: &Name) -> Result<Vec<Rule>> {
    let offline = WatchSettings::Offline { devices: "*.*".into(), after: "5m".into() };
    let rules = [
        ("device-offline", "A device is offline", Severity::Warning, offline),
        ("store-read-only", "The store takes no data", Severity::Critical, WatchSettings::StoreReadOnly {}),
        ("control-stalled", "Control decides nothing", Severity::Critical, WatchSettings::ControlStalled {}),
    ];
    let rule = |(id, name, severity, watch): (&str, &str, Severity, WatchSettings)| {
        let (notify, quiet, remind) = (Vec::new(), None, None);
        let settings = RuleSettings { name: name.into(), severity, enabled: true, watch, notify, quiet, remind };
        Rule::new(operator.clone(), Name::new(id)?, settings).map(Rule::built_in)
    };
    rules.into_iter().map(rule).collect()
}
