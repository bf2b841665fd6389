use super::*;
use crate::model::{DeviceName, ProofKind, SystemClock};
use std::fs;

const NOW: Timestamp = Timestamp::from_seconds(1_763_000_000);
const PLENTY: u64 = 256_000_000;

fn hem() -> DeviceName {
    "home1.hem".parse().unwrap()
}

fn draft(second: i64) -> Draft {
    let act = Act::Enrolled { device: hem(), proof: ProofKind::Secret, simulated: false };
    Draft { time: Timestamp::from_seconds(1_763_000_000 + second), by: Some("uid 1000".into()), act }
}

/// A trail of so many lines.
fn trail(lines: i64) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut trail = Trail::open(folder.path(), PLENTY);
    trail.append(&(0..lines).map(draft).collect::<Vec<_>>()).unwrap();
    trail.sync().unwrap();
    folder
}

fn lines(folder: &Path) -> Vec<String> {
    fs::read_to_string(folder.join("audit.jsonl")).unwrap().lines().map(str::to_owned).collect()
}

fn write(folder: &Path, lines: &[String]) {
    fs::write(folder.join("audit.jsonl"), lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
}

fn faults(folder: &Path) -> Vec<String> {
    verify_audit(folder).unwrap().faults.into_iter().map(|fault| format!("{}: {}", fault.line, fault.what)).collect()
}

#[test]
fn lines_are_numbered_and_chained_and_say_who_did_what() {
    let folder = trail(3);
    let report = verify_audit(folder.path()).unwrap();
    assert_eq!((report.entries, report.first, report.last, report.is_whole()), (3, 1, 3, true), "{report:?}");
    let log = read_audit(folder.path(), &AuditQuery { limit: 2, ..AuditQuery::default() }).unwrap();
    assert_eq!(log.entries.iter().map(|entry| entry.number).collect::<Vec<_>>(), [2, 3], "the latest");
    assert_eq!(log.entries[1].previous, log.entries[0].hash);
    assert_eq!((log.entries[1].by.as_deref(), log.entries[1].hash.len()), (Some("uid 1000"), 64));
    let line = &lines(folder.path())[0];
    let start =
        r#"{"number":1,"time_us":1763000000000000,"by":"uid 1000","kind":"enrolled","device":"home1.hem","proof":"secret""#;
    assert!(line.starts_with(start), "{line}");
}

#[test]
fn a_line_that_was_changed_taken_out_or_put_elsewhere_is_noticed() {
    for (what, tamper, told) in [
        (
            "changed",
            (|lines| lines[1] = lines[1].replace("uid 1000", "uid 1001")) as fn(&mut Vec<String>),
            "hash does not fit",
        ),
        ("taken out", |lines| drop(lines.remove(1)), "it is number 3, expected 2"),
        ("swapped", |lines| lines.swap(1, 2), "it is number 3, expected 2"),
        ("doubled", |lines| lines.insert(1, lines[0].clone()), "it is number 1, expected 2"),
        ("made up", |lines| lines[1] = "{}".into(), "cannot be read"),
        ("cut at the end", |lines| drop(lines.pop()), "the end was cut or changed"),
        ("cut whole", |lines| lines.clear(), "the end was cut or changed"),
        ("cut at the start", |lines| drop(lines.remove(0)), "the trail begins at 2, it was left from 1 on"),
    ] {
        let folder = trail(5);
        let mut text = lines(folder.path());
        tamper(&mut text);
        write(folder.path(), &text);
        let faults = faults(folder.path());
        assert!(faults.iter().any(|fault| fault.contains(told)), "{what}: {faults:?}");
    }
}

#[test]
fn a_trail_without_the_word_of_where_it_was_left_is_told_until_somebody_goes_on_with_it() {
    let folder = trail(2);
    fs::remove_file(folder.path().join("audit.head")).unwrap();
    assert!(faults(folder.path())[0].contains("whether the end was cut cannot be told"));
    say_once(folder.path(), PLENTY, NOW, vec![Act::Stopped]).unwrap();
    assert!(verify_audit(folder.path()).unwrap().is_whole());
}

#[test]
fn a_trail_is_whole_from_its_first_moment_on() {
    let folder = tempfile::tempdir().unwrap();
    // Written, and not yet synced.
    Trail::open(folder.path(), PLENTY).append(&[draft(0), draft(1)]).unwrap();
    assert!(verify_audit(folder.path()).unwrap().is_whole());
    fs::remove_file(folder.path().join("audit.head")).unwrap();
    assert!(faults(folder.path())[0].contains("whether the end was cut cannot be told"));
}

#[test]
fn a_line_that_is_forged_with_a_hash_of_its_own_breaks_the_chain_after_it() {
    let folder = trail(3);
    let (mut text, other) = (lines(folder.path()), tempfile::tempdir().unwrap());
    let mut forger = Trail::open(other.path(), PLENTY);
    forger.append(&[Draft { by: Some("uid 7".into()), ..draft(0) }]).unwrap();
    text[0] = lines(other.path())[0].clone();
    write(folder.path(), &text);
    assert_eq!(faults(folder.path()), ["2: it does not follow the line before: that one was changed or taken out"]);
}

#[test]
fn whoever_goes_on_with_a_cut_trail_says_so_and_uses_no_number_twice() {
    let folder = trail(5);
    let text = lines(folder.path());
    write(folder.path(), &text[..2]);
    say_once(folder.path(), PLENTY, NOW, vec![Act::Stopped]).unwrap();
    let log = read_audit(folder.path(), &AuditQuery::default()).unwrap();
    assert_eq!(log.entries[2].act, Act::Disturbed { left_at: 5, found: 2 });
    assert_eq!(log.entries.iter().map(|entry| entry.number).collect::<Vec<_>>(), [1, 2, 6, 7]);
    assert!(!verify_audit(folder.path()).unwrap().is_whole());
}

#[test]
fn a_line_that_a_crash_left_without_its_end_is_cut_and_the_chain_goes_on() {
    let folder = trail(3);
    let path = folder.path().join("audit.jsonl");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, [&whole[..], b"{\"number\":4,\"ti"].concat()).unwrap();
    assert_eq!(faults(folder.path()), ["4: it has no end"]);
    say_once(folder.path(), PLENTY, NOW, vec![Act::Stopped]).unwrap();
    let log = read_audit(folder.path(), &AuditQuery::default()).unwrap();
    assert_eq!((&log.entries[3].act, log.entries.len()), (&Act::Resumed { cut_bytes: 15 }, 5));
    assert!(verify_audit(folder.path()).unwrap().is_whole());
}

#[test]
fn two_processes_write_one_chain() {
    let folder = tempfile::tempdir().unwrap();
    let (mut one, mut two) = (Trail::open(folder.path(), PLENTY), Trail::open(folder.path(), PLENTY));
    for round in 0..10 {
        one.append(&[draft(round), draft(round)]).unwrap();
        two.append(&[draft(round)]).unwrap();
        two.sync().unwrap();
        one.sync().unwrap();
    }
    let report = verify_audit(folder.path()).unwrap();
    assert_eq!((report.last, report.is_whole()), (30, true), "{report:?}");
}

#[test]
fn a_trail_takes_no_more_room_than_it_may_and_what_is_kept_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let most = 1_000_000;
    let mut trail = Trail::open(folder.path(), most);
    for round in 0..30 {
        trail.append(&(0..500).map(|_| draft(round)).collect::<Vec<_>>()).unwrap();
        trail.sync().unwrap();
        let files = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len());
        assert!(files.sum::<u64>() <= most);
    }
    let report = verify_audit(folder.path()).unwrap();
    assert!(report.is_whole() && report.first > 1 && report.last == 15_000, "{report:?}");
    assert_eq!(report.entries, report.last - report.first + 1);

    let oldest = trail::full_files(folder.path()).unwrap().remove(0).1;
    fs::remove_file(oldest).unwrap();
    assert!(faults(folder.path())[0].contains("it was left from"), "a file that was taken away is missed");
}

#[test]
fn what_is_asked_for_is_picked_and_an_unknown_kind_is_refused_by_name() {
    let folder = trail(3);
    say_once(folder.path(), PLENTY, NOW, vec![Act::Revoked { device: "home2.pv".parse().unwrap() }]).unwrap();
    let count = |query| read_audit(folder.path(), &query).unwrap().entries.len();
    let all = AuditQuery::default;
    assert_eq!(count(AuditQuery { device: Some(hem()), ..all() }), 3);
    assert_eq!(count(AuditQuery { kind: Some("revoked".into()), ..all() }), 1);
    assert_eq!(count(AuditQuery { since: Some(Timestamp::from_seconds(1_763_000_001)), ..all() }), 2);
    let e = read_audit(folder.path(), &AuditQuery { kind: Some("revokd".into()), ..all() }).unwrap_err();
    assert!(e.message().contains("revokd") && e.message().contains("login_refused"), "{e}");
}

#[test]
fn a_full_disk_holds_lines_back_and_people_are_refused_before_anything_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    // A folder in the place of the file: it cannot be written.
    let path = folder.path().join("audit.jsonl");
    fs::create_dir(&path).unwrap();
    let audit = Audit::start(folder.path(), PLENTY, Arc::new(SystemClock::default())).unwrap();
    for _ in 0..WAITING_MAX {
        audit.check_room().unwrap();
        audit.say(Some("program".into()), Act::Stopped);
    }
    audit.flush();
    let e = audit.check_room().unwrap_err();
    assert!(e.kind() == ErrorKind::LimitReached && e.message().contains("audit trail"), "{e}");
    let address = ([127, 0, 0, 1], 1).into();
    audit.say(None, Act::Login { device: hem(), proof: "00".into(), address, epoch: 1 });

    fs::remove_dir(&path).unwrap();
    while audit.check_room().is_err() || !audit.queue.waiting().drafts.is_empty() {
        std::thread::sleep(Duration::from_millis(20));
    }
    audit.close();
    let report = verify_audit(folder.path()).unwrap();
    assert!(report.is_whole() && report.last == WAITING_MAX as u64 + 1, "{report:?}");
    let log = read_audit(folder.path(), &AuditQuery { kind: Some("counted".into()), ..AuditQuery::default() }).unwrap();
    assert!(matches!(log.entries[0].act, Act::Counted { logins: 1, .. }));
}
