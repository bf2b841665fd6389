//! What is said where nobody says the unit of a series: what to type, to be copied as it stands.

use super::understood::UnderstoodColumn;
use crate::model::{Quantity, SeriesName, Unit};

/// Series that are listed by name.
const LISTED: usize = 20;

/// Columns that say no unit, of series that are not registered.
pub(super) fn of_columns(columns: &[&UnderstoodColumn]) -> String {
    if let [column] = columns
        && let Some(series) = &column.series
    {
        let name = &column.column;
        let unit = flag("--unit", &format!("{name}={}", example(column.quantity)));
        let skip = flag("--skip", name);
        return format!(
            "{series} is not registered, and column {} says no unit: give it (as in {unit}), or pass the column over ({skip})",
            shown(column)
        );
    }
    let list = columns.iter().map(|column| shown(column)).collect::<Vec<_>>().join(", ");
    let mut ways: Vec<String> = Vec::new();
    for quantity in columns.iter().filter_map(|column| column.quantity) {
        let way = flag("--unit", &format!("{quantity}={}", example(Some(quantity))));
        if !ways.contains(&way) {
            ways.push(way);
        }
    }
    let open: Vec<&str> =
        columns.iter().filter(|column| column.quantity.is_none()).map(|column| column.column.as_str()).collect();
    let way = if ways.is_empty() { String::new() } else { format!(": give units (as in {})", ways.join(" ")) };
    let skip = match &open[..] {
        [] => String::new(),
        open => format!(
            "; give units to those of no known quantity ({}=UNIT), or pass them over ({})",
            flag("--unit", open[0]),
            flag("--skip", &open.join(","))
        ),
    };
    format!("columns {list} say no unit{way}{skip}")
}

/// Series of a file that has a value a row and says no unit.
pub(super) fn of_series(series: &[SeriesName]) -> String {
    let Some(first) = series.first() else { return String::new() };
    let one = flag("--unit", &format!("{first}=kW"));
    let channel = flag("--unit", &format!("{}=kW", first.channel));
    if series.len() == 1 {
        return format!("{first} is not registered, and no row says its unit: give it (as in {one}, or --unit kW for all)");
    }
    let mut list = series.iter().take(LISTED).map(SeriesName::to_string).collect::<Vec<_>>().join(", ");
    if series.len() > LISTED {
        list += &format!(" and {} more", series.len() - LISTED);
    }
    format!("{list} are not registered, and no row says their unit: give it (as in {one}, {channel}, or --unit kW for all)")
}

/// A unit in which the quantity is often told; which one it is, the file does not say.
pub(super) fn example(quantity: Option<Quantity>) -> String {
    let usual = match quantity {
        None | Some(Quantity::Power) => Some(Unit::Kilowatt),
        Some(Quantity::Energy) => Some(Unit::KilowattHour),
        Some(Quantity::ReactivePower) => Some(Unit::Kilovar),
        Some(Quantity::ApparentPower) => Some(Unit::KilovoltAmpere),
        Some(Quantity::StateOfCharge | Quantity::Ratio) => Some(Unit::Percent),
        Some(other) => other.base_unit(),
    };
    usual.map_or_else(|| "UNIT".to_owned(), |unit| unit.to_string())
}

/// A column, and what it seems to measure.
fn shown(column: &UnderstoodColumn) -> String {
    let guess = column.quantity.map_or_else(String::new, |quantity| format!(" ({quantity})"));
    format!("{:?}{guess}", column.column)
}

/// An option as a shell takes it.
fn flag(name: &str, text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-.=/,%:+@".contains(c);
    if text.chars().all(is_plain) { format!("{name} {text}") } else { format!("{name} '{}'", text.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, quantity: Option<Quantity>) -> UnderstoodColumn {
        let series = Some("home1.meter.x".parse().unwrap());
        UnderstoodColumn { column: name.into(), series, unit: None, quantity, channel: None, skipped: None }
    }

    #[test]
    fn what_is_to_be_typed_can_be_copied() {
        assert_eq!(
            of_columns(&[&column("Leistung L1", Some(Quantity::Power))]),
            "home1.meter.x is not registered, and column \"Leistung L1\" (power) says no unit: give it (as in --unit \
             'Leistung L1=kW'), or pass the column over (--skip 'Leistung L1')"
        );
        let (temperature, again) =
            (column("t", Some(Quantity::Temperature)), column("module_temp", Some(Quantity::Temperature)));
        assert_eq!(
            of_columns(&[&temperature, &again, &column("Rec#", None), &column("ES", None)]),
            "columns \"t\" (temperature), \"module_temp\" (temperature), \"Rec#\", \"ES\" say no unit: give units (as in --unit \
             temperature=degC); give units to those of no known quantity (--unit 'Rec#'=UNIT), or pass them over (--skip 'Rec#,ES')"
        );
    }

    #[test]
    fn series_of_a_long_file_are_named_with_every_way_to_give_a_unit() {
        let names: Vec<SeriesName> = (0..22).map(|at| format!("S1.inv{at:02}.ac_power").parse().unwrap()).collect();
        assert_eq!(
            of_series(&names[..1]),
            "S1.inv00.ac_power is not registered, and no row says its unit: give it (as in --unit S1.inv00.ac_power=kW, or --unit kW \
             for all)"
        );
        let many = of_series(&names);
        assert!(many.contains("S1.inv19.ac_power and 2 more are not registered"), "{many}");
        assert!(many.ends_with("(as in --unit S1.inv00.ac_power=kW, --unit ac_power=kW, or --unit kW for all)"), "{many}");
    }
}
