//! Where power flows now: what each part of a site draws or gives, and what no meter explains.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::parts::{self, FlowPart};
use crate::model::{Sample, SeriesName, Timestamp};
use crate::rest::api::Api;
use crate::rest::extract::{Json, Path};
use crate::rest::problem::Problem;
use crate::rest::resources::readings;
use crate::rest::staleness::is_stale;
use crate::rest::within::Place;
use crate::runtime::{ControlStatus, Memcore};

/// What a node of the flow is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum NodeKind {
    /// The connection to the grid; import is positive.
    Grid,
    /// What makes electricity of the sun; production is negative.
    Pv,
    /// A battery; charging is positive.
    Battery,
    /// A charger of vehicles.
    Ev,
    /// A heat pump or an electric heater.
    HeatPump,
    /// A generator; production is negative.
    Genset,
    /// Anything else that uses energy.
    Load,
    /// What no meter of the list explains: the grid connection less everything behind it.
    Unmeasured,
}

/// Where power flows now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Flow {
    /// The time of the server.
    now_us: i64,
    /// The parts of the site.
    nodes: Vec<FlowNode>,
    /// Whether the power of every part is known, and none is stale.
    complete: bool,
}

/// A part of a site.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FlowNode {
    /// What identifies it among the nodes.
    id: String,
    /// What it is.
    kind: NodeKind,
    /// What the site calls it.
    name: String,
    /// The power that flows into it, in W; null where it was never measured.
    #[schema(required)]
    power_w: Option<f64>,
    /// The state of charge, 0 to 1, where it has one.
    #[schema(required)]
    soc: Option<f64>,
    /// The series of its power; null for what is calculated.
    #[schema(required)]
    series: Option<String>,
    /// When it was measured.
    #[schema(required)]
    time_us: Option<i64>,
    /// Whether that is too long ago to stand for the present.
    stale: bool,
    /// What it may take at most, in W: of the grid by its circuit, of an asset by what limits it now.
    #[schema(required)]
    limit_w: Option<f64>,
    /// What control decided for it, in W.
    #[schema(required)]
    target_w: Option<f64>,
}

/// Where power flows now.
#[utoipa::path(
    get, path = "/api/v1/operators/{operator}/sites/{site}/flow", operation_id = "flow", tag = "energy", params(Place),
    responses(
        (status = 200, body = Flow),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn flow(State(api): State<Api>, Path(place): Path<Place>) -> Result<Json<Flow>, Problem> {
    place.check(api.server())?;
    let server = api.server().clone();
    let now = server.clock().now();
    let flow = readings::read(&api, move || {
        let memcore = server.memcore();
        let parts = match parts::controlled(&server, &place) {
            Some(model) => parts::of_model(&model),
            None => parts::by_name(memcore, &place),
        };
        let decided = parts::controlled(&server, &place).and_then(|_| server.control_status().ok());
        Ok(of_parts(memcore, &parts, decided.as_ref(), now))
    });
    Ok(Json(flow.await?))
}

fn of_parts(memcore: &Memcore, parts: &[FlowPart], decided: Option<&ControlStatus>, now: Timestamp) -> Flow {
    let mut nodes: Vec<FlowNode> = parts.iter().map(|part| node(memcore, part, decided, now)).collect();
    let complete = !nodes.is_empty() && nodes.iter().all(|node| node.power_w.is_some() && !node.stale);
    nodes.extend(rest(&nodes));
    Flow { now_us: now.as_micros(), nodes, complete }
}

fn node(memcore: &Memcore, part: &FlowPart, decided: Option<&ControlStatus>, now: Timestamp) -> FlowNode {
    let power = newest(memcore, &part.power);
    let channel = memcore.store().channel(&part.power);
    let stale = power.zip(channel).is_none_or(|(power, channel)| is_stale(&channel, power.time, now));
    let status = decided.and_then(|status| status.assets.iter().find(|one| one.asset.as_str() == part.name));
    let target_w = status.and_then(|status| status.decided_w);
    FlowNode {
        id: part.name.clone(),
        kind: part.kind,
        name: part.name.clone(),
        power_w: power.map(|power| power.value),
        soc: part.soc.as_ref().and_then(|series| newest(memcore, series)).map(|soc| soc.value),
        series: Some(part.power.to_string()),
        time_us: power.map(|power| power.time.as_micros()),
        stale,
        limit_w: part.limit_w.or(target_w.filter(|_| status.is_some_and(|status| !status.limited_by.is_empty()))),
        target_w,
    }
}

/// The newest number of a series. What cannot be read is not known.
fn newest(memcore: &Memcore, series: &SeriesName) -> Option<Sample> {
    let (_, sample) = memcore.latest(series).ok()?.pop()?;
    sample.value.is_finite().then_some(sample)
}

/// What no meter explains: what comes from the grid less all that is measured behind it. Nothing can be said of it while one of them
/// is not known.
fn rest(nodes: &[FlowNode]) -> Option<FlowNode> {
    let grid: Vec<&FlowNode> = nodes.iter().filter(|node| node.kind == NodeKind::Grid).collect();
    if grid.is_empty() {
        return None;
    }
    let sign = |node: &FlowNode| if node.kind == NodeKind::Grid { 1.0 } else { -1.0 };
    let power_w = nodes.iter().map(|node| node.power_w.map(|power| sign(node) * power)).sum();
    Some(FlowNode {
        id: "unmeasured".to_owned(),
        kind: NodeKind::Unmeasured,
        name: "unmeasured".to_owned(),
        power_w,
        soc: None,
        series: None,
        time_us: nodes.iter().filter_map(|node| node.time_us).min(),
        stale: nodes.iter().any(|node| node.stale),
        limit_w: None,
        target_w: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Channel, Name, Quantity, Span, Unit};

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

    fn site(powers: &[(&str, f64, i64)]) -> Flow {
        let memcore = Memcore::in_memory();
        for (device, value, age) in powers {
            let series: SeriesName = format!("home1.{device}.power").parse().unwrap();
            let channel = Channel::gauge("power", Unit::Watt).unwrap().cadence(Span::from_seconds(10)).build().unwrap();
            memcore.register(&series, &channel).unwrap();
            let time = NOW.saturating_add(Span::from_seconds(-age));
            memcore.write(&series, &[time], &[Some(*value)], None).unwrap();
        }
        let soc: SeriesName = "home1.battery.soc".parse().unwrap();
        memcore
            .register(&soc, &Channel::of("soc", Quantity::StateOfCharge, Unit::Percent).unwrap().build().unwrap())
            .unwrap();
        memcore.write(&soc, &[NOW], &[Some(50.0)], None).unwrap();
        let name = |text| Name::new(text).unwrap();
        let place = Place { operator: name("local"), site: name("home1") };
        of_parts(&memcore, &parts::by_name(&memcore, &place), None, NOW)
    }

    fn find<'a>(flow: &'a Flow, id: &str) -> &'a FlowNode {
        flow.nodes.iter().find(|node| node.id == id).unwrap()
    }

    #[test]
    fn what_no_meter_explains_is_what_is_left_over() {
        let flow = site(&[("grid", 500.0, 1), ("pv", -3000.0, 1), ("battery", 2000.0, 1), ("ev", 1100.0, 1)]);
        assert!(flow.complete);
        let rest = find(&flow, "unmeasured");
        assert_eq!((rest.power_w, rest.stale, rest.kind), (Some(400.0), false, NodeKind::Unmeasured));
        let battery = find(&flow, "battery");
        assert_eq!((battery.kind, battery.power_w, battery.soc), (NodeKind::Battery, Some(2000.0), Some(0.5)));
        assert_eq!((find(&flow, "pv").kind, find(&flow, "ev").kind), (NodeKind::Pv, NodeKind::Ev));
    }

    #[test]
    fn what_is_silent_for_three_cadences_is_stale_and_so_is_the_rest() {
        let flow = site(&[("grid", 500.0, 1), ("pv", -3000.0, 31)]);
        assert!(find(&flow, "pv").stale && !find(&flow, "grid").stale && find(&flow, "unmeasured").stale);
        assert!(!flow.complete);
    }

    #[test]
    fn without_a_meter_at_the_grid_nothing_is_left_over() {
        let flow = site(&[("pv", -3000.0, 1)]);
        assert!(flow.nodes.iter().all(|node| node.kind != NodeKind::Unmeasured));
    }
}
