//! Limits on sums. Every asset starts at nothing, and is filled towards what it is to do, the most urgent first, equals together and
//! in proportion to what they lack, until a limit stops them. What one leaves, or gives, fills another in the same decision.
//!
//! Filling never breaks a limit that is kept when nothing runs. Only where limits are broken already then, by what is not
//! controlled, [`relieve`](Filling::relieve) moves assets beyond nothing: batteries discharge for a circuit that is overloaded.

use super::nest::{Bounds, Claim};
use super::taker::{ENOUGH_W, Takers};
use super::{close, nearest_step, next_step};
use crate::control::{Cause, CheckedModel, Steps, SumLimit};

/// Rounds after which filling ends, whatever is left: each gives more, so that any end is safe.
const ROUNDS_MAX: usize = 16;

/// A limit on a sum, and where the sum stands.
#[derive(Debug, Clone)]
struct Sum {
    low_w: f64,
    high_w: f64,
    cause: Cause,
    /// Whether safety asks for it, and not a wish.
    safety: bool,
    at_w: f64,
}

impl Sum {
    /// What can still be added in that direction.
    fn room(&self, change: f64) -> f64 {
        if change > 0.0 { (self.high_w - self.at_w).max(0.0) } else { (self.at_w - self.low_w).max(0.0) }
    }

    fn tight(&self, change: f64) -> bool {
        let bound = if change > 0.0 { self.high_w } else { self.low_w };
        self.room(change) <= 1e-9 * bound.abs().max(1.0)
    }

    /// By how much it is above its highest, or below its lowest as a negative number.
    fn broken(&self) -> f64 {
        let off = self.at_w - self.at_w.max(self.low_w).min(self.high_w);
        if off.abs() > 1e-6 * self.at_w.abs().max(1.0) { off } else { 0.0 }
    }
}

/// An asset on its way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Filled {
    /// What safety allows.
    pub(super) bounds: Bounds,
    /// Where it starts: the nearest to nothing that safety allows.
    start_w: f64,
    /// Where it is.
    pub(super) power_w: f64,
    /// What stopped it.
    pub(super) stopped_by: Option<Cause>,
    /// Whether it has come to a step, and stays there.
    fixed: bool,
}

/// What is being filled: a class of equals.
#[derive(Debug, Clone, Copy)]
struct Need {
    place: usize,
    goal_w: f64,
    lacks_w: f64,
}

/// Assets and the sums they are in.
pub(super) struct Filling<'a> {
    model: &'a CheckedModel,
    takers: &'a Takers<'a>,
    pub(super) assets: Vec<Filled>,
    sums: Vec<Sum>,
    /// Of every asset the sums that it is in, with the share of its power that counts: from `first[place]` to `first[place + 1]`.
    shares: Vec<(usize, f64)>,
    first: Vec<usize>,
    /// How fast each sum grows; kept between steps so that nothing is made anew.
    rates: Vec<f64>,
    needs: Vec<Need>,
}

impl<'a> Filling<'a> {
    /// Nothing runs yet.
    pub(super) fn of(model: &'a CheckedModel, takers: &'a Takers<'a>, allowed: impl Iterator<Item = Bounds>) -> Self {
        let assets = allowed.map(|bounds| {
            let start_w = bounds.nearest(0.0);
            Filled { bounds, start_w, power_w: start_w, stopped_by: None, fixed: false }
        });
        let (assets, first) = (assets.collect::<Vec<_>>(), vec![0; model.assets.len() + 1]);
        Self { model, takers, assets, sums: Vec::new(), shares: Vec::new(), first, rates: Vec::new(), needs: Vec::new() }
    }

    /// The limits that hold: those of safety, and those that wishes set for several assets together.
    pub(super) fn limit<'s>(
        &mut self,
        safety: &'s [SumLimit],
        wished: impl Iterator<Item = (f64, f64, Cause, &'s [usize])>,
    ) {
        let mut members: Vec<(usize, usize, f64)> = Vec::new();
        for limit in safety {
            let entries = limit.members.iter().filter(|(place, weight)| *weight != 0.0 && *place < self.assets.len());
            members.extend(entries.map(|(place, weight)| (*place, self.sums.len(), *weight)));
            let (low_w, high_w, cause) = (limit.low_w.max(-ENOUGH_W), limit.high_w.min(ENOUGH_W), limit.cause);
            self.sums.push(Sum { low_w, high_w, cause, safety: true, at_w: 0.0 });
        }
        for (low_w, high_w, cause, places) in wished {
            members.extend(places.iter().map(|place| (*place, self.sums.len(), 1.0)));
            self.sums.push(Sum { low_w, high_w, cause, safety: false, at_w: 0.0 });
        }
        members.sort_unstable_by_key(|(place, sum, _)| (*place, *sum));
        for (place, sum, weight) in &members {
            self.first[place + 1] += 1;
            self.sums[*sum].at_w += weight * self.assets[*place].power_w;
        }
        (1..self.first.len()).for_each(|place| self.first[place] += self.first[place - 1]);
        self.shares = members.into_iter().map(|(_, sum, weight)| (sum, weight)).collect();
        self.rates = vec![0.0; self.sums.len()];
        // A wish for a sum stops what leads away from nothing; what leads towards it is for the wish itself to see to.
        for sum in self.sums.iter_mut().filter(|sum| !sum.safety) {
            if sum.high_w < sum.at_w {
                sum.high_w = f64::INFINITY;
            }
            if sum.low_w > sum.at_w {
                sum.low_w = f64::NEG_INFINITY;
            }
        }
    }

    /// Fills by claims, in their order; those of the same class together. `targets` is where each asset goes in the end.
    pub(super) fn fill(&mut self, claims: &[Claim], class: impl Fn(usize) -> u8, targets: &[f64]) {
        for _ in 0..ROUNDS_MAX {
            let mut changed = false;
            for claims in claims.chunk_by(|a, b| class(a.rank) == class(b.rank)) {
                self.needs_of(claims, targets);
                changed |= self.fill_class();
            }
            if !changed {
                return;
            }
        }
    }

    /// What a class lacks.
    fn needs_of(&mut self, claims: &[Claim], targets: &[f64]) {
        self.needs.clear();
        for claim in claims {
            let asset = &self.assets[claim.place];
            let (start, target) = (asset.start_w, asset.bounds.nearest(targets[claim.place]));
            let goal_w = claim.power_w.max(start.min(target)).min(start.max(target));
            let lacks_w = goal_w - asset.power_w;
            let towards = lacks_w * (target - start) > 0.0;
            if asset.fixed || !towards || lacks_w.abs() <= 1e-9 * goal_w.abs().max(1.0) {
                continue;
            }
            let need = Need { place: claim.place, goal_w, lacks_w };
            match self.needs.iter_mut().find(|known| known.place == claim.place) {
                Some(known) if known.lacks_w.abs() < lacks_w.abs() => *known = need,
                Some(_) => {}
                None => self.needs.push(need),
            }
        }
    }

    fn fill_class(&mut self) -> bool {
        if self.needs.is_empty() {
            return false;
        }
        let mut needs = std::mem::take(&mut self.needs);
        let mut changed = self.start(&mut needs);
        while !needs.is_empty() {
            let (part, moved) = self.raise(&needs);
            changed |= moved;
            if part >= 1.0 {
                break;
            }
            needs.iter_mut().for_each(|need| need.lacks_w *= 1.0 - part);
            let before = needs.len();
            needs.retain(|need| self.stop(need.place, need.lacks_w).is_none());
            if needs.len() == before {
                break;
            }
        }
        self.needs = needs;
        changed
    }

    /// Those that cannot run with less than their least power start with it, or not at all; first those that run already.
    fn start(&mut self, needs: &mut Vec<Need>) -> bool {
        let starts = |need: &Need, filling: &Self| {
            let (power, least) = (filling.assets[need.place].power_w, filling.takers.least_w(need.place));
            least > 0.0 && power.abs() < least * (1.0 - 1e-9)
        };
        let mut changed = false;
        for runs in [true, false] {
            needs.retain_mut(|need| {
                if self.takers.running(need.place) != runs || !starts(need, self) {
                    return true;
                }
                let least_w = self.takers.least_w(need.place).copysign(need.goal_w);
                let step_w = least_w - self.assets[need.place].power_w;
                if need.goal_w.abs() < least_w.abs() * (1.0 - 1e-9) {
                    self.assets[need.place].stopped_by.get_or_insert(Cause::Steps);
                    return false;
                }
                let fits = self.shares_of(need.place).iter().all(|(sum, weight)| {
                    let sum = &self.sums[*sum];
                    sum.room(weight * step_w) >= (weight * step_w).abs() - 1e-9 * sum.at_w.abs().max(1.0)
                });
                if !fits {
                    let stop = self.tightest(need.place, step_w);
                    self.assets[need.place].stopped_by = stop;
                    return false;
                }
                self.shift(need.place, step_w);
                need.lacks_w = need.goal_w - least_w;
                changed = true;
                need.lacks_w != 0.0
            });
        }
        changed
    }

    /// Gives all as much of what they lack as the first limit allows: the share of it, and whether anything moved.
    fn raise(&mut self, needs: &[Need]) -> (f64, bool) {
        self.rates.iter_mut().for_each(|rate| *rate = 0.0);
        for need in needs {
            for (sum, weight) in &self.shares[self.first[need.place]..self.first[need.place + 1]] {
                self.rates[*sum] += weight * need.lacks_w;
            }
        }
        let limited = self.sums.iter().zip(&self.rates).filter(|(_, rate)| rate.abs() > 1e-12);
        let part = limited.fold(1.0_f64, |part, (sum, rate)| part.min(sum.room(*rate) / rate.abs()));
        if part <= 0.0 {
            return (0.0, false);
        }
        let mut moved = false;
        for need in needs {
            let change_w = need.lacks_w * part;
            self.shift(need.place, change_w);
            moved |= change_w.abs() > 1e-9 * need.goal_w.abs().max(1.0);
        }
        (part, moved)
    }

    fn shares_of(&self, place: usize) -> &[(usize, f64)] {
        &self.shares[self.first[place]..self.first[place + 1]]
    }

    fn shift(&mut self, place: usize, change_w: f64) {
        self.assets[place].power_w += change_w;
        for (sum, weight) in &self.shares[self.first[place]..self.first[place + 1]] {
            self.sums[*sum].at_w += weight * change_w;
        }
    }

    /// What stops an asset from going on in that direction.
    fn stop(&mut self, place: usize, change_w: f64) -> Option<Cause> {
        let tight = self.shares_of(place).iter().filter(|(sum, weight)| self.sums[*sum].tight(weight * change_w));
        let mut causes = tight.map(|(sum, _)| self.sums[*sum].cause);
        // What stopped it first is what to tell, as long as it does.
        let known = self.assets[place].stopped_by;
        let first = causes.next()?;
        let cause = known.filter(|known| *known == first || causes.any(|cause| cause == *known)).unwrap_or(first);
        self.assets[place].stopped_by = Some(cause);
        Some(cause)
    }

    /// What leaves the least room for a change.
    fn tightest(&self, place: usize, change_w: f64) -> Option<Cause> {
        let room = |(sum, weight): &&(usize, f64)| self.sums[*sum].room(weight * change_w) / weight.abs();
        let least = self.shares_of(place).iter().min_by(|a, b| room(a).total_cmp(&room(b)));
        least.map(|(sum, _)| self.sums[*sum].cause)
    }

    /// Takes those that go in steps down to one, and says whether any gave something back.
    pub(super) fn step(&mut self) -> bool {
        let mut changed = false;
        for place in 0..self.assets.len() {
            let asset = self.assets[place];
            let step_w = nearest_step(&self.model.assets[place].steps, asset.power_w);
            // Where safety asks for more than nothing, the step is shape's to find.
            if asset.fixed || close(step_w, asset.power_w) || asset.bounds.nearest(step_w) != step_w {
                continue;
            }
            self.shift(place, step_w - asset.power_w);
            (self.assets[place].fixed, changed) = (true, true);
            self.assets[place].stopped_by.get_or_insert(Cause::Steps);
        }
        changed
    }

    /// Brings broken limits of safety back, by whoever is least urgent: first towards nothing, then beyond. Says whether it had to.
    pub(super) fn relieve(&mut self, urgency: &[u8]) -> bool {
        let mut order: Vec<usize> = (0..self.assets.len()).collect();
        order.sort_by_key(|place| urgency[*place]);
        let mut changed = false;
        for _ in 0..ROUNDS_MAX {
            let broken: Vec<usize> =
                (0..self.sums.len()).filter(|sum| self.sums[*sum].safety && self.sums[*sum].broken() != 0.0).collect();
            let mut moved = false;
            for sum in broken {
                for (beyond, stepped) in [(false, false), (true, false), (false, true), (true, true)] {
                    for place in &order {
                        moved |= self.relieve_by(sum, *place, beyond, stepped);
                    }
                }
            }
            changed |= moved;
            if !moved {
                break;
            }
        }
        changed
    }

    /// Moves one asset to relieve one sum.
    fn relieve_by(&mut self, sum: usize, place: usize, beyond: bool, stepped: bool) -> bool {
        let off = self.sums[sum].broken();
        let Some(weight) = self.shares_of(place).iter().find(|(of, _)| *of == sum).map(|(_, weight)| *weight) else {
            return false;
        };
        let (asset, least_w) = (self.assets[place], self.takers.least_w(place));
        if off == 0.0 || (least_w > 0.0) != stepped || self.model.assets[place].setpoint.is_none() {
            return false;
        }
        let wanted_w = -off / weight;
        let end_w = match (beyond, wanted_w > 0.0) {
            (false, _) => asset.start_w,
            (true, true) => asset.bounds.high_w,
            (true, false) => asset.bounds.low_w,
        };
        let can_w = end_w - asset.power_w;
        if can_w * wanted_w <= 0.0 {
            return false;
        }
        let mut change_w = if can_w.abs() < wanted_w.abs() { can_w } else { wanted_w };
        if stepped {
            let steps = &self.model.assets[place].steps;
            change_w = stepped_change(steps, asset.power_w, change_w, can_w, least_w);
        }
        for (other, weight) in self.shares_of(place) {
            let change = weight * change_w;
            if *other != sum && self.sums[*other].safety && change != 0.0 {
                let part = (self.sums[*other].room(change) / change.abs()).min(1.0);
                change_w *= if stepped && part < 1.0 { 0.0 } else { part };
            }
        }
        if change_w.abs() <= 1e-9 {
            return false;
        }
        self.shift(place, change_w);
        self.assets[place].stopped_by = Some(self.sums[sum].cause);
        self.assets[place].fixed |= stepped;
        true
    }
}

/// How far one goes that runs in steps, or with no less than its least power: where it falls it stops rather than run with less
/// than a step, where it rises it starts with no less, or not at all.
fn stepped_change(steps: &Steps, power_w: f64, change_w: f64, can_w: f64, least_w: f64) -> f64 {
    let to_w = power_w + change_w;
    if to_w.abs() < power_w.abs() {
        let step_w = nearest_step(steps, to_w);
        return if step_w.abs() < least_w { can_w } else { step_w - power_w };
    }
    let least_w = if to_w.abs() < least_w { least_w.copysign(change_w) } else { to_w };
    let step_w = next_step(steps, least_w).filter(|step| (step - power_w).abs() <= can_w.abs() * (1.0 + 1e-9));
    step_w.map_or(0.0, |step| step - power_w)
}
