//! The description of the API stands in `docs/openapi.json`, where clients are generated from: it is what the code says.
//!
//! `MEMCORE_UPDATE=1 cargo test -p memcore --features cli --test openapi` writes it anew.
#![cfg(feature = "rest")]

use std::path::Path;

#[test]
fn the_description_is_what_the_code_says() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    let said = format!("{}\n", memcore::rest::openapi());
    if std::env::var_os("MEMCORE_UPDATE").is_some() {
        std::fs::write(&file, &said).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        written == said,
        "docs/openapi.json is not what the code says: run this test with MEMCORE_UPDATE=1 and look at the change"
    );
}
