//! How results look: plain tables for people, exact text for programs.

use std::io::{IsTerminal, Write};

use comfy_table::{CellAlignment, Table, presets};

use crate::error::{Error, ErrorKind, Result};
use crate::model::Timestamp;

/// A table without frames, columns two spaces apart.
pub(super) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(header.iter().map(|name| name.to_uppercase()));
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}

/// Aligns those columns to the right: numbers are compared by their last digits.
pub(super) fn right(table: &mut Table, columns: &[usize]) {
    for column in columns {
        if let Some(column) = table.column_mut(*column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

/// A number as a person reads it: at most six digits that count, no exponent where there need not be one.
pub(super) fn number(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let digits = 5 - value.abs().log10().floor().clamp(-12.0, 5.0) as i32;
    let text = format!("{value:.*}", usize::try_from(digits.clamp(0, 12)).unwrap_or(0));
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// How long ago, as a person says it.
pub(super) fn ago(now: Timestamp, then: Timestamp) -> String {
    let seconds = now.since(then).as_seconds();
    match seconds {
        s if s < 0.0 => "ahead".into(),
        s if s < 10.0 => format!("{s:.1} s"),
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.0} h", s / 3600.0),
        s => format!("{:.0} d", s / 86_400.0),
    }
}

/// Whether a person looks at the standard output.
pub(super) fn is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// Prints lines; a reader that went away (`| head`) is the end of the work, not a failure.
pub(super) fn print(text: &str) -> Result<bool> {
    match writeln!(std::io::stdout(), "{text}") {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
        Err(e) => Err(Error::io("write to the standard output", e)),
    }
}

/// Says something to a person, on the standard error. Where nobody listens any more, that is no reason to stop.
pub(super) fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// A value as one line of JSON.
pub(super) fn json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|e| Error::new(ErrorKind::Internal, e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Span;

    #[test]
    fn numbers_and_ages_read_well() {
        for (value, text) in
            [(0.0, "0"), (1466.0, "1466"), (-2000.5, "-2000.5"), (0.1, "0.1"), (1e9, "1000000000"), (1.0 / 3.0, "0.333333")]
        {
            assert_eq!(number(value), text);
        }
        let now = Timestamp::from_seconds(100_000);
        for (seconds, text) in [(1, "1.0 s"), (100, "100 s"), (600, "10 min"), (10_800, "3 h"), (-5, "ahead")] {
            assert_eq!(ago(now, now.saturating_add(Span::from_seconds(-seconds))), text);
        }
    }
}
