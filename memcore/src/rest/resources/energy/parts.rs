//! The parts of a site: by the roles of its site model where it is controlled, otherwise by the names of its devices.

use std::sync::Arc;

use super::flow::NodeKind;
use crate::control::{CheckedModel, Measure, Role};
use crate::energy::Role as BalanceRole;
use crate::model::{Quantity, SeriesName};
use crate::rest::within::Place;
use crate::runtime::{Memcore, ServerHandle};

/// A part of a site, with the series that tell of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FlowPart {
    pub(super) name: String,
    pub(super) kind: NodeKind,
    pub(super) power: SeriesName,
    pub(super) soc: Option<SeriesName>,
    pub(super) limit_w: Option<f64>,
}

impl FlowPart {
    /// What it does in the balance of the site.
    pub(super) fn role(&self) -> BalanceRole {
        match self.kind {
            NodeKind::Grid => BalanceRole::Grid,
            NodeKind::Pv | NodeKind::Genset => BalanceRole::Production,
            NodeKind::Battery => BalanceRole::Storage,
            NodeKind::Ev | NodeKind::HeatPump | NodeKind::Load | NodeKind::Unmeasured => BalanceRole::Load,
        }
    }
}

/// The model of the site, where it is the one that is controlled.
pub(super) fn controlled(server: &ServerHandle, place: &Place) -> Option<Arc<CheckedModel>> {
    let of = |model: &Arc<CheckedModel>| model.model().operator == place.operator && model.model().site == place.site;
    server.checked_model().filter(of)
}

/// Its assets. What a meter within the site measures is drawn by others: it is no part of its own.
pub(super) fn of_model(model: &CheckedModel) -> Vec<FlowPart> {
    let part = |(at, asset): (usize, &crate::control::CheckedAsset)| {
        let kind = match asset.role {
            Role::GridMeter => NodeKind::Grid,
            Role::Meter => return None,
            Role::Pv => NodeKind::Pv,
            Role::Battery => NodeKind::Battery,
            Role::Charger => NodeKind::Ev,
            Role::HeatPump => NodeKind::HeatPump,
            Role::Genset => NodeKind::Genset,
            Role::Load | Role::Switch => NodeKind::Load,
        };
        let circuits = &model.model().circuits;
        let limit_w = circuits.iter().find(|circuit| circuit.meter.as_ref() == Some(&asset.name));
        let limit_w = limit_w.filter(|_| kind == NodeKind::Grid).and_then(|circuit| circuit.import_limit_w);
        Some(FlowPart {
            name: asset.name.to_string(),
            kind,
            power: model.series_of(at, Measure::Power)?.clone(),
            soc: model.series_of(at, Measure::Soc).cloned(),
            limit_w,
        })
    };
    model.assets().iter().enumerate().filter_map(part).collect()
}

/// The devices of a site that have a power, by their names: `grid`, `pv-east`, `battery2`, `ev`, `heat_pump`. Others are loads.
pub(super) fn by_name(memcore: &Memcore, place: &Place) -> Vec<FlowPart> {
    let Ok(all) = place.selection(Some("*.power")) else { return Vec::new() };
    let found = memcore.series(all).into_iter().filter(|(_, channel)| channel.quantity == Quantity::Power);
    let part = |power: SeriesName| {
        let device = power.device.clone();
        let soc = crate::model::ChannelName::new("soc").ok().map(|channel| device.channel(channel));
        let soc = soc.filter(|soc| memcore.store().channel(soc).is_some());
        FlowPart { name: device.device.to_string(), kind: kind_of(device.device.as_str()), power, soc, limit_w: None }
    };
    let mut parts: Vec<FlowPart> = found.map(|(power, _)| part(power)).collect();
    // Where nothing is named grid, the one meter of a site is where it meets the grid.
    if !parts.iter().any(|part| part.kind == NodeKind::Grid)
        && let Some(meter) = parts.iter_mut().find(|part| part.name == "meter")
    {
        meter.kind = NodeKind::Grid;
    }
    parts
}

fn kind_of(device: &str) -> NodeKind {
    const WORDS: [(&str, NodeKind); 11] = [
        ("grid", NodeKind::Grid),
        ("pv", NodeKind::Pv),
        ("battery", NodeKind::Battery),
        ("ev", NodeKind::Ev),
        ("charger", NodeKind::Ev),
        ("wallbox", NodeKind::Ev),
        ("heat_pump", NodeKind::HeatPump),
        ("heat-pump", NodeKind::HeatPump),
        ("heatpump", NodeKind::HeatPump),
        ("heater", NodeKind::HeatPump),
        ("genset", NodeKind::Genset),
    ];
    let is = |word: &str| {
        // Alone, or with a number or a further word behind it, as the roles of a balance.
        let rest = device.strip_prefix(word);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '_'))
    };
    WORDS.iter().find(|(word, _)| is(word)).map_or(NodeKind::Load, |(_, kind)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_told_by_whole_words() {
        for (device, kind) in [
            ("grid", NodeKind::Grid),
            ("pv2", NodeKind::Pv),
            ("pv-east", NodeKind::Pv),
            ("pvc", NodeKind::Load),
            ("evening-light", NodeKind::Load),
            ("ev-charger", NodeKind::Ev),
            ("heat_pump", NodeKind::HeatPump),
            ("house", NodeKind::Load),
        ] {
            assert_eq!(kind_of(device), kind, "{device}");
        }
    }
}
