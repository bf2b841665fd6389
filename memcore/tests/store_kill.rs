//! A process that writes is killed without warning, again and again: every acknowledged batch is there, once.

mod store_support;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use memcore::store::{Query, Store, StoreOptions};
use store_support::*;

const FOLDER: &str = "MEMCORE_TEST_KILLED_STORE";
const BOOT: u64 = 3;

fn open(path: &std::path::Path) -> Store {
    Store::open(path, StoreOptions::default().seal_rows(100).segment_bytes(1 << 14).log_bytes(1 << 15)).unwrap()
}

/// Not a test of its own: the process that is killed. It says what was acknowledged, line by line.
#[test]
fn writes_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let store = open(folder.as_ref());
    store.register(&device("home1.pv"), &watts(&["power"])).unwrap();
    for sequence in store.durable_sequence(&device("home1.pv"), BOOT) + 1.. {
        store.write(&numbered(power("home1.pv", &[(sequence as i64, sequence as f64)]), BOOT, sequence)).unwrap();
        println!("acknowledged {sequence}");
    }
}

#[test]
fn what_was_acknowledged_before_a_kill_is_there_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for round in 0..12u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "writes_until_it_is_killed", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut numbers = lines.filter_map(|line| line.strip_prefix("acknowledged ")?.parse::<u64>().ok());
        let enough = 20 + Dice(round).below(400) as usize;
        acknowledged = numbers.by_ref().take(enough).last().unwrap();
        child.kill().unwrap();
        acknowledged = numbers.last().unwrap_or(acknowledged);
        child.wait().unwrap();

        let store = open(folder.path());
        let seen = rows(&store, Query::new(pattern("home1.pv.power")));
        assert!(seen.len() as u64 >= acknowledged, "{} rows of {acknowledged}", seen.len());
        assert!(seen.iter().zip(1..).all(|(row, number)| *row == (number, number as f64)));
        assert_eq!(store.durable_sequence(&device("home1.pv"), BOOT), seen.len() as u64);
        assert!(store.verify().unwrap().is_sound(), "{:?}", store.verify().unwrap());
        store.close().unwrap();
    }
    assert!(acknowledged > 12 * 20);
}
