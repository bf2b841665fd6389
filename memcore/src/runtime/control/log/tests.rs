use std::fs;

use super::segments::{folder_of, list};
use super::*;
use crate::model::{Name, Span, Timestamp};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_790_000_000 + seconds)
}

fn decided(seconds: i64, asset: &str, power_w: f64) -> ControlEvent {
    ControlEvent::Decided(Box::new(Decided {
        time: at(seconds),
        asset: Name::new(asset).unwrap(),
        role: crate::control::Role::Charger,
        target: format!("home1.{asset}.power").parse().unwrap(),
        power_w,
        wish: None,
        low_w: None,
        high_w: Some(5000.0),
        limits: vec![LimitedBy { by: "circuit main".into(), from_w: 7000.0, to_w: power_w }],
        inputs: Vec::new(),
        command: None,
        value: None,
        answer: None,
        faults: Vec::new(),
        again: false,
    }))
}

fn stood(site: &Path, seconds: i64, asset: &str) -> Option<f64> {
    match stood_at(site, at(seconds), |decided| decided.asset.as_str() == asset).unwrap() {
        Stood::Decided(decided, _) => Some(decided.power_w),
        _ => None,
    }
}

/// A decision of two assets every second, and every tenth second of the battery's a note of the car's.
fn write_hours(site: &Path, max_bytes: u64, seconds: i64) {
    let mut segments = Segments::open(site, max_bytes).unwrap();
    for second in 0..seconds {
        let mut events = vec![decided(second, "battery", second as f64)];
        if second % 300 == 0 {
            events.push(decided(second, "car", second as f64));
        }
        segments.append(&events).unwrap();
    }
}

#[test]
fn at_every_time_the_decision_is_found_that_stood_then() {
    let site = tempfile::tempdir().unwrap();
    write_hours(site.path(), 1 << 30, 7200);
    for second in (0..7200).step_by(97) {
        assert_eq!(stood(site.path(), second, "battery"), Some(second as f64));
        assert_eq!(stood(site.path(), second, "car"), Some((second / 300 * 300) as f64));
    }
    assert_eq!(stood(site.path(), -1, "battery"), None, "nothing was decided before");
    assert_eq!(stood(site.path(), 7200 + 959, "battery"), Some(7199.0), "what was decided last still stands");
    assert_eq!(stood(site.path(), 7200 + 961, "battery"), None, "and is no longer believed when it is not said again");
}

#[test]
fn it_is_found_across_segments_and_the_oldest_segments_go() {
    let site = tempfile::tempdir().unwrap();
    write_hours(site.path(), 1_000_000, 7200);
    let segments = list(&folder_of(site.path())).unwrap();
    assert_eq!(segments.len(), 16);
    let bytes: u64 = segments.iter().map(|(_, path)| fs::metadata(path).unwrap().len()).sum();
    assert!(bytes <= 1_020_000, "{bytes} bytes");
    assert_eq!(stood(site.path(), 10, "battery"), None, "it was let go");
    for second in (5000..7200).step_by(7) {
        assert_eq!(stood(site.path(), second, "battery"), Some(second as f64));
        assert_eq!(stood(site.path(), second, "car"), Some((second / 300 * 300) as f64));
    }
}

#[test]
fn a_clock_that_goes_back_begins_another_segment_and_the_later_word_counts() {
    let site = tempfile::tempdir().unwrap();
    let mut segments = Segments::open(site.path(), 1 << 30).unwrap();
    segments.append(&[decided(0, "car", 1.0), decided(1000, "car", 2.0), decided(3600, "car", 3.0)]).unwrap();
    segments.append(&[decided(1200, "car", 4.0), decided(1300, "car", 5.0)]).unwrap();
    assert_eq!(list(&folder_of(site.path())).unwrap().len(), 2);
    let found = [900, 1100, 1250, 1400].map(|second| stood(site.path(), second, "car"));
    assert_eq!(found, [Some(1.0), Some(2.0), Some(4.0), Some(5.0)]);
}

#[test]
fn cut_at_every_byte_it_has_whole_decisions_only_and_goes_on() {
    let whole = tempfile::tempdir().unwrap();
    Segments::open(whole.path(), 1 << 30).unwrap().append(&[decided(1, "car", 1.0), decided(2, "car", 2.0)]).unwrap();
    let bytes = fs::read(folder_of(whole.path()).join("0000000001.log")).unwrap();
    for cut in 0..bytes.len() {
        let site = tempfile::tempdir().unwrap();
        let file = folder_of(site.path()).join("0000000001.log");
        fs::create_dir(folder_of(site.path())).unwrap();
        fs::write(&file, &bytes[..cut]).unwrap();
        let before = stood(site.path(), 5, "car");
        assert!([None, Some(1.0), Some(2.0)].contains(&before), "cut at {cut}: {before:?}");
        Segments::open(site.path(), 1 << 30).unwrap().append(&[decided(3, "car", 3.0)]).unwrap();
        assert_eq!(stood(site.path(), 5, "car"), Some(3.0), "cut at {cut}");
        let ends = fs::read(&file).unwrap();
        assert!(ends.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count() <= 3, "cut at {cut}");
    }
}

#[test]
fn a_pause_and_an_answer_are_found_with_the_decision() {
    let site = tempfile::tempdir().unwrap();
    let log = DecisionLog::start(site.path(), 1 << 20, |_| {}).unwrap();
    let answered = Answered {
        time: at(12),
        asset: Name::new("car").unwrap(),
        command: crate::model::CommandId::new("c1").unwrap(),
        value: 2.0,
        state: crate::model::CommandState::Done { read_back: Some(1.9) },
    };
    log.say(ControlEvent::Started { time_us: at(0) });
    log.say(decided(10, "car", 2.0));
    log.say(decided(11, "battery", 7.0));
    log.say(ControlEvent::Answered(answered.clone()));
    log.say(ControlEvent::Paused { time_us: at(20), since_us: at(20), by: "uid 7".into() });
    log.flush();
    let found = |second| stood_at(site.path(), at(second), |decided| decided.asset.as_str() == "car").unwrap();
    assert!(matches!(found(5), Stood::Not(ControlEvent::Started { .. })));
    for second in [10, 11, 15] {
        let Stood::Decided(decided, answer) = found(second) else { panic!("no decision at {second}") };
        assert_eq!((decided.power_w, answer), (2.0, Some(answered.clone())), "at {second}");
    }
    assert!(matches!(found(25), Stood::Not(ControlEvent::Paused { by, .. }) if by == "uid 7"));
    assert_eq!(log.status().written, 5);
    log.close();
    assert_eq!(SAID_AGAIN, Span::from_seconds(900));
}
