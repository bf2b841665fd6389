//! How a text is cut into cells, told by its first lines.

use crate::error::{Error, Result};
use crate::runtime::import::mapping::FileMapping;
use crate::runtime::import::understood::Dialect;
use crate::sim;

use super::number;

/// What may stand between two cells, the likeliest first where several would do.
const DELIMITERS: [char; 5] = ['\t', ';', '|', ',', ' '];

/// Lines that are looked at.
const LINES: usize = 100;

/// The first records of a file, as its dialect cuts them.
pub(super) struct Start {
    pub(super) dialect: Dialect,
    /// The names of columns: `column1` and so on where none is written.
    pub(super) names: Vec<String>,
    /// The first rows of data.
    pub(super) rows: Vec<Vec<String>>,
}

/// Reads the start of a file. What the mapping says is not told by content.
pub(super) fn start(bytes: &[u8], whole: bool, known: &FileMapping) -> Result<Start> {
    if let [0xff, 0xfe, ..] | [0xfe, 0xff, ..] = bytes {
        return Err(Error::invalid("is text of UTF-16, expected UTF-8: save it as such"));
    }
    let text = decoded(bytes);
    // The last line may be cut off.
    let text = if whole { &text[..] } else { text.rsplit_once('\n').map_or(&text[..], |(text, _)| text) };
    let lines: Vec<&str> = text.lines().collect();
    let delimiter = known.delimiter.unwrap_or_else(|| delimiter(&lines));
    let skip = known.skip.unwrap_or_else(|| preamble(&lines, delimiter));
    let rest: Vec<&str> = lines.iter().skip(skip as usize).copied().collect();
    let mut rows = records(&rest.join("\n"), delimiter);
    let header = known.header.unwrap_or_else(|| is_header(&rows));
    let width = rows.iter().map(Vec::len).max().unwrap_or(0);
    let mut names = if header && !rows.is_empty() { rows.remove(0) } else { vec![String::new(); width] };
    for (place, name) in names.iter_mut().enumerate().filter(|(_, name)| name.is_empty()) {
        *name = format!("column{}", place + 1);
    }
    let decimal = match known.decimal {
        Some(decimal) => decimal,
        None => decimal(&rows, delimiter)?,
    };
    if ![',', '.'].contains(&decimal) {
        return Err(Error::invalid(format!("decimal is {decimal:?}, expected '.' or ','")));
    }
    if !delimiter.is_ascii() || delimiter == decimal && delimiter != ',' {
        return Err(Error::invalid(format!("delimiter is {delimiter:?}, expected one of , ; | tab space")));
    }
    Ok(Start { dialect: Dialect { delimiter, decimal, skip, header }, names, rows })
}

/// As UTF-8, or else as Latin 1, in which old tools write their degree signs.
pub(super) fn decoded(bytes: &[u8]) -> String {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        // Cut within a character.
        Err(e) if e.error_len().is_none() => String::from_utf8_lossy(&bytes[..e.valid_up_to()]).into_owned(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

fn records(text: &str, delimiter: char) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new();
    let reader = reader.has_headers(false).flexible(true).delimiter(u8::try_from(delimiter).unwrap_or(b','));
    let cells = |record: csv::StringRecord| record.iter().map(|cell| cell.trim().to_owned()).collect();
    reader.from_reader(text.as_bytes()).into_records().filter_map(Result::ok).take(LINES * 5).map(cells).collect()
}

/// How many cells a line has; delimiters between quotes are text.
fn cells(line: &str, delimiter: char) -> usize {
    let mut quoted = false;
    let cuts = line.chars().filter(|c| {
        quoted ^= *c == '"';
        !quoted && *c == delimiter
    });
    1 + cuts.count()
}

/// The count of cells that most lines have, two or more, and the share of the lines that have it.
fn usual(lines: &[&str], delimiter: char) -> Option<(usize, f64)> {
    let counts: Vec<usize> = full(lines).map(|line| cells(line, delimiter)).collect();
    let mut distinct = counts.clone();
    distinct.sort_unstable();
    distinct.dedup();
    let lines_with = |count: usize| counts.iter().filter(|have| **have == count).count();
    let most = distinct.into_iter().filter(|count| *count > 1).max_by_key(|count| (lines_with(*count), *count))?;
    Some((most, lines_with(most) as f64 / counts.len() as f64))
}

fn full<'a>(lines: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
    lines.iter().copied().filter(|line| !line.trim().is_empty()).take(LINES)
}

fn delimiter(lines: &[&str]) -> char {
    let mut best = (',', 0.5);
    for candidate in DELIMITERS {
        // Times and texts have spaces, so that these only count where nothing else does.
        let share = usual(lines, candidate).map_or(0.0, |(_, share)| share);
        if share > best.1 && (candidate != ' ' || best.1 == 0.5) {
            best = (candidate, share);
        }
    }
    best.0
}

/// Lines before the first that has as many cells as most.
fn preamble(lines: &[&str], delimiter: char) -> u64 {
    let Some((count, _)) = usual(lines, delimiter) else { return 0 };
    let table = |line: &&str| cells(line, delimiter) == count && !line.starts_with('#');
    lines.iter().position(table).unwrap_or(0) as u64
}

/// Whether a cell may be a measured value or a time: it begins as a number does, or says that there is none.
fn is_data(cell: &str) -> bool {
    let unsigned = cell.trim_start_matches(['+', '-', '.', ',']);
    number::is_gap(cell.as_bytes()) || unsigned.starts_with(|c: char| c.is_ascii_digit())
}

/// Whether the first record names what the others hold: in some column only it is no datum.
fn is_header(rows: &[Vec<String>]) -> bool {
    let Some((first, others)) = rows.split_first() else { return false };
    if first.iter().any(|name| sim::is_time(name)) {
        return true;
    }
    if others.is_empty() {
        return !first.iter().any(|cell| !cell.is_empty() && is_data(cell));
    }
    first.iter().enumerate().any(|(place, name)| {
        let below: Vec<&String> = others.iter().filter_map(|row| row.get(place)).filter(|cell| !cell.is_empty()).collect();
        let data = below.iter().filter(|cell| is_data(cell)).count();
        !name.is_empty() && !is_data(name) && 2 * data > below.len()
    })
}

/// What stands before the fraction of numbers.
fn decimal(rows: &[Vec<String>], delimiter: char) -> Result<char> {
    let cells = || rows.iter().flatten().map(String::as_str);
    let commas: Vec<&str> = cells().filter(|cell| has_comma(cell)).collect();
    let dots = cells().any(|cell| cell.contains('.') && cell.parse::<f64>().is_ok());
    if commas.is_empty() || dots {
        return Ok('.');
    }
    match commas.iter().all(|cell| groups(cell)) {
        false => Ok(','),
        // Nobody who writes decimal commas cuts at commas; what may be thousands is refused number by number.
        true if delimiter == ',' => Ok('.'),
        true => Err(Error::invalid(format!(
            "numbers such as {:?} may have a decimal comma or a separator of thousands, expected decimal to be said: , or .",
            commas[0]
        ))),
    }
}

/// `3,48`.
fn has_comma(cell: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = cell.strip_prefix(['+', '-']).unwrap_or(cell);
    unsigned.split_once(',').is_some_and(|(whole, fraction)| digits(whole) && digits(&fraction.replace(',', "")))
}

/// `1,234` or `1,234,567`: a thousand and more, if commas separate thousands.
fn groups(cell: &str) -> bool {
    let unsigned = cell.strip_prefix(['+', '-']).unwrap_or(cell);
    let mut parts = unsigned.split(',');
    let first = parts.next().unwrap_or_default();
    !first.starts_with('0') && first.len() <= 3 && parts.all(|part| part.len() == 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> (char, char, u64, bool) {
        let Dialect { delimiter, decimal, skip, header } =
            start(text.as_bytes(), true, &FileMapping::default()).unwrap().dialect;
        (delimiter, decimal, skip, header)
    }

    #[test]
    fn the_first_lines_tell_how_a_file_is_cut() {
        for (text, expected) in [
            ("time,p_kw\n2007-04-01 00:00,3.48\n2007-04-01 00:01,3.1\n", (',', '.', 0, true)),
            ("Datum;Leistung\n01.04.2007 00:00;3,48\n01.04.2007 00:01;12,1\n", (';', ',', 0, true)),
            ("1369114080.0 1.0\n1369114200.0 78\n", (' ', '.', 0, false)),
            ("Date of Test:\t12/19/2020\nRec#\tVolts\tAmps\n1\t3.9\t0\n2\t3.9\t0\n", ('\t', '.', 1, true)),
            ("# made by hand\n\ntime|p_w\n1|2\n2|3\n", ('|', '.', 2, true)),
            ("2007-04-01 00:00,3.48,\"a;b\"\n2007-04-01 00:01,3.4,\"c;d\"\n", (',', '.', 0, false)),
            ("series,time,value\nhome1.pv.power,1,5\nhome1.pv.power,soon,5\n", (',', '.', 0, true)),
            ("time,p_w\n", (',', '.', 0, true)),
        ] {
            assert_eq!(told(text), expected, "{text}");
        }
    }

    #[test]
    fn a_comma_that_may_be_either_is_asked_for() {
        let either = "time;p_w\n2007-04-01 00:00;1,234\n2007-04-01 00:01;1,500\n";
        let e = start(either.as_bytes(), true, &FileMapping::default()).map(drop).unwrap_err();
        assert!(e.message().contains("\"1,234\" may have a decimal comma"), "{e}");
        let known = FileMapping { decimal: Some(','), ..FileMapping::default() };
        assert_eq!(start(either.as_bytes(), true, &known).unwrap().dialect.decimal, ',');
        // A single value below one tells.
        assert_eq!(told(&either.replace("1,500", "0,500")).1, ',');
    }

    #[test]
    fn old_encodings_are_read_and_two_byte_ones_are_named() {
        assert_eq!(decoded(b"t (\xb0C)"), "t (\u{b0}C)");
        assert_eq!(decoded("\u{feff}t (\u{b0}C)".as_bytes()), "t (\u{b0}C)");
        let e = start(b"\xff\xfet\0", true, &FileMapping::default()).map(drop).unwrap_err();
        assert!(e.message().contains("UTF-16"), "{e}");
    }
}
