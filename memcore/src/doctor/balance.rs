//! What the parts of a site say together: the balance closes with one combination of signs, units and labels, and no other.

use super::finding::{Place, Subject, length, number, percent, span};
use super::night;
use super::report::{Finding, FindingKind, Severity};
use super::series::Role;
use crate::model::{Kind, LabelPosition, Quantity, SignConvention};

/// More parts have too many combinations.
const PARTS: usize = 8;
/// Rows that are looked at.
const ROWS: usize = 6000;
/// The residual, against the largest part, up to which a balance closes.
const CLOSES: f64 = 0.2;
/// How much worse the next combination must be.
const CLEARLY: f64 = 2.5;

/// The power of the parts of a site at common times, in base units as given, and what that says of them.
pub(super) struct Site<'s, 'a> {
    parts: Vec<&'s Subject<'a>>,
    /// Sums of products of each two parts.
    products: Vec<Vec<f64>>,
    /// Sums of each part.
    sums: Vec<f64>,
    rows: usize,
}

impl<'s, 'a> Site<'s, 'a> {
    /// None where there is no grid connection with something behind it.
    pub(super) fn of(subjects: &'s [Subject<'a>]) -> Option<Self> {
        let is_part = |subject: &&Subject<'_>| {
            let power = subject.quantity == Some(Quantity::Power)
                || subject.quantity.is_none() && !subject.name().to_ascii_lowercase().contains("soc");
            subject.role.is_some() && power && subject.kind == Kind::Gauge && subject.points.len() > 0
        };
        let mut parts: Vec<&Subject<'_>> = subjects.iter().filter(is_part).collect();
        // The connection first: its sign is looked for against all others.
        parts.sort_by_key(|part| part.role != Some(Role::Grid));
        let grids = parts.iter().filter(|part| part.role == Some(Role::Grid)).count();
        if grids != 1 || !(2..=PARTS).contains(&parts.len()) {
            return None;
        }
        let mut site =
            Self { products: vec![vec![0.0; parts.len()]; parts.len()], sums: vec![0.0; parts.len()], parts, rows: 0 };
        site.gather();
        (site.rows > 0).then_some(site)
    }

    fn gather(&mut self) {
        let grid = &self.parts[0].points;
        let scales: Vec<f64> = self.parts.iter().map(|part| part.series.scale()).collect();
        let step = (grid.len() / ROWS) | 1;
        let mut row = vec![0.0; self.parts.len()];
        let mut cursors = vec![0; self.parts.len()];
        for at in (0..grid.len()).step_by(step) {
            let time = grid.times[at];
            let mut whole = true;
            for (n, part) in self.parts.iter().enumerate() {
                let found = advance(&part.points.times, &mut cursors[n], time);
                whole &= found;
                row[n] = if found { part.points.values[cursors[n]] * scales[n] } else { 0.0 };
            }
            if whole {
                self.rows += 1;
                for (n, value) in row.iter().enumerate() {
                    self.sums[n] += value;
                    for (m, other) in row.iter().enumerate() {
                        self.products[n][m] += value * other;
                    }
                }
            }
        }
    }

    /// The residual over the largest part where each part in turn is taken one cadence later.
    fn residuals_shifted(&self, factors: &[f64], cadence: i64) -> Vec<f64> {
        let mut sums = vec![0.0; self.parts.len()];
        let grid = &self.parts[0].points;
        let scales: Vec<f64> = self.parts.iter().map(|part| part.series.scale()).collect();
        let step = (grid.len() / ROWS) | 1;
        let (mut now, mut next) = (vec![0; self.parts.len()], vec![0; self.parts.len()]);
        let mut rows = 0.0;
        for time in grid.times.iter().step_by(step) {
            let side = |n: usize, at: usize| {
                let value = self.parts[n].points.values[at] * scales[n] * factors[n];
                if n == 0 { value } else { -value }
            };
            let parts = self.parts.iter().enumerate();
            let whole = parts.fold(true, |whole, (n, part)| {
                advance(&part.points.times, &mut now[n], *time)
                    & advance(&part.points.times, &mut next[n], time + cadence)
                    & whole
            });
            if whole {
                rows += 1.0;
                let plain: f64 = (0..now.len()).map(|n| side(n, now[n])).sum();
                for n in 0..sums.len() {
                    sums[n] += (plain - side(n, now[n]) + side(n, next[n])).powi(2);
                }
            }
        }
        let scale = self.scale(factors).max(1e-9);
        sums.into_iter().map(|sum| (sum / f64::max(rows, 1.0)).sqrt() / scale).collect()
    }

    /// The residual of `grid = sum of devices` with those factors, as a root mean square in W.
    fn residual(&self, factors: &[f64]) -> f64 {
        let side = |n: usize| if n == 0 { factors[n] } else { -factors[n] };
        let mut sum = 0.0;
        for (n, row) in self.products.iter().enumerate() {
            for (m, product) in row.iter().enumerate() {
                sum += side(n) * side(m) * product;
            }
        }
        (sum.max(0.0) / self.rows as f64).sqrt()
    }

    /// The root mean square of the largest part.
    fn scale(&self, factors: &[f64]) -> f64 {
        let size = |n: usize| (self.products[n][n] / self.rows as f64).sqrt() * factors[n].abs();
        (0..factors.len()).map(size).fold(0.0, f64::max)
    }

    /// The combination of signs with the least residual, that residual over the largest part, and how much worse it becomes
    /// where each part is turned round. The grid's sign is +1: what is found is relative to it.
    fn best(&self, units: &[f64]) -> Combination {
        let parts = self.parts.len();
        let with = |bits: usize| -> Vec<f64> {
            (0..parts).map(|n| units[n] * if n > 0 && bits >> (n - 1) & 1 == 1 { -1.0 } else { 1.0 }).collect()
        };
        let residuals: Vec<f64> = (0..1 << (parts - 1)).map(|bits| self.residual(&with(bits))).collect();
        let best = (0..residuals.len()).min_by(|a, b| residuals[*a].total_cmp(&residuals[*b])).unwrap_or(0);
        let scale = self.scale(units).max(1e-9);
        let floor = residuals[best].max(1e-6 * scale);
        let turned = (0..parts)
            .map(|n| {
                // Turning the grid is turning all others.
                let bits = if n == 0 { !best & (residuals.len() - 1) } else { best ^ (1 << (n - 1)) };
                residuals[bits] / floor
            })
            .collect();
        Combination { factors: with(best), residual: residuals[best] / scale, turned }
    }
}

struct Combination {
    factors: Vec<f64>,
    residual: f64,
    turned: Vec<f64>,
}

/// Moves a cursor to that time; false where there is no such point.
pub(super) fn advance(times: &[i64], cursor: &mut usize, time: i64) -> bool {
    while *cursor < times.len() && times[*cursor] < time {
        *cursor += if times.len() > *cursor + 64 && times[*cursor + 64] < time { 64 } else { 1 };
    }
    times.get(*cursor) == Some(&time)
}

/// Signs and units that the balance of a site shows to be others than declared.
pub(super) fn balance(subjects: &[Subject<'_>], known: &[(String, bool)]) -> Vec<Finding> {
    let Some(site) = Site::of(subjects) else { return Vec::new() };
    let units = vec![1.0; site.parts.len()];
    let best = site.best(&units);
    let limit = if site.rows >= 20 { CLOSES } else { CLOSES / 2.0 };
    if best.residual > limit {
        return Vec::from_iter(thousandfold(&site));
    }
    let mut found = signs(&site, &best, known);
    found.extend(label(&site, &best));
    found
}

/// A part whose values, taken one cadence later, close the balance far better: it is labelled by the end of its interval.
fn label(site: &Site<'_, '_>, best: &Combination) -> Option<Finding> {
    if site.parts.len() < 3 || site.rows < 200 {
        return None;
    }
    let cadence = site.parts[0].cadence?;
    let shifted = site.residuals_shifted(&best.factors, cadence);
    let plain = best.residual;
    let mut order: Vec<usize> = (0..shifted.len()).collect();
    order.sort_by(|a, b| shifted[*a].total_cmp(&shifted[*b]));
    let (first, second) = (order[0], order[1]);
    let part = site.parts[first];
    let clear = shifted[first] < 0.5 * plain && shifted[first] < 0.6 * shifted[second];
    if !clear || part.series.label == Some(LabelPosition::End) {
        return None;
    }
    let message = format!(
        "the site's balance closes to {} of its largest part where {} is taken one cadence ({}) later, to {} as it stands: it is \
         labelled by the end of its intervals",
        percent(shifted[first]),
        part.name(),
        length(cadence),
        percent(plain)
    );
    let finding = Finding::new(FindingKind::Label, Severity::Warning, 0.95, message).of(part.name());
    let middle = part.points.len() / 2;
    let finding = finding.counting(part.points.len()).at(part, &[Place::of(middle, middle)], 0);
    let finding = finding.spanning(part.points.times[0], part.points.times[part.points.len() - 1]);
    Some(finding.declare(part.name(), "label", "end").declare(part.name(), "cadence", span(cadence)))
}

/// A part whose unit, a thousand times off, is what keeps the balance from closing.
fn thousandfold(site: &Site<'_, '_>) -> Option<Finding> {
    if site.parts.len() < 3 || site.rows < 50 {
        return None;
    }
    let mut found: Vec<(usize, f64, f64)> = Vec::new();
    for part in 0..site.parts.len() {
        for factor in [1e3, 1e-3] {
            let mut units = vec![1.0; site.parts.len()];
            units[part] = factor;
            let combination = site.best(&units);
            // It must matter: what vanishes closes any balance.
            let share = site.products[part][part].sqrt() * factor / (site.rows as f64).sqrt() / site.scale(&units);
            if combination.residual < CLOSES && share > 3.0 * combination.residual && share > 0.05 {
                found.push((part, factor, combination.residual));
            }
        }
    }
    let (part, factor, residual) = found.into_iter().min_by(|a, b| a.2.total_cmp(&b.2))?;
    let subject = site.parts[part];
    let message = format!(
        "the site's balance closes (to {} of its largest part) only where {} is taken times {}",
        percent(residual),
        subject.name(),
        number(factor)
    );
    let finding = Finding::new(FindingKind::UnitSlip, Severity::Fault, 0.95, message).of(subject.name());
    let last = subject.points.len() - 1;
    let finding = finding.counting(last + 1).at(subject, &[Place::of(0, last)], 0);
    Some(pairs_unit(subject, finding, factor))
}

/// With the unit that mends a series which is `factor` times too small.
pub(super) fn pairs_unit(subject: &Subject<'_>, finding: Finding, factor: f64) -> Finding {
    let right = subject.series.unit.and_then(|unit| {
        let wanted = subject.series.scale() * factor;
        let fits = |other: &&crate::model::Unit| {
            let scale = other.to_base(1.0) - other.to_base(0.0);
            Some(**other) != Some(unit)
                && (scale / wanted - 1.0).abs() < 1e-9
                && other.only_quantity() == unit.only_quantity()
        };
        crate::model::Unit::ALL.iter().find(fits)
    });
    match right {
        Some(right) => finding.declare(subject.name(), "unit", right.symbol()),
        None if factor > 1.0 => finding.repair("multiply its values by 1000"),
        None => finding.repair("divide its values by 1000"),
    }
}

/// Which parts count against the passive convention.
fn signs(site: &Site<'_, '_>, best: &Combination, known: &[(String, bool)]) -> Vec<Finding> {
    let Some(whole) = anchor(site, best, known) else { return Vec::new() };
    let mut found = Vec::new();
    for (n, part) in site.parts.iter().enumerate() {
        // Two combinations that close equally well say nothing of the part in which they differ.
        if best.turned[n] < CLEARLY {
            continue;
        }
        let right = if best.factors[n] * whole < 0.0 { SignConvention::Generator } else { SignConvention::Passive };
        let declared = part.series.sign;
        if declared.unwrap_or_default() == right {
            continue;
        }
        let message = format!(
            "the site's balance closes to {} of its largest part only where {} counts {}",
            percent(best.residual),
            part.name(),
            match right {
                SignConvention::Generator => "what flows out of it as positive",
                SignConvention::Passive => "what flows into it as positive",
            }
        );
        let severity = if declared.is_some() { Severity::Fault } else { Severity::Warning };
        let confidence = if site.rows >= 20 { 0.95 } else { 0.85 };
        let finding = Finding::new(FindingKind::Sign, severity, confidence, message).of(part.name());
        let last = part.points.len() - 1;
        let finding = finding.counting(last + 1).at(part, &[Place::of(0, last)], 0);
        found.push(finding.declare(part.name(), "sign", night::name(right)));
    }
    found
}

/// The sign of the whole combination: consumption is positive, production negative, a battery as its charge says.
fn anchor(site: &Site<'_, '_>, best: &Combination, known: &[(String, bool)]) -> Option<f64> {
    let sum_of = |role: Role| {
        let parts = (0..site.parts.len()).filter(|n| site.parts[*n].role == Some(role));
        let sums: Vec<f64> = parts.map(|n| best.factors[n] * site.sums[n]).collect();
        (!sums.is_empty()).then(|| sums.iter().sum::<f64>())
    };
    if let Some(consumed) = sum_of(Role::Load).filter(|sum| *sum != 0.0) {
        return Some(consumed.signum());
    }
    if let Some(produced) = sum_of(Role::Pv).filter(|sum| *sum != 0.0) {
        return Some(-produced.signum());
    }
    known.iter().find_map(|(name, passive)| {
        let n = site.parts.iter().position(|part| part.name() == name)?;
        let sign = if *passive { 1.0 } else { -1.0 };
        Some(sign * best.factors[n].signum())
    })
}
