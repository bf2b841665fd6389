//! The live control code under a virtual clock: every scenario of the folder must go as it says. A failure prints what was expected
//! and a table of what happened.

#![cfg(all(feature = "gateway", feature = "files"))]

use std::path::{Path, PathBuf};

use memcore::simulation::{Scenario, run_scenario};

fn scenarios() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|ending| ending == "toml")).collect();
    files.sort();
    files
}

#[test]
fn every_scenario_goes_as_it_says() {
    let only = std::env::var("SCENARIO").unwrap_or_default();
    let mut failed = Vec::new();
    for file in scenarios().iter().filter(|file| file.to_string_lossy().contains(&only)) {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        match Scenario::read(file).and_then(|scenario| run_scenario(&scenario)) {
            Ok(report) if report.passed() => {}
            Ok(report) => failed.push(format!("{name}: {report}")),
            Err(error) => failed.push(format!("{name}: {error}")),
        }
    }
    assert!(failed.is_empty(), "\n\n{}", failed.join("\n\n"));
}
