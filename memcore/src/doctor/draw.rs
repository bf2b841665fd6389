//! Draws a plot: as SVG that is good in light and in dark, and as text for a terminal.

use std::fmt::Write;

use super::finding::{instant, number};
use super::report::Plot;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 220.0;
/// Room for the numbers on the left, for the times below, and above and on the right.
const LEFT: f64 = 64.0;
const BELOW: f64 = 28.0;
const EDGE: f64 = 8.0;
/// Rows of a drawing of text.
const ROWS: usize = 8;
/// Lines in these colours; they are told apart by people who see no red or green too (Okabe and Ito, 2008).
const COLOURS: [&str; 4] = ["#0072b2", "#e69f00", "#009e73", "#cc79a7"];

/// What lies where.
struct Frame {
    from: i64,
    to: i64,
    low: f64,
    high: f64,
}

impl Frame {
    /// None where there is nothing to draw.
    fn of(plot: &Plot) -> Option<Self> {
        let (from, to) = (*plot.times.first()?, *plot.times.last()?);
        let values = || plot.lines.iter().flat_map(|line| line.values.iter().flatten().copied()).filter(|v| v.is_finite());
        let (low, high) = (values().reduce(f64::min)?, values().reduce(f64::max)?);
        // A line that stands still lies in the middle.
        let room = if low == high { low.abs().max(1.0) * 0.1 } else { 0.0 };
        Some(Self { from, to: to.max(from + 1), low: low - room, high: high + room })
    }

    /// Where a time lies, 0 to 1.
    fn across(&self, time: i64) -> f64 {
        ((time - self.from) as f64 / (self.to - self.from) as f64).clamp(0.0, 1.0)
    }

    /// Where a value lies, 0 at the top to 1.
    fn down(&self, value: f64) -> f64 {
        ((self.high - value) / (self.high - self.low)).clamp(0.0, 1.0)
    }
}

impl Plot {
    /// The picture as one `<svg>` element that needs nothing else: an empty text where there is nothing to draw.
    #[must_use]
    pub fn to_svg(&self) -> String {
        let Some(frame) = Frame::of(self) else { return String::new() };
        let title = escaped(&self.title);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">\
             <style>.mc-t{{font:11px system-ui,sans-serif;fill:#555}}.mc-a{{stroke:#999;stroke-width:1}}\
             .mc-m{{fill:#d55e00;fill-opacity:.22}}.mc-l{{fill:none;stroke-width:1.4;stroke-linejoin:round}}\
             @media(prefers-color-scheme:dark){{.mc-t{{fill:#bbb}}.mc-m{{fill-opacity:.4}}}}</style>"
        );
        self.svg_marks(&frame, &mut svg);
        for (n, line) in self.lines.iter().enumerate() {
            let colour = COLOURS[n % COLOURS.len()];
            let path = path(&frame, &self.times, &line.values);
            let _ = write!(
                svg,
                "<path class=\"mc-l\" stroke=\"{colour}\" d=\"{path}\"><title>{}</title></path>",
                escaped(&line.name)
            );
        }
        self.svg_axes(&frame, &mut svg);
        svg + "</svg>"
    }

    fn svg_marks(&self, frame: &Frame, svg: &mut String) {
        for mark in &self.marks {
            let (from, to) = (x(frame.across(mark.from)), x(frame.across(mark.to)));
            // What is short shall be seen too.
            let width = (to - from).max(3.0);
            let _ = write!(
                svg,
                "<rect class=\"mc-m\" x=\"{:.1}\" y=\"{EDGE}\" width=\"{width:.1}\" height=\"{:.1}\"><title>{}</title></rect>",
                from - (width - (to - from)) / 2.0,
                HEIGHT - BELOW - EDGE,
                escaped(&mark.text)
            );
        }
    }

    fn svg_axes(&self, frame: &Frame, svg: &mut String) {
        let (bottom, right) = (HEIGHT - BELOW, WIDTH - EDGE);
        let _ = write!(svg, "<path class=\"mc-a\" fill=\"none\" d=\"M{LEFT} {EDGE}V{bottom}H{right}\"/>");
        let unit = escaped(&self.unit);
        for (value, y) in [(frame.high, EDGE + 10.0), (frame.low, bottom)] {
            let _ = write!(
                svg,
                "<text class=\"mc-t\" x=\"{}\" y=\"{y}\" text-anchor=\"end\">{} {unit}</text>",
                LEFT - 6.0,
                number(value)
            );
        }
        for (time, x, anchor) in [(frame.from, LEFT, "start"), (frame.to, right, "end")] {
            let y = HEIGHT - 10.0;
            let _ =
                write!(svg, "<text class=\"mc-t\" x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{}</text>", instant(time));
        }
    }

    /// The picture in characters of Braille, `width` wide, with what is pointed at below it: an empty text where there is
    /// nothing to draw.
    #[must_use]
    pub fn to_text(&self, width: usize) -> String {
        let Some(frame) = Frame::of(self) else { return String::new() };
        let labels =
            [number(frame.high), number(frame.low)].map(|text| format!("{text} {}", self.unit).trim_end().to_owned());
        let margin = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0);
        let columns = width.saturating_sub(margin + 2).max(10);
        let mut canvas = Canvas::new(columns);
        for line in &self.lines {
            canvas.line(&frame, &self.times, &line.values);
        }
        let mut text = String::new();
        for (row, dots) in canvas.rows().enumerate() {
            let label = match row {
                0 => &labels[0],
                r if r + 1 == ROWS => &labels[1],
                _ => "",
            };
            let _ = writeln!(text, "{label:>margin$} ┤{dots}");
        }
        let _ = writeln!(text, "{:margin$}  {}", "", self.pointers(&frame, columns));
        let (from, to) = (instant(frame.from), instant(frame.to));
        let between = columns.saturating_sub(from.len() + to.len()).max(1);
        let _ = write!(text, "{:margin$}  {from}{:between$}{to}", "", "");
        text
    }

    /// A line that points upwards to the marks.
    fn pointers(&self, frame: &Frame, columns: usize) -> String {
        let mut line = vec![' '; columns];
        for mark in &self.marks {
            let at = |time| ((frame.across(time) * columns as f64) as usize).min(columns - 1);
            line[at(mark.from)..=at(mark.to)].fill('▔');
            line[at(mark.from)] = '▲';
        }
        line.into_iter().collect::<String>().trim_end().to_owned()
    }
}

fn x(across: f64) -> f64 {
    LEFT + across * (WIDTH - EDGE - LEFT)
}

/// The line as a path, which lifts the pen over holes. A value alone is drawn as a dot.
fn path(frame: &Frame, times: &[i64], values: &[Option<f64>]) -> String {
    let mut path = String::new();
    let mut drawing = false;
    for (n, (time, value)) in times.iter().zip(values).enumerate() {
        let Some(value) = value.filter(|value| value.is_finite()) else {
            drawing = false;
            continue;
        };
        let y = EDGE + frame.down(value) * (HEIGHT - BELOW - EDGE);
        let _ = write!(path, "{}{:.1} {y:.1}", if drawing { 'L' } else { 'M' }, x(frame.across(*time)));
        let alone = !drawing && values.get(n + 1).is_none_or(Option::is_none);
        if alone {
            path.push_str("h1");
        }
        drawing = true;
    }
    path
}

/// Dots of two by four in each character.
struct Canvas {
    columns: usize,
    cells: Vec<u8>,
}

impl Canvas {
    fn new(columns: usize) -> Self {
        Self { columns, cells: vec![0; columns * ROWS] }
    }

    fn line(&mut self, frame: &Frame, times: &[i64], values: &[Option<f64>]) {
        let mut before: Option<(usize, usize)> = None;
        for (time, value) in times.iter().zip(values) {
            let Some(value) = value.filter(|value| value.is_finite()) else {
                before = None;
                continue;
            };
            let x = (frame.across(*time) * (self.columns * 2 - 1) as f64).round() as usize;
            let y = (frame.down(value) * (ROWS * 4 - 1) as f64).round() as usize;
            match before {
                Some(from) => self.stroke(from, (x, y)),
                None => self.dot(x, y),
            }
            before = Some((x, y));
        }
    }

    fn stroke(&mut self, (x0, y0): (usize, usize), (x1, y1): (usize, usize)) {
        let steps = x1.abs_diff(x0).max(y1.abs_diff(y0)).max(1);
        for step in 0..=steps {
            let part = step as f64 / steps as f64;
            let between = |a: usize, b: usize| (a as f64 + (b as f64 - a as f64) * part).round() as usize;
            self.dot(between(x0, x1), between(y0, y1));
        }
    }

    fn dot(&mut self, x: usize, y: usize) {
        // The order of dots in Unicode: columns of three first, then the fourth row.
        const BITS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
        self.cells[y / 4 * self.columns + x / 2] |= BITS[y % 4][x % 2];
    }

    fn rows(&self) -> impl Iterator<Item = String> {
        let dots = |cell: &u8| char::from_u32(0x2800 + u32::from(*cell)).unwrap_or(' ');
        self.cells.chunks(self.columns).map(move |row| row.iter().map(dots).collect())
    }
}

/// Text within HTML and SVG.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::super::report::{Line, Mark};
    use super::*;

    fn plot() -> Plot {
        let values = (0..100).map(|n| (n != 50).then(|| f64::from(n % 20))).collect();
        Plot {
            title: "a <power>".into(),
            unit: "W".into(),
            times: (0..100).map(|n| n * 60_000_000).collect(),
            lines: vec![Line { name: "a & b".into(), values }],
            marks: vec![Mark { from: 20 * 60_000_000, to: 30 * 60_000_000, text: "frozen".into() }],
        }
    }

    #[test]
    fn a_picture_is_complete_and_lifts_the_pen_over_a_hole() {
        let svg = plot().to_svg();
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>"));
        assert!(svg.contains("a &lt;power&gt;") && svg.contains("a &amp; b") && svg.contains("19 W"), "{svg}");
        let path = svg.split(" d=\"").nth(1).unwrap().split('"').next().unwrap();
        assert_eq!((path.matches('M').count(), path.matches('L').count()), (2, 97));
        assert_eq!(Plot::default().to_svg(), "");
    }

    #[test]
    fn text_is_as_wide_as_asked_and_points_at_the_mark() {
        let text = plot().to_text(60);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), ROWS + 2);
        assert!(lines.iter().all(|line| line.chars().count() <= 60), "{text}");
        assert!(lines[ROWS].contains("▲▔") && lines[0].trim_start().starts_with("19 W"), "{text}");
        assert_eq!(Plot::default().to_text(60), "");
    }
}
