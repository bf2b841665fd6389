//! A small drawing of charts as SVG, clear on a light and on a dark page.
#![allow(dead_code, reason = "each page draws with some of it")]

use std::fmt::Write;

const WIDTH: f64 = 720.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 34.0;

const STYLE: &str = "<style>\
text{font:13px system-ui,sans-serif;fill:#333}.title{font-weight:600;font-size:15px}.small{font-size:12px}\
.axis{stroke:#999;stroke-width:1;fill:none}.a{stroke:#0b62a4;fill:none;stroke-width:2}.b{stroke:#c2410c;fill:none;stroke-width:2}\
.fa{fill:#0b62a4;fill-opacity:.28}.fb{fill:#c2410c;fill-opacity:.28}.fg{fill:#888;fill-opacity:.22}.da{fill:#0b62a4}.db{fill:#c2410c}\
@media(prefers-color-scheme:dark){text{fill:#ddd}.axis{stroke:#777}.a{stroke:#66b2ff}.b{stroke:#ff9d5c}\
.fa{fill:#66b2ff}.fb{fill:#ff9d5c}.fg{fill:#aaa}.da{fill:#66b2ff}.db{fill:#ff9d5c}}</style>";

/// One of two inks: what is meant, and what it is compared with.
#[derive(Clone, Copy)]
pub(crate) enum Ink {
    A,
    B,
}

impl Ink {
    fn line(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }
}

/// A chart with a horizontal axis from 0 and a vertical one.
pub(crate) struct Chart {
    body: String,
    height: f64,
    x_max: f64,
    y: (f64, f64),
}

impl Chart {
    pub(crate) fn new(title: &str, height: f64, x_max: f64, y: (f64, f64)) -> Self {
        let mut chart = Self { body: String::new(), height, x_max, y };
        chart.put(&format!("<text class=\"title\" x=\"{LEFT}\" y=\"22\">{title}</text>"));
        chart
    }

    fn put(&mut self, element: &str) {
        self.body.push_str(element);
        self.body.push('\n');
    }

    fn x(&self, x: f64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * x / self.x_max
    }

    fn y(&self, y: f64) -> f64 {
        let (low, high) = self.y;
        self.height - BOTTOM - (self.height - TOP - BOTTOM) * (y - low) / (high - low)
    }

    /// Axes with their words: positions along the horizontal one, values along the vertical.
    pub(crate) fn axes(mut self, across: &[(f64, &str)], up: &[(f64, &str)]) -> Self {
        let (low, zero) = (self.height - BOTTOM, self.y(0.0_f64.clamp(self.y.0, self.y.1)));
        self.put(&format!("<path class=\"axis\" d=\"M{LEFT} {TOP}V{low}M{LEFT} {zero:.1}H{:.1}\"/>", WIDTH - RIGHT));
        for (x, text) in across {
            let x = self.x(*x);
            self.put(&format!(
                "<text class=\"small\" text-anchor=\"middle\" x=\"{x:.1}\" y=\"{:.1}\">{text}</text>",
                low + 20.0
            ));
        }
        for (y, text) in up {
            let y = self.y(*y) + 4.0;
            self.put(&format!(
                "<text class=\"small\" text-anchor=\"end\" x=\"{:.1}\" y=\"{y:.1}\">{text}</text>",
                LEFT - 6.0
            ));
        }
        self
    }

    /// A stretch of which nothing is known.
    pub(crate) fn unknown(mut self, from: f64, to: f64, text: &str) -> Self {
        let (x, width) = (self.x(from), self.x(to) - self.x(from));
        let height = self.height - TOP - BOTTOM;
        self.put(&format!("<rect class=\"fg\" x=\"{x:.1}\" y=\"{TOP}\" width=\"{width:.1}\" height=\"{height:.1}\"/>"));
        let middle = x + width / 2.0;
        self.put(&format!(
            "<text class=\"small\" text-anchor=\"middle\" x=\"{middle:.1}\" y=\"{:.1}\">{text}</text>",
            TOP + 16.0
        ));
        self
    }

    /// A bar from zero.
    pub(crate) fn bar(mut self, from: f64, to: f64, value: f64, ink: Ink, text: &str) -> Self {
        let (x, width) = (self.x(from) + 3.0, self.x(to) - self.x(from) - 6.0);
        let (zero, end) = (self.y(0.0), self.y(value));
        let (top, height) = (zero.min(end), (zero - end).abs());
        let fill = if matches!(ink, Ink::A) { "fa" } else { "fb" };
        self.put(&format!(
            "<rect class=\"{fill}\" x=\"{x:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>"
        ));
        let y = if value < 0.0 { end + 15.0 } else { end - 6.0 };
        self.put(&format!(
            "<text class=\"small\" text-anchor=\"middle\" x=\"{:.1}\" y=\"{y:.1}\">{text}</text>",
            x + width / 2.0
        ));
        self
    }

    /// A line through points; `step` holds each value until the next.
    pub(crate) fn line(mut self, points: &[(f64, f64)], step: bool, ink: Ink) -> Self {
        let path = self.path(points, step);
        self.put(&format!("<path class=\"{}\" d=\"{path}\"/>", ink.line()));
        self
    }

    /// The area between such a line and zero.
    pub(crate) fn area(mut self, points: &[(f64, f64)], step: bool, ink: Ink) -> Self {
        let mut path = self.path(points, step);
        let (first, last) = (self.x(points[0].0), self.x(points[points.len() - 1].0));
        let zero = self.y(0.0);
        write!(path, "V{zero:.1}H{first:.1}Z").unwrap();
        let fill = if matches!(ink, Ink::A) { "fa" } else { "fb" };
        let _ = last;
        self.put(&format!("<path class=\"{fill}\" d=\"{path}\"/>"));
        self
    }

    fn path(&self, points: &[(f64, f64)], step: bool) -> String {
        let mut path = String::new();
        for (at, (x, y)) in points.iter().enumerate() {
            let (x, y) = (self.x(*x), self.y(*y));
            match (at, step) {
                (0, _) => write!(path, "M{x:.1} {y:.1}").unwrap(),
                (_, true) => write!(path, "H{x:.1}V{y:.1}").unwrap(),
                (_, false) => write!(path, "L{x:.1} {y:.1}").unwrap(),
            }
        }
        path
    }

    pub(crate) fn dots(mut self, points: &[(f64, f64)], ink: Ink) -> Self {
        for (x, y) in points {
            let (x, y) = (self.x(*x), self.y(*y));
            self.put(&format!("<circle class=\"d{}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"/>", ink.line()));
        }
        self
    }

    pub(crate) fn text(mut self, x: f64, y: f64, text: &str) -> Self {
        let (x, y) = (self.x(x), self.y(y));
        self.put(&format!("<text text-anchor=\"middle\" x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>"));
        self
    }

    pub(crate) fn svg(self) -> String {
        let Self { body, height, .. } = self;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
             role=\"img\">\n{STYLE}\n{body}</svg>\n"
        )
    }
}
