//! Networks out of MATPOWER's case files, version 2 (MATPOWER User's Manual, appendix B).
//!
//! Read are `baseMVA`, `bus`, `gen`, `branch` and `gencost` with cost models 1 and 2. What else such a file may hold and what has no
//! bearing on power flow is left out; what would change it (`dcline`, extra constraints) is refused by name.

mod text;

use text::{Field, Row, Value, fields, refused};

use super::{Branch, Bus, CostPoint, GenerationCost, Generator, Load, Network};
use crate::error::{Error, Result};

/// W in a MW: what the files have in MW, MVA and Mvar.
const MEGA: f64 = 1e6;

/// Fields that change what is feasible or what it costs, and that are not read.
const REFUSED: [&str; 15] = [
    "dcline",
    "dclinecost",
    "A",
    "l",
    "u",
    "N",
    "fparm",
    "H",
    "Cw",
    "reserves",
    "iflims",
    "softlims",
    "trilim",
    "bilim",
    "user_constraints",
];

impl Network {
    /// Reads a MATPOWER case, version 2.
    ///
    /// Buses are named by their numbers, branches `1-2` (a second one between the same buses `1-2 #2`), generators `gen1` and loads
    /// `load 1` by row and bus. Costs per hour stay in the money of the file. Isolated buses (type 4) are left out where nothing in
    /// service hangs on them; branches and generators out of service are kept as such.
    ///
    /// # Errors
    /// Invalid, naming the line and either the matrix, its row and the field, or the part as [`Network::check`] does. What is wrong with
    /// the case as a whole (no reference, buses without connection) has no line.
    pub fn from_matpower(text: &str) -> Result<Self> {
        let case = Case::read(text)?;
        let mut network = Self::new(case.base_va, case.buses()?);
        network.loads = case.loads()?;
        network.branches = case.branches()?;
        network.generators = case.generators()?;
        case.check_rows(&network)?;
        network.check()?;
        Ok(network)
    }
}

/// The matrices of a case.
struct Case {
    base_va: f64,
    buses: Vec<Row>,
    branches: Vec<Row>,
    generators: Vec<Row>,
    costs: Vec<Row>,
}

impl Case {
    fn read(text: &str) -> Result<Self> {
        let mut fields = fields(text)?;
        check_version(&fields)?;
        for field in &fields {
            let empty = matches!(&field.value, Value::Matrix(rows) if rows.is_empty());
            if REFUSED.contains(&field.name.as_str()) && !empty {
                let text = format!("{} is not read, and without it the case would be another one", field.name);
                return Err(refused(field.line, text));
            }
        }
        let base_va = match find(&fields, "baseMVA")? {
            Some(Field { value: Value::Number(base), .. }) => base * MEGA,
            Some(field) => return Err(refused(field.line, "baseMVA is no number, expected the base in MVA")),
            None => return Err(Error::invalid("the case has no baseMVA")),
        };
        let mut matrix = |name: &str, columns: usize| take_matrix(&mut fields, name, columns);
        let missing = |name: &str| Error::invalid(format!("the case has no matrix {name}"));
        Ok(Self {
            base_va,
            buses: matrix("bus", 13)?.ok_or_else(|| missing("bus"))?,
            branches: matrix("branch", 11)?.unwrap_or_default(),
            generators: matrix("gen", 10)?.unwrap_or_default(),
            costs: matrix("gencost", 4)?.unwrap_or_default(),
        })
    }

    fn buses(&self) -> Result<Vec<Bus>> {
        let mut buses = Vec::new();
        for row in Numbered::all("bus", &self.buses) {
            let kind = row.get(1);
            if !(kind.fract() == 0.0 && (1.0..=4.0).contains(&kind)) {
                return Err(row.refused("type", kind, "1 (PQ), 2 (PV), 3 (reference) or 4 (isolated)"));
            }
            if kind == 4.0 {
                self.check_nothing_hangs_on(&row)?;
                continue;
            }
            buses.push(Bus {
                name: row.bus("bus_i", 0)?,
                nominal_v: row.get(9) * 1000.0,
                reference: kind == 3.0,
                voltage_pu: row.get(7),
                min_pu: row.get(12),
                max_pu: row.get(11),
                shunt_w: row.get(4) * MEGA,
                shunt_var: row.get(5) * MEGA,
            });
        }
        self.hold_reference_voltage(&mut buses)?;
        Ok(buses)
    }

    /// A reference with a generator holds the voltage that the generator is set to.
    fn hold_reference_voltage(&self, buses: &mut [Bus]) -> Result<()> {
        for row in Numbered::all("gen", &self.generators).filter(|row| row.get(7) > 0.0) {
            let name = row.bus("bus", 0)?;
            if let Some(bus) = buses.iter_mut().find(|bus| bus.reference && bus.name == name) {
                bus.voltage_pu = row.get(5);
            }
        }
        Ok(())
    }

    fn check_nothing_hangs_on(&self, bus: &Numbered<'_>) -> Result<()> {
        let number = bus.get(0);
        let on_it = |row: &Numbered<'_>, status: usize, column: usize| row.get(status) > 0.0 && row.get(column) == number;
        let branch = Numbered::all("branch", &self.branches).find(|row| on_it(row, 10, 0) || on_it(row, 10, 1));
        let generator = Numbered::all("gen", &self.generators).find(|row| on_it(row, 7, 0));
        let hangs = match (branch, generator) {
            (Some(row), _) | (None, Some(row)) => format!("{} row {} (line {})", row.matrix, row.number, row.row.line),
            (None, None) if bus.get(2) != 0.0 || bus.get(3) != 0.0 => "a load".to_owned(),
            (None, None) => return Ok(()),
        };
        Err(refused(bus.row.line, format!("bus {number} is isolated (type 4), and {hangs} is on it")))
    }

    /// Checks what rows became, to name their lines.
    fn check_rows(&self, network: &Network) -> Result<()> {
        let at = |row: &Row, checked: Result<()>| checked.map_err(|e| e.context(format!("line {}", row.line)));
        let mut names = std::collections::BTreeSet::new();
        let joined = self.buses.iter().filter(|row| row.numbers[1] != 4.0);
        for (row, bus) in joined.zip(&network.buses) {
            if !names.insert(&bus.name) {
                return Err(refused(row.line, format!("bus {} is there twice", bus.name)));
            }
            at(row, bus.check())?;
        }
        let places = network.places();
        for (row, branch) in self.branches.iter().zip(&network.branches).filter(|(_, branch)| branch.in_service) {
            at(row, branch.joined(&places).map(drop))?;
        }
        for (place, generator) in network.generators.iter().enumerate().filter(|(_, generator)| generator.in_service) {
            let row = &self.generators[place];
            at(self.costs.get(place).unwrap_or(row), generator.check_cost())?;
            at(row, generator.placed(&places).map(drop))?;
        }
        Ok(())
    }

    fn loads(&self) -> Result<Vec<Load>> {
        let drawing = |row: &Numbered<'_>| row.get(1) != 4.0 && (row.get(2) != 0.0 || row.get(3) != 0.0);
        let load = |row: Numbered<'_>| {
            let bus = row.bus("bus_i", 0)?;
            Ok(Load::new(format!("load {bus}"), bus, row.get(2) * MEGA, row.get(3) * MEGA))
        };
        Numbered::all("bus", &self.buses).filter(drawing).map(load).collect()
    }

    fn branches(&self) -> Result<Vec<Branch>> {
        let mut branches: Vec<Branch> = Vec::new();
        for row in Numbered::all("branch", &self.branches) {
            let (from, to) = (row.bus("fbus", 0)?, row.bus("tbus", 1)?);
            let plain = format!("{from}-{to}");
            let before = branches.iter().filter(|other| other.from == from && other.to == to).count();
            let name = if before == 0 { plain } else { format!("{plain} #{}", before + 1) };
            let (min_angle_deg, max_angle_deg) = row.angle_limits();
            let tap = row.get(8);
            branches.push(Branch {
                b_pu: row.get(4),
                // In the files, zero is no limit and no transformer.
                rating_va: Some(row.get(5) * MEGA).filter(|rating| *rating != 0.0 && rating.is_finite()),
                tap: if tap == 0.0 { 1.0 } else { tap },
                shift_deg: row.get(9),
                min_angle_deg,
                max_angle_deg,
                in_service: row.get(10) > 0.0,
                ..Branch::new(name, from, to, row.get(2), row.get(3))
            });
        }
        Ok(branches)
    }

    fn generators(&self) -> Result<Vec<Generator>> {
        let costs = self.costs_of_power()?;
        let generator = |row: Numbered<'_>| {
            let cost = match costs.get(row.number - 1) {
                Some(row) => Numbered { matrix: "gencost", number: row.0 + 1, row: row.1 }.cost()?,
                None => GenerationCost::default(),
            };
            Ok(Generator {
                name: format!("gen{}", row.number),
                bus: row.bus("bus", 0)?,
                min_w: row.get(9) * MEGA,
                max_w: row.get(8) * MEGA,
                min_var: (row.get(4) * MEGA).max(f64::MIN),
                max_var: (row.get(3) * MEGA).min(f64::MAX),
                power_w: row.get(1) * MEGA,
                reactive_var: row.get(2) * MEGA,
                cost,
                in_service: row.get(7) > 0.0,
            })
        };
        Numbered::all("gen", &self.generators).map(generator).collect()
    }

    /// The costs of power, by generator. A second half, the costs of reactive power, must be zero.
    fn costs_of_power(&self) -> Result<Vec<(usize, &Row)>> {
        let count = self.generators.len();
        let rows: Vec<(usize, &Row)> = self.costs.iter().enumerate().collect();
        if rows.is_empty() || rows.len() == count {
            return Ok(rows);
        }
        if rows.len() != 2 * count {
            let (last, expected) = (rows[rows.len() - 1].1.line, format!("{count}, one per generator, or {}", 2 * count));
            return Err(refused(last, format!("gencost has {} rows, expected {expected}", rows.len())));
        }
        match rows[count..].iter().find(|(_, row)| row.numbers.iter().skip(4).any(|cost| *cost != 0.0)) {
            None => Ok(rows[..count].to_vec()),
            Some((at, row)) => {
                Err(refused(row.line, format!("gencost row {}: a cost of reactive power is not read", at + 1)))
            }
        }
    }
}

fn check_version(fields: &[Field]) -> Result<()> {
    match find(fields, "version")? {
        Some(Field { value: Value::Text(version), .. }) if version == "2" => Ok(()),
        Some(Field { value: Value::Number(2.0), .. }) => Ok(()),
        Some(field) => Err(refused(field.line, "version is another one than '2', the version that is read")),
        None => Err(Error::invalid("the case has no version, expected mpc.version = '2'")),
    }
}

/// The field of that name, which may be there once.
fn find<'a>(fields: &'a [Field], name: &str) -> Result<Option<&'a Field>> {
    let mut found = fields.iter().filter(|field| field.name == name);
    match (found.next(), found.next()) {
        (Some(_), Some(second)) => Err(refused(second.line, format!("{name} is there twice"))),
        (first, _) => Ok(first),
    }
}

fn take_matrix(fields: &mut [Field], name: &str, columns: usize) -> Result<Option<Vec<Row>>> {
    find(fields, name)?;
    let Some(field) = fields.iter_mut().find(|field| field.name == name) else { return Ok(None) };
    let Value::Matrix(rows) = std::mem::replace(&mut field.value, Value::Cells) else {
        return Err(refused(field.line, format!("{name} is no matrix")));
    };
    for row in Numbered::all(name, &rows) {
        let count = row.row.numbers.len();
        if count < columns {
            let (number, line) = (row.number, row.row.line);
            return Err(refused(line, format!("{name} row {number} has {count} columns, expected at least {columns}")));
        }
        if let Some(column) = (0..columns).find(|column| row.get(*column).is_infinite() && !may_be_infinite(name, *column))
        {
            return Err(row.refused(&format!("column {}", column + 1), row.get(column), "a finite number"));
        }
    }
    Ok(Some(rows))
}

/// No limit: ratings of branches, and reactive power of generators.
fn may_be_infinite(matrix: &str, column: usize) -> bool {
    matches!((matrix, column), ("branch", 5..=7) | ("gen", 3 | 4))
}

/// A row with its matrix and its number, from 1 on.
struct Numbered<'a> {
    matrix: &'a str,
    number: usize,
    row: &'a Row,
}

impl<'a> Numbered<'a> {
    fn all(matrix: &'a str, rows: &'a [Row]) -> impl Iterator<Item = Self> {
        rows.iter().enumerate().map(move |(at, row)| Self { matrix, number: at + 1, row })
    }

    /// The number in a column, from 0 on; that there are enough was checked.
    fn get(&self, column: usize) -> f64 {
        self.row.numbers[column]
    }

    fn bus(&self, field: &str, column: usize) -> Result<String> {
        let number = self.get(column);
        match number >= 1.0 && number.fract() == 0.0 && number < 1e15 {
            true => Ok(format!("{number}")),
            false => Err(self.refused(field, number, "a bus number: a whole number above zero")),
        }
    }

    /// Columns 12 and 13; both zero is no limit, and so is a full turn.
    fn angle_limits(&self) -> (Option<f64>, Option<f64>) {
        let at = |column: usize| self.row.numbers.get(column).copied().unwrap_or(0.0);
        let (least, most) = (at(11), at(12));
        if least == 0.0 && most == 0.0 {
            return (None, None);
        }
        (Some(least).filter(|least| *least > -360.0), Some(most).filter(|most| *most < 360.0))
    }

    fn cost(&self) -> Result<GenerationCost> {
        let (model, count) = (self.get(0), self.get(3));
        if !(count >= 0.0 && count.fract() == 0.0 && count < 1e6) {
            return Err(self.refused("n", count, "how many coefficients or points there are"));
        }
        let count = count as usize;
        let needed = match model {
            1.0 => 2 * count,
            2.0 => count,
            _ => return Err(self.refused("model", model, "1 (piecewise linear) or 2 (polynomial)")),
        };
        let Some(numbers) = self.row.numbers[4..].get(..needed) else {
            let there = self.row.numbers.len() - 4;
            return Err(self.refused(
                "n",
                count as f64,
                &format!("as many as there are: {there} numbers follow, not {needed}"),
            ));
        };
        if model == 1.0 { Ok(piecewise(numbers)) } else { self.polynomial(numbers) }
    }

    /// Coefficients from the highest power of MW down.
    fn polynomial(&self, numbers: &[f64]) -> Result<GenerationCost> {
        let mut ascending = numbers.iter().rev().copied();
        let mut next = || ascending.next().unwrap_or(0.0);
        let (per_h, per_mwh, per_mw2h) = (next(), next(), next());
        match ascending.find(|higher| *higher != 0.0) {
            None => Ok(GenerationCost::Polynomial { per_kw2h: per_mw2h / MEGA, per_kwh: per_mwh / 1000.0, per_h }),
            Some(higher) => Err(self.refused("c3", higher, "0: costs up to the square of the power are read")),
        }
    }

    fn refused(&self, field: &str, value: f64, expected: &str) -> Error {
        let (matrix, number) = (self.matrix, self.number);
        refused(self.row.line, format!("{matrix} row {number}: {field} is {value}, expected {expected}"))
    }
}

/// Pairs of MW and cost per hour.
fn piecewise(numbers: &[f64]) -> GenerationCost {
    let point = |pair: &[f64]| CostPoint { power_w: pair[0] * MEGA, per_h: pair[1] };
    GenerationCost::Piecewise { points: numbers.chunks_exact(2).map(point).collect() }
}

#[cfg(test)]
mod tests;
