//! Files at the command line: several at once, mappings that a person completes, and what scripts read of it.
#![cfg(feature = "cli")]

mod cli_support;

use serde_json::Value;

use cli_support::*;

#[test]
fn one_bad_file_of_several_keeps_the_others_from_nothing_and_is_seen_in_the_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    let first = written(folder.path(), "a.csv", "time,p_kw\n2007-04-01 00:00,1\n");
    let bad = written(folder.path(), "b.csv", "nothing of the kind\n");
    let last = written(folder.path(), "c.csv", "time,p_kw\n2007-04-01 00:01,2\n");
    let import = ["import", &first, &bad, &last, "--device", "home1.meter"];
    let strict = memcore(&site, &[&import[..], &["--strict"]].concat());
    assert_eq!((strict.status.code(), out(&strict).lines().count()), (Some(1), 1));
    let done = memcore(&site, &[&import[..], &["--json"]].concat());
    assert_eq!(done.status.code(), Some(1));
    let lines: Vec<Value> = out(&done).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let files: Vec<&str> = lines.iter().map(|line| line["file"].as_str().unwrap()).collect();
    assert_eq!(files, [&first, &bad, &last]);
    assert_eq!((&lines[0]["repeated"], &lines[2]["points"], &lines[2]["dry_run"]), (&1.into(), &1.into(), &false.into()));
    assert!(lines[1]["error"].as_str().unwrap().contains("b.csv"), "{}", lines[1]);
    assert!(err(&done).contains("1 of 3 files could not be imported"), "{}", err(&done));
    assert_eq!(memcore(&site, &["import", &first, &last, "--device", "home1.meter"]).status.code(), Some(0));
}

#[test]
fn a_written_mapping_shows_what_is_to_be_filled_in_and_then_reads_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    let file = written(folder.path(), "pv.csv", "time;ac_power;Temp Modul;Nr#\n2007-04-01 00:00;2,5;20,5;1\n");
    let toml = folder.path().join("pv.toml");
    let mapping = toml.to_str().unwrap();
    let dry = ["import", &file, "--device", "home1.pv", "--dry-run", "--write-mapping", mapping];
    let shown = memcore(&site, &dry);
    let hint = "--unit power=kW --unit temperature=degC); give units to those of no known quantity (--unit 'Nr#'=UNIT), or pass them \
        over (--skip 'Nr#')";
    assert!(out(&shown).contains(hint), "{}", out(&shown));
    let text = std::fs::read_to_string(&toml).unwrap();
    let open = "series = \"home1.pv.ac_power\"\n";
    assert!(text.starts_with("# times have no zone and are read as UTC") && text.contains(open), "{text}");
    let power = "[columns.ac_power]\n# unit = \"kW\"  # not said by the file; it seems to be power\n# skip = true\n";
    let number = "[columns.\"Nr#\"]\n# unit = \"kW\"  # not said by the file\n# skip = true\n";
    assert!(text.contains(power) && text.contains(number), "{text}");
    // As it is, the units are missing still; filled in, the file is read, and again it adds nothing.
    let import = ["import", &file, "--mapping", mapping, "--json"];
    assert!(err(&memcore(&site, &import)).contains("say no unit"));
    let filled = text.replace(number, "[columns.\"Nr#\"]\nskip = true\n").replace("# unit = \"kW\"", "unit = \"kW\"");
    std::fs::write(&toml, filled.replace("# unit = \"degC\"", "unit = \"degC\"")).unwrap();
    for points in [2, 0] {
        let report: Value = serde_json::from_str(&out(&memcore(&site, &import))).unwrap();
        assert_eq!(report["points"], points);
    }
    let query = memcore(&site, &["query", "home1.pv.>", "--format", "csv"]);
    assert!(out(&query).contains("home1.pv.ac_power,2007-04-01T00:00:00Z,2500,W"), "{}", out(&query));
    assert!(out(&query).contains("home1.pv.Temp_Modul,2007-04-01T00:00:00Z,20.5,degC"), "{}", out(&query));
}

#[test]
fn a_doctor_who_has_nobody_to_examine_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    let file = written(folder.path(), "a.csv", "time,p_kw\n2007-04-01 00:00,1\n");
    assert!(memcore(&site, &["import", &file, "--device", "home1.meter"]).status.success());
    let nobody = memcore(&site, &["doctor", "home2.>"]);
    assert_eq!((nobody.status.code(), out(&nobody).as_str()), (Some(1), ""));
    assert!(err(&nobody).contains("no series is home2.>, and there is no such file"), "{}", err(&nobody));
}
