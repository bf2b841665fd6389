//! A sparse program: minimize a linear (or diagonally quadratic) cost of columns that have bounds, under rows that have bounds.

use std::ops::RangeInclusive;

/// A column (variable) of a [`Program`], by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::optimize) struct Column(pub(in crate::optimize) usize);

/// A row (constraint) of a [`Program`], by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::optimize) struct Row(pub(in crate::optimize) usize);

/// Minimize `constant + sum of cost * x + quadratic * x^2`, where each column lies within its bounds, is whole where it is an
/// integer, and each row `sum of coefficient * x` lies within its bounds. Bounds may be infinite.
#[derive(Debug, Clone, PartialEq, Default)]
pub(in crate::optimize) struct Program {
    pub(in crate::optimize) cost: Vec<f64>,
    /// The cost of the square of each column; zero or above.
    pub(in crate::optimize) quadratic: Vec<f64>,
    pub(in crate::optimize) lower: Vec<f64>,
    pub(in crate::optimize) upper: Vec<f64>,
    pub(in crate::optimize) integer: Vec<bool>,
    pub(in crate::optimize) row_lower: Vec<f64>,
    pub(in crate::optimize) row_upper: Vec<f64>,
    pub(in crate::optimize) constant: f64,
    /// Where the terms of each row end in `terms`.
    ends: Vec<usize>,
    terms: Vec<(Column, f64)>,
}

impl Program {
    /// Another column, with its cost and bounds.
    pub(in crate::optimize) fn column(&mut self, cost: f64, bounds: RangeInclusive<f64>) -> Column {
        self.cost.push(cost);
        self.quadratic.push(0.0);
        self.lower.push(*bounds.start());
        self.upper.push(*bounds.end());
        self.integer.push(false);
        Column(self.cost.len() - 1)
    }

    /// Another column that is 0 or 1.
    pub(in crate::optimize) fn binary(&mut self, cost: f64) -> Column {
        let column = self.column(cost, 0.0..=1.0);
        self.integer[column.0] = true;
        column
    }

    /// Another row. Terms of the same column are added up.
    pub(in crate::optimize) fn row(
        &mut self,
        bounds: RangeInclusive<f64>,
        terms: impl IntoIterator<Item = (Column, f64)>,
    ) -> Row {
        let first = self.terms.len();
        self.terms.extend(terms);
        self.merge_terms_from(first);
        self.ends.push(self.terms.len());
        self.row_lower.push(*bounds.start());
        self.row_upper.push(*bounds.end());
        Row(self.ends.len() - 1)
    }

    /// A row that equals a value.
    pub(in crate::optimize) fn equal(&mut self, value: f64, terms: impl IntoIterator<Item = (Column, f64)>) -> Row {
        self.row(value..=value, terms)
    }

    /// A row of at most a value.
    pub(in crate::optimize) fn at_most(&mut self, value: f64, terms: impl IntoIterator<Item = (Column, f64)>) -> Row {
        self.row(f64::NEG_INFINITY..=value, terms)
    }

    /// A row of at least a value.
    pub(in crate::optimize) fn at_least(&mut self, value: f64, terms: impl IntoIterator<Item = (Column, f64)>) -> Row {
        self.row(value..=f64::INFINITY, terms)
    }

    /// Holds a column to a value.
    pub(in crate::optimize) fn fix(&mut self, column: Column, value: f64) {
        self.lower[column.0] = value;
        self.upper[column.0] = value;
    }

    /// How many columns there are.
    pub(in crate::optimize) fn columns(&self) -> usize {
        self.cost.len()
    }

    /// How many rows there are.
    pub(in crate::optimize) fn rows(&self) -> usize {
        self.ends.len()
    }

    /// The terms of a row, by ascending column, each column once.
    pub(in crate::optimize) fn terms(&self, row: Row) -> &[(Column, f64)] {
        let first = if row.0 == 0 { 0 } else { self.ends[row.0 - 1] };
        &self.terms[first..self.ends[row.0]]
    }

    /// Every row with its terms.
    pub(in crate::optimize) fn all_rows(&self) -> impl Iterator<Item = (Row, &[(Column, f64)])> {
        (0..self.rows()).map(|row| (Row(row), self.terms(Row(row))))
    }

    /// Whether any column must be whole.
    pub(in crate::optimize) fn has_integers(&self) -> bool {
        self.integer.contains(&true)
    }

    /// Whether the cost has a square.
    pub(in crate::optimize) fn is_quadratic(&self) -> bool {
        self.quadratic.iter().any(|square| *square != 0.0)
    }

    /// Whether two programs have the same columns and rows, so that only costs and bounds of columns tell them apart.
    #[cfg(feature = "highs")]
    pub(in crate::optimize) fn same_shape(&self, other: &Self) -> bool {
        self.ends == other.ends
            && self.terms == other.terms
            && self.integer == other.integer
            && self.quadratic == other.quadratic
            && self.row_lower == other.row_lower
            && self.row_upper == other.row_upper
    }

    /// What values of the columns cost.
    pub(in crate::optimize) fn objective(&self, values: &[f64]) -> f64 {
        let of_columns = self.cost.iter().zip(&self.quadratic).zip(values);
        self.constant + of_columns.map(|((cost, square), value)| (cost + square * value) * value).sum::<f64>()
    }

    /// The largest miss of any bound of a column or row; NaN counts as infinite.
    pub(in crate::optimize) fn largest_miss(&self, values: &[f64]) -> f64 {
        let outside = |value: f64, lower: f64, upper: f64| {
            if value.is_nan() { f64::INFINITY } else { (lower - value).max(value - upper).max(0.0) }
        };
        let columns = (0..self.columns()).map(|at| outside(values[at], self.lower[at], self.upper[at]));
        let rows = self.all_rows().map(|(row, terms)| {
            let sum = terms.iter().map(|(column, factor)| factor * values[column.0]).sum();
            outside(sum, self.row_lower[row.0], self.row_upper[row.0])
        });
        columns.chain(rows).fold(0.0, f64::max)
    }

    /// The program without integers, each held to its (rounded) value.
    pub(in crate::optimize) fn with_integers_fixed(&self, values: &[f64]) -> Self {
        let mut fixed = self.relaxed();
        for (at, integer) in self.integer.iter().enumerate() {
            if *integer {
                fixed.fix(Column(at), values[at].round());
            }
        }
        fixed
    }

    /// The program in which no column need be whole.
    pub(in crate::optimize) fn relaxed(&self) -> Self {
        Self { integer: vec![false; self.columns()], ..self.clone() }
    }

    /// Makes one of two columns zero: a binary that is 1 where the first may run, up to `most` each.
    pub(in crate::optimize) fn exclude(&mut self, [first, second]: [Column; 2], most: [f64; 2]) -> Column {
        let binary = self.binary(0.0);
        self.at_most(0.0, [(first, 1.0), (binary, -most[0])]);
        self.at_most(most[1], [(second, 1.0), (binary, most[1])]);
        binary
    }

    fn merge_terms_from(&mut self, first: usize) {
        self.terms[first..].sort_by_key(|(column, _)| *column);
        let mut kept = first;
        for at in first..self.terms.len() {
            let (column, factor) = self.terms[at];
            if kept > first && self.terms[kept - 1].0 == column {
                self.terms[kept - 1].1 += factor;
            } else {
                self.terms[kept] = (column, factor);
                kept += 1;
            }
        }
        self.terms.truncate(kept);
    }
}

/// What weak duality proves from prices of the rows alone: no values of the columns can cost less. Minus infinity where the prices
/// prove nothing. Integers are taken as relaxed.
///
/// With `y` the price of each row and `r = cost - sum of coefficient * y` what is left of each column's cost, every feasible `x` costs
/// `y * (rows of x) + r * x`, and each product is at least its value at the bound that its sign picks. A square lies above its tangent
/// at any point (`values` here), so its slope there is a column's cost. A column without that bound and an `r` of rounding error
/// alone is taken at zero.
pub(in crate::optimize) fn price_bound(program: &Program, values: &[f64], row_prices: &[f64]) -> f64 {
    let squares = || program.quadratic.iter().zip(values);
    let slopes = program.cost.iter().zip(squares()).map(|(cost, (square, value))| cost + 2.0 * square * value);
    let mut reduced: Vec<f64> = slopes.collect();
    let mut bound = program.constant - squares().map(|(square, value)| square * value * value).sum::<f64>();
    for (row, terms) in program.all_rows() {
        let price = row_prices[row.0];
        for (column, factor) in terms {
            reduced[column.0] -= factor * price;
        }
        bound += at_worst(price, program.row_lower[row.0], program.row_upper[row.0]);
    }
    let columns = reduced.iter().zip(program.lower.iter().zip(&program.upper));
    bound + columns.map(|(reduced, (lower, upper))| at_worst(*reduced, *lower, *upper)).sum::<f64>()
}

/// The least that `price * x` can be within bounds.
fn at_worst(price: f64, lower: f64, upper: f64) -> f64 {
    const NOISE: f64 = 1e-9;
    let bound = if price > 0.0 { lower } else { upper };
    if price == 0.0 || (bound.is_infinite() && price.abs() < NOISE) { 0.0 } else { price * bound }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Buy up to 3 kW at 0.2 and 5 kW at 0.4 for a load of 4 kW.
    fn two_sources() -> Program {
        let mut program = Program::default();
        let cheap = program.column(0.2, 0.0..=3.0);
        let dear = program.column(0.4, 0.0..=5.0);
        program.equal(4.0, [(cheap, 1.0), (dear, 1.0)]);
        program
    }

    #[test]
    fn terms_of_the_same_column_add_up_in_order() {
        let mut program = two_sources();
        let row = program.at_most(1.0, [(Column(1), 2.0), (Column(0), 1.0), (Column(1), -0.5)]);
        assert_eq!(program.terms(row), [(Column(0), 1.0), (Column(1), 1.5)]);
        assert_eq!(program.terms(Row(0)).len(), 2);
    }

    #[test]
    fn the_price_of_the_dear_source_proves_the_optimum() {
        let program = two_sources();
        let best = program.objective(&[3.0, 1.0]);
        assert!((best - 1.0).abs() < 1e-12 && (price_bound(&program, &[3.0, 1.0], &[0.4]) - best).abs() < 1e-12);
        assert!(price_bound(&program, &[3.0, 1.0], &[0.3]) < best, "any other price proves less");
        assert_eq!(program.largest_miss(&[3.0, 1.0]), 0.0);
        assert_eq!(program.largest_miss(&[3.5, 1.0]), 0.5);
        assert_eq!(program.largest_miss(&[f64::NAN, 1.0]), f64::INFINITY);
    }
}
