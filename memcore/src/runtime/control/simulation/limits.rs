//! What must never be broken, held against the site as it is, not as it is measured.

use super::outside::Outside;
use super::record::Record;
use super::site::LiveSite;
use crate::control::CheckedModel;
use crate::model::Timestamp;

/// The limits of a site, in the order in which they are counted: three of each circuit, one of each asset (its state of charge),
/// one of each external limit.
pub(super) struct Limits {
    circuits: usize,
    assets: usize,
    externals: usize,
}

impl Limits {
    pub(super) fn new(model: &CheckedModel) -> Self {
        let (circuits, externals) = (model.circuits().len(), model.model().externals.len());
        Self { circuits, assets: model.assets().len(), externals }
    }

    pub(super) fn count(&self) -> usize {
        3 * self.circuits + self.assets + self.externals
    }

    pub(super) fn check(
        &self,
        model: &CheckedModel,
        site: &LiveSite,
        outside: &Outside,
        record: &mut Record,
        now: Timestamp,
    ) {
        for circuit in 0..self.circuits {
            check_circuit(model, site, record, now, circuit);
        }
        for place in 0..self.assets {
            let asset = &model.assets()[place];
            let (Some(storage), Some(soc)) = (&asset.storage, site.assets[place].soc()) else { continue };
            let (low, high) = (storage.min_soc - storage.tolerance, storage.max_soc + storage.tolerance);
            let broken = (soc < low - 1e-9 || soc > high + 1e-9).then_some(soc);
            let what = || (format!("state of charge of {}", asset.name), if soc < low { low } else { high });
            record.check(3 * self.circuits + place, now, broken, what);
        }
        for place in 0..self.externals {
            let at = 3 * self.circuits + self.assets + place;
            let external = &model.model().externals[place];
            let what = || (format!("limit of {}", external.name), external.limit_w.unwrap_or(external.failsafe_w));
            match outside.limit_w(model, place) {
                Some(limit) => {
                    let drawn: f64 = if external.members.is_empty() {
                        site.grid_w()
                    } else {
                        let places = external.members.iter().filter_map(|name| model.place(name.as_str()));
                        places.map(|place| site.assets[place].power_w).sum()
                    };
                    // Converters hold a setpoint to within a percent or two.
                    record.check(at, now, (drawn > 1.03 * limit + 10.0).then_some(drawn), what);
                }
                None => record.mend(at, what),
            }
        }
    }
}

fn check_circuit(model: &CheckedModel, site: &LiveSite, record: &mut Record, now: Timestamp, circuit: usize) {
    let described = described(model, circuit);
    let (name, phases) = (&described.name, site.circuit_phases(circuit));
    let worst = phases.iter().fold(0.0, |worst: f64, phase| worst.max(phase.abs())) / described.volts;
    let sum: f64 = phases.iter().sum();
    let limits = [
        (described.limit_a, worst, "current of circuit"),
        (described.import_limit_w, sum, "import of circuit"),
        (described.export_limit_w, -sum, "export of circuit"),
    ];
    for (at, (limit, value, words)) in limits.into_iter().enumerate() {
        let Some(limit) = limit else { continue };
        let broken = (value > limit * (1.0 + 1e-9)).then_some(value);
        record.check(3 * circuit + at, now, broken, || (format!("{words} {name}"), limit));
    }
}

/// The share of its limits that a circuit carries: above 1 is too much.
pub(super) fn share_of(model: &CheckedModel, site: &LiveSite, circuit: usize) -> f64 {
    let described = described(model, circuit);
    let phases = site.circuit_phases(circuit);
    let worst = phases.iter().fold(0.0, |worst: f64, phase| worst.max(phase.abs())) / described.volts;
    let sum: f64 = phases.iter().sum();
    let shares = [
        described.limit_a.map(|limit| worst / limit),
        described.import_limit_w.map(|limit| sum / limit),
        described.export_limit_w.map(|limit| -sum / limit),
    ];
    shares.into_iter().flatten().fold(0.0, f64::max)
}

/// A circuit as it was described: limits without the margin taken off. Checked circuits may stand in another order.
fn described(model: &CheckedModel, circuit: usize) -> &crate::control::Circuit {
    let name = &model.circuits()[circuit].name;
    let found = model.model().circuits.iter().find(|described| described.name == *name);
    found.unwrap_or(&model.model().circuits[circuit])
}
