//! The unit table of `docs/glossary.md` is that of the code, and so are the aggregates of `docs/storage.md`.

use std::fs;
use std::path::Path;

use memcore::Aggregate;
use memcore::model::{Quantity, Unit};

#[test]
fn every_quantity_has_its_row_with_every_unit_that_measures_it() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/glossary.md");
    let glossary = fs::read_to_string(&path).unwrap();
    for quantity in Quantity::ALL {
        let base = match quantity {
            Quantity::Price => "<currency>/kWh".to_owned(),
            Quantity::Money => "<currency>".to_owned(),
            _ => quantity.base_unit().unwrap().to_string(),
        };
        let start = format!("| {quantity} | `{base}` |");
        let row = glossary.lines().find(|line| line.starts_with(&start));
        let row = row.unwrap_or_else(|| panic!("{} has no row that starts with {start}", path.display()));
        for unit in Unit::ALL.iter().filter(|unit| unit.measures(*quantity)) {
            assert!(row.contains(&format!("`{unit}`")), "{unit} is missing in: {row}");
        }
    }
}

#[test]
fn every_aggregate_has_its_row_with_its_units() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/storage.md");
    let page = fs::read_to_string(&path).unwrap();
    let table = page.split("### Aggregates").nth(1).unwrap();
    for aggregate in Aggregate::ALL {
        let name = format!("`{aggregate}`");
        let row = table.lines().find(|line| line.split('|').nth(1).is_some_and(|names| names.contains(&name)));
        let row = row.unwrap_or_else(|| panic!("{} has no row for {name}", path.display()));
        let unit = aggregate.unit(Unit::Watt);
        let said = if unit == Unit::Watt.symbol() { "the quantity's".into() } else { unit };
        assert!(row.split('|').nth(3).unwrap().contains(&*said), "{name} is in {said}, the page says: {row}");
    }
}
