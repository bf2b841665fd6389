//! What no device explains at a site, lately, out of its history.

use crate::alarms::Rule;
use crate::energy::Role;
use crate::model::{Quantity, Selection, SeriesName, Span, Timestamp};
use crate::runtime::balance::BalanceRequest;
use crate::runtime::embedded::Memcore;

/// So much of the time must have been measured.
const COVERED: f64 = 0.9;
/// What is on its way is waited for.
const BEHIND: Span = Span::from_seconds(60);
const SECONDS_PER_HOUR: f64 = 3600.0;

/// The mean of what no device explains, in W, over the `for` of a rule; none where too little of it was measured, or the site has
/// nothing to compare: no grid, or no load.
pub(super) fn residual(memcore: &Memcore, rule: &Rule, now: Timestamp) -> Option<f64> {
    let (site, lasting) = rule.balance()?;
    let back = |span: Span| Span::from_micros(-span.as_micros());
    let to = now.saturating_add(back(BEHIND));
    let from = to.saturating_add(back(lasting));
    let site = format!("{}/{site}", rule.operator());
    let roles = memcore.roles(&site).ok()?;
    let loads = memcore.series(format!("{site}.*.power").parse::<Selection>().ok()?).into_iter();
    let loads: Vec<SeriesName> = loads
        .filter(|(series, channel)| channel.quantity == Quantity::Power && !roles.iter().any(|(other, _)| other == series))
        .map(|(series, _)| series)
        .collect();
    let request = BalanceRequest::new().from(from).to(to);
    let request = roles.iter().fold(request, |request, (series, role)| request.part(*role, series));
    let request = loads.iter().fold(request, |request, series| request.part(Role::Load, series));
    let found = memcore.balance(&request).ok()?.balance;
    let (residual_wh, coverage) = (*found.residual.first()?, *found.coverage.first()?);
    let hours = lasting.as_seconds() / SECONDS_PER_HOUR * coverage;
    (coverage >= COVERED && residual_wh.is_finite()).then(|| residual_wh / hours)
}
