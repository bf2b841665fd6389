//! Processes that write and are killed, stopped, or run into what the operating system allows; and the kernel's own answers
//! changed under them. What a process said was safe is there afterwards, once.

mod store_support;
mod torture_support;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use memcore::ErrorKind;
use memcore::store::{Query, Store, StoreOptions};
use store_support::*;
use torture_support::*;

const FOLDER: &str = "MEMCORE_TEST_TORTURED_STORE";
const WORKLOAD: &str = "MEMCORE_TEST_WORKLOAD";
/// With it the process ends after so many batches, and first makes sure that all which was acknowledged before is there.
const ACKNOWLEDGED: &str = "MEMCORE_TEST_ACKNOWLEDGED";

fn options() -> StoreOptions {
    StoreOptions::default().seal_rows(200).segment_bytes(1 << 14).log_bytes(1 << 15)
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// Not a test of its own: the process that things happen to. It says what was acknowledged, line by line.
#[test]
fn works_until_something_happens() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let workload = Workload(number(WORKLOAD).unwrap());
    let store = match Store::open(&folder, options()).and_then(|store| register(&store).map(|()| store)) {
        Ok(store) => store,
        Err(e) => return println!("refused to open: {e}"),
    };
    let from = held(&store);
    let progress = Progress::from(from);
    let end = number(ACKNOWLEDGED).map(|acknowledged| {
        assert_eq!(recovered(&store, workload, &Progress::told(acknowledged, 0, 0)), from);
        println!("recovered {from}");
        from + 50
    });
    announce(&store, workload, from, &progress).unwrap();
    for batch in from..end.unwrap_or(u64::MAX) {
        if let Err(e) = step(&store, workload, batch, &progress) {
            println!("refused: {e}");
            assert!(store.is_read_only().is_some() && e.kind() == ErrorKind::ReadOnly, "{e}");
            assert!(store.query(&Query::new(pattern("home1.*.a"))).is_ok(), "reads go on");
            return;
        }
        println!("safe {} {} {}", progress.acknowledged(), progress.registered(), progress.deleted());
    }
}

/// The command that runs [`works_until_something_happens`], from a shell where `before` is done first.
fn worker(folder: &Path, workload: u64, before: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{before} exec \"$0\" --exact works_until_something_happens --nocapture")]);
    command.arg(std::env::current_exe().unwrap()).stdout(Stdio::piped());
    command.env(FOLDER, folder).env(WORKLOAD, workload.to_string());
    command
}

/// What it said: acknowledged, registered, deleted, and the line of its refusal.
#[derive(Debug, Default)]
struct Said {
    acknowledged: u64,
    registered: u64,
    deleted: u64,
    refused: Option<String>,
    recovered: bool,
}

impl Said {
    fn hear(&mut self, line: &str) {
        let words = line.split(' ').skip_while(|word| *word != "safe").skip(1);
        if let [acknowledged, registered, deleted] = words.map(|word| word.parse().unwrap()).collect::<Vec<u64>>()[..] {
            (self.acknowledged, self.registered, self.deleted) = (acknowledged, registered, deleted);
        }
        self.refused = self.refused.take().or(line.contains("refused").then(|| line.to_owned()));
        self.recovered |= line.contains("recovered");
    }
}

fn check(folder: &Path, workload: u64, said: &Said) -> u64 {
    let store = Store::open(folder, options()).unwrap();
    let count = recovered(&store, Workload(workload), &Progress::told(said.acknowledged, said.registered, said.deleted));
    let report = store.verify().unwrap();
    assert!(report.is_sound(), "{report:?}");
    store.close().unwrap();
    count
}

/// Reads lines until so many said that more is safe.
fn hear(lines: &mut BufReader<ChildStdout>, said: &mut Said, enough: u64) {
    let (mut line, from) = (String::new(), said.acknowledged);
    while said.acknowledged < from + enough && lines.read_line(&mut line).unwrap() > 0 {
        said.hear(line.trim_end());
        line.clear();
    }
}

#[test]
fn killed_again_and_again_at_any_moment_and_everything_acknowledged_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let mut said = Said::default();
    for round in &mut Rounds::of(50) {
        let mut dice = Dice(round);
        let mut child = worker(folder.path(), 1, "").spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        // Sometimes in the middle of the opening, sometimes at work.
        match dice.below(4) {
            0 => std::thread::sleep(Duration::from_micros(dice.below(30_000))),
            _ => {
                let enough = 1 + dice.below(60);
                hear(&mut lines, &mut said, enough);
                std::thread::sleep(Duration::from_micros(dice.below(3000)));
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        hear_whole_lines(&mut lines, &mut said);
        check(folder.path(), 1, &said);
    }
    assert!(said.acknowledged > 100, "{said:?}");
}

/// The rest, without a last line that the kill cut off: its number would be another.
fn hear_whole_lines(lines: &mut BufReader<ChildStdout>, said: &mut Said) {
    let mut line = String::new();
    while lines.read_line(&mut line).unwrap() > 0 {
        if line.ends_with('\n') {
            said.hear(line.trim_end());
        }
        line.clear();
    }
}

fn signal(child: &Child, name: &str) {
    let done = Command::new("sh").args(["-c", &format!("kill -{name} {}", child.id())]).status().unwrap();
    assert!(done.success());
}

#[test]
fn a_stopped_writer_keeps_its_lock_and_is_read_beside_and_a_killed_one_leaves_the_store_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = worker(folder.path(), 2, "").spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut said = Said::default();
    hear(&mut lines, &mut said, 30);
    for _ in 0..5 {
        signal(&child, "STOP");
        let refused = Store::open(folder.path(), options()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Locked, "{refused}");
        let reader = Store::open_read_only(folder.path(), options()).unwrap();
        assert!(held(&reader) >= said.acknowledged, "{} of {said:?}", held(&reader));
        signal(&child, "CONT");
        hear(&mut lines, &mut said, 20);
    }
    child.kill().unwrap();
    child.wait().unwrap();
    hear_whole_lines(&mut lines, &mut said);
    check(folder.path(), 2, &said);
}

#[test]
fn files_that_may_not_grow_refuse_what_does_not_fit_and_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut said = Said::default();
    // Blocks of 512 bytes: nothing fits; the log does but not the manifest; both do, until one of them grows. Without the
    // trap a signal would end the process.
    for limit in ["", "trap '' XFSZ; ulimit -f 4;", "trap '' XFSZ; ulimit -f 40;", "trap '' XFSZ; ulimit -f 260;"] {
        let mut child = worker(folder.path(), 3, limit).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        hear(&mut lines, &mut said, 100);
        let _ = child.kill();
        child.wait().unwrap();
        hear_whole_lines(&mut lines, &mut said);
        let refused = said.refused.take();
        assert!(limit.is_empty() == refused.is_none() || limit.contains("260"), "{limit} {refused:?}");
        check(folder.path(), 3, &said);
    }
    assert!(said.acknowledged >= 100, "{said:?}");
}

#[test]
fn a_backup_beside_a_writer_that_never_stops_restores_to_a_past_commit() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("store"), options()).unwrap();
    register(&store).unwrap();
    let (progress, over) = (Progress::default(), std::sync::atomic::AtomicBool::new(false));
    std::thread::scope(|threads| {
        threads.spawn(|| {
            let mut number = 0;
            while !over.load(std::sync::atomic::Ordering::Relaxed) {
                step(&store, Workload(8), number, &progress).unwrap();
                number += 1;
            }
        });
        for round in &mut Rounds::of(10) {
            let (backup, restored) = (folder.path().join("backup"), folder.path().join(format!("restored{round}")));
            let before = progress.now();
            store.backup(&backup, &mut |_, _| Ok(())).unwrap();
            let then = before.until(&progress.now());
            memcore::store::restore(&backup, &restored, &mut |_, _| Ok(())).unwrap();
            let store = Store::open(&restored, options()).unwrap();
            recovered(&store, Workload(8), &then);
            store.close().unwrap();
            std::fs::remove_dir_all(&restored).unwrap();
        }
        over.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

/// Compiles `shim/faults.c`; `make torture` has what it needs.
fn shim(into: &Path) -> std::path::PathBuf {
    let (source, shim) = (concat!(env!("CARGO_MANIFEST_DIR"), "/tests/shim/faults.c"), into.join("faults.so"));
    let mut compiler = Command::new("cc");
    let done = compiler.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]).arg(&shim).arg(source).status();
    assert!(done.expect("cc, to build the shim").success());
    shim
}

#[test]
#[ignore = "needs cc; make torture runs it"]
fn whatever_the_kernel_answers_nothing_acknowledged_is_lost() {
    let tools = tempfile::tempdir().unwrap();
    let shim = shim(tools.path());
    let mut happened = 0;
    for round in &mut Rounds::of(20) {
        let mut dice = Dice(round);
        let fault = ["sync-eio", "write-eio", "write-torn", "write-enospc", "write-short"][round as usize % 5];
        let folder = tempfile::tempdir().unwrap();
        let mut command = worker(folder.path(), round, "");
        command.env("LD_PRELOAD", &shim).env("MEMCORE_SHIM_FAULT", fault);
        command.env("MEMCORE_SHIM_FOLDER", folder.path()).env("MEMCORE_SHIM_AT", dice.below(400).to_string());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut said = Said::default();
        if fault == "write-short" {
            // The rest is written by the next call: nothing happens, however often.
            hear(&mut lines, &mut said, 200);
            child.kill().unwrap();
        }
        hear_whole_lines(&mut lines, &mut said);
        child.wait().unwrap();
        assert_eq!(said.refused.is_some(), fault != "write-short", "{fault}: {said:?}");
        check(folder.path(), round, &said);
        happened += 1;
    }
    println!("{happened} faults");
}

#[test]
#[ignore = "needs to mount a tmpfs; make torture runs it"]
fn a_full_file_system_loses_nothing_and_space_brings_the_store_back() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, said) = (folder.path().join("disk"), folder.path().join("said"));
    std::fs::create_dir(&disk).unwrap();
    let script = "mount -t tmpfs -o size=1m tmpfs $DISK && head -c 600000 /dev/zero > $DISK/ballast || exit 77
        $WORKER > $SAID && rm $DISK/ballast
        export MEMCORE_TEST_ACKNOWLEDGED=$(grep -o 'safe [0-9]*' $SAID | tail -1 | cut -d' ' -f2)
        $WORKER >> $SAID";
    let program = std::env::current_exe().unwrap();
    let worker = format!("{} --exact works_until_something_happens --nocapture", program.display());
    let mut command = Command::new("unshare");
    command.args(["-rm", "sh", "-c", script]).env("DISK", &disk).env("SAID", &said).env("WORKER", worker);
    let output = command.env(FOLDER, disk.join("store")).env(WORKLOAD, "4").output().unwrap();
    std::io::stderr().write_all(&output.stderr).unwrap();
    assert!(output.status.success(), "no tmpfs could be mounted, or the store did not come back");
    let mut heard = Said::default();
    std::fs::read_to_string(&said).unwrap().lines().for_each(|line| heard.hear(line));
    assert!(heard.refused.is_some() && heard.recovered, "{heard:?}");
}
