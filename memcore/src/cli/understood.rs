//! What an import understood of a file, as a person reads it.

use std::collections::BTreeMap;

use super::format;
use crate::model::{Kind, LabelPosition, SignConvention, Timestamp};
use crate::runtime::{Dialect, ImportReport, LongMapping, Understood, UnderstoodColumn, UnderstoodTime};

/// Reasons that are shown; the side file has all of them.
const REASONS: usize = 5;
/// Series that are shown beside each other.
const WIDTH: usize = 4;

/// All that a dry run shows.
pub(super) fn shown(report: &ImportReport) -> String {
    let Understood { format, text, time, columns, long, notes, .. } = &report.understood;
    let mut lines = vec![format!("form     {}", text.as_ref().map_or_else(|| format.clone(), cut))];
    lines.extend(time.as_ref().map(|time| format!("times    {}", written(time))));
    lines.extend(report.first.zip(report.last).map(|(first, last)| format!("range    {first} to {last}")));
    lines.extend(long.as_ref().map(|long| format!("a value a row: {}", words(long))));
    lines.push(if columns.is_empty() { series(report) } else { table(report) });
    lines.extend(passed_over(columns));
    lines.extend(first_rows(report));
    lines.extend(notes.iter().map(|note| format!("note: {note}")));
    lines.join("\n")
}

/// Values that were read and are none.
pub(super) fn set_aside(report: &ImportReport) -> Vec<String> {
    let ImportReport { replaced, invalid, out_of_range, .. } = report;
    let said = |(count, what): (&u64, &str)| (*count > 0).then(|| format!("{count} values {what}"));
    let counts = [
        (replaced, "are followed by others of their series and time, which hold"),
        (invalid, "say \"not measured\": gaps"),
        (out_of_range, "are out of range: gaps"),
    ];
    counts.into_iter().filter_map(said).collect()
}

/// How many rows were left out, and why.
pub(super) fn refused(report: &ImportReport) -> Vec<String> {
    let refused = &report.refused;
    if refused.count == 0 {
        return Vec::new();
    }
    let place = refused.file.as_ref().map_or_else(String::new, |file| format!(", all of them in {}", file.display()));
    let rows = if refused.count == 1 { "1 row".to_owned() } else { format!("{} rows", refused.count) };
    let mut lines = vec![format!("{rows} left out, in whole or in part{place}:")];
    for row in refused.first.iter().take(REASONS) {
        let at = row.line.map_or_else(|| format!("row {}", row.row), |line| format!("line {line}"));
        lines.push(format!("  {at}: {}", row.reason));
    }
    if refused.count > REASONS as u64 {
        lines.push("  ...".into());
    }
    lines
}

fn cut(dialect: &Dialect) -> String {
    let Dialect { delimiter, decimal, skip, header, .. } = dialect;
    let delimiter = match delimiter {
        '\t' => "tabs".to_owned(),
        ' ' => "spaces".to_owned(),
        other => format!("`{other}`"),
    };
    let decimal = if *decimal == ',' { "decimal comma" } else { "decimal point" };
    let header = if *header { "a header" } else { "no header" };
    let skipped = if *skip > 0 { format!(" behind {skip} other lines") } else { String::new() };
    format!("text, cut at {delimiter}, {decimal}, {header}{skipped}")
}

fn written(time: &UnderstoodTime) -> String {
    let zone = time.zone.as_ref().map_or_else(String::new, |zone| format!(", on the clocks of {zone}"));
    let elapsed = time.elapsed.as_ref().map_or_else(String::new, |column| format!(", then {column} as seconds"));
    format!("{} as {}{zone}{elapsed}", time.columns.join(" and "), time.form)
}

fn words(long: &LongMapping) -> String {
    let columns = [
        ("series", &long.series),
        ("site", &long.site),
        ("device", &long.device),
        ("channel", &long.channel),
        ("unit", &long.unit),
        ("quantity", &long.quantity),
    ];
    let told = columns.iter().filter_map(|(what, column)| Some(format!("{what} in {}", column.as_ref()?)));
    std::iter::once(format!("value in {}", long.value)).chain(told).collect::<Vec<_>>().join(", ")
}

fn table(report: &ImportReport) -> String {
    let mut table = format::table(&["column", "series", "unit", "measures", "read as", "registered", "points"]);
    format::right(&mut table, &[6]);
    for column in &report.understood.columns {
        let Some(series) = &column.series else { continue };
        let imported = report.series.iter().find(|one| one.series == *series);
        let registered = imported.map_or("no", |one| if one.new { "would be" } else { "is" });
        let points = imported.map_or_else(String::new, |one| one.points.to_string());
        let unit = column.unit.or(imported.map(|one| one.unit)).map_or_else(|| "?".to_owned(), |unit| unit.to_string());
        let quantity = column.quantity.or(column.unit.and_then(|unit| unit.only_quantity()));
        let quantity = quantity.map_or_else(String::new, |quantity| quantity.to_string());
        table.add_row([&column.column, &series.to_string(), &unit, &quantity, &read_as(column), registered, &points]);
    }
    table.to_string()
}

/// What differs from a gauge in passive sign, labelled by its start.
fn read_as(column: &UnderstoodColumn) -> String {
    let Some(channel) = &column.channel else { return String::new() };
    let kind = (channel.kind != Kind::Gauge).then(|| format!("{:?}", channel.kind).to_lowercase());
    let sign = (channel.sign == SignConvention::Generator).then_some("generator sign");
    let label = (channel.label == LabelPosition::End).then_some("labelled by its end");
    [kind.as_deref(), sign, label].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// A line for each reason.
fn passed_over(columns: &[UnderstoodColumn]) -> Vec<String> {
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for UnderstoodColumn { column, skipped, .. } in columns {
        if let Some(why) = skipped {
            reasons.entry(why).or_default().push(column);
        }
    }
    reasons.into_iter().map(|(why, columns)| format!("passed over, {why}: {}", columns.join(", "))).collect()
}

/// Of a file that names its series row by row.
fn series(report: &ImportReport) -> String {
    let mut table = format::table(&["series", "unit", "registered", "points"]);
    format::right(&mut table, &[3]);
    for series in &report.series {
        let registered = if series.new { "would be" } else { "is" };
        let name = series.series.to_string();
        table.add_row([name, series.unit.to_string(), registered.into(), series.points.to_string()]);
    }
    table.to_string()
}

fn first_rows(report: &ImportReport) -> Option<String> {
    let rows = &report.understood.first;
    let mut names = Vec::new();
    for (series, _) in rows.iter().flat_map(|row| &row.values) {
        if !names.contains(&series) {
            names.push(series);
        }
    }
    let more = names.len().saturating_sub(WIDTH);
    names.truncate(WIDTH);
    let titles: Vec<String> = ["row".to_owned(), "time".to_owned()]
        .into_iter()
        .chain(names.iter().map(|series| series.channel.to_string()))
        .chain((more > 0).then(|| format!("and {more} more")))
        .collect();
    let mut table = format::table(&vec![""; titles.len()]);
    // Names stay as they are written.
    table.set_header(titles);
    for row in rows {
        let value = |name: &&crate::model::SeriesName| {
            let value = row.values.iter().find(|(series, _)| series == *name).and_then(|(_, value)| *value);
            value.map_or_else(String::new, |value| value.to_string())
        };
        let time: Timestamp = row.time;
        let cells = [row.row.to_string(), time.to_string()].into_iter().chain(names.iter().map(value));
        table.add_row(cells.chain((more > 0).then(String::new)));
    }
    (!rows.is_empty()).then(|| table.to_string())
}
