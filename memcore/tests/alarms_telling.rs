//! Who is told of what, and when: storms, nights, reminders, and those who cannot be reached.

use std::sync::Arc;

use memcore::alarms::{Acknowledgement, Bundle, Herald, Moment, Pace, Rule, RuleSettings, Telling, Watcher};
use memcore::model::{DeviceName, Name, Span, Timestamp};
use serde_json::{Value, json};

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// Devices that go and come, and one mailbox.
struct Street {
    watcher: Watcher,
    herald: Herald,
    now: Moment,
    sent: Vec<(Timestamp, Bundle)>,
}

impl Street {
    fn told_by(start: &str, more: Value) -> Self {
        let now = Moment { wall: start.parse().unwrap(), elapsed: std::time::Duration::from_secs(100_000) };
        let mut street = Self { watcher: Watcher::default(), herald: Herald::default(), now, sent: Vec::new() };
        let mut settings = json!({
            "name": "gone", "severity": "warning", "notify": ["mail"],
            "watch": { "kind": "offline", "devices": "*.*", "after": "1m" },
        });
        settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let settings: RuleSettings = serde_json::from_value(settings).unwrap();
        street.watcher.set_rule(Rule::new(name("local"), name("r"), settings).unwrap(), now);
        let seconds = Span::from_seconds;
        let pace = Pace { gather: seconds(10), between: seconds(300), urgent: seconds(30) };
        street.herald.set_notifier(&name("local"), &name("mail"), pace, true);
        street
    }

    fn device(&mut self, number: usize, connected: bool) -> &mut Self {
        let device: DeviceName = format!("home{number}.pv").parse().unwrap();
        self.watcher.device(&device, connected, self.now);
        self
    }

    /// Time passes second by second; what is due is sent.
    fn pass(&mut self, span: &str) -> &mut Self {
        self.pass_while(span, true)
    }

    fn pass_while(&mut self, span: &str, reachable: bool) -> &mut Self {
        let seconds = span.parse::<Span>().unwrap().as_micros() / 1_000_000;
        for _ in 0..seconds {
            self.now = self.now.after(Span::from_seconds(1));
            self.watcher.handle_timeout(self.now);
            for change in self.watcher.take_changes() {
                let rule: Arc<Rule> = self.watcher.rule_of(&change.alarm).unwrap().clone();
                self.herald.tell(&change, &rule, self.now);
            }
            for bundle in self.herald.due(self.now) {
                let (operator, notifier) = (bundle.operator.clone(), bundle.notifier.clone());
                self.sent.push((self.now.wall, bundle));
                if reachable {
                    self.herald.sent(&operator, &notifier, self.now);
                } else {
                    self.herald.failed(&operator, &notifier, false, self.now);
                }
            }
        }
        self
    }

    #[track_caller]
    fn expect(&mut self, expected: &[(Telling, usize)]) -> Vec<(Timestamp, Bundle)> {
        let sent = std::mem::take(&mut self.sent);
        let told: Vec<_> =
            sent.iter().map(|(_, bundle)| (bundle.notes[0].what, bundle.notes.len() + bundle.more as usize)).collect();
        assert_eq!(told, expected, "{sent:#?}");
        sent
    }
}

#[test]
fn a_storm_is_one_mail() {
    let mut street = Street::told_by("2026-06-21T12:00:00Z", json!({}));
    for number in 0..500 {
        street.device(number, false);
    }
    let (_, bundle) = street.pass("2m").expect(&[(Telling::Raised, 500)]).remove(0);
    assert_eq!((bundle.notes.len(), bundle.more), (100, 400));
    for number in 0..500 {
        street.device(number, true);
    }
    street.pass("10m").expect(&[(Telling::Cleared, 500)]);
}

#[test]
fn what_cleared_before_it_was_told_is_told_once() {
    let mut street = Street::told_by("2026-06-21T12:00:00Z", json!({}));
    street.device(1, false).pass("62s").device(1, true);
    let (_, bundle) = street.pass("10m").expect(&[(Telling::Raised, 1)]).remove(0);
    assert!(bundle.notes[0].alarm.cleared.is_some());
}

#[test]
fn quiet_hours_hold_back_the_mail_and_not_the_alarm() {
    let quiet = json!({"quiet": {"from": "22:00", "to": "07:00", "zone": "Europe/Berlin"}});
    let mut street = Street::told_by("2026-01-10T22:30:00+01:00", quiet.clone());
    street.device(1, false).pass("2h").expect(&[]);
    assert_eq!(street.watcher.alarms().count(), 1);
    let (at, _) = street.pass("7h").expect(&[(Telling::Raised, 1)]).remove(0);
    assert_eq!(at.to_string(), "2026-01-11T06:00:10Z");
    // The night in which the clocks are set forward ends an hour earlier.
    let mut street = Street::told_by("2026-03-28T22:30:00+01:00", quiet);
    let (at, _) = street.device(1, false).pass("9h").expect(&[(Telling::Raised, 1)]).remove(0);
    assert_eq!(at.to_string(), "2026-03-29T05:00:10Z");
    // What is bad enough wakes people.
    let through = json!({"severity": "critical",
        "quiet": {"from": "22:00", "to": "07:00", "zone": "Europe/Berlin", "lets_through": "critical"}});
    let mut street = Street::told_by("2026-01-10T22:30:00+01:00", through);
    street.device(1, false).pass("2m").expect(&[(Telling::Raised, 1)]);
}

#[test]
fn reminders_come_until_somebody_has_taken_note() {
    let mut street = Street::told_by("2026-06-21T12:00:00Z", json!({"remind": "1h"}));
    street.device(1, false).pass("3h");
    street.expect(&[(Telling::Raised, 1), (Telling::Reminder, 1), (Telling::Reminder, 1)]);
    let id = street.watcher.alarms().next().unwrap().id.clone();
    let by = Acknowledgement { by: "ada".into(), at: street.now.wall, note: None };
    street.watcher.acknowledge(&id, &by).unwrap();
    street.pass("3h").expect(&[]);
}

#[test]
fn who_cannot_be_reached_is_tried_less_and_less_often_and_given_up() {
    let mut street = Street::told_by("2026-06-21T12:00:00Z", json!({}));
    street.device(1, false).pass_while("6h", false);
    let tries = std::mem::take(&mut street.sent);
    let after: Vec<i64> = tries.windows(2).map(|pair| pair[1].0.since(pair[0].0).as_micros() / 1_000_000).collect();
    assert_eq!(after, [10, 40, 160, 640, 1800, 1800, 1800]);
    assert!(tries.iter().all(|(_, bundle)| bundle.number == tries[0].1.number), "one message, tried again");
    assert_eq!(street.herald.waiting(&name("local"), &name("mail")), 0);
    // One that never will be taken is given up at once.
    let mut street = Street::told_by("2026-06-21T12:00:00Z", json!({}));
    street.device(1, false);
    street.now = street.now.after(Span::from_seconds(70));
    street.watcher.handle_timeout(street.now);
    let change = street.watcher.take_changes().remove(0);
    let rule = street.watcher.rule_of(&change.alarm).unwrap().clone();
    street.herald.tell(&change, &rule, street.now);
    assert_eq!(street.herald.due(street.now), []);
    let later = street.now.after(Span::from_seconds(11));
    street.herald.due(street.now);
    assert_eq!(street.herald.due(later).len(), 1);
    assert_eq!(street.herald.owed(&change.alarm.id), [name("mail")]);
    let told = street.herald.failed(&name("local"), &name("mail"), true, later);
    assert_eq!(told, Some(vec![change.alarm.id.clone()]));
    assert_eq!(street.herald.owed(&change.alarm.id), [] as [Name; 0]);
}

#[test]
fn what_comes_and_goes_all_day_is_a_handful_of_mails() {
    let mut street = Street::told_by("2026-06-21T12:00:00Z", json!({}));
    for _ in 0..120 {
        street.device(1, false).pass("2m").device(1, true).pass("1m");
    }
    assert!(street.sent.len() <= 16, "{} mails in six hours", street.sent.len());
    assert!(street.sent.len() >= 6, "{} mails in six hours", street.sent.len());
}

#[test]
fn a_notifier_that_is_switched_off_is_told_nothing() {
    let mut street = Street::told_by("2026-06-21T12:00:00Z", json!({}));
    let pace = Pace { gather: Span::default(), between: Span::default(), urgent: Span::default() };
    street.herald.set_notifier(&name("local"), &name("mail"), pace, false);
    street.device(1, false).pass("10m").expect(&[]);
}
