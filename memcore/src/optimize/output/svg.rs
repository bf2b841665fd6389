//! A chart of a plan as one `<svg>` that needs nothing else.

use std::fmt::Write;

use super::chart::{ChartSeries, ChartStyle, Panel, PlanChart};

const WIDTH: f64 = 900.0;
const PANEL: f64 = 190.0;
const TOP: f64 = 26.0;
const LEFT: f64 = 56.0;
/// Room for the legend.
const RIGHT: f64 = 190.0;
/// Between one panel and the next.
const GAP: f64 = 26.0;

/// Colours that the colour-blind tell apart: M. Okabe and K. Ito, "Color Universal Design" (2008), and two greys.
const COLOURS: [&str; 9] =
    ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#b8a800", "#777777", "#333333"];

impl PlanChart {
    /// The chart as one `<svg>` element: panels one below the other, powers as stacked areas.
    #[must_use]
    pub fn to_svg(&self) -> String {
        let height = TOP + self.panels.len() as f64 * (PANEL + GAP) + 10.0;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" font-family=\"sans-serif\" \
             font-size=\"11\"><rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/><text x=\"{LEFT}\" y=\"16\" font-size=\"13\">{}</text>",
            escaped(&self.title)
        );
        for (place, panel) in self.panels.iter().enumerate() {
            let frame = Frame::of(panel, TOP + place as f64 * (PANEL + GAP));
            frame.draw(panel, &mut svg);
        }
        let clock = |text: &String| text.get(..16).unwrap_or(text).replace('T', " ");
        for (border, x, anchor) in [(self.borders.first(), LEFT, "start"), (self.borders.last(), WIDTH - RIGHT, "end")] {
            let text = border.map(clock).unwrap_or_default();
            let _ = write!(svg, "<text x=\"{x}\" y=\"{}\" text-anchor=\"{anchor}\">{text} UTC</text>", height - 10.0);
        }
        svg + "</svg>"
    }
}

/// Where the numbers of a panel lie.
struct Frame {
    top: f64,
    low: f64,
    high: f64,
}

impl Frame {
    fn of(panel: &Panel, top: f64) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        let steps = panel.series.first().map_or(0, |series| series.values.len());
        let stacked = |series: &&ChartSeries| series.style == ChartStyle::Stacked;
        for step in 0..steps {
            let stack = panel.series.iter().filter(stacked).map(|series| series.values[step]);
            let (above, below) =
                stack.fold((0.0, 0.0), |(above, below), value: f64| (above + value.max(0.0), below + value.min(0.0)));
            let lines = panel.series.iter().filter(|series| !stacked(series)).map(|series| series.values[step]);
            let is_stacked = panel.series.iter().any(|series| series.style == ChartStyle::Stacked);
            for value in lines.chain(is_stacked.then_some(above)).chain(is_stacked.then_some(below)) {
                low = low.min(value);
                high = high.max(value);
            }
        }
        if panel.name == "energy" || panel.name == "power" {
            (low, high) = (low.min(0.0), high.max(0.0));
        }
        let room = if high > low { (high - low) * 0.04 } else { 1.0 };
        Self { top, low: low - room, high: high + room }
    }

    fn y(&self, value: f64) -> f64 {
        self.top + PANEL * (self.high - value) / (self.high - self.low)
    }

    fn draw(&self, panel: &Panel, svg: &mut String) {
        let (bottom, right) = (self.top + PANEL, WIDTH - RIGHT);
        let unit = escaped(&panel.unit);
        let _ = write!(
            svg,
            "<rect x=\"{LEFT}\" y=\"{}\" width=\"{}\" height=\"{PANEL}\" fill=\"none\" stroke=\"#bbbbbb\"/>\
             <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{:.2}</text><text x=\"{}\" y=\"{bottom}\" text-anchor=\"end\">{:.2}</text>\
             <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{unit}</text>",
            self.top,
            right - LEFT,
            LEFT - 4.0,
            self.top + 10.0,
            self.high,
            LEFT - 4.0,
            self.low,
            LEFT - 4.0,
            self.top + PANEL / 2.0,
        );
        let mut stacks = panel.series.first().map(|series| vec![(0.0, 0.0); series.values.len()]).unwrap_or_default();
        for (place, series) in panel.series.iter().enumerate() {
            let colour = COLOURS[place % COLOURS.len()];
            match series.style {
                ChartStyle::Stacked => self.area(series, colour, &mut stacks, svg),
                ChartStyle::Steps => self.line(series, colour, true, svg),
                ChartStyle::Line => self.line(series, colour, false, svg),
            }
            let y = self.top + 12.0 + 15.0 * place as f64;
            let name = escaped(&series.name);
            let _ = write!(
                svg,
                "<rect x=\"{}\" y=\"{}\" width=\"10\" height=\"10\" fill=\"{colour}\"/><text x=\"{}\" y=\"{y}\">{name}</text>",
                right + 10.0,
                y - 9.0,
                right + 26.0
            );
        }
    }

    fn area(&self, series: &ChartSeries, colour: &str, stacks: &mut [(f64, f64)], svg: &mut String) {
        let (mut ahead, mut back) = (String::new(), Vec::new());
        for (step, value) in series.values.iter().enumerate() {
            let (above, below) = &mut stacks[step];
            let stack = if *value >= 0.0 { above } else { below };
            let (from, to) = (*stack, *stack + value);
            *stack = to;
            let (left, right) = (x(step, series.values.len()), x(step + 1, series.values.len()));
            let start = if step == 0 { 'M' } else { 'L' };
            let _ = write!(ahead, "{start}{left:.1} {:.1}H{right:.1}", self.y(to));
            back.push(format!("L{right:.1} {:.1}H{left:.1}", self.y(from)));
        }
        back.reverse();
        let _ = write!(svg, "<path fill=\"{colour}\" fill-opacity=\"0.85\" d=\"{ahead}{}Z\"/>", back.concat());
    }

    fn line(&self, series: &ChartSeries, colour: &str, steps: bool, svg: &mut String) {
        let mut path = String::new();
        for (step, value) in series.values.iter().enumerate() {
            let (left, right) = (x(step, series.values.len()), x(step + 1, series.values.len()));
            let start = if step == 0 { 'M' } else { 'L' };
            let y = self.y(*value);
            let _ = match steps {
                true => write!(path, "{start}{left:.1} {y:.1}H{right:.1}"),
                // What holds at the end of a step stands there.
                false => write!(path, "{start}{right:.1} {y:.1}"),
            };
        }
        let _ = write!(svg, "<path fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.6\" d=\"{path}\"/>");
    }
}

fn x(step: usize, steps: usize) -> f64 {
    LEFT + (WIDTH - RIGHT - LEFT) * step as f64 / steps.max(1) as f64
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
