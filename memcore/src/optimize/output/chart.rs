//! What a chart of a plan is drawn from: panels of series with names, units and stacks, for terminals, notebooks and pages alike.

use serde::Serialize;

use super::super::{Plan, Quantity};

/// A chart of a plan: panels over the same time, one below the other. Values of a step stand over all of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlanChart {
    /// What a plan of it costs, in a line.
    pub title: String,
    /// The borders of the steps, RFC 3339: one more than there are values in a series.
    pub borders: Vec<String>,
    /// The panels, from the top.
    pub panels: Vec<Panel>,
}

/// Series that share an axis.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Panel {
    /// `power`, `energy`, `temperature` or `price`.
    pub name: &'static str,
    /// The unit of its axis: `kW`, `kWh`, `degC`, `EUR/kWh`.
    pub unit: String,
    /// Its series, in the order in which they are stacked and listed.
    pub series: Vec<ChartSeries>,
}

/// A series of a chart.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChartSeries {
    /// What a legend calls it: `battery charge`.
    pub name: String,
    /// The asset, link or bus.
    pub part: String,
    /// The column of the plan that it shows: `charge_w`; None of prices and water values.
    pub column: Option<&'static str>,
    /// How it is drawn.
    pub style: ChartStyle,
    /// In the unit of the panel. In the panel of power what gives is above zero and what takes is below, so that the stacks of a
    /// step are as high as deep.
    pub values: Vec<f64>,
}

/// How a series is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChartStyle {
    /// Stacked areas, those above zero upwards and those below downwards.
    Stacked,
    /// A line that holds over each step.
    Steps,
    /// A line through the values at the ends of the steps.
    Line,
}

impl Plan {
    /// What a chart of it is drawn from. Series that are zero throughout are left out of the panel of power.
    #[must_use]
    pub fn chart(&self) -> PlanChart {
        let title =
            format!("{:.2} {} over {:.1} h", self.objective, self.currency, self.horizon.step_hours().iter().sum::<f64>());
        let borders = self.horizon.borders().iter().map(ToString::to_string).collect();
        let panel = |name, unit: &str, series| Panel { name, unit: unit.to_owned(), series };
        let panels = vec![
            panel("power", "kW", self.power_series()),
            panel("energy", "kWh", self.held(Quantity::Energy, "", 1e-3)),
            panel("temperature", "degC", self.held(Quantity::Temperature, "", 1.0)),
            panel("price", &format!("{}/kWh", self.currency), self.price_series()),
        ];
        PlanChart { title, borders, panels: panels.into_iter().filter(|panel| !panel.series.is_empty()).collect() }
    }

    fn power_series(&self) -> Vec<ChartSeries> {
        let mut series = Vec::new();
        for (part, name) in self.parts.iter().enumerate() {
            for quantity in self.schedule.quantities(part) {
                let Some((word, sign)) = flow(*quantity, self.schedule.quantities(part)) else { continue };
                let values = self.schedule.column(part, *quantity);
                if values.iter().all(|value| *value == 0.0) {
                    continue;
                }
                series.push(ChartSeries {
                    name: if word.is_empty() { name.clone() } else { format!("{name} {word}") },
                    part: name.clone(),
                    column: Some(quantity.name()),
                    style: ChartStyle::Stacked,
                    values: values.iter().map(|value| sign * value / 1000.0).collect(),
                });
            }
        }
        series
    }

    fn held(&self, quantity: Quantity, word: &str, scale: f64) -> Vec<ChartSeries> {
        let of_part = |(part, name): (usize, &String)| {
            let values = self.schedule.get(part, quantity)?;
            Some(ChartSeries {
                name: format!("{name}{word}"),
                part: name.clone(),
                column: Some(quantity.name()),
                style: ChartStyle::Line,
                values: values.iter().map(|value| value * scale).collect(),
            })
        };
        self.parts.iter().enumerate().filter_map(of_part).collect()
    }

    fn price_series(&self) -> Vec<ChartSeries> {
        let series = |part: &str, word: &str, values: &[f64]| ChartSeries {
            name: format!("{part} {word}"),
            part: part.to_owned(),
            column: None,
            style: ChartStyle::Steps,
            values: values.to_vec(),
        };
        let prices = self.prices.iter().map(|price| series(&price.bus, "price", &price.per_kwh));
        let water = self.water_values.iter().map(|value| series(&value.part, "water value", &value.per_kwh));
        prices.chain(water).collect()
    }
}

/// How a column of power is called beside its part, and whether it gives (1) or takes (-1); None of what is no flow at a bus.
fn flow(quantity: Quantity, of_part: &[Quantity]) -> Option<(&'static str, f64)> {
    match quantity {
        Quantity::Import => Some(("import", 1.0)),
        Quantity::Export => Some(("export", -1.0)),
        Quantity::Used => Some(("", 1.0)),
        Quantity::Charge => Some(("charge", -1.0)),
        Quantity::Discharge => Some(("discharge", 1.0)),
        Quantity::Served => Some(("", -1.0)),
        // Of what has both, power and reserve, there is nothing but gensets.
        Quantity::Power if of_part.contains(&Quantity::Reserve) => Some(("", 1.0)),
        Quantity::Power => Some(("", -1.0)),
        _ => None,
    }
}
