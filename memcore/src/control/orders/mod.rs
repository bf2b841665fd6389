//! Orders: leases that carry decisions to devices. When one is due, what became of it, and how phases are switched.
//!
//! - A fall in power is ordered at once, a rise where it is beyond the resolution; an order is renewed after a third of its lease.
//! - A failed order (refused, expired, read back as something else) is given again with back-off, from one second to a minute.
//! - Of an unknown one nobody can say what became of it. The same value is given again only after the asset's power was read since,
//!   or after the lease has run out, when the device is at its fallback. Another value is no repetition.
//! - Phases are switched without current: zero, then the phases, and power again only once that is confirmed.

mod line;
#[cfg(test)]
mod tests;

use std::time::Duration;

use line::{Answer, Line, Told, Wanted};

use super::interlock::{Fault, unmetered};
use super::{
    AssetDecision, Cause, CheckedAsset, CheckedModel, Measure, Moment, Order, OrderStatus, SetpointUnit, Situation,
};
use crate::model::{CommandState, SeriesName, Span};

/// So many failures in a row, and the asset does not follow.
const FAILURES_MAX: u32 = 3;
/// After so long at zero no current flows, where no meter says it sooner.
const SETTLED: Duration = Duration::from_secs(10);
/// Below this no current flows, in W.
const NO_POWER_W: f64 = 50.0;

/// The lines of an asset.
#[derive(Debug, Clone, Default)]
struct Lines {
    setpoint: Line,
    phases: Line,
    /// The phases in use, once that is confirmed.
    in_use: Option<u8>,
}

/// The orders to all assets of a site.
#[derive(Debug, Clone, Default)]
pub(in crate::control) struct Orders {
    lines: Vec<Lines>,
    given: u64,
}

impl Orders {
    pub(in crate::control) fn new(model: &CheckedModel) -> Self {
        Self { lines: vec![Lines::default(); model.assets.len()], given: 0 }
    }

    /// The orders that are due for what was decided.
    pub(in crate::control) fn due(
        &mut self,
        model: &CheckedModel,
        situation: &Situation,
        decided: &[Option<AssetDecision>],
        now: Moment,
    ) -> Vec<Order> {
        let mut orders = Vec::new();
        for (place, decided) in decided.iter().enumerate() {
            if let Some(decided) = decided
                && decided.power_w.is_finite()
                && exists(model, situation, place)
            {
                self.asset(model, situation, place, decided, now, &mut orders);
            }
        }
        orders
    }

    fn asset(
        &mut self,
        model: &CheckedModel,
        situation: &Situation,
        place: usize,
        decided: &AssetDecision,
        now: Moment,
        orders: &mut Vec<Order>,
    ) {
        let asset = &model.assets[place];
        let Some(setpoint) = &asset.setpoint else { return };
        let lease = model.model.lease;
        let lines = &mut self.lines[place];
        let switches = setpoint.phases.as_ref().filter(|_| lines.in_use != Some(decided.phases));
        let switches = switches.filter(|_| decided.power_w != 0.0 || lines.in_use.is_some());
        let conductors = lines.in_use.filter(|_| setpoint.phases.is_some()).unwrap_or(decided.phases);
        let power_w = if switches.is_some() { 0.0 } else { decided.power_w };
        let (value, fallback) = (value(asset, power_w, conductors), value(asset, asset.safe_w, conductors));
        let agrees = lines.setpoint.told.and_then(|told| agrees(asset, situation, place, told, conductors));
        let safety = switches.is_none() && safety(decided, value, fallback, lines.setpoint.told);
        let wanted = Wanted { value, resolution: resolution(asset), safety, agrees, lease: lease.to_duration() };
        if lines.setpoint.due(&wanted, now.elapsed) {
            let series = setpoint.series.clone();
            orders.push(tell(&mut self.given, &mut lines.setpoint, place, series, &wanted, lease, fallback, now));
        }
        let Some(series) = switches else {
            return keep_phases(&mut self.given, lines, setpoint, place, lease, now, orders);
        };
        if no_current(lines, situation, place, now) {
            let value = f64::from(decided.phases);
            let wanted = Wanted { value, resolution: 0.5, safety: false, agrees: None, lease: lease.to_duration() };
            if lines.phases.due(&wanted, now.elapsed) {
                orders.push(tell(&mut self.given, &mut lines.phases, place, series.clone(), &wanted, lease, value, now));
            }
        }
    }

    /// Takes what became of an order. One that a later order of its channel stands for is left.
    pub(in crate::control) fn answered(&mut self, model: &CheckedModel, number: u64, state: &CommandState, now: Moment) {
        let of = |line: &Line| line.told.is_some_and(|told| told.number == number);
        let Some(place) = self.lines.iter().position(|lines| of(&lines.setpoint) || of(&lines.phases)) else { return };
        let lines = &mut self.lines[place];
        if of(&lines.setpoint) {
            return lines.setpoint.answered(number, state, resolution(&model.assets[place]), now.elapsed);
        }
        lines.phases.answered(number, state, 0.5, now.elapsed);
        let told = lines.phases.told.filter(|told| told.answer == Answer::Confirmed);
        lines.in_use = told.map(|told| told.value as u8);
    }

    /// What is wrong with orders.
    pub(in crate::control) fn faults(&self) -> impl Iterator<Item = Fault> + '_ {
        self.lines.iter().enumerate().flat_map(|(place, lines)| {
            let failed = lines.setpoint.fault.is_some() || lines.phases.fault.is_some();
            let gone = lines.setpoint.failures.max(lines.phases.failures) >= FAILURES_MAX;
            [failed.then_some(Fault::OrderFailed(place)), gone.then_some(Fault::NotFollowing(place))].into_iter().flatten()
        })
    }

    /// What an asset was told last.
    pub(in crate::control) fn last(&self, place: usize) -> Option<OrderStatus> {
        let lines = self.lines.get(place)?;
        let told = lines.setpoint.told?;
        let fault = lines.setpoint.fault.clone().or_else(|| lines.phases.fault.clone());
        let (confirmed, failures) = (told.answer == Answer::Confirmed, lines.setpoint.failures.max(lines.phases.failures));
        Some(OrderStatus { value: told.value, confirmed, failures, fault })
    }
}

/// Renews the lease of phases that are in use.
fn keep_phases(
    given: &mut u64,
    lines: &mut Lines,
    setpoint: &super::Setpoint,
    place: usize,
    lease: Span,
    now: Moment,
    orders: &mut Vec<Order>,
) {
    let (Some(series), Some(told)) = (&setpoint.phases, lines.phases.told) else { return };
    let wanted = Wanted { value: told.value, resolution: 0.5, safety: false, agrees: None, lease: lease.to_duration() };
    if lines.phases.due(&wanted, now.elapsed) {
        let renewed = tell(given, &mut lines.phases, place, series.clone(), &wanted, lease, told.value, now);
        orders.push(renewed);
    }
}

#[expect(clippy::too_many_arguments, reason = "an order has that many parts")]
fn tell(
    given: &mut u64,
    line: &mut Line,
    asset: usize,
    target: SeriesName,
    wanted: &Wanted,
    lease: Span,
    fallback: f64,
    now: Moment,
) -> Order {
    *given += 1;
    // What was confirmed before says nothing of this one, but who renews is not a failure either.
    let same = line.told.filter(|told| told.value == wanted.value);
    let (since, taken) = same.map_or((now.elapsed, false), |told| (told.since, told.taken));
    let (number, value) = (*given, wanted.value);
    line.told = Some(Told { number, value, at: now.elapsed, since, taken, answer: Answer::Waiting });
    Order { number: *given, asset, target, value: wanted.value, lease, fallback, safety: wanted.safety }
}

/// Whether anything was ever heard of an asset: nothing is ordered before. Of one without a meter nothing is ever heard.
fn exists(model: &CheckedModel, situation: &Situation, place: usize) -> bool {
    use Measure::{Connected, CurrentL1, Power, Soc, Temperature, Voltage};
    let measures = [Power, Soc, Connected, CurrentL1, Voltage, Temperature];
    unmetered(&model.assets[place]) || measures.iter().any(|measure| situation.last(place, *measure).is_some())
}

/// Whether no current flows, so that phases may be switched.
fn no_current(lines: &Lines, situation: &Situation, place: usize, now: Moment) -> bool {
    let Some(told) = lines.setpoint.told.filter(|told| told.value == 0.0) else { return false };
    let measured = situation.last(place, Measure::Power).filter(|live| live.seen > told.since);
    let settled = now.elapsed.saturating_sub(told.since) >= SETTLED && told.taken;
    measured.map_or(settled, |live| live.value.abs() < NO_POWER_W)
}

/// Whether the power measured since an order agrees with it.
fn agrees(asset: &CheckedAsset, situation: &Situation, place: usize, told: Told, conductors: u8) -> Option<bool> {
    let measured = situation.last(place, Measure::Power).filter(|live| live.seen > told.at)?;
    let ordered_w = match asset.setpoint.as_ref()?.unit {
        SetpointUnit::W => told.value,
        SetpointUnit::A => told.value * asset.volts * f64::from(conductors),
        SetpointUnit::OnOff => return Some((measured.value.abs() > NO_POWER_W) == (told.value != 0.0)),
    };
    Some((measured.value - ordered_w).abs() <= (0.1 * ordered_w.abs()).max(100.0))
}

/// Whether an order is one that minimum times and ramps of the device must not hold back (C5): to zero or to what is safe, because
/// safety demands it.
fn safety(decided: &AssetDecision, value: f64, fallback: f64, told: Option<Told>) -> bool {
    let falls = told.is_none_or(|told| value.abs() < told.value.abs() || value == told.value);
    let demanded = decided.limits.iter().any(|limit| limit.cause.is_safety() && limit.to_w.abs() <= limit.from_w.abs());
    (value == 0.0 || value == fallback) && falls && demanded
}

/// A power as the setpoint channel takes it, rounded towards zero to what is worth telling.
fn value(asset: &CheckedAsset, power_w: f64, conductors: u8) -> f64 {
    let towards_zero = |value: f64, digit: f64| (value * digit * (1.0 + 1e-9)).trunc() / digit + 0.0;
    match asset.setpoint.as_ref().map_or(SetpointUnit::W, |setpoint| setpoint.unit) {
        SetpointUnit::W => towards_zero(power_w, 1.0),
        SetpointUnit::A => towards_zero(power_w / (asset.volts * f64::from(conductors.max(1))), 100.0),
        SetpointUnit::OnOff => f64::from(power_w != 0.0),
    }
}

/// Changes below this are not worth an order, in the unit of the setpoint.
fn resolution(asset: &CheckedAsset) -> f64 {
    match asset.setpoint.as_ref().map_or(SetpointUnit::W, |setpoint| setpoint.unit) {
        SetpointUnit::W => 10.0,
        SetpointUnit::A => 0.1,
        SetpointUnit::OnOff => 0.5,
    }
}

impl Cause {
    /// Whether safety limited, and not a wish, a device or a share.
    #[must_use]
    pub fn is_safety(self) -> bool {
        use Cause::{Circuit, External, Island, Reserve, SocHigh, SocLow, Stale};
        matches!(self, Circuit { .. } | External(_) | Island | Reserve | SocHigh | SocLow | Stale(_))
    }
}
