//! Cells as numbers, or as nothing.

use crate::error::{Error, Result};
use crate::model::shorten;

/// What other programs write where nothing was measured.
const GAPS: [&[u8]; 12] =
    [b"", b"-", b"?", b"na", b"n/a", b"nan", b"null", b"none", b"nil", b"missing", b"unavailable", b"unknown"];

/// Whether a cell says that nothing was measured.
pub(super) fn is_gap(cell: &[u8]) -> bool {
    cell.is_empty() || (cell.len() < 12 && GAPS.iter().any(|gap| cell.eq_ignore_ascii_case(gap)))
}

/// How numbers are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Numbers {
    pub(super) comma: bool,
    /// What memcore wrote may be any float. Elsewhere NaN is a gap and infinity an error.
    pub(super) own: bool,
}

impl Numbers {
    /// The number of a cell, or none where it says that nothing was measured.
    #[inline]
    pub(super) fn read(self, title: &str, cell: &[u8]) -> Result<Option<f64>> {
        let cell = cell.trim_ascii();
        if cell.is_empty() {
            return Ok(None);
        }
        match self.parse(cell) {
            Some(value) if self.own || value.is_finite() => Ok(Some(value)),
            _ if !self.own && is_gap(cell) => Ok(None),
            _ => Err(refuse(title, cell)),
        }
    }

    fn parse(self, cell: &[u8]) -> Option<f64> {
        if !self.comma {
            return std::str::from_utf8(cell).ok()?.parse().ok();
        }
        let mut text = [0; 32];
        let text = text.get_mut(..cell.len())?;
        text.copy_from_slice(cell);
        let comma = memchr::memchr(b',', text);
        match comma {
            Some(comma) => text[comma] = b'.',
            // With a decimal comma, a point separates thousands.
            None if text.contains(&b'.') => return None,
            None => {}
        }
        std::str::from_utf8(text).ok()?.parse().ok()
    }
}

#[cold]
fn refuse(title: &str, cell: &[u8]) -> Error {
    let text = String::from_utf8_lossy(cell);
    let text = shorten(&text);
    let separated =
        text.chars().all(|c| c.is_ascii_digit() || " '.,+-\u{a0}".contains(c)) && text.contains(char::is_numeric);
    let hint = if separated { " without separators of thousands" } else { "" };
    Error::invalid(format!("{title} is {text:?}, expected a finite number{hint} or an empty cell"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_a_number_or_a_gap_or_is_named() {
        let points = Numbers { comma: false, own: false };
        let commas = Numbers { comma: true, own: false };
        for (numbers, cell, value) in [
            (points, " 3.480 ", Some(3.48)),
            (points, "-1e-3", Some(-0.001)),
            (points, "N/A", None),
            (points, "?", None),
            (points, "NaN", None),
            (commas, "-3,48", Some(-3.48)),
            (commas, "12", Some(12.0)),
        ] {
            assert_eq!(numbers.read("p", cell.as_bytes()).unwrap(), value, "{cell}");
        }
        for (numbers, cell, word) in [
            (points, "1,234", "without separators of thousands"),
            (points, "1 234.5", "without separators of thousands"),
            (commas, "1.234,5", "without separators of thousands"),
            (commas, "1.234", "without separators of thousands"),
            (points, "inf", "a finite number or"),
            (points, "on", "p is \"on\""),
        ] {
            let e = numbers.read("p", cell.as_bytes()).unwrap_err();
            assert!(e.message().contains(word), "{cell}: {e}");
        }
        assert!(Numbers { comma: false, own: true }.read("p", b"NaN").unwrap().unwrap().is_nan());
    }
}
