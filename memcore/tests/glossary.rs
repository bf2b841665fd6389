//! The unit table of `docs/glossary.md` is that of the code.

use std::fs;
use std::path::Path;

use memcore::model::{Quantity, Unit};

#[test]
fn every_quantity_has_its_row_with_every_unit_that_measures_it() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/glossary.md");
    let glossary = fs::read_to_string(&path).unwrap();
    for quantity in Quantity::ALL {
        let start = format!("| {quantity} | `{}` |", quantity.base_unit());
        let row = glossary.lines().find(|line| line.starts_with(&start));
        let row = row.unwrap_or_else(|| panic!("{} has no row that starts with {start}", path.display()));
        for unit in Unit::ALL.iter().filter(|unit| unit.measures(*quantity)) {
            assert!(row.contains(&format!("`{unit}`")), "{unit} is missing in: {row}");
        }
    }
}
