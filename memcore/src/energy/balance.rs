//! The energy balance of a site: what came in, what went out, what was made, kept and used, and what is left unexplained.
//!
//! In passive signs (power into a device is positive) the grid connection is the sum of everything behind it:
//!
//! ```text
//! grid = loads + production + storage + residual        import +, export -
//!                             production: what it makes -
//!                             storage:    charging +, discharging -
//! import + production + discharged = export + charged + consumption + residual
//! ```
//!
//! The residual is what no device of the list explains: loads without a meter, losses of conversion, or a meter with a wrong
//! sign or unit. Without measured loads there is nothing to compare: what is left over *is* the consumption.

use std::str::FromStr;

use super::exact::ExactSum;
use crate::error::{Error, Result};
use crate::model::shorten;

/// What a part of a site does in its balance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Role {
    /// The grid connection: import is positive, export negative. Several add up.
    Grid,
    /// What makes electricity: PV, wind, a generator. What it makes is negative; what it uses itself (at night) is consumption.
    Production,
    /// What keeps energy and gives it back: a battery. Charging is positive, discharging negative.
    Storage,
    /// What uses energy: a household, an appliance, a heat pump, a car. What it gives back to the site, as a car may, is
    /// taken off.
    Load,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Grid, Self::Production, Self::Storage, Self::Load];

    /// `grid`, `production`, `storage` or `load`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Grid => "grid",
            Self::Production => "production",
            Self::Storage => "storage",
            Self::Load => "load",
        }
    }
}

impl FromStr for Role {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|role| role.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(" ");
            Error::invalid(format!("role is {:?}, expected one of {names}", shorten(text)))
        })
    }
}

/// The energy of one part of a site, interval by interval, in passive sign. NaN is unknown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part<'a> {
    /// What it does.
    pub role: Role,
    /// How much flowed into it in each interval, such as the integral of its power; in Wh, or one unit for all.
    pub amounts: &'a [f64],
}

/// What [`balance`] found: a value an interval in each column, in the unit of the amounts. All but the shares are zero or
/// more, but the residual may have either sign. An interval of which a part is unknown is NaN in all columns but `coverage`.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Balance {
    /// Taken from the grid.
    pub import: Vec<f64>,
    /// Given to the grid.
    pub export: Vec<f64>,
    /// Made on the site.
    pub production: Vec<f64>,
    /// Put into storage.
    pub charged: Vec<f64>,
    /// Taken from storage.
    pub discharged: Vec<f64>,
    /// Used by measured loads, and by production itself. Where no load is measured: `import + production + discharged - export -
    /// charged`, which holds the losses too.
    pub consumption: Vec<f64>,
    /// What is left unexplained: `import + production + discharged - export - charged - consumption`. NaN where there is nothing
    /// to compare: no load is measured, or no grid.
    pub residual: Vec<f64>,
    /// The size of the residual as a share of all that came in, `|residual| / (import + production + discharged)`.
    pub residual_share: Vec<f64>,
    /// Which share of the production stayed on the site, `1 - export / production`, 0 to 1; NaN without production.
    pub self_consumption: Vec<f64>,
    /// Which share of what the site used it did not import, `1 - import / (consumption + residual)`, 0 to 1; NaN where it used nothing.
    pub self_sufficiency: Vec<f64>,
    /// Which share of the interval is known: 0 or 1, and what lies between in a sum of intervals.
    pub coverage: Vec<f64>,
}

/// The amounts of one interval, from which all columns follow.
#[derive(Debug, Clone, Copy, Default)]
struct Amounts {
    import: f64,
    export: f64,
    production: f64,
    charged: f64,
    discharged: f64,
    consumption: f64,
    residual: f64,
}

impl Amounts {
    fn of(parts: &[Part<'_>], interval: usize) -> Self {
        let (mut grid, mut loads, mut used) = (ExactSum::default(), ExactSum::default(), ExactSum::default());
        let mut amounts = Self::default();
        let [mut production, mut charged, mut discharged] = [ExactSum::default(); 3];
        for part in parts {
            let amount = part.amounts[interval];
            match part.role {
                Role::Grid => grid.add(amount),
                Role::Load => loads.add(amount),
                Role::Production if amount > 0.0 => loads.add(amount),
                Role::Production => production.add(0.0 - amount),
                Role::Storage if amount > 0.0 => charged.add(amount),
                Role::Storage => discharged.add(0.0 - amount),
            }
            if part.role != Role::Grid {
                used.add(amount);
            }
        }
        let has = |role| parts.iter().any(|part| part.role == role);
        // Where the grid is not measured, it is what all others add up to.
        let flow = if has(Role::Grid) { grid } else { used };
        (amounts.import, amounts.export) = (flow.over(1).max(0.0), 0.0 - flow.over(1).min(0.0));
        (amounts.production, amounts.charged, amounts.discharged) =
            (production.over(1), charged.over(1), discharged.over(1));
        amounts.consumption = loads.over(1);
        let mut left = flow;
        left.merge(&used.times(-1));
        amounts.residual = left.over(1);
        if has(Role::Grid) && !has(Role::Load) {
            left.merge(&loads);
            (amounts.consumption, amounts.residual) = (left.over(1), f64::NAN);
        } else if !has(Role::Grid) {
            amounts.residual = f64::NAN;
        }
        amounts
    }
}

impl Balance {
    fn push(&mut self, amounts: &Amounts, coverage: f64) {
        let Amounts { import, export, production, discharged, consumption, residual, .. } = *amounts;
        let share = |part: f64, of: f64| if of > 0.0 { part / of } else { f64::NAN };
        let used = consumption + if residual.is_nan() { 0.0 } else { residual };
        for (column, value) in self.amounts_mut().into_iter().zip(amounts.all()) {
            column.push(value);
        }
        self.residual_share.push(share(residual.abs(), import + production + discharged));
        self.self_consumption.push((1.0 - share(export, production)).clamp(0.0, 1.0));
        self.self_sufficiency.push((1.0 - share(import, used)).clamp(0.0, 1.0));
        self.coverage.push(coverage);
    }

    /// Longer intervals: each is the sum of those from the end before until before its own. Only what is known counts, and
    /// `coverage` says which share of the intervals that is. The shares are those of the sums.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) where the ends fall, or lie beyond the last interval.
    pub fn gather(&self, ends: &[usize]) -> Result<Self> {
        let mut gathered = Self::default();
        let mut start = 0;
        for end in ends {
            if *end < start || *end > self.coverage.len() {
                let most = self.coverage.len();
                return Err(Error::invalid(format!("end of an interval is {end}, expected {start} to {most}")));
            }
            let known: Vec<usize> = (start..*end).filter(|row| self.coverage[*row] > 0.0).collect();
            let mut coverage = ExactSum::default();
            coverage.add_all(&self.coverage[start..*end]);
            let sum = |column: &Vec<f64>| {
                let mut sum = ExactSum::default();
                known.iter().for_each(|row| sum.add(column[*row]));
                if known.is_empty() { f64::NAN } else { sum.over(1) }
            };
            let [import, export, production, charged, discharged, consumption, residual] = self.amounts().map(sum);
            let amounts = Amounts { import, export, production, charged, discharged, consumption, residual };
            gathered.push(&amounts, if start < *end { coverage.over((end - start) as u128) } else { 0.0 });
            start = *end;
        }
        Ok(gathered)
    }

    /// All amounts divided by a number above zero: into another unit.
    pub(crate) fn over(&self, divisor: f64) -> Self {
        let mut divided = self.clone();
        divided.amounts_mut().into_iter().flatten().for_each(|amount| *amount /= divisor);
        divided
    }

    /// Adds later intervals.
    pub(crate) fn append(&mut self, later: &Self) {
        for row in 0..later.coverage.len() {
            let [import, export, production, charged, discharged, consumption, residual] =
                later.amounts().map(|column| column[row]);
            let amounts = Amounts { import, export, production, charged, discharged, consumption, residual };
            self.push(&amounts, later.coverage[row]);
        }
    }

    /// The columns with their names, in the order of the fields.
    #[must_use]
    pub fn columns(&self) -> [(&'static str, &[f64]); 11] {
        let [import, export, production, charged, discharged, consumption, residual] = self.amounts();
        [
            ("import", import),
            ("export", export),
            ("production", production),
            ("charged", charged),
            ("discharged", discharged),
            ("consumption", consumption),
            ("residual", residual),
            ("residual_share", &self.residual_share),
            ("self_consumption", &self.self_consumption),
            ("self_sufficiency", &self.self_sufficiency),
            ("coverage", &self.coverage),
        ]
    }

    fn amounts(&self) -> [&Vec<f64>; 7] {
        let Self { import, export, production, charged, discharged, consumption, residual, .. } = self;
        [import, export, production, charged, discharged, consumption, residual]
    }

    fn amounts_mut(&mut self) -> [&mut Vec<f64>; 7] {
        let Self { import, export, production, charged, discharged, consumption, residual, .. } = self;
        [import, export, production, charged, discharged, consumption, residual]
    }
}

impl Amounts {
    const UNKNOWN: Self = Self {
        import: f64::NAN,
        export: f64::NAN,
        production: f64::NAN,
        charged: f64::NAN,
        discharged: f64::NAN,
        consumption: f64::NAN,
        residual: f64::NAN,
    };

    fn all(&self) -> [f64; 7] {
        [self.import, self.export, self.production, self.charged, self.discharged, self.consumption, self.residual]
    }
}

/// The balance of each interval, from what flowed into each part of a site. Directions are told by the sign of each amount: what
/// flows in and out within one interval is netted, so that short intervals tell more than long ones, which
/// [`Balance::gather`] makes of them.
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid) where the parts have different numbers of intervals, or there is none.
pub fn balance(parts: &[Part<'_>]) -> Result<Balance> {
    let Some(first) = parts.first() else {
        return Err(Error::invalid("balance of no part, expected at least one of grid, production, storage and load"));
    };
    let intervals = first.amounts.len();
    if let Some(other) = parts.iter().find(|part| part.amounts.len() != intervals) {
        let (role, found) = (other.role.name(), other.amounts.len());
        return Err(Error::invalid(format!("{role} has {found} intervals, expected {intervals} as the first part")));
    }
    let mut found = Balance::default();
    for interval in 0..intervals {
        let known = parts.iter().all(|part| !part.amounts[interval].is_nan());
        let amounts = if known { Amounts::of(parts, interval) } else { Amounts::UNKNOWN };
        found.push(&amounts, f64::from(u8::from(known)));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::Role::{Grid, Load, Production, Storage};
    use super::*;

    fn of(parts: &[(Role, &[f64])]) -> Balance {
        balance(&parts.iter().map(|(role, amounts)| Part { role: *role, amounts }).collect::<Vec<_>>()).unwrap()
    }

    fn row(found: &Balance, row: usize) -> Vec<f64> {
        found.columns().iter().map(|(_, column)| column[row]).collect()
    }

    #[test]
    fn a_sunny_hour_and_a_dark_one() {
        // At noon 1466 Wh of PV run a load of 272 Wh, and the rest is exported; A15's first source, with the passive sign.
        let found = of(&[
            (Grid, &[-1131.0, 700.0]),
            (Production, &[-1466.0, 5.0]),
            (Load, &[272.0, 900.0]),
            (Storage, &[0.0, -250.0]),
        ]);
        let noon = row(&found, 0);
        assert_eq!(noon[..7], [0.0, 1131.0, 1466.0, 0.0, 0.0, 272.0, 63.0]);
        assert_eq!(noon[7..], [63.0 / 1466.0, 1.0 - 1131.0 / 1466.0, 1.0, 1.0]);
        // At night the inverter uses 5 Wh itself, and 45 Wh are on no meter.
        let night = row(&found, 1);
        assert_eq!(night[..7], [700.0, 0.0, 0.0, 0.0, 250.0, 905.0, 45.0]);
        assert!(night[8].is_nan());
        assert_eq!(night[9], 1.0 - 700.0 / 950.0);
    }

    #[test]
    fn what_came_in_is_what_went_out() {
        let found = of(&[(Grid, &[0.3, -2.1]), (Production, &[-0.1, -7.7]), (Storage, &[-0.2, 3.3]), (Load, &[0.7, 1.1])]);
        for at in 0..2 {
            let [import, export, production, charged, discharged, consumption, residual, ..] = row(&found, at)[..] else {
                panic!()
            };
            assert!((import + production + discharged - export - charged - consumption - residual).abs() < 1e-12);
        }
        assert_eq!(found.residual[0], -0.1);
    }

    #[test]
    fn without_measured_loads_what_is_left_over_is_consumption() {
        let found = of(&[(Grid, &[500.0]), (Production, &[-1000.0]), (Storage, &[200.0])]);
        assert_eq!((found.consumption[0], found.self_sufficiency[0]), (1300.0, 1.0 - 500.0 / 1300.0));
        assert!(found.residual[0].is_nan() && found.residual_share[0].is_nan());
        // And without a grid meter, the grid is what the others add up to.
        let found = of(&[(Load, &[1300.0]), (Production, &[-1000.0])]);
        assert_eq!((found.import[0], found.consumption[0]), (300.0, 1300.0));
        assert!(found.residual[0].is_nan());
    }

    #[test]
    fn an_unknown_part_makes_the_interval_unknown_and_its_sum_a_part() {
        let found = of(&[(Grid, &[100.0, f64::NAN, 300.0, -50.0]), (Load, &[90.0, 80.0, 300.0, 10.0])]);
        assert!(row(&found, 1)[..10].iter().all(|value| value.is_nan()));
        assert_eq!(found.coverage, [1.0, 0.0, 1.0, 1.0]);
        let two = found.gather(&[2, 4]).unwrap();
        assert_eq!((&two.import[..], &two.export[..]), (&[100.0, 300.0][..], &[0.0, 50.0][..]));
        assert_eq!((&two.residual[..], &two.coverage[..]), (&[10.0, -60.0][..], &[0.5, 1.0][..]));
        assert!(found.gather(&[1, 2]).unwrap().import[1].is_nan());
        assert!(found.gather(&[2, 1]).is_err() && found.gather(&[5]).is_err());
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        let refused = |parts: &[Part<'_>]| balance(parts).unwrap_err().to_string();
        assert!(refused(&[]).contains("expected at least one"));
        let parts = [Part { role: Grid, amounts: &[1.0] }, Part { role: Load, amounts: &[] }];
        assert_eq!(refused(&parts), "load has 0 intervals, expected 1 as the first part");
        assert!("pv".parse::<Role>().unwrap_err().to_string().contains("grid production storage load"));
    }
}
