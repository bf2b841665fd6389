//! What a site model may say, and what it comes to.

use std::collections::HashMap;

use super::{Asset, CheckedAsset, CheckedCircuit, CheckedGroup, CheckedModel, Circuit, Role, Setpoint, SiteModel, Steps};
use crate::control::Measure;
use crate::error::{Error, Result};
use crate::model::{DeviceName, SeriesName};

impl SiteModel {
    /// The model as control works with it.
    ///
    /// # Errors
    /// Invalid, naming the asset or circuit, the field, its value and what was expected.
    pub fn check(&self) -> Result<CheckedModel> {
        let mut inputs: HashMap<SeriesName, Vec<(Measure, usize)>> = HashMap::new();
        let mut assets = Vec::with_capacity(self.assets.len());
        for (place, asset) in self.assets.iter().enumerate() {
            assets.push(self.asset(asset)?);
            for (measure, channel) in asset.measured() {
                inputs.entry(self.series(asset, channel)?).or_default().push((measure, place));
            }
        }
        let grid = self.assets.iter().position(|asset| asset.role == Role::GridMeter);
        let circuits = self.circuits.iter().map(|circuit| self.circuit(circuit)).collect::<Result<_>>()?;
        let place = |name: &crate::model::Name| {
            let found = self.assets.iter().position(|asset| asset.name == *name);
            found.ok_or_else(|| Error::invalid(format!("{name} is no asset of the site")))
        };
        let groups = self.groups.iter().map(|group| {
            let members = group.members.iter().map(place).collect::<Result<_>>()?;
            Ok(CheckedGroup { name: group.name.clone(), members, share_by: group.share_by })
        });
        let groups = groups.collect::<Result<_>>()?;
        Ok(CheckedModel { model: self.clone(), assets, circuits, groups, inputs, grid })
    }

    /// A channel of an asset, as `channel` or `device:channel`.
    fn series(&self, asset: &Asset, written: &str) -> Result<SeriesName> {
        let own = asset.device.as_ref().unwrap_or(&asset.name).as_str();
        let (device, channel) = written.split_once(':').unwrap_or((own, written));
        Ok(DeviceName::new(self.operator.as_str(), self.site.as_str(), device)?.channel(channel.parse()?))
    }

    fn asset(&self, asset: &Asset) -> Result<CheckedAsset> {
        let [low_w, high_w] = asset.range_w.unwrap_or([f64::NEG_INFINITY, f64::INFINITY]);
        let setpoint = asset.setpoint.as_deref().map(|written| {
            let phases = asset.phase_setpoint.as_deref().map(|written| self.series(asset, written)).transpose()?;
            Ok::<_, Error>(Setpoint { series: self.series(asset, written)?, unit: asset.setpoint_unit, phases })
        });
        let steps = match (&asset.levels_w[..], asset.step_w) {
            ([], None) => Steps::Continuous,
            ([], Some(step)) => Steps::Every(step),
            (levels, _) => Steps::Levels(levels.to_vec()),
        };
        let circuit = asset.circuit.as_ref().and_then(|name| self.circuits.iter().position(|c| c.name == *name));
        Ok(CheckedAsset {
            name: asset.name.clone(),
            role: asset.role,
            circuit: circuit.or(if self.circuits.is_empty() { None } else { Some(0) }),
            low_w,
            high_w,
            least_w: asset.least_w,
            steps,
            ramp_w_per_s: asset.ramp_w_per_s.unwrap_or(f64::INFINITY),
            min_on: asset.min_on.unwrap_or_default().to_duration(),
            min_off: asset.min_off.unwrap_or_default().to_duration(),
            phases: asset.phases,
            volts: asset.volts,
            silent_after: asset.period.to_duration() * 3,
            safe_w: asset.safe_w,
            assumed_w: asset.assumed_w.unwrap_or(if asset.role == Role::Pv { low_w } else { high_w }),
            storage: asset.storage.clone(),
            setpoint: setpoint.transpose()?,
            described: asset.clone(),
        })
    }

    fn circuit(&self, circuit: &Circuit) -> Result<CheckedCircuit> {
        let kept = 1.0 - circuit.margin;
        let limit = |limit: Option<f64>| limit.map_or(f64::INFINITY, |limit| limit * kept);
        Ok(CheckedCircuit {
            name: circuit.name.clone(),
            within: circuit.within.as_ref().and_then(|name| self.circuits.iter().position(|c| c.name == *name)),
            members: Vec::new(),
            meter: circuit.meter.as_ref().and_then(|name| self.assets.iter().position(|asset| asset.name == *name)),
            limit_a: limit(circuit.limit_a),
            import_w: limit(circuit.import_limit_w),
            export_w: limit(circuit.export_limit_w),
            volts: circuit.volts,
            phases: circuit.phases,
        })
    }
}

impl Asset {
    /// What is measured of it, and the channels that bring it.
    fn measured(&self) -> Vec<(Measure, &str)> {
        let mut measured = vec![(Measure::Power, self.power.as_deref().unwrap_or("power"))];
        let one = [
            (Measure::Soc, &self.soc),
            (Measure::Connected, &self.connected),
            (Measure::Voltage, &self.voltage),
            (Measure::Frequency, &self.frequency),
            (Measure::Temperature, &self.temperature),
        ];
        measured.extend(one.into_iter().filter_map(|(measure, channel)| Some((measure, channel.as_deref()?))));
        let phases = [Measure::CurrentL1, Measure::CurrentL2, Measure::CurrentL3];
        measured.extend(phases.into_iter().zip(self.currents.iter().map(String::as_str)));
        measured
    }
}
