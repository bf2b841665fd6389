//! What a network is made of. Impedances are per unit, as network data has them; powers are in W and var, energies cost per kWh.

use serde::{Deserialize, Serialize};

/// Buses and what joins them, feeds them and loads them.
///
/// Impedances, voltages and taps are per unit of [`base_va`](Self::base_va) and of the nominal voltage of their bus; everything else
/// is in the unit that its name carries. Three-phase quantities: powers of all phases together, voltages between phases.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// What it is called; empty unless told.
    #[serde(default)]
    pub name: String,
    /// The power that per-unit impedances are of, in VA.
    pub base_va: f64,
    /// The buses; exactly one of them is the reference.
    pub buses: Vec<Bus>,
    /// Lines and transformers.
    #[serde(default)]
    pub branches: Vec<Branch>,
    /// What is drawn from buses.
    #[serde(default)]
    pub loads: Vec<Load>,
    /// What feeds buses.
    #[serde(default)]
    pub generators: Vec<Generator>,
}

impl Network {
    /// A network of those buses, with nothing on them yet; `base_va` in VA.
    #[must_use]
    pub fn new(base_va: f64, buses: impl IntoIterator<Item = Bus>) -> Self {
        let buses = buses.into_iter().collect();
        Self { name: String::new(), base_va, buses, branches: Vec::new(), loads: Vec::new(), generators: Vec::new() }
    }

    /// With one more line or transformer.
    #[must_use]
    pub fn branch(mut self, branch: Branch) -> Self {
        self.branches.push(branch);
        self
    }

    /// With one more load.
    #[must_use]
    pub fn load(mut self, load: Load) -> Self {
        self.loads.push(load);
        self
    }

    /// With one more generator.
    #[must_use]
    pub fn generator(mut self, generator: Generator) -> Self {
        self.generators.push(generator);
        self
    }
}

/// A node of the network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bus {
    /// What it is called; unlike any other bus.
    pub name: String,
    /// The nominal voltage between phases, in V; 0 where a case file does not know it, for nothing is computed from it.
    pub nominal_v: f64,
    /// Whether it is the reference: its angle is zero, and in a power flow it holds its voltage and gives what is missing.
    #[serde(default)]
    pub reference: bool,
    /// The voltage that the reference holds, per unit; 1 unless told.
    #[serde(default = "one")]
    pub voltage_pu: f64,
    /// The least voltage allowed, per unit; 0.9 unless told.
    #[serde(default = "low")]
    pub min_pu: f64,
    /// The most voltage allowed, per unit; 1.1 unless told.
    #[serde(default = "high")]
    pub max_pu: f64,
    /// Power that a shunt draws at nominal voltage, in W.
    #[serde(default)]
    pub shunt_w: f64,
    /// Reactive power that a shunt feeds in at nominal voltage, in var: capacitors above zero.
    #[serde(default)]
    pub shunt_var: f64,
}

impl Bus {
    /// A bus of that name and nominal voltage, in V.
    #[must_use]
    pub fn new(name: impl Into<String>, nominal_v: f64) -> Self {
        Self {
            name: name.into(),
            nominal_v,
            reference: false,
            voltage_pu: 1.0,
            min_pu: low(),
            max_pu: high(),
            shunt_w: 0.0,
            shunt_var: 0.0,
        }
    }

    /// As the reference, which holds `voltage_pu`.
    #[must_use]
    pub fn reference(mut self, voltage_pu: f64) -> Self {
        self.reference = true;
        self.voltage_pu = voltage_pu;
        self
    }

    /// With those limits of its voltage, per unit.
    #[must_use]
    pub fn limits_pu(mut self, min: f64, max: f64) -> Self {
        (self.min_pu, self.max_pu) = (min, max);
        self
    }
}

/// A line or a transformer: a series impedance with half of its charging at either end, behind an ideal transformer at `from` whose
/// ratio is `tap` and which turns the angle by `shift_deg` (MATPOWER's branch model, MATPOWER User's Manual, section 3.2).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Branch {
    /// What it is called; unlike any other branch.
    pub name: String,
    /// The bus where it begins, where its tap is.
    pub from: String,
    /// The bus where it ends.
    pub to: String,
    /// Series resistance, per unit.
    pub r_pu: f64,
    /// Series reactance, per unit.
    pub x_pu: f64,
    /// Charging susceptance of the whole branch, per unit.
    #[serde(default)]
    pub b_pu: f64,
    /// The most that it may carry, in VA; no limit unless told.
    #[serde(default)]
    pub rating_va: Option<f64>,
    /// The ratio of the voltages at `from` and behind the transformer, per unit; 1 unless told.
    #[serde(default = "one")]
    pub tap: f64,
    /// By how much the angle behind the transformer lags that at `from`, in degrees.
    #[serde(default)]
    pub shift_deg: f64,
    /// The least difference of the angles at `from` and `to`, in degrees; no limit unless told.
    #[serde(default)]
    pub min_angle_deg: Option<f64>,
    /// The most difference of the angles at `from` and `to`, in degrees; no limit unless told.
    #[serde(default)]
    pub max_angle_deg: Option<f64>,
    /// Whether it is switched in. True unless told.
    #[serde(default = "yes")]
    pub in_service: bool,
}

impl Branch {
    /// A branch of that impedance, per unit.
    #[must_use]
    pub fn new(name: impl Into<String>, from: impl Into<String>, to: impl Into<String>, r_pu: f64, x_pu: f64) -> Self {
        Self {
            name: name.into(),
            from: from.into(),
            to: to.into(),
            r_pu,
            x_pu,
            b_pu: 0.0,
            rating_va: None,
            tap: 1.0,
            shift_deg: 0.0,
            min_angle_deg: None,
            max_angle_deg: None,
            in_service: true,
        }
    }

    /// With the impedance of a cable in ohm per phase, at a nominal voltage between phases (V) and the network's base (VA):
    /// per unit is ohm divided by `nominal_v^2 / base_va`.
    #[must_use]
    pub fn ohms(mut self, r_ohm: f64, x_ohm: f64, nominal_v: f64, base_va: f64) -> Self {
        let base_ohm = nominal_v * nominal_v / base_va;
        (self.r_pu, self.x_pu) = (r_ohm / base_ohm, x_ohm / base_ohm);
        self
    }

    /// With that rating, in VA.
    #[must_use]
    pub fn rating_va(mut self, rating_va: f64) -> Self {
        self.rating_va = Some(rating_va);
        self
    }

    /// As a transformer with that ratio (per unit) and phase shift (degrees).
    #[must_use]
    pub fn tap(mut self, tap: f64, shift_deg: f64) -> Self {
        (self.tap, self.shift_deg) = (tap, shift_deg);
        self
    }

    /// Switched out.
    #[must_use]
    pub fn out_of_service(mut self) -> Self {
        self.in_service = false;
        self
    }
}

/// What is drawn from a bus.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// What it is called; unlike any other load.
    pub name: String,
    /// The bus that it is on.
    pub bus: String,
    /// Power, in W.
    pub power_w: f64,
    /// Reactive power, in var: above zero for motors, below zero for capacitors.
    #[serde(default)]
    pub reactive_var: f64,
    /// What each kWh that is not served costs; it must be served unless told.
    #[serde(default)]
    pub value_of_lost_load_per_kwh: Option<f64>,
}

impl Load {
    /// A load that must be served, in W and var.
    #[must_use]
    pub fn new(name: impl Into<String>, bus: impl Into<String>, power_w: f64, reactive_var: f64) -> Self {
        Self { name: name.into(), bus: bus.into(), power_w, reactive_var, value_of_lost_load_per_kwh: None }
    }

    /// A load that may be shed, at that price per kWh.
    #[must_use]
    pub fn sheddable(mut self, value_of_lost_load_per_kwh: f64) -> Self {
        self.value_of_lost_load_per_kwh = Some(value_of_lost_load_per_kwh);
        self
    }
}

/// What feeds a bus: a genset, a PV plant that can be curtailed, the grid behind a substation. A battery that charges has a
/// `min_w` below zero.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generator {
    /// What it is called; unlike any other generator.
    pub name: String,
    /// The bus that it is on.
    pub bus: String,
    /// The least power, in W.
    #[serde(default)]
    pub min_w: f64,
    /// The most power, in W.
    pub max_w: f64,
    /// The least reactive power, in var; none is given or taken unless told.
    #[serde(default)]
    pub min_var: f64,
    /// The most reactive power, in var; none is given or taken unless told.
    #[serde(default)]
    pub max_var: f64,
    /// What it gives in a power flow, in W; a dispatch decides for itself.
    #[serde(default)]
    pub power_w: f64,
    /// The reactive power that it gives in a power flow, in var.
    #[serde(default)]
    pub reactive_var: f64,
    /// What its power costs; nothing unless told.
    #[serde(default)]
    pub cost: GenerationCost,
    /// Whether it is switched in. True unless told.
    #[serde(default = "yes")]
    pub in_service: bool,
}

impl Generator {
    /// A generator between those powers, in W, at a price per kWh.
    #[must_use]
    pub fn new(name: impl Into<String>, bus: impl Into<String>, min_w: f64, max_w: f64, per_kwh: f64) -> Self {
        Self {
            name: name.into(),
            bus: bus.into(),
            min_w,
            max_w,
            min_var: 0.0,
            max_var: 0.0,
            power_w: 0.0,
            reactive_var: 0.0,
            cost: GenerationCost::linear(per_kwh),
            in_service: true,
        }
    }

    /// With another cost.
    #[must_use]
    pub fn cost(mut self, cost: GenerationCost) -> Self {
        self.cost = cost;
        self
    }

    /// With those limits of reactive power, in var.
    #[must_use]
    pub fn reactive_limits_var(mut self, min: f64, max: f64) -> Self {
        (self.min_var, self.max_var) = (min, max);
        self
    }

    /// Giving so much in a power flow, in W and var.
    #[must_use]
    pub fn giving(mut self, power_w: f64, reactive_var: f64) -> Self {
        (self.power_w, self.reactive_var) = (power_w, reactive_var);
        self
    }

    /// Switched out.
    #[must_use]
    pub fn out_of_service(mut self) -> Self {
        self.in_service = false;
        self
    }
}

/// What a generator's power costs per hour.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum GenerationCost {
    /// `per_kw2h * kw^2 + per_kwh * kw + per_h`, with a `per_kw2h` of zero or above.
    Polynomial {
        /// The quadratic part, per (kW)^2 and hour.
        #[serde(default)]
        per_kw2h: f64,
        /// The linear part, per kWh.
        #[serde(default)]
        per_kwh: f64,
        /// The constant part, per hour.
        #[serde(default)]
        per_h: f64,
    },
    /// Straight lines between points of ascending power, with slopes that do not fall. The first and the last go on beyond them.
    Piecewise {
        /// At least two points.
        points: Vec<CostPoint>,
    },
}

impl GenerationCost {
    /// A price per kWh.
    #[must_use]
    pub fn linear(per_kwh: f64) -> Self {
        Self::Polynomial { per_kw2h: 0.0, per_kwh, per_h: 0.0 }
    }

    /// The cost of an hour at that power, in W.
    #[must_use]
    pub fn per_h_at(&self, power_w: f64) -> f64 {
        let kw = power_w / 1000.0;
        match self {
            Self::Polynomial { per_kw2h, per_kwh, per_h } => per_kw2h * kw * kw + per_kwh * kw + per_h,
            Self::Piecewise { points } => {
                let lines = points.windows(2).map(|pair| line_between(&pair[0], &pair[1]));
                lines.map(|(slope, at_zero)| slope * kw + at_zero).fold(f64::NEG_INFINITY, f64::max)
            }
        }
    }
}

impl Default for GenerationCost {
    fn default() -> Self {
        Self::linear(0.0)
    }
}

/// A corner of a piecewise linear cost.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CostPoint {
    /// The power, in W.
    pub power_w: f64,
    /// What an hour at that power costs.
    pub per_h: f64,
}

/// The straight line through two points: its slope per kWh and its value at no power, per hour. A convex cost is the highest of its
/// lines.
pub(super) fn line_between(left: &CostPoint, right: &CostPoint) -> (f64, f64) {
    let slope = (right.per_h - left.per_h) / ((right.power_w - left.power_w) / 1000.0);
    (slope, left.per_h - slope * left.power_w / 1000.0)
}

fn one() -> f64 {
    1.0
}

fn low() -> f64 {
    0.9
}

fn high() -> f64 {
    1.1
}

fn yes() -> bool {
    true
}
