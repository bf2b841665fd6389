//! How detectors put a finding together: places within a series become rows, times and a picture.

use serde_json::Value;

use super::plot;
use super::points::{Points, Rhythm, Sorted};
use super::report::{Declaration, Finding, FindingKind, RowRange, Severity};
use super::series::{Role, Series};
use crate::model::{Kind, Quality, Quantity, Span, Timestamp};

pub(super) const SECOND: i64 = 1_000_000;
pub(super) const MINUTE: i64 = 60 * SECOND;
pub(super) const HOUR: i64 = 60 * MINUTE;
pub(super) const DAY: i64 = 24 * HOUR;

/// How many ranges of rows a finding names.
const RANGES: usize = 1000;
/// How many marks its picture has.
pub(super) const MARKS: usize = 24;

/// One series with what is known of its habits.
#[derive(Debug)]
pub(super) struct Subject<'a> {
    pub(super) series: Series<'a>,
    pub(super) points: Points<'a>,
    pub(super) rhythm: Option<Rhythm>,
    /// The declared cadence, else the one of the rhythm.
    pub(super) cadence: Option<i64>,
    pub(super) sorted: Sorted,
    pub(super) kind: Kind,
    pub(super) quantity: Option<Quantity>,
    pub(super) role: Option<Role>,
}

impl Subject<'_> {
    pub(super) fn is_counter(&self) -> bool {
        self.kind == Kind::Counter
    }

    /// Whether it is a level that may be judged as one.
    pub(super) fn is_gauge(&self) -> bool {
        self.kind == Kind::Gauge
    }

    /// Whether it says what energy costs or emits: that stands still, and jumps as far as a market does.
    pub(super) fn is_of_a_market(&self) -> bool {
        matches!(self.quantity, Some(Quantity::Price | Quantity::Money | Quantity::CarbonIntensity))
    }

    /// Whether the source said of most values of a stretch that it did not measure them.
    pub(super) fn is_told(&self, place: &Place) -> bool {
        let Some(quality) = self.series.quality else { return false };
        let told = (place.first..=place.last).filter(|at| quality[self.points.in_file(*at)] != Quality::Measured).count();
        told * 2 > place.points()
    }

    pub(super) fn name(&self) -> &str {
        self.series.name
    }

    /// A value with its unit, for people.
    pub(super) fn said(&self, value: f64) -> String {
        let symbol = self.series.symbol();
        let space = if symbol.is_empty() { "" } else { " " };
        format!("{}{space}{symbol}", number(value))
    }
}

/// A number with as many digits as people want to read.
pub(super) fn number(value: f64) -> String {
    if value.abs() >= 1e15 {
        return format!("{value:e}");
    }
    let digits = if value == 0.0 { 0 } else { (3 - value.abs().log10().floor() as i32).clamp(0, 9) };
    let text = format!("{value:.*}", digits as usize);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A length of time for people: `3 min`, `5 d 2 h`.
pub(super) fn length(micros: i64) -> String {
    let parts = [(DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (SECOND, "s")];
    let (mut rest, mut said) = (micros.abs(), Vec::new());
    for (size, name) in parts {
        if rest >= size && said.len() < 2 {
            said.push(format!("{} {name}", rest / size));
            rest %= size;
        } else if !said.is_empty() {
            break;
        }
    }
    if said.is_empty() {
        return format!("{} ms", number(micros as f64 / 1e3));
    }
    said.join(" ")
}

/// An instant for people, to the minute; local where the times of the file are.
pub(super) fn instant(micros: i64) -> String {
    let text = Timestamp::from_micros(micros.div_euclid(SECOND) * SECOND).to_string();
    let text = text.trim_end_matches('Z').replace('T', " ");
    text.strip_suffix(":00").map_or(text.clone(), str::to_owned)
}

/// The day in the middle of which that start of a day lies.
pub(super) fn date(start: i64) -> String {
    instant(start + DAY / 2).chars().take(10).collect()
}

/// `1 gap`, `3 gaps`.
pub(super) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// A share of the whole, for people.
pub(super) fn percent(share: f64) -> String {
    match share * 100.0 {
        p if p > 0.0 && p < 0.01 => "less than 0.01 %".into(),
        p => format!("{} %", number((p * 100.0).round() / 100.0)),
    }
}

/// A stretch of points, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) first: usize,
    pub(super) last: usize,
}

impl Place {
    pub(super) fn of(first: usize, last: usize) -> Self {
        Self { first, last }
    }

    pub(super) fn points(self) -> usize {
        self.last + 1 - self.first
    }
}

impl Finding {
    pub(super) fn new(kind: FindingKind, severity: Severity, confidence: f64, message: String) -> Self {
        Self {
            kind,
            severity,
            series: Vec::new(),
            count: 1,
            rows: Vec::new(),
            from: None,
            to: None,
            confidence: (confidence * 100.0).round() / 100.0,
            message,
            declare: Vec::new(),
            repair: None,
            plot: super::report::Plot::default(),
        }
    }

    pub(super) fn of(mut self, series: &str) -> Self {
        self.series.push(series.to_owned());
        self
    }

    pub(super) fn counting(mut self, count: usize) -> Self {
        self.count = count as u64;
        self
    }

    pub(super) fn repair(mut self, text: &str) -> Self {
        self.repair = Some(text.to_owned());
        self
    }

    pub(super) fn declare(mut self, series: &str, field: &'static str, value: impl Into<Value>) -> Self {
        self.declare.push(Declaration { series: Some(series.to_owned()), field, value: value.into() });
        self
    }

    pub(super) fn declare_file(mut self, field: &'static str, value: impl Into<Value>) -> Self {
        self.declare.push(Declaration { series: None, field, value: value.into() });
        self
    }

    pub(super) fn spanning(mut self, from: i64, to: i64) -> Self {
        self.from = Some(Timestamp::from_micros(from));
        self.to = Some(Timestamp::from_micros(to));
        self
    }

    /// At rows of the file by their index, each first and last.
    pub(super) fn at_rows(mut self, series: &Series<'_>, rows: impl Iterator<Item = (usize, usize)>) -> Self {
        let range = |(first, last)| {
            let (first, last) = (series.row(first), series.row(last));
            RowRange { first: first.min(last), last: first.max(last) }
        };
        self.rows = rows.take(RANGES).map(range).collect();
        self
    }

    /// At places of a series, with a picture around the worst of them.
    pub(super) fn at(self, subject: &Subject<'_>, places: &[Place], worst: usize) -> Self {
        let points = &subject.points;
        let rows = places.iter().map(|place| (points.in_file(place.first), points.in_file(place.last)));
        let mut finding = self.at_rows(&subject.series, rows);
        if let (Some(first), Some(last)) = (places.first(), places.last()) {
            finding = finding.spanning(points.times[first.first], points.times[last.last]);
        }
        let marks: Vec<(i64, i64)> =
            nearest(places, worst).iter().map(|place| (points.times[place.first], points.times[place.last])).collect();
        let text = finding.kind.name().replace('_', " ");
        finding.plot = plot::around(&[subject], &marks, worst.min(MARKS / 2).min(marks.len().saturating_sub(1)), &text);
        finding
    }
}

/// The places that a picture around the worst can show.
fn nearest(places: &[Place], worst: usize) -> &[Place] {
    let start = worst.saturating_sub(MARKS / 2);
    &places[start.min(places.len())..(start + MARKS).min(places.len())]
}

/// The span of a cadence, as a declaration takes it.
pub(super) fn span(micros: i64) -> String {
    Span::from_micros(micros).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_numbers_read_well() {
        assert_eq!(length(5 * DAY + 2 * HOUR + MINUTE), "5 d 2 h");
        assert_eq!(length(3 * MINUTE), "3 min");
        assert_eq!(length(90 * SECOND), "1 min 30 s");
        assert_eq!(length(1500), "1.5 ms");
        assert_eq!(number(65535.0), "65535");
        assert_eq!(number(-2.8601), "-2.86");
        assert_eq!(number(0.0), "0");
        assert_eq!(number(1200.0), "1200");
        assert_eq!(instant(0), "1970-01-01 00:00");
        assert_eq!(percent(0.00001), "less than 0.01 %");
    }
}
