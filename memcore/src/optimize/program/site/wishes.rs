//! What a site wishes as a whole: reserve, calm powers, staying with the previous plan.

use super::{Builder, KILO};
use crate::optimize::Asset;
use crate::optimize::program::linear::Column;

impl Builder<'_, '_> {
    pub(super) fn wishes(&mut self) {
        self.reserve_rows();
        for wish in &self.checked.site.smoothness {
            let Some(part) = self.place(&wish.asset) else { continue };
            for step in 1..self.steps() {
                let before: Vec<(Column, f64)> = self.net[part][step - 1].clone();
                self.distance(part, step, before, wish.per_kw);
            }
        }
        if let Some(stay) = &self.checked.site.stay {
            for previous in &stay.previous {
                let Some(part) = self.place(&previous.asset) else { continue };
                for step in 0..self.steps() {
                    let Some(power_w) = previous.power_w.get(step).copied().flatten() else { continue };
                    let before = self.given(power_w / KILO);
                    self.distance(part, step, vec![(before, 1.0)], stay.per_kwh * self.hours(step));
                }
            }
        }
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.checked.site.assets.iter().map(Asset::name).position(|asset| asset == name)
    }

    /// A cost per kW between the net power of a part in a step and another power.
    fn distance(&mut self, part: usize, step: usize, other: Vec<(Column, f64)>, per_kw: f64) {
        let distance = self.program.column(per_kw, 0.0..=f64::INFINITY);
        let difference: Vec<(Column, f64)> = self.net[part][step]
            .iter()
            .copied()
            .chain(other.into_iter().map(|(column, factor)| (column, -factor)))
            .collect();
        self.program.at_most(0.0, difference.iter().copied().chain([(distance, -1.0)]));
        self.program.at_least(0.0, difference.into_iter().chain([(distance, 1.0)]));
    }

    /// What assets are counted on for, with what is missing, is at least what is asked for.
    fn reserve_rows(&mut self) {
        let Some(reserve) = &self.checked.site.reserve else { return };
        let per_kwh = self.checked.reserve_terms(reserve).1;
        let counted = std::mem::take(&mut self.reserve);
        for (step, terms) in counted.into_iter().enumerate() {
            let asked = self.given(reserve.up_w.at(step) / KILO);
            let missing = self.program.column(per_kwh * self.hours(step), 0.0..=f64::INFINITY);
            self.program.at_least(0.0, terms.into_iter().chain([(missing, 1.0), (asked, -1.0)]));
        }
    }
}
