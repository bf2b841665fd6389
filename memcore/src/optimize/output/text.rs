//! A chart of a plan in a terminal: a row of blocks for each series, its highest beside it.

use super::chart::{ChartSeries, Panel, PlanChart};

/// From the bottom of a row to its top.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Narrower rows say nothing.
const NARROWEST: usize = 16;

impl PlanChart {
    /// The chart as lines of a given width in columns: a row a series, each as high as the largest of its panel. A blank is zero,
    /// and in panels that do not begin at zero the lowest block is the lowest value.
    #[must_use]
    pub fn to_text(&self, width: usize) -> String {
        let names = self.panels.iter().flat_map(|panel| &panel.series).map(|series| series.name.chars().count());
        let left = names.max().unwrap_or(0).max(8) + 4;
        let steps = self.borders.len().saturating_sub(1);
        let room = width.saturating_sub(left + 24).max(NARROWEST);
        // Few steps are drawn several columns wide.
        let columns = if steps <= room { steps * (room / steps.max(1)) } else { room };
        let mut lines = Vec::new();
        for panel in &self.panels {
            lines.push(format!("{}, {}", panel.name, panel.unit));
            lines.extend(panel.series.iter().map(|series| row(panel, series, left, columns)));
        }
        lines.push(self.times(left, columns));
        lines.join("\n")
    }

    fn times(&self, left: usize, columns: usize) -> String {
        let clock =
            |border: Option<&String>| border.map_or(String::new(), |text| text.get(..16).unwrap_or(text).replace('T', " "));
        let (first, last) = (clock(self.borders.first()), clock(self.borders.last()));
        let gap = columns.saturating_sub(first.len() + last.len()).max(2);
        format!("{:left$}{first}{:gap$}{last} UTC", "", "")
    }
}

fn row(panel: &Panel, series: &ChartSeries, left: usize, columns: usize) -> String {
    let all = panel.series.iter().flat_map(|series| &series.values).copied();
    // Stacks are drawn by their size; temperatures and prices from the lowest on.
    let stacked = panel.name == "power" || panel.name == "energy";
    let highest = all.clone().fold(0.0, |highest: f64, value| highest.max(value.abs()));
    let (low, high) = match stacked {
        true => (0.0, highest),
        false => (all.clone().fold(f64::INFINITY, f64::min), all.fold(f64::NEG_INFINITY, f64::max)),
    };
    let values = &series.values;
    let block = |column: usize| {
        let (from, to) = (column * values.len() / columns, ((column + 1) * values.len()).div_ceil(columns));
        let part = &values[from..to.max(from + 1).min(values.len())];
        let mean = part.iter().sum::<f64>() / part.len().max(1) as f64;
        let size = if stacked { mean.abs() } else { mean };
        if stacked && size < 1e-3 * high.max(1e-9) {
            return ' ';
        }
        let share = if high > low { (size - low) / (high - low) } else { 0.5 };
        BLOCKS[((share * 8.0).ceil() as usize).clamp(1, 8) - 1]
    };
    let blocks: String = (0..columns).map(block).collect();
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let range = match stacked {
        true => format!("{:.2} at most", least.abs().max(most.abs())),
        false => format!("{least:.3} to {most:.3}"),
    };
    format!("  {:<width$}{blocks}  {range}", series.name, width = left - 2)
}

#[cfg(test)]
mod tests {
    use super::super::chart::ChartStyle;
    use super::*;

    #[test]
    fn each_series_is_a_row_as_high_as_it_is() {
        let series = |name: &str, values: Vec<f64>| ChartSeries {
            name: name.to_owned(),
            part: name.to_owned(),
            column: None,
            style: ChartStyle::Stacked,
            values,
        };
        let power = vec![series("pv", vec![0.0, 4.0, 2.0, 0.0]), series("load", vec![-1.0, -1.0, -1.0, -4.0])];
        let panels = vec![
            Panel { name: "power", unit: "kW".to_owned(), series: power },
            Panel {
                name: "price",
                unit: "EUR/kWh".to_owned(),
                series: vec![series("main price", vec![0.3, 0.2, 0.1, 0.3])],
            },
        ];
        let borders = (0..5).map(|hour| format!("2026-01-01T0{hour}:00:00Z")).collect();
        let text = PlanChart { title: "x".to_owned(), borders, panels }.to_text(60);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "power, kW");
        assert!(lines[1].contains("█████") && lines[1].contains("▄▄▄▄▄") && lines[1].ends_with("4.00 at most"), "{text}");
        assert!(lines[2].contains("▂▂▂▂▂"), "{text}");
        assert!(lines[4].contains("▁▁▁▁▁") && lines[4].ends_with("0.100 to 0.300"), "{text}");
        assert!(lines[5].contains("2026-01-01 00:00"), "{text}");
    }
}
