//! Values out of files and histories.

use std::path::Path;

use super::samples::Samples;
use super::source::ProfileSource;
use crate::error::{Error, Result};
use crate::model::{LabelPosition, SeriesName, Timestamp, Unit};
use crate::runtime::import::{ColumnMapping, ImportRequest, import_file};
use crate::runtime::{Memcore, Query};

/// The series that a column of a file becomes, for as long as it is read.
const COLUMN: &str = "site.file.column";

/// A column of a file.
pub(super) fn file(path: &Path, source: &ProfileSource) -> Result<Samples> {
    let column = source.column.as_deref().ok_or_else(|| {
        Error::invalid(format!("file {} without a column, expected column = \"load_kw\"", path.display()))
    })?;
    if source.start.is_some() || source.step.is_some() {
        return rows(path, column, source);
    }
    let memcore = Memcore::in_memory();
    let mut request = ImportRequest::new(path);
    request.refused = None;
    request.strict = true;
    request.zone.clone_from(&source.zone);
    request.frame.device = Some("site.file".parse()?);
    request.frame.time = source.time.clone().unwrap_or(request.frame.time);
    request.mapping.only = true;
    let unit = source.unit.unwrap_or(Unit::Code);
    let mapped = ColumnMapping { series: Some(COLUMN.to_owned()), unit: Some(unit), ..ColumnMapping::default() };
    request.mapping.columns.insert(column.to_owned(), mapped);
    import_file(&memcore, &request, &mut |_| Ok(()))?;
    series(&memcore, &COLUMN.parse()?, (Timestamp::MIN, Timestamp::MAX), source).map_err(|e| e.context(path.display()))
}

/// A series of a history: what holds within a range.
pub(super) fn series(
    memcore: &Memcore,
    name: &SeriesName,
    (from, to): (Timestamp, Timestamp),
    source: &ProfileSource,
) -> Result<Samples> {
    // What holds into the range, and what is labelled by its end, lies outside of it.
    let day = crate::model::Span::from_seconds(86_400);
    let before = from.saturating_add(crate::model::Span::from_micros(-day.as_micros()));
    let result = memcore.query(&Query::new(name).from(before).to(to.saturating_add(day)))?;
    let found = result.series().first();
    let Some((found, values)) = found.and_then(|found| Some((found, found.column("value")?))) else {
        return Err(Error::not_found(format!("series {name} has no value from {from} to {to}")));
    };
    let declared = memcore.series(name).first().map(|(_, channel)| channel.label);
    let by_end = source.label.or(declared) == Some(LabelPosition::End);
    Ok(Samples::new(found.times().values(), values.values(), by_end, source.max_gap))
}

/// A column of a CSV file without times: a row a step.
fn rows(path: &Path, column: &str, source: &ProfileSource) -> Result<Samples> {
    let (Some(start), Some(step)) = (source.start, source.step) else {
        return Err(Error::invalid("start and step go together: expected both for a file without times"));
    };
    let failed = |e: csv::Error| Error::invalid(format!("{}: {e}", path.display())).caused_by(e);
    let mut reader = csv::Reader::from_path(path).map_err(|e| match e.into_kind() {
        csv::ErrorKind::Io(e) => Error::io(format!("read {}", path.display()), e),
        other => Error::invalid(format!("{}: {other:?}", path.display())),
    })?;
    let names = reader.headers().map_err(failed)?.clone();
    let place = names.iter().position(|name| name == column).ok_or_else(|| {
        let have = names.iter().take(20).collect::<Vec<_>>().join(", ");
        Error::not_found(format!("{} has no column {column}: its columns are {have}", path.display()))
    })?;
    let (mut times, mut values) = (Vec::new(), Vec::new());
    for (row, record) in reader.records().enumerate() {
        let record = record.map_err(failed)?;
        let cell = record.get(place).unwrap_or_default().trim();
        let value = if cell.is_empty() { Ok(f64::NAN) } else { cell.parse::<f64>() };
        let value = value.map_err(|_| {
            let line = row + 2;
            Error::invalid(format!("{}, line {line}: {column} is {cell:?}, expected a number", path.display()))
        })?;
        times.push(start.as_micros() + row as i64 * step.as_micros());
        values.push(source.unit.map_or(value, |unit| unit.to_base(value)));
    }
    Ok(Samples::new(&times, &values, false, source.max_gap))
}
