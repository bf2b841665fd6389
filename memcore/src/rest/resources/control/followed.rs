//! The plan that is followed, beside what was measured in each of its steps.

use super::answer::{CurrentPlan, PlanDeviation, PlannedAsset, PlannedPrices};
use crate::control::{Measure, PlannedPowers, Role};
use crate::error::Result;
use crate::model::{SeriesName, Timestamp};
use crate::rest::problem::Problem;
use crate::runtime::{Aggregate, Every, Gaps, Memcore, PlanFollowed, Query, ServerHandle};

/// The plan with what came. It reads the store.
pub(super) fn beside_what_came(server: &ServerHandle, followed: PlanFollowed) -> std::result::Result<CurrentPlan, Problem> {
    let model = server.checked_model().ok_or_else(|| Problem::not_found("no site is controlled"))?;
    let (plan, now) = (&followed.plan, server.clock().now());
    let mut assets = Vec::new();
    for (name, powers) in &plan.powers {
        let place = model.place(name.as_str());
        let series = |measure| place.and_then(|place| model.series_of(place, measure));
        let means = measured(server.memcore(), series(Measure::Power), plan, now, Aggregate::TimeWeightedMean)?;
        let socs = plan.socs.iter().find(|(of, _)| of == name).map(|(_, socs)| socs.to_vec());
        let ends = match &socs {
            Some(_) => Some(measured(server.memcore(), series(Measure::Soc), plan, now, Aggregate::Last)?),
            None => None,
        };
        assets.push(PlannedAsset {
            asset: name.clone(),
            role: place.map_or(Role::Load, |place| model.assets()[place].role),
            power_w: powers.to_vec(),
            soc: socs,
            actual_w: means,
            actual_soc: ends,
        });
    }
    let steps = plan.steps();
    let prices = followed.prices.filter(|(buy, sell)| buy.len() == steps && sell.len() == steps);
    let deviations = followed.deviations.iter().flat_map(|step| {
        step.assets.iter().map(|deviation| PlanDeviation {
            asset: deviation.asset.clone(),
            power_w: deviation.power_w,
            soc: deviation.soc,
            since_us: step.start,
            span_us: now.since(step.start),
        })
    });
    Ok(CurrentPlan {
        made_us: plan.made,
        valid_until_us: plan.valid_until,
        now_us: now,
        reason: followed.reason.clone(),
        notices: followed.notices.clone(),
        borders_us: (0..=steps).map(|step| plan.step_start(step)).collect(),
        currency: model.model().currency.code().to_owned(),
        assets,
        price: prices.map(|(import_per_kwh, export_per_kwh)| PlannedPrices { import_per_kwh, export_per_kwh }),
        deviations: deviations.collect(),
    })
}

/// What was measured of a series in each step up to now; none where it was not, and ahead.
fn measured(
    memcore: &Memcore,
    series: Option<&SeriesName>,
    plan: &PlannedPowers,
    now: Timestamp,
    aggregate: Aggregate,
) -> Result<Vec<Option<f64>>> {
    let mut values = vec![None; plan.steps()];
    let end = now.min(plan.step_start(plan.steps()));
    let Some(series) = series.filter(|_| end > plan.start) else { return Ok(values) };
    let query = Query::new(series).from(plan.start).to(end).every(Every::Fixed(plan.step)).aggregate(aggregate);
    let result = memcore.query(&query.gaps(Gaps::Null))?;
    let Some(found) = result.series().first() else { return Ok(values) };
    let Some(column) = result.column_names().next().and_then(|name| found.column(name)) else { return Ok(values) };
    for (time, value) in found.times().values().iter().zip(column.iter()) {
        // A bucket that begins within a step is that step's: the first may have begun before the plan.
        let since = Timestamp::from_micros(*time).since(plan.start).as_micros();
        let step = since.max(0) / plan.step.as_micros().max(1);
        if let Some(place) = usize::try_from(step).ok().and_then(|step| values.get_mut(step)) {
            *place = value.filter(|value| value.is_finite());
        }
    }
    Ok(values)
}
