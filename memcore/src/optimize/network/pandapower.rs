//! Networks out of pandapower's JSON: buses, lines, loads, external grids, static generators and polynomial costs.
//!
//! The file holds one table per kind of element, each as JSON within a text. Tables that would change the flow and are not read
//! (transformers, open switches, shunts and the like) are refused by name where they have rows.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Branch, Bus, GenerationCost, Generator, Load, Network};
use crate::error::{Error, Result};

const MEGA: f64 = 1e6;

/// What pandapower's own cases write where a line has no limit, in kA.
const NO_LIMIT_KA: f64 = 99_999.0;

/// Tables with a bearing on power flow that are not read.
const REFUSED: [&str; 16] = [
    "trafo",
    "trafo3w",
    "switch",
    "shunt",
    "gen",
    "motor",
    "storage",
    "asymmetric_load",
    "asymmetric_sgen",
    "impedance",
    "dcline",
    "ward",
    "xward",
    "pwl_cost",
    "svc",
    "tcsc",
];

impl Network {
    /// Reads a network that pandapower wrote as JSON.
    ///
    /// Elements are named by their index: bus `1`, `line 0`, `load 3`. Lines may be in parallel; `max_i_ka` becomes a rating at nominal
    /// voltage.
    ///
    /// # Errors
    /// Invalid, naming the table, the row and the column; and as [`Network::check`] says.
    pub fn from_pandapower(json: &str) -> Result<Self> {
        let whole: Value =
            serde_json::from_str(json).map_err(|error| Error::invalid(format!("the network is no JSON: {error}")))?;
        let Some(Value::Object(net)) = whole.get("_object") else {
            return Err(Error::invalid("the JSON has no object `_object`, expected a network of pandapower"));
        };
        for name in REFUSED {
            if !Table::read(net, name)?.rows.is_empty() {
                return Err(Error::invalid(format!("table {name} has rows and is not read")));
            }
        }
        let base_va = number(net, "sn_mva")? * MEGA;
        let buses = buses(net)?;
        let lines = lines(net, base_va, &buses)?;
        let mut network = Self::new(base_va, buses);
        network.branches = lines;
        network.loads = loads(net)?;
        network.generators = generators(net)?;
        network.check()?;
        Ok(network)
    }
}

fn buses(net: &Map<String, Value>) -> Result<Vec<Bus>> {
    let grids = Table::read(net, "ext_grid")?;
    let mut buses = Vec::new();
    for row in Table::read(net, "bus")?.in_service() {
        let mut bus = Bus::new(row.index.to_string(), row.number("vn_kv")? * 1000.0);
        bus.min_pu = row.number_or("min_vm_pu", bus.min_pu)?;
        bus.max_pu = row.number_or("max_vm_pu", bus.max_pu)?;
        for grid in grids.in_service() {
            if grid.bus("bus")? == bus.name {
                (bus.reference, bus.voltage_pu) = (true, grid.number("vm_pu")?);
            }
        }
        buses.push(bus);
    }
    Ok(buses)
}

fn lines(net: &Map<String, Value>, base_va: f64, buses: &[Bus]) -> Result<Vec<Branch>> {
    let frequency = number(net, "f_hz")?;
    let mut branches = Vec::new();
    for row in Table::read(net, "line")?.rows {
        let (from, to) = (row.bus("from_bus")?, row.bus("to_bus")?);
        let nominal_v = buses.iter().find(|bus| bus.name == from).map_or(0.0, |bus| bus.nominal_v);
        let (km, parallel) = (row.number("length_km")?, row.number("parallel")?);
        let ohm = |column: &str| Ok::<f64, Error>(row.number(column)? * km / parallel);
        let mut line = Branch::new(format!("line {}", row.index), from, to, 0.0, 0.0).ohms(
            ohm("r_ohm_per_km")?,
            ohm("x_ohm_per_km")?,
            nominal_v,
            base_va,
        );
        let siemens = std::f64::consts::TAU * frequency * row.number("c_nf_per_km")? * 1e-9 * km * parallel;
        line.b_pu = siemens * nominal_v * nominal_v / base_va;
        let ampere = row.number("max_i_ka")? * 1000.0 * row.number_or("df", 1.0)? * parallel;
        line.rating_va = (row.number("max_i_ka")? < NO_LIMIT_KA).then_some(3.0_f64.sqrt() * nominal_v * ampere);
        line.in_service = row.in_service();
        branches.push(line);
    }
    Ok(branches)
}

fn loads(net: &Map<String, Value>) -> Result<Vec<Load>> {
    let mut loads = Vec::new();
    for row in Table::read(net, "load")?.in_service() {
        for share in ["const_z_p_percent", "const_z_q_percent", "const_i_p_percent", "const_i_q_percent"] {
            let value = row.number_or(share, 0.0)?;
            if value != 0.0 {
                return Err(row.refused(share, &value.to_string(), "0: loads of constant power are read"));
            }
        }
        let scaling = row.number_or("scaling", 1.0)? * MEGA;
        let (power_w, reactive_var) = (row.number("p_mw")? * scaling, row.number("q_mvar")? * scaling);
        loads.push(Load::new(format!("load {}", row.index), row.bus("bus")?, power_w, reactive_var));
    }
    Ok(loads)
}

/// External grids, with their polynomial costs, and static generators at what they are set to.
fn generators(net: &Map<String, Value>) -> Result<Vec<Generator>> {
    let mut generators = Vec::new();
    for row in Table::read(net, "ext_grid")?.in_service() {
        let (min_w, max_w) = (row.number("min_p_mw")? * MEGA, row.number("max_p_mw")? * MEGA);
        let grid = Generator::new(format!("grid {}", row.index), row.bus("bus")?, min_w, max_w, 0.0)
            .reactive_limits_var(row.number("min_q_mvar")? * MEGA, row.number("max_q_mvar")? * MEGA);
        generators.push(grid.cost(cost_of(net, "ext_grid", row.index)?));
    }
    for row in Table::read(net, "sgen")?.in_service() {
        let scaling = row.number_or("scaling", 1.0)? * MEGA;
        let (power, reactive) = (row.number("p_mw")? * scaling, row.number("q_mvar")? * scaling);
        let generator = Generator::new(format!("sgen {}", row.index), row.bus("bus")?, power.min(0.0), power.max(0.0), 0.0);
        generators.push(generator.giving(power, reactive).cost(cost_of(net, "sgen", row.index)?));
    }
    Ok(generators)
}

fn cost_of(net: &Map<String, Value>, kind: &str, element: i64) -> Result<GenerationCost> {
    for row in Table::read(net, "poly_cost")?.rows {
        if row.value("et")? == kind && row.number("element")? == element as f64 {
            return Ok(GenerationCost::Polynomial {
                per_kw2h: row.number("cp2_eur_per_mw2")? / MEGA,
                per_kwh: row.number("cp1_eur_per_mw")? / 1000.0,
                per_h: row.number("cp0_eur")?,
            });
        }
    }
    Ok(GenerationCost::default())
}

fn number(net: &Map<String, Value>, name: &str) -> Result<f64> {
    let value = net.get(name).and_then(Value::as_f64);
    value.ok_or_else(|| Error::invalid(format!("{name} is missing or no number")))
}

/// A table in pandas' `split` form.
#[derive(Deserialize)]
struct Split {
    columns: Vec<String>,
    index: Vec<i64>,
    data: Vec<Vec<Value>>,
}

/// A table, its rows in the order of their indices: pandapower writes them in the order of their texts.
struct Table {
    rows: Vec<Row>,
}

struct Row {
    table: String,
    index: i64,
    values: Map<String, Value>,
}

impl Table {
    /// The table of that name; empty where there is none.
    fn read(net: &Map<String, Value>, name: &str) -> Result<Self> {
        let Some(text) = net.get(name).and_then(|table| table.get("_object")).and_then(Value::as_str) else {
            return Ok(Self { rows: Vec::new() });
        };
        let split: Split =
            serde_json::from_str(text).map_err(|error| Error::invalid(format!("table {name} is no table: {error}")))?;
        if split.index.len() != split.data.len() {
            let (indices, rows) = (split.index.len(), split.data.len());
            return Err(Error::invalid(format!("table {name} has {indices} indices for {rows} rows")));
        }
        let row = |(index, data): (i64, Vec<Value>)| Row {
            table: name.to_owned(),
            index,
            values: split.columns.iter().cloned().zip(data).collect(),
        };
        let mut rows: Vec<Row> = split.index.into_iter().zip(split.data).map(row).collect();
        rows.sort_by_key(|row| row.index);
        Ok(Self { rows })
    }

    fn in_service(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.in_service())
    }
}

impl Row {
    fn in_service(&self) -> bool {
        self.values.get("in_service").and_then(Value::as_bool).unwrap_or(true)
    }

    fn value(&self, column: &str) -> Result<&Value> {
        let (table, index) = (&self.table, self.index);
        self.values.get(column).ok_or_else(|| Error::invalid(format!("table {table} row {index} has no column {column}")))
    }

    fn number(&self, column: &str) -> Result<f64> {
        let value = self.value(column)?;
        value.as_f64().ok_or_else(|| self.refused(column, &value.to_string(), "a number"))
    }

    /// The number of a column that may be missing or empty.
    fn number_or(&self, column: &str, otherwise: f64) -> Result<f64> {
        match self.values.get(column) {
            None | Some(Value::Null) => Ok(otherwise),
            Some(_) => self.number(column),
        }
    }

    /// The name of a bus: its index.
    fn bus(&self, column: &str) -> Result<String> {
        let value = self.value(column)?;
        let index = value.as_i64().ok_or_else(|| self.refused(column, &value.to_string(), "the index of a bus"))?;
        Ok(index.to_string())
    }

    fn refused(&self, column: &str, value: &str, expected: &str) -> Error {
        Error::invalid(format!("table {} row {}: {column} is {value}, expected {expected}", self.table, self.index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two buses at 10 kV, a line of 2 km in two systems, a load and a PV plant.
    fn net() -> Value {
        let table = |columns: &[&str], index: &[i64], data: Value| {
            let split = serde_json::json!({ "columns": columns, "index": index, "data": data });
            serde_json::json!({ "_class": "DataFrame", "_object": split.to_string() })
        };
        let line =
            ["from_bus", "to_bus", "length_km", "r_ohm_per_km", "x_ohm_per_km", "c_nf_per_km", "max_i_ka", "parallel"];
        let grid = ["bus", "vm_pu", "min_p_mw", "max_p_mw", "min_q_mvar", "max_q_mvar"];
        let cost = ["element", "et", "cp0_eur", "cp1_eur_per_mw", "cp2_eur_per_mw2"];
        serde_json::json!({ "_class": "pandapowerNet", "_object": {
            "sn_mva": 1, "f_hz": 50,
            "bus": table(&["vn_kv", "in_service"], &[10, 2], serde_json::json!([[10, true], [10.0, true]])),
            "ext_grid": table(&grid, &[0], serde_json::json!([[2, 1.01, -1, 5, -2, 2]])),
            "line": table(&line, &[0], serde_json::json!([[2, 10, 2.0, 0.5, 0.3, 200.0, 0.1, 2]])),
            "load": table(&["bus", "p_mw", "q_mvar", "scaling"], &[0], serde_json::json!([[10, 0.4, 0.1, 0.5]])),
            "sgen": table(&["bus", "p_mw", "q_mvar"], &[0], serde_json::json!([[10, 0.3, 0.0]])),
            "poly_cost": table(&cost, &[0], serde_json::json!([[0, "ext_grid", 1.0, 80.0, 0.0]])),
            "trafo": table(&["hv_bus"], &[], serde_json::json!([])),
        }})
    }

    #[test]
    fn tables_become_a_network() {
        let network = Network::from_pandapower(&net().to_string()).unwrap();
        let names: Vec<&str> = network.buses.iter().map(|bus| bus.name.as_str()).collect();
        assert_eq!(names, ["2", "10"], "by index, not by its text");
        assert_eq!((network.buses[0].reference, network.buses[0].voltage_pu), (true, 1.01));
        // 2 km of 0.5 ohm, two in parallel: 0.5 ohm of 100 ohm.
        let line = &network.branches[0];
        assert!((line.r_pu - 0.005).abs() < 1e-15 && (line.x_pu - 0.003).abs() < 1e-15);
        assert!((line.b_pu - 2.0 * std::f64::consts::PI * 50.0 * 200e-9 * 4.0 * 100.0).abs() < 1e-12, "{}", line.b_pu);
        assert!((line.rating_va.unwrap() - 3.0_f64.sqrt() * 10_000.0 * 200.0).abs() < 1e-6);
        assert_eq!((network.loads[0].power_w, network.generators[1].power_w), (200_000.0, 300_000.0));
        assert_eq!(network.generators[0].cost, GenerationCost::Polynomial { per_kw2h: 0.0, per_kwh: 0.08, per_h: 1.0 });
        let flow = network.lindistflow().unwrap();
        assert!((flow.reference_w + 100_000.0).abs() < 1e-6, "PV flows back: {}", flow.reference_w);
    }

    #[test]
    fn what_is_malformed_is_refused_by_table_and_column() {
        let refused = |from: &str, to: &str, expected: &str| {
            let text = net().to_string();
            assert!(text.contains(from), "{from} is not in {text}");
            let message = Network::from_pandapower(&text.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(message.contains(expected), "{from} -> {to}: {message}");
        };
        refused("_object", "object", "no object `_object`");
        refused("{", "[", "no JSON");
        refused("sn_mva", "sn_kva", "sn_mva is missing");
        refused(
            "p_mw\\\",\\\"q_mvar\\\",\\\"scaling",
            "p_kw\\\",\\\"q_mvar\\\",\\\"scaling",
            "table load row 0 has no column p_mw",
        );
        refused("[[10,0.4,", "[[10,\\\"much\\\",", "table load row 0: p_mw is \"much\", expected a number");
        refused("[[2,10,2.0", "[[2,1.5,2.0", "table line row 0: to_bus is 1.5, expected the index of a bus");
        refused("[[2,10,2.0", "[[2,3,2.0", "branch line 0.to is \"3\"");
        refused("\\\"index\\\":[]", "\\\"index\\\":[1]", "has 1 indices for 0 rows");
    }
}
