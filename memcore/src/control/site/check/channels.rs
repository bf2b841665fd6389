//! Channels: each asset's own, as series of the site.

use std::collections::HashMap;

use super::report::Report;
use crate::control::Measure;
use crate::control::site::{Asset, SiteModel};
use crate::error::{Error, Result};
use crate::model::{DeviceName, SeriesName};

/// What a series brings: which measure, of the asset or external limit at which place.
pub(super) type Inputs = HashMap<SeriesName, Vec<(Measure, usize)>>;

impl SiteModel {
    /// A channel of an asset, as `channel` or `device:channel`.
    pub(super) fn series_of(&self, asset: &Asset, written: &str) -> Result<SeriesName> {
        let own = asset.device.as_ref().unwrap_or(&asset.name).as_str();
        let (device, channel) = written.split_once(':').unwrap_or((own, written));
        self.series_named(device, channel)
    }

    /// A channel of the site, as `device:channel`.
    pub(super) fn site_series(&self, written: &str) -> Result<SeriesName> {
        let (device, channel) = written
            .split_once(':')
            .ok_or_else(|| Error::invalid(format!("is {written:?}, expected device:channel such as control_box:limit")))?;
        self.series_named(device, channel).map_err(|e| e.context(format_args!("is {written:?}")))
    }

    fn series_named(&self, device: &str, channel: &str) -> Result<SeriesName> {
        Ok(DeviceName::new(self.operator.as_str(), self.site.as_str(), device)?.channel(channel.parse()?))
    }
}

/// Which fields of an asset name channels that are read, and what they bring.
fn measured(asset: &Asset) -> Vec<(&'static str, Measure, &str)> {
    let mut measured = vec![("power", Measure::Power, asset.power.as_deref().unwrap_or("power"))];
    let one = [
        ("soc", Measure::Soc, &asset.soc),
        ("connected", Measure::Connected, &asset.connected),
        ("voltage", Measure::Voltage, &asset.voltage),
        ("frequency", Measure::Frequency, &asset.frequency),
        ("temperature", Measure::Temperature, &asset.temperature),
    ];
    measured.extend(one.into_iter().filter_map(|(field, measure, channel)| Some((field, measure, channel.as_deref()?))));
    let phases = [Measure::CurrentL1, Measure::CurrentL2, Measure::CurrentL3];
    // A single current is that of the conductor it is on.
    let first = match (asset.currents.len(), asset.phases) {
        (1, crate::control::PhaseUse::L2) => 1,
        (1, crate::control::PhaseUse::L3) => 2,
        _ => 0,
    };
    let currents = phases.into_iter().skip(first).zip(&asset.currents);
    measured.extend(currents.map(|(measure, channel)| ("currents", measure, channel.as_str())));
    measured
}

/// Whether assets may share a channel that brings it: a bus has one voltage, a room one temperature.
fn shared(measure: Measure) -> bool {
    matches!(measure, Measure::Voltage | Measure::Frequency | Measure::Temperature)
}

/// All series that are read, where every channel is one; whatever two assets claim is a fault.
pub(super) fn inputs(report: &mut Report, model: &SiteModel) -> Inputs {
    let mut inputs = Inputs::new();
    let mut written: HashMap<SeriesName, (&str, usize)> = HashMap::new();
    for (place, asset) in model.assets.iter().enumerate() {
        for (field, measure, channel) in measured(asset) {
            let Some(series) = series(report, model, asset, field, channel) else { continue };
            let bringing = inputs.entry(series).or_default();
            let clash = bringing.iter().find(|(other, _)| *other != measure || !shared(measure));
            if let Some((_, other)) = clash {
                twice(report, asset, (field, channel), (&model.assets[*other], *other == place));
            }
            bringing.push((measure, place));
        }
        for (field, channel) in [("setpoint", &asset.setpoint), ("phase_setpoint", &asset.phase_setpoint)] {
            let Some(channel) = channel else { continue };
            let Some(series) = series(report, model, asset, field, channel) else { continue };
            if let Some((_, other)) = written.insert(series, (field, place)) {
                twice(report, asset, (field, channel), (&model.assets[other], other == place));
            }
        }
    }
    // What one asset takes as its setpoint is not another's measurement.
    for (series, (field, place)) in written {
        let others = inputs.get(&series).into_iter().flatten().find(|(_, other)| *other != place);
        if let Some((_, other)) = others {
            let asset = &model.assets[place];
            twice(report, asset, (field, &series.to_string()), (&model.assets[*other], false));
        }
    }
    of_the_site(report, model, &mut inputs);
    inputs
}

fn series(report: &mut Report, model: &SiteModel, asset: &Asset, field: &str, channel: &str) -> Option<SeriesName> {
    let series = model.series_of(asset, channel);
    let told = |e: &Error| report.of("asset", asset.name.as_str()).fault(field, format_args!("is {channel:?}: {e}"));
    series.inspect_err(told).ok()
}

fn twice(report: &mut Report, asset: &Asset, (field, channel): (&str, &str), (other, same): (&Asset, bool)) {
    let part = &mut report.of("asset", asset.name.as_str());
    let name = &other.name;
    if same {
        part.fault(field, format_args!("is {channel:?}, which is another of its channels already"));
    } else {
        part.fault(
            field,
            format_args!("is {channel:?}, which is a channel of asset {name} already: two assets on one channel"),
        );
    }
}

/// Signals of limits from outside, and whether the grid is there.
fn of_the_site(report: &mut Report, model: &SiteModel, inputs: &mut Inputs) {
    for (place, external) in model.externals.iter().enumerate() {
        match model.site_series(&external.signal) {
            Ok(series) => inputs.entry(series).or_default().push((Measure::External, place)),
            Err(e) => report.of("external", external.name.as_str()).fault("signal", e),
        }
    }
    if let Some(island) = &model.island {
        match model.site_series(&island.grid_present) {
            Ok(series) => inputs.entry(series).or_default().push((Measure::GridPresent, 0)),
            Err(e) => report.of("island", "").fault("grid_present", e),
        }
    }
}
