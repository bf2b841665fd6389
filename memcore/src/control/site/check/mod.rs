//! What a site model may say, and what it comes to. All faults are told, not only the first.

mod asset;
mod channels;
mod circuits;
mod report;
mod stores;
mod whole;

use self::channels::Inputs;
use self::circuits::Tree;
use self::report::Report;
use super::{
    Asset, CheckedAsset, CheckedCircuit, CheckedExternal, CheckedGroup, CheckedModel, Circuit, Role, Setpoint,
    SetpointUnit, SiteModel, Steps,
};
use crate::control::actors;
use crate::energy::zone_of;
use crate::error::{Error, Result};
use crate::model::Name;

impl SiteModel {
    /// The model as control works with it.
    ///
    /// # Errors
    /// Invalid, with all faults, each naming the asset or circuit, the field, its value and what was expected.
    pub fn check(&self) -> Result<CheckedModel> {
        let mut report = Report::default();
        if !whole::sizes(&mut report, self) {
            report.into_notices()?;
            return Err(Error::invalid("the site model is too large"));
        }
        whole::names(&mut report, self);
        whole::strategies(&mut report, self);
        whole::clocks(&mut report, self);
        for asset in &self.assets {
            asset::asset(&mut report.of("asset", asset.name.as_str()), asset);
        }
        let tree = circuits::circuits(&mut report, self);
        self.groups.iter().for_each(|group| whole::group(&mut report, self, group));
        self.externals.iter().for_each(|external| whole::external(&mut report, self, external));
        if let Some(tariff) = &self.tariff {
            whole::tariff(&mut report, self, tariff);
        }
        if let Some(island) = &self.island {
            whole::island(&mut report, self, island);
        }
        if let Some(planning) = &self.planning {
            whole::planning(&mut report, planning);
        }
        let inputs = channels::inputs(&mut report, self);
        self.without_effect(&mut report, &tree);
        self.unwatched_arrays(&mut report, &tree);
        let notices = report.into_notices()?;
        let checked = self.checked(&tree, inputs, notices)?;
        actors(&checked).map(|_| checked)
    }

    /// What is assumed where nothing was said, and matters.
    fn without_effect(&self, report: &mut Report, tree: &Tree) {
        for asset in self.assets.iter().filter(|asset| asset.role == Role::Load && asset.assumed_w.is_none()) {
            if asset.range().is_none() && tree.of_asset(self, asset).is_none_or(|place| self.fuse_w(tree, place).is_none())
            {
                let part = &mut report.of("asset", asset.name.as_str());
                part.notice(
                    "assumed_w",
                    "is not given, and no circuit limits it: taken to draw nothing when its meter is lost",
                );
            }
        }
    }

    /// Arrays that by themselves give more than may be fed in: a lost link, and nobody holds them back.
    fn unwatched_arrays(&self, report: &mut Report, tree: &Tree) {
        let arrays = self.assets.iter().filter(|asset| asset.role == Role::Pv && asset.setpoint.is_some());
        for asset in arrays.filter(|asset| asset.safe_w.is_none()) {
            let above = tree.of_asset(self, asset).into_iter().flat_map(|place| tree.upwards(place));
            let limits = above.filter_map(|place| self.circuits[tree.order[place]].export_limit_w);
            let gives = -asset.safe();
            if let Some(limit) = limits.reduce(f64::min).filter(|limit| *limit < gives) {
                let part = &mut report.of("asset", asset.name.as_str());
                let why =
                    format_args!("is not given: while nobody decides it gives up to {gives} W, and {limit} W may flow out");
                part.notice("safe_w", why);
            }
        }
    }

    /// The most power in that a circuit or one that feeds it lets through, in W.
    fn fuse_w(&self, tree: &Tree, place: usize) -> Option<f64> {
        let of = |circuit: &Circuit| {
            let fuse = circuit.limit_a.map(|limit| limit * circuit.volts * f64::from(circuit.phases));
            fuse.into_iter().chain(circuit.import_limit_w).reduce(f64::min)
        };
        tree.upwards(place).filter_map(|place| of(&self.circuits[tree.order[place]])).reduce(f64::min)
    }

    fn checked(&self, tree: &Tree, inputs: Inputs, notices: Vec<String>) -> Result<CheckedModel> {
        let assets = self.assets.iter().map(|asset| self.asset(asset, tree)).collect::<Result<Vec<_>>>()?;
        let circuits = (0..tree.order.len()).map(|place| self.circuit(tree, place, &assets)).collect();
        let group = |group: &super::Group| CheckedGroup {
            name: group.name.clone(),
            members: self.places(&group.members),
            share_by: group.share_by,
        };
        let external = |external: &super::ExternalLimit| CheckedExternal {
            name: external.name.clone(),
            members: self.places(&external.members),
            limit_w: external.limit_w,
            failsafe_w: external.failsafe_w,
            silent_after: external.silent_after.to_duration(),
            min_duration: external.min_duration.to_duration(),
        };
        let price = |series: Option<&String>| series.map(|series| self.site_series(series)).transpose();
        let tariff = self.tariff.as_ref();
        Ok(CheckedModel {
            groups: self.groups.iter().map(group).collect(),
            externals: self.externals.iter().map(external).collect(),
            buy_series: price(tariff.and_then(|tariff| tariff.buy_series.as_ref()))?,
            sell_series: price(tariff.and_then(|tariff| tariff.sell_series.as_ref()))?,
            forming: self.island.as_ref().and_then(|island| self.place_of(island.forming.as_ref()?)),
            zone: zone_of(&self.zone)?,
            grid: self.assets.iter().position(|asset| asset.role == Role::GridMeter),
            model: self.clone(),
            assets,
            circuits,
            inputs,
            notices,
        })
    }

    fn place_of(&self, name: &Name) -> Option<usize> {
        self.assets.iter().position(|asset| asset.name == *name)
    }

    fn places(&self, names: &[Name]) -> Vec<usize> {
        names.iter().filter_map(|name| self.place_of(name)).collect()
    }

    fn asset(&self, asset: &Asset, tree: &Tree) -> Result<CheckedAsset> {
        let [low_w, high_w] = asset.range().unwrap_or([f64::NEG_INFINITY, f64::INFINITY]);
        let circuit = tree.of_asset(self, asset);
        let assumed_w = asset.assumed_w.unwrap_or_else(|| match asset.role.is_source() {
            true if low_w.is_finite() => low_w,
            false if high_w.is_finite() => high_w,
            true => 0.0,
            false => circuit.and_then(|place| self.fuse_w(tree, place)).unwrap_or(0.0),
        });
        let departure = asset.vehicle.as_ref().and_then(|vehicle| vehicle.departure.as_deref());
        Ok(CheckedAsset {
            name: asset.name.clone(),
            role: asset.role,
            circuit,
            low_w,
            high_w,
            least_w: asset.least_w,
            steps: steps(asset, [low_w, high_w]),
            ramp_w_per_s: asset.ramp_w_per_s.unwrap_or(f64::INFINITY),
            min_on: asset.min_on.unwrap_or_default().to_duration(),
            min_off: asset.min_off.unwrap_or_default().to_duration(),
            phases: asset.phases,
            volts: asset.volts,
            silent_after: asset.period.to_duration() * 3,
            safe_w: asset.safe(),
            assumed_w,
            storage: asset.storage.clone(),
            setpoint: self.setpoint(asset)?,
            departure: departure.map(str::parse).transpose()?,
            described: asset.clone(),
        })
    }

    fn setpoint(&self, asset: &Asset) -> Result<Option<Setpoint>> {
        let Some(written) = asset.setpoint.as_deref() else { return Ok(None) };
        let phases = asset.phase_setpoint.as_deref().map(|written| self.series_of(asset, written)).transpose()?;
        Ok(Some(Setpoint { series: self.series_of(asset, written)?, unit: unit(asset), phases }))
    }

    fn circuit(&self, tree: &Tree, place: usize, assets: &[CheckedAsset]) -> CheckedCircuit {
        let circuit = &self.circuits[tree.order[place]];
        let kept = 1.0 - circuit.margin;
        let limit = |limit: Option<f64>| limit.map_or(f64::INFINITY, |limit| limit * kept);
        let within = |asset: &CheckedAsset| asset.circuit.is_some_and(|own| tree.upwards(own).any(|above| above == place));
        let members = assets.iter().enumerate().filter(|(_, asset)| !asset.role.is_meter() && within(asset));
        CheckedCircuit {
            name: circuit.name.clone(),
            within: tree.within[place],
            members: members.map(|(member, _)| member).collect(),
            meter: circuit.meter.as_ref().and_then(|name| self.place_of(name)),
            limit_a: limit(circuit.limit_a),
            import_w: limit(circuit.import_limit_w),
            export_w: limit(circuit.export_limit_w),
            volts: circuit.volts,
            phases: circuit.phases,
        }
    }
}

/// The unit of a setpoint; a switch is only switched.
fn unit(asset: &Asset) -> SetpointUnit {
    if asset.role == Role::Switch { SetpointUnit::OnOff } else { asset.setpoint_unit }
}

/// Which powers it can take.
fn steps(asset: &Asset, [low_w, high_w]: [f64; 2]) -> Steps {
    match (&asset.levels_w[..], asset.step_w) {
        ([], _) if asset.setpoint.is_some() && unit(asset) == SetpointUnit::OnOff => {
            let levels = if low_w < 0.0 { vec![low_w, 0.0] } else { vec![0.0, high_w] };
            Steps::Levels(levels)
        }
        ([], None) => Steps::Continuous,
        ([], Some(step)) => Steps::Every(step),
        (levels, _) => Steps::Levels(levels.to_vec()),
    }
}
