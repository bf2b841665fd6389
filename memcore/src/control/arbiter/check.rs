//! What a proposal may say of a site. What is refused has no effect (C9), so all of it is looked at before any of it is taken.
//!
//! What a power says must make sense for what it is wished for:
//!
//! - *direction*: a power or bound that no member can have, because power flows the other way, is a wrong sign;
//! - *unit*: a power that is no zero, and that would be a possible one if it were meant in kW, is taken for kW where it is below
//!   1 % of the least power that runs (11 for a charger of 1,380 to 11,000 W), or below 0.1 % of the highest where any power runs;
//! - *size*: up to twice what is possible it is limited by capability, beyond that it is refused. A bound that does not bind,
//!   such as at most 50 kW for an 11 kW charger, is no restriction and is taken.

use crate::control::{CheckedAsset, CheckedModel, Proposal, ShareBy, Steps, Target};
use crate::error::{Error, Result};
use crate::model::Span;

/// The longest reason, in bytes.
const REASON_MAX: usize = 200;
/// The longest that a proposal stands without being renewed.
const VALID_MAX: Span = Span::from_seconds(86_400);
/// A power beyond what is possible by more than this is no wish but a mistake.
const BEYOND_MAX: f64 = 2.0;

/// Whom a proposal is for, as places of the checked model: assets that are controlled.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Aim {
    pub(super) members: Box<[usize]>,
    pub(super) share_by: ShareBy,
}

/// Whether a proposal makes sense, and whom it is for.
///
/// # Errors
/// Invalid, naming the field, its value and what was expected.
pub(super) fn check(model: &CheckedModel, proposal: &Proposal) -> Result<Aim> {
    form(proposal)?;
    let aim = aim(model, &proposal.target)?;
    let range = Range::of(model, &aim);
    let fields = [("power_w", proposal.power_w), ("low_w", proposal.low_w), ("high_w", proposal.high_w)];
    for (field, value) in fields {
        if let Some(value) = value {
            range.check(field, value, &proposal.target)?;
        }
    }
    Ok(aim)
}

/// What can be said without the site.
fn form(proposal: &Proposal) -> Result<()> {
    let Proposal { power_w, low_w, high_w, reason, valid_for, .. } = proposal;
    if power_w.or(*low_w).or(*high_w).is_none() {
        return refuse("proposal has neither power_w nor low_w nor high_w, expected one of them");
    }
    for (field, value) in [("power_w", power_w), ("low_w", low_w), ("high_w", high_w)] {
        if let Some(value) = value.filter(|value| !value.is_finite()) {
            return refuse(format!("{field} is {value}, expected a finite number of W"));
        }
    }
    let (low, high) = (low_w.unwrap_or(f64::NEG_INFINITY), high_w.unwrap_or(f64::INFINITY));
    if low > high {
        return refuse(format!("low_w is {low}, expected at most high_w {high}"));
    }
    if let Some(power) = power_w.filter(|power| *power < low || *power > high) {
        return refuse(format!("power_w is {power}, expected {low} to {high} as low_w and high_w say"));
    }
    match reason.len() {
        _ if reason.trim().is_empty() => return refuse("reason is empty, expected why, for people"),
        ..=REASON_MAX => {}
        long => return refuse(format!("reason has {long} bytes, expected at most {REASON_MAX}")),
    }
    if reason.chars().any(char::is_control) {
        return refuse(format!("reason is {reason:?}, expected no control characters"));
    }
    if *valid_for <= Span::default() || *valid_for > VALID_MAX {
        return refuse(format!("valid_for is {valid_for}, expected more than zero and at most {VALID_MAX}"));
    }
    Ok(())
}

fn aim(model: &CheckedModel, target: &Target) -> Result<Aim> {
    let controlled = |place: &usize| model.assets[*place].setpoint.is_some();
    let (members, share_by) = match target {
        Target::Asset(name) => {
            let Some(place) = model.place(name.as_str()) else {
                return refuse(format!("asset is {name}, expected one of {}", names(model)));
            };
            (vec![place], ShareBy::Order)
        }
        Target::Role(role) => {
            let places = (0..model.assets.len()).filter(|place| model.assets[*place].role == *role);
            (places.collect(), ShareBy::Headroom)
        }
        Target::Group(name) => {
            let Some(group) = model.groups.iter().find(|group| group.name == *name) else {
                let known: Vec<_> = model.groups.iter().map(|group| group.name.as_str()).collect();
                let known = if known.is_empty() { "none, the site has no groups".into() } else { known.join(", ") };
                return refuse(format!("group is {name}, expected one of {known}"));
            };
            (group.members.clone(), group.share_by)
        }
    };
    let members: Box<[usize]> = members.into_iter().filter(controlled).collect();
    if members.is_empty() {
        return refuse(format!("target is {target}, which has no setpoint, expected one of {}", names(model)));
    }
    Ok(Aim { members, share_by })
}

/// The assets that are controlled; the first dozen of them.
fn names(model: &CheckedModel) -> String {
    let controlled = model.assets.iter().filter(|asset| asset.setpoint.is_some()).map(|asset| asset.name.as_str());
    let names: Vec<_> = controlled.take(12).collect();
    if names.is_empty() { "none, nothing of the site is controlled".to_owned() } else { names.join(", ") }
}

/// What the members of a target can do together.
struct Range {
    low_w: f64,
    high_w: f64,
    /// The least power that one of them runs with; zero where any power runs.
    least_w: f64,
}

impl Range {
    fn of(model: &CheckedModel, aim: &Aim) -> Self {
        let members = || aim.members.iter().map(|place| &model.assets[*place]);
        Self {
            low_w: members().map(|asset| asset.low_w).sum(),
            high_w: members().map(|asset| asset.high_w).sum(),
            least_w: members().map(least_w).fold(f64::INFINITY, f64::min),
        }
    }

    fn check(&self, field: &str, value: f64, target: &Target) -> Result<()> {
        let expected = || self.text();
        if value > 0.0 && self.high_w <= 0.0 {
            return refuse(format!("{field} is {value}, expected {}: power flows out of {target}", expected()));
        }
        if value < 0.0 && self.low_w >= 0.0 {
            return refuse(format!("{field} is {value}, expected {}: power flows into {target}", expected()));
        }
        if self.seems_kilowatts(value) {
            let watts = value * 1_000.0;
            return refuse(format!("{field} is {value}, expected {}; {value} kW would be {watts}", expected()));
        }
        let too_high = value > 0.0 && value > BEYOND_MAX * self.high_w && field != "high_w";
        let too_low = value < 0.0 && value < BEYOND_MAX * self.low_w && field != "low_w";
        if too_high || too_low {
            return refuse(format!("{field} is {value}, expected {}", expected()));
        }
        Ok(())
    }

    fn seems_kilowatts(&self, value: f64) -> bool {
        let side = if value > 0.0 { self.high_w } else { -self.low_w };
        let small = if self.least_w > 0.0 { 0.01 * self.least_w } else { 0.001 * side };
        let watts = value.abs() * 1_000.0;
        value != 0.0 && value.abs() <= small && watts >= self.least_w && watts <= side
    }

    fn text(&self) -> String {
        let (low, high, least) = (self.low_w, self.high_w, self.least_w);
        match (low < 0.0, high > 0.0) {
            _ if least <= 0.0 => format!("{low}..{high} W"),
            (false, _) => format!("0 or {least}..{high} W"),
            (true, false) => format!("0 or {low}..-{least} W"),
            (true, true) => format!("0, {low}..-{least} or {least}..{high} W"),
        }
    }
}

/// The least power that an asset runs with, in W; zero where it goes down to nothing.
pub(super) fn least_w(asset: &CheckedAsset) -> f64 {
    let smallest = match &asset.steps {
        Steps::Continuous => 0.0,
        Steps::Every(step) => *step,
        Steps::Levels(levels) => {
            let running = levels.iter().map(|level| level.abs()).filter(|level| *level > 0.0);
            running.fold(f64::INFINITY, f64::min)
        }
    };
    if smallest.is_finite() { asset.least_w.max(smallest) } else { asset.least_w }
}

fn refuse<T>(message: impl Into<String>) -> Result<T> {
    Err(Error::invalid(message))
}
